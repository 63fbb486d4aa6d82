//! Producer ids, drawn from blocks that the controller hands out (Kafka: `RPCProducerIdManager`).

use std::ops::Range;

use crate::sim::Time;

/// The ids at hand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProducerIds {
    next: i64,
    end: i64,
    /// A block is asked for: the request is on its way, or goes as soon as there is a connection.
    pub(super) asked: bool,
    /// The controller is not asked before then.
    pub(super) backoff_until: Time,
}

impl ProducerIds {
    /// The next one, if there is one.
    pub(super) fn draw(&mut self) -> Option<i64> {
        let id = Some(self.next).filter(|next| *next < self.end)?;
        self.next += 1;
        Some(id)
    }

    /// A block has come.
    pub(super) fn take(&mut self, block: Range<i64>) {
        (self.next, self.end) = (block.start, block.end);
    }
}
