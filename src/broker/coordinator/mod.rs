//! Coordinators: state that belongs to the partitions of an internal topic, on whoever leads them (Kafka: the module
//! `coordinator-common`: `CoordinatorRuntime`, `CoordinatorShard`, `CoordinatorLoader`, `CoordinatorPartitionWriter`).
//!
//! | file | what it knows |
//! |---|---|
//! | `shard` | what a coordinator has to say of itself: one pure value for each partition |
//! | `runtime` | its shards on this broker: loading, active, gone; what is written and what is committed |
//! | `seats` | the coordinators of a broker, whatever their shards are |
//! | `pending_write` | what waits to be committed |
//! | `service` | how they meet the broker: requests, appends, waits, leadership |
//!
//! A write is handled by the shard as it is after all writes, appended to the partition, replayed, and answered once the
//! high watermark has passed it. So a shard never holds what the log does not, and an append that is refused leaves no trace: Kafka,
//! which replays first, has to roll back (`SnapshotRegistry`). A read is answered from what is committed. For that the runtime keeps
//! each shard twice, once behind the last written record and once behind the last committed one, and replays a record into
//! each when its time comes.

mod pending_write;
mod runtime;
mod seats;
mod service;
mod shard;

pub(super) use pending_write::PendingWrite;
pub(super) use runtime::CoordinatorRuntime;
pub(super) use seats::Coordinators;
pub use shard::{CoordinatorRecord, CoordinatorShard, Operation, Written};
