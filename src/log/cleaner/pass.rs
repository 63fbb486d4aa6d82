//! One cleaning of one log: `Cleaner` in Apache Kafka, taken apart into steps. Between any two of them the process can be
//! watched, stopped or killed; what the disk holds then opens as a log without loss.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::buffer::{IoBuffer, Place};
use super::candidates::{LogToClean, segments_between};
use super::error::CleanError;
use super::filter::{Filtered, LastRecord, NotABatch, RecordFilter, Window, next_batch};
use super::grouping::{SegmentSizes, group};
use super::mapping::Mapping;
use super::offset_map::OffsetMap;
use super::replacement::Replacement;
use super::stats::CleanerStats;
use super::transactions::CleanedTransactions;
use crate::log::replica::ReplicaLog;
use crate::log::segment::Segment;
use crate::log::split::begin_cleaned;
use crate::sim::Time;
use crate::sim::disk::Disk;
use crate::sim::sorted::tree;

/// What one thread has to clean with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleanerBuffers {
    /// The keys that the offset map has room for.
    pub map_slots: u32,
    /// How full it may become (`log.cleaner.io.buffer.load.factor`).
    pub load_factor: f64,
    /// So much is read at once.
    pub io_buffer_size: u32,
    /// And so much at most, when a batch is larger.
    pub max_io_buffer_size: u32,
    /// Without KIP-534: what goes is told by when files were changed last.
    pub without_kip_534: bool,
}

impl CleanerBuffers {
    /// The keys that are put into the map at most.
    pub fn max_desired_map_size(&self) -> u32 {
        (f64::from(self.map_slots) * self.load_factor) as u32
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Read a part of a segment for the offset map.
    Mapped {
        /// Of batches.
        bytes_read: u32,
    },
    /// The map is complete, or full; the segments are grouped.
    Grouped {
        /// How many groups there are.
        groups: u32,
    },
    /// Began a segment with the files of the first of a group, ending in `.cleaned`.
    Began {
        /// Its base.
        base_offset: i64,
    },
    /// Read a part of a segment and wrote what stays of it.
    Copied {
        /// Of batches.
        bytes_read: u32,
        /// Of batches.
        bytes_written: u32,
    },
    /// The cleaned segment is complete and on the medium.
    Flushed,
    /// A file was renamed, or the log reads other segments than before.
    Replaced,
    /// All is done.
    Done {
        /// Up to here the log is clean.
        end_offset: i64,
    },
}

impl Progress {
    /// The bytes that were read and written, for the throttle.
    pub fn io_bytes(self) -> u64 {
        match self {
            Progress::Mapped { bytes_read } => bytes_read.into(),
            Progress::Copied { bytes_read, bytes_written } => u64::from(bytes_read) + u64::from(bytes_written),
            Progress::Grouped { .. }
            | Progress::Began { .. }
            | Progress::Flushed
            | Progress::Replaced
            | Progress::Done { .. } => 0,
        }
    }
}

/// What a cleaning is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It reads dirty segments into the offset map.
    Mapping,
    /// It copies what stays of a group of segments into a new one.
    Copying,
    /// The new segment takes the place of the old ones.
    Replacing,
}

/// A cleaning on its way.
#[derive(Clone, Debug)]
pub struct CleaningPass {
    first_dirty_offset: i64,
    end_of_round: i64,
    buffers: CleanerBuffers,
    io: IoBuffer,
    now_ms: i64,
    map: Arc<OffsetMap>,
    transactions: CleanedTransactions,
    stats: CleanerStats,
    /// Before KIP-534: tombstones and markers of segments that were changed last by then go.
    delete_horizon_ms: Option<i64>,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Reads the dirty segments, each with where the next one begins.
    Map {
        segments: Vec<(i64, i64)>,
        at: usize,
        position: Option<u32>,
    },
    /// Cleans group after group.
    Clean {
        groups: Vec<Vec<i64>>,
        at: usize,
        group: Option<Group>,
    },
    Done,
}

/// A group that is being cleaned.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "it is always boxed")]
enum Group {
    Copying(Box<Copying>),
    Replacing(Replacement),
}

/// What stays of a group's segments is copied.
#[derive(Clone, Debug)]
struct Copying {
    cleaned: Segment,
    last_records: BTreeMap<i64, LastRecord>,
    /// Which segment of the group is read.
    at: usize,
    position: u32,
}

impl CleaningPass {
    /// Begins to clean a log at a time.
    pub fn new(
        log: &ReplicaLog,
        disk: &Disk,
        target: &LogToClean,
        buffers: CleanerBuffers,
        now_ms: i64,
        now_us: Time,
    ) -> Result<CleaningPass, CleanError> {
        let (start, end) = (target.first_dirty_offset, target.first_uncleanable_offset);
        let bases: Vec<i64> = segments_between(log, start, end).map(|segment| segment.base_offset).collect();
        let next_bases = bases.iter().skip(1).copied().chain([end]);
        let segments = bases.iter().copied().zip(next_bases).collect();
        let mut transactions = CleanedTransactions::default();
        transactions.add_aborted(log.collect_aborted_transactions(disk, start, end)?);
        Ok(CleaningPass {
            first_dirty_offset: start,
            end_of_round: end,
            buffers,
            io: IoBuffer::new(buffers.io_buffer_size, buffers.max_io_buffer_size),
            now_ms,
            map: Arc::new(OffsetMap::with_slots(buffers.map_slots)),
            transactions,
            stats: CleanerStats { start_us: now_us, ..CleanerStats::default() },
            delete_horizon_ms: buffers.without_kip_534.then(|| horizon_by_files(log, disk, start)),
            stage: Stage::Map { segments, at: 0, position: None },
        })
    }

    /// What it does now, and to which segments.
    #[must_use]
    pub fn doing(&self) -> (Doing, Vec<i64>) {
        match &self.stage {
            Stage::Map { segments, at, .. } => {
                (Doing::Mapping, segments.get(*at).map(|(base, _)| *base).into_iter().collect())
            }
            Stage::Clean { groups, at, group } => {
                let doing = match group.as_ref() {
                    Some(Group::Replacing(_)) => Doing::Replacing,
                    Some(Group::Copying(_)) | None => Doing::Copying,
                };
                (doing, groups.get(*at).cloned().unwrap_or_default())
            }
            Stage::Done => (Doing::Replacing, Vec::new()),
        }
    }

    /// What was counted so far.
    pub fn stats(&self) -> &CleanerStats {
        &self.stats
    }

    /// The latest offsets of the keys of the dirty part, as far as it was read.
    pub fn map(&self) -> &OffsetMap {
        &self.map
    }

    /// Does the next step. Behind an error the pass is over, and nothing of what it tells holds.
    pub fn step(&mut self, log: &mut ReplicaLog, disk: &mut Disk, now_us: Time) -> Result<Progress, CleanError> {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Map { segments, at, position } => self.map_step(log, disk, segments, at, position, now_us),
            Stage::Clean { groups, at, group } => self.clean_step(log, disk, groups, at, group, now_us),
            Stage::Done => Ok(Progress::Done { end_offset: self.end_offset() }),
        }
    }

    /// Takes all steps that are left.
    pub fn run(&mut self, log: &mut ReplicaLog, disk: &mut Disk, now_us: Time) -> Result<i64, CleanError> {
        loop {
            if let Progress::Done { end_offset } = self.step(log, disk, now_us)? {
                return Ok(end_offset);
            }
        }
    }

    /// Stops. A replacement that has begun is finished, as Kafka does not look up in the middle of one; what was written
    /// of a segment before that is removed.
    pub fn abort(self, log: &mut ReplicaLog, disk: &mut Disk) -> Result<(), CleanError> {
        // Mapping writes nothing, and between two groups nothing is half done.
        let Stage::Clean { group: Some(group), groups, at } = self.stage else { return Ok(()) };
        match group {
            Group::Copying(copying) => remove_files(disk, &copying.cleaned),
            Group::Replacing(mut replacement) => {
                while !replacement.step(log, disk)? {}
                log.remove_snapshots_of_merged(disk, groups.get(at).map_or(&[], |bases| merged(bases)));
            }
        }
        Ok(())
    }

    fn end_offset(&self) -> i64 {
        self.map.latest_offset() + 1
    }

    fn map_step(
        &mut self,
        log: &ReplicaLog,
        disk: &Disk,
        segments: Vec<(i64, i64)>,
        at: usize,
        position: Option<u32>,
        now_us: Time,
    ) -> Result<Progress, CleanError> {
        // All segments are mapped.
        let Some(&(base_offset, next_base)) = segments.get(at) else { return Ok(self.group(log, now_us)) };
        let segment = find(log, base_offset)?;
        let start = self.first_dirty_offset;
        let position = position.unwrap_or_else(|| segment.index().floor(disk, start).1);
        if position >= segment.size() {
            // Behind a gap at the segment's end nothing can come any more.
            Arc::make_mut(&mut self.map).update_latest_offset(next_base - 1);
            self.io.restore();
            self.stage = Stage::Map { segments, at: at + 1, position: None };
            return Ok(Progress::Mapped { bytes_read: 0 });
        }
        let chunk = segment.read(disk, position, self.io.capacity());
        let place = Place { base_offset, position, left: segment.size() - position };
        // The map is full: what lies behind waits for the next pass.
        let Some(bytes_read) = self.map_chunk(&chunk, place)? else { return Ok(self.group(log, now_us)) };
        self.stats.map_bytes_read += u64::from(bytes_read);
        if bytes_read == 0 {
            self.io.grow(&chunk, place, log.config().max_message_bytes)?;
        }
        self.stage = Stage::Map { segments, at, position: Some(position + bytes_read) };
        Ok(Progress::Mapped { bytes_read })
    }

    /// Takes the whole batches of a chunk into the map: how many bytes they are; `None` if the map is full.
    fn map_chunk(&mut self, chunk: &[u8], place: Place) -> Result<Option<u32>, CleanError> {
        let mut mapping = Mapping {
            map: Arc::make_mut(&mut self.map),
            max_size: self.buffers.max_desired_map_size(),
            from_offset: self.first_dirty_offset,
            noted: Vec::new(),
        };
        let mut rest = chunk;
        let whole = loop {
            match next_batch(rest) {
                Ok(Some((header, batch))) => {
                    if let Err(error) = mapping.note(&header, batch, &mut self.transactions) {
                        break Err(error);
                    }
                    rest = &rest[batch.len()..];
                    if mapping.is_full() && !mapping.settle(&mut self.stats.map_messages_read) {
                        return Ok(None);
                    }
                }
                Ok(None) => break Ok((chunk.len() - rest.len()) as u32),
                Err(NotABatch) => break Err(place.corrupt()),
            }
        };
        // What follows a full map is not read: its damage is not met.
        if mapping.settle(&mut self.stats.map_messages_read) { whole.map(Some) } else { Ok(None) }
    }

    /// The map says up to where the log is cleaned: all segments that begin before are written anew, whole.
    fn group(&mut self, log: &ReplicaLog, now_us: Time) -> Progress {
        self.stats.map_complete_us = now_us;
        self.transactions = CleanedTransactions::default();
        let groups = group_segments(log, self.end_offset(), self.end_of_round);
        let count = groups.len() as u32;
        self.stage = Stage::Clean { groups, at: 0, group: None };
        Progress::Grouped { groups: count }
    }

    fn clean_step(
        &mut self,
        log: &mut ReplicaLog,
        disk: &mut Disk,
        groups: Vec<Vec<i64>>,
        at: usize,
        group: Option<Group>,
        now_us: Time,
    ) -> Result<Progress, CleanError> {
        // All groups are written.
        let Some(bases) = groups.get(at) else {
            self.stats.buffer_utilization = self.map.utilization();
            self.stats.end_us = now_us;
            return Ok(Progress::Done { end_offset: self.end_offset() });
        };
        let (progress, group) = match group {
            None => {
                let first = bases.first().copied().unwrap_or(0);
                (Progress::Began { base_offset: first }, Some(begin_group(log, disk, first)?))
            }
            Some(mut group) => match &mut group {
                Group::Copying(copying) if copying.at < bases.len() => {
                    (self.copy(log, disk, bases, copying)?, Some(group))
                }
                Group::Copying(copying) => {
                    finish(log, disk, &mut copying.cleaned, bases)?;
                    let replacement = Replacement::new(copying.cleaned.clone(), bases.clone());
                    (Progress::Flushed, Some(Group::Replacing(replacement)))
                }
                Group::Replacing(replacement) => {
                    if replacement.step(log, disk)? {
                        log.remove_snapshots_of_merged(disk, merged(bases));
                        (Progress::Replaced, None)
                    } else {
                        (Progress::Replaced, Some(group))
                    }
                }
            },
        };
        let at = if group.is_none() { at + 1 } else { at };
        self.stage = Stage::Clean { groups, at, group };
        Ok(progress)
    }

    /// Reads a chunk of a group's segment and writes what stays of it.
    fn copy(
        &mut self,
        log: &ReplicaLog,
        disk: &mut Disk,
        bases: &[i64],
        to: &mut Copying,
    ) -> Result<Progress, CleanError> {
        let base_offset = bases[to.at];
        let source = find(log, base_offset)?;
        if to.position == 0 {
            let end = bases.get(to.at + 1).copied().unwrap_or_else(|| behind(log, base_offset));
            self.transactions.add_aborted(log.collect_aborted_transactions(disk, base_offset, end)?);
        }
        if to.position >= source.size() {
            self.io.restore();
            (to.at, to.position) = (to.at + 1, 0);
            return Ok(Progress::Copied { bytes_read: 0, bytes_written: 0 });
        }
        let chunk = source.read(disk, to.position, self.io.capacity());
        let place = Place { base_offset, position: to.position, left: source.size() - to.position };
        let retains_deletes = self.delete_horizon_ms.map(|horizon| source.modified_ms(disk) > horizon);
        let retention_ms = log.config().delete_retention_ms;
        let filtered = self.filter(&chunk, place, &to.last_records, (retention_ms, retains_deletes))?;
        for aborted in self.transactions.take_retained() {
            to.cleaned.append_aborted(disk, &aborted)?;
        }
        self.count(&filtered);
        let (bytes_read, bytes_written) = (filtered.bytes_read, filtered.output.len() as u32);
        if bytes_written > 0 {
            to.cleaned.append(disk, filtered.output.into(), None)?;
        }
        if bytes_read == 0 {
            self.io.grow(&chunk, place, log.config().max_message_bytes)?;
        }
        to.position += bytes_read;
        Ok(Progress::Copied { bytes_read, bytes_written })
    }

    fn filter(
        &mut self,
        chunk: &[u8],
        place: Place,
        last_records: &BTreeMap<i64, LastRecord>,
        (delete_retention_ms, retains_deletes): (i64, Option<bool>),
    ) -> Result<Filtered, CleanError> {
        let filter = RecordFilter {
            map: &self.map,
            now_ms: self.now_ms,
            delete_retention_ms,
            end_of_round: self.end_of_round,
            last_records,
            retains_deletes,
        };
        let (mut out, mut window) = (Filtered::with_capacity(chunk.len()), Window::default());
        let mut rest = chunk;
        while let Some((header, batch)) = next_batch(rest).map_err(|NotABatch| place.corrupt())? {
            filter.look(&header, batch, &mut self.transactions, &mut window, &mut out)?;
            if window.is_full() {
                filter.settle(&mut window, &mut out)?;
            }
            rest = &rest[batch.len()..];
        }
        filter.settle(&mut window, &mut out)?;
        Ok(out)
    }

    fn count(&mut self, filtered: &Filtered) {
        self.stats.bytes_read += u64::from(filtered.bytes_read);
        self.stats.bytes_written += filtered.output.len() as u64;
        self.stats.messages_read += u64::from(filtered.messages_read);
        self.stats.messages_written += u64::from(filtered.messages_retained);
        self.stats.invalid_messages_read += u64::from(filtered.invalid_messages);
    }
}

/// `delete.retention.ms` before the last clean segment was changed last (`Cleaner.doClean` before KIP-534).
fn horizon_by_files(log: &ReplicaLog, disk: &Disk, first_dirty_offset: i64) -> i64 {
    let last_clean = segments_between(log, 0, first_dirty_offset).last();
    last_clean.map_or(0, |segment| segment.modified_ms(disk).saturating_sub(log.config().delete_retention_ms))
}

/// The segments that begin before `end_offset`, grouped by the log's settings.
fn group_segments(log: &ReplicaLog, end_offset: i64, end_of_round: i64) -> Vec<Vec<i64>> {
    let sizes: Vec<SegmentSizes> = segments_between(log, 0, end_offset).map(SegmentSizes::of).collect();
    let config = log.config();
    group(&sizes, config.segment_bytes.into(), config.segment_index_bytes.into(), end_of_round)
}

/// Begins the segment that a group becomes. What an earlier attempt left of it is removed.
fn begin_group(log: &ReplicaLog, disk: &mut Disk, base_offset: i64) -> Result<Group, CleanError> {
    let cleaned = begin_cleaned(disk, &log.directory, base_offset, &log.config)?;
    let last_records = log.producers().iter().map(|(id, producer)| {
        let last_data_offset = producer.batches().last().map(|batch| batch.last_offset);
        (id, LastRecord { last_data_offset, producer_epoch: producer.epoch })
    });
    let copying = Copying { cleaned, last_records: tree(last_records), at: 0, position: 0 };
    Ok(Group::Copying(Box::new(copying)))
}

/// The cleaned segment is complete: onto the medium with it. It is as old as the last that it was made from.
fn finish(log: &ReplicaLog, disk: &mut Disk, cleaned: &mut Segment, bases: &[i64]) -> Result<(), CleanError> {
    cleaned.seal(disk)?;
    cleaned.flush(disk)?;
    if let Some(&last) = bases.last() {
        let modified_ms = find(log, last)?.modified_ms(disk);
        cleaned.set_modified_ms(disk, modified_ms);
    }
    Ok(())
}

/// The segments of a group that do not give the cleaned one its name.
fn merged(bases: &[i64]) -> &[i64] {
    bases.get(1..).unwrap_or_default()
}

fn remove_files(disk: &mut Disk, segment: &Segment) {
    for path in segment.paths() {
        disk.remove(&path);
    }
}

/// A segment of the log; one that is gone means that the log was changed under the pass.
fn find(log: &ReplicaLog, base_offset: i64) -> Result<&Segment, CleanError> {
    log.segments().find(|segment| segment.base_offset == base_offset).ok_or(CleanError::Aborted)
}

/// Where the segment behind another one begins.
fn behind(log: &ReplicaLog, base_offset: i64) -> i64 {
    let next = log.segments().map(|segment| segment.base_offset).find(|&next| next > base_offset);
    next.unwrap_or(log.log_end_offset())
}

impl SegmentSizes {
    /// Of a segment.
    pub fn of(segment: &Segment) -> SegmentSizes {
        SegmentSizes {
            base_offset: segment.base_offset,
            log_bytes: segment.size().into(),
            index_bytes: u64::from(segment.index().count()) * 8,
            time_index_bytes: u64::from(segment.time_index().count()) * 12,
        }
    }
}
