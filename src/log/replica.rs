//! One replica's log: `UnifiedLog` over `LocalLog` in Apache Kafka.

use std::sync::Arc;

use super::checkpoints;
use super::config::LogConfig;
use super::epochs::{self, LeaderEpochs};
use super::error::{AppendError, ReadError, TruncateError};
use super::producers::{ProducerSettings, Producers, VerificationGuard};
use super::segment::Segment;
use crate::sim::disk::{Disk, DiskError};

/// The log of one replica. Its bytes are on a [`Disk`]; what is kept here is cheap to clone.
#[derive(Clone, Debug)]
pub struct ReplicaLog {
    pub(super) directory: Arc<str>,
    pub(super) config: Arc<LogConfig>,
    pub(super) producer_settings: ProducerSettings,
    /// All segments but the active one, ascending.
    pub(super) sealed: Arc<Vec<Segment>>,
    pub(super) active: Segment,
    pub(super) sealed_bytes: u64,
    pub(super) epochs: Arc<LeaderEpochs>,
    pub(super) producers: Producers,
    pub(super) log_start_offset: i64,
    pub(super) log_end_offset: i64,
    pub(super) high_watermark: i64,
    /// The high watermark was set by its offset alone, which may lie inside a batch.
    pub(super) high_watermark_is_loose: bool,
    /// Where the earliest transaction begins that is open or not fully replicated.
    pub(super) first_unstable_offset: Option<i64>,
    pub(super) recovery_point: i64,
}

impl ReplicaLog {
    /// Begins a new segment at the log's end. The old one and a snapshot of the producers go to the medium.
    pub fn roll(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        self.roll_to(disk, 0)
    }

    /// The same at an offset, if that lies behind the log's end.
    pub(super) fn roll_to(&mut self, disk: &mut Disk, at_least: i64) -> Result<(), DiskError> {
        let base_offset = self.log_end_offset.max(at_least);
        if base_offset == self.active.base_offset {
            self.meet_high_watermark(disk);
            return Ok(());
        }
        self.active.seal(disk, &self.config)?;
        let now_ms = disk.now_ms();
        let next = Segment::open(disk, &self.directory, base_offset, now_ms)?;
        self.sealed_bytes += u64::from(self.active.size());
        Arc::make_mut(&mut self.sealed).push(std::mem::replace(&mut self.active, next));
        // The next segment can be recovered from its own data and the snapshot of this offset.
        self.producers.set_map_end_offset(base_offset);
        self.take_producer_snapshot(disk)?;
        self.recovery_point = self.recovery_point.max(base_offset);
        self.meet_high_watermark(disk);
        Ok(())
    }

    /// The segments from the one that holds `offset` on.
    pub(super) fn segments_from(&self, offset: i64) -> impl Iterator<Item = &Segment> {
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

    /// Drops all offsets from `offset` on. Whether there were any.
    pub fn truncate_to(&mut self, disk: &mut Disk, offset: i64) -> Result<bool, TruncateError> {
        if offset < 0 {
            return Err(TruncateError::Negative(offset));
        }
        if offset >= self.log_end_offset {
            // A leader that was replaced before it appended anything has left an epoch here.
            self.truncate_epochs_from_end(disk, self.log_end_offset)?;
            return Ok(false);
        }
        if self.segments().next().is_some_and(|first| first.base_offset > offset) {
            self.truncate_fully_and_start_at(disk, offset, None)?;
            return Ok(true);
        }
        while self.active.base_offset > offset {
            let Some(before) = Arc::make_mut(&mut self.sealed).pop() else { break };
            self.sealed_bytes -= u64::from(before.size());
            let gone = std::mem::replace(&mut self.active, before);
            Segment::remove(disk, &self.directory, gone.base_offset);
            self.remove_snapshot(disk, gone.base_offset);
        }
        let now_ms = disk.now_ms();
        self.active.truncate_to(disk, offset, now_ms);
        self.active.load_end(disk);
        self.log_end_offset = offset;
        self.recovery_point = self.recovery_point.min(offset);
        self.truncate_epochs_from_end(disk, offset)?;
        self.log_start_offset = self.log_start_offset.min(offset);
        self.rebuild_producers(disk, offset, false)?;
        if self.high_watermark >= offset {
            self.update_high_watermark(disk, offset);
        }
        Ok(true)
    }

    /// Drops everything; the log goes on at `offset`, or starts at another one (a follower that lags in remote storage).
    pub fn truncate_fully_and_start_at(
        &mut self,
        disk: &mut Disk,
        offset: i64,
        log_start_offset: Option<i64>,
    ) -> Result<(), DiskError> {
        let bases: Vec<i64> = self.segments().map(|segment| segment.base_offset).collect();
        for base_offset in bases {
            Segment::remove(disk, &self.directory, base_offset);
        }
        let now_ms = disk.now_ms();
        self.active = Segment::open(disk, &self.directory, offset, now_ms)?;
        self.sealed = Arc::default();
        self.sealed_bytes = 0;
        self.log_end_offset = offset;
        self.recovery_point = self.recovery_point.min(offset);
        Arc::make_mut(&mut self.epochs).clear();
        self.write_epochs(disk)?;
        self.drop_producers(disk, offset);
        self.log_start_offset = log_start_offset.unwrap_or(offset);
        self.rebuild_producers(disk, offset, false)?;
        self.update_high_watermark(disk, offset);
        Ok(())
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
    pub fn remove_expired_producers(&mut self, now_ms: i64) {
        self.producers.remove_expired(now_ms, &self.producer_settings);
    }

    /// Other settings of producers from here on.
    pub fn set_producer_settings(&mut self, settings: ProducerSettings) {
        self.producer_settings = settings;
    }

    /// Whether a producer has a transaction open in this epoch.
    pub fn has_ongoing_transaction(&self, producer_id: i64, epoch: i16) -> bool {
        self.producers.has_ongoing_transaction(producer_id, epoch)
    }

    /// Whether a transaction has been open, and silent, for so long that its coordinator must have forgotten it.
    pub fn has_late_transaction(&self, now_ms: i64) -> bool {
        self.producers.has_late_transaction(now_ms, &self.producer_settings)
    }

    /// The first batch of a transaction waits until its coordinator has verified it. `None` if the transaction is open
    /// here already and need not be verified.
    pub fn maybe_start_verification(
        &mut self,
        producer_id: i64,
        epoch: i16,
        sequence: i32,
        supports_epoch_bump: bool,
        now_ms: i64,
    ) -> Result<Option<VerificationGuard>, AppendError> {
        Ok(self.producers.maybe_start_verification(producer_id, epoch, sequence, supports_epoch_bump, now_ms)?)
    }

    /// The bytes of all `.log` files.
    pub fn size_bytes(&self) -> u64 {
        self.sealed_bytes + u64::from(self.active.size())
    }

    /// Up to where a reader of committed records may read: nothing below it can still be aborted.
    pub fn last_stable_offset(&self) -> i64 {
        self.first_unstable_offset.map_or(self.high_watermark, |first| first.min(self.high_watermark))
    }

    /// Where the earliest transaction begins that is open, or whose marker is not below the high watermark.
    pub fn first_unstable_offset(&self) -> Option<i64> {
        self.first_unstable_offset
    }

    /// Sets the high watermark, kept between the log's start and its end. It may go back. Answers what it became.
    pub fn update_high_watermark(&mut self, disk: &Disk, offset: i64) -> i64 {
        let offset =
            if offset < self.log_start_offset { self.log_start_offset } else { offset.min(self.log_end_offset) };
        self.set_high_watermark(disk, offset);
        self.high_watermark_is_loose = offset != self.log_end_offset;
        offset
    }

    /// The same as a follower does it: what it became, if that is something else than it was.
    pub fn maybe_update_high_watermark(&mut self, disk: &Disk, offset: i64) -> Option<i64> {
        let before = self.high_watermark;
        Some(self.update_high_watermark(disk, offset)).filter(|&after| after != before)
    }

    fn set_high_watermark(&mut self, disk: &Disk, offset: i64) {
        self.high_watermark = offset;
        self.high_watermark_is_loose = false;
        self.producers.on_high_watermark(offset);
        self.update_first_unstable_offset(disk);
    }

    /// A high watermark at or beyond the log's end (a start offset was set beyond it) becomes the end.
    pub(super) fn meet_high_watermark(&mut self, disk: &Disk) {
        if self.high_watermark >= self.log_end_offset {
            self.set_high_watermark(disk, self.log_end_offset);
        }
    }

    /// A reader has looked where the high watermark stands: it is moved to the batch that holds it.
    pub(super) fn settle_high_watermark(&mut self, disk: &Disk) {
        if std::mem::take(&mut self.high_watermark_is_loose) {
            let offset = self.batch_offset_of(disk, self.high_watermark);
            self.set_high_watermark(disk, offset);
        }
    }

    pub(super) fn update_first_unstable_offset(&mut self, disk: &Disk) {
        let first = self.producers.first_unstable_offset();
        self.first_unstable_offset = match first {
            Some(first) if first < self.log_start_offset => Some(self.batch_offset_of(disk, self.log_start_offset)),
            first => first,
        };
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
        // A full disk leaves the older file, which recovery corrects.
        let _ = self.truncate_epochs_from_start(disk, offset);
        self.producers.on_log_start(offset);
        self.update_first_unstable_offset(disk);
        Ok(true)
    }

    /// Notes that a leader epoch begins at `offset`: before the first append of a new leader.
    pub fn assign_epoch(&mut self, disk: &mut Disk, epoch: i32, offset: i64) -> Result<(), AppendError> {
        // Batch after batch is of the epoch that is known.
        if self.epochs.latest() == Some(epoch) && self.epochs.entries().last().is_some_and(|last| last.1 <= offset) {
            return Ok(());
        }
        if Arc::make_mut(&mut self.epochs).assign(epoch, offset)? {
            self.write_epochs(disk)?;
        }
        Ok(())
    }

    /// Drops epochs that begin at or behind `offset`.
    pub fn truncate_epochs_from_end(&mut self, disk: &mut Disk, offset: i64) -> Result<(), DiskError> {
        if Arc::make_mut(&mut self.epochs).truncate_from_end(offset) {
            self.write_epochs(disk)?;
        }
        Ok(())
    }

    /// Drops epochs that ended before `offset`.
    pub fn truncate_epochs_from_start(&mut self, disk: &mut Disk, offset: i64) -> Result<(), DiskError> {
        if Arc::make_mut(&mut self.epochs).truncate_from_start(offset) {
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

    /// Makes the whole log durable.
    pub fn flush(&mut self, disk: &mut Disk) {
        let point = self.recovery_point;
        self.segments_from(point).for_each(|segment| segment.flush(disk));
        self.recovery_point = self.log_end_offset;
    }

    /// A clean shutdown: everything durable, the producers' snapshot at the log's end.
    pub fn close(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        self.flush(disk);
        self.take_producer_snapshot(disk)?;
        self.active.seal(disk, &self.config)
    }

    /// Opens the index files that nothing has looked into yet.
    pub fn open_indexes(&mut self, _: &mut Disk) {}
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
