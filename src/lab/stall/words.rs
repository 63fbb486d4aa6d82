//! What a person reads of a reader's stall.

use super::reason::{Seat, WaitsIn, Why};
use super::suffered::{Reader, Stall};
use crate::lab::names::Names;
use crate::lab::trouble::{self, Reason};
use crate::lab::units::{list, seconds};
use crate::sim::process::ProcessId;
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
    let mut told: Vec<(Vec<String>, String)> = Vec::new();
    for (who, what) in whys.iter().filter_map(|why| of_one(why, names)) {
        match told.iter_mut().find(|(_, known)| *known == what) {
            Some((known, _)) => known.extend(who.filter(|who| !known.contains(who))),
            None => told.push((who.into_iter().collect(), what)),
        }
    }
    let of_others = told.into_iter().map(|(who, what)| what.replace(WHO, &list(who)));
    let reasons: Vec<Reason> = whys.iter().filter_map(Why::reason).collect();
    let of_leader = (!reasons.is_empty()).then(|| trouble::why(&reasons, "the reader"));
    let told: Vec<String> = of_others.chain(of_leader).collect();
    if told.is_empty() { String::new() } else { format!(" ({})", told.join("; ")) }
}

/// Where in a reason those stand of whom it holds.
const WHO: &str = "{who}";

/// A reason by itself, and of whom it holds: several of one reason are told together. What is wrong with the partition's leader
/// is told by itself.
fn of_one(why: &Why, names: &Names) -> Option<(Option<String>, String)> {
    let name = |process: ProcessId| Some(names.process(process));
    Some(match *why {
        Why::Member(process, ill) => (None, format!("{} {}", names.process(process), trouble::of_ill(ill))),
        Why::Over(process, error) => (name(process), format!("{WHO} had ended, poll() threw {}", error.exception())),
        Why::Waits(process, WaitsIn::Commit) => (name(process), format!("commitSync() of {WHO} did not return")),
        Why::Waits(process, WaitsIn::Send) => (name(process), format!("what {WHO} had sent on was not stored")),
        Why::Waits(process, WaitsIn::Transaction) => {
            (name(process), format!("a transaction's call of {WHO} did not return"))
        }
        Why::Unanswered { timeout_ms } => {
            (None, format!("no answer came, which is noticed behind request.timeout.ms={timeout_ms}"))
        }
        Why::Session { process, is_former, is_modern, timeout_ms } => {
            let key = if is_modern { "group.consumer.session.timeout.ms" } else { "session.timeout.ms" };
            let who = if is_former { "a former life of " } else { "" };
            (name(process), format!("the group has {who}{WHO} as a member until {key}={timeout_ms} is over"))
        }
        Why::Joins(process) => (name(process), format!("the group was joined anew and waited for {WHO}")),
        Why::Revokes(process) => (name(process), format!("it was not given up yet by {WHO}")),
        Why::Hears { process, is_modern, interval_ms } => {
            let key = if is_modern { "group.consumer.heartbeat.interval.ms" } else { "heartbeat.interval.ms" };
            (name(process), format!("it is assigned with the next heartbeat of {WHO}, {key}={interval_ms}"))
        }
        Why::Begins(process) => (name(process), format!("where to begin was asked by {WHO}")),
        Why::Nobody => (None, "no member had it assigned".to_owned()),
        Why::Corrupt => (None, "the batch there does not match its CRC".to_owned()),
        Why::OpenTransaction { producer, producer_id, since } => {
            let whose = producer.map_or_else(|| format!("producer id {producer_id}"), |it| names.process(it));
            let since = seconds(since);
            let what =
                format!("it waited at the last stable offset for the transaction of {whose}, open since {since}");
            (None, what)
        }
        Why::HighWatermark(at) => (None, format!("the high watermark stood at {at}")),
        Why::At(seat, partition, reason) => (None, of_seat(seat, partition, reason, names)),
        Why::Former(process, broker) => {
            (name(process), format!("broker {broker}, which coordinated the group before, was asked by {WHO}"))
        }
        // It is told with the others of its kind.
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
            | Self::OpenTransaction { .. }
            | Self::HighWatermark(_)
            | Self::At(..)
            | Self::Former(..) => None,
        }
    }
}
