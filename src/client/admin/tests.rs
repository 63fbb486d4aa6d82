//! The admin client against a scripted broker.

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{
    CreateTopicsResponse, DeleteTopicsResponse, ElectLeadersResponse, FindCoordinatorResponse, TopicName,
};

use super::*;
use crate::client::fake_broker::{FakeBroker, World, image};
use crate::sim::fault::Fault;

const NOT_CONTROLLER: i16 = 41;

fn name(text: &'static str) -> TopicName {
    TopicName(StrBytes::from_static_str(text))
}

fn created(error_code: i16) -> Response {
    let topic = CreatableTopicResult::default().with_name(name("t")).with_error_code(error_code);
    Response::CreateTopics(CreateTopicsResponse::default().with_topics(vec![topic]))
}

fn found(node: i32, error_code: i16) -> Response {
    let found = Coordinator::default().with_node_id(node.into()).with_error_code(error_code);
    Response::FindCoordinator(FindCoordinatorResponse::default().with_coordinators(vec![found]))
}

/// Both brokers answer with these, one after another.
fn world(answers: &[Response], settings: AdminSettings, calls: &[Request]) -> World {
    let broker =
        FakeBroker { image: image(1, 1, 0), admin_answers: answers.iter().cloned().collect(), ..FakeBroker::default() };
    let silent = FakeBroker { is_mute: true, ..FakeBroker::default() };
    World::of_admin(settings, calls, [broker, silent])
}

fn create() -> Request {
    Request::CreateTopics(
        CreateTopicsRequest::default().with_topics(vec![CreatableTopic::default().with_name(name("t"))]),
    )
}

fn find() -> Request {
    let keys = vec![StrBytes::from_static_str("g")];
    Request::FindCoordinator(FindCoordinatorRequest::default().with_coordinator_keys(keys))
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
            AdminEvent::Done { results, .. } => results[0].1,
            other => panic!("{other:?}"),
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
        Request::DeleteTopics(DeleteTopicsRequest::default()),
        Request::ElectLeaders(ElectLeadersRequest::default()),
        Request::ElectLeaders(ElectLeadersRequest::default()),
        create(),
    ];
    let mut world = world(&answers, AdminSettings::default(), &calls);
    world.run_until(60 * SECOND);
    let done = |call: u64, results: &[(&str, i16)]| {
        let results = results.iter().map(|(of, error)| ((*of).to_owned(), *error)).collect();
        AdminEvent::Done { call: AdminCall(call), results }
    };
    let told = [
        done(0, &[("t", 0), ("nope", 3)]),
        done(1, &[("t-0", 80), ("t-1", 84)]),
        AdminEvent::Failed { call: AdminCall(2), error: NOT_CONTROLLER },
        done(3, &[("t", 7)]),
    ];
    assert_eq!(world.admin(), told);
}

#[test]
fn a_coordinator_is_looked_for_until_there_is_one() {
    // COORDINATOR_NOT_AVAILABLE: the internal topic is made on demand.
    let answers = [found(-1, 15), found(-1, 15), found(2, 0)];
    let mut world = world(&answers, AdminSettings::default(), &[find()]);
    world.run_until(60 * SECOND);
    assert_eq!(world.admin(), [AdminEvent::Coordinator { call: AdminCall(0), node: 2 }]);
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
