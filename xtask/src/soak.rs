//! `cargo xtask soak`: the large counts of seeds that the promises about built-in scenarios are stated for, and the property
//! tests with many cases of a new seed, into `target/soak.json`. `cargo xtask test` runs a fixed slice of both.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::loglab::{self, Build};
use crate::run::{self, command};

/// Without `[[expect]]`: none of these seeds may find anything.
const QUIET: std::ops::RangeInclusive<u64> = 1..=100;
/// With `[[expect]]`: so many of these seeds must pass, and the scenario's own.
const EXPECTING: std::ops::RangeInclusive<u64> = 1..=20;
const MET_AT_LEAST: usize = 18;

/// The property tests, by the arguments of `cargo test`, and how many cases each of them tries.
const PROPERTIES: [(&str, u32); 6] = [
    ("--lib log::crash_tests", 50_000),
    ("--lib log::cleaner::properties", 3_000),
    ("--lib -- log::tests::properties log::batch log::compression sim::disk", 5_000),
    ("--test log_tools damage", 3_000),
    ("--test scenarios no_", 20_000),
    ("--test kernel", 300),
];

/// Runs every built-in scenario with its seeds, and each with the seed that its file names; then the property tests.
pub fn task() -> Outcome {
    let mut broken = Vec::new();
    let scenarios = scenarios(&mut broken)?;
    let properties = properties(&mut broken);
    let file = run::reports()?.join("soak.json");
    let report = json!({ "scenarios": scenarios, "properties": properties });
    let text = serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?;
    std::fs::write(&file, format!("{text}\n")).map_err(|e| format!("{}: {e}", file.display()))?;
    println!("written to {}", file.display());
    if broken.is_empty() { Ok(()) } else { Err(format!("not as promised: {}", broken.join(", "))) }
}

/// Each property is tried with a seed that nobody has tried before. What is broken is named by the command that shows it.
fn properties(broken: &mut Vec<String>) -> Value {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    let mut tests = Vec::new();
    for (test, cases) in PROPERTIES {
        let shown = format!("PROPTEST_RNG_SEED={seed} PROPTEST_CASES={cases} cargo test {test}");
        println!("{shown}");
        let mut tried = command(&format!("cargo test --locked {test}"));
        tried.env("PROPTEST_RNG_SEED", seed.to_string()).env("PROPTEST_CASES", cases.to_string());
        let passed = run::run(tried).is_ok();
        if !passed {
            broken.push(format!("`{shown}`"));
        }
        tests.push(json!({ "test": test, "cases": cases, "passed": passed }));
    }
    json!({ "seed": seed, "tests": tests })
}

fn scenarios(broken: &mut Vec<String>) -> Outcome<Map<String, Value>> {
    let loglab = loglab::build(Build::Release)?;
    let mut report = Map::new();
    for name in loglab::scenarios(&loglab)? {
        let own = passes(&loglab, &name, None)?;
        let seeds = if own.expects { EXPECTING } else { QUIET };
        let mut failed = Vec::new();
        for seed in seeds.clone() {
            if !passes(&loglab, &name, Some(seed))?.passed {
                failed.push(seed);
            }
        }
        let count = seeds.clone().count();
        let needed = if own.expects { MET_AT_LEAST } else { count };
        let passed = count - failed.len();
        println!("{name}: {passed} of {count} seeds pass, its own {}", if own.passed { "too" } else { "does not" });
        if passed < needed || !own.passed {
            broken.push(name.clone());
        }
        let entry = json!({ "seeds": count, "passed": passed, "needed": needed, "failed": failed, "own": own.passed });
        report.insert(name, entry);
    }
    Ok(report)
}

/// How a run ended.
struct Ending {
    passed: bool,
    expects: bool,
}

/// Whether a run ends with code 0: each expectation is met, and nothing is found that none of them names.
fn passes(loglab: &Path, name: &str, seed: Option<u64>) -> Outcome<Ending> {
    let mut program = Command::new(loglab);
    program.args(["run", name, "--json"]).args(seed.map(|seed| format!("--seed={seed}")));
    let output = program.output().map_err(|e| format!("{program:?}: {e}"))?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("{program:?} ({}): {e}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))?;
    let expects = report["expectations"].as_array().is_some_and(|list| !list.is_empty());
    Ok(Ending { passed: output.status.success(), expects })
}
