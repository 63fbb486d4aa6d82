//! The records of `__consumer_offsets`, byte for byte as Kafka 4.3 writes them (`GroupCoordinatorRecordHelpers`,
//! `GroupCoordinatorRecordSerde`).

mod classic;
mod codec;
mod consumer;
mod key;
mod offset;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::broker::coordinator::CoordinatorRecord;

pub(super) use classic::{ClassicMemberValue, ClassicValue};
pub(super) use consumer::{
    ClassicSaid, CurrentValue, EpochValue, MemberValue, OwnedPartitions, Partitions, RegexValue, TargetValue,
    read_target, write_target,
};
pub(super) use key::Key;
pub(super) use offset::OffsetValue;

/// A record that says something.
pub(super) fn record(key: &Key, value: Bytes) -> CoordinatorRecord {
    CoordinatorRecord { key: key.write(), value: Some(value) }
}

/// A record that takes back what was said.
pub(super) fn tombstone(key: &Key) -> CoordinatorRecord {
    CoordinatorRecord { key: key.write(), value: None }
}
