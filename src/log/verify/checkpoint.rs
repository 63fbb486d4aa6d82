//! The offsets of all partitions of a log directory (`OffsetCheckpointFile`), and what a broker does with those that
//! cannot be.

use std::collections::BTreeMap;
use std::io;

use super::partition::Extent;
use super::{Report, small_file};
use crate::log::checkpoints::{self, NoOffsets};
use crate::log::cleaner::manager::CLEANER_OFFSETS;
use crate::log::source::Folder;

/// A file of offsets.
pub(super) struct Checkpoint {
    pub file: &'static str,
    /// What its offsets are of a partition.
    what: &'static str,
    /// What a broker does where it is malformed.
    malformed: &'static str,
    /// What a broker does where a number in it is none.
    no_number: &'static str,
    /// Whether an offset behind the log's end does harm, and what a broker does about any.
    behind_end: (bool, &'static str),
}

pub(super) const CHECKPOINTS: [Checkpoint; 4] = [
    Checkpoint {
        file: checkpoints::RECOVERY_POINTS,
        what: "recovery point",
        malformed: super::GOES_OFFLINE,
        no_number: "a broker begins all recovery at the start",
        behind_end: (false, "a broker goes by the log's end"),
    },
    Checkpoint {
        file: checkpoints::LOG_STARTS,
        what: "log start offset",
        malformed: super::GOES_OFFLINE,
        no_number: "a broker begins each log at its first segment",
        behind_end: (true, "a broker that starts removes all segments and begins the log there"),
    },
    Checkpoint {
        file: checkpoints::HIGH_WATERMARKS,
        what: "high watermark",
        malformed: super::GOES_OFFLINE,
        no_number: "a broker does not lead or follow any partition in the directory",
        behind_end: (false, "a broker goes by the log's end"),
    },
    Checkpoint {
        file: CLEANER_OFFSETS,
        what: "cleaner offset",
        malformed: super::GOES_OFFLINE,
        no_number: "a broker's cleaner ends over it",
        behind_end: (false, "a broker begins to clean at the log's start"),
    },
];

/// The offsets of a directory, by topic and partition.
pub(super) type Offsets = BTreeMap<(String, i32), i64>;

/// Reads a file of offsets. `None` where there is none that can be read.
pub(super) fn read(
    root: &dyn Folder,
    checkpoint: &Checkpoint,
    report: &mut Report,
) -> io::Result<Option<(String, Offsets)>> {
    // A broker begins without checkpoints and writes them when they are due.
    let Some(bytes) = small_file(root, checkpoint.file, report)? else { return Ok(None) };
    let harm = match String::from_utf8(bytes) {
        Err(_) => checkpoint.malformed,
        Ok(text) => match checkpoints::decode_offsets(&text) {
            Ok(offsets) => return Ok(Some((text, offsets))),
            Err(NoOffsets::Shape) => checkpoint.malformed,
            Err(NoOffsets::NotANumber) => checkpoint.no_number,
        },
    };
    report.find(checkpoint.file, None, format!("not a version, a count and a line for each partition: {harm}"));
    Ok(None)
}

/// Compares offsets with the logs that are there.
pub(super) fn compare(
    checkpoint: &Checkpoint,
    (text, offsets): &(String, Offsets),
    extents: &BTreeMap<(&str, i32), Extent>,
    report: &mut Report,
) {
    let Checkpoint { file, what, .. } = checkpoint;
    if text.is_empty() && !extents.is_empty() && *file != CLEANER_OFFSETS {
        // A broker writes even one without entries anew, with a version and a count, a minute after its start.
        report.note(file, format!("empty: a broker that starts knows no {what} of any partition"));
    }
    for ((topic, partition), &offset) in offsets {
        let Some(extent) = extents.get(&(topic.as_str(), *partition)) else {
            report.note(file, format!("{topic}-{partition} is not in this directory"));
            continue;
        };
        let end = extent.log_end_offset;
        let line = line_at(text, &format!("{topic} {partition} "));
        if offset > end && extent.is_end_known {
            let (does_harm, does) = checkpoint.behind_end;
            let about = format!("{what} {offset} of {topic}-{partition} lies behind the log's end, {end}: {does}");
            if does_harm { report.find(file, line, about) } else { report.note_at(file, line, about) }
        } else if offset > end {
            report.note_at(
                file,
                line,
                format!("not checked: {what} {offset} of {topic}-{partition}, whose end is not known"),
            );
        } else if offset < 0 {
            report.note_at(
                file,
                line,
                format!("{what} {offset} of {topic}-{partition} is none: a broker takes the log's start"),
            );
        }
    }
}

/// Where the line begins that begins with these words.
fn line_at(text: &str, words: &str) -> Option<u64> {
    let mut at = 0;
    text.split_inclusive('\n').find_map(|line| {
        let start = at;
        at += line.len() as u64;
        line.starts_with(words).then_some(start)
    })
}
