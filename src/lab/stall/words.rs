//! What a person reads of a reader's stall.

use super::reason::{Seat, WaitsIn, Why};
use super::suffered::{Reader, Stall};
use crate::lab::names::Names;
use crate::lab::trouble::{self, Reason};
use crate::lab::units::seconds;
use crate::wire::TopicPartition;

/// A stall in words.
#[must_use]
pub fn text(stall: &Stall, names: &Names) -> String {
    let partitions = trouble::partitions(&stall.partitions, names);
    let end = if stall.is_over { format!("over at {}", seconds(stall.to.time)) } else { "not over".to_owned() };
    let (how_long, why) = (seconds(stall.to.time - stall.from.time), why(&stall.whys, names));
    format!(
        "{} in {partitions}: nothing read for {how_long}{why}; lag {} by then; {end}",
        reader_text(&stall.reader, names),
        stall.lag
    )
}

/// Who reads.
#[must_use]
pub fn reader_text(reader: &Reader, names: &Names) -> String {
    match reader {
        Reader::Group(group) => format!("group {group}"),
        Reader::Alone(process) => names.process(*process),
    }
}

fn why(whys: &[Why], names: &Names) -> String {
    let of_others = whys.iter().filter_map(|why| of_one(why, names));
    let reasons: Vec<Reason> = whys.iter().filter_map(Why::reason).collect();
    let of_leader = (!reasons.is_empty()).then(|| trouble::why(&reasons, "the reader"));
    let mut told: Vec<String> = Vec::new();
    for clause in of_others.chain(of_leader) {
        if !told.contains(&clause) {
            told.push(clause);
        }
    }
    if told.is_empty() { String::new() } else { format!(" ({})", told.join("; ")) }
}

/// A reason by itself; what is wrong with the partition's leader is told together.
fn of_one(why: &Why, names: &Names) -> Option<String> {
    let name = |process: u32| names.process(process);
    Some(match *why {
        Why::Member(process, ill) => format!("{} {}", name(process), trouble::of_ill(ill)),
        Why::Over(process, error) => format!("{} had ended, poll() threw {}", name(process), error.exception()),
        Why::Waits(process, WaitsIn::Commit) => format!("{} was in commitSync()", name(process)),
        Why::Waits(process, WaitsIn::Send) => format!("{} waited for what it had sent on", name(process)),
        Why::Waits(process, WaitsIn::Transaction) => format!("{} waited for its transaction", name(process)),
        Why::Unanswered { timeout_ms } => {
            format!("no answer came, which takes request.timeout.ms={timeout_ms} to be noticed")
        }
        Why::Session { process, is_former, is_modern, timeout_ms } => {
            let key = if is_modern { "group.consumer.session.timeout.ms" } else { "session.timeout.ms" };
            let who = if is_former { format!("a former life of {}", name(process)) } else { name(process) };
            format!("the group has {who} as a member until {key}={timeout_ms} is over")
        }
        Why::Joins(process) => format!("the group was joined anew and waited for {}", name(process)),
        Why::Revokes(process) => format!("{} had not given it up yet", name(process)),
        Why::Hears { process, interval_ms } => {
            let key = "group.consumer.heartbeat.interval.ms";
            format!("{} hears that it has it with its next heartbeat, {key}={interval_ms}", name(process))
        }
        Why::Begins(process) => format!("{} had it, and asked where to begin", name(process)),
        Why::Nobody => "no member had it assigned".to_owned(),
        Why::Corrupt => "the batch there does not match its CRC".to_owned(),
        Why::At(seat, partition, reason) => of_seat(seat, partition, reason, names),
        Why::Former(process, broker) => {
            format!("{} asked broker {broker}, which coordinated its group before", name(process))
        }
        Why::Of(_) => return None,
    })
}

/// What is wrong with a partition on which reading depends.
fn of_seat(seat: Seat, partition: TopicPartition, reason: Reason, names: &Names) -> String {
    let place = names.partition(partition);
    let coordinator = match seat {
        Seat::Group => "the group's coordinator",
        Seat::Transactions => "the coordinator of its transactions",
        Seat::Output => return format!("in {place} {}", trouble::why(&[reason], "the producer")),
    };
    match reason {
        Reason::Leader(broker, ill) => format!("{coordinator}, broker {broker}, {}", trouble::of_ill(ill)),
        Reason::NoLeader => format!("there was no {}: {place} had no leader", &coordinator[4..]),
        Reason::NoTopic
        | Reason::Controller(_)
        | Reason::Client(_)
        | Reason::Deposed(_)
        | Reason::Follower(..)
        | Reason::TooFewInSync { .. } => {
            format!("{coordinator} could not write to {place}: {}", trouble::why(&[reason], "the member"))
        }
    }
}

impl Why {
    fn reason(&self) -> Option<Reason> {
        match self {
            Self::Of(reason) => Some(*reason),
            Self::Member(..)
            | Self::Over(..)
            | Self::Waits(..)
            | Self::Unanswered { .. }
            | Self::Session { .. }
            | Self::Joins(_)
            | Self::Revokes(_)
            | Self::Hears { .. }
            | Self::Begins(_)
            | Self::Nobody
            | Self::Corrupt
            | Self::At(..)
            | Self::Former(..) => None,
        }
    }
}
