//! Producers of scenarios that send in transactions, and what readers of committed records are given.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::node::Node;
use loglab::lab::scenario::{LinkEnd, Scenario, parse};
use loglab::lab::world::World;
use loglab::note::TransactionError;

/// Three brokers, a producer with a transaction each 200 ms of which each third is aborted, and two readers.
fn scenario(seconds: u64, producer: &str, more: &str) -> Arc<Scenario> {
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
transaction-every = "200ms"
abort-ppm = 300000
config = {{ "transactional.id" = "till", "transaction.timeout.ms" = 3000, "request.timeout.ms" = 2000{producer} }}
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

fn found(world: &World) -> Vec<String> {
    world.findings().list().iter().map(|it| format!("{}: {}", it.kind, it.about)).collect()
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

#[test]
fn readers_of_committed_records_are_given_those_and_no_others() {
    let world = run(&scenario(20, "", ""), 1);
    assert_eq!(found(&world), [""; 0]);
    let (strict, loose, sent) = (read(&world, "strict"), read(&world, "loose"), acknowledged(&world, "shop"));
    assert!(sent > 300, "{sent} records were acknowledged");
    assert!(loose + 20 > sent, "{loose} of {sent} were read");
    let share = strict * 100 / loose;
    assert!((50..90).contains(&share), "{strict} of {loose} records were committed");
}
