//! Fetch sessions as the leader keeps them (KIP-227; Kafka: `FetchSession`).
//!
//! A session remembers what its client fetches, so that a request names only what changed. It also keeps the set of
//! partitions with news: whoever changes a partition puts it there, so that no fetch walks over all partitions.

use std::collections::BTreeMap;

use kafka_protocol::messages::FetchRequest;

use crate::sim::Time;
use crate::sim::network::ConnectionId;
use crate::sim::sorted::SortedSet;
use crate::wire::{TopicPartition, topic_index};

/// Who fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Consumer { read_committed: bool },
    Follower { id: i32, broker_epoch: i64 },
}

/// One partition of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) offset: i64,
    pub(super) leader_epoch: i32,
    pub(super) last_fetched_epoch: i32,
    pub(super) log_start: i64,
    pub(super) max_bytes: i32,
    /// What the client was last told.
    pub(super) told_high_watermark: i64,
    pub(super) told_log_start: i64,
}

impl Default for Wanted {
    /// One of which the client was told nothing.
    fn default() -> Self {
        Self {
            offset: 0,
            leader_epoch: -1,
            last_fetched_epoch: -1,
            log_start: -1,
            max_bytes: 0,
            told_high_watermark: -1,
            told_log_start: -1,
        }
    }
}

/// One client's fetches.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) reader: Reader,
    /// The epoch of the next request; a one-time fetch has none.
    pub(super) next_epoch: i32,
    /// Its first request: all partitions are answered, also those without anything new.
    pub(super) is_full: bool,
    pub(super) partitions: BTreeMap<TopicPartition, Wanted>,
    pub(super) news: SortedSet<TopicPartition>,
    /// Where to begin the next answer, so that one partition with much data does not starve those after it.
    pub(super) begin_at: TopicPartition,
    pub(super) last_fetch: Time,
    /// The connection whose fetch waits for data; set from its arrival until it is answered.
    pub(super) parked: Option<ConnectionId>,
}

impl Session {
    pub(super) fn new(request: &FetchRequest) -> Self {
        let follower = request.replica_state.replica_id.0;
        let reader = if follower >= 0 {
            Reader::Follower { id: follower, broker_epoch: request.replica_state.replica_epoch }
        } else {
            Reader::Consumer { read_committed: request.isolation_level == 1 }
        };
        Self {
            reader,
            next_epoch: 1,
            is_full: true,
            partitions: BTreeMap::new(),
            news: SortedSet::default(),
            begin_at: TopicPartition { topic: 0, partition: 0 },
            last_fetch: 0,
            parked: None,
        }
    }

    /// Takes what a request says. Returns the partitions that are new here, and those that went.
    pub(super) fn take(
        &mut self,
        connection: ConnectionId,
        request: &FetchRequest,
        now: Time,
    ) -> (Vec<TopicPartition>, Vec<TopicPartition>) {
        self.last_fetch = now;
        self.parked = Some(connection);
        let gone = self.forget(request);
        (self.update(request), gone)
    }

    fn update(&mut self, request: &FetchRequest) -> Vec<TopicPartition> {
        let mut added = Vec::new();
        for topic in &request.topics {
            let Some(index) = topic_index(topic.topic_id) else { continue };
            for data in &topic.partitions {
                let partition = TopicPartition { topic: index, partition: data.partition };
                let wanted = self.partitions.entry(partition).or_insert_with(|| {
                    added.push(partition);
                    Wanted::default()
                });
                wanted.offset = data.fetch_offset;
                wanted.leader_epoch = data.current_leader_epoch;
                wanted.last_fetched_epoch = data.last_fetched_epoch;
                wanted.log_start = data.log_start_offset;
                wanted.max_bytes = data.partition_max_bytes;
                self.news.insert(partition);
            }
        }
        added
    }

    fn forget(&mut self, request: &FetchRequest) -> Vec<TopicPartition> {
        let mut gone = Vec::new();
        for topic in &request.forgotten_topics_data {
            let Some(index) = topic_index(topic.topic_id) else { continue };
            for partition in &topic.partitions {
                let partition = TopicPartition { topic: index, partition: *partition };
                self.news.remove(&partition);
                if self.partitions.remove(&partition).is_some() {
                    gone.push(partition);
                }
            }
        }
        gone
    }
}
