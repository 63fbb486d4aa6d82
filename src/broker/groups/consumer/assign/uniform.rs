//! The assignor `uniform` (Kafka: `UniformAssignor`): everybody has as many partitions as the others, and as few as possible
//! change hands.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::super::super::records::Partitions;
use super::{Spec, Targets};

pub(in super::super) fn uniform(spec: &Spec) -> Targets {
    if spec.is_homogeneous() { homogeneous(spec) } else { heterogeneous(spec) }
}

/// `UniformHomogeneousAssignmentBuilder`: all subscribe to the same topics.
fn homogeneous(spec: &Spec) -> Targets {
    // Without members nobody shall have anything.
    let Some(topics) = spec.members.values().next().map(|member| &member.topics) else { return Targets::new() };
    if topics.is_empty() {
        return spec.members.keys().map(|id| (id.clone(), Partitions::new())).collect();
    }
    let all = all_of(spec, topics);
    let mut extra = all.len() % spec.members.len();
    let least = all.len() / spec.members.len();
    let mut targets = Targets::new();
    let mut unfilled = Vec::new();
    // Who was removed, or never there, has left these.
    let mut free = unassigned(spec, &all);
    for (id, member) in &spec.members {
        let mut quota = least + usize::from(extra > 0);
        extra = extra.saturating_sub(1);
        let mut kept = Partitions::new();
        for (topic, partitions) in member.former.iter().filter(|(topic, _)| topics.contains(topic)) {
            for partition in partitions {
                if quota > 0 {
                    quota -= 1;
                    kept.entry(*topic).or_default().insert(*partition);
                } else {
                    free.push((*topic, *partition));
                }
            }
        }
        if quota > 0 {
            unfilled.push((id.clone(), quota));
        }
        targets.insert(id.clone(), kept);
    }
    let mut free = free.into_iter();
    for (id, quota) in unfilled {
        for (topic, partition) in free.by_ref().take(quota) {
            targets.entry(id.clone()).or_default().entry(topic).or_default().insert(partition);
        }
    }
    assert!(free.next().is_none(), "quotas are for all partitions");
    targets
}

/// Members subscribe to different topics (Kafka: `UniformHeterogeneousAssignmentBuilder`): everybody keeps what it may, what is
/// free goes to the subscriber with least, and then partitions move from who has most to who has at least two less, as long
/// as there are such.
fn heterogeneous(spec: &Spec) -> Targets {
    let mut targets: Targets = spec.members.keys().map(|id| (id.clone(), Partitions::new())).collect();
    let topics: BTreeSet<Uuid> = spec.members.values().flat_map(|member| member.topics.iter().copied()).collect();
    let subscribers: BTreeMap<Uuid, Vec<&String>> = topics
        .iter()
        .map(|topic| {
            (*topic, spec.members.iter().filter(|(_, it)| it.topics.contains(topic)).map(|(id, _)| id).collect())
        })
        .collect();
    let mut taken: BTreeSet<(Uuid, i32)> = BTreeSet::new();
    for (id, member) in &spec.members {
        for (topic, partitions) in member.former.iter().filter(|(topic, _)| member.topics.contains(topic)) {
            for partition in partitions {
                if taken.insert((*topic, *partition)) {
                    give(&mut targets, id, *topic, *partition);
                }
            }
        }
    }
    // Topics that few may have come first.
    let mut free: Vec<(Uuid, i32)> = all_of(spec, &topics).into_iter().filter(|it| !taken.contains(it)).collect();
    free.sort_by_key(|(topic, partition)| (subscribers[topic].len(), *topic, *partition));
    for (topic, partition) in free {
        let poorest = subscribers[&topic].iter().min_by_key(|id| (count(&targets, id), (**id).clone()));
        let poorest = (*poorest.expect("a topic that is assigned has a subscriber")).clone();
        give(&mut targets, &poorest, topic, partition);
    }
    while let Some((rich, poor, topic, partition)) = a_move(&targets, &subscribers) {
        let of_topic = targets.get_mut(&rich).and_then(|it| it.get_mut(&topic)).expect("it has the partition");
        of_topic.remove(&partition);
        if of_topic.is_empty() {
            targets.get_mut(&rich).expect("it is a member").remove(&topic);
        }
        give(&mut targets, &poor, topic, partition);
    }
    targets
}

/// A partition that brings two subscribers of its topic closer to each other, if there is one.
fn a_move(targets: &Targets, subscribers: &BTreeMap<Uuid, Vec<&String>>) -> Option<(String, String, Uuid, i32)> {
    subscribers.iter().find_map(|(topic, ids)| {
        let has_any = |id: &&&String| targets[**id].get(topic).is_some_and(|it| !it.is_empty());
        let rich = ids.iter().filter(has_any).max_by_key(|id| count(targets, id))?;
        let poor = ids.iter().min_by_key(|id| count(targets, id))?;
        let partition = *targets[*rich].get(topic)?.last()?;
        let narrows = count(targets, rich) >= count(targets, poor) + 2;
        narrows.then(|| ((*rich).clone(), (*poor).clone(), *topic, partition))
    })
}

fn count(targets: &Targets, id: &str) -> usize {
    targets[id].values().map(BTreeSet::len).sum()
}

fn give(targets: &mut Targets, id: &str, topic: Uuid, partition: i32) {
    targets.get_mut(id).expect("it is a member").entry(topic).or_default().insert(partition);
}

fn all_of(spec: &Spec, topics: &BTreeSet<Uuid>) -> Vec<(Uuid, i32)> {
    topics.iter().flat_map(|topic| (0..spec.partitions_of(*topic)).map(|partition| (*topic, partition))).collect()
}

/// Those that nobody had.
fn unassigned(spec: &Spec, all: &[(Uuid, i32)]) -> Vec<(Uuid, i32)> {
    let had = |topic: &Uuid, partition: &i32| {
        spec.members.values().any(|member| member.former.get(topic).is_some_and(|it| it.contains(partition)))
    };
    all.iter().filter(|(topic, partition)| !had(topic, partition)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{spec, targets, with_former};
    use super::*;

    #[test]
    fn everybody_has_as_much_as_the_others() {
        let spec = spec(&[("a", &[1, 2]), ("b", &[1, 2])], &[(1, 2), (2, 3)]);
        assert_eq!(targets(&uniform(&spec)), "a: 1[0, 1] 2[0]; b: 2[1, 2]");
    }

    /// As a real broker has assigned: the first keeps one of two partitions.
    #[test]
    fn a_new_member_gets_what_others_have_too_much_of() {
        let mut spec = spec(&[("m1", &[1]), ("m2", &[1])], &[(1, 2)]);
        with_former(&mut spec, "m1", 1, &[0, 1]);
        assert_eq!(targets(&uniform(&spec)), "m1: 1[0]; m2: 1[1]");
    }

    #[test]
    fn who_leaves_leaves_its_partitions_to_the_others_who_keep_theirs() {
        let mut spec = spec(&[("a", &[1]), ("c", &[1])], &[(1, 6)]);
        with_former(&mut spec, "a", 1, &[0, 1]);
        with_former(&mut spec, "c", 1, &[4, 5]);
        assert_eq!(targets(&uniform(&spec)), "a: 1[0, 1, 2]; c: 1[3, 4, 5]");
    }

    #[test]
    fn a_topic_that_nobody_subscribes_to_any_more_is_given_up() {
        let mut spec = spec(&[("a", &[2])], &[(1, 2), (2, 1)]);
        with_former(&mut spec, "a", 1, &[0, 1]);
        assert_eq!(targets(&uniform(&spec)), "a: 2[0]");
        assert_eq!(targets(&uniform(&super::super::tests::spec(&[("a", &[])], &[]))), "a:");
    }

    #[test]
    fn members_of_different_topics_share_what_they_may() {
        let spec = spec(&[("a", &[1]), ("b", &[1, 2]), ("c", &[2])], &[(1, 3), (2, 3)]);
        let all = uniform(&spec);
        assert!(all.keys().all(|id| count(&all, id) == 2), "{all:?}");
        let mut moved = super::super::tests::spec(&[("a", &[1]), ("b", &[1, 2])], &[(1, 4), (2, 1)]);
        with_former(&mut moved, "a", 1, &[0, 1, 2, 3]);
        assert_eq!(targets(&uniform(&moved)), "a: 1[0, 1, 2]; b: 1[3] 2[0]");
    }
}
