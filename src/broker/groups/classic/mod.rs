//! Groups of the classic protocol, in which members wait for each other and one of them assigns (Kafka:
//! `GroupMetadataManager`, `ClassicGroup`).
//!
//! | file | what it knows |
//! |---|---|
//! | `group`, `member` | the state of a group |
//! | `subscription` | what consumers say of themselves |
//! | `rebalance` | from one generation to the next, and how it is handed out |
//! | `join` | JoinGroup |
//! | `members` | SyncGroup, Heartbeat, LeaveGroup |
//! | `migration` | to the protocol of KIP-848 and back |
//! | `answers` | what is answered |

mod answers;
mod group;
mod join;
mod member;
mod members;
mod migration;
mod rebalance;
mod subscription;

pub(super) use answers::{refused_join, refused_sync, text};
pub(super) use group::{CONSUMERS, ClassicGroup, ClassicState};
pub(super) use member::ClassicMember;
