//! What a controller can be told, with Kafka's defaults.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::settings::{BrokerConfig, Config, TopicConfig, milliseconds, small};
use crate::sim::{SECOND, Time};

/// A topic of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// How many replicas each has; more than there are brokers come to one on each.
    pub replication_factor: u32,
    /// Topic settings by Kafka's names.
    pub config: BTreeMap<String, String>,
    /// How many of them are said of this topic, and so have a ConfigRecord in the metadata log.
    pub config_records: u32,
    /// When it is created; 0 for one that exists from the start.
    pub at_us: Time,
    /// When it is deleted, if it is.
    pub delete_at_us: Option<Time>,
}

/// Settings of the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerSettings {
    /// How many brokers there are: all of them are registered when a run begins.
    pub brokers: u32,
    /// The rack of each; none where this is empty.
    pub racks: Vec<Arc<str>>,
    /// `broker.session.timeout.ms`.
    pub broker_session_timeout_us: Time,
    /// The topics of the run, in their order.
    pub topics: Vec<NewTopic>,
    /// The settings of a topic that says nothing.
    pub topic_defaults: BTreeMap<String, String>,
    /// `num.partitions`: of a topic for which nobody says how many.
    pub num_partitions: u32,
    /// `default.replication.factor`: the same of its replicas.
    pub default_replication_factor: i16,
    /// `auto.leader.rebalance.enable`.
    pub auto_leader_rebalance: bool,
    /// `leader.imbalance.check.interval.seconds`.
    pub leader_imbalance_check_interval_us: Time,
    /// `min.insync.replicas` where the topic does not say.
    pub min_insync_replicas: u32,
    /// `unclean.leader.election.enable` where the topic does not say.
    pub unclean_leader_election: bool,
    /// Without KIP-903: a replica's broker epoch is not checked before it enters an ISR.
    pub without_broker_epoch_check: bool,
}

impl ControllerSettings {
    /// What the controller of a cluster with these settings is told; the topics of its run are added.
    #[must_use]
    pub fn of(config: &BrokerConfig) -> Self {
        Self {
            brokers: 3,
            racks: Vec::new(),
            broker_session_timeout_us: milliseconds(config.broker_session_timeout_ms),
            topics: Vec::new(),
            topic_defaults: topic_defaults(config),
            num_partitions: small(config.num_partitions, u32::MAX),
            default_replication_factor: small(config.default_replication_factor, i16::MAX),
            auto_leader_rebalance: config.auto_leader_rebalance_enable,
            leader_imbalance_check_interval_us: config.leader_imbalance_check_interval_seconds.saturating_mul(SECOND),
            min_insync_replicas: small(config.min_insync_replicas, u32::MAX),
            unclean_leader_election: config.unclean_leader_election_enable,
            without_broker_epoch_check: false,
        }
    }
}

impl Default for ControllerSettings {
    fn default() -> Self {
        Self::of(&BrokerConfig::default())
    }
}

/// What a topic has that says nothing itself. The smaller segments of tests are not among it: they would take the place of what a
/// topic says of its segments.
fn topic_defaults(config: &BrokerConfig) -> BTreeMap<String, String> {
    let mut defaults = TopicConfig::of_cluster(config).entries();
    defaults.remove("internal.segment.bytes");
    defaults
}
