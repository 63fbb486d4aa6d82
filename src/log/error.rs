//! Why a log refuses, with the error codes of Kafka's protocol.

use super::batch::BatchError;
use super::epochs::MalformedEpochs;
use super::producers::Refusal;
use crate::sim::disk::DiskError;

/// Why an append was refused; nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The bytes are not a valid batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A rule on records is broken; of single records with their indexes.
    #[error("{reason}")]
    InvalidRecord {
        /// What is wrong.
        reason: &'static str,
        /// Which records, by their place in the batch.
        batch_indexes: Vec<i32>,
    },
    /// A record's timestamp is too far from the broker's clock.
    #[error("timestamp out of range")]
    InvalidTimestamp {
        /// Which records, by their place in the batch.
        batch_indexes: Vec<i32>,
    },
    /// Larger than `max.message.bytes`.
    #[error("the record batch size is {size} bytes which exceeds the maximum configured value of {max}")]
    MessageTooLarge {
        /// Of the batch.
        size: u32,
        /// The setting.
        max: u32,
    },
    /// Larger than `segment.bytes`.
    #[error("message batch size is {size} bytes, which exceeds the maximum configured segment size of {max}")]
    RecordListTooLarge {
        /// Of the append.
        size: u32,
        /// The setting.
        max: u32,
    },
    /// The sequence number does not follow the producer's last one.
    #[error("out of order sequence number")]
    OutOfOrderSequence,
    /// A newer instance of the producer was here.
    #[error("producer attempted to produce with an old epoch")]
    InvalidProducerEpoch,
    /// A plain batch inside the producer's open transaction.
    #[error("producer attempted a non-transactional write inside a transaction")]
    InvalidTxnState,
    /// A follower was handed offsets that do not follow its log or each other.
    #[error("unexpected offset {0} in append")]
    UnexpectedOffset(i64),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl AppendError {
    /// The error's code in Kafka's protocol.
    pub fn code(&self) -> i16 {
        match self {
            AppendError::Batch(BatchError::Magic(_) | BatchError::Count { .. } | BatchError::Record(_)) => 87,
            AppendError::Batch(BatchError::Compression(_)) => 76,
            AppendError::Batch(_) => 2,
            AppendError::InvalidRecord { .. } => 87,
            AppendError::InvalidTimestamp { .. } => 32,
            AppendError::MessageTooLarge { .. } => 10,
            AppendError::RecordListTooLarge { .. } => 18,
            AppendError::OutOfOrderSequence => 45,
            AppendError::InvalidProducerEpoch => 47,
            AppendError::InvalidTxnState => 48,
            AppendError::UnexpectedOffset(_) => -1,
            AppendError::Disk(_) => 56,
        }
    }
}

impl From<Refusal> for AppendError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OutOfOrderSequence => AppendError::OutOfOrderSequence,
            Refusal::InvalidProducerEpoch => AppendError::InvalidProducerEpoch,
            Refusal::InvalidTxnState => AppendError::InvalidTxnState,
        }
    }
}

/// Why a read was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The offset lies before the log's start or behind its end (code 1).
    #[error("offset {offset} is out of range {log_start_offset} to {log_end_offset}")]
    OffsetOutOfRange {
        /// Asked for.
        offset: i64,
        /// Where the log starts.
        log_start_offset: i64,
        /// Where it ends.
        log_end_offset: i64,
    },
}

/// Why a log does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// `leader-epoch-checkpoint` cannot be read; Kafka does not go on without it.
    #[error(transparent)]
    Epochs(#[from] MalformedEpochs),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}
