//! Kafka's requests and responses behind small enums, and the cluster's metadata as every process sees it.
//!
//! The structs are those of `kafka-protocol`; topics are named by id, as the current versions of Fetch and Produce do.

mod image;
mod message;
mod note;

pub use image::{BrokerImage, ClusterImage, PartitionImage, TopicImage, topic_id, topic_index};
pub use message::{APIS, Body, Message, Request, Response, message_kind};
pub use note::{Note, RecordId, SendOutcome};

/// A partition: its topic's place in the cluster's list of topics, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct TopicPartition {
    /// The topic's place in [`ClusterImage::topics`].
    pub topic: u32,
    /// The partition's number, from 0.
    pub partition: i32,
}

/// The node id of the controller. Its process is number 0; broker `n` is process number `n`, clients follow.
pub const CONTROLLER_NODE_ID: i32 = 100;

/// The controller's process.
pub const CONTROLLER_PROCESS: u32 = 0;
