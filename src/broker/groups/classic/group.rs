//! A classic group: its members, its generation, its state (Kafka: `ClassicGroup`).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::super::records::{ClassicMemberValue, ClassicValue, Key, record};
use super::member::ClassicMember;
use super::subscription;
use crate::broker::coordinator::CoordinatorRecord;

/// The protocol type of consumers (`ConsumerProtocol.PROTOCOL_TYPE`).
pub(in crate::broker::groups) const CONSUMERS: &str = "consumer";

/// What a group is at (Kafka: `ClassicGroupState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) enum ClassicState {
    /// It has no members; perhaps offsets.
    Empty,
    /// It waits for all members to join.
    PreparingRebalance,
    /// It waits for its leader to say who gets what.
    CompletingRebalance,
    /// Everybody has what was said.
    Stable,
}

impl ClassicState {
    pub(in crate::broker::groups) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }

    /// Those from which a group may come to it (`validPreviousStates`).
    fn may_follow(self, former: Self) -> bool {
        match self {
            Self::Empty | Self::CompletingRebalance => former == Self::PreparingRebalance,
            Self::PreparingRebalance => former != Self::PreparingRebalance,
            Self::Stable => former == Self::CompletingRebalance,
        }
    }
}

/// One group. A group that is gone is not there; Kafka keeps it as Dead until nobody holds it any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) struct ClassicGroup {
    pub(in crate::broker::groups) id: String,
    pub(in crate::broker::groups) state: ClassicState,
    /// `None` where it has had one state only.
    pub(in crate::broker::groups) previous_state: Option<ClassicState>,
    /// When it came to its state; `None` where that is not known.
    pub(in crate::broker::groups) since_ms: Option<i64>,
    pub(in crate::broker::groups) generation: i32,
    /// `None` for a group that only holds offsets.
    pub(in crate::broker::groups) protocol_type: Option<String>,
    pub(in crate::broker::groups) protocol: Option<String>,
    pub(in crate::broker::groups) leader: Option<String>,
    pub(in crate::broker::groups) members: BTreeMap<String, ClassicMember>,
    /// Ids of static members by their instance.
    pub(in crate::broker::groups) statics: BTreeMap<String, String>,
    /// Members that were given an id and have not joined with it (KIP-394).
    pub(super) pending: BTreeSet<String>,
    /// Members that have joined the generation and have not synced.
    pub(super) pending_sync: BTreeSet<String>,
    /// Somebody has come while an empty group waits for its first members.
    pub(super) new_member_added: bool,
    /// What consumers subscribe to; `None` where it is not known.
    pub(super) subscribed: Option<BTreeSet<String>>,
}

impl ClassicGroup {
    pub(in crate::broker::groups) fn empty(id: &str, now_ms: Option<i64>) -> Self {
        Self {
            id: id.to_owned(),
            state: ClassicState::Empty,
            previous_state: None,
            since_ms: now_ms,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            new_member_added: false,
            subscribed: None,
        }
    }

    /// As its record says (`GroupMetadataManager.replay`).
    pub(in crate::broker::groups) fn of_record(id: &str, value: ClassicValue) -> Self {
        let state = if value.members.is_empty() { ClassicState::Empty } else { ClassicState::Stable };
        let mut group = Self {
            state,
            generation: value.generation,
            protocol_type: Some(value.protocol_type.clone()).filter(|it| !it.is_empty()),
            protocol: value.protocol.clone(),
            ..Self::empty(id, Some(value.since_ms).filter(|since| *since >= 0))
        };
        for it in value.members {
            group.add(ClassicMember {
                id: it.id,
                instance: it.instance,
                client_id: it.client_id,
                client_host: it.client_host,
                rebalance_timeout_ms: it.rebalance_timeout_ms,
                session_timeout_ms: it.session_timeout_ms,
                protocols: vec![(value.protocol.clone().unwrap_or_default(), it.subscription)],
                assignment: it.assignment,
                is_new: false,
                joining: None,
                syncing: None,
            });
        }
        group.leader = value.leader;
        group.subscribed = group.computed_topics();
        group
    }

    /// Its record, with these assignments.
    pub(super) fn record(&self, assignments: &BTreeMap<String, Bytes>) -> CoordinatorRecord {
        let member = |it: &ClassicMember| ClassicMemberValue {
            id: it.id.clone(),
            instance: it.instance.clone(),
            client_id: it.client_id.clone(),
            client_host: it.client_host.clone(),
            rebalance_timeout_ms: it.rebalance_timeout_ms,
            session_timeout_ms: it.session_timeout_ms,
            subscription: it.metadata(self.protocol.as_deref()),
            assignment: assignments.get(&it.id).cloned().unwrap_or_default(),
        };
        self.record_of(ClassicValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            since_ms: self.since_ms.unwrap_or(-1),
            members: self.members.values().map(member).collect(),
        })
    }

    /// The record of a group that was just made (`newEmptyGroupMetadataRecord`).
    pub(in crate::broker::groups) fn first_record(&self) -> CoordinatorRecord {
        self.record_of(ClassicValue {
            protocol_type: String::new(),
            generation: 0,
            protocol: None,
            leader: None,
            since_ms: self.since_ms.unwrap_or(-1),
            members: Vec::new(),
        })
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is made for this")]
    fn record_of(&self, value: ClassicValue) -> CoordinatorRecord {
        record(&Key::Classic { group: self.id.clone() }, value.write())
    }

    pub(in crate::broker::groups) fn is_in(&self, state: ClassicState) -> bool {
        self.state == state
    }

    pub(in crate::broker::groups) fn is_leader(&self, member: &str) -> bool {
        self.leader.as_deref() == Some(member)
    }

    pub(in crate::broker::groups) fn speaks_as_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMERS)
    }

    /// Whether a member is subscribed to a topic; of consumers that do not say, to any.
    pub(in crate::broker::groups) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscribed.as_ref().map_or(self.speaks_as_consumers(), |topics| topics.contains(topic))
    }

    pub(in crate::broker::groups) fn knows_subscriptions(&self) -> bool {
        self.subscribed.is_some()
    }

    pub(super) fn go_to(&mut self, state: ClassicState, now_ms: i64) {
        assert!(state.may_follow(self.state), "{}: {state:?} does not follow {:?}", self.id, self.state);
        self.previous_state = Some(self.state);
        self.state = state;
        self.since_ms = Some(now_ms);
    }

    pub(super) fn can_rebalance(&self) -> bool {
        ClassicState::PreparingRebalance.may_follow(self.state)
    }

    pub(super) fn add(&mut self, member: ClassicMember) {
        if let Some(instance) = &member.instance {
            let former = self.statics.insert(instance.clone(), member.id.clone());
            assert_eq!(former, None, "an instance is one member");
        }
        if self.leader.is_none() {
            self.leader = Some(member.id.clone());
        }
        self.pending.remove(&member.id);
        self.members.insert(member.id.clone(), member);
    }

    pub(super) fn remove(&mut self, id: &str) {
        if let Some(member) = self.members.remove(id)
            && let Some(instance) = member.instance
        {
            self.statics.remove(&instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending.remove(id);
        self.pending_sync.remove(id);
    }

    /// Who says that it is this member (`validateMember`).
    pub(in crate::broker::groups) fn validate_member(
        &self,
        id: &str,
        instance: Option<&str>,
    ) -> Result<(), ResponseError> {
        if let Some(instance) = instance {
            match self.statics.get(instance) {
                None => return Err(ResponseError::UnknownMemberId),
                Some(known) if known != id => return Err(ResponseError::FencedInstanceId),
                // It is itself.
                Some(_) => {}
            }
        }
        if self.members.contains_key(id) { Ok(()) } else { Err(ResponseError::UnknownMemberId) }
    }

    pub(super) fn awaiting_join(&self) -> usize {
        self.members.values().filter(|member| member.joining.is_some()).count()
    }

    pub(super) fn has_all_joined(&self) -> bool {
        self.awaiting_join() == self.members.len() && self.pending.is_empty()
    }

    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    /// Lets a member lead that has joined, where the leader has not. Whether there is one that may.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else { return false };
        if self.members.get(leader).is_some_and(|leader| leader.joining.is_some()) {
            return true;
        }
        let joined = self.members.values().find(|member| member.joining.is_some());
        let Some(joined) = joined.map(|member| member.id.clone()) else { return false };
        self.leader = Some(joined);
        true
    }

    fn supporters(&self, protocol: &str) -> usize {
        self.members.values().filter(|member| member.supports(protocol)).count()
    }

    /// Whether somebody who speaks these could be a member.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[&str]) -> bool {
        if self.is_in(ClassicState::Empty) {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.supporters(protocol) == self.members.len())
    }

    /// The protocol that most members would choose of those that all speak. Of two the one whose name comes first: Kafka
    /// takes the one that a hash map happens to give.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let any = self.members.values().next()?;
        let spoken = any.protocols.iter().map(|(name, _)| name);
        let candidates: BTreeSet<String> =
            spoken.filter(|name| self.supporters(name) == self.members.len()).cloned().collect();
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for vote in self.members.values().filter_map(|member| member.vote(&candidates)) {
            *votes.entry(vote).or_default() += 1;
        }
        let most = votes.values().max()?;
        votes.iter().find(|(_, count)| *count == most).map(|(name, _)| (*name).to_owned())
    }

    /// All topics that members subscribe to (`computeSubscribedTopics`).
    pub(super) fn computed_topics(&self) -> Option<BTreeSet<String>> {
        if !self.speaks_as_consumers() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol.as_deref()?;
        let of_member = |member: &ClassicMember| subscription::topics(&member.metadata(Some(protocol)));
        let all: Option<Vec<BTreeSet<String>>> = self.members.values().map(of_member).collect();
        all.map(|all| all.into_iter().flatten().collect())
    }

    /// Those who have joined are the next generation (`initNextGeneration`).
    pub(super) fn begin_generation(&mut self, now_ms: i64) {
        self.generation += 1;
        self.protocol = self.select_protocol();
        self.subscribed = self.computed_topics();
        let is_empty = self.members.is_empty();
        self.go_to(if is_empty { ClassicState::Empty } else { ClassicState::CompletingRebalance }, now_ms);
        self.pending_sync.clear();
    }
}
