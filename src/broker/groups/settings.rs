//! What a coordinator of groups is told, with Kafka's defaults (`GroupCoordinatorConfig`).

use crate::settings::{BrokerConfig, MigrationPolicy, milliseconds, small};
use crate::sim::{SECOND, Time};

const MINUTE: Time = 60 * SECOND;

/// Settings of the coordinator of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// `offsets.topic.num.partitions`.
    pub topic_partitions: i32,
    /// `offsets.topic.replication.factor`.
    pub topic_replication_factor: i16,
    /// `offsets.topic.segment.bytes`.
    pub topic_segment_bytes: u64,
    /// `offset.metadata.max.bytes`: of what is said with an offset.
    pub offset_metadata_max_bytes: usize,
    /// `offsets.retention.minutes`.
    pub offsets_retention_us: Time,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_us: Time,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members.
    pub initial_rebalance_delay_ms: i32,
    /// `group.max.size`.
    pub max_size: usize,
    /// Without KIP-394: whoever joins without an id is a member at once.
    pub without_kip_394: bool,
    /// `group.consumer.session.timeout.ms`.
    pub consumer_session_timeout_us: Time,
    /// `group.consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval_ms: i32,
    /// `group.consumer.max.size`.
    pub consumer_max_size: usize,
    /// `group.consumer.regex.refresh.interval.ms`
    pub regex_refresh_interval_ms: i64,
    /// `group.consumer.migration.policy`
    pub migration_policy: MigrationPolicy,
    /// `group.consumer.assignment.interval.ms`: the least time between two assignments of a group.
    pub consumer_assignment_interval_ms: i64,
}

impl GroupSettings {
    /// What a broker is told.
    #[must_use]
    pub fn of(config: &BrokerConfig) -> Self {
        Self {
            topic_partitions: small(config.offsets_topic_num_partitions, i32::MAX),
            topic_replication_factor: small(config.offsets_topic_replication_factor, i16::MAX),
            topic_segment_bytes: config.offsets_topic_segment_bytes,
            offset_metadata_max_bytes: 4_096,
            offsets_retention_us: config.offsets_retention_minutes.saturating_mul(MINUTE),
            offsets_retention_check_interval_us: milliseconds(config.offsets_retention_check_interval_ms),
            min_session_timeout_ms: small(config.group_min_session_timeout_ms, i32::MAX),
            max_session_timeout_ms: small(config.group_max_session_timeout_ms, i32::MAX),
            initial_rebalance_delay_ms: small(config.group_initial_rebalance_delay_ms, i32::MAX),
            without_kip_394: false,
            max_size: small(config.group_max_size, i32::MAX as usize),
            consumer_session_timeout_us: milliseconds(config.group_consumer_session_timeout_ms),
            consumer_heartbeat_interval_ms: small(config.group_consumer_heartbeat_interval_ms, i32::MAX),
            consumer_max_size: small(config.group_consumer_max_size, i32::MAX as usize),
            regex_refresh_interval_ms: small(config.group_consumer_regex_refresh_interval_ms, i64::MAX),
            migration_policy: config.group_consumer_migration_policy,
            consumer_assignment_interval_ms: small(config.group_consumer_assignment_interval_ms, i64::MAX),
        }
    }
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self::of(&BrokerConfig::default())
    }
}
