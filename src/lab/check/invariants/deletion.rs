//! What is known of records that administrators ask to delete.

use crate::wire::TopicPartition;

/// Somebody has asked for the records of a partition below an offset to go, and was not told, or not whether they are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deletion {
    pub(super) admin: u32,
    pub(super) partition: TopicPartition,
    pub(super) before: i64,
}

/// Those that may be done.
#[derive(Clone, Debug, Default)]
pub(super) struct Deletions(pub(super) Vec<Deletion>);
