//! Plays every recorded conversation with a real Apache Kafka 4.3 against a simulated broker, byte by byte, and compares the
//! answers; and lets simulated clients make the calls of the recorded programs, and compares what they send and are told.
//!
//! `cargo test --test oracle_wire -- [--verbose] [PREFIX...]` runs the cases whose names begin with a prefix; with `--verbose` it
//! shows every difference. `LOGLAB_ORACLE` names a folder of recordings to run instead of the archive.

mod admin;
mod administrator;
mod apis;
#[path = "../oracle_log/arguments.rs"]
mod arguments;
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
mod readers;
mod reading;
mod setup;
#[path = "../oracle_log/source.rs"]
mod source;
#[path = "../oracle_log/tally.rs"]
mod tally;
mod traffic;
mod tree;

use std::process::ExitCode;

use arguments::Arguments;
use case::Case;
use source::Recordings;
use tally::Tally;

const ARCHIVES: [&str; 1] = ["tests/oracle/wire.tar.gz"];

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
        let case = Case::read(&recordings, path);
        tally.note(path, || play::play(case.as_ref().map_err(Clone::clone)?));
        if let Ok(case) = &case {
            let name = format!("{path} (client)");
            match case.foreign_program() {
                Some(program) => {
                    println!("case {name} none: its client is {program}, whose calls the story does not give")
                }
                None => clients::play(case).into_iter().for_each(|outcome| tally.note(&name, || outcome)),
            }
        }
    }
    println!("{} passed, {} failed, {} pending or later", tally.passed, tally.failed, tally.left);
    tally.exit_code()
}
