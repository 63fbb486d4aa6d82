//! Replicas that are fetched from in place of their leader (KIP-392; Kafka: `SubscriptionState.preferredReadReplica`,
//! `AbstractFetch.selectReadReplica`).

use kafka_protocol::protocol::StrBytes;

use super::Consumer;
use super::position::Position;
use crate::sim::Time;
use crate::wire::{ClusterImage, TopicPartition};

impl Consumer {
    /// Its `client.rack`, as requests say it.
    pub(super) fn rack(&self) -> StrBytes {
        StrBytes::from_string(self.settings.client_rack.clone())
    }

    /// The leader is fetched from again.
    pub(super) fn leave_replica(&mut self, of: TopicPartition) {
        // Its topic may have been deleted meanwhile, or its leader is fetched from as it is.
        let Some(position) = self.positions.get_mut(&of) else { return };
        let Some((replica, _)) = position.preferred.take() else { return };
        let leader = position.leader;
        self.touch(replica, of);
        self.touch(leader, of);
    }

    /// A replica that a leader has named holds for `metadata.max.age.ms`, and as long as its broker is there.
    pub(super) fn leave_replicas(&mut self, image: &ClusterImage, now: Time) {
        if self.settings.client_rack.is_empty() {
            return;
        }
        let is_left = |(of, position): (TopicPartition, &Position)| {
            let (replica, until) = position.preferred?;
            let is_there = image.is_alive(replica);
            (!is_there || until <= now).then_some((of, is_there))
        };
        let left: Vec<(TopicPartition, bool)> = self.positions.iter().filter_map(is_left).collect();
        for (of, is_there) in left {
            self.leave_replica(of);
            if !is_there {
                self.network.metadata_mut().request_update();
            }
        }
    }
}
