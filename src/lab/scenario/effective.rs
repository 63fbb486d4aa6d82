//! Which settings brokers, topics and clients have in the end, and why: what a file gives, what follows from other settings, and
//! what Kafka makes of those that contradict each other.

use std::collections::BTreeMap;

use serde::Serialize;

use super::model::Scenario;
use super::reader::{Reader, Section};
use crate::client::{ConsumerSettings, GroupSettings, ProducerSettings};
use crate::service::Commits;
use crate::settings::{
    Acks, BrokerConfig, Config, ConsumerConfig, GroupProtocol, PartitionerClass, ProducerConfig, SYNONYMS, TopicConfig,
};

/// A setting that is not simply Kafka's default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// Whose it is, such as `producer checkout`; of several members the first one's is told.
    pub of: String,
    /// Its name.
    pub name: &'static str,
    /// What it comes to.
    pub value: String,
    /// Kafka's default.
    pub default: String,
    /// Why it is not that.
    pub because: String,
}

/// The settings of one owner as they are collected.
struct Told {
    of: String,
    written: Vec<String>,
    /// What is not as the table of settings has it: the value that holds, and why.
    resolved: BTreeMap<&'static str, (String, String)>,
}

impl Told {
    fn new<'t>(of: String, reader: &mut Reader<'t>, section: &Section<'t>, key: &str) -> Self {
        let written = reader.settings(section, key).into_iter().map(|(name, ..)| name).collect();
        Self { of, written, resolved: BTreeMap::new() }
    }

    fn is_written(&self, name: &str) -> bool {
        self.written.iter().any(|written| written == name)
    }

    /// Something else decides what this setting comes to.
    fn resolve(&mut self, name: &'static str, value: impl ToString, because: impl Into<String>) {
        self.resolved.insert(name, (value.to_string(), because.into()));
    }

    /// The same, unless the file gives it.
    fn resolve_unwritten(&mut self, name: &'static str, value: impl ToString, because: impl Into<String>) {
        if !self.is_written(name) {
            self.resolve(name, value, because);
        }
    }

    fn finish<C: Config>(mut self, config: &C, all: &mut Vec<Effective>) {
        let values = config.entries();
        for setting in C::table() {
            let (name, default) = (setting.name, setting.default);
            let value = values.get(name).cloned().unwrap_or_default();
            let (value, because) = match self.resolved.remove(name) {
                Some(resolved) => resolved,
                // It is simply the default.
                None if value == default => continue,
                None if self.is_written(name) => (value, "as the file says".to_owned()),
                None => (value, "it follows from the rest of the table".to_owned()),
            };
            all.push(Effective { of: self.of.clone(), name, value, default, because });
        }
    }
}

/// All that is not simply a default, in the order of the file.
pub(super) fn explain<'s, 't: 's>(
    reader: &mut Reader<'t>,
    sections: impl Fn(&str) -> &'s [Section<'t>],
    scenario: &Scenario,
) -> Vec<Effective> {
    let mut all = Vec::new();
    for section in sections("cluster") {
        Told::new("brokers".to_owned(), reader, section, "config").finish(&scenario.cluster.config, &mut all);
    }
    for (section, topic) in sections("topic").iter().zip(&scenario.topics) {
        let mut told = Told::new(format!("topic {}", topic.name), reader, section, "config");
        of_brokers(&mut told, &topic.config, &scenario.cluster.config);
        told.finish(&topic.config, &mut all);
    }
    for (section, producer) in sections("producer").iter().zip(&scenario.producers) {
        let mut told = Told::new(format!("producer {}", producer.name), reader, section, "config");
        of_producer(&mut told, &producer.config);
        told.finish(&producer.config, &mut all);
    }
    for section in sections("consumer") {
        let name = reader.text(section, "name");
        let first = scenario.consumers.iter().find(|consumer| consumer.table.0 == name);
        let consumer = first.expect("a table of consumers stands for one at least");
        let mut told = Told::new(format!("consumer {name}"), reader, section, "config");
        let member = (consumer.group.as_deref(), consumer.commits);
        of_consumer(&mut told, &consumer.config, &scenario.cluster.config, member);
        told.finish(&consumer.config, &mut all);
    }
    for section in sections("pipeline") {
        let name = reader.text(section, "name");
        let first = scenario.pipelines.iter().find(|it| it.name == name || it.name == format!("{name}-1"));
        let pipeline = first.expect("a table of pipelines stands for one at least");
        let in_transactions = pipeline.producer.transactional_id.0.is_some();
        let mut told = Told::new(format!("consumer of pipeline {name}"), reader, section, "consumer-config");
        let commits = if in_transactions { Commits::SyncAfter } else { pipeline.commits };
        of_consumer(&mut told, &pipeline.consumer, &scenario.cluster.config, (Some(&pipeline.group), commits));
        if in_transactions {
            let value = pipeline.consumer.isolation_level;
            told.resolve_unwritten("isolation.level", value, "transaction = true reads what is committed");
            told.resolve_unwritten("enable.auto.commit", false, "transaction = true commits the offsets itself");
        }
        told.finish(&pipeline.consumer, &mut all);
        let mut told = Told::new(format!("producer of pipeline {name}"), reader, section, "producer-config");
        of_producer(&mut told, &pipeline.producer);
        if in_transactions {
            let value = &pipeline.producer.transactional_id;
            told.resolve_unwritten("transactional.id", value, "transaction = true sends under the program's name");
        }
        told.finish(&pipeline.producer, &mut all);
    }
    all
}

/// What a topic has of its brokers (`ServerTopicConfigSynonyms`).
fn of_brokers(told: &mut Told, topic: &TopicConfig, brokers: &BrokerConfig) {
    let (values, defaults) = (topic.entries(), TopicConfig::default().entries());
    for (name, of_brokers) in SYNONYMS {
        if values[name] != defaults[name] {
            let because = format!("{of_brokers} of the brokers");
            told.resolve_unwritten(name, &values[name], because);
        }
    }
    let inherited = brokers.entries();
    for (name, of_brokers) in SYNONYMS {
        // The topic goes back to what is the default without its brokers.
        if told.is_written(name) && values[name] == defaults[name] && inherited[of_brokers] != defaults[name] {
            let because = format!("as the file says, whatever {of_brokers} of the brokers is");
            told.resolve(name, &values[name], because);
        }
    }
    if !told.is_written("internal.segment.bytes") && topic.internal_segment_bytes != topic.segment_bytes
        || told.is_written("segment.bytes") && !told.is_written("internal.segment.bytes")
    {
        told.resolve("internal.segment.bytes", topic.internal_segment_bytes, "left out, it is segment.bytes");
    }
}

/// `ProducerConfig.postProcessParsedConfig`
fn of_producer(told: &mut Told, config: &ProducerConfig) {
    let settings = ProducerSettings::of(config);
    if config.client_id.0.is_empty() {
        let of = if config.transactional_id.0.is_some() { "made of transactional.id" } else { "its first producer" };
        told.resolve("client.id", settings.client_id(), format!("left out: {of}"));
    }
    if !config.enable_idempotence && !told.is_written("enable.idempotence") {
        let because = match config.acks {
            Acks::All => "retries = 0 switches it off".to_owned(),
            acks @ (Acks::None | Acks::Leader) => format!("acks = {acks} switches it off"),
        };
        told.resolve("enable.idempotence", false, because);
    }
    if config.enable_idempotence && config.transactional_id.0.is_some() {
        told.resolve_unwritten("enable.idempotence", true, "transactional.id needs it");
    }
    let least = config.linger_ms + config.request_timeout_ms;
    if config.delivery_timeout_ms == least {
        told.resolve_unwritten("delivery.timeout.ms", least, "it is at least linger.ms + request.timeout.ms");
    }
    if config.partitioner_class != PartitionerClass::BuiltIn {
        for (name, value) in [
            ("partitioner.adaptive.partitioning.enable", config.partitioner_adaptive_partitioning_enable.to_string()),
            ("partitioner.availability.timeout.ms", config.partitioner_availability_timeout_ms.to_string()),
            ("partitioner.ignore.keys", config.partitioner_ignore_keys.to_string()),
        ] {
            told.resolve(name, value, "without effect: partitioner.class chooses");
        }
    }
    reconnects(told, config.reconnect_backoff_ms, config.reconnect_backoff_max_ms);
    retries(told, config.retry_backoff_ms, config.retry_backoff_max_ms);
}

/// `ConsumerConfig.postProcessParsedConfig`, and what the coordinator decides in place of its members (KIP-848).
fn of_consumer(
    told: &mut Told,
    config: &ConsumerConfig,
    brokers: &BrokerConfig,
    (group, commits): (Option<&str>, Commits),
) {
    let settings = ConsumerSettings::of(config);
    let of_group = GroupSettings { id: group.map(str::to_owned), ..settings.group };
    let settings = ConsumerSettings { group: of_group, ..settings };
    if config.client_id.0.is_empty() {
        told.resolve("client.id", settings.client_id(), "left out: made of group.id and group.instance.id");
    }
    if config.group_instance_id.0.is_some() {
        told.resolve("group.instance.id", &config.group_instance_id, "as the file says; each member adds its number");
    }
    if group.is_none() {
        told.resolve_unwritten("enable.auto.commit", false, "without group.id nothing is committed");
    } else if commits != Commits::Auto && !config.enable_auto_commit {
        told.resolve_unwritten("enable.auto.commit", false, "the program commits itself");
    }
    if config.group_protocol == GroupProtocol::Consumer {
        let session = brokers.group_consumer_session_timeout_ms;
        told.resolve("session.timeout.ms", session, "group.consumer.session.timeout.ms of the coordinator");
        let interval = brokers.group_consumer_heartbeat_interval_ms;
        told.resolve("heartbeat.interval.ms", interval, "group.consumer.heartbeat.interval.ms of the coordinator");
        let assignor = config.group_remote_assignor.0.as_deref().unwrap_or("uniform");
        told.resolve("partition.assignment.strategy", assignor, "the coordinator assigns");
    }
    reconnects(told, config.reconnect_backoff_ms, config.reconnect_backoff_max_ms);
    retries(told, config.retry_backoff_ms, config.retry_backoff_max_ms);
}

/// `CommonClientConfigs.postProcessReconnectBackoffConfigs`
fn reconnects(told: &mut Told, least: u64, most: u64) {
    if told.is_written("reconnect.backoff.ms") && least == most {
        told.resolve_unwritten("reconnect.backoff.max.ms", most, "reconnect.backoff.ms is given, and this is not");
    }
}

/// `CommonClientConfigs.warnDisablingExponentialBackoff`
fn retries(told: &mut Told, least: u64, most: u64) {
    if least > most {
        told.resolve("retry.backoff.ms", most, format!("it is {least}, and retry.backoff.max.ms is less"));
    }
}
