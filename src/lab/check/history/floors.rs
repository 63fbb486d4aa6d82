//! What a group has committed it has committed for whoever gets the partition later: its offsets do not go back.
//!
//! Only what the partition's member was told counts, and only for a member to which the partition came later: an answer that is long
//! on its way to a former member, and a commit while the partition changes hands, say nothing.

use std::collections::BTreeMap;

use crate::lab::check::{Evidence, When};
use crate::sim::Time;
use crate::wire::TopicPartition;

/// What a member was owed when it got a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Floor {
    /// What its group had committed by then.
    pub(super) committed: i64,
    /// When it began below that.
    pub(super) broken_at: Option<When>,
}

/// A member, and the committed offset that it was told last, and when.
type Told = (u32, Option<(i64, Time)>);

/// What groups have committed, as the members were told that had the partitions.
#[derive(Clone, Debug, Default)]
pub(super) struct Floors {
    /// Of each group in each partition the member that got it last, and what that was told last.
    told: BTreeMap<(String, TopicPartition), Told>,
    pub(super) owed: BTreeMap<(u32, TopicPartition), Floor>,
}

impl Floors {
    /// Partitions came to a member.
    pub(super) fn assigned(
        &mut self,
        consumer: u32,
        partitions: &[TopicPartition],
        evidence: &dyn Evidence,
        now: Time,
    ) {
        // It reads for itself.
        let Some(group) = evidence.group_of(consumer) else { return };
        for of in partitions {
            let (member, committed) = self.told.entry((group.to_owned(), *of)).or_insert((consumer, None));
            *member = consumer;
            match committed {
                // A group that was left for so long may have forgotten it (KIP-211).
                Some((committed, told_at)) if now.saturating_sub(*told_at) < evidence.offset_retention() => {
                    _ = self.owed.insert((consumer, *of), Floor { committed: *committed, broken_at: None });
                }
                Some(_) | None => _ = self.owed.remove(&(consumer, *of)),
            }
        }
    }

    /// Whether a member is the one that a partition came to last; true where nobody tells of that.
    pub(super) fn has(&self, consumer: u32, of: TopicPartition, evidence: &dyn Evidence) -> bool {
        let group = evidence.group_of(consumer).map(str::to_owned);
        group.and_then(|group| self.told.get(&(group, of))).is_none_or(|(member, _)| *member == consumer)
    }

    pub(super) fn committed(
        &mut self,
        consumer: u32,
        of: TopicPartition,
        offset: i64,
        evidence: &dyn Evidence,
        now: Time,
    ) {
        // It reads for itself.
        let Some(group) = evidence.group_of(consumer) else { return };
        if let Some((member, told)) =
            self.told.get_mut(&(group.to_owned(), of)).filter(|(member, _)| *member == consumer)
        {
            (*member, *told) = (consumer, Some((offset, now)));
        }
    }

    /// An administrator has put a group elsewhere: what its members were told is no more. Says whether a member was told something since
    /// the order was given: then it is not known what was first, and the lower of both is owed.
    pub(super) fn put(
        &mut self,
        group: &str,
        of: TopicPartition,
        to: Option<i64>,
        (given_at, now): (Time, Time),
    ) -> bool {
        // Nobody was told anything: nothing is owed.
        let Some((_, told)) = self.told.get_mut(&(group.to_owned(), of)) else { return false };
        let later = told.filter(|(_, told_at)| *told_at > given_at);
        *told = match (to, later) {
            (Some(to), Some((committed, told_at))) => Some((committed.min(to), told_at)),
            (Some(to), None) => Some((to, now)),
            (None, _) => None,
        };
        later.is_some()
    }

    /// An administrator may have put its group elsewhere before a partition came to a member.
    pub(super) fn lower(&mut self, consumer: u32, of: TopicPartition, to: Option<i64>) {
        match (to, self.owed.get_mut(&(consumer, of))) {
            (Some(to), Some(floor)) => floor.committed = floor.committed.min(to),
            (None, Some(_)) => _ = self.owed.remove(&(consumer, of)),
            // Nothing is owed.
            (_, None) => {}
        }
    }

    /// A member has these no more.
    pub(super) fn given_up(&mut self, consumer: u32, partitions: &[TopicPartition]) {
        partitions.iter().for_each(|of| _ = self.owed.remove(&(consumer, *of)));
    }

    pub(super) fn ended(&mut self, process: u32) {
        self.owed.retain(|(consumer, _), _| *consumer != process);
    }
}
