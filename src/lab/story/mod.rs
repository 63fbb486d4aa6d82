//! The story of a run: its turning points as whoever writes a report of an incident tells them.
//!
//! Here alone a story is made, for the command line, for its JSON and for the page. What recurs is told once: what happened to
//! several at one time, and what each log does for as long as there are records. However many records there are, the story is as
//! long as what happened to the cluster.

mod group;
mod line;
mod words;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use self::group::{Group, Key, Routine};
pub use self::line::Line;
use super::notable::{Notable, NotableKind, Occasion};
use super::world::World;
use crate::note::{Moved, Note};
use crate::sim::sorted::sort_by_key;

/// The story of a run up to where the world is, from its turning points up to there.
pub fn tell<'a>(notables: impl Iterator<Item = &'a Notable>, world: &World) -> Vec<Line> {
    // How much there is of a finding, and of what is not over, is known now.
    let known = notables.filter(|notable| notable.kind() != NotableKind::Finding).map(Cow::Borrowed);
    let present = world.present().into_iter().map(Cow::Owned);
    let mut told: Vec<Cow<'a, Notable>> = known.chain(present).collect();
    sort_by_key(&mut told, |notable| notable.date().event.into());
    let told = without_what_follows(told);
    let groups = groups(&told);
    let is_routine =
        |group: &&Group<'_>, routine| group.is_told_together() && group.key.as_ref().and_then(Key::routine) == routine;
    let mut lines: Vec<Line> =
        groups.iter().filter(|it| is_routine(it, None) || !it.is_told_together()).flat_map(words::lines).collect();
    for routine in [Routine::Rolled, Routine::Deleted, Routine::Cleaned] {
        let of_it: Vec<&Group<'_>> = groups.iter().filter(|group| is_routine(group, Some(routine))).collect();
        lines.extend(words::routine(routine, &of_it));
    }
    sort_by_key(&mut lines, |line| line.at.event.into());
    lines
}

/// What says no more than another turning point does: what a leader asks for when the ISR grows, and what a consumer asked for
/// before it resets its position.
fn without_what_follows(mut told: Vec<Cow<'_, Notable>>) -> Vec<Cow<'_, Notable>> {
    let mut resets: BTreeSet<(u32, u32, i32)> = BTreeSet::new();
    for notable in &told {
        if let Some(Note::Positioned { consumer, partition, moved: Moved::Reset { .. }, .. }) = notable.note() {
            resets.insert((*consumer, partition.topic, partition.partition));
        }
    }
    told.retain(|notable| match notable.note() {
        Some(Note::IsrProposed { isr, isr_before, .. }) => isr.len() < isr_before.len(),
        Some(Note::OutOfRange { consumer, partition, .. }) => {
            !resets.contains(&(*consumer, partition.topic, partition.partition))
        }
        Some(_) | None => true,
    });
    told
}

/// Turning points that are told together, in the order of their first.
fn groups<'n>(told: &'n [Cow<'_, Notable>]) -> Vec<Group<'n>> {
    let mut groups: Vec<Group<'n>> = Vec::new();
    // The last group of each key.
    let mut last: BTreeMap<Key, usize> = BTreeMap::new();
    for notable in told {
        let notable: &'n Notable = notable;
        if let Occasion::Trouble(trouble) = &notable.occasion {
            match groups.iter_mut().rev().find(|group| group.takes_trouble(trouble)) {
                Some(group) => group.join_trouble(notable, trouble),
                None => groups.push(Group::of_trouble(notable, trouble)),
            }
            continue;
        }
        if let Occasion::Stall(stall) = &notable.occasion {
            match groups.iter_mut().rev().find(|group| group.takes_stall(stall)) {
                Some(group) => group.join_stall(notable, stall),
                None => groups.push(Group::of_stall(notable, stall)),
            }
            continue;
        }
        let Some(key) = group::key(notable) else {
            groups.push(Group::alone(notable));
            continue;
        };
        let window = key.window_us();
        let place = last.get(&key).copied();
        match place.filter(|place: &usize| notable.time - groups[*place].first().time <= window) {
            Some(place) => groups[place].members.push(notable),
            None => {
                last.insert(key.clone(), groups.len());
                groups.push(Group { key: Some(key), ..Group::alone(notable) });
            }
        }
    }
    groups
}
