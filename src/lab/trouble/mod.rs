//! What producers suffer, gathered: stalls with their reasons, retries, refusals, blocked `send()`s, bumps of the epoch.
//!
//! A producer is told of each record and each retry, and none of them is a turning point. What follows from one cause is one
//! trouble of a producer with a partition, or with `send()`, from its begin to its end: however many records there are, there
//! are as many troubles. It is not over before records were acknowledged again, and for a while nothing else went wrong.

mod reason;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use litemap::LiteMap;

pub use reason::{Ill, Reason};

use super::check::{OUTAGE_US, When};
use super::names::Names;
use super::observer::Observer;
use crate::note::{Note, RecordId, SendError, SendOutcome, WaitsFor};
use crate::sim::process::ProcessId;
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::TopicPartition;

/// For so long nothing must go wrong before a trouble is over: what comes sooner has the same cause.
const QUIET_US: Time = 5 * SECOND;
/// How often it is looked why somebody waits.
const LOOK_US: Time = 100 * MILLISECOND;
/// Somebody who waits for so long has a reason to.
const WAIT_US: Time = 200 * MILLISECOND;
/// A `send()` that blocked for less, all its calls together, slowed nobody down.
const BLOCKED_US: Time = 100 * MILLISECOND;

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
    fn add(&mut self, us: Time) {
        self.join(Self { count: 1, total_us: us, longest_us: us });
    }

    fn join(&mut self, other: Self) {
        self.count += other.count;
        self.total_us += other.total_us;
        self.longest_us = self.longest_us.max(other.longest_us);
    }
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
    /// The producer's epochs after its first bump and after its last.
    pub epochs: Option<(i16, i16)>,
}

impl Trouble {
    fn new(producer: ProcessId, partition: Option<TopicPartition>, from: When) -> Self {
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
            epochs: None,
        }
    }

    /// Whether it is worth a line.
    fn is_told(&self) -> bool {
        let failed = !(self.refused.is_empty() && self.unknown.is_empty());
        let blocked = self.blocks.total_us >= BLOCKED_US;
        failed || blocked || self.stalls.count > 0 || !self.retries.is_empty() || self.epochs.is_some()
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

    /// In words.
    #[must_use]
    pub fn text(&self, names: &Names) -> String {
        words::text(self, names)
    }

    fn add_reasons(&mut self, reasons: &[Reason]) {
        add_new(&mut self.reasons, reasons);
    }

    fn failed(&mut self, record: RecordId, error: SendError, may_be_stored: bool) {
        let errors = if may_be_stored { &mut self.unknown } else { &mut self.refused };
        *errors.entry(error).or_default() += 1;
        self.first_failed.get_or_insert(record);
    }
}

fn add_new<T: PartialEq + Clone>(known: &mut Vec<T>, more: &[T]) {
    for it in more {
        if !known.contains(it) {
            known.push(it.clone());
        }
    }
}

/// Where a producer waits: in the partition of this number of its topic, whichever topic has its name now, or in `send()`.
type Place = (ProcessId, Option<i32>);

/// A producer's wait at a place.
#[derive(Clone, Debug, Default)]
struct Wait {
    /// The partition, where it is one.
    partition: Option<TopicPartition>,
    /// Records that wait for an answer.
    waiting: u64,
    /// Records that failed since one was acknowledged.
    failed: u64,
    /// When one was acknowledged last, or when it began to wait where none was since.
    since: Option<When>,
    /// What is wrong since then.
    reasons: Vec<Reason>,
    /// Since when `send()` blocks, and for what.
    blocked: Option<(When, WaitsFor)>,
    /// Something went wrong, and nothing was acknowledged behind it.
    is_pending: bool,
    trouble: Option<Trouble>,
}

impl Wait {
    fn begin(&mut self, now: When) {
        // Where the last ones failed, what began then is not over.
        if self.waiting + self.failed == 0 {
            self.since = Some(now);
        }
        self.waiting += 1;
    }

    /// The trouble that it is in, from now on unless it was in one.
    fn trouble(&mut self, producer: ProcessId, now: When) -> &mut Trouble {
        let waits = self.waiting + self.failed > 0;
        let from = self.since.filter(|_| waits).unwrap_or(now);
        self.is_pending = true;
        let partition = self.partition;
        let trouble = self.trouble.get_or_insert_with(|| Trouble::new(producer, partition, from));
        trouble.to = now;
        trouble
    }

    /// How long nothing was acknowledged, where that is an outage.
    fn stall(&self, now: When) -> Option<Time> {
        let since = self.since.filter(|_| self.waiting + self.failed > 0)?;
        Some(now.time - since.time).filter(|us| *us >= OUTAGE_US)
    }

    /// Something was acknowledged.
    fn acknowledged(&mut self, producer: ProcessId, now: When) {
        self.end_stall(producer, now);
        if self.is_pending
            && let Some(trouble) = &mut self.trouble
        {
            trouble.add_reasons(&self.reasons);
            trouble.to = now;
        }
        self.reasons.clear();
        self.is_pending = false;
        self.failed = 0;
        self.since = Some(now);
        self.waiting = self.waiting.saturating_sub(1);
    }

    fn end_stall(&mut self, producer: ProcessId, now: When) {
        let Some(us) = self.stall(now) else { return };
        // Those that failed meanwhile waited, too.
        let waiting = self.waiting + self.failed;
        let trouble = self.trouble(producer, now);
        trouble.stalls.add(us);
        trouble.waited = trouble.waited.max(waiting);
    }

    fn end_block(&mut self, record: RecordId, now: When) {
        let Some((since, waits_for)) = self.blocked.take() else { return };
        let us = now.time - since.time;
        // A producer's first call always waits for metadata.
        if record.number > 0 || us >= OUTAGE_US || waits_for == WaitsFor::Memory {
            let trouble = self.trouble.get_or_insert_with(|| Trouble::new(record.producer, None, since));
            trouble.to = now;
            trouble.blocks.add(us);
            add_new(&mut trouble.waits_for, &[waits_for]);
        }
    }

    fn is_over(&self, now: When) -> bool {
        let quiet = self.trouble.as_ref().is_some_and(|trouble| now.time - trouble.to.time >= QUIET_US);
        quiet && !self.is_pending && self.failed == 0 && self.blocked.is_none() && self.stall(now).is_none()
    }

    /// The trouble as it is now.
    fn seen(&self, producer: ProcessId, now: When) -> Option<Trouble> {
        let mut wait = self.clone();
        let is_over = !wait.is_pending && wait.stall(now).is_none() && wait.blocked.is_none();
        // What failed at last is over, and nobody waits any more.
        let is_at_end = wait.waiting == 0 && wait.blocked.is_none();
        if let Some((since, waits_for)) = wait.blocked.filter(|(since, _)| now.time - since.time >= BLOCKED_US) {
            let trouble = wait.trouble.get_or_insert_with(|| Trouble::new(producer, None, since));
            trouble.blocks.add(now.time - since.time);
            add_new(&mut trouble.waits_for, &[waits_for]);
        }
        let last = wait.trouble.as_ref().map(|trouble| trouble.to).filter(|_| is_at_end);
        wait.end_stall(producer, last.unwrap_or(now));
        let reasons = if wait.is_pending { wait.reasons } else { Vec::new() };
        let mut trouble = wait.trouble?;
        trouble.add_reasons(&reasons);
        trouble.is_over = is_over || is_at_end;
        Some(trouble).filter(Trouble::is_told)
    }
}

/// The watcher of what producers suffer.
#[derive(Clone, Debug, Default)]
pub struct Troubles {
    waits: LiteMap<Place, Arc<Wait>>,
    next_look: Time,
}

impl Troubles {
    /// Takes in what a process told. What producers do not tell is nothing to it.
    pub fn observe(&mut self, note: &Note, now: When) {
        if let Note::SendBlocks { record, waits_for } = note {
            self.in_send(record.producer).blocked = Some((now, *waits_for));
        } else if let Note::Sent { record, partition, .. } = note {
            if let Some(in_send) = self.waits.get_mut(&(record.producer, None)) {
                let in_send = Arc::make_mut(in_send);
                in_send.end_block(*record, now);
                (in_send.failed, in_send.is_pending) = (0, false);
            }
            self.at(record.producer, *partition).begin(now);
        } else if let Note::NotSent { record, error } = note {
            let in_send = self.in_send(record.producer);
            in_send.end_block(*record, now);
            in_send.failed += 1;
            in_send.since = None;
            in_send.trouble(record.producer, now).failed(*record, *error, false);
        } else if let Note::BatchRetried { producer, partition, error, .. } = note {
            let trouble = self.at(*producer, *partition).trouble(*producer, now);
            *trouble.retries.entry(*error).or_default() += 1;
        } else if let Note::EpochBumped { producer, partition, epoch, .. } = note {
            let trouble = self.at(*producer, *partition).trouble(*producer, now);
            let (first, _) = trouble.epochs.unwrap_or((*epoch, *epoch));
            trouble.epochs = Some((first, *epoch));
        } else if let Note::SendDone { record, partition, outcome } = note {
            let wait = self.at(record.producer, *partition);
            match outcome {
                SendOutcome::Acknowledged { .. } | SendOutcome::Unanswered => wait.acknowledged(record.producer, now),
                SendOutcome::Refused(error) | SendOutcome::Unknown(error) => {
                    let may_be_stored = matches!(outcome, SendOutcome::Unknown(_));
                    wait.trouble(record.producer, now).failed(*record, *error, may_be_stored);
                    wait.waiting = wait.waiting.saturating_sub(1);
                    wait.failed += 1;
                }
            }
        }
    }

    /// A process is at its end, and waits for nothing any more.
    pub fn ended(&mut self, process: ProcessId, now: When) {
        for ((producer, _), wait) in &mut self.waits {
            if *producer == process {
                let wait = Arc::make_mut(wait);
                wait.end_stall(process, now);
                let (partition, mut trouble) = (wait.partition, wait.trouble.take());
                if let Some(trouble) = &mut trouble {
                    trouble.add_reasons(&wait.reasons);
                }
                *wait = Wait { partition, trouble, ..Wait::default() };
            }
        }
    }

    /// Looks why somebody waits, and gives what is over by now.
    pub fn look(&mut self, now: When, observer: &Observer<'_>) -> Vec<Trouble> {
        if now.time < self.next_look {
            return Vec::new();
        }
        self.next_look = now.time + LOOK_US;
        self.see_reasons(now, observer);
        self.see_behind(now);
        let over = |((producer, _), wait): (&Place, &mut Arc<Wait>)| {
            if !wait.is_over(now) {
                return None;
            }
            let trouble = wait.seen(*producer, now);
            Arc::make_mut(wait).trouble = None;
            trouble
        };
        self.waits.iter_mut().filter_map(over).collect()
    }

    /// What is known by now of troubles that have not been given yet.
    #[must_use]
    pub fn open(&self, now: When) -> Vec<Trouble> {
        self.waits.iter().filter_map(|((producer, _), wait)| wait.seen(*producer, now)).collect()
    }

    fn see_reasons(&mut self, now: When, observer: &Observer<'_>) {
        for ((producer, _), wait) in &mut self.waits {
            let waits = wait.waiting > 0 && wait.since.is_some_and(|since| now.time - since.time >= WAIT_US);
            // In `send()` there is no partition to look at.
            let Some(partition) = wait.partition.filter(|_| waits) else { continue };
            let reasons = reason::reasons(*producer, partition, observer);
            if reasons.iter().any(|reason| !wait.reasons.contains(reason)) {
                add_new(&mut Arc::make_mut(wait).reasons, &reasons);
            }
        }
    }

    /// Whose records use up the memory for which a `send()` has blocked for long.
    fn see_behind(&mut self, now: When) {
        let blocks = |((producer, _), wait): (&Place, &Arc<Wait>)| {
            let (since, _) = wait.blocked.filter(|(_, waits_for)| *waits_for == WaitsFor::Memory)?;
            (now.time - since.time >= BLOCKED_US).then_some((*producer, since))
        };
        let blocked: Vec<_> = self.waits.iter().filter_map(blocks).collect();
        for (producer, since) in blocked {
            let late = |((of, _), wait): (&Place, &Arc<Wait>)| {
                let late = wait.waiting > 0 && wait.since.is_some_and(|since| now.time - since.time >= WAIT_US);
                wait.partition.filter(|_| late && *of == producer)
            };
            let behind: Vec<TopicPartition> = self.waits.iter().filter_map(late).collect();
            let wait = self.in_send(producer);
            let trouble = wait.trouble.get_or_insert_with(|| Trouble::new(producer, None, since));
            add_new(&mut trouble.behind, &behind);
        }
    }

    fn in_send(&mut self, producer: ProcessId) -> &mut Wait {
        Arc::make_mut(self.waits.entry((producer, None)).or_insert_with(Arc::default))
    }

    fn at(&mut self, producer: ProcessId, partition: TopicPartition) -> &mut Wait {
        let wait = self.waits.entry((producer, Some(partition.partition))).or_insert_with(Arc::default);
        let wait = Arc::make_mut(wait);
        wait.partition = Some(partition);
        wait
    }
}
