//! What becomes of a message belongs to the message: it is drawn from its name, and what is decided for it stands under that name.

use loglab::sim::fates::Fate;
use loglab::sim::fault::{Fault, Held, MessageFault, NextMessage};
use loglab::sim::ids::MessageName;
use loglab::sim::kernel::Kernel;
use loglab::sim::network::LinkSettings;
use loglab::sim::process::{Context, Input, Process, ProcessId};
use loglab::sim::{MILLISECOND, SECOND, Time};

use super::probe::{Number, Probe, arrivals, heard, probes, run_until, ten_on_a_connection};

/// Tells all others a number every five milliseconds, whatever it hears.
#[derive(Clone, Debug, Default)]
struct Gossip {
    others: Vec<ProcessId>,
    connections: Vec<loglab::sim::ids::ConnectionId>,
    told: u64,
    /// When what came from whom.
    heard: Vec<(ProcessId, u64, Time)>,
}

impl Process for Gossip {
    type Message = Number;
    type Note = ();

    fn handle(&mut self, input: Input<Number>, context: &mut Context<'_, Number, ()>) {
        match input {
            Input::Boot { .. } => {
                self.connections = self.others.iter().map(|other| context.connect(*other)).collect();
                context.set_timer(1, context.now());
            }
            Input::Timer(_) => {
                for connection in &self.connections {
                    context.send(*connection, Number(self.told));
                }
                self.told += 1;
                context.set_timer(1, context.now() + 5 * MILLISECOND);
            }
            Input::Received { peer, message, .. } => self.heard.push((peer, message.0, context.now())),
            Input::Terminate => context.exit(),
            Input::Told(_) => unreachable!("nobody tells it anything"),
            Input::Connected { .. } | Input::Disconnected { .. } | Input::Written { .. } | Input::Datagram { .. } => {}
        }
    }

    fn reborn(&self) -> Self {
        Self { others: self.others.clone(), ..Self::default() }
    }
}

const GOSSIPS: ProcessId = 4;

fn gossips() -> Kernel<Gossip> {
    let links = LinkSettings { jitter_us: 3 * MILLISECOND, loss_ppm: 20_000, ..LinkSettings::default() };
    let gossip = |id| Gossip { others: (0..GOSSIPS).filter(|other| *other != id).collect(), ..Gossip::default() };
    Kernel::new(9, links, (0..GOSSIPS).map(gossip).collect())
}

#[test]
fn what_is_done_to_one_link_leaves_the_fates_on_all_others_alone() {
    let run = |faults: &[Fault]| {
        let mut kernel = gossips();
        run_until(&mut kernel, SECOND);
        faults.iter().for_each(|fault| kernel.apply(fault.clone()));
        run_until(&mut kernel, 5 * SECOND);
        kernel
    };
    let plain = run(&[]);
    let slow = LinkSettings { latency_us: 90 * MILLISECOND, loss_ppm: 300_000, ..LinkSettings::default() };
    for fault in [Fault::Cut(0, 1), Fault::SetLink(0, 1, slow), Fault::Clog(0, 1)] {
        let other = run(std::slice::from_ref(&fault));
        for id in 0..GOSSIPS {
            let without = |kernel: &Kernel<Gossip>| {
                let heard = kernel.process(id).heard.iter();
                heard.filter(|(from, ..)| (*from, id) != (0, 1)).copied().collect::<Vec<_>>()
            };
            assert!(without(&plain).len() > 1_000);
            assert_eq!(without(&plain), without(&other), "{fault:?}, process {id}");
        }
        assert_ne!(plain.process(1).heard, other.process(1).heard, "{fault:?}");
    }
}

fn name(ordinal: u32) -> MessageName {
    MessageName { from: 0, to: 1, kind: 0, ordinal }
}

fn ten() -> Kernel<Probe> {
    probes(LinkSettings { jitter_us: 400, ..LinkSettings::default() }, ten_on_a_connection)
}

#[test]
fn a_fate_that_is_decided_before_the_message_is_sent_takes_the_place_of_the_drawn_one() {
    let run = |fate: Fate| {
        let mut kernel = ten();
        kernel.set_fate(name(4), fate);
        run_until(&mut kernel, SECOND);
        kernel
    };
    let usual = run(Fate::default());
    assert_eq!(heard(&usual), (0..10).collect::<Vec<_>>());
    assert_eq!(usual.fates().count(), 0);
    assert_eq!(heard(&run(Fate { is_lost: true, ..Fate::default() })), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
    assert_eq!(heard(&run(Fate { is_repeated: true, ..Fate::default() })), [0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9]);
    let late = run(Fate { delay_us: Some(7_000), ..Fate::default() });
    assert_eq!(arrivals(&late)[3..], [7_500; 7], "those behind it wait for it");
    assert_eq!(arrivals(&late)[..3], arrivals(&usual)[..3]);
    let mut held = run(Fate { held_as: Some(Held::Message(name(4))), ..Fate::default() });
    assert_eq!(heard(&held), [0, 1, 2]);
    held.apply(Fault::Release(Held::Message(name(4))));
    run_until(&mut held, 2 * SECOND);
    assert_eq!(heard(&held), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_fate_that_is_taken_back_is_as_if_it_had_never_been_decided() {
    let mut kernel = ten();
    kernel.set_fate(name(4), Fate { is_lost: true, ..Fate::default() });
    assert_eq!(kernel.fates().collect::<Vec<_>>(), [(name(4), Fate { is_lost: true, ..Fate::default() })]);
    kernel.set_fate(name(4), Fate::default());
    run_until(&mut kernel, SECOND);
    assert_eq!((heard(&kernel), kernel.fates().count()), ((0..10).collect(), 0));
    let mut plain = ten();
    run_until(&mut plain, SECOND);
    assert_eq!(arrivals(&kernel), arrivals(&plain));
}

/// A name to hold something by.
fn under(ordinal: u32) -> Held {
    Held::Message(name(ordinal))
}

#[test]
fn what_is_done_to_a_message_by_hand_stands_in_the_list_and_the_list_does_it_again() {
    let mut by_hand = ten();
    run_until(&mut by_hand, 0);
    let fourth = by_hand.in_flight().into_iter().nth(3).cloned().expect("it is on its way");
    assert_eq!(by_hand.name_of(&fourth), Some(name(4)));
    by_hand.apply(Fault::Message(name(4), MessageFault::Lose));
    by_hand.apply(Fault::Next(NextMessage { from: None, to: Some(0), kind: 0, fault: MessageFault::Lose }));
    run_until(&mut by_hand, SECOND);
    let decided: Vec<_> = by_hand.fates().collect();
    assert_eq!(decided, [(name(4), Fate { is_lost: true, ..Fate::default() })], "nothing went to process 0");
    let mut from_the_list = ten();
    decided.iter().for_each(|(name, fate)| from_the_list.set_fate(*name, *fate));
    run_until(&mut from_the_list, SECOND);
    assert_eq!((heard(&by_hand), arrivals(&by_hand)), (heard(&from_the_list), arrivals(&from_the_list)));
}

#[test]
fn a_decision_about_a_message_that_is_on_its_way_meets_it_there() {
    let mut kernel = ten();
    run_until(&mut kernel, 0);
    kernel.set_fate(name(2), Fate { is_lost: true, ..Fate::default() });
    kernel.set_fate(name(7), Fate { held_as: Some(Held::Message(name(7))), ..Fate::default() });
    run_until(&mut kernel, SECOND);
    assert_eq!(heard(&kernel), [0, 2, 3, 4, 5]);
    kernel.apply(Fault::Release(Held::Message(name(7))));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!(heard(&kernel), [0, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_decision_about_a_message_that_waits_on_a_connection_meets_it_too() {
    let hold = || Fault::Fate(name(1), Fate { held_as: Some(under(9)), ..Fate::default() });
    let waits = [
        (Fault::Cut(0, 1), Fault::Heal(0, 1)),
        (Fault::Clog(0, 1), Fault::Heal(0, 1)),
        (hold(), Fault::Release(under(9))),
    ];
    for (stop, go_on) in waits {
        let mut kernel = ten();
        kernel.apply(stop.clone());
        run_until(&mut kernel, SECOND);
        assert!(heard(&kernel).is_empty(), "{stop:?}");
        kernel.set_fate(name(3), Fate { is_lost: true, ..Fate::default() });
        kernel.set_fate(name(5), Fate { is_repeated: true, ..Fate::default() });
        kernel.set_fate(name(8), Fate { held_as: Some(under(3)), ..Fate::default() });
        kernel.apply(go_on);
        run_until(&mut kernel, 2 * SECOND);
        assert_eq!(heard(&kernel), [0, 1, 3, 4, 4, 5, 6], "{stop:?}");
        kernel.apply(Fault::Release(under(3)));
        run_until(&mut kernel, 3 * SECOND);
        assert_eq!(heard(&kernel), [0, 1, 3, 4, 4, 5, 6, 7, 8, 9], "{stop:?}");
    }
}

#[test]
fn a_hold_of_a_message_that_waits_is_taken_back_before_it_goes_on() {
    let mut kernel = ten();
    kernel.apply(Fault::Cut(0, 1));
    run_until(&mut kernel, SECOND);
    kernel.set_fate(name(4), Fate { held_as: Some(under(3)), ..Fate::default() });
    kernel.apply(Fault::Release(under(3)));
    kernel.apply(Fault::Heal(0, 1));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!(heard(&kernel), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_decision_about_a_raw_message_that_waits_meets_it_too() {
    let sorted = |kernel: &Kernel<Probe>| {
        let mut heard = heard(kernel);
        heard.sort_unstable();
        heard
    };
    let mut kernel = probes(LinkSettings::default(), |context| {
        (0..5).for_each(|number| context.send_datagram(1, Number(number)));
    });
    kernel.apply(Fault::Clog(0, 1));
    run_until(&mut kernel, SECOND);
    kernel.set_fate(name(1), Fate { is_lost: true, ..Fate::default() });
    kernel.set_fate(name(2), Fate { is_repeated: true, ..Fate::default() });
    for ordinal in [3, 4, 5] {
        kernel.set_fate(name(ordinal), Fate { held_as: Some(under(ordinal)), ..Fate::default() });
    }
    kernel.apply(Fault::Heal(0, 1));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!(sorted(&kernel), [1, 1]);
    // Those that are held: one is lost after all, one held by another name.
    kernel.set_fate(name(4), Fate { is_lost: true, held_as: Some(under(4)), ..Fate::default() });
    kernel.set_fate(name(5), Fate { held_as: Some(under(6)), ..Fate::default() });
    [3, 4, 5].into_iter().for_each(|number| kernel.apply(Fault::Release(under(number))));
    run_until(&mut kernel, 3 * SECOND);
    assert_eq!(sorted(&kernel), [1, 1, 2]);
    kernel.apply(Fault::Release(under(6)));
    run_until(&mut kernel, 4 * SECOND);
    assert_eq!(sorted(&kernel), [1, 1, 2, 4]);
}
