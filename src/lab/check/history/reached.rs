//! What is known of groups: what their members have done and committed.
//!
//! Whoever gets a partition begins where its group has committed: what is given again behind a rebalance or a crash is the
//! at-least-once of the group, no anomaly. A record below what is committed that nobody has worked on is one that nobody will.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::lab::check::Evidence;
use crate::note::Moved;
use crate::sim::Time;
use crate::wire::{PartitionMap, TopicPartition};

/// A group in a partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Reached {
    /// Offsets that were worked on, or that the group went past by its own will, in order and apart.
    pub(super) done: Vec<(i64, i64)>,
    /// Where it goes on.
    pub(super) committed: i64,
}

impl Reached {
    fn add(&mut self, range: Range<i64>) {
        let (mut from, mut to) = (range.start, range.end);
        // Mostly it goes on from the last.
        let first = self.done.partition_point(|(_, end)| *end < from);
        let behind = self.done.partition_point(|(start, _)| *start <= to);
        for (start, end) in self.done.drain(first..behind.max(first)) {
            (from, to) = (from.min(start), to.max(end));
        }
        self.done.insert(first, (from, to));
    }

    fn cut(&mut self, end: i64) {
        self.done.retain(|(from, _)| *from < end);
        if let Some((_, to)) = self.done.last_mut() {
            *to = end.min(*to);
        }
    }

    pub(super) fn holds(&self, offset: i64) -> bool {
        let place = self.done.partition_point(|(_, to)| *to <= offset);
        self.done.get(place).is_some_and(|(from, _)| *from <= offset)
    }
}

/// All groups.
#[derive(Clone, Debug, Default)]
pub(in crate::lab::check) struct Groups {
    pub(super) reached: Arc<BTreeMap<String, PartitionMap<Reached>>>,
    /// What members were given and have not done yet, from and to.
    in_hand: BTreeMap<u32, Vec<(TopicPartition, i64, i64)>>,
    /// When a member last got or gave up something.
    changed_at: BTreeMap<String, Time>,
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
        if evidence.group_of(consumer).is_none() {
            return;
        }
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
    ) {
        if let Some(in_hand) = self.in_hand.get_mut(&consumer) {
            in_hand.retain(|(partition, ..)| *partition != of);
        }
        if let Some(reached) = self.reached(consumer, of, evidence) {
            reached.add(offsets);
        }
    }

    pub(super) fn committed(&mut self, consumer: u32, of: TopicPartition, offset: i64, evidence: &dyn Evidence) {
        if let Some(reached) = self.reached(consumer, of, evidence) {
            reached.committed = offset;
        }
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
            // What lies before is skipped because `auto.offset.reset` says so, or because it was another topic's.
            Moved::First | Moved::Reset { .. } | Moved::Kept => reached.add(0..offset),
            // What was there is not in the log any more.
            Moved::Truncated { .. } => reached.cut(offset),
            // It goes on where the group was.
            Moved::Committed => {}
        }
    }

    pub(super) fn changed(&mut self, consumer: u32, evidence: &dyn Evidence, now: Time) {
        if let Some(group) = evidence.group_of(consumer) {
            self.changed_at.insert(group.to_owned(), now);
        }
    }

    pub(super) fn failed(&mut self, consumer: u32) {
        self.failed.push(consumer);
    }

    /// A process is at its end: what it had in hand it does not work on.
    pub(super) fn ended(&mut self, process: u32) {
        self.in_hand.remove(&process);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_that_touch_are_one_range() {
        let mut reached = Reached::default();
        reached.add(0..4);
        reached.add(8..9);
        reached.add(4..6);
        assert_eq!(reached.done, [(0, 6), (8, 9)]);
        reached.add(5..8);
        assert_eq!(reached.done, [(0, 9)]);
        reached.add(20..30);
        reached.add(12..14);
        assert_eq!(reached.done, [(0, 9), (12, 14), (20, 30)]);
        assert!(reached.holds(8) && !reached.holds(9) && reached.holds(12) && !reached.holds(30));
        reached.cut(13);
        assert_eq!(reached.done, [(0, 9), (12, 13)]);
    }
}
