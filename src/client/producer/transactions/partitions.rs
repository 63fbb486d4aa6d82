//! A producer of transaction version 1 adds partitions, and the offsets of its group, to its transaction
//! (Kafka: `AddPartitionsToTxnHandler`, `AddOffsetsToTxnHandler`).

use std::collections::BTreeMap;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{
    AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, TopicName, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;

use super::ask::Ask;
use super::requests::fenced_or;
use crate::client::producer::Producer;
use crate::client::producer::batch::ProducerIdAndEpoch;
use crate::client::retriable::is_retriable;
use crate::note::SendError;
use crate::sim::{MILLISECOND, Time};

/// How long it waits before it asks again while the transaction before is at its end (`ADD_PARTITIONS_RETRY_BACKOFF_MS`).
const SHORT_PAUSE: Time = 20 * MILLISECOND;

impl Producer {
    /// The coordinator is to be told of partitions that have a record now (`nextRequest`).
    pub(super) fn ask_for_partitions(&mut self) {
        let transactions = self.transactional();
        // Version 2, or what it has been asked is not answered for good.
        let Some(joined) = transactions.joined.as_mut().filter(|_| !transactions.asks.contains(&Ask::Partitions))
        else {
            return;
        };
        if joined.ask() {
            transactions.asks.insert(Ask::Partitions);
        }
    }

    /// How long something waits that is asked again.
    pub(super) fn pause_before(&mut self, ask: Ask) -> Time {
        let pause = self.settings.network.retry_backoff_us;
        let is_first = self.transactional().joined.as_ref().is_some_and(|joined| joined.is_at_first());
        if ask == Ask::Partitions && is_first && self.last_error == ResponseError::ConcurrentTransactions.code() {
            return pause.min(SHORT_PAUSE);
        }
        pause
    }

    pub(super) fn partitions_request(
        &mut self,
        id: TransactionalId,
        producer: ProducerIdAndEpoch,
    ) -> AddPartitionsToTxnRequest {
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        let joined = self.transactions.as_ref().and_then(|transactions| transactions.joined.as_ref());
        for of in joined.expect("version 1 adds partitions").asked() {
            topics.entry(&self.topics[of.topic as usize].name).or_default().push(of.partition);
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            let name = TopicName(StrBytes::from_string(name.to_owned()));
            AddPartitionsToTxnTopic::default().with_name(name).with_partitions(partitions)
        });
        AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(id)
            .with_v3_and_below_producer_id(producer.id.into())
            .with_v3_and_below_producer_epoch(producer.epoch)
            .with_v3_and_below_topics(topics.collect())
    }

    /// One partition that is refused is enough.
    pub(super) fn partitions_answered(&mut self, response: &AddPartitionsToTxnResponse) {
        let topics = &response.results_by_topic_v3_and_below;
        let codes = topics.iter().flat_map(|topic| &topic.results_by_partition).map(|it| it.partition_error_code);
        let errors: Vec<ResponseError> = codes.filter_map(ResponseError::try_from_code).collect();
        // Others were not attempted because of the one that says why.
        let why = errors.iter().find(|error| **error != ResponseError::OperationNotAttempted).or(errors.first());
        let Some(error) = why.copied() else {
            let transactions = self.transactional();
            transactions.is_started = true;
            return transactions.joined.iter_mut().for_each(|joined| joined.answered(true));
        };
        self.last_error = error.code();
        match error {
            ResponseError::NotCoordinator | ResponseError::CoordinatorNotAvailable => {
                return self.ask_another(Ask::Partitions);
            }
            error if is_retriable(error) => return self.ask_again(Ask::Partitions),
            ResponseError::InvalidProducerEpoch
            | ResponseError::ProducerFenced
            | ResponseError::TransactionalIdAuthorizationFailed
            | ResponseError::InvalidTxnState
            | ResponseError::InvalidProducerIdMapping => self.fatal(fenced_or(error)),
            error => self.abortable(SendError::Broker(error.code())),
        }
        self.transactional().joined.iter_mut().for_each(|joined| joined.answered(false));
    }

    /// The call returns once the offsets are taken, too.
    pub(super) fn group_answered(&mut self, response: &AddOffsetsToTxnResponse) {
        let Some(error) = ResponseError::try_from_code(response.error_code) else {
            let transactions = self.transactional();
            transactions.is_started = true;
            transactions.asks.insert(Ask::Offsets);
            return;
        };
        self.last_error = error.code();
        match error {
            ResponseError::NotCoordinator | ResponseError::CoordinatorNotAvailable => self.ask_another(Ask::Group),
            error if is_retriable(error) => self.ask_again(Ask::Group),
            ResponseError::UnknownProducerId
            | ResponseError::GroupAuthorizationFailed
            | ResponseError::TransactionAbortable => self.call_aborts(error),
            error => self.fatal(fenced_or(error)),
        }
    }
}
