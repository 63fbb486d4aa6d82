//! The settings of a topic change what its logs do.

use loglab::sim::SECOND;
use loglab::wire::Response;

use super::world::{BEGIN_MS, World, produce, produce_at};

/// One record a second from the third second on, then two more seconds.
fn run(config: &[(&str, &str)], requests: Vec<loglab::wire::Request>) -> World {
    let end = (5 + requests.len() as u64) * SECOND;
    let script = (3..).zip(requests).map(|(second, request)| (second * SECOND, 1, request)).collect();
    let mut world = World::with_topic(config, script);
    world.run_until(end);
    world
}

fn errors(world: &World, count: i32) -> Vec<i16> {
    (0..count).map(|number| world.produced(number).expect("an answer").0).collect()
}

/// The segments of the partition on each broker.
fn segments(world: &World) -> Vec<usize> {
    let of = |id| world.kernel.disk(id).list("data/orders-0/").filter(|name| name.ends_with(".log")).count();
    (1..=3).map(of).collect()
}

#[test]
fn segments_roll_by_size_and_by_time_on_every_replica() {
    let five = || (0..5).map(|_| produce(-1, &"x".repeat(600))).collect();
    assert_eq!(segments(&run(&[], five())), [1; 3]);
    // 600 bytes of value, 8 or so around them and 61 of header: one batch in each segment.
    assert_eq!(segments(&run(&[("internal.segment.bytes", "1024")], five())), [5; 3]);
    let old = |seconds: i64| produce_at(seconds * 1_000, "x");
    let rolled = run(&[("segment.ms", "1000")], vec![old(0), old(1), old(2), old(10)]);
    assert!(segments(&rolled).iter().all(|count| *count > 1));
}

#[test]
fn a_batch_that_is_too_large_or_of_the_wrong_time_is_refused() {
    let large = || produce(-1, &"x".repeat(2_000));
    let world = run(&[("max.message.bytes", "1000")], vec![produce(-1, "a"), large()]);
    // MESSAGE_TOO_LARGE, INVALID_TIMESTAMP.
    assert_eq!(errors(&world, 2), [0, 10]);
    assert_eq!(errors(&run(&[], vec![large()]), 1), [0]);
    let hours = 3_600_000;
    let early = run(&[("message.timestamp.after.max.ms", "1000")], vec![produce_at(hours, "a")]);
    assert_eq!(errors(&early, 1), [32]);
    let late = run(&[("message.timestamp.before.max.ms", "1000")], vec![produce_at(3_000, "a"), produce_at(0, "a")]);
    assert_eq!(errors(&late, 2), [0, 32]);
}

#[test]
fn a_leader_stamps_its_own_time_where_the_topic_says_so() {
    let stamp = |config: &[(&str, &str)]| {
        let world = run(config, vec![produce_at(17, "a")]);
        let Some(Response::Produce(answer)) = world.answer(0) else { panic!("no answer") };
        answer.responses[0].partition_responses[0].log_append_time_ms
    };
    assert_eq!(stamp(&[]), -1);
    assert!(stamp(&[("message.timestamp.type", "LogAppendTime")]) >= BEGIN_MS + 3_000);
}

#[test]
fn an_index_that_is_full_closes_its_segment_and_its_interval_says_how_fast_it_fills() {
    let twenty = || (0..20).map(|_| produce(-1, &"x".repeat(600))).collect();
    let with =
        |interval: &str| segments(&run(&[("segment.index.bytes", "96"), ("index.interval.bytes", interval)], twenty()));
    assert_eq!(with("4096"), [1; 3]);
    assert!(with("0").iter().all(|count| *count > 1));
}
