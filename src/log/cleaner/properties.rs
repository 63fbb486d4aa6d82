//! The cleaner against what is promised of it, over random logs.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::log::append::AppendOptions;
use crate::log::batch::{BatchBuilder, BatchHeader, Body};
use crate::log::cases::cases;
use crate::log::compression::Compression;
use crate::log::marker::Marker;
use crate::log::producers::{AppendOrigin, ProducerSettings};
use crate::log::{AbortedTransaction, LogConfig, ReplicaLog};
use crate::sim::disk::Disk;

const DIRECTORY: &str = "data/t-0";
const DELETE_RETENTION_MS: i64 = 2_000;

#[derive(Clone, Debug)]
enum Op {
    /// Keys, and whether each is a tombstone.
    Plain(Vec<(u8, bool)>, usize),
    Transactional(u8, Vec<(u8, bool)>),
    /// The producer's transaction ends: aborted or committed.
    End(u8, bool),
    Roll,
    Tick(i64),
    /// A pass with so many slots, over all that is there.
    Clean(u32),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let records = || vec((0u8..6, prop::bool::weighted(0.25)), 1..5);
    let op = prop_oneof![
        6 => (records(), 0usize..5).prop_map(|(records, codec)| Op::Plain(records, codec)),
        4 => (0u8..2, records()).prop_map(|(producer, records)| Op::Transactional(producer, records)),
        4 => (0u8..2, any::<bool>()).prop_map(|(producer, aborts)| Op::End(producer, aborts)),
        1 => Just(Op::Roll),
        2 => (1i64..3_000).prop_map(Op::Tick),
        3 => (3u32..40).prop_map(Op::Clean),
    ];
    vec(op, 5..80)
}

/// A log that takes operations, and what is needed to go on.
struct World {
    disk: Disk,
    log: ReplicaLog,
    manager: LogCleanerManager,
    now_ms: i64,
    written: u64,
    /// By producer: the next sequence number, and whether a transaction is open.
    producers: BTreeMap<u8, (i32, bool)>,
}

/// A record as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    offset: i64,
    timestamp: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
    horizon_ms: Option<i64>,
    producer_id: i64,
    is_control: bool,
    is_aborted: bool,
}

impl Seen {
    fn is_data(&self) -> bool {
        !self.is_control && !self.is_aborted
    }

    fn same_record(&self, other: &Seen) -> bool {
        let parts = |seen: &Seen| (seen.offset, seen.timestamp, seen.key.clone(), seen.value.clone(), seen.is_control);
        parts(self) == parts(other)
    }
}

fn config() -> LogConfig {
    LogConfig {
        compact: true,
        delete: false,
        segment_bytes: 600,
        segment_index_bytes: 1_000,
        index_interval_bytes: 200,
        delete_retention_ms: DELETE_RETENTION_MS,
        min_cleanable_dirty_ratio: 0.0,
        ..LogConfig::default()
    }
}

impl World {
    fn new() -> World {
        let mut disk = Disk::default();
        let now_ms = 1_700_000_000_000;
        disk.set_now_ms(now_ms);
        let log = ReplicaLog::open(&mut disk, DIRECTORY, config(), true, 0, 0).unwrap();
        let mut world = World {
            disk,
            log,
            manager: LogCleanerManager::new("data", now_ms),
            now_ms,
            written: 0,
            producers: BTreeMap::new(),
        };
        world.settle();
        world
    }

    fn settle(&mut self) {
        self.log.set_producer_settings(ProducerSettings { verification_enabled: false, ..ProducerSettings::default() });
        let end = self.log.log_end_offset();
        self.log.update_high_watermark(&self.disk, end);
    }

    fn append(&mut self, batch: Bytes, options: AppendOptions) {
        self.log.append_with(&mut self.disk, batch, 0, self.now_ms, &options).unwrap();
        self.settle();
    }

    fn records(&mut self, mut builder: BatchBuilder, records: &[(u8, bool)]) -> Bytes {
        for (key, is_tombstone) in records {
            self.written += 1;
            let value = format!("value {}", self.written);
            builder.record(self.now_ms, Some(&[b'a' + key]), (!is_tombstone).then_some(value.as_bytes()));
        }
        builder.build()
    }

    /// Does anything but clean.
    fn run(&mut self, op: &Op) {
        match op {
            Op::Plain(records, codec) => {
                let builder = BatchBuilder::new().compression(Compression::ALL[*codec]);
                let batch = self.records(builder, records);
                self.append(batch, AppendOptions::default());
            }
            Op::Transactional(producer, records) => {
                let (sequence, open) = self.producers.entry(*producer).or_default();
                let builder = BatchBuilder::new().producer((*producer).into(), 0, *sequence).transactional();
                (*sequence, *open) = (*sequence + records.len() as i32, true);
                let batch = self.records(builder, records);
                self.append(batch, AppendOptions::default());
            }
            Op::End(producer, aborts) => {
                let Some((_, open @ true)) = self.producers.get_mut(producer) else { return };
                *open = false;
                let marker = Marker { aborts: *aborts, coordinator_epoch: 0, timestamp: self.now_ms };
                let origin = AppendOrigin::Coordinator;
                let options = AppendOptions { origin, transaction_version: Some(1), ..AppendOptions::default() };
                self.append(marker.batch((*producer).into(), 0), options);
            }
            Op::Roll => {
                self.log.roll(&mut self.disk).unwrap();
                self.settle();
            }
            Op::Tick(ms) => {
                self.now_ms += ms;
                self.disk.set_now_ms(self.now_ms);
            }
            Op::Clean(_) => {}
        }
    }

    fn logs(&self) -> BTreeMap<Partition, ReplicaLog> {
        BTreeMap::from([(("t".to_owned(), 0), self.log.clone())])
    }

    fn choose(&mut self) -> Option<LogToClean> {
        let logs = self.logs();
        self.manager.grab_filthiest(&logs, &mut self.disk, self.now_ms, &mut PreCleanStats::default()).unwrap()
    }

    fn begin(&self, target: &LogToClean, slots: u32) -> CleaningPass {
        let buffers = CleanerBuffers {
            map_slots: slots,
            load_factor: 0.9,
            io_buffer_size: 150,
            max_io_buffer_size: 300,
            without_kip_534: false,
        };
        CleaningPass::new(&self.log, &self.disk, target, buffers, self.now_ms, 0).unwrap()
    }

    fn done(&mut self, target: &LogToClean, end_offset: i64) {
        let logs = self.logs();
        self.manager.done_cleaning(&logs, &mut self.disk, &target.partition, end_offset);
    }
}

/// All records of a log, with who of them is aborted: the marker behind them says so.
fn seen(log: &ReplicaLog, disk: &Disk) -> Vec<Seen> {
    let mut all = Vec::new();
    let mut open: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for segment in log.segments() {
        for (position, header) in segment.headers_from(disk, 0) {
            let bytes = segment.read(disk, position, header.size());
            let marker = Marker::read(&header, &bytes);
            for record in Body::of(&bytes).unwrap().records().unwrap().map(Result::unwrap) {
                if header.is_transactional() && !header.is_control() {
                    open.entry(header.producer_id).or_default().push(all.len());
                }
                all.push(Seen {
                    offset: record.offset,
                    timestamp: record.timestamp,
                    key: record.key.map(Bytes::copy_from_slice),
                    value: record.value.map(Bytes::copy_from_slice),
                    horizon_ms: header.delete_horizon_ms(),
                    producer_id: header.producer_id,
                    is_control: header.is_control(),
                    is_aborted: false,
                });
            }
            if let Some(marker) = marker {
                let of_transaction = open.remove(&header.producer_id).unwrap_or_default();
                of_transaction.into_iter().for_each(|at| all[at].is_aborted = marker.aborts);
            }
        }
    }
    all
}

/// The table that a read_committed reader from the start has at the last stable offset.
fn table(log: &ReplicaLog, disk: &Disk) -> BTreeMap<Bytes, Bytes> {
    let mut table = BTreeMap::new();
    for record in seen(log, disk).into_iter().filter(|seen| seen.is_data() && seen.offset < log.last_stable_offset()) {
        let Some(key) = record.key else { continue };
        match record.value {
            Some(value) => table.insert(key, value),
            None => table.remove(&key),
        };
    }
    table
}

/// A pass: from where, up to where, when, and the aborted transactions that it was told of at its beginning.
struct Pass {
    first_dirty: i64,
    end: i64,
    now_ms: i64,
    aborted: Vec<AbortedTransaction>,
}

impl Pass {
    /// The first read begins at an index entry, perhaps behind the marker of an aborted transaction that is still in the
    /// segment's index. As the recorded Kafka does, the pass then takes what its producer wrote later for aborted too,
    /// and does not put it into the map: records before it stay until another pass.
    fn may_overlook(&self, record: &Seen) -> bool {
        let ended = |aborted: &AbortedTransaction| aborted.last_offset < self.first_dirty;
        self.aborted.iter().any(|aborted| aborted.producer_id == record.producer_id && ended(aborted))
    }
}

/// What a pass must and must not have done.
fn check(before: &[Seen], after: &[Seen], pass: &Pass) -> Result<(), TestCaseError> {
    let Pass { first_dirty, end, now_ms, .. } = *pass;
    prop_assert!(after.windows(2).all(|pair| pair[0].offset < pair[1].offset), "offsets ascend");
    let stays = |record: &Seen| after.iter().any(|other| other.same_record(record));
    for record in after {
        prop_assert!(before.iter().any(|other| other.same_record(record)), "a record from nowhere: {record:?}");
        prop_assert!(!record.is_aborted || record.offset >= end, "aborted data stays: {record:?}");
    }
    for record in before.iter().filter(|record| record.is_data()) {
        if record.offset >= end {
            prop_assert!(stays(record), "gone above the map: {record:?}");
            continue;
        }
        let later = |other: &&Seen| other.is_data() && other.key == record.key && other.offset > record.offset;
        let mapped = |other: &&Seen| (first_dirty..end).contains(&other.offset);
        let mut superseding = before.iter().filter(later).filter(mapped).peekable();
        let may_go = superseding.peek().is_some();
        let superseded = superseding.any(|other| !pass.may_overlook(other));
        if may_go && !superseded {
            continue;
        }
        let expired = record.value.is_none() && record.horizon_ms.is_some_and(|horizon| horizon <= now_ms);
        prop_assert_eq!(stays(record), !superseded && !expired, "{:?} in {:?}", record, before);
    }
    Ok(())
}

/// A marker goes only when the data of its transaction was gone before, and a stamp's time has come.
fn check_markers(before: &[Seen], after: &[Seen], now_ms: i64) -> Result<(), TestCaseError> {
    let mut has_data = BTreeMap::new();
    for record in before {
        if !record.is_control {
            has_data.insert(record.producer_id, true);
            continue;
        }
        let had_data = has_data.insert(record.producer_id, false).unwrap_or(false);
        if !after.iter().any(|other| other.same_record(record)) {
            let in_time = record.horizon_ms.is_some_and(|horizon| horizon <= now_ms);
            prop_assert!(in_time && !had_data, "a marker went too soon: {record:?}");
        }
    }
    Ok(())
}

/// Tombstones that stay are stamped, and what is stamped keeps its time.
fn check_stamps(before: &[Seen], after: &[Seen], end: i64, now_ms: i64) -> Result<(), TestCaseError> {
    for record in after.iter().filter(|record| record.is_data() && record.value.is_none() && record.offset < end) {
        prop_assert!(record.horizon_ms.is_some(), "a tombstone without a stamp: {record:?}");
    }
    for record in after.iter().filter(|record| record.horizon_ms.is_some()) {
        let earlier = before.iter().find(|other| other.offset == record.offset).and_then(|other| other.horizon_ms);
        prop_assert_eq!(record.horizon_ms, Some(earlier.unwrap_or(now_ms + DELETE_RETENTION_MS)));
    }
    Ok(())
}

/// What a reopened log must have in common with the one before the crash.
fn check_reopened(world: &World, mut disk: Disk, before: &[Seen], end: i64) -> Result<(), TestCaseError> {
    let mut log = ReplicaLog::open(&mut disk, DIRECTORY, config(), false, world.log.recovery_point(), 0).unwrap();
    log.update_high_watermark(&disk, world.log.log_end_offset());
    prop_assert_eq!(log.log_end_offset(), world.log.log_end_offset());
    prop_assert_eq!(log.last_stable_offset(), world.log.last_stable_offset());
    let after = seen(&log, &disk);
    prop_assert!(after.windows(2).all(|pair| pair[0].offset < pair[1].offset), "offsets ascend");
    for record in before.iter().filter(|record| record.is_data() && record.offset >= end) {
        prop_assert!(after.iter().any(|other| other.same_record(record)), "gone above the map: {record:?}");
    }
    for record in &after {
        prop_assert!(before.iter().any(|other| other.same_record(record)), "a record from nowhere: {record:?}");
    }
    prop_assert_eq!(table(&log, &disk), table(&world.log, &world.disk));
    let leftover = |path: &&str| [".cleaned", ".swap", ".deleted"].iter().any(|suffix| path.ends_with(suffix));
    prop_assert_eq!(disk.list(DIRECTORY).find(leftover), None);
    Ok(())
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn a_crash_between_any_two_steps_loses_nothing(ops in ops(), slots in 3u32..40, tear in any::<u64>()) {
        let mut world = World::new();
        for op in &ops {
            world.run(op);
        }
        world.run(&Op::Roll);
        world.log.flush(&mut world.disk).unwrap();
        let Some(target) = world.choose() else { return Ok(()) };
        let before = seen(&world.log, &world.disk);
        // Up to where the pass will come.
        let end = world.begin(&target, slots).run(&mut world.log.clone(), &mut world.disk.clone(), 0).unwrap();
        let mut pass = world.begin(&target, slots);
        let mut steps = 0;
        loop {
            let progress = pass.step(&mut world.log, &mut world.disk, 0).unwrap();
            check_reopened(&world, world.disk.clone(), &before, end)?;
            let mut without_power = world.disk.clone();
            without_power.lose_power(|bound| (tear >> (steps % 32)) % bound);
            check_reopened(&world, without_power, &before, end)?;
            // What stands between two steps is a value: going on from a copy of it comes to the same.
            if steps == tear % 20 {
                let (mut copy, mut log, mut disk) = (pass.clone(), world.log.clone(), world.disk.clone());
                prop_assert_eq!(copy.run(&mut log, &mut disk, 0).unwrap(), end);
            }
            steps += 1;
            if progress == (Progress::Done { end_offset: end }) {
                break;
            }
        }
    }

    #[test]
    fn a_pass_can_be_given_up_at_any_step(ops in ops(), slots in 3u32..40, at in 0usize..60) {
        let mut world = World::new();
        for op in &ops {
            world.run(op);
        }
        world.run(&Op::Roll);
        let Some(target) = world.choose() else { return Ok(()) };
        let expected = table(&world.log, &world.disk);
        let mut pass = world.begin(&target, slots);
        for _ in 0..at {
            pass.step(&mut world.log, &mut world.disk, 0).unwrap();
        }
        pass.abort(&mut world.log, &mut world.disk).unwrap();
        prop_assert_eq!(table(&world.log, &world.disk), expected);
        let leftover = |path: &&str| [".cleaned", ".swap"].iter().any(|suffix| path.ends_with(suffix));
        prop_assert_eq!(world.disk.list(DIRECTORY).find(leftover), None);
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn the_latest_of_each_key_stays_and_nothing_else_changes(ops in ops()) {
        let mut world = World::new();
        for op in &ops {
            let Op::Clean(slots) = op else {
                world.run(op);
                continue;
            };
            world.run(&Op::Roll);
            let (before, before_table) = (seen(&world.log, &world.disk), table(&world.log, &world.disk));
            let ends = |log: &ReplicaLog| (log.log_start_offset(), log.log_end_offset(), log.last_stable_offset());
            let before_ends = ends(&world.log);
            let Some(target) = world.choose() else { continue };
            let first_dirty = target.first_dirty_offset;
            let aborted = world.log.collect_aborted_transactions(&world.disk, first_dirty, i64::MAX).unwrap();
            let mut pass = world.begin(&target, *slots);
            let end = pass.run(&mut world.log, &mut world.disk, 0).unwrap();
            world.done(&target, end);
            prop_assert!(end > target.first_dirty_offset && end <= target.first_uncleanable_offset);
            let after = seen(&world.log, &world.disk);
            check(&before, &after, &Pass { first_dirty, end, now_ms: world.now_ms, aborted })?;
            check_stamps(&before, &after, end, world.now_ms)?;
            check_markers(&before, &after, world.now_ms)?;
            prop_assert_eq!(table(&world.log, &world.disk), before_table);
            prop_assert_eq!(ends(&world.log), before_ends);
            for record in &after {
                let found = world.log.read(&world.disk, record.offset, 10_000, i64::MAX, true).unwrap();
                let first = BatchHeader::parse(&found.bytes).unwrap();
                prop_assert!((first.base_offset..=first.last_offset()).contains(&record.offset));
            }
        }
    }
}
