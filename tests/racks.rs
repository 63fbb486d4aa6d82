//! Consumers that read from the nearest replica (KIP-392), and replicas that are spread over racks.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::node::Node;
use loglab::lab::runner;
use loglab::lab::scenario::parse;
use loglab::lab::world::World;
use loglab::wire::TopicPartition;

/// A topic of one partition that broker 1 leads, in rack a, and a consumer somewhere.
fn file(cluster: &str, consumer: &str, faults: &str) -> String {
    format!(
        "title = \"t\"\nduration = \"40s\"\n[cluster]\nbrokers = 3\n{cluster}\n\
         [[topic]]\nname = \"orders\"\npartitions = 1\nreplication-factor = 3\n\
         [[producer]]\nname = \"shop\"\ntopic = \"orders\"\nrate = \"20/s\"\n\
         [[consumer]]\nname = \"worker\"\ntopics = [\"orders\"]\n\
         config = {{ \"auto.offset.reset\" = \"earliest\"{consumer} }}\n{faults}\n"
    )
}

const RACKS: &str = "racks = [\"a\", \"b\", \"c\"]";
const NEAREST: &str =
    "racks = [\"a\", \"b\", \"c\"]\nconfig = { \"replica.selector.class\" = \"RackAwareReplicaSelector\" }";
/// The consumer cannot hear its leader any more.
const CUT: &str = "[[fault]]\nat = \"10s\"\ncut = \"link worker - broker 1\"\n";

fn run(text: &str) -> World {
    let scenario = parse(text).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"));
    runner::run_to(&Arc::new(scenario), 1, u64::MAX, &mut |_, _| {})
}

/// How far the consumer has come.
fn position(world: &World) -> i64 {
    let reader = world.names().consumers().next().expect("a consumer");
    match world.kernel().process(reader) {
        Node::Reader(reader) => {
            reader.consumer().position(TopicPartition { topic: 0, partition: 0 }).expect("a position")
        }
        other => panic!("{other:?}"),
    }
}

/// All that was sent is read, but for what is on its way.
fn reads_all(world: &World) -> bool {
    position(world) > 780
}

#[test]
fn a_consumer_reads_from_the_replica_in_its_rack() {
    let near = ", \"client.rack\" = \"b\"";
    let world = run(&file(NEAREST, near, CUT));
    assert!(reads_all(&world), "{}", position(&world));
    assert_eq!(world.findings().list().len(), 0, "{:#?}", world.findings().list());
    // Who is in no rack, in the leader's or in one without a replica, or whose brokers do not look, reads from the leader.
    for (cluster, consumer) in
        [(NEAREST, ""), (NEAREST, ", \"client.rack\" = \"a\""), (NEAREST, ", \"client.rack\" = \"d\""), (RACKS, near)]
    {
        let world = run(&file(cluster, consumer, CUT));
        assert!(!reads_all(&world), "{cluster} {consumer}: {}", position(&world));
    }
}

#[test]
fn what_the_nearest_replica_does_not_give_its_leader_does() {
    let near = ", \"client.rack\" = \"b\"";
    let faults = [
        "[[fault]]\nat = \"10s\"\nkill = \"broker 2\"\n",
        // Out of the ISR after a while, it is named no more.
        "[[fault]]\nat = \"10s\"\ncut = \"link broker 1 - broker 2\"\n",
        "[[fault]]\nat = \"10s\"\nkill = \"broker 2\"\nrestart-after = \"5s\"\n",
        // A new leader, in another rack.
        "[[fault]]\nat = \"10s\"\nstop = \"broker 1\"\n",
    ];
    for fault in faults {
        let near = format!("{near}, \"metadata.max.age.ms\" = 5000");
        let cluster = NEAREST.replace("config = {", "config = { \"replica.lag.time.max.ms\" = 3000,");
        let world = run(&file(&cluster, &near, fault));
        assert!(reads_all(&world), "{fault}: {}", position(&world));
        assert_eq!(world.findings().list().len(), 0, "{fault}: {:#?}", world.findings().list());
    }
}

#[test]
fn replicas_are_spread_over_racks() {
    let text = file("racks = [\"a\", \"a\", \"b\", \"b\"]", "", "").replace("brokers = 3", "brokers = 4");
    let text = text.replace("partitions = 1\nreplication-factor = 3", "partitions = 8\nreplication-factor = 2");
    let world = run(&text);
    let topic = world.image().topics.get(0).expect("the topic");
    let racks = topic.partitions.iter().map(|it| it.replicas.iter().filter(|id| **id <= 2).count());
    assert!(racks.clone().all(|in_a| in_a == 1), "{:?}", racks.collect::<Vec<_>>());
}
