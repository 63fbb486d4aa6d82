//! One replica's log on a simulated disk: what a partition's directory of Apache Kafka is and survives.
//!
//! | module | what it knows |
//! |---|---|
//! | [`batch`], `builder`, [`varint`] | record batches over their bytes |
//! | [`compression`] | the codecs of their records |
//! | [`marker`] | the control records that end transactions |
//! | [`txn_index`] | the `.txnindex` file of a segment: aborted transactions |
//! | [`segment`], [`index`] | a `.log` file with its `.index` and `.timeindex` |
//! | [`epochs`] | which leader epoch began where |
//! | [`producers`] | sequences, duplicates, epochs and transactions of producers |
//! | [`validate`] | what a log demands of what is appended |
//! | [`replica`], `append`, `read`, `recovery` | the log as a whole; how it grows, is read and is opened |
//! | `snapshots` | the producers on the disk |
//! | `retention` | which old segments go |
//! | [`cleaner`] | what compaction does to a log |
//! | [`checkpoints`] | the small text files |
//! | [`source`], [`dump`] | bytes of any file, read in pieces; what `kafka-dump-log` says of them |
//! | [`verify`] | whether the files of a directory agree with each other |
//! | [`config`], [`error`] | topic settings; refusals with Kafka's codes |

mod append;
pub mod batch;
mod builder;
pub mod checkpoints;
pub mod cleaner;
pub mod compression;
pub mod config;
pub mod dump;
pub mod epochs;
pub mod error;
pub mod index;
pub mod marker;
pub mod producers;
mod read;
mod recovery;
pub mod replica;
mod retention;
pub mod segment;
mod snapshots;
pub mod source;
pub mod txn_index;
pub mod validate;
pub mod varint;
pub mod verify;

pub use append::{AppendInfo, AppendOptions};
pub use config::{ConfigError, LogConfig, TimestampType};
pub use error::{AppendError, OpenError, ReadError, TruncateError};
pub use producers::{AppendOrigin, ProducerSettings};
pub use read::{FetchedData, Isolation, StoredBatch, TimestampOffset};
pub use replica::ReplicaLog;
pub use txn_index::AbortedTransaction;

#[cfg(test)]
mod tests;
