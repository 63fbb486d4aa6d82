//! What of a log can be cleaned: `LogCleanerManager.cleanableOffsets` and `LogToClean` in Apache Kafka.

use super::error::CleanError;
use super::logs::Partition;
use crate::log::replica::ReplicaLog;
use crate::log::segment::Segment;
use crate::sim::disk::Disk;

/// The dirty offsets of a log that can be cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetsToClean {
    /// Where the dirty part begins.
    pub first_dirty_offset: i64,
    /// Up to where it can be cleaned at most.
    pub first_uncleanable_dirty_offset: i64,
    /// The checkpoint lay outside the log and is to be corrected.
    pub force_update_checkpoint: bool,
}

impl OffsetsToClean {
    /// Of a log that was cleaned up to `checkpoint`. Neither the active segment is cleaned nor what lies behind the last
    /// stable offset nor segments with records younger than `min.compaction.lag.ms`.
    pub fn of(log: &ReplicaLog, disk: &Disk, checkpoint: Option<i64>, now_ms: i64) -> OffsetsToClean {
        let start = log.log_start_offset();
        let valid = checkpoint.filter(|&offset| (start..=log.log_end_offset()).contains(&offset));
        let first_dirty_offset = valid.unwrap_or(start);
        let lag_ms = log.config().min_compaction_lag_ms.max(0);
        let is_young = |segment: &&Segment| segment.largest_time(disk) > now_ms.saturating_sub(lag_ms);
        let first_young = sealed_from(log, first_dirty_offset).find(is_young).filter(|_| lag_ms > 0);
        let first_uncleanable = log
            .last_stable_offset()
            .min(active_base(log))
            .min(first_young.map_or(i64::MAX, |segment| segment.base_offset));
        OffsetsToClean {
            first_dirty_offset,
            first_uncleanable_dirty_offset: first_uncleanable.max(first_dirty_offset),
            force_update_checkpoint: checkpoint.is_some() && valid.is_none(),
        }
    }
}

/// A log and how dirty it is. It is measured in whole segments: one that is partly clean counts twice.
#[derive(Clone, Debug, PartialEq)]
pub struct LogToClean {
    /// Whose log it is.
    pub partition: Partition,
    /// Where the dirty part begins.
    pub first_dirty_offset: i64,
    /// Where the first segment begins that cannot be cleaned.
    pub first_uncleanable_offset: i64,
    /// Of the segments that begin before the dirty part.
    pub clean_bytes: u64,
    /// Of the segments of the dirty part.
    pub cleanable_bytes: u64,
    /// Some of it is older than `max.compaction.lag.ms`.
    pub need_compaction_now: bool,
}

impl LogToClean {
    /// Of a log that can be cleaned from `first_dirty_offset` to `uncleanable_offset`.
    pub fn of(
        partition: &Partition,
        log: &ReplicaLog,
        first_dirty_offset: i64,
        uncleanable_offset: i64,
        need_compaction_now: bool,
    ) -> LogToClean {
        let first_uncleanable_offset =
            sealed_from(log, uncleanable_offset).next().map_or(active_base(log), |segment| segment.base_offset);
        let sum =
            |segments: &mut dyn Iterator<Item = &Segment>| segments.map(|segment| u64::from(segment.size())).sum();
        let dirty_from = first_dirty_offset.min(first_uncleanable_offset);
        LogToClean {
            partition: partition.clone(),
            first_dirty_offset,
            first_uncleanable_offset,
            clean_bytes: sum(&mut log.segments().take_while(|segment| segment.base_offset < first_dirty_offset)),
            cleanable_bytes: sum(&mut segments_between(log, dirty_from, first_uncleanable_offset)),
            need_compaction_now,
        }
    }

    /// All bytes that count.
    pub fn total_bytes(&self) -> u64 {
        self.clean_bytes + self.cleanable_bytes
    }

    /// Which part of the log is dirty and can be cleaned, from 0 to 1.
    pub fn cleanable_ratio(&self) -> f64 {
        self.cleanable_bytes as f64 / self.total_bytes() as f64
    }
}

/// For how long the oldest dirty records have been over `max.compaction.lag.ms`; 0 if they are not.
pub fn max_compaction_delay_ms(
    log: &ReplicaLog,
    disk: &Disk,
    first_dirty_offset: i64,
    now_ms: i64,
) -> Result<i64, CleanError> {
    let mut earliest = i64::MAX;
    for segment in sealed_from(log, first_dirty_offset) {
        let corrupt = |_| CleanError::CorruptRecord { base_offset: segment.base_offset, position: 0 };
        let first = segment.first_batch_timestamp(disk).map_err(corrupt)?;
        earliest = earliest.min(first.filter(|&timestamp| timestamp > 0).unwrap_or(i64::MAX));
    }
    let clean_until_ms = now_ms.saturating_sub(log.config().max_compaction_lag_ms.max(0));
    Ok(if earliest < clean_until_ms { clean_until_ms - earliest } else { 0 })
}

/// The segments from the one that holds `from` on that begin before `to` (`LogSegments.values`).
pub fn segments_between(log: &ReplicaLog, from: i64, to: i64) -> impl Iterator<Item = &Segment> {
    let floor = log.segments().map(|segment| segment.base_offset).take_while(|&base| base <= from).last();
    let first = floor.unwrap_or(i64::MIN);
    log.segments().filter(move |segment| from < to && (first..to).contains(&segment.base_offset))
}

/// The segments but the active one from the one that holds `from` on (`nonActiveLogSegmentsFrom`).
fn sealed_from(log: &ReplicaLog, from: i64) -> impl Iterator<Item = &Segment> {
    segments_between(log, from, active_base(log))
}

fn active_base(log: &ReplicaLog) -> i64 {
    log.active.base_offset
}
