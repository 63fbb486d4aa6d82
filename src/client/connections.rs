//! One connection to each broker that a client speaks to (Kafka: `NetworkClient`, `ClusterConnectionStates`).
//!
//! Requests of one connection are answered in their order. A request that is not answered in `request.timeout.ms` costs
//! the connection, and with it every request that was on it. One timer for each connection stands for the oldest.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{ClientContext, backoff};
use crate::sim::network::ConnectionId;
use crate::sim::process::Purpose;
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::{Body, Message, Request, Response};

/// `reconnect.backoff.ms` and `reconnect.backoff.max.ms`.
const RECONNECT_BACKOFF_US: Time = 50 * MILLISECOND;
const RECONNECT_BACKOFF_MAX_US: Time = 1_000 * MILLISECOND;
/// `socket.connection.setup.timeout.ms` and `socket.connection.setup.timeout.max.ms`.
const SETUP_TIMEOUT_US: Time = 10 * SECOND;
const SETUP_TIMEOUT_MAX_US: Time = 30 * SECOND;

/// Timer purposes from here on belong to connections: this plus the broker's id.
const CONNECTION_TIMERS: Purpose = 1 << 32;

/// The connections of one client; `T` is what the client remembers of a request until it is answered.
#[derive(Clone, Debug)]
pub(super) struct Connections<T> {
    brokers: u32,
    request_timeout_us: Time,
    next_correlation_id: i32,
    nodes: BTreeMap<i32, Node<T>>,
}

#[derive(Clone, Debug)]
struct Node<T> {
    state: State,
    /// Failed attempts and broken connections since one was last opened.
    failures: u32,
    in_flight: VecDeque<InFlight<T>>,
    /// The deadline timer is set; it is looked at when it fires, not moved with every answer.
    armed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Disconnected { until: Time },
    Connecting(ConnectionId),
    Connected(ConnectionId),
}

#[derive(Clone, Debug)]
struct InFlight<T> {
    correlation_id: i32,
    deadline: Time,
    tag: T,
}

/// What a timer or an input meant for the client.
#[derive(Debug)]
pub(super) enum Happened<T> {
    /// Nothing that it must act upon.
    Nothing,
    /// A broker may be written to again.
    Ready,
    /// The connection is gone, and with it these requests.
    Lost { node: i32, requests: Vec<T> },
    /// The answer to a request.
    Answered { node: i32, tag: T, response: Arc<Message> },
}

impl<T> Connections<T> {
    pub(super) fn new(brokers: u32, request_timeout_us: Time) -> Self {
        Self { brokers, request_timeout_us, next_correlation_id: 0, nodes: BTreeMap::new() }
    }

    /// True where requests can be sent to the broker. Begins to connect where there is no connection and the back-off
    /// since the last has passed; [`Happened::Ready`] tells when to ask again.
    pub(super) fn is_ready(&mut self, node: i32, context: &mut ClientContext<'_>) -> bool {
        let Ok(process) = u32::try_from(node) else { return false };
        if !(1..=self.brokers).contains(&process) {
            return false;
        }
        let now = context.now();
        let entry = self.nodes.entry(node).or_insert_with(Node::new);
        match entry.state {
            State::Connected(_) => true,
            State::Disconnected { until } if until <= now => {
                entry.state = State::Connecting(context.connect(process));
                let timeout = SETUP_TIMEOUT_US.saturating_mul(1 << entry.failures.min(8)).min(SETUP_TIMEOUT_MAX_US);
                context.set_timer(timer_of(node), now + timeout);
                false
            }
            State::Disconnected { .. } | State::Connecting(_) => false,
        }
    }

    /// Requests on their way to the broker, or their answers back.
    pub(super) fn in_flight(&self, node: i32) -> usize {
        self.nodes.get(&node).map_or(0, |node| node.in_flight.len())
    }

    /// The same for all brokers.
    pub(super) fn all_in_flight(&self) -> usize {
        self.nodes.values().map(|node| node.in_flight.len()).sum()
    }

    /// Sends a request that is answered, on a connection that is ready.
    pub(super) fn send(&mut self, node: i32, request: Request, tag: T, context: &mut ClientContext<'_>) {
        let correlation_id = self.next_correlation_id();
        let Some(entry) = self.nodes.get_mut(&node) else { return };
        let State::Connected(connection) = entry.state else { return };
        let deadline = context.now() + self.request_timeout_us;
        entry.in_flight.push_back(InFlight { correlation_id, deadline, tag });
        if !entry.armed {
            entry.armed = true;
            context.set_timer(timer_of(node), deadline);
        }
        context.send(connection, Message { correlation_id, body: Body::Request(request) });
    }

    /// Sends a request that is not answered (Produce with acks=0).
    pub(super) fn send_unanswered(&mut self, node: i32, request: Request, context: &mut ClientContext<'_>) {
        let correlation_id = self.next_correlation_id();
        if let Some(State::Connected(connection)) = self.nodes.get(&node).map(|node| node.state) {
            context.send(connection, Message { correlation_id, body: Body::Request(request) });
        }
    }

    pub(super) fn connected(&mut self, connection: ConnectionId, context: &mut ClientContext<'_>) -> Happened<T> {
        for (id, node) in &mut self.nodes {
            if node.state == State::Connecting(connection) {
                node.state = State::Connected(connection);
                node.failures = 0;
                context.cancel_timer(timer_of(*id));
                return Happened::Ready;
            }
        }
        Happened::Nothing
    }

    pub(super) fn disconnected(&mut self, connection: ConnectionId, context: &mut ClientContext<'_>) -> Happened<T> {
        let of = |node: &Node<T>| matches!(node.state, State::Connecting(c) | State::Connected(c) if c == connection);
        match self.nodes.iter().find(|(_, node)| of(node)).map(|(id, _)| *id) {
            Some(node) => self.lose(node, context),
            None => Happened::Nothing,
        }
    }

    /// Finds the request that a message answers.
    pub(super) fn received(&mut self, connection: ConnectionId, peer: u32, message: Arc<Message>) -> Happened<T> {
        let Ok(node) = i32::try_from(peer) else { return Happened::Nothing };
        let Some(entry) = self.nodes.get_mut(&node) else { return Happened::Nothing };
        if entry.state != State::Connected(connection) || message.body.is_request() {
            return Happened::Nothing;
        }
        let is_it = |request: &InFlight<T>| request.correlation_id == message.correlation_id;
        let Some(place) = entry.in_flight.iter().position(is_it) else { return Happened::Nothing };
        match entry.in_flight.remove(place) {
            Some(InFlight { tag, .. }) => Happened::Answered { node, tag, response: message },
            None => Happened::Nothing,
        }
    }

    /// A timer of a connection: its set-up or its oldest request took too long, or its back-off has passed. `None` for
    /// a timer that is the client's own.
    pub(super) fn timer(&mut self, purpose: Purpose, context: &mut ClientContext<'_>) -> Option<Happened<T>> {
        let node = i32::try_from(purpose.checked_sub(CONNECTION_TIMERS)?).ok()?;
        let now = context.now();
        let entry = self.nodes.get_mut(&node)?;
        Some(match entry.state {
            State::Disconnected { .. } => Happened::Ready,
            State::Connecting(_) => self.close(node, context),
            State::Connected(_) => match entry.in_flight.front().map(|oldest| oldest.deadline) {
                Some(deadline) if deadline <= now => self.close(node, context),
                Some(deadline) => {
                    context.set_timer(purpose, deadline);
                    Happened::Nothing
                }
                None => {
                    entry.armed = false;
                    Happened::Nothing
                }
            },
        })
    }

    /// The broker to ask for what any broker can answer: one that is connected, with the fewest requests in flight;
    /// else one that is being connected to; else one that may be (`NetworkClient.leastLoadedNode`).
    pub(super) fn least_loaded(&self, candidates: &[i32], context: &mut ClientContext<'_>) -> Option<i32> {
        let now = context.now();
        let offset = context.random().below(candidates.len() as u64) as usize;
        let rank = |node: &i32| match self.nodes.get(node).map(|entry| (entry.state, entry.in_flight.len())) {
            Some((State::Connected(_), in_flight)) => Some((0, in_flight)),
            Some((State::Connecting(_), _)) => Some((1, 0)),
            None => Some((2, 0)),
            Some((State::Disconnected { until }, _)) if until <= now => Some((2, 0)),
            Some((State::Disconnected { .. }, _)) => None,
        };
        let turned = candidates.iter().cycle().skip(offset).take(candidates.len());
        turned.filter_map(|node| Some((rank(node)?, *node))).min_by_key(|(rank, _)| *rank).map(|(_, node)| node)
    }

    fn close(&mut self, node: i32, context: &mut ClientContext<'_>) -> Happened<T> {
        if let Some(State::Connecting(connection) | State::Connected(connection)) =
            self.nodes.get(&node).map(|entry| entry.state)
        {
            context.close(connection);
        }
        self.lose(node, context)
    }

    fn lose(&mut self, node: i32, context: &mut ClientContext<'_>) -> Happened<T> {
        let Some(entry) = self.nodes.get_mut(&node) else { return Happened::Nothing };
        entry.failures = entry.failures.saturating_add(1);
        let pause =
            backoff::exponential(RECONNECT_BACKOFF_US, RECONNECT_BACKOFF_MAX_US, entry.failures, context.random());
        let until = context.now() + pause;
        entry.state = State::Disconnected { until };
        entry.armed = false;
        context.set_timer(timer_of(node), until);
        Happened::Lost { node, requests: entry.in_flight.drain(..).map(|request| request.tag).collect() }
    }

    fn next_correlation_id(&mut self) -> i32 {
        let id = self.next_correlation_id;
        self.next_correlation_id = id.wrapping_add(1);
        id
    }
}

impl<T> Node<T> {
    fn new() -> Self {
        Self { state: State::Disconnected { until: 0 }, failures: 0, in_flight: VecDeque::new(), armed: false }
    }
}

fn timer_of(node: i32) -> Purpose {
    CONNECTION_TIMERS + u64::from(node.unsigned_abs())
}

/// The answer inside a message that [`Connections::received`] found to be one.
pub(super) fn response(message: &Message) -> Option<&Response> {
    match &message.body {
        Body::Response(response) => Some(response),
        Body::Request(_) => None,
    }
}
