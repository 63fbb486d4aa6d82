//! Cluster metadata: one image, shared, replaced as a whole (Kafka: `MetadataImage`).

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::TopicPartition;

/// The first topic's id; ids count up from here.
const TOPIC_IDS: u128 = 0x6c6f_676c_6162_4000_8000_0000_0000_0001;

/// The id of the topic at this place of the list.
#[must_use]
pub fn topic_id(topic: u32) -> Uuid {
    Uuid::from_u128(TOPIC_IDS + u128::from(topic))
}

/// The place in the list of the topic with this id; `None` where it is not one of ours.
#[must_use]
pub fn topic_index(id: Uuid) -> Option<u32> {
    u32::try_from(id.as_u128().checked_sub(TOPIC_IDS)?).ok()
}

/// Says something of partitions as requests and answers do, topic by topic: `say` what of one of them, `group` a topic's id
/// with what is said of its partitions. Only neighbours are put together.
pub fn by_topic<P, T, G>(
    partitions: &[P],
    topic_of: impl Fn(&P) -> u32,
    mut say: impl FnMut(&P) -> T,
    group: impl Fn(Uuid, Vec<T>) -> G,
) -> Vec<G> {
    let topics = partitions.chunk_by(|one, other| topic_of(one) == topic_of(other));
    // Mostly there is one: it gets exactly the room it needs.
    let mut groups = Vec::with_capacity(usize::from(!partitions.is_empty()));
    for of_topic in topics {
        let mut said = Vec::with_capacity(of_topic.len());
        of_topic.iter().for_each(|partition| said.push(say(partition)));
        groups.push(group(topic_id(topic_of(&of_topic[0])), said));
    }
    groups
}

/// The cluster as the controller's log says at one offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterImage {
    /// The offset of `__cluster_metadata` that this is the image of.
    pub offset: i64,
    /// Registered brokers by id.
    pub brokers: BTreeMap<i32, BrokerImage>,
    /// Topics; a [`TopicPartition`] names one by its place.
    pub topics: Vec<Arc<TopicImage>>,
}

/// One registered broker (RegisterBrokerRecord).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerImage {
    /// The broker epoch that its registration was given.
    pub epoch: i64,
    /// It may not lead or be in an ISR.
    pub fenced: bool,
    /// It has asked for a controlled shutdown.
    pub in_controlled_shutdown: bool,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// Its name.
    pub name: String,
    /// Its partitions, from 0.
    pub partitions: Vec<PartitionImage>,
    /// Topic settings by Kafka's names, only those that were given.
    pub config: BTreeMap<String, String>,
}

/// One partition (PartitionRecord and PartitionChangeRecord).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// All replicas, the preferred leader first.
    pub replicas: Vec<i32>,
    /// The in-sync replicas; may be empty.
    pub isr: Vec<i32>,
    /// The eligible leader replicas (KIP-966).
    pub elr: Vec<i32>,
    /// The last known leader, kept while the ISR is empty (KIP-966).
    pub last_known_elr: Vec<i32>,
    /// The leader; -1 for none.
    pub leader: i32,
    /// One more at each change of leader.
    pub leader_epoch: i32,
    /// One more at each change of this record.
    pub partition_epoch: i32,
    /// An unclean election is not yet healed (KIP-704).
    pub recovering: bool,
}

impl ClusterImage {
    /// A partition, if there is one.
    #[must_use]
    pub fn partition(&self, of: TopicPartition) -> Option<&PartitionImage> {
        let topic = self.topics.get(of.topic as usize)?;
        topic.partitions.get(usize::try_from(of.partition).ok()?)
    }

    /// The place of the topic with this name.
    #[must_use]
    pub fn topic_named(&self, name: &str) -> Option<u32> {
        (0_u32..).zip(&self.topics).find(|(_, topic)| topic.name == name).map(|(index, _)| index)
    }

    /// True where the broker is registered and not fenced.
    #[must_use]
    pub fn is_alive(&self, broker: i32) -> bool {
        self.brokers.get(&broker).is_some_and(|broker| !broker.fenced)
    }

    /// Each partition of each topic.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &PartitionImage)> {
        (0_u32..).zip(&self.topics).flat_map(|(topic, image)| {
            (0_i32..).zip(&image.partitions).map(move |(partition, image)| (TopicPartition { topic, partition }, image))
        })
    }
}
