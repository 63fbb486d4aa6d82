//! What an admin client can be asked, and the request for it (Kafka: the methods of `Admin`, `AdminApiHandler.buildRequest`).

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_producers_request;
use kafka_protocol::messages::describe_topic_partitions_request::TopicRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::write_txn_markers_request::WritableTxnMarkerTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, ConsumerGroupDescribeRequest, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeGroupsRequest, DescribeProducersRequest,
    DescribeTopicPartitionsRequest, DescribeTransactionsRequest, ElectLeadersRequest, GroupId, InitProducerIdRequest,
    ListGroupsRequest, ListOffsetsRequest, ListTransactionsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, TopicName, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;

use super::look_up::{self, Strategy};
use super::told::{CommittedOffset, Key, NamedPartition};
use crate::sim::{MILLISECOND, Time};
use crate::wire::{Request, TxnMarker, TxnMarkersRequest};

/// How many partitions an answer to DescribeTopicPartitions holds at most
/// (`DescribeTopicsOptions.partitionSizeLimitPerResponse`).
const PARTITIONS_PER_RESPONSE: i32 = 2_000;
/// Nobody's id, epoch, generation or duration.
const NONE: i32 = -1;

/// A call of an admin client, by Kafka's name.
#[derive(Clone, Debug)]
pub enum Ask {
    /// `createTopics`
    CreateTopics {
        /// Which.
        topics: Vec<CreatableTopic>,
        /// Only whether they could be.
        validate_only: bool,
    },
    /// `deleteTopics`
    DeleteTopics(Vec<String>),
    /// `createPartitions`
    CreatePartitions(Vec<CreatePartitionsTopic>),
    /// `electLeaders`
    ElectLeaders(ElectLeadersRequest),
    /// `describeTopics`
    DescribeTopics(Vec<String>),
    /// `describeCluster`
    DescribeCluster,
    /// `describeFeatures`
    DescribeFeatures,
    /// `listGroups`
    ListGroups,
    /// `describeConsumerGroups`
    DescribeConsumerGroups(Vec<String>),
    /// `listConsumerGroupOffsets`: all that the groups have committed.
    ListConsumerGroupOffsets(Vec<String>),
    /// `alterConsumerGroupOffsets`
    AlterConsumerGroupOffsets(String, Vec<CommittedOffset>),
    /// `deleteConsumerGroupOffsets`
    DeleteConsumerGroupOffsets(String, Vec<NamedPartition>),
    /// `deleteConsumerGroups`
    DeleteConsumerGroups(Vec<String>),
    /// `deleteRecords`: those before these offsets, -1 for the high watermark.
    DeleteRecords(Vec<(NamedPartition, i64)>),
    /// `listOffsets` of the latest offsets.
    ListOffsets(Vec<NamedPartition>),
    /// `describeProducers`
    DescribeProducers(Vec<NamedPartition>),
    /// `abortTransaction`: of a producer that hangs in a partition.
    AbortTransaction {
        /// Where.
        partition: NamedPartition,
        /// Who.
        producer_id: i64,
        /// With which epoch.
        producer_epoch: i16,
        /// The epoch of the last coordinator that wrote a marker there.
        coordinator_epoch: i32,
    },
    /// `listTransactions`
    ListTransactions,
    /// `describeTransactions`
    DescribeTransactions(Vec<String>),
    /// `fenceProducers`, and `forceTerminateTransaction` with one.
    FenceProducers(Vec<String>),
}

/// How long a request has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// What is left of `request.timeout.ms`.
    pub(super) request: Time,
    /// `default.api.timeout.ms`
    pub(super) call: Time,
}

impl Times {
    fn ms(time: Time) -> i32 {
        i32::try_from(time / MILLISECOND).unwrap_or(i32::MAX)
    }
}

impl Ask {
    /// What it is about.
    pub(super) fn keys(&self) -> Vec<Key> {
        let names = |names: &[String]| names.iter().cloned().map(Key::Name).collect();
        let partition = |(topic, partition): &NamedPartition| Key::Partition(topic.clone(), *partition);
        match self {
            Self::CreateTopics { topics, .. } => {
                topics.iter().map(|topic| Key::Name(topic.name.0.to_string())).collect()
            }
            Self::CreatePartitions(topics) => topics.iter().map(|topic| Key::Name(topic.name.0.to_string())).collect(),
            Self::DeleteTopics(all)
            | Self::DescribeTopics(all)
            | Self::DescribeConsumerGroups(all)
            | Self::ListConsumerGroupOffsets(all)
            | Self::DeleteConsumerGroups(all)
            | Self::DescribeTransactions(all)
            | Self::FenceProducers(all) => names(all),
            Self::AlterConsumerGroupOffsets(group, _) | Self::DeleteConsumerGroupOffsets(group, _) => {
                vec![Key::Name(group.clone())]
            }
            Self::DeleteRecords(before) => before.iter().map(|(of, _)| partition(of)).collect(),
            Self::ListOffsets(partitions) | Self::DescribeProducers(partitions) => {
                partitions.iter().map(partition).collect()
            }
            Self::AbortTransaction { partition: of, .. } => vec![partition(of)],
            Self::ElectLeaders(_)
            | Self::DescribeCluster
            | Self::DescribeFeatures
            | Self::ListGroups
            | Self::ListTransactions => vec![Key::Cluster],
        }
    }

    /// Who serves its keys.
    pub(super) fn strategy(&self) -> Strategy {
        match self {
            Self::CreateTopics { .. }
            | Self::DeleteTopics(_)
            | Self::CreatePartitions(_)
            | Self::ElectLeaders(_)
            | Self::DescribeCluster
            | Self::DescribeFeatures => Strategy::Any,
            Self::DescribeTopics(_) => Strategy::AnyOfCluster,
            Self::ListGroups | Self::ListTransactions => Strategy::AllBrokers,
            Self::DescribeConsumerGroups(_)
            | Self::ListConsumerGroupOffsets(_)
            | Self::AlterConsumerGroupOffsets(..)
            | Self::DeleteConsumerGroupOffsets(..)
            | Self::DeleteConsumerGroups(_) => Strategy::GroupCoordinator,
            Self::DeleteRecords(_)
            | Self::ListOffsets(_)
            | Self::DescribeProducers(_)
            | Self::AbortTransaction { .. } => Strategy::Leader,
            Self::DescribeTransactions(_) | Self::FenceProducers(_) => Strategy::TransactionCoordinator,
        }
    }

    /// What the client refuses itself (`KafkaAdminClient.topicNameIsUnrepresentable`).
    pub(super) fn refuses(&self, key: &Key) -> Option<ResponseError> {
        let is_of_topics = match self {
            Self::CreateTopics { .. } | Self::DeleteTopics(_) | Self::DescribeTopics(_) => true,
            Self::CreatePartitions(_)
            | Self::ElectLeaders(_)
            | Self::DescribeCluster
            | Self::DescribeFeatures
            | Self::ListGroups
            | Self::DescribeConsumerGroups(_)
            | Self::ListConsumerGroupOffsets(_)
            | Self::AlterConsumerGroupOffsets(..)
            | Self::DeleteConsumerGroupOffsets(..)
            | Self::DeleteConsumerGroups(_)
            | Self::DeleteRecords(_)
            | Self::ListOffsets(_)
            | Self::DescribeProducers(_)
            | Self::AbortTransaction { .. }
            | Self::ListTransactions
            | Self::DescribeTransactions(_)
            | Self::FenceProducers(_) => false,
        };
        (is_of_topics && *key == Key::Name(String::new())).then_some(ResponseError::InvalidTopicException)
    }

    /// What asks for as many of these keys as go into one request, and which those are.
    pub(super) fn request(
        &self,
        keys: &BTreeSet<Key>,
        classic: &BTreeSet<Key>,
        times: Times,
    ) -> (Request, BTreeSet<Key>) {
        let all = |request: Request| (request, keys.clone());
        let is_meant = |name: &TopicName| keys.contains(&Key::Name(name.0.to_string()));
        match self {
            Self::CreateTopics { topics, validate_only } => all(Request::CreateTopics(
                CreateTopicsRequest::default()
                    .with_topics(topics.iter().filter(|topic| is_meant(&topic.name)).cloned().collect())
                    .with_timeout_ms(Times::ms(times.request))
                    .with_validate_only(*validate_only),
            )),
            Self::DeleteTopics(topics) => all(Request::DeleteTopics(
                DeleteTopicsRequest::default()
                    .with_topics(
                        topics.iter().map(|name| named(name)).filter(|name| is_meant(name)).map(of_name).collect(),
                    )
                    .with_timeout_ms(Times::ms(times.request)),
            )),
            Self::CreatePartitions(topics) => all(Request::CreatePartitions(
                CreatePartitionsRequest::default()
                    .with_topics(topics.clone())
                    .with_timeout_ms(Times::ms(times.request)),
            )),
            Self::ElectLeaders(request) => all(Request::ElectLeaders(request.clone())),
            Self::DescribeTopics(_) => all(Request::DescribeTopicPartitions(
                DescribeTopicPartitionsRequest::default()
                    .with_topics(
                        keys.iter().map(|key| TopicRequest::default().with_name(named(&key.to_string()))).collect(),
                    )
                    .with_response_partition_limit(PARTITIONS_PER_RESPONSE),
            )),
            Self::DescribeCluster => all(look_up::cluster()),
            Self::DescribeFeatures => all(Request::ApiVersions(
                ApiVersionsRequest::default()
                    .with_client_software_name(StrBytes::from_static_str("apache-kafka-java"))
                    .with_client_software_version(StrBytes::from_static_str("4.3.1")),
            )),
            Self::ListGroups => all(Request::ListGroups(ListGroupsRequest::default())),
            Self::DescribeConsumerGroups(_) => describe_groups(keys, classic),
            Self::ListConsumerGroupOffsets(_) => all(list_offsets(keys)),
            Self::AlterConsumerGroupOffsets(group, offsets) => all(commit(group, offsets)),
            Self::DeleteConsumerGroupOffsets(group, partitions) => all(delete_offsets(group, partitions)),
            Self::DeleteConsumerGroups(_) => {
                all(Request::DeleteGroups(DeleteGroupsRequest::default().with_groups_names(groups(keys))))
            }
            Self::DeleteRecords(before) => all(delete_records(keys, before, times)),
            Self::ListOffsets(_) => all(list_ends(keys)),
            Self::DescribeProducers(_) => all(describe_producers(keys)),
            Self::AbortTransaction { partition, producer_id, producer_epoch, coordinator_epoch } => {
                let topic = WritableTxnMarkerTopic::default().with_name(named(&partition.0));
                // It is never that of a commit, and of no transaction version: the client does not know which.
                let marker = TxnMarker {
                    producer_id: (*producer_id).into(),
                    producer_epoch: *producer_epoch,
                    transaction_result: false,
                    topics: vec![topic.with_partition_indexes(vec![partition.1])],
                    coordinator_epoch: *coordinator_epoch,
                    transaction_version: 0,
                };
                all(Request::WriteTxnMarkers(TxnMarkersRequest { markers: vec![marker] }))
            }
            Self::ListTransactions => {
                all(Request::ListTransactions(ListTransactionsRequest::default().with_duration_filter(NONE.into())))
            }
            Self::DescribeTransactions(_) => all(Request::DescribeTransactions(
                DescribeTransactionsRequest::default().with_transactional_ids(keys.iter().map(transactional).collect()),
            )),
            Self::FenceProducers(_) => fence(keys, times),
        }
    }
}

fn named(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

fn of_name(name: TopicName) -> DeleteTopicState {
    DeleteTopicState::default().with_name(Some(name))
}

fn transactional(key: &Key) -> TransactionalId {
    TransactionalId(StrBytes::from_string(key.to_string()))
}

fn group_id(name: &str) -> GroupId {
    GroupId(StrBytes::from_string(name.to_owned()))
}

fn groups(keys: &BTreeSet<Key>) -> Vec<GroupId> {
    keys.iter().map(|key| group_id(&key.to_string())).collect()
}

/// Partitions by topic.
fn by_topic<'a>(partitions: impl Iterator<Item = &'a NamedPartition>) -> BTreeMap<&'a str, Vec<i32>> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    partitions.for_each(|(topic, partition)| topics.entry(topic).or_default().push(*partition));
    topics
}

/// Of groups it is not known by which protocol they are; those of the newer one come first
/// (`DescribeConsumerGroupsHandler`).
fn describe_groups(keys: &BTreeSet<Key>, classic: &BTreeSet<Key>) -> (Request, BTreeSet<Key>) {
    let newer: BTreeSet<Key> = keys.difference(classic).cloned().collect();
    if newer.is_empty() {
        let request = DescribeGroupsRequest::default().with_groups(groups(keys));
        return (Request::DescribeGroups(request), keys.clone());
    }
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(groups(&newer));
    (Request::ConsumerGroupDescribe(request), newer)
}

fn list_offsets(keys: &BTreeSet<Key>) -> Request {
    let of = |id: GroupId| {
        OffsetFetchRequestGroup::default()
            .with_group_id(id)
            .with_member_id(None)
            .with_member_epoch(NONE)
            .with_topics(None)
    };
    Request::OffsetFetch(OffsetFetchRequest::default().with_groups(groups(keys).into_iter().map(of).collect()))
}

/// It commits as nobody does: only for a group without members.
fn commit(group: &str, offsets: &[CommittedOffset]) -> Request {
    let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    for offset in offsets {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(offset.partition.1)
            .with_committed_offset(offset.offset)
            .with_committed_leader_epoch(offset.leader_epoch)
            .with_committed_metadata(Some(StrBytes::from_string(offset.metadata.clone())));
        topics.entry(&offset.partition.0).or_default().push(partition);
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        OffsetCommitRequestTopic::default().with_name(named(name)).with_partitions(partitions)
    });
    Request::OffsetCommit(
        OffsetCommitRequest::default()
            .with_group_id(group_id(group))
            .with_generation_id_or_member_epoch(NONE)
            .with_topics(topics.collect()),
    )
}

fn delete_offsets(group: &str, partitions: &[NamedPartition]) -> Request {
    let partition = |index: i32| OffsetDeleteRequestPartition::default().with_partition_index(index);
    let topics = by_topic(partitions.iter()).into_iter().map(|(name, indexes)| {
        let partitions = indexes.into_iter().map(partition).collect();
        OffsetDeleteRequestTopic::default().with_name(named(name)).with_partitions(partitions)
    });
    Request::OffsetDelete(OffsetDeleteRequest::default().with_group_id(group_id(group)).with_topics(topics.collect()))
}

fn delete_records(keys: &BTreeSet<Key>, before: &[(NamedPartition, i64)], times: Times) -> Request {
    let mut topics: BTreeMap<&str, Vec<DeleteRecordsPartition>> = BTreeMap::new();
    for ((topic, index), offset) in before {
        if keys.contains(&Key::Partition(topic.clone(), *index)) {
            let partition = DeleteRecordsPartition::default().with_partition_index(*index).with_offset(*offset);
            topics.entry(topic).or_default().push(partition);
        }
    }
    let topics = topics
        .into_iter()
        .map(|(name, partitions)| DeleteRecordsTopic::default().with_name(named(name)).with_partitions(partitions));
    Request::DeleteRecords(
        DeleteRecordsRequest::default().with_topics(topics.collect()).with_timeout_ms(Times::ms(times.call)),
    )
}

fn partitions(keys: &BTreeSet<Key>) -> Vec<NamedPartition> {
    let partition = |key: &Key| match key {
        Key::Partition(topic, partition) => (topic.clone(), *partition),
        Key::Cluster | Key::Broker(_) | Key::Name(_) => panic!("{key} is no partition"),
    };
    keys.iter().map(partition).collect()
}

/// The latest offsets (`ListOffsetsHandler`).
fn list_ends(keys: &BTreeSet<Key>) -> Request {
    let partition = |index: i32| {
        ListOffsetsPartition::default()
            .with_partition_index(index)
            .with_current_leader_epoch(NONE)
            .with_timestamp(NONE.into())
    };
    let topics = by_topic(partitions(keys).iter())
        .into_iter()
        .map(|(name, indexes)| {
            let partitions = indexes.into_iter().map(partition).collect();
            ListOffsetsTopic::default().with_name(named(name)).with_partitions(partitions)
        })
        .collect();
    Request::ListOffsets(ListOffsetsRequest::default().with_replica_id(NONE.into()).with_topics(topics))
}

fn describe_producers(keys: &BTreeSet<Key>) -> Request {
    let partitions = partitions(keys);
    let topics = by_topic(partitions.iter()).into_iter().map(|(name, indexes)| {
        describe_producers_request::TopicRequest::default().with_name(named(name)).with_partition_indexes(indexes)
    });
    Request::DescribeProducers(DescribeProducersRequest::default().with_topics(topics.collect()))
}

/// One at a time: it takes the transactional id as a new producer would (`FenceProducersHandler`).
fn fence(keys: &BTreeSet<Key>, times: Times) -> (Request, BTreeSet<Key>) {
    let key = keys.first().expect("nobody is asked about nothing");
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(transactional(key)))
        .with_transaction_timeout_ms(Times::ms(times.request))
        .with_producer_id(i64::from(NONE).into())
        .with_producer_epoch(NONE as i16);
    (Request::InitProducerId(request), BTreeSet::from([key.clone()]))
}
