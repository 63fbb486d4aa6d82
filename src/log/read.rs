//! How a log is read and looked up by time: `LocalLog.read` and `UnifiedLog.fetchOffsetByTimestamp` in Apache Kafka.

use bytes::Bytes;

use super::batch::BatchHeader;
use super::error::ReadError;
use super::replica::ReplicaLog;
pub use super::segment::TimestampOffset;
use super::segment::{CorruptBatch, Segment};
use super::txn_index::{AbortedTransaction, CorruptTransactionIndex};
use crate::sim::disk::Disk;

/// Up to where a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// All of the log: a replica.
    LogEnd,
    /// What is replicated: a consumer that reads uncommitted.
    HighWatermark,
    /// What no transaction can change any more: a consumer that reads committed.
    TxnCommitted,
}

/// What a read found: bytes of one segment, perhaps none. The last batch may be cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchedData {
    /// The batches.
    pub bytes: Bytes,
    /// The segment that holds them.
    pub segment_base_offset: i64,
    /// Where in it they stand.
    pub position: u32,
    /// The first batch is larger than what was asked for, and is cut.
    pub first_entry_incomplete: bool,
    /// The aborted transactions among the bytes, by producer id and first offset, for a reader of committed records.
    pub aborted: Option<Vec<(i64, i64)>>,
}

impl FetchedData {
    /// The base offset of the first batch, which may lie before the offset asked for.
    pub fn first_batch_base_offset(&self) -> Option<i64> {
        BatchHeader::parse(&self.bytes).ok().map(|header| header.base_offset)
    }

    fn nothing_at(place: &Place) -> FetchedData {
        FetchedData {
            segment_base_offset: place.segment_base_offset,
            position: place.position,
            ..FetchedData::default()
        }
    }
}

/// A batch and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// Its segment.
    pub segment_base_offset: i64,
    /// Where in it the batch stands.
    pub position: u32,
    /// Its fields.
    pub header: BatchHeader,
}

/// A time stamp -1 asks for the log's end.
pub const LATEST_TIMESTAMP: i64 = -1;
/// A time stamp -2 asks for the log's start.
pub const EARLIEST_TIMESTAMP: i64 = -2;
/// A time stamp -3 asks for the first record with the largest timestamp (KIP-734).
pub const MAX_TIMESTAMP: i64 = -3;
/// A time stamp -4 asks for the start of what is on the broker's own disk (KIP-405).
pub const EARLIEST_LOCAL_TIMESTAMP: i64 = -4;
/// A time stamp -5 asks for the end of what is in remote storage (KIP-1005); there is none.
pub const LATEST_TIERED_TIMESTAMP: i64 = -5;
/// A time stamp -6 asks for the start of what is not yet in remote storage (KIP-1023); there is none.
pub const EARLIEST_PENDING_UPLOAD_TIMESTAMP: i64 = -6;

/// Where the batch of an offset stands (`LogOffsetMetadata`).
#[derive(Clone, Copy, Debug)]
struct Place {
    segment_base_offset: i64,
    position: u32,
}

impl ReplicaLog {
    /// Reads as a replica or a consumer does.
    pub fn fetch(
        &mut self,
        disk: &Disk,
        from_offset: i64,
        max_bytes: u32,
        isolation: Isolation,
        min_one_message: bool,
    ) -> Result<FetchedData, ReadError> {
        if from_offset >= self.log_start_offset && isolation != Isolation::LogEnd {
            self.settle_high_watermark(disk)?;
        }
        let upper = match isolation {
            Isolation::LogEnd => self.log_end_offset,
            Isolation::HighWatermark => self.high_watermark,
            Isolation::TxnCommitted => self.last_stable_offset(),
        };
        let committed = isolation == Isolation::TxnCommitted;
        self.read_up_to(disk, from_offset, max_bytes, upper, min_one_message, committed)
    }

    /// Bytes from the batch that holds `from_offset`, or the next one, on: of one segment, below
    /// `upper_bound_offset`, at most `max_bytes` of them; but one batch at least if `min_one_message`.
    pub fn read(
        &self,
        disk: &Disk,
        from_offset: i64,
        max_bytes: u32,
        upper_bound_offset: i64,
        min_one_message: bool,
    ) -> Result<FetchedData, ReadError> {
        self.read_up_to(disk, from_offset, max_bytes, upper_bound_offset, min_one_message, false)
    }

    /// The same with the aborted transactions among the batches, for who reads below the last stable offset.
    pub fn read_committed(
        &self,
        disk: &Disk,
        from_offset: i64,
        max_bytes: u32,
        upper_bound_offset: i64,
        min_one_message: bool,
    ) -> Result<FetchedData, ReadError> {
        self.read_up_to(disk, from_offset, max_bytes, upper_bound_offset, min_one_message, true)
    }

    fn read_up_to(
        &self,
        disk: &Disk,
        from_offset: i64,
        max_bytes: u32,
        upper_bound_offset: i64,
        min_one_message: bool,
        with_aborted: bool,
    ) -> Result<FetchedData, ReadError> {
        let before_all = self.segments().next().is_some_and(|first| from_offset < first.base_offset);
        if from_offset < self.log_start_offset || from_offset > self.log_end_offset || before_all {
            return Err(ReadError::OffsetOutOfRange {
                offset: from_offset,
                log_start_offset: self.log_start_offset,
                log_end_offset: self.log_end_offset,
            });
        }
        let nothing =
            |place: Place| FetchedData { aborted: with_aborted.then(Vec::new), ..FetchedData::nothing_at(&place) };
        let upper_bound_offset = upper_bound_offset.min(self.log_end_offset);
        if from_offset >= upper_bound_offset {
            return Ok(nothing(self.place_of(disk, from_offset)?));
        }
        // No batch ends at or behind the offset, as where the cleaner took the last ones away.
        let Some((segment, position)) = self.look_up(disk, from_offset)? else {
            return Ok(FetchedData::nothing_at(&self.end_place()));
        };
        let end = self.end_in(disk, segment, upper_bound_offset)?;
        let first_size = segment.header_at(disk, position).map_or(0, |first| first.size());
        let allowed = if min_one_message { max_bytes.max(first_size) } else { max_bytes };
        let bytes = segment.read(disk, position, end.saturating_sub(position).min(allowed));
        let behind = position.saturating_add(bytes.len() as u32);
        let aborted = with_aborted.then(|| self.aborted_among(disk, from_offset, segment, behind)).transpose()?;
        Ok(FetchedData {
            aborted,
            bytes,
            segment_base_offset: segment.base_offset,
            position,
            first_entry_incomplete: allowed > 0 && allowed < first_size,
        })
    }

    /// The base offset of the batch that holds an offset, or of the next one: what an offset becomes once its place is
    /// looked up (`convertToOffsetMetadataOrThrow`).
    pub(super) fn batch_offset_of(&self, disk: &Disk, offset: i64) -> Result<i64, CorruptBatch> {
        let before_all = self.segments().next().is_some_and(|first| offset < first.base_offset);
        if offset >= self.log_end_offset || before_all {
            return Ok(offset);
        }
        let found = self.look_up(disk, offset)?.and_then(|(segment, position)| segment.header_at(disk, position));
        Ok(found.map_or(self.log_end_offset, |header| header.base_offset))
    }

    /// The first batch that ends at or behind an offset. What lies behind damage in its segment cannot be read
    /// (`FileRecords.searchForOffsetFromPosition` throws), and is not passed over.
    fn look_up(&self, disk: &Disk, offset: i64) -> Result<Option<(&Segment, u32)>, CorruptBatch> {
        for segment in self.segments_from(offset) {
            if let Some(position) = segment.look_up(disk, offset)? {
                return Ok(Some((segment, position)));
            }
        }
        Ok(None)
    }

    /// Where in a segment an upper bound cuts a read off.
    fn end_in(&self, disk: &Disk, segment: &Segment, upper_bound_offset: i64) -> Result<u32, CorruptBatch> {
        let is_later = |of: &Segment| of.base_offset > segment.base_offset;
        if upper_bound_offset >= self.log_end_offset
            || self.segments_from(upper_bound_offset).next().is_some_and(is_later)
        {
            return Ok(segment.size());
        }
        Ok(segment.look_up(disk, upper_bound_offset)?.unwrap_or(segment.size()))
    }

    fn place_of(&self, disk: &Disk, offset: i64) -> Result<Place, CorruptBatch> {
        if offset >= self.log_end_offset {
            return Ok(self.end_place());
        }
        let place = |(segment, position): (&Segment, u32)| Place { segment_base_offset: segment.base_offset, position };
        Ok(self.look_up(disk, offset)?.map_or_else(|| self.end_place(), place))
    }

    fn end_place(&self) -> Place {
        Place { segment_base_offset: self.active.base_offset, position: self.active.size() }
    }

    /// The aborted transactions that a reader of `segment` from `from_offset` to the position `behind` must know. Up to
    /// where it reads is told by the offset index, so there may be some too many.
    fn aborted_among(
        &self,
        disk: &Disk,
        from_offset: i64,
        segment: &Segment,
        behind: u32,
    ) -> Result<Vec<(i64, i64)>, CorruptTransactionIndex> {
        let next_segment = || self.segments_from(segment.base_offset).nth(1).map(|next| next.base_offset);
        let upper = segment.upper_bound_offset(disk, behind).or_else(next_segment).unwrap_or(self.log_end_offset);
        let aborted = self.aborted_transactions(disk, segment.base_offset, from_offset, upper)?;
        Ok(aborted.iter().map(|one| (one.producer_id, one.first_offset)).collect())
    }

    /// The aborted transactions from the segment that holds `from_offset` on that begin below `upper_bound_offset`: all
    /// of these segments that end at or behind the log's start, whatever `from_offset` is
    /// (`UnifiedLog.collectAbortedTransactions`, the cleaner's query).
    pub fn collect_aborted_transactions(
        &self,
        disk: &Disk,
        from_offset: i64,
        upper_bound_offset: i64,
    ) -> Result<Vec<AbortedTransaction>, CorruptTransactionIndex> {
        if self.segments().next().is_some_and(|first| from_offset < first.base_offset) {
            return Ok(Vec::new());
        }
        self.aborted_transactions(disk, from_offset, self.log_start_offset, upper_bound_offset)
    }

    fn aborted_transactions(
        &self,
        disk: &Disk,
        from_segment_of: i64,
        ended_from: i64,
        upper_bound_offset: i64,
    ) -> Result<Vec<AbortedTransaction>, CorruptTransactionIndex> {
        let mut found = Vec::new();
        for segment in self.segments_from(from_segment_of) {
            if segment.txn_index().collect(disk, ended_from, upper_bound_offset, |aborted| found.push(aborted))? {
                break;
            }
        }
        Ok(found)
    }

    /// The batches from the one that holds `from_offset` on.
    pub fn batches<'a>(&'a self, disk: &'a Disk, from_offset: i64) -> impl Iterator<Item = StoredBatch> + 'a {
        self.segments_from(from_offset).flat_map(move |segment| {
            let position = segment.position_of(disk, from_offset).unwrap_or(segment.size());
            segment.headers_from(disk, position).map(|(position, header)| StoredBatch {
                segment_base_offset: segment.base_offset,
                position,
                header,
            })
        })
    }

    /// The first record at or after a time; or what one of the negative times asks for. As a read, it is refused where
    /// damage lies on the way.
    pub fn offset_for_timestamp(&self, disk: &Disk, timestamp: i64) -> Result<Option<TimestampOffset>, ReadError> {
        let end = |offset, leader_epoch| Ok(Some(TimestampOffset { timestamp: -1, offset, leader_epoch }));
        match timestamp {
            LATEST_TIMESTAMP => end(self.log_end_offset, self.epochs.latest()),
            EARLIEST_TIMESTAMP | EARLIEST_LOCAL_TIMESTAMP => {
                let first = self.epochs.entries().first().filter(|(_, start)| *start <= self.log_start_offset);
                end(self.log_start_offset, first.map(|&(epoch, _)| epoch))
            }
            LATEST_TIERED_TIMESTAMP | EARLIEST_PENDING_UPLOAD_TIMESTAMP => end(-1, Some(-1)),
            MAX_TIMESTAMP => {
                let latest = self.segments().reduce(|a, b| if b.largest().0 > a.largest().0 { b } else { a });
                latest.map_or(Ok(None), |latest| latest.first_with_largest_timestamp(disk))
            }
            _ => {
                let segment = self.segments().find(|segment| segment.largest_time(disk) >= timestamp);
                segment.map_or(Ok(None), |it| it.find_by_timestamp(disk, timestamp, self.log_start_offset))
            }
        }
    }
}
