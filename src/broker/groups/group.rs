//! A group, whichever protocol its members speak (Kafka: `Group`).

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use uuid::Uuid;

use super::classic::{CONSUMERS, ClassicGroup, ClassicState};
use super::consumer::ConsumerGroup;
use super::offsets::Committed;
use super::records::{Key, tombstone};
use super::turn::Outcome;
use crate::broker::coordinator::CoordinatorRecord;

/// One group.
#[derive(Clone, Debug)]
pub(super) enum Group {
    Classic(Arc<ClassicGroup>),
    Consumer(Arc<ConsumerGroup>),
}

/// The groups of a shard, by id.
pub(super) type Groups = BTreeMap<String, Group>;

impl Group {
    /// `Group.GroupType`.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Classic(_) => "classic",
            Self::Consumer(_) => "consumer",
        }
    }

    pub(super) fn state_name(&self) -> &'static str {
        match self {
            Self::Classic(group) => group.state.name(),
            Self::Consumer(group) => group.state_name(),
        }
    }

    pub(super) fn protocol_type(&self) -> &str {
        match self {
            Self::Classic(group) => group.protocol_type.as_deref().unwrap_or_default(),
            Self::Consumer(_) => CONSUMERS,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Classic(group) => group.is_in(ClassicState::Empty),
            Self::Consumer(group) => group.members.is_empty(),
        }
    }

    /// Whether a member is subscribed to a topic.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        match self {
            Self::Classic(group) => group.is_subscribed_to(topic),
            Self::Consumer(group) => group.is_subscribed_to(topic),
        }
    }

    /// Whether whoever says that it is this member of this generation may commit.
    pub(super) fn validate_commit(
        &self,
        member: &str,
        instance: Option<&str>,
        generation: i32,
        is_transactional: bool,
    ) -> Outcome {
        match self {
            Self::Classic(group) => validate_classic_commit(group, member, instance, generation, is_transactional),
            Self::Consumer(group) => validate_consumer_commit(group, member, instance, generation, is_transactional),
        }
    }

    /// Whether there is such a member, and it does not speak the classic protocol.
    pub(super) fn has_modern_member(&self, member: &str) -> bool {
        match self {
            Self::Classic(_) => false,
            Self::Consumer(group) => group.members.get(member).is_some_and(|member| !member.is_classic()),
        }
    }

    /// Whether a member may commit of a partition in this epoch: in an older one than its own if it has had the partition
    /// since then (KIP-1251).
    pub(super) fn validate_commit_of(&self, member: &str, epoch: i32, topic: Uuid, partition: i32) -> Outcome {
        match self {
            // Its generation was looked at.
            Self::Classic(_) => Ok(()),
            Self::Consumer(group) => match group.members.get(member) {
                // A member of the classic protocol commits in its generation.
                Some(member) if epoch < member.epoch && !member.is_classic() => {
                    match member.assignment_epoch(topic, partition) {
                        Some(since) if epoch >= since => Ok(()),
                        Some(_) | None => Err(ResponseError::StaleMemberEpoch),
                    }
                }
                // It is not older, or is not a member's.
                Some(_) | None => Ok(()),
            },
        }
    }

    /// Whether whoever says that it is this member may be told what is committed.
    pub(super) fn validate_fetch(&self, member: Option<&str>, epoch: i32) -> Outcome {
        match self {
            // Anybody may.
            Self::Classic(_) => Ok(()),
            Self::Consumer(_) if member.is_none() && epoch < 0 => Ok(()),
            Self::Consumer(group) => {
                let member = group.members.get(member.unwrap_or_default()).ok_or(ResponseError::UnknownMemberId)?;
                if member.epoch == epoch { Ok(()) } else { Err(member.of_another_epoch()) }
            }
        }
    }

    /// Whether what it has committed may be deleted; that of topics that it is subscribed to is refused one by one.
    pub(super) fn validate_offset_delete(&self) -> Outcome {
        match self {
            Self::Classic(group) => match group.state {
                ClassicState::Empty => Ok(()),
                ClassicState::Stable | ClassicState::PreparingRebalance | ClassicState::CompletingRebalance => {
                    if group.speaks_as_consumers() { Ok(()) } else { Err(ResponseError::NonEmptyGroup) }
                }
            },
            // Topics that it subscribes to are refused one by one.
            Self::Consumer(_) => Ok(()),
        }
    }

    /// Whether it may be deleted.
    pub(super) fn validate_delete(&self) -> Outcome {
        if self.is_empty() { Ok(()) } else { Err(ResponseError::NonEmptyGroup) }
    }

    /// What takes it out of the log (`createGroupTombstoneRecords`).
    pub(super) fn tombstones(&self) -> Vec<CoordinatorRecord> {
        match self {
            Self::Classic(group) => vec![tombstone(&Key::Classic { group: group.id.clone() })],
            Self::Consumer(group) => group.tombstones(),
        }
    }

    /// Since when an offset of it counts as unused; `None` where it is used (KIP-211, `offsetExpirationCondition`).
    pub(super) fn unused_since(&self, offset: &Committed) -> Option<i64> {
        let committed = offset.value.timestamp_ms;
        match self {
            Self::Consumer(_) => Some(committed),
            Self::Classic(group) => {
                if group.protocol_type.is_none() {
                    // Nobody is a member, ever: what is committed is all that is heard.
                    return Some(committed);
                }
                match group.state {
                    ClassicState::Empty => Some(group.since_ms.unwrap_or(committed)),
                    ClassicState::Stable if group.speaks_as_consumers() && group.knows_subscriptions() => {
                        Some(committed)
                    }
                    ClassicState::Stable | ClassicState::PreparingRebalance | ClassicState::CompletingRebalance => None,
                }
            }
        }
    }
}

/// `ConsumerGroup.validateOffsetCommit`. Of an older epoch the partitions decide: [`Group::validate_commit_of`].
fn validate_consumer_commit(
    group: &ConsumerGroup,
    member: &str,
    instance: Option<&str>,
    epoch: i32,
    is_transactional: bool,
) -> Outcome {
    // Whoever is no member may commit as long as there is none; a producer that does not say for whom it commits always.
    let says_nothing = epoch == -1 && member.is_empty() && instance.is_none();
    if epoch < 0 && group.members.is_empty() || is_transactional && says_nothing {
        return Ok(());
    }
    let member = group.members.get(member).ok_or(ResponseError::UnknownMemberId)?;
    if member.is_classic() {
        return if epoch == member.epoch { Ok(()) } else { Err(ResponseError::IllegalGeneration) };
    }
    if epoch > member.epoch { Err(ResponseError::StaleMemberEpoch) } else { Ok(()) }
}

/// `ClassicGroup.validateOffsetCommit`.
fn validate_classic_commit(
    group: &ClassicGroup,
    member: &str,
    instance: Option<&str>,
    generation: i32,
    is_transactional: bool,
) -> Outcome {
    let is_empty = group.is_in(ClassicState::Empty);
    // Whoever is no member may commit as long as there is none.
    if generation < 0 && is_empty {
        return Ok(());
    }
    if generation >= 0 || !member.is_empty() || instance.is_some() {
        group.validate_member(member, instance)?;
        if generation != group.generation {
            return Err(ResponseError::IllegalGeneration);
        }
    } else if !is_transactional && !is_empty {
        return Err(ResponseError::UnknownMemberId);
    }
    // It may come to have the partition no more.
    if !is_transactional && group.is_in(ClassicState::CompletingRebalance) {
        return Err(ResponseError::RebalanceInProgress);
    }
    Ok(())
}
