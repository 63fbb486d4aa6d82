//! ConsumerGroupHeartbeat (Kafka: `GroupMetadataManager.consumerGroupHeartbeat`): a member joins, lives on, takes a step towards
//! what it shall have, or leaves.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ConsumerGroupHeartbeatRequest;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;

use super::super::records::{EpochValue, OwnedPartitions, Partitions, record, write_target};
use super::super::timers::{Kind, Purpose, TimerKey};
use super::super::turn::Turn;
use super::answers::{Refused, beaten};
use super::group::{ConsumerGroup, metadata_hash, topic_ids};
use super::member::{ConsumerMember, MemberState, is_the_same};
use super::reconcile::{Report, reconcile};
use super::target::next_target;
use super::validate::{LEAVES, LEAVES_FOR_A_WHILE};
use crate::wire::Response;

impl ConsumerGroup {
    /// A member reports. What comes of it is in the records of the turn.
    pub(in crate::broker::groups) fn heartbeat(
        &self,
        request: &ConsumerGroupHeartbeatRequest,
        turn: &mut Turn<'_, '_>,
    ) -> Result<Response, Refused> {
        if request.member_epoch == LEAVES || request.member_epoch == LEAVES_FOR_A_WHILE {
            return self.leave(request, turn);
        }
        self.validate_size(&request.member_id, turn)?;
        let owned = request.topic_partitions.as_deref();
        let former = self.subscribe(request, owned, turn)?;
        let member = said(&former, request, turn);
        let names_others = self.write_said(&former, &member, turn);
        let (group, means_others) = self.follow_regex(&former, &member, turn)?;
        let epoch = group.write_epoch(&member, names_others || means_others, turn);
        let has_subscription_changed = names_others || former.regex() != member.regex();
        let (target_epoch, target) = next_target(self, epoch, &member, turn);
        let member = self.step(&member, (target_epoch, &target), has_subscription_changed, owned, turn)?;
        let timeout_us = turn.moment.settings.groups.consumer_session_timeout_us;
        let key = TimerKey::of_member(&self.id, Kind::Session, &member.id);
        turn.soft.timers.set(key, turn.moment.now.saturating_add(timeout_us), Purpose::Plain);
        let names_topics = request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some();
        let is_full = request.rebalance_timeout_ms != -1 && names_topics && owned.is_some();
        let is_told = request.member_epoch == 0 || is_full || member.assigned != former.assigned;
        let interval_ms = turn.moment.settings.groups.consumer_heartbeat_interval_ms;
        Ok(beaten(&member.id, member.epoch, interval_ms, is_told.then_some(&member.assigned)))
    }

    pub(super) fn validate_size(&self, id: &str, turn: &Turn<'_, '_>) -> Result<(), Refused> {
        let most = turn.moment.settings.groups.consumer_max_size;
        if self.members.len() < most || self.members.contains_key(id) {
            return Ok(());
        }
        let message = format!("The consumer group has reached its maximum capacity of {most} members.");
        Err(Refused::new(ResponseError::GroupMaxSizeReached, message))
    }

    fn unknown(&self, id: &str) -> Refused {
        let message = format!("Member {id} is not a member of group {}.", self.id);
        Refused::new(ResponseError::UnknownMemberId, message)
    }

    /// The member as it was before this report; a new one where it joins.
    fn subscribe(
        &self,
        request: &ConsumerGroupHeartbeatRequest,
        owned: Option<&[TopicPartitions]>,
        turn: &mut Turn<'_, '_>,
    ) -> Result<ConsumerMember, Refused> {
        let (id, joins) = (&*request.member_id, request.member_epoch == 0);
        let Some(instance) = request.instance_id.as_deref() else {
            let member = self.members.get(id).cloned().or_else(|| joins.then(|| ConsumerMember::new(id)));
            let member = member.ok_or_else(|| self.unknown(id))?;
            validate_epoch(&member, request.member_epoch, owned)?;
            return Ok(member);
        };
        let known = self.static_member(instance);
        if joins {
            return match known {
                None => Ok(self.members.get(id).cloned().unwrap_or_else(|| ConsumerMember::new(id))),
                Some(known) => {
                    self.validate_released(known, id, instance)?;
                    Ok(self.replace(known, id, turn))
                }
            };
        }
        let member = self.known_static(instance, id)?;
        validate_epoch(member, request.member_epoch, owned)?;
        Ok(member.clone())
    }

    /// The static member of an instance, which must be this one.
    pub(super) fn known_static(&self, instance: &str, id: &str) -> Result<&ConsumerMember, Refused> {
        let unknown = || Refused::new(ResponseError::UnknownMemberId, format!("Instance id {instance} is unknown."));
        let known = self.static_member(instance).ok_or_else(unknown)?;
        if known.id == id {
            return Ok(known);
        }
        let message = format!("Static member {id} with instance id {instance} was fenced by member {}.", known.id);
        Err(Refused::new(ResponseError::FencedInstanceId, message))
    }

    /// A static member comes back under another id while nobody else is that instance: its former self has left for a while, or
    /// speaks the classic protocol.
    fn validate_released(&self, known: &ConsumerMember, id: &str, instance: &str) -> Result<(), Refused> {
        if known.epoch == LEAVES_FOR_A_WHILE || known.is_classic() {
            return Ok(());
        }
        let message = format!(
            "Static member {id} with instance id {instance} cannot join the group because the instance id is owned by {} \
             member.",
            known.id
        );
        Err(Refused::new(ResponseError::UnreleasedInstanceId, message))
    }

    /// It has what its former self had.
    pub(super) fn replace(&self, known: &ConsumerMember, id: &str, turn: &mut Turn<'_, '_>) -> ConsumerMember {
        let member = ConsumerMember { id: id.to_owned(), epoch: 0, previous_epoch: 0, ..known.clone() };
        self.tombstones_of(&known.id).into_iter().for_each(|record| turn.write(record));
        turn.write(record(&self.member_key(id), member.said.write()));
        let target = self.targets.get(&known.id).cloned().unwrap_or_default();
        turn.write(record(&self.target_key(id), write_target(&target)));
        turn.write(record(&self.current_key(id), member.current().write()));
        self.cancel_timers(&known.id, turn);
        member
    }

    pub(super) fn cancel_timers(&self, id: &str, turn: &mut Turn<'_, '_>) {
        let all = [Kind::Session, Kind::Rebalance, Kind::Join, Kind::Sync];
        all.into_iter().for_each(|kind| turn.cancel_of(&self.id, kind, id));
    }

    /// Writes what a member has said, if that is new. Whether it subscribes to other topics than before.
    pub(super) fn write_said(&self, former: &ConsumerMember, member: &ConsumerMember, turn: &mut Turn<'_, '_>) -> bool {
        if former.said == member.said && former.id == member.id && self.is_written(former) {
            return false;
        }
        turn.write(record(&self.member_key(&member.id), member.said.write()));
        let topics = |member: &ConsumerMember| member.said.topics.iter().cloned().collect::<BTreeSet<String>>();
        topics(former) != topics(member)
    }

    /// Whether there is such a member, or was before it came back.
    fn is_written(&self, member: &ConsumerMember) -> bool {
        let instance = member.said.instance.as_deref();
        self.members.contains_key(&member.id) || instance.is_some_and(|it| self.static_member(it).is_some())
    }

    /// Another subscription, or other partitions of its topics, is another epoch of the group.
    pub(super) fn write_epoch(
        &self,
        member: &ConsumerMember,
        has_subscription_changed: bool,
        turn: &mut Turn<'_, '_>,
    ) -> i32 {
        let others = self.members.values().filter(|other| !is_the_same(other, member));
        let topics = self.subscriptions(others.chain([member]));
        let metadata_hash = metadata_hash(topics.into_iter(), turn.moment.image);
        if !has_subscription_changed && metadata_hash == self.metadata_hash {
            return self.epoch;
        }
        let epoch = self.epoch + 1;
        turn.write(record(&self.epoch_key(), EpochValue { epoch, metadata_hash }.write()));
        epoch
    }

    /// The member's next step; if there is one, it is written.
    pub(super) fn step(
        &self,
        member: &ConsumerMember,
        (target_epoch, target): (i32, &Partitions),
        has_subscription_changed: bool,
        owned: Option<&[TopicPartitions]>,
        turn: &mut Turn<'_, '_>,
    ) -> Result<ConsumerMember, Refused> {
        if !has_subscription_changed && member.is_reconciled_to(target_epoch) {
            return Ok(member.clone());
        }
        let report = Report {
            target_epoch,
            target,
            subscribed: &topic_ids(self.topics_of(member), turn.moment.image),
            has_subscription_changed,
            owned_by_any: &self.owned_by_others(member),
            owned,
        };
        let unknown = "The consumer group member is in a unknown state. The member must abandon all its partitions and \
                       rejoin.";
        let next = reconcile(member, &report);
        let next = next.ok_or_else(|| Refused::new(ResponseError::FencedMemberEpoch, unknown))?;
        if next == *member {
            return Ok(next);
        }
        turn.write(record(&self.current_key(&next.id), next.current().write()));
        // Who speaks the classic protocol has its time for JoinGroup and SyncGroup.
        if next.state == MemberState::Unrevoked && !next.is_classic() {
            self.expect_revocation(&next, turn);
        } else {
            turn.cancel_of(&self.id, Kind::Rebalance, &next.id);
        }
        Ok(next)
    }

    /// What others have; what a static member had under its former id is its own.
    fn owned_by_others(&self, member: &ConsumerMember) -> BTreeSet<(uuid::Uuid, i32)> {
        let mut owned = self.owned();
        let of_member = |all: &OwnedPartitions| {
            let all = all.iter();
            all.flat_map(|(topic, it)| it.keys().map(|it| (*topic, *it)).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        for it in of_member(&member.assigned) {
            owned.remove(&it);
        }
        owned
    }

    /// A member has its rebalance timeout to give up partitions.
    pub(in crate::broker::groups) fn expect_revocation(&self, member: &ConsumerMember, turn: &mut Turn<'_, '_>) {
        let key = TimerKey::of_member(&self.id, Kind::Rebalance, &member.id);
        turn.set_timer(key, member.said.rebalance_timeout_ms, Purpose::Of(member.epoch));
    }

    fn leave(&self, request: &ConsumerGroupHeartbeatRequest, turn: &mut Turn<'_, '_>) -> Result<Response, Refused> {
        let id = &*request.member_id;
        let member = match request.instance_id.as_deref() {
            None => self.members.get(id).ok_or_else(|| self.unknown(id))?,
            Some(instance) => self.known_static(instance, id)?,
        };
        if request.member_epoch == LEAVES_FOR_A_WHILE && request.instance_id.is_some() {
            let away = ConsumerMember { epoch: LEAVES_FOR_A_WHILE, ..member.clone() };
            let away = ConsumerMember { pending_revocation: OwnedPartitions::new(), ..away };
            turn.write(record(&self.current_key(id), away.current().write()));
        } else {
            self.fence(id, turn);
        }
        Ok(beaten(id, request.member_epoch, 0, None))
    }

    /// A member is none any more: the others share what it had (`consumerGroupFenceMember`).
    pub(in crate::broker::groups) fn fence(&self, id: &str, turn: &mut Turn<'_, '_>) {
        self.cancel_timers(id, turn);
        if self.may_downgrade(id, self.members.len() - 1, turn) {
            return self.downgrade(id, None, turn);
        }
        self.tombstones_of(id).into_iter().for_each(|record| turn.write(record));
        if let Some(regex) = self.members.get(id).and_then(ConsumerMember::regex) {
            self.forget_regex(regex, id, turn);
        }
        let topics = self.subscriptions(self.members.values().filter(|member| member.id != id));
        let metadata_hash = metadata_hash(topics.into_iter(), turn.moment.image);
        let value = EpochValue { epoch: self.epoch + 1, metadata_hash };
        turn.write(record(&self.epoch_key(), value.write()));
    }

    /// Its partition is led here now (`onLoaded`).
    pub(in crate::broker::groups) fn loaded(&self, turn: &mut Turn<'_, '_>) {
        let timeout_us = turn.moment.settings.groups.consumer_session_timeout_us;
        for member in self.members.values() {
            let key = TimerKey::of_member(&self.id, Kind::Session, &member.id);
            turn.soft.timers.set(key, turn.moment.now.saturating_add(timeout_us), Purpose::Plain);
            if member.state == MemberState::Unrevoked {
                self.expect_revocation(member, turn);
            }
        }
    }

    /// A member was silent for too long, or has not given up partitions in time.
    pub(in crate::broker::groups) fn fire(&self, key: &TimerKey, purpose: Purpose, turn: &mut Turn<'_, '_>) {
        if key.kind == Kind::Regex {
            return self.resolve_regexes(turn);
        }
        // It has left meanwhile.
        let Some(member) = self.members.get(&key.member) else { return };
        match (key.kind, purpose) {
            // A member of the classic protocol has not joined again, or not synced, in time.
            (Kind::Session | Kind::Join | Kind::Sync, _) => self.fence(&member.id, turn),
            (Kind::Rebalance, Purpose::Of(epoch)) if epoch == member.epoch => self.fence(&member.id, turn),
            // It has gone on to another epoch.
            (Kind::Rebalance, _) => {}
            (Kind::Expiration | Kind::Regex, _) => unreachable!("a consumer group sets no such timer"),
        }
    }
}

/// The member with what it has just said; what it leaves out is as before.
fn said(former: &ConsumerMember, request: &ConsumerGroupHeartbeatRequest, turn: &Turn<'_, '_>) -> ConsumerMember {
    let mut member = former.clone();
    let text = |it: &Option<kafka_protocol::protocol::StrBytes>| it.as_ref().map(ToString::to_string);
    let said = &mut member.said;
    said.instance = text(&request.instance_id).or(said.instance.take());
    said.rack = text(&request.rack_id).or(said.rack.take());
    said.regex = text(&request.subscribed_topic_regex).or(said.regex.take());
    said.assignor = text(&request.server_assignor).or(said.assignor.take());
    if let Some(topics) = &request.subscribed_topic_names {
        let topics: BTreeSet<String> = topics.iter().map(|name| name.0.to_string()).collect();
        said.topics = topics.into_iter().collect();
    }
    if request.rebalance_timeout_ms != -1 {
        said.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    said.classic = None;
    said.client_id.clone_from(&turn.moment.client.id);
    said.client_host.clone_from(&turn.moment.client.host);
    member
}

/// A member reports its epoch, or the one before if it has not heard of the newer one
/// (`throwIfConsumerGroupMemberEpochIsInvalid`).
fn validate_epoch(member: &ConsumerMember, epoch: i32, owned: Option<&[TopicPartitions]>) -> Result<(), Refused> {
    let fenced = |how: &str| {
        let message = format!(
            "The consumer group member has a {how} member epoch ({epoch}) than the one known by the group coordinator \
             ({}). The member must abandon all its partitions and rejoin.",
            member.epoch
        );
        Err(Refused::new(ResponseError::FencedMemberEpoch, message))
    };
    if epoch > member.epoch {
        return fenced("greater");
    }
    let has = |it: &TopicPartitions| {
        let of_topic = member.assigned.get(&it.topic_id);
        of_topic.is_some_and(|of_topic| it.partitions.iter().all(|partition| of_topic.contains_key(partition)))
    };
    let is_repeated = epoch == member.previous_epoch && owned.is_some_and(|owned| owned.iter().all(has));
    if epoch < member.epoch && !is_repeated { fenced("smaller") } else { Ok(()) }
}
