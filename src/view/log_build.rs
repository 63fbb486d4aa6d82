//! Computes the Log view from the world at an instant.

use std::collections::BTreeMap;

use super::build::{View, key_number};
use super::dissect;
use super::frame::Role;
use super::log::{
    Batch, BatchKind, Cleaning, Doing, EpochStart, File, Lens, Log, LogReplica, OpenBatch, Pass, Record, Segment,
    Transaction,
};
use crate::broker::ReplicaView;
use crate::lab::check::Evidence;
use crate::lab::session::Session;
use crate::log::batch::{self, BatchHeader, Body};
use crate::log::cleaner::manager::CLEANER_OFFSETS;
use crate::log::cleaner::threads::CleanerThread;
use crate::log::cleaner::{self, CleaningPass, OffsetsToClean, Partition};
use crate::log::marker::Marker;
use crate::log::{ReplicaLog, StoredBatch, checkpoints};
use crate::sim::disk::Disk;
use crate::wire::TopicPartition;

/// The widest window.
const OFFSETS: u32 = 2_000;
/// Batches of a replica that are told.
const BATCHES: usize = 1_000;
/// Batches behind the window that are searched for the end of its transactions.
const BATCHES_AHEAD: usize = 4_000;
/// Segments of a replica that are told, the newest of them.
const SEGMENTS: usize = 200;
/// Bytes of an opened batch that are told.
const BYTES: usize = 4_096;
/// Letters of a key.
const KEY_LETTERS: usize = 24;
/// Offsets that stay free behind the end that the window follows.
const ROOM: i64 = 3;

/// The replicas of the partition that the lens is on; `None` where there is no such partition.
#[must_use]
pub fn log(session: &Session, lens: &Lens) -> Option<Log> {
    let view = View::of(session);
    let index = u32::try_from(lens.index).ok()?;
    let partition = view.names.find_partition(&lens.topic, index)?;
    let image = view.image.partition(partition)?;
    let ends: Vec<_> = image.replicas.iter().filter_map(|id| view.sight.log_ends(*id, partition)).collect();
    let earliest = ends.iter().map(|ends| ends.log_start).min().unwrap_or(0);
    let latest = ends.iter().map(|ends| ends.log_end).max().unwrap_or(0);
    let offsets = lens.offsets.clamp(1, OFFSETS);
    // The end of the leader stays in sight, whatever a replica that nobody follows holds beyond it.
    let leader_end = view.sight.log_ends(image.leader, partition).map_or(latest, |ends| ends.log_end);
    let end = latest.min(leader_end.saturating_add(i64::from(offsets) / 2));
    let window = Window { first: first_of(lens, (earliest, latest), end, offsets), offsets: i64::from(offsets) };
    let replicas = image.replicas.iter().map(|id| replica(&view, lens, *id, partition, window)).collect();
    let open = lens.open.and_then(|(broker, offset)| open(&view, broker, partition, offset));
    Some(Log {
        topic: lens.topic.clone(),
        index: lens.index,
        first: window.first,
        offsets,
        earliest,
        latest,
        acknowledged_end: session.world().history().acknowledged_end(partition),
        replicas,
        open,
    })
}

#[derive(Clone, Copy)]
struct Window {
    first: i64,
    offsets: i64,
}

impl Window {
    fn end(self) -> i64 {
        self.first.saturating_add(self.offsets)
    }
}

/// Where the window begins. One that follows an end moves in steps of four, so that it is still while records come in.
fn first_of(lens: &Lens, (earliest, latest): (i64, i64), end: i64, offsets: u32) -> i64 {
    let end = end.saturating_add(ROOM).saturating_sub(offsets.into()).max(earliest);
    match lens.first {
        Some(first) => first.clamp(earliest.min(latest), latest),
        None if end == earliest => earliest,
        None => end.saturating_add(3) / 4 * 4,
    }
}

fn replica(view: &View<'_>, lens: &Lens, broker: i32, partition: TopicPartition, window: Window) -> LogReplica {
    let state = view.broker_state(broker);
    let known = view.sight.broker(broker).and_then(|it| it.replicas().find(|(id, _)| *id == partition));
    let role = view.role(broker, partition, state);
    let (Some((log, disk)), Some((_, ends))) = (view.sight.log(broker, partition), known) else {
        return LogReplica { broker, state, role: Role::Offline, log_end: -1, ..LogReplica::default() };
    };
    let is_lost = |bytes: &[u8]| view.is_lost(bytes);
    let mut replica = LogReplica { broker, state, role, ..read(log, disk, &ends, window, &is_lost) };
    if let Some(cleaning) = &mut replica.cleaning {
        cleaning.pass = pass(view, broker, &lens.topic, lens.index);
    }
    replica
}

/// What a log holds of the window.
fn read(
    log: &ReplicaLog,
    disk: &Disk,
    ends: &ReplicaView,
    window: Window,
    is_lost: &dyn Fn(&[u8]) -> bool,
) -> LogReplica {
    let mut transactions = Transactions::default();
    let mut batches = Vec::new();
    let mut ahead = 0;
    for stored in log.batches(disk, window.first.max(log.log_start_offset())) {
        let bytes = bytes_of(log, disk, &stored);
        transactions.meet(&stored.header, &bytes);
        if stored.header.base_offset < window.end() && batches.len() < BATCHES {
            batches.push(batch_of(&stored, &bytes, is_lost(&bytes)));
        } else if transactions.open.is_empty() || ahead == BATCHES_AHEAD {
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
    LogReplica {
        log_start: ends.log_start_offset,
        last_stable: log.last_stable_offset(),
        high_watermark: ends.high_watermark,
        log_end: ends.log_end_offset,
        recovery_point: log.recovery_point(),
        epochs: epochs(log, window),
        segments: segments(log, disk),
        batches,
        transactions: transactions.list,
        cleaning: cleaning(log, disk),
        ..LogReplica::default()
    }
}

fn bytes_of(log: &ReplicaLog, disk: &Disk, stored: &StoredBatch) -> bytes::Bytes {
    let segment = log.segments().find(|segment| segment.base_offset == stored.segment_base_offset);
    segment.map(|segment| segment.read(disk, stored.position, stored.header.size())).unwrap_or_default()
}

fn batch_of(stored: &StoredBatch, bytes: &[u8], lost: bool) -> Batch {
    let header = &stored.header;
    let body = Body::of(bytes);
    let records = body.as_ref().ok().and_then(|body| body.records().ok());
    let records = records.map(|records| records.flatten().map(record).collect()).unwrap_or_default();
    Batch {
        base: header.base_offset,
        last: header.last_offset(),
        epoch: header.partition_leader_epoch,
        bytes: header.size(),
        segment: stored.segment_base_offset,
        position: stored.position,
        kind: kind_of(header, bytes),
        producer_id: header.producer_id,
        codec: dissect::codec(header).to_owned(),
        lost,
        records,
    }
}

fn record(record: batch::Record<'_>) -> Record {
    let key = record.key.map(dissect::text_of).unwrap_or_default();
    Record {
        offset: record.offset,
        hue: record.key.map(key_number),
        key: key.chars().take(KEY_LETTERS).collect(),
        tombstone: record.value.is_none(),
    }
}

/// What a batch is by itself; the records of a transaction are open until its marker is met.
fn kind_of(header: &BatchHeader, bytes: &[u8]) -> BatchKind {
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

fn segments(log: &ReplicaLog, disk: &Disk) -> Vec<Segment> {
    let bases: Vec<i64> = log.segments().map(|segment| segment.base_offset).collect();
    let from = bases.len().saturating_sub(SEGMENTS);
    let ends = bases.iter().skip(1).copied().chain([log.log_end_offset()]);
    let all = bases.iter().zip(ends).skip(from);
    all.map(|(base, end)| Segment {
        base: *base,
        end,
        active: Some(base) == bases.last(),
        files: files(disk, log.directory(), *base),
    })
    .collect()
}

/// A segment's files, whatever their ending: also those that a cleaner or a deletion is about to rename.
fn files(disk: &Disk, directory: &str, base: i64) -> Vec<File> {
    let prefix = format!("{directory}/{base:020}.");
    let named = |path: &str| File {
        name: path.rsplit('/').next().unwrap_or(path).to_owned(),
        bytes: disk.open(path).map_or(0, |file| disk.len(file)),
    };
    disk.list(&prefix).map(named).collect()
}

/// What the cleaner would make of a log, by its own rules; `None` where the topic is not compacted.
fn cleaning(log: &ReplicaLog, disk: &Disk) -> Option<Cleaning> {
    if !log.config().compact {
        return None;
    }
    let (parent, partition) = log.directory().rsplit_once('/').unwrap_or(("", log.directory()));
    let (topic, index) = partition.rsplit_once('-')?;
    let path = if parent.is_empty() { CLEANER_OFFSETS.to_owned() } else { format!("{parent}/{CLEANER_OFFSETS}") };
    let known = checkpoints::read_offsets(disk, &path).unwrap_or_default();
    let checkpoint = known.get(&(topic.to_owned(), index.parse().ok()?)).copied();
    let offsets = OffsetsToClean::of(log, disk, checkpoint, disk.now_ms());
    Some(Cleaning {
        checkpoint,
        first_dirty: offsets.first_dirty_offset,
        first_uncleanable: offsets.first_uncleanable_dirty_offset,
        pass: None,
    })
}

/// The pass of a broker's cleaner that is on its way over a log.
fn pass(view: &View<'_>, broker: i32, topic: &str, index: i32) -> Option<Pass> {
    let threads = view.sight.broker(broker)?.cleaner()?.threads();
    let is_it = |(partition, _): &(&Partition, &CleaningPass)| (partition.0.as_str(), partition.1) == (topic, index);
    let (_, pass) = threads.iter().filter_map(CleanerThread::cleaning).find(is_it)?;
    let (doing, segments) = pass.doing();
    let stats = pass.stats();
    Some(Pass {
        doing: match doing {
            cleaner::Doing::Mapping => Doing::Mapping,
            cleaner::Doing::Copying => Doing::Copying,
            cleaner::Doing::Replacing => Doing::Replacing,
        },
        segments,
        map_messages: stats.map_messages_read,
        messages_read: stats.messages_read,
        messages_written: stats.messages_written,
    })
}

fn open(view: &View<'_>, broker: i32, partition: TopicPartition, offset: i64) -> Option<OpenBatch> {
    let (log, disk) = view.sight.log(broker, partition)?;
    let stored = log.batches(disk, offset.max(log.log_start_offset())).next()?;
    let (header, bytes) = (stored.header, bytes_of(log, disk, &stored));
    Some(OpenBatch {
        broker,
        base: header.base_offset,
        last: header.last_offset(),
        file: format!("{:020}.log", stored.segment_base_offset),
        position: stored.position,
        size: header.size(),
        crc_valid: batch::check_crc(&bytes, &header).is_ok(),
        fields: dissect::fields(&bytes).into_iter().take_while(|field| (field.at as usize) < BYTES).collect(),
        bytes: bytes.iter().take(BYTES).copied().collect(),
    })
}

/// Transactions as their batches and markers tell them, in order of offset.
#[derive(Default)]
struct Transactions {
    list: Vec<Transaction>,
    /// Those without a marker yet, by producer, as places in the list.
    open: BTreeMap<i64, usize>,
}

impl Transactions {
    fn meet(&mut self, header: &BatchHeader, bytes: &[u8]) {
        if !header.is_transactional() {
            return;
        }
        let (producer_id, base, last) = (header.producer_id, header.base_offset, header.last_offset());
        let kind = kind_of(header, bytes);
        let place = match (self.open.get(&producer_id).copied(), kind) {
            (Some(place), _) => place,
            // A marker of a transaction without records, or whose records lie before the window.
            (None, BatchKind::Commit | BatchKind::Abort) => self.begin(producer_id, base),
            (None, _) => {
                let place = self.begin(producer_id, base);
                self.open.insert(producer_id, place);
                place
            }
        };
        let Some(transaction) = self.list.get_mut(place) else { return };
        transaction.last = last;
        transaction.kind = match kind {
            BatchKind::Commit => BatchKind::Committed,
            BatchKind::Abort => BatchKind::Aborted,
            other => other,
        };
        if transaction.kind != BatchKind::Open {
            self.open.remove(&producer_id);
        }
    }

    fn begin(&mut self, producer_id: i64, first: i64) -> usize {
        self.list.push(Transaction { producer_id, first, last: first, kind: BatchKind::Open });
        self.list.len() - 1
    }

    /// What became of a producer's records at an offset.
    fn kind_of(&self, producer_id: i64, offset: i64) -> BatchKind {
        let of_it = |it: &&Transaction| it.producer_id == producer_id && (it.first..=it.last).contains(&offset);
        self.list.iter().find(of_it).map_or(BatchKind::Open, |transaction| transaction.kind)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

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
        read(&log, &disk, &ends, window, &|_| false)
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
        assert_eq!(
            told.cleaning,
            Some(Cleaning { checkpoint: Some(4), first_dirty: 4, first_uncleanable: active, pass: None })
        );
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

    #[test]
    fn a_window_that_follows_the_end_leaves_room_and_one_that_is_set_stays_in_the_log() {
        let lens = |first| Lens { first, ..Lens::default() };
        assert_eq!(first_of(&lens(None), (0, 10), 10, 30), 0);
        assert_eq!(first_of(&lens(None), (0, 100), 100, 30), 76);
        assert_eq!(first_of(&lens(None), (90, 100), 100, 30), 90);
        assert_eq!(first_of(&lens(Some(-5)), (3, 100), 100, 30), 3);
        assert_eq!(first_of(&lens(Some(500)), (3, 100), 100, 30), 100);
    }
}
