//! Transactions that are decided, and the markers that are still to be written for them (Kafka:
//! `TransactionMarkerChannelManager`, `TxnMarkerQueue`, `PendingCompleteTxn`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kafka_protocol::messages::write_txn_markers_request::WritableTxnMarkerTopic;

use super::metadata::{NamedPartition, TransactionMetadata};
use super::state::TransactionState;
use crate::wire::{TopicPartition, TxnMarker, TxnMarkersRequest};

/// Whoever leads what nobody leads, or whose leader is not alive.
pub(super) const NOBODY: i32 = -1;

/// A transaction whose markers are on their way.
#[derive(Clone, Debug)]
pub(super) struct Completing {
    /// Of `__transaction_state`, with the leader epoch in which it was begun here.
    pub(super) partition: TopicPartition,
    pub(super) coordinator_epoch: i32,
    /// Where a marker is not known to be written.
    pub(super) remaining: BTreeSet<NamedPartition>,
    /// What it is once they all are.
    pub(super) completed: TransactionMetadata,
}

/// One marker for the partitions that a broker leads.
#[derive(Clone, Debug)]
pub(super) struct Marker {
    pub(super) id: String,
    pub(super) coordinator_epoch: i32,
    pub(super) producer_id: i64,
    producer_epoch: i16,
    commits: bool,
    version: i16,
    pub(super) partitions: BTreeSet<NamedPartition>,
}

impl Marker {
    /// The marker of a transaction that is decided.
    pub(super) fn of(id: &str, prepared: &TransactionMetadata, coordinator_epoch: i32) -> Self {
        assert!(prepared.state.is_prepared(), "markers are of what is decided");
        Self {
            id: id.to_owned(),
            coordinator_epoch,
            producer_id: prepared.producer_id,
            producer_epoch: prepared.producer_epoch,
            commits: prepared.state == TransactionState::PrepareCommit,
            version: prepared.client_version,
            partitions: prepared.partitions.clone(),
        }
    }

    /// The same for these of its partitions.
    pub(super) fn within(&self, partitions: BTreeSet<NamedPartition>) -> Self {
        Self { partitions, ..self.clone() }
    }

    fn spelt(&self) -> TxnMarker {
        let mut topics: Vec<WritableTxnMarkerTopic> = Vec::new();
        for (topic, partition) in &self.partitions {
            match topics.last_mut().filter(|last| last.name == *topic) {
                Some(last) => last.partition_indexes.push(*partition),
                None => {
                    let of_topic = WritableTxnMarkerTopic::default().with_name(topic.clone());
                    topics.push(of_topic.with_partition_indexes(vec![*partition]));
                }
            }
        }
        TxnMarker {
            producer_id: self.producer_id.into(),
            producer_epoch: self.producer_epoch,
            transaction_result: self.commits,
            topics,
            coordinator_epoch: self.coordinator_epoch,
            transaction_version: self.version as i8,
        }
    }
}

/// All of a broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Markers {
    completing: BTreeMap<String, Completing>,
    /// By the broker that leads the partitions.
    queues: BTreeMap<i32, VecDeque<Marker>>,
    /// What a broker was asked to write.
    in_flight: BTreeMap<i32, Vec<Marker>>,
    /// Complete ones that the log did not take.
    pub(super) unwritten: BTreeSet<String>,
}

impl Markers {
    /// Where a marker of an id's transaction is not known to be written; `None` where it is not being completed.
    pub(super) fn remaining(&self, id: &str) -> Option<&BTreeSet<NamedPartition>> {
        self.completing.get(id).map(|completing| &completing.remaining)
    }

    /// Whether it is on its way, or was given up.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.completing.contains_key(id)
    }

    /// The transaction of this id, as long as it is completed by the coordinator that began it.
    pub(super) fn get_mut(&mut self, id: &str, coordinator_epoch: i32) -> Option<&mut Completing> {
        self.completing.get_mut(id).filter(|it| it.coordinator_epoch == coordinator_epoch)
    }

    pub(super) fn begin(&mut self, id: &str, completing: Completing) {
        let former = self.completing.insert(id.to_owned(), completing);
        assert!(former.is_none(), "a transaction is completed once");
    }

    /// A transaction of which all markers are written.
    pub(super) fn complete(&self, id: &str) -> Option<&Completing> {
        self.completing.get(id).filter(|it| it.remaining.is_empty())
    }

    pub(super) fn end(&mut self, id: &str) {
        self.completing.remove(id);
        self.unwritten.remove(id);
    }

    pub(super) fn enqueue(&mut self, node: i32, marker: Marker) {
        self.queues.entry(node).or_default().push_back(marker);
    }

    /// What is to be sent to a broker, all of it at once.
    pub(super) fn take(&mut self, node: i32) -> VecDeque<Marker> {
        self.queues.remove(&node).unwrap_or_default()
    }

    /// The request with all that waits for a broker; `None` where nothing does.
    pub(super) fn request(&mut self, node: i32) -> Option<TxnMarkersRequest> {
        let markers = self.take(node);
        let request = TxnMarkersRequest { markers: markers.iter().map(Marker::spelt).collect() };
        let is_empty = request.markers.is_empty();
        if !is_empty {
            let former = self.in_flight.insert(node, markers.into());
            assert!(former.is_none(), "a broker has one request under way");
        }
        (!is_empty).then_some(request)
    }

    /// What a broker was asked for.
    pub(super) fn asked(&mut self, node: i32) -> Vec<Marker> {
        self.in_flight.remove(&node).expect("a broker has answered what it was asked")
    }

    /// The transactions of a partition of `__transaction_state` are another broker's, or another epoch's.
    pub(super) fn forget(&mut self, partition: TopicPartition) {
        let Self { completing, queues, unwritten, .. } = self;
        completing.retain(|id, it| {
            let stays = it.partition != partition;
            if !stays {
                unwritten.remove(id);
            }
            stays
        });
        queues.values_mut().for_each(|queue| queue.retain(|marker| completing.contains_key(&marker.id)));
    }
}
