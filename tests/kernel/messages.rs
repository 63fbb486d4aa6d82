//! Single messages that are held, lost or doubled by hand, and links that are cut or clogged.

use loglab::sim::fault::{Fault, Held, MessageFault, NextMessage};
use loglab::sim::ids::MessageName;
use loglab::sim::kernel::Kernel;
use loglab::sim::network::{ConnectionId, LinkSettings};
use loglab::sim::process::Input;
use loglab::sim::queue::EventKind;
use loglab::sim::{SECOND, Time};

use super::probe::{Number, Probe, arrivals, heard, probes, reacting_probes, run_until, ten_on_a_connection};

/// Ten messages of 500 bytes that leave one after the other, a millisecond apart.
fn ten_one_after_the_other() -> Kernel<Probe> {
    let links = LinkSettings { bandwidth_bytes_per_s: 500_000, ..LinkSettings::default() };
    let mut kernel = probes(links, ten_on_a_connection);
    run_until(&mut kernel, 600);
    kernel
}

/// The name of a message that is on its way.
fn on_its_way(kernel: &Kernel<Probe>, number: u64) -> MessageName {
    let of = |kind: &EventKind<Number>| match kind {
        EventKind::Delivery(_, message) | EventKind::Datagram(_, message) => message.0 == number,
        _ => false,
    };
    let event = kernel.in_flight().into_iter().find(|event| of(&event.kind)).expect("it is on its way");
    kernel.name_of(event).expect("a message has a name")
}

fn next(kind: u32, fault: MessageFault) -> Fault {
    Fault::Next(NextMessage { from: Some(0), to: Some(1), kind, fault })
}

fn release_next(kind: u32) -> Fault {
    Fault::Release(Held::Next { from: Some(0), to: Some(1), kind })
}

/// Does something at this very time: without an event, the kernel's time is that of the one before.
fn apply_at(kernel: &mut Kernel<Probe>, time: Time, fault: Fault) {
    run_until(kernel, time - 1);
    kernel.schedule_external(time, 0);
    kernel.step();
    kernel.apply(fault);
}

fn up_to(end: u64) -> Vec<u64> {
    (0..end).collect()
}

#[test]
fn a_held_message_holds_back_those_behind_it_and_they_arrive_in_order() {
    let mut kernel = ten_one_after_the_other();
    let fourth = on_its_way(&kernel, 4);
    kernel.apply(Fault::Message(fourth, MessageFault::Hold));
    assert!(kernel.in_flight().iter().all(|event| kernel.name_of(event) != Some(fourth)), "it waits");
    assert!(kernel.is_under_way(fourth));
    run_until(&mut kernel, SECOND);
    assert_eq!(heard(&kernel), up_to(4));
    kernel.apply(Fault::Release(Held::Message(fourth)));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!(heard(&kernel), up_to(10));
}

#[test]
fn what_is_released_into_a_cut_waits_for_it_to_heal() {
    let mut kernel = ten_one_after_the_other();
    let fifth = on_its_way(&kernel, 5);
    kernel.apply(Fault::Message(fifth, MessageFault::Hold));
    run_until(&mut kernel, SECOND / 2);
    kernel.apply(Fault::Cut(0, 1));
    run_until(&mut kernel, SECOND);
    assert_eq!(heard(&kernel), up_to(5));
    kernel.apply(Fault::Release(Held::Message(fifth)));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!(heard(&kernel), up_to(5));
    kernel.apply(Fault::Heal(0, 1));
    run_until(&mut kernel, 3 * SECOND);
    assert_eq!(heard(&kernel), up_to(10));
}

#[test]
fn a_message_that_is_held_while_others_wait_for_a_clog_goes_before_them() {
    let mut kernel = reacting_probes(
        LinkSettings::default(),
        |context| {
            let connection: ConnectionId = context.connect(1);
            context.send(connection, Number(0));
            context.set_timer(connection.0, 800);
        },
        |input, context| {
            if let (&Input::Timer(connection), 0) = (input, context.process()) {
                (1..5).for_each(|number| context.send(ConnectionId(connection), Number(number)));
            }
        },
    );
    kernel.apply(Fault::SetLink(0, 1, LinkSettings { latency_us: 5_000, ..LinkSettings::default() }));
    run_until(&mut kernel, 700);
    let first = on_its_way(&kernel, 0);
    kernel.apply(Fault::Clog(0, 1));
    run_until(&mut kernel, 900);
    kernel.apply(Fault::Message(first, MessageFault::Hold));
    kernel.apply(Fault::Heal(0, 1));
    run_until(&mut kernel, SECOND);
    assert!(heard(&kernel).is_empty());
    kernel.apply(Fault::Release(Held::Message(first)));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!(heard(&kernel), up_to(5));
}

#[test]
fn a_lost_message_is_missing_and_those_behind_it_arrive() {
    let mut kernel = ten_one_after_the_other();
    kernel.apply(Fault::Message(on_its_way(&kernel, 4), MessageFault::Lose));
    run_until(&mut kernel, SECOND);
    assert_eq!(heard(&kernel), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
}

#[test]
fn a_repeated_message_arrives_twice() {
    let mut kernel = ten_one_after_the_other();
    kernel.apply(Fault::Message(on_its_way(&kernel, 4), MessageFault::Repeat));
    run_until(&mut kernel, SECOND);
    assert_eq!(heard(&kernel), [0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_name_that_no_message_has_changes_nothing() {
    let mut kernel = ten_one_after_the_other();
    let nobody = MessageName { kind: 9, ..on_its_way(&kernel, 4) };
    for fault in [MessageFault::Hold, MessageFault::Lose, MessageFault::Repeat] {
        kernel.apply(Fault::Message(nobody, fault));
    }
    kernel.apply(Fault::Release(Held::Message(nobody)));
    run_until(&mut kernel, SECOND);
    assert_eq!(heard(&kernel), up_to(10));
}

#[test]
fn a_message_that_is_still_to_come_meets_what_is_said_of_it() {
    let name = |ordinal| MessageName { from: 0, to: 1, kind: 0, ordinal };
    let run = |faults: &[Fault]| {
        let mut kernel = probes(LinkSettings::default(), ten_on_a_connection);
        assert!(!kernel.has_sent(name(4)));
        faults.iter().for_each(|fault| kernel.apply(fault.clone()));
        run_until(&mut kernel, SECOND);
        assert!(kernel.has_sent(name(10)) && !kernel.has_sent(name(11)));
        heard(&kernel)
    };
    assert_eq!(run(&[Fault::Message(name(4), MessageFault::Lose)]), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
    let hold = Fault::Message(name(4), MessageFault::Hold);
    assert_eq!(run(std::slice::from_ref(&hold)), up_to(3));
    assert_eq!(run(&[hold, Fault::Release(Held::Message(name(4)))]), up_to(10), "it is not held any more");
}

#[test]
fn the_next_message_of_a_kind_is_lost_doubled_or_held() {
    // Numbers from 100 on are of kind 1.
    let begin = |context: &mut loglab::sim::process::Context<'_, Number, ()>| {
        let connection = context.connect(1);
        [0, 100, 101, 1].into_iter().for_each(|number| context.send(connection, Number(number)));
    };
    let run = |faults: &[Fault]| {
        let mut kernel = probes(LinkSettings::default(), begin);
        faults.iter().for_each(|fault| kernel.apply(fault.clone()));
        run_until(&mut kernel, SECOND);
        kernel
    };
    assert_eq!(heard(&run(&[next(1, MessageFault::Lose)])), [0, 101, 1]);
    assert_eq!(heard(&run(&[next(1, MessageFault::Repeat)])), [0, 100, 100, 101, 1]);
    assert_eq!(heard(&run(&[next(2, MessageFault::Lose)])), [0, 100, 101, 1], "no message is of kind 2");
    let from_the_other = NextMessage { from: Some(1), to: None, kind: 1, fault: MessageFault::Lose };
    assert_eq!(heard(&run(&[Fault::Next(from_the_other)])), [0, 100, 101, 1]);
    let mut held = run(&[next(1, MessageFault::Hold)]);
    assert_eq!(heard(&held), [0]);
    held.apply(release_next(1));
    run_until(&mut held, 2 * SECOND);
    assert_eq!(heard(&held), [0, 100, 101, 1]);
    let taken_back = run(&[next(1, MessageFault::Hold), release_next(1)]);
    assert_eq!(heard(&taken_back), [0, 100, 101, 1], "a fault that is released before its message came is no more");
}

#[test]
fn a_raw_message_is_held_alone() {
    let mut kernel = probes(LinkSettings::default(), |context| {
        (0..4).for_each(|number| context.send_datagram(1, Number(number)));
    });
    run_until(&mut kernel, 100);
    let second = on_its_way(&kernel, 1);
    kernel.apply(Fault::Message(second, MessageFault::Hold));
    run_until(&mut kernel, SECOND);
    assert_eq!(heard(&kernel), [0, 2, 3]);
    kernel.apply(Fault::Release(Held::Message(second)));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!(heard(&kernel), [0, 2, 3, 1]);
}

#[test]
fn the_end_of_a_process_that_is_held_back_is_noticed_after_what_is_released() {
    let mut kernel = reacting_probes(LinkSettings::default(), ten_on_a_connection, |input, context| {
        if let Input::Disconnected { .. } = input {
            context.set_timer(1, context.now());
        }
    });
    run_until(&mut kernel, 100);
    let third = on_its_way(&kernel, 3);
    kernel.apply(Fault::Message(third, MessageFault::Hold));
    kernel.apply(Fault::Kill(0));
    run_until(&mut kernel, SECOND);
    assert_eq!((heard(&kernel), kernel.process(1).fired.len()), (up_to(3), 0));
    kernel.apply(Fault::Release(Held::Message(third)));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!((heard(&kernel), kernel.process(1).fired.len()), (up_to(10), 1));
}

/// A connection and raw messages each way; who is told of an end sets a timer.
fn talking_both_ways() -> Kernel<Probe> {
    reacting_probes(
        LinkSettings::default(),
        |context| {
            context.set_timer(0, 2_000);
        },
        |input, context| match (input, context.process()) {
            (Input::Timer(0), _) => {
                let connection = context.connect(1);
                (0..3).for_each(|number| context.send(connection, Number(number)));
                (3..6).for_each(|number| context.send_datagram(1, Number(number)));
            }
            (&Input::Connected { connection, .. }, 1) => context.send(connection, Number(9)),
            (Input::Disconnected { .. }, _) => context.set_timer(7, context.now()),
            _ => {}
        },
    )
}

#[test]
fn a_clogged_link_delays_everything_and_loses_nothing() {
    const LONG: Time = 5_000 * SECOND;
    let mut kernel = talking_both_ways();
    run_until(&mut kernel, 1_000);
    kernel.apply(Fault::Clog(0, 1));
    assert_eq!(kernel.cuts().collect::<Vec<_>>(), [(0, 1)]);
    run_until(&mut kernel, LONG - 1);
    assert!(heard(&kernel).is_empty());
    apply_at(&mut kernel, LONG, Fault::Heal(0, 1));
    run_until(&mut kernel, 2 * LONG);
    let mut all = heard(&kernel);
    all.sort_unstable();
    assert_eq!(all, up_to(6));
    assert!(arrivals(&kernel).iter().all(|time| *time >= LONG));
    let ends = |id| kernel.process(id).fired.iter().filter(|(_, purpose)| *purpose == 7).count();
    assert_eq!((ends(0), ends(1)), (0, 0), "nobody gave up");
}

#[test]
fn a_clog_that_becomes_a_cut_loses_raw_messages_and_is_given_up() {
    let mut kernel = talking_both_ways();
    run_until(&mut kernel, 1_000);
    kernel.apply(Fault::Clog(0, 1));
    apply_at(&mut kernel, SECOND, Fault::Cut(0, 1));
    apply_at(&mut kernel, 5_000 * SECOND, Fault::Heal(0, 1));
    run_until(&mut kernel, 6_000 * SECOND);
    assert!(heard(&kernel).is_empty());
    assert_eq!(kernel.process(0).fired.iter().filter(|(_, purpose)| *purpose == 7).count(), 1);
}

#[test]
fn a_partition_of_both_ways_is_noticed_on_both_sides_that_have_something_to_say() {
    let mut kernel = reacting_probes(
        LinkSettings::default(),
        |context| _ = context.connect(1),
        |input, context| match input {
            Input::Connected { connection, .. } => context.set_timer(connection.0, 10_000),
            &Input::Timer(connection) => context.send(ConnectionId(connection), Number(connection)),
            Input::Disconnected { .. } => context.set_timer(1 << 40, context.now()),
            _ => {}
        },
    );
    run_until(&mut kernel, 5_000);
    kernel.apply(Fault::Cut(0, 1));
    kernel.apply(Fault::Cut(1, 0));
    run_until(&mut kernel, 2_000 * SECOND);
    for id in [0, 1] {
        let told: Vec<Time> =
            kernel.process(id).fired.iter().filter(|(_, purpose)| *purpose == 1 << 40).map(|(time, _)| *time).collect();
        assert!(matches!(told[..], [time] if time > 900 * SECOND), "process {id}: {told:?}");
    }
    assert!(heard(&kernel).is_empty());
}

#[test]
fn the_fate_of_a_message_is_drawn_when_it_is_sent() {
    let links = LinkSettings { jitter_us: 90_000, loss_ppm: 200_000, ..LinkSettings::default() };
    let run = |later: Option<LinkSettings>| {
        let mut kernel = probes(links, ten_on_a_connection);
        run_until(&mut kernel, 0);
        if let Some(settings) = later {
            kernel.apply(Fault::SetLink(0, 1, settings));
        }
        run_until(&mut kernel, 60 * SECOND);
        arrivals(&kernel)
    };
    let drawn = run(None);
    assert_eq!(drawn.len(), 10);
    assert_eq!(drawn, run(Some(LinkSettings { latency_us: 9_000_000, loss_ppm: 900_000, ..links })));
}

#[test]
fn a_machine_that_stays_without_power_is_given_up_by_those_that_send_to_it() {
    let mut kernel = talking_both_ways();
    kernel.apply(Fault::LosePower(1));
    run_until(&mut kernel, 2_000 * SECOND);
    let told: Vec<Time> =
        kernel.process(0).fired.iter().filter(|(_, purpose)| *purpose == 7).map(|(at, _)| *at).collect();
    assert!(matches!(told[..], [time] if time < 128 * SECOND), "it asked for a connection: {told:?}");
    let mut kernel = talking_both_ways();
    run_until(&mut kernel, 2_600);
    kernel.apply(Fault::LosePower(1));
    run_until(&mut kernel, 2_000 * SECOND);
    let told: Vec<Time> =
        kernel.process(0).fired.iter().filter(|(_, purpose)| *purpose == 7).map(|(at, _)| *at).collect();
    assert!(told.is_empty(), "it had nothing more to say, so it does not know: {told:?}");
}

#[test]
fn a_machine_that_gets_power_again_takes_the_connection_that_was_asked_for_meanwhile() {
    let mut kernel = talking_both_ways();
    kernel.apply(Fault::LosePower(1));
    apply_at(&mut kernel, 60 * SECOND, Fault::Restart(1));
    run_until(&mut kernel, 61 * SECOND);
    assert_eq!(heard(&kernel), up_to(3), "raw messages are gone");
    assert!(arrivals(&kernel).iter().all(|time| *time >= 60 * SECOND));
}
