//! Every message is one that Kafka 4.3 could send: it encodes at the version at which it would travel, which fails where a
//! field is set that this version lacks, and decodes to the same.
#![cfg(not(target_family = "wasm"))]

#[path = "versions/travels.rs"]
mod travels;

use std::collections::BTreeMap;
use std::sync::Arc;

use loglab::lab::scenario::{BUILTINS, Scenario, parse};
use loglab::lab::world::World;
use loglab::sim::queue::EventKind;
use loglab::wire::Api;

use travels::check;

/// A topic that is deleted is fetched by its name: no built-in scenario deletes one.
const TOPIC_CREATED_AGAIN: &str = include_str!("found/topic-created-again.toml");
/// Nor does one ask all that somebody on call may.
const ADMINISTRATOR: &str = include_str!("found/administrator.toml");

/// What no scenario has anybody ask.
const UNSEEN: [Api; 4] = [Api::AddOffsetsToTxn, Api::DeleteTopics, Api::CreatePartitions, Api::ElectLeaders];

fn scenarios() -> Vec<(&'static str, Scenario)> {
    let again = parse(TOPIC_CREATED_AGAIN).expect("it is right");
    let administrator = parse(ADMINISTRATOR).expect("it is right");
    let built_in = BUILTINS.iter().map(|it| (it.name, it.scenario().expect("a built-in scenario is right")));
    built_in.chain([("topic-created-again", again), ("administrator", administrator)]).collect()
}

#[test]
fn every_message_of_the_scenarios_travels_at_its_version() {
    const UNTIL_US: u64 = 40_000_000;
    let mut seen: BTreeMap<(Api, bool), u64> = BTreeMap::new();
    for (name, scenario) in scenarios() {
        let scenario = Arc::new(scenario);
        let until = if scenario.duration_us > 2 * UNTIL_US { UNTIL_US / 20 } else { UNTIL_US };
        let mut world = World::new(&scenario, scenario.seed, Arc::new([]));
        let mut newest = 0;
        while world.step_until(until).is_some() {
            let sent = world.kernel().in_flight().into_iter().filter(|event| event.sequence > newest);
            let mut last = newest;
            for event in sent {
                last = last.max(event.sequence);
                let EventKind::Delivery(_, message) = &event.kind else { continue };
                if let Err(error) = check(&message.body, message.version) {
                    panic!("{name}, at {} us: {error}", world.time());
                }
                *seen.entry((message.body.api(), message.body.is_request())).or_default() += 1;
            }
            newest = last;
        }
    }
    // Both ways, each API was seen but those.
    let is_seen = |api: &Api| [true, false].iter().all(|is_request| seen.contains_key(&(*api, *is_request)));
    let unseen: Vec<Api> = Api::ALL.iter().copied().filter(|api| !is_seen(api)).collect();
    assert_eq!(unseen, UNSEEN);
}
