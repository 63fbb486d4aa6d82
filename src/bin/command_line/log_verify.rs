//! `loglab log verify`: whether the files of a directory agree with each other.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use loglab::log::source::Folder;
use loglab::log::verify::{self, Finding, Report};

use super::files::{RealFolder, find_below, folders, is_partition};
use super::{BadInput, say};

/// So many directories down a log directory is looked for, to name it: DIR/broker-1/data.
const DEPTH: u32 = 2;

#[derive(Args)]
pub struct VerifyArguments {
    /// The directory of a partition, or a log directory with the partitions in it.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Exit code 1 where damage is found.
pub fn verify(arguments: &VerifyArguments) -> Result<ExitCode, BadInput> {
    let report = examine(&arguments.directory).map_err(|error| {
        eprintln!("{}: {error}", arguments.directory.display());
        BadInput
    })?;
    if report.files == 0 {
        let directory = &arguments.directory;
        let is_log_directory = |path: &Path| folders(path).iter().any(|folder| is_partition(folder));
        let hint = match find_below(directory, DEPTH, &is_log_directory) {
            Some(inner) => format!("; the log directory in it is {}", inner.display()),
            None => String::new(),
        };
        eprintln!("{}: neither a partition's directory nor a log directory{hint}", directory.display());
        return Err(BadInput);
    }
    if arguments.json {
        say(&serde_json::to_string(&report).unwrap_or_default());
    } else {
        tell(&report);
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn examine(directory: &Path) -> io::Result<Report> {
    let root = RealFolder(directory.to_owned());
    if is_partition(directory) {
        return verify::partition(&root);
    }
    let named = |path: PathBuf| (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), RealFolder(path));
    let folders: Vec<(String, RealFolder)> = folders(directory).into_iter().map(named).collect();
    let directories = folders.iter().map(|(name, folder)| (name.clone(), folder as &dyn Folder)).collect();
    verify::log_directory(&root, &directories)
}

/// A name without what would control the terminal or look like another line.
fn visible(name: &str) -> String {
    let letter =
        |letter: char| if letter.is_control() { letter.escape_default().to_string() } else { letter.to_string() };
    name.chars().map(letter).collect()
}

fn tell(report: &Report) {
    let place = |finding: &Finding| match finding.at {
        Some(at) => format!("{}: byte {at}: {}", visible(&finding.file), finding.about),
        None => format!("{}: {}", visible(&finding.file), finding.about),
    };
    for finding in &report.findings {
        say(&place(finding));
    }
    for note in &report.notes {
        say(&format!("note: {}", place(note)));
    }
    for (about, left_out) in [("findings", report.more_findings), ("notes", report.more_notes)] {
        if left_out > 0 {
            say(&format!("and {left_out} {about} more that are not listed"));
        }
    }
    let damage = match report.findings.len() as u64 + report.more_findings {
        0 => "no damage".to_owned(),
        1 => "1 finding of damage".to_owned(),
        count => format!("{count} findings of damage"),
    };
    say(&format!("{} batches in {} files: {damage}", report.batches, report.files));
}
