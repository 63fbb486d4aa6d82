//! The connections on which a broker asks others about transactions: one for each errand and broker, with one request under way
//! (Kafka: `InterBrokerSendThread`, once as `TransactionMarkerChannelManager`, once as `AddPartitionsToTxnManager`).
//!
//! A broker asks itself, too, over the loopback interface of its machine. No link of the simulation goes from a machine to
//! itself; so what it says to itself waits in a list for as long as that takes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::broker::{Broker, BrokerTimer, Context};
use crate::sim::network::ConnectionId;
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::{Body, Message, Request};

/// How long a message to oneself takes.
const LOOPBACK_US: Time = 50;
/// How long a broker is left alone whose connection is gone (both threads are given 50 ms as `reconnect.backoff.ms`).
const BACKOFF_US: Time = 50 * MILLISECOND;
/// `request.timeout.ms` of a broker.
pub(super) const REQUEST_TIMEOUT_US: Time = 30 * SECOND;

/// What other brokers are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::broker) enum Errand {
    /// To write markers.
    Markers,
    /// To add partitions to transactions, or to look them up.
    Partitions,
}

impl Errand {
    const ALL: [Self; 2] = [Self::Markers, Self::Partitions];

    /// The connection of a broker to itself. The kernel gives numbers from below.
    fn own(self) -> ConnectionId {
        ConnectionId(u64::MAX - self as u64)
    }

    /// The errand of a connection of a broker to itself; `None` for one to another.
    pub(in crate::broker) fn of_own(connection: ConnectionId) -> Option<Self> {
        Self::ALL.into_iter().find(|errand| errand.own() == connection)
    }
}

/// The timer of a line.
fn timer(errand: Errand, node: i32) -> BrokerTimer {
    BrokerTimer::Peer((errand as u64) << 32 | u64::from(node as u32))
}

/// A connection to a broker.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    connection: Option<ConnectionId>,
    correlation_id: i32,
    /// A request has no answer yet.
    is_busy: bool,
    backoff_until: Time,
}

/// The connections of a broker to others and to itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers {
    lines: BTreeMap<(Errand, i32), Line>,
    /// What it says to itself, with when it arrives.
    own: VecDeque<(Time, ConnectionId, Arc<Message>)>,
}

impl Peers {
    /// Whether a connection is one of these.
    pub(super) fn owns(&self, connection: ConnectionId) -> bool {
        Errand::of_own(connection).is_some() || self.of_connection(connection).is_some()
    }

    fn of_connection(&self, connection: ConnectionId) -> Option<(Errand, i32)> {
        let line = self.lines.iter().find(|(_, line)| line.connection == Some(connection));
        line.map(|(key, _)| *key)
    }

    /// Whether a broker may be asked now.
    pub(super) fn is_free(&self, errand: Errand, node: i32, now: Time) -> bool {
        self.lines.get(&(errand, node)).is_none_or(|line| !line.is_busy && line.backoff_until <= now)
    }
}

impl Broker {
    /// Asks a broker that is free.
    pub(super) fn ask_peer(&mut self, errand: Errand, node: i32, request: Request, context: &mut Context<'_>) {
        assert!(self.transactions.peers.is_free(errand, node, context.now()), "one request at a time");
        let line = self.transactions.peers.lines.entry((errand, node)).or_default();
        line.is_busy = true;
        line.correlation_id = line.correlation_id.checked_add(1).unwrap_or(0);
        let message = Message::new(line.correlation_id, Body::Request(request));
        if node == self.settings.id {
            line.connection = Some(errand.own());
            self.tell_myself(errand.own(), message, context);
        } else {
            let connection = *line.connection.get_or_insert_with(|| context.connect(node as u32));
            context.send(connection, message);
        }
        context.set_timer(timer(errand, node), context.after(REQUEST_TIMEOUT_US));
    }

    /// A broker is not asked before then.
    pub(super) fn leave_peer_alone(&mut self, errand: Errand, node: i32, until: Time, context: &mut Context<'_>) {
        let line = self.transactions.peers.lines.entry((errand, node)).or_default();
        if !line.is_busy {
            line.backoff_until = until;
            context.set_timer(timer(errand, node), until);
        }
    }

    /// An answer has come from another broker, or from itself.
    pub(in crate::broker) fn peer_answers(
        &mut self,
        connection: ConnectionId,
        message: &Arc<Message>,
        context: &mut Context<'_>,
    ) {
        let Body::Response(response) = &message.body else { unreachable!("requests are routed") };
        let key = self.transactions.peers.of_connection(connection).expect("only what it owns is brought here");
        let line = self.transactions.peers.lines.get_mut(&key).expect("it was just found");
        // To a request that was given up.
        if !line.is_busy || line.correlation_id != message.correlation_id {
            return;
        }
        line.is_busy = false;
        let (errand, node) = key;
        context.cancel_timer(timer(errand, node));
        match errand {
            Errand::Markers => self.markers_answered(node, response, context),
            Errand::Partitions => self.partitions_answered(node, response, context),
        }
    }

    /// A connection is gone, and with it what was asked on it.
    pub(in crate::broker) fn peer_is_gone(&mut self, connection: ConnectionId, context: &mut Context<'_>) {
        // One that this side has closed.
        let Some((errand, node)) = self.transactions.peers.of_connection(connection) else { return };
        self.lose_line(errand, node, context);
    }

    fn lose_line(&mut self, errand: Errand, node: i32, context: &mut Context<'_>) {
        let line = self.transactions.peers.lines.get_mut(&(errand, node)).expect("a line that was made is kept");
        line.connection = None;
        line.backoff_until = context.after(BACKOFF_US);
        let was_busy = std::mem::take(&mut line.is_busy);
        context.set_timer(timer(errand, node), context.after(BACKOFF_US));
        if was_busy {
            match errand {
                Errand::Markers => self.markers_lost(node, context),
                Errand::Partitions => self.partitions_lost(node, context),
            }
        }
    }

    /// A broker has not answered for too long, or may be asked again.
    pub(in crate::broker) fn peer_timer(&mut self, number: u64, context: &mut Context<'_>) {
        let (errand, node) = (Errand::ALL[(number >> 32) as usize], number as u32 as i32);
        let line = *self.transactions.peers.lines.get(&(errand, node)).expect("a line that was made is kept");
        if line.is_busy {
            if let Some(connection) = line.connection.filter(|connection| Errand::of_own(*connection).is_none()) {
                context.close(connection);
            }
            self.lose_line(errand, node, context);
            return;
        }
        match errand {
            Errand::Markers => self.send_markers(node, context),
            Errand::Partitions => self.send_partitions(node, context),
        }
    }

    /// Says something to itself.
    pub(in crate::broker) fn tell_myself(
        &mut self,
        connection: ConnectionId,
        message: Message,
        context: &mut Context<'_>,
    ) {
        let own = &mut self.transactions.peers.own;
        let at = context.after(LOOPBACK_US);
        if own.is_empty() {
            context.set_timer(BrokerTimer::Own, at);
        }
        own.push_back((at, connection, Arc::new(message)));
    }

    /// What it said to itself arrives.
    pub(in crate::broker) fn hear_myself(&mut self, context: &mut Context<'_>) {
        while let Some((at, connection, message)) = self.transactions.peers.own.front().cloned() {
            if at > context.now() {
                return context.set_timer(BrokerTimer::Own, at);
            }
            self.transactions.peers.own.pop_front();
            match &message.body {
                Body::Request(_) => self.receive(connection, self.settings.id as u32, message, context),
                Body::Response(_) => self.peer_answers(connection, &message, context),
            }
        }
    }
}
