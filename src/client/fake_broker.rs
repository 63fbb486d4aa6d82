//! A scripted broker for the clients' tests: one log in memory, and for each batch what it does with it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnResponse, AddPartitionsToTxnResponse, EndTxnResponse, FindCoordinatorResponse,
    InitProducerIdRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, ProduceRequest, ProduceResponse,
};
use uuid::Uuid;

use super::fake_group::FakeGroup;
use super::network::NetworkSettings;
use super::{
    Admin, AdminEvent, AdminSettings, Ask, BatchOutcome, Consumer, ConsumerEvent, ConsumerSettings, GroupOffsets,
    Producer, ProducerEvent, ProducerRecord, ProducerSettings, SendHandle, Slot,
};
use crate::log::batch::{self, BatchBuilder, BatchHeader};
use crate::note::{Note, SendError, TransactionCall, TransactionError};
use crate::sim::Time;
use crate::sim::fault::Fault;
use crate::sim::kernel::Kernel;
use crate::sim::network::LinkSettings;
use crate::sim::process::{Context, Input, Process};
use crate::wire::{
    Api, Body, BrokerImage, ClusterImage, FetchByNameRequest, FetchByNameResponse, Listener, Message, PartitionImage,
    Request, Response, TopicImage, Topics, api_versions, incarnation_id,
};

/// An error that stands for no answer at all.
pub(super) const NO_ANSWER: i16 = -2;

/// What a program with transactions does at a tick, if its thread is not in a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Begin,
    Send,
    /// This is the next offset of its group.
    Offsets(i64),
    Commit,
    Abort,
}

/// What a broker does with one batch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reaction {
    /// Stores it and answers.
    Store,
    /// Answers with this error, without storing it.
    Refuse(i16),
    /// Stores it and never answers.
    StoreSilently,
    /// Stores it and answers with this error.
    StoreAndFail(i16),
}

/// What a test does to a broker while the world runs.
pub(super) type Change = fn(&mut FakeBroker);

/// A broker that leads partition 0 of topic 0; in its log is what is sent to others, too.
#[derive(Clone, Debug, Default)]
pub(super) struct FakeBroker {
    pub(super) image: Arc<ClusterImage>,
    /// Used up one for each batch; then [`Reaction::Store`].
    pub(super) script: VecDeque<Reaction>,
    /// The leader and its epoch that it names where it refuses.
    pub(super) names_leader: Option<(i32, i32)>,
    /// Where its log starts, as it says where it refuses.
    pub(super) names_start: Option<i64>,
    pub(super) log: Vec<Bytes>,
    /// Producer epoch, base sequence and number of records of each batch that arrived.
    pub(super) produced: Vec<(i16, i32, i32)>,
    /// Session id, session epoch and named partitions of each Fetch that arrived.
    pub(super) fetched: Vec<(i32, i32, usize)>,
    /// How often it was fetched from by name.
    pub(super) fetched_by_name: u32,
    /// Used up one for each Fetch: the error of the whole answer, 0 for none.
    pub(super) session_answers: VecDeque<i16>,
    /// It keeps no fetch sessions.
    pub(super) has_no_slot: bool,
    /// Used up one for each Fetch: the error of its partition.
    pub(super) fetch_errors: VecDeque<i16>,
    /// What OffsetForLeaderEpoch answers.
    pub(super) end_of_epoch: Option<i64>,
    pub(super) asked_ends: u32,
    pub(super) connections: u32,
    /// What happens to the broker at a time.
    pub(super) changes: Vec<(Time, Change)>,
    /// Producer ids that were given.
    pub(super) producer_ids: i64,
    /// Of the last producer of each partition: id, epoch and the sequence number that comes next.
    pub(super) expected: BTreeMap<(Uuid, i32), (i64, i16, i32)>,
    /// Where the session stands.
    pub(super) fetch_offset: i64,
    /// It does not even say what it speaks.
    pub(super) is_mute: bool,
    /// Used up one for each request of an admin client.
    pub(super) admin_answers: VecDeque<Response>,
    /// It knows that broker 1 coordinates all transactions and groups. Used up one for each other request of transactions: the
    /// error, 0 for none.
    pub(super) coordinates: bool,
    pub(super) transaction_errors: VecDeque<i16>,
    /// What of transactions was asked for, in words.
    pub(super) transacted: Vec<String>,
    /// The group that it coordinates.
    pub(super) group: FakeGroup,
    /// The APIs that were asked for, in their order, with the connection.
    pub(super) asked: Vec<(u64, Api)>,
    /// What those called themselves who asked.
    pub(super) callers: BTreeSet<String>,
}

impl FakeBroker {
    pub(super) fn end(&self) -> i64 {
        self.log.last().and_then(|batch| BatchHeader::parse(batch).ok()).map_or(0, |header| header.next_offset())
    }

    /// The id of the topic that it leads.
    fn topic_id(&self) -> Uuid {
        self.image.topics.named("orders").map_or(ORDERS_ID, |number| self.image.topics.id_of(number))
    }

    /// Puts a record into the log.
    pub(super) fn write(&mut self, leader_epoch: i32, value: &str) {
        let mut builder = BatchBuilder::new().at(self.end(), leader_epoch);
        builder.record(0, None, Some(value.as_bytes()));
        self.log.push(builder.build());
    }

    pub(super) fn values(&self) -> Vec<String> {
        let bodies = self.log.iter().map(|bytes| batch::Body::of(bytes).expect("a batch"));
        let text = |record: batch::Record<'_>| String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
        bodies.flat_map(|body| body.records().into_iter().flatten().flatten().map(text).collect::<Vec<_>>()).collect()
    }

    fn answer(&mut self, version: i16, request: &Request) -> Option<Response> {
        let topic = self.topic_id();
        if let Some(response) = self.group.answer(request, topic) {
            return Some(response);
        }
        Some(match request {
            Request::Metadata(_) => Response::Metadata(Arc::clone(&self.image)),
            Request::FindCoordinator(_)
            | Request::InitProducerId(InitProducerIdRequest { transactional_id: Some(_), .. })
            | Request::AddPartitionsToTxn(_)
            | Request::AddOffsetsToTxn(_)
            | Request::TxnOffsetCommit(_)
            | Request::EndTxn(_)
                if self.coordinates =>
            {
                return self.coordinate(request);
            }
            Request::InitProducerId(_) => {
                self.producer_ids += 1;
                let id = 39 + self.producer_ids;
                Response::InitProducerId(InitProducerIdResponse::default().with_producer_id(id.into()))
            }
            Request::Produce(request) => Response::Produce(self.produce(request)?),
            Request::Fetch(request) => Response::Fetch(self.fetch(request)),
            Request::FetchByName(request) => Response::FetchByName(self.fetch_by_name(request)),
            Request::ListOffsets(request) => Response::ListOffsets(self.list_offsets(request)),
            Request::OffsetForLeaderEpoch(request) => Response::OffsetForLeaderEpoch(self.end_of_epoch(request)),
            Request::ApiVersions(_) if self.is_mute => return None,
            Request::ApiVersions(it) => Response::ApiVersions(api_versions(Listener::Broker, it, version, 0)),
            Request::CreateTopics(_)
            | Request::DeleteTopics(_)
            | Request::ElectLeaders(_)
            | Request::DescribeTransactions(_)
            | Request::DeleteRecords(_)
            | Request::FindCoordinator(_) => self.admin_answers.pop_front()?,
            other => panic!("a scripted broker knows no {:?}", other.api()),
        })
    }

    /// Whatever it is asked it does, unless the script has an error for it.
    fn coordinate(&mut self, request: &Request) -> Option<Response> {
        if let Request::FindCoordinator(_) = request {
            let found = Coordinator::default().with_node_id(1.into());
            let response = FindCoordinatorResponse::default().with_coordinators(vec![found]);
            return Some(Response::FindCoordinator(response));
        }
        let error = self.transaction_errors.pop_front().unwrap_or(0);
        let (text, response) = match request {
            Request::InitProducerId(it) => {
                let response = InitProducerIdResponse::default().with_producer_id(40.into()).with_error_code(error);
                let response = response.with_producer_epoch(it.producer_epoch + 1);
                (format!("init {}", it.transaction_timeout_ms), Response::InitProducerId(response))
            }
            Request::AddPartitionsToTxn(it) => {
                let topics = &it.v3_and_below_topics;
                let named = topics
                    .iter()
                    .flat_map(|topic| topic.partitions.iter().map(|it| format!("{}-{it}", &*topic.name.0)));
                let text = format!("add {} {}", named.collect::<Vec<_>>().join(" "), it.v3_and_below_producer_epoch);
                let answer = |index: &i32| {
                    AddPartitionsToTxnPartitionResult::default()
                        .with_partition_index(*index)
                        .with_partition_error_code(error)
                };
                let results = topics.iter().map(|topic| {
                    AddPartitionsToTxnTopicResult::default()
                        .with_name(topic.name.clone())
                        .with_results_by_partition(topic.partitions.iter().map(answer).collect())
                });
                let response = AddPartitionsToTxnResponse::default();
                let response = response.with_results_by_topic_v3_and_below(results.collect());
                (text, Response::AddPartitionsToTxn(response))
            }
            Request::AddOffsetsToTxn(it) => {
                let response = AddOffsetsToTxnResponse::default().with_error_code(error);
                (format!("add group {} {}", *it.group_id, it.producer_epoch), Response::AddOffsetsToTxn(response))
            }
            Request::EndTxn(it) => {
                let response = EndTxnResponse::default().with_error_code(error).with_producer_id(it.producer_id);
                let response = response.with_producer_epoch(it.producer_epoch + 1);
                let word = if it.committed { "commit" } else { "abort" };
                (format!("{word} {}", it.producer_epoch), Response::EndTxn(response))
            }
            Request::TxnOffsetCommit(it) => {
                let named = it.topics.iter().flat_map(|topic| &topic.partitions);
                let offsets: Vec<i64> = named.map(|partition| partition.committed_offset).collect();
                let answer = TxnOffsetCommitResponsePartition::default().with_error_code(error);
                let topics = it.topics.iter().map(|topic| {
                    TxnOffsetCommitResponseTopic::default()
                        .with_name(topic.name.clone())
                        .with_partitions(vec![answer.clone()])
                });
                let response = TxnOffsetCommitResponse::default().with_topics(topics.collect());
                (format!("offsets {offsets:?} of {}", *it.group_id), Response::TxnOffsetCommit(response))
            }
            other => panic!("nobody coordinates {:?}", other.api()),
        };
        self.transacted.push(text);
        (error != NO_ANSWER).then_some(response)
    }

    /// One answer for each topic as it stands in the request, as a broker's is. `None` where a batch is answered never.
    fn produce(&mut self, request: &ProduceRequest) -> Option<ProduceResponse> {
        let mut responses = Vec::new();
        for topic in &request.topic_data {
            let stored = topic.partition_data.iter().map(|data| self.store(topic.topic_id, data));
            let partitions = stored.collect::<Option<Vec<_>>>()?;
            let response = TopicProduceResponse::default().with_topic_id(topic.topic_id).with_name(topic.name.clone());
            responses.push(response.with_partition_responses(partitions));
        }
        Some(ProduceResponse::default().with_responses(responses))
    }

    fn store(&mut self, topic: Uuid, data: &PartitionProduceData) -> Option<PartitionProduceResponse> {
        let records = data.records.as_ref()?;
        let header = batch::validate(records).expect("a valid batch");
        self.produced.push((header.producer_epoch, header.base_sequence, header.record_count));
        let expected = self.expected.get(&(topic, data.index)).copied();
        let reaction = match self.script.pop_front().unwrap_or(Reaction::Store) {
            Reaction::Store => in_sequence(&header, expected),
            scripted => scripted,
        };
        let base = self.end();
        if !matches!(reaction, Reaction::Refuse(_)) {
            self.log.push(batch::with_offset_and_epoch(records, base, 0));
            let next = header.base_sequence + header.record_count;
            self.expected.insert((topic, data.index), (header.producer_id, header.producer_epoch, next));
        }
        let error = match reaction {
            Reaction::Store => 0,
            Reaction::Refuse(error) | Reaction::StoreAndFail(error) => error,
            Reaction::StoreSilently => return None,
        };
        let offset = if error == 0 { base } else { -1 };
        let mut response = PartitionProduceResponse::default().with_index(data.index);
        if let Some((leader, epoch)) = self.names_leader.filter(|_| error != 0) {
            response.current_leader =
                LeaderIdAndEpoch::default().with_leader_id(leader.into()).with_leader_epoch(epoch);
        }
        if let Some(start) = self.names_start.filter(|_| error != 0) {
            response.log_start_offset = start;
        }
        Some(response.with_error_code(error).with_base_offset(offset))
    }

    /// A session keeps what it was told of its partition.
    fn fetch(&mut self, request: &FetchRequest) -> FetchResponse {
        let named: Vec<_> = request.topics.iter().flat_map(|topic| &topic.partitions).collect();
        self.fetched.push((request.session_id, request.session_epoch, named.len()));
        match self.session_answers.pop_front() {
            Some(0) | None => {}
            Some(error) => return FetchResponse::default().with_error_code(error),
        }
        let mut data = PartitionData::default().with_high_watermark(self.end());
        let response = FetchResponse::default().with_session_id(if self.has_no_slot { 0 } else { 9 });
        self.fetch_offset = named.first().map_or(self.fetch_offset, |wanted| wanted.fetch_offset);
        let offset = self.fetch_offset;
        match self.fetch_errors.pop_front() {
            Some(error) => data.error_code = error,
            None if self.image.topics.named("orders").is_none() => data.error_code = 100,
            None if offset > self.end() => data.error_code = 1,
            None if offset < self.end() => {
                let behind =
                    |bytes: &&Bytes| BatchHeader::parse(bytes).is_ok_and(|header| header.next_offset() > offset);
                data.records = Some(self.log.iter().filter(behind).flat_map(|bytes| bytes.to_vec()).collect());
            }
            None => return response,
        }
        let topic = FetchableTopicResponse::default().with_topic_id(self.topic_id()).with_partitions(vec![data]);
        response.with_responses(vec![topic])
    }

    /// Of a topic that it does not know it says so.
    fn fetch_by_name(&mut self, request: &FetchByNameRequest) -> FetchByNameResponse {
        self.fetched_by_name += 1;
        let topic = FetchableTopicResponse::default().with_topic(request.0.topics[0].topic.clone());
        if self.image.topics.named("orders").is_none() {
            let data = PartitionData::default().with_error_code(3);
            return FetchByNameResponse(
                FetchResponse::default().with_responses(vec![topic.with_partitions(vec![data])]),
            );
        }
        let answer =
            self.fetch(&request.0).responses.into_iter().map(|known| topic.clone().with_partitions(known.partitions));
        FetchByNameResponse(FetchResponse::default().with_responses(answer.collect()))
    }

    fn list_offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let topics = request.topics.iter().map(|topic| {
            let answer = |asked: &kafka_protocol::messages::list_offsets_request::ListOffsetsPartition| {
                ListOffsetsPartitionResponse::default()
                    .with_partition_index(asked.partition_index)
                    .with_offset(if asked.timestamp == -2 { 0 } else { self.end() })
                    .with_leader_epoch(0)
            };
            ListOffsetsTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(topic.partitions.iter().map(answer).collect())
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }

    fn end_of_epoch(&mut self, request: &OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
        self.asked_ends += 1;
        let end = self.end_of_epoch.unwrap_or_else(|| self.end());
        let topics = request.topics.iter().map(|topic| {
            OffsetForLeaderTopicResult::default()
                .with_topic(topic.topic.clone())
                .with_partitions(vec![EpochEndOffset::default().with_leader_epoch(0).with_end_offset(end)])
        });
        OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
    }
}

/// A batch is stored if it is the next of its producer, as the sequence rules of Kafka have it.
fn in_sequence(header: &BatchHeader, expected: Option<(i64, i16, i32)>) -> Reaction {
    let (epoch, sequence) = (header.producer_epoch, header.base_sequence);
    match expected.filter(|(id, ..)| sequence >= 0 && *id == header.producer_id) {
        Some((_, known, next)) if epoch == known && sequence < next => Reaction::Refuse(46),
        Some((_, known, next)) if sequence != if epoch == known { next } else { 0 } => Reaction::Refuse(45),
        _ => Reaction::Store,
    }
}

/// A program that sends `p-0`, `p-1` and so on.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    pub(super) producer: Producer,
    settings: ProducerSettings,
    pub(super) load: Load,
    /// When `send()` returned for a record, and where it goes.
    pub(super) appended: Vec<(Time, u64)>,
    /// The partitions of the records that were appended, in their order.
    pub(super) went_to: Vec<i32>,
    /// Records whose `send()` failed.
    pub(super) failed: Vec<(Time, u64, SendError)>,
    /// What became of the others, in the order in which it was told.
    pub(super) outcomes: Vec<(u64, Outcome)>,
    /// How its calls of transactions have returned.
    pub(super) returned: Vec<(TransactionCall, Result<(), TransactionError>)>,
    done: usize,
}

/// What a program of a test sends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) period_us: Time,
    pub(super) value_size: usize,
    pub(super) keys: Option<u64>,
    /// The topics that it sends to, in turns.
    pub(super) topics: &'static [&'static str],
    /// What it does with a `transactional.id`, tick by tick.
    pub(super) plan: &'static [Step],
}

impl Default for Load {
    fn default() -> Self {
        Self { period_us: 100_000, value_size: 0, keys: None, topics: &["orders"], plan: &[] }
    }
}

/// What a record was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Acknowledged(i64),
    Refused(SendError),
    Unknown(SendError),
}

const TICK: u64 = 1;
/// How long a program rests whose `poll()` has thrown.
const LONG_PAUSE: Time = 100_000;

impl Sending {
    fn new(settings: ProducerSettings, load: Load) -> Self {
        let producer = Producer::new(Arc::new(settings.clone()), Slot::new(1));
        Self {
            producer,
            settings,
            load,
            appended: Vec::new(),
            went_to: Vec::new(),
            failed: Vec::new(),
            outcomes: Vec::new(),
            returned: Vec::new(),
            done: 0,
        }
    }

    fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        match self.producer.handle(input, context) {
            Some(Input::Boot { .. }) => {
                self.producer.start(context);
                if self.settings.transactional_id.is_some() {
                    self.producer.init_transactions(context);
                }
                context.set_timer(TICK, context.now() + self.load.period_us);
            }
            Some(Input::Timer(TICK)) => {
                context.set_timer(TICK, context.now() + self.load.period_us);
                if self.settings.transactional_id.is_some() {
                    self.next_step(context);
                } else if !self.producer.is_blocked() {
                    self.send(context);
                }
            }
            None | Some(_) => {}
        }
        self.take_events(context);
    }

    fn send(&mut self, context: &mut Context<'_, Message, Note>) {
        let number = self.producer.records_handed_over();
        let value = format!("{:width$}", format!("p-{number}"), width = self.load.value_size);
        let key = self.load.keys.map(|keys| format!("k{}", number % keys));
        let record = ProducerRecord {
            topic: self.load.topics[number as usize % self.load.topics.len()],
            partition: None,
            timestamp: None,
            key: key.as_ref().map(String::as_bytes),
            value: Some(value.as_bytes()),
            headers: &[],
        };
        self.producer.send(&record, context);
    }

    fn next_step(&mut self, context: &mut Context<'_, Message, Note>) {
        if self.producer.in_call().is_some() || self.producer.is_blocked() || self.returned.is_empty() {
            return;
        }
        let Some(step) = self.load.plan.get(self.done) else { return };
        self.done += 1;
        match step {
            Step::Begin => self.producer.begin_transaction().expect("all is well"),
            Step::Send => self.send(context),
            Step::Offsets(offset) => {
                let offsets = vec![("orders".to_owned(), 0, *offset)];
                let (group_id, member_id) = ("shipping".to_owned(), String::new());
                let said = GroupOffsets { group_id, generation: -1, member_id, group_instance_id: None, offsets };
                self.producer.send_offsets_to_transaction(said, context);
            }
            Step::Commit => self.producer.commit_transaction(context),
            Step::Abort => self.producer.abort_transaction(context),
        }
    }

    fn take_events(&mut self, context: &Context<'_, Message, Note>) {
        while let Some(event) = self.producer.next_event() {
            match event {
                ProducerEvent::Appended { record, partition } => {
                    self.appended.push((context.now(), record.0));
                    self.went_to.push(partition.partition);
                }
                ProducerEvent::Retried { .. } | ProducerEvent::EpochBumped { .. } => {}
                ProducerEvent::Returned { call, result } => self.returned.push((call, result)),
                ProducerEvent::Failed { record, error } => self.failed.push((context.now(), record.0, error)),
                ProducerEvent::Completed { records, outcome, .. } => {
                    for (place, SendHandle(number)) in (0..).zip(records) {
                        let outcome = match outcome {
                            BatchOutcome::Unanswered | BatchOutcome::Acknowledged { base_offset: -1 } => {
                                Outcome::Acknowledged(-1)
                            }
                            BatchOutcome::Acknowledged { base_offset } => Outcome::Acknowledged(base_offset + place),
                            BatchOutcome::Refused(error) => Outcome::Refused(error),
                            BatchOutcome::Unknown(error) => Outcome::Unknown(error),
                        };
                        self.outcomes.push((number, outcome));
                    }
                }
            }
        }
    }
}

/// A program that reads topic `orders`.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) consumer: Consumer,
    work_us: Time,
    /// Offsets and values, in the order in which they were given.
    pub(super) reads: Vec<(i64, String)>,
    /// Offsets that the position was moved to.
    pub(super) resets: Vec<i64>,
    /// How many records each poll returned, and when.
    pub(super) polls: Vec<(Time, u32)>,
    /// What it was told of its group, in words.
    pub(super) told: Vec<String>,
}

impl Reading {
    fn new(settings: ConsumerSettings, work_us: Time) -> Self {
        let mut consumer = Consumer::new(Arc::new(settings), Slot::new(1));
        consumer.assign_topics(["orders"]);
        Self { consumer, work_us, reads: Vec::new(), resets: Vec::new(), polls: Vec::new(), told: Vec::new() }
    }

    fn hear(&mut self, what: &str, number: impl std::fmt::Display) {
        self.told.push(format!("{what} {number}"));
    }

    fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        if let Some(Input::Boot { .. } | Input::Timer(TICK)) = self.consumer.handle(input, context) {
            self.consumer.poll(context);
        }
        while let Some(event) = self.consumer.next_event() {
            match event {
                ConsumerEvent::Records(records) => {
                    let told = Cell::new(0);
                    records.for_each(|record| {
                        told.set(told.get() + 1);
                        let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
                        self.reads.push((record.offset, value));
                    });
                    assert_eq!(told.get(), records.len());
                    self.polls.push((context.now(), records.len()));
                    if self.consumer.group().is_some() {
                        self.consumer.commit_sync(context);
                    } else {
                        context.set_timer(TICK, context.now() + self.work_us);
                    }
                }
                ConsumerEvent::Reset { offset, .. } => self.resets.push(offset),
                ConsumerEvent::OutOfRange { .. } => {}
                ConsumerEvent::Thrown(error) => {
                    self.hear("thrown", format!("{error:?}"));
                    context.set_timer(TICK, context.now() + self.work_us.max(LONG_PAUSE));
                }
                ConsumerEvent::Assigned { partitions, .. } => self.hear("assigned", partitions.len()),
                ConsumerEvent::Revoked { partitions } => self.hear("revoked", partitions.len()),
                ConsumerEvent::Lost { partitions } => self.hear("lost", partitions.len()),
                ConsumerEvent::Committed { error, .. } => {
                    self.hear("committed", error);
                    context.set_timer(TICK, context.now() + self.work_us);
                }
                ConsumerEvent::Failed { error } => self.hear("failed", error),
                ConsumerEvent::PollExpired { interval_ms } => self.hear("expired", interval_ms),
                ConsumerEvent::Offsets(_) | ConsumerEvent::OffsetsOfGroup(_) | ConsumerEvent::Closed => {
                    panic!("nobody asks for {event:?}")
                }
            }
        }
    }
}

/// A program that makes its calls of an admin client one after another.
#[derive(Clone, Debug)]
pub(super) struct Administering {
    admin: Admin,
    calls: VecDeque<Ask>,
    events: Vec<AdminEvent>,
}

impl Administering {
    fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        self.admin.handle(input, context);
        self.events.extend(std::iter::from_fn(|| self.admin.next_event()));
        while self.admin.open_calls() == 0
            && let Some(call) = self.calls.pop_front()
        {
            self.admin.call(call, context);
            self.events.extend(std::iter::from_fn(|| self.admin.next_event()));
        }
    }
}

/// The processes of the clients' tests.
#[derive(Clone, Debug)]
pub(super) enum Actor {
    /// Where the controller is in a whole cluster.
    Nobody,
    Broker(Box<FakeBroker>),
    Producer(Box<Sending>),
    Consumer(Box<Reading>),
    Admin(Box<Administering>),
}

impl Process for Actor {
    type Message = Message;
    type Note = Note;

    fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        match self {
            Self::Nobody => {}
            Self::Producer(program) => program.handle(input, context),
            Self::Consumer(program) => program.handle(input, context),
            Self::Admin(program) => program.handle(input, context),
            Self::Broker(broker) => match input {
                Input::Boot { .. } => {
                    for (number, (at, _)) in (0..).zip(&broker.changes) {
                        context.set_timer(number, *at);
                    }
                }
                Input::Timer(number) => (broker.changes[number as usize].1)(broker),
                Input::Connected { .. } => broker.connections += 1,
                Input::Received { connection, message, .. } => {
                    let Body::Request(request) = &message.body else { panic!("a broker asks nothing here") };
                    broker.asked.push((connection.0, request.api()));
                    broker.callers.insert(message.client_id.as_deref().unwrap_or("nobody").to_owned());
                    if let Some(response) = broker.answer(message.version, request) {
                        let correlation_id = message.correlation_id;
                        context.send(connection, Message::new(correlation_id, Body::Response(response)));
                    }
                }
                Input::Disconnected { .. }
                | Input::Written { .. }
                | Input::Terminate
                | Input::Told(_)
                | Input::Datagram { .. } => {}
            },
        }
    }

    fn reborn(&self) -> Self {
        match self {
            Self::Producer(program) => Self::Producer(Box::new(Sending::new(program.settings.clone(), program.load))),
            other => other.clone(),
        }
    }
}

/// The id of topic 0.
pub(super) const ORDERS_ID: Uuid = Uuid::from_u128(0x6f72_6465_7273);
/// The id of topic 1.
const NEW_ORDERS_ID: Uuid = Uuid::from_u128(0x6e65_776f_7264);

/// Topic 0 with one partition, led by this broker of two.
pub(super) fn image(offset: i64, leader: i32, leader_epoch: i32) -> Arc<ClusterImage> {
    let topics = [orders(ORDERS_ID, leader, leader_epoch)].into_iter().collect();
    Arc::new(ClusterImage { offset, ..cluster(topics) })
}

/// The same cluster without any topic.
pub(super) fn without_topics(offset: i64) -> Arc<ClusterImage> {
    Arc::new(ClusterImage { offset, ..cluster(Topics::default()) })
}

/// Topic 0 is deleted.
pub(super) fn deleted(offset: i64) -> Arc<ClusterImage> {
    let mut topics: Topics = [orders(ORDERS_ID, 1, 0)].into_iter().collect();
    topics.remove(0);
    Arc::new(ClusterImage { offset, ..cluster(topics) })
}

/// Topic 0 is deleted, and topic 1 has its name, led by this broker.
pub(super) fn recreated(offset: i64, leader: i32) -> Arc<ClusterImage> {
    let mut topics: Topics = [orders(ORDERS_ID, leader, 0)].into_iter().collect();
    topics.remove(0);
    topics.add(orders(NEW_ORDERS_ID, leader, 0));
    Arc::new(ClusterImage { offset, ..cluster(topics) })
}

/// `orders` with two partitions, led by broker 1 and broker 2.
pub(super) fn led_by_both() -> Arc<ClusterImage> {
    let partitions = vec![partition(1, 0), partition(2, 0)];
    let topics = [TopicImage { partitions, ..orders(ORDERS_ID, 1, 0) }].into_iter().collect();
    Arc::new(ClusterImage { offset: 1, ..cluster(topics) })
}

/// `orders` with two partitions and `audit` with one, all led by broker 1.
pub(super) fn two_topics() -> Arc<ClusterImage> {
    let partitions = vec![partition(1, 0); 2];
    let audit = TopicImage { name: "audit".into(), ..orders(NEW_ORDERS_ID, 1, 0) };
    let topics = [TopicImage { partitions, ..orders(ORDERS_ID, 1, 0) }, audit].into_iter().collect();
    Arc::new(ClusterImage { offset: 1, ..cluster(topics) })
}

fn orders(id: Uuid, leader: i32, leader_epoch: i32) -> TopicImage {
    TopicImage {
        id,
        name: "orders".into(),
        partitions: vec![partition(leader, leader_epoch)],
        config: Default::default(),
    }
}

fn partition(leader: i32, leader_epoch: i32) -> PartitionImage {
    PartitionImage {
        replicas: vec![1, 2],
        isr: vec![1, 2],
        elr: Vec::new(),
        last_known_elr: Vec::new(),
        leader,
        leader_epoch,
        partition_epoch: leader_epoch,
        recovering: false,
    }
}

fn cluster(topics: Topics) -> ClusterImage {
    let broker = BrokerImage {
        incarnation: incarnation_id(1, 1),
        epoch: 1,
        fenced: false,
        in_controlled_shutdown: false,
        rack: None,
    };
    ClusterImage { offset: 0, brokers: [(1, broker.clone()), (2, broker)].into(), topics }
}

/// A client, process 3, of two such brokers.
pub(super) struct World {
    kernel: Kernel<Actor>,
}

impl World {
    pub(super) fn of_producer(settings: ProducerSettings, load: Load, brokers: [FakeBroker; 2]) -> Self {
        let network = NetworkSettings { bootstrap: 2, ..settings.network };
        Self::new(Actor::Producer(Box::new(Sending::new(ProducerSettings { network, ..settings }, load))), brokers)
    }

    pub(super) fn of_consumer(settings: ConsumerSettings, work_us: Time, brokers: [FakeBroker; 2]) -> Self {
        let network = NetworkSettings { bootstrap: 2, ..settings.network };
        Self::new(Actor::Consumer(Box::new(Reading::new(ConsumerSettings { network, ..settings }, work_us))), brokers)
    }

    /// A consumer that has been told what to read.
    pub(super) fn of_consumer_with(consumer: Consumer, settings: ConsumerSettings, brokers: [FakeBroker; 2]) -> Self {
        let network = NetworkSettings { bootstrap: 2, ..settings.network };
        let reading = Reading::new(ConsumerSettings { network, ..settings }, 100);
        Self::new(Actor::Consumer(Box::new(Reading { consumer, ..reading })), brokers)
    }

    /// A member of a group that commits behind each poll that has returned something.
    pub(super) fn of_committing_consumer(settings: ConsumerSettings, brokers: [FakeBroker; 2]) -> Self {
        Self::of_consumer(settings, 100, brokers)
    }

    pub(super) fn of_admin(settings: AdminSettings, calls: &[Ask], brokers: [FakeBroker; 2]) -> Self {
        let network = NetworkSettings { bootstrap: 2, ..settings.network };
        let admin = Admin::new(Arc::new(AdminSettings { network, ..settings }), Slot::new(1));
        Self::new(
            Actor::Admin(Box::new(Administering { admin, calls: calls.iter().cloned().collect(), events: Vec::new() })),
            brokers,
        )
    }

    fn new(client: Actor, brokers: [FakeBroker; 2]) -> Self {
        let [one, two] = brokers.map(|broker| Actor::Broker(Box::new(broker)));
        Self { kernel: Kernel::new(11, LinkSettings::default(), vec![Actor::Nobody, one, two, client]) }
    }

    pub(super) fn run_until(&mut self, time: Time) {
        while self.kernel.step_until(time).is_some() {}
    }

    pub(super) fn apply(&mut self, fault: Fault) {
        self.kernel.apply(fault);
    }

    pub(super) fn broker(&self, id: u32) -> &FakeBroker {
        match self.kernel.process(id) {
            Actor::Broker(broker) => broker,
            other => panic!("{other:?} is no broker"),
        }
    }

    /// How often a coordinator was looked for.
    pub(super) fn look_ups(&self) -> usize {
        let asked = |broker: &FakeBroker| broker.asked.iter().filter(|(_, api)| *api == Api::FindCoordinator).count();
        [1, 2].map(|broker| asked(self.broker(broker))).iter().sum()
    }

    pub(super) fn sending(&self) -> &Sending {
        match self.kernel.process(3) {
            Actor::Producer(program) => program,
            other => panic!("{other:?} is no producer"),
        }
    }

    pub(super) fn admin(&self) -> &[AdminEvent] {
        match self.kernel.process(3) {
            Actor::Admin(program) => &program.events,
            other => panic!("{other:?} is no admin client"),
        }
    }

    pub(super) fn reading(&self) -> &Reading {
        match self.kernel.process(3) {
            Actor::Consumer(program) => program,
            other => panic!("{other:?} is no consumer"),
        }
    }
}
