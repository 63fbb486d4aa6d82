//! Three brokers, a controller and a client that sends what a test tells it to.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{AllocateProducerIdsResponse, AlterPartitionResponse, ProduceRequest};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use loglab::broker::{Broker, BrokerSettings};
use loglab::controller::{Controller, ControllerSettings, NewTopic};
use loglab::log::batch::BatchBuilder;
use loglab::note::Note;
use loglab::sim::clock::BEGIN_US;
use loglab::sim::kernel::Kernel;
use loglab::sim::network::{ConnectionId, LinkSettings};
use loglab::sim::process::{Context, Input, Lane, Process};
use loglab::sim::queue::EventKind;
use loglab::sim::{MILLISECOND, Time};
use loglab::wire::{Body, ClusterImage, Message, PartitionImage, Request, Response, TopicPartition};

use super::travels;

const NOT_CONTROLLER: i16 = 41;
pub const PARTITION: TopicPartition = TopicPartition { topic: 0, partition: 0 };
pub const CLIENT: u32 = 4;

/// Sends each of its requests on a connection of its own when its time comes. Each message, there and back, is one that Kafka
/// 4.3 could send.
#[derive(Clone, Debug, Default)]
pub struct Client {
    pub script: Vec<(Time, u32, Request)>,
    pub answers: BTreeMap<i32, (Time, Response)>,
    /// Requests whose connection was closed from the other side.
    pub lost: Vec<i32>,
    connections: BTreeMap<ConnectionId, i32>,
}

impl Client {
    /// Session ids are random: a fetch whose session is below 0 goes on with the one that the answer to the request of that
    /// number, made negative, has given.
    fn in_given_session(&self, request: Request) -> Request {
        match request {
            Request::Fetch(fetch) if fetch.session_id < 0 => {
                let answer = self.answers.get(&-fetch.session_id).map(|(_, answer)| answer);
                let Some(Response::Fetch(given)) = answer else { panic!("no session from {}", -fetch.session_id) };
                Request::Fetch(fetch.with_session_id(given.session_id))
            }
            other => self.as_given_member(other),
        }
    }

    /// Ids of members are random: `@3` is the one that the answer to request 3 has given.
    fn as_given_member(&self, request: Request) -> Request {
        let given = |id: &StrBytes| {
            let Some(number) = id.strip_prefix('@') else { return id.clone() };
            let answer = self.answers.get(&number.parse().expect("a number")).map(|(_, answer)| answer);
            let Some(Response::JoinGroup(answer)) = answer else { panic!("no member id from {number}") };
            answer.member_id.clone()
        };
        match request {
            Request::JoinGroup(it) => Request::JoinGroup(it.clone().with_member_id(given(&it.member_id))),
            Request::Heartbeat(it) => Request::Heartbeat(it.clone().with_member_id(given(&it.member_id))),
            Request::OffsetCommit(it) => Request::OffsetCommit(it.clone().with_member_id(given(&it.member_id))),
            Request::SyncGroup(mut it) => {
                it.assignments.iter_mut().for_each(|assigned| assigned.member_id = given(&assigned.member_id));
                Request::SyncGroup(it.clone().with_member_id(given(&it.member_id)))
            }
            other => other,
        }
    }
}

#[derive(Clone, Debug)]
pub enum Node {
    Controller(Controller),
    /// A controller that takes no AlterPartition and gives no producer ids before this time, and when it was asked.
    Refusing(Controller, Time, Vec<Time>),
    Broker(Box<Broker>),
    /// A broker whose disk holds a log of one record at this offset when it begins.
    Seeded(Box<Broker>, i64),
    Client(Client),
}

impl Process for Node {
    type Message = Message;
    type Note = Note;

    fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        let client = match self {
            Self::Controller(controller) => return controller.handle(input, context),
            Self::Refusing(controller, until, heard) => {
                if let Input::Received { connection, message, .. } = &input
                    && context.now() < *until
                    && let Some(refusal) = refusal(&message.body)
                {
                    heard.push(context.now());
                    let body = Body::Response(refusal);
                    return context.send(*connection, Message::new(message.correlation_id, body));
                }
                return controller.handle(input, context);
            }
            Self::Broker(broker) => return broker.handle(input, context),
            Self::Seeded(broker, offset) => {
                if let Input::Boot { incarnation: 1 } = input {
                    seed_log(context, *offset);
                }
                return broker.handle(input, context);
            }
            Self::Client(client) => client,
        };
        match input {
            Input::Boot { .. } => {
                for (number, (at, _, _)) in (0..).zip(&client.script) {
                    context.set_timer(number, *at);
                }
            }
            Input::Timer(number) => {
                let (_, broker, request) = client.script[number as usize].clone();
                let request = client.in_given_session(request);
                let connection = context.connect(broker);
                client.connections.insert(connection, number as i32);
                let body = Body::Request(request);
                travels::check(&body, body.api().version()).unwrap_or_else(|wrong| panic!("{wrong}"));
                context.send(connection, Message::new(number as i32, body));
            }
            Input::Received { message, .. } => {
                travels::check(&message.body, message.version).unwrap_or_else(|wrong| panic!("{wrong}"));
                if let Body::Response(response) = &message.body {
                    client.answers.insert(message.correlation_id, (context.now(), response.clone()));
                }
            }
            Input::Disconnected { connection, .. } => client.lost.extend(client.connections.get(&connection)),
            _ => {}
        }
    }

    fn lane(&self, what: &EventKind<Message>) -> Lane {
        match self {
            Self::Broker(broker) | Self::Seeded(broker, _) => Broker::lane(broker, what),
            Self::Controller(_) | Self::Refusing(..) | Self::Client(_) => Lane::MAIN,
        }
    }

    fn reborn(&self) -> Self {
        match self {
            Self::Controller(controller) => Self::Controller(controller.reborn()),
            Self::Refusing(controller, until, heard) => Self::Refusing(controller.reborn(), *until, heard.clone()),
            Self::Broker(broker) => Self::Broker(Box::new(Broker::reborn(broker))),
            Self::Seeded(broker, offset) => Self::Seeded(Box::new(Broker::reborn(broker)), *offset),
            Self::Client(client) => Self::Client(client.clone()),
        }
    }
}

/// What a controller says that refuses; nothing to what it does not.
fn refusal(body: &Body) -> Option<Response> {
    match body {
        Body::Request(Request::AlterPartition(_)) => {
            Some(Response::AlterPartition(AlterPartitionResponse::default().with_error_code(NOT_CONTROLLER)))
        }
        Body::Request(Request::AllocateProducerIds(_)) => {
            Some(Response::AllocateProducerIds(AllocateProducerIdsResponse::default().with_error_code(NOT_CONTROLLER)))
        }
        _ => None,
    }
}

/// The id of the topic. The controller draws it, in every world here the same.
pub fn orders_id() -> Uuid {
    static ID: OnceLock<Uuid> = OnceLock::new();
    *ID.get_or_init(|| {
        let mut world = World::new("1", Vec::new());
        world.kernel.step();
        world.image().topics.id_of(0)
    })
}

pub struct World {
    pub kernel: Kernel<Node>,
    pub notes: Vec<Note>,
}

impl World {
    pub fn new(min_isr: &str, script: Vec<(Time, u32, Request)>) -> Self {
        Self::with(BrokerSettings::default(), min_isr, script)
    }

    /// A world whose brokers have these settings, each with its own id.
    pub fn with(settings: BrokerSettings, min_isr: &str, script: Vec<(Time, u32, Request)>) -> Self {
        let broker = |id| Node::Broker(Box::new(Broker::new(BrokerSettings { id, ..settings.clone() })));
        Self::of([1, 2, 3].map(broker), min_isr, script)
    }

    /// A world in which broker 1 begins with a log of one record at this offset.
    pub fn seeded(offset: i64, script: Vec<(Time, u32, Request)>) -> Self {
        let broker = |id| Box::new(Broker::new(BrokerSettings { id, ..BrokerSettings::default() }));
        let brokers = [Node::Seeded(broker(1), offset), Node::Broker(broker(2)), Node::Broker(broker(3))];
        Self::of(brokers, "1", script)
    }

    /// A world whose topic has these settings.
    pub fn with_topic(config: &[(&str, &str)], script: Vec<(Time, u32, Request)>) -> Self {
        let broker = |id| Node::Broker(Box::new(Broker::new(BrokerSettings { id, ..BrokerSettings::default() })));
        let config = config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::of_nodes([1, 2, 3].map(broker), config, script)
    }

    fn of(brokers: [Node; 3], min_isr: &str, script: Vec<(Time, u32, Request)>) -> Self {
        let config = BTreeMap::from([("min.insync.replicas".to_owned(), min_isr.to_owned())]);
        Self::of_nodes(brokers, config, script)
    }

    fn of_nodes(brokers: [Node; 3], config: BTreeMap<String, String>, script: Vec<(Time, u32, Request)>) -> Self {
        Self::with_topic_named("orders", brokers, config, script)
    }

    /// A world whose brokers are these, with one topic of this name.
    pub fn with_topic_named(
        name: &str,
        brokers: [Node; 3],
        config: BTreeMap<String, String>,
        script: Vec<(Time, u32, Request)>,
    ) -> Self {
        let config_records = config.len() as u32;
        let topic = NewTopic {
            name: name.to_owned(),
            partitions: 1,
            replication_factor: 3,
            config,
            config_records,
            at_us: 0,
            delete_at_us: None,
        };
        let controller = ControllerSettings { topics: vec![topic], ..ControllerSettings::default() };
        Self::under(Node::Controller(Controller::new(controller)), brokers, script)
    }

    /// A world whose brokers are these, with the topics of these settings.
    pub fn with_topics(controller: ControllerSettings, brokers: [Node; 3], script: Vec<(Time, u32, Request)>) -> Self {
        Self::under(Node::Controller(Controller::new(controller)), brokers, script)
    }

    fn under(controller: Node, brokers: [Node; 3], script: Vec<(Time, u32, Request)>) -> Self {
        let mut processes = vec![controller];
        processes.extend(brokers);
        processes.push(Node::Client(Client { script, ..Client::default() }));
        Self { kernel: Kernel::new(5, LinkSettings::default(), processes), notes: Vec::new() }
    }

    /// A world whose controller takes no AlterPartition and gives no producer ids before this time.
    pub fn refusing_until(time: Time, settings: BrokerSettings, script: Vec<(Time, u32, Request)>) -> Self {
        let broker = |id| Node::Broker(Box::new(Broker::new(BrokerSettings { id, ..settings.clone() })));
        let config = BTreeMap::new();
        let topic = NewTopic {
            name: "orders".to_owned(),
            partitions: 1,
            replication_factor: 3,
            config,
            config_records: 0,
            at_us: 0,
            delete_at_us: None,
        };
        let controller = Controller::new(ControllerSettings { topics: vec![topic], ..ControllerSettings::default() });
        Self::under(Node::Refusing(controller, time, Vec::new()), [1, 2, 3].map(broker), script)
    }

    pub fn run_until(&mut self, time: Time) -> &mut Self {
        while self.kernel.next_time().is_some_and(|next| next <= time) {
            self.kernel.step();
            self.notes.extend(self.kernel.drain_notes());
        }
        self
    }

    pub fn broker(&self, id: u32) -> &Broker {
        match self.kernel.process(id) {
            Node::Broker(broker) | Node::Seeded(broker, _) => broker,
            _ => panic!("no broker {id}"),
        }
    }

    /// The metadata at the controller.
    pub fn image(&self) -> &ClusterImage {
        let (Node::Controller(controller) | Node::Refusing(controller, ..)) = self.kernel.process(0) else {
            panic!("no controller")
        };
        controller.image()
    }

    pub fn partition(&self) -> &PartitionImage {
        self.image().partition(PARTITION).expect("the topic")
    }

    /// Log end and high watermark of each broker.
    pub fn ends(&self) -> Vec<(i64, i64)> {
        let of = |id| self.broker(id).log(PARTITION).map_or((-1, -1), |l| (l.log_end_offset(), l.high_watermark()));
        (1..=3).map(of).collect()
    }

    /// The answer to a request of the script.
    pub fn answer(&self, request: i32) -> Option<&Response> {
        let Node::Client(client) = self.kernel.process(CLIENT) else { panic!("no client") };
        client.answers.get(&request).map(|(_, response)| response)
    }

    /// When the answer to a request of the script came.
    pub fn answered_at(&self, request: i32) -> Option<Time> {
        let Node::Client(client) = self.kernel.process(CLIENT) else { panic!("no client") };
        client.answers.get(&request).map(|(time, _)| *time)
    }

    pub fn produced(&self, request: i32) -> Option<(i16, i64)> {
        let Some(Response::Produce(response)) = self.answer(request) else { return None };
        let partition = &response.responses[0].partition_responses[0];
        Some((partition.error_code, partition.base_offset))
    }
}

pub fn batch(value: &str) -> Bytes {
    let mut batch = BatchBuilder::new();
    batch.record(BEGIN_MS, None, Some(value.as_bytes()));
    batch.build()
}

pub fn produce(acks: i16, value: &str) -> Request {
    request_of(acks, batch(value))
}

fn request_of(acks: i16, records: Bytes) -> Request {
    let data = PartitionProduceData::default().with_index(0).with_records(Some(records));
    let topic = TopicProduceData::default().with_topic_id(orders_id()).with_partition_data(vec![data]);
    Request::Produce(ProduceRequest::default().with_acks(acks).with_timeout_ms(5_000).with_topic_data(vec![topic]))
}

/// A Produce of one record with a key.
pub fn produce_keyed(key: &str, value: &str) -> Request {
    let mut batch = BatchBuilder::new();
    batch.record(BEGIN_MS, Some(key.as_bytes()), Some(value.as_bytes()));
    request_of(-1, batch.build())
}

/// What wall clocks show at the beginning, in milliseconds.
pub const BEGIN_MS: i64 = (BEGIN_US / MILLISECOND) as i64;

/// A Produce of one record with a timestamp, in milliseconds since the beginning.
pub fn produce_at(timestamp: i64, value: &str) -> Request {
    let mut batch = BatchBuilder::new();
    batch.record(BEGIN_MS + timestamp, None, Some(value.as_bytes()));
    request_of(-1, batch.build())
}

/// A Produce of one record with a producer id, epoch and sequence number.
pub fn produce_as(id: i64, epoch: i16, sequence: i32, value: &str) -> Request {
    let mut batch = BatchBuilder::new().producer(id, epoch, sequence);
    batch.record(BEGIN_MS, None, Some(value.as_bytes()));
    request_of(-1, batch.build())
}

/// Writes a log of one record at this offset, of leader epoch 0.
fn seed_log(context: &mut Context<'_, Message, Note>, offset: i64) {
    let mut batch = BatchBuilder::new().at(offset, 0);
    batch.record(BEGIN_MS, None, Some(b"seed"));
    let disk = context.disk();
    let file = disk.create(&format!("data/orders-0/{offset:020}.log")).expect("a new file");
    disk.append(file, batch.build()).expect("there is room");
    disk.flush(file);
}
