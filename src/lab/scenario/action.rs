//! What can be done to a running cluster, and to whom: the same words in a file and in the page.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// Messages over the link take this much longer.
    Slow {
        /// Added to the link's latency, in microseconds.
        by_us: u64,
    },
}

impl FaultAction {
    /// The action that takes this one back, for `restart-after`, `resume-after` and `heal-after`.
    pub fn undo(self) -> Option<Self> {
        match self {
            Self::Kill | Self::PowerLoss => Some(Self::Restart),
            Self::Pause => Some(Self::Resume),
            Self::Cut | Self::Slow { .. } => Some(Self::Heal),
            Self::Restart | Self::Resume | Self::Heal => None,
        }
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
            Self::Slow { .. } => "slow",
        }
    }

    /// Whether it is done to links; otherwise it is done to processes.
    pub fn is_for_links(self) -> bool {
        matches!(self, Self::Cut | Self::Heal | Self::Slow { .. })
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
