//! What is remembered of a batch that has failed.

use crate::client::producer::batch::{Batch, ProducerIdAndEpoch};

/// The sequence numbers that a batch had which has failed.
pub(in crate::client::producer) struct FailedNumbers {
    pub(super) producer: Option<ProducerIdAndEpoch>,
    pub(super) base: Option<i32>,
    pub(super) count: i32,
}

impl FailedNumbers {
    pub(in crate::client::producer) fn of(batch: &Batch) -> Self {
        Self { producer: batch.producer(), base: batch.base_sequence(), count: batch.count() }
    }
}
