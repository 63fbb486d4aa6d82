//! What a person reads of turning points that are told together.

use super::group::{Group, Key, Routine, key};
use super::line::Line;
use crate::lab::fault::effect::Hit;
use crate::lab::names::Names;
use crate::lab::notable::{Notable, Subject, commit_error, coordinates, how_elected};
use crate::lab::stall::Skip;
use crate::lab::units::{list, seconds, shortened};
use crate::lab::{stall, trouble};
use crate::note::{Moved, Note};
use crate::sim::process::ProcessId;
use crate::wire::TopicPartition;

/// The lines of a group: one, where there are not so few that each is told.
pub(super) fn lines(group: &Group<'_>) -> Vec<Line> {
    let first = group.first();
    if let Some(suffered) = &group.trouble {
        let about = Subject::Process(suffered.producer);
        let about = std::iter::once(about).chain(suffered.partitions.iter().copied().map(Subject::Partition)).collect();
        let text = trouble::text(suffered, &first.names);
        return vec![Line { at: suffered.from, until_us: suffered.to.time, kind: first.kind(), about, text }];
    }
    if let Some(suffered) = &group.stall {
        let text = stall::text(suffered, &first.names);
        let (at, until_us, about) = (suffered.from, suffered.to.time, about(&group.members));
        return vec![Line { at, until_us, kind: first.kind(), about, text }];
    }
    let together = group.key.as_ref().filter(|_| group.is_told_together());
    // Each is a line of its own.
    let Some(key) = together else { return group.members.iter().map(|notable| alone(notable)).collect() };
    let (at, until_us, about) = (first.date(), group.last().time, about(&group.members));
    vec![Line { at, until_us, kind: first.kind(), about, text: of_several(key, group) }]
}

/// Whom turning points are about, each once.
fn about(members: &[&Notable]) -> Vec<Subject> {
    let mut about: Vec<Subject> = Vec::new();
    for subject in members.iter().flat_map(|notable| notable.about()) {
        if !about.contains(&subject) {
            about.push(subject);
        }
    }
    about
}

/// The line of what logs do all the time: which, and how often. `None` where none does.
pub(super) fn routine(routine: Routine, groups: &[&Group<'_>]) -> Option<Line> {
    let first = groups.first()?.first();
    let members: Vec<&Notable> = groups.iter().flat_map(|group| group.members.iter().copied()).collect();
    let until_us = members.iter().map(|notable| notable.time).max()?;
    let until = seconds(until_us);
    let logs = shortened(groups.iter().map(|group| of_log(group)).collect());
    let text = match routine {
        Routine::Rolled => format!("logs roll until {until}: {logs}"),
        Routine::Deleted => format!("retention deletes segments until {until}: {logs}"),
        Routine::Cleaned => format!("logs are compacted until {until}: {logs}"),
    };
    Some(Line { at: first.date(), until_us, kind: first.kind(), about: about(&members), text })
}

/// What one log did all the time.
fn of_log(group: &Group<'_>) -> String {
    let notes: Vec<&Note> = group.members.iter().filter_map(|notable| notable.note()).collect();
    let names = &group.last().names;
    let count = group.members.len();
    let first = notes[0];
    if let Note::Rolled { partition, .. } = first {
        return format!("{} {count} times", names.partition(*partition));
    }
    if let Note::SegmentsDeleted { partition, from, .. } = first {
        let starts =
            notes.iter().filter_map(|note| if let Note::SegmentsDeleted { to, .. } = note { Some(*to) } else { None });
        let (name, to) = (names.partition(*partition), starts.max().unwrap_or(*from));
        return format!("replicas of {name} up to offset {to}");
    }
    let cleaned = notes
        .iter()
        .filter_map(|note| if let Note::Cleaned { partition, to, .. } = note { Some((*partition, *to)) } else { None });
    let last = cleaned.max_by_key(|(_, to)| *to);
    last.map_or_else(String::new, |(partition, to)| {
        format!("{} {count} times up to offset {to}", names.partition(partition))
    })
}

fn alone(notable: &Notable) -> Line {
    let at = notable.date();
    let text = notable.text();
    let who = notable.intervention().filter(|done| done.is_by_role() && !done.hits.is_empty());
    let healed = notable.intervention().filter(|done| done.takes_back() && key(notable).is_some());
    let text = match (who, healed) {
        (Some(intervention), _) => format!("{text} ({})", hits(&intervention.hits, &notable.names)),
        (None, Some(intervention)) => {
            format!("{} {}", intervention.action.word(), hits(&intervention.hits, &notable.names))
        }
        (None, None) => text,
    };
    Line { at, until_us: notable.time, kind: notable.kind(), about: notable.about(), text }
}

fn of_several(key: &Key, group: &Group<'_>) -> String {
    let names = &group.last().names;
    let notes: Vec<&Note> = group.members.iter().filter_map(|notable| notable.note()).collect();
    let (count, until) = (group.members.len(), seconds(group.last().time));
    let partition =
        |(topic, partition): &(u32, i32)| names.partition(TopicPartition { topic: *topic, partition: *partition });
    match key {
        Key::Rolled(_) | Key::Deleted(_) | Key::Cleaned(_) => panic!("what is routine is told by kinds"),
        Key::Elr(before, now) => {
            format!("the ELR of {} went from {before:?} to {now:?}", partitions(&notes, names))
        }
        Key::Reset(consumer, place) => resets(&notes, &names.process(*consumer), &partition(place), &until),
        Key::OutOfRange(consumer, place) => {
            let (consumer, name) = (names.process(*consumer), partition(place));
            format!("{consumer} asked {count} times until {until} for offsets of {name}: OFFSET_OUT_OF_RANGE")
        }
        Key::Invalid(..) => format!("{} ({count} times until {until})", group.first().text()),
        Key::Skipped(consumer) => skips(&names.process(*consumer), group),
        Key::Assigned(of, generation) => {
            format!("{}: {}", generation_of(of, *generation, &notes, names), assigned(&notes, names))
        }
        Key::NotCommitted(of, error) => {
            let (members, error) = (shortened(members(&notes, names)), commit_error(*error));
            format!("{members} of group {of} could not commit offsets ({count} times until {until}): {error}")
        }
        Key::PollExpired(_) => format!("{} ({count} times until {until})", group.first().text()),
        Key::Lost(consumer) => {
            let consumer = names.process(*consumer);
            format!("{consumer} was no member of its group any more {count} times until {until}, and lost what it had")
        }
        Key::Registered => {
            let epochs = notes.iter().filter_map(|note| {
                if let Note::Registered { broker_epoch, .. } = note { Some(broker_epoch.to_string()) } else { None }
            });
            match told_brokers(&notes)[..] {
                [broker] => format!("broker {broker} is registered {count} times, with epochs {}", list(epochs)),
                _ => format!("{} are registered with epochs {}", brokers(&notes), list(epochs)),
            }
        }
        Key::Fenced(fenced) => {
            format!("{} are {}", brokers(&notes), if *fenced { "fenced" } else { "unfenced" })
        }
        Key::Isr { left, entered, elr } => {
            let elr = match elr.as_deref() {
                None => String::new(),
                Some([]) => ", ELR empty again".to_owned(),
                Some(elr) => format!(", ELR {elr:?}"),
            };
            format!("{}{elr}", isr_changes(&notes, left, entered, names))
        }
        Key::Led(leader, _) => elections(&notes, *leader, names),
        Key::Opened(broker) => {
            let opened = partitions(&notes, names);
            format!(
                "broker {broker} opened {opened} after an unclean end: nothing was torn, unflushed segments recovered"
            )
        }
        Key::Done(word) => {
            let all: Vec<Hit> = group
                .members
                .iter()
                .filter_map(|notable| notable.intervention())
                .flat_map(|it| it.hits.clone())
                .collect();
            format!("{word} {}", hits(&all, names))
        }
    }
}

/// What one consumer begins behind.
fn skips(consumer: &str, group: &Group<'_>) -> String {
    let skips: Vec<&Skip> = group.members.iter().filter_map(|notable| notable.skip()).collect();
    let names = &group.last().names;
    let of: Vec<TopicPartition> = skips.iter().map(|skip| skip.partition).collect();
    let records: u64 = skips.iter().map(|skip| skip.records).sum();
    let policy = skips.first().map_or_else(String::new, |skip| skip.policy.to_string());
    format!(
        "{consumer} begins in {} behind records that were not read (auto.offset.reset={policy}): {records} records in all are skipped",
        trouble::partitions(&of, names)
    )
}

/// A generation of a group; with the protocol of KIP-848 each member has an epoch.
fn generation_of(group: &str, generation: i32, notes: &[&Note], names: &Names) -> String {
    let is_modern = notes.iter().any(|note| {
        if let Note::Assigned { consumer, .. } = note {
            names.group_of(*consumer).is_some_and(|(_, is_modern)| is_modern)
        } else {
            false
        }
    });
    match is_modern {
        true => format!("group {group}, member epoch {generation}"),
        false => format!("generation {generation} of group {group}"),
    }
}

/// What came to which members.
fn assigned(notes: &[&Note], names: &Names) -> String {
    let given = notes.iter().filter_map(|note| {
        // The group has notes of one kind.
        let Note::Assigned { consumer, partitions, .. } = note else { return None };
        let consumer = names.process(*consumer);
        Some(match partitions.is_empty() {
            true => format!("nothing new to {consumer}"),
            false => format!("{} to {consumer}", trouble::partitions(partitions, names)),
        })
    });
    given.collect::<Vec<_>>().join("; ")
}

/// The members that tell of failed commits, each once.
fn members(notes: &[&Note], names: &Names) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for note in notes {
        if let Note::NotCommitted { consumer, .. } = note {
            let name = names.process(*consumer);
            if !told.contains(&name) {
                told.push(name);
            }
        }
    }
    told
}

fn resets(notes: &[&Note], consumer: &str, partition: &str, until: &str) -> String {
    let moves = notes.iter().filter_map(|note| {
        if let Note::Positioned { offset, moved: Moved::Reset { before, policy, .. }, .. } = note {
            Some((*before, *offset, *policy))
        } else {
            None
        }
    });
    let moves: Vec<(i64, i64, &str)> = moves.collect();
    let skipped: i64 = moves.iter().map(|(before, to, _)| (to - before).max(0)).sum();
    let again: i64 = moves.iter().map(|(before, to, _)| (before - to).max(0)).sum();
    let first = moves.first().map_or(0, |(before, ..)| *before);
    let (last, policy) = moves.last().map_or((0, ""), |(_, to, policy)| (*to, *policy));
    format!(
        "{consumer} resets its position in {partition} {} times until {until} (auto.offset.reset={policy}), first from {first} \
         and last to {last}: {skipped} offsets are skipped and {again} read again in all",
        moves.len()
    )
}

fn isr_changes(notes: &[&Note], left: &[i32], entered: &[i32], names: &Names) -> String {
    let now = notes.iter().filter_map(|note| {
        if let Note::PartitionChanged { partition, isr, .. } = note {
            Some(format!("{} ({isr:?})", names.partition(*partition)))
        } else {
            None
        }
    });
    let partitions = shortened(now.collect());
    let of = |brokers: &[i32], verb: &str, verbs: &str| {
        let verb = if brokers.len() == 1 { verb } else { verbs };
        (!brokers.is_empty()).then(|| format!("{} {verb}", of_brokers(brokers)))
    };
    let who = list([of(left, "leaves", "leave"), of(entered, "enters", "enter")].into_iter().flatten());
    format!("{who} the ISR of {partitions}")
}

fn elections(notes: &[&Note], leader: i32, names: &Names) -> String {
    let changed = notes.iter().filter_map(|note| {
        if let Note::PartitionChanged { leader_epoch, isr, elected, elr, .. } = note {
            Some((*leader_epoch, isr, *elected, elr))
        } else {
            None
        }
    });
    let changed: Vec<_> = changed.collect();
    // A group of changes has one at least; without any there is nothing to say.
    let Some((_, isr, elected, elr)) = changed.first().copied() else { return String::new() };
    let isr = changed.iter().all(|(_, other, ..)| *other == isr).then(|| format!(", ISR {isr:?}"));
    let elr =
        changed.iter().all(|(.., other)| *other == elr).then(|| format!(", ELR {elr:?}")).filter(|_| !elr.is_empty());
    let (isr, elr) = (isr.unwrap_or_default(), elr.unwrap_or_default());
    let partitions = partitions(notes, names);
    let changed = notes
        .iter()
        .filter_map(|note| if let Note::PartitionChanged { partition, .. } = note { Some(*partition) } else { None });
    let changed: Vec<TopicPartition> = changed.collect();
    let coordinates = coordinates(leader, &changed, names);
    match leader {
        -1 => format!("{partitions} have no leader{isr}{elr}{coordinates}"),
        _ => format!("{}broker {leader} leads {partitions}{isr}{elr}{coordinates}", elected.map_or("", how_elected)),
    }
}

fn partitions(notes: &[&Note], names: &Names) -> String {
    let partition = notes.iter().filter_map(|note| {
        if let Note::PartitionChanged { partition, .. } | Note::LogRecovered { partition, .. } = note {
            Some(names.partition(*partition))
        } else {
            None
        }
    });
    shortened(partition.collect())
}

fn brokers(notes: &[&Note]) -> String {
    of_brokers(&told_brokers(notes))
}

/// The brokers that tell of something, each once.
fn told_brokers(notes: &[&Note]) -> Vec<i32> {
    let mut told: Vec<i32> = Vec::new();
    for note in notes {
        if let Note::Rolled { broker, .. }
        | Note::SegmentsDeleted { broker, .. }
        | Note::Cleaned { broker, .. }
        | Note::Registered { broker, .. }
        | Note::Fenced { broker, .. } = note
            && !told.contains(broker)
        {
            told.push(*broker);
        }
    }
    told
}

fn of_brokers(brokers: &[i32]) -> String {
    let noun = if brokers.len() == 1 { "broker" } else { "brokers" };
    format!("{noun} {}", list(brokers.iter().map(ToString::to_string)))
}

/// Whom something is done to: of links the end that all have in common once.
fn hits(all: &[Hit], names: &Names) -> String {
    let links: Vec<(ProcessId, ProcessId)> = all
        .iter()
        .filter_map(|hit| match hit {
            Hit::Link(from, to) => Some((*from, *to)),
            Hit::Process(_) | Hit::Replica(..) | Hit::Message(_) => None,
        })
        .collect();
    let others = all.iter().filter_map(|hit| match hit {
        Hit::Process(id) => Some(names.process(*id)),
        Hit::Replica(id, partition) => Some(format!("{} on {}", names.partition(*partition), names.process(*id))),
        Hit::Message(_) => Some("a message".to_owned()),
        Hit::Link(..) => None,
    });
    list(others.chain((!links.is_empty()).then(|| of_links(&links, names))))
}

fn of_links(links: &[(ProcessId, ProcessId)], names: &Names) -> String {
    let both = |(from, to): &(ProcessId, ProcessId)| links.contains(&(*to, *from));
    // Of two directions the first stands for both.
    let is_first = |place: usize, (from, to): (ProcessId, ProcessId)| !links[..place].contains(&(to, from));
    let named: Vec<(ProcessId, ProcessId)> = links
        .iter()
        .copied()
        .enumerate()
        .filter(|(place, link)| is_first(*place, *link))
        .map(|(_, link)| link)
        .collect();
    let (from, to) = named[0];
    let all_both = links.iter().all(both);
    let sign = if all_both { "-" } else { "->" };
    let alike = all_both || !links.iter().any(both);
    let noun = if named.len() == 1 { "link" } else { "links" };
    let process = |id: ProcessId| names.process(id);
    if alike && named.iter().all(|link| link.0 == from) {
        return format!("{noun} {} {sign} {}", process(from), list(named.iter().map(|link| process(link.1))));
    }
    if alike && named.iter().all(|link| link.1 == to) {
        return format!("{noun} {} {sign} {}", list(named.iter().map(|link| process(link.0))), process(to));
    }
    let one = |link: &(ProcessId, ProcessId)| {
        format!("{} {} {}", process(link.0), if both(link) { "-" } else { "->" }, process(link.1))
    };
    format!("{noun} {}", list(named.iter().map(one)))
}
