//! Counts and tells how cases went.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// How a case went.
#[derive(Default)]
pub struct Run {
    /// Each difference.
    pub wrong: Vec<String>,
    /// Where all of it could not be run: what is said of it instead of "ok".
    pub left: Option<String>,
}

impl From<Vec<String>> for Run {
    fn from(wrong: Vec<String>) -> Self {
        Self { wrong, left: None }
    }
}

/// The cases so far.
pub struct Tally {
    expected: Vec<String>,
    verbose: bool,
    pub passed: usize,
    pub failed: usize,
    /// Cases that use what is not there yet.
    pub left: usize,
    /// Cases that went otherwise than expected.
    surprises: usize,
}

impl Tally {
    /// None so far; these shall fail.
    pub fn new(expected: Vec<String>, verbose: bool) -> Self {
        Self { expected, verbose, passed: 0, failed: 0, left: 0, surprises: 0 }
    }

    pub fn note<R: Into<Run>>(&mut self, path: &str, run: impl FnOnce() -> Result<R, String>) {
        let Run { wrong, left } = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(run)) => run.into(),
            Ok(Err(error)) => vec![error].into(),
            Err(_) => vec!["it panicked".to_owned()].into(),
        };
        let listed = self.expected.iter().any(|listed| listed == path);
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
        } else if let Some(why) = left {
            println!("case {path} {why}");
            self.left += 1;
        } else {
            println!("case {path} ok");
            self.passed += 1;
        }
    }

    /// A run without any case is none.
    pub fn exit_code(&self) -> ExitCode {
        let is_good = self.surprises == 0 && self.passed + self.failed + self.left > 0;
        if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" (and {count} more)") }
}
