//! Runs of the built-in scenarios: those that expect nothing show nothing, the others what they promise.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::runner;
use loglab::lab::scenario::{BUILTINS, Builtin, RunReport, Scenario};

/// Long ones are cut short here.
const UNTIL_US: u64 = 60_000_000;

fn scenario(builtin: &Builtin) -> Arc<Scenario> {
    Arc::new(builtin.scenario().expect("a built-in scenario is right"))
}

fn short_run(scenario: &Arc<Scenario>, seed: u64) -> RunReport {
    let until = if scenario.duration_us > UNTIL_US { UNTIL_US / 10 } else { UNTIL_US };
    runner::run(scenario, seed, Some(until))
}

#[test]
fn a_scenario_without_expectations_has_no_finding() {
    for builtin in BUILTINS {
        let scenario = scenario(builtin);
        for seed in (1..=10).filter(|_| scenario.expectations.is_empty()) {
            let report = short_run(&scenario, seed);
            assert_eq!(report.findings, [], "{} with seed {seed}", builtin.name);
        }
    }
}

#[test]
fn a_scenario_meets_its_expectations_with_nearly_any_seed_and_its_own() {
    for builtin in BUILTINS {
        let scenario = scenario(builtin);
        if scenario.expectations.is_empty() {
            continue;
        }
        let passes = |seed| runner::passes(&scenario, &short_run(&scenario, seed));
        assert!(passes(scenario.seed), "{} with its own seed", builtin.name);
        let met = (1..=10).filter(|seed| passes(*seed)).count();
        assert!(met >= 9, "{} meets its expectations with {met} of 10 seeds", builtin.name);
    }
}

#[test]
fn a_run_that_is_stopped_early_is_the_beginning_of_the_whole() {
    let scenario = scenario(&BUILTINS[0]);
    let (short, long) = (runner::run(&scenario, 1, Some(1_000_000)), runner::run(&scenario, 1, Some(2_000_000)));
    assert!(short.events > 0 && short.events < long.events);
    assert_ne!(short.trace_hash, long.trace_hash);
    assert_eq!(short.virtual_time_us, 1_000_000);
}
