//! What is fetched while the ids of topics are not known (Kafka: `Metadata.topicIds`, `FetchSessionHandler`).
//!
//! Of a topic that was deleted metadata tell no id any more, but the positions and the leaders that they have stay. Kafka's
//! consumer goes on to fetch from these, with names instead of ids, and so meets the topic that has the name next on a
//! broker which hosted the former one, whether that leads or follows (KIP-392): mostly it hears OFFSET_OUT_OF_RANGE there
//! before metadata tell of the new topic.

use std::collections::BTreeMap;

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use super::Consumer;
use super::position::{Position, State};
use crate::client::ClientContext;
use crate::sim::{MILLISECOND, Time};
use crate::wire::TopicPartition;
use crate::wire::fetch_session::{FINAL_EPOCH, Wanted};

/// So long before metadata are asked for a fetch by name is sent: it is answered first.
const AHEAD: Time = 20 * MILLISECOND;

impl Consumer {
    /// What the next fetch from a leader asks for by name. Kafka's fetch asks for all that is wanted from there in this way, as
    /// soon as one id is not known; here what has an id has fetches of its own, in between.
    pub(super) fn wanted_by_name(&self, leader: i32, now: Time) -> Vec<TopicPartition> {
        let is_wanted = |position: &Position| position.source() == leader && position.is_fetchable(now);
        let wanted = self.without_id.iter().filter(|of| self.positions.get(of).is_some_and(is_wanted));
        wanted.copied().collect()
    }

    /// How long a fetch may wait at a leader for news: the next one there may be by name.
    pub(super) fn longest_wait(&self, leader: i32, now: Time) -> Time {
        let paused = self.without_id.iter().filter_map(|of| self.positions.get(of));
        let paused = paused.filter(|position| position.source() == leader && position.state == State::Fetch);
        let next = paused.map(|position| position.retry_at.saturating_sub(now)).min();
        self.settings.fetch_max_wait_us.min(next.unwrap_or(Time::MAX))
    }

    /// How long after an error the next fetch by name waits. Kafka's consumer makes no pause there: of a topic that was deleted
    /// up to a thousand fetches in a second were measured. Fewer do what these do, if one of them comes soon after the new topic
    /// and before the metadata that tell of it.
    pub(super) fn pause_by_name(&self, now: Time) -> Time {
        let pause = self.settings.network.retry_backoff_us;
        let ahead = self.network.metadata().next_update().saturating_sub(AHEAD);
        if ahead > now { pause.min(ahead - now) } else { pause }
    }

    /// A fetch of these, which does not wait for news: what has an id would wait behind it.
    pub(super) fn by_name(&self, partitions: &[TopicPartition]) -> FetchRequest {
        let of = |partition: &TopicPartition, position: &Position| {
            let wanted = Wanted::by_consumer(position.offset, position.leader_epoch);
            wanted.of(partition.partition, self.settings.max_partition_fetch_bytes)
        };
        let topics: BTreeMap<u32, Vec<FetchPartition>> = self.by_topic(partitions, of);
        let named = topics.into_iter().map(|(topic, partitions)| {
            FetchTopic::default().with_topic(self.topic_name(topic)).with_partitions(partitions)
        });
        FetchRequest::default()
            .with_replica_id((-1).into())
            .with_max_wait_ms(0)
            .with_min_bytes(self.settings.fetch_min_bytes)
            .with_max_bytes(self.settings.fetch_max_bytes)
            .with_isolation_level(self.settings.isolation_level())
            .with_session_epoch(FINAL_EPOCH)
            .with_rack_id(self.rack())
            .with_topics(named.collect())
    }

    pub(super) fn fetched_by_name(&mut self, node: i32, response: &FetchResponse, context: &mut ClientContext<'_>) {
        // It has no part in the session.
        _ = self.leaders.answered(node);
        for topic in &response.responses {
            let number = self.topic_named(&topic.topic);
            for data in &topic.partitions {
                let of = TopicPartition { topic: number, partition: data.partition_index };
                // Which topic these records are of is told by metadata: they are fetched again when that is known.
                if data.error_code == 0 && self.without_id.contains(&of) {
                    self.network.metadata_mut().request_update();
                    self.ask_again_later(of, context);
                } else {
                    self.partition_fetched(node, of, data, context);
                }
            }
        }
    }
}
