//! What clients sent, were told and read, held against a log that keeps its promise.
//!
//! The anomalies are those of `jepsen.tests.kafka`, `transactions` has what only those of transactions need. A send has failed only where every attempt
//! got a definite refusal; timeouts and broken connections leave it unknown, and nothing is promised of it. A consumer
//! that has not caught up is no anomaly. What a producer sent and had not been told of when its process ended is unknown for
//! good; to brokers its next life is another producer, and a consumer begins anew.

mod floors;
mod groups;
mod lost;
mod order_book;
mod orders;
mod origin;
mod owed;
mod pipelines;
mod progress;
mod reached;
pub(super) mod reader;
mod reading;
mod resurrected;
mod spans;
mod tables;
mod transaction;
mod transactions;

use std::collections::BTreeSet;
use std::ops::Range;
use std::ops::RangeInclusive;
use std::sync::Arc;

use litemap::LiteMap;

use self::floors::Floors;
use self::order_book::Orders;
use self::origin::Origin;
pub use self::progress::GroupWork;
use self::progress::Progress;
use self::reached::Groups;
use self::reader::{Gap, Position, Rewind};
use self::tables::Tables;
use self::transaction::Transaction;
use super::{Evidence, Findings, Invariants, Stored, When, is_registered, led_by};
use crate::lab::scenario::FindingKind;
use crate::note::{Moved, Note, RecordId, SendOutcome};
use crate::sim::chunks::Chunks;
use crate::wire::{PartitionMap, TopicPartition};

/// No offset is known.
const NOWHERE: i64 = -1;

/// No record is known to be at this offset.
const NOBODY: RecordId = RecordId { producer: u32::MAX, number: 0 };

/// Ends of logs that are remembered of a partition.
const ENDS_KEPT: usize = 64;

/// What is known of a record that was sent.
#[derive(Clone, Debug)]
struct Sent {
    partition: TopicPartition,
    key: Option<u64>,
    is_tombstone: bool,
    /// Where it was acknowledged or first read.
    offset: i64,
    acknowledged: bool,
    /// It was sent with acks=0.
    unanswered: bool,
    /// Every attempt to send it got a definite refusal.
    refused: bool,
    /// It was reported as lost or unseen.
    missed: bool,
    lost: bool,
    /// It was reported as a duplicate.
    doubled: bool,
}

/// What is known of a partition.
#[derive(Clone, Debug, Default)]
struct Partition {
    /// The acknowledged record at each offset.
    acknowledged: Chunks<RecordId>,
    /// One past the highest offset that a producer was ever told.
    told_end: i64,
    /// One past the highest offset whose record is known by reading.
    frontier: i64,
    /// The number of the last record of each life of a producer below the frontier.
    last: LiteMap<(u32, u32), u64>,
    /// Who began to lead last, in which epoch and in which life of its process.
    leader: Option<(i32, i32, u32)>,
    /// Acknowledged records that the leader does not have and another replica still has, with their offsets: they are lost when
    /// that one cuts them off.
    doomed: Vec<(RecordId, i64)>,
    /// Offsets at which acknowledged records were that are lost.
    lost_at: Vec<i64>,
    /// Under which leader the last records were lost, and when the first of these was.
    lost_since: Option<((i32, i32, u32), When)>,
    /// When the leader began to lead.
    leads_since: Option<When>,
    /// Offsets of a broker's replica whose batch rotted, and when.
    rotted: Vec<(i32, RangeInclusive<i64>, When)>,
    /// Where logs ended after something was cut off them, or somebody led with less: by which broker, and when.
    ends: Vec<(i32, i64, When)>,
    /// One past the highest offset that a leader ever wrote.
    appended_end: i64,
    /// Offsets, from and to, at which former leaders wrote what a later one may lack.
    astray: Option<(i64, i64)>,
    /// Records that were sent again though an earlier attempt may have stored them: a second copy of them is looked for
    /// as soon as it is committed, whether somebody reads or not.
    sent_again: BTreeSet<RecordId>,
    /// Up to here copies have been looked for.
    copies_sought_to: i64,
}

impl Partition {
    /// Something is lost now. All that is lost because this one leads has one cause, and one date: some of it with its election,
    /// and what another replica still has with the truncations that follow.
    fn loss(&mut self, now: When) -> When {
        // Nobody leads: what is lost has a cause of its own.
        let Some(leader) = self.leader else { return now };
        match self.lost_since.filter(|(under, _)| *under == leader) {
            Some((_, when)) => when,
            None => {
                self.lost_since = Some((leader, now));
                now
            }
        }
    }

    /// A former leader wrote at these offsets.
    fn went_astray(&mut self, from: i64, to: i64) {
        let (known_from, known_to) = self.astray.unwrap_or((from, to));
        self.astray = Some((known_from.min(from), known_to.max(to)));
    }
}

/// What a reader of a log is given.
#[derive(Debug, Default)]
struct Log {
    records: BTreeSet<RecordId>,
    /// First and last offsets of batches that nobody can read.
    corrupt: Vec<(i64, i64)>,
}

impl Log {
    /// What a broker's replica holds at these offsets.
    fn of(broker: i32, partition: TopicPartition, offsets: Range<i64>, evidence: &dyn Evidence) -> Self {
        let mut log = Self::default();
        evidence.records(broker, partition, offsets.start, offsets.end, &mut |met| {
            log.take(met);
        });
        log
    }

    /// Notes what a reader meets, and says where which record is.
    fn take(&mut self, met: Stored<(i64, Option<RecordId>)>) -> Option<(i64, RecordId)> {
        match met {
            Stored::Record((offset, record)) => {
                let record = record?;
                self.records.insert(record);
                Some((offset, record))
            }
            Stored::Corrupt { base, last } => {
                self.corrupt.push((base, last));
                None
            }
        }
    }

    fn is_corrupt_at(&self, offset: i64) -> bool {
        self.corrupt.iter().any(|(base, last)| (*base..=*last).contains(&offset))
    }
}

/// The checker of client histories.
#[derive(Clone, Debug, Default)]
pub struct History {
    sent: LiteMap<u32, Chunks<Sent>>,
    /// Of each producer that has ended the number of the first record behind each of its lives. It numbers on, so that a
    /// number tells in which life the record was sent.
    lives: LiteMap<u32, Vec<u64>>,
    partitions: PartitionMap<Arc<Partition>>,
    /// Where each consumer is.
    pub(super) positions: LiteMap<u32, Arc<PartitionMap<Position>>>,
    gaps: Vec<Gap>,
    /// Of each producer with acks=0 the records that were nowhere at the end.
    missing: LiteMap<u32, u64>,
    rewinds: Vec<Rewind>,
    /// The transactions of each producer, in their order.
    transactions: LiteMap<u32, Chunks<Transaction>>,
    /// What groups have done and committed.
    pub(super) groups: Groups,
    /// What groups have committed for those who get their partitions later.
    floors: Floors,
    /// What administrators have ordered of groups, and may be done.
    orders: Orders,
    /// How groups get on.
    progress: Progress,
    /// Of what each program has made its records, by their numbers.
    origins: LiteMap<u32, Chunks<Origin>>,
    /// How many records each program had made when its last life ended.
    made_before: LiteMap<u32, u64>,
    /// Readers that were given a record of a transaction that its producer left open: nobody has told of it yet.
    given_in_vain: Vec<(u32, TopicPartition, i64)>,
    /// What readers of compacted topics keep by key.
    tables: Tables,
}

impl History {
    /// Takes in what a process told.
    pub fn observe(&mut self, note: &Note, evidence: &dyn Evidence, findings: &mut Findings) {
        self.find_given_in_vain(evidence, findings);
        match *note {
            Note::Sent { record, partition, key, is_tombstone } => self.sent(record, partition, key, is_tombstone),
            Note::SendDone { record, partition, outcome: SendOutcome::Acknowledged { offset } } => {
                self.acknowledged(record, partition, offset, evidence, findings);
            }
            Note::SentAgain { record, partition, .. } => self.sent_again(record, partition),
            Note::HighWatermark { broker, partition, offset } => {
                self.look_for_copies(broker, partition, offset, evidence, findings);
            }
            // Nothing is promised of these.
            Note::SendDone { record, partition, outcome: SendOutcome::Unanswered } => {
                if let Some(sent) = self.sent_mut(record) {
                    (sent.unanswered, sent.partition) = (true, partition);
                }
                self.missing.entry(record.producer).or_insert(0);
                self.partitions.of(partition).sent_again.remove(&record);
            }
            Note::SendDone {
                record,
                partition,
                outcome: outcome @ (SendOutcome::Refused(_) | SendOutcome::Unknown(_)),
            } => {
                self.partitions.of(partition).sent_again.remove(&record);
                if let Some(sent) = self.sent_mut(record) {
                    sent.refused = matches!(outcome, SendOutcome::Refused(_));
                }
                self.was_read_before(record, partition, evidence, findings);
            }
            Note::Ordered { admin, ref order, outcome } => {
                self.ordered(admin, order, outcome, evidence, findings.time());
            }
            Note::Derived { record, from, offset, copy } => self.derived(record, Origin { from, offset, copy }),
            // It is in no batch: nothing of it is stored.
            Note::SendBlocks { .. } | Note::NotSent { .. } => {}
            Note::Read { consumer, partition, offset, record } => {
                self.groups.given(consumer, partition, offset, evidence);
                self.progress.given(consumer, partition, offset, evidence);
                self.read(consumer, partition, offset, record, evidence, findings);
            }
            Note::Transaction { producer, first, step } => self.transaction(producer, first, step, evidence, findings),
            Note::Assigned { consumer, generation, ref partitions } => {
                self.floors.assigned(consumer, partitions, evidence, findings.time());
                self.lower_floors(consumer, partitions, evidence);
                self.progress.assigned(consumer, generation, evidence);
                self.groups.changed(consumer, evidence, findings.time());
            }
            Note::Revoked { consumer, ref partitions, .. } => {
                self.floors.given_up(consumer, partitions);
                self.gives_up(consumer, partitions);
                self.groups.changed(consumer, evidence, findings.time());
            }
            Note::WorkedOn { consumer, partition, from, to } => {
                let done = self.groups.of(consumer, partition, evidence);
                self.progress.worked_on(consumer, partition, &(from..to), done, evidence);
                self.groups.worked_on(consumer, partition, from..to, evidence, findings.time());
            }
            Note::Committed { consumer, partition, offset } => {
                self.floors.committed(consumer, partition, offset, evidence, findings.time());
                let has_it = self.floors.has(consumer, partition, evidence);
                self.groups.committed(consumer, partition, (offset, has_it), evidence, findings.now());
            }
            Note::MemberFailed { consumer, .. } => self.groups.failed(consumer),
            Note::Positioned { consumer, partition, offset, moved } => {
                // An offset of a former topic is no reason to go past what the new one has.
                let is_astray = matches!(moved, Moved::Truncated { in_former: true, .. } | Moved::Kept);
                self.rewinds.retain(|it| (it.consumer, it.partition) != (consumer, partition));
                if matches!(moved, Moved::Committed | Moved::First) {
                    let at = (moved == Moved::Committed).then_some(offset);
                    self.begins_by_order(consumer, partition, at, evidence, findings.time());
                }
                if moved == Moved::Committed {
                    self.find_gone_back(consumer, partition, offset, evidence, findings);
                }
                self.begins_at(consumer, partition, (offset, moved), evidence, findings);
                self.groups.moved(consumer, partition, (offset, moved), evidence);
                self.moves(consumer, partition, (if is_astray { 0 } else { offset }, offset), findings.time());
                self.tables.moved(consumer, partition);
            }
            Note::Truncated { broker, partition, from, to } => {
                self.ends(broker, partition, to, findings.now());
                self.cut_off(partition, to..from, evidence, findings);
            }
            Note::TruncatedFully { broker, partition, log_start_offset, log_end_offset, .. } => {
                self.ends(broker, partition, log_start_offset, findings.now());
                self.cut_off(partition, log_start_offset..log_end_offset, evidence, findings);
            }
            Note::LogRecovered { broker, partition, log_end_offset, .. } => {
                self.ends(broker, partition, log_end_offset, findings.now());
            }
            // It serves nobody yet, see below.
            Note::BecameLeader { broker, .. } if !is_registered(broker, evidence) => {}
            Note::BecameLeader { broker, partition, leader_epoch, log_end_offset, .. } => {
                self.ends(broker, partition, log_end_offset, findings.now());
                let leads = (broker, leader_epoch, evidence.incarnation(broker));
                self.leads(partition, leads, log_end_offset, evidence, findings);
            }
            Note::Registered { broker, .. } => {
                for (partition, leader_epoch, ends) in led_by(broker, evidence) {
                    let leads = (broker, leader_epoch, evidence.incarnation(broker));
                    self.leads(partition, leads, ends.log_end, evidence, findings);
                }
            }
            Note::Appended { partition, base_offset, last_offset, leader_epoch, .. } => {
                self.appended(partition, base_offset, last_offset + 1, leader_epoch);
            }
            // What a cluster does is held against what clients see of it, not against itself: that is for `invariants`.
            Note::BecameFollower { .. }
            | Note::PartitionChanged { .. }
            | Note::Administered { .. }
            | Note::TransactionTimedOut { .. }
            | Note::BatchRetried { .. }
            | Note::EpochBumped { .. }
            | Note::IsrProposed { .. }
            | Note::Fenced { .. }
            | Note::Rolled { .. }
            | Note::SegmentsDeleted { .. }
            | Note::RetentionHeldUp { .. }
            | Note::Halted { .. }
            | Note::StorageWarning { .. }
            | Note::ReplicaFailed { .. }
            | Note::InvalidMessages { .. }
            | Note::OutOfRange { .. }
            | Note::NotCommitted { .. }
            | Note::PollThrew { .. }
            | Note::PollExpired { .. }
            | Note::OffsetsExpired { .. }
            | Note::RegistrationRefused { .. }
            | Note::Poisoned { .. }
            | Note::Cleaned { .. }
            | Note::Uncleanable { .. }
            | Note::TopicCreated { .. }
            | Note::TopicRefused { .. }
            | Note::TopicDeleted { .. }
            | Note::PartitionsCreated { .. }
            | Note::InControlledShutdown { .. }
            | Note::Served { .. } => {}
        }
    }

    /// A process is at its end. Of what a producer sent no more is told, and nothing orders it with what it sends in its next
    /// life: that has another producer id and other connections. A consumer of no group keeps no position.
    pub fn ended(&mut self, process: u32, now: When) {
        if let Some(sent) = self.sent.get(&process) {
            self.lives.entry(process).or_default().push(sent.len() as u64);
        }
        if let Some(made) = self.origins.get(&process) {
            self.made_before.insert(process, made.len() as u64);
        }
        self.abandon_transactions(process);
        self.positions.remove(&process);
        self.rewinds.retain(|rewind| rewind.consumer != process);
        self.tables.ended(process);
        self.groups.ended(process, now);
        self.floors.ended(process);
        self.progress.ended(process);
    }

    /// In which life its producer sent a record, from 0.
    fn life_of(&self, record: RecordId) -> u32 {
        let ends = self.lives.get(&record.producer).map(Vec::as_slice).unwrap_or_default();
        ends.partition_point(|first| *first <= record.number) as u32
    }

    /// Holds what was acknowledged against the logs from which the cluster serves now, at the end of a run.
    pub fn finish(&mut self, invariants: &Invariants, evidence: &dyn Evidence, findings: &mut Findings) {
        self.find_given_in_vain(evidence, findings);
        let partitions: Vec<_> = self.partitions.keys().collect();
        let promised = self.promised();
        for partition in partitions {
            // Nobody serves it at the end: what a later leader would have is not known.
            let Some(broker) = self.serving(partition, evidence) else { continue };
            let Some(ends) = evidence.log_ends(broker, partition) else { continue };
            let mut log = Log::default();
            evidence.records(broker, partition, ends.log_start, ends.log_end, &mut |met| {
                if let Some((offset, record)) = log.take(met).filter(|(offset, _)| *offset < ends.high_watermark) {
                    invariants.holds(broker, partition, (offset, record), evidence, findings);
                    self.found_at(record, partition, offset, evidence, findings);
                }
            });
            let promised = promised.get(&partition).map(Vec::as_slice).unwrap_or_default();
            self.find_lost(partition, promised, (ends.log_start, &log, broker), evidence, findings);
            self.find_never_delivered(partition, &log, ends, evidence, findings);
            // Elsewhere records go that were there.
            if ends.log_start == 0 && !evidence.is_compacted(partition) {
                self.count_missing(partition, &log);
            }
        }
        let last = self.last_gaps(evidence, findings);
        for gap in std::mem::take(&mut self.gaps).into_iter().chain(last) {
            self.find_missed(&gap, evidence, findings);
        }
        self.find_all_resurrected(evidence, findings);
        for pipe in evidence.pipelines() {
            self.find_faults_of(&pipe, evidence, findings);
        }
    }

    /// One past the highest offset of the partition that a producer was told its record is at.
    #[must_use]
    pub fn acknowledged_end(&self, partition: TopicPartition) -> i64 {
        self.partitions.get(&partition).map_or(0, |known| known.told_end)
    }

    /// True where the record was acknowledged and is known to be lost.
    #[must_use]
    pub fn is_lost(&self, record: RecordId) -> bool {
        self.sent_of(record).is_some_and(|sent| sent.lost)
    }

    /// How many records of a producer were sent with acks=0 and were in no log from which the cluster served at the end.
    #[must_use]
    pub fn missing_of(&self, producer: u32) -> u64 {
        self.missing.get(&producer).copied().unwrap_or(0)
    }

    /// The record that was acknowledged at this offset.
    fn acknowledged_at(&self, partition: TopicPartition, offset: i64) -> Option<RecordId> {
        let record = self.partitions.get(&partition)?.acknowledged.get(usize::try_from(offset).ok()?)?;
        (*record != NOBODY).then_some(*record)
    }

    fn sent(&mut self, record: RecordId, partition: TopicPartition, key: Option<u64>, is_tombstone: bool) {
        let sent = Sent {
            partition,
            key,
            is_tombstone,
            offset: NOWHERE,
            acknowledged: false,
            unanswered: false,
            refused: false,
            missed: false,
            lost: false,
            doubled: false,
        };
        let list = self.sent.entry(record.producer).or_default();
        assert!(list.len() as u64 <= record.number, "a record is sent once, in the order of the numbers");
        // Numbers between are of records whose `send()` failed: nothing is promised of them, and nobody reads them.
        while (list.len() as u64) < record.number {
            list.push(Sent { key: None, ..sent.clone() });
        }
        list.push(sent);
        self.partitions.of(partition);
    }

    fn acknowledged(
        &mut self,
        record: RecordId,
        partition: TopicPartition,
        offset: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let Ok(index) = usize::try_from(offset) else {
            // A duplicate: the producer was not told where the first copy is. It is looked for at the end.
            if let Some(sent) = self.sent_mut(record) {
                (sent.acknowledged, sent.partition) = (true, partition);
            }
            return;
        };
        self.stored(record, partition, offset, evidence, findings);
        if let Some(sent) = self.sent_mut(record) {
            // Where its topic was created again under the same name meanwhile, it went there.
            (sent.acknowledged, sent.partition) = (true, partition);
        }
        self.partitions.of(partition).told_end = self.acknowledged_end(partition).max(offset + 1);
        if let Some(leader) = self.who_lacks(record, partition, offset, evidence) {
            if held_elsewhere(record, partition, (leader, offset), evidence) {
                self.partitions.of(partition).doomed.push((record, offset));
            } else {
                self.is_missing(record, partition, (leader, &Log::default()), evidence, findings);
            }
            return;
        }
        let known = self.partitions.of(partition);
        while known.acknowledged.len() <= index {
            known.acknowledged.push(NOBODY);
        }
        if let Some(place) = known.acknowledged.get_mut(index) {
            *place = record;
        }
    }

    /// A leader wrote at these offsets.
    fn appended(&mut self, partition: TopicPartition, from: i64, to: i64, leader_epoch: i32) {
        let known = self.partitions.of(partition);
        known.appended_end = known.appended_end.max(to);
        if known.leader.is_some_and(|(_, epoch, _)| leader_epoch < epoch) {
            known.went_astray(from, to);
        }
    }

    /// The leader that serves, where what was acknowledged just now is not in its log: a former leader wrote it, and what
    /// that had alone is cut when it follows. What a compacted topic owes, and where a record lies that was sent twice, is
    /// known at the end.
    fn who_lacks(
        &self,
        record: RecordId,
        partition: TopicPartition,
        offset: i64,
        evidence: &dyn Evidence,
    ) -> Option<i32> {
        let known = self.partitions.get(&partition)?;
        let is_astray = known.astray.is_some_and(|(from, to)| (from..to).contains(&offset));
        if !is_astray || known.sent_again.contains(&record) || evidence.is_compacted(partition) {
            return None;
        }
        let leader = self.serving(partition, evidence)?;
        let ends = evidence.log_ends(leader, partition)?;
        let log = Log::of(leader, partition, offset..offset + 1, evidence);
        let has_it = log.records.contains(&record) || log.is_corrupt_at(offset);
        (!has_it && offset >= ends.log_start).then_some(leader)
    }

    /// An earlier copy of the record may lie where its producer was told of those it sent shortly before, or above.
    fn sent_again(&mut self, record: RecordId, partition: TopicPartition) {
        const SHORTLY: u64 = 1_000;
        let before = (record.number.saturating_sub(SHORTLY)..record.number).rev();
        let told = before.filter_map(|number| self.sent_of(RecordId { number, ..record }));
        let told = told.filter(|sent| sent.acknowledged && sent.partition == partition && sent.offset >= 0);
        let lowest = told.map(|sent| sent.offset).min().unwrap_or(0);
        let known = self.partitions.of(partition);
        let is_first = known.sent_again.is_empty();
        known.sent_again.insert(record);
        known.copies_sought_to = if is_first { lowest } else { known.copies_sought_to.min(lowest) };
    }

    /// Looks at what is committed now for records that were sent again.
    fn look_for_copies(
        &mut self,
        broker: i32,
        partition: TopicPartition,
        high_watermark: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // Nothing of it was sent again.
        let Some(known) = self.partitions.get(&partition).filter(|known| !known.sent_again.is_empty()) else { return };
        if self.serving(partition, evidence) != Some(broker) {
            return;
        }
        let mut copies = Vec::new();
        evidence.records(broker, partition, known.copies_sought_to, high_watermark, &mut |met| match met {
            Stored::Record((offset, Some(record))) if known.sent_again.contains(&record) => {
                copies.push((record, offset));
            }
            // Others, and what nobody can read.
            Stored::Record(_) | Stored::Corrupt { .. } => {}
        });
        for (record, offset) in copies {
            self.stored(record, partition, offset, evidence, findings);
        }
        let mut sought = std::mem::take(&mut self.partitions.of(partition).sent_again);
        let is_known = |sent: &Sent| sent.doubled || sent.acknowledged && sent.offset != NOWHERE;
        sought.retain(|record| self.sent_of(*record).is_some_and(|sent| !is_known(sent)));
        let known = self.partitions.of(partition);
        known.sent_again = sought;
        known.copies_sought_to = high_watermark;
    }

    /// A record was found in the committed part of the log.
    fn found_at(
        &mut self,
        record: RecordId,
        partition: TopicPartition,
        offset: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let doubled = self.stored(record, partition, offset, evidence, findings);
        // Mostly another reader has been here: nothing is written then.
        if self.partitions.get(&partition).is_some_and(|known| offset < known.frontier) {
            return;
        }
        let life = (record.producer, self.life_of(record));
        let known = self.partitions.of(partition);
        known.frontier = offset + 1;
        let last = known.last.entry(life).or_insert(record.number);
        let before = *last;
        *last = before.max(record.number);
        if record.number < before && !doubled {
            let earlier = RecordId { producer: record.producer, number: before };
            let about = format!(
                "{} at offset {offset} of {} comes after {}, which was sent later",
                evidence.record_name(record),
                evidence.partition_name(partition),
                evidence.record_name(earlier),
            );
            findings.add(FindingKind::Reordered, partition, about);
        }
    }

    /// Notes where a record lies; true where it is known to lie elsewhere too.
    fn stored(
        &mut self,
        record: RecordId,
        partition: TopicPartition,
        offset: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) -> bool {
        // Mostly another reader finds what is known: nothing is written then.
        if self.sent_of(record).is_none_or(|sent| sent.offset == offset) {
            return false;
        }
        // It is there: it was just looked at.
        let Some(sent) = self.sent_mut(record) else { return false };
        if sent.offset == NOWHERE {
            sent.offset = offset;
        }
        if sent.offset == offset {
            return false;
        }
        if !sent.doubled {
            sent.doubled = true;
            let about = format!(
                "{} is at offsets {} and {offset} of {}",
                evidence.record_name(record),
                sent.offset,
                evidence.partition_name(partition),
            );
            findings.add(FindingKind::Duplicate, partition, about);
        }
        true
    }

    /// A log ends here now.
    fn ends(&mut self, broker: i32, partition: TopicPartition, end: i64, now: When) {
        let ends = &mut self.partitions.of(partition).ends;
        if ends.len() == ENDS_KEPT {
            ends.remove(0);
        }
        ends.push((broker, end, now));
    }

    /// A batch of a broker's replica cannot be read any more.
    pub fn rotted(&mut self, broker: i32, partition: TopicPartition, offsets: RangeInclusive<i64>, now: When) {
        self.partitions.of(partition).rotted.push((broker, offsets, now));
    }

    /// Counts the records that were sent with acks=0 and are not in the log: nothing was promised of them.
    fn count_missing(&mut self, partition: TopicPartition, log: &Log) {
        for (producer, missing) in self.missing.iter_mut() {
            let is_missing = |(number, sent): &(u64, &Sent)| {
                let record = RecordId { producer: *producer, number: *number };
                sent.unanswered && sent.partition == partition && !log.records.contains(&record)
            };
            let sent = self.sent.get(producer).into_iter().flat_map(Chunks::iter);
            *missing += (0..).zip(sent).filter(is_missing).count() as u64;
        }
    }

    /// The broker from whose log the partition is served now.
    fn serving(&self, partition: TopicPartition, evidence: &dyn Evidence) -> Option<i32> {
        let (broker, epoch, incarnation) = self.partitions.get(&partition)?.leader?;
        let image = evidence.image().partition(partition)?;
        let serves = image.leader == broker && image.leader_epoch == epoch;
        (serves && evidence.is_running(broker) && evidence.incarnation(broker) == incarnation).then_some(broker)
    }

    fn sent_of(&self, record: RecordId) -> Option<&Sent> {
        self.sent.get(&record.producer)?.get(usize::try_from(record.number).ok()?)
    }

    fn sent_mut(&mut self, record: RecordId) -> Option<&mut Sent> {
        self.sent.get_mut(&record.producer)?.get_mut(usize::try_from(record.number).ok()?)
    }
}

/// Whether a replica that does not lead has a record that its leader does not have.
fn held_elsewhere(
    record: RecordId,
    partition: TopicPartition,
    (leader, offset): (i32, i64),
    evidence: &dyn Evidence,
) -> bool {
    let replicas = evidence.image().partition(partition).map(|image| &image.replicas[..]).unwrap_or_default();
    let holds = |replica: &i32| Log::of(*replica, partition, offset..offset + 1, evidence).records.contains(&record);
    replicas.iter().filter(|replica| **replica != leader).any(holds)
}
