//! Which old segments go: `UnifiedLog.deleteOldSegments` in Apache Kafka. Kafka renames their files to `.deleted` and
//! removes them after `file.delete.delay.ms`; here they go at once, since nobody reads them any more.

use std::sync::Arc;

use super::replica::ReplicaLog;
use super::segment::Segment;
use crate::sim::disk::{Disk, DiskError};

impl ReplicaLog {
    /// Removes segments that lie before the log's start and, with `cleanup.policy=delete`, those that are too old or
    /// too much; never one that reaches above the high watermark. Answers how many.
    pub fn delete_old_segments(&mut self, disk: &mut Disk, now_ms: i64) -> Result<u32, DiskError> {
        let start = self.log_start_offset;
        let mut deleted = 0;
        if self.config.delete {
            if self.config.retention_ms >= 0 {
                let oldest = now_ms.saturating_sub(self.config.retention_ms);
                deleted += self.delete_first(disk, |segment, _| last_time(segment) < oldest)?;
            }
            if self.config.retention_bytes >= 0 {
                let mut excess = self.size_bytes().saturating_sub(self.config.retention_bytes as u64);
                deleted += self.delete_first(disk, |segment, _| {
                    let size = u64::from(segment.size());
                    let goes = excess >= size;
                    excess = excess.saturating_sub(size);
                    goes
                })?;
            }
        }
        deleted += self.delete_first(disk, |_, end| end.is_some_and(|end| end <= start))?;
        Ok(deleted)
    }

    /// Removes segments from the first on as long as `goes` says so; it is told where the next one begins.
    fn delete_first(
        &mut self,
        disk: &mut Disk,
        mut goes: impl FnMut(&Segment, Option<i64>) -> bool,
    ) -> Result<u32, DiskError> {
        let ends = self.sealed.iter().skip(1).map(|segment| segment.base_offset).chain([self.active.base_offset]);
        let count = self
            .sealed
            .iter()
            .zip(ends)
            .take_while(|(segment, end)| *end <= self.high_watermark && goes(segment, Some(*end)))
            .count();
        let active_goes = count == self.sealed.len()
            && self.active.size() > 0
            && self.log_end_offset <= self.high_watermark
            && goes(&self.active, None);
        // The log always has an active segment: an empty one takes the place of the last.
        if active_goes {
            self.roll(disk)?;
        }
        let count = count + usize::from(active_goes);
        if count == 0 {
            return Ok(0);
        }
        for gone in Arc::make_mut(&mut self.sealed).drain(..count) {
            Segment::remove(disk, &self.directory, gone.base_offset);
            self.sealed_bytes -= u64::from(gone.size());
        }
        let first = self.sealed.first().unwrap_or(&self.active).base_offset;
        self.log_start_offset = self.log_start_offset.max(first);
        self.recovery_point = self.recovery_point.max(self.log_start_offset);
        self.remove_snapshots(disk, |offset| offset < first);
        if Arc::make_mut(&mut self.epochs).truncate_from_start(self.log_start_offset) {
            self.write_epochs(disk)?;
        }
        Ok(count as u32)
    }
}

/// A segment without timestamps counts from when it was made; one whose time is not known (made before the log was last
/// opened) is young.
fn last_time(segment: &Segment) -> i64 {
    match segment.largest_timestamp() {
        Some((timestamp, _)) if timestamp >= 0 => timestamp,
        _ if segment.created_ms() > 0 => segment.created_ms(),
        _ => i64::MAX,
    }
}
