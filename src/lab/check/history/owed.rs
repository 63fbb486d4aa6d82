//! Where members of groups begin and what they are given, held against what their groups had committed.

use super::History;
use crate::lab::check::{Evidence, Findings};
use crate::lab::scenario::FindingKind;
use crate::note::Moved;
use crate::wire::TopicPartition;

impl History {
    /// A member begins somewhere: where its group has committed, or above. That a lower offset is told where one was committed is
    /// looked at for itself; here also that nothing is committed any more.
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
            Moved::Committed if offset < floor.committed => floor.broken_at = Some(findings.now()),
            Moved::First => {
                floor.broken_at = Some(findings.now());
                let about = format!(
                    "{} was told that group {} has committed nothing of {}, and a member had been told that {} is committed",
                    evidence.process_name(consumer),
                    evidence.group_of(consumer).unwrap_or_default(),
                    evidence.partition_name(partition),
                    floor.committed,
                );
                findings.add(FindingKind::OffsetWentBack, partition, about);
            }
            // It is where it was to be.
            Moved::Committed => {}
            // What was committed is not in the log any more, the program went elsewhere, or the offset was another topic's.
            Moved::Reset { .. } | Moved::Truncated { .. } | Moved::Kept | Moved::Sought { .. } => {
                self.floors.owed.remove(&(consumer, partition));
            }
        }
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
