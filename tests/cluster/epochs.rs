//! Requests to the wrong broker or with the wrong leader epoch, as Apache Kafka 4.3.1 was recorded to answer them.

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::{FetchRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use loglab::sim::fault::Fault;
use loglab::sim::{MILLISECOND, SECOND, Time};
use loglab::wire::{FetchByNameRequest, FetchByNameResponse, Request, Response};

use super::world::{BEGIN_MS, World, orders_id, produce, produce_at};

const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const FENCED_LEADER_EPOCH: i16 = 74;
const UNKNOWN_LEADER_EPOCH: i16 = 75;

fn name() -> TopicName {
    TopicName(StrBytes::from_static_str("orders"))
}

fn fetch(epoch: i32) -> Request {
    let partition =
        FetchPartition::default().with_partition(0).with_current_leader_epoch(epoch).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic_id(orders_id()).with_partitions(vec![partition]);
    let request = FetchRequest::default().with_max_wait_ms(100).with_min_bytes(1).with_max_bytes(1 << 20);
    Request::Fetch(request.with_session_epoch(-1).with_topics(vec![topic]))
}

fn list_offsets(epoch: i32, timestamp: i64) -> Request {
    let asked = ListOffsetsPartition::default()
        .with_partition_index(0)
        .with_current_leader_epoch(epoch)
        .with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default().with_name(name()).with_partitions(vec![asked]);
    Request::ListOffsets(ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic]))
}

fn end_of(epoch: i32) -> Request {
    let asked =
        OffsetForLeaderPartition::default().with_partition(0).with_current_leader_epoch(-1).with_leader_epoch(epoch);
    let topic = OffsetForLeaderTopic::default().with_topic(name()).with_partitions(vec![asked]);
    let request = OffsetForLeaderEpochRequest::default().with_replica_id((-1).into());
    Request::OffsetForLeaderEpoch(request.with_topics(vec![topic]))
}

/// What a response says of the partition: the error, two numbers, and the leader and epoch to ask instead.
fn told(response: &Response) -> (i16, i64, i64, (i32, i32)) {
    match response {
        Response::Fetch(response) | Response::FetchByName(FetchByNameResponse(response)) => {
            let data = &response.responses[0].partitions[0];
            let batches = loglab::log::batch::batches(data.records.as_ref().expect("records or none")).count();
            let leader = (data.current_leader.leader_id.0, data.current_leader.leader_epoch);
            (data.error_code, data.high_watermark, batches as i64, leader)
        }
        Response::ListOffsets(response) => {
            let data = &response.topics[0].partitions[0];
            (data.error_code, data.offset, data.leader_epoch.into(), (-1, -1))
        }
        Response::OffsetForLeaderEpoch(response) => {
            let data = &response.topics[0].partitions[0];
            (data.error_code, data.leader_epoch.into(), data.end_offset, (-1, -1))
        }
        Response::Produce(response) => {
            let data = &response.responses[0].partition_responses[0];
            let leader = (data.current_leader.leader_id.0, data.current_leader.leader_epoch);
            (data.error_code, data.base_offset, -1, leader)
        }
        other => panic!("{other:?}"),
    }
}

/// Broker 1 led and died; broker 2 leads in epoch 1, and broker 1 follows again. Each of these is asked of a broker.
fn ask(requests: Vec<(u32, Request)>) -> Vec<(i16, i64, i64, (i32, i32))> {
    let count = requests.len();
    let mut script = vec![(3 * SECOND, 1, produce(-1, "a")), (20 * SECOND, 2, produce(-1, "b"))];
    let mut at: Time = 60 * SECOND;
    for (broker, request) in requests {
        at += 600 * MILLISECOND;
        script.push((at, broker, request));
    }
    let mut world = World::new("1", script);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Kill(1));
    world.run_until(30 * SECOND);
    world.kernel.apply(Fault::Restart(1));
    world.run_until(60 * SECOND);
    let partition = world.partition();
    assert_eq!((partition.leader, partition.leader_epoch, partition.isr.len()), (2, 1, 3));
    world.run_until(at + SECOND);
    (2..).take(count).map(|number| told(world.answer(number).expect("an answer"))).collect()
}

#[test]
fn a_follower_lets_consumers_fetch_and_refuses_all_else() {
    let no = (NOT_LEADER_OR_FOLLOWER, -1, -1, (-1, -1));
    for follower in [1, 3] {
        let got = ask(vec![
            (follower, produce(1, "to a follower")),
            (follower, fetch(-1)),
            (follower, list_offsets(-1, -1)),
            (follower, fetch(1)),
            (follower, list_offsets(1, -1)),
            (follower, end_of(0)),
            (follower, end_of(1)),
            (follower, end_of(2)),
        ]);
        assert_eq!(got, [(6, -1, -1, (2, 1)), (0, 2, 2, (-1, -1)), no, (0, 2, 2, (-1, -1)), no, no, no, no]);
    }
}

#[test]
fn an_older_epoch_is_fenced_and_a_newer_one_unknown_everywhere() {
    for broker in [1, 2, 3] {
        let got = ask(vec![
            (broker, fetch(0)),
            (broker, list_offsets(0, -1)),
            (broker, fetch(2)),
            (broker, list_offsets(2, -1)),
        ]);
        assert_eq!(
            got,
            [
                (FENCED_LEADER_EPOCH, -1, 0, (2, 1)),
                (FENCED_LEADER_EPOCH, -1, -1, (-1, -1)),
                (UNKNOWN_LEADER_EPOCH, -1, 0, (-1, -1)),
                (UNKNOWN_LEADER_EPOCH, -1, -1, (-1, -1)),
            ],
            "broker {broker}"
        );
    }
}

#[test]
fn a_leader_answers_with_its_high_watermark_and_the_ends_of_its_epochs() {
    let got = ask(vec![
        (2, list_offsets(-1, -1)),
        (2, fetch(1)),
        (2, list_offsets(1, -2)),
        (2, end_of(0)),
        (2, end_of(1)),
        (2, end_of(2)),
    ]);
    assert_eq!(
        got,
        [
            (0, 2, 1, (-1, -1)),
            (0, 2, 2, (-1, -1)),
            (0, 0, 0, (-1, -1)),
            (0, 0, 1, (-1, -1)),
            (0, 1, 2, (-1, -1)),
            (0, -1, -1, (-1, -1)),
        ]
    );
}

#[test]
fn offsets_are_found_by_timestamp() {
    // Both records have the timestamp of the beginning.
    let got = ask(vec![(2, list_offsets(-1, BEGIN_MS)), (2, list_offsets(-1, BEGIN_MS + 1))]);
    assert_eq!(got.iter().map(|(error, offset, ..)| (*error, *offset)).collect::<Vec<_>>(), [(0, 0), (0, -1)]);
}

#[test]
fn a_fetch_beyond_the_end_or_of_an_unknown_partition_is_refused() {
    let Request::Fetch(request) = fetch(-1) else { unreachable!() };
    let mut beyond = request.clone();
    beyond.topics[0].partitions[0].fetch_offset = 3;
    let mut unknown = request.clone();
    unknown.topics[0].topic_id = uuid::Uuid::from_u128(7);
    let mut no_such_partition = request;
    no_such_partition.topics[0].partitions[0].partition = 9;
    let got =
        ask(vec![(2, Request::Fetch(beyond)), (2, Request::Fetch(unknown)), (2, Request::Fetch(no_such_partition))]);
    // OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION.
    assert_eq!(got.iter().map(|(error, ..)| *error).collect::<Vec<_>>(), [1, 100, 3]);
}

#[test]
fn a_fetch_by_name_is_answered_by_leader_and_follower_alike() {
    let by_name = |name: &'static str, epoch, offset| {
        let Request::Fetch(mut request) = fetch(epoch) else { unreachable!() };
        request.topics[0].topic_id = uuid::Uuid::nil();
        request.topics[0].topic = TopicName(StrBytes::from_static_str(name));
        request.topics[0].partitions[0].fetch_offset = offset;
        Request::FetchByName(FetchByNameRequest(request))
    };
    // (broker, name, epoch, offset): the error and how many batches.
    let asked = [
        ((2, "orders", 1, 0), (0, 2)),
        ((1, "orders", 1, 0), (0, 2)),
        // OFFSET_OUT_OF_RANGE.
        ((2, "orders", 1, 3), (1, 0)),
        ((1, "orders", 1, 3), (1, 0)),
        ((2, "orders", 0, 0), (FENCED_LEADER_EPOCH, 0)),
        ((2, "orders", 2, 0), (UNKNOWN_LEADER_EPOCH, 0)),
        // UNKNOWN_TOPIC_OR_PARTITION.
        ((2, "gone", 1, 0), (3, 0)),
    ];
    let got = ask(asked.map(|((broker, name, epoch, offset), _)| (broker, by_name(name, epoch, offset))).into());
    // Its version is older than leaders that are named with an error (KIP-951).
    assert!(got.iter().all(|(.., leader)| *leader == (-1, -1)), "{got:?}");
    let got: Vec<_> = got.into_iter().map(|(error, _, batches, _)| (error, batches)).collect();
    assert_eq!(got, asked.map(|(_, told)| told));
}

/// Broker 2 leads from 12 seconds or so on, and cannot commit the third record until broker 3 leaves the ISR.
#[test]
fn a_new_leader_answers_about_times_of_what_is_committed_and_of_no_later() {
    const OFFSET_NOT_AVAILABLE: i16 = 78;
    let script = vec![
        (3 * SECOND, 1, produce_at(1_000, "a")),
        (4 * SECOND, 1, produce_at(2_000, "b")),
        (5 * SECOND, 1, produce_at(3_000, "c")),
        (20 * SECOND, 2, list_offsets(-1, BEGIN_MS + 1_500)),
        (20 * SECOND, 2, list_offsets(-1, BEGIN_MS + 2_500)),
        (20 * SECOND, 2, list_offsets(-1, BEGIN_MS + 9_000)),
        (20 * SECOND, 2, list_offsets(-1, -1)),
        (20 * SECOND, 2, list_offsets(-1, -2)),
        (60 * SECOND, 2, list_offsets(-1, BEGIN_MS + 2_500)),
        (60 * SECOND, 2, list_offsets(-1, BEGIN_MS + 9_000)),
    ];
    let mut world = World::new("1", script);
    world.run_until(4_900 * MILLISECOND);
    for (from, to) in [(1, 3), (3, 1), (2, 3), (3, 2)] {
        world.kernel.apply(Fault::Cut(from, to));
    }
    world.run_until(6 * SECOND);
    world.kernel.apply(Fault::Kill(1));
    world.run_until(19 * SECOND);
    assert_eq!((world.partition().leader, world.ends()[1]), (2, (3, 2)));
    world.run_until(70 * SECOND);
    let offsets = |request: i32| {
        let (error, offset, ..) = told(world.answer(request).expect("an answer"));
        (error, offset)
    };
    let not_yet = (OFFSET_NOT_AVAILABLE, -1);
    assert_eq!([3, 4, 5, 6, 7].map(offsets), [(0, 1), not_yet, not_yet, not_yet, (0, 0)]);
    assert_eq!([8, 9].map(offsets), [(0, 2), (0, -1)]);
}
