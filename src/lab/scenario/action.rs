//! What can be done to a running cluster, and to whom: the same words in a file and in the page.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::Api;

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
    /// Each write and each flush of the disk takes this much longer.
    SlowDisk {
        /// In microseconds.
        by_us: u64,
    },
    /// The disk takes nothing more.
    FillDisk,
    /// The disk is quick again and has room.
    HealDisk,
    /// A bit of a stored batch turns over, and nobody is told.
    BitRot {
        /// An offset that the batch holds.
        offset: u64,
    },
    /// The index files of a replica are gone; its broker is down.
    LoseIndexes,
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
    /// What a broker has of a partition.
    Replica,
}

impl FaultAction {
    /// The action that takes this one back, for `restart-after`, `resume-after`, `heal-after`, `release-after` and
    /// `heal-disk-after`.
    pub fn undo(self) -> Option<Self> {
        match self {
            Self::Kill | Self::PowerLoss => Some(Self::Restart),
            Self::Pause => Some(Self::Resume),
            Self::Cut | Self::Clog | Self::Slow { .. } => Some(Self::Heal),
            Self::Hold => Some(Self::Release),
            Self::SlowDisk { .. } | Self::FillDisk => Some(Self::HealDisk),
            Self::Restart | Self::Resume | Self::Heal | Self::Release | Self::HealDisk => None,
            Self::Lose | Self::Repeat | Self::BitRot { .. } | Self::LoseIndexes => None,
        }
    }

    /// It takes another action back.
    pub fn is_repair(self) -> bool {
        matches!(self, Self::Restart | Self::Resume | Self::Heal | Self::Release | Self::HealDisk)
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
            Self::SlowDisk { .. } => "slow-disk",
            Self::FillDisk => "fill-disk",
            Self::HealDisk => "heal-disk",
            Self::BitRot { .. } => "bit-rot",
            Self::LoseIndexes => "lose-indexes",
        }
    }

    /// What it is done to.
    pub fn object(self) -> Object {
        match self {
            Self::Kill | Self::PowerLoss | Self::Restart | Self::Pause | Self::Resume => Object::Processes,
            Self::Cut | Self::Heal | Self::Clog | Self::Slow { .. } => Object::Link,
            Self::SlowDisk { .. } | Self::FillDisk | Self::HealDisk => Object::Processes,
            Self::Hold | Self::Release | Self::Lose | Self::Repeat => Object::Message,
            Self::BitRot { .. } | Self::LoseIndexes => Object::Replica,
        }
    }

    /// Whether it is done to a disk. The controller's is not simulated yet.
    pub fn is_for_disks(self) -> bool {
        matches!(self, Self::SlowDisk { .. } | Self::FillDisk | Self::HealDisk)
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
    /// The message that is on its way with this number.
    Message(u64),
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
    pub fn partition(&self) -> Option<(&str, u32)> {
        match self {
            Self::LeaderOf { topic, partition }
            | Self::FollowerOf { topic, partition }
            | Self::FollowersOf { topic, partition }
            | Self::ReplicaOn { topic, partition, .. } => Some((topic, *partition)),
            _ => None,
        }
    }

    /// Whether something that is done to such an object can be done to it.
    pub fn is(&self, object: Object) -> bool {
        match self {
            Self::Broker(_) | Self::Controller => object == Object::Processes,
            Self::LeaderOf { .. } | Self::FollowerOf { .. } | Self::FollowersOf { .. } => {
                matches!(object, Object::Processes | Object::Replica)
            }
            Self::ReplicaOn { .. } => object == Object::Replica,
            Self::Link { .. } => object == Object::Link,
            Self::Message(_) | Self::Next { .. } => object == Object::Message,
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
            Self::ReplicaOn { topic, partition, broker } => {
                write!(f, "replica of {topic}-{partition} on broker {broker}")
            }
            Self::Link { from, to, both_ways: true } => write!(f, "link {from} - {to}"),
            Self::Link { from, to, both_ways: false } => write!(f, "link {from} -> {to}"),
            Self::Message(number) => write!(f, "message {number}"),
            Self::Next { api, request, from, to } => {
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
            FaultAction::Slow { by_us } | FaultAction::SlowDisk { by_us } => {
                write!(f, " by {}", super::units::duration_text(by_us))
            }
            FaultAction::BitRot { offset } => write!(f, " offset {offset}"),
            _ => Ok(()),
        }
    }
}
