//! What clients are told and given, held against what is committed.

use super::Invariants;
use crate::lab::check::{Evidence, Findings, LogEnds};
use crate::lab::scenario::FindingKind;
use crate::note::{Moved, RecordId};
use crate::settings::AutoOffsetReset;
use crate::wire::TopicPartition;

impl Invariants {
    /// A producer with acks=all was told that a record is stored: some leader had shown a high watermark above it by then. Whether
    /// the ISR had what lies below a high watermark is looked at when that moves.
    pub(super) fn acknowledged(
        &self,
        record: RecordId,
        partition: TopicPartition,
        offset: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let shown = self.partitions.get(&partition).map_or(0, |known| known.shown_end);
        if offset >= shown && evidence.waits_for_all(record.producer) {
            let about = format!(
                "{} was acknowledged with acks=all at offset {offset} of {}, and no leader has shown a high watermark above {shown}",
                evidence.record_name(record),
                evidence.partition_name(partition),
            );
            findings.add(FindingKind::AcknowledgedEarly, partition, about);
        }
    }

    /// A broker gave a consumer records that end here.
    pub(super) fn served(
        &self,
        broker: i32,
        partition: TopicPartition,
        to: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let shown = self.partitions.get(&partition).map_or(0, |known| known.shown_end);
        let is_above = |ends: &LogEnds| to > ends.high_watermark.min(shown);
        // It is committed, or gone with its topic.
        let Some(ends) = evidence.log_ends(broker, partition).filter(is_above) else { return };
        let about = format!(
            "broker {broker} gave a consumer records of {} up to offset {}, its high watermark is {}, and no leader has shown one \
             above {shown}",
            evidence.partition_name(partition),
            to - 1,
            ends.high_watermark,
        );
        findings.add(FindingKind::ReadUncommitted, partition, about);
    }

    /// A consumer was given a record: whoever reads the offset is given this one.
    pub(super) fn read(
        &mut self,
        consumer: u32,
        partition: TopicPartition,
        (offset, record): (i64, Option<RecordId>),
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // An election has given it up at some time: whoever has it from before the election may be given it still.
        if self.partitions.get(&partition).and_then(|known| known.lossy_from).is_some_and(|from| offset >= from) {
            return;
        }
        let place = usize::try_from(offset).expect("offsets of records count from 0");
        let known = self.partitions.get(&partition).and_then(|known| known.read.get(place)).copied().flatten();
        let Some(first) = known else {
            let read = &mut self.partitions.of(partition).read;
            while read.len() <= place {
                read.push(None);
            }
            read.get_mut(place).into_iter().for_each(|known| *known = record);
            return;
        };
        if Some(first) != record {
            let name =
                |record: Option<RecordId>| record.map_or_else(|| "another".to_owned(), |it| evidence.record_name(it));
            let about = format!(
                "{} was given {} at offset {offset} of {}, where somebody had been given {}",
                evidence.process_name(consumer),
                name(record),
                evidence.partition_name(partition),
                name(Some(first)),
            );
            findings.add(FindingKind::InconsistentOffsets, partition, about);
        }
    }

    /// A log as it is in the end holds what readers were given.
    pub(in crate::lab::check) fn holds(
        &self,
        broker: i32,
        partition: TopicPartition,
        (offset, record): (i64, RecordId),
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // Nobody has read it.
        let Some(known) = self.partitions.get(&partition) else { return };
        let read = usize::try_from(offset).ok().and_then(|place| known.read.get(place)).copied().flatten();
        if let Some(read) = read.filter(|read| *read != record) {
            let about = format!(
                "broker {broker} holds {} at offset {offset} of {}, where a reader was given {}",
                evidence.record_name(record),
                evidence.partition_name(partition),
                evidence.record_name(read),
            );
            findings.add(FindingKind::InconsistentOffsets, partition, about);
        }
    }

    /// A consumer is told that the log does not have the offset that it wants.
    pub(super) fn out_of_range(&mut self, consumer: u32, partition: TopicPartition) {
        let known = self.partitions.of(partition);
        // One of those that lead told it, perhaps one that has not heard of its successor.
        let leaders = known.replicas.values().filter(|replica| replica.leads.is_some());
        let shown = leaders.map(|leader| leader.high_watermark).min().filter(|_| !known.may_lose);
        known.out_of_range.insert(consumer, shown.unwrap_or(0));
    }

    /// A consumer begins somewhere, or begins anew: where `auto.offset.reset` says.
    pub(super) fn positioned(
        &mut self,
        consumer: u32,
        partition: TopicPartition,
        (offset, moved): (i64, Moved),
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let asked = self.partitions.of(partition).out_of_range.remove(&consumer);
        let licensed = self.licensed_start(partition);
        let known = self.partitions.of(partition);
        let (is_right, where_to) = match (moved, evidence.auto_offset_reset(consumer)) {
            // Where it was, where its group was, or where a log was cut.
            (Moved::Kept | Moved::Committed | Moved::Sought { .. } | Moved::Truncated { .. }, _) => return,
            (Moved::First | Moved::Reset { .. }, AutoOffsetReset::Earliest) => {
                (offset <= licensed, format!("the log starts at {licensed} or below"))
            }
            (Moved::Reset { .. }, AutoOffsetReset::Latest) => {
                let end = asked.unwrap_or(0).min(known.committed_end);
                (offset >= end, format!("the high watermark was {end}"))
            }
            // Where the log ended when it asked is not known.
            (Moved::First, AutoOffsetReset::Latest) => return,
            // Which record is that old this checker does not know.
            (Moved::First | Moved::Reset { .. }, AutoOffsetReset::ByDuration(_)) => return,
            (Moved::First | Moved::Reset { .. }, AutoOffsetReset::None) => (false, "no position is found".to_owned()),
        };
        if !is_right {
            let about = format!(
                "{} goes on at offset {offset} of {} by auto.offset.reset={}, and {where_to}",
                evidence.process_name(consumer),
                evidence.partition_name(partition),
                evidence.auto_offset_reset(consumer),
            );
            findings.add(FindingKind::WrongReset, partition, about);
        }
    }
}
