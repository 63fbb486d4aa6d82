//! Sentences about groups and transactions.

use super::{TEXT, state};
use crate::ui::format;
use crate::view::coordination::{Group, Member, Phase, Rebalance, Sending, TransactionalId};
use crate::view::frame::Producer;
use crate::view::state::State;

/// Whether a group in this state waits for somebody.
pub fn is_rebalancing(state: &str) -> bool {
    matches!(state, "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling")
}

/// Whether what a coordinator has assigned counts while a member is at this.
pub fn says_who_has_what(phase: Phase) -> bool {
    match phase {
        Phase::Stable | Phase::Revoking | Phase::Waiting => true,
        Phase::Absent | Phase::Awaited | Phase::Joined | Phase::Syncing => false,
    }
}

/// The letter that tells a member apart on the Stage; behind the last letter a number.
pub fn letter(number: u32) -> String {
    let letter = u8::try_from(number).ok().filter(|number| *number < 26).map(|number| char::from(b'a' + number));
    letter.map_or_else(|| number.to_string(), String::from)
}

/// A group's state.
pub fn group_state(it: &Group) -> String {
    if it.state.is_empty() {
        return if it.loading { TEXT.loading_groups.into() } else { TEXT.no_coordinator.into() };
    }
    it.state.clone()
}

/// A rebalance in a few words; with the name of its group where there are several.
pub fn rebalance(it: &Rebalance, named: bool) -> String {
    let to = if named { format!("{}, {}", it.group, it.to) } else { it.to.clone() };
    if it.why.is_empty() { to } else { format!("{to}: {}", it.why) }
}

/// How long a group has waited; nothing where it does not.
pub fn group_waits(it: &Group) -> Option<String> {
    let waits = is_rebalancing(&it.state) && it.lasting_ms >= 0;
    waits.then(|| format::span(it.lasting_ms.unsigned_abs().saturating_mul(1_000)))
}

fn lasting(state: &str, ms: i64) -> String {
    format!("{state} {}", format::span(ms.unsigned_abs().saturating_mul(1_000)))
}

/// The state of a transactional id.
pub fn id_state(it: &TransactionalId) -> String {
    if it.state.is_empty() { TEXT.no_coordinator.into() } else { it.state.clone() }
}

/// A group in a line.
pub fn group_line(it: &Group) -> String {
    let state = group_state(it);
    if it.state.is_empty() {
        return state;
    }
    if is_rebalancing(&it.state) { state } else { format!("{} · {state}", epoch(it)) }
}

/// Its generation, or its epoch.
pub fn epoch(it: &Group) -> String {
    let word = if it.protocol == "consumer" { "epoch" } else { "gen" };
    format!("{word} {}", it.epoch)
}

/// What a member is at, in so few words that they fit beside its name, and in a sentence; nothing where all is well.
pub fn phase(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Absent => ("no member", "is not known to the coordinator"),
        Phase::Stable => ("", ""),
        Phase::Awaited => ("to join", "has not joined the next generation yet"),
        Phase::Joined => ("joined", "has joined and waits for the others"),
        Phase::Syncing => ("syncing", "waits for what the leader assigns"),
        Phase::Revoking => ("gives up", "has to give up partitions first"),
        Phase::Waiting => ("waits", "waits for partitions that others have"),
    }
}

/// What keeps a member, in a word or two and in a sentence, and whether it waits; nothing where all is well.
pub fn member(it: &Member, of_process: Option<State>) -> Option<(&'static str, &'static str, bool)> {
    if it.former {
        return Some((TEXT.former, TEXT.former_member, false));
    }
    match of_process.filter(|it| *it != State::Running) {
        Some(other) => Some((state(other), state(other), false)),
        None if it.phase == Phase::Stable => None,
        None => {
            let (word, sentence) = phase(it.phase);
            Some((word, sentence, true))
        }
    }
}

/// How many partitions somebody has, where there are too many to draw.
pub fn owns(has: usize, of: usize) -> String {
    format!("{has} of {of}")
}

/// What a broker coordinates.
pub fn coordinates(groups: &[&str], transactional_ids: &[&str]) -> String {
    let named = |word: &str, names: &[&str]| match names {
        [] => None,
        [one] => Some(format!("{word} {one}")),
        many => Some(format!("{word} {}", many.join(", "))),
    };
    let parts = [named("group", groups), named("txn", transactional_ids)];
    parts.into_iter().flatten().collect::<Vec<String>>().join(" · ")
}

/// A producer's transaction in a line: what it believes, and how long the coordinator has had it open.
pub fn transaction(it: &Sending, known: Option<&TransactionalId>) -> String {
    let state = match it.transaction.as_str() {
        "IN_TRANSACTION" => TEXT.open_transaction.to_owned(),
        other => other.to_lowercase().replace("_transaction", "").replace('_', " "),
    };
    match known.filter(|known| known.open_ms >= 0 && it.producer_id == known.producer_id) {
        Some(known) => lasting(&state, known.open_ms),
        None => state,
    }
}

/// A producer's id and epoch.
pub fn producer_id(it: &Sending) -> String {
    if it.producer_id < 0 { "-".into() } else { format!("{}, epoch {}", it.producer_id, it.producer_epoch) }
}

/// The records that a producer gave up, those left out that it gave up with their transaction: it has asked for that.
pub fn is_failing(it: &Producer) -> bool {
    it.errors.iter().any(|(error, _)| is_failure(error))
}

/// Whether an error is more than the end of a transaction that the program has aborted.
pub fn is_failure(error: &str) -> bool {
    error != "TransactionAbortedException"
}

/// The next sequence number where there is one partition, and what is under way of all.
pub fn sequences(it: &Sending) -> String {
    let in_flight: u32 = it.sequences.iter().map(|it| it.in_flight).sum();
    let queued: u32 = it.sequences.iter().map(|it| it.queued).sum();
    match it.sequences.as_slice() {
        [one] => format!("seq {}, {in_flight} in flight", format::offset(one.next.into())),
        _ => format!("{in_flight} sent, {queued} queued"),
    }
}

/// What is committed of a partition.
pub fn committed_at(offset: &str, pending: bool) -> String {
    if pending {
        format!("{} {offset}, {}", TEXT.committed, TEXT.another_pending)
    } else {
        format!("{} {offset}", TEXT.committed)
    }
}
