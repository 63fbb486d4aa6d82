//! What messages of transactions say in a line.

use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::AddPartitionsToTxnTopicResult;
use kafka_protocol::messages::write_txn_markers_request::WritableTxnMarkerTopic;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    DescribeTransactionsRequest, DescribeTransactionsResponse, EndTxnRequest, EndTxnResponse, ListTransactionsRequest,
    ListTransactionsResponse, WriteTxnMarkersResponse,
};

use super::content::{TopicNames, Words};
use super::error_name;
use super::transactions::{TxnMarkersRequest, TxnMarkersResponse};
use super::words::{Line, counted, of, unless};

/// The partitions of topics that are told by name.
fn partitions(topics: &[AddPartitionsToTxnTopic]) -> String {
    let names = topics.iter().flat_map(|topic| topic.partitions.iter().map(|it| format!("{}-{it}", &*topic.name.0)));
    names.collect::<Vec<_>>().join(", ")
}

fn results(topics: &[AddPartitionsToTxnTopicResult]) -> impl Iterator<Item = String> {
    topics.iter().flat_map(|topic| {
        topic
            .results_by_partition
            .iter()
            .map(|it| of(format!("{}-{}", &*topic.name.0, it.partition_index), it.partition_error_code, String::new))
    })
}

impl Words for AddPartitionsToTxnRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let of_one = &self.v3_and_below_transactional_id;
        let of_one =
            (!of_one.is_empty()).then(|| format!("{}, add {}", &*of_one.0, partitions(&self.v3_and_below_topics)));
        let of_many = self.transactions.iter().map(|it| {
            let what = if it.verify_only { "verify" } else { "add" };
            format!("{}, {what} {}", &*it.transactional_id.0, partitions(&it.topics))
        });
        Line::of(of_one.into_iter().chain(of_many))
    }
}

impl Words for AddPartitionsToTxnResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        let all = self.results_by_transaction.iter();
        unless(self.error_code, || {
            let of_many = all.flat_map(|it| {
                results(&it.topic_results).map(|result| format!("{}, {result}", &*it.transactional_id.0))
            });
            Line::of(results(&self.results_by_topic_v3_and_below).chain(of_many))
        })
    }
}

impl Words for AddOffsetsToTxnRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        format!("{}, group {}", &*self.transactional_id.0, &*self.group_id.0)
    }
}

impl Words for AddOffsetsToTxnResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        error_name(self.error_code)
    }
}

impl Words for EndTxnRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let what = if self.committed { "commit" } else { "abort" };
        format!("{what} {}, producer {}, epoch {}", &*self.transactional_id.0, self.producer_id.0, self.producer_epoch)
    }
}

impl Words for EndTxnResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        // A client that keeps its epoch is told none.
        let is_told = self.producer_id.0 >= 0;
        let goes_on = || format!("producer id {}, epoch {}", self.producer_id.0, self.producer_epoch);
        unless(self.error_code, || if is_told { goes_on() } else { "as it was".to_owned() })
    }
}

/// One marker.
fn marker(producer_id: i64, epoch: i16, commits: bool, topics: &[WritableTxnMarkerTopic]) -> String {
    let names =
        topics.iter().flat_map(|topic| topic.partition_indexes.iter().map(|it| format!("{}-{it}", &*topic.name.0)));
    let names: Vec<String> = names.collect();
    let what = if commits { "commit" } else { "abort" };
    format!("{what} producer {producer_id}, epoch {epoch}: {}", names.join(", "))
}

impl Words for TxnMarkersRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let say =
            |it: &super::TxnMarker| marker(it.producer_id.0, it.producer_epoch, it.transaction_result, &it.topics);
        Line::of(self.markers.iter().map(say))
    }
}

/// What became of markers.
fn written(response: &WriteTxnMarkersResponse) -> String {
    let topics = response.markers.iter().flat_map(|marker| &marker.topics);
    Line::of(topics.flat_map(|topic| {
        topic
            .partitions
            .iter()
            .map(|it| of(format!("{}-{}", &*topic.name.0, it.partition_index), it.error_code, String::new))
    }))
}

impl Words for TxnMarkersResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        written(&self.0)
    }
}

impl Words for DescribeTransactionsRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.transactional_ids.iter().map(|id| id.0.to_string()))
    }
}

impl Words for DescribeTransactionsResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        let states = self.transaction_states.iter();
        Line::of(
            states.map(|it| of(&*it.transactional_id.0, it.error_code, || format!(": {}", &*it.transaction_state))),
        )
    }
}

impl Words for ListTransactionsRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.state_filters.iter().map(|it| it.to_string()))
    }
}

impl Words for ListTransactionsResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        unless(self.error_code, || counted(self.transaction_states.len() as i64, "transaction"))
    }
}
