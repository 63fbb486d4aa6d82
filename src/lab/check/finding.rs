//! What a checker found, and the list of it.

use std::sync::Arc;

use crate::lab::scenario::FindingKind;
use crate::wire::TopicPartition;

/// Findings of one kind that are kept: the hundred-and-first lost record says nothing new.
const KEPT_OF_A_KIND: usize = 100;

/// Something a checker found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// At which virtual time.
    pub at_us: u64,
    /// After which event.
    pub event: u64,
    /// The partition it is about.
    pub partition: TopicPartition,
    /// A sentence with the evidence.
    pub about: String,
}

/// The findings of a run, oldest first; a copy shares them.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    list: Arc<Vec<Finding>>,
    time: u64,
    event: u64,
}

impl Findings {
    /// What is found from now on is found after this event.
    pub fn set_instant(&mut self, time: u64, event: u64) {
        (self.time, self.event) = (time, event);
    }

    /// Adds a finding.
    pub fn add(&mut self, kind: FindingKind, partition: TopicPartition, about: String) {
        if self.list.iter().filter(|finding| finding.kind == kind).count() < KEPT_OF_A_KIND {
            let finding = Finding { kind, at_us: self.time, event: self.event, partition, about };
            Arc::make_mut(&mut self.list).push(finding);
        }
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn list(&self) -> &[Finding] {
        &self.list
    }
}
