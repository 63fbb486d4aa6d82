//! What groups have committed (Kafka: `OffsetMetadataManager`).
//!
//! | file | what it knows |
//! |---|---|
//! | `store` | the offsets of a shard, and those of transactions that are not over |
//! | `commit` | OffsetCommit and TxnOffsetCommit |
//! | `fetch` | OffsetFetch |
//! | `delete` | OffsetDelete, topics that are gone, what is too old (KIP-211) |

mod commit;
mod delete;
mod fetch;
mod store;

pub(super) use commit::{commit, commit_in_transaction, refuse_commit, refuse_transactional_commit};
pub(super) use delete::{delete, expire, of_deleted_topics, tombstones};
pub(super) use fetch::{fetch, refuse_fetch};
pub(super) use store::{Committed, Offsets};
