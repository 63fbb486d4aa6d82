//! Why a log refuses, with the error codes of Kafka's protocol.

use super::batch::BatchError;
use super::epochs::{MalformedEpochs, NegativeEpoch};
use super::index::IndexError;
use super::partition_metadata::TopicIdError;
use super::producers::Refusal;
use super::segment::{CorruptBatch, ReadNextError};
use super::txn_index::CorruptTransactionIndex;
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
    /// The marker of a coordinator that was replaced.
    #[error("the marker's coordinator epoch is older than the one known")]
    CoordinatorFenced,
    /// What only a mistake of the broker's own can ask for.
    #[error("{0}")]
    IllegalArgument(&'static str),
    /// A follower was handed offsets that do not follow its log.
    #[error("unexpected offset {0} in append")]
    UnexpectedOffset(i64),
    /// A follower was handed batches whose offsets do not follow each other.
    #[error("out of order offsets found in append")]
    OffsetsOutOfOrder,
    /// The segment that the append needs cannot be begun.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Single records that broke a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordErrors<'a> {
    /// Kafka's name of what is thrown for them.
    pub exception: &'static str,
    /// Their places in the batch.
    pub batch_indexes: &'a [i32],
}

impl AppendError {
    /// The error's code in Kafka's protocol.
    pub fn code(&self) -> i16 {
        match self {
            AppendError::Batch(error) if is_invalid_record(error) => 87,
            AppendError::Batch(BatchError::Compression(_)) => 76,
            AppendError::Batch(_) => 2,
            AppendError::InvalidRecord { .. } => 87,
            AppendError::InvalidTimestamp { .. } => 32,
            AppendError::MessageTooLarge { .. } => 10,
            AppendError::RecordListTooLarge { .. } => 18,
            AppendError::OutOfOrderSequence => 45,
            AppendError::InvalidProducerEpoch => 47,
            AppendError::InvalidTxnState => 48,
            AppendError::CoordinatorFenced => 52,
            AppendError::IllegalArgument(_) => -1,
            AppendError::UnexpectedOffset(_) | AppendError::OffsetsOutOfOrder => -1,
            AppendError::Log(error) => error.code(),
            AppendError::Disk(_) => 56,
        }
    }

    /// The name of Kafka's exception.
    pub fn exception(&self) -> &'static str {
        match self {
            AppendError::Batch(BatchError::Compression(_)) => "UnsupportedCompressionTypeException",
            AppendError::Batch(error) if is_invalid_record(error) => "InvalidRecordException",
            AppendError::Batch(_) => "CorruptRecordException",
            AppendError::InvalidRecord { batch_indexes, .. } if batch_indexes.is_empty() => "InvalidRecordException",
            AppendError::InvalidRecord { .. } | AppendError::InvalidTimestamp { .. } => "RecordValidationException",
            AppendError::MessageTooLarge { .. } => "RecordTooLargeException",
            AppendError::RecordListTooLarge { .. } => "RecordBatchTooLargeException",
            AppendError::OutOfOrderSequence => "OutOfOrderSequenceException",
            AppendError::InvalidProducerEpoch => "InvalidProducerEpochException",
            AppendError::InvalidTxnState => "InvalidTxnStateException",
            AppendError::CoordinatorFenced => "TransactionCoordinatorFencedException",
            AppendError::IllegalArgument(_) => "IllegalArgumentException",
            AppendError::UnexpectedOffset(_) => "UnexpectedAppendOffsetException",
            AppendError::OffsetsOutOfOrder => "OffsetsOutOfOrderException",
            AppendError::Log(error) => error.exception(),
            AppendError::Disk(_) => "KafkaStorageException",
        }
    }

    /// Which records broke a rule, where the rule is one of single records.
    pub fn record_errors(&self) -> Option<RecordErrors<'_>> {
        match self {
            AppendError::InvalidRecord { batch_indexes, .. } if !batch_indexes.is_empty() => {
                Some(RecordErrors { exception: "InvalidRecordException", batch_indexes })
            }
            AppendError::InvalidTimestamp { batch_indexes } => {
                Some(RecordErrors { exception: "InvalidTimestampException", batch_indexes })
            }
            AppendError::InvalidRecord { .. }
            | AppendError::Batch(_)
            | AppendError::MessageTooLarge { .. }
            | AppendError::RecordListTooLarge { .. }
            | AppendError::OutOfOrderSequence
            | AppendError::InvalidProducerEpoch
            | AppendError::InvalidTxnState
            | AppendError::CoordinatorFenced
            | AppendError::IllegalArgument(_)
            | AppendError::UnexpectedOffset(_)
            | AppendError::OffsetsOutOfOrder
            | AppendError::Log(_)
            | AppendError::Disk(_) => None,
        }
    }
}

/// Magic numbers of the past are refused as records, those of the future as damage.
fn is_invalid_record(error: &BatchError) -> bool {
    matches!(error, BatchError::Magic(0 | 1) | BatchError::Count { .. } | BatchError::Record(_))
}

impl From<Refusal> for AppendError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OutOfOrderSequence => AppendError::OutOfOrderSequence,
            Refusal::InvalidProducerEpoch => AppendError::InvalidProducerEpoch,
            Refusal::InvalidTxnState => AppendError::InvalidTxnState,
            Refusal::CoordinatorFenced => AppendError::CoordinatorFenced,
            Refusal::NoTransactionVersion => AppendError::IllegalArgument("a marker without a transaction version"),
            Refusal::NoMarker => AppendError::IllegalArgument("a control batch without a transaction's marker"),
        }
    }
}

impl From<NegativeEpoch> for AppendError {
    fn from(_: NegativeEpoch) -> Self {
        AppendError::IllegalArgument("a leader epoch entry must not be negative")
    }
}

/// Why a log was not rolled or cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Logs begin at 0 or behind it.
    #[error("cannot truncate to a negative offset ({0})")]
    NegativeOffset(i64),
    /// The new segment would have the base offset of one that is there and holds something.
    #[error("trying to roll a new log segment with start offset {0} while it already exists")]
    SegmentExists(i64),
    /// Batches that no producer can have sent one after another.
    #[error("the log's batches contradict each other")]
    Producers(Refusal),
    /// Damage lies on the way to where the log is to be cut, or among what is read again to know the producers.
    #[error(transparent)]
    Batch(#[from] CorruptBatch),
    /// A transaction index that is to be cut cannot be read.
    #[error(transparent)]
    TransactionIndex(#[from] CorruptTransactionIndex),
    /// An index does not take what it should.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl From<Refusal> for LogError {
    fn from(refusal: Refusal) -> Self {
        LogError::Producers(refusal)
    }
}

impl LogError {
    /// The error's code in Kafka's protocol.
    pub fn code(&self) -> i16 {
        match self {
            LogError::NegativeOffset(_) | LogError::SegmentExists(_) => -1,
            LogError::Producers(refusal) => AppendError::from(*refusal).code(),
            LogError::Batch(_) => 2,
            LogError::TransactionIndex(_) => -1,
            LogError::Index(error) => error.code(),
            LogError::Disk(_) => 56,
        }
    }

    /// The name of Kafka's exception.
    pub fn exception(&self) -> &'static str {
        match self {
            LogError::NegativeOffset(_) => "IllegalArgumentException",
            LogError::SegmentExists(_) => "KafkaException",
            LogError::Producers(refusal) => AppendError::from(*refusal).exception(),
            LogError::Batch(_) => "CorruptRecordException",
            LogError::TransactionIndex(_) => "KafkaException",
            LogError::Index(error) => error.exception(),
            LogError::Disk(_) => "KafkaStorageException",
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
    /// Damage lies on the way to what was asked for.
    #[error(transparent)]
    Batch(#[from] CorruptBatch),
    /// The records of a batch that is looked into cannot be read.
    #[error(transparent)]
    Records(#[from] BatchError),
    /// The aborted transactions among what was read are not known.
    #[error(transparent)]
    TransactionIndex(#[from] CorruptTransactionIndex),
}

impl ReadError {
    /// The error's code in Kafka's protocol.
    pub fn code(&self) -> i16 {
        match self {
            ReadError::OffsetOutOfRange { .. } => 1,
            ReadError::Batch(_) => 2,
            ReadError::Records(error) if is_invalid_record(error) => 87,
            ReadError::Records(_) | ReadError::TransactionIndex(_) => -1,
        }
    }

    /// The name of Kafka's exception.
    pub fn exception(&self) -> &'static str {
        match self {
            ReadError::OffsetOutOfRange { .. } => "OffsetOutOfRangeException",
            ReadError::Batch(_) => "CorruptRecordException",
            ReadError::Records(error) if is_invalid_record(error) => "InvalidRecordException",
            ReadError::Records(BatchError::Compression(_)) => "IllegalArgumentException",
            ReadError::Records(_) | ReadError::TransactionIndex(_) => "KafkaException",
        }
    }
}

/// Why a log does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// `leader-epoch-checkpoint` cannot be read; Kafka does not go on without it.
    #[error(transparent)]
    Epochs(#[from] MalformedEpochs),
    /// A file of the log has a name that does not begin with an offset.
    #[error("a file's name does not begin with an offset")]
    FileName,
    /// The end of the log cannot be found.
    #[error(transparent)]
    Batch(#[from] CorruptBatch),
    /// An index does not take what it should.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A segment holds an offset that its index cannot, and not at its end.
    #[error("segment {base_offset} holds an offset that its index cannot, and not at its end")]
    Overflow {
        /// The segment's.
        base_offset: i64,
    },
    /// Such a segment cannot be split, because its last batch is torn.
    #[error("segment {base_offset} holds an offset that its index cannot, and ends in a torn batch")]
    TornOverflow {
        /// The segment's.
        base_offset: i64,
    },
    /// A segment holds messages from before Kafka 0.11. Kafka keeps them; here only a dump reads them.
    #[error(
        "segment {base_offset} holds messages of format {magic}, from before Kafka 0.11: only `log dump` reads them"
    )]
    OldFormat {
        /// The segment's.
        base_offset: i64,
        /// The format's number: 0 or 1.
        magic: i8,
    },
    /// A transaction index is of a format that is not known.
    #[error(transparent)]
    TransactionIndex(#[from] CorruptTransactionIndex),
    /// The directory is not that of the log's topic.
    #[error(transparent)]
    TopicId(#[from] TopicIdError),
    /// Batches that no producer can have sent one after another, or an offset that no log begins at.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl OpenError {
    /// The error's code in Kafka's protocol.
    pub fn code(&self) -> i16 {
        match self {
            OpenError::Epochs(MalformedEpochs::NotANumber | MalformedEpochs::Negative)
            | OpenError::FileName
            | OpenError::TransactionIndex(_)
            | OpenError::Overflow { .. }
            | OpenError::TornOverflow { .. } => -1,
            OpenError::OldFormat { .. } => 43,
            OpenError::TopicId(error) => error.code(),
            OpenError::Batch(_) => 2,
            OpenError::Index(error) => error.code(),
            OpenError::Log(error) => error.code(),
            OpenError::Epochs(MalformedEpochs::Shape) | OpenError::Disk(_) => 56,
        }
    }

    /// The name of Kafka's exception.
    pub fn exception(&self) -> &'static str {
        match self {
            OpenError::Epochs(MalformedEpochs::NotANumber) | OpenError::FileName => "NumberFormatException",
            OpenError::Epochs(MalformedEpochs::Negative) | OpenError::Overflow { .. } => "IllegalArgumentException",
            OpenError::TornOverflow { .. } => "NoSuchElementException",
            OpenError::OldFormat { .. } => "UnsupportedForMessageFormatException",
            OpenError::TransactionIndex(_) => "KafkaException",
            OpenError::TopicId(error) => error.exception(),
            OpenError::Batch(_) => "CorruptRecordException",
            OpenError::Index(error) => error.exception(),
            OpenError::Log(error) => error.exception(),
            OpenError::Epochs(MalformedEpochs::Shape) | OpenError::Disk(_) => "KafkaStorageException",
        }
    }
}

impl From<Refusal> for OpenError {
    fn from(refusal: Refusal) -> Self {
        OpenError::Log(refusal.into())
    }
}

impl From<ReadNextError> for OpenError {
    fn from(error: ReadNextError) -> Self {
        match error {
            ReadNextError::Batch(error) => OpenError::Batch(error),
            ReadNextError::Disk(error) => OpenError::Disk(error),
        }
    }
}
