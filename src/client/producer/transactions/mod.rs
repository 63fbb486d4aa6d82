//! Transactions of a producer (KIP-98, KIP-890; Kafka: `TransactionManager`, `KafkaProducer`).
//!
//! `calls` has the calls of the program, `requests` asks coordinators, `batches` is what batches have to do with it. A call that
//! waits for a coordinator blocks the program's thread: `ProducerEvent::Returned` tells that it has returned. With version 2
//! a partition becomes part of the transaction by its first Produce, a group by its TxnOffsetCommit; EndTxn gives the epoch
//! of the next transaction, in which sequence numbers begin again.
//!
//! With version 1 (other libraries, and what is before KIP-890) the producer adds partitions and groups by itself (`joined`) before it
//! sends to them, and keeps its epoch; behind an error it asks for another one once the transaction is aborted (KIP-360).

mod ask;
mod batches;
mod calls;
mod failed;
mod group_offsets;
mod joined;
mod partitions;
mod requests;
mod standing;
mod state;
#[cfg(test)]
mod tests;

pub(super) use ask::Ask;
pub(super) use failed::FailedNumbers;
pub use group_offsets::GroupOffsets;
pub(super) use standing::Transactions;
