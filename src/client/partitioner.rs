//! Which partition a record goes to (Kafka: `BuiltInPartitioner`, KIP-480, KIP-794).

use crate::sim::random::Random;

/// Kafka's murmur2 of a key (`Utils.murmur2`).
#[must_use]
pub fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;

    let mut hash = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = word.iter().rev().fold(0, |k: u32, byte| k << 8 | u32::from(*byte)).wrapping_mul(M);
        k = (k ^ k >> R).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0, |k: u32, byte| k << 8 | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    (hash ^ hash >> 15) as i32
}

/// The partition of a record with this key.
#[must_use]
pub fn partition_of_key(key: &[u8], partitions: i32) -> i32 {
    // `Utils.toPositive` clears the sign; it is not the absolute value.
    (murmur2(key) & i32::MAX).checked_rem(partitions).unwrap_or(0)
}

/// Where records without a key go: to one partition until it has been given `batch.size` bytes, then to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StickyPartitioner {
    partition: Option<i32>,
    bytes: u32,
}

impl StickyPartitioner {
    /// The partition of the next record. `queues` has each partition that has a leader, with the number of batches that
    /// wait for it: the shorter the queue the likelier the partition.
    pub(super) fn partition(&mut self, queues: impl Fn() -> Vec<(i32, u32)>, random: &mut Random) -> Option<i32> {
        if self.partition.is_none() {
            self.partition = pick(&queues(), random);
            self.bytes = 0;
        }
        self.partition
    }

    /// The partition that it sticks to.
    pub(super) fn current(&self) -> Option<i32> {
        self.partition
    }

    /// Counts a record of `bytes`. The switch waits for the batch to be full, so that it does not leave a small one
    /// behind, but for no more than twice the size (`BuiltInPartitioner.updatePartitionInfo`).
    pub(super) fn appended(&mut self, bytes: u32, batch_size: u32, batch_is_full: bool) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes >= batch_size && batch_is_full || self.bytes >= batch_size.saturating_mul(2) {
            self.partition = None;
        }
    }
}

/// All partitions in turn (Kafka: `RoundRobinPartitioner`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RoundRobin {
    next: u32,
}

impl RoundRobin {
    /// The partition of the next record: of those that have a leader, or of all `count` where none has one.
    pub(super) fn next(&mut self, led: &[i32], count: i32) -> i32 {
        let turn = self.next & i32::MAX.cast_unsigned();
        self.next = self.next.wrapping_add(1);
        match led.len() {
            0 => turn.cast_signed() % count,
            some => led[turn as usize % some],
        }
    }
}

fn pick(queues: &[(i32, u32)], random: &mut Random) -> Option<i32> {
    let longest = queues.iter().map(|(_, length)| *length).max()?;
    let weight = |length: &u32| u64::from(longest - length) + 1;
    let mut drawn = random.below(queues.iter().map(|(_, length)| weight(length)).sum());
    for (partition, length) in queues {
        match drawn.checked_sub(weight(length)) {
            Some(rest) => drawn = rest,
            None => return Some(*partition),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_is_kafkas() {
        // UtilsTest.testMurmur2.
        let vectors: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
        assert_eq!((murmur2(b""), murmur2(b"a")), (275_646_681, -1_563_381_124));
    }

    /// Lines of a key in hexadecimal, its hash, and its partition of so many, as Kafka 4.3.1 computed them.
    const RECORDED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/murmur2.txt"));

    #[test]
    fn every_recorded_key_has_its_hash_and_its_partition() {
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("a byte");
        for line in RECORDED.lines() {
            let mut words = line.split(' ');
            let hex = words.next().expect("a key").trim_matches('-');
            let key: Vec<u8> = hex.as_bytes().chunks(2).map(byte).collect();
            assert_eq!(words.next(), Some(murmur2(&key).to_string().as_str()), "{hex}");
            for word in words {
                let (count, partition) = word.split_once(':').expect("a count and a partition");
                let count = count.parse().expect("a number");
                assert_eq!(partition_of_key(&key, count).to_string(), partition, "{hex} of {count}");
            }
        }
        assert_eq!(RECORDED.lines().count(), 260);
    }

    #[test]
    fn a_negative_hash_loses_its_sign_before_the_modulo() {
        assert_eq!(partition_of_key(b"a", 12), 584_102_524 % 12);
        assert_eq!(partition_of_key(b"", 50), 31);
        assert_eq!(partition_of_key(b"a", 0), 0);
    }

    #[test]
    fn sticks_to_a_partition_until_it_has_been_given_a_batch() {
        let mut random = Random::stream(1, "test", 0);
        let mut sticky = StickyPartitioner::default();
        let queues = || vec![(0, 0), (1, 0), (2, 0)];
        let mut chosen = Vec::new();
        for _ in 0..300 {
            chosen.push(sticky.partition(queues, &mut random).unwrap_or(-1));
            sticky.appended(10, 30, true);
        }
        assert!(chosen.chunks(3).all(|three| three.iter().all(|partition| *partition == three[0])));
        assert!((0..3).all(|partition| chosen.contains(&partition)));
    }

    #[test]
    fn in_turn_each_partition_with_a_leader_comes_or_each_of_all() {
        let mut robin = RoundRobin::default();
        let next: Vec<i32> = (0..6).map(|_| robin.next(&[0, 2, 3], 4)).collect();
        assert_eq!(next, [0, 2, 3, 0, 2, 3]);
        assert_eq!((0..3).map(|_| robin.next(&[], 4)).collect::<Vec<_>>(), [2, 3, 0]);
        // `Utils.toPositive` where the number of the record has grown out of an int.
        let mut robin = RoundRobin { next: i32::MAX.cast_unsigned() + 1 };
        assert_eq!(robin.next(&[5, 6], 9), 5);
    }

    #[test]
    fn waits_for_a_full_batch_but_not_beyond_twice_its_size() {
        let mut random = Random::stream(1, "test", 0);
        let mut sticky = StickyPartitioner::default();
        sticky.partition(|| vec![(4, 0)], &mut random);
        sticky.appended(50, 30, false);
        assert_eq!(sticky.partition, Some(4));
        sticky.appended(10, 30, false);
        assert_eq!(sticky.partition, None);
    }

    #[test]
    fn shorter_queues_are_chosen_more_often() {
        // BuiltInPartitionerTest.adaptivePartitionsTest: queues 5, 0, 3, 0, 1 give frequencies 1, 6, 3, 6, 5.
        let queues = [(0, 5), (1, 0), (2, 3), (3, 0), (4, 1)];
        let mut random = Random::stream(1, "test", 0);
        let mut counts = [0_u32; 5];
        for _ in 0..21_000 {
            counts[pick(&queues, &mut random).unwrap_or(0) as usize] += 1;
        }
        for (count, expected) in counts.iter().zip([1_000_u32, 6_000, 3_000, 6_000, 5_000]) {
            assert!(count.abs_diff(expected) < 300, "{counts:?}");
        }
        assert_eq!(pick(&[], &mut random), None);
    }
}
