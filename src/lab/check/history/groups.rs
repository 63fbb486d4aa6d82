//! What groups promise: each record is worked on at least once where offsets are committed behind the work.

use super::{GroupWork, History, Log};
use crate::lab::check::{Evidence, Findings, LogEnds};
use crate::lab::scenario::FindingKind;
use crate::wire::TopicPartition;

impl History {
    /// One past the last offset up to which members of a group have done their work, from the first offset on.
    #[must_use]
    pub fn worked_on_up_to(&self, group: &str, partition: TopicPartition) -> i64 {
        let reached = self.groups.reached.get(group).and_then(|partitions| partitions.get(&partition));
        reached.map_or(0, |reached| reached.done.first_end())
    }

    /// The offset that a group has committed last, as its members were told.
    #[must_use]
    pub fn committed_by(&self, group: &str, partition: TopicPartition) -> i64 {
        let reached = self.groups.reached.get(group).and_then(|partitions| partitions.get(&partition));
        reached.map_or(0, |reached| reached.committed)
    }

    /// What a group has done.
    #[must_use]
    pub fn work_of(&self, group: &str) -> GroupWork {
        self.progress.work_of(group)
    }

    /// A member goes on from what its group has committed: that is never below what a member was told is committed.
    pub(super) fn find_gone_back(
        &mut self,
        consumer: u32,
        partition: TopicPartition,
        offset: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // It went on.
        let Some(before) = self.groups.went_back(consumer, partition, offset, evidence) else { return };
        let about = format!(
            "{} was told that group {} has committed offset {offset} of {}, and a member had been told that {before} is committed",
            evidence.process_name(consumer),
            evidence.group_of(consumer).unwrap_or_default(),
            evidence.partition_name(partition),
        );
        findings.add(FindingKind::OffsetWentBack, partition, about);
    }

    /// At the end of a run: what groups have committed past and nobody has worked on.
    pub(super) fn find_never_delivered(
        &mut self,
        partition: TopicPartition,
        log: &Log,
        ends: LogEnds,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // Of a compacted topic what nobody has seen may go.
        if evidence.is_compacted(partition) {
            return;
        }
        for (group, reached) in self.groups.reached.iter() {
            // The group has not come to it.
            let Some(reached) = reached.get(&partition) else { continue };
            for offset in ends.log_start..reached.committed.min(ends.high_watermark) {
                let record = self.acknowledged_at(partition, offset).filter(|record| log.records.contains(record));
                // Nobody was promised that something is here, or it went with its transaction.
                let Some(record) = record.filter(|record| self.is_promised(*record)) else { continue };
                if reached.holds(offset) || self.groups.is_in_hand(group, partition, offset, evidence) {
                    continue;
                }
                let about = format!(
                    "group {group} has committed offset {} of {}, and no member has done its work on {} at offset {offset}",
                    reached.committed,
                    evidence.partition_name(partition),
                    evidence.record_name(record),
                );
                let since = reached.skipped_since(offset).unwrap_or(findings.now());
                findings.add_since(since, FindingKind::NeverDelivered, partition, about);
            }
        }
    }
}
