//! The parts of a lag against what a reader is given that fetches from the committed offset on.

use proptest::prelude::*;

use super::*;
use crate::lab::scenario::parse;
use crate::lab::timeline::Replay;
use crate::lab::world::World;
use crate::log::batch::batches;
use crate::log::marker::Marker;
use crate::sim::SECOND;

/// A group and a transactional producer, a third of whose transactions are aborted; the other topic is compacted again and again.
fn scenario(isolation: &str, faults: &str) -> Arc<Scenario> {
    let text = format!(
        r#"
        title = "A lag"
        duration = "60s"
        [cluster]
        brokers = 3
        config = {{ "log.cleaner.backoff.ms" = 3000, "group.initial.rebalance.delay.ms" = 0 }}
        [[topic]]
        name = "orders"
        partitions = 2
        replication-factor = 3
        [[topic]]
        name = "prices"
        partitions = 1
        replication-factor = 3
        config = {{ "cleanup.policy" = "compact", "internal.segment.bytes" = 4096, "min.cleanable.dirty.ratio" = 0.1 }}
        [[producer]]
        name = "shop"
        topic = "orders"
        rate = "40/s"
        keys = 5
        transaction-every = "300ms"
        abort-ppm = 300000
        config = {{ "transactional.id" = "shop" }}
        [[producer]]
        name = "exchange"
        topic = "prices"
        rate = "60/s"
        keys = 5
        [[consumer]]
        name = "reader"
        topics = ["orders", "prices"]
        group = "readers"
        config = {{ "auto.offset.reset" = "earliest", "isolation.level" = "{isolation}", "auto.commit.interval.ms" = 1500 }}
        {faults}
        "#
    );
    Arc::new(parse(&text).unwrap_or_else(|errors| panic!("{errors:?}")))
}

/// How many records whoever fetches from here on is given, and which batches are passed over as aborted, by the fetch's own list.
fn given(log: &ReplicaLog, disk: &Disk, from: i64, isolation: IsolationLevel) -> u64 {
    let (mut at, mut records, mut aborted) = (from.max(log.log_start_offset()), 0, Vec::new());
    loop {
        let data = match isolation {
            IsolationLevel::ReadCommitted => {
                log.read_committed(disk, at, 1 << 20, log.last_stable_offset_at(disk.now_ms()), true)
            }
            IsolationLevel::ReadUncommitted => log.read(disk, at, 1 << 20, log.high_watermark(), true),
        };
        let data = data.expect("nothing is damaged");
        let mut waiting = data.aborted.unwrap_or_default();
        let before = at;
        for (header, bytes) in batches(&data.bytes) {
            at = header.next_offset();
            waiting.retain(|(producer, first)| {
                let begins = *first <= header.last_offset();
                if begins {
                    aborted.push(*producer);
                }
                !begins
            });
            if header.is_control() {
                if Marker::read(&header, bytes).is_some_and(|marker| marker.aborts) {
                    aborted.retain(|producer| *producer != header.producer_id);
                }
            } else if !header.is_transactional() || !aborted.contains(&header.producer_id) {
                let body = Body::of(bytes).expect("nothing is damaged");
                let all = body.records().expect("nothing is damaged").flatten();
                records += all.filter(|record| record.offset >= from).count() as u64;
            }
        }
        if at == before {
            return records;
        }
    }
}

/// The parts of each partition's lag at an instant; each is the lag in all, and what can be read of it is what a reader is given.
fn checked(world: &World) -> Vec<LagParts> {
    let observer = world.observer();
    let mut all = Vec::new();
    for (_, group) in groups(&observer) {
        let isolation = isolation_of(world.scenario(), &group.id);
        for it in standings(&group, &observer).into_iter().filter(|it| it.committed >= 0) {
            let leader = observer.image().partition(it.partition).map_or(-1, |it| it.leader);
            let Some((log, disk)) = observer.log(leader, it.partition) else { continue };
            let parts = split(log, disk, it.committed, isolation, usize::MAX);
            assert_eq!(parts.lag(), (it.end - it.committed).max(0) as u64, "{it:?}: {parts:?}");
            let told = given(log, disk, it.committed, isolation);
            assert_eq!(parts.readable, told, "{it:?}: {parts:?}");
            all.push(parts);
        }
    }
    all
}

fn run(scenario: &Arc<Scenario>, seed: u64, until: Time) -> World {
    let mut world = World::new(scenario, seed, Arc::new([]));
    while world.kernel().time() < until && world.advance() {}
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// At any instant of any run.
    #[test]
    fn the_parts_are_the_lag_and_what_can_be_read_of_it_is_what_a_reader_is_given(
        seed in 0..1_000_u64, until in 4..25_u64, reads_committed: bool, killed_at in 3..12_u64,
    ) {
        let isolation = if reads_committed { "read_committed" } else { "read_uncommitted" };
        let faults = format!("[[fault]]\nat = \"{killed_at}s\"\nkill = \"reader\"\n[[fault]]\nat = \"15s\"\nkill = \"leader of orders-0\"");
        let parts = checked(&run(&scenario(isolation, &faults), seed, until * SECOND));
        if !reads_committed {
            prop_assert!(parts.iter().all(|it| it.open + it.held_back + it.aborted == 0), "{parts:?}");
        }
    }
}

/// Every part is met: a reader that is dead lags behind in all ways but one.
#[test]
fn a_lag_is_told_for_what_it_is() {
    let faults = "[[fault]]\nat = \"6s\"\nkill = \"reader\"\n[[fault]]\nat = \"20s\"\npause = \"shop\"";
    let world = run(&scenario("read_committed", faults), 1, 26 * SECOND);
    let parts = checked(&world);
    let sum = |of: fn(&LagParts) -> u64| parts.iter().map(of).sum::<u64>();
    for (name, count) in [
        ("readable", sum(|it| it.readable)),
        ("open", sum(|it| it.open)),
        ("aborted", sum(|it| it.aborted)),
        ("markers", sum(|it| it.markers)),
        ("compacted", sum(|it| it.compacted)),
    ] {
        assert!(count > 0, "nothing is {name}: {parts:?}");
    }
}

/// What is looked at is bounded; the rest is not made up.
#[test]
fn what_is_not_looked_at_is_unknown() {
    let faults = "[[fault]]\nat = \"6s\"\nkill = \"reader\"";
    let world = run(&scenario("read_committed", faults), 1, 20 * SECOND);
    let observer = world.observer();
    let (_, group) = groups(&observer).pop().expect("there is one group");
    for it in standings(&group, &observer) {
        let leader = observer.image().partition(it.partition).map_or(-1, |it| it.leader);
        let (log, disk) = observer.log(leader, it.partition).expect("it is led");
        let (all, some) = (split(log, disk, it.committed, IsolationLevel::ReadCommitted, usize::MAX), 3);
        let parts = split(log, disk, it.committed, IsolationLevel::ReadCommitted, some);
        assert_eq!((parts.lag(), all.unknown), (all.lag(), 0));
        assert!(parts.unknown > 0, "{parts:?}");
    }
}

/// They are looked at once in each part of the run, and the last look is the present one.
#[test]
fn where_groups_stood_is_known_over_the_whole_run() {
    let world = run(&scenario("read_committed", ""), 1, 20 * SECOND);
    let samples: Vec<&Sample> = world.lags().samples().collect();
    assert!(samples.len() >= 55, "{}", samples.len());
    assert!(samples.is_sorted_by_key(|sample| sample.at));
    let committed =
        |sample: &Sample| sample.groups.iter().flat_map(|(_, all)| all).map(|it| it.committed.max(0)).sum::<i64>();
    let course: Vec<i64> = samples.iter().map(|sample| committed(sample)).collect();
    assert!(course.is_sorted() && course.last() > Some(&200), "{course:?}");
}
