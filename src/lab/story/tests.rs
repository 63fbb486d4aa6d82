//! A story is as long as what happened to the cluster, however many records there are, and tells each kind of turning point.

use std::sync::Arc;

use super::{Line, tell};
use crate::lab::notable::{Notable, NotableKind};
use crate::lab::runner;
use crate::lab::scenario::{self, BUILTINS, Scenario};
use crate::sim::Time;
use crate::sim::random::Random;

fn story(scenario: &Scenario, seed: u64) -> Vec<Line> {
    let mut notables: Vec<Notable> = Vec::new();
    let mut watch = |_: Time, more: &[Notable]| notables.extend_from_slice(more);
    let world = runner::run_to(&Arc::new(scenario.clone()), seed, Time::MAX, &mut watch);
    tell(notables.iter(), &world)
}

fn texts(lines: &[Line]) -> Vec<String> {
    lines.iter().map(|line| format!("{} {}", line.at.time, line.text)).collect()
}

fn with_rate(scenario: &Scenario, factor: u32) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.producers.iter_mut().for_each(|producer| producer.rate_per_s *= factor);
    scenario
}

/// Three brokers to which something happens at times that are drawn.
fn random_scenario(random: &mut Random) -> Scenario {
    let mut text = String::from(
        "title = \"t\"\nduration = \"60s\"\n[cluster]\nbrokers = 3\n\
         [[topic]]\nname = \"orders\"\npartitions = 3\nreplication-factor = 3\n\
         config = { \"min.insync.replicas\" = \"2\", \"segment.ms\" = \"2000\" }\n\
         [[producer]]\nname = \"checkout\"\ntopic = \"orders\"\nrate = \"20/s\"\n\
         config = { \"delivery.timeout.ms\" = \"9000\", \"request.timeout.ms\" = \"3000\", \"buffer.memory\" = \"40000\" }\n\
         [[consumer]]\nname = \"shipping\"\ntopics = [\"orders\"]\n",
    );
    for _ in 0..=random.below(5) {
        let at = 2 + random.below(40);
        let (broker, length) = (1 + random.below(3), 1 + random.below(15));
        let (action, undo) =
            [("kill", "restart"), ("pause", "resume"), ("power-loss", "restart")][random.below(3) as usize];
        text += &format!("[[fault]]\nat = \"{at}s\"\n{action} = \"broker {broker}\"\n{undo}-after = \"{length}s\"\n");
    }
    scenario::parse(&text).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"))
}

/// So much longer a story may be: what is told one by one while there is little of it, and what a faster run meets besides.
fn is_no_longer(lines: &[Line], than: &[Line]) -> bool {
    lines.len() <= than.len() + 8 + than.len() / 3
}

#[test]
fn more_records_make_no_longer_story() {
    let mut random = Random::stream(11, "stories", 0);
    for seed in 1..=4 {
        let scenario = random_scenario(&mut random);
        let (once, four_times) = (story(&scenario, seed), story(&with_rate(&scenario, 4), seed));
        let of_both = || format!("{:#?}\n{:#?}", texts(&once), texts(&four_times));
        assert!(is_no_longer(&four_times, &once), "{seed}: {} and {}: {}", once.len(), four_times.len(), of_both());
    }
    // Those in which something happens and that are quickly run.
    let quick =
        ["leader-killed-acks-all", "acks-1-loses-acknowledged-record", "network-partition-and-healing", "full-disk"];
    for builtin in BUILTINS.iter().filter(|builtin| quick.contains(&builtin.name)) {
        let scenario = scenario::parse(builtin.toml).expect("a built-in scenario is right");
        let (once, twice) = (story(&scenario, scenario.seed), story(&with_rate(&scenario, 2), scenario.seed));
        let of_both = || format!("{:#?}\n{:#?}", texts(&once), texts(&twice));
        assert!(is_no_longer(&twice, &once), "{}: {} and {}: {}", builtin.name, once.len(), twice.len(), of_both());
    }
}

/// What a line says of a record by name, where it is no finding and no first example.
fn named_record<'l>(line: &'l Line, scenario: &Scenario) -> Option<&'l str> {
    if line.kind == NotableKind::Finding {
        return None;
    }
    let text = line.text.split("the first is").next().unwrap_or_default();
    let names = |name: &str| {
        let after = text.split(&format!("{name}-")).nth(1)?;
        after.starts_with(|letter: char| letter.is_ascii_digit()).then_some(text)
    };
    scenario.producers.iter().find_map(|producer| names(&producer.name))
}

#[test]
fn no_line_names_a_record_and_lines_are_in_order() {
    let nemesis = BUILTINS.iter().find(|builtin| builtin.name == "nemesis").expect("there is one");
    let scenario = scenario::parse(nemesis.toml).expect("a built-in scenario is right");
    for seed in 1..=3 {
        let lines = story(&scenario, seed);
        let named: Vec<&str> = lines.iter().filter_map(|line| named_record(line, &scenario)).collect();
        assert!(named.is_empty(), "{seed}: {named:#?}");
        assert!(lines.is_sorted_by_key(|line| line.at.event), "{seed}");
        assert!(lines.iter().all(|line| line.until_us >= line.at.time && !line.text.is_empty()), "{seed}");
    }
}

fn of_builtin(name: &str) -> Vec<String> {
    let builtin = BUILTINS.iter().find(|builtin| builtin.name == name).expect("there is one");
    let scenario = scenario::parse(builtin.toml).expect("a built-in scenario is right");
    texts(&story(&scenario, scenario.seed))
}

fn of(toml: &str) -> Vec<String> {
    let scenario = scenario::parse(toml).expect("a right scenario");
    texts(&story(&scenario, scenario.seed))
}

#[track_caller]
fn assert_tells(lines: &[String], all: &[&[&str]]) {
    for words in all {
        let found = lines.iter().filter(|line| words.iter().all(|word| line.contains(word))).count();
        assert!(found == 1, "{words:?} is told {found} times: {lines:#?}");
    }
}

#[test]
fn a_stall_is_one_line_with_its_reason_and_a_fault_names_whom_it_hit() {
    let lines = of_builtin("leader-killed-acks-all");
    assert_tells(
        &lines,
        &[
            &["checkout in orders-", "no acknowledgement for 8.127 s", "broker 1", "was down", "waited", "over at 10."],
            &["kill leader of orders-0 (broker 1)"],
        ],
    );
    let lines = of_builtin("network-partition-and-healing");
    assert_tells(
        &lines,
        &[
            &["cut off from the leader", "retries (NOT_LEADER_OR_FOLLOWER)"],
            &["cut links broker 1 - controller, broker 2 and"],
        ],
    );
}

#[test]
fn a_producer_that_waits_for_a_deposed_leader_is_said_to() {
    let lines = of("title = \"t\"\nduration = \"50s\"\n[cluster]\nbrokers = 3\n\
                    [[topic]]\nname = \"orders\"\npartitions = 1\nreplication-factor = 3\n\
                    [[producer]]\nname = \"checkout\"\ntopic = \"orders\"\nrate = \"20/s\"\n\
                    [[fault]]\nat = \"5s\"\npause = \"leader of orders-0\"\nresume-after = \"40s\"\n");
    let told = ["no acknowledgement for", "was paused", "took broker 1 for the leader still"];
    assert_tells(&lines, &[&told]);
}

#[test]
fn a_truncation_says_how_many_acknowledged_records_go_with_it() {
    let lines = of_builtin("acks-1-loses-acknowledged-record");
    assert_tells(&lines, &[&["broker 1 cuts orders-0 from", "of them acknowledged, and not in the leader's log"]]);
    let lines = of_builtin("network-partition-and-healing");
    assert_tells(&lines, &[&["broker 1 cuts orders-0 from", "nothing acknowledged is among them"]]);
}

#[test]
fn a_truncation_counts_what_was_lost_before_it() {
    let lines = of("title = \"t\"\nduration = \"60s\"\n[cluster]\nbrokers = 3\n\
                    config = { \"replica.lag.time.max.ms\" = 3000 }\n\
                    [[topic]]\nname = \"t\"\npartitions = 1\nreplication-factor = 3\n\
                    config = { \"unclean.leader.election.enable\" = true }\n\
                    [[producer]]\nname = \"p\"\ntopic = \"t\"\nrate = \"50/s\"\n\
                    [[fault]]\nat = \"5s\"\npause = \"followers of t-0\"\nresume-after = \"24s\"\n\
                    [[fault]]\nat = \"25s\"\npower-loss = \"broker 1\"\nrestart-after = \"10s\"\n");
    assert_tells(&lines, &[&["lost-write", "and 998 more"]]);
    assert_tells(
        &lines,
        &[&["broker 1 cuts t-0 from 250 to 246", "4 of them acknowledged, and not in the leader's log"]],
    );
}

#[test]
fn what_logs_do_all_the_time_is_one_line_a_kind() {
    let lines = of_builtin("retention-against-slow-consumer");
    assert_tells(&lines, &[&["logs roll until"], &["retention deletes segments until"]]);
    let resets = lines.iter().filter(|line| line.contains("resets its position")).count();
    assert!((1..=3).contains(&resets), "{lines:#?}");
}
