//! What clients did otherwise than Kafka's.

use std::collections::BTreeMap;

use loglab::lab::node::Node;
use loglab::lab::runner;
use loglab::lab::scenario::{FailedSends, FindingKind};
use loglab::lab::world::World;
use loglab::log::batch;
use loglab::service::LoadGenerator;
use loglab::sim::SECOND;
use loglab::wire::TopicPartition;

use super::run;

fn producer(world: &World) -> &LoadGenerator {
    let process = world.names().producers().next().expect("a producer");
    match world.kernel().process(process) {
        Node::LoadGenerator(program) => program,
        other => panic!("{other:?} is no producer"),
    }
}

/// How often each value lies in the log of the partition's leader.
fn copies(world: &World) -> BTreeMap<String, usize> {
    let partition = TopicPartition { topic: 0, partition: 0 };
    let leader = world.image().partition(partition).expect("the partition").leader;
    let mut copies = BTreeMap::new();
    world.observer().batch_bytes(leader, partition, 0, i64::MAX, &mut |_, bytes| {
        for record in batch::records(bytes).expect("a batch").flatten() {
            let value = String::from_utf8_lossy(record.value.expect("a value")).into_owned();
            *copies.entry(value).or_default() += 1;
        }
    });
    copies
}

/// Measured on a real 4.3.1: what is sent after the reconnect succeeds, as the client writes to a broker that hangs only
/// after it has answered ApiVersions; and the error is the TimeoutException of its own request timeout.
#[test]
fn after_a_request_timeout_only_what_was_in_flight_has_failed() {
    let (world, report) = run("t06-retries0-request-timeout");
    let producer = producer(&world);
    let [FailedSends { error, records, .. }] = &report.failed_sends[..] else { panic!("{:?}", report.failed_sends) };
    assert_eq!(error, "REQUEST_TIMED_OUT");
    assert!((1..=3).contains(records), "{records} records failed");
    assert!(producer.sent() >= 38, "{} records were sent", producer.sent());
    assert!(producer.acked() + records >= producer.sent() - 1, "{} were acknowledged", producer.acked());
    assert_eq!(report.findings.len(), 0, "{:?}", report.findings);
}

/// Measured on a real 4.3.1: two values are there twice each, where each retry had been executed.
#[test]
fn without_idempotence_a_leader_that_hangs_executes_no_retry_but_the_last() {
    let (world, _) = run("t10-nonidempotent-leader-pause");
    let copies = copies(&world);
    let most = copies.values().copied().max();
    let repeated = copies.values().filter(|count| **count > 1).count();
    assert_eq!(most, Some(2), "no value is there more often");
    assert!((1..=5).contains(&repeated), "{repeated} values are there twice");
}

/// Measured on a real 4.3.1: `send()` blocks for max.block.ms and fails with a BufferExhaustedException.
#[test]
fn a_send_without_memory_fails_after_max_block_ms() {
    let (world, report) = run("r02-buffer-memory-exhausted");
    let exhausted: Vec<_> = report.failed_sends.iter().filter(|f| f.error == "BufferExhaustedException").collect();
    assert_eq!(exhausted.len(), 1, "{:?}", report.failed_sends);
    // Memory is used up a few seconds after the brokers are gone, 64 batches of 16 KiB later; they are back after 90 s.
    assert_eq!(exhausted[0].records, 1);
    assert!(producer(&world).acked() > 15_000, "{}", producer(&world).acked());
    assert_eq!(report.findings.len(), 0, "{:?}", report.findings);
}

/// The duplicate of a lost answer comes with the retry, 3 s after it.
#[test]
fn a_duplicate_is_dated_when_its_second_copy_is_committed() {
    let (_, report) = run("i-dup");
    let duplicate = report.findings.iter().find(|found| found.kind == FindingKind::Duplicate).expect("a duplicate");
    assert!((13 * SECOND..14 * SECOND).contains(&duplicate.at_us), "{}", duplicate.at_us);
}

/// Measured on a real 4.3.1: full batches only. Who is ready is asked anew before each drain (`RecordAccumulator.ready`).
#[test]
fn what_is_left_behind_a_full_batch_lingers() {
    let (world, _) = run("linger-behind-a-full-batch");
    let mut counts = Vec::new();
    world.observer().batch_bytes(1, TopicPartition { topic: 0, partition: 0 }, 0, i64::MAX, &mut |header, _| {
        counts.push(header.last_offset() - header.base_offset + 1);
    });
    // The first batch waits for nothing but metadata.
    assert!(counts.len() > 10 && counts[1..].iter().all(|count| *count > 20), "{counts:?}");
}

/// The acknowledgement was told of the topic that has the name now, in whose log the record was missed.
#[test]
fn an_acknowledgement_is_of_the_topic_that_was_written_to() {
    let (world, report) = run("acknowledgement-after-its-topic");
    // Without idempotence what the new topic takes at the second try comes out of order.
    assert!(report.findings.iter().all(|found| found.kind == FindingKind::Reordered), "{:?}", report.findings);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert!(producer(&world).acked() > 250, "{}", producer(&world).acked());
}

/// It fetched a thousand times a second: half a million events.
#[test]
fn a_topic_that_is_gone_is_fetched_with_pauses() {
    let scenario = super::scenario("topic-deleted-while-it-is-read");
    let events = |until| runner::run_to(&scenario, scenario.seed, until, &mut |_, _| {}).kernel().events();
    let a_second = events(60 * SECOND).saturating_sub(events(30 * SECOND)) / 30;
    assert!(a_second < 200, "{a_second} events a second");
}

/// A producer that waits in `send()` for the whole run has an outage of the whole run, and a line of its own.
#[test]
fn a_send_that_blocks_for_the_whole_run_is_an_outage() {
    for name in ["send-blocks-without-brokers", "send-blocks-without-network"] {
        let (_, report) = run(name);
        let [outage] = &report.outages[..] else { panic!("{name}: {:?}", report.outages) };
        assert_eq!((outage.topic.as_str(), &outage.partition, outage.to_us), ("u", &None, None), "{name}");
        assert!(outage.from_us < SECOND && outage.waiting == 1 && outage.failed == 0, "{name}: {outage:?}");
        let [p] = &report.producers[..] else { panic!("{name}: {:?}", report.producers) };
        assert_eq!((p.sent, p.acknowledged, p.failed, p.unfinished), (1, 0, 0, 1), "{name}");
    }
}

/// What `send()` waited belongs to the latency, as the program was kept waiting for it.
#[test]
fn a_send_that_blocks_until_its_topic_is_made_is_an_outage_until_the_acknowledgement() {
    let (_, report) = run("send-blocks-until-its-topic-is-there");
    let [outage] = &report.outages[..] else { panic!("{:?}", report.outages) };
    let to_us = outage.to_us.expect("it is over");
    assert!(outage.from_us < SECOND && (40 * SECOND..41 * SECOND).contains(&to_us), "{outage:?}");
    assert_eq!((&outage.partition, outage.waiting, outage.failed), (&None, 1, 0));
    assert!(report.producers[0].latency_max_us > 39 * SECOND, "{:?}", report.producers);
}

/// Eight calls of `send()` fail after max.block.ms each; the ninth gets through.
#[test]
fn sends_that_fail_in_send_have_failed() {
    let (_, report) = run("send-fails-until-its-topic-is-there");
    let p = &report.producers[0];
    let of_errors: u64 = report.failed_sends.iter().map(|failed| failed.records).sum();
    assert_eq!((p.failed, of_errors), (8, 8), "{p:?}");
    assert_eq!(p.sent, p.acknowledged + p.failed + p.unfinished);
    let [outage] = &report.outages[..] else { panic!("{:?}", report.outages) };
    assert_eq!((&outage.partition, outage.waiting, outage.failed), (&None, 1, 8), "{outage:?}");
    assert!(outage.from_us < SECOND && outage.to_us.is_some_and(|to_us| to_us < 41 * SECOND), "{outage:?}");
}

/// The topic of the outage is gone at 10 s, and what waited for it has failed at 13 s; what has its name acknowledges from 15 s on.
#[test]
fn an_outage_ends_when_another_topic_of_the_name_acknowledges() {
    let (_, report) = run("outage-of-a-topic-that-is-made-again");
    assert!(report.outages.iter().any(|outage| outage.partition.as_deref() == Some("u-0")), "{:?}", report.outages);
    for outage in &report.outages {
        let to_us = outage.to_us.expect("the producer is acknowledged again");
        let over = if outage.partition.is_some() { 13 * SECOND..=13 * SECOND } else { 15 * SECOND..=17 * SECOND };
        assert!(over.contains(&to_us), "{outage:?}");
    }
}

/// Broker 1 is superseded at about 18 s, does not know it until 40 s, and acknowledges on with acks=1.
#[test]
fn a_record_that_a_superseded_leader_acknowledges_is_lost_then() {
    for (name, heals_at) in [("heartbeats-cut-one-way", 40), ("a-acks1-isolated-leader", 25)] {
        let (_, report) = run(name);
        let lost: Vec<_> = report.findings.iter().filter(|it| it.kind == FindingKind::LostWrite).collect();
        assert!(!lost.is_empty(), "{name}: {:?}", report.findings);
        // What one truncation took is one finding, dated at the truncation: when the superseded leader is reached again.
        assert_eq!(lost.len(), 1, "{name}: {lost:?}");
        let healed = heals_at * SECOND..(heals_at + 1) * SECOND;
        assert!(healed.contains(&lost[0].at_us), "{name}: {}", lost[0].at_us);
        assert!(lost[0].count > 100 && lost[0].alike.len() as u64 == lost[0].count - 1, "{name}: {}", lost[0].count);
    }
}

/// With acks=0 there is nothing to be acknowledged, and nothing is.
#[test]
fn with_acks_0_nothing_is_acknowledged() {
    let (world, report) = run("acks-0-loses-what-was-sent");
    let p = &report.producers[0];
    assert_eq!((p.acknowledged, p.latency_max_us, producer(&world).acked()), (0, 0, 0), "{p:?}");
    assert!(p.unanswered > 1_000 && p.sent == p.unanswered + p.failed + p.unfinished, "{p:?}");
}

/// The leader is without power from 20 s on. What fits into the send buffer is sent and lost: 262,144 bytes, at 200 requests a second
/// of some 190 bytes. Then nothing can be written any more, request.timeout.ms ends the connection after 30 s, and all that came since
/// goes to the new leader, once.
#[test]
fn with_acks_0_what_the_send_buffer_holds_is_lost_and_no_more() {
    let (world, report) = run("r05d-acks0-leader-power-loss");
    let p = &report.producers[0];
    let [outage] = &report.outages[..] else { panic!("{:?}", report.outages) };
    let to_us = outage.to_us.expect("the connection is ended");
    assert!((24 * SECOND..29 * SECOND).contains(&outage.from_us), "{outage:?}");
    assert!((30 * SECOND..31 * SECOND).contains(&(to_us - outage.from_us)), "{outage:?}");
    let lasted = outage.from_us - 20 * SECOND;
    let sent_meanwhile = lasted * 200 / SECOND;
    assert!(p.missing.abs_diff(sent_meanwhile) < 5, "{p:?} {sent_meanwhile}");
    let bytes_each = 262_144 / p.missing;
    assert!((150..230).contains(&bytes_each), "{bytes_each}");
    assert_eq!((p.acknowledged, p.failed, report.findings.len()), (0, 0, 0), "{report:?}");
    let copies = copies(&world);
    assert!(copies.values().all(|count| *count == 1), "none is there twice");
    assert!((copies.len() as u64).abs_diff(p.sent - p.missing) < 3, "{} {p:?}", copies.len());
}

/// A leader that hangs reads everything when it goes on, but for the request of which it was sent the beginning: that one was sent
/// again on another connection.
#[test]
fn with_acks_0_a_leader_that_hangs_loses_and_doubles_nothing() {
    let (world, report) = run("acks-0-leader-hangs");
    let p = &report.producers[0];
    let outage = report.outages.first().expect("its buffers are full");
    assert!(outage.from_us > 10 * SECOND && outage.to_us.is_some_and(|to_us| to_us > 50 * SECOND), "{outage:?}");
    let copies = copies(&world);
    assert!(copies.values().all(|count| *count == 1), "none is there twice");
    assert!(p.missing < 3 && p.failed == 0 && report.findings.is_empty(), "{report:?}");
}

/// The Java client throws a TimeoutException for both, and its message says which time was out.
#[test]
fn an_error_says_which_time_was_out() {
    let errors = |name| run(name).1.failed_sends.into_iter().map(|failed| failed.error).collect::<Vec<_>>();
    assert_eq!(errors("send-fails-until-its-topic-is-there"), ["TimeoutException (max.block.ms)"]);
    assert_eq!(errors("outage-of-a-topic-that-is-made-again"), ["TimeoutException (delivery.timeout.ms)"]);
}
