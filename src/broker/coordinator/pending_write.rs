//! What of a coordinator waits to be committed.

use std::sync::Arc;

use crate::wire::{Message, Response, TopicPartition};

/// A write that is in the log, or a read of what was written, until it is committed.
#[derive(Clone, Debug)]
pub(in crate::broker) struct PendingWrite {
    /// The request.
    pub(super) message: Arc<Message>,
    /// Its answer, once all before `up_to` is committed.
    pub(super) response: Response,
    /// The coordinator, by its place.
    pub(super) place: usize,
    pub(in crate::broker) partition: TopicPartition,
    pub(super) up_to: i64,
}
