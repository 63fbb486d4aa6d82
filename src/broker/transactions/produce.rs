//! How a transactional Produce waits until its coordinator knows the partitions (KIP-890; Kafka:
//! `KafkaApis.handleProduceRequest`, `ReplicaManager.handleProduceAppend`, `maybeSendPartitionsToTransactionCoordinator`).

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTransaction;
use kafka_protocol::messages::{ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::clock::now_ms;
use super::metadata::NamedPartition;
use super::peers::REQUEST_TIMEOUT_US;
use super::questions::Unverified;
use crate::broker::delayed::{PendingVerification, Verdict, Work};
use crate::broker::purgatory::{Asker, WaitId};
use crate::broker::{Broker, Context};
use crate::log::VerificationGuard;
use crate::log::batch;
use crate::wire::TopicPartition;

/// The first version of Produce whose partitions become part of the transaction by themselves.
const FIRST_THAT_ADDS: i16 = 12;
/// The first version of Produce whose client knows that a transaction may have to be aborted.
const FIRST_ABORTABLE: i16 = 11;

/// Whether the epoch of such a client rises with each transaction (transaction version 2).
fn bumps_epoch(version: i16) -> bool {
    version >= FIRST_THAT_ADDS
}

/// The first batch of a transaction in a partition.
#[derive(Clone, Copy, Debug)]
struct First {
    place: (usize, usize),
    producer: (i64, i16),
    sequence: i32,
}

/// The transactional batches of a request. What cannot be read as a batch is none; the log will say so.
fn transactional(request: &ProduceRequest) -> Vec<First> {
    let mut found = Vec::new();
    for (topic_place, topic) in request.topic_data.iter().enumerate() {
        for (place, data) in topic.partition_data.iter().enumerate() {
            let records = data.records.as_deref().unwrap_or_default();
            if let Some((header, _)) = batch::batches(records).next().filter(|(header, _)| header.is_transactional()) {
                found.push(First {
                    place: (topic_place, place),
                    producer: (header.producer_id, header.producer_epoch),
                    sequence: header.base_sequence,
                });
            }
        }
    }
    found
}

/// What a producer is told where the coordinator has said this. Older clients would not try again after some errors; this
/// one they know, and it makes them ask for no metadata.
fn for_producer(error: ResponseError, version: i16) -> ResponseError {
    match error {
        ResponseError::NetworkException
        | ResponseError::CoordinatorLoadInProgress
        | ResponseError::CoordinatorNotAvailable
        | ResponseError::NotCoordinator => ResponseError::NotEnoughReplicas,
        ResponseError::ConcurrentTransactions if !bumps_epoch(version) => ResponseError::NotEnoughReplicas,
        ResponseError::TransactionAbortable if version < FIRST_ABORTABLE => ResponseError::InvalidTxnState,
        other => other,
    }
}

impl Broker {
    /// Appends what a producer sends; what is part of a transaction once its coordinator knows of it.
    pub(in crate::broker) fn produce(&mut self, asker: Asker, request: &ProduceRequest, context: &mut Context<'_>) {
        let mut data = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
        // Kafka's handler falls over one and answers nothing; the connection stays as it is.
        if data.any(|data| data.records.is_none()) {
            return self.never_answer(asker, context);
        }
        let firsts = transactional(request);
        if firsts.is_empty() {
            return self.append_produced(asker, request, &[], context);
        }
        let producers: BTreeSet<i64> = firsts.iter().map(|first| first.producer.0).collect();
        let refused = if request.transactional_id.is_none() {
            Some(ResponseError::TransactionalIdAuthorizationFailed)
        } else if producers.len() > 1 {
            Some(ResponseError::InvalidProducerIdMapping)
        } else {
            None
        };
        if let Some(error) = refused {
            return self.refuse_produce(asker, request, error, context);
        }
        let verdicts = self.start_verification(asker.version, request, &firsts, context);
        let (producer, began) = (firsts[0].producer, context.now());
        let request = request.clone();
        let pending = PendingVerification { question: 0, request, producer, verdicts, began, asks_again: false };
        self.verify(asker, pending, context);
    }

    /// What each partition says before the coordinator is asked: nothing where the transaction is open there already.
    fn start_verification(
        &mut self,
        version: i16,
        request: &ProduceRequest,
        firsts: &[First],
        context: &Context<'_>,
    ) -> Vec<Verdict> {
        let now_ms = now_ms(context);
        let mut verdicts = Vec::new();
        if !self.asks_coordinators(version >= FIRST_THAT_ADDS) {
            return verdicts;
        }
        for first in firsts {
            let topic = &request.topic_data[first.place.0];
            // The append will say that nobody knows it.
            let Ok(number) = self.topic_of(topic, version) else { continue };
            let partition = TopicPartition { topic: number, partition: topic.partition_data[first.place.1].index };
            let leads = self.replicas.get(&partition).is_some_and(|replica| replica.leadership().is_some());
            if !leads {
                continue;
            }
            let (id, epoch) = first.producer;
            let log = &mut self.replicas.replica_mut(partition).log;
            let bumps = bumps_epoch(version);
            let place = first.place;
            match log.maybe_start_verification(id, epoch, first.sequence, bumps, now_ms) {
                // It is open there already.
                Ok(None) => {}
                Ok(Some(guard)) => verdicts.push(Verdict { place, partition, outcome: Ok(guard) }),
                Err(error) => {
                    let error = crate::broker::replicas::error_of(error.code());
                    verdicts.push(Verdict { place, partition, outcome: Err(error) });
                }
            }
        }
        verdicts
    }

    /// Whether a coordinator is asked before a transaction's first batch. Where the producer leaves it to the leader to add the
    /// partition, always; the setting is about those that have added it, and are only checked.
    pub(super) fn asks_coordinators(&self, adds: bool) -> bool {
        adds || self.settings.transactions.verification_enabled
    }

    /// Asks the coordinator about the partitions that need it, or goes on at once.
    fn verify(&mut self, asker: Asker, mut pending: PendingVerification, context: &mut Context<'_>) {
        let asked = pending.verdicts.iter().filter(|verdict| verdict.outcome.is_ok());
        let asked: Vec<NamedPartition> = asked.map(|verdict| self.name_of(verdict.partition)).collect();
        if asked.is_empty() {
            let PendingVerification { request, verdicts, .. } = pending;
            return self.append_produced(asker, &request, &verdicts, context);
        }
        let (producer_id, producer_epoch) = pending.producer;
        let transaction = AddPartitionsToTxnTransaction::default()
            .with_transactional_id(pending.request.transactional_id.clone().unwrap_or_default())
            .with_producer_id(producer_id.into())
            .with_producer_epoch(producer_epoch)
            .with_verify_only(!bumps_epoch(asker.version));
        pending.asks_again = false;
        let question = self.ask_coordinator(transaction, asked);
        pending.question = question;
        // The request of the question may have to wait for the one before.
        let deadline = context.after(2 * REQUEST_TIMEOUT_US);
        self.begin_wait(asker, deadline, Work::Verification(Box::new(pending)), context);
        self.send_questions(question, context);
    }

    /// A partition as the transaction log names it.
    pub(super) fn name_of(&self, partition: TopicPartition) -> NamedPartition {
        let name = self.image.topics.name_of(partition.topic);
        (TopicName(StrBytes::from_string(name.to_owned())), partition.partition)
    }

    /// The coordinator has said something, or it is asked again, or nobody has for too long.
    pub(in crate::broker) fn continue_verification(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        let wait = self.purgatory.get(id).expect("what is continued has not ended");
        let Work::Verification(pending) = &wait.work else { unreachable!("it is continued as what it is") };
        let (question, asks_again) = (pending.question, pending.asks_again);
        let unverified = self.take_unverified(question);
        if unverified.is_none() && !overdue {
            return;
        }
        let wait = self.end_wait(id, context);
        let Work::Verification(mut pending) = wait.work else { unreachable!("it ends as what it is") };
        if asks_again {
            return self.verify(wait.asker, *pending, context);
        }
        let settings = &self.settings.transactions;
        let patience = settings.add_partitions_backoff_max_us.min(REQUEST_TIMEOUT_US);
        let is_patient = context.now() < pending.began.saturating_add(patience);
        let concurrent = ResponseError::ConcurrentTransactions;
        let is_concurrent = unverified.as_ref().is_some_and(|it| it.values().any(|error| *error == concurrent));
        if is_concurrent && is_patient && bumps_epoch(wait.asker.version) {
            pending.asks_again = true;
            let at = context.after(settings.add_partitions_backoff_us);
            self.begin_wait(wait.asker, at, Work::Verification(pending), context);
            return;
        }
        self.judge(&mut pending, unverified.as_ref(), wait.asker.version);
        let PendingVerification { request, verdicts, .. } = *pending;
        self.append_produced(wait.asker, &request, &verdicts, context);
    }

    /// What the coordinator says is what becomes of the batches; nothing at all is as if the network had failed.
    fn judge(&self, pending: &mut PendingVerification, unverified: Option<&Unverified>, version: i16) {
        for verdict in &mut pending.verdicts {
            let named = self.name_of(verdict.partition);
            let error = match unverified {
                Some(unverified) => unverified.get(&named).copied(),
                None => Some(ResponseError::NetworkException),
            };
            if let (Ok(_), Some(error)) = (verdict.outcome, error) {
                verdict.outcome = Err(for_producer(error, version));
            }
        }
    }

    /// The guard with which a batch is appended, or why it is not.
    pub(in crate::broker) fn verdict_of(
        verdicts: &[Verdict],
        place: (usize, usize),
    ) -> Result<Option<VerificationGuard>, ResponseError> {
        let verdict = verdicts.iter().find(|verdict| verdict.place == place);
        verdict.map(|verdict| verdict.outcome).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_clients_are_told_what_they_try_again_after() {
        let concurrent = ResponseError::ConcurrentTransactions;
        assert_eq!(for_producer(concurrent, 12), concurrent);
        assert_eq!(for_producer(concurrent, 11), ResponseError::NotEnoughReplicas);
        assert_eq!(for_producer(ResponseError::NotCoordinator, 13), ResponseError::NotEnoughReplicas);
        let abortable = ResponseError::TransactionAbortable;
        assert_eq!(for_producer(abortable, 11), abortable);
        assert_eq!(for_producer(abortable, 10), ResponseError::InvalidTxnState);
    }
}
