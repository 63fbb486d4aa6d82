//! Whether the files of a partition's directory, or of a whole log directory, agree with each other, and where they do not.
//!
//! What is told as damage is what no broker leaves behind, whenever it is stopped: bytes that changed, files that are
//! missing, that were cut or mixed up. What an interrupted task leaves, and a broker tidies up when it starts, is told
//! as a note. Records may be missing: retention, compaction and DeleteRecords take them away.

mod directory;
mod index;
mod partition;
mod replay;
mod segment;

use std::io;

use serde::Serialize;

pub use directory::log_directory;
pub use partition::partition;

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
    /// Damage.
    pub findings: Vec<Finding>,
    /// What is left over or cannot be checked.
    pub notes: Vec<Finding>,
}

impl Report {
    fn find(&mut self, file: &str, at: impl Into<Option<u64>>, about: impl Into<String>) {
        self.findings.push(Finding { file: file.to_owned(), at: at.into(), about: about.into() });
    }

    fn note(&mut self, file: &str, about: impl Into<String>) {
        self.notes.push(Finding { file: file.to_owned(), at: None, about: about.into() });
    }

    /// Takes in what was found in a directory inside this one.
    fn take(&mut self, directory: &str, inner: Report) {
        let named = |finding: Finding| Finding { file: format!("{directory}/{}", finding.file), ..finding };
        self.files += inner.files;
        self.batches += inner.batches;
        self.findings.extend(inner.findings.into_iter().map(named));
        self.notes.extend(inner.notes.into_iter().map(named));
    }
}

/// The whole of a small file. Of one that is too large for what it should be only the beginning is read.
fn small_file(folder: &dyn Folder, name: &str, report: &mut Report) -> io::Result<Option<Vec<u8>>> {
    const LARGEST: u64 = 64 << 20;
    let Some(source) = folder.open(name)? else { return Ok(None) };
    report.files += 1;
    let mut window = Window::new(source);
    let len = window.len().min(LARGEST) as usize;
    Ok(Some(window.get(0, len)?.to_vec()))
}

/// The text of a small file; damage where it is none.
fn small_text(folder: &dyn Folder, name: &str, report: &mut Report) -> io::Result<Option<String>> {
    let Some(bytes) = small_file(folder, name, report)? else { return Ok(None) };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            report.find(name, error.utf8_error().valid_up_to() as u64, "not text");
            Ok(None)
        }
    }
}
