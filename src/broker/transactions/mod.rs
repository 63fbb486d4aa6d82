//! Transactions (KIP-98, KIP-890; Kafka: the package `kafka.coordinator.transaction`, `AddPartitionsToTxnManager`).
//!
//! | file | what it knows |
//! |---|---|
//! | `state`, `metadata` | how far a transaction is, and what it may become |
//! | `topic`, `log` | `__transaction_state` and its records |
//! | `shard`, `standing` | the transactional ids of a partition, and how one of them stands |
//! | `init`, `partitions`, `end`, `sweep`, `describe` | what a coordinator decides, each a pure function of that |
//! | `sight` | transactional ids as they are shown |
//! | `service` | requests to the coordinator: from an asker to a decision to the log to an answer |
//! | `markers`, `marker_sender` | what is decided, until its markers are written |
//! | `write_markers` | the partitions' side: control batches |
//! | `questions`, `verification` | what partitions ask the coordinator before a transaction's first batch |
//! | `produce`, `offsets` | how a Produce, and a commit of offsets, wait for that |
//! | `producers` | producers that are silent are forgotten |
//! | `peers`, `peer_link` | connections to other brokers, and to oneself |
//! | `view` | what observers see of them |
//! | `pending`, `clock` | what waits for the log, and what time it is |
//!
//! A transition is decided by what is committed. It is under way from its record in the log until that is committed, and from
//! the decision to commit or abort until the last marker is written; whoever asks meanwhile is told CONCURRENT_TRANSACTIONS. That
//! is Kafka's `pendingState`, which it keeps beside its cache.

mod clock;
mod describe;
mod end;
mod init;
mod log;
mod marker_sender;
mod markers;
mod metadata;
mod offsets;
mod partitions;
mod peer_link;
mod peers;
mod pending;
mod produce;
mod producers;
mod questions;
mod service;
mod shard;
mod sight;
mod standing;
mod state;
mod sweep;
mod topic;
mod verification;
mod view;
mod write_markers;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::log::VerificationGuard;
use crate::sim::network::ConnectionId;
use crate::wire::TopicPartition;

use markers::Markers;
pub(super) use peers::Errand;
use peers::Peers;
pub(super) use pending::{PendingDecision, PendingMarkers, PendingOffsets, PendingPartitions};
use questions::Verifications;
pub(super) use shard::TransactionShard;
pub use sight::{TRANSACTIONS_TOPIC, TransactionSight};
pub(super) use topic::topic;
pub use view::TransactionView;

/// What a broker knows of transactions beside its shards.
#[derive(Clone, Debug, Default)]
pub(super) struct Transactions {
    peers: Peers,
    markers: Markers,
    verifications: Verifications,
    /// Of transactions that are verified, until their offsets are written.
    guards: BTreeMap<(TopicPartition, i64), VerificationGuard>,
    /// It looks for what is too old.
    sweeps: bool,
}

impl Transactions {
    /// Whether a connection is one on which other brokers, or itself, are asked about transactions.
    pub(super) fn owns(&self, connection: ConnectionId) -> bool {
        self.peers.owns(connection)
    }
}
