//! What a broker can be told, with Kafka's defaults.

use super::groups::GroupSettings;
use crate::log::ProducerSettings;
use crate::log::cleaner::CleanerConfig;
use crate::settings::{BrokerConfig, Fix, ReplicaSelector, Without, milliseconds, small};
use crate::sim::Time;
use crate::sim::send_buffer::receive_buffer_bytes;

/// The broker's one log directory (`log.dirs`).
pub const DIRECTORY: &str = "data";

/// Settings of a broker.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerSettings {
    /// `node.id`; also the number of its process.
    pub id: i32,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// `replica.selector.class` is `RackAwareReplicaSelector`.
    pub selects_by_rack: bool,
    /// How many brokers there are.
    pub brokers: u32,
    /// `replica.lag.time.max.ms`.
    pub replica_lag_time_max_us: Time,
    /// `replica.fetch.wait.max.ms`.
    pub replica_fetch_wait_max_us: Time,
    /// `replica.fetch.backoff.ms`.
    pub replica_fetch_backoff_us: Time,
    /// `replica.fetch.max.bytes`: of one partition.
    pub replica_fetch_max_bytes: i32,
    /// `replica.fetch.response.max.bytes`.
    pub replica_fetch_response_max_bytes: i32,
    /// `replica.socket.timeout.ms`: a request to another broker or the controller without an answer for so long is
    /// given up with its connection.
    pub replica_socket_timeout_us: Time,
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval_us: Time,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub hw_checkpoint_interval_us: Time,
    /// `max.incremental.fetch.session.cache.slots`.
    pub fetch_session_slots: u32,
    /// `log.retention.check.interval.ms`.
    pub log_retention_check_interval_us: Time,
    /// `log.flush.scheduler.interval.ms`: never, unless said.
    pub log_flush_scheduler_interval_us: Time,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub log_flush_offset_checkpoint_interval_us: Time,
    /// `log.flush.start.offset.checkpoint.interval.ms`.
    pub log_flush_start_offset_checkpoint_interval_us: Time,
    /// `log.initial.task.delay.ms`.
    pub log_initial_task_delay_us: Time,
    /// `min.insync.replicas` where the topic does not say.
    pub min_insync_replicas: u32,
    /// `auto.create.topics.enable`.
    pub auto_creates_topics: bool,
    /// `num.partitions` of a topic that is made by itself.
    pub num_partitions: i32,
    /// `default.replication.factor`: the same of its replicas.
    pub default_replication_factor: i16,
    /// `num.io.threads`: how many requests are handled at once.
    pub io_threads: u8,
    /// `connections.max.idle.ms`: a connection on which nobody has asked for so long is closed.
    pub connections_max_idle_us: Time,
    /// How many bytes of a connection are kept that are not read (`socket.receive.buffer.bytes`).
    pub receive_buffer_bytes: u64,
    /// `offsets.commit.timeout.ms`: how long a coordinator's write may wait to be committed.
    pub offsets_commit_timeout_us: Time,
    /// `offsets.load.buffer.size`: how much of a log a coordinator's loader reads at once.
    pub offsets_load_buffer_size: u32,
    /// The coordinator of groups'.
    pub groups: GroupSettings,
    /// Those of transactions.
    pub transactions: TransactionSettings,
    /// The log cleaner's.
    pub cleaner: CleanerConfig,
    /// Historical fixes that are switched off.
    pub without: BrokerSwitches,
}

/// What concerns transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionSettings {
    /// `transaction.max.timeout.ms`.
    pub max_timeout_ms: i64,
    /// `transactional.id.expiration.ms`.
    pub id_expiration_ms: i64,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    pub abort_interval_us: Time,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub expiration_interval_us: Time,
    /// `transaction.partition.verification.enable`.
    pub verification_enabled: bool,
    /// `add.partitions.to.txn.retry.backoff.ms`: when a coordinator is asked again that is at the transaction before.
    pub add_partitions_backoff_us: Time,
    /// `add.partitions.to.txn.retry.backoff.max.ms`: how long that goes on.
    pub add_partitions_backoff_max_us: Time,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration_ms: i64,
    /// `producer.id.expiration.check.interval.ms`.
    pub producer_check_us: Time,
    /// Without KAFKA-6119: a transaction that is open for too long is aborted, and its producer goes on.
    pub without_kafka_6119: bool,
    /// Without KAFKA-9144: markers do not keep a producer from being forgotten.
    pub without_kafka_9144: bool,
    /// Without KAFKA-9807: readers of committed records look twice at the high watermark.
    pub without_kafka_9807: bool,
    /// `transaction.state.log.num.partitions`.
    pub topic_partitions: i32,
    /// `transaction.state.log.replication.factor`.
    pub topic_replication_factor: i16,
    /// `transaction.state.log.min.isr`.
    pub topic_min_isr: i32,
    /// `transaction.state.log.segment.bytes`.
    pub topic_segment_bytes: i32,
}

impl TransactionSettings {
    /// What a broker is told.
    #[must_use]
    pub fn of(config: &BrokerConfig) -> Self {
        let number = |number: u64| small(number, i64::MAX);
        Self {
            max_timeout_ms: number(config.transaction_max_timeout_ms),
            id_expiration_ms: number(config.transactional_id_expiration_ms),
            abort_interval_us: milliseconds(config.transaction_abort_interval_ms),
            expiration_interval_us: milliseconds(config.transaction_expiration_interval_ms),
            verification_enabled: config.transaction_partition_verification_enable,
            add_partitions_backoff_us: milliseconds(config.add_partitions_backoff_ms),
            add_partitions_backoff_max_us: milliseconds(config.add_partitions_backoff_max_ms),
            producer_id_expiration_ms: number(config.producer_id_expiration_ms),
            producer_check_us: milliseconds(config.producer_id_expiration_check_interval_ms),
            without_kafka_6119: false,
            without_kafka_9144: false,
            without_kafka_9807: false,
            topic_partitions: small(config.transaction_topic_num_partitions, i32::MAX),
            topic_replication_factor: small(config.transaction_topic_replication_factor, i16::MAX),
            topic_min_isr: small(config.transaction_topic_min_isr, i32::MAX),
            topic_segment_bytes: small(config.transaction_topic_segment_bytes, i32::MAX),
        }
    }
}

impl Default for TransactionSettings {
    /// Kafka's defaults.
    fn default() -> Self {
        Self::of(&BrokerConfig::default())
    }
}

impl TransactionSettings {
    /// What logs have to know of them.
    #[must_use]
    pub fn of_producers(&self) -> ProducerSettings {
        ProducerSettings {
            id_expiration_ms: self.producer_id_expiration_ms,
            verification_enabled: self.verification_enabled,
            max_transaction_timeout_ms: self.max_timeout_ms,
            without_kafka_9144: self.without_kafka_9144,
            without_kafka_9807: self.without_kafka_9807,
        }
    }
}

/// Behaviour from before a fix, one each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerSwitches {
    /// Without KIP-101: a follower truncates to its high watermark, not by leader epochs.
    pub kip_101: bool,
    /// Without KIP-903: a replica may enter the ISR with the broker epoch of a former life.
    pub kip_903: bool,
    /// Without KIP-966: the high watermark moves though the ISR is below `min.insync.replicas`.
    pub kip_966: bool,
    /// Without KAFKA-7128: a follower below the start of the leader's epoch may enter the ISR.
    pub kafka_7128: bool,
    /// Without KAFKA-14704: a response that says where epochs diverge moves the follower's high watermark.
    pub kafka_14704: bool,
}

impl BrokerSettings {
    /// What a broker of a cluster of so many is told.
    #[must_use]
    pub fn of(config: &BrokerConfig, id: i32, brokers: u32) -> Self {
        Self {
            id,
            rack: None,
            selects_by_rack: config.replica_selector_class == ReplicaSelector::RackAware,
            brokers,
            replica_lag_time_max_us: milliseconds(config.replica_lag_time_max_ms),
            replica_fetch_wait_max_us: milliseconds(config.replica_fetch_wait_max_ms),
            replica_fetch_backoff_us: milliseconds(config.replica_fetch_backoff_ms),
            replica_fetch_max_bytes: small(config.replica_fetch_max_bytes, i32::MAX),
            replica_fetch_response_max_bytes: small(config.replica_fetch_response_max_bytes, i32::MAX),
            replica_socket_timeout_us: milliseconds(config.replica_socket_timeout_ms),
            heartbeat_interval_us: milliseconds(config.broker_heartbeat_interval_ms),
            hw_checkpoint_interval_us: milliseconds(config.replica_high_watermark_checkpoint_interval_ms),
            log_retention_check_interval_us: milliseconds(config.log_retention_check_interval_ms),
            log_flush_scheduler_interval_us: milliseconds(config.log_flush_scheduler_interval_ms),
            log_flush_offset_checkpoint_interval_us: milliseconds(config.log_flush_offset_checkpoint_interval_ms),
            log_flush_start_offset_checkpoint_interval_us: milliseconds(
                config.log_flush_start_offset_checkpoint_interval_ms,
            ),
            log_initial_task_delay_us: milliseconds(config.log_initial_task_delay_ms),
            fetch_session_slots: small(config.fetch_session_slots, u32::MAX),
            min_insync_replicas: small(config.min_insync_replicas, u32::MAX),
            auto_creates_topics: config.auto_create_topics_enable,
            num_partitions: small(config.num_partitions, i32::MAX),
            default_replication_factor: small(config.default_replication_factor, i16::MAX),
            io_threads: small(config.num_io_threads, u8::MAX),
            connections_max_idle_us: milliseconds(config.connections_max_idle_ms),
            receive_buffer_bytes: receive_buffer_bytes(config.socket_receive_buffer_bytes.bytes()),
            offsets_commit_timeout_us: milliseconds(config.offsets_commit_timeout_ms),
            offsets_load_buffer_size: small(config.offsets_load_buffer_size, u32::MAX),
            groups: GroupSettings::of(config),
            transactions: TransactionSettings::of(config),
            cleaner: CleanerConfig::of(config),
            without: BrokerSwitches::default(),
        }
    }

    /// The same of a broker from before these fixes.
    #[must_use]
    pub fn before(mut self, without: Without) -> Self {
        let transactions = &mut self.transactions;
        transactions.verification_enabled &= !without.lacks(Fix::Kip890Verification);
        transactions.without_kafka_6119 = without.lacks(Fix::Kafka6119);
        transactions.without_kafka_9144 = without.lacks(Fix::Kafka9144);
        transactions.without_kafka_9807 = without.lacks(Fix::Kafka9807);
        self.without.kip_101 = without.lacks(Fix::Kip101);
        self.without.kip_903 = without.lacks(Fix::Kip903);
        self.without.kafka_14704 = without.lacks(Fix::Kafka14704);
        self.without.kip_966 = without.lacks(Fix::Kip966);
        self.without.kafka_7128 = without.lacks(Fix::Kafka7128);
        self.groups.without_kip_394 = without.lacks(Fix::Kip394);
        self.cleaner.without_kip_534 = without.lacks(Fix::Kip534);
        self
    }
}

impl Default for BrokerSettings {
    /// Kafka's defaults, for the first of three brokers.
    fn default() -> Self {
        Self::of(&BrokerConfig::default(), 1, 3)
    }
}
