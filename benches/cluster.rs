//! A cluster of the native build: how fast it runs, how quickly any instant is found again, what it takes of memory.
//! Figures as `figures.rs` prints them. With `LOGLAB_EVENTS=N` it only computes N events, for a tool that counts instructions
//! (`valgrind --tool=callgrind`), with `LOGLAB_GROWTH=30x1000` beside it of a cluster of that size, with `LOGLAB_GROUPS` of the one with
//! transactions and groups; with `LOGLAB_GROWTH` alone it only measures how the speed falls as a cluster grows, with `LOGLAB_GROUPS`
//! alone only transactions and groups.
// Measuring is what the wall clock is for.
#![allow(missing_docs, clippy::disallowed_methods)]

/// That of the program.
#[cfg(not(target_family = "wasm"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(not(target_family = "wasm"))]
mod cluster_rate;
#[cfg(not(target_family = "wasm"))]
mod coordination;
#[cfg(not(target_family = "wasm"))]
mod growth;

#[cfg(target_family = "wasm")]
fn main() {}

#[cfg(not(target_family = "wasm"))]
fn main() {
    if let Some(events) = std::env::var("LOGLAB_EVENTS").ok().and_then(|events| events.parse().ok()) {
        if std::env::var_os("LOGLAB_GROUPS").is_some() {
            return coordination::run(events);
        }
        return match std::env::var("LOGLAB_GROWTH") {
            Ok(size) => growth::run(&size, events),
            Err(_) => cluster_rate::run(events),
        };
    }
    if std::env::var_os("LOGLAB_GROWTH").is_some() {
        return growth::measure();
    }
    if std::env::var_os("LOGLAB_GROUPS").is_some() {
        return native::coordination();
    }
    native::run_and_seek();
    native::explore();
    native::checkers();
    native::instructions();
    native::coordination();
    growth::measure();
    let start = std::time::Instant::now();
    let rate = cluster_rate::events_per_second(|| start.elapsed().as_secs_f64());
    println!("figure events_per_s_native {rate:.0} events/s 5");
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::process::Command;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Instant;

    use loglab::lab::scenario::Builtin;
    use loglab::lab::session::Session;
    use loglab::lab::timeline::Replay;
    use loglab::lab::world::World;
    use loglab::sim::random::Random;

    use super::{cluster_rate, coordination};

    /// Events of the run in which instants are sought.
    const SOUGHT: u64 = 1_000_000;
    const SEEKS: usize = 400;
    const SNAPSHOTS: usize = 1_000;
    const WORLDS: u64 = 1_000;
    const EVENTS_OF_A_WORLD: u64 = 10_000;
    const CHECKED_EVENTS: u64 = 200_000;
    const CHECKED_RUNS: usize = 7;

    /// Comes first: the peak of memory is that of the whole process.
    pub fn run_and_seek() {
        let before = status_mb("VmRSS:");
        let scenario = cluster_rate::scenario();
        let mut session = Session::from_scenario(Arc::clone(&scenario), scenario.seed);
        session.seek_event(SOUGHT);
        println!("figure run_memory_mb {:.1} MB 1", status_mb("VmHWM:") - before);
        let mut random = Random::stream(1, "seeks", 0);
        let seeks = sorted((0..SEEKS).map(|_| {
            let event = random.below(SOUGHT);
            milliseconds(|| session.seek_event(event))
        }));
        println!("figure seek_p50_ms_native {:.3} ms {SEEKS}", seeks[SEEKS / 2]);
        println!("figure seek_p95_ms_native {:.3} ms {SEEKS}", seeks[SEEKS * 95 / 100]);
        let snapshots = sorted((0..SNAPSHOTS).map(|_| {
            session.step(true, false);
            let mut snapshot = None;
            milliseconds(|| snapshot = Some(session.world().clone()))
        }));
        println!("figure snapshot_us {:.3} us {SNAPSHOTS}", snapshots[SNAPSHOTS / 2] * 1e3);
    }

    /// Many short runs, one world on each core at a time.
    pub fn explore() {
        let scenario = cluster_rate::scenario();
        let next_seed = AtomicU64::new(0);
        let work = || {
            while let seed = next_seed.fetch_add(1, Ordering::Relaxed)
                && seed < WORLDS
            {
                go_on(&mut World::new(&scenario, seed, Arc::new([])), EVENTS_OF_A_WORLD);
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let time = milliseconds(|| std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work)))));
        println!("figure explore_1000x10k_s {:.3} s 1", time / 1e3);
    }

    /// The same cluster with transactions and groups, and the joins of a large group.
    pub fn coordination() {
        let start = Instant::now();
        let clock = || start.elapsed().as_secs_f64();
        let rate = coordination::events_per_second(clock);
        println!("figure transactions_and_groups_events_per_s {rate:.0} events/s 5");
        let mut joins = [0; 5].map(|_| coordination::join(clock));
        joins.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (seconds, events) = joins[2];
        println!("figure join_100_members_ms {:.1} ms 5", seconds * 1e3);
        println!("figure join_100_members_events {events} events 1");
    }

    /// Which part of a run's time the checkers take: of the cluster that is measured everywhere, and of the nemesis' many faults.
    pub fn checkers() {
        let nemesis = Builtin::named("nemesis").expect("it is built in").scenario().expect("it is right");
        for (name, scenario) in [("", cluster_rate::scenario()), ("_nemesis", Arc::new(nemesis))] {
            let world = || World::new(&scenario, scenario.seed, Arc::new([]));
            // One behind the other, so that a slower moment of the machine meets both.
            let shares = sorted((0..CHECKED_RUNS).map(|_| {
                let of = |mut world: World| milliseconds(|| go_on(&mut world, CHECKED_EVENTS));
                let (with, without) = (of(world()), of(world().unchecked()));
                (1.0 - without / with) * 100.0
            }));
            println!("figure checkers{name}_percent {:.1} % {CHECKED_RUNS}", shares[CHECKED_RUNS / 2]);
        }
    }

    fn go_on(world: &mut World, events: u64) {
        while world.event() < events && world.advance() {}
    }

    /// Instructions of an event, by the difference between a longer and a shorter run: the same on any machine. Not
    /// measured where there is no valgrind.
    pub fn instructions() {
        const EVENTS: [u64; 2] = [100_000, 300_000];
        let [Some(fewer), Some(more)] = EVENTS.map(instructions_of) else {
            return eprintln!("instructions_per_event is not measured: valgrind --tool=callgrind does not run here");
        };
        let of_one = (more - fewer) as f64 / (EVENTS[1] - EVENTS[0]) as f64;
        println!("figure instructions_per_event {of_one:.0} instructions 1");
    }

    /// What valgrind counts of this very program.
    fn instructions_of(events: u64) -> Option<u64> {
        let mut program = Command::new("valgrind");
        program.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe().ok()?);
        let output = program.env("LOGLAB_EVENTS", events.to_string()).output().ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let counted = said.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, count)| count.trim());
        counted?.parse().ok()
    }

    fn milliseconds(work: impl FnOnce()) -> f64 {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1e3
    }

    fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// A line of Linux's `/proc/self/status` in megabytes; 0 on other systems.
    fn status_mb(name: &str) -> f64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().find_map(|word| word.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
    }
}
