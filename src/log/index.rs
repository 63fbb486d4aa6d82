//! The two sparse indexes of a segment: `OffsetIndex` and `TimeIndex` over `AbstractIndex` in Apache Kafka.
//!
//! The file of an index is made when something first looks into it (`LazyIndex`), then with the size of
//! `segment.index.bytes`, zeros behind the entries. It is cut to its entries when the segment is rolled or the log closed.
//! An index that is found on the disk is taken to be full of entries, zeros too, and nothing in it is checked: after a
//! crash that is wrong, and recovery makes it anew. Removed entries stay in the file until others take their place.

use bytes::{BufMut, Bytes, BytesMut};

use crate::sim::disk::{Disk, DiskError, FileId};

/// So many bytes at the end of an index are searched first: they are mostly in memory (KAFKA-6432).
const WARM_BYTES: u32 = 8192;

/// Why an index takes no entry or no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// All its slots are taken.
    #[error("the index is full")]
    Full,
    /// The offset does not lie behind the last entry's.
    #[error("offset {0} is no larger than the last offset in the index")]
    Offset(i64),
    /// It has more entries than shall fit.
    #[error("the index holds more than {0} bytes")]
    Size(u32),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl IndexError {
    /// The error's code in Kafka's protocol.
    pub fn code(&self) -> i16 {
        if matches!(self, IndexError::Disk(_)) { 56 } else { -1 }
    }

    /// The name of Kafka's exception.
    pub fn exception(&self) -> &'static str {
        match self {
            IndexError::Full | IndexError::Size(_) => "IllegalArgumentException",
            IndexError::Offset(_) => "InvalidOffsetException",
            IndexError::Disk(_) => "KafkaStorageException",
        }
    }
}

/// An index file: entries of `N` bytes.
#[derive(Clone, Copy, Debug)]
struct Entries<const N: usize> {
    file: Option<FileId>,
    /// Something looked into it: only then is it cut to its entries when the log is closed.
    is_open: bool,
    count: u32,
    /// So many entries fit into the file.
    slots: u32,
    /// `segment.index.bytes` when the segment was made.
    max_bytes: u32,
}

impl<const N: usize> Entries<N> {
    fn find(disk: &Disk, path: &str, max_bytes: u32) -> Self {
        let file = disk.open(path);
        let found = file.map(|file| u32::try_from(disk.len(file) / N as u64).unwrap_or(u32::MAX));
        let slots = found.unwrap_or(max_bytes / N as u32);
        Entries { file, is_open: false, count: found.unwrap_or(0), slots, max_bytes }
    }

    fn open(&mut self, disk: &mut Disk, path: impl FnOnce() -> String) -> Result<FileId, DiskError> {
        self.is_open = true;
        if let Some(file) = self.file {
            return Ok(file);
        }
        let file = disk.create(&path())?;
        disk.set_len(file, u64::from(self.max_bytes / N as u32) * N as u64);
        self.file = Some(file);
        Ok(file)
    }

    fn get(&self, disk: &Disk, i: u32) -> [u8; N] {
        let Some(file) = self.file else { return [0; N] };
        let at = u64::from(i) * N as u64;
        let entry = |bytes: &[u8]| bytes.first_chunk::<N>().copied();
        entry(disk.peek(file, at)).or_else(|| entry(&disk.read(file, at, N as u32))).unwrap_or([0; N])
    }

    /// The last entry whose key is not above `target`, found in Kafka's order of steps: where an index is damaged, it
    /// decides what is found.
    fn floor(&self, disk: &Disk, target: i64, key: impl Fn([u8; N]) -> i64) -> Option<u32> {
        let last = self.count.checked_sub(1)?;
        let key = |i: u32| key(self.get(disk, i));
        let warm = last.saturating_sub(WARM_BYTES / N as u32);
        if key(warm) < target {
            return Some(search(warm, last, target, key));
        }
        (key(0) <= target).then(|| search(0, warm, target, key))
    }

    /// The first entry whose key is not below `target`.
    fn ceiling(&self, disk: &Disk, target: i64, key: impl Fn([u8; N]) -> i64) -> Option<u32> {
        let last = self.count.checked_sub(1)?;
        let key = |i: u32| key(self.get(disk, i));
        let warm = last.saturating_sub(WARM_BYTES / N as u32);
        let found = if key(warm) < target {
            search(warm, last, target, key)
        } else if key(0) > target {
            return Some(0);
        } else {
            search(0, warm, target, key)
        };
        if key(found) == target { Some(found) } else { found.checked_add(1).filter(|&next| next <= last) }
    }

    fn push(&mut self, disk: &mut Disk, entry: Bytes) -> Result<(), IndexError> {
        let file = self.file.ok_or(DiskError::Missing)?;
        if self.count >= self.slots {
            return Err(IndexError::Full);
        }
        disk.write_at(file, u64::from(self.count) * N as u64, entry)?;
        self.count += 1;
        Ok(())
    }

    /// Gives the file the size of so many bytes, or of what whole entries fit into them. Whether that is another one.
    fn resize(&mut self, disk: &mut Disk, bytes: u32) -> Result<bool, IndexError> {
        let Some(file) = self.file else { return Ok(false) };
        let slots = bytes / N as u32;
        let len = u64::from(slots) * N as u64;
        if disk.len(file) == len {
            return Ok(false);
        }
        disk.set_len(file, len);
        if self.count > slots {
            return Err(IndexError::Size(bytes));
        }
        self.slots = slots;
        Ok(true)
    }

    fn trim(&mut self, disk: &mut Disk) {
        if let Some(file) = self.file {
            disk.set_len(file, u64::from(self.count) * N as u64);
            self.slots = self.count;
        }
    }

    /// Makes the file anew, empty and with its full size. Kafka leaves what was in it until it is trimmed.
    fn reset(&mut self, disk: &mut Disk) {
        self.count = 0;
        self.slots = self.max_bytes / N as u32;
        if let Some(file) = self.file {
            disk.set_len(file, 0);
            disk.set_len(file, u64::from(self.slots) * N as u64);
        }
    }

    fn keep(&mut self, count: u32) {
        self.count = self.count.min(count);
    }

    /// So many entries stay when those at or behind a key go: `floor` is the last that is not above it.
    fn kept(&self, disk: &Disk, target: i64, key: impl Fn([u8; N]) -> i64) -> u32 {
        match self.floor(disk, target, &key) {
            None => 0,
            Some(floor) if key(self.get(disk, floor)) == target => floor,
            Some(floor) => floor + 1,
        }
    }

    fn flush(&self, disk: &mut Disk) {
        if let Some(file) = self.file {
            disk.flush(file);
        }
    }
}

/// The largest lower bound between two entries. The first is known not to be above `target`.
fn search(first: u32, last: u32, target: i64, key: impl Fn(u32) -> i64) -> u32 {
    let (mut low, mut high) = (first, last);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        match key(middle).cmp(&target) {
            std::cmp::Ordering::Greater => high = middle - 1,
            std::cmp::Ordering::Less => low = middle,
            std::cmp::Ordering::Equal => return middle,
        }
    }
    low
}

/// Whether an offset can stand in an index: relative to the base in 31 bits.
pub fn relative(base_offset: i64, offset: i64) -> Option<u32> {
    offset.checked_sub(base_offset).and_then(|relative| i32::try_from(relative).ok()).and_then(|it| it.try_into().ok())
}

fn number<const M: usize>(entry: &[u8], at: usize) -> [u8; M] {
    std::array::from_fn(|i| entry.get(at + i).copied().unwrap_or(0))
}

/// From offsets to positions in the `.log` file: four bytes each, the offset relative to the segment's base.
#[derive(Clone, Copy, Debug)]
pub struct OffsetIndex {
    base_offset: i64,
    entries: Entries<8>,
    last_offset: i64,
}

impl OffsetIndex {
    /// The index of an `.index` file, which need not be there yet. It will have `max_bytes` while it is written.
    pub fn find(disk: &Disk, path: &str, base_offset: i64, max_bytes: u32) -> Self {
        let mut index =
            OffsetIndex { base_offset, entries: Entries::find(disk, path, max_bytes), last_offset: base_offset };
        index.read_last(disk);
        index
    }

    /// Looks into the file for the first time: Kafka makes it then.
    pub fn open(&mut self, disk: &mut Disk, path: impl FnOnce() -> String) -> Result<(), DiskError> {
        self.entries.open(disk, path).map(|_| ())
    }

    /// Whether there is a file.
    pub fn exists(&self) -> bool {
        self.entries.file.is_some()
    }

    /// An entry: offset and position.
    pub fn get(&self, disk: &Disk, i: u32) -> (i64, u32) {
        let entry = self.entries.get(disk, i);
        (self.base_offset + offset_of(entry), u32::from_be_bytes(number(&entry, 4)))
    }

    /// The last entry's offset; the segment's base if there is none.
    pub fn last_offset(&self) -> i64 {
        self.last_offset
    }

    /// The entry with the largest offset that is not above `offset`; (base, 0) if there is none.
    pub fn floor(&self, disk: &Disk, offset: i64) -> (i64, u32) {
        let found = self.entries.floor(disk, offset.saturating_sub(self.base_offset), offset_of);
        found.map_or((self.base_offset, 0), |i| self.get(disk, i))
    }

    /// The largest indexed position that is not above `position`.
    pub fn floor_position(&self, disk: &Disk, position: u32) -> u32 {
        self.entries.floor(disk, position.into(), position_of).map_or(0, |i| self.get(disk, i).1)
    }

    /// The offset of the first entry whose position is not below `position` (`fetchUpperBoundOffset`).
    pub fn upper_bound_offset(&self, disk: &Disk, position: u32) -> Option<i64> {
        self.entries.ceiling(disk, position.into(), position_of).map(|i| self.get(disk, i).0)
    }

    /// Adds an entry.
    pub fn append(&mut self, disk: &mut Disk, offset: i64, position: u32) -> Result<(), IndexError> {
        if self.is_full() {
            return Err(IndexError::Full);
        }
        let relative = relative(self.base_offset, offset).ok_or(IndexError::Offset(offset))?;
        if self.count() > 0 && offset <= self.last_offset {
            return Err(IndexError::Offset(offset));
        }
        let mut entry = BytesMut::with_capacity(8);
        entry.put_u32(relative);
        entry.put_u32(position);
        self.entries.push(disk, entry.freeze())?;
        self.last_offset = offset;
        Ok(())
    }

    /// Whether no further entry fits.
    pub fn is_full(&self) -> bool {
        self.entries.count >= self.entries.slots
    }

    /// Gives the file a size; see `AbstractIndex.resize`.
    pub fn resize(&mut self, disk: &mut Disk, bytes: u32) -> Result<(), IndexError> {
        self.entries.resize(disk, bytes).map(|_| ())
    }

    /// Gives the file the size that it had when it was made.
    pub fn restore_size(&mut self, disk: &mut Disk) -> Result<(), IndexError> {
        self.resize(disk, self.entries.max_bytes)
    }

    /// Cuts the file to its entries.
    pub fn trim(&mut self, disk: &mut Disk) {
        self.entries.trim(disk);
    }

    /// The log is closed: a file that was opened is cut to its entries.
    pub fn close(&mut self, disk: &mut Disk) {
        if self.entries.is_open {
            self.trim(disk);
        }
    }

    /// Removes all entries.
    pub fn reset(&mut self, disk: &mut Disk) {
        self.entries.reset(disk);
        self.last_offset = self.base_offset;
    }

    /// Removes entries at or above `offset`.
    pub fn truncate_to(&mut self, disk: &Disk, offset: i64) {
        let kept = self.entries.kept(disk, offset.saturating_sub(self.base_offset), offset_of);
        self.entries.keep(kept);
        self.read_last(disk);
    }

    /// How many entries there are.
    pub fn count(&self) -> u32 {
        self.entries.count
    }

    /// Makes it durable.
    pub fn flush(&self, disk: &mut Disk) {
        self.entries.flush(disk);
    }

    fn read_last(&mut self, disk: &Disk) {
        self.last_offset = self.count().checked_sub(1).map_or(self.base_offset, |i| self.get(disk, i).0);
    }
}

fn offset_of(entry: [u8; 8]) -> i64 {
    i32::from_be_bytes(number(&entry, 0)).into()
}

fn position_of(entry: [u8; 8]) -> i64 {
    i32::from_be_bytes(number(&entry, 4)).into()
}

/// From timestamps to offsets: eight and four bytes. An entry says: up to this offset no timestamp is larger.
#[derive(Clone, Copy, Debug)]
pub struct TimeIndex {
    base_offset: i64,
    entries: Entries<12>,
    last: (i64, i64),
}

impl TimeIndex {
    /// The index of a `.timeindex` file, which need not be there yet. It will have `max_bytes` while it is written.
    pub fn find(disk: &Disk, path: &str, base_offset: i64, max_bytes: u32) -> Self {
        let mut index =
            TimeIndex { base_offset, entries: Entries::find(disk, path, max_bytes), last: (-1, base_offset) };
        index.read_last(disk);
        index
    }

    /// Looks into the file for the first time: Kafka makes it then.
    pub fn open(&mut self, disk: &mut Disk, path: impl FnOnce() -> String) -> Result<(), DiskError> {
        self.entries.open(disk, path).map(|_| ())
    }

    /// Whether there is a file.
    pub fn exists(&self) -> bool {
        self.entries.file.is_some()
    }

    /// An entry: timestamp and offset.
    pub fn get(&self, disk: &Disk, i: u32) -> (i64, i64) {
        let entry = self.entries.get(disk, i);
        (timestamp_of(entry), self.base_offset + time_offset_of(entry))
    }

    /// The last entry; (-1, base) if there is none.
    pub fn last(&self) -> (i64, i64) {
        self.last
    }

    /// The entry with the largest timestamp that is not above `timestamp`; (-1, base) if there is none.
    pub fn floor(&self, disk: &Disk, timestamp: i64) -> (i64, i64) {
        let found = self.entries.floor(disk, timestamp, timestamp_of);
        found.map_or((-1, self.base_offset), |i| self.get(disk, i))
    }

    /// Adds an entry if its timestamp is larger than the last one's. The last slot is kept for the roll
    /// (`may_fill_up`).
    pub fn maybe_append(
        &mut self,
        disk: &mut Disk,
        (timestamp, offset): (i64, i64),
        may_fill_up: bool,
    ) -> Result<(), IndexError> {
        if !may_fill_up && self.is_full() {
            return Err(IndexError::Full);
        }
        if self.count() > 0 && offset < self.last.1 {
            return Err(IndexError::Offset(offset));
        }
        if timestamp <= self.last.0 {
            return Ok(());
        }
        let relative = relative(self.base_offset, offset).ok_or(IndexError::Offset(offset))?;
        let mut entry = BytesMut::with_capacity(12);
        entry.put_i64(timestamp);
        entry.put_u32(relative);
        self.entries.push(disk, entry.freeze())?;
        self.last = (timestamp, offset);
        Ok(())
    }

    /// Whether only the slot for the roll is left.
    pub fn is_full(&self) -> bool {
        self.entries.count + 1 >= self.entries.slots
    }

    /// Gives the file a size; see `AbstractIndex.resize`.
    pub fn resize(&mut self, disk: &mut Disk, bytes: u32) -> Result<(), IndexError> {
        if self.entries.resize(disk, bytes)? {
            self.read_last(disk);
        }
        Ok(())
    }

    /// Gives the file the size that it had when it was made.
    pub fn restore_size(&mut self, disk: &mut Disk) -> Result<(), IndexError> {
        self.resize(disk, self.entries.max_bytes)
    }

    /// Cuts the file to its entries.
    pub fn trim(&mut self, disk: &mut Disk) {
        self.entries.trim(disk);
    }

    /// The log is closed: a file that was opened is cut to its entries.
    pub fn close(&mut self, disk: &mut Disk) {
        if self.entries.is_open {
            self.trim(disk);
        }
    }

    /// Removes all entries.
    pub fn reset(&mut self, disk: &mut Disk) {
        self.entries.reset(disk);
        self.last = (-1, self.base_offset);
    }

    /// Removes entries at or above `offset`.
    pub fn truncate_to(&mut self, disk: &Disk, offset: i64) {
        let kept = self.entries.kept(disk, offset.saturating_sub(self.base_offset), time_offset_of);
        self.entries.keep(kept);
        self.read_last(disk);
    }

    /// How many entries there are.
    pub fn count(&self) -> u32 {
        self.entries.count
    }

    /// Makes it durable.
    pub fn flush(&self, disk: &mut Disk) {
        self.entries.flush(disk);
    }

    fn read_last(&mut self, disk: &Disk) {
        self.last = self.count().checked_sub(1).map_or((-1, self.base_offset), |i| self.get(disk, i));
    }
}

fn timestamp_of(entry: [u8; 12]) -> i64 {
    i64::from_be_bytes(number(&entry, 0))
}

fn time_offset_of(entry: [u8; 12]) -> i64 {
    i32::from_be_bytes(number(&entry, 8)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(disk: &mut Disk, max_bytes: u32) -> OffsetIndex {
        let mut index = OffsetIndex::find(disk, "i", 100, max_bytes);
        index.open(disk, || "i".to_owned()).unwrap();
        index
    }

    #[test]
    fn a_file_is_made_when_it_is_opened_and_cut_when_it_is_closed() {
        let mut disk = Disk::default();
        let mut index = OffsetIndex::find(&disk, "i", 100, 50);
        assert_eq!((index.exists(), index.floor(&disk, 105), index.is_full()), (false, (100, 0), false));
        index.close(&mut disk);
        assert_eq!(disk.list("").count(), 0);
        index.open(&mut disk, || "i".to_owned()).unwrap();
        assert_eq!(disk.files("").collect::<Vec<_>>(), [("i", 48)]);
        index.append(&mut disk, 104, 77).unwrap();
        assert_eq!(index.append(&mut disk, 104, 99), Err(IndexError::Offset(104)));
        index.close(&mut disk);
        assert_eq!(disk.files("").collect::<Vec<_>>(), [("i", 8)]);
        assert_eq!(OffsetIndex::find(&disk, "i", 100, 50).last_offset(), 104);
    }

    #[test]
    fn a_file_that_was_not_closed_seems_full_of_entries() {
        let mut disk = Disk::default();
        index(&mut disk, 48).append(&mut disk, 104, 77).unwrap();
        let found = OffsetIndex::find(&disk, "i", 100, 48);
        assert_eq!((found.count(), found.last_offset(), found.is_full()), (6, 100, true));
    }

    #[test]
    fn removed_entries_stay_in_the_file_until_others_take_their_place() {
        let mut disk = Disk::default();
        let mut index = index(&mut disk, 48);
        for i in 1..=4 {
            index.append(&mut disk, 100 + 10 * i, 1_000 * i as u32).unwrap();
        }
        index.truncate_to(&disk, 125);
        assert_eq!((index.count(), index.last_offset()), (2, 120));
        index.truncate_to(&disk, 120);
        assert_eq!((index.count(), index.get(&disk, 3)), (1, (140, 4_000)));
        index.append(&mut disk, 111, 5).unwrap();
        assert_eq!((index.floor(&disk, 139), index.get(&disk, 2)), ((111, 5), (130, 3_000)));
    }

    #[test]
    fn floors_and_ceilings_are_found_in_long_indexes() {
        let mut disk = Disk::default();
        let mut index = index(&mut disk, 1 << 20);
        for i in 1..=5_000 {
            index.append(&mut disk, 100 + 10 * i, 100 * i as u32).unwrap();
        }
        for i in [1, 2, 900, 3_970, 3_980, 4_999, 5_000] {
            let (offset, position) = (100 + 10 * i, 100 * i as u32);
            assert_eq!(index.floor(&disk, offset), (offset, position));
            assert_eq!(index.floor(&disk, offset + 9), (offset, position));
            assert_eq!(index.upper_bound_offset(&disk, position - 1), Some(offset));
            assert_eq!(index.upper_bound_offset(&disk, position), Some(offset));
            assert_eq!(index.floor_position(&disk, position + 5), position);
        }
        assert_eq!((index.floor(&disk, 109), index.upper_bound_offset(&disk, 500_001)), ((100, 0), None));
    }

    #[test]
    fn a_time_index_keeps_a_slot_for_the_roll_and_takes_growing_times_only() {
        let mut disk = Disk::default();
        let mut index = TimeIndex::find(&disk, "t", 0, 48);
        index.open(&mut disk, || "t".to_owned()).unwrap();
        for entry in [(5, 1), (5, 2), (4, 3), (9, 4), (10, 5)] {
            index.maybe_append(&mut disk, entry, false).unwrap();
        }
        assert_eq!((index.count(), index.floor(&disk, 9), index.floor(&disk, 4)), (3, (9, 4), (-1, 0)));
        assert_eq!(index.maybe_append(&mut disk, (11, 6), false), Err(IndexError::Full));
        index.maybe_append(&mut disk, (11, 6), true).unwrap();
        assert_eq!(index.maybe_append(&mut disk, (11, 5), true), Err(IndexError::Offset(5)));
        index.truncate_to(&disk, 5);
        assert_eq!((index.count(), index.last()), (2, (9, 4)));
    }
}
