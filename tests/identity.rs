//! The same intervention is the same run, whether the file says it or a person does.
#![cfg(not(target_family = "wasm"))]

use loglab::lab::session::Session;
use loglab::lab::timeline::Replay;

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
