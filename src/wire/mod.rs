//! Kafka's requests and responses behind small enums, and the cluster's metadata as every process sees it.
//!
//! The structs are those of `kafka-protocol`; topics are named by id, as the current versions of Fetch and Produce do.

mod api;
#[cfg(not(target_family = "wasm"))]
mod by_id;
mod by_name;
mod consumer_protocol;
mod content;
mod error_names;
pub mod fetch_session;
#[cfg(not(target_family = "wasm"))]
pub mod frame;
mod group_words;
mod image;
mod message;
mod messages;
pub mod metadata_answer;
mod metadata_log;
mod older;
mod partition_map;
mod random_id;
mod topic_image;
mod topics;
mod transaction_words;
mod transactions;
mod versions;
mod words;

#[cfg(all(test, not(target_family = "wasm")))]
mod tests;

pub use api::{Api, Body, BrokerRequest, ControllerRequest, Listener, Request, Response};
#[cfg(not(target_family = "wasm"))]
pub use api::{decode, encode};
pub use by_name::{FetchByNameRequest, FetchByNameResponse};
pub use consumer_protocol::assignment_of;
pub(crate) use consumer_protocol::{
    Subscription, assignment_of_version, assignment_to_bytes, sticky_of, sticky_to_bytes, version_of,
};
pub use content::{Content, TopicNames, Words};
pub use error_names::{commit_exception_of, error_codes, error_name, error_named, exception_of};
pub use image::{BrokerImage, ClusterImage, incarnation_id};
pub use message::Message;
pub use metadata_log::FetchMetadataRequest;
pub use partition_map::PartitionMap;
pub(crate) use random_id::random_uuid;
pub use topic_image::{PartitionImage, TopicImage, why_no_topic_name};
pub use topics::{Topics, by_topic};
pub use transactions::{TxnMarker, TxnMarkersRequest, TxnMarkersResponse};
pub use versions::api_versions;

/// A partition: its topic's number in this cluster, and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct TopicPartition {
    /// The topic's number in [`ClusterImage::topics`]: given in the order of creation, never used again.
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

/// The id of the simulated cluster: no real one has it, whose ids are base64 of sixteen bytes.
pub const CLUSTER_ID: &str = "loglab";

/// Where brokers and the controller listen.
const PORT: i32 = 9092;
const CONTROLLER_PORT: i32 = 9093;

/// The host of a node, as clients are told it.
#[must_use]
pub fn host_of(node: i32) -> String {
    if node == CONTROLLER_NODE_ID { "controller".to_owned() } else { format!("broker-{node}") }
}

/// The port of a node.
#[must_use]
pub fn port_of(node: i32) -> i32 {
    if node == CONTROLLER_NODE_ID { CONTROLLER_PORT } else { PORT }
}

/// The process of a broker; `None` for -1, nobody.
#[must_use]
pub fn broker_process(id: i32) -> Option<u32> {
    u32::try_from(id).ok().filter(|id| *id != CONTROLLER_PROCESS)
}
