//! What goes on from segment to segment of a partition.

use std::collections::BTreeMap;

use super::Report;
use super::replay::Replay;
use super::start::Start;
use crate::log::dump::Producer;
use crate::log::epochs::{self, LeaderEpochs};

/// What goes on through all segments of a partition.
pub(super) struct Walk {
    pub report: Report,
    /// Of `leader-epoch-checkpoint`, if it can be read.
    pub epochs: Option<LeaderEpochs>,
    pub replay: Replay,
    /// How a broker starts with the log.
    pub start: Start,
    /// The offset behind the last batch.
    pub next_offset: Option<i64>,
    /// Whether nothing that could not be read lies behind it.
    pub is_end_known: bool,
    /// Records are missing, as where a log is compacted, or the cleaner was about to change segments.
    pub has_holes: bool,
    /// The largest leader epoch so far.
    pub epoch: i32,
    /// The last batch's epoch and the checkpoint's, where they differ: told once for all batches that follow.
    pub epoch_conflict: Option<(i32, i32)>,
    /// Snapshots that were not reached yet, by their offsets.
    pub snapshots: BTreeMap<i64, (String, Vec<Producer>)>,
}

impl Walk {
    /// Compares the snapshots up to an offset with the producers that the log shows up to there.
    pub(super) fn reach(&mut self, offset: i64) {
        while let Some(entry) = self.snapshots.first_entry().filter(|entry| *entry.key() <= offset) {
            let (name, producers) = entry.remove();
            self.replay.compare(&producers, |about| self.report.find(&name, None, about));
        }
    }

    /// What can only be said at the end. A truncation inside a batch takes the whole batch away and leaves the log's end
    /// where it was asked for, so that files may know an offset that no batch reaches.
    pub(super) fn finish(&mut self, log_end_offset: i64) {
        for (offset, (name, _)) in std::mem::take(&mut self.snapshots) {
            let about = format!("offset {offset} lies behind the last batch, which ends at {log_end_offset}");
            self.report.note(&name, about);
        }
        // A checkpoint that is missing or malformed is told elsewhere.
        let Some(epochs) = &self.epochs else { return };
        for (i, (epoch, start)) in epochs.entries().iter().enumerate() {
            if *start > log_end_offset {
                let line = i + 3;
                let about = format!("line {line}: epoch {epoch} starts at {start}, behind the last batch");
                self.report.note(epochs::FILE_NAME, about);
            }
        }
        if epochs.entries().is_empty() && self.epoch >= 0 {
            let about = "knows no epoch of the batches: all records were deleted, or the file was lost";
            self.report.note(epochs::FILE_NAME, about);
        }
    }
}
