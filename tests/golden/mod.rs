//! The hashes that the built-in scenarios must have on every target.

use std::sync::Arc;

use loglab::lab::runner;
use loglab::lab::scenario::BUILTINS;

/// `NAME SEED HASH` lines.
pub const HASHES: &str = include_str!("hashes.txt");

const SEEDS: u64 = 20;

/// Runs longer than this are stopped at a tenth of it.
const UNTIL_US: u64 = 60_000_000;

/// The lines as this target computes them.
pub fn compute() -> String {
    let mut lines = String::new();
    for builtin in BUILTINS {
        let scenario = Arc::new(builtin.scenario().expect("a built-in scenario is right"));
        let until = if scenario.duration_us > UNTIL_US { UNTIL_US / 10 } else { UNTIL_US };
        for seed in 1..=SEEDS {
            let report = runner::run(&scenario, seed, Some(until));
            lines.push_str(&format!("{} {seed} {}\n", builtin.name, report.hash_text()));
        }
    }
    lines
}
