//! What is shown of a producer's partitions.

use super::Producer;
use super::destination::Destination;
use crate::wire::TopicPartition;

/// What a producer keeps of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionSight {
    /// Which.
    pub partition: TopicPartition,
    /// The sequence number of the next batch; -1 where it has none.
    pub next_sequence: i32,
    /// Batches that have been sent and not been answered.
    pub in_flight: usize,
    /// Batches that wait to be sent, or to be sent again.
    pub queued: usize,
    /// How many records are in both.
    pub records: u64,
}

impl Producer {
    /// How far its transaction is, by Kafka's name (`TransactionManager.State`); `None` without a `transactional.id`.
    #[must_use]
    pub fn transaction_state(&self) -> Option<&'static str> {
        Some(self.transactions.as_ref()?.state_name())
    }

    /// The partitions that it has batches for, or has numbered batches of, in their order.
    pub fn partitions(&self) -> impl Iterator<Item = PartitionSight> {
        let places = (0..).zip(&self.topics).flat_map(|(topic, it)| {
            (0..it.partitions.len() as i32).map(move |partition| Destination { topic, partition })
        });
        places.filter_map(|of| self.sight(of))
    }

    fn sight(&self, of: Destination) -> Option<PartitionSight> {
        let it = self.partition(of);
        let has_numbers = it.producer.is_some();
        if !has_numbers && it.in_flight.is_empty() && it.queue.is_empty() {
            return None;
        }
        // Its topic has not been heard of, so that nothing can have been sent.
        let topic = self.topics.get(of.topic as usize)?.number?;
        Some(PartitionSight {
            partition: TopicPartition { topic, partition: of.partition },
            next_sequence: if has_numbers { it.next_sequence } else { -1 },
            in_flight: it.in_flight.len(),
            queued: it.queue.len(),
            records: it.in_flight.iter().chain(&it.queue).map(|batch| u64::from(batch.count().unsigned_abs())).sum(),
        })
    }
}
