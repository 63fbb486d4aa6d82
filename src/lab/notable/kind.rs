//! What a turning point can be, whom it can be about, and what can have been missing.

use crate::sim::process::ProcessId;
use crate::wire::{Api, CONTROLLER_PROCESS, TopicPartition};

/// What kind of turning point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotableKind {
    /// A fault or a command that breaks something.
    Fault,
    /// A fault's or command's end: a restart, a resumption, a heal.
    Repair,
    /// A leader was elected or lost.
    Election,
    /// The ISR or the eligible leader replicas changed.
    Isr,
    /// A broker registered, was fenced or unfenced.
    Registration,
    /// A log was truncated.
    Truncation,
    /// A log was compacted.
    Compaction,
    /// A log rolled, lost its oldest segments or was recovered.
    Storage,
    /// A client was told of an error, or a broker met one of its own.
    Error,
    /// A checker found something.
    Finding,
    /// Records were sent, stored and read: what happens all the time.
    Record,
}

/// Whom a turning point is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A process.
    Process(ProcessId),
    /// A partition.
    Partition(TopicPartition),
    /// A link.
    Link(ProcessId, ProcessId),
}

/// What a timer found missing. The event of such a turning point is a timer, which does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// A broker's heartbeats, for `broker.session.timeout.ms`.
    Session {
        /// Whose.
        broker: ProcessId,
    },
    /// A follower's fetches of what its leader has, for `replica.lag.time.max.ms`.
    Lag {
        /// Whose.
        follower: ProcessId,
        /// By whom they are missed.
        leader: ProcessId,
    },
}

impl Silence {
    /// Who has not been heard.
    #[must_use]
    pub fn of(self) -> ProcessId {
        match self {
            Self::Session { broker } => broker,
            Self::Lag { follower, .. } => follower,
        }
    }

    /// By whom.
    #[must_use]
    pub fn towards(self) -> ProcessId {
        match self {
            Self::Session { .. } => CONTROLLER_PROCESS,
            Self::Lag { leader, .. } => leader,
        }
    }

    /// The requests that are missing.
    #[must_use]
    pub fn api(self) -> Api {
        match self {
            Self::Session { .. } => Api::BrokerHeartbeat,
            Self::Lag { .. } => Api::Fetch,
        }
    }
}
