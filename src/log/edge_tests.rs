//! Edges of the log that random scripts found, run by Apache Kafka 4.3.1's storage classes and by this log.

use bytes::Bytes;

use super::batch::{self, BatchBuilder};
use super::index::IndexError;
use super::segment::CorruptBatch;
use super::*;
use crate::sim::disk::Disk;

const NOW: i64 = 1_700_000_000_000;
/// A message of format 0 at offset 0 and one of format 1 at offset 1, with keys and values.
const OLD_MESSAGES: [&str; 2] = [
    "0000000000000000000000101fecd70a0000000000016b0000000176",
    "00000000000000010000001839268c3301000000018bcfe56800000000016b0000000176",
];

fn config() -> LogConfig {
    LogConfig { segment_bytes: 100_000, segment_index_bytes: 100, index_interval_bytes: 0, ..LogConfig::default() }
}

fn batch(records: i64) -> Bytes {
    let mut builder = BatchBuilder::new();
    for i in 0..records {
        builder.record(NOW + i, Some(b"key"), Some(b"value"));
    }
    builder.build()
}

fn open(disk: &mut Disk, clean: bool) -> Result<ReplicaLog, OpenError> {
    ReplicaLog::open(disk, "t-0", config(), clean, 0, 0)
}

fn log_of(batches: usize) -> (Disk, ReplicaLog) {
    let mut disk = Disk::default();
    let mut log = open(&mut disk, true).unwrap();
    for _ in 0..batches {
        log.append_as_leader(&mut disk, batch(2), 0, NOW).unwrap();
    }
    (disk, log)
}

fn path(extension: &str) -> String {
    segment::path("t-0", 0, extension)
}

fn overwrite(disk: &mut Disk, at: u64, bytes: &[u8]) {
    let file = disk.open(&path("log")).unwrap();
    disk.overwrite(file, at, bytes);
}

#[test]
fn a_look_up_by_time_is_refused_behind_damage_as_a_read_is() {
    let (mut disk, log) = log_of(3);
    overwrite(&mut disk, 8, &[0; 4]);
    for timestamp in [0, NOW, NOW + 1, -3] {
        let refused = log.offset_for_timestamp(&disk, timestamp).unwrap_err();
        assert_eq!((refused, refused.code()), (ReadError::Batch(CorruptBatch(0)), 2), "{timestamp}");
    }
}

#[test]
fn a_look_up_by_time_is_refused_at_a_record_that_cannot_be_read() {
    let (mut disk, log) = log_of(1);
    overwrite(&mut disk, 61, &[0x7f]);
    let refused = log.offset_for_timestamp(&disk, NOW).unwrap_err();
    assert_eq!((refused.code(), refused.exception()), (87, "InvalidRecordException"));
    // A codec that is not known is a mistake of the caller's, in Kafka's words.
    let (mut disk, log) = log_of(1);
    overwrite(&mut disk, 22, &[7]);
    let refused = log.offset_for_timestamp(&disk, NOW).unwrap_err();
    assert_eq!((refused.code(), refused.exception()), (-1, "IllegalArgumentException"));
}

#[test]
fn a_truncation_is_refused_where_damage_lies_on_the_way() {
    let mut disk = Disk::default();
    let config = LogConfig { index_interval_bytes: 10_000, ..config() };
    let mut log = ReplicaLog::open(&mut disk, "t-0", config, true, 0, 0).unwrap();
    for _ in 0..3 {
        log.append_as_leader(&mut disk, batch(2), 0, NOW).unwrap();
    }
    let end = log.log_end_offset();
    overwrite(&mut disk, 8, &[0; 4]);
    assert_eq!(log.truncate_to(&mut disk, 4).map_err(|error| error.code()), Err(2));
    assert_eq!(log.log_end_offset(), end);
}

/// Of batches whose offsets overlap the one is found that the walk from the index comes to last: the first whose successor
/// begins behind the offset (`FileRecords.searchForOffsetFromPosition`).
#[test]
fn of_overlapping_batches_a_read_finds_the_later() {
    let mut disk = Disk::default();
    let config = LogConfig { index_interval_bytes: 10_000, ..config() };
    let mut log = ReplicaLog::open(&mut disk, "t-0", config, true, 0, 0).unwrap();
    let at = |offset| batch::with_offset_and_epoch(&batch(5), offset, 0);
    log.append_as_follower(&mut disk, [at(30), at(31), at(56)].concat().into(), 0).unwrap();
    let found = |offset| log.read(&disk, offset, 1, 100, true).unwrap().first_batch_base_offset();
    assert_eq!([29, 30, 31, 33, 34, 35, 36].map(found), [30, 30, 31, 31, 31, 31, 56].map(Some));
}

/// An index that a crash left with zeros at its end is taken to be full of entries. Where a truncation comes back to its
/// segment, the time index has no room for the entry of the next roll, and Kafka writes behind the mapped file.
#[test]
fn a_roll_is_refused_where_the_time_index_has_no_room_for_its_last_entry() {
    let (mut disk, _) = log_of(2);
    let mut log = open(&mut disk, true).unwrap();
    log.append_as_leader(&mut disk, batch(2), 0, NOW).unwrap();
    assert_eq!(log.segments().map(|segment| segment.base_offset).collect::<Vec<_>>(), [0, 4]);
    log.truncate_to(&mut disk, 2).unwrap();
    let refused = AppendError::Log(LogError::Index(IndexError::NoRoom));
    assert_eq!(log.append_as_leader(&mut disk, batch(2), 0, NOW), Err(refused.clone()));
    assert_eq!((refused.code(), refused.exception()), (-1, "BufferOverflowException"));
    assert_eq!((log.log_end_offset(), log.segments().count()), (2, 1));
}

#[test]
fn what_cannot_be_split_leaves_no_parts() {
    let (mut disk, _) = log_of(2);
    // The first batch is at 2^48; the second is torn.
    overwrite(&mut disk, 1, &[1]);
    let log = disk.open(&path("log")).unwrap();
    disk.truncate(log, disk.len(log) - 5);
    let error = open(&mut disk, false).unwrap_err();
    assert_eq!((error, error.exception()), (OpenError::TornOverflow { base_offset: 0 }, "NoSuchElementException"));
    assert_eq!(disk.list("t-0").find(|path| path.contains(".cleaned")), None);
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

/// Kafka keeps messages from before 0.11 and reads them, which this log does not; but it does not cut them off as damage.
#[test]
fn messages_of_old_formats_are_refused_and_stay() {
    for (magic, message) in OLD_MESSAGES.map(bytes_of).into_iter().enumerate() {
        let old_format = OpenError::OldFormat { base_offset: 0, magic: magic as i8 };
        for clean in [false, true] {
            let (mut disk, log) = log_of(0);
            drop(log);
            let file = disk.open(&path("log")).unwrap();
            disk.append(file, message.clone().into()).unwrap();
            assert_eq!(open(&mut disk, clean).unwrap_err(), old_format);
            assert_eq!(disk.len(file), message.len() as u64);
        }
        // Behind batches of format 2 only recovery looks.
        let (mut disk, _) = log_of(1);
        let file = disk.open(&path("log")).unwrap();
        disk.append(file, message.into()).unwrap();
        assert_eq!((open(&mut disk, false).unwrap_err(), old_format.code()), (old_format, 43));
    }
}

#[test]
fn a_batch_whose_magic_was_damaged_is_cut() {
    let (mut disk, _) = log_of(2);
    overwrite(&mut disk, 16, &[0]);
    assert_eq!(open(&mut disk, false).unwrap().log_end_offset(), 0);
}
