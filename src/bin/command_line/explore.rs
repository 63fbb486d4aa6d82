//! `loglab explore`: many seeds of one scenario on all cores, what they reached and what they found.

use std::cell::Cell;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use indicatif::ProgressStyle;
use loglab::lab::explore::{Search, explore};
use loglab::lab::scenario::Scenario;
use loglab::lab::scenario::units::duration_text;
use loglab::sim::hash::RunHash;

use super::{BadInput, complain, load, say, seeds, text_of};

/// So often a search is written to its file, and its progress told where nobody sees the bar.
const SAVED_AFTER: Duration = Duration::from_secs(10);

/// Seeds of one search.
const SEEDS_MOST: u64 = 10_000_000;

thread_local! {
    /// What this thread runs.
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// What to search.
#[derive(Args)]
pub struct ExploreArguments {
    /// A file, or the name of a built-in scenario.
    #[arg(value_name = "FILE|NAME", required_unless_present = "merge")]
    scenario: Option<String>,
    /// From the first to the last seed, both included.
    #[arg(long, value_name = "A..B", allow_hyphen_values = true, value_parser = seeds, required_unless_present = "merge")]
    seeds: Option<RangeInclusive<u64>>,
    /// Runs at the same time; as many as there are cores unless said.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Only every N-th of the seeds, from the I-th on: one of N processes that share them. I counts from 1.
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<(u64, u64)>,
    /// End with the first seed that finds something.
    #[arg(long)]
    until_found: bool,
    /// Write the search to this file every ten seconds, and go on from what is in it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object: the search, to be merged with others.
    #[arg(long)]
    json: bool,
    /// Put the searches of several shards together, and run nothing.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["scenario", "seeds", "jobs", "shard", "until_found", "out"])]
    merge: Vec<PathBuf>,
}

/// `I/N`, from 1/N to N/N.
fn shard(text: &str) -> Result<(u64, u64), String> {
    let wrong = || "a shard is written as 1/8, the first of eight".to_owned();
    let (number, of) = text.split_once('/').ok_or_else(wrong)?;
    let (number, of) = (number.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?);
    if (1..=of).contains(&number) { Ok((number, of)) } else { Err(wrong()) }
}

/// Searches, or merges searches. 0 where nothing was found, 1 where something was.
pub fn run(arguments: &ExploreArguments) -> Result<ExitCode, BadInput> {
    let search = match &arguments.merge[..] {
        [] => search(arguments)?,
        files => merge(files)?,
    };
    if arguments.json {
        say(&serde_json::to_string(&search).unwrap_or_default());
    } else {
        tell(&search);
    }
    Ok(if search.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn merge(files: &[PathBuf]) -> Result<Search, BadInput> {
    let mut merged: Option<Search> = None;
    for file in files {
        let search = read(file)?;
        match &mut merged {
            None => merged = Some(search),
            Some(merged) => merged.merge(search).map_err(|why| bad(file, &why))?,
        }
    }
    merged.ok_or(BadInput)
}

fn bad(file: &Path, why: &str) -> BadInput {
    complain(&format!("{}: {why}", file.display()));
    BadInput
}

fn read(file: &Path) -> Result<Search, BadInput> {
    let text = fs::read_to_string(file).map_err(|error| bad(file, &error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| bad(file, &format!("this is no output of `explore --json`: {error}")))
}

fn search(arguments: &ExploreArguments) -> Result<Search, BadInput> {
    let (Some(name), Some(seeds)) = (&arguments.scenario, &arguments.seeds) else { return Err(BadInput) };
    let scenario = Arc::new(load(name)?);
    let mut known = Search::new(name, hash_of(&text_of(name)?));
    if let Some(file) = arguments.out.as_deref().filter(|file| file.exists()) {
        let before = read(file)?;
        if before.scenario_hash != known.scenario_hash {
            return Err(bad(file, &format!("this is a search of another scenario, `{}`", before.scenario)));
        }
        known = before;
    }
    if arguments.until_found && !known.findings.is_empty() {
        return Ok(known);
    }
    if seeds.end() - seeds.start() >= SEEDS_MOST {
        complain(&format!(
            "{SEEDS_MOST} seeds at most are searched at once; the next ones by the next search, and `--merge`"
        ));
        return Err(BadInput);
    }
    let (number, of) = arguments.shard.unwrap_or((1, 1));
    let is_mine = |seed: &u64| (seed - seeds.start()) % of == number - 1;
    let wanted: Vec<u64> = seeds.clone().filter(is_mine).filter(|seed| !known.has(*seed)).collect();
    run_all(&scenario, known, &wanted, arguments)
}

/// Runs these seeds on several threads. The result does not depend on their order.
fn run_all(
    scenario: &Arc<Scenario>,
    known: Search,
    wanted: &[u64],
    arguments: &ExploreArguments,
) -> Result<Search, BadInput> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.unwrap_or(cores).clamp(1, wanted.len().max(1));
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let shared = Mutex::new((known, Duration::ZERO));
    name_the_seed_of_a_panic();
    let bar = indicatif::ProgressBar::new(wanted.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} seeds, {elapsed}, {eta} to go, {msg}") {
        bar.set_style(style);
    }
    let work = || {
        while !is_over.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed) as usize;
            // All are taken.
            let Some(seed) = wanted.get(place) else { return };
            SEED.set(Some(*seed));
            let run = explore(scenario, *seed);
            if arguments.until_found && !run.findings.is_empty() {
                is_over.store(true, Ordering::Relaxed);
            }
            // A thread that panicked ends the process below; what it held is whole between two runs.
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.0.add(&run);
            bar.set_message(format!("{} kinds of findings", shared.0.findings.len()));
            bar.inc(1);
            if bar.elapsed() < shared.1 + SAVED_AFTER {
                continue;
            }
            shared.1 = bar.elapsed();
            if bar.is_hidden() {
                let kinds = shared.0.findings.len();
                complain(&format!("{} of {} seeds, {kinds} kinds of findings", bar.position(), wanted.len()));
            }
            if let Some(file) = arguments.out.as_deref() {
                // It is tried again, and at the end an error is told.
                let _ = save(&shared.0, file);
            }
        }
    };
    std::thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(work))));
    bar.finish_and_clear();
    let (search, _) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = &arguments.out {
        save(&search, file).map_err(|error| bad(file, &error.to_string()))?;
    }
    Ok(search)
}

/// A broken assertion of the simulator is something found, too: which run shows it is said before the process ends.
fn name_the_seed_of_a_panic() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(seed) = SEED.get() {
            complain(&format!("the run with seed {seed} breaks an assertion of the simulator:"));
        }
        usual(panic);
    }));
}

/// Writes beside the file first: whoever is killed meanwhile leaves the one before.
fn save(search: &Search, file: &Path) -> std::io::Result<()> {
    let beside = file.with_extension("part");
    fs::write(&beside, serde_json::to_string(search)?)?;
    fs::rename(&beside, file)
}

/// What tells searches apart: the scenario's text, and the version of the program.
fn hash_of(text: &str) -> String {
    let mut hash = RunHash::default();
    env!("CARGO_PKG_VERSION").bytes().chain(text.bytes()).for_each(|byte| hash.fold(byte.into()));
    format!("{:016x}", hash.value())
}

fn tell(search: &Search) {
    let Search { scenario, runs, events, virtual_time_us, reached, never, findings, .. } = search;
    let seeds: Vec<String> = search.seeds.iter().map(|(first, last)| range(*first, *last)).collect();
    let seconds = virtual_time_us / 1_000_000;
    say(&format!("{scenario}: {runs} runs, {events} events, {seconds} s of virtual time"));
    say(&format!("seeds {}", shortened(&seeds)));
    let counts: Vec<String> = reached.iter().map(|(name, count)| format!("{name} {count}")).collect();
    say(&format!("reached: {}", counts.join(", ")));
    if !never.is_empty() {
        say(&format!("never reached: {}", never.join(", ")));
    }
    if findings.is_empty() {
        return say("found nothing");
    }
    for group in findings {
        let first = group.seeds.first().copied().unwrap_or_default();
        say(&format!(
            "found {} in {} of {runs} runs, first with seed {first} at {}: {}",
            group.kind,
            group.runs,
            duration_text(group.at_us),
            group.about,
        ));
        say(&format!("    loglab run {scenario} --seed {first} --heal --story"));
    }
}

fn range(first: u64, last: u64) -> String {
    if first == last { first.to_string() } else { format!("{first}..{last}") }
}

/// The first few of a long list.
fn shortened(list: &[String]) -> String {
    const SHOWN: usize = 8;
    match list.get(SHOWN..) {
        None | Some([]) => list.join(", "),
        Some(more) => format!("{} and {} more ranges", list[..SHOWN].join(", "), more.len()),
    }
}
