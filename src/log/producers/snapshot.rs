//! The bytes of a `.snapshot` file: `ProducerSnapshot` in Apache Kafka, version 1. Of each producer it holds the last
//! batch only.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};

use super::Producers;
use super::entry::{CachedBatch, Producer};
use crate::sim::sorted::tree;

const VERSION: i16 = 1;
const HEADER: usize = 10;
const ENTRY: usize = 46;
/// The checksum covers what stands behind it.
const CHECKED_FROM: usize = 6;

/// A snapshot file that cannot be read. Kafka takes an older one then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorruptSnapshot;

impl Producers {
    /// The bytes of a snapshot of these producers.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(HEADER + ENTRY * self.entries.len());
        out.put_i16(VERSION);
        out.put_u32(0);
        out.put_i32(self.entries.len() as i32);
        for (id, producer) in self.iter() {
            let last = producer.batches().last();
            out.put_i64(id);
            out.put_i16(producer.epoch);
            out.put_i32(producer.last_sequence());
            out.put_i64(producer.last_data_offset());
            out.put_i32(last.map_or(0, |batch| batch.offset_delta));
            out.put_i64(producer.last_timestamp);
            out.put_i32(producer.coordinator_epoch);
            out.put_i64(producer.current_txn_first_offset.unwrap_or(-1));
        }
        let crc = crc32c::crc32c(&out[CHECKED_FROM..]);
        out[2..CHECKED_FROM].copy_from_slice(&crc.to_be_bytes());
        out.freeze()
    }

    /// The producers in a snapshot file.
    pub fn decode(bytes: &[u8]) -> Result<BTreeMap<i64, Producer>, CorruptSnapshot> {
        let (head, body) = bytes.split_at_checked(HEADER).ok_or(CorruptSnapshot)?;
        let version = i16::from_be_bytes(part(head, 0)?);
        let crc = u32::from_be_bytes(part(head, 2)?);
        let count = usize::try_from(i32::from_be_bytes(part(head, 6)?)).map_err(|_| CorruptSnapshot)?;
        // Kafka reads as many entries as are announced; what stands behind them is covered by the checksum only.
        let entries = count.checked_mul(ENTRY).and_then(|size| body.get(..size)).ok_or(CorruptSnapshot)?;
        if version != VERSION || crc != crc32c::crc32c(&bytes[CHECKED_FROM..]) {
            return Err(CorruptSnapshot);
        }
        let producers: Vec<_> = entries.chunks_exact(ENTRY).map(decode_entry).collect::<Result<_, _>>()?;
        Ok(tree(producers))
    }
}

fn decode_entry(bytes: &[u8]) -> Result<(i64, Producer), CorruptSnapshot> {
    let epoch = i16::from_be_bytes(part(bytes, 8)?);
    let last_timestamp = i64::from_be_bytes(part(bytes, 26)?);
    let mut producer = Producer::UNKNOWN;
    producer.epoch = epoch;
    producer.coordinator_epoch = i32::from_be_bytes(part(bytes, 34)?);
    producer.last_timestamp = last_timestamp;
    producer.current_txn_first_offset = Some(i64::from_be_bytes(part(bytes, 38)?)).filter(|&first| first >= 0);
    let last_offset = i64::from_be_bytes(part(bytes, 14)?);
    if last_offset >= 0 {
        let batch = CachedBatch {
            last_sequence: i32::from_be_bytes(part(bytes, 10)?),
            last_offset,
            offset_delta: i32::from_be_bytes(part(bytes, 22)?),
            timestamp: last_timestamp,
        };
        producer.add(epoch, batch);
    }
    Ok((i64::from_be_bytes(part(bytes, 0)?), producer))
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], CorruptSnapshot> {
    bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or(CorruptSnapshot)
}
