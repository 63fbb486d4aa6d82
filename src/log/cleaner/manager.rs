//! Which log is cleaned next, and how far each was cleaned: `LogCleanerManager` in Apache Kafka.

use std::collections::{BTreeMap, BTreeSet};

use litemap::LiteMap;

use super::candidates::{LogToClean, OffsetsToClean, max_compaction_delay_ms};
use super::error::LogCleaningError;
use super::logs::{Logs, Partition};
use super::stats::PreCleanStats;
use crate::log::checkpoints;
use crate::log::java_hash::string_hash;
use crate::sim::disk::Disk;
use crate::sim::sorted::sort_by_key;

/// The file of a log directory that holds up to where each log was cleaned.
pub const CLEANER_OFFSETS: &str = "cleaner-offset-checkpoint";

/// What is going on with a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CleaningState {
    /// A thread cleans it or removes old segments of it.
    InProgress,
    /// The thread is told to stop; the partition is paused then.
    Aborted,
    /// Nothing is done with it until so many have said that it may go on.
    Paused(u32),
}

/// What the threads of a cleaner share.
#[derive(Clone, Debug)]
pub struct LogCleanerManager {
    directory: String,
    in_progress: LiteMap<Partition, CleaningState>,
    uncleanable: BTreeSet<Partition>,
    dirtiest_log_cleanable_ratio: f64,
    time_of_last_run_ms: i64,
}

impl LogCleanerManager {
    /// Of a log directory.
    pub fn new(directory: &str, now_ms: i64) -> LogCleanerManager {
        LogCleanerManager {
            directory: directory.to_owned(),
            in_progress: LiteMap::new(),
            uncleanable: BTreeSet::new(),
            dirtiest_log_cleanable_ratio: 0.0,
            time_of_last_run_ms: now_ms,
        }
    }

    /// Up to where each log was cleaned. A checkpoint that cannot be read counts as none.
    pub fn checkpoints(&self, disk: &Disk) -> BTreeMap<Partition, i64> {
        checkpoints::read_offsets(disk, &self.path()).unwrap_or_default()
    }

    /// Chooses the dirtiest log that is dirty enough, and takes it into progress. Recomputed each time, as logs come and
    /// go. Of logs with the same ratio the one is taken that Kafka's map of logs gives first.
    pub fn grab_filthiest(
        &mut self,
        logs: &dyn Logs,
        disk: &mut Disk,
        now_ms: i64,
        found: &mut PreCleanStats,
    ) -> Result<Option<LogToClean>, LogCleaningError> {
        self.time_of_last_run_ms = now_ms;
        let mut dirty = Vec::new();
        for (partition, checkpoint) in self.compacted(logs, &self.checkpoints(disk)) {
            let log = logs.log(&partition).expect("a compacted log is one of the logs");
            let offsets = OffsetsToClean::of(log, disk, checkpoint, now_ms);
            if offsets.force_update_checkpoint {
                self.update_checkpoint(logs, disk, &partition, offsets.first_dirty_offset);
            }
            let delay_ms = max_compaction_delay_ms(log, disk, offsets.first_dirty_offset, now_ms)
                .map_err(|cause| LogCleaningError { partition: partition.clone(), cause })?;
            found.note_delay(delay_ms);
            let (from, to) = (offsets.first_dirty_offset, offsets.first_uncleanable_dirty_offset);
            dirty.push(LogToClean::of(&partition, log, from, to, delay_ms > 0));
        }
        dirty.retain(|log| log.total_bytes() > 0);
        self.dirtiest_log_cleanable_ratio = dirty.iter().map(LogToClean::cleanable_ratio).fold(0.0, f64::max);
        dirty.retain(|candidate| {
            let least = logs.log(&candidate.partition).map_or(1.0, |log| log.config().min_cleanable_dirty_ratio);
            (candidate.need_compaction_now && candidate.cleanable_bytes > 0) || candidate.cleanable_ratio() > least
        });
        let cleanable = dirty.len() as u32;
        let dirtier = |best: LogToClean, next: LogToClean| {
            if next.cleanable_ratio() > best.cleanable_ratio() { next } else { best }
        };
        // No log is dirty enough: the thread rests.
        let Some(filthiest) = dirty.into_iter().reduce(dirtier) else { return Ok(None) };
        found.cleanable_partitions = cleanable;
        self.in_progress.insert(filthiest.partition.clone(), CleaningState::InProgress);
        Ok(Some(filthiest))
    }

    /// The compacted logs that can be looked at, each with its checkpoint.
    fn compacted(&self, logs: &dyn Logs, checkpoints: &BTreeMap<Partition, i64>) -> Vec<(Partition, Option<i64>)> {
        let mut partitions = logs.partitions();
        let bins = bins(partitions.len());
        sort_by_key(&mut partitions, |partition| bin(partition, bins).into());
        partitions.retain(|partition| {
            logs.log(partition).is_some_and(|log| log.config().compact)
                && !self.in_progress.contains_key(partition)
                && !self.uncleanable.contains(partition)
        });
        partitions.into_iter().map(|partition| (partition.clone(), checkpoints.get(&partition).copied())).collect()
    }

    /// Takes all compacted logs into progress that are free: whether they are deleted too or not, they may have segments
    /// before their start.
    pub fn deletable(&mut self, logs: &dyn Logs) -> Vec<Partition> {
        let free: Vec<Partition> =
            self.compacted(logs, &BTreeMap::new()).into_iter().map(|(partition, _)| partition).collect();
        self.in_progress.extend(free.iter().map(|partition| (partition.clone(), CleaningState::InProgress)));
        free
    }

    /// The old segments of these logs are removed.
    pub fn done_deleting(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.release(partition);
        }
    }

    /// The log is clean up to `end_offset`, which is noted unless the cleaning was aborted.
    pub fn done_cleaning(&mut self, logs: &dyn Logs, disk: &mut Disk, partition: &Partition, end_offset: i64) {
        if self.release(partition) {
            self.update_checkpoint(logs, disk, partition, end_offset);
        }
    }

    /// Takes a partition out of progress; `false` if that was aborted: it is paused now.
    fn release(&mut self, partition: &Partition) -> bool {
        match self.in_progress.remove(partition) {
            Some(CleaningState::Aborted) => {
                self.in_progress.insert(partition.clone(), CleaningState::Paused(1));
                false
            }
            other => other == Some(CleaningState::InProgress),
        }
    }

    /// What is going on with a partition.
    pub fn state(&self, partition: &Partition) -> Option<CleaningState> {
        self.in_progress.get(partition).copied()
    }

    /// Asks for a partition to be left alone: at once if nothing is going on, else when its thread has noticed.
    pub fn abort_and_pause(&mut self, partition: &Partition) {
        let state = match self.state(partition) {
            None => CleaningState::Paused(1),
            Some(CleaningState::Paused(count)) => CleaningState::Paused(count + 1),
            Some(CleaningState::InProgress | CleaningState::Aborted) => CleaningState::Aborted,
        };
        self.in_progress.insert(partition.clone(), state);
    }

    /// Undoes one pause.
    pub fn resume(&mut self, partition: &Partition) {
        if let Some(CleaningState::Paused(count)) = self.in_progress.remove(partition)
            && count > 1
        {
            self.in_progress.insert(partition.clone(), CleaningState::Paused(count - 1));
        }
    }

    /// The log was truncated: it is not clean beyond `offset`.
    pub fn maybe_truncate_checkpoint(&self, logs: &dyn Logs, disk: &mut Disk, partition: &Partition, offset: i64) {
        let is_compacted = logs.log(partition).is_some_and(|log| log.config().compact);
        let mut offsets = self.checkpoints(disk);
        if is_compacted && offsets.get(partition).is_some_and(|&clean| clean > offset) {
            offsets.insert(partition.clone(), offset);
            self.write(disk, &offsets);
        }
    }

    /// Notes up to where a log is clean. Partitions that are gone go from the checkpoint too.
    pub fn update_checkpoint(&self, logs: &dyn Logs, disk: &mut Disk, partition: &Partition, offset: i64) {
        let mut offsets = self.checkpoints(disk);
        offsets.retain(|partition, _| logs.log(partition).is_some());
        offsets.insert(partition.clone(), offset);
        self.write(disk, &offsets);
    }

    /// A log is deleted: so is what was noted of it.
    pub fn forget_checkpoint(&self, disk: &mut Disk, partition: &Partition) {
        let mut offsets = self.checkpoints(disk);
        if offsets.remove(partition).is_some() {
            self.write(disk, &offsets);
        }
    }

    /// A partition whose cleaning failed is left alone (KIP-346).
    pub fn mark_uncleanable(&mut self, partition: &Partition) {
        self.uncleanable.insert(partition.clone());
    }

    /// Forgets partitions that are gone.
    pub fn maintain_uncleanable(&mut self, logs: &dyn Logs) {
        self.uncleanable.retain(|partition| logs.log(partition).is_some());
    }

    /// The partitions that are left alone.
    pub fn uncleanable(&self) -> impl Iterator<Item = &Partition> {
        self.uncleanable.iter()
    }

    /// The bytes that could be cleaned of partitions that are left alone.
    pub fn uncleanable_bytes(&self, logs: &dyn Logs, disk: &Disk, now_ms: i64) -> u64 {
        let checkpoints = self.checkpoints(disk);
        let bytes = |partition: &Partition| {
            let log = logs.log(partition)?;
            let offsets = OffsetsToClean::of(log, disk, checkpoints.get(partition).copied(), now_ms);
            let (from, to) = (offsets.first_dirty_offset, offsets.first_uncleanable_dirty_offset);
            Some(LogToClean::of(partition, log, from, to, false).cleanable_bytes)
        };
        self.uncleanable.iter().filter_map(bytes).sum()
    }

    /// The ratio of the dirtiest log when one was last chosen.
    pub fn dirtiest_log_cleanable_ratio(&self) -> f64 {
        self.dirtiest_log_cleanable_ratio
    }

    /// When a log was last looked for.
    pub fn time_of_last_run_ms(&self) -> i64 {
        self.time_of_last_run_ms
    }

    fn path(&self) -> String {
        format!("{}/{CLEANER_OFFSETS}", self.directory)
    }

    /// On a full disk the older file stays, and what it does not say is cleaned once more.
    fn write(&self, disk: &mut Disk, offsets: &BTreeMap<Partition, i64>) {
        let entries = offsets.iter().map(|((topic, partition), offset)| (topic.as_str(), *partition, *offset));
        let _ = checkpoints::write_offsets(disk, &self.path(), entries);
    }
}

/// How long the table of a Java `ConcurrentHashMap` is that has grown to so many entries: it doubles when it is three
/// quarters full.
fn bins(entries: usize) -> u32 {
    const FIRST: u32 = 16;
    let entries = u32::try_from(entries).unwrap_or(u32::MAX / 4);
    (FIRST.ilog2()..31).map(|power| 1 << power).find(|bins| entries < bins / 4 * 3).unwrap_or(1 << 31)
}

/// Where in such a table a `TopicPartition` lies: a walk over the map meets it in this order.
fn bin((topic, partition): &Partition, bins: u32) -> u32 {
    let hash = 31i32.wrapping_add(*partition).wrapping_mul(31).wrapping_add(string_hash(topic)).cast_unsigned();
    (hash ^ (hash >> 16)) & (bins - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_come_in_the_order_of_kafkas_map() {
        // TopicPartition("t", 0).hashCode() is 1077, of partition 1 1108, of partition 2 1139.
        let of = |partition| bin(&("t".to_owned(), partition), 16);
        assert_eq!([of(0), of(1), of(2)], [5, 4, 3]);
        assert_eq!([0, 11, 12, 23, 24, 100].map(bins), [16, 16, 32, 32, 64, 256]);
    }
}
