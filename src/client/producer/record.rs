//! What a program hands to `send()`, and what it is told of it (Kafka: `ProducerRecord`, `RecordMetadata`).

use crate::log::batch::HEADER_SIZE;
use crate::note::{SendError, SendOutcome, TransactionCall, TransactionError};
use crate::wire::TopicPartition;

/// What a record takes at most beside its key, value and headers (`DefaultRecord.MAX_RECORD_OVERHEAD`).
const MAX_RECORD_OVERHEAD: usize = 21;

/// A header of a record: its key and its value.
pub type Header<'a> = (&'a [u8], Option<&'a [u8]>);

/// A record to send.
#[derive(Clone, Copy, Debug)]
pub struct ProducerRecord<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition; `None` lets the partitioner choose.
    pub partition: Option<i32>,
    /// In milliseconds; `None` for the clock of the producer's machine.
    pub timestamp: Option<i64>,
    /// The key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The value; `None` says that the key is gone.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a [Header<'a>],
}

impl ProducerRecord<'_> {
    /// The bytes that it takes at most in a batch.
    pub(super) fn bound(&self) -> usize {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        // Two lengths of up to five bytes each come with a header; short ones take one byte (`Utils.sizeOfVarint`).
        let headers: usize = self.headers.iter().map(|(key, value)| key.len() + length(*value) + 4).sum();
        length(self.key) + length(self.value) + headers + MAX_RECORD_OVERHEAD
    }

    /// The bytes of a batch with it alone, at most (`AbstractRecords.estimateSizeInBytesUpperBound`).
    #[must_use]
    pub fn batch_bound(&self) -> usize {
        HEADER_SIZE + self.bound()
    }
}

/// A record that waits in `send()` until there is room for it, or metadata.
#[derive(Clone, Debug)]
pub(super) struct OwnedRecord {
    pub(super) partition: Option<i32>,
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl OwnedRecord {
    pub(super) fn of(record: &ProducerRecord<'_>) -> Self {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        Self {
            partition: record.partition,
            timestamp: record.timestamp,
            key: owned(record.key),
            value: owned(record.value),
            headers: record.headers.iter().map(|(key, value)| (key.to_vec(), owned(*value))).collect(),
        }
    }

    /// Lends the record to `with`.
    pub(super) fn lend<T>(&self, topic: &str, with: impl FnOnce(&ProducerRecord<'_>) -> T) -> T {
        let headers: Vec<Header<'_>> =
            self.headers.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect();
        with(&ProducerRecord {
            topic,
            partition: self.partition,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &headers,
        })
    }
}

/// A record that was handed to `send()`: the first of a producer is 0, the next 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SendHandle(pub u64);

/// What became of the records of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchOutcome {
    /// They are stored, one behind the other from this offset on; -1 where the producer was not told (a duplicate whose
    /// offsets the leader has forgotten).
    Acknowledged {
        /// The offset of the first.
        base_offset: i64,
    },
    /// With acks=0: they are on their way, and no broker answers.
    Unanswered,
    /// No attempt stored them.
    Refused(SendError),
    /// An attempt may have stored them.
    Unknown(SendError),
}

impl BatchOutcome {
    /// What it is for the record at this place of the batch.
    #[must_use]
    pub fn of_record(self, place: i64) -> SendOutcome {
        match self {
            Self::Acknowledged { base_offset: -1 } => SendOutcome::Acknowledged { offset: -1 },
            Self::Acknowledged { base_offset } => SendOutcome::Acknowledged { offset: base_offset + place },
            Self::Unanswered => SendOutcome::Unanswered,
            Self::Refused(error) => SendOutcome::Refused(error),
            Self::Unknown(error) => SendOutcome::Unknown(error),
        }
    }
}

/// What a producer tells its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProducerEvent {
    /// `send()` has returned: the record waits in a batch of this partition.
    Appended {
        /// Which record.
        record: SendHandle,
        /// Where it goes.
        partition: TopicPartition,
    },
    /// `send()` has failed: the record was never to be sent.
    Failed {
        /// Which record.
        record: SendHandle,
        /// Why.
        error: SendError,
    },
    /// These records of a batch are sent again. Kafka's producer tells its program nothing of it but counts it
    /// (`record-retry-total`).
    Retried {
        /// Which records, in their order.
        records: Vec<SendHandle>,
        /// Where they go.
        partition: TopicPartition,
        /// What became of the last attempt.
        error: SendError,
        /// Whether an earlier attempt may have stored them.
        may_be_stored: bool,
    },
    /// The producer has bumped its epoch, of which Kafka's producer tells its program nothing either.
    EpochBumped {
        /// The partition that asked for it.
        partition: TopicPartition,
        /// The producer id.
        id: i64,
        /// The epoch from now on.
        epoch: i16,
    },
    /// A call of a transaction has returned.
    Returned {
        /// Which.
        call: TransactionCall,
        /// How: an error is the exception that it throws.
        result: Result<(), TransactionError>,
    },
    /// The futures of these records are complete.
    Completed {
        /// Which records, in their order.
        records: Vec<SendHandle>,
        /// Where they went.
        partition: TopicPartition,
        /// What became of them.
        outcome: BatchOutcome,
    },
}
