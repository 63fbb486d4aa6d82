//! What observers see of a transaction at its coordinator.

use super::shard::TransactionShard;
use super::state::TransactionState;
use crate::broker::Broker;
use crate::broker::coordinator::CoordinatorRuntime;

/// A transaction as its coordinator has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionView {
    /// The `transactional.id`.
    pub id: String,
    /// Its state, by Kafka's name.
    pub state: &'static str,
    /// It is open: its producer, or `transaction.timeout.ms`, ends it.
    pub is_open: bool,
    /// It is decided, and the partitions in which a marker is not known to be written.
    pub remaining: Option<Vec<(String, i32)>>,
}

impl Broker {
    /// What this broker has, as a coordinator, of the transactions of a producer; `None` where it coordinates none of them.
    #[must_use]
    pub fn transaction_of(&self, producer_id: i64) -> Option<TransactionView> {
        let (_, runtime) = self.coordinators.typed::<CoordinatorRuntime<TransactionShard>>()?;
        let shards = runtime.serving().filter_map(|partition| runtime.shards(partition).ok());
        let (id, known) =
            shards.flat_map(|(current, _)| current.iter()).find(|(_, known)| known.producer_id == producer_id)?;
        let remaining = known.state.is_prepared().then(|| {
            let left = self.transactions.markers.remaining(id).unwrap_or(&known.partitions);
            left.iter().map(|(topic, partition)| (topic.0.to_string(), *partition)).collect()
        });
        let is_open = known.state == TransactionState::Ongoing;
        Some(TransactionView { id: id.to_owned(), state: known.state.name(), is_open, remaining })
    }
}
