//! Whose failure would be one too many.
//!
//! The budget is what the claim of no loss is made for: of each partition one replica at a time has failed, from the fault
//! until it is back in the committed ISR. A replica is one failure however much is done to its broker. A link between two
//! is the failure of one of them: the fault says whose. Clients are no replicas, and the controller is none: while it is
//! down no ISR changes, so that whoever was out of it stays out and counts as failed.

use super::{Open, is_of};
use crate::lab::fault::Object;
use crate::lab::fault::effect::{Hit, Scene};
use crate::lab::scenario::Budget;
use crate::lab::scene::Instant;
use crate::sim::kernel::Status;
use crate::sim::process::ProcessId;
use crate::wire::{CONTROLLER_PROCESS, ClusterImage, PartitionImage, incarnation_id};

/// Who has failed now.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    pub sight: &'a Instant<'a>,
    /// What the nemesis did that is not over.
    pub open: &'a [Open],
    pub budget: Budget,
}

impl Standing<'_> {
    /// Whether something more may be done to a broker.
    pub fn may_fail(&self, broker: i32) -> bool {
        match self.budget {
            Budget::Unbounded => true,
            Budget::OneReplica => self.image().partitions().all(|(_, partition)| {
                let others = partition.replicas.iter().filter(|other| **other != broker);
                !partition.replicas.contains(&broker)
                    || others.copied().all(|other| !self.has_failed(other, partition, broker))
            }),
        }
    }

    /// Whether something may be done to the controller: not while it has failed already.
    pub fn controller_may_fail(&self) -> bool {
        match self.budget {
            Budget::Unbounded => true,
            Budget::OneReplica => {
                self.sight.status(CONTROLLER_PROCESS) == Status::Running && !self.sight.is_ending(CONTROLLER_PROCESS)
            }
        }
    }

    /// Whether a fault of one of these sorts is on this process.
    pub fn is_on(&self, process: ProcessId, objects: &[Object]) -> bool {
        self.open.iter().any(|open| is_of(open, process, objects))
    }

    /// Whether the nemesis has done something to the way between two, in either direction.
    pub fn is_between(&self, a: ProcessId, b: ProcessId) -> bool {
        self.open.iter().flat_map(|open| &open.hits).any(|hit| *hit == Hit::Link(a, b) || *hit == Hit::Link(b, a))
    }

    fn image(&self) -> &ClusterImage {
        crate::lab::node::image(self.sight.observer.kernel)
    }

    /// Whether a replica has failed. Where it is out of the ISR by a link whose fault is `by`'s failure, it has not.
    fn has_failed(&self, broker: i32, partition: &PartitionImage, by: i32) -> bool {
        let names = self.sight.observer.names;
        let (Some(process), Some(by)) = (names.broker(broker), names.broker(by)) else { return true };
        let is_out = !partition.isr.contains(&broker);
        let link = |open: &Open| open.charged == Some(by) && open.hits.iter().any(|hit| joins(hit, process, by));
        self.is_hurt(broker, process) || is_out && !self.open.iter().any(link)
    }

    /// Whether something is done to a broker, or it is not back: an earlier life of it is registered, or it is fenced.
    fn is_hurt(&self, broker: i32, process: ProcessId) -> bool {
        let disk = self.sight.disk(process);
        let life = incarnation_id(broker, self.sight.observer.kernel.incarnation(process));
        let is_back = self.image().is_active(broker)
            && self.image().brokers.get(&broker).is_some_and(|registered| registered.incarnation == life);
        !is_back
            || self.sight.status(process) != Status::Running
            || self.sight.is_ending(process)
            || disk.is_limited()
            || disk.slowdown_us() != self.sight.plain_slowdown_us(process)
            || self.open.iter().any(|open| open.charged == Some(process))
            || self.has_foreign_link(process)
    }

    /// Whether somebody else, in the file or by hand, has done something to a link of it.
    fn has_foreign_link(&self, process: ProcessId) -> bool {
        let others = (0..self.sight.observer.names.len()).filter(|other| *other != process);
        let is_whole = |other| self.sight.is_whole(process, other) && self.sight.is_whole(other, process);
        others.into_iter().any(|other| !is_whole(other) && !self.is_between(process, other))
    }
}

fn joins(hit: &Hit, a: ProcessId, b: ProcessId) -> bool {
    *hit == Hit::Link(a, b) || *hit == Hit::Link(b, a)
}
