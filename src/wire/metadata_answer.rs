//! The cluster as clients are told it: Metadata, DescribeTopicPartitions, DescribeCluster
//! (Kafka: `KafkaApis.handleTopicMetadataRequest`, `KRaftMetadataCache`, `DescribeTopicPartitionsRequestHandler`).
//!
//! Among simulated processes the answer to Metadata is the image itself, shared; these are its bytes for everybody else.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeClusterResponse, DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::image::ClusterImage;
use super::topic_image::{PartitionImage, TopicImage, why_no_topic_name};
use super::{CLUSTER_ID, CONTROLLER_NODE_ID, host_of, port_of};

/// What anybody may do with a topic where nobody is refused anything: all operations that there are on one, a bit each
/// (`AclEntry.supportedOperations`).
const ALL_OF_TOPIC: i32 = 3_576;
/// The same with a cluster.
const ALL_OF_CLUSTER: i32 = 264;
/// Nobody asked what he may do.
const NOT_ASKED: i32 = i32::MIN;
/// In the first version of Metadata an empty list asks for all topics; later a missing one does.
const FIRST: i16 = 0;
/// `max.request.partition.size.limit`.
const PARTITION_LIMIT: i32 = 2_000;
/// The endpoint type of brokers and of controllers (KIP-919).
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// The answer to Metadata.
#[must_use]
pub fn metadata(image: &ClusterImage, request: &MetadataRequest, version: i16) -> MetadataResponse {
    let operations = |asked: bool, all: i32| if asked { all } else { NOT_ASKED };
    let of_topics = operations(request.include_topic_authorized_operations, ALL_OF_TOPIC);
    let of_cluster = operations(request.include_cluster_authorized_operations, ALL_OF_CLUSTER);
    let is_first = version == FIRST;
    let topics = match &request.topics {
        Some(asked) if !(is_first && asked.is_empty()) => {
            let known = |id: &Uuid| image.topics.with_id(*id).is_some();
            let (mut unknown, mut found, mut missing) = (Vec::new(), Vec::new(), Vec::new());
            for topic in asked {
                match &topic.name {
                    None if !known(&topic.topic_id) => unknown.push(unknown_id(topic.topic_id)),
                    None => found.extend(image.topics.with_id(topic.topic_id)),
                    Some(name) => match image.topics.named(name) {
                        Some(number) => found.push(number),
                        None => missing.push(unknown_name(name)),
                    },
                }
            }
            let found = found.into_iter().filter_map(|number| image.topics.get(number));
            unknown.into_iter().chain(found.map(|topic| described(image, topic, is_first))).chain(missing).collect()
        }
        Some(_) | None => image.topics.iter().map(|(_, topic)| described(image, topic, is_first)).collect::<Vec<_>>(),
    };
    let topics = topics.into_iter().map(|topic| topic.with_topic_authorized_operations(of_topics)).collect();
    let brokers = alive(image).map(|id| {
        let broker = MetadataResponseBroker::default().with_node_id(BrokerId(id));
        broker.with_host(StrBytes::from_string(host_of(id))).with_port(port_of(id)).with_rack(rack_of(image, id))
    });
    MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_cluster_id(Some(StrBytes::from_static_str(CLUSTER_ID)))
        .with_controller_id(BrokerId(any_broker(image)))
        .with_cluster_authorized_operations(of_cluster)
        .with_topics(topics)
}

/// The rack of a broker; none of a controller.
fn rack_of(image: &ClusterImage, id: i32) -> Option<StrBytes> {
    let rack = image.brokers.get(&id)?.rack.as_deref()?;
    Some(StrBytes::from_string(rack.to_owned()))
}

/// The brokers that answer.
fn alive(image: &ClusterImage) -> impl Iterator<Item = i32> {
    image.brokers.iter().filter(|(_, broker)| !broker.fenced).map(|(id, _)| *id)
}

/// Whom clients take for the controller: any broker, which forwards what they ask (`KRaftMetadataCache.getRandomAliveBroker`).
/// It is always the first one here.
fn any_broker(image: &ClusterImage) -> i32 {
    alive(image).next().unwrap_or(-1)
}

fn unknown_id(id: Uuid) -> MetadataResponseTopic {
    let topic = MetadataResponseTopic::default().with_topic_id(id).with_name(None);
    topic.with_error_code(ResponseError::UnknownTopicId.code())
}

fn unknown_name(name: &TopicName) -> MetadataResponseTopic {
    let error = match why_no_topic_name(name) {
        None => ResponseError::UnknownTopicOrPartition,
        Some(_) => ResponseError::InvalidTopicException,
    };
    MetadataResponseTopic::default().with_name(Some(name.clone())).with_error_code(error.code())
}

fn described(image: &ClusterImage, topic: &TopicImage, is_first: bool) -> MetadataResponseTopic {
    let partitions = (0..).zip(&topic.partitions).map(|(index, partition)| {
        let (leader, error) = leader_of(image, partition);
        // The first version does not know offline replicas: it is told only those that answer, and that some are missing.
        let visible = |brokers: &[i32]| brokers.iter().copied().filter(|id| !is_first || image.is_alive(*id)).collect();
        let (replicas, isr): (Vec<i32>, Vec<i32>) = (visible(&partition.replicas), visible(&partition.isr));
        let misses = replicas.len() < partition.replicas.len() || isr.len() < partition.isr.len();
        let error = error.or(misses.then_some(ResponseError::ReplicaNotAvailable));
        MetadataResponsePartition::default()
            .with_error_code(error.map_or(0, |error| error.code()))
            .with_partition_index(index)
            .with_leader_id(BrokerId(leader))
            .with_leader_epoch(partition.leader_epoch)
            .with_replica_nodes(ids(&replicas))
            .with_isr_nodes(ids(&isr))
            .with_offline_replicas(offline(image, partition))
    });
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_string(topic.name.clone()))))
        .with_topic_id(topic.id)
        .with_is_internal(topic.is_internal())
        .with_partitions(partitions.collect())
}

/// The leader, or -1 and why there is none to ask.
fn leader_of(image: &ClusterImage, partition: &PartitionImage) -> (i32, Option<ResponseError>) {
    if image.is_alive(partition.leader) {
        (partition.leader, None)
    } else {
        (-1, Some(ResponseError::LeaderNotAvailable))
    }
}

fn ids(brokers: &[i32]) -> Vec<BrokerId> {
    brokers.iter().copied().map(BrokerId).collect()
}

fn offline(image: &ClusterImage, partition: &PartitionImage) -> Vec<BrokerId> {
    let offline: Vec<i32> = partition.replicas.iter().copied().filter(|id| !image.is_alive(*id)).collect();
    ids(&offline)
}

/// The answer to DescribeTopicPartitions: topics by name, from the cursor on, as many partitions as are asked for at most.
pub fn topic_partitions(
    image: &ClusterImage,
    request: &DescribeTopicPartitionsRequest,
) -> Result<DescribeTopicPartitionsResponse, ResponseError> {
    let first = request.cursor.as_ref().map(|cursor| (cursor.topic_name.as_str(), cursor.partition_index));
    if first.is_some_and(|(_, partition)| partition < 0) {
        return Err(ResponseError::InvalidRequest);
    }
    let mut names: Vec<&str> = request.topics.iter().map(|topic| topic.name.as_str()).collect();
    let asks_for_all = names.is_empty();
    if asks_for_all {
        names.extend(image.topics.names().map(|(name, _)| name));
    }
    names.sort_unstable();
    names.dedup();
    // What the cursor says is answered though it is gone.
    names.retain(|name| first.is_none_or(|(from, _)| *name >= from));
    let mut room = request.response_partition_limit.clamp(1, PARTITION_LIMIT) as usize;
    let mut response = DescribeTopicPartitionsResponse::default().with_topics(Vec::new());
    for name in names {
        let Some(topic) = image.topics.named(name).and_then(|number| image.topics.get(number)) else {
            // Of all topics only those that are there are told.
            if !asks_for_all {
                response.topics.push(no_topic(name));
            }
            continue;
        };
        let from = first.filter(|(of, _)| *of == name).map_or(0, |(_, partition)| partition) as usize;
        let upper = topic.partitions.len().min(from.saturating_add(room));
        if room > 0 {
            response.topics.push(some_of(image, topic, from..upper.max(from)));
        }
        room -= upper.saturating_sub(from);
        if upper < topic.partitions.len() {
            let name = TopicName(StrBytes::from_string(name.to_owned()));
            let cursor = Cursor::default().with_topic_name(name).with_partition_index(upper as i32);
            response.next_cursor = Some(cursor);
            break;
        }
    }
    Ok(response)
}

fn no_topic(name: &str) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(match why_no_topic_name(name) {
            None => ResponseError::UnknownTopicOrPartition.code(),
            Some(_) => ResponseError::InvalidTopicException.code(),
        })
        .with_name(Some(TopicName(StrBytes::from_string(name.to_owned()))))
        .with_topic_authorized_operations(ALL_OF_TOPIC)
}

fn some_of(
    image: &ClusterImage,
    topic: &TopicImage,
    range: std::ops::Range<usize>,
) -> DescribeTopicPartitionsResponseTopic {
    let partitions = range.filter_map(|index| Some((index, topic.partitions.get(index)?))).map(|(index, partition)| {
        let (leader, error) = leader_of(image, partition);
        DescribeTopicPartitionsResponsePartition::default()
            .with_error_code(error.map_or(0, |error| error.code()))
            .with_partition_index(index as i32)
            .with_leader_id(BrokerId(leader))
            .with_leader_epoch(partition.leader_epoch)
            .with_replica_nodes(ids(&partition.replicas))
            .with_isr_nodes(ids(&partition.isr))
            .with_eligible_leader_replicas(Some(ids(&partition.elr)))
            .with_last_known_elr(Some(ids(&partition.last_known_elr)))
            .with_offline_replicas(offline(image, partition))
    });
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_string(topic.name.clone()))))
        .with_topic_id(topic.id)
        .with_is_internal(topic.is_internal())
        .with_partitions(partitions.collect())
        .with_topic_authorized_operations(ALL_OF_TOPIC)
}

/// The answer to DescribeCluster of a broker, or of a controller (`AuthHelper.computeDescribeClusterResponse`).
#[must_use]
pub fn cluster(
    image: &ClusterImage,
    request: &DescribeClusterRequest,
    of_controllers: bool,
) -> DescribeClusterResponse {
    let asked_of = if of_controllers { CONTROLLERS } else { BROKERS };
    if request.endpoint_type != asked_of {
        let error = match request.endpoint_type {
            BROKERS | CONTROLLERS => ResponseError::MismatchedEndpointType,
            _ => ResponseError::UnsupportedEndpointType,
        };
        return DescribeClusterResponse::default().with_error_code(error.code()).with_controller_id(BrokerId(-1));
    }
    let nodes: Vec<(i32, bool)> = if of_controllers {
        vec![(CONTROLLER_NODE_ID, false)]
    } else {
        let brokers = image.brokers.iter().map(|(id, broker)| (*id, broker.fenced));
        brokers.filter(|(_, fenced)| !fenced || request.include_fenced_brokers).collect()
    };
    let nodes = nodes.into_iter().map(|(id, fenced)| {
        let node = DescribeClusterBroker::default().with_broker_id(BrokerId(id)).with_is_fenced(fenced);
        node.with_host(StrBytes::from_string(host_of(id))).with_port(port_of(id)).with_rack(rack_of(image, id))
    });
    let operations = if request.include_cluster_authorized_operations { ALL_OF_CLUSTER } else { NOT_ASKED };
    DescribeClusterResponse::default()
        .with_endpoint_type(asked_of)
        .with_cluster_id(StrBytes::from_static_str(CLUSTER_ID))
        .with_controller_id(BrokerId(if of_controllers { CONTROLLER_NODE_ID } else { any_broker(image) }))
        .with_brokers(nodes.collect())
        .with_cluster_authorized_operations(operations)
}
