//! Topics come and go (Kafka: `ControllerApis`, `ReplicationControlManager.createTopics`, `deleteTopics`, `createPartitions`).

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::placement::{Placer, in_turns};
use super::refusal::Refusal;
use super::{Context, Controller};
use crate::log::LogConfig;
use crate::note::Note;
use crate::settings::{Config, TopicConfig};
use crate::wire::{PartitionImage, TopicImage, random_uuid, why_no_topic_name};

/// The topic of the quorum, which nobody creates (`Topic.CLUSTER_METADATA_TOPIC_NAME`).
const CLUSTER_METADATA: &str = "__cluster_metadata";

/// The setting that a cluster with eligible leader replicas always says itself (KIP-966).
const MIN_ISR: &str = "min.insync.replicas";

/// Where the value of a setting comes from (`DescribeConfigsResponse.ConfigSource`).
#[derive(Clone, Copy)]
enum ConfigSource {
    Topic = 1,
    Cluster = 3,
    Broker = 4,
    Default = 5,
}

/// A topic that may be created.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) partitions: Vec<PartitionImage>,
    pub(super) config: BTreeMap<String, String>,
    /// How many settings are said of it, and so have a ConfigRecord each.
    pub(super) config_records: u32,
}

impl Controller {
    pub(super) fn create_topics(
        &mut self,
        request: &CreateTopicsRequest,
        context: &mut Context<'_>,
    ) -> CreateTopicsResponse {
        let named = |topic: &CreatableTopic| request.topics.iter().filter(|other| other.name == topic.name).count();
        let mut results = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let planned = match named(topic) {
                1 => self.plan(topic, context),
                _ => Err(Refusal::new(ResponseError::InvalidRequest, "Duplicate topic name.")),
            };
            results.push(match planned {
                Ok(plan) => {
                    let (partitions, replicas) = (plan.partitions.len(), plan.partitions[0].replicas.len());
                    let configs = self.described_config(topic, &plan.config);
                    let id = random_uuid(context.random());
                    if !request.validate_only {
                        self.create(id, plan, false, context);
                    }
                    CreatableTopicResult::default()
                        .with_name(topic.name.clone())
                        .with_topic_id(id)
                        .with_num_partitions(partitions as i32)
                        .with_replication_factor(replicas as i16)
                        .with_configs(Some(configs))
                }
                Err(refusal) => CreatableTopicResult::default()
                    .with_name(topic.name.clone())
                    .with_error_code(refusal.error.code())
                    .with_error_message(refusal.text())
                    .with_num_partitions(-1)
                    .with_replication_factor(-1)
                    .with_configs(Some(Vec::new())),
            });
        }
        CreateTopicsResponse::default().with_topics(results)
    }

    /// What a topic would be, or why it cannot be (`ReplicationControlManager.createTopic`).
    fn plan(&self, topic: &CreatableTopic, context: &mut Context<'_>) -> Result<Plan, Refusal> {
        self.check_new_name(&topic.name)?;
        let told = topic.configs.iter().map(|config| (config.name.to_string(), config.value.as_ref()));
        let told: BTreeMap<String, Option<&StrBytes>> = told.collect();
        let mut config = self.settings.topic_defaults.clone();
        for (name, value) in &told {
            let value = value.ok_or_else(|| {
                Refusal::new(
                    ResponseError::InvalidConfig,
                    format!("Null value not supported for topic configs: {name}"),
                )
            })?;
            config.insert(name.clone(), value.to_string());
        }
        check_config(&config)?;
        let replicas = if topic.assignments.is_empty() {
            let (partitions, factor) = self.sound_counts(topic)?;
            let usable = self.usable_brokers();
            Placer::random(usable.into_iter(), context.random()).place(partitions, factor)?
        } else {
            self.assigned(topic)?
        };
        let partitions = self.new_partitions(0, replicas)?;
        Ok(Plan { name: topic.name.to_string(), partitions, config, config_records: told.len() as u32 })
    }

    /// All settings of a topic that is created, each with where its value comes from.
    fn described_config(
        &self,
        topic: &CreatableTopic,
        config: &BTreeMap<String, String>,
    ) -> Vec<CreatableTopicConfigs> {
        let defaults = TopicConfig::default().entries();
        let told = |name: &str| topic.configs.iter().any(|config| config.name.as_str() == name);
        // `ConfigDef` does not show what is only for tests.
        let shown = config.iter().filter(|(name, _)| !name.starts_with("internal."));
        let described = shown.map(|(name, value)| {
            let source = if told(name) {
                ConfigSource::Topic
            } else if name == MIN_ISR {
                ConfigSource::Cluster
            } else if defaults.get(name) == Some(value) {
                ConfigSource::Default
            } else {
                ConfigSource::Broker
            };
            CreatableTopicConfigs::default()
                .with_name(StrBytes::from_string(name.clone()))
                .with_value(Some(StrBytes::from_string(value.clone())))
                .with_config_source(source as i8)
        });
        described.collect()
    }

    /// `ControllerApis.createTopics`, `Topic.validate`, `ReplicationControlManager.validateNewTopicNames`.
    fn check_new_name(&self, name: &str) -> Result<(), Refusal> {
        if name == CLUSTER_METADATA {
            let why = format!("Creation of internal topic {CLUSTER_METADATA} is prohibited.");
            return Err(Refusal::new(ResponseError::InvalidRequest, why));
        }
        let invalid = |why: String| Refusal::new(ResponseError::InvalidTopicException, why);
        if let Some(why) = why_no_topic_name(name) {
            return Err(invalid(why));
        }
        if self.image.topics.named(name).is_some() {
            return Err(Refusal::new(ResponseError::TopicAlreadyExists, format!("Topic '{name}' already exists.")));
        }
        // '.' and '_' are one in the names of metrics (`Topic.hasCollision`).
        let metric = |name: &str| name.replace('.', "_");
        if let Some((other, _)) = self.image.topics.names().find(|(other, _)| metric(other) == metric(name)) {
            return Err(invalid(format!("Topic '{name}' collides with existing topic: {other}")));
        }
        Ok(())
    }

    /// The replicas that somebody assigned by hand.
    fn assigned(&self, topic: &CreatableTopic) -> Result<Vec<Vec<i32>>, Refusal> {
        for (value, what) in
            [(i32::from(topic.replication_factor), "replication factor"), (topic.num_partitions, "numPartitions")]
        {
            if value != -1 {
                let message = format!("A manual partition assignment was specified, but {what} was not set to -1.");
                return Err(Refusal::new(ResponseError::InvalidRequest, message));
            }
        }
        let mut placed: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for assignment in &topic.assignments {
            let replicas = self.sound_assignment(&assignment.broker_ids, placed.values().next().map(Vec::len))?;
            if placed.insert(assignment.partition_index, replicas).is_some() {
                let message =
                    format!("Found multiple manual partition assignments for partition {}", assignment.partition_index);
                return Err(Refusal::new(ResponseError::InvalidReplicaAssignment, message));
            }
        }
        if !placed.keys().copied().eq(0..placed.len() as i32) {
            let message = "partitions should be a consecutive 0-based integer sequence";
            return Err(Refusal::new(ResponseError::InvalidReplicaAssignment, message));
        }
        Ok(placed.into_values().collect())
    }

    /// `ReplicationControlManager.validateManualPartitionAssignment`.
    fn sound_assignment(&self, brokers: &[BrokerId], replication_factor: Option<usize>) -> Result<Vec<i32>, Refusal> {
        let invalid = |why: String| {
            Refusal::new(
                ResponseError::InvalidReplicaAssignment,
                format!("The manual partition assignment includes {why}"),
            )
        };
        let replicas: Vec<i32> = brokers.iter().map(|broker| broker.0).collect();
        if replicas.is_empty() {
            return Err(invalid("an empty replica list.".to_owned()));
        }
        for (place, broker) in replicas.iter().enumerate() {
            if !self.image.brokers.contains_key(broker) {
                return Err(invalid(format!("broker {broker}, but no such broker is registered.")));
            }
            if replicas[..place].contains(broker) {
                return Err(invalid(format!("the broker {broker} more than once.")));
            }
        }
        let count = replicas.len();
        match replication_factor {
            Some(factor) if factor != count => Err(invalid(format!(
                "a partition with {count} replica(s), but this is not consistent with previous partitions, which have \
                 {factor} replica(s)."
            ))),
            Some(_) | None => Ok(replicas),
        }
    }

    /// Brokers on which replicas can go, each with whether it is fenced; none that shuts down. One of each rack comes after the
    /// other.
    pub(super) fn usable_brokers(&self) -> Vec<(i32, bool)> {
        let brokers = self.image.brokers.iter();
        let usable = brokers.filter(|(broker, _)| !self.heartbeats.is_shutting_down(**broker));
        let mut racks: BTreeMap<Option<&str>, Vec<(i32, bool)>> = BTreeMap::new();
        for (broker, registered) in usable {
            racks.entry(registered.rack.as_deref()).or_default().push((*broker, registered.fenced));
        }
        in_turns(racks.into_values().collect())
    }

    /// New partitions with these replicas: those of them that are active are in sync and the first of these leads.
    pub(super) fn new_partitions(&self, first: usize, replicas: Vec<Vec<i32>>) -> Result<Vec<PartitionImage>, Refusal> {
        let of = |(number, replicas): (usize, Vec<i32>)| {
            let isr: Vec<i32> = replicas.iter().copied().filter(|broker| self.image.is_active(*broker)).collect();
            let Some(leader) = isr.first().copied() else {
                let message = format!(
                    "All brokers specified in the manual partition assignment for partition {number} are fenced or in \
                     controlled shutdown."
                );
                return Err(Refusal::new(ResponseError::InvalidReplicaAssignment, message));
            };
            Ok(PartitionImage {
                replicas,
                isr,
                elr: Vec::new(),
                last_known_elr: Vec::new(),
                leader,
                leader_epoch: 0,
                partition_epoch: 0,
                recovering: false,
            })
        };
        (first..).zip(replicas).map(of).collect()
    }

    /// Creates a topic: a TopicRecord, a ConfigRecord for each setting said, a PartitionRecord each.
    pub(super) fn create(&mut self, id: Uuid, plan: Plan, from_the_start: bool, context: &mut Context<'_>) {
        let Plan { name, partitions, config, config_records } = plan;
        let count = partitions.len() as u32;
        let image = Arc::make_mut(&mut self.image);
        image.offset += 1 + i64::from(config_records) + i64::from(count);
        let topic = image.topics.add(TopicImage { id, name: name.clone(), partitions, config });
        context.note(Note::TopicCreated { topic, id, name, partitions: count, from_the_start });
    }

    pub(super) fn delete_topics(
        &mut self,
        request: &DeleteTopicsRequest,
        context: &mut Context<'_>,
    ) -> DeleteTopicsResponse {
        // Up to version 5 topics are named only.
        let names = request.topic_names.iter().map(|name| DeleteTopicState::default().with_name(Some(name.clone())));
        let wanted: Vec<DeleteTopicState> = names.chain(request.topics.iter().cloned()).collect();
        let responses = wanted.iter().map(|topic| {
            let answer = DeletableTopicResult::default().with_name(topic.name.clone()).with_topic_id(topic.topic_id);
            let is_twice = wanted.iter().filter(|other| *other == topic).count() > 1;
            match self.topic_to_delete(topic, is_twice) {
                Ok(number) => {
                    let deleted = self.delete(number, context);
                    let name = TopicName(StrBytes::from_string(deleted.name.clone()));
                    answer.with_name(Some(name)).with_topic_id(deleted.id)
                }
                Err(refusal) => answer.with_error_code(refusal.error.code()).with_error_message(refusal.text()),
            }
        });
        DeleteTopicsResponse::default().with_responses(responses.collect())
    }

    /// `ControllerApis.deleteTopics`.
    fn topic_to_delete(&self, topic: &DeleteTopicState, is_twice: bool) -> Result<u32, Refusal> {
        let invalid = |why| Err(Refusal::new(ResponseError::InvalidRequest, why));
        match &topic.name {
            Some(_) if !topic.topic_id.is_nil() => invalid("You may not specify both topic name and topic id."),
            None if topic.topic_id.is_nil() => invalid("Neither topic name nor id were specified."),
            Some(_) if is_twice => invalid("Duplicate topic name."),
            None if is_twice => invalid("Duplicate topic id."),
            Some(name) => self.image.topics.named(name).ok_or(ResponseError::UnknownTopicOrPartition.into()),
            None => self.image.topics.with_id(topic.topic_id).ok_or(ResponseError::UnknownTopicId.into()),
        }
    }

    /// Deletes a topic that is there: a RemoveTopicRecord.
    pub(super) fn delete(&mut self, number: u32, context: &mut Context<'_>) -> Arc<TopicImage> {
        let image = Arc::make_mut(&mut self.image);
        image.offset += 1;
        let topic = image.topics.remove(number);
        context.note(Note::TopicDeleted { topic: number, name: topic.name.clone() });
        topic
    }

    pub(super) fn create_partitions(
        &mut self,
        request: &CreatePartitionsRequest,
        context: &mut Context<'_>,
    ) -> CreatePartitionsResponse {
        let mut results = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let is_twice = request.topics.iter().filter(|other| other.name == topic.name).count() > 1;
            let created = if is_twice {
                Err(Refusal::new(ResponseError::InvalidRequest, "Duplicate topic name."))
            } else {
                self.more_partitions(topic, request.validate_only, context)
            };
            let answer = CreatePartitionsTopicResult::default().with_name(topic.name.clone());
            results.push(match created {
                Ok(()) => answer,
                Err(refusal) => answer.with_error_code(refusal.error.code()).with_error_message(refusal.text()),
            });
        }
        CreatePartitionsResponse::default().with_results(results)
    }

    fn more_partitions(
        &mut self,
        topic: &CreatePartitionsTopic,
        validate_only: bool,
        context: &mut Context<'_>,
    ) -> Result<(), Refusal> {
        let number = self.image.topics.named(&topic.name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let image = self.image.topics.get(number).expect("what has a name is there");
        let (from, factor) = (image.partitions.len(), image.partitions[0].replicas.len());
        let invalid = |why| Err(Refusal::new(ResponseError::InvalidPartitions, why));
        let additional = match usize::try_from(topic.count).ok().and_then(|count| count.checked_sub(from)) {
            Some(0) => return invalid(format!("Topic already has {from} partition(s).")),
            None => {
                let (name, count) = (&*topic.name, topic.count);
                let has = format!("The topic {name} currently has {from} partition(s)");
                return invalid(format!("{has}; {count} would not be an increase."));
            }
            Some(additional) => additional,
        };
        let replicas = match &topic.assignments {
            Some(assignments) if assignments.len() != additional => {
                let message = format!(
                    "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                    assignments.len()
                );
                return Err(Refusal::new(ResponseError::InvalidReplicaAssignment, message));
            }
            Some(assignments) => {
                let sound = assignments.iter().map(|it| self.sound_assignment(&it.broker_ids, Some(factor)));
                sound.collect::<Result<_, _>>()?
            }
            None => {
                let usable = self.usable_brokers();
                Placer::random(usable.into_iter(), context.random()).place(additional, factor as i16)?
            }
        };
        let partitions = self.new_partitions(from, replicas)?;
        if validate_only {
            return Ok(());
        }
        let image = Arc::make_mut(&mut self.image);
        // A PartitionRecord each.
        image.offset += partitions.len() as i64;
        image.topics.get_mut(number).expect("what has a name is there").partitions.extend(partitions);
        context.note(Note::PartitionsCreated { topic: number, from: from as u32, to: (from + additional) as u32 });
        Ok(())
    }

    /// How many partitions and replicas a topic shall have; -1 is the default of the cluster.
    fn sound_counts(&self, topic: &CreatableTopic) -> Result<(usize, i16), Refusal> {
        let partitions = match topic.num_partitions {
            -1 => self.settings.num_partitions as usize,
            count => usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
                let message = "Number of partitions was set to an invalid non-positive value.";
                Refusal::new(ResponseError::InvalidPartitions, message)
            })?,
        };
        match topic.replication_factor {
            -1 => Ok((partitions, self.settings.default_replication_factor)),
            factor if factor > 0 => Ok((partitions, factor)),
            _ => {
                let message = "Replication factor was set to an invalid non-positive value.";
                Err(Refusal::new(ResponseError::InvalidReplicationFactor, message))
            }
        }
    }
}

/// `ConfigurationControlManager`: what a log would refuse is refused at once.
fn check_config(config: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if let Some(value) = config.get(MIN_ISR).filter(|value| !value.parse::<i32>().is_ok_and(|number| number >= 1)) {
        let why = format!("Invalid value {value} for configuration {MIN_ISR}: Value must be at least 1");
        return Err(Refusal::new(ResponseError::InvalidConfig, why));
    }
    match LogConfig::with(config.iter().map(|(name, value)| (name.as_str(), value.as_str()))) {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::new(ResponseError::InvalidConfig, error.to_string())),
    }
}
