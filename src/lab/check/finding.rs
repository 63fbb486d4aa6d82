//! What a checker found, and the list of it.

use std::sync::Arc;

use crate::lab::scenario::FindingKind;
use crate::sim::Time;
use crate::sim::sorted::sort_by_key;
use crate::wire::TopicPartition;

/// Findings of one kind and partition that are kept, each with another cause.
const KEPT: usize = 100;
/// Sentences that are kept of one finding beside its first.
const ALIKE_KEPT: usize = 10_000;

/// An event of the run, and its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// The virtual time.
    pub time: Time,
    /// The number of the event.
    pub event: u64,
}

/// Something a checker found: all of one kind that one cause made true of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// The virtual time at which it became true, found or not until later.
    pub at_us: Time,
    /// The event that made it true.
    pub event: u64,
    /// The partition it is about.
    pub partition: TopicPartition,
    /// A sentence with the evidence: of several the first.
    pub about: String,
    /// How many there are of the same cause, this one too: records that one truncation lost.
    pub count: u64,
    /// The sentences of the others.
    pub alike: Vec<String>,
}

/// The findings of a run, in the order in which they were found; a copy shares them.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    list: Arc<Vec<Finding>>,
    left_out: u64,
    now: When,
}

impl Findings {
    /// What is found from now on is found after this event.
    pub fn set_instant(&mut self, time: Time, event: u64) {
        self.now = When { time, event };
    }

    /// The event after which something is found now.
    #[must_use]
    pub fn now(&self) -> When {
        self.now
    }

    /// The time of what is found now.
    #[must_use]
    pub fn time(&self) -> Time {
        self.now.time
    }

    /// Adds a finding that the present event made true.
    pub fn add(&mut self, kind: FindingKind, partition: TopicPartition, about: String) {
        self.add_since(self.now, kind, partition, about);
    }

    /// Adds a finding that an event made true, found only now.
    pub fn add_since(&mut self, since: When, kind: FindingKind, partition: TopicPartition, about: String) {
        let is_like = |finding: &Finding| finding.kind == kind && finding.partition == partition;
        let is_same = |finding: &Finding| is_like(finding) && finding.event == since.event;
        if let Some(place) = self.list.iter().position(is_same) {
            let known = &mut Arc::make_mut(&mut self.list)[place];
            known.count += 1;
            if known.alike.len() < ALIKE_KEPT {
                known.alike.push(about);
            }
        } else if self.list.iter().filter(|finding| is_like(finding)).count() >= KEPT {
            self.left_out += 1;
        } else {
            let (at_us, event) = (since.time, since.event);
            let finding = Finding { kind, at_us, event, partition, about, count: 1, alike: Vec::new() };
            Arc::make_mut(&mut self.list).push(finding);
        }
    }

    /// How many more there were of a kind and partition of which a hundred are kept.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// All that are kept, in the order in which they were found.
    #[must_use]
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// The same in the order in which they became true.
    #[must_use]
    pub fn by_date(&self) -> Vec<&Finding> {
        let mut list: Vec<&Finding> = self.list.iter().collect();
        sort_by_key(&mut list, |finding| finding.event.into());
        list
    }
}
