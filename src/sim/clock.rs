//! A machine's clock: virtual time as one process sees it.

use super::Time;
use super::random::MILLION;

/// What every wall clock that is right shows when a run begins, in microseconds since 1970: 2026-01-01T00:00:00Z. A clock may be
/// behind, and a record older than the run.
pub const BEGIN_US: Time = 1_767_225_600_000_000;

/// Skew and drift of one machine's clock against virtual time.
///
/// The clock runs at one rate from the time at which the rate was last set: a change of the rate never moves it, back or forth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// The virtual time at which it began to run at this rate.
    since: Time,
    /// What the monotonic clock showed then.
    shown: Time,
    drift_ppm: i32,
    skew_us: i64,
}

impl Clock {
    /// The same clock with a wall clock that is so many microseconds ahead of its monotonic one (negative: behind). Timers are
    /// not moved by it.
    #[must_use]
    pub fn with_skew(self, skew_us: i64) -> Self {
        Self { skew_us, ..self }
    }

    /// The same clock, running so many parts per million fast (negative: slow) from virtual time `now` on.
    ///
    /// # Panics
    /// Where the clock would stand still or run backwards: that is no clock.
    #[must_use]
    pub fn with_drift(self, now: Time, drift_ppm: i32) -> Self {
        assert!(i64::from(drift_ppm) > -i64::from(MILLION), "a clock runs forwards: {drift_ppm} ppm");
        Self { since: now, shown: self.monotonic(now), drift_ppm, skew_us: self.skew_us }
    }

    /// By how much the wall clock is ahead, in microseconds.
    #[must_use]
    pub fn skew_us(&self) -> i64 {
        self.skew_us
    }

    /// How fast it runs, in parts per million more than virtual time.
    #[must_use]
    pub fn drift_ppm(&self) -> i32 {
        self.drift_ppm
    }

    /// The machine's monotonic clock at virtual `time`: drifted, not skewed.
    #[must_use]
    pub fn monotonic(&self, time: Time) -> Time {
        assert!(time >= self.since, "a clock is asked about the time since it was set");
        let passed = time.saturating_sub(self.since);
        self.shown.saturating_add(if self.drift_ppm == 0 { passed } else { self.drifted(passed) })
    }

    /// Apart from the usual case: inlined, its division is done before the question whether there is any drift.
    #[inline(never)]
    fn drifted(&self, passed: Time) -> Time {
        whole(u128::from(passed) * self.rate() / u128::from(MILLION))
    }

    /// The machine's wall clock at virtual `time`, in microseconds since 1970: drifted and skewed.
    #[must_use]
    pub fn wall(&self, time: Time) -> Time {
        BEGIN_US.saturating_add(self.monotonic(time)).saturating_add_signed(self.skew_us)
    }

    /// Whether it shows the right time at virtual `time`, and will.
    #[must_use]
    pub fn is_right(&self, time: Time) -> bool {
        self.drift_ppm == 0 && self.wall(time) == BEGIN_US + time
    }

    /// The first virtual time at which the monotonic clock shows `local` or more, as far as its present rate goes back.
    #[must_use]
    pub fn virtual_time(&self, local: Time) -> Time {
        let ahead = local.saturating_sub(self.shown);
        self.since.saturating_add(if self.drift_ppm == 0 { ahead } else { self.undrifted(ahead) })
    }

    #[inline(never)]
    fn undrifted(&self, ahead: Time) -> Time {
        whole((u128::from(ahead) * u128::from(MILLION)).div_ceil(self.rate()))
    }

    /// Local microseconds in a virtual second.
    fn rate(&self) -> u128 {
        (i64::from(MILLION) + i64::from(self.drift_ppm)).unsigned_abs().into()
    }
}

fn whole(time: u128) -> Time {
    Time::try_from(time).unwrap_or(Time::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::random::Random;

    #[test]
    fn a_fast_clock_fires_early_and_a_slow_one_late() {
        let fast = Clock::default().with_drift(0, 100_000);
        let slow = Clock::default().with_drift(0, -100_000);
        assert_eq!(fast.monotonic(1_000_000), 1_100_000);
        assert!(fast.virtual_time(1_000_000) < 1_000_000);
        assert!(slow.virtual_time(1_000_000) > 1_000_000);
    }

    #[test]
    fn skew_moves_the_wall_clock_only() {
        let clock = Clock::default().with_skew(-5_000);
        assert_eq!((clock.wall(2_000), clock.monotonic(2_000)), (BEGIN_US - 3_000, 2_000));
        assert_eq!((clock.wall(9_000), clock.monotonic(9_000)), (BEGIN_US + 4_000, 9_000));
        assert!(!clock.is_right(9_000) && Clock::default().is_right(9_000));
    }

    #[test]
    fn it_never_goes_back_or_jumps_whatever_rates_it_is_given() {
        let mut random = Random::stream(1, "test", 0);
        let (mut clock, mut time) = (Clock::default(), 0);
        for _ in 0..10_000 {
            let next = time + random.below(3_000_000);
            let passed = clock.monotonic(next) - clock.monotonic(time);
            let most = u128::from(next - time) * clock.rate() / u128::from(MILLION) + 1;
            assert!(u128::from(passed) <= most, "{passed} in {}", next - time);
            time = next;
            let shown = clock.monotonic(time);
            clock = clock.with_drift(time, random.below(1_999_999) as i32 - 999_999);
            assert_eq!(clock.monotonic(time), shown, "setting the rate moves nothing");
            let local = shown + random.below(2_000_000);
            let at = clock.virtual_time(local);
            assert!(clock.monotonic(at) >= local && (at == time || clock.monotonic(at - 1) < local));
        }
    }
}
