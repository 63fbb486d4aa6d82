//! How long a client waits before it tries again (Kafka: `ExponentialBackoff`, KIP-580).

use crate::sim::random::Random;

/// Jitter on each side, in percent (`CommonClientConfigs.RETRY_BACKOFF_JITTER`).
const JITTER_PERCENT: u64 = 20;

/// `initial_us` after the first failure, twice as long after each further one, up to `max_us`, give or take a fifth.
/// Where it cannot grow it has no jitter either.
pub(super) fn exponential(initial_us: u64, max_us: u64, failures: u32, random: &mut Random) -> u64 {
    if initial_us >= max_us {
        return max_us;
    }
    let doubled = initial_us.saturating_mul(1 << failures.saturating_sub(1).min(32)).min(max_us);
    let percent = random.between(100 - JITTER_PERCENT, 100 + JITTER_PERCENT);
    (doubled.saturating_mul(percent) / 100).min(max_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_with_each_failure_up_to_its_limit_with_a_fifth_of_jitter() {
        let mut random = Random::stream(1, "test", 0);
        for _ in 0..100 {
            assert!((80_000..=120_000).contains(&exponential(100_000, 1_000_000, 1, &mut random)));
            assert!((320_000..=480_000).contains(&exponential(100_000, 1_000_000, 3, &mut random)));
            assert!((800_000..=1_000_000).contains(&exponential(100_000, 1_000_000, 60, &mut random)));
            assert_eq!(exponential(100_000, 100_000, 7, &mut random), 100_000);
        }
    }
}
