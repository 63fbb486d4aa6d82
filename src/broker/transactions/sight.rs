//! Transactional ids as this broker sees them, as plain values: whoever shows or checks them needs no request.

use super::metadata::TransactionMetadata;
use super::shard::TransactionShard;
use crate::broker::Broker;
use crate::broker::coordinator::{CoordinatorRuntime, CoordinatorShard};

/// One transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionSight {
    /// `transactional.id`
    pub id: String,
    /// The partition of `__transaction_state` to which it belongs.
    pub partition: i32,
    /// Its state behind all that is written, as ListTransactions has it.
    pub state: &'static str,
    /// A transition is under way: whoever asks is told CONCURRENT_TRANSACTIONS.
    pub is_pending: bool,
    /// Its producer id, -1 for none.
    pub producer_id: i64,
    /// Its producer epoch, -1 for none.
    pub producer_epoch: i16,
    /// `transaction.timeout.ms`
    pub timeout_ms: i32,
    /// The partitions of its transaction, by the names of their topics.
    pub partitions: Vec<(String, i32)>,
    /// When the transaction began, on this broker's wall clock; -1 without one.
    pub start_ms: i64,
}

/// The topic in whose partitions transactional ids live.
pub const TRANSACTIONS_TOPIC: &str = TransactionShard::TOPIC;

impl Broker {
    /// The transactional ids that it coordinates, by the partitions of `__transaction_state` that it leads and has read.
    #[must_use]
    pub fn transactional_ids(&self) -> Vec<TransactionSight> {
        let runtime = self.coordinators.typed::<CoordinatorRuntime<TransactionShard>>();
        let Some((_, runtime)) = runtime else { unreachable!("every broker has a coordinator of transactions") };
        let serving = runtime.serving().filter_map(|partition| Some((partition, runtime.shards(partition).ok()?)));
        let seen = |(partition, (live, committed)): (i32, (&TransactionShard, &TransactionShard))| {
            let sights = live.iter().map(|(id, known)| TransactionSight {
                partition,
                is_pending: live.standing(committed, id).is_pending,
                ..of_id(id, known)
            });
            sights.collect::<Vec<_>>()
        };
        serving.flat_map(seen).collect()
    }
}

fn of_id(id: &str, known: &TransactionMetadata) -> TransactionSight {
    TransactionSight {
        id: id.to_owned(),
        partition: 0,
        state: known.state.name(),
        is_pending: false,
        producer_id: known.producer_id,
        producer_epoch: known.producer_epoch,
        timeout_ms: known.timeout_ms,
        partitions: known.partitions.iter().map(|(topic, partition)| (topic.to_string(), *partition)).collect(),
        start_ms: known.start_ms,
    }
}
