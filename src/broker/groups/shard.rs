//! The groups whose ids belong to one partition of `__consumer_offsets` (Kafka: `GroupCoordinatorShard`).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ConsumerGroupHeartbeatRequest, GroupId, JoinGroupRequest};

use super::classic::{ClassicGroup, text};
use super::consumer::{self, ConsumerGroup, Refused};
use super::group::{Group, Groups};
use super::offsets::{self, Committed, Offsets};
use super::records::{
    ClassicValue, CurrentValue, EpochValue, Key, MemberValue, OffsetValue, RegexValue, TargetValue, read_target,
};
use super::request::GroupRequest;
use super::timers::{Kind, Purpose, TimerKey};
use super::turn::{Outcome, Soft, Then, Turn};
use super::{admin, parts, refusal, versions};
use crate::broker::coordinator::{
    CoordinatorRecord, CoordinatorShard, Effects, Moment, Operation, RecordPlace, Settled, Ticket, Written,
};
use crate::log::partition_metadata::uuid_text;
use crate::sim::Time;
use crate::wire::{BrokerRequest, Request, Response};

/// One partition of `__consumer_offsets`.
#[derive(Clone, Debug, Default)]
pub struct GroupShard {
    pub(super) groups: Groups,
    pub(super) offsets: Offsets,
    /// What is beside the records: it belongs to who leads the partition, once its log is read.
    pub(super) soft: Option<Box<Soft>>,
}

impl CoordinatorShard for GroupShard {
    const TOPIC: &'static str = "__consumer_offsets";

    fn operation<'a>(request: BrokerRequest<'a>) -> Option<Operation<'a>> {
        Some(match GroupRequest::of(request)? {
            GroupRequest::OffsetCommit(it) => Operation::Write(&it.group_id.0),
            GroupRequest::TxnOffsetCommit(it) => Operation::Write(&it.group_id.0),
            GroupRequest::OffsetDelete(it) => Operation::Write(&it.group_id.0),
            GroupRequest::JoinGroup(it) => Operation::Write(&it.group_id.0),
            GroupRequest::SyncGroup(it) => Operation::Write(&it.group_id.0),
            GroupRequest::Heartbeat(it) => Operation::Write(&it.group_id.0),
            GroupRequest::LeaveGroup(it) => Operation::Write(&it.group_id.0),
            GroupRequest::ConsumerGroupHeartbeat(it) => Operation::Write(&it.group_id.0),
            // Whoever wants what no transaction may change any more waits for what is written
            // (`GroupCoordinatorService.fetchOffsets`).
            GroupRequest::OffsetFetch(it) => match &it.groups[..] {
                [group] if it.require_stable => Operation::Write(&group.group_id.0),
                [group] => Operation::Read(&group.group_id.0),
                _ => Operation::Split,
            },
            GroupRequest::DescribeGroups(it) => match &it.groups[..] {
                [group] => Operation::Read(&group.0),
                _ => Operation::Split,
            },
            GroupRequest::ConsumerGroupDescribe(it) => match &it.group_ids[..] {
                [group] => Operation::Read(&group.0),
                _ => Operation::Split,
            },
            GroupRequest::DeleteGroups(it) => match &it.groups_names[..] {
                [group] => Operation::Write(&group.0),
                _ => Operation::Split,
            },
            GroupRequest::ListGroups(_) => Operation::ReadAll,
        })
    }

    fn handle(&self, _request: BrokerRequest<'_>, _now_ms: i64) -> Result<Written, ResponseError> {
        unreachable!("groups are asked by `operate`")
    }

    fn read(&self, _request: BrokerRequest<'_>) -> Response {
        unreachable!("groups are looked at by `look`")
    }

    fn replay(&mut self, _record: &CoordinatorRecord) {
        unreachable!("offsets count by where they stand")
    }

    fn refusal(request: BrokerRequest<'_>, error: ResponseError) -> Response {
        refusal::refusal(GroupRequest::certainly(request), error)
    }

    fn modern(request: BrokerRequest<'_>, version: i16) -> Option<Request> {
        versions::modern(GroupRequest::certainly(request), version)
    }

    fn dated(response: Response, version: i16) -> Response {
        versions::dated(response, version)
    }

    fn split(request: BrokerRequest<'_>) -> Vec<Request> {
        parts::split(GroupRequest::certainly(request)).expect("only what is of several groups is split")
    }

    fn join(request: BrokerRequest<'_>, parts: Vec<Response>) -> Response {
        parts::join(GroupRequest::certainly(request), parts)
    }

    fn operate(
        &mut self,
        request: BrokerRequest<'_>,
        ticket: Ticket,
        moment: &mut Moment<'_>,
    ) -> Result<Effects, ResponseError> {
        let soft = self.soft.as_mut().expect("who is asked has loaded");
        let mut turn = Turn::new(soft, moment);
        serve(&mut self.groups, &self.offsets, GroupRequest::certainly(request), ticket, &mut turn)?;
        Ok(turn.effects)
    }

    fn look(&self, committed: &Self, request: BrokerRequest<'_>, moment: &Moment<'_>) -> Response {
        match GroupRequest::certainly(request) {
            GroupRequest::OffsetFetch(it) => {
                offsets::fetch(&committed.groups, &committed.offsets, &it.groups[0], false, moment)
            }
            GroupRequest::ListGroups(it) => admin::list(&self.groups, &committed.groups, it),
            GroupRequest::ConsumerGroupDescribe(it) => match &*it.group_ids[0].0 {
                "" => Self::refusal(request, ResponseError::InvalidGroupId),
                id => admin::describe_consumers(&committed.groups, id, moment.image),
            },
            GroupRequest::DescribeGroups(it) => match &*it.groups[0].0 {
                "" => Self::refusal(request, ResponseError::InvalidGroupId),
                id => admin::describe(&self.groups, &committed.groups, id),
            },
            GroupRequest::OffsetCommit(_)
            | GroupRequest::OffsetDelete(_)
            | GroupRequest::TxnOffsetCommit(_)
            | GroupRequest::JoinGroup(_)
            | GroupRequest::SyncGroup(_)
            | GroupRequest::Heartbeat(_)
            | GroupRequest::LeaveGroup(_)
            | GroupRequest::DeleteGroups(_)
            | GroupRequest::ConsumerGroupHeartbeat(_) => unreachable!("{request:?} is no read of groups"),
        }
    }

    fn replay_at(&mut self, place: RecordPlace, record: &CoordinatorRecord) {
        // Records of other kinds, such as those of share groups, are nobody's here.
        let Some(key) = Key::read(&record.key) else { return };
        let value = record.value.as_deref();
        match key {
            Key::Offset { group, topic, partition } => self.replay_offset(&group, &topic, partition, place, value),
            Key::Classic { group } => self.replay_classic(group, value),
            Key::Consumer { group } => self.replay_consumer(&group, value),
            // Its topics are known by their hash now.
            Key::Topics { .. } => {}
            Key::Member { group, member } => {
                let said = value.map(MemberValue::read);
                // A value of a version that is not written here says nothing.
                if said == Some(None) {
                    return;
                }
                self.replay_of(&group, value.is_some(), |group| group.replay_member(&member, said.flatten()));
            }
            Key::Target { group } => {
                let target = value.map_or(Some(TargetValue { epoch: 0, timestamp_ms: 0 }), TargetValue::read);
                if let Some(target) = target {
                    self.replay_of(&group, value.is_some(), |group| group.target = target);
                }
            }
            Key::TargetOf { group, member } => self.replay_of(&group, value.is_some(), |group| {
                match value.and_then(read_target) {
                    Some(partitions) => group.targets.insert(member, partitions),
                    None => group.targets.remove(&member),
                };
            }),
            Key::Regex { group, regex } => {
                let meant = value.map(RegexValue::read);
                // A value of a version that is not written here says nothing.
                if meant == Some(None) {
                    return;
                }
                self.replay_of(&group, value.is_some(), |group| group.replay_regex(regex, meant.flatten()));
            }
            Key::Current { group, member } => {
                let current = value.map(CurrentValue::read);
                // A value of a version that is not written here says nothing.
                if current == Some(None) {
                    return;
                }
                self.replay_of(&group, value.is_some(), |group| group.replay_current(&member, current.flatten()));
            }
        }
    }

    fn replay_marker(&mut self, producer_id: i64, is_commit: bool) {
        self.offsets.end_transaction(producer_id, is_commit);
    }

    fn loaded(&mut self, moment: &mut Moment<'_>) {
        let soft = self.soft.insert(Box::default());
        let mut turn = Turn::new(soft, moment);
        for group in self.groups.values_mut() {
            match group {
                Group::Classic(group) => Arc::make_mut(group).loaded(&mut turn),
                Group::Consumer(group) => group.loaded(&mut turn),
            }
        }
        plan_expiration(&mut turn);
        assert!(turn.effects.records.is_empty(), "a group that is loaded waits for its members");
    }

    fn wakes_at(&self) -> Option<Time> {
        self.soft.as_ref()?.timers.next()
    }

    fn wake(&mut self, moment: &mut Moment<'_>) -> Option<Effects> {
        let soft = self.soft.as_mut()?;
        let (key, purpose) = soft.timers.pop_due(moment.now)?;
        let mut turn = Turn::new(soft, moment);
        fire(&mut self.groups, &self.offsets, &key, purpose, &mut turn);
        Some(turn.effects)
    }

    fn settled(&mut self, then: u64, outcome: Settled, moment: &mut Moment<'_>) -> Effects {
        let soft = self.soft.as_mut().expect("who has written has loaded");
        let then = soft.thens.remove(&then).expect("a write is settled once");
        let mut turn = Turn::new(soft, moment);
        settle(&mut self.groups, then, outcome.map_err(of_append), &mut turn);
        turn.effects
    }

    fn topics_deleted(&mut self, names: &[&str], moment: &mut Moment<'_>) -> Effects {
        let soft = self.soft.as_mut().expect("who is told has loaded");
        let mut turn = Turn::new(soft, moment);
        turn.effects.records = offsets::of_deleted_topics(&self.offsets, names);
        turn.effects
    }
}

impl GroupShard {
    fn replay_offset(&mut self, group: &str, topic: &str, partition: i32, place: RecordPlace, value: Option<&[u8]>) {
        let committed = match value {
            None => None,
            // A value of a version that is not written here says nothing.
            Some(value) => match OffsetValue::read(value) {
                Some(value) => Some(Committed { value, record_offset: place.offset }),
                // It is passed over.
                None => return,
            },
        };
        if let Some(committed) = &committed
            && !self.groups.contains_key(group)
        {
            // Whoever commits without being a member makes a group that only holds offsets.
            let empty = ClassicGroup::empty(group, Some(committed.value.timestamp_ms));
            self.groups.insert(group.to_owned(), Group::Classic(Arc::new(empty)));
        }
        self.offsets.replay(group, topic, partition, place.producer_id, committed);
    }

    /// A record of a consumer group, which is made by whatever is said of it first. A group that only held offsets becomes one:
    /// what it has committed may stand before (`getOrMaybeCreatePersistedConsumerGroup`).
    fn replay_of(&mut self, id: &str, says_something: bool, replay: impl FnOnce(&mut ConsumerGroup)) {
        let is_one = matches!(self.groups.get(id), Some(Group::Consumer(_)));
        if !is_one && says_something {
            self.groups.insert(id.to_owned(), Group::Consumer(Arc::new(ConsumerGroup::new(id))));
        }
        if let Some(Group::Consumer(group)) = self.groups.get_mut(id) {
            replay(Arc::make_mut(group));
        }
    }

    fn replay_consumer(&mut self, id: &str, value: Option<&[u8]>) {
        match value {
            Some(value) => {
                if let Some(value) = EpochValue::read(value) {
                    self.replay_of(id, true, |group| group.replay_epoch(value));
                }
            }
            None => {
                if matches!(self.groups.get(id), Some(Group::Consumer(_))) {
                    self.groups.remove(id);
                }
            }
        }
    }

    /// Of a classic group that lives here its record says nothing new.
    fn replay_classic(&mut self, id: String, value: Option<&[u8]>) {
        match value {
            None => {
                if matches!(self.groups.get(&id), Some(Group::Classic(_))) {
                    self.groups.remove(&id);
                }
            }
            Some(value) => {
                let lives = self.soft.is_some() && matches!(self.groups.get(&id), Some(Group::Classic(_)));
                if !lives && let Some(value) = ClassicValue::read(value) {
                    let group = ClassicGroup::of_record(&id, value);
                    self.groups.insert(id, Group::Classic(Arc::new(group)));
                }
            }
        }
    }
}

/// Lets a request be served by what it is about.
fn serve(
    groups: &mut Groups,
    all: &Offsets,
    request: GroupRequest<'_>,
    ticket: Ticket,
    turn: &mut Turn<'_, '_>,
) -> Outcome {
    match request {
        GroupRequest::OffsetCommit(it) => {
            offsets::commit(groups, it, ticket, turn);
            Ok(())
        }
        GroupRequest::TxnOffsetCommit(it) => offsets::commit_in_transaction(groups, it, ticket, turn),
        GroupRequest::OffsetDelete(it) => offsets::delete(groups, all, it, ticket, turn),
        GroupRequest::OffsetFetch(it) => {
            let response = offsets::fetch(groups, all, &it.groups[0], true, turn.moment);
            turn.answer(ticket, response);
            Ok(())
        }
        GroupRequest::DeleteGroups(it) => match &*it.groups_names[0].0 {
            "" => Err(ResponseError::InvalidGroupId),
            id => admin::delete(groups, all, id, ticket, turn),
        },
        GroupRequest::JoinGroup(it) => join(groups, it, ticket, turn),
        GroupRequest::SyncGroup(it) => {
            named(&it.group_id)?;
            // `KafkaApis.handleSyncGroupRequest`: since version 5 who syncs says in which protocol.
            let names_none = it.protocol_type.is_none() || it.protocol_name.is_none();
            if turn.moment.client.version >= versions::SYNC_WITH_PROTOCOL && names_none {
                return Err(ResponseError::InconsistentGroupProtocol);
            }
            let group = groups.get_mut(&*it.group_id.0).filter(|group| !group.is_empty());
            match group.ok_or(ResponseError::UnknownMemberId)? {
                Group::Classic(group) => {
                    Arc::make_mut(group).sync(it, ticket, turn);
                    Ok(())
                }
                Group::Consumer(group) => group.sync_classic(it, ticket, turn),
            }
        }
        GroupRequest::Heartbeat(it) => {
            named(&it.group_id)?;
            match groups.get(&*it.group_id.0).ok_or(ResponseError::UnknownMemberId)? {
                Group::Classic(group) => group.heartbeat(it, ticket, turn),
                Group::Consumer(group) => group.beat_classic(it, ticket, turn),
            }
        }
        GroupRequest::LeaveGroup(it) => {
            named(&it.group_id)?;
            match groups.get_mut(&*it.group_id.0).ok_or(ResponseError::UnknownMemberId)? {
                Group::Classic(group) => Arc::make_mut(group).leave(it, ticket, turn),
                Group::Consumer(group) => group.leave_classic(it, ticket, turn),
            }
            Ok(())
        }
        GroupRequest::ConsumerGroupHeartbeat(it) => {
            match beat(groups, it, turn) {
                Ok(response) => turn.answer(ticket, response),
                Err(refused) => {
                    turn.effects.records.clear();
                    turn.tell(ticket, refused.response());
                }
            }
            Ok(())
        }
        GroupRequest::ListGroups(_) | GroupRequest::DescribeGroups(_) | GroupRequest::ConsumerGroupDescribe(_) => {
            unreachable!("{request:?} is no write of groups")
        }
    }
}

/// A group must have a name, but for what only holds offsets.
fn named(group: &GroupId) -> Outcome {
    if group.0.is_empty() { Err(ResponseError::InvalidGroupId) } else { Ok(()) }
}

/// ConsumerGroupHeartbeat: makes the group where there is none, or of one that speaks the classic protocol
/// (`getOrMaybeCreateConsumerGroup`).
fn beat(
    groups: &mut Groups,
    request: &ConsumerGroupHeartbeatRequest,
    turn: &mut Turn<'_, '_>,
) -> Result<Response, Refused> {
    consumer::validate(request, turn.moment.client.version)?;
    if request.member_id.is_empty() {
        let id = text(&uuid_text(turn.uuid()));
        return beat(groups, &request.clone().with_member_id(id), turn);
    }
    let (id, joins) = (&*request.group_id.0, request.member_epoch == 0);
    match groups.get_mut(id) {
        Some(Group::Consumer(group)) => group.heartbeat(request, turn),
        Some(group @ Group::Classic(_)) if joins && group.is_empty() => {
            group.tombstones().into_iter().for_each(|record| turn.write(record));
            ConsumerGroup::new(id).heartbeat(request, turn)
        }
        Some(Group::Classic(group)) if joins && group.may_upgrade(&turn.moment.settings.groups) => {
            ConsumerGroup::upgrade(Arc::make_mut(group), turn)?.heartbeat(request, turn)
        }
        None if joins => ConsumerGroup::new(id).heartbeat(request, turn),
        Some(Group::Classic(_)) => Err(consumer::no_group(format!("Group {id} is not a consumer group."))),
        None => Err(consumer::no_group(format!("Consumer group {id} not found."))),
    }
}

/// JoinGroup: makes the group where there is none (`classicGroupJoin`).
fn join(groups: &mut Groups, request: &JoinGroupRequest, ticket: Ticket, turn: &mut Turn<'_, '_>) -> Outcome {
    named(&request.group_id)?;
    let settings = &turn.moment.settings.groups;
    if !(settings.min_session_timeout_ms..=settings.max_session_timeout_ms).contains(&request.session_timeout_ms) {
        return Err(ResponseError::InvalidSessionTimeout);
    }
    let id = &*request.group_id.0;
    if let Some(Group::Consumer(group)) = groups.get(id) {
        if !group.members.is_empty() {
            return group.join_classic(request, ticket, turn);
        }
        group.tombstones().into_iter().for_each(|record| turn.write(record));
        groups.remove(id);
    }
    let is_new = !groups.contains_key(id);
    if is_new {
        if !request.member_id.is_empty() {
            return Err(ResponseError::UnknownMemberId);
        }
        let empty = ClassicGroup::empty(id, Some(turn.moment.wall_ms));
        groups.insert(id.to_owned(), Group::Classic(Arc::new(empty)));
    }
    match groups.get_mut(id).expect("it is there now") {
        Group::Classic(group) => {
            let group = Arc::make_mut(group);
            let written = turn.effects.records.len();
            group.join(request, ticket, turn);
            if is_new && turn.effects.records.len() == written {
                turn.write(group.first_record());
                turn.then(Then::Created { ticket });
            }
        }
        Group::Consumer(_) => unreachable!("it has just made room"),
    }
    Ok(())
}

/// A timer has come due.
fn fire(groups: &mut Groups, all: &Offsets, key: &TimerKey, purpose: Purpose, turn: &mut Turn<'_, '_>) {
    if key.kind == Kind::Expiration {
        offsets::expire(groups, all, turn);
        plan_expiration(turn);
        return;
    }
    // A group that is gone has nothing to do.
    let Some(group) = groups.get_mut(&key.group) else { return };
    match group {
        Group::Classic(group) => Arc::make_mut(group).fire(key, purpose, turn),
        Group::Consumer(group) => group.fire(key, purpose, turn),
    }
}

/// When offsets are looked at next that may be too old.
fn plan_expiration(turn: &mut Turn<'_, '_>) {
    let interval = turn.moment.settings.groups.offsets_retention_check_interval_us;
    let key = TimerKey::of_group("", Kind::Expiration);
    turn.soft.timers.set(key, turn.moment.now.saturating_add(interval), Purpose::Plain);
}

/// A write is committed, or is not known to be.
fn settle(groups: &mut Groups, then: Then, outcome: Outcome, turn: &mut Turn<'_, '_>) {
    match then {
        Then::Assign { group, generation, assignments } => {
            if let Some(Group::Classic(group)) = groups.get_mut(&group) {
                Arc::make_mut(group).assigned(generation, &assignments, outcome, turn);
            }
        }
        Then::Created { ticket } => {
            // Whoever was given an id has been answered.
            if let Err(error) = outcome {
                turn.tell(ticket, super::classic::refused_join("", error));
            }
        }
        Then::Replaced(replaced) => {
            if let Some(Group::Classic(group)) = groups.get_mut(&replaced.group) {
                Arc::make_mut(group).replaced(&replaced, outcome, turn);
            }
        }
        Then::Downgraded { group, protocols, rebalances } => {
            // A write that failed has changed nothing.
            if let (Ok(()), Some(Group::Classic(group))) = (outcome, groups.get_mut(&group)) {
                Arc::make_mut(group).downgraded(protocols, rebalances, turn);
            }
        }
    }
}

/// What members are told where the record of a classic group was not written (`appendGroupMetadataErrorToResponseError`).
fn of_append(error: ResponseError) -> ResponseError {
    match error {
        ResponseError::UnknownTopicOrPartition | ResponseError::NotEnoughReplicas | ResponseError::RequestTimedOut => {
            ResponseError::CoordinatorNotAvailable
        }
        ResponseError::NotLeaderOrFollower | ResponseError::KafkaStorageError => ResponseError::NotCoordinator,
        ResponseError::MessageTooLarge | ResponseError::RecordListTooLarge | ResponseError::InvalidFetchSize => {
            ResponseError::UnknownServerError
        }
        other => other,
    }
}

impl ClassicGroup {
    /// Its partition is led here now: its members have their session timeouts from now on (`onLoaded`).
    fn loaded(&mut self, turn: &mut Turn<'_, '_>) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        ids.iter().for_each(|id| self.expect_heartbeat(id, turn));
        if self.members.len() > turn.moment.settings.groups.max_size {
            self.prepare_rebalance(turn);
        }
    }

    fn fire(&mut self, key: &TimerKey, purpose: Purpose, turn: &mut Turn<'_, '_>) {
        match (key.kind, purpose) {
            (Kind::Session, _) => self.session_expired(&key.member, turn),
            (Kind::Join, Purpose::InitialJoin { delay_ms, remaining_ms }) => {
                self.initial_delay_over(delay_ms, remaining_ms, turn);
            }
            (Kind::Join, Purpose::Plain | Purpose::Of(_)) => self.complete_join(turn),
            (Kind::Sync, Purpose::Of(generation)) => self.sync_expired(generation, turn),
            // It was a consumer group when that was set.
            (Kind::Regex, _) => {}
            (Kind::Sync | Kind::Rebalance | Kind::Expiration, _) => {
                unreachable!("a classic group sets no such timer")
            }
        }
    }
}
