//! Groups of a scenario, end to end: members join, share partitions, commit, die and come back.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::coverage::Situation;
use loglab::lab::node::Node;
use loglab::lab::runner;
use loglab::lab::scenario::{FindingKind, parse};
use loglab::lab::world::World;
use loglab::wire::TopicPartition;

const PARTITIONS: i32 = 6;

/// A topic that is written to for some seconds, read by a group, with more lines of the file.
fn file(seconds: u32, consumer: &str, faults: &str) -> String {
    format!(
        "title = \"t\"\nduration = \"{seconds}s\"\n[cluster]\nbrokers = 3\n\
         config = {{ \"offsets.topic.num.partitions\" = 3 }}\n\
         [[topic]]\nname = \"orders\"\npartitions = {PARTITIONS}\nreplication-factor = 3\n\
         config = {{ \"min.insync.replicas\" = 2 }}\n\
         [[producer]]\nname = \"shop\"\ntopic = \"orders\"\nrate = \"50/s\"\nkeys = 100\n\
         [[consumer]]\nname = \"worker\"\ntopics = [\"orders\"]\ngroup = \"g\"\nwork = \"20ms\"\n{consumer}\n{faults}\n"
    )
}

fn run(text: &str, seed: u64) -> World {
    let scenario = parse(text).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"));
    runner::run_to(&Arc::new(scenario), seed, u64::MAX, &mut |_, _| {})
}

fn partitions(world: &World) -> Vec<TopicPartition> {
    let topic = world.image().topics.named("orders").expect("the topic");
    (0..PARTITIONS).map(|partition| TopicPartition { topic, partition }).collect()
}

/// How many partitions each member of `worker` has.
fn shares(world: &World) -> Vec<usize> {
    let readers = world.names().consumers().map(|process| match world.kernel().process(process) {
        Node::Reader(reader) => reader.consumer().positions().count(),
        other => panic!("{other:?}"),
    });
    readers.collect()
}

fn end_of(world: &World, partition: TopicPartition) -> i64 {
    use loglab::lab::check::Evidence;
    let leader = world.image().partition(partition).expect("the partition").leader;
    world.observer().log_ends(leader, partition).map_or(0, |ends| ends.high_watermark)
}

/// Of all partitions: the records, those that were worked on without a gap from the first, and those committed.
fn reached(world: &World) -> (i64, i64, i64) {
    let history = world.history();
    let sum = |of: &dyn Fn(TopicPartition) -> i64| partitions(world).into_iter().map(of).sum();
    (
        sum(&|it| end_of(world, it)),
        sum(&|it| history.worked_on_up_to("g", it)),
        sum(&|it| history.committed_by("g", it)),
    )
}

#[test]
fn members_share_the_partitions_and_commit_what_they_read() {
    for config in ["members = 3", "members = 3\ncommit = \"sync-after\"", "members = 3\ncommit = \"async\""] {
        let text = file(40, &format!("{config}\nconfig = {{ \"auto.offset.reset\" = \"earliest\" }}"), "");
        let world = run(&text, 1);
        assert_eq!(world.findings().list().len(), 0, "{config}: {:#?}", world.findings().list());
        assert_eq!(shares(&world), [2, 2, 2], "{config}");
        let (written, worked_on, committed) = reached(&world);
        assert!(written > 1_500 && worked_on > written - 30, "{config}: {worked_on} of {written}");
        // The last automatic commit is five seconds ago at most.
        assert!(committed > written - 350, "{config}: {committed} of {written}");
    }
}
