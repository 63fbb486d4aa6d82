//! Runs every recording of Apache Kafka's log against ours and compares all of it.
//!
//! `cargo test --test oracle_log -- [--verbose] [PREFIX...]` runs the cases whose paths begin with a prefix; with
//! `--verbose` it shows every difference. `LOGLAB_ORACLE` names a folder of recordings to run instead of the archive.

mod broker;
mod build;
mod case;
mod cleaning;
mod compare;
mod dumped;
mod edit;
mod expected;
mod failure;
mod normalise;
mod ops;
mod queries;
mod saved;
mod script;
mod source;
mod tables;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use source::Recordings;

/// Cases that somebody thought of, and what a real Kafka answered to random scripts that were once answered otherwise here.
const ARCHIVES: [&str; 2] = ["tests/oracle/log.tar.gz", "tests/oracle/log-asked.tar.gz"];

pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let verbose = arguments.iter().any(|argument| argument == "--verbose" || argument == "-v");
    let prefixes: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |path: &str| prefixes.is_empty() || prefixes.iter().any(|prefix| path.starts_with(prefix.as_str()));
    let recordings = match Recordings::load(&ARCHIVES) {
        Ok(recordings) => recordings,
        Err(error) => {
            eprintln!("the recordings cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut tally = Tally { expected: expected::failures(), verbose, ..Tally::default() };
    for path in recordings.folders_with("case.json").into_iter().filter(|path| wanted(path)) {
        tally.note(path, || script::run(&recordings, path));
    }
    match tables::tables(&recordings) {
        Ok(tables) => {
            for (path, rows) in tables.iter().filter(|(path, _)| wanted(path)) {
                tally.note(path, || tables::run(path, rows));
            }
        }
        Err(error) => tally.note("tables", || Err(error)),
    }
    for path in recordings.folders_with(broker::FILES).into_iter().filter(|path| wanted(path)) {
        tally.note(path, || broker::run(&recordings, path));
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.surprises == 0 && tally.passed + tally.failed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Counts and tells how the cases went.
#[derive(Default)]
struct Tally {
    expected: Vec<String>,
    verbose: bool,
    passed: usize,
    failed: usize,
    /// Cases that went otherwise than expected.
    surprises: usize,
}

impl Tally {
    fn note(&mut self, path: &str, run: impl FnOnce() -> Result<Vec<String>, String>) {
        let wrong = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(wrong)) => wrong,
            Ok(Err(error)) => vec![error],
            Err(_) => vec!["it panicked".to_owned()],
        };
        let listed = self.expected.iter().any(|listed| listed == path);
        let Some(first) = wrong.first() else {
            if listed {
                println!("case {path} FAILED it holds, but stands among the expected failures");
                self.failed += 1;
                self.surprises += 1;
            } else {
                println!("case {path} ok");
                self.passed += 1;
            }
            return;
        };
        println!("case {path} FAILED {first}{}", more(wrong.len() - 1));
        if self.verbose {
            wrong.iter().for_each(|difference| println!("    {difference}"));
        }
        self.failed += 1;
        self.surprises += usize::from(!listed);
    }
}

fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" (and {count} more)") }
}
