//! What of a batch stays: the cleaner's `RecordFilter` and `MemoryRecords.filterTo` in Apache Kafka.

use std::collections::BTreeMap;

use super::error::CleanError;
use super::offset_map::{KeyHash, OffsetMap};
use super::rewrite::{self, Kept};
use super::transactions::CleanedTransactions;
use crate::log::batch::{BatchHeader, Body, HEADER_SIZE, LOG_OVERHEAD, Record};

/// The last that an active producer wrote: it must stay, or its next batch would be refused or a zombie accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRecord {
    /// The last offset of its last batch of data, if that is known.
    pub last_data_offset: Option<i64>,
    /// Its epoch.
    pub producer_epoch: i16,
}

/// The rules of one pass.
#[derive(Clone, Copy, Debug)]
pub struct RecordFilter<'a> {
    /// The latest offset of each key.
    pub map: &'a OffsetMap,
    /// When the pass began.
    pub now_ms: i64,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// Behind the last offset that the pass cleans; a batch that ends there keeps its place even if it is empty.
    pub end_of_round: i64,
    /// By producer.
    pub last_records: &'a BTreeMap<i64, LastRecord>,
}

/// What came out of some batches.
#[derive(Clone, Debug, Default)]
pub struct Filtered {
    /// The batches that stay, one behind another.
    pub output: Vec<u8>,
    /// Of batches that were looked at.
    pub bytes_read: u32,
    /// Records that were looked at.
    pub messages_read: u32,
    /// Records that stay.
    pub messages_retained: u32,
    /// Records without a key, which a compacted topic should not hold.
    pub invalid_messages: u32,
    /// Where the records of the present batch stand that stay.
    kept: Vec<Kept>,
    /// Their keys, where they stay only if no later record has the key.
    keys: Vec<Option<KeyHash>>,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    StaysIfLatest(KeyHash),
    Goes,
}

impl Filtered {
    /// Nothing yet, with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Filtered {
        Filtered { output: Vec::with_capacity(bytes), ..Filtered::default() }
    }
}

impl RecordFilter<'_> {
    /// Filters one whole batch into `out`.
    pub fn batch(
        &self,
        header: &BatchHeader,
        batch: &[u8],
        transactions: &mut CleanedTransactions,
        out: &mut Filtered,
    ) -> Result<(), CleanError> {
        let may_go = transactions.pass(header, batch)?;
        // Markers wait for their horizon as tombstones do.
        let horizon_passed = header.delete_horizon_ms().is_some_and(|horizon| horizon <= self.now_ms);
        let goes = may_go && (!header.is_control() || horizon_passed);
        let keeps_place = self.is_last_of_producer(header) || header.next_offset() == self.end_of_round;
        out.bytes_read += batch.len() as u32;
        if goes && !keeps_place {
            return Ok(());
        }
        let body = Body::of(batch)?;
        let tombstones = self.choose(header, &body, goes, out)?;
        if out.kept.is_empty() {
            if keeps_place {
                rewrite::empty(header, &mut out.output);
            }
            return Ok(());
        }
        let stamps_horizon = (tombstones || (may_go && header.is_control())) && header.delete_horizon_ms().is_none();
        if stamps_horizon {
            let horizon_ms = self.now_ms.wrapping_add(self.delete_retention_ms);
            rewrite::batch(header, body.bytes(), &out.kept, Some(horizon_ms), &mut out.output)?;
        } else if out.kept.len() == header.record_count as usize {
            out.output.extend_from_slice(batch);
        } else {
            rewrite::batch(header, body.bytes(), &out.kept, header.delete_horizon_ms(), &mut out.output)?;
        }
        out.messages_retained += out.kept.len() as u32;
        Ok(())
    }

    /// Notes in `out.kept` which records stay; whether there are tombstones among them.
    fn choose(
        &self,
        header: &BatchHeader,
        body: &Body<'_>,
        goes: bool,
        out: &mut Filtered,
    ) -> Result<bool, CleanError> {
        out.kept.clear();
        out.keys.clear();
        let mut records = body.records()?;
        let size = records.rest().len();
        let mut start = 0;
        while let Some(record) = records.next() {
            let record = record?;
            let end = size - records.rest().len();
            out.messages_read += 1;
            let fate = if goes { Fate::Goes } else { self.fate(header, &record, &mut out.invalid_messages) };
            if fate != Fate::Goes {
                out.kept.push(Kept {
                    start: start as u32,
                    behind_timestamp: (end - record.behind_timestamp.len()) as u32,
                    end: end as u32,
                    offset: record.offset,
                    timestamp: record.timestamp,
                    is_tombstone: record.value.is_none(),
                });
                out.keys.push(match fate {
                    Fate::StaysIfLatest(key) => Some(key),
                    _ => None,
                });
            }
            start = end;
        }
        let mut keys = out.keys.iter();
        let is_latest = |kept: &Kept, key: KeyHash| kept.offset >= self.map.get(key);
        out.kept.retain(|kept| keys.next().is_some_and(|key| key.is_none_or(|key| is_latest(kept, key))));
        Ok(out.kept.iter().any(|kept| kept.is_tombstone))
    }

    fn fate(&self, header: &BatchHeader, record: &Record<'_>, invalid: &mut u32) -> Fate {
        if header.is_control() || record.offset > self.map.latest_offset() {
            return Fate::Stays;
        }
        let Some(key) = record.key else {
            *invalid += 1;
            return Fate::Goes;
        };
        let tombstone_stays = || header.delete_horizon_ms().is_none_or(|horizon| self.now_ms < horizon);
        if record.value.is_some() || tombstone_stays() { Fate::StaysIfLatest(KeyHash::of(key)) } else { Fate::Goes }
    }

    /// The batch with the last sequence number of an active producer, or the marker with its epoch where nothing is
    /// known of its data.
    fn is_last_of_producer(&self, header: &BatchHeader) -> bool {
        let last = self.last_records.get(&header.producer_id).filter(|_| header.has_producer_id());
        last.is_some_and(|last| match last.last_data_offset {
            Some(offset) => header.last_offset() == offset,
            None => header.is_control() && header.producer_epoch == last.producer_epoch,
        })
    }
}

/// The size of the batch at the start of `bytes`, as soon as they tell it; `Err` if they are no batch
/// (`ByteBufferLogInputStream.nextBatchSize`).
pub fn next_batch_size(bytes: &[u8]) -> Result<Option<u32>, NotABatch> {
    const LENGTH_AT: usize = 8;
    const MAGIC_AT: usize = 16;
    let Some(length) = bytes.get(LENGTH_AT..).and_then(|rest| rest.first_chunk::<4>()) else { return Ok(None) };
    let length = i32::from_be_bytes(*length);
    // Kafka reads shorter ones, of versions 0 and 1, which are not read here.
    if length < (HEADER_SIZE - LOG_OVERHEAD) as i32 || bytes.get(MAGIC_AT).is_some_and(|&magic| magic != 2) {
        return Err(NotABatch);
    }
    Ok((bytes.len() > MAGIC_AT).then_some(length as u32 + LOG_OVERHEAD as u32))
}

/// The whole batch at the start of `bytes`; `None` if they end before it does.
pub fn next_batch(bytes: &[u8]) -> Result<Option<(BatchHeader, &[u8])>, NotABatch> {
    let Some(batch) = next_batch_size(bytes)?.and_then(|size| bytes.get(..size as usize)) else { return Ok(None) };
    let header = BatchHeader::parse(batch).map_err(|_| NotABatch)?;
    Ok(Some((header, batch)))
}

/// The bytes cannot begin a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotABatch;

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
