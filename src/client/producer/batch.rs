//! A batch of one partition on its way from `send()` to its answer (Kafka: `ProducerBatch`).

use bytes::Bytes;

use crate::client::RECORD_HEADER;
use crate::log::batch::{self, BatchBuilder, Record, increment_sequence};
use crate::sim::Time;

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
    /// The number of its first record: its place among all batches of the producer.
    pub(super) number: u64,
    /// The numbers of its records, in order.
    pub(super) numbers: Vec<u64>,
    pub(super) created: Time,
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
    /// It came out of one that was too large.
    is_part: bool,
    sequence: Option<(ProducerIdAndEpoch, i32)>,
    records: Records,
}

/// What a record says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    /// A value.
    Value(&'a [u8]),
    /// That its key is gone; which record it is stands in a header.
    Tombstone(&'a [u8]),
}

/// What a record takes at most beside its key, value and headers (`DefaultRecord.MAX_RECORD_OVERHEAD`).
const MAX_RECORD_OVERHEAD: usize = 21;

/// A record to append.
struct Appended<'a> {
    number: u64,
    timestamp: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [(&'a [u8], Option<&'a [u8]>)],
}

impl Appended<'_> {
    /// The bytes that it takes at most.
    fn bound(&self) -> usize {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let headers: usize = self.headers.iter().map(|(key, value)| key.len() + length(*value) + 4).sum();
        length(self.key) + length(self.value) + headers + MAX_RECORD_OVERHEAD
    }
}

impl Batch {
    pub(super) fn new(number: u64, created: Time) -> Self {
        Self {
            number,
            numbers: Vec::new(),
            created,
            attempts: 0,
            retry_at: 0,
            leader_epoch: -1,
            may_be_stored: false,
            sequence_was_reset: false,
            is_part: false,
            sequence: None,
            records: Records::Open(BatchBuilder::new()),
        }
    }

    /// Adds a record; false where it does not fit, or the batch has been closed. A first record always fits.
    pub(super) fn append(
        &mut self,
        number: u64,
        timestamp: i64,
        key: Option<&[u8]>,
        content: Content<'_>,
        limit: u32,
    ) -> bool {
        let tombstone;
        let (value, headers) = match content {
            Content::Value(value) => (Some(value), &[][..]),
            Content::Tombstone(name) => {
                tombstone = [(RECORD_HEADER, Some(name))];
                (None, &tombstone[..])
            }
        };
        self.append_record(&Appended { number, timestamp, key, value, headers }, limit as usize)
    }

    fn append_record(&mut self, record: &Appended<'_>, limit: usize) -> bool {
        let Records::Open(builder) = &mut self.records else { return false };
        if !self.numbers.is_empty() && builder.size() + record.bound() > limit {
            return false;
        }
        let Appended { timestamp, key, value, headers, .. } = *record;
        if headers.is_empty() {
            builder.record(timestamp, key, value);
        } else {
            builder.record_with_headers(timestamp, key, value, headers);
        }
        self.numbers.push(record.number);
        true
    }

    /// The batch in parts, each with its records' sequence numbers, as if none of them had been tried: of `batch.size` at
    /// first, and half as large where the leader refuses a part, too (`RecordAccumulator.splitAndReenqueue`,
    /// `ProducerBatch.split`).
    pub(super) fn split(&self, batch_size: u32) -> Vec<Batch> {
        let Records::Closed(bytes) = &self.records else { return Vec::new() };
        let mut parts: Vec<Batch> = Vec::new();
        let limit = if self.is_part { self.largest_record().max(self.size() / 2) } else { batch_size as usize };
        for (index, record) in (0..).zip(batch::records(bytes).into_iter().flatten().flatten()) {
            let Some(number) = self.numbers.get(index as usize).copied() else { break };
            let headers: Vec<_> = record.headers().collect();
            let Record { timestamp, key, value, .. } = record;
            let record = Appended { number, timestamp, key, value, headers: &headers };
            if !parts.last_mut().is_some_and(|part| part.append_record(&record, limit)) {
                let mut part = Batch::new(number, self.created);
                (part.is_part, part.may_be_stored) = (true, self.may_be_stored);
                part.sequence = self.sequence.map(|(producer, base)| (producer, increment_sequence(base, index)));
                part.append_record(&record, limit);
                parts.push(part);
            }
        }
        parts.iter_mut().for_each(|part| drop(part.close()));
        parts
    }

    /// The bytes of a batch with its largest record alone, at most.
    fn largest_record(&self) -> usize {
        let Records::Closed(bytes) = &self.records else { return 0 };
        let bounds = batch::records(bytes).into_iter().flatten().flatten().map(|record| {
            let headers: Vec<_> = record.headers().collect();
            let Record { timestamp, key, value, .. } = record;
            Appended { number: 0, timestamp, key, value, headers: &headers }.bound()
        });
        batch::HEADER_SIZE + bounds.max().unwrap_or(0)
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
        i32::try_from(self.numbers.len()).unwrap_or(i32::MAX)
    }

    /// Gives it its producer id, epoch and sequence number.
    pub(super) fn set_sequence(&mut self, producer: ProducerIdAndEpoch, sequence: i32) {
        self.sequence = Some((producer, sequence));
        if let Records::Closed(bytes) = &self.records {
            let mut builder = BatchBuilder::new();
            for record in batch::records(bytes).into_iter().flatten().flatten() {
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
                builder.build()
            }
        };
        self.records = Records::Closed(bytes.clone());
        bytes
    }
}
