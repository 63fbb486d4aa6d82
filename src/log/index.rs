//! The two sparse indexes of a segment: `OffsetIndex` and `TimeIndex` over `AbstractIndex` in Apache Kafka.
//!
//! The file of an index is made when something first looks into it (`LazyIndex`), then with the size of
//! `segment.index.bytes`, zeros behind the entries. It is cut to its entries when the segment is rolled or the log closed.
//! An index that is found on the disk is taken to be full of entries, zeros too, and nothing in it is checked: after a
//! crash that is wrong, and recovery makes it anew. Removed entries stay in the file until others take their place.

use bytes::Bytes;

use crate::sim::disk::{Disk, DiskError, FileId};

/// So many bytes at the end of an index are searched first: they are mostly in memory (KAFKA-6432).
const WARM_BYTES: u32 = 8192;

/// Why an index takes no entry or no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// All its slots are taken, or all but the one for the roll.
    #[error("the index is full")]
    Full,
    /// At a roll no slot is left. Kafka writes behind the file's end then: an index that was found with zeros at its end
    /// and was never recovered seems full of entries.
    #[error("the index has no room for another entry")]
    NoRoom,
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
            IndexError::NoRoom => "BufferOverflowException",
            IndexError::Offset(_) => "InvalidOffsetException",
            IndexError::Disk(_) => "KafkaStorageException",
        }
    }
}

/// What the entries of an index are.
pub trait Entry {
    /// The bytes of one.
    const SIZE: u32;
    /// What it says.
    type Value: Copy + std::fmt::Debug;
    /// What an index without entries answers.
    fn none(base_offset: i64) -> Self::Value;
    /// Reads one.
    fn decode(base_offset: i64, bytes: &[u8]) -> Self::Value;
    /// Its offset, relative to the segment's base.
    fn relative_offset(bytes: &[u8]) -> i64;
}

/// From offsets to positions in the `.log` file: four bytes each, the offset relative to the segment's base.
#[derive(Clone, Copy, Debug)]
pub struct OffsetEntry;

impl Entry for OffsetEntry {
    const SIZE: u32 = 8;
    type Value = (i64, u32);

    fn none(base_offset: i64) -> (i64, u32) {
        (base_offset, 0)
    }

    fn decode(base_offset: i64, bytes: &[u8]) -> (i64, u32) {
        (base_offset.saturating_add(Self::relative_offset(bytes)), u32::from_be_bytes(number(bytes, 4)))
    }

    fn relative_offset(bytes: &[u8]) -> i64 {
        i32::from_be_bytes(number(bytes, 0)).into()
    }
}

/// From timestamps to offsets: eight and four bytes. An entry says: up to this offset no timestamp is larger.
#[derive(Clone, Copy, Debug)]
pub struct TimeEntry;

impl Entry for TimeEntry {
    const SIZE: u32 = 12;
    type Value = (i64, i64);

    fn none(base_offset: i64) -> (i64, i64) {
        (-1, base_offset)
    }

    fn decode(base_offset: i64, bytes: &[u8]) -> (i64, i64) {
        (timestamp_of(bytes), base_offset.saturating_add(Self::relative_offset(bytes)))
    }

    fn relative_offset(bytes: &[u8]) -> i64 {
        i32::from_be_bytes(number(bytes, 8)).into()
    }
}

fn timestamp_of(bytes: &[u8]) -> i64 {
    i64::from_be_bytes(number(bytes, 0))
}

fn position_of(bytes: &[u8]) -> i64 {
    i32::from_be_bytes(number(bytes, 4)).into()
}

fn number<const M: usize>(entry: &[u8], at: usize) -> [u8; M] {
    entry.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; M])
}

/// An `.index` file.
pub type OffsetIndex = Index<OffsetEntry>;
/// A `.timeindex` file.
pub type TimeIndex = Index<TimeEntry>;

/// The index of a segment.
#[derive(Clone, Debug)]
pub struct Index<E: Entry> {
    base_offset: i64,
    file: Option<FileId>,
    /// Something looked into it: only then is it cut to its entries when the log is closed.
    is_open: bool,
    count: u32,
    /// So many entries fit into the file.
    slots: u32,
    /// `segment.index.bytes` when the segment was made.
    max_bytes: u32,
    last: E::Value,
    /// While a segment is recovered: the entries found so far, which the file does not hold yet.
    rebuilt: Option<Vec<u8>>,
}

impl<E: Entry> Index<E> {
    /// The index of a file, which need not be there yet. It will have `max_bytes` while it is written.
    pub fn find(disk: &Disk, path: &str, base_offset: i64, max_bytes: u32) -> Self {
        let file = disk.open(path);
        let found = file.map(|file| u32::try_from(disk.len(file) / u64::from(E::SIZE)).unwrap_or(u32::MAX));
        let mut index = Index {
            base_offset,
            file,
            is_open: false,
            count: found.unwrap_or(0),
            slots: found.unwrap_or(max_bytes / E::SIZE),
            max_bytes,
            last: E::none(base_offset),
            rebuilt: None,
        };
        index.read_last(disk);
        index
    }

    /// Looks into the file for the first time: Kafka makes it then.
    pub fn open(&mut self, disk: &mut Disk, path: impl FnOnce() -> String) -> Result<(), DiskError> {
        self.is_open = true;
        if self.file.is_none() {
            let file = disk.create(&path())?;
            disk.set_len(file, Self::bytes_of(self.max_bytes / E::SIZE));
            self.file = Some(file);
        }
        Ok(())
    }

    /// Whether there is a file.
    pub fn exists(&self) -> bool {
        self.file.is_some()
    }

    /// How many entries there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// An entry.
    pub fn get(&self, disk: &Disk, i: u32) -> E::Value {
        self.look_at(disk, i, |bytes| E::decode(self.base_offset, bytes))
    }

    /// The last entry; with none what an empty index answers.
    pub fn last(&self) -> E::Value {
        self.last
    }

    /// Gives the file the size of so many bytes, or of what whole entries fit into them (`AbstractIndex.resize`).
    pub fn resize(&mut self, disk: &mut Disk, bytes: u32) -> Result<(), IndexError> {
        // A file that is not made yet gets its size when it is.
        let Some(file) = self.file else { return Ok(()) };
        let slots = bytes / E::SIZE;
        let len = Self::bytes_of(slots);
        if disk.len(file) == len {
            return Ok(());
        }
        disk.set_len(file, len);
        if self.count > slots {
            return Err(IndexError::Size(bytes));
        }
        self.slots = slots;
        Ok(())
    }

    /// Gives the file the size that it had when it was made.
    pub fn restore_size(&mut self, disk: &mut Disk) -> Result<(), IndexError> {
        self.resize(disk, self.max_bytes)
    }

    /// Cuts the file to its entries.
    pub fn trim(&mut self, disk: &mut Disk) {
        if let Some(file) = self.file {
            disk.set_len(file, Self::bytes_of(self.count));
            self.slots = self.count;
        }
    }

    /// The log is closed: a file that was opened is cut to its entries.
    pub fn close(&mut self, disk: &mut Disk) {
        if self.is_open {
            self.trim(disk);
        }
    }

    /// Removes entries at or above `offset`.
    pub fn truncate_to(&mut self, disk: &Disk, offset: i64) {
        let target = offset.saturating_sub(self.base_offset);
        let kept = match self.floor_slot(disk, target, E::relative_offset) {
            None => 0,
            Some(floor) if self.look_at(disk, floor, E::relative_offset) == target => floor,
            Some(floor) => floor + 1,
        };
        self.count = self.count.min(kept);
        self.read_last(disk);
    }

    /// Makes it durable.
    pub fn flush(&self, disk: &mut Disk) {
        if let Some(file) = self.file {
            disk.flush(file);
        }
    }

    /// Removes all entries: recovery begins. The file gets its full size; what is in it stays for now.
    pub fn begin_rebuilding(&mut self, disk: &mut Disk) {
        self.count = 0;
        self.last = E::none(self.base_offset);
        self.slots = self.max_bytes / E::SIZE;
        assert!(self.rebuilt.is_none(), "an index is rebuilt once at a time");
        self.rebuilt = Some(Vec::new());
        let file = self.file.expect("rebuilding opens the file");
        disk.set_len(file, Self::bytes_of(self.slots));
    }

    /// Recovery has come to the segment's end: the file holds the new entries and nothing else.
    pub fn end_rebuilding(&mut self, disk: &mut Disk) {
        let entries = self.rebuilt.take().expect("rebuilding has begun");
        let file = self.file.expect("rebuilding opens the file");
        disk.set_len(file, 0);
        if disk.write_at(file, 0, entries.into()).is_err() {
            // An index on a full disk goes without entries.
            self.count = 0;
            self.last = E::none(self.base_offset);
        }
        self.trim(disk);
    }

    /// Recovery gives up: behind the new entries the file holds what was in it.
    pub fn give_up_rebuilding(&mut self, disk: &mut Disk) {
        let entries = self.rebuilt.take().expect("rebuilding has begun");
        let file = self.file.expect("rebuilding opens the file");
        disk.overwrite(file, 0, &entries);
    }

    fn bytes_of(entries: u32) -> u64 {
        u64::from(entries) * u64::from(E::SIZE)
    }

    fn read_last(&mut self, disk: &Disk) {
        self.last = self.count.checked_sub(1).map_or(E::none(self.base_offset), |i| self.get(disk, i));
    }

    fn look_at<T>(&self, disk: &Disk, i: u32, read: impl Fn(&[u8]) -> T) -> T {
        // An index that is not made yet holds nothing; its entries read as those of an empty one.
        let Some(file) = self.file else { return read(&[]) };
        let at = Self::bytes_of(i);
        let piece = disk.peek(file, at);
        if piece.len() >= E::SIZE as usize { read(piece) } else { read(&disk.read(file, at, E::SIZE)) }
    }

    /// The last entry whose key is not above `target`, found in Kafka's order of steps: where an index is damaged, it
    /// decides what is found.
    fn floor_slot(&self, disk: &Disk, target: i64, key: impl Fn(&[u8]) -> i64) -> Option<u32> {
        let last = self.count.checked_sub(1)?;
        let key = |i: u32| self.look_at(disk, i, &key);
        let warm = last.saturating_sub(WARM_BYTES / E::SIZE);
        if key(warm) < target {
            return Some(search(warm, last, target, key).at());
        }
        (key(0) <= target).then(|| search(0, warm, target, key).at())
    }

    /// The first entry whose key is not below `target`, or the one behind it; see [`Found::Below`].
    fn ceiling_slot(&self, disk: &Disk, target: i64, key: impl Fn(&[u8]) -> i64) -> Option<u32> {
        let last = self.count.checked_sub(1)?;
        let key = |i: u32| self.look_at(disk, i, &key);
        let warm = last.saturating_sub(WARM_BYTES / E::SIZE);
        let found = if key(warm) < target {
            search(warm, last, target, key)
        } else if key(0) > target {
            return Some(0);
        } else {
            search(0, warm, target, key)
        };
        match found {
            Found::Exactly(at) => Some(at),
            Found::Below(at) => at.checked_add(1).filter(|&next| next <= last),
        }
    }

    fn push(&mut self, disk: &mut Disk, entry: &[u8], value: E::Value) -> Result<(), IndexError> {
        let file = self.file.ok_or(DiskError::Missing)?;
        if self.count >= self.slots {
            return Err(IndexError::NoRoom);
        }
        match &mut self.rebuilt {
            Some(entries) => entries.extend_from_slice(entry),
            None => disk.write_at(file, Self::bytes_of(self.count), Bytes::copy_from_slice(entry))?,
        }
        self.count += 1;
        self.last = value;
        Ok(())
    }
}

impl OffsetIndex {
    /// The entry with the largest offset that is not above `offset`; (base, 0) if there is none.
    pub fn floor(&self, disk: &Disk, offset: i64) -> (i64, u32) {
        let found = self.floor_slot(disk, offset.saturating_sub(self.base_offset), OffsetEntry::relative_offset);
        found.map_or(OffsetEntry::none(self.base_offset), |i| self.get(disk, i))
    }

    /// The largest indexed position that is not above `position`.
    pub fn floor_position(&self, disk: &Disk, position: u32) -> u32 {
        self.floor_slot(disk, position.into(), position_of).map_or(0, |i| self.get(disk, i).1)
    }

    /// The offset of the first entry whose position is not below `position`, or of the one behind it
    /// (`fetchUpperBoundOffset`; which of both is an accident of the search).
    pub fn upper_bound_offset(&self, disk: &Disk, position: u32) -> Option<i64> {
        self.ceiling_slot(disk, position.into(), position_of).map(|i| self.get(disk, i).0)
    }

    /// Whether no further entry fits.
    pub fn is_full(&self) -> bool {
        self.count >= self.slots
    }

    /// Adds an entry.
    pub fn append(&mut self, disk: &mut Disk, offset: i64, position: u32) -> Result<(), IndexError> {
        if self.is_full() {
            return Err(IndexError::Full);
        }
        let relative = relative(self.base_offset, offset).ok_or(IndexError::Offset(offset))?;
        if self.count > 0 && offset <= self.last.0 {
            return Err(IndexError::Offset(offset));
        }
        let entry = [relative.to_be_bytes(), position.to_be_bytes()].concat();
        self.push(disk, &entry, (offset, position))
    }
}

impl TimeIndex {
    /// The entry with the largest timestamp that is not above `timestamp`; (-1, base) if there is none.
    pub fn floor(&self, disk: &Disk, timestamp: i64) -> (i64, i64) {
        let found = self.floor_slot(disk, timestamp, timestamp_of);
        found.map_or(TimeEntry::none(self.base_offset), |i| self.get(disk, i))
    }

    /// Whether only the slot for the roll is left.
    pub fn is_full(&self) -> bool {
        self.count + 1 >= self.slots
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
        if self.count > 0 && offset < self.last.1 {
            return Err(IndexError::Offset(offset));
        }
        if timestamp <= self.last.0 {
            return Ok(());
        }
        let relative = relative(self.base_offset, offset).ok_or(IndexError::Offset(offset))?;
        let entry = [&timestamp.to_be_bytes()[..], &relative.to_be_bytes()].concat();
        self.push(disk, &entry, (timestamp, offset))
    }
}

/// Where a search ended.
enum Found {
    /// At an entry that it saw to have the key.
    Exactly(u32),
    /// At the last entry that was left. Whether it has the key or a smaller one was not looked at any more, so that who
    /// wants the first entry not below the key gets the next one, also where this one has it.
    Below(u32),
}

impl Found {
    fn at(self) -> u32 {
        match self {
            Found::Exactly(at) | Found::Below(at) => at,
        }
    }
}

/// Searches between two entries (`AbstractIndex.binarySearch`). The first is known not to be above `target`.
fn search(first: u32, last: u32, target: i64, key: impl Fn(u32) -> i64) -> Found {
    let (mut low, mut high) = (first, last);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        match key(middle).cmp(&target) {
            std::cmp::Ordering::Greater => high = middle - 1,
            std::cmp::Ordering::Less => low = middle,
            std::cmp::Ordering::Equal => return Found::Exactly(middle),
        }
    }
    Found::Below(low)
}

/// Whether an offset can stand in an index: relative to the base in 31 bits.
pub fn relative(base_offset: i64, offset: i64) -> Option<u32> {
    offset.checked_sub(base_offset).and_then(|relative| i32::try_from(relative).ok()).and_then(|it| it.try_into().ok())
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
        assert_eq!(OffsetIndex::find(&disk, "i", 100, 50).last().0, 104);
    }

    #[test]
    fn a_file_that_was_not_closed_seems_full_of_entries() {
        let mut disk = Disk::default();
        index(&mut disk, 48).append(&mut disk, 104, 77).unwrap();
        let found = OffsetIndex::find(&disk, "i", 100, 48);
        assert_eq!((found.count(), found.last().0, found.is_full()), (6, 100, true));
    }

    #[test]
    fn removed_entries_stay_in_the_file_until_others_take_their_place() {
        let mut disk = Disk::default();
        let mut index = index(&mut disk, 48);
        for i in 1..=4 {
            index.append(&mut disk, 100 + 10 * i, 1_000 * i as u32).unwrap();
        }
        index.truncate_to(&disk, 125);
        assert_eq!((index.count(), index.last().0), (2, 120));
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
            let next = if i == 1 { 10 } else { 0 };
            assert_eq!(index.upper_bound_offset(&disk, position), Some(offset + next));
            assert_eq!(index.floor_position(&disk, position + 5), position);
        }
        assert_eq!((index.floor(&disk, 109), index.upper_bound_offset(&disk, 500_001)), ((100, 0), None));
    }

    /// The search ends at an entry that it did not look at: `AbstractIndex.binarySearch` answers the next one.
    #[test]
    fn an_upper_bound_that_stands_in_the_first_entry_is_the_second() {
        let mut disk = Disk::default();
        let mut index = index(&mut disk, 48);
        for (offset, position) in [(121, 158), (126, 293), (128, 578)] {
            index.append(&mut disk, offset, position).unwrap();
        }
        let bound = |position| index.upper_bound_offset(&disk, position);
        assert_eq!([157, 158, 293, 578, 579].map(bound), [Some(121), Some(126), Some(126), Some(128), None]);
    }

    #[test]
    fn what_recovery_gives_up_leaves_old_entries_behind_its_own() {
        let mut disk = Disk::default();
        let mut index = index(&mut disk, 24);
        for i in 1..=3 {
            index.append(&mut disk, 100 + i, i as u32).unwrap();
        }
        let (mut done, mut disk_when_done) = (index.clone(), disk.clone());
        for (index, disk) in [(&mut index, &mut disk), (&mut done, &mut disk_when_done)] {
            index.begin_rebuilding(disk);
            index.append(disk, 107, 70).unwrap();
        }
        index.give_up_rebuilding(&mut disk);
        done.end_rebuilding(&mut disk_when_done);
        let found = OffsetIndex::find(&disk, "i", 100, 24);
        assert_eq!([0, 1, 2].map(|i| found.get(&disk, i)), [(107, 70), (102, 2), (103, 3)]);
        let found = OffsetIndex::find(&disk_when_done, "i", 100, 24);
        assert_eq!((found.count(), found.last()), (1, (107, 70)));
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
        assert_eq!(index.maybe_append(&mut disk, (12, 7), true), Err(IndexError::NoRoom));
        assert_eq!(index.maybe_append(&mut disk, (11, 5), true), Err(IndexError::Offset(5)));
        index.truncate_to(&disk, 5);
        assert_eq!((index.count(), index.last()), (2, (9, 4)));
    }
}
