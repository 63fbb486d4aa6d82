//! A log's segments where they lie: those of a log that is open, or what is on the disk where no broker has it open.

use std::sync::Arc;

use bytes::Bytes;

use super::{File, Torn};
use crate::log::batch::BatchHeader;
use crate::log::segment::{self, Segment};
use crate::log::{LogConfig, ReplicaLog};
use crate::sim::disk::Disk;

/// The ending of a segment's records.
const LOG: &str = ".log";
/// The endings of what the cleaner writes, and of what waits for its removal.
const CLEANED: &str = ".cleaned";
const SWAP: &str = ".swap";
const LEFT: [&str; 3] = [CLEANED, SWAP, ".deleted"];

/// Segments in order of offset, and the disk that they are on.
pub(super) struct Segments<'a> {
    pub disk: &'a Disk,
    pub list: Vec<&'a Segment>,
}

/// A batch, the segment that holds it, and where in it.
pub(super) struct Placed<'a> {
    pub segment: &'a Segment,
    pub position: u32,
    pub header: BatchHeader,
}

impl<'a> Segments<'a> {
    /// Those of a log.
    pub fn of(log: &'a ReplicaLog, disk: &'a Disk) -> Self {
        Self { disk, list: log.segments().collect() }
    }

    /// Those that [`found`] read.
    pub fn found(segments: &'a [Segment], disk: &'a Disk) -> Self {
        Self { disk, list: segments.iter().collect() }
    }

    /// The place in the list of the segment that holds an offset, or of the first.
    pub fn place_of(&self, offset: i64) -> usize {
        self.list.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
    }

    /// The batches from the one that holds an offset on.
    pub fn batches_from(&self, offset: i64) -> impl Iterator<Item = Placed<'a>> {
        let disk = self.disk;
        self.list[self.place_of(offset)..].iter().flat_map(move |&segment| {
            let position = segment.position_of(disk, offset).unwrap_or(segment.size());
            let headers = segment.headers_from(disk, position);
            headers.map(move |(position, header)| Placed { segment, position, header })
        })
    }

    /// What stands behind the last whole batch of all, `None` where there is no segment.
    pub fn torn(&self) -> Option<Torn> {
        let last = self.list.last()?;
        let (end, offset) = last
            .headers_from(self.disk, 0)
            .last()
            .map_or((0, last.base_offset), |(position, header)| (position + header.size(), header.next_offset()));
        Some(Torn { offset, segment: last.base_offset, position: end, bytes: last.size().saturating_sub(end) })
    }
}

impl Placed<'_> {
    /// The bytes of the batch.
    pub fn bytes(&self, disk: &Disk) -> Bytes {
        self.segment.read(disk, self.position, self.header.size())
    }
}

/// Reads the segments whose `.log` files' names end in `ending` from a directory. Nothing is checked or mended, as a
/// broker that starts would. The disk is a copy: opening may write to it.
pub(super) fn found(disk: &mut Disk, directory: &str, ending: &'static str) -> Vec<Segment> {
    let directory: Arc<str> = directory.into();
    let prefix = format!("{directory}/");
    let bases: Vec<i64> = disk.list(&prefix).filter_map(|path| base_offset(path, ending)).collect();
    let config = LogConfig::default();
    bases.into_iter().filter_map(|base| Segment::open(disk, &directory, base, &config, ending).ok()).collect()
}

/// The offset in the path of a `.log` file with this ending.
fn base_offset(path: &str, ending: &str) -> Option<i64> {
    name_of(path).strip_suffix(ending)?.strip_suffix(LOG)?.parse().ok()
}

/// The last part of a path.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The files of a segment that is in use, with the entries of its indexes, and the snapshot beside them. While the cleaner
/// puts the segment in its place, some of its files end in `.swap` still.
pub(super) fn files_of(segment: &Segment, disk: &Disk, directory: &str) -> Vec<File> {
    let snapshot = segment::path(directory, segment.base_offset, "snapshot");
    let present = |path: String| {
        let renamed = path.strip_suffix(SWAP).filter(|_| disk.open(&path).is_none());
        renamed.map(str::to_owned).unwrap_or(path)
    };
    let paths = segment.paths().map(present).chain([snapshot]);
    let file = |path: String| {
        let bytes = disk.len(disk.open(&path)?);
        let entries = match path.trim_end_matches(SWAP).rsplit_once('.')?.1 {
            "index" => Some(segment.index().count()),
            "timeindex" => Some(segment.time_index().count()),
            // Records, aborted transactions and snapshots are no index.
            _ => None,
        };
        Some(File { name: name_of(&path).to_owned(), bytes, entries })
    };
    paths.filter_map(file).collect()
}

/// Files of the directory that segments left and none of these uses.
pub(super) fn others(disk: &Disk, directory: &str, used: &[super::Segment]) -> Vec<File> {
    let prefix = format!("{directory}/");
    let is_left = |name: &str| LEFT.iter().any(|ending| name.ends_with(ending)) || is_replaced(name, used);
    let is_used = |name: &str| used.iter().any(|segment| segment.files.iter().any(|file| file.name == name));
    let files = disk.files(&prefix).map(|(path, bytes)| (name_of(path), bytes));
    let left = files.filter(|(name, _)| is_left(name) && !is_used(name));
    left.map(|(name, bytes)| File { name: name.to_owned(), bytes, entries: None }).collect()
}

/// Whether it is a file of a segment whose place another one is taking.
fn is_replaced(name: &str, used: &[super::Segment]) -> bool {
    // Checkpoints and the partition's metadata belong to no segment.
    let Some(base) = name.split('.').next().and_then(|digits| digits.parse::<i64>().ok()) else { return false };
    let place = used.binary_search_by_key(&base, |segment| segment.base);
    place.is_ok_and(|place| used[place].files.iter().any(|file| file.name.ends_with(SWAP)))
}

/// The ending of the files that the cleaner writes, empty where there are none.
pub(super) fn ending(disk: &Disk, directory: &str) -> &'static str {
    let prefix = format!("{directory}/");
    let is_there = |ending: &&str| disk.list(&prefix).any(|path| path.ends_with(*ending));
    [CLEANED, SWAP].into_iter().find(is_there).unwrap_or_default()
}
