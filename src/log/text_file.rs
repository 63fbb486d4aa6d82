//! A small text file as a whole: put in the place of the old one, and read.

use bytes::Bytes;

use crate::sim::disk::{Disk, DiskError};

/// A file of the disk that is there but cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is not of the shape that it should have: an `IOException` to Kafka, which takes the log directory offline.
    #[error("{0} is malformed")]
    Shape(String),
    /// Where a number of an entry should be stands something else: a `NumberFormatException`, which is none of the disk's.
    #[error("{0} holds something else than a number")]
    NotANumber(String),
}

/// Replaces a whole file so that a crash leaves the old one or the new one: written beside it, flushed, renamed
/// (`CheckpointFile`, `Utils.atomicMoveWithFallback`).
pub fn replace(disk: &mut Disk, path: &str, text: &str) -> Result<(), DiskError> {
    let beside = format!("{path}.tmp");
    disk.remove(&beside);
    let id = disk.create(&beside)?;
    disk.append(id, Bytes::copy_from_slice(text.as_bytes()))?;
    disk.flush(id);
    disk.rename(&beside, path)
}

/// The text of a file, `None` if there is none.
pub fn text(disk: &Disk, path: &str) -> Result<Option<String>, Malformed> {
    let Some(id) = disk.open(path) else { return Ok(None) };
    let bytes = disk.read(id, 0, u32::MAX);
    String::from_utf8(bytes.into()).map(Some).map_err(|_| Malformed::Shape(path.to_owned()))
}
