//! What happens to a partition's files in a whole cluster: what the built-in scenarios about storage show.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::scenario::{BUILTINS, Scenario, parse};
use loglab::lab::session::Session;
use loglab::log::batch;
use loglab::sim::kernel::Status;
use loglab::wire::TopicPartition;

const PARTITION: TopicPartition = TopicPartition { topic: 0, partition: 0 };

fn built_in(name: &str) -> &'static str {
    BUILTINS.iter().find(|builtin| builtin.name == name).expect("it is built in").toml
}

fn at_end(toml: &str, seed: u64) -> Session {
    let scenario: Arc<Scenario> = Arc::new(parse(toml).unwrap_or_else(|errors| panic!("{errors:#?}")));
    let end = scenario.duration_us;
    let mut session = Session::from_scenario(scenario, seed);
    session.seek_time(end);
    session
}

/// How many lines of the story say all of these.
fn lines(session: &Session, parts: &[&str]) -> usize {
    session.notables().iter().filter(|notable| parts.iter().all(|part| notable.text().contains(part))).count()
}

fn log_start(session: &Session, broker: i32) -> i64 {
    session.world().observer().log(broker, PARTITION).expect("a replica").0.log_start_offset()
}

fn log_end(session: &Session, broker: i32) -> i64 {
    session.world().observer().log(broker, PARTITION).expect("a replica").0.log_end_offset()
}

#[test]
fn segments_roll_by_size_and_by_time_and_the_recovery_point_follows() {
    let session = at_end(built_in("segment-rolls"), 1);
    for topic in ["orders-0", "audit-0"] {
        assert!(lines(&session, &["rolled", topic]) > 2, "{topic}");
    }
    let observer = session.world().observer();
    for broker in 1..=3 {
        let (log, _) = observer.log(broker, PARTITION).expect("a replica");
        assert_eq!(log.recovery_point(), log.active_segment().base_offset, "broker {broker}");
    }
}

#[test]
fn retention_passes_a_slow_consumer_by() {
    let session = at_end(built_in("retention-against-slow-consumer"), 1);
    assert!(lines(&session, &["report", "OFFSET_OUT_OF_RANGE"]) > 0);
    for broker in 1..=3 {
        assert!(lines(&session, &[&format!("broker {broker} deleted"), "clicks-0 by retention"]) > 5);
        assert!(log_start(&session, broker) > 100, "broker {broker}");
    }
}

#[test]
fn a_torn_batch_is_cut_off_and_fetched_again() {
    let torn = |seed| {
        let session = at_end(built_in("power-loss-torn-batch"), seed);
        assert_eq!(lines(&session, &["broker 2 opened orders-0", "recovery point"]), 1, "seed {seed}");
        assert!(log_end(&session, 2).abs_diff(log_end(&session, 1)) < 20, "it has caught up");
        lines(&session, &["broker 2 opened orders-0", "a torn batch"])
    };
    assert!((1..=5).map(torn).sum::<usize>() >= 4, "a power loss mostly tears a batch");
}

#[test]
fn bit_rot_is_found_by_its_crc_when_the_broker_comes_back() {
    let session = at_end(built_in("bit-rot-found-by-crc"), 1);
    assert_eq!(lines(&session, &["broker 3 opened orders-0", "CRC does not match"]), 1);
    assert!(log_end(&session, 3).abs_diff(log_end(&session, 1)) < 20, "it has caught up");
}

#[test]
fn lost_indexes_are_rebuilt() {
    let session = at_end(built_in("index-rebuilt"), 1);
    assert_eq!(lines(&session, &["broker 2 opened orders-0", "index files rebuilt"]), 1);
    let observer = session.world().observer();
    let (_, disk) = observer.log(2, PARTITION).expect("a replica");
    let files = |ending: &str| disk.list("data/orders-0/").filter(|path| path.ends_with(ending)).count();
    assert!(files(".log") > 2);
    assert_eq!((files(".index"), files(".timeindex")), (files(".log"), files(".log")));
}

#[test]
fn a_broker_with_a_full_disk_halts_and_comes_back_when_there_is_room() {
    let session = at_end(built_in("full-disk"), 1);
    assert_eq!(lines(&session, &["broker 1 halts"]), 1);
    let mut halted = Session::from_scenario(Arc::clone(session.scenario()), 1);
    halted.seek_time(20_000_000);
    assert_eq!(halted.world().kernel().status(1), Status::Killed);
    assert!(log_end(&halted, 1) > 0, "what it was stays for the picture");
    assert!(log_end(&session, 1).abs_diff(log_end(&session, 2)) < 20, "it has caught up");
}

#[test]
fn a_broker_that_is_restarted_on_a_full_disk_halts_again() {
    let full = built_in("full-disk").replace("heal-disk-after = \"20s\"\n", "");
    let session = at_end(&full, 1);
    assert_eq!(lines(&session, &["broker 1 halts"]), 2);
    assert_eq!(session.world().kernel().status(1), Status::Killed);
}

#[test]
fn a_broker_that_cannot_load_its_logs_is_never_unfenced() {
    let full = built_in("full-disk").replace("heal-disk-after = \"20s\"\n", "");
    let session = at_end(&full, 1);
    let halted_last = session.notables().iter().rposition(|notable| notable.text().contains("broker 1 halts"));
    let unfenced_last = session.notables().iter().rposition(|notable| notable.text().contains("broker 1 is unfenced"));
    let restarted = session.notables().iter().rposition(|notable| notable.text().contains("restart broker 1"));
    assert!(unfenced_last < restarted && restarted < halted_last, "{unfenced_last:?} {restarted:?} {halted_last:?}");
}

#[test]
fn a_slow_disk_costs_a_broker_neither_its_session_nor_its_leaderships() {
    let slow = "[[fault]]\nat = \"5s\"\nslow-disk = \"leader of orders-0\"\nby = \"2s\"\n";
    let session = at_end(&format!("{}\n{slow}", built_in("steady-state")), 1);
    assert_eq!(lines(&session, &["is fenced"]), 0);
    assert_eq!(lines(&session, &["leads", "in epoch 1"]), 0);
    let log_end = |time_us| {
        let mut session = at_end(&format!("{}\n{slow}", built_in("steady-state")), 1);
        session.seek_time(time_us);
        log_end(&session, 1)
    };
    assert!(log_end(5_000_000) < log_end(20_000_000), "it goes on, slowly");
}

#[test]
fn no_batch_of_a_built_in_scenario_is_larger_than_a_segment() {
    for builtin in BUILTINS.iter().filter(|builtin| builtin.toml.contains("segment.bytes")) {
        let session = at_end(builtin.toml, 1);
        assert_eq!(lines(&session, &["RECORD_LIST_TOO_LARGE"]), 0, "{}", builtin.name);
    }
}

/// Offset, key and whether it is a tombstone, of each record of a broker's replica.
fn records(session: &Session, broker: i32) -> Vec<(i64, Vec<u8>, bool)> {
    let mut records = Vec::new();
    session.world().observer().batch_bytes(broker, PARTITION, 0, log_end(session, broker), &mut |_, bytes| {
        let body = batch::Body::of(bytes).expect("a whole batch");
        for record in body.records().expect("records").flatten() {
            records.push((record.offset, record.key.expect("a key").to_vec(), record.value.is_none()));
        }
    });
    records
}

#[test]
fn a_tombstone_outlives_a_pass_and_goes_in_a_later_one() {
    let (mut outlive, mut go) = (0, 0);
    for seed in 1..=3 {
        let mut session = at_end(built_in("tombstone-two-passes"), seed);
        let mut at = |time_us| {
            session.seek_time(time_us);
            records(&session, 1)
        };
        let (before, end) = (at(20_000_000), at(36_000_000));
        let is_clean = |offset: i64| offset < 100;
        let tombstones = || before.iter().filter(|(offset, _, is_tombstone)| *is_tombstone && is_clean(*offset));
        outlive += tombstones().count();
        // Gone without a later record of their keys: by their time alone.
        go += tombstones().filter(|(_, key, _)| !end.iter().any(|(_, other, _)| other == key)).count();
        let replaced = tombstones().filter(|(offset, ..)| end.iter().any(|(other, ..)| other == offset)).count();
        assert_eq!(replaced, 0, "none outlives the passes at 25 s and 30 s");
    }
    assert!(outlive > 10, "{outlive} outlive the passes at 5 s and 10 s");
    assert!(go > 0, "{go} are gone");
}
