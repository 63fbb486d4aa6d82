//! Members of a consumer group that speak the classic protocol: their JoinGroup, SyncGroup, Heartbeat and LeaveGroup are
//! answered from what the coordinator has assigned (Kafka: `GroupMetadataManager.classicGroupJoinToConsumerGroup` and its kin).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest, SyncGroupResponse,
};

use super::super::classic::{CONSUMERS, refused_join, text};
use super::super::records::{ClassicSaid, EpochValue, record};
use super::super::timers::{Kind, Purpose, TimerKey};
use super::super::turn::{Outcome, Turn};
use super::super::versions;
use super::group::{ConsumerGroup, metadata_hash};
use super::member::{ConsumerMember, MemberState};
use super::names::{by_id, named, sorted};
use super::target::next_target;
use crate::broker::coordinator::Ticket;
use crate::log::partition_metadata::uuid_text;
use crate::wire::{Response, Subscription, assignment_of_version, version_of};

impl ConsumerGroup {
    /// A member joins, or takes its next step: what others do with a heartbeat. It waits for nobody.
    pub(in crate::broker::groups) fn join_classic(
        &self,
        request: &JoinGroupRequest,
        ticket: Ticket,
        turn: &mut Turn<'_, '_>,
    ) -> Outcome {
        let is_unknown = request.member_id.is_empty();
        let id = if is_unknown { uuid_text(turn.uuid()) } else { request.member_id.to_string() };
        self.validate_size(&id, turn).map_err(|refused| refused.error)?;
        if !self.supports(request) {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        let instance = request.group_instance_id.as_deref();
        if is_unknown && instance.is_none() && turn.moment.client.version >= versions::JOIN_WITH_ID {
            turn.tell(ticket, refused_join(&id, ResponseError::MemberIdRequired));
            return Ok(());
        }
        // `deserializeSubscription`: what is malformed is a fault of the coordinator's in Kafka.
        let subscription = Subscription::of(&request.protocols[0].metadata).ok_or(ResponseError::UnknownServerError)?;
        let replaced = instance.and_then(|instance| self.static_member(instance)).map(|member| member.id.clone());
        let former = self.classic_member(&id, instance, is_unknown, turn)?;
        let member = said(&former, request, &subscription, turn);
        let has_subscription_changed = self.write_said(&former, &member, turn);
        let epoch = self.write_epoch(&member, has_subscription_changed, turn);
        let (target_epoch, target) = next_target(self, epoch, &member, turn);
        let owned = by_id(&subscription.owned, turn.moment.image);
        let member = self.step(&member, (target_epoch, &target), has_subscription_changed, Some(&owned), turn);
        let member = member.map_err(|refused| refused.error)?;
        turn.cancel_of(&self.id, Kind::Join, &id);
        match replaced.filter(|replaced| self.may_downgrade(replaced, self.members.len(), turn)) {
            Some(replaced) => self.downgrade(&replaced, Some(&member), turn),
            None => {
                self.expect_heartbeat(&member, turn);
                let key = TimerKey::of_member(&self.id, Kind::Sync, &id);
                turn.set_timer(key, request.rebalance_timeout_ms, Purpose::Plain);
            }
        }
        let response = JoinGroupResponse::default()
            .with_member_id(text(&id))
            .with_generation_id(member.epoch)
            .with_protocol_type(Some(text(CONSUMERS)))
            .with_protocol_name(Some(request.protocols[0].name.clone()));
        turn.answer(ticket, Response::JoinGroup(response));
        Ok(())
    }

    /// Whether all members of the classic protocol speak one of these (`supportsClassicProtocols`).
    fn supports(&self, request: &JoinGroupRequest) -> bool {
        let speaks = |member: &ConsumerMember, name: &str| {
            member.said.classic.as_ref().is_none_or(|said| said.protocols.iter().any(|(spoken, _)| spoken == name))
        };
        let is_spoken = |name: &str| self.members.values().all(|member| speaks(member, name));
        *request.protocol_type == *CONSUMERS && request.protocols.iter().any(|it| is_spoken(&it.name))
    }

    /// The member as it was before; a new one where it joins.
    fn classic_member(
        &self,
        id: &str,
        instance: Option<&str>,
        is_unknown: bool,
        turn: &mut Turn<'_, '_>,
    ) -> Outcome<ConsumerMember> {
        let known = || self.members.get(id).cloned().unwrap_or_else(|| ConsumerMember::new(id));
        match instance {
            None => Ok(known()),
            Some(instance) if is_unknown => Ok(match self.static_member(instance) {
                Some(former) => self.replace(former, id, turn),
                None => known(),
            }),
            Some(instance) => self.known_static(instance, id).cloned().map_err(|refused| refused.error),
        }
    }

    pub(in crate::broker::groups) fn sync_classic(
        &self,
        request: &SyncGroupRequest,
        ticket: Ticket,
        turn: &mut Turn<'_, '_>,
    ) -> Outcome {
        let id = &*request.member_id;
        let (member, said) = self.known_classic(id, request.group_instance_id.as_deref())?;
        if member.epoch != request.generation_id {
            return Err(ResponseError::IllegalGeneration);
        }
        let (protocol, metadata) = said.protocols.first().ok_or(ResponseError::UnknownServerError)?;
        let differs = |said: Option<&str>, known: &str| said.is_some_and(|said| said != known);
        if differs(request.protocol_type.as_deref(), CONSUMERS) || differs(request.protocol_name.as_deref(), protocol) {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        // Who has to give something up first has joined again for that already.
        if self.target.epoch > member.epoch && member.state != MemberState::Unrevoked {
            self.expect_join(member, turn);
            return Err(ResponseError::RebalanceInProgress);
        }
        let version = version_of(metadata).ok_or(ResponseError::UnknownServerError)?;
        let assigned = member.assigned.iter().map(|(topic, it)| (*topic, it.keys().copied()));
        let assignment = assignment_of_version(version, &named(assigned, turn.moment.image));
        turn.cancel_of(&self.id, Kind::Sync, id);
        self.expect_heartbeat(member, turn);
        let response = SyncGroupResponse::default()
            .with_protocol_type(request.protocol_type.clone())
            .with_protocol_name(request.protocol_name.clone())
            .with_assignment(assignment);
        turn.answer(ticket, Response::SyncGroup(response));
        Ok(())
    }

    /// A member lives on. It is told to join again where there is something for it to do.
    pub(in crate::broker::groups) fn beat_classic(
        &self,
        request: &HeartbeatRequest,
        ticket: Ticket,
        turn: &mut Turn<'_, '_>,
    ) -> Outcome {
        let (member, _) = self.known_classic(&request.member_id, request.group_instance_id.as_deref())?;
        if member.epoch != request.generation_id {
            return Err(ResponseError::IllegalGeneration);
        }
        self.expect_heartbeat(member, turn);
        // As a real 4.3.1 does: another epoch of the group alone, for which nothing is assigned yet, is no reason.
        let joins_again = member.epoch < self.target.epoch
            || match member.state {
                MemberState::Unrevoked => true,
                MemberState::Unreleased => !self.waits_for_others(member),
                MemberState::Stable | MemberState::Unknown => false,
            };
        if joins_again {
            self.expect_join(member, turn);
        }
        let error = if joins_again { ResponseError::RebalanceInProgress.code() } else { 0 };
        turn.answer(ticket, Response::Heartbeat(HeartbeatResponse::default().with_error_code(error)));
        Ok(())
    }

    /// Whether somebody still has a partition that this member shall have (`waitingOnUnreleasedPartition`).
    fn waits_for_others(&self, member: &ConsumerMember) -> bool {
        let owned = self.owned();
        let has = |topic: &uuid::Uuid, partition: &i32| {
            member.assigned.get(topic).is_some_and(|it| it.contains_key(partition))
        };
        let target = self.targets.get(&member.id).into_iter().flatten();
        let mut missing = target.flat_map(|(topic, it)| it.iter().map(move |partition| (topic, partition)));
        missing.any(|(topic, partition)| !has(topic, partition) && owned.contains(&(*topic, *partition)))
    }

    /// Members of the classic protocol leave. The group stays what it is: whoever is left with the other protocol is.
    pub(in crate::broker::groups) fn leave_classic(
        &self,
        request: &LeaveGroupRequest,
        ticket: Ticket,
        turn: &mut Turn<'_, '_>,
    ) {
        let mut left: Vec<&str> = Vec::new();
        let mut answers = Vec::new();
        for identity in &request.members {
            let answer = MemberResponse::default().with_group_instance_id(identity.group_instance_id.clone());
            answers.push(match self.leaving(identity) {
                Ok(member) => {
                    self.tombstones_of(&member.id).into_iter().for_each(|record| turn.write(record));
                    self.cancel_timers(&member.id, turn);
                    left.push(&member.id);
                    answer.with_member_id(text(&member.id))
                }
                Err(error) => answer.with_member_id(identity.member_id.clone()).with_error_code(error.code()),
            });
        }
        if !left.is_empty() {
            let topics = self.subscriptions(self.members.values().filter(|member| !left.contains(&&*member.id)));
            let metadata_hash = metadata_hash(topics.into_iter(), turn.moment.image);
            let value = EpochValue { epoch: self.epoch + 1, metadata_hash };
            turn.write(record(&self.epoch_key(), value.write()));
        }
        turn.answer(ticket, Response::LeaveGroup(LeaveGroupResponse::default().with_members(answers)));
    }

    /// An administrator names a static member by its instance alone.
    fn leaving(&self, identity: &MemberIdentity) -> Outcome<&ConsumerMember> {
        let instance = identity.group_instance_id.as_deref();
        let member = match instance {
            Some(instance) if identity.member_id.is_empty() => self.static_member(instance),
            Some(_) | None => return self.known_classic(&identity.member_id, instance).map(|(member, _)| member),
        };
        member.filter(|member| member.is_classic()).ok_or(ResponseError::UnknownMemberId)
    }

    /// Who says that it is this member, which speaks the classic protocol.
    fn known_classic(&self, id: &str, instance: Option<&str>) -> Outcome<(&ConsumerMember, &ClassicSaid)> {
        let member = match instance {
            None => self.members.get(id).ok_or(ResponseError::UnknownMemberId)?,
            Some(instance) => self.known_static(instance, id).map_err(|refused| refused.error)?,
        };
        let said = member.said.classic.as_ref().ok_or(ResponseError::UnknownMemberId)?;
        Ok((member, said))
    }

    /// A member of the classic protocol has said itself for how long it may be silent.
    pub(super) fn expect_heartbeat(&self, member: &ConsumerMember, turn: &mut Turn<'_, '_>) {
        let said = member.said.classic.as_ref().expect("only members of the classic protocol say that");
        turn.set_timer(
            TimerKey::of_member(&self.id, Kind::Session, &member.id),
            said.session_timeout_ms,
            Purpose::Plain,
        );
    }

    /// It was told to join again, and has its rebalance timeout for that from the first time on.
    fn expect_join(&self, member: &ConsumerMember, turn: &mut Turn<'_, '_>) {
        let key = TimerKey::of_member(&self.id, Kind::Join, &member.id);
        if !turn.soft.timers.is_set(&key) {
            turn.set_timer(key, member.said.rebalance_timeout_ms, Purpose::Plain);
        }
    }
}

/// The member with what it has just said.
fn said(
    former: &ConsumerMember,
    request: &JoinGroupRequest,
    subscription: &Subscription,
    turn: &Turn<'_, '_>,
) -> ConsumerMember {
    let mut member = former.clone();
    let said = &mut member.said;
    said.instance = request.group_instance_id.as_ref().map(ToString::to_string).or(said.instance.take());
    said.rack = subscription.rack.clone().or(said.rack.take());
    said.topics = sorted(&subscription.topics);
    if request.rebalance_timeout_ms != -1 {
        said.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    said.client_id.clone_from(&turn.moment.client.id);
    said.client_host.clone_from(&turn.moment.client.host);
    said.classic = Some(ClassicSaid {
        session_timeout_ms: request.session_timeout_ms,
        protocols: request.protocols.iter().map(|it| (it.name.to_string(), it.metadata.clone())).collect(),
    });
    member
}
