//! Short and long, small and large, mixed.

use crate::sim::MILLISECOND;
use crate::sim::random::Random;

/// A number between two, each of its lengths in bits as likely as the next: short and long ones are mixed.
pub fn spread(random: &mut Random, least: u64, most: u64) -> u64 {
    let doublings = (most / least.max(1)).max(1).ilog2();
    let low = least << random.below(u64::from(doublings) + 1);
    random.between(low, (low * 2).min(most))
}

/// The amount of time in whole milliseconds, as a person would write it, where it is as long as one. When faults begin is not
/// rounded: they shall fall between any two events.
pub fn whole_ms(us: u64) -> u64 {
    if us < MILLISECOND { us } else { us - us % MILLISECOND }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_number_lies_within_its_bounds_and_is_short_as_often_as_long() {
        let mut random = Random::stream(1, "test", 0);
        for (least, most) in [(1, 1), (20, 25), (20_000, 20_000_000), (1_000, 500_000)] {
            let drawn: Vec<u64> = (0..1_000).map(|_| spread(&mut random, least, most)).collect();
            assert!(drawn.iter().all(|number| (least..=most).contains(number)), "{least} {most}");
            if most > 100 * least {
                let short = drawn.iter().filter(|number| **number < least * 8).count();
                assert!((100..700).contains(&short), "{least} {most}: {short}");
                assert!(drawn.iter().any(|number| *number > most / 2), "{least} {most}");
            }
        }
    }
}
