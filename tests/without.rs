//! Historical fixes that a scenario switches off: each is found to be missing, and with all of them nothing is found.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::runner;
use loglab::lab::scenario::{FindingKind, parse};
use loglab::settings::Fix;

/// A pipeline whose members stand still one behind the other, for longer than their session, while a transaction is open.
const PIPELINE: &str = r#"
title = "t"
duration = "50s"
[cluster]
brokers = 3
without = [WITHOUT]
config = { "offsets.topic.num.partitions" = 1 }
[network]
latency = "4ms"
jitter = "4ms"
[[topic]]
name = "orders"
partitions = 2
replication-factor = 3
[[topic]]
name = "parcels"
replication-factor = 3
[[topic]]
name = "__transaction_state"
replication-factor = 3
config = { "cleanup.policy" = "compact" }
[[producer]]
name = "shop"
topic = "orders"
rate = "50/s"
[[pipeline]]
name = "packer"
from = ["orders"]
to = "parcels"
members = 2
transaction = true
work = "0ms"
again-after = "1s"
consumer-config = { "auto.offset.reset" = "earliest", "session.timeout.ms" = 6000, "heartbeat.interval.ms" = 1000 }
producer-config = { "transaction.timeout.ms" = 60000 }
[[fault]]
at = "12s"
pause = "packer-1"
resume-after = "9s"
[[fault]]
at = "28s"
pause = "packer-2"
resume-after = "9s"
"#;

/// The leader dies with what it alone has, and a consumer has read it.
const TRUNCATION: &str = r#"
title = "t"
duration = "30s"
[cluster]
brokers = 2
without = [WITHOUT]
config = { "unclean.leader.election.enable" = true, "broker.session.timeout.ms" = 3000 }
[[topic]]
name = "orders"
replication-factor = 2
[[producer]]
name = "shop"
topic = "orders"
rate = "50/s"
config = { "acks" = "1" }
[[consumer]]
name = "reader"
topics = ["orders"]
config = { "auto.offset.reset" = "earliest" }
[[fault]]
at = "5s"
cut = "link broker 1 - broker 2"
heal-after = "10s"
[[fault]]
at = "12s"
kill = "leader of orders-0"
restart-after = "6s"
"#;

/// In which scenario the lack of a fix shows, and as what.
fn shows(fix: Fix) -> (&'static str, FindingKind) {
    match fix {
        Fix::Kip447Fencing | Fix::Kip447RequireStable => (PIPELINE, FindingKind::ProcessedTwice),
        Fix::Kafka7747 => (TRUNCATION, FindingKind::Unseen),
    }
}

fn kinds(text: &str, without: &str, seed: u64) -> Vec<FindingKind> {
    let text = text.replace("WITHOUT", without);
    let scenario = Arc::new(parse(&text).unwrap_or_else(|errors| panic!("{errors:#?}")));
    let world = runner::run_to(&scenario, seed, u64::MAX, &mut |_, _| {});
    world.findings().list().iter().map(|it| it.kind).collect()
}

/// Most seeds that are tried.
const SEEDS: u64 = 60;

#[test]
fn each_fix_is_missed_where_it_is_switched_off() {
    for fix in Fix::ALL {
        let (text, kind) = shows(*fix);
        let found = (1..=SEEDS).find(|seed| kinds(text, &format!("\"{}\"", fix.name()), *seed).contains(&kind));
        let seed = found.unwrap_or_else(|| panic!("{} is not missed in {SEEDS} seeds", fix.name()));
        println!("{}: {} with seed {seed}", fix.name(), kind.name());
        assert!(!kinds(text, "", seed).contains(&kind), "{}: seed {seed} finds it with the fix, too", fix.name());
    }
}
