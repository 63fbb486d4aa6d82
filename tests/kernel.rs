//! The kernel by itself, with processes that know nothing of logs: a bank under faults, and probes.
#![cfg(not(target_family = "wasm"))]

mod bank;

use loglab::sim::clock::Clock;
use loglab::sim::fault::Fault;
use loglab::sim::hash::RunHash;
use loglab::sim::kernel::Kernel;
use loglab::sim::network::{ConnectionId, LinkSettings};
use loglab::sim::process::{Context, Input, Message, Process};
use loglab::sim::queue::EventKind;
use loglab::sim::random::{MILLION, Random};
use loglab::sim::{SECOND, Time};
use proptest::prelude::*;

fn run_until<P: Process>(kernel: &mut Kernel<P>, time: Time) {
    while kernel.step_until(time).is_some() {}
}

/// A bank with a fault about every third of a second for ten seconds; `check` sees it after each event.
fn run_bank(seed: u64, mut check: impl FnMut(&Kernel<bank::Account>)) -> Kernel<bank::Account> {
    let mut kernel = bank::open(seed);
    let mut random = Random::stream(seed, "faults of the bank", 0);
    for round in 1..=30 {
        while kernel.step_until(round * SECOND / 3).is_some() {
            check(&kernel);
        }
        let fault = bank::draw_fault(&kernel, &mut random);
        kernel.apply(fault);
    }
    bank::recover(&mut kernel);
    run_until(&mut kernel, 200 * SECOND);
    kernel
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_money_is_made_or_lost_whatever_happens(seed: u64) {
        let money = bank::BEGIN * u64::from(bank::ACCOUNTS);
        let kernel = run_bank(seed, |kernel| assert_eq!(bank::total(kernel), money));
        let held: u64 = (0..bank::ACCOUNTS).map(|id| kernel.process(id).balance).sum();
        prop_assert!((0..bank::ACCOUNTS).all(|id| kernel.process(id).open.is_empty()), "all is settled");
        prop_assert_eq!(held, money);
        prop_assert!((0..bank::ACCOUNTS).any(|id| kernel.process(id).credited.len() > 20));
    }

    #[test]
    fn a_snapshot_at_any_event_goes_on_as_the_straight_run(seed: u64, at in 1_u64..2_000) {
        let straight = run_bank(seed, |_| {});
        let mut snapshot = None;
        let again = run_bank(seed, |kernel| {
            if kernel.events() == at {
                snapshot = Some(kernel.clone());
            }
        });
        prop_assert_eq!((straight.events(), straight.hash()), (again.events(), again.hash()));
        // The snapshot goes on without the faults that came later; so does another of the same instant.
        let mut one = snapshot.expect("the run is longer");
        let mut other = one.clone();
        run_until(&mut one, 8 * SECOND);
        while other.step_until(8 * SECOND).is_some() {
            other = other.clone();
        }
        prop_assert_eq!((one.events(), one.hash()), (other.events(), other.hash()));
    }
}

#[derive(Debug)]
struct Number(u64);

impl Message for Number {
    fn size_bytes(&self) -> u32 {
        500
    }
    fn fold(&self, hash: &mut RunHash) {
        hash.fold(self.0);
    }
}

/// Process 0 acts as it is told when it begins, process 1 remembers what reaches it.
#[derive(Clone)]
struct Probe {
    begin: fn(&mut Context<'_, Number, ()>),
    react: fn(&Input<Number>, &mut Context<'_, Number, ()>),
    heard: Vec<(Time, u64)>,
    fired: Vec<(Time, u64)>,
}

impl Process for Probe {
    type Message = Number;
    type Note = ();

    fn handle(&mut self, input: Input<Number>, context: &mut Context<'_, Number, ()>) {
        (self.react)(&input, context);
        match input {
            Input::Boot { .. } if context.process() == 0 => (self.begin)(context),
            Input::Received { message, .. } | Input::Datagram { message, .. } => {
                self.heard.push((context.now(), message.0));
            }
            Input::Timer(purpose) => self.fired.push((context.wall_clock(), purpose)),
            _ => {}
        }
    }

    fn reborn(&self) -> Self {
        Self { heard: Vec::new(), fired: Vec::new(), ..self.clone() }
    }
}

fn probes(links: LinkSettings, begin: fn(&mut Context<'_, Number, ()>)) -> Kernel<Probe> {
    reacting_probes(links, begin, |_, _| {})
}

fn reacting_probes(
    links: LinkSettings,
    begin: fn(&mut Context<'_, Number, ()>),
    react: fn(&Input<Number>, &mut Context<'_, Number, ()>),
) -> Kernel<Probe> {
    let probe = Probe { begin, react, heard: Vec::new(), fired: Vec::new() };
    Kernel::new(5, links, vec![probe.clone(), probe])
}

fn ten_on_a_connection(context: &mut Context<'_, Number, ()>) {
    let connection = context.connect(1);
    (0..10).for_each(|number| context.send(connection, Number(number)));
}

fn hundred_datagrams(context: &mut Context<'_, Number, ()>) {
    (0..100).for_each(|number| context.send_datagram(1, Number(number)));
}

fn heard(kernel: &Kernel<Probe>) -> Vec<u64> {
    kernel.process(1).heard.iter().map(|(_, number)| *number).collect()
}

fn arrivals(kernel: &Kernel<Probe>) -> Vec<Time> {
    kernel.process(1).heard.iter().map(|(time, _)| *time).collect()
}

#[test]
fn draws_of_a_process_leave_the_networks_draws_alone() {
    let links = LinkSettings { jitter_us: 5_000, ..LinkSettings::default() };
    let mut plain = probes(links, ten_on_a_connection);
    let mut drawing = reacting_probes(links, ten_on_a_connection, |_, context| {
        (0..9).for_each(|_| _ = context.random().next_u64());
    });
    run_until(&mut plain, SECOND);
    run_until(&mut drawing, SECOND);
    assert_eq!(arrivals(&plain), arrivals(&drawing));
}

#[test]
fn a_held_message_holds_back_those_behind_it_and_they_arrive_in_order() {
    let links = LinkSettings { bandwidth_bytes_per_s: 500_000, ..LinkSettings::default() };
    let mut kernel = probes(links, ten_on_a_connection);
    run_until(&mut kernel, 600);
    let fourth = kernel.in_flight().into_iter().find_map(|event| match &event.kind {
        EventKind::Delivery(connection, message) if message.0 == 4 => Some((event.sequence, *connection)),
        _ => None,
    });
    let (sequence, connection): (u64, ConnectionId) = fourth.expect("it is on its way");
    assert!(kernel.hold(sequence));
    assert!(!kernel.hold(sequence), "it is on its way no more");
    run_until(&mut kernel, SECOND);
    assert_eq!(heard(&kernel), [0, 1, 2, 3]);
    kernel.release_held(connection, 1);
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!(heard(&kernel), (0..10).collect::<Vec<_>>());
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
    kernel.apply(Fault::SetClock(1, Clock { skew_us: 7_000_000, drift_ppm: 250_000 }));
    run_until(&mut kernel, 10 * SECOND);
    assert_eq!(kernel.time(), 500 + 800_000, "a clock that is a quarter fast: a second is over after 0.8");
    assert_eq!(kernel.process(1).fired, [(7_000_000 + (500 + 800_000) * 5 / 4, 1)]);
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
