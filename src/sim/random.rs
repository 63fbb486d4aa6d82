//! Seeded randomness with a stream per purpose.
//!
//! The generator is xoshiro256++ seeded through SplitMix64 (`rand_xoshiro`, version pinned exactly), integers only, so
//! that a draw is the same on every target. Each purpose has a stream of its own: a new draw in one place does not
//! shift the draws of all others. Golden vectors below pin both.

use rand_core::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::hash::RunHash;

/// Parts in a million: the unit of every probability.
pub const MILLION: u32 = 1_000_000;

/// One stream of random integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    generator: Xoshiro256PlusPlus,
    /// What was drawn so far.
    drawn: RunHash,
}

impl Random {
    /// The stream for `purpose` and `index` (a process, a link) of the run with this `seed`.
    #[must_use]
    pub fn stream(seed: u64, purpose: &str, index: u64) -> Self {
        // FNV-1a over the purpose, then over the index: stable names give stable streams.
        let mut label = 0xcbf2_9ce4_8422_2325_u64;
        for byte in purpose.bytes().chain(index.to_le_bytes()) {
            label = (label ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let generator = Xoshiro256PlusPlus::seed_from_u64(seed.rotate_left(32) ^ label);
        Self { generator, drawn: RunHash::default() }
    }

    /// Any `u64`.
    pub fn next_u64(&mut self) -> u64 {
        let drawn = self.generator.next_u64();
        self.drawn.fold(drawn);
        drawn
    }

    /// A hash over all that was drawn from this stream.
    #[must_use]
    pub fn drawn(&self) -> RunHash {
        self.drawn
    }

    /// A number below `bound`, each as likely as the next; 0 where `bound` is 0, without a draw.
    pub fn below(&mut self, bound: u64) -> u64 {
        below(bound, || self.next_u64())
    }

    /// A number in `low..=high`; `low` where the range is empty.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        between(low, high, || self.next_u64())
    }

    /// True with `parts_per_million` chances in a million. No draw where the answer is certain.
    pub fn chance(&mut self, parts_per_million: u32) -> bool {
        chance(parts_per_million, || self.next_u64())
    }
}

/// The draws that belong to a name: the same whenever they are drawn and whatever else was.
///
/// SplitMix64, which is a function of a counter: the name says where it begins.
pub(super) struct Named<'a> {
    state: u64,
    drawn: &'a mut RunHash,
}

impl<'a> Named<'a> {
    pub(super) fn new(seed: u64, name: [u64; 2], drawn: &'a mut RunHash) -> Self {
        let state = name.into_iter().fold(mix(seed), |state, word| mix(state ^ word));
        Self { state, drawn }
    }

    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let drawn = mix(self.state);
        self.drawn.fold(drawn);
        drawn
    }

    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        between(low, high, || self.next_u64())
    }

    pub(super) fn chance(&mut self, parts_per_million: u32) -> bool {
        chance(parts_per_million, || self.next_u64())
    }
}

/// The finalizer of SplitMix64.
fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn below(bound: u64, mut next: impl FnMut() -> u64) -> u64 {
    if bound <= 1 {
        return 0;
    }
    // Lemire's multiply-and-reject: unbiased, and the number of draws depends on the stream alone. The division is
    // needed only where the low half falls short of the bound.
    loop {
        let product = u128::from(next()) * u128::from(bound);
        let low = product as u64;
        if low >= bound || low >= bound.wrapping_neg() % bound {
            return (product >> 64) as u64;
        }
    }
}

fn between(low: u64, high: u64, next: impl FnMut() -> u64) -> u64 {
    low + below(high.saturating_sub(low).saturating_add(1), next)
}

fn chance(parts_per_million: u32, next: impl FnMut() -> u64) -> bool {
    match parts_per_million {
        0 => false,
        MILLION.. => true,
        parts => below(u64::from(MILLION), next) < u64::from(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned_by_golden_vectors() {
        let mut random = Random::stream(7, "network", 0);
        let drawn: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(drawn, GOLDEN);
    }

    const GOLDEN: [u64; 3] = [835_882_202_915_553_810, 12_217_755_479_393_360_198, 4_751_832_673_550_346_677];

    #[test]
    fn streams_of_other_purposes_and_indexes_differ() {
        let first = |purpose, index| Random::stream(7, purpose, index).next_u64();
        assert_ne!(first("network", 0), first("network", 1));
        assert_ne!(first("network", 0), first("disk", 0));
        assert_ne!(Random::stream(7, "network", 0), Random::stream(8, "network", 0));
    }

    #[test]
    fn named_draws_are_pinned_and_differ_by_each_part_of_the_name() {
        let draw = |seed, name| {
            let mut drawn = RunHash::default();
            let mut named = Named::new(seed, name, &mut drawn);
            [named.next_u64(), named.next_u64()]
        };
        assert_eq!(draw(7, [1, 2]), [13_495_660_098_531_691_224, 14_547_293_720_535_871_575]);
        let all = [draw(7, [1, 2]), draw(8, [1, 2]), draw(7, [2, 2]), draw(7, [1, 3]), draw(7, [2, 1])].concat();
        assert!((1..all.len()).all(|index| !all[..index].contains(&all[index])), "{all:?}");
    }

    #[test]
    fn below_reaches_every_number_and_none_beyond() {
        let mut random = Random::stream(1, "test", 0);
        let mut seen = [0_u32; 5];
        for _ in 0..5_000 {
            seen[random.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.between(9, 9), 9);
    }
}
