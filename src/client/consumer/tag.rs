//! What a consumer remembers of a request until it is answered.

use super::coordinator::member::GroupTag;
use crate::wire::TopicPartition;

/// What a request was for.
#[derive(Clone, Debug)]
pub(super) enum Tag {
    Fetch,
    FetchByName,
    /// Offsets, or ends of epochs, of these partitions.
    Ask(Vec<TopicPartition>),
    Group(GroupTag),
}
