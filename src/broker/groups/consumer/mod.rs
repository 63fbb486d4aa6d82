//! Groups of KIP-848, in which the coordinator assigns and members follow, each in its own time (Kafka: `GroupMetadataManager`,
//! `ConsumerGroup`).
//!
//! | file | what it knows |
//! |---|---|
//! | `group`, `member` | the state of a group |
//! | `validate` | heartbeats that cannot be right |
//! | `heartbeat` | a member joins, lives on, leaves |
//! | `regex` | subscriptions by a regular expression |
//! | `target`, `assign` | who shall have what |
//! | `reconcile` | a member's next step towards that |
//! | `classic` | members that speak the classic protocol |
//! | `migration` | from that protocol, and back |
//! | `names` | topics by id and by name |
//! | `describe`, `answers` | what is answered |

mod answers;
mod assign;
mod classic;
mod describe;
mod group;
mod heartbeat;
mod member;
mod migration;
mod names;
mod reconcile;
mod regex;
mod target;
mod validate;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ConsumerGroupHeartbeatRequest;

pub(super) use answers::Refused;
pub(super) use describe::not_described;
pub(super) use group::ConsumerGroup;
pub(super) use member::{ConsumerMember, MemberState};
pub(super) use target::assignor_of;
pub use validate::ASSIGNORS;

/// Whether a heartbeat may be right.
pub(super) fn validate(request: &ConsumerGroupHeartbeatRequest, version: i16) -> Result<(), Refused> {
    validate::validate(request, version)
}

/// There is no such group, or it is another one.
pub(super) fn no_group(message: String) -> Refused {
    Refused::new(ResponseError::GroupIdNotFound, message)
}
