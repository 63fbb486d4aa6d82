//! JoinGroup, what comes before it, and what is done with an assignment (Kafka: `AbstractCoordinator.joinGroupIfNeeded`,
//! `ConsumerCoordinator.onJoinPrepare`, `onJoinComplete`).

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};

use super::member::{Committed, GroupTag, Heard, Joining, Kind, Member, Place, Preparing, Retry, Stage};
use super::{Coordinator, Tag, Turn, text};
use crate::client::timer::ClientTimer;
use crate::settings::Assignor;
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::{Request, Subscription, assignment_of, sticky_to_bytes};

/// How much longer than the rebalance an answer to JoinGroup may take (`JOIN_GROUP_TIMEOUT_LAPSE`).
const LAPSE: Time = 5 * SECOND;

impl Coordinator {
    /// A leader assigned what there was: where that has changed, all join again (`rejoinNeededOrPending`).
    pub(super) fn watch_topics(&mut self, turn: &Turn<'_, '_>) {
        if self.assigned_from.as_ref().is_some_and(|from| *from != self.partitions_now(turn)) {
            self.rejoin("cached metadata has changed");
        }
    }

    /// The topics that it reads, each with how many partitions it has now.
    fn partitions_now(&self, turn: &Turn<'_, '_>) -> BTreeMap<String, u32> {
        self.count(self.topics.iter(), turn)
    }

    /// Of these topics those that are there, each with how many partitions it has.
    pub(super) fn count<'t>(
        &self,
        topics: impl Iterator<Item = &'t String>,
        turn: &Turn<'_, '_>,
    ) -> BTreeMap<String, u32> {
        let metadata = turn.network.metadata();
        let image = metadata.image();
        let count = |topic: &&String| {
            let number = image.and_then(|image| image.topics.named(topic))?;
            Some(((*topic).clone(), metadata.partitions_of(number).len() as u32))
        };
        topics.filter_map(|topic| count(&topic)).collect()
    }

    /// Joins as far as that goes without waiting.
    pub(super) fn join_if_needed(&mut self, consumed: &dyn Fn() -> Vec<Committed>, turn: &mut Turn<'_, '_>) {
        while self.is_joining() {
            match std::mem::replace(&mut self.joining, Joining::No) {
                Joining::Assigned(assignment) => {
                    self.is_prepared = false;
                    // The other thread may have found meanwhile that it is no member any more.
                    if self.stage == Stage::Stable && self.member.generation >= 0 {
                        self.joined(&assignment, turn);
                    } else {
                        self.reset(true, "rebalance failed");
                    }
                }
                Joining::OnItsWay => {
                    self.joining = Joining::OnItsWay;
                    return;
                }
                Joining::No => return self.begin_to_join(consumed, turn),
            }
        }
    }

    fn begin_to_join(&mut self, consumed: &dyn Fn() -> Vec<Committed>, turn: &mut Turn<'_, '_>) {
        // The leader must know how many partitions there are.
        let has_metadata = turn.network.metadata().image().is_some();
        if self.failed || !has_metadata || self.join.not_before > turn.now() {
            return;
        }
        if !self.is_prepared && !self.prepare(consumed, turn) {
            return;
        }
        self.is_prepared = true;
        // Where it became unknown, it is looked for first.
        let Some(node) = self.node else { return };
        if turn.network.is_ready(node, turn.context) {
            self.send_join(node, turn);
        }
    }

    /// What was read is committed, and what must be given up is: all, unless members keep what they have. True where that
    /// is done.
    fn prepare(&mut self, consumed: &dyn Fn() -> Vec<Committed>, turn: &mut Turn<'_, '_>) -> bool {
        if self.preparing == Preparing::NotBegun {
            self.preparing = Preparing::Committed;
            if self.settings.auto_commit_interval_us.is_some() {
                let deadline = turn.now() + self.settings.max_poll_interval_us;
                self.preparing = Preparing::Committing { deadline };
                self.commit(Kind::BeforeJoin, consumed(), turn);
            }
        }
        if let Preparing::Committing { deadline } = self.preparing
            && turn.now() < deadline
        {
            return false;
        }
        self.preparing = Preparing::NotBegun;
        // What could not be committed until then is not tried again: it would set the group back (`autoCommitOffsetRequestFuture`).
        self.commits.retain(|commit| commit.kind != Kind::BeforeJoin);
        self.assigned_from = None;
        let is_lost = self.member.generation < 0 || self.member.id.is_empty();
        if is_lost {
            self.give_up(Heard::Lost);
        } else if !self.is_cooperative() {
            self.give_up(Heard::Revoked);
        }
        true
    }

    /// All that it has is gone.
    pub(super) fn give_up(&mut self, how: fn(Vec<Place>) -> Heard) {
        let places: Vec<Place> = std::mem::take(&mut self.assigned).into_iter().collect();
        if !places.is_empty() {
            self.heard.push_back(how(places));
        }
    }

    fn send_join(&mut self, node: i32, turn: &mut Turn<'_, '_>) {
        let group = &self.settings;
        let ms = |us: Time| i32::try_from(us / MILLISECOND).unwrap_or(i32::MAX);
        let protocols = group.assignors.iter().map(|assignor| {
            JoinGroupRequestProtocol::default()
                .with_name(text(&assignor.to_string()))
                .with_metadata(self.subscription(*assignor).to_bytes())
        });
        let request = JoinGroupRequest::default()
            .with_group_id(self.group_id())
            .with_session_timeout_ms(ms(group.session_timeout_us))
            .with_rebalance_timeout_ms(ms(group.max_poll_interval_us))
            .with_member_id(text(&self.member.id))
            .with_group_instance_id(self.instance())
            .with_protocol_type(text("consumer"))
            .with_protocols(protocols.collect())
            .with_reason(Some(text(self.reason)));
        (self.stage, self.joining) = (Stage::Preparing, Joining::OnItsWay);
        let timeout = self.network.request_timeout_us.max(group.max_poll_interval_us + LAPSE);
        let tag = Tag::Group(GroupTag::Join(self.member.clone()));
        turn.network.send_within(node, Request::JoinGroup(request), tag, timeout, turn.context);
    }

    /// What it says of itself for an assignor.
    fn subscription(&self, assignor: Assignor) -> Subscription {
        let (given, generation) = &self.given;
        let user_data = match assignor {
            Assignor::Range | Assignor::RoundRobin => None,
            Assignor::Sticky => (*generation >= 0).then(|| sticky_to_bytes(given, *generation)),
            Assignor::CooperativeSticky => Some(bytes::Bytes::copy_from_slice(&generation.to_be_bytes())),
        };
        Subscription {
            topics: self.topics.clone(),
            user_data,
            owned: self.assigned.iter().cloned().collect(),
            generation: *generation,
            rack: self.settings.rack.clone(),
        }
    }

    pub(super) fn join_answered(&mut self, sent: &Member, response: &JoinGroupResponse, turn: &mut Turn<'_, '_>) {
        match ResponseError::try_from_code(response.error_code) {
            None if self.stage == Stage::Preparing => {
                self.member = Member {
                    generation: response.generation_id,
                    id: response.member_id.to_string(),
                    protocol: response.protocol_name.as_ref().map(ToString::to_string),
                };
                self.stage = Stage::Completing;
                self.beat.begin(turn.now(), &self.settings);
                self.send_sync(response, turn);
            }
            // Somebody has called it off.
            None => self.join_failed(true, turn),
            Some(ResponseError::MemberIdRequired) => {
                self.member.id = response.member_id.to_string();
                self.join_failed(false, turn);
                self.rejoin("need to re-join with the given member-id");
            }
            Some(ResponseError::UnknownMemberId) => {
                if self.member == *sent {
                    self.reset(false, "encountered UNKNOWN_MEMBER_ID from JOIN_GROUP response");
                }
                self.join_failed(false, turn);
            }
            Some(error) => self.join_refused(error, turn),
        }
    }

    /// An error of JoinGroup or SyncGroup that is not of this member.
    pub(super) fn join_refused(&mut self, error: ResponseError, turn: &mut Turn<'_, '_>) {
        match error {
            ResponseError::RebalanceInProgress => self.join_failed(false, turn),
            ResponseError::CoordinatorNotAvailable | ResponseError::NotCoordinator => {
                self.join_failed(true, turn);
                self.forget_coordinator(turn);
            }
            error if error.is_retriable() => self.join_failed(true, turn),
            // FENCED_INSTANCE_ID, INCONSISTENT_GROUP_PROTOCOL, INVALID_SESSION_TIMEOUT, GROUP_MAX_SIZE_REACHED ...
            error => {
                self.join_failed(false, turn);
                self.fail(error.code());
            }
        }
    }

    /// It has to join anew, at once or after a pause.
    pub(super) fn join_failed(&mut self, waits: bool, turn: &mut Turn<'_, '_>) {
        (self.stage, self.joining) = (Stage::Unjoined, Joining::No);
        if !self.rejoins {
            self.rejoin("rebalance failed");
        }
        if waits {
            self.join = self.back_off(self.join, ClientTimer::Coordinator, turn);
        }
    }

    /// Takes over what it is assigned.
    fn joined(&mut self, assignment: &[u8], turn: &mut Turn<'_, '_>) {
        self.join = Retry::default();
        let assigned: BTreeSet<Place> = assignment_of(assignment).unwrap_or_default().into_iter().collect();
        self.given = (assigned.iter().cloned().collect(), self.member.generation);
        self.joined_as = self.member.clone();
        let revoked: Vec<Place> = self.assigned.difference(&assigned).cloned().collect();
        if !revoked.is_empty() {
            self.heard.push_back(Heard::Revoked(revoked));
            // Whoever is to have it gets it in the next generation.
            self.rejoin("need to revoke partitions and re-join");
        }
        if let Some(interval) = self.settings.auto_commit_interval_us {
            self.next_auto_commit = turn.now() + interval;
        }
        let places: Vec<Place> = assigned.difference(&self.assigned).cloned().collect();
        self.assigned = assigned;
        self.heard.push_back(Heard::Assigned { generation: self.member.generation, places });
    }
}
