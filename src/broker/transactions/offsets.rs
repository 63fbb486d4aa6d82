//! How offsets that a transaction commits wait until its coordinator knows their partition (KIP-890; Kafka:
//! `CoordinatorRuntime.scheduleTransactionalWriteOperation`, `CoordinatorPartitionWriter.maybeStartTransactionVerification`).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TxnOffsetCommitRequest;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTransaction;

use super::clock::now_ms;
use super::peers::REQUEST_TIMEOUT_US;
use super::pending::PendingOffsets;
use crate::broker::delayed::Work;
use crate::broker::purgatory::{Asker, WaitId};
use crate::broker::{Broker, Context, coordinators};
use crate::log::VerificationGuard;
use crate::wire::{Body, BrokerRequest, Message, Request, TopicPartition};

/// The topic of the offsets of groups.
pub(super) const OFFSETS: &str = "__consumer_offsets";
/// Offsets have no sequence numbers.
const NO_SEQUENCE: i32 = -1;
/// The first version of TxnOffsetCommit whose partition becomes part of the transaction by itself.
const FIRST_THAT_ADDS: i16 = 5;
/// The first version of TxnOffsetCommit whose client knows that a transaction may have to be aborted.
const FIRST_ABORTABLE: i16 = 4;

/// What a client is told where the coordinator of its transaction has said this (`handleOperationException`).
fn for_client(error: ResponseError, version: i16) -> ResponseError {
    match error {
        // It makes clients ask again without looking for the group's coordinator.
        ResponseError::NetworkException => ResponseError::CoordinatorLoadInProgress,
        ResponseError::TransactionAbortable if version < FIRST_ABORTABLE => ResponseError::InvalidTxnState,
        other => other,
    }
}

impl Broker {
    /// A transaction commits offsets: the coordinator of the group is asked once that of the transaction knows of it.
    pub(in crate::broker) fn commit_offsets_in_transaction(
        &mut self,
        asker: Asker,
        message: &Arc<Message>,
        request: &TxnOffsetCommitRequest,
        context: &mut Context<'_>,
    ) {
        let whole = BrokerRequest::TxnOffsetCommit(request);
        let begun = self.begin_offsets(asker.version, request, context);
        let (partition, guard) = match begun {
            Ok(Some(begun)) => begun,
            // It is open there already, or another broker is to be asked.
            Ok(None) => {
                let is_taken = self.coordinate(asker, message, whole, context);
                assert!(is_taken, "groups have their coordinator");
                return;
            }
            Err(error) => return self.refuse_coordinated(asker, whole, for_client(error, asker.version), context),
        };
        let transaction = AddPartitionsToTxnTransaction::default()
            .with_transactional_id(request.transactional_id.clone())
            .with_producer_id(request.producer_id)
            .with_producer_epoch(request.producer_epoch)
            .with_verify_only(asker.version < FIRST_THAT_ADDS);
        let question = self.ask_coordinator(transaction, vec![self.name_of(partition)]);
        let message = Arc::clone(message);
        let work = Work::Offsets(Box::new(PendingOffsets { message, question, partition, guard }));
        // The request of the question may have to wait for the one before.
        self.begin_wait(asker, context.after(2 * REQUEST_TIMEOUT_US), work, context);
        self.send_questions(question, context);
    }

    /// The partition of a group whose transaction is to be verified first; `None` where it is not.
    fn begin_offsets(
        &mut self,
        version: i16,
        request: &TxnOffsetCommitRequest,
        context: &Context<'_>,
    ) -> Result<Option<(TopicPartition, VerificationGuard)>, ResponseError> {
        let topic = self.image.topics.named(OFFSETS);
        let is_known = |it: &&kafka_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestTopic| {
            self.image.topics.named(it.name.as_str()).is_some()
        };
        // Of topics that nobody knows there is nothing to commit (`KafkaApis.handleTxnOffsetCommitRequest`).
        let has_any = request.topics.iter().any(|it| is_known(&it));
        let Some(topic) = topic.filter(|_| has_any && self.asks_coordinators(version >= FIRST_THAT_ADDS)) else {
            return Ok(None);
        };
        let partitions = self.image.topics.get(topic).map_or(0, |image| image.partitions.len() as i32);
        let partition = TopicPartition { topic, partition: coordinators::partition_of(&request.group_id, partitions) };
        let leads = self.replicas.get(&partition).is_some_and(|replica| replica.leadership().is_some());
        if !leads {
            return Ok(None);
        }
        let (id, epoch) = (request.producer_id.0, request.producer_epoch);
        let log = &mut self.replicas.replica_mut(partition).log;
        let bumps = version >= FIRST_THAT_ADDS;
        let begun = log.maybe_start_verification(id, epoch, NO_SEQUENCE, bumps, now_ms(context));
        let guard = begun.map_err(|error| crate::broker::replicas::error_of(error.code()))?;
        Ok(guard.map(|guard| (partition, guard)))
    }

    /// The coordinator of the transaction has said something, or nobody has for too long.
    pub(in crate::broker) fn continue_offsets(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        let wait = self.purgatory.get(id).expect("what is continued has not ended");
        let Work::Offsets(pending) = &wait.work else { unreachable!("it is continued as what it is") };
        let question = pending.question;
        let unverified = self.take_unverified(question);
        if unverified.is_none() && !overdue {
            return;
        }
        let wait = self.end_wait(id, context);
        let Work::Offsets(pending) = wait.work else { unreachable!("it ends as what it is") };
        let PendingOffsets { message, partition, guard, .. } = *pending;
        let error = match unverified {
            Some(unverified) => unverified.get(&self.name_of(partition)).copied(),
            None => Some(ResponseError::NetworkException),
        };
        let Body::Request(Request::TxnOffsetCommit(request)) = &message.body else {
            unreachable!("only these wait for that")
        };
        let whole = BrokerRequest::TxnOffsetCommit(request);
        if let Some(error) = error {
            return self.refuse_coordinated(wait.asker, whole, for_client(error, wait.asker.version), context);
        }
        self.transactions.guards.insert((partition, request.producer_id.0), guard);
        let is_taken = self.coordinate(wait.asker, &message, whole, context);
        assert!(is_taken, "groups have their coordinator");
    }

    /// The guard of a producer's transaction that was verified for a partition of a coordinator.
    pub(in crate::broker) fn guard_of(
        &mut self,
        partition: TopicPartition,
        producer_id: i64,
    ) -> Option<VerificationGuard> {
        self.transactions.guards.remove(&(partition, producer_id))
    }
}
