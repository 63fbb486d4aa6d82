//! The settings of one log: Kafka's topic configuration, by its names and with its defaults.

/// What `message.timestamp.type` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's time.
    #[default]
    CreateTime,
    /// The broker's time of the append.
    LogAppendTime,
}

/// Topic settings (`LogConfig`). A field is the setting's name with underscores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes`: 1 GiB.
    pub segment_bytes: u32,
    /// `segment.ms`: 7 days.
    pub segment_ms: i64,
    /// `segment.index.bytes`: 10 MiB.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: 4096.
    pub index_interval_bytes: u32,
    /// `max.message.bytes`: 1 MiB and the size of a batch's overhead.
    pub max_message_bytes: u32,
    /// `message.timestamp.type`.
    pub message_timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: any.
    pub message_timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: 1 hour (KIP-1030).
    pub message_timestamp_after_max_ms: i64,
    /// Whether `cleanup.policy` names compact.
    pub compact: bool,
    /// Whether `cleanup.policy` names delete.
    pub delete: bool,
    /// `retention.ms`: 7 days; -1 is for ever.
    pub retention_ms: i64,
    /// `retention.bytes`: -1, any.
    pub retention_bytes: i64,
    /// `flush.messages`: never because of their number.
    pub flush_messages: i64,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            max_message_bytes: (1 << 20) + 12,
            message_timestamp_type: TimestampType::CreateTime,
            message_timestamp_before_max_ms: i64::MAX,
            message_timestamp_after_max_ms: 3_600_000,
            compact: false,
            delete: true,
            retention_ms: 7 * 24 * 3_600_000,
            retention_bytes: -1,
            flush_messages: i64::MAX,
        }
    }
}
