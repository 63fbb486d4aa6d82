//! What a member has next on its way to what it shall have (Kafka: `CurrentAssignmentBuilder`): first it gives up what it
//! shall not have, then it takes what nobody has.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use uuid::Uuid;

use super::super::records::{OwnedPartitions, Partitions};
use super::member::{ConsumerMember, MemberState};

/// What is known when a member reports.
pub(super) struct Report<'a> {
    /// The epoch of the target assignment, and what the member shall have in it.
    pub(super) target_epoch: i32,
    pub(super) target: &'a Partitions,
    /// The topics that it subscribes to, as far as they are there.
    pub(super) subscribed: &'a BTreeSet<Uuid>,
    pub(super) has_subscription_changed: bool,
    /// The partitions that somebody has, this member included.
    pub(super) owned_by_any: &'a BTreeSet<(Uuid, i32)>,
    /// What the member says that it has; `None` where it says nothing.
    pub(super) owned: Option<&'a [TopicPartitions]>,
}

/// The member as it is next; `None` where it has to join again.
pub(super) fn reconcile(member: &ConsumerMember, report: &Report<'_>) -> Option<ConsumerMember> {
    Some(match member.state {
        MemberState::Stable if member.epoch != report.target_epoch => next(member, member.epoch, report),
        // A later target is not looked at before this is done.
        MemberState::Unrevoked if !owns_any_of(report.owned, &member.pending_revocation) => {
            next(member, member.epoch, report)
        }
        MemberState::Stable | MemberState::Unrevoked if report.has_subscription_changed => drop_topics(member, report),
        MemberState::Stable | MemberState::Unrevoked => member.clone(),
        MemberState::Unreleased => next(member, member.epoch, report),
        // `[]` is said by who has given up everything.
        MemberState::Unknown if report.owned.is_none_or(|owned| !owned.is_empty()) => return None,
        MemberState::Unknown => next(member, report.target_epoch, report),
    })
}

/// Whether a member may still have one of these: who does not say has what it had.
fn owns_any_of(owned: Option<&[TopicPartitions]>, partitions: &OwnedPartitions) -> bool {
    let has = |it: &TopicPartitions| {
        partitions.get(&it.topic_id).is_some_and(|of_topic| it.partitions.iter().any(|it| of_topic.contains_key(it)))
    };
    owned.is_none_or(|owned| owned.iter().any(has))
}

/// Topics that the member no longer subscribes to it gives up at once, without a new target (`updateCurrentAssignment`).
fn drop_topics(member: &ConsumerMember, report: &Report<'_>) -> ConsumerMember {
    let is_kept = |topic: &Uuid| report.subscribed.contains(topic);
    if member.assigned.keys().all(is_kept) {
        return member.clone();
    }
    let (assigned, dropped): (OwnedPartitions, OwnedPartitions) =
        member.assigned.clone().into_iter().partition(|(topic, _)| is_kept(topic));
    let mut pending_revocation = member.pending_revocation.clone();
    for (topic, partitions) in dropped {
        pending_revocation.entry(topic).or_default().extend(partitions);
    }
    let next = ConsumerMember { assigned, ..member.clone() }.at_epoch(member.epoch);
    if owns_any_of(report.owned, &pending_revocation) {
        ConsumerMember { state: MemberState::Unrevoked, pending_revocation, ..next }
    } else {
        next
    }
}

/// The next step towards the target (`computeNextAssignment`).
fn next(member: &ConsumerMember, epoch: i32, report: &Report<'_>) -> ConsumerMember {
    let wanted = |topic: &Uuid| report.target.get(topic).filter(|_| report.subscribed.contains(topic));
    let mut kept = OwnedPartitions::new();
    let mut to_revoke = OwnedPartitions::new();
    for (topic, partitions) in &member.assigned {
        for (partition, since) in partitions {
            let is_kept = wanted(topic).is_some_and(|wanted| wanted.contains(partition));
            let side = if is_kept { &mut kept } else { &mut to_revoke };
            side.entry(*topic).or_default().insert(*partition, *since);
        }
    }
    if !to_revoke.is_empty() && owns_any_of(report.owned, &to_revoke) {
        let next = ConsumerMember { assigned: kept, pending_revocation: to_revoke, ..member.clone() };
        return ConsumerMember { state: MemberState::Unrevoked, ..next.at_epoch(epoch) };
    }
    let mut is_waiting = false;
    for (topic, partitions) in report.target {
        if wanted(topic).is_none() {
            continue;
        }
        for partition in partitions {
            let is_mine = |all: &OwnedPartitions| all.get(topic).is_some_and(|all| all.contains_key(partition));
            if is_mine(&kept) {
                continue;
            }
            // What it gives up just now is nobody else's.
            let is_owned = report.owned_by_any.contains(&(*topic, *partition));
            if is_owned && !is_mine(&member.pending_revocation) {
                is_waiting = true;
            } else {
                let of_topic: &mut BTreeMap<i32, i32> = kept.entry(*topic).or_default();
                of_topic.insert(*partition, report.target_epoch);
            }
        }
    }
    let state = if is_waiting { MemberState::Unreleased } else { MemberState::Stable };
    let next = ConsumerMember { assigned: kept, pending_revocation: OwnedPartitions::new(), ..member.clone() };
    ConsumerMember { state, ..next.at_epoch(report.target_epoch) }
}
