//! The broker's connections to the controller: one to register and beat, one to ask, one to read the metadata
//! (Kafka: `BrokerLifecycleManager`, `NodeToControllerChannelManager`, and the raft client as an observer).
//!
//! Each is on its own: what is lost on one of them is asked for again there, and the others go on. Metadata is read from the
//! beginning, registered or not, so that a broker that comes back follows leaders before its former session has ended.

mod lifecycle;
mod requests;

use litemap::LiteMap;

use super::purgatory::{Asker, WaitId};
use crate::sim::network::ConnectionId;
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::TopicPartition;

/// The wait before a connection is opened again (`NodeToControllerChannelManagerImpl`: `reconnect.backoff.ms` and its maximum are
/// 50; the raft client's begin there).
const RECONNECT_US: Time = 50 * MILLISECOND;
/// How long a request has no answer until its connection is given up (`controller.socket.timeout.ms`).
const SOCKET_TIMEOUT_US: Time = 30 * SECOND;

/// The connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Lane {
    /// Registration and heartbeats.
    Lifecycle,
    /// All that is asked for.
    Requests,
    /// The metadata.
    Metadata,
}

impl Lane {
    const ALL: [Self; 3] = [Self::Lifecycle, Self::Requests, Self::Metadata];

    fn of(number: u64) -> Self {
        Self::ALL[usize::try_from(number).expect("a small number")]
    }
}

/// What an answer is to.
#[derive(Clone, Debug)]
enum Asked {
    Registration,
    Heartbeat,
    AlterPartition(Vec<TopicPartition>),
    ProducerIds,
    Metadata,
    /// Topics that clients asked for and that are not there.
    Topics(Vec<String>),
    /// A client's request, which waits for the answer.
    Forwarded(WaitId, Asker),
}

impl Asked {
    fn lane(&self) -> Lane {
        match self {
            Self::Registration | Self::Heartbeat => Lane::Lifecycle,
            Self::AlterPartition(_) | Self::ProducerIds | Self::Topics(_) | Self::Forwarded(..) => Lane::Requests,
            Self::Metadata => Lane::Metadata,
        }
    }
}

/// What the broker knows of its place in the cluster.
#[derive(Clone, Debug)]
pub(super) struct ControllerLink {
    connections: [Option<ConnectionId>; 3],
    incarnation: u32,
    /// Given by the registration; -1 before.
    broker_epoch: i64,
    /// The metadata that was taken in; -1 for none.
    offset: i64,
    /// It was unfenced once in this life.
    started: bool,
    /// It wants to shut down, and does so by then.
    shutdown_by: Option<Time>,
    /// It has told that its registration is refused: it asks again until it is not.
    is_refused: bool,
    /// The controller has heard of that.
    is_shutting_down: bool,
    correlation_id: i32,
    asked: LiteMap<i32, (Asked, Time)>,
    /// Requests of clients that were lost with their connection.
    unsent: Vec<(WaitId, Asker)>,
}

impl Default for ControllerLink {
    fn default() -> Self {
        Self {
            connections: [None; 3],
            incarnation: 0,
            broker_epoch: -1,
            offset: -1,
            started: false,
            shutdown_by: None,
            is_refused: false,
            is_shutting_down: false,
            correlation_id: 0,
            asked: LiteMap::new(),
            unsent: Vec::new(),
        }
    }
}

impl ControllerLink {
    pub(super) fn owns(&self, connection: ConnectionId) -> bool {
        self.connections.contains(&Some(connection))
    }

    /// The controller has unfenced it in this life: it takes connections (`BrokerServer.startup` waits for that).
    pub(super) fn has_started(&self) -> bool {
        self.started
    }

    pub(super) fn broker_epoch(&self) -> i64 {
        self.broker_epoch
    }

    /// It is registered, and no AlterPartition is on its way.
    pub(super) fn may_alter_partitions(&self) -> bool {
        let alters = |(asked, _): &(Asked, Time)| matches!(asked, Asked::AlterPartition(_));
        self.broker_epoch >= 0
            && self.connections[Lane::Requests as usize].is_some()
            && !self.asked.values().any(alters)
    }

    /// An internal topic was asked for, and the controller has not answered.
    pub(super) fn has_asked_for_topic(&self, name: &str) -> bool {
        let names = |asked: &Asked| matches!(asked, Asked::Topics(names) if names.iter().any(|asked| asked == name));
        self.asked.values().any(|(asked, _)| names(asked))
    }

    /// Since when the oldest request of a lane has had no answer.
    fn oldest(&self, lane: Lane) -> Option<Time> {
        self.asked.values().filter(|(asked, _)| asked.lane() == lane).map(|(_, since)| *since).min()
    }
}
