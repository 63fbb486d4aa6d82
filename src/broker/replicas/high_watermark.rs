//! Where high watermarks go (Kafka: `Partition.maybeIncrementLeaderHW`, `UnifiedLog.maybeUpdateHighWatermark`).

use super::super::context::Context;
use super::ReplicaManager;
use super::leadership::Follower;
use crate::note::Note;
use crate::wire::TopicPartition;

impl ReplicaManager {
    /// Moves a leader's high watermark as far as it may go. Whether it moved; that of a follower does not.
    pub(in crate::broker) fn advance_high_watermark(
        &mut self,
        partition: TopicPartition,
        context: &mut Context<'_>,
    ) -> bool {
        let replica = self.replica(partition);
        let Some(leadership) = replica.leadership() else { return false };
        let below_minimum = leadership.isr.len() < leadership.effective_min_isr(replica.min_isr);
        if below_minimum && !self.settings.without.kip_966 {
            return false;
        }
        let (end, lag_max) = (replica.end(), self.settings.replica_lag_time_max_us);
        let to =
            leadership.replicated_up_to(end, context.now(), lag_max, |id, follower| self.is_isr_eligible(id, follower));
        to > replica.log.high_watermark() && self.set_high_watermark(partition, to, context)
    }

    /// A follower's high watermark is the leader's, as far as its own log goes. Whether it moved.
    pub(in crate::broker) fn follow_high_watermark(
        &mut self,
        partition: TopicPartition,
        leader_says: i64,
        context: &mut Context<'_>,
    ) -> bool {
        let log = &self.replica(partition).log;
        let offset = leader_says.min(log.log_end_offset());
        offset > log.high_watermark() && self.set_high_watermark(partition, offset, context)
    }

    /// Sets a replica's high watermark and tells observers. Whether it is another.
    fn set_high_watermark(&mut self, partition: TopicPartition, offset: i64, context: &mut Context<'_>) -> bool {
        let log = &mut self.replica_mut(partition).log;
        let before = log.high_watermark();
        let offset = log.update_high_watermark(context.disk(), offset);
        if offset == before {
            return false;
        }
        self.high_watermark_is(partition, offset, context);
        true
    }

    /// A high watermark moved, by itself or because the log was cut.
    pub(in crate::broker) fn high_watermark_is(
        &mut self,
        partition: TopicPartition,
        offset: i64,
        context: &mut Context<'_>,
    ) {
        self.checkpoint_is_stale = true;
        context.note(Note::HighWatermark { broker: self.settings.id, partition, offset });
    }

    /// Whether a replica may be in an ISR: unfenced, staying, and the same life that fetches (KIP-903).
    pub(in crate::broker) fn is_isr_eligible(&self, id: i32, follower: &Follower) -> bool {
        self.image.brokers.get(&id).is_some_and(|broker| {
            let same_life = follower.broker_epoch == broker.epoch || self.settings.without.kip_903;
            !broker.fenced && !broker.in_controlled_shutdown && same_life
        })
    }
}
