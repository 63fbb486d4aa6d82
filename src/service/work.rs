//! How long a program works on what it was given.

use std::fmt;

use crate::sim::Time;
use crate::sim::random::Random;

/// How long a program's work takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// It takes so long for all that a poll returned, however much that is, and not for each record.
    pub is_for_a_poll: bool,
    /// How long.
    pub takes: Spread,
}

/// A time as chance has it, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Always the same.
    Fixed(Time),
    /// Any from the first to the second is as likely as any other.
    Between(Time, Time),
    /// Mostly short and sometimes long, this on average: the longer, the rarer by a fixed part.
    Exponential(Time),
}

impl Work {
    /// What a program takes of which no file says anything.
    pub const LEAST: Self = Self { is_for_a_poll: true, takes: Spread::Fixed(100) };

    /// How long it works on so many records of a poll.
    pub fn on(self, records: u32, random: &mut Random) -> Time {
        if self.is_for_a_poll {
            return self.takes.draw(random);
        }
        match self.takes {
            Spread::Fixed(us) => us.saturating_mul(records.into()),
            Spread::Between(..) | Spread::Exponential(_) => {
                (0..records).fold(0, |sum: Time, _| sum.saturating_add(self.takes.draw(random)))
            }
        }
    }

    /// How long it works on that many at most, or nearly so.
    #[must_use]
    pub fn longest_on(self, records: u64) -> Time {
        let one = match self.takes {
            Spread::Fixed(us) | Spread::Between(_, us) => us,
            // One in twenty thousand is longer.
            Spread::Exponential(us) => us.saturating_mul(10),
        };
        if self.is_for_a_poll { one } else { one.saturating_mul(records) }
    }
}

impl Spread {
    fn draw(self, random: &mut Random) -> Time {
        match self {
            Self::Fixed(us) => us,
            Self::Between(least, most) => random.between(least, most),
            Self::Exponential(mean) => exponential(mean, random.next_u64()),
        }
    }
}

/// `-ln(drawn / 2^64)` of the mean, in whole numbers: they are the same on every machine.
fn exponential(mean: Time, drawn: u64) -> Time {
    const BITS: u32 = 16;
    /// The natural logarithm of 2, in 65,536ths.
    const LN_2: u128 = 45_426;
    let drawn = drawn | 1;
    let zeros = drawn.leading_zeros();
    // From 1 to 2, in 2^63ths: its logarithm comes bit by bit by squaring.
    let mut rest = u128::from(drawn << zeros);
    let mut fraction = 0u128;
    for _ in 0..BITS {
        rest = rest * rest >> 63;
        fraction <<= 1;
        if rest >> 64 > 0 {
            (rest, fraction) = (rest >> 1, fraction | 1);
        }
    }
    let doublings = (u128::from(zeros + 1) << BITS) - fraction;
    u64::try_from(u128::from(mean) * doublings * LN_2 >> (2 * BITS)).unwrap_or(Time::MAX)
}

/// As a file writes it.
impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.takes {
            Spread::Fixed(us) => write!(f, "{us}us")?,
            Spread::Between(least, most) => write!(f, "{least}us to {most}us")?,
            Spread::Exponential(mean) => write!(f, "exponential {mean}us")?,
        }
        f.write_str(if self.is_for_a_poll { " a poll" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_time_has_its_mean_and_is_mostly_shorter() {
        let mut random = Random::stream(1, "test", 0);
        let work = Work { is_for_a_poll: false, takes: Spread::Exponential(10_000) };
        let drawn: Vec<Time> = (0..20_000).map(|_| work.on(1, &mut random)).collect();
        let mean = drawn.iter().sum::<Time>() / 20_000;
        let shorter = drawn.iter().filter(|us| **us < 10_000).count();
        assert!((9_800..10_200).contains(&mean), "{mean}");
        assert!((12_400..12_900).contains(&shorter), "63.2 % are: {shorter}");
        assert!(drawn.iter().all(|us| *us < work.longest_on(2)), "{:?}", drawn.iter().max());
        assert_eq!((exponential(1_000, u64::MAX), exponential(1_000, 1 << 63)), (0, 693));
    }

    #[test]
    fn work_is_for_each_record_or_for_a_poll() {
        let mut random = Random::stream(1, "test", 0);
        let fixed = Work { is_for_a_poll: false, takes: Spread::Fixed(20) };
        assert_eq!(fixed.on(7, &mut random), 140);
        assert_eq!(Work { is_for_a_poll: true, ..fixed }.on(7, &mut random), 20);
        let between = Work { is_for_a_poll: false, takes: Spread::Between(10, 30) };
        let sum = between.on(1_000, &mut random);
        assert!((19_000..21_000).contains(&sum), "{sum}");
    }
}
