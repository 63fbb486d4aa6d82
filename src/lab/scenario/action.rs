//! What can be done to a running cluster, and to whom: the same words in a file and in the page.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::APIS;

/// What is done to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultAction {
    /// The process dies (SIGKILL); its page cache stays.
    Kill,
    /// The machine loses power: what was not flushed is gone.
    PowerLoss,
    /// A process that is down begins again.
    Restart,
    /// The process stands still, as in a long garbage collection.
    Pause,
    /// A paused process goes on.
    Resume,
    /// Nothing passes over the link any more.
    Cut,
    /// The link is again as the file's `[network]` says.
    Heal,
    /// What is sent over the link waits until it is healed; nothing is lost.
    Clog,
    /// Messages over the link take this much longer.
    Slow {
        /// Added to the link's latency, in microseconds.
        by_us: u64,
    },
    /// A message waits, and what is sent after it on its connection.
    Hold,
    /// A message that was held goes on, and what waited behind it.
    Release,
    /// A message never arrives.
    Lose,
    /// A message arrives twice.
    Repeat,
}

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// Brokers or the controller.
    Processes,
    /// A link.
    Link,
    /// One message.
    Message,
}

impl FaultAction {
    /// The action that takes this one back, for `restart-after`, `resume-after`, `heal-after` and `release-after`.
    pub fn undo(self) -> Option<Self> {
        match self {
            Self::Kill | Self::PowerLoss => Some(Self::Restart),
            Self::Pause => Some(Self::Resume),
            Self::Cut | Self::Clog | Self::Slow { .. } => Some(Self::Heal),
            Self::Hold => Some(Self::Release),
            Self::Restart | Self::Resume | Self::Heal | Self::Release | Self::Lose | Self::Repeat => None,
        }
    }

    /// It takes another action back.
    pub fn is_repair(self) -> bool {
        matches!(self, Self::Restart | Self::Resume | Self::Heal | Self::Release)
    }

    /// Its word in files and commands.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::PowerLoss => "power-loss",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cut => "cut",
            Self::Heal => "heal",
            Self::Clog => "clog",
            Self::Slow { .. } => "slow",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Lose => "lose",
            Self::Repeat => "repeat",
        }
    }

    /// What it is done to.
    pub fn object(self) -> Object {
        match self {
            Self::Kill | Self::PowerLoss | Self::Restart | Self::Pause | Self::Resume => Object::Processes,
            Self::Cut | Self::Heal | Self::Clog | Self::Slow { .. } => Object::Link,
            Self::Hold | Self::Release | Self::Lose | Self::Repeat => Object::Message,
        }
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
    /// The way between two processes.
    Link {
        /// Where messages come from.
        from: LinkEnd,
        /// Where they go.
        to: LinkEnd,
        /// Whether the way back is meant too.
        both_ways: bool,
    },
    /// The message that is on its way with this number.
    Message(u64),
    /// The next message of an API.
    Next {
        /// The API's place in [`APIS`].
        api: u32,
        /// A request, otherwise a response.
        request: bool,
        /// Who sends it, if that matters.
        from: Option<LinkEnd>,
        /// Who is to receive it, if that matters.
        to: Option<LinkEnd>,
    },
}

impl Target {
    /// What it is.
    pub fn object(&self) -> Object {
        match self {
            Self::Link { .. } => Object::Link,
            Self::Message(_) | Self::Next { .. } => Object::Message,
            _ => Object::Processes,
        }
    }
}

/// Something that a person does to a running cluster, recorded with its time so that a replay does it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
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
            Self::LeaderOf { topic, partition } => write!(f, "leader of {topic}-{partition}"),
            Self::FollowerOf { topic, partition } => write!(f, "follower of {topic}-{partition}"),
            Self::FollowersOf { topic, partition } => write!(f, "followers of {topic}-{partition}"),
            Self::Link { from, to, both_ways: true } => write!(f, "link {from} - {to}"),
            Self::Link { from, to, both_ways: false } => write!(f, "link {from} -> {to}"),
            Self::Message(number) => write!(f, "message {number}"),
            Self::Next { api, request, from, to } => {
                let api = APIS.get(*api as usize).copied().unwrap_or_default();
                write!(f, "next {api} {}", if *request { "request" } else { "response" })?;
                from.iter().try_for_each(|end| write!(f, " from {end}"))?;
                to.iter().try_for_each(|end| write!(f, " to {end}"))
            }
        }
    }
}

/// The words of a command as the page sends it, without its time.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action.word(), self.target)?;
        match self.action {
            FaultAction::Slow { by_us } => write!(f, " by {}", super::units::duration_text(by_us)),
            _ => Ok(()),
        }
    }
}
