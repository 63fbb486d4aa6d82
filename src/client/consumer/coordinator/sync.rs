//! SyncGroup: the leader says what everybody is assigned, and all hear what is theirs (Kafka:
//! `AbstractCoordinator.onLeaderElected`, `onJoinFollower`, `SyncGroupResponseHandler`).

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{JoinGroupResponse, SyncGroupRequest, SyncGroupResponse};

use super::assign::{Assignee, assign};
use super::member::{GroupTag, Joining, Member, Place, Stage};
use super::{Coordinator, Tag, Turn, text};
use crate::wire::{Request, Subscription, assignment_to_bytes};

impl Coordinator {
    pub(super) fn send_sync(&mut self, joined: &JoinGroupResponse, turn: &mut Turn<'_, '_>) {
        let leads = joined.leader == joined.member_id;
        let assignments = if leads { self.assign(joined, turn) } else { Vec::new() };
        let request = SyncGroupRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id(self.member.generation)
            .with_member_id(text(&self.member.id))
            .with_group_instance_id(self.instance())
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(self.member.protocol.as_deref().map(text))
            .with_assignments(assignments);
        let tag = Tag::Group(GroupTag::Sync(self.member.clone()));
        match self.node.filter(|node| turn.network.is_ready(*node, turn.context)) {
            Some(node) => turn.network.send(node, Request::SyncGroup(request), tag, turn.context),
            // The answer was the last that it said.
            None => self.join_failed(true, turn),
        }
    }

    /// As the leader. One that has taken the place of its former self need not assign anything (KIP-814), and yet watches the
    /// topics.
    fn assign(&mut self, joined: &JoinGroupResponse, turn: &Turn<'_, '_>) -> Vec<SyncGroupRequestAssignment> {
        let members: Vec<Assignee> = joined
            .members
            .iter()
            .map(|member| Assignee {
                id: member.member_id.to_string(),
                instance: member.group_instance_id.as_ref().map(ToString::to_string),
                // What cannot be read reads nothing.
                subscription: Subscription::of(&member.metadata).unwrap_or_default(),
            })
            .collect();
        let all: BTreeSet<&String> = members.iter().flat_map(|member| &member.subscription.topics).collect();
        let topics: BTreeMap<String, u32> = self.count(all.into_iter(), turn);
        let watched = topics.iter().filter(|(topic, _)| self.topics.contains(topic));
        self.assigned_from = Some(watched.map(|(topic, count)| (topic.clone(), *count)).collect());
        if joined.skip_assignment {
            return Vec::new();
        }
        let assignors = &self.settings.assignors;
        let chosen = assignors.iter().find(|it| Some(it.to_string()) == self.member.protocol);
        let chosen = *chosen.expect("the coordinator chooses one that all members have");
        let of = |(id, places): (String, Vec<Place>)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(text(&id))
                .with_assignment(assignment_to_bytes(&places))
        };
        assign(chosen, &members, &topics).into_iter().map(of).collect()
    }

    pub(super) fn synced(&mut self, sent: &Member, response: &SyncGroupResponse, turn: &mut Turn<'_, '_>) {
        let is_same = self.member == *sent;
        match ResponseError::try_from_code(response.error_code) {
            None if is_same && self.stage == Stage::Completing => {
                (self.stage, self.rejoins) = (Stage::Stable, false);
                self.joining = Joining::Assigned(response.assignment.clone());
            }
            // The other thread has found meanwhile that it is no member any more.
            None => self.join_failed(true, turn),
            Some(error @ (ResponseError::UnknownMemberId | ResponseError::IllegalGeneration)) => {
                if is_same {
                    self.reset(error == ResponseError::IllegalGeneration, "error from SYNC_GROUP response");
                }
                self.join_failed(false, turn);
            }
            Some(error) => self.join_refused(error, turn),
        }
    }
}
