//! The admin client against a scripted broker.

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_transactions_response::TransactionState;
use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{
    CreateTopicsResponse, DeleteRecordsResponse, DeleteTopicsResponse, DescribeTransactionsResponse,
    ElectLeadersRequest, ElectLeadersResponse, FindCoordinatorResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::*;
use crate::client::fake_broker::{FakeBroker, World, image};
use crate::sim::fault::Fault;
use crate::wire::Api;

const NOT_CONTROLLER: i16 = 41;

fn name(text: &'static str) -> TopicName {
    TopicName(StrBytes::from_static_str(text))
}

fn key(text: &str) -> Key {
    Key::Name(text.to_owned())
}

fn created(error_code: i16) -> Response {
    let topic = CreatableTopicResult::default().with_name(name("t")).with_error_code(error_code);
    Response::CreateTopics(CreateTopicsResponse::default().with_topics(vec![topic]))
}

fn found(node: i32, error_code: i16) -> Response {
    let found = Coordinator::default().with_key(StrBytes::from_static_str("t")).with_node_id(node.into());
    let found = found.with_error_code(error_code);
    Response::FindCoordinator(FindCoordinatorResponse::default().with_coordinators(vec![found]))
}

fn described(error: i16) -> Response {
    let id = kafka_protocol::messages::TransactionalId(StrBytes::from_static_str("t"));
    let state = TransactionState::default().with_transactional_id(id).with_error_code(error);
    Response::DescribeTransactions(DescribeTransactionsResponse::default().with_transaction_states(vec![state]))
}

/// Both brokers answer with these, one after another.
fn world(answers: &[Response], settings: AdminSettings, calls: &[Ask]) -> World {
    let broker =
        FakeBroker { image: image(1, 1, 0), admin_answers: answers.iter().cloned().collect(), ..FakeBroker::default() };
    let silent = FakeBroker { is_mute: true, ..FakeBroker::default() };
    World::of_admin(settings, calls, [broker, silent])
}

/// One broker, which answers with these.
fn lonely(answers: &[Response], settings: AdminSettings, calls: &[Ask]) -> World {
    let mut alone = (*image(1, 1, 0)).clone();
    alone.brokers.retain(|id, _| *id == 1);
    let other = FakeBroker { image: Arc::new(alone), ..FakeBroker::default() };
    let broker = FakeBroker { admin_answers: answers.iter().cloned().collect(), ..other.clone() };
    World::of_admin(settings, calls, [broker, other])
}

fn create() -> Ask {
    Ask::CreateTopics { topics: vec![CreatableTopic::default().with_name(name("t"))], validate_only: false }
}

fn describe() -> Ask {
    Ask::DescribeTransactions(vec!["t".to_owned()])
}

/// What was asked for over the connection to the broker behind ApiVersions; that to the bootstrap server is an earlier one.
fn asked(world: &World) -> Vec<Api> {
    let asked = &world.broker(1).asked;
    let last = asked.iter().map(|(connection, _)| *connection).max();
    asked.iter().filter(|(connection, _)| Some(*connection) == last).map(|(_, api)| *api).skip(1).collect()
}

#[test]
fn what_may_pass_is_tried_again_and_what_will_not_is_told() {
    // NOT_CONTROLLER passes, TOPIC_ALREADY_EXISTS does not.
    let answers = [created(NOT_CONTROLLER), created(0), created(36)];
    let mut world = world(&answers, AdminSettings::default(), &[create(), create()]);
    world.run_until(60 * SECOND);
    let mut results: Vec<i16> = world
        .admin()
        .iter()
        .map(|event| match event {
            AdminEvent::Done { results, .. } => results[0].1.as_ref().err().copied().unwrap_or(0),
            other @ AdminEvent::Failed { .. } => panic!("{other:?}"),
        })
        .collect();
    results.sort_unstable();
    assert_eq!(results, [0, 36]);
}

/// Measured on a real 4.3.1 and read in `KafkaAdminClient`: each is told at once, though the error is one that may pass.
#[test]
fn errors_that_may_pass_are_told_of_their_topic_and_the_others_are_done() {
    let deleted = |topic: &'static str, error_code: i16| {
        DeletableTopicResult::default().with_name(Some(name(topic))).with_error_code(error_code)
    };
    let deleted = vec![deleted("t", 0), deleted("nope", ResponseError::UnknownTopicOrPartition.code())];
    let elected = |partition: i32, error: ResponseError| {
        PartitionResult::default().with_partition_id(partition).with_error_code(error.code())
    };
    let elected = ReplicaElectionResult::default().with_topic(name("t")).with_partition_result(vec![
        elected(0, ResponseError::PreferredLeaderNotAvailable),
        elected(1, ResponseError::ElectionNotNeeded),
    ]);
    let answers = [
        Response::DeleteTopics(DeleteTopicsResponse::default().with_responses(deleted)),
        Response::ElectLeaders(ElectLeadersResponse::default().with_replica_election_results(vec![elected])),
        Response::ElectLeaders(ElectLeadersResponse::default().with_error_code(NOT_CONTROLLER)),
        created(ResponseError::RequestTimedOut.code()),
    ];
    let calls = [
        Ask::DeleteTopics(vec!["t".to_owned(), "nope".to_owned()]),
        Ask::ElectLeaders(ElectLeadersRequest::default()),
        Ask::ElectLeaders(ElectLeadersRequest::default()),
        create(),
    ];
    let mut world = lonely(&answers, AdminSettings::default(), &calls);
    world.run_until(60 * SECOND);
    let done = |call: u64, results: Vec<(Key, Result<Told, i16>)>| AdminEvent::Done { call: AdminCall(call), results };
    let partitions = [(0, 80), (1, 84)].map(|(partition, error)| (("t".to_owned(), partition), error)).to_vec();
    let told = [
        done(0, vec![(key("nope"), Err(3)), (key("t"), Ok(Told::Done))]),
        done(1, vec![(Key::Cluster, Ok(Told::Partitions(partitions)))]),
        done(2, vec![(Key::Cluster, Err(NOT_CONTROLLER))]),
        done(3, vec![(key("t"), Err(7))]),
    ];
    assert_eq!(world.admin(), told);
}

#[test]
fn a_coordinator_is_looked_for_until_there_is_one() {
    // COORDINATOR_NOT_AVAILABLE: the internal topic is made on demand.
    let answers = [found(-1, 15), found(-1, 15), found(1, 0), described(0)];
    let mut world = lonely(&answers, AdminSettings::default(), &[describe()]);
    world.run_until(60 * SECOND);
    assert!(
        matches!(&world.admin(), [AdminEvent::Done { results, .. }] if results[0].1.is_ok()),
        "{:?}",
        world.admin()
    );
    let find = Api::FindCoordinator;
    assert_eq!(asked(&world), [find, find, find, Api::DescribeTransactions]);
}

#[test]
fn a_coordinator_that_has_moved_is_looked_for_again_and_one_that_loads_is_not() {
    // COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, and TRANSACTIONAL_ID_NOT_FOUND is told.
    let answers = [found(1, 0), described(14), described(16), found(1, 0), described(105)];
    let mut world = lonely(&answers, AdminSettings::default(), &[describe()]);
    world.run_until(60 * SECOND);
    let results = vec![(key("t"), Err(105))];
    assert_eq!(world.admin(), [AdminEvent::Done { call: AdminCall(0), results }]);
    let (find, describe) = (Api::FindCoordinator, Api::DescribeTransactions);
    assert_eq!(asked(&world), [find, describe, describe, find, describe]);
}

#[test]
fn the_leader_of_a_partition_is_remembered_until_it_refuses() {
    let answer = |error: i16, start: i64| {
        let partition = DeleteRecordsPartitionResult::default().with_error_code(error).with_low_watermark(start);
        let topic = DeleteRecordsTopicResult::default().with_name(name("orders")).with_partitions(vec![partition]);
        Response::DeleteRecords(DeleteRecordsResponse::default().with_topics(vec![topic]))
    };
    // OFFSET_OUT_OF_RANGE is told; NOT_LEADER_OR_FOLLOWER is looked into.
    let answers = [answer(0, 3), answer(1, -1), answer(6, -1), answer(0, 4)];
    let before = |offset: i64| Ask::DeleteRecords(vec![(("orders".to_owned(), 0), offset)]);
    let mut settings = AdminSettings::default();
    settings.network.retry_backoff_max_us = settings.network.retry_backoff_us;
    let mut world = lonely(&answers, settings, &[before(3), before(9), before(4)]);
    world.run_until(60 * SECOND);
    let partition = || Key::Partition("orders".to_owned(), 0);
    let done = |call: u64, result: Result<Told, i16>| AdminEvent::Done {
        call: AdminCall(call),
        results: vec![(partition(), result)],
    };
    let told = [done(0, Ok(Told::LowWatermark(3))), done(1, Err(1)), done(2, Ok(Told::LowWatermark(4)))];
    assert_eq!(world.admin(), told);
    let (find, delete) = (Api::Metadata, Api::DeleteRecords);
    assert_eq!(asked(&world), [find, delete, delete, find, delete, find, delete]);
}

#[test]
fn a_name_that_no_request_can_hold_is_refused_by_the_client() {
    let mut world = lonely(&[], AdminSettings::default(), &[Ask::DeleteTopics(vec![String::new()])]);
    world.run_until(SECOND);
    let results = vec![(key(""), Err(ResponseError::InvalidTopicException.code()))];
    assert_eq!(world.admin(), [AdminEvent::Done { call: AdminCall(0), results }]);
}

#[test]
fn a_call_fails_when_its_time_is_over() {
    let settings = AdminSettings { default_api_timeout_us: 2 * SECOND, ..AdminSettings::default() };
    let mut world = world(&[], settings, &[create()]);
    world.apply(Fault::LosePower(1));
    world.apply(Fault::LosePower(2));
    world.run_until(5 * SECOND);
    let timed_out = ResponseError::RequestTimedOut.code();
    assert_eq!(world.admin(), [AdminEvent::Failed { call: AdminCall(0), error: timed_out }]);
}
