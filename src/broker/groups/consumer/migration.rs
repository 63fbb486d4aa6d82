//! A group with members goes from the classic protocol to that of KIP-848, and back (Kafka: `convertToConsumerGroup`,
//! `convertToClassicGroup`).

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::super::classic::{ClassicGroup, ClassicMember};
use super::super::records::{
    ClassicSaid, EpochValue, Key, MemberValue, OwnedPartitions, TargetValue, record, tombstone, write_target,
};
use super::super::settings::GroupSettings;
use super::super::timers::Kind;
use super::super::turn::{Then, Turn};
use super::answers::Refused;
use super::group::{ConsumerGroup, metadata_hash};
use super::member::{ConsumerMember, MemberState};
use super::names::{by_id, named, sorted};
use super::no_group;
use crate::wire::{ClusterImage, Subscription, assignment_of, assignment_of_version, version_of};

impl ClassicGroup {
    /// Whether a member of the consumer protocol may make a consumer group of it (`validateOnlineUpgrade`).
    pub(in crate::broker::groups) fn may_upgrade(&self, settings: &GroupSettings) -> bool {
        settings.migration_policy.upgrades()
            && self.speaks_as_consumers()
            && self.members.len() <= settings.consumer_max_size
    }
}

impl ConsumerGroup {
    /// A classic group is a consumer group from now on, with what its members had. Whoever waits in it joins again.
    pub(in crate::broker::groups) fn upgrade(
        classic: &mut ClassicGroup,
        turn: &mut Turn<'_, '_>,
    ) -> Result<Self, Refused> {
        classic.send_away(ResponseError::RebalanceInProgress, turn);
        let group = Self::of_classic(classic, turn.moment.image)?;
        turn.cancel(&group.id, Kind::Join);
        turn.cancel(&group.id, Kind::Sync);
        turn.write(tombstone(&Key::Classic { group: group.id.clone() }));
        group.write_all(turn);
        group.members.values().for_each(|member| group.expect_heartbeat(member, turn));
        Ok(group)
    }

    /// `ConsumerGroup.fromClassicGroup`
    fn of_classic(classic: &ClassicGroup, image: &ClusterImage) -> Result<Self, Refused> {
        let malformed = || {
            no_group(format!(
                "Cannot upgrade classic group {} to consumer group because the embedded consumer protocol is malformed.",
                classic.id
            ))
        };
        // A real 4.3.1 fails so while the first generation is waited for: its members have not settled on a protocol.
        let protocol = classic.protocol.as_deref();
        let protocol = protocol.ok_or_else(|| Refused::new(ResponseError::UnknownServerError, ""))?;
        let mut group = Self { epoch: classic.generation, ..Self::new(&classic.id) };
        group.target = TargetValue { epoch: classic.generation, timestamp_ms: 0 };
        for it in classic.members.values() {
            let member = of_classic_member(it, protocol, classic.generation, image).ok_or_else(malformed)?;
            let target = member.assigned.iter().map(|(topic, it)| (*topic, it.keys().copied().collect())).collect();
            group.targets.insert(member.id.clone(), target);
            group.members.insert(member.id.clone(), member);
        }
        group.metadata_hash = metadata_hash(group.subscriptions(group.members.values()).into_iter(), image);
        Ok(group)
    }

    /// `ConsumerGroup.createConsumerGroupRecords`
    fn write_all(&self, turn: &mut Turn<'_, '_>) {
        let members = || self.members.values();
        members().for_each(|it| turn.write(record(&self.member_key(&it.id), it.said.write())));
        let value = EpochValue { epoch: self.epoch, metadata_hash: self.metadata_hash };
        turn.write(record(&self.epoch_key(), value.write()));
        for (id, target) in &self.targets {
            turn.write(record(&self.target_key(id), write_target(target)));
        }
        turn.write(record(&self.epoch_of_target_key(), self.target.write()));
        members().for_each(|it| turn.write(record(&self.current_key(&it.id), it.current().write())));
    }

    /// Whether it is a classic group once this member is none any more, or another one, and so many are left
    /// (`validateOnlineDowngrade`).
    pub(super) fn may_downgrade(&self, without: &str, left: usize, turn: &Turn<'_, '_>) -> bool {
        let settings = &turn.moment.settings.groups;
        let is_last = self.members.values().all(|member| member.is_classic() != (member.id == without));
        is_last && left > 0 && settings.migration_policy.downgrades() && left <= settings.max_size
    }

    /// It is a classic group from now on. Where a static member of the classic protocol takes the place of the last one with the
    /// other, it has what that had; otherwise all join again.
    pub(super) fn downgrade(&self, leaving: &str, joining: Option<&ConsumerMember>, turn: &mut Turn<'_, '_>) {
        let others: Vec<&ConsumerMember> = self.members.values().filter(|member| member.id != leaving).collect();
        others.iter().for_each(|member| self.cancel_soon(&member.id, turn));
        let mut former = self.clone();
        if let Some(joining) = joining {
            // What it had is its own: it was written under the new id just now.
            former.members.remove(leaving);
            former.members.insert(joining.id.clone(), joining.clone());
            let target = former.targets.remove(leaving).unwrap_or_default();
            former.targets.insert(joining.id.clone(), target);
        }
        former.tombstones().into_iter().for_each(|record| turn.write(record));
        let members = others.into_iter().chain(joining).map(classic_member).collect();
        let mut group = ClassicGroup::of_members(&self.id, self.epoch, members, turn.moment.wall_ms);
        group.assign(|id, metadata| {
            let target = former.targets.get(id).into_iter().flatten().map(|(topic, it)| (*topic, it.iter().copied()));
            assignment_of_version(version_of(metadata).unwrap_or_default(), &named(target, turn.moment.image))
        });
        turn.write(group.whole_record());
        let protocols = group.members.values().map(|member| (member.id.clone(), member.protocols.clone()));
        let protocols: BTreeMap<String, Vec<(String, Bytes)>> = protocols.collect();
        turn.then(Then::Downgraded { group: self.id.clone(), protocols, rebalances: joining.is_none() });
    }

    /// What a classic group has no such timers for.
    fn cancel_soon(&self, id: &str, turn: &mut Turn<'_, '_>) {
        [Kind::Rebalance, Kind::Join, Kind::Sync].into_iter().for_each(|kind| turn.cancel_of(&self.id, kind, id));
    }
}

fn of_classic_member(
    it: &ClassicMember,
    protocol: &str,
    generation: i32,
    image: &ClusterImage,
) -> Option<ConsumerMember> {
    let subscription = Subscription::of(&it.metadata(Some(protocol)))?;
    // Whoever was told nothing has nothing.
    let assigned = by_id(&assignment_of(&it.assignment).unwrap_or_default(), image);
    let assigned: OwnedPartitions = assigned
        .into_iter()
        .map(|it| (it.topic_id, it.partitions.into_iter().map(|partition| (partition, generation)).collect()))
        .collect();
    let new = ConsumerMember::new(&it.id);
    Some(ConsumerMember {
        said: MemberValue {
            instance: it.instance.clone(),
            rack: subscription.rack,
            client_id: it.client_id.clone(),
            client_host: it.client_host.clone(),
            topics: sorted(&subscription.topics),
            rebalance_timeout_ms: it.rebalance_timeout_ms,
            classic: Some(ClassicSaid { session_timeout_ms: it.session_timeout_ms, protocols: it.protocols.clone() }),
            ..new.said
        },
        epoch: generation,
        previous_epoch: generation,
        state: MemberState::Stable,
        assigned,
        ..new
    })
}

fn classic_member(member: &ConsumerMember) -> ClassicMember {
    let said = member.said.classic.clone().expect("all that are left speak the classic protocol");
    ClassicMember {
        id: member.id.clone(),
        instance: member.said.instance.clone(),
        client_id: member.said.client_id.clone(),
        client_host: member.said.client_host.clone(),
        rebalance_timeout_ms: member.said.rebalance_timeout_ms,
        session_timeout_ms: said.session_timeout_ms,
        protocols: said.protocols,
        assignment: Bytes::new(),
        is_new: false,
        joining: None,
        syncing: None,
    }
}
