//! Each setting changes something: of each there are two values with which a run goes otherwise.
#![cfg(not(target_family = "wasm"))]

use std::fmt::Write;
use std::sync::Arc;

use loglab::lab::runner;
use loglab::lab::scenario::parse;
use loglab::lab::world::World;
use loglab::settings::{BOUNDS, BrokerConfig, Config, ConsumerConfig, Owner, ProducerConfig, Setting, TopicConfig};

/// Settings of one owner, as a file has them.
type Given = &'static [(&'static str, &'static str)];

/// A world in which a setting matters.
#[derive(Clone, Copy)]
struct Situation {
    seconds: u32,
    /// Lines of `[network]`.
    network: &'static str,
    /// Lines of the topic and of the producer.
    topic: &'static str,
    producer: &'static str,
    /// Lines of the consumer.
    consumer: &'static str,
    /// What is set in it unless the setting that is tried is one of them.
    settings: [(Owner, Given); 4],
    faults: &'static str,
}

const NOTHING: [(Owner, Given); 4] = [
    (Owner::Broker, &[]),
    (Owner::Topic, &[]),
    (Owner::Producer, &[]),
    (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
];

/// Nothing goes wrong.
const CALM: Situation = Situation {
    seconds: 20,
    network: "",
    topic: "partitions = 2",
    producer: "rate = \"100/s\"",
    consumer: "",
    settings: NOTHING,
    faults: "",
};

/// No broker is there for a while, and clients may ask for metadata more often than they may connect.
const GONE: Situation = Situation {
    seconds: 40,
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (
            Owner::Producer,
            &[
                ("buffer.memory", "20000"),
                ("retry.backoff.max.ms", "100"),
                ("reconnect.backoff.ms", "900"),
                ("reconnect.backoff.max.ms", "1000"),
            ],
        ),
        (
            Owner::Consumer,
            &[
                ("auto.offset.reset", "earliest"),
                ("retry.backoff.max.ms", "100"),
                ("reconnect.backoff.ms", "900"),
                ("reconnect.backoff.max.ms", "1000"),
            ],
        ),
    ],
    faults: "[[fault]]\nat = \"5s\"\nkill = \"broker 1\"\nrestart-after = \"15s\"\n\
             [[fault]]\nat = \"5s\"\nkill = \"broker 2\"\nrestart-after = \"15s\"\n\
             [[fault]]\nat = \"5s\"\nkill = \"broker 3\"\nrestart-after = \"15s\"\n",
    ..CALM
};

/// A leader's machine is without power, and clients notice soon.
const UNPLUGGED: Situation = Situation {
    seconds: 30,
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("request.timeout.ms", "1000")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest"), ("request.timeout.ms", "1000")]),
    ],
    faults: "[[fault]]\nat = \"5s\"\npower-loss = \"leader of orders-0\"\n",
    ..CALM
};

/// The same, and nobody waits for an answer.
const CARELESS: Situation = Situation {
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("acks", "0"), ("request.timeout.ms", "5000")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..UNPLUGGED
};

/// A leader hangs whom nobody waits for, with small buffers.
const DEAF: Situation = Situation {
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("acks", "0"), ("request.timeout.ms", "2000"), ("send.buffer.bytes", "3000")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..HUNG
};

/// Requests that name many partitions.
const MANY: Situation = Situation { seconds: 5, topic: "partitions = 600", ..CALM };

/// Hardly anything is sent.
const IDLE: Situation = Situation { producer: "rate = \"1/s\"", ..CALM };

/// A leader dies and comes back late.
const KILL: Situation = Situation {
    seconds: 40,
    faults: "[[fault]]\nat = \"5s\"\nkill = \"leader of orders-0\"\nrestart-after = \"20s\"\n",
    ..CALM
};

/// The same, and the preferred replica is looked for soon.
const REBALANCED: Situation = Situation {
    settings: [
        (Owner::Broker, &[("leader.imbalance.check.interval.seconds", "5")]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..KILL
};

/// A leader says nothing for a while.
const HUNG: Situation = Situation {
    seconds: 30,
    faults: "[[fault]]\nat = \"5s\"\npause = \"leader of orders-0\"\nresume-after = \"7s\"\n",
    ..CALM
};

/// Followers stand still for a while and catch up.
const PAUSED: Situation =
    Situation { faults: "[[fault]]\nat = \"5s\"\npause = \"followers of orders-0\"\nresume-after = \"6s\"\n", ..CALM };

/// The same while more is written than a producer has in flight: it waits for the leader alone.
const AWAY: Situation = Situation {
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("acks", "1"), ("linger.ms", "0")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..PAUSED
};

/// A leader refuses for a while, for there are too few in-sync replicas.
const REFUSED: Situation = Situation {
    seconds: 40,
    settings: [
        (Owner::Broker, &[("min.insync.replicas", "3"), ("broker.session.timeout.ms", "3000")]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    faults: "[[fault]]\nat = \"5s\"\nkill = \"follower of orders-0\"\nrestart-after = \"15s\"\n",
    ..CALM
};

/// Fetches are never answered.
const LOST: Situation = Situation {
    seconds: 30,
    faults: "[[fault]]\nat = \"5s\"\nlose = \"next Fetch response to broker 1\"\n\
             [[fault]]\nat = \"5s\"\nlose = \"next Fetch response to broker 2\"\n",
    ..CALM
};

/// How much is said decides how long it takes.
const NARROW: Situation = Situation { network: "bandwidth = \"50000/s\"", ..CALM };

/// Answers take their time.
const FAR: Situation = Situation { network: "latency = \"50ms\"", ..CALM };

/// Two brokers die, then the last of the ISR, and the two come back.
const UNCLEAN: Situation = Situation {
    seconds: 50,
    faults: "[[fault]]\nat = \"5s\"\nkill = \"followers of orders-0\"\nrestart-after = \"15s\"\n\
             [[fault]]\nat = \"17s\"\nkill = \"leader of orders-0\"\n",
    ..CALM
};

/// Large values.
const BULK: Situation = Situation { topic: "partitions = 6", producer: "rate = \"400/s\"\nvalue-bytes = 1000", ..CALM };

/// Enough for segments of the least size that Kafka takes.
const MUCH: Situation =
    Situation { topic: "partitions = 1", producer: "rate = \"500/s\"\nvalue-bytes = 2000", seconds: 6, ..CALM };

/// Batches that wait for more records.
const LINGERING: Situation = Situation {
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("linger.ms", "200")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..BULK
};

/// A producer that soon gives up.
const HASTY: Situation = Situation {
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("request.timeout.ms", "1000"), ("linger.ms", "5")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..KILL
};

const OLD: Given = &[
    ("log.retention.check.interval.ms", "1000"),
    ("log.initial.task.delay.ms", "100"),
    ("log.roll.ms", "1000"),
    ("log.retention.ms", "5000"),
];

/// Old segments go.
const RETENTION: Situation = Situation {
    settings: [
        (Owner::Broker, OLD),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..CALM
};

/// The producer's clock is two hours late: its records are old when they come.
const AGED: Situation = Situation {
    settings: [
        (
            Owner::Broker,
            &[
                ("log.retention.check.interval.ms", "1000"),
                ("log.initial.task.delay.ms", "100"),
                ("log.roll.ms", "1000"),
            ],
        ),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    faults: "[[fault]]\nat = \"0s\"\nskew = \"shop\"\nby = \"-60m\"\n[[fault]]\nat = \"1ms\"\nskew = \"shop\"\nby = \"-60m\"\n",
    ..CALM
};

/// In the middle of the run it shows two hours more.
const SOONER: Situation = Situation {
    settings: [
        (Owner::Broker, &[("log.message.timestamp.after.max.ms", "100000000")]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    faults: "[[fault]]\nat = \"6s\"\nskew = \"shop\"\nby = \"60m\"\n[[fault]]\nat = \"6001ms\"\nskew = \"shop\"\nby = \"60m\"\n",
    ..CALM
};

/// A topic is deleted that a producer goes on sending to.
const CREATED: Situation = Situation {
    topic: "partitions = 2\ndelete-at = \"5s\"",
    settings: [
        (Owner::Broker, &[("auto.create.topics.enable", "true")]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("buffer.memory", "20000")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..CALM
};

/// One that is only read when it is deleted.
const READ_AGAIN: Situation = Situation { faults: "[[fault]]\nat = \"4s\"\nkill = \"shop\"\n", ..CREATED };

/// Old segments go by their size.
const SIZE: Situation = Situation {
    settings: [
        (
            Owner::Broker,
            &[
                ("log.retention.check.interval.ms", "1000"),
                ("log.initial.task.delay.ms", "100"),
                ("log.roll.ms", "1000"),
                ("log.retention.bytes", "10000"),
            ],
        ),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..CALM
};

/// Logs are made durable now and then, and a machine loses power.
const FLUSH: Situation = Situation {
    settings: [
        (
            Owner::Broker,
            &[
                ("log.flush.scheduler.interval.ms", "500"),
                ("log.flush.interval.ms", "100"),
                ("log.initial.task.delay.ms", "100"),
            ],
        ),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    faults: POWER,
    ..CALM
};
const POWER: &str = "[[fault]]\nat = \"9900ms\"\npower-loss = \"follower of orders-0\"\nrestart-after = \"2s\"\n";

/// A machine loses power.
const DARK: Situation = Situation { faults: POWER, ..CALM };

/// Only the latest record of each key stays.
const COMPACT: Situation = Situation {
    seconds: 30,
    producer: "rate = \"200/s\"\nkeys = 5\ntombstone-every = 7",
    settings: [
        (
            Owner::Broker,
            &[
                ("log.cleanup.policy", "compact"),
                ("log.cleaner.backoff.ms", "1000"),
                ("log.initial.task.delay.ms", "100"),
                ("log.roll.ms", "2000"),
            ],
        ),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("batch.size", "500")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..CALM
};

/// The same with more keys than a segment has records.
const WIDE: Situation = Situation { producer: "rate = \"200/s\"\nkeys = 1000\ntombstone-every = 3", ..COMPACT };

/// Hardly ever for the sake of how dirty a log is.
const SELDOM: Situation = Situation {
    settings: [
        (
            Owner::Broker,
            &[
                ("log.cleanup.policy", "compact"),
                ("log.cleaner.backoff.ms", "1000"),
                ("log.initial.task.delay.ms", "100"),
                ("log.cleaner.min.cleanable.ratio", "1.0"),
            ],
        ),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..COMPACT
};

/// More keys than the cleaner's map takes.
const MANY_KEYS: Situation = Situation {
    seconds: 16,
    topic: "partitions = 1",
    producer: "rate = \"3000/s\"\nkeys = 1000000\nvalue-bytes = 8",
    settings: [
        (
            Owner::Broker,
            &[
                ("log.cleanup.policy", "compact"),
                ("log.cleaner.backoff.ms", "12000"),
                ("log.cleaner.dedupe.buffer.size", "17825792"),
                ("log.cleaner.io.buffer.load.factor", "0.01"),
                ("log.initial.task.delay.ms", "100"),
                ("log.roll.ms", "1000"),
            ],
        ),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..CALM
};

/// A leader's disk is slow for a while.
const SLOW: Situation = Situation {
    seconds: 40,
    faults: "[[fault]]\nat = \"5s\"\nslow-disk = \"leader of orders-0\"\nby = \"1s\"\nheal-disk-after = \"20s\"\n",
    ..CALM
};

/// The producer's clock is wrong.
const BEHIND: Situation = Situation { faults: "[[fault]]\nat = \"2s\"\nskew = \"shop\"\nby = \"-1m\"\n", ..RETENTION };
const AHEAD: Situation = Situation { faults: "[[fault]]\nat = \"2s\"\nskew = \"shop\"\nby = \"1m\"\n", ..CALM };

/// The consumer comes late.
const LATE: Situation = Situation {
    faults: "[[fault]]\nat = \"0s\"\ncut = \"link reader - broker 1\"\nheal-after = \"8s\"\n\
             [[fault]]\nat = \"0s\"\ncut = \"link reader - broker 2\"\nheal-after = \"8s\"\n\
             [[fault]]\nat = \"0s\"\ncut = \"link reader - broker 3\"\nheal-after = \"8s\"\n",
    seconds: 30,
    ..CALM
};

/// It comes when nobody leads.
const NOBODY: Situation = Situation {
    faults: "[[fault]]\nat = \"0s\"\ncut = \"link reader - broker 1\"\nheal-after = \"8s\"\n\
             [[fault]]\nat = \"0s\"\ncut = \"link reader - broker 2\"\nheal-after = \"8s\"\n\
             [[fault]]\nat = \"0s\"\ncut = \"link reader - broker 3\"\nheal-after = \"8s\"\n\
             [[fault]]\nat = \"7s\"\nkill = \"leader of orders-0\"\nrestart-after = \"20s\"\n",
    seconds: 40,
    ..CALM
};

/// A setting, two of its values, and where they make a difference. Neither is the default where that would have another
/// ConfigRecord in the metadata log for its only effect.
type Row = (&'static str, &'static str, &'static str, Situation);

const BROKER: &[Row] = &[
    ("replica.lag.time.max.ms", "1000", "20000", PAUSED),
    ("replica.fetch.wait.max.ms", "100", "400", IDLE),
    ("replica.fetch.max.bytes", "1", "100000", AWAY),
    ("replica.fetch.response.max.bytes", "1", "100000", AWAY),
    ("replica.socket.timeout.ms", "2000", "8000", LOST),
    ("replica.fetch.backoff.ms", "200", "3000", KILL),
    ("replica.selector.class", "null", "RackAwareReplicaSelector", NEAR),
    ("replica.high.watermark.checkpoint.interval.ms", "1000", "3000", CALM),
    ("max.incremental.fetch.session.cache.slots", "0", "5", NARROW),
    ("num.io.threads", "1", "8", SLOW),
    ("connections.max.idle.ms", "200", "20000", IDLE),
    ("broker.heartbeat.interval.ms", "500", "1500", IDLE),
    ("broker.session.timeout.ms", "3000", "6000", KILL),
    ("socket.receive.buffer.bytes", "1000", "102400", DEAF),
    ("auto.leader.rebalance.enable", "false", "true", REBALANCED),
    ("leader.imbalance.check.interval.seconds", "5", "9", KILL),
    ("num.partitions", "2", "5", CREATED),
    ("default.replication.factor", "1", "3", CREATED),
    ("auto.create.topics.enable", "false", "true", CREATED),
    ("min.insync.replicas", "2", "3", KILL),
    ("unclean.leader.election.enable", "false", "true", UNCLEAN),
    ("log.segment.bytes", "1048576", "2097152", MUCH),
    ("log.roll.ms", "2000", "5000", CALM),
    ("log.roll.hours", "1", "168", SOONER),
    ("log.index.interval.bytes", "100", "9000", BULK),
    ("log.retention.ms", "2000", "10000", RETENTION),
    ("log.retention.minutes", "60", "10080", AGED),
    ("log.retention.hours", "1", "168", AGED),
    ("log.retention.bytes", "2000", "20000", SIZE),
    ("log.retention.check.interval.ms", "500", "4000", RETENTION),
    ("log.segment.delete.delay.ms", "100", "20000", RETENTION),
    ("log.flush.interval.messages", "1", "100000", DARK),
    ("log.flush.interval.ms", "1000", "100000", FLUSH),
    ("log.flush.scheduler.interval.ms", "500", "5000", FLUSH),
    ("log.flush.offset.checkpoint.interval.ms", "1000", "3000", RETENTION),
    ("log.flush.start.offset.checkpoint.interval.ms", "1000", "3000", RETENTION),
    ("log.initial.task.delay.ms", "100", "5000", RETENTION),
    ("message.max.bytes", "1500", "100000", LINGERING),
    ("log.message.timestamp.type", "CreateTime", "LogAppendTime", BEHIND),
    ("log.message.timestamp.before.max.ms", "1000", "1000000", BEHIND),
    ("log.message.timestamp.after.max.ms", "1000", "1000000", AHEAD),
    ("log.index.size.max.bytes", "96", "1000", BULK),
    ("log.cleanup.policy", "delete", "compact", COMPACT),
    ("compression.type", "gzip", "producer", LINGERING),
    ("compression.gzip.level", "1", "9", REPACKED),
    ("offsets.topic.num.partitions", "2", "5", GROUP),
    ("offsets.topic.replication.factor", "1", "3", GROUP),
    ("offsets.topic.segment.bytes", "1048576", "104857600", COMMITTING),
    ("offsets.retention.minutes", "1", "10080", FORGOTTEN),
    ("offsets.retention.check.interval.ms", "1000", "60000", FORGOTTEN),
    ("offsets.commit.timeout.ms", "500", "5000", UNHEARD),
    ("offsets.load.buffer.size", "100", "5242880", MOVED),
    ("group.min.session.timeout.ms", "6000", "60000", GROUP),
    ("group.max.session.timeout.ms", "30000", "1800000", GROUP),
    ("group.max.size", "2", "3", GROUP),
    ("group.initial.rebalance.delay.ms", "0", "3000", GROUP),
    ("group.consumer.session.timeout.ms", "6000", "45000", GROUP_848),
    ("group.consumer.heartbeat.interval.ms", "500", "5000", GROUP_848),
    ("group.consumer.max.size", "2", "3", GROUP_848),
    ("group.consumer.assignment.interval.ms", "0", "10000", GROUP_848),
    ("group.consumer.regex.refresh.interval.ms", "10000", "600000", BY_PATTERN),
    ("group.consumer.migration.policy", "disabled", "bidirectional", MIGRATED),
    ("transaction.max.timeout.ms", "30000", "900000", ABANDONED),
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500", "10000", TIMED_OUT),
    ("transactional.id.expiration.ms", "3000", "604800000", IDLE_ID),
    ("transaction.remove.expired.transaction.cleanup.interval.ms", "1000", "30000", IDLE_ID),
    ("transaction.partition.verification.enable", "false", "true", ADDED_BY_ITSELF),
    ("add.partitions.to.txn.retry.backoff.ms", "1", "90", FAR_MARKERS),
    ("add.partitions.to.txn.retry.backoff.max.ms", "0", "5000", FAR_MARKERS),
    ("producer.id.expiration.ms", "1000", "86400000", REPEATED),
    ("producer.id.expiration.check.interval.ms", "500", "600000", REPEATED),
    ("transaction.state.log.num.partitions", "2", "5", LEFT_BEHIND),
    ("transaction.state.log.replication.factor", "1", "3", LEFT_BEHIND),
    ("transaction.state.log.min.isr", "1", "3", LEFT_BEHIND),
    ("transaction.state.log.segment.bytes", "1048576", "104857600", BRISK),
    ("log.cleaner.enable", "false", "true", COMPACT),
    ("log.cleaner.threads", "1", "3", COMPACT),
    ("log.cleaner.backoff.ms", "500", "5000", COMPACT),
    ("log.cleaner.dedupe.buffer.size", "17825792", "134217728", MANY_KEYS),
    ("log.cleaner.io.buffer.load.factor", "0.01", "0.9", MANY_KEYS),
    ("log.cleaner.io.buffer.size", "1024", "1048576", COMPACT),
    ("log.cleaner.io.max.bytes.per.second", "1000", "100000", COMPACT),
    ("log.cleaner.min.cleanable.ratio", "0.1", "0.9", WIDE),
    ("log.cleaner.min.compaction.lag.ms", "1000", "15000", COMPACT),
    ("log.cleaner.max.compaction.lag.ms", "2000", "60000", SELDOM),
    ("log.cleaner.delete.retention.ms", "100", "60000", WIDE),
];

const TOPIC: &[Row] = &[
    ("min.insync.replicas", "2", "3", KILL),
    ("unclean.leader.election.enable", "false", "true", UNCLEAN),
    ("segment.bytes", "1048576", "2097152", MUCH),
    ("internal.segment.bytes", "5000", "50000", BULK),
    ("segment.ms", "2000", "5000", CALM),
    ("segment.index.bytes", "96", "1000", BULK),
    ("index.interval.bytes", "100", "9000", BULK),
    ("retention.ms", "2000", "10000", RETENTION),
    ("retention.bytes", "2000", "20000", SIZE),
    ("file.delete.delay.ms", "100", "20000", RETENTION),
    ("flush.messages", "1", "100000", DARK),
    ("flush.ms", "1000", "100000", FLUSH),
    ("max.message.bytes", "1500", "100000", LINGERING),
    ("message.timestamp.type", "CreateTime", "LogAppendTime", BEHIND),
    ("message.timestamp.before.max.ms", "1000", "1000000", BEHIND),
    ("message.timestamp.after.max.ms", "1000", "1000000", AHEAD),
    ("cleanup.policy", "delete", "compact", COMPACT),
    ("compression.type", "zstd", "uncompressed", LINGERING),
    ("compression.gzip.level", "1", "9", REPACKED),
    ("min.cleanable.dirty.ratio", "0.1", "0.9", WIDE),
    ("min.compaction.lag.ms", "1000", "15000", COMPACT),
    ("max.compaction.lag.ms", "2000", "60000", SELDOM),
    ("delete.retention.ms", "100", "60000", WIDE),
];

const PRODUCER: &[Row] = &[
    ("acks", "0", "1", CALM),
    ("enable.idempotence", "false", "true", CALM),
    ("retries", "1", "1000", REFUSED),
    ("retry.backoff.ms", "20", "900", REFUSED),
    ("retry.backoff.max.ms", "100", "5000", REFUSED),
    ("delivery.timeout.ms", "2000", "20000", HASTY),
    ("request.timeout.ms", "1000", "5000", HUNG),
    ("linger.ms", "0", "50", CALM),
    ("batch.size", "200", "5000", LINGERING),
    ("compression.type", "none", "lz4", LINGERING),
    ("compression.gzip.level", "1", "9", PACKED),
    ("partitioner.class", "null", "RoundRobinPartitioner", KEYED),
    ("partitioner.adaptive.partitioning.enable", "false", "true", STUCK),
    ("partitioner.availability.timeout.ms", "0", "500", STUCK),
    ("partitioner.ignore.keys", "false", "true", KEYED),
    ("max.request.size", "5000", "1000000", LINGERING),
    ("max.in.flight.requests.per.connection", "1", "5", FAR),
    ("buffer.memory", "20000", "33554432", KILL),
    ("client.id", "a", LONG_NAME, NARROW),
    ("metadata.max.age.ms", "1000", "5000", CALM),
    ("max.block.ms", "500", "60000", GONE),
    ("reconnect.backoff.ms", "50", "900", GONE),
    ("reconnect.backoff.max.ms", "950", "5000", GONE),
    ("socket.connection.setup.timeout.ms", "300", "3000", UNPLUGGED),
    ("socket.connection.setup.timeout.max.ms", "300", "3000", UNPLUGGED),
    ("connections.max.idle.ms", "1000", "540000", IDLE),
    ("send.buffer.bytes", "3000", "131072", CARELESS),
    ("metadata.recovery.strategy", "none", "rebootstrap", GONE),
    ("metadata.recovery.rebootstrap.trigger.ms", "500", "300000", GONE),
    // With one of these ids the coordinator is another broker than with the other.
    ("transactional.id", "a", "b", COORDINATED),
    ("transaction.timeout.ms", "1000", "60000", ABANDONED),
];

/// Transactions whose coordinator dies.
const COORDINATED: Situation =
    Situation { seconds: 20, faults: "[[fault]]\nat = \"5s\"\nkill = \"broker 1\"\nrestart-after = \"10s\"\n", ..CALM };

/// Three members of a group of KIP-848, one of which is killed and comes back.
const GROUP_848: Situation = Situation {
    seconds: 40,
    settings: [
        (
            Owner::Broker,
            &[("group.consumer.min.session.timeout.ms", "1000"), ("group.consumer.min.heartbeat.interval.ms", "100")],
        ),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest"), ("group.protocol", "consumer")]),
    ],
    ..GROUP
};

/// The coordinator compares a pattern with the names of topics.
const BY_PATTERN: Situation = Situation {
    seconds: 40,
    consumer: "group = \"g\"",
    faults: "[[consumer]]\nname = \"new\"\nsubscription-pattern = \"orders.*\"\ngroup = \"p\"\nconfig = { \"group.protocol\" = \"consumer\" }\n",
    ..GROUP
};

/// A member of the other protocol comes to a group that has members.
const MIGRATED: Situation = Situation {
    seconds: 30,
    consumer: "group = \"g\"\nmembers = 2",
    faults: "[[consumer]]\nname = \"new\"\ntopics = [\"orders\"]\ngroup = \"g\"\nconfig = { \"group.protocol\" = \"consumer\" }\n\
             [[fault]]\nat = \"0s\"\nkill = \"new\"\nrestart-after = \"12s\"\n",
    ..GROUP
};

/// What is appended is compressed with gzip.
const REPACKED: Situation = Situation {
    settings: [
        (Owner::Broker, &[("compression.type", "gzip")]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("linger.ms", "200")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..BULK
};

/// What is sent is compressed with gzip.
const PACKED: Situation = Situation {
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("linger.ms", "200"), ("compression.type", "gzip")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..BULK
};

/// A leader says nothing for a while, and batches are many.
const STUCK: Situation = Situation {
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("batch.size", "300")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..HUNG
};

/// Records with keys.
const KEYED: Situation = Situation { producer: "rate = \"100/s\"\nkeys = 3", ..CALM };

const LONG_NAME: &str = "a-client-whose-name-is-longer-than-many-of-the-records-that-it-sends-and-reads-all-day-long";

/// Consumers may read from the replica in their rack.
const NEAR: Situation = Situation {
    settings: [
        (Owner::Broker, &[("replica.selector.class", "RackAwareReplicaSelector")]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest"), ("client.rack", "b")]),
    ],
    ..CALM
};

/// Members commit all the time.
const COMMITTING: Situation = Situation {
    seconds: 60,
    producer: "rate = \"200/s\"",
    settings: [
        (Owner::Broker, &[("offsets.topic.replication.factor", "1"), ("group.initial.rebalance.delay.ms", "0")]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest"), ("auto.commit.interval.ms", "10")]),
    ],
    faults: "",
    ..GROUP
};

/// All members are away for longer than what they committed stays.
const FORGOTTEN: Situation = Situation {
    seconds: 150,
    producer: "rate = \"1/s\"",
    settings: [
        (Owner::Broker, &[("offsets.retention.minutes", "1"), ("offsets.retention.check.interval.ms", "1000")]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest"), ("session.timeout.ms", "6000")]),
    ],
    faults: "[[fault]]\nat = \"20s\"\nkill = \"reader-1\"\nrestart-after = \"110s\"\n\
             [[fault]]\nat = \"20s\"\nkill = \"reader-2\"\nrestart-after = \"110s\"\n\
             [[fault]]\nat = \"20s\"\nkill = \"reader-3\"\nrestart-after = \"110s\"\n",
    ..GROUP
};

/// Followers stand still, and what is committed is nowhere else.
const UNHEARD: Situation = Situation {
    faults: "[[fault]]\nat = \"12s\"\npause = \"broker 1\"\nresume-after = \"10s\"\n\
             [[fault]]\nat = \"12s\"\npause = \"broker 2\"\nresume-after = \"10s\"\n",
    ..GROUP
};

/// The same of members that wait for what they commit.
const UNCOMMITTED: Situation = Situation { consumer: "group = \"g\"\nmembers = 3\ncommit = \"sync-after\"", ..UNHEARD };

/// Each broker dies for a while: whoever coordinates moves.
const MOVED: Situation = Situation {
    seconds: 60,
    faults: "[[fault]]\nat = \"15s\"\nkill = \"broker 1\"\nrestart-after = \"5s\"\n\
             [[fault]]\nat = \"30s\"\nkill = \"broker 2\"\nrestart-after = \"5s\"\n\
             [[fault]]\nat = \"45s\"\nkill = \"broker 3\"\nrestart-after = \"5s\"\n",
    ..GROUP
};

/// A transaction that is soon too old.
const TIMED_OUT: Situation = Situation {
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("transactional.id", "till"), ("transaction.timeout.ms", "1000")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest"), ("isolation.level", "read_committed")]),
    ],
    ..ABANDONED
};

/// A producer is away for longer than its id is kept.
const IDLE_ID: Situation = Situation {
    settings: [
        (
            Owner::Broker,
            &[
                ("transactional.id.expiration.ms", "3000"),
                ("transaction.remove.expired.transaction.cleanup.interval.ms", "1000"),
                ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500"),
            ],
        ),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("transactional.id", "till"), ("transaction.timeout.ms", "1000")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest"), ("isolation.level", "read_committed")]),
    ],
    faults: "[[fault]]\nat = \"5500ms\"\nkill = \"shop\"\nrestart-after = \"20s\"\n",
    ..ABANDONED
};

/// One transaction behind another.
const BRISK: Situation =
    Situation { seconds: 90, producer: "rate = \"250/s\"\ntransaction-every = \"2ms\"", faults: "", ..ABANDONED };

/// The same, and it takes a while until the markers of one are everywhere.
const FAR_MARKERS: Situation = Situation { seconds: 20, network: "latency = \"20ms\"", ..BRISK };

/// Transactions of which a broker dies that may coordinate them.
const LEFT_BEHIND: Situation = Situation {
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("transactional.id", "a")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    ..COORDINATED
};

/// An answer is lost, and what it told is sent again when the producer is forgotten.
const REPEATED: Situation = Situation {
    producer: "rate = \"1/s\"",
    settings: [
        (Owner::Broker, &[("producer.id.expiration.ms", "1000"), ("producer.id.expiration.check.interval.ms", "500")]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("request.timeout.ms", "5000"), ("max.in.flight.requests.per.connection", "1")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest")]),
    ],
    faults: "[[fault]]\nat = \"5s\"\nlose = \"next Produce response to shop\"\n",
    ..CALM
};

/// A producer leaves its transaction open, and a reader waits for its end.
const ABANDONED: Situation = Situation {
    seconds: 40,
    producer: "rate = \"100/s\"\ntransaction-every = \"1s\"",
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[("transactional.id", "till")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest"), ("isolation.level", "read_committed")]),
    ],
    faults: "[[fault]]\nat = \"5500ms\"\nkill = \"shop\"\n",
    ..CALM
};

/// The producer adds partitions by itself, and leaders ask whether it has.
const ADDED_BY_ITSELF: Situation = Situation {
    producer: "rate = \"100/s\"\ntransaction-every = \"1s\"\nclient = \"librdkafka\"",
    faults: "",
    ..ABANDONED
};

/// Half of what there is was aborted.
const ABORTED: Situation =
    Situation { producer: "rate = \"100/s\"\ntransaction-every = \"1s\"\nabort-ppm = 500000", ..ABANDONED };

const CONSUMER: &[Row] = &[
    ("fetch.min.bytes", "100", "5000", CALM),
    ("fetch.max.wait.ms", "100", "400", IDLE),
    ("max.partition.fetch.bytes", "1", "100000", LATE),
    ("fetch.max.bytes", "1", "100000", LATE),
    ("auto.offset.reset", "earliest", "latest", LATE),
    ("request.timeout.ms", "1000", "5000", HUNG),
    ("default.api.timeout.ms", "2000", "60000", UNCOMMITTED),
    ("allow.auto.create.topics", "false", "true", READ_AGAIN),
    ("client.id", "a", LONG_NAME, NARROW),
    ("client.rack", "a", "b", NEAR),
    ("metadata.max.age.ms", "1000", "5000", CALM),
    ("reconnect.backoff.ms", "50", "900", GONE),
    ("reconnect.backoff.max.ms", "950", "5000", GONE),
    ("socket.connection.setup.timeout.ms", "300", "3000", UNPLUGGED),
    ("socket.connection.setup.timeout.max.ms", "300", "3000", UNPLUGGED),
    ("connections.max.idle.ms", "1000", "540000", IDLE),
    ("metadata.recovery.strategy", "none", "rebootstrap", GONE),
    ("metadata.recovery.rebootstrap.trigger.ms", "500", "300000", GONE),
    ("retry.backoff.ms", "20", "900", NOBODY),
    ("retry.backoff.max.ms", "100", "5000", NOBODY),
    ("send.buffer.bytes", "1000", "131072", MANY),
    ("max.poll.records", "1", "500", LATE),
    ("check.crcs", "false", "true", ROTTEN),
    ("isolation.level", "read_uncommitted", "read_committed", ABORTED),
    ("session.timeout.ms", "6000", "45000", GROUP),
    ("heartbeat.interval.ms", "500", "3000", GROUP),
    ("max.poll.interval.ms", "2000", "300000", SLOW_GROUP),
    ("enable.auto.commit", "false", "true", GROUP),
    ("auto.commit.interval.ms", "500", "5000", GROUP),
    ("group.instance.id", "a", "null", GROUP),
    ("partition.assignment.strategy", "roundrobin", "cooperative-sticky", GROUP),
    ("group.protocol", "consumer", "classic", GROUP),
    ("group.remote.assignor", "range", "null", MODERN_GROUP),
];

/// Three members of a group, one of which is killed and comes back.
const GROUP: Situation = Situation {
    seconds: 30,
    topic: "partitions = 4",
    producer: "rate = \"20/s\"",
    consumer: "group = \"g\"\nmembers = 3",
    faults: "[[fault]]\nat = \"12s\"\nkill = \"reader-1\"\nrestart-after = \"12s\"\n",
    ..CALM
};

/// The same, and the coordinator assigns.
const MODERN_GROUP: Situation = Situation {
    settings: [
        (Owner::Broker, &[]),
        (Owner::Topic, &[]),
        (Owner::Producer, &[]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest"), ("group.protocol", "consumer")]),
    ],
    ..GROUP
};

/// The same, and they work for long on what they are given.
const SLOW_GROUP: Situation = Situation { consumer: "group = \"g\"\nmembers = 3\nwork = \"4s a poll\"", ..GROUP };

/// The consumer comes to a batch that rotted meanwhile.
const ROTTEN: Situation = Situation {
    faults: "[[fault]]\nat = \"0s\"\ncut = \"link reader - broker 1\"\nheal-after = \"8s\"\n\
             [[fault]]\nat = \"0s\"\ncut = \"link reader - broker 2\"\nheal-after = \"8s\"\n\
             [[fault]]\nat = \"0s\"\ncut = \"link reader - broker 3\"\nheal-after = \"8s\"\n\
             [[fault]]\nat = \"6s\"\nbit-rot = \"leader of orders-0\"\noffset = 50\n",
    ..LATE
};

/// The file of a situation with one setting.
fn file(situation: Situation, owner: Owner, name: &str, value: &str) -> String {
    let config = |of: Owner| {
        let Some((_, given)) = situation.settings.iter().find(|(owner, _)| *owner == of) else { panic!("{of:?}") };
        let is_tried = |given: &str| owner == of && given == name;
        let mut settings: Vec<String> = given
            .iter()
            .filter(|(name, _)| !is_tried(name))
            .map(|(name, value)| format!("\"{name}\" = \"{value}\""))
            .collect();
        if owner == of {
            settings.push(format!("\"{name}\" = \"{value}\""));
        }
        format!("config = {{ {} }}", settings.join(", "))
    };
    let Situation { seconds, network, topic, producer, consumer, faults, .. } = situation;
    format!(
        "title = \"t\"\nduration = \"{seconds}s\"\nseed = 3\n[cluster]\nracks = [\"a\", \"b\", \"c\"]\n{}\n[network]\n{network}\n[[topic]]\nname = \"orders\"\n\
         replication-factor = 3\n{topic}\n{}\n[[producer]]\nname = \"shop\"\ntopic = \"orders\"\n{producer}\n{}\n[[consumer]]\n\
         name = \"reader\"\ntopics = [\"orders\"]\n{consumer}\n{}\n{faults}",
        config(Owner::Broker),
        config(Owner::Topic),
        config(Owner::Producer),
        config(Owner::Consumer),
    )
}

/// What can be seen of a run from outside: when something happened, what was told of it, what lies on the disks. The hash
/// is left out: it would tell a value that is only written down.
fn seen(text: &str) -> String {
    let scenario = Arc::new(parse(text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}")));
    let mut world = World::new(&scenario, scenario.seed, Arc::new([]));
    let mut seen = String::new();
    let (mut events, mut times) = (0u64, 0u64);
    while let Some(occurrence) = world.step() {
        events += 1;
        times = times.rotate_left(5) ^ occurrence.entry.time;
        for notable in occurrence.notables {
            let _ = writeln!(seen, "{notable:?}");
        }
    }
    world.finish();
    let report = runner::report(&world, scenario.duration_us);
    let _ = writeln!(seen, "{events} {times} {:?} {:?}", report.findings, report.failed_sends);
    for id in world.names().brokers() {
        let disk = world.kernel().disk(id.unsigned_abs());
        let files: Vec<&str> = disk.list("").collect();
        let _ = writeln!(seen, "{id} {} {files:?}", disk.used());
    }
    seen
}

fn without_effect<C: Config>(rows: &[Row]) -> Vec<String> {
    let mut found = Vec::new();
    for setting in C::table() {
        // These bound others, see below.
        if BOUNDS.iter().any(|(_, least, most)| [*least, *most].contains(&setting.name)) {
            continue;
        }
        let Some((name, a, b, situation)) = rows.iter().find(|(name, ..)| *name == setting.name) else {
            found.push(format!("{:?} {}: no two runs are known that it tells apart", C::OWNER, setting.name));
            continue;
        };
        let [a_seen, b_seen] = [a, b].map(|value| seen(&file(*situation, C::OWNER, name, value)));
        if a_seen == b_seen {
            found.push(format!("{:?} {name}: {a} and {b} make no difference", C::OWNER));
        }
    }
    found
}

/// All that a broker does from time to time it does every second or so, and somebody is killed and comes back.
const BUSY: Situation = Situation {
    seconds: 8,
    topic: "partitions = 1",
    producer: "rate = \"30/s\"\nkeys = 5\ntombstone-every = 7",
    settings: [
        (
            Owner::Broker,
            &[
                ("log.cleaner.backoff.ms", "500"),
                ("log.initial.task.delay.ms", "500"),
                ("log.retention.check.interval.ms", "700"),
                ("log.flush.scheduler.interval.ms", "700"),
                ("log.flush.offset.checkpoint.interval.ms", "700"),
                ("log.flush.start.offset.checkpoint.interval.ms", "700"),
                ("replica.high.watermark.checkpoint.interval.ms", "700"),
                ("broker.session.timeout.ms", "1000"),
                ("broker.heartbeat.interval.ms", "300"),
                ("replica.lag.time.max.ms", "1000"),
                ("replica.fetch.wait.max.ms", "10"),
                ("leader.imbalance.check.interval.seconds", "1"),
            ],
        ),
        (
            Owner::Topic,
            &[
                ("cleanup.policy", "compact,delete"),
                ("internal.segment.bytes", "1024"),
                ("min.cleanable.dirty.ratio", "0.01"),
                ("retention.ms", "2000"),
                ("file.delete.delay.ms", "500"),
            ],
        ),
        (Owner::Producer, &[("request.timeout.ms", "1000")]),
        (Owner::Consumer, &[("auto.offset.reset", "earliest"), ("request.timeout.ms", "1000")]),
    ],
    faults: "[[fault]]\nat = \"3s\"\nkill = \"leader of orders-0\"\nrestart-after = \"1s\"\n",
    ..CALM
};

/// The least and the greatest value of a number; each word of a list.
fn extremes(setting: &Setting) -> Vec<&str> {
    match setting.values.split_once(" to ") {
        Some((least, greatest)) => vec![least, greatest],
        // Names, and lists of them.
        None if setting.values.contains(" of ") => Vec::new(),
        None => setting.values.split(", ").collect(),
    }
}

/// Runs each row of a table at its bounds, and tells which files are refused. A run that does not get on has a timer that comes
/// again at the same instant.
fn refused_at_their_bounds<C: Config>() -> Vec<String> {
    const MOST_EVENTS: u64 = 300_000;
    let mut refused = Vec::new();
    for setting in C::table() {
        for value in extremes(&setting) {
            let text = file(BUSY, C::OWNER, setting.name, value);
            let Ok(scenario) = parse(&text) else {
                refused.push(format!("{} = {value}", setting.name));
                continue;
            };
            let (scenario, seed) = (Arc::new(scenario), 3);
            let mut world = World::new(&scenario, seed, Arc::new([]));
            while world.step().is_some() {
                let (events, time) = (world.kernel().events(), world.time());
                assert!(events < MOST_EVENTS, "{} = {value} is at {time} us after {events} events", setting.name);
            }
            assert!(world.time() > 7_900_000, "{} = {value} ends at {} us", setting.name, world.time());
        }
    }
    refused
}

#[test]
fn each_setting_may_have_its_least_and_its_greatest_value() {
    let mut refused = refused_at_their_bounds::<BrokerConfig>();
    refused.extend(refused_at_their_bounds::<TopicConfig>());
    refused.extend(refused_at_their_bounds::<ProducerConfig>());
    refused.extend(refused_at_their_bounds::<ConsumerConfig>());
    // These contradict other settings of the file, or leave no room for a record.
    let contradictory = [
        "replica.fetch.wait.max.ms = 60000",
        "group.min.session.timeout.ms = 2147483647",
        "group.max.session.timeout.ms = 0",
        "group.consumer.session.timeout.ms = 1000",
        "group.consumer.session.timeout.ms = 2147483647",
        "group.consumer.heartbeat.interval.ms = 100",
        "group.consumer.heartbeat.interval.ms = 2147483647",
        "group.consumer.min.session.timeout.ms = 2147483647",
        "group.consumer.max.session.timeout.ms = 1",
        "group.consumer.min.heartbeat.interval.ms = 2147483647",
        "group.consumer.max.heartbeat.interval.ms = 1",
        "group.consumer.min.assignment.interval.ms = 2147483647",
        "group.consumer.max.assignment.interval.ms = 0",
        "group.consumer.assignment.interval.ms = 60000",
        "delivery.timeout.ms = 1",
        "max.request.size = 0",
        "max.in.flight.requests.per.connection = 100",
        "buffer.memory = 1",
        // Members would beat more seldom than their session lasts; and nobody commits without a group.
        "session.timeout.ms = 1000",
        "heartbeat.interval.ms = 3600000",
        "enable.auto.commit = true",
    ];
    assert_eq!(refused, contradictory);
}

#[test]
fn each_setting_of_brokers_changes_something() {
    assert_eq!(without_effect::<BrokerConfig>(BROKER), [""; 0]);
}

#[test]
fn each_setting_of_topics_changes_something() {
    assert_eq!(without_effect::<TopicConfig>(TOPIC), [""; 0]);
}

#[test]
fn each_setting_of_producers_changes_something() {
    assert_eq!(without_effect::<ProducerConfig>(PRODUCER), [""; 0]);
}

#[test]
fn each_setting_of_consumers_changes_something() {
    assert_eq!(without_effect::<ConsumerConfig>(CONSUMER), [""; 0]);
}

/// Kafka's brokers do not start with them (`GroupCoordinatorConfig.validate`).
#[test]
fn what_lies_outside_its_bounds_is_refused() {
    let refused = |settings: &[(&str, u64)]| {
        let settings: Vec<String> = settings.iter().map(|(name, value)| format!("\"{name}\" = {value}")).collect();
        let text = file(CALM, Owner::Broker, "num.io.threads", "8");
        parse(&text.replace("config = { \"num", &format!("config = {{ {}, \"num", settings.join(", "))))
            .err()
            .map(|errors| errors[0].message.clone())
    };
    let [(session, least, most), (heartbeat, ..), (_, _, most_seldom)] = BOUNDS;
    assert_eq!(
        refused(&[(session, 10_000)]).as_deref(),
        Some(
            "group.consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms, which is 45000"
        )
    );
    assert_eq!(refused(&[(session, 10_000), (least, 10_000)]), None);
    assert!(refused(&[(session, 70_000)]).is_some());
    assert_eq!(refused(&[(session, 70_000), (most, 70_000)]), None);
    assert!(refused(&[(least, 70_000)]).is_some());
    assert!(refused(&[(heartbeat, 1_000)]).is_some());
    assert!(refused(&[(most_seldom, 500)]).is_some());
}
