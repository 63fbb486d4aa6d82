//! Where members of groups begin and what they are given, held against what their groups had committed.

use super::History;
use crate::lab::check::{Evidence, Findings};
use crate::lab::scenario::FindingKind;
use crate::note::Moved;
use crate::wire::TopicPartition;

impl History {
    /// A member begins somewhere: where its group has committed, or above.
    pub(super) fn begins_at(
        &mut self,
        consumer: u32,
        partition: TopicPartition,
        (offset, moved): (i64, Moved),
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // Its group had committed nothing, or it reads for itself.
        let Some(floor) = self.floors.owed.get_mut(&(consumer, partition)) else { return };
        match moved {
            // That is told below.
            Moved::Committed | Moved::First if offset < floor.committed => {}
            // It is where it was to be.
            Moved::Committed | Moved::First => return,
            // What was committed is not in the log any more, or the offset was another topic's.
            Moved::Reset { .. } | Moved::Truncated { .. } | Moved::Kept => {
                self.floors.owed.remove(&(consumer, partition));
                return;
            }
        }
        floor.broken_at = Some(findings.now());
        let what =
            if moved == Moved::Committed { "as its group has committed" } else { "as its group has committed nothing" };
        let about = format!(
            "{} goes on at offset {offset} of {}, {what}; a member had been told that {} is committed, before the partition came to this one",
            evidence.process_name(consumer),
            evidence.partition_name(partition),
            floor.committed,
        );
        findings.add(FindingKind::CommitWentBack, partition, about);
    }

    /// A member is given a record: its group has not committed past it.
    pub(super) fn is_given_again(
        &mut self,
        consumer: u32,
        partition: TopicPartition,
        offset: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // Mostly it is above that.
        let Some(floor) = self.floors.owed.get(&(consumer, partition)).filter(|floor| offset < floor.committed) else {
            return;
        };
        let about = format!(
            "{} was given offset {offset} of {}, and its group had committed {} before the partition came to it",
            evidence.process_name(consumer),
            evidence.partition_name(partition),
            floor.committed,
        );
        findings.add_since(floor.broken_at.unwrap_or(findings.now()), FindingKind::Redelivered, partition, about);
    }
}
