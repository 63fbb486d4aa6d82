//! A branch of a tree of runs: what is done on it, and what is known of it.

use std::fmt::Debug;
use std::sync::Arc;

use super::fork::{BranchId, Fork};
use super::timeline::Replay;
use crate::sim::Time;

/// A run that is told event by event and that somebody can act on from outside.
pub trait Run: Replay {
    /// What somebody does.
    type Command: Clone + Debug;
    /// What is told of an event.
    type Occurrence;
    /// What is kept of what was told.
    type Past: Past<Occurrence = Self::Occurrence>;

    /// When the run ends.
    fn end_us(&self) -> Time;
    /// Lets the next event happen if it is at or before `limit`.
    fn step_until(&mut self, limit: Time) -> Option<Self::Occurrence>;
    /// How many of the commands are done.
    fn commands_done(&self) -> usize;
    /// Other commands from now on; those that are done must be the same.
    fn set_commands(&mut self, commands: Arc<[Self::Command]>);
    /// The last word on the run, at its end.
    fn finish(&mut self) -> <Self::Past as Past>::LastWords;
    /// Whether it is said.
    fn is_finished(&self) -> bool;
}

/// What is known of a run, event by event, from 1. It stays outside of snapshots. A clone shares what it can.
pub trait Past: Clone + Debug + Default {
    /// What is told of an event.
    type Occurrence;
    /// What is told at the end.
    type LastWords;

    /// How many events are known.
    fn events(&self) -> u64;
    /// When an event happened; 0 for event 0, the start.
    fn time_of(&self, event: u64) -> Time;
    /// The last event at or before a time; 0 where there is none.
    fn last_at(&self, time: Time) -> u64;
    /// Whether an event is the same here and there.
    fn is_same(&self, other: &Self, event: u64) -> bool;
    /// Takes in the next event; whether it is a turning point.
    fn push(&mut self, occurrence: Self::Occurrence) -> bool;
    /// Takes in the last word; says nothing twice.
    fn end(&mut self, words: Self::LastWords);
    /// Whether the end is known.
    fn has_ended(&self) -> bool;
    /// Forgets the end and all events after this one.
    fn cut(&mut self, event: u64);
    /// The first turning point after an event.
    fn turning_point_after(&self, event: u64) -> Option<u64>;
    /// The last turning point before an event.
    fn turning_point_before(&self, event: u64) -> Option<u64>;
}

/// One branch.
#[derive(Clone, Debug)]
pub struct Branch<R: Run> {
    pub(super) id: BranchId,
    pub(super) name: String,
    pub(super) fork: Option<Fork>,
    pub(super) commands: Arc<[R::Command]>,
    pub(super) past: R::Past,
    pub(super) computed_us: Time,
}

impl<R: Run> Branch<R> {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> BranchId {
        self.id
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it leaves its parent; `None` for one that leaves none.
    #[must_use]
    pub fn fork(&self) -> Option<Fork> {
        self.fork
    }

    /// What is done on it from outside, in order of time; those before it leaves its parent are its parent's, too.
    #[must_use]
    pub fn commands(&self) -> &Arc<[R::Command]> {
        &self.commands
    }

    /// What is known of it, from the start of the run on.
    #[must_use]
    pub fn past(&self) -> &R::Past {
        &self.past
    }

    /// Up to which time it is computed.
    #[must_use]
    pub fn computed_us(&self) -> Time {
        self.computed_us
    }
}
