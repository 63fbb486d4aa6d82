//! A segment whose offsets do not fit its index becomes several: `LocalLog.splitOverflowedSegment` in Apache Kafka.

use std::sync::Arc;

use super::config::LogConfig;
use super::deletion::Deletions;
use super::error::OpenError;
use super::index;
use super::segment::{self, Segment, suffix};
use crate::sim::disk::{Disk, DiskError};
use crate::sim::sorted::{signed, sort_by_key};

/// Puts `new` segments, written as `.cleaned`, into the place of the `old` ones, named by their bases. Answers the old
/// ones whose bases no new one has.
fn replace(
    disk: &mut Disk,
    deletions: &mut Deletions,
    segments: &mut Vec<Segment>,
    mut new: Vec<Segment>,
    old: &[i64],
    delay_ms: i64,
) -> Result<Vec<Segment>, DiskError> {
    sort_by_key(&mut new, |segment| signed(segment.base_offset));
    // From the last on: when the first is `.swap`, all of them are whole.
    new.iter_mut().rev().try_for_each(|segment| segment.rename(disk, suffix::SWAP))?;
    let (mut gone, mut stay): (Vec<Segment>, Vec<Segment>) =
        std::mem::take(segments).into_iter().partition(|segment| old.contains(&segment.base_offset));
    for segment in &mut gone {
        deletions.add_segments(disk, [segment], delay_ms)?;
    }
    gone.retain(|segment| new.iter().all(|kept| kept.base_offset != segment.base_offset));
    new.iter_mut().try_for_each(|segment| segment.rename(disk, suffix::NONE))?;
    stay.append(&mut new);
    sort_by_key(&mut stay, |segment| signed(segment.base_offset));
    *segments = stay;
    Ok(gone)
}

/// Begins a segment that will replace others; what an earlier try left of it goes.
pub(super) fn begin_cleaned(
    disk: &mut Disk,
    directory: &Arc<str>,
    base_offset: i64,
    config: &LogConfig,
) -> Result<Segment, DiskError> {
    for extension in segment::EXTENSIONS {
        disk.remove(&(segment::path(directory, base_offset, extension) + suffix::CLEANED));
    }
    Segment::open(disk, directory, base_offset, config, suffix::CLEANED)
}

/// Splits a segment whose offsets do not fit its index (KAFKA-6264). Refused where it is not the segment's last offset
/// that does not fit.
pub(super) fn split_overflowed(
    disk: &mut Disk,
    deletions: &mut Deletions,
    segments: &mut Vec<Segment>,
    mut source: Segment,
    directory: &Arc<str>,
    config: &LogConfig,
) -> Result<(), OpenError> {
    let base_offset = source.base_offset;
    let next_offset = source.read_next_offset(disk)?;
    if next_offset <= base_offset || index::relative(base_offset, next_offset - 1).is_some() {
        return Err(OpenError::Overflow { base_offset });
    }
    let mut parts = Vec::new();
    if let Err(error) = copy_into_parts(disk, &source, &mut parts, directory, config) {
        for path in parts.iter().flat_map(Segment::paths) {
            disk.remove(&path);
        }
        return Err(error);
    }
    let at = segments.partition_point(|segment| segment.base_offset < base_offset);
    segments.insert(at, source);
    let gone = replace(disk, deletions, segments, parts, &[base_offset], config.file_delete_delay_ms)?;
    let known = gone.iter().map(|segment| segment.base_offset);
    deletions.add_snapshots(disk, directory, known, config.file_delete_delay_ms);
    Ok(())
}

fn copy_into_parts(
    disk: &mut Disk,
    source: &Segment,
    parts: &mut Vec<Segment>,
    directory: &Arc<str>,
    config: &LogConfig,
) -> Result<(), OpenError> {
    let base_offset = source.base_offset;
    let mut position = 0;
    while position < source.size() {
        let Some(header) = source.header_at(disk, position) else {
            return Err(OpenError::TornOverflow { base_offset });
        };
        let fits = |part: &Segment| index::relative(part.base_offset, header.last_offset()).is_some();
        if !parts.last().is_some_and(fits) {
            parts.push(begin_cleaned(disk, directory, header.base_offset, config)?);
        }
        let batch = source.read(disk, position, header.size());
        match parts.last_mut().filter(|part| fits(part)) {
            Some(part) => part.append(disk, batch, Some(&header))?,
            None => return Err(OpenError::Overflow { base_offset }),
        }
        position += header.size();
    }
    for part in parts {
        part.seal(disk)?;
        part.flush(disk)?;
        part.set_modified_ms(disk, source.modified_ms(disk));
    }
    Ok(())
}
