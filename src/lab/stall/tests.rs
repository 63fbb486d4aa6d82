//! What readers suffer in runs: who stood still, for how long, and why.

use std::sync::Arc;

use super::text;
use crate::lab::check::When;
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
    for words in
        ["group shipping in orders-2 and orders-3", "shipping-2 was down", "no member had it assigned", "over at 3"]
    {
        assert!(one.contains(words), "{words}: {one}");
    }
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
