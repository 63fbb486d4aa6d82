//! Partitions come into a transaction, or are looked up in it (Kafka:
//! `TransactionCoordinator.handleAddPartitionsToTransaction`, `handleVerifyPartitionsInTransaction`).

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};

use super::metadata::{NamedPartition, TransactionMetadata};
use super::standing::{Decided, Decision, Standing};
use super::state::TransactionState;

/// Partitions of a producer's transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Partitions<'a> {
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) partitions: &'a BTreeSet<NamedPartition>,
}

impl Partitions<'_> {
    /// They become part of it.
    pub(super) fn add(self, standing: Standing<'_>, client_version: i16, now_ms: i64) -> Decided<()> {
        let known = match standing {
            // First of all: the producer may go on with an id that is only on its way.
            Standing { is_pending: true, known: Some(_) } => return Err(ResponseError::ConcurrentTransactions),
            Standing { known, .. } => self.own(known)?,
        };
        if known.state == TransactionState::Ongoing && self.partitions.is_subset(&known.partitions) {
            return Ok(Decision::Answer(()));
        }
        let next = known.with_partitions(self.partitions, client_version, now_ms);
        Ok(Decision::Write(Box::new(next), Ok(())))
    }

    /// Those of them that are not part of it.
    pub(super) fn missing(self, standing: Standing<'_>) -> Result<BTreeSet<NamedPartition>, ResponseError> {
        let known = self.own(standing.known)?;
        if known.state.is_prepared() {
            return Err(ResponseError::ConcurrentTransactions);
        }
        Ok(self.partitions - &known.partitions)
    }

    /// The transactional id, if the producer is the one that has it.
    fn own(self, known: Option<&TransactionMetadata>) -> Result<&TransactionMetadata, ResponseError> {
        let known = known.filter(|known| known.producer_id == self.producer_id);
        let known = known.ok_or(ResponseError::InvalidProducerIdMapping)?;
        if known.producer_epoch == self.producer_epoch { Ok(known) } else { Err(ResponseError::ProducerFenced) }
    }
}

/// The partitions that a request names.
pub(super) fn named(topics: &[AddPartitionsToTxnTopic]) -> BTreeSet<NamedPartition> {
    topics.iter().flat_map(|topic| topic.partitions.iter().map(|it| (topic.name.clone(), *it))).collect()
}

/// An answer about each partition that a request names.
pub(super) fn results(
    topics: &[AddPartitionsToTxnTopic],
    error: impl Fn(&NamedPartition) -> i16,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let of_topic = |topic: &AddPartitionsToTxnTopic| {
        let of_partition = |partition: &i32| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*partition)
                .with_partition_error_code(error(&(topic.name.clone(), *partition)))
        };
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(topic.partitions.iter().map(of_partition).collect())
    };
    topics.iter().map(of_topic).collect()
}

/// The same answer about each of them.
pub(super) fn same_for_all(topics: &[AddPartitionsToTxnTopic], error: i16) -> Vec<AddPartitionsToTxnTopicResult> {
    results(topics, |_| error)
}
