//! Which offset is the latest of each key: `OffsetMap` and `SkimpyOffsetMap` in Apache Kafka.

use md5::{Digest, Md5};

/// So many bytes hold one entry of Kafka's map: an MD5 of the key and an offset. A buffer of
/// `log.cleaner.dedupe.buffer.size` has that many slots.
const BYTES_PER_ENTRY: u64 = 24;
/// The table begins with so many slots.
const SMALLEST: usize = 64;
/// No offset: the slot is free.
const FREE: i64 = -1;

/// Keys and their latest offsets. As in Kafka a key is known by its MD5 alone, so two keys made to have the same MD5
/// are one key here too. Kafka lays out all slots from the start; here the table grows with its entries, which nobody
/// can tell: only the number of entries decides when it is full, never where they lie.
#[derive(Clone, Debug)]
pub struct OffsetMap {
    slots: u32,
    /// Open addressing, a power of two long.
    table: Vec<Entry>,
    size: u32,
    latest_offset: i64,
}

/// What the map knows of a key. To hash many keys first and look them up then is faster than by turns: the look-ups wait
/// for memory side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash([u64; 2]);

impl KeyHash {
    /// So many are hashed before they are looked up.
    pub const TOGETHER: usize = 64;

    /// Of a key: its MD5.
    pub fn of(key: &[u8]) -> KeyHash {
        let digest = u128::from_le_bytes(Md5::digest(key).into());
        KeyHash([digest as u64, (digest >> 64) as u64])
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: KeyHash,
    offset: i64,
}

const EMPTY: Entry = Entry { hash: KeyHash([0; 2]), offset: FREE };

impl OffsetMap {
    /// A map with room for so many keys.
    pub fn with_slots(slots: u32) -> OffsetMap {
        OffsetMap { slots, table: vec![EMPTY; SMALLEST], size: 0, latest_offset: -1 }
    }

    /// The slots of so many bytes; more than 2 GiB are not used.
    pub fn slots_of(buffer_bytes: u64) -> u32 {
        (buffer_bytes.min(i32::MAX as u64) / BYTES_PER_ENTRY) as u32
    }

    /// How many keys it could hold.
    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// How many keys it holds.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// How full it is, from 0 to 1.
    pub fn utilization(&self) -> f64 {
        f64::from(self.size) / f64::from(self.slots)
    }

    /// Up to here the log was looked at; -1 at first.
    pub fn latest_offset(&self) -> i64 {
        self.latest_offset
    }

    /// Says that the log was looked at up to here, whatever was there.
    pub fn update_latest_offset(&mut self, offset: i64) {
        self.latest_offset = offset;
    }

    /// The latest offset of a key; -1 if it has none.
    pub fn get(&self, key: KeyHash) -> i64 {
        self.table[self.find(key)].offset
    }

    /// Notes a key at an offset behind all that came before.
    pub fn put(&mut self, key: KeyHash, offset: i64) {
        let mut at = self.find(key);
        if self.table[at].offset == FREE {
            if (self.size as usize + 1) * 4 > self.table.len() * 3 {
                self.grow();
                at = self.find(key);
            }
            self.size += 1;
        }
        self.table[at] = Entry { hash: key, offset };
        self.latest_offset = offset;
    }

    /// Where a key lies, or where it would.
    fn find(&self, key: KeyHash) -> usize {
        let mask = self.table.len() - 1;
        let mut at = key.0[0] as usize & mask;
        while self.table[at].offset != FREE && self.table[at].hash != key {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self) {
        let larger = vec![EMPTY; self.table.len() * 2];
        for entry in std::mem::replace(&mut self.table, larger) {
            if entry.offset != FREE {
                let at = self.find(entry.hash);
                self.table[at] = entry;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_latest_offset_and_are_counted_once() {
        let mut map = OffsetMap::with_slots(10_000);
        for offset in 0..20_000i64 {
            map.put(KeyHash::of(format!("key {}", offset % 7_000).as_bytes()), offset);
        }
        assert_eq!((map.size(), map.latest_offset()), (7_000, 19_999));
        for key in 0..7_000i64 {
            let latest = if key < 6_000 { key + 14_000 } else { key + 7_000 };
            assert_eq!(map.get(KeyHash::of(format!("key {key}").as_bytes())), latest);
        }
        assert_eq!((map.get(KeyHash::of(b"another")), map.get(KeyHash::of(b""))), (-1, -1));
        assert_eq!(map.utilization(), 0.7);
    }

    #[test]
    fn the_default_buffer_has_kafkas_slots() {
        assert_eq!(OffsetMap::slots_of(128 << 20), 5_592_405);
        assert_eq!(OffsetMap::slots_of(1 << 40), (i32::MAX / 24) as u32);
    }

    #[test]
    fn the_empty_key_is_a_key() {
        let mut map = OffsetMap::with_slots(10);
        map.put(KeyHash::of(b""), 0);
        assert_eq!((map.get(KeyHash::of(b"")), map.size()), (0, 1));
    }
}
