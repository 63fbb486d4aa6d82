//! A topic and its partitions in the metadata (Kafka: `TopicImage`).

use std::collections::BTreeMap;

use uuid::Uuid;

/// One topic (TopicRecord).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// Made by the controller when it was created, and never used again.
    pub id: Uuid,
    /// Its name. Once it is deleted, another topic may be called so.
    pub name: String,
    /// Its partitions, from 0.
    pub partitions: Vec<PartitionImage>,
    /// Topic settings by Kafka's names, only those that were given.
    pub config: BTreeMap<String, String>,
}

impl TopicImage {
    /// Whether it is one of Kafka's own (`Topic.isInternal`).
    #[must_use]
    pub fn is_internal(&self) -> bool {
        ["__consumer_offsets", "__transaction_state", "__share_group_state"].contains(&self.name.as_str())
    }
}

/// `Topic.MAX_NAME_LENGTH`.
const NAME_MAX: usize = 249;

/// Why no topic can be called so (`Topic.validate`); `None` where one can.
#[must_use]
pub fn why_no_topic_name(name: &str) -> Option<String> {
    let is_legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    if name.is_empty() {
        return Some("Topic name is invalid: the empty string is not allowed".to_owned());
    }
    if name == "." || name == ".." {
        return Some("Topic name is invalid: '.' or '..' is not allowed".to_owned());
    }
    if name.len() > NAME_MAX {
        let why = format!("the length of '{name}' is longer than the max allowed length {NAME_MAX}");
        return Some(format!("Topic name is invalid: {why}"));
    }
    if !name.chars().all(is_legal) {
        let why = "contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
        return Some(format!("Topic name is invalid: '{name}' {why}"));
    }
    None
}

/// One partition (PartitionRecord and PartitionChangeRecord).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// All replicas, the preferred leader first.
    pub replicas: Vec<i32>,
    /// The in-sync replicas; may be empty.
    pub isr: Vec<i32>,
    /// The eligible leader replicas (KIP-966).
    pub elr: Vec<i32>,
    /// The last known leader, kept while the ISR is empty (KIP-966).
    pub last_known_elr: Vec<i32>,
    /// The leader; -1 for none.
    pub leader: i32,
    /// One more at each change of leader.
    pub leader_epoch: i32,
    /// One more at each change of this record.
    pub partition_epoch: i32,
    /// An unclean election is not yet healed (KIP-704).
    pub recovering: bool,
}
