//! The records of an internal topic (Kafka: `CoordinatorRecord`).

use bytes::Bytes;

/// One record of an internal topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorRecord {
    /// What it is about.
    pub key: Bytes,
    /// What is so now; `None` is a tombstone.
    pub value: Option<Bytes>,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPlace {
    /// Its offset.
    pub offset: i64,
    /// The producer of the transaction that it is part of; `None` outside one.
    pub producer_id: Option<i64>,
}
