//! What one replica's log holds of a window of offsets.

use super::medium::{self, Placed, Segments};
use super::transactions::Transactions;
use super::{Batch, BatchKind, Cleaning, EpochStart, LogReplica, ProducerState, Record, Segment, dissect};
use crate::broker::ReplicaView;
use crate::log::batch::{self, BatchHeader, Body};
use crate::log::cleaner::manager::CLEANER_OFFSETS;
use crate::log::cleaner::{LogToClean, OffsetsToClean};
use crate::log::marker::Marker;
use crate::log::{Producer, ReplicaLog, checkpoints};
use crate::sim::disk::Disk;
use crate::view::keys;

/// Batches of a replica that are told.
const BATCHES: usize = 1_000;
/// Batches behind the window that are searched for the end of its transactions.
const BATCHES_AHEAD: usize = 4_000;
/// Segments of a replica that are told.
const SEGMENTS: usize = 200;
/// Producers of a replica that are told.
const PRODUCERS: usize = 50;
/// Letters of a key.
const KEY_LETTERS: usize = 24;

/// Offsets that are looked at.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub first: i64,
    pub offsets: i64,
}

impl Window {
    fn end(self) -> i64 {
        self.first.saturating_add(self.offsets)
    }
}

/// What an open log, or that of a broker that was killed, holds of the window.
pub(super) fn open(
    log: &ReplicaLog,
    disk: &Disk,
    ends: &ReplicaView,
    window: Window,
    is_lost: &dyn Fn(&[u8]) -> bool,
) -> LogReplica {
    let segments = Segments::of(log, disk);
    let (batches, transactions) = batches(&segments, log.log_start_offset(), window, is_lost);
    let segments = told(&segments, log.log_end_offset(), log.directory(), window);
    LogReplica {
        log_start: ends.log_start_offset,
        last_stable: log.last_stable_offset(),
        high_watermark: ends.high_watermark,
        log_end: ends.log_end_offset,
        recovery_point: log.recovery_point(),
        epochs: epochs(log, window),
        others: medium::others(disk, log.directory(), &segments),
        segments,
        batches,
        transactions,
        cleaning: cleaning(log, disk),
        first_unstable: log.first_unstable_offset().unwrap_or(-1),
        producers: producers(log),
        ..LogReplica::default()
    }
}

fn producers(log: &ReplicaLog) -> Vec<ProducerState> {
    let state = |(id, it): (i64, &Producer)| ProducerState {
        id,
        epoch: it.epoch,
        last_sequence: it.last_sequence(),
        last_offset: it.last_data_offset(),
        batches: it.batches().len() as u32,
        open_from: it.current_txn_first_offset.unwrap_or(-1),
    };
    log.producers().iter().take(PRODUCERS).map(state).collect()
}

/// What lies on a disk whose broker has not opened the log: it lost power, or has not come to it.
pub(super) fn found(disk: &Disk, directory: &str, window: Window, is_lost: &dyn Fn(&[u8]) -> bool) -> LogReplica {
    let mut copy = disk.clone();
    let list = medium::found(&mut copy, directory, "");
    let segments = Segments::found(&list, disk);
    let first = list.first().map_or(0, |segment| segment.base_offset);
    let (batches, transactions) = batches(&segments, first, window, is_lost);
    let torn = segments.torn();
    let segments = told(&segments, torn.map_or(first, |torn| torn.offset), directory, window);
    LogReplica {
        log_start: first,
        log_end: -1,
        first_unstable: -1,
        recovery_point: checkpointed(disk, directory, checkpoints::RECOVERY_POINTS).unwrap_or(0),
        others: medium::others(disk, directory, &segments),
        segments,
        batches,
        transactions,
        torn,
        ..LogReplica::default()
    }
}

fn batches(
    segments: &Segments<'_>,
    log_start: i64,
    window: Window,
    is_lost: &dyn Fn(&[u8]) -> bool,
) -> (Vec<Batch>, Vec<super::Transaction>) {
    let disk = segments.disk;
    let mut transactions = Transactions::default();
    let mut batches = Vec::new();
    let mut ahead = 0;
    for placed in segments.batches_from(window.first.max(log_start)) {
        let bytes = placed.bytes(disk);
        transactions.meet(&placed.header, kind_of(&placed.header, &bytes));
        if placed.header.base_offset < window.end() && batches.len() < BATCHES {
            batches.push(batch_of(&placed, &bytes, is_lost(&bytes), disk.now_ms()));
        } else if transactions.none_is_open() || ahead == BATCHES_AHEAD {
            break;
        } else {
            ahead += 1;
        }
    }
    for batch in &mut batches {
        if batch.kind == BatchKind::Open {
            batch.kind = transactions.kind_of(batch.producer_id, batch.base);
        }
    }
    (batches, transactions.list)
}

/// The batches of a new segment that the cleaner writes, as far as they lie in the window.
pub(super) fn copied(disk: &Disk, directory: &str, ending: &'static str, window: Window) -> Vec<Batch> {
    let mut copy = disk.clone();
    let list = medium::found(&mut copy, directory, ending);
    let segments = Segments::found(&list, disk);
    batches(&segments, i64::MIN, window, &|_| false).0
}

pub(super) fn batch_of(placed: &Placed<'_>, bytes: &[u8], lost: bool, now_ms: i64) -> Batch {
    let header = &placed.header;
    let body = Body::of(bytes);
    let records = body.as_ref().ok().and_then(|body| body.records().ok());
    let records = records.map(|records| records.flatten().map(record).collect()).unwrap_or_default();
    Batch {
        base: header.base_offset,
        last: header.last_offset(),
        epoch: header.partition_leader_epoch,
        bytes: header.size(),
        segment: placed.segment.base_offset,
        position: placed.position,
        kind: kind_of(header, bytes),
        producer_id: header.producer_id,
        codec: dissect::codec(header).to_owned(),
        lost,
        corrupt: batch::check_crc(bytes, header).is_err(),
        delete_in_ms: header.delete_horizon_ms().map(|horizon| horizon.saturating_sub(now_ms)),
        records,
    }
}

fn record(record: batch::Record<'_>) -> Record {
    let key = record.key.map(dissect::text_of).unwrap_or_default();
    Record {
        offset: record.offset,
        hue: record.key.map(keys::number),
        key: key.chars().take(KEY_LETTERS).collect(),
        tombstone: record.value.is_none(),
    }
}

/// What a batch is by itself; the records of a transaction are open until its marker is met.
pub(in crate::view) fn kind_of(header: &BatchHeader, bytes: &[u8]) -> BatchKind {
    match (header.is_control(), header.is_transactional()) {
        (true, _) => match Marker::read(header, bytes) {
            Some(Marker { aborts: true, .. }) => BatchKind::Abort,
            Some(_) => BatchKind::Commit,
            None => BatchKind::Control,
        },
        (false, true) => BatchKind::Open,
        (false, false) => BatchKind::Data,
    }
}

fn epochs(log: &ReplicaLog, window: Window) -> Vec<EpochStart> {
    let entries = log.epochs().entries();
    let first = entries.partition_point(|(_, start)| *start <= window.first).saturating_sub(1);
    let reaching = entries.iter().skip(first).take_while(|(_, start)| *start < window.end());
    reaching.map(|(epoch, start)| EpochStart { epoch: *epoch, start: *start }).collect()
}

/// The newest segments, or those from the window's first on where it looks farther back.
fn told(segments: &Segments<'_>, log_end: i64, directory: &str, window: Window) -> Vec<Segment> {
    let list = &segments.list;
    let from = list.len().saturating_sub(SEGMENTS).min(segments.place_of(window.first));
    let last = list.len().saturating_sub(1);
    let one = |(place, segment): (usize, &&crate::log::segment::Segment)| Segment {
        base: segment.base_offset,
        end: list.get(place + 1).map_or(log_end.max(segment.base_offset), |next| next.base_offset),
        active: place == last,
        files: medium::files_of(segment, segments.disk, directory),
        indexed: indexed(segment, segments.disk, window),
    };
    list.iter().enumerate().skip(from).take(SEGMENTS).map(one).collect()
}

/// Entries of the offset index in the window. Of one that is far away only its last entry is looked at.
fn indexed(segment: &crate::log::segment::Segment, disk: &Disk, window: Window) -> Vec<i64> {
    let index = segment.index();
    if index.count() == 0 || segment.base_offset >= window.end() || index.last().0 < window.first {
        return Vec::new();
    }
    let entries = segment.offset_entries(disk);
    let inside = entries.iter().map(|(offset, _)| *offset).filter(|it| (window.first..window.end()).contains(it));
    inside.collect()
}

/// What a checkpoint of the log directory says of a partition, by the partition's directory.
fn checkpointed(disk: &Disk, directory: &str, file: &str) -> Option<i64> {
    let path = match directory.rsplit_once('/') {
        Some((parent, _)) => format!("{parent}/{file}"),
        None => file.to_owned(),
    };
    checkpoints::read_offsets(disk, &path).ok()?.get(&partition_of(directory)?).copied()
}

/// The topic and the number in a partition's directory's name.
fn partition_of(directory: &str) -> Option<(String, i32)> {
    let (topic, index) = medium::name_of(directory).rsplit_once('-')?;
    Some((topic.to_owned(), index.parse().ok()?))
}

/// What the cleaner would make of a log, by its own rules; `None` where the topic is not compacted.
fn cleaning(log: &ReplicaLog, disk: &Disk) -> Option<Cleaning> {
    if !log.config().compact {
        return None;
    }
    let checkpoint = checkpointed(disk, log.directory(), CLEANER_OFFSETS);
    let offsets = OffsetsToClean::of(log, disk, checkpoint, disk.now_ms());
    let (first_dirty, first_uncleanable) = (offsets.first_dirty_offset, offsets.first_uncleanable_dirty_offset);
    let sizes = LogToClean::of(&partition_of(log.directory())?, log, first_dirty, first_uncleanable, false);
    Some(Cleaning {
        checkpoint,
        first_dirty,
        first_uncleanable,
        clean_bytes: sizes.clean_bytes,
        cleanable_bytes: sizes.cleanable_bytes,
        min_dirty_ratio: log.config().min_cleanable_dirty_ratio,
        pass: None,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::Torn;
    use super::*;
    use crate::log::LogConfig;
    use crate::log::batch::BatchBuilder;

    /// A batch as a leader would send it, of these records: a key and whether there is a value.
    fn data(base: i64, producer: i64, records: &[(&str, bool)]) -> Bytes {
        let mut batch = BatchBuilder::new().at(base, 0);
        if producer >= 0 {
            batch = batch.producer(producer, 0, 0).transactional();
        }
        for (key, value) in records {
            batch.record(1_000, Some(key.as_bytes()), value.then_some(b"v".as_slice()));
        }
        batch.build()
    }

    fn end(base: i64, producer: i64, commits: bool) -> Bytes {
        let marker = Marker { aborts: !commits, coordinator_epoch: 0, timestamp: 1_000 };
        batch::with_offset_and_epoch(&marker.batch(producer, 0), base, 0)
    }

    fn read_all(batches: &[Bytes], window: Window) -> LogReplica {
        read_with(LogConfig::default(), None, batches, window)
    }

    fn read_with(config: LogConfig, cleaned: Option<i64>, batches: &[Bytes], window: Window) -> LogReplica {
        let mut disk = Disk::default();
        if let Some(offset) = cleaned {
            let text = format!("0\n1\nt 0 {offset}\n");
            checkpoints::replace(&mut disk, "data/cleaner-offset-checkpoint", &text).expect("there is room");
        }
        let mut log = ReplicaLog::open(&mut disk, "data/t-0", config, true, 0, 0).expect("an empty log");
        for batch in batches {
            log.append_as_follower(&mut disk, batch.clone(), 0).expect("it follows the one before");
        }
        log.update_high_watermark(&disk, log.log_end_offset());
        let ends = ReplicaView {
            leader: false,
            leader_epoch: 0,
            log_start_offset: log.log_start_offset(),
            high_watermark: log.high_watermark(),
            log_end_offset: log.log_end_offset(),
            isr: Vec::new(),
            pending_isr: None,
        };
        open(&log, &disk, &ends, window, &|_| false)
    }

    fn history() -> Vec<Bytes> {
        vec![
            data(0, 5, &[("k1", true), ("k2", true)]),
            data(2, 6, &[("k3", true)]),
            end(3, 5, true),
            // Offsets 4 to 6 were compacted away.
            data(7, -1, &[("k4", false)]),
            end(8, 6, false),
            data(9, 7, &[("k1", true)]),
        ]
    }

    #[test]
    fn transactions_markers_tombstones_and_holes_are_told_apart() {
        let all = read_all(&history(), Window { first: 0, offsets: 20 });
        let kinds: Vec<_> = all.batches.iter().map(|batch| (batch.base, batch.kind)).collect();
        use BatchKind::{Abort, Aborted, Commit, Committed, Data, Open};
        assert_eq!(kinds, [(0, Committed), (2, Aborted), (3, Commit), (7, Data), (8, Abort), (9, Open)]);
        assert_eq!(all.batches[3].records.iter().map(|record| record.tombstone).collect::<Vec<_>>(), [true]);
        assert_eq!((all.last_stable, all.high_watermark, all.log_end), (9, 10, 10));
        let ends: Vec<_> = all.transactions.iter().map(|it| (it.producer_id, it.first, it.last, it.kind)).collect();
        assert_eq!(ends, [(5, 0, 3, Committed), (6, 2, 8, Aborted), (7, 9, 9, Open)]);
        assert_eq!(all.segments.len(), 1);
        assert!(all.segments[0].files.iter().any(|file| file.name == "00000000000000000000.log" && file.bytes > 0));
    }

    #[test]
    fn what_is_clean_dirty_and_not_cleanable_yet_is_told_of_a_compacted_log() {
        let window = Window { first: 0, offsets: 100 };
        assert_eq!(read_all(&history(), window).cleaning, None);
        let config = || LogConfig { compact: true, segment_bytes: 200, ..LogConfig::default() };
        let batches: Vec<Bytes> = (0..9).map(|base| data(base, -1, &[("k1", true)])).collect();
        let told = read_with(config(), Some(4), &batches, window);
        let active = told.segments.last().expect("a log has a segment").base;
        assert!(active > 4 && told.segments.len() > 2);
        let cleaning = told.cleaning.expect("a compacted log");
        assert_eq!((cleaning.checkpoint, cleaning.first_dirty), (Some(4), 4));
        assert_eq!((cleaning.first_uncleanable, &cleaning.pass), (active, &None));
        let sealed = told.segments.iter().filter(|segment| !segment.active).map(|segment| segment.files[0].bytes);
        assert_eq!(cleaning.clean_bytes + cleaning.cleanable_bytes, sealed.sum::<u64>());
        assert_eq!(read_with(config(), None, &batches, window).cleaning.map(|it| it.first_dirty), Some(0));
    }

    #[test]
    fn the_end_of_a_transaction_is_found_behind_the_window() {
        let part = read_all(&history(), Window { first: 2, offsets: 1 });
        assert_eq!(
            part.batches.iter().map(|batch| (batch.base, batch.kind)).collect::<Vec<_>>(),
            [(2, BatchKind::Aborted)]
        );
    }

    /// A log with batches of one record each, two of them flushed, on a disk that then loses power.
    fn after_power_loss(kept: u64) -> (Disk, Vec<Bytes>) {
        let batches: Vec<Bytes> = (0..5).map(|base| data(base, -1, &[("k1", true)])).collect();
        let mut disk = Disk::default();
        let mut log = ReplicaLog::open(&mut disk, "data/t-0", LogConfig::default(), true, 0, 0).expect("an empty log");
        for batch in &batches[..2] {
            log.append_as_follower(&mut disk, batch.clone(), 0).expect("it follows the one before");
        }
        log.flush(&mut disk).expect("there is room");
        for batch in &batches[2..] {
            log.append_as_follower(&mut disk, batch.clone(), 0).expect("it follows the one before");
        }
        disk.lose_power(|_| kept);
        (disk, batches)
    }

    #[test]
    fn a_torn_batch_is_told_before_recovery_cuts_it() {
        let size = data(0, -1, &[("k1", true)]).len() as u64;
        let window = Window { first: 0, offsets: 20 };
        let told = |kept| {
            let (disk, _) = after_power_loss(kept);
            let found = found(&disk, "data/t-0", window, &|_| false);
            assert_eq!(found.log_end, -1);
            (found.batches.len() as u64, found.torn.expect("a segment is there"))
        };
        let torn = |offset, bytes| Torn { offset, segment: 0, position: (offset as u64 * size) as u32, bytes };
        assert_eq!(told(0), (2, torn(2, 0)));
        assert_eq!(told(size), (3, torn(3, 0)));
        assert_eq!(told(size + 70), (3, torn(3, 70)));
        assert_eq!(told(size + 20), (3, torn(3, 20)));
        let nothing = found(&Disk::default(), "data/t-0", window, &|_| false);
        assert_eq!((nothing.batches.len(), nothing.torn), (0, None));
    }

    #[test]
    fn a_rotted_batch_is_told_and_its_neighbours_are_not() {
        let (mut disk, batches) = after_power_loss(u64::MAX);
        let last_byte_of_second = (batches[0].len() + batches[1].len() - 1) as u64;
        assert!(disk.flip_bit("data/t-0/00000000000000000000.log", last_byte_of_second, 1));
        let found = found(&disk, "data/t-0", Window { first: 0, offsets: 20 }, &|_| false);
        let corrupt: Vec<bool> = found.batches.iter().map(|batch| batch.corrupt).collect();
        assert_eq!(corrupt, [false, true, false, false, false]);
    }

    #[test]
    fn segments_of_the_window_are_told_however_many_follow() {
        let config = LogConfig { segment_bytes: 160, index_interval_bytes: 0, ..LogConfig::default() };
        let batches: Vec<Bytes> = (0..500).map(|base| data(base, -1, &[("k1", true)])).collect();
        let told = |first| read_with(config.clone(), None, &batches, Window { first, offsets: 2 }).segments;
        assert_eq!(told(498).len(), SEGMENTS);
        let back = told(10);
        assert_eq!((back[0].base, back.len(), back[0].active), (10, SEGMENTS, false));
        // The first batch of a segment has no entry.
        assert_eq!(back[0].indexed, [11]);
        let entries = |name: &str| back[0].files.iter().find(|file| file.name.ends_with(name)).map(|file| file.entries);
        assert_eq!((entries(".index"), entries(".log")), (Some(Some(1)), Some(None)));
        assert_eq!(told(498).last().map(|segment| (segment.base, segment.active)), Some((498, true)));
    }
}
