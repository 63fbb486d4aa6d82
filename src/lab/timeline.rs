//! Snapshots of a run, so that any of its events is near one of them.
//!
//! A snapshot is a clone that shares what did not change since the one before. They are paced by what they cost, and
//! when they take more than their budget every other one is dropped and the pace is halved.

/// Least events between two snapshots: going over them again takes a few milliseconds.
const SPACING_MIN: u64 = 4_000;

/// A snapshot is worth an event for each so many of its bytes: copying these takes about as long.
const BYTES_PER_EVENT: usize = 64;

/// Bytes of snapshots that are kept.
const BUDGET_BYTES: usize = 64 << 20;

/// Something that goes from event to event, the same way each time.
pub trait Replay: Clone {
    /// How many events have happened.
    fn event(&self) -> u64;
    /// About how many bytes a snapshot takes that it does not share with the one before.
    fn snapshot_bytes(&self) -> usize;
    /// Lets the next event happen; false where the run is over.
    fn advance(&mut self) -> bool;
}

/// The snapshots of one run.
#[derive(Clone, Debug)]
pub struct Timeline<S> {
    snapshots: Vec<(u64, S)>,
    bytes: usize,
    spacing: u64,
    next: u64,
    budget_bytes: usize,
}

impl<S: Replay> Timeline<S> {
    /// A timeline that can always go back to `start`.
    #[must_use]
    pub fn new(start: S) -> Self {
        Self::with_budget(start, BUDGET_BYTES)
    }

    /// The same with another budget.
    #[must_use]
    pub fn with_budget(start: S, budget_bytes: usize) -> Self {
        let (bytes, event) = (start.snapshot_bytes(), start.event());
        let next = event + SPACING_MIN;
        Self { snapshots: vec![(event, start)], bytes, spacing: SPACING_MIN, next, budget_bytes }
    }

    /// Takes a snapshot where one is due.
    pub fn visit(&mut self, state: &S) {
        if state.event() < self.next {
            return;
        }
        let bytes = state.snapshot_bytes();
        self.snapshots.push((state.event(), state.clone()));
        self.bytes += bytes;
        if self.bytes > self.budget_bytes {
            self.thin();
        }
        self.next = state.event() + self.spacing.max((bytes / BYTES_PER_EVENT) as u64);
    }

    /// The state after the last snapshot at or before `event`.
    #[must_use]
    pub fn nearest(&self, event: u64) -> &S {
        let after = self.snapshots.partition_point(|(at, _)| *at <= event);
        &self.snapshots[after.saturating_sub(1)].1
    }

    /// The state after `event`, or at the end of the run where that comes before it.
    #[must_use]
    pub fn restore(&self, event: u64) -> S {
        let mut state = self.nearest(event).clone();
        while state.event() < event && state.advance() {}
        state
    }

    /// Forgets what comes after `event`: another branch begins there.
    pub fn cut(&mut self, event: u64) {
        let kept = self.snapshots.partition_point(|(at, _)| *at <= event).max(1);
        let before = self.snapshots.len();
        self.snapshots.truncate(kept);
        self.bytes = self.bytes / before * kept;
        let last = self.snapshots.last().map_or(0, |(at, _)| *at);
        self.next = last + self.spacing;
    }

    /// How many snapshots there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.snapshots.len()
    }

    /// Never: there is always the start.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.snapshots.is_empty()
    }

    /// Drops every other snapshot, but not the start.
    fn thin(&mut self) {
        let mut index = 0;
        self.snapshots.retain(|_| {
            index += 1;
            index % 2 == 1
        });
        // What a dropped one shared with its neighbours is not freed; half is what the sum says, and the pace makes up.
        self.bytes /= 2;
        self.spacing *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::random::Random;

    /// A run of a million numbers.
    #[derive(Clone, Debug, PartialEq)]
    struct Numbers {
        event: u64,
        sum: u64,
        random: Random,
    }

    impl Numbers {
        fn new() -> Self {
            Self { event: 0, sum: 0, random: Random::stream(1, "numbers", 0) }
        }
    }

    impl Replay for Numbers {
        fn event(&self) -> u64 {
            self.event
        }
        fn snapshot_bytes(&self) -> usize {
            1_000
        }
        fn advance(&mut self) -> bool {
            self.event += 1;
            self.sum = self.sum.rotate_left(1) ^ self.random.next_u64();
            self.event < 1_000_000
        }
    }

    #[test]
    fn a_restored_state_is_that_of_the_straight_run_within_the_budget() {
        let mut state = Numbers::new();
        let mut timeline = Timeline::with_budget(state.clone(), 50_000);
        let mut pick = Random::stream(2, "pick", 0);
        let mut kept = Vec::new();
        while state.advance() {
            timeline.visit(&state);
            if pick.below(50_000) == 0 {
                kept.push(state.clone());
            }
        }
        assert!(timeline.len() <= 50 && timeline.len() >= 20);
        kept.iter().for_each(|straight| assert_eq!(timeline.restore(straight.event), *straight));
        assert_eq!(timeline.restore(0), Numbers::new());
    }

    #[test]
    fn after_a_cut_nothing_later_is_nearest() {
        let mut state = Numbers::new();
        let mut timeline = Timeline::new(state.clone());
        while state.event < 100_000 {
            state.advance();
            timeline.visit(&state);
        }
        timeline.cut(41_500);
        assert_eq!(timeline.nearest(u64::MAX).event, 40_000);
        timeline.cut(0);
        assert_eq!((timeline.len(), timeline.nearest(7).event), (1, 0));
    }
}
