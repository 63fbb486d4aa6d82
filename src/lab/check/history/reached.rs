//! What is known of groups: what their members have done and committed.
//!
//! Whoever gets a partition begins where its group has committed: what is given again behind a rebalance or a crash is the
//! at-least-once of the group, no anomaly. A record below what is committed that nobody has worked on is one that nobody will.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::spans::Spans;
use crate::lab::check::{Evidence, When};
use crate::note::Moved;
use crate::sim::Time;
use crate::wire::{PartitionMap, TopicPartition};

/// A group in a partition.
#[derive(Clone, Debug, Default)]
pub(in crate::lab::check) struct Reached {
    /// Offsets that were worked on, or that the group went past by its own will or an administrator's.
    pub(super) done: Spans,
    /// Where it goes on.
    pub(in crate::lab::check) committed: i64,
    /// Up to where its members have worked.
    pub(in crate::lab::check) worked_to: i64,
    /// Since when something is worked on and not committed, and nothing more was.
    pub(in crate::lab::check) uncommitted_since: Option<Time>,
    /// When the group last came further: a member was given something, or did its work, or committed.
    pub(in crate::lab::check) moved_at: Time,
    /// The highest offset that somebody was told is committed, of what is in the log.
    highest: i64,
    /// Up to here the group went by its own will.
    pub(super) skipped_to: i64,
    /// What an administrator had the group skip, and read again.
    pub(super) skipped: Spans,
    pub(super) repeated: Spans,
    /// Offsets, from and to, that were committed and not worked on, and since when nobody will.
    holes: Vec<(i64, i64, When)>,
}

impl Reached {
    fn worked_on(&mut self, range: Range<i64>, now: Time) {
        self.worked_to = self.worked_to.max(range.end);
        self.moved_at = now;
        if self.worked_to > self.committed {
            self.uncommitted_since.get_or_insert(now);
        }
        self.done.add(range.start, range.end);
        let done = &self.done;
        self.holes.retain(|(from, to, _)| done.first_gap(*from, *to).is_some());
    }

    fn commit(&mut self, offset: i64, now: When) {
        if let Some((from, to)) = self.done.first_gap(self.committed, offset) {
            self.holes.push((from, to, now));
        }
        self.committed = offset;
        self.moved_at = now.time;
        self.uncommitted_since = (self.worked_to > offset).then_some(now.time);
    }

    /// Since when nobody will work on an offset that is committed; `None` where that is not known.
    pub(super) fn skipped_since(&self, offset: i64) -> Option<When> {
        self.holes.iter().rev().find(|(from, to, _)| (*from..*to).contains(&offset)).map(|(.., since)| *since)
    }

    /// Who had these in hand does not work on them any more.
    fn left(&mut self, offsets: Range<i64>, now: When) {
        let touches = |hole: &&mut (i64, i64, When)| hole.0 < offsets.end && offsets.start < hole.1;
        self.holes.iter_mut().filter(touches).for_each(|(.., since)| *since = now);
    }

    fn cut(&mut self, end: i64) {
        self.worked_to = self.worked_to.min(end);
        self.done.cut(end);
    }

    pub(super) fn holds(&self, offset: i64) -> bool {
        self.done.holds(offset)
    }

    /// An administrator has put the group elsewhere. `went_on`: it has committed since the order was given.
    fn put(&mut self, to: Option<i64>, went_on: bool) {
        let (to, before) = (to.unwrap_or(0), self.committed);
        if to > before {
            self.done.add(before, to);
            self.skipped.add(before, to);
        } else if to < before {
            self.repeated.add(to, before);
        }
        if went_on {
            self.highest = self.highest.min(to);
        } else {
            (self.highest, self.committed, self.worked_to) = (to, to, self.worked_to.min(to));
            self.uncommitted_since = None;
        }
    }
}

/// All groups.
#[derive(Clone, Debug, Default)]
pub(in crate::lab::check) struct Groups {
    pub(super) reached: Arc<BTreeMap<String, PartitionMap<Reached>>>,
    /// What members were given and have not done yet, from and to.
    in_hand: BTreeMap<u32, Vec<(TopicPartition, i64, i64)>>,
    /// The groups of those that were given something.
    members: BTreeMap<u32, Arc<str>>,
    /// When a member last got or gave up something.
    changed_at: BTreeMap<String, Time>,
    /// How often since a member last did any work, and the first time of these.
    rebalances: BTreeMap<String, (u64, Time)>,
    /// Members that read no more.
    failed: Vec<u32>,
}

impl Groups {
    fn reached(&mut self, consumer: u32, of: TopicPartition, evidence: &dyn Evidence) -> Option<&mut Reached> {
        let group = evidence.group_of(consumer)?;
        Some(
            Arc::make_mut(&mut self.reached)
                .entry(group.to_owned())
                .or_default()
                .get_or_insert_with(of, Reached::default),
        )
    }

    /// What a member's group has done in a partition.
    pub(super) fn of(&self, consumer: u32, of: TopicPartition, evidence: &dyn Evidence) -> Option<&Reached> {
        self.reached.get(evidence.group_of(consumer)?)?.get(&of)
    }

    /// A member was given a record.
    pub(super) fn given(&mut self, consumer: u32, of: TopicPartition, offset: i64, evidence: &dyn Evidence) {
        // It reads for itself.
        let Some(group) = evidence.group_of(consumer) else { return };
        self.members.entry(consumer).or_insert_with(|| group.into());
        let in_hand = self.in_hand.entry(consumer).or_default();
        match in_hand.iter_mut().find(|(partition, ..)| *partition == of) {
            Some((_, from, to)) => (*from, *to) = ((*from).min(offset), (*to).max(offset + 1)),
            None => in_hand.push((of, offset, offset + 1)),
        }
    }

    /// A member has done its work on these.
    pub(super) fn worked_on(
        &mut self,
        consumer: u32,
        of: TopicPartition,
        offsets: Range<i64>,
        evidence: &dyn Evidence,
        now: Time,
    ) {
        if let Some(in_hand) = self.in_hand.get_mut(&consumer) {
            // Who hands its work to another thread has later records in hand, too.
            in_hand.retain_mut(|(partition, from, to)| {
                if *partition == of {
                    *from = (*from).max(offsets.end);
                }
                from < to
            });
        }
        if let Some(reached) = self.reached(consumer, of, evidence) {
            reached.worked_on(offsets, now);
        }
        if let Some(group) = evidence.group_of(consumer) {
            self.rebalances.remove(group);
        }
    }

    pub(super) fn committed(
        &mut self,
        consumer: u32,
        of: TopicPartition,
        (offset, has_it): (i64, bool),
        evidence: &dyn Evidence,
        now: When,
    ) {
        if let Some(reached) = self.reached(consumer, of, evidence) {
            reached.commit(offset, now);
            // An answer that was long on its way to a former member says nothing of what was committed since.
            if has_it {
                reached.highest = reached.highest.max(offset);
            }
        }
    }

    /// An administrator has put a group elsewhere in a partition.
    pub(super) fn put(&mut self, group: &str, of: TopicPartition, to: Option<i64>, went_on: bool) {
        let partitions = Arc::make_mut(&mut self.reached).entry(group.to_owned()).or_default();
        partitions.get_or_insert_with(of, Reached::default).put(to, went_on);
    }

    /// The highest offset that a member was told is committed, where another one is told a lower one now.
    pub(super) fn went_back(
        &mut self,
        consumer: u32,
        of: TopicPartition,
        offset: i64,
        evidence: &dyn Evidence,
    ) -> Option<i64> {
        let reached = self.reached(consumer, of, evidence)?;
        let before = std::mem::replace(&mut reached.highest, offset);
        (offset < before).then_some(before)
    }

    /// A member goes on elsewhere than where it was.
    pub(super) fn moved(
        &mut self,
        consumer: u32,
        of: TopicPartition,
        (offset, moved): (i64, Moved),
        evidence: &dyn Evidence,
    ) {
        // It reads for itself.
        let Some(reached) = self.reached(consumer, of, evidence) else { return };
        match moved {
            // What lies before is skipped because `auto.offset.reset` or the program says so, or because it was another topic's.
            Moved::First | Moved::Reset { .. } | Moved::Kept | Moved::Sought { .. } => {
                reached.done.add(0, offset);
                (reached.skipped_to, reached.highest) = (reached.skipped_to.max(offset), 0);
            }
            // What was there is not in the log any more.
            Moved::Truncated { .. } => {
                reached.cut(offset);
                reached.highest = reached.highest.min(offset);
            }
            // It goes on where the group was.
            Moved::Committed => {}
        }
    }

    pub(super) fn changed(&mut self, consumer: u32, evidence: &dyn Evidence, now: Time) {
        if let Some(group) = evidence.group_of(consumer) {
            self.changed_at.insert(group.to_owned(), now);
            self.rebalances.entry(group.to_owned()).or_insert((0, now)).0 += 1;
        }
    }

    /// How often members of a group got or gave up something since one of them last did any work, and since when.
    pub(in crate::lab::check) fn rebalances(&self) -> impl Iterator<Item = (&str, u64, Time)> {
        self.rebalances.iter().map(|(group, (count, since))| (group.as_str(), *count, *since))
    }

    /// Where groups are, partition by partition.
    pub(in crate::lab::check) fn all_reached(&self) -> impl Iterator<Item = (&str, TopicPartition, &Reached)> {
        let of_group = |(group, partitions)| {
            let (group, partitions): (&String, &PartitionMap<Reached>) = (group, partitions);
            partitions.iter().map(move |(of, reached)| (group.as_str(), of, reached))
        };
        self.reached.iter().flat_map(of_group)
    }

    pub(super) fn failed(&mut self, consumer: u32) {
        self.failed.push(consumer);
    }

    /// A process is at its end: what it had in hand it does not work on.
    pub(super) fn ended(&mut self, process: u32, now: When) {
        let left = self.in_hand.remove(&process).unwrap_or_default();
        let group = self.members.get(&process).and_then(|group| Arc::make_mut(&mut self.reached).get_mut(&**group));
        if let Some(partitions) = group {
            for (of, from, to) in left {
                partitions.get_mut(&of).into_iter().for_each(|reached| reached.left(from..to, now));
            }
        }
        self.failed.retain(|failed| *failed != process);
    }

    /// When a member of the group last got or gave up something.
    pub(in crate::lab::check) fn changed_at(&self, group: &str) -> Time {
        self.changed_at.get(group).copied().unwrap_or(0)
    }

    pub(in crate::lab::check) fn has_failed(&self, consumer: u32) -> bool {
        self.failed.contains(&consumer)
    }

    /// Whether somebody may yet work on it.
    pub(super) fn is_in_hand(&self, group: &str, of: TopicPartition, offset: i64, evidence: &dyn Evidence) -> bool {
        self.in_hand.iter().filter(|(consumer, _)| evidence.group_of(**consumer) == Some(group)).any(|(_, spans)| {
            spans.iter().any(|(partition, from, to)| *partition == of && (*from..*to).contains(&offset))
        })
    }
}
