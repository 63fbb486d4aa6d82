//! Who is in a group, and what all are given.

use std::collections::BTreeMap;

use super::super::member::Place;
use crate::wire::Subscription;

/// Who is in the group.
#[derive(Clone, Debug)]
pub(in crate::client::consumer::coordinator) struct Assignee {
    pub(in crate::client::consumer::coordinator) id: String,
    pub(in crate::client::consumer::coordinator) instance: Option<String>,
    pub(in crate::client::consumer::coordinator) subscription: Subscription,
}

impl Assignee {
    /// `MemberInfo.compareTo`: those with an instance id come first, by that.
    pub(super) fn rank(&self) -> (bool, &str, &str) {
        (self.instance.is_none(), self.instance.as_deref().unwrap_or_default(), &self.id)
    }

    pub(super) fn reads(&self, topic: &str) -> bool {
        self.subscription.topics.iter().any(|read| read == topic)
    }
}

/// What each member is given, by its id.
pub(in crate::client::consumer::coordinator) type Assignment = BTreeMap<String, Vec<Place>>;

/// All partitions, topic by topic.
pub(super) fn all(topics: &BTreeMap<String, u32>) -> impl Iterator<Item = Place> {
    topics.iter().flat_map(|(topic, count)| (0..count.cast_signed()).map(move |partition| (topic.clone(), partition)))
}
