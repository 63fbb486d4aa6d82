//! Runs of the program with one mutant switched on.

use std::fmt;
use std::fs::{self, File};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::table::Mutant;
use crate::Outcome;
use crate::run::top;

/// A run that lasts longer goes round in circles: without a mutant the longest takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where runs take place.
pub struct Trial {
    /// The command line with all mutants in it.
    pub program: PathBuf,
    /// What runs print is kept here while they run.
    pub folder: PathBuf,
    /// The scenarios of mutants that name none.
    pub scenarios: Vec<String>,
}

/// What found a mutant.
pub struct Found {
    scenario: String,
    /// With which seed.
    pub seed: u64,
    /// The finding's name; or what else ended the run.
    finding: String,
    /// Others that the run found, too.
    others: Vec<String>,
    at_us: u64,
    about: String,
}

impl Found {
    /// As the report has it.
    pub fn json(&self) -> Value {
        let Self { scenario, seed, finding, others, at_us, about } = self;
        json!({ "scenario": scenario, "seed": seed, "finding": finding, "others": others, "at_us": at_us, "about": about })
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, seed, finding, at_us, about, .. } = self;
        write!(
            f,
            "{finding}, {scenario} with seed {seed} at {}.{:03} s: {about}",
            at_us / 1_000_000,
            at_us / 1_000 % 1_000
        )
    }
}

impl Trial {
    /// Makes the folder.
    pub fn prepare(&self) -> Outcome {
        fs::create_dir_all(&self.folder).map_err(|e| format!("cannot make {}: {e}", self.folder.display()))
    }

    /// Tries seed after seed on scenario after scenario until something is found.
    pub fn find(&self, mutant: &Mutant, seeds: RangeInclusive<u64>) -> Outcome<Option<Found>> {
        for scenario in mutant.scenarios(&self.scenarios) {
            for seed in seeds.clone() {
                let found = self.run(Some(mutant), scenario, seed)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// One run. What an assertion of the product finds is found, too, and so is a run that does not end.
    pub fn run(&self, mutant: Option<&Mutant>, scenario: &str, seed: u64) -> Outcome<Option<Found>> {
        let name = mutant.map_or("none", |mutant| mutant.name.as_str());
        let file = |kind: &str| self.folder.join(format!("{name}-{scenario}-{seed}.{kind}"));
        let (out, err) = (file("out"), file("err"));
        let opened = |path: &PathBuf| File::create(path).map_err(|e| format!("cannot write {}: {e}", path.display()));
        let mut program = Command::new(&self.program);
        let own = top().join("xtask/mutants").join(format!("{scenario}.toml"));
        program.arg("explore").arg(if own.is_file() { own } else { scenario.into() });
        program.args(["--seeds", &format!("{seed}..{seed}"), "--jobs", "1", "--json"]);
        program.env("LOGLAB_MUTANT", mutant.map_or("", |mutant| mutant.name.as_str())).env("RUST_BACKTRACE", "0");
        program.stdin(Stdio::null()).stdout(opened(&out)?).stderr(opened(&err)?);
        let mut child = program.spawn().map_err(|e| format!("{} does not start: {e}", self.program.display()))?;
        let status = wait(&mut child);
        let read = |path: &PathBuf| fs::read_to_string(path).unwrap_or_default();
        let (printed, complaints) = (read(&out), read(&err));
        [out, err].iter().for_each(|path| drop(fs::remove_file(path)));
        let found = |finding: &str, about: &str| Found {
            scenario: scenario.to_owned(),
            seed,
            finding: finding.to_owned(),
            others: Vec::new(),
            at_us: 0,
            about: about.to_owned(),
        };
        match status?.and_then(|status| status.code()) {
            Some(0) => Ok(None),
            Some(1) => Self::first(&printed, found("", "")).map(Some),
            Some(2) => Err(format!("{scenario}: {complaints}")),
            Some(_) => Ok(Some(found("an assertion", said_by_panic(&complaints)))),
            None => Ok(Some(found("no end", "the run was still going on"))),
        }
    }

    /// The finding that became true first.
    fn first(printed: &str, empty: Found) -> Outcome<Found> {
        let search: Value = serde_json::from_str(printed).map_err(|e| format!("`explore --json`: {e}"))?;
        let groups = search["findings"].as_array().cloned().unwrap_or_default();
        let kind = |group: &Value| group["kind"].as_str().unwrap_or_default().to_owned();
        let first = groups.iter().min_by_key(|group| group["at_us"].as_u64()).ok_or("1, and nothing was found")?;
        let mut others: Vec<String> = groups.iter().map(kind).filter(|other| *other != kind(first)).collect();
        others.sort_unstable();
        others.dedup();
        let about = first["about"].as_str().unwrap_or_default().to_owned();
        Ok(Found { finding: kind(first), others, at_us: first["at_us"].as_u64().unwrap_or(0), about, ..empty })
    }
}

/// Waits, and ends what goes on for too long: `None`.
fn wait(child: &mut Child) -> Outcome<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(Some(status));
        }
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The message of a panic: the line behind the one that says where.
fn said_by_panic(complaints: &str) -> &str {
    let mut lines = complaints.lines().skip_while(|line| !line.contains("panicked at"));
    lines.nth(1).unwrap_or_default()
}
