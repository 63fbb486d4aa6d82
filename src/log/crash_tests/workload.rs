//! A workload on a log, and the model of it.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::super::batch::{self, BatchBuilder, BatchHeader};
use super::super::index::IndexError;
use super::super::marker::Marker;
use super::super::*;
use super::{DIRECTORY, Op, START};
use crate::sim::disk::Disk;

pub(super) fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 1_500,
        index_interval_bytes: 200,
        segment_index_bytes: 240,
        retention_ms: 20_000,
        file_delete_delay_ms: 1_000,
        ..LogConfig::default()
    }
}

/// Base offsets of segments with index files that are not what they should be, or would not be after a loss of power.
#[derive(Default)]
struct Indexes {
    /// The last entry of the time index: it is written when the log is closed, behind the last flush, and at a roll, which
    /// flushes nothing if the log ended at the recovery point.
    last_times: BTreeSet<i64>,
    /// All entries: recovery wrote the files anew. What comes before the recovery point is not flushed again
    /// (`UnifiedLog.flush`): where the log was cut to it and then rolls, nothing makes these files durable.
    remade: BTreeSet<i64>,
}

impl Indexes {
    fn retain(&mut self, stays: impl Fn(i64) -> bool) {
        self.last_times.retain(|&base| stays(base));
        self.remade.retain(|&base| stays(base));
    }
}

/// A log, and what must be in it.
pub(super) struct Workload {
    pub disk: Disk,
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
    /// What was written into index files and not flushed since.
    unflushed: Indexes,
    /// What a loss of power took of that. Nothing checks it when a log is opened; recovery makes it whole again.
    harmed: Indexes,
    /// The time index's last entry was lost and the log wants to write behind it: what stands there instead may have a larger
    /// offset (`TimeIndex.maybeAppend` refuses then). Such a log goes on when it is recovered, which is another life.
    pub is_over: bool,
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

impl Workload {
    pub fn begin() -> Workload {
        let mut disk = Disk::default();
        disk.set_now_ms(START);
        let log = open(&mut disk, true, 0, 0);
        Workload {
            disk,
            log,
            batches: Vec::new(),
            sequences: [0; 2],
            transaction_is_open: false,
            epoch: 0,
            epochs: epochs::LeaderEpochs::default(),
            now_ms: START,
            durable: 0,
            unflushed: Indexes::default(),
            harmed: Indexes::default(),
            is_over: false,
            highest_start: 0,
            recovery_point: 0,
            log_start_offset: 0,
        }
    }

    pub fn live(&mut self, op: &Op) {
        if self.is_over {
            return;
        }
        let (recovery_point, active) = (self.log.recovery_point(), self.active());
        match *op {
            Op::Append { records, size, producer } => self.append(records, size, producer),
            Op::EndTransaction { commit } => self.end_transaction(commit),
            Op::Roll => {
                let rolled = self.log.roll(&mut self.disk);
                self.is_done(active, rolled.map_err(AppendError::from));
            }
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
                self.lose_power(seed);
                self.reopen(false);
                self.durable = self.log.log_end_offset();
            }
            Op::CleanStop(loss) => {
                self.log.shut_down(&mut self.disk).unwrap();
                self.note_flush(recovery_point);
                self.unflushed.last_times.insert(active);
                self.checkpoint();
                if let Some(seed) = loss {
                    self.lose_power(seed);
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
        if self.active() > active {
            self.unflushed.last_times.insert(active);
        }
        if matches!(op, Op::Append { .. } | Op::EndTransaction { .. } | Op::Roll | Op::Flush)
            && self.log.recovery_point() > recovery_point
        {
            self.note_flush(recovery_point);
        }
        let bases: BTreeSet<i64> = self.log.segments().map(|segment| segment.base_offset).collect();
        self.unflushed.retain(|base| bases.contains(&base));
        self.harmed.retain(|base| bases.contains(&base));
        self.epochs.truncate_from_start(self.log.log_start_offset());
        self.highest_start = self.highest_start.max(self.log.log_start_offset());
        self.log.update_high_watermark(&self.disk, end);
    }

    /// A flush takes the segments from that of the recovery point on.
    fn note_flush(&mut self, recovery_point: i64) {
        let from = self.base_before(recovery_point);
        self.unflushed.retain(|base| base < from);
    }

    fn lose_power(&mut self, seed: u64) {
        self.disk.lose_power(tear(seed));
        let taken = std::mem::take(&mut self.unflushed);
        self.harmed.last_times.extend(taken.last_times);
        self.harmed.remade.extend(taken.remade);
    }

    /// The base offset of the segment that holds an offset, or of the first.
    fn base_before(&self, offset: i64) -> i64 {
        let mut bases = self.log.segments().map(|segment| segment.base_offset);
        let first = bases.next().unwrap();
        bases.take_while(|&base| base <= offset).last().unwrap_or(first)
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
        let (base_offset, active) = (self.log.log_end_offset(), self.active());
        let appended = self.log.append_with(&mut self.disk, bytes.clone(), self.epoch, self.now_ms, options);
        if !self.is_done(active, appended) {
            return;
        }
        self.batches.push(batch::with_offset_and_epoch(&bytes, base_offset, self.epoch));
        self.epochs.assign(self.epoch, base_offset).unwrap();
    }

    /// Whether it was done. A last entry of a time index that a loss of power tore may refuse the next one
    /// (`TimeIndex.maybeAppend`), and then the life is over; nothing else may be refused.
    fn is_done<T>(&mut self, active: i64, done: Result<T, AppendError>) -> bool {
        match done {
            Ok(_) => true,
            Err(AppendError::Log(LogError::Index(IndexError::Offset(_))))
                if self.harmed.last_times.contains(&active) =>
            {
                self.is_over = true;
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// At a border of two batches, as followers do, not below what was deleted, and not where the segment's index was lost:
    /// Kafka may then leave the batches in the file. A broker writes the recovery point after that.
    fn truncate(&mut self, seed: u64) {
        let borders: Vec<i64> = self
            .batches
            .iter()
            .map(|batch| header(batch).base_offset)
            .filter(|&border| border >= self.log.log_start_offset())
            .filter(|&border| !self.harmed.remade.contains(&self.base_before(border)))
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
            self.remake_indexes();
            self.recover_epochs();
        }
        self.epochs.truncate_from_end(end);
        if self.batches.last().map_or(0, |last| header(last).next_offset()) < end {
            // Less was left than was deleted: the log begins anew at its start.
            self.epochs.clear();
        }
        self.remember_producers();
    }

    /// Recovery makes the indexes anew from the segment of the recovery point on.
    fn remake_indexes(&mut self) {
        let from = self.base_before(self.recovery_point);
        self.harmed.retain(|base| base < from);
        let bases = self.log.segments().map(|segment| segment.base_offset);
        self.unflushed.remade.extend(bases.filter(|&base| base >= from));
    }

    /// Recovery takes in the epochs of the batches that it reads, from the segment of the recovery point on
    /// (`LogSegment.recover`). A truncation to the log's start may have dropped one whose batches come back with a start
    /// that was not checkpointed.
    fn recover_epochs(&mut self) {
        let first = self.base_before(self.recovery_point);
        for batch in self.batches.iter().map(header).filter(|batch| batch.base_offset >= first) {
            if self.epochs.latest().is_none_or(|latest| batch.partition_leader_epoch > latest) {
                self.epochs.assign(batch.partition_leader_epoch, batch.base_offset).unwrap();
            }
        }
    }

    pub fn check(&self) {
        if self.is_over {
            return;
        }
        self.check_batches();
        self.log.segments().for_each(|segment| self.check_indexes(segment));
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
        let is_readable =
            |offset| offset >= self.log.log_start_offset() && !self.harmed.remade.contains(&self.base_before(offset));
        for batch in kept.iter().filter(|batch| is_readable(header(batch).base_offset)) {
            let read = self.log.read(&self.disk, header(batch).last_offset(), 1, end, true).unwrap();
            assert_eq!(&read.bytes, *batch);
        }
    }

    fn check_indexes(&self, segment: &segment::Segment) {
        if self.harmed.remade.contains(&segment.base_offset) {
            return;
        }
        let mut before = -1;
        for (offset, position) in segment.offset_entries(&self.disk) {
            let batch = segment.header_at(&self.disk, position).unwrap();
            assert!(batch.last_offset() == offset && offset > before);
            before = offset;
        }
        if self.harmed.last_times.contains(&segment.base_offset) {
            return;
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
        self.check_aborted();
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
                    let is_noted = |begun: &i64| {
                        *begun >= self.highest_start
                            && !self.harmed.remade.contains(&self.base_before(header.base_offset))
                    };
                    required.extend(begun.filter(is_noted).map(|_| header.base_offset));
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
