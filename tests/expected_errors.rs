//! `[[expect]] error`: errors that clients see, by Kafka's names.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::runner;
use loglab::lab::scenario::{ExpectationOutcome, parse};

/// Two members, one of which stands still for longer than its session, and a producer that meets a topic with too few replicas.
fn file(expectations: &str) -> String {
    format!(
        "title = \"t\"\nduration = \"60s\"\n[cluster]\nbrokers = 3\n\
         config = {{ \"group.initial.rebalance.delay.ms\" = 0, \"replica.lag.time.max.ms\" = 2000 }}\n\
         [[topic]]\nname = \"orders\"\npartitions = 2\nreplication-factor = 3\nconfig = {{ \"min.insync.replicas\" = 3 }}\n\
         [[producer]]\nname = \"shop\"\ntopic = \"orders\"\nrate = \"20/s\"\n\
         config = {{ \"delivery.timeout.ms\" = 6000, \"request.timeout.ms\" = 1000 }}\n\
         [[consumer]]\nname = \"worker\"\ntopics = [\"orders\"]\ngroup = \"g\"\nmembers = 2\ncommit = \"sync-after\"\nwork = \"200ms\"\n\
         config = {{ \"session.timeout.ms\" = 6000, \"auto.offset.reset\" = \"earliest\" }}\n\
         [[fault]]\nat = \"15s\"\npause = \"worker-1\"\nresume-after = \"12s\"\n\
         [[fault]]\nat = \"40s\"\npause = \"broker 3\"\n{expectations}"
    )
}

fn outcomes(expectations: &str) -> Vec<ExpectationOutcome> {
    let text = file(expectations);
    let scenario = Arc::new(parse(&text).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}")));
    runner::run(&scenario, 1, None).expectations
}

fn refusal(expectation: &str) -> String {
    let errors = parse(&file(expectation)).expect_err("it is wrong");
    errors[0].in_file("f")
}

#[test]
fn what_clients_see_is_expected_by_name_and_counted() {
    let met = |expectation: &str| {
        let outcome = outcomes(&format!("[[expect]]\n{expectation}")).remove(0);
        (outcome.met, outcome.about)
    };
    let is_met = |expectation: &str| met(expectation).0;
    assert_eq!(met("error = \"UNKNOWN_MEMBER_ID\""), (true, "error UNKNOWN_MEMBER_ID".to_owned()));
    assert!(is_met("error = \"UNKNOWN_MEMBER_ID\"\nof = \"worker\""));
    assert!(is_met("error = \"UNKNOWN_MEMBER_ID\"\nof = \"worker-1\""));
    assert!(!is_met("error = \"UNKNOWN_MEMBER_ID\"\nof = \"worker-2\""));
    assert!(!is_met("error = \"UNKNOWN_MEMBER_ID\"\nof = \"shop\""));
    assert!(is_met("error = \"CommitFailedException\"\nof = \"worker\""));
    assert!(is_met("error = \"NOT_ENOUGH_REPLICAS\"\nof = \"shop\"\nat-least = 3"));
    assert!(!is_met("error = \"NOT_ENOUGH_REPLICAS\"\nat-most = 2"));
    assert!(is_met("error = \"TimeoutException\"\nof = \"shop\""));
    assert_eq!(
        met("error = \"INVALID_TXN_STATE\"\nat-most = 0"),
        (true, "error INVALID_TXN_STATE, 0 to 0 times".to_owned())
    );
}

#[test]
fn what_no_client_can_see_is_refused() {
    for (wrong, told) in [
        ("[[expect]]\nerror = \"UNKNOWN_MEMBER\"", "did you mean \"UNKNOWN_MEMBER_ID\""),
        ("[[expect]]\nerror = \"UNKNOWN_MEMBER_ID\"\nof = \"workr\"", "there is no client \"workr\""),
        (
            "[[expect]]\nerror = \"UNKNOWN_MEMBER_ID\"\nanomaly = \"duplicate\"",
            "exactly one of anomaly, invariant, error",
        ),
        ("[[expect]]\nanomaly = \"duplicate\"\nof = \"shop\"", "\"of\" goes with \"error\""),
        ("[[expect]]\nerror = \"UNKNOWN_MEMBER_ID\"\nat-least = 5\nat-most = 2", "less than"),
    ] {
        let refusal = refusal(wrong);
        assert!(refusal.contains(told), "{refusal}");
    }
}
