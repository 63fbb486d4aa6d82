//! How offsets go: by OffsetDelete, with their topic, with their group, or by time (Kafka: `OffsetMetadataManager.deleteOffsets`,
//! `onPartitionsDeleted`, `deleteAllOffsets`, `cleanupExpiredOffsets`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::super::group::{Group, Groups};
use super::super::records::{Key, tombstone};
use super::super::turn::{Outcome, Turn};
use super::commit::topic_id;
use super::store::Offsets;
use crate::broker::coordinator::{CoordinatorRecord, Ticket};
use crate::note::Note;
use crate::sim::MILLISECOND;
use crate::wire::Response;

/// What a group has committed of some partitions shall go.
pub(in crate::broker::groups) fn delete(
    groups: &Groups,
    offsets: &Offsets,
    request: &OffsetDeleteRequest,
    ticket: Ticket,
    turn: &mut Turn<'_, '_>,
) -> Outcome {
    let id = &*request.group_id.0;
    let group = groups.get(id).ok_or(ResponseError::GroupIdNotFound)?;
    group.validate_offset_delete()?;
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|it| {
            let outcome = delete_one(group, offsets, (id, &topic.name.0, it.partition_index), turn);
            OffsetDeleteResponsePartition::default()
                .with_partition_index(it.partition_index)
                .with_error_code(outcome.err().map_or(0, |error| error.code()))
        });
        OffsetDeleteResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    let response = OffsetDeleteResponse::default().with_topics(topics.collect());
    turn.answer(ticket, Response::OffsetDelete(response));
    Ok(())
}

fn delete_one(
    group: &Group,
    offsets: &Offsets,
    (id, topic, partition): (&str, &str, i32),
    turn: &mut Turn<'_, '_>,
) -> Outcome {
    topic_id(topic, partition, turn.moment).ok_or(ResponseError::UnknownTopicOrPartition)?;
    if group.is_subscribed_to(topic) {
        return Err(ResponseError::GroupSubscribedToTopic);
    }
    if offsets.get(id, topic, partition).is_some() || offsets.is_pending(id, topic, partition) {
        turn.write(of_place(id, topic, partition));
    }
    Ok(())
}

fn of_place(group: &str, topic: &str, partition: i32) -> CoordinatorRecord {
    tombstone(&Key::Offset { group: group.to_owned(), topic: topic.to_owned(), partition })
}

/// All that a group has committed goes.
pub(in crate::broker::groups) fn tombstones(offsets: &Offsets, group: &str) -> Vec<CoordinatorRecord> {
    offsets.places_of(group).iter().map(|(topic, partition)| of_place(group, topic, *partition)).collect()
}

/// What was committed of topics that are gone goes.
pub(in crate::broker::groups) fn of_deleted_topics(offsets: &Offsets, topics: &[&str]) -> Vec<CoordinatorRecord> {
    let mut records = Vec::new();
    for group in offsets.groups() {
        let places = offsets.places_of(&group);
        let gone = places.iter().filter(|(topic, _)| topics.contains(&topic.as_str()));
        records.extend(gone.map(|(topic, partition)| of_place(&group, topic, *partition)));
    }
    records
}

/// Offsets that were unused for `offsets.retention.minutes` go, and groups that have neither members nor offsets any more.
pub(in crate::broker::groups) fn expire(groups: &Groups, offsets: &Offsets, turn: &mut Turn<'_, '_>) {
    for (id, group) in groups {
        if expire_of_group(id, group, offsets, turn) && group.is_empty() {
            group.tombstones().into_iter().for_each(|record| turn.write(record));
        }
    }
}

/// Whether nothing of a group is left.
fn expire_of_group(id: &str, group: &Group, offsets: &Offsets, turn: &mut Turn<'_, '_>) -> bool {
    let retention_us = turn.moment.settings.groups.offsets_retention_us;
    let retention_ms = i64::try_from(retention_us / MILLISECOND).unwrap_or(i64::MAX);
    let now_ms = turn.moment.wall_ms;
    let mut is_left = offsets.has_open_transactions(id);
    let mut expired = Vec::new();
    for (topic, partition, committed) in offsets.of_group(id) {
        let since = group.unused_since(committed).filter(|_| !group.is_subscribed_to(topic));
        let is_old = since.is_some_and(|since| now_ms.saturating_sub(since) >= retention_ms);
        if is_old && !offsets.is_pending(id, topic, partition) {
            turn.write(of_place(id, topic, partition));
            expired.push((topic.to_owned(), partition));
        } else {
            is_left = true;
        }
    }
    if !expired.is_empty() {
        let broker = turn.moment.settings.id;
        turn.effects.notes.push(Note::OffsetsExpired { broker, group: id.to_owned(), places: expired });
    }
    !is_left
}
