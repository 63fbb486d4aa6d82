//! Who shall have what: the assignors of a coordinator (Kafka: the package `group.assignor`, KIP-848).

mod range;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::super::records::Partitions;

pub(super) use range::range;
pub(super) use uniform::uniform;

/// What an assignor knows of a member.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriber {
    pub(super) instance: Option<String>,
    /// The topics that it subscribes to and that are there.
    pub(super) topics: BTreeSet<Uuid>,
    /// What it shall have by the last assignment.
    pub(super) former: Partitions,
}

/// What an assignor knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Spec {
    pub(super) members: BTreeMap<String, Subscriber>,
    /// How many partitions each topic has.
    pub(super) partitions: BTreeMap<Uuid, i32>,
}

impl Spec {
    /// Whether all subscribe to the same topics.
    fn is_homogeneous(&self) -> bool {
        let mut members = self.members.values();
        let first = members.next();
        members.all(|member| Some(&member.topics) == first.map(|first| &first.topics))
    }

    fn partitions_of(&self, topic: Uuid) -> i32 {
        self.partitions.get(&topic).copied().unwrap_or(0)
    }
}

/// What each member shall have.
pub(super) type Targets = BTreeMap<String, Partitions>;

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    /// Members with the topics that they subscribe to, and topics with their partitions, by small numbers.
    pub(super) fn spec(members: &[(&str, &[u128])], topics: &[(u128, i32)]) -> Spec {
        let member = |(id, topics): &(&str, &[u128])| {
            let topics = topics.iter().map(|topic| Uuid::from_u128(*topic)).collect();
            ((*id).to_owned(), Subscriber { topics, ..Subscriber::default() })
        };
        let topic = |(id, partitions): &(u128, i32)| (Uuid::from_u128(*id), *partitions);
        Spec { members: members.iter().map(member).collect(), partitions: topics.iter().map(topic).collect() }
    }

    pub(super) fn with_former(spec: &mut Spec, member: &str, topic: u128, partitions: &[i32]) {
        let member = spec.members.get_mut(member).expect("a member");
        member.former.insert(Uuid::from_u128(topic), partitions.iter().copied().collect());
    }

    pub(super) fn targets(targets: &Targets) -> String {
        let mut lines = Vec::new();
        for (id, partitions) in targets {
            let mut line = format!("{id}:");
            for (topic, partitions) in partitions {
                write!(line, " {}{:?}", topic.as_u128(), partitions.iter().collect::<Vec<_>>()).expect("it is text");
            }
            lines.push(line);
        }
        lines.join("; ")
    }
}
