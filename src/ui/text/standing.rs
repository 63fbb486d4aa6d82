//! How what is selected stands, in one sentence, from the frame alone.

use super::{
    TEXT, coordinates, disk, group_state, group_waits, id_state, is_rebalancing, lasting, letter, member, state,
};
use crate::lab::lag::LagParts;
use crate::ui::format;
use crate::view::coordination::{Group, GroupOffset, Sending, TransactionalId};
use crate::view::frame::{Broker, Consumer, Frame, Node, Partition, Producer, Selection};
use crate::view::state::{Role, State};

/// A transaction that is open for so long is worth a word.
const LONG_MS: u64 = 3_000;

/// How it stands; `None` for what has no state of its own.
pub fn standing(selection: &Selection, frame: &Frame) -> Option<String> {
    Some(match selection {
        Selection::None => of_run(frame),
        Selection::Node(Node::Controller) => {
            let it = &frame.controller;
            format!("controller {}, epoch {}; the metadata log ends at {}", state(it.state), it.epoch, it.metadata_end)
        }
        Selection::Node(Node::Broker(id)) => of_broker(frame.brokers.iter().find(|it| it.id == *id)?, frame),
        Selection::Node(Node::Client(name)) => match frame.producers.iter().find(|it| it.name == *name) {
            Some(it) => of_producer(it, frame),
            None => of_consumer(frame.consumers.iter().find(|it| it.name == *name)?, frame),
        },
        Selection::Partition { .. } | Selection::Batch { .. } => {
            of_partition(frame.partitions.iter().find(|it| it.is_selected(selection))?)
        }
        Selection::Group(id) => of_group(frame.groups.iter().find(|it| it.id == *id)?, frame),
        Selection::TransactionalId(id) => of_id(frame.transactional_ids.iter().find(|it| it.id == *id)?, frame),
        Selection::Link(..) | Selection::Packet(_) | Selection::Event(_) => return None,
    })
}

/// Parts that are there, one behind the other.
fn joined(parts: impl IntoIterator<Item = Option<String>>) -> String {
    parts.into_iter().flatten().collect::<Vec<String>>().join("; ")
}

/// What is wrong or waits anywhere: the first of each.
fn of_run(frame: &Frame) -> String {
    let ill = frame.brokers.iter().filter(|it| it.state != State::Running);
    let ill = ill.map(|it| Some(format!("broker {} {}", it.id, state(it.state))));
    let found: u64 = frame.findings.iter().map(|it| it.count).sum();
    let found = frame.findings.first().map(|it| format!("{found} found, first {}", it.kind));
    let headless = frame.partitions.iter().filter(|it| it.leader < 0).map(format::partition).next();
    let headless = headless.map(|name| format!("{name} has no leader"));
    let waits = |it: &Group| Some(format!("group {}: {} for {}", it.id, it.state, group_waits(it)?));
    let open = |it: &TransactionalId| {
        let ms = u64::try_from(it.open_ms).ok().filter(|ms| *ms >= LONG_MS)?;
        Some(format!("transaction of {} open for {}", it.id, format::span(ms.saturating_mul(1_000))))
    };
    let waiting = frame.groups.iter().filter_map(waits).map(Some);
    let open = frame.transactional_ids.iter().filter_map(open).map(Some);
    let told = joined(std::iter::once(found).chain(ill).chain([headless]).chain(waiting).chain(open));
    if told.is_empty() { TEXT.all_well.into() } else { told }
}

fn of_broker(it: &Broker, frame: &Frame) -> String {
    let leads = frame.partitions.iter().filter(|partition| partition.leader == it.id).count();
    let out = it.replicas.iter().filter(|replica| replica.role == Role::OutOfSync).count();
    let groups: Vec<&str> =
        frame.groups.iter().filter(|group| group.coordinator == it.id).map(|it| it.id.as_str()).collect();
    let ids = frame.transactional_ids.iter().filter(|id| id.coordinator == it.id).map(|it| it.id.as_str());
    let coordinated = coordinates(&groups, &ids.collect::<Vec<_>>());
    let since = format::span(frame.run.time_us.saturating_sub(it.since_us));
    joined([
        Some(match it.state {
            State::Running => format!("broker {} runs, broker epoch {}", it.id, format::offset(it.epoch)),
            other => format!("broker {}: {}", it.id, lasting(state(other), &since)),
        }),
        disk(it),
        Some(format!("leads {leads} of {} partitions", frame.partitions.len())),
        (out > 0).then(|| format!("{out} of its {} replicas out of the ISR", it.replicas.len())),
        (!coordinated.is_empty()).then(|| format!("coordinates {coordinated}")),
    ])
}

fn of_producer(it: &Producer, frame: &Frame) -> String {
    let waits: u64 = it.sending.sequences.iter().map(|it| it.records).sum();
    joined([
        Some(format!("{} {}", it.name, state(it.state))),
        of_sending(&it.sending, frame),
        Some(format!(
            "{} of {} records acknowledged, {waits} sent or queued",
            format::count(it.acked),
            format::count(it.sent)
        )),
        (it.failed > 0).then(|| format!("{} failed", format::count(it.failed))),
    ])
}

fn of_sending(it: &Sending, frame: &Frame) -> Option<String> {
    if it.producer_id < 0 {
        return None;
    }
    let known = frame.transactional_ids.iter().find(|known| known.id == it.transactional_id);
    let transaction = (!it.transaction.is_empty()).then(|| format!("transaction {}", super::transaction(it, known)));
    let in_flight: u32 = it.sequences.iter().map(|it| it.in_flight).sum();
    let next = match it.sequences.as_slice() {
        [one] => Some(format!("next sequence {}", format::offset(one.next.into()))),
        _ => None,
    };
    Some(joined([
        Some(format!("PID {}", super::producer_id(it))),
        transaction,
        next,
        Some(format!("{in_flight} batches in flight")),
    ]))
}

fn of_consumer(it: &Consumer, frame: &Frame) -> String {
    let of = frame.groups.iter().find(|group| group.id == it.group);
    let place = of.map(|group| {
        let word = if group.protocol == "consumer" { "member epoch" } else { "generation" };
        format!("in group {}, {word} {}", group.id, format::offset(it.generation.into()))
    });
    let own = of.and_then(|group| group.members.iter().find(|member| member.client == it.name && !member.former));
    let waits = own.and_then(|own| member(own, Some(it.state))).map(|(_, sentence, _)| sentence.to_owned());
    let partitions: Vec<u32> = it.positions.iter().map(|it| it.partition).collect();
    let owns =
        if partitions.is_empty() { TEXT.owns_nothing.into() } else { format!("owns {}", names(frame, &partitions)) };
    joined([
        Some(format!("{} {}", it.name, state(it.state))),
        place,
        waits.filter(|_| it.state == State::Running),
        Some(owns),
        Some(format!("{} records behind", format::count(it.lag))),
        of.map(|group| {
            format!("committed {}", lag_of(group.offsets.iter().filter(|it| partitions.contains(&it.partition))))
        }),
        it.sending.as_ref().and_then(|sending| of_sending(sending, frame)),
    ])
}

/// A lag and, where it is known, how much of it nobody will ever read or can read now.
fn lag_of<'a>(offsets: impl Iterator<Item = &'a GroupOffset> + Clone) -> String {
    let lag: i64 = offsets.clone().map(|it| it.lag.max(0)).sum();
    let sum = |of: fn(&LagParts) -> u64| offsets.clone().filter_map(|it| it.parts.as_ref()).map(of).sum::<u64>();
    let parts = [
        (sum(|it| it.markers), "markers"),
        (sum(|it| it.aborted), "aborted"),
        (sum(|it| it.compacted), "compacted away"),
        (sum(|it| it.open + it.held_back), "behind an open transaction"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, words)| format!("{} {words}", format::count(count))).collect();
    let lag = super::lag(&format::count(lag.unsigned_abs()));
    if parts.is_empty() { lag } else { format!("{lag}, of which {}", parts.join(", ")) }
}

fn of_group(it: &Group, frame: &Frame) -> String {
    let waits = group_waits(it).map(|span| format!(" for {span}")).unwrap_or_default();
    let word = if it.protocol == "consumer" { "epoch" } else { "generation" };
    let present = it.members.iter().filter(|member| !member.id.is_empty());
    let owns =
        it.members.iter().filter(|member| !member.has.is_empty() && !member.former).map(|member| {
            Some(format!("{} {} owns {}", letter(member.number), member.client, names(frame, &member.has)))
        });
    let head = match it.state.is_empty() {
        true => group_state(it),
        false => format!("{word} {}, {}{waits}, {} members", it.epoch, it.state, present.count()),
    };
    let last = frame.rebalances.iter().rev().find(|last| last.group == it.id && last.from_us <= frame.run.time_us);
    let why = last.filter(|last| is_rebalancing(&it.state) && !last.why.is_empty()).map(|last| last.why.clone());
    let lag = (!it.offsets.is_empty()).then(|| lag_of(it.offsets.iter()));
    joined(std::iter::once(Some(head)).chain([why]).chain(owns).chain([lag]))
}

fn of_id(it: &TransactionalId, frame: &Frame) -> String {
    let timeout = u64::try_from(it.timeout_ms).unwrap_or(0) * 1_000;
    let open = (it.open_ms >= 0).then(|| {
        let open = it.open_ms.unsigned_abs().saturating_mul(1_000);
        format!("open for {} of at most {}", format::span(open), format::span(timeout))
    });
    joined([
        Some(id_state(it)),
        open,
        (it.producer_id >= 0).then(|| format!("PID {}, epoch {}", it.producer_id, it.producer_epoch)),
        (!it.partitions.is_empty()).then(|| names(frame, &it.partitions)),
        (it.coordinator >= 0).then(|| format!("coordinator broker {}", it.coordinator)),
    ])
}

fn of_partition(it: &Partition) -> String {
    let held = it.high_watermark - it.last_stable;
    joined([
        Some(match it.leader {
            ..0 => format!("{} has no leader, epoch {}", format::partition(it), it.leader_epoch),
            leader => format!("{} is led by broker {leader} in epoch {}", format::partition(it), it.leader_epoch),
        }),
        Some(format!("ISR {}", format::ids(&it.isr))),
        Some(match it.log_end - it.high_watermark {
            0 => format!("HW {} = LEO", it.high_watermark),
            rest => format!("HW {}, {rest} more up to LEO {}", it.high_watermark, it.log_end),
        }),
        (it.last_stable >= 0 && held > 0).then(|| format!("LSO {}, {held} behind an open transaction", it.last_stable)),
    ])
}

/// Partitions by name, those of one topic together.
pub fn names(frame: &Frame, partitions: &[u32]) -> String {
    let known: Vec<&Partition> = partitions.iter().filter_map(|at| frame.partitions.get(*at as usize)).collect();
    let of_topic = |same: &[&Partition]| {
        let numbers: Vec<String> = same.iter().map(|it| it.index.to_string()).collect();
        format!("{}-{}", same[0].topic, numbers.join(","))
    };
    known.chunk_by(|a, b| a.number == b.number).map(of_topic).collect::<Vec<_>>().join(" ")
}
