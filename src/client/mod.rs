//! Producer, consumer, partitioner.
//!
//! Both clients are plain processes that speak to brokers through `connections` and learn who leads what through
//! `metadata`, as Kafka's Java clients do with `NetworkClient` and `Metadata`. Process `n` is broker `n`.

mod backoff;
mod connections;
mod consumer;
mod metadata;
mod partitioner;
mod producer;

#[cfg(test)]
mod fake_broker;

use crate::log::batch::Record;

pub use consumer::{Consumer, ConsumerSettings, OffsetReset};
pub use partitioner::{murmur2, partition_of_key};
pub use producer::{Producer, ProducerSettings};

/// The header of a tombstone that says which record it is; any other record says so in its value.
pub(crate) const RECORD_HEADER: &[u8] = b"record";

/// What says which record this is: its value or, of a tombstone, a header.
pub fn spelled<'a>(record: &Record<'a>) -> Option<&'a [u8]> {
    record.value.or_else(|| record.headers().find(|(name, _)| *name == RECORD_HEADER)?.1)
}

/// `retry.backoff.ms`, `retry.backoff.max.ms`: the defaults of both clients (KIP-580).
pub(crate) const RETRY_BACKOFF_US: u64 = 100_000;
/// See [`RETRY_BACKOFF_US`].
pub(crate) const RETRY_BACKOFF_MAX_US: u64 = 1_000_000;

/// What a client hands its [`Context`](crate::sim::process::Context).
pub(crate) type ClientContext<'a> = crate::sim::process::Context<'a, crate::wire::Message, crate::note::Note>;
