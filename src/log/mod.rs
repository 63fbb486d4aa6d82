//! One replica's log on a simulated disk: what a partition's directory of Apache Kafka is and survives.
//!
//! | module | what it knows |
//! |---|---|
//! | [`batch`], [`varint`] | record batches over their bytes |
//! | [`compression`] | the codecs of their records |
//! | [`txn_index`] | the `.txnindex` file of a segment: aborted transactions |
//! | [`segment`], [`index`] | a `.log` file with its `.index` and `.timeindex` |
//! | [`epochs`] | which leader epoch began where |
//! | [`producers`] | sequences, duplicates and epochs of idempotent producers |
//! | [`validate`] | what a leader demands of a producer's batch |
//! | [`replica`], `recovery` | the log: append, read, truncate; and how it is opened |
//! | `retention` | which old segments go |
//! | [`checkpoints`] | the small text files |
//! | [`source`], [`dump`] | bytes of any file, read in pieces; what `kafka-dump-log` says of them |
//! | [`verify`] | whether the files of a directory agree with each other |
//! | [`config`], [`error`] | topic settings; refusals with Kafka's codes |

pub mod batch;
pub mod checkpoints;
pub mod compression;
pub mod config;
pub mod dump;
pub mod epochs;
pub mod error;
pub mod index;
pub mod producers;
mod recovery;
pub mod replica;
mod retention;
pub mod segment;
pub mod source;
pub mod txn_index;
pub mod validate;
pub mod varint;
pub mod verify;

pub use config::{ConfigError, LogConfig, TimestampType};
pub use error::{AppendError, OpenError, ReadError};
pub use replica::{AppendInfo, FetchedData, ReplicaLog, StoredBatch, TimestampOffset};

#[cfg(test)]
mod tests;
