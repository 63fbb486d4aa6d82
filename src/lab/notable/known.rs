//! What is known of something beside what its note tells.

use crate::wire::TopicPartition;

/// What is known of something beside what its note tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Where the group that an order moves was in each partition, as its members were told, and where that ends.
    Committed(Vec<(TopicPartition, i64, i64)>),
    /// A segment that retention removes, by its first offset, takes itself for older than its records are: what a power loss has left of
    /// its time index says the one, and the youngest of its records the other.
    TornTime {
        /// Its first offset.
        base: i64,
        /// The timestamp that its time index ends with.
        says_ms: i64,
        /// That of its youngest record.
        youngest_ms: i64,
    },
    /// Where the log ends of which a consumer had asked for an offset that it does not have.
    LogEnd(i64),
}
