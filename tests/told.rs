//! What stories and reports say of clients that break no promise and get nothing done.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::notable::Notable;
use loglab::lab::runner::{report, run_to};
use loglab::lab::scenario::{RunReport, TransactionCount, parse};

/// A cluster of three brokers in which these programs run.
fn file(seconds: u32, topic: &str, programs: &str) -> String {
    format!(
        "title = \"t\"\nduration = \"{seconds}s\"\n[cluster]\nbrokers = 3\n\
         config = {{ \"offsets.topic.num.partitions\" = 1, \"transaction.state.log.num.partitions\" = 1 }}\n\
         [[topic]]\nname = \"orders\"\npartitions = 1\nreplication-factor = 3\n{topic}\n{programs}"
    )
}

/// The report of a run, and its story.
fn told(text: &str) -> (RunReport, Vec<String>) {
    let scenario = Arc::new(parse(text).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}")));
    let mut story = Vec::new();
    let world = run_to(&scenario, 1, u64::MAX, &mut |_, notables| story.extend(notables.iter().map(Notable::text)));
    story.extend(world.present().iter().map(Notable::text));
    (report(&world, scenario.duration_us), story)
}

fn till(settings: &str, more: &str) -> String {
    format!(
        "[[producer]]\nname = \"till\"\ntopic = \"orders\"\nrate = \"20/s\"\n{more}\n\
         config = {{ \"transactional.id\" = \"till\"{settings} }}\n"
    )
}

const STRICT: &str = "[[consumer]]\nname = \"strict\"\ntopics = [\"orders\"]\n\
                      config = { \"auto.offset.reset\" = \"earliest\", \"isolation.level\" = \"read_committed\" }\n";

fn in_call(report: &RunReport) -> Vec<(&str, bool)> {
    report.outages.iter().filter_map(|outage| Some((outage.call.as_deref()?, outage.to_us.is_none()))).collect()
}

#[test]
fn a_producer_that_cannot_commit_is_told_with_its_reason() {
    let state = "[[topic]]\nname = \"__transaction_state\"\npartitions = 1\nreplication-factor = 3\n\
                 config = { \"cleanup.policy\" = \"compact\", \"min.insync.replicas\" = 3 }";
    let kill = "[[fault]]\nat = \"10s\"\nkill = \"follower of __transaction_state-0\"\n";
    let (report, story) = told(&file(40, state, &format!("{}{STRICT}{kill}", till(", \"max.block.ms\" = 5000", ""))));
    assert_eq!(in_call(&report), [("commitTransaction()", true)], "{:#?}", report.outages);
    let why = "COORDINATOR_NOT_AVAILABLE: the ISR of __transaction_state-0 had 2 of min.insync.replicas=3";
    let outage = report.outages.iter().find(|outage| outage.call.is_some()).expect("it was just found");
    assert!(outage.why.as_ref().is_some_and(|told| told.contains(why)) && outage.timeouts > 2, "{outage:?}");
    assert!(
        story.iter().any(|line| line.starts_with("till in commitTransaction(): ") && line.contains(why)),
        "{story:#?}"
    );
}

#[test]
fn a_transaction_needs_brokers_as_a_group_does() {
    let text = file(10, "", &till("", "")).replace("brokers = 3", "brokers = 2");
    let text = text.replace("replication-factor = 3", "replication-factor = 2");
    let errors = parse(&text).expect_err("it never begins");
    let what = "a transaction needs 3 brokers, and there are 2: lower \"transaction.state.log.replication.factor\"";
    assert!(errors.iter().any(|error| error.to_string().contains(what)), "{errors:#?}");
    let lower = text.replace("config = { \"off", "config = { \"transaction.state.log.replication.factor\" = 2, \"off");
    parse(&lower).unwrap_or_else(|errors| panic!("{errors:#?}"));
}

#[test]
fn a_producer_whose_transactions_may_last_too_long_is_told_to_have_ended() {
    let (report, _) = told(&file(10, "", &till(", \"transaction.timeout.ms\" = 1000000", "")));
    assert_eq!(report.producers[0].failed_with.as_deref(), Some("INVALID_TRANSACTION_TIMEOUT"));
}

#[test]
fn a_reader_of_committed_records_waits_for_a_transaction_by_name_until_its_coordinator_aborts_it() {
    let kill = "[[fault]]\nat = \"10s\"\nkill = \"till\"\n";
    let other = "[[producer]]\nname = \"other\"\ntopic = \"orders\"\nrate = \"10/s\"\n";
    let long = till(", \"transaction.timeout.ms\" = 15000", "transaction-every = \"4s\"");
    let (report, story) = told(&file(45, "", &format!("{long}{other}{STRICT}{kill}")));
    let waits = |line: &String| {
        line.starts_with("strict in orders-0: nothing read for ")
            && line.contains("it waited at the last stable offset for the transaction of till, open since ")
    };
    assert!(story.iter().any(waits), "{story:#?}");
    assert!(report.stalls.iter().any(|stall| waits(&stall.about) && stall.to_us.is_some()), "{:#?}", report.stalls);
    let aborts = " aborts the transaction of till: transaction.timeout.ms=15000 is over";
    assert!(
        story.iter().any(|line| line.starts_with("the coordinator, broker ") && line.ends_with(aborts)),
        "{story:#?}"
    );
    let of = report.producers[0].transactions.expect("it has a transactional.id");
    assert_eq!((of.timed_out.transactions, of.open, of.aborted), (1, TransactionCount::default(), of.open), "{of:?}");
    assert!(of.committed.transactions >= 1 && of.timed_out.records > 0, "{of:?}");
}

#[test]
fn of_transactions_that_are_all_aborted_nothing_is_committed() {
    let (report, _) = told(&file(15, "", &till("", "abort-ppm = 1000000")));
    let producer = &report.producers[0];
    let of = producer.transactions.expect("it has a transactional.id");
    assert_eq!(of.committed, TransactionCount::default());
    assert!(of.aborted.transactions > 10 && of.aborted.records + of.open.records == producer.acknowledged, "{of:?}");
}

#[test]
fn readers_below_a_high_watermark_that_stands_are_told_why() {
    let topic = "config = { \"min.insync.replicas\" = 2 }";
    let fast = "[[producer]]\nname = \"shop\"\ntopic = \"orders\"\nrate = \"20/s\"\nconfig = { \"acks\" = \"1\" }\n\
                [[consumer]]\nname = \"reader\"\ntopics = [\"orders\"]\nconfig = { \"auto.offset.reset\" = \"earliest\" }\n";
    let kill =
        "[[fault]]\nat = \"10s\"\nkill = \"follower of orders-0\"\n[[fault]]\nat = \"25s\"\nkill = \"broker 3\"\n";
    let (report, story) = told(&file(60, topic, &format!("{fast}{kill}")));
    let is_it = |line: &str| {
        line.contains("reader in orders-0: nothing read for ")
            && line.contains("the high watermark stood at ")
            && line.contains("the ISR had 1 of min.insync.replicas=2")
    };
    assert!(report.stalls.iter().any(|stall| is_it(&stall.about) && stall.to_us.is_none()), "{:#?}", report.stalls);
    assert!(story.iter().any(|line| is_it(line) && line.ends_with("; not over")), "{story:#?}");
}
