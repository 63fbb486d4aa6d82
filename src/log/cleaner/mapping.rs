//! How batches get into the offset map: `Cleaner.buildOffsetMapForSegment` in Apache Kafka.

use super::error::CleanError;
use super::offset_map::{KeyHash, OffsetMap};
use super::transactions::CleanedTransactions;
use crate::log::batch::{BatchHeader, Body};

/// Batches on their way into the map. They are noted first and put into it then, several at once: [`KeyHash`] says why.
/// When the map is full, what was noted behind counts as not read.
pub struct Mapping<'a> {
    /// Where they go.
    pub map: &'a mut OffsetMap,
    /// The keys that the map takes at most.
    pub max_size: u32,
    /// What lies before is not looked at.
    pub from_offset: i64,
    /// What is not yet in the map, in its order.
    pub noted: Vec<Noted>,
}

/// What was noted.
pub enum Noted {
    /// A record's key.
    Key {
        /// By which the map knows it.
        hash: KeyHash,
        /// The record's.
        offset: i64,
        /// Records of the batch before it.
        messages_before: u32,
    },
    /// The end of a batch.
    End {
        /// Up to here the log was looked at.
        last_offset: i64,
        /// Its records.
        messages: u32,
    },
}

impl Mapping<'_> {
    /// Whether it is time to settle.
    pub fn is_full(&self) -> bool {
        self.noted.len() >= KeyHash::TOGETHER
    }

    /// Notes the keys of a batch, unless it is aborted.
    ///
    /// Where the first read begins behind the marker of an aborted transaction that the segment's index still has, what its
    /// producer wrote next counts as aborted here too; Kafka 4.3.1 does the same. Older records of these keys then stay until
    /// a later pass: too much is kept, never too little.
    pub fn note(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
        transactions: &mut CleanedTransactions,
    ) -> Result<(), CleanError> {
        let is_aborted = transactions.pass(header, batch)?;
        let messages = if header.is_control() {
            1
        } else if is_aborted {
            header.record_count.unsigned_abs()
        } else {
            self.note_records(header, batch)?
        };
        self.noted.push(Noted::End { last_offset: header.last_offset(), messages });
        Ok(())
    }

    /// Notes the keys of a batch's records; how many records there are.
    fn note_records(&mut self, header: &BatchHeader, batch: &[u8]) -> Result<u32, CleanError> {
        let body = Body::with_header(*header, batch)?;
        let mut messages = 0;
        for record in body.records()? {
            let record = record?;
            if let Some(key) = record.key.filter(|_| record.offset >= self.from_offset) {
                let hash = KeyHash::of(key);
                self.noted.push(Noted::Key { hash, offset: record.offset, messages_before: messages });
            }
            messages += 1;
        }
        Ok(messages)
    }

    /// Puts what was noted into the map. Whether it all had room; if not, what stands before the key without room is in.
    pub fn settle(&mut self, messages_read: &mut u64) -> bool {
        for noted in self.noted.drain(..) {
            match noted {
                Noted::Key { messages_before, .. } if self.map.size() >= self.max_size => {
                    *messages_read += u64::from(messages_before);
                    return false;
                }
                Noted::Key { hash, offset, .. } => self.map.put(hash, offset),
                Noted::End { last_offset, messages } => {
                    *messages_read += u64::from(messages);
                    if last_offset >= self.from_offset {
                        self.map.update_latest_offset(last_offset);
                    }
                }
            }
        }
        true
    }
}
