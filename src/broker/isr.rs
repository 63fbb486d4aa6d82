//! The leader's side of the ISR: who falls out, who comes back, what the controller says to it
//! (Kafka: `Partition.maybeShrinkIsr`, `maybeExpandIsr`, `DefaultAlterPartitionManager`; KIP-497).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_partition_request::{BrokerState, PartitionData, TopicData};
use kafka_protocol::messages::alter_partition_response::PartitionData as Answer;
use kafka_protocol::messages::{AlterPartitionRequest, AlterPartitionResponse, BrokerId};

use super::leadership::{Leadership, PendingIsr};
use super::replica::Replica;
use super::session::Reader;
use super::{Broker, Context, timer};
use crate::note::{FollowerState, Note};
use crate::sim::{MILLISECOND, Time};
use crate::wire::{Request, TopicPartition, topic_id, topic_index};

/// How long a request that the controller did not take as a whole waits for its next try
/// (`DefaultAlterPartitionManager.sendRequest`).
const RETRY_US: Time = 50 * MILLISECOND;

impl Broker {
    /// Looks for members of the ISR that have fallen behind; every half of `replica.lag.time.max.ms`.
    pub(super) fn shrink_isrs(&mut self, context: &mut Context<'_>) {
        let (now, lag_max) = (context.now(), self.settings.replica_lag_time_max_us);
        context.set_timer(timer::ISR_SHRINK, now + (lag_max / 2).max(1));
        for (partition, replica) in self.replicas.iter_mut() {
            let end = replica.log.log_end_offset();
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
    pub(super) fn maybe_expand_isr(&mut self, partition: TopicPartition, id: i32) {
        let Some(replica) = self.replicas.get(&partition) else { return };
        let high_watermark = replica.log.high_watermark();
        let Some(leadership) = replica.leadership() else { return };
        if leadership.pending.is_some() || leadership.isr.contains(&id) {
            return;
        }
        let Some(follower) = leadership.followers.get(&id) else { return };
        let reaches_epoch = follower.log_end >= leadership.epoch_start || self.settings.without.kafka_7128;
        let caught_up = follower.log_end >= high_watermark && reaches_epoch;
        if !caught_up || !self.is_isr_eligible(id, follower) {
            return;
        }
        let isr = leadership.isr.iter().copied().chain([id]).collect();
        let Some(replica) = self.replicas.get_mut(&partition) else { return };
        if let Some(leadership) = Arc::make_mut(replica).leadership_mut() {
            leadership.pending = Some(PendingIsr { isr, settled_by_metadata: false, told: false });
            self.isr_changes.insert(partition);
        }
    }

    /// Followers that are outside the ISR are looked at with each of their fetches, though it names nothing: Kafka goes
    /// over all partitions of a session with every fetch (`Partition.updateFollowerFetchState`, `maybeExpandIsr`).
    pub(super) fn watch_followers_outside_isr(&mut self, partition: TopicPartition) {
        let Some(replica) = self.replicas.get(&partition) else { return };
        let Some(leadership) = replica.leadership() else { return };
        if leadership.followers.keys().all(|id| leadership.isr.contains(id)) {
            return;
        }
        for id in &replica.sessions {
            let Some(session) = self.sessions.get_mut(id) else { continue };
            if matches!(session.reader, Reader::Follower { id, .. } if !leadership.isr.contains(&id)) {
                Arc::make_mut(session).news.insert(partition);
            }
        }
    }

    /// Sends what has gathered, unless an AlterPartition is on its way.
    pub(super) fn send_isr_changes(&mut self, context: &mut Context<'_>) {
        if self.isr_changes.is_empty() || !self.controller.may_alter_partitions() {
            return;
        }
        // Whatever is unsent goes with what is new.
        let unsent = std::mem::take(&mut self.isr_retries);
        self.isr_changes.extend(unsent);
        let mut topics: Vec<TopicData> = Vec::new();
        let mut asked = Vec::new();
        for partition in std::mem::take(&mut self.isr_changes) {
            let Some(replica) = self.replicas.get(&partition) else { continue };
            let Some(leadership) = replica.leadership() else { continue };
            let Some(pending) = leadership.pending.as_ref().filter(|pending| !pending.settled_by_metadata) else {
                continue;
            };
            let data = PartitionData::default()
                .with_partition_index(partition.partition)
                .with_leader_epoch(replica.leader_epoch)
                .with_partition_epoch(leadership.partition_epoch)
                .with_new_isr_with_epochs(pending.isr.iter().map(|id| self.member(*id, leadership)).collect());
            // Who has to ask again, as while there is no controller, has said so once.
            let is_new = !pending.told;
            if is_new {
                context.note(self.proposal(partition, replica, leadership, &pending.isr));
            }
            asked.push(partition);
            if let Some(replica) = self.replicas.get_mut(&partition).filter(|_| is_new)
                && let Some(pending) = Arc::make_mut(replica).leadership_mut().and_then(|it| it.pending.as_mut())
            {
                pending.told = true;
            }
            let id = topic_id(partition.topic);
            match topics.last_mut() {
                Some(topic) if topic.topic_id == id => topic.partitions.push(data),
                _ => topics.push(TopicData::default().with_topic_id(id).with_partitions(vec![data])),
            }
        }
        if asked.is_empty() {
            return;
        }
        let request = AlterPartitionRequest::default()
            .with_broker_id(BrokerId(self.settings.id))
            .with_broker_epoch(self.controller.broker_epoch())
            .with_topics(topics);
        self.alter_partitions(asked, Request::AlterPartition(request), context);
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

    /// A member with the life in which it fetched (KIP-903).
    fn member(&self, id: i32, leadership: &Leadership) -> BrokerState {
        let known = leadership.followers.get(&id).map_or(self.controller.broker_epoch(), |f| f.broker_epoch);
        BrokerState::default().with_broker_id(BrokerId(id)).with_broker_epoch(known)
    }

    pub(super) fn isr_answer(
        &mut self,
        asked: &[TopicPartition],
        response: &AlterPartitionResponse,
        context: &mut Context<'_>,
    ) {
        if response.error_code != 0 {
            // NOT_CONTROLLER, STALE_BROKER_EPOCH: not heard, so asked again in a while, or with the next change.
            self.isr_retries.extend(asked.iter().copied());
            context.set_timer(timer::ALTER_PARTITION, context.now() + RETRY_US);
            return;
        }
        for topic in &response.topics {
            let Some(index) = topic_index(topic.topic_id) else { continue };
            for data in &topic.partitions {
                let partition = TopicPartition { topic: index, partition: data.partition_index };
                self.isr_answer_of(partition, data, context);
            }
        }
    }

    /// What the controller did not take is due again.
    pub(super) fn ask_again_for_isrs(&mut self) {
        let unsent = std::mem::take(&mut self.isr_retries);
        self.isr_changes.extend(unsent);
    }

    fn isr_answer_of(&mut self, partition: TopicPartition, data: &Answer, context: &mut Context<'_>) {
        let Some(replica) = self.replicas.get_mut(&partition) else { return };
        let replica = Arc::make_mut(replica);
        let leader_epoch = replica.leader_epoch;
        let Some(leadership) = replica.leadership_mut() else { return };
        let Some(pending) = leadership.pending.as_mut() else { return };
        match ResponseError::try_from_code(data.error_code) {
            None if data.leader_epoch == leader_epoch && data.partition_epoch >= leadership.partition_epoch => {
                let isr = data.isr.iter().map(|id| id.0).collect();
                leadership.confirm(isr, data.partition_epoch, data.leader_recovery_state == 1);
                self.advance_high_watermark(partition, context);
                self.wake_producers(partition);
                self.watch_followers_outside_isr(partition);
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
            Some(_) => {
                self.isr_changes.insert(partition);
            }
        }
    }

    pub(super) fn wake_producers(&mut self, partition: TopicPartition) {
        if let Some(replica) = self.replicas.get(&partition) {
            self.awake.extend(replica.producers.iter().copied());
        }
    }
}
