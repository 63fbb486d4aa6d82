//! A transaction is committed or aborted by its producer (Kafka: `TransactionCoordinator.endTransaction`,
//! `endTransactionWithTV1`).

use kafka_protocol::ResponseError;

use super::metadata::{BUMPS_EPOCH, KEEPS_EPOCH, NO_ID, TransactionMetadata};
use super::standing::{Decided, Decision, Standing};
use super::state::TransactionState;

/// A producer that ends its transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) commits: bool,
    /// A producer id that nobody has, if one was drawn for it.
    pub(super) new_id: Option<i64>,
}

impl End {
    /// Of a client whose epoch rises with each transaction (KIP-890): its id and epoch from now on. An equal epoch is the next
    /// EndTxn; one that was sent twice has the epoch before.
    pub(super) fn raising_epoch(self, standing: Standing<'_>, now_ms: i64) -> Decided<(i64, i16)> {
        let known = match standing {
            // First of all: the producer may go on with an id that is only on its way.
            Standing { is_pending: true, known: Some(_) } => return Err(ResponseError::ConcurrentTransactions),
            Standing { known, .. } => known.ok_or(ResponseError::InvalidProducerIdMapping)?,
        };
        let is_repeated = self.repeats(known);
        let is_over_limit = self.repeats_behind_last_epoch(known);
        if known.producer_id != self.producer_id && !is_over_limit {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        let is_current = self.producer_epoch == known.producer_epoch;
        let is_retry = is_repeated || is_over_limit;
        match known.state {
            TransactionState::Ongoing | TransactionState::Empty if !is_current => Err(ResponseError::ProducerFenced),
            TransactionState::CompleteCommit | TransactionState::CompleteAbort if !is_current && !is_retry => {
                Err(ResponseError::ProducerFenced)
            }
            TransactionState::Ongoing => self.end(known, false, now_ms),
            TransactionState::CompleteCommit | TransactionState::CompleteAbort if is_retry => {
                let was_committed = known.state == TransactionState::CompleteCommit;
                if was_committed == self.commits {
                    Ok(Decision::Answer((known.producer_id, known.producer_epoch)))
                } else {
                    Err(ResponseError::InvalidTxnState)
                }
            }
            TransactionState::Empty | TransactionState::CompleteCommit | TransactionState::CompleteAbort => {
                if self.commits { Err(ResponseError::InvalidTxnState) } else { self.end(known, true, now_ms) }
            }
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                unreachable!("what is decided is on its way")
            }
            TransactionState::Dead | TransactionState::PrepareEpochFence => {
                unreachable!("{:?} is never in the log", known.state)
            }
        }
    }

    /// Of a client that keeps its epoch. A delayed EndTxn is not told from the next one: it completes another transaction.
    pub(super) fn keeping_epoch(self, standing: Standing<'_>, now_ms: i64) -> Decided<()> {
        let known = standing.known.ok_or(ResponseError::InvalidProducerIdMapping)?;
        if known.producer_id != self.producer_id {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        if known.producer_epoch != self.producer_epoch {
            return Err(ResponseError::ProducerFenced);
        }
        if standing.is_pending {
            return Err(ResponseError::ConcurrentTransactions);
        }
        match (known.state, self.commits) {
            (TransactionState::Ongoing, commits) => {
                let next = known.decided(commits, KEEPS_EPOCH, NO_ID, false, now_ms);
                Ok(Decision::Write(Box::new(next), Ok(())))
            }
            (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false) => {
                Ok(Decision::Answer(()))
            }
            (
                TransactionState::CompleteCommit
                | TransactionState::CompleteAbort
                | TransactionState::Empty
                | TransactionState::PrepareCommit
                | TransactionState::PrepareAbort
                | TransactionState::Dead
                | TransactionState::PrepareEpochFence,
                _,
            ) => Err(ResponseError::InvalidTxnState),
        }
    }

    /// Its epoch was raised by the request that this one repeats.
    fn repeats(self, known: &TransactionMetadata) -> bool {
        i32::from(known.producer_epoch) == i32::from(self.producer_epoch) + 1
    }

    /// The same where the epochs of its id were used up, and it goes on with another id.
    fn repeats_behind_last_epoch(self, known: &TransactionMetadata) -> bool {
        known.previous_producer_id == self.producer_id
            && self.producer_epoch == i16::MAX - 1
            && known.producer_epoch == 0
    }

    fn end(self, known: &TransactionMetadata, is_empty: bool, now_ms: i64) -> Decided<(i64, i16)> {
        let next_id = match (known.is_exhausted(), self.new_id) {
            (false, _) => NO_ID,
            (true, Some(id)) => id,
            (true, None) => return Ok(Decision::NeedsId),
        };
        let next = known.decided(self.commits, BUMPS_EPOCH, next_id, is_empty, now_ms);
        let answer = (next.producer_id, next.producer_epoch);
        Ok(Decision::Write(Box::new(next), Ok(answer)))
    }
}
