//! Who has written to partitions, and who is forgotten (Kafka: `KafkaApis.handleDescribeProducersRequest`,
//! `UnifiedLog.removeExpiredProducers`).

use std::sync::Arc;

use kafka_protocol::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use kafka_protocol::messages::{DescribeProducersRequest, DescribeProducersResponse, TopicName};

use crate::broker::purgatory::Asker;
use crate::broker::{Broker, BrokerTimer, Context};
use crate::log::Producer;
use crate::wire::{Response, TopicPartition};

fn described((id, producer): (i64, &Producer)) -> ProducerState {
    ProducerState::default()
        .with_producer_id(id.into())
        .with_producer_epoch(producer.epoch.into())
        .with_last_sequence(producer.last_sequence())
        .with_last_timestamp(producer.last_timestamp)
        .with_coordinator_epoch(producer.coordinator_epoch)
        .with_current_txn_start_offset(producer.current_txn_first_offset.unwrap_or(-1))
}

impl Broker {
    /// Tells of the producers that replicas here know, whoever leads.
    pub(in crate::broker) fn describe_producers(
        &mut self,
        asker: Asker,
        request: &DescribeProducersRequest,
        context: &mut Context<'_>,
    ) {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partition_indexes.iter().map(|index| self.producers_of(&topic.name, *index));
            TopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
        });
        let response = DescribeProducersResponse::default().with_topics(topics.collect());
        self.answer(asker, Response::DescribeProducers(response), context);
    }

    fn producers_of(&self, topic: &TopicName, partition: i32) -> PartitionResponse {
        use kafka_protocol::ResponseError::{NotLeaderOrFollower, UnknownTopicOrPartition};
        let answer = PartitionResponse::default().with_partition_index(partition);
        let topic = self.image.topics.named(topic.as_str());
        let partition = topic.map(|topic| TopicPartition { topic, partition });
        let Some(partition) = partition.filter(|partition| self.image.partition(*partition).is_some()) else {
            return answer.with_error_code(UnknownTopicOrPartition.code());
        };
        match self.replicas.get(&partition) {
            None => answer.with_error_code(NotLeaderOrFollower.code()),
            Some(replica) => answer.with_active_producers(replica.log.producers().iter().map(described).collect()),
        }
    }

    /// Begins to look for producers that are silent.
    pub(in crate::broker) fn watch_producers(&self, context: &mut Context<'_>) {
        context.set_timer(BrokerTimer::ProducerIds, context.after(self.settings.transactions.producer_check_us));
    }

    /// Each log forgets the producers that have been silent for `producer.id.expiration.ms`.
    pub(in crate::broker) fn remove_expired_producers(&mut self, context: &mut Context<'_>) {
        let now_ms = super::now_ms(context);
        let expired: Vec<TopicPartition> = self
            .replicas
            .iter()
            .filter(|(_, replica)| replica.log.has_expired_producers(now_ms))
            .map(|(partition, _)| partition)
            .collect();
        for partition in expired {
            let replica = self.replicas.get_mut(&partition).expect("it was just found");
            Arc::make_mut(replica).log.remove_expired_producers(now_ms);
        }
        self.watch_producers(context);
    }
}
