//! What a person reads of a producer's trouble.

use std::collections::BTreeMap;

use super::reason::{Ill, Reason, Why};
use super::suffered::{InCall, Spells, Trouble};
use crate::lab::names::Names;
use crate::lab::units::{list, seconds, shortened};
use crate::note::{SendError, TransactionCall, WaitsFor};
use crate::wire::TopicPartition;

/// A trouble in words.
#[must_use]
pub fn text(trouble: &Trouble, names: &Names) -> String {
    let of_partitions = [of_stall(trouble, names), of_retries(trouble)];
    let of_send = [of_blocks(trouble, names), trouble.in_call.as_ref().map(in_call)];
    let others = [of_failed(trouble, names), of_epochs(trouble), Some(of_end(trouble))];
    let clauses: Vec<String> = of_partitions.into_iter().chain(of_send).chain(others).flatten().collect();
    let place = match (&trouble.in_call, trouble.partitions.is_empty()) {
        (Some(in_call), _) => of_call(in_call.call).to_owned(),
        (None, true) => "send()".to_owned(),
        (None, false) => partitions(&trouble.partitions, names),
    };
    format!("{} in {place}: {}", names.process(trouble.producer), clauses.join("; "))
}

/// A call of a transaction as Java has it.
pub(in crate::lab) fn of_call(call: TransactionCall) -> &'static str {
    match call {
        TransactionCall::Init => "initTransactions()",
        TransactionCall::SendOffsets => "sendOffsetsToTransaction()",
        TransactionCall::Commit => "commitTransaction()",
        TransactionCall::Abort => "abortTransaction()",
    }
}

fn in_call(in_call: &InCall) -> String {
    let why = why_in_call(in_call);
    let why = if why.is_empty() { why } else { format!(" ({why})") };
    let thrown = match in_call.timeouts {
        0 => String::new(),
        1 => ", and threw TimeoutException (max.block.ms) and was called again".to_owned(),
        times => format!(", and threw TimeoutException (max.block.ms) {times} times and was called again"),
    };
    format!("it did not return for {}{why}{thrown}", seconds(in_call.us))
}

/// Why a call of a transaction did not return; nothing where that is not known.
pub(in crate::lab) fn why_in_call(in_call: &InCall) -> String {
    let one = |it: &Why| match it {
        Why::TooFewBrokers { needs, there } => {
            format!("COORDINATOR_NOT_AVAILABLE: __transaction_state needs {needs} brokers, and there were {there}")
        }
        Why::Coordinator(partition, Reason::NoLeader) => {
            format!("COORDINATOR_NOT_AVAILABLE: {partition} had no leader")
        }
        Why::Coordinator(partition, Reason::TooFewInSync { isr, least }) => {
            format!("COORDINATOR_NOT_AVAILABLE: the ISR of {partition} had {isr} of min.insync.replicas={least}")
        }
        Why::Coordinator(partition, reason) => format!("in {partition} {}", why(&[*reason], "the producer")),
    };
    in_call.why.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Partitions by name; of many how many more there are.
pub(in crate::lab) fn partitions(of: &[TopicPartition], names: &Names) -> String {
    shortened(of.iter().map(|partition| names.partition(*partition)).collect())
}

fn of_stall(trouble: &Trouble, names: &Names) -> Option<String> {
    // With acks=0 nobody acknowledges.
    let what = if names.is_unacknowledged(trouble.producer) { "nothing sent" } else { "no acknowledgement" };
    let why = match trouble.reasons.is_empty() {
        true => String::new(),
        false => format!(" ({})", why(&trouble.reasons, "the producer")),
    };
    let Spells { count, total_us, longest_us } = trouble.stalls;
    let how_long = match count {
        0 => return (!why.is_empty()).then(|| format!("slow{why}")),
        1 => format!("{what} for {}", seconds(longest_us)),
        count => {
            let (total, longest) = (seconds(total_us), seconds(longest_us));
            format!("{count} times {what}, {total} in all and {longest} at most")
        }
    };
    let waited = counted(trouble.waited, "record");
    Some(format!("{how_long}{why}; {waited} waited"))
}

/// What was wrong with a process.
pub(in crate::lab) fn of_ill(ill: Ill) -> String {
    of_ills(&[ill], "others", false)
}

/// Reasons in words, to a client of this kind: what was wrong with the same brokers stands together.
pub(in crate::lab) fn why(reasons: &[Reason], client: &str) -> String {
    let mut brokers: Vec<OfBrokers> = Vec::new();
    let mut others = Vec::new();
    for reason in reasons {
        match *reason {
            Reason::Leader(broker, ill) => add_broker(&mut brokers, broker, Role::Leader, ill),
            Reason::Follower(broker, ill) => add_broker(&mut brokers, broker, Role::Follower, ill),
            Reason::NoTopic => others.push("the topic was not there".to_owned()),
            Reason::NoLeader => others.push("there was no leader".to_owned()),
            Reason::Deposed(broker) => others.push(format!("{client} took broker {broker} for the leader still")),
            Reason::Client(ill) => others.push(format!("{client} {}", of_ills(&[ill], "others", false))),
            Reason::Controller(ill) => others.push(format!("the controller {}", of_ills(&[ill], "others", false))),
            Reason::TooFewInSync { isr, least } => {
                others.push(format!("the ISR had {isr} of min.insync.replicas={least}"));
            }
        }
    }
    let mut told: Vec<OfBrokers> = Vec::new();
    for it in brokers {
        match told.iter_mut().find(|known| known.brokers == it.brokers) {
            Some(known) => known.ills.extend(it.ills),
            None => told.push(it),
        }
    }
    list(told.iter().map(|it| it.text(client)).chain(others))
}

/// What a broker is to a partition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Leader,
    Follower,
    /// Of one partition it is the leader, of another one it is not.
    Both,
}

/// What was wrong with brokers.
struct OfBrokers {
    brokers: Vec<(i32, Role)>,
    ills: Vec<Ill>,
}

fn add_broker(all: &mut Vec<OfBrokers>, broker: i32, role: Role, ill: Ill) {
    // It is the first with that.
    let Some(known) = all.iter_mut().find(|known| known.ills == [ill]) else {
        return all.push(OfBrokers { brokers: vec![(broker, role)], ills: vec![ill] });
    };
    match known.brokers.iter_mut().find(|(of, _)| *of == broker) {
        Some((_, known)) => *known = if *known == role { role } else { Role::Both },
        None => known.brokers.push((broker, role)),
    }
}

impl OfBrokers {
    fn text(&self, client: &str) -> String {
        let all = |role| self.brokers.iter().all(|(_, of)| *of == role);
        let ids = list(self.brokers.iter().map(|(broker, _)| broker.to_string()));
        let are_many = self.brokers.len() > 1;
        let brokers = format!("broker{} {ids}", if are_many { "s" } else { "" });
        let (who, towards) = match (all(Role::Leader), all(Role::Follower)) {
            (true, _) if !are_many => (format!("the leader, {brokers},"), client),
            (_, true) => (format!("{brokers}, in the ISR,"), "the leader"),
            (_, false) => (brokers, "others"),
        };
        format!("{who} {}", of_ills(&self.ills, towards, are_many))
    }
}

fn of_ills(ills: &[Ill], towards: &str, are_many: bool) -> String {
    let was = |ill: &Ill| match ill {
        Ill::Down => Some("down".to_owned()),
        Ill::Paused => Some("paused".to_owned()),
        Ill::Starting => Some("starting".to_owned()),
        Ill::Cut => Some(format!("cut off from {towards}")),
        Ill::DiskFull | Ill::DiskSlow | Ill::BadLink => None,
    };
    let had = |ill: &Ill| match ill {
        Ill::DiskFull => Some("a full disk".to_owned()),
        Ill::DiskSlow => Some("a slow disk".to_owned()),
        Ill::BadLink => Some(format!("a bad link to {towards}")),
        Ill::Down | Ill::Paused | Ill::Starting | Ill::Cut => None,
    };
    let verb = if are_many { "were" } else { "was" };
    let (was, had): (Vec<_>, Vec<_>) = (ills.iter().filter_map(was).collect(), ills.iter().filter_map(had).collect());
    let was = (!was.is_empty()).then(|| format!("{verb} {}", was.join(", then ")));
    let had = (!had.is_empty()).then(|| format!("had {}", list(had)));
    list(was.into_iter().chain(had))
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
        // Nothing to tell of.
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
    let refused = (sum(&trouble.refused), &trouble.refused, "stored nowhere");
    let unknown = (sum(&trouble.unknown), &trouble.unknown, "maybe stored");
    let told = [refused, unknown].into_iter().filter(|(count, ..)| *count > 0);
    let told = told
        .map(|(count, of, what)| format!("{} failed with {} ({what})", counted(count, "record"), errors(of, count)));
    let told: Vec<String> = told.collect();
    let first = names.record(trouble.first_failed?);
    Some(format!("{}, the first is {first}", list(told)))
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
