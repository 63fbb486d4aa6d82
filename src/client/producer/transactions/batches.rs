//! What batches have to do with their transaction (Kafka: `TransactionManager.handleFailedBatch`,
//! `maybeTransitionToErrorState`, `RecordAccumulator.abortUndrainedBatches`, `abortBatches`).

use kafka_protocol::error::ResponseError;

use super::failed::FailedNumbers;
use super::state::State;
use crate::client::producer::Producer;
use crate::client::producer::batch::Batch;
use crate::client::producer::destination::Destination;
use crate::note::{SendError, TransactionError};
use crate::settings::Fix;
use crate::sim::Time;

impl Producer {
    /// A batch has failed for good: so has the transaction, or the producer.
    pub(in crate::client::producer) fn transaction_of_failed(&mut self, error: SendError) {
        if !self.is_transactional() {
            return;
        }
        let is_fatal = [
            ResponseError::ClusterAuthorizationFailed,
            ResponseError::TransactionalIdAuthorizationFailed,
            ResponseError::ProducerFenced,
            ResponseError::UnsupportedVersion,
            ResponseError::InvalidProducerIdMapping,
        ];
        if is_fatal.iter().any(|fatal| error == SendError::Broker(fatal.code())) {
            self.fatal(error);
        } else {
            self.needs_another_epoch();
            self.abortable(error);
        }
    }

    /// Whoever keeps its epoch begins another one behind an error, so that what may come late of this one is refused (KIP-360;
    /// `needToTriggerEpochBumpFromClient`).
    fn needs_another_epoch(&mut self) {
        let can_bump = !self.settings.network.without.lacks(Fix::Kip360);
        let transactions = self.transactional();
        let is_completing = transactions.state.is_completing();
        if let Some(joined) = &mut transactions.joined {
            joined.bumps |= can_bump && !is_completing;
        }
    }

    /// It could not be told whether sequence numbers were used (`maybeResolveSequences`).
    pub(in crate::client::producer) fn unresolved_in_transaction(&mut self) {
        let keeps_epoch = self.transactional().joined.is_some();
        if keeps_epoch && self.settings.network.without.lacks(Fix::Kip360) {
            // Nothing begins sequence numbers anew.
            return self.fatal(SendError::Expired);
        }
        self.needs_another_epoch();
        self.abortable(SendError::Expired);
    }

    /// The numbers behind a batch that was refused close up, so that what is in flight can still be stored and the end of the
    /// transaction need not wait for it (`adjustSequencesDueToFailedBatch`).
    pub(in crate::client::producer) fn close_up_behind(&mut self, of: Destination, failed: &FailedNumbers) {
        // Nobody numbered it.
        let Some(base) = failed.base else { return };
        let partition = self.partition_mut(of);
        // The partition has begun another epoch meanwhile, with numbers of its own.
        let Some(producer) = partition.producer.filter(|producer| Some(*producer) == failed.producer) else { return };
        partition.next_sequence -= failed.count;
        let numbered = partition.in_flight.iter_mut().chain(&mut partition.queue);
        for batch in numbered {
            match batch.base_sequence() {
                Some(sequence) if sequence > base => {
                    batch.set_sequence(producer, sequence - failed.count);
                }
                // It is before the one that failed, or has no number yet.
                Some(_) | None => {}
            }
        }
    }

    /// Whatever was never sent of a transaction that is aborted, or must be, is not sent; of a producer that is of no use any
    /// more nothing is waited for either.
    pub(super) fn drop_what_is_not_sent(&mut self, now: Time) {
        let transactions = self.transactional();
        let error = match (transactions.state, transactions.failure()) {
            (State::Aborting, _) => SendError::TransactionAborted,
            (_, Some(TransactionError::Abortable(error))) => error,
            (_, Some(TransactionError::Fatal(_) | TransactionError::TimedOut) | None) => return,
        };
        let is_unsent = |batch: &Batch| batch.base_sequence().is_none();
        self.drop_batches(error, now, is_unsent);
    }

    /// All batches fail (`Sender.maybeAbortBatches`).
    pub(in crate::client::producer) fn drop_all_if_fatal(&mut self, now: Time) {
        if let Some(TransactionError::Fatal(error)) = self.transaction_error() {
            self.drop_batches(error, now, |_| true);
        }
    }

    fn drop_batches(&mut self, error: SendError, now: Time, is_meant: impl Fn(&Batch) -> bool) {
        let incomplete: Vec<(Destination, u64)> = self.expiry.iter().map(|(_, of, number)| (*of, *number)).collect();
        for (of, number) in incomplete {
            if self.partition(of).incomplete(number).is_some_and(&is_meant) {
                let batch = self.take_incomplete(of, number);
                self.fail(of, batch, error);
                self.reschedule(of, now);
            }
        }
    }
}
