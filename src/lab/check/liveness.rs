//! What clients get done once nothing is broken any more: consumers read what is there, producers get answers, brokers are
//! registered.

use super::history::reader::Position;
use super::{Availability, Evidence, Findings, History, Invariants, Outage, Quiet};
use crate::broker::groups::GroupStanding;
use crate::lab::scenario::FindingKind;
use crate::lab::units::seconds;
use crate::note::WaitsFor;
use crate::settings::AutoOffsetReset;
use crate::wire::{PartitionImage, TopicPartition};

/// Names everything that stands still though nothing is broken, and what it waits for.
pub fn find_stuck(
    quiet: Quiet,
    (history, invariants, availability): (&History, &Invariants, &Availability),
    evidence: &dyn Evidence,
    findings: &mut Findings,
) {
    // What waits for a leader or a high watermark is told with them.
    let known = findings.list().len();
    invariants.find_stuck(quiet, evidence, findings);
    if findings.list().len() == known {
        stuck_transactions(quiet, invariants, evidence, findings);
    }
    if findings.list().len() == known {
        stuck_readers(quiet, history, invariants, evidence, findings);
        stuck_commits(quiet, history, evidence, findings);
        endless_rebalances(quiet, (history, invariants), evidence, findings);
        stuck_producers(quiet, availability, evidence, findings);
        stuck_in_send(quiet, availability, evidence, findings);
    }
}

/// Transactions that nobody ends: readers of committed records wait for them, and groups whose offsets are in them.
fn stuck_transactions(quiet: Quiet, invariants: &Invariants, evidence: &dyn Evidence, findings: &mut Findings) {
    for (partition, image) in evidence.image().partitions() {
        // None is open there.
        let Some((first, producer_id)) = evidence.open_transaction(image.leader, partition) else { continue };
        if first >= invariants.high_watermark_at(partition, quiet.deadline()) {
            continue;
        }
        let about = format!(
            "whoever reads what is committed in {} waits at offset {first} for the transaction of producer id {producer_id}, \
             which has been open for longer than that may take: {}",
            evidence.partition_name(partition),
            evidence.transaction_waits_for(producer_id),
        );
        findings.add(FindingKind::Stuck, partition, about);
    }
}

fn stuck_readers(
    quiet: Quiet,
    history: &History,
    invariants: &Invariants,
    evidence: &dyn Evidence,
    findings: &mut Findings,
) {
    for (consumer, topics) in evidence.readers() {
        if has_ended((consumer, &topics), history, evidence) {
            continue;
        }
        for (partition, image) in evidence.image().partitions() {
            if !topics.iter().any(|topic| *topic == evidence.image().topics.name_of(partition.topic)) {
                continue;
            }
            let now = evidence.log_ends(image.leader, partition).map_or(0, |ends| ends.high_watermark);
            let there = invariants.high_watermark_at(partition, quiet.deadline()).min(now);
            let position = history.positions.get(&consumer).and_then(|positions| positions.get(&partition)).copied();
            if let Some(group) = evidence.group_of(consumer).filter(|_| position.is_none()) {
                stuck_group(quiet, (consumer, group), partition, (history, invariants), evidence, findings);
                continue;
            }
            if position.is_none() && quiet.is_too_long(invariants.changed_at(partition)) {
                let (name, partition_name) = (evidence.process_name(consumer), evidence.partition_name(partition));
                let about = format!("{name} has no position in {partition_name}: it has not found out where to begin");
                findings.add(FindingKind::Stuck, partition, about);
            }
            // It may have gone past markers and what was aborted, of which nobody is given anything.
            let gone_to = evidence.position(consumer, partition).unwrap_or(0);
            let stands = |position: &Position| position.at.max(gone_to) < there && quiet.is_too_long(position.moved_at);
            if let Some(Position { at, moved_at, .. }) = position.filter(stands) {
                let about = format!(
                    "{} has read nothing of {} since {}: it is at offset {at}, and the high watermark has been {there} \
                     for longer than that may take",
                    evidence.process_name(consumer),
                    evidence.partition_name(partition),
                    seconds(moved_at),
                );
                findings.add(FindingKind::Stuck, partition, about);
            }
        }
    }
}

/// Whether a program is over by its own settings: with `auto.offset.reset=none` `poll()` throws where its group has committed nothing
/// (NoOffsetForPartitionException), or not what the log has (OffsetOutOfRangeException), and nobody catches that.
fn has_ended((consumer, topics): (u32, &[String]), history: &History, evidence: &dyn Evidence) -> bool {
    if evidence.auto_offset_reset(consumer) != AutoOffsetReset::None {
        return false;
    }
    let group = evidence.group_of(consumer);
    let is_of_it = |other: &u32| *other == consumer || group.is_some() && evidence.group_of(*other) == group;
    let throws = |(partition, image): (TopicPartition, &PartitionImage)| {
        let of_it = history.positions.iter().filter(|(other, _)| is_of_it(other));
        let position = of_it.filter_map(|(_, positions)| positions.get(&partition)).map(|position| position.at).max();
        // Of one that nobody leads nothing is known.
        let Some(ends) = evidence.log_ends(image.leader, partition) else { return false };
        position.is_none_or(|at| at < ends.log_start || at > ends.log_end)
    };
    let is_read = |partition: &TopicPartition| {
        topics.iter().any(|topic| *topic == evidence.image().topics.name_of(partition.topic))
    };
    evidence.image().partitions().filter(|(partition, _)| is_read(partition)).any(throws)
}

/// A partition that no member of a group has. It is told of the group's first member.
fn stuck_group(
    quiet: Quiet,
    (consumer, group): (u32, &str),
    partition: TopicPartition,
    (history, invariants): (&History, &Invariants),
    evidence: &dyn Evidence,
    findings: &mut Findings,
) {
    let topic = evidence.image().topics.name_of(partition.topic);
    let readers = evidence.readers();
    let is_member = |(other, topics): &&(u32, Vec<String>)| {
        evidence.group_of(*other) == Some(group) && topics.iter().any(|read| read == topic)
    };
    let members: Vec<u32> = readers.iter().filter(is_member).map(|(other, _)| *other).collect();
    let has_it = |other: &u32| history.positions.get(other).is_some_and(|it| it.get(&partition).is_some());
    let failed = members.iter().any(|member| history.groups.has_failed(*member));
    let changed_at = invariants.changed_at(partition);
    let mut since = history.groups.changed_at(group).max(changed_at);
    let is_endless = history.groups.rebalances().any(|(of, count, _)| of == group && count >= ENDLESS);
    if !quiet.is_too_long(since) && !is_endless {
        // One rebalance follows another, and some work is done between them: what was there all the time nobody is given.
        let image = evidence.image().partition(partition);
        let now = image.and_then(|image| evidence.log_ends(image.leader, partition)).map_or(0, |it| it.high_watermark);
        let there = invariants.high_watermark_at(partition, quiet.deadline()).min(now);
        let reached = history.groups.all_reached().find(|(of, at, _)| (*of, *at) == (group, partition));
        let done = reached.map_or(0, |(_, _, reached)| reached.worked_to.max(reached.committed));
        if done < there {
            since = reached.map_or(0, |(_, _, reached)| reached.moved_at).max(changed_at);
        }
    }
    if members.first() != Some(&consumer) || members.iter().any(has_it) || failed || !quiet.is_too_long(since) {
        return;
    }
    let about = format!(
        "no member of group {group} has a position in {} since {}{}",
        evidence.partition_name(partition),
        seconds(since),
        whom_it_waits_for(group, evidence),
    );
    findings.add(FindingKind::Stuck, partition, about);
}

/// Who waits for whom in a group, in words that end a sentence.
fn whom_it_waits_for(group: &str, evidence: &dyn Evidence) -> String {
    match evidence.coordinated(group) {
        Some((broker, standing)) => standing_in_words(broker, &standing, evidence),
        None => ": no broker coordinates the group".to_owned(),
    }
}

fn standing_in_words(
    broker: i32,
    GroupStanding { state, awaited, .. }: &GroupStanding,
    evidence: &dyn Evidence,
) -> String {
    let names: Vec<String> = awaited.iter().map(|process| evidence.process_name(*process)).collect();
    let whom = match (*state, names.is_empty()) {
        (_, true) => String::new(),
        ("PreparingRebalance", false) => format!(", and waits for {} to join it", names.join(", ")),
        ("CompletingRebalance", false) => format!(", and waits for {} to assign", names.join(", ")),
        (_, false) => format!(", and waits for {} to give up partitions", names.join(", ")),
    };
    format!(": broker {broker} coordinates it, has it in {state}{whom}")
}

/// Members of these do their work, and what they commit does not move.
fn stuck_commits(quiet: Quiet, history: &History, evidence: &dyn Evidence, findings: &mut Findings) {
    let readers = evidence.readers();
    for (group, partition, reached) in history.groups.all_reached() {
        // All is committed, or something was not long ago.
        let Some(since) = reached.uncommitted_since.filter(|since| quiet.is_too_long(*since)) else { continue };
        let has_it = |consumer: &u32| {
            let (_, topics) = readers.iter().find(|(reader, _)| reader == consumer).expect("a reader");
            evidence.group_of(*consumer) == Some(group)
                && evidence.commits(*consumer)
                && !has_ended((*consumer, topics), history, evidence)
                && !history.groups.has_failed(*consumer)
                && history.positions.get(consumer).is_some_and(|it| it.get(&partition).is_some())
        };
        let owner = readers.iter().map(|(consumer, _)| *consumer).find(has_it);
        // Nobody has the partition, which is told for itself, or nobody is asked to commit.
        let Some(owner) = owner else { continue };
        let about = format!(
            "group {group} has committed offset {} of {} and nothing more since {}, though {} has done its work up to {}{}",
            reached.committed,
            evidence.partition_name(partition),
            seconds(since),
            evidence.process_name(owner),
            reached.worked_to,
            whom_it_waits_for(group, evidence),
        );
        findings.add(FindingKind::Stuck, partition, about);
    }
}

/// How often members may get and give up partitions without any work in between before that has no end.
const ENDLESS: u64 = 10;

/// The members of these are given partitions again and again, and nobody comes to do any work though there is some.
fn endless_rebalances(
    quiet: Quiet,
    (history, invariants): (&History, &Invariants),
    evidence: &dyn Evidence,
    findings: &mut Findings,
) {
    for (group, count, since) in history.groups.rebalances() {
        if count < ENDLESS || !quiet.is_too_long(since) {
            continue;
        }
        let reads = |(consumer, topics): &(u32, Vec<String>), topic: &str| {
            evidence.group_of(*consumer) == Some(group) && topics.iter().any(|read| read == topic)
        };
        let readers = evidence.readers();
        let waits = |(partition, image): (TopicPartition, &PartitionImage)| {
            let topic = evidence.image().topics.name_of(partition.topic);
            let now = evidence.log_ends(image.leader, partition).map_or(0, |ends| ends.high_watermark);
            let there = invariants.high_watermark_at(partition, quiet.deadline()).min(now);
            let reached = history.groups.all_reached().find(|(of, at, _)| (*of, *at) == (group, partition));
            let done = reached.map_or(0, |(_, _, reached)| reached.worked_to.max(reached.committed));
            readers.iter().any(|reader| reads(reader, topic)) && done < there
        };
        // There is nothing to be done.
        let Some((partition, _)) = evidence.image().partitions().find(|it| waits(*it)) else { continue };
        let about = format!(
            "the members of group {group} have got or given up partitions {count} times since {}, and none has done any work \
             since then: its rebalance does not end{}",
            seconds(since),
            whom_it_waits_for(group, evidence),
        );
        findings.add(FindingKind::Stuck, partition, about);
    }
}

fn stuck_producers(quiet: Quiet, availability: &Availability, evidence: &dyn Evidence, findings: &mut Findings) {
    let open = availability.outages(quiet.now).into_iter().filter(|outage| outage.to.is_none() && outage.waiting > 0);
    let stands = |outage: &Outage| {
        let refused_at = availability.refused_at(outage.producer).unwrap_or(0);
        quiet.is_too_long(outage.from.max(refused_at))
    };
    for outage in open.filter(stands) {
        // What it waits for in `send()` is told of for itself.
        let Some(partition) = outage.partition else { continue };
        let about = format!(
            "{} waits for {} records in {} since {}, and none was acknowledged",
            evidence.process_name(outage.producer),
            outage.waiting,
            evidence.partition_name(partition),
            seconds(outage.from),
        );
        findings.add(FindingKind::Stuck, partition, about);
    }
}

/// Producers that hand over no record: they wait for `max.block.ms`, fail, and wait again.
fn stuck_in_send(quiet: Quiet, availability: &Availability, evidence: &dyn Evidence, findings: &mut Findings) {
    for (producer, since, waits_for) in availability.in_send().filter(|(_, since, _)| quiet.is_too_long(*since)) {
        // There may never be such a topic.
        let Some((topic, partition)) = evidence.written_by(producer) else { continue };
        let what = match waits_for {
            WaitsFor::Metadata => format!("the metadata of {topic}, which the controller has"),
            WaitsFor::Memory => "room in buffer.memory, which records hold that nobody acknowledges".to_owned(),
        };
        let about = format!(
            "{} waits in send() for {what}: since {} none of its records was acknowledged",
            evidence.process_name(producer),
            seconds(since),
        );
        findings.add(FindingKind::Stuck, partition, about);
    }
}
