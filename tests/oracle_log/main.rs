//! Runs every recording of Apache Kafka's log against ours and compares all of it.
//!
//! `cargo test --test oracle_log -- [--verbose] [PREFIX...]` runs the cases whose paths begin with a prefix; with
//! `--verbose` it shows every difference. `LOGLAB_ORACLE` names a folder of recordings to run instead of the archive.
// A tool of one file each reason; what it shows goes to the terminal.
#![allow(missing_docs)]

#[cfg(not(target_family = "wasm"))]
mod build;
#[cfg(not(target_family = "wasm"))]
mod case;
#[cfg(not(target_family = "wasm"))]
mod cleaning;
#[cfg(not(target_family = "wasm"))]
mod compare;
#[cfg(not(target_family = "wasm"))]
mod dumped;
#[cfg(not(target_family = "wasm"))]
mod edit;
#[cfg(not(target_family = "wasm"))]
mod expected;
#[cfg(not(target_family = "wasm"))]
mod failure;
#[cfg(not(target_family = "wasm"))]
mod normalise;
#[cfg(not(target_family = "wasm"))]
mod ops;
#[cfg(not(target_family = "wasm"))]
mod queries;
#[cfg(not(target_family = "wasm"))]
mod saved;
#[cfg(not(target_family = "wasm"))]
mod script;
#[cfg(not(target_family = "wasm"))]
mod source;
#[cfg(not(target_family = "wasm"))]
mod world;

#[cfg(not(target_family = "wasm"))]
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(not(target_family = "wasm"))]
use std::process::ExitCode;

#[cfg(not(target_family = "wasm"))]
use source::Recordings;

#[cfg(not(target_family = "wasm"))]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let verbose = arguments.iter().any(|argument| argument == "--verbose" || argument == "-v");
    let prefixes: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |path: &str| prefixes.is_empty() || prefixes.iter().any(|prefix| path.starts_with(prefix.as_str()));
    let recordings = match Recordings::load() {
        Ok(recordings) => recordings,
        Err(error) => {
            eprintln!("the recordings cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let expected = expected::failures();
    let (mut passed, mut failed, mut surprises) = (0, 0, 0);
    for path in recordings.folders_with("case.json").into_iter().filter(|path| wanted(path)) {
        let verdict = catch_unwind(AssertUnwindSafe(|| script::run(&recordings, path)));
        let wrong = match verdict {
            Ok(Ok(wrong)) => wrong,
            Ok(Err(error)) => vec![error],
            Err(_) => vec!["it panicked".to_owned()],
        };
        let listed = expected.iter().any(|listed| listed == path);
        match wrong.first() {
            None if listed => {
                println!("case {path} FAILED it holds, but stands among the expected failures");
                (failed, surprises) = (failed + 1, surprises + 1);
            }
            None => {
                println!("case {path} ok");
                passed += 1;
            }
            Some(first) => {
                println!("case {path} FAILED {first}{}", more(wrong.len() - 1));
                if verbose {
                    wrong.iter().for_each(|difference| println!("    {difference}"));
                }
                failed += 1;
                surprises += usize::from(!listed);
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if surprises == 0 && passed + failed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(not(target_family = "wasm"))]
fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" (and {count} more)") }
}

/// The recordings are read from files, which a browser does not have.
#[cfg(target_family = "wasm")]
fn main() {}
