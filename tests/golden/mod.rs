//! The hashes that the built-in scenarios must have on every target.

use std::sync::Arc;

use loglab::lab::runner;
use loglab::lab::scenario::BUILTINS;

/// `NAME SEED HASH` lines.
const HASHES: &str = include_str!("hashes.txt");

/// So many seeds of each scenario are listed; with `LOGLAB_SEEDS=N`, of the build or of the run, the first N of them are computed.
const SEEDS: u64 = 20;
/// So many natively, where nobody says more: other tests run each scenario, too.
const SLICE: u64 = 4;

fn seeds() -> u64 {
    let blesses = std::env::var_os("LOGLAB_BLESS").is_some();
    let usual = if cfg!(target_family = "wasm") || blesses { SEEDS } else { SLICE };
    let told = option_env!("LOGLAB_SEEDS").map(str::to_owned).or_else(|| std::env::var("LOGLAB_SEEDS").ok());
    told.map_or(usual, |seeds| seeds.parse().expect("LOGLAB_SEEDS is a number"))
}

/// The lines of [`HASHES`] that this build computes.
pub fn expected() -> String {
    let seed = |line: &&str| line.split(' ').nth(1).and_then(|seed| seed.parse::<u64>().ok());
    let asked = |line: &&str| seed(line).is_none_or(|seed| seed <= seeds());
    HASHES.lines().filter(asked).map(|line| format!("{line}\n")).collect()
}

/// Runs longer than this are stopped at a tenth of it.
const UNTIL_US: u64 = 60_000_000;

/// The lines as this target computes them.
pub fn compute() -> String {
    let mut lines = String::new();
    for builtin in BUILTINS {
        let scenario = Arc::new(builtin.scenario().expect("a built-in scenario is right"));
        let until = if scenario.duration_us > UNTIL_US { UNTIL_US / 10 } else { UNTIL_US };
        for seed in 1..=seeds() {
            let report = runner::run(&scenario, seed, Some(until));
            lines.push_str(&format!("{} {seed} {}\n", builtin.name, report.hash_text()));
        }
    }
    lines
}
