//! What faults may look at in a world before they are done.

use super::fault::effect::Scene;
use super::names::Role;
use super::observer::Observer;
use super::scenario::Cluster;
use crate::log::ReplicaLog;
use crate::sim::Time;
use crate::sim::clock::Clock;
use crate::sim::disk::Disk;
use crate::sim::ids::MessageName;
use crate::sim::kernel::Status;
use crate::sim::network::LinkSettings;
use crate::sim::process::ProcessId;
use crate::wire::TopicPartition;

/// A world at the instant of an intervention.
pub struct Instant<'a> {
    /// Its processes and their logs.
    pub observer: Observer<'a>,
    /// What links are like unless something is done to them.
    pub plain_link: LinkSettings,
    /// The brokers, with what their disks are like.
    pub cluster: &'a Cluster,
}

impl Scene for Instant<'_> {
    fn now(&self) -> Time {
        self.observer.kernel.time()
    }

    fn status(&self, process: ProcessId) -> Status {
        self.observer.kernel.status(process)
    }

    fn is_ending(&self, process: ProcessId) -> bool {
        self.observer.kernel.is_ending(process)
    }

    fn disk(&self, process: ProcessId) -> &Disk {
        self.observer.kernel.disk(process)
    }

    fn clock(&self, process: ProcessId) -> Clock {
        self.observer.kernel.clock(process)
    }

    fn plain_link(&self) -> LinkSettings {
        self.plain_link
    }

    fn plain_slowdown_us(&self, process: ProcessId) -> u64 {
        match self.observer.names.role(process) {
            Some(Role::Broker(broker)) => self.cluster.disk_us(broker),
            Some(
                Role::Controller | Role::Producer(_) | Role::Consumer(_) | Role::Pipeline(_) | Role::Administrator,
            )
            | None => 0,
        }
    }

    fn is_whole(&self, from: ProcessId, to: ProcessId) -> bool {
        self.observer.kernel.is_whole(from, to)
    }

    fn is_cut(&self, from: ProcessId, to: ProcessId) -> bool {
        self.observer.kernel.cuts().any(|cut| cut == (from, to))
    }

    fn is_under_way(&self, message: MessageName) -> bool {
        self.observer.kernel.is_under_way(message)
    }

    fn has_sent(&self, message: MessageName) -> bool {
        self.observer.kernel.has_sent(message)
    }

    fn replica(&self, process: ProcessId, partition: TopicPartition) -> Option<(&ReplicaLog, &Disk)> {
        self.observer.log_of(process, partition)
    }

    fn process_name(&self, process: ProcessId) -> String {
        self.observer.names.process(process)
    }

    fn member_number(&self, process: ProcessId) -> u32 {
        self.observer.names.member_number(process)
    }

    fn partition_name(&self, partition: TopicPartition) -> String {
        self.observer.names.partition(partition)
    }
}
