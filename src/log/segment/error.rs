//! What can be wrong with a segment.

use crate::log::index::IndexError;
use crate::sim::disk::DiskError;

/// A batch whose length cannot be right: nothing behind it can be read (`CorruptRecordException`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found a record of length {0}, which no batch has")]
pub struct CorruptBatch(pub i32);

/// Why the end of a segment is not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadNextError {
    /// A batch that makes no sense.
    #[error(transparent)]
    Batch(#[from] CorruptBatch),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a segment cannot be recovered as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// An offset that cannot be written relative to the segment's base (`LogSegmentOffsetOverflowException`).
    #[error("segment {base_offset} holds an offset that its index cannot")]
    Overflow {
        /// The segment's.
        base_offset: i64,
    },
    /// A message of a format before 2.
    #[error("segment {base_offset} holds messages of format {magic}")]
    OldFormat {
        /// The segment's.
        base_offset: i64,
        /// The format's number.
        magic: i8,
    },
    /// The index takes no entry.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl From<DiskError> for RecoverError {
    fn from(error: DiskError) -> Self {
        RecoverError::Index(error.into())
    }
}
