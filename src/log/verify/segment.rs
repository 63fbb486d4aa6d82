//! One segment: each batch of its `.log` file, and its indexes beside it, in one pass.

use std::collections::BTreeMap;
use std::io;

use super::Report;
use super::index::{Entries, offset_entry, time_entry};
use super::walk::Walk;
use crate::log::batch::{self, BatchHeader, HEADER_SIZE, SHORTEST_LENGTH};
use crate::log::dump::control::{self, Control};
use crate::log::dump::legacy;
use crate::log::dump::producers::read_aborted;
use crate::log::source::{Folder, Window};
use crate::log::txn_index::ENTRY_SIZE;

/// Which segment, and where the next one begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub base_offset: i64,
    pub next_base_offset: Option<i64>,
}

impl Segment {
    fn file(&self, suffix: &str) -> String {
        format!("{:020}.{suffix}", self.base_offset)
    }
}

/// The files of a segment and how far they were read.
struct Pass<'a, 'w> {
    walk: &'w mut Walk,
    segment: Segment,
    log: String,
    offsets: Option<Entries<'a, 8>>,
    times: Option<Entries<'a, 12>>,
    /// Producer, first offset and place of each aborted transaction, by the offset of its marker.
    aborted: BTreeMap<i64, (i64, i64, u64)>,
    largest_timestamp: i64,
}

/// What is said of a file that a directory lists and that is not there.
const LEADS_NOWHERE: &str = "is named in the directory and cannot be opened: a link that leads nowhere?";

/// Checks a segment.
pub(super) fn check(walk: &mut Walk, folder: &dyn Folder, segment: &Segment) -> io::Result<()> {
    let is_active = segment.next_base_offset.is_none();
    let log = segment.file("log");
    let Some(source) = folder.open(&log)? else {
        walk.report.find(&log, None, LEADS_NOWHERE);
        return Ok(());
    };
    walk.report.files += 1;
    check_place(walk, segment, &log);
    // The cleaner leaves an empty file where nothing stays of a segment.
    walk.has_holes |= source.is_empty();
    let offsets = Entries::open(folder, segment.file("index"), is_active, &mut walk.report)?;
    let times = Entries::open(folder, segment.file("timeindex"), is_active, &mut walk.report)?;
    let aborted = read_transactions(walk, folder, segment)?;
    if !is_active && !source.is_empty() {
        for (suffix, is_missing) in [("index", offsets.is_none()), ("timeindex", times.is_none())] {
            if is_missing {
                walk.report.find(&segment.file(suffix), None, "the index of a full segment is missing");
            }
        }
    }
    let mut pass = Pass { walk, segment: *segment, log, offsets, times, aborted, largest_timestamp: -1 };
    pass.batches(Window::new(source))?;
    pass.finish(is_active)
}

/// Checks a `.log.swap`, which takes the place of a segment when a broker starts: the cleaner flushed it before it got its
/// name, so that it holds whole batches.
pub(super) fn check_swap(report: &mut Report, folder: &dyn Folder, name: &str) -> io::Result<()> {
    let Some(source) = folder.open(name)? else {
        report.find(name, None, LEADS_NOWHERE);
        return Ok(());
    };
    report.files += 1;
    let mut window = Window::new(source);
    let (mut at, len) = (0, window.len());
    let is_whole = |header: &BatchHeader, at: u64| {
        let has_header = header.batch_length >= (HEADER_SIZE - batch::LOG_OVERHEAD) as i32;
        header.magic == 2 && has_header && u64::from(header.size()) <= len - at
    };
    while at < len {
        let header = window.get(at, HEADER_SIZE)?.first_chunk().map(BatchHeader::read);
        let Some(header) = header.filter(|header| is_whole(header, at)) else {
            report.find(name, at, "no whole batch of magic 2, though it is to become a segment");
            return Ok(());
        };
        report.batches += 1;
        if let Err(error) = batch::check_crc(window.get(at, header.size() as usize)?, &header) {
            report.find(name, at + 17, error.to_string());
        }
        at += u64::from(header.size());
    }
    Ok(())
}

/// Whether the segment begins where the one before ends. The cleaner leaves holes, but most of them within segments.
fn check_place(walk: &mut Walk, segment: &Segment, log: &str) {
    // The first segment has none before it; offsets that overlap are told batch by batch.
    let Some(next) = walk.next_offset.filter(|next| *next < segment.base_offset) else { return };
    if !walk.has_holes {
        let last = segment.base_offset - 1;
        let about = format!(
            "offsets {next} to {last} are in no segment, and nothing is missing before: a segment is lost, unless the cleaner \
             removed them all or a batch was cut away with what followed it"
        );
        walk.report.note(log, about);
    }
    walk.has_holes = true;
}

fn read_transactions(
    walk: &mut Walk,
    folder: &dyn Folder,
    segment: &Segment,
) -> io::Result<BTreeMap<i64, (i64, i64, u64)>> {
    let mut aborted = BTreeMap::new();
    let name = segment.file("txnindex");
    // None of its transactions was aborted; markers that say otherwise are told when they come.
    let Some(source) = folder.open(&name)? else { return Ok(aborted) };
    walk.report.files += 1;
    let mut window = Window::new(source);
    let (size, len) = (ENTRY_SIZE as u64, window.len());
    if len % size != 0 {
        walk.report.find(&name, len - len % size, format!("{len} bytes are not a multiple of {size}"));
    }
    for i in 0..len / size {
        let at = i * size;
        let bytes = window.get(at, ENTRY_SIZE)?;
        let version = bytes.first_chunk().map_or(0, |version| i16::from_be_bytes(*version));
        let Ok(entry) = read_aborted(bytes) else {
            // The file became shorter while it was read.
            walk.report.find(&name, at, "an entry that was there is gone: somebody writes to the file");
            break;
        };
        if version != 0 {
            walk.report.find(&name, at, format!("version {version} instead of 0"));
        }
        if entry.first_offset > entry.last_offset {
            let about = format!("a transaction from {} to {}", entry.first_offset, entry.last_offset);
            walk.report.find(&name, at + 10, about);
        }
        if aborted.last_key_value().is_some_and(|(&last, _)| last >= entry.last_offset) {
            let about = format!("last offset {} is not above that of the entry before", entry.last_offset);
            walk.report.find(&name, at + 18, about);
        }
        aborted.insert(entry.last_offset, (entry.producer_id, entry.first_offset, at));
    }
    Ok(aborted)
}

impl Pass<'_, '_> {
    fn find(&mut self, at: u64, about: impl Into<String>) {
        self.walk.report.find(&self.log, at, about);
    }

    fn batches(&mut self, mut window: Window<'_>) -> io::Result<()> {
        let len = window.len();
        if len > i32::MAX as u64 {
            self.find(i32::MAX as u64, "larger than a segment can be");
        }
        let mut at = 0;
        while at < len {
            let Some(header) = window.get(at, HEADER_SIZE)?.first_chunk().map(BatchHeader::read) else {
                self.end_early(at, format!("the last {} bytes are not a whole batch", len - at));
                return Ok(());
            };
            let least = if header.magic < 2 { SHORTEST_LENGTH } else { (HEADER_SIZE - batch::LOG_OVERHEAD) as i32 };
            if header.batch_length < least {
                let rest = len - at;
                let about = format!("batch of length {}; {rest} bytes from here on are not read", header.batch_length);
                self.end_early(at + 8, about);
                return Ok(());
            }
            let size = u64::from(header.size());
            if size > len - at {
                self.end_early(at, format!("of a batch of {size} bytes only {} are there", len - at));
                return Ok(());
            }
            self.walk.report.batches += 1;
            let bytes = window.get(at, size as usize)?;
            self.batch(at, &header, bytes)?;
            at += size;
        }
        Ok(())
    }

    fn end_early(&mut self, at: u64, about: String) {
        self.find(at, about);
        self.walk.replay.is_partial = true;
        self.walk.has_holes = true;
    }

    fn batch(&mut self, at: u64, header: &BatchHeader, bytes: &[u8]) -> io::Result<()> {
        if (0..2).contains(&header.magic) {
            // Kafka 4 writes no such messages: it keeps them of older brokers, where their own checksum holds.
            if !legacy::is_whole_message(bytes) {
                self.find(
                    at + 16,
                    format!("magic {} instead of 2, and it is no whole message of that version", header.magic),
                );
            }
            let about = format!("holds messages of version {}, which are not looked into", header.magic);
            if self.walk.report.notes.iter().all(|note| note.file != self.log) {
                self.walk.report.note(&self.log, about);
            }
            self.walk.replay.is_partial = true;
            self.walk.has_holes = true;
            self.walk.next_offset = Some(header.base_offset.saturating_add(1));
            return Ok(());
        }
        if header.magic != 2 {
            self.find(at + 16, format!("magic {} instead of 2", header.magic));
        }
        self.offsets(at, header);
        self.epoch(at, header);
        self.walk.reach(header.base_offset);
        match batch::check_crc(bytes, header) {
            Ok(()) => self.records(at, header, bytes),
            Err(error) => {
                self.find(at + 17, error.to_string());
                self.walk.replay.is_partial = true;
            }
        }
        self.index_entries(at, header)?;
        self.time_entries(header)?;
        self.largest_timestamp = self.largest_timestamp.max(header.max_timestamp);
        self.walk.next_offset = Some(header.next_offset());
        Ok(())
    }

    fn offsets(&mut self, at: u64, header: &BatchHeader) {
        let (base, last) = (header.base_offset, header.last_offset());
        let expected = self.walk.next_offset.unwrap_or(0);
        let misses_records = header.last_offset_delta.saturating_add(1) != header.record_count;
        if base != expected || misses_records {
            self.walk.replay.is_partial = true;
        }
        self.walk.has_holes |= misses_records || base > self.walk.next_offset.unwrap_or(self.segment.base_offset);
        if header.last_offset_delta < 0 {
            self.find(at + 23, format!("last offset {last} before base offset {base}"));
        }
        if base < expected {
            self.find(at, format!("base offset {base}, but the batch before ends at {}", expected - 1));
        }
        if base < self.segment.base_offset {
            self.find(at, format!("base offset {base} in the segment of {}", self.segment.base_offset));
        }
        if let Some(next) = self.segment.next_base_offset.filter(|&next| last >= next) {
            self.find(at, format!("last offset {last}, but the next segment begins at {next}"));
        }
    }

    fn epoch(&mut self, at: u64, header: &BatchHeader) {
        let (epoch, before) = (header.partition_leader_epoch, self.walk.epoch);
        self.walk.epoch = before.max(epoch);
        let Some(epochs) = &self.walk.epochs else {
            if epoch < before {
                self.find(at + 12, format!("leader epoch {epoch} behind a batch of epoch {before}"));
            }
            return;
        };
        // What the checkpoint knew before the log's start is gone with the records (DeleteRecords).
        let known = epochs.epoch_for_offset(header.base_offset).filter(|&known| known != epoch && epoch >= 0);
        let conflict = known.map(|known| (epoch, known));
        if let Some((epoch, known)) = conflict.filter(|_| conflict != self.walk.epoch_conflict) {
            let offset = header.base_offset;
            self.find(at + 12, format!("leader epoch {epoch} at offset {offset}, where the checkpoint has {known}"));
        }
        self.walk.epoch_conflict = conflict;
    }

    fn records(&mut self, at: u64, header: &BatchHeader, bytes: &[u8]) {
        let mut marker = None;
        let mut previous = header.base_offset.saturating_sub(1);
        let body = batch::Body::of(bytes);
        let records = match body.as_ref().map_err(|error| *error).and_then(|body| body.records()) {
            Ok(records) => records,
            Err(error) => return self.unreadable(at, &error.to_string()),
        };
        let mut wrong = None;
        for record in records {
            match record {
                Err(error) => wrong = wrong.or(Some(error.to_string())),
                Ok(record) if record.offset <= previous || record.offset > header.last_offset() => {
                    wrong = wrong.or(Some(format!("record offset {} behind {previous}", record.offset)));
                }
                Ok(record) => {
                    previous = record.offset;
                    if header.is_control() {
                        marker = Some((record.offset, record.timestamp, control::read(record.key, record.value)));
                    }
                }
            }
        }
        if let Some(about) = wrong {
            return self.unreadable(at, &about);
        }
        if !header.has_producer_id() {
            return;
        }
        if !header.is_control() {
            return self.walk.replay.data(header);
        }
        match marker {
            Some((offset, timestamp, Ok(Control::EndTransaction { is_commit, coordinator_epoch }))) => {
                let ended = self.walk.replay.marker(header, timestamp, coordinator_epoch);
                if !is_commit {
                    self.abort(at, header, offset, ended);
                }
            }
            Some((_, _, Err(thrown))) => self.unreadable(at, &format!("the marker cannot be read: {thrown}")),
            // A marker of the quorum, or one that the cleaner emptied.
            Some(_) | None => {}
        }
    }

    fn unreadable(&mut self, at: u64, about: &str) {
        self.find(at + HEADER_SIZE as u64, about);
        self.walk.replay.is_partial = true;
    }

    /// An abort marker belongs to an entry of the transaction index, if there is something to hide from readers.
    fn abort(&mut self, at: u64, header: &BatchHeader, offset: i64, ended: Option<super::replay::Open>) {
        let name = self.segment.file("txnindex");
        match self.aborted.remove(&offset) {
            Some((producer_id, _, entry_at)) if producer_id != header.producer_id => {
                let about =
                    format!("producer {producer_id}, but the marker at {offset} is of producer {}", header.producer_id);
                self.walk.report.find(&name, entry_at + 2, about);
            }
            Some((_, first_offset, entry_at)) => {
                if let Some(open) = ended.filter(|open| open.has_records && open.first_offset < first_offset) {
                    let about =
                        format!("first offset {first_offset}, but the transaction begins at {}", open.first_offset);
                    self.walk.report.find(&name, entry_at + 10, about);
                }
            }
            None if ended.is_some_and(|open| open.has_records) => {
                let about = format!(
                    "the transaction of producer {} that the marker at {offset} (byte {at} of {}) aborts is missing",
                    header.producer_id, self.log
                );
                self.walk.report.find(&name, None, about);
            }
            // Its transaction has no records to hide.
            None => {}
        }
    }

    fn index_entries(&mut self, at: u64, header: &BatchHeader) -> io::Result<()> {
        // An index that is missing was told when the segment was begun.
        let Some(offsets) = &mut self.offsets else { return Ok(()) };
        while let Some((entry_at, entry)) = offsets.peek()? {
            let (offset, position) = offset_entry(entry, self.segment.base_offset);
            if position > at as i64 {
                break;
            }
            if position < at as i64 {
                let about =
                    format!("offset {offset} at position {position}, where no batch begins or an entry before lies");
                offsets.wrong(entry_at, about, &mut self.walk.report);
            } else if offset != header.last_offset() {
                let last = header.last_offset();
                let about = format!("offset {offset}, but the batch at position {position} ends at {last}");
                offsets.wrong(entry_at, about, &mut self.walk.report);
            }
            offsets.advance();
        }
        Ok(())
    }

    fn time_entries(&mut self, header: &BatchHeader) -> io::Result<()> {
        // As above.
        let Some(times) = &mut self.times else { return Ok(()) };
        while let Some((entry_at, entry)) = times.peek()? {
            let (timestamp, offset) = time_entry(entry, self.segment.base_offset);
            if offset > header.last_offset() {
                break;
            }
            if offset < header.last_offset() {
                let about = format!("offset {offset}, where no batch ends or an entry before lies");
                times.wrong(entry_at + 8, about, &mut self.walk.report);
            } else if timestamp != header.max_timestamp {
                let largest = header.max_timestamp;
                let about =
                    format!("timestamp {timestamp}, but the largest of the batch that ends at {offset} is {largest}");
                times.wrong(entry_at, about, &mut self.walk.report);
            } else if timestamp <= self.largest_timestamp {
                let about = format!("timestamp {timestamp}, but {} was there before", self.largest_timestamp);
                times.wrong(entry_at, about, &mut self.walk.report);
            }
            times.advance();
        }
        Ok(())
    }

    fn finish(mut self, is_active: bool) -> io::Result<()> {
        self.finish_offsets()?;
        self.finish_times(is_active)?;
        let name = self.segment.file("txnindex");
        for (last_offset, (producer_id, _, at)) in std::mem::take(&mut self.aborted) {
            let about = format!("no abort marker of producer {producer_id} stands at offset {last_offset}");
            self.walk.report.find(&name, at, about);
        }
        Ok(())
    }

    /// What is left of the offset index, if there is one.
    fn finish_offsets(&mut self) -> io::Result<()> {
        let Some(offsets) = &mut self.offsets else { return Ok(()) };
        while let Some((entry_at, entry)) = offsets.peek()? {
            let (offset, position) = offset_entry(entry, self.segment.base_offset);
            let about = format!("offset {offset} at position {position}, where no batch begins");
            offsets.wrong(entry_at, about, &mut self.walk.report);
            offsets.advance();
        }
        Ok(())
    }

    /// What is left of the time index, if there is one.
    fn finish_times(&mut self, is_active: bool) -> io::Result<()> {
        let Some(times) = &mut self.times else { return Ok(()) };
        let last_timestamp = times.last()?.map_or(-1, |entry| time_entry(entry, 0).0);
        while let Some((entry_at, entry)) = times.peek()? {
            let (_, offset) = time_entry(entry, self.segment.base_offset);
            times.wrong(entry_at + 8, format!("offset {offset} is not in the segment"), &mut self.walk.report);
            times.advance();
        }
        let largest = self.largest_timestamp;
        if !is_active && last_timestamp < largest {
            let about = format!("ends at timestamp {last_timestamp}, but the segment's largest is {largest}");
            self.walk.report.find(&times.name, None, about);
        }
        Ok(())
    }
}
