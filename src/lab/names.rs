//! Which process is which: the controller is process 0, broker `n` process `n`, then producers, consumers and pipelines, each in
//! the order of the scenario, and the administrator if there is one. And which topic: these come and go, and their names are learnt
//! as the controller makes them.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::scenario::{ADMINISTRATOR, LinkEnd, Scenario};
use crate::broker::TRANSACTIONS_TOPIC;
use crate::broker::coordinators::partition_of;
use crate::broker::groups::GROUPS_TOPIC;
use crate::log::partition_metadata::uuid_text;
use crate::note::RecordId;
use crate::settings::{Acks, GroupProtocol};
use crate::sim::process::ProcessId;
use crate::wire::{CONTROLLER_PROCESS, ClusterImage, TopicNames, TopicPartition};

impl TopicNames for Names {
    fn topic_name(&self, id: Uuid) -> String {
        let topic = self.topics.iter().find(|(known, _)| *known == id);
        topic.map_or_else(|| uuid_text(id), |(_, name)| name.clone())
    }
}

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The controller.
    Controller,
    /// A broker, by its id.
    Broker(i32),
    /// A producer, by its place in the scenario.
    Producer(usize),
    /// A consumer, by its place in the scenario.
    Consumer(usize),
    /// Who looks after the cluster.
    Administrator,
    /// A pipeline, by its place in the scenario.
    Pipeline(usize),
}

/// The names of a scenario's processes and of its cluster's partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    brokers: u32,
    producers: Vec<String>,
    consumers: Vec<String>,
    has_administrator: bool,
    /// Of each consumer the name of its table and its place there, from 1.
    tables: Vec<(String, u32)>,
    pipelines: Vec<String>,
    /// Of each consumer and then each pipeline its group, if it has one, and whether it speaks the protocol of KIP-848.
    groups: Vec<Option<(String, bool)>>,
    /// The `transactional.id`s of producers and pipelines.
    transactional_ids: Vec<String>,
    /// Producers that wait for no acknowledgement.
    unacknowledged: Vec<ProcessId>,
    /// By their numbers; also those that were deleted.
    topics: Vec<(Uuid, String)>,
    /// Into how many parts the internal topics were cut when they were made.
    seats: BTreeMap<u32, i32>,
}

impl Names {
    /// Those of a scenario. Its topics are not known before the controller has made them.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        Self {
            brokers: scenario.cluster.brokers,
            producers: scenario.producers.iter().map(|producer| producer.name.clone()).collect(),
            consumers: scenario.consumers.iter().map(|consumer| consumer.name.clone()).collect(),
            has_administrator: !scenario.commands.is_empty(),
            tables: scenario.consumers.iter().map(|consumer| consumer.table.clone()).collect(),
            pipelines: scenario.pipelines.iter().map(|pipeline| pipeline.name.clone()).collect(),
            groups: groups(scenario),
            transactional_ids: transactional_ids(scenario),
            unacknowledged: unacknowledged(scenario),
            topics: Vec::new(),
            seats: BTreeMap::new(),
        }
    }

    /// The group of a process that reads, and whether it speaks the protocol of KIP-848.
    #[must_use]
    pub fn group_of(&self, process: ProcessId) -> Option<(&str, bool)> {
        let place = self.consumers().chain(self.pipelines()).position(|it| it == process)?;
        self.groups[place].as_ref().map(|(group, is_modern)| (group.as_str(), *is_modern))
    }

    /// Whether a producer waits for no acknowledgement (`acks=0`).
    #[must_use]
    pub fn is_unacknowledged(&self, producer: ProcessId) -> bool {
        self.unacknowledged.contains(&producer)
    }

    /// What the leaders of these partitions of internal topics coordinate, of what this scenario has, such as `group shipping`.
    pub fn coordinated_in(&self, partitions: &[TopicPartition]) -> Vec<String> {
        let mut groups: Vec<&str> = Vec::new();
        for (group, _) in self.groups.iter().flatten() {
            if !groups.contains(&group.as_str()) && self.is_seat(GROUPS_TOPIC, group, partitions) {
                groups.push(group);
            }
        }
        let ids = self.transactional_ids.iter().filter(|id| self.is_seat(TRANSACTIONS_TOPIC, id, partitions));
        let groups = groups.into_iter().map(|group| format!("group {group}"));
        groups.chain(ids.map(|id| format!("transactions of {id}"))).collect()
    }

    fn is_seat(&self, topic: &str, id: &str, partitions: &[TopicPartition]) -> bool {
        let is_it = |of: &TopicPartition| {
            let seats = self.seats.get(&of.topic).filter(|_| self.topic(of.topic) == topic);
            seats.is_some_and(|seats| partition_of(id, *seats) == of.partition)
        };
        partitions.iter().any(is_it)
    }

    /// How many processes there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        let clients = self.producers.len() + self.consumers.len() + self.pipelines.len();
        1 + self.brokers + clients as u32 + u32::from(self.has_administrator)
    }

    /// Never: there is always the controller.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The ids of the brokers.
    pub fn brokers(&self) -> impl Iterator<Item = i32> {
        1..=self.brokers as i32
    }

    /// The processes of the producers.
    pub fn producers(&self) -> impl Iterator<Item = ProcessId> {
        let first = self.brokers + 1;
        first..first + self.producers.len() as u32
    }

    /// Those of one `[[consumer]]`.
    pub fn members<'a>(&'a self, name: &'a str) -> impl Iterator<Item = ProcessId> + 'a {
        self.consumers().zip(&self.tables).filter(move |(_, (table, _))| table == name).map(|(process, _)| process)
    }

    /// The place of a consumer among the programs of its `[[consumer]]`, from 1.
    #[must_use]
    pub fn member_number(&self, process: ProcessId) -> u32 {
        self.consumers().zip(&self.tables).find(|(id, _)| *id == process).map_or(1, |(_, (_, number))| *number)
    }

    /// The processes of the consumers.
    pub fn consumers(&self) -> impl Iterator<Item = ProcessId> {
        let first = self.brokers + 1 + self.producers.len() as u32;
        first..first + self.consumers.len() as u32
    }

    /// The processes of the pipelines.
    pub fn pipelines(&self) -> impl Iterator<Item = ProcessId> {
        let first = self.brokers + 1 + (self.producers.len() + self.consumers.len()) as u32;
        first..first + self.pipelines.len() as u32
    }

    /// What a process is; `None` for a number that is no process.
    #[must_use]
    pub fn role(&self, process: ProcessId) -> Option<Role> {
        if process == CONTROLLER_PROCESS {
            return Some(Role::Controller);
        }
        if process <= self.brokers {
            return Some(Role::Broker(process as i32));
        }
        let client = (process - self.brokers - 1) as usize;
        if client < self.producers.len() {
            return Some(Role::Producer(client));
        }
        let consumer = client - self.producers.len();
        if consumer < self.consumers.len() {
            return Some(Role::Consumer(consumer));
        }
        let pipeline = consumer - self.consumers.len();
        if pipeline < self.pipelines.len() {
            return Some(Role::Pipeline(pipeline));
        }
        (self.has_administrator && pipeline == self.pipelines.len()).then_some(Role::Administrator)
    }

    /// The name of a process.
    #[must_use]
    pub fn process(&self, process: ProcessId) -> String {
        match self.role(process) {
            Some(Role::Controller) => "controller".to_owned(),
            Some(Role::Broker(id)) => format!("broker {id}"),
            Some(Role::Producer(place)) => self.producers[place].clone(),
            Some(Role::Consumer(place)) => self.consumers[place].clone(),
            Some(Role::Administrator) => ADMINISTRATOR.to_owned(),
            Some(Role::Pipeline(place)) => self.pipelines[place].clone(),
            None => "nobody".to_owned(),
        }
    }

    /// The process of a broker; `None` for an id that no broker has.
    #[must_use]
    pub fn broker(&self, id: i32) -> Option<ProcessId> {
        u32::try_from(id).ok().filter(|id| (1..=self.brokers).contains(id))
    }

    /// The process at an end of a link.
    #[must_use]
    pub fn link_end(&self, end: &LinkEnd) -> Option<ProcessId> {
        match end {
            LinkEnd::Controller => Some(CONTROLLER_PROCESS),
            LinkEnd::Broker(id) => self.broker(*id),
            LinkEnd::Client(name) if self.has_administrator && name == ADMINISTRATOR => Some(self.len() - 1),
            LinkEnd::Client(name) => {
                let clients = self.producers().chain(self.consumers()).chain(self.pipelines());
                let names = self.producers.iter().chain(&self.consumers).chain(&self.pipelines);
                clients.zip(names).find(|(_, n)| *n == name).map(|(id, _)| id)
            }
        }
    }

    /// What a process is called as an end of a link; `None` for a number that is no process.
    #[must_use]
    pub fn end_of(&self, process: ProcessId) -> Option<LinkEnd> {
        Some(match self.role(process)? {
            Role::Controller => LinkEnd::Controller,
            Role::Broker(id) => LinkEnd::Broker(id),
            Role::Producer(_) | Role::Consumer(_) | Role::Pipeline(_) | Role::Administrator => {
                LinkEnd::Client(self.process(process))
            }
        })
    }

    /// Takes in a topic that was created.
    ///
    /// # Panics
    ///
    /// Where its number is not the next one.
    pub fn learn_topic(&mut self, number: u32, id: Uuid, name: &str) {
        assert_eq!(number as usize, self.topics.len(), "topics are numbered in the order of their creation");
        self.topics.push((id, name.to_owned()));
    }

    /// Takes in how many partitions a topic was made with: which of an internal topic coordinates what follows from that.
    pub fn learn_partitions(&mut self, topic: u32, partitions: u32) {
        if [GROUPS_TOPIC, TRANSACTIONS_TOPIC].contains(&self.topic(topic)) {
            self.seats.insert(topic, partitions.cast_signed());
        }
    }

    /// The topic that had this name last.
    #[must_use]
    pub fn find_topic(&self, name: &str) -> Option<u32> {
        self.topics.iter().rposition(|(_, known)| known == name).map(|place| place as u32)
    }

    /// The name of a topic, though it be deleted.
    #[must_use]
    pub fn topic(&self, topic: u32) -> &str {
        self.topics.get(topic as usize).map_or("?", |(_, name)| name.as_str())
    }

    /// The id of a topic, though it be deleted; `None` for a number that no topic has.
    #[must_use]
    pub fn topic_id(&self, topic: u32) -> Option<Uuid> {
        self.topics.get(topic as usize).map(|(id, _)| *id)
    }

    /// The partition of the topic that had this name last.
    #[must_use]
    pub fn find_partition(&self, topic: &str, partition: u32) -> Option<TopicPartition> {
        Some(TopicPartition { topic: self.find_topic(topic)?, partition: i32::try_from(partition).ok()? })
    }

    /// A partition's name, such as `orders-0`.
    #[must_use]
    pub fn partition(&self, partition: TopicPartition) -> String {
        format!("{}-{}", self.topic(partition.topic), partition.partition)
    }

    /// A record's name, as its value begins.
    #[must_use]
    pub fn record(&self, record: RecordId) -> String {
        format!("{}-{}", self.process(record.producer), record.number)
    }

    /// All partitions of the image, with their names.
    pub fn partitions<'a>(&'a self, image: &'a ClusterImage) -> impl Iterator<Item = (TopicPartition, String)> + 'a {
        image.partitions().map(|(partition, _)| (partition, self.partition(partition)))
    }
}

/// The groups of those who read, in the order of their processes.
fn groups(scenario: &Scenario) -> Vec<Option<(String, bool)>> {
    let is_modern = |protocol| protocol == GroupProtocol::Consumer;
    let consumers = scenario.consumers.iter().map(|it| Some((it.group.clone()?, is_modern(it.config.group_protocol))));
    let pipelines = scenario.pipelines.iter().map(|it| Some((it.group.clone(), is_modern(it.consumer.group_protocol))));
    consumers.chain(pipelines).collect()
}

fn transactional_ids(scenario: &Scenario) -> Vec<String> {
    let producers = scenario.producers.iter().map(|it| &it.config);
    let configs = producers.chain(scenario.pipelines.iter().map(|it| &it.producer));
    let mut ids: Vec<String> = Vec::new();
    for id in configs.filter_map(|config| config.transactional_id.0.as_ref()) {
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    ids
}

fn unacknowledged(scenario: &Scenario) -> Vec<ProcessId> {
    let first = scenario.cluster.brokers + 1;
    let producers = (first..).zip(&scenario.producers).filter(|(_, it)| it.config.acks == Acks::None);
    producers.map(|(process, _)| process).collect()
}
