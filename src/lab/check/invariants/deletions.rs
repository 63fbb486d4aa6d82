//! What administrators ask to delete (DeleteRecords, KIP-107): a log may begin there, and nowhere above its high watermark.

use super::Invariants;
use super::deletion::Deletion;
use crate::lab::check::Evidence;
use crate::note::{Order, OrderOutcome};
use crate::wire::TopicPartition;

/// The offset that asks for all that is committed (`DeleteRecordsRequest.HIGH_WATERMARK`).
const HIGH_WATERMARK: i64 = -1;

impl Invariants {
    /// An administrator gave an order, or was told what came of it.
    pub(super) fn ordered(&mut self, admin: u32, order: &Order, outcome: OrderOutcome, evidence: &dyn Evidence) {
        // What moves groups is the clients' history.
        let Order::DeleteRecords { partition: (topic, number), before } = order else { return };
        // It deletes nothing in a topic that there is not.
        let Some(topic) = evidence.image().topics.named(topic) else { return };
        let partition = TopicPartition { topic, partition: *number };
        let deletion = Deletion { admin, partition, before: *before };
        match outcome {
            OrderOutcome::Given => return self.deletions.0.push(deletion),
            // It may be done yet.
            OrderOutcome::Unknown => return,
            OrderOutcome::Done { log_start } => {
                let known = self.partitions.of(partition);
                known.licensed_start = known.licensed_start.max(log_start.min(known.committed_end));
            }
            // It is no licence any more.
            OrderOutcome::Refused => {}
        }
        if let Some(place) = self.deletions.0.iter().position(|open| *open == deletion) {
            self.deletions.0.remove(place);
        }
    }

    /// Below here what a partition holds may go, or is gone by licence.
    pub(super) fn licensed_start(&self, partition: TopicPartition) -> i64 {
        // Of one that nobody told of nothing is licensed.
        let Some(known) = self.partitions.get(&partition) else { return 0 };
        let deletions = self.deletions.0.iter().filter(|it| it.partition == partition);
        let before = deletions.map(|it| if it.before == HIGH_WATERMARK { known.committed_end } else { it.before });
        let asked = before.max().unwrap_or(0).min(known.committed_end);
        known.licensed_start.max(asked)
    }
}
