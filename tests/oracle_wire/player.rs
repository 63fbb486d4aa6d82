//! The clients of a conversation as one process: it sends what it is handed, and hands back what it is answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use loglab::broker::Broker;
use loglab::controller::Controller;
use loglab::note::Note;
use loglab::sim::MILLISECOND;
use loglab::sim::network::ConnectionId;
use loglab::sim::process::{Context, Input, Lane, Process};
use loglab::sim::queue::EventKind;
use loglab::wire::Message;

use super::administrator::Administrator;
use super::program::Program;
use super::reading;

/// How often it looks for something to send.
const LOOK: u64 = 1;

/// What passes between a test and the process that plays its clients.
#[derive(Debug, Default)]
pub struct Mail {
    pub orders: Vec<Order>,
    pub news: Vec<News>,
}

/// What it shall do.
#[derive(Debug)]
pub enum Order {
    /// Send this over a connection, which is opened if it is not.
    Send { connection: u64, message: Box<Message> },
    /// Close a connection.
    Close { connection: u64 },
}

/// What has happened.
#[derive(Debug)]
pub enum News {
    Answer { connection: u64, message: Arc<Message> },
    Closed { connection: u64 },
}

/// The process.
#[derive(Clone, Debug)]
pub struct Player {
    /// The process of the broker.
    pub broker: u32,
    pub mail: Arc<Mutex<Mail>>,
    pub open: BTreeMap<u64, ConnectionId>,
}

impl Player {
    fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        match input {
            Input::Boot { .. } => context.set_timer(LOOK, context.after(MILLISECOND)),
            Input::Timer(_) => {
                context.set_timer(LOOK, context.after(MILLISECOND));
                let orders = std::mem::take(&mut self.mail.lock().expect("nobody panics with it").orders);
                orders.into_iter().for_each(|order| self.obey(order, context));
            }
            Input::Received { connection, message, .. } => {
                // What was on its way when the connection was closed.
                let Some(connection) = self.number_of(connection) else { return };
                self.tell(News::Answer { connection, message });
            }
            Input::Disconnected { connection, .. } => {
                let Some(connection) = self.number_of(connection) else { return };
                self.open.remove(&connection);
                self.tell(News::Closed { connection });
            }
            Input::Connected { .. } => {}
            Input::Written { .. } | Input::Terminate | Input::Told(_) | Input::Datagram { .. } => {
                unreachable!("nobody does that")
            }
        }
    }

    fn obey(&mut self, order: Order, context: &mut Context<'_, Message, Note>) {
        match order {
            Order::Send { connection, message } => {
                let connection = *self.open.entry(connection).or_insert_with(|| context.connect(self.broker));
                context.send(connection, *message);
            }
            Order::Close { connection } => {
                if let Some(connection) = self.open.remove(&connection) {
                    context.close(connection);
                }
            }
        }
    }

    fn number_of(&self, connection: ConnectionId) -> Option<u64> {
        self.open.iter().find(|(_, open)| **open == connection).map(|(number, _)| *number)
    }

    fn tell(&self, news: News) {
        self.mail.lock().expect("nobody panics with it").news.push(news);
    }
}

/// The processes of a case.
#[derive(Clone, Debug)]
pub enum Node {
    Controller(Controller),
    Broker(Box<Broker>),
    Player(Player),
    Program(Box<Program>),
    Administrator(Box<Administrator>),
    Reading(Box<reading::Program>),
}

impl Process for Node {
    type Message = Message;
    type Note = Note;

    fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        match self {
            Self::Controller(controller) => controller.handle(input, context),
            Self::Broker(broker) => broker.handle(input, context),
            Self::Player(player) => player.handle(input, context),
            Self::Program(program) => program.handle(input, context),
            Self::Administrator(program) => program.handle(input, context),
            Self::Reading(program) => program.handle(input, context),
        }
    }

    fn reborn(&self) -> Self {
        match self {
            Self::Controller(controller) => Self::Controller(controller.reborn()),
            Self::Broker(broker) => Self::Broker(Box::new(broker.reborn())),
            Self::Player(player) => Self::Player(player.clone()),
            Self::Program(_) | Self::Administrator(_) | Self::Reading(_) => self.clone(),
        }
    }

    fn listens(&self) -> bool {
        match self {
            Self::Broker(broker) => broker.listens(),
            Self::Controller(_) | Self::Player(_) | Self::Program(_) | Self::Administrator(_) | Self::Reading(_) => {
                true
            }
        }
    }

    fn lane(&self, what: &EventKind<Message>) -> Lane {
        match self {
            Self::Broker(broker) => broker.lane(what),
            Self::Controller(_) | Self::Player(_) | Self::Program(_) | Self::Administrator(_) | Self::Reading(_) => {
                Lane::MAIN
            }
        }
    }
}
