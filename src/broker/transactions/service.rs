//! Requests to the coordinator of transactions (Kafka: `KafkaApis`, `TransactionCoordinator`).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    DescribeTransactionsRequest, DescribeTransactionsResponse, EndTxnRequest, EndTxnResponse, InitProducerIdRequest,
    InitProducerIdResponse, ListTransactionsRequest, ListTransactionsResponse, TopicName, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;

use super::clock::now_ms;
use super::describe;
use super::end::End;
use super::init::Init;
use super::log;
use super::metadata::{BUMPS_EPOCH, KEEPS_EPOCH, NO_ID, NamedPartition, TransactionMetadata};
use super::offsets::OFFSETS;
use super::partitions::{self, Partitions};
use super::pending::{AddingWait, PendingDecision, PendingPartitions};
use super::shard::{TransactionShard, refusal};
use super::standing::{Decided, Decision, Standing};
use super::sweep;
use crate::broker::coordinator::{CoordinatorRuntime, Effects};
use crate::broker::delayed::Work;
use crate::broker::purgatory::{Asker, WaitId};
use crate::broker::{Broker, BrokerTimer, Context, coordinators};
use crate::note::Note;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{Body, BrokerRequest, Message, Response, TopicPartition};

/// The first version of EndTxn whose producer goes on with a higher epoch (transaction version 2).
const FIRST_TO_BUMP: i16 = 5;
/// The first version of AddPartitionsToTxn that brokers send, with many transactions at once.
const FIRST_OF_BROKERS: i16 = 4;
/// The first version of requests of a transaction whose client knows PRODUCER_FENCED (KIP-588).
const FIRST_WITH_FENCES: i16 = 2;
/// The same of InitProducerId.
const FIRST_INIT_WITH_FENCES: i16 = 4;

/// Where a transactional id is looked after.
#[derive(Clone, Copy, Debug)]
struct Seat {
    place: usize,
    partition: TopicPartition,
}

/// What is left to do of a decision.
enum Outcome<T> {
    Answer(T),
    /// It is in the log; the answer counts once that is committed.
    Wait(i64, Result<T, ResponseError>),
    NeedsId,
}

impl Broker {
    /// The runtime of transactions with its place.
    fn transaction_runtime(&self) -> Result<(usize, &CoordinatorRuntime<TransactionShard>), ResponseError> {
        self.coordinators.typed().ok_or(ResponseError::NotCoordinator)
    }

    /// Where a transactional id belongs, and how it stands there.
    fn standing(&self, id: &str) -> Result<(Seat, Standing<'_>), ResponseError> {
        let (place, runtime) = self.transaction_runtime()?;
        let topic = self.coordinators.topic(place).ok_or(ResponseError::NotCoordinator)?;
        let image = self.image.topics.get(topic).ok_or(ResponseError::NotCoordinator)?;
        let partition = coordinators::partition_of(id, image.partitions.len() as i32);
        let (current, committed) = runtime.shards(partition)?;
        let partition = TopicPartition { topic, partition };
        Ok((Seat { place, partition }, current.standing(committed, id)))
    }

    /// Lets the coordinator of an id decide, and puts what it decides into the log.
    fn decide<T>(
        &mut self,
        id: &str,
        decide: impl FnOnce(Standing<'_>, i64) -> Decided<T>,
        context: &mut Context<'_>,
    ) -> Result<(Seat, Time, Outcome<T>), ResponseError> {
        let now_ms = now_ms(context);
        let (seat, standing) = self.standing(id)?;
        match decide(standing, now_ms)? {
            Decision::Answer(answer) => Ok((seat, 0, Outcome::Answer(answer))),
            Decision::NeedsId => Ok((seat, 0, Outcome::NeedsId)),
            Decision::Write(next, answer) => {
                let up_to = self.write_transaction(seat.place, seat.partition, id, &next, context)?;
                // `appendTransactionToLog` waits for as long as the transaction may be open.
                let patience = Time::from(next.timeout_ms.unsigned_abs()) * MILLISECOND;
                Ok((seat, patience, Outcome::Wait(up_to, answer)))
            }
        }
    }

    /// Puts what a transactional id is to be into the log. The offset behind it.
    pub(super) fn write_transaction(
        &mut self,
        place: usize,
        partition: TopicPartition,
        id: &str,
        next: &TransactionMetadata,
        context: &mut Context<'_>,
    ) -> Result<i64, ResponseError> {
        let runtime: &mut CoordinatorRuntime<TransactionShard> = self.coordinators.typed_mut(place);
        runtime.current_mut(partition.partition)?.expect_last_epoch(id, next.last_producer_epoch);
        let effects = Effects { records: vec![log::record(id, next)], ..Effects::default() };
        self.write(place, partition, &effects, context)
    }

    /// Answers a request about one transactional id, now or once what was decided is committed. Whether that has to wait for a
    /// producer id.
    fn decide_and_answer<T>(
        &mut self,
        (asker, message): (Asker, &Arc<Message>),
        id: &str,
        decide: impl FnOnce(Standing<'_>, i64) -> Decided<T>,
        respond: impl Fn(T) -> Response,
        context: &mut Context<'_>,
    ) -> bool {
        let outcome = if id.is_empty() { Err(ResponseError::InvalidRequest) } else { self.decide(id, decide, context) };
        let refuse = |error| refuse(asker, message, error);
        match outcome {
            Ok((_, _, Outcome::NeedsId)) => return true,
            Ok((_, _, Outcome::Answer(answer))) => self.answer(asker, respond(answer), context),
            Ok((seat, patience, Outcome::Wait(up_to, answer))) => {
                let response = answer.map_or_else(refuse, respond);
                let (message, partition) = (Arc::clone(message), seat.partition);
                let work = Work::Decision(Box::new(PendingDecision { message, response, partition, up_to }));
                let wait = self.begin_wait(asker, context.after(patience), work, context);
                self.continue_decision(wait, false, context);
            }
            Err(error) => self.answer(asker, refuse(error), context),
        }
        false
    }

    /// Answers once what was decided is committed, or says why it is not known to be.
    pub(in crate::broker) fn continue_decision(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        let wait = self.purgatory.get(id).expect("what is continued has not ended");
        let Work::Decision(pending) = &wait.work else { unreachable!("it is continued as what it is") };
        // It goes on waiting.
        let Some(outcome) = self.written(pending.partition, pending.up_to, overdue) else { return };
        let wait = self.end_wait(id, context);
        let Work::Decision(pending) = wait.work else { unreachable!("it ends as what it is") };
        let response = match outcome {
            Ok(()) => pending.response,
            Err(error) => refuse(wait.asker, &pending.message, error),
        };
        self.answer(wait.asker, response, context);
    }

    /// What became of a write; `None` while it is neither committed nor given up.
    fn written(&self, partition: TopicPartition, up_to: i64, overdue: bool) -> Option<Result<(), ResponseError>> {
        let (place, _) = self.transaction_runtime().ok()?;
        match self.coordinators.committed_up_to(place, partition.partition) {
            Ok(offset) if offset >= up_to => Some(Ok(())),
            // The record stays, and may be committed later.
            Ok(_) => overdue.then_some(Err(ResponseError::CoordinatorNotAvailable)),
            // Who leads the partition now decides what becomes of the record.
            Err(_) => Some(Err(ResponseError::NotCoordinator)),
        }
    }

    /// A producer with a transactional id begins. Whether that has to wait for a producer id.
    pub(in crate::broker) fn init_transactional_producer(
        &mut self,
        asker: Asker,
        message: &Arc<Message>,
        request: &InitProducerIdRequest,
        new_id: Option<i64>,
        context: &mut Context<'_>,
    ) -> bool {
        let id = request.transactional_id.clone().unwrap_or_default();
        let max_ms = self.settings.transactions.max_timeout_ms;
        let (producer, epoch) = (request.producer_id.0, request.producer_epoch);
        let timeout_ms = request.transaction_timeout_ms;
        let error = if (producer == -1) != (epoch == -1) {
            Some(ResponseError::InvalidRequest)
        } else if !id.is_empty() && !(1..=max_ms).contains(&i64::from(timeout_ms)) {
            Some(ResponseError::InvalidTransactionTimeout)
        } else {
            None
        };
        if let Some(error) = error {
            self.answer(asker, refuse(asker, message, error), context);
            return false;
        }
        let init = Init { timeout_ms, expected: (producer != -1).then_some((producer, epoch)), new_id };
        let respond = |(id, epoch): (i64, i16)| {
            let answer = InitProducerIdResponse::default().with_producer_id(id.into());
            Response::InitProducerId(answer.with_producer_epoch(epoch))
        };
        self.decide_and_answer((asker, message), &id, |standing, now| init.decide(standing, now), respond, context)
    }

    /// A producer ends its transaction, and goes on with the epoch that it is told.
    pub(in crate::broker) fn end_txn(
        &mut self,
        asker: Asker,
        message: &Arc<Message>,
        request: &EndTxnRequest,
        context: &mut Context<'_>,
    ) {
        if asker.version < FIRST_TO_BUMP {
            return self.end_txn_keeping_epoch(asker, message, request, context);
        }
        let respond = |(id, epoch): (i64, i16)| {
            let answer = EndTxnResponse::default().with_producer_id(id.into());
            Response::EndTxn(answer.with_producer_epoch(epoch))
        };
        let id = &request.transactional_id;
        let mut end = End {
            producer_id: request.producer_id.0,
            producer_epoch: request.producer_epoch,
            commits: request.committed,
            new_id: None,
        };
        let asked = (asker, message);
        if !self.decide_and_answer(asked, id, |standing, now| end.raising_epoch(standing, now), respond, context) {
            return;
        }
        end.new_id = self.draw_producer_id(false, context);
        let needs_id = end.new_id.is_none()
            || self.decide_and_answer(asked, id, |standing, now| end.raising_epoch(standing, now), respond, context);
        if needs_id {
            let error = ResponseError::CoordinatorLoadInProgress;
            self.answer(asker, refuse(asker, message, error), context);
        }
    }

    /// The same of a producer that keeps its epoch.
    fn end_txn_keeping_epoch(
        &mut self,
        asker: Asker,
        message: &Arc<Message>,
        request: &EndTxnRequest,
        context: &mut Context<'_>,
    ) {
        let end = End {
            producer_id: request.producer_id.0,
            producer_epoch: request.producer_epoch,
            commits: request.committed,
            new_id: None,
        };
        let respond = |()| Response::EndTxn(EndTxnResponse::default());
        let decide = |standing: Standing<'_>, now| end.keeping_epoch(standing, now);
        let needs_id = self.decide_and_answer((asker, message), &request.transactional_id, decide, respond, context);
        assert!(!needs_id, "who keeps its epoch needs no other id");
    }

    /// The offsets of a group become part of a transaction: their partition does.
    pub(in crate::broker) fn add_offsets_to_txn(
        &mut self,
        asker: Asker,
        message: &Arc<Message>,
        request: &AddOffsetsToTxnRequest,
        context: &mut Context<'_>,
    ) {
        let topic = self.image.topics.named(OFFSETS).and_then(|topic| self.image.topics.get(topic));
        let Some(topic) = topic else {
            let response = refuse(asker, message, ResponseError::CoordinatorNotAvailable);
            return self.answer(asker, response, context);
        };
        let partition = coordinators::partition_of(&request.group_id, topic.partitions.len() as i32);
        let added = [(TopicName(StrBytes::from_static_str(OFFSETS)), partition)].into();
        let (producer_id, producer_epoch) = (request.producer_id.0, request.producer_epoch);
        let decide = |standing: Standing<'_>, now| {
            Partitions { producer_id, producer_epoch, partitions: &added }.add(standing, KEEPS_EPOCH, now)
        };
        let respond = |()| Response::AddOffsetsToTxn(AddOffsetsToTxnResponse::default());
        let needs_id = self.decide_and_answer((asker, message), &request.transactional_id, decide, respond, context);
        assert!(!needs_id, "who adds partitions has an id");
    }

    /// A client adds partitions to its transaction.
    fn add_partitions_of_client(
        &mut self,
        asker: Asker,
        message: &Arc<Message>,
        request: &AddPartitionsToTxnRequest,
        context: &mut Context<'_>,
    ) {
        let topics = &request.v3_and_below_topics;
        let added = partitions::named(topics);
        let respond = |results| {
            let answer = AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results);
            Response::AddPartitionsToTxn(answer)
        };
        if let Some(results) = self.unknown_among(topics) {
            return self.answer(asker, respond(results), context);
        }
        let (producer_id, producer_epoch) = (request.v3_and_below_producer_id.0, request.v3_and_below_producer_epoch);
        let decide = |standing: Standing<'_>, now| {
            Partitions { producer_id, producer_epoch, partitions: &added }.add(standing, KEEPS_EPOCH, now)
        };
        let id = &request.v3_and_below_transactional_id;
        let all_right = |()| respond(partitions::same_for_all(topics, 0));
        let needs_id = self.decide_and_answer((asker, message), id, decide, all_right, context);
        assert!(!needs_id, "who adds partitions has an id");
    }

    /// What is told of partitions of which some are not known: nothing is done for any of them. `None` where all are known.
    fn unknown_among(&self, topics: &[AddPartitionsToTxnTopic]) -> Option<Vec<AddPartitionsToTxnTopicResult>> {
        let is_known = |(topic, partition): &NamedPartition| {
            let topic = self.image.topics.named(topic.as_str());
            topic.is_some_and(|topic| self.image.partition(TopicPartition { topic, partition: *partition }).is_some())
        };
        let code = |named: &NamedPartition| {
            let error = if is_known(named) {
                ResponseError::OperationNotAttempted
            } else {
                ResponseError::UnknownTopicOrPartition
            };
            error.code()
        };
        let are_known = partitions::named(topics).iter().all(is_known);
        (!are_known).then(|| partitions::results(topics, code))
    }

    /// Leaders of partitions add them to transactions, or ask whether they are there.
    pub(in crate::broker) fn add_partitions_to_txn(
        &mut self,
        asker: Asker,
        message: &Arc<Message>,
        request: &AddPartitionsToTxnRequest,
        context: &mut Context<'_>,
    ) {
        if asker.version < FIRST_OF_BROKERS {
            return self.add_partitions_of_client(asker, message, request, context);
        }
        let (mut results, mut waits, mut patience) = (Vec::new(), Vec::new(), 0);
        for (place, transaction) in request.transactions.iter().enumerate() {
            let topics = &transaction.topics;
            let named = partitions::named(topics);
            let asked = Partitions {
                producer_id: transaction.producer_id.0,
                producer_epoch: transaction.producer_epoch,
                partitions: &named,
            };
            let id = &*transaction.transactional_id;
            let topic_results = if let Some(unknown) = self.unknown_among(topics) {
                unknown
            } else if transaction.verify_only {
                self.verified(id, asked, topics)
            } else {
                let decide = |standing: Standing<'_>, now| asked.add(standing, BUMPS_EPOCH, now);
                match self.decide(id, decide, context) {
                    Err(error) => partitions::same_for_all(topics, error.code()),
                    Ok((seat, longest, Outcome::Wait(up_to, answer))) => {
                        answer.expect("partitions that are added are no error");
                        patience = patience.max(longest);
                        let (partition, topics) = (seat.partition, topics.clone());
                        waits.push(AddingWait { partition, up_to, place, topics, is_settled: false });
                        partitions::same_for_all(&transaction.topics, 0)
                    }
                    Ok((_, _, Outcome::Answer(()))) => partitions::same_for_all(topics, 0),
                    Ok((_, _, Outcome::NeedsId)) => unreachable!("who adds partitions has an id"),
                }
            };
            let result =
                AddPartitionsToTxnResult::default().with_transactional_id(transaction.transactional_id.clone());
            results.push(result.with_topic_results(topic_results));
        }
        if waits.is_empty() {
            let response = AddPartitionsToTxnResponse::default().with_results_by_transaction(results);
            return self.answer(asker, Response::AddPartitionsToTxn(response), context);
        }
        let work = Work::AddPartitions(Box::new(PendingPartitions { results, waits }));
        let wait = self.begin_wait(asker, context.after(patience), work, context);
        self.continue_add_partitions(wait, false, context);
    }

    /// What the coordinator says of partitions that shall be in a transaction.
    fn verified(
        &self,
        id: &str,
        asked: Partitions<'_>,
        topics: &[AddPartitionsToTxnTopic],
    ) -> Vec<AddPartitionsToTxnTopicResult> {
        let missing = if id.is_empty() {
            Err(ResponseError::InvalidRequest)
        } else {
            self.standing(id).and_then(|(_, standing)| asked.missing(standing))
        };
        match missing {
            Err(error) => partitions::same_for_all(topics, error.code()),
            Ok(missing) => {
                let abortable = ResponseError::TransactionAbortable.code();
                partitions::results(topics, |named| if missing.contains(named) { abortable } else { 0 })
            }
        }
    }

    /// Answers once all that was added is committed.
    pub(in crate::broker) fn continue_add_partitions(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        let wait = self.purgatory.get(id).expect("what is continued has not ended");
        let Work::AddPartitions(pending) = &wait.work else { unreachable!("it is continued as what it is") };
        let outcomes: Vec<_> =
            pending.waits.iter().map(|wait| self.written(wait.partition, wait.up_to, overdue)).collect();
        let wait = self.purgatory.get_mut(id).expect("it has not ended");
        let Work::AddPartitions(pending) = &mut wait.work else { unreachable!("it is continued as what it is") };
        let PendingPartitions { results, waits } = &mut **pending;
        for (wait, outcome) in waits.iter_mut().zip(outcomes).filter(|(wait, _)| !wait.is_settled) {
            // It goes on waiting.
            let Some(outcome) = outcome else { continue };
            wait.is_settled = true;
            if let Err(error) = outcome {
                results[wait.place].topic_results = partitions::same_for_all(&wait.topics, error.code());
            }
        }
        if waits.iter().all(|wait| wait.is_settled) {
            let wait = self.end_wait(id, context);
            let Work::AddPartitions(pending) = wait.work else { unreachable!("it ends as what it is") };
            let response = AddPartitionsToTxnResponse::default().with_results_by_transaction(pending.results);
            self.answer(wait.asker, Response::AddPartitionsToTxn(response), context);
        }
    }

    /// Tells how far transactions are.
    pub(in crate::broker) fn describe_transactions(
        &mut self,
        asker: Asker,
        request: &DescribeTransactionsRequest,
        context: &mut Context<'_>,
    ) {
        let describe =
            |id: &TransactionalId| describe::described(id, self.standing(id).map(|(_, standing)| standing.known));
        let states = request.transactional_ids.iter().map(describe).collect();
        let response = DescribeTransactionsResponse::default().with_transaction_states(states);
        self.answer(asker, Response::DescribeTransactions(response), context);
    }

    /// Tells which transactions it coordinates.
    pub(in crate::broker) fn list_transactions(
        &mut self,
        asker: Asker,
        request: &ListTransactionsRequest,
        context: &mut Context<'_>,
    ) {
        let response = match self.transaction_runtime() {
            Ok((_, runtime)) if runtime.is_loading() => {
                let code = ResponseError::CoordinatorLoadInProgress.code();
                ListTransactionsResponse::default().with_error_code(code)
            }
            Ok((_, runtime)) => {
                let shards = runtime.serving().filter_map(|partition| runtime.shards(partition).ok());
                let all = shards.flat_map(|(_, committed)| committed.iter());
                describe::listed(request, all, now_ms(context))
            }
            Err(error) => ListTransactionsResponse::default().with_error_code(error.code()),
        };
        self.answer(asker, Response::ListTransactions(response), context);
    }

    /// Begins to look for what is too old, once it coordinates transactions.
    pub(super) fn sweep_transactions(&mut self, context: &mut Context<'_>) {
        if std::mem::replace(&mut self.transactions.sweeps, true) {
            return;
        }
        let settings = &self.settings.transactions;
        context.set_timer(BrokerTimer::TransactionTimeouts, context.after(settings.abort_interval_us));
        context.set_timer(BrokerTimer::TransactionalIds, context.after(settings.expiration_interval_us));
    }

    /// Fences and aborts what has been open for too long; before KAFKA-6119 its producer goes on.
    pub(in crate::broker) fn abort_timed_out_transactions(&mut self, context: &mut Context<'_>) {
        let now_ms = now_ms(context);
        let late = self.of_all_shards(|current, committed| sweep::timed_out(current, committed, now_ms));
        for (place, partition, (id, known)) in late {
            let next = if self.settings.transactions.without_kafka_6119 {
                known.decided(false, KEEPS_EPOCH, NO_ID, false, now_ms)
            } else {
                let drawn = if known.is_exhausted() { self.draw_producer_id(false, context) } else { Some(NO_ID) };
                // Until there is an id it is tried again at the next look.
                let Some(next_id) = drawn else { continue };
                known.fenced(next_id, now_ms)
            };
            let timeout_ms = next.timeout_ms;
            // What the log does not take is, too.
            if self.write_transaction(place, partition, &id, &next, context).is_ok() {
                let broker = self.settings.id;
                context.note(Note::TransactionTimedOut { broker, transactional_id: id, timeout_ms });
            }
        }
        let interval = self.settings.transactions.abort_interval_us;
        context.set_timer(BrokerTimer::TransactionTimeouts, context.after(interval));
    }

    /// Forgets transactional ids that nobody uses.
    pub(in crate::broker) fn remove_expired_transactional_ids(&mut self, context: &mut Context<'_>) {
        let now_ms = now_ms(context);
        let after_ms = self.settings.transactions.id_expiration_ms;
        let old = self.of_all_shards(|current, committed| sweep::expired(current, committed, after_ms, now_ms));
        for (place, partition, id) in old {
            // The same.
            let effects = Effects { records: vec![log::tombstone(&id)], ..Effects::default() };
            let _ = self.write(place, partition, &effects, context);
        }
        let interval = self.settings.transactions.expiration_interval_us;
        context.set_timer(BrokerTimer::TransactionalIds, context.after(interval));
    }

    /// What is found in the shards that it serves, with where it belongs.
    fn of_all_shards<T>(
        &self,
        find: impl Fn(&TransactionShard, &TransactionShard) -> Vec<T>,
    ) -> Vec<(usize, TopicPartition, T)> {
        // It coordinates nothing.
        let Ok((place, runtime)) = self.transaction_runtime() else { return Vec::new() };
        let topic = self.coordinators.topic(place);
        let shards = runtime.serving().filter_map(|partition| {
            let (current, committed) = runtime.shards(partition).ok()?;
            Some((TopicPartition { topic: topic?, partition }, find(current, committed)))
        });
        shards.flat_map(|(partition, found)| found.into_iter().map(move |it| (place, partition, it))).collect()
    }
}

/// A request with an error for an answer, in the words of its version.
fn refuse(asker: Asker, message: &Message, error: ResponseError) -> Response {
    let Body::Request(request) = &message.body else { unreachable!("a request is served") };
    let request = request.at_broker().expect("a broker's request is served at a broker");
    let is_init = matches!(request, BrokerRequest::InitProducerId(_));
    let knows_fences = asker.version >= if is_init { FIRST_INIT_WITH_FENCES } else { FIRST_WITH_FENCES };
    let is_fenced = error == ResponseError::ProducerFenced;
    refusal(request, if is_fenced && !knows_fences { ResponseError::InvalidProducerEpoch } else { error })
}
