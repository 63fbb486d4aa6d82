//! Transactions of a producer (KIP-98, KIP-890; Kafka: `TransactionManager`, `KafkaProducer`, at transaction version 2).
//!
//! `calls` has the calls of the program, `requests` asks coordinators, `batches` is what batches have to do with it. A call that
//! waits for a coordinator blocks the program's thread: `ProducerEvent::Returned` tells that it has returned. With version 2
//! a partition becomes part of the transaction by its first Produce, a group by its TxnOffsetCommit; EndTxn gives the epoch
//! of the next transaction, in which sequence numbers begin again.
//!
//! All brokers here speak version 2, so the requests of version 1 (AddPartitionsToTxn and AddOffsetsToTxn of clients, the
//! epoch that a client raises by InitProducerId) are not.

mod ask;
mod batches;
mod calls;
mod failed;
mod group_offsets;
mod requests;
mod standing;
mod state;
#[cfg(test)]
mod tests;

pub(super) use ask::Ask;
pub(super) use failed::FailedNumbers;
pub use group_offsets::GroupOffsets;
pub(super) use standing::Transactions;
