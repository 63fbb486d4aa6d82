//! What the controller decides, recomputed from what it had before: nothing here believes its own word for it.

use super::Invariants;
use crate::lab::check::{Evidence, Findings};
use crate::lab::scenario::FindingKind;
use crate::note::Note;
use crate::wire::{PartitionImage, TopicPartition};

impl Invariants {
    /// A partition changed: another leader is one that has all committed records, or there is a rule that lets him lead.
    pub(super) fn elected(&mut self, note: &Note, evidence: &dyn Evidence, findings: &mut Findings) {
        let Note::PartitionChanged {
            partition,
            leader,
            leader_epoch,
            leader_before,
            ref isr_before,
            unclean,
            ref elr_before,
            ..
        } = *note
        else {
            unreachable!("only changes of partitions elect")
        };
        let known = self.partitions.of(partition);
        let epoch_before = known.leader_epoch;
        known.last_leader = Some(leader_before).filter(|before| *before >= 0).or(known.last_leader);
        if leader == leader_before {
            return;
        }
        let name = || evidence.partition_name(partition);
        if leader_epoch == epoch_before {
            let about =
                format!("{} got broker {leader} for its leader after {leader_before}, and no new epoch", name());
            findings.add(FindingKind::LeaderEpochFell, partition, about);
        }
        let has_all = isr_before.contains(&leader) || elr_before.contains(&leader);
        if leader < 0 || has_all && !unclean {
            return;
        }
        // The last known leader may lead where nobody is left who has all (KIP-966); whoever registers after an unclean shutdown
        // leaves with the very change that elects.
        let left = isr_before.iter().chain(elr_before).any(|replica| !self.unclean.contains(replica));
        let is_last_known = !left && known.last_leader == Some(leader);
        let may_lead = has_all || is_last_known || evidence.elects_unclean(partition);
        known.may_lose |= !has_all;
        if !may_lead || unclean == has_all {
            let calls = if unclean { "unclean" } else { "clean" };
            let about = format!(
                "broker {leader} was elected to lead {}; the ISR before was {isr_before:?}, the ELR {elr_before:?}, the last leader \
                 {:?}; the controller calls it {calls}",
                name(),
                known.last_leader,
            );
            findings.add(FindingKind::UncleanElection, partition, about);
        }
    }

    /// A leader asks for followers in the ISR: they have what is committed, and all that was there when its epoch began
    /// (`Partition.isFollowerInSync`).
    pub(super) fn isr_proposed(
        &mut self,
        broker: i32,
        partition: TopicPartition,
        (before, isr): (&[i32], &[i32]),
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let newest = evidence.image().partition(partition).map(|image| image.leader_epoch);
        let known = self.partitions.of(partition).replicas.get(&broker);
        // What a former leader asks for is refused; its followers follow another one by now.
        let known = known.filter(|leader| leader.leads.map(|(epoch, _)| epoch) == newest);
        let needed = known.map_or(0, |leader| leader.high_watermark.max(leader.epoch_start));
        for entering in isr.iter().filter(|member| !before.contains(member)) {
            // Whoever has died since may have lost power.
            let ends = evidence.log_ends(*entering, partition).filter(|_| evidence.is_running(*entering));
            if let Some(ends) = ends.filter(|ends| ends.log_end < needed && !self.damaged.contains(entering)) {
                let about = format!(
                    "broker {broker} asks for broker {entering} in the ISR of {}, whose log ends at {}; it needs all below {needed}",
                    evidence.partition_name(partition),
                    ends.log_end,
                );
                findings.add(FindingKind::IsrEnteredEarly, partition, about);
            }
        }
    }

    /// Who leads is in the ISR, and not fenced (`PartitionChangeBuilder.electLeader`, `ClusterControlManager.isActive`).
    pub(super) fn check_leader(
        partition: TopicPartition,
        image: &PartitionImage,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let (leader, isr) = (image.leader, &image.isr);
        if !isr.contains(&leader) {
            let name = evidence.partition_name(partition);
            let about = format!("broker {leader} leads {name} and is not in its ISR, {isr:?}");
            findings.add(FindingKind::IsrNotSubset, partition, about);
        }
    }

    /// A broker that is fenced leaves every ISR with it (`ReplicationControlManager.handleBrokerFenced`; with KIP-966 even the last
    /// member does).
    pub(super) fn fenced(&mut self, broker: i32, evidence: &dyn Evidence, findings: &mut Findings) {
        for (partition, image) in evidence.image().partitions().filter(|(_, image)| image.isr.contains(&broker)) {
            let name = evidence.partition_name(partition);
            let about = format!("broker {broker} was fenced and is in the ISR of {name}, {:?}", image.isr);
            findings.add(FindingKind::FencedInIsr, partition, about);
        }
    }

    /// Nor does it enter one, or lead.
    pub(super) fn check_fenced(
        partition: TopicPartition,
        image: &PartitionImage,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let is_fenced = |broker: &&i32| evidence.image().brokers.get(broker).is_some_and(|broker| broker.fenced);
        // Of a new topic all whose brokers are fenced, one is taken all the same.
        let in_isr = image.isr.iter().find(is_fenced).filter(|_| image.isr.len() > 1);
        if let Some(broker) = Some(&image.leader).filter(is_fenced).or(in_isr) {
            let name = evidence.partition_name(partition);
            let what = if *broker == image.leader { "leads" } else { "is in the ISR of" };
            let about = format!("broker {broker} is fenced and {what} {name}; the ISR is {:?}", image.isr);
            findings.add(FindingKind::FencedInIsr, partition, about);
        }
    }

    /// A broker registers: after an unclean shutdown it is in no ELR and no ISR (KIP-966, `handleUncleanBrokerShutdown`).
    pub(super) fn registers(&mut self, broker: i32, evidence: &dyn Evidence, findings: &mut Findings) {
        if !self.unclean.remove(&broker) {
            return;
        }
        for (partition, image) in evidence.image().partitions() {
            if image.isr.contains(&broker) || image.elr.contains(&broker) {
                let about = format!(
                    "broker {broker} is back after an unclean shutdown, and still in the ISR {:?} or the ELR {:?} of {}",
                    image.isr,
                    image.elr,
                    evidence.partition_name(partition),
                );
                findings.add(FindingKind::UncleanShutdownTrusted, partition, about);
            }
        }
    }
}
