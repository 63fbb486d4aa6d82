//! What an answer says of the keys of a call (Kafka: `AdminApiHandler.handleResponse`, the calls of `KafkaAdminClient`).

use std::collections::BTreeSet;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{
    ApiVersionsResponse, DescribeClusterResponse, DescribeTopicPartitionsResponse, ElectLeadersResponse,
    ListGroupsResponse, OffsetCommitResponse, OffsetDeleteResponse, OffsetFetchResponse, TopicName,
    consumer_group_describe_response, describe_groups_response,
};

use super::ask::Ask;
use super::told::{CommittedOffset, GroupDescription, Key, MemberDescription, NamedPartition, Told};
use super::verdict::Verdict;
use crate::client::retriable::is_retriable;
use crate::wire::{Response, assignment_of};

impl Ask {
    /// What an answer says of these keys. What it says nothing of is asked again.
    pub(super) fn verdicts(
        &self,
        keys: &BTreeSet<Key>,
        classic: &BTreeSet<Key>,
        answer: &Response,
    ) -> Vec<(Key, Verdict)> {
        let for_all = |verdict: Verdict| keys.iter().map(|key| (key.clone(), verdict.clone())).collect();
        match answer {
            Response::CreateTopics(response) => {
                of_topics(response.topics.iter().map(|topic| (Some(&topic.name), topic.error_code)))
            }
            Response::DeleteTopics(response) => {
                of_topics(response.responses.iter().map(|topic| (topic.name.as_ref(), topic.error_code)))
            }
            Response::CreatePartitions(response) => {
                of_topics(response.results.iter().map(|topic| (Some(&topic.name), topic.error_code)))
            }
            Response::ElectLeaders(response) => for_all(elected(response)),
            Response::DescribeTopicPartitions(response) => topics(response),
            Response::DescribeCluster(response) => for_all(nodes(response)),
            Response::ApiVersions(response) => for_all(features(response)),
            Response::ListGroups(response) => for_all(groups(response)),
            Response::ConsumerGroupDescribe(response) => {
                response.groups.iter().map(|group| (name(&group.group_id), consumer_group(group))).collect()
            }
            Response::DescribeGroups(response) => {
                assert!(keys.is_subset(classic), "only groups that are known to be classic are described so");
                response.groups.iter().map(|group| (name(&group.group_id), classic_group(group))).collect()
            }
            Response::OffsetFetch(response) => offsets(response),
            Response::OffsetCommit(response) => for_all(altered(response)),
            Response::OffsetDelete(response) => for_all(offsets_deleted(response)),
            Response::DeleteGroups(response) => {
                let verdict = |code| of_group(code, Told::Done);
                response.results.iter().map(|it| (name(&it.group_id), verdict(it.error_code))).collect()
            }
            Response::DeleteRecords(response) => {
                let of_topic = response.topics.iter().flat_map(|topic| {
                    let verdict = |code, start| match ResponseError::try_from_code(code) {
                        None => Verdict::Done(Told::LowWatermark(start)),
                        Some(error) if is_of_leaders(error) => Verdict::Unmap,
                        Some(error) if is_retriable(error) => Verdict::Retry,
                        Some(error) => Verdict::Failed(error),
                    };
                    topic.partitions.iter().map(move |it| {
                        (partition(&topic.name, it.partition_index), verdict(it.error_code, it.low_watermark))
                    })
                });
                of_topic.collect()
            }
            Response::ListOffsets(response) => {
                let of_topic = response.topics.iter().flat_map(|topic| {
                    let verdict = |code, offset| match ResponseError::try_from_code(code) {
                        None => Verdict::Done(Told::End(offset)),
                        Some(error) if is_of_leaders(error) => Verdict::Unmap,
                        Some(error) if is_retriable(error) => Verdict::Retry,
                        Some(error) => Verdict::Failed(error),
                    };
                    topic
                        .partitions
                        .iter()
                        .map(move |it| (partition(&topic.name, it.partition_index), verdict(it.error_code, it.offset)))
                });
                of_topic.collect()
            }
            Response::DescribeProducers(response) => {
                let of_topic = response.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(move |it| {
                        let verdict = match ResponseError::try_from_code(it.error_code) {
                            None => Verdict::Done(Told::Producers(it.active_producers.clone())),
                            Some(ResponseError::NotLeaderOrFollower) => Verdict::Unmap,
                            Some(ResponseError::UnknownTopicOrPartition) => Verdict::Retry,
                            Some(error) => Verdict::Failed(error),
                        };
                        (partition(&topic.name, it.partition_index), verdict)
                    })
                });
                of_topic.collect()
            }
            Response::WriteTxnMarkers(response) => {
                let markers = response.0.markers.iter().flat_map(|marker| &marker.topics);
                let of_topic = markers.flat_map(|topic| {
                    let of = |index| partition(&topic.name, index);
                    topic.partitions.iter().map(move |it| (of(it.partition_index), aborted(it.error_code)))
                });
                of_topic.collect()
            }
            Response::ListTransactions(response) => {
                for_all(of_coordinator(response.error_code, Told::Transactions(response.transaction_states.clone())))
            }
            Response::DescribeTransactions(response) => {
                let states = response.transaction_states.iter();
                let told = states.map(|state| {
                    let key = Key::Name(state.transactional_id.0.to_string());
                    (key, of_coordinator(state.error_code, Told::Transaction(state.clone())))
                });
                told.collect()
            }
            Response::InitProducerId(response) => for_all(match ResponseError::try_from_code(response.error_code) {
                // A transaction before it is at its end.
                Some(ResponseError::ConcurrentTransactions) => Verdict::Retry,
                _ => of_coordinator(response.error_code, Told::Done),
            }),
            other => panic!("{:?} was answered with {:?}", self.strategy(), other.api()),
        }
    }
}

fn name(group: &kafka_protocol::messages::GroupId) -> Key {
    Key::Name(group.0.to_string())
}

fn partition(topic: &TopicName, index: i32) -> Key {
    Key::Partition(topic.0.to_string(), index)
}

/// Where the broker found no controller the whole call is tried again (`KafkaAdminClient.handleNotControllerError`). Any
/// other error is told of its topic, though it be one that may pass.
fn of_topics<'a>(results: impl Iterator<Item = (Option<&'a TopicName>, i16)>) -> Vec<(Key, Verdict)> {
    let results: Vec<(String, i16)> =
        results.map(|(name, code)| (name.map(|name| name.0.to_string()).unwrap_or_default(), code)).collect();
    if results.iter().any(|(_, code)| *code == ResponseError::NotController.code()) {
        return Vec::new();
    }
    let verdict = |code| match ResponseError::try_from_code(code) {
        None => Verdict::Done(Told::Done),
        Some(error) => Verdict::Failed(error),
    };
    results.into_iter().map(|(name, code)| (Key::Name(name), verdict(code))).collect()
}

/// Every error is told (`KafkaAdminClient.electLeaders`).
fn elected(response: &ElectLeadersResponse) -> Verdict {
    if let Some(error) = ResponseError::try_from_code(response.error_code) {
        return Verdict::Failed(error);
    }
    let of_topics = response.replica_election_results.iter().flat_map(|topic| {
        let results = topic.partition_result.iter();
        results.map(|result| ((topic.topic.0.to_string(), result.partition_id), result.error_code))
    });
    Verdict::Done(Told::Partitions(of_topics.collect()))
}

fn topics(response: &DescribeTopicPartitionsResponse) -> Vec<(Key, Verdict)> {
    let told = response.topics.iter().map(|topic| {
        let verdict = match ResponseError::try_from_code(topic.error_code) {
            None => Verdict::Done(Told::Topic(topic.clone())),
            Some(error) => Verdict::Failed(error),
        };
        (Key::Name(topic.name.as_ref().map(|name| name.0.to_string()).unwrap_or_default()), verdict)
    });
    told.collect()
}

fn nodes(response: &DescribeClusterResponse) -> Verdict {
    match ResponseError::try_from_code(response.error_code) {
        None => Verdict::Done(Told::Nodes(response.brokers.iter().map(|broker| broker.broker_id.0).collect())),
        Some(error) => Verdict::Failed(error),
    }
}

fn features(response: &ApiVersionsResponse) -> Verdict {
    let level = |it: &kafka_protocol::messages::api_versions_response::FinalizedFeatureKey| {
        (it.name.to_string(), it.min_version_level, it.max_version_level)
    };
    match ResponseError::try_from_code(response.error_code) {
        None => Verdict::Done(Told::Features(response.finalized_features.iter().map(level).collect())),
        Some(error) => Verdict::Failed(error),
    }
}

/// A broker that reads its part of `__consumer_offsets` is asked again (`KafkaAdminClient.listGroups`).
fn groups(response: &ListGroupsResponse) -> Verdict {
    match ResponseError::try_from_code(response.error_code) {
        None => Verdict::Done(Told::Groups(response.groups.clone())),
        Some(ResponseError::CoordinatorLoadInProgress | ResponseError::CoordinatorNotAvailable) => Verdict::Retry,
        Some(error) => Verdict::Failed(error),
    }
}

/// What a coordinator says of a key of its own.
fn of_coordinator(code: i16, told: Told) -> Verdict {
    match ResponseError::try_from_code(code) {
        None => Verdict::Done(told),
        Some(ResponseError::CoordinatorLoadInProgress) => Verdict::Retry,
        Some(ResponseError::CoordinatorNotAvailable | ResponseError::NotCoordinator) => Verdict::Unmap,
        Some(error) => Verdict::Failed(error),
    }
}

/// The same of a group: while it rebalances it is asked again.
fn of_group(code: i16, told: Told) -> Verdict {
    match ResponseError::try_from_code(code) {
        Some(ResponseError::RebalanceInProgress) => Verdict::Retry,
        _ => of_coordinator(code, told),
    }
}

/// Another broker leads (`InvalidMetadataException`).
fn is_of_leaders(error: ResponseError) -> bool {
    matches!(
        error,
        ResponseError::NotLeaderOrFollower
            | ResponseError::UnknownTopicOrPartition
            | ResponseError::LeaderNotAvailable
            | ResponseError::FencedLeaderEpoch
            | ResponseError::KafkaStorageError
    )
}

/// `AbortTransactionHandler.handleError`
fn aborted(code: i16) -> Verdict {
    match ResponseError::try_from_code(code) {
        None => Verdict::Done(Told::Done),
        Some(
            ResponseError::NotLeaderOrFollower
            | ResponseError::ReplicaNotAvailable
            | ResponseError::BrokerNotAvailable
            | ResponseError::UnknownTopicOrPartition,
        ) => Verdict::Unmap,
        Some(error) => Verdict::Failed(error),
    }
}

fn consumer_group(group: &consumer_group_describe_response::DescribedGroup) -> Verdict {
    if let Some(ResponseError::GroupIdNotFound | ResponseError::UnsupportedVersion) =
        ResponseError::try_from_code(group.error_code)
    {
        return Verdict::IsClassic;
    }
    let members = group.members.iter().map(|member| {
        let topics = member.assignment.topic_partitions.iter();
        let assignment = topics.flat_map(|it| it.partitions.iter().map(|index| (it.topic_name.0.to_string(), *index)));
        MemberDescription {
            member_id: member.member_id.to_string(),
            instance_id: member.instance_id.as_ref().map(|id| id.to_string()),
            client_id: member.client_id.to_string(),
            host: member.client_host.to_string(),
            assignment: assignment.collect(),
        }
    });
    let description = GroupDescription {
        is_consumer: true,
        state: group.group_state.to_string(),
        assignor: group.assignor_name.to_string(),
        members: members.collect(),
        epochs: Some((group.group_epoch, group.assignment_epoch)),
    };
    of_group(group.error_code, Told::Group(description))
}

fn classic_group(group: &describe_groups_response::DescribedGroup) -> Verdict {
    let members = group.members.iter().map(|member| MemberDescription {
        member_id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_ref().map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: assignment_of(&member.member_assignment).unwrap_or_default(),
    });
    let description = GroupDescription {
        is_consumer: false,
        state: group.group_state.to_string(),
        assignor: group.protocol_data.to_string(),
        members: members.collect(),
        epochs: None,
    };
    of_group(group.error_code, Told::Group(description))
}

/// Partitions with an error, and those without an offset, are left out (`ListConsumerGroupOffsetsHandler`).
fn offsets(response: &OffsetFetchResponse) -> Vec<(Key, Verdict)> {
    let told = response.groups.iter().map(|group| {
        let committed = group.topics.iter().flat_map(|topic| {
            let stands = topic.partitions.iter().filter(|it| it.error_code == 0 && it.committed_offset >= 0);
            stands.map(|it| CommittedOffset {
                partition: (topic.name.0.to_string(), it.partition_index),
                offset: it.committed_offset,
                leader_epoch: it.committed_leader_epoch,
                metadata: it.metadata.as_ref().map(|text| text.to_string()).unwrap_or_default(),
            })
        });
        (name(&group.group_id), of_coordinator(group.error_code, Told::Offsets(committed.collect())))
    });
    told.collect()
}

/// Errors of the group stand at each partition; those of partitions are told (`AlterConsumerGroupOffsetsHandler`).
fn altered(response: &OffsetCommitResponse) -> Verdict {
    let results: Vec<(NamedPartition, i16)> = response
        .topics
        .iter()
        .flat_map(|topic| {
            topic.partitions.iter().map(|it| ((topic.name.0.to_string(), it.partition_index), it.error_code))
        })
        .collect();
    for (_, code) in &results {
        match of_group(*code, Told::Done) {
            verdict @ (Verdict::Retry | Verdict::Unmap) => return verdict,
            // It is told of its partition.
            Verdict::Done(_) | Verdict::Failed(_) => {}
            Verdict::IsClassic | Verdict::ServedBy(_) | Verdict::IsAll => unreachable!("no coordinator says so"),
        }
    }
    Verdict::Done(Told::Partitions(results))
}

fn offsets_deleted(response: &OffsetDeleteResponse) -> Verdict {
    let results = response.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|it| ((topic.name.0.to_string(), it.partition_index), it.error_code))
    });
    of_coordinator(response.error_code, Told::Partitions(results.collect()))
}
