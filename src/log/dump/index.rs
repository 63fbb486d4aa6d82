//! `.index` and `.timeindex` files, and what `kafka-dump-log` checks of them (`OffsetIndex`, `TimeIndex`).

use std::collections::BTreeMap;

use super::batches::{self, Found, LogFile, Slice};
use super::java::Thrown;
use super::line::Line;
use super::{Dump, DumpFile, Halt, legacy};
use crate::log::source::{Source, Window};

const OFFSET_ENTRY: usize = 8;
const TIME_ENTRY: usize = 12;

/// The entries of an index file.
struct Index<'a> {
    window: Window<'a>,
    base_offset: i64,
    entry_size: usize,
}

impl<'a> Index<'a> {
    fn open(source: Box<dyn Source + 'a>, base_offset: i64, entry_size: usize) -> Self {
        Index { window: Window::new(source), base_offset, entry_size }
    }

    fn count(&self) -> u64 {
        self.window.len() / self.entry_size as u64
    }

    fn is_whole(&self) -> bool {
        self.window.len().is_multiple_of(self.entry_size as u64)
    }

    fn entry<const N: usize>(&mut self, i: u64) -> Result<[u8; N], Halt> {
        let bytes = self.window.get(i * N as u64, N).map_err(Halt::Read)?;
        bytes.first_chunk().copied().ok_or_else(|| Halt::Read(std::io::ErrorKind::UnexpectedEof.into()))
    }

    /// Offset and position.
    fn offset_entry(&mut self, i: u64) -> Result<(i64, i32), Halt> {
        let [a, b, c, d, e, f, g, h] = self.entry::<OFFSET_ENTRY>(i)?;
        Ok((self.offset([a, b, c, d]), i32::from_be_bytes([e, f, g, h])))
    }

    /// Timestamp and offset.
    fn time_entry(&mut self, i: u64) -> Result<(i64, i64), Halt> {
        let [a, b, c, d, e, f, g, h, rest @ ..] = self.entry::<TIME_ENTRY>(i)?;
        Ok((i64::from_be_bytes([a, b, c, d, e, f, g, h]), self.offset(rest)))
    }

    fn offset(&self, relative: [u8; 4]) -> i64 {
        self.base_offset.wrapping_add(i32::from_be_bytes(relative).into())
    }

    /// The position of the last entry that is not above `offset`, searched as `AbstractIndex` does, which shows where
    /// entries are out of order.
    fn lookup(&mut self, offset: i64) -> Result<i32, Halt> {
        /// So many of the last entries are looked at first: they are the ones in memory.
        const WARM_ENTRIES: u64 = 8192 / OFFSET_ENTRY as u64;
        // An empty index leads to the segment's beginning.
        let Some(last) = self.count().checked_sub(1) else { return Ok(0) };
        let first_warm = last.saturating_sub(WARM_ENTRIES);
        if self.offset_entry(first_warm)?.0 < offset {
            return self.search(offset, first_warm, last);
        }
        if self.offset_entry(0)?.0 > offset {
            return Ok(0);
        }
        self.search(offset, 0, first_warm)
    }

    fn search(&mut self, offset: i64, first: u64, last: u64) -> Result<i32, Halt> {
        let (mut low, mut high) = (first, last);
        while low < high {
            let middle = (low + high).div_ceil(2);
            let (found, position) = self.offset_entry(middle)?;
            if found == offset {
                return Ok(position);
            }
            if found > offset { high = middle - 1 } else { low = middle }
        }
        Ok(self.offset_entry(low)?.1)
    }
}

impl Dump<'_> {
    /// Dumps an `.index` file.
    pub(super) fn offset_index(&mut self, file: &DumpFile<'_>) -> Result<(), Halt> {
        let base_offset = file.base_offset()?;
        let mut log = file.log()?;
        let mut index = Index::open(file.source(file.name)?, base_offset, OFFSET_ENTRY);
        if index.count() == 0 {
            return self.tell(&Line::Empty { path: file.path });
        }
        if self.options.index_sanity_check {
            check_offset_index(&mut index, &file.absolute_path())?;
            return self.tell(&Line::Sane { path: file.path });
        }
        let mut mismatches = BTreeMap::new();
        for i in 0..index.count() {
            let (offset, position) = index.offset_entry(i)?;
            if offset == base_offset && i > 0 {
                // Zeros: room that was never used.
                break;
            }
            let last_offset = first_last_offset(&mut log, position, self.options.max_message_size)?;
            if last_offset != offset {
                mismatches.insert(offset, last_offset);
            }
            if !self.options.verify_index_only {
                self.tell(&Line::OffsetEntry { offset, position })?;
            }
        }
        if !mismatches.is_empty() {
            self.offset_mismatches.push((file.absolute_path(), mismatches.into_iter().rev().collect()));
        }
        Ok(())
    }

    /// Dumps a `.timeindex` file.
    pub(super) fn time_index(&mut self, file: &DumpFile<'_>) -> Result<(), Halt> {
        let base_offset = file.base_offset()?;
        let mut log = file.log()?;
        // Kafka's tool makes an index that is missing, and cannot: it has no size for it.
        let missing = || Thrown::illegal_argument("Invalid max index size: -1");
        let offsets = file.sibling("index")?.ok_or_else(missing)?;
        let mut offsets = Index::open(offsets, base_offset, OFFSET_ENTRY);
        let mut index = Index::open(file.source(file.name)?, base_offset, TIME_ENTRY);
        if self.options.index_sanity_check {
            check_time_index(&mut index, &file.absolute_path())?;
            return self.tell(&Line::Sane { path: file.path });
        }
        let mut entries = TimeEntries::default();
        let mut chains = Chains::of(&mut index, &mut offsets, &mut log)?;
        for i in 0..index.count() {
            let entry = index.time_entry(i)?;
            if entry.1 == base_offset && i > 0 {
                break;
            }
            let position = offsets.lookup(entry.1)?;
            chains.check(position)?;
            entries.check(entry, log.slice(position, i32::MAX)?, &mut log)?;
            if !self.options.verify_index_only {
                self.tell(&Line::TimeEntry { timestamp: entry.0, offset: entry.1 })?;
            }
        }
        let path = file.absolute_path();
        let keep = |list: &mut Vec<_>, pairs: Vec<_>| {
            if !pairs.is_empty() {
                list.push((path.clone(), pairs));
            }
        };
        keep(&mut self.time_mismatches, entries.mismatches);
        keep(&mut self.times_out_of_order, entries.out_of_order);
        keep(&mut self.offsets_not_found, entries.not_found);
        Ok(())
    }
}

fn check_offset_index(index: &mut Index<'_>, path: &str) -> Result<(), Halt> {
    let (last_offset, _) = index.offset_entry(index.count() - 1)?;
    if last_offset < index.base_offset {
        return Err(Thrown::corrupt_index(format!(
            "Corrupt index found, index file {path} has non-zero size but the last offset is {last_offset} which is \
             less than the base offset {}",
            index.base_offset
        ))
        .into());
    }
    if !index.is_whole() {
        return Err(Thrown::corrupt_index(format!(
            "Index file {path} is corrupt, found {} bytes which is neither positive nor a multiple of {OFFSET_ENTRY}",
            index.window.len()
        ))
        .into());
    }
    Ok(())
}

fn check_time_index(index: &mut Index<'_>, path: &str) -> Result<(), Halt> {
    let corrupt = format!("Corrupt time index found, time index file ({path}) has non-zero size but the last");
    if let Some(last) = index.count().checked_sub(1) {
        let (first_timestamp, _) = index.time_entry(0)?;
        let (timestamp, offset) = index.time_entry(last)?;
        if timestamp < first_timestamp {
            return Err(Thrown::corrupt_index(format!(
                "{corrupt} timestamp is {timestamp} which is less than the first timestamp {first_timestamp}"
            ))
            .into());
        }
        if offset < index.base_offset {
            return Err(Thrown::corrupt_index(format!(
                "{corrupt} offset is {offset} which is less than the first offset {}",
                index.base_offset
            ))
            .into());
        }
    }
    if !index.is_whole() {
        return Err(Thrown::corrupt_index(format!(
            "Time index file {path} is corrupt, found {} bytes which is neither positive nor a multiple of {TIME_ENTRY}",
            index.window.len()
        ))
        .into());
    }
    Ok(())
}

/// The last offset of the batch at a position.
fn first_last_offset(log: &mut LogFile<'_>, position: i32, max_message_size: i32) -> Result<i64, Halt> {
    let slice = log.slice(position, max_message_size)?;
    let mut rest = slice;
    match log.next(&mut rest)? {
        Some(found) => log.last_offset(&found, slice),
        None => Err(Thrown::without_message("java.util.NoSuchElementException").into()),
    }
}

/// What is found of the entries of a time index.
#[derive(Default)]
struct TimeEntries {
    previous: Option<i64>,
    /// From which position the last search began, for which offset, and what was left before the batch that ended it: the
    /// next search for a larger offset from there passes the same batches.
    reached: Option<(i32, i64, Slice)>,
    mismatches: Vec<(i64, i64)>,
    out_of_order: Vec<(i64, i64)>,
    not_found: Vec<(i64, i64)>,
}

impl TimeEntries {
    fn check(&mut self, entry: (i64, i64), slice: Slice, log: &mut LogFile<'_>) -> Result<(), Halt> {
        let (timestamp, offset) = entry;
        let previous = self.previous.replace(timestamp).unwrap_or(-1);
        let known = self.reached.filter(|&(start, reached, _)| start == slice.start && reached <= offset);
        let mut rest = known.map_or(slice, |(_, _, rest)| rest);
        loop {
            let before = rest;
            let Some(found) = log.next(&mut rest)? else {
                self.reached = Some((slice.start, offset, before));
                break;
            };
            let last_offset = log.last_offset(&found, slice)?;
            if last_offset < offset {
                continue;
            }
            self.reached = Some((slice.start, offset, before));
            if last_offset > offset {
                self.not_found.push((offset, last_offset));
                return Ok(());
            }
            let largest = largest_timestamp(log, &found)?;
            if largest != timestamp {
                self.mismatches.push((timestamp, largest));
            }
            if previous >= timestamp {
                self.out_of_order.push((timestamp, previous));
            }
            return Ok(());
        }
        self.not_found.push((offset, -1));
        Ok(())
    }
}

/// Of the records of a batch.
fn largest_timestamp(log: &mut LogFile<'_>, found: &Found) -> Result<i64, Halt> {
    let bytes = log.bytes(found)?;
    let mut largest = -1;
    if found.magic < 2 {
        legacy::each_record(bytes, found.offset, |record, _| {
            largest = record.timestamp()?.max(largest);
            Ok(())
        })?;
        return Ok(largest);
    }
    batches::each_record(bytes, |record| {
        largest = record.timestamp.max(largest);
        Ok(())
    })?;
    Ok(largest)
}

/// Of each so many bytes the first batch on a way is remembered.
const STRETCH: i32 = 64 << 10;

/// For each entry Kafka's tool reads all batches to the end of the file before it looks for the one it wants, and fails
/// where one of them is damaged. Here each stretch is read once: what a position leads to is known from the back, and of the
/// way some places are remembered too, where another way may join it.
struct Chains {
    failures: BTreeMap<i32, Option<Thrown>>,
}

impl Chains {
    fn of(index: &mut Index<'_>, offsets: &mut Index<'_>, log: &mut LogFile<'_>) -> Result<Chains, Halt> {
        let mut failures = BTreeMap::new();
        for i in 0..index.count() {
            let (_, offset) = index.time_entry(i)?;
            if offset == index.base_offset && i > 0 {
                break;
            }
            failures.insert(offsets.lookup(offset)?, None);
        }
        let positions: Vec<i32> = failures.keys().rev().copied().collect();
        for position in positions {
            // A position outside the file: the entry itself is told as such when it is its turn.
            let Ok(mut slice) = log.slice(position, i32::MAX) else { continue };
            let mut places = vec![position];
            let mut stretch = position / STRETCH;
            let failure = loop {
                match log.next(&mut slice) {
                    Ok(None) => break None,
                    // One batch more that can be read.
                    Ok(Some(_)) => {}
                    Err(Halt::Thrown(thrown)) => break Some(thrown),
                    Err(halt) => return Err(halt),
                }
                if let Some(known) = failures.get(&slice.start) {
                    break known.clone();
                }
                if slice.start / STRETCH != stretch {
                    stretch = slice.start / STRETCH;
                    places.push(slice.start);
                }
            };
            failures.extend(places.into_iter().map(|place| (place, failure.clone())));
        }
        Ok(Chains { failures })
    }

    fn check(&mut self, position: i32) -> Result<(), Thrown> {
        match self.failures.get(&position) {
            Some(Some(thrown)) => Err(thrown.clone()),
            // The chain from there on is whole, or the place lies outside the file.
            Some(None) | None => Ok(()),
        }
    }
}
