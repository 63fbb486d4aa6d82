//! A machine's clock: virtual time as one process sees it.

use super::Time;

/// Skew and drift of one machine's clock against virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Microseconds that the wall clock is ahead (negative: behind). Timers are not moved by it.
    pub skew_us: i64,
    /// Parts per million by which the machine's clock runs fast (negative: slow); above -1,000,000.
    pub drift_ppm: i32,
}

impl Clock {
    /// The machine's monotonic clock at virtual `time`: drifted, not skewed.
    #[must_use]
    pub fn monotonic(&self, time: Time) -> Time {
        if self.drift_ppm == 0 {
            return time;
        }
        self.drifted(time)
    }

    /// Apart from the usual case: inlined, its division is done before the question whether there is any drift.
    #[inline(never)]
    fn drifted(&self, time: Time) -> Time {
        let drift = i128::from(time) * i128::from(self.drift_ppm) / 1_000_000;
        (i128::from(time) + drift).max(0) as Time
    }

    /// The machine's wall clock at virtual `time`: drifted and skewed, never before 0.
    #[must_use]
    pub fn wall(&self, time: Time) -> Time {
        self.monotonic(time).saturating_add_signed(self.skew_us)
    }

    /// The first virtual time at which the monotonic clock shows `local` or more.
    #[must_use]
    pub fn virtual_time(&self, local: Time) -> Time {
        if self.drift_ppm == 0 {
            return local;
        }
        self.undrifted(local)
    }

    #[inline(never)]
    fn undrifted(&self, local: Time) -> Time {
        let rate = 1_000_000 + i128::from(self.drift_ppm).max(-999_999);
        let mut time = (i128::from(local) * 1_000_000 / rate) as Time;
        while self.monotonic(time) < local {
            time += 1;
        }
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_fires_early_and_a_slow_one_late() {
        let fast = Clock { skew_us: 0, drift_ppm: 100_000 };
        let slow = Clock { skew_us: 0, drift_ppm: -100_000 };
        assert_eq!(fast.monotonic(1_000_000), 1_100_000);
        assert!(fast.virtual_time(1_000_000) < 1_000_000);
        assert!(slow.virtual_time(1_000_000) > 1_000_000);
        for local in [0, 1, 999, 1_000_000, 123_456_789] {
            for clock in [fast, slow] {
                assert!(clock.monotonic(clock.virtual_time(local)) >= local);
            }
        }
    }

    #[test]
    fn skew_moves_the_wall_clock_only() {
        let clock = Clock { skew_us: -5_000, drift_ppm: 0 };
        assert_eq!((clock.wall(2_000), clock.wall(9_000), clock.monotonic(9_000)), (0, 4_000, 9_000));
    }
}
