//! The offsets of a shard, and those of transactions that are not over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::records::OffsetValue;

/// A committed offset, with where its record stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) struct Committed {
    pub(in crate::broker::groups) value: OffsetValue,
    pub(in crate::broker::groups) record_offset: i64,
}

/// Of one group, by topic and partition.
type OfGroup = BTreeMap<(String, i32), Committed>;

/// By group, then by topic and partition.
#[derive(Clone, Debug, Default)]
struct ByGroup(BTreeMap<String, Arc<OfGroup>>);

impl ByGroup {
    fn get(&self, group: &str, topic: &str, partition: i32) -> Option<&Committed> {
        self.0.get(group)?.get(&(topic.to_owned(), partition))
    }

    fn put(&mut self, group: &str, place: (String, i32), committed: Committed) {
        let of_group = match self.0.get_mut(group) {
            Some(of_group) => of_group,
            None => self.0.entry(group.to_owned()).or_default(),
        };
        Arc::make_mut(of_group).insert(place, committed);
    }

    fn remove(&mut self, group: &str, topic: &str, partition: i32) {
        // What was never committed is not there.
        let Some(of_group) = self.0.get_mut(group) else { return };
        let of_group = Arc::make_mut(of_group);
        of_group.remove(&(topic.to_owned(), partition));
        if of_group.is_empty() {
            self.0.remove(group);
        }
    }
}

/// All offsets of a shard.
#[derive(Clone, Debug, Default)]
pub(in crate::broker::groups) struct Offsets {
    committed: ByGroup,
    /// Those of transactions, by producer.
    pending: BTreeMap<i64, ByGroup>,
    /// The producers whose transactions have offsets of a group.
    open: BTreeMap<String, BTreeSet<i64>>,
}

impl Offsets {
    /// What a group has committed of a partition.
    pub(in crate::broker::groups) fn get(&self, group: &str, topic: &str, partition: i32) -> Option<&Committed> {
        self.committed.get(group, topic, partition)
    }

    /// All that a group has committed, by topic and partition.
    pub(in crate::broker::groups) fn of_group(&self, group: &str) -> impl Iterator<Item = (&str, i32, &Committed)> {
        let of_group = self.committed.0.get(group).into_iter().flat_map(|of_group| of_group.iter());
        of_group.map(|((topic, partition), committed)| (topic.as_str(), *partition, committed))
    }

    /// Whether a transaction that is not over has an offset of this partition.
    pub(in crate::broker::groups) fn is_pending(&self, group: &str, topic: &str, partition: i32) -> bool {
        let of_producer = |producer: &i64| self.pending.get(producer)?.get(group, topic, partition);
        self.open.get(group).is_some_and(|producers| producers.iter().any(|producer| of_producer(producer).is_some()))
    }

    /// Whether a transaction that is not over has offsets of this group.
    pub(in crate::broker::groups) fn has_open_transactions(&self, group: &str) -> bool {
        self.open.contains_key(group)
    }

    /// All partitions of which a group has an offset, committed or pending, in order and once each.
    pub(in crate::broker::groups) fn places_of(&self, group: &str) -> BTreeSet<(String, i32)> {
        let committed = self.of_group(group).map(|(topic, partition, _)| (topic.to_owned(), partition));
        let pending = self.pending.values().filter_map(|by_group| by_group.0.get(group));
        committed.chain(pending.flat_map(|of_group| of_group.keys().cloned())).collect()
    }

    /// The groups that have any, committed or pending.
    pub(in crate::broker::groups) fn groups(&self) -> BTreeSet<String> {
        let pending = self.pending.values().flat_map(|by_group| by_group.0.keys());
        self.committed.0.keys().chain(pending).cloned().collect()
    }

    /// Takes a record: `value` is null where the offset is gone (`OffsetMetadataManager.replay`).
    pub(in crate::broker::groups) fn replay(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
        producer: Option<i64>,
        value: Option<Committed>,
    ) {
        match (value, producer) {
            (Some(committed), None) => self.committed.put(group, (topic.to_owned(), partition), committed),
            (Some(committed), Some(producer)) => {
                self.pending.entry(producer).or_default().put(group, (topic.to_owned(), partition), committed);
                self.open.entry(group.to_owned()).or_default().insert(producer);
            }
            (None, _) => {
                self.committed.remove(group, topic, partition);
                for producer in self.open.get(group).into_iter().flatten() {
                    if let Some(pending) = self.pending.get_mut(producer) {
                        pending.remove(group, topic, partition);
                    }
                }
            }
        }
    }

    /// A producer's transaction is over (`OffsetMetadataManager.replayEndTransactionMarker`). What it has committed counts by
    /// where its records stand, not by where the marker does.
    pub(in crate::broker::groups) fn end_transaction(&mut self, producer: i64, is_commit: bool) {
        // Most transactions have no offsets of a group here.
        let Some(pending) = self.pending.remove(&producer) else { return };
        self.open.retain(|_, producers| {
            producers.remove(&producer);
            !producers.is_empty()
        });
        if !is_commit {
            return;
        }
        for (group, of_group) in pending.0 {
            for ((topic, partition), committed) in of_group.iter() {
                let former = self.committed.get(&group, topic, *partition);
                if former.is_none_or(|former| committed.record_offset > former.record_offset) {
                    self.committed.put(&group, (topic.clone(), *partition), committed.clone());
                }
            }
        }
    }
}
