//! What was wrong in brokers.

use super::run;

/// Fetch session ids began at 1 in each life of a broker: a consumer's stale fetch moved the high watermark past the ISR.
#[test]
fn a_session_id_of_an_earlier_life_finds_nothing() {
    let (_, report) = run("session-id-of-an-earlier-life");
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

/// Fetches stood still behind one slow write, and the leader shrank the ISR to itself.
#[test]
fn a_slow_disk_of_the_leader_costs_nobody_the_isr() {
    let (world, _) = run("r14-slow-leader-disk");
    let partition = world.image().partitions().next().expect("a partition").1;
    assert_eq!((partition.isr.len(), partition.partition_epoch), (3, 0), "nothing of it has changed since it was made");
}
