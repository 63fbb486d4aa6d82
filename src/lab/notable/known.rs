//! What is known of something beside what its note tells.

use crate::wire::TopicPartition;

/// What is known of something beside what its note tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Where the group that an order moves was in each partition, as its members were told, and where that ends.
    Committed(Vec<(TopicPartition, i64, i64)>),
    /// Where the log ends of which a consumer had asked for an offset that it does not have.
    LogEnd(i64),
}
