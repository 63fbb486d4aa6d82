//! One segment: each batch of its `.log` file, and its indexes beside it, in one pass.

use std::collections::BTreeMap;
use std::io;

use super::Report;
use super::frame::{self, Frame};
use super::index::{Entries, offset_entry, time_entry};
use super::start::Start;
use super::walk::Walk;
use crate::log::batch::{self, BatchHeader, HEADER_SIZE};
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
    /// Whether a broker that starts reads all of it, cuts it at damage and makes its indexes anew.
    pub is_recovered: bool,
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
    /// Of the batch before in this segment.
    last_offset: Option<i64>,
    /// Of the entry before of the offset index.
    indexed_offset: Option<i64>,
    /// What was not read, ascending. While the end of the last one is not known, it is the largest number.
    gaps: Vec<Gap>,
}

/// Bytes that could not be read, and the offsets that may have been in them.
#[derive(Clone, Copy, Debug)]
struct Gap {
    at: u64,
    end: u64,
    offset: i64,
    end_offset: i64,
}

impl Gap {
    fn has_position(&self, position: i64) -> bool {
        u64::try_from(position).is_ok_and(|at| (self.at..self.end).contains(&at))
    }

    fn has_offset(&self, offset: i64) -> bool {
        (self.offset..self.end_offset).contains(&offset)
    }
}

/// What the log file and its indexes have to agree about.
#[derive(Clone, Copy, Debug)]
struct Batch {
    at: u64,
    first_offset: i64,
    last_offset: i64,
    /// As a broker takes it.
    timestamp: i64,
    /// Of what is compressed in a message of format 0 or 1.
    inner_timestamp: i64,
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
    let report = &mut walk.report;
    // Without an offset index a broker reads the segment and makes both anew (`LogLoader.loadSegmentFiles`).
    let is_made_anew = segment.is_recovered || folder.open(&segment.file("index"))?.is_none();
    let offsets = Entries::open(folder, segment.file("index"), is_active, is_made_anew, report)?;
    let times = Entries::open(folder, segment.file("timeindex"), is_active, is_made_anew, report)?;
    if !is_active && !source.is_empty() && offsets.is_none() {
        report
            .note(&segment.file("index"), "the index of a full segment is missing: a broker that starts makes it anew");
    }
    let aborted = read_transactions(walk, folder, segment)?;
    let is_timed = times.is_some();
    let mut pass = Pass {
        walk,
        segment: *segment,
        log,
        offsets,
        times,
        aborted,
        largest_timestamp: -1,
        last_offset: None,
        indexed_offset: None,
        gaps: Vec::new(),
    };
    pass.batches(Window::new(source))?;
    if !is_active && !is_timed && !is_made_anew && pass.largest_timestamp >= 0 {
        let about = format!("the index of a full segment is missing: {LOOKED_UP_WRONGLY}");
        pass.walk.report.find(&segment.file("timeindex"), None, about);
    }
    pass.finish(is_active)
}

/// What becomes of a full segment whose time index does not reach its largest timestamp (`LogSegment.largestTimestamp`).
const LOOKED_UP_WRONGLY: &str = "a broker looks up times wrongly and goes by the age of the file";

/// Checks a file of whole batches: a `.log.swap`, which takes the place of a segment when a broker starts, and which the
/// cleaner flushed before it got its name, or a snapshot of the cluster's metadata. Answers whether it is one.
pub(super) fn check_batches(report: &mut Report, folder: &dyn Folder, name: &str, harm: &str) -> io::Result<bool> {
    let Some(source) = folder.open(name)? else {
        report.find(name, None, LEADS_NOWHERE);
        return Ok(false);
    };
    report.files += 1;
    let mut window = Window::new(source);
    let mut at = 0;
    while at < window.len() {
        let frame = match frame::frame(&mut window, at)? {
            Ok(frame) => frame,
            Err(wrong) => {
                report.find(name, wrong.at, format!("{}: {harm}", wrong.about));
                return Ok(false);
            }
        };
        report.batches += 1;
        if let Some((at, about)) = frame::fault(window.get(at, frame.size as usize)?, &frame) {
            report.find(name, at, format!("{about}: {harm}"));
            return Ok(false);
        }
        at += frame.size;
    }
    Ok(true)
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
        let about = format!("{len} bytes are not a multiple of {size}");
        wrong_transaction(walk, segment, &name, len - len % size, about);
    }
    for i in 0..len / size {
        let at = i * size;
        let Ok(entry) = read_aborted(window.get(at, ENTRY_SIZE)?) else {
            // The file became shorter while it was read.
            walk.report.find(&name, at, "an entry that was there is gone: somebody writes to the file");
            break;
        };
        if entry.version > 0 {
            // It looks at each entry when it starts, also where it makes the index anew (`TransactionIndex.sanityCheck`).
            walk.report.find(&name, at, format!("version {}: a broker does not start with it", entry.version));
        }
        if entry.first_offset > entry.last_offset {
            let about = format!("a transaction from {} to {}", entry.first_offset, entry.last_offset);
            wrong_transaction(walk, segment, &name, at + 10, about);
        }
        if aborted.last_key_value().is_some_and(|(&last, _)| last >= entry.last_offset) {
            let about = format!("last offset {} is not above that of the entry before", entry.last_offset);
            wrong_transaction(walk, segment, &name, at + 18, about);
        }
        aborted.insert(entry.last_offset, (entry.producer_id, entry.first_offset, at));
    }
    Ok(aborted)
}

/// Tells what is wrong with a transaction index, or that a broker makes it anew.
fn wrong_transaction(walk: &mut Walk, segment: &Segment, name: &str, at: impl Into<Option<u64>>, about: String) {
    if segment.is_recovered {
        walk.report.note_at(name, at, format!("{about}; a broker that starts makes the index anew"));
    } else {
        walk.report.find(name, at, about);
    }
}

impl Pass<'_, '_> {
    fn find(&mut self, at: u64, about: impl Into<String>) {
        self.walk.report.find(&self.log, at, about);
    }

    fn batches(&mut self, mut window: Window<'_>) -> io::Result<()> {
        if window.len() > i32::MAX as u64 {
            self.find(i32::MAX as u64, "larger than a segment can be: a broker does not start with it");
        }
        let mut at = 0;
        while at < window.len() {
            at = match frame::frame(&mut window, at)? {
                Ok(frame) => self.whole_batch(&mut window, &frame)?,
                Err(wrong) => {
                    let next = frame::find(&mut window, at + 1, self.least_offset())?;
                    self.damage(window.len(), at, wrong.at, &wrong.about, next)
                }
            };
        }
        Ok(())
    }

    /// The smallest offset that the next batch can have.
    fn least_offset(&self) -> i64 {
        let base = self.segment.base_offset;
        self.walk.next_offset.map_or(base, |next| next.max(base))
    }

    /// Reads a batch whose bytes are there; answers where the next one begins.
    fn whole_batch(&mut self, window: &mut Window<'_>, frame: &Frame) -> io::Result<u64> {
        self.walk.report.batches += 1;
        if let Some(next) = self.offset_behind(window, frame)? {
            let about = format!("base offset {}, but the next batch has {next}", frame.offset);
            return Ok(self.damage(window.len(), frame.at, frame.at, &about, Some(frame.at + frame.size)));
        }
        let bytes = window.get(frame.at, frame.size as usize)?;
        let Some((at, about)) = frame::fault(bytes, frame) else {
            match bytes.first_chunk().filter(|_| frame.magic == 2).map(BatchHeader::read) {
                Some(header) => self.batch(frame.at, &header, bytes)?,
                None => self.messages(frame, bytes)?,
            }
            return Ok(frame.at + frame.size);
        };
        // No field of it counts. Its length does where the next batch, or nothing, lies behind it.
        let behind = frame.at + frame.size;
        let next = if behind == window.len() || frame::can_be(window, behind, self.least_offset())? {
            Some(behind)
        } else {
            frame::find(window, frame.at + 1, self.least_offset())?
        };
        Ok(self.damage(window.len(), frame.at, at, &about, next))
    }

    /// The offset of the next batch where it goes on as if this one were not there, which then has a wrong one: its offset
    /// lies outside the checksum.
    fn offset_behind(&self, window: &mut Window<'_>, frame: &Frame) -> io::Result<Option<i64>> {
        let least = self.least_offset();
        if frame.offset <= least {
            return Ok(None);
        }
        let next = frame::frame(window, frame.at + frame.size)?.ok();
        Ok(next.map(|next| next.offset).filter(|next| (least..=frame.offset).contains(next)))
    }

    /// Tells of bytes that are no batch, and what a broker does; answers where reading goes on.
    fn damage(&mut self, len: u64, at: u64, wrong_at: u64, about: &str, next: Option<u64>) -> u64 {
        let rest = match next {
            Some(next) if next == len => "",
            Some(next) => &format!("; reading goes on at byte {next}"),
            None => &format!("; not checked: {} bytes from byte {at} on", len - at),
        };
        let harm = match (self.segment.is_recovered, self.walk.start) {
            (true, _) if self.segment.next_base_offset.is_some() => {
                "a broker that starts cuts the log here, with all segments behind"
            }
            (true, _) => "a broker that starts cuts the log here",
            (false, Start::Unknown) => "a broker that recovers the log cuts it here, another one fails readers here",
            // It looks for the log's end in the last segment, and ends over a length that makes no sense.
            (false, Start::Clean) if self.segment.next_base_offset.is_none() => {
                "a broker does not start with it, or fails readers here"
            }
            (false, Start::Clean | Start::Recovers(_)) => "a broker starts with it and fails readers here",
        };
        self.find(wrong_at, format!("{about}: {harm}{rest}"));
        self.skip(at);
        self.walk.replay.is_partial = true;
        self.walk.has_holes = true;
        next.unwrap_or(len)
    }

    /// From here on is not known what stands in the log.
    fn skip(&mut self, at: u64) {
        if self.gaps.last().is_none_or(|gap| gap.end != u64::MAX) {
            self.gaps.push(Gap { at, end: u64::MAX, offset: self.least_offset(), end_offset: i64::MAX });
        }
        self.walk.is_end_known = false;
        self.last_offset = None;
    }

    /// From here on it is known again.
    fn resume(&mut self, at: u64, offset: i64) {
        if let Some(gap) = self.gaps.last_mut().filter(|gap| gap.end == u64::MAX) {
            (gap.end, gap.end_offset) = (at, offset);
        }
        self.walk.is_end_known = true;
    }

    /// A message of format 0 or 1, which Kafka 4 writes no more and keeps of older brokers.
    fn messages(&mut self, frame: &Frame, bytes: &[u8]) -> io::Result<()> {
        let Frame { at, offset, magic, .. } = *frame;
        if self.walk.report.notes.iter().all(|note| note.file != self.log) {
            self.walk.report.note(&self.log, format!("holds messages of version {magic}, of brokers before 0.11"));
        }
        let messages = match legacy::messages(bytes, offset) {
            Ok(messages) => messages,
            Err(thrown) => {
                self.unreadable(at, &thrown.to_string());
                let timestamp = -1;
                legacy::Messages { first_offset: offset, last_offset: offset, timestamp, inner_timestamp: timestamp }
            }
        };
        self.resume(at, messages.first_offset);
        self.place(at, messages.first_offset, messages.last_offset);
        self.walk.reach(messages.first_offset);
        self.indexes(&Batch {
            at,
            first_offset: messages.first_offset,
            last_offset: messages.last_offset,
            timestamp: messages.timestamp,
            inner_timestamp: messages.inner_timestamp,
        })
    }

    fn batch(&mut self, at: u64, header: &BatchHeader, bytes: &[u8]) -> io::Result<()> {
        self.resume(at, header.base_offset);
        if header.last_offset_delta < 0 {
            let (base, last) = (header.base_offset, header.last_offset());
            self.find(at + 23, format!("last offset {last} before base offset {base}"));
        }
        let misses_records = header.last_offset_delta.saturating_add(1) != header.record_count;
        self.walk.replay.is_partial |= misses_records;
        self.walk.has_holes |= misses_records;
        self.place(at, header.base_offset, header.last_offset());
        self.epoch(at, header);
        self.walk.reach(header.base_offset);
        self.records(at, header, bytes);
        self.indexes(&Batch {
            at,
            first_offset: header.base_offset,
            last_offset: header.last_offset(),
            timestamp: header.max_timestamp,
            inner_timestamp: header.max_timestamp,
        })
    }

    /// Compares a batch with the entries of both indexes up to it.
    fn indexes(&mut self, batch: &Batch) -> io::Result<()> {
        self.index_entries(batch)?;
        self.time_entries(batch)?;
        self.largest_timestamp = self.largest_timestamp.max(batch.timestamp);
        // Of one that reaches into the next segment it was told, and the offsets of those behind say nothing about it.
        if self.segment.next_base_offset.is_none_or(|next| batch.last_offset < next) {
            self.last_offset = Some(batch.last_offset);
            self.walk.next_offset = Some(batch.last_offset.saturating_add(1));
        }
        Ok(())
    }

    fn place(&mut self, at: u64, base: i64, last: i64) {
        let expected = self.walk.next_offset.unwrap_or(0);
        self.walk.replay.is_partial |= base != expected;
        self.walk.has_holes |= base > self.walk.next_offset.unwrap_or(self.segment.base_offset);
        if base < expected {
            self.find(at, format!("base offset {base}, but the batch before ends at {}", expected - 1));
            self.last_offset = None;
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
                wrong_transaction(self.walk, &self.segment, &name, entry_at + 2, about);
            }
            Some((_, first_offset, entry_at)) => {
                if let Some(open) = ended.filter(|open| open.has_records && open.first_offset < first_offset) {
                    let about =
                        format!("first offset {first_offset}, but the transaction begins at {}", open.first_offset);
                    wrong_transaction(self.walk, &self.segment, &name, entry_at + 10, about);
                }
            }
            None if ended.is_some_and(|open| open.has_records) => {
                let about = format!(
                    "the transaction of producer {} that the marker at {offset} (byte {at} of {}) aborts is missing",
                    header.producer_id, self.log
                );
                wrong_transaction(self.walk, &self.segment, &name, None, about);
            }
            // Its transaction has no records to hide.
            None => {}
        }
    }

    /// A broker that looks for an offset reads from the position of the last entry that is not above it
    /// (`OffsetIndex.lookup`): no batch before may reach that offset. Brokers before 0.11 wrote the first offset of what
    /// was appended, later ones the batch's last.
    fn index_entries(&mut self, batch: &Batch) -> io::Result<()> {
        // An index that is missing was told when the segment was begun.
        let Some(offsets) = &mut self.offsets else { return Ok(()) };
        while let Some((entry_at, entry)) = offsets.peek()? {
            let (offset, position) = offset_entry(entry, self.segment.base_offset);
            if position > batch.at as i64 {
                break;
            }
            let before = self.indexed_offset.max(self.last_offset);
            let wrong = if position < batch.at as i64 {
                // Who lies in bytes that were not read leads nobody knows where.
                let is_unread = self.gaps.iter().any(|gap| gap.has_position(position));
                (!is_unread).then(|| "where no batch begins or an entry before lies".to_owned())
            } else {
                before.filter(|&before| offset <= before).map(|before| format!("behind offset {before}"))
            };
            match wrong {
                Some(wrong) => {
                    let about = format!(
                        "offset {offset} at position {position}, {wrong}: a broker that looks for it reads wrongly"
                    );
                    offsets.wrong(entry_at, about, &mut self.walk.report);
                }
                None => self.indexed_offset = Some(offset),
            }
            offsets.advance();
        }
        Ok(())
    }

    /// A broker that looks for a time reads from the offset of the last entry that is not above it (`TimeIndex.lookup`).
    /// Older brokers wrote the offset of the record with the largest timestamp, later ones that of the batch's last.
    fn time_entries(&mut self, batch: &Batch) -> io::Result<()> {
        // As above.
        let Some(times) = &mut self.times else { return Ok(()) };
        while let Some((entry_at, entry)) = times.peek()? {
            let (timestamp, offset) = time_entry(entry, self.segment.base_offset);
            if offset > batch.last_offset {
                break;
            }
            if self.gaps.last().is_some_and(|gap| gap.has_offset(offset)) {
                times.advance();
                continue;
            }
            if self.last_offset.is_some_and(|last| offset <= last) {
                let about = format!("offset {offset}, where an entry before lies");
                times.wrong(entry_at + 8, about, &mut self.walk.report);
            } else if timestamp < self.largest_timestamp {
                let about = format!("timestamp {timestamp}, but {} was there before", self.largest_timestamp);
                times.wrong(entry_at, about, &mut self.walk.report);
            } else if offset >= batch.first_offset && timestamp != batch.timestamp && timestamp != batch.inner_timestamp
            {
                let largest = batch.timestamp;
                let about =
                    format!("timestamp {timestamp}, but the largest of the batch with offset {offset} is {largest}");
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
            if !self.gaps.iter().any(|gap| gap.has_offset(last_offset)) {
                let about = format!("no abort marker of producer {producer_id} stands at offset {last_offset}");
                wrong_transaction(self.walk, &self.segment, &name, at, about);
            }
        }
        Ok(())
    }

    /// What is left of the offset index, if there is one.
    fn finish_offsets(&mut self) -> io::Result<()> {
        let Some(offsets) = &mut self.offsets else { return Ok(()) };
        while let Some((entry_at, entry)) = offsets.peek()? {
            let (offset, position) = offset_entry(entry, self.segment.base_offset);
            if !self.gaps.iter().any(|gap| gap.has_position(position)) {
                let about = format!(
                    "offset {offset} at position {position}, where no batch begins: a broker that looks for it reads wrongly"
                );
                offsets.wrong(entry_at, about, &mut self.walk.report);
            }
            offsets.advance();
        }
        if offsets.zeros > 0 {
            let about = format!(
                "{} unused entries in the index of a full segment: a broker reads more than it needs",
                offsets.zeros
            );
            self.walk.report.note(&offsets.name, about);
        }
        Ok(())
    }

    /// What is left of the time index, if there is one.
    fn finish_times(&mut self, is_active: bool) -> io::Result<()> {
        let Some(times) = &mut self.times else { return Ok(()) };
        let last_timestamp = match times.zeros {
            0 => times.last()?.map_or(-1, |entry| time_entry(entry, 0).0),
            // The last of them is the last entry.
            _ => 0,
        };
        while let Some((entry_at, entry)) = times.peek()? {
            let (_, offset) = time_entry(entry, self.segment.base_offset);
            if !self.gaps.last().is_some_and(|gap| gap.has_offset(offset)) {
                times.wrong(entry_at + 8, format!("offset {offset} is not in the segment"), &mut self.walk.report);
            }
            times.advance();
        }
        let largest = self.largest_timestamp;
        if !is_active && last_timestamp < largest {
            let about = format!(
                "ends at timestamp {last_timestamp}, but the segment's largest is {largest}: {LOOKED_UP_WRONGLY}"
            );
            times.wrong(None, about, &mut self.walk.report);
        }
        Ok(())
    }
}
