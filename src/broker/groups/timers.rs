//! When a shard has to do something of itself (Kafka: `CoordinatorTimer`). A timer has a key, and is set anew under it.

use std::collections::{BTreeMap, BTreeSet};

use crate::sim::{MILLISECOND, Time};

/// Which timer of a group it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The session of a member.
    Session,
    /// A classic group waits for its members to join; of a consumer group a member that speaks the classic protocol shall.
    Join,
    /// The same with SyncGroup.
    Sync,
    /// A member of a consumer group gives up partitions.
    Rebalance,
    /// Regular expressions of a consumer group are looked at.
    Regex,
    /// Offsets that are old enough.
    Expiration,
}

/// The key of a timer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimerKey {
    pub(super) group: String,
    pub(super) kind: Kind,
    /// Empty for those of a whole group.
    pub(super) member: String,
}

/// What a timer has to know when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Nothing more than its key.
    Plain,
    /// An empty group has waited for so long, and may wait for as much more (Kafka: `DelayedInitialJoin`).
    InitialJoin { delay_ms: i32, remaining_ms: i32 },
    /// The generation, or the member's epoch, for which it was set.
    Of(i32),
}

/// All timers of a shard.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    by_key: BTreeMap<TimerKey, (Time, Purpose)>,
    by_time: BTreeSet<(Time, TimerKey)>,
}

impl TimerKey {
    pub(super) fn of_group(group: &str, kind: Kind) -> Self {
        Self { group: group.to_owned(), kind, member: String::new() }
    }

    pub(super) fn of_member(group: &str, kind: Kind, member: &str) -> Self {
        Self { group: group.to_owned(), kind, member: member.to_owned() }
    }
}

impl Timers {
    /// Sets a timer, in place of the one of its key.
    pub(super) fn set(&mut self, key: TimerKey, at: Time, purpose: Purpose) {
        self.cancel(&key);
        self.by_time.insert((at, key.clone()));
        self.by_key.insert(key, (at, purpose));
    }

    pub(super) fn is_set(&self, key: &TimerKey) -> bool {
        self.by_key.contains_key(key)
    }

    pub(super) fn cancel(&mut self, key: &TimerKey) {
        if let Some((at, _)) = self.by_key.remove(key) {
            self.by_time.remove(&(at, key.clone()));
        }
    }

    /// When the first one fires.
    pub(super) fn next(&self) -> Option<Time> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the first one that is due.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<(TimerKey, Purpose)> {
        let (at, _) = self.by_time.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first().expect("there is a first one");
        let (_, purpose) = self.by_key.remove(&key).expect("a timer has a key and a time");
        Some((key, purpose))
    }
}

/// So many milliseconds later; at once for what is below 0.
pub(super) fn after(now: Time, ms: i32) -> Time {
    now.saturating_add(u64::try_from(ms).unwrap_or(0).saturating_mul(MILLISECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_set_anew_under_its_key_and_fires_in_its_turn() {
        let mut timers = Timers::default();
        let key = |group: &str| TimerKey::of_group(group, Kind::Join);
        timers.set(key("a"), 5, Purpose::Plain);
        timers.set(key("b"), 3, Purpose::Of(1));
        timers.set(key("a"), 2, Purpose::Of(2));
        assert_eq!(timers.next(), Some(2));
        assert_eq!(timers.pop_due(1), None);
        assert_eq!(timers.pop_due(9), Some((key("a"), Purpose::Of(2))));
        timers.cancel(&key("b"));
        assert_eq!((timers.pop_due(9), timers.next()), (None, None));
        assert_eq!(after(1_000, -5), 1_000);
    }
}
