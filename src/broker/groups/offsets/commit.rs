//! OffsetCommit and TxnOffsetCommit (Kafka: `OffsetMetadataManager.commitOffset`, `commitTransactionalOffset`,
//! `KafkaApis.handleOffsetCommitRequest`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, TopicName, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::super::classic::{ClassicState, text};
use super::super::group::{Group, Groups};
use super::super::records::{Key, OffsetValue, record};
use super::super::turn::{Outcome, Turn};
use super::fetch::name_of;
use crate::broker::coordinator::{Moment, Ticket, Transaction};
use crate::wire::Response;

/// The version of OffsetCommit that knows consumer groups.
const KIP_848: i16 = 9;
/// The version that names topics by their ids.
const TOPIC_IDS: i16 = 10;

/// A group says how far it has read. Of partitions that are not there it is told so, whatever the group is
/// (`KafkaApis.handleOffsetCommitRequest`).
pub(in crate::broker::groups) fn commit(
    groups: &Groups,
    request: &OffsetCommitRequest,
    ticket: Ticket,
    turn: &mut Turn<'_, '_>,
) {
    let (topics, mut answers) = sort_out(request, turn.moment);
    // Where nothing is left nobody asks for the group.
    let outcome = if topics.is_empty() { Ok(()) } else { validate(groups, request, &topics, turn) };
    for topic in &topics {
        for it in &topic.partitions {
            let outcome = outcome.and_then(|()| commit_one(&request.group_id.0, &topic.name.0, &Said::of(it), turn));
            add(&mut answers, topic, it.partition_index, outcome.err());
        }
    }
    for answer in &mut answers {
        // Whoever names topics by their ids is answered so.
        if !answer.topic_id.is_nil() {
            answer.name = TopicName::default();
        }
    }
    let response = Response::OffsetCommit(OffsetCommitResponse::default().with_topics(answers));
    match outcome {
        Ok(()) => turn.answer(ticket, response),
        Err(_) => turn.tell(ticket, response),
    }
}

/// What is there of it, by the names of topics, and the answers for the rest.
fn sort_out(
    request: &OffsetCommitRequest,
    moment: &Moment<'_>,
) -> (Vec<OffsetCommitRequestTopic>, Vec<OffsetCommitResponseTopic>) {
    let by_id = moment.client.version >= TOPIC_IDS;
    let (mut sound, mut answers) = (Vec::new(), Vec::new());
    for topic in &request.topics {
        let name = if by_id { name_of(topic.topic_id, moment).map(|name| TopicName(text(&name))) } else { None };
        let is_unknown = by_id && name.is_none();
        let named = topic.clone().with_name(name.unwrap_or_else(|| topic.name.clone()));
        let mut there = named.clone().with_partitions(Vec::new());
        for it in &named.partitions {
            if is_unknown {
                add(&mut answers, &named, it.partition_index, Some(ResponseError::UnknownTopicId));
            } else if topic_id(&named.name.0, it.partition_index, moment).is_none() {
                add(&mut answers, &named, it.partition_index, Some(ResponseError::UnknownTopicOrPartition));
            } else {
                there.partitions.push(it.clone());
            }
        }
        if !there.partitions.is_empty() {
            sound.push(there);
        }
    }
    (sound, answers)
}

/// Answers for one partition (`OffsetCommitResponse.Builder`): a topic stands where its first answer was.
fn add(
    answers: &mut Vec<OffsetCommitResponseTopic>,
    topic: &OffsetCommitRequestTopic,
    partition: i32,
    error: Option<ResponseError>,
) {
    let answer = OffsetCommitResponsePartition::default()
        .with_partition_index(partition)
        .with_error_code(error.map_or(0, |error| error.code()));
    match answers.iter_mut().find(|it| (&it.name, it.topic_id) == (&topic.name, topic.topic_id)) {
        Some(it) => it.partitions.push(answer),
        None => {
            let new = OffsetCommitResponseTopic::default().with_name(topic.name.clone());
            answers.push(new.with_topic_id(topic.topic_id).with_partitions(vec![answer]));
        }
    }
}

/// Whether whoever says that it is this member may commit of these partitions.
fn validate(
    groups: &Groups,
    request: &OffsetCommitRequest,
    topics: &[OffsetCommitRequestTopic],
    turn: &mut Turn<'_, '_>,
) -> Outcome {
    let (member, generation) = (&*request.member_id, request.generation_id_or_member_epoch);
    match groups.get(&*request.group_id.0) {
        Some(group) => {
            group.validate_commit(member, request.group_instance_id.as_deref(), generation, false)?;
            if turn.moment.client.version < KIP_848 && group.has_modern_member(member) {
                return Err(ResponseError::UnsupportedVersion);
            }
            for topic in topics {
                for it in &topic.partitions {
                    validate_of(group, member, generation, (&topic.name.0, it.partition_index), turn.moment)?;
                }
            }
            hear(group, member, turn);
            Ok(())
        }
        // Whoever only wants to keep offsets needs no group.
        None if generation < 0 => Ok(()),
        // Older clients do not know that one.
        None if turn.moment.client.version < KIP_848 => Err(ResponseError::IllegalGeneration),
        None => Err(ResponseError::GroupIdNotFound),
    }
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
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic.topic_id)
            .with_partitions(partitions.collect())
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
