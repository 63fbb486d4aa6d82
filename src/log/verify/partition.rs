//! The directory of one partition.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::replay::Replay;
use super::segment::{self, Segment};
use super::walk::Walk;
use super::{Report, small_file, small_text};
use crate::log::dump::Producer;
use crate::log::dump::producers::read_snapshot;
use crate::log::epochs::{self, LeaderEpochs};
use crate::log::partition_metadata::{self, PARTITION_METADATA};
use crate::log::source::Folder;

/// What a log directory has to know of a partition.
pub(super) struct Extent {
    pub log_end_offset: i64,
}

/// Whether a directory is that of a partition: it holds a segment, or what is left of one.
pub fn is_partition(folder: &dyn Folder) -> bool {
    let of_partition = |name: &String| {
        let of_segment = SEGMENT_FILES.iter().any(|suffix| base_offset(name, suffix).is_some());
        of_segment || name == PARTITION_METADATA || name == epochs::FILE_NAME
    };
    folder.names().unwrap_or_default().iter().any(of_partition)
}

/// Checks the files of a partition's directory against each other.
pub fn partition(folder: &dyn Folder) -> io::Result<Report> {
    Ok(examine(folder)?.0)
}

pub(super) fn examine(folder: &dyn Folder) -> io::Result<(Report, Extent)> {
    let names = folder.names()?;
    let mut report = Report::default();
    let epochs = read_epochs(folder, &mut report)?;
    check_metadata(folder, &mut report)?;
    let snapshots = read_snapshots(folder, &names, &mut report)?;
    let bases: BTreeSet<i64> = names.iter().filter_map(|name| base_offset(name, ".log")).collect();
    check_names(&names, &bases, &mut report);
    for name in names.iter().filter(|name| name.ends_with(".log.swap")) {
        segment::check_swap(&mut report, folder, name)?;
    }
    let mut walk = Walk {
        report,
        epochs,
        replay: Replay::from(bases.first().copied().unwrap_or(0)),
        next_offset: None,
        has_holes: names.iter().any(|name| name.ends_with(".swap")),
        epoch: -1,
        epoch_conflict: None,
        snapshots,
    };
    if names.is_empty() {
        walk.report.note(".log", "the directory is empty: a broker makes it before the first segment");
    } else if bases.is_empty() {
        walk.report.find(".log", None, "no segment is there: a broker would begin the log anew");
    }
    let mut following = bases.iter().skip(1).copied();
    for &base in &bases {
        segment::check(&mut walk, folder, &Segment { base_offset: base, next_base_offset: following.next() })?;
    }
    let has_epochs = names.iter().any(|name| name == epochs::FILE_NAME);
    if !has_epochs && walk.epoch >= 0 {
        walk.report.find(epochs::FILE_NAME, None, "missing, though batches have leader epochs");
    }
    let last_base = bases.last().copied().unwrap_or(0);
    let log_end_offset = walk.next_offset.unwrap_or(last_base).max(last_base);
    walk.reach(log_end_offset);
    walk.finish(log_end_offset);
    Ok((walk.report, Extent { log_end_offset }))
}

/// The offset in a file's name, which has 20 digits.
fn base_offset(name: &str, suffix: &str) -> Option<i64> {
    name.strip_suffix(suffix).filter(|digits| digits.len() == 20)?.parse().ok()
}

fn read_epochs(folder: &dyn Folder, report: &mut Report) -> io::Result<Option<LeaderEpochs>> {
    // Whether it may be missing shows when the batches are read.
    let Some(text) = small_text(folder, epochs::FILE_NAME, report)? else { return Ok(None) };
    let Ok(epochs) = LeaderEpochs::decode(&text) else {
        report.find(epochs::FILE_NAME, None, "malformed: Kafka does not open the log");
        return Ok(None);
    };
    let entries = epochs::decode_entries(&text).unwrap_or_default();
    for (i, pair) in entries.windows(2).enumerate() {
        let ((epoch, start), (next_epoch, next_start)) = (pair[0], pair[1]);
        if next_epoch <= epoch || next_start <= start {
            let about = format!("line {}: epoch {next_epoch} at {next_start} follows epoch {epoch} at {start}", i + 4);
            report.find(epochs::FILE_NAME, None, about);
        }
    }
    Ok(Some(epochs))
}

fn check_metadata(folder: &dyn Folder, report: &mut Report) -> io::Result<()> {
    let text = small_text(folder, PARTITION_METADATA, report)?;
    if text.is_some_and(|text| partition_metadata::decode(&text).is_err()) {
        report.find(PARTITION_METADATA, None, "not a version and a topic id");
    }
    Ok(())
}

fn read_snapshots(
    folder: &dyn Folder,
    names: &[String],
    report: &mut Report,
) -> io::Result<BTreeMap<i64, (String, Vec<Producer>)>> {
    let mut snapshots = BTreeMap::new();
    for name in names {
        // Files of other kinds, and names that are told by `check_names`.
        let Some(offset) = base_offset(name, ".snapshot") else { continue };
        let bytes = small_file(folder, name, report)?.unwrap_or_default();
        match read_snapshot(&bytes) {
            Ok(producers) => _ = snapshots.insert(offset, (name.clone(), producers)),
            Err(message) => report.find(name, None, message),
        }
    }
    Ok(snapshots)
}

/// Endings of files that a broker deals with when it starts, and what becomes of them.
const LEFTOVERS: [(&str, &str); 5] = [
    (".deleted", "to be deleted; a broker removes such files when it starts"),
    (".cleaned", "not finished by the cleaner; a broker removes such files when it starts"),
    (".swap", "finished by the cleaner; a broker puts such files in the place of the old segments when it starts"),
    (".checkpoint.part", "an unfinished snapshot of the cluster's metadata; a node removes such files when it starts"),
    (".tmp", "not put in the place of the file it was to replace"),
];

/// The files of a segment.
const SEGMENT_FILES: [&str; 4] = [".log", ".index", ".timeindex", ".txnindex"];

/// Whether a broker gives files of a partition such names.
fn is_known(name: &str) -> bool {
    let of_offset = SEGMENT_FILES.iter().chain(&[".snapshot"]).any(|suffix| base_offset(name, suffix).is_some());
    // The log of the cluster's metadata has its snapshots and votes beside it.
    let of_quorum = name.ends_with(".checkpoint") || name == "quorum-state";
    let is_left = LEFTOVERS.iter().any(|(suffix, _)| name.ends_with(suffix));
    of_offset || of_quorum || is_left || name == PARTITION_METADATA || name == epochs::FILE_NAME
}

/// Files that belong to no segment.
fn check_names(names: &[String], bases: &BTreeSet<i64>, report: &mut Report) {
    for (suffix, about) in LEFTOVERS {
        let mut left = names.iter().filter(|name| name.ends_with(suffix));
        if let Some(first) = left.next() {
            let others = left.count();
            let more = if others > 0 { format!(", and {others} more ending in {suffix}") } else { String::new() };
            report.note(first, format!("{about}{more}"));
        }
    }
    for name in names.iter().filter(|name| !is_known(name)) {
        report.note(name, "no name that a broker gives; it was not looked at");
    }
    for name in names {
        for suffix in &SEGMENT_FILES[1..] {
            if base_offset(name, suffix).is_some_and(|base| !bases.contains(&base)) {
                report.find(name, None, "there is no .log file of this offset");
            }
        }
    }
}
