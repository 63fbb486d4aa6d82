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
    /// Before KIP-534, whether tombstones and markers of the segment stay: no batch is given a horizon.
    pub retains_deletes: Option<bool>,
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
}

/// Batches that were looked at and that the map has not been asked about yet: [`KeyHash`] says why several at once.
#[derive(Clone, Debug, Default)]
pub struct Window<'a> {
    batches: Vec<Seen<'a>>,
    candidates: Vec<Candidate>,
    /// Whether each candidate stays.
    stays: Vec<bool>,
    /// The records of the present batch that stay.
    kept: Vec<Kept>,
}

/// A batch that was looked at.
#[derive(Clone, Debug)]
struct Seen<'a> {
    bytes: &'a [u8],
    body: Body<'a>,
    /// For the sake of transactions.
    may_go: bool,
    /// Even if it is empty.
    keeps_place: bool,
    /// Behind its last candidate.
    candidates_end: usize,
}

/// A record that may stay.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    record: Kept,
    /// Its key, where it stays only if no later record has the key.
    if_latest: Option<KeyHash>,
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

impl Window<'_> {
    /// Whether it is time to settle it.
    pub fn is_full(&self) -> bool {
        self.batches.len().max(self.candidates.len()) >= KeyHash::TOGETHER
    }
}

impl RecordFilter<'_> {
    /// Looks at one whole batch.
    pub fn look<'a>(
        &self,
        header: &BatchHeader,
        batch: &'a [u8],
        transactions: &mut CleanedTransactions,
        window: &mut Window<'a>,
        out: &mut Filtered,
    ) -> Result<(), CleanError> {
        let may_go = transactions.pass(header, batch)?;
        // Markers wait for their horizon as tombstones do.
        let horizon_passed = match self.retains_deletes {
            None => header.delete_horizon_ms().is_some_and(|horizon| horizon <= self.now_ms),
            Some(retains) => !retains,
        };
        let goes = may_go && (!header.is_control() || horizon_passed);
        let keeps_place = self.is_last_of_producer(header) || header.next_offset() == self.end_of_round;
        out.bytes_read += batch.len() as u32;
        if goes && !keeps_place {
            return Ok(());
        }
        let body = Body::with_header(*header, batch)?;
        self.choose(&body, goes, window, out)?;
        let candidates_end = window.candidates.len();
        window.batches.push(Seen { bytes: batch, body, may_go, keeps_place, candidates_end });
        Ok(())
    }

    /// Notes the records of a batch that may stay.
    fn choose(
        &self,
        body: &Body<'_>,
        goes: bool,
        window: &mut Window<'_>,
        out: &mut Filtered,
    ) -> Result<(), CleanError> {
        let header = body.header();
        let mut records = body.records()?;
        let size = records.rest().len();
        let mut start = 0;
        while let Some(record) = records.next() {
            let record = record?;
            let end = size - records.rest().len();
            out.messages_read += 1;
            let fate = if goes { Fate::Goes } else { self.fate(header, &record, &mut out.invalid_messages) };
            if fate != Fate::Goes {
                let kept = Kept {
                    start: start as u32,
                    behind_timestamp: (end - record.behind_timestamp.len()) as u32,
                    end: end as u32,
                    offset: record.offset,
                    timestamp: record.timestamp,
                    is_tombstone: record.value.is_none(),
                };
                let if_latest = if let Fate::StaysIfLatest(key) = fate { Some(key) } else { None };
                window.candidates.push(Candidate { record: kept, if_latest });
            }
            start = end;
        }
        Ok(())
    }

    /// Asks the map about what was looked at and writes what stays.
    pub fn settle(&self, window: &mut Window<'_>, out: &mut Filtered) -> Result<(), CleanError> {
        let Window { batches, candidates, stays, kept } = window;
        let is_latest = |candidate: &Candidate, key| candidate.record.offset >= self.map.get(key);
        stays.clear();
        stays.extend(candidates.iter().map(|it| it.if_latest.is_none_or(|key| is_latest(it, key))));
        let mut records = candidates.iter().zip(stays.iter());
        let mut begin = 0;
        for seen in batches.drain(..) {
            let of_batch = records.by_ref().take(seen.candidates_end - begin);
            begin = seen.candidates_end;
            kept.clear();
            kept.extend(of_batch.filter(|(_, stays)| **stays).map(|(candidate, _)| candidate.record));
            self.write(&seen, kept, out)?;
        }
        candidates.clear();
        Ok(())
    }

    /// Writes a batch with the records that stay.
    fn write(&self, seen: &Seen<'_>, kept: &[Kept], out: &mut Filtered) -> Result<(), CleanError> {
        let header = seen.body.header();
        if kept.is_empty() {
            if seen.keeps_place {
                rewrite::empty(header, &mut out.output);
            }
            return Ok(());
        }
        let tombstones = kept.iter().any(|kept| kept.is_tombstone);
        let waits = tombstones || (seen.may_go && header.is_control());
        if waits && header.delete_horizon_ms().is_none() && self.retains_deletes.is_none() {
            let horizon_ms = self.now_ms.wrapping_add(self.delete_retention_ms);
            rewrite::batch(header, seen.body.bytes(), kept, Some(horizon_ms), &mut out.output)?;
        } else if kept.len() == header.record_count as usize {
            out.output.extend_from_slice(seen.bytes);
        } else {
            rewrite::batch(header, seen.body.bytes(), kept, header.delete_horizon_ms(), &mut out.output)?;
        }
        out.messages_retained += kept.len() as u32;
        Ok(())
    }

    fn fate(&self, header: &BatchHeader, record: &Record<'_>, invalid: &mut u32) -> Fate {
        if header.is_control() || record.offset > self.map.latest_offset() {
            return Fate::Stays;
        }
        let Some(key) = record.key else {
            *invalid += 1;
            return Fate::Goes;
        };
        let before_horizon = || header.delete_horizon_ms().is_none_or(|horizon| self.now_ms < horizon);
        let tombstone_stays = || self.retains_deletes.unwrap_or_else(before_horizon);
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
    // They do not tell it yet.
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
