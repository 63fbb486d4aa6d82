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
    /// Offsets at these times: topic, partition and timestamp.
    Query(Vec<(String, i32, i64)>),
    /// It ends a session.
    LastFetch,
    Group(GroupTag),
}
