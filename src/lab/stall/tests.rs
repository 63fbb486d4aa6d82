//! What readers suffer in runs: who stood still, for how long, and why.

use std::sync::Arc;

use super::text;
use crate::lab::check::{Evidence, When};
use crate::lab::runner;
use crate::lab::scenario;
use crate::lab::timeline::Replay;
use crate::lab::world::World;

const CLUSTER: &str = "title = \"t\"\nduration = \"60s\"\n[cluster]\nbrokers = 3\n\
                       [[topic]]\nname = \"orders\"\npartitions = 4\nreplication-factor = 3\n\
                       [[producer]]\nname = \"shop\"\ntopic = \"orders\"\nrate = \"40/s\"\nkeys = 100\n";

fn world(rest: &str) -> World {
    let scenario = scenario::parse(&format!("{CLUSTER}{rest}")).expect("a right scenario");
    let seed = scenario.seed;
    runner::run_to(&Arc::new(scenario), seed, u64::MAX, &mut |_, _| {})
}

fn stalls(world: &World) -> Vec<String> {
    let end = When { time: world.time(), event: world.event() };
    world.stalls().all(end).iter().map(|stall| text(stall, world.names())).collect()
}

const GROUP: &str = "[[consumer]]\nname = \"shipping\"\ntopics = [\"orders\"]\ngroup = \"shipping\"\nmembers = 2\n\
                     config = { \"session.timeout.ms\" = 10000, \"auto.offset.reset\" = \"earliest\" }\n";

#[test]
fn a_group_that_loses_a_member_reads_nothing_of_its_partitions_until_others_have_them() {
    let world = world(&format!("{GROUP}[[fault]]\nat = \"20s\"\nkill = \"shipping-2\"\n"));
    let told = stalls(&world);
    let [one] = &told[..] else { panic!("one stall: {told:#?}") };
    for words in [
        "group shipping in orders-2 and orders-3",
        "shipping-2 was down",
        "the group has shipping-2 as a member until session.timeout.ms=10000 is over",
        "over at 3",
    ] {
        assert!(one.contains(words), "{words}: {one}");
    }
    assert!(!one.contains("no member had it assigned"), "{one}");
    let summaries = world.stalls().summaries(&world.observer());
    let [summary] = &summaries[..] else { panic!("one group") };
    assert!(summary.read > 2_000 && summary.members == 2 && summary.lag.is_some_and(|lag| lag < 10), "{summary:?}");
}

#[test]
fn a_consumer_that_stands_still_is_told_with_its_lag_and_one_that_works_is_not() {
    let reader = "[[consumer]]\nname = \"audit\"\ntopics = [\"orders\"]\n";
    let paused = world(&format!("{reader}[[fault]]\nat = \"20s\"\npause = \"audit\"\nresume-after = \"5s\"\n"));
    let told = stalls(&paused);
    let [one] = &told[..] else { panic!("one stall: {told:#?}") };
    assert!(one.contains("audit in orders-0, orders-1, orders-2 and orders-3: nothing read for 5."), "{one}");
    assert!(one.contains("audit was paused") && one.contains("over at 25."), "{one}");
    assert_eq!(stalls(&world(reader)), Vec::<String>::new());
    let slow = "[[consumer]]\nname = \"audit\"\ntopics = [\"orders\"]\nwork = \"3s a poll\"\n";
    assert_eq!(stalls(&world(slow)), Vec::<String>::new(), "it works on what it has");
}

#[test]
fn a_reader_waits_for_the_leader_that_everybody_waits_for() {
    let reader = "[[consumer]]\nname = \"audit\"\ntopics = [\"orders\"]\n";
    let world =
        world(&format!("{reader}[[fault]]\nat = \"20s\"\ncut = \"link audit - broker 1\"\nheal-after = \"6s\"\n"));
    let told = stalls(&world);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("was cut off from the reader"), "{told:#?}");
}

#[test]
fn a_read_committed_reader_behind_an_open_transaction_stalls_and_waits_for_it_by_name() {
    let world = world(
        "transaction-every = \"8s\"\nconfig = { \"transactional.id\" = \"shop-1\" }\n\
         [[consumer]]\nname = \"audit\"\ntopics = [\"orders\"]\nconfig = { \"isolation.level\" = \"read_committed\" }\n",
    );
    let told = stalls(&world);
    let why = "it waited at the last stable offset for the transaction of shop, open since ";
    assert!(told.len() > 3 && told.iter().all(|line| line.matches(why).count() == 1), "{told:#?}");
}

#[test]
fn a_batch_that_has_rotted_is_why_nobody_reads_on() {
    let world = world(
        "[[consumer]]\nname = \"audit\"\ntopics = [\"orders\"]\nconfig = { \"auto.offset.reset\" = \"earliest\" }\n\
         [[fault]]\nat = \"1ms\"\nkill = \"audit\"\nrestart-after = \"15s\"\n\
         [[fault]]\nat = \"10s\"\nbit-rot = \"leader of orders-0\"\noffset = 40\n",
    );
    let told = stalls(&world);
    let is_it =
        |text: &&String| text.contains("audit in orders-0: nothing read") && text.contains("does not match its CRC");
    assert_eq!(told.iter().filter(is_it).count(), 1, "{told:#?}");
}

/// The stall that is told with all of these words.
fn told_with(told: &[String], words: &[&str]) -> bool {
    told.iter().any(|text| words.iter().all(|word| text.contains(word)))
}

fn assert_told(rest: &str, words: &[&str]) {
    let told = stalls(&world(rest));
    assert!(told_with(&told, words), "{words:?}: {told:#?}");
    assert!(told.iter().all(|text| text.contains(" (")), "each has a cause: {told:#?}");
}

const MODERN: &str = "[[consumer]]\nname = \"shipping\"\ntopics = [\"orders\"]\ngroup = \"shipping\"\nmembers = 2\n\
                      config = { \"group.protocol\" = \"consumer\", \"auto.offset.reset\" = \"earliest\" }\n";
const COMMITS: &str = "[[consumer]]\nname = \"shipping\"\ntopics = [\"orders\"]\ngroup = \"shipping\"\nmembers = 2\n\
                       commit = \"sync-after\"\nconfig = { \"auto.offset.reset\" = \"earliest\" }\n";
const ONE_SEAT: &str = "[[topic]]\nname = \"__consumer_offsets\"\npartitions = 1\nreplication-factor = 1\n\
                        config = { \"cleanup.policy\" = \"compact\" }\n";

#[test]
fn a_member_of_kip_848_that_is_killed_has_its_partitions_until_its_session_is_over() {
    assert_told(
        &format!("{MODERN}[[fault]]\nat = \"20s\"\nkill = \"shipping-1\"\n"),
        &["shipping-1 was down", "until group.consumer.session.timeout.ms=45000 is over", "not over"],
    );
}

#[test]
fn what_a_member_gives_up_another_hears_of_with_its_next_heartbeat() {
    let told = stalls(&world(MODERN));
    assert!(
        told_with(&told, &["with the next heartbeat of shipping-2, group.consumer.heartbeat.interval.ms=5000"]),
        "{told:#?}"
    );
}

/// A classic member stays one where another has made a consumer group of its group.
#[test]
fn a_classic_member_beats_and_goes_by_its_own_times() {
    let newcomer = MODERN.replacen("name = \"shipping\"", "name = \"new\"", 1).replace("members = 2", "members = 1");
    let begins = "[[fault]]\nat = \"1ms\"\nkill = \"new-1\"\nrestart-after = \"12s\"\n";
    let leaves = "[[fault]]\nat = \"20s\"\nleave = \"shipping-1\"\n[[fault]]\nat = \"40s\"\nkill = \"shipping-2\"\n";
    let told = stalls(&world(&format!("{GROUP}{newcomer}{begins}{leaves}")));
    assert!(told_with(&told, &["with the next heartbeat of shipping-", ", heartbeat.interval.ms=3000"]), "{told:#?}");
    assert!(told_with(&told, &["shipping-2", "until session.timeout.ms=10000 is over"]), "{told:#?}");
}

#[test]
fn a_member_that_begins_again_waits_for_the_session_of_its_former_life() {
    assert_told(
        &format!("{GROUP}[[fault]]\nat = \"20s\"\nkill = \"shipping-1\"\nrestart-after = \"1s\"\n"),
        &["a former life of shipping-1 as a member until session.timeout.ms=10000"],
    );
}

#[test]
fn who_commits_waits_for_a_coordinator_that_is_gone() {
    assert_told(
        &format!("{COMMITS}{ONE_SEAT}[[fault]]\nat = \"20s\"\nkill = \"leader of __consumer_offsets-0\"\n"),
        &["commitSync() of shipping-", "there was no group's coordinator: __consumer_offsets-0 had no leader"],
    );
}

#[test]
fn who_commits_waits_for_a_coordinator_that_cannot_write() {
    let seat = ONE_SEAT.replace("factor = 1", "factor = 3").replace("}", ", \"min.insync.replicas\" = 3 }");
    assert_told(
        &format!("{COMMITS}{seat}[[fault]]\nat = \"20s\"\nkill = \"follower of __consumer_offsets-0\"\n"),
        &[
            "commitSync() of shipping-",
            "could not write to __consumer_offsets-0: the ISR had 2 of min.insync.replicas=3",
        ],
    );
}

#[test]
fn who_commits_waits_for_a_former_coordinator_that_stands_still() {
    let seat = ONE_SEAT.replace("factor = 1", "factor = 3");
    let told = stalls(&world(&format!(
        "{COMMITS}{seat}[[fault]]\nat = \"20s\"\npause = \"leader of __consumer_offsets-0\"\nresume-after = \"20s\"\n"
    )));
    assert!(told_with(&told, &["commitSync() of shipping-", "which coordinated the group before"]), "{told:#?}");
}

#[test]
fn a_commit_whose_answer_is_lost_is_noticed_by_its_time_out() {
    let lose = |broker| {
        format!("[[fault]]\nat = \"15s\"\nlose = \"next OffsetCommit response from broker {broker} to shipping-1\"\n")
    };
    assert_told(
        &format!("{COMMITS}{}{}{}", lose(1), lose(2), lose(3)),
        &["commitSync() of shipping-1 did not return", "request.timeout.ms=30000"],
    );
}

#[test]
fn a_pipeline_waits_for_its_own_output() {
    assert_told(
        "[[topic]]\nname = \"parcels\"\npartitions = 1\nreplication-factor = 2\nconfig = { \"min.insync.replicas\" = 2 }\n\
         [[pipeline]]\nname = \"packer\"\nfrom = [\"orders\"]\nto = \"parcels\"\nwork = \"50ms\"\n\
         consumer-config = { \"auto.offset.reset\" = \"earliest\" }\n\
         [[fault]]\nat = \"15s\"\nkill = \"follower of parcels-0\"\nrestart-after = \"20s\"\n",
        &["what packer had sent on was not stored", "in parcels-0 the ISR had 1 of min.insync.replicas=2"],
    );
}

#[test]
fn a_program_whose_poll_throws_has_ended() {
    let none = "[[consumer]]\nname = \"shipping\"\ntopics = [\"orders\"]\ngroup = \"shipping\"\n\
                config = { \"auto.offset.reset\" = \"none\" }\n\
                [[admin]]\nat = \"1s\"\nrun = \"set-offset shipping orders-0 100000\"\n\
                [[fault]]\nat = \"1ms\"\nkill = \"shipping\"\nrestart-after = \"5s\"\n";
    let world = world(none);
    let summaries = world.stalls().summaries(&world.observer());
    let [end] = &summaries[0].ends[..] else { panic!("it has ended once: {summaries:?}") };
    assert!(end.at > 5_000_000 && end.error.exception() == "NoOffsetForPartitionException", "{end:?}");
}

#[test]
fn a_reader_may_take_a_broker_for_the_leader_that_is_none_any_more() {
    let told = stalls(&world(&format!(
        "config = {{ \"delivery.timeout.ms\" = 5000, \"request.timeout.ms\" = 3000 }}\n\
         {GROUP}[[fault]]\nat = \"20s\"\npause = \"leader of orders-0\"\nresume-after = \"20s\"\n"
    )));
    assert!(told_with(&told, &["the reader took broker", "for the leader still"]), "{told:#?}");
}

#[test]
fn where_a_group_begins_behind_records_that_is_counted() {
    let late = "[[consumer]]\nname = \"shipping\"\ntopics = [\"orders\"]\ngroup = \"shipping\"\ncommit = \"sync-after\"\n\
                [[fault]]\nat = \"1ms\"\nkill = \"shipping\"\nrestart-after = \"15s\"\n";
    let world = world(late);
    let observer = world.observer();
    let summaries = world.stalls().summaries(&observer);
    let [summary] = &summaries[..] else { panic!("one group") };
    let stored: i64 = (0..4)
        .filter_map(|partition| world.names().find_partition("orders", partition))
        .filter_map(|of| observer.log_ends(observer.leader_of(of)?, of))
        .map(|ends| ends.high_watermark)
        .sum();
    let lag = summary.lag.expect("its partitions have leaders");
    assert!(summary.skipped > 500, "{summary:?}");
    assert_eq!(stored as u64, summary.read + summary.skipped + lag as u64, "nothing is left over: {summary:?}");
}
