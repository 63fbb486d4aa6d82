//! What a reader goes past: records that were there, and that none of its members is given.

use crate::lab::check::{Evidence, Stored};
use crate::lab::names::Names;
use crate::lab::observer::Observer;
use crate::note::Moved;
use crate::settings::AutoOffsetReset;
use crate::sim::process::ProcessId;
use crate::wire::TopicPartition;

/// What a consumer goes past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Whose position has moved.
    pub consumer: ProcessId,
    /// Where.
    pub partition: TopicPartition,
    /// How far its reader was: one past what it had been given last, 0 where it was given nothing.
    pub from: i64,
    /// Where it begins.
    pub to: i64,
    /// Why.
    pub moved: Moved,
    /// The policy, which is why where it had no position.
    pub policy: AutoOffsetReset,
    /// Records between the two. Of those that are deleted it is not known what they were: each of their offsets counts.
    pub records: u64,
}

/// What a move from `known`, where the reader is, to another offset goes past; `None` where that is nothing.
pub(super) fn of_move(
    (consumer, partition): (ProcessId, TopicPartition),
    (known, to): (i64, i64),
    moved: Moved,
    observer: &Observer<'_>,
) -> Option<Skip> {
    let from = match moved {
        Moved::First | Moved::Committed => known,
        Moved::Reset { before, in_former: false, .. } | Moved::Sought { before } => before,
        // Offsets of another topic are none of this one, and what was truncated is not there.
        Moved::Reset { in_former: true, .. } | Moved::Truncated { .. } | Moved::Kept => return None,
    };
    let records = if from < to { records(partition, from, to, observer) } else { 0 };
    let policy = observer.auto_offset_reset(consumer);
    (records > 0).then_some(Skip { consumer, partition, from, to, moved, policy, records })
}

fn records(partition: TopicPartition, from: i64, to: i64, observer: &Observer<'_>) -> u64 {
    let leader = observer.leader_of(partition);
    let log = leader.and_then(|leader| Some((leader, observer.log_ends(leader, partition)?.log_start)));
    // What cannot be looked at is counted by its offsets.
    let Some((leader, start)) = log else { return (to - from).unsigned_abs() };
    let deleted = (start.min(to) - from).max(0).unsigned_abs();
    let mut there = 0;
    observer.records(leader, partition, from.max(start), to, &mut |met| {
        there += match met {
            Stored::Record(_) => 1,
            Stored::Corrupt { base, last } => (last + 1 - base).unsigned_abs(),
        };
    });
    deleted + there
}

/// What a first position goes past, in words.
#[must_use]
pub fn text(skip: &Skip, names: &Names) -> String {
    let Skip { consumer, partition, from, to, moved, policy, records } = *skip;
    let (who, place) = (names.process(consumer), names.partition(partition));
    let how = match moved {
        Moved::Committed => "as its group has committed".to_owned(),
        Moved::First | Moved::Reset { .. } | Moved::Truncated { .. } | Moved::Sought { .. } | Moved::Kept => {
            format!("auto.offset.reset={policy}")
        }
    };
    let known = if from > 0 { format!("; up to {} was read before", from - 1) } else { String::new() };
    format!(
        "{who} begins at offset {to} of {place} ({how}{known}): offsets {from} to {}, {records} records in all, are skipped",
        to - 1
    )
}
