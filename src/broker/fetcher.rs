//! The follower's side of replication: one fetcher for each broker that leads something this one follows
//! (Kafka: `AbstractFetcherThread`, `ReplicaFetcherThread`, `FetchSessionHandler`; KIP-227).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic, ReplicaState};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, ListOffsetsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{Broker, Context, timer};
use crate::sim::network::ConnectionId;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{Body, Message, Request, TopicPartition, topic_id};

/// How far one partition is.
#[derive(Clone, Copy, Debug)]
pub(super) struct FetchState {
    pub(super) leader_epoch: i32,
    pub(super) offset: i64,
    /// The epoch of the last batch in the log; -1 where there is none.
    pub(super) last_epoch: i32,
    pub(super) log_start: i64,
    /// Leader epoch and offset as the leader's session has them; `None` where it does not have the partition.
    pub(super) told: Option<(i32, i64)>,
}

/// A request that has no answer yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InFlight {
    Fetch,
    /// For partitions that are out of range: -1 or -2.
    ListOffsets(i64),
}

/// The connection to one leader.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetcher {
    pub(super) connection: Option<ConnectionId>,
    pub(super) in_flight: Option<InFlight>,
    correlation_id: i32,
    pub(super) session: i32,
    pub(super) session_epoch: i32,
    pub(super) states: BTreeMap<TopicPartition, FetchState>,
    /// To be named in the next fetch.
    pub(super) changed: BTreeSet<TopicPartition>,
    /// To be forgotten by the leader's session.
    forgotten: BTreeSet<TopicPartition>,
    /// Not fetched before then, after an error.
    pub(super) delayed: BTreeMap<TopicPartition, Time>,
    /// Partitions whose offset the leader does not have.
    pub(super) out_of_range: BTreeSet<TopicPartition>,
    /// Those of them that the leader's end does not help: they begin anew at its start.
    pub(super) restarting: BTreeSet<TopicPartition>,
    /// The whole connection waits until then.
    backoff_until: Time,
}

impl Fetcher {
    /// Begins to fetch a partition, or to fetch it from elsewhere.
    pub(super) fn follow(&mut self, partition: TopicPartition, mut state: FetchState) {
        self.forgotten.remove(&partition);
        self.forget_troubles(partition);
        state.told = self.states.get(&partition).and_then(|known| known.told);
        self.states.insert(partition, state);
        self.changed.insert(partition);
    }

    pub(super) fn leave(&mut self, partition: TopicPartition) {
        self.changed.remove(&partition);
        self.forget_troubles(partition);
        if self.states.remove(&partition).is_some_and(|state| state.told.is_some()) {
            self.forgotten.insert(partition);
        }
    }

    /// Leaves a partition alone for a while (Kafka: `delayPartitions`).
    pub(super) fn delay(&mut self, partition: TopicPartition, until: Time) {
        self.changed.remove(&partition);
        self.delayed.insert(partition, until);
        if let Some(state) = self.states.get_mut(&partition)
            && state.told.take().is_some()
        {
            self.forgotten.insert(partition);
        }
    }

    fn forget_troubles(&mut self, partition: TopicPartition) {
        self.delayed.remove(&partition);
        self.out_of_range.remove(&partition);
        self.restarting.remove(&partition);
    }

    /// The leader does not know the session.
    pub(super) fn forget_session(&mut self) {
        self.session = 0;
        self.reset_session();
    }

    /// The next fetch closes the session, opens another one and names everything.
    pub(super) fn reset_session(&mut self) {
        self.session_epoch = 0;
        self.forgotten.clear();
        for (partition, state) in &mut self.states {
            state.told = None;
            if !self.delayed.contains_key(partition) {
                self.changed.insert(*partition);
            }
        }
    }

    fn take_up_delayed(&mut self, now: Time) {
        let due: Vec<_> = self.delayed.iter().filter(|(_, at)| **at <= now).map(|(partition, _)| *partition).collect();
        for partition in due {
            self.delayed.remove(&partition);
            self.changed.insert(partition);
        }
    }
}

impl Broker {
    /// The fetcher for a leader.
    pub(super) fn fetcher(&mut self, leader: i32) -> &mut Fetcher {
        Arc::make_mut(self.fetchers.entry(leader).or_default())
    }

    /// Sends the next request to a leader, if there is something to ask and nothing on its way.
    pub(super) fn fetch_from(&mut self, leader: i32, context: &mut Context<'_>) {
        let now = context.now();
        let Some(fetcher) = self.fetchers.get_mut(&leader).map(Arc::make_mut) else { return };
        if fetcher.in_flight.is_some() || fetcher.backoff_until > now {
            return;
        }
        fetcher.take_up_delayed(now);
        if fetcher.states.len() == fetcher.delayed.len() {
            match fetcher.delayed.values().min().filter(|at| **at < Time::MAX) {
                Some(at) => context.set_timer(timer::FETCHER | leader as u64, *at),
                None => context.cancel_timer(timer::FETCHER | leader as u64),
            }
            return;
        }
        let connection = *fetcher.connection.get_or_insert_with(|| context.connect(leader as u32));
        fetcher.correlation_id = fetcher.correlation_id.checked_add(1).unwrap_or(0);
        let correlation_id = fetcher.correlation_id;
        let (in_flight, request) = self.next_request(leader);
        self.fetcher(leader).in_flight = Some(in_flight);
        context.send(connection, Message { correlation_id, body: Body::Request(request) });
        context.set_timer(timer::FETCHER | leader as u64, now + self.settings.replica_socket_timeout_us);
    }

    fn next_request(&mut self, leader: i32) -> (InFlight, Request) {
        let fetcher = self.fetcher(leader);
        if !fetcher.out_of_range.is_empty() {
            let partitions = fetcher.out_of_range.clone();
            return (InFlight::ListOffsets(-1), self.list_offsets_request(leader, &partitions, -1));
        }
        if !fetcher.restarting.is_empty() {
            let partitions = fetcher.restarting.clone();
            return (InFlight::ListOffsets(-2), self.list_offsets_request(leader, &partitions, -2));
        }
        (InFlight::Fetch, self.fetch_request(leader))
    }

    fn fetch_request(&mut self, leader: i32) -> Request {
        let settings = Arc::clone(&self.settings);
        let broker_epoch = self.controller.broker_epoch();
        let fetcher = self.fetcher(leader);
        let mut topics: Vec<FetchTopic> = Vec::with_capacity(1);
        for partition in std::mem::take(&mut fetcher.changed) {
            let Some(state) = fetcher.states.get_mut(&partition) else { continue };
            state.told = Some((state.leader_epoch, state.offset));
            let data = FetchPartition::default()
                .with_partition(partition.partition)
                .with_current_leader_epoch(state.leader_epoch)
                .with_fetch_offset(state.offset)
                .with_last_fetched_epoch(if settings.without.kip_101 { -1 } else { state.last_epoch })
                .with_log_start_offset(state.log_start)
                .with_partition_max_bytes(settings.replica_fetch_max_bytes);
            let id = topic_id(partition.topic);
            match topics.last_mut() {
                Some(topic) if topic.topic_id == id => topic.partitions.push(data),
                _ => {
                    topics.push(FetchTopic::default().with_topic_id(id).with_partitions(vec![data]));
                }
            }
        }
        let states = &fetcher.states;
        let forgotten = std::mem::take(&mut fetcher.forgotten).into_iter().filter(|partition| {
            // One that is fetched again in the same request is not forgotten.
            states.get(partition).is_none_or(|state| state.told.is_none())
        });
        let forgotten: Vec<ForgottenTopic> = forgotten
            .map(|p| ForgottenTopic::default().with_topic_id(topic_id(p.topic)).with_partitions(vec![p.partition]))
            .collect();
        let replica = ReplicaState::default().with_replica_id(BrokerId(settings.id)).with_replica_epoch(broker_epoch);
        Request::Fetch(
            FetchRequest::default()
                .with_replica_id(BrokerId(-1))
                .with_replica_state(replica)
                .with_max_wait_ms((settings.replica_fetch_wait_max_us / MILLISECOND) as i32)
                .with_min_bytes(1)
                .with_max_bytes(settings.replica_fetch_response_max_bytes)
                .with_session_id(fetcher.session)
                .with_session_epoch(fetcher.session_epoch)
                .with_topics(topics)
                .with_forgotten_topics_data(forgotten),
        )
    }

    fn list_offsets_request(&self, leader: i32, partitions: &BTreeSet<TopicPartition>, timestamp: i64) -> Request {
        let states = self.fetchers.get(&leader).map(|fetcher| &fetcher.states);
        let topics = partitions.iter().filter_map(|partition| {
            let name = &self.image.topics.get(partition.topic as usize)?.name;
            let epoch = states?.get(partition)?.leader_epoch;
            let asked = ListOffsetsPartition::default()
                .with_partition_index(partition.partition)
                .with_current_leader_epoch(epoch)
                .with_timestamp(timestamp);
            let name = TopicName(StrBytes::from_string(name.clone()));
            Some(ListOffsetsTopic::default().with_name(name).with_partitions(vec![asked]))
        });
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(self.settings.id));
        Request::ListOffsets(request.with_topics(topics.collect()))
    }

    /// A back-off is over, or a request has had no answer for too long.
    pub(super) fn fetcher_timer(&mut self, leader: i32, context: &mut Context<'_>) {
        let Some(fetcher) = self.fetchers.get(&leader) else { return };
        match fetcher.connection {
            Some(connection) if fetcher.in_flight.is_some() => {
                context.close(connection);
                self.leader_is_gone(leader, connection, context);
            }
            _ => self.fetch_from(leader, context),
        }
    }

    /// The connection to a leader is gone, and the session with it. The fetcher tries again after
    /// `replica.fetch.backoff.ms`.
    pub(super) fn leader_is_gone(&mut self, leader: i32, connection: ConnectionId, context: &mut Context<'_>) {
        let until = context.now() + self.settings.replica_fetch_backoff_us;
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        if fetcher.connection != Some(connection) {
            return;
        }
        let fetcher = Arc::make_mut(fetcher);
        fetcher.connection = None;
        fetcher.in_flight = None;
        fetcher.backoff_until = until;
        fetcher.reset_session();
        context.set_timer(timer::FETCHER | leader as u64, until);
    }
}
