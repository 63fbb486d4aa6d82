//! Records of `__transaction_state` (Kafka: `TransactionLog`, the schemas `TransactionLogKey` 0 and `TransactionLogValue` 1).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;

use super::metadata::{KEEPS_EPOCH, NO_EPOCH, NO_ID, NamedPartition, TransactionMetadata};
use super::state::TransactionState;
use crate::broker::coordinator::CoordinatorRecord;
use crate::log::varint;

/// The version of a key: the type of its record.
const KEY_VERSION: i16 = 0;
/// The version of a value from transaction version 1 on: the first with tagged fields.
const VALUE_VERSION: i16 = 1;
/// The tags of a value.
const PREVIOUS_ID: u64 = 0;
const NEXT_ID: u64 = 1;
const CLIENT_VERSION: u64 = 2;

/// What is so of a transactional id now.
pub(super) fn record(id: &str, metadata: &TransactionMetadata) -> CoordinatorRecord {
    CoordinatorRecord { key: key(id), value: Some(value(metadata)) }
}

/// A transactional id is forgotten.
pub(super) fn tombstone(id: &str) -> CoordinatorRecord {
    CoordinatorRecord { key: key(id), value: None }
}

fn key(id: &str) -> Bytes {
    let mut bytes = BytesMut::with_capacity(4 + id.len());
    bytes.put_i16(KEY_VERSION);
    bytes.put_u16(u16::try_from(id.len()).expect("an id came in a message, whose strings are no longer"));
    bytes.put_slice(id.as_bytes());
    bytes.freeze()
}

/// The transactional id of a key; `None` where it is of another kind.
pub(super) fn read_key(key: &Bytes) -> Option<String> {
    let mut key = key.clone();
    if key.try_get_i16().ok()? != KEY_VERSION {
        return None;
    }
    let length = usize::from(key.try_get_u16().ok()?);
    (key.len() >= length).then(|| String::from_utf8(key.split_to(length).to_vec()).ok())?
}

fn value(metadata: &TransactionMetadata) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(VALUE_VERSION);
    bytes.put_i64(metadata.producer_id);
    bytes.put_i16(metadata.producer_epoch);
    bytes.put_i32(metadata.timeout_ms);
    bytes.put_i8(metadata.state as i8);
    put_partitions(&mut bytes, metadata);
    bytes.put_i64(metadata.updated_ms);
    bytes.put_i64(metadata.start_ms);
    let ids = [(PREVIOUS_ID, metadata.previous_producer_id), (NEXT_ID, metadata.next_producer_id)];
    let ids: Vec<(u64, i64)> = ids.into_iter().filter(|(_, id)| *id != NO_ID).collect();
    let has_version = metadata.client_version != KEEPS_EPOCH;
    varint::put_unsigned(&mut bytes, ids.len() as u64 + u64::from(has_version));
    for (tag, id) in ids {
        put_tag(&mut bytes, tag, size_of::<i64>());
        bytes.put_i64(id);
    }
    if has_version {
        put_tag(&mut bytes, CLIENT_VERSION, size_of::<i16>());
        bytes.put_i16(metadata.client_version);
    }
    bytes.freeze()
}

fn put_tag(bytes: &mut BytesMut, tag: u64, size: usize) {
    varint::put_unsigned(bytes, tag);
    varint::put_unsigned(bytes, size as u64);
}

/// The partitions by topic; null where the transaction is empty.
fn put_partitions(bytes: &mut BytesMut, metadata: &TransactionMetadata) {
    if metadata.state == TransactionState::Empty {
        assert!(metadata.partitions.is_empty(), "what is empty has no partitions");
        return varint::put_unsigned(bytes, 0);
    }
    let all: Vec<&NamedPartition> = metadata.partitions.iter().collect();
    let topics: Vec<&[&NamedPartition]> = all.chunk_by(|one, next| one.0 == next.0).collect();
    varint::put_unsigned(bytes, topics.len() as u64 + 1);
    for partitions in topics {
        let name = partitions[0].0.as_bytes();
        varint::put_unsigned(bytes, name.len() as u64 + 1);
        bytes.put_slice(name);
        varint::put_unsigned(bytes, partitions.len() as u64 + 1);
        partitions.iter().for_each(|(_, partition)| bytes.put_i32(*partition));
        bytes.put_u8(0);
    }
}

/// The metadata of a value; `None` where it is of a version that is not known, or damaged. What is not in the log, the last
/// epoch, is not known to whoever reads it.
pub(super) fn read_value(value: &Bytes) -> Option<TransactionMetadata> {
    let mut value = value.clone();
    let bytes = &mut value;
    let version = bytes.try_get_i16().ok()?;
    if !(0..=VALUE_VERSION).contains(&version) {
        return None;
    }
    let is_flexible = version == VALUE_VERSION;
    let mut metadata = TransactionMetadata::new(bytes.try_get_i64().ok()?, 0, 0);
    metadata.producer_epoch = bytes.try_get_i16().ok()?;
    metadata.timeout_ms = bytes.try_get_i32().ok()?;
    metadata.state = TransactionState::numbered(bytes.try_get_i8().ok()?)?;
    for _ in 0..take_length(bytes, is_flexible)? {
        let length = take_string_length(bytes, is_flexible)?;
        let name = (bytes.len() >= length).then(|| bytes.split_to(length))?;
        let name = TopicName(StrBytes::from_utf8(name).ok()?);
        for _ in 0..take_length(bytes, is_flexible)? {
            metadata.partitions.insert((name.clone(), bytes.try_get_i32().ok()?));
        }
        if is_flexible {
            take_tags(bytes, |_, _| Some(()))?;
        }
    }
    metadata.updated_ms = bytes.try_get_i64().ok()?;
    metadata.start_ms = bytes.try_get_i64().ok()?;
    metadata.last_producer_epoch = NO_EPOCH;
    if is_flexible {
        take_tags(bytes, |tag, mut field| {
            match tag {
                PREVIOUS_ID => metadata.previous_producer_id = field.try_get_i64().ok()?,
                NEXT_ID => metadata.next_producer_id = field.try_get_i64().ok()?,
                CLIENT_VERSION => metadata.client_version = field.try_get_i16().ok()?,
                // A later version's, which this one can do without (KIP-915).
                _ => {}
            }
            Some(())
        })?;
    }
    Some(metadata)
}

/// The length of an array, 0 for null; `None` where there is none.
fn take_length(bytes: &mut Bytes, is_flexible: bool) -> Option<usize> {
    if is_flexible {
        return usize::try_from(take_unsigned(bytes)?.saturating_sub(1)).ok();
    }
    usize::try_from(bytes.try_get_i32().ok()?.max(0)).ok()
}

/// The length of a string; `None` where there is none.
fn take_string_length(bytes: &mut Bytes, is_flexible: bool) -> Option<usize> {
    if is_flexible { take_length(bytes, true) } else { bytes.try_get_u16().ok().map(usize::from) }
}

/// A number that is never negative; `None` where there is none.
fn take_unsigned(bytes: &mut Bytes) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let byte = bytes.try_get_u8().ok()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The tagged fields, each told with its bytes; `None` where they end too early.
fn take_tags(bytes: &mut Bytes, mut tell: impl FnMut(u64, Bytes) -> Option<()>) -> Option<()> {
    for _ in 0..take_unsigned(bytes)? {
        let (tag, size) = (take_unsigned(bytes)?, usize::try_from(take_unsigned(bytes)?).ok()?);
        let field = (bytes.len() >= size).then(|| bytes.split_to(size))?;
        tell(tag, field)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::broker::transactions::metadata::BUMPS_EPOCH;

    fn named(topic: &'static str, partition: i32) -> NamedPartition {
        (TopicName(StrBytes::from_static_str(topic)), partition)
    }

    fn ongoing() -> TransactionMetadata {
        let begun = TransactionMetadata::new(7, 60_000, 1).with_next_epoch(60_000, None, 2).expect("an epoch is left");
        let partitions = BTreeSet::from([named("orders", 0), named("orders", 2), named("payments", 1)]);
        begun.with_partitions(&partitions, BUMPS_EPOCH, 3)
    }

    #[test]
    fn a_value_is_read_as_it_was_written() {
        let all = [
            TransactionMetadata::new(7, 60_000, 1).with_next_epoch(60_000, None, 2).expect("an epoch is left"),
            ongoing(),
            ongoing().decided(true, BUMPS_EPOCH, 9, false, 4),
            ongoing().decided(true, BUMPS_EPOCH, 9, false, 4).completed(5),
        ];
        for metadata in all {
            let read = read_value(&value(&metadata)).expect("it is right");
            assert_eq!(read, TransactionMetadata { last_producer_epoch: NO_EPOCH, ..metadata });
        }
    }

    #[test]
    fn bytes_are_those_of_the_schema() {
        assert_eq!(&key("tx")[..], [0, 0, 0, 2, b't', b'x']);
        assert_eq!(read_key(&key("tx")).as_deref(), Some("tx"));
        let begun = TransactionMetadata::new(7, 60_000, 1).with_next_epoch(60_000, None, 2).expect("an epoch is left");
        let expected = [
            &[0, 1][..],
            &7_i64.to_be_bytes(),
            &[0, 0],
            &60_000_i32.to_be_bytes(),
            // Empty, and no array.
            &[0, 0],
            &2_i64.to_be_bytes(),
            &(-1_i64).to_be_bytes(),
            // One tagged field: the previous producer id.
            &[1, 0, 8],
            &7_i64.to_be_bytes(),
        ];
        assert_eq!(value(&begun)[..], expected.concat());
    }

    #[test]
    fn a_value_of_version_0_is_read_and_damage_is_none() {
        let old = [
            &[0, 0][..],
            &7_i64.to_be_bytes(),
            &[0, 3],
            &60_000_i32.to_be_bytes(),
            &[1, 0, 0, 0, 1, 0, 2, b'r', b'w', 0, 0, 0, 1, 0, 0, 0, 5],
            &2_i64.to_be_bytes(),
            &1_i64.to_be_bytes(),
        ];
        let read = read_value(&old.concat().into()).expect("it is right");
        assert_eq!((read.producer_epoch, read.partitions), (3, BTreeSet::from([named("rw", 5)])));
        let whole = value(&ongoing());
        assert!((0..whole.len()).all(|end| read_value(&whole.slice(..end)).is_none()));
        assert_eq!(read_value(&Bytes::from_static(&[0, 2])), None);
    }
}
