//! The same intervention is the same run, whether the file says it or a person does.
#![cfg(not(target_family = "wasm"))]

mod cases;

use std::sync::Arc;

use loglab::lab::scenario::{Command, InterventionId, Scenario, Warning, parse};
use loglab::lab::session::Session;
use loglab::lab::timeline::Replay;
use loglab::lab::world::World;
use proptest::prelude::*;

use cases::cases;

const CLUSTER: &str = r#"
title = "Two ways to the same run"
seed = 5
duration = "30s"
[cluster]
brokers = 3
[network]
latency = "1ms"
jitter = "500us"
[[topic]]
name = "orders"
partitions = 2
replication-factor = 3
[[producer]]
name = "shop"
topic = "orders"
rate = "40/s"
[[consumer]]
name = "shipping"
topics = ["orders"]
"#;

/// Where a run stands at twenty seconds: its hash, how many events there were, and why each happened.
fn end(mut session: Session) -> (u64, u64, Vec<Vec<u64>>) {
    session.seek_time(20_000_000);
    let events = session.world().event();
    let causes = (1..=events).map(|event| session.trace().causes(event).collect()).collect();
    (session.hash(), events, causes)
}

fn from_the_file(faults: &str) -> (u64, u64, Vec<Vec<u64>>) {
    end(Session::load(&format!("{CLUSTER}{faults}"), None).expect("a scenario"))
}

fn by_hand(commands: &[(u64, &str)]) -> (u64, u64, Vec<Vec<u64>>) {
    let mut session = Session::load(CLUSTER, None).expect("a scenario");
    for (seconds, command) in commands {
        session.seek_time(seconds * 1_000_000);
        session.command(command).expect("a command");
    }
    end(session)
}

fn assert_same(faults: &str, commands: &[(u64, &str)]) {
    let (file, hand) = (from_the_file(faults), by_hand(commands));
    assert_eq!((file.0, file.1), (hand.0, hand.1), "{faults}");
    assert_eq!(file.2, hand.2, "{faults}");
    assert_ne!(file.0, from_the_file("").0, "{faults}: it does something");
}

#[test]
fn a_fault_of_the_file_is_the_same_command_given_by_hand() {
    for action in [
        r#"kill = "broker 1""#,
        r#"power-loss = "broker 2""#,
        r#"pause = "leader of orders-0""#,
        r#"cut = "link broker 1 - broker 2""#,
        r#"lose = "next Produce request from shop""#,
        r#"fill-disk = "broker 3""#,
    ] {
        let (word, target) = action.split_once(" = ").expect("an action and its target");
        let command = format!("{word} {}", target.trim_matches('"'));
        assert_same(&format!("[[fault]]\nat = \"5s\"\n{action}\n"), &[(5, &command)]);
    }
}

#[test]
fn what_a_fault_takes_back_is_the_same_command_given_by_hand() {
    let faults = "[[fault]]\nat = \"5s\"\nkill = \"broker 1\"\nrestart-after = \"3s\"\n";
    assert_same(faults, &[(5, "kill broker 1"), (8, "restart broker 1")]);
    let faults = "[[fault]]\nat = \"5s\"\ncut = \"link broker 1 - broker 2\"\nheal-after = \"4s\"\n";
    assert_same(faults, &[(5, "cut link broker 1 - broker 2"), (9, "heal link broker 1 - broker 2")]);
}

#[test]
fn several_at_one_time_are_done_in_the_order_in_which_they_were_given() {
    let faults = "[[fault]]\nat = \"5s\"\nkill = \"broker 1\"\n[[fault]]\nat = \"5s\"\npause = \"broker 2\"\n";
    assert_same(faults, &[(5, "kill broker 1"), (5, "pause broker 2")]);
}

#[test]
fn a_fault_has_the_number_of_its_place_in_the_file_and_its_end_comes_before_a_later_one() {
    let later_first = "[[fault]]\nat = \"8s\"\npause = \"broker 2\"\n[[fault]]\nat = \"5s\"\nkill = \"broker 1\"\nrestart-after = \"3s\"\n";
    let scenario = loglab::lab::scenario::parse(&format!("{CLUSTER}{later_first}")).expect("a scenario");
    let ids: Vec<(u64, u32)> = scenario.faults.iter().map(|fault| (fault.at_us, fault.id.0)).collect();
    assert_eq!(ids, [(5_000_000, 1), (8_000_000, 0)]);
    let faults = "[[fault]]\nat = \"5s\"\nkill = \"broker 1\"\nrestart-after = \"3s\"\n[[fault]]\nat = \"8s\"\npause = \"broker 2\"\n";
    assert_same(faults, &[(5, "kill broker 1"), (8, "restart broker 1"), (8, "pause broker 2")]);
}

#[test]
fn a_fault_with_a_number_is_the_same_where_the_one_before_it_is_taken_away() {
    let later = "[[fault]]\nid = 2\nat = \"8s\"\npause = \"broker 2\"\n";
    let both = format!("[[fault]]\nat = \"5s\"\nkill = \"broker 1\"\n{later}");
    let ids = |faults: &str| {
        let scenario = loglab::lab::scenario::parse(&format!("{CLUSTER}{faults}")).expect("a scenario");
        scenario.faults.iter().map(|fault| fault.id.0).collect::<Vec<u32>>()
    };
    assert_eq!((ids(&both), ids(later)), (vec![0, 1], vec![1]));
    // At one instant the lower number comes first, wherever it stands.
    let (kill, pause) = ("kill = \"broker 1\"\n", "pause = \"broker 2\"\n");
    let faults = format!("[[fault]]\nat = \"5s\"\nid = 7\n{pause}[[fault]]\nat = \"5s\"\nid = 3\n{kill}");
    assert_eq!(ids(&faults), [2, 6]);
    assert_same(&faults, &[(5, "kill broker 1"), (5, "pause broker 2")]);
}

#[test]
fn no_two_faults_have_one_number() {
    let faults = "[[fault]]\nid = 2\nat = \"5s\"\nkill = \"broker 1\"\n[[fault]]\nat = \"6s\"\npause = \"broker 2\"\n";
    let errors = loglab::lab::scenario::parse(&format!("{CLUSTER}{faults}")).expect_err("two of one number");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].to_string().contains("two faults have the number 2"), "{errors:?}");
}

/// What is done in random runs, some of which undo or hinder each other.
const ACTIONS: [(&str, &str); 10] = [
    ("kill", "broker 1"),
    ("restart", "broker 1"),
    ("power-loss", "leader of orders-0"),
    ("pause", "leader of orders-0"),
    ("resume", "broker 2"),
    ("stop", "follower of orders-1"),
    ("cut", "link broker 1 - broker 2"),
    ("heal", "link broker 1 - broker 2"),
    ("lose", "next Produce request from shop"),
    ("hold", "next Fetch request to broker 2"),
];

/// What is done, when, and how many seconds later the file takes it back, if it does.
#[derive(Clone, Copy, Debug)]
struct Act {
    action: usize,
    second: u64,
    undo_after: Option<u64>,
}

fn act() -> impl Strategy<Value = Act> {
    // Few instants, so that many are met twice.
    let parts = (0..ACTIONS.len(), 3..6u64, proptest::option::of(1..3u64));
    parts.prop_map(|(action, second, undo_after)| Act { action, second, undo_after })
}

impl Act {
    /// As a fault of a file; taken back only where this is one of the file alone.
    fn fault(self, is_taken_back: bool) -> String {
        let (word, target) = ACTIONS[self.action];
        let after = match word {
            "kill" | "power-loss" | "stop" => Some("restart-after"),
            "pause" => Some("resume-after"),
            "cut" => Some("heal-after"),
            "hold" => Some("release-after"),
            _ => None,
        };
        let undo = after.zip(self.undo_after).filter(|_| is_taken_back);
        let undo = undo.map(|(key, seconds)| format!("{key} = \"{seconds}s\"\n")).unwrap_or_default();
        format!("[[fault]]\nat = \"{}s\"\n{word} = \"{target}\"\n{undo}", self.second)
    }
}

fn scenario(faults: &str) -> Arc<Scenario> {
    let text = format!("{CLUSTER}{faults}").replace("30s", "12s");
    Arc::new(parse(&text).unwrap_or_else(|errors| panic!("{errors:?}")))
}

/// Where a run ends: its hash, its events, and which of its faults did nothing.
fn at_the_end(scenario: &Arc<Scenario>, commands: Vec<Command>) -> (u64, u64, Vec<Warning>) {
    let mut world = World::new(scenario, 5, commands.into());
    while world.step().is_some() {}
    world.finish();
    (world.hash(), world.event(), world.warnings().to_vec())
}

proptest! {
    #![proptest_config(cases(24))]

    /// Where one of the file and one by hand fall on one instant, the file's comes first: as if what was given by hand stood
    /// behind all faults of the file.
    #[test]
    fn what_is_given_by_hand_may_as_well_stand_behind_the_faults_of_the_file(
        of_file in prop::collection::vec(act(), 0..4),
        mut by_hand in prop::collection::vec(act(), 1..4),
    ) {
        by_hand.sort_by_key(|act| act.second);
        let file: String = of_file.iter().map(|act| act.fault(true)).collect();
        let appended: String = by_hand.iter().map(|act| act.fault(false)).collect();
        let first = InterventionId::FIRST_BY_HAND.0;
        let in_two = scenario(&file);
        let command = |(place, act): (u32, &Act)| {
            let (word, target) = ACTIONS[act.action];
            let command = Command::read(act.second * 1_000_000, &format!("{word} {target}"), &in_two);
            Command { id: InterventionId(first + place), ..command.expect("a command") }
        };
        let commands = (0..).zip(&by_hand).map(command).collect();
        prop_assert_eq!(at_the_end(&in_two, commands), at_the_end(&scenario(&(file + &appended)), Vec::new()));
    }
}
