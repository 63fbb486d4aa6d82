//! A segment's index of aborted transactions, a `.txnindex` file: `TransactionIndex` and `AbortedTxn` in Apache Kafka
//! (KIP-98). It stays small and is read from its beginning; a segment without aborted transactions has none.

use bytes::{BufMut, BytesMut};

use crate::sim::disk::{Disk, DiskError, FileId};

/// The format that is written; entries of a later one are not read.
const VERSION: i16 = 0;
/// The bytes of an entry.
pub const ENTRY_SIZE: usize = 34;

/// One aborted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose it was.
    pub producer_id: i64,
    /// Its first record's offset.
    pub first_offset: i64,
    /// Its marker's offset.
    pub last_offset: i64,
    /// The last stable offset once the marker was written: no transaction that was open then begins before it.
    pub last_stable_offset: i64,
}

/// A file that `TransactionIndex.sanityCheck` refuses; Kafka rebuilds it by recovering the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorruptTransactionIndex {
    /// An entry of a format that is not known.
    #[error("unexpected aborted transaction version {0}")]
    Version(i16),
    /// A transaction that ended before its segment.
    #[error("last offset {last_offset} of an aborted transaction is less than the segment's start {start_offset}")]
    BeforeSegment {
        /// In the entry.
        last_offset: i64,
        /// Of the segment.
        start_offset: i64,
    },
}

/// The index of one segment. The file is made with its first entry.
#[derive(Clone, Copy, Debug, Default)]
pub struct TransactionIndex {
    file: Option<FileId>,
}

impl TransactionIndex {
    /// Opens a `.txnindex` file, if there is one.
    pub fn open(disk: &Disk, path: &str) -> TransactionIndex {
        TransactionIndex { file: disk.open(path) }
    }

    /// The entries, in order; what is left of an entry at the end is not one.
    pub fn entries<'a>(
        &self,
        disk: &'a Disk,
    ) -> impl Iterator<Item = Result<AbortedTransaction, CorruptTransactionIndex>> + use<'a> {
        let file = self.file;
        (0..).map_while(move |i: u64| {
            let bytes = disk.read(file?, i * ENTRY_SIZE as u64, ENTRY_SIZE as u32);
            bytes.first_chunk::<ENTRY_SIZE>().map(decode)
        })
    }

    /// Adds an aborted transaction. Its marker stands behind those of all that came before.
    pub fn append(&mut self, disk: &mut Disk, path: &str, aborted: &AbortedTransaction) -> Result<(), DiskError> {
        let file = match self.file {
            Some(file) => file,
            None => *self.file.insert(disk.create(path)?),
        };
        disk.append(file, encode(aborted).freeze())
    }

    /// Whether there is a file.
    pub fn exists(&self) -> bool {
        self.file.is_some()
    }

    /// Removes the transactions whose markers stand at or behind `offset`. Where there are none, what is torn stays.
    pub fn truncate_to(&self, disk: &mut Disk, offset: i64) -> Result<(), CorruptTransactionIndex> {
        // No transaction of the segment was aborted: there is no file to cut.
        let Some(file) = self.file else { return Ok(()) };
        let mut first = None;
        for (place, aborted) in self.entries(disk).enumerate() {
            if aborted?.last_offset >= offset {
                first = Some(place);
                break;
            }
        }
        if let Some(first) = first {
            disk.truncate(file, (first * ENTRY_SIZE) as u64);
        }
        Ok(())
    }

    /// Removes everything; the file stays, empty.
    pub fn reset(&self, disk: &mut Disk) {
        if let Some(file) = self.file {
            disk.truncate(file, 0);
        }
    }

    /// Tells `found` of the transactions that a reader from `fetch_offset` to `upper_bound_offset` must know. Whether
    /// none can follow in the next segments: the last stable offset had reached the bound.
    pub fn collect(
        &self,
        disk: &Disk,
        fetch_offset: i64,
        upper_bound_offset: i64,
        mut found: impl FnMut(AbortedTransaction),
    ) -> Result<bool, CorruptTransactionIndex> {
        for aborted in self.entries(disk) {
            let aborted = aborted?;
            if aborted.last_offset >= fetch_offset && aborted.first_offset < upper_bound_offset {
                found(aborted);
            }
            if aborted.last_stable_offset >= upper_bound_offset {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What `TransactionIndex.sanityCheck` asks of the file when the log is opened.
    pub fn sanity_check(&self, disk: &Disk, base_offset: i64) -> Result<(), CorruptTransactionIndex> {
        for aborted in self.entries(disk) {
            let last_offset = aborted?.last_offset;
            if last_offset < base_offset {
                return Err(CorruptTransactionIndex::BeforeSegment { last_offset, start_offset: base_offset });
            }
        }
        Ok(())
    }

    /// Makes it durable.
    pub fn flush(&self, disk: &mut Disk) {
        if let Some(file) = self.file {
            disk.flush(file);
        }
    }
}

fn encode(aborted: &AbortedTransaction) -> BytesMut {
    let mut entry = BytesMut::with_capacity(ENTRY_SIZE);
    entry.put_i16(VERSION);
    entry.put_i64(aborted.producer_id);
    entry.put_i64(aborted.first_offset);
    entry.put_i64(aborted.last_offset);
    entry.put_i64(aborted.last_stable_offset);
    entry
}

fn decode(entry: &[u8; ENTRY_SIZE]) -> Result<AbortedTransaction, CorruptTransactionIndex> {
    let number = |at: usize| i64::from_be_bytes(std::array::from_fn(|i| entry[at + i]));
    // Kafka reads one byte of the two, the first (`AbortedTxn.version`).
    let version = i16::from(entry[0] as i8);
    if version > VERSION {
        return Err(CorruptTransactionIndex::Version(version));
    }
    Ok(AbortedTransaction {
        producer_id: number(2),
        first_offset: number(10),
        last_offset: number(18),
        last_stable_offset: number(26),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "d/00000000000000000000.txnindex";

    fn aborted(producer_id: i64, first_offset: i64, last_offset: i64, last_stable_offset: i64) -> AbortedTransaction {
        AbortedTransaction { producer_id, first_offset, last_offset, last_stable_offset }
    }

    /// The entries of Kafka's `TransactionIndexTest`.
    fn four() -> (Disk, TransactionIndex) {
        let mut disk = Disk::default();
        let mut index = TransactionIndex::open(&disk, PATH);
        for entry in [aborted(0, 0, 10, 2), aborted(1, 5, 15, 16), aborted(2, 18, 35, 25), aborted(3, 32, 50, 40)] {
            index.append(&mut disk, PATH, &entry).unwrap();
        }
        (disk, index)
    }

    fn collected(disk: &Disk, index: &TransactionIndex, from: i64, to: i64) -> (Vec<i64>, bool) {
        let mut ids = Vec::new();
        let complete = index.collect(disk, from, to, |aborted| ids.push(aborted.producer_id)).unwrap();
        (ids, complete)
    }

    #[test]
    fn there_is_no_file_before_the_first_entry() {
        let mut disk = Disk::default();
        let mut index = TransactionIndex::open(&disk, PATH);
        assert!(!index.exists() && disk.open(PATH).is_none());
        assert_eq!(collected(&disk, &index, 0, i64::MAX), (vec![], false));
        index.append(&mut disk, PATH, &aborted(1, 0, 2, 3)).unwrap();
        let file = disk.open(PATH).unwrap();
        let bytes = disk.read(file, 0, 100);
        assert_eq!(bytes.len(), 34);
        assert_eq!(bytes[..10], [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn a_reader_is_told_what_overlaps_and_when_nothing_can_follow() {
        type Case<'a> = ((i64, i64), (&'a [i64], bool));
        let (disk, index) = four();
        let cases: [Case; 8] = [
            ((0, 100), (&[0, 1, 2, 3], false)),
            ((0, 32), (&[0, 1, 2], true)),
            ((0, 35), (&[0, 1, 2, 3], true)),
            ((10, 35), (&[0, 1, 2, 3], true)),
            ((11, 35), (&[1, 2, 3], true)),
            ((20, 41), (&[2, 3], false)),
            ((26, 31), (&[2], true)),
            ((0, 2), (&[0], true)),
        ];
        for ((from, to), (ids, complete)) in cases {
            assert_eq!(collected(&disk, &index, from, to), (ids.to_vec(), complete), "{from} to {to}");
        }
    }

    #[test]
    fn truncation_goes_by_the_marker() {
        for (offset, kept) in [(51, 4), (50, 3), (49, 3), (16, 2), (11, 1), (10, 0)] {
            let (mut disk, index) = four();
            index.truncate_to(&mut disk, offset).unwrap();
            assert_eq!(index.entries(&disk).count(), kept, "to {offset}");
        }
        let (mut disk, index) = four();
        index.reset(&mut disk);
        assert_eq!((index.entries(&disk).count(), disk.open(PATH).is_some()), (0, true));
    }

    #[test]
    fn damage_is_found_and_a_torn_entry_is_none() {
        let (mut disk, index) = four();
        assert_eq!(index.sanity_check(&disk, 0), Ok(()));
        assert!(matches!(index.sanity_check(&disk, 11), Err(CorruptTransactionIndex::BeforeSegment { .. })));
        let file = disk.open(PATH).unwrap();
        disk.truncate(file, 100);
        assert_eq!(TransactionIndex::open(&disk, PATH).entries(&disk).count(), 2);
        disk.overwrite(file, 34, &[1]);
        let reopened = TransactionIndex::open(&disk, PATH);
        assert_eq!(reopened.sanity_check(&disk, 0), Err(CorruptTransactionIndex::Version(1)));
        assert!(reopened.collect(&disk, 0, 100, |_| ()).is_err());
    }
}
