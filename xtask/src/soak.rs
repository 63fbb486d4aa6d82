//! `cargo xtask soak`: the large counts of seeds that the promises about built-in scenarios are stated for, the nemesis and each
//! of its families alone, the property tests with many cases of a new seed, and the random driver on three targets, into
//! `target/soak.json`. `cargo xtask test` runs a fixed slice of all.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::loglab::{self, Build};
use crate::mutants;
use crate::run::{self, command};
use crate::test::{chromium_tests, wasm_tests};
use crate::tools;

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

/// The random driver's cases on each target, unless `LOGLAB_CASES` says otherwise.
const CASES: u64 = 20_000;
/// Seconds that these may take in Node or in Chromium.
const PATIENCE_IN_WASM: &str = "21600";

/// Seeds of the nemesis within its budget, unless `LOGLAB_SEEDS` says otherwise, and how many times fewer of each family alone.
const NEMESIS: u64 = 20_000;
const FAMILIES_FEWER: u64 = 10;
/// Seeds of the nemesis of pipelines, unless `LOGLAB_SEEDS` says otherwise.
const PIPELINES: u64 = 20_000;
/// Seeds of groups whose members and brokers are killed.
const GROUPS: u64 = 500;
/// The bug that the checkers must find in a copy of the product before what they do not find counts.
const CANARY: &str = "hw-is-that-of-the-fastest-replica";

/// Runs every built-in scenario with its seeds, and each with the seed that its file names; then the nemesis, the property tests
/// and the random driver. `--driver`, `--nemesis` and `--pipelines` run only these.
pub fn task(arguments: &[String]) -> Outcome {
    let mut broken = Vec::new();
    let file = run::reports()?.join("soak.json");
    let report = match arguments {
        [] => {
            let scenarios = scenarios(&mut broken)?;
            let properties = properties(&mut broken);
            let groups = groups(&mut broken);
            let hashes = hashes(&mut broken)?;
            let nemesis = nemesis(&mut broken)?;
            let pipelines = pipelines(&mut broken)?;
            let driver = driver(&mut broken)?;
            json!({
                "scenarios": scenarios, "properties": properties, "groups": groups, "hashes": hashes, "nemesis": nemesis,
                "pipelines": pipelines, "driver": driver
            })
        }
        [only] if only == "--nemesis" => json!({ "nemesis": nemesis(&mut broken)? }),
        [only] if only == "--pipelines" => json!({ "pipelines": pipelines(&mut broken)? }),
        [only] if only == "--driver" => json!({ "driver": driver(&mut broken)? }),
        _ => return Err(format!("unknown arguments: {}", arguments.join(" "))),
    };
    let text = serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?;
    std::fs::write(&file, format!("{text}\n")).map_err(|e| format!("{}: {e}", file.display()))?;
    println!("written to {}", file.display());
    if broken.is_empty() { Ok(()) } else { Err(format!("not as promised: {}", broken.join(", "))) }
}

/// The built-in nemesis with many seeds, and each family of its faults alone with fewer. What was searched is kept in
/// `target/nemesis/`, and a soak that was stopped goes on from there.
fn nemesis(broken: &mut Vec<String>) -> Outcome<Value> {
    println!("the canary: a copy of the product with the bug {CANARY}");
    mutants::task(&[CANARY.to_owned()])?;
    let seeds = seeds_or(NEMESIS)?;
    let loglab = loglab::build(Build::Release)?;
    let directory = run::reports()?.join("nemesis");
    std::fs::create_dir_all(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let mut report = Map::new();
    let text = std::fs::read_to_string(run::top().join("www/scenarios/nemesis.toml")).map_err(|e| e.to_string())?;
    let alone = |family: &str| text.replacen("[nemesis]\n", &format!("[nemesis]\nfamilies = [\"{family}\"]\n"), 1);
    let searches = [("all".to_owned(), text.clone(), seeds)]
        .into_iter()
        .chain(families().into_iter().map(|family| (family.to_owned(), alone(family), seeds.div_ceil(FAMILIES_FEWER))));
    for (name, text, seeds) in searches {
        println!("the nemesis, families: {name}, seeds 1 to {seeds}");
        let found = search(&loglab, &directory, (&name, &text), seeds)?;
        if !found.1 {
            broken.push(format!("the nemesis, families: {name}"));
        }
        report.insert(name, found.0);
    }
    Ok(report.into())
}

/// The nemesis of pipelines: consume, transform, produce happens exactly once, whatever is drawn.
fn pipelines(broken: &mut Vec<String>) -> Outcome<Value> {
    let seeds = seeds_or(PIPELINES)?;
    let loglab = loglab::build(Build::Release)?;
    let directory = run::reports()?.join("nemesis");
    std::fs::create_dir_all(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let text = std::fs::read_to_string(run::top().join("www/scenarios/pipeline-nemesis.toml"));
    let text = text.map_err(|e| e.to_string())?;
    println!("the nemesis of pipelines, seeds 1 to {seeds}");
    let (found, passed) = search(&loglab, &directory, ("pipelines", &text), seeds)?;
    if !passed {
        broken.push("the nemesis of pipelines".to_owned());
    }
    Ok(found)
}

/// How many seeds: as `LOGLAB_SEEDS` says, or these.
fn seeds_or(usual: u64) -> Outcome<u64> {
    let told = std::env::var("LOGLAB_SEEDS").ok().map(|seeds| seeds.parse().map_err(|_| "LOGLAB_SEEDS is no number"));
    Ok(told.transpose()?.unwrap_or(usual))
}

/// Searches a scenario with these seeds, from where an earlier search was stopped: what was found, and whether it was nothing.
fn search(loglab: &Path, directory: &Path, (name, text): (&str, &str), seeds: u64) -> Outcome<(Value, bool)> {
    let (file, out) = (directory.join(format!("{name}.toml")), directory.join(format!("{name}.json")));
    std::fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut search = Command::new(loglab);
    search.arg("explore").arg(&file).args(["--seeds", &format!("1..{seeds}"), "--out"]).arg(&out);
    let passed = run::run(search).is_ok();
    let found = std::fs::read_to_string(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    Ok((serde_json::from_str(&found).map_err(|e| format!("{}: {e}", out.display()))?, passed))
}

/// The families that the nemesis draws from unless told otherwise.
fn families() -> Vec<&'static str> {
    vec![
        "kill",
        "stop",
        "power-loss",
        "pause",
        "skew",
        "drift",
        "cut",
        "clog",
        "slow",
        "fill-disk",
        "slow-disk",
        "lose-indexes",
    ]
}

/// Consumer groups through deaths of members and brokers, with many seeds.
fn groups(broken: &mut Vec<String>) -> Value {
    println!("groups with kills of members and brokers, seeds 1 to {GROUPS}");
    let mut tests = command("cargo test --locked --release --test groups with_kills");
    tests.env("LOGLAB_SEEDS", GROUPS.to_string());
    let passed = run::run(tests).is_ok();
    if !passed {
        broken.push("groups with kills of members and brokers".to_owned());
    }
    json!({ "seeds": GROUPS, "passed": passed })
}

/// All listed hashes of the built-in scenarios in Node and in Chromium.
fn hashes(broken: &mut Vec<String>) -> Outcome<Value> {
    let mut report = Map::new();
    for (target, tests) in ["Node", "Chromium"].into_iter().zip(in_wasm_only("built_in_scenarios")?) {
        println!("the hashes of the built-in scenarios, {target}");
        let passed = run::run(tests).is_ok();
        if !passed {
            broken.push(format!("the hashes of the built-in scenarios, {target}"));
        }
        report.insert(target.to_owned(), passed.into());
    }
    Ok(report.into())
}

/// The tests with this in their name, as Node and Chromium run them. Wasm tells a text of the console only where all is shown.
fn in_wasm_only(name: &str) -> Outcome<[Command; 2]> {
    let browser = tools::browser()?;
    let mut node = wasm_tests("--release --node");
    node.args(["--", "--test", "wasm_node", "--", "--nocapture", name]);
    let mut chromium = chromium_tests("--release", &browser);
    chromium.args(["--", "--test", "wasm_browser", "--", "--nocapture", name]);
    Ok([node, chromium])
}

/// The random driver natively, in Node and in Chromium. A case that does not hold is told by its test with its seed and its
/// scenario; here the digests of the same cases on different targets are held against each other.
fn driver(broken: &mut Vec<String>) -> Outcome<Value> {
    let told = std::env::var("LOGLAB_CASES").ok().map(|cases| cases.parse().map_err(|_| "LOGLAB_CASES is no number"));
    let cases = told.transpose()?.unwrap_or(CASES);
    let native = command("cargo test --locked --release --test driver -- --nocapture");
    let [mut node, mut chromium] = in_wasm_only("random_run")?;
    // Thousands of cases take longer than five minutes.
    for tests in [&mut node, &mut chromium] {
        tests.env("WASM_BINDGEN_TEST_TIMEOUT", PATIENCE_IN_WASM);
    }
    let mut digests: BTreeMap<u64, (String, String)> = BTreeMap::new();
    let mut report = Map::new();
    for (target, mut tests) in [("native", native), ("Node", node), ("Chromium", chromium)] {
        println!("the random driver, {target}: cases 1 to {cases}");
        tests.env("LOGLAB_CASES", cases.to_string());
        let mut held = Vec::new();
        let passed = run::watch(tests, |line| held.extend(case(line))).is_ok();
        if !passed {
            broken.push(format!("the random driver, {target}"));
        }
        let mut differ = Vec::new();
        for (seed, digest) in &held {
            let (first, of) = digests.entry(*seed).or_insert_with(|| (digest.clone(), target.to_owned()));
            if first != digest {
                broken.push(format!("case {seed}: {first} ({of}), {digest} ({target})"));
                differ.push(*seed);
            }
        }
        let entry = json!({ "cases": cases, "held": held.len(), "passed": passed, "differ": differ });
        report.insert(target.to_owned(), entry);
    }
    Ok(report.into())
}

/// The line `case SEED DIGEST` of a case that holds.
fn case(line: &str) -> Option<(u64, String)> {
    let (seed, digest) = line.trim().strip_prefix("case ")?.split_once(' ')?;
    let is_digest = digest.len() == 16 && digest.bytes().all(|letter| letter.is_ascii_hexdigit());
    Some((seed.parse().ok()?, digest.to_owned())).filter(|_| is_digest)
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

#[cfg(test)]
mod tests {
    use super::case;

    #[test]
    fn a_line_of_the_driver_is_told_from_others() {
        assert_eq!(case("    case 7 00ff00ff00ff00ff"), Some((7, "00ff00ff00ff00ff".to_owned())));
        assert_eq!(case("case 7: differs first at event 12"), None);
        assert_eq!(case("trying case 7"), None);
    }
}
