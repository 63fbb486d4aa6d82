//! What is known of a consumer in a partition.

use crate::lab::check::When;
use crate::sim::Time;
use crate::wire::TopicPartition;

/// Offsets that a consumer went past without being given anything.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    pub(super) consumer: u32,
    pub(super) partition: TopicPartition,
    pub(super) from: i64,
    pub(super) to: i64,
    /// When it did.
    pub(super) since: When,
}

/// A leader began with less than a consumer had read: it goes back, or misses what is written there from now on (KIP-320).
#[derive(Clone, Debug)]
pub(super) struct Rewind {
    pub(super) consumer: u32,
    pub(super) partition: TopicPartition,
    /// Where the log ended.
    pub(super) end: i64,
}

/// Where a consumer is in a partition.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab::check) struct Position {
    /// Up to here nothing may be missing in what it was given: its offset, or the start of a topic whose predecessor it read.
    pub(super) next: i64,
    /// Its offset.
    pub(in crate::lab::check) at: i64,
    /// Since when.
    pub(in crate::lab::check) moved_at: Time,
}
