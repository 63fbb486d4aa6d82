//! What survives kills, losses of power and clean stops at random moments of a log's life, against a small model of it.

use bytes::Bytes;
use proptest::prelude::*;

use super::batch::{self, BatchBuilder, BatchHeader};
use super::marker::Marker;
use super::*;
use crate::sim::disk::Disk;

const START: i64 = 1_700_000_000_000;
const DIRECTORY: &str = "data/t-0";

#[derive(Clone, Debug)]
enum Op {
    /// By no producer, or by one of two idempotent ones of which the second writes transactions.
    Append {
        records: usize,
        size: usize,
        producer: Option<bool>,
    },
    EndTransaction {
        commit: bool,
    },
    Roll,
    Flush,
    Checkpoint,
    Truncate(u64),
    DeleteRecords(u64),
    Retention,
    Tick(i64),
    Elect,
    Kill,
    LosePower(u64),
    CleanStop(Option<u64>),
}

fn op() -> impl Strategy<Value = Op> {
    let append = (1..4usize, 0..300usize, prop::option::of(any::<bool>()))
        .prop_map(|(records, size, producer)| Op::Append { records, size, producer });
    prop_oneof![
        24 => append,
        2 => any::<bool>().prop_map(|commit| Op::EndTransaction { commit }),
        2 => Just(Op::Roll),
        1 => Just(Op::Flush),
        1 => Just(Op::Checkpoint),
        1 => any::<u64>().prop_map(Op::Truncate),
        1 => any::<u64>().prop_map(Op::DeleteRecords),
        1 => Just(Op::Retention),
        1 => (0..4_000i64).prop_map(Op::Tick),
        1 => Just(Op::Elect),
        1 => Just(Op::Kill),
        2 => any::<u64>().prop_map(Op::LosePower),
        1 => prop::option::of(any::<u64>()).prop_map(Op::CleanStop),
    ]
}

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 1_500,
        index_interval_bytes: 200,
        segment_index_bytes: 240,
        retention_ms: 20_000,
        file_delete_delay_ms: 1_000,
        ..LogConfig::default()
    }
}

/// A log, and what must be in it.
struct Life {
    disk: Disk,
    log: ReplicaLog,
    /// Every batch that was appended and not cut off, as it lies in the log.
    batches: Vec<Bytes>,
    /// The next sequence of each producer.
    sequences: [i32; 2],
    transaction_is_open: bool,
    epoch: i32,
    epochs: epochs::LeaderEpochs,
    now_ms: i64,
    /// Below this everything was flushed.
    durable: i64,
    /// The last entry of a time index was written behind the last flush: when the log was closed, or at a roll when all
    /// was durable already. A loss of power may then tear it, and nothing checks it when the log is opened.
    has_late_entries: bool,
    has_torn_indexes: bool,
    /// Recovery wrote index files anew of segments before the recovery point: nothing flushes them any more, and a loss of
    /// power takes what they hold, aborted transactions too, and nothing looks at them when the log is opened.
    has_remade_indexes: bool,
    has_lost_indexes: bool,
    /// The log never started behind this: of producers before it nothing need be known.
    highest_start: i64,
    /// As the checkpoint files of a broker hold them.
    recovery_point: i64,
    log_start_offset: i64,
}

fn header(batch: &Bytes) -> BatchHeader {
    BatchHeader::parse(batch).unwrap()
}

/// A tear at a random byte of each file.
fn tear(mut seed: u64) -> impl FnMut(u64) -> u64 {
    move |bound| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % bound
    }
}

fn open(disk: &mut Disk, clean: bool, recovery_point: i64, log_start_offset: i64) -> ReplicaLog {
    let producers = ProducerSettings { verification_enabled: false, ..ProducerSettings::default() };
    let opening = Opening { clean, recovery_point, log_start_offset, producers };
    ReplicaLog::open_with(disk, DIRECTORY, config(), opening).unwrap().0
}

impl Life {
    fn begin() -> Life {
        let mut disk = Disk::default();
        disk.set_now_ms(START);
        let log = open(&mut disk, true, 0, 0);
        Life {
            disk,
            log,
            batches: Vec::new(),
            sequences: [0; 2],
            transaction_is_open: false,
            epoch: 0,
            epochs: epochs::LeaderEpochs::default(),
            now_ms: START,
            durable: 0,
            has_late_entries: false,
            has_torn_indexes: false,
            has_remade_indexes: false,
            has_lost_indexes: false,
            highest_start: 0,
            recovery_point: 0,
            log_start_offset: 0,
        }
    }

    fn live(&mut self, op: &Op) {
        let (durable, active) = (self.log.recovery_point(), self.active());
        match *op {
            Op::Append { records, size, producer } => self.append(records, size, producer),
            Op::EndTransaction { commit } => self.end_transaction(commit),
            Op::Roll => self.log.roll(&mut self.disk).unwrap(),
            Op::Flush => self.log.flush(&mut self.disk).unwrap(),
            Op::Checkpoint => self.checkpoint(),
            Op::Truncate(seed) => self.truncate(seed),
            Op::DeleteRecords(seed) => {
                // Not beyond the recovery point: Kafka would move it along without a flush, so that a power loss may tear what
                // stands before it, and recovery from an older checkpoint then drops all behind that.
                let start = self.log.log_start_offset();
                let span = (self.log.recovery_point() - start).max(0) as u64 + 1;
                let offset = start + (seed % span) as i64;
                self.log.increment_log_start_offset(&mut self.disk, offset).unwrap();
            }
            Op::Retention => {
                self.log.delete_old_segments(&mut self.disk, self.now_ms).unwrap();
            }
            Op::Tick(ms) => {
                self.now_ms += ms;
                self.disk.set_now_ms(self.now_ms);
                self.log.deletions().run(&mut self.disk, self.now_ms);
            }
            Op::Elect => self.epoch += 1,
            Op::Kill => {
                let end = self.log.log_end_offset();
                self.reopen(false);
                assert_eq!(self.log.log_end_offset(), end);
            }
            Op::LosePower(seed) => {
                self.disk.lose_power(tear(seed));
                self.has_torn_indexes |= self.has_late_entries || self.has_remade_indexes;
                self.has_lost_indexes |= self.has_remade_indexes;
                self.reopen(false);
                self.durable = self.log.log_end_offset();
            }
            Op::CleanStop(loss) => {
                self.log.shut_down(&mut self.disk).unwrap();
                self.checkpoint();
                self.has_late_entries = true;
                if let Some(seed) = loss {
                    self.disk.lose_power(tear(seed));
                    self.has_torn_indexes = true;
                    self.has_lost_indexes |= self.has_remade_indexes;
                }
                self.reopen(true);
            }
        }
        let end = self.log.log_end_offset();
        // What is rolled is flushed; what is flushed stays when the log's start moves over it.
        self.durable = match op {
            Op::Flush | Op::CleanStop(_) => end,
            _ => self.durable.max(self.active()).min(end),
        };
        self.has_late_entries |= self.active() > active && durable >= self.active();
        self.epochs.truncate_from_start(self.log.log_start_offset());
        self.highest_start = self.highest_start.max(self.log.log_start_offset());
        self.log.update_high_watermark(&self.disk, end);
    }

    fn active(&self) -> i64 {
        self.log.segments().last().unwrap().base_offset
    }

    fn checkpoint(&mut self) {
        self.recovery_point = self.log.recovery_point();
        self.log_start_offset = self.log.log_start_offset();
    }

    fn append(&mut self, records: usize, size: usize, producer: Option<bool>) {
        let mut builder = BatchBuilder::new();
        if let Some(transactional) = producer {
            let id = usize::from(transactional);
            builder = builder.producer(id as i64, 0, self.sequences[id]);
            self.sequences[id] += records as i32;
            if transactional {
                builder = builder.transactional();
                self.transaction_is_open = true;
            }
        }
        for i in 0..records as i64 {
            builder.record(self.now_ms - i, Some(b"key"), Some(&vec![b'v'; size]));
        }
        self.write(builder.build(), &AppendOptions::default());
    }

    fn end_transaction(&mut self, commit: bool) {
        if std::mem::take(&mut self.transaction_is_open) {
            let marker = Marker { aborts: !commit, coordinator_epoch: 0, timestamp: self.now_ms };
            let options = AppendOptions {
                origin: AppendOrigin::Coordinator,
                transaction_version: Some(1),
                ..AppendOptions::default()
            };
            self.write(marker.batch(1, 0), &options);
        }
    }

    fn write(&mut self, bytes: Bytes, options: &AppendOptions) {
        let base_offset = self.log.log_end_offset();
        self.log.append_with(&mut self.disk, bytes.clone(), self.epoch, self.now_ms, options).unwrap();
        self.batches.push(batch::with_offset_and_epoch(&bytes, base_offset, self.epoch));
        self.epochs.assign(self.epoch, base_offset).unwrap();
    }

    /// At a border of two batches, as followers do, and not below what was deleted. A broker writes the recovery point
    /// after that.
    fn truncate(&mut self, seed: u64) {
        let borders: Vec<i64> = self
            .batches
            .iter()
            .map(|batch| header(batch).base_offset)
            .filter(|&border| border >= self.log.log_start_offset())
            .collect();
        if let Some(&offset) = borders.get((seed % (borders.len() as u64).max(1)) as usize) {
            self.log.truncate_to(&mut self.disk, offset).unwrap();
            self.batches.retain(|batch| header(batch).base_offset < offset);
            self.epochs.truncate_from_end(offset);
            self.recovery_point = self.log.recovery_point();
            self.remember_producers();
        }
    }

    /// What a client would know of its sequences from the batches that are left.
    fn remember_producers(&mut self) {
        for id in 0..2 {
            let last = self.log.producers().get(id as i64).map(|producer| producer.last_sequence());
            self.sequences[id] = last.map_or(0, |last| last + 1);
        }
        self.transaction_is_open = self.log.producers().first_undecided_offset().is_some();
    }

    fn reopen(&mut self, clean: bool) {
        self.log = open(&mut self.disk, clean, self.recovery_point, self.log_start_offset);
        let end = self.log.log_end_offset();
        let lost = self.batches.iter().position(|batch| header(batch).base_offset >= end).unwrap_or(self.batches.len());
        let first_lost = self.batches.get(lost).map_or(end, |batch| header(batch).base_offset);
        assert!(first_lost >= self.durable, "{first_lost} was lost below {} where all was flushed", self.durable);
        self.batches.truncate(lost);
        if !clean {
            self.has_remade_indexes |= self.recovery_point > self.active();
            self.recover_epochs();
        }
        self.epochs.truncate_from_end(end);
        if self.batches.last().map_or(0, |last| header(last).next_offset()) < end {
            // Less was left than was deleted: the log begins anew at its start.
            self.epochs.clear();
        }
        self.remember_producers();
    }

    /// Recovery takes in the epochs of the batches that it reads, from the segment of the recovery point on
    /// (`LogSegment.recover`). A truncation to the log's start may have dropped one whose batches come back with a start
    /// that was not checkpointed.
    fn recover_epochs(&mut self) {
        let bases = self.log.segments().map(|segment| segment.base_offset);
        let first = bases.take_while(|&base| base <= self.recovery_point).last().unwrap_or(0);
        for batch in self.batches.iter().map(header).filter(|batch| batch.base_offset >= first) {
            if self.epochs.latest().is_none_or(|latest| batch.partition_leader_epoch > latest) {
                self.epochs.assign(batch.partition_leader_epoch, batch.base_offset).unwrap();
            }
        }
    }

    fn check(&self) {
        self.check_batches();
        if !self.has_torn_indexes {
            self.log.segments().for_each(|segment| self.check_indexes(segment));
        }
        self.check_producers();
        assert_eq!(self.log.epochs(), &self.epochs);
        assert!(self.log.recovery_point() <= self.log.log_end_offset());
    }

    /// The log holds exactly the batches behind its first segment's base, and finds each.
    fn check_batches(&self) {
        let first = self.log.segments().next().unwrap().base_offset;
        let kept: Vec<&Bytes> = self.batches.iter().filter(|batch| header(batch).base_offset >= first).collect();
        let mut found = Vec::new();
        for segment in self.log.segments() {
            let bytes = segment.read(&self.disk, 0, segment.size());
            found.extend(batch::batches(&bytes).map(|(_, batch)| Bytes::copy_from_slice(batch)));
            let path = segment::path(DIRECTORY, segment.base_offset, "log");
            assert_eq!(self.disk.len(self.disk.open(&path).unwrap()), u64::from(segment.size()));
        }
        assert_eq!(found.iter().collect::<Vec<_>>(), kept);
        let end = self.log.log_end_offset();
        assert_eq!(kept.last().map_or(end, |last| header(last).next_offset()), end);
        if self.has_lost_indexes {
            return;
        }
        for batch in kept.iter().filter(|batch| header(batch).base_offset >= self.log.log_start_offset()) {
            let read = self.log.read(&self.disk, header(batch).last_offset(), 1, end, true).unwrap();
            assert_eq!(&read.bytes, *batch);
        }
    }

    fn check_indexes(&self, segment: &segment::Segment) {
        let mut before = -1;
        for (offset, position) in segment.offset_entries(&self.disk) {
            let batch = segment.header_at(&self.disk, position).unwrap();
            assert!(batch.last_offset() == offset && offset > before);
            before = offset;
        }
        let batches: Vec<_> = segment.headers_from(&self.disk, 0).map(|(_, header)| header).collect();
        let mut before = -1;
        for (timestamp, offset) in segment.time_entries(&self.disk) {
            let up_to = batches.iter().filter(|batch| batch.last_offset() <= offset);
            assert_eq!(up_to.map(|batch| batch.max_timestamp).max(), Some(timestamp));
            assert!(timestamp > before);
            before = timestamp;
        }
    }

    fn check_producers(&self) {
        let all = self.batches.iter().map(header);
        for id in 0..2 {
            let data = |batch: &BatchHeader| batch.producer_id == id && !batch.is_control();
            let last = all.clone().filter(data).last();
            let Some(last) = last.filter(|last| last.last_offset() >= self.highest_start) else { continue };
            let known = self.log.producers().get(id).unwrap();
            assert_eq!((known.last_sequence(), known.last_data_offset()), (last.last_sequence(), last.last_offset()));
        }
        let ended = all.clone().filter(BatchHeader::is_control).map(|marker| marker.base_offset).last();
        let open = all.clone().find(|it| it.is_transactional() && ended.is_none_or(|ended| it.base_offset > ended));
        if let Some(open) = open.filter(|open| open.base_offset >= self.highest_start) {
            assert_eq!(self.log.producers().first_undecided_offset(), Some(open.base_offset));
        }
        if !self.has_lost_indexes {
            self.check_aborted();
        }
    }

    fn check_aborted(&self) {
        let (mut begun, mut ended, mut required) = (None, Vec::new(), Vec::new());
        let first = self.log.segments().next().unwrap().base_offset;
        for batch in &self.batches {
            let header = header(batch);
            if header.is_control() {
                let begun = begun.take();
                if header.base_offset >= first && Marker::read(&header, batch).is_some_and(|marker| marker.aborts) {
                    ended.push(header.base_offset);
                    required.extend(begun.filter(|&it| it >= self.highest_start).map(|_| header.base_offset));
                }
            } else if header.is_transactional() {
                begun.get_or_insert(header.base_offset);
            }
        }
        let noted = self.log.segments().flat_map(|segment| segment.txn_index().entries(&self.disk));
        let noted: Vec<i64> = noted.map(|aborted| aborted.unwrap().last_offset).collect();
        assert!(noted.iter().all(|offset| ended.contains(offset)), "{noted:?} of {ended:?}");
        assert!(required.iter().all(|offset| noted.contains(offset)), "{required:?} in {noted:?}");
    }
}

/// How many lives are tried: `PROPTEST_CASES`, where that is set.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn what_survives_is_a_beginning_with_all_that_was_durable_and_consistent(
        ops in prop::collection::vec(op(), 1..90),
    ) {
        let mut life = Life::begin();
        for op in &ops {
            life.live(op);
            life.check();
        }
    }

    #[test]
    fn no_damage_makes_opening_or_what_follows_panic(
        ops in prop::collection::vec(op(), 1..40),
        damage in prop::collection::vec((any::<u64>(), any::<u64>(), 1..=255u8), 1..6),
        clean in any::<bool>(),
        recovery_point in 0..200i64,
        log_start_offset in 0..50i64,
    ) {
        let mut life = Life::begin();
        ops.iter().for_each(|op| life.live(op));
        let files: Vec<String> = life.disk.list("").map(str::to_owned).collect();
        for (file, at, mask) in damage {
            let path = &files[(file % files.len() as u64) as usize];
            let len = life.disk.open(path).map_or(0, |id| life.disk.len(id));
            match at % 5 {
                0 => drop(life.disk.remove(path)),
                1 if len > 0 => life.disk.truncate(life.disk.open(path).unwrap(), at / 5 % len),
                _ if len > 0 => drop(life.disk.flip_bit(path, at / 5 % len, mask)),
                _ => {}
            }
        }
        let producers = ProducerSettings { verification_enabled: false, ..ProducerSettings::default() };
        let opening = Opening { clean, recovery_point, log_start_offset, producers };
        if let Ok((mut log, _)) = ReplicaLog::open_with(&mut life.disk, DIRECTORY, config(), opening) {
            let mut builder = BatchBuilder::new();
            builder.record(START, None, Some(b"v"));
            let _ = log.append_as_leader(&mut life.disk, builder.build(), 7, START);
            let end = log.log_end_offset();
            log.update_high_watermark(&life.disk, end);
            for offset in [0, 3, 40, end - 1, end] {
                let _ = log.read(&life.disk, offset, 1_000, end, true);
            }
            let _ = log.offset_for_timestamp(&life.disk, START);
            let _ = log.truncate_to(&mut life.disk, end / 2);
            let _ = log.delete_old_segments(&mut life.disk, START + 100_000);
            let _ = log.shut_down(&mut life.disk);
        }
    }
}
