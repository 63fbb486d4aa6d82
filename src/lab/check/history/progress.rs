//! How groups get on: what they worked on once and again, and how often they rebalanced. Nothing of it is promised; whoever
//! compares settings looks at it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::reached::Reached;
use crate::lab::check::Evidence;
use crate::wire::TopicPartition;

/// What a group has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupWork {
    /// How often its members were assigned partitions anew.
    pub rebalances: u64,
    /// Records that its members worked on, each as often as they did.
    pub worked_on: u64,
    /// How many of these somebody had worked on before.
    pub again: u64,
}

/// How all groups get on.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    work: BTreeMap<String, GroupWork>,
    generations: BTreeMap<String, i32>,
    /// The offsets of records that a member was given and has not worked on.
    in_hand: BTreeMap<u32, Vec<(TopicPartition, i64)>>,
}

impl Progress {
    pub(super) fn assigned(&mut self, consumer: u32, generation: i32, evidence: &dyn Evidence) {
        // It reads for itself.
        let Some(group) = evidence.group_of(consumer) else { return };
        let last = self.generations.entry(group.to_owned()).or_insert(i32::MIN);
        // A group that was forgotten counts from the first again.
        if generation > *last || generation == 1 && *last > 1 {
            *last = generation;
            self.work.entry(group.to_owned()).or_default().rebalances += 1;
        }
    }

    pub(super) fn given(&mut self, consumer: u32, of: TopicPartition, offset: i64, evidence: &dyn Evidence) {
        if evidence.group_of(consumer).is_some() {
            self.in_hand.entry(consumer).or_default().push((of, offset));
        }
    }

    /// A member has worked on these; what its group had done before.
    pub(super) fn worked_on(
        &mut self,
        consumer: u32,
        of: TopicPartition,
        offsets: &Range<i64>,
        done: Option<&Reached>,
        evidence: &dyn Evidence,
    ) {
        // It reads for itself, or was given nothing.
        let (Some(group), Some(in_hand)) = (evidence.group_of(consumer), self.in_hand.get_mut(&consumer)) else {
            return;
        };
        let work = self.work.entry(group.to_owned()).or_default();
        in_hand.retain(|(partition, offset)| {
            let is_it = *partition == of && offsets.contains(offset);
            work.worked_on += u64::from(is_it);
            work.again += u64::from(is_it && done.is_some_and(|done| done.holds(*offset)));
            !is_it
        });
    }

    /// A process is at its end: what it had in hand it does not work on.
    pub(super) fn ended(&mut self, process: u32) {
        self.in_hand.remove(&process);
    }

    pub(super) fn work_of(&self, group: &str) -> GroupWork {
        self.work.get(group).copied().unwrap_or_default()
    }
}
