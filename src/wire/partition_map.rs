//! What belongs to partitions, found by their numbers.

use std::sync::Arc;

use super::TopicPartition;

/// A map of partitions to values, in their order. Topics and partitions count from 0, so a place in a list is found
/// without a search; it is for those who have most partitions of a topic.
#[derive(Clone, Debug)]
pub struct PartitionMap<T> {
    topics: Vec<Vec<Option<T>>>,
}

impl<T> Default for PartitionMap<T> {
    fn default() -> Self {
        Self { topics: Vec::new() }
    }
}

impl<T> PartitionMap<T> {
    /// The value of a partition.
    #[must_use]
    pub fn get(&self, of: &TopicPartition) -> Option<&T> {
        self.topics.get(of.topic as usize)?.get(of.partition as usize)?.as_ref()
    }

    /// The value of a partition, to be changed.
    pub fn get_mut(&mut self, of: &TopicPartition) -> Option<&mut T> {
        self.topics.get_mut(of.topic as usize)?.get_mut(of.partition as usize)?.as_mut()
    }

    /// The value of a partition, made now if it has none.
    pub fn get_or_insert_with(&mut self, of: TopicPartition, make: impl FnOnce() -> T) -> &mut T {
        self.slot(of).get_or_insert_with(make)
    }

    /// Gives a partition a value; the one that it had.
    pub fn insert(&mut self, of: TopicPartition, value: T) -> Option<T> {
        self.slot(of).replace(value)
    }

    /// Takes the value of a partition.
    pub fn remove(&mut self, of: &TopicPartition) -> Option<T> {
        self.topics.get_mut(of.topic as usize)?.get_mut(of.partition as usize)?.take()
    }

    /// One past the highest partition of a topic that ever had a value.
    #[must_use]
    pub fn partitions_of(&self, topic: u32) -> i32 {
        self.topics.get(topic as usize).map_or(0, |partitions| partitions.len() as i32)
    }

    /// Below 0, where no partition is, it is that of the first.
    fn slot(&mut self, of: TopicPartition) -> &mut Option<T> {
        let (topic, partition) = (of.topic as usize, usize::try_from(of.partition).unwrap_or(0));
        if self.topics.len() <= topic {
            self.topics.resize_with(topic + 1, Vec::new);
        }
        let partitions = &mut self.topics[topic];
        if partitions.len() <= partition {
            partitions.resize_with(partition + 1, || None);
        }
        &mut partitions[partition]
    }

    /// The partitions with their values.
    pub fn iter(&self) -> impl Iterator<Item = (TopicPartition, &T)> {
        let topics = (0..).zip(&self.topics);
        topics.flat_map(|(topic, partitions)| {
            let values = (0..).zip(partitions);
            values.filter_map(move |(partition, value)| Some((TopicPartition { topic, partition }, value.as_ref()?)))
        })
    }

    /// The partitions with their values, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (TopicPartition, &mut T)> {
        let topics = (0..).zip(&mut self.topics);
        topics.flat_map(|(topic, partitions)| {
            let values = (0..).zip(partitions);
            values.filter_map(move |(partition, value)| Some((TopicPartition { topic, partition }, value.as_mut()?)))
        })
    }

    /// The partitions that have a value.
    pub fn keys(&self) -> impl Iterator<Item = TopicPartition> {
        self.iter().map(|(partition, _)| partition)
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.topics.iter().flatten().flatten()
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.topics.iter_mut().flatten().flatten()
    }
}

/// Values that snapshots share until they are changed.
impl<T: Clone + Default> PartitionMap<Arc<T>> {
    /// The value of a partition, to be changed; a default one if it has none.
    pub fn of(&mut self, partition: TopicPartition) -> &mut T {
        Arc::make_mut(self.get_or_insert_with(partition, Arc::default))
    }
}
