//! What a program gets of `poll()` (Kafka: `ConsumerRecords`).

use bytes::Bytes;

use crate::client::producer::Header;
use crate::log::batch::{Body, Record};
use crate::wire::TopicPartition;

/// Records that one `poll()` returned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerRecords {
    pub(super) batches: Vec<FetchedBatch>,
    pub(super) count: u32,
}

/// A batch, or a part of one, as it was fetched: its records are read where they lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FetchedBatch {
    pub(super) partition: TopicPartition,
    pub(super) bytes: Bytes,
    /// The offsets that are handed over: from this,
    pub(super) from: i64,
    /// up to before this.
    pub(super) to: i64,
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerRecord<'a> {
    /// Where it lies.
    pub partition: TopicPartition,
    /// At which offset.
    pub offset: i64,
    /// In milliseconds.
    pub timestamp: i64,
    /// Its key, if it has one.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` says that the key is gone.
    pub value: Option<&'a [u8]>,
    record: Record<'a>,
}

impl<'a> ConsumerRecord<'a> {
    /// Its headers.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        self.record.headers()
    }
}

impl ConsumerRecords {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Shows each of them, partition by partition, in the order of their offsets.
    pub fn for_each(&self, mut visit: impl FnMut(&ConsumerRecord<'_>)) {
        for batch in &self.batches {
            let body = Body::of(&batch.bytes).expect("it was checked when it was fetched");
            for record in body.records().expect("it was checked when it was fetched") {
                let record = record.expect("it was checked when it was fetched");
                if (batch.from..batch.to).contains(&record.offset) {
                    let Record { offset, timestamp, key, value, .. } = record;
                    visit(&ConsumerRecord { partition: batch.partition, offset, timestamp, key, value, record });
                }
            }
        }
    }
}
