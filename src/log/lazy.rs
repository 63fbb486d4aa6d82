//! What a look into a log leaves on its disk: Kafka makes an index file when something first looks into it
//! (`LazyIndex`), and cuts only those to their entries, when the log is closed, that something looked into. Readers here
//! take the disk as it is; who wants Kafka's files to the byte calls these before it reads.

use std::sync::Arc;

use super::read::MAX_TIMESTAMP;
use super::replica::ReplicaLog;
use super::segment::Segment;
use crate::sim::disk::{Disk, DiskError};

impl ReplicaLog {
    /// A look at every segment with its indexes.
    pub fn open_indexes(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        self.segments_mut().try_for_each(|segment| {
            segment.open_indexes(disk)?;
            segment.look_up_largest_timestamp(disk)
        })
    }

    /// A look at the sizes of the indexes of the segments that begin below `end_offset`.
    pub fn open_indexes_below(&mut self, disk: &mut Disk, end_offset: i64) -> Result<(), DiskError> {
        self.segments_mut()
            .filter(|segment| segment.base_offset < end_offset)
            .try_for_each(|segment| segment.open_indexes(disk))
    }

    /// A read from `offset` below `upper_bound_offset`.
    pub fn open_indexes_for_read(
        &mut self,
        disk: &mut Disk,
        offset: i64,
        upper_bound_offset: i64,
    ) -> Result<(), DiskError> {
        if offset >= upper_bound_offset || offset < self.log_start_offset {
            return Ok(());
        }
        let floor = self.segments().filter(|segment| segment.base_offset <= offset).last();
        let from = floor.map_or(offset, |segment| segment.base_offset);
        for segment in self.segments_mut().filter(|segment| segment.base_offset >= from) {
            segment.open_index(disk)?;
            // It ends where the offset is found, and at damage.
            if segment.look_up(disk, offset) != Ok(None) {
                break;
            }
        }
        Ok(())
    }

    /// A look-up of where the first unstable offset stands, as each update of it is one.
    pub fn open_indexes_for_first_unstable_offset(&mut self, disk: &mut Disk) -> Result<(), DiskError> {
        // No transaction is open, so nothing is looked up.
        let Some(offset) = self.first_unstable_offset() else { return Ok(()) };
        self.open_indexes_for_read(disk, offset, self.log_end_offset())
    }

    /// A look-up by time.
    pub fn open_indexes_for_timestamp(&mut self, disk: &mut Disk, timestamp: i64) -> Result<(), DiskError> {
        if timestamp < 0 && timestamp != MAX_TIMESTAMP {
            return Ok(());
        }
        for segment in self.segments_mut() {
            segment.look_up_largest_timestamp(disk)?;
            if timestamp >= 0 && segment.largest_time(disk) >= timestamp {
                return segment.open_indexes(disk);
            }
        }
        let latest = self.segments_mut().reduce(|a, b| if b.largest().0 > a.largest().0 { b } else { a });
        latest.filter(|_| timestamp == MAX_TIMESTAMP).map_or(Ok(()), |segment| segment.open_indexes(disk))
    }

    fn segments_mut(&mut self) -> impl Iterator<Item = &mut Segment> {
        Arc::make_mut(&mut self.sealed).iter_mut().chain(std::iter::once(&mut self.active))
    }
}
