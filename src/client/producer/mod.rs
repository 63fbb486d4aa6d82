//! A producer (Kafka: `KafkaProducer`).
//!
//! The program that embeds it calls [`Producer::send`], hands it its inputs and takes its events. Two threads of Kafka's
//! are one here: `send()` puts a record into a batch of its partition (`accumulator`), and after each input the sender
//! sends what can be sent and sees to the answers (`sender`). A `send()` that finds no metadata or no room blocks: the
//! program's thread stands still, for `max.block.ms` at most, and the program calls nothing else until it is told.

mod accumulator;
mod batch;
mod destination;
mod partition;
mod ratio;
mod record;
mod sender;
mod sequences;
mod sight;
mod tag;
#[cfg(test)]
mod tests;
mod transactions;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::ClientContext;
use super::network::{Happened, Network, NetworkSettings, network_settings};
use super::partitioner::{RoundRobin, StickyPartitioner};
use super::timer::{ClientTimer, Slot};
use crate::log::compression::Compression;
use crate::note::{SendError, WaitsFor};
use crate::settings::{ClientId, GzipLevel, MetadataRecovery, PartitionerClass, ProducerConfig, milliseconds, small};
use crate::sim::Time;
use crate::sim::process::Input;
use crate::sim::sorted::SortedSet;
use crate::wire::{Message, TopicPartition};

use batch::{Codec, ProducerIdAndEpoch};
use destination::Destination;
use partition::Partition;
use ratio::CompressionRatio;
use record::OwnedRecord;
pub use record::{BatchOutcome, Header, ProducerEvent, ProducerRecord, SendHandle};
pub use sight::PartitionSight;
use tag::Tag;
pub use transactions::GroupOffsets;
use transactions::Transactions;

/// How a producer works, by Kafka's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerSettings {
    /// `acks`: -1 is all.
    pub acks: i16,
    /// `enable.idempotence`
    pub enable_idempotence: bool,
    /// `retries`
    pub retries: u32,
    /// `delivery.timeout.ms`
    pub delivery_timeout_us: Time,
    /// `linger.ms`
    pub linger_us: Time,
    /// `batch.size`
    pub batch_size: u32,
    /// `compression.type`
    pub compression: Compression,
    /// `compression.gzip.level`
    pub gzip_level: GzipLevel,
    /// `partitioner.class`
    pub partitioner: PartitionerClass,
    /// `partitioner.adaptive.partitioning.enable`
    pub adaptive_partitioning: bool,
    /// `partitioner.availability.timeout.ms`; 0 for none.
    pub availability_timeout_us: Time,
    /// `partitioner.ignore.keys`
    pub ignore_keys: bool,
    /// `max.request.size`
    pub max_request_size: u32,
    /// `buffer.memory`
    pub buffer_memory: u64,
    /// `max.block.ms`
    pub max_block_us: Time,
    /// `transactional.id`
    pub transactional_id: Option<String>,
    /// `transaction.timeout.ms`
    pub transaction_timeout_us: Time,
    /// `client.id`, as it was given.
    pub client_id: ClientId,
    /// What it shares with all clients.
    pub network: NetworkSettings,
}

impl Default for ProducerSettings {
    /// Kafka's defaults.
    fn default() -> Self {
        Self::of(&ProducerConfig::default())
    }
}

impl ProducerSettings {
    /// What a producer with these settings is told.
    #[must_use]
    pub fn of(config: &ProducerConfig) -> Self {
        Self {
            acks: config.acks.wire(),
            enable_idempotence: config.enable_idempotence,
            retries: small(config.retries, u32::MAX),
            delivery_timeout_us: milliseconds(config.delivery_timeout_ms),
            linger_us: milliseconds(config.linger_ms),
            batch_size: small(config.batch_size, u32::MAX),
            compression: config.compression_type.into(),
            gzip_level: config.compression_gzip_level,
            partitioner: config.partitioner_class,
            adaptive_partitioning: config.partitioner_adaptive_partitioning_enable,
            availability_timeout_us: milliseconds(config.partitioner_availability_timeout_ms),
            ignore_keys: config.partitioner_ignore_keys,
            max_request_size: small(config.max_request_size, u32::MAX),
            buffer_memory: config.buffer_memory,
            max_block_us: milliseconds(config.max_block_ms),
            transactional_id: config.transactional_id.0.clone(),
            transaction_timeout_us: milliseconds(config.transaction_timeout_ms),
            client_id: config.client_id.clone(),
            network: network_settings!(config, small(config.max_in_flight_requests_per_connection, u32::MAX)),
        }
    }
}

impl ProducerSettings {
    /// What it calls itself (`ProducerConfig.maybeOverrideClientId`). Each program here is a machine of its own, so that its
    /// producer is the first.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.client_id.or(|| format!("producer-{}", self.transactional_id.as_deref().unwrap_or("1")))
    }
}

/// A topic that the producer sends to.
#[derive(Clone, Debug)]
struct Topic {
    name: String,
    /// The number of the topic that has, or last had, this name; `None` where none is known to have had it.
    number: Option<u32>,
    /// How many partitions it has; 0 where it is not known to be there.
    count: i32,
    /// By partition number; also those that are known no longer.
    partitions: Vec<Arc<Partition>>,
    sticky: StickyPartitioner,
    round_robin: RoundRobin,
    /// How well its batches have been compressed.
    ratio: CompressionRatio,
}

impl Topic {
    /// Another topic has the name: its epochs begin anew, so that a leader of the former one would look newer for ever
    /// (`Metadata.updateLatestMetadata`).
    fn forget_leaders(&mut self) {
        let hinted = self.partitions.iter_mut().filter(|partition| partition.leader_hint.is_some());
        hinted.for_each(|partition| Arc::make_mut(partition).leader_hint = None);
    }
}

/// When something was last ready for a node, and when the node last took something.
#[derive(Clone, Copy, Debug)]
struct NodeLatency {
    ready: Time,
    drained: Time,
}

/// A call of `send()` that has not returned.
#[derive(Clone, Debug)]
struct Blocked {
    handle: SendHandle,
    topic: u32,
    record: OwnedRecord,
    waits_for: WaitsFor,
}

/// A producer.
#[derive(Clone, Debug)]
pub struct Producer {
    settings: Arc<ProducerSettings>,
    network: Network<Tag>,
    topics: Vec<Topic>,
    /// Partitions whose first batch makes their leader's node one to send to.
    ready: SortedSet<Destination>,
    /// Partitions whose first batch lingers or waits for its retry, by the time at which that ends.
    due: SortedSet<(Time, Destination)>,
    /// Incomplete batches by the time at which they are given up.
    expiry: BTreeSet<(Time, Destination, u64)>,
    /// Requests that hold memory of batches that were given up while they were in flight.
    held: BTreeMap<(Destination, u64), u64>,
    /// How long nodes have not taken what is ready for them, where that matters (`RecordAccumulator.nodeStats`).
    latencies: BTreeMap<i32, NodeLatency>,
    /// Where the next request to a node begins (`RecordAccumulator.nodesDrainIndex`).
    drain_from: BTreeMap<i32, Destination>,
    blocked: Option<Box<Blocked>>,
    closed: bool,
    next_handle: u64,
    buffered_bytes: u64,
    producer: Option<ProducerIdAndEpoch>,
    asks_producer_id: bool,
    epoch_bump_requested: Option<Destination>,
    /// What it keeps of transactions, if it has a `transactional.id`.
    transactions: Option<Box<Transactions>>,
    events: VecDeque<ProducerEvent>,
    retried: u64,
    last_error: i16,
}

impl Producer {
    /// A producer that has not begun, as one of a program's clients.
    ///
    /// # Panics
    /// Where `batch.size` is larger than `buffer.memory`: Kafka's `send()` throws an IllegalArgumentException each time.
    #[must_use]
    pub fn new(settings: Arc<ProducerSettings>, slot: Slot) -> Self {
        assert!(u64::from(settings.batch_size) <= settings.buffer_memory, "no batch could ever be had");
        Self {
            network: Network::new(Arc::new(settings.network.clone()), slot, &settings.client_id()),
            transactions: settings
                .transactional_id
                .is_some()
                .then(|| Box::new(Transactions::new(settings.network.bumps_epoch()))),
            settings,
            topics: Vec::new(),
            ready: SortedSet::default(),
            due: SortedSet::default(),
            expiry: BTreeSet::new(),
            held: BTreeMap::new(),
            latencies: BTreeMap::new(),
            drain_from: BTreeMap::new(),
            blocked: None,
            closed: false,
            next_handle: 0,
            buffered_bytes: 0,
            producer: None,
            asks_producer_id: false,
            epoch_bump_requested: None,
            events: VecDeque::new(),
            retried: 0,
            last_error: 0,
        }
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &ProducerSettings {
        &self.settings
    }

    #[cfg(test)]
    pub(super) fn network(&self) -> &Network<impl Sized> {
        &self.network
    }

    fn codec(&self) -> Codec {
        Codec { kind: self.settings.compression, gzip_level: self.settings.gzip_level }
    }

    /// Its producer id and epoch; -1 and -1 where it has none.
    #[must_use]
    pub fn producer_id_and_epoch(&self) -> (i64, i16) {
        self.producer.map_or((-1, -1), |producer| (producer.id, producer.epoch))
    }

    /// How many records were handed to `send()`: the number of the next one's handle.
    #[must_use]
    pub fn records_handed_over(&self) -> u64 {
        self.next_handle
    }

    /// Kafka's metric `record-retry-total`: records that it sent again, each as often as it was.
    #[must_use]
    pub fn record_retry_total(&self) -> u64 {
        self.retried
    }

    /// Whom it takes for the leader of a partition, -1 for nobody: what it sends goes there.
    #[must_use]
    pub fn takes_for_leader(&self, partition: TopicPartition) -> Option<i32> {
        self.network.metadata().partition(partition).map(|known| known.leader)
    }

    /// Requests without an answer yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.network.all_in_flight()
    }

    /// Kafka's metric `buffer-available-bytes`: what is left of `buffer.memory`.
    #[must_use]
    pub fn buffer_available_bytes(&self) -> u64 {
        self.settings.buffer_memory - self.buffered_bytes
    }

    /// What `send()` waits for while it blocks.
    #[must_use]
    pub fn waits_for(&self) -> Option<WaitsFor> {
        self.blocked.as_ref().map(|blocked| blocked.waits_for)
    }

    /// True while `send()` blocks: `buffer.memory` is used up, or nothing is known of the topic yet.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Kafka's code of the last error that a broker answered; 0 for none.
    #[must_use]
    pub fn last_error(&self) -> i16 {
        self.last_error
    }

    /// Begins: it asks for metadata, and for a producer id where it needs one, before anything is sent.
    pub fn start(&mut self, context: &mut ClientContext<'_>) {
        self.run_sender(context);
    }

    /// Sends what waits without lingering any longer, so that the program can end once nothing is incomplete
    /// (`KafkaProducer.close`). A call of `send()` that blocks fails.
    pub fn close(&mut self, context: &mut ClientContext<'_>) {
        self.closed = true;
        if self.blocked.is_some() {
            self.network.cancel_timer(ClientTimer::Block, context);
            self.give_up_blocked();
        }
        self.end_linger(context.now());
        self.sender_looks(true, context);
        self.run_sender(context);
    }

    /// Whether a batch was not sent yet, or is to be sent again (`RecordAccumulator.hasUndrained`).
    fn has_undrained(&self) -> bool {
        let mut partitions = self.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.any(|partition| !partition.queue.is_empty())
    }

    /// Whether a record that was handed over has not been told what became of it, or a transaction has not come to its end.
    #[must_use]
    pub fn has_incomplete(&self) -> bool {
        let is_at_rest = self.transactions.as_ref().is_none_or(|transactions| transactions.is_at_rest());
        !self.expiry.is_empty() || self.blocked.is_some() || !is_at_rest
    }

    /// The next thing that the program is told.
    pub fn next_event(&mut self) -> Option<ProducerEvent> {
        self.events.pop_front()
    }

    /// Handles an input that is this producer's; any other is handed back.
    pub fn handle(&mut self, input: Input<Message>, context: &mut ClientContext<'_>) -> Option<Input<Message>> {
        match self.network.handle(input, context) {
            Err(input) => return Some(input),
            // The network has seen to it.
            Ok(Happened::Nothing) => {}
            Ok(Happened::Updated) => self.metadata_updated(context.now()),
            Ok(Happened::Lost(lost)) => self.lost(lost, context),
            Ok(Happened::Rebootstrapped(lost)) => lost.into_iter().for_each(|lost| self.lost(lost, context)),
            Ok(Happened::Answered { tag, response, .. }) => self.answered(tag, &response, context),
            Ok(Happened::Written { tag }) => self.written(tag, context),
            Ok(Happened::Timer(timer)) => self.timer(timer, context),
        }
        self.sender_looks(false, context);
        self.run_sender(context);
        None
    }

    fn timer(&mut self, timer: ClientTimer, context: &mut ClientContext<'_>) {
        match timer {
            // What is due is found by the sender.
            ClientTimer::Sender | ClientTimer::Coordinator => {}
            ClientTimer::Delivery => self.expire(context),
            ClientTimer::ProducerId => self.asks_producer_id = false,
            ClientTimer::Block if self.blocked.is_none() => self.give_up_call(),
            ClientTimer::Block => self.give_up_blocked(),
            ClientTimer::Connection(_)
            | ClientTimer::Metadata
            | ClientTimer::Heartbeat
            | ClientTimer::Commit
            | ClientTimer::Retry
            | ClientTimer::Call => panic!("{timer:?} is no timer of a producer"),
        }
    }

    /// A call of `send()` has blocked for `max.block.ms`: its future has failed.
    fn give_up_blocked(&mut self) {
        let blocked = self.blocked.take().expect("the timer goes with the call");
        let error = match blocked.waits_for {
            WaitsFor::Metadata => SendError::NotInMetadata,
            WaitsFor::Memory => SendError::BufferExhausted,
        };
        self.events.push_back(ProducerEvent::Failed { record: blocked.handle, error });
    }
}
