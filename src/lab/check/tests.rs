//! Each checker finds what it is for in a hand-made history, and nothing in a good one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::lab::scenario::FindingKind;
use crate::wire::{Note, PartitionImage, SendOutcome, TopicImage};

const ORDERS: TopicPartition = TopicPartition { topic: 0, partition: 0 };
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
}

/// What a record is that nobody changed.
fn mark_of(offset: i64, record: RecordId) -> RecordMark {
    let number = record.number as u32;
    RecordMark { offset, key: Some(number % 2), value: Some(number), timestamp: offset, leader_epoch: 1 }
}

impl View<'_> {
    fn stored(&self, broker: i32, from: i64, to: i64) -> impl Iterator<Item = Stored<(i64, RecordId)>> {
        let log = self.logs.get(&broker).map_or(&[][..], Vec::as_slice);
        let there = (0..).zip(log).filter(move |(at, _)| (from.max(self.log_start)..to).contains(at));
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
    fn log_ends(&self, broker: i32, _: TopicPartition) -> Option<LogEnds> {
        let log_end = self.logs.get(&broker)?.len() as i64;
        let high_watermark = self.high_watermarks.get(&broker).copied().unwrap_or(0);
        Some(LogEnds { log_start: self.log_start, high_watermark, log_end })
    }
    fn batches(&self, broker: i32, _: TopicPartition, from: i64, to: i64, visit: &mut dyn FnMut(BatchMark)) {
        let log = self.logs.get(&broker).map_or(&[][..], Vec::as_slice);
        for (offset, record) in (0..).zip(log).filter(|(at, _)| (from.max(self.log_start)..to).contains(at)) {
            visit(BatchMark { base: offset, last: offset, crc: record.number as u32, size: 70 });
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
    fn partition_name(&self, _: TopicPartition) -> String {
        "orders-0".to_owned()
    }
    fn record_name(&self, record: RecordId) -> String {
        format!("checkout-{}", record.number)
    }
    fn process_name(&self, process: u32) -> String {
        format!("process {process}")
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
        let topic = TopicImage { name: "orders".to_owned(), partitions: vec![partition], config: BTreeMap::new() };
        let mut scene = Self {
            image: ClusterImage { topics: vec![Arc::new(topic)], ..ClusterImage::default() },
            logs: (1..=3).map(|id| (id, log.clone())).collect(),
            high_watermarks: (1..=3).map(|id| (id, log.len() as i64)).collect(),
            ..Self::default()
        };
        (1..=3).for_each(|broker| scene.tell(Note::Registered { broker, broker_epoch: i64::from(broker) }));
        scene.tell(scene.leads(1, 1, 0));
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
        self.show(|history, _, view, findings| history.finish(view, findings));
        self.kinds()
    }

    fn kinds(&self) -> Vec<FindingKind> {
        self.findings.list().iter().map(|finding| finding.kind).collect()
    }

    fn partition(&mut self) -> &mut PartitionImage {
        &mut Arc::make_mut(&mut self.image.topics[0]).partitions[0]
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

    fn read(&mut self, offset: i64, number: u64) {
        self.tell(Note::Read { consumer: CONSUMER, partition: ORDERS, offset, record: Some(record(number)) });
    }

    fn moves(&mut self, broker: i32, offset: i64) {
        self.high_watermarks.insert(broker, offset);
        self.tell(Note::HighWatermark { broker, partition: ORDERS, offset });
    }

    /// The controller elects somebody, or nobody (-1).
    fn change_leader(&mut self, leader: i32, unclean: bool) -> i32 {
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
            isr_before: vec![1, 2, 3],
            unclean,
        });
        epoch
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

#[test]
fn a_good_history_has_no_finding() {
    let mut scene = Scene::new(&[0, 1, 2]);
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    (0..3).for_each(|n| scene.read(n as i64, n));
    scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 1 });
    (1..3).for_each(|n| scene.read(n as i64, n));
    (1..=3).for_each(|broker| scene.moves(broker, 3));
    scene.elect(2, false, 3);
    scene.moves(2, 3);
    assert_eq!(scene.finish(), []);
}

#[test]
fn an_acknowledged_record_that_a_new_leader_does_not_have_is_lost() {
    let mut scene = Scene::new(&[0, 1]);
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    scene.elect(2, false, 2);
    assert_eq!(scene.kinds(), [FindingKind::LostWrite]);
    assert_eq!(scene.finish(), [FindingKind::LostWrite]);
}

#[test]
fn an_acknowledgement_that_comes_after_the_election_is_lost_at_the_end() {
    let mut scene = Scene::new(&[0, 3]);
    scene.elect(2, false, 1);
    scene.acknowledge(1, 1);
    scene.acknowledge(0, 0);
    assert_eq!(scene.kinds(), []);
    assert_eq!(scene.finish(), [FindingKind::LostWrite]);
}

#[test]
fn a_record_of_which_nothing_was_promised_is_not_lost() {
    let mut scene = Scene::new(&[0]);
    scene.acknowledge(0, 0);
    scene.tell(Note::SendDone { record: record(1), partition: ORDERS, outcome: SendOutcome::Unknown(7) });
    scene.tell(Note::SendDone { record: record(2), partition: ORDERS, outcome: SendOutcome::Refused(19) });
    assert_eq!(scene.finish(), []);
}

#[test]
fn nothing_is_said_of_a_log_that_nobody_serves() {
    let mut scene = Scene::new(&[0]);
    (0..2).for_each(|n| scene.acknowledge(n, n as i64));
    scene.partition().leader = -1;
    assert_eq!(scene.finish(), []);
}

#[test]
fn a_record_at_two_offsets_is_a_duplicate_and_not_out_of_order() {
    let mut scene = Scene::new(&[0, 1, 0]);
    [(0, 0), (1, 1), (2, 0)].into_iter().for_each(|(offset, n)| scene.read(offset, n));
    assert_eq!(scene.finish(), [FindingKind::Duplicate]);
}

#[test]
fn a_duplicate_that_nobody_read_is_found_at_the_end() {
    assert_eq!(Scene::new(&[0, 1, 1]).finish(), [FindingKind::Duplicate]);
}

#[test]
fn records_in_another_order_than_they_were_sent_are_reordered() {
    let mut scene = Scene::new(&[1, 0, 2]);
    [(0, 1), (1, 0), (2, 2)].into_iter().for_each(|(offset, n)| scene.read(offset, n));
    assert_eq!(scene.finish(), [FindingKind::Reordered]);
}

#[test]
fn a_stored_record_that_a_consumer_went_past_is_unseen() {
    let mut scene = Scene::new(&[0, 1, 2]);
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    scene.read(0, 0);
    scene.read(2, 2);
    assert_eq!(scene.finish(), [FindingKind::Unseen]);
}

#[test]
fn a_consumer_may_go_past_what_was_never_acknowledged_or_jump_by_a_reset() {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.acknowledge(0, 0);
    scene.read(0, 0);
    scene.read(2, 2);
    scene.acknowledge(3, 3);
    scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 5 });
    scene.read(5, 5);
    scene.logs.values_mut().for_each(|log| log.extend([3, 4, 5].map(record)));
    assert_eq!(scene.finish(), []);
}

#[test]
fn a_high_watermark_that_rises_in_the_event_of_an_election_did_not_fall() {
    let mut scene = Scene::new(&[0, 1, 2, 3, 4, 5]);
    let epoch = scene.change_leader(2, false);
    // Evidence shows the end of the event; its notes tell what came before.
    scene.high_watermarks.insert(2, 6);
    scene.tell(Note::BecameLeader {
        broker: 2,
        partition: ORDERS,
        leader_epoch: epoch,
        log_end_offset: 6,
        high_watermark: 4,
    });
    scene.tell(Note::HighWatermark { broker: 2, partition: ORDERS, offset: 5 });
    scene.tell(Note::HighWatermark { broker: 2, partition: ORDERS, offset: 6 });
    assert_eq!(scene.kinds(), []);
}

#[test]
fn two_leaders_in_one_epoch_are_found() {
    let mut scene = Scene::new(&[]);
    scene.tell(scene.leads(3, 1, 0));
    assert_eq!(scene.kinds(), [FindingKind::TwoLeadersOneEpoch]);
}

#[test]
fn an_epoch_that_falls_is_found() {
    let mut scene = Scene::new(&[]);
    scene.elect(2, false, 0);
    scene.partition().leader_epoch = 0;
    scene.elect(3, false, 0);
    assert_eq!(scene.kinds()[0], FindingKind::LeaderEpochFell);
}

#[test]
fn a_high_watermark_above_the_log_end_is_found() {
    let mut scene = Scene::new(&[0]);
    scene.moves(2, 2);
    assert_eq!(scene.kinds(), [FindingKind::HwAboveLeo]);
}

#[test]
fn a_leaders_high_watermark_may_not_fall_and_a_followers_may() {
    let mut scene = Scene::new(&[0, 1]);
    [(1, 2), (2, 2), (2, 1), (1, 1)].into_iter().for_each(|(broker, to)| scene.moves(broker, to));
    assert_eq!(scene.kinds(), [FindingKind::LeaderHwFell]);
}

#[test]
fn a_stranger_in_the_isr_is_found() {
    let mut scene = Scene::new(&[]);
    scene.partition().isr.push(4);
    scene.elect(2, false, 0);
    assert_eq!(scene.kinds(), [FindingKind::IsrNotSubset]);
}

#[test]
fn an_isr_member_without_committed_records_is_found() {
    let mut scene = Scene::new(&[0, 1]);
    scene.logs.insert(3, vec![record(0)]);
    scene.moves(1, 2);
    assert_eq!(scene.kinds(), [FindingKind::IsrMemberLacksRecords]);
    let mut scene = Scene::new(&[0, 1]);
    scene.logs.insert(3, vec![record(0)]);
    scene.partition().isr = vec![1, 2];
    scene.moves(1, 2);
    assert_eq!(scene.kinds(), []);
}

#[test]
fn replicas_that_differ_below_both_high_watermarks_are_found() {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.logs.insert(3, [0, 5, 2].map(record).to_vec());
    scene.moves(1, 3);
    scene.moves(3, 1);
    assert_eq!(scene.kinds(), []);
    scene.moves(3, 3);
    assert_eq!(scene.kinds(), [FindingKind::ReplicasDiverge]);
}

#[test]
fn a_committed_record_may_be_lost_by_an_unclean_election_only() {
    for (unclean, expected) in [(false, vec![FindingKind::CommittedRecordLost]), (true, vec![])] {
        let mut scene = Scene::new(&[0, 1, 2]);
        scene.moves(1, 3);
        scene.high_watermarks.insert(2, 1);
        scene.elect(2, unclean, 1);
        assert_eq!(scene.kinds(), expected);
    }
}

#[test]
fn a_committed_record_may_be_lost_when_all_of_the_isr_lost_power() {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.moves(1, 3);
    for broker in 1..=3 {
        scene.show(|_, invariants, view, _| invariants.lost_power(broker, view));
    }
    scene.elect(2, false, 1);
    assert_eq!(scene.kinds(), []);
}

#[test]
fn a_partition_epoch_that_falls_is_found() {
    let mut scene = Scene::new(&[]);
    scene.elect(2, false, 0);
    scene.partition().partition_epoch = 0;
    scene.elect(3, false, 0);
    assert_eq!(scene.kinds(), [FindingKind::LeaderEpochFell]);
}

#[test]
fn a_committed_record_that_is_gone_is_found_though_it_was_never_acknowledged() {
    let mut scene = Scene::new(&[0, 1]);
    scene.moves(1, 2);
    scene.logs.insert(2, vec![record(0)]);
    scene.high_watermarks.insert(2, 1);
    scene.elect(2, false, 1);
    assert_eq!(scene.kinds(), [FindingKind::CommittedRecordLost]);
}

#[test]
fn a_partition_may_have_no_leader_and_an_empty_isr() {
    let mut scene = Scene::new(&[0, 1]);
    scene.moves(1, 2);
    scene.partition().isr.clear();
    scene.partition().elr = vec![1];
    scene.change_leader(-1, false);
    assert_eq!(scene.finish(), []);
}

#[test]
fn two_brokers_may_lead_in_different_epochs_while_one_has_not_heard() {
    let mut scene = Scene::new(&[0, 1]);
    scene.elect(2, false, 2);
    scene.moves(1, 2);
    scene.moves(2, 2);
    // One that learns late of an epoch that is over has less, and serves nobody.
    scene.elect(3, false, 2);
    scene.logs.insert(2, vec![record(0)]);
    scene.tell(scene.leads(2, 2, 1));
    assert_eq!(scene.finish(), []);
}

#[test]
fn the_high_watermark_of_a_leader_may_be_lower_in_its_next_life_and_in_its_next_epoch() {
    let mut scene = Scene::new(&[0, 1]);
    scene.moves(1, 2);
    scene.incarnations.insert(1, 2);
    scene.moves(1, 1);
    scene.elect(1, false, 2);
    scene.moves(1, 1);
    assert_eq!(scene.finish(), []);
}

#[test]
fn a_member_of_the_isr_that_is_down_or_not_registered_again_may_lack_records() {
    for down in [true, false] {
        let mut scene = Scene::new(&[0, 1]);
        scene.logs.insert(3, vec![record(0)]);
        if down {
            scene.down.insert(3);
        } else {
            scene.incarnations.insert(3, 2);
        }
        scene.moves(1, 2);
        assert_eq!(scene.kinds(), []);
        scene.down.clear();
        scene.tell(Note::Registered { broker: 3, broker_epoch: 9 });
        scene.moves(1, 2);
        assert_eq!(scene.kinds(), [FindingKind::IsrMemberLacksRecords]);
    }
}

#[test]
fn what_retention_removed_is_neither_lost_nor_unseen() {
    let mut scene = Scene::new(&[0, 1, 2]);
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    scene.log_start = 2;
    scene.read(2, 2);
    assert_eq!(scene.finish(), []);
}

#[test]
fn without_acks_nothing_is_promised() {
    let mut scene = Scene::new(&[0]);
    (0..3).for_each(|n| scene.acknowledge(n, -1));
    assert_eq!(scene.finish(), []);
}

#[test]
fn two_consumers_read_the_same_and_one_again_after_a_seek() {
    let mut scene = Scene::new(&[0, 1]);
    (0..2).for_each(|n| scene.acknowledge(n, n as i64));
    (0..2).for_each(|n| scene.read(n as i64, n));
    let other = Note::Read { consumer: CONSUMER + 1, partition: ORDERS, offset: 0, record: Some(record(0)) };
    scene.tell(other);
    scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 0 });
    (0..2).for_each(|n| scene.read(n as i64, n));
    assert_eq!(scene.finish(), []);
}

#[test]
fn a_read_of_a_record_that_is_gone_later_is_a_loss_only_if_it_was_acknowledged() {
    let mut scene = Scene::new(&[0, 1]);
    scene.acknowledge(0, 0);
    (0..2).for_each(|n| scene.read(n as i64, n));
    scene.logs.values_mut().for_each(|log| log.truncate(1));
    scene.high_watermarks.values_mut().for_each(|offset| *offset = 1);
    scene.elect(2, true, 1);
    assert_eq!(scene.finish(), []);
}

impl Scene {
    /// The same where old records go once there is a later one with their key.
    fn compacted(numbers: &[u64]) -> Self {
        let mut scene = Self::new(numbers);
        let topic = Arc::make_mut(&mut scene.image.topics[0]);
        topic.config.insert("cleanup.policy".to_owned(), "compact".to_owned());
        scene
    }
}

#[test]
fn replicas_of_a_compacted_topic_agree_in_key_value_timestamp_and_epoch_of_what_both_have() {
    let same = mark_of(1, record(1));
    for (part, other) in [
        ("key", RecordMark { key: None, ..same }),
        ("value", RecordMark { value: None, ..same }),
        ("timestamp", RecordMark { timestamp: 2, ..same }),
        ("leader epoch", RecordMark { leader_epoch: 2, ..same }),
    ] {
        let mut scene = Scene::compacted(&[0, 1, 2]);
        scene.marks.insert((2, 1), other);
        scene.moves(1, 3);
        scene.moves(3, 3);
        assert_eq!(scene.kinds(), []);
        scene.moves(2, 3);
        assert_eq!(scene.kinds(), [FindingKind::ReplicasDiverge], "{part}");
        let about = &scene.findings.list()[0].about;
        assert!(about.ends_with(&format!("hold records of another {part}")), "{about}");
    }
}

#[test]
fn a_record_that_one_replica_has_cleaned_away_binds_nobody() {
    let mut scene = Scene::compacted(&[0, 1, 2]);
    scene.log_start = 1;
    scene.moves(1, 3);
    scene.log_start = 0;
    scene.moves(2, 3);
    assert_eq!(scene.kinds(), []);
    scene.marks.insert((3, 0), RecordMark { value: Some(9), ..mark_of(0, record(0)) });
    scene.moves(3, 3);
    assert_eq!(scene.kinds(), [FindingKind::ReplicasDiverge]);
}

#[test]
fn a_rotten_batch_is_no_divergence_where_it_rotted_and_one_anywhere_else() {
    for (rotted, expected) in [(1, vec![]), (0, vec![FindingKind::ReplicasDiverge])] {
        let mut scene = Scene::compacted(&[0, 1, 2]);
        scene.corrupt.insert((2, 1));
        scene.show(|_, invariants, _, _| invariants.rotted(2, ORDERS, rotted..=rotted));
        scene.moves(1, 3);
        scene.moves(2, 3);
        assert_eq!(scene.kinds(), expected);
    }
}

#[test]
fn bit_rot_excuses_neither_a_short_log_in_the_isr_nor_a_leader_without_committed_records() {
    let mut scene = Scene::new(&[0, 1]);
    scene.show(|_, invariants, _, _| invariants.rotted(3, ORDERS, 1..=1));
    scene.logs.insert(3, vec![record(0)]);
    scene.moves(1, 2);
    assert_eq!(scene.kinds(), [FindingKind::IsrMemberLacksRecords]);
    scene.elect(3, false, 1);
    assert_eq!(scene.kinds(), [FindingKind::IsrMemberLacksRecords, FindingKind::CommittedRecordLost]);
}

#[test]
fn an_acknowledged_record_in_a_rotten_batch_of_the_leader_is_lost_to_clients() {
    let mut scene = Scene::new(&[0, 1, 2]);
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    scene.corrupt.insert((2, 1));
    assert_eq!(scene.finish(), [], "a follower's copy is read by nobody");
    scene.corrupt.insert((1, 1));
    assert_eq!(scene.finish(), [FindingKind::LostWrite]);
    assert!(scene.findings.list()[0].about.contains("CORRUPT_MESSAGE"), "{:?}", scene.findings.list());
}
