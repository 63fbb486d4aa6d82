//! The simulated broker of a case, with its controller, and time that passes for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use loglab::broker::{Broker, BrokerSettings};
use loglab::controller::{Controller, ControllerSettings};
use loglab::settings::{BrokerConfig, Config, Raw};
use loglab::sim::clock::BEGIN_US;
use loglab::sim::fault::Fault;
use loglab::sim::kernel::{Kernel, Status};
use loglab::sim::network::LinkSettings;
use loglab::sim::queue::EventKind;
use loglab::sim::{MILLISECOND, SECOND, Time};
use loglab::wire::{Body, Message, Request, Response, TopicPartition, frame};

use super::case::BrokerState;
use super::player::{Mail, News, Node, Order, Player};

/// The recorded second 0 is this one: before it the broker is brought to where the recorded one was.
pub const BEGIN: Time = 60 * SECOND;
/// The proxy and its clients were on the broker's machine.
const LATENCY_US: Time = 50;
/// How long anything may take that is done beside a conversation.
const PATIENCE: Time = 60 * SECOND;
/// The number of the first connection that is no client's of the conversation.
const FIRST_OWN_CONNECTION: u64 = 1 << 32;

/// What happened on a connection, in its order.
pub enum Heard {
    Answer(Arc<Message>),
    Closed,
}

/// One broker, its controller, and those that ask it.
pub struct World {
    pub node_id: i32,
    kernel: Kernel<Node>,
    mail: Arc<Mutex<Mail>>,
    heard: BTreeMap<u64, Vec<Heard>>,
    /// Connections that the broker has closed.
    closed: BTreeSet<u64>,
    asked: i32,
    first_program: u32,
    /// What programs asked the broker, each with its process.
    requests: Vec<(u32, Arc<Message>)>,
    /// What programs were answered, by process and correlation id.
    answers: BTreeMap<(u32, i32), Arc<Message>>,
}

impl World {
    /// A broker with these settings, whose wall clock shows so many milliseconds when the recording began. Of a cluster of more
    /// brokers the others are there for the controller, and never reach it.
    pub fn new(state: &BrokerState, node_of: (i32, u32), begin: Time, begin_ms: Option<i64>) -> Result<World, String> {
        Self::with(state, node_of, begin, begin_ms, (1, Vec::new()))
    }

    /// The same with programs.
    pub fn with(
        state: &BrokerState,
        (node_id, brokers): (i32, u32),
        begin: Time,
        begin_ms: Option<i64>,
        (seed, programs): (u64, Vec<Node>),
    ) -> Result<World, String> {
        let mut config = BrokerConfig::default();
        for (name, value) in state.config.iter().chain(&state.dynamic_broker_config) {
            set(&mut config, name, value)?;
        }
        let id = u32::try_from(node_id).ok().filter(|id| *id > 0).ok_or("no broker has such an id")?;
        let count = brokers.max(id);
        let controller = ControllerSettings { brokers: count, ..ControllerSettings::of(&config) };
        let mail = Arc::<Mutex<Mail>>::default();
        let mut nodes = vec![Node::Controller(Controller::new(controller))];
        nodes.extend(
            (1..=count)
                .map(|number| Node::Broker(Box::new(Broker::new(BrokerSettings::of(&config, number as i32, count))))),
        );
        nodes.push(Node::Player(Player { broker: id, mail: Arc::clone(&mail), open: BTreeMap::new() }));
        let first_program = nodes.len() as u32;
        nodes.extend(programs);
        let links = LinkSettings { latency_us: LATENCY_US, ..LinkSettings::default() };
        let mut kernel = Kernel::new(seed, links, nodes);
        if let Some(begin_ms) = begin_ms {
            let begin_us =
                begin_ms.checked_mul(MILLISECOND as i64).ok_or("the clock shows too late a time")? - BEGIN_US as i64;
            kernel.apply(Fault::Skew(id, begin_us - begin as i64));
            for program in first_program..kernel.len() as u32 {
                kernel.apply(Fault::Skew(program, begin_us - begin as i64));
            }
        }
        for other in (1..=count).filter(|other| *other != id) {
            // One that is not of the cluster is only a name.
            kernel.apply(if brokers == 1 { Fault::Kill(other) } else { Fault::Cut(other, id) });
        }
        let (heard, closed) = (BTreeMap::new(), BTreeSet::new());
        let mut world = World {
            node_id,
            kernel,
            mail,
            heard,
            closed,
            asked: 0,
            first_program,
            requests: Vec::new(),
            answers: BTreeMap::new(),
        };
        world.wait_for("the broker to serve", |world| world.broker().listens())?;
        Ok(world)
    }

    pub fn broker(&self) -> &Broker {
        match self.kernel.process(self.node_id as u32) {
            Node::Broker(broker) => broker,
            Node::Controller(_) | Node::Player(_) | Node::Program(_) | Node::Administrator(_) | Node::Reading(_) => {
                panic!("the broker's process is the broker")
            }
        }
    }

    pub fn now(&self) -> Time {
        self.kernel.time()
    }

    /// Lets time pass until then.
    pub fn run_until(&mut self, time: Time) {
        while let Some(arrived) = self.kernel.step_until(time) {
            self.kernel.drain_notes().for_each(drop);
            let (target, peer) = (arrived.event.target, arrived.peer);
            let EventKind::Delivery(_, message) = arrived.event.kind else { continue };
            if target == self.node_id as u32 && peer >= self.first_program {
                self.requests.push((peer, message));
            } else if target >= self.first_program {
                self.answers.insert((target, message.correlation_id), message);
            }
        }
        let news = std::mem::take(&mut self.mail.lock().expect("nobody panics with it").news);
        for it in news {
            match it {
                News::Answer { connection, message } => {
                    self.heard.entry(connection).or_default().push(Heard::Answer(message));
                }
                News::Closed { connection } => {
                    self.closed.insert(connection);
                    self.heard.entry(connection).or_default().push(Heard::Closed);
                }
            }
        }
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, time: Time) {
        self.run_until(self.now() + time);
    }

    /// Lets time pass until something holds.
    pub fn wait_for(&mut self, what: &str, holds: impl Fn(&World) -> bool) -> Result<(), String> {
        let end = self.now() + PATIENCE;
        while !holds(self) {
            if self.now() >= end {
                return Err(format!("waited in vain for {what}"));
            }
            self.run_for(MILLISECOND);
        }
        Ok(())
    }

    /// What a program has asked the broker, in its order.
    pub fn asked_by_program(&self, place: usize) -> impl Iterator<Item = &Message> {
        let process = self.first_program + place as u32;
        self.requests.iter().filter(move |(peer, _)| *peer == process).map(|(_, message)| &**message)
    }

    /// Ends a program.
    pub fn end_program(&mut self, place: usize) {
        self.kernel.apply(Fault::Kill(self.first_program + place as u32));
    }

    /// What it was answered to such a request.
    pub fn answer_to(&self, place: usize, request: &Message) -> Option<&Message> {
        self.answers.get(&(self.first_program + place as u32, request.correlation_id)).map(|message| &**message)
    }

    /// Whether what stands at this offset of the broker's log ends a transaction.
    pub fn is_marker(&self, topic: &str, partition: i32, offset: i64) -> bool {
        let topic = self.broker().image().topics.named(topic);
        let log = topic.and_then(|topic| self.broker().log(TopicPartition { topic, partition }));
        let disk = self.kernel.disk(self.node_id as u32);
        let batch = log.and_then(|log| log.batches(disk, offset).find(|batch| batch.header.last_offset() >= offset));
        batch.is_some_and(|batch| batch.header.is_control())
    }

    /// The epoch of a broker of the cluster.
    pub fn broker_epoch(&self, id: i32) -> Option<i64> {
        self.broker().image().brokers.get(&id).map(|broker| broker.epoch)
    }

    /// Sends a request over a connection of its own, whose answer is not waited for.
    pub fn tell(&mut self, request: Request) {
        self.asked += 1;
        self.send(FIRST_OWN_CONNECTION + self.asked as u64, Message::new(0, Body::Request(request)));
    }

    /// Sends a message over a connection.
    pub fn send(&mut self, connection: u64, message: Message) {
        self.order(Order::Send { connection, message: Box::new(message) });
    }

    /// Closes a connection from the client's side.
    pub fn close(&mut self, connection: u64) {
        self.order(Order::Close { connection });
    }

    fn order(&mut self, order: Order) {
        self.mail.lock().expect("nobody panics with it").orders.push(order);
    }

    /// What has happened on a connection since it was last asked for.
    pub fn hear(&mut self, connection: u64) -> Vec<Heard> {
        self.heard.remove(&connection).unwrap_or_default()
    }

    /// Asks the broker over a connection of its own, and waits for the answer.
    pub fn ask(&mut self, request: Request) -> Result<Response, String> {
        let message = Message::new(0, Body::Request(request));
        match &self.ask_with(message)?.body {
            Body::Response(response) => Ok(response.clone()),
            Body::Request(_) => Err("a broker asked its client".to_owned()),
        }
    }

    /// The same with a frame; its answer is one, too.
    pub fn ask_in_bytes(&mut self, request: &[u8]) -> Result<Vec<u8>, String> {
        let message = frame::read_request(request).map_err(|error| error.to_string())?.message;
        let answer = self.ask_with(message.clone())?;
        frame::write_response(&message, &answer)
    }

    fn ask_with(&mut self, message: Message) -> Result<Arc<Message>, String> {
        self.asked += 1;
        let connection = FIRST_OWN_CONNECTION + self.asked as u64;
        let name = format!("an answer to {}", message.body.api());
        self.send(connection, message);
        self.wait_for(&name, |world| world.heard.contains_key(&connection))?;
        self.close(connection);
        match self.hear(connection).into_iter().next() {
            Some(Heard::Answer(message)) => Ok(message),
            Some(Heard::Closed) | None => Err(format!("the broker hung up instead of {name}")),
        }
    }

    /// Ends the broker and starts it again.
    pub fn restart(&mut self, is_clean: bool) -> Result<(), String> {
        let id = self.node_id as u32;
        self.kernel.apply(if is_clean { Fault::Terminate(id) } else { Fault::Kill(id) });
        self.wait_for("the broker to end", |world| world.kernel.status(id) == Status::Killed)?;
        self.kernel.apply(Fault::Restart(id));
        self.wait_for("the broker to serve again", |world| world.broker().listens() && world.leads_all())
    }

    /// Whether it leads all that there is.
    pub fn leads_all(&self) -> bool {
        let broker = self.broker();
        let led = |(partition, image): (_, &loglab::wire::PartitionImage)| {
            let view = broker.replicas().find(|(other, _)| *other == partition);
            view.is_some_and(|(_, view)| view.leader && view.leader_epoch == image.leader_epoch)
        };
        broker.image().partitions().all(led)
    }
}

fn set(config: &mut BrokerConfig, name: &str, value: &str) -> Result<(), String> {
    if BrokerConfig::table().iter().any(|setting| setting.name == name) {
        return config.set(name, &Raw::Text(value.to_owned())).map_err(|why| format!("{name}: {why}"));
    }
    Err(format!("the broker has no setting {name}"))
}
