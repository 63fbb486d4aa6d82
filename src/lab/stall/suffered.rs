//! What a reader suffered, as data.

use std::sync::Arc;

use super::reason::Why;
use crate::lab::check::When;
use crate::sim::process::ProcessId;
use crate::sim::sorted::{signed, sort_by_key};
use crate::sim::{SECOND, Time};
use crate::wire::TopicPartition;

/// Partitions that stand still for one cause begin and end within so long of each other.
const NEAR_US: Time = SECOND;

/// Who reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reader {
    /// All members of a group together, by its `group.id`.
    Group(Arc<str>),
    /// A consumer that is in no group.
    Alone(ProcessId),
}

/// A time of a second and longer in which records were there and none was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Who read none.
    pub reader: Reader,
    /// Of which partitions.
    pub partitions: Vec<TopicPartition>,
    /// Since when.
    pub from: When,
    /// Until when, or when it was seen last.
    pub to: When,
    /// Whether it is over.
    pub is_over: bool,
    /// By how many offsets it was behind at the end: `records-lag` of all these partitions.
    pub lag: i64,
    /// What was wrong meanwhile, in the order in which it was seen.
    pub whys: Vec<Why>,
}

impl Stall {
    /// Whether the two are one to whoever tells of them.
    #[must_use]
    pub fn is_one_with(&self, other: &Self) -> bool {
        let near = |one: When, other: When| one.time.abs_diff(other.time) <= NEAR_US;
        let is_same = self.reader == other.reader && self.is_over == other.is_over;
        is_same
            && near(self.from, other.from)
            && near(self.to, other.to)
            && !self.partitions.contains(&other.partitions[0])
    }

    /// Both in one.
    pub fn join(&mut self, other: &Self) {
        self.partitions.extend(&other.partitions);
        sort_by_key(&mut self.partitions, |it| u128::from(it.topic) << 64 | signed(it.partition.into()));
        self.from = if other.from.event < self.from.event { other.from } else { self.from };
        self.to = if other.to.event > self.to.event { other.to } else { self.to };
        self.lag += other.lag;
        for why in &other.whys {
            if !self.whys.iter().any(|known| known.is_one_with(why)) {
                self.whys.push(*why);
            }
        }
    }
}
