//! Which old segments go: `UnifiedLog.deleteOldSegments` in Apache Kafka.

use std::sync::Arc;

use super::error::LogError;
use super::replica::ReplicaLog;
use super::segment::Segment;
use crate::sim::disk::{Disk, DiskError};

impl ReplicaLog {
    /// Removes segments that lie before the log's start and, with `cleanup.policy=delete`, those that are too much or too
    /// old; never one that reaches above the high watermark. Answers how many.
    pub fn delete_old_segments(&mut self, disk: &mut Disk, now_ms: i64) -> Result<u32, LogError> {
        let mut deleted = self.delete_before_log_start(disk)?;
        if self.config.delete {
            deleted += self.delete_by_size(disk)?;
            deleted += self.delete_by_time(disk, now_ms)?;
        }
        Ok(deleted)
    }

    fn delete_before_log_start(&mut self, disk: &mut Disk) -> Result<u32, LogError> {
        let start = self.log_start_offset;
        self.delete_first(disk, |_, _, next_base| Ok(next_base.is_some_and(|next| next <= start)))
    }

    fn delete_by_size(&mut self, disk: &mut Disk) -> Result<u32, LogError> {
        // -1 keeps all.
        let Ok(kept) = u64::try_from(self.config.retention_bytes) else { return Ok(0) };
        // The log is not as large as it may be.
        let Some(mut excess) = self.size_bytes().checked_sub(kept) else { return Ok(0) };
        self.delete_first(disk, |_, segment, _| {
            let left = excess.checked_sub(segment.size().into());
            excess = left.unwrap_or(excess);
            Ok(left.is_some())
        })
    }

    /// By the largest timestamp; a segment without any counts from when its file was last changed.
    /// Of one from the future Kafka warns (`LogFutureTimestampLogger`); it goes when its time is past.
    fn delete_by_time(&mut self, disk: &mut Disk, now_ms: i64) -> Result<u32, LogError> {
        self.future_segment = None;
        let retention_ms = self.config.retention_ms;
        if retention_ms < 0 {
            return Ok(0);
        }
        let mut future = None;
        let deleted = self.delete_first(disk, |disk, segment, _| {
            segment.look_up_largest_timestamp(disk)?;
            let largest = segment.largest_time(disk);
            future = (now_ms < largest).then_some(segment.base_offset);
            Ok(now_ms.saturating_sub(largest) > retention_ms)
        });
        self.future_segment = future;
        deleted
    }

    /// Removes segments from the first on as long as `goes` says so; it is told where the next one begins.
    fn delete_first(
        &mut self,
        disk: &mut Disk,
        mut goes: impl FnMut(&mut Disk, &mut Segment, Option<i64>) -> Result<bool, DiskError>,
    ) -> Result<u32, LogError> {
        let mut count = 0;
        for i in 0..self.sealed.len() {
            let next_base = self.sealed.get(i + 1).map_or(self.active.base_offset, |next| next.base_offset);
            if self.high_watermark < next_base || !goes(disk, &mut Arc::make_mut(&mut self.sealed)[i], Some(next_base))?
            {
                break;
            }
            count += 1;
        }
        if count == self.sealed.len()
            && self.high_watermark >= self.log_end_offset
            && goes(disk, &mut self.active, None)?
            && self.active.size() > 0
        {
            // The log always has an active segment: an empty one takes the place of the last.
            self.roll(disk)?;
            count += 1;
        }
        self.delete_sealed(disk, count)?;
        Ok(count as u32)
    }

    /// Removes so many of the first segments; the log starts behind them.
    fn delete_sealed(&mut self, disk: &mut Disk, count: usize) -> Result<(), LogError> {
        if count == 0 {
            return Ok(());
        }
        let first_kept = self.sealed.get(count).map_or(self.active.base_offset, |first| first.base_offset);
        // It cannot lie beyond the high watermark: the segments before it do not.
        let _ = self.increment_log_start_offset(disk, first_kept);
        let mut gone: Vec<Segment> = Arc::make_mut(&mut self.sealed).drain(..count).collect();
        self.sealed_bytes -= gone.iter().map(|segment| u64::from(segment.size())).sum::<u64>();
        self.deletions.add_segments(disk, &mut gone, self.config.file_delete_delay_ms)?;
        self.delete_snapshots_of(disk, gone.iter().map(|segment| segment.base_offset));
        Ok(())
    }
}
