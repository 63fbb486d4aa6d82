//! Every event names the event that caused it.

use loglab::sim::fault::Fault;
use loglab::sim::process::ProcessId;
use loglab::sim::queue::EventKind;
use proptest::prelude::*;

use super::cases::cases;

use super::probe::{Number, reacting_probes, run_until};
use super::{BankRun, bank};
use loglab::sim::SECOND;
use loglab::sim::kernel::Kernel;
use loglab::sim::network::LinkSettings;
use loglab::sim::process::{Context, Input};

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn a_message_is_caused_by_an_event_of_its_sender_and_a_timer_by_one_of_its_owner(seed: u64) {
        let mut kernel = bank::open(seed);
        // To whom each event happened, from event 1.
        let mut targets: Vec<ProcessId> = vec![];
        while let Some(arrived) = kernel.step_until(8 * SECOND) {
            let event = arrived.event;
            let number = kernel.events();
            prop_assert!(event.cause() < number, "event {number} is caused by {}", event.cause());
            let causer = usize::try_from(event.cause()).ok().and_then(|cause| targets.get(cause.checked_sub(1)?).copied());
            match event.kind {
                EventKind::Boot => prop_assert_eq!(event.cause(), 0, "the beginning has no cause"),
                EventKind::Timer(_) => prop_assert_eq!(causer, Some(event.target)),
                EventKind::Delivery(connection, _) => {
                    prop_assert_eq!(causer, kernel.peer(connection, event.target));
                }
                _ => prop_assert!(causer.is_some()),
            }
            targets.push(event.target);
        }
        prop_assert!(targets.len() > 500);
    }

    #[test]
    fn causes_go_back_to_the_beginning_whatever_happens(seed: u64) {
        let mut run = BankRun::new(seed);
        let mut causes = vec![0];
        loop {
            let before = run.kernel.events();
            if !run.step() {
                break;
            }
            prop_assert_eq!(run.kernel.events(), before + 1, "one step is one event");
            causes.push(0);
        }
        prop_assert_eq!(causes.len() as u64, run.kernel.events() + 1);
    }
}

#[test]
fn a_restart_is_caused_by_the_event_after_which_it_was_ordered() {
    let mut kernel = bank::open(1);
    while kernel.step_until(SECOND).is_some() {}
    kernel.apply(Fault::Kill(2));
    kernel.schedule_external(2 * SECOND, 4);
    let external = loop {
        match kernel.step() {
            Some(arrived) if matches!(arrived.event.kind, EventKind::External(4)) => break kernel.events(),
            Some(_) => {}
            None => unreachable!("the external event comes"),
        }
    };
    kernel.apply(Fault::Restart(2));
    let boot = kernel.step().expect("the process begins").event;
    assert!(matches!(boot.kind, EventKind::Boot));
    assert_eq!((boot.target, boot.cause()), (2, external));
}

/// Process 0 sends a number at one second; process 1 answers a second later, because of the request and of its timer.
fn answers_late() -> Kernel<super::probe::Probe> {
    let begin = |context: &mut Context<'_, Number, ()>| context.set_timer(1, SECOND);
    reacting_probes(LinkSettings::default(), begin, |input, context| match (input, context.process()) {
        (Input::Timer(_), 0) => {
            let connection = context.connect(1);
            context.send(connection, Number(0));
        }
        (Input::Received { connection, .. }, 1) => {
            // The purpose of the timer is where the request arrived.
            context.set_timer(context.event() << 32 | connection.0, context.now() + SECOND);
        }
        (Input::Timer(purpose), 1) => {
            context.because(purpose >> 32);
            context.send(loglab::sim::network::ConnectionId(purpose & 0xffff_ffff), Number(1));
            context.send(loglab::sim::network::ConnectionId(purpose & 0xffff_ffff), Number(2));
        }
        _ => {}
    })
}

/// Every event of a run with its causes, those of a kind that is asked for.
fn deliveries(
    kernel: &mut Kernel<super::probe::Probe>,
    mut intervene: impl FnMut(&mut Kernel<super::probe::Probe>),
) -> Vec<(u64, Vec<u64>)> {
    let mut all = Vec::new();
    while let Some(arrived) = kernel.step_until(60 * SECOND) {
        if let EventKind::Delivery(..) = arrived.event.kind {
            all.push((kernel.events(), kernel.causes(&arrived.event).collect()));
        }
        intervene(kernel);
    }
    all
}

#[test]
fn what_waited_for_a_timer_is_caused_by_both_and_what_is_sent_next_by_the_timer_alone() {
    let all = deliveries(&mut answers_late(), |_| {});
    let [(request, _), (_, first), (_, second)] = &all[..] else { unreachable!("a request and two answers: {all:?}") };
    assert_eq!((first.len(), first[1], second.len()), (2, *request, 1));
    assert_eq!(first[0], second[0], "the timer");
}

#[test]
fn a_message_that_waited_for_a_heal_is_caused_by_its_send_and_by_the_heal() {
    let mut heal = 0;
    let mut kernel = answers_late();
    kernel.schedule_external(3 * SECOND / 2, 1);
    kernel.schedule_external(9 * SECOND, 2);
    let all = deliveries(&mut kernel, |kernel| match kernel.time() {
        time if time == 3 * SECOND / 2 => kernel.apply(Fault::Cut(1, 0)),
        time if time == 9 * SECOND && heal == 0 => {
            heal = kernel.events();
            kernel.apply(Fault::Heal(1, 0));
        }
        _ => {}
    });
    let [(request, _), (_, first), (_, second)] = &all[..] else { unreachable!("a request and two answers: {all:?}") };
    assert_eq!(first[1..], [*request, heal]);
    assert_eq!(second[1..], [heal]);
}

#[test]
fn a_message_that_waited_for_a_paused_process_is_seen_to_wait_and_is_caused_by_the_end_of_the_pause_too() {
    let mut kernel = answers_late();
    run_until(&mut kernel, SECOND / 2);
    kernel.apply(Fault::Pause(1));
    kernel.schedule_external(30 * SECOND, 1);
    let mut end = 0;
    let all = deliveries(&mut kernel, |kernel| {
        if kernel.time() == 30 * SECOND && end == 0 {
            end = kernel.events();
            kernel.apply(Fault::Resume(1));
        }
    });
    let [(waits, before), (taken, after), ..] = &all[..] else { unreachable!("it arrives and is taken: {all:?}") };
    assert!(*waits < end && end < *taken);
    assert_eq!((before.len(), &after[..]), (1, &[before[0], end][..]));
}
