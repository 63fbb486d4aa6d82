//! `cargo xtask mutants`: does a checker see what it is for? Each mutant is a small change of the product that breaks a
//! promise of Kafka's; scenarios are run with seed after seed until something is found.
//!
//! All mutants are built into one program, each behind a switch that the environment sets (mutant schemata): one build
//! instead of one for each. Nothing of it is in the product's own sources.

mod source;
mod table;
mod trial;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use self::table::{Mutant, Table};
use self::trial::{Found, Trial};
use crate::Outcome;
use crate::run::{command, reports, run, top};

/// So many seeds are tried of each scenario, unless told otherwise.
const SEEDS: RangeInclusive<u64> = 1..=12;

/// What is asked for.
struct Arguments {
    names: Vec<String>,
    seeds: RangeInclusive<u64>,
    jobs: usize,
    /// The program as it was built last.
    built: bool,
    /// Other scenarios than those of the table.
    scenarios: Vec<String>,
}

impl Arguments {
    fn parse(words: &[String]) -> Outcome<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut parsed = Self { names: Vec::new(), seeds: SEEDS, jobs: cores, built: false, scenarios: Vec::new() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("`{word}` wants a value"));
            match word.as_str() {
                "--seeds" => parsed.seeds = seeds(value()?)?,
                "--jobs" => parsed.jobs = value()?.parse().map_err(|_| "`--jobs` wants a number".to_owned())?,
                "--scenario" => parsed.scenarios.push(value()?.clone()),
                "--built" => parsed.built = true,
                option if option.starts_with("--") => return Err(format!("unknown option {option}")),
                name => parsed.names.push(name.to_owned()),
            }
        }
        Ok(parsed)
    }
}

fn seeds(text: &str) -> Outcome<RangeInclusive<u64>> {
    let range = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..=b.parse().ok()?));
    range.filter(|range| !range.is_empty()).ok_or_else(|| "seeds are written as 1..20, the smaller one first".into())
}

/// Builds the program with all mutants in it and tries those that are named, or all.
pub fn task(words: &[String]) -> Outcome {
    let arguments = Arguments::parse(words)?;
    let mut table = Table::read(&top())?;
    let program = program();
    if !arguments.built {
        build(&table)?;
    }
    if !arguments.scenarios.is_empty() {
        table.scenarios.clone_from(&arguments.scenarios);
    }
    let strangers: Vec<_> = arguments.names.iter().filter(|name| table.named(name).is_none()).collect();
    if let Some(stranger) = strangers.first() {
        return Err(format!("xtask/mutants.toml has no mutant `{stranger}`"));
    }
    let is_wanted = |mutant: &&Mutant| arguments.names.is_empty() || arguments.names.contains(&mutant.name);
    let wanted: Vec<&Mutant> = table.mutants.iter().filter(is_wanted).collect();
    let trial = Trial { program, folder: folder()?.join("runs"), scenarios: table.scenarios.clone() };
    trial.prepare()?;
    expect_nothing_without(&trial, &table, &wanted, &arguments)?;
    let found = in_parallel(arguments.jobs, &wanted, |mutant| {
        let found = trial.find(mutant, arguments.seeds.clone());
        match &found {
            Ok(Some(found)) => println!("{:<44} {found}", mutant.name),
            Ok(None) => println!("{:<44} NOT FOUND", mutant.name),
            Err(why) => println!("{:<44} {why}", mutant.name),
        }
        found
    });
    let found = wanted.iter().copied().zip(found).map(|(mutant, found)| found.map(|found| (mutant, found)));
    report(&found.collect::<Outcome<Vec<_>>>()?)
}

/// Where everything of this task lies.
fn folder() -> Outcome<PathBuf> {
    Ok(reports()?.join("mutants"))
}

/// Where the mutants are compiled, beside what else is: who says where cargo is to work, says it for this, too.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| top().join("target"), |set| top().join(set))
        .join("mutants-build")
}

fn program() -> PathBuf {
    target().join("debug").join("loglab")
}

/// Builds once. What does not compile names its mutant: its name stands beside the change.
fn build(table: &Table) -> Outcome {
    let copy = folder()?.join("source");
    source::mutate(&top(), &copy, table)?;
    println!("building loglab with {} mutants in it", table.mutants.len());
    let mut cargo: Command = command("cargo build --locked --quiet --bin loglab --target-dir");
    cargo.arg(target()).current_dir(&copy);
    run(cargo).map_err(|why| format!("{why}: the comment beside what does not compile names its mutant"))
}

/// Without a mutant none of the runs may find anything: a finding would say nothing of a mutant then.
fn expect_nothing_without(trial: &Trial, table: &Table, wanted: &[&Mutant], arguments: &Arguments) -> Outcome {
    let used = table.scenarios_of(wanted);
    let runs: Vec<(&String, u64)> =
        used.iter().flat_map(|scenario| arguments.seeds.clone().map(move |seed| (scenario, seed))).collect();
    println!("{} runs without a mutant: {}", runs.len(), used.join(", "));
    let found = in_parallel(arguments.jobs, &runs, |(scenario, seed)| trial.run(None, scenario, *seed));
    for ((scenario, seed), found) in runs.iter().zip(found) {
        if let Some(found) = found? {
            return Err(format!("{scenario} with seed {seed} finds something without any mutant: {found}"));
        }
    }
    Ok(())
}

/// Does something with each, several at a time, and answers in their order.
fn in_parallel<T: Sync, R: Send>(jobs: usize, all: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some((place, one)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, all.get(at)?)))
        {
            let result = each(one);
            if let Ok(mut done) = done.lock() {
                done.insert(place, result);
            }
        }
    };
    std::thread::scope(|scope| (0..jobs.max(1)).for_each(|_| drop(scope.spawn(work))));
    done.into_inner().map(|done| done.into_values().collect()).unwrap_or_default()
}

/// Says what was found and writes it down; mutants that were not found are a failure.
fn report(results: &[(&Mutant, Option<Found>)]) -> Outcome {
    let all = results.iter().map(|(mutant, found)| {
        let found = found.as_ref().map_or(Value::Null, Found::json);
        json!({ "name": mutant.name, "promise": mutant.promise, "file": mutant.file, "found": found })
    });
    let mut seeds: Vec<u64> = results.iter().filter_map(|(_, found)| Some(found.as_ref()?.seed)).collect();
    seeds.sort_unstable();
    let median = seeds.get(seeds.len() / 2).copied();
    let file = reports()?.join("mutants.json");
    let summary = json!({ "mutants": all.collect::<Vec<_>>(), "tried": results.len(), "found": seeds.len(), "median_seed": median });
    let text = serde_json::to_string_pretty(&summary).map_err(|e| e.to_string())?;
    std::fs::write(&file, format!("{text}\n")).map_err(|e| format!("{}: {e}", file.display()))?;
    let median = median.map_or_else(String::new, |seed| format!(", half of them with seed {seed} or before"));
    println!("\nfound {} of {} mutants{median}; written to {}", seeds.len(), results.len(), file.display());
    let missing: Vec<&str> =
        results.iter().filter(|(_, found)| found.is_none()).map(|(mutant, _)| mutant.name.as_str()).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("not found: {}", missing.join(", "))) }
}
