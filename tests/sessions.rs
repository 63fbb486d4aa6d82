//! Moving about in a run: every way to an instant leads to the same instant.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::scenario::{BUILTINS, Command, Scenario};
use loglab::lab::session::Session;
use loglab::lab::timeline::Replay;
use loglab::lab::world::World;
use loglab::sim::random::Random;
use loglab::view::build::frame;
use loglab::view::frame::{Frame, Role, Selection, State};

fn scenario(name: &str) -> Arc<Scenario> {
    let builtin = BUILTINS.iter().find(|builtin| builtin.name == name).expect("it is built in");
    Arc::new(builtin.scenario().expect("a built-in scenario is right"))
}

/// The hash after so many events of a run that goes straight there.
fn straight(scenario: &Arc<Scenario>, seed: u64, commands: &[Command], event: u64) -> u64 {
    let mut world = World::new(scenario, seed, commands.into());
    while world.event() < event && world.advance() {}
    world.hash()
}

#[test]
fn a_seek_leads_to_the_same_instant_as_a_straight_run() {
    let scenario = scenario("acks-1-loses-acknowledged-record");
    let mut session = Session::from_scenario(Arc::clone(&scenario), 7);
    let mut random = Random::stream(1, "seeks", 0);
    for _ in 0..25 {
        let event = random.below(11_000);
        session.seek_event(event);
        let reached = session.world().event();
        assert_eq!(session.hash(), straight(&scenario, 7, &[], reached), "at event {event}");
    }
}

#[test]
fn a_time_means_after_its_last_event_in_both_directions() {
    let mut session = Session::from_scenario(scenario("steady-state"), 3);
    session.seek_time(5_000_000);
    let (hash, event) = (session.hash(), session.world().event());
    session.seek_time(9_000_000);
    session.seek_time(5_000_000);
    assert_eq!((session.hash(), session.world().event(), session.time_us()), (hash, event, 5_000_000));
}

#[test]
fn commands_given_by_hand_are_the_same_as_commands_known_from_the_start() {
    let scenario = scenario("steady-state");
    let mut session = Session::from_scenario(Arc::clone(&scenario), 5);
    let mut random = Random::stream(2, "commands", 0);
    session.seek_time(4_000_000);
    assert_eq!(session.command("kill leader of orders-0"), Ok(vec![]));
    session.seek_time(6_000_000);
    assert_eq!(session.command("cut link broker 2 - broker 3"), Ok(vec![]));
    session.seek_time(15_000_000);
    let end = session.world().event();
    let commands = session.commands().to_vec();
    assert_eq!(session.hash(), straight(&scenario, 5, &commands, end));
    for _ in 0..15 {
        session.seek_event(random.below(end));
        assert_eq!(session.hash(), straight(&scenario, 5, &commands, session.world().event()));
    }
}

#[test]
fn acting_in_the_past_drops_what_came_later_and_starts_over_from_there() {
    let scenario = scenario("steady-state");
    let mut session = Session::from_scenario(Arc::clone(&scenario), 5);
    session.seek_time(3_000_000);
    session.command("pause broker 1").expect("a broker can be paused");
    session.seek_time(6_000_000);
    session.command("kill broker 2").expect("a broker can be killed");
    session.seek_time(8_000_000);
    session.seek_time(5_000_000);
    let dropped = session.command("kill broker 3").expect("a broker can be killed");
    assert_eq!(dropped.len(), 1);
    assert!(dropped[0].contains("kill broker 2"), "{dropped:?}");
    session.seek_time(10_000_000);
    let (commands, event) = (session.commands().to_vec(), session.world().event());
    assert_eq!(commands.len(), 2);
    assert_eq!(session.hash(), straight(&scenario, 5, &commands, event));
}

#[test]
fn an_unknown_command_changes_nothing() {
    let mut session = Session::from_scenario(scenario("steady-state"), 5);
    session.seek_time(1_000_000);
    let hash = session.hash();
    assert!(session.command("kill broker 77").is_err());
    assert!(session.command("").is_err());
    assert_eq!((session.hash(), session.commands().len()), (hash, 0));
}

#[test]
fn stepping_goes_event_by_event_and_from_one_turning_point_to_the_next() {
    let mut session = Session::from_scenario(scenario("leader-killed-acks-all"), 1);
    session.step(true, false);
    assert_eq!(session.world().event(), 1);
    session.step(true, true);
    let first = session.world().event();
    session.step(true, true);
    assert!(session.world().event() > first);
    session.step(false, true);
    assert_eq!(session.world().event(), first);
    session.step(false, false);
    assert_eq!(session.world().event(), first - 1);
    (0..1_000).for_each(|_| session.step(true, true));
    assert_eq!(session.time_us(), session.scenario().duration_us);
}

#[test]
fn the_picture_is_a_function_of_the_run_and_the_instant() {
    let mut session = Session::from_scenario(scenario("acks-1-loses-acknowledged-record"), 7);
    let picture = |session: &Session| -> Frame {
        let mut frame = frame(session, &Selection::Partition { topic: "orders".to_owned(), index: 0 });
        // What has been computed of the future is not part of the instant.
        (frame.run.events_computed, frame.run.computed_us) = (0, 0);
        frame.marks.clear();
        frame.density.clear();
        frame
    };
    session.seek_time(2_300_000);
    let before = picture(&session);
    session.seek_time(30_000_000);
    let end = picture(&session);
    assert!(end.findings.iter().any(|finding| finding.kind == "lost-write"));
    assert!(!end.because.is_empty() && !end.events.is_empty());
    assert!(before.brokers.iter().all(|broker| !broker.replicas.is_empty()));
    session.seek_time(2_300_000);
    assert_eq!(picture(&session), before);
    session.seek_time(30_000_000);
    assert_eq!(picture(&session), end);
}

/// The chain of causes of a partition at a time, one line a link.
fn because(session: &mut Session, topic: &str, time_us: u64) -> Vec<String> {
    session.seek_time(time_us);
    let frame = frame(session, &Selection::Partition { topic: topic.to_owned(), index: 0 });
    frame.because.into_iter().map(|event| event.text).collect()
}

#[test]
fn a_smaller_isr_is_explained_by_the_follower_that_stood_still() {
    let mut session = Session::from_scenario(scenario("slow-follower-leaves-and-rejoins-isr"), 2);
    let chain = because(&mut session, "orders", 11_900_000);
    let told = |words: &[&str]| chain.iter().position(|link| words.iter().all(|word| link.contains(word)));
    let accepted = told(&["AlterPartition of broker 1 accepted", "[1, 3]"]);
    let asked = told(&["broker 1 asks to shrink the ISR", "broker 2 ends at", "replica.lag.time.max.ms (5s)"]);
    let fault = told(&["pause follower of orders-0"]);
    assert!(accepted.is_some() && accepted < asked && asked < fault, "{chain:#?}");
    assert_eq!(fault, Some(chain.len() - 2), "before it only the last Fetch: {chain:#?}");
}

#[test]
fn an_election_is_explained_by_the_kill_of_the_leader() {
    let mut session = Session::from_scenario(scenario("leader-killed-acks-all"), 1);
    session.seek_time(session.scenario().duration_us);
    let all = session.notables().to_vec();
    let election = all.iter().find(|it| it.text().contains("leads orders-0 in epoch 1")).expect("a new leader").time;
    let chain = because(&mut session, "orders", election);
    let told = |word: &str| chain.iter().position(|link| link.contains(word));
    let order =
        [told("leads orders-0 in epoch 1"), told("is fenced; no BrokerHeartbeat"), told("kill leader of orders-0")];
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{chain:#?}");
    assert!(chain.iter().all(|link| !link.contains("orders-1")), "{chain:#?}");
}

#[test]
fn a_broker_that_is_down_keeps_its_replicas_in_the_picture() {
    let mut session = Session::from_scenario(scenario("steady-state"), 3);
    session.seek_time(4_000_000);
    let hosted = |session: &Session| {
        let frame = frame(session, &Selection::None);
        let broker = frame.brokers.into_iter().find(|broker| broker.id == 2).expect("there are three");
        broker.replicas.iter().map(|replica| (replica.partition, replica.role)).collect::<Vec<_>>()
    };
    let before = hosted(&session);
    for command in ["kill broker 2", "restart broker 2", "power-loss broker 2"] {
        session.command(command).expect("it can be done");
        let now = hosted(&session);
        assert!(before.len() > 1 && now.len() == before.len(), "{command}: {now:?}");
        assert!(now.iter().all(|(_, role)| *role == Role::Offline), "{command}: {now:?}");
    }
}

#[test]
fn a_broker_is_down_since_it_went_down_and_halted_where_it_ended_by_itself() {
    let shown = |session: &Session, id: i32| {
        let broker = frame(session, &Selection::None).brokers.into_iter().find(|broker| broker.id == id);
        broker.map(|broker| (broker.state, broker.since_us, broker.disk_full)).expect("there are three")
    };
    let mut session = Session::from_scenario(scenario("steady-state"), 3);
    session.seek_time(4_000_000);
    session.command("kill broker 2").expect("it can be done");
    let killed = shown(&session, 2);
    assert_eq!(killed.0, State::Killed);
    // It is fenced in the meantime, and others lead.
    session.seek_time(20_000_000);
    assert_eq!(shown(&session, 2), killed);
    let mut session = Session::from_scenario(scenario("full-disk"), 1);
    session.seek_time(25_000_000);
    let (state, since_us, full) = shown(&session, 1);
    assert!(state == State::Halted && full && (10_000_000..10_100_000).contains(&since_us), "{state:?} {since_us}");
    session.seek_time(31_000_000);
    assert_eq!(shown(&session, 1), (State::Halted, since_us, false));
    session.seek_time(49_000_000);
    assert_eq!(shown(&session, 1).0, State::Running);
}
