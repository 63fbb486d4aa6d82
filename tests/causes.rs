//! Every cause is true: it lies before its effect and touches the process or the link of it. The kernel holds that itself in debug
//! builds; here it is held against what the trace tells.
#![cfg(not(target_family = "wasm"))]

use std::collections::BTreeSet;
use std::sync::Arc;

use loglab::lab::names::Role;
use loglab::lab::scenario::exchange::{Who, asked};
use loglab::lab::scenario::{BUILTINS, parse};
use loglab::lab::session::Session;
use loglab::lab::trace::{Entry, Kind};
use loglab::wire::Api;

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

/// Who asks whom for what in a session, as far as it is computed.
fn asked_in(session: &Session) -> BTreeSet<(u16, u8, u8)> {
    let who = |process: u16| match session.world().names().role(process.into()).expect("a process") {
        Role::Broker(_) => Who::Broker,
        Role::Controller => Who::Controller,
        Role::Producer(_) => Who::Producer,
        Role::Consumer(_) => Who::Consumer,
        Role::Administrator => Who::Administrator,
        Role::Pipeline(_) => Who::Pipeline,
    };
    let trace = session.trace();
    let entries = (1..=trace.len()).filter_map(|number| trace.get(number)).filter(|entry| entry.kind == Kind::Request);
    entries.filter_map(|it| Some((it.api?.number(), who(it.from) as u8, who(it.to) as u8))).collect()
}

#[test]
fn what_a_fault_may_wait_for_is_what_is_really_asked() {
    let mut seen = BTreeSet::new();
    for builtin in BUILTINS {
        let scenario = Arc::new(builtin.scenario().expect("a built-in scenario is right"));
        let seed = scenario.seed;
        let mut session = Session::from_scenario(scenario, seed);
        session.seek_event(EVENTS);
        seen.extend(asked_in(&session));
    }
    let follower = include_str!("found/r08-follower-older-than-retention.toml");
    let deleted = include_str!("found/topic-created-again.toml");
    let group = include_str!("found/group.toml");
    let administrator = include_str!("found/administrator.toml");
    let older = include_str!("found/older-clients.toml");
    for text in [follower, deleted, group, administrator, older] {
        let scenario = Arc::new(parse(text).expect("a scenario"));
        let mut session = Session::from_scenario(scenario, 1);
        session.seek_time(session.scenario().duration_us);
        seen.extend(asked_in(&session));
    }
    let listed: BTreeSet<(u16, u8, u8)> = Api::ALL
        .iter()
        .flat_map(|api| asked(*api).iter().map(|(from, to)| (api.number(), *from as u8, *to as u8)))
        .collect();
    // What a pipeline asks as a producer or a consumer stands there as theirs.
    let is_played = |(api, from, to): &(u16, u8, u8)| {
        let plays =
            |(_, part, whom): &&(u16, u8, u8)| whom == to && [Who::Producer as u8, Who::Consumer as u8].contains(part);
        *from == Who::Pipeline as u8 && listed.iter().filter(|row| row.0 == *api).any(|row| plays(&row))
    };
    seen.retain(|row| listed.contains(row) || !is_played(row));
    assert_eq!(seen, listed);
}
