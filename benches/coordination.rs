//! The cluster that is measured everywhere with transactions and groups, and how a large group is joined.

use std::sync::Arc;

use loglab::lab::lag;
use loglab::lab::scenario::{Builtin, Scenario, parse};
use loglab::lab::session::Session;
use loglab::lab::timeline::Replay;
use loglab::lab::world::World;

/// Events before anything is timed, and those that are.
const WARM_UP: u64 = 100_000;
const TIMED: u64 = 300_000;
const RUNS: usize = 5;
/// Members of the large group, and after how many events it is looked at.
const MEMBERS: usize = 100;
const LOOKS: u64 = 200;

/// `bench-3-brokers`, whose producers send in transactions and whose topic two groups of three read.
pub fn scenario() -> Arc<Scenario> {
    let plain = Builtin::named("bench-3-brokers").expect("it is built in").toml;
    let (head, _) = plain.split_once("[[consumer]]").expect("it has consumers");
    let mut text = head.to_owned();
    for producer in 1..=3 {
        let config = format!(
            "transaction-every = \"100ms\"\nabort-ppm = 50000\nconfig = {{ \"acks\" = \"all\", \"transactional.id\" = \"till-{producer}\" }}"
        );
        text = text.replacen("config = { \"acks\" = \"all\" }", &config, 1);
    }
    for (group, isolation) in [("first", "read_committed"), ("second", "read_uncommitted")] {
        text += &format!(
            "[[consumer]]\nname = \"{group}\"\ntopics = [\"events\"]\ngroup = \"{group}\"\nmembers = 3\n\
             config = {{ \"auto.offset.reset\" = \"earliest\", \"isolation.level\" = \"{isolation}\" }}\n"
        );
    }
    Arc::new(parse(&text).expect("it is right"))
}

/// Computes so many events once.
pub fn run(events: u64) {
    let scenario = scenario();
    let mut session = Session::from_scenario(Arc::clone(&scenario), scenario.seed);
    session.seek_event(events);
}

/// Events a second, the median of some runs, each after a warm-up, on the clock given in seconds.
pub fn events_per_second(clock: impl Fn() -> f64) -> f64 {
    let scenario = scenario();
    let mut rates = [0.0; RUNS].map(|_: f64| {
        let mut session = Session::from_scenario(Arc::clone(&scenario), scenario.seed);
        session.seek_event(WARM_UP);
        let start = clock();
        session.seek_event(WARM_UP + TIMED);
        TIMED as f64 / (clock() - start)
    });
    rates.sort_by(f64::total_cmp);
    rates[RUNS / 2]
}

/// From its first member's start until a group of a hundred is stable: seconds of this machine, and events.
pub fn join(clock: impl Fn() -> f64) -> (f64, u64) {
    let text = format!(
        "title = \"A large group\"\nduration = \"60s\"\n[cluster]\nbrokers = 3\n\
         [[topic]]\nname = \"events\"\npartitions = {MEMBERS}\nreplication-factor = 3\n\
         [[consumer]]\nname = \"member\"\ntopics = [\"events\"]\ngroup = \"large\"\nmembers = {MEMBERS}\n"
    );
    let mut world = World::new(&Arc::new(parse(&text).expect("it is right")), 1, Arc::new([]));
    let start = clock();
    while !is_joined(&world) {
        assert!(world.advance(), "the group is never joined");
    }
    (clock() - start, world.event())
}

fn is_joined(world: &World) -> bool {
    let is_whole = || {
        let groups = lag::groups(&world.observer());
        groups.iter().any(|(_, group)| group.state == "Stable" && group.members.len() == MEMBERS)
    };
    world.event().is_multiple_of(LOOKS) && is_whole()
}
