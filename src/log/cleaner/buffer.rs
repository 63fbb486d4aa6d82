//! How much of a segment is read at once: the read buffer of `Cleaner` in Apache Kafka, which grows for a batch that
//! does not fit.

use super::error::CleanError;
use super::filter::{NotABatch, next_batch_size};

/// Where in which segment something is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of the segment.
    pub base_offset: i64,
    /// In its `.log` file.
    pub position: u32,
    /// From there to the end of the file.
    pub left: u32,
}

impl Place {
    /// What stands here cannot be read.
    pub fn corrupt(&self) -> CleanError {
        CleanError::CorruptRecord { base_offset: self.base_offset, position: self.position }
    }

    fn unfinished(&self) -> CleanError {
        CleanError::IllegalState { base_offset: self.base_offset, position: self.position, left: self.left }
    }
}

/// The size of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoBuffer {
    usual: u32,
    max: u32,
    capacity: u32,
}

impl IoBuffer {
    /// A buffer of `usual` bytes that may grow to `max`.
    pub fn new(usual: u32, max: u32) -> IoBuffer {
        IoBuffer { usual, max, capacity: usual }
    }

    /// So many bytes are read at once.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Gives the buffer its usual size again.
    pub fn restore(&mut self) {
        self.capacity = self.usual.min(self.capacity);
    }

    /// `chunk`, as much as fits, holds no whole batch: doubles the buffer, up to the larger of its largest size and
    /// `max.message.bytes`; a batch may be larger still, if that setting was lowered or recompression enlarged it.
    pub fn grow(&mut self, chunk: &[u8], place: Place, max_message_bytes: u32) -> Result<(), CleanError> {
        let needed = if self.capacity < max_message_bytes {
            max_message_bytes
        } else {
            match next_batch_size(chunk) {
                Err(NotABatch) => return Err(place.corrupt()),
                Ok(Some(size)) if size <= self.capacity => return Err(place.unfinished()),
                Ok(Some(size)) if size <= place.left => size,
                Ok(Some(_)) => return Err(place.corrupt()),
                Ok(None) => return Err(place.unfinished()),
            }
        };
        let largest = needed.max(self.max);
        if self.capacity >= largest {
            return Err(place.unfinished());
        }
        self.capacity = self.capacity.saturating_mul(2).clamp(1, largest);
        Ok(())
    }
}
