//! Producers that are silent are forgotten (Kafka: `UnifiedLog.removeExpiredProducers`).

use std::sync::Arc;

use super::clock::now_ms;
use crate::broker::{Broker, BrokerTimer, Context};
use crate::wire::TopicPartition;

impl Broker {
    /// Begins to look for producers that are silent.
    pub(in crate::broker) fn watch_producers(&self, context: &mut Context<'_>) {
        context.set_timer(BrokerTimer::ProducerIds, context.after(self.settings.transactions.producer_check_us));
    }

    /// Each log forgets the producers that have been silent for `producer.id.expiration.ms`.
    pub(in crate::broker) fn remove_expired_producers(&mut self, context: &mut Context<'_>) {
        let now_ms = now_ms(context);
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
