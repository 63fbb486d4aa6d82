//! Messages that older clients write in other fields: a Produce that names topics, an AddPartitionsToTxn of one transaction.
//!
//! What today's clients say has the hash and the size that it has without them.

use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnRequest;
use kafka_protocol::messages::add_partitions_to_txn_response::AddPartitionsToTxnResponse;
use kafka_protocol::messages::produce_request::TopicProduceData;
use kafka_protocol::messages::produce_response::TopicProduceResponse;
use uuid::Uuid;

use super::content::Field;
use crate::sim::hash::RunHash;

/// One byte counts the tagged fields.
const TAGGED: usize = 1;

/// A topic that has a name only in older messages.
fn fold_name(name: &TopicName, hash: &mut RunHash) {
    if !name.is_empty() {
        name.fold(hash);
    }
}

/// Its id, or its name.
fn topic_size(id: &Uuid, name: &TopicName) -> usize {
    if name.is_empty() { id.size() } else { name.size() }
}

impl Field for TopicProduceData {
    fn fold(&self, hash: &mut RunHash) {
        self.topic_id.fold(hash);
        self.partition_data.fold(hash);
        fold_name(&self.name, hash);
    }

    fn size(&self) -> usize {
        topic_size(&self.topic_id, &self.name) + self.partition_data.size() + TAGGED
    }

    fn errors(&self, _name: &str, _found: &mut Vec<i16>) {}
}

impl Field for TopicProduceResponse {
    fn fold(&self, hash: &mut RunHash) {
        self.topic_id.fold(hash);
        self.partition_responses.fold(hash);
        fold_name(&self.name, hash);
    }

    fn size(&self) -> usize {
        topic_size(&self.topic_id, &self.name) + self.partition_responses.size() + TAGGED
    }

    fn errors(&self, _name: &str, found: &mut Vec<i16>) {
        self.partition_responses.errors("partition_responses", found);
    }
}

impl Field for AddPartitionsToTxnRequest {
    fn fold(&self, hash: &mut RunHash) {
        self.transactions.fold(hash);
        if !self.v3_and_below_transactional_id.is_empty() {
            self.v3_and_below_transactional_id.fold(hash);
            self.v3_and_below_producer_id.fold(hash);
            self.v3_and_below_producer_epoch.fold(hash);
            self.v3_and_below_topics.fold(hash);
        }
    }

    fn size(&self) -> usize {
        if self.v3_and_below_transactional_id.is_empty() {
            return self.transactions.size() + TAGGED;
        }
        let producer = self.v3_and_below_producer_id.size() + self.v3_and_below_producer_epoch.size();
        self.v3_and_below_transactional_id.size() + producer + self.v3_and_below_topics.size() + TAGGED
    }

    fn errors(&self, _name: &str, _found: &mut Vec<i16>) {}
}

impl Field for AddPartitionsToTxnResponse {
    fn fold(&self, hash: &mut RunHash) {
        self.throttle_time_ms.fold(hash);
        self.error_code.fold(hash);
        self.results_by_transaction.fold(hash);
        if !self.results_by_topic_v3_and_below.is_empty() {
            self.results_by_topic_v3_and_below.fold(hash);
        }
    }

    fn size(&self) -> usize {
        let of_one = &self.results_by_topic_v3_and_below;
        if !of_one.is_empty() {
            return self.throttle_time_ms.size() + of_one.size() + TAGGED;
        }
        self.throttle_time_ms.size() + self.error_code.size() + self.results_by_transaction.size() + TAGGED
    }

    fn errors(&self, _name: &str, found: &mut Vec<i16>) {
        self.error_code.errors("error_code", found);
        self.results_by_transaction.errors("results_by_transaction", found);
        self.results_by_topic_v3_and_below.errors("results_by_topic_v3_and_below", found);
    }
}
