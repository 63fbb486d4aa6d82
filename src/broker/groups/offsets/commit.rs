//! OffsetCommit and TxnOffsetCommit (Kafka: `OffsetMetadataManager.commitOffset`, `commitTransactionalOffset`,
//! `KafkaApis.handleOffsetCommitRequest`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::super::classic::ClassicState;
use super::super::group::{Group, Groups};
use super::super::records::{Key, OffsetValue, record};
use super::super::turn::{Outcome, Turn};
use crate::broker::coordinator::{Moment, Ticket, Transaction};
use crate::wire::Response;

/// The version of OffsetCommit that knows consumer groups.
const KIP_848: i16 = 9;

/// A group says how far it has read.
pub(in crate::broker::groups) fn commit(
    groups: &Groups,
    request: &OffsetCommitRequest,
    ticket: Ticket,
    turn: &mut Turn<'_, '_>,
) -> Outcome {
    let (id, member) = (&*request.group_id.0, &*request.member_id);
    match groups.get(id) {
        Some(group) => {
            let generation = request.generation_id_or_member_epoch;
            group.validate_commit(member, request.group_instance_id.as_deref(), generation, false)?;
            if turn.moment.client.version < KIP_848 && group.has_modern_member(member) {
                return Err(ResponseError::UnsupportedVersion);
            }
            for topic in &request.topics {
                for it in &topic.partitions {
                    validate_of(group, member, generation, (&topic.name.0, it.partition_index), turn.moment)?;
                }
            }
            hear(group, member, turn);
        }
        // Whoever only wants to keep offsets needs no group.
        None if request.generation_id_or_member_epoch < 0 => {}
        // Older clients do not know that one.
        None if turn.moment.client.version < KIP_848 => return Err(ResponseError::IllegalGeneration),
        None => return Err(ResponseError::GroupIdNotFound),
    }
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|it| {
            let outcome = commit_one(id, &topic.name.0, &Said::of(it), turn);
            OffsetCommitResponsePartition::default()
                .with_partition_index(it.partition_index)
                .with_error_code(outcome.err().map_or(0, |error| error.code()))
        });
        OffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    let response = OffsetCommitResponse::default().with_topics(topics.collect());
    turn.answer(ticket, Response::OffsetCommit(response));
    Ok(())
}

/// The same in a transaction: it counts once that is committed. That the transaction has this partition the coordinator of
/// transactions knows.
pub(in crate::broker::groups) fn commit_in_transaction(
    groups: &Groups,
    request: &TxnOffsetCommitRequest,
    ticket: Ticket,
    turn: &mut Turn<'_, '_>,
) -> Outcome {
    let id = &*request.group_id.0;
    match groups.get(id) {
        Some(group) => {
            let instance = request.group_instance_id.as_deref();
            let outcome = group.validate_commit(&request.member_id, instance, request.generation_id, true);
            let of_each = outcome.and_then(|()| {
                let mut all =
                    request.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |it| (topic, it)));
                all.try_for_each(|(topic, it)| {
                    let place = (&*topic.name.0, it.partition_index);
                    validate_of(group, &request.member_id, request.generation_id, place, turn.moment)
                })
            });
            // The protocol of transactions knows no epochs of members.
            of_each.map_err(|error| match error {
                ResponseError::StaleMemberEpoch => ResponseError::IllegalGeneration,
                other => other,
            })?;
        }
        // As above.
        None if request.generation_id < 0 => {}
        None => return Err(ResponseError::IllegalGeneration),
    }
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|it| {
            let said = Said {
                partition: it.partition_index,
                offset: it.committed_offset,
                leader_epoch: it.committed_leader_epoch,
                metadata: it.committed_metadata.as_ref(),
            };
            let outcome = commit_one(id, &topic.name.0, &said, turn);
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(it.partition_index)
                .with_error_code(outcome.err().map_or(0, |error| error.code()))
        });
        TxnOffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    let response = TxnOffsetCommitResponse::default().with_topics(topics.collect());
    turn.effects.transaction =
        Some(Transaction { producer_id: request.producer_id.0, producer_epoch: request.producer_epoch });
    turn.answer(ticket, Response::TxnOffsetCommit(response));
    Ok(())
}

/// Whether a member may commit of a partition that is there; of others it is told so.
fn validate_of(
    group: &Group,
    member: &str,
    generation: i32,
    (topic, partition): (&str, i32),
    moment: &Moment<'_>,
) -> Outcome {
    match topic_id(topic, partition, moment) {
        Some(id) => group.validate_commit_of(member, generation, id, partition),
        None => Ok(()),
    }
}

/// Who commits lives.
fn hear(group: &Group, member: &str, turn: &mut Turn<'_, '_>) {
    match group {
        Group::Classic(group) => {
            let has_sessions = group.is_in(ClassicState::Stable) || group.is_in(ClassicState::PreparingRebalance);
            if has_sessions && group.members.contains_key(member) {
                group.expect_heartbeat(member, turn);
            }
        }
        // It has a heartbeat of its own for that.
        Group::Consumer(_) => {}
    }
}

/// What is said of one partition.
struct Said<'a> {
    partition: i32,
    offset: i64,
    leader_epoch: i32,
    metadata: Option<&'a StrBytes>,
}

impl<'a> Said<'a> {
    fn of(it: &'a OffsetCommitRequestPartition) -> Self {
        Self {
            partition: it.partition_index,
            offset: it.committed_offset,
            leader_epoch: it.committed_leader_epoch,
            metadata: it.committed_metadata.as_ref(),
        }
    }
}

fn commit_one(group: &str, topic: &str, said: &Said<'_>, turn: &mut Turn<'_, '_>) -> Outcome {
    let topic_id = topic_id(topic, said.partition, turn.moment).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let metadata = said.metadata.map(ToString::to_string).unwrap_or_default();
    if metadata.len() > turn.moment.settings.groups.offset_metadata_max_bytes {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    let value = OffsetValue {
        offset: said.offset,
        leader_epoch: said.leader_epoch,
        metadata,
        timestamp_ms: turn.moment.wall_ms,
        topic_id,
    };
    let key = Key::Offset { group: group.to_owned(), topic: topic.to_owned(), partition: said.partition };
    turn.write(record(&key, value.write()));
    Ok(())
}

/// The id of a topic that has this partition.
pub(super) fn topic_id(topic: &str, partition: i32, moment: &Moment<'_>) -> Option<Uuid> {
    let number = moment.image.topics.named(topic)?;
    let topic = moment.image.topics.get(number)?;
    topic.partitions.get(usize::try_from(partition).ok()?)?;
    Some(topic.id)
}

/// Every partition is told why (`OffsetCommitRequest.getErrorResponse`).
pub(in crate::broker::groups) fn refuse_commit(request: &OffsetCommitRequest, error: ResponseError) -> Response {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|it| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(it.partition_index)
                .with_error_code(error.code())
        });
        OffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    Response::OffsetCommit(OffsetCommitResponse::default().with_topics(topics.collect()))
}

/// The same for a commit in a transaction.
pub(in crate::broker::groups) fn refuse_transactional_commit(
    request: &TxnOffsetCommitRequest,
    error: ResponseError,
) -> Response {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|it| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(it.partition_index)
                .with_error_code(error.code())
        });
        TxnOffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    Response::TxnOffsetCommit(TxnOffsetCommitResponse::default().with_topics(topics.collect()))
}
