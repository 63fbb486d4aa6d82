//! What a controller can be told, with Kafka's defaults.

use std::collections::BTreeMap;

use crate::settings::{BrokerConfig, milliseconds, small};
use crate::sim::Time;

/// A topic that exists from the start of a run.
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
}

/// Settings of the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerSettings {
    /// How many brokers there will be; topics are created once all of them are unfenced.
    pub brokers: u32,
    /// `broker.session.timeout.ms`.
    pub broker_session_timeout_us: Time,
    /// The topics of the run, in their order.
    pub topics: Vec<NewTopic>,
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
            broker_session_timeout_us: milliseconds(config.broker_session_timeout_ms),
            topics: Vec::new(),
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
