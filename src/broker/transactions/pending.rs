//! What of transactions waits for the log.

use std::sync::Arc;

use kafka_protocol::messages::WriteTxnMarkersResponse;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::AddPartitionsToTxnResult;

use crate::log::VerificationGuard;
use crate::wire::{Message, Response, TopicPartition};

/// A decision of a coordinator, until it is committed.
#[derive(Clone, Debug)]
pub(in crate::broker) struct PendingDecision {
    /// The request.
    pub(super) message: Arc<Message>,
    /// The answer if it is.
    pub(super) response: Response,
    /// Of `__transaction_state`.
    pub(in crate::broker) partition: TopicPartition,
    pub(super) up_to: i64,
}

/// Partitions that were added to transactions, until all of that is committed.
#[derive(Clone, Debug)]
pub(in crate::broker) struct PendingPartitions {
    /// The answer if it is.
    pub(super) results: Vec<AddPartitionsToTxnResult>,
    pub(in crate::broker) waits: Vec<AddingWait>,
}

/// One transaction of them.
#[derive(Clone, Debug)]
pub(in crate::broker) struct AddingWait {
    /// Of `__transaction_state`.
    pub(in crate::broker) partition: TopicPartition,
    pub(super) up_to: i64,
    /// Its place in the answer.
    pub(super) place: usize,
    pub(super) topics: Vec<AddPartitionsToTxnTopic>,
    pub(super) is_settled: bool,
}

/// Offsets of a transaction, until its coordinator knows of them.
#[derive(Clone, Debug)]
pub(in crate::broker) struct PendingOffsets {
    /// The request.
    pub(super) message: Arc<Message>,
    pub(in crate::broker) question: u64,
    /// Of `__consumer_offsets`.
    pub(super) partition: TopicPartition,
    pub(super) guard: VerificationGuard,
}

/// Markers that are in logs, until they are replicated.
#[derive(Clone, Debug)]
pub(in crate::broker) struct PendingMarkers {
    pub(super) response: WriteTxnMarkersResponse,
    pub(in crate::broker) waits: Vec<MarkerWait>,
}

/// One marker in one partition.
#[derive(Clone, Copy, Debug)]
pub(in crate::broker) struct MarkerWait {
    pub(in crate::broker) partition: TopicPartition,
    pub(super) up_to: i64,
    /// Its place in the answer: marker, topic, partition.
    pub(super) place: (usize, usize, usize),
    pub(super) is_settled: bool,
}
