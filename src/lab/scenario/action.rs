//! To whom something can be done, and the commands of a person: the same words in a file and in the page.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::lab::fault::{FaultAction, Object};
use crate::wire::Api;

/// Names an intervention: a number of its own, given when it is made, that it keeps whatever else is added or taken away.
///
/// Of interventions at one time that with the lower number comes first: those of the file in its order, then those of a
/// person in the order in which they were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InterventionId(pub u32);

impl InterventionId {
    /// The first of what a nemesis draws; a file has fewer faults.
    pub const FIRST_DRAWN: Self = Self(1 << 12);

    /// The first that a person's command may have; a nemesis draws fewer faults.
    pub const FIRST_BY_HAND: Self = Self(1 << 16);

    /// The number after those of all commands so far.
    #[must_use]
    pub fn after<'a>(commands: impl IntoIterator<Item = &'a Command>) -> Self {
        let next = |command: &Command| Self(command.id.0 + 1);
        commands.into_iter().map(next).max().unwrap_or_default().max(Self::FIRST_BY_HAND)
    }
}

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkEnd {
    /// The broker with this id; brokers are numbered from 1.
    Broker(i32),
    /// The controller.
    Controller,
    /// The producer or consumer of this name.
    Client(String),
}

/// Whom something is done to. Leaders and followers are looked up at the moment it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// The broker with this id; brokers are numbered from 1.
    Broker(i32),
    /// The controller.
    Controller,
    /// The producer or consumer of this name.
    Client(String),
    /// All programs of the `[[consumer]]` of this name, which has `members`.
    Members(String),
    /// The broker that leads the partition.
    LeaderOf {
        /// The topic's name.
        topic: String,
        /// The partition's index.
        partition: u32,
    },
    /// The follower with the lowest id.
    FollowerOf {
        /// The topic's name.
        topic: String,
        /// The partition's index.
        partition: u32,
    },
    /// All followers.
    FollowersOf {
        /// The topic's name.
        topic: String,
        /// The partition's index.
        partition: u32,
    },
    /// What this broker has of the partition, whether it leads or follows, runs or is down.
    ReplicaOn {
        /// The topic's name.
        topic: String,
        /// The partition's index.
        partition: u32,
        /// The broker's id.
        broker: i32,
    },
    /// The way between two processes.
    Link {
        /// Where messages come from.
        from: LinkEnd,
        /// Where they go.
        to: LinkEnd,
        /// Whether the way back is meant too.
        both_ways: bool,
    },
    /// One message, on its way or still to come.
    Message {
        /// The API.
        api: Api,
        /// A request, otherwise a response.
        request: bool,
        /// Its place among those of its kind on this link since the run began, from 1.
        ordinal: u32,
        /// Who sends it.
        from: LinkEnd,
        /// Who is to receive it.
        to: LinkEnd,
    },
    /// The next message of an API.
    Next {
        /// The API.
        api: Api,
        /// A request, otherwise a response.
        request: bool,
        /// Who sends it, if that matters.
        from: Option<LinkEnd>,
        /// Who is to receive it, if that matters.
        to: Option<LinkEnd>,
    },
}

impl Target {
    /// The partition that it names.
    #[must_use]
    pub fn partition(&self) -> Option<(&str, u32)> {
        match self {
            Self::LeaderOf { topic, partition }
            | Self::FollowerOf { topic, partition }
            | Self::FollowersOf { topic, partition }
            | Self::ReplicaOn { topic, partition, .. } => Some((topic, *partition)),
            Self::Broker(_)
            | Self::Controller
            | Self::Client(_)
            | Self::Members(_)
            | Self::Link { .. }
            | Self::Message { .. }
            | Self::Next { .. } => None,
        }
    }

    /// Whether something that is done to such an object can be done to it.
    #[must_use]
    pub fn is(&self, object: Object) -> bool {
        use Object::{Brokers, Consumer, Link, Machines, Member, Members, Message, Numbered, Processes, Replica};
        match self {
            Self::Broker(_) => matches!(object, Processes | Numbered | Brokers | Machines),
            Self::Controller => matches!(object, Processes | Numbered | Machines),
            // Which client it is who reads knows.
            Self::Client(_) => matches!(object, Processes | Numbered | Machines | Consumer | Member),
            Self::Members(_) => object == Members,
            Self::LeaderOf { .. } | Self::FollowerOf { .. } | Self::FollowersOf { .. } => {
                matches!(object, Processes | Brokers | Machines | Replica)
            }
            Self::ReplicaOn { .. } => object == Replica,
            Self::Link { .. } => object == Link,
            Self::Message { .. } | Self::Next { .. } => object == Message,
        }
    }
}

/// Something that a person does to a running cluster, recorded with its time so that a replay does it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its number among the interventions of the run.
    pub id: InterventionId,
    /// When, in virtual microseconds.
    pub at_us: u64,
    /// What.
    pub action: FaultAction,
    /// To whom.
    pub target: Target,
}

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::Controller => f.write_str("controller"),
            Self::Client(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::Controller => f.write_str("controller"),
            Self::Client(name) => f.write_str(name),
            Self::Members(name) => write!(f, "consumer {name}"),
            Self::LeaderOf { topic, partition } => write!(f, "leader of {topic}-{partition}"),
            Self::FollowerOf { topic, partition } => write!(f, "follower of {topic}-{partition}"),
            Self::FollowersOf { topic, partition } => write!(f, "followers of {topic}-{partition}"),
            Self::ReplicaOn { topic, partition, broker } => {
                write!(f, "replica of {topic}-{partition} on broker {broker}")
            }
            Self::Link { from, to, both_ways: true } => write!(f, "link {from} - {to}"),
            Self::Link { from, to, both_ways: false } => write!(f, "link {from} -> {to}"),
            Self::Message { api, request, ordinal, from, to } => {
                write!(f, "message {api} {} {ordinal} from {from} to {to}", kind(*request))
            }
            Self::Next { api, request, from, to } => {
                write!(f, "next {api} {}", kind(*request))?;
                from.iter().try_for_each(|end| write!(f, " from {end}"))?;
                to.iter().try_for_each(|end| write!(f, " to {end}"))
            }
        }
    }
}

fn kind(is_request: bool) -> &'static str {
    if is_request { "request" } else { "response" }
}

/// An action and its target in the words of a command: made where somebody reads them.
#[must_use]
pub fn words(action: FaultAction, target: &Target) -> String {
    let amount = action.row().parameter.zip(action.amount());
    let beside = amount.map(|(parameter, amount)| format!(" {} {}", parameter.key, parameter.amount.write(amount)));
    format!("{} {target}{}", action.word(), beside.unwrap_or_default())
}

/// The words of a command as the page sends it, without its time.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&words(self.action, &self.target))
    }
}
