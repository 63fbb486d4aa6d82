//! Fetch sessions as the leader keeps them (KIP-227; Kafka: `FetchSession`).
//!
//! A session remembers what its client fetches, so that a request names only what changed. It also keeps the set of
//! partitions with news: whoever changes a partition puts it there, so that no fetch walks over all partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_protocol::messages::FetchRequest;

use crate::sim::network::ConnectionId;
use crate::sim::{SECOND, Time};
use crate::wire::{TopicPartition, topic_index};

/// A session that was not used for so long makes room for any other (Kafka:
/// `ServerConfigs.MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`).
const EVICTION_US: Time = 120 * SECOND;

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

/// One client's fetches.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) reader: Reader,
    /// The epoch of the next request; a one-time fetch has none.
    pub(super) next_epoch: i32,
    /// Its first request: all partitions are answered, also those without anything new.
    pub(super) is_full: bool,
    pub(super) partitions: BTreeMap<TopicPartition, Wanted>,
    pub(super) news: BTreeSet<TopicPartition>,
    /// Where to begin the next answer, so that one partition with much data does not starve those after it.
    pub(super) begin_at: TopicPartition,
    created: Time,
    pub(super) last_fetch: Time,
    /// The connection whose fetch waits for data.
    pub(super) parked: Option<ConnectionId>,
}

impl Session {
    pub(super) fn new(request: &FetchRequest, now: Time) -> Self {
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
            news: BTreeSet::new(),
            begin_at: TopicPartition { topic: 0, partition: 0 },
            created: now,
            last_fetch: now,
            parked: None,
        }
    }

    /// Takes what the request adds and changes. Returns the partitions that are new here.
    pub(super) fn update(&mut self, request: &FetchRequest) -> Vec<TopicPartition> {
        let mut added = Vec::new();
        for topic in &request.topics {
            let Some(index) = topic_index(topic.topic_id) else { continue };
            for data in &topic.partitions {
                let partition = TopicPartition { topic: index, partition: data.partition };
                let known = self.partitions.get(&partition);
                let wanted = Wanted {
                    offset: data.fetch_offset,
                    leader_epoch: data.current_leader_epoch,
                    last_fetched_epoch: data.last_fetched_epoch,
                    log_start: data.log_start_offset,
                    max_bytes: data.partition_max_bytes,
                    told_high_watermark: known.map_or(-1, |known| known.told_high_watermark),
                    told_log_start: known.map_or(-1, |known| known.told_log_start),
                };
                if known.is_none() {
                    added.push(partition);
                }
                self.partitions.insert(partition, wanted);
                self.news.insert(partition);
            }
        }
        added
    }

    /// Takes what the request forgets. Returns the partitions that went.
    pub(super) fn forget(&mut self, request: &FetchRequest) -> Vec<TopicPartition> {
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

    /// Followers' sessions are worth more than those of consumers, and large ones more than small ones.
    fn worth(&self) -> (bool, usize) {
        (matches!(self.reader, Reader::Follower { .. }), self.partitions.len())
    }

    /// Whether one that is worth so much may take its place.
    fn is_evictable_by(&self, newcomer: (bool, usize)) -> bool {
        let has_had_its_time = self.last_fetch - self.created > EVICTION_US;
        let is_exposed = has_had_its_time || newcomer.0 && !self.worth().0;
        is_exposed && self.worth() < newcomer
    }

    /// The partitions with news, in the order in which they are to be answered.
    pub(super) fn news_in_order(&self) -> Vec<TopicPartition> {
        self.news.range(self.begin_at..).chain(self.news.range(..self.begin_at)).copied().collect()
    }
}

/// Whether a broker can keep one more session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// A slot is free.
    Free,
    /// This one has to go.
    Evict(i32),
    /// All of them are worth more.
    None,
}

/// Finds a slot for a session that is new (Kafka: `FetchSessionCacheShard.tryEvict`). `size` partitions are what its
/// first request names.
pub(super) fn room_for(
    newcomer: &Session,
    size: usize,
    sessions: &BTreeMap<i32, Arc<Session>>,
    slots: usize,
    now: Time,
) -> Room {
    let kept = || sessions.range(1..).map(|(id, session)| (*id, session));
    if kept().count() < slots {
        return Room::Free;
    }
    let stale = kept().min_by_key(|(id, session)| (session.last_fetch, *id));
    if let Some((id, _)) = stale.filter(|(_, session)| now - session.last_fetch > EVICTION_US) {
        return Room::Evict(id);
    }
    let newcomer = (newcomer.worth().0, size);
    let evictable = kept().filter(|(_, session)| session.is_evictable_by(newcomer));
    evictable.min_by_key(|(id, session)| (session.worth(), *id)).map_or(Room::None, |(id, _)| Room::Evict(id))
}
