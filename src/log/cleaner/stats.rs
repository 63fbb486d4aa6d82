//! What a pass counts: `CleanerStats` and `PreCleanStats` in Apache Kafka.

/// Counts of one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CleanerStats {
    /// When it began.
    pub start_us: u64,
    /// When the offset map was complete.
    pub map_complete_us: u64,
    /// When it ended.
    pub end_us: u64,
    /// Bytes of batches read to be cleaned.
    pub bytes_read: u64,
    /// Bytes of batches written.
    pub bytes_written: u64,
    /// Bytes of batches read for the map.
    pub map_bytes_read: u64,
    /// Records read for the map.
    pub map_messages_read: u64,
    /// Records read to be cleaned.
    pub messages_read: u64,
    /// Records without a key.
    pub invalid_messages_read: u64,
    /// Records written.
    pub messages_written: u64,
    /// How full the map was, from 0 to 1.
    pub buffer_utilization: f64,
}

impl CleanerStats {
    /// Seconds from start to end.
    pub fn elapsed_secs(&self) -> f64 {
        self.end_us.saturating_sub(self.start_us) as f64 / 1e6
    }
}

/// What was found when a log was chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreCleanStats {
    /// The longest time that a partition is over its `max.compaction.lag.ms`.
    pub max_compaction_delay_ms: i64,
    /// How many are over it.
    pub delayed_partitions: u32,
    /// How many could be cleaned.
    pub cleanable_partitions: u32,
}

impl PreCleanStats {
    /// Notes how long a partition is over its time.
    pub fn note_delay(&mut self, delay_ms: i64) {
        self.max_compaction_delay_ms = self.max_compaction_delay_ms.max(delay_ms);
        self.delayed_partitions += u32::from(delay_ms > 0);
    }
}
