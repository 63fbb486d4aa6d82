//! The transactional ids of one partition of `__transaction_state` (Kafka: `TransactionStateManager`'s cache).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    AddOffsetsToTxnResponse, AddPartitionsToTxnResponse, EndTxnResponse, InitProducerIdResponse,
};

use super::log;
use super::metadata::TransactionMetadata;
use super::standing::Standing;
use crate::broker::coordinator::{CoordinatorRecord, CoordinatorShard, Operation, Written};
use crate::wire::{BrokerRequest, Response};

/// One transactional id.
#[derive(Clone, Debug)]
struct Entry {
    metadata: TransactionMetadata,
    /// How many records of it were taken in: where two states of a shard differ in it, a transition lies between them.
    revision: u64,
}

/// The transactional ids of a partition.
#[derive(Clone, Debug, Default)]
pub(in crate::broker) struct TransactionShard {
    entries: BTreeMap<String, Arc<Entry>>,
    /// Those that are decided, and whose markers are not all known to be written.
    prepared: BTreeSet<String>,
    /// The epochs before, of records that are about to be taken in: the log does not keep them, so that whoever loads it does not
    /// know them.
    last_epochs: BTreeMap<String, i16>,
}

impl TransactionShard {
    /// An id as it stands between what is `committed` and `self`, which is behind all writes. What is decided goes on by
    /// itself until it is complete: that is on its way, too.
    pub(super) fn standing<'a>(&'a self, committed: &'a Self, id: &str) -> Standing<'a> {
        let (before, behind) = (committed.entries.get(id), self.entries.get(id));
        if !self.is_settled(committed, id) {
            return Standing { known: before.map(|entry| &entry.metadata), is_pending: true };
        }
        // Both have taken in the same; only the one behind all writes knows the epoch before.
        let known = behind.map(|entry| &entry.metadata);
        Standing { known, is_pending: known.is_some_and(|known| known.state.is_prepared()) }
    }

    /// Whether all that was written of an id is committed.
    pub(super) fn is_settled(&self, committed: &Self, id: &str) -> bool {
        let revision = |shard: &Self| shard.entries.get(id).map(|entry| entry.revision);
        revision(self) == revision(committed)
    }

    /// The next record of an id comes with this epoch of before.
    pub(super) fn expect_last_epoch(&mut self, id: &str, epoch: i16) {
        self.last_epochs.insert(id.to_owned(), epoch);
    }

    /// All transactional ids, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &TransactionMetadata)> {
        self.entries.iter().map(|(id, entry)| (id.as_str(), &entry.metadata))
    }

    /// One of them.
    pub(super) fn get(&self, id: &str) -> Option<&TransactionMetadata> {
        self.entries.get(id).map(|entry| &entry.metadata)
    }

    /// Those that are decided and not complete.
    pub(super) fn prepared(&self) -> impl Iterator<Item = (&str, &TransactionMetadata)> {
        self.prepared.iter().map(|id| (id.as_str(), &self.entries[id].metadata))
    }

    fn set(&mut self, id: String, metadata: TransactionMetadata) {
        if metadata.state.is_prepared() {
            self.prepared.insert(id.clone());
        } else {
            self.prepared.remove(&id);
        }
        let revision = self.entries.get(&id).map_or(0, |entry| entry.revision) + 1;
        self.entries.insert(id, Arc::new(Entry { metadata, revision }));
    }
}

impl CoordinatorShard for TransactionShard {
    const TOPIC: &'static str = "__transaction_state";

    /// Its requests need more than a shard: producer ids, answers about several shards. `service` takes them.
    fn operation<'a>(_request: BrokerRequest<'a>) -> Option<Operation<'a>> {
        None
    }

    fn handle(&self, _request: BrokerRequest<'_>, _now_ms: i64) -> Result<Written, ResponseError> {
        unreachable!("no request is for this shard alone")
    }

    fn read(&self, _request: BrokerRequest<'_>) -> Response {
        unreachable!("no request is for this shard alone")
    }

    fn replay(&mut self, record: &CoordinatorRecord) {
        // Kafka leaves out what it does not know, which a later version may have written.
        let Some(id) = log::read_key(&record.key) else { return };
        let Some(value) = &record.value else {
            self.prepared.remove(&id);
            self.entries.remove(&id);
            return;
        };
        // The same.
        let Some(mut metadata) = log::read_value(value) else { return };
        if let Some(epoch) = self.last_epochs.remove(&id) {
            metadata.last_producer_epoch = epoch;
        }
        self.set(id, metadata);
    }

    fn refusal(request: BrokerRequest<'_>, error: ResponseError) -> Response {
        refusal(request, error)
    }
}

/// A request about one transactional id with an error for an answer.
pub(super) fn refusal(request: BrokerRequest<'_>, error: ResponseError) -> Response {
    let code = error.code();
    match request {
        BrokerRequest::InitProducerId(_) => {
            let answer = InitProducerIdResponse::default().with_error_code(code);
            Response::InitProducerId(answer.with_producer_id((-1).into()).with_producer_epoch(-1))
        }
        BrokerRequest::EndTxn(_) => {
            let answer = EndTxnResponse::default().with_error_code(code);
            Response::EndTxn(answer.with_producer_id((-1).into()).with_producer_epoch(-1))
        }
        BrokerRequest::AddOffsetsToTxn(_) => {
            Response::AddOffsetsToTxn(AddOffsetsToTxnResponse::default().with_error_code(code))
        }
        BrokerRequest::AddPartitionsToTxn(request) => {
            let results = super::partitions::same_for_all(&request.v3_and_below_topics, code);
            let answer = AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results);
            Response::AddPartitionsToTxn(answer)
        }
        other => unreachable!("no request about one transactional id: {other:?}"),
    }
}
