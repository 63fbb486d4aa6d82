//! The identity of a run: a rolling 64-bit hash over its events.

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
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    /// The hash so far, its bits mixed once more so that late words reach every bit.
    #[must_use]
    pub fn value(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }
}
