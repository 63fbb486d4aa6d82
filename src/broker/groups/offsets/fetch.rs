//! OffsetFetch of one group (Kafka: `OffsetMetadataManager.fetchOffsets`, `fetchAllOffsets`).

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchResponse, TopicName};

use super::super::classic::text;
use super::super::group::Groups;
use super::store::Offsets;
use crate::wire::Response;

/// What a group has committed. With `require_stable`, what a transaction may yet change is refused (KIP-447).
pub(in crate::broker::groups) fn fetch(
    groups: &Groups,
    offsets: &Offsets,
    request: &OffsetFetchRequestGroup,
    require_stable: bool,
) -> Response {
    let group = groups.get(&*request.group_id.0);
    let outcome = group.map(|group| group.validate_fetch(request.member_id.as_deref(), request.member_epoch));
    if let Some(Err(error)) = outcome {
        return refuse_fetch(request, error);
    }
    let id = &*request.group_id.0;
    // A group that is not there has committed nothing.
    let stored = if group.is_some() { Some(offsets) } else { None };
    let topics = match &request.topics {
        None => all(id, stored),
        Some(topics) => topics.iter().map(|it| (it.name.clone(), it.partition_indexes.clone())).collect(),
    };
    let topics = topics.into_iter().map(|(name, partitions)| {
        let partitions =
            partitions.into_iter().map(|partition| of_partition(stored, id, &name.0, partition, require_stable));
        OffsetFetchResponseTopics::default().with_partitions(partitions.collect()).with_name(name.clone())
    });
    let group = OffsetFetchResponseGroup::default().with_group_id(request.group_id.clone());
    of_group(group.with_topics(topics.collect()))
}

/// All partitions of which a group has committed an offset, topic by topic.
fn all(group: &str, offsets: Option<&Offsets>) -> Vec<(TopicName, Vec<i32>)> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition, _) in offsets.into_iter().flat_map(|offsets| offsets.of_group(group)) {
        topics.entry(topic).or_default().push(partition);
    }
    topics.into_iter().map(|(topic, partitions)| (TopicName(text(topic)), partitions)).collect()
}

fn of_partition(
    offsets: Option<&Offsets>,
    group: &str,
    topic: &str,
    partition: i32,
    require_stable: bool,
) -> OffsetFetchResponsePartitions {
    let answer = OffsetFetchResponsePartitions::default().with_partition_index(partition).with_metadata(Some(text("")));
    let nothing = || answer.clone().with_committed_offset(-1).with_committed_leader_epoch(-1);
    if require_stable && offsets.is_some_and(|offsets| offsets.is_pending(group, topic, partition)) {
        return nothing().with_error_code(ResponseError::UnstableOffsetCommit.code());
    }
    match offsets.and_then(|offsets| offsets.get(group, topic, partition)) {
        None => nothing(),
        Some(committed) => answer
            .with_committed_offset(committed.value.offset)
            .with_committed_leader_epoch(committed.value.leader_epoch)
            .with_metadata(Some(text(&committed.value.metadata))),
    }
}

/// The whole group is told why.
pub(in crate::broker::groups) fn refuse_fetch(request: &OffsetFetchRequestGroup, error: ResponseError) -> Response {
    let group = OffsetFetchResponseGroup::default().with_group_id(request.group_id.clone());
    of_group(group.with_error_code(error.code()))
}

fn of_group(group: OffsetFetchResponseGroup) -> Response {
    Response::OffsetFetch(OffsetFetchResponse::default().with_groups(vec![group]))
}
