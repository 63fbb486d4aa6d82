//! Compacted topics in a whole cluster: what the built-in scenarios about them show.
#![cfg(not(target_family = "wasm"))]

use std::collections::BTreeMap;
use std::sync::Arc;

use loglab::lab::notable::{Notable, NotableKind};
use loglab::lab::scenario::{BUILTINS, Scenario, parse};
use loglab::lab::session::Session;
use loglab::log::batch::Body;
use loglab::wire::TopicPartition;

const PARTITION: TopicPartition = TopicPartition { topic: 0, partition: 0 };

fn built_in(name: &str) -> Arc<Scenario> {
    let found = BUILTINS.iter().find(|builtin| builtin.name == name);
    Arc::new(found.expect("it is built in").scenario().expect("a built-in scenario is right"))
}

fn at_end(scenario: Arc<Scenario>, seed: u64) -> Session {
    let end = scenario.duration_us;
    let mut session = Session::from_scenario(scenario, seed);
    session.seek_time(end);
    session
}

/// What a broker's replica holds: offset, key, value.
type Records = Vec<(i64, Vec<u8>, Option<Vec<u8>>)>;

fn records(session: &Session, broker: i32) -> Records {
    let mut records = Vec::new();
    let observer = session.world().observer();
    observer.batch_bytes(broker, PARTITION, 0, i64::MAX, &mut |_, bytes| {
        for record in Body::of(bytes).unwrap().records().unwrap().map(Result::unwrap) {
            records.push((record.offset, record.key.unwrap().to_vec(), record.value.map(<[u8]>::to_vec)));
        }
    });
    records
}

fn table(records: &Records) -> BTreeMap<&[u8], &[u8]> {
    let mut table = BTreeMap::new();
    for (_, key, value) in records {
        match value {
            Some(value) => table.insert(&key[..], &value[..]),
            None => table.remove(&key[..]),
        };
    }
    table
}

fn cleanings(session: &Session) -> Vec<String> {
    let notables = session.notables().iter();
    notables.filter(|notable| notable.kind() == NotableKind::Compaction).map(Notable::text).collect()
}

#[test]
fn each_broker_cleans_its_replica_and_all_keep_the_same_table() {
    let session = at_end(built_in("compaction-step-by-step"), 1);
    let cleaned = cleanings(&session);
    for broker in 1..=3 {
        assert!(cleaned.iter().filter(|text| text.starts_with(&format!("broker {broker} cleaned"))).count() >= 2);
    }
    let all: Vec<Records> = (1..=3).map(|broker| records(&session, broker)).collect();
    let observer = session.world().observer();
    for (broker, records) in (1..).zip(&all) {
        let (log, disk) = observer.log(broker, PARTITION).unwrap();
        assert!(records.len() < 300 && log.log_end_offset() > 700, "{} of {}", records.len(), log.log_end_offset());
        assert_eq!(table(records), table(&all[0]), "broker {broker}");
        // What was cleaned holds each key once.
        let clean = session_checkpoint(disk);
        let below: Vec<_> = records.iter().filter(|(offset, ..)| *offset < clean).collect();
        let mut keys: Vec<_> = below.iter().map(|(_, key, _)| key).collect();
        keys.sort();
        keys.dedup();
        assert!(!keys.is_empty() && keys.len() == below.len(), "broker {broker}, clean up to {clean}");
    }
}

fn session_checkpoint(disk: &loglab::sim::disk::Disk) -> i64 {
    let offsets = loglab::log::checkpoints::read_offsets(disk, "data/cleaner-offset-checkpoint").unwrap();
    offsets.into_values().next().unwrap()
}

#[test]
fn tombstones_are_stamped_by_one_pass_and_gone_after_a_later_one() {
    let mut session = Session::from_scenario(built_in("tombstone-two-passes"), 1);
    let mut stamped = 0;
    for second in 1..=60 {
        session.seek_time(second * 1_000_000);
        session.world().observer().batch_bytes(1, PARTITION, 0, i64::MAX, &mut |header, _| {
            stamped += i32::from(header.delete_horizon_ms().is_some());
        });
    }
    assert!(stamped > 0, "no batch was ever stamped");
    let records = records(&session, 1);
    let tombstones = records.iter().filter(|(.., value)| value.is_none()).count();
    let end = session.world().observer().log(1, PARTITION).unwrap().0.log_end_offset();
    assert!(end > 500 && tombstones < 40, "{tombstones} of about {} tombstones are left", end / 5);
    assert!(cleanings(&session).len() >= 9);
}

#[test]
fn without_a_cleaner_everything_stays() {
    let text = BUILTINS.iter().find(|builtin| builtin.name == "tombstone-two-passes").unwrap().toml;
    let off = text.replace("{ \"log.cleaner.backoff.ms\" = 5000 }", "{ \"log.cleaner.enable\" = false }");
    let session = at_end(Arc::new(parse(&off).unwrap()), 1);
    assert_eq!(cleanings(&session), Vec::<&str>::new());
    let end = session.world().observer().log(1, PARTITION).unwrap().0.log_end_offset();
    assert_eq!(records(&session, 1).len() as i64, end);
}

#[test]
fn a_slow_cleaner_is_throttled_over_many_events() {
    let text = BUILTINS.iter().find(|builtin| builtin.name == "tombstone-two-passes").unwrap().toml;
    let slow = "{ \"log.cleaner.backoff.ms\" = 5000, \"log.cleaner.io.max.bytes.per.second\" = 1000 }";
    let slow = text.replace("{ \"log.cleaner.backoff.ms\" = 5000 }", slow);
    let (slow, usual) = (at_end(Arc::new(parse(&slow).unwrap()), 1), at_end(built_in("tombstone-two-passes"), 1));
    assert!(!cleanings(&slow).is_empty() && cleanings(&slow).len() < cleanings(&usual).len());
}
