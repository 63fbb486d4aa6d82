//! Transactions over three brokers: produced, ended, read, through the death of coordinators and leaders.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    DescribeTransactionsRequest, EndTxnRequest, FetchRequest, InitProducerIdRequest, ListOffsetsRequest,
    ProduceRequest, TopicName, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;

use loglab::broker::{Broker, BrokerSettings, TransactionSettings};
use loglab::controller::{ControllerSettings, NewTopic};
use loglab::log::batch::{self, BatchBuilder};
use loglab::log::marker::Marker;
use loglab::sim::fault::Fault;
use loglab::sim::{MILLISECOND, SECOND, Time};
use loglab::wire::{Request, Response, TopicPartition};

use super::world::{BEGIN_MS, Node, World, orders_id};

const ID: &str = "tx";
/// The topic of transactions, which is the second one.
const STATE: TopicPartition = TopicPartition { topic: 1, partition: 0 };
const ORDERS: TopicPartition = TopicPartition { topic: 0, partition: 0 };

fn id() -> TransactionalId {
    TransactionalId(StrBytes::from_static_str(ID))
}

fn init(timeout_ms: i32) -> Request {
    let request = InitProducerIdRequest::default().with_transactional_id(Some(id()));
    let request = request.with_transaction_timeout_ms(timeout_ms);
    Request::InitProducerId(request.with_producer_id((-1).into()).with_producer_epoch(-1))
}

fn produce((producer, epoch): (i64, i16), sequence: i32, value: &str) -> Request {
    let mut batch = BatchBuilder::new().producer(producer, epoch, sequence).transactional();
    batch.record(BEGIN_MS, None, Some(value.as_bytes()));
    let data = PartitionProduceData::default().with_index(0).with_records(Some(batch.build()));
    let topic = TopicProduceData::default().with_topic_id(orders_id()).with_partition_data(vec![data]);
    let request = ProduceRequest::default().with_transactional_id(Some(id())).with_acks(-1).with_timeout_ms(5_000);
    Request::Produce(request.with_topic_data(vec![topic]))
}

fn end((producer, epoch): (i64, i16), commits: bool) -> Request {
    let request = EndTxnRequest::default().with_transactional_id(id()).with_producer_id(producer.into());
    Request::EndTxn(request.with_producer_epoch(epoch).with_committed(commits))
}

fn fetch(read_committed: bool, offset: i64) -> Request {
    let partition = FetchPartition::default().with_partition(0).with_fetch_offset(offset);
    let partition = partition.with_partition_max_bytes(1_000_000).with_current_leader_epoch(-1);
    let topic = FetchTopic::default().with_topic_id(orders_id()).with_partitions(vec![partition]);
    let request = FetchRequest::default().with_replica_id((-1).into()).with_session_epoch(-1).with_max_wait_ms(0);
    let request = request.with_min_bytes(1).with_max_bytes(1_000_000).with_isolation_level(read_committed.into());
    Request::Fetch(request.with_topics(vec![topic]))
}

fn latest(read_committed: bool) -> Request {
    let partition = ListOffsetsPartition::default().with_partition_index(0).with_timestamp(-1);
    let partition = partition.with_current_leader_epoch(-1);
    let topic = ListOffsetsTopic::default().with_name(TopicName(StrBytes::from_static_str("orders")));
    let request = ListOffsetsRequest::default().with_replica_id((-1).into());
    let request = request.with_isolation_level(read_committed.into());
    Request::ListOffsets(request.with_topics(vec![topic.with_partitions(vec![partition])]))
}

fn describe() -> Request {
    Request::DescribeTransactions(DescribeTransactionsRequest::default().with_transactional_ids(vec![id()]))
}

/// Three brokers; the script is for the broker that leads both topics, which is the first.
fn world(settings: &TransactionSettings, script: Vec<(Time, u32, Request)>) -> World {
    let broker = |id| {
        let settings = BrokerSettings { id, transactions: *settings, ..BrokerSettings::default() };
        Node::Broker(Box::new(Broker::new(settings)))
    };
    let topic = |name: &str, min_isr: &str| NewTopic {
        name: name.to_owned(),
        partitions: 1,
        replication_factor: 3,
        config: BTreeMap::from([("min.insync.replicas".to_owned(), min_isr.to_owned())]),
        config_records: 1,
        at_us: 0,
        delete_at_us: None,
    };
    let topics = vec![topic("orders", "1"), topic("__transaction_state", "2")];
    let controller = ControllerSettings { topics, ..ControllerSettings::default() };
    World::with_topics(controller, [1, 2, 3].map(broker), script)
}

/// The broker that coordinates the transactions of these worlds.
fn coordinator() -> u32 {
    static COORDINATOR: OnceLock<u32> = OnceLock::new();
    *COORDINATOR.get_or_init(|| {
        let mut world = world(&TransactionSettings::default(), Vec::new());
        world.run_until(4 * SECOND);
        world.image().partition(STATE).expect("a topic").leader as u32
    })
}

fn initialised(world: &World, request: i32) -> (i16, i64, i16) {
    let Some(Response::InitProducerId(it)) = world.answer(request) else { panic!("request {request} has no answer") };
    (it.error_code, it.producer_id.0, it.producer_epoch)
}

fn ended(world: &World, request: i32) -> (i16, i64, i16) {
    let Some(Response::EndTxn(it)) = world.answer(request) else { panic!("request {request} has no answer") };
    (it.error_code, it.producer_id.0, it.producer_epoch)
}

/// Last stable offset, aborted transactions and offsets of what was fetched.
fn fetched(world: &World, request: i32) -> (i64, Vec<(i64, i64)>, Vec<i64>) {
    let Some(Response::Fetch(it)) = world.answer(request) else { panic!("request {request} has no answer") };
    let data = &it.responses[0].partitions[0];
    let aborted = data.aborted_transactions.iter().flatten().map(|it| (it.producer_id.0, it.first_offset));
    let records = data.records.clone().unwrap_or_default();
    let offsets = batch::batches(&records).map(|(header, _)| header.base_offset).collect();
    (data.last_stable_offset, aborted.collect(), offsets)
}

fn offset(world: &World, request: i32) -> i64 {
    let Some(Response::ListOffsets(it)) = world.answer(request) else { panic!("request {request} has no answer") };
    it.topics[0].partitions[0].offset
}

/// What each batch of a broker's log of orders is: the producer's epoch, and of a marker whether it aborts.
fn batches(world: &World, broker: u32) -> Vec<(i16, Option<bool>)> {
    let log = world.broker(broker).log(ORDERS).expect("a replica").clone();
    let disk = world.kernel.disk(broker);
    let data = log.read(disk, 0, 1_000_000, log.log_end_offset(), true).expect("it can be read");
    let all = batch::batches(&data.bytes);
    all.map(|(header, bytes)| (header.producer_epoch, Marker::read(&header, bytes).map(|it| it.aborts))).collect()
}

const PRODUCER: (i64, i16) = (0, 0);

#[test]
fn readers_of_committed_records_see_a_transaction_once_it_is_committed() {
    let script = vec![
        (4 * SECOND, coordinator(), init(60_000)),
        (5 * SECOND, 1, produce(PRODUCER, 0, "a")),
        (6 * SECOND, 1, fetch(true, 0)),
        (6 * SECOND, 1, fetch(false, 0)),
        (6 * SECOND, 1, latest(true)),
        (6 * SECOND, 1, latest(false)),
        (7 * SECOND, coordinator(), end(PRODUCER, true)),
        (8 * SECOND, 1, fetch(true, 0)),
        (8 * SECOND, 1, latest(true)),
        (8 * SECOND, coordinator(), describe()),
    ];
    let mut world = world(&TransactionSettings::default(), script);
    world.run_until(9 * SECOND);
    assert_eq!(initialised(&world, 0), (0, 0, 0));
    assert_eq!(world.produced(1), Some((0, 0)));
    assert_eq!(fetched(&world, 2), (0, vec![], vec![]));
    assert_eq!(fetched(&world, 3), (0, vec![], vec![0]));
    assert_eq!((offset(&world, 4), offset(&world, 5)), (0, 1));
    assert_eq!(ended(&world, 6), (0, 0, 1));
    assert_eq!(fetched(&world, 7), (2, vec![], vec![0, 1]));
    assert_eq!(offset(&world, 8), 2);
    let Some(Response::DescribeTransactions(told)) = world.answer(9) else { panic!("no answer") };
    assert_eq!(&*told.transaction_states[0].transaction_state, "CompleteCommit");
    assert_eq!(batches(&world, 3), [(0, None), (1, Some(false))]);
}

#[test]
fn readers_of_committed_records_are_told_what_was_aborted() {
    let script = vec![
        (4 * SECOND, coordinator(), init(60_000)),
        (5 * SECOND, 1, produce(PRODUCER, 0, "a")),
        (6 * SECOND, coordinator(), end(PRODUCER, false)),
        (7 * SECOND, 1, produce((0, 1), 0, "b")),
        (8 * SECOND, coordinator(), end((0, 1), true)),
        (9 * SECOND, 1, fetch(true, 0)),
        (9 * SECOND, 1, fetch(true, 2)),
    ];
    let mut world = world(&TransactionSettings::default(), script);
    world.run_until(10 * SECOND);
    assert_eq!((ended(&world, 2), ended(&world, 4)), ((0, 0, 1), (0, 0, 2)));
    assert_eq!(fetched(&world, 5), (4, vec![(0, 0)], vec![0, 1, 2, 3]));
    assert_eq!(fetched(&world, 6), (4, vec![], vec![2, 3]));
}

/// KIP-890: at once after the end of a transaction its partition is asked for the next one, and the coordinator is asked again
/// until the markers are written.
#[test]
fn the_first_batch_of_the_next_transaction_waits_for_the_end_of_the_one_before() {
    let script = vec![
        (4 * SECOND, coordinator(), init(60_000)),
        (5 * SECOND, 1, produce(PRODUCER, 0, "a")),
        (6 * SECOND, coordinator(), end(PRODUCER, true)),
        (6 * SECOND + 500, 1, produce((0, 1), 0, "b")),
    ];
    let mut world = world(&TransactionSettings::default(), script);
    world.run_until(7 * SECOND);
    assert_eq!((ended(&world, 2), world.produced(3)), ((0, 0, 1), Some((0, 2))));
}

#[test]
fn a_transaction_that_is_open_for_too_long_is_aborted_and_its_producer_fenced() {
    let settings = TransactionSettings { abort_interval_us: 500 * MILLISECOND, ..TransactionSettings::default() };
    let script = vec![
        (4 * SECOND, coordinator(), init(1_500)),
        (5 * SECOND, 1, produce(PRODUCER, 0, "a")),
        (9 * SECOND, 1, produce(PRODUCER, 1, "late")),
        (10 * SECOND, coordinator(), end(PRODUCER, false)),
        (11 * SECOND, 1, produce((0, 1), 0, "b")),
    ];
    let mut world = world(&settings, script);
    world.run_until(12 * SECOND);
    assert_eq!(world.produced(2), Some((47, -1)), "INVALID_PRODUCER_EPOCH");
    assert_eq!(ended(&world, 3), (0, 0, 1), "its abort finds it done");
    assert_eq!(world.produced(4), Some((0, 2)));
    assert_eq!(batches(&world, 2), [(0, None), (1, Some(true)), (1, None)]);
}

/// The coordinator dies around the decision. Either nobody has heard of it, and the producer may decide again; or whoever leads next
/// sends the markers.
#[test]
fn a_decision_outlives_the_coordinator() {
    let dies = coordinator();
    let others: Vec<u32> = (1..=3).filter(|broker| *broker != dies).collect();
    let script = vec![
        (4 * SECOND, dies, init(60_000)),
        (5 * SECOND, 1, produce(PRODUCER, 0, "a")),
        (6 * SECOND, dies, end(PRODUCER, true)),
        (30 * SECOND, others[0], end(PRODUCER, true)),
        (30 * SECOND, others[1], end(PRODUCER, true)),
        (31 * SECOND, others[0], fetch(true, 0)),
        (31 * SECOND, others[1], fetch(true, 0)),
    ];
    let mut told = 0;
    for delay in [800, 1_200, 2_000, 3_000, 5_000] {
        let mut world = world(&TransactionSettings::default(), script.clone());
        world.run_until(6 * SECOND + delay);
        world.kernel.apply(Fault::Kill(dies));
        world.run_until(32 * SECOND);
        let what = format!("killed {delay} us after the request");
        let is_right = |request: &i32| ended(&world, *request) == (0, 0, 1);
        assert!([3, 4].iter().any(is_right), "{what}: {:?}, {:?}", ended(&world, 3), ended(&world, 4));
        let written = batches(&world, others[0]);
        // A marker that nobody knows to be written is written again.
        assert_eq!(written[..2], [(0, None), (1, Some(false))], "{what}");
        assert!(written[2..].iter().all(|again| *again == (1, Some(false))), "{what}: {written:?}");
        let is_stable = |request: &i32| fetched(&world, *request).0 == written.len() as i64;
        assert!([5, 6].iter().any(is_stable), "{what}: nothing is open any more");
        told += u32::from(world.answer(2).is_some());
    }
    assert!((1..5).contains(&told), "some were told, and some were not: {told}");
}
