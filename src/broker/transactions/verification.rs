//! What leaders of partitions ask coordinators before a transaction's first batch: to add the partition, or whether it is there
//! (KIP-890; Kafka: `AddPartitionsToTxnManager`).

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::AddPartitionsToTxnRequest;
use kafka_protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction};
use kafka_protocol::protocol::StrBytes;

use super::metadata::NamedPartition;
use super::peers::Errand;
use super::questions::{Question, Unverified};
use super::shard::TransactionShard;
use crate::broker::coordinator::CoordinatorShard;
use crate::broker::delayed::WaitKey;
use crate::broker::{Broker, Context};
use crate::wire::{Request, Response};

impl Broker {
    /// Asks the coordinator of a transaction whether partitions are in it, or to add them. The number of the question: the answer
    /// wakes who waits for it, even if that is known at once.
    pub(in crate::broker) fn ask_coordinator(
        &mut self,
        mut transaction: AddPartitionsToTxnTransaction,
        partitions: Vec<NamedPartition>,
    ) -> u64 {
        let mut topics: BTreeMap<_, Vec<i32>> = BTreeMap::new();
        partitions.into_iter().for_each(|(topic, partition)| topics.entry(topic).or_default().push(partition));
        let topics = topics.into_iter();
        transaction.topics = topics
            .map(|(topic, partitions)| AddPartitionsToTxnTopic::default().with_name(topic).with_partitions(partitions))
            .collect();
        let verifications = &mut self.transactions.verifications;
        verifications.last += 1;
        let number = verifications.last;
        let question = Question { number, transaction };
        let id: &StrBytes = &question.transaction.transactional_id;
        match self.coordinator_of(TransactionShard::TOPIC, id) {
            Ok(node) => self.enqueue_question(node, question),
            Err(error) => {
                let unverified = question.all_wrong(error);
                self.transactions.verifications.answers.insert(number, unverified);
            }
        }
        number
    }

    /// Sends what was asked, once whoever asked waits for it. A coordinator that is free gets all of it at once.
    pub(in crate::broker) fn send_questions(&mut self, number: u64, context: &mut Context<'_>) {
        if self.transactions.verifications.answers.contains_key(&number) {
            self.purgatory.wake(WaitKey::Verified(number));
        }
        let nodes: Vec<i32> = self.transactions.verifications.queues.keys().copied().collect();
        nodes.into_iter().for_each(|node| self.send_partitions(node, context));
    }

    /// Only one question about a transactional id waits: the client has given up the one before, or another has come.
    fn enqueue_question(&mut self, node: i32, question: Question) {
        let queue = self.transactions.verifications.queues.entry(node).or_default();
        let id = &question.transaction.transactional_id;
        // It is the only one.
        let Some(place) = queue.iter().position(|waiting| waiting.transaction.transactional_id == *id) else {
            return queue.push(question);
        };
        let waiting = &queue[place].transaction;
        let (older, newer) = (waiting.producer_epoch, question.transaction.producer_epoch);
        if older > newer {
            let unverified = question.all_wrong(ResponseError::InvalidProducerEpoch);
            self.transactions.verifications.answers.insert(question.number, unverified);
            return;
        }
        let error = if older < newer { ResponseError::InvalidProducerEpoch } else { ResponseError::NetworkException };
        let former = std::mem::replace(&mut queue[place], question);
        self.verified_as(former.number, former.all_wrong(error));
    }

    /// A question is answered. Whoever asked may have hung up.
    fn verified_as(&mut self, number: u64, unverified: Unverified) {
        let key = WaitKey::Verified(number);
        if self.purgatory.is_awaited(key) {
            self.transactions.verifications.answers.insert(number, unverified);
            self.purgatory.wake(key);
        }
    }

    /// What became of a question; `None` while that is not known.
    pub(in crate::broker) fn take_unverified(&mut self, number: u64) -> Option<Unverified> {
        self.transactions.verifications.answers.remove(&number)
    }

    /// Sends what waits for a coordinator, if it may be asked.
    pub(super) fn send_partitions(&mut self, node: i32, context: &mut Context<'_>) {
        if !self.transactions.peers.is_free(Errand::Partitions, node, context.now()) {
            return;
        }
        // Nothing is asked.
        let Some(questions) = self.transactions.verifications.queues.remove(&node) else { return };
        let transactions = questions.iter().map(|question| question.transaction.clone()).collect();
        let request = AddPartitionsToTxnRequest::default().with_transactions(transactions);
        let former = self.transactions.verifications.in_flight.insert(node, questions);
        assert!(former.is_none(), "a coordinator has one request under way");
        self.ask_peer(Errand::Partitions, node, Request::AddPartitionsToTxn(request), context);
    }

    fn questions_of(&mut self, node: i32) -> Vec<Question> {
        let asked = self.transactions.verifications.in_flight.remove(&node);
        asked.expect("a coordinator has answered what it was asked")
    }

    /// Nobody knows what a coordinator would have said.
    pub(super) fn partitions_lost(&mut self, node: i32, context: &mut Context<'_>) {
        for question in self.questions_of(node) {
            self.verified_as(question.number, question.all_wrong(ResponseError::NetworkException));
        }
        self.send_partitions(node, context);
    }

    /// A coordinator says which partitions are in their transactions.
    pub(super) fn partitions_answered(&mut self, node: i32, response: &Response, context: &mut Context<'_>) {
        let Response::AddPartitionsToTxn(response) = response else { unreachable!("an answer is to its request") };
        for question in self.questions_of(node) {
            let id = &question.transaction.transactional_id;
            let of_id = response.results_by_transaction.iter().filter(|result| result.transactional_id == *id);
            let topics = of_id.flat_map(|result| &result.topic_results);
            let errors = topics.flat_map(|topic| {
                topic.results_by_partition.iter().filter_map(|it| {
                    let error = ResponseError::try_from_code(it.partition_error_code)?;
                    // Producers know this one.
                    let is_fenced = error == ResponseError::ProducerFenced;
                    let told = if is_fenced { ResponseError::InvalidProducerEpoch } else { error };
                    Some(((topic.name.clone(), it.partition_index), told))
                })
            });
            let unverified = errors.collect();
            self.verified_as(question.number, unverified);
        }
        self.send_partitions(node, context);
    }
}
