//! What fetchers ask their leaders, and what they do without an answer (Kafka: `ReplicaFetcherThread`, `RemoteLeaderEndPoint`).

use std::sync::Arc;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::fetcher::{Fetcher, InFlight};
use super::{Broker, BrokerTimer, Context};
use crate::sim::Time;
use crate::sim::network::ConnectionId;
use crate::sim::sorted::SortedSet;
use crate::wire::{Body, Message, Request, TopicPartition};

impl Broker {
    /// The fetcher for a leader.
    pub(super) fn fetcher(&mut self, leader: i32) -> &mut Fetcher {
        Arc::make_mut(self.fetchers.entry(leader).or_insert_with(|| Arc::new(Fetcher::default())))
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
        context.send(connection, Message::new(correlation_id, Body::Request(request)));
        context.set_timer(BrokerTimer::Fetcher(leader as u64), context.after(self.settings.replica_socket_timeout_us));
    }

    fn next_request(&mut self, leader: i32) -> Request {
        let broker_epoch = self.controller.broker_epoch();
        let fetcher = Arc::make_mut(self.fetchers.entry(leader).or_insert_with(|| Arc::new(Fetcher::default())));
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
