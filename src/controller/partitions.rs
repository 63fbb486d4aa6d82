//! Topics and their partitions (Kafka: `ReplicationControlManager`).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_partition_request::PartitionData as AlterData;
use kafka_protocol::messages::alter_partition_response::{PartitionData, TopicData};
use kafka_protocol::messages::{AlterPartitionRequest, AlterPartitionResponse, BrokerId};

use super::election::{Election, Outcome, PartitionChange};
use super::{Context, Controller};
use crate::note::Note;
use crate::wire::{ClusterImage, PartitionImage, TopicPartition};

/// Kafka's `LeaderRecoveryState.RECOVERING`.
const RECOVERING: i8 = 1;

impl Controller {
    /// A broker may neither lead nor be in sync any more.
    pub(super) fn remove_from_isrs(&mut self, broker: i32, context: &mut Context<'_>) {
        self.change_where(context, |image| image.isr.contains(&broker), |image| without(&image.isr, broker), None);
    }

    /// As [`remove_from_isrs`](Self::remove_from_isrs), and it is no eligible leader either.
    pub(super) fn distrust(&mut self, broker: i32, context: &mut Context<'_>) {
        self.change_where(
            context,
            |image| image.isr.contains(&broker) || image.elr.contains(&broker),
            |image| without(&image.isr, broker),
            Some(broker),
        );
    }

    /// A broker is back: it may lead where nobody does.
    pub(super) fn elect_where_there_is_no_leader(&mut self, broker: i32, context: &mut Context<'_>) {
        let waits = |image: &PartitionImage| image.leader < 0 && image.replicas.contains(&broker);
        self.change_where(context, waits, |image| image.isr.clone(), None);
    }

    /// Answers a leader that changes the ISRs of its partitions.
    pub(super) fn alter_partition(
        &mut self,
        request: &AlterPartitionRequest,
        context: &mut Context<'_>,
    ) -> AlterPartitionResponse {
        let sender = request.broker_id.0;
        let epoch = self.image.brokers.get(&sender).map(|broker| broker.epoch);
        if epoch != Some(request.broker_epoch) {
            return AlterPartitionResponse::default().with_error_code(ResponseError::StaleBrokerEpoch.code());
        }
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let partitions = topic
                .partitions
                .iter()
                .map(|data| {
                    let partition = self
                        .image
                        .topics
                        .with_id(topic.topic_id)
                        .map(|index| TopicPartition { topic: index, partition: data.partition_index });
                    let result = partition
                        .ok_or(ResponseError::UnknownTopicId)
                        .and_then(|partition| self.alter(sender, partition, data, context));
                    match result {
                        Ok(image) => answer_of(data.partition_index, &image),
                        Err(error) => PartitionData::default()
                            .with_partition_index(data.partition_index)
                            .with_error_code(error.code()),
                    }
                })
                .collect();
            topics.push(TopicData::default().with_topic_id(topic.topic_id).with_partitions(partitions));
        }
        AlterPartitionResponse::default().with_topics(topics)
    }

    fn alter(
        &mut self,
        sender: i32,
        partition: TopicPartition,
        data: &AlterData,
        context: &mut Context<'_>,
    ) -> Result<PartitionImage, ResponseError> {
        let image = self.image.partition(partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let new_isr: Vec<i32> = data.new_isr_with_epochs.iter().map(|broker| broker.broker_id.0).collect();
        check(sender, image, data, &new_isr)?;
        let is_eligible = |state: &kafka_protocol::messages::alter_partition_request::BrokerState| {
            let known = self.image.brokers.get(&state.broker_id.0);
            known.is_some_and(|broker| {
                let same_life = state.broker_epoch == -1 || state.broker_epoch == broker.epoch;
                let same_life = same_life || self.settings.without_broker_epoch_check;
                !broker.fenced && !broker.in_controlled_shutdown && same_life
            })
        };
        if !data.new_isr_with_epochs.iter().all(is_eligible) {
            return Err(ResponseError::IneligibleReplica);
        }
        let recovered = data.leader_recovery_state != RECOVERING;
        self.change(partition, new_isr, None, recovered, context);
        let image = self.image.partition(partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
        if image.leader != sender || image.leader_epoch != data.leader_epoch {
            return Err(ResponseError::NewLeaderElected);
        }
        Ok(image.clone())
    }

    fn change_where(
        &mut self,
        context: &mut Context<'_>,
        concerns: impl Fn(&PartitionImage) -> bool,
        target_isr: impl Fn(&PartitionImage) -> Vec<i32>,
        unclean_shutdown: Option<i32>,
    ) {
        let concerned = self.image.partitions().filter(|(_, image)| concerns(image));
        let changes: Vec<_> = concerned.map(|(partition, image)| (partition, target_isr(image))).collect();
        for (partition, isr) in changes {
            self.change(partition, isr, unclean_shutdown, false, context);
        }
    }

    fn change(
        &mut self,
        partition: TopicPartition,
        target_isr: Vec<i32>,
        unclean_shutdown: Option<i32>,
        recovered: bool,
        context: &mut Context<'_>,
    ) {
        let change = PartitionChange {
            partition: self.image.partition(partition).expect("a partition that is changed is there"),
            target_isr,
            unclean_shutdown,
            min_isr: self.min_isr(partition),
            election: self.election(partition),
            recovered,
        };
        // What changes nothing writes no record.
        if let Some(outcome) = change.build(|broker| self.image.is_active(broker)) {
            self.apply(partition, outcome, context);
        }
    }

    /// Elects a leader of another kind, with the ISR that there is. Whether that changed anything.
    pub(super) fn elect(&mut self, partition: TopicPartition, election: Election, context: &mut Context<'_>) -> bool {
        let image = self.image.partition(partition).expect("a partition that gets a leader is there");
        let change = PartitionChange {
            partition: image,
            target_isr: image.isr.clone(),
            unclean_shutdown: None,
            min_isr: self.min_isr(partition),
            election,
            recovered: false,
        };
        let outcome = change.build(|broker| self.image.is_active(broker));
        outcome.map(|outcome| self.apply(partition, outcome, context)).is_some()
    }

    /// A PartitionChangeRecord.
    fn apply(&mut self, partition: TopicPartition, outcome: Outcome, context: &mut Context<'_>) {
        let before = self.image.partition(partition).expect("a partition that is changed is there");
        assert!(outcome.partition.leader_epoch >= before.leader_epoch, "leader epochs never fall");
        assert_eq!(outcome.partition.partition_epoch, before.partition_epoch + 1, "each change is one epoch more");
        assert!(
            outcome.partition.isr.iter().all(|member| outcome.partition.replicas.contains(member)),
            "the ISR is a part of the replicas"
        );
        context.note(Note::PartitionChanged {
            partition,
            leader: outcome.partition.leader,
            leader_epoch: outcome.partition.leader_epoch,
            isr: outcome.partition.isr.clone(),
            leader_before: before.leader,
            isr_before: before.isr.clone(),
            unclean: outcome.is_unclean(),
            elected: outcome.elected,
            elr: outcome.partition.elr.clone(),
            elr_before: before.elr.clone(),
        });
        let image = Arc::make_mut(&mut self.image);
        image.offset += 1;
        replace(image, partition, outcome.partition);
    }

    fn min_isr(&self, partition: TopicPartition) -> usize {
        let told = self.config(partition, "min.insync.replicas").and_then(|value| value.parse().ok());
        told.unwrap_or(self.settings.min_insync_replicas as usize)
    }

    fn election(&self, partition: TopicPartition) -> Election {
        let told = self.config(partition, "unclean.leader.election.enable").map(|value| value == "true");
        if told.unwrap_or(self.settings.unclean_leader_election) { Election::Unclean } else { Election::Clean }
    }

    fn config(&self, partition: TopicPartition, name: &str) -> Option<&str> {
        let topic = self.image.topics.get(partition.topic)?;
        topic.config.get(name).map(String::as_str)
    }
}

/// The refusals of `ReplicationControlManager.validateAlterPartitionData`.
fn check(sender: i32, image: &PartitionImage, data: &AlterData, new_isr: &[i32]) -> Result<(), ResponseError> {
    if data.leader_epoch > image.leader_epoch || data.partition_epoch > image.partition_epoch {
        return Err(ResponseError::NotController);
    }
    if data.leader_epoch < image.leader_epoch {
        return Err(ResponseError::FencedLeaderEpoch);
    }
    if sender != image.leader {
        return Err(ResponseError::InvalidRequest);
    }
    if data.partition_epoch < image.partition_epoch {
        return Err(ResponseError::InvalidUpdateVersion);
    }
    let are_replicas = new_isr.iter().all(|broker| image.replicas.contains(broker));
    let recovers = data.leader_recovery_state == RECOVERING;
    if !are_replicas || !new_isr.contains(&sender) || recovers && (new_isr.len() > 1 || !image.recovering) {
        return Err(ResponseError::InvalidRequest);
    }
    Ok(())
}

fn replace(image: &mut ClusterImage, partition: TopicPartition, with: PartitionImage) {
    let topic = image.topics.get_mut(partition.topic).expect("who is changed is there");
    topic.partitions[partition.partition as usize] = with;
}

fn without(isr: &[i32], broker: i32) -> Vec<i32> {
    isr.iter().copied().filter(|member| *member != broker).collect()
}

fn answer_of(index: i32, image: &PartitionImage) -> PartitionData {
    PartitionData::default()
        .with_partition_index(index)
        .with_leader_id(BrokerId(image.leader))
        .with_leader_epoch(image.leader_epoch)
        .with_isr(image.isr.iter().map(|broker| BrokerId(*broker)).collect())
        .with_leader_recovery_state(i8::from(image.recovering))
        .with_partition_epoch(image.partition_epoch)
}
