//! Batches written anew: `MemoryRecords.buildRetainedRecordsInto` and `DefaultRecordBatch.writeEmptyHeader` in Apache
//! Kafka. Offsets, sequence numbers and the leader epoch stay, whatever is left out.

use bytes::BufMut;

use super::error::CleanError;
use crate::log::batch::{
    self, BatchHeader, COMPRESSION_MASK, CONTROL, DELETE_HORIZON, HEADER_SIZE, LOG_APPEND_TIME, TRANSACTIONAL,
};
use crate::log::compression::Compression;
use crate::log::varint;

/// A record that stays, by its place in the records of its batch.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Where it begins.
    pub start: u32,
    /// Where its offset stands, behind length, attributes and timestamp.
    pub behind_timestamp: u32,
    /// Where it ends.
    pub end: u32,
    /// In the log.
    pub offset: i64,
    /// Its own, or the log's time of append.
    pub timestamp: i64,
    /// It says that its key is gone.
    pub is_tombstone: bool,
}

/// No time is known.
const NO_TIMESTAMP: i64 = -1;

/// Writes a batch behind `out` that holds some records of another one's `body`. With a delete horizon that one stands
/// in the place of the base timestamp, and all timestamps are counted from it (KIP-534).
pub fn batch(
    header: &BatchHeader,
    body: &[u8],
    kept: &[Kept],
    delete_horizon_ms: Option<i64>,
    out: &mut Vec<u8>,
) -> Result<(), CleanError> {
    check(header, kept)?;
    let first_timestamp = kept.first().map_or(NO_TIMESTAMP, |first| first.timestamp);
    let base_timestamp = delete_horizon_ms.unwrap_or(first_timestamp);
    let start = out.len();
    out.resize(start + HEADER_SIZE, 0);
    if base_timestamp == header.base_timestamp && !header.is_log_append_time() {
        copy(body, kept, out);
    } else {
        copy_with_timestamps(body, kept, base_timestamp, out);
    }
    let codec = header.compression()?;
    if codec != Compression::None {
        let compressed = codec.compress(&out[start + HEADER_SIZE..]).into_owned();
        out.truncate(start + HEADER_SIZE);
        out.extend_from_slice(&compressed);
    }
    let max_timestamp = if header.is_log_append_time() {
        header.max_timestamp
    } else {
        kept.iter().fold(NO_TIMESTAMP, |largest, record| largest.max(record.timestamp))
    };
    let kind = header.attributes & (COMPRESSION_MASK | LOG_APPEND_TIME | TRANSACTIONAL | CONTROL);
    let attributes = kind | if delete_horizon_ms.is_some() { DELETE_HORIZON } else { 0 };
    let record_count = kept.len() as i32;
    let header = BatchHeader { attributes, base_timestamp, max_timestamp, record_count, ..*header };
    batch::seal(&mut out[start..], &header);
    Ok(())
}

/// The records as they are; those that stood side by side in one go.
fn copy(body: &[u8], kept: &[Kept], out: &mut Vec<u8>) {
    for run in kept.chunk_by(|before, next| before.end == next.start) {
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            out.extend_from_slice(&body[first.start as usize..last.end as usize]);
        }
    }
}

/// The records with timestamps that count from another base.
fn copy_with_timestamps(body: &[u8], kept: &[Kept], base_timestamp: i64, out: &mut Vec<u8>) {
    for record in kept {
        let behind = &body[record.behind_timestamp as usize..record.end as usize];
        let delta = record.timestamp.wrapping_sub(base_timestamp);
        varint::put(out, (1 + varint::size(delta) + behind.len()) as i64);
        out.put_u8(0);
        varint::put(out, delta);
        out.extend_from_slice(behind);
    }
}

/// What `MemoryRecordsBuilder` demands.
fn check(header: &BatchHeader, kept: &[Kept]) -> Result<(), CleanError> {
    let refused = |reason| Err(CleanError::IllegalArgument(reason));
    if kept.iter().any(|record| record.timestamp < NO_TIMESTAMP) {
        return refused("invalid negative timestamp");
    }
    if kept.windows(2).any(|pair| pair[0].offset >= pair[1].offset) {
        return refused("offsets must increase monotonically");
    }
    if header.is_transactional() && header.producer_id == -1 {
        return refused("cannot write transactional messages without a valid producer ID");
    }
    if header.producer_id != -1 && header.producer_epoch == -1 {
        return refused("invalid negative producer epoch");
    }
    if header.producer_id != -1 && header.base_sequence < 0 && !header.is_control() {
        return refused("invalid negative sequence number used");
    }
    Ok(())
}

/// Writes the batch behind `out` without any record: its place, its producer and its last sequence number.
pub fn empty(header: &BatchHeader, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + HEADER_SIZE, 0);
    let attributes = header.attributes & (LOG_APPEND_TIME | TRANSACTIONAL | CONTROL);
    let header = BatchHeader { attributes, base_timestamp: NO_TIMESTAMP, record_count: 0, ..*header };
    batch::seal(&mut out[start..], &header);
}
