//! Faults of scenarios that strike a broker's disk: which files they change, and what recovery makes of it.
#![cfg(not(target_family = "wasm"))]

mod shop;

use std::sync::Arc;

use loglab::lab::runner;
use loglab::lab::scenario::{FindingKind, RunReport};
use loglab::lab::timeline::Replay;
use loglab::lab::world::World;
use loglab::log::batch;
use loglab::sim::disk::Disk;
use loglab::wire::TopicPartition;

const ORDERS_1: TopicPartition = TopicPartition { topic: 0, partition: 1 };

/// A topic of eleven partitions, so that the name of one begins as that of another.
fn world_at(until_us: u64, faults: &str) -> World {
    let topic = "partitions = 11\nconfig = { \"min.insync.replicas\" = 2 }";
    let scenario = shop::scenario(topic, "rate = \"100/s\"\nkeys = 50", faults);
    let mut world = World::new(&scenario, 1, Arc::new([]));
    while world.step_until(until_us).is_some() {}
    assert!(world.event() > 0);
    world
}

/// The report at the end, with one partition.
fn report(topic: &str, producer: &str, faults: &str) -> RunReport {
    runner::run(&shop::scenario(topic, producer, faults), 1, None)
}

fn disk(world: &World, broker: i32) -> &Disk {
    world.observer().log(broker, ORDERS_1).expect("the broker has a replica").1
}

fn indexes(disk: &Disk, directory: &str) -> usize {
    disk.list(directory).filter(|path| path.ends_with(".index")).count()
}

#[test]
fn lost_indexes_are_those_of_the_replica_and_recovery_makes_them_again() {
    let faults = "[[fault]]\nat = \"5s\"\nkill = \"broker 3\"\nrestart-after = \"15s\"\n\
                  [[fault]]\nat = \"6s\"\nlose-indexes = \"replica of orders-1 on broker 3\"\n";
    let before = world_at(5_900_000, faults);
    assert!(indexes(disk(&before, 3), "data/orders-1/") > 0);
    let down = world_at(7_000_000, faults);
    assert_eq!(indexes(disk(&down, 3), "data/orders-1/"), 0);
    assert_eq!(indexes(disk(&down, 3), "data/orders-10/"), indexes(disk(&before, 3), "data/orders-10/"));
    let back = world_at(40_000_000, faults);
    assert!(indexes(disk(&back, 3), "data/orders-1/") > 0);
    assert_eq!(back.findings().list().len(), 0);
}

#[test]
fn indexes_of_a_broker_that_runs_cannot_be_lost() {
    let world = world_at(7_000_000, "[[fault]]\nat = \"6s\"\nlose-indexes = \"replica of orders-1 on broker 3\"\n");
    assert!(indexes(disk(&world, 3), "data/orders-1/") > 0);
}

#[test]
fn a_rotten_batch_is_cut_off_by_recovery_and_fetched_again() {
    let rot = "[[fault]]\nat = \"5s\"\nbit-rot = \"replica of orders-1 on broker 3\"\noffset = 2\n";
    let restart = "[[fault]]\nat = \"6s\"\nkill = \"broker 3\"\nrestart-after = \"15s\"\n";
    let is_whole = |world: &World| {
        let (log, disk) = world.observer().log(3, ORDERS_1).expect("a replica");
        let end = log.high_watermark();
        let mut whole = true;
        world.observer().batch_bytes(3, ORDERS_1, 0, end, &mut |header, bytes| {
            whole &= batch::check_crc(bytes, header).is_ok();
        });
        assert!(end > 2 && log.batches(disk, 0).next().is_some());
        whole
    };
    assert!(!is_whole(&world_at(5_500_000, &format!("{rot}{restart}"))));
    let back = world_at(50_000_000, &format!("{rot}{restart}"));
    assert!(is_whole(&back), "the leader's copy is whole");
    assert_eq!(back.findings().list().len(), 0);
}

#[test]
fn a_slow_disk_delays_answers_until_it_is_healed() {
    let events = |faults: &str| {
        let world = world_at(20_000_000, faults);
        assert_eq!(world.findings().list().len(), 0);
        world.event()
    };
    let slow = |after: &str| format!("[[fault]]\nat = \"5s\"\nslow-disk = \"broker 1\"\nby = \"50ms\"\n{after}");
    let (quick, healed, slow) = (events(""), events(&slow("heal-disk-after = \"2s\"\n")), events(&slow("")));
    assert!(slow < healed && healed < quick, "{slow} < {healed} < {quick}");
}

#[test]
fn a_leaders_batch_that_rots_is_lost_to_clients_and_its_story_told() {
    let rot = "[[fault]]\nat = \"5s\"\nbit-rot = \"leader of orders-0\"\noffset = 2\n";
    let found = report("", "", rot).findings;
    assert!(!found.is_empty() && found.iter().all(|finding| finding.kind == FindingKind::LostWrite), "{found:?}");
    assert!(found[0].about.contains("CORRUPT_MESSAGE"), "{}", found[0].about);
}

#[test]
fn rot_in_one_replica_of_a_compacted_topic_is_excused() {
    let rot = "[[fault]]\nat = \"5s\"\nbit-rot = \"replica of orders-0 on broker 3\"\noffset = 2\n\
               [[fault]]\nat = \"20s\"\nkill = \"broker 3\"\nrestart-after = \"12s\"\n";
    let compacted = "config = { \"cleanup.policy\" = \"compact\", \"internal.segment.bytes\" = 4096 }";
    assert_eq!(report(compacted, "keys = 5\nconfig = { \"batch.size\" = 1024 }", rot).findings, []);
}

#[test]
fn faults_that_hit_nobody_are_warnings_of_the_report() {
    let faults = "[[fault]]\nat = \"5s\"\nbit-rot = \"replica of orders-0 on broker 3\"\noffset = 100000\n\
                  [[fault]]\nat = \"6s\"\nlose-indexes = \"replica of orders-0 on broker 3\"\n\
                  [[fault]]\nat = \"7s\"\nrestart = \"broker 2\"\n\
                  [[fault]]\nat = \"8s\"\nkill = \"broker 2\"\n\
                  [[fault]]\nat = \"9s\"\nkill = \"broker 2\"\n\
                  [[fault]]\nat = \"10s\"\npower-loss = \"broker 2\"\n\
                  [[fault]]\nat = \"11s\"\nresume = \"broker 2\"\n\
                  [[fault]]\nat = \"12s\"\nheal-disk = \"broker 1\"\n\
                  [[fault]]\nat = \"13s\"\nheal = \"link broker 1 -> broker 3\"\n\
                  [[fault]]\nat = \"14s\"\ncut = \"link broker 1 -> broker 3\"\n\
                  [[fault]]\nat = \"15s\"\ncut = \"link broker 1 - broker 3\"\n\
                  [[fault]]\nat = \"16s\"\nheal-clock = \"shop\"\n";
    let warnings: Vec<_> = report("", "", faults).warnings.into_iter().map(|it| (it.at_us, it.about)).collect();
    let expected = [
        (
            5,
            "bit-rot replica of orders-0 on broker 3 offset 100000: no batch of orders-0 on broker 3 holds offset 100000",
        ),
        (6, "lose-indexes replica of orders-0 on broker 3: broker 3 runs and has the files of orders-0 open"),
        (7, "restart broker 2: broker 2 runs already"),
        (9, "kill broker 2: broker 2 is down"),
        (11, "resume broker 2: broker 2 is down"),
        (12, "heal-disk broker 1: broker 1 has a disk without a fault"),
        (13, "heal link broker 1 -> broker 3: broker 1 -> broker 3 is whole"),
        (15, "cut link broker 1 - broker 3: broker 1 -> broker 3 is cut already"),
        (16, "heal-clock shop: shop has a clock without a fault"),
    ];
    assert_eq!(warnings, expected.map(|(second, about)| (second * 1_000_000, about.to_owned())));
}
