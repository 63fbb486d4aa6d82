//! Fetch sessions as the leader keeps them (KIP-227; Kafka: `FetchSession`).
//!
//! A session remembers what its client fetches, so that a request names only what changed. It also keeps the set of
//! partitions with news: whoever changes a partition puts it there, so that no fetch walks over all partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::{FetchRequest, TopicName};
use uuid::Uuid;

use crate::sim::random::Random;
use crate::sim::sorted::{SortedMap, SortedSet};
use crate::sim::{SECOND, Time};
use crate::wire::{TopicPartition, Topics};

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

/// A topic that is not known here, as a client asks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stranger {
    Id(Uuid),
    Name(TopicName),
}

impl Stranger {
    /// What a request says of a topic.
    fn of(id: Uuid, name: &TopicName, is_by_name: bool) -> Self {
        if is_by_name { Self::Name(name.clone()) } else { Self::Id(id) }
    }

    /// The topic's number, once it is known here.
    fn known(&self, topics: &Topics) -> Option<u32> {
        match self {
            Self::Id(id) => topics.with_id(*id),
            Self::Name(name) => topics.named(name),
        }
    }

    /// The same, also of a topic with an id that was deleted.
    fn known_ever(&self, topics: &Topics) -> Option<u32> {
        match self {
            Self::Id(id) => topics.with_id_ever(*id),
            Self::Name(name) => topics.named(name),
        }
    }
}

/// One client's fetches.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) reader: Reader,
    /// Where it is read, if that is said.
    pub(super) rack: Option<Arc<str>>,
    /// The epoch of the next request; a one-time fetch has none.
    pub(super) next_epoch: i32,
    /// Its first request: all partitions are answered, also those without anything new.
    pub(super) is_full: bool,
    /// As long as it is full: its partitions in the order of the request, in which they are read and answered.
    pub(super) listed: Vec<TopicPartition>,
    pub(super) partitions: SortedMap<TopicPartition, Wanted>,
    /// Its requests name topics instead of telling their ids.
    pub(super) is_by_name: bool,
    /// Partitions of topics that are not known here: they are answered with UNKNOWN_TOPIC_ID, or UNKNOWN_TOPIC_OR_PARTITION,
    /// until they are.
    pub(super) strangers: BTreeMap<(Stranger, i32), Wanted>,
    pub(super) news: SortedSet<TopicPartition>,
    /// Where to begin the next answer, so that one partition with much data does not starve those after it.
    pub(super) begin_at: TopicPartition,
    created: Time,
    pub(super) last_fetch: Time,
}

impl Session {
    pub(super) fn new(request: &FetchRequest, is_by_name: bool, now: Time) -> Self {
        // Before version 15 a replica says who it is elsewhere.
        let follower = request.replica_state.replica_id.0.max(request.replica_id.0);
        let reader = if follower >= 0 {
            Reader::Follower { id: follower, broker_epoch: request.replica_state.replica_epoch }
        } else {
            Reader::Consumer { read_committed: request.isolation_level == 1 }
        };
        Self {
            reader,
            rack: Some(request.rack_id.as_str()).filter(|rack| !rack.is_empty()).map(Into::into),
            next_epoch: 1,
            is_full: true,
            listed: Vec::new(),
            partitions: SortedMap::default(),
            is_by_name,
            strangers: BTreeMap::new(),
            news: SortedSet::default(),
            begin_at: TopicPartition { topic: 0, partition: 0 },
            created: now,
            last_fetch: now,
        }
    }

    /// Takes what a request says. Returns the partitions that are new here, and those that went.
    pub(super) fn take(
        &mut self,
        request: &FetchRequest,
        topics: &Topics,
        now: Time,
    ) -> (Vec<TopicPartition>, Vec<TopicPartition>) {
        self.last_fetch = now;
        // A broker may have been registered since its session began.
        if let Reader::Follower { broker_epoch, .. } = &mut self.reader {
            *broker_epoch = request.replica_state.replica_epoch;
        }
        let gone = self.forget(request, topics);
        let mut added = self.recognise(topics);
        self.update(request, topics, &mut added);
        (added, gone)
    }

    /// Whether nothing is fetched.
    pub(super) fn is_empty(&self) -> bool {
        self.partitions.is_empty() && self.strangers.is_empty()
    }

    /// Takes in the partitions of topics that have become known here (Kafka: `CachedPartition.maybeResolveUnknownName`).
    fn recognise(&mut self, topics: &Topics) -> Vec<TopicPartition> {
        let mut added = Vec::new();
        let Self { strangers, partitions, news, .. } = self;
        strangers.retain(|(stranger, partition), wanted| {
            // Still unknown: it stays among the strangers.
            let Some(topic) = stranger.known(topics) else { return true };
            let partition = TopicPartition { topic, partition: *partition };
            partitions.insert(partition, *wanted);
            news.insert(partition);
            added.push(partition);
            false
        });
        added
    }

    fn update(&mut self, request: &FetchRequest, topics: &Topics, added: &mut Vec<TopicPartition>) {
        for topic in &request.topics {
            let asked = Stranger::of(topic.topic_id, &topic.topic, self.is_by_name);
            let known = asked.known(topics);
            for data in &topic.partitions {
                let wanted = match known {
                    Some(topic) => {
                        let partition = TopicPartition { topic, partition: data.partition };
                        self.news.insert(partition);
                        if self.is_full && !self.partitions.contains_key(&partition) {
                            self.listed.push(partition);
                        }
                        self.partitions.get_or_insert_with(partition, || {
                            added.push(partition);
                            Wanted::default()
                        })
                    }
                    None => self.strangers.entry((asked.clone(), data.partition)).or_default(),
                };
                wanted.offset = data.fetch_offset;
                wanted.leader_epoch = data.current_leader_epoch;
                wanted.last_fetched_epoch = data.last_fetched_epoch;
                wanted.log_start = data.log_start_offset;
                wanted.max_bytes = data.partition_max_bytes;
            }
        }
    }

    fn forget(&mut self, request: &FetchRequest, topics: &Topics) -> Vec<TopicPartition> {
        let mut gone = Vec::new();
        for topic in &request.forgotten_topics_data {
            let asked = Stranger::of(topic.topic_id, &topic.topic, self.is_by_name);
            let known = asked.known_ever(topics);
            for partition in &topic.partitions {
                self.strangers.remove(&(asked.clone(), *partition));
                // An unknown topic was a stranger at most.
                let Some(topic) = known else { continue };
                let partition = TopicPartition { topic, partition: *partition };
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
}

/// An id that no session of the cache has. Ids are random, so that a client that goes on with a session of the broker's
/// former life does not land in another's (Kafka: `FetchSessionCacheShard.newSessionId`).
pub(super) fn new_id(sessions: &SortedMap<i32, Arc<Session>>, random: &mut Random) -> i32 {
    loop {
        let id = i32::try_from(random.between(1, i32::MAX as u64)).expect("a positive i32");
        if !sessions.contains_key(&id) {
            return id;
        }
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

/// Finds a slot for a session that is new (Kafka: `FetchSessionCacheShard.tryEvict`).
pub(super) fn room_for(newcomer: &Session, sessions: &SortedMap<i32, Arc<Session>>, slots: usize, now: Time) -> Room {
    let kept = || sessions.iter().filter(|(id, _)| **id > 0).map(|(id, session)| (*id, session));
    if kept().count() < slots {
        return Room::Free;
    }
    let stale = kept().min_by_key(|(id, session)| (session.last_fetch, *id));
    if let Some((id, _)) = stale.filter(|(_, session)| now - session.last_fetch > EVICTION_US) {
        return Room::Evict(id);
    }
    let newcomer = newcomer.worth();
    let evictable = kept().filter(|(_, session)| session.is_evictable_by(newcomer));
    evictable.min_by_key(|(id, session)| (session.worth(), *id)).map_or(Room::None, |(id, _)| Room::Evict(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A follower's session, or a consumer's, that was opened and used last at these seconds and has so many partitions.
    fn session(follower: bool, opened: Time, used: Time, partitions: i32) -> Session {
        let mut session = Session::new(&FetchRequest::default(), false, opened * SECOND);
        if follower {
            session.reader = Reader::Follower { id: 2, broker_epoch: 1 };
        }
        session.last_fetch = used * SECOND;
        session.partitions =
            (0..partitions).map(|n| (TopicPartition { topic: 0, partition: n }, Wanted::default())).collect();
        session
    }

    /// Whom a newcomer with so many partitions drives out at this second; the sessions have the ids 1, 2, ...
    fn room(sessions: &[Session], follower: bool, size: i32, now: Time) -> Room {
        let kept = (1..).zip(sessions).map(|(id, session)| (id, Arc::new(session.clone()))).collect();
        room_for(&session(follower, now, now, size), &kept, sessions.len(), now * SECOND)
    }

    #[test]
    fn a_free_slot_is_taken() {
        let kept = SortedMap::from_iter([(1, Arc::new(session(false, 0, 0, 1)))]);
        assert_eq!(room_for(&session(false, 0, 0, 1), &kept, 2, 0), Room::Free);
        // One-time fetches have negative ids and no slot.
        let one_time = SortedMap::from_iter([(-1, Arc::new(session(false, 0, 0, 1)))]);
        assert_eq!(room_for(&session(false, 0, 0, 1), &one_time, 1, 0), Room::Free);
    }

    #[test]
    fn the_one_that_was_used_least_lately_goes_when_it_is_stale() {
        let kept = [session(false, 0, 100, 9), session(true, 0, 90, 9)];
        assert_eq!(room(&kept, false, 1, 210), Room::None);
        assert_eq!(room(&kept, false, 1, 211), Room::Evict(2));
    }

    #[test]
    fn a_follower_drives_out_the_smallest_consumer_at_once() {
        let kept = [session(true, 0, 50, 1), session(false, 0, 50, 5), session(false, 0, 50, 3)];
        assert_eq!(room(&kept, true, 1, 60), Room::Evict(3));
        assert_eq!(room(&kept, false, 100, 60), Room::None);
        assert_eq!(room(&kept[..1], true, 100, 60), Room::None, "another follower is not exposed so soon");
    }

    #[test]
    fn a_larger_session_drives_out_a_smaller_one_that_has_had_its_time() {
        let kept = [session(false, 0, 130, 3), session(false, 100, 130, 1)];
        assert_eq!(room(&kept, false, 4, 140), Room::Evict(1));
        assert_eq!(room(&kept, false, 3, 140), Room::None, "one as large does not");
        assert_eq!(room(&[session(true, 0, 130, 3)], false, 100, 140), Room::None);
        assert_eq!(room(&[session(true, 0, 130, 3)], true, 4, 140), Room::Evict(1));
    }
}
