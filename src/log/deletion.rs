//! Files that wait for their removal. Kafka renames the files of a segment to `.deleted` and removes them after
//! `file.delete.delay.ms`, so that who still reads them can go on (`LocalLog.deleteSegmentFiles`,
//! `UnifiedLog.deleteProducerSnapshots`). After a crash they are removed when the log is opened.

use super::segment::{self, Segment, suffix};
use crate::sim::disk::{Disk, DiskError};

/// What is removed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionTask {
    /// The files of segments.
    DeleteFile,
    /// Snapshots of producers.
    DeleteProducerSnapshot,
}

impl DeletionTask {
    /// The name of the task in Kafka's scheduler.
    pub fn name(self) -> &'static str {
        match self {
            DeletionTask::DeleteFile => "delete-file",
            DeletionTask::DeleteProducerSnapshot => "delete-producer-snapshot",
        }
    }
}

#[derive(Clone, Debug)]
struct Deletion {
    due_ms: i64,
    task: DeletionTask,
    paths: Vec<String>,
}

/// What one log has to remove, in the order in which it was asked for.
#[derive(Clone, Debug, Default)]
pub struct Deletions {
    waiting: Vec<Deletion>,
}

impl Deletions {
    /// When the next is due.
    pub fn next_ms(&self) -> Option<i64> {
        self.waiting.iter().map(|deletion| deletion.due_ms).min()
    }

    /// Does what is due. Answers what that was.
    pub fn run(&mut self, disk: &mut Disk, now_ms: i64) -> Vec<DeletionTask> {
        let (due, waiting) =
            std::mem::take(&mut self.waiting).into_iter().partition(|it: &Deletion| it.due_ms <= now_ms);
        self.waiting = waiting;
        due.iter().for_each(|deletion| remove_all(disk, &deletion.paths));
        due.into_iter().map(|deletion| deletion.task).collect()
    }

    /// Renames the files of segments to `.deleted`; they go after the delay.
    pub(super) fn add_segments<'a>(
        &mut self,
        disk: &mut Disk,
        segments: impl IntoIterator<Item = &'a mut Segment>,
        delay_ms: i64,
    ) -> Result<(), DiskError> {
        let mut paths = Vec::new();
        for segment in segments {
            segment.rename(disk, suffix::DELETED)?;
            paths.extend(segment.paths());
        }
        self.add(disk, DeletionTask::DeleteFile, paths, delay_ms);
        Ok(())
    }

    /// Renames snapshots of producers to `.deleted`; they go after the delay.
    pub(super) fn add_snapshots(
        &mut self,
        disk: &mut Disk,
        directory: &str,
        offsets: impl IntoIterator<Item = i64>,
        delay_ms: i64,
    ) {
        let mut paths = Vec::new();
        for offset in offsets {
            let path = segment::path(directory, offset, "snapshot");
            let deleted = path.clone() + suffix::DELETED;
            // One that is gone already needs no deletion.
            if disk.rename(&path, &deleted).is_ok() {
                paths.push(deleted);
            }
        }
        self.add(disk, DeletionTask::DeleteProducerSnapshot, paths, delay_ms);
    }

    /// Without a delay the scheduler does it at once.
    fn add(&mut self, disk: &mut Disk, task: DeletionTask, paths: Vec<String>, delay_ms: i64) {
        if delay_ms == 0 {
            remove_all(disk, &paths);
            return;
        }
        self.waiting.push(Deletion { due_ms: disk.now_ms().saturating_add(delay_ms), task, paths });
    }
}

fn remove_all(disk: &mut Disk, paths: &[String]) {
    for path in paths {
        disk.remove(path);
    }
}
