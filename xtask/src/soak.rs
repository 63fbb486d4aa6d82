//! `cargo xtask soak`: the large counts of seeds that the promises about built-in scenarios are stated for, into
//! `target/soak.json`. `cargo xtask test` runs a fixed slice of them.

use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::run::{self, command};

/// Without `[[expect]]`: none of these seeds may find anything.
const QUIET: std::ops::RangeInclusive<u64> = 1..=100;
/// With `[[expect]]`: so many of these seeds must pass, and the scenario's own.
const EXPECTING: std::ops::RangeInclusive<u64> = 1..=20;
const MET_AT_LEAST: usize = 18;

/// Runs every built-in scenario with its seeds, and each with the seed that its file names.
pub fn task() -> Outcome {
    run::run(command("cargo build --locked --release --bin loglab"))?;
    let mut report = Map::new();
    let mut broken = Vec::new();
    for name in names()? {
        let own = passes(&name, None)?;
        let seeds = if own.expects { EXPECTING } else { QUIET };
        let mut failed = Vec::new();
        for seed in seeds.clone() {
            if !passes(&name, Some(seed))?.passed {
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
    let file = run::reports()?.join("soak.json");
    let text = serde_json::to_string_pretty(&json!({ "scenarios": report })).map_err(|e| e.to_string())?;
    std::fs::write(&file, format!("{text}\n")).map_err(|e| format!("{}: {e}", file.display()))?;
    println!("written to {}", file.display());
    if broken.is_empty() { Ok(()) } else { Err(format!("not as promised: {}", broken.join(", "))) }
}

/// How a run ended.
struct Ending {
    passed: bool,
    expects: bool,
}

fn names() -> Outcome<Vec<String>> {
    let (list, _) = run_loglab("list --json")?;
    let scenarios = list["scenarios"].as_array().ok_or("`loglab list` names no scenarios")?;
    Ok(scenarios.iter().filter_map(|scenario| scenario["name"].as_str().map(str::to_owned)).collect())
}

/// Whether a run ends with code 0: each expectation is met, and nothing is found that none of them names.
fn passes(name: &str, seed: Option<u64>) -> Outcome<Ending> {
    let seed = seed.map(|seed| format!(" --seed {seed}")).unwrap_or_default();
    let (report, passed) = run_loglab(&format!("run {name} --json{seed}"))?;
    Ok(Ending { passed, expects: report["expectations"].as_array().is_some_and(|list| !list.is_empty()) })
}

/// What the program prints as JSON, and whether it ends with 0; it ends with 1 where a run does not pass.
fn run_loglab(arguments: &str) -> Outcome<(Value, bool)> {
    let line = format!("cargo run --locked --release --quiet --bin loglab -- {arguments}");
    let output = command(&line).output().map_err(|e| format!("`{line}`: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let report = serde_json::from_str(&text)
        .map_err(|e| format!("`{line}` ({}): {e}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))?;
    Ok((report, output.status.success()))
}
