//! Logs after crashes: what a follower does when it and its leader part, and what idempotence keeps from being doubled.

use loglab::broker::{BrokerSettings, BrokerSwitches};
use loglab::note::Note;
use loglab::sim::fault::Fault;
use loglab::sim::{MILLISECOND, SECOND};

use super::world::{PARTITION, World, produce, produce_as};

/// Broker 1 is alone in the ISR when its machine loses power, and comes back as leader without what it had not flushed;
/// broker 2 still has it.
fn leader_with_less_than_its_follower(without: BrokerSwitches) -> World {
    let settings = BrokerSettings { without, ..BrokerSettings::default() };
    let script = (3..8).map(|second| (second * SECOND, 1, produce(-1, "a"))).collect();
    let mut world = World::with(settings, "1", script);
    world.run_until(15 * SECOND);
    assert_eq!(world.ends(), [(5, 5); 3]);
    world.kernel.apply(Fault::Kill(2));
    world.kernel.apply(Fault::Kill(3));
    world.run_until(40 * SECOND);
    assert_eq!(world.partition().isr, [1]);
    world.kernel.apply(Fault::LosePower(1));
    world.run_until(60 * SECOND);
    assert_eq!(world.partition().leader, -1);
    world.kernel.apply(Fault::Restart(1));
    world.run_until(80 * SECOND);
    assert_eq!((world.partition().leader, world.partition().recovering), (1, true));
    assert!(world.ends()[0].0 < 5, "nothing was flushed");
    world.kernel.apply(Fault::Restart(2));
    world.kernel.apply(Fault::Restart(3));
    world.run_until(130 * SECOND);
    world
}

#[test]
fn a_follower_ahead_of_its_leader_truncates_to_where_their_epochs_part() {
    let world = leader_with_less_than_its_follower(BrokerSwitches::default());
    let (end, _) = world.ends()[0];
    assert_eq!(world.ends(), [(end, end); 3]);
    assert_eq!(world.partition().isr.len(), 3);
    for broker in [2, 3] {
        assert!(world.notes.contains(&Note::Truncated { broker, partition: PARTITION, from: 5, to: end }));
    }
}

#[test]
fn a_follower_beyond_its_leaders_end_that_knows_no_epochs_truncates_to_that_end() {
    // Without KIP-101 the leader can only answer OFFSET_OUT_OF_RANGE, and the follower asks where the log ends.
    let world = leader_with_less_than_its_follower(BrokerSwitches { kip_101: true, ..BrokerSwitches::default() });
    let (end, _) = world.ends()[0];
    assert_eq!(world.ends(), [(end, end); 3]);
    assert!(world.notes.contains(&Note::Truncated { broker: 2, partition: PARTITION, from: 5, to: end }));
}

#[test]
fn a_follower_before_its_leaders_start_begins_anew_there() {
    let mut world = World::seeded(100, vec![(20 * SECOND, 1, produce(-1, "b"))]);
    world.run_until(30 * SECOND);
    assert_eq!(world.ends(), [(102, 102); 3]);
    for broker in [1, 2, 3] {
        let log = world.broker(broker).log(PARTITION).expect("a replica");
        assert_eq!(log.log_start_offset(), 100, "broker {broker}");
    }
    assert_eq!(world.produced(0), Some((0, 101)));
    assert_eq!(world.partition().isr.len(), 3);
}

#[test]
fn a_broker_that_is_killed_right_after_its_answer_has_what_it_acknowledged() {
    let mut world = World::new("1", vec![(4 * SECOND, 1, produce(1, "a"))]);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Cut(1, 2));
    world.kernel.apply(Fault::Cut(1, 3));
    world.run_until(4 * SECOND + 10 * MILLISECOND);
    assert_eq!(world.produced(0), Some((0, 0)));
    for broker in 1..=3 {
        world.kernel.apply(Fault::Kill(broker));
    }
    world.kernel.apply(Fault::Heal(1, 2));
    world.kernel.apply(Fault::Heal(1, 3));
    world.kernel.apply(Fault::Restart(1));
    world.run_until(30 * SECOND);
    assert_eq!(world.ends()[0].0, 1, "a killed process leaves its page cache");
}

/// What broker 3 keeps of its logs beside them.
fn kept(world: &World) -> Vec<(String, bytes::Bytes)> {
    let disk = world.kernel.disk(3);
    let files = [".kafka_cleanshutdown", "recovery-point-offset-checkpoint", "log-start-offset-checkpoint"];
    let of = |file: &str| Some((file.to_owned(), disk.read(disk.open(&format!("data/{file}"))?, 0, u32::MAX)));
    files.iter().filter_map(|file| of(file)).collect()
}

#[test]
fn a_broker_that_ends_before_it_has_seen_metadata_leaves_all_as_it_was() {
    for (ends_before, is_clean) in [(Fault::Terminate(3), true), (Fault::Kill(3), false)] {
        for ends_then in [Fault::Terminate(3), Fault::Kill(3)] {
            let mut world = World::new("1", vec![(3 * SECOND, 1, produce(-1, "a"))]);
            world.run_until(70 * SECOND);
            world.kernel.apply(ends_before.clone());
            world.run_until(80 * SECOND);
            let before = kept(&world);
            assert_eq!(before.iter().any(|(file, _)| file == ".kafka_cleanshutdown"), is_clean);
            world.kernel.apply(Fault::Kill(0));
            world.kernel.apply(Fault::Restart(3));
            // Longer than `log.initial.task.delay.ms`.
            world.run_until(120 * SECOND);
            world.kernel.apply(ends_then.clone());
            world.run_until(121 * SECOND);
            assert_eq!(kept(&world), before, "{ends_before:?} {ends_then:?}");
            world.kernel.apply(Fault::Restart(0));
            world.kernel.apply(Fault::Restart(3));
            world.run_until(180 * SECOND);
            assert_eq!((world.ends(), world.partition().isr.len()), (vec![(1, 1); 3], 3));
            let recovered = world.notes.iter().any(|note| matches!(note, Note::LogRecovered { broker: 3, .. }));
            assert_eq!(recovered, !is_clean, "{ends_before:?} {ends_then:?}");
        }
    }
}

#[test]
fn a_follower_that_lost_power_gets_back_what_it_lost() {
    let mut world = World::new("2", vec![(3 * SECOND, 1, produce(-1, "a")), (20 * SECOND, 1, produce(-1, "b"))]);
    world.run_until(10 * SECOND);
    world.kernel.apply(Fault::LosePower(3));
    world.run_until(30 * SECOND);
    assert_eq!(world.produced(1), Some((0, 1)));
    assert_eq!(world.partition().isr, [1, 2]);
    world.kernel.apply(Fault::Restart(3));
    world.run_until(60 * SECOND);
    assert_eq!(world.ends(), [(2, 2); 3]);
    assert_eq!(world.partition().isr.len(), 3);
}

#[test]
fn all_machines_lose_power_and_agree_afterwards() {
    let mut world = World::new("2", vec![(3 * SECOND, 1, produce(-1, "a")), (80 * SECOND, 1, produce(-1, "b"))]);
    world.run_until(10 * SECOND);
    (1..=3).for_each(|broker| world.kernel.apply(Fault::LosePower(broker)));
    world.run_until(30 * SECOND);
    (1..=3).for_each(|broker| world.kernel.apply(Fault::Restart(broker)));
    world.run_until(120 * SECOND);
    let ends = world.ends();
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
}

#[test]
fn a_batch_that_is_sent_again_is_answered_as_before_and_not_appended() {
    let script = vec![
        (3 * SECOND, 1, produce_as(7, 0, 0, "a")),
        (4 * SECOND, 1, produce_as(7, 0, 1, "b")),
        (5 * SECOND, 1, produce_as(7, 0, 0, "a")),
        // OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH.
        (6 * SECOND, 1, produce_as(7, 0, 5, "gap")),
        (7 * SECOND, 1, produce_as(7, 1, 0, "newer epoch")),
        (8 * SECOND, 1, produce_as(7, 0, 2, "older epoch")),
        (30 * SECOND, 2, produce_as(7, 1, 0, "newer epoch")),
        (31 * SECOND, 2, produce_as(7, 1, 1, "next")),
    ];
    let mut world = World::new("1", script);
    world.run_until(10 * SECOND);
    let produced: Vec<_> = (0..6).map(|number| world.produced(number)).collect();
    assert_eq!(produced, [(0, 0), (0, 1), (0, 0), (45, -1), (0, 2), (47, -1)].map(Some));
    world.kernel.apply(Fault::Kill(1));
    world.run_until(40 * SECOND);
    assert_eq!(world.partition().leader, 2);
    assert_eq!((world.produced(6), world.produced(7)), (Some((0, 2)), Some((0, 3))), "the new leader knows them too");
    assert_eq!(world.ends()[1], (4, 4));
}

#[test]
fn a_followers_log_starts_where_its_leaders_does() {
    let value = "a".repeat(400);
    let script = (3..20).map(|second| (second * SECOND, 1, produce(-1, &value))).collect();
    let small = [("internal.segment.bytes", "1024"), ("retention.bytes", "2048")];
    let mut world = World::with_topic(&small, script);
    let start = |world: &World, id: u32| world.broker(id).log(PARTITION).expect("a replica").log_start_offset();
    world.run_until(25 * SECOND);
    world.kernel.apply(Fault::Kill(2));
    // Retention looks at logs 30 s after their broker began.
    world.run_until(40 * SECOND);
    assert!(start(&world, 1) > 5 && start(&world, 3) == start(&world, 1));
    world.kernel.apply(Fault::Restart(2));
    world.run_until(60 * SECOND);
    assert_eq!((start(&world, 2), world.ends()[1].0), (start(&world, 1), 17));
}
