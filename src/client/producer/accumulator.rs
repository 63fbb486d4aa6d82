//! From `send()` into a batch (Kafka: `KafkaProducer.doSend`, `RecordAccumulator.append`, `BufferPool`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::batch::Batch;
use super::destination::Destination;
use super::partition::Partition;
use super::ratio::CompressionRatio;
use super::record::{OwnedRecord, ProducerEvent, ProducerRecord, SendHandle};
use super::{Blocked, NodeLatency, Producer, ProducerSettings, Topic};
use crate::client::ClientContext;
use crate::client::partitioner::{RoundRobin, StickyPartitioner, partition_of_key};
use crate::client::timer::ClientTimer;
use crate::note::{SendError, WaitsFor};
use crate::settings::PartitionerClass;
use crate::sim::{MILLISECOND, Time};
use crate::wire::TopicPartition;

impl Producer {
    /// Sends a record, under the next handle. Events tell what becomes of it: that `send()` has returned, and later that
    /// its future is complete.
    ///
    /// # Panics
    /// While an earlier call blocks: the program's thread is in it.
    pub fn send(&mut self, record: &ProducerRecord<'_>, context: &mut ClientContext<'_>) -> SendHandle {
        assert!(self.blocked.is_none(), "the program's thread is still in send()");
        assert!(!self.closed, "the producer is closed");
        assert!(self.in_call().is_none(), "the program's thread is in another call");
        let handle = SendHandle(self.next_handle);
        self.next_handle += 1;
        if let Some(error) = self.refuses_to_send() {
            self.events.push_back(ProducerEvent::Failed { record: handle, error });
            return handle;
        }
        let topic = self.topic_named(record.topic);
        match self.append(handle, topic, record, context) {
            // It waits in its batch.
            Ok(()) => {}
            Err(Refusal::Waits(waits_for)) => {
                let record = OwnedRecord::of(record);
                self.blocked = Some(Box::new(Blocked { handle, topic, record, waits_for }));
                self.network.set_timer(ClientTimer::Block, context.now() + self.settings.max_block_us, context);
                self.end_linger_if_exhausted(context.now());
            }
            Err(Refusal::TooLarge) => self.too_large(handle),
        }
        self.run_sender(context);
        handle
    }

    /// Lets the call of `send()` that blocks return, if it can.
    pub(super) fn unblock(&mut self, context: &mut ClientContext<'_>) {
        // No call blocks.
        let Some(blocked) = self.blocked.take() else { return };
        let name = std::mem::take(&mut self.topics[blocked.topic as usize].name);
        let appended = blocked.record.lend(&name, |record| self.append(blocked.handle, blocked.topic, record, context));
        self.topics[blocked.topic as usize].name = name;
        match appended {
            Ok(()) => self.network.cancel_timer(ClientTimer::Block, context),
            Err(Refusal::Waits(waits_for)) => {
                self.blocked = Some(Box::new(Blocked { waits_for, ..*blocked }));
                self.end_linger_if_exhausted(context.now());
            }
            // Its partition, which comes first, was not known before.
            Err(Refusal::TooLarge) => {
                self.network.cancel_timer(ClientTimer::Block, context);
                self.too_large(blocked.handle);
            }
        }
    }

    fn too_large(&mut self, record: SendHandle) {
        self.events.push_back(ProducerEvent::Failed { record, error: SendError::RecordTooLarge });
    }

    /// The place of a topic among those that are sent to.
    fn topic_named(&mut self, name: &str) -> u32 {
        let place = self.topics.iter().position(|topic| topic.name == name).unwrap_or_else(|| {
            self.network.metadata_mut().add_topic(name);
            self.topics.push(Topic {
                name: name.to_owned(),
                number: None,
                count: 0,
                partitions: Vec::new(),
                sticky: StickyPartitioner::default(),
                round_robin: RoundRobin::default(),
                ratio: CompressionRatio::WHOLE,
            });
            self.look_up_topics();
            self.topics.len() - 1
        });
        place as u32
    }

    /// Learns again which topics there are under the names that are sent to.
    pub(super) fn look_up_topics(&mut self) {
        let metadata = self.network.metadata();
        for topic in &mut self.topics {
            let before = (topic.number, topic.count);
            topic.count = 0;
            if let Some(number) = metadata.topic_named(&topic.name) {
                let partitions = metadata.partitions_of(number).len();
                if topic.number.replace(number).is_some_and(|former| former != number) {
                    topic.forget_leaders();
                }
                topic.count = i32::try_from(partitions).expect("partitions are numbered by an i32");
                if topic.partitions.len() < partitions {
                    topic.partitions.resize_with(partitions, Default::default);
                }
            }
            if before != (topic.number, topic.count) {
                topic.sticky = StickyPartitioner::default();
            }
        }
    }

    /// Puts a record into a batch of its partition, or says why it cannot be.
    fn append(
        &mut self,
        handle: SendHandle,
        topic: u32,
        record: &ProducerRecord<'_>,
        context: &mut ClientContext<'_>,
    ) -> Result<(), Refusal> {
        let of = Destination { topic, partition: self.partition_for(topic, record, context)? };
        let bound = record.batch_bound() as u64;
        // `KafkaProducer.ensureValidRecordSize`
        if bound > u64::from(self.settings.max_request_size) || bound > self.settings.buffer_memory {
            return Err(Refusal::TooLarge);
        }
        let wall_clock = i64::try_from(context.wall_clock() / MILLISECOND).expect("milliseconds fit");
        let timestamp = record.timestamp.unwrap_or(wall_clock);
        let (now, limit) = (context.now(), self.settings.batch_size);
        let partition = self.partition_mut(of);
        let before = partition.queue.back().map_or(0, Batch::size);
        let last = partition.queue.back_mut();
        let added = if last.is_some_and(|last| last.append(handle, timestamp, record, limit as usize)) {
            partition.queue.back().map_or(0, Batch::size) - before
        } else {
            self.begin_batch(of, handle, timestamp, record, context)?
        };
        if self.is_bound_by_nothing(record) {
            let added = u32::try_from(added).expect("a record is no larger than max.request.size");
            let all_full = self.partition(of).all_full(limit);
            self.topics[topic as usize].sticky.appended(added, limit, all_full);
        }
        let partition = self.topic_partition(of);
        self.transactions.iter_mut().for_each(|transactions| transactions.begin_with_record(of));
        self.events.push_back(ProducerEvent::Appended { record: handle, partition });
        self.reschedule(of, now);
        Ok(())
    }

    /// Begins a batch with this record and says how large it is. A batch holds `batch.size` of the memory, or what its
    /// first record needs, from its first record to its answer, however little is in it.
    fn begin_batch(
        &mut self,
        of: Destination,
        handle: SendHandle,
        timestamp: i64,
        record: &ProducerRecord<'_>,
        context: &mut ClientContext<'_>,
    ) -> Result<usize, Refusal> {
        let now = context.now();
        let buffer = (record.batch_bound() as u64).max(u64::from(self.settings.batch_size));
        if self.buffered_bytes + buffer > self.settings.buffer_memory {
            return Err(Refusal::Waits(WaitsFor::Memory));
        }
        self.buffered_bytes += buffer;
        let compression = (self.codec(), self.topics[of.topic as usize].ratio);
        let mut batch = Batch::new(handle, self.topic_partition(of).topic, now, buffer, compression);
        batch.is_transactional = self.is_transactional();
        assert!(batch.append(handle, timestamp, record, 0), "a first record always fits");
        let (size, number) = (batch.size(), batch.number);
        let partition = self.partition_mut(of);
        partition.queue.push_back(batch);
        partition.had_batch = true;
        let deadline = now + self.settings.delivery_timeout_us;
        self.expiry.insert((deadline, of, number));
        if self.expiry.len() == 1 {
            self.network.set_timer(ClientTimer::Delivery, deadline, context);
        }
        Ok(size)
    }

    /// Where a record goes (`KafkaProducer.partition`, `BuiltInPartitioner`).
    fn partition_for(
        &mut self,
        topic: u32,
        record: &ProducerRecord<'_>,
        context: &mut ClientContext<'_>,
    ) -> Result<i32, Refusal> {
        let of = &mut self.topics[topic as usize];
        let known = of.number.filter(|_| record.partition.unwrap_or(0) < of.count);
        let Some(number) = known else {
            self.network.metadata_mut().request_update();
            return Err(Refusal::Waits(WaitsFor::Metadata));
        };
        if let Some(partition) = record.partition {
            return Ok(partition);
        }
        if self.settings.partitioner == PartitionerClass::RoundRobin {
            let led = |it: &i32| {
                let image = self.network.metadata().partition(TopicPartition { topic: number, partition: *it });
                image.is_some_and(|image| image.leader >= 0)
            };
            let (all, led): (i32, Vec<i32>) = (of.count, (0..of.count).filter(led).collect());
            return Ok(self.topics[topic as usize].round_robin.next(&led, all));
        }
        if let Some(key) = record.key.filter(|_| !self.settings.ignore_keys) {
            return Ok(partition_of_key(key, of.count));
        }
        let Topic { partitions, sticky, .. } = of;
        // A switch that waited for its last batch to fill up is due once that has been sent.
        if let Some(last) = sticky.current().and_then(|last| partitions.get(last as usize))
            && last.all_full(self.settings.batch_size)
        {
            sticky.appended(0, self.settings.batch_size, true);
        }
        let Topic { partitions, sticky, count, .. } = &mut self.topics[topic as usize];
        let (metadata, settings, latencies) = (self.network.metadata(), &self.settings, &self.latencies);
        let leader = |partition: i32| {
            let image = metadata.partition(TopicPartition { topic: number, partition })?;
            (image.leader >= 0).then_some(image.leader)
        };
        let queues = || Queues::of(&partitions[..*count as usize], leader, latencies, settings);
        let chosen = sticky.partition(|| queues().weights(), context.random());
        Ok(chosen.filter(|partition| partition < count).expect("a topic has a partition"))
    }

    /// Whether neither a partition nor a key says where a record goes, nor a partitioner of its own.
    fn is_bound_by_nothing(&self, record: &ProducerRecord<'_>) -> bool {
        let is_built_in = self.settings.partitioner == PartitionerClass::BuiltIn;
        is_built_in && record.partition.is_none() && (record.key.is_none() || self.settings.ignore_keys)
    }

    /// Enters a partition into the list of those that can be sent, now or later.
    pub(super) fn reschedule(&mut self, of: Destination, now: Time) {
        let is_completing = self.transactions.as_ref().is_some_and(|transactions| transactions.ends_linger());
        let linger = if self.closed || is_completing || self.is_exhausted() { 0 } else { self.settings.linger_us };
        let batch_size = self.settings.batch_size;
        let slot = &mut self.topics[of.topic as usize].partitions[of.partition as usize];
        let due = slot.due_at(linger, batch_size);
        if let Some(before) = slot.due
            && Some(before) != due
        {
            self.due.remove(&(before, of));
            Arc::make_mut(slot).due = None;
        }
        match due {
            Some(due) if due > now => {
                self.ready.remove(&of);
                if self.due.insert((due, of)) {
                    Arc::make_mut(slot).due = Some(due);
                }
            }
            Some(_) => {
                self.ready.insert(of);
            }
            None => {
                self.ready.remove(&of);
            }
        }
    }

    /// Whether a call of `send()` waits for memory: no batch lingers meanwhile (`BufferPool.queued`).
    pub(super) fn is_exhausted(&self) -> bool {
        self.blocked.as_ref().is_some_and(|blocked| blocked.waits_for == WaitsFor::Memory)
    }

    fn end_linger_if_exhausted(&mut self, now: Time) {
        if self.is_exhausted() {
            self.end_linger(now);
        }
    }

    /// Looks again at all that lingers.
    pub(super) fn end_linger(&mut self, now: Time) {
        let waiting: Vec<Destination> = self.due.iter().map(|(_, of)| *of).collect();
        waiting.into_iter().for_each(|of| self.reschedule(of, now));
    }

    pub(super) fn partition(&self, of: Destination) -> &Partition {
        &self.topics[of.topic as usize].partitions[of.partition as usize]
    }

    pub(super) fn partition_mut(&mut self, of: Destination) -> &mut Partition {
        Arc::make_mut(&mut self.topics[of.topic as usize].partitions[of.partition as usize])
    }

    /// The partition in the cluster that has, or last had, this name.
    pub(super) fn topic_partition(&self, of: Destination) -> TopicPartition {
        let topic = self.topics[of.topic as usize].number.expect("a batch is made for a topic that is known");
        TopicPartition { topic, partition: of.partition }
    }
}

/// What is known of the partitions of a topic when one of them is chosen (`RecordAccumulator.partitionReady`).
struct Queues {
    /// Those with a leader that takes what it is sent, each with its batches that wait.
    available: Vec<(i32, u32)>,
    /// Those with a leader.
    led: Vec<i32>,
    count: i32,
    /// All had a batch before: until then nothing is known of how fast they are.
    is_adaptive: bool,
}

impl Queues {
    fn of(
        partitions: &[Arc<Partition>],
        leader: impl Fn(i32) -> Option<i32>,
        latencies: &BTreeMap<i32, NodeLatency>,
        settings: &ProducerSettings,
    ) -> Self {
        let length = |partition: &Partition| u32::try_from(partition.queue.len()).expect("as many batches as records");
        let takes = |leader: i32| {
            let most = settings.availability_timeout_us;
            most == 0 || latencies.get(&leader).is_none_or(|it| it.ready - it.drained <= most)
        };
        let led = (0..).zip(partitions).filter_map(|(number, it)| Some((number, it, leader(number)?)));
        let available = led.clone().filter(|(.., leader)| takes(*leader)).map(|(number, it, _)| (number, length(it)));
        Self {
            available: available.collect(),
            led: led.map(|(number, ..)| number).collect(),
            count: i32::try_from(partitions.len()).expect("partitions are numbered by an i32"),
            is_adaptive: settings.adaptive_partitioning
                && partitions.len() > 1
                && partitions.iter().all(|partition| partition.had_batch),
        }
    }

    /// The shorter the queue the likelier the partition; where nothing is known of them, or they are all alike, each is as
    /// likely (`BuiltInPartitioner.updatePartitionLoadStats`, `nextPartition`).
    fn weights(self) -> Vec<(i32, u32)> {
        if self.is_adaptive && !self.available.is_empty() {
            return self.available;
        }
        let all = if self.led.is_empty() { (0..self.count).collect() } else { self.led };
        all.into_iter().map(|partition| (partition, 0)).collect()
    }
}

/// Why a record is not in a batch.
enum Refusal {
    Waits(WaitsFor),
    /// `RecordTooLargeException`
    TooLarge,
}
