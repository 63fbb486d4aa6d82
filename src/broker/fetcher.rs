//! The follower's side of replication: one fetcher for each broker that leads something this one follows
//! (Kafka: `AbstractFetcherThread`, `ReplicaFetcherThread`, `RemoteLeaderEndPoint`).

use std::sync::Arc;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, ListOffsetsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use litemap::LiteMap;

use super::{Broker, BrokerSettings, BrokerTimer, Context};
use crate::sim::network::ConnectionId;
use crate::sim::sorted::SortedSet;
use crate::sim::{MILLISECOND, Time};
use crate::wire::fetch_session::{FetchSessionHandler, Wanted};
use crate::wire::{Body, Message, Request, TopicPartition, Topics};

/// How far one partition is.
#[derive(Clone, Copy, Debug)]
pub(super) struct FetchState {
    pub(super) leader_epoch: i32,
    pub(super) offset: i64,
    /// The epoch of the last batch in the log; -1 where there is none.
    pub(super) last_epoch: i32,
    pub(super) log_start: i64,
}

impl FetchState {
    /// What the leader's session is to have of it. Without KIP-101 epochs are not compared.
    fn wanted(&self, without_kip_101: bool) -> Wanted {
        Wanted {
            offset: self.offset,
            leader_epoch: self.leader_epoch,
            last_fetched_epoch: if without_kip_101 { -1 } else { self.last_epoch },
            log_start: self.log_start,
        }
    }

    /// The leader was asked for what is wanted now: neither leader epoch nor log changed since.
    pub(super) fn is_as_told(&self, told: &Wanted) -> bool {
        (told.leader_epoch, told.offset) == (self.leader_epoch, self.offset)
    }
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
    pub(super) session: FetchSessionHandler,
    pub(super) states: LiteMap<TopicPartition, FetchState>,
    /// Not fetched before then, after an error.
    pub(super) delayed: LiteMap<TopicPartition, Time>,
    /// Partitions whose offset the leader does not have.
    pub(super) out_of_range: SortedSet<TopicPartition>,
    /// Those of them that the leader's end does not help: they begin anew at its start.
    pub(super) restarting: SortedSet<TopicPartition>,
    /// Partitions whose last answer held records that do not go into the log.
    pub(super) invalid: SortedSet<TopicPartition>,
    /// The whole connection waits until then.
    backoff_until: Time,
}

impl Fetcher {
    /// An answer with this number on this connection is to what was asked last.
    pub(super) fn waits_for(&self, connection: ConnectionId, correlation_id: i32) -> bool {
        self.in_flight.is_some() && self.connection == Some(connection) && self.correlation_id == correlation_id
    }

    /// Begins to fetch a partition, or to fetch it from elsewhere.
    pub(super) fn follow(&mut self, partition: TopicPartition, state: FetchState) {
        self.forget_troubles(partition);
        self.states.insert(partition, state);
        self.session.touch(partition);
    }

    /// Fetches a partition no more.
    pub(super) fn leave(&mut self, partition: TopicPartition) {
        self.forget_troubles(partition);
        self.states.remove(&partition);
        self.session.touch(partition);
    }

    /// Leaves a partition alone for a while (Kafka: `delayPartitions`).
    pub(super) fn delay(&mut self, partition: TopicPartition, until: Time) {
        assert!(self.states.contains_key(&partition), "only what is fetched is left alone for a while");
        self.delayed.insert(partition, until);
        self.session.touch(partition);
    }

    /// Leaves a partition alone until it has another leader or leader epoch (Kafka: `markPartitionFailed`).
    pub(super) fn mark_failed(&mut self, partition: TopicPartition) {
        self.delay(partition, Time::MAX);
    }

    fn forget_troubles(&mut self, partition: TopicPartition) {
        self.delayed.remove(&partition);
        self.out_of_range.remove(&partition);
        self.restarting.remove(&partition);
        self.invalid.remove(&partition);
    }

    /// The next fetch: what changed, and what the leader's session is to forget.
    fn next_fetch(&mut self, settings: &BrokerSettings, topics: &Topics, broker_epoch: i64) -> FetchRequest {
        let Self { session, states, delayed, .. } = self;
        let wanted = |partition: TopicPartition| {
            let state = states.get(&partition)?;
            let is_delayed = !delayed.is_empty() && delayed.contains_key(&partition);
            (!is_delayed).then(|| state.wanted(settings.without.kip_101))
        };
        let request = session.next(settings.replica_fetch_max_bytes, topics, wanted);
        let mut request = request.expect("a fetcher with a partition that is not delayed has something to fetch");
        request.replica_id = BrokerId(-1);
        request.replica_state.replica_id = BrokerId(settings.id);
        request.replica_state.replica_epoch = broker_epoch;
        request.max_wait_ms = (settings.replica_fetch_wait_max_us / MILLISECOND) as i32;
        request.min_bytes = 1;
        request.max_bytes = settings.replica_fetch_response_max_bytes;
        request
    }

    fn take_up_delayed(&mut self, now: Time) {
        let Self { delayed, session, .. } = self;
        delayed.retain(|partition, at| {
            let is_due = *at <= now;
            if is_due {
                session.touch(*partition);
            }
            !is_due
        });
    }
}

impl Broker {
    /// The fetcher for a leader.
    pub(super) fn fetcher(&mut self, leader: i32) -> &mut Fetcher {
        Arc::make_mut(self.fetchers.entry(leader).or_default())
    }

    /// The connection to whoever leads nothing any more that this one follows ends, whatever was asked on it: should it lead
    /// again, it is asked on a new one, and nobody waits for what its former life owes
    /// (`AbstractFetcherManager.shutdownIdleFetcherThreads`).
    pub(super) fn shut_down_if_idle(&mut self, leader: i32, context: &mut Context<'_>) {
        let Some(fetcher) = self.fetchers.get_mut(&leader).filter(|fetcher| fetcher.states.is_empty()) else { return };
        let Some(connection) = fetcher.connection else { return };
        *fetcher = Arc::default();
        context.close(connection);
        context.cancel_timer(BrokerTimer::Fetcher(leader as u64));
    }

    /// Sends the next request to a leader, if there is something to ask and nothing on its way.
    pub(super) fn fetch_from(&mut self, leader: i32, context: &mut Context<'_>) {
        let now = context.now();
        let fetcher = Arc::make_mut(self.fetchers.get_mut(&leader).expect("a fetcher that was made is kept"));
        if fetcher.in_flight.is_some() || fetcher.backoff_until > now {
            return;
        }
        if !fetcher.delayed.is_empty() {
            fetcher.take_up_delayed(now);
        }
        if fetcher.states.len() == fetcher.delayed.len() {
            match fetcher.delayed.values().min().filter(|at| **at < Time::MAX) {
                Some(at) => context.set_timer(BrokerTimer::Fetcher(leader as u64), *at),
                None => context.cancel_timer(BrokerTimer::Fetcher(leader as u64)),
            }
            return;
        }
        let connection = *fetcher.connection.get_or_insert_with(|| context.connect(leader as u32));
        fetcher.correlation_id = fetcher.correlation_id.checked_add(1).unwrap_or(0);
        let correlation_id = fetcher.correlation_id;
        let request = self.next_request(leader);
        context.send(connection, Message { correlation_id, body: Body::Request(request) });
        context.set_timer(BrokerTimer::Fetcher(leader as u64), context.after(self.settings.replica_socket_timeout_us));
    }

    fn next_request(&mut self, leader: i32) -> Request {
        let broker_epoch = self.controller.broker_epoch();
        let fetcher = Arc::make_mut(self.fetchers.entry(leader).or_default());
        if !fetcher.out_of_range.is_empty() {
            fetcher.in_flight = Some(InFlight::ListOffsets(-1));
            let partitions = fetcher.out_of_range.clone();
            return self.list_offsets_request(leader, &partitions, -1);
        }
        if !fetcher.restarting.is_empty() {
            fetcher.in_flight = Some(InFlight::ListOffsets(-2));
            let partitions = fetcher.restarting.clone();
            return self.list_offsets_request(leader, &partitions, -2);
        }
        fetcher.in_flight = Some(InFlight::Fetch);
        Request::Fetch(fetcher.next_fetch(&self.settings, &self.image.topics, broker_epoch))
    }

    fn list_offsets_request(&self, leader: i32, partitions: &SortedSet<TopicPartition>, timestamp: i64) -> Request {
        let states = self.fetchers.get(&leader).map(|fetcher| &fetcher.states);
        let topics = partitions.iter().filter_map(|partition| {
            let name = self.image.topics.name_of(partition.topic);
            let epoch = states?.get(partition)?.leader_epoch;
            let asked = ListOffsetsPartition::default()
                .with_partition_index(partition.partition)
                .with_current_leader_epoch(epoch)
                .with_timestamp(timestamp);
            let name = TopicName(StrBytes::from_string(name.to_owned()));
            Some(ListOffsetsTopic::default().with_name(name).with_partitions(vec![asked]))
        });
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(self.settings.id));
        Request::ListOffsets(request.with_topics(topics.collect()))
    }

    /// A back-off is over, or a request has had no answer for too long.
    pub(super) fn fetcher_timer(&mut self, leader: i32, context: &mut Context<'_>) {
        let fetcher = self.fetchers.get(&leader).expect("a fetcher that was made is kept");
        match fetcher.connection {
            Some(connection) if fetcher.in_flight.is_some() => {
                context.close(connection);
                self.leader_is_gone(leader, connection, context);
            }
            Some(_) | None => self.fetch_from(leader, context),
        }
    }

    /// The connection to a leader is gone, and the session with it. The fetcher tries again after
    /// `replica.fetch.backoff.ms`.
    pub(super) fn leader_is_gone(&mut self, leader: i32, connection: ConnectionId, context: &mut Context<'_>) {
        let until = context.after(self.settings.replica_fetch_backoff_us);
        // A connection that this side has given up before.
        let Some(fetcher) = self.fetchers.get_mut(&leader).filter(|it| it.connection == Some(connection)) else {
            return;
        };
        let fetcher = Arc::make_mut(fetcher);
        fetcher.connection = None;
        fetcher.in_flight = None;
        fetcher.backoff_until = until;
        fetcher.session.failed();
        context.set_timer(BrokerTimer::Fetcher(leader as u64), until);
    }
}
