//! What is known of a transaction.

use crate::wire::TopicPartition;

/// What becomes of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nobody has asked to commit it.
    Open,
    /// It may be committed or not.
    Unknown,
    Committed,
    /// It is aborted, or will be: nobody asked to commit it, and nobody can any more.
    Aborted,
}

/// A transaction of a producer.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    /// The number of its first record.
    pub(super) first: u64,
    pub(super) fate: Fate,
    /// Readers that were given one of its records: which, and where.
    pub(super) given_to: Vec<(u32, TopicPartition, i64)>,
}
