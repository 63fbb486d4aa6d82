//! What holds in every state of a cluster, looked at when something changes that could break it.
//!
//! Each is stated so that Apache Kafka never breaks it: two leaders in different epochs at once are legal while one cannot
//! hear the controller, and so is a follower's high watermark that falls (a restart from the checkpoint, a new leader's
//! first answer, truncation).

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use litemap::LiteMap;

use super::{BatchMark, Evidence, Findings, LogEnds, RecordMark, Stored, is_registered, led_by};
use crate::lab::scenario::FindingKind;
use crate::note::Note;
use crate::sim::chunks::Chunks;
use crate::wire::{PartitionMap, TopicPartition};

/// Leaders of past epochs that are remembered for each partition.
const EPOCHS_KEPT: usize = 16;

/// What is known of one replica.
#[derive(Clone, Debug, Default)]
struct Replica {
    high_watermark: i64,
    /// The leader epoch and the life of its process in which it leads.
    leads: Option<(i32, u32)>,
    /// Up to where its batches were compared, and the place of the next one in the list of committed batches.
    compared: i64,
    next: usize,
}

/// What is known of one partition.
#[derive(Clone, Debug, Default)]
struct Partition {
    /// Who led in which leader epoch.
    leaders: LiteMap<i32, i32>,
    leader_epoch: i32,
    partition_epoch: i32,
    /// What lies below the highest high watermark so far: each replica must hold the same.
    committed: Chunks<BatchMark>,
    /// The same of a compacted topic, whose replicas clean by themselves: the digest of the record at each offset, or 0
    /// while no replica was seen to have one there. Each replica's records are read once, as they come to lie below its
    /// high watermark, and of each offset eight bytes are kept, which snapshots share.
    committed_records: Chunks<u64>,
    /// The highest high watermark so far.
    committed_end: i64,
    /// Committed records may be gone: an unclean election was declared, or all of the ISR lost power.
    may_lose: bool,
    replicas: LiteMap<i32, Replica>,
    /// Which batches of which broker's replica rotted: their first and last offsets.
    rotted: LiteMap<i32, Vec<RangeInclusive<i64>>>,
}

/// The checker of the cluster's invariants.
#[derive(Clone, Debug, Default)]
pub struct Invariants {
    partitions: PartitionMap<Arc<Partition>>,
    /// In which life of its process a broker registered last.
    registered: LiteMap<i32, u32>,
    /// Brokers that lost power and have not registered since.
    damaged: BTreeSet<i32>,
}

impl Invariants {
    /// Takes in what a process told.
    pub fn observe(&mut self, note: &Note, evidence: &dyn Evidence, findings: &mut Findings) {
        match *note {
            Note::HighWatermark { broker, partition, offset } => {
                self.high_watermark(broker, partition, offset, evidence, findings);
            }
            // It serves nobody yet, see below.
            Note::BecameLeader { broker, .. } if !is_registered(broker, evidence) => {}
            Note::BecameLeader { broker, partition, leader_epoch, log_end_offset, high_watermark } => {
                let ends = (log_end_offset, high_watermark);
                self.became_leader(broker, partition, leader_epoch, ends, evidence, findings);
            }
            Note::BecameFollower { broker, partition, .. } => self.replica(broker, partition).leads = None,
            Note::Truncated { broker, partition, to, .. } => {
                self.compare_again(broker, partition, to);
                self.rot_is_cut_off(broker, partition, to);
            }
            Note::TruncatedFully { broker, partition, to, .. } => {
                self.compare_again(broker, partition, to);
                self.rot_is_cut_off(broker, partition, 0);
            }
            Note::LogRecovered { broker, partition, log_end_offset, .. } => {
                self.rot_is_cut_off(broker, partition, log_end_offset);
            }
            Note::PartitionChanged { partition, leader_epoch, unclean, .. } => {
                self.partition_changed(partition, leader_epoch, unclean, evidence, findings);
            }
            Note::Registered { broker, .. } => {
                self.registered.insert(broker, evidence.incarnation(broker));
                self.damaged.remove(&broker);
                for (partition, leader_epoch, LogEnds { log_end, high_watermark, .. }) in led_by(broker, evidence) {
                    let ends = (log_end, high_watermark);
                    self.became_leader(broker, partition, leader_epoch, ends, evidence, findings);
                }
            }
            // What these tell of is looked at with the notes above, or is the clients' history.
            Note::SendBlocks { .. }
            | Note::Sent { .. }
            | Note::SentAgain { .. }
            | Note::NotSent { .. }
            | Note::SendDone { .. }
            | Note::Read { .. }
            | Note::Positioned { .. }
            | Note::TopicCreated { .. }
            | Note::TopicRefused { .. }
            | Note::TopicDeleted { .. }
            | Note::PartitionsCreated { .. }
            | Note::IsrProposed { .. }
            | Note::Fenced { .. }
            | Note::InControlledShutdown { .. }
            | Note::Rolled { .. }
            | Note::SegmentsDeleted { .. }
            | Note::RetentionHeldUp { .. }
            | Note::Halted { .. }
            | Note::StorageWarning { .. }
            | Note::ReplicaFailed { .. }
            | Note::InvalidMessages { .. }
            | Note::OutOfRange { .. }
            | Note::Cleaned { .. }
            | Note::Uncleanable { .. }
            | Note::Appended { .. } => {}
        }
    }

    /// A broker lost power: what it had not flushed is gone.
    pub fn lost_power(&mut self, broker: i32, evidence: &dyn Evidence) {
        self.damaged.insert(broker);
        for (partition, image) in evidence.image().partitions() {
            if !image.replicas.contains(&broker) {
                continue;
            }
            if image.isr.iter().all(|member| self.damaged.contains(member)) {
                self.partitions.of(partition).may_lose = true;
            }
            self.compare_again(broker, partition, 0);
        }
    }

    /// The batch with these offsets of a broker's replica rotted.
    pub fn rotted(&mut self, broker: i32, partition: TopicPartition, batch: RangeInclusive<i64>) {
        self.partitions.of(partition).rotted.entry(broker).or_default().push(batch);
    }

    /// A log was cut at `end`: what rotted behind it will be fetched whole.
    fn rot_is_cut_off(&mut self, broker: i32, partition: TopicPartition, end: i64) {
        if self.partitions.get(&partition).is_some_and(|known| known.rotted.contains_key(&broker)) {
            let batches = self.partitions.of(partition).rotted.entry(broker).or_default();
            batches.retain(|batch| *batch.start() < end);
        }
    }

    fn replica(&mut self, broker: i32, partition: TopicPartition) -> &mut Replica {
        self.partitions.of(partition).replicas.entry(broker).or_default()
    }

    fn high_watermark(
        &mut self,
        broker: i32,
        partition: TopicPartition,
        offset: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let name = || evidence.partition_name(partition);
        if let Some(ends) = evidence.log_ends(broker, partition).filter(|ends| offset > ends.log_end) {
            let about = format!(
                "the high watermark of {} on broker {broker} is {offset}, its log ends at {}",
                name(),
                ends.log_end
            );
            findings.add(FindingKind::HwAboveLeo, partition, about);
        }
        let known = self.partitions.of(partition);
        let replica = known.replicas.entry(broker).or_default();
        let before = std::mem::replace(&mut replica.high_watermark, offset);
        let leads = replica.leads.filter(|(_, incarnation)| *incarnation == evidence.incarnation(broker));
        if let Some((epoch, _)) = leads.filter(|_| offset < before) {
            let about = format!(
                "the high watermark of {} fell from {before} to {offset} on broker {broker}, which leads in epoch {epoch}",
                name()
            );
            findings.add(FindingKind::LeaderHwFell, partition, about);
        }
        known.compare(broker, partition, offset, evidence, findings);
        self.check_isr(partition, evidence, findings);
    }

    /// Every running and registered member of the committed ISR holds what lies below the leader's high watermark.
    fn check_isr(&self, partition: TopicPartition, evidence: &dyn Evidence, findings: &mut Findings) {
        // A topic that was deleted, a partition that told nothing yet, one without a leader: nobody has an ISR to hold.
        let Some(image) = evidence.image().partition(partition) else { return };
        let Some(known) = self.partitions.get(&partition) else { return };
        let Some(leader) = known.replicas.get(&image.leader) else { return };
        // Only the leader of the newest epoch knows the newest ISR.
        if leader.leads != Some((image.leader_epoch, evidence.incarnation(image.leader))) {
            return;
        }
        for member in image.isr.iter().filter(|member| **member != image.leader) {
            let registered = self.registered.get(member) == Some(&evidence.incarnation(*member));
            if !registered || !evidence.is_running(*member) {
                continue;
            }
            let ends = evidence.log_ends(*member, partition);
            if let Some(ends) = ends.filter(|ends| ends.log_end < leader.high_watermark) {
                let about = format!(
                    "broker {member} is in the ISR of {}, its log ends at {}, and the high watermark is {}",
                    evidence.partition_name(partition),
                    ends.log_end,
                    leader.high_watermark,
                );
                findings.add(FindingKind::IsrMemberLacksRecords, partition, about);
            }
        }
    }

    fn became_leader(
        &mut self,
        broker: i32,
        partition: TopicPartition,
        leader_epoch: i32,
        (log_end, high_watermark): (i64, i64),
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let name = || evidence.partition_name(partition);
        let known = self.partitions.of(partition);
        let first = *known.leaders.entry(leader_epoch).or_insert(broker);
        if first != broker {
            let about = format!("brokers {first} and {broker} both lead {} in epoch {leader_epoch}", name());
            findings.add(FindingKind::TwoLeadersOneEpoch, partition, about);
        }
        if known.leaders.len() > EPOCHS_KEPT {
            let (oldest, _) = known.leaders.first().expect("there are more than a few");
            let oldest = *oldest;
            known.leaders.remove(&oldest);
        }
        let replica = known.replicas.entry(broker).or_default();
        replica.leads = Some((leader_epoch, evidence.incarnation(broker)));
        replica.high_watermark = high_watermark;
        // One that learns late of an election that is over serves nobody, and need not have what its successor committed.
        let newest = evidence.image().partition(partition).is_some_and(|image| image.leader_epoch == leader_epoch);
        if newest && log_end < known.committed_end {
            if !known.may_lose {
                let about = format!(
                    "broker {broker} leads {} in epoch {leader_epoch}, its log ends at {log_end}, and {} was committed",
                    name(),
                    known.committed_end - 1,
                );
                findings.add(FindingKind::CommittedRecordLost, partition, about);
            }
            known.committed_end = log_end;
        }
        if newest && known.may_lose {
            // Below its high watermark it agrees with what was committed; above, its log is now the truth.
            known.forget_from(high_watermark.min(log_end));
            known.committed_end = known.committed_end.min(log_end);
        }
    }

    fn compare_again(&mut self, broker: i32, partition: TopicPartition, from: i64) {
        let replica = self.replica(broker, partition);
        if from < replica.compared {
            (replica.compared, replica.next) = (from, usize::MAX);
        }
    }

    fn partition_changed(
        &mut self,
        partition: TopicPartition,
        leader_epoch: i32,
        unclean: bool,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // A topic that was deleted has no epochs any more.
        let Some(image) = evidence.image().partition(partition) else { return };
        let name = || evidence.partition_name(partition);
        let known = self.partitions.of(partition);
        if leader_epoch < known.leader_epoch || image.partition_epoch < known.partition_epoch {
            let about = format!(
                "leader epoch and partition epoch of {} went from {} and {} to {leader_epoch} and {}",
                name(),
                known.leader_epoch,
                known.partition_epoch,
                image.partition_epoch,
            );
            findings.add(FindingKind::LeaderEpochFell, partition, about);
        }
        (known.leader_epoch, known.partition_epoch) = (leader_epoch, image.partition_epoch);
        known.may_lose |= unclean;
        if let Some(stranger) = image.isr.iter().find(|member| !image.replicas.contains(member)) {
            let about = format!("the ISR of {} names broker {stranger}; its replicas are {:?}", name(), image.replicas);
            findings.add(FindingKind::IsrNotSubset, partition, about);
        }
        self.check_isr(partition, evidence, findings);
    }
}

impl Partition {
    /// Compares the batches of a replica that came to lie below its high watermark with what others hold there.
    fn compare(
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
        let committed = &mut self.committed;
        let (from, mut compared, mut next) = (replica.compared, replica.compared, replica.next);
        evidence.batches(broker, partition, from, high_watermark, &mut |batch| {
            if batch.last >= high_watermark || batch.base < from {
                return;
            }
            compared = batch.last + 1;
            if committed.get(next).is_none_or(|known| known.base != batch.base) {
                next = committed.partition_point(|known| known.last < batch.base);
            }
            match committed.get(next) {
                None => committed.push(batch),
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
        let mut different = Vec::new();
        evidence.record_marks(broker, partition, offsets.start, offsets.end, &mut |met| match met {
            // What may have rotted says nothing of what is right.
            Stored::Record(mark) if self.is_rotted(broker, mark.offset, mark.offset) || self.takes(mark) => {}
            Stored::Record(mark) => different.push(mark),
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
        for mark in different {
            let about = self.difference(broker, partition, mark, evidence);
            findings.add(FindingKind::ReplicasDiverge, partition, about);
        }
    }

    /// Notes what the first replica that has a record at an offset has there; whether this record is that one.
    fn takes(&mut self, mark: RecordMark) -> bool {
        let place = usize::try_from(mark.offset).expect("offsets of records count from 0");
        while self.committed_records.len() <= place {
            self.committed_records.push(0);
        }
        let digest = mark.digest();
        match self.committed_records.get(place) {
            Some(0) | None => {
                self.committed_records.get_mut(place).into_iter().for_each(|known| *known = digest);
                true
            }
            Some(known) => *known == digest,
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
    fn forget_from(&mut self, offset: i64) {
        self.committed_records.truncate(usize::try_from(offset).unwrap_or(0));
        self.committed.truncate(self.committed.partition_point(|known| known.last < offset));
        for (_, replica) in self.replicas.iter_mut().filter(|(_, replica)| replica.compared > offset) {
            (replica.compared, replica.next) = (offset, usize::MAX);
        }
    }
}
