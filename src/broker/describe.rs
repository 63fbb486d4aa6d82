//! What administrators are told: of the cluster, of partitions, of producers
//! (Kafka: `KafkaApis.handleDescribeCluster`, `handleDescribeTopicPartitionsRequest`, `handleDescribeProducersRequest`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use kafka_protocol::messages::{
    DescribeClusterRequest, DescribeProducersRequest, DescribeProducersResponse, DescribeTopicPartitionsRequest,
    ProducerId,
};

use super::purgatory::Asker;
use super::{Broker, Context};
use crate::wire::{Response, TopicPartition, metadata_answer};

impl Broker {
    pub(super) fn describe_cluster(
        &mut self,
        asker: Asker,
        request: &DescribeClusterRequest,
        context: &mut Context<'_>,
    ) {
        let response = metadata_answer::cluster(&self.image, request, false);
        self.answer(asker, Response::DescribeCluster(response), context);
    }

    pub(super) fn describe_topic_partitions(
        &mut self,
        asker: Asker,
        request: &DescribeTopicPartitionsRequest,
        context: &mut Context<'_>,
    ) {
        match metadata_answer::topic_partitions(&self.image, request) {
            Ok(response) => self.answer(asker, Response::DescribeTopicPartitions(response), context),
            // Its answer has no room for an error of all.
            Err(_) => self.hang_up(asker.connection, context),
        }
    }

    pub(super) fn describe_producers(
        &mut self,
        asker: Asker,
        request: &DescribeProducersRequest,
        context: &mut Context<'_>,
    ) {
        let topics = request.topics.iter().map(|topic| {
            let number = self.image.topics.named(&topic.name);
            let partitions = topic.partition_indexes.iter().map(|&index| {
                let answer = PartitionResponse::default().with_partition_index(index);
                match self.active_producers(number, index) {
                    Ok(producers) => answer.with_active_producers(producers),
                    Err(error) => answer.with_error_code(error.code()),
                }
            });
            TopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
        });
        let response = DescribeProducersResponse::default().with_topics(topics.collect());
        self.answer(asker, Response::DescribeProducers(response), context);
    }

    /// What the leader of a partition knows of its producers (`UnifiedLog.activeProducers`).
    fn active_producers(&self, topic: Option<u32>, partition: i32) -> Result<Vec<ProducerState>, ResponseError> {
        let topic = topic.ok_or(ResponseError::UnknownTopicOrPartition)?;
        let replica = self.replicas.replica_at_epoch(TopicPartition { topic, partition }, -1)?;
        replica.leadership().ok_or(ResponseError::NotLeaderOrFollower)?;
        let producers = replica.log.producers().iter().map(|(id, producer)| {
            ProducerState::default()
                .with_producer_id(ProducerId(id))
                .with_producer_epoch(producer.epoch.into())
                .with_last_sequence(producer.last_sequence())
                .with_last_timestamp(producer.last_timestamp)
                .with_coordinator_epoch(producer.coordinator_epoch)
                .with_current_txn_start_offset(producer.current_txn_first_offset.unwrap_or(-1))
        });
        Ok(producers.collect())
    }
}
