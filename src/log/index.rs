//! The two sparse indexes of a segment: `OffsetIndex` and `TimeIndex` in Apache Kafka.
//!
//! Kafka preallocates an active index and maps it into memory, with zeros behind the entries. Here a file holds its
//! entries only, which is what Kafka leaves too once a segment is rolled or closed.

use bytes::{BufMut, BytesMut};

use crate::sim::disk::{Disk, DiskError, FileId};

/// An index file: entries of `N` bytes, ascending.
#[derive(Clone, Copy, Debug)]
struct Entries<const N: usize> {
    file: FileId,
    count: u32,
}

impl<const N: usize> Entries<N> {
    fn open(disk: &mut Disk, path: &str) -> Result<Self, DiskError> {
        let file = match disk.open(path) {
            Some(file) => file,
            None => disk.create(path)?,
        };
        // What does not make up an entry is never read and would shift those that follow.
        let count = (disk.len(file) / N as u64) as u32;
        disk.truncate(file, u64::from(count) * N as u64);
        Ok(Entries { file, count })
    }

    fn get(&self, disk: &Disk, i: u32) -> [u8; N] {
        let at = u64::from(i) * N as u64;
        let entry = |bytes: &[u8]| bytes.first_chunk::<N>().copied();
        entry(disk.peek(self.file, at)).or_else(|| entry(&disk.read(self.file, at, N as u32))).unwrap_or([0; N])
    }

    /// So many entries from the start hold `small`.
    fn partition_point(&self, disk: &Disk, small: impl Fn([u8; N]) -> bool) -> u32 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if small(self.get(disk, middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn push(&mut self, disk: &mut Disk, entry: BytesMut) -> Result<(), DiskError> {
        disk.append(self.file, entry.freeze())?;
        self.count += 1;
        Ok(())
    }

    fn truncate(&mut self, disk: &mut Disk, count: u32) {
        self.count = self.count.min(count);
        disk.truncate(self.file, u64::from(self.count) * N as u64);
    }
}

/// From offsets to positions in the `.log` file: four bytes each, the offset relative to the segment's base.
#[derive(Clone, Copy, Debug)]
pub struct OffsetIndex {
    base_offset: i64,
    entries: Entries<8>,
}

impl OffsetIndex {
    /// Opens an `.index` file, empty if there is none.
    pub fn open(disk: &mut Disk, path: &str, base_offset: i64) -> Result<Self, DiskError> {
        Ok(OffsetIndex { base_offset, entries: Entries::open(disk, path)? })
    }

    /// An entry: offset and position.
    pub fn get(&self, disk: &Disk, i: u32) -> (i64, u32) {
        let [a, b, c, d, e, f, g, h] = self.entries.get(disk, i);
        (self.base_offset + i64::from(u32::from_be_bytes([a, b, c, d])), u32::from_be_bytes([e, f, g, h]))
    }

    /// The last entry; the segment's base at position 0 if there is none.
    pub fn last(&self, disk: &Disk) -> (i64, u32) {
        self.entries.count.checked_sub(1).map_or((self.base_offset, 0), |i| self.get(disk, i))
    }

    /// The entry with the largest offset that is not above `offset`; (base, 0) if there is none.
    pub fn floor(&self, disk: &Disk, offset: i64) -> (i64, u32) {
        let base = self.base_offset;
        let above = self
            .entries
            .partition_point(disk, |[a, b, c, d, ..]| base + i64::from(u32::from_be_bytes([a, b, c, d])) <= offset);
        above.checked_sub(1).map_or((base, 0), |i| self.get(disk, i))
    }

    /// The largest indexed position that is not above `position`.
    pub fn floor_position(&self, disk: &Disk, position: u32) -> u32 {
        let above = self.entries.partition_point(disk, |[.., e, f, g, h]| u32::from_be_bytes([e, f, g, h]) <= position);
        above.checked_sub(1).map_or(0, |i| self.get(disk, i).1)
    }

    /// Adds an entry; a full index takes none.
    pub fn append(&mut self, disk: &mut Disk, offset: i64, position: u32, max_bytes: u32) -> Result<(), DiskError> {
        let Ok(relative) = u32::try_from(offset - self.base_offset) else { return Ok(()) };
        if self.is_full(max_bytes) {
            return Ok(());
        }
        let mut entry = BytesMut::with_capacity(8);
        entry.put_u32(relative);
        entry.put_u32(position);
        self.entries.push(disk, entry)
    }

    /// Whether `segment.index.bytes` holds no further entry.
    pub fn is_full(&self, max_bytes: u32) -> bool {
        self.entries.count >= max_bytes / 8
    }

    /// Removes entries at or above `offset`.
    pub fn truncate_to(&mut self, disk: &mut Disk, offset: i64) {
        let base = self.base_offset;
        let kept = self
            .entries
            .partition_point(disk, |[a, b, c, d, ..]| base + i64::from(u32::from_be_bytes([a, b, c, d])) < offset);
        self.entries.truncate(disk, kept);
    }

    /// How many entries there are.
    pub fn count(&self) -> u32 {
        self.entries.count
    }

    /// Makes it durable.
    pub fn flush(&self, disk: &mut Disk) {
        disk.flush(self.entries.file);
    }
}

/// From timestamps to offsets: eight and four bytes. An entry says: up to this offset no timestamp is larger.
#[derive(Clone, Copy, Debug)]
pub struct TimeIndex {
    base_offset: i64,
    entries: Entries<12>,
    last: Option<(i64, i64)>,
}

impl TimeIndex {
    /// Opens a `.timeindex` file, empty if there is none.
    pub fn open(disk: &mut Disk, path: &str, base_offset: i64) -> Result<Self, DiskError> {
        let mut index = TimeIndex { base_offset, entries: Entries::open(disk, path)?, last: None };
        index.read_last(disk);
        Ok(index)
    }

    /// An entry: timestamp and offset.
    pub fn get(&self, disk: &Disk, i: u32) -> (i64, i64) {
        let [a, b, c, d, e, f, g, h, j, k, l, m] = self.entries.get(disk, i);
        let offset = self.base_offset + i64::from(u32::from_be_bytes([j, k, l, m]));
        (i64::from_be_bytes([a, b, c, d, e, f, g, h]), offset)
    }

    /// The last entry.
    pub fn last(&self) -> Option<(i64, i64)> {
        self.last
    }

    /// The entry with the largest timestamp that is not above `timestamp`.
    pub fn floor(&self, disk: &Disk, timestamp: i64) -> Option<(i64, i64)> {
        let above = self.entries.partition_point(disk, |[a, b, c, d, e, f, g, h, ..]| {
            i64::from_be_bytes([a, b, c, d, e, f, g, h]) <= timestamp
        });
        above.checked_sub(1).map(|i| self.get(disk, i))
    }

    /// Adds an entry if its timestamp is larger than the last one's. The last slot is kept for the roll
    /// (`may_fill_up`).
    pub fn maybe_append(
        &mut self,
        disk: &mut Disk,
        (timestamp, offset): (i64, i64),
        max_bytes: u32,
        may_fill_up: bool,
    ) -> Result<(), DiskError> {
        let Ok(relative) = u32::try_from(offset - self.base_offset) else { return Ok(()) };
        let larger = self.last.is_none_or(|(last, _)| timestamp > last);
        if !larger || timestamp < 0 || (!may_fill_up && self.is_full(max_bytes)) {
            return Ok(());
        }
        let mut entry = BytesMut::with_capacity(12);
        entry.put_i64(timestamp);
        entry.put_u32(relative);
        self.entries.push(disk, entry)?;
        self.last = Some((timestamp, offset));
        Ok(())
    }

    /// Whether only the slot for the roll is left.
    pub fn is_full(&self, max_bytes: u32) -> bool {
        self.entries.count + 1 >= max_bytes / 12
    }

    /// Removes entries at or above `offset`.
    pub fn truncate_to(&mut self, disk: &mut Disk, offset: i64) {
        let base = self.base_offset;
        let kept = self
            .entries
            .partition_point(disk, |[.., j, k, l, m]| base + i64::from(u32::from_be_bytes([j, k, l, m])) < offset);
        self.entries.truncate(disk, kept);
        self.read_last(disk);
    }

    /// How many entries there are.
    pub fn count(&self) -> u32 {
        self.entries.count
    }

    /// Makes it durable.
    pub fn flush(&self, disk: &mut Disk) {
        disk.flush(self.entries.file);
    }

    fn read_last(&mut self, disk: &Disk) {
        self.last = self.entries.count.checked_sub(1).map(|i| self.get(disk, i));
    }
}
