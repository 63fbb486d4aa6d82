//! What clients get done once nothing is broken any more: consumers read what is there, producers get answers, brokers are
//! registered.

use super::history::Position;
use super::{Availability, Evidence, Findings, History, Invariants, Quiet};
use crate::lab::scenario::FindingKind;
use crate::sim::SECOND;
use crate::wire::TopicPartition;

/// Names everything that stands still though nothing is broken, and what it waits for.
pub fn find_stuck(
    quiet: Quiet,
    (history, invariants, availability): (&History, &Invariants, &Availability),
    evidence: &dyn Evidence,
    findings: &mut Findings,
) {
    // What waits for a leader or a high watermark is told with them.
    let known = findings.list().len();
    invariants.find_stuck(quiet, evidence, findings);
    if findings.list().len() == known {
        stuck_readers(quiet, history, invariants, evidence, findings);
        stuck_producers(quiet, availability, evidence, findings);
    }
}

fn stuck_readers(
    quiet: Quiet,
    history: &History,
    invariants: &Invariants,
    evidence: &dyn Evidence,
    findings: &mut Findings,
) {
    for (consumer, topics) in evidence.readers() {
        for (partition, _) in evidence.image().partitions() {
            if !topics.iter().any(|topic| *topic == evidence.image().topics.name_of(partition.topic)) {
                continue;
            }
            let there = invariants.high_watermark_at(partition, quiet.deadline());
            let position = history.positions.get(&consumer).and_then(|positions| positions.get(&partition)).copied();
            let stands = |position: &Position| position.next < there && quiet.is_too_long(position.moved_at);
            if let Some(Position { next, moved_at }) = position.filter(stands) {
                let about = format!(
                    "{} has read nothing of {} since {}.{:03} s: it is at offset {next}, and the high watermark has been {there} \
                     for longer than that may take",
                    evidence.process_name(consumer),
                    evidence.partition_name(partition),
                    moved_at / SECOND,
                    moved_at / 1_000 % 1_000,
                );
                findings.add(FindingKind::Stuck, partition, about);
            }
        }
    }
}

fn stuck_producers(quiet: Quiet, availability: &Availability, evidence: &dyn Evidence, findings: &mut Findings) {
    let open = availability.outages(quiet.now).into_iter().filter(|outage| outage.to.is_none() && outage.waiting > 0);
    for outage in open.filter(|outage| quiet.is_too_long(outage.from)) {
        // More in-sync replicas than there are replicas are waited for in vain, and rightly.
        let can_be_written = |partition: &TopicPartition| {
            let least = evidence.topic_number(*partition, "min.insync.replicas").unwrap_or(1);
            evidence.image().partition(*partition).is_some_and(|image| image.replicas.len() as i64 >= least)
        };
        // Where it waits in `send()`, what it waits for is told of the partitions.
        let Some(partition) = outage.partition.filter(can_be_written) else { continue };
        let about = format!(
            "{} waits for {} records in {} since {}.{:03} s, and none was acknowledged",
            evidence.process_name(outage.producer),
            outage.waiting,
            evidence.partition_name(partition),
            outage.from / SECOND,
            outage.from / 1_000 % 1_000,
        );
        findings.add(FindingKind::Stuck, partition, about);
    }
}
