//! A producer is initialised (Kafka: `TransactionCoordinator.handleInitProducerId`, `prepareInitProducerIdTransit`).

use kafka_protocol::ResponseError;

use super::metadata::{NO_EPOCH, NO_ID, TransactionMetadata};
use super::standing::{Decided, Decision, Standing};
use super::state::TransactionState;

/// A producer that wants to begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Init {
    pub(super) timeout_ms: i32,
    /// Its own id and epoch, where it had some (KIP-360).
    pub(super) expected: Option<(i64, i16)>,
    /// A producer id that nobody has, if one was drawn for it.
    pub(super) new_id: Option<i64>,
}

impl Init {
    /// Its id and epoch from now on.
    pub(super) fn decide(self, standing: Standing<'_>, now_ms: i64) -> Decided<(i64, i16)> {
        let given = |next: TransactionMetadata| {
            let answer = (next.producer_id, next.producer_epoch);
            Ok(Decision::Write(Box::new(next), Ok(answer)))
        };
        if standing.is_pending {
            return Err(ResponseError::ConcurrentTransactions);
        }
        let expected_epoch = self.expected.map(|(_, epoch)| epoch);
        let Some(known) = standing.known else {
            // Whoever asks draws one.
            let Some(id) = self.new_id else { return Ok(Decision::NeedsId) };
            let new = TransactionMetadata::new(id, self.timeout_ms, now_ms);
            return given(new.with_next_epoch(self.timeout_ms, expected_epoch, now_ms)?);
        };
        if !self.is_right(known) {
            return Err(ResponseError::ProducerFenced);
        }
        match known.state {
            TransactionState::Empty | TransactionState::CompleteCommit | TransactionState::CompleteAbort => {
                let is_current = expected_epoch.is_none_or(|epoch| epoch == known.producer_epoch);
                if known.is_exhausted() && is_current {
                    // The same.
                    let Some(id) = self.new_id else { return Ok(Decision::NeedsId) };
                    return given(known.with_next_id(id, self.timeout_ms, now_ms, expected_epoch.is_some()));
                }
                given(known.with_next_epoch(self.timeout_ms, expected_epoch, now_ms)?)
            }
            // Whoever had it open is fenced and its transaction aborted; then the client is to ask again.
            TransactionState::Ongoing => {
                let next_id = match (known.is_exhausted(), self.new_id) {
                    (false, _) => NO_ID,
                    (true, Some(id)) => id,
                    (true, None) => return Ok(Decision::NeedsId),
                };
                let next = Box::new(known.fenced(next_id, now_ms));
                Ok(Decision::Write(next, Err(ResponseError::ConcurrentTransactions)))
            }
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                Err(ResponseError::ConcurrentTransactions)
            }
            TransactionState::Dead | TransactionState::PrepareEpochFence => {
                unreachable!("{:?} is never in the log", known.state)
            }
        }
    }

    /// Whether the id that it gives is one that it may have: the current one; the former one where its epochs were used up, so
    /// that the answer with the current one may be lost (`isValidProducerId`). The epoch is looked at later.
    fn is_right(self, known: &TransactionMetadata) -> bool {
        let Some((id, epoch)) = self.expected else { return true };
        known.producer_epoch == NO_EPOCH
            || id == known.producer_id
            || id == known.previous_producer_id && TransactionMetadata::is_epoch_exhausted(epoch)
    }
}
