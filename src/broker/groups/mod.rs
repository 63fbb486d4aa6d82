//! The coordinator of groups (Kafka: the module `group-coordinator`).
//!
//! | room | what it knows |
//! |---|---|
//! | `shard` | one partition of `__consumer_offsets`: which request, timer and record goes where |
//! | `turn`, `timers` | an operation under way, and what a shard keeps beside its records |
//! | `records` | keys and values, byte for byte |
//! | `group` | what is asked of a group, whichever protocol it speaks |
//! | `classic` | groups whose members wait for each other |
//! | `consumer` | groups that the coordinator assigns for (KIP-848) |
//! | `offsets` | what groups have committed |
//! | `request` | which requests are for groups |
//! | `admin`, `parts`, `refusal` | lists, requests of several groups, requests that cannot be served |
//! | `versions` | what clients of older versions say and are told |
//! | `sight` | groups as they are shown |
//! | `kept` | what is committed, by the log and by the coordinator, for those who compare |
//! | `standing` | whom a group waits for, for those who watch |
//! | `settings`, `topic` | what it is told, and its internal topic |

mod admin;
mod classic;
mod consumer;
mod group;
mod kept;
mod offsets;
mod parts;
mod records;
mod refusal;
mod request;
mod settings;
mod shard;
mod sight;
mod standing;
#[cfg(test)]
mod tests;
mod timers;
mod topic;
mod turn;
mod versions;

pub use consumer::ASSIGNORS;
pub use kept::{CommitPlace, read_commit};
pub use settings::GroupSettings;
pub use shard::GroupShard;
pub use sight::{Assigned, GROUPS_TOPIC, GroupSight, MemberPhase, MemberSight, OffsetSight, Place};
pub use standing::GroupStanding;
pub(super) use topic::topic;
