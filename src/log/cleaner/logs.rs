//! The logs that a cleaner may look at and change.

use std::collections::BTreeMap;

use crate::log::replica::ReplicaLog;

/// A topic and the number of a partition.
pub type Partition = (String, i32);

/// The logs of one log directory.
pub trait Logs {
    /// The partitions, in order.
    fn partitions(&self) -> Vec<Partition>;
    /// A partition's log.
    fn log(&self, partition: &Partition) -> Option<&ReplicaLog>;
    /// A partition's log, to be changed.
    fn log_mut(&mut self, partition: &Partition) -> Option<&mut ReplicaLog>;
}

impl Logs for BTreeMap<Partition, ReplicaLog> {
    fn partitions(&self) -> Vec<Partition> {
        self.keys().cloned().collect()
    }

    fn log(&self, partition: &Partition) -> Option<&ReplicaLog> {
        self.get(partition)
    }

    fn log_mut(&mut self, partition: &Partition) -> Option<&mut ReplicaLog> {
        self.get_mut(partition)
    }
}
