//! Plays every recorded conversation with a real Apache Kafka 4.3 against a simulated broker, byte by byte, and compares the
//! answers; and lets simulated clients make the calls of the recorded programs, and compares what they send and are told.
//!
//! `cargo test --test oracle_wire -- [--verbose] [PREFIX...]` runs the cases whose names begin with a prefix; with `--verbose` it
//! shows every difference. `LOGLAB_ORACLE` names a folder of recordings to run instead of the archive.

mod apis;
mod asked;
mod batches;
mod broker;
mod case;
mod clients;
mod compare;
mod consumers;
#[path = "../oracle_log/expected.rs"]
mod expected;
mod ids;
mod java;
mod normalise;
mod play;
mod player;
mod program;
mod reading;
mod setup;
#[path = "../oracle_log/source.rs"]
mod source;
mod tree;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use case::Case;
use play::Outcome;
use source::Recordings;

const ARCHIVES: [&str; 1] = ["tests/oracle/wire.tar.gz"];

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
        let case = Case::read(&recordings, path);
        tally.note(path, || play::play(case.as_ref().map_err(Clone::clone)?));
        if let Ok(case) = &case
            && let Some(outcome) = clients::play(case)
        {
            tally.note(&format!("{path} (client)"), || outcome);
        }
    }
    let Tally { passed, failed, left, surprises, .. } = tally;
    println!("{passed} passed, {failed} failed, {left} pending or later");
    if surprises == 0 && passed + failed + left > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Counts and tells how the cases went.
#[derive(Default)]
struct Tally {
    expected: Vec<String>,
    verbose: bool,
    passed: usize,
    failed: usize,
    /// Cases that use what is not there yet.
    left: usize,
    /// Cases that went otherwise than expected.
    surprises: usize,
}

impl Tally {
    fn note(&mut self, path: &str, run: impl FnOnce() -> Result<Outcome, String>) {
        let outcome = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome { wrong: vec![error], ..Outcome::default() },
            Err(_) => Outcome { wrong: vec!["it panicked".to_owned()], ..Outcome::default() },
        };
        let listed = self.expected.iter().any(|listed| listed == path);
        let Outcome { pending, later, wrong } = outcome;
        if let Some(first) = wrong.first() {
            println!("case {path} FAILED {first}{}", more(wrong.len() - 1));
            if self.verbose {
                wrong.iter().for_each(|difference| println!("    {difference}"));
            }
            self.failed += 1;
            self.surprises += usize::from(!listed);
        } else if listed {
            println!("case {path} FAILED it holds, but stands among the expected failures");
            self.failed += 1;
            self.surprises += 1;
        } else if !pending.is_empty() {
            println!("case {path} pending: {}", pending.join(", "));
            self.left += 1;
        } else if !later.is_empty() {
            println!("case {path} LATER: {}", later.join(", "));
            self.left += 1;
        } else {
            println!("case {path} ok");
            self.passed += 1;
        }
    }
}

fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" (and {count} more)") }
}
