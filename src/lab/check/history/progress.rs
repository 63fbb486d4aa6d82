//! How groups get on: what they worked on once and again, how often they rebalanced, and how long partitions stood still although
//! there was something to read. Nothing of it is promised; whoever compares settings looks at it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use super::reached::Reached;
use crate::lab::check::Evidence;
use crate::sim::Time;
use crate::wire::{PartitionMap, TopicPartition};

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

/// How a group gets on in a partition.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// One past the highest offset that a member was given.
    next: i64,
    /// When a member was given something last; `None` before that.
    given_at: Option<Time>,
    longest_us: Time,
}

/// How all groups get on.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    work: BTreeMap<String, GroupWork>,
    generations: BTreeMap<String, i32>,
    paces: BTreeMap<String, PartitionMap<Pace>>,
    /// When high watermarks passed offsets that some group has not been given yet.
    raised: PartitionMap<VecDeque<(i64, Time)>>,
    /// The offsets of records that a member was given and has not worked on.
    in_hand: BTreeMap<u32, Vec<(TopicPartition, i64)>>,
}

impl Progress {
    pub(super) fn assigned(&mut self, consumer: u32, generation: i32, evidence: &dyn Evidence) {
        // It reads for itself.
        let Some(group) = evidence.group_of(consumer) else { return };
        let last = self.generations.entry(group.to_owned()).or_insert(i32::MIN);
        if generation > *last {
            *last = generation;
            self.work.entry(group.to_owned()).or_default().rebalances += 1;
        }
    }

    /// A high watermark moved. That of a follower moves later than its leader's, and says nothing new.
    pub(super) fn raised(&mut self, of: TopicPartition, high_watermark: i64, now: Time) {
        if !self.paces.values().any(|partitions| partitions.get(&of).is_some()) {
            return;
        }
        let raised = self.raised.get_or_insert_with(of, VecDeque::new);
        if raised.back().is_none_or(|(known, _)| *known < high_watermark) {
            raised.push_back((high_watermark, now));
        }
    }

    pub(super) fn given(&mut self, consumer: u32, of: TopicPartition, offset: i64, now: Time, evidence: &dyn Evidence) {
        // It reads for itself.
        let Some(group) = evidence.group_of(consumer) else { return };
        self.in_hand.entry(consumer).or_default().push((of, offset));
        let readable_at = self.readable_at(of, offset);
        let paces = self.paces.entry(group.to_owned()).or_default();
        let pace = paces.get_or_insert_with(of, Pace::default);
        if let Some(given_at) = pace.given_at {
            pace.longest_us = pace.longest_us.max(now - given_at.max(readable_at));
        }
        (pace.given_at, pace.next) = (Some(now), pace.next.max(offset + 1));
        self.forget_read(of);
    }

    /// When an offset could be read first; 0 where that was before anybody looked.
    fn readable_at(&self, of: TopicPartition, offset: i64) -> Time {
        let raised = self.raised.get(&of).into_iter().flatten();
        raised.into_iter().find(|(high_watermark, _)| *high_watermark > offset).map_or(0, |(_, when)| *when)
    }

    fn forget_read(&mut self, of: TopicPartition) {
        let paces = self.paces.values().filter_map(|partitions| partitions.get(&of));
        let lowest = paces.map(|pace| pace.next).min().unwrap_or(i64::MAX);
        if let Some(raised) = self.raised.get_mut(&of) {
            while raised.front().is_some_and(|(high_watermark, _)| *high_watermark <= lowest) {
                raised.pop_front();
            }
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

    /// The longest that a partition stood still for a group. `waits` where there is something to read now.
    pub(super) fn stood_still(&self, group: &str, of: TopicPartition, waits: bool, now: Time) -> Time {
        // It was given nothing yet.
        let Some(pace) = self.paces.get(group).and_then(|partitions| partitions.get(&of)) else { return 0 };
        let open = pace.given_at.filter(|_| waits).map(|given_at| given_at.max(self.readable_at(of, pace.next)));
        pace.longest_us.max(open.map_or(0, |since| now.saturating_sub(since)))
    }
}
