//! How the producers of a log are kept on its disk and read back: the snapshots of `ProducerStateManager` and
//! `UnifiedLog.rebuildProducerState` in Apache Kafka.

use bytes::Bytes;

use super::batch;
use super::producers::Producers;
use super::replica::{ReplicaLog, file_offsets};
use super::segment;
use crate::sim::disk::{Disk, DiskError};

impl ReplicaLog {
    /// Writes a snapshot of the producers, unless the latest one says it all.
    pub fn take_producer_snapshot(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        let Some(offset) = self.producers.due_snapshot() else { return Ok(()) };
        let path = segment::path(&self.directory, offset, "snapshot");
        let file = match disk.open(&path) {
            Some(file) => file,
            None => disk.create(&path)?,
        };
        disk.write_at(file, 0, self.producers.encode())?;
        disk.flush(file);
        self.producers.note_snapshot(offset);
        Ok(())
    }

    /// Removes the snapshot file of an offset.
    pub(super) fn remove_snapshot(&mut self, disk: &mut Disk, offset: i64) {
        if self.producers.forget_snapshot(offset) {
            disk.remove(&segment::path(&self.directory, offset, "snapshot"));
        }
    }

    /// Removes the snapshot files of the offsets that are named.
    pub(super) fn remove_snapshots(&mut self, disk: &mut Disk, gone: impl Fn(i64) -> bool) {
        let offsets: Vec<i64> = self.producers.snapshots().filter(|&offset| gone(offset)).collect();
        offsets.into_iter().for_each(|offset| self.remove_snapshot(disk, offset));
    }

    /// Forgets the producers with all their snapshots; the log goes on at `offset`.
    pub(super) fn drop_producers(&mut self, disk: &mut Disk, offset: i64) {
        self.remove_snapshots(disk, |_| true);
        self.producers.clear(offset);
    }

    /// No producer yet, with the snapshot files that the directory holds.
    pub(super) fn find_snapshots(disk: &Disk, directory: &str) -> Producers {
        Producers::with_snapshots(file_offsets(disk, directory, "snapshot"))
    }

    /// The producers as of `end`: from the latest snapshot that can be read and the batches behind it. A log that was
    /// closed cleanly and has no snapshot is taken to have no producers.
    pub(super) fn rebuild_producers(
        &mut self,
        disk: &mut Disk,
        end: i64,
        after_clean_stop: bool,
    ) -> Result<(), DiskError> {
        let bases: Vec<i64> = self.segments().map(|segment| segment.base_offset).collect();
        let last_two = &bases[bases.len().saturating_sub(2)..];
        if self.producers.latest_snapshot().is_none() && after_clean_stop {
            for offset in last_two.iter().copied().chain([end]) {
                self.producers.set_map_end_offset(offset);
                self.take_producer_snapshot(disk)?;
            }
            return Ok(());
        }
        let had_none = self.producers.is_empty() && self.producers.map_end_offset() >= end;
        self.truncate_producers(disk, end);
        if end > self.producers.map_end_offset() && !had_none {
            self.replay(disk, end, |base_offset| last_two.contains(&base_offset) || base_offset == end)?;
        }
        self.producers.set_map_end_offset(end);
        self.take_producer_snapshot(disk)
    }

    /// Drops what is known of producers beyond `end` and takes up the latest snapshot before it (`truncateAndReload`).
    fn truncate_producers(&mut self, disk: &mut Disk, end: i64) {
        let start = self.log_start_offset;
        self.remove_snapshots(disk, |offset| offset > end || offset <= start);
        if end == self.producers.map_end_offset() {
            self.producers.on_log_start(start);
            return;
        }
        while let Some(offset) = self.producers.latest_snapshot() {
            let path = segment::path(&self.directory, offset, "snapshot");
            let bytes = disk.open(&path).map(|file| disk.read(file, 0, u32::MAX)).unwrap_or_default();
            if let Ok(entries) = Producers::decode(&bytes) {
                self.producers.load(offset, entries, disk.now_ms(), &self.producer_settings);
                return;
            }
            self.remove_snapshot(disk, offset);
        }
        self.producers.start_at(start);
    }

    /// Takes in the batches from where the producers stand up to `end`; `snapshot_at` names segments at whose beginning
    /// a snapshot is due.
    fn replay(&mut self, disk: &mut Disk, end: i64, snapshot_at: impl Fn(i64) -> bool) -> Result<(), DiskError> {
        let from = self.producers.map_end_offset();
        let bases: Vec<i64> =
            self.segments_from(from).map(|segment| segment.base_offset).filter(|&base| base < end).collect();
        for base_offset in bases {
            let start = base_offset.max(self.producers.map_end_offset()).max(self.log_start_offset);
            self.producers.set_map_end_offset(start);
            if snapshot_at(base_offset) {
                self.take_producer_snapshot(disk)?;
            }
            let bytes = self.bytes_between(disk, base_offset, start, end);
            self.producers.replay(batch::batches(&bytes));
        }
        Ok(())
    }

    fn bytes_between(&self, disk: &Disk, base_offset: i64, start: i64, end: i64) -> Bytes {
        let Some(segment) = self.segments_from(base_offset).next() else { return Bytes::new() };
        let Some(from) = segment.position_of(disk, start) else { return Bytes::new() };
        let until = segment.position_of(disk, end).unwrap_or(segment.size());
        segment.read(disk, from, until.saturating_sub(from))
    }
}
