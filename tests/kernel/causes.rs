//! Every event names the event that caused it.

use loglab::sim::fault::Fault;
use loglab::sim::process::ProcessId;
use loglab::sim::queue::EventKind;
use proptest::prelude::*;

use super::cases::cases;

use super::{BankRun, bank};
use loglab::sim::SECOND;

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
            prop_assert!(event.cause < number, "event {number} is caused by {}", event.cause);
            let causer = usize::try_from(event.cause).ok().and_then(|cause| targets.get(cause.checked_sub(1)?).copied());
            match event.kind {
                EventKind::Boot => prop_assert_eq!(event.cause, 0, "the beginning has no cause"),
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
    assert_eq!((boot.target, boot.cause), (2, external));
}
