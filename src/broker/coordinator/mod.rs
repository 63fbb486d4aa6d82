//! Coordinators: state that belongs to the partitions of an internal topic, on whoever leads them (Kafka: the module
//! `coordinator-common`: `CoordinatorRuntime`, `CoordinatorShard`, `CoordinatorLoader`, `CoordinatorPartitionWriter`).
//!
//! | file | what it knows |
//! |---|---|
//! | `shard` | what a coordinator has to say of itself: one value for each partition |
//! | `record` | a record of an internal topic, and where it stands |
//! | `effects` | what a shard is handed with an operation, and what it makes of it |
//! | `partition` | one partition: its shard behind the last written and the last committed record |
//! | `runtime` | the partitions of one coordinator on this broker: loading, active, gone |
//! | `seats` | the coordinators of a broker, whatever their shards are |
//! | `pending_write` | a request that is not answered yet |
//! | `service` | how they meet the broker: requests, appends, answers |
//! | `leadership` | how they meet the broker: partitions led and lost, loaded, committed, timers |
//!
//! A write is handled by the shard as it is after all writes, appended to the partition, replayed, and answered once the
//! high watermark has passed it. So a shard never holds what the log does not, and an append that is refused leaves no trace: Kafka,
//! which replays first, has to roll back (`SnapshotRegistry`). A read is answered from what is committed. For that the runtime keeps
//! each shard twice, once behind the last written record and once behind the last committed one, and replays a record into
//! each when its time comes. What a shard keeps beside its records (who waits for an answer, when who is given up) only the
//! first of the two has.

mod effects;
mod leadership;
mod partition;
mod pending_write;
mod record;
mod runtime;
mod seats;
mod service;
mod shard;

pub use effects::{Client, Effects, Moment, Settled, Ticket, Transaction};
pub(super) use pending_write::PendingWrite;
pub use record::{CoordinatorRecord, RecordPlace};
pub(super) use runtime::CoordinatorRuntime;
pub(super) use seats::Coordinators;
pub use shard::{CoordinatorShard, Operation, Written};
