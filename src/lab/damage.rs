//! Damage to what a broker has of a partition: which bytes of which files.

use super::interventions::Hit;
use super::observer::Observer;
use super::scenario::FaultAction;
use crate::log::{StoredBatch, segment};
use crate::sim::fault::Fault;
use crate::sim::kernel::Status;
use crate::sim::process::ProcessId;
use crate::wire::TopicPartition;

/// What an action on a replica does to its broker's disk; nothing where there is nothing to damage.
pub fn faults(action: FaultAction, hit: Hit, observer: &Observer<'_>) -> Vec<Fault> {
    let Hit::Replica(process, partition) = hit else { return Vec::new() };
    match action {
        FaultAction::BitRot { offset } => bit_rot(process, partition, offset, observer).into_iter().collect(),
        FaultAction::LoseIndexes => lost_indexes(process, partition, observer),
        _ => Vec::new(),
    }
}

/// The batch of a broker's replica that holds the offset.
pub fn batch_at(
    process: ProcessId,
    partition: TopicPartition,
    offset: u64,
    observer: &Observer<'_>,
) -> Option<StoredBatch> {
    let offset = i64::try_from(offset).ok()?;
    let (log, disk) = observer.log_of(process, partition)?;
    log.batches(disk, offset).next().filter(|batch| batch.header.base_offset <= offset)
}

/// Turns over one bit of the last byte of the batch that holds the offset: it belongs to a record, so the checksum covers it.
fn bit_rot(process: ProcessId, partition: TopicPartition, offset: u64, observer: &Observer<'_>) -> Option<Fault> {
    let batch = batch_at(process, partition, offset, observer)?;
    let (log, _) = observer.log_of(process, partition)?;
    Some(Fault::FlipBits {
        of: process,
        path: segment::path(log.directory(), batch.segment_base_offset, "log"),
        byte: u64::from(batch.position) + u64::from(batch.header.size()) - 1,
        mask: 1,
    })
}

/// A broker that runs has its index files open and would not miss them.
fn lost_indexes(process: ProcessId, partition: TopicPartition, observer: &Observer<'_>) -> Vec<Fault> {
    if matches!(observer.kernel.status(process), Status::Running | Status::Paused) {
        return Vec::new();
    }
    let Some((log, disk)) = observer.log_of(process, partition) else { return Vec::new() };
    let directory = format!("{}/", log.directory());
    let files = disk.list(&directory);
    let indexes = files.filter(|path| path.ends_with(".index") || path.ends_with(".timeindex"));
    indexes.map(|path| Fault::RemoveFile(process, path.to_owned())).collect()
}
