//! What a classic group does that becomes a consumer group, or was one (Kafka: `convertToConsumerGroup`,
//! `ClassicGroup.fromConsumerGroup`).

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::super::turn::Turn;
use super::answers::{refused_join, refused_sync};
use super::group::{CONSUMERS, ClassicGroup, ClassicState};
use super::member::ClassicMember;
use crate::broker::coordinator::CoordinatorRecord;

impl ClassicGroup {
    /// Whoever waits is told to come again (`completeAllJoinFutures`, `completeAllSyncFutures`).
    pub(in crate::broker::groups) fn send_away(&mut self, error: ResponseError, turn: &mut Turn<'_, '_>) {
        for member in self.members.values_mut() {
            if let Some(ticket) = member.joining.take() {
                turn.tell(ticket, refused_join(&member.id, error));
            }
            if let Some(ticket) = member.syncing.take() {
                turn.tell(ticket, refused_sync(error));
            }
        }
    }

    /// A group of these members, which have what they had.
    pub(in crate::broker::groups) fn of_members(
        id: &str,
        generation: i32,
        members: Vec<ClassicMember>,
        now_ms: i64,
    ) -> Self {
        let mut group = Self {
            state: ClassicState::Stable,
            generation,
            protocol_type: Some(CONSUMERS.to_owned()),
            ..Self::empty(id, Some(now_ms))
        };
        members.into_iter().for_each(|member| group.add(member));
        group.protocol = group.select_protocol();
        group.subscribed = group.computed_topics();
        group
    }

    /// Gives each member what `assignment` says of it, by its id and its subscription.
    pub(in crate::broker::groups) fn assign(&mut self, assignment: impl Fn(&str, &[u8]) -> Bytes) {
        let protocol = self.protocol.clone();
        for member in self.members.values_mut() {
            member.assignment = assignment(&member.id, &member.metadata(protocol.as_deref()));
        }
    }

    /// Its record, with what its members have.
    pub(in crate::broker::groups) fn whole_record(&self) -> CoordinatorRecord {
        let assignments = self.members.values().map(|member| (member.id.clone(), member.assignment.clone()));
        self.record(&assignments.collect())
    }

    /// It was a consumer group until just now: its members are what its record says, and speak more than that.
    pub(in crate::broker::groups) fn downgraded(
        &mut self,
        mut protocols: BTreeMap<String, Vec<(String, Bytes)>>,
        rebalances: bool,
        turn: &mut Turn<'_, '_>,
    ) {
        for member in self.members.values_mut() {
            // Whoever has joined meanwhile has said it anew.
            if let Some(spoken) = protocols.remove(&member.id).filter(|_| member.joining.is_none()) {
                member.protocols = spoken;
            }
        }
        let ids: Vec<String> = self.members.keys().cloned().collect();
        ids.iter().for_each(|id| self.expect_heartbeat(id, turn));
        if rebalances && self.can_rebalance() {
            self.prepare_rebalance(turn);
        }
    }
}
