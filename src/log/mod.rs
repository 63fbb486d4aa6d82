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
//! | [`replica`], `append`, `read` | the log as a whole; how it grows and is read |
//! | `lifecycle`, `recovery`, `rebuild` | how it rolls, is flushed, cut and closed; is opened; its producers on the disk |
//! | [`deletion`] | files that wait for their removal |
//! | `lazy`, `split` | index files that a look makes; segments whose offsets do not fit |
//! | `retention` | which old segments go |
//! | [`cleaner`] | what compaction does to a log |
//! | [`text_file`], [`checkpoints`], [`partition_metadata`] | the small text files |
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
pub mod deletion;
pub mod dump;
pub mod epochs;
pub mod error;
pub mod index;
pub mod java_hash;
mod lazy;
mod lifecycle;
pub mod marker;
pub mod partition_metadata;
pub mod producers;
mod read;
mod rebuild;
mod recovery;
pub mod replica;
mod retention;
pub mod segment;
pub mod source;
mod split;
pub mod text_file;
pub mod txn_index;
pub mod validate;
pub mod varint;
pub mod verify;

pub use append::{AppendInfo, AppendOptions};
pub use config::{ConfigError, LogConfig, TimestampType};
pub use error::{AppendError, LogError, OpenError, ReadError};
pub use producers::{AppendOrigin, Producer, ProducerSettings, VerificationGuard};
pub use read::{FetchedData, Isolation, StoredBatch, TimestampOffset};
pub use recovery::{Opening, Recovered};
pub use replica::ReplicaLog;
pub use txn_index::AbortedTransaction;

#[cfg(all(test, not(target_family = "wasm")))]
#[path = "../../tests/cases/mod.rs"]
mod cases;
#[cfg(all(test, not(target_family = "wasm")))]
mod crash_tests;
#[cfg(test)]
mod edge_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transaction_tests;
