//! What a producer suffered, as data.

use std::collections::BTreeMap;

use super::reason::{Reason, Why};
use crate::lab::check::When;
use crate::note::{RecordId, SendError, TransactionCall, WaitsFor};
use crate::sim::process::ProcessId;
use crate::sim::{MILLISECOND, Time};
use crate::wire::TopicPartition;

/// A `send()` that blocked for less, all its calls together, slowed nobody down.
pub(super) const BLOCKED_US: Time = 100 * MILLISECOND;

/// Times in which somebody waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spells {
    /// How many.
    pub count: u64,
    /// All together.
    pub total_us: Time,
    /// The longest.
    pub longest_us: Time,
}

impl Spells {
    pub(super) fn add(&mut self, us: Time) {
        self.join(Self { count: 1, total_us: us, longest_us: us });
    }

    fn join(&mut self, other: Self) {
        self.count += other.count;
        self.total_us += other.total_us;
        self.longest_us = self.longest_us.max(other.longest_us);
    }
}

/// A call of a transaction that did not return for long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InCall {
    /// Which.
    pub call: TransactionCall,
    /// For how long.
    pub us: Time,
    /// How often it threw TimeoutException, since `max.block.ms` was over, and was made again.
    pub timeouts: u64,
    /// What was wrong meanwhile, in the order in which it was seen.
    pub why: Vec<Why>,
}

/// What one producer suffered in a partition, or in `send()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The producer's process.
    pub producer: ProcessId,
    /// Where; nowhere for what happened in `send()`.
    pub partitions: Vec<TopicPartition>,
    /// When it began.
    pub from: When,
    /// When it was over, or what was seen of it last.
    pub to: When,
    /// Whether it is over.
    pub is_over: bool,
    /// When nothing was acknowledged for a second and longer.
    pub stalls: Spells,
    /// How many records waited at the end of one of them, at most.
    pub waited: u64,
    /// What was wrong meanwhile, in the order in which it was seen.
    pub reasons: Vec<Reason>,
    /// Batches that were sent again, by what became of them before.
    pub retries: BTreeMap<SendError, u64>,
    /// Records that failed and are in no log.
    pub refused: BTreeMap<SendError, u64>,
    /// Records that failed and may be stored.
    pub unknown: BTreeMap<SendError, u64>,
    /// The first record that failed.
    pub first_failed: Option<RecordId>,
    /// When `send()` blocked.
    pub blocks: Spells,
    /// For what.
    pub waits_for: Vec<WaitsFor>,
    /// The partitions whose records used up `buffer.memory`.
    pub behind: Vec<TopicPartition>,
    /// The call of a transaction that it waited in.
    pub in_call: Option<InCall>,
    /// The producer's epochs after its first bump and after its last.
    pub epochs: Option<(i16, i16)>,
}

impl Trouble {
    pub(super) fn new(producer: ProcessId, partition: Option<TopicPartition>, from: When) -> Self {
        Self {
            producer,
            partitions: partition.into_iter().collect(),
            from,
            to: from,
            is_over: false,
            stalls: Spells::default(),
            waited: 0,
            reasons: Vec::new(),
            retries: BTreeMap::new(),
            refused: BTreeMap::new(),
            unknown: BTreeMap::new(),
            first_failed: None,
            blocks: Spells::default(),
            waits_for: Vec::new(),
            behind: Vec::new(),
            in_call: None,
            epochs: None,
        }
    }

    /// Whether it is worth a line.
    pub(super) fn is_told(&self) -> bool {
        let failed = !(self.refused.is_empty() && self.unknown.is_empty());
        let blocked = self.blocks.total_us >= BLOCKED_US;
        failed
            || blocked
            || self.in_call.is_some()
            || self.stalls.count > 0
            || !self.retries.is_empty()
            || self.epochs.is_some()
    }

    /// Whether the two are one to whoever tells of them: the same producer at the same time, for the same reasons.
    #[must_use]
    pub fn is_one_with(&self, other: &Self) -> bool {
        let is_send = self.partitions.is_empty() || other.partitions.is_empty();
        let overlap = self.from.time <= other.to.time && other.from.time <= self.to.time;
        let has = |of: &Self, reason: &Reason| of.reasons.iter().any(|it| it.whoever() == reason.whoever());
        let alike = |one: &Self, other: &Self| one.reasons.iter().all(|reason| has(other, reason));
        let are_alike = (self.producer, self.is_over) == (other.producer, other.is_over)
            && (self.stalls.count > 0) == (other.stalls.count > 0);
        !is_send && overlap && are_alike && alike(self, other) && alike(other, self)
    }

    /// Both in one.
    pub fn join(&mut self, other: &Self) {
        self.partitions.extend(&other.partitions);
        self.add_reasons(&other.reasons);
        let earlier = other.from.event < self.from.event;
        self.from = if earlier { other.from } else { self.from };
        self.to = if other.to.event > self.to.event { other.to } else { self.to };
        // They waited at the same time.
        self.stalls = Spells {
            count: self.stalls.count.max(other.stalls.count),
            total_us: self.stalls.total_us.max(other.stalls.total_us),
            longest_us: self.stalls.longest_us.max(other.stalls.longest_us),
        };
        self.waited += other.waited;
        let sums = [
            (&mut self.retries, &other.retries),
            (&mut self.refused, &other.refused),
            (&mut self.unknown, &other.unknown),
        ];
        for (sum, others) in sums {
            others.iter().for_each(|(error, count)| *sum.entry(*error).or_default() += count);
        }
        let first =
            if earlier { (other.first_failed, self.first_failed) } else { (self.first_failed, other.first_failed) };
        self.first_failed = first.0.or(first.1);
        self.epochs = match (self.epochs, other.epochs) {
            (Some((first, last)), Some((other_first, other_last))) => {
                Some((first.min(other_first), last.max(other_last)))
            }
            (one, other) => one.or(other),
        };
    }

    pub(super) fn add_reasons(&mut self, reasons: &[Reason]) {
        add_new(&mut self.reasons, reasons);
    }

    pub(super) fn failed(&mut self, record: RecordId, error: SendError, may_be_stored: bool) {
        let errors = if may_be_stored { &mut self.unknown } else { &mut self.refused };
        *errors.entry(error).or_default() += 1;
        self.first_failed.get_or_insert(record);
    }
}

pub(super) fn add_new<T: PartialEq + Clone>(known: &mut Vec<T>, more: &[T]) {
    for it in more {
        if !known.contains(it) {
            known.push(it.clone());
        }
    }
}
