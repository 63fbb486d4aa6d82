//! A consumer group (Kafka: `ConsumerGroup`, `ModernGroup`): all of it is in its records.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::super::records::{
    CurrentValue, EpochValue, Key, MemberValue, Partitions, RegexValue, TargetValue, tombstone,
};
use super::member::ConsumerMember;
use crate::broker::coordinator::CoordinatorRecord;
use crate::wire::ClusterImage;

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) struct ConsumerGroup {
    pub(in crate::broker::groups) id: String,
    pub(in crate::broker::groups) epoch: i32,
    /// Of the topics that it subscribes to, as they were at this epoch.
    pub(super) metadata_hash: i64,
    pub(in crate::broker::groups) target: TargetValue,
    pub(in crate::broker::groups) targets: BTreeMap<String, Partitions>,
    pub(in crate::broker::groups) members: BTreeMap<String, ConsumerMember>,
    /// Which topics the regular expressions of its members mean, as far as they were looked at.
    pub(in crate::broker::groups) regexes: BTreeMap<String, RegexValue>,
}

impl ConsumerGroup {
    /// A group that nobody has joined. Its first epoch is the one behind this.
    pub(in crate::broker::groups) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            epoch: 1,
            metadata_hash: 0,
            target: TargetValue { epoch: 1, timestamp_ms: 0 },
            targets: BTreeMap::new(),
            members: BTreeMap::new(),
            regexes: BTreeMap::new(),
        }
    }

    /// `ConsumerGroup.ConsumerGroupState`.
    pub(in crate::broker::groups) fn state_name(&self) -> &'static str {
        if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.target.epoch {
            "Assigning"
        } else if self.members.values().all(|member| member.is_reconciled_to(self.target.epoch)) {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    pub(in crate::broker::groups) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.members.values().any(|member| self.topics_of(member).any(|name| name == topic))
    }

    /// The topics that a member subscribes to: those that it names, and those that its regular expression means. A topic that is
    /// both comes twice.
    pub(super) fn topics_of<'a>(&'a self, member: &'a ConsumerMember) -> impl Iterator<Item = &'a String> {
        let meant = member.regex().and_then(|regex| self.regexes.get(regex));
        member.said.topics.iter().chain(meant.into_iter().flat_map(|meant| &meant.topics))
    }

    /// The topics that these members subscribe to.
    pub(super) fn subscriptions<'a>(&'a self, members: impl Iterator<Item = &'a ConsumerMember>) -> BTreeSet<&'a str> {
        members.flat_map(|member| self.topics_of(member)).map(String::as_str).collect()
    }

    /// The member that is this instance.
    pub(super) fn static_member(&self, instance: &str) -> Option<&ConsumerMember> {
        self.members.values().find(|member| member.said.instance.as_deref() == Some(instance))
    }

    /// The partitions that somebody has, or has not given up yet.
    pub(super) fn owned(&self) -> BTreeSet<(Uuid, i32)> {
        let of_member = |member: &ConsumerMember| {
            let owned = member.assigned.iter().chain(&member.pending_revocation);
            let owned = owned.flat_map(|(topic, partitions)| partitions.keys().map(|partition| (*topic, *partition)));
            owned.collect::<Vec<_>>()
        };
        self.members.values().flat_map(of_member).collect()
    }

    pub(in crate::broker::groups) fn replay_epoch(&mut self, value: EpochValue) {
        self.epoch = value.epoch;
        self.metadata_hash = value.metadata_hash;
    }

    pub(in crate::broker::groups) fn replay_member(&mut self, id: &str, value: Option<MemberValue>) {
        match value {
            Some(said) => self.member_mut(id).said = said,
            None => {
                self.members.remove(id);
            }
        }
    }

    pub(in crate::broker::groups) fn replay_current(&mut self, id: &str, value: Option<CurrentValue>) {
        let nothing = || ConsumerMember { epoch: -1, previous_epoch: -1, ..ConsumerMember::new(id) }.current();
        match value {
            Some(value) => self.member_mut(id).take(value),
            None => {
                if let Some(member) = self.members.get_mut(id) {
                    member.take(nothing());
                }
            }
        }
    }

    pub(in crate::broker::groups) fn replay_regex(&mut self, regex: String, value: Option<RegexValue>) {
        match value {
            Some(value) => self.regexes.insert(regex, value),
            None => self.regexes.remove(&regex),
        };
    }

    fn member_mut(&mut self, id: &str) -> &mut ConsumerMember {
        self.members.entry(id.to_owned()).or_insert_with(|| ConsumerMember::new(id))
    }

    fn key_of(&self, member: &str, of: fn(String, String) -> Key) -> Key {
        of(self.id.clone(), member.to_owned())
    }

    pub(super) fn current_key(&self, member: &str) -> Key {
        self.key_of(member, |group, member| Key::Current { group, member })
    }

    pub(super) fn target_key(&self, member: &str) -> Key {
        self.key_of(member, |group, member| Key::TargetOf { group, member })
    }

    pub(super) fn member_key(&self, member: &str) -> Key {
        self.key_of(member, |group, member| Key::Member { group, member })
    }

    pub(super) fn regex_key(&self, regex: &str) -> Key {
        Key::Regex { group: self.id.clone(), regex: regex.to_owned() }
    }

    pub(super) fn epoch_key(&self) -> Key {
        Key::Consumer { group: self.id.clone() }
    }

    pub(super) fn epoch_of_target_key(&self) -> Key {
        Key::Target { group: self.id.clone() }
    }

    /// What takes a member out of the log.
    pub(super) fn tombstones_of(&self, member: &str) -> [CoordinatorRecord; 3] {
        [self.current_key(member), self.target_key(member), self.member_key(member)].map(|key| tombstone(&key))
    }

    /// What takes the group out of the log (`createGroupTombstoneRecords`).
    pub(in crate::broker::groups) fn tombstones(&self) -> Vec<CoordinatorRecord> {
        let members: Vec<&str> = self.members.keys().map(String::as_str).collect();
        let of_members = |key: &dyn Fn(&str) -> Key| members.iter().map(|id| tombstone(&key(id))).collect::<Vec<_>>();
        let mut records = of_members(&|id| self.current_key(id));
        records.extend(of_members(&|id| self.target_key(id)));
        records.push(tombstone(&self.epoch_of_target_key()));
        records.extend(of_members(&|id| self.member_key(id)));
        records.extend(self.regexes.keys().map(|regex| tombstone(&self.regex_key(regex))));
        records.push(tombstone(&Key::Topics { group: self.id.clone() }));
        records.push(tombstone(&self.epoch_key()));
        records
    }
}

/// A hash of the topics that are subscribed to and there, with their partitions: another one, another assignment
/// (`ModernGroup.computeMetadataHash`). Kafka's is XXH3 over the same; nobody but the coordinator reads it. 0 is for none.
pub(super) fn metadata_hash<'a>(topics: impl Iterator<Item = &'a str>, image: &ClusterImage) -> i64 {
    let mut hash = 0_u64;
    for topic in topics.filter_map(|name| image.topics.get(image.topics.named(name)?)) {
        let count = (topic.partitions.len() as u32).to_be_bytes();
        for byte in topic.id.as_bytes().iter().chain(topic.name.as_bytes()).chain(&count) {
            // FNV-1a.
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3) ^ 0xcbf2_9ce4_8422_2325;
        }
    }
    hash.cast_signed()
}

/// The ids of the topics of these names that are there.
pub(super) fn topic_ids<'a>(names: impl Iterator<Item = &'a String>, image: &ClusterImage) -> BTreeSet<Uuid> {
    names.filter_map(|name| image.topics.named(name)).map(|number| image.topics.id_of(number)).collect()
}
