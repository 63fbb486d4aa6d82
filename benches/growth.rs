//! How a cluster's speed falls as it grows: events a second of processor time with more brokers, partitions and clients.

use std::fmt::Write;
use std::sync::Arc;

use cpu_time::ProcessTime;
use loglab::lab::scenario::{Scenario, parse};
use loglab::lab::session::Session;
use loglab::lab::timeline::Replay;

/// Brokers, and partitions with three replicas each. There are as many producers and consumers as brokers.
const SIZES: [(u32, u32); 5] = [(3, 6), (3, 100), (3, 1_000), (30, 100), (30, 1_000)];
/// Events before anything is timed: all clients have found their partitions by then.
const WARM_UP: u64 = 300_000;
/// Events that are timed.
const TIMED: u64 = 400_000;
const RUNS: usize = 3;

/// Prints `growth_3x6_events_per_s` and so on.
pub fn measure() {
    for (brokers, partitions) in SIZES {
        let scenario = scenario(brokers, partitions);
        let mut rates = [0.0; RUNS].map(|_: f64| events_per_second(&scenario));
        rates.sort_by(f64::total_cmp);
        println!("figure growth_{brokers}x{partitions}_events_per_s {:.0} events/s {RUNS}", rates[RUNS / 2]);
    }
}

/// Computes so many events of the world of that size (`30x1000`) once, for a tool that counts instructions.
pub fn run(size: &str, events: u64) {
    let (brokers, partitions) = size.split_once('x').expect("a size is brokers x partitions, as 30x1000");
    let [brokers, partitions] = [brokers, partitions].map(|number| number.parse().expect("a whole number"));
    let scenario = scenario(brokers, partitions);
    let mut session = Session::from_scenario(Arc::clone(&scenario), scenario.seed);
    session.seek_event(events);
}

fn events_per_second(scenario: &Arc<Scenario>) -> f64 {
    let mut session = Session::from_scenario(Arc::clone(scenario), scenario.seed);
    session.seek_event(WARM_UP);
    let start = ProcessTime::now();
    session.seek_event(WARM_UP + TIMED);
    let events = session.world().event() - WARM_UP;
    assert_eq!(events, TIMED, "the scenario is long enough");
    events as f64 / start.elapsed().as_secs_f64()
}

/// That of `bench-3-brokers` with other numbers.
fn scenario(brokers: u32, partitions: u32) -> Arc<Scenario> {
    let mut text = format!(
        "title = \"growth\"\nduration = \"600s\"\n[cluster]\nbrokers = {brokers}\n\
         [network]\nlatency = \"500us\"\njitter = \"200us\"\n\
         [[topic]]\nname = \"events\"\npartitions = {partitions}\nreplication-factor = 3\n\
         config = {{ \"min.insync.replicas\" = 2 }}\n"
    );
    // Writing to a String cannot fail.
    for client in 1..=brokers {
        let _ = write!(
            text,
            "[[producer]]\nname = \"producer-{client}\"\ntopic = \"events\"\nrate = \"150/s\"\nkeys = 1000\n\
             [[consumer]]\nname = \"consumer-{client}\"\ntopics = [\"events\"]\n\
             config = {{ \"auto.offset.reset\" = \"earliest\" }}\n"
        );
    }
    Arc::new(parse(&text).unwrap_or_else(|errors| panic!("the scenario is refused: {errors:#?}")))
}
