//! Cases of Kafka's LogCleanerTest and LogCleanerManagerTest.

use bytes::Bytes;

use super::offset_map::KeyHash;
use super::*;
use crate::log::append::{AppendInfo, AppendOptions};
use crate::log::batch::{self, BatchBuilder, Body};
use crate::log::marker::Marker;
use crate::log::producers::{AppendOrigin, ProducerSettings};
use crate::log::{LogConfig, ReplicaLog};
use crate::sim::disk::Disk;

const NOW: i64 = 1_700_000_000_000;
/// Behind every delete horizon that is stamped at `NOW`.
const LATER: i64 = NOW + 1_000_000;

struct World {
    disk: Disk,
    log: ReplicaLog,
    sequences: [i32; 4],
}

fn open(disk: &mut Disk, config: LogConfig, clean: bool) -> ReplicaLog {
    let mut log = ReplicaLog::open(disk, "t-0", config, clean, 0, 0).unwrap();
    log.set_producer_settings(ProducerSettings { verification_enabled: false, ..ProducerSettings::default() });
    log
}

fn config() -> LogConfig {
    LogConfig { compact: true, delete: false, delete_retention_ms: 1_000, ..LogConfig::default() }
}

impl World {
    fn new(config: LogConfig) -> World {
        let mut disk = Disk::default();
        disk.set_now_ms(NOW);
        let log = open(&mut disk, config, true);
        World { disk, log, sequences: [0; 4] }
    }

    fn write(&mut self, batch: Bytes, options: &AppendOptions) -> AppendInfo {
        let info = self.log.append_with(&mut self.disk, batch, 0, NOW, options).unwrap();
        let end = self.log.log_end_offset();
        self.log.update_high_watermark(&self.disk, end);
        info
    }

    fn append(&mut self, builder: BatchBuilder, keys: &[i32]) -> AppendInfo {
        self.write(filled(builder, keys, NOW), &AppendOptions::default())
    }

    /// A batch of an idempotent producer's.
    fn sequenced(&mut self, producer: usize, keys: &[i32]) {
        let sequence = self.sequences[producer];
        self.sequences[producer] += keys.len() as i32;
        self.append(BatchBuilder::new().producer(producer as i64, 0, sequence), keys);
    }

    fn transactional(&mut self, producer: usize, keys: &[i32]) {
        let sequence = self.sequences[producer];
        self.sequences[producer] += keys.len() as i32;
        self.append(BatchBuilder::new().producer(producer as i64, 0, sequence).transactional(), keys);
    }

    fn end(&mut self, producer: usize, aborts: bool) {
        let marker = Marker { aborts, coordinator_epoch: 0, timestamp: NOW }.batch(producer as i64, 0);
        let origin = AppendOrigin::Coordinator;
        self.write(marker, &AppendOptions { origin, transaction_version: Some(1), ..AppendOptions::default() });
    }

    fn roll(&mut self) {
        self.log.roll(&mut self.disk).unwrap();
    }

    /// Cleans up to the active segment; answers up to where it came, and its offset map.
    fn clean(&mut self, first_dirty: i64, keys_in_map: u32, now_ms: i64) -> (i64, CleaningPass) {
        let active = self.log.active_segment().base_offset;
        let target = LogToClean::of(&("t".to_owned(), 0), &self.log, first_dirty, active, false);
        let buffers = CleanerBuffers {
            map_slots: 2 * keys_in_map,
            load_factor: 0.5,
            io_buffer_size: 4096,
            max_io_buffer_size: 4096,
            without_kip_534: false,
        };
        let mut pass = CleaningPass::new(&self.log, &self.disk, &target, buffers, now_ms, 0).unwrap();
        let end = pass.run(&mut self.log, &mut self.disk, 0).unwrap();
        (end, pass)
    }

    fn batches(&self) -> Vec<Bytes> {
        let segments = self.log.segments();
        let bytes = segments.map(|segment| segment.read(&self.disk, 0, segment.size()));
        bytes
            .flat_map(|bytes| batch::batches(&bytes).map(|(_, it)| Bytes::copy_from_slice(it)).collect::<Vec<_>>())
            .collect()
    }

    /// The offsets of all records, markers too.
    fn offsets(&self) -> Vec<i64> {
        self.batches().iter().flat_map(|batch| records(batch).into_iter().map(|(offset, _)| offset)).collect()
    }

    /// The keys of all data.
    fn keys(&self) -> Vec<i32> {
        self.batches().iter().flat_map(|batch| records(batch).into_iter().filter_map(|(_, key)| key)).collect()
    }

    fn last_offsets_of_batches(&self) -> Vec<i64> {
        self.batches().iter().map(|batch| batch::BatchHeader::parse(batch).unwrap().last_offset()).collect()
    }
}

fn filled(mut builder: BatchBuilder, keys: &[i32], timestamp: i64) -> Bytes {
    for key in keys {
        builder.record(timestamp, Some(&key.to_be_bytes()), Some(b"value"));
    }
    builder.build()
}

/// Offsets and, of data, keys.
fn records(batch: &Bytes) -> Vec<(i64, Option<i32>)> {
    let is_control = batch::BatchHeader::parse(batch).unwrap().is_control();
    let body = Body::of(batch).unwrap();
    let all = body.records().unwrap().map(Result::unwrap);
    let key = |key: Option<&[u8]>| key.and_then(|key| key.first_chunk()).map(|key| i32::from_be_bytes(*key));
    all.map(|record| (record.offset, key(record.key).filter(|_| !is_control))).collect()
}

#[test]
fn duplicates_are_known_after_cleaning_and_after_a_restart() {
    let mut world = World::new(config());
    let sent: [&[i32]; 3] = [&[1, 2, 3], &[3, 1, 4], &[1, 4]];
    for (producer, keys) in sent.iter().enumerate() {
        world.sequenced(producer, keys);
    }
    world.roll();
    world.clean(0, 100, NOW);
    assert_eq!((world.offsets(), world.last_offsets_of_batches()), (vec![1, 3, 6, 7], vec![2, 5, 7]));
    for restarted in [false, true] {
        if restarted {
            world.log.shut_down(&mut world.disk).unwrap();
            world.log = open(&mut world.disk, config(), true);
        }
        for (producer, (keys, first)) in sent.iter().zip([0, 3, 6]).enumerate() {
            let again = world.append(BatchBuilder::new().producer(producer as i64, 0, 0), keys);
            let expected = (true, first, first + keys.len() as i64 - 1);
            assert_eq!((again.duplicate, again.base_offset, again.last_offset), expected, "restarted: {restarted}");
        }
    }
}

#[test]
fn aborted_records_go_and_do_not_shadow_older_ones() {
    let mut world = World::new(config());
    world.transactional(1, &[1, 2]);
    world.transactional(2, &[2, 3]);
    world.transactional(1, &[3, 4]);
    world.end(1, true);
    world.end(2, false);
    world.transactional(1, &[2]);
    world.end(1, false);
    world.roll();
    world.clean(0, 100, NOW);
    assert_eq!((world.keys(), world.offsets()), (vec![3, 2], vec![3, 6, 7, 8, 9]));
}

#[test]
fn a_commit_marker_goes_when_no_data_of_it_is_left_and_its_horizon_has_passed() {
    let mut world = World::new(config());
    world.transactional(1, &[1]);
    world.transactional(1, &[2, 3]);
    world.end(1, false);
    world.transactional(1, &[2]);
    world.end(1, false);
    world.roll();
    let (dirty, _) = world.clean(0, 100, NOW);
    assert_eq!((world.keys(), world.offsets()), (vec![1, 3, 2], vec![0, 2, 3, 4, 5]));
    world.transactional(1, &[1, 3]);
    world.end(1, false);
    world.roll();
    // There were records of the first transaction when this pass began: its marker is not stamped yet.
    world.clean(dirty, 100, NOW);
    assert_eq!((world.keys(), world.offsets()), (vec![2, 1, 3], vec![3, 4, 5, 6, 7, 8]));
    world.clean(0, 100, NOW);
    assert_eq!(world.offsets(), [3, 4, 5, 6, 7, 8]);
    world.clean(0, 100, LATER);
    assert_eq!((world.keys(), world.offsets()), (vec![2, 1, 3], vec![4, 5, 6, 7, 8]));
}

#[test]
fn an_abort_marker_is_stamped_in_the_pass_behind_its_records_and_goes_in_a_later_one() {
    let mut world = World::new(config());
    world.transactional(1, &[1]);
    world.transactional(1, &[2, 3]);
    world.end(1, true);
    world.transactional(1, &[3]);
    world.end(1, false);
    world.roll();
    for _ in 0..2 {
        world.clean(0, 100, NOW);
        assert_eq!((world.keys(), world.offsets()), (vec![3], vec![3, 4, 5]));
    }
    world.clean(0, 100, LATER);
    assert_eq!((world.keys(), world.offsets()), (vec![3], vec![4, 5]));
}

#[test]
fn of_an_aborted_transaction_over_segments_an_empty_batch_and_the_marker_remain() {
    let mut world = World::new(config());
    for key in 1..4 {
        world.transactional(1, &[key]);
        world.roll();
    }
    world.end(1, true);
    world.append(BatchBuilder::new(), &[9]);
    world.roll();
    world.clean(0, 100, NOW);
    // The producer's last batch is kept without its record.
    assert_eq!((world.keys(), world.offsets()), (vec![9], vec![3, 4]));
    assert_eq!(world.last_offsets_of_batches(), [2, 3, 4]);
}

#[test]
fn a_map_that_is_full_cleans_a_segment_in_part() {
    let mut world = World::new(config());
    for key in [0, 1, 0, 1, 0] {
        world.append(BatchBuilder::new(), &[key]);
    }
    world.roll();
    let passes: [(i64, &[i64]); 3] = [(2, &[1, 2, 3, 4]), (3, &[2, 3, 4]), (4, &[3, 4])];
    for (first_dirty, left) in passes {
        let (end, _) = world.clean(first_dirty, 1, NOW);
        assert_eq!((world.offsets(), end), (left.to_vec(), first_dirty + 1));
    }
}

#[test]
fn a_map_takes_keys_up_to_its_load_and_remembers_how_far_it_came() {
    let mut world = World::new(config());
    for key in 0..5 {
        world.append(BatchBuilder::new(), &[key]);
    }
    world.roll();
    let (end, pass) = world.clean(2, 2, NOW);
    let latest = |key: i32| pass.map().get(KeyHash::of(&key.to_be_bytes()));
    assert_eq!([0, 1, 2, 3, 4].map(latest), [-1, -1, 2, 3, -1]);
    assert_eq!((pass.map().size(), pass.map().latest_offset(), end), (2, 3, 4));
    assert_eq!(pass.stats().map_messages_read, 4);
}

#[test]
fn a_pass_comes_to_its_end_where_offsets_are_missing() {
    for gap_at_end in [false, true] {
        let mut world = World::new(config());
        let at = if gap_at_end { [0, 1] } else { [100, 101] };
        for offset in at {
            let batch = batch::with_offset_and_epoch(&filled(BatchBuilder::new(), &[1], NOW), offset, 0);
            world.log.append_as_follower(&mut world.disk, batch, 0).unwrap();
        }
        if gap_at_end {
            // A segment that begins far behind the last record before it.
            let batch = batch::with_offset_and_epoch(&filled(BatchBuilder::new(), &[2], NOW), i64::from(i32::MAX), 0);
            world.log.append_as_follower(&mut world.disk, batch, 0).unwrap();
        } else {
            world.roll();
        }
        let end = world.log.log_end_offset();
        world.log.update_high_watermark(&world.disk, end);
        let active = world.log.active_segment().base_offset;
        assert_eq!(world.clean(0, 100, NOW).0, active);
    }
}

#[test]
fn only_whole_segments_are_old_enough() {
    let mut world = World::new(LogConfig { min_compaction_lag_ms: 60_000, ..config() });
    for (key, age_ms) in [(0, 120_000), (1, 120_000), (2, 10_000), (3, 120_000)] {
        world.write(filled(BatchBuilder::new(), &[key], NOW - age_ms), &AppendOptions::default());
        if key % 2 == 1 {
            world.roll();
        }
    }
    // The second segment holds one record that is too young, and one that is not.
    let offsets = OffsetsToClean::of(&world.log, &world.disk, Some(0), NOW);
    assert_eq!((offsets.first_dirty_offset, offsets.first_uncleanable_dirty_offset), (0, 2));
    let offsets = OffsetsToClean::of(&world.log, &world.disk, Some(0), NOW + 60_000);
    assert_eq!(offsets.first_uncleanable_dirty_offset, 4);
}
