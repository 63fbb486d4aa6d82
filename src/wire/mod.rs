//! Kafka's requests and responses behind small enums, and the cluster's metadata as every process sees it.
//!
//! The structs are those of `kafka-protocol`; topics are named by id, as the current versions of Fetch and Produce do.

mod image;
mod message;
mod partition_map;

pub use image::{BrokerImage, ClusterImage, PartitionImage, TopicImage, by_topic, topic_id, topic_index};
pub use message::{APIS, Body, Message, Request, Response, message_kind};
pub use partition_map::PartitionMap;

/// A partition: its topic's place in the cluster's list of topics, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TopicPartition {
    /// The topic's place in [`ClusterImage::topics`].
    pub topic: u32,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Its place among all partitions as one number: maps of partitions compare it all the time.
    fn place(self) -> u64 {
        u64::from(self.topic) << 32 | u64::from(self.partition as u32 ^ 1 << 31)
    }
}

impl Ord for TopicPartition {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for TopicPartition {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The node id of the controller. Its process is number 0; broker `n` is process number `n`, clients follow.
pub const CONTROLLER_NODE_ID: i32 = 100;

/// The controller's process.
pub const CONTROLLER_PROCESS: u32 = 0;
