//! Records leave a log by licence only: retention, compaction, an administrator (`deletions`), truncation of what was not committed. Each licence is recomputed
//! here from what is known of the records, and from the topic's settings and the broker's clock.

use std::ops::Range;
use std::sync::Arc;

use super::latest::Latest;
use super::{Invariants, Partition};
use crate::lab::check::{BatchMark, Evidence, Findings, RecordMark, Stored, Unchecked};
use crate::lab::scenario::FindingKind;
use crate::wire::TopicPartition;

impl Invariants {
    /// Retention removed segments: of each either its youngest record was older than `retention.ms`, or the log without it
    /// still held `retention.bytes` (`UnifiedLog.deleteOldSegments`); or another replica had removed them by licence, and the
    /// leader's log started behind them.
    ///
    /// Kafka takes the last entry of a segment's time index for the timestamp of its youngest record. A power loss tears entries, and
    /// behind it only segments above the recovery point are looked into: below it retention goes by what is left of the entry.
    pub(super) fn segments_deleted(
        &mut self,
        broker: i32,
        partition: TopicPartition,
        offsets: Range<i64>,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let from = offsets.start.max(self.licensed_start(partition));
        let unchecked = std::mem::take(&mut self.replica(broker, partition).unchecked);
        let (gone, left): (Vec<_>, Vec<_>) = unchecked.into_iter().partition(|it| it.offsets.start < offsets.end);
        self.replica(broker, partition).unchecked = left;
        let known = self.partitions.of(partition);
        if offsets.end <= from {
            return;
        }
        let setting = |name| evidence.topic_number(partition, name);
        let now = evidence.wall_ms(broker);
        let retention_ms = setting("retention.ms").filter(|limit| *limit >= 0);
        let is_past = |timestamp: i64| {
            // Of a segment without timestamps the file's time counts, which is not known here.
            retention_ms.is_some_and(|limit| timestamp < 0 || now.saturating_sub(timestamp) > limit)
        };
        let is_old = |batch: &BatchMark| {
            let its = gone.iter().find(|it| it.offsets.contains(&batch.base));
            is_past(batch.max_timestamp) || its.is_some_and(|it| is_past(it.says_ms))
        };
        // From the front so many segments as are too much, then those that are too old.
        let removed = known.batches_in(from..offsets.end);
        let young_end = removed.iter().rev().find(|batch| !is_old(batch)).map(|batch| batch.last + 1);
        let is_too_much = |young_end: i64| {
            // Any size is allowed.
            let Some(limit) = setting("retention.bytes").filter(|limit| *limit >= 0) else { return false };
            let mut size =
                known.batches_in(young_end..offsets.end).iter().map(|batch| i64::from(batch.size)).sum::<i64>();
            evidence.batches(broker, partition, offsets.end, i64::MAX, &mut |batch| size += i64::from(batch.size));
            size >= limit
        };
        if let Some(young_end) = young_end.filter(|end| !is_too_much(*end)) {
            let about = format!(
                "broker {broker} removed offsets {from} to {} of {}: what lies below {young_end} is younger than retention.ms, and what \
                 is left is smaller than retention.bytes",
                offsets.end - 1,
                evidence.partition_name(partition),
            );
            findings.add(FindingKind::RemovedTooEarly, partition, about);
        }
        let known = self.partitions.of(partition);
        known.licensed_start = known.licensed_start.max(offsets.end);
    }

    /// A cleaner went over a log up to here: the last record of each key is still there, and a tombstone until
    /// `delete.retention.ms` after the first pass over it (`LogCleaner`, KIP-534).
    pub(super) fn cleaned(
        &mut self,
        broker: i32,
        partition: TopicPartition,
        to: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // It is gone, with its topic.
        let Some(ends) = evidence.log_ends(broker, partition) else { return };
        // What may still be cut supersedes nothing (`LogCleanerManager.cleanableOffsets`: not behind the last stable offset).
        if to > ends.high_watermark {
            let about = format!(
                "broker {broker} cleaned {} up to offset {to}, above its high watermark, {}",
                evidence.partition_name(partition),
                ends.high_watermark,
            );
            findings.add(FindingKind::RemovedTooEarly, partition, about);
        }
        let mut there = Vec::new();
        let mut is_readable = true;
        evidence.record_marks(broker, partition, ends.log_start, to, &mut |met| match met {
            Stored::Record(mark) => there.push((mark.offset, mark.horizon_ms)),
            Stored::Corrupt { .. } => is_readable = false,
        });
        // What rotted is readable for nobody.
        if !is_readable {
            return;
        }
        let retention_ms = evidence.topic_number(partition, "delete.retention.ms").unwrap_or(0);
        let now_ms = evidence.wall_ms(broker);
        let may_go = |latest: &Latest| {
            let is_past = latest.horizon_ms.is_some_and(|horizon| horizon <= now_ms);
            latest.is_tombstone && is_past && now_ms.saturating_sub(latest.since_ms) > retention_ms
        };
        let known = self.partitions.of(partition);
        let mut gone = Vec::new();
        Arc::make_mut(&mut known.latest).retain(|_, latest| {
            if !(ends.log_start..to).contains(&latest.offset) {
                return true;
            }
            match there.binary_search_by_key(&latest.offset, |(offset, _)| *offset) {
                Ok(place) => {
                    let (_, horizon_ms) = there[place];
                    let known = latest.horizon_ms.into_iter().chain(horizon_ms);
                    latest.horizon_ms = known.min();
                    // A clock may have been set back meanwhile.
                    latest.since_ms = latest.since_ms.min(now_ms);
                }
                // Its horizon is past: it may go everywhere, whatever other clocks show.
                Err(_) if may_go(latest) => return false,
                Err(_) => gone.push(*latest),
            }
            true
        });
        for latest in gone {
            let what = if latest.is_tombstone { "the tombstone" } else { "the last record of its key" };
            let about = format!(
                "broker {broker} cleaned {} and removed {what} at offset {}",
                evidence.partition_name(partition),
                latest.offset
            );
            findings.add(FindingKind::RemovedTooEarly, partition, about);
        }
    }

    /// A replica cut its log: never below its own high watermark, unless what was committed is given up.
    pub(super) fn truncated(
        &mut self,
        broker: i32,
        partition: TopicPartition,
        (from, to): (i64, i64),
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let known = self.partitions.of(partition);
        let committed = known.replicas.get(&broker).map_or(0, |replica| replica.committed).min(from);
        if to < committed && !known.may_lose && !self.damaged.contains(&broker) {
            let about = format!(
                "broker {broker} cut its log of {} from {from} to {to}, below its high watermark, {committed}",
                evidence.partition_name(partition),
            );
            findings.add(FindingKind::TruncatedBelowHw, partition, about);
        }
        let replica = self.replica(broker, partition);
        // What is written there from now on has entries of its own.
        replica.unchecked.retain(|it| it.offsets.end <= to);
        (replica.committed, replica.moved_at) = (replica.committed.min(to), findings.time());
        replica.cut_to = Some(to);
    }

    /// A follower gave up its whole log: its leader's begins behind it, because of retention or an administrator.
    pub(super) fn gave_up(
        &mut self,
        broker: i32,
        partition: TopicPartition,
        log_end: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let licensed = self.licensed_start(partition);
        let known = self.partitions.of(partition);
        let committed = known.replicas.get(&broker).map_or(0, |replica| replica.committed).min(log_end);
        if committed > licensed && !known.may_lose && !self.damaged.contains(&broker) {
            let about = format!(
                "broker {broker} gave up its log of {} up to {log_end}, whose high watermark was {committed}; what lies below {} \
                 may go",
                evidence.partition_name(partition),
                licensed,
            );
            findings.add(FindingKind::TruncatedBelowHw, partition, about);
        }
        let replica = self.replica(broker, partition);
        (replica.committed, replica.moved_at) = (0, findings.time());
        replica.unchecked.clear();
    }

    /// Of the segments that retention removes on a broker the first whose time index says that it is older than its records are,
    /// and what the youngest of these says.
    #[must_use]
    pub fn torn_time(&self, broker: i32, partition: TopicPartition, offsets: &Range<i64>) -> Option<(Unchecked, i64)> {
        let known = self.partitions.get(&partition)?;
        let unchecked = &known.replicas.get(&broker)?.unchecked;
        let torn = unchecked.iter().filter(|it| offsets.contains(&it.offsets.start)).filter_map(|it| {
            let youngest = known.batches_in(it.offsets.clone()).iter().map(|batch| batch.max_timestamp).max();
            Some((it.clone(), youngest.filter(|youngest| *youngest > it.says_ms)?))
        });
        torn.into_iter().next()
    }
}

impl Partition {
    /// What is known of the committed batches in these offsets.
    fn batches_in(&self, offsets: Range<i64>) -> Vec<BatchMark> {
        let first = self.committed.partition_point(|batch| batch.last < offsets.start);
        self.committed.iter_from(first).take_while(|batch| batch.base < offsets.end).copied().collect()
    }

    /// A record came to lie below a high watermark.
    pub(super) fn note_latest(&mut self, mark: RecordMark, since_ms: i64) {
        // Compaction leaves alone what has no key.
        let Some(key) = mark.key else { return };
        // Whether it counts is known with its marker: the cleaner takes what is aborted, and else what it supersedes. Nothing is
        // owed of its key until another one comes.
        if mark.is_transactional {
            if self.latest.get(&key).is_some_and(|known| known.offset < mark.offset) {
                Arc::make_mut(&mut self.latest).remove(&key);
            }
            return;
        }
        let is_tombstone = mark.value.is_none();
        let latest = Latest { offset: mark.offset, is_tombstone, horizon_ms: None, since_ms };
        let known = Arc::make_mut(&mut self.latest).entry(key).or_insert(latest);
        if known.offset < mark.offset {
            *known = latest;
        }
    }
}
