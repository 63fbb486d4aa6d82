//! A batch of one partition on its way from `send()` to its answer (Kafka: `ProducerBatch`).

use bytes::Bytes;

use super::destination::Destination;
use super::record::{Header, ProducerRecord, SendHandle};
use crate::log::batch::{self, BatchBuilder, Record, increment_sequence};
use crate::sim::Time;
use crate::wire::TopicPartition;

/// The producer id and epoch that a batch, or a partition's sequence numbers, belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProducerIdAndEpoch {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

#[derive(Clone, Debug)]
enum Records {
    Open(BatchBuilder),
    Closed(Bytes),
}

/// The batch, its records open until it is first sent.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// The handle of its first record: its place among all batches of the producer.
    pub(super) number: u64,
    /// Its records, in order.
    pub(super) handles: Vec<SendHandle>,
    pub(super) created: Time,
    /// The number of the topic that it was last sent to, or else made for: another may have its name by now.
    pub(super) topic: u32,
    /// Attempts that came back to be tried again.
    pub(super) attempts: u32,
    /// The next attempt is not made before this, unless the leader has changed.
    pub(super) retry_at: Time,
    /// The leader epoch under which it was last sent.
    pub(super) leader_epoch: i32,
    /// An attempt may have reached the log without our knowing.
    pub(super) may_be_stored: bool,
    /// Its sequence number was set back by an epoch bump since it was last sent.
    pub(super) sequence_was_reset: bool,
    /// The bytes of `buffer.memory` that it holds; a part of a batch that was too large has none of these.
    pub(super) buffer: u64,
    /// It is part of a transaction.
    pub(super) is_transactional: bool,
    /// It came out of one that was too large.
    is_part: bool,
    sequence: Option<(ProducerIdAndEpoch, i32)>,
    records: Records,
}

impl Batch {
    pub(super) fn new(first: SendHandle, topic: u32, created: Time, buffer: u64) -> Self {
        Self {
            number: first.0,
            handles: Vec::new(),
            created,
            topic,
            attempts: 0,
            retry_at: 0,
            leader_epoch: -1,
            may_be_stored: false,
            sequence_was_reset: false,
            buffer,
            is_transactional: false,
            is_part: false,
            sequence: None,
            records: Records::Open(BatchBuilder::new()),
        }
    }

    /// Adds a record; false where it does not fit, or the batch has been closed. A first record always fits.
    pub(super) fn append(
        &mut self,
        handle: SendHandle,
        timestamp: i64,
        record: &ProducerRecord<'_>,
        limit: usize,
    ) -> bool {
        let Records::Open(builder) = &mut self.records else { return false };
        if !self.handles.is_empty() && builder.size() + record.bound() > limit {
            return false;
        }
        builder.record_with_headers(timestamp, record.key, record.value, record.headers);
        self.handles.push(handle);
        true
    }

    /// The batch in parts, each with its records' sequence numbers, as if none of them had been tried: of `batch.size` at
    /// first, and half as large where the leader refuses a part, too (`RecordAccumulator.splitAndReenqueue`,
    /// `ProducerBatch.split`).
    pub(super) fn split(&self, batch_size: u32) -> Vec<Batch> {
        let Records::Closed(bytes) = &self.records else { panic!("a batch that was answered has been closed") };
        let mut parts: Vec<Batch> = Vec::new();
        let limit = if self.is_part { self.largest_record().max(self.size() / 2) } else { batch_size as usize };
        for ((index, handle), record) in (0..).zip(&self.handles).zip(own_records(bytes)) {
            let headers: Vec<Header<'_>> = record.headers().collect();
            let timestamp = record.timestamp;
            let record = of_log(&record, &headers);
            if !parts.last_mut().is_some_and(|part| part.append(*handle, timestamp, &record, limit)) {
                let mut part = Batch::new(*handle, self.topic, self.created, 0);
                (part.is_part, part.may_be_stored) = (true, self.may_be_stored);
                part.is_transactional = self.is_transactional;
                part.sequence = self.sequence.map(|(producer, base)| (producer, increment_sequence(base, index)));
                assert!(part.append(*handle, timestamp, &record, limit), "a first record always fits");
                parts.push(part);
            }
        }
        parts.iter_mut().for_each(|part| drop(part.close()));
        parts
    }

    /// The bytes of a batch with its largest record alone, at most.
    fn largest_record(&self) -> usize {
        let Records::Closed(bytes) = &self.records else { panic!("a batch that was answered has been closed") };
        let bound = |record: Record<'_>| of_log(&record, &record.headers().collect::<Vec<_>>()).batch_bound();
        own_records(bytes).map(bound).max().unwrap_or(0)
    }

    /// The partition that it was last sent to, or else made for.
    pub(super) fn partition(&self, of: Destination) -> TopicPartition {
        TopicPartition { topic: self.topic, partition: of.partition }
    }

    pub(super) fn size(&self) -> usize {
        match &self.records {
            Records::Open(builder) => builder.size(),
            Records::Closed(bytes) => bytes.len(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.records, Records::Open(_))
    }

    pub(super) fn producer(&self) -> Option<ProducerIdAndEpoch> {
        self.sequence.map(|(producer, _)| producer)
    }

    pub(super) fn base_sequence(&self) -> Option<i32> {
        self.sequence.map(|(_, sequence)| sequence)
    }

    /// The sequence number behind its last record.
    pub(super) fn next_sequence(&self) -> Option<i32> {
        Some(increment_sequence(self.base_sequence()?, self.count()))
    }

    pub(super) fn count(&self) -> i32 {
        i32::try_from(self.handles.len()).expect("a batch holds fewer records than bytes")
    }

    /// Gives it its producer id, epoch and sequence number.
    pub(super) fn set_sequence(&mut self, producer: ProducerIdAndEpoch, sequence: i32) {
        self.sequence = Some((producer, sequence));
        if let Records::Closed(bytes) = &self.records {
            let mut builder = BatchBuilder::new();
            for record in own_records(bytes) {
                let headers: Vec<_> = record.headers().collect();
                builder.record_with_headers(record.timestamp, record.key, record.value, &headers);
            }
            self.records = Records::Open(builder);
            self.close();
            self.sequence_was_reset = true;
        }
    }

    /// The bytes to send; no record is added from here on.
    pub(super) fn close(&mut self) -> Bytes {
        let bytes = match std::mem::replace(&mut self.records, Records::Closed(Bytes::new())) {
            Records::Closed(bytes) => bytes,
            Records::Open(mut builder) => {
                if let Some((producer, sequence)) = self.sequence {
                    builder = builder.producer(producer.id, producer.epoch, sequence);
                }
                if self.is_transactional {
                    builder = builder.transactional();
                }
                builder.build()
            }
        };
        self.records = Records::Closed(bytes.clone());
        bytes
    }
}

/// The records of a batch that this side has built.
fn own_records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let records = batch::records(bytes).expect("a batch that this side has built");
    records.map(|record| record.expect("a record that this side has written"))
}

fn of_log<'a>(record: &Record<'a>, headers: &'a [Header<'a>]) -> ProducerRecord<'a> {
    ProducerRecord {
        topic: "",
        partition: None,
        timestamp: Some(record.timestamp),
        key: record.key,
        value: record.value,
        headers,
    }
}
