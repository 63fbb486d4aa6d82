//! A producer: a program that sends records at a steady rate, and the client library under it
//! (Kafka: `KafkaProducer`, `RecordAccumulator`, `Sender`).

mod batch;
mod partition;
mod sender;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use batch::{Batch, Content, ProducerIdAndEpoch};
use partition::Partition;
use sender::Tag;

use super::ClientContext;
use super::connections::{Connections, Happened};
use super::metadata::{METADATA_TIMER, Metadata};
use super::partitioner::{StickyPartitioner, partition_of_key};
use crate::note::{Note, RecordId, SendOutcome};
use crate::settings::{ProducerConfig, milliseconds, small};
use crate::sim::process::{Context, Input, Purpose};
use crate::sim::sorted::SortedSet;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{Message, TopicPartition};

/// The program's next `send()`.
const TICK: Purpose = 16;
/// A batch has lingered, or may be sent again.
const SENDER: Purpose = 17;
/// The oldest batch has reached `delivery.timeout.ms`.
const DELIVERY: Purpose = 18;
/// A producer id is asked for again.
const PRODUCER_ID: Purpose = 19;

/// How a producer works, by Kafka's names where Kafka has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerSettings {
    /// `client.id`; values spell it.
    pub name: String,
    /// The topic, by its place in the cluster's list.
    pub topic: u32,
    /// Time between two records; 0 for a program that sends nothing.
    pub period_us: Time,
    /// How many keys it draws from; `None` for records without a key.
    pub keys: Option<u64>,
    /// Bytes of each value, at least those that spell the record.
    pub value_size: u32,
    /// Each so many-th record is a tombstone.
    pub tombstone_every: Option<u64>,
    /// `acks`: -1 is all.
    pub acks: i16,
    /// `enable.idempotence`
    pub enable_idempotence: bool,
    /// `retries`
    pub retries: u32,
    /// `retry.backoff.ms`
    pub retry_backoff_us: Time,
    /// `retry.backoff.max.ms`
    pub retry_backoff_max_us: Time,
    /// `delivery.timeout.ms`
    pub delivery_timeout_us: Time,
    /// `request.timeout.ms`
    pub request_timeout_us: Time,
    /// `linger.ms`
    pub linger_us: Time,
    /// `batch.size`
    pub batch_size: u32,
    /// `max.request.size`
    pub max_request_size: u32,
    /// `max.in.flight.requests.per.connection`
    pub max_in_flight: u32,
    /// `buffer.memory`
    pub buffer_memory: u64,
    /// `metadata.max.age.ms`
    pub metadata_max_age_us: Time,
    /// How many brokers there are: the bootstrap servers.
    pub brokers: u32,
}

impl Default for ProducerSettings {
    /// Kafka's defaults; ten records a second without a key.
    fn default() -> Self {
        Self::of(&ProducerConfig::default())
    }
}

impl ProducerSettings {
    /// What a producer with these settings is told: the client library, under a program that sends ten records a second.
    #[must_use]
    pub fn of(config: &ProducerConfig) -> Self {
        Self {
            name: String::new(),
            topic: 0,
            period_us: 100 * MILLISECOND,
            keys: None,
            value_size: 0,
            tombstone_every: None,
            acks: config.acks.wire(),
            enable_idempotence: config.enable_idempotence,
            retries: small(config.retries, u32::MAX),
            retry_backoff_us: milliseconds(config.retry_backoff_ms),
            retry_backoff_max_us: milliseconds(config.retry_backoff_max_ms),
            delivery_timeout_us: milliseconds(config.delivery_timeout_ms),
            request_timeout_us: milliseconds(config.request_timeout_ms),
            linger_us: milliseconds(config.linger_ms),
            batch_size: small(config.batch_size, u32::MAX),
            max_request_size: small(config.max_request_size, u32::MAX),
            max_in_flight: small(config.max_in_flight_requests_per_connection, u32::MAX),
            buffer_memory: config.buffer_memory,
            metadata_max_age_us: milliseconds(config.metadata_max_age_ms),
            brokers: 1,
        }
    }

    /// Whether the record of this number has no value.
    fn is_tombstone(&self, number: u64) -> bool {
        self.tombstone_every.is_some_and(|every| (number + 1).is_multiple_of(every.max(1)))
    }
}

/// The producer.
#[derive(Clone, Debug)]
pub struct Producer {
    settings: Arc<ProducerSettings>,
    connections: Connections<Tag>,
    metadata: Metadata,
    sticky: StickyPartitioner,
    /// By partition number; as long as the topic has partitions.
    partitions: Vec<Arc<Partition>>,
    /// Partitions whose first batch can be sent.
    ready: SortedSet<i32>,
    /// Partitions whose first batch can be sent at a later time.
    due: SortedSet<(Time, i32)>,
    /// Incomplete batches by the time at which they are given up.
    expiry: BTreeSet<(Time, i32, u64)>,
    /// The key of the record that waits for memory or for the first metadata: `send()` blocks.
    blocked: Option<Option<u64>>,
    next_record: u64,
    buffered_bytes: u64,
    producer: Option<ProducerIdAndEpoch>,
    asks_producer_id: bool,
    epoch_bump_requested: bool,
    sent: u64,
    acked: u64,
    retried: u64,
    /// Records that it gave up, by Kafka's code of the error.
    errors: BTreeMap<i16, u64>,
    last_error: i16,
}

impl Producer {
    /// A producer that has not begun.
    #[must_use]
    pub fn new(settings: ProducerSettings) -> Self {
        Self::with(Arc::new(settings))
    }

    /// What a timer of a producer is for, in words that follow its name.
    #[must_use]
    pub fn timer_words(purpose: u64) -> String {
        match purpose {
            TICK => "sends its next record".to_owned(),
            METADATA_TIMER => "asks for metadata (metadata.max.age.ms or back-off)".to_owned(),
            DELIVERY => "looks for records that are older than delivery.timeout.ms".to_owned(),
            PRODUCER_ID => "asks for a producer id again (retry.backoff.ms)".to_owned(),
            SENDER => "sends a batch that lingered or waited for its retry (linger.ms, retry.backoff.ms)".to_owned(),
            _ => super::connections::timer_words(purpose),
        }
    }

    /// The producer as it begins after a crash: nothing but its settings.
    #[must_use]
    pub fn reborn(&self) -> Self {
        let mut reborn = Self::with(Arc::clone(&self.settings));
        // The program numbers on, as if it had written down what it sent: two records never share a number.
        (reborn.next_record, reborn.sent, reborn.acked, reborn.retried, reborn.errors) =
            (self.next_record, self.sent, self.acked, self.retried, self.errors.clone());
        reborn
    }

    fn with(settings: Arc<ProducerSettings>) -> Self {
        Self {
            connections: Connections::new(settings.brokers, settings.request_timeout_us),
            metadata: Metadata::new(settings.brokers, settings.metadata_max_age_us),
            settings,
            sticky: StickyPartitioner::default(),
            partitions: Vec::new(),
            ready: SortedSet::default(),
            due: SortedSet::default(),
            expiry: BTreeSet::new(),
            blocked: None,
            next_record: 0,
            buffered_bytes: 0,
            producer: None,
            asks_producer_id: false,
            epoch_bump_requested: false,
            sent: 0,
            acked: 0,
            retried: 0,
            errors: BTreeMap::new(),
            last_error: 0,
        }
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &ProducerSettings {
        &self.settings
    }

    /// Its producer id and epoch; -1 and -1 where it has none.
    #[must_use]
    pub fn producer_id_and_epoch(&self) -> (i64, i16) {
        self.producer.map_or((-1, -1), |producer| (producer.id, producer.epoch))
    }

    /// Records given to `send()`.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Records it was told are stored.
    #[must_use]
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Records that it gave up, by Kafka's code of the error.
    #[must_use]
    pub fn record_errors(&self) -> &BTreeMap<i16, u64> {
        &self.errors
    }

    /// Kafka's metric `record-error-total`: records that it gave up.
    #[must_use]
    pub fn record_error_total(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Kafka's metric `record-retry-total`: records that it sent again, each as often as it was.
    #[must_use]
    pub fn record_retry_total(&self) -> u64 {
        self.retried
    }

    /// Requests without an answer yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.connections.all_in_flight()
    }

    /// Records that wait in each partition's accumulator, those in flight left out.
    pub fn accumulated(&self) -> impl Iterator<Item = (i32, u64)> {
        (0..)
            .zip(&self.partitions)
            .map(|(number, partition)| (number, partition.queue.iter().map(|batch| batch.numbers.len() as u64).sum()))
    }

    /// True while `send()` blocks: `buffer.memory` is used up, or nothing is known of the topic yet.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Kafka's code of the last error; 0 for none.
    #[must_use]
    pub fn last_error(&self) -> i16 {
        self.last_error
    }

    /// Handles one input.
    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        match input {
            Input::Boot { .. } => {
                if self.settings.period_us > 0 {
                    context.set_timer(TICK, context.now() + self.settings.period_us);
                }
            }
            Input::Timer(TICK) => self.tick(context),
            Input::Timer(METADATA_TIMER) => self.metadata.timer(),
            Input::Timer(DELIVERY) => self.expire(context),
            Input::Timer(PRODUCER_ID) => self.retry_producer_id(),
            Input::Timer(SENDER) => {}
            Input::Timer(purpose) => {
                if let Some(happened) = self.connections.timer(purpose, context) {
                    self.happened(happened, context);
                }
            }
            Input::Connected { connection, .. } => {
                let happened = self.connections.connected(connection, context);
                self.happened(happened, context);
            }
            Input::Disconnected { connection, .. } => {
                let happened = self.connections.disconnected(connection, context);
                self.happened(happened, context);
            }
            Input::Received { connection, peer, message } => {
                let happened = self.connections.received(connection, peer, message);
                self.happened(happened, context);
            }
            Input::Terminate => return context.exit(),
            Input::Datagram { .. } => {}
        }
        self.run_sender(context);
    }

    fn happened(&mut self, happened: Happened<Tag>, context: &mut ClientContext<'_>) {
        match happened {
            Happened::Nothing | Happened::Ready => {}
            Happened::Lost { requests, .. } => self.lost(requests, context),
            Happened::Answered { tag, response, .. } => self.answered(tag, &response, context),
        }
    }

    /// The program calls `send()` with the next record, unless the last call still blocks.
    fn tick(&mut self, context: &mut ClientContext<'_>) {
        context.set_timer(TICK, context.now() + self.settings.period_us);
        if self.blocked.is_none() {
            self.blocked = Some(self.settings.keys.map(|keys| context.random().below(keys)));
            self.unblock(context);
        }
    }

    /// Lets the call of `send()` that blocks go on, if it can.
    fn unblock(&mut self, context: &mut ClientContext<'_>) {
        let Some(key) = self.blocked else { return };
        if self.partitions.is_empty() || self.buffered_bytes >= self.settings.buffer_memory {
            return;
        }
        let key_bytes = key.map(|key| spelled(&["k"], key, 0));
        let Some(number) = self.partition_for(key_bytes.as_deref(), context) else { return };
        self.blocked = None;
        let record = RecordId { producer: context.process(), number: self.next_record };
        self.next_record += 1;
        self.sent += 1;
        let is_tombstone = self.settings.is_tombstone(record.number);
        context.note(Note::Sent { record, partition: self.topic_partition(number), key, is_tombstone });
        self.append(number, record.number, key_bytes.as_deref(), context);
    }

    fn partition_for(&mut self, key: Option<&[u8]>, context: &mut ClientContext<'_>) -> Option<i32> {
        let count = i32::try_from(self.partitions.len()).ok()?;
        if let Some(key) = key {
            return Some(partition_of_key(key, count));
        }
        let (metadata, partitions, topic) = (&self.metadata, &self.partitions, self.settings.topic);
        let length = |partition: &Partition| u32::try_from(partition.queue.len()).unwrap_or(u32::MAX - 1);
        let queues = || {
            let all = (0..).zip(partitions).map(|(number, partition)| (number, length(partition)));
            let has_leader = |(partition, _): &(i32, u32)| {
                metadata.partition(TopicPartition { topic, partition: *partition }).is_some_and(|p| p.leader >= 0)
            };
            let available: Vec<_> = all.clone().filter(has_leader).collect();
            if available.is_empty() { all.collect() } else { available }
        };
        self.sticky.partition(queues, context.random())
    }

    fn append(&mut self, number: i32, record: u64, key: Option<&[u8]>, context: &mut ClientContext<'_>) {
        let is_tombstone = self.settings.is_tombstone(record);
        let size = if is_tombstone { 0 } else { self.settings.value_size as usize };
        let spelling = spelled(&[&self.settings.name, "-"], record, size);
        let content = if is_tombstone { Content::Tombstone(&spelling) } else { Content::Value(&spelling) };
        let timestamp = i64::try_from(context.wall_clock() / MILLISECOND).unwrap_or(i64::MAX);
        let (now, limit) = (context.now(), self.settings.batch_size);
        let Some(partition) = self.partitions.get_mut(number as usize).map(Arc::make_mut) else { return };
        let before = partition.queue.back().map_or(0, Batch::size);
        let fits = partition.queue.back_mut().is_some_and(|last| last.append(record, timestamp, key, content, limit));
        let added = if fits {
            partition.queue.back().map_or(0, Batch::size) - before
        } else {
            let mut batch = Batch::new(record, now);
            batch.append(record, timestamp, key, content, limit);
            let size = batch.size();
            partition.queue.push_back(batch);
            self.expiry.insert((now + self.settings.delivery_timeout_us, number, record));
            if self.expiry.len() == 1 {
                context.set_timer(DELIVERY, now + self.settings.delivery_timeout_us);
            }
            size
        };
        let full = partition.queue.len() > 1 || partition.queue.back().is_some_and(|last| is_full(last, limit));
        self.buffered_bytes += added as u64;
        if key.is_none() {
            self.sticky.appended(u32::try_from(added).unwrap_or(u32::MAX), limit, full);
        }
        self.reschedule(number, now);
    }

    /// Enters a partition into the list of those that can be sent, now or later.
    fn reschedule(&mut self, number: i32, now: Time) {
        let (linger, limit) = (self.settings.linger_us, self.settings.batch_size);
        let Some(slot) = self.partitions.get_mut(number as usize) else { return };
        let due = slot.due_at(linger, |batch| is_full(batch, limit));
        if let Some(before) = slot.due
            && Some(before) != due
        {
            self.due.remove(&(before, number));
            Arc::make_mut(slot).due = None;
        }
        match due {
            Some(due) if due > now => {
                self.ready.remove(&number);
                if self.due.insert((due, number)) {
                    Arc::make_mut(slot).due = Some(due);
                }
            }
            Some(_) => {
                self.ready.insert(number);
            }
            None => {
                self.ready.remove(&number);
            }
        }
    }

    fn topic_partition(&self, partition: i32) -> TopicPartition {
        TopicPartition { topic: self.settings.topic, partition }
    }

    /// Ends a batch: each of its records is told `outcome` of its place in the batch.
    fn complete(
        &mut self,
        number: i32,
        batch: &Batch,
        outcome: impl Fn(i64) -> SendOutcome,
        context: &mut ClientContext<'_>,
    ) {
        self.expiry.remove(&(batch.created + self.settings.delivery_timeout_us, number, batch.number));
        self.buffered_bytes = self.buffered_bytes.saturating_sub(batch.size() as u64);
        let partition = self.topic_partition(number);
        for (place, record) in (0..).zip(&batch.numbers) {
            let outcome = outcome(place);
            match outcome {
                SendOutcome::Acknowledged { .. } => self.acked += 1,
                SendOutcome::Refused(error) | SendOutcome::Unknown(error) => {
                    *self.errors.entry(error).or_default() += 1
                }
            }
            let record = RecordId { producer: context.process(), number: *record };
            context.note(Note::SendDone { record, partition, outcome });
        }
    }
}

/// No further record of some size is expected to fit.
fn is_full(batch: &Batch, limit: u32) -> bool {
    batch.size() >= limit as usize
}
/// Words, a number behind them, and spaces up to `size` bytes.
fn spelled(words: &[&str], number: u64, size: usize) -> Vec<u8> {
    let mut digits = [0; 20];
    let mut first = digits.len();
    let mut rest = number;
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let mut text = Vec::with_capacity(size.max(24));
    words.iter().for_each(|word| text.extend_from_slice(word.as_bytes()));
    text.extend_from_slice(&digits[first..]);
    text.resize(text.len().max(size), b' ');
    text
}
