//! What readers of compacted topics know by key, as a table that a program builds of them: a key is there from a value on, and gone
//! from a tombstone on.

use std::collections::BTreeMap;

use crate::wire::TopicPartition;

/// The keys that are there for a reader, with the offsets of their values.
pub(super) type Table = BTreeMap<u64, i64>;

/// Of each reader in each partition the keys that are there for it, with the offsets of their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    of: BTreeMap<(u32, TopicPartition), Table>,
}

impl Tables {
    pub(super) fn given(&mut self, reader: (u32, TopicPartition), key: u64, value_at: Option<i64>) {
        let table = self.of.entry(reader).or_default();
        match value_at {
            Some(offset) => _ = table.insert(key, offset),
            None => _ = table.remove(&key),
        }
    }

    /// It begins anew, or leaves something out by its own will: of its table nothing is promised.
    pub(super) fn moved(&mut self, consumer: u32, partition: TopicPartition) {
        self.of.remove(&(consumer, partition));
    }

    pub(super) fn ended(&mut self, process: u32) {
        self.of.retain(|(consumer, _), _| *consumer != process);
    }

    /// What a reader knows of a partition, where that is something.
    pub(super) fn of(&self, reader: (u32, TopicPartition)) -> Option<&Table> {
        self.of.get(&reader).filter(|table| !table.is_empty())
    }

    /// Who knows something.
    pub(super) fn readers(&self) -> Vec<(u32, TopicPartition)> {
        self.of.keys().copied().collect()
    }
}
