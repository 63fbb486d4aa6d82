//! A leader's slow disk: who waits behind a write, and who does not.

use loglab::broker::BrokerSettings;
use loglab::note::Note;
use loglab::sim::fault::Fault;
use loglab::sim::{MILLISECOND, SECOND, Time};
use loglab::wire::Request;

use super::world::{PARTITION, World, produce};

/// Broker 1 leads, and from the tenth second on each of its writes takes three seconds.
fn world(settings: BrokerSettings, script: Vec<(Time, u32, Request)>) -> World {
    let settings = BrokerSettings { replica_lag_time_max_us: 10 * SECOND, ..settings };
    let mut world = World::with(settings, "2", script);
    world.run_until(10 * SECOND);
    world.kernel.apply(Fault::SlowDisk(1, 3 * SECOND));
    world
}

fn left_the_isr(world: &World) -> bool {
    world.notes.iter().any(|note| matches!(note, Note::IsrProposed { isr, .. } if isr.len() < 3))
}

#[test]
fn one_request_handler_is_stuck_behind_a_slow_write_and_followers_go_on_fetching() {
    let mut script = vec![(3 * SECOND, 1, produce(-1, "first"))];
    script.extend((0..5).map(|n| (20 * SECOND + n * 10 * SECOND, 1, produce(-1, "slow"))));
    let mut world = world(BrokerSettings::default(), script);
    world.run_until(90 * SECOND);
    for request in 1..=5_u64 {
        let took = world.answered_at(request as i32).expect("an answer") - (10 + 10 * request) * SECOND;
        assert!((3 * SECOND..3 * SECOND + 100 * MILLISECOND).contains(&took), "{took}");
    }
    assert_eq!(world.partition().isr, [1, 2, 3]);
    assert!(!left_the_isr(&world));
    assert_eq!(world.broker(1).log(PARTITION).expect("a leader").high_watermark(), 6);
}

#[test]
fn what_is_still_being_written_is_not_there_for_those_who_read() {
    let script = vec![(3 * SECOND, 1, produce(-1, "first")), (20 * SECOND, 1, produce(1, "slow"))];
    let mut world = world(BrokerSettings::default(), script);
    world.run_until(22 * SECOND);
    assert_eq!(world.ends()[1..], [(1, 1); 2]);
    assert_eq!(world.answered_at(1), None);
    world.run_until(24 * SECOND);
    assert_eq!(world.ends(), [(2, 2); 3]);
}

#[test]
fn a_second_append_to_the_same_log_waits_for_the_first() {
    let at = 20 * SECOND;
    let script = vec![
        (3 * SECOND, 1, produce(-1, "first")),
        (at, 1, produce(-1, "one")),
        (at + SECOND, 1, produce(-1, "two")),
        (at + 2 * SECOND, 1, produce(1, "three")),
    ];
    let mut world = world(BrokerSettings::default(), script);
    world.run_until(60 * SECOND);
    let took = |request: i32| (world.answered_at(request).expect("an answer") - at) / SECOND;
    assert_eq!((took(1), took(2), took(3)), (3, 6, 9));
    assert!(!left_the_isr(&world));
}

#[test]
fn with_one_request_handler_a_slow_write_holds_up_everybody() {
    let settings = BrokerSettings { io_threads: 1, ..BrokerSettings::default() };
    let mut script = vec![(3 * SECOND, 1, produce(-1, "first"))];
    script.extend((0..40).map(|n| (20 * SECOND + n * SECOND, 1, produce(1, "slow"))));
    let mut world = world(settings, script);
    world.run_until(90 * SECOND);
    assert!(left_the_isr(&world));
}
