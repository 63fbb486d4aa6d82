//! What is committed: each replica holds the same below its high watermark, in the leader epochs of its time.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use super::{EPOCHS_KEPT, Invariants, Partition};
use crate::lab::check::{Evidence, Findings, RecordMark, Stored};
use crate::lab::scenario::FindingKind;
use crate::sim::Time;
use crate::wire::TopicPartition;

impl Invariants {
    /// A leader wrote these offsets in this epoch.
    pub(super) fn appended(
        &mut self,
        partition: TopicPartition,
        offsets: RangeInclusive<i64>,
        leader_epoch: i32,
        now: Time,
    ) {
        let known = self.partitions.of(partition);
        known.waits_since = known.waits_since.or(Some(now));
        let written = known.epochs.entry(leader_epoch).or_insert((*offsets.start(), 0));
        written.1 = *offsets.end() + 1;
        if known.epochs.len() > EPOCHS_KEPT {
            let (oldest, _) = known.epochs.first().expect("there are more than a few");
            let oldest = *oldest;
            known.epochs.remove(&oldest);
            known.epochs_forgotten = known.epochs_forgotten.max(Some(oldest));
        }
    }
}

/// What a record is to those that lie at its offset on other replicas.
enum Taken {
    First,
    Same,
    Different,
}

impl Partition {
    /// Compares the batches of a replica that came to lie below its high watermark with what others hold there.
    pub(super) fn compare(
        &mut self,
        broker: i32,
        partition: TopicPartition,
        high_watermark: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        self.committed_end = self.committed_end.max(high_watermark);
        let replica = self.replicas.get_mut(&broker).expect("whose high watermark moved is known");
        if high_watermark <= replica.compared {
            return;
        }
        if evidence.is_compacted(partition) {
            let from = std::mem::replace(&mut replica.compared, high_watermark);
            self.compare_records(broker, partition, from..high_watermark, evidence, findings);
            return;
        }
        let mut new = Vec::new();
        let committed = &mut self.committed;
        let (from, mut compared, mut next) = (replica.compared, replica.compared, replica.next);
        let log_start = evidence.log_ends(broker, partition).map_or(0, |ends| ends.log_start);
        let mut expected = from.max(log_start);
        evidence.batches(broker, partition, from, high_watermark, &mut |batch| {
            if batch.base > expected {
                let about = format!(
                    "broker {broker} holds nothing at offsets {expected} to {} of {}, which is not compacted",
                    batch.base - 1,
                    evidence.partition_name(partition),
                );
                findings.add(FindingKind::ReplicasDiverge, partition, about);
            }
            expected = batch.last + 1;
            if batch.last >= high_watermark || batch.base < from {
                return;
            }
            compared = batch.last + 1;
            if committed.get(next).is_none_or(|known| known.base != batch.base) {
                next = committed.partition_point(|known| known.last < batch.base);
            }
            match committed.get(next) {
                None => {
                    committed.push(batch);
                    new.push((batch.base, batch.leader_epoch));
                }
                // Both have the same.
                Some(known) if *known == batch => {}
                Some(known) => {
                    let about = format!(
                        "at offset {} of {} broker {broker} holds a batch of {} bytes with CRC {:08x} up to {}, another \
                         replica one of {} bytes with CRC {:08x} from {} to {}",
                        batch.base,
                        evidence.partition_name(partition),
                        batch.size,
                        batch.crc,
                        batch.last,
                        known.size,
                        known.crc,
                        known.base,
                        known.last,
                    );
                    findings.add(FindingKind::ReplicasDiverge, partition, about);
                }
            }
            next += 1;
        });
        (replica.compared, replica.next) = (compared, next);
        new.into_iter()
            .for_each(|(offset, epoch)| self.check_epoch(broker, partition, (offset, epoch), evidence, findings));
    }

    /// What lies at an offset was written in the epoch that its batch names.
    fn check_epoch(
        &self,
        broker: i32,
        partition: TopicPartition,
        (offset, epoch): (i64, i32),
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let wrote_it = |(from, to): &(i64, i64)| (*from..*to).contains(&offset);
        if self.epochs.get(&epoch).is_some_and(wrote_it) || self.epochs_forgotten.is_some_and(|oldest| epoch <= oldest)
        {
            return;
        }
        let about = format!(
            "offset {offset} of {} on broker {broker} is of leader epoch {epoch}, and no leader of this epoch wrote there",
            evidence.partition_name(partition),
        );
        findings.add(FindingKind::WrongLeaderEpoch, partition, about);
    }

    /// The records that a replica of a compacted topic and another one both have at an offset are the same.
    fn compare_records(
        &mut self,
        broker: i32,
        partition: TopicPartition,
        offsets: Range<i64>,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let (mut different, mut new) = (Vec::new(), Vec::new());
        evidence.record_marks(broker, partition, offsets.start, offsets.end, &mut |met| match met {
            // What may have rotted says nothing of what is right.
            Stored::Record(mark) if self.is_rotted(broker, mark.offset, mark.offset) => {}
            Stored::Record(mark) => match self.takes(mark) {
                Taken::First => new.push(mark),
                // As it shall be.
                Taken::Same => {}
                Taken::Different => different.push(mark),
            },
            // That it has rotted is known.
            Stored::Corrupt { base, last } if self.is_rotted(broker, base, last) => {}
            Stored::Corrupt { base, last } => {
                let name = evidence.partition_name(partition);
                let about = format!(
                    "broker {broker} holds a batch of {name} from {base} to {last} whose CRC does not match, and no bit rot \
                     was there"
                );
                findings.add(FindingKind::ReplicasDiverge, partition, about);
            }
        });
        let clocks = || self.replicas.keys().map(|replica| evidence.wall_ms(*replica));
        let since_ms = if new.is_empty() { 0 } else { clocks().min().unwrap_or(0) };
        for mark in new {
            self.check_epoch(broker, partition, (mark.offset, mark.leader_epoch), evidence, findings);
            self.note_latest(mark, since_ms);
        }
        for mark in different {
            let about = self.difference(broker, partition, mark, evidence);
            findings.add(FindingKind::ReplicasDiverge, partition, about);
        }
    }

    /// Notes what the first replica that has a record at an offset has there.
    fn takes(&mut self, mark: RecordMark) -> Taken {
        let place = usize::try_from(mark.offset).expect("offsets of records count from 0");
        while self.committed_records.len() <= place {
            self.committed_records.push(0);
        }
        let digest = mark.digest();
        match self.committed_records.get(place) {
            Some(0) | None => {
                self.committed_records.get_mut(place).into_iter().for_each(|known| *known = digest);
                Taken::First
            }
            Some(known) if *known == digest => Taken::Same,
            Some(_) => Taken::Different,
        }
    }

    fn is_rotted(&self, broker: i32, base: i64, last: i64) -> bool {
        let batches = self.rotted.get(&broker).into_iter().flatten();
        batches.into_iter().any(|batch| *batch.start() <= last && base <= *batch.end())
    }

    /// A sentence on a record that is not what another replica has at its offset.
    fn difference(&self, broker: i32, partition: TopicPartition, mark: RecordMark, evidence: &dyn Evidence) -> String {
        let name = evidence.partition_name(partition);
        let offset = mark.offset;
        for other in self.replicas.keys().filter(|other| **other != broker) {
            let mut theirs = None;
            evidence.record_marks(*other, partition, offset, offset + 1, &mut |met| {
                if let Stored::Record(mark) = met {
                    theirs = Some(mark);
                }
            });
            if let Some(parts) = theirs.map(|theirs| mark.differs_in(&theirs)).filter(|parts| !parts.is_empty()) {
                return format!(
                    "at offset {offset} of {name} brokers {broker} and {other} hold records of another {parts}"
                );
            }
        }
        format!("at offset {offset} of {name} broker {broker} holds a record that another replica did not hold there")
    }

    /// What was committed from here on no longer binds.
    pub(super) fn forget_from(&mut self, offset: i64) {
        self.read.truncate(usize::try_from(offset).unwrap_or(0));
        self.lossy_from = Some(self.lossy_from.map_or(offset, |known| known.min(offset)));
        Arc::make_mut(&mut self.latest).retain(|_, latest| latest.offset < offset);
        self.committed_records.truncate(usize::try_from(offset).unwrap_or(0));
        self.committed.truncate(self.committed.partition_point(|known| known.last < offset));
        for (_, replica) in self.replicas.iter_mut() {
            // What lies above its own high watermark now was not committed, whatever it knew.
            replica.committed = replica.committed.min(offset);
            if replica.compared > offset {
                (replica.compared, replica.next) = (offset, usize::MAX);
            }
        }
    }
}
