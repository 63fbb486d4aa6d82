//! What an operator sees of the cleaner: the metrics of `kafka.log:type=LogCleaner` and
//! `kafka.log:type=LogCleanerManager`, computed as Apache Kafka does, in whole numbers.

use super::logs::Logs;
use super::threads::{CleanerThread, LogCleaner};
use crate::sim::disk::Disk;

/// The values at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanerMetrics {
    /// `max-buffer-utilization-percent`: how full the offset map of any thread's last cleaning was.
    pub max_buffer_utilization_percent: i64,
    /// `cleaner-recopy-percent`: what the last cleanings wrote of what they read.
    pub cleaner_recopy_percent: i64,
    /// `max-clean-time-secs`: the longest of the last cleanings.
    pub max_clean_time_secs: i64,
    /// `max-compaction-delay-secs`: so long a log was over its `max.compaction.lag.ms`.
    pub max_compaction_delay_secs: i64,
    /// `DeadThreadCount`: threads that ended though they should not.
    pub dead_thread_count: i64,
    /// `max-dirty-percent`: the dirty part of the dirtiest log.
    pub max_dirty_percent: i64,
    /// `time-since-last-run-ms`: since a log was last looked for.
    pub time_since_last_run_ms: i64,
    /// `uncleanable-partitions-count`: partitions that are left alone after an error.
    pub uncleanable_partitions_count: i64,
    /// `uncleanable-bytes`: what could be cleaned of them.
    pub uncleanable_bytes: i64,
}

impl CleanerMetrics {
    /// The names by which Kafka shows them, with their values.
    pub fn named(&self) -> [(&'static str, i64); 9] {
        [
            ("max-buffer-utilization-percent", self.max_buffer_utilization_percent),
            ("cleaner-recopy-percent", self.cleaner_recopy_percent),
            ("max-clean-time-secs", self.max_clean_time_secs),
            ("max-compaction-delay-secs", self.max_compaction_delay_secs),
            ("DeadThreadCount", self.dead_thread_count),
            ("max-dirty-percent", self.max_dirty_percent),
            ("time-since-last-run-ms", self.time_since_last_run_ms),
            ("uncleanable-partitions-count", self.uncleanable_partitions_count),
            ("uncleanable-bytes", self.uncleanable_bytes),
        ]
    }
}

impl LogCleaner {
    /// The metrics now.
    pub fn metrics(&self, logs: &dyn Logs, disk: &Disk, now_ms: i64) -> CleanerMetrics {
        let largest = |of: &dyn Fn(&CleanerThread) -> f64| self.threads().iter().map(of).fold(0.0, f64::max);
        let sum = |of: &dyn Fn(&CleanerThread) -> u64| self.threads().iter().map(of).sum::<u64>();
        let (written, read) =
            (sum(&|thread| thread.last_stats.bytes_written), sum(&|thread| thread.last_stats.bytes_read));
        let delay_ms = largest(&|thread| thread.last_pre_clean_stats.max_compaction_delay_ms as f64);
        let manager = self.manager();
        CleanerMetrics {
            max_buffer_utilization_percent: (largest(&|thread| thread.last_stats.buffer_utilization) * 100.0) as i64,
            cleaner_recopy_percent: (100.0 * written as f64 / read.max(1) as f64) as i64,
            max_clean_time_secs: largest(&|thread| thread.last_stats.elapsed_secs()) as i64,
            max_compaction_delay_secs: (delay_ms / 1_000.0) as i64,
            dead_thread_count: self.threads().iter().filter(|thread| thread.is_failed).count() as i64,
            max_dirty_percent: (100.0 * manager.dirtiest_log_cleanable_ratio()) as i64,
            time_since_last_run_ms: now_ms - manager.time_of_last_run_ms(),
            uncleanable_partitions_count: manager.uncleanable().count() as i64,
            uncleanable_bytes: i64::try_from(manager.uncleanable_bytes(logs, disk, now_ms)).unwrap_or(i64::MAX),
        }
    }
}
