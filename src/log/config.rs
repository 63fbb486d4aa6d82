//! The settings of one log: Kafka's topic configuration, by its names and with its defaults.

use std::str::FromStr;

use super::compression::Compression;
pub use crate::settings::TimestampType;
use crate::settings::{CleanupPolicy, GzipLevel, TopicConfig, small};

/// Topic settings (`LogConfig`). A field is the setting's name with underscores.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: 1 GiB. `internal.segment.bytes` sets it below the minimum of 1 MiB.
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
    /// `flush.ms`: never because of time.
    pub flush_ms: i64,
    /// `file.delete.delay.ms`: 1 minute between the renaming of a file to `.deleted` and its removal.
    pub file_delete_delay_ms: i64,
    /// `delete.retention.ms`: 1 day, so long a tombstone stays after the first pass over it.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`: 0, younger records are not cleaned.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: any, older dirty records are cleaned whatever the ratio.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`: 0.5.
    pub min_cleanable_dirty_ratio: f64,
    /// `compression.type`: the producer's codec (`None`), or this one whatever the producer's is.
    pub compression: Option<Compression>,
    /// `compression.gzip.level`
    pub gzip_level: GzipLevel,
    /// `preallocate`: whether a new segment has its whole size from the start.
    pub preallocate: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self::of(&TopicConfig::default())
    }
}

/// A topic setting that Kafka would not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No topic setting has this name.
    #[error("no topic setting is called `{0}`")]
    Unknown(String),
    /// The value is not of the setting's kind or out of its bounds.
    #[error("`{name}` cannot be `{value}`: {wanted}")]
    Value {
        /// The setting.
        name: String,
        /// What was given.
        value: String,
        /// What would be right.
        wanted: &'static str,
    },
}

/// Topic settings that mean nothing to the log of one replica: others read them, or there is no remote storage here.
const OF_OTHERS: [&str; 9] = [
    "follower.replication.throttled.replicas",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "min.insync.replicas",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "unclean.leader.election.enable",
];

impl LogConfig {
    /// What a topic's settings say of its logs.
    #[must_use]
    pub fn of(topic: &TopicConfig) -> Self {
        let (compact, delete) = match topic.cleanup_policy {
            CleanupPolicy::Delete => (false, true),
            CleanupPolicy::Compact => (true, false),
            CleanupPolicy::CompactAndDelete => (true, true),
        };
        let signed = |number: u64| small(number, i64::MAX);
        LogConfig {
            segment_bytes: small(topic.internal_segment_bytes, u32::MAX),
            segment_ms: signed(topic.segment_ms),
            segment_index_bytes: small(topic.segment_index_bytes, u32::MAX),
            index_interval_bytes: small(topic.index_interval_bytes, u32::MAX),
            max_message_bytes: small(topic.max_message_bytes, u32::MAX),
            message_timestamp_type: topic.message_timestamp_type,
            message_timestamp_before_max_ms: signed(topic.message_timestamp_before_max_ms),
            message_timestamp_after_max_ms: signed(topic.message_timestamp_after_max_ms),
            compact,
            delete,
            retention_ms: topic.retention_ms,
            retention_bytes: topic.retention_bytes,
            flush_messages: signed(topic.flush_messages),
            flush_ms: signed(topic.flush_ms),
            file_delete_delay_ms: signed(topic.file_delete_delay_ms),
            delete_retention_ms: signed(topic.delete_retention_ms),
            min_compaction_lag_ms: signed(topic.min_compaction_lag_ms),
            max_compaction_lag_ms: signed(topic.max_compaction_lag_ms),
            min_cleanable_dirty_ratio: topic.min_cleanable_dirty_ratio.value(),
            compression: topic.compression_type.codec().map(Compression::from),
            gzip_level: topic.compression_gzip_level,
            preallocate: false,
        }
    }

    /// Kafka's defaults with some settings given by name.
    pub fn with<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<LogConfig, ConfigError> {
        let mut config = LogConfig::default();
        let mut internal_segment_bytes = None;
        for (name, value) in settings {
            if name == "internal.segment.bytes" {
                internal_segment_bytes = Some(number(name, value, 0)?);
            } else {
                config.set(name, value)?;
            }
        }
        if let Some(bytes) = internal_segment_bytes {
            config.segment_bytes = bytes;
        }
        Ok(config)
    }

    /// Changes one setting by its name.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        match name {
            "segment.bytes" => self.segment_bytes = number(name, value, 1 << 20)?,
            "segment.ms" => self.segment_ms = at_least(name, value, 1)?,
            "segment.index.bytes" => self.segment_index_bytes = number(name, value, 4)?,
            "index.interval.bytes" => self.index_interval_bytes = number(name, value, 0)?,
            "max.message.bytes" => self.max_message_bytes = number(name, value, 0)?,
            "message.timestamp.type" => self.message_timestamp_type = timestamp_type(name, value)?,
            "message.timestamp.before.max.ms" => self.message_timestamp_before_max_ms = at_least(name, value, 0)?,
            "message.timestamp.after.max.ms" => self.message_timestamp_after_max_ms = at_least(name, value, 0)?,
            "cleanup.policy" => (self.compact, self.delete) = cleanup_policy(name, value)?,
            "retention.ms" => self.retention_ms = at_least(name, value, -1)?,
            "retention.bytes" => self.retention_bytes = at_least(name, value, i64::MIN)?,
            "flush.messages" => self.flush_messages = at_least(name, value, 1)?,
            "flush.ms" => self.flush_ms = at_least(name, value, 0)?,
            "file.delete.delay.ms" => self.file_delete_delay_ms = at_least(name, value, 0)?,
            "delete.retention.ms" => self.delete_retention_ms = at_least(name, value, 0)?,
            "min.compaction.lag.ms" => self.min_compaction_lag_ms = at_least(name, value, 0)?,
            "max.compaction.lag.ms" => self.max_compaction_lag_ms = at_least(name, value, 1)?,
            "min.cleanable.dirty.ratio" => self.min_cleanable_dirty_ratio = ratio(name, value)?,
            "preallocate" => self.preallocate = boolean(name, value)?,
            "compression.type" => self.compression = compression_type(name, value)?,
            "compression.gzip.level" => self.gzip_level = GzipLevel(at_least(name, value, -1)?),
            // These codecs have one level each here; what they write is read alike.
            "compression.lz4.level" | "compression.zstd.level" => {
                at_least(name, value, i32::MIN.into())?;
            }
            "segment.jitter.ms" => {
                at_least(name, value, 0)?;
            }
            // What it means is no matter of the log.
            other if OF_OTHERS.contains(&other) => {}
            _ => return Err(ConfigError::Unknown(name.to_owned())),
        }
        Ok(())
    }

    /// How long a segment stays active (`maxSegmentMs`): a compacted topic rolls early enough to be compacted in time.
    pub fn max_segment_ms(&self) -> i64 {
        if self.compact && self.max_compaction_lag_ms > 0 {
            self.segment_ms.min(self.max_compaction_lag_ms)
        } else {
            self.segment_ms
        }
    }
}

fn wrong(name: &str, value: &str, wanted: &'static str) -> ConfigError {
    ConfigError::Value { name: name.to_owned(), value: value.to_owned(), wanted }
}

fn parsed<T: FromStr>(name: &str, value: &str, wanted: &'static str) -> Result<T, ConfigError> {
    value.trim().parse().map_err(|_| wrong(name, value, wanted))
}

fn number(name: &str, value: &str, least: i32) -> Result<u32, ConfigError> {
    let number: i32 = parsed(name, value, "a whole number of bytes below 2 GiB")?;
    if number < least {
        return Err(wrong(name, value, "the value is too small"));
    }
    u32::try_from(number).map_err(|_| wrong(name, value, "the value is negative"))
}

fn at_least(name: &str, value: &str, least: i64) -> Result<i64, ConfigError> {
    let number = parsed(name, value, "a whole number")?;
    if number < least { Err(wrong(name, value, "the value is too small")) } else { Ok(number) }
}

fn ratio(name: &str, value: &str) -> Result<f64, ConfigError> {
    let ratio: f64 = parsed(name, value, "a number from 0 to 1")?;
    if (0.0..=1.0).contains(&ratio) { Ok(ratio) } else { Err(wrong(name, value, "a number from 0 to 1")) }
}

fn boolean(name: &str, value: &str) -> Result<bool, ConfigError> {
    match value.trim() {
        value if value.eq_ignore_ascii_case("true") => Ok(true),
        value if value.eq_ignore_ascii_case("false") => Ok(false),
        value => Err(wrong(name, value, "true or false")),
    }
}

fn compression_type(name: &str, value: &str) -> Result<Option<Compression>, ConfigError> {
    match value.trim() {
        "producer" => Ok(None),
        "uncompressed" => Ok(Some(Compression::None)),
        codec => Compression::from_name(codec)
            .filter(|codec| *codec != Compression::None)
            .map(Some)
            .ok_or_else(|| wrong(name, value, "producer, uncompressed, gzip, snappy, lz4 or zstd")),
    }
}

fn timestamp_type(name: &str, value: &str) -> Result<TimestampType, ConfigError> {
    match value.trim() {
        "CreateTime" => Ok(TimestampType::CreateTime),
        "LogAppendTime" => Ok(TimestampType::LogAppendTime),
        value => Err(wrong(name, value, "CreateTime or LogAppendTime")),
    }
}

/// Whether it names compact and whether it names delete.
fn cleanup_policy(name: &str, value: &str) -> Result<(bool, bool), ConfigError> {
    let words: Vec<&str> = value.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    if words.iter().any(|word| *word != "compact" && *word != "delete") {
        return Err(wrong(name, value, "delete, compact or both"));
    }
    Ok((words.contains(&"compact"), words.contains(&"delete")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_by_name() {
        let config = LogConfig::with([
            ("internal.segment.bytes", "300"),
            ("segment.bytes", "1048576"),
            ("cleanup.policy", "compact, delete"),
            ("min.cleanable.dirty.ratio", "0.25"),
            ("message.timestamp.type", "LogAppendTime"),
        ])
        .unwrap();
        assert_eq!((config.segment_bytes, config.compact, config.delete), (300, true, true));
        assert_eq!(config.min_cleanable_dirty_ratio, 0.25);
        assert_eq!(config.message_timestamp_type, TimestampType::LogAppendTime);
    }

    #[test]
    fn what_kafka_refuses_is_refused() {
        let wrong = [
            ("segment.bytes", "1000"),
            ("segment.ms", "0"),
            ("max.message.bytes", "-1"),
            ("cleanup.policy", "shrink"),
            ("min.cleanable.dirty.ratio", "1.5"),
            ("compression.type", "none"),
            ("preallocate", "yes"),
        ];
        for setting in wrong {
            assert!(matches!(LogConfig::with([setting]), Err(ConfigError::Value { .. })), "{setting:?}");
        }
        assert_eq!(LogConfig::with([("segment.byte", "1")]), Err(ConfigError::Unknown("segment.byte".to_owned())));
    }

    #[test]
    fn a_compacted_topic_rolls_in_time_for_its_lag() {
        let config = LogConfig { compact: true, max_compaction_lag_ms: 5_000, ..LogConfig::default() };
        assert_eq!(config.max_segment_ms(), 5_000);
    }
}
