//! Why a log cannot be cleaned. Its partition is left alone from then on, and the thread goes on with others (KIP-346).

use super::logs::Partition;
use crate::log::batch::BatchError;
use crate::log::error::LogError;
use crate::log::index::IndexError;
use crate::log::txn_index::CorruptTransactionIndex;
use crate::sim::disk::DiskError;

/// What stops a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CleanError {
    /// A batch that cannot be read where it stands (`CorruptRecordException`).
    #[error("the segment {base_offset} is corrupt at position {position}")]
    CorruptRecord {
        /// Of the segment.
        base_offset: i64,
        /// In its `.log` file.
        position: u32,
    },
    /// A record of a batch, or a marker, is malformed (`InvalidRecordException`).
    #[error("a record is malformed")]
    InvalidRecord,
    /// The records of a batch cannot be decompressed (`KafkaException`).
    #[error(transparent)]
    Batch(BatchError),
    /// A batch that no writer of batches would write (`IllegalArgumentException`).
    #[error("{0}")]
    IllegalArgument(&'static str),
    /// The end of a segment's file is no batch and no beginning of one (`IllegalStateException`).
    #[error("the segment {base_offset} does not end with a whole batch: {left} bytes are left at position {position}")]
    IllegalState {
        /// Of the segment.
        base_offset: i64,
        /// In its `.log` file.
        position: u32,
        /// Behind it.
        left: u32,
    },
    /// An index of aborted transactions cannot be read.
    #[error(transparent)]
    TransactionIndex(#[from] CorruptTransactionIndex),
    /// An index of the new segment does not take what it should.
    #[error(transparent)]
    Index(IndexError),
    /// Old segments cannot be removed.
    #[error(transparent)]
    Removal(LogError),
    /// The disk refused (`IOException`): the log directory is to be taken out of use.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The log was truncated or deleted under the pass (`LogCleaningAbortedException`).
    #[error("the cleaning was aborted")]
    Aborted,
}

/// A log cannot even be looked at to say how dirty it is (`LogCleaningException`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to calculate log cleaning stats for partition {}-{}: {cause}", partition.0, partition.1)]
pub struct LogCleaningError {
    /// Whose log.
    pub partition: Partition,
    /// What stands in the way.
    pub cause: CleanError,
}

impl CleanError {
    /// The exception that Kafka throws.
    pub fn exception(&self) -> &'static str {
        match self {
            CleanError::CorruptRecord { .. } => "CorruptRecordException",
            CleanError::InvalidRecord => "InvalidRecordException",
            CleanError::Batch(BatchError::Compression(_)) | CleanError::IllegalArgument(_) => {
                "IllegalArgumentException"
            }
            CleanError::Batch(_) | CleanError::TransactionIndex(_) => "KafkaException",
            CleanError::IllegalState { .. } => "IllegalStateException",
            CleanError::Index(error) => error.exception(),
            CleanError::Removal(error) => error.exception(),
            CleanError::Disk(_) => "KafkaStorageException",
            CleanError::Aborted => "LogCleaningAbortedException",
        }
    }

    /// The error's code in Kafka's protocol.
    pub fn code(&self) -> i16 {
        match self {
            CleanError::CorruptRecord { .. } => 2,
            CleanError::InvalidRecord => 87,
            CleanError::Removal(error) => error.code(),
            CleanError::Disk(_) => 56,
            CleanError::Batch(_)
            | CleanError::IllegalArgument(_)
            | CleanError::IllegalState { .. }
            | CleanError::TransactionIndex(_)
            | CleanError::Index(_)
            | CleanError::Aborted => -1,
        }
    }
}

impl From<LogError> for CleanError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Disk(error) => CleanError::Disk(error),
            other => CleanError::Removal(other),
        }
    }
}

impl From<IndexError> for CleanError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Disk(error) => CleanError::Disk(error),
            other => CleanError::Index(other),
        }
    }
}

impl From<BatchError> for CleanError {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Record(_) | BatchError::Count { .. } => CleanError::InvalidRecord,
            other => CleanError::Batch(other),
        }
    }
}
