//! Every cause is true: it lies before its effect and touches the process or the link of it. The kernel holds that itself in debug
//! builds; here it is held against what the trace tells.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::scenario::BUILTINS;
use loglab::lab::session::Session;
use loglab::lab::trace::{Entry, Kind};

/// Events of each scenario that are looked at.
const EVENTS: u64 = 40_000;

/// Whether two events have a process in common. An intervention may have been done to several; the kernel knows to whom.
fn touches(cause: &Entry, effect: &Entry) -> bool {
    let shares = |id: u16| id == effect.from || id == effect.to;
    cause.kind == Kind::Intervention || shares(cause.from) || shares(cause.to)
}

#[test]
fn every_cause_in_every_built_in_scenario_touches_its_effect_and_lies_before_it() {
    let mut more_than_one = 0;
    for builtin in BUILTINS {
        let scenario = Arc::new(builtin.scenario().expect("a built-in scenario is right"));
        let seed = scenario.seed;
        let mut session = Session::from_scenario(scenario, seed);
        session.seek_event(EVENTS);
        let trace = session.trace();
        for number in 1..=trace.len() {
            let effect = trace.get(number).expect("it is kept");
            let causes: Vec<u64> = trace.causes(number).collect();
            more_than_one += u64::from(causes.len() > 1);
            for cause in causes {
                assert!(cause < number, "{}: event {number} is caused by {cause}", builtin.name);
                let cause = trace.get(cause).expect("it is kept");
                assert!(touches(cause, effect), "{}: event {number}: {effect:?} because of {cause:?}", builtin.name);
            }
        }
    }
    assert!(more_than_one > 10, "{more_than_one} events have several causes");
}
