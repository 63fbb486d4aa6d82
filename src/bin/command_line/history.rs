//! `loglab check-history`: the checkers of runs over a file, and the file of a run.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use loglab::lab::history_file::{self, HistoryReport};
use loglab::lab::scenario::units::duration_text;
use loglab::lab::world::World;

use super::{BadInput, complain, say};

#[derive(Args)]
pub(super) struct HistoryArguments {
    /// The file, a JSON object a line.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn check(arguments: &HistoryArguments) -> Result<ExitCode, BadInput> {
    let name = arguments.file.display().to_string();
    let text = std::fs::read(&arguments.file).map_err(|error| bad(&format!("{name}: {error}")))?;
    let text = String::from_utf8(text).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        bad(&format!("{name}: a history is text in UTF-8, and byte {byte} is none"))
    })?;
    let report = history_file::check(&text).map_err(|errors| {
        errors.iter().for_each(|error| complain(&error.in_file(&name)));
        BadInput
    })?;
    if arguments.json {
        say(&serde_json::to_string(&report).unwrap_or_default());
    } else {
        tell(&report);
    }
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn bad(message: &str) -> BadInput {
    complain(message);
    BadInput
}

fn tell(report: &HistoryReport) {
    let HistoryReport { lines, findings, more_findings } = report;
    say(&format!("{lines} lines"));
    for finding in findings {
        say(&format!("found {} at {}: {}", finding.kind, duration_text(finding.at_us), finding.text()));
    }
    match more_findings {
        0 if findings.is_empty() => say("found nothing"),
        // All of them stand above.
        0 => {}
        more => say(&format!("and {more} findings more of the same kinds and partitions")),
    }
}

/// Writes the history of a run's clients.
pub(super) fn write(world: &World, file: &Path) -> io::Result<()> {
    let recorder = world.record().ok_or_else(|| io::Error::other("the run was not recorded"))?;
    std::fs::write(file, recorder.text()?)
}
