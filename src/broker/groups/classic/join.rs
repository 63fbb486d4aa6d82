//! JoinGroup in a classic group (Kafka: `GroupMetadataManager.classicGroupJoinToClassicGroup`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::JoinGroupRequest;

use super::super::timers::{Kind, Purpose, TimerKey};
use super::super::turn::{Replaced, Then, Turn};
use super::super::versions;
use super::answers::{joined, members, refused_join, refused_sync, text};
use super::group::{ClassicGroup, ClassicState};
use super::member::ClassicMember;
use crate::broker::coordinator::Ticket;
use crate::wire::Response;

/// How long a new member may take until it has joined: more than clients wait for an answer
/// (`classicGroupNewMemberJoinTimeoutMs`).
const NEW_MEMBER_JOIN_TIMEOUT_MS: i32 = 5 * 60 * 1_000;

impl ClassicGroup {
    /// Somebody wants to be a member, or a member wants another generation.
    pub(in crate::broker::groups) fn join(
        &mut self,
        request: &JoinGroupRequest,
        ticket: Ticket,
        turn: &mut Turn<'_, '_>,
    ) {
        let id = &*request.member_id;
        if !self.has_room_for(id, turn.moment.settings.groups.max_size) {
            self.remove(id);
            turn.tell(ticket, refused_join("", ResponseError::GroupMaxSizeReached));
        } else if !self.supports(&request.protocol_type, &spoken(request)) {
            turn.tell(ticket, refused_join(id, ResponseError::InconsistentGroupProtocol));
        } else if id.is_empty() {
            self.join_unknown(request, ticket, turn);
        } else if self.pending.contains(id) {
            self.add_member(id.to_owned(), request, ticket, turn);
        } else if let Err(error) = self.validate_member(id, request.group_instance_id.as_deref()) {
            turn.tell(ticket, refused_join(id, error));
        } else {
            self.join_again(request, ticket, turn);
        }
    }

    fn has_room_for(&self, id: &str, most: usize) -> bool {
        match self.state {
            ClassicState::Empty => true,
            ClassicState::PreparingRebalance => {
                self.members.get(id).is_some_and(|member| member.joining.is_some()) || self.awaiting_join() < most
            }
            ClassicState::CompletingRebalance | ClassicState::Stable => {
                self.members.contains_key(id) || self.members.len() < most
            }
        }
    }

    /// Who has no id is given one: a dynamic member has to come again with it (KIP-394), a static one takes the place of its
    /// former self.
    fn join_unknown(&mut self, request: &JoinGroupRequest, ticket: Ticket, turn: &mut Turn<'_, '_>) {
        let uuid = turn.uuid();
        match &request.group_instance_id {
            None if turn.moment.client.version < versions::JOIN_WITH_ID
                || turn.moment.settings.groups.without_kip_394 =>
            {
                let id = format!("{}-{uuid}", turn.moment.client.id);
                self.add_member(id, request, ticket, turn);
            }
            None => {
                let id = format!("{}-{uuid}", turn.moment.client.id);
                self.pending.insert(id.clone());
                let key = TimerKey::of_member(&self.id, Kind::Session, &id);
                turn.set_timer(key, request.session_timeout_ms, Purpose::Plain);
                turn.tell(ticket, refused_join(&id, ResponseError::MemberIdRequired));
            }
            Some(instance) => {
                let id = format!("{}-{uuid}", &**instance);
                match self.statics.get(&**instance).cloned() {
                    Some(former) => self.replace_static(instance, &former, &id, request, ticket, turn),
                    None => self.add_member(id, request, ticket, turn),
                }
            }
        }
    }

    fn join_again(&mut self, request: &JoinGroupRequest, ticket: Ticket, turn: &mut Turn<'_, '_>) {
        let id = &*request.member_id;
        let says_the_same = self.members[id].protocols == protocols(request);
        match self.state {
            ClassicState::PreparingRebalance => self.update_and_rebalance(request, ticket, turn),
            // It has not heard the answer to its first JoinGroup: what was answered then still holds.
            ClassicState::CompletingRebalance if says_the_same => {
                let of_leader = if self.is_leader(id) { members(self) } else { Vec::new() };
                turn.tell(ticket, Response::JoinGroup(joined(self, id, of_leader)));
            }
            // A follower may join as often as it wants to without anything new; the leader wants another generation, such as
            // for new partitions.
            ClassicState::Stable if says_the_same && !self.is_leader(id) => {
                turn.tell(ticket, Response::JoinGroup(joined(self, id, Vec::new())));
            }
            ClassicState::CompletingRebalance | ClassicState::Stable => {
                self.update_and_rebalance(request, ticket, turn);
            }
            ClassicState::Empty => turn.tell(ticket, refused_join(id, ResponseError::UnknownMemberId)),
        }
    }

    fn update_and_rebalance(&mut self, request: &JoinGroupRequest, ticket: Ticket, turn: &mut Turn<'_, '_>) {
        self.update(&request.member_id, request, ticket);
        self.rebalance_or_complete_join(turn);
    }

    fn update(&mut self, id: &str, request: &JoinGroupRequest, ticket: Ticket) {
        let member = self.members.get_mut(id).expect("a member is updated");
        member.protocols = protocols(request);
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        member.session_timeout_ms = request.session_timeout_ms;
        member.joining = Some(ticket);
    }

    fn add_member(&mut self, id: String, request: &JoinGroupRequest, ticket: Ticket, turn: &mut Turn<'_, '_>) {
        if self.is_in(ClassicState::PreparingRebalance) && self.previous_state == Some(ClassicState::Empty) {
            self.new_member_added = true;
        }
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.to_string());
        }
        let key = TimerKey::of_member(&self.id, Kind::Session, &id);
        self.add(ClassicMember {
            id,
            instance: request.group_instance_id.as_ref().map(ToString::to_string),
            client_id: turn.moment.client.id.clone(),
            client_host: turn.moment.client.host.clone(),
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols: protocols(request),
            assignment: bytes::Bytes::new(),
            is_new: true,
            joining: Some(ticket),
            syncing: None,
        });
        turn.set_timer(key, NEW_MEMBER_JOIN_TIMEOUT_MS, Purpose::Plain);
        self.rebalance_or_complete_join(turn);
    }

    /// A static member has come back without its id (`updateStaticMemberThenRebalanceOrCompleteJoin`). A stable group goes on
    /// as it was, if the protocol stays.
    fn replace_static(
        &mut self,
        instance: &str,
        old_id: &str,
        new_id: &str,
        request: &JoinGroupRequest,
        ticket: Ticket,
        turn: &mut Turn<'_, '_>,
    ) {
        let leader = self.leader.clone();
        self.rename_static(instance, old_id, new_id, turn);
        let former = self.members[new_id].clone();
        self.update(new_id, request, ticket);
        match self.state {
            ClassicState::Stable if self.protocol == self.select_protocol() => {
                let assignments = self.members.values().map(|it| (it.id.clone(), it.assignment.clone())).collect();
                turn.write(self.record(&assignments));
                turn.then(Then::Replaced(Box::new(Replaced {
                    group: self.id.clone(),
                    instance: instance.to_owned(),
                    old_id: old_id.to_owned(),
                    new_id: new_id.to_owned(),
                    leader,
                    ticket,
                    version: turn.moment.client.version,
                    protocols: former.protocols,
                    rebalance_timeout_ms: former.rebalance_timeout_ms,
                    session_timeout_ms: former.session_timeout_ms,
                })));
            }
            ClassicState::Stable => self.rebalance_or_complete_join(turn),
            ClassicState::CompletingRebalance => self.prepare_rebalance(turn),
            ClassicState::PreparingRebalance => self.maybe_complete_join(turn),
            ClassicState::Empty => unreachable!("a group with a static member is not empty"),
        }
    }

    /// The instance is another member from now on; who waits under its former id is fenced (`replaceStaticMember`).
    fn rename_static(&mut self, instance: &str, old_id: &str, new_id: &str, turn: &mut Turn<'_, '_>) {
        self.answer_join(old_id, refused_join(old_id, ResponseError::FencedInstanceId), turn);
        if let Some(ticket) = self.members.get_mut(old_id).and_then(|member| member.syncing.take()) {
            turn.tell(ticket, refused_sync(ResponseError::FencedInstanceId));
        }
        let mut member = self.members.remove(old_id).expect("a member is renamed");
        new_id.clone_into(&mut member.id);
        member.is_new = false;
        self.members.insert(new_id.to_owned(), member);
        self.statics.insert(instance.to_owned(), new_id.to_owned());
        if self.is_leader(old_id) {
            self.leader = Some(new_id.to_owned());
        }
        self.expect_heartbeat(new_id, turn);
    }

    /// The new id of a static member is in the log, or is not: then it is its former self again.
    pub(in crate::broker::groups) fn replaced(
        &mut self,
        replaced: &Replaced,
        outcome: Result<(), ResponseError>,
        turn: &mut Turn<'_, '_>,
    ) {
        let Replaced { instance, old_id, new_id, leader, ticket, .. } = replaced;
        // Whoever came for it meanwhile has its place.
        if self.statics.get(instance) != Some(new_id) {
            return;
        }
        match outcome {
            Ok(()) => {
                // The leader need not assign anything: it has what it had. Who does not know of that is told of the former leader,
                // and so does not take itself for one.
                let response = if replaced.version >= versions::JOIN_WITH_SKIP {
                    let leads = self.is_leader(new_id);
                    let of_leader = if leads { members(self) } else { Vec::new() };
                    joined(self, new_id, of_leader).with_skip_assignment(leads)
                } else {
                    joined(self, new_id, Vec::new()).with_leader(text(leader.as_deref().unwrap_or_default()))
                };
                self.answer_join(new_id, Response::JoinGroup(response), turn);
            }
            Err(error) => {
                let member = self.members.get_mut(new_id).expect("a static member is one");
                member.protocols.clone_from(&replaced.protocols);
                member.rebalance_timeout_ms = replaced.rebalance_timeout_ms;
                member.session_timeout_ms = replaced.session_timeout_ms;
                member.joining = None;
                self.rename_static(instance, new_id, old_id, turn);
                let response = joined(self, "", Vec::new())
                    .with_leader(text(leader.as_deref().unwrap_or_default()))
                    .with_error_code(error.code());
                turn.tell(*ticket, Response::JoinGroup(response));
            }
        }
    }
}

fn protocols(request: &JoinGroupRequest) -> Vec<(String, bytes::Bytes)> {
    request.protocols.iter().map(|it| (it.name.to_string(), it.metadata.clone())).collect()
}

fn spoken(request: &JoinGroupRequest) -> Vec<&str> {
    request.protocols.iter().map(|it| &*it.name).collect()
}
