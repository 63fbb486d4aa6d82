//! Holds the cleaner's reading and writing to `log.cleaner.io.max.bytes.per.second`: `Throttler` in Apache Kafka.

use crate::sim::{MILLISECOND, SECOND, Time};

/// The rate is looked at so often.
const CHECK_INTERVAL_US: Time = 300 * MILLISECOND;

/// Shared by all threads of a cleaner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttler {
    bytes_per_second: f64,
    period_start_us: Time,
    observed: u64,
}

impl Throttler {
    /// At most so many bytes a second from now on.
    pub fn new(bytes_per_second: f64, now_us: Time) -> Throttler {
        Throttler { bytes_per_second, period_start_us: now_us, observed: 0 }
    }

    /// Notes bytes that were read or written: how long to wait before the next.
    pub fn observe(&mut self, bytes: u64, now_us: Time) -> Time {
        self.observed += bytes;
        let elapsed_us = now_us.saturating_sub(self.period_start_us);
        if elapsed_us <= CHECK_INTERVAL_US || self.observed == 0 {
            return 0;
        }
        let due_us = self.observed as f64 / self.bytes_per_second * SECOND as f64;
        let wait_us = if due_us > elapsed_us as f64 { due_us as Time - elapsed_us } else { 0 };
        // Kafka sleeps for whole milliseconds.
        let wait_us = (wait_us + MILLISECOND / 2) / MILLISECOND * MILLISECOND;
        self.period_start_us = now_us + wait_us;
        self.observed = 0;
        wait_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_over_time() {
        let mut throttler = Throttler::new(1e6, 0);
        let mut now = 0;
        for _ in 0..1_000 {
            now += 10 * MILLISECOND;
            now += throttler.observe(50_000, now);
        }
        // 50 MB at 1 MB a second.
        assert!((49 * SECOND..=51 * SECOND).contains(&now), "{now}");
    }

    #[test]
    fn whoever_is_slower_does_not_wait() {
        let mut throttler = Throttler::new(1e6, 0);
        assert!((1..100).all(|i| throttler.observe(5_000, i * 10 * MILLISECOND) == 0));
        let mut unlimited = Throttler::new(f64::MAX, 0);
        assert_eq!(unlimited.observe(u64::MAX, SECOND), 0);
    }
}
