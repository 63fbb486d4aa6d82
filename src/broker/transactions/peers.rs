//! The connections on which a broker asks others about transactions: one for each errand and broker, with one request under way
//! (Kafka: `InterBrokerSendThread`, once as `TransactionMarkerChannelManager`, once as `AddPartitionsToTxnManager`).
//!
//! A broker asks itself, too, over the loopback interface of its machine. No link of the simulation goes from a machine to
//! itself; so what it says to itself waits in a list for as long as that takes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::broker::timer::BrokerTimer;
use crate::sim::network::ConnectionId;
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::Message;

/// How long a message to oneself takes.
pub(super) const LOOPBACK_US: Time = 50;
/// How long a broker is left alone whose connection is gone (both threads are given 50 ms as `reconnect.backoff.ms`).
pub(super) const BACKOFF_US: Time = 50 * MILLISECOND;
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
    pub(super) const ALL: [Self; 2] = [Self::Markers, Self::Partitions];

    /// The connection of a broker to itself. The kernel gives numbers from below.
    pub(super) fn own(self) -> ConnectionId {
        ConnectionId(u64::MAX - self as u64)
    }

    /// The errand of a connection of a broker to itself; `None` for one to another.
    pub(in crate::broker) fn of_own(connection: ConnectionId) -> Option<Self> {
        Self::ALL.into_iter().find(|errand| errand.own() == connection)
    }
}

/// The timer of a line.
pub(super) fn timer(errand: Errand, node: i32) -> BrokerTimer {
    BrokerTimer::Peer((errand as u64) << 32 | u64::from(node as u32))
}

/// A connection to a broker.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    pub(super) connection: Option<ConnectionId>,
    pub(super) correlation_id: i32,
    /// A request has no answer yet.
    pub(super) is_busy: bool,
    pub(super) backoff_until: Time,
}

/// The connections of a broker to others and to itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers {
    pub(super) lines: BTreeMap<(Errand, i32), Line>,
    /// What it says to itself, with when it arrives.
    pub(super) own: VecDeque<(Time, ConnectionId, Arc<Message>)>,
}

impl Peers {
    /// Whether a connection is one of these.
    pub(super) fn owns(&self, connection: ConnectionId) -> bool {
        Errand::of_own(connection).is_some() || self.of_connection(connection).is_some()
    }

    pub(super) fn of_connection(&self, connection: ConnectionId) -> Option<(Errand, i32)> {
        let line = self.lines.iter().find(|(_, line)| line.connection == Some(connection));
        line.map(|(key, _)| *key)
    }

    /// Whether a broker may be asked now.
    pub(super) fn is_free(&self, errand: Errand, node: i32, now: Time) -> bool {
        self.lines.get(&(errand, node)).is_none_or(|line| !line.is_busy && line.backoff_until <= now)
    }
}
