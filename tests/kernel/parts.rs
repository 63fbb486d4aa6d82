//! Parts of a name, of a hash and of an end that each count: one-line bugs in them had gone unseen.

use bytes::Bytes;
use loglab::sim::fault::{Fault, Held, MessageFault, NextMessage};
use loglab::sim::ids::{MessageName, ProcessId};
use loglab::sim::kernel::{Kernel, Status};
use loglab::sim::network::LinkSettings;
use loglab::sim::process::{Context, Input, Process};
use loglab::sim::queue::EventKind;
use loglab::sim::{MILLISECOND, SECOND};

use super::probe::{Number, Probe, arrivals, heard, probes, reacting_probes, run_until, ten_on_a_connection};

/// Tells each of three others a number a millisecond, the first twice as often.
#[derive(Clone, Debug, Default)]
struct Caller {
    told: u64,
    /// The name of what reached it.
    heard: Vec<u64>,
}

impl Process for Caller {
    type Message = Number;
    type Note = ();

    fn handle(&mut self, input: Input<Number>, context: &mut Context<'_, Number, ()>) {
        match input {
            Input::Boot { .. } => context.set_timer(1, context.now()),
            Input::Timer(_) => {
                let me = context.process();
                for to in (0..3).filter(|to| *to != me && (*to != 2 || self.told.is_multiple_of(2))) {
                    context.send_datagram(to, Number(self.told % 90));
                    if self.told.is_multiple_of(3) {
                        context.send_datagram(to, Number(100));
                    }
                }
                self.told += 1;
                context.set_timer(1, context.now() + MILLISECOND);
            }
            Input::Datagram { message, .. } => self.heard.push(message.0),
            _ => {}
        }
    }

    fn reborn(&self) -> Self {
        Self::default()
    }
}

/// fates.rs. Ordinals that several links, senders or kinds count together: a message's name depends on what is sent elsewhere.
#[test]
fn the_ordinal_of_a_message_counts_its_kind_on_its_link_alone() {
    let mut kernel = Kernel::new(9, LinkSettings::default(), vec![Caller::default(); 3]);
    let mut counts = std::collections::BTreeMap::<(ProcessId, ProcessId, u32), u32>::new();
    while let Some(arrived) = kernel.step_until(50 * MILLISECOND) {
        let EventKind::Datagram(..) = arrived.event.kind else { continue };
        let MessageName { from, to, kind, ordinal } = kernel.name_of(&arrived.event).expect("it has just arrived");
        let count = counts.entry((from, to, kind)).or_default();
        *count += 1;
        assert_eq!(ordinal, *count, "from {from} to {to}, kind {kind}");
    }
    assert_eq!(counts.len(), 12);
}

/// fates.rs. Fates that do not depend on the receiver, the sender, the kind or the seed.
#[test]
fn each_link_each_kind_and_each_seed_has_fates_of_its_own() {
    let links = LinkSettings { jitter_us: 1 << 40, ..LinkSettings::default() };
    let delays = |seed| {
        let mut kernel = Kernel::new(seed, links, vec![Caller::default(); 3]);
        run_until(&mut kernel, 9 * MILLISECOND);
        let mut delays: Vec<(MessageName, u64)> = Vec::new();
        let events: Vec<_> = kernel.in_flight().into_iter().cloned().collect();
        for event in &events {
            delays.push((kernel.name_of(event).expect("it is on its way"), event.time - event.sent));
        }
        delays
    };
    let (one, other) = (delays(1), delays(2));
    assert!(one.len() > 40);
    let mut all: Vec<u64> = one.iter().chain(&other).map(|(_, delay)| *delay).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), one.len() + other.len(), "no two messages have one fate");
}

/// machines.rs. A kill that takes back what left at the same instant.
#[test]
fn what_left_before_a_kill_at_the_same_instant_arrives() {
    for fault in [Fault::Kill(0), Fault::LosePower(0)] {
        let mut kernel = probes(LinkSettings::default(), ten_on_a_connection);
        run_until(&mut kernel, 0);
        kernel.apply(fault);
        run_until(&mut kernel, SECOND);
        assert_eq!(heard(&kernel), (0..10).collect::<Vec<_>>());
    }
}

/// Process 1 makes what it is told durable, which takes its disk two seconds, and answers; its answers meet `fault`.
fn answer_meets(fault: Fault, raw: bool, undo: Fault, is_killed: bool) -> Vec<u64> {
    let begin = |context: &mut Context<'_, Number, ()>| context.set_timer(1, SECOND);
    let react: fn(&Input<Number>, &mut Context<'_, Number, ()>) = if raw { answers_raw } else { answers };
    let mut kernel = reacting_probes(LinkSettings::default(), begin, react);
    kernel.apply(Fault::SlowDisk(1, SECOND));
    run_until(&mut kernel, 100);
    kernel.apply(fault);
    run_until(&mut kernel, 2 * SECOND);
    if is_killed {
        kernel.apply(Fault::Kill(1));
    }
    run_until(&mut kernel, 9 * SECOND);
    kernel.apply(undo);
    run_until(&mut kernel, 20 * SECOND);
    kernel.process(0).heard.iter().map(|(_, number)| *number).collect()
}

fn work(context: &mut Context<'_, Number, ()>) {
    let disk = context.disk();
    let file = disk.create("record").expect("there is room and no such file");
    disk.append(file, Bytes::from_static(b"x")).expect("there is room");
    disk.flush(file);
}

fn answers(input: &Input<Number>, context: &mut Context<'_, Number, ()>) {
    match (input, context.process()) {
        (Input::Timer(1), 0) => {
            let connection = context.connect(1);
            context.send(connection, Number(7));
        }
        (&Input::Received { connection, .. }, 1) => {
            work(context);
            context.send(connection, Number(8));
        }
        _ => {}
    }
}

fn answers_raw(input: &Input<Number>, context: &mut Context<'_, Number, ()>) {
    match (input, context.process()) {
        (Input::Timer(1), 0) => context.send_datagram(1, Number(7)),
        (Input::Datagram { .. }, 1) => {
            work(context);
            context.send_datagram(0, Number(8));
        }
        _ => {}
    }
}

/// machines.rs. A kill that leaves what was not sent yet behind a clog or a cut, or held by hand.
#[test]
fn what_a_killed_process_had_not_sent_yet_is_not_sent_wherever_it_waits() {
    let next = NextMessage { from: Some(1), to: Some(0), kind: 0, fault: MessageFault::Hold };
    for raw in [false, true] {
        for (fault, undo) in [
            (Fault::Clog(1, 0), Fault::Heal(1, 0)),
            (Fault::Cut(1, 0), Fault::Heal(1, 0)),
            (Fault::Next(next), Fault::Release(next.name())),
        ] {
            let heard = |is_killed| answer_meets(fault.clone(), raw, undo.clone(), is_killed);
            let is_lost = raw && fault == Fault::Cut(1, 0);
            assert_eq!(heard(false), if is_lost { vec![] } else { vec![8] }, "{fault:?}, raw: {raw}");
            assert!(heard(true).is_empty(), "{fault:?}, raw: {raw}");
        }
    }
}

/// machines.rs. The next life that waits for a thread of the last one.
#[test]
fn a_new_life_does_not_wait_for_what_the_disk_did_for_the_last_one() {
    let mut kernel: Kernel<Probe> = reacting_probes(
        LinkSettings::default(),
        |_| {},
        |input, context| {
            if let (Input::Boot { .. }, 1) = (input, context.process()) {
                context.set_timer(1, context.now() + MILLISECOND);
                if context.now() == 0 {
                    work(context);
                }
            }
        },
    );
    kernel.apply(Fault::SlowDisk(1, SECOND));
    run_until(&mut kernel, 100 * MILLISECOND);
    kernel.apply(Fault::Kill(1));
    kernel.schedule_external(200 * MILLISECOND, 0);
    run_until(&mut kernel, 200 * MILLISECOND);
    kernel.apply(Fault::Restart(1));
    run_until(&mut kernel, SECOND / 2);
    assert_eq!((kernel.status(1), kernel.process(1).fired.len()), (Status::Running, 1));
}

/// instants.rs. What comes from outside at a time comes behind all else of it, the lowest number first.
#[test]
fn what_comes_from_outside_happens_after_all_else_of_its_time() {
    let mut kernel = probes(LinkSettings::default(), ten_on_a_connection);
    kernel.schedule_external(500, 3);
    kernel.schedule_external(500, 2);
    let mut kinds = Vec::new();
    while let Some(arrived) = kernel.step_until(500) {
        kinds.push(if let EventKind::External(number) = arrived.event.kind { number } else { 0 });
    }
    assert_eq!(arrivals(&kernel), [500; 10]);
    assert!(kinds.len() > 12 && kinds[..kinds.len() - 2].iter().all(|kind| *kind == 0), "{kinds:?}");
    assert_eq!(kinds[kinds.len() - 2..], [2, 3]);
}

/// causes.rs. Raw messages that waited for a heal or a release, of which only connections are tried.
#[test]
fn a_raw_message_that_waited_is_caused_by_what_sent_it_on_too() {
    let next = NextMessage { from: Some(0), to: Some(1), kind: 0, fault: MessageFault::Hold };
    let on_its_way = |kernel: &Kernel<Probe>| kernel.name_of(kernel.in_flight()[0]).expect("it is on its way");
    for way in 0..3 {
        let begin = |context: &mut Context<'_, Number, ()>| context.set_timer(1, MILLISECOND);
        let mut kernel = reacting_probes(LinkSettings::default(), begin, |input, context| {
            if let (Input::Timer(1), 0) = (input, context.process()) {
                context.send_datagram(1, Number(1));
            }
        });
        run_until(&mut kernel, 100);
        match way {
            0 => kernel.apply(Fault::Clog(0, 1)),
            1 => kernel.apply(Fault::Next(next)),
            _ => {}
        }
        run_until(&mut kernel, MILLISECOND);
        let timer = kernel.events();
        let held = if way == 2 { Held::Message(on_its_way(&kernel)) } else { next.name() };
        if let Held::Message(name) = held {
            kernel.apply(Fault::Message(name, MessageFault::Hold));
        }
        kernel.schedule_external(SECOND, 0);
        run_until(&mut kernel, SECOND);
        let outside = kernel.events();
        kernel.apply(if way == 0 { Fault::Heal(0, 1) } else { Fault::Release(held) });
        let arrived = kernel.step().expect("it goes on");
        assert!(matches!(arrived.event.kind, EventKind::Datagram(..)));
        assert_eq!(kernel.causes(&arrived.event).collect::<Vec<_>>(), [timer, outside], "way {way}");
    }
}

/// identity.rs. Each part of an event is in the hash, though it changes nothing else: its time, target, purpose, connection.
#[test]
fn each_part_of_an_event_is_part_of_a_run() {
    fn run(begin: fn(&mut Context<'_, Number, ()>)) -> u64 {
        let probe = Probe { begin, react: |_, _| {}, heard: Vec::new(), fired: Vec::new() };
        let mut kernel = Kernel::new(5, LinkSettings::default(), vec![probe.clone(), probe.clone(), probe]);
        run_until(&mut kernel, SECOND);
        kernel.hash()
    }
    let mut hashes = vec![
        run(|context| context.set_timer(1, 100)),
        run(|context| context.set_timer(2, 100)),
        run(|context| context.set_timer(1, 101)),
        run(|context| context.send_datagram(1, Number(1))),
        run(|context| context.send_datagram(2, Number(1))),
        run(|context| _ = context.connect(1)),
        run(|context| _ = context.connect(2)),
        run(|context| _ = (context.set_timer(1, 100), context.set_timer(1, 100))),
    ];
    let all = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), all);
}
