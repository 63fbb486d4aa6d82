//! What a person reads of a producer's trouble.

use std::collections::BTreeMap;

use super::reason::{Ill, Reason};
use super::{Spells, Trouble};
use crate::lab::names::Names;
use crate::lab::units::{list, seconds};
use crate::note::{SendError, WaitsFor};
use crate::wire::TopicPartition;

/// Partitions that are named; of more it is said how many.
const NAMED: usize = 6;

pub(super) fn text(trouble: &Trouble, names: &Names) -> String {
    let of_partitions = [of_stall(trouble), of_retries(trouble)];
    let of_send = [of_blocks(trouble, names)];
    let others = [of_failed(trouble, names), of_epochs(trouble), Some(of_end(trouble))];
    let clauses: Vec<String> = of_partitions.into_iter().chain(of_send).chain(others).flatten().collect();
    let place = match trouble.partitions.is_empty() {
        true => "send()".to_owned(),
        false => partitions(&trouble.partitions, names),
    };
    format!("{} in {place}: {}", names.process(trouble.producer), clauses.join(", "))
}

fn partitions(of: &[TopicPartition], names: &Names) -> String {
    let more = of.len().saturating_sub(NAMED);
    let named = of.iter().take(NAMED).map(|partition| names.partition(*partition));
    let more = (more > 0).then(|| format!("{more} more"));
    list(named.chain(more))
}

fn of_stall(trouble: &Trouble) -> Option<String> {
    let why = match trouble.reasons.is_empty() {
        true => String::new(),
        false => format!(" ({})", list(trouble.reasons.iter().map(|reason| of_reason(*reason)))),
    };
    let Spells { count, total_us, longest_us } = trouble.stalls;
    let how_long = match count {
        0 => return (!why.is_empty()).then(|| format!("slow{why}")),
        1 => format!("no acknowledgement for {}", seconds(longest_us)),
        count => {
            let (total, longest) = (seconds(total_us), seconds(longest_us));
            format!("{count} times no acknowledgement, {total} in all and {longest} at most")
        }
    };
    let waited = counted(trouble.waited, "record");
    Some(format!("{how_long}{why}, {waited} waited"))
}

fn of_reason(reason: Reason) -> String {
    match reason {
        Reason::NoTopic => "the topic was not there".to_owned(),
        Reason::NoLeader => "there was no leader".to_owned(),
        Reason::Controller(ill) => format!("the controller {}", of_ill(ill, "it")),
        Reason::Leader(broker, ill) => format!("the leader, broker {broker}, {}", of_ill(ill, "the producer")),
        Reason::Follower(broker, ill) => {
            format!("broker {broker}, in the ISR, {}", of_ill(ill, "the leader"))
        }
        Reason::TooFewInSync { isr, least } => format!("the ISR had {isr} of min.insync.replicas={least}"),
    }
}

fn of_ill(ill: Ill, towards: &str) -> String {
    match ill {
        Ill::Down => "was down".to_owned(),
        Ill::Paused => "was paused".to_owned(),
        Ill::Starting => "was starting".to_owned(),
        Ill::DiskFull => "had a full disk".to_owned(),
        Ill::DiskSlow => "had a slow disk".to_owned(),
        Ill::Cut => format!("was cut off from {towards}"),
        Ill::BadLink => format!("had a bad link to {towards}"),
    }
}

fn of_retries(trouble: &Trouble) -> Option<String> {
    let count = trouble.retries.values().sum();
    let noun = if count == 1 { "retry" } else { "retries" };
    (count > 0).then(|| format!("{count} {noun} ({})", errors(&trouble.retries, count)))
}

/// Errors with how often each came, where there are several.
fn errors(of: &BTreeMap<SendError, u64>, all: u64) -> String {
    let one = |(error, count): (&SendError, &u64)| match *count == all {
        true => error.name(),
        false => format!("{count} {}", error.name()),
    };
    list(of.iter().map(one))
}

fn of_blocks(trouble: &Trouble, names: &Names) -> Option<String> {
    let Spells { count, total_us, longest_us } = trouble.blocks;
    let how_long = match count {
        0 => return None,
        1 => format!("blocked for {}", seconds(longest_us)),
        count => format!("blocked {count} times, {} in all and {} at most", seconds(total_us), seconds(longest_us)),
    };
    let behind = match trouble.behind.is_empty() {
        true => String::new(),
        false => format!(" behind {}", partitions(&trouble.behind, names)),
    };
    let waits_for: Vec<String> = trouble
        .waits_for
        .iter()
        .map(|waits_for| match waits_for {
            WaitsFor::Metadata => "its topic was not in the metadata".to_owned(),
            WaitsFor::Memory => format!("buffer.memory was used up{behind}"),
        })
        .collect();
    Some(format!("{how_long} ({})", list(waits_for)))
}

fn of_failed(trouble: &Trouble, names: &Names) -> Option<String> {
    let sum = |errors: &BTreeMap<SendError, u64>| errors.values().sum::<u64>();
    let refused = (sum(&trouble.refused), &trouble.refused, "and in no log");
    let unknown = (sum(&trouble.unknown), &trouble.unknown, "and stored or not");
    let told = [refused, unknown].into_iter().filter(|(count, ..)| *count > 0);
    let told =
        told.map(|(count, of, what)| format!("{} failed with {} {what}", counted(count, "record"), errors(of, count)));
    let told: Vec<String> = told.collect();
    let first = names.record(trouble.first_failed?);
    Some(format!("{} (the first is {first})", list(told)))
}

fn of_epochs(trouble: &Trouble) -> Option<String> {
    let (first, last) = trouble.epochs?;
    Some(match first == last {
        true => format!("the producer bumped its epoch to {last}"),
        false => format!("the producer bumped its epoch {} times, to {last}", i32::from(last) - i32::from(first) + 1),
    })
}

fn of_end(trouble: &Trouble) -> String {
    match (trouble.is_over, trouble.partitions.is_empty()) {
        (true, _) => format!("over at {}", seconds(trouble.to.time)),
        (false, _) => "not over".to_owned(),
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
