//! A cleaned segment takes the place of those it was made from: `LocalLog.replaceSegments` in Apache Kafka.
//!
//! The order of the renames is what makes it safe to stop between any two of them. While files end in `.cleaned` they are
//! dropped when the log is opened; once one ends in `.swap` its group is complete and wins over the old segments.

use std::sync::Arc;

use crate::log::replica::ReplicaLog;
use crate::log::segment::{Segment, suffix};
use crate::sim::disk::{Disk, DiskError};

/// A replacement on its way.
#[derive(Clone, Debug)]
pub struct Replacement {
    base_offset: i64,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    /// The cleaned segment's files become `.swap`; then it is read instead of the old ones.
    ToSwap { cleaned: Box<Segment>, old: Vec<i64> },
    /// The old segments' files become `.deleted`, the first's first.
    RemoveOld { old: Vec<Segment> },
    /// The files of the cleaned segment get their usual names.
    ToLog,
}

impl Replacement {
    /// `cleaned`, which is on the medium, is to take the place of the segments with these bases.
    pub fn new(cleaned: Segment, old: Vec<i64>) -> Replacement {
        Replacement { base_offset: cleaned.base_offset, stage: Stage::ToSwap { cleaned: Box::new(cleaned), old } }
    }

    /// Renames one file. Whether all is done.
    pub fn step(&mut self, log: &mut ReplicaLog, disk: &mut Disk) -> Result<bool, DiskError> {
        match &mut self.stage {
            Stage::ToSwap { cleaned, old } => {
                if cleaned.rename_one(disk, suffix::SWAP)? {
                    return Ok(false);
                }
                let old = log.swap_in(Segment::clone(cleaned), old);
                self.stage = Stage::RemoveOld { old };
            }
            Stage::RemoveOld { old } => {
                if let Some(first) = old.first_mut() {
                    if !first.rename_one(disk, suffix::DELETED)? {
                        log.retire(disk, old.remove(0))?;
                    }
                    return Ok(false);
                }
                self.stage = Stage::ToLog;
            }
            Stage::ToLog => {
                let sealed = Arc::make_mut(&mut log.sealed);
                let cleaned = sealed.iter_mut().find(|segment| segment.base_offset == self.base_offset);
                return match cleaned {
                    Some(cleaned) => cleaned.rename_one(disk, suffix::NONE).map(|renamed| !renamed),
                    None => Ok(true),
                };
            }
        }
        Ok(false)
    }
}

impl ReplicaLog {
    /// From now on `cleaned` is read instead of the segments with the bases `old`, which are answered.
    fn swap_in(&mut self, cleaned: Segment, old: &[i64]) -> Vec<Segment> {
        let sealed = Arc::make_mut(&mut self.sealed);
        let gone = sealed.extract_if(.., |segment| old.contains(&segment.base_offset)).collect();
        let at = sealed.partition_point(|segment| segment.base_offset < cleaned.base_offset);
        sealed.insert(at, cleaned);
        self.sealed_bytes = sealed.iter().map(|segment| u64::from(segment.size())).sum();
        gone
    }

    /// A segment whose files have their last names waits for their removal.
    fn retire(&mut self, disk: &mut Disk, mut segment: Segment) -> Result<(), DiskError> {
        self.deletions.add_segments(disk, [&mut segment], self.config.file_delete_delay_ms)
    }

    /// Snapshots of segments that are not there any more wait for their removal.
    pub(super) fn remove_snapshots_of_merged(&mut self, disk: &mut Disk, merged: &[i64]) {
        let ReplicaLog { producers, deletions, directory, config, .. } = self;
        let known = merged.iter().copied().filter(|&base| producers.forget_snapshot(base));
        deletions.add_snapshots(disk, directory, known, config.file_delete_delay_ms);
    }
}
