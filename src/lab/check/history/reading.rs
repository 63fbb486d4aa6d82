//! What consumers are given: in order, with nothing left out.

use std::sync::Arc;

use super::reader::{Gap, Position, Rewind};
use super::{History, Log, NOWHERE};
use crate::lab::check::{Evidence, Findings};
use crate::lab::scenario::FindingKind;
use crate::note::RecordId;
use crate::sim::Time;
use crate::wire::{PartitionMap, TopicPartition};

impl History {
    /// A consumer was given a record.
    pub(super) fn read(
        &mut self,
        consumer: u32,
        partition: TopicPartition,
        offset: i64,
        record: Option<RecordId>,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        self.is_given_again(consumer, partition, offset, evidence, findings);
        self.has_gone_back(consumer, partition, (offset, record), evidence, findings);
        let position = self.moves(consumer, partition, (offset + 1, offset + 1), findings.time());
        if let Some(position) = position.filter(|position| offset < *position) {
            let about = format!(
                "{} was given offset {offset} of {}, and had been given all below {position}: nothing had moved it back",
                evidence.process_name(consumer),
                evidence.partition_name(partition),
            );
            findings.add(FindingKind::NonmonotonicPoll, partition, about);
        }
        if let Some(from) = position.filter(|position| *position < offset) {
            let gap = Gap { consumer, partition, from, to: offset, since: findings.now() };
            self.find_missed(&gap, evidence, findings);
            self.find_resurrected(&gap, evidence, findings);
            self.gaps.push(gap);
        }
        if let Some(record) = record {
            self.keeps(consumer, partition, (offset, record), evidence);
            self.was_refused(consumer, partition, (offset, record), evidence, findings);
            self.given(consumer, partition, offset, record, evidence, findings);
            self.found_at(record, partition, offset, evidence, findings);
        }
    }

    /// What every attempt to send was refused is in no log.
    fn was_refused(
        &self,
        consumer: u32,
        partition: TopicPartition,
        (offset, record): (i64, RecordId),
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        if self.sent_of(record).is_none_or(|sent| !sent.refused) {
            return;
        }
        let about = format!(
            "{} was given {} at offset {offset} of {}, and every attempt to send it had been refused",
            evidence.process_name(consumer),
            evidence.record_name(record),
            evidence.partition_name(partition),
        );
        findings.add(FindingKind::FailedWriteRead, partition, about);
    }

    /// A producer is told that every attempt to send a record was refused: nobody has been given it.
    pub(super) fn was_read_before(
        &self,
        record: RecordId,
        partition: TopicPartition,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // Nobody has seen it anywhere.
        let Some(offset) =
            self.sent_of(record).filter(|sent| sent.refused && sent.offset != NOWHERE).map(|it| it.offset)
        else {
            return;
        };
        let has_it = |(_, positions): &(&u32, &Arc<PartitionMap<Position>>)| {
            positions.get(&partition).is_some_and(|position| position.next > offset)
        };
        // It was found in the log: who reads it will be told of.
        let Some((consumer, _)) = self.positions.iter().find(has_it) else { return };
        let about = format!(
            "{} was given {} at offset {offset} of {}, and now every attempt to send it is told to have been refused",
            evidence.process_name(*consumer),
            evidence.record_name(record),
            evidence.partition_name(partition),
        );
        findings.add(FindingKind::FailedWriteRead, partition, about);
    }

    /// A consumer was given what a leader wrote that had begun with less than the consumer had read before: it went back first.
    fn has_gone_back(
        &mut self,
        consumer: u32,
        partition: TopicPartition,
        (offset, record): (i64, Option<RecordId>),
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let is_it = |it: &Rewind| (it.consumer, it.partition) == (consumer, partition);
        // Nothing that it read was given up.
        let Some(place) = self.rewinds.iter().position(is_it) else { return };
        // What was fetched from the former leader may still be given.
        if record.is_none() || self.acknowledged_at(partition, offset) != record {
            return;
        }
        let from = self.rewinds.swap_remove(place).end;
        let gap = Gap { consumer, partition, from, to: offset, since: findings.now() };
        self.find_missed(&gap, evidence, findings);
        self.gaps.push(gap);
    }

    /// A consumer goes on from this offset. From which it would have gone on otherwise.
    pub(super) fn moves(
        &mut self,
        consumer: u32,
        partition: TopicPartition,
        (next, at): (i64, i64),
        now: Time,
    ) -> Option<i64> {
        let positions =
            Arc::make_mut(self.positions.entry(consumer).or_insert_with(|| Arc::new(PartitionMap::default())));
        positions.insert(partition, Position { next, at, moved_at: now }).map(|before| before.next)
    }

    /// A member of a group does not have these any more.
    pub(super) fn gives_up(&mut self, consumer: u32, partitions: &[TopicPartition]) {
        if let Some(positions) = self.positions.get_mut(&consumer) {
            let positions = Arc::make_mut(positions);
            partitions.iter().for_each(|of| _ = positions.remove(of));
        }
        self.rewinds.retain(|rewind| rewind.consumer != consumer || !partitions.contains(&rewind.partition));
    }

    /// Consumers that have read more than a new leader has.
    pub(super) fn must_go_back(&mut self, partition: TopicPartition, end: i64) {
        for (consumer, positions) in &self.positions {
            let is_further = positions.get(&partition).is_some_and(|position| position.next > end);
            let is_it = |it: &&mut Rewind| (it.consumer, it.partition) == (*consumer, partition);
            match self.rewinds.iter_mut().find(is_it) {
                Some(known) => known.end = known.end.min(end),
                None if is_further => self.rewinds.push(Rewind { consumer: *consumer, partition, end }),
                // It has all that it read.
                None => {}
            }
        }
    }

    /// At the end of a run: where readers have gone on and were given nothing more.
    pub(super) fn last_gaps(&self, evidence: &dyn Evidence, findings: &Findings) -> Vec<Gap> {
        let positions = self.positions.iter().flat_map(|(consumer, of)| of.iter().map(move |it| (*consumer, it)));
        let gap = |(consumer, (partition, position)): (u32, (TopicPartition, &Position))| {
            let to = evidence.position(consumer, partition).filter(|to| *to > position.next)?;
            Some(Gap { consumer, partition, from: position.next, to, since: findings.now() })
        };
        positions.filter_map(gap).collect()
    }

    /// A consumer went past these offsets: what is acknowledged there is lost, or stored and unseen.
    pub(super) fn find_missed(&mut self, gap: &Gap, evidence: &dyn Evidence, findings: &mut Findings) {
        let partition = gap.partition;
        let missed: Vec<_> = (gap.from..gap.to).filter_map(|offset| self.acknowledged_at(partition, offset)).collect();
        if missed.is_empty() {
            return;
        }
        // As long as nobody serves it, what is stored is not known.
        let Some(leader) = self.serving(partition, evidence) else { return };
        let Some(ends) = evidence.log_ends(leader, partition) else { return };
        let log = Log::of(leader, partition, gap.from..gap.to.min(ends.high_watermark), evidence);
        for record in missed {
            let passing = self.passing_is(gap.consumer, record, evidence);
            // It has been found before, or retention has taken it.
            let Some(sent) = self.sent_mut(record).filter(|sent| !sent.missed && sent.offset >= ends.log_start) else {
                continue;
            };
            if !log.records.contains(&record) {
                // What a compacted topic still owes is known at the end, when all later records are.
                if !evidence.is_compacted(partition) {
                    self.is_missing(record, partition, (leader, &log), evidence, findings);
                }
                continue;
            }
            // A reader of committed records goes past what is not.
            let Some(kind) = passing else { continue };
            sent.missed = true;
            let about = format!(
                "{} went past offset {} of {} without being given {}",
                evidence.process_name(gap.consumer),
                sent.offset,
                evidence.partition_name(partition),
                evidence.record_name(record),
            );
            // Some of it is known only at the end: what became of its transaction.
            findings.add_since(gap.since, kind, partition, about);
        }
    }
}
