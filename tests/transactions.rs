//! Producers of scenarios that send in transactions, and what readers of committed records are given.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::check::Finding;
use loglab::lab::node::Node;
use loglab::lab::scenario::{FindingKind, LinkEnd, Scenario, parse};
use loglab::lab::world::World;
use loglab::note::{SendError, TransactionError};

/// Three brokers, a producer with a transaction each 200 ms of which each third is aborted, and two readers.
fn scenario(seconds: u64, more: &str) -> Arc<Scenario> {
    with_transactions("200ms", 300_000, seconds, more)
}

fn with_transactions(every: &str, abort_ppm: u32, seconds: u64, more: &str) -> Arc<Scenario> {
    let text = format!(
        r#"
title = "transactions"
duration = "{seconds}s"
[cluster]
brokers = 3
[[topic]]
name = "orders"
partitions = 2
replication-factor = 3
config = {{ "min.insync.replicas" = 2 }}
[[producer]]
name = "shop"
topic = "orders"
rate = "50/s"
transaction-every = "{every}"
abort-ppm = {abort_ppm}
config = {{ "transactional.id" = "till", "transaction.timeout.ms" = 3000, "request.timeout.ms" = 2000 }}
[[consumer]]
name = "strict"
topics = ["orders"]
config = {{ "auto.offset.reset" = "earliest", "isolation.level" = "read_committed", "request.timeout.ms" = 2000 }}
[[consumer]]
name = "loose"
topics = ["orders"]
config = {{ "auto.offset.reset" = "earliest", "request.timeout.ms" = 2000 }}
{more}
"#
    );
    Arc::new(parse(&text).unwrap_or_else(|errors| panic!("{errors:?}")))
}

/// Runs a scenario to its end.
fn run(scenario: &Arc<Scenario>, seed: u64) -> World {
    let mut world = World::new(scenario, seed, Arc::from([]));
    while world.step_until(scenario.duration_us).is_some() {}
    world.finish();
    world
}

/// What was found, but for what `loose` reads though it is uncommitted.
fn found(world: &World) -> Vec<String> {
    let is_meant = |it: &&Finding| it.kind != FindingKind::AbortedRead || !it.about.starts_with("loose reads");
    world.findings().list().iter().filter(is_meant).map(|it| format!("{}: {}", it.kind, it.about)).collect()
}

fn program<'w>(world: &'w World, name: &str) -> &'w Node {
    let id = world.names().link_end(&LinkEnd::Client(name.to_owned())).expect("a client of the scenario");
    world.kernel().process(id)
}

fn read(world: &World, name: &str) -> u64 {
    let Node::Reader(reader) = program(world, name) else { panic!("{name} reads") };
    reader.read()
}

fn acknowledged(world: &World, name: &str) -> u64 {
    let Node::LoadGenerator(program) = program(world, name) else { panic!("{name} sends") };
    program.acked()
}

fn error(world: &World, name: &str) -> Option<TransactionError> {
    let Node::LoadGenerator(program) = program(world, name) else { panic!("{name} sends") };
    program.producer().transaction_error()
}

/// Of producers whose leaders add partitions the coordinator is asked all the same: it would know of none.
#[test]
fn without_verification_transactions_go_on() {
    let text = |client: &str| {
        format!(
            r#"
title = "not verified"
duration = "20s"
[cluster]
brokers = 3
config = {{ "transaction.partition.verification.enable" = false }}
[[topic]]
name = "orders"
replication-factor = 3
[[topic]]
name = "parcels"
replication-factor = 3
[[producer]]
name = "shop"
topic = "orders"
rate = "20/s"
transaction-every = "300ms"
client = "{client}"
config = {{ "transactional.id" = "till" }}
[[pipeline]]
name = "packer"
from = ["orders"]
to = "parcels"
transaction = true
client = "{client}"
consumer-config = {{ "auto.offset.reset" = "earliest", "isolation.level" = "read_committed" }}
[[consumer]]
name = "strict"
topics = ["parcels"]
config = {{ "auto.offset.reset" = "earliest", "isolation.level" = "read_committed" }}
"#
        )
    };
    for client in ["java", "librdkafka", "kafka-python"] {
        let scenario = Arc::new(parse(&text(client)).unwrap_or_else(|errors| panic!("{errors:?}")));
        let world = run(&scenario, 1);
        assert_eq!(found(&world), Vec::<String>::new(), "{client}");
        assert_eq!(error(&world, "shop"), None, "{client}");
        assert!(read(&world, "strict") > 250, "{client}: {}", read(&world, "strict"));
    }
}

#[test]
fn readers_of_committed_records_are_given_those_and_no_others() {
    let world = run(&scenario(20, ""), 1);
    assert_eq!(found(&world), [""; 0]);
    let (strict, loose, sent) = (read(&world, "strict"), read(&world, "loose"), acknowledged(&world, "shop"));
    assert!(sent > 300, "{sent} records were acknowledged");
    assert!(loose + 20 > sent, "{loose} of {sent} were read");
    let share = strict * 100 / loose;
    assert!((50..90).contains(&share), "{strict} of {loose} records were committed");
}

/// KIP-890: the transaction of a producer that is silent for too long is aborted, and its epoch raised: what it sends then is
/// refused. It aborts, is told its new epoch, and goes on.
#[test]
fn a_transaction_that_is_open_for_too_long_is_aborted_and_its_producer_goes_on() {
    let pause = "[[fault]]\nat = \"5050ms\"\npause = \"shop\"\nresume-after = \"15s\"\n";
    let mut notables = Vec::new();
    let scenario = with_transactions("2s", 0, 40, pause);
    let mut world = World::new(&scenario, 1, Arc::from([]));
    while let Some(occurrence) = world.step_until(scenario.duration_us) {
        notables.extend(occurrence.notables.iter().map(|notable| notable.text()));
    }
    world.finish();
    assert_eq!(found(&world), [""; 0]);
    assert_eq!(error(&world, "shop"), None);
    let failed: Vec<&String> = notables.iter().filter(|text| text.contains("its transaction has failed")).collect();
    assert!(failed.len() == 1 && failed[0].contains("INVALID_PRODUCER_EPOCH"), "{failed:?}");
    assert!(acknowledged(&world, "shop") > 900, "{} records", acknowledged(&world, "shop"));
}

/// Whoever calls `initTransactions()` last has the transactional id: the other one is told when it sends.
#[test]
fn a_second_producer_with_the_same_id_fences_the_first() {
    let twin = "[[producer]]\nname = \"twin\"\ntopic = \"orders\"\nrate = \"20/s\"\n\
                config = { \"transactional.id\" = \"till\" }\n";
    let world = run(&scenario(20, twin), 1);
    assert_eq!(found(&world), [""; 0]);
    let fenced = Some(TransactionError::Fatal(SendError::Broker(90)));
    let errors = [error(&world, "shop"), error(&world, "twin")];
    assert!(errors == [None, fenced] || errors == [fenced, None], "{errors:?}");
}

const STATE: &str = r#"
[[topic]]
name = "__transaction_state"
partitions = 1
replication-factor = 3
config = { "min.insync.replicas" = 2, "cleanup.policy" = "compact" }
"#;

/// Leaders, the coordinator and the producer die, one behind the other, and a machine loses its power.
#[test]
fn no_death_shows_a_reader_of_committed_records_what_is_not() {
    let faults = r#"
[[fault]]
at = "4s"
kill = "leader of __transaction_state-0"
restart-after = "3s"
[[fault]]
at = "9s"
kill = "leader of orders-0"
restart-after = "3s"
[[fault]]
at = "13100ms"
kill = "shop"
restart-after = "1s"
[[fault]]
at = "16s"
power-loss = "leader of __transaction_state-0"
restart-after = "4s"
"#;
    for seed in 1..=20 {
        let world = run(&scenario(35, &format!("{STATE}{faults}")), seed);
        assert_eq!(found(&world), [""; 0], "seed {seed}");
        assert_eq!(error(&world, "shop"), None, "seed {seed}");
        assert!(read(&world, "strict") > 400, "seed {seed}: {} read", read(&world, "strict"));
    }
}

/// Whatever the nemesis draws, one replica of each partition at a time.
#[test]
fn no_nemesis_shows_a_reader_of_committed_records_what_is_not() {
    let nemesis = "[nemesis]\nevery = \"3s\"\nlongest = \"6s\"\nfrom = \"3s\"\ncalm = \"20s\"\n";
    for seed in 1..=20 {
        let world = run(&scenario(50, &format!("{STATE}{nemesis}")), seed);
        assert_eq!(found(&world), [""; 0], "seed {seed}");
    }
}

/// The cleaner takes what was aborted, though it be the last record of its key, and keeps an older one that is committed.
#[test]
fn what_was_aborted_may_leave_a_compacted_topic() {
    let text = r#"
title = "compacted"
duration = "30s"
[cluster]
brokers = 3
config = { "log.cleaner.backoff.ms" = 1000, "log.initial.task.delay.ms" = 100 }
[[topic]]
name = "orders"
partitions = 2
replication-factor = 3
config = { "cleanup.policy" = "compact", "segment.ms" = 2000, "min.cleanable.dirty.ratio" = 0.01, "delete.retention.ms" = 100 }
[[producer]]
name = "shop"
topic = "orders"
rate = "100/s"
keys = 400
tombstone-every = 7
transaction-every = "100ms"
abort-ppm = 500000
config = { "transactional.id" = "till" }
[[consumer]]
name = "strict"
topics = ["orders"]
config = { "auto.offset.reset" = "earliest", "isolation.level" = "read_committed" }
[[fault]]
at = "15s"
kill = "leader of orders-0"
restart-after = "5s"
"#;
    let scenario = Arc::new(parse(text).unwrap_or_else(|errors| panic!("{errors:?}")));
    for seed in 1..=3 {
        assert_eq!(found(&run(&scenario, seed)), [""; 0], "seed {seed}");
    }
}

/// Closing its producer aborts what is open: the program's thread, which is in `close()`, calls nothing more.
#[test]
fn a_program_that_is_stopped_while_its_commit_fails_ends() {
    let faults = r#"
[[fault]]
at = "4s"
hold = "next Produce request from shop"
release-after = "5s"
[[fault]]
at = "4500ms"
stop = "shop"
"#;
    let impatient = with_transactions("400ms", 0, 20, faults);
    let mut scenario = Scenario::clone(&impatient);
    scenario.producers[0].config.request_timeout_ms = 1_000;
    scenario.producers[0].config.delivery_timeout_ms = 1_000;
    scenario.producers[0].config.linger_ms = 0;
    for seed in 1..=4 {
        let world = run(&Arc::new(scenario.clone()), seed);
        assert_eq!(found(&world), [""; 0], "seed {seed}");
        assert!(acknowledged(&world, "shop") > 100, "seed {seed}");
    }
}
