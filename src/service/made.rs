//! What a pipeline makes of the records that it reads.

use super::dead_letter::Letter;
use crate::client::ConsumerRecord;
use crate::wire::TopicPartition;

/// A record to send, made of one that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// Where the one that it is made of lies,
    pub(super) from: TopicPartition,
    /// and at which offset.
    pub(super) offset: i64,
    /// Which it is of several that are made of one, from 0.
    pub(super) copy: u32,
    /// The same key.
    pub(super) key: Option<Vec<u8>>,
    /// It is that one itself, which cannot be worked on.
    pub(super) letter: Option<Letter>,
}

impl Made {
    pub(super) fn of(record: &ConsumerRecord<'_>, copy: u32) -> Self {
        Self { from: record.partition, offset: record.offset, copy, key: record.key.map(<[u8]>::to_vec), letter: None }
    }

    /// The record itself, for the topic of those that cannot be worked on.
    pub(super) fn letter(record: &ConsumerRecord<'_>, topic: &str) -> Self {
        Self { letter: Some(Letter::of(record, topic)), ..Self::of(record, 0) }
    }

    /// The number in its key, as programs here write keys.
    pub(super) fn key_number(&self) -> Option<u64> {
        std::str::from_utf8(self.key.as_deref()?.get(1..)?).ok()?.parse().ok()
    }
}

/// The value of the record of this number.
pub(super) fn value(name: &str, number: u64) -> Vec<u8> {
    format!("{name}-{number}").into_bytes()
}
