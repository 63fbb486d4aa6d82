//! One replica's log: `UnifiedLog` over `LocalLog` in Apache Kafka.

use std::sync::Arc;

use bytes::Bytes;

use super::batch::{self, BatchError, BatchHeader, HEADER_SIZE};
use super::checkpoints;
use super::config::{LogConfig, TimestampType};
use super::epochs::{self, LeaderEpochs};
use super::error::{AppendError, ReadError};
use super::producers::Producers;
use super::segment::{self, Segment};
use super::txn_index::{AbortedTransaction, CorruptTransactionIndex};
use super::validate;
use crate::sim::disk::{Disk, DiskError};

/// What an append as leader did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    /// The first record's offset; of a duplicate the original's.
    pub base_offset: i64,
    /// The last record's offset.
    pub last_offset: i64,
    /// The log's timestamp with LogAppendTime, else -1.
    pub log_append_time: i64,
    /// Where the log starts.
    pub log_start_offset: i64,
    /// Nothing was written: the producer repeated itself.
    pub duplicate: bool,
}

/// What a read found: whole batches of one segment, perhaps none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchedData {
    /// The batches.
    pub bytes: Bytes,
    /// The segment that holds them.
    pub segment_base_offset: i64,
    /// Where in it they stand.
    pub position: u32,
}

impl FetchedData {
    /// The base offset of the first batch, which may lie before the offset asked for.
    pub fn first_batch_base_offset(&self) -> Option<i64> {
        BatchHeader::parse(&self.bytes).ok().map(|header| header.base_offset)
    }
}

/// A batch and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// Its segment.
    pub segment_base_offset: i64,
    /// Where in it the batch stands.
    pub position: u32,
    /// Its fields.
    pub header: BatchHeader,
}

/// A time stamp -1 asks for the log's end.
pub const LATEST_TIMESTAMP: i64 = -1;
/// A time stamp -2 asks for the log's start.
pub const EARLIEST_TIMESTAMP: i64 = -2;
/// A time stamp -3 asks for the first record with the largest timestamp (KIP-734).
pub const MAX_TIMESTAMP: i64 = -3;

/// The answer to a look-up by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// Of the record, -1 for the log's ends.
    pub timestamp: i64,
    /// The record's.
    pub offset: i64,
    /// The epoch it was written in, if that is known.
    pub leader_epoch: Option<i32>,
}

/// The log of one replica. Its bytes are on a [`Disk`]; what is kept here is cheap to clone.
#[derive(Clone, Debug)]
pub struct ReplicaLog {
    pub(super) directory: Arc<str>,
    pub(super) config: Arc<LogConfig>,
    /// All segments but the active one, ascending.
    pub(super) sealed: Arc<Vec<Segment>>,
    pub(super) active: Segment,
    pub(super) sealed_bytes: u64,
    pub(super) epochs: Arc<LeaderEpochs>,
    pub(super) producers: Producers,
    pub(super) log_start_offset: i64,
    pub(super) log_end_offset: i64,
    pub(super) high_watermark: i64,
    pub(super) recovery_point: i64,
    /// The broker's clock at the last append.
    pub(super) now_ms: i64,
}

impl ReplicaLog {
    /// Appends what a producer sent: exactly one batch. Offset and leader epoch are set here.
    pub fn append_as_leader(
        &mut self,
        disk: &mut Disk,
        batch: Bytes,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<AppendInfo, AppendError> {
        let header = validate::producers_batch(&batch, &self.config, now_ms)?;
        if let Some(original) = self.producers.check(&header)? {
            return Ok(AppendInfo {
                base_offset: original.first_offset(),
                last_offset: original.last_offset,
                log_append_time: -1,
                log_start_offset: self.log_start_offset,
                duplicate: true,
            });
        }
        let base_offset = self.log_end_offset;
        let by_log = self.config.message_timestamp_type == TimestampType::LogAppendTime;
        let stored = if by_log {
            batch::with_log_append_time(&batch, base_offset, leader_epoch, now_ms)
        } else {
            batch::with_offset_and_epoch(&batch, base_offset, leader_epoch)
        };
        let header = BatchHeader {
            base_offset,
            partition_leader_epoch: leader_epoch,
            max_timestamp: if by_log { now_ms } else { header.max_timestamp },
            ..header
        };
        self.now_ms = now_ms;
        self.write(disk, stored, header.max_timestamp, header.last_offset())?;
        self.note(disk, &header, None)?;
        Ok(AppendInfo {
            base_offset,
            last_offset: header.last_offset(),
            log_append_time: if by_log { now_ms } else { -1 },
            log_start_offset: self.log_start_offset,
            duplicate: false,
        })
    }

    /// Appends what was fetched from the leader: batches whose offsets are kept. A batch of an epoch above
    /// `leader_epoch` and all behind it are dropped silently; a batch that is cut at the end is ignored. Answers the
    /// last offset appended.
    pub fn append_as_follower(
        &mut self,
        disk: &mut Disk,
        records: Bytes,
        leader_epoch: i32,
    ) -> Result<Option<i64>, AppendError> {
        let mut expected = self.log_end_offset;
        let mut max_timestamp = -1;
        let mut size = 0;
        for (header, batch) in batch::batches(&records) {
            if header.partition_leader_epoch > leader_epoch {
                break;
            }
            if header.magic != 2 {
                return Err(BatchError::Magic(header.magic).into());
            }
            batch::check_crc(batch, &header)?;
            if header.base_offset < expected || header.last_offset_delta < 0 {
                return Err(AppendError::UnexpectedOffset(header.base_offset));
            }
            expected = header.next_offset();
            max_timestamp = max_timestamp.max(header.max_timestamp);
            size += batch.len();
        }
        if size == 0 {
            return Ok(None);
        }
        if size as u64 > u64::from(self.config.segment_bytes) {
            return Err(AppendError::RecordListTooLarge { size: size as u32, max: self.config.segment_bytes });
        }
        let records = records.slice(..size);
        self.write(disk, records.clone(), max_timestamp, expected - 1)?;
        for (header, batch) in batch::batches(&records) {
            self.note(disk, &header, coordinator_epoch(&header, batch))?;
        }
        Ok(Some(expected - 1))
    }

    /// Puts batches on the disk, in a new segment if the active one takes no more.
    fn write(&mut self, disk: &mut Disk, bytes: Bytes, max_timestamp: i64, last_offset: i64) -> Result<(), DiskError> {
        let size = bytes.len() as u32;
        if self.active.should_roll(size, max_timestamp, last_offset, self.now_ms, &self.config) {
            self.roll(disk, last_offset - i64::from(i32::MAX))?;
        }
        self.active.begin(self.now_ms);
        self.active.append(disk, bytes, &self.config)
    }

    /// Takes an appended batch into epochs and producers.
    fn note(&mut self, disk: &mut Disk, header: &BatchHeader, coordinator: Option<i32>) -> Result<(), DiskError> {
        self.log_end_offset = header.next_offset();
        self.producers.note(header, coordinator);
        if self.epochs.latest() != Some(header.partition_leader_epoch) {
            self.assign_epoch(disk, header.partition_leader_epoch, header.base_offset)?;
        }
        Ok(())
    }

    /// Begins a new segment at the log's end (or at `at_least`, if that lies behind it). The old one and a snapshot of
    /// the producers go to the medium.
    pub fn roll(&mut self, disk: &mut Disk, at_least: i64) -> Result<(), DiskError> {
        let base_offset = self.log_end_offset.max(at_least);
        if base_offset == self.active.base_offset {
            return Ok(());
        }
        self.active.seal(disk, &self.config)?;
        self.write_producer_snapshot(disk, base_offset)?;
        let next = Segment::open(disk, &self.directory, base_offset, self.now_ms)?;
        self.sealed_bytes += u64::from(self.active.size());
        Arc::make_mut(&mut self.sealed).push(std::mem::replace(&mut self.active, next));
        self.recovery_point = self.recovery_point.max(base_offset);
        Ok(())
    }

    pub(super) fn write_producer_snapshot(&self, disk: &mut Disk, offset: i64) -> Result<(), DiskError> {
        let path = segment::path(&self.directory, offset, "snapshot");
        disk.remove(&path);
        let file = disk.create(&path)?;
        disk.append(file, self.producers.encode())?;
        disk.flush(file);
        Ok(())
    }

    /// Whole batches from the one that holds `from_offset`, or the next one, on: those that end below
    /// `upper_bound_offset`, of one segment, at most `max_bytes` of them; but one at least if `min_one_message`.
    pub fn read(
        &self,
        disk: &Disk,
        from_offset: i64,
        max_bytes: u32,
        upper_bound_offset: i64,
        min_one_message: bool,
    ) -> Result<FetchedData, ReadError> {
        if from_offset < self.log_start_offset || from_offset > self.log_end_offset {
            return Err(ReadError::OffsetOutOfRange {
                offset: from_offset,
                log_start_offset: self.log_start_offset,
                log_end_offset: self.log_end_offset,
            });
        }
        let upper = upper_bound_offset.min(self.log_end_offset);
        if from_offset >= upper {
            return Ok(FetchedData::default());
        }
        let found = self.segments_from(from_offset).find_map(|segment| {
            let position = segment.position_of(disk, from_offset)?;
            Some((segment, position))
        });
        let Some((segment, position)) = found else { return Ok(FetchedData::default()) };
        let end = if upper < self.log_end_offset {
            segment.position_of(disk, upper).unwrap_or(segment.size())
        } else {
            segment.size()
        };
        let mut until = end;
        if end.saturating_sub(position) > max_bytes {
            until = segment.boundary(disk, position, position.saturating_add(max_bytes));
            if until == position && min_one_message {
                until = segment.header_at(disk, position).map_or(end, |first| position + first.size()).min(end);
            }
        }
        Ok(FetchedData {
            bytes: segment.read(disk, position, until.saturating_sub(position)),
            segment_base_offset: segment.base_offset,
            position,
        })
    }

    /// The segments from the one that holds `offset` on.
    fn segments_from(&self, offset: i64) -> impl Iterator<Item = &Segment> {
        let first = if offset >= self.active.base_offset {
            self.sealed.len()
        } else {
            self.sealed.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
        };
        self.sealed[first..].iter().chain(std::iter::once(&self.active))
    }

    /// All segments, the active one last.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments_from(i64::MIN)
    }

    /// The batches from the one that holds `from_offset` on.
    pub fn batches<'a>(&'a self, disk: &'a Disk, from_offset: i64) -> impl Iterator<Item = StoredBatch> + 'a {
        self.segments_from(from_offset).flat_map(move |segment| {
            let position = segment.position_of(disk, from_offset).unwrap_or(segment.size());
            segment.headers_from(disk, position).map(|(position, header)| StoredBatch {
                segment_base_offset: segment.base_offset,
                position,
                header,
            })
        })
    }

    /// The aborted transactions from the segment that holds `from_offset` on that begin below `upper_bound_offset`: all
    /// of these segments that end at or behind the log's start, whatever `from_offset` is
    /// (`UnifiedLog.collectAbortedTransactions`, the cleaner's query).
    pub fn collect_aborted_transactions(
        &self,
        disk: &Disk,
        from_offset: i64,
        upper_bound_offset: i64,
    ) -> Result<Vec<AbortedTransaction>, CorruptTransactionIndex> {
        self.aborted_transactions(disk, from_offset, self.log_start_offset, upper_bound_offset)
    }

    /// The same of those that end at or behind `fetch_offset`: what a fetch tells its consumer
    /// (`LocalLog.addAbortedTransactions`).
    pub fn aborted_transactions_for_fetch(
        &self,
        disk: &Disk,
        fetch_offset: i64,
        upper_bound_offset: i64,
    ) -> Result<Vec<AbortedTransaction>, CorruptTransactionIndex> {
        self.aborted_transactions(disk, fetch_offset, fetch_offset, upper_bound_offset)
    }

    fn aborted_transactions(
        &self,
        disk: &Disk,
        from_segment_of: i64,
        ended_from: i64,
        upper_bound_offset: i64,
    ) -> Result<Vec<AbortedTransaction>, CorruptTransactionIndex> {
        let mut found = Vec::new();
        for segment in self.segments_from(from_segment_of) {
            if segment.txn_index().collect(disk, ended_from, upper_bound_offset, |aborted| found.push(aborted))? {
                break;
            }
        }
        Ok(found)
    }

    /// Drops all offsets from `offset` on. Whether there were any.
    pub fn truncate_to(&mut self, disk: &mut Disk, offset: i64) -> Result<bool, DiskError> {
        if offset >= self.log_end_offset || offset < 0 {
            return Ok(false);
        }
        if self.segments().next().is_some_and(|first| first.base_offset > offset) {
            self.truncate_fully_and_start_at(disk, offset)?;
            return Ok(true);
        }
        while self.active.base_offset > offset {
            let Some(before) = Arc::make_mut(&mut self.sealed).pop() else { break };
            self.sealed_bytes -= u64::from(before.size());
            let gone = std::mem::replace(&mut self.active, before);
            Segment::remove(disk, &self.directory, gone.base_offset);
        }
        self.active.truncate_to(disk, offset, self.now_ms);
        self.active.load_end(disk);
        self.log_end_offset = offset;
        self.log_start_offset = self.log_start_offset.min(offset);
        self.high_watermark = self.high_watermark.min(offset);
        self.recovery_point = self.recovery_point.min(offset);
        if Arc::make_mut(&mut self.epochs).truncate_from_end(offset) {
            self.write_epochs(disk)?;
        }
        self.reload_producers(disk, offset)?;
        Ok(true)
    }

    /// Drops everything; the log goes on at `offset`.
    pub fn truncate_fully_and_start_at(&mut self, disk: &mut Disk, offset: i64) -> Result<(), DiskError> {
        let bases: Vec<i64> = self.segments().map(|segment| segment.base_offset).collect();
        for base_offset in bases {
            Segment::remove(disk, &self.directory, base_offset);
        }
        self.active = Segment::open(disk, &self.directory, offset, self.now_ms)?;
        self.sealed = Arc::default();
        self.sealed_bytes = 0;
        self.log_end_offset = offset;
        self.log_start_offset = offset;
        self.high_watermark = offset;
        self.recovery_point = self.recovery_point.min(offset);
        if Arc::make_mut(&mut self.epochs).clear() {
            self.write_epochs(disk)?;
        }
        self.producers = Producers::default();
        self.remove_snapshots(disk, |_| true);
        Ok(())
    }

    /// Removes producer snapshots of the offsets that are named.
    pub(super) fn remove_snapshots(&self, disk: &mut Disk, gone: impl Fn(i64) -> bool) {
        for offset in self.snapshot_offsets(disk) {
            if gone(offset) {
                disk.remove(&segment::path(&self.directory, offset, "snapshot"));
            }
        }
    }

    pub(super) fn snapshot_offsets(&self, disk: &Disk) -> Vec<i64> {
        file_offsets(disk, &self.directory, "snapshot")
    }

    /// The producers as of `end`: from the latest snapshot that can be read, and the batches behind it.
    pub(super) fn reload_producers(&mut self, disk: &mut Disk, end: i64) -> Result<(), DiskError> {
        self.remove_snapshots(disk, |offset| offset > end);
        self.producers = Producers::default();
        let mut from = self.log_start_offset;
        for offset in self.snapshot_offsets(disk).into_iter().rev() {
            let path = segment::path(&self.directory, offset, "snapshot");
            let bytes = disk.open(&path).map(|file| disk.read(file, 0, u32::MAX)).unwrap_or_default();
            if let Ok(producers) = Producers::decode(&bytes) {
                self.producers = producers;
                from = offset;
                break;
            }
            disk.remove(&path);
        }
        self.replay_producers(disk, from, end);
        self.write_producer_snapshot(disk, end)
    }

    fn replay_producers(&mut self, disk: &Disk, from: i64, end: i64) {
        let mut producers = std::mem::take(&mut self.producers);
        for segment in self.segments_from(from) {
            let Some(position) = segment.position_of(disk, from) else { continue };
            let behind = segment.headers_from(disk, position).take_while(|(_, header)| header.base_offset < end);
            for (position, header) in behind.filter(|(_, header)| header.has_producer_id()) {
                let coordinator = if header.is_control() {
                    coordinator_epoch(&header, &segment.read(disk, position, header.size()))
                } else {
                    None
                };
                producers.note(&header, coordinator);
            }
        }
        self.producers = producers;
    }

    /// The first offset that can be read.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start_offset
    }

    /// The offset of the next record.
    pub fn log_end_offset(&self) -> i64 {
        self.log_end_offset
    }

    /// Up to where consumers may read.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Up to where the log is known to be on the medium.
    pub fn recovery_point(&self) -> i64 {
        self.recovery_point
    }

    /// The settings.
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Other settings from here on.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = Arc::new(config);
    }

    /// The partition's directory.
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// The producers that wrote here.
    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// Forgets producers that were silent for `producer.id.expiration.ms`.
    pub fn remove_expired_producers(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.remove_expired(now_ms, expiration_ms);
    }

    /// The bytes of all `.log` files.
    pub fn size_bytes(&self) -> u64 {
        self.sealed_bytes + u64::from(self.active.size())
    }

    /// Sets the high watermark, kept between the log's start and its end. It may go back. Answers what it became.
    pub fn update_high_watermark(&mut self, offset: i64) -> i64 {
        self.high_watermark = offset.clamp(self.log_start_offset, self.log_end_offset);
        self.high_watermark
    }

    /// Moves the log's start forward (DeleteRecords, or the leader's start on a follower), not beyond the high
    /// watermark. Whether it moved; `Err` if it lies beyond.
    pub fn increment_log_start_offset(&mut self, disk: &mut Disk, offset: i64) -> Result<bool, ReadError> {
        if offset > self.high_watermark {
            return Err(ReadError::OffsetOutOfRange {
                offset,
                log_start_offset: self.log_start_offset,
                log_end_offset: self.high_watermark,
            });
        }
        if offset <= self.log_start_offset {
            return Ok(false);
        }
        self.log_start_offset = offset;
        self.recovery_point = self.recovery_point.max(offset);
        if Arc::make_mut(&mut self.epochs).truncate_from_start(offset) {
            // A full disk leaves the older file, which recovery corrects.
            let _ = self.write_epochs(disk);
        }
        Ok(true)
    }

    /// Notes that a leader epoch begins at `offset`: before the first append of a new leader.
    pub fn assign_epoch(&mut self, disk: &mut Disk, epoch: i32, offset: i64) -> Result<(), DiskError> {
        if Arc::make_mut(&mut self.epochs).assign(epoch, offset) {
            self.write_epochs(disk)?;
        }
        Ok(())
    }

    pub(super) fn write_epochs(&self, disk: &mut Disk) -> Result<(), DiskError> {
        let path = format!("{}/{}", self.directory, epochs::FILE_NAME);
        checkpoints::replace(disk, &path, &self.epochs.encode())
    }

    /// The largest epoch that is not above `epoch`, and the offset behind its last record; (-1, -1) if unknown.
    pub fn end_offset_for_epoch(&self, epoch: i32) -> (i32, i64) {
        self.epochs.end_offset_for(epoch, self.log_end_offset)
    }

    /// The latest epoch in the log.
    pub fn latest_epoch(&self) -> Option<i32> {
        self.epochs.latest()
    }

    /// All epochs in the log.
    pub fn epochs(&self) -> &LeaderEpochs {
        &self.epochs
    }

    /// The first record at or after a time; or one of [`LATEST_TIMESTAMP`], [`EARLIEST_TIMESTAMP`] and
    /// [`MAX_TIMESTAMP`].
    pub fn offset_for_timestamp(&self, disk: &Disk, timestamp: i64) -> Option<TimestampOffset> {
        let (timestamp, offset) = match timestamp {
            LATEST_TIMESTAMP => (-1, self.log_end_offset),
            EARLIEST_TIMESTAMP => (-1, self.log_start_offset),
            MAX_TIMESTAMP => {
                let segment = self.segments().reduce(|a, b| if largest(b) > largest(a) { b } else { a })?;
                let (largest, _) = segment.largest_timestamp()?;
                segment.find_by_timestamp(disk, largest, self.log_start_offset)?
            }
            _ => {
                let segment = self.segments().find(|segment| largest(segment) >= Some(timestamp))?;
                segment.find_by_timestamp(disk, timestamp, self.log_start_offset)?
            }
        };
        Some(TimestampOffset { timestamp, offset, leader_epoch: self.epochs.epoch_for_offset(offset) })
    }

    /// Makes the whole log durable.
    pub fn flush(&mut self, disk: &mut Disk) {
        let point = self.recovery_point;
        self.segments_from(point).for_each(|segment| segment.flush(disk));
        self.recovery_point = self.log_end_offset;
    }

    /// A clean shutdown: everything durable, the producers' snapshot at the log's end.
    pub fn close(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        self.flush(disk);
        self.write_producer_snapshot(disk, self.log_end_offset)?;
        self.active.seal(disk, &self.config)
    }
}

fn largest(segment: &Segment) -> Option<i64> {
    segment.largest_timestamp().map(|(timestamp, _)| timestamp)
}

/// The offsets that name the files of a kind in a directory, ascending.
pub(super) fn file_offsets(disk: &Disk, directory: &str, extension: &str) -> Vec<i64> {
    let prefix = format!("{directory}/");
    disk.list(&prefix)
        .filter_map(|path| path[prefix.len()..].split_once('.'))
        .filter(|(name, kind)| *kind == extension && name.len() == 20)
        .filter_map(|(name, _)| name.parse().ok())
        .collect()
}

/// The coordinator epoch in a transaction's marker (`EndTransactionMarker`).
pub(super) fn coordinator_epoch(header: &BatchHeader, batch: &[u8]) -> Option<i32> {
    if !header.is_control() || batch.len() <= HEADER_SIZE {
        return None;
    }
    let value = batch::records(batch).ok()?.next()?.ok()?.value?;
    value.get(2..6).and_then(|bytes| bytes.first_chunk::<4>()).map(|bytes| i32::from_be_bytes(*bytes))
}
