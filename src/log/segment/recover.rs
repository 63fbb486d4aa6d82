//! How a segment is read anew and cut: `LogSegment.recover`, `readNextOffset` and `truncateTo` in Apache Kafka.

use super::Segment;
use super::error::{CorruptBatch, ReadNextError, RecoverError};
use crate::log::batch::{self, BatchHeader};
use crate::log::error::LogError;
use crate::log::index;
use crate::log::txn_index::AbortedTransaction;
use crate::sim::disk::{Disk, DiskError};

impl Segment {
    /// The offset behind the last whole batch, found from the last index entry on (`readNextOffset`). Where that entry
    /// names what is not there, it is the segment's base, whatever stands before.
    pub fn read_next_offset(&mut self, disk: &mut Disk) -> Result<i64, ReadNextError> {
        self.open_index(disk)?;
        self.recent.forget(self.size > 0);
        // Nothing stands where the entry says.
        let Some(position) = self.translate(disk, self.index.last().0)? else { return Ok(self.base_offset) };
        self.recent.forget(false);
        let mut next_offset = self.base_offset;
        let mut at = position;
        while let Some(header) = self.batch_at(disk, at, self.size)? {
            self.recent.push(&header, at);
            next_offset = header.next_offset();
            at = at.saturating_add(header.size());
        }
        if at != self.size {
            self.recent.forget(true);
        }
        Ok(next_offset)
    }

    /// Reads every batch, rebuilds the indexes and cuts the file where a batch is torn or its checksum fails
    /// (`LogSegment.recover`). `seen` is told each valid batch and answers the transaction that it aborts. Answers what
    /// was cut, if anything was.
    pub(in crate::log) fn recover<E: From<RecoverError>>(
        &mut self,
        disk: &mut Disk,
        seen: impl FnMut(&BatchHeader, &[u8]) -> Result<Option<AbortedTransaction>, E>,
    ) -> Result<Option<Cut>, E> {
        // Recovery counts by itself and leaves alone what the last append knew of its index entry.
        let bytes_since_last_index_entry = self.bytes_since_last_index_entry;
        self.begin_recovery(disk).map_err(|error| E::from(error.into()))?;
        let end = std::mem::take(&mut self.size);
        let damage = match self.recover_batches(disk, end, seen) {
            Ok(damage) => damage,
            Err(error) => {
                self.size = end;
                self.index.give_up_rebuilding(disk);
                self.time_index.give_up_rebuilding(disk);
                return Err(error);
            }
        };
        self.end_recovery(disk);
        self.bytes_since_last_index_entry = bytes_since_last_index_entry;
        let cut = Cut { base_offset: self.base_offset, position: self.size, bytes: end - self.size, damage };
        Ok((cut.bytes > 0).then_some(cut))
    }

    fn begin_recovery(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        self.open_indexes(disk)?;
        self.index.begin_rebuilding(disk);
        self.time_index.begin_rebuilding(disk);
        self.txn_index.reset(disk);
        self.recent.forget(false);
        self.largest = Some(self.time_index.last());
        self.bytes_since_last_index_entry = 0;
        Ok(())
    }

    /// Takes in the batches up to the first that is damaged. Answers what is wrong with it, or with what stands there
    /// instead of one.
    fn recover_batches<E: From<RecoverError>>(
        &mut self,
        disk: &mut Disk,
        end: u32,
        mut seen: impl FnMut(&BatchHeader, &[u8]) -> Result<Option<AbortedTransaction>, E>,
    ) -> Result<Damage, E> {
        while let Some(header) = self.batch_at(disk, self.size, end).ok().flatten() {
            let at = u64::from(self.size);
            let piece = disk.peek(self.log, at);
            let joined;
            let batch = match piece.get(..header.size() as usize) {
                Some(batch) => batch,
                None => {
                    joined = disk.read(self.log, at, header.size());
                    &joined[..]
                }
            };
            if header.magic < 2 || batch::check_crc(batch, &header).is_err() {
                self.refuse_old_format(disk, end)?;
                return Ok(Damage::Checksum);
            }
            if index::relative(self.base_offset, header.last_offset()).is_none() {
                return Err(E::from(RecoverError::Overflow { base_offset: self.base_offset }));
            }
            let aborted = seen(&header, batch)?;
            self.note(disk, &header).map_err(|error| E::from(error.into()))?;
            if let Some(aborted) = aborted {
                self.append_aborted(disk, &aborted).map_err(|error| E::from(error.into()))?;
            }
        }
        self.refuse_old_format(disk, end)?;
        Ok(Damage::Torn)
    }

    /// What recovery is about to cut may be a message of an old format, which is no damage.
    fn refuse_old_format(&self, disk: &Disk, end: u32) -> Result<(), RecoverError> {
        let base_offset = self.base_offset;
        self.old_format_at(disk, self.size, end)
            .map_or(Ok(()), |magic| Err(RecoverError::OldFormat { base_offset, magic }))
    }

    fn end_recovery(&mut self, disk: &mut Disk) {
        if disk.len(self.log) != u64::from(self.size) {
            disk.truncate(self.log, self.size.into());
        }
        if self.size == 0 {
            self.rolling_based_timestamp = None;
        }
        self.index.end_rebuilding(disk);
        // As when a segment is closed.
        let _ = self.time_index.maybe_append(disk, self.largest(), true);
        self.time_index.end_rebuilding(disk);
    }

    /// Removes the batch that holds `offset` and all behind it (`LogSegment.truncateTo`). Answers the bytes removed.
    pub fn truncate_to(&mut self, disk: &mut Disk, offset: i64) -> Result<u32, LogError> {
        self.open_indexes(disk)?;
        let position = self.translate(disk, offset)?;
        self.index.truncate_to(disk, offset);
        self.time_index.truncate_to(disk, offset);
        self.txn_index.truncate_to(disk, offset)?;
        self.index.restore_size(disk)?;
        self.time_index.restore_size(disk)?;
        let before = self.size;
        if let Some(position) = position {
            disk.truncate(self.log, position.into());
            self.size = position;
        }
        if self.size == 0 {
            self.created_ms = disk.now_ms();
            self.rolling_based_timestamp = None;
        }
        self.bytes_since_last_index_entry = 0;
        self.recent.forget(self.recent.is_irregular() && self.size > 0);
        self.look_up_largest_timestamp(disk)?;
        if self.largest().0 >= 0 {
            self.largest = Some(self.read_largest_timestamp(disk)?);
        }
        Ok(before - self.size)
    }

    fn read_largest_timestamp(&self, disk: &Disk) -> Result<(i64, i64), CorruptBatch> {
        let mut largest = self.time_index.last();
        let (_, from) = self.index.floor(disk, largest.1);
        for found in self.walk(disk, from, self.size) {
            let (_, header) = found?;
            if header.max_timestamp > largest.0 {
                largest = (header.max_timestamp, header.last_offset());
            }
        }
        Ok(largest)
    }
}

/// What recovery cut off a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cut {
    /// The segment's base offset.
    pub base_offset: i64,
    /// Where its file ends now.
    pub position: u32,
    /// How many bytes went.
    pub bytes: u32,
    /// What was wrong with the first of them.
    pub damage: Damage,
}

/// What recovery found wrong with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Damage {
    /// There are too few bytes for it, or no batch can begin so.
    Torn,
    /// It does not match its checksum.
    Checksum,
}
