//! What each message says in a line, without its API: as somebody who reads a packet capture would want it.

use std::fmt::Display;
use std::sync::Arc;

use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionRequest, AlterPartitionResponse,
    ApiVersionsRequest, ApiVersionsResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse,
    BrokerRegistrationRequest, BrokerRegistrationResponse, CreatePartitionsRequest, CreatePartitionsResponse,
    CreateTopicsRequest, CreateTopicsResponse, DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, DescribeClusterRequest, DescribeClusterResponse, DescribeProducersRequest,
    DescribeProducersResponse, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, ElectLeadersRequest,
    ElectLeadersResponse, FetchRequest, FetchResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    InitProducerIdRequest, InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, ProduceRequest, ProduceResponse, TopicName,
};
use uuid::Uuid;

use super::by_name::{FetchByNameRequest, FetchByNameResponse};
use super::content::{TopicNames, Words};
use super::error_name;
use super::image::ClusterImage;
use super::metadata_log::FetchMetadataRequest;
use crate::log::batch::batches;

/// A line of several parts.
#[derive(Default)]
pub(super) struct Line(String);

impl Line {
    pub(super) fn of(parts: impl IntoIterator<Item = String>) -> String {
        let mut line = Self::default();
        parts.into_iter().for_each(|part| line.add(&part));
        line.0
    }

    pub(super) fn add(&mut self, part: &str) {
        if !self.0.is_empty() && !part.is_empty() {
            self.0.push_str("; ");
        }
        self.0.push_str(part);
    }

    /// The line, or these words where it is empty.
    pub(super) fn or(self, words: &str) -> String {
        if self.0.is_empty() { words.to_owned() } else { self.0 }
    }
}

/// What is told where there was no error, else the error.
pub(super) fn unless(error: i16, words: impl FnOnce() -> String) -> String {
    if error == 0 { words() } else { error_name(error) }
}

/// What is told of something, or the error that it met: `orders-0 at offset 5`, `orders-0: NOT_LEADER_OR_FOLLOWER`.
pub(super) fn of(what: impl Display, error: i16, words: impl FnOnce() -> String) -> String {
    if error == 0 { format!("{what}{}", words()) } else { format!("{what}: {}", error_name(error)) }
}

fn partition(names: &dyn TopicNames, topic: Uuid, partition: i32) -> String {
    format!("{}-{partition}", names.topic_name(topic))
}

/// The same where an older client may have named the topic.
fn named_partition(names: &dyn TopicNames, name: &TopicName, topic: Uuid, index: i32) -> String {
    if name.is_empty() { partition(names, topic, index) } else { format!("{}-{index}", &*name.0) }
}

pub(super) fn records(bytes: Option<&[u8]>) -> String {
    let count: i64 = batches(bytes.unwrap_or_default()).map(|(header, _)| i64::from(header.record_count)).sum();
    counted(count, "record")
}

pub(super) fn counted(count: i64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl Words for ProduceRequest {
    fn words(&self, names: &dyn TopicNames) -> String {
        Line::of(self.topic_data.iter().flat_map(|topic| {
            topic.partition_data.iter().map(move |data| {
                let name = named_partition(names, &topic.name, topic.topic_id, data.index);
                format!("{name}, {}", records(data.records.as_deref()))
            })
        }))
    }
}

impl Words for ProduceResponse {
    fn words(&self, names: &dyn TopicNames) -> String {
        Line::of(self.responses.iter().flat_map(|topic| {
            topic.partition_responses.iter().map(move |answer| {
                let name = named_partition(names, &topic.name, topic.topic_id, answer.index);
                of(name, answer.error_code, || format!(" at offset {}", answer.base_offset))
            })
        }))
    }
}

impl Words for FetchRequest {
    fn words(&self, names: &dyn TopicNames) -> String {
        let mut line = Line::default();
        for topic in &self.topics {
            for data in &topic.partitions {
                line.add(&wanted(partition(names, topic.topic_id, data.partition), data));
            }
        }
        for topic in &self.forgotten_topics_data {
            for forgotten in &topic.partitions {
                line.add(&format!("no more {}", partition(names, topic.topic_id, *forgotten)));
            }
        }
        line.or("as before")
    }
}

impl Words for FetchResponse {
    fn words(&self, names: &dyn TopicNames) -> String {
        let mut line = Line::default();
        line.add(&error_name(self.error_code));
        for topic in &self.responses {
            for data in &topic.partitions {
                line.add(&fetched(partition(names, topic.topic_id, data.partition_index), data));
            }
        }
        line.or("nothing new")
    }
}

impl Words for FetchByNameRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.0.topics.iter().flat_map(|topic| {
            let say = |data: &FetchPartition| wanted(format!("{}-{}", &*topic.topic.0, data.partition), data);
            topic.partitions.iter().map(say)
        }))
    }
}

impl Words for FetchByNameResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        let mut line = Line::default();
        line.add(&error_name(self.0.error_code));
        for topic in &self.0.responses {
            for data in &topic.partitions {
                line.add(&fetched(format!("{}-{}", &*topic.topic.0, data.partition_index), data));
            }
        }
        line.or("nothing new")
    }
}

fn wanted(partition: String, data: &FetchPartition) -> String {
    format!("{partition} from {}", data.fetch_offset)
}

fn fetched(partition: String, data: &PartitionData) -> String {
    of(partition, data.error_code, || match data.diverging_epoch.epoch {
        -1 => format!(", {}, high watermark {}", records(data.records.as_deref()), data.high_watermark),
        epoch => format!(" diverges: epoch {epoch} ends at {}", data.diverging_epoch.end_offset),
    })
}

impl Words for ListOffsetsRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |asked| {
                let what = match asked.timestamp {
                    -2 => "earliest".to_owned(),
                    -1 => "latest".to_owned(),
                    timestamp => format!("timestamp {timestamp}"),
                };
                format!("{}-{} {what}", &*topic.name.0, asked.partition_index)
            })
        }))
    }
}

impl Words for ListOffsetsResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |answer| {
                let name = format!("{}-{}", &*topic.name.0, answer.partition_index);
                of(name, answer.error_code, || format!(" offset {}", answer.offset))
            })
        }))
    }
}

impl Words for OffsetForLeaderEpochRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().flat_map(|topic| {
            let epochs = topic.partitions.iter();
            epochs.map(move |asked| format!("{}-{} epoch {}", &*topic.topic.0, asked.partition, asked.leader_epoch))
        }))
    }
}

impl Words for OffsetForLeaderEpochResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |answer| {
                let name = format!("{}-{}", &*topic.topic.0, answer.partition);
                of(name, answer.error_code, || format!(" epoch {} ends at {}", answer.leader_epoch, answer.end_offset))
            })
        }))
    }
}

impl Words for MetadataRequest {
    fn words(&self, names: &dyn TopicNames) -> String {
        // Null asks for all of them.
        let Some(topics) = &self.topics else { return "all topics".to_owned() };
        let name = |topic: &kafka_protocol::messages::metadata_request::MetadataRequestTopic| match &topic.name {
            Some(name) => name.0.to_string(),
            None => names.topic_name(topic.topic_id),
        };
        let mut line = Line::default();
        topics.iter().for_each(|topic| line.add(&name(topic)));
        line.or("no topics")
    }
}

/// The answer to Metadata and to a Fetch of `__cluster_metadata`.
impl Words for Arc<ClusterImage> {
    fn words(&self, _: &dyn TopicNames) -> String {
        format!("__cluster_metadata-0 up to {}", self.offset)
    }
}

impl Words for FetchMetadataRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        format!("__cluster_metadata-0 from {}", self.offset + 1)
    }
}

impl Words for FindCoordinatorRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let kind = match self.key_type {
            0 => "group",
            1 => "transactional id",
            _ => "share group",
        };
        Line::of(self.coordinator_keys.iter().map(|key| format!("{kind} {}", &**key)))
    }
}

impl Words for FindCoordinatorResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        let coordinators = self.coordinators.iter();
        Line::of(coordinators.map(|it| of(&*it.key, it.error_code, || format!(": broker {}", it.node_id.0))))
    }
}

impl Words for InitProducerIdRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        self.transactional_id.as_ref().map_or_else(String::new, |id| format!("transactional id {}", &*id.0))
    }
}

impl Words for InitProducerIdResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        unless(self.error_code, || format!("producer id {}, epoch {}", self.producer_id.0, self.producer_epoch))
    }
}

impl Words for AllocateProducerIdsRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        format!("for broker {}, epoch {}", self.broker_id.0, self.broker_epoch)
    }
}

impl Words for AllocateProducerIdsResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        unless(self.error_code, || format!("{} ids from {}", self.producer_id_len, self.producer_id_start.0))
    }
}

impl Words for BrokerRegistrationRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let before = self.previous_broker_epoch;
        let before = if before < 0 { String::new() } else { format!(", before with epoch {before}") };
        format!("broker {}, incarnation {}{before}", self.broker_id.0, self.incarnation_id)
    }
}

impl Words for BrokerRegistrationResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        unless(self.error_code, || format!("epoch {}", self.broker_epoch))
    }
}

impl Words for BrokerHeartbeatRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let fence = if self.want_fence { ", wants to be fenced" } else { "" };
        let stop = if self.want_shut_down { ", wants to shut down" } else { "" };
        format!("epoch {}, metadata up to {}{fence}{stop}", self.broker_epoch, self.current_metadata_offset)
    }
}

impl Words for BrokerHeartbeatResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        unless(self.error_code, || {
            let fenced = if self.is_fenced { "fenced" } else { "unfenced" };
            let caught_up = if self.is_caught_up { ", caught up" } else { "" };
            let stop = if self.should_shut_down { ", should shut down" } else { "" };
            format!("{fenced}{caught_up}{stop}")
        })
    }
}

impl Words for AlterPartitionRequest {
    fn words(&self, names: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |asked| {
                let isr: Vec<i32> = asked.new_isr_with_epochs.iter().map(|broker| broker.broker_id.0).collect();
                format!("{}: ISR {isr:?}", partition(names, topic.topic_id, asked.partition_index))
            })
        }))
    }
}

impl Words for AlterPartitionResponse {
    fn words(&self, names: &dyn TopicNames) -> String {
        let mut line = Line::default();
        line.add(&error_name(self.error_code));
        for topic in &self.topics {
            for answer in &topic.partitions {
                let isr: Vec<i32> = answer.isr.iter().map(|broker| broker.0).collect();
                let name = partition(names, topic.topic_id, answer.partition_index);
                line.add(&of(name, answer.error_code, || format!(": ISR {isr:?}")));
            }
        }
        line.0
    }
}

impl Words for ApiVersionsRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        format!("{} {}", &*self.client_software_name, &*self.client_software_version)
    }
}

impl Words for ApiVersionsResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        unless(self.error_code, || counted(self.api_keys.len() as i64, "API"))
    }
}

impl Words for CreateTopicsRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().map(|topic| {
            let partitions = match topic.num_partitions {
                -1 => "partitions as assigned or by default".to_owned(),
                count => counted(count.into(), "partition"),
            };
            format!("{}, {partitions}", &*topic.name.0)
        }))
    }
}

impl Words for CreateTopicsResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        let created = |partitions: i32| format!(", {}", counted(partitions.into(), "partition"));
        Line::of(self.topics.iter().map(|topic| of(&*topic.name.0, topic.error_code, || created(topic.num_partitions))))
    }
}

impl Words for DeleteTopicsRequest {
    fn words(&self, names: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().map(|topic| match &topic.name {
            Some(name) => name.0.to_string(),
            None => names.topic_name(topic.topic_id),
        }))
    }
}

impl Words for DeleteTopicsResponse {
    fn words(&self, names: &dyn TopicNames) -> String {
        Line::of(self.responses.iter().map(|topic| {
            let name = topic.name.as_ref().map_or_else(|| names.topic_name(topic.topic_id), |name| name.0.to_string());
            of(name, topic.error_code, || " deleted".to_owned())
        }))
    }
}

impl Words for DeleteRecordsRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |asked| {
                let name = format!("{}-{}", &*topic.name.0, asked.partition_index);
                match asked.offset {
                    -1 => format!("{name} up to the high watermark"),
                    offset => format!("{name} below {offset}"),
                }
            })
        }))
    }
}

impl Words for DeleteRecordsResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |answer| {
                let name = format!("{}-{}", &*topic.name.0, answer.partition_index);
                of(name, answer.error_code, || format!(" begins at {}", answer.low_watermark))
            })
        }))
    }
}

impl Words for DescribeClusterRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        if self.include_fenced_brokers { "with those that are fenced".to_owned() } else { String::new() }
    }
}

impl Words for DescribeClusterResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        unless(self.error_code, || counted(self.brokers.len() as i64, "node"))
    }
}

impl Words for DescribeProducersRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().map(|topic| format!("{} {:?}", &*topic.name.0, topic.partition_indexes)))
    }
}

impl Words for DescribeProducersResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |answer| {
                let name = format!("{}-{}", &*topic.name.0, answer.partition_index);
                let count = answer.active_producers.len() as i64;
                of(name, answer.error_code, || format!(", {}", counted(count, "producer")))
            })
        }))
    }
}

impl Words for DescribeTopicPartitionsRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let mut line = Line::default();
        self.topics.iter().for_each(|topic| line.add(&topic.name));
        line.or("all topics")
    }
}

impl Words for DescribeTopicPartitionsResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().map(|topic| {
            let name = topic.name.as_ref().map_or("", |name| name.as_str());
            let count = topic.partitions.len() as i64;
            of(name, topic.error_code, || format!(", {}", counted(count, "partition")))
        }))
    }
}

impl Words for CreatePartitionsRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().map(|topic| format!("{} to {} partitions", &*topic.name.0, topic.count)))
    }
}

impl Words for CreatePartitionsResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.results.iter().map(|topic| of(&*topic.name.0, topic.error_code, || " done".to_owned())))
    }
}

impl Words for ElectLeadersRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let kind = if self.election_type == 0 { "preferred" } else { "unclean" };
        // Null asks for all of them.
        let Some(topics) = &self.topic_partitions else { return format!("{kind}, all partitions") };
        let names = topics.iter().map(|topic| format!("{kind}, {} {:?}", &*topic.topic.0, topic.partitions));
        Line::of(names)
    }
}

impl Words for ElectLeadersResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        let mut line = Line::default();
        line.add(&error_name(self.error_code));
        for topic in &self.replica_election_results {
            for answer in &topic.partition_result {
                let name = format!("{}-{}", &*topic.topic.0, answer.partition_id);
                line.add(&of(name, answer.error_code, || " elected".to_owned()));
            }
        }
        line.0
    }
}
