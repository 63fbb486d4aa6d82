//! The directory of one partition.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::place::{CHECKPOINT, QUORUM_STATE};
use super::replay::Replay;
use super::segment::{self, Segment};
use super::start::Start;
use super::walk::Walk;
use super::{GOES_OFFLINE, Report, small_file, small_text};
use crate::log::dump::Producer;
use crate::log::dump::producers::read_snapshot;
use crate::log::epochs::{self, LeaderEpochs, MalformedEpochs};
use crate::log::partition_metadata::{self, PARTITION_METADATA, TopicIdError};
use crate::log::source::Folder;

/// What a log directory has to know of a partition.
pub(super) struct Extent {
    /// Where the log begins, if a segment is there.
    pub first_offset: Option<i64>,
    pub log_end_offset: i64,
    /// Whether nothing that could not be read lies behind the end.
    pub is_end_known: bool,
    /// Whether there are batches in the log.
    pub has_batches: bool,
    /// The largest leader epoch, of batches and of the checkpoint.
    pub epoch: i32,
}

/// Whether a directory is that of a partition: it holds a segment, or what is left of one.
pub fn is_partition(folder: &dyn Folder) -> bool {
    let of_partition = |name: &String| {
        let of_segment = SEGMENT_FILES.iter().any(|suffix| base_offset(name, suffix).is_some());
        of_segment || name == PARTITION_METADATA || name == epochs::FILE_NAME
    };
    folder.names().unwrap_or_default().iter().any(of_partition)
}

pub(super) fn examine(folder: &dyn Folder, start: Start) -> io::Result<(Report, Extent)> {
    let names = folder.names()?;
    let mut report = Report::default();
    let epochs = read_epochs(folder, &mut report)?;
    check_metadata(folder, &mut report)?;
    let snapshots = read_snapshots(folder, &names, &mut report)?;
    let bases: BTreeSet<i64> = names.iter().filter_map(|name| base_offset(name, ".log")).collect();
    check_names(&names, &bases, &mut report);
    for name in names.iter().filter(|name| name.ends_with(".log.swap")) {
        segment::check_batches(&mut report, folder, name, "though it is to become a segment when a broker starts")?;
    }
    if names.is_empty() {
        report.note(".log", "the directory is empty: a broker makes it before the first segment");
    } else if bases.is_empty() {
        check_absence(epochs.as_ref(), &names, &mut report);
    }
    let mut walk = Walk {
        report,
        epochs,
        replay: Replay::from(bases.first().copied().unwrap_or(0)),
        start,
        next_offset: None,
        is_end_known: true,
        has_holes: names.iter().any(|name| name.ends_with(".swap")),
        epoch: -1,
        epoch_conflict: None,
        snapshots,
    };
    let mut following = bases.iter().skip(1).copied();
    for &base_offset in &bases {
        let next_base_offset = following.next();
        let is_recovered = start.recovers(next_base_offset);
        segment::check(&mut walk, folder, &Segment { base_offset, next_base_offset, is_recovered })?;
    }
    let has_epochs = names.iter().any(|name| name == epochs::FILE_NAME);
    if !has_epochs && walk.epoch >= 0 {
        let about = "missing: a broker makes it, and knows the epochs of the records that it reads when it recovers";
        walk.report.note(epochs::FILE_NAME, about);
    }
    let last_base = bases.last().copied().unwrap_or(0);
    let log_end_offset = walk.next_offset.unwrap_or(last_base).max(last_base);
    walk.reach(log_end_offset);
    walk.finish(log_end_offset);
    let known = walk.epochs.as_ref().and_then(LeaderEpochs::latest).unwrap_or(-1);
    let extent = Extent {
        first_offset: bases.first().copied(),
        log_end_offset,
        is_end_known: walk.is_end_known,
        has_batches: walk.next_offset.is_some() || !walk.is_end_known,
        epoch: walk.epoch.max(known),
    };
    Ok((walk.report, extent))
}

/// Checks what a broker reads of a log that it is to delete.
pub(super) fn check_loading(folder: &dyn Folder) -> io::Result<Report> {
    let mut report = Report::default();
    read_epochs(folder, &mut report)?;
    check_metadata(folder, &mut report)?;
    folder.names()?.iter().for_each(|name| check_number(name, &mut report));
    Ok(report)
}

/// A broker begins a log without a segment anew. Where it only made the directory, there was none.
fn check_absence(epochs: Option<&LeaderEpochs>, names: &[String], report: &mut Report) {
    let ended = epochs.and_then(|epochs| epochs.entries().last()).is_some_and(|&(_, start)| start > 0);
    let had_records = ended || names.iter().any(|name| base_offset(name, ".snapshot").is_some_and(|offset| offset > 0));
    if had_records {
        report.find(".log", None, "no segment is there, though there were records: a broker begins the log anew");
    } else {
        report.note(".log", "no segment is there: a broker begins the log anew");
    }
}

/// The offset in a file's name, which has 20 digits.
fn base_offset(name: &str, suffix: &str) -> Option<i64> {
    name.strip_suffix(suffix).filter(|digits| digits.len() == 20)?.parse().ok()
}

fn read_epochs(folder: &dyn Folder, report: &mut Report) -> io::Result<Option<LeaderEpochs>> {
    // Whether it may be missing shows when the batches are read.
    let Some(text) = small_text(folder, epochs::FILE_NAME, report)? else { return Ok(None) };
    let epochs = match LeaderEpochs::decode(&text) {
        Ok(epochs) => epochs,
        Err(MalformedEpochs::Shape) => {
            report.find(epochs::FILE_NAME, None, format!("malformed: {GOES_OFFLINE}"));
            return Ok(None);
        }
        Err(error @ (MalformedEpochs::NotANumber | MalformedEpochs::Negative)) => {
            report.find(epochs::FILE_NAME, None, format!("{error}: a broker does not start with it"));
            return Ok(None);
        }
    };
    let entries = epochs::decode_entries(&text).unwrap_or_default();
    for (i, pair) in entries.windows(2).enumerate() {
        let ((epoch, start), (next_epoch, next_start)) = (pair[0], pair[1]);
        if next_epoch <= epoch || next_start <= start {
            let about = format!(
                "line {}: epoch {next_epoch} at {next_start} follows epoch {epoch} at {start}, which a broker drops",
                i + 4
            );
            report.note(epochs::FILE_NAME, about);
        }
    }
    Ok(Some(epochs))
}

fn check_metadata(folder: &dyn Folder, report: &mut Report) -> io::Result<()> {
    // Whether it may be missing the log directory shows.
    let Some(text) = small_text(folder, PARTITION_METADATA, report)? else { return Ok(()) };
    match partition_metadata::decode(&text) {
        // Whose id it is the log directory shows.
        Ok(_) => {}
        // A line that is missing is an exception of another kind.
        Err(TopicIdError::Malformed) if text.is_empty() => {
            report.find(PARTITION_METADATA, None, "empty: a broker does not start with it");
        }
        Err(TopicIdError::Malformed) => {
            report.find(PARTITION_METADATA, None, format!("not a version and a topic id: {GOES_OFFLINE}"));
        }
        Err(TopicIdError::NotAnId) => {
            report.find(PARTITION_METADATA, None, "the topic id is none: a broker does not start with it");
        }
        Err(TopicIdError::Inconsistent { .. } | TopicIdError::Disk(_)) => unreachable!("only a text is read"),
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
            Err(message) => {
                let about = format!("{message}: a broker removes it and begins at an older one, or at the log's start");
                report.find(name, None, about);
            }
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
/// Of a file that ends so a broker reads the offset that its name must begin with (`LogFileUtils.offsetFromFileName`).
const NUMBERED: [&str; 7] = [".log", ".index", ".timeindex", ".txnindex", ".snapshot", ".cleaned", ".swap"];

/// Whether a broker gives files of a partition such names.
fn is_known(name: &str) -> bool {
    let of_offset = SEGMENT_FILES.iter().chain(&[".snapshot"]).any(|suffix| base_offset(name, suffix).is_some());
    // The log of the cluster's metadata has its snapshots and votes beside it.
    let of_quorum = name.ends_with(CHECKPOINT) || name == QUORUM_STATE;
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
    for name in names {
        check_number(name, report);
    }
    for name in names {
        for suffix in &SEGMENT_FILES[1..] {
            if let Some(base) = base_offset(name, suffix).filter(|base| !bases.contains(base)) {
                let about = "there is no .log file of this offset: a broker that starts removes it";
                // Of a segment that goes or comes the files are renamed one after another.
                let is_renamed =
                    [".deleted", ".swap", ".cleaned"].iter().any(|to| names.contains(&format!("{base:020}.log{to}")));
                if is_renamed { report.note(name, about) } else { report.find(name, None, about) }
            }
        }
    }
}

/// What a broker makes of a file's name.
fn check_number(name: &str, report: &mut Report) {
    let is_numbered = NUMBERED.iter().any(|suffix| name.ends_with(suffix));
    let digits = name.split('.').next().unwrap_or_default();
    if is_numbered && digits.parse::<i64>().is_err() {
        report.find(name, None, "the name does not begin with an offset: a broker does not start with it");
    } else if !is_known(name) && SEGMENT_FILES.iter().any(|suffix| name.ends_with(suffix)) {
        let about = "the offset in the name has not 20 digits: a broker looks for the files of that offset elsewhere";
        report.find(name, None, about);
    } else if !is_known(name) {
        report.note(name, "no name that a broker gives; it was not looked at");
    }
}
