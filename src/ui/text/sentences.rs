//! Sentences over values of a frame.

use super::TEXT;
use crate::ui::format;
use crate::view::frame::Broker;
use crate::view::state::{Role, State};

/// A state in a word or two.
pub fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Fenced => "fenced",
        State::Killed => "killed",
        State::Halted => "halted",
        State::Stopped => "stopped",
        State::Paused => "paused",
        State::PowerLost => "power lost",
        State::Starting => "starting",
    }
}

/// A replica's part in a word.
pub fn role(role: Role) -> &'static str {
    match role {
        Role::Leader => "leads",
        Role::Follower => "ISR",
        Role::OutOfSync => "out",
        Role::Offline => "offline",
    }
}

/// How many brokers there are.
pub fn brokers(count: usize) -> String {
    if count == 1 { "1 broker".into() } else { format!("{count} brokers") }
}

/// How many partitions a broker leads.
pub fn leaders(count: usize) -> String {
    if count == 1 { "1 leader".into() } else { format!("{count} leaders") }
}

/// Partitions of a topic of Kafka's own that nobody has written to.
pub fn idle_partitions(count: usize) -> String {
    format!("{count} more without records")
}

/// Where a branch begins.
pub fn leaves(parent: &str) -> String {
    format!("the branch leaves \"{parent}\" here")
}

/// The way to another branch.
pub fn back_to(name: &str) -> String {
    format!("go to \"{name}\"")
}

/// What the key of a view does.
pub fn shows_view(name: &str) -> String {
    format!("show the view {name}")
}

/// A state and how long ago it began.
pub fn ago(state: &str, span: &str) -> String {
    format!("{state} {span} ago")
}

/// A state and how long it has lasted.
pub fn lasting(state: &str, span: &str) -> String {
    format!("{state} for {span}")
}

/// A state and the time it began.
pub fn since(state: &str, time: &str) -> String {
    format!("{state} since {time}")
}

/// How long until a message arrives.
pub fn arrives_in(span: &str) -> String {
    format!("arrives in {span}")
}

/// What a consumer has not read.
pub fn lag(records: &str) -> String {
    format!("lag {records}")
}

/// The most of a lag that was seen.
pub fn most_lag(records: &str) -> String {
    format!("lag over time, at most {records}")
}

/// A file that is no scenario by its size alone.
pub fn too_large(bytes: &str, most: &str) -> String {
    format!("The file has {bytes} bytes; a scenario has at most {most}.")
}

/// Where a consumer stands, and more about it.
pub fn at(position: &str, more: &str) -> String {
    format!("at {position} · {more}")
}

/// A broker's epoch.
pub fn broker_epoch(epoch: &str) -> String {
    format!("epoch {epoch}")
}

/// What is wrong with a broker's disk.
pub fn disk(broker: &Broker) -> Option<String> {
    if broker.disk_full {
        return Some(TEXT.disk_full.into());
    }
    (broker.disk_slowed_us > 0).then(|| format!("disk slowed by {}", format::span(broker.disk_slowed_us)))
}

/// A log cleaner at its work.
pub fn cleans(partition: &str) -> String {
    format!("cleans {partition}")
}
