//! Bugs of transactional and idempotent producers, and of their coordinators, that others have reported: each is rebuilt here, and what
//! Kafka 4.3 promises is kept.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::node::Node;
use loglab::lab::runner;
use loglab::lab::scenario::parse;
use loglab::lab::world::World;
use loglab::service::LoadGenerator;

/// Orders in transactions, and who reads what is committed.
fn file(brokers: u32, partitions: u32, producer: &str, more: &str) -> String {
    format!(
        r#"
title = "t"
duration = "80s"
[cluster]
brokers = {brokers}
config = {{ "transaction.abort.timed.out.transaction.cleanup.interval.ms" = 1000 }}
[[topic]]
name = "orders"
partitions = {partitions}
replication-factor = {brokers}
[[topic]]
name = "__transaction_state"
replication-factor = {brokers}
config = {{ "cleanup.policy" = "compact", "min.insync.replicas" = {least} }}
[[producer]]
name = "shop"
topic = "orders"
rate = "40/s"
{producer}
[[consumer]]
name = "reader"
topics = ["orders"]
config = {{ "auto.offset.reset" = "earliest", "isolation.level" = "read_committed" }}
{more}
"#,
        least = brokers.min(2),
    )
}

fn run(text: &str, seed: u64) -> World {
    let scenario = parse(text).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"));
    runner::run_to(&Arc::new(scenario), seed, u64::MAX, &mut |_, _| {})
}

fn found(world: &World) -> Vec<String> {
    world.findings().list().iter().map(|it| format!("{}: {}", it.kind, it.about)).collect()
}

fn shop(world: &World) -> &LoadGenerator {
    let process = world.names().producers().next().expect("there is one");
    match world.kernel().process(process) {
        Node::LoadGenerator(program) => program,
        other => panic!("{other:?}"),
    }
}

fn epoch(world: &World) -> i16 {
    shop(world).producer().producer_id_and_epoch().1
}

/// KAFKA-12152 (apache/kafka#9832): an idempotent producer began another epoch for the sake of one partition, and went on in the others
/// with their old sequence numbers, which were refused one behind the other, each with another epoch behind it.
#[test]
fn another_epoch_begins_in_all_partitions() {
    let power_loss = "[[fault]]\nat = \"20s\"\npower-loss = \"broker 1\"\nrestart-after = \"4s\"\n";
    for seed in 1..=4 {
        let world = run(&file(1, 6, "keys = 200", power_loss), seed);
        assert_eq!(shop(&world).record_error_total(), 0, "seed {seed}");
        assert!(shop(&world).acked() > 2_500, "seed {seed}: {}", shop(&world).acked());
        // Partitions may find out one behind the other; that they do not begin again and again shows here.
        assert!((1..=6).contains(&epoch(&world)), "seed {seed}: epoch {}", epoch(&world));
    }
}

/// confluentinc/librdkafka#4953: for the sake of one partition another epoch began in all, so that what another had stored, and whose answer
/// was lost, was stored there again. The Java client begins it where nothing is in flight only.
#[test]
fn what_was_stored_before_another_epoch_is_not_stored_again() {
    let faults = r#"
[[fault]]
at = "20s"
power-loss = "leader of orders-0"
restart-after = "2s"
[[fault]]
at = "21900ms"
cut = "link broker 2 - shop"
heal-after = "3s"
[[fault]]
at = "30s"
power-loss = "leader of orders-1"
restart-after = "2s"
[[fault]]
at = "31900ms"
cut = "link broker 3 - shop"
heal-after = "3s"
"#;
    for seed in 1..=4 {
        let impatient = "keys = 200\nconfig = { \"request.timeout.ms\" = 1000 }";
        let world = run(&file(3, 6, impatient, faults), seed);
        assert_eq!(found(&world), [""; 0], "seed {seed}");
        assert!(shop(&world).acked() > 2_000, "seed {seed}: {}", shop(&world).acked());
    }
}

/// KAFKA-14053 (apache/kafka#12392): a producer dies with a record under way, its coordinator aborts the transaction by itself, and the
/// record comes behind the marker. That one raises the epoch.
#[test]
fn a_record_of_the_dead_comes_behind_its_marker() {
    let faults = r#"
[[fault]]
at = "9900ms"
hold = "next Produce request from shop"
release-after = "15s"
[[fault]]
at = "10s"
pause = "shop"
resume-after = "30s"
"#;
    for client in ["java", "librdkafka", "kafka-python"] {
        let transactions = format!(
            "client = \"{client}\"\nconfig = {{ \"transactional.id\" = \"till\", \"transaction.timeout.ms\" = 5000 }}"
        );
        for seed in 1..=2 {
            let world = run(&file(3, 2, &transactions, faults), seed);
            assert_eq!(found(&world), [""; 0], "{client}, seed {seed}");
            assert!(shop(&world).acked() > 300, "{client}, seed {seed}: {}", shop(&world).acked());
        }
    }
}

/// KAFKA-9666 (apache/kafka#8239): while the coordinator's log took nothing each try of a producer that began raised the epoch, until there
/// were none left.
#[test]
fn an_epoch_that_the_log_does_not_take_is_not_used_up() {
    let mut faults = String::from(
        "[[fault]]\nat = \"10s\"\nkill = \"broker 2\"\nrestart-after = \"40s\"\n[[fault]]\nat = \"10100ms\"\nkill = \"broker 3\"\nrestart-after = \"40s\"\n",
    );
    for second in (12..46).step_by(2) {
        faults.push_str(&format!("[[fault]]\nat = \"{second}s\"\nkill = \"shop\"\nrestart-after = \"500ms\"\n"));
    }
    let transactions = "transaction-every = \"5s\"\nconfig = { \"transactional.id\" = \"till\", \"transaction.timeout.ms\" = 60000, \"max.block.ms\" = 5000 }";
    for seed in 1..=2 {
        let world = run(&file(3, 2, transactions, &faults), seed);
        assert_eq!(found(&world), [""; 0], "seed {seed}");
        assert!(epoch(&world) < 20, "seed {seed}: epoch {}", epoch(&world));
        assert!(shop(&world).acked() > 600, "seed {seed}: {}", shop(&world).acked());
    }
}

/// KAFKA-19999 (apache/kafka#21176): the coordinator changed while markers were on their way, wrote them again with the same epoch, and was
/// refused for ever.
#[test]
fn markers_are_written_again_by_the_next_coordinator() {
    // Whoever waits for the answer that is lost waits for half a minute, unless it is killed.
    let mut faults = String::new();
    for second in [10, 20, 30] {
        faults.push_str(&format!(
            "[[fault]]\nat = \"{second}s\"\nlose = \"next WriteTxnMarkers response\"\n[[fault]]\nat = \"{second}250ms\"\nkill = \"leader of __transaction_state-0\"\nrestart-after = \"4s\"\n"
        ));
    }
    let transactions =
        "abort-ppm = 300000\nconfig = { \"transactional.id\" = \"till\", \"transaction.timeout.ms\" = 10000 }";
    for seed in 1..=3 {
        let world = run(&file(3, 3, transactions, &faults), seed);
        assert_eq!(found(&world), [""; 0], "seed {seed}");
        assert!(shop(&world).acked() > 600, "seed {seed}: {}", shop(&world).acked());
    }
}
