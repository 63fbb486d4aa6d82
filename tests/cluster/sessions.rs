//! Fetch sessions as a leader keeps them (KIP-227).

use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};

use loglab::broker::BrokerSettings;
use loglab::sim::fault::Fault;
use loglab::sim::{MILLISECOND, SECOND, Time};
use loglab::wire::{Request, Response};

use super::administration::{by_name, create, delete, topic};
use super::world::{World, orders_id, produce};

/// FETCH_SESSION_ID_NOT_FOUND.
const NOT_FOUND: i16 = 70;
/// INVALID_FETCH_SESSION_EPOCH.
const WRONG_EPOCH: i16 = 71;

/// A consumer's fetch that is answered at once, from offset 0 of the partition if it names it.
fn fetch(session: i32, epoch: i32, names_partition: bool) -> Request {
    let partition =
        FetchPartition::default().with_partition(0).with_current_leader_epoch(-1).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic_id(orders_id()).with_partitions(vec![partition]);
    let request = FetchRequest::default().with_max_wait_ms(0).with_min_bytes(1).with_max_bytes(1 << 20);
    let request = request.with_session_id(session).with_session_epoch(epoch);
    Request::Fetch(request.with_topics(if names_partition { vec![topic] } else { vec![] }))
}

fn forget(session: i32, epoch: i32) -> Request {
    let forgotten = ForgottenTopic::default().with_topic_id(orders_id()).with_partitions(vec![0]);
    let Request::Fetch(request) = fetch(session, epoch, false) else { unreachable!() };
    Request::Fetch(request.with_forgotten_topics_data(vec![forgotten]))
}

/// Sends these one after the other to broker 1, from the fifth second on, and returns what they are answered: error,
/// session id, and the bytes of records.
fn answers(settings: BrokerSettings, requests: Vec<(Time, Request)>) -> Vec<(i16, i32, usize)> {
    let mut script = vec![(3 * SECOND, 1, produce(-1, "a")), (4 * SECOND, 1, produce(-1, "b"))];
    let count = requests.len();
    let mut at = 5 * SECOND;
    for (pause, request) in requests {
        at += pause;
        script.push((at, 1, request));
    }
    let mut world = World::with(settings, "1", script);
    world.run_until(at + SECOND);
    let answer = |number: usize| {
        let Some(Response::Fetch(answer)) = world.answer(2 + number as i32) else { panic!("no answer to {number}") };
        let data = answer.responses.iter().flat_map(|topic| &topic.partitions);
        let bytes = data.filter_map(|data| data.records.as_ref()).map(bytes::Bytes::len).sum();
        (answer.error_code, answer.session_id, bytes)
    };
    (0..count).map(answer).collect()
}

fn soon(requests: Vec<Request>) -> Vec<(Time, Request)> {
    requests.into_iter().map(|request| (10 * MILLISECOND, request)).collect()
}

/// The session that the first, the second, ... of the fetches was given.
const fn given(fetch: i32) -> i32 {
    -(2 + fetch)
}

const ID: i32 = given(0);
const SECOND_ID: i32 = given(1);

#[test]
fn a_session_goes_on_with_its_epochs_on_any_connection() {
    let settings = BrokerSettings::default();
    let got = answers(
        settings,
        soon(vec![
            fetch(0, 0, true),
            fetch(ID, 1, false),
            fetch(ID, 1, false),
            fetch(ID, 3, false),
            fetch(ID, 2, false),
            fetch(99, 1, false),
        ]),
    );
    let size = got[0].2;
    assert!(size > 100, "two batches");
    let id = got[0].1;
    assert!(id > 0);
    assert_eq!(
        got,
        [(0, id, size), (0, id, size), (WRONG_EPOCH, 0, 0), (WRONG_EPOCH, 0, 0), (0, id, size), (NOT_FOUND, 0, 0),]
    );
}

#[test]
fn a_session_is_told_what_became_of_a_topic_that_was_deleted() {
    let Request::Fetch(waits) = fetch(ID, 1, true) else { unreachable!() };
    let mut waits = waits.with_max_wait_ms(30_000);
    waits.topics[0].partitions[0].fetch_offset = 2;
    let script = vec![
        (3 * SECOND, 1, produce(-1, "a")),
        (4 * SECOND, 1, produce(-1, "b")),
        (5 * SECOND, 1, fetch(0, 0, true)),
        (6 * SECOND, 1, Request::Fetch(waits)),
        (7 * SECOND, 2, delete(by_name("orders"))),
        (9 * SECOND, 1, fetch(ID, 2, false)),
        (10 * SECOND, 2, create(vec![topic("orders", 1, 3)])),
        (12 * SECOND, 1, fetch(ID, 3, false)),
    ];
    let mut world = World::with(BrokerSettings::default(), "1", script);
    world.run_until(14 * SECOND);
    let told = |request: i32| {
        let Some(Response::Fetch(answer)) = world.answer(request) else { panic!("no answer to {request}") };
        let errors = answer.responses.iter().flat_map(|topic| &topic.partitions).map(|data| data.error_code);
        (answer.error_code, errors.collect::<Vec<_>>())
    };
    // UNKNOWN_TOPIC_OR_PARTITION by the name that it had, INCONSISTENT_TOPIC_ID (`KafkaApis.handleFetchRequest`).
    assert_eq!([3, 5, 7].map(told), [(0, vec![3]), (0, vec![3]), (0, vec![103])]);
    assert!(world.answered_at(3).is_some_and(|time| time < 8 * SECOND), "at once");
}

#[test]
fn a_full_fetch_closes_the_session_that_it_names() {
    let got = answers(
        BrokerSettings::default(),
        soon(vec![
            fetch(0, 0, true),
            fetch(ID, 0, true),
            fetch(ID, 1, false),
            fetch(SECOND_ID, 1, false),
            fetch(SECOND_ID, -1, true),
            fetch(SECOND_ID, 2, false),
        ]),
    );
    let ids: Vec<(i16, i32)> = got.iter().map(|(error, id, _)| (*error, *id)).collect();
    let (first, second) = (ids[0].1, ids[1].1);
    assert!(first > 0 && second > 0 && first != second);
    assert_eq!(ids, [(0, first), (0, second), (NOT_FOUND, 0), (0, second), (0, 0), (NOT_FOUND, 0)]);
    assert_eq!(got[4].2, got[0].2, "the last fetch of a session is answered");
}

#[test]
fn a_session_that_forgets_its_last_partition_is_closed() {
    let got = answers(BrokerSettings::default(), soon(vec![fetch(0, 0, true), forget(ID, 1), fetch(ID, 2, true)]));
    let ids: Vec<(i16, i32)> = got.iter().map(|(error, id, _)| (*error, *id)).collect();
    assert_eq!(ids, [(0, ids[0].1), (0, 0), (NOT_FOUND, 0)]);
    assert!(ids[0].1 > 0);
}

#[test]
fn followers_take_the_slots_of_consumers_and_not_the_other_way_round() {
    let settings = BrokerSettings { fetch_session_slots: 2, ..BrokerSettings::default() };
    let got = answers(settings, soon(vec![fetch(0, 0, true), fetch(0, 0, true)]));
    let size = got[0].2;
    assert!(size > 100);
    assert_eq!(got, [(0, 0, size); 2], "a fetch without a slot is answered without a session");
}

#[test]
fn a_session_that_nobody_used_for_two_minutes_makes_room() {
    let settings = BrokerSettings { fetch_session_slots: 3, ..BrokerSettings::default() };
    let soon = 10 * MILLISECOND;
    let got = answers(
        settings,
        vec![
            (soon, fetch(0, 0, true)),
            (soon, fetch(0, 0, true)),
            (119 * SECOND, fetch(0, 0, true)),
            (2 * SECOND, fetch(0, 0, true)),
            (soon, fetch(ID, 1, false)),
        ],
    );
    let told: Vec<(i16, bool)> = got.iter().map(|(error, id, _)| (*error, *id > 0)).collect();
    assert_eq!(told, [(0, true), (0, false), (0, false), (0, true), (NOT_FOUND, false)]);
}

#[test]
fn a_fetch_waits_for_its_bytes_and_no_longer_than_it_says() {
    let waiting = |min_bytes: i32, max_wait_ms: i32| {
        let Request::Fetch(request) = fetch(0, 0, true) else { unreachable!() };
        Request::Fetch(request.with_min_bytes(min_bytes).with_max_wait_ms(max_wait_ms))
    };
    let at = 10 * SECOND;
    let script = vec![
        (at, 1, waiting(1, 1_000)),
        (at, 1, waiting(100_000, 1_000)),
        (at, 1, waiting(1_000, 5_000)),
        (at + 300 * MILLISECOND, 1, produce(-1, "a")),
        (at + 700 * MILLISECOND, 1, produce(-1, &"x".repeat(1_000))),
    ];
    let mut world = World::new("1", script);
    world.run_until(20 * SECOND);
    let after = |request: i32| world.answered_at(request).expect("an answer") - at;
    let bytes = |request: i32| match world.answer(request) {
        Some(Response::Fetch(answer)) => {
            answer.responses[0].partitions[0].records.as_ref().map_or(0, bytes::Bytes::len)
        }
        other => panic!("{other:?}"),
    };
    assert!((300 * MILLISECOND..310 * MILLISECOND).contains(&after(0)), "with the first record, once committed");
    assert!((1_000 * MILLISECOND..1_010 * MILLISECOND).contains(&after(1)), "at its end, with what there is");
    assert!((700 * MILLISECOND..710 * MILLISECOND).contains(&after(2)), "with enough");
    assert!(bytes(0) < 100 && bytes(1) > 1_000 && bytes(2) > 1_000);
}

#[test]
fn no_broker_gives_the_session_ids_of_its_former_life_again() {
    let script = vec![
        (4 * SECOND, 1, produce(-1, "a")),
        (5 * SECOND, 1, fetch(0, 0, true)),
        (60 * SECOND, 1, fetch(0, 0, true)),
        (61 * SECOND, 1, fetch(-1, 1, false)),
    ];
    let mut world = World::new("1", script);
    world.run_until(20 * SECOND);
    world.kernel.apply(Fault::Kill(1));
    world.run_until(22 * SECOND);
    world.kernel.apply(Fault::Restart(1));
    world.run_until(62 * SECOND);
    let told = |request: i32| match world.answer(request) {
        Some(Response::Fetch(answer)) => (answer.error_code, answer.session_id),
        other => panic!("{other:?}"),
    };
    let (before, after) = (told(1), told(2));
    assert!(before.1 > 0 && after.1 > 0 && before.1 != after.1, "{before:?} {after:?}");
    assert_eq!(told(3), (NOT_FOUND, 0));
}

/// As recorded: whoever is no replica may know of an assignment that the leader has not heard of.
#[test]
fn a_fetch_of_a_broker_that_is_no_replica_is_told_unknown_leader_epoch() {
    let as_replica = |id: i32| {
        let Request::Fetch(mut request) = fetch(0, -1, true) else { unreachable!() };
        request.replica_state.replica_id = id.into();
        request.topics[0].partitions[0].current_leader_epoch = 0;
        Request::Fetch(request)
    };
    let mut world = World::new("1", vec![(5 * SECOND, 1, as_replica(9)), (6 * SECOND, 1, as_replica(1))]);
    world.run_until(7 * SECOND);
    for request in [0, 1] {
        let Some(Response::Fetch(answer)) = world.answer(request) else { panic!("no answer") };
        let data = &answer.responses[0].partitions[0];
        assert_eq!((answer.error_code, data.error_code, data.high_watermark, data.log_start_offset), (0, 75, -1, -1));
    }
}
