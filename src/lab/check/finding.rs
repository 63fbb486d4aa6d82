//! What a checker found, and the list of it.

use std::sync::Arc;

use crate::lab::scenario::FindingKind;
use crate::wire::TopicPartition;

/// Findings of one kind and partition that are kept: the hundred-and-first lost record says nothing new.
const KEPT: usize = 100;

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
    left_out: u64,
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
        let is_like = |finding: &&Finding| finding.kind == kind && finding.partition == partition;
        if self.list.iter().filter(is_like).count() >= KEPT {
            self.left_out += 1;
        } else {
            let finding = Finding { kind, at_us: self.time, event: self.event, partition, about };
            Arc::make_mut(&mut self.list).push(finding);
        }
    }

    /// How many more there were of a kind and partition of which a hundred are kept.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// All that are kept, oldest first.
    #[must_use]
    pub fn list(&self) -> &[Finding] {
        &self.list
    }
}
