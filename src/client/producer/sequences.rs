//! Producer ids, epochs and sequence numbers (Kafka: `TransactionManager` as far as idempotence needs it).

use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use super::batch::{Batch, ProducerIdAndEpoch};
use super::destination::Destination;
use super::partition::Partition;
use super::record::ProducerEvent;
use super::transactions::FailedNumbers;
use super::{Producer, Tag};
use crate::client::retriable::is_retriable;
use crate::client::timer::ClientTimer;
use crate::client::{ClientContext, backoff};
use crate::settings::Fix;
use crate::wire::Request;

impl Producer {
    /// Whether a batch is sent again after this error, as far as sequence numbers have a say
    /// (`TransactionManager.canRetry`).
    pub(super) fn may_retry(&mut self, of: Destination, batch: &Batch, error: ResponseError, log_start: i64) -> bool {
        if self.is_transactional() {
            return self.may_retry_in_transaction(of, batch, error, log_start);
        }
        match error {
            ResponseError::OutOfOrderSequenceNumber if self.settings.enable_idempotence => {
                let partition = self.partition(of);
                let base = batch.base_sequence().expect("an idempotent producer's batch was sent with a number");
                // Not the next in line: the one before it failed and comes first. Else the broker has lost, or never
                // had, what we believe to be there, and only a new epoch helps; unless it is not known yet whether what
                // was given up is there.
                let waits_its_turn =
                    partition.unresolved.is_none() && (batch.sequence_was_reset || !partition.is_next(base));
                if self.lacks_bumps() {
                    return waits_its_turn && batch.producer() == self.producer;
                }
                if !waits_its_turn && partition.unresolved.is_none_or(|next| next == base) {
                    self.request_epoch_bump(of);
                }
                true
            }
            ResponseError::UnknownProducerId if self.settings.enable_idempotence => {
                if log_start >= 0 && !batch.sequence_was_reset {
                    self.request_epoch_bump(of);
                }
                true
            }
            // Of an id that was forgotten nothing is sent any more (`Sender.completeBatch` before KIP-360).
            _ if self.settings.enable_idempotence && self.lacks_bumps() && batch.producer() != self.producer => false,
            error => is_retriable(error),
        }
    }

    /// Whether it cannot begin another epoch by itself.
    fn lacks_bumps(&self) -> bool {
        self.settings.network.without.lacks(Fix::Kip360)
    }

    /// The same in a transaction, which is rather aborted than that an epoch is bumped: after its end it has another one.
    fn may_retry_in_transaction(
        &mut self,
        of: Destination,
        batch: &Batch,
        error: ResponseError,
        log_start: i64,
    ) -> bool {
        let partition = self.partition(of);
        match error {
            ResponseError::OutOfOrderSequenceNumber => {
                let base = batch.base_sequence().expect("a transaction's batch was sent with a number");
                partition.unresolved.is_none() && (batch.sequence_was_reset || !partition.is_next(base))
            }
            ResponseError::UnknownProducerId => log_start < 0 || batch.sequence_was_reset,
            error => is_retriable(error),
        }
    }

    /// Sequence numbers behind a batch that has failed for good (`TransactionManager.handleFailedBatch`). Where it
    /// failed because its retries are used up, or its time, it is not known whether its numbers are used: nothing is
    /// said of them then.
    pub(super) fn sequences_of_failed(
        &mut self,
        of: Destination,
        numbers: &FailedNumbers,
        error: ResponseError,
        has_retries: bool,
    ) {
        if self.is_transactional() {
            if has_retries && error != ResponseError::UnknownProducerId {
                self.close_up_behind(of, numbers);
            }
        } else if self.lacks_bumps() && error != ResponseError::OutOfOrderSequenceNumber {
            if has_retries {
                self.close_up_behind(of, numbers);
            }
        } else if has_retries || error == ResponseError::OutOfOrderSequenceNumber {
            self.request_epoch_bump(of);
        }
    }

    fn request_epoch_bump(&mut self, of: Destination) {
        if self.settings.enable_idempotence && self.lacks_bumps() {
            // Another id is asked for, and sequence numbers begin again with it (`resetProducerId`).
            self.producer = None;
        } else if self.settings.enable_idempotence {
            self.partition_mut(of).rewrite = true;
            self.epoch_bump_requested.get_or_insert(of);
        }
    }

    /// An idempotent producer bumps its epoch by itself, and asks for a new id when epochs have run out
    /// (`TransactionManager.bumpIdempotentEpochAndResetIdIfNeeded`, KIP-360).
    pub(super) fn bump_epoch_if_requested(&mut self) {
        // Nothing made it necessary.
        let Some(of) = self.epoch_bump_requested.take() else { return };
        // Where epochs have run out a new id is on its way, and every partition begins anew with it.
        let Some(producer) = self.producer else { return };
        if producer.epoch == i16::MAX {
            self.producer = None;
            return;
        }
        let bumped = ProducerIdAndEpoch { epoch: producer.epoch + 1, ..producer };
        let partition = self.topic_partition(of);
        self.events.push_back(ProducerEvent::EpochBumped { partition, id: bumped.id, epoch: bumped.epoch });
        self.begin_epoch(bumped);
    }

    fn begin_epoch(&mut self, producer: ProducerIdAndEpoch) {
        self.producer = Some(producer);
        let partitions = self.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        for partition in partitions.filter(|partition| partition.rewrite) {
            Arc::make_mut(partition).start_sequences_at_beginning(producer);
        }
    }

    /// Once nothing is in flight it shows whether what was given up was stored: if not, its sequence numbers are
    /// missing and a new epoch begins (`TransactionManager.maybeResolveSequences`).
    pub(super) fn resolve(&mut self, of: Destination) {
        let partition = self.partition(of);
        if partition.unresolved.is_none() || partition.has_incomplete() {
            return;
        }
        let is_resolved = partition.is_next(partition.next_sequence);
        self.partition_mut(of).unresolved = None;
        if !is_resolved && self.is_transactional() {
            self.unresolved_in_transaction();
        } else if !is_resolved {
            self.request_epoch_bump(of);
        }
    }

    /// Gives the first batch of a partition its sequence number. `None` where it has to wait: an idempotent producer
    /// keeps the order of a partition (`RecordAccumulator.shouldStopDrainBatchesForPartition`).
    pub(super) fn number_first_batch(&mut self, of: Destination) -> Option<()> {
        let producer = self.producer?;
        let partition = self.partition_mut(of);
        if partition.producer != Some(producer) && !partition.has_incomplete() {
            partition.start_sequences_at_beginning(producer);
        }
        if must_wait(partition, producer) {
            return None;
        }
        let next = partition.next_sequence;
        let first = partition.queue.front_mut().expect("a partition that can be sent has a batch");
        if first.base_sequence().is_none() {
            first.set_sequence(producer, next);
            partition.next_sequence = first.next_sequence().expect("it was just numbered");
        }
        Some(())
    }

    /// Asks any broker for a producer id where idempotence needs one.
    pub(super) fn ask_producer_id(&mut self, context: &mut ClientContext<'_>) {
        let has_its_own = self.settings.enable_idempotence && !self.is_transactional();
        if !has_its_own || self.producer.is_some() || self.asks_producer_id {
            return;
        }
        // As long as no node is at hand it waits.
        let Some(node) = self.network.least_loaded(context) else { return };
        if self.network.is_ready(node, context) {
            self.asks_producer_id = true;
            let request = InitProducerIdRequest::default()
                .with_transactional_id(None)
                .with_producer_id((-1).into())
                .with_producer_epoch(-1)
                .with_transaction_timeout_ms(i32::MAX);
            self.network.send(node, Request::InitProducerId(request), Tag::ProducerId, context);
        }
    }

    pub(super) fn producer_id_answered(&mut self, response: &InitProducerIdResponse, context: &mut ClientContext<'_>) {
        if response.error_code != 0 {
            self.last_error = response.error_code;
            self.producer_id_failed(context);
            return;
        }
        self.asks_producer_id = false;
        self.begin_epoch(ProducerIdAndEpoch { id: response.producer_id.0, epoch: response.producer_epoch });
    }

    pub(super) fn producer_id_failed(&mut self, context: &mut ClientContext<'_>) {
        let network = &self.settings.network;
        let (initial, max) = (network.retry_backoff_us, network.retry_backoff_max_us);
        let pause = backoff::exponential(initial, max, 1, context.random());
        self.network.set_timer(ClientTimer::ProducerId, context.now() + pause, context);
    }
}

/// While its first incomplete batch waits to be sent again, no other is sent; nor is a new one while others of an older
/// epoch, or without a known end, are incomplete.
fn must_wait(partition: &Partition, producer: ProducerIdAndEpoch) -> bool {
    let first = partition.queue.front().expect("a partition that can be sent has a batch");
    match first.base_sequence() {
        Some(_) => partition.first_incomplete() != Some(first.number),
        None => partition.unresolved.is_some() || partition.producer != Some(producer),
    }
}
