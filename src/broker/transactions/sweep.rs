//! What a coordinator does by itself from time to time (Kafka: `TransactionStateManager.timedOutTransactions`,
//! `removeExpiredTransactionalIds`).

use super::metadata::TransactionMetadata;
use super::shard::TransactionShard;
use super::state::TransactionState;

/// The transactions that have been open for longer than they may be.
pub(super) fn timed_out(
    current: &TransactionShard,
    committed: &TransactionShard,
    now_ms: i64,
) -> Vec<(String, TransactionMetadata)> {
    let is_late = |known: &TransactionMetadata| {
        known.state == TransactionState::Ongoing && known.start_ms.saturating_add(known.timeout_ms.into()) < now_ms
    };
    let late = committed.iter().filter(|(id, known)| is_late(known) && !current.standing(committed, id).is_pending);
    late.map(|(id, known)| (id.to_owned(), known.clone())).collect()
}

/// The transactional ids that nobody has used for so long that they are forgotten.
pub(super) fn expired(
    current: &TransactionShard,
    committed: &TransactionShard,
    expiration_ms: i64,
    now_ms: i64,
) -> Vec<String> {
    let is_old = |known: &TransactionMetadata| {
        known.state.may_expire() && known.updated_ms <= now_ms.saturating_sub(expiration_ms)
    };
    let old = committed.iter().filter(|(id, known)| is_old(known) && !current.standing(committed, id).is_pending);
    old.map(|(id, _)| id.to_owned()).collect()
}
