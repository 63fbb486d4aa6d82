//! What a program asks its consumer for beside records.

use crate::sim::Time;

/// An offset of a partition by what was asked for: a time, the beginning or the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFound {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset; -1 where there is none.
    pub offset: i64,
    /// The timestamp of the record there, -1 for none.
    pub timestamp: i64,
    /// Its leader epoch, -1 where not known.
    pub leader_epoch: i32,
}

/// Where a group is in a partition (`OffsetAndMetadata`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffset {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset to read; -1 where the group has committed none.
    pub offset: i64,
    /// The leader epoch of the record before, -1 where not known.
    pub leader_epoch: i32,
    /// What the program says with it.
    pub metadata: String,
}

/// Offsets that are asked for (`OffsetFetcher.fetchOffsetsByTimes`).
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    /// What nobody has been asked yet, or not with success: topic, partition and timestamp.
    pub(super) wanted: Vec<(String, i32, i64)>,
    /// Requests that are on their way.
    pub(super) on_their_way: u32,
    pub(super) found: Vec<OffsetFound>,
    pub(super) not_before: Time,
    pub(super) failures: u32,
}
