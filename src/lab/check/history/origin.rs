//! What is known of a record that a program has made of another.

use crate::wire::TopicPartition;

/// What a record was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    /// Where the record lies that it was made of,
    pub(super) from: TopicPartition,
    /// and at which offset.
    pub(super) offset: i64,
    /// Which it is of several that are made of one.
    pub(super) copy: u32,
}
