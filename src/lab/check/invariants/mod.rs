//! What holds in every state of a cluster, looked at when something changes that could break it.
//!
//! Each is stated so that Apache Kafka never breaks it: two leaders in different epochs at once are legal while one cannot
//! hear the controller, and so is a follower's high watermark that falls (a restart from the checkpoint, a new leader's
//! first answer, truncation).

mod committed;
mod coordinators;
mod deletion;
mod deletions;
mod elections;
mod latest;
mod liveness;
mod removals;
mod served;
mod shown_commits;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

use litemap::LiteMap;

use self::deletion::Deletions;
use self::latest::Latest;
use self::shown_commits::ShownCommits;
use super::{BatchMark, Evidence, Findings, LogEnds, Unchecked, is_registered, led_by};
use crate::lab::scenario::FindingKind;
use crate::note::{Note, RecordId, SendOutcome, TransactionError, TransactionStep};
use crate::sim::Time;
use crate::sim::chunks::Chunks;
use crate::wire::{PartitionImage, PartitionMap, TopicPartition};

/// Leaders of past epochs that are remembered for each partition.
const EPOCHS_KEPT: usize = 16;

/// What is known of one replica.
#[derive(Clone, Debug, Default)]
struct Replica {
    high_watermark: i64,
    /// The part of it that is known to be committed: what was told in the newest leader epoch.
    committed: i64,
    /// The leader epoch in which it follows, unless it leads.
    follows: Option<i32>,
    /// The life of its broker's process in which it told of itself last.
    life: u32,
    /// The leader epoch and the life of its process in which it leads.
    leads: Option<(i32, u32)>,
    /// Where its log ended when it began to.
    epoch_start: i64,
    /// When its high watermark moved last or its log was cut.
    moved_at: Time,
    /// The segments whose time indexes nobody has looked into since a power loss, the oldest first.
    unchecked: Vec<Unchecked>,
    /// Where its log was cut last, until its high watermark moves.
    cut_to: Option<i64>,
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
    /// The highest high watermark that a leader has shown, whatever was lost since.
    shown_end: i64,
    /// From here on an election gave up what was committed, at some time: an offset may have held two records.
    lossy_from: Option<i64>,
    /// Committed records may be gone: nobody was elected who is known to have them, or all of the ISR lost power. Until the next
    /// leader has begun: its log is the truth then.
    may_lose: bool,
    /// Since when the leader's log ends above its high watermark.
    waits_since: Option<Time>,
    /// The leader's high watermark at some times, oldest first.
    went: VecDeque<(Time, i64)>,
    /// When the controller changed it last.
    changed_at: Time,
    /// Who led last.
    last_leader: Option<i32>,
    /// Leader epochs with the offsets, from and to, that their leaders wrote; and up to which epoch this is forgotten.
    epochs: LiteMap<i32, (i64, i64)>,
    epochs_forgotten: Option<i32>,
    /// Below here records were removed by licence: retention on some replica, or an administrator who was told so.
    licensed_start: i64,
    /// Of a compacted topic the last committed record of each key, by the CRC-32C of the key.
    latest: Arc<BTreeMap<u32, Latest>>,
    /// What the first reader of each offset was given there.
    read: Chunks<Option<RecordId>>,
    /// The high watermark that leaders had shown when a consumer was told OFFSET_OUT_OF_RANGE.
    out_of_range: LiteMap<u32, i64>,
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
    /// Brokers whose registered life ended without a controlled shutdown, and that have not registered since.
    unclean: BTreeSet<i32>,
    /// The last life of a broker that ended without a controlled shutdown, and the last that began one.
    unclean_life: LiteMap<i32, u32>,
    stopped_life: LiteMap<i32, u32>,
    /// Records that administrators have asked to delete, and that may be gone.
    deletions: Deletions,
    /// Brokers that have begun to coordinate a partition of `__consumer_offsets`, and may still read it.
    begun: BTreeSet<(i32, TopicPartition)>,
    /// What coordinators of groups have committed, as far as that was asked.
    shown_commits: LiteMap<TopicPartition, Arc<ShownCommits>>,
    /// Transactional ids of which a coordinator has ended a transaction that took too long.
    timed_out: BTreeSet<Arc<str>>,
    /// An administrator has done something.
    is_administered: bool,
    /// When each broker ended by itself last, and why.
    halted: LiteMap<i32, (Time, Arc<str>)>,
}

impl Invariants {
    /// An election may have given up what was at these offsets, so that each may have held two records.
    pub fn may_have_lost(&mut self, partition: TopicPartition, from: i64) {
        self.partitions.of(partition).forget_from(from);
    }

    /// From which offset on an election has given up what was committed.
    #[must_use]
    pub fn lossy_from(&self, partition: TopicPartition) -> Option<i64> {
        self.partitions.get(&partition)?.lossy_from
    }

    /// Takes in what a process told.
    pub fn observe(&mut self, note: &Note, evidence: &dyn Evidence, findings: &mut Findings) {
        self.look_at_begun(evidence, findings);
        match *note {
            // It serves nobody yet, and follows nobody.
            Note::HighWatermark { broker, .. } if !self.is_registered(broker, evidence) => {}
            Note::HighWatermark { broker, partition, offset } => {
                self.high_watermark(broker, partition, offset, evidence, findings);
            }
            // It serves nobody yet, see below.
            Note::BecameLeader { broker, partition, .. } if !is_registered(broker, evidence) => {
                self.begins_again(broker, partition, evidence, findings);
            }
            Note::BecameLeader { broker, partition, leader_epoch, log_end_offset, high_watermark } => {
                self.begins_again(broker, partition, evidence, findings);
                let ends = (log_end_offset, high_watermark);
                self.became_leader(broker, partition, leader_epoch, ends, evidence, findings);
                self.coordinates(broker, partition, evidence, findings);
            }
            Note::BecameFollower { broker, partition, leader_epoch, .. } => {
                self.begins_again(broker, partition, evidence, findings);
                let replica = self.replica(broker, partition);
                (replica.leads, replica.follows) = (None, Some(leader_epoch));
            }
            Note::InControlledShutdown { broker } => {
                self.stopped_life.insert(broker, evidence.incarnation(broker));
            }
            Note::Truncated { broker, partition, from, to } => {
                self.truncated(broker, partition, (from, to), evidence, findings);
                self.compare_again(broker, partition, to);
                self.rot_is_cut_off(broker, partition, to);
            }
            Note::TruncatedFully { broker, partition, log_end_offset, to, .. } => {
                self.gave_up(broker, partition, log_end_offset, evidence, findings);
                self.compare_again(broker, partition, to);
                self.rot_is_cut_off(broker, partition, 0);
            }
            Note::LogRecovered { broker, partition, log_end_offset, .. } => {
                self.rot_is_cut_off(broker, partition, log_end_offset);
            }
            Note::PartitionChanged { partition, leader_epoch, .. } => {
                self.elected(note, evidence, findings);
                self.partition_changed(partition, leader_epoch, evidence, findings);
            }
            Note::IsrProposed { broker, partition, ref isr_before, ref isr, .. } => {
                self.isr_proposed(broker, partition, (isr_before, isr), evidence, findings);
            }
            Note::Fenced { broker, fenced: true } => self.fenced(broker, evidence, findings),
            Note::Registered { broker, .. } => {
                // A registration of the life before, which was long under way, says nothing of this one.
                if !is_registered(broker, evidence) {
                    return;
                }
                self.registers(broker, evidence, findings);
                Self::begins_within_its_logs(broker, evidence, findings);
                self.registered.insert(broker, evidence.incarnation(broker));
                self.damaged.remove(&broker);
                for (partition, leader_epoch, LogEnds { log_end, high_watermark, .. }) in led_by(broker, evidence) {
                    let ends = (log_end, high_watermark);
                    self.became_leader(broker, partition, leader_epoch, ends, evidence, findings);
                    self.coordinates(broker, partition, evidence, findings);
                }
            }
            Note::Appended { partition, base_offset, last_offset, leader_epoch, .. } => {
                self.appended(partition, base_offset..=last_offset, leader_epoch, findings.time());
            }
            Note::SegmentsDeleted { broker, partition, from, to, .. } => {
                self.segments_deleted(broker, partition, from..to, evidence, findings);
            }
            Note::Cleaned { broker, partition, to, .. } => self.cleaned(broker, partition, to, evidence, findings),
            Note::SendDone { record, partition, outcome: SendOutcome::Acknowledged { offset } } => {
                self.acknowledged(record, partition, offset, evidence, findings);
            }
            Note::Served { broker, partition, to } => self.served(broker, partition, to, evidence, findings),
            Note::Read { consumer, partition, offset, record } => {
                self.read(consumer, partition, (offset, record), evidence, findings);
            }
            Note::Halted { broker, ref why } => {
                // In the midst of a controlled shutdown, too.
                self.killed(broker, evidence);
                self.halted.insert(broker, (findings.time(), why.as_str().into()));
            }
            Note::OutOfRange { consumer, partition, .. } => self.out_of_range(consumer, partition),
            Note::Positioned { consumer, partition, offset, moved } => {
                self.positioned(consumer, partition, (offset, moved), evidence, findings);
                self.was_told(consumer, moved, evidence, findings);
            }
            Note::Committed { consumer, partition, offset } => {
                self.told_committed(consumer, partition, offset, evidence, findings);
            }
            Note::Ordered { admin, ref order, outcome } => self.ordered(admin, order, outcome, evidence),
            Note::TransactionTimedOut { ref transactional_id, .. } => {
                self.timed_out.insert(transactional_id.as_str().into());
            }
            // An administrator may have ended somebody's transaction.
            Note::Administered { .. } => self.is_administered = true,
            Note::Transaction { producer, step: TransactionStep::Failed(TransactionError::Fatal(error)), .. } => {
                self.ends_for_good(producer, error, evidence, findings);
            }
            Note::Assigned { consumer, .. } => Self::others_hear(consumer, evidence, findings),
            // What these tell of is looked at with the notes above, or is the clients' history.
            Note::SendBlocks { .. }
            | Note::Sent { .. }
            | Note::SentAgain { .. }
            | Note::BatchRetried { .. }
            | Note::EpochBumped { .. }
            | Note::Transaction { .. }
            | Note::Derived { .. }
            | Note::NotSent { .. }
            | Note::SendDone { .. }
            | Note::Revoked { .. }
            | Note::WorkedOn { .. }
            | Note::NotCommitted { .. }
            | Note::Poisoned { .. }
            | Note::MemberFailed { .. }
            | Note::PollThrew { .. }
            | Note::PollExpired { .. }
            | Note::OffsetsExpired { .. }
            | Note::RegistrationRefused { .. }
            | Note::TopicCreated { .. }
            | Note::TopicRefused { .. }
            | Note::TopicDeleted { .. }
            | Note::PartitionsCreated { .. }
            | Note::Fenced { fenced: false, .. }
            | Note::Rolled { .. }
            | Note::RetentionHeldUp { .. }
            | Note::StorageWarning { .. }
            | Note::ReplicaFailed { .. }
            | Note::InvalidMessages { .. }
            | Note::Uncleanable { .. } => {}
        }
    }

    /// Whether the present life of a broker is registered.
    fn is_registered(&self, broker: i32, evidence: &dyn Evidence) -> bool {
        self.registered.get(&broker) == Some(&evidence.incarnation(broker))
    }

    /// A broker's life ended without a controlled shutdown: it was killed, lost power, or halted.
    pub fn killed(&mut self, broker: i32, evidence: &dyn Evidence) {
        self.unclean_life.insert(broker, evidence.incarnation(broker));
        // One that had not registered may not have begun with its logs: then its files still say how the life before ended.
        if self.is_registered(broker, evidence) {
            self.unclean.insert(broker);
        }
    }

    /// A broker lost power: what it had not flushed is gone.
    pub fn lost_power(&mut self, broker: i32, evidence: &dyn Evidence) {
        self.damaged.insert(broker);
        for (partition, image) in evidence.image().partitions() {
            if !image.replicas.contains(&broker) {
                continue;
            }
            // Below min.insync.replicas nothing is committed, so that the ELR has all that is (KIP-966).
            if image.isr.iter().chain(&image.elr).all(|member| self.damaged.contains(member)) {
                self.partitions.of(partition).may_lose = true;
            }
            self.compare_again(broker, partition, 0);
            self.replica(broker, partition).unchecked = evidence.unchecked_segments(broker, partition);
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
        let ends = evidence.log_ends(broker, partition);
        if let Some(ends) = ends.filter(|ends| offset > ends.log_end) {
            let about = format!(
                "the high watermark of {} on broker {broker} is {offset}, its log ends at {}",
                name(),
                ends.log_end
            );
            findings.add(FindingKind::HwAboveLeo, partition, about);
        }
        let licensed = self.licensed_start(partition);
        let known = self.partitions.of(partition);
        if let Some(ends) = ends.filter(|ends| ends.log_start > licensed) {
            let about = format!(
                "the log of {} on broker {broker} starts at {}, and no replica had a reason to remove what lies at {} and \
                 above",
                name(),
                ends.log_start,
                licensed,
            );
            known.licensed_start = ends.log_start;
            findings.add(FindingKind::RemovedTooEarly, partition, about);
        }
        let replica = known.replicas.entry(broker).or_default();
        let before = std::mem::replace(&mut replica.high_watermark, offset);
        replica.life = evidence.incarnation(broker);
        // Behind an unclean election a log is cut step by step (KIP-279): until its leader moves it again, its high watermark
        // says nothing of what lies below.
        let is_cut = replica.cut_to.take() == Some(offset);
        if is_cut {
            replica.high_watermark = before.min(offset);
        }
        replica.moved_at = findings.time();
        let leads = replica.leads.filter(|(_, incarnation)| *incarnation == evidence.incarnation(broker));
        if let Some((epoch, _)) = leads.filter(|_| offset < before) {
            let about = format!(
                "the high watermark of {} fell from {before} to {offset} on broker {broker}, which leads in epoch {epoch}",
                name()
            );
            findings.add(FindingKind::LeaderHwFell, partition, about);
        }
        let epoch = leads.map(|(epoch, _)| epoch).or(replica.follows);
        if leads.is_some() {
            known.shown_end = known.shown_end.max(offset);
        } else if offset > known.shown_end {
            let about = format!(
                "the high watermark of {} is {offset} on broker {broker}, which follows, and no leader has shown one above {}",
                name(),
                known.shown_end,
            );
            findings.add(FindingKind::HwAboveLeaders, partition, about);
        }
        // Whoever has not heard of the newest leader may commit what an election has given up.
        let newest = evidence.image().partition(partition).map(|image| image.leader_epoch);
        if epoch.is_some() && newest.is_some() && epoch != newest {
            return;
        }
        known.replicas.entry(broker).or_default().committed = offset;
        if leads.is_some() {
            known.goes(findings.time(), offset, ends);
        }
        if !is_cut {
            known.compare(broker, partition, offset, evidence, findings);
        }
        self.check_isr(partition, evidence, findings);
    }

    /// Every member of the committed ISR holds what lies below the leader's high watermark: one that was killed too, as long as
    /// its page cache lives. Of one that has begun again and is not registered yet the log may still be opened.
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
            // Of one that has begun again the log may still be opened.
            if !self.is_registered(*member, evidence) || self.damaged.contains(member) {
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

    /// A broker has read its logs, and its high watermarks from their checkpoint.
    fn begins_within_its_logs(broker: i32, evidence: &dyn Evidence, findings: &mut Findings) {
        let has_it = |(_, image): &(TopicPartition, &PartitionImage)| image.replicas.contains(&broker);
        for (partition, _) in evidence.image().partitions().filter(has_it) {
            let ends = evidence.log_ends(broker, partition).filter(|ends| ends.high_watermark > ends.log_end);
            // It has not heard of it yet, or all is well.
            let Some(ends) = ends else { continue };
            let about = format!(
                "broker {broker} begins with a high watermark of {} in {}, and its log ends at {}",
                ends.high_watermark,
                evidence.partition_name(partition),
                ends.log_end,
            );
            findings.add(FindingKind::HwAboveLeo, partition, about);
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
        // Of a partition that has told nothing yet nobody knows what was shown.
        if high_watermark > known.shown_end && !known.leaders.is_empty() {
            let about = format!(
                "broker {broker} leads {} in epoch {leader_epoch} with a high watermark of {high_watermark}, and no leader has \
                 shown one above {}",
                name(),
                known.shown_end,
            );
            findings.add(FindingKind::HwAboveLeaders, partition, about);
        }
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
        // Whoever was away while others committed instead of what it has agrees with them below that only.
        let agreed = replica.committed.min(high_watermark).min(log_end);
        (replica.high_watermark, replica.epoch_start) = (high_watermark, log_end);
        known.shown_end = known.shown_end.max(high_watermark);
        known.waits_since = (high_watermark < log_end).then_some(findings.time());
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
            known.forget_from(agreed);
            known.committed_end = known.committed_end.min(log_end);
            known.went.clear();
            known.may_lose = false;
        }
    }

    /// A replica leads or follows for the first time in a life of its broker. Where the life before ended in good order, the
    /// high watermark is the one that was written down then.
    fn begins_again(
        &mut self,
        broker: i32,
        partition: TopicPartition,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let life = evidence.incarnation(broker);
        let replica = self.replica(broker, partition);
        let (former, known) = (std::mem::replace(&mut replica.life, life), replica.high_watermark);
        let was_stopped =
            self.stopped_life.get(&broker) == Some(&former) && self.unclean_life.get(&broker) != Some(&former);
        if former == life || !was_stopped || self.damaged.contains(&broker) {
            return;
        }
        // Its log is not open (any more).
        let Some(ends) = evidence.log_ends(broker, partition) else { return };
        if ends.high_watermark < known.min(ends.log_end) {
            let about = format!(
                "broker {broker} was stopped with a high watermark of {} of {known}, and is back with {}",
                evidence.partition_name(partition),
                ends.high_watermark,
            );
            findings.add(FindingKind::HwForgotten, partition, about);
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
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        self.partitions.of(partition).changed_at = findings.time();
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
        Self::check_fenced(partition, image, evidence, findings);
        if let Some(stranger) = image.isr.iter().find(|member| !image.replicas.contains(member)) {
            let about = format!("the ISR of {} names broker {stranger}; its replicas are {:?}", name(), image.replicas);
            findings.add(FindingKind::IsrNotSubset, partition, about);
        }
        if image.leader >= 0 {
            Self::check_leader(partition, image, evidence, findings);
        }
        self.check_isr(partition, evidence, findings);
    }
}
