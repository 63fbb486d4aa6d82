//! One segment: a `.log` file of batches one behind another, and its indexes (`LogSegment` in Apache Kafka).
//!
//! Index files are made when something first looks into them; a method that takes the disk as `&mut` makes them as
//! Kafka's would, one that takes it as `&` reads what is there.

use std::sync::Arc;

use bytes::Bytes;

use super::batch::{self, BatchHeader, Body, HEADER_SIZE, LOG_OVERHEAD, Record};
use super::config::LogConfig;
use super::index::{self, IndexError, OffsetIndex, TimeIndex};
use super::read::TimestampOffset;
use super::txn_index::{AbortedTransaction, CorruptTransactionIndex, TransactionIndex};
use crate::sim::disk::{Disk, DiskError, FileId};

/// So many of the latest batches are remembered with their positions: readers are mostly at the end.
const RECENT: usize = 16;
/// What is as long as this or shorter at the end of a file is no batch (`HEADER_SIZE_UP_TO_MAGIC`).
const SHORTEST_RECORD: u32 = 17;
/// No record of any format is shorter than this (`RECORD_OVERHEAD_V0`).
const SHORTEST_LENGTH: i32 = 14;

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

/// A batch whose length cannot be right: nothing behind it can be read (`CorruptRecordException`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found a record of length {0}, which no batch has")]
pub struct CorruptBatch(pub i32);

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
    /// `index.interval.bytes` when the segment was made.
    index_interval_bytes: u32,
    /// When it was made or opened, for `segment.ms` where records have no timestamps.
    created_ms: i64,
    /// The largest timestamp of its first batch, for `segment.ms`.
    rolling_based_timestamp: Option<i64>,
    /// The largest timestamp, and the last offset of the batch that has it; `None` until someone asked the time index.
    largest: Option<(i64, i64)>,
    bytes_since_last_index_entry: u32,
    /// The last offsets and positions of the latest batches, a ring.
    recent: [(i64, u32); RECENT],
    recent_count: u32,
    /// Torn bytes stand between batches (a clean start does not look for them): readers stop there, so that nothing may be
    /// found by what is remembered.
    has_gap: bool,
}

/// The path of a segment's file.
pub fn path(directory: &str, base_offset: i64, extension: &str) -> String {
    format!("{directory}/{base_offset:020}.{extension}")
}

impl Segment {
    /// Opens a segment; the `.log` file is made if it is not there. What it holds is taken as it is.
    pub fn open(
        disk: &mut Disk,
        directory: &Arc<str>,
        base_offset: i64,
        config: &LogConfig,
        suffix: &'static str,
    ) -> Result<Segment, DiskError> {
        let path = |extension: &str| path(directory, base_offset, extension) + suffix;
        let log_path = path("log");
        let log = match disk.open(&log_path) {
            Some(log) => log,
            None => disk.create(&log_path)?,
        };
        let max_index_bytes = config.segment_index_bytes;
        let mut segment = Segment {
            base_offset,
            directory: Arc::clone(directory),
            suffix,
            log,
            index: OffsetIndex::find(disk, &path("index"), base_offset, max_index_bytes),
            time_index: TimeIndex::find(disk, &path("timeindex"), base_offset, max_index_bytes),
            txn_index: TransactionIndex::open(disk, &path("txnindex")),
            size: u32::try_from(disk.len(log)).unwrap_or(u32::MAX),
            index_interval_bytes: config.index_interval_bytes,
            created_ms: disk.now_ms(),
            rolling_based_timestamp: None,
            largest: None,
            bytes_since_last_index_entry: 0,
            recent: [(0, 0); RECENT],
            recent_count: 0,
            has_gap: false,
        };
        segment.rolling_based_timestamp = segment.header_at(disk, 0).map(|first| first.max_timestamp);
        Ok(segment)
    }

    fn path(&self, extension: &str) -> String {
        path(&self.directory, self.base_offset, extension) + self.suffix
    }

    /// Gives its files other names (`changeFileSuffixes`).
    pub fn rename(&mut self, disk: &mut Disk, suffix: &'static str) -> Result<(), DiskError> {
        while self.rename_one(disk, suffix)? {}
        Ok(())
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

    /// The paths of its files, whether they are there or not.
    pub fn paths(&self) -> impl Iterator<Item = String> + '_ {
        EXTENSIONS.iter().map(|extension| self.path(extension))
    }

    /// The bytes of its `.log` file.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The largest timestamp known, and the last offset of its batch; `None` if no record has one.
    pub fn largest_timestamp(&self) -> Option<(i64, i64)> {
        Some(self.largest()).filter(|&(timestamp, _)| timestamp >= 0)
    }

    /// The same; (-1, base offset) without any.
    pub fn largest(&self) -> (i64, i64) {
        self.largest.unwrap_or(self.time_index.last())
    }

    /// The time that retention and look-ups by time take a segment to be of: its largest timestamp or, without any, when
    /// its file was last changed (`largestTimestamp`).
    pub fn largest_time(&self, disk: &Disk) -> i64 {
        self.largest_timestamp().map_or_else(|| self.modified_ms(disk), |(timestamp, _)| timestamp)
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

    /// The largest timestamp of its first batch, if it has one (`getFirstBatchTimestamp`); an error where damage stands in
    /// its place.
    pub fn first_batch_timestamp(&self, disk: &Disk) -> Result<Option<i64>, CorruptBatch> {
        let timestamp = match self.rolling_based_timestamp {
            Some(timestamp) => Some(timestamp),
            None => self.batch_at(disk, 0, self.size)?.map(|first| first.max_timestamp),
        };
        Ok(timestamp.filter(|&timestamp| timestamp >= 0))
    }

    /// Does what asking for the largest timestamp does: the time index is opened.
    pub fn look_up_largest_timestamp(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        if self.largest.is_none() {
            self.open_time_index(disk)?;
            self.largest = Some(self.time_index.last());
        }
        Ok(())
    }

    /// When the segment was made.
    pub fn created_ms(&self) -> i64 {
        self.created_ms
    }

    /// Its index of offsets.
    pub fn index(&self) -> &OffsetIndex {
        &self.index
    }

    /// Its index of times.
    pub fn time_index(&self) -> &TimeIndex {
        &self.time_index
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
        self.index.upper_bound_offset(disk, position)
    }

    /// Its index of aborted transactions.
    pub fn txn_index(&self) -> &TransactionIndex {
        &self.txn_index
    }

    /// Whether the transaction index is whole (`LogSegment.sanityCheck`).
    pub fn check_txn_index(&self, disk: &Disk) -> Result<(), CorruptTransactionIndex> {
        self.txn_index.sanity_check(disk, self.base_offset)
    }

    /// Makes the index files, if they are not there yet.
    pub fn open_indexes(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        self.open_index(disk)?;
        self.open_time_index(disk)
    }

    pub(super) fn open_index(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        let Segment { index, directory, base_offset, suffix, .. } = self;
        index.open(disk, || path(directory, *base_offset, "index") + suffix)
    }

    fn open_time_index(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        let Segment { time_index, directory, base_offset, suffix, .. } = self;
        time_index.open(disk, || path(directory, *base_offset, "timeindex") + suffix)
    }

    /// Gives the indexes room for more entries (`resizeIndexes`).
    pub fn resize_indexes(&mut self, disk: &mut Disk, bytes: u32) -> Result<(), IndexError> {
        self.open_indexes(disk)?;
        self.index.resize(disk, bytes)?;
        self.time_index.resize(disk, bytes)
    }

    /// A time index that had to be made anew when the log was opened is empty: nothing is rebuilt.
    pub(super) fn empty_new_time_index(&mut self, disk: &mut Disk) -> Result<(), IndexError> {
        self.open_time_index(disk)?;
        self.time_index.resize(disk, 0)
    }

    /// Writes whole batches, whose offsets are set, behind the others. `only` is the header where there is one batch.
    /// Where an index refuses an entry, the batches stand in the file all the same.
    pub fn append(&mut self, disk: &mut Disk, bytes: Bytes, only: Option<&BatchHeader>) -> Result<(), IndexError> {
        self.open_indexes(disk)?;
        let end = self.size.saturating_add(bytes.len() as u32);
        disk.append(self.log, bytes.clone())?;
        let noted = match only {
            Some(header) => self.note_appended(disk, header),
            None => batch::batches(&bytes).try_for_each(|(header, _)| self.note_appended(disk, &header)),
        };
        if noted.is_err() {
            self.size = end;
            // What comes next has the same offsets again.
            self.forget_recent(true);
        }
        noted
    }

    fn note_appended(&mut self, disk: &mut Disk, header: &BatchHeader) -> Result<(), IndexError> {
        match self.note(disk, header) {
            // An index on a full disk goes without the entry.
            Err(IndexError::Disk(_)) => Ok(()),
            noted => noted,
        }
    }

    /// Notes an aborted transaction whose marker stands in this segment (`updateTxnIndex`).
    pub fn append_aborted(&mut self, disk: &mut Disk, aborted: &AbortedTransaction) -> Result<(), DiskError> {
        let path = if self.txn_index.exists() { String::new() } else { self.path("txnindex") };
        self.txn_index.append(disk, &path, aborted)
    }

    /// Takes a batch that stands at the end of the known part into the indexes.
    fn note(&mut self, disk: &mut Disk, header: &BatchHeader) -> Result<(), IndexError> {
        let mut largest = self.largest();
        if header.max_timestamp > largest.0 {
            largest = (header.max_timestamp, header.last_offset());
        }
        self.largest = Some(largest);
        if self.size == 0 {
            self.rolling_based_timestamp = Some(header.max_timestamp);
        }
        let position = self.size;
        self.remember(header.last_offset(), position);
        self.size = position.saturating_add(header.size());
        let mut noted = Ok(());
        if self.bytes_since_last_index_entry > self.index_interval_bytes {
            noted = self.index.append(disk, header.last_offset(), position);
            noted = noted.and_then(|()| self.time_index.maybe_append(disk, largest, false));
            if !matches!(noted, Ok(()) | Err(IndexError::Disk(_))) {
                return noted;
            }
            self.bytes_since_last_index_entry = 0;
        }
        self.bytes_since_last_index_entry = self.bytes_since_last_index_entry.saturating_add(header.size());
        noted
    }

    fn remember(&mut self, last_offset: i64, position: u32) {
        if !self.has_gap {
            self.recent[self.recent_count as usize % RECENT] = (last_offset, position);
            self.recent_count += 1;
        }
    }

    /// Whether a further write of `bytes` belongs into a new segment (`LogSegment.shouldRoll`). Only who asks the
    /// indexes makes their files.
    pub fn should_roll(
        &mut self,
        disk: &mut Disk,
        (bytes, max_timestamp, max_offset): (u32, i64, i64),
        now_ms: i64,
        config: &LogConfig,
    ) -> Result<bool, DiskError> {
        let too_large = u64::from(self.size) + u64::from(bytes) > u64::from(config.segment_bytes);
        if too_large || (self.size > 0 && self.waited_ms(max_timestamp, now_ms) > config.max_segment_ms()) {
            return Ok(true);
        }
        self.open_index(disk)?;
        if self.index.is_full() {
            return Ok(true);
        }
        self.open_time_index(disk)?;
        Ok(self.time_index.is_full() || index::relative(self.base_offset, max_offset).is_none())
    }

    /// By the records' time if they have one, else by the clock.
    fn waited_ms(&self, max_timestamp: i64, now_ms: i64) -> i64 {
        match self.rolling_based_timestamp {
            Some(first) if first >= 0 => max_timestamp.saturating_sub(first),
            _ => now_ms.saturating_sub(self.created_ms),
        }
    }

    /// The segment takes no more: the largest timestamp goes into the index, and both indexes are cut to their entries
    /// (`onBecomeInactiveSegment`).
    pub fn seal(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        self.look_up_largest_timestamp(disk)?;
        self.open_indexes(disk)?;
        // It has a slot for this one, unless there is none at all.
        let _ = self.time_index.maybe_append(disk, self.largest(), true);
        self.index.trim(disk);
        self.time_index.trim(disk);
        Ok(())
    }

    /// The log is closed (`LogSegment.close`): the largest timestamp, if anybody asked for it, goes into the time index,
    /// and indexes that were opened are cut to their entries.
    pub fn close(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        if let Some(largest) = self.largest {
            self.open_time_index(disk)?;
            let _ = self.time_index.maybe_append(disk, largest, true);
        }
        self.index.close(disk);
        self.time_index.close(disk);
        Ok(())
    }

    /// Makes everything durable.
    pub fn flush(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        disk.flush(self.log);
        self.open_indexes(disk)?;
        self.index.flush(disk);
        self.time_index.flush(disk);
        self.txn_index.flush(disk);
        Ok(())
    }

    /// The batch at a position, if it is whole and ends at or before `end` (`FileLogInputStream.nextBatch`).
    fn batch_at(&self, disk: &Disk, position: u32, end: u32) -> Result<Option<BatchHeader>, CorruptBatch> {
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
        self.recent_position_of(offset).map_or_else(|| self.translate(disk, offset), Ok)
    }

    /// The same by the index (`translateOffset`, `searchForOffsetFromPosition`).
    fn translate(&self, disk: &Disk, offset: i64) -> Result<Option<u32>, CorruptBatch> {
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
            .map(|(position, header)| position.saturating_add(header.size()))
            .take_while(|&end| end <= limit)
            .last()
            .unwrap_or(from)
    }

    /// The offset behind the last whole batch, found from the last index entry on (`readNextOffset`). Where that entry
    /// names what is not there, it is the segment's base, whatever stands before.
    pub fn read_next_offset(&mut self, disk: &mut Disk) -> Result<i64, ReadNextError> {
        self.open_index(disk)?;
        self.forget_recent(self.size > 0);
        let Some(position) = self.translate(disk, self.index.last_offset())? else { return Ok(self.base_offset) };
        self.has_gap = false;
        let mut next_offset = self.base_offset;
        let mut at = position;
        while let Some(header) = self.batch_at(disk, at, self.size)? {
            self.remember(header.last_offset(), at);
            next_offset = header.next_offset();
            at = at.saturating_add(header.size());
        }
        if at != self.size {
            self.forget_recent(true);
        }
        Ok(next_offset)
    }

    fn forget_recent(&mut self, has_gap: bool) {
        self.recent_count = 0;
        self.has_gap = has_gap;
    }

    /// Reads every batch, rebuilds the indexes and cuts the file where a batch is torn or its checksum fails
    /// (`LogSegment.recover`). `seen` is told each valid batch and answers the transaction that it aborts. Answers what
    /// was cut, if anything was.
    pub(super) fn recover<E: From<RecoverError>>(
        &mut self,
        disk: &mut Disk,
        mut seen: impl FnMut(&BatchHeader, &[u8]) -> Result<Option<AbortedTransaction>, E>,
    ) -> Result<Option<Cut>, E> {
        // Recovery counts by itself and leaves alone what the last append knew of its index entry.
        let bytes_since_last_index_entry = self.bytes_since_last_index_entry;
        self.begin_recovery(disk).map_err(|error| E::from(error.into()))?;
        let end = self.size;
        self.size = 0;
        let mut damage = Damage::Torn;
        while let Some(header) = self.batch_at(disk, self.size, end).ok().flatten() {
            let at = u64::from(self.size);
            let piece = disk.peek(self.log, at);
            let joined;
            let batch = match piece.get(..header.size() as usize) {
                Some(batch) => batch,
                None => {
                    joined = disk.read(self.log, at, header.size());
                    &joined[..]
                }
            };
            // Of formats before version 2 there is none here: such a batch does not match its checksum.
            if header.magic < 2 || batch::check_crc(batch, &header).is_err() {
                damage = Damage::Checksum;
                break;
            }
            if index::relative(self.base_offset, header.last_offset()).is_none() {
                self.size = end;
                return Err(E::from(RecoverError::Overflow { base_offset: self.base_offset }));
            }
            let aborted = seen(&header, batch)?;
            if let Err(error) = self.note(disk, &header) {
                self.size = end;
                return Err(E::from(error.into()));
            }
            if let Some(aborted) = aborted {
                self.append_aborted(disk, &aborted).map_err(|error| E::from(error.into()))?;
            }
        }
        self.end_recovery(disk);
        self.bytes_since_last_index_entry = bytes_since_last_index_entry;
        let cut = Cut { base_offset: self.base_offset, position: self.size, bytes: end - self.size, damage };
        Ok((cut.bytes > 0).then_some(cut))
    }

    fn begin_recovery(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        self.open_indexes(disk)?;
        self.index.reset(disk);
        self.time_index.reset(disk);
        self.txn_index.reset(disk);
        self.forget_recent(false);
        self.largest = Some(self.time_index.last());
        self.bytes_since_last_index_entry = 0;
        Ok(())
    }

    fn end_recovery(&mut self, disk: &mut Disk) {
        if disk.len(self.log) != u64::from(self.size) {
            disk.truncate(self.log, self.size.into());
        }
        if self.size == 0 {
            self.rolling_based_timestamp = None;
        }
        self.index.trim(disk);
        // As when a segment is closed.
        let _ = self.time_index.maybe_append(disk, self.largest(), true);
        self.time_index.trim(disk);
    }

    /// Removes the batch that holds `offset` and all behind it (`LogSegment.truncateTo`). Answers the bytes removed.
    pub fn truncate_to(&mut self, disk: &mut Disk, offset: i64) -> Result<u32, IndexError> {
        self.open_indexes(disk)?;
        let position = self.translate(disk, offset).ok().flatten();
        self.index.truncate_to(disk, offset);
        self.time_index.truncate_to(disk, offset);
        self.txn_index.truncate_to(disk, offset);
        self.index.restore_size(disk)?;
        self.time_index.restore_size(disk)?;
        let before = self.size;
        if let Some(position) = position {
            disk.truncate(self.log, position.into());
            self.size = position;
        }
        if self.size == 0 {
            self.created_ms = disk.now_ms();
            self.rolling_based_timestamp = None;
        }
        self.bytes_since_last_index_entry = 0;
        self.forget_recent(self.has_gap && self.size > 0);
        self.look_up_largest_timestamp(disk)?;
        if self.largest().0 >= 0 {
            self.largest = Some(self.read_largest_timestamp(disk));
        }
        Ok(before - self.size)
    }

    fn read_largest_timestamp(&self, disk: &Disk) -> (i64, i64) {
        let indexed = self.time_index.last();
        let (_, from) = self.index.floor(disk, indexed.1);
        let behind = self.headers_from(disk, from).map(|(_, header)| (header.max_timestamp, header.last_offset()));
        behind.fold(indexed, |best, next| if next.0 > best.0 { next } else { best })
    }

    /// The first record at or after `timestamp` whose offset is at least `from` (`findOffsetByTimestamp`).
    pub fn find_by_timestamp(&self, disk: &Disk, timestamp: i64, from: i64) -> Option<TimestampOffset> {
        let (_, indexed) = self.time_index.floor(disk, timestamp);
        let (_, position) = self.index.floor(disk, indexed.max(from));
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

/// The position of a batch if it holds the offset.
fn holds(batch: Option<(u32, BatchHeader)>, offset: i64) -> Option<u32> {
    batch.filter(|(_, header)| header.last_offset() >= offset).map(|(position, _)| position)
}

/// Why the end of a segment is not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadNextError {
    /// A batch that makes no sense.
    #[error(transparent)]
    Batch(#[from] CorruptBatch),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// What recovery cut off a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment's base offset.
    pub base_offset: i64,
    /// Where its file ends now.
    pub position: u32,
    /// How many bytes went.
    pub bytes: u32,
    /// What was wrong with the first of them.
    pub damage: Damage,
}

/// What recovery found wrong with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// There are too few bytes for it, or no batch can begin so.
    Torn,
    /// It does not match its checksum.
    Checksum,
}

/// Why a segment cannot be recovered as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// An offset that cannot be written relative to the segment's base (`LogSegmentOffsetOverflowException`).
    #[error("segment {base_offset} holds an offset that its index cannot")]
    Overflow {
        /// The segment's.
        base_offset: i64,
    },
    /// The index takes no entry.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl From<DiskError> for RecoverError {
    fn from(error: DiskError) -> Self {
        RecoverError::Index(error.into())
    }
}
