//! The runtime of coordinators, shown with a small shard: how often each transactional id has asked for a producer id.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, DeleteTopicsRequest, FindCoordinatorRequest, InitProducerIdRequest,
    InitProducerIdResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use loglab::broker::coordinator::{CoordinatorRecord, CoordinatorShard, Operation, Written};
use loglab::broker::{Broker, BrokerSettings};
use loglab::sim::fault::Fault;
use loglab::sim::network::LinkSettings;
use loglab::sim::{MILLISECOND, SECOND, Time};
use loglab::wire::{BrokerRequest, Request, Response};

use super::world::{Node, World};

const NOT_AVAILABLE: i16 = 15;
const LOADING: i16 = 14;
const NOT_COORDINATOR: i16 = 16;

/// A write counts one more; a look has nothing to write, but waits for what was written; a read sees what is committed.
const WRITE: i32 = 1;
const LOOK: i32 = 2;
const READ: i32 = 3;

#[derive(Clone, Debug, Default)]
struct Counts(BTreeMap<String, i16>);

impl Counts {
    fn answer(&self, id: &str) -> Response {
        let count = self.0.get(id).copied().unwrap_or(0);
        Response::InitProducerId(InitProducerIdResponse::default().with_producer_epoch(count))
    }
}

fn asked(request: BrokerRequest<'_>) -> (&str, i32) {
    let BrokerRequest::InitProducerId(request) = request else { unreachable!("only these are taken") };
    (request.transactional_id.as_ref().expect("only these are taken").as_str(), request.transaction_timeout_ms)
}

impl CoordinatorShard for Counts {
    const TOPIC: &'static str = "__transaction_state";

    fn operation<'a>(request: BrokerRequest<'a>) -> Option<Operation<'a>> {
        let BrokerRequest::InitProducerId(request) = request else { return None };
        let id = request.transactional_id.as_ref()?.as_str();
        Some(if request.transaction_timeout_ms == READ { Operation::Read(id) } else { Operation::Write(id) })
    }

    fn handle(&self, request: BrokerRequest<'_>, _now_ms: i64) -> Result<Written, ResponseError> {
        let (id, what) = asked(request);
        if id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        if what == LOOK {
            return Ok(Written { records: Vec::new(), response: self.answer(id) });
        }
        let count = self.0.get(id).copied().unwrap_or(0) + 1;
        let value = Some(count.to_string().into());
        let records = vec![CoordinatorRecord { key: id.to_owned().into(), value }];
        let response = Response::InitProducerId(InitProducerIdResponse::default().with_producer_epoch(count));
        Ok(Written { records, response })
    }

    fn read(&self, request: BrokerRequest<'_>) -> Response {
        self.answer(asked(request).0)
    }

    fn replay(&mut self, record: &CoordinatorRecord) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let count = text(record.value.as_ref().expect("a count")).parse().expect("a number");
        self.0.insert(text(&record.key), count);
    }

    fn refusal(_request: BrokerRequest<'_>, error: ResponseError) -> Response {
        Response::InitProducerId(InitProducerIdResponse::default().with_error_code(error.code()))
    }
}

fn ask(id: &str, what: i32) -> Request {
    let id = StrBytes::from_string(id.to_owned()).into();
    Request::InitProducerId(
        InitProducerIdRequest::default().with_transactional_id(Some(id)).with_transaction_timeout_ms(what),
    )
}

/// Three brokers with the coordinator, whose loaders read one batch at a time; broker 1 leads.
fn world(script: Vec<(Time, u32, Request)>) -> World {
    world_loading(1, script)
}

/// The same with loaders that read so many bytes at a time.
fn world_loading(offsets_load_buffer_size: u32, script: Vec<(Time, u32, Request)>) -> World {
    let broker = |id| {
        let settings = BrokerSettings { id, offsets_load_buffer_size, ..BrokerSettings::default() };
        Node::Broker(Box::new(Broker::new(settings).with_coordinator::<Counts>()))
    };
    let config = BTreeMap::from([("min.insync.replicas".to_owned(), "2".to_owned())]);
    World::with_topic_named("__transaction_state", [1, 2, 3].map(broker), config, script)
}

/// Error and count of an answer.
fn told(world: &World, request: usize) -> Option<(i16, i16)> {
    let Some(Response::InitProducerId(answer)) = world.answer(request as i32) else { return None };
    Some((answer.error_code, answer.producer_epoch))
}

#[test]
fn a_write_is_answered_once_it_is_on_every_replica_and_only_by_the_leader() {
    let script = vec![
        (4 * SECOND, 1, ask("a", WRITE)),
        (5 * SECOND, 1, ask("a", WRITE)),
        (5 * SECOND, 1, ask("b", WRITE)),
        (6 * SECOND, 2, ask("a", WRITE)),
        (6 * SECOND, 1, ask("", WRITE)),
        (7 * SECOND, 1, ask("a", READ)),
    ];
    let mut world = world(script);
    world.run_until(8 * SECOND);
    let all: Vec<_> = (0..6).map(|request| told(&world, request)).collect();
    let refused = ResponseError::InvalidRequest.code();
    let expected = [(0, 1), (0, 2), (0, 1), (NOT_COORDINATOR, 0), (refused, 0), (0, 2)];
    assert_eq!(all, expected.map(Some));
    assert_eq!(world.ends(), [(3, 3); 3], "a write that was refused leaves no trace");
}

#[test]
fn any_broker_says_who_the_coordinator_is() {
    let find = |kind: i8| {
        let keys = vec![StrBytes::from_static_str("a")];
        Request::FindCoordinator(FindCoordinatorRequest::default().with_key_type(kind).with_coordinator_keys(keys))
    };
    let script = vec![(4 * SECOND, 3, find(1)), (4 * SECOND, 3, find(0)), (4 * SECOND, 3, find(7))];
    let mut world = world(script);
    world.run_until(5 * SECOND);
    let answer = |request: i32| {
        let Some(Response::FindCoordinator(answer)) = world.answer(request) else { panic!("no answer") };
        let coordinator = &answer.coordinators[0];
        (coordinator.error_code, coordinator.node_id.0)
    };
    let refused = ResponseError::InvalidRequest.code();
    assert_eq!((answer(0), answer(1), answer(2)), ((0, 1), (NOT_AVAILABLE, -1), (refused, -1)));
}

#[test]
fn a_new_leader_loads_what_the_former_one_has_acknowledged() {
    let mut script: Vec<_> = (0..40).map(|n| (4 * SECOND + n * 10 * MILLISECOND, 1, ask("a", WRITE))).collect();
    let killed = 5 * SECOND;
    let polls = 12_000;
    script.extend((0..polls).map(|n| (killed + n * MILLISECOND, 2, ask("a", LOOK))));
    let mut world = world(script);
    world.run_until(killed);
    world.kernel.apply(Fault::Kill(1));
    world.run_until(killed + 13 * SECOND);
    let acknowledged = (0..40).filter_map(|request| told(&world, request)).filter(|(error, _)| *error == 0).count();
    assert_eq!(acknowledged, 40);
    let mut seen: Vec<(i16, i16)> = (0..polls as usize).filter_map(|poll| told(&world, 40 + poll)).collect();
    seen.dedup();
    assert_eq!(seen, [(NOT_COORDINATOR, 0), (LOADING, 0), (0, 40)]);
}

/// The high watermark may pass the last record while that is taken in. Nobody writes afterwards, so nothing would move it again.
#[test]
fn what_is_committed_while_the_end_of_the_log_is_loaded_counts_as_committed() {
    // So many ids that are so long that the loader takes 50 ms; the other follower is as far away that it fetches meanwhile.
    let (id, writes) = ("a".repeat(30_000), 80);
    let far = LinkSettings { latency_us: 4 * MILLISECOND, ..LinkSettings::default() };
    let last = 4 * SECOND + (writes - 1) * 10 * MILLISECOND;
    let killed = last + 3 * MILLISECOND;
    let mut script: Vec<_> = (0..writes).map(|n| (4 * SECOND + n * 10 * MILLISECOND, 1, ask(&id, WRITE))).collect();
    script.extend([READ, LOOK].map(|what| (killed + 20 * SECOND, 2, ask(&id, what))));
    let mut world = world_loading(10 << 20, script);
    world.run_until(killed);
    world.kernel.apply(Fault::Kill(1));
    for (from, to) in [(2, 3), (3, 2)] {
        world.kernel.apply(Fault::SetLink(from, to, far));
    }
    world.run_until(killed + 27 * SECOND);
    let all = Some((0, writes as i16));
    let at = writes as usize;
    assert_eq!((told(&world, at), told(&world, at + 1)), (all, all));
}

/// Whenever the leader dies: who is told a count after that is told a larger one than anybody was before.
#[test]
fn no_acknowledged_write_is_lost_whenever_the_leader_dies() {
    for die in 0..12 {
        let killed = 5 * SECOND + die * 700;
        let mut script: Vec<_> = (0..400).map(|n| (4 * SECOND + n * 3 * MILLISECOND, 1, ask("a", WRITE))).collect();
        script.push((killed + 20 * SECOND, 2, ask("a", WRITE)));
        let mut world = world(script);
        world.run_until(killed);
        world.kernel.apply(Fault::Kill(1));
        world.run_until(killed + 21 * SECOND);
        let counts = (0..400).filter_map(|request| told(&world, request)).filter(|(error, _)| *error == 0);
        let most = counts.map(|(_, count)| count).max().expect("some were acknowledged");
        let (error, count) = told(&world, 400).expect("an answer");
        assert!(error == 0 && count > most, "{count} after {most}, killed at {killed}");
    }
}

#[test]
fn below_the_minimum_of_the_isr_a_write_is_told_not_available() {
    let script = vec![
        (4 * SECOND, 1, ask("a", WRITE)),
        (30 * SECOND, 1, ask("a", WRITE)),
        (31 * SECOND, 1, ask("a", READ)),
        (80 * SECOND, 1, ask("a", WRITE)),
    ];
    let mut world = world(script);
    world.run_until(5 * SECOND);
    world.kernel.apply(Fault::Kill(2));
    world.kernel.apply(Fault::Kill(3));
    world.run_until(40 * SECOND);
    world.kernel.apply(Fault::Restart(2));
    world.run_until(81 * SECOND);
    let all: Vec<_> = (0..4).map(|request| told(&world, request)).collect();
    assert_eq!(all, [(0, 1), (NOT_AVAILABLE, 0), (0, 1), (0, 2)].map(Some));
}

#[test]
fn reads_see_what_is_committed_and_a_write_that_is_not_in_time_stays_written() {
    let script = vec![
        (4 * SECOND, 1, ask("a", WRITE)),
        // The followers sleep.
        (6 * SECOND, 1, ask("a", WRITE)),
        (7 * SECOND, 1, ask("a", READ)),
        (8 * SECOND, 1, ask("a", LOOK)),
        // They are awake again.
        (15 * SECOND, 1, ask("a", READ)),
        (16 * SECOND, 1, ask("a", WRITE)),
    ];
    let mut world = world(script);
    world.run_until(5 * SECOND);
    world.kernel.apply(Fault::Pause(2));
    world.kernel.apply(Fault::Pause(3));
    world.run_until(12 * SECOND);
    assert_eq!(told(&world, 1), Some((NOT_AVAILABLE, 0)), "after offsets.commit.timeout.ms");
    assert_eq!(world.answered_at(1).map(|at| at / SECOND), Some(11));
    assert_eq!((told(&world, 2), told(&world, 3)), (Some((0, 1)), None));
    world.kernel.apply(Fault::Resume(2));
    world.kernel.apply(Fault::Resume(3));
    world.run_until(17 * SECOND);
    assert_eq!((told(&world, 3), told(&world, 4), told(&world, 5)), (Some((0, 2)), Some((0, 2)), Some((0, 3))));
}

/// What a deleted topic held is gone: its name stands for another topic.
#[test]
fn a_coordinator_forgets_a_topic_that_is_deleted() {
    let topic = || TopicName(StrBytes::from_static_str("__transaction_state"));
    let state = DeleteTopicState::default().with_name(Some(topic()));
    let delete = Request::DeleteTopics(DeleteTopicsRequest::default().with_topics(vec![state]));
    let assignment = CreatableReplicaAssignment::default().with_broker_ids([1, 2, 3].map(BrokerId).to_vec());
    let again = CreatableTopic::default().with_name(topic()).with_num_partitions(-1).with_replication_factor(-1);
    let again = again.with_assignments(vec![assignment]);
    let create = Request::CreateTopics(CreateTopicsRequest::default().with_topics(vec![again]).with_timeout_ms(5_000));
    let mut script: Vec<_> = (0..5).map(|n| (4 * SECOND + n * 10 * MILLISECOND, 1, ask("a", WRITE))).collect();
    script.extend([(5 * SECOND, 2, delete), (6 * SECOND, 1, ask("a", READ)), (7 * SECOND, 2, create)]);
    script.push((9 * SECOND, 1, ask("a", WRITE)));
    let mut world = world(script);
    world.run_until(10 * SECOND);
    assert_eq!(
        [4, 6, 8].map(|request| told(&world, request)),
        [Some((0, 5)), Some((NOT_COORDINATOR, 0)), Some((0, 1))]
    );
}

/// A log that is being loaded is deleted under its loader.
#[test]
fn a_topic_may_be_deleted_while_it_is_loaded() {
    let state =
        DeleteTopicState::default().with_name(Some(TopicName(StrBytes::from_static_str("__transaction_state"))));
    for after in [0, 1, 2, 5, 10, 20, 40] {
        let mut script: Vec<_> = (0..40).map(|n| (4 * SECOND + n * 10 * MILLISECOND, 1, ask("a", WRITE))).collect();
        let delete = Request::DeleteTopics(DeleteTopicsRequest::default().with_topics(vec![state.clone()]));
        script.push((14 * SECOND + after * MILLISECOND, 2, delete));
        let mut world = world(script);
        world.run_until(5 * SECOND);
        world.kernel.apply(Fault::Kill(1));
        world.run_until(16 * SECOND);
        assert!(world.image().topics.named("__transaction_state").is_none());
    }
}
