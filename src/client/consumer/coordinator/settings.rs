//! What a member of a group is told of how to be one.

use crate::settings::{Assignor, GroupProtocol};
use crate::sim::Time;

/// What a consumer is told of its group, by Kafka's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// `group.id`; `None` for a consumer without a group: what follows does not matter to it.
    pub id: Option<String>,
    /// `group.instance.id`: a static member.
    pub instance_id: Option<String>,
    /// `session.timeout.ms`
    pub session_timeout_us: Time,
    /// `heartbeat.interval.ms`
    pub heartbeat_interval_us: Time,
    /// `max.poll.interval.ms`, which is also how long a rebalance waits for this member.
    pub max_poll_interval_us: Time,
    /// `auto.commit.interval.ms`; `None` where `enable.auto.commit` is false.
    pub auto_commit_interval_us: Option<Time>,
    /// `default.api.timeout.ms`: how long `commitSync()` tries.
    pub default_api_timeout_us: Time,
    /// `partition.assignment.strategy`
    pub assignors: Vec<Assignor>,
    /// `group.protocol`
    pub protocol: GroupProtocol,
    /// `group.remote.assignor`
    pub remote_assignor: Option<String>,
    /// `client.rack`, which assignors may be told.
    pub rack: Option<String>,
}
