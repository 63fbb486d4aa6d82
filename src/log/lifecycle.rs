//! How a log begins segments, becomes durable, is cut and closed: `UnifiedLog` over `LocalLog` in Apache Kafka. What
//! Kafka's scheduler does at once (flushes of rolled segments, the epochs' file) is done here at once too.

use std::sync::Arc;

use super::checkpoints;
use super::deletion::Deletions;
use super::epochs;
use super::error::{LogError, ReadError};
use super::rebuild::{self, SnapshotFiles};
use super::replica::ReplicaLog;
use super::segment::{Segment, suffix};
use crate::sim::disk::{Disk, DiskError};

impl ReplicaLog {
    /// Begins a new segment at the log's end.
    pub fn roll(&mut self, disk: &mut Disk) -> Result<(), LogError> {
        self.roll_to(disk, 0)
    }

    /// Begins a new segment at `at_least`, or at the log's end if that lies behind it. The old one and a snapshot of the
    /// producers go to the medium.
    pub(super) fn roll_to(&mut self, disk: &mut Disk, at_least: i64) -> Result<(), LogError> {
        let base_offset = self.log_end_offset.max(at_least);
        if base_offset == self.active.base_offset && self.active.size() == 0 {
            // Kafka tells in its log how many entries they have.
            self.active.open_indexes(disk)?;
            self.replace_active(disk, base_offset)?;
        } else if base_offset <= self.active.base_offset {
            // A torn batch that a clean start did not notice: the log's end fell back to the segment's base.
            return Err(LogError::SegmentExists(base_offset));
        } else {
            self.remove_files_in_the_way(disk, base_offset);
            self.active.seal(disk)?;
            let next = Segment::open(disk, &self.directory, base_offset, &self.config, suffix::NONE)?;
            self.sealed_bytes += u64::from(self.active.size());
            Arc::make_mut(&mut self.sealed).push(std::mem::replace(&mut self.active, next));
        }
        self.producers.set_map_end_offset(base_offset);
        let snapshot = rebuild::take_snapshot(&mut self.producers, disk, &self.directory, false)?;
        self.meet_high_watermark(disk);
        if let Some(offset) = snapshot {
            rebuild::flush_snapshot(disk, &self.directory, offset);
        }
        self.flush_up_to(disk, base_offset, false)?;
        Ok(())
    }

    /// Puts a new segment into the place of the active one, which is deleted (`createAndDeleteSegment`).
    fn replace_active(&mut self, disk: &mut Disk, base_offset: i64) -> Result<(), DiskError> {
        let delay_ms = self.config.file_delete_delay_ms;
        self.deletions.add_segments(disk, [&mut self.active], delay_ms)?;
        self.active = Segment::open(disk, &self.directory, base_offset, &self.config, suffix::NONE)?;
        Ok(())
    }

    fn remove_files_in_the_way(&self, disk: &mut Disk, base_offset: i64) {
        for extension in super::segment::EXTENSIONS {
            disk.remove(&super::segment::path(&self.directory, base_offset, extension));
        }
    }

    /// Makes durable what stands before the log's end. The active segment may be left out when it is empty.
    pub fn flush(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        self.flush_up_to(disk, self.log_end_offset, false)
    }

    fn flush_up_to(&mut self, disk: &mut Disk, offset: i64, including: bool) -> Result<(), DiskError> {
        let end = offset + i64::from(including);
        if end <= self.recovery_point {
            return Ok(());
        }
        let from = self.sealed.partition_point(|segment| segment.base_offset <= self.recovery_point).saturating_sub(1);
        if self.active.base_offset > self.recovery_point {
            let behind = &mut Arc::make_mut(&mut self.sealed)[from..];
            behind.iter_mut().filter(|segment| segment.base_offset < end).try_for_each(|it| it.flush(disk))?;
        }
        if self.active.base_offset < end {
            self.active.flush(disk)?;
        }
        if offset > self.recovery_point {
            self.recovery_point = offset;
            self.last_flush_ms = disk.now_ms();
        }
        Ok(())
    }

    /// When the log was last made durable.
    pub fn last_flush_ms(&self) -> i64 {
        self.last_flush_ms
    }

    /// Writes a snapshot of the producers, unless the latest one still says it all.
    pub fn take_producer_snapshot(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        rebuild::take_snapshot(&mut self.producers, disk, &self.directory, true).map(|_| ())
    }

    /// Drops all offsets from `offset` on. Whether there were any.
    pub fn truncate_to(&mut self, disk: &mut Disk, offset: i64) -> Result<bool, LogError> {
        if offset < 0 {
            return Err(LogError::NegativeOffset(offset));
        }
        if offset >= self.log_end_offset {
            // A leader notes its epoch before its first append: that epoch may stand at the end, without a record.
            self.truncate_epochs_from_end(disk, self.log_end_offset)?;
            return Ok(false);
        }
        if self.segments().next().is_some_and(|first| first.base_offset > offset) {
            self.truncate_fully_and_start_at(disk, offset, None)?;
            return Ok(true);
        }
        let deleted = self.delete_segments_behind(disk, offset)?;
        self.active.truncate_to(disk, offset)?;
        self.set_log_end_offset(offset);
        self.delete_snapshots_of(disk, deleted);
        self.truncate_epochs_from_end(disk, offset)?;
        self.log_start_offset = self.log_start_offset.min(offset);
        self.rebuild_producers(disk, offset)?;
        self.meet_high_watermark(disk);
        Ok(true)
    }

    /// Answers the base offsets of what it deleted.
    fn delete_segments_behind(&mut self, disk: &mut Disk, offset: i64) -> Result<Vec<i64>, DiskError> {
        let delay_ms = self.config.file_delete_delay_ms;
        let mut gone = Vec::new();
        while self.active.base_offset > offset {
            let before = Arc::make_mut(&mut self.sealed).pop();
            let before = before.expect("the first segment begins at or before what is cut");
            self.sealed_bytes -= u64::from(before.size());
            gone.push(std::mem::replace(&mut self.active, before));
        }
        if !gone.is_empty() {
            self.deletions.add_segments(disk, gone.iter_mut().rev(), delay_ms)?;
        }
        Ok(gone.iter().map(|segment| segment.base_offset).collect())
    }

    /// The snapshots that belong to segments go with them.
    pub(super) fn delete_snapshots_of(&mut self, disk: &mut Disk, bases: impl IntoIterator<Item = i64>) {
        let ReplicaLog { producers, deletions, directory, config, .. } = self;
        let known = bases.into_iter().filter(|&base| producers.forget_snapshot(base));
        deletions.add_snapshots(disk, directory, known, config.file_delete_delay_ms);
    }

    /// Drops everything; the log goes on at `offset`. It may be told to start before that.
    pub fn truncate_fully_and_start_at(
        &mut self,
        disk: &mut Disk,
        offset: i64,
        log_start_offset: Option<i64>,
    ) -> Result<(), LogError> {
        let mut gone = std::mem::take(&mut self.sealed);
        if !gone.is_empty() {
            self.deletions.add_segments(disk, Arc::make_mut(&mut gone), self.config.file_delete_delay_ms)?;
        }
        self.sealed_bytes = 0;
        self.replace_active(disk, offset)?;
        self.set_log_end_offset(offset);
        Arc::make_mut(&mut self.epochs).clear();
        self.write_epochs(disk)?;
        self.drop_producers(disk, offset);
        self.log_start_offset = log_start_offset.unwrap_or(offset);
        self.rebuild_producers(disk, offset)?;
        self.update_high_watermark(disk, offset);
        Ok(())
    }

    fn drop_producers(&mut self, disk: &mut Disk, offset: i64) {
        let snapshots: Vec<i64> = self.producers.snapshots().collect();
        for snapshot in snapshots {
            rebuild::delete_snapshot(&mut self.producers, disk, &self.directory, snapshot);
        }
        self.producers.clear(offset);
    }

    fn rebuild_producers(&mut self, disk: &mut Disk, last_offset: i64) -> Result<(), LogError> {
        let mut producers = std::mem::take(&mut self.producers);
        let files = SnapshotFiles { directory: &self.directory, settings: &self.producer_settings };
        let sealed = Arc::make_mut(&mut self.sealed).iter_mut();
        let mut segments: Vec<&mut Segment> = sealed.chain(std::iter::once(&mut self.active)).collect();
        let rebuilt = files.rebuild(&mut producers, disk, &mut segments, self.log_start_offset, last_offset, false);
        self.producers = producers;
        rebuilt
    }

    /// The log ends here; what is durable cannot lie behind it.
    pub(super) fn set_log_end_offset(&mut self, offset: i64) {
        self.log_end_offset = offset;
        self.recovery_point = self.recovery_point.min(offset);
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
        // A full disk leaves the older file, which the next start corrects.
        let _ = self.truncate_epochs_from_start(disk, offset);
        self.producers.on_log_start(offset);
        self.update_first_unstable_offset(disk);
        Ok(true)
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

    /// Closes the log: a snapshot of the producers, the last entries of the time indexes, indexes cut to their entries.
    /// Nothing is made durable; see [`ReplicaLog::shut_down`].
    pub fn close(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        self.take_producer_snapshot(disk)?;
        Arc::make_mut(&mut self.sealed).iter_mut().try_for_each(|segment| segment.close(disk))?;
        self.active.close(disk)
    }

    /// A broker's clean shutdown (`LogManager.shutdown`): everything durable, the active segment too, then closed.
    pub fn shut_down(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        self.flush_up_to(disk, self.log_end_offset, true)?;
        self.close(disk)
    }

    /// What waits for its removal. Who runs the log's broker does it when it is due; a closed log's goes on waiting.
    pub fn deletions(&mut self) -> &mut Deletions {
        &mut self.deletions
    }

    /// When the next removal is due.
    pub fn next_deletion_ms(&self) -> Option<i64> {
        self.deletions.next_ms()
    }
}
