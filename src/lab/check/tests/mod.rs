//! Each checker finds what it is for in a hand-made history, and nothing in a good one.

mod coordinators;
mod history;
mod invariants;
mod orders;
mod pipelines;
mod records;
mod rules;
mod tables;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::broker::groups::GroupStanding;
use crate::lab::scenario::FindingKind;
use crate::note::{Moved, Note, SendError, SendOutcome};
use crate::settings::AutoOffsetReset;
use crate::wire::{BrokerImage, PartitionImage, TopicImage};

const ORDERS: TopicPartition = TopicPartition { topic: 0, partition: 0 };
/// The partition of `__consumer_offsets` of the consumer's group.
const SEAT: TopicPartition = TopicPartition { topic: 1, partition: 0 };
const PRODUCER: u32 = 4;
const CONSUMER: u32 = 5;

/// A cluster of three brokers with one partition; each log is a list of one-record batches.
#[derive(Default)]
struct Scene {
    image: ClusterImage,
    logs: BTreeMap<i32, Vec<RecordId>>,
    high_watermarks: BTreeMap<i32, i64>,
    /// Brokers that are down.
    down: BTreeSet<i32>,
    /// In which life a broker is, if not in its first.
    incarnations: BTreeMap<i32, u32>,
    log_start: i64,
    /// Batches whose CRC does not match, by broker and offset.
    corrupt: BTreeSet<(i32, i64)>,
    /// Records that are not what [`mark_of`] says, by broker and offset.
    marks: BTreeMap<(i32, i64), RecordMark>,
    /// What each broker's clock shows.
    now_ms: i64,
    /// The producer asks for acks=all.
    waits_for_all: bool,
    /// The consumer begins at the first record where it has no position.
    begins_earliest: bool,
    /// It ends there.
    begins_nowhere: bool,
    /// The consumer reads what is committed.
    reads_committed: bool,
    /// The consumer reads the topic.
    has_reader: bool,
    /// The offset that it reads next, as it knows it.
    reader_at: Option<i64>,
    /// It is a member of a group, and commits.
    is_member: bool,
    /// Records that a broker's replica has no longer: compaction removed them.
    cleaned: BTreeSet<(i32, i64)>,
    /// The pipelines whose histories these are.
    pipes: Vec<Pipe>,
    /// Where the earliest open transaction begins, and its producer id.
    open: Option<(i64, i64)>,
    /// What the log of the coordinator of groups says, record by record.
    commits: Vec<Commit>,
    /// Members that the coordinator does not answer.
    unanswered: Vec<u32>,
    /// Segments that nobody looks into behind a power loss.
    unchecked: Vec<Unchecked>,
    /// What the coordinator has; `None` while it reads.
    has: Option<BTreeMap<CommitPlace, i64>>,
    findings: Findings,
    history: History,
    invariants: Invariants,
}

/// What checkers see of it.
struct View<'a> {
    image: &'a ClusterImage,
    logs: &'a BTreeMap<i32, Vec<RecordId>>,
    high_watermarks: &'a BTreeMap<i32, i64>,
    down: &'a BTreeSet<i32>,
    incarnations: &'a BTreeMap<i32, u32>,
    log_start: i64,
    corrupt: &'a BTreeSet<(i32, i64)>,
    marks: &'a BTreeMap<(i32, i64), RecordMark>,
    now_ms: i64,
    waits_for_all: bool,
    begins_earliest: bool,
    begins_nowhere: bool,
    reads_committed: bool,
    has_reader: bool,
    reader_at: Option<i64>,
    is_member: bool,
    cleaned: &'a BTreeSet<(i32, i64)>,
    pipes: &'a [Pipe],
    open: Option<(i64, i64)>,
    commits: &'a [Commit],
    unchecked: &'a [Unchecked],
    unanswered: &'a [u32],
    has: &'a Option<BTreeMap<CommitPlace, i64>>,
}

/// What a record is that nobody changed.
fn mark_of(offset: i64, record: RecordId) -> RecordMark {
    let number = record.number as u32;
    RecordMark {
        offset,
        key: Some(number % 2),
        value: Some(number),
        timestamp: offset,
        leader_epoch: 1,
        is_transactional: false,
        horizon_ms: None,
    }
}

impl View<'_> {
    fn stored(&self, broker: i32, from: i64, to: i64) -> impl Iterator<Item = Stored<(i64, RecordId)>> {
        let log = self.logs.get(&broker).map_or(&[][..], Vec::as_slice);
        let is_there =
            move |at: &i64| (from.max(self.log_start)..to).contains(at) && !self.cleaned.contains(&(broker, *at));
        let there = (0..).zip(log).filter(move |(at, _)| is_there(at));
        there.map(move |(at, record)| match self.corrupt.contains(&(broker, at)) {
            true => Stored::Corrupt { base: at, last: at },
            false => Stored::Record((at, *record)),
        })
    }
}

impl Evidence for View<'_> {
    fn image(&self) -> &ClusterImage {
        self.image
    }
    fn is_running(&self, broker: i32) -> bool {
        !self.down.contains(&broker)
    }
    fn incarnation(&self, broker: i32) -> u32 {
        self.incarnations.get(&broker).copied().unwrap_or(1)
    }
    fn log_ends(&self, broker: i32, partition: TopicPartition) -> Option<LogEnds> {
        if partition == SEAT {
            return Some(LogEnds { log_start: 0, high_watermark: 0, log_end: self.commits.len() as i64 });
        }
        let log_end = self.logs.get(&broker)?.len() as i64;
        let high_watermark = self.high_watermarks.get(&broker).copied().unwrap_or(0);
        Some(LogEnds { log_start: self.log_start, high_watermark, log_end })
    }
    fn batches(&self, broker: i32, _: TopicPartition, from: i64, to: i64, visit: &mut dyn FnMut(BatchMark)) {
        let log = self.logs.get(&broker).map_or(&[][..], Vec::as_slice);
        let is_there = |at: &i64| (from.max(self.log_start)..to).contains(at) && !self.cleaned.contains(&(broker, *at));
        for (offset, record) in (0..).zip(log).filter(|(at, _)| is_there(at)) {
            let crc = record.number as u32;
            visit(BatchMark { base: offset, last: offset, crc, size: 70, leader_epoch: 1, max_timestamp: offset });
        }
    }
    fn records(
        &self,
        broker: i32,
        _: TopicPartition,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(Stored<(i64, Option<RecordId>)>),
    ) {
        self.stored(broker, from, to).for_each(|met| {
            visit(match met {
                Stored::Record((at, record)) => Stored::Record((at, Some(record))),
                Stored::Corrupt { base, last } => Stored::Corrupt { base, last },
            });
        });
    }
    fn record_marks(
        &self,
        broker: i32,
        _: TopicPartition,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(Stored<RecordMark>),
    ) {
        let mark = |at, record| self.marks.get(&(broker, at)).copied().unwrap_or_else(|| mark_of(at, record));
        self.stored(broker, from, to).for_each(|met| {
            visit(match met {
                Stored::Record((at, record)) => Stored::Record(mark(at, record)),
                Stored::Corrupt { base, last } => Stored::Corrupt { base, last },
            });
        });
    }
    fn elects_unclean(&self, partition: TopicPartition) -> bool {
        self.image.topics.get(partition.topic).is_some_and(|topic| {
            topic.config.get("unclean.leader.election.enable").is_some_and(|value| value == "true")
        })
    }
    fn wall_ms(&self, _: i32) -> i64 {
        self.now_ms
    }
    fn waits_for_all(&self, _: u32) -> bool {
        self.waits_for_all
    }
    fn auto_offset_reset(&self, _: u32) -> AutoOffsetReset {
        match (self.begins_nowhere, self.begins_earliest) {
            (true, _) => AutoOffsetReset::None,
            (false, true) => AutoOffsetReset::Earliest,
            (false, false) => AutoOffsetReset::Latest,
        }
    }
    fn reads_committed(&self, _: u32) -> bool {
        self.reads_committed
    }
    fn partition_name(&self, partition: TopicPartition) -> String {
        if partition == SEAT { "__consumer_offsets-0".to_owned() } else { "orders-0".to_owned() }
    }
    fn seat_of_group(&self, _: &str) -> Option<TopicPartition> {
        (!self.commits.is_empty()).then_some(SEAT)
    }
    fn position(&self, _: u32, _: TopicPartition) -> Option<i64> {
        self.reader_at
    }
    fn own_transactional_id(&self, _: u32) -> Option<&str> {
        Some("till")
    }
    fn unchecked_segments(&self, _: i32, _: TopicPartition) -> Vec<Unchecked> {
        self.unchecked.to_vec()
    }
    fn commits_in(&self, _: i32, _: TopicPartition, offsets: Range<i64>, visit: &mut dyn FnMut(Commit)) -> bool {
        let there = (0..).zip(self.commits).filter(|(at, _)| offsets.contains(at));
        there.for_each(|(_, commit)| visit(commit.clone()));
        true
    }
    fn coordinator_has(&self, _: i32, _: TopicPartition) -> Option<BTreeMap<CommitPlace, i64>> {
        self.has.clone()
    }
    fn record_name(&self, record: RecordId) -> String {
        format!("checkout-{}", record.number)
    }
    fn readers(&self) -> Vec<(u32, Vec<String>)> {
        if self.has_reader { vec![(CONSUMER, vec!["orders".to_owned()])] } else { Vec::new() }
    }
    fn commits(&self, _: u32) -> bool {
        self.is_member
    }
    fn coordinated(&self, _: &str) -> Option<(i32, GroupStanding)> {
        Some((
            2,
            GroupStanding {
                state: "PreparingRebalance",
                awaited: vec![CONSUMER],
                unanswered: self.unanswered.to_vec(),
            },
        ))
    }
    fn written_by(&self, _: u32) -> Option<(String, TopicPartition)> {
        self.image.partitions().next().map(|(partition, _)| ("orders".to_owned(), partition))
    }
    fn process_name(&self, process: u32) -> String {
        format!("process {process}")
    }
    fn pipelines(&self) -> Vec<Pipe> {
        self.pipes.to_vec()
    }
    fn open_transaction(&self, _: i32, _: TopicPartition) -> Option<(i64, i64)> {
        self.open
    }
    fn group_of(&self, consumer: u32) -> Option<&str> {
        let pipe = self.pipes.iter().find(|pipe| pipe.members.contains(&consumer)).map(|pipe| pipe.group.as_str());
        pipe.or(self.is_member.then_some("g"))
    }
}

fn record(number: u64) -> RecordId {
    RecordId { producer: PRODUCER, number }
}

impl Scene {
    /// Broker 1 leads in epoch 1, and all logs hold these records, committed.
    fn new(numbers: &[u64]) -> Self {
        let log: Vec<_> = numbers.iter().copied().map(record).collect();
        let partition = PartitionImage {
            replicas: vec![1, 2, 3],
            isr: vec![1, 2, 3],
            elr: Vec::new(),
            last_known_elr: Vec::new(),
            leader: 1,
            leader_epoch: 1,
            partition_epoch: 1,
            recovering: false,
        };
        let (id, name) = (uuid::Uuid::from_u128(1), "orders".to_owned());
        let topic = TopicImage { id, name, partitions: vec![partition], config: BTreeMap::new() };
        let mut scene = Self {
            image: ClusterImage { topics: [topic].into_iter().collect(), ..ClusterImage::default() },
            logs: (1..=3).map(|id| (id, log.clone())).collect(),
            high_watermarks: (1..=3).map(|id| (id, log.len() as i64)).collect(),
            ..Self::default()
        };
        (1..=3).for_each(|broker| scene.tell(Note::Registered { broker, broker_epoch: i64::from(broker) }));
        scene.tell(scene.leads(1, 1, 0));
        // Whatever lies in the logs was written in its epoch.
        let all = Note::Appended { broker: 1, partition: ORDERS, base_offset: 0, last_offset: 99, leader_epoch: 1 };
        scene.show(|_, invariants, view, findings| invariants.observe(&all, view, findings));
        scene.send(8);
        scene
    }

    /// Lets checkers look.
    fn show<T>(&mut self, look: impl FnOnce(&mut History, &mut Invariants, &View<'_>, &mut Findings) -> T) -> T {
        let view = View {
            image: &self.image,
            logs: &self.logs,
            high_watermarks: &self.high_watermarks,
            down: &self.down,
            incarnations: &self.incarnations,
            log_start: self.log_start,
            corrupt: &self.corrupt,
            marks: &self.marks,
            now_ms: self.now_ms,
            waits_for_all: self.waits_for_all,
            begins_earliest: self.begins_earliest,
            begins_nowhere: self.begins_nowhere,
            reads_committed: self.reads_committed,
            has_reader: self.has_reader,
            reader_at: self.reader_at,
            is_member: self.is_member,
            cleaned: &self.cleaned,
            pipes: &self.pipes,
            open: self.open,
            commits: &self.commits,
            unchecked: &self.unchecked,
            unanswered: &self.unanswered,
            has: &self.has,
        };
        look(&mut self.history, &mut self.invariants, &view, &mut self.findings)
    }

    fn tell(&mut self, note: Note) {
        self.show(|history, invariants, view, findings| {
            history.observe(&note, view, findings);
            invariants.observe(&note, view, findings);
        });
    }

    fn finish(&mut self) -> Vec<FindingKind> {
        self.show(|history, invariants, view, findings| history.finish(invariants, view, findings));
        self.kinds()
    }

    fn kinds(&self) -> Vec<FindingKind> {
        self.findings.list().iter().map(|finding| finding.kind).collect()
    }

    fn partition(&mut self) -> &mut PartitionImage {
        &mut self.image.topics.get_mut(0).expect("orders").partitions[0]
    }

    fn send(&mut self, count: u64) {
        (0..count).for_each(|n| {
            self.tell(Note::Sent { record: record(n), partition: ORDERS, key: None, is_tombstone: false })
        });
    }

    fn acknowledge(&mut self, number: u64, offset: i64) {
        let outcome = SendOutcome::Acknowledged { offset };
        self.tell(Note::SendDone { record: record(number), partition: ORDERS, outcome });
    }

    fn append(&mut self, leader_epoch: i32, base_offset: i64, last_offset: i64) {
        self.tell(Note::Appended { broker: leader_epoch, partition: ORDERS, base_offset, last_offset, leader_epoch });
    }

    fn read(&mut self, offset: i64, number: u64) {
        self.tell(Note::Read { consumer: CONSUMER, partition: ORDERS, offset, record: Some(record(number)) });
    }

    fn moves(&mut self, broker: i32, offset: i64) {
        self.high_watermarks.insert(broker, offset);
        self.tell(Note::HighWatermark { broker, partition: ORDERS, offset });
    }

    /// The controller elects somebody, or nobody (-1).
    fn change_leader(&mut self, leader: i32, unclean: bool) -> i32 {
        let isr_before: Vec<i32> = (1..=3).filter(|broker| !unclean || *broker != leader).collect();
        if unclean {
            self.configure("unclean.leader.election.enable", "true");
        }
        let epoch = self.partition().leader_epoch + 1;
        let before = std::mem::replace(&mut self.partition().leader, leader);
        self.partition().leader_epoch = epoch;
        self.partition().partition_epoch += 1;
        self.tell(Note::PartitionChanged {
            partition: ORDERS,
            leader,
            leader_epoch: epoch,
            isr: vec![1, 2, 3],
            leader_before: before,
            isr_before,
            unclean,
            elected: None,
            elr: Vec::new(),
            elr_before: Vec::new(),
        });
        epoch
    }

    fn configure(&mut self, setting: &str, value: &str) {
        let topic = self.image.topics.get_mut(0).expect("orders");
        topic.config.insert(setting.to_owned(), value.to_owned());
    }

    fn elect(&mut self, leader: i32, unclean: bool, log_end_offset: i64) {
        let epoch = self.change_leader(leader, unclean);
        self.tell(self.leads(leader, epoch, log_end_offset));
    }

    fn leads(&self, broker: i32, leader_epoch: i32, log_end_offset: i64) -> Note {
        let high_watermark = self.high_watermarks.get(&broker).copied().unwrap_or(0);
        Note::BecameLeader { broker, partition: ORDERS, leader_epoch, log_end_offset, high_watermark }
    }
}

impl Scene {
    /// The same where old records go once there is a later one with their key.
    fn compacted(numbers: &[u64]) -> Self {
        let mut scene = Self::new(numbers);
        scene.configure("cleanup.policy", "compact");
        scene
    }
}
