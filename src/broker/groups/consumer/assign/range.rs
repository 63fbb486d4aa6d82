//! The assignor `range` (Kafka: `RangeAssignor`): of each topic a member gets partitions that follow each other, and those of
//! topics with equal partitions lie side by side.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::super::super::records::Partitions;
use super::{Spec, Subscriber, Targets};

/// How far a topic is given out.
struct Topic {
    partitions: i32,
    quota: i32,
    extra: i32,
    next: i32,
}

pub(in super::super) fn range(spec: &Spec) -> Targets {
    let mut topics: BTreeMap<Uuid, Topic> = BTreeMap::new();
    for topic in spec.members.values().flat_map(|member| &member.topics) {
        let subscribers = spec.members.values().filter(|member| member.topics.contains(topic)).count() as i32;
        let partitions = spec.partitions_of(*topic);
        let (quota, extra) = (partitions / subscribers, partitions % subscribers);
        topics.entry(*topic).or_insert(Topic { partitions, quota, extra, next: 0 });
    }
    let mut targets = Targets::new();
    for (id, member) in in_order(spec) {
        let mut partitions = Partitions::new();
        for topic in &member.topics {
            let it = topics.get_mut(topic).expect("every topic of a member is one");
            let quota = it.quota + i32::from(it.extra > 0);
            it.extra = (it.extra - 1).max(0);
            let end = (it.next + quota).min(it.partitions);
            if it.next < end {
                partitions.insert(*topic, (it.next..end).collect());
            }
            it.next = end;
        }
        targets.insert(id.clone(), partitions);
    }
    targets
}

/// Static members first, by their instance, then the others by their id: who comes back gets what it had.
fn in_order(spec: &Spec) -> Vec<(&String, &Subscriber)> {
    let mut members: Vec<(&String, &Subscriber)> = spec.members.iter().collect();
    members.sort_by_key(|(id, member)| (member.instance.is_none(), member.instance.clone(), (*id).clone()));
    members
}

#[cfg(test)]
mod tests {
    use super::super::tests::{spec, targets};
    use super::*;

    #[test]
    fn partitions_of_each_topic_are_cut_into_ranges_the_first_ones_larger() {
        let spec = spec(&[("a", &[1, 2]), ("b", &[1, 2])], &[(1, 3), (2, 3)]);
        assert_eq!(targets(&range(&spec)), "a: 1[0, 1] 2[0, 1]; b: 1[2] 2[2]");
    }

    #[test]
    fn only_subscribers_of_a_topic_share_it() {
        let spec = spec(&[("a", &[1]), ("b", &[1, 2]), ("c", &[2])], &[(1, 3), (2, 2)]);
        assert_eq!(targets(&range(&spec)), "a: 1[0, 1]; b: 1[2] 2[0]; c: 2[1]");
    }

    #[test]
    fn static_members_come_first_by_their_instance() {
        let mut spec = spec(&[("a", &[1]), ("b", &[1])], &[(1, 3)]);
        spec.members.get_mut("b").expect("b").instance = Some("i".to_owned());
        assert_eq!(targets(&range(&spec)), "a: 1[2]; b: 1[0, 1]");
    }
}
