//! What goes on by itself once nothing is broken any more: leaders, in-sync replicas, high watermarks.

use std::sync::Arc;

use super::{Invariants, Partition};
use crate::lab::check::{Evidence, Findings, LogEnds, Quiet};
use crate::lab::scenario::FindingKind;
use crate::lab::units::seconds;
use crate::sim::{SECOND, Time};
use crate::wire::{PartitionImage, TopicPartition};

/// How far apart the times are at which a high watermark is remembered, and how many.
const PACE_US: Time = 10 * SECOND;
const TIMES_KEPT: usize = 64;

impl Invariants {
    /// Names what stands still though it could go on.
    pub fn find_stuck(&self, quiet: Quiet, evidence: &dyn Evidence, findings: &mut Findings) {
        for (partition, image) in evidence.image().partitions() {
            // Of one that has told nothing nobody knows anything; what rotted may stop a follower for good.
            let Some(known) = self.partitions.get(&partition).filter(|known| known.rotted.is_empty()) else { continue };
            let why = known.why_it_stands(partition, image, quiet, evidence);
            why.into_iter().for_each(|why| findings.add(FindingKind::Stuck, partition, why));
        }
    }

    /// Names brokers that ended by themselves after everything had been mended, as often as they had begun again.
    pub fn find_halted(&self, mended_at: Time, evidence: &dyn Evidence, findings: &mut Findings) {
        let down = self.halted.iter().filter(|(broker, (at, _))| *at > mended_at && !evidence.is_running(**broker));
        for (broker, (at, why)) in down {
            let has_it = |(_, image): &(TopicPartition, &PartitionImage)| image.replicas.contains(broker);
            // One that has nothing keeps nobody waiting.
            let Some((partition, _)) = evidence.image().partitions().find(has_it) else { continue };
            let about = format!(
                "broker {broker} ends by itself whenever it begins again, though nothing is broken any more, at last at {}: {why}",
                seconds(*at)
            );
            findings.add(FindingKind::Stuck, partition, about);
        }
    }

    /// When the controller changed a partition last.
    #[must_use]
    pub fn changed_at(&self, partition: TopicPartition) -> Time {
        self.partitions.get(&partition).map_or(0, |known| known.changed_at)
    }

    /// Names members of ISRs that have fetched nothing for longer than their leader may wait for them, whatever else is broken:
    /// as long as the leader runs and the controller hears it, they leave the ISR after `replica.lag.time.max.ms` and half of it
    /// (`Partition.maybeShrinkIsr`).
    pub fn find_kept(
        &self,
        quiet: Quiet,
        is_heard: &dyn Fn(i32) -> bool,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        for (partition, image) in evidence.image().partitions().filter(|(_, image)| is_heard(image.leader)) {
            let leads = Some((image.leader_epoch, evidence.incarnation(image.leader)));
            let is_newest =
                |known: &&Arc<Partition>| known.replicas.get(&image.leader).is_some_and(|leader| leader.leads == leads);
            // Who has not heard yet that it leads keeps nobody.
            let Some(known) = self.partitions.get(&partition).filter(is_newest) else { continue };
            let why = known.whom_it_keeps(partition, image, quiet, evidence);
            why.into_iter().for_each(|why| findings.add(FindingKind::Stuck, partition, why));
        }
    }

    /// The high watermark that the leader had at a time; 0 where that is not known.
    #[must_use]
    pub fn high_watermark_at(&self, partition: TopicPartition, time: Time) -> i64 {
        let went = self.partitions.get(&partition).map(|known| &known.went);
        let before = went.into_iter().flatten().take_while(|(at, _)| *at <= time).last();
        before.map_or(0, |(_, offset)| *offset)
    }
}

impl Partition {
    /// The leader's high watermark moved.
    pub(super) fn goes(&mut self, now: Time, high_watermark: i64, ends: Option<LogEnds>) {
        let is_behind = ends.is_some_and(|ends| high_watermark < ends.log_end);
        self.waits_since = is_behind.then_some(now);
        if self.went.back().is_none_or(|(last, _)| now - last >= PACE_US) {
            if self.went.len() == TIMES_KEPT {
                self.went.pop_front();
            }
            self.went.push_back((now, high_watermark));
        }
    }

    /// A member of the ISR that the high watermark has waited for longer than it may.
    fn whom_it_keeps(
        &self,
        partition: TopicPartition,
        image: &PartitionImage,
        quiet: Quiet,
        evidence: &dyn Evidence,
    ) -> Option<String> {
        let since = self.waits_since?.max(self.changed_at);
        let leader = evidence.log_ends(image.leader, partition)?;
        let lacks = |member: &&i32| {
            evidence.log_ends(**member, partition).is_some_and(|ends| ends.log_end <= leader.high_watermark)
        };
        let waits = quiet.is_too_long(since) && leader.high_watermark < leader.log_end;
        let kept = image.isr.iter().filter(|member| **member != image.leader).find(lacks).filter(|_| waits)?;
        Some(format!(
            "broker {kept} stays in the ISR of {}, {:?}: it has fetched nothing since {}, the high watermark waits for it at {}, \
             and the log of the leader, broker {}, ends at {}",
            evidence.partition_name(partition),
            image.isr,
            seconds(since),
            leader.high_watermark,
            image.leader,
            leader.log_end,
        ))
    }

    /// What has stood still for longer than it may, in a sentence that says what waits for what.
    fn why_it_stands(
        &self,
        partition: TopicPartition,
        image: &PartitionImage,
        quiet: Quiet,
        evidence: &dyn Evidence,
    ) -> Option<String> {
        let name = evidence.partition_name(partition);
        if image.leader < 0 {
            return quiet.is_too_long(self.changed_at).then(|| {
                let since = seconds(self.changed_at);
                format!(
                    "{name} has no leader since {since}: its ISR is {:?}, its ELR {:?}, and nobody is elected",
                    image.isr, image.elr
                )
            });
        }
        let ends = evidence.log_ends(image.leader, partition)?;
        let waits = self.waits_since.filter(|_| ends.high_watermark < ends.log_end);
        if let Some(since) = waits.filter(|since| quiet.is_too_long(*since)) {
            let late = image.isr.iter().filter(|member| {
                evidence.log_ends(**member, partition).is_none_or(|ends_of| ends_of.log_end < ends.log_end)
            });
            return Some(format!(
                "the high watermark of {name} stands at {} since {}, and the log of its leader, broker {}, ends at {}: it waits for \
                 brokers {:?} of the ISR {:?}",
                ends.high_watermark,
                seconds(since),
                image.leader,
                ends.log_end,
                late.collect::<Vec<_>>(),
                image.isr,
            ));
        }
        let outside = image.replicas.iter().filter(|replica| !image.isr.contains(replica));
        let stands = |replica: &i32| {
            let moved = self.replicas.get(replica).map_or(0, |replica| replica.moved_at);
            quiet.is_too_long(moved.max(self.changed_at))
        };
        outside.copied().find(stands).map(|replica| {
            let theirs = evidence.log_ends(replica, partition).map_or(0, |ends| ends.log_end);
            let what = if theirs < ends.log_end { "fetches nothing" } else { "is not let into the ISR" };
            format!(
                "broker {replica} {what} of {name}: its log ends at {theirs}, that of its leader, broker {}, at {}, and the ISR is {:?}",
                image.leader, ends.log_end, image.isr
            )
        })
    }
}
