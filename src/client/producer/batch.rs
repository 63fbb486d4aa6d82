//! A batch of one partition on its way from `send()` to its answer (Kafka: `ProducerBatch`).

use bytes::Bytes;

use super::destination::Destination;
use super::ratio::CompressionRatio;
use super::record::{Header, ProducerRecord, SendHandle};
use crate::log::batch::{self, BatchBuilder, BatchHeader, Body, HEADER_SIZE, Record, increment_sequence};
use crate::log::compression::Compression;
use crate::settings::GzipLevel;
use crate::sim::Time;
use crate::wire::TopicPartition;

/// The producer id and epoch that a batch, or a partition's sequence numbers, belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProducerIdAndEpoch {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// How batches are compressed (`compression.type`, `compression.gzip.level`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Codec {
    pub(super) kind: Compression,
    pub(super) gzip_level: GzipLevel,
}

impl Codec {
    fn builder(self) -> BatchBuilder {
        BatchBuilder::new().compression(self.kind).gzip_level(self.gzip_level)
    }
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
    codec: Codec,
    /// To what part of its size it is thought to be compressed.
    ratio: CompressionRatio,
    /// It came out of one that was too large.
    is_part: bool,
    sequence: Option<(ProducerIdAndEpoch, i32)>,
    records: Records,
}

impl Batch {
    pub(super) fn new(
        first: SendHandle,
        topic: u32,
        created: Time,
        buffer: u64,
        (codec, ratio): (Codec, CompressionRatio),
    ) -> Self {
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
            codec,
            ratio,
            is_part: false,
            sequence: None,
            records: Records::Open(codec.builder()),
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
        let size = self.size();
        let Records::Open(builder) = &mut self.records else { return false };
        // What it would be compressed to is not counted on (`MemoryRecordsBuilder.hasRoomFor`).
        if !self.handles.is_empty() && size + record.bound() > limit {
            return false;
        }
        builder.record_with_headers(timestamp, record.key, record.value, record.headers);
        self.handles.push(handle);
        true
    }

    /// The batch in parts, each with its records' sequence numbers, as if none of them had been tried: of `batch.size` at
    /// first, and half as large where the leader refuses a part, too (`RecordAccumulator.splitAndReenqueue`,
    /// `ProducerBatch.split`).
    pub(super) fn split(&self, batch_size: u32, ratio: CompressionRatio) -> Vec<Batch> {
        let own = self.own();
        let mut parts: Vec<Batch> = Vec::new();
        let limit = if self.is_part { self.largest_record().max(self.size() / 2) } else { batch_size as usize };
        for ((index, handle), record) in (0..).zip(&self.handles).zip(records(&own)) {
            let headers: Vec<Header<'_>> = record.headers().collect();
            let timestamp = record.timestamp;
            let record = of_log(&record, &headers);
            if !parts.last_mut().is_some_and(|part| part.append(*handle, timestamp, &record, limit)) {
                let mut part = Batch::new(*handle, self.topic, self.created, 0, (self.codec, ratio));
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
        let own = self.own();
        let bound = |record: Record<'_>| of_log(&record, &record.headers().collect::<Vec<_>>()).batch_bound();
        records(&own).map(bound).max().unwrap_or(0)
    }

    /// Its records as they were before they were compressed.
    fn own(&self) -> Body<'_> {
        let Records::Closed(bytes) = &self.records else { panic!("a batch that was answered has been closed") };
        Body::of(bytes).expect("a batch that this side has built")
    }

    /// To what part of their size its records were compressed.
    pub(super) fn compressed_to(&self) -> CompressionRatio {
        let own = self.own();
        CompressionRatio::of(self.size() - HEADER_SIZE, own.bytes().len())
    }

    /// The partition that it was last sent to, or else made for.
    pub(super) fn partition(&self, of: Destination) -> TopicPartition {
        TopicPartition { topic: self.topic, partition: of.partition }
    }

    pub(super) fn size(&self) -> usize {
        match &self.records {
            Records::Open(builder) if self.codec.kind == Compression::None => builder.size(),
            Records::Open(builder) => HEADER_SIZE + self.ratio.estimate(builder.size() - HEADER_SIZE),
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
            let header = BatchHeader::parse(bytes).expect("a batch that this side has built");
            self.records = Records::Closed(renumbered(bytes, &header, producer, sequence));
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

/// The same records with other numbers, which stand in the header alone (`MemoryRecordsBuilder.reopenAndRewriteProducerState`).
fn renumbered(bytes: &[u8], header: &BatchHeader, producer: ProducerIdAndEpoch, sequence: i32) -> Bytes {
    let mut copy = bytes.to_vec();
    let (producer_id, producer_epoch) = (producer.id, producer.epoch);
    batch::seal(&mut copy, &BatchHeader { producer_id, producer_epoch, base_sequence: sequence, ..*header });
    copy.into()
}

/// The records of a batch that this side has built.
fn records<'b>(body: &'b Body<'_>) -> impl Iterator<Item = Record<'b>> {
    let records = body.records().expect("a batch that this side has built");
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

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(records: u64) -> Batch {
        let codec = Codec { kind: Compression::None, gzip_level: GzipLevel::DEFAULT };
        let mut batch = Batch::new(SendHandle(0), 0, 0, 0, (codec, CompressionRatio::WHOLE));
        let record = ProducerRecord {
            topic: "orders",
            partition: None,
            timestamp: None,
            key: None,
            value: Some(b"some value"),
            headers: &[],
        };
        (0..records).for_each(|number| assert!(batch.append(SendHandle(number), 7, &record, 1_000)));
        batch
    }

    #[test]
    fn behind_the_largest_sequence_number_comes_zero_in_a_batch_and_in_its_parts() {
        let mut batch = batch(4);
        batch.set_sequence(ProducerIdAndEpoch { id: 3, epoch: 1 }, i32::MAX - 1);
        let header = crate::log::batch::validate(&batch.close()).expect("a whole batch");
        assert_eq!((header.base_sequence, header.last_sequence()), (i32::MAX - 1, 1));
        assert_eq!(batch.next_sequence(), Some(2));
        let parts = batch.split(0, CompressionRatio::WHOLE);
        let numbers: Vec<Option<i32>> = parts.iter().map(Batch::base_sequence).collect();
        assert_eq!(numbers, [i32::MAX - 1, i32::MAX, 0, 1].map(Some));
    }

    #[test]
    fn other_numbers_of_a_batch_that_was_sent_change_nothing_but_its_header() {
        let mut batch = batch(3);
        batch.set_sequence(ProducerIdAndEpoch { id: 3, epoch: 1 }, 5);
        let before = batch.close();
        batch.set_sequence(ProducerIdAndEpoch { id: 3, epoch: 2 }, 0);
        let after = batch.close();
        let header = crate::log::batch::validate(&after).expect("a whole batch");
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (3, 2, 0));
        assert_eq!(before[HEADER_SIZE..], after[HEADER_SIZE..]);
    }
}
