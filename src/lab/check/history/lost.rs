//! Records that were acknowledged and are in no log from which the cluster serves: since when, and what they have in common.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{History, Log, NOBODY, NOWHERE, Sent, held_elsewhere};
use crate::lab::check::{Evidence, Findings, When};
use crate::lab::scenario::FindingKind;
use crate::note::RecordId;
use crate::sim::chunks::Chunks;
use crate::wire::{PartitionMap, TopicPartition};

impl History {
    /// A broker began to lead: what was acknowledged at or above the end of its log is gone.
    pub(super) fn leads(
        &mut self,
        partition: TopicPartition,
        leader: (i32, i32, u32),
        log_end: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let known = self.partitions.of(partition);
        // A broker that learns late of an election that is already over serves nobody.
        let newest = evidence.image().partition(partition).map_or(leader.1, |image| image.leader_epoch);
        if leader.1 < newest || known.leader.is_some_and(|(_, epoch, _)| leader.1 < epoch) {
            return;
        }
        (known.leader, known.leads_since) = (Some(leader), Some(findings.now()));
        if log_end < known.appended_end {
            known.went_astray(log_end, known.appended_end);
        }
        let end = usize::try_from(log_end).unwrap_or(0);
        let lacking =
            (log_end..).zip(known.acknowledged.iter_from(end).copied()).filter(|(_, record)| *record != NOBODY);
        let lacking: Vec<(i64, RecordId)> = lacking.collect();
        known.acknowledged.truncate(end);
        known.frontier = known.frontier.min(log_end);
        self.must_go_back(partition, log_end);
        let now = findings.now();
        for (offset, record) in lacking {
            if held_elsewhere(record, partition, (leader.0, offset), evidence) {
                self.partitions.of(partition).doomed.push((record, offset));
            } else {
                let since = self.partitions.of(partition).loss(now);
                self.lost(record, partition, (leader.0, &Log::default()), since, evidence, findings);
            }
        }
    }

    /// How many records that were acknowledged at these offsets are not in the leader's log: they are lost when the last replica
    /// that has them cuts them off, or were when it led without them.
    #[must_use]
    pub fn doomed(&self, partition: TopicPartition, offsets: Range<i64>) -> u64 {
        // Of a partition without a record nothing is lost.
        let Some(known) = self.partitions.get(&partition) else { return 0 };
        let doomed = known.doomed.iter().map(|(_, offset)| offset);
        doomed.chain(&known.lost_at).filter(|offset| offsets.contains(offset)).count() as u64
    }

    /// A replica cut these offsets off its log: what was acknowledged there, and its leader does not have, is lost now.
    pub(super) fn cut_off(
        &mut self,
        partition: TopicPartition,
        offsets: Range<i64>,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // Mostly nothing is waited for.
        let Some(known) = self.partitions.get(&partition).filter(|known| !known.doomed.is_empty()) else { return };
        // Where nobody serves it, somebody may still lead who has them: the end of the run tells.
        let Some(leader) = self.serving(partition, evidence) else { return };
        let gone = |(record, offset): &(RecordId, i64)| {
            offsets.contains(offset) && !held_elsewhere(*record, partition, (leader, *offset), evidence)
        };
        let (gone, kept): (Vec<_>, Vec<_>) = known.doomed.iter().copied().partition(gone);
        self.partitions.of(partition).doomed = kept;
        let log = Log::of(leader, partition, offsets, evidence);
        let now = findings.now();
        for (record, _) in gone.into_iter().filter(|(record, _)| !log.records.contains(record)) {
            let since = self.partitions.of(partition).loss(now);
            self.lost(record, partition, (leader, &log), since, evidence, findings);
        }
    }

    /// The event since which an offset that was written once is not in the log of the broker that serves it, or cannot be read
    /// there; now, where none is known. Before a broker led, its log was not what anybody was promised.
    fn gone_since(&self, partition: TopicPartition, broker: i32, offset: i64, now: When) -> When {
        let Some(known) = self.partitions.get(&partition) else { return now };
        let is_it = |of: i32, holds: bool| of == broker && holds;
        let rotted = known.rotted.iter().find(|(of, offsets, _)| is_it(*of, offsets.contains(&offset)));
        let cut = || known.ends.iter().rev().find(|(of, end, _)| is_it(*of, *end <= offset));
        let since = rotted.map(|(_, _, when)| *when).or_else(|| cut().map(|(_, _, when)| *when));
        let led_since = known.leads_since.filter(|_| known.leader.is_some_and(|(leader, ..)| leader == broker));
        since.map_or(now, |since| led_since.filter(|led| led.event > since.event).unwrap_or(since))
    }

    /// The records that were acknowledged, by where.
    pub(super) fn promised(&self) -> PartitionMap<Vec<RecordId>> {
        let mut promised: PartitionMap<Vec<RecordId>> = PartitionMap::default();
        for (producer, list) in &self.sent {
            for (number, sent) in (0..).zip(list.iter()).filter(|(_, sent)| sent.acknowledged) {
                let of_partition = promised.get_or_insert_with(sent.partition, Vec::new);
                of_partition.push(RecordId { producer: *producer, number });
            }
        }
        promised
    }

    /// What was promised of a partition and is not in the log from which it is served.
    pub(super) fn find_lost(
        &mut self,
        partition: TopicPartition,
        promised: &[RecordId],
        (log_start, log, leader): (i64, &Log, i32),
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // Whether retention has taken what lies at an unknown offset is known only where it has taken nothing.
        let is_owed = |offset: i64| offset >= log_start || offset == NOWHERE && log_start == 0;
        let lacks = |record: &&RecordId| !log.records.contains(record);
        let is_owed = |record: &&RecordId| self.sent_of(**record).is_some_and(|sent| is_owed(sent.offset));
        let mut lost: Vec<RecordId> = promised.iter().filter(lacks).filter(is_owed).copied().collect();
        if evidence.is_compacted(partition) {
            let latest = self.latest_by_key(partition);
            lost.retain(|record| self.sent_mut(*record).is_some_and(|sent| !may_be_compacted_away(sent, &latest)));
        }
        for record in lost {
            self.is_missing(record, partition, (leader, log), evidence, findings);
        }
    }

    /// A record that was acknowledged is not in the log of the leader: since when is looked up.
    pub(super) fn is_missing(
        &mut self,
        record: RecordId,
        partition: TopicPartition,
        (leader, log): (i32, &Log),
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let offset = self.sent_of(record).map_or(NOWHERE, |sent| sent.offset);
        let now = findings.now();
        // Who only knows what clients saw does not know when it went.
        let since = if evidence.knows_logs() { self.gone_since(partition, leader, offset, now) } else { now };
        self.lost(record, partition, (leader, log), since, evidence, findings);
    }

    /// Of each key the highest offset that one of its records is or may be at.
    fn latest_by_key(&self, partition: TopicPartition) -> BTreeMap<u64, i64> {
        let mut latest = BTreeMap::new();
        for sent in self.sent.values().flat_map(Chunks::iter).filter(|sent| sent.partition == partition) {
            // Compaction leaves alone what has no key.
            let Some(key) = sent.key else { continue };
            // Of what nobody was told and nobody read it is not known where it is, or whether it is anywhere.
            let offset = if sent.offset == NOWHERE { i64::MAX } else { sent.offset };
            let known = latest.entry(key).or_insert(offset);
            *known = offset.max(*known);
        }
        latest
    }

    /// A record is lost since an event.
    pub(super) fn lost(
        &mut self,
        record: RecordId,
        partition: TopicPartition,
        (leader, log): (i32, &Log),
        since: When,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // Of a transaction that is not committed, or not yet, nothing is promised: the end of the run tells.
        if !self.is_promised(record) {
            return;
        }
        // It has been found before.
        let Some(sent) = self.sent_mut(record).filter(|sent| !sent.missed) else { return };
        (sent.missed, sent.lost) = (true, true);
        let offset = sent.offset;
        let how = if log.is_corrupt_at(sent.offset) {
            "holds it in a batch whose CRC does not match: who reads it is told CORRUPT_MESSAGE"
        } else {
            "does not hold it"
        };
        let place =
            if sent.offset == NOWHERE { "somewhere in".to_owned() } else { format!("at offset {} of", sent.offset) };
        let why = if evidence.knows_logs() {
            format!("the log of its leader, broker {leader}, {how}")
        } else {
            "nobody was given it, though a reader went past it".to_owned()
        };
        let about = format!(
            "{} was acknowledged {place} {}, and {why}",
            evidence.record_name(record),
            evidence.partition_name(partition),
        );
        findings.add_since(since, FindingKind::LostWrite, partition, about);
        self.partitions.of(partition).lost_at.push(offset);
    }
}

/// Whether compaction may have taken a record: a tombstone, or one whose key has a later record.
fn may_be_compacted_away(sent: &Sent, latest: &BTreeMap<u64, i64>) -> bool {
    let superseded = sent.key.and_then(|key| latest.get(&key)).is_some_and(|&latest| latest > sent.offset);
    sent.is_tombstone || superseded
}
