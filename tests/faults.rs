//! Faults of scenarios that strike one message, a whole link or the controller, and what clients and checkers make of them.
#![cfg(not(target_family = "wasm"))]

mod shop;

use std::sync::Arc;

use loglab::lab::runner;
use loglab::lab::scenario::{Command, FailedSends, FindingKind, RunReport, Scenario};
use loglab::lab::session::Session;
use loglab::lab::timeline::Replay;
use loglab::lab::world::World;
use loglab::sim::queue::EventKind;

fn scenario(producer_config: &str, more: &str) -> Arc<Scenario> {
    let producer = format!("rate = \"20/s\"\nconfig = {{ \"request.timeout.ms\" = 2000, {producer_config} }}");
    shop::scenario("config = { \"min.insync.replicas\" = 2 }", &producer, more)
}

fn run(producer_config: &str, more: &str) -> RunReport {
    runner::run(&scenario(producer_config, more), 1, None)
}

fn kinds(report: &RunReport) -> Vec<FindingKind> {
    report.findings.iter().map(|finding| finding.kind).collect()
}

const PLAIN: &str = r#""enable.idempotence" = false"#;
const IDEMPOTENT: &str = r#""enable.idempotence" = true"#;

#[test]
fn a_lost_answer_makes_a_plain_producer_send_twice_and_an_idempotent_one_not() {
    let lost = "[[fault]]\nat = \"5s\"\nlose = \"next Produce response to shop\"\n";
    assert_eq!(kinds(&run(PLAIN, "")), []);
    let found = kinds(&run(PLAIN, lost));
    assert!(!found.is_empty() && found.iter().all(|kind| *kind == FindingKind::Duplicate), "{found:?}");
    assert_eq!(kinds(&run(IDEMPOTENT, lost)), []);
}

#[test]
fn a_broker_that_restarts_within_its_session_answers_nobody_before_it_is_unfenced() {
    let restart = "[[fault]]\nat = \"5s\"\nkill = \"leader of orders-0\"\nrestart-after = \"1s\"\n";
    let report = run(&format!("{PLAIN}, \"retries\" = 0"), restart);
    let errors: Vec<&str> = report.failed_sends.iter().map(|failed| failed.error.as_str()).collect();
    assert!(!errors.contains(&"UNKNOWN_TOPIC_ID"), "{errors:?}");
    assert_eq!(kinds(&report), []);
}

#[test]
fn brokers_that_were_killed_before_they_lost_power_lost_what_was_not_flushed() {
    let all = |at: u32, fault: &str| -> String {
        (1..=3).map(|id| format!("[[fault]]\nat = \"{at}s\"\n{fault} = \"broker {id}\"\n")).collect()
    };
    let (killed, powerless, again) = (all(5, "kill"), all(6, "power-loss"), all(7, "restart"));
    assert_eq!(kinds(&run(IDEMPOTENT, &format!("{killed}{again}"))), []);
    let found = kinds(&run(IDEMPOTENT, &format!("{killed}{powerless}{again}")));
    assert!(found.contains(&FindingKind::LostWrite), "{found:?}");
}

#[test]
fn a_repeated_request_is_appended_twice_unless_it_has_a_sequence() {
    let repeated = "[[fault]]\nat = \"5s\"\nrepeat = \"next Produce request from shop\"\n";
    let found = kinds(&run(PLAIN, repeated));
    assert!(!found.is_empty() && found.iter().all(|kind| *kind == FindingKind::Duplicate), "{found:?}");
    assert_eq!(kinds(&run(IDEMPOTENT, repeated)), []);
}

#[test]
fn a_held_request_is_retried_on_another_connection_and_executed_late() {
    // The retry is stored first; the held copy follows when it is released, on a connection that is closed by then.
    let held = "[[fault]]\nat = \"5s\"\nhold = \"next Produce request from shop\"\nrelease-after = \"6s\"\n";
    let found = kinds(&run(IDEMPOTENT, held));
    assert_eq!(found, []);
}

#[test]
fn a_lost_fetch_costs_a_follower_its_connection_and_nothing_else() {
    for lost in ["next Fetch request from broker 2 to broker 1", "next Fetch response from broker 1 to broker 2"] {
        let fault = format!("[[fault]]\nat = \"5s\"\nlose = \"{lost}\"\n");
        assert_eq!(kinds(&run(IDEMPOTENT, &fault)), [], "{lost}");
    }
}

#[test]
fn a_clogged_link_breaks_no_promise() {
    for link in ["link broker 1 - broker 2", "link broker 1 -> controller", "link shop - broker 1"] {
        let fault = format!("[[fault]]\nat = \"5s\"\nclog = \"{link}\"\nheal-after = \"12s\"\n");
        assert_eq!(kinds(&run(IDEMPOTENT, &fault)), [], "{link}");
    }
}

#[test]
fn a_killed_controller_breaks_no_promise() {
    for action in ["kill", "power-loss"] {
        let fault = format!(
            "[[fault]]\nat = \"5s\"\n{action} = \"controller\"\nrestart-after = \"6s\"\n\
             [[fault]]\nat = \"14s\"\nkill = \"leader of orders-0\"\n"
        );
        let scenario = scenario(IDEMPOTENT, &fault);
        let mut world = World::new(&scenario, 1, Arc::new([]));
        while world.step().is_some() {}
        world.finish();
        assert!(world.findings().list().is_empty(), "{:?}", world.findings().list());
        let (_, partition) = world.image().partitions().next().expect("a partition");
        assert_eq!((partition.leader_epoch, partition.isr.len()), (1, 2), "a new leader was elected once");
    }
}

#[test]
fn a_person_holds_loses_and_doubles_what_is_on_its_way() {
    let scenario = scenario(IDEMPOTENT, "");
    for word in ["hold", "lose", "repeat"] {
        let mut session = Session::from_scenario(Arc::clone(&scenario), 3);
        session.seek_time(5_000_000);
        let packet = loop {
            let kernel = session.world().kernel();
            let on_its_way = kernel.in_flight().into_iter().find(|event| matches!(event.kind, EventKind::Delivery(..)));
            if let Some(event) = on_its_way {
                break event.sequence;
            }
            session.seek_event(session.world().event() + 1);
        };
        assert!(session.world().kernel().is_on_its_way(packet));
        session.command(&format!("{word} message {packet}")).expect("it is on its way");
        session.seek_time(6_000_000);
        assert!(!session.world().kernel().is_on_its_way(packet));
        session.command(&format!("release message {packet}")).expect("a command");
        session.seek_time(60_000_000);
        let (hash, commands) = (session.hash(), session.commands().to_vec());
        let mut world = World::new(&scenario, 3, commands.into());
        while world.step_until(60_000_000).is_some() {}
        assert_eq!(world.hash(), hash, "{word}: a command is part of the run");
    }
}

#[test]
fn a_message_that_has_arrived_cannot_be_held() {
    let scenario = scenario(IDEMPOTENT, "");
    let command = Command::read(5_000_000, "hold message 1", &scenario).expect("a command");
    let mut world = World::new(&scenario, 1, Arc::new([command]));
    let said = std::iter::from_fn(|| world.step_until(5_000_000)).flat_map(|occurrence| occurrence.notables);
    let said: Vec<String> = said.map(|notable| notable.text()).filter(|text| text.starts_with("hold")).collect();
    assert_eq!(said, ["hold message 1: message 1 is not on its way"]);
}

#[test]
fn a_producer_without_keys_into_a_compacted_topic_fails_loudly() {
    let compacted = "config = { \"cleanup.policy\" = \"compact\" }";
    let report = runner::run(&shop::scenario(compacted, "", ""), 1, None);
    let [FailedSends { producer, error, records }] = &report.failed_sends[..] else { panic!("{report:?}") };
    assert_eq!((producer.as_str(), error.as_str()), ("shop", "INVALID_RECORD"));
    assert!(*records > 500, "{records} of 600");
    assert_eq!(runner::run(&shop::scenario(compacted, "keys = 3", ""), 1, None).failed_sends, []);
}

#[test]
fn an_idempotent_producer_whose_first_batch_is_lost_stores_later_ones_before_it() {
    // As Kafka's: a leader without state of a producer takes any first sequence number. See docs/findings.md.
    let lost = "[[fault]]\nat = \"0s\"\nlose = \"next Produce request from shop\"\n[network]\nlatency = \"50ms\"\n";
    let run = |in_flight: u32| {
        let config = format!(
            "\"linger.ms\" = 0, \"batch.size\" = 300, \"request.timeout.ms\" = 500, \
             \"max.in.flight.requests.per.connection\" = {in_flight}"
        );
        let producer = format!("rate = \"300/s\"\nconfig = {{ {config} }}");
        kinds(&runner::run(&shop::scenario("", &producer, lost), 1, None))
    };
    let found = run(5);
    let known = [FindingKind::Duplicate, FindingKind::Reordered];
    assert!(!found.is_empty() && found.iter().all(|kind| known.contains(kind)), "{found:?}");
    assert_eq!(run(1), []);
}
