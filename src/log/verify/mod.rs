//! Whether the files of a partition's directory, or of a whole log directory, agree with each other, and where they do not.
//!
//! Damage is what Apache Kafka 4.3.1 refuses, sets aside or reads wrongly, told with what a broker does about it. What it
//! takes in silence is none, whichever of its versions since 0.10 wrote it; what it tidies up or makes anew when it
//! starts is a note. Behind damage what can be judged is judged, and the rest is told as not checked. Records may be
//! missing: retention, compaction and DeleteRecords take them away.
//!
//! | module | what it knows |
//! |---|---|
//! | `directory`, `place` | a log directory; what a broker takes a directory in it for |
//! | `properties`, `checkpoint` | whose directory it is; the offsets of all its partitions |
//! | `partition`, `segment`, `index`, `frame` | a log, its segments, their indexes, and batches in bytes that may be anything |
//! | `walk`, `replay` | what goes on from segment to segment; the producers that a log shows |
//! | `quorum`, `image` | the log of the cluster's metadata, and what it says about replicas |
//! | `start` | what a broker does with a log when it starts |

mod checkpoint;
mod directory;
mod frame;
mod image;
mod index;
mod partition;
mod place;
mod properties;
mod quorum;
mod replay;
mod segment;
mod start;
mod walk;

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

pub use directory::log_directory;
pub use directory::partition;
pub use partition::is_partition;

use super::source::{Folder, Window};

/// Something that is wrong, or left over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, by its path in the directory that was looked at.
    pub file: String,
    /// The byte, where there is one.
    pub at: Option<u64>,
    /// What is wrong.
    pub about: String,
}

/// What is found in a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Files that were read.
    pub files: u64,
    /// Batches in them.
    pub batches: u64,
    /// Damage: of each file the first [`OF_ONE_FILE`], and [`OF_ALL`] in all.
    pub findings: Vec<Finding>,
    /// Damage that is not listed.
    pub more_findings: u64,
    /// What is left over or cannot be checked, as bounded.
    pub notes: Vec<Finding>,
    /// Notes that are not listed.
    pub more_notes: u64,
    /// How many findings each file has.
    #[serde(skip)]
    findings_of: BTreeMap<String, usize>,
    /// How many notes each file has.
    #[serde(skip)]
    notes_of: BTreeMap<String, usize>,
}

/// Findings of one file that are listed, and as many notes.
pub const OF_ONE_FILE: usize = 20;
/// Findings that are listed, and as many notes.
pub const OF_ALL: usize = 1_000;

impl Report {
    /// Whether nothing is damaged.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.more_findings == 0
    }

    fn find(&mut self, file: &str, at: impl Into<Option<u64>>, about: impl Into<String>) {
        if has_room(&mut self.findings_of, file, self.findings.len()) {
            self.findings.push(Finding { file: file.to_owned(), at: at.into(), about: about.into() });
        } else {
            self.more_findings += 1;
        }
    }

    fn note(&mut self, file: &str, about: impl Into<String>) {
        self.note_at(file, None, about);
    }

    fn note_at(&mut self, file: &str, at: impl Into<Option<u64>>, about: impl Into<String>) {
        if has_room(&mut self.notes_of, file, self.notes.len()) {
            self.notes.push(Finding { file: file.to_owned(), at: at.into(), about: about.into() });
        } else {
            self.more_notes += 1;
        }
    }

    /// Takes in what was found in a directory inside this one.
    fn take(&mut self, directory: &str, inner: Report) {
        self.files += inner.files;
        self.batches += inner.batches;
        self.more_findings += inner.more_findings + take(&mut self.findings, directory, inner.findings);
        self.more_notes += inner.more_notes + take(&mut self.notes, directory, inner.notes);
    }
}

/// Whether one more thing may be listed of a file, of so many that are listed in all.
fn has_room(listed_of: &mut BTreeMap<String, usize>, file: &str, listed: usize) -> bool {
    let of_it = match listed_of.get_mut(file) {
        Some(of_it) => of_it,
        None => listed_of.entry(file.to_owned()).or_default(),
    };
    *of_it += 1;
    *of_it <= OF_ONE_FILE && listed < OF_ALL
}

/// Lists what a directory has under its name as long as there is room, and counts the rest.
fn take(all: &mut Vec<Finding>, directory: &str, inner: Vec<Finding>) -> u64 {
    let left_out = inner.len().saturating_sub(OF_ALL.saturating_sub(all.len()));
    let named = |finding: Finding| Finding { file: format!("{directory}/{}", finding.file), ..finding };
    let listed = inner.len() - left_out;
    all.extend(inner.into_iter().take(listed).map(named));
    left_out as u64
}

/// The whole of a small file. Of one that is too large for what it should be only the beginning is read.
fn small_file(folder: &dyn Folder, name: &str, report: &mut Report) -> io::Result<Option<Vec<u8>>> {
    const LARGEST: u64 = 64 << 20;
    // Such a file may be missing.
    let Some(source) = folder.open(name)? else { return Ok(None) };
    report.files += 1;
    let mut window = Window::new(source);
    let len = window.len().min(LARGEST) as usize;
    Ok(Some(window.get(0, len)?.to_vec()))
}

/// The text of a small file; damage where it is none, as a broker cannot read it either.
fn small_text(folder: &dyn Folder, name: &str, report: &mut Report) -> io::Result<Option<String>> {
    // Such a file may be missing.
    let Some(bytes) = small_file(folder, name, report)? else { return Ok(None) };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            report.find(name, error.utf8_error().valid_up_to() as u64, format!("not text: {GOES_OFFLINE}"));
            Ok(None)
        }
    }
}

/// What a broker does where it cannot read a file that it must read.
const GOES_OFFLINE: &str = "a broker takes the log directory out of use, and ends if it has no other";
