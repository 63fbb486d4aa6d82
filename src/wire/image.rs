//! Cluster metadata: one image, shared, replaced as a whole (Kafka: `MetadataImage`).

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::TopicPartition;
use super::topic_image::PartitionImage;
use super::topics::Topics;

/// The cluster as the controller's log says at one offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterImage {
    /// The offset of `__cluster_metadata` that this is the image of.
    pub offset: i64,
    /// Registered brokers by id.
    pub brokers: BTreeMap<i32, BrokerImage>,
    /// Topics; a [`TopicPartition`] names one by its number.
    pub topics: Topics,
}

/// One registered broker (RegisterBrokerRecord).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerImage {
    /// Which life of the broker it is.
    pub incarnation: Uuid,
    /// The broker epoch that its registration was given.
    pub epoch: i64,
    /// It may not lead or be in an ISR.
    pub fenced: bool,
    /// It has asked for a controlled shutdown.
    pub in_controlled_shutdown: bool,
    /// Its `broker.rack`, if it has one.
    pub rack: Option<Arc<str>>,
}

/// The id of a life of a broker, its incarnation id. Kafka draws it (`Uuid.randomUuid`); all that counts is that no two are the
/// same.
#[must_use]
pub fn incarnation_id(broker: i32, life: u32) -> Uuid {
    Uuid::from_u64_pair(broker as u64, u64::from(life))
}

impl ClusterImage {
    /// A partition, if there is one.
    #[must_use]
    pub fn partition(&self, of: TopicPartition) -> Option<&PartitionImage> {
        let topic = self.topics.get(of.topic)?;
        topic.partitions.get(usize::try_from(of.partition).ok()?)
    }

    /// True where the broker is registered and not fenced.
    #[must_use]
    pub fn is_alive(&self, broker: i32) -> bool {
        self.brokers.get(&broker).is_some_and(|broker| !broker.fenced)
    }

    /// The same, and it does not shut down (Kafka: `ClusterControlManager.isActive`).
    #[must_use]
    pub fn is_active(&self, broker: i32) -> bool {
        self.brokers.get(&broker).is_some_and(|broker| !broker.fenced && !broker.in_controlled_shutdown)
    }

    /// Each partition of each topic.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &PartitionImage)> {
        self.topics.iter().flat_map(|(topic, image)| {
            (0_i32..).zip(&image.partitions).map(move |(partition, image)| (TopicPartition { topic, partition }, image))
        })
    }
}
