//! What coordinators are asked by the leaders of partitions. A question has a number; its answer waits until whoever asked has
//! taken it.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTransaction;

use super::metadata::NamedPartition;

/// What is wrong with partitions that were asked about; those that are not named are right.
pub(in crate::broker) type Unverified = BTreeMap<NamedPartition, ResponseError>;

/// One question.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) number: u64,
    pub(super) transaction: AddPartitionsToTxnTransaction,
}

impl Question {
    /// The same wrong with all its partitions.
    pub(super) fn all_wrong(&self, error: ResponseError) -> Unverified {
        super::partitions::named(&self.transaction.topics).into_iter().map(|named| (named, error)).collect()
    }
}

/// The questions of a broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Verifications {
    pub(super) last: u64,
    /// By the coordinator, those that wait until it is free.
    pub(super) queues: BTreeMap<i32, Vec<Question>>,
    pub(super) in_flight: BTreeMap<i32, Vec<Question>>,
    pub(super) answers: BTreeMap<u64, Unverified>,
}
