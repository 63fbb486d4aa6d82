//! The coordinator of groups, one shard of it: named after the behaviour, as Kafka's `GroupMetadataManagerTest`,
//! `OffsetMetadataManagerTest` and the like.

mod bench;
mod classic;
mod consumer;
mod migration;
mod offsets;
mod recorded;
