//! Kafka's settings, with Kafka's names, units and defaults: those that the engine honours, and no other.
//!
//! Each table below is the one place for its settings: the struct, the defaults of brokers, logs and clients, the reader of
//! files and `docs/scenarios.md` all come from it. Upper bounds protect memory and time; lower ones above Kafka's keep a
//! world from polling without end. What Kafka has beside them stands in [`kafka`].

mod fixes;
pub mod kafka;
pub mod value;

use std::collections::BTreeMap;

use crate::sim::{MILLISECOND, Time};
pub use fixes::{Fix, Without};
pub use kafka::Owner;
pub use value::{
    Acks, Assignor, Assignors, AutoOffsetReset, CleanupPolicy, ClientId, CompressionType, GroupProtocol, GzipLevel,
    InstanceId, IsolationLevel, MetadataRecovery, MigrationPolicy, PartitionerClass, Rack, Ratio, Raw, RemoteAssignor,
    ReplicaSelector, Setting, SettingValue, SocketBuffer, TimestampType, TopicCompression, TransactionalId, for_docs,
};

/// A group of settings: one struct of typed values.
pub trait Config: Default {
    /// Whose settings they are.
    const OWNER: Owner;
    /// Its rows, in the order of the table.
    fn table() -> Vec<Setting>;
    /// Takes a value. Says what would be right if the value is wrong, or that there is no such name.
    fn set(&mut self, name: &str, raw: &Raw) -> Result<(), String>;
    /// All settings as text, as a broker would describe them.
    fn entries(&self) -> BTreeMap<String, String>;
}

macro_rules! settings {
    ($(#[$doc:meta])* $config:ident of $owner:ident {
        $($field:ident : $kind:ty = $default:expr, $name:literal, $unit:literal, $bounds:expr, $about:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $config { $(#[doc = $about] pub $field: $kind,)* }

        impl Default for $config {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Config for $config {
            const OWNER: Owner = Owner::$owner;

            fn table() -> Vec<Setting> {
                let default = Self::default();
                vec![$(Setting {
                    name: $name,
                    values: <$kind>::values(&$bounds),
                    unit: $unit,
                    default: default.$field.to_string(),
                    about: for_docs($about),
                },)*]
            }

            fn set(&mut self, name: &str, raw: &Raw) -> Result<(), String> {
                match name {
                    $($name => self.$field = <$kind>::read(raw, &$bounds)?,)*
                    other => return Err(format!("a name of its table, not {other}")),
                }
                Ok(())
            }

            fn entries(&self) -> BTreeMap<String, String> {
                crate::sim::sorted::tree([$(($name.to_owned(), self.$field.to_string()),)*])
            }
        }
    };
}

/// A number of milliseconds as the simulation counts time.
#[must_use]
pub fn milliseconds(ms: u64) -> Time {
    ms.saturating_mul(MILLISECOND)
}

/// A number that fits where its bounds say so, and the most where Kafka's own type is wider.
#[must_use]
pub fn small<T: TryFrom<u64>>(number: u64, most: T) -> T {
    T::try_from(number).unwrap_or(most)
}

const HOUR_MS: u64 = 3_600_000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Kafka's `Integer.MAX_VALUE`.
const INT_MAX: u64 = i32::MAX as u64;
/// Kafka's `Long.MAX_VALUE`.
const LONG_MAX: u64 = i64::MAX as u64;

settings! {
    /// Settings of brokers, and of topics that do not say otherwise.
    BrokerConfig of Broker {
        replica_lag_time_max_ms: u64 = 30_000, "replica.lag.time.max.ms", "ms", 100..=HOUR_MS,
            "A follower that has not caught up with the leader for this long leaves the ISR.";
        replica_fetch_wait_max_ms: u64 = 500, "replica.fetch.wait.max.ms", "ms", 10..=60_000,
            "How long a leader parks a follower's fetch that has nothing to answer.";
        replica_fetch_max_bytes: u64 = MIB, "replica.fetch.max.bytes", "bytes", 1..=INT_MAX,
            "Most bytes of one partition in the answer to a follower's fetch; the first batch may be larger.";
        replica_fetch_response_max_bytes: u64 = 10 * MIB, "replica.fetch.response.max.bytes", "bytes", 0..=INT_MAX,
            "Most bytes in the answer to a follower's fetch; the first batch may be larger.";
        replica_socket_timeout_ms: u64 = 30_000, "replica.socket.timeout.ms", "ms", 10..=HOUR_MS,
            "A follower's fetch without an answer for this long is given up, with its connection.";
        replica_fetch_backoff_ms: u64 = 1_000, "replica.fetch.backoff.ms", "ms", 10..=60_000,
            "How long a follower waits after a fetch that failed.";
        replica_selector_class: ReplicaSelector = ReplicaSelector::Leader, "replica.selector.class", "", (),
            "From which replica consumers read: from the leader (`null`), or with `RackAwareReplicaSelector` from one in sync that is in their `client.rack` (KIP-392). Needs `racks`.";
        replica_high_watermark_checkpoint_interval_ms: u64 = 5_000, "replica.high.watermark.checkpoint.interval.ms", "ms", 100..=HOUR_MS,
            "How often a broker writes its high watermarks to disk.";
        fetch_session_slots: u64 = 1_000, "max.incremental.fetch.session.cache.slots", "", 0..=10_000,
            "How many fetch sessions a broker keeps; with none left, a fetch names all its partitions each time.";
        num_io_threads: u64 = 8, "num.io.threads", "", 1..=255,
            "How many requests a broker handles at once: those whose thread waits for the disk hold up no other.";
        socket_receive_buffer_bytes: SocketBuffer = SocketBuffer(102_400), "socket.receive.buffer.bytes", "bytes", -1..=INT_MAX as i64,
            "What of a client's connection is asked to be kept (SO_RCVBUF) until the broker reads it. Linux takes half as much again; -1 leaves it to the operating system, 0 is refused.";
        connections_max_idle_ms: u64 = 600_000, "connections.max.idle.ms", "ms", 100..=LONG_MAX,
            "A connection over which nothing went for this long is closed by the broker.";
        broker_heartbeat_interval_ms: u64 = 2_000, "broker.heartbeat.interval.ms", "ms", 100..=60_000,
            "How often a broker tells the controller that it lives.";
        broker_session_timeout_ms: u64 = 9_000, "broker.session.timeout.ms", "ms", 500..=HOUR_MS,
            "A broker that the controller has not heard for this long is fenced, and its partitions get other leaders.";
        auto_leader_rebalance_enable: bool = true, "auto.leader.rebalance.enable", "", (),
            "Whether the controller lets preferred replicas lead again.";
        leader_imbalance_check_interval_seconds: u64 = 300, "leader.imbalance.check.interval.seconds", "s", 1..=86_400,
            "How often it looks for partitions that their preferred replica does not lead.";
        num_partitions: u64 = 1, "num.partitions", "", 1..=100,
            "How many partitions a topic gets for which nobody says so: one that is created by itself, see `auto.create.topics.enable`.";
        default_replication_factor: u64 = 1, "default.replication.factor", "", 1..=30,
            "How many replicas its partitions have.";
        auto_create_topics_enable: bool = false, "auto.create.topics.enable", "", (),
            "Whether a topic that is not there is created for whoever asks for its metadata: a producer, or a consumer with `allow.auto.create.topics`. Kafka's default is true; here a file says what topics there are and when. With it clients may name topics that the file does not declare, and one that is deleted comes back while somebody asks for it.";
        min_insync_replicas: u64 = 1, "min.insync.replicas", "", 1..=30,
            "With acks=all, a leader with fewer in-sync replicas refuses to write.";
        unclean_leader_election_enable: bool = false, "unclean.leader.election.enable", "", (),
            "Whether a replica outside the ISR may lead when no other is left; records may be lost.";
        log_segment_bytes: u64 = GIB, "log.segment.bytes", "bytes", MIB..=INT_MAX,
            "A segment that would grow beyond this is closed and a new one begun.";
        log_roll_ms: u64 = 604_800_000, "log.roll.ms", "ms", 1_000..=LONG_MAX,
            "A segment whose first record is older than this is closed at the next append. Left out, `log.roll.hours`.";
        log_roll_hours: u64 = 168, "log.roll.hours", "h", 1..=INT_MAX,
            "The same in hours, where `log.roll.ms` is left out.";
        log_index_interval_bytes: u64 = 4_096, "log.index.interval.bytes", "bytes", 0..=INT_MAX,
            "How many bytes of a segment lie between two entries of its offset index.";
        log_retention_ms: i64 = 604_800_000, "log.retention.ms", "ms", -1..=i64::MAX,
            "A segment whose latest record is older than this is removed; -1 keeps all, 0 is refused. Left out, `log.retention.minutes`.";
        log_retention_minutes: i64 = 10_080, "log.retention.minutes", "min", -1..=INT_MAX as i64,
            "The same in minutes, where `log.retention.ms` is left out. Left out, `log.retention.hours`.";
        log_retention_hours: i64 = 168, "log.retention.hours", "h", -1..=INT_MAX as i64,
            "The same in hours, where both of these are left out.";
        log_retention_bytes: i64 = -1, "log.retention.bytes", "bytes", -1..=i64::MAX,
            "The oldest segments are removed as long as this much of a partition is left; -1 keeps all.";
        log_retention_check_interval_ms: u64 = 300_000, "log.retention.check.interval.ms", "ms", 100..=LONG_MAX,
            "How often a broker looks for segments to remove.";
        log_segment_delete_delay_ms: u64 = 60_000, "log.segment.delete.delay.ms", "ms", 0..=LONG_MAX,
            "How long the files of a removed segment stay, renamed.";
        log_flush_interval_messages: u64 = LONG_MAX, "log.flush.interval.messages", "", 1..=LONG_MAX,
            "A log with this many records that are only in the page cache is made durable; Kafka's default is any.";
        log_flush_interval_ms: u64 = LONG_MAX, "log.flush.interval.ms", "ms", 0..=LONG_MAX,
            "A log that was not made durable for this long is, when the broker looks; Kafka's default is any time.";
        log_flush_scheduler_interval_ms: u64 = LONG_MAX, "log.flush.scheduler.interval.ms", "ms", 100..=LONG_MAX,
            "How often a broker looks for logs to make durable; Kafka's default is never.";
        log_flush_offset_checkpoint_interval_ms: u64 = 60_000, "log.flush.offset.checkpoint.interval.ms", "ms", 100..=LONG_MAX,
            "How often a broker writes down up to where its logs are durable: they are checked from there after a crash.";
        log_flush_start_offset_checkpoint_interval_ms: u64 = 60_000, "log.flush.start.offset.checkpoint.interval.ms", "ms", 100..=LONG_MAX,
            "How often a broker writes down where its logs start.";
        log_initial_task_delay_ms: u64 = 30_000, "log.initial.task.delay.ms", "ms", 0..=LONG_MAX,
            "When after its start a broker first looks for segments to remove and writes these down.";
        message_max_bytes: u64 = 1_048_588, "message.max.bytes", "bytes", 100..=16 * MIB,
            "The largest batch that a leader accepts.";
        log_message_timestamp_type: TimestampType = TimestampType::CreateTime, "log.message.timestamp.type", "", (),
            "Whether a record carries the time of its producer or that of its append.";
        log_message_timestamp_before_max_ms: u64 = LONG_MAX, "log.message.timestamp.before.max.ms", "ms", 0..=LONG_MAX,
            "A record whose time lies further before the broker's is refused.";
        log_message_timestamp_after_max_ms: u64 = HOUR_MS, "log.message.timestamp.after.max.ms", "ms", 0..=LONG_MAX,
            "A record whose time lies further after the broker's is refused.";
        log_index_size_max_bytes: u64 = 10 * MIB, "log.index.size.max.bytes", "bytes", 96..=GIB,
            "A segment whose offset or time index is full at this size is closed.";
        log_cleanup_policy: CleanupPolicy = CleanupPolicy::Delete, "log.cleanup.policy", "", (),
            "Whether old segments are removed, or of each key only the latest record stays.";
        compression_type: TopicCompression = TopicCompression::Producer, "compression.type", "", (),
            "How leaders compress what they append: as its producer did, or otherwise whatever that did.";
        compression_gzip_level: GzipLevel = GzipLevel::DEFAULT, "compression.gzip.level", "", -1..=9,
            "How hard gzip tries where it is not the producer that compresses; -1 leaves it to gzip, 0 is refused. Of lz4 and zstd there is one level here.";
        offsets_topic_num_partitions: u64 = 50, "offsets.topic.num.partitions", "", 1..=100,
            "How many partitions the topic has in which groups commit; each is coordinated by its leader.";
        offsets_topic_replication_factor: u64 = 3, "offsets.topic.replication.factor", "", 1..=30,
            "How many replicas each of them has.";
        offsets_topic_segment_bytes: u64 = 100 * MIB, "offsets.topic.segment.bytes", "bytes", MIB..=INT_MAX,
            "A segment of it that would grow beyond this is closed and a new one begun; only what is closed is cleaned. It is of use only before the topic is made.";
        offsets_retention_minutes: u64 = 10_080, "offsets.retention.minutes", "min", 1..=INT_MAX,
            "How long what a group has committed stays after the group was left by all, or its topic by its subscription (KIP-211).";
        offsets_retention_check_interval_ms: u64 = 600_000, "offsets.retention.check.interval.ms", "ms", 100..=LONG_MAX,
            "How often a coordinator looks for what is too old.";
        offsets_commit_timeout_ms: u64 = 5_000, "offsets.commit.timeout.ms", "ms", 10..=INT_MAX,
            "How long a coordinator waits until what it writes is on all in-sync replicas.";
        offsets_load_buffer_size: u64 = 5 * MIB, "offsets.load.buffer.size", "bytes", 1..=INT_MAX,
            "How much of its partition a new coordinator reads at once.";
        group_min_session_timeout_ms: u64 = 6_000, "group.min.session.timeout.ms", "ms", 0..=INT_MAX,
            "A member of a classic group whose `session.timeout.ms` is less is refused.";
        group_max_session_timeout_ms: u64 = 1_800_000, "group.max.session.timeout.ms", "ms", 0..=INT_MAX,
            "One whose `session.timeout.ms` is more is refused, too.";
        group_max_size: u64 = INT_MAX, "group.max.size", "", 1..=INT_MAX,
            "How many members a classic group takes; others are refused.";
        group_initial_rebalance_delay_ms: u64 = 3_000, "group.initial.rebalance.delay.ms", "ms", 0..=HOUR_MS,
            "How long an empty group waits for more members than the first.";
        group_consumer_session_timeout_ms: u64 = 45_000, "group.consumer.session.timeout.ms", "ms", 1_000..=INT_MAX,
            "A member of a group of KIP-848 that its coordinator has not heard for this long is none any more.";
        group_consumer_heartbeat_interval_ms: u64 = 5_000, "group.consumer.heartbeat.interval.ms", "ms", 100..=INT_MAX,
            "How often members of such a group are told to say that they live.";
        group_consumer_min_session_timeout_ms: u64 = 45_000, "group.consumer.min.session.timeout.ms", "ms", 1..=INT_MAX,
            "The least that `group.consumer.session.timeout.ms` may be.";
        group_consumer_max_session_timeout_ms: u64 = 60_000, "group.consumer.max.session.timeout.ms", "ms", 1..=INT_MAX,
            "The most that it may be.";
        group_consumer_min_heartbeat_interval_ms: u64 = 5_000, "group.consumer.min.heartbeat.interval.ms", "ms", 1..=INT_MAX,
            "The least that `group.consumer.heartbeat.interval.ms` may be.";
        group_consumer_max_heartbeat_interval_ms: u64 = 15_000, "group.consumer.max.heartbeat.interval.ms", "ms", 1..=INT_MAX,
            "The most that it may be.";
        group_consumer_min_assignment_interval_ms: u64 = 0, "group.consumer.min.assignment.interval.ms", "ms", 0..=INT_MAX,
            "The least that `group.consumer.assignment.interval.ms` may be.";
        group_consumer_max_assignment_interval_ms: u64 = 15_000, "group.consumer.max.assignment.interval.ms", "ms", 0..=INT_MAX,
            "The most that it may be.";
        group_consumer_max_size: u64 = INT_MAX, "group.consumer.max.size", "", 1..=INT_MAX,
            "How many members such a group takes; others are refused.";
        group_consumer_assignment_interval_ms: u64 = 1_000, "group.consumer.assignment.interval.ms", "ms", 0..=60_000,
            "The least time between two assignments of such a group.";
        group_consumer_migration_policy: MigrationPolicy = MigrationPolicy::Bidirectional, "group.consumer.migration.policy", "", (),
            "Whether a group with members goes from the classic protocol to that of KIP-848 when the first member with that comes (`upgrade`), and back when the last one goes (`downgrade`). Where it may not, the one who comes is refused, and the group stays what it was.";
        group_consumer_regex_refresh_interval_ms: u64 = 600_000, "group.consumer.regex.refresh.interval.ms", "ms", 10_000..=INT_MAX,
            "A coordinator compares the regular expressions of a group with the topics again at the latest after this, where its members ask; where there are new topics after 10 s.";
        transaction_max_timeout_ms: u64 = 900_000, "transaction.max.timeout.ms", "ms", 1..=INT_MAX,
            "A producer that asks for a longer `transaction.timeout.ms` is refused.";
        transaction_abort_interval_ms: u64 = 10_000, "transaction.abort.timed.out.transaction.cleanup.interval.ms", "ms", 100..=INT_MAX,
            "How often a coordinator looks for transactions whose time is over.";
        transactional_id_expiration_ms: u64 = 604_800_000, "transactional.id.expiration.ms", "ms", 1..=INT_MAX,
            "How long a coordinator keeps a transactional id that nobody uses.";
        transaction_expiration_interval_ms: u64 = 3_600_000, "transaction.remove.expired.transaction.cleanup.interval.ms", "ms", 100..=INT_MAX,
            "How often it looks for those that are too old.";
        transaction_partition_verification_enable: bool = true, "transaction.partition.verification.enable", "", (),
            "Whether leaders ask the coordinator about the transaction of a batch before they append it (KIP-890).";
        add_partitions_backoff_ms: u64 = 20, "add.partitions.to.txn.retry.backoff.ms", "ms", 1..=60_000,
            "When a leader asks a coordinator again that is still at the end of the transaction before.";
        add_partitions_backoff_max_ms: u64 = 100, "add.partitions.to.txn.retry.backoff.max.ms", "ms", 0..=60_000,
            "How long it does that until it leaves it to the producer.";
        producer_id_expiration_ms: u64 = 86_400_000, "producer.id.expiration.ms", "ms", 1..=INT_MAX,
            "How long a partition remembers a producer that sends nothing to it.";
        producer_id_expiration_check_interval_ms: u64 = 600_000, "producer.id.expiration.check.interval.ms", "ms", 100..=INT_MAX,
            "How often a broker looks for those to forget.";
        transaction_topic_num_partitions: u64 = 50, "transaction.state.log.num.partitions", "", 1..=100,
            "How many partitions the topic of transactions has; each is coordinated by its leader.";
        transaction_topic_replication_factor: u64 = 3, "transaction.state.log.replication.factor", "", 1..=30,
            "How many replicas each of them has.";
        transaction_topic_min_isr: u64 = 2, "transaction.state.log.min.isr", "", 1..=30,
            "With fewer in-sync replicas nothing is written there: no transaction begins or ends.";
        transaction_topic_segment_bytes: u64 = 100 * MIB, "transaction.state.log.segment.bytes", "bytes", MIB..=INT_MAX,
            "A segment of it that would grow beyond this is closed and a new one begun; only what is closed is cleaned.";
        log_cleaner_enable: bool = true, "log.cleaner.enable", "", (),
            "Whether the broker cleans compacted logs.";
        log_cleaner_threads: u64 = 1, "log.cleaner.threads", "", 1..=16,
            "How many logs are cleaned at once.";
        log_cleaner_backoff_ms: u64 = 15_000, "log.cleaner.backoff.ms", "ms", 100..=HOUR_MS,
            "How long a cleaner thread rests when no log is dirty enough.";
        log_cleaner_dedupe_buffer_size: u64 = 128 * MIB, "log.cleaner.dedupe.buffer.size", "bytes", 17 * MIB..=4 * GIB,
            "The memory of all threads for keys and their latest offsets, 24 bytes each.";
        log_cleaner_io_buffer_load_factor: Ratio = Ratio(900_000), "log.cleaner.io.buffer.load.factor", "", 10_000..=1_000_000,
            "How full that memory may become in a pass; what is behind waits for the next one.";
        log_cleaner_io_buffer_size: u64 = 524_288, "log.cleaner.io.buffer.size", "bytes", 1_024..=INT_MAX,
            "The memory of all threads for reading and writing.";
        log_cleaner_io_max_bytes_per_second: u64 = LONG_MAX, "log.cleaner.io.max.bytes.per.second", "bytes", 1_000..=LONG_MAX,
            "Most bytes a second that all threads read and write; Kafka's default is any.";
        log_cleaner_min_cleanable_ratio: Ratio = Ratio(500_000), "log.cleaner.min.cleanable.ratio", "", 0..=1_000_000,
            "A log is cleaned when more than this part of it is dirty.";
        log_cleaner_min_compaction_lag_ms: u64 = 0, "log.cleaner.min.compaction.lag.ms", "ms", 0..=LONG_MAX,
            "A segment with a record younger than this is not cleaned.";
        log_cleaner_max_compaction_lag_ms: u64 = LONG_MAX, "log.cleaner.max.compaction.lag.ms", "ms", 1..=LONG_MAX,
            "A log with a dirty record older than this is cleaned however little of it is dirty.";
        log_cleaner_delete_retention_ms: u64 = 86_400_000, "log.cleaner.delete.retention.ms", "ms", 0..=LONG_MAX,
            "How long a tombstone stays after the first pass over it.";
    }
}

settings! {
    /// Settings of a topic.
    TopicConfig of Topic {
        min_insync_replicas: u64 = 1, "min.insync.replicas", "", 1..=30,
            "With acks=all, a leader with fewer in-sync replicas refuses to write.";
        unclean_leader_election_enable: bool = false, "unclean.leader.election.enable", "", (),
            "Whether a replica outside the ISR may lead when no other is left; records may be lost.";
        segment_bytes: u64 = GIB, "segment.bytes", "bytes", MIB..=INT_MAX,
            "A segment that would grow beyond this is closed and a new one begun.";
        internal_segment_bytes: u64 = GIB, "internal.segment.bytes", "bytes", 1_024..=INT_MAX,
            "Given, it takes the place of `segment.bytes` and may be smaller: for worlds with little data, as in Kafka's own tests.";
        segment_ms: u64 = 604_800_000, "segment.ms", "ms", 1_000..=LONG_MAX,
            "A segment whose first record is older than this is closed at the next append.";
        segment_index_bytes: u64 = 10 * MIB, "segment.index.bytes", "bytes", 96..=GIB,
            "A segment whose offset or time index is full at this size is closed.";
        index_interval_bytes: u64 = 4_096, "index.interval.bytes", "bytes", 0..=INT_MAX,
            "How many bytes of a segment lie between two entries of its offset index.";
        retention_ms: i64 = 604_800_000, "retention.ms", "ms", -1..=i64::MAX,
            "A segment whose latest record is older than this is removed; -1 keeps all.";
        retention_bytes: i64 = -1, "retention.bytes", "bytes", -1..=i64::MAX,
            "The oldest segments are removed as long as this much of a partition is left; -1 keeps all.";
        file_delete_delay_ms: u64 = 60_000, "file.delete.delay.ms", "ms", 0..=LONG_MAX,
            "How long the files of a removed segment stay, renamed.";
        flush_messages: u64 = LONG_MAX, "flush.messages", "", 1..=LONG_MAX,
            "A log with this many records that are only in the page cache is made durable; Kafka's default is any.";
        flush_ms: u64 = LONG_MAX, "flush.ms", "ms", 0..=LONG_MAX,
            "A log that was not made durable for this long is, when the broker looks; Kafka's default is any time.";
        max_message_bytes: u64 = 1_048_588, "max.message.bytes", "bytes", 100..=16 * MIB,
            "The largest batch that a leader accepts.";
        message_timestamp_type: TimestampType = TimestampType::CreateTime, "message.timestamp.type", "", (),
            "Whether a record carries the time of its producer or that of its append.";
        message_timestamp_before_max_ms: u64 = LONG_MAX, "message.timestamp.before.max.ms", "ms", 0..=LONG_MAX,
            "A record whose time lies further before the broker's is refused.";
        message_timestamp_after_max_ms: u64 = HOUR_MS, "message.timestamp.after.max.ms", "ms", 0..=LONG_MAX,
            "A record whose time lies further after the broker's is refused.";
        cleanup_policy: CleanupPolicy = CleanupPolicy::Delete, "cleanup.policy", "", (),
            "Whether old segments are removed, or of each key only the latest record stays.";
        compression_type: TopicCompression = TopicCompression::Producer, "compression.type", "", (),
            "How its leaders compress what they append: as its producer did, or otherwise whatever that did.";
        compression_gzip_level: GzipLevel = GzipLevel::DEFAULT, "compression.gzip.level", "", -1..=9,
            "How hard gzip tries where it is not the producer that compresses; -1 leaves it to gzip, 0 is refused. Of lz4 and zstd there is one level here.";
        min_cleanable_dirty_ratio: Ratio = Ratio(500_000), "min.cleanable.dirty.ratio", "", 0..=1_000_000,
            "The log is cleaned when more than this part of it is dirty.";
        min_compaction_lag_ms: u64 = 0, "min.compaction.lag.ms", "ms", 0..=LONG_MAX,
            "A segment with a record younger than this is not cleaned.";
        max_compaction_lag_ms: u64 = LONG_MAX, "max.compaction.lag.ms", "ms", 1..=LONG_MAX,
            "A log with a dirty record older than this is cleaned however little of it is dirty.";
        delete_retention_ms: u64 = 86_400_000, "delete.retention.ms", "ms", 0..=LONG_MAX,
            "How long a tombstone stays after the first pass over it.";
    }
}

/// Settings that say nothing but within which bounds another one may lie: that one, the least and the most
/// (`GroupCoordinatorConfig.validate`).
pub const BOUNDS: [(&str, &str, &str); 3] = [
    (
        "group.consumer.session.timeout.ms",
        "group.consumer.min.session.timeout.ms",
        "group.consumer.max.session.timeout.ms",
    ),
    (
        "group.consumer.heartbeat.interval.ms",
        "group.consumer.min.heartbeat.interval.ms",
        "group.consumer.max.heartbeat.interval.ms",
    ),
    (
        "group.consumer.assignment.interval.ms",
        "group.consumer.min.assignment.interval.ms",
        "group.consumer.max.assignment.interval.ms",
    ),
];

/// Settings of topics and those of brokers that stand in for them (Kafka: `ServerTopicConfigSynonyms`).
pub const SYNONYMS: [(&str, &str); 22] = [
    ("cleanup.policy", "log.cleanup.policy"),
    ("compression.gzip.level", "compression.gzip.level"),
    ("compression.type", "compression.type"),
    ("delete.retention.ms", "log.cleaner.delete.retention.ms"),
    ("file.delete.delay.ms", "log.segment.delete.delay.ms"),
    ("flush.messages", "log.flush.interval.messages"),
    ("flush.ms", "log.flush.interval.ms"),
    ("index.interval.bytes", "log.index.interval.bytes"),
    ("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
    ("max.message.bytes", "message.max.bytes"),
    ("message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms"),
    ("message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms"),
    ("message.timestamp.type", "log.message.timestamp.type"),
    ("min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio"),
    ("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"),
    ("min.insync.replicas", "min.insync.replicas"),
    ("retention.bytes", "log.retention.bytes"),
    ("retention.ms", "log.retention.ms"),
    ("segment.bytes", "log.segment.bytes"),
    ("segment.index.bytes", "log.index.size.max.bytes"),
    ("segment.ms", "log.roll.ms"),
    ("unclean.leader.election.enable", "unclean.leader.election.enable"),
];

impl TopicConfig {
    /// What a topic has that says nothing itself: the brokers' settings, under their other names.
    pub fn of_cluster(broker: &BrokerConfig) -> Self {
        Self {
            min_insync_replicas: broker.min_insync_replicas,
            unclean_leader_election_enable: broker.unclean_leader_election_enable,
            segment_bytes: broker.log_segment_bytes,
            internal_segment_bytes: broker.log_segment_bytes,
            segment_ms: broker.log_roll_ms,
            index_interval_bytes: broker.log_index_interval_bytes,
            retention_ms: broker.log_retention_ms,
            retention_bytes: broker.log_retention_bytes,
            file_delete_delay_ms: broker.log_segment_delete_delay_ms,
            flush_messages: broker.log_flush_interval_messages,
            flush_ms: broker.log_flush_interval_ms,
            max_message_bytes: broker.message_max_bytes,
            message_timestamp_type: broker.log_message_timestamp_type,
            message_timestamp_before_max_ms: broker.log_message_timestamp_before_max_ms,
            message_timestamp_after_max_ms: broker.log_message_timestamp_after_max_ms,
            segment_index_bytes: broker.log_index_size_max_bytes,
            cleanup_policy: broker.log_cleanup_policy,
            compression_type: broker.compression_type,
            compression_gzip_level: broker.compression_gzip_level,
            min_cleanable_dirty_ratio: broker.log_cleaner_min_cleanable_ratio,
            min_compaction_lag_ms: broker.log_cleaner_min_compaction_lag_ms,
            max_compaction_lag_ms: broker.log_cleaner_max_compaction_lag_ms,
            delete_retention_ms: broker.log_cleaner_delete_retention_ms,
        }
    }
}

settings! {
    /// Settings of a producer.
    ProducerConfig of Producer {
        acks: Acks = Acks::All, "acks", "", (),
            "Who must have a record before it counts as sent: nobody, the leader, or all in-sync replicas.";
        enable_idempotence: bool = true, "enable.idempotence", "", (),
            "Whether the leader recognises a batch that is sent twice, and refuses one out of order. Off where `acks` is not `all`.";
        retries: u64 = INT_MAX, "retries", "", 0..=INT_MAX,
            "How often a batch is sent again after an error that may pass.";
        retry_backoff_ms: u64 = 100, "retry.backoff.ms", "ms", 1..=60_000,
            "How long to wait before the first retry; doubled with each further one.";
        retry_backoff_max_ms: u64 = 1_000, "retry.backoff.max.ms", "ms", 1..=60_000,
            "How long to wait at most before a retry.";
        delivery_timeout_ms: u64 = 120_000, "delivery.timeout.ms", "ms", 1..=HOUR_MS,
            "A record that is not acknowledged for this long has failed.";
        request_timeout_ms: u64 = 30_000, "request.timeout.ms", "ms", 10..=HOUR_MS,
            "A request without an answer for this long is given up, with its connection.";
        linger_ms: u64 = 5, "linger.ms", "ms", 0..=60_000,
            "How long a batch waits for more records.";
        batch_size: u64 = 16_384, "batch.size", "bytes", 0..=MIB,
            "A batch of this size is sent at once.";
        compression_type: CompressionType = CompressionType::None, "compression.type", "", (),
            "How batches are compressed. How large a batch will be is estimated from those before it.";
        compression_gzip_level: GzipLevel = GzipLevel::DEFAULT, "compression.gzip.level", "", -1..=9,
            "How hard gzip tries; -1 leaves it to gzip, 0 is refused. Of lz4 and zstd there is one level here.";
        partitioner_class: PartitionerClass = PartitionerClass::BuiltIn, "partitioner.class", "", (),
            "Who chooses the partition: the producer by key (`null`), or `RoundRobinPartitioner`, to which all partitions with a leader come in turn, whatever the key. With that, the other settings of partitioners do nothing.";
        partitioner_adaptive_partitioning_enable: bool = true, "partitioner.adaptive.partitioning.enable", "", (),
            "Whether records that no key binds go to partitions with short queues more often.";
        partitioner_availability_timeout_ms: u64 = 0, "partitioner.availability.timeout.ms", "ms", 0..=HOUR_MS,
            "Partitions whose leader has not taken their batches for this long get no records that no key binds; 0 never leaves one out.";
        partitioner_ignore_keys: bool = false, "partitioner.ignore.keys", "", (),
            "Whether the key of a record decides nothing about its partition.";
        max_request_size: u64 = MIB, "max.request.size", "bytes", 0..=16 * MIB,
            "Most bytes of a request, and of a record.";
        max_in_flight_requests_per_connection: u64 = 5, "max.in.flight.requests.per.connection", "", 1..=100,
            "How many requests may wait for an answer on one connection.";
        buffer_memory: u64 = 33_554_432, "buffer.memory", "bytes", 1..=256 * MIB,
            "How many bytes the batches that are not acknowledged may hold, `batch.size` or more each.";
        max_block_ms: u64 = 60_000, "max.block.ms", "ms", 0..=HOUR_MS,
            "How long `send()` blocks for metadata and for memory before it fails.";
        transactional_id: TransactionalId = TransactionalId(None), "transactional.id", "", (),
            "Under which name it sends in transactions; without one it sends in none. Needs `enable.idempotence`.";
        transaction_timeout_ms: u64 = 60_000, "transaction.timeout.ms", "ms", 1..=HOUR_MS,
            "A transaction that is open for this long is aborted by its coordinator.";
        client_id: ClientId = ClientId(String::new()), "client.id", "", (),
            "What it calls itself in each request. Left out, `producer-` with its `transactional.id`, or `producer-1`.";
        metadata_max_age_ms: u64 = 300_000, "metadata.max.age.ms", "ms", 100..=HOUR_MS,
            "Metadata older than this is asked for again.";
        reconnect_backoff_ms: u64 = 50, "reconnect.backoff.ms", "ms", 1..=60_000,
            "How long to wait before a broker is connected to again; doubled with each further time in vain.";
        reconnect_backoff_max_ms: u64 = 1_000, "reconnect.backoff.max.ms", "ms", 1..=60_000,
            "How long to wait at most before a broker is connected to again.";
        socket_connection_setup_timeout_ms: u64 = 10_000, "socket.connection.setup.timeout.ms", "ms", 10..=HOUR_MS,
            "How long a connection may take to be set up; doubled with each further time in vain.";
        socket_connection_setup_timeout_max_ms: u64 = 30_000, "socket.connection.setup.timeout.max.ms", "ms", 10..=HOUR_MS,
            "How long a connection may take at most to be set up.";
        send_buffer_bytes: SocketBuffer = SocketBuffer(131_072), "send.buffer.bytes", "bytes", -1..=INT_MAX as i64,
            "What a connection's send buffer (SO_SNDBUF) is asked to hold: a request is sent when it is written there in full. Linux takes twice as much; -1 leaves it to the operating system, 0 is refused.";
        connections_max_idle_ms: u64 = 540_000, "connections.max.idle.ms", "ms", 100..=LONG_MAX,
            "A connection on which nothing was sent or received for this long is closed.";
        metadata_recovery_strategy: MetadataRecovery = MetadataRecovery::Rebootstrap, "metadata.recovery.strategy", "", (),
            "Whether a client that can reach no broker that it knows begins again with its bootstrap servers.";
        metadata_recovery_rebootstrap_trigger_ms: u64 = 300_000, "metadata.recovery.rebootstrap.trigger.ms", "ms", 0..=HOUR_MS,
            "A client that asked for metadata in vain for this long begins again with its bootstrap servers.";
    }
}

settings! {
    /// Settings of a consumer.
    ConsumerConfig of Consumer {
        fetch_min_bytes: u64 = 1, "fetch.min.bytes", "bytes", 0..=INT_MAX,
            "A fetch is parked at the leader until this much can be answered.";
        fetch_max_wait_ms: u64 = 500, "fetch.max.wait.ms", "ms", 10..=60_000,
            "How long a leader parks a fetch that has nothing to answer.";
        max_partition_fetch_bytes: u64 = MIB, "max.partition.fetch.bytes", "bytes", 0..=INT_MAX,
            "Most bytes of one partition in an answer; the first batch may be larger.";
        fetch_max_bytes: u64 = 52_428_800, "fetch.max.bytes", "bytes", 0..=INT_MAX,
            "Most bytes in an answer; the first batch may be larger.";
        max_poll_records: u64 = 500, "max.poll.records", "", 1..=INT_MAX,
            "Most records that one poll hands to the program.";
        auto_offset_reset: AutoOffsetReset = AutoOffsetReset::Latest, "auto.offset.reset", "", (),
            "Where to begin in a partition without a position: at the beginning, at the end, nowhere (`poll()` throws), or at the first record that is no older than a duration of ISO 8601 (KIP-1106).";
        isolation_level: IsolationLevel = IsolationLevel::ReadUncommitted, "isolation.level", "", (),
            "Whether records of open and aborted transactions are read, too.";
        request_timeout_ms: u64 = 30_000, "request.timeout.ms", "ms", 10..=HOUR_MS,
            "A request without an answer for this long is given up, with its connection.";
        default_api_timeout_ms: u64 = 60_000, "default.api.timeout.ms", "ms", 1..=HOUR_MS,
            "How long `commitSync()` tries before it throws a TimeoutException.";
        allow_auto_create_topics: bool = true, "allow.auto.create.topics", "", (),
            "Whether a topic that it reads and that is not there may be created for it, where brokers have `auto.create.topics.enable`.";
        retry_backoff_ms: u64 = 100, "retry.backoff.ms", "ms", 1..=60_000,
            "How long to wait before the first retry; doubled with each further one.";
        retry_backoff_max_ms: u64 = 1_000, "retry.backoff.max.ms", "ms", 1..=60_000,
            "How long to wait at most before a retry.";
        client_rack: Rack = Rack(String::new()), "client.rack", "", (),
            "Where it is. With `replica.selector.class` of the brokers it fetches from a replica in the same one of their `racks` (KIP-392).";
        client_id: ClientId = ClientId(String::new()), "client.id", "", (),
            "What it calls itself in each request; the id of a member begins so. Left out, `consumer-GROUP-` with its `group.instance.id`, or 1.";
        metadata_max_age_ms: u64 = 300_000, "metadata.max.age.ms", "ms", 100..=HOUR_MS,
            "Metadata older than this is asked for again.";
        reconnect_backoff_ms: u64 = 50, "reconnect.backoff.ms", "ms", 1..=60_000,
            "How long to wait before a broker is connected to again; doubled with each further time in vain.";
        reconnect_backoff_max_ms: u64 = 1_000, "reconnect.backoff.max.ms", "ms", 1..=60_000,
            "How long to wait at most before a broker is connected to again.";
        socket_connection_setup_timeout_ms: u64 = 10_000, "socket.connection.setup.timeout.ms", "ms", 10..=HOUR_MS,
            "How long a connection may take to be set up; doubled with each further time in vain.";
        socket_connection_setup_timeout_max_ms: u64 = 30_000, "socket.connection.setup.timeout.max.ms", "ms", 10..=HOUR_MS,
            "How long a connection may take at most to be set up.";
        send_buffer_bytes: SocketBuffer = SocketBuffer(131_072), "send.buffer.bytes", "bytes", -1..=INT_MAX as i64,
            "What a connection's send buffer (SO_SNDBUF) is asked to hold: a request is sent when it is written there in full. Linux takes twice as much; -1 leaves it to the operating system, 0 is refused.";
        connections_max_idle_ms: u64 = 540_000, "connections.max.idle.ms", "ms", 100..=LONG_MAX,
            "A connection on which nothing was sent or received for this long is closed.";
        metadata_recovery_strategy: MetadataRecovery = MetadataRecovery::Rebootstrap, "metadata.recovery.strategy", "", (),
            "Whether a client that can reach no broker that it knows begins again with its bootstrap servers.";
        metadata_recovery_rebootstrap_trigger_ms: u64 = 300_000, "metadata.recovery.rebootstrap.trigger.ms", "ms", 0..=HOUR_MS,
            "A client that asked for metadata in vain for this long begins again with its bootstrap servers.";
        check_crcs: bool = true, "check.crcs", "", (),
            "Whether the checksum of each batch is verified.";
        session_timeout_ms: u64 = 45_000, "session.timeout.ms", "ms", 1_000..=INT_MAX,
            "A member of a group that its coordinator has not heard for this long is none any more. Brokers refuse what is not within their `group.min.session.timeout.ms` and `group.max.session.timeout.ms`.";
        heartbeat_interval_ms: u64 = 3_000, "heartbeat.interval.ms", "ms", 100..=HOUR_MS,
            "How often a member tells the coordinator that it lives.";
        max_poll_interval_ms: u64 = 300_000, "max.poll.interval.ms", "ms", 1_000..=INT_MAX,
            "A member that does not poll for this long leaves its group; a rebalance waits as long for it.";
        enable_auto_commit: bool = true, "enable.auto.commit", "", (),
            "Whether a member commits where it is by itself: what the previous poll returned. Without a group nothing is committed.";
        auto_commit_interval_ms: u64 = 5_000, "auto.commit.interval.ms", "ms", 10..=INT_MAX,
            "How often it does.";
        group_instance_id: InstanceId = InstanceId(None), "group.instance.id", "", (),
            "Makes it a static member, whose next life takes its place without a rebalance. With `members` each adds its number.";
        partition_assignment_strategy: Assignors = Assignors(vec![Assignor::Range, Assignor::CooperativeSticky]), "partition.assignment.strategy", "", (),
            "Which assignors it can use, best first; all members must have one in common.";
        group_protocol: GroupProtocol = GroupProtocol::Classic, "group.protocol", "", (),
            "Whether members join together and one of them assigns, or the coordinator assigns and each takes its steps alone (KIP-848). With `consumer` `session.timeout.ms`, `heartbeat.interval.ms` and `partition.assignment.strategy` are the coordinator's, and refused.";
        group_remote_assignor: RemoteAssignor = RemoteAssignor(None), "group.remote.assignor", "", (),
            "Which assignor of the coordinator it asks for; `null` leaves it to the coordinator. Needs `group.protocol = \"consumer\"`.";
    }
}

settings! {
    /// Settings of an admin client, for one command.
    AdminConfig of Admin {
        default_api_timeout_ms: u64 = 60_000, "default.api.timeout.ms", "ms", 1..=HOUR_MS,
            "How long a command is tried: what has no answer then has failed with REQUEST_TIMED_OUT.";
        request_timeout_ms: u64 = 30_000, "request.timeout.ms", "ms", 10..=HOUR_MS,
            "A request without an answer for this long is given up, with its connection, and tried again. At most `default.api.timeout.ms`.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_inherits_each_setting_that_has_a_synonym_and_no_other() {
        let of = |broker: &BrokerConfig| TopicConfig::of_cluster(broker).entries();
        let plain = of(&BrokerConfig::default());
        let values = ["3", "2000000", "0.25", "true", "compact", "20000000", "gzip", "LogAppendTime"]
            .map(|text| Raw::Text(text.to_owned()));
        let mut inherited = Vec::new();
        for setting in BrokerConfig::table() {
            let changed = values.iter().find_map(|value| {
                let mut broker = BrokerConfig::default();
                broker.set(setting.name, value).ok()?;
                (broker != BrokerConfig::default()).then(|| of(&broker))
            });
            let Some(changed) = changed else { continue };
            let differ = plain.iter().filter(|(name, value)| changed[*name] != **value).map(|(name, _)| name.clone());
            inherited.extend(differ.map(|topic| (topic, setting.name)));
        }
        // Left out, it is `segment.bytes`.
        inherited.retain(|(topic, _)| topic != "internal.segment.bytes");
        inherited.sort();
        let synonyms = SYNONYMS.map(|(topic, broker)| (topic.to_owned(), broker));
        assert_eq!(inherited, synonyms);
    }
}
