//! What a group has read, as it becomes part of a transaction.

/// Offsets that a group has read up to, with who says so (Kafka: `ConsumerGroupMetadata`, `OffsetAndMetadata`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffsets {
    /// `group.id`
    pub group_id: String,
    /// The generation, or the member epoch; -1 for a consumer that is no member.
    pub generation: i32,
    /// The member's id; empty for a consumer that is no member.
    pub member_id: String,
    /// `group.instance.id`
    pub group_instance_id: Option<String>,
    /// Topic, partition and the next offset to read.
    pub offsets: Vec<(String, i32, i64)>,
}
