//! Pipelines of scenarios, end to end: they consume, transform and produce, in transactions or without, while members die.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::coverage::Situation;
use loglab::lab::node::Node;
use loglab::lab::runner;
use loglab::lab::scenario::{Builtin, FindingKind, parse};
use loglab::lab::world::World;
use loglab::service::Pipeline;

/// Orders that are read, parcels that are sent, and who reads these.
fn file(seconds: u32, pipeline: &str, more: &str) -> String {
    format!(
        r#"
title = "t"
duration = "{seconds}s"
[cluster]
brokers = 3
config = {{ "offsets.topic.num.partitions" = 3 }}
[[topic]]
name = "orders"
partitions = 3
replication-factor = 3
config = {{ "min.insync.replicas" = 2 }}
[[topic]]
name = "parcels"
partitions = 2
replication-factor = 3
config = {{ "min.insync.replicas" = 2 }}
[[topic]]
name = "__transaction_state"
partitions = 3
replication-factor = 3
config = {{ "min.insync.replicas" = 2, "cleanup.policy" = "compact" }}
[[producer]]
name = "shop"
topic = "orders"
rate = "40/s"
keys = 10
[[pipeline]]
name = "packer"
from = ["orders"]
to = "parcels"
work = "50ms"
consumer-config = {{ "auto.offset.reset" = "earliest", "session.timeout.ms" = 6000 }}
{pipeline}
[[consumer]]
name = "courier"
topics = ["parcels"]
config = {{ "auto.offset.reset" = "earliest", "isolation.level" = "read_committed" }}
{more}
"#
    )
}

fn run(text: &str, seed: u64) -> World {
    let scenario = parse(text).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"));
    runner::run_to(&Arc::new(scenario), seed, u64::MAX, &mut |_, _| {})
}

fn found(world: &World) -> Vec<String> {
    world.findings().list().iter().map(|it| format!("{}: {}", it.kind, it.about)).collect()
}

fn kinds(world: &World) -> Vec<FindingKind> {
    let mut kinds: Vec<FindingKind> = world.findings().list().iter().map(|it| it.kind).collect();
    kinds.dedup();
    kinds
}

fn pipelines(world: &World) -> Vec<&Pipeline> {
    let program = |process| match world.kernel().process(process) {
        Node::Pipeline(program) => program,
        other => panic!("{other:?}"),
    };
    world.names().pipelines().map(program).collect()
}

/// Records that were read, and those that were acknowledged, by all members.
fn done(world: &World) -> (u64, u64) {
    let all = pipelines(world);
    (all.iter().map(|it| it.read()).sum(), all.iter().map(|it| it.sendings().acked).sum())
}

fn given(world: &World) -> u64 {
    let readers = world.names().consumers().map(|process| match world.kernel().process(process) {
        Node::Reader(reader) => reader.read(),
        other => panic!("{other:?}"),
    });
    readers.sum()
}

const TRANSACTIONS: &str = "members = 2\ntransaction = true\n";

#[test]
fn each_record_gives_as_many_as_are_asked_for() {
    for (more, copies) in [("", 1), ("transaction = true", 1), ("transaction = true\noutputs = 3", 3)] {
        let world = run(&file(15, more, ""), 1);
        assert_eq!(found(&world), [""; 0], "{more}");
        let (read, acked) = done(&world);
        assert!(read > 400, "{more}: {read} were read");
        assert!(acked.abs_diff(read * copies) <= 20 * copies, "{more}: {acked} made of {read}");
        assert!(given(&world) + 30 * copies > acked, "{more}: {} of {acked} were given", given(&world));
    }
}

#[test]
fn each_member_has_a_transactional_id_of_its_own_and_a_part_of_the_work() {
    let world = run(&file(25, TRANSACTIONS, ""), 2);
    assert_eq!(found(&world), [""; 0]);
    let ids = pipelines(&world).iter().map(|it| it.producer().settings().transactional_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids, [Some("packer-1".to_owned()), Some("packer-2".to_owned())]);
    assert!(pipelines(&world).iter().all(|it| it.read() > 100), "{:?}", done(&world));
}

/// A member dies between its records and its commit: what it had made is aborted, and another one makes it again.
const DEATHS: &str = r#"
[[fault]]
at = "12020ms"
kill = "packer-1"
restart-after = "2s"
[[fault]]
at = "20030ms"
kill = "packer-2"
restart-after = "9s"
[[fault]]
at = "33s"
kill = "leader of orders-0"
restart-after = "4s"
[[fault]]
at = "40s"
kill = "leader of __transaction_state-0"
restart-after = "4s"
"#;

#[test]
fn with_transactions_everything_happens_once_whoever_dies() {
    for seed in 1..=4 {
        let world = run(&file(70, TRANSACTIONS, DEATHS), seed);
        assert_eq!(found(&world), [""; 0], "seed {seed}");
        assert!(world.coverage().count(Situation::Rebalance) > 4, "seed {seed}");
        assert!(given(&world) > 2_000, "seed {seed}: {} given", given(&world));
    }
}

/// Those that keep their epoch add partitions and offsets by themselves (transaction version 1), and promise the same.
#[test]
fn clients_that_keep_their_epoch_do_everything_once_too() {
    for client in ["librdkafka", "kafka-python"] {
        for seed in 1..=2 {
            let world = run(&file(70, &format!("{TRANSACTIONS}client = \"{client}\"\n"), DEATHS), seed);
            assert_eq!(found(&world), [""; 0], "{client}, seed {seed}");
            assert!(given(&world) > 2_000, "{client}, seed {seed}: {} given", given(&world));
            let epochs = pipelines(&world).iter().map(|it| it.producer().producer_id_and_epoch().1).collect::<Vec<_>>();
            assert!(epochs.iter().all(|epoch| *epoch < 10), "{client}, seed {seed}: epochs {epochs:?}");
        }
    }
}

#[test]
fn without_transactions_what_is_committed_behind_the_work_may_happen_twice_and_is_never_lost() {
    for commit in ["sync-after", "async", "auto"] {
        let world = run(&file(60, &format!("members = 2\ncommit = \"{commit}\"\n"), DEATHS), 1);
        assert!(kinds(&world).iter().all(|kind| *kind == FindingKind::ProcessedTwice), "{commit}: {:?}", found(&world));
        let (read, _) = done(&world);
        assert!(read > 2_000, "{commit}: {read} were read");
    }
}

#[test]
fn without_transactions_what_is_committed_before_the_work_may_be_lost_and_happens_once() {
    let world = run(&file(60, "members = 2\ncommit = \"sync-before\"\n", DEATHS), 1);
    let may_be = [FindingKind::NeverDelivered, FindingKind::LostInPipeline];
    assert!(kinds(&world).iter().all(|kind| may_be.contains(kind)), "{:?}", found(&world));
}

/// Whoever calls `initTransactions()` last has the id: the other one ends, and where it is started again it ends that one.
#[test]
fn two_programs_with_one_transactional_id_end_each_other() {
    let twin = "[[producer]]\nname = \"twin\"\ntopic = \"orders\"\nrate = \"5/s\"\nconfig = { \"transactional.id\" = \"packer\" }\n";
    let world = run(&file(20, "transaction = true\n", twin), 1);
    assert_eq!(found(&world), [""; 0]);
    let again = run(&file(20, "transaction = true\nagain-after = \"1s\"\n", twin), 1);
    assert_eq!(found(&again), [""; 0]);
    assert!(done(&again).0 > 300, "{:?}", done(&again));
}

#[test]
fn what_a_pipeline_may_not_say_is_told() {
    let errors = |pipeline: &str| {
        let errors = parse(&file(20, pipeline, "")).expect_err("it is wrong");
        errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; ")
    };
    assert!(errors("transaction = true\ncommit = \"auto\"").contains("its transactions commit the offsets"));
    assert!(errors("producer-config = { \"transactional.id\" = \"x\" }").contains("transaction = true"));
    assert!(errors("transaction = 1").contains("`true` or `false`"));
    assert!(errors("group = \"\"").contains("group"));
}

/// A slice of what `cargo xtask soak` runs. Among these seeds are those that found mistakes.
#[test]
fn the_nemesis_finds_nothing_wrong_with_pipelines() {
    let scenario =
        Arc::new(Builtin::named("pipeline-nemesis").expect("it is built in").scenario().expect("it is right"));
    for seed in [1, 12, 23, 24, 34, 44, 48, 57] {
        let world = runner::run_to(&scenario, seed, u64::MAX, &mut |_, _| {});
        assert_eq!(found(&world), [""; 0], "seed {seed}");
        assert!(given(&world) > 200, "seed {seed}: {} given", given(&world));
    }
}
