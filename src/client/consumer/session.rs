//! A fetch session with one leader (KIP-227; Kafka: `FetchSessionHandler`): each fetch names only what changed.

use std::collections::BTreeMap;

use crate::sim::sorted::SortedSet;
use crate::wire::TopicPartition;

/// What a fetch says of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) offset: i64,
    pub(super) leader_epoch: i32,
}

/// The client's side of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    id: i32,
    epoch: i32,
    /// What the leader believes that we want.
    told: BTreeMap<TopicPartition, Wanted>,
    /// Partitions of this leader whose entry may have changed since.
    pub(super) dirty: SortedSet<TopicPartition>,
    /// A fetch is in flight.
    pub(super) in_flight: bool,
    /// Partitions of this leader with records that the program has not taken yet: no fetch until it has.
    pub(super) buffered: u32,
}

/// The next fetch of a session.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) session_id: i32,
    pub(super) session_epoch: i32,
    pub(super) partitions: Vec<(TopicPartition, Wanted)>,
    pub(super) forgotten: Vec<TopicPartition>,
}

impl Session {
    /// Whether there is anything to fetch from this leader.
    pub(super) fn wants_any(&self, wanted: impl Fn(TopicPartition) -> Option<Wanted>) -> bool {
        self.told.keys().chain(&self.dirty).any(|partition| wanted(*partition).is_some())
    }

    /// The next fetch; `wanted` is `None` for a partition that is not to be fetched from this leader (now). `None`
    /// where nothing is.
    pub(super) fn plan(&mut self, wanted: impl Fn(TopicPartition) -> Option<Wanted>) -> Option<Plan> {
        let mut changed = Vec::with_capacity(self.dirty.len());
        let mut forgotten = Vec::new();
        for partition in &self.dirty {
            match wanted(*partition) {
                Some(now) => {
                    if self.told.insert(*partition, now) != Some(now) {
                        changed.push((*partition, now));
                    }
                }
                None => {
                    if self.told.remove(partition).is_some() {
                        forgotten.push(*partition);
                    }
                }
            }
        }
        self.dirty.clear();
        let is_full = self.epoch == 0;
        if self.told.is_empty() {
            // What is forgotten is told with the next fetch, in a session that begins anew.
            self.epoch = 0;
            return None;
        }
        let all = || self.told.iter().map(|(partition, wanted)| (*partition, *wanted)).collect();
        let partitions = if is_full { all() } else { changed };
        if is_full {
            forgotten.clear();
        }
        Some(Plan { session_id: self.id, session_epoch: self.epoch, partitions, forgotten })
    }

    /// A fetch was answered: the session goes on, with the id that a full fetch was given.
    pub(super) fn answered(&mut self, id: i32) {
        self.in_flight = false;
        let goes_on = id != 0;
        self.epoch = if !goes_on {
            0
        } else if self.epoch == i32::MAX {
            1
        } else {
            self.epoch + 1
        };
        self.id = id;
    }

    /// The leader does not know the session.
    pub(super) fn not_found(&mut self) {
        (self.id, self.epoch, self.in_flight) = (0, 0, false);
    }

    /// The fetch failed: a full one closes the session and begins another.
    pub(super) fn failed(&mut self) {
        (self.epoch, self.in_flight) = (0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition { topic: 0, partition: number }
    }

    fn at(offset: i64) -> Option<Wanted> {
        Some(Wanted { offset, leader_epoch: 0 })
    }

    #[test]
    fn names_everything_once_and_then_only_what_changed() {
        let mut session = Session { dirty: [partition(0), partition(1)].into(), ..Session::default() };
        let full = session.plan(|_| at(0)).expect("a full fetch");
        assert_eq!((full.session_id, full.session_epoch, full.partitions.len()), (0, 0, 2));
        session.answered(7);
        session.dirty = [partition(0), partition(1)].into();
        let next = session.plan(|p| at(i64::from(p.partition))).expect("an incremental fetch");
        assert_eq!((next.session_id, next.session_epoch), (7, 1));
        assert_eq!(next.partitions, [(partition(1), Wanted { offset: 1, leader_epoch: 0 })]);
    }

    #[test]
    fn forgets_what_is_no_longer_fetched_and_begins_anew_after_a_failure() {
        let mut session = Session { dirty: [partition(0), partition(1)].into(), ..Session::default() };
        session.plan(|_| at(0));
        session.answered(7);
        session.dirty = [partition(0)].into();
        let next = session.plan(|_| None).expect("one partition is left");
        assert_eq!(next.forgotten, [partition(0)]);
        session.failed();
        let full = session.plan(|_| None).expect("one partition is left");
        assert_eq!((full.session_id, full.session_epoch, full.partitions.len()), (7, 0, 1));
    }
}
