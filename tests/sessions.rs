//! Moving about in a run: every way to an instant leads to the same instant.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::fork::{BranchId, Fork};
use loglab::lab::notable::Notable;
use loglab::lab::scenario::{BUILTINS, Command, Scenario};
use loglab::lab::session::Session;
use loglab::lab::timeline::Replay;
use loglab::lab::tree::Acted;
use loglab::lab::world::World;
use loglab::sim::random::Random;
use loglab::view::frame::{Frame, Selection};
use loglab::view::lens::{Lens, View};
use loglab::view::log::LogLens;
use loglab::view::picture::picture;
use loglab::view::protocol::{self, Look};
use loglab::view::state::{Role, State};
use proptest::prelude::*;

fn scenario(name: &str) -> Arc<Scenario> {
    let builtin = BUILTINS.iter().find(|builtin| builtin.name == name).expect("it is built in");
    Arc::new(builtin.scenario().expect("a built-in scenario is right"))
}

fn frame(session: &Session, selection: Selection) -> Frame {
    picture(session, &Look { selection, ..Look::default() })
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
    assert_eq!(session.command("kill leader of orders-0").map(|acted| acted.began), Ok(false));
    session.seek_time(6_000_000);
    assert_eq!(session.command("cut link broker 2 - broker 3").map(|acted| acted.began), Ok(false));
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
fn acting_in_the_past_begins_a_branch_and_keeps_the_old_future() {
    let scenario = scenario("steady-state");
    let mut session = Session::from_scenario(Arc::clone(&scenario), 5);
    session.seek_time(3_000_000);
    session.command("pause broker 1").expect("a broker can be paused");
    session.seek_time(6_000_000);
    assert!(!session.command("kill broker 2").expect("a broker can be killed").began);
    session.seek_time(8_000_000);
    let old = (session.world().event(), session.hash(), session.notables().len());
    session.seek_time(5_000_000);
    let at_fork = session.world().event();
    let acted = session.command("kill broker 3").expect("a broker can be killed");
    assert_eq!(acted, Acted { branch: BranchId(1), began: true });
    let branch = session.branch();
    assert_eq!(branch.fork(), Some(Fork { parent: BranchId(0), event: at_fork, time_us: 5_000_000 }));
    assert_eq!(branch.name(), "kill broker 3 at 5s");
    session.seek_time(10_000_000);
    let (commands, event) = (session.commands().to_vec(), session.world().event());
    assert_eq!(commands.len(), 2);
    assert_eq!(session.hash(), straight(&scenario, 5, &commands, event));
    // The old future is where it was, and goes on.
    session.switch(BranchId(0)).expect("it is kept");
    assert_eq!((session.time_us(), session.commands().len()), (10_000_000, 2));
    assert!(session.commands()[1].to_string().contains("broker 2"));
    assert_eq!(session.hash(), straight(&scenario, 5, session.commands(), session.world().event()));
    session.seek_time(8_000_000);
    assert_eq!((session.world().event(), session.hash()), (old.0, old.1));
    assert_eq!(session.notables_so_far().len(), old.2);
}

#[test]
fn a_branch_is_called_as_a_person_says_and_nothing_that_cannot_be_read() {
    let mut session = Session::from_scenario(scenario("steady-state"), 5);
    session.rename(BranchId(0), " what was ").expect("it is a name");
    assert_eq!(session.branch().name(), "what was");
    for wrong in ["", "  ", "a\nb", "x".repeat(61).as_str()] {
        assert!(session.rename(BranchId(0), wrong).is_err(), "{wrong:?}");
    }
    assert!(session.rename(BranchId(9), "x").is_err());
    assert_eq!(session.branch().name(), "what was");
}

/// What is seen at an instant of a branch, without what is known of its future and of other branches.
fn seen(session: &Session) -> Frame {
    let look =
        |lens| Look { selection: Selection::Partition { topic: "orders".to_owned(), index: 0, number: 0 }, lens };
    let log = Lens::Log(LogLens { offsets: 40, ..LogLens::default() });
    let frame = picture(session, &look(Lens::Stage));
    let mut frame = Frame { log: picture(session, &look(log)).log, ..frame };
    (frame.run.events_computed, frame.run.computed_us, frame.run.branch) = (0, 0, 0);
    frame.branches.clear();
    frame.marks.clear();
    frame.density.clear();
    frame
}

/// The same instant, reached by a run that goes straight there.
fn straight_session(session: &Session) -> Session {
    let commands = session.commands().to_vec().into();
    let mut straight = Session::with_commands(Arc::clone(session.scenario()), session.seed(), commands);
    let (event, time_us) = (session.world().event(), session.time_us());
    let time_of = session.trace().get(event).map_or(0, |entry| entry.time);
    if time_us == time_of && !session.world().is_finished() {
        straight.seek_event(event);
    } else {
        straight.seek_time(time_us);
    }
    straight
}

/// A way to an instant.
#[derive(Clone, Debug)]
enum Way {
    Event(u64),
    Time(u64),
    Advance(u64, u64),
    Step(bool, bool),
    Act(usize),
    Switch(usize),
    Remove(usize),
}

const COMMANDS: [&str; 9] = [
    "kill broker 1",
    "restart broker 1",
    "pause leader of orders-0",
    "resume broker 2",
    "power-loss broker 3",
    "restart broker 3",
    "cut link broker 1 - broker 2",
    "heal link broker 1 - broker 2",
    "slow-disk broker 2 by 20ms",
];

fn ways() -> impl Strategy<Value = Vec<Way>> {
    let way = prop_oneof![
        (0..12_000_u64).prop_map(Way::Event),
        (0..12_000_000_u64).prop_map(Way::Time),
        (0..12_000_000_u64, 0..3_000_u64).prop_map(|(time, events)| Way::Advance(time, events)),
        any::<(bool, bool)>().prop_map(|(forward, interesting)| Way::Step(forward, interesting)),
        (0..COMMANDS.len()).prop_map(Way::Act),
        (0..6_usize).prop_map(Way::Switch),
        (0..6_usize).prop_map(Way::Remove),
    ];
    proptest::collection::vec(way, 4..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_way_to_an_instant_of_a_branch_leads_to_that_of_a_straight_run(
        name in proptest::sample::select(vec!["steady-state", "leader-killed-acks-all", "power-loss-torn-batch"]),
        seed in 1..50_u64,
        ways in ways(),
    ) {
        let mut session = Session::from_scenario(scenario(name), seed);
        for way in ways {
            let id = |place: usize, session: &Session| session.branches()[place % session.branches().len()].id();
            match way {
                Way::Event(event) => session.seek_event(event),
                Way::Time(time) => session.seek_time(time),
                Way::Advance(time, events) => drop(session.advance(time, events)),
                Way::Step(forward, interesting) => session.step(forward, interesting),
                Way::Act(place) => drop(session.command(COMMANDS[place]).expect("a command")),
                Way::Switch(place) => session.switch(id(place, &session)).expect("it is there"),
                Way::Remove(_) if session.branches().len() == 1 => {}
                Way::Remove(place) => session.remove(id(place, &session)).expect("there are others"),
            }
            let mut straight = straight_session(&session);
            prop_assert_eq!(straight.hash(), session.hash());
            prop_assert_eq!(straight.time_us(), session.time_us());
            // A straight run may not know yet what an advance has met at the same time.
            prop_assert_eq!(straight.world().event(), session.world().event());
            prop_assert!(seen(&straight) == seen(&session), "another picture at event {}", session.world().event());
            straight.seek_event(session.world().event());
            prop_assert_eq!(straight.hash(), session.hash());
            prop_assert!(session.snapshot_bytes() <= 64 << 20);
        }
    }
}

#[test]
fn an_event_is_one_instant_whatever_the_way_to_it() {
    for name in ["acks-1-loses-acknowledged-record", "power-loss-torn-batch"] {
        let scenario = scenario(name);
        let mut session = Session::from_scenario(Arc::clone(&scenario), 7);
        session.seek_time(scenario.duration_us);
        let last = session.trace().len();
        let mut random = Random::stream(3, "instants", 0);
        for _ in 0..60 {
            let event = 1 + random.below(last);
            let mut straight = Session::from_scenario(Arc::clone(&scenario), 7);
            straight.seek_event(event - random.below(event.min(200)));
            straight.seek_event(event);
            session.seek_event(event);
            let time = session.trace().get(event).expect("it is known").time;
            assert_eq!((session.time_us(), straight.time_us()), (time, time), "{name}, event {event}");
            assert!(seen(&straight) == seen(&session), "{name}, event {event}: another picture");
        }
    }
}

#[test]
fn a_frame_holds_what_its_lens_needs_and_no_more() {
    let bench = BUILTINS.iter().find(|builtin| builtin.name == "bench-3-brokers").expect("it is built in").toml;
    for brokers in [3, 30] {
        let toml = bench.replace("brokers = 3\n", &format!("brokers = {brokers}\n"));
        let mut session = Session::load(&toml, Some(1)).expect("a right scenario");
        session.seek_event(20_000);
        while picture(&session, &Look::default()).packets.is_empty() {
            session.step(true, false);
        }
        assert_eq!(session.scenario().cluster.brokers, brokers);
        let bytes = |frame: &Frame| protocol::encode(frame).expect("it has bytes").len();
        let stage = picture(&session, &Look::default());
        let replicas = |frame: &Frame| frame.brokers.iter().flat_map(|it| it.replicas.clone()).collect::<Vec<_>>();
        let has_tails = |frame: &Frame| replicas(frame).iter().any(|it| !it.tail.is_empty());
        assert!(stage.view == View::Stage && has_tails(&stage) && stage.log.is_none());
        let packet = Selection::Packet(stage.packets[0].id);
        let lens = Lens::Log(LogLens { offsets: 30, ..LogLens::default() });
        let log = picture(&session, &Look { selection: packet, lens });
        assert!(log.view == View::Log && !has_tails(&log) && log.log.is_some());
        assert_eq!(log.packets, stage.packets[..1], "what is selected is told in any view");
        assert_eq!(log.run.in_flight as usize, stage.packets.len());
        let both = Frame { log: log.log.clone(), ..stage.clone() };
        println!(
            "{brokers} brokers: {} bytes for all views, Stage {}, Log {}",
            bytes(&both),
            bytes(&stage),
            bytes(&log)
        );
    }
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
    session.seek_time(2_300_000);
    let before = seen(&session);
    session.seek_time(30_000_000);
    let end = seen(&session);
    assert!(end.findings.iter().any(|finding| finding.kind == "lost-write"));
    assert!(!end.because.is_empty() && !end.events.is_empty());
    assert!(before.brokers.iter().all(|broker| !broker.replicas.is_empty()));
    session.seek_time(2_300_000);
    assert_eq!(seen(&session), before);
    session.seek_time(30_000_000);
    assert_eq!(seen(&session), end);
}

/// The chain of causes of a partition at a time, one line a link.
fn because(session: &mut Session, topic: &str, time_us: u64) -> Vec<String> {
    session.seek_time(time_us);
    let frame = frame(session, Selection::Partition { topic: topic.to_owned(), index: 0, number: 0 });
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
    let is_it = |it: &&Notable| it.text().contains("leads orders-0 in epoch 1");
    let election = session.notables().iter().find(is_it).expect("a new leader").time;
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
        let frame = frame(session, Selection::None);
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
        let broker = frame(session, Selection::None).brokers.into_iter().find(|broker| broker.id == id);
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

/// The first turning point with these words in a run with these faults, and its chain of causes, one line a link.
fn told(faults: &str, words: &str) -> (Notable, Vec<String>) {
    let text = format!(
        "title = \"Faults\"\nduration = \"30s\"\n[cluster]\nbrokers = 3\n[[topic]]\nname = \"orders\"\n\
         replication-factor = 3\n{faults}"
    );
    let mut session = Session::load(&text, Some(3)).expect("a scenario");
    session.seek_time(30_000_000);
    let is_it = |notable: &&Notable| notable.text().contains(words);
    let notable = session.notables().iter().find(is_it).expect("it happens").clone();
    let because = frame(&session, Selection::Event(notable.event)).because;
    (notable, because.into_iter().map(|event| event.text).collect())
}

fn fault(at: u32, what: &str) -> String {
    format!("[[fault]]\nat = \"{at}s\"\n{what}\n")
}

#[test]
fn what_mends_something_leads_to_what_it_mends() {
    let skew = fault(3, "skew = \"broker 1\"\nby = \"200ms\"\nheal-clock-after = \"10s\"");
    let kill = fault(5, "kill = \"broker 1\"");
    let (_, chain) = told(&(skew + &kill), "heal-clock");
    assert!(chain.len() == 2 && chain[1].starts_with("skew broker 1"), "{chain:?}");
    // What another fault of the file or a person mends is what is not taken back yet.
    let slow = fault(4, "slow = \"link broker 1 - broker 2\"\nby = \"1ms\"");
    let cut = fault(2, "cut = \"link broker 1 - broker 2\"\nheal-after = \"1s\"");
    let other = fault(5, "skew = \"broker 1\"\nby = \"200ms\"");
    let heal = fault(6, "heal = \"link broker 1 - broker 2\"");
    let (_, chain) = told(&(cut + &slow + &other + &heal), "heal link broker 1 - broker 2");
    assert!(chain.len() == 2 && chain[1].starts_with("slow link"), "{chain:?}");
}

#[test]
fn a_silence_is_blamed_on_what_silences_and_is_not_taken_back() {
    let kill = fault(5, "kill = \"broker 1\"");
    let skew = "skew = \"broker 1\"\nby = \"200ms\"";
    let cut = "cut = \"link broker 1 - controller\"\nheal-after = \"1s\"";
    for other in [
        fault(3, &format!("{skew}\nheal-clock-after = \"10s\"")),
        fault(6, skew),
        fault(6, cut),
        // The disk of one that is down silences nobody.
        fault(6, "fill-disk = \"broker 1\""),
        fault(6, "slow = \"link broker 2 - controller\"\nby = \"1ms\""),
    ] {
        let (_, chain) = told(&(kill.clone() + &other), "broker 1 is fenced");
        assert!(chain[1].starts_with("broker 1 is fenced") && chain[2] == "kill broker 1", "{other}: {chain:#?}");
        assert_eq!(chain.len(), 4, "{other}: the last heartbeat is left: {chain:#?}");
    }
}

#[test]
fn a_silence_that_has_just_ended_keeps_its_fault() {
    let pause = fault(5, "pause = \"broker 1\"");
    let (fenced, _) = told(&pause, "broker 1 is fenced");
    // What it says then is on its way when it is fenced.
    let resume = format!("{pause}resume-after = \"{}us\"\n", fenced.time - 5_000_000 - 200);
    let (again, chain) = told(&resume, "broker 1 is fenced");
    assert_eq!(again.time, fenced.time);
    assert!(chain.iter().any(|link| link.starts_with("pause broker 1")), "{chain:#?}");
}

#[test]
fn a_link_is_cut_since_it_was_cut() {
    let mut session = Session::from_scenario(scenario("steady-state"), 3);
    for (second, command) in [(4, "cut link broker 1 - broker 2"), (6, "slow link broker 1 - broker 2 by 5ms")] {
        session.seek_time(second * 1_000_000);
        session.command(command).expect("it can be done");
    }
    let since: Vec<u64> = frame(&session, Selection::None).cuts.iter().map(|cut| cut.since_us).collect();
    assert_eq!(since, [4_000_000, 4_000_000]);
}
