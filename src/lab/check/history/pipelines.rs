//! What pipelines do from end to end: of each record that they read, what readers of committed records find in the topic that
//! they send to. All are held against exactly once, also those whose settings promise less: what these lose or double is what whoever
//! chose them is to see.
//!
//! The book says what each record was made of; the markers in the log say which of them are committed. One whose
//! transaction has no marker yet may be committed: it is no second copy, and nothing lacks that it may be.

use std::collections::BTreeMap;

use super::History;
use super::origin::Origin;
use crate::lab::check::{Evidence, Findings, LogEnds, Pipe, Visible};
use crate::lab::scenario::{Delivery, FindingKind};
use crate::note::RecordId;
use crate::sim::chunks::Chunks;
use crate::wire::TopicPartition;

/// A record that was made of another, and where it lies.
#[derive(Clone, Copy, Debug)]
struct Output {
    record: RecordId,
    partition: TopicPartition,
    offset: i64,
    visible: Visible,
}

/// All that a pipeline made and that is there, by what it was made of.
type Outputs = BTreeMap<Origin, Vec<Output>>;

impl History {
    /// A program makes a record of one that it has read.
    pub(super) fn derived(&mut self, record: RecordId, origin: Origin) {
        let of = self.origins.entry(record.producer).or_default();
        assert!(
            of.len() as u64 == record.number,
            "a pipeline makes all of its records of others, in the order of the numbers"
        );
        of.push(origin);
    }

    /// At the end of a run: what a pipeline made twice, and what it lost.
    pub(super) fn find_faults_of(&self, pipe: &Pipe, evidence: &dyn Evidence, findings: &mut Findings) {
        // As long as somebody else may have the rest, nobody knows.
        let Some(outputs) = self.outputs_of(pipe, evidence) else { return };
        self.find_twice(pipe, &outputs, evidence, findings);
        self.find_lost_in(pipe, &outputs, evidence, findings);
    }

    /// What is there of what it made; `None` where a partition is not served, or where retention or compaction may have taken
    /// something.
    fn outputs_of(&self, pipe: &Pipe, evidence: &dyn Evidence) -> Option<Outputs> {
        let mut outputs = Outputs::new();
        let letters = pipe.dead_letter.iter().filter(|topic| **topic != pipe.to);
        let topics = std::iter::once(&pipe.to).chain(letters);
        let served = topics.map(|topic| self.served(topic, evidence)).collect::<Option<Vec<_>>>()?;
        for (partition, leader, ends) in served.into_iter().flatten() {
            if ends.log_start > 0 || evidence.is_compacted(partition) {
                return None;
            }
            evidence.visible_records(leader, partition, ends.high_watermark, &mut |offset, record, visible| {
                if let Some(origin) = self.origin_of(record).filter(|_| pipe.members.contains(&record.producer)) {
                    outputs.entry(origin).or_default().push(Output { record, partition, offset, visible });
                }
            });
        }
        Some(outputs)
    }

    /// The partitions of a topic with the brokers that serve them; `None` where one is not served.
    fn served(&self, topic: &str, evidence: &dyn Evidence) -> Option<Vec<(TopicPartition, i32, LogEnds)>> {
        let image = evidence.image();
        let of_topic = image.partitions().filter(|(partition, _)| image.topics.name_of(partition.topic) == topic);
        let served = |(partition, _)| {
            // Nobody ever wrote to it.
            let Some(known) = self.partitions.get(&partition).and_then(|known| known.leader) else {
                let leader = image.partition(partition)?.leader;
                return Some((partition, leader, evidence.log_ends(leader, partition)?));
            };
            let leader = self.serving(partition, evidence).filter(|leader| *leader == known.0)?;
            Some((partition, leader, evidence.log_ends(leader, partition)?))
        };
        of_topic.map(served).collect()
    }

    fn origin_of(&self, record: RecordId) -> Option<Origin> {
        self.origins.get(&record.producer)?.get(usize::try_from(record.number).ok()?).copied()
    }

    fn find_twice(&self, pipe: &Pipe, outputs: &Outputs, evidence: &dyn Evidence, findings: &mut Findings) {
        let reached = self.groups.reached.get(&pipe.group);
        for (origin, made) in outputs {
            // Somebody has ordered it to be read again.
            if reached.and_then(|of| of.get(&origin.from)).is_some_and(|of| of.repeated.holds(origin.offset)) {
                continue;
            }
            let mut given = made.iter().filter(|it| it.visible == Visible::Yes);
            // It is there once, or not at all.
            let (Some(first), Some(second)) = (given.next(), given.next()) else { continue };
            let about = format!(
                "{} made {} of {} at offset {} of {}, and {} of it, too: readers of committed records find the one at offset {} of {} and the other at offset {} of {}{}",
                pipe.name,
                evidence.record_name(first.record),
                self.input_name(*origin, evidence),
                origin.offset,
                evidence.partition_name(origin.from),
                evidence.record_name(second.record),
                first.offset,
                evidence.partition_name(first.partition),
                second.offset,
                evidence.partition_name(second.partition),
                if pipe.delivery == Delivery::AtLeastOnce { " (it commits behind its work)" } else { "" },
            );
            findings.add(FindingKind::ProcessedTwice, origin.from, about);
        }
    }

    fn find_lost_in(&self, pipe: &Pipe, outputs: &Outputs, evidence: &dyn Evidence, findings: &mut Findings) {
        // Nobody has committed anything.
        let Some(reached) = self.groups.reached.get(&pipe.group) else { return };
        for (from, reached) in reached.iter() {
            let leader = self.serving(from, evidence);
            // Nobody serves it at the end: what is there is not known.
            let Some((leader, ends)) = leader.and_then(|it| Some((it, evidence.log_ends(it, from)?))) else { continue };
            let to = reached.committed.min(ends.high_watermark);
            // What is not known to be there owes nothing, nor does what went with its transaction.
            evidence.visible_records(leader, from, to, &mut |offset, input, visible| {
                let is_skipped = offset < reached.skipped_to || reached.skipped.holds(offset);
                let is_owed = !is_skipped && visible == Visible::Yes && offset < to;
                if !is_owed || self.acknowledged_at(from, offset) != Some(input) || !self.is_promised(input) {
                    return;
                }
                // What it cannot work on is there itself, instead of all that would be made of it.
                let topic_of = |it: &Output| evidence.image().topics.name_of(it.partition.topic);
                let is_letter = |it: &Output| pipe.dead_letter.as_deref() == Some(topic_of(it));
                if outputs.get(&Origin { from, offset, copy: 0 }).is_some_and(|made| made.iter().any(is_letter)) {
                    return;
                }
                let lacks = |copy: &u32| !outputs.contains_key(&Origin { from, offset, copy: *copy });
                let is_on_its_way = |copy: &u32| self.is_under_way(pipe, Origin { from, offset, copy: *copy }, evidence);
                // All of them are there, or may come to be.
                let Some(copy) = (0..pipe.copies).filter(lacks).find(|copy| !is_on_its_way(copy)) else { return };
                let which = if pipe.copies == 1 { String::new() } else { format!(" (output {})", copy + 1) };
                let about = format!(
                    "group {} has committed offset {} of {}, and what {} makes of {} at offset {offset}{which} is not in {} for readers of committed records{}",
                    pipe.group,
                    reached.committed,
                    evidence.partition_name(from),
                    pipe.name,
                    evidence.record_name(input),
                    pipe.to,
                    if pipe.delivery == Delivery::AtMostOnce { " (it commits before its work)" } else { "" },
                );
                findings.add(FindingKind::LostInPipeline, from, about);
            });
        }
    }

    /// Whether a program that commits before its work may yet make this, or has made it in its present life and was not told what
    /// became of it.
    fn is_under_way(&self, pipe: &Pipe, origin: Origin, evidence: &dyn Evidence) -> bool {
        if pipe.delivery != Delivery::AtMostOnce {
            return false;
        }
        let is_untold = |member: &u32| {
            let first = self.made_before.get(member).copied().unwrap_or(0);
            let made = self.origins.get(member).into_iter().flat_map(Chunks::iter);
            let made = (0..).zip(made).filter(|(number, made)| *number >= first && **made == origin);
            made.map(|(number, _)| self.sent_of(RecordId { producer: *member, number }))
                .any(|sent| sent.is_none_or(|sent| !sent.acknowledged && !sent.refused))
        };
        self.groups.is_in_hand(&pipe.group, origin.from, origin.offset, evidence) || pipe.members.iter().any(is_untold)
    }

    /// The name of the record that something was made of.
    fn input_name(&self, origin: Origin, evidence: &dyn Evidence) -> String {
        self.acknowledged_at(origin.from, origin.offset)
            .map_or_else(|| "the record".to_owned(), |record| evidence.record_name(record))
    }
}
