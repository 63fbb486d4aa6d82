//! The log as a whole: rules of Kafka's UnifiedLogTest and of recorded runs, and what survives a crash.

use bytes::Bytes;

use super::batch::{self, BatchBuilder};
use super::*;
use crate::sim::disk::Disk;

const NOW: i64 = 1_700_000_000_000;

fn one(value: &str) -> Bytes {
    let mut builder = BatchBuilder::new();
    builder.record(NOW, Some(b"key"), Some(value.as_bytes()));
    builder.build()
}

fn many(records: usize, timestamp: i64) -> Bytes {
    let mut builder = BatchBuilder::new();
    for _ in 0..records {
        builder.record(timestamp, Some(b"k"), Some(b"value"));
    }
    builder.build()
}

fn sequenced(sequence: i32) -> Bytes {
    let mut builder = BatchBuilder::new().producer(1, 0, sequence);
    builder.record(NOW, Some(b"k"), Some(b"v"));
    builder.build()
}

fn small() -> LogConfig {
    LogConfig { segment_bytes: 500, index_interval_bytes: 100, segment_index_bytes: 1024, ..LogConfig::default() }
}

fn log_with(config: LogConfig, batches: usize) -> (Disk, ReplicaLog) {
    let mut disk = Disk::default();
    let mut log = ReplicaLog::open(&mut disk, "t-0", config, true, 0, 0).unwrap();
    for i in 0..batches {
        log.append_as_leader(&mut disk, one(&format!("value {i:04}")), 0, NOW).unwrap();
    }
    (disk, log)
}

fn offsets(bytes: &[u8]) -> Vec<i64> {
    batch::batches(bytes).map(|(header, _)| header.base_offset).collect()
}

fn read_all(disk: &Disk, log: &ReplicaLog) -> Vec<i64> {
    log.batches(disk, log.log_start_offset()).map(|batch| batch.header.base_offset).collect()
}

#[test]
fn offsets_follow_each_other_and_the_epoch_is_the_leaders() {
    let (mut disk, mut log) = log_with(LogConfig::default(), 0);
    assert_eq!(log.append_as_leader(&mut disk, many(3, NOW), 4, NOW).unwrap().last_offset, 2);
    let second = log.append_as_leader(&mut disk, many(2, NOW), 4, NOW).unwrap();
    assert_eq!((second.base_offset, second.last_offset, second.duplicate), (3, 4, false));
    let header = log.batches(&disk, 3).next().unwrap().header;
    assert_eq!((header.base_offset, header.partition_leader_epoch), (3, 4));
    assert_eq!((log.latest_epoch(), log.end_offset_for_epoch(4)), (Some(4), (4, 5)));
}

#[test]
fn a_leader_takes_exactly_one_whole_batch_from_offset_zero() {
    let (mut disk, mut log) = log_with(LogConfig { compact: true, max_message_bytes: 200, ..LogConfig::default() }, 0);
    let two = [one("a"), one("b")].concat();
    let shifted = batch::with_offset_and_epoch(&one("a"), 1, 0);
    let mut flipped = one("a").to_vec();
    flipped[66] ^= 1;
    let mut keyless = BatchBuilder::new();
    keyless.record(NOW, None, Some(b"v"));
    let early = many(1, NOW + 3_600_001);
    let cases: [(Bytes, i16); 6] =
        [(two.into(), 87), (shifted, 87), (flipped.into(), 2), (keyless.build(), 87), (early, 32), (many(30, NOW), 10)];
    for (bytes, code) in cases {
        assert_eq!(log.append_as_leader(&mut disk, bytes, 0, NOW).unwrap_err().code(), code);
    }
    // What is no whole batch is nothing.
    assert_eq!(
        log.append_as_leader(&mut disk, Bytes::from_static(b"short"), 0, NOW).map(|info| info.valid_bytes),
        Ok(0)
    );
    assert_eq!(log.log_end_offset(), 0);
    assert!(log.append_as_leader(&mut disk, many(1, -1), 0, NOW).is_ok());
}

#[test]
fn a_producer_that_repeats_itself_gets_the_original_offsets() {
    let (mut disk, mut log) = log_with(LogConfig::default(), 2);
    for sequence in 0..3 {
        log.append_as_leader(&mut disk, sequenced(sequence), 0, NOW).unwrap();
    }
    let again = log.append_as_leader(&mut disk, sequenced(1), 0, NOW).unwrap();
    assert_eq!((again.base_offset, again.duplicate, log.log_end_offset()), (3, true, 5));
    assert_eq!(log.append_as_leader(&mut disk, sequenced(9), 0, NOW).unwrap_err().code(), 45);
}

#[test]
fn log_append_time_is_the_brokers() {
    let config = LogConfig { message_timestamp_type: TimestampType::LogAppendTime, ..LogConfig::default() };
    let (mut disk, mut log) = log_with(config, 0);
    assert_eq!(log.append_as_leader(&mut disk, many(1, 5), 0, NOW).unwrap().log_append_time, NOW);
    assert_eq!(log.offset_for_timestamp(&disk, NOW).unwrap().unwrap().offset, 0);
}

#[test]
fn a_follower_keeps_offsets_and_gaps_and_drops_epochs_above_the_leaders() {
    let (mut disk, mut log) = log_with(LogConfig::default(), 0);
    let at = |offset, epoch| batch::with_offset_and_epoch(&one("v"), offset, epoch);
    let mut append = |bytes: Bytes, epoch| log.append_as_follower(&mut disk, bytes, epoch).map(|info| info.last_offset);
    assert_eq!(append([at(20, 3), at(21, 4)].concat().into(), 5), Ok(21));
    assert_eq!(append(at(21, 4), 5), Err(AppendError::UnexpectedOffset(21)));
    assert_eq!(append([at(22, 4), at(22, 4)].concat().into(), 5), Err(AppendError::OffsetsOutOfOrder));
    assert_eq!(append([at(30, 4), at(31, 6)].concat().into(), 4), Ok(30));
    assert_eq!(append(at(40, 9), 4), Ok(-1));
    assert_eq!(log.epochs().entries(), [(3, 20), (4, 21)]);
    let from_gap = log.read(&disk, 25, 1_000, 31, true).unwrap();
    assert_eq!(offsets(&from_gap.bytes), [30]);
}

#[test]
fn a_read_gives_whole_batches_of_one_segment_below_the_bound() {
    let (disk, log) = log_with(small(), 20);
    let size = log.batches(&disk, 0).next().unwrap().header.size();
    let per_segment = i64::from(500 / size);
    let read = |from, max, upper, min_one| offsets(&log.read(&disk, from, max, upper, min_one).unwrap().bytes);
    assert_eq!(read(0, 10_000, 20, true), (0..per_segment).collect::<Vec<_>>());
    assert_eq!(read(1, 2 * size + 5, 20, true), [1, 2]);
    assert_eq!(read(1, 5, 20, true), [1]);
    assert!(read(1, 5, 20, false).is_empty());
    assert_eq!(read(0, 10_000, 2, true), [0, 1]);
    assert!(read(2, 10_000, 2, true).is_empty());
    assert!(read(20, 10_000, 20, true).is_empty());
    assert!(log.read(&disk, 21, 1, 21, true).is_err());
    assert_eq!((0..20).flat_map(|from| read(from, 1, 20, true)).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_read_outside_the_log_is_refused_and_one_at_its_end_is_empty() {
    let (mut disk, mut log) = log_with(small(), 20);
    log.update_high_watermark(&disk, 20);
    log.increment_log_start_offset(&mut disk, 3).unwrap();
    let read = |offset| log.read(&disk, offset, 100, i64::MAX, false).map(|data| data.bytes.is_empty());
    let refused = |offset| Err(ReadError::OffsetOutOfRange { offset, log_start_offset: 3, log_end_offset: 20 });
    assert_eq!([2, 3, 20, 21].map(read), [refused(2), Ok(false), Ok(true), refused(21)]);
}

#[test]
fn the_start_of_the_log_does_not_pass_the_high_watermark() {
    let (mut disk, mut log) = log_with(small(), 30);
    log.update_high_watermark(&disk, 25);
    let error = log.increment_log_start_offset(&mut disk, 26).unwrap_err();
    assert_eq!((error.code(), log.log_start_offset()), (1, 0));
    assert_eq!(log.increment_log_start_offset(&mut disk, 25), Ok(true));
}

#[test]
fn how_bytes_lie_on_the_disk_does_not_change_what_a_read_returns() {
    let (disk, leader) = log_with(LogConfig::default(), 40);
    let (mut other_disk, mut follower) = log_with(LogConfig::default(), 0);
    let all = leader.read(&disk, 0, u32::MAX, 40, true).unwrap().bytes;
    follower.append_as_follower(&mut other_disk, all, 0).unwrap();
    for from in 0..40 {
        for max in [1, 100, 777, 2_000] {
            let reads =
                [(&leader, &disk), (&follower, &other_disk)].map(|(log, disk)| log.read(disk, from, max, 33, true));
            assert_eq!(reads[0], reads[1]);
        }
    }
}

#[test]
fn segments_roll_by_size_time_and_index() {
    let (disk, log) = log_with(small(), 20);
    assert!(log.segments().count() > 3);
    assert!(log.segments().all(|segment| segment.size() <= 500));
    assert_eq!(log.size_bytes(), log.segments().map(|segment| u64::from(segment.size())).sum::<u64>());
    assert_eq!(log.recovery_point(), log.segments().last().unwrap().base_offset);
    assert_eq!(read_all(&disk, &log), (0..20).collect::<Vec<_>>());

    let (mut disk, mut log) = log_with(LogConfig { segment_ms: 1_000, ..LogConfig::default() }, 1);
    log.append_as_leader(&mut disk, many(1, NOW + 1_000), 0, NOW).unwrap();
    assert_eq!(log.segments().count(), 1);
    log.append_as_leader(&mut disk, many(1, NOW + 1_001), 0, NOW).unwrap();
    assert_eq!(log.segments().count(), 2);

    let by_index = LogConfig { index_interval_bytes: 1, segment_index_bytes: 32, ..LogConfig::default() };
    let (_, log) = log_with(by_index, 20);
    assert!(log.segments().count() > 1);
}

#[test]
fn the_high_watermark_stays_inside_the_log() {
    let (mut disk, mut log) = log_with(LogConfig::default(), 6);
    assert_eq!([3, 6, 0, 9, -1].map(|offset| log.update_high_watermark(&disk, offset)), [3, 6, 0, 6, 0]);
    log.update_high_watermark(&disk, 6);
    log.truncate_to(&mut disk, 3).unwrap();
    assert_eq!((log.high_watermark(), log.log_end_offset()), (3, 3));
    log.truncate_fully_and_start_at(&mut disk, 4, None).unwrap();
    assert_eq!((log.log_start_offset(), log.high_watermark(), log.log_end_offset()), (4, 4, 4));
}

#[test]
fn truncation_drops_epochs_sequences_and_segments() {
    let (mut disk, mut log) = log_with(small(), 0);
    for sequence in 0..20 {
        log.append_as_leader(&mut disk, sequenced(sequence), sequence / 5, NOW).unwrap();
    }
    for (end, latest) in [(20, 3), (11, 2), (10, 1), (1, 0)] {
        log.truncate_to(&mut disk, end).unwrap();
        assert_eq!((log.log_end_offset(), log.latest_epoch()), (end, Some(latest)));
        assert_eq!(read_all(&disk, &log), (0..end).collect::<Vec<_>>());
    }
    assert_eq!(log.append_as_leader(&mut disk, sequenced(1), 4, NOW).unwrap().base_offset, 1);
}

#[test]
fn times_are_looked_up_by_record() {
    let (mut disk, mut log) = log_with(small(), 0);
    for i in 0..30 {
        log.append_as_leader(&mut disk, many(2, NOW + 10 * i), 0, NOW).unwrap();
    }
    let at = |timestamp| log.offset_for_timestamp(&disk, timestamp).unwrap().map(|found| found.offset);
    assert_eq!((at(NOW), at(NOW + 1), at(NOW + 290), at(NOW + 291)), (Some(0), Some(2), Some(58), None));
    assert_eq!((at(-1), at(-2), at(-3)), (Some(60), Some(0), Some(58)));
}

#[test]
fn a_clean_reopen_changes_nothing() {
    let (mut disk, mut log) = log_with(small(), 0);
    for sequence in 0..20 {
        log.append_as_leader(&mut disk, sequenced(sequence), sequence / 7, NOW).unwrap();
    }
    log.close(&mut disk).unwrap();
    let mut again = ReplicaLog::open(&mut disk, "t-0", small(), true, log.recovery_point(), 0).unwrap();
    assert_eq!(again.log_end_offset(), 20);
    assert_eq!(again.epochs(), log.epochs());
    assert_eq!(read_all(&disk, &again), (0..20).collect::<Vec<_>>());
    assert!(again.append_as_leader(&mut disk, sequenced(19), 2, NOW).unwrap().duplicate);
    assert_eq!(again.append_as_leader(&mut disk, sequenced(20), 2, NOW).unwrap().base_offset, 20);
}

#[test]
fn a_damaged_batch_is_cut_off_with_all_that_follows() {
    let (mut disk, log) = log_with(small(), 20);
    let second = log.segments().nth(1).unwrap().base_offset;
    disk.flip_bit(&segment::path("t-0", second, "log"), 70, 1);
    let again = ReplicaLog::open(&mut disk, "t-0", small(), false, 0, 0).unwrap();
    assert_eq!(again.log_end_offset(), second);
    assert_eq!(again.segments().count(), 2);
}

#[test]
fn damage_below_the_recovery_point_is_not_noticed() {
    let (mut disk, log) = log_with(small(), 20);
    disk.flip_bit(&segment::path("t-0", 0, "log"), 70, 1);
    let again = ReplicaLog::open(&mut disk, "t-0", small(), false, log.recovery_point(), 0).unwrap();
    assert_eq!(again.log_end_offset(), 20);
}

#[test]
fn an_index_that_is_gone_is_built_again() {
    let (mut disk, mut log) = log_with(small(), 20);
    log.close(&mut disk).unwrap();
    let path = segment::path("t-0", 0, "index");
    let bytes = |disk: &Disk| disk.read(disk.open(&path).unwrap(), 0, u32::MAX);
    let before = bytes(&disk);
    disk.remove(&path);
    ReplicaLog::open(&mut disk, "t-0", small(), true, 20, 0).unwrap();
    assert!(!before.is_empty());
    assert_eq!(bytes(&disk), before);
}

#[test]
fn an_unreadable_epoch_checkpoint_keeps_the_log_closed() {
    let (mut disk, _) = log_with(small(), 3);
    checkpoints::replace(&mut disk, "t-0/leader-epoch-checkpoint", "rubbish").unwrap();
    assert!(matches!(ReplicaLog::open(&mut disk, "t-0", small(), true, 0, 0), Err(OpenError::Epochs(_))));
}

#[test]
fn a_full_disk_refuses_the_append_and_nothing_else_changes() {
    let (mut disk, mut log) = log_with(LogConfig::default(), 3);
    disk.set_capacity(disk.used());
    assert_eq!(log.append_as_leader(&mut disk, one("v"), 0, NOW).unwrap_err().code(), 56);
    assert_eq!((log.log_end_offset(), read_all(&disk, &log).len()), (3, 3));
    disk.set_capacity(u64::MAX);
    assert_eq!(log.append_as_leader(&mut disk, one("v"), 0, NOW).unwrap().base_offset, 3);
}

#[test]
fn retention_drops_old_segments_below_the_high_watermark() {
    let aged = LogConfig { retention_ms: 1_000, ..small() };
    let (mut disk, mut log) = log_with(aged, 20);
    log.update_high_watermark(&disk, 20);
    assert_eq!(log.delete_old_segments(&mut disk, NOW + 1_000), Ok(0));
    log.update_high_watermark(&disk, 6);
    let above = log.segments().filter(|segment| segment.base_offset > 6).count();
    log.delete_old_segments(&mut disk, NOW + 1_001).unwrap();
    assert_eq!(log.segments().count(), above + 1);
    assert!(log.log_start_offset() <= 6 && log.epochs().entries() == [(0, log.log_start_offset())]);
    log.update_high_watermark(&disk, 20);
    log.delete_old_segments(&mut disk, NOW + 1_001).unwrap();
    assert_eq!((log.log_start_offset(), log.size_bytes()), (20, 0));
    assert!(disk.list("t-0/").any(|path| path.ends_with(".deleted")));
    log.deletions().run(&mut disk, NOW + 120_000);
    let left: Vec<_> = disk.list("t-0/0").map(|path| path[4..].trim_start_matches('0')).collect();
    assert_eq!(left, ["20.log", "20.snapshot"]);
}

#[test]
fn retention_by_size_keeps_at_least_that_much() {
    let (mut disk, mut log) = log_with(LogConfig { retention_bytes: 700, ..small() }, 20);
    log.update_high_watermark(&disk, 20);
    log.delete_old_segments(&mut disk, NOW).unwrap();
    let first = u64::from(log.segments().next().unwrap().size());
    assert!(log.size_bytes() >= 700 && log.size_bytes() - first < 700);
}

#[test]
fn deleted_records_take_their_segments_along() {
    let (mut disk, mut log) = log_with(LogConfig { delete: false, ..small() }, 20);
    log.update_high_watermark(&disk, 20);
    let third = log.segments().nth(2).unwrap().base_offset;
    assert_eq!(log.increment_log_start_offset(&mut disk, third), Ok(true));
    assert_eq!(log.delete_old_segments(&mut disk, NOW), Ok(2));
    assert!(log.increment_log_start_offset(&mut disk, 21).is_err());
    assert!(log.read(&disk, third - 1, 1, 20, true).is_err());
}

#[test]
fn a_start_behind_the_recovered_end_empties_the_log() {
    let (mut disk, _) = log_with(small(), 3);
    let log = ReplicaLog::open(&mut disk, "t-0", small(), false, 0, 9).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.size_bytes()), (9, 9, 0));
}

#[cfg(not(target_family = "wasm"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_as_segment_files_open_or_refuse(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            clean in any::<bool>(),
        ) {
            let mut disk = Disk::default();
            for extension in ["log", "index", "timeindex", "snapshot"] {
                let file = disk.create(&segment::path("t-0", 0, extension)).unwrap();
                disk.append(file, bytes.clone().into()).unwrap();
            }
            if let Ok(mut log) = ReplicaLog::open(&mut disk, "t-0", small(), clean, 0, 0) {
                let _ = log.read(&disk, 0, 100, i64::MAX, true);
                let _ = log.offset_for_timestamp(&disk, 5);
                let _ = log.append_as_leader(&mut disk, one("v"), 0, NOW);
            }
        }
    }
}

/// Three batches of one append with room for one entry: the second entry is refused with the bytes in the file.
#[test]
fn a_followers_append_that_fills_the_index_on_its_way_fails_with_its_bytes_written() {
    let config = LogConfig { index_interval_bytes: 0, segment_index_bytes: 24, ..LogConfig::default() };
    let (mut disk, mut log) = log_with(config, 1);
    let batches: Vec<Bytes> = (1..5).map(|offset| batch::with_offset_and_epoch(&one("v"), offset, 0)).collect();
    let error = log.append_as_follower(&mut disk, batches.concat().into(), 0).unwrap_err();
    assert_eq!((error.code(), error.exception()), (-1, "IllegalArgumentException"));
    let written = one("value 0000").len() + 4 * one("v").len();
    assert_eq!((log.log_end_offset(), log.size_bytes()), (1, written as u64));
}

#[test]
fn a_plain_batch_inside_its_producers_transaction_keeps_the_log_closed() {
    let (mut disk, mut log) = log_with(LogConfig::default(), 0);
    let mut transactional = BatchBuilder::new().producer(1, 0, 0).transactional();
    transactional.record(NOW, Some(b"k"), Some(b"v"));
    let transactional = batch::with_offset_and_epoch(&transactional.build(), 0, 0);
    log.append_as_follower(&mut disk, transactional, 0).unwrap();
    log.shut_down(&mut disk).unwrap();
    disk.remove("t-0/00000000000000000001.snapshot");
    let file = disk.open(&segment::path("t-0", 0, "log")).unwrap();
    disk.append(file, batch::with_offset_and_epoch(&sequenced(1), 1, 0)).unwrap();
    let error = ReplicaLog::open(&mut disk, "t-0", LogConfig::default(), false, 0, 0).unwrap_err();
    assert_eq!((error.code(), error.exception()), (48, "InvalidTxnStateException"));
    let snapshot = disk.create("t-0/00000000000000000000.snapshot").unwrap();
    disk.append(snapshot, Bytes::from_static(b"damaged")).unwrap();
    let error = ReplicaLog::open(&mut disk, "t-0", LogConfig::default(), true, 0, 0).unwrap_err();
    assert_eq!((error.code(), error.exception()), (48, "InvalidTxnStateException"));
}
