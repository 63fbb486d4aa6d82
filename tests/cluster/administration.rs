//! What an admin client asks of a broker, and the controller does: topics, partitions, leaders, and a broker's shutdown.

use kafka_protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::write_txn_markers_request::WritableTxnMarkerTopic;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, BrokerId, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteTopicsRequest, DescribeClusterRequest, DescribeProducersRequest, DescribeTopicPartitionsRequest,
    DescribeTransactionsRequest, ElectLeadersRequest, EndTxnRequest, FindCoordinatorRequest, ListTransactionsRequest,
    TopicName, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;

use loglab::broker::{Broker, BrokerSettings};
use loglab::note::Note;
use loglab::sim::fault::Fault;
use loglab::sim::{MILLISECOND, SECOND};
use loglab::wire::{Api, Request, Response, TopicPartition, TxnMarker, TxnMarkersRequest};

use super::delete_records::delete as delete_records;
use super::world::{Node, PARTITION, World, orders_id, produce, produce_keyed};

fn name(text: &str) -> TopicName {
    TopicName(StrBytes::from_string(text.to_owned()))
}

pub fn topic(text: &str, partitions: i32, factor: i16) -> CreatableTopic {
    CreatableTopic::default().with_name(name(text)).with_num_partitions(partitions).with_replication_factor(factor)
}

pub fn create(topics: Vec<CreatableTopic>) -> Request {
    Request::CreateTopics(CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(5_000))
}

pub fn delete(topic: DeleteTopicState) -> Request {
    Request::DeleteTopics(DeleteTopicsRequest::default().with_topics(vec![topic]))
}

pub fn by_name(text: &str) -> DeleteTopicState {
    DeleteTopicState::default().with_name(Some(name(text)))
}

fn partitions(text: &str, count: i32) -> Request {
    let topic = CreatePartitionsTopic::default().with_name(name(text)).with_count(count).with_assignments(None);
    Request::CreatePartitions(CreatePartitionsRequest::default().with_topics(vec![topic]))
}

fn elect(partition: i32) -> Request {
    let topic = TopicPartitions::default().with_topic(name("orders")).with_partitions(vec![partition]);
    Request::ElectLeaders(ElectLeadersRequest::default().with_topic_partitions(Some(vec![topic])))
}

fn producers_of(text: &str) -> TopicRequest {
    TopicRequest::default().with_name(name(text)).with_partition_indexes(vec![0])
}

/// A world in which these are asked of broker 2, a second apart, from the first second on.
fn asked(requests: Vec<Request>) -> World {
    let end = (requests.len() as u64 + 3) * SECOND;
    let script = (1..).zip(requests).map(|(second, request)| (second * SECOND, 2, request)).collect();
    let mut world = World::new("1", script);
    world.run_until(end);
    world
}

/// The errors of the topics of an answer.
fn errors(world: &World, request: i32) -> Vec<i16> {
    match world.answer(request).expect("an answer") {
        Response::CreateTopics(answer) => answer.topics.iter().map(|topic| topic.error_code).collect(),
        Response::DeleteTopics(answer) => answer.responses.iter().map(|topic| topic.error_code).collect(),
        Response::CreatePartitions(answer) => answer.results.iter().map(|topic| topic.error_code).collect(),
        Response::ElectLeaders(answer) => {
            let of_topics = answer.replica_election_results.iter();
            of_topics.flat_map(|topic| &topic.partition_result).map(|partition| partition.error_code).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn id(called: &'static str) -> TransactionalId {
    TransactionalId(StrBytes::from_static_str(called))
}

fn orders_in(transaction: &'static str) -> AddPartitionsToTxnTransaction {
    let name = TopicName(StrBytes::from_static_str("orders"));
    let topic = AddPartitionsToTxnTopic::default().with_name(name).with_partitions(vec![0]);
    AddPartitionsToTxnTransaction::default().with_transactional_id(id(transaction)).with_topics(vec![topic])
}

fn marker_of(topic: &'static str) -> TxnMarker {
    let name = TopicName(StrBytes::from_static_str(topic));
    let topic = WritableTxnMarkerTopic::default().with_name(name).with_partition_indexes(vec![0, 9]);
    TxnMarker { topics: vec![topic], transaction_version: 2, ..TxnMarker::default() }
}

/// The client of this world looks at each message that it sends and gets.
#[test]
fn what_only_an_admin_client_asks_and_is_answered_travels_at_its_version() {
    let keys = vec![StrBytes::from_static_str("a")];
    let requests = vec![
        Request::FindCoordinator(FindCoordinatorRequest::default().with_coordinator_keys(keys)),
        create(vec![topic("audit", 2, 3), topic("orders", 1, 1)]),
        delete(by_name("audit")),
        delete_records(0),
        partitions("orders", 2),
        elect(0),
        Request::DescribeCluster(DescribeClusterRequest::default()),
        Request::DescribeProducers(DescribeProducersRequest::default().with_topics(vec![producers_of("orders")])),
        Request::DescribeTopicPartitions(DescribeTopicPartitionsRequest::default()),
        Request::AddPartitionsToTxn(AddPartitionsToTxnRequest::default().with_transactions(vec![orders_in("tx")])),
        Request::AddOffsetsToTxn(AddOffsetsToTxnRequest::default()),
        Request::EndTxn(EndTxnRequest::default()),
        Request::WriteTxnMarkers(TxnMarkersRequest { markers: vec![marker_of("orders")] }),
        Request::DescribeTransactions(DescribeTransactionsRequest::default().with_transactional_ids(vec![id("tx")])),
        Request::ListTransactions(ListTransactionsRequest::default()),
    ];
    let asked_for: Vec<Api> = requests.iter().map(Request::api).collect();
    let world = asked(requests);
    let answers = (0..asked_for.len()).filter_map(|request| world.answer(request as i32)).map(Response::api);
    assert_eq!(answers.collect::<Vec<_>>(), asked_for);
}

#[test]
fn a_topic_that_is_created_is_on_its_brokers_and_known_by_its_id() {
    let world = asked(vec![create(vec![topic("audit", 4, 2)])]);
    let Some(Response::CreateTopics(answer)) = world.answer(0) else { panic!("no answer") };
    let result = &answer.topics[0];
    assert_eq!((result.error_code, result.num_partitions, result.replication_factor), (0, 4, 2));
    let number = world.image().topics.with_id(result.topic_id).expect("the id is known");
    assert_eq!(world.image().topics.named("audit"), Some(number));
    for partition in 0..4 {
        let of = TopicPartition { topic: number, partition };
        let image = world.image().partition(of).expect("it is there");
        assert_eq!((image.leader_epoch, image.leader, &image.isr), (0, image.replicas[0], &image.replicas));
        assert!(image.replicas.iter().all(|broker| world.broker(*broker as u32).log(of).is_some()));
    }
}

#[test]
fn a_topic_that_cannot_be_is_refused_as_kafka_does() {
    let assigned = |called: &str, brokers: &[i32]| {
        let brokers = brokers.iter().copied().map(BrokerId).collect();
        let assignment = CreatableReplicaAssignment::default().with_partition_index(0).with_broker_ids(brokers);
        topic(called, -1, -1).with_assignments(vec![assignment])
    };
    let config = |setting: &str, value: &str| {
        let (setting, value) = (setting.to_owned(), value.to_owned());
        let config = CreatableTopicConfig::default().with_name(StrBytes::from_string(setting));
        topic("said", 1, 1).with_configs(vec![config.with_value(Some(StrBytes::from_string(value)))])
    };
    let topics = vec![
        topic("orders", 1, 1),
        topic("a/b", 1, 1),
        topic("", 1, 1),
        topic("none", 0, 1),
        topic("none", 0, 1),
        topic("too-few", -2, 1),
        topic("too-many", 1, 4),
        topic("negative", 1, -7),
        assigned("twice", &[1, 1]),
        assigned("stranger", &[9]),
        config("retention.ms", "soon"),
        topic("__cluster_metadata", 1, 1),
    ];
    let world = asked(vec![create(topics)]);
    // TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_REQUEST (named twice), INVALID_PARTITIONS,
    // INVALID_REPLICATION_FACTOR, INVALID_REPLICA_ASSIGNMENT, INVALID_CONFIG, INVALID_REQUEST.
    assert_eq!(errors(&world, 0), [36, 17, 17, 42, 42, 37, 38, 38, 39, 39, 40, 42]);
    assert_eq!(world.image().topics.len(), 1, "nothing was created");
}

#[test]
fn a_topic_that_is_only_validated_is_not_created() {
    let request = CreateTopicsRequest::default().with_topics(vec![topic("audit", 2, 3)]).with_validate_only(true);
    let world = asked(vec![Request::CreateTopics(request)]);
    assert_eq!((errors(&world, 0), world.image().topics.len()), (vec![0], 1));
}

#[test]
fn a_topic_that_is_deleted_is_unknown_and_its_name_is_free() {
    let world = asked(vec![
        delete(by_name("orders")),
        produce(-1, "late"),
        delete(by_name("orders")),
        delete(DeleteTopicState::default().with_topic_id(orders_id())),
        create(vec![topic("orders", 1, 3)]),
        produce(-1, "to the former id"),
    ]);
    assert_eq!(errors(&world, 0), [0]);
    // UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION.
    assert_eq!(world.produced(1).map(|(error, _)| error), Some(100));
    assert_eq!((errors(&world, 2), errors(&world, 3)), (vec![3], vec![100]));
    assert_eq!(errors(&world, 4), [0]);
    assert_eq!(world.produced(5).map(|(error, _)| error), Some(100));
    let number = world.image().topics.named("orders").expect("there again");
    assert_eq!(number, 1);
    assert_ne!(world.image().topics.id_of(number), orders_id());
    assert!((1..=3).all(|id| world.broker(id).log(PARTITION).is_none()), "no broker has the former replicas");
}

#[test]
fn what_waits_for_a_partition_that_is_deleted_is_answered() {
    let mut world =
        World::new("1", vec![(3 * SECOND, 1, produce(-1, "a")), (4 * SECOND, 2, delete(by_name("orders")))]);
    world.run_until(2 * SECOND);
    // Nobody follows any more, so that acks=all waits.
    world.kernel.apply(Fault::Pause(2));
    world.kernel.apply(Fault::Pause(3));
    world.run_until(4_500 * MILLISECOND);
    world.kernel.apply(Fault::Resume(2));
    world.run_until(7 * SECOND);
    // UNKNOWN_TOPIC_OR_PARTITION (`ReplicaManager.getPartitionOrError`).
    assert_eq!(world.produced(0).map(|(error, _)| error), Some(3));
}

#[test]
fn a_log_that_became_a_stray_leaves_nothing_to_the_topic_that_is_called_so_now() {
    let settings = BrokerSettings {
        log_retention_check_interval_us: 20 * SECOND,
        log_flush_start_offset_checkpoint_interval_us: 2 * SECOND,
        ..BrokerSettings::default()
    };
    let broker = |id| Node::Broker(Box::new(Broker::new(BrokerSettings { id, ..settings.clone() })));
    let config = [("internal.segment.bytes", "1024"), ("retention.bytes", "1024")];
    let config = config.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let value = "x".repeat(600);
    let mut script: Vec<_> = (3..15).chain(60..69).map(|second| (second * SECOND, 1, produce(-1, &value))).collect();
    script.push((76 * SECOND, 1, delete(by_name("orders"))));
    script.push((78 * SECOND, 1, create(vec![topic("orders", 1, 3)])));
    let mut world = World::with_topic_named("orders", [1, 2, 3].map(broker), config, script);
    // Broker 3 looks for old segments at 58 and 78 seconds, its leader at 50 and 70.
    world.run_until(20 * SECOND);
    world.kernel.apply(Fault::Kill(3));
    world.run_until(28 * SECOND);
    world.kernel.apply(Fault::Restart(3));
    world.run_until(75 * SECOND);
    let log = world.broker(3).log(PARTITION).expect("it follows");
    let first = log.segments().next().expect("a segment").base_offset;
    assert!(log.log_start_offset() > first, "{} {first}", log.log_start_offset());
    let leader = world.broker(1).log(PARTITION).expect("it leads");
    assert_eq!(log.log_start_offset(), leader.log_start_offset(), "told though nobody wrote since");
    world.kernel.apply(Fault::Kill(3));
    world.run_until(90 * SECOND);
    world.notes.clear();
    world.kernel.apply(Fault::Restart(3));
    world.run_until(110 * SECOND);
    let successor = TopicPartition { topic: 1, partition: 0 };
    let log = world.broker(3).log(successor).expect("it is there again");
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.recovery_point()), (0, 0, 0));
    let cut = world.notes.iter().find(|note| matches!(note, Note::Truncated { .. } | Note::TruncatedFully { .. }));
    assert_eq!(cut, None, "it began where its leader's did");
}

#[test]
fn how_far_a_log_was_cleaned_goes_with_its_topic() {
    let config = [("cleanup.policy", "compact"), ("internal.segment.bytes", "1024")];
    let value = "x".repeat(400);
    let mut script: Vec<_> = (3..20).map(|second| (second * SECOND, 1, produce_keyed("k", &value))).collect();
    script.push((71 * SECOND, 2, delete(by_name("orders"))));
    let mut world = World::with_topic(&config, script);
    let cleaned = |world: &World| {
        let disk = world.kernel.disk(1);
        let file = disk.open("data/cleaner-offset-checkpoint").expect("the cleaner was there");
        String::from_utf8_lossy(&disk.read(file, 0, u32::MAX)).into_owned()
    };
    world.run_until(70 * SECOND);
    assert!(cleaned(&world).contains("orders 0 "), "{}", cleaned(&world));
    world.run_until(75 * SECOND);
    assert!(!cleaned(&world).contains("orders"), "{}", cleaned(&world));
}

#[test]
fn partitions_are_added_and_never_taken_away() {
    let world =
        asked(vec![partitions("orders", 3), partitions("orders", 3), partitions("orders", 2), partitions("no", 3)]);
    // INVALID_PARTITIONS twice, UNKNOWN_TOPIC_OR_PARTITION.
    let got: Vec<i16> = (0..4).flat_map(|request| errors(&world, request)).collect();
    assert_eq!(got, [0, 37, 37, 3]);
    let of = |partition| world.image().partition(TopicPartition { topic: 0, partition });
    assert!((0..3).all(|number| of(number).is_some_and(|image| image.replicas.len() == 3)));
    assert!(world.notes.iter().any(|note| matches!(note, Note::PartitionsCreated { topic: 0, from: 1, to: 3 })));
}

#[test]
fn the_preferred_replica_leads_again_when_an_admin_asks() {
    let script = vec![
        (2 * SECOND, 2, elect(0)),
        (20 * SECOND, 2, elect(0)),
        (50 * SECOND, 2, elect(0)),
        (51 * SECOND, 2, elect(7)),
    ];
    let mut world = World::new("1", script);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Kill(1));
    world.run_until(25 * SECOND);
    world.kernel.apply(Fault::Restart(1));
    world.run_until(60 * SECOND);
    // ELECTION_NOT_NEEDED, PREFERRED_LEADER_NOT_AVAILABLE, done, UNKNOWN_TOPIC_OR_PARTITION.
    let got: Vec<i16> = (0..4).flat_map(|request| errors(&world, request)).collect();
    assert_eq!(got, [84, 80, 0, 3]);
    assert_eq!(world.partition().leader, 1);
}

#[test]
fn a_broker_that_is_told_to_stop_gives_its_leadership_away_and_comes_back_when_its_session_is_over() {
    let mut world = World::new("1", vec![(2 * SECOND, 1, produce(-1, "a"))]);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Terminate(1));
    world.run_until(6 * SECOND);
    assert!(world.notes.iter().any(|note| matches!(note, Note::InControlledShutdown { broker: 1 })));
    assert_eq!((world.partition().leader, world.partition().isr.clone()), (2, vec![2, 3]));
    let is_marked = |world: &World| world.kernel.disk(1).list("data/.kafka_cleanshutdown").next().is_some();
    assert!(is_marked(&world), "it stopped cleanly");
    world.kernel.apply(Fault::Restart(1));
    let registrations =
        |world: &World| world.notes.iter().filter(|note| matches!(note, Note::Registered { broker: 1, .. })).count();
    world.run_until(10 * SECOND);
    assert_eq!(registrations(&world), 1, "DUPLICATE_BROKER_REGISTRATION while the session lasts");
    world.run_until(40 * SECOND);
    assert_eq!(registrations(&world), 2);
    assert_eq!(world.partition().isr.len(), 3, "it is in sync again");
    assert!(!world.notes.iter().any(|note| matches!(note, Note::LogRecovered { broker: 1, .. })), "nothing to recover");
}
