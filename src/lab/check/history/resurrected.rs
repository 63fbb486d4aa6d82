//! Readers of compacted topics for whom a key is there that was deleted.
//!
//! Compaction leaves of each key the last record, so that whoever reads to the end has what is true, and of a tombstone nothing once
//! `delete.retention.ms` has passed since the first pass over it (KIP-534). Who was given a value before that, and comes past the
//! tombstone later, is never told that the key is gone. Within that time this never happens as long as one broker leads: others
//! clean their logs at times of their own.

use super::tables::Table;
use super::{Gap, History, NOWHERE};
use crate::lab::check::{Evidence, Findings};
use crate::lab::scenario::FindingKind;
use crate::note::RecordId;
use crate::sim::chunks::Chunks;
use crate::wire::TopicPartition;

/// A tombstone that a reader was not given.
struct Missed {
    key: u64,
    value_at: i64,
    tombstone: RecordId,
    tombstone_at: i64,
}

impl History {
    /// A consumer was given a record of a compacted topic.
    pub(super) fn keeps(
        &mut self,
        consumer: u32,
        partition: TopicPartition,
        (offset, record): (i64, RecordId),
        evidence: &dyn Evidence,
    ) {
        // What one member of a group was not given another one was.
        if !evidence.is_compacted(partition) || evidence.group_of(consumer).is_some() {
            return;
        }
        // Records without a key stay for nobody.
        let Some((key, is_tombstone)) = self.sent_of(record).and_then(|sent| Some((sent.key?, sent.is_tombstone)))
        else {
            return;
        };
        // What is in a transaction may not count.
        let is_there = !is_tombstone && self.is_promised(record);
        self.tables.given((consumer, partition), key, is_there.then_some(offset));
    }

    /// A consumer went past these offsets without being given anything of them.
    pub(super) fn find_resurrected(&mut self, gap: &Gap, evidence: &dyn Evidence, findings: &mut Findings) {
        let reader = (gap.consumer, gap.partition);
        // It keeps nothing.
        let Some(table) = self.tables.of(reader) else { return };
        let missed = (gap.from..gap.to).filter_map(|offset| self.missed_at(table, gap.partition, offset));
        let missed: Vec<Missed> = missed.filter(|missed| self.is_last_of_key(missed, gap.partition)).collect();
        missed.into_iter().for_each(|missed| self.is_resurrected(reader, &missed, evidence, findings));
    }

    /// At the end of a run: what readers keep that is deleted, wherever they went past that.
    pub(super) fn find_all_resurrected(&mut self, evidence: &dyn Evidence, findings: &mut Findings) {
        for (consumer, partition) in self.tables.readers() {
            let at = self.positions.get(&consumer).and_then(|positions| positions.get(&partition));
            let to = evidence.position(consumer, partition).unwrap_or(0).max(at.map_or(0, |position| position.at));
            self.find_resurrected(&Gap { consumer, partition, from: 0, to, since: findings.now() }, evidence, findings);
        }
    }

    /// The tombstone at an offset, where a reader has a value of its key that lies before.
    fn missed_at(&self, table: &Table, partition: TopicPartition, offset: i64) -> Option<Missed> {
        let tombstone = self.acknowledged_at(partition, offset)?;
        let sent = self.sent_of(tombstone).filter(|sent| sent.is_tombstone)?;
        let key = sent.key?;
        let value_at = table.get(&key).copied().filter(|value_at| *value_at < offset)?;
        self.is_promised(tombstone).then_some(Missed { key, value_at, tombstone, tombstone_at: offset })
    }

    /// No later record of its key is in the log, or may be: that would tell the reader what is true.
    fn is_last_of_key(&self, missed: &Missed, partition: TopicPartition) -> bool {
        let mut sent = self.sent.values().flat_map(Chunks::iter);
        let is_later = |offset: i64, refused: bool| offset > missed.tombstone_at || offset == NOWHERE && !refused;
        !sent.any(|it| it.partition == partition && it.key == Some(missed.key) && is_later(it.offset, it.refused))
    }

    fn is_resurrected(
        &mut self,
        (consumer, partition): (u32, TopicPartition),
        missed: &Missed,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // It is told once.
        self.tables.given((consumer, partition), missed.key, None);
        let about = format!(
            "{} was given offset {} of {}, a value of key k{}, and went past {} at offset {}, which deletes the key, without being given it",
            evidence.process_name(consumer),
            missed.value_at,
            evidence.partition_name(partition),
            missed.key,
            evidence.record_name(missed.tombstone),
            missed.tombstone_at,
        );
        findings.add(FindingKind::Resurrected, partition, about);
    }
}
