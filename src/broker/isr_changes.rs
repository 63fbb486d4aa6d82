//! ISR changes on their way to the controller and back (Kafka: `DefaultAlterPartitionManager`).

use kafka_protocol::messages::AlterPartitionResponse;

use super::{Broker, Context};
use crate::wire::{Request, TopicPartition};

impl Broker {
    /// Sends what has gathered, unless an AlterPartition is on its way.
    pub(super) fn send_isr_changes(&mut self, context: &mut Context<'_>) {
        if !self.replicas.has_isr_changes() || !self.controller.may_alter_partitions() {
            return;
        }
        if let Some((asked, request)) = self.replicas.take_isr_changes(self.controller.broker_epoch(), context) {
            self.alter_partitions(asked, Request::AlterPartition(request), context);
        }
    }

    /// What the controller says to the changes of these partitions.
    pub(super) fn isr_answer(
        &mut self,
        asked: &[TopicPartition],
        response: &AlterPartitionResponse,
        context: &mut Context<'_>,
    ) {
        if response.error_code != 0 {
            return self.replicas.isr_changes_refused(asked, context);
        }
        for topic in &response.topics {
            // A topic that is gone meanwhile: so is its change.
            let Some(index) = self.image.topics.with_id(topic.topic_id) else { continue };
            for data in &topic.partitions {
                let partition = TopicPartition { topic: index, partition: data.partition_index };
                if self.replicas.isr_answered(partition, data) {
                    self.advance_high_watermark(partition, context);
                    self.wake_partition(partition);
                    self.watch_followers_outside_isr(partition);
                }
            }
        }
    }
}
