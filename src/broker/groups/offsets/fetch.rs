//! OffsetFetch of one group (Kafka: `OffsetMetadataManager.fetchOffsets`, `fetchAllOffsets`).

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchResponse, TopicName};
use uuid::Uuid;

use super::super::classic::text;
use super::super::group::Groups;
use super::store::Offsets;
use crate::broker::coordinator::Moment;
use crate::wire::Response;

/// The version of OffsetFetch that names topics by their ids.
const TOPIC_IDS: i16 = 10;

/// What a group has committed. With `require_stable`, what a transaction may yet change is refused (KIP-447).
pub(in crate::broker::groups) fn fetch(
    groups: &Groups,
    offsets: &Offsets,
    request: &OffsetFetchRequestGroup,
    require_stable: bool,
    moment: &Moment<'_>,
) -> Response {
    let group = groups.get(&*request.group_id.0);
    let outcome = group.map(|group| group.validate_fetch(request.member_id.as_deref(), request.member_epoch));
    if let Some(Err(error)) = outcome {
        return refuse_fetch(request, error);
    }
    let id = &*request.group_id.0;
    // A group that is not there has committed nothing.
    let stored = if group.is_some() { Some(offsets) } else { None };
    let by_id = moment.client.version >= TOPIC_IDS;
    let topics = match &request.topics {
        None => all(id, stored, by_id, moment),
        Some(topics) => topics.clone(),
    };
    let topics = topics.into_iter().map(|topic| {
        let name = if by_id { name_of(topic.topic_id, moment) } else { Some(topic.name.0.to_string()) };
        let partitions = topic.partition_indexes.iter().map(|partition| match &name {
            Some(name) => of_partition(stored, id, name, *partition, require_stable),
            None => nothing_of(*partition).with_error_code(ResponseError::UnknownTopicId.code()),
        });
        OffsetFetchResponseTopics::default()
            .with_partitions(partitions.collect())
            .with_name(topic.name)
            .with_topic_id(topic.topic_id)
    });
    let group = OffsetFetchResponseGroup::default().with_group_id(request.group_id.clone());
    of_group(group.with_topics(topics.collect()))
}

/// The name of a topic that is there.
pub(super) fn name_of(id: Uuid, moment: &Moment<'_>) -> Option<String> {
    let topics = &moment.image.topics;
    topics.with_id(id).map(|number| topics.name_of(number).to_owned())
}

/// All partitions of which a group has committed an offset, topic by topic. Whoever names topics by their ids is not told of those
/// that are gone.
fn all(group: &str, offsets: Option<&Offsets>, by_id: bool, moment: &Moment<'_>) -> Vec<OffsetFetchRequestTopics> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition, _) in offsets.into_iter().flat_map(|offsets| offsets.of_group(group)) {
        topics.entry(topic).or_default().push(partition);
    }
    let named = topics.into_iter().filter_map(|(topic, partitions)| {
        let asked = OffsetFetchRequestTopics::default().with_partition_indexes(partitions);
        if !by_id {
            return Some(asked.with_name(TopicName(text(topic))));
        }
        Some(asked.with_topic_id(moment.image.topics.id_of(moment.image.topics.named(topic)?)))
    });
    named.collect()
}

fn of_partition(
    offsets: Option<&Offsets>,
    group: &str,
    topic: &str,
    partition: i32,
    require_stable: bool,
) -> OffsetFetchResponsePartitions {
    if require_stable && offsets.is_some_and(|offsets| offsets.is_pending(group, topic, partition)) {
        return nothing_of(partition).with_error_code(ResponseError::UnstableOffsetCommit.code());
    }
    match offsets.and_then(|offsets| offsets.get(group, topic, partition)) {
        None => nothing_of(partition),
        Some(committed) => nothing_of(partition)
            .with_committed_offset(committed.value.offset)
            .with_committed_leader_epoch(committed.value.leader_epoch)
            .with_metadata(Some(text(&committed.value.metadata))),
    }
}

/// Nothing is committed of it.
fn nothing_of(partition: i32) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions::default()
        .with_partition_index(partition)
        .with_committed_offset(-1)
        .with_committed_leader_epoch(-1)
        .with_metadata(Some(text("")))
}

/// The whole group is told why.
pub(in crate::broker::groups) fn refuse_fetch(request: &OffsetFetchRequestGroup, error: ResponseError) -> Response {
    let group = OffsetFetchResponseGroup::default().with_group_id(request.group_id.clone());
    of_group(group.with_error_code(error.code()))
}

fn of_group(group: OffsetFetchResponseGroup) -> Response {
    Response::OffsetFetch(OffsetFetchResponse::default().with_groups(vec![group]))
}
