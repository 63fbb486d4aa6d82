//! How fast a cluster runs and how quickly any instant of it is found again: figures for `target/bench.json`.
// Measuring is what the wall clock is for.
#![allow(missing_docs, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use loglab::lab::scenario::{Builtin, Scenario};
use loglab::lab::session::Session;
use loglab::lab::timeline::Replay;
use loglab::lab::world::World;
use loglab::sim::random::Random;

/// Events before anything is timed.
const WARM_UP: u64 = 300_000;
/// Events that are timed.
const TIMED: u64 = 500_000;
/// Events of the run in which instants are sought.
const SOUGHT: u64 = 1_000_000;
/// Repetitions of which the median counts.
const MEDIAN_OF: usize = 5;

fn main() {
    let builtin = Builtin::named("bench-3-brokers").expect("it is built in");
    let scenario = Arc::new(builtin.scenario().expect("a built-in scenario is right"));
    let mut figures = Figures::default();
    figures.add("events_per_s_native", "1/s", MEDIAN_OF, median((0..MEDIAN_OF).map(|_| events_per_s(&scenario))));
    let before = resident_mb();
    let mut session = Session::from_scenario(Arc::clone(&scenario), scenario.seed);
    session.seek_event(SOUGHT);
    figures.add("run_memory_mb", "MB", 1, peak_mb() - before);
    let seeks = seek_times_ms(&mut session);
    figures.add("seek_p50_ms_native", "ms", seeks.len(), seeks[seeks.len() / 2]);
    figures.add("seek_p95_ms_native", "ms", seeks.len(), seeks[seeks.len() * 95 / 100]);
    figures.add("snapshot_us", "us", 1_000, median((0..1_000).map(|_| snapshot_us(&mut session))));
    figures.add("explore_1000x10k_s", "s", 1, explore_s(&scenario));
    figures.write();
}

/// Invariants, causes, hash and snapshots on, as in the page.
fn events_per_s(scenario: &Arc<Scenario>) -> f64 {
    let mut session = Session::from_scenario(Arc::clone(scenario), scenario.seed);
    session.seek_event(WARM_UP);
    let start = Instant::now();
    session.seek_event(WARM_UP + TIMED);
    (session.world().event() - WARM_UP) as f64 / start.elapsed().as_secs_f64()
}

fn seek_times_ms(session: &mut Session) -> Vec<f64> {
    let mut random = Random::stream(1, "seeks", 0);
    let mut times: Vec<f64> = (0..400)
        .map(|_| {
            let event = random.below(SOUGHT);
            let start = Instant::now();
            session.seek_event(event);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn snapshot_us(session: &mut Session) -> f64 {
    session.step(true, false);
    let start = Instant::now();
    let snapshot = session.world().clone();
    let time = start.elapsed().as_secs_f64() * 1e6;
    drop(snapshot);
    time
}

fn explore_s(scenario: &Arc<Scenario>) -> f64 {
    let start = Instant::now();
    for seed in 0..1_000 {
        let mut world = World::new(scenario, seed, Arc::new([]));
        while world.event() < 10_000 && world.advance() {}
    }
    start.elapsed().as_secs_f64()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A line of Linux's `/proc/self/status` in megabytes; 0 on other systems.
fn status_mb(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().find_map(|word| word.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn resident_mb() -> f64 {
    status_mb("VmRSS:")
}

fn peak_mb() -> f64 {
    status_mb("VmHWM:")
}

/// Figures by name, written beside those that other benches wrote.
#[derive(Default)]
struct Figures(BTreeMap<String, serde_json::Value>);

impl Figures {
    fn add(&mut self, name: &str, unit: &str, median_of: usize, value: f64) {
        let value = (value * 1e3).round() / 1e3;
        println!("{name}: {value} {unit}");
        self.0.insert(name.to_owned(), serde_json::json!({ "value": value, "unit": unit, "median_of": median_of }));
    }

    fn write(self) {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench.json"));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut all: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
        all.extend(self.0);
        let text = serde_json::to_string_pretty(&all).expect("figures are JSON");
        std::fs::create_dir_all(path.parent().expect("it lies in target")).expect("target can be made");
        std::fs::write(&path, text + "\n").expect("the figures can be written");
    }
}
