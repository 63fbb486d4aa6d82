//! The client's side of a fetch session with one leader (KIP-227; Kafka: `FetchSessionHandler`).
//!
//! A session lets a fetch name only what changed. Followers and consumers both fetch, so the handler stands above both. Who
//! uses it says which partitions may have changed ([`FetchSessionHandler::touch`]); at the next fetch the handler asks for
//! each of these what is wanted now and compares it with what the leader was told. Kafka's handler is given everything that
//! is wanted with each fetch and compares all of it: that walks over all partitions of the leader for each fetch.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};

use super::{TopicPartition, Topics, by_topic};
use crate::sim::sorted::{SortedMap, SortedSet};

/// The id of no session (`FetchMetadata.INVALID_SESSION_ID`).
const NO_SESSION: i32 = 0;
/// The epoch that opens a session (`FetchMetadata.INITIAL_EPOCH`).
const INITIAL_EPOCH: i32 = 0;
/// The epoch of a fetch without a session (`FetchMetadata.FINAL_EPOCH`).
pub const FINAL_EPOCH: i32 = -1;

/// What a fetch says of one partition (Kafka: `FetchRequest.PartitionData`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where to read on.
    pub offset: i64,
    /// The leader epoch that the reader knows; -1 for none.
    pub leader_epoch: i32,
    /// The epoch of the last record before the offset; -1 where it is not to be compared.
    pub last_fetched_epoch: i32,
    /// Where the reader's own log starts; -1 for a consumer.
    pub log_start: i64,
}

impl Wanted {
    /// What a consumer says that is at an offset.
    #[must_use]
    pub fn by_consumer(offset: i64, leader_epoch: i32) -> Self {
        Self { offset, leader_epoch, last_fetched_epoch: -1, log_start: -1 }
    }

    /// The same as a request says it of this partition.
    #[must_use]
    pub fn of(&self, partition: i32, max_bytes: i32) -> FetchPartition {
        let mut data = FetchPartition::default();
        data.partition = partition;
        data.fetch_offset = self.offset;
        data.current_leader_epoch = self.leader_epoch;
        data.last_fetched_epoch = self.last_fetched_epoch;
        data.log_start_offset = self.log_start;
        data.partition_max_bytes = max_bytes;
        data
    }
}

/// The client's side of one session.
#[derive(Clone, Debug, Default)]
pub struct FetchSessionHandler {
    id: i32,
    epoch: i32,
    /// What the leader's session has of each partition.
    told: SortedMap<TopicPartition, Wanted>,
    /// Partitions of which something else may be wanted by now.
    touched: SortedSet<TopicPartition>,
    /// What the leader's session has and shall not have any more.
    forgotten: SortedSet<TopicPartition>,
}

impl FetchSessionHandler {
    /// Something else may be wanted of this partition than what the leader was told.
    pub fn touch(&mut self, partition: TopicPartition) {
        self.touched.insert(partition);
    }

    /// What the leader's session has of this partition.
    #[must_use]
    pub fn told(&self, partition: TopicPartition) -> Option<&Wanted> {
        self.told.get(&partition)
    }

    /// Whether this is true of a partition that the next fetch may have: no other is fetched from this leader.
    #[must_use]
    pub fn any_is(&self, mut is_meant: impl FnMut(TopicPartition) -> bool) -> bool {
        self.touched.iter().chain(self.told.keys().iter()).any(|partition| is_meant(*partition))
    }

    /// The next fetch with its session and partitions; the caller says who reads, how much and how long it waits. `wanted`
    /// is `None` for a partition that is not to be fetched from this leader now. `None` where no partition is: what the
    /// leader's session is to forget it hears with the first fetch that there is again.
    pub fn next(
        &mut self,
        partition_max_bytes: i32,
        known: &Topics,
        wanted: impl Fn(TopicPartition) -> Option<Wanted>,
    ) -> Option<FetchRequest> {
        let Self { told, touched, forgotten, .. } = self;
        touched.retain(|partition| match wanted(*partition) {
            Some(now) => {
                forgotten.remove(partition);
                told.insert(*partition, now) != Some(now)
            }
            None => {
                if told.remove(partition).is_some() {
                    forgotten.insert(*partition);
                }
                false
            }
        });
        if self.told.is_empty() {
            return None;
        }
        let mut request = FetchRequest::default();
        request.session_id = self.id;
        request.session_epoch = self.epoch;
        if self.epoch == INITIAL_EPOCH {
            // A full fetch says everything, and the session that it opens has nothing to forget.
            self.touched = self.told.keys().clone();
            self.forgotten.clear();
        }
        request.topics = self.topics(partition_max_bytes, known);
        request.forgotten_topics_data = self.forgotten_topics(known);
        self.touched.clear();
        self.forgotten.clear();
        Some(request)
    }

    /// The fetch that ends the session, if there is one (`FetchMetadata.nextCloseExisting` with the final epoch).
    pub fn last(&self) -> Option<FetchRequest> {
        let mut request = FetchRequest::default();
        (request.session_id, request.session_epoch) = (self.id, FINAL_EPOCH);
        (self.id != NO_SESSION).then_some(request)
    }

    fn topics(&self, partition_max_bytes: i32, known: &Topics) -> Vec<FetchTopic> {
        let say = |partition: &TopicPartition| {
            let wanted = self.told.get(partition).expect("what is named was told");
            wanted.of(partition.partition, partition_max_bytes)
        };
        by_topic(
            self.touched.as_slice(),
            |partition| partition.topic,
            |topic| known.id_of(topic),
            say,
            |id, partitions| FetchTopic::default().with_topic_id(id).with_partitions(partitions),
        )
    }

    fn forgotten_topics(&self, known: &Topics) -> Vec<ForgottenTopic> {
        by_topic(
            self.forgotten.as_slice(),
            |partition| partition.topic,
            |topic| known.id_of(topic),
            |partition| partition.partition,
            |id, partitions| ForgottenTopic::default().with_topic_id(id).with_partitions(partitions),
        )
    }

    /// A fetch was answered with this error of the whole answer and this session. True where the session goes on and the
    /// answer counts (Kafka: `handleResponse`).
    pub fn answered(&mut self, error_code: i16, id: i32) -> bool {
        match ResponseError::try_from_code(error_code) {
            Some(ResponseError::FetchSessionIdNotFound) => {
                (self.id, self.epoch) = (NO_SESSION, INITIAL_EPOCH);
                return false;
            }
            // INVALID_FETCH_SESSION_EPOCH and the like: the next fetch closes the session and opens another.
            Some(_) => {
                self.failed();
                return false;
            }
            // Without an error the session goes on.
            None => {}
        }
        // Without an id the leader had no room for a session, or has closed it.
        self.epoch = if id == NO_SESSION { INITIAL_EPOCH } else { self.epoch.checked_add(1).unwrap_or(1) };
        self.id = id;
        true
    }

    /// A fetch got no answer: the next one closes the session, as far as the leader has it, and opens another (Kafka:
    /// `handleError`).
    pub fn failed(&mut self) {
        self.epoch = INITIAL_EPOCH;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::random::Random;
    use crate::wire::TopicImage;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition { topic: 0, partition: number }
    }

    fn orders() -> Topics {
        let (id, name) = (uuid::Uuid::from_u128(7), "orders".to_owned());
        std::iter::once(TopicImage { id, name, partitions: Vec::new(), config: Default::default() }).collect()
    }

    fn at(offset: i64) -> Option<Wanted> {
        Some(Wanted { offset, leader_epoch: 0, last_fetched_epoch: -1, log_start: -1 })
    }

    fn handler(partitions: i32) -> FetchSessionHandler {
        let mut handler = FetchSessionHandler::default();
        (0..partitions).for_each(|number| handler.touch(partition(number)));
        handler
    }

    fn named(request: &FetchRequest) -> Vec<(i32, i64)> {
        request
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .map(|data| (data.partition, data.fetch_offset))
            .collect()
    }

    fn forgotten(request: &FetchRequest) -> Vec<i32> {
        request.forgotten_topics_data.iter().flat_map(|topic| topic.partitions.clone()).collect()
    }

    #[test]
    fn everything_is_named_once_and_then_only_what_changed() {
        let mut handler = handler(2);
        let full = handler.next(1, &orders(), |_| at(0)).expect("a full fetch");
        assert_eq!((full.session_id, full.session_epoch, named(&full)), (0, 0, vec![(0, 0), (1, 0)]));
        assert!(handler.answered(0, 7));
        handler.touch(partition(0));
        handler.touch(partition(1));
        let next = handler.next(1, &orders(), |p| at(i64::from(p.partition))).expect("an incremental fetch");
        assert_eq!((next.session_id, next.session_epoch, named(&next)), (7, 1, vec![(1, 1)]));
    }

    #[test]
    fn a_failure_closes_the_session_and_a_leader_that_does_not_know_it_is_not_asked_to() {
        for (error, id) in [(71, 7), (70, 0)] {
            let mut handler = handler(2);
            handler.next(1, &orders(), |_| at(0));
            handler.answered(0, 7);
            assert!(!handler.answered(error, 0));
            let full = handler.next(1, &orders(), |_| at(0)).expect("a full fetch");
            assert_eq!((full.session_id, full.session_epoch, named(&full).len()), (id, 0, 2));
        }
    }

    #[test]
    fn without_a_session_each_fetch_is_full() {
        let mut handler = handler(2);
        for _ in 0..3 {
            let full = handler.next(1, &orders(), |_| at(0)).expect("a full fetch");
            assert_eq!((full.session_id, full.session_epoch, named(&full).len()), (0, 0, 2));
            assert!(handler.answered(0, 0));
        }
    }

    #[test]
    fn what_is_left_is_told_with_the_first_fetch_that_there_is_again() {
        let mut handler = handler(1);
        handler.next(1, &orders(), |_| at(0));
        handler.answered(0, 7);
        handler.touch(partition(0));
        assert_eq!(handler.next(1, &orders(), |_| None), None);
        handler.touch(partition(1));
        let next = handler.next(1, &orders(), |p| at(0).filter(|_| p.partition == 1)).expect("another partition");
        assert_eq!((next.session_epoch, named(&next), forgotten(&next)), (1, vec![(1, 0)], vec![0]));
    }

    /// Whatever comes, a leader that takes what it is told has in its session exactly what is wanted.
    #[test]
    fn the_leader_knows_what_is_wanted_after_each_fetch() {
        for seed in 0..200 {
            let mut random = Random::stream(seed, "test", 0);
            let mut handler = FetchSessionHandler::default();
            let mut wants: [Option<i64>; 5] = [None; 5];
            let (mut session, mut leader) = (0, Vec::<(i32, i64)>::new());
            for _ in 0..100 {
                let number = random.below(5) as usize;
                wants[number] = Some(random.below(4) as i64).filter(|offset| *offset > 0);
                handler.touch(partition(number as i32));
                if random.below(3) > 0 {
                    continue;
                }
                let wanted = |p: TopicPartition| wants[p.partition as usize].and_then(at);
                let Some(request) = handler.next(1, &orders(), wanted) else {
                    assert!(wants.iter().all(Option::is_none));
                    continue;
                };
                if random.below(8) == 0 {
                    handler.failed();
                    continue;
                }
                if random.below(8) == 0 {
                    handler.answered(70, 0);
                    continue;
                }
                if request.session_epoch == 0 {
                    leader.clear();
                    session += 1;
                } else {
                    assert_eq!(request.session_id, session);
                }
                leader.retain(|(number, _)| !forgotten(&request).contains(number));
                let news = named(&request);
                leader.retain(|(number, _)| news.iter().all(|(named, _)| named != number));
                leader.extend(news);
                leader.sort_unstable();
                let all: Vec<_> = (0..).zip(wants).filter_map(|(number, offset)| Some((number, offset?))).collect();
                assert_eq!(leader, all);
                assert!(handler.answered(0, session));
            }
        }
    }
}
