//! The leaders that a consumer fetches from, and which of them can be asked for more.

use crate::sim::sorted::{SortedMap, SortedSet};
use crate::wire::TopicPartition;
use crate::wire::fetch_session::FetchSessionHandler;

/// Nothing is fetched from a leader while a fetch to it is in flight, and while the program has not taken all that was fetched
/// from there: what is buffered would drop out of the session. The others are listed, so that a turn of `poll()` does
/// not walk over all leaders.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaders {
    leaders: SortedMap<i32, Leader>,
    idle: SortedSet<i32>,
}

#[derive(Clone, Debug, Default)]
struct Leader {
    session: FetchSessionHandler,
    in_flight: bool,
    /// The number of the last fetch.
    fetch: u64,
    /// Partitions with records from here that the program has not taken yet.
    buffered: u32,
}

impl Leaders {
    /// The first of those that can be asked now whose number is at least this.
    pub(super) fn idle_from(&self, leader: i32) -> Option<i32> {
        self.idle.iter_from(leader).next().copied().filter(|idle| *idle >= leader)
    }

    /// What is wanted of a partition from this leader may have changed.
    pub(super) fn touch(&mut self, leader: i32, partition: TopicPartition) {
        let Self { leaders, idle } = self;
        let known = leaders.get_or_insert_with(leader, || {
            idle.insert(leader);
            Leader::default()
        });
        known.session.touch(partition);
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<i32> {
        self.leaders.keys().iter().copied().collect()
    }

    /// The session with a leader.
    pub(super) fn session(&mut self, leader: i32) -> &mut FetchSessionHandler {
        self.change(leader, |_| {})
    }

    /// A fetch was sent, the consumer's so-many-th.
    pub(super) fn sent(&mut self, leader: i32, fetch: u64) {
        self.change(leader, |known| (known.in_flight, known.fetch) = (true, fetch));
    }

    /// The number of the last fetch to a leader.
    pub(super) fn last_fetch(&self, leader: i32) -> u64 {
        self.leaders.get(&leader).map_or(0, |known| known.fetch)
    }

    /// A fetch was answered, or is lost: the session is to be told.
    pub(super) fn answered(&mut self, leader: i32) -> &mut FetchSessionHandler {
        self.change(leader, |known| known.in_flight = false)
    }

    /// Records of one partition were fetched from here.
    pub(super) fn buffered(&mut self, leader: i32) {
        self.change(leader, |known| known.buffered += 1);
    }

    /// The program has taken all records of one partition that were fetched from here, or they are not wanted any more.
    pub(super) fn taken(&mut self, leader: i32) {
        self.change(leader, |known| {
            known.buffered = known.buffered.checked_sub(1).expect("each buffered partition is counted");
        });
    }

    fn change(&mut self, leader: i32, change: impl FnOnce(&mut Leader)) -> &mut FetchSessionHandler {
        let known = self.leaders.get_mut(&leader).expect("only a leader that is known is asked to fetch");
        let was_idle = known.is_idle();
        change(known);
        match (was_idle, known.is_idle()) {
            (true, false) => _ = self.idle.remove(&leader),
            (false, true) => _ = self.idle.insert(leader),
            // It stands in the list, or does not, as before.
            (true, true) | (false, false) => {}
        }
        &mut known.session
    }
}

impl Leader {
    fn is_idle(&self) -> bool {
        !self.in_flight && self.buffered == 0
    }
}
