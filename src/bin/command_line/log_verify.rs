//! `loglab log verify`: whether the files of a directory agree with each other.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use loglab::log::source::Folder;
use loglab::log::verify::{self, Finding, Report};

use super::files::RealFolder;
use super::{BadInput, say};

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
        eprintln!("{}: neither a partition's directory nor a log directory", arguments.directory.display());
        return Err(BadInput);
    }
    if arguments.json {
        say(&serde_json::to_string(&report).unwrap_or_default());
    } else {
        tell(&report);
    }
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn examine(directory: &Path) -> io::Result<Report> {
    let root = RealFolder(directory.to_owned());
    let names = root.names()?;
    if names.iter().any(|name| name.ends_with(".log")) {
        return verify::partition(&root);
    }
    let folders = partitions(directory)?;
    let partitions = folders.iter().map(|(name, folder)| (name.clone(), folder as &dyn Folder)).collect();
    verify::log_directory(&root, &partitions)
}

/// The directories of partitions: those that hold a segment.
fn partitions(directory: &Path) -> io::Result<BTreeMap<String, RealFolder>> {
    let mut partitions = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.path().is_dir() {
            continue;
        }
        let folder = RealFolder(entry.path());
        if folder.names()?.iter().any(|name| name.ends_with(".log")) {
            partitions.insert(entry.file_name().to_string_lossy().into_owned(), folder);
        }
    }
    Ok(partitions)
}

fn tell(report: &Report) {
    let place = |finding: &Finding| match finding.at {
        Some(at) => format!("{}: byte {at}: {}", finding.file, finding.about),
        None => format!("{}: {}", finding.file, finding.about),
    };
    for finding in &report.findings {
        say(&place(finding));
    }
    for note in &report.notes {
        say(&format!("note: {}", place(note)));
    }
    let damage = match report.findings.len() {
        0 => "no damage".to_owned(),
        count => format!("{count} found damaged"),
    };
    say(&format!("{} batches in {} files: {damage}", report.batches, report.files));
}
