//! Historical fixes that a scenario switches off: each is found to be missing, and with it that is not so.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::node::Node;
use loglab::lab::runner;
use loglab::lab::scenario::{FindingKind, parse};
use loglab::lab::world::World;
use loglab::note::SendError;
use loglab::settings::Fix;

/// A pipeline whose members stand still one behind the other, for longer than their session, while a transaction is open.
const PIPELINE: &str = r#"
duration = "50s"
[cluster]
brokers = 3
config = { "offsets.topic.num.partitions" = 1 }
[network]
latency = "4ms"
jitter = "4ms"
[[topic]]
name = "orders"
partitions = 2
replication-factor = 3
[[topic]]
name = "parcels"
replication-factor = 3
[[topic]]
name = "__transaction_state"
replication-factor = 3
config = { "cleanup.policy" = "compact" }
[[producer]]
name = "shop"
topic = "orders"
rate = "50/s"
[[pipeline]]
name = "packer"
from = ["orders"]
to = "parcels"
members = 2
transaction = true
work = "0ms"
again-after = "1s"
consumer-config = { "auto.offset.reset" = "earliest", "session.timeout.ms" = 6000, "heartbeat.interval.ms" = 1000 }
producer-config = { "transaction.timeout.ms" = 60000 }
[[fault]]
at = "12s"
pause = "packer-1"
resume-after = "9s"
[[fault]]
at = "28s"
pause = "packer-2"
resume-after = "9s"
"#;

/// The leader dies with what it alone has, and a consumer that has read it stands still until the new leader has written more.
const TRUNCATION: &str = r#"
duration = "40s"
[cluster]
brokers = 2
config = { "unclean.leader.election.enable" = true, "broker.session.timeout.ms" = 3000, "replica.lag.time.max.ms" = 2000 }
[[topic]]
name = "orders"
replication-factor = 2
[[producer]]
name = "shop"
topic = "orders"
rate = "50/s"
config = { "acks" = "1" }
[[consumer]]
name = "reader"
topics = ["orders"]
config = { "auto.offset.reset" = "earliest" }
[[fault]]
at = "5s"
cut = "link broker 1 - broker 2"
heal-after = "10s"
[[fault]]
at = "11s"
pause = "reader"
resume-after = "15s"
[[fault]]
at = "12s"
kill = "leader of orders-0"
restart-after = "6s"
"#;

/// A program in short transactions, and one that reads what is committed.
const TRANSACTIONS: &str = r#"
duration = "100s"
[cluster]
brokers = 3
config = { "transaction.abort.timed.out.transaction.cleanup.interval.ms" = 1000, "producer.id.expiration.check.interval.ms" = 500 }
[network]
latency = "1ms"
jitter = "2ms"
[[topic]]
name = "orders"
partitions = 6
replication-factor = 3
config = { "min.insync.replicas" = 2 }
[[topic]]
name = "__transaction_state"
replication-factor = 3
config = { "cleanup.policy" = "compact" }
[[producer]]
name = "shop"
topic = "orders"
rate = "20/s"
transaction-every = "400ms"
abort-ppm = 300000
config = { "transactional.id" = "shop", "transaction.timeout.ms" = 4000, "request.timeout.ms" = 1000, "delivery.timeout.ms" = 1000, "linger.ms" = 0 }
[[consumer]]
name = "reader"
topics = ["orders"]
config = { "auto.offset.reset" = "earliest", "isolation.level" = "read_committed" }
"#;

/// The end of a transaction is asked for twice: the first request comes when the next transaction is open.
const LATE_END: &str = r#"
[[fault]]
at = "5s"
hold = "next EndTxn request from shop"
release-after = "1600ms"
[[fault]]
at = "10s"
hold = "next EndTxn request from shop"
release-after = "1700ms"
[[fault]]
at = "15s"
hold = "next EndTxn request from shop"
release-after = "1800ms"
"#;

/// A record comes when its transaction is aborted, and the next one has not yet come to its partition.
const LATE_RECORD: &str = r#"
[[fault]]
at = "8s"
hold = "next Produce request from shop"
release-after = "1400ms"
"#;

/// A program stands still for longer than a transaction may be open.
const LATE_PROGRAM: &str = r#"
[[fault]]
at = "5s"
pause = "shop"
resume-after = "9s"
[[fault]]
at = "20s"
stop = "shop"
"#;

/// Its last records are even later.
const LATE_RECORDS_OF_LATE_PROGRAM: &str = r#"
[[fault]]
at = "4950ms"
hold = "next Produce request from shop"
release-after = "12s"
[[fault]]
at = "5050ms"
pause = "shop"
resume-after = "9s"
"#;

/// Tombstones that are cleaned late, since a transaction is open for long, and then again and again.
const TOMBSTONES: &str = r#"
duration = "80s"
[cluster]
brokers = 1
config = { "log.cleaner.backoff.ms" = 1000 }
[[topic]]
name = "orders"
config = { "cleanup.policy" = "compact", "delete.retention.ms" = 15000, "min.cleanable.dirty.ratio" = 0.0, "segment.bytes" = 1048576 }
[[topic]]
name = "__transaction_state"
config = { "cleanup.policy" = "compact" }
[[producer]]
name = "shop"
topic = "orders"
rate = "40/s"
keys = 20000
value-bytes = 10000
tombstone-every = 4
[[producer]]
name = "till"
topic = "orders"
rate = "1/s"
keys = 2
transaction-every = "40s"
config = { "transactional.id" = "till", "transaction.timeout.ms" = 100000 }
[[fault]]
at = "41s"
stop = "till"
"#;

/// A member is not told that it has joined, and joins again.
const UNHEARD_MEMBER: &str = r#"
duration = "40s"
[cluster]
brokers = 3
config = { "offsets.topic.num.partitions" = 1 }
[[topic]]
name = "orders"
partitions = 6
replication-factor = 3
[[producer]]
name = "shop"
topic = "orders"
rate = "50/s"
[[consumer]]
name = "reader"
topics = ["orders"]
group = "readers"
members = 3
spare = 1
config = { "request.timeout.ms" = 1000, "max.poll.interval.ms" = 2000 }
[[fault]]
at = "14s"
lose = "next JoinGroup response to reader-4"
[[fault]]
at = "15s"
join = "reader-4"
"#;

/// All brokers lose power, and with it the tail of what they had acknowledged.
const POWER_LOSS: &str = r#"
duration = "60s"
[cluster]
brokers = 1
[[topic]]
name = "orders"
[[producer]]
name = "shop"
topic = "orders"
rate = "100/s"
[[fault]]
at = "10s"
power-loss = "broker 1"
restart-after = "4s"
"#;

/// The leader dies, and the next one behind it before the last has fetched from it.
const LEADERS_DIE: &str = r#"
duration = "50s"
[cluster]
brokers = 3
config = { "broker.session.timeout.ms" = 3000 }
[network]
latency = "1ms"
jitter = "1ms"
[[topic]]
name = "orders"
replication-factor = 3
[[producer]]
name = "shop"
topic = "orders"
rate = "200/s"
config = { "linger.ms" = 0 }
[[fault]]
at = "9900ms"
cut = "link broker 2 - broker 3"
heal-after = "15s"
[[fault]]
at = "10s"
kill = "broker 1"
restart-after = "15s"
[[fault]]
at = "15s"
kill = "broker 2"
restart-after = "10s"
"#;

/// Both followers die, a reader is given what their leader goes on to write, and it dies, too.
const BELOW_MINIMUM: &str = r#"
duration = "50s"
[cluster]
brokers = 3
config = { "broker.session.timeout.ms" = 3000, "min.insync.replicas" = 2 }
[[topic]]
name = "orders"
replication-factor = 3
[[producer]]
name = "shop"
topic = "orders"
rate = "50/s"
config = { "acks" = "1" }
[[consumer]]
name = "reader"
topics = ["orders"]
config = { "auto.offset.reset" = "earliest" }
[[fault]]
at = "5s"
stop = "broker 2"
restart-after = "15s"
[[fault]]
at = "5100ms"
stop = "broker 3"
restart-after = "15s"
[[fault]]
at = "15s"
kill = "broker 1"
restart-after = "20s"
"#;

/// A follower that was away catches up batch by batch when its leader dies.
const BEHIND: &str = r#"
duration = "40s"
[cluster]
brokers = 3
config = { "broker.session.timeout.ms" = 3000, "min.insync.replicas" = 2, "replica.lag.time.max.ms" = 2000, "replica.fetch.max.bytes" = 1 }
[network]
latency = "10ms"
[[topic]]
name = "orders"
replication-factor = 3
[[producer]]
name = "shop"
topic = "orders"
rate = "200/s"
config = { "linger.ms" = 0 }
[[fault]]
at = "8s"
pause = "broker 3"
resume-after = "5s"
[[fault]]
at = "13s"
kill = "broker 1"
restart-after = "15s"
"#;

/// A follower that has caught up loses power while its leader's word for it is on its way to the controller.
const FORMER_LIFE: &str = r#"
duration = "40s"
[cluster]
brokers = 3
config = { "broker.session.timeout.ms" = 3000, "replica.lag.time.max.ms" = 2000, "replica.fetch.max.bytes" = 1 }
[network]
latency = "10ms"
[[topic]]
name = "orders"
replication-factor = 3
[[producer]]
name = "shop"
topic = "orders"
rate = "20/s"
config = { "linger.ms" = 0 }
[[fault]]
at = "5s"
cut = "link broker 1 - broker 2"
heal-after = "4s"
[[fault]]
at = "8900ms"
hold = "next AlterPartition request from broker 1"
release-after = "11s"
[[fault]]
at = "15s"
power-loss = "broker 2"
restart-after = "1s"
"#;

/// A leader goes on writing what nobody fetches, dies, and follows the next one.
const PARTS: &str = r#"
duration = "40s"
[cluster]
brokers = 3
config = { "broker.session.timeout.ms" = 3000 }
[[topic]]
name = "orders"
replication-factor = 3
[[producer]]
name = "shop"
topic = "orders"
rate = "100/s"
config = { "acks" = "1", "linger.ms" = 0 }
[[fault]]
at = "5s"
cut = "link broker 1 - broker 2"
heal-after = "10s"
[[fault]]
at = "5s"
cut = "link broker 1 - broker 3"
heal-after = "10s"
[[fault]]
at = "8s"
kill = "broker 1"
restart-after = "12s"
"#;

/// What shows that a fix is missing.
enum Sign {
    Finding(FindingKind),
    /// Other than by a finding: what is lacking breaks no promise of Kafka's.
    Other(fn(&World) -> bool),
}

/// Where the lack of a fix shows, and how. What is missing beside it shows nothing by itself.
struct Case {
    text: String,
    beside: &'static [Fix],
    sign: Sign,
}

fn case(text: &str, faults: &str, sign: Sign) -> Case {
    Case { text: format!("{text}{faults}"), beside: &[], sign }
}

fn of(fix: Fix) -> Case {
    use FindingKind::{
        AbortedRead, CommittedRecordLost, IsrEnteredEarly, IsrMemberLacksRecords, LostWrite, ProcessedTwice,
        RemovedTooEarly, Stuck, TruncatedBelowHw, UncommittedRead, Unseen,
    };
    match fix {
        Fix::Kip101 => case(LEADERS_DIE, "", Sign::Finding(LostWrite)),
        Fix::Kip903 => case(FORMER_LIFE, "", Sign::Finding(IsrMemberLacksRecords)),
        Fix::Kafka14704 => case(PARTS, "", Sign::Finding(TruncatedBelowHw)),
        Fix::Kip966 => case(BELOW_MINIMUM, "", Sign::Finding(CommittedRecordLost)),
        Fix::Kafka7128 => case(BEHIND, "", Sign::Finding(IsrEnteredEarly)),
        Fix::Kip447Fencing | Fix::Kip447RequireStable => case(PIPELINE, "", Sign::Finding(ProcessedTwice)),
        Fix::Kip360 => case(POWER_LOSS, "", Sign::Other(a_record_is_out_of_order)),
        Fix::Kip394 => case(UNHEARD_MEMBER, "", Sign::Other(a_member_is_dead)),
        Fix::Kip534 => case(TOMBSTONES, "", Sign::Finding(RemovedTooEarly)),
        Fix::Kip890Verification => {
            let slow = TRANSACTIONS.replace("20/s", "4/s");
            case(&slow, LATE_RECORD, Sign::Finding(AbortedRead))
        }
        Fix::Kip890EpochBump => case(TRANSACTIONS, LATE_END, Sign::Finding(UncommittedRead)),
        Fix::Kafka6119 => case(TRANSACTIONS, LATE_PROGRAM, Sign::Finding(Unseen)),
        Fix::Kafka9144 => Case {
            beside: &[Fix::Kip890Verification],
            ..case(TRANSACTIONS, LATE_RECORDS_OF_LATE_PROGRAM, Sign::Finding(Stuck))
        },
        Fix::Kafka9807 => case(TRANSACTIONS, "", Sign::Finding(AbortedRead)),
        Fix::Kafka7747 => case(TRUNCATION, "", Sign::Finding(Unseen)),
    }
}

/// A record of the only producer was refused as one out of order.
fn a_record_is_out_of_order(world: &World) -> bool {
    const OUT_OF_ORDER: SendError = SendError::Broker(45);
    world.names().producers().any(|process| match world.kernel().process(process) {
        Node::LoadGenerator(program) => program.record_errors().contains_key(&OUT_OF_ORDER),
        other => panic!("{other:?}"),
    })
}

/// The group has gone through one generation with a member that is not there, and one without it.
fn a_member_is_dead(world: &World) -> bool {
    // One at the start, one for the member that joins.
    const GENERATIONS: i32 = 2;
    world.names().brokers().any(|id| match world.kernel().process(id as u32) {
        Node::Broker(broker) => broker.groups().iter().any(|group| group.epoch > GENERATIONS),
        other => panic!("{other:?}"),
    })
}

fn run(case: &Case, fix: Option<Fix>, seed: u64) -> bool {
    let without = case.beside.iter().copied().chain(fix).map(|fix| format!("\"{}\"", fix.name()));
    let cluster = format!("[cluster]\nwithout = [{}]\n", without.collect::<Vec<_>>().join(", "));
    let text = format!("title = \"t\"{}", case.text.replacen("[cluster]\n", &cluster, 1));
    let scenario = Arc::new(parse(&text).unwrap_or_else(|errors| panic!("{errors:#?}")));
    let world = runner::run_to(&scenario, seed, u64::MAX, &mut |_, _| {});
    match case.sign {
        Sign::Finding(kind) => world.findings().list().iter().any(|it| it.kind == kind),
        Sign::Other(shows) => shows(&world),
    }
}

/// Most seeds that are tried.
const SEEDS: u64 = 60;

fn is_missed(fix: Fix) {
    let case = of(fix);
    let found = (1..=SEEDS).find(|seed| run(&case, Some(fix), *seed));
    let seed = found.unwrap_or_else(|| panic!("{} is not missed in {SEEDS} seeds", fix.name()));
    println!("{}: seed {seed}", fix.name());
    assert!(!run(&case, None, seed), "{}: seed {seed} shows the same with the fix, too", fix.name());
}

macro_rules! each_is_missed {
    ($($test:ident $fix:ident;)*) => {
        $(#[test]
        fn $test() {
            is_missed(Fix::$fix);
        })*

        #[test]
        fn all_fixes_have_a_test() {
            assert_eq!([$(Fix::$fix),*].as_slice(), Fix::ALL);
        }
    };
}

each_is_missed! {
    kip_101 Kip101;
    kip_903 Kip903;
    kip_966 Kip966;
    kafka_7128 Kafka7128;
    kafka_14704 Kafka14704;
    kip_447_fencing Kip447Fencing;
    kip_447_require_stable Kip447RequireStable;
    kip_360 Kip360;
    kip_394 Kip394;
    kip_534 Kip534;
    kip_890_verification Kip890Verification;
    kip_890_epoch_bump Kip890EpochBump;
    kafka_6119 Kafka6119;
    kafka_9144 Kafka9144;
    kafka_9807 Kafka9807;
    kafka_7747 Kafka7747;
}
