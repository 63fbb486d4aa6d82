//! Records are deleted: logs begin later, on all replicas.

use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::{DeleteRecordsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use loglab::sim::SECOND;
use loglab::sim::fault::Fault;
use loglab::wire::{Request, Response};

use super::world::{PARTITION, World, produce};

pub fn delete(offset: i64) -> Request {
    let partition = DeleteRecordsPartition::default().with_partition_index(0).with_offset(offset);
    let topic = DeleteRecordsTopic::default().with_name(TopicName(StrBytes::from_static_str("orders")));
    let request = DeleteRecordsRequest::default().with_topics(vec![topic.with_partitions(vec![partition])]);
    Request::DeleteRecords(request.with_timeout_ms(5_000))
}

/// Where the log begins now, and the error.
fn deleted(world: &World, request: i32) -> Option<(i64, i16)> {
    let Some(Response::DeleteRecords(response)) = world.answer(request) else { return None };
    let answer = &response.topics[0].partitions[0];
    Some((answer.low_watermark, answer.error_code))
}

fn log_starts(world: &World) -> Vec<i64> {
    (1..=3).map(|id| world.broker(id).log(PARTITION).map_or(-1, |log| log.log_start_offset())).collect()
}

#[test]
fn followers_follow_before_the_answer_and_a_restart_knows_it() {
    let script = vec![
        (3 * SECOND, 1, produce(-1, "a")),
        (3 * SECOND + 1, 1, produce(-1, "b")),
        (4 * SECOND, 1, produce(-1, "c")),
        (5 * SECOND + 200_000, 1, delete(2)),
        (9 * SECOND, 1, delete(1)),
        (12 * SECOND, 1, delete(4)),
        (13 * SECOND, 2, delete(3)),
    ];
    let mut world = World::new("1", script);
    world.run_until(5 * SECOND + 210_000);
    assert_eq!((deleted(&world, 3), log_starts(&world)[0]), (None, 2), "followers have not heard of it");
    world.run_until(8 * SECOND);
    assert_eq!((deleted(&world, 3), log_starts(&world)), (Some((2, 0)), vec![2; 3]));
    world.run_until(15 * SECOND);
    assert_eq!(deleted(&world, 4), Some((2, 0)), "a log that begins later already is left as it is");
    assert_eq!(deleted(&world, 5), Some((-1, 1)), "beyond the high watermark");
    assert_eq!(deleted(&world, 6), Some((-1, 6)), "a follower does not decide");
    world.run_until(100 * SECOND);
    world.kernel.apply(Fault::Kill(3));
    world.kernel.apply(Fault::Restart(3));
    world.run_until(130 * SECOND);
    assert_eq!(log_starts(&world), [2; 3]);
}

#[test]
fn a_follower_that_does_not_follow_is_waited_for_as_long_as_was_asked() {
    let script = vec![(3 * SECOND, 1, produce(-1, "a")), (5 * SECOND, 1, delete(-1))];
    let mut world = World::new("1", script);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Pause(3));
    world.run_until(9 * SECOND);
    assert_eq!(deleted(&world, 1), None);
    world.run_until(11 * SECOND);
    assert_eq!((deleted(&world, 1), log_starts(&world)[0]), (Some((0, 7)), 1), "it is done here all the same");
}
