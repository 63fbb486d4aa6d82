//! Snapshots of the branches of a run, so that any event of any of them is near one.
//!
//! A snapshot is a clone that shares what did not change since the one before. They are paced by what they cost, and
//! all branches together have one budget: when it is spent, the branch that was not used for the longest time gives
//! every other of its own. What branches have in common lies with the branch that computed it, and is found from there.

use super::fork::{BranchId, Fork};

/// Least events between two snapshots: going over them again takes a few milliseconds.
const SPACING_MIN: u64 = 4_000;

/// A snapshot is worth an event for each so many of its bytes: copying them takes a twentieth of that time.
const BYTES_PER_EVENT: usize = 192;

/// Bytes of snapshots that are kept.
const BUDGET_BYTES: usize = 256 << 20;

/// Something that goes from event to event, the same way each time.
pub trait Replay: Clone {
    /// How many events have happened.
    fn event(&self) -> u64;
    /// About how many bytes a snapshot takes that it does not share with the one before.
    fn snapshot_bytes(&self) -> usize;
    /// Lets the next event happen; false where the run is over.
    fn advance(&mut self) -> bool;
}

/// The snapshots of all branches.
#[derive(Clone, Debug)]
pub struct Timeline<S> {
    /// By branch.
    lanes: Vec<Lane<S>>,
    bytes: usize,
    budget_bytes: usize,
    /// Counts uses, for those that are not used any more.
    uses: u64,
    /// The event from which on the branch in use may want a snapshot: asked at every event.
    due: u64,
}

/// What one branch has of its own: snapshots after the event at which it leaves its parent.
#[derive(Clone, Debug)]
struct Lane<S> {
    branch: BranchId,
    fork: Option<Fork>,
    /// In order of events. The first of a lane that leaves no other is the start of the run, and stays.
    own: Vec<Snapshot<S>>,
    spacing: u64,
    used: u64,
}

#[derive(Clone, Debug)]
struct Snapshot<S> {
    event: u64,
    bytes: usize,
    state: S,
}

impl<S: Replay> Timeline<S> {
    /// A timeline with one branch that can always go back to `start`.
    #[must_use]
    pub fn new(branch: BranchId, start: S) -> Self {
        Self::with_budget(branch, start, BUDGET_BYTES)
    }

    /// The same with another budget.
    #[must_use]
    pub fn with_budget(branch: BranchId, start: S, budget_bytes: usize) -> Self {
        let start = Snapshot { event: start.event(), bytes: start.snapshot_bytes(), state: start };
        let bytes = start.bytes;
        let lane = Lane { branch, fork: None, own: vec![start], spacing: SPACING_MIN, used: 0 };
        Self { lanes: vec![lane], bytes, budget_bytes, uses: 0, due: 0 }
    }

    /// Another branch.
    pub fn fork(&mut self, branch: BranchId, fork: Fork) {
        assert!(self.lanes.iter().all(|lane| lane.branch < branch), "a branch has a number of its own");
        let spacing = self.lanes[self.place_of(fork.parent)].spacing;
        self.lanes.push(Lane { branch, fork: Some(fork), own: Vec::new(), spacing, used: 0 });
    }

    /// A branch has more in common with its parent than was known.
    pub fn move_fork(&mut self, branch: BranchId, fork: Fork) {
        let place = self.place_of(branch);
        let lane = &mut self.lanes[place];
        lane.fork = Some(fork);
        let common = lane.own.partition_point(|snapshot| snapshot.event <= fork.event);
        self.bytes -= lane.own.drain(..common).map(|snapshot| snapshot.bytes).sum::<usize>();
    }

    /// Forgets a branch. Where others leave it, `heir` is the one of them that goes the farthest along it, and takes what
    /// they have in common.
    pub fn remove(&mut self, branch: BranchId, heir: Option<BranchId>) {
        let removed = self.lanes.remove(self.place_of(branch));
        assert!(heir.is_some() || removed.fork.is_some(), "the start of the run stays with somebody");
        let mut left = removed.own;
        if let Some(heir) = heir {
            let place = self.place_of(heir);
            let lane = &mut self.lanes[place];
            let fork = std::mem::replace(&mut lane.fork, removed.fork).expect("an heir leaves another branch");
            assert_eq!(fork.parent, branch, "the heir leaves the branch that goes");
            let beyond = left.split_off(left.partition_point(|snapshot| snapshot.event <= fork.event));
            left.append(&mut lane.own);
            lane.own = std::mem::replace(&mut left, beyond);
            for lane in &mut self.lanes {
                if let Some(fork) = lane.fork.as_mut().filter(|fork| fork.parent == branch) {
                    fork.parent = heir;
                }
            }
        }
        self.bytes -= left.iter().map(|snapshot| snapshot.bytes).sum::<usize>();
    }

    /// A branch is in use: it and those that it leaves keep their snapshots the longest.
    pub fn uses(&mut self, branch: BranchId) {
        self.uses += 1;
        self.due = 0;
        let mut next = Some(branch);
        while let Some(branch) = next {
            let place = self.place_of(branch);
            self.lanes[place].used = self.uses;
            next = self.lanes[place].fork.map(|fork| fork.parent);
        }
    }

    /// Takes a snapshot of the branch in use where one is due.
    pub fn visit(&mut self, branch: BranchId, state: &S) {
        if state.event() >= self.due {
            self.consider(branch, state);
        }
    }

    /// The state of a branch after the last snapshot at or before `event`.
    #[must_use]
    pub fn nearest(&self, branch: BranchId, event: u64) -> &S {
        let (mut branch, mut event) = (branch, event);
        loop {
            let lane = &self.lanes[self.place_of(branch)];
            let after = lane.own.partition_point(|snapshot| snapshot.event <= event);
            match (after.checked_sub(1), lane.fork) {
                (Some(last), _) => return &lane.own[last].state,
                (None, Some(fork)) => (branch, event) = (fork.parent, event.min(fork.event)),
                // Only before the start.
                (None, None) => return &lane.own[0].state,
            }
        }
    }

    /// How many snapshots there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lanes.iter().map(|lane| lane.own.len()).sum()
    }

    /// Never: there is always the start.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a snapshot unless there is one near, and finds out when to look again.
    fn consider(&mut self, branch: BranchId, state: &S) {
        let (event, bytes) = (state.event(), state.snapshot_bytes());
        let place = self.place_at(branch, event);
        let lane = &mut self.lanes[place];
        let pace = lane.spacing.max((bytes / BYTES_PER_EVENT) as u64);
        let at = lane.own.partition_point(|snapshot| snapshot.event <= event);
        let before = match (at.checked_sub(1), lane.fork) {
            (Some(last), _) => lane.own[last].event,
            // Nothing of its own yet: the first one is a pace from where it begins.
            (None, fork) => fork.map_or(0, |fork| fork.event),
        };
        if event < before + pace {
            self.due = before + pace;
            return;
        }
        if let Some(next) = lane.own.get(at).filter(|next| next.event < event + pace / 2) {
            self.due = next.event + pace;
            return;
        }
        lane.own.insert(at, Snapshot { event, bytes, state: state.clone() });
        self.bytes += bytes;
        self.due = event + pace;
        if self.bytes > self.budget_bytes {
            self.thin();
        } else if self.bytes < self.budget_bytes / 4 {
            let lane = &mut self.lanes[place];
            lane.spacing = (lane.spacing / 2).max(SPACING_MIN);
        }
    }

    /// Every other snapshot of the branch goes that was not used for the longest time; of several in use, of the one that
    /// has most, and that is paced slower from then on.
    fn thin(&mut self) {
        while self.bytes > self.budget_bytes {
            let gives = |lane: &&mut Lane<S>| lane.own.len() > usize::from(lane.fork.is_none());
            let order = |lane: &&mut Lane<S>| (lane.used, std::cmp::Reverse(lane.own.len()));
            let Some(lane) = self.lanes.iter_mut().filter(gives).min_by_key(order) else {
                // Nothing is left but the start of the run, however large it is.
                return;
            };
            // The start stays; of any other lane even the last one may go.
            let kept = usize::from(lane.fork.is_some());
            let mut place = 0;
            let mut freed = 0;
            lane.own.retain(|snapshot| {
                place += 1;
                let stays = (place - 1) % 2 == kept;
                freed += if stays { 0 } else { snapshot.bytes };
                stays
            });
            // What a dropped one shared with its neighbours is not freed; the sum is as rough as its parts.
            self.bytes -= freed;
            // One that is not in use gets them back when it is.
            if lane.used == self.uses {
                lane.spacing *= 2;
            }
        }
    }

    /// The lane with what a branch has at an event.
    fn place_at(&self, branch: BranchId, event: u64) -> usize {
        let mut place = self.place_of(branch);
        while let Some(fork) = self.lanes[place].fork.filter(|fork| event <= fork.event) {
            place = self.place_of(fork.parent);
        }
        place
    }

    fn place_of(&self, branch: BranchId) -> usize {
        self.lanes.binary_search_by_key(&branch, |lane| lane.branch).expect("the branch is there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that is its own number of events.
    #[derive(Clone, Debug, PartialEq)]
    struct Count(u64);

    impl Replay for Count {
        fn event(&self) -> u64 {
            self.0
        }
        fn snapshot_bytes(&self) -> usize {
            1_000
        }
        fn advance(&mut self) -> bool {
            self.0 += 1;
            true
        }
    }

    const FIRST: BranchId = BranchId(0);

    fn play(timeline: &mut Timeline<Count>, branch: BranchId, events: std::ops::Range<u64>) {
        timeline.uses(branch);
        events.for_each(|event| timeline.visit(branch, &Count(event)));
    }

    fn own(timeline: &Timeline<Count>, branch: u32) -> usize {
        timeline.lanes[timeline.place_of(BranchId(branch))].own.len()
    }

    #[test]
    fn snapshots_are_near_and_within_the_budget_however_long_the_run() {
        let mut timeline = Timeline::with_budget(FIRST, Count(0), 50_000);
        play(&mut timeline, FIRST, 0..1_000_000);
        assert!((20..=50).contains(&timeline.len()) && timeline.bytes() <= 50_000);
        let far = 1_000_000 / timeline.len() as u64 * 3;
        for event in (0..1_000_000).step_by(7_919) {
            let nearest = timeline.nearest(FIRST, event).event();
            assert!(nearest <= event && event - nearest <= far, "{nearest} for {event}");
        }
    }

    #[test]
    fn a_branch_finds_what_it_has_in_common_with_its_parent_and_nothing_later() {
        let mut timeline = Timeline::new(FIRST, Count(0));
        play(&mut timeline, FIRST, 0..100_000);
        timeline.fork(BranchId(1), Fork { parent: FIRST, event: 41_500, time_us: 0 });
        assert_eq!(timeline.nearest(BranchId(1), u64::MAX).event(), 40_000);
        play(&mut timeline, BranchId(1), 41_501..60_000);
        assert_eq!(timeline.nearest(BranchId(1), 46_000).event(), 45_500);
        assert_eq!(timeline.nearest(BranchId(1), 45_000).event(), 40_000);
        assert_eq!(timeline.nearest(FIRST, 46_000).event(), 44_000);
        // Gone over again, it takes what is missing nowhere twice.
        let before = timeline.len();
        play(&mut timeline, BranchId(1), 0..60_000);
        assert_eq!(timeline.len(), before);
    }

    #[test]
    fn the_branch_that_was_not_used_for_the_longest_time_gives_first() {
        let mut timeline = Timeline::with_budget(FIRST, Count(0), 30_000);
        play(&mut timeline, FIRST, 0..40_000);
        for (branch, event) in [(1, 10_000), (2, 20_000)] {
            timeline.fork(BranchId(branch), Fork { parent: FIRST, event, time_us: 0 });
            play(&mut timeline, BranchId(branch), event + 1..event + 60_000);
        }
        let (first, second) = (own(&timeline, 1), own(&timeline, 2));
        assert_eq!((own(&timeline, 0), second), (10, 14), "the branch in use and what it leaves have theirs");
        assert!(first < 14 && timeline.bytes() <= 30_000, "{first}");
        // Used again, it gets them back from the other.
        play(&mut timeline, BranchId(1), 10_001..70_000);
        assert!(own(&timeline, 1) > first && own(&timeline, 2) < second && timeline.bytes() <= 30_000);
    }

    #[test]
    fn an_heir_keeps_what_others_share_with_the_branch_that_goes() {
        let mut timeline = Timeline::new(FIRST, Count(0));
        play(&mut timeline, FIRST, 0..100_000);
        for (branch, event) in [(1, 30_000), (2, 50_000)] {
            timeline.fork(BranchId(branch), Fork { parent: FIRST, event, time_us: 0 });
            play(&mut timeline, BranchId(branch), event + 1..event + 20_000);
        }
        timeline.remove(FIRST, Some(BranchId(2)));
        assert_eq!(timeline.nearest(BranchId(2), 51_000).event(), 48_000);
        assert_eq!(timeline.nearest(BranchId(1), 30_500).event(), 28_000);
        assert_eq!(timeline.nearest(BranchId(1), 0).event(), 0);
        assert_eq!(timeline.bytes(), timeline.len() * 1_000);
        timeline.remove(BranchId(1), None);
        assert_eq!(timeline.bytes(), timeline.len() * 1_000);
    }

    #[test]
    fn what_is_larger_than_the_budget_leaves_the_start() {
        let mut timeline = Timeline::with_budget(FIRST, Count(0), 10);
        play(&mut timeline, FIRST, 0..100_000);
        assert_eq!((timeline.len(), timeline.nearest(FIRST, 90_000).event()), (1, 0));
    }
}
