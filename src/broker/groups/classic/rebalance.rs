//! How a classic group comes to its next generation, and how that is handed out (Kafka: the private half of
//! `GroupMetadataManager`: `prepareRebalance`, `completeClassicGroupJoin`, `propagateAssignment` and what lies between them).

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::super::timers::{Kind, Purpose, TimerKey};
use super::super::turn::Turn;
use super::answers::{joined, members, refused_join, refused_sync, synced};
use super::group::{ClassicGroup, ClassicState};
use crate::wire::Response;

impl ClassicGroup {
    /// Something has changed: another generation, if one can begin.
    pub(super) fn rebalance_or_complete_join(&mut self, turn: &mut Turn<'_, '_>) {
        if self.can_rebalance() {
            self.prepare_rebalance(turn);
        } else {
            self.maybe_complete_join(turn);
        }
    }

    /// A group that waits for its members goes on if all are there. One that was empty waits out its delay.
    pub(super) fn maybe_complete_join(&mut self, turn: &mut Turn<'_, '_>) {
        if self.is_in(ClassicState::PreparingRebalance)
            && self.previous_state != Some(ClassicState::Empty)
            && self.has_all_joined()
        {
            self.complete_join(turn);
        }
    }

    /// Waits for all members to join (`prepareRebalance`).
    pub(in crate::broker::groups) fn prepare_rebalance(&mut self, turn: &mut Turn<'_, '_>) {
        if self.is_in(ClassicState::CompletingRebalance) {
            self.reset_assignment(ResponseError::RebalanceInProgress, turn);
        }
        self.pending_sync.clear();
        turn.cancel(&self.id, Kind::Sync);
        let is_first = self.is_in(ClassicState::Empty);
        if is_first {
            let delay_ms = turn.moment.settings.groups.initial_rebalance_delay_ms;
            let remaining_ms = (self.rebalance_timeout_ms() - delay_ms).max(0);
            let purpose = Purpose::InitialJoin { delay_ms, remaining_ms };
            turn.set_timer(self.timer(Kind::Join), delay_ms, purpose);
        }
        self.go_to(ClassicState::PreparingRebalance, turn.moment.wall_ms);
        if is_first {
            return;
        }
        if self.has_all_joined() {
            self.complete_join(turn);
        } else {
            turn.set_timer(self.timer(Kind::Join), self.rebalance_timeout_ms(), Purpose::Plain);
        }
    }

    /// The delay of a group that was empty is over. Whoever has come meanwhile lets it wait once more, as long as it may.
    pub(in crate::broker::groups) fn initial_delay_over(
        &mut self,
        delay_ms: i32,
        remaining_ms: i32,
        turn: &mut Turn<'_, '_>,
    ) {
        if !self.new_member_added || remaining_ms == 0 {
            self.complete_join(turn);
            return;
        }
        self.new_member_added = false;
        let next_ms = turn.moment.settings.groups.initial_rebalance_delay_ms.min(remaining_ms);
        let purpose = Purpose::InitialJoin { delay_ms: next_ms, remaining_ms: (remaining_ms - delay_ms).max(0) };
        turn.set_timer(self.timer(Kind::Join), next_ms, purpose);
    }

    /// Those who have joined are the next generation. Others are no members any more, unless they are static
    /// (`completeClassicGroupJoin`).
    pub(in crate::broker::groups) fn complete_join(&mut self, turn: &mut Turn<'_, '_>) {
        turn.cancel(&self.id, Kind::Join);
        let is_late = |member: &&super::member::ClassicMember| member.joining.is_none() && member.instance.is_none();
        let late: Vec<String> = self.members.values().filter(is_late).map(|member| member.id.clone()).collect();
        for id in late {
            self.remove(&id);
            turn.cancel_of(&self.id, Kind::Session, &id);
        }
        if !self.elect_joined_leader() && !self.members.is_empty() {
            // Nobody has joined, and static members are not put out: it waits once more.
            turn.set_timer(self.timer(Kind::Join), self.rebalance_timeout_ms(), Purpose::Plain);
            return;
        }
        self.begin_generation(turn.moment.wall_ms);
        if self.is_in(ClassicState::Empty) {
            turn.write(self.record(&BTreeMap::new()));
            return;
        }
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let of_leader = if self.is_leader(&id) { members(self) } else { Vec::new() };
            let response = joined(self, &id, of_leader);
            self.answer_join(&id, Response::JoinGroup(response), turn);
            self.expect_heartbeat(&id, turn);
            self.members.get_mut(&id).expect("it is one").is_new = false;
            self.pending_sync.insert(id);
        }
        let purpose = Purpose::Of(self.generation);
        turn.set_timer(self.timer(Kind::Sync), self.rebalance_timeout_ms(), purpose);
    }

    /// Members that were in the generation have not asked for their assignment in time: they are no members any more.
    pub(in crate::broker::groups) fn sync_expired(&mut self, generation: i32, turn: &mut Turn<'_, '_>) {
        let waits = self.is_in(ClassicState::CompletingRebalance) || self.is_in(ClassicState::Stable);
        if generation != self.generation || !waits || self.pending_sync.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.pending_sync) {
            self.remove(&id);
            turn.cancel_of(&self.id, Kind::Session, &id);
        }
        self.prepare_rebalance(turn);
    }

    /// A member was silent for too long, or was given an id and has not come with it.
    pub(in crate::broker::groups) fn session_expired(&mut self, id: &str, turn: &mut Turn<'_, '_>) {
        if self.pending.contains(id) {
            self.remove(id);
            if self.is_in(ClassicState::PreparingRebalance) && self.has_all_joined() {
                self.complete_join(turn);
            }
        } else if self.members.get(id).is_some_and(|member| !member.needs_no_heartbeat()) {
            self.answer_join(id, refused_join("", ResponseError::UnknownMemberId), turn);
            self.remove(id);
            match self.state {
                ClassicState::Stable | ClassicState::CompletingRebalance => self.rebalance_or_complete_join(turn),
                ClassicState::PreparingRebalance if self.has_all_joined() => self.complete_join(turn),
                // It goes on waiting for others; without members it has nobody to expire.
                ClassicState::PreparingRebalance | ClassicState::Empty => {}
            }
        }
    }

    /// The leader's word is in the log: everybody is told (`setAndPropagateAssignment`).
    pub(in crate::broker::groups) fn hand_out(
        &mut self,
        assignments: &BTreeMap<String, Bytes>,
        turn: &mut Turn<'_, '_>,
    ) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let member = self.members.get_mut(&id).expect("it is one");
            member.assignment = assignments.get(&id).cloned().unwrap_or_default();
            let response = synced(self, &self.members[&id]);
            self.answer_sync(&id, response, turn);
        }
        self.go_to(ClassicState::Stable, turn.moment.wall_ms);
    }

    /// What was assigned counts no more, and who waits for it is told why.
    pub(in crate::broker::groups) fn reset_assignment(&mut self, error: ResponseError, turn: &mut Turn<'_, '_>) {
        assert!(self.is_in(ClassicState::CompletingRebalance), "only what is not handed out is taken back");
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            self.members.get_mut(&id).expect("it is one").assignment = Bytes::new();
            self.answer_sync(&id, refused_sync(error), turn);
        }
    }

    /// Answers the JoinGroup of a member, if one waits.
    pub(super) fn answer_join(&mut self, id: &str, response: Response, turn: &mut Turn<'_, '_>) {
        if let Some(ticket) = self.members.get_mut(id).and_then(|member| member.joining.take()) {
            turn.tell(ticket, response);
        }
    }

    /// Answers the SyncGroup of a member, if one waits; from now on it has to be heard.
    pub(super) fn answer_sync(&mut self, id: &str, response: Response, turn: &mut Turn<'_, '_>) {
        if let Some(ticket) = self.members.get_mut(id).and_then(|member| member.syncing.take()) {
            turn.tell(ticket, response);
            self.expect_heartbeat(id, turn);
        }
    }

    /// A member is heard: it has its session timeout from now on.
    pub(in crate::broker::groups) fn expect_heartbeat(&self, id: &str, turn: &mut Turn<'_, '_>) {
        let timeout_ms = self.members[id].session_timeout_ms;
        turn.set_timer(TimerKey::of_member(&self.id, Kind::Session, id), timeout_ms, Purpose::Plain);
    }

    pub(super) fn timer(&self, kind: Kind) -> TimerKey {
        TimerKey::of_group(&self.id, kind)
    }
}
