//! Where in a segment what stands: by offset and by time (`LogSegment.translateOffset` and `FileRecords` in Apache Kafka).

use bytes::Bytes;

use super::Segment;
use super::error::CorruptBatch;
use crate::log::batch::{BatchHeader, Body, HEADER_SIZE, LOG_OVERHEAD, Record, SHORTEST_LENGTH};
use crate::log::dump::legacy;
use crate::log::error::ReadError;
use crate::sim::disk::Disk;

/// What is as long as this or shorter at the end of a file is no batch (`HEADER_SIZE_UP_TO_MAGIC`).
const SHORTEST_RECORD: u32 = 17;

/// The answer to a look-up by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// Of the record, -1 for the log's ends.
    pub timestamp: i64,
    /// The record's.
    pub offset: i64,
    /// The epoch it was written in, if that is known.
    pub leader_epoch: Option<i32>,
}

impl Segment {
    /// The batch at a position, if it is whole and ends at or before `end` (`FileLogInputStream.nextBatch`).
    pub(super) fn batch_at(&self, disk: &Disk, position: u32, end: u32) -> Result<Option<BatchHeader>, CorruptBatch> {
        let remaining = end.saturating_sub(position);
        if remaining <= SHORTEST_RECORD {
            return Ok(None);
        }
        let head = disk.peek(self.log, position.into());
        let parsed = if head.len() >= HEADER_SIZE {
            BatchHeader::parse(head)
        } else {
            // It may lie across two writes.
            BatchHeader::parse(&disk.read(self.log, position.into(), HEADER_SIZE as u32))
        };
        match parsed {
            Ok(header) if u64::from(header.size()) <= u64::from(remaining) => Ok(Some(header)),
            Ok(_) => Ok(None),
            Err(_) => self.no_batch_at(disk, position, remaining),
        }
    }

    fn no_batch_at(&self, disk: &Disk, position: u32, remaining: u32) -> Result<Option<BatchHeader>, CorruptBatch> {
        let head = disk.read(self.log, position.into(), LOG_OVERHEAD as u32);
        let length = head.get(8..).and_then(|bytes| bytes.first_chunk::<4>()).map_or(0, |it| i32::from_be_bytes(*it));
        let is_cut = length >= SHORTEST_LENGTH && length.unsigned_abs() > remaining - LOG_OVERHEAD as u32;
        if is_cut { Ok(None) } else { Err(CorruptBatch(length)) }
    }

    /// The format of the whole message at a position, if it is one from before format 2: its checksum tells it from a batch
    /// whose magic was damaged.
    pub(in crate::log) fn old_format_at(&self, disk: &Disk, position: u32, end: u32) -> Option<i8> {
        let head = self.read(disk, position, 17);
        let magic = head.get(16).map(|&magic| magic as i8).filter(|magic| (0..2).contains(magic))?;
        let length = head.get(8..12).and_then(|bytes| bytes.first_chunk()).map(|it| i32::from_be_bytes(*it))?;
        let size = u32::try_from(length).ok()?.checked_add(LOG_OVERHEAD as u32)?;
        let is_whole = size <= end.saturating_sub(position);
        (is_whole && legacy::is_whole_message(&self.read(disk, position, size))).then_some(magic)
    }

    /// The header of the whole batch at a position.
    pub fn header_at(&self, disk: &Disk, position: u32) -> Option<BatchHeader> {
        self.batch_at(disk, position, self.size).ok().flatten()
    }

    /// The whole batches from a position on, each with where it stands; they end at the first that makes no sense.
    pub fn headers_from<'a>(&'a self, disk: &'a Disk, position: u32) -> impl Iterator<Item = (u32, BatchHeader)> + 'a {
        self.walk(disk, position, self.size).map_while(Result::ok)
    }

    /// The batches from a position on that end at or before `end`; at the first that makes no sense an error.
    pub fn walk<'a>(
        &'a self,
        disk: &'a Disk,
        position: u32,
        end: u32,
    ) -> impl Iterator<Item = Result<(u32, BatchHeader), CorruptBatch>> + 'a {
        let mut at = position;
        let mut failed = false;
        std::iter::from_fn(move || {
            if failed {
                return None;
            }
            let position = at;
            let found = self.batch_at(disk, position, end).transpose()?;
            match found {
                Ok(header) => at = at.saturating_add(header.size()),
                Err(_) => failed = true,
            }
            Some(found.map(|header| (position, header)))
        })
    }

    /// Bytes of the `.log` file.
    pub fn read(&self, disk: &Disk, position: u32, len: u32) -> Bytes {
        disk.read(self.log, position.into(), len)
    }

    /// Where the first batch stands that ends at or behind `offset`; nowhere where damage lies before it.
    pub fn position_of(&self, disk: &Disk, offset: i64) -> Option<u32> {
        self.look_up(disk, offset).ok().flatten()
    }

    /// The same, and an error where damage lies on the way to it.
    pub fn look_up(&self, disk: &Disk, offset: i64) -> Result<Option<u32>, CorruptBatch> {
        self.recent.position_of(offset).map_or_else(|| self.translate(disk, offset), Ok)
    }

    /// The same by the index (`translateOffset`, `searchForOffsetFromPosition`).
    pub(super) fn translate(&self, disk: &Disk, offset: i64) -> Result<Option<u32>, CorruptBatch> {
        let (_, start) = self.index.floor(disk, offset);
        let mut before: Option<(u32, BatchHeader)> = None;
        for found in self.walk(disk, start, self.size) {
            let (position, header) = found?;
            if header.base_offset == offset {
                return Ok(Some(position));
            }
            if header.base_offset > offset {
                return Ok(Some(holds(before, offset).unwrap_or(position)));
            }
            before = Some((position, header));
        }
        Ok(holds(before, offset))
    }

    /// The last batch boundary from `start` on that is not above `limit`; `start` is a boundary.
    pub fn boundary(&self, disk: &Disk, start: u32, limit: u32) -> u32 {
        if limit >= self.size {
            return self.size;
        }
        let from = self.index.floor_position(disk, limit).max(start);
        self.headers_from(disk, from)
            .map(|(position, header)| position.saturating_add(header.size()))
            .take_while(|&end| end <= limit)
            .last()
            .unwrap_or(from)
    }

    /// The offset of the first entry of the offset index whose position is not below `position`.
    pub fn upper_bound_offset(&self, disk: &Disk, position: u32) -> Option<i64> {
        self.index.upper_bound_offset(disk, position)
    }

    /// The first record at or after `timestamp` whose offset is at least `from` (`findOffsetByTimestamp`).
    pub fn find_by_timestamp(
        &self,
        disk: &Disk,
        timestamp: i64,
        from: i64,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        let (_, indexed) = self.time_index.floor(disk, timestamp);
        let (_, start) = self.index.floor(disk, indexed.max(from));
        for found in self.walk(disk, start, self.size) {
            let (position, header) = found?;
            if header.max_timestamp >= timestamp {
                let wanted = |record: &Record<'_>| record.timestamp >= timestamp && record.offset >= from;
                if let Some(found) = self.first_record(disk, position, &header, wanted)? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// The first record with the largest timestamp.
    pub fn first_with_largest_timestamp(&self, disk: &Disk) -> Result<Option<TimestampOffset>, ReadError> {
        let (timestamp, offset) = self.largest();
        let (_, start) = self.index.floor(disk, offset);
        for found in self.walk(disk, start, self.size) {
            let (position, header) = found?;
            if header.max_timestamp == timestamp {
                return self.first_record(disk, position, &header, |record| record.timestamp == timestamp);
            }
        }
        Ok(None)
    }

    fn first_record(
        &self,
        disk: &Disk,
        position: u32,
        header: &BatchHeader,
        wanted: impl Fn(&Record<'_>) -> bool,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        let bytes = self.read(disk, position, header.size());
        let body = Body::of(&bytes)?;
        for record in body.records()? {
            let record = record?;
            if wanted(&record) {
                return Ok(Some(TimestampOffset {
                    timestamp: record.timestamp,
                    offset: record.offset,
                    leader_epoch: Some(header.partition_leader_epoch).filter(|&epoch| epoch >= 0),
                }));
            }
        }
        Ok(None)
    }
}

/// The position of a batch if it holds the offset.
fn holds(batch: Option<(u32, BatchHeader)>, offset: i64) -> Option<u32> {
    batch.filter(|(_, header)| header.last_offset() >= offset).map(|(position, _)| position)
}
