//! What members of a classic group ask of it: SyncGroup, Heartbeat, LeaveGroup (Kafka: `classicGroupSyncToClassicGroup`,
//! `classicGroupHeartbeatToClassicGroup`, `classicGroupLeaveToClassicGroup`).

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest,
};

use super::super::timers::Kind;
use super::super::turn::{Outcome, Then, Turn};
use super::answers::{refused_join, refused_sync, synced};
use super::group::{ClassicGroup, ClassicState};
use crate::broker::coordinator::Ticket;
use crate::wire::Response;

impl ClassicGroup {
    pub(in crate::broker::groups) fn sync(
        &mut self,
        request: &SyncGroupRequest,
        ticket: Ticket,
        turn: &mut Turn<'_, '_>,
    ) {
        if let Err(error) = self.validate_sync(request) {
            turn.tell(ticket, refused_sync(error));
            return;
        }
        let id = &*request.member_id;
        match self.state {
            ClassicState::PreparingRebalance => {
                turn.tell(ticket, refused_sync(ResponseError::RebalanceInProgress));
            }
            ClassicState::CompletingRebalance => {
                self.members.get_mut(id).expect("it was validated").syncing = Some(ticket);
                self.has_synced(id, turn);
                if self.is_leader(id) {
                    let said = request.assignments.iter();
                    let said = said.map(|it| (it.member_id.to_string(), it.assignment.clone()));
                    let assignments: BTreeMap<String, Bytes> = said.collect();
                    turn.write(self.record(&assignments));
                    let (group, generation) = (self.id.clone(), self.generation);
                    turn.then(Then::Assign { group, generation, assignments });
                }
            }
            ClassicState::Stable => {
                self.has_synced(id, turn);
                turn.tell(ticket, synced(self, &self.members[id]));
            }
            ClassicState::Empty => unreachable!("an empty group has no member that could sync"),
        }
    }

    /// A member has asked for its assignment; once all have, nobody is waited for.
    fn has_synced(&mut self, id: &str, turn: &mut Turn<'_, '_>) {
        self.pending_sync.remove(id);
        if self.pending_sync.is_empty() {
            turn.cancel(&self.id, Kind::Sync);
        }
    }

    fn validate_sync(&self, request: &SyncGroupRequest) -> Outcome {
        self.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        // Older clients do not say it.
        let differs = |said: Option<&str>, known: Option<&str>| said.is_some() && known.is_some() && said != known;
        if differs(request.protocol_type.as_deref(), self.protocol_type.as_deref())
            || differs(request.protocol_name.as_deref(), self.protocol.as_deref())
        {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        Ok(())
    }

    /// The leader's word is in the log, or is not.
    pub(in crate::broker::groups) fn assigned(
        &mut self,
        generation: i32,
        assignments: &BTreeMap<String, Bytes>,
        outcome: Outcome,
        turn: &mut Turn<'_, '_>,
    ) {
        // Another generation has begun: its leader says who gets what.
        if !self.is_in(ClassicState::CompletingRebalance) || generation != self.generation {
            return;
        }
        match outcome {
            Ok(()) => self.hand_out(assignments, turn),
            Err(error) => {
                self.reset_assignment(error, turn);
                self.rebalance_or_complete_join(turn);
            }
        }
    }

    pub(in crate::broker::groups) fn heartbeat(
        &self,
        request: &HeartbeatRequest,
        ticket: Ticket,
        turn: &mut Turn<'_, '_>,
    ) -> Outcome {
        let id = &*request.member_id;
        self.validate_member(id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        self.expect_heartbeat(id, turn);
        let is_rebalancing = self.is_in(ClassicState::PreparingRebalance);
        let error = if is_rebalancing { ResponseError::RebalanceInProgress.code() } else { 0 };
        turn.answer(ticket, Response::Heartbeat(HeartbeatResponse::default().with_error_code(error)));
        Ok(())
    }

    pub(in crate::broker::groups) fn leave(
        &mut self,
        request: &LeaveGroupRequest,
        ticket: Ticket,
        turn: &mut Turn<'_, '_>,
    ) {
        let mut answers = Vec::new();
        for member in &request.members {
            let answer = MemberResponse::default()
                .with_member_id(member.member_id.clone())
                .with_group_instance_id(member.group_instance_id.clone());
            let error = self.leave_one(member, turn).err().map_or(0, |error| error.code());
            answers.push(answer.with_error_code(error));
        }
        if answers.iter().any(|answer| answer.error_code == 0) {
            match self.state {
                ClassicState::Stable | ClassicState::CompletingRebalance => self.rebalance_or_complete_join(turn),
                ClassicState::PreparingRebalance => self.maybe_complete_join(turn),
                // Nobody is left whom it would matter to.
                ClassicState::Empty => {}
            }
        }
        turn.answer(ticket, Response::LeaveGroup(LeaveGroupResponse::default().with_members(answers)));
    }

    fn leave_one(&mut self, member: &MemberIdentity, turn: &mut Turn<'_, '_>) -> Outcome {
        let (id, instance) = (&*member.member_id, member.group_instance_id.as_deref());
        if id.is_empty() {
            // An administrator names a static member by its instance.
            let known = instance.and_then(|instance| self.statics.get(instance)).cloned();
            self.put_out(&known.ok_or(ResponseError::UnknownMemberId)?, turn);
        } else if self.pending.contains(id) {
            self.remove(id);
            turn.cancel_of(&self.id, Kind::Session, id);
        } else {
            self.validate_member(id, instance)?;
            self.put_out(id, turn);
        }
        Ok(())
    }

    fn put_out(&mut self, id: &str, turn: &mut Turn<'_, '_>) {
        turn.cancel_of(&self.id, Kind::Session, id);
        self.answer_join(id, refused_join("", ResponseError::UnknownMemberId), turn);
        self.remove(id);
    }
}
