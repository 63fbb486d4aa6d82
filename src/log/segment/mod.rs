//! One segment: a `.log` file of batches one behind another, and its indexes (`LogSegment` in Apache Kafka).
//!
//! Index files are made when something first looks into them; a method that takes the disk as `&mut` makes them as
//! Kafka's would, one that takes it as `&` reads what is there.

mod error;
mod lookup;
mod recent;
mod recover;

use std::sync::Arc;

use bytes::Bytes;

use super::batch::{self, BatchHeader};
use super::config::LogConfig;
use super::index::{self, IndexError, OffsetIndex, TimeIndex};
use super::txn_index::{AbortedTransaction, CorruptTransactionIndex, TransactionIndex};
use crate::sim::disk::{Disk, DiskError, FileId};
pub use error::{CorruptBatch, ReadNextError, RecoverError};
pub use lookup::TimestampOffset;
use recent::Recent;
pub use recover::{Cut, Damage};

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
    /// `index.interval.bytes` when the segment was made.
    index_interval_bytes: u32,
    /// When it was made or opened, for `segment.ms` where records have no timestamps.
    created_ms: i64,
    /// The largest timestamp of its first batch, for `segment.ms`.
    rolling_based_timestamp: Option<i64>,
    /// The largest timestamp, and the last offset of the batch that has it; `None` until someone asked the time index.
    largest: Option<(i64, i64)>,
    bytes_since_last_index_entry: u32,
    recent: Recent,
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
            recent: Recent::default(),
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
            self.recent.forget(true);
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
        self.recent.push(header, position);
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
    pub fn seal(&mut self, disk: &mut Disk) -> Result<(), IndexError> {
        self.look_up_largest_timestamp(disk)?;
        match self.time_index.maybe_append(disk, self.largest(), true) {
            // An index on a full disk goes without the entry.
            Ok(()) | Err(IndexError::Disk(_)) => {}
            Err(error) => return Err(error),
        }
        self.open_index(disk)?;
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
}
