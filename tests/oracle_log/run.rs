//! Runs every recording of Apache Kafka's log against ours and compares all of it.
//!
//! `cargo test --test oracle_log -- [--verbose] [PREFIX...]` runs the cases whose paths begin with a prefix; with
//! `--verbose` it shows every difference. `LOGLAB_ORACLE` names a folder of recordings to run instead of the archive.

mod arguments;
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
mod tally;
mod world;

use std::process::ExitCode;

use arguments::Arguments;
use source::Recordings;
use tally::Tally;

/// Cases that somebody thought of, and what a real Kafka answered to random scripts that were once answered otherwise here.
const ARCHIVES: [&str; 2] = ["tests/oracle/log.tar.gz", "tests/oracle/log-asked.tar.gz"];

pub fn main() -> ExitCode {
    let arguments = Arguments::read();
    let recordings = match Recordings::load(&ARCHIVES) {
        Ok(recordings) => recordings,
        Err(error) => {
            eprintln!("the recordings cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut tally = Tally::new(expected::failures(), arguments.verbose);
    for path in recordings.folders_with("case.json").into_iter().filter(|path| arguments.wants(path)) {
        tally.note(path, || script::run(&recordings, path));
    }
    match tables::tables(&recordings) {
        Ok(tables) => {
            for (path, rows) in tables.iter().filter(|(path, _)| arguments.wants(path)) {
                tally.note(path, || tables::run(path, rows));
            }
        }
        Err(error) => tally.note("tables", || Err::<Vec<String>, _>(error)),
    }
    for path in recordings.folders_with(broker::FILES).into_iter().filter(|path| arguments.wants(path)) {
        tally.note(path, || broker::run(&recordings, path));
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    tally.exit_code()
}
