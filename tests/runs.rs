//! Runs of the built-in scenarios: those that expect nothing show nothing, the others what they promise.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::runner;
use loglab::lab::scenario::{BUILTINS, Builtin, FindingKind, RunReport, Scenario, parse};
use loglab::lab::world::World;

/// Long ones are cut short here.
const UNTIL_US: u64 = 60_000_000;
/// A slice: `cargo xtask soak` runs each with a hundred seeds, or with twenty where something is expected.
const SEEDS: u64 = 5;

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
        for seed in (1..=SEEDS).filter(|_| scenario.expectations.is_empty()) {
            let report = short_run(&scenario, seed);
            let found: Vec<_> = report.findings.iter().filter(|finding| finding.allowed.is_none()).collect();
            assert!(found.is_empty(), "{} with seed {seed}: {found:#?}", builtin.name);
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
        let met = (1..=SEEDS).filter(|seed| passes(*seed)).count() as u64;
        assert!(met + 1 >= SEEDS, "{} meets its expectations with {met} of {SEEDS} seeds", builtin.name);
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

#[test]
fn until_means_after_the_last_event_at_or_before_it() {
    let scenario = scenario(&BUILTINS[0]);
    let mut world = World::new(&scenario, 3, Arc::new([]));
    // The hash after each event, with its time.
    let mut hashes = Vec::new();
    while world.step_until(3_000_000).is_some() {
        hashes.push((world.time(), world.hash()));
    }
    for index in [hashes.len() / 3, hashes.len() / 2, hashes.len() - 2] {
        let (at, next) = (hashes[index].0, hashes[index + 1].0);
        for until in [at, next - 1] {
            let last = hashes.iter().rev().find(|(time, _)| *time <= until).expect("an event");
            let report = runner::run(&scenario, 3, Some(until));
            assert_eq!((report.trace_hash, report.virtual_time_us), (last.1, until));
        }
    }
}

#[test]
fn the_segment_size_of_a_topic_reaches_the_disks() {
    let segments = |config: &str| {
        let text = format!(
            "title = \"t\"\nduration = \"8s\"\n[cluster]\n[[topic]]\nname = \"t\"\nreplication-factor = 3\nconfig = {{ {config} }}\n\
             [[producer]]\nname = \"p\"\ntopic = \"t\"\nrate = \"10/s\"\nvalue-bytes = 50000\nconfig = {{ \"linger.ms\" = 0 }}\n"
        );
        let scenario = Arc::new(parse(&text).expect("a good scenario"));
        let mut world = World::new(&scenario, 1, Arc::new([]));
        while world.step().is_some() {}
        let of = |id| world.kernel().disk(id).list("data/t-0/").filter(|name| name.ends_with(".log")).count();
        [1, 2, 3].map(of)
    };
    assert_eq!(segments(""), [1; 3]);
    let by_size = segments("\"segment.bytes\" = 1048576");
    assert!(by_size.iter().all(|count| (2..8).contains(count)), "{by_size:?}");
    let internal = segments("\"segment.bytes\" = 2097152, \"internal.segment.bytes\" = 60000");
    assert!(internal.iter().all(|count| *count > 20), "{internal:?}");
}

/// What a search adds to each run is paid by all of them.
#[test]
fn a_run_that_is_healed_goes_on_once_as_long_as_anything_may_take() {
    let builtin = Builtin::named("leader-killed-acks-all").expect("it is built in");
    let scenario = scenario(builtin);
    let world = runner::run_healed(&scenario, scenario.seed, &mut |_, _| {});
    let longer = world.scenario().duration_us - scenario.duration_us;
    // For 62.4 s, as long as anything waits, and 10 s more, from when nothing was broken any more: at 17 s of 40 s.
    assert!((49_000_000..50_000_000).contains(&longer), "{longer} us longer");
    assert!(world.findings().list().is_empty(), "{:?}", world.findings().list());
}

/// A topic of three replicas, one producer, and more lines.
fn small(config: &str, producer: &str, more: &str) -> Arc<Scenario> {
    let text = format!(
        "title = \"t\"\nduration = \"30s\"\n[cluster]\nbrokers = 3\n\
         [[topic]]\nname = \"orders\"\nreplication-factor = 3\nconfig = {{ {config} }}\n\
         [[producer]]\nname = \"p\"\ntopic = \"orders\"\n{producer}\n{more}\n"
    );
    Arc::new(parse(&text).expect("a good scenario"))
}

/// `Sender.failBatch`: whoever is told at once that his record is too large does not stand still.
#[test]
fn a_producer_whose_records_are_refused_for_what_they_are_is_not_stuck() {
    let scenario = small("\"max.message.bytes\" = 20000", "rate = \"5/s\"\nvalue-bytes = 30000", "");
    let world = runner::run_healed(&scenario, 1, &mut |_, _| {});
    assert!(world.findings().list().is_empty(), "{:#?}", world.findings().list());
}

/// It was there until then, and a reader could have had it.
#[test]
fn a_record_whose_batch_rots_is_lost_from_then_on() {
    let rot = "[[fault]]\nat = \"15s\"\nbit-rot = \"leader of orders-0\"\noffset = 200";
    let report = runner::run(&small("", "rate = \"50/s\"", rot), 1, None);
    let lost: Vec<_> = report.findings.iter().filter(|finding| finding.kind == FindingKind::LostWrite).collect();
    assert!(!lost.is_empty() && lost.iter().all(|finding| finding.at_us == 15_000_000), "{lost:#?}");
}

/// Wall clocks do not begin at 0 (decision 0053).
#[test]
fn a_clock_that_is_behind_makes_records_that_are_too_old() {
    let skew = "[[fault]]\nat = \"0s\"\nskew = \"p\"\nby = \"-30m\"";
    let config = "\"message.timestamp.before.max.ms\" = 600000";
    let report = runner::run(&small(config, "rate = \"5/s\"", skew), 1, None);
    let producer = &report.producers[0];
    assert!(producer.sent > 100 && producer.acknowledged == 0, "{producer:?}");
}
