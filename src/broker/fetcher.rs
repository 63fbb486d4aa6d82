//! The follower's side of replication: one fetcher for each broker that leads something this one follows
//! (Kafka: `AbstractFetcherThread`).

use kafka_protocol::messages::{BrokerId, FetchRequest};
use litemap::LiteMap;

use super::settings::BrokerSettings;
use crate::sim::network::ConnectionId;
use crate::sim::sorted::SortedSet;
use crate::sim::{MILLISECOND, Time};
use crate::wire::fetch_session::{FetchSessionHandler, Wanted};
use crate::wire::{TopicPartition, Topics};

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
    pub(super) correlation_id: i32,
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
    pub(super) backoff_until: Time,
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
    pub(super) fn next_fetch(&mut self, settings: &BrokerSettings, topics: &Topics, broker_epoch: i64) -> FetchRequest {
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

    pub(super) fn take_up_delayed(&mut self, now: Time) {
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
