//! Runs as a tree: branches that share their past, and somebody who stands at an instant of one of them.
//!
//! Whoever acts where nothing later is known goes on with the run. Whoever acts in the past begins a branch: it has the
//! events, turning points and snapshots up to there in common with the branch that it leaves, which keeps its future.
//! Every way to an instant of a branch leads to the state of a straight run with that branch's commands.

use std::sync::Arc;

use super::branch::{Branch, Past, Run};
use super::fork::{BranchId, Fork};
use super::timeline::Timeline;
use crate::sim::Time;

/// Branches of a tree: each one's own events take 32 bytes, and a person could not tell more of them apart.
pub const BRANCHES: usize = 100;

/// What came of acting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acted {
    /// The branch on which it was done: the present one.
    pub branch: BranchId,
    /// That branch began with it.
    pub began: bool,
}

/// Why something could not be done to a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BranchError {
    /// There is none with this number.
    #[error("there is no branch {0}")]
    Unknown(u32),
    /// A tree has at least one.
    #[error("the only branch cannot be removed")]
    Only,
    /// There are as many as there may be.
    #[error("there are {BRANCHES} branches: remove one first")]
    TooMany,
}

/// Branches, and an instant of one of them.
#[derive(Clone, Debug)]
pub struct Tree<R: Run> {
    /// By number.
    branches: Vec<Branch<R>>,
    next: u32,
    timeline: Timeline<R>,
    /// The place of the present branch.
    present: usize,
    state: R,
    now_us: Time,
}

impl<R: Run> Tree<R> {
    /// A tree with one branch, called so, on which these commands are given, in order of time; at its start.
    #[must_use]
    pub fn new(start: R, name: &str, commands: Arc<[R::Command]>) -> Self {
        Self::with_timeline(start.clone(), name, commands, Timeline::new(BranchId(0), start))
    }

    fn with_timeline(mut start: R, name: &str, commands: Arc<[R::Command]>, timeline: Timeline<R>) -> Self {
        assert_eq!((start.event(), start.commands_done()), (0, 0), "a tree begins where nothing has happened");
        start.set_commands(Arc::clone(&commands));
        let first = Branch {
            id: BranchId(0),
            name: name.to_owned(),
            fork: None,
            commands,
            past: R::Past::default(),
            computed_us: 0,
        };
        Self { branches: vec![first], next: 1, timeline, present: 0, state: start, now_us: 0 }
    }

    /// All branches, by number.
    #[must_use]
    pub fn branches(&self) -> &[Branch<R>] {
        &self.branches
    }

    /// The branch of the present instant.
    #[must_use]
    pub fn branch(&self) -> &Branch<R> {
        &self.branches[self.present]
    }

    /// The state at the present instant.
    #[must_use]
    pub fn state(&self) -> &R {
        &self.state
    }

    /// The present time: that of the last event, or later where nothing has happened since.
    #[must_use]
    pub fn now_us(&self) -> Time {
        self.now_us
    }

    /// About how many bytes snapshots take.
    #[must_use]
    pub fn snapshot_bytes(&self) -> usize {
        self.timeline.bytes()
    }

    /// Goes to the instant after the last event at or before `time_us`, at most the end of the run.
    pub fn seek_time(&mut self, time_us: Time) {
        let arrived = self.advance(time_us, u64::MAX);
        assert!(arrived, "nothing but the number of new events stops it");
    }

    /// As [`seek_time`](Self::seek_time), but computes at most so many events that are new; true where it arrived.
    pub fn advance(&mut self, time_us: Time, new_events: u64) -> bool {
        let time_us = time_us.min(self.state.end_us());
        if self.state.is_finished() && time_us == self.state.end_us() {
            return true;
        }
        let Branch { past, computed_us, .. } = self.branch();
        let (events, computed_us) = (past.events(), *computed_us);
        self.restore(past.last_at(time_us.min(computed_us)));
        // Of the last time that is computed there may be more.
        if time_us >= computed_us {
            let last = events.saturating_add(new_events);
            loop {
                if self.branch().past.events() >= last {
                    // Later events of the same time may follow, but not earlier ones.
                    self.now_us = self.state_time().max(computed_us);
                    return false;
                }
                if self.step_until(time_us).is_none() {
                    break;
                }
            }
        }
        self.arrive(time_us);
        true
    }

    /// Goes to the instant of this event, or to the end of the run where that comes before it. An event is one instant:
    /// its time is the present one, whatever the way.
    pub fn seek_event(&mut self, event: u64) {
        if self.state.is_finished() && event > self.state.event() {
            return;
        }
        self.restore(event.min(self.branch().past.events()));
        while self.state.event() < event {
            if self.step_until(Time::MAX).is_none() {
                return self.arrive(self.state.end_us());
            }
        }
        self.now_us = self.state_time();
    }

    /// Goes to the next turning point, or to the end of the run.
    pub fn seek_turning_point(&mut self) {
        if let Some(event) = self.branch().past.turning_point_after(self.state.event()) {
            return self.seek_event(event);
        }
        if self.state.is_finished() {
            return;
        }
        self.restore(self.branch().past.events());
        loop {
            match self.step_until(Time::MAX) {
                Some(true) => break self.now_us = self.state_time(),
                // An event that is no turning point.
                Some(false) => {}
                None => break self.arrive(self.state.end_us()),
            }
        }
    }

    /// Goes back to the last turning point before the present event, or to the start.
    pub fn seek_turning_point_before(&mut self) {
        self.seek_event(self.branch().past.turning_point_before(self.state.event()).unwrap_or(0));
    }

    /// Does this now. Where something later is known a branch begins, called as `name` says, and the present one keeps
    /// its future.
    pub fn act(&mut self, command: R::Command, name: impl FnOnce(BranchId) -> String) -> Result<Acted, BranchError> {
        let (event, done) = (self.state.event(), self.state.commands_done());
        let branch = self.branch();
        assert!(done <= branch.commands.len(), "what is done is a command of the branch");
        let is_past = branch.past.events() > event
            || branch.computed_us > self.now_us
            || branch.commands.len() > done
            || branch.past.has_ended();
        if is_past && self.branches.len() >= BRANCHES {
            return Err(BranchError::TooMany);
        }
        let commands: Arc<[R::Command]> = branch.commands[..done].iter().cloned().chain([command]).collect();
        if is_past {
            self.fork(event, name);
        }
        self.state.set_commands(Arc::clone(&commands));
        self.branches[self.present].commands = commands;
        let common = self.step_to_command(done);
        if is_past {
            self.settle_fork(event, common);
        }
        self.seek_time(self.now_us);
        assert!(self.state.commands_done() > done, "what is done now has happened");
        Ok(Acted { branch: self.branch().id, began: is_past })
    }

    /// Goes to another branch, where it is at the present time.
    pub fn switch(&mut self, id: BranchId) -> Result<(), BranchError> {
        let now_us = self.now_us;
        self.enter(self.place_of(id)?);
        self.seek_time(now_us);
        Ok(())
    }

    /// Goes to another branch, at its start; for whoever seeks on from there.
    pub fn switch_to_start(&mut self, id: BranchId) -> Result<(), BranchError> {
        self.enter(self.place_of(id)?);
        self.now_us = self.state_time();
        Ok(())
    }

    /// Calls a branch so.
    pub fn rename(&mut self, id: BranchId, name: String) -> Result<(), BranchError> {
        let place = self.place_of(id)?;
        self.branches[place].name = name;
        Ok(())
    }

    /// Forgets a branch. Those that leave it stay: the one that goes the farthest along it takes its place. Whoever stands
    /// on it goes to where it left its parent, or its heir left it.
    pub fn remove(&mut self, id: BranchId) -> Result<(), BranchError> {
        let place = self.place_of(id)?;
        if self.branches.len() == 1 {
            return Err(BranchError::Only);
        }
        let leaving = |branch: &&Branch<R>| branch.fork.is_some_and(|fork| fork.parent == id);
        let children = self.branches.iter().filter(leaving);
        let heir = children.max_by_key(|branch| (branch.fork.map(|fork| fork.event), branch.id)).map(|heir| heir.id);
        let standing = self.branch().id;
        let removed = self.branches.remove(place);
        let mut left_at = removed.fork;
        for branch in &mut self.branches {
            match (&mut branch.fork, heir) {
                (fork, Some(heir)) if branch.id == heir => {
                    let before = std::mem::replace(fork, removed.fork);
                    let after = |left: Fork| before.is_some_and(|fork| fork.event > left.event);
                    assert!(removed.fork.is_none_or(after), "a branch is left after it begins");
                    left_at = left_at.or(before);
                }
                (Some(fork), Some(heir)) if fork.parent == id => fork.parent = heir,
                // It leaves another branch, or none.
                (Some(_) | None, _) => {}
            }
        }
        self.timeline.remove(id, heir);
        if standing != id {
            self.present = self.place_of(standing)?;
            return Ok(());
        }
        let next = removed.fork.map(|fork| fork.parent).or(heir).expect("the tree is in one piece");
        let time_us = left_at.map_or(0, |fork| fork.time_us);
        self.enter(self.place_of(next)?);
        self.seek_time(time_us);
        Ok(())
    }

    fn place_of(&self, id: BranchId) -> Result<usize, BranchError> {
        self.branches.binary_search_by_key(&id, |branch| branch.id).map_err(|_| BranchError::Unknown(id.0))
    }

    /// The time of the last event.
    fn state_time(&self) -> Time {
        self.branch().past.time_of(self.state.event())
    }

    /// Stands on another branch, at its start.
    fn enter(&mut self, place: usize) {
        self.present = place;
        let branch = self.branches[place].id;
        self.timeline.uses(branch);
        self.state = self.timeline.nearest(branch, 0).clone();
        self.state.set_commands(Arc::clone(&self.branches[place].commands));
    }

    /// Goes to an event that has been computed, from the present one where that is nearer than a snapshot.
    fn restore(&mut self, event: u64) {
        let branch = self.branch();
        let (id, commands) = (branch.id, Arc::clone(&branch.commands));
        let nearest = self.timeline.nearest(id, event);
        if self.state.is_finished() || self.state.event() > event || self.state.event() < nearest.event() {
            self.state = nearest.clone();
            self.state.set_commands(commands);
            self.timeline.uses(id);
        }
        while self.state.event() < event {
            let occurrence = self.state.step_until(Time::MAX);
            assert!(occurrence.is_some(), "an event that is known happens again");
            self.timeline.visit(id, &self.state);
        }
        assert_eq!(self.state.event(), event, "a known event is reached");
    }

    /// Lets the next event happen, one that is not known yet, if it is at or before `limit`; says whether it is a turning
    /// point.
    fn step_until(&mut self, limit: Time) -> Option<bool> {
        let occurrence = self.state.step_until(limit)?;
        let branch = &mut self.branches[self.present];
        let is_turning_point = branch.past.push(occurrence);
        let event = self.state.event();
        assert_eq!(branch.past.events(), event, "events are told one after the other");
        let time = branch.past.time_of(event);
        assert!(time >= branch.computed_us || branch.computed_us == 0, "time does not go back");
        branch.computed_us = branch.computed_us.max(time);
        let id = branch.id;
        self.timeline.visit(id, &self.state);
        Some(is_turning_point)
    }

    /// Nothing more happens up to `time_us`.
    fn arrive(&mut self, time_us: Time) {
        self.now_us = time_us;
        let branch = &mut self.branches[self.present];
        branch.computed_us = branch.computed_us.max(time_us);
        if time_us == self.state.end_us() && !self.state.is_finished() {
            branch.past.end(self.state.finish());
        }
    }

    /// The present branch keeps its future; the present instant is that of a new one.
    fn fork(&mut self, event: u64, name: impl FnOnce(BranchId) -> String) {
        let id = BranchId(self.next);
        self.next += 1;
        let present = self.branch();
        let commands = Arc::clone(&present.commands);
        let mut past = present.past.clone();
        past.cut(event);
        // Before the present branch began, it is another one that is left.
        let mut parent = present;
        while let Some(earlier) = parent.fork.filter(|fork| event <= fork.event) {
            parent = &self.branches[self.place_of(earlier.parent).expect("a parent is there")];
        }
        let fork = Fork { parent: parent.id, event, time_us: self.now_us };
        self.branches.push(Branch { id, name: name(id), fork: Some(fork), commands, past, computed_us: self.now_us });
        self.present = self.branches.len() - 1;
        self.timeline.fork(id, fork);
        self.timeline.uses(id);
        if self.state.is_finished() {
            self.state = self.timeline.nearest(id, event).clone();
        }
    }

    /// Other events of the present time may come before what somebody does; the last one that does, once it is done.
    fn step_to_command(&mut self, done: usize) -> u64 {
        while self.state.event() < self.branch().past.events() {
            // Only after the end of the run, whose state is not gone on with.
            assert!(self.state.step_until(Time::MAX).is_some(), "an event that is known happens again");
        }
        loop {
            let before = self.state.event();
            let stepped = self.step_until(self.now_us);
            assert!(stepped.is_some(), "what is done now happens now");
            if self.state.commands_done() > done {
                return before;
            }
        }
    }

    /// A branch has the events that come before its command in common with its parent, as far as that is computed.
    fn settle_fork(&mut self, event: u64, common: u64) {
        let branch = self.branch();
        let fork = branch.fork.expect("it has just left its parent");
        let parent = self.place_of(fork.parent).expect("its parent is there");
        let parent = &self.branches[parent].past;
        let same = (event + 1..=common.min(parent.events())).take_while(|event| branch.past.is_same(parent, *event));
        let fork = Fork { event: same.last().unwrap_or(event), ..fork };
        self.branches[self.present].fork = Some(fork);
        self.timeline.move_fork(self.branches[self.present].id, fork);
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests;
