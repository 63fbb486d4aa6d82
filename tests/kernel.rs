//! The kernel by itself, with processes that know nothing of logs: a bank under faults, a counter that crashes, and probes.
#![cfg(not(target_family = "wasm"))]

mod bank;
mod cases;
#[path = "kernel/causes.rs"]
mod causes;
#[path = "kernel/counter.rs"]
mod counter;
#[path = "kernel/fates.rs"]
mod fates;
#[path = "kernel/identity.rs"]
mod identity;
#[path = "kernel/instants.rs"]
mod instants;
#[path = "kernel/machines.rs"]
mod machines;
#[path = "kernel/messages.rs"]
mod messages;
#[path = "kernel/parts.rs"]
mod parts;
#[path = "kernel/probe.rs"]
mod probe;
#[path = "kernel/streams.rs"]
mod streams;

use cases::cases;
use loglab::sim::fault::Fault;
use loglab::sim::kernel::{Kernel, Status};
use loglab::sim::network::LinkSettings;
use loglab::sim::process::Input;
use loglab::sim::random::{MILLION, Random};
use loglab::sim::{SECOND, Time};
use proptest::prelude::*;

use probe::{Number, arrivals, heard, hundred_datagrams, probes, reacting_probes, run_until, ten_on_a_connection};

/// A bank with a fault about every third of a second for ten seconds, then none any more.
#[derive(Clone)]
struct BankRun {
    kernel: Kernel<bank::Account>,
    random: Random,
    round: u64,
}

impl BankRun {
    const ROUNDS: u64 = 30;
    const END: Time = 200 * SECOND;

    fn new(seed: u64) -> Self {
        Self { kernel: bank::open(seed), random: Random::stream(seed, "faults of the bank", 0), round: 0 }
    }

    /// Lets the next event happen; false at the end.
    fn step(&mut self) -> bool {
        loop {
            let until = if self.round < Self::ROUNDS { (self.round + 1) * SECOND / 3 } else { Self::END };
            if self.kernel.step_until(until).is_some() {
                return true;
            }
            if self.round == Self::ROUNDS {
                return false;
            }
            self.round += 1;
            let fault = bank::draw_fault(&self.kernel, &mut self.random);
            self.kernel.apply(fault);
            if self.round == Self::ROUNDS {
                bank::recover(&mut self.kernel);
            }
        }
    }

    fn end(mut self) -> Kernel<bank::Account> {
        while self.step() {}
        self.kernel
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn no_money_is_made_or_lost_whatever_happens(seed: u64) {
        let money = bank::BEGIN * u64::from(bank::ACCOUNTS);
        let mut run = BankRun::new(seed);
        while run.step() {
            prop_assert_eq!(bank::total(&run.kernel), money);
        }
        let kernel = run.kernel;
        let held: u64 = (0..bank::ACCOUNTS).map(|id| kernel.process(id).balance).sum();
        prop_assert!((0..bank::ACCOUNTS).all(|id| kernel.process(id).open.is_empty()), "all is settled");
        prop_assert_eq!(held, money);
        prop_assert!((0..bank::ACCOUNTS).any(|id| kernel.process(id).credited.len() > 20));
    }

    #[test]
    fn the_same_seed_is_the_same_run(seed: u64) {
        let (once, again, other) = (BankRun::new(seed).end(), BankRun::new(seed).end(), BankRun::new(!seed).end());
        prop_assert_eq!((once.events(), once.hash()), (again.events(), again.hash()));
        prop_assert_ne!(once.hash(), other.hash());
    }

    #[test]
    fn a_snapshot_at_any_event_replays_to_the_straight_run(seed: u64, at in 0_u64..4_000) {
        let mut straight = BankRun::new(seed);
        while straight.kernel.events() < at && straight.step() {}
        let snapshot = straight.clone();
        let straight = straight.end();
        let replayed = snapshot.end();
        prop_assert_eq!((straight.events(), straight.hash()), (replayed.events(), replayed.hash()));
        let balances = |kernel: &Kernel<bank::Account>| (0..bank::ACCOUNTS).map(|id| kernel.process(id).balance).collect::<Vec<_>>();
        prop_assert_eq!(balances(&straight), balances(&replayed));
    }
}

#[test]
fn a_cancelled_timer_is_no_event() {
    let mut kernel = probes(LinkSettings::default(), |context| {
        context.set_timer(1, 1_000);
        context.set_timer(2, 2_000);
        context.cancel_timer(1);
    });
    run_until(&mut kernel, SECOND);
    assert_eq!(kernel.process(0).fired, [(2_000, 2)]);
    assert_eq!(kernel.events(), 3, "two processes began and one timer fired");
}

#[test]
fn a_timer_that_is_set_again_fires_once_and_at_its_last_time() {
    let mut kernel = probes(LinkSettings::default(), |context| {
        context.set_timer(1, 1_000);
        context.set_timer(1, 3_000);
        context.set_timer(2, 3_000);
        context.set_timer(2, 500);
        context.set_timer(3, 1_000);
        context.cancel_timer(3);
        context.set_timer(3, 4_000);
    });
    run_until(&mut kernel, SECOND);
    assert_eq!(kernel.process(0).fired, [(500, 2), (3_000, 1), (4_000, 3)]);
}

#[test]
fn timers_follow_the_drift_of_a_clock_and_timestamps_its_skew() {
    let mut kernel = reacting_probes(
        LinkSettings::default(),
        |context| context.send_datagram(1, Number(0)),
        |input, context| {
            if let Input::Datagram { .. } = input {
                context.set_timer(1, context.now() + 1_000_000);
            }
        },
    );
    kernel.apply(Fault::Skew(1, 7_000_000));
    kernel.apply(Fault::Drift(1, 250_000));
    run_until(&mut kernel, 10 * SECOND);
    assert_eq!(kernel.time(), 500 + 800_000, "a clock that is a quarter fast: a second is over after 0.8");
    assert_eq!(kernel.process(1).fired, [(7_000_000 + (500 + 800_000) * 5 / 4, 1)]);
}

#[test]
fn timers_that_are_set_follow_a_clock_whose_rate_changes() {
    // Ten seconds on the machine's clock, which runs at half the rate from the fourth second on, and at twice it from the sixth.
    let mut kernel = probes(LinkSettings::default(), |context| {
        context.set_timer(1, 10 * SECOND);
        context.set_timer(2, 3 * SECOND);
    });
    run_until(&mut kernel, 3 * SECOND);
    for (at, drift) in [(4 * SECOND, -500_000), (6 * SECOND, 1_000_000)] {
        kernel.schedule_external(at, 0);
        run_until(&mut kernel, at);
        kernel.apply(Fault::Drift(0, drift));
    }
    run_until(&mut kernel, 60 * SECOND);
    assert_eq!(kernel.process(0).fired, [(3 * SECOND, 2), (10 * SECOND, 1)]);
    assert_eq!(kernel.time(), 6 * SECOND + 5 * SECOND / 2, "4 s, 1 s in two, and 5 s in two and a half");
}

#[test]
fn a_process_that_is_told_to_end_ends_once_it_hears_it() {
    let begin = |context: &mut loglab::sim::process::Context<'_, Number, ()>| context.set_timer(1, 5 * SECOND);
    let mut kernel = reacting_probes(LinkSettings::default(), begin, |input, context| {
        if let Input::Terminate = input {
            context.exit();
        }
    });
    run_until(&mut kernel, SECOND);
    kernel.apply(Fault::Pause(0));
    kernel.apply(Fault::Terminate(0));
    kernel.apply(Fault::Terminate(1));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!((kernel.status(0), kernel.status(1)), (Status::Paused, Status::Killed));
    kernel.apply(Fault::Resume(0));
    run_until(&mut kernel, 10 * SECOND);
    assert_eq!(kernel.status(0), Status::Killed);
    assert!(kernel.process(0).fired.is_empty());
    kernel.apply(Fault::Terminate(0));
    kernel.apply(Fault::Restart(0));
    run_until(&mut kernel, 20 * SECOND);
    assert_eq!(kernel.status(0), Status::Running, "what the dead were told the living do not hear");
}

#[test]
fn a_slow_disk_keeps_its_process_from_the_next_message() {
    let mut kernel = reacting_probes(LinkSettings::default(), ten_on_a_connection, |input, context| {
        if let Input::Received { .. } = input {
            let disk = context.disk();
            if let Some(file) = disk.open("file").or_else(|| disk.create("file").ok()) {
                let written = disk.append(file, bytes::Bytes::from_static(b"x"));
                assert_eq!(written, Ok(()));
            }
        }
    });
    kernel.apply(Fault::SlowDisk(1, 10_000));
    run_until(&mut kernel, SECOND);
    let times = arrivals(&kernel);
    assert_eq!(heard(&kernel), (0..10).collect::<Vec<_>>());
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 10_000), "{times:?}");
}

#[test]
fn a_paused_process_reads_what_came_and_then_learns_that_its_peer_is_gone() {
    let mut kernel = reacting_probes(LinkSettings::default(), ten_on_a_connection, |input, context| {
        if let Input::Disconnected { peer, .. } = input {
            context.set_timer(u64::from(*peer), context.now());
        }
    });
    run_until(&mut kernel, 0);
    kernel.apply(Fault::Pause(1));
    run_until(&mut kernel, 100_000);
    kernel.apply(Fault::Kill(0));
    run_until(&mut kernel, SECOND);
    assert!(heard(&kernel).is_empty());
    kernel.apply(Fault::Resume(1));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!(heard(&kernel), (0..10).collect::<Vec<_>>());
    assert_eq!(kernel.process(1).fired.iter().map(|(_, peer)| *peer).collect::<Vec<_>>(), [0]);
}

#[test]
fn raw_messages_are_lost_doubled_and_overtaken_as_the_link_says() {
    let run = |links| {
        let mut kernel = probes(links, hundred_datagrams);
        run_until(&mut kernel, SECOND);
        heard(&kernel)
    };
    let plain = LinkSettings::default();
    assert_eq!(run(plain), (0..100).collect::<Vec<_>>());
    assert!((50..90).contains(&run(LinkSettings { loss_ppm: 300_000, ..plain }).len()));
    assert!(run(LinkSettings { loss_ppm: MILLION, ..plain }).is_empty());
    assert_eq!(run(LinkSettings { duplicate_ppm: MILLION, ..plain }).len(), 200);
    let overtaken = run(LinkSettings { reorder_ppm: 200_000, ..plain });
    assert_eq!(overtaken.len(), 100);
    assert!(!overtaken.is_sorted());
}

#[test]
fn a_cut_of_one_direction_leaves_the_other() {
    let mut kernel = reacting_probes(LinkSettings::default(), hundred_datagrams, |input, context| {
        if let (Input::Boot { .. }, 1) = (input, context.process()) {
            context.send_datagram(0, Number(77));
        }
    });
    kernel.apply(Fault::Cut(0, 1));
    run_until(&mut kernel, SECOND);
    assert!(heard(&kernel).is_empty());
    assert_eq!(kernel.process(0).heard, [(500, 77)]);
}

#[test]
fn bandwidth_spaces_messages_by_their_size() {
    let links = LinkSettings { bandwidth_bytes_per_s: 1_000, ..LinkSettings::default() };
    let mut kernel = probes(links, ten_on_a_connection);
    run_until(&mut kernel, 20 * SECOND);
    let times = arrivals(&kernel);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == SECOND / 2), "{times:?}");
}

#[test]
fn a_snapshot_shares_the_processes_that_did_not_change_since() {
    let mut kernel = bank::open(1);
    run_until(&mut kernel, SECOND);
    let snapshot = kernel.clone();
    let shared = |kernel: &Kernel<bank::Account>| {
        (0..bank::ACCOUNTS).filter(|id| std::ptr::eq(kernel.process(*id), snapshot.process(*id))).count()
    };
    assert_eq!(shared(&kernel), bank::ACCOUNTS as usize);
    kernel.step();
    assert_eq!(shared(&kernel), bank::ACCOUNTS as usize - 1, "one event changes one process");
}

#[test]
fn a_process_that_exits_is_gone_behind_what_it_sent_and_can_be_restarted() {
    let mut kernel = reacting_probes(LinkSettings::default(), ten_on_a_connection, |input, context| {
        if let Input::Received { connection, message, .. } = input
            && message.0 == 3
        {
            context.set_timer(1, context.now() + SECOND);
            context.send(*connection, Number(77));
            context.exit();
        }
    });
    run_until(&mut kernel, 10 * SECOND);
    assert_eq!(kernel.status(1), Status::Killed);
    assert_eq!(kernel.process(0).heard.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [77]);
    let exited: Vec<_> = kernel.drain_exited().map(|(id, probe)| (id, probe.heard.len())).collect();
    assert_eq!(exited, [(1, 4)], "the fourth message was its last");
    kernel.apply(Fault::Restart(1));
    run_until(&mut kernel, 20 * SECOND);
    assert_eq!((kernel.status(1), kernel.incarnation(1)), (Status::Running, 2));
    assert_eq!((heard(&kernel), kernel.process(1).fired.len()), (vec![], 0), "its memory and its timers are gone");
}
