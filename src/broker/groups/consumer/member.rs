//! A member of a consumer group (Kafka: `ConsumerGroupMember`, `MemberState`).

use kafka_protocol::ResponseError;
use uuid::Uuid;

use super::super::records::{CurrentValue, MemberValue, OwnedPartitions};

/// What a member is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) enum MemberState {
    /// It has what it shall have in its epoch.
    Stable,
    /// It has to give up partitions first.
    Unrevoked,
    /// It waits for partitions that others have.
    Unreleased,
    /// A state of a later version: it has to join again.
    Unknown,
}

impl MemberState {
    fn number(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::Unrevoked => 1,
            Self::Unreleased => 2,
            Self::Unknown => 127,
        }
    }

    fn numbered(number: i8) -> Self {
        [Self::Stable, Self::Unrevoked, Self::Unreleased]
            .into_iter()
            .find(|state| state.number() == number)
            .unwrap_or(Self::Unknown)
    }
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) struct ConsumerMember {
    pub(in crate::broker::groups) id: String,
    /// What it has said of itself.
    pub(in crate::broker::groups) said: MemberValue,
    pub(in crate::broker::groups) epoch: i32,
    pub(in crate::broker::groups) previous_epoch: i32,
    pub(in crate::broker::groups) state: MemberState,
    pub(in crate::broker::groups) assigned: OwnedPartitions,
    pub(in crate::broker::groups) pending_revocation: OwnedPartitions,
}

impl ConsumerMember {
    pub(super) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            said: MemberValue { regex: Some(String::new()), rebalance_timeout_ms: -1, ..MemberValue::default() },
            epoch: 0,
            previous_epoch: 0,
            state: MemberState::Stable,
            assigned: OwnedPartitions::new(),
            pending_revocation: OwnedPartitions::new(),
        }
    }

    /// Whether it speaks the classic protocol.
    pub(in crate::broker::groups) fn is_classic(&self) -> bool {
        self.said.classic.is_some()
    }

    /// The regular expression by which it subscribes, if it does.
    pub(super) fn regex(&self) -> Option<&str> {
        self.said.regex.as_deref().filter(|regex| !regex.is_empty())
    }

    /// What it is told where it asks in another epoch than its own (`validateMemberEpoch`).
    pub(in crate::broker::groups) fn of_another_epoch(&self) -> ResponseError {
        if self.is_classic() { ResponseError::IllegalGeneration } else { ResponseError::StaleMemberEpoch }
    }

    /// Its record.
    pub(super) fn current(&self) -> CurrentValue {
        CurrentValue {
            epoch: self.epoch,
            previous_epoch: self.previous_epoch,
            state: self.state.number(),
            assigned: self.assigned.clone(),
            pending_revocation: self.pending_revocation.clone(),
        }
    }

    /// As its record says.
    pub(super) fn take(&mut self, value: CurrentValue) {
        self.epoch = value.epoch;
        self.previous_epoch = value.previous_epoch;
        self.state = MemberState::numbered(value.state);
        self.assigned = value.assigned;
        self.pending_revocation = value.pending_revocation;
    }

    /// Goes to an epoch (`updateMemberEpoch`).
    pub(super) fn at_epoch(mut self, epoch: i32) -> Self {
        self.previous_epoch = std::mem::replace(&mut self.epoch, epoch);
        self
    }

    pub(super) fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// The epoch at which it was given a partition that it has, or has to give up.
    pub(in crate::broker::groups) fn assignment_epoch(&self, topic: Uuid, partition: i32) -> Option<i32> {
        let of = |all: &OwnedPartitions| all.get(&topic)?.get(&partition).copied();
        of(&self.assigned).or_else(|| of(&self.pending_revocation))
    }
}

/// Whether they are one member, or one instance.
pub(super) fn is_the_same(one: &ConsumerMember, other: &ConsumerMember) -> bool {
    one.id == other.id || one.said.instance.is_some() && one.said.instance == other.said.instance
}
