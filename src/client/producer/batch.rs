//! A batch of one partition on its way from `send()` to its answer (Kafka: `ProducerBatch`).

use bytes::Bytes;

use crate::client::RECORD_HEADER;
use crate::log::batch::{self, BatchBuilder, increment_sequence};
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
    /// Its place among all batches of the producer.
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

impl Content<'_> {
    /// The bytes that it takes, but for a few.
    fn size(self) -> usize {
        match self {
            Content::Value(value) => value.len(),
            Content::Tombstone(name) => RECORD_HEADER.len() + name.len() + 4,
        }
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
        let Records::Open(builder) = &mut self.records else { return false };
        // `DefaultRecord.MAX_RECORD_OVERHEAD`: what a record takes at most beside its key and value.
        let bound = builder.size() + key.map_or(0, <[u8]>::len) + content.size() + 21;
        if !self.numbers.is_empty() && bound > limit as usize {
            return false;
        }
        match content {
            Content::Value(value) => builder.record(timestamp, key, Some(value)),
            Content::Tombstone(name) => {
                builder.record_with_headers(timestamp, key, None, &[(RECORD_HEADER, Some(name))])
            }
        };
        self.numbers.push(number);
        true
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
        match &self.records {
            Records::Closed(bytes) => bytes.clone(),
            Records::Open(builder) => {
                let mut builder = builder.clone();
                if let Some((producer, sequence)) = self.sequence {
                    builder = builder.producer(producer.id, producer.epoch, sequence);
                }
                let bytes = builder.build();
                self.records = Records::Closed(bytes.clone());
                bytes
            }
        }
    }
}
