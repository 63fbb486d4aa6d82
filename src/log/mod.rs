//! One replica's log on a simulated disk: what a partition's directory of Apache Kafka is and survives.
//!
//! | module | what it knows |
//! |---|---|
//! | [`batch`], [`varint`] | record batches over their bytes |
//! | [`epochs`] | which leader epoch began where |
//! | [`producers`] | sequences, duplicates and epochs of idempotent producers |
//! | [`checkpoints`] | the small text files |

pub mod batch;
pub mod checkpoints;
pub mod epochs;
pub mod producers;
pub mod varint;
