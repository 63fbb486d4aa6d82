//! What a log knows of producers, brought back from its snapshots and batches: `UnifiedLog.rebuildProducerState` and
//! `ProducerStateManager.truncateAndReload` in Apache Kafka.

use bytes::Bytes;

use super::error::LogError;
use super::producers::{ProducerSettings, Producers};
use super::segment::{self, Segment};
use crate::sim::disk::{Disk, DiskError};

/// Where a log's snapshots are and by which settings they are read.
pub(super) struct SnapshotFiles<'a> {
    /// The partition's directory.
    pub directory: &'a str,
    /// The broker's settings.
    pub settings: &'a ProducerSettings,
}

/// Writes a snapshot of the producers, unless the latest one still says it all. Answers its offset if it was written.
/// Kafka does not cut a file that is there already.
pub(super) fn take_snapshot(
    producers: &mut Producers,
    disk: &mut Disk,
    directory: &str,
    durable: bool,
) -> Result<Option<i64>, DiskError> {
    let Some(offset) = producers.due_snapshot() else { return Ok(None) };
    let path = segment::path(directory, offset, "snapshot");
    let file = match disk.open(&path) {
        Some(file) => file,
        None => disk.create(&path)?,
    };
    disk.write_at(file, 0, producers.encode())?;
    if durable {
        disk.flush(file);
    }
    producers.note_snapshot(offset);
    Ok(Some(offset))
}

/// Makes a snapshot durable that was written without that.
pub(super) fn flush_snapshot(disk: &mut Disk, directory: &str, offset: i64) {
    if let Some(file) = disk.open(&segment::path(directory, offset, "snapshot")) {
        disk.flush(file);
    }
}

/// Removes a snapshot at once.
pub(super) fn delete_snapshot(producers: &mut Producers, disk: &mut Disk, directory: &str, offset: i64) {
    if producers.forget_snapshot(offset) {
        disk.remove(&segment::path(directory, offset, "snapshot"));
    }
}

impl SnapshotFiles<'_> {
    /// The producers as of `last_offset`. A log that was stopped cleanly and has no snapshot is taken to have no producers
    /// (it was written before there were any).
    pub fn rebuild(
        &self,
        producers: &mut Producers,
        disk: &mut Disk,
        segments: &mut [&mut Segment],
        log_start_offset: i64,
        last_offset: i64,
        from_clean_shutdown: bool,
    ) -> Result<(), LogError> {
        let last_two: Vec<i64> = segments.iter().rev().take(2).rev().map(|segment| segment.base_offset).collect();
        if producers.latest_snapshot().is_none() && from_clean_shutdown {
            for offset in last_two.into_iter().chain([last_offset]) {
                producers.set_map_end_offset(offset);
                take_snapshot(producers, disk, self.directory, true)?;
            }
            return Ok(());
        }
        let was_empty = producers.is_empty() && producers.map_end_offset() >= last_offset;
        self.truncate_and_reload(producers, disk, log_start_offset, last_offset);
        if last_offset > producers.map_end_offset() && !was_empty {
            let holds_last = segments.partition_point(|segment| segment.base_offset <= last_offset).checked_sub(1);
            let last_base = holds_last.map_or(i64::MIN, |at| segments[at].base_offset);
            for segment in from_floor(segments, producers.map_end_offset(), last_offset) {
                let start = segment.base_offset.max(producers.map_end_offset()).max(log_start_offset);
                producers.set_map_end_offset(start);
                if last_two.contains(&segment.base_offset) {
                    take_snapshot(producers, disk, self.directory, true)?;
                }
                let end = if segment.base_offset == last_base { last_offset } else { i64::MAX };
                replay(producers, disk, segment, start, end)?;
            }
        }
        producers.set_map_end_offset(last_offset);
        take_snapshot(producers, disk, self.directory, true)?;
        Ok(())
    }

    /// Drops snapshots outside the log and begins again from the latest that can be read.
    fn truncate_and_reload(&self, producers: &mut Producers, disk: &mut Disk, log_start_offset: i64, last_offset: i64) {
        let outside = |&offset: &i64| offset > last_offset || offset <= log_start_offset;
        let gone: Vec<i64> = producers.snapshots().filter(outside).collect();
        for offset in gone {
            delete_snapshot(producers, disk, self.directory, offset);
        }
        if last_offset == producers.map_end_offset() {
            producers.on_log_start(log_start_offset);
            return;
        }
        while let Some(offset) = producers.latest_snapshot() {
            let file = disk.open(&segment::path(self.directory, offset, "snapshot"));
            let bytes = file.map(|file| disk.read(file, 0, u32::MAX)).unwrap_or_default();
            if let Ok(entries) = Producers::decode(&bytes) {
                producers.load(offset, entries, disk.now_ms(), self.settings);
                return;
            }
            delete_snapshot(producers, disk, self.directory, offset);
        }
        producers.start_at(log_start_offset);
    }
}

/// Removes snapshots that belong to no segment, but the latest of them if it lies at or behind the last segment: it may
/// be that of a clean shutdown (`removeStraySnapshots`). `found` are the offsets of all files, `bases` those of the
/// segments; both ascend. Answers the offsets that stay.
pub(super) fn remove_stray_snapshots(disk: &mut Disk, directory: &str, found: Vec<i64>, bases: &[i64]) -> Vec<i64> {
    let is_stray = |offset: &i64| bases.binary_search(offset).is_err();
    let last_base = bases.last().copied();
    let latest = found.iter().copied().rfind(is_stray).filter(|&latest| last_base.is_none_or(|last| latest >= last));
    let (gone, stay): (Vec<i64>, Vec<i64>) =
        found.into_iter().partition(|offset| is_stray(offset) && Some(*offset) != latest);
    for offset in gone {
        disk.remove(&segment::path(directory, offset, "snapshot"));
    }
    stay
}

/// The segments from the one that holds `from` on that begin before `to` (`LogSegments.values`).
fn from_floor<'a, 'b>(
    segments: &'a mut [&'b mut Segment],
    from: i64,
    to: i64,
) -> impl Iterator<Item = &'a mut &'b mut Segment> {
    let first = segments.partition_point(|segment| segment.base_offset <= from).saturating_sub(1);
    segments[first..].iter_mut().take_while(move |segment| segment.base_offset < to)
}

/// Takes in the batches of one segment from `start` on, up to the one that holds `last_offset`. Damage among them is not
/// passed over.
fn replay(
    producers: &mut Producers,
    disk: &mut Disk,
    segment: &mut Segment,
    start: i64,
    last_offset: i64,
) -> Result<(), LogError> {
    segment.open_index(disk)?;
    let end = match last_offset {
        i64::MAX => segment.size(),
        _ => segment.look_up(disk, last_offset)?.unwrap_or(segment.size()),
    };
    // Nothing in this segment ends at or behind the start: there is nothing to take in.
    let Some(position) = segment.look_up(disk, start)? else { return Ok(()) };
    let mut batches = Vec::new();
    for found in segment.walk(disk, position, end) {
        let (position, header) = found?;
        if header.has_producer_id() {
            let marker = if header.is_control() { segment.read(disk, position, header.size()) } else { Bytes::new() };
            batches.push((header, marker));
        }
    }
    Ok(producers.replay(batches.iter().map(|(header, bytes)| (*header, &bytes[..])))?)
}
