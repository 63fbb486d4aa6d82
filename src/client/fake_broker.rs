//! A scripted broker for the clients' tests: one partition log in memory, and for each Produce what it does with it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, ProduceRequest, ProduceResponse,
};

use super::{Consumer, ConsumerSettings, Producer, ProducerSettings};
use crate::log::batch::{self, BatchBuilder, BatchHeader};
use crate::note::Note;
use crate::sim::Time;
use crate::sim::fault::Fault;
use crate::sim::kernel::Kernel;
use crate::sim::network::LinkSettings;
use crate::sim::process::{Context, Input, Process};
use crate::wire::{
    Body, BrokerImage, ClusterImage, Message, PartitionImage, Request, Response, TopicImage, incarnation_id,
};

/// What a broker does with one Produce.
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

/// A broker that leads partition 0 of topic 0.
#[derive(Clone, Debug, Default)]
pub(super) struct FakeBroker {
    pub(super) image: Arc<ClusterImage>,
    /// Used up one for each Produce; then [`Reaction::Store`].
    pub(super) script: VecDeque<Reaction>,
    pub(super) log: Vec<Bytes>,
    /// Producer epoch, base sequence and number of records of each Produce that arrived.
    pub(super) produced: Vec<(i16, i32, i32)>,
    /// Session id, session epoch and named partitions of each Fetch that arrived.
    pub(super) fetched: Vec<(i32, i32, usize)>,
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
    /// Of the last producer: id, epoch and the sequence number that comes next.
    pub(super) expected: Option<(i64, i16, i32)>,
    /// Where the session stands.
    pub(super) fetch_offset: i64,
}

impl FakeBroker {
    pub(super) fn end(&self) -> i64 {
        self.log.last().and_then(|batch| BatchHeader::parse(batch).ok()).map_or(0, |header| header.next_offset())
    }

    /// Puts a record into the log.
    pub(super) fn write(&mut self, leader_epoch: i32, value: &str) {
        let mut builder = BatchBuilder::new().at(self.end(), leader_epoch);
        builder.record(0, None, Some(value.as_bytes()));
        self.log.push(builder.build());
    }

    pub(super) fn values(&self) -> Vec<String> {
        let records = self.log.iter().flat_map(|bytes| batch::records(bytes).into_iter().flatten().flatten());
        records.map(|record| String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned()).collect()
    }

    fn answer(&mut self, request: &Request) -> Option<Response> {
        Some(match request {
            Request::Metadata(_) => Response::Metadata(Arc::clone(&self.image)),
            Request::InitProducerId(_) => {
                self.producer_ids += 1;
                let id = 39 + self.producer_ids;
                Response::InitProducerId(InitProducerIdResponse::default().with_producer_id(id.into()))
            }
            Request::Produce(request) => Response::Produce(self.produce(request)?),
            Request::Fetch(request) => Response::Fetch(self.fetch(request)),
            Request::ListOffsets(request) => Response::ListOffsets(self.list_offsets(request)),
            Request::OffsetForLeaderEpoch(request) => Response::OffsetForLeaderEpoch(self.end_of_epoch(request)),
            _ => return None,
        })
    }

    fn produce(&mut self, request: &ProduceRequest) -> Option<ProduceResponse> {
        let records = request.topic_data.first()?.partition_data.first()?.records.as_ref()?;
        let header = batch::validate(records).expect("a valid batch");
        self.produced.push((header.producer_epoch, header.base_sequence, header.record_count));
        let reaction = match self.script.pop_front().unwrap_or(Reaction::Store) {
            Reaction::Store => self.in_sequence(&header),
            scripted => scripted,
        };
        let base = self.end();
        if !matches!(reaction, Reaction::Refuse(_)) {
            self.log.push(batch::with_offset_and_epoch(records, base, 0));
            let next = header.base_sequence + header.record_count;
            self.expected = Some((header.producer_id, header.producer_epoch, next));
        }
        let error = match reaction {
            Reaction::Store => 0,
            Reaction::Refuse(error) | Reaction::StoreAndFail(error) => error,
            Reaction::StoreSilently => return None,
        };
        let offset = if error == 0 { base } else { -1 };
        let partition = PartitionProduceResponse::default().with_error_code(error).with_base_offset(offset);
        let topic = TopicProduceResponse::default().with_topic_id(ORDERS_ID).with_partition_responses(vec![partition]);
        Some(ProduceResponse::default().with_responses(vec![topic]))
    }

    /// A batch is stored if it is the next of its producer, as the sequence rules of Kafka have it.
    fn in_sequence(&self, header: &BatchHeader) -> Reaction {
        let (epoch, sequence) = (header.producer_epoch, header.base_sequence);
        match self.expected.filter(|(id, ..)| sequence >= 0 && *id == header.producer_id) {
            Some((_, known, next)) if epoch == known && sequence < next => Reaction::Refuse(46),
            Some((_, known, next)) if sequence != if epoch == known { next } else { 0 } => Reaction::Refuse(45),
            _ => Reaction::Store,
        }
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
            None if offset < self.end() => {
                let behind =
                    |bytes: &&Bytes| BatchHeader::parse(bytes).is_ok_and(|header| header.next_offset() > offset);
                data.records = Some(self.log.iter().filter(behind).flat_map(|bytes| bytes.to_vec()).collect());
            }
            None => return response,
        }
        let topic = FetchableTopicResponse::default().with_topic_id(ORDERS_ID).with_partitions(vec![data]);
        response.with_responses(vec![topic])
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

/// The processes of the clients' tests.
#[derive(Clone, Debug)]
pub(super) enum Actor {
    /// Where the controller is in a whole cluster.
    Nobody,
    Broker(FakeBroker),
    Producer(Producer),
    Consumer(Consumer),
}

impl Process for Actor {
    type Message = Message;
    type Note = Note;

    fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        match self {
            Self::Nobody => {}
            Self::Producer(producer) => producer.handle(input, context),
            Self::Consumer(consumer) => consumer.handle(input, context),
            Self::Broker(broker) => match input {
                Input::Boot { .. } => {
                    for (number, (at, _)) in (0..).zip(&broker.changes) {
                        context.set_timer(number, *at);
                    }
                }
                Input::Timer(number) => (broker.changes[number as usize].1)(broker),
                Input::Connected { .. } => broker.connections += 1,
                Input::Received { connection, message, .. } => {
                    if let Body::Request(request) = &message.body
                        && let Some(response) = broker.answer(request)
                    {
                        let correlation_id = message.correlation_id;
                        context.send(connection, Message { correlation_id, body: Body::Response(response) });
                    }
                }
                _ => {}
            },
        }
    }

    fn reborn(&self) -> Self {
        self.clone()
    }
}

/// The id of topic 0.
pub(super) const ORDERS_ID: uuid::Uuid = uuid::Uuid::from_u128(0x6f72_6465_7273);

/// Topic 0 with one partition, led by this broker of two.
pub(super) fn image(offset: i64, leader: i32, leader_epoch: i32) -> Arc<ClusterImage> {
    let broker =
        BrokerImage { incarnation: incarnation_id(1, 1), epoch: 1, fenced: false, in_controlled_shutdown: false };
    let partition = PartitionImage {
        replicas: vec![1, 2],
        isr: vec![1, 2],
        elr: Vec::new(),
        last_known_elr: Vec::new(),
        leader,
        leader_epoch,
        partition_epoch: leader_epoch,
        recovering: false,
    };
    let topic =
        TopicImage { id: ORDERS_ID, name: "orders".into(), partitions: vec![partition], config: Default::default() };
    Arc::new(ClusterImage {
        offset,
        brokers: [(1, broker.clone()), (2, broker)].into(),
        topics: [topic].into_iter().collect(),
    })
}

/// A client, process 3, of two such brokers.
pub(super) struct World {
    kernel: Kernel<Actor>,
    pub(super) notes: Vec<Note>,
}

impl World {
    pub(super) fn of_producer(settings: ProducerSettings, brokers: [FakeBroker; 2]) -> Self {
        Self::new(Actor::Producer(Producer::new(ProducerSettings { brokers: 2, ..settings })), brokers)
    }

    pub(super) fn of_consumer(settings: ConsumerSettings, brokers: [FakeBroker; 2]) -> Self {
        let producers = [("p".to_string(), 3)].into();
        Self::new(Actor::Consumer(Consumer::new(ConsumerSettings { brokers: 2, producers, ..settings })), brokers)
    }

    fn new(client: Actor, brokers: [FakeBroker; 2]) -> Self {
        let [one, two] = brokers;
        let actors = vec![Actor::Nobody, Actor::Broker(one), Actor::Broker(two), client];
        Self { kernel: Kernel::new(11, LinkSettings::default(), actors), notes: Vec::new() }
    }

    pub(super) fn run_until(&mut self, time: Time) {
        while self.kernel.step_until(time).is_some() {
            self.notes.extend(self.kernel.drain_notes());
        }
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

    pub(super) fn producer(&self) -> &Producer {
        match self.kernel.process(3) {
            Actor::Producer(producer) => producer,
            other => panic!("{other:?} is no producer"),
        }
    }

    pub(super) fn consumer(&self) -> &Consumer {
        match self.kernel.process(3) {
            Actor::Consumer(consumer) => consumer,
            other => panic!("{other:?} is no consumer"),
        }
    }
}
