//! The identity of a run: a rolling 64-bit hash over its events.
//!
//! Whatever derives `Hash` can be taken in, and counts the same on every target: lengths, discriminants and signs are widened to
//! 64 bits first. What does not come out the same is a slice of `usize`, which the standard library hands over as bytes:
//! do not keep one in what is hashed.

use std::hash::Hasher;

/// What each step multiplies with.
const MULTIPLIER: u64 = 0x517c_c1b7_2722_0a95;

/// So many bytes are taken in side by side: a step waits for the one before, four strands do not wait for each other.
const BLOCK: usize = 32;

/// A rolling hash: rotate, xor, multiply. Not for defence against an adversary; it tells two runs apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunHash(u64);

impl Default for RunHash {
    fn default() -> Self {
        Self(0x6c6f_676c_6162_0001)
    }
}

impl RunHash {
    /// Takes one more number into the hash.
    #[inline]
    pub fn fold(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(MULTIPLIER);
    }

    /// Takes another hash in as it stands.
    #[inline]
    pub fn fold_hash(&mut self, other: Self) {
        self.fold(other.0);
    }

    /// The hash so far, its bits mixed once more so that late words reach every bit.
    #[must_use]
    pub fn value(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }

    /// Takes whole blocks in, four words at a time.
    fn fold_blocks(&mut self, blocks: &[[u8; BLOCK]]) {
        let mut strands = [Self(1), Self(2), Self(3), Self(4)];
        for block in blocks {
            let (words, _) = block.as_chunks::<8>();
            for (strand, word) in strands.iter_mut().zip(words) {
                strand.fold(u64::from_le_bytes(*word));
            }
        }
        strands.into_iter().for_each(|strand| self.fold_hash(strand));
    }
}

impl Hasher for RunHash {
    fn finish(&self) -> u64 {
        self.value()
    }

    fn write(&mut self, bytes: &[u8]) {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        if !blocks.is_empty() {
            self.fold_blocks(blocks);
        }
        let (words, last) = rest.as_chunks::<8>();
        words.iter().for_each(|word| self.fold(u64::from_le_bytes(*word)));
        let last = last.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        self.fold(last);
        self.fold(bytes.len() as u64);
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.fold(number.into());
    }

    #[inline]
    fn write_u16(&mut self, number: u16) {
        self.fold(number.into());
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.fold(number.into());
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.fold(number);
    }

    #[inline]
    fn write_u128(&mut self, number: u128) {
        self.fold(number as u64);
        self.fold((number >> 64) as u64);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.fold(number as u64);
    }

    /// Discriminants of enums come this way. Widened with its sign: on 32 bits -1 is the same number as on 64.
    #[inline]
    fn write_isize(&mut self, number: isize) {
        self.fold((number as i64).cast_unsigned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_bytes(bytes: &[u8]) -> u64 {
        let mut hash = RunHash::default();
        hash.write(bytes);
        hash.value()
    }

    #[test]
    fn each_bit_of_each_byte_counts_and_so_does_the_length() {
        for len in [0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 100, 200] {
            let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let plain = of_bytes(&bytes);
            for at in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[at / 8] ^= 1 << (at % 8);
                assert_ne!(of_bytes(&flipped), plain, "bit {at} of {len} bytes");
            }
            let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
            assert_ne!(of_bytes(&longer), plain);
        }
    }

    #[test]
    fn words_that_change_places_are_other_words() {
        let bytes: Vec<u8> = (0..96).collect();
        for (one, other) in [(0, 1), (0, 4), (1, 9), (8, 11)] {
            let mut swapped = bytes.clone();
            (0..8).for_each(|byte| swapped.swap(one * 8 + byte, other * 8 + byte));
            assert_ne!(of_bytes(&swapped), of_bytes(&bytes), "{one} and {other}");
        }
    }
}
