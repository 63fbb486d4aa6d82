//! Producers and transactions of a whole log: rules of Kafka's UnifiedLogTest and TransactionIndexTest.

use bytes::Bytes;

use super::batch::{BatchBuilder, BatchHeader};
use super::compression::Compression;
use super::marker::Marker;
use super::*;
use crate::sim::disk::Disk;

const NOW: i64 = 1_700_000_000_000;

struct World {
    disk: Disk,
    log: ReplicaLog,
}

impl World {
    fn new(config: LogConfig) -> World {
        let mut disk = Disk::default();
        disk.set_now_ms(NOW);
        let mut log = ReplicaLog::open(&mut disk, "t-0", config, true, 0, 0).unwrap();
        log.set_producer_settings(ProducerSettings { verification_enabled: false, ..ProducerSettings::default() });
        World { disk, log }
    }

    fn append(&mut self, batch: Bytes) -> Result<AppendInfo, AppendError> {
        self.log.append_as_leader(&mut self.disk, batch, 0, NOW)
    }

    /// A transaction's batch of so many records, from a sequence number on.
    fn transactional(&mut self, producer_id: i64, sequence: i32, records: usize) -> AppendInfo {
        let builder = BatchBuilder::new().producer(producer_id, 0, sequence).transactional();
        self.append(filled(builder, records)).unwrap()
    }

    fn plain(&mut self, records: usize) -> AppendInfo {
        self.append(filled(BatchBuilder::new(), records)).unwrap()
    }

    fn end(&mut self, producer_id: i64, aborts: bool) -> AppendInfo {
        let marker = Marker { aborts, coordinator_epoch: 0, timestamp: NOW }.batch(producer_id, 0);
        let origin = AppendOrigin::Coordinator;
        let options = AppendOptions { origin, transaction_version: Some(0), ..AppendOptions::default() };
        self.log.append_with(&mut self.disk, marker, 0, NOW, &options).unwrap()
    }

    fn high_watermark(&mut self, offset: i64) {
        self.log.update_high_watermark(&self.disk, offset);
    }

    fn fetch(&mut self, from: i64, isolation: Isolation) -> FetchedData {
        self.log.fetch(&self.disk, from, 10_000, isolation, true).unwrap()
    }
}

fn filled(mut builder: BatchBuilder, records: usize) -> Bytes {
    for _ in 0..records {
        builder.record(NOW, Some(b"key"), Some(b"value"));
    }
    builder.build()
}

fn sequenced(epoch: i16, sequence: i32, records: usize) -> Bytes {
    filled(BatchBuilder::new().producer(1, epoch, sequence), records)
}

#[test]
fn the_last_stable_offset_moves_when_the_high_watermark_passes_a_marker() {
    let mut world = World::new(LogConfig::default());
    world.transactional(1, 0, 5);
    world.plain(3);
    world.transactional(2, 0, 2);
    world.transactional(1, 5, 4);
    world.plain(2);
    world.transactional(1, 9, 10);
    assert_eq!(world.log.log_end_offset(), 26);
    world.high_watermark(26);
    assert_eq!((world.log.first_unstable_offset(), world.log.last_stable_offset()), (Some(0), 0));
    world.end(1, false);
    assert_eq!(world.log.last_stable_offset(), 0);
    world.high_watermark(27);
    assert_eq!(world.log.last_stable_offset(), 8);
    world.end(2, true);
    assert_eq!(world.log.last_stable_offset(), 8);
    world.high_watermark(28);
    assert_eq!((world.log.first_unstable_offset(), world.log.last_stable_offset()), (None, 28));
}

#[test]
fn an_aborted_transaction_is_indexed_with_what_was_stable_behind_it() {
    let mut world = World::new(LogConfig::default());
    world.transactional(1, 0, 5);
    world.transactional(2, 0, 2);
    let first = world.end(1, true);
    let second = world.end(2, true);
    world.transactional(1, 5, 1);
    world.end(1, false);
    let entry = |producer_id, first_offset, last_offset, last_stable_offset| AbortedTransaction {
        producer_id,
        first_offset,
        last_offset,
        last_stable_offset,
    };
    let expected = [entry(1, 0, first.last_offset, 5), entry(2, 5, second.last_offset, second.last_offset + 1)];
    assert_eq!(world.log.collect_aborted_transactions(&world.disk, 0, 100).unwrap(), expected);
}

#[test]
fn a_reader_of_committed_records_is_told_what_was_aborted() {
    let mut world = World::new(LogConfig::default());
    world.transactional(1, 0, 2);
    world.transactional(2, 0, 2);
    world.end(1, true);
    world.high_watermark(5);
    assert!(world.fetch(0, Isolation::HighWatermark).aborted.is_none());
    // The other transaction is open: only what lies before it may be read.
    let before = world.fetch(0, Isolation::TxnCommitted);
    assert_eq!((BatchHeader::parse(&before.bytes).unwrap().last_offset(), before.aborted), (1, Some(vec![(1, 0)])));
    assert_eq!(world.fetch(2, Isolation::TxnCommitted).bytes.len(), 0);
    world.end(2, false);
    world.high_watermark(6);
    assert_eq!(world.fetch(2, Isolation::TxnCommitted).aborted, Some(vec![(1, 0)]));
}

#[test]
fn a_truncated_marker_opens_its_transaction_again() {
    let mut world = World::new(LogConfig::default());
    world.transactional(1, 0, 3);
    let marker = world.end(1, true).base_offset;
    world.high_watermark(4);
    assert_eq!(world.log.first_unstable_offset(), None);
    world.log.truncate_to(&mut world.disk, marker).unwrap();
    assert_eq!((world.log.first_unstable_offset(), world.log.last_stable_offset()), (Some(0), 0));
    assert!(world.log.has_ongoing_transaction(1, 0));
    assert!(world.log.collect_aborted_transactions(&world.disk, 0, 100).unwrap().is_empty());
}

#[test]
fn a_start_inside_an_open_transaction_makes_its_batch_the_first_unstable() {
    let mut world = World::new(LogConfig::default());
    world.transactional(1, 0, 3);
    world.transactional(1, 3, 3);
    world.high_watermark(6);
    world.log.increment_log_start_offset(&mut world.disk, 4).unwrap();
    assert_eq!(world.log.first_unstable_offset(), Some(3));
}

#[test]
fn only_exactly_repeated_batches_of_the_last_five_are_duplicates() {
    let mut world = World::new(LogConfig::default());
    for sequence in 0..6 {
        world.append(sequenced(0, sequence, 1)).unwrap();
    }
    world.append(sequenced(0, 6, 3)).unwrap();
    let mut again = |sequence, records| {
        let info = world.append(sequenced(0, sequence, records));
        info.map(|info| (info.duplicate, info.base_offset)).map_err(|error| error.code())
    };
    assert_eq!([again(6, 3), again(7, 2), again(2, 1), again(1, 1)], [Ok((true, 6)), Err(45), Ok((true, 2)), Err(45)]);
}

#[test]
fn an_unknown_producer_may_begin_anywhere_in_any_epoch() {
    let mut world = World::new(LogConfig::default());
    assert_eq!(world.append(sequenced(1, 3, 1)).unwrap().base_offset, 0);
}

#[test]
fn a_refused_batch_of_a_new_leader_epoch_leaves_the_epoch() {
    let mut world = World::new(LogConfig::default());
    world.append(sequenced(0, 0, 1)).unwrap();
    let refused = world.log.append_as_leader(&mut world.disk, sequenced(0, 9, 1), 7, NOW);
    assert_eq!(refused.unwrap_err().code(), 45);
    assert_eq!(world.log.epochs().entries(), [(0, 0), (7, 1)]);
}

#[test]
fn the_topics_codec_replaces_the_producers_but_not_a_markers() {
    let mut world = World::new(LogConfig { compression: Some(Compression::Lz4), ..LogConfig::default() });
    world.transactional(1, 0, 3);
    world.append(filled(BatchBuilder::new().compression(Compression::Gzip), 3)).unwrap();
    world.end(1, false);
    let codecs: Vec<_> = world.log.batches(&world.disk, 0).map(|batch| batch.header.compression()).collect();
    assert_eq!(codecs, [Ok(Compression::Lz4), Ok(Compression::Lz4), Ok(Compression::None)]);
    let mut plain = World::new(LogConfig { compression: Some(Compression::None), ..LogConfig::default() });
    let sent = plain.append(filled(BatchBuilder::new().compression(Compression::Zstd), 3)).unwrap();
    assert_eq!((sent.source_compression, sent.last_offset), (Compression::Zstd, 2));
    assert!(plain.log.batches(&plain.disk, 0).all(|batch| batch.header.is_uncompressed()));
}

#[test]
fn a_producer_must_not_claim_the_time_of_the_append() {
    let by_log = LogConfig { message_timestamp_type: TimestampType::LogAppendTime, ..LogConfig::default() };
    let mut world = World::new(by_log);
    let claimed = filled(BatchBuilder::new().log_append_time(NOW), 2);
    let expected = AppendError::InvalidTimestamp { batch_indexes: vec![0, 1] };
    assert_eq!(world.append(claimed.clone()), Err(expected));
    // Where the producer's time counts, it is taken for that.
    let mut world = World::new(LogConfig::default());
    world.append(claimed).unwrap();
    assert!(world.log.batches(&world.disk, 0).all(|batch| !batch.header.is_log_append_time()));
}

#[test]
fn a_follower_learns_its_high_watermark_up_to_its_end() {
    let mut world = World::new(LogConfig::default());
    world.plain(100);
    let mut learn = |offset| world.log.maybe_update_high_watermark(&world.disk, offset);
    assert_eq!([learn(99), learn(100), learn(101)], [Some(99), Some(100), None]);
}

#[test]
fn a_reader_settles_the_high_watermark_on_its_batch() {
    let mut world = World::new(LogConfig::default());
    world.plain(3);
    world.plain(3);
    world.high_watermark(5);
    assert_eq!(world.fetch(0, Isolation::LogEnd).bytes.len(), 2 * world.fetch(3, Isolation::LogEnd).bytes.len());
    assert_eq!(world.log.high_watermark(), 5);
    let read = world.fetch(0, Isolation::HighWatermark);
    assert_eq!(BatchHeader::parse(&read.bytes).unwrap().size() as usize, read.bytes.len());
    assert_eq!(world.log.high_watermark(), 3);
}

#[test]
fn a_read_ends_with_a_cut_batch_where_it_has_no_room_for_the_whole() {
    let mut world = World::new(LogConfig::default());
    let size = world.plain(1).valid_bytes;
    world.plain(1);
    let read = |max, at_least_one| world.log.read(&world.disk, 0, max, 2, at_least_one).unwrap();
    assert_eq!((read(size + 5, true).bytes.len() as u32, read(5, true).bytes.len() as u32), (size + 5, size));
    assert_eq!((read(5, false).bytes.len(), read(5, false).first_entry_incomplete), (5, true));
}

#[test]
fn negative_times_ask_for_the_ends_of_the_log() {
    let mut world = World::new(LogConfig::default());
    world.plain(2);
    world.log.append_as_leader(&mut world.disk, filled(BatchBuilder::new(), 2), 3, NOW).unwrap();
    let at = |time| {
        let found = world.log.offset_for_timestamp(&world.disk, time).unwrap();
        found.map(|found| (found.offset, found.leader_epoch))
    };
    assert_eq!((at(-1), at(-2), at(-3)), (Some((4, Some(3))), Some((0, Some(0))), Some((0, Some(0)))));
    assert_eq!((at(-4), at(-5), at(-6)), (Some((0, Some(0))), Some((-1, Some(-1))), Some((-1, Some(-1)))));
}

#[test]
fn ten_batches_fill_a_segment_and_the_eleventh_rolls() {
    let size = filled(BatchBuilder::new(), 1).len() as u32;
    let mut world = World::new(LogConfig { segment_bytes: 10 * size, ..LogConfig::default() });
    let mut segments = |batches: usize| {
        for _ in 0..batches {
            world.plain(1);
        }
        world.log.segments().count()
    };
    assert_eq!([segments(10), segments(1), segments(9), segments(1)], [1, 2, 2, 3]);
}

#[test]
fn a_segment_without_timestamps_rolls_by_the_clock_and_an_empty_one_never() {
    let mut world = World::new(LogConfig { segment_ms: 1_000, ..LogConfig::default() });
    let mut append_at = |now| {
        let mut builder = BatchBuilder::new();
        builder.record(-1, None, Some(b"v"));
        world.disk.set_now_ms(now);
        world.log.append_as_leader(&mut world.disk, builder.build(), 0, now).unwrap();
        world.log.segments().count()
    };
    // It counts from when the segment was made, not from its first record.
    assert_eq!([NOW + 9_000, NOW + 1_000, NOW + 1_001].map(&mut append_at), [1, 1, 2]);
    assert_eq!(append_at(NOW + 20_000), 3);
}

#[test]
fn a_topic_that_is_only_compacted_keeps_old_segments_until_its_start_passes_them() {
    let size = filled(BatchBuilder::new(), 1).len() as u32;
    let mut world = World::new(LogConfig {
        segment_bytes: 5 * size,
        retention_ms: 0,
        compact: true,
        delete: false,
        ..LogConfig::default()
    });
    for _ in 0..15 {
        world.plain(1);
    }
    world.high_watermark(15);
    assert_eq!(world.log.delete_old_segments(&mut world.disk, NOW + 10_000), Ok(0));
    world.log.increment_log_start_offset(&mut world.disk, 6).unwrap();
    assert_eq!(world.log.delete_old_segments(&mut world.disk, NOW + 10_000), Ok(1));
    assert_eq!(world.log.log_start_offset(), 6);
}
