//! What a pipeline makes of the records that it reads, and how far it is.

use std::collections::BTreeMap;

use crate::client::ConsumerRecord;
use crate::note::SendError;
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
}

impl Made {
    pub(super) fn of(record: &ConsumerRecord<'_>, copy: u32) -> Self {
        Self { from: record.partition, offset: record.offset, copy, key: record.key.map(<[u8]>::to_vec) }
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

/// What a pipeline has done, in all its lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The number of the first record of this life.
    pub(super) first: u64,
    /// The number of the first record of the transaction that is open, or was last.
    pub(super) transaction: u64,
    /// Records that it was given.
    pub read: u64,
    /// Records for which `send()` has returned.
    pub sent: u64,
    /// Records that it was told are stored.
    pub acked: u64,
    /// Records that failed, by their error.
    pub errors: BTreeMap<SendError, u64>,
}
