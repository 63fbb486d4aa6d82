//! Who serves a key (Kafka: `AdminApiLookupStrategy`).

use std::collections::BTreeSet;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    DescribeClusterRequest, FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::told::Key;
use super::verdict::{Scope, Verdict};
use crate::wire::{ClusterImage, Request, Response, TopicPartition};

/// Clients ask for the endpoints of brokers, not of controllers (`EndpointType`).
const BROKERS: i8 = 1;

/// How it is found out who serves a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// Any broker does.
    Any,
    /// Any broker does, once it is known which there are (`KafkaAdminClient.describeTopics`).
    AnyOfCluster,
    /// Each broker has its part (`AllBrokersStrategy`).
    AllBrokers,
    /// The leader of the partition (`PartitionLeaderStrategy`).
    Leader,
    /// The coordinator of the group (`CoordinatorStrategy`).
    GroupCoordinator,
    /// The coordinator of the transactional id.
    TransactionCoordinator,
}

impl Strategy {
    /// Who serves a key is found by the key, and may be found anew.
    pub(super) fn is_by_key(self) -> bool {
        match self {
            Self::Leader | Self::GroupCoordinator | Self::TransactionCoordinator => true,
            Self::Any | Self::AnyOfCluster | Self::AllBrokers => false,
        }
    }

    /// What asks for it.
    pub(super) fn look_up(self, keys: &BTreeSet<Key>) -> Request {
        match self {
            Self::Any => panic!("any broker is asked without a search"),
            Self::AnyOfCluster => cluster(),
            Self::AllBrokers => metadata(&BTreeSet::new()),
            Self::Leader => metadata(&keys.iter().map(topic_of).collect()),
            Self::GroupCoordinator => find_coordinators(0, keys),
            Self::TransactionCoordinator => find_coordinators(1, keys),
        }
    }

    /// What is answered.
    pub(super) fn found(self, keys: &BTreeSet<Key>, answer: &Response) -> Vec<(Key, Verdict)> {
        match (self, answer) {
            (Self::AnyOfCluster, Response::DescribeCluster(_)) => {
                keys.iter().map(|key| (key.clone(), Verdict::ServedBy(Scope::Any))).collect()
            }
            (Self::AllBrokers, Response::Metadata(image)) => {
                let brokers = image.brokers.iter().filter(|(_, broker)| !broker.fenced);
                let served = brokers.map(|(id, _)| (Key::Broker(*id), Verdict::ServedBy(Scope::Node(*id))));
                served.chain([(Key::Cluster, Verdict::IsAll)]).collect()
            }
            (Self::Leader, Response::Metadata(image)) => {
                keys.iter().map(|key| (key.clone(), leader(image, key))).collect()
            }
            (Self::GroupCoordinator | Self::TransactionCoordinator, Response::FindCoordinator(response)) => {
                coordinators(response)
            }
            (strategy, other) => panic!("{strategy:?} was answered with {:?}", other.api()),
        }
    }
}

/// What asks which brokers there are.
pub(super) fn cluster() -> Request {
    Request::DescribeCluster(DescribeClusterRequest::default().with_endpoint_type(BROKERS))
}

fn topic_of(key: &Key) -> &str {
    match key {
        Key::Partition(topic, _) => topic,
        Key::Cluster | Key::Broker(_) | Key::Name(_) => panic!("{key} has no leader"),
    }
}

/// Who asks for topics by name does not want them made; who asks for brokers says nothing of it
/// (`MetadataRequest.Builder`).
fn metadata(topics: &BTreeSet<&str>) -> Request {
    let named = topics.iter().map(|name| {
        let name = TopicName(StrBytes::from_string((*name).to_owned()));
        MetadataRequestTopic::default().with_name(Some(name))
    });
    let request = MetadataRequest::default().with_topics(Some(named.collect()));
    Request::Metadata(request.with_allow_auto_topic_creation(topics.is_empty()))
}

/// A topic that is not there may come (`PartitionLeaderStrategy.handleTopicError`).
fn leader(image: &ClusterImage, key: &Key) -> Verdict {
    let Key::Partition(_, partition) = key else { panic!("{key} has no leader") };
    let topic = image.topics.named(topic_of(key));
    let found = topic.and_then(|topic| image.partition(TopicPartition { topic, partition: *partition }));
    match found.filter(|partition| partition.leader >= 0) {
        Some(partition) => Verdict::ServedBy(Scope::Node(partition.leader)),
        None => Verdict::Retry,
    }
}

fn find_coordinators(key_type: i8, keys: &BTreeSet<Key>) -> Request {
    let keys = keys.iter().map(|key| StrBytes::from_string(key.to_string())).collect();
    Request::FindCoordinator(FindCoordinatorRequest::default().with_key_type(key_type).with_coordinator_keys(keys))
}

/// A coordinator is looked for again where there is none yet (`CoordinatorStrategy.handleError`).
fn coordinators(response: &FindCoordinatorResponse) -> Vec<(Key, Verdict)> {
    let verdict = |error_code: i16, node: i32| match ResponseError::try_from_code(error_code) {
        None => Verdict::ServedBy(Scope::Node(node)),
        Some(ResponseError::CoordinatorNotAvailable | ResponseError::CoordinatorLoadInProgress) => Verdict::Retry,
        Some(error) => Verdict::Failed(error),
    };
    let found = response.coordinators.iter();
    found.map(|it| (Key::Name(it.key.to_string()), verdict(it.error_code, it.node_id.0))).collect()
}
