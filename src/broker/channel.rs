//! The connections on which requests come.

use std::collections::VecDeque;
use std::sync::Arc;

use super::purgatory::WaitId;
use crate::sim::Time;
use crate::sim::process::ProcessId;
use crate::wire::Message;

/// A connection that a client or another broker opened: one request at a time, in their order (Kafka: a muted
/// `KafkaChannel`).
#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    /// Requests that have not begun.
    pub(super) queue: VecDeque<Arc<Message>>,
    /// The request that waits.
    pub(super) waits: Option<WaitId>,
    /// The session of the one-time fetch that is under way.
    pub(super) one_time_session: Option<i32>,
    /// The process at its other end.
    pub(super) peer: ProcessId,
    /// When something last went over it.
    pub(super) last_active: Time,
}

impl Channel {
    /// True where a request can be taken up at once.
    pub(super) fn is_idle(&self) -> bool {
        self.waits.is_none() && self.queue.is_empty()
    }
}
