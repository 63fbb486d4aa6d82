//! Three brokers and a controller on the kernel, and a client that sends what a test tells it to.
#![cfg(not(target_family = "wasm"))]

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest};

use loglab::broker::{Broker, BrokerSettings};
use loglab::controller::{Controller, ControllerSettings, NewTopic};
use loglab::log::batch::BatchBuilder;
use loglab::sim::fault::Fault;
use loglab::sim::kernel::Kernel;
use loglab::sim::network::LinkSettings;
use loglab::sim::process::{Context, Input, Process};
use loglab::sim::{MILLISECOND, SECOND, Time};
use loglab::wire::{Body, Message, Note, PartitionImage, Request, Response, TopicPartition, topic_id};

const PARTITION: TopicPartition = TopicPartition { topic: 0, partition: 0 };
const CLIENT: u32 = 4;

/// Sends each of its requests on a connection of its own when its time comes.
#[derive(Clone, Debug, Default)]
struct Client {
    script: Vec<(Time, u32, Request)>,
    answers: BTreeMap<i32, (Time, Response)>,
}

#[derive(Clone, Debug)]
enum Node {
    Controller(Controller),
    Broker(Box<Broker>),
    Client(Client),
}

impl Process for Node {
    type Message = Message;
    type Note = Note;

    fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        let client = match self {
            Self::Controller(controller) => return controller.handle(input, context),
            Self::Broker(broker) => return broker.handle(input, context),
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
                let connection = context.connect(broker);
                let body = Body::Request(request);
                context.send(connection, Message { correlation_id: number as i32, body });
            }
            Input::Received { message, .. } => {
                if let Body::Response(response) = &message.body {
                    client.answers.insert(message.correlation_id, (context.now(), response.clone()));
                }
            }
            _ => {}
        }
    }

    fn reborn(&self) -> Self {
        match self {
            Self::Controller(controller) => Self::Controller(controller.reborn()),
            Self::Broker(broker) => Self::Broker(Box::new(Broker::reborn(broker))),
            Self::Client(client) => Self::Client(client.clone()),
        }
    }
}

struct World {
    kernel: Kernel<Node>,
    notes: Vec<Note>,
}

impl World {
    fn new(min_isr: &str, script: Vec<(Time, u32, Request)>) -> Self {
        let config = BTreeMap::from([("min.insync.replicas".to_owned(), min_isr.to_owned())]);
        let topic = NewTopic { name: "orders".to_owned(), partitions: 1, replication_factor: 3, config };
        let controller = ControllerSettings { topics: vec![topic], ..ControllerSettings::default() };
        let broker = |id| Node::Broker(Box::new(Broker::new(BrokerSettings { id, ..BrokerSettings::default() })));
        let mut processes = vec![Node::Controller(Controller::new(controller))];
        processes.extend((1..=3).map(broker));
        processes.push(Node::Client(Client { script, answers: BTreeMap::new() }));
        Self { kernel: Kernel::new(5, LinkSettings::default(), processes), notes: Vec::new() }
    }

    fn run_until(&mut self, time: Time) -> &mut Self {
        while self.kernel.next_time().is_some_and(|next| next <= time) {
            self.kernel.step();
            self.notes.extend(self.kernel.drain_notes());
        }
        self
    }

    fn broker(&self, id: u32) -> &Broker {
        let Node::Broker(broker) = self.kernel.process(id) else { panic!("no broker {id}") };
        broker
    }

    fn partition(&self) -> &PartitionImage {
        let Node::Controller(controller) = self.kernel.process(0) else { panic!("no controller") };
        controller.image().partition(PARTITION).expect("the topic")
    }

    /// Log end and high watermark of each broker.
    fn ends(&self) -> Vec<(i64, i64)> {
        let of = |id| self.broker(id).log(PARTITION).map_or((-1, -1), |l| (l.log_end_offset(), l.high_watermark()));
        (1..=3).map(of).collect()
    }

    fn produced(&self, request: i32) -> Option<(i16, i64)> {
        let Node::Client(client) = self.kernel.process(CLIENT) else { panic!("no client") };
        let Some((_, Response::Produce(response))) = client.answers.get(&request) else { return None };
        let partition = &response.responses[0].partition_responses[0];
        Some((partition.error_code, partition.base_offset))
    }
}

fn batch(value: &str) -> Bytes {
    let mut batch = BatchBuilder::new();
    batch.record(0, None, Some(value.as_bytes()));
    batch.build()
}

fn produce(acks: i16, value: &str) -> Request {
    let data = PartitionProduceData::default().with_index(0).with_records(Some(batch(value)));
    let topic = TopicProduceData::default().with_topic_id(topic_id(0)).with_partition_data(vec![data]);
    Request::Produce(ProduceRequest::default().with_acks(acks).with_timeout_ms(5_000).with_topic_data(vec![topic]))
}

#[test]
fn a_record_with_acks_all_is_on_every_replica() {
    let mut world = World::new("1", vec![(3 * SECOND, 1, produce(-1, "a")), (4 * SECOND, 1, produce(1, "b"))]);
    world.run_until(10 * SECOND);
    assert_eq!((world.partition().leader, world.partition().isr.clone()), (1, vec![1, 2, 3]));
    assert_eq!((world.produced(0), world.produced(1)), (Some((0, 0)), Some((0, 1))));
    assert_eq!(world.ends(), [(2, 2); 3]);
}

#[test]
fn a_follower_refuses_to_append() {
    let mut world = World::new("1", vec![(3 * SECOND, 2, produce(-1, "a"))]);
    world.run_until(5 * SECOND);
    assert_eq!(world.produced(0), Some((6, -1)));
}

#[test]
fn a_dead_leader_is_replaced_from_the_isr_and_loses_its_unreplicated_tail() {
    let script = vec![
        (3 * SECOND, 1, produce(-1, "a")),
        // The parked fetches take the first of these to the paused followers' sockets; the others reach nobody.
        (4 * SECOND + MILLISECOND, 1, produce(1, "b")),
        (4 * SECOND + 100 * MILLISECOND, 1, produce(1, "lost")),
        (20 * SECOND, 2, produce(-1, "c")),
    ];
    let mut world = World::new("1", script);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Pause(2));
    world.kernel.apply(Fault::Pause(3));
    world.run_until(4 * SECOND + 200 * MILLISECOND);
    assert_eq!(world.produced(2), Some((0, 2)));
    world.kernel.apply(Fault::Kill(1));
    world.kernel.apply(Fault::Resume(2));
    world.kernel.apply(Fault::Resume(3));
    world.run_until(19 * SECOND);
    assert_eq!((world.partition().leader, world.partition().leader_epoch), (2, 1));
    world.run_until(21 * SECOND);
    assert_eq!(world.produced(3), Some((0, 2)));
    world.kernel.apply(Fault::Restart(1));
    world.run_until(40 * SECOND);
    assert!(world.notes.contains(&Note::Truncated { broker: 1, partition: PARTITION, from: 3, to: 2 }));
    assert_eq!(world.ends(), [(3, 3); 3]);
    let mut isr = world.partition().isr.clone();
    isr.sort_unstable();
    assert_eq!((isr, world.partition().leader), (vec![1, 2, 3], 2));
}

#[test]
fn a_follower_that_cannot_fetch_leaves_the_isr_and_comes_back() {
    let script = vec![(3 * SECOND, 1, produce(-1, "a")), (5 * SECOND, 1, produce(1, "b"))];
    let mut world = World::new("1", script);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Cut(1, 3));
    world.kernel.apply(Fault::Cut(3, 1));
    world.run_until(50 * SECOND);
    assert_eq!(world.partition().isr, [1, 2]);
    assert_eq!(world.partition().leader_epoch, 0);
    assert_eq!(world.ends()[0], (2, 2));
    world.kernel.apply(Fault::Heal(1, 3));
    world.kernel.apply(Fault::Heal(3, 1));
    world.run_until(140 * SECOND);
    assert_eq!(world.partition().isr, [1, 2, 3]);
    assert_eq!(world.ends(), [(2, 2); 3]);
}

#[test]
fn below_the_minimum_acks_all_is_refused_and_the_high_watermark_stands_still() {
    let script = vec![
        (3 * SECOND, 1, produce(-1, "a")),
        (20 * SECOND, 1, produce(-1, "refused")),
        (21 * SECOND, 1, produce(1, "b")),
    ];
    let mut world = World::new("2", script);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Kill(2));
    world.kernel.apply(Fault::Kill(3));
    world.run_until(25 * SECOND);
    assert_eq!((world.partition().isr.clone(), world.partition().elr.len()), (vec![1], 1));
    assert_eq!((world.produced(1), world.produced(2)), (Some((19, -1)), Some((0, 1))));
    assert_eq!(world.ends()[0], (2, 1));
    world.kernel.apply(Fault::Restart(2));
    world.run_until(40 * SECOND);
    assert_eq!(world.ends()[0], (2, 2));
}

#[test]
fn without_a_minimum_the_last_member_of_the_isr_is_remembered() {
    let mut world = World::new("1", vec![(3 * SECOND, 1, produce(-1, "a"))]);
    world.run_until(4 * SECOND);
    for broker in [2, 3, 1] {
        world.kernel.apply(Fault::Kill(broker));
        world.run_until(world.kernel.time() + 15 * SECOND);
    }
    let partition = world.partition();
    assert_eq!((partition.leader, partition.isr.clone(), partition.elr.clone()), (-1, vec![], vec![1]));
    assert_eq!(partition.last_known_elr, [1]);
    world.kernel.apply(Fault::Restart(1));
    world.run_until(world.kernel.time() + 5 * SECOND);
    let partition = world.partition();
    assert_eq!((partition.leader, partition.isr.clone(), partition.recovering), (1, vec![1], true));
    assert_eq!(world.ends()[0], (1, 1));
}

#[test]
fn a_quick_return_is_refused_until_the_former_session_ends() {
    let mut world = World::new("1", vec![(3 * SECOND, 1, produce(-1, "a"))]);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Kill(3));
    world.kernel.apply(Fault::Restart(3));
    world.run_until(8 * SECOND);
    let registrations =
        |world: &World| world.notes.iter().filter(|note| matches!(note, Note::Registered { broker: 3, .. })).count();
    assert_eq!(registrations(&world), 1);
    world.run_until(30 * SECOND);
    assert_eq!(registrations(&world), 2);
    assert_eq!(world.partition().isr.len(), 3);
}

#[test]
fn brokers_hand_out_producer_ids_from_blocks_of_a_thousand() {
    let ask = || Request::InitProducerId(InitProducerIdRequest::default());
    let mut world = World::new("1", vec![(3 * SECOND, 1, ask()), (4 * SECOND, 1, ask()), (5 * SECOND, 2, ask())]);
    world.run_until(6 * SECOND);
    let Node::Client(client) = world.kernel.process(CLIENT) else { panic!("no client") };
    let ids: Vec<i64> = client
        .answers
        .values()
        .filter_map(|(_, answer)| match answer {
            Response::InitProducerId(answer) => Some(answer.producer_id.0),
            _ => None,
        })
        .collect();
    assert_eq!(ids, [0, 1, 1_000]);
}

#[test]
fn a_snapshot_goes_on_as_the_original_does() {
    let mut world = World::new("1", vec![(3 * SECOND, 1, produce(-1, "a"))]);
    world.run_until(3 * SECOND);
    let mut copy = World { kernel: world.kernel.clone(), notes: Vec::new() };
    world.run_until(10 * SECOND);
    copy.run_until(10 * SECOND);
    assert_eq!(world.kernel.hash(), copy.kernel.hash());
}
