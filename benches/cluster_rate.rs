//! How many events of a cluster are computed in a second: three brokers, three producers with acks=all, three consumers,
//! with invariants, causes, hash and snapshots as in the page.

use std::sync::Arc;

use loglab::lab::scenario::{Builtin, Scenario};
use loglab::lab::session::Session;
use loglab::lab::timeline::Replay;

/// Events before anything is timed: a browser has optimised the code by then.
const WARM_UP: u64 = 300_000;
/// Events that are timed.
const TIMED: u64 = 500_000;

/// The world that is measured.
pub fn scenario() -> Arc<Scenario> {
    let builtin = Builtin::named("bench-3-brokers").expect("it is built in");
    Arc::new(builtin.scenario().expect("a built-in scenario is right"))
}

/// Computes so many events once.
#[allow(dead_code, reason = "only the native benchmark is run under such a tool")]
pub fn run(events: u64) {
    let scenario = scenario();
    let mut session = Session::from_scenario(Arc::clone(&scenario), scenario.seed);
    session.seek_event(events);
}

/// A session of the world that is measured, behind the warm-up.
pub fn warm_session() -> Session {
    let scenario = scenario();
    let mut session = Session::from_scenario(Arc::clone(&scenario), scenario.seed);
    session.seek_event(WARM_UP);
    session
}

/// Computes the events that are measured; answers how many there were.
pub fn go_on(session: &mut Session) -> u64 {
    let before = session.world().event();
    session.seek_event(before + TIMED);
    session.world().event() - before
}

/// Events a second, the median of five runs, each after a warm-up, on the clock given in seconds.
pub fn events_per_second(clock: impl Fn() -> f64) -> f64 {
    let mut rates = [0.0; 5].map(|_: f64| {
        let mut session = warm_session();
        let start = clock();
        go_on(&mut session) as f64 / (clock() - start)
    });
    rates.sort_by(f64::total_cmp);
    rates[2]
}
