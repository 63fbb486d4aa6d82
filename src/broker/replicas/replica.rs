//! One replica on this broker: its log and its role.

use super::super::session::Reader;
use super::leadership::Leadership;
use crate::log::ReplicaLog;
use crate::sim::Time;

/// A replica.
#[derive(Clone, Debug)]
pub(in crate::broker) struct Replica {
    pub(in crate::broker) log: ReplicaLog,
    pub(in crate::broker) leader_epoch: i32,
    pub(in crate::broker) role: Role,
    /// `min.insync.replicas` of the topic.
    pub(in crate::broker) min_isr: usize,
    /// Fetch sessions that have this partition.
    pub(in crate::broker) sessions: Vec<i32>,
    /// What a slow disk is still at of the leader's writes, one behind another.
    pub(in crate::broker) writing: Vec<Writing>,
}

/// A write that takes its time. Whoever writes holds the log's lock (`UnifiedLog.lock`), and only when it is done the log's
/// end moves for those who read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) struct Writing {
    /// Where the log ends before it.
    pub(in crate::broker) end: i64,
    /// When it is done.
    pub(in crate::broker) until: Time,
}

/// What a replica is to its partition.
#[derive(Clone, Debug)]
pub(in crate::broker) enum Role {
    Leader(Leadership),
    /// It follows this broker; -1 where the partition has no leader.
    Follower(i32),
}

impl Replica {
    /// A replica whose log was opened, before it leads or follows.
    pub(in crate::broker) fn new(log: ReplicaLog, min_isr: usize, sessions: Vec<i32>) -> Self {
        Self { log, leader_epoch: -1, role: Role::Follower(-1), min_isr, sessions, writing: Vec::new() }
    }

    /// Where the log ends for those who read from its leader.
    pub(in crate::broker) fn end(&self) -> i64 {
        self.writing.first().map_or(self.log.log_end_offset(), |writing| writing.end)
    }

    pub(in crate::broker) fn leadership(&self) -> Option<&Leadership> {
        match &self.role {
            Role::Leader(leadership) => Some(leadership),
            Role::Follower(_) => None,
        }
    }

    /// The reader is a follower outside the ISR.
    pub(in crate::broker) fn keeps_out(&self, reader: Reader) -> bool {
        let outside = |id: i32| self.leadership().is_some_and(|leadership| !leadership.isr.contains(&id));
        matches!(reader, Reader::Follower { id, .. } if outside(id))
    }

    pub(in crate::broker) fn leadership_mut(&mut self) -> Option<&mut Leadership> {
        match &mut self.role {
            Role::Leader(leadership) => Some(leadership),
            Role::Follower(_) => None,
        }
    }
}

/// A replica as observers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaView {
    /// It serves as leader.
    pub leader: bool,
    /// The leader epoch it knows.
    pub leader_epoch: i32,
    /// The first offset of its log.
    pub log_start_offset: i64,
    /// Its high watermark.
    pub high_watermark: i64,
    /// Where its log ends.
    pub log_end_offset: i64,
    /// The ISR that the controller has confirmed to this leader; empty for a follower.
    pub isr: Vec<i32>,
    /// The ISR that this leader asks for, if a change is on its way.
    pub pending_isr: Option<Vec<i32>>,
}
