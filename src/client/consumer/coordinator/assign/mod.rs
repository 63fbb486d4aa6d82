//! What the leader of a group gives to whom (Kafka: `ConsumerPartitionAssignor`).

mod plain;
mod sticky;

use std::collections::BTreeMap;

use super::Place;
use super::protocol::{Subscription, sticky_of};
use crate::settings::Assignor;

/// Who is in the group.
#[derive(Clone, Debug)]
pub(super) struct Assignee {
    pub(super) id: String,
    pub(super) instance: Option<String>,
    pub(super) subscription: Subscription,
}

impl Assignee {
    /// `MemberInfo.compareTo`: those with an instance id come first, by that.
    fn rank(&self) -> (bool, &str, &str) {
        (self.instance.is_none(), self.instance.as_deref().unwrap_or_default(), &self.id)
    }

    fn reads(&self, topic: &str) -> bool {
        self.subscription.topics.iter().any(|read| read == topic)
    }
}

/// What each member is given, by its id.
pub(super) type Assignment = BTreeMap<String, Vec<Place>>;

/// Assigns all partitions of these topics, each with how many it has, to those who read them.
pub(super) fn assign(assignor: Assignor, members: &[Assignee], topics: &BTreeMap<String, u32>) -> Assignment {
    let mut members = members.to_vec();
    members.sort_by(|a, b| a.rank().cmp(&b.rank()));
    match assignor {
        Assignor::Range => plain::range(&members, topics),
        Assignor::RoundRobin => plain::round_robin(&members, topics),
        Assignor::Sticky => {
            let said = |it: &Assignee| it.subscription.user_data.as_deref().and_then(sticky_of);
            let owned: Vec<_> = members.iter().map(|it| said(it).unwrap_or((Vec::new(), -1))).collect();
            sticky::assign(&members, &owned, topics)
        }
        Assignor::CooperativeSticky => {
            let owned: Vec<_> =
                members.iter().map(|it| (it.subscription.owned.clone(), it.subscription.generation)).collect();
            sticky::without_transfers(sticky::assign(&members, &owned, topics), &members)
        }
    }
}

/// All partitions, topic by topic.
fn all(topics: &BTreeMap<String, u32>) -> impl Iterator<Item = Place> {
    topics.iter().flat_map(|(topic, count)| (0..count.cast_signed()).map(move |partition| (topic.clone(), partition)))
}

#[cfg(test)]
mod tests;
