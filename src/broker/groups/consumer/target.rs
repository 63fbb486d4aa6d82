//! The target assignment of a group (Kafka: `TargetAssignmentBuilder`, `maybeUpdateTargetAssignment`).

use std::collections::BTreeMap;

use super::super::records::{Partitions, TargetValue, record, write_target};
use super::super::turn::Turn;
use super::assign::{Spec, Subscriber, range, uniform};
use super::group::{ConsumerGroup, topic_ids};
use super::member::{ConsumerMember, is_the_same};
use super::validate::ASSIGNORS;
use crate::wire::ClusterImage;

/// What this member shall have, and in which epoch: by a new assignment if the group has another epoch, and the last assignment
/// is old enough (`group.consumer.assignment.interval.ms`).
pub(super) fn next_target(
    group: &ConsumerGroup,
    epoch: i32,
    member: &ConsumerMember,
    turn: &mut Turn<'_, '_>,
) -> (i32, Partitions) {
    let last = || (group.target.epoch, former_of(group, member).cloned().unwrap_or_default());
    let interval_ms = turn.moment.settings.groups.consumer_assignment_interval_ms;
    let due_ms = group.target.timestamp_ms.saturating_add(interval_ms);
    let may_assign = group.target.timestamp_ms == 0 || turn.moment.wall_ms >= due_ms;
    if group.target.epoch >= epoch || !may_assign {
        return last();
    }
    let spec = spec(group, member, turn.moment.image);
    let mut targets = match assignor(group, member) {
        "range" => range(&spec),
        _ => uniform(&spec),
    };
    for (id, partitions) in &targets {
        if group.targets.get(id) != Some(partitions) {
            turn.write(record(&group.target_key(id), write_target(partitions)));
        }
    }
    let value = TargetValue { epoch, timestamp_ms: turn.moment.wall_ms };
    turn.write(record(&group.epoch_of_target_key(), value.write()));
    (epoch, targets.remove(&member.id).unwrap_or_default())
}

/// What a member shall have by the last assignment; a static one under its former id, too.
fn former_of<'a>(group: &'a ConsumerGroup, member: &ConsumerMember) -> Option<&'a Partitions> {
    let known = group.members.values().find(|known| is_the_same(known, member));
    group.targets.get(known.map_or(&member.id, |known| &known.id))
}

fn spec(group: &ConsumerGroup, member: &ConsumerMember, image: &ClusterImage) -> Spec {
    let others = group.members.values().filter(|other| !is_the_same(other, member));
    let mut spec = Spec::default();
    for it in others.chain([member]) {
        let topics = topic_ids(group.topics_of(it), image);
        for number in topics.iter().filter_map(|id| image.topics.with_id(*id)) {
            let partitions = image.topics.get(number).map_or(0, |topic| topic.partitions.len() as i32);
            spec.partitions.insert(image.topics.id_of(number), partitions);
        }
        let former = former_of(group, it).cloned().unwrap_or_default();
        spec.members.insert(it.id.clone(), Subscriber { instance: it.said.instance.clone(), topics, former });
    }
    spec
}

/// The assignor that most members name; the default where none does (`computePreferredServerAssignor`).
pub(in crate::broker::groups) fn assignor_of<'a>(members: impl Iterator<Item = &'a ConsumerMember>) -> &'static str {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in members.filter_map(|member| member.said.assignor.as_deref()) {
        *counts.entry(name).or_default() += 1;
    }
    let most = counts.values().max();
    ASSIGNORS.into_iter().find(|name| counts.get(name) == most && most.is_some()).unwrap_or(ASSIGNORS[0])
}

fn assignor(group: &ConsumerGroup, member: &ConsumerMember) -> &'static str {
    assignor_of(group.members.values().filter(|other| !is_the_same(other, member)).chain([member]))
}
