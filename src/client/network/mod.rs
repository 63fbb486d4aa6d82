//! A client's connections, and what it knows of the cluster (Kafka: `NetworkClient`).
//!
//! A client begins with its bootstrap servers, over a connection whose node id is negative; once it knows the brokers
//! it has one connection to each that it speaks to. The first request of each connection is ApiVersions, and nothing
//! else is sent before it is answered: a broker that hangs gets no request that might be executed later. Requests of
//! one connection are answered in their order. One that is not answered in `request.timeout.ms` costs the connection,
//! and with it every request that was on it.
//!
//! What is asked of any broker goes to the one with the fewest requests in flight. Where no broker can be reached, or
//! metadata have been asked for in vain for `metadata.recovery.rebootstrap.trigger.ms`, the client begins again with
//! its bootstrap servers (KIP-899, KIP-1102).

mod connection;
mod metadata;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use kafka_protocol::messages::ApiVersionsRequest;
use kafka_protocol::protocol::StrBytes;

use connection::{InFlight, Node, State, What};
pub(crate) use metadata::Metadata;
pub use settings::NetworkSettings;
pub(super) use settings::network_settings;

use super::ClientContext;
use super::node::{broker_of, coordinator_node};
use super::timer::{ClientTimer, Slot};
use crate::sim::Time;
use crate::sim::network::ConnectionId;
use crate::sim::process::{Input, ProcessId};
use crate::sim::sorted::SortedMap;
use crate::wire::{Body, Message, Request, Response};

/// The connections of one client; `T` is what the client remembers of a request until it is answered.
#[derive(Clone, Debug)]
pub(super) struct Network<T> {
    settings: Arc<NetworkSettings>,
    slot: Slot,
    /// What the client calls itself.
    client_id: Arc<str>,
    next_correlation_id: i32,
    nodes: SortedMap<i32, Node<T>>,
    metadata: Metadata,
    /// When the timer of metadata fires, if it is set.
    metadata_armed: Option<Time>,
}

/// What an input meant for the client.
#[derive(Debug)]
pub(super) enum Happened<T> {
    /// Nothing but that a node may be written to, or asked for a connection, again.
    Nothing,
    /// There is a newer image.
    Updated,
    /// The connection to a node is gone.
    Lost(Lost<T>),
    /// The client has ended these connections and begins with its bootstrap servers again.
    Rebootstrapped(Vec<Lost<T>>),
    /// A request that nobody answers is written.
    Written { tag: T },
    /// The answer to a request.
    Answered { node: i32, tag: T, response: Arc<Message> },
    /// A timer of the client's own.
    Timer(ClientTimer),
}

/// A connection that is gone, and with it these requests.
#[derive(Debug)]
pub(super) struct Lost<T> {
    pub(super) node: i32,
    /// A request was not answered in time, or the connection not set up: this side has ended it.
    pub(super) timed_out: bool,
    pub(super) requests: Vec<T>,
}

impl<T> Network<T> {
    pub(super) fn new(settings: Arc<NetworkSettings>, slot: Slot, client_id: &str) -> Self {
        Self {
            settings,
            slot,
            client_id: client_id.into(),
            next_correlation_id: 0,
            nodes: SortedMap::default(),
            metadata: Metadata::new(),
            metadata_armed: None,
        }
    }

    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(super) fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// Sets a timer of this client.
    pub(super) fn set_timer(&self, timer: ClientTimer, at: Time, context: &mut ClientContext<'_>) {
        context.set_timer(self.slot.purpose(timer), at);
    }

    pub(super) fn cancel_timer(&self, timer: ClientTimer, context: &mut ClientContext<'_>) {
        context.cancel_timer(self.slot.purpose(timer));
    }

    /// True where requests can be sent to the node. Begins to set up a connection where there is none and the back-off
    /// since the last is over (`NetworkClient.ready`). What asks again is the next input that concerns the node.
    pub(super) fn is_ready(&mut self, node: i32, context: &mut ClientContext<'_>) -> bool {
        let now = context.now();
        let entry = self.nodes.get_or_insert_with(node, Node::new);
        if entry.can_connect(now) {
            let connection = context.connect_buffered(process_of(node), self.settings.send_buffer_bytes);
            entry.connecting(connection, &self.settings, now, context.random());
            self.arm(node, context);
            return false;
        }
        entry.can_send_more(&self.settings, context)
    }

    /// True where a connection to the node is there, or being set up.
    pub(super) fn is_connected(&self, node: i32) -> bool {
        self.nodes.get(&node).is_some_and(|entry| entry.connection().is_some())
    }

    /// Requests on their way to a node, or their answers back.
    pub(super) fn in_flight(&self, node: i32) -> usize {
        self.nodes.get(&node).map_or(0, |node| node.in_flight.len())
    }

    /// The same for all nodes.
    pub(super) fn all_in_flight(&self) -> usize {
        self.nodes.values().map(|node| node.in_flight.len()).sum()
    }

    /// The node to ask for what any broker can answer (`NetworkClient.leastLoadedNode`): one that is ready, with the
    /// fewest requests in flight; else one whose connection is being set up; else the one that was left alone longest.
    pub(super) fn least_loaded(&self, context: &mut ClientContext<'_>) -> Option<i32> {
        let now = context.now();
        let candidates = self.metadata.nodes(self.settings.bootstrap);
        let offset = context.random().below(candidates.len().max(1) as u64) as usize;
        let rank = |node: i32| match self.nodes.get(&node) {
            None => Some((2, 0)),
            Some(entry) if entry.is_ready() => {
                entry.can_send_more(&self.settings, context).then_some((0, entry.in_flight.len() as u64))
            }
            Some(entry) if entry.connection().is_some() => Some((1, 0)),
            Some(entry) => entry.can_connect(now).then_some((2, entry.last_attempt)),
        };
        let turned = candidates.iter().cycle().skip(offset).take(candidates.len());
        turned.filter_map(|node| Some((rank(*node)?, *node))).min_by_key(|(rank, _)| *rank).map(|(_, node)| node)
    }

    /// Sends a request that is answered, over a connection that is ready.
    pub(super) fn send(&mut self, node: i32, request: Request, tag: T, context: &mut ClientContext<'_>) {
        self.send_for(node, request, What::Client(tag), context);
    }

    /// Sends a request whose answer may take longer than `request.timeout.ms`, such as JoinGroup: it waits for others.
    pub(super) fn send_within(
        &mut self,
        node: i32,
        request: Request,
        tag: T,
        timeout_us: Time,
        context: &mut ClientContext<'_>,
    ) {
        self.write(node, request, What::Client(tag), false, context);
        let sent = self.nodes.get_mut(&node).and_then(|entry| entry.in_flight.back_mut()).expect("it was just sent");
        sent.deadline = context.now() + timeout_us;
        self.arm(node, context);
    }

    /// True where the last connection to the node is gone and it is too early for another one
    /// (`ConsumerNetworkClient.isUnavailable`).
    pub(super) fn is_unavailable(&self, node: i32, now: Time) -> bool {
        self.nodes.get(&node).is_some_and(|entry| entry.state == State::Disconnected && entry.not_before > now)
    }

    /// Ends the connection to a node, if there is one (`ConsumerNetworkClient.disconnectAsync`).
    pub(super) fn disconnect(&mut self, node: i32, context: &mut ClientContext<'_>) -> Option<Lost<T>> {
        if self.is_connected(node) { self.close(node, context) } else { None }
    }

    /// Sends a request that is not answered (Produce with acks=0). It is over when it is written, which may be at once: then its
    /// tag comes back (`NetworkClient.handleCompletedSends`).
    pub(super) fn send_unanswered(
        &mut self,
        node: i32,
        request: Request,
        tag: T,
        context: &mut ClientContext<'_>,
    ) -> Option<T> {
        self.write(node, request, What::Client(tag), true, context);
        let written = self.complete_written(node, context);
        if written.is_none() {
            self.arm(node, context);
        }
        written
    }

    /// The tag of the last request to a node, if that is over because it is written.
    fn complete_written(&mut self, node: i32, context: &ClientContext<'_>) -> Option<T> {
        let entry = self.nodes.get_mut(&node).expect("a node with a connection");
        let is_written = entry.connection().is_some_and(|connection| context.is_written(connection));
        let last = entry.in_flight.pop_back_if(|last| last.is_unanswered && is_written)?;
        match last.what {
            What::Client(tag) => Some(tag),
            What::ApiVersions | What::Metadata => panic!("a broker answers what the network client asks"),
        }
    }

    fn send_for(&mut self, node: i32, request: Request, what: What<T>, context: &mut ClientContext<'_>) {
        self.write(node, request, what, false, context);
        self.arm(node, context);
    }

    fn write(
        &mut self,
        node: i32,
        request: Request,
        what: What<T>,
        is_unanswered: bool,
        context: &mut ClientContext<'_>,
    ) {
        let correlation_id = self.next_correlation_id();
        let now = context.now();
        let deadline = now + self.settings.request_timeout_us;
        let entry = self.nodes.get_mut(&node).expect("a node that is ready");
        let connection = entry.connection().expect("a connection to send over");
        assert!(
            entry.is_ready() || matches!(what, What::ApiVersions),
            "nothing is sent before ApiVersions is answered"
        );
        entry.last_used = now;
        entry.in_flight.push_back(InFlight { correlation_id, deadline, is_unanswered, what });
        let version = self.settings.version(request.api());
        context.send(connection, Message::of_client(&self.client_id, correlation_id, request).at(version));
    }

    /// Sees to it that the node's timer fires no later than it must be looked at.
    fn arm(&mut self, node: i32, context: &mut ClientContext<'_>) {
        let entry = self.nodes.get_mut(&node).expect("only a node that is known is looked at");
        let at = entry.look_at(&self.settings);
        if entry.armed.is_none_or(|armed| at < armed) {
            entry.armed = Some(at);
            context.set_timer(self.slot.purpose(ClientTimer::Connection(node)), at);
        }
    }

    /// Asks for metadata where that is due (`DefaultMetadataUpdater.maybeUpdate`). It comes before all other requests of
    /// a turn, as in Kafka, where a node is not ready as long as metadata are due.
    pub(super) fn maybe_update_metadata(&mut self, context: &mut ClientContext<'_>) {
        let now = context.now();
        if !self.metadata.is_due(now) {
            return self.wait_for_metadata(context);
        }
        self.metadata.begin_attempt(now);
        let mut node = self.least_loaded(context);
        if node.is_none() && self.settings.rebootstrap_trigger_us.is_some() && !self.knows_a_ready_node() {
            self.metadata.rebootstrap(now);
            node = self.least_loaded(context);
        }
        // As long as there is no node to ask, its timer waits.
        let Some(node) = node else { return self.wait_for_metadata(context) };
        let is_setting_up = |node: &Node<T>| matches!(node.state, State::Connecting { .. });
        if self.nodes.get(&node).is_some_and(Node::is_ready) {
            let request = self.metadata.request(&self.settings);
            self.metadata.sent();
            self.send_for(node, Request::Metadata(request), What::Metadata, context);
        } else if !self.nodes.values().any(is_setting_up) {
            // While one connection is being set up no other is begun for this.
            self.is_ready(node, context);
        }
        self.wait_for_metadata(context);
    }

    fn knows_a_ready_node(&self) -> bool {
        let nodes = self.metadata.nodes(self.settings.bootstrap);
        nodes.iter().any(|node| self.nodes.get(node).is_some_and(Node::is_ready))
    }

    /// Sets the timer at which metadata are looked at without any other input.
    fn wait_for_metadata(&mut self, context: &mut ClientContext<'_>) {
        let now = context.now();
        let next = self.metadata.next_update();
        // Due and not sent: what lets it be sent is a connection, whose timer is set.
        let next = (next > now).then_some(next);
        let at = [next, self.metadata.rebootstraps_at(&self.settings)].into_iter().flatten().min();
        if let Some(at) = at.filter(|at| self.metadata_armed != Some(*at)) {
            self.metadata_armed = Some(at);
            self.set_timer(ClientTimer::Metadata, at, context);
        }
    }

    /// Ends all connections to the nodes that the client knows and begins with its bootstrap servers again
    /// (`NetworkClient.handleRebootstrap`).
    fn rebootstrap(&mut self, context: &mut ClientContext<'_>) -> Happened<T> {
        let mut lost = Vec::new();
        for node in self.metadata.nodes(self.settings.bootstrap) {
            if self.nodes.get(&node).is_some_and(|entry| entry.connection().is_some()) {
                lost.extend(self.close(node, context));
            }
        }
        self.metadata.rebootstrap(context.now());
        Happened::Rebootstrapped(lost)
    }

    /// Takes an input that is this client's; any other is handed back.
    pub(super) fn handle(
        &mut self,
        input: Input<Message>,
        context: &mut ClientContext<'_>,
    ) -> Result<Happened<T>, Input<Message>> {
        match input {
            Input::Timer(purpose) => match self.slot.timer(purpose) {
                Some(timer) => Ok(self.timer(timer, context)),
                None => Err(input),
            },
            Input::Connected { connection, peer } => match self.owner_of(connection, peer) {
                Some(node) => Ok(self.connected(node, connection, context)),
                None => Err(input),
            },
            Input::Disconnected { connection, peer } => match self.owner_of(connection, peer) {
                Some(node) => Ok(self.lose(node, false, context)),
                None => Err(input),
            },
            Input::Received { connection, peer, ref message } => match self.owner_of(connection, peer) {
                Some(node) => Ok(self.received(node, message, context)),
                None => Err(input),
            },
            Input::Written { connection, peer } => match self.owner_of(connection, peer) {
                Some(node) => Ok(self.written(node, context)),
                None => Err(input),
            },
            input => Err(input),
        }
    }

    /// The node whose connection this is: the broker itself, or the bootstrap server that it is.
    fn owner_of(&self, connection: ConnectionId, peer: ProcessId) -> Option<i32> {
        let broker = i32::try_from(peer).ok()?;
        let owns = |node: &i32| self.nodes.get(node).is_some_and(|node| node.connection() == Some(connection));
        [broker, -broker, coordinator_node(broker)].into_iter().find(owns)
    }

    fn connected(&mut self, node: i32, connection: ConnectionId, context: &mut ClientContext<'_>) -> Happened<T> {
        let entry = self.nodes.get_mut(&node).expect("the owner of the connection");
        entry.connected(connection, context.now());
        self.send_for(node, Request::ApiVersions(api_versions_request()), What::ApiVersions, context);
        Happened::Nothing
    }

    /// The rest of a request is written: more may be sent.
    fn written(&mut self, node: i32, context: &mut ClientContext<'_>) -> Happened<T> {
        self.nodes.get_mut(&node).expect("the owner of the connection").last_used = context.now();
        self.complete_written(node, context).map_or(Happened::Nothing, |tag| Happened::Written { tag })
    }

    /// Finds the request that a message answers.
    fn received(&mut self, node: i32, message: &Arc<Message>, context: &mut ClientContext<'_>) -> Happened<T> {
        let now = context.now();
        let entry = self.nodes.get_mut(&node).expect("the owner of the connection");
        entry.last_used = now;
        let is_it = |request: &InFlight<T>| request.correlation_id == message.correlation_id;
        // Where a fault has doubled the message, its request is answered already.
        let Some(place) = entry.in_flight.iter().position(is_it) else { return Happened::Nothing };
        let answered = entry.in_flight.remove(place).expect("the place was just found");
        match (answered.what, &message.body) {
            (What::ApiVersions, Body::Response(Response::ApiVersions(response))) => {
                if response.error_code != 0 {
                    return self.end(node, false, context);
                }
                let connection = entry.connection().expect("the connection of the answer");
                entry.ready(connection);
                Happened::Nothing
            }
            (What::Metadata, Body::Response(Response::Metadata(image))) => {
                match self.metadata.answered(image, &self.settings, now, context.random()) {
                    true => Happened::Updated,
                    false => Happened::Nothing,
                }
            }
            (What::Client(tag), Body::Response(_)) => Happened::Answered { node, tag, response: Arc::clone(message) },
            (What::ApiVersions | What::Metadata, Body::Response(_)) | (_, Body::Request(_)) => {
                panic!("a broker answers what it is asked: {:?}", message.body.api())
            }
        }
    }

    fn timer(&mut self, timer: ClientTimer, context: &mut ClientContext<'_>) -> Happened<T> {
        let now = context.now();
        match timer {
            ClientTimer::Metadata => {
                self.metadata_armed = None;
                match self.metadata.rebootstraps_at(&self.settings) {
                    Some(at) if at <= now => self.rebootstrap(context),
                    Some(_) | None => Happened::Nothing,
                }
            }
            ClientTimer::Connection(node) => {
                let entry = self.nodes.get_mut(&node).expect("only a node that is known has a timer");
                entry.armed = None;
                if entry.look_at(&self.settings) > now {
                    self.arm(node, context);
                    return Happened::Nothing;
                }
                match entry.state {
                    State::Disconnected => Happened::Nothing,
                    State::Connecting { .. } => self.end(node, true, context),
                    State::CheckingApiVersions(_) | State::Ready(_) => {
                        // Idle for connections.max.idle.ms, or waiting for an answer for request.timeout.ms.
                        let timed_out = entry.in_flight.iter().any(|request| request.deadline <= now);
                        self.end(node, timed_out, context)
                    }
                }
            }
            ClientTimer::Coordinator
            | ClientTimer::Heartbeat
            | ClientTimer::Commit
            | ClientTimer::Sender
            | ClientTimer::Delivery
            | ClientTimer::ProducerId
            | ClientTimer::Block
            | ClientTimer::Retry
            | ClientTimer::Call => Happened::Timer(timer),
        }
    }

    /// Ends a connection from this side.
    fn end(&mut self, node: i32, timed_out: bool, context: &mut ClientContext<'_>) -> Happened<T> {
        let entry = self.nodes.get(&node).expect("a node with a connection");
        context.close(entry.connection().expect("a connection to end"));
        self.lose(node, timed_out, context)
    }

    fn close(&mut self, node: i32, context: &mut ClientContext<'_>) -> Option<Lost<T>> {
        match self.end(node, false, context) {
            Happened::Lost(lost) => Some(lost),
            Happened::Nothing
            | Happened::Updated
            | Happened::Rebootstrapped(_)
            | Happened::Written { .. }
            | Happened::Answered { .. }
            | Happened::Timer(_) => None,
        }
    }

    /// A connection is gone (`NetworkClient.processDisconnection`).
    fn lose(&mut self, node: i32, timed_out: bool, context: &mut ClientContext<'_>) -> Happened<T> {
        let now = context.now();
        let entry = self.nodes.get_mut(&node).expect("a node with a connection");
        let mut requests = Vec::new();
        let mut asked_metadata = false;
        for request in entry.disconnected(&self.settings, now, context.random()) {
            match request.what {
                // The next connection begins with it anew.
                What::ApiVersions => {}
                What::Metadata => asked_metadata = true,
                What::Client(tag) => requests.push(tag),
            }
        }
        if asked_metadata || self.metadata.is_due(now) {
            self.metadata.failed(&self.settings, now, context.random());
        }
        // What is known may be the reason.
        self.metadata.request_update();
        self.arm(node, context);
        Happened::Lost(Lost { node, timed_out, requests })
    }

    fn next_correlation_id(&mut self) -> i32 {
        let id = self.next_correlation_id;
        self.next_correlation_id = id.wrapping_add(1);
        id
    }
}

/// The process of a node: node ids of bootstrap servers are negative.
fn process_of(node: i32) -> ProcessId {
    assert!(node != 0, "no broker has this id");
    broker_of(node).unsigned_abs()
}

/// What Kafka's Java client says of itself (`ApiVersionsRequest.Builder`).
fn api_versions_request() -> ApiVersionsRequest {
    ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str("apache-kafka-java"))
        .with_client_software_version(StrBytes::from_static_str("4.3.1"))
}

/// The answer inside a message that answers a request.
pub(super) fn response(message: &Message) -> &Response {
    match &message.body {
        Body::Response(response) => response,
        Body::Request(_) => panic!("a request was taken for an answer"),
    }
}
