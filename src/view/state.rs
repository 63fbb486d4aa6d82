//! What a process is doing, and what a replica is: all pictures tell it.

use serde::{Deserialize, Serialize};

/// What a process is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It serves.
    #[default]
    Running,
    /// It is alive but the controller has fenced it.
    Fenced,
    /// It was killed; what it had written is still in the page cache.
    Killed,
    /// It ended by itself, as a broker does whose log directories have all failed.
    Halted,
    /// It was told to end, and did.
    Stopped,
    /// It stands still, as in a long garbage collection.
    Paused,
    /// It lost power, and with it what was not flushed.
    PowerLost,
    /// It recovers its logs or registers.
    Starting,
}

/// A replica's part in replication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It leads.
    Leader,
    /// It follows and is in the ISR.
    #[default]
    Follower,
    /// It follows and is not in the ISR.
    OutOfSync,
    /// Its broker does not run, or has not opened it since it began.
    Offline,
}
