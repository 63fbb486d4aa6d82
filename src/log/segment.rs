//! One segment: a `.log` file of batches one behind another, and its two indexes (`LogSegment` in Apache Kafka).

use std::sync::Arc;

use bytes::Bytes;

use super::batch::{self, BatchHeader, Body, HEADER_SIZE, Record};
use super::config::LogConfig;
use super::index::{OffsetIndex, TimeIndex};
use super::read::TimestampOffset;
use super::txn_index::{AbortedTransaction, CorruptTransactionIndex, TransactionIndex};
use crate::sim::disk::{Disk, DiskError, FileId};

/// So many of the latest batches are remembered with their positions: readers are mostly at the end.
const RECENT: usize = 16;

/// What a segment's files are called besides their usual names.
pub mod suffix {
    /// A segment of the log.
    pub const NONE: &str = "";
    /// A segment that the cleaner writes.
    pub const CLEANED: &str = ".cleaned";
    /// A segment that is about to take the place of others.
    pub const SWAP: &str = ".swap";
    /// A segment that nobody needs any more.
    pub const DELETED: &str = ".deleted";
}

/// The kinds of files of a segment.
pub const EXTENSIONS: [&str; 4] = ["log", "index", "timeindex", "txnindex"];

/// A segment of a log. Cheap to clone: the bytes are on the disk.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its first offset, and its name.
    pub base_offset: i64,
    directory: Arc<str>,
    suffix: &'static str,
    log: FileId,
    index: OffsetIndex,
    time_index: TimeIndex,
    txn_index: TransactionIndex,
    size: u32,
    /// When it was made, for `segment.ms` where records have no timestamps.
    created_ms: i64,
    /// The largest timestamp of its first batch, for `segment.ms`.
    rolling_based_timestamp: Option<i64>,
    /// The largest timestamp, and the last offset of the batch that has it.
    largest: Option<(i64, i64)>,
    bytes_since_last_index_entry: u32,
    /// The last offsets and positions of the latest batches, a ring.
    recent: [(i64, u32); RECENT],
    recent_count: u32,
}

/// The path of a segment's file.
pub fn path(directory: &str, base_offset: i64, extension: &str) -> String {
    format!("{directory}/{base_offset:020}.{extension}")
}

impl Segment {
    /// Opens the files of a segment, those that are not there empty. What they hold is taken as it is.
    pub fn open(disk: &mut Disk, directory: &str, base_offset: i64, now_ms: i64) -> Result<Segment, DiskError> {
        Segment::open_as(disk, directory, base_offset, suffix::NONE, now_ms)
    }

    /// The same of files with a suffix.
    pub fn open_as(
        disk: &mut Disk,
        directory: &str,
        base_offset: i64,
        suffix: &'static str,
        now_ms: i64,
    ) -> Result<Segment, DiskError> {
        let path = |extension: &str| path(directory, base_offset, extension) + suffix;
        let log_path = path("log");
        let log = match disk.open(&log_path) {
            Some(log) => log,
            None => disk.create(&log_path)?,
        };
        let time_index = TimeIndex::open(disk, &path("timeindex"), base_offset)?;
        let mut segment = Segment {
            base_offset,
            directory: directory.into(),
            suffix,
            log,
            index: OffsetIndex::open(disk, &path("index"), base_offset)?,
            time_index,
            txn_index: TransactionIndex::open(disk, &path("txnindex")),
            size: u32::try_from(disk.len(log)).unwrap_or(u32::MAX),
            created_ms: now_ms,
            rolling_based_timestamp: None,
            largest: time_index.last(),
            bytes_since_last_index_entry: 0,
            recent: [(0, 0); RECENT],
            recent_count: 0,
        };
        segment.rolling_based_timestamp = segment.header_at(disk, 0).map(|first| first.max_timestamp);
        Ok(segment)
    }

    fn path(&self, extension: &str) -> String {
        path(&self.directory, self.base_offset, extension) + self.suffix
    }

    /// The paths of its files, whether they are there or not.
    pub fn paths(&self) -> impl Iterator<Item = String> + '_ {
        EXTENSIONS.iter().map(|extension| self.path(extension))
    }

    /// Gives one of its files another name: of those that have the present one the first, in the order of
    /// [`EXTENSIONS`]. Whether there was one; if not, the segment has its new name.
    pub fn rename_one(&mut self, disk: &mut Disk, suffix: &'static str) -> Result<bool, DiskError> {
        let found = EXTENSIONS.iter().find(|extension| disk.open(&self.path(extension)).is_some());
        match found.filter(|_| suffix != self.suffix) {
            Some(extension) => {
                disk.rename(&self.path(extension), &(path(&self.directory, self.base_offset, extension) + suffix))?;
                Ok(true)
            }
            None => {
                self.suffix = suffix;
                Ok(false)
            }
        }
    }

    /// When its `.log` file was last changed.
    pub fn modified_ms(&self, disk: &Disk) -> i64 {
        disk.modified_ms(self.log)
    }

    /// Makes its files as old as told.
    pub fn set_modified_ms(&self, disk: &mut Disk, modified_ms: i64) {
        for extension in &EXTENSIONS[..3] {
            if let Some(file) = disk.open(&self.path(extension)) {
                disk.set_modified_ms(file, modified_ms);
            }
        }
    }

    /// The time that retention takes a segment to be of: its largest timestamp or, without any, when its file was last
    /// changed (`largestTimestamp`).
    pub fn last_time_ms(&self, disk: &Disk) -> i64 {
        let largest = self.largest.filter(|&(timestamp, _)| timestamp >= 0);
        largest.map_or_else(|| self.modified_ms(disk), |(timestamp, _)| timestamp)
    }

    /// The largest timestamp of its first batch, if it has one (`getFirstBatchTimestamp`).
    pub fn first_batch_timestamp(&self) -> Option<i64> {
        self.rolling_based_timestamp.filter(|&timestamp| timestamp >= 0)
    }

    /// Its index of offsets.
    pub fn index(&self) -> &OffsetIndex {
        &self.index
    }

    /// Its index of times.
    pub fn time_index(&self) -> &TimeIndex {
        &self.time_index
    }

    /// Removes a segment's files.
    pub fn remove(disk: &mut Disk, directory: &str, base_offset: i64) {
        for extension in ["log", "index", "timeindex", "txnindex"] {
            disk.remove(&path(directory, base_offset, extension));
        }
    }

    /// The bytes of its `.log` file.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The largest timestamp known, and the last offset of its batch.
    pub fn largest_timestamp(&self) -> Option<(i64, i64)> {
        self.largest
    }

    /// When the segment was made.
    pub fn created_ms(&self) -> i64 {
        self.created_ms
    }

    /// The same; (-1, base offset) without any.
    pub fn largest(&self) -> (i64, i64) {
        self.largest.unwrap_or((-1, self.base_offset))
    }

    /// The largest timestamp; without any when the file was last changed.
    pub fn largest_time(&self, disk: &Disk) -> i64 {
        match self.largest() {
            (timestamp, _) if timestamp >= 0 => timestamp,
            _ => disk.modified_ms(self.log),
        }
    }

    /// The entries of the offset index: offsets and positions.
    pub fn offset_entries(&self, disk: &Disk) -> Vec<(i64, u32)> {
        (0..self.index.count()).map(|i| self.index.get(disk, i)).collect()
    }

    /// The entries of the time index: timestamps and offsets.
    pub fn time_entries(&self, disk: &Disk) -> Vec<(i64, i64)> {
        (0..self.time_index.count()).map(|i| self.time_index.get(disk, i)).collect()
    }

    /// The offset of the first entry of the offset index whose position is not below `position`.
    pub fn upper_bound_offset(&self, disk: &Disk, position: u32) -> Option<i64> {
        self.offset_entries(disk).into_iter().find(|entry| entry.1 >= position).map(|entry| entry.0)
    }

    /// Writes whole batches, whose offsets are set, behind the others. `only` is the header where there is one batch.
    pub fn append(
        &mut self,
        disk: &mut Disk,
        bytes: Bytes,
        only: Option<&BatchHeader>,
        config: &LogConfig,
    ) -> Result<(), DiskError> {
        match only {
            Some(header) => {
                disk.append(self.log, bytes)?;
                self.note(disk, header, config);
            }
            None => {
                disk.append(self.log, bytes.clone())?;
                batch::batches(&bytes).for_each(|(header, _)| self.note(disk, &header, config));
            }
        }
        Ok(())
    }

    /// Notes an aborted transaction whose marker stands in this segment (`updateTxnIndex`).
    pub fn append_aborted(
        &mut self,
        disk: &mut Disk,
        directory: &str,
        aborted: &AbortedTransaction,
    ) -> Result<(), DiskError> {
        let path = path(directory, self.base_offset, "txnindex") + self.suffix;
        self.txn_index.append(disk, &path, aborted)
    }

    /// Its index of aborted transactions.
    pub fn txn_index(&self) -> &TransactionIndex {
        &self.txn_index
    }

    /// Whether the transaction index is whole (`LogSegment.sanityCheck`).
    pub fn check_txn_index(&self, disk: &Disk) -> Result<(), CorruptTransactionIndex> {
        self.txn_index.sanity_check(disk, self.base_offset)
    }

    /// A segment that recovery made or found without a time begins with its first append.
    pub fn begin(&mut self, now_ms: i64) {
        if self.created_ms == 0 {
            self.created_ms = now_ms;
        }
    }

    /// Takes a batch that stands at the end of the known part into the indexes.
    fn note(&mut self, disk: &mut Disk, header: &BatchHeader, config: &LogConfig) {
        if self.largest.is_none_or(|(largest, _)| header.max_timestamp > largest) {
            self.largest = Some((header.max_timestamp, header.last_offset()));
        }
        if self.size == 0 {
            self.rolling_based_timestamp = Some(header.max_timestamp);
        }
        if self.bytes_since_last_index_entry > config.index_interval_bytes {
            // Kafka's index files are preallocated: an entry never finds the disk full. Here it is left out then.
            let _ = self.index.append(disk, header.last_offset(), self.size, config.segment_index_bytes);
            if let Some(largest) = self.largest {
                let _ = self.time_index.maybe_append(disk, largest, config.segment_index_bytes, false);
            }
            self.bytes_since_last_index_entry = 0;
        }
        self.remember(header.last_offset(), self.size);
        self.size = self.size.saturating_add(header.size());
        self.bytes_since_last_index_entry = self.bytes_since_last_index_entry.saturating_add(header.size());
    }

    fn remember(&mut self, last_offset: i64, position: u32) {
        self.recent[self.recent_count as usize % RECENT] = (last_offset, position);
        self.recent_count += 1;
    }

    /// Whether a further write of `bytes` belongs into a new segment (`LogSegment.shouldRoll`).
    pub fn should_roll(
        &self,
        bytes: u32,
        max_timestamp: i64,
        max_offset: i64,
        now_ms: i64,
        config: &LogConfig,
    ) -> bool {
        let too_large = u64::from(self.size) + u64::from(bytes) > u64::from(config.segment_bytes);
        too_large
            || (self.size > 0 && self.waited_ms(max_timestamp, now_ms) > config.max_segment_ms())
            || self.index.is_full(config.segment_index_bytes)
            || self.time_index.is_full(config.segment_index_bytes)
            || max_offset - self.base_offset > i64::from(i32::MAX)
    }

    /// By the records' time if they have one, else by the clock.
    fn waited_ms(&self, max_timestamp: i64, now_ms: i64) -> i64 {
        match self.rolling_based_timestamp {
            Some(first) if first >= 0 => max_timestamp.saturating_sub(first),
            _ => now_ms.saturating_sub(self.created_ms),
        }
    }

    /// The segment takes no more: the largest timestamp goes into the index, all of it to the medium.
    pub fn seal(&mut self, disk: &mut Disk, config: &LogConfig) -> Result<(), DiskError> {
        if let Some(largest) = self.largest {
            self.time_index.maybe_append(disk, largest, config.segment_index_bytes, true)?;
        }
        self.flush(disk);
        Ok(())
    }

    /// Makes everything durable.
    pub fn flush(&self, disk: &mut Disk) {
        disk.flush(self.log);
        self.index.flush(disk);
        self.time_index.flush(disk);
        self.txn_index.flush(disk);
    }

    /// The header of the whole batch at a position.
    pub fn header_at(&self, disk: &Disk, position: u32) -> Option<BatchHeader> {
        let at = u64::from(position);
        let header = match BatchHeader::parse(disk.peek(self.log, at)) {
            Ok(header) => header,
            // It may lie across two writes.
            Err(_) => BatchHeader::parse(&disk.read(self.log, at, HEADER_SIZE as u32)).ok()?,
        };
        (at + u64::from(header.size()) <= u64::from(self.size)).then_some(header)
    }

    /// The whole batches from a position on, each with where it stands.
    pub fn headers_from<'a>(&'a self, disk: &'a Disk, position: u32) -> impl Iterator<Item = (u32, BatchHeader)> + 'a {
        let mut at = position;
        std::iter::from_fn(move || {
            let header = self.header_at(disk, at)?;
            let position = at;
            at += header.size();
            Some((position, header))
        })
    }

    /// Bytes of the `.log` file.
    pub fn read(&self, disk: &Disk, position: u32, len: u32) -> Bytes {
        disk.read(self.log, position.into(), len)
    }

    /// Where the first batch stands that ends at or behind `offset`.
    pub fn position_of(&self, disk: &Disk, offset: i64) -> Option<u32> {
        match self.recent_position_of(offset) {
            Some(found) => found,
            None => {
                let (_, position) = self.index.floor(disk, offset);
                self.headers_from(disk, position)
                    .find(|(_, header)| header.last_offset() >= offset)
                    .map(|(position, _)| position)
            }
        }
    }

    /// The same if the remembered batches tell: `Some(None)` says that all of them end before.
    fn recent_position_of(&self, offset: i64) -> Option<Option<u32>> {
        let known = self.recent_count.min(RECENT as u32);
        let mut found = None;
        for back in 1..=known {
            let (last_offset, position) = self.recent[(self.recent_count - back) as usize % RECENT];
            if last_offset < offset {
                return Some(found);
            }
            found = Some(position);
        }
        // Batches before the remembered ones may hold it, unless the first of the segment is among these.
        (found == Some(0)).then_some(found)
    }

    /// The last batch boundary from `start` on that is not above `limit`; `start` is a boundary.
    pub fn boundary(&self, disk: &Disk, start: u32, limit: u32) -> u32 {
        if limit >= self.size {
            return self.size;
        }
        let from = self.index.floor_position(disk, limit).max(start);
        self.headers_from(disk, from)
            .map(|(position, header)| position + header.size())
            .take_while(|&end| end <= limit)
            .last()
            .unwrap_or(from)
    }

    /// The offset behind the last whole batch, found from the last index entry on (`readNextOffset`). Fills what is
    /// kept in memory of the end.
    pub fn load_end(&mut self, disk: &Disk) -> i64 {
        let (_, position) = self.index.last(disk);
        self.recent_count = 0;
        let mut next_offset = self.base_offset;
        let mut at = position;
        while let Some(header) = self.header_at(disk, at) {
            self.remember(header.last_offset(), at);
            next_offset = header.next_offset();
            at += header.size();
        }
        next_offset
    }

    /// Reads every batch, rebuilds the indexes and cuts the file where a batch is torn or its checksum fails
    /// (`LogSegment.recover`). `seen` is told each valid batch. Answers the bytes that were cut.
    pub fn recover(
        &mut self,
        disk: &mut Disk,
        config: &LogConfig,
        mut seen: impl FnMut(&BatchHeader, &[u8]),
    ) -> Result<u64, DiskError> {
        self.index.truncate_to(disk, self.base_offset);
        self.time_index.truncate_to(disk, self.base_offset);
        self.txn_index.reset(disk);
        self.recent_count = 0;
        self.largest = None;
        self.rolling_based_timestamp = None;
        self.bytes_since_last_index_entry = 0;
        self.size = 0;
        while let Some((header, bytes)) = self.valid_batch_at(disk, self.size.into()) {
            self.note(disk, &header, config);
            seen(&header, &bytes);
        }
        if let Some(largest) = self.largest {
            self.time_index.maybe_append(disk, largest, config.segment_index_bytes, true)?;
        }
        self.bytes_since_last_index_entry = 0;
        let cut = disk.len(self.log) - u64::from(self.size);
        disk.truncate(self.log, self.size.into());
        Ok(cut)
    }

    fn valid_batch_at(&self, disk: &Disk, at: u64) -> Option<(BatchHeader, Bytes)> {
        let header = BatchHeader::parse(&disk.read(self.log, at, HEADER_SIZE as u32)).ok()?;
        let bytes = disk.read(self.log, at, header.size());
        let in_range =
            header.last_offset() >= self.base_offset && header.last_offset() - self.base_offset <= i64::from(i32::MAX);
        let whole = bytes.len() as u64 == u64::from(header.size());
        (whole && in_range && batch::check_crc(&bytes, &header).is_ok()).then_some((header, bytes))
    }

    /// Removes the batch that holds `offset` and all behind it (`LogSegment.truncateTo`).
    pub fn truncate_to(&mut self, disk: &mut Disk, offset: i64, now_ms: i64) {
        let Some(position) = self.position_of(disk, offset) else { return };
        self.index.truncate_to(disk, offset);
        self.time_index.truncate_to(disk, offset);
        self.txn_index.truncate_to(disk, offset);
        disk.truncate(self.log, position.into());
        self.size = position;
        self.bytes_since_last_index_entry = 0;
        if position == 0 {
            self.created_ms = now_ms;
            self.rolling_based_timestamp = None;
        }
        self.load_end(disk);
        self.load_largest(disk);
    }

    fn load_largest(&mut self, disk: &Disk) {
        self.largest = self.time_index.last();
        let from = self.largest.map_or(0, |(_, offset)| self.index.floor(disk, offset).1);
        let behind = self
            .headers_from(disk, from)
            .map(|(_, header)| (header.max_timestamp, header.last_offset()))
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        if behind.is_some_and(|(timestamp, _)| self.largest.is_none_or(|(largest, _)| timestamp > largest)) {
            self.largest = behind;
        }
    }

    /// The first record at or after `timestamp` whose offset is at least `from` (`findOffsetByTimestamp`).
    pub fn find_by_timestamp(&self, disk: &Disk, timestamp: i64, from: i64) -> Option<TimestampOffset> {
        let floor = self.time_index.floor(disk, timestamp).map_or(self.base_offset, |(_, offset)| offset);
        let (_, position) = self.index.floor(disk, floor.max(from));
        self.headers_from(disk, position).filter(|(_, header)| header.max_timestamp >= timestamp).find_map(
            |(position, header)| {
                self.first_record(disk, position, &header, |record| {
                    record.timestamp >= timestamp && record.offset >= from
                })
            },
        )
    }

    /// The first record with the largest timestamp.
    pub fn first_with_largest_timestamp(&self, disk: &Disk) -> Option<TimestampOffset> {
        let (timestamp, offset) = self.largest();
        let (_, position) = self.index.floor(disk, offset);
        let (position, header) =
            self.headers_from(disk, position).find(|(_, header)| header.max_timestamp == timestamp)?;
        self.first_record(disk, position, &header, |record| record.timestamp == timestamp)
    }

    fn first_record(
        &self,
        disk: &Disk,
        position: u32,
        header: &BatchHeader,
        wanted: impl Fn(&Record<'_>) -> bool,
    ) -> Option<TimestampOffset> {
        let bytes = self.read(disk, position, header.size());
        let body = Body::of(&bytes).ok()?;
        let found = body.records().ok()?.map_while(Result::ok).find(|record| wanted(record))?;
        Some(TimestampOffset {
            timestamp: found.timestamp,
            offset: found.offset,
            leader_epoch: Some(header.partition_leader_epoch).filter(|&epoch| epoch >= 0),
        })
    }
}
