//! Scenario files whose run or report was wrong, found by use. Each runs as it was found and must show what is right.
#![cfg(not(target_family = "wasm"))]

#[path = "found/broker.rs"]
mod broker;
#[path = "found/clients.rs"]
mod clients;
#[path = "found/cluster.rs"]
mod cluster;
#[path = "found/story.rs"]
mod story;

use std::sync::Arc;

use loglab::lab::runner;
use loglab::lab::scenario::{RunReport, Scenario, parse};
use loglab::lab::world::World;

/// The scenario of a file of `tests/found`.
fn scenario(name: &str) -> Arc<Scenario> {
    let path = format!("{}/tests/found/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("a file of a found scenario");
    Arc::new(parse(&text).unwrap_or_else(|errors| panic!("{name}: {errors:?}")))
}

/// The world of such a file at its end, with its report.
fn run(name: &str) -> (World, RunReport) {
    let scenario = scenario(name);
    let world = runner::run_to(&scenario, scenario.seed, scenario.duration_us, &mut |_, _| {});
    let report = runner::report(&world, scenario.duration_us);
    (world, report)
}
