//! What a transactional producer asks of coordinators, one request at a time (Kafka: `Sender.maybeSendAndPollTransactionalRequest`,
//! the handlers of `TransactionManager`).

use std::collections::BTreeMap;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, EndTxnRequest, EndTxnResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    InitProducerIdRequest, InitProducerIdResponse, TopicName, TransactionalId, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::ask::{Ask, Whom};
use super::group_offsets::GroupOffsets;
use super::joined::Joined;
use super::state::State;
use crate::client::ClientContext;
use crate::client::producer::Producer;
use crate::client::producer::batch::ProducerIdAndEpoch;
use crate::client::producer::tag::Tag;
use crate::client::retriable::is_retriable;
use crate::client::timer::ClientTimer;
use crate::note::{SendError, TransactionError};
use crate::wire::{Request, Response};

impl Producer {
    /// Asks what is to be asked next. True where no record is sent meanwhile: Kafka's sender waits for the answer.
    pub(in crate::client::producer) fn ask_coordinators(&mut self, context: &mut ClientContext<'_>) -> bool {
        // It has no transactional id.
        let Some(transactions) = &self.transactions else { return false };
        if transactions.is_in_flight || transactions.state == State::FatalError {
            return true;
        }
        self.drop_what_is_not_sent(context.now());
        self.ask_for_partitions();
        while let Some(ask) = self.next_ask() {
            if !self.is_over_at_once(ask) {
                self.ask_next(ask, context);
                return true;
            }
        }
        false
    }

    /// The most urgent request. The end waits until all records are acknowledged (`nextRequest`).
    fn next_ask(&self) -> Option<Ask> {
        let ask = *self.transactions.as_ref()?.asks.first()?;
        let waits = matches!(ask, Ask::End { .. }) && !self.expiry.is_empty();
        (!waits).then_some(ask)
    }

    /// What need not be asked: after an error nothing but who coordinates (`maybeTerminateRequestWithError`), and no end of a
    /// transaction that nothing belongs to.
    fn is_over_at_once(&mut self, ask: Ask) -> bool {
        let transactions = self.transactional();
        if let Some(failure) = transactions.failure().filter(|_| !matches!(ask.whom(), Whom::Anybody)) {
            transactions.asks.remove(&ask);
            // What a call waits for is the end, or the offsets.
            if ask == Ask::Partitions {
                transactions.joined.iter_mut().for_each(|joined| joined.answered(false));
            } else {
                self.returns(Err(failure));
            }
            return true;
        }
        let is_empty_end = matches!(ask, Ask::End { .. }) && !transactions.is_started;
        if is_empty_end {
            transactions.asks.remove(&ask);
            self.transaction_is_over();
        }
        is_empty_end
    }

    fn ask_next(&mut self, ask: Ask, context: &mut ClientContext<'_>) {
        let transactions = self.transactional();
        let node = match ask.whom() {
            Whom::Anybody => self.network.least_loaded(context),
            Whom::Coordinator if transactions.coordinator.is_none() => {
                return self.look_up(Ask::Coordinator, ask, context);
            }
            Whom::Coordinator => transactions.coordinator,
            Whom::GroupCoordinator if transactions.group_coordinator.is_none() => {
                return self.look_up(Ask::GroupCoordinator, ask, context);
            }
            Whom::GroupCoordinator => transactions.group_coordinator,
        };
        // As long as no node is at hand it waits.
        let Some(node) = node else { return };
        if !self.network.is_ready(node, context) {
            // `awaitNodeReady`: whoever cannot be connected to may coordinate no more.
            if !self.network.is_connected(node) {
                self.coordinator_is_out_of_reach(ask, context);
            }
            return;
        }
        if self.is_pausing(ask, context) {
            return;
        }
        let request = self.request(ask);
        let transactions = self.transactional();
        transactions.asks.remove(&ask);
        transactions.is_in_flight = true;
        self.network.send(node, request, Tag::Transaction(ask), context);
    }

    /// Another is asked for after a pause. Kafka's sender makes none, and asks as fast as it is answered.
    fn coordinator_is_out_of_reach(&mut self, ask: Ask, context: &mut ClientContext<'_>) {
        let coordinator = match ask.whom() {
            // Any other will do.
            Whom::Anybody => return,
            Whom::Coordinator => Ask::Coordinator,
            Whom::GroupCoordinator => Ask::GroupCoordinator,
        };
        self.ask_another(ask);
        self.transactional().retried.insert(coordinator);
        self.look_up(coordinator, ask, context);
    }

    /// `maybeFindCoordinatorAndRetry`
    fn look_up(&mut self, coordinator: Ask, for_ask: Ask, context: &mut ClientContext<'_>) {
        let transactions = self.transactional();
        transactions.asks.insert(coordinator);
        transactions.retried.insert(for_ask);
        self.ask_next(coordinator, context);
    }

    /// What is asked again waits for `retry.backoff.ms` before it is (`TxnRequestHandler.retryBackoffMs`).
    fn is_pausing(&mut self, ask: Ask, context: &mut ClientContext<'_>) -> bool {
        let pause = self.pause_before(ask);
        let transactions = self.transactional();
        if !transactions.retried.contains(&ask) {
            return false;
        }
        let until = *transactions.pause_until.get_or_insert(context.now() + pause);
        if until <= context.now() {
            transactions.retried.remove(&ask);
            transactions.pause_until = None;
            return false;
        }
        self.network.set_timer(ClientTimer::Coordinator, until, context);
        true
    }

    fn request(&mut self, ask: Ask) -> Request {
        let producer = self.producer.unwrap_or(ProducerIdAndEpoch { id: -1, epoch: -1 });
        let id = self.transactional_id();
        let timeout_ms = i32::try_from(self.settings.transaction_timeout_us / 1_000).expect("an int of Kafka's");
        match ask {
            Ask::Coordinator => find_coordinator(1, id.0),
            Ask::GroupCoordinator => {
                let offsets =
                    self.transactional().offsets.as_ref().expect("offsets wait for their group's coordinator");
                find_coordinator(0, text(&offsets.group_id))
            }
            Ask::Partitions => Request::AddPartitionsToTxn(self.partitions_request(id, producer)),
            Ask::Group => {
                let offsets = self.transactional().offsets.as_ref().expect("a group is added for its offsets");
                Request::AddOffsetsToTxn(
                    AddOffsetsToTxnRequest::default()
                        .with_transactional_id(id)
                        .with_producer_id(producer.id.into())
                        .with_producer_epoch(producer.epoch)
                        .with_group_id(text(&offsets.group_id).into()),
                )
            }
            Ask::Init | Ask::Epoch => Request::InitProducerId(
                InitProducerIdRequest::default()
                    .with_transactional_id(Some(id))
                    .with_producer_id(producer.id.into())
                    .with_producer_epoch(producer.epoch)
                    .with_transaction_timeout_ms(timeout_ms),
            ),
            Ask::Offsets => {
                let offsets = self.transactional().offsets.as_ref().expect("there are offsets to send");
                Request::TxnOffsetCommit(offsets_request(offsets, id, producer))
            }
            Ask::End { commits } => Request::EndTxn(
                EndTxnRequest::default()
                    .with_transactional_id(id)
                    .with_producer_id(producer.id.into())
                    .with_producer_epoch(producer.epoch)
                    .with_committed(commits),
            ),
        }
    }

    /// Its `transactional.id`, as requests have it.
    pub(in crate::client::producer) fn transactional_id(&self) -> TransactionalId {
        TransactionalId(text(self.settings.transactional_id.as_deref().expect("it is transactional")))
    }

    /// A request was lost with its connection: it is asked again (`TxnRequestHandler.onComplete`).
    pub(in crate::client::producer) fn ask_lost(&mut self, ask: Ask) {
        let transactions = self.transactional();
        transactions.is_in_flight = false;
        if transactions.state != State::FatalError {
            self.ask_another(ask);
        }
    }

    pub(super) fn ask_again(&mut self, ask: Ask) {
        let transactions = self.transactional();
        transactions.asks.insert(ask);
        transactions.retried.insert(ask);
    }

    /// Another broker coordinates now, or none yet: it is looked for, and asked.
    pub(super) fn ask_another(&mut self, ask: Ask) {
        let transactions = self.transactional();
        match ask.whom() {
            // Who was asked does not matter.
            Whom::Anybody => {}
            Whom::Coordinator => transactions.coordinator = None,
            Whom::GroupCoordinator => transactions.group_coordinator = None,
        }
        self.ask_again(ask);
    }

    pub(in crate::client::producer) fn ask_answered(&mut self, ask: Ask, response: &Response) {
        let transactions = self.transactional();
        transactions.is_in_flight = false;
        // Fatal is fatal, whatever is answered behind it.
        if transactions.state == State::FatalError {
            return;
        }
        match response {
            Response::FindCoordinator(response) => self.coordinator_found(ask, response),
            Response::InitProducerId(response) => self.initialized(ask, response),
            Response::AddPartitionsToTxn(response) => self.partitions_answered(response),
            Response::AddOffsetsToTxn(response) => self.group_answered(response),
            Response::TxnOffsetCommit(response) => self.offsets_answered(response),
            Response::EndTxn(response) => self.end_answered(ask, response),
            other => panic!("{ask:?} was answered with {:?}", other.api()),
        }
    }

    /// `FindCoordinatorHandler`
    fn coordinator_found(&mut self, ask: Ask, response: &FindCoordinatorResponse) {
        let found = response.coordinators.first().expect("a broker answers for each key");
        match ResponseError::try_from_code(found.error_code) {
            None => {
                let node = Some(found.node_id.0);
                let transactions = self.transactional();
                match ask {
                    Ask::GroupCoordinator => transactions.group_coordinator = node,
                    Ask::Coordinator
                    | Ask::Init
                    | Ask::Partitions
                    | Ask::Group
                    | Ask::Offsets
                    | Ask::End { .. }
                    | Ask::Epoch => transactions.coordinator = node,
                }
            }
            Some(error) => {
                self.last_error = error.code();
                match error {
                    error if is_retriable(error) => self.ask_again(ask),
                    ResponseError::GroupAuthorizationFailed | ResponseError::TransactionAbortable => {
                        self.call_aborts(error);
                    }
                    error => self.fatal(SendError::Broker(error.code())),
                }
            }
        }
    }

    /// `InitProducerIdHandler`
    fn initialized(&mut self, ask: Ask, response: &InitProducerIdResponse) {
        let Some(error) = ResponseError::try_from_code(response.error_code) else {
            self.producer = Some(ProducerIdAndEpoch { id: response.producer_id.0, epoch: response.producer_epoch });
            let transactions = self.transactional();
            transactions.becomes(State::Ready);
            transactions.error = None;
            return self.returns(Ok(()));
        };
        self.last_error = error.code();
        match error {
            ResponseError::NotCoordinator | ResponseError::CoordinatorNotAvailable => self.ask_another(ask),
            error if is_retriable(error) => self.ask_again(ask),
            ResponseError::TransactionalIdAuthorizationFailed
            | ResponseError::ClusterAuthorizationFailed
            | ResponseError::TransactionAbortable => self.call_aborts(error),
            error => self.fatal(fenced_or(error)),
        }
    }

    /// `EndTxnHandler`
    fn end_answered(&mut self, ask: Ask, response: &EndTxnResponse) {
        let Some(error) = ResponseError::try_from_code(response.error_code) else {
            if self.transactional().joined.is_none() {
                // Sequence numbers begin again with the new epoch, in each partition when it is sent to next.
                let (id, epoch) = (response.producer_id.0, response.producer_epoch);
                self.producer = Some(ProducerIdAndEpoch { id, epoch });
            }
            return self.transaction_is_over();
        };
        self.last_error = error.code();
        let commits = ask == Ask::End { commits: true };
        match error {
            ResponseError::NotCoordinator | ResponseError::CoordinatorNotAvailable => self.ask_another(ask),
            error if is_retriable(error) => self.ask_again(ask),
            ResponseError::UnknownProducerId => self.call_aborts(error),
            ResponseError::TransactionAbortable if commits => self.call_aborts(error),
            error => self.fatal(fenced_or(error)),
        }
    }

    /// `resetTransactionState`
    fn transaction_is_over(&mut self) {
        let transactions = self.transactional();
        let bumps = transactions.joined.as_mut().is_some_and(Joined::end);
        (transactions.error, transactions.is_started) = (None, false);
        if bumps {
            transactions.becomes(State::Initializing);
            transactions.asks.insert(Ask::Epoch);
        } else {
            transactions.becomes(State::Ready);
            self.returns(Ok(()));
        }
    }

    /// `TxnOffsetCommitHandler`: what was refused for a while is sent again, without what was taken.
    fn offsets_answered(&mut self, response: &TxnOffsetCommitResponse) {
        let mut moved = false;
        for topic in &response.topics {
            for answer in &topic.partitions {
                let Some(error) = ResponseError::try_from_code(answer.error_code) else {
                    let is_it = |(name, partition, _): &(String, i32, i64)| {
                        *name == *topic.name.0 && *partition == answer.partition_index
                    };
                    if let Some(offsets) = &mut self.transactional().offsets {
                        offsets.offsets.retain(|offset| !is_it(offset));
                    }
                    continue;
                };
                self.last_error = error.code();
                match error {
                    ResponseError::CoordinatorNotAvailable
                    | ResponseError::NotCoordinator
                    | ResponseError::RequestTimedOut => moved = true,
                    // It is said again to the same coordinator.
                    error if is_retriable(error) => {}
                    ResponseError::GroupAuthorizationFailed
                    | ResponseError::FencedInstanceId
                    | ResponseError::TransactionAbortable
                    | ResponseError::UnknownMemberId
                    | ResponseError::IllegalGeneration => return self.call_aborts(error),
                    error => return self.fatal(fenced_or(error)),
                }
            }
        }
        if self.transactional().offsets.as_ref().is_none_or(|left| left.offsets.is_empty()) {
            self.transactional().offsets = None;
            self.returns(Ok(()));
        } else if moved {
            self.ask_another(Ask::Offsets);
        } else {
            self.ask_again(Ask::Offsets);
        }
    }

    /// The transaction can only be aborted, which the call of the program is told (`TxnRequestHandler.abortableError`).
    pub(super) fn call_aborts(&mut self, error: ResponseError) {
        let error = SendError::Broker(error.code());
        self.abortable(error);
        self.returns(Err(TransactionError::Abortable(error)));
    }
}

/// Older coordinators say INVALID_PRODUCER_EPOCH, and mean that another producer has the id.
pub(super) fn fenced_or(error: ResponseError) -> SendError {
    let error = if error == ResponseError::InvalidProducerEpoch { ResponseError::ProducerFenced } else { error };
    SendError::Broker(error.code())
}

fn find_coordinator(key_type: i8, key: StrBytes) -> Request {
    Request::FindCoordinator(FindCoordinatorRequest::default().with_key_type(key_type).with_coordinator_keys(vec![key]))
}

fn offsets_request(
    offsets: &GroupOffsets,
    id: TransactionalId,
    producer: ProducerIdAndEpoch,
) -> TxnOffsetCommitRequest {
    let mut topics: BTreeMap<&str, Vec<TxnOffsetCommitRequestPartition>> = BTreeMap::new();
    for (topic, partition, offset) in &offsets.offsets {
        let said = TxnOffsetCommitRequestPartition::default()
            .with_partition_index(*partition)
            .with_committed_offset(*offset)
            .with_committed_leader_epoch(-1)
            .with_committed_metadata(Some(StrBytes::new()));
        topics.entry(topic).or_default().push(said);
    }
    let topics = topics.into_iter().map(|(topic, partitions)| {
        TxnOffsetCommitRequestTopic::default().with_name(TopicName(text(topic))).with_partitions(partitions)
    });
    TxnOffsetCommitRequest::default()
        .with_transactional_id(id)
        .with_group_id(text(&offsets.group_id).into())
        .with_producer_id(producer.id.into())
        .with_producer_epoch(producer.epoch)
        .with_generation_id(offsets.generation)
        .with_member_id(text(&offsets.member_id))
        .with_group_instance_id(offsets.group_instance_id.as_deref().map(text))
        .with_topics(topics.collect())
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
