//! The leader's side of the ISR: who falls out, who comes back, what the controller says to it
//! (Kafka: `Partition.maybeShrinkIsr`, `maybeExpandIsr`, `DefaultAlterPartitionManager`; KIP-497).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_partition_request::{BrokerState, PartitionData, TopicData};
use kafka_protocol::messages::alter_partition_response::PartitionData as Answer;
use kafka_protocol::messages::{AlterPartitionRequest, BrokerId};

use super::super::context::Context;
use super::super::timer::BrokerTimer;
use super::ReplicaManager;
use super::leadership::{Leadership, PendingIsr};
use super::replica::Replica;
use crate::note::{FollowerState, Note};
use crate::sim::{MILLISECOND, Time};
use crate::wire::TopicPartition;

/// How long a request that the controller did not take as a whole waits for its next try
/// (`DefaultAlterPartitionManager.sendRequest`).
const RETRY_US: Time = 50 * MILLISECOND;

impl ReplicaManager {
    /// Looks for members of the ISR that have fallen behind; every half of `replica.lag.time.max.ms`.
    pub(in crate::broker) fn shrink_isrs(&mut self, context: &mut Context<'_>) {
        let (now, lag_max) = (context.now(), self.settings.replica_lag_time_max_us);
        context.set_timer(BrokerTimer::IsrShrink, context.after((lag_max / 2).max(1)));
        for (partition, replica) in self.all.iter_mut() {
            let end = replica.end();
            // A follower has no ISR.
            let Some(leadership) = replica.leadership() else { continue };
            if leadership.pending.is_some() {
                continue;
            }
            let late = leadership.out_of_sync(end, now, lag_max);
            if late.is_empty() {
                continue;
            }
            let isr = leadership.isr.iter().copied().filter(|id| !late.contains(id)).collect();
            if let Some(leadership) = Arc::make_mut(replica).leadership_mut() {
                leadership.pending = Some(PendingIsr { isr, settled_by_metadata: false, told: false });
                self.isr_changes.insert(partition);
            }
        }
    }

    /// Asks for a follower to be taken into the ISR if it has all that counts.
    pub(in crate::broker) fn maybe_expand_isr(&mut self, partition: TopicPartition, id: i32) {
        let replica = self.replica(partition);
        let high_watermark = replica.log.high_watermark();
        let leadership = replica.leadership().expect("only a leader looks for members of the ISR");
        if leadership.pending.is_some() || leadership.isr.contains(&id) {
            return;
        }
        let follower = leadership.followers.get(&id).expect("only replicas may enter the ISR");
        let reaches_epoch = follower.log_end >= leadership.epoch_start || self.settings.without.kafka_7128;
        let caught_up = follower.log_end >= high_watermark && reaches_epoch;
        if !caught_up || !self.is_isr_eligible(id, follower) {
            return;
        }
        let isr = leadership.isr.iter().copied().chain([id]).collect();
        if let Some(leadership) = self.replica_mut(partition).leadership_mut() {
            leadership.pending = Some(PendingIsr { isr, settled_by_metadata: false, told: false });
            self.isr_changes.insert(partition);
        }
    }

    /// What has gathered, as the request for it with the partitions in it. What the controller did not take before goes
    /// with what is new.
    pub(in crate::broker) fn take_isr_changes(
        &mut self,
        broker_epoch: i64,
        context: &mut Context<'_>,
    ) -> Option<(Vec<TopicPartition>, AlterPartitionRequest)> {
        let unsent = std::mem::take(&mut self.isr_retries);
        self.isr_changes.extend(unsent);
        let mut topics: Vec<TopicData> = Vec::new();
        let mut asked = Vec::new();
        for partition in std::mem::take(&mut self.isr_changes) {
            // Nobody waits for the change any more.
            let Some(data) = self.isr_change(partition, broker_epoch, context) else { continue };
            asked.push(partition);
            let id = self.image.topics.id_of(partition.topic);
            match topics.last_mut() {
                Some(topic) if topic.topic_id == id => topic.partitions.push(data),
                _ => topics.push(TopicData::default().with_topic_id(id).with_partitions(vec![data])),
            }
        }
        let request = AlterPartitionRequest::default()
            .with_broker_id(BrokerId(self.settings.id))
            .with_broker_epoch(broker_epoch)
            .with_topics(topics);
        (!asked.is_empty()).then_some((asked, request))
    }

    /// The change that a leader waits for; `None` where it leads no more, or metadata has settled it since.
    fn isr_change(
        &mut self,
        partition: TopicPartition,
        broker_epoch: i64,
        context: &mut Context<'_>,
    ) -> Option<PartitionData> {
        let replica = self.all.get(&partition)?;
        let leadership = replica.leadership()?;
        let pending = leadership.pending.as_ref().filter(|pending| !pending.settled_by_metadata)?;
        let data = PartitionData::default()
            .with_partition_index(partition.partition)
            .with_leader_epoch(replica.leader_epoch)
            .with_partition_epoch(leadership.partition_epoch)
            .with_new_isr_with_epochs(pending.isr.iter().map(|id| member(*id, leadership, broker_epoch)).collect());
        // Who has to ask again, as while there is no controller, has said so once.
        if !pending.told {
            context.note(self.proposal(partition, replica, leadership, &pending.isr));
            let leadership = self.replica_mut(partition).leadership_mut();
            if let Some(pending) = leadership.and_then(|leadership| leadership.pending.as_mut()) {
                pending.told = true;
            }
        }
        Some(data)
    }

    /// There is a change to be sent.
    pub(in crate::broker) fn has_isr_changes(&self) -> bool {
        !self.isr_changes.is_empty()
    }

    /// The request for these changes was lost with its connection: it is sent again on the next one.
    pub(in crate::broker) fn isr_changes_lost(&mut self, asked: Vec<TopicPartition>) {
        self.isr_changes.extend(asked);
    }

    /// NOT_CONTROLLER, STALE_BROKER_EPOCH: the request was not heard as a whole. It is sent again in a while, or with the
    /// next change.
    pub(in crate::broker) fn isr_changes_refused(&mut self, asked: &[TopicPartition], context: &mut Context<'_>) {
        self.isr_retries.extend(asked.iter().copied());
        context.set_timer(BrokerTimer::AlterPartition, context.after(RETRY_US));
    }

    /// What the controller did not take is due again.
    pub(in crate::broker) fn ask_again_for_isrs(&mut self) {
        let unsent = std::mem::take(&mut self.isr_retries);
        self.isr_changes.extend(unsent);
    }

    /// What the leader knows of those who shall leave or enter the ISR.
    fn proposal(&self, partition: TopicPartition, replica: &Replica, leadership: &Leadership, isr: &[i32]) -> Note {
        let changed = leadership.followers.iter().filter(|(id, _)| leadership.isr.contains(id) != isr.contains(id));
        Note::IsrProposed {
            broker: self.settings.id,
            partition,
            isr_before: leadership.isr.clone(),
            isr: isr.to_vec(),
            high_watermark: replica.log.high_watermark(),
            log_end_offset: replica.log.log_end_offset(),
            changed: changed
                .map(|(id, follower)| FollowerState {
                    broker: *id,
                    log_end_offset: follower.log_end,
                    caught_up_at: follower.last_caught_up,
                })
                .collect(),
        }
    }

    /// What the controller says to the change of one partition. Whether the ISR is as asked now.
    pub(in crate::broker) fn isr_answered(&mut self, partition: TopicPartition, data: &Answer) -> bool {
        // Silence is right: it leads no more, or metadata has brought the change before its answer came.
        let Some(replica) = self.all.get_mut(&partition).map(Arc::make_mut) else { return false };
        let leader_epoch = replica.leader_epoch;
        let Some(leadership) = replica.leadership_mut() else { return false };
        let Some(pending) = leadership.pending.as_mut() else { return false };
        match ResponseError::try_from_code(data.error_code) {
            None if data.leader_epoch == leader_epoch && data.partition_epoch >= leadership.partition_epoch => {
                let isr = data.isr.iter().map(|id| id.0).collect();
                leadership.confirm(isr, data.partition_epoch, data.leader_recovery_state == 1);
                return true;
            }
            None => pending.settled_by_metadata = true,
            Some(ResponseError::IneligibleReplica | ResponseError::OperationNotAttempted) => leadership.pending = None,
            Some(
                ResponseError::FencedLeaderEpoch
                | ResponseError::InvalidUpdateVersion
                | ResponseError::InvalidRequest
                | ResponseError::UnknownTopicOrPartition
                | ResponseError::UnknownTopicId
                | ResponseError::NewLeaderElected,
            ) => pending.settled_by_metadata = true,
            // Asked again at once (`Partition.handleAlterPartitionError`).
            Some(_) => {
                self.isr_changes.insert(partition);
            }
        }
        false
    }
}

/// A member with the life in which it fetched (KIP-903); the leader itself with its own.
fn member(id: i32, leadership: &Leadership, leaders_epoch: i64) -> BrokerState {
    let known = leadership.followers.get(&id).map_or(leaders_epoch, |follower| follower.broker_epoch);
    BrokerState::default().with_broker_id(BrokerId(id)).with_broker_epoch(known)
}
