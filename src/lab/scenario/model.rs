//! A scenario as plain values: what the world is built from.

use std::collections::BTreeSet;

use super::action::{InterventionId, Target};
use super::finding::FindingKind;
use crate::client::{ClientKind, TopicPattern};
use crate::lab::fault::FaultAction;
use crate::service::{Commits, LoadSettings, PlannedCommand, Poison, TransactionPlan, Work};
use crate::settings::{BrokerConfig, ConsumerConfig, ProducerConfig, TopicConfig, Without};
use crate::sim::SECOND;
use crate::wire::error_name;

/// What the administrator of a scenario is called, if it has one.
pub const ADMINISTRATOR: &str = "admin";

/// Everything that a file says, checked: names exist, numbers lie within their bounds, settings agree with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What it shows, in a line.
    pub title: String,
    /// What to look for, in a few sentences.
    pub about: String,
    /// The seed unless another is asked for.
    pub seed: u64,
    /// How long it runs, in virtual microseconds.
    pub duration_us: u64,
    /// The brokers.
    pub cluster: Cluster,
    /// What lies between all processes.
    pub network: Network,
    /// The topics, in the order of the file: those that are there from the start, and those that come later.
    pub topics: Vec<Topic>,
    /// Programs that send.
    pub producers: Vec<Producer>,
    /// Programs that read.
    pub consumers: Vec<Consumer>,
    /// What an administrator does, in the order of the file.
    pub commands: Vec<PlannedCommand>,
    /// Programs that read, and send on what they make of it: all members of all pipelines.
    pub pipelines: Vec<Pipeline>,
    /// What goes wrong, in order of time; at equal times in the order of the file.
    pub faults: Vec<Fault>,
    /// Who draws more of it from the seed.
    pub nemesis: Option<Nemesis>,
    /// What a run must show.
    pub expectations: Vec<Expectation>,
    /// What a run may show.
    pub allowances: Vec<Allowance>,
}

impl Scenario {
    /// The shortest that it runs with any seed, in virtual microseconds.
    #[must_use]
    pub fn least_duration_us(&self) -> u64 {
        self.nemesis.as_ref().map_or(self.duration_us, |nemesis| nemesis.least_duration_us)
    }

    /// Topics that clients send to or read, and that the file does not declare: with `auto.create.topics.enable` brokers create
    /// them.
    #[must_use]
    pub fn created_topics(&self) -> BTreeSet<&str> {
        let sent_to = self.producers.iter().map(|it| &it.topic).chain(self.pipelines.iter().map(|it| &it.to));
        let dead = self.consumers.iter().filter_map(|it| it.poison.as_ref()?.dead_letter.as_ref());
        let read = self.consumers.iter().flat_map(|it| &it.topics).chain(self.pipelines.iter().flat_map(|it| &it.from));
        let named = sent_to.chain(dead).chain(read).map(String::as_str);
        named.filter(|name| self.topics.iter().all(|topic| topic.name != *name)).collect()
    }

    /// The fewest brokers that it has with any seed.
    #[must_use]
    pub fn least_brokers(&self) -> u32 {
        self.nemesis.as_ref().map_or(self.cluster.brokers, |nemesis| nemesis.least_brokers)
    }
}

/// The brokers. They are numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// How many there are.
    pub brokers: u32,
    /// Their settings, the same for all.
    pub config: BrokerConfig,
    /// Their racks, one after another and again from the first; none where this is empty.
    pub racks: Vec<String>,
    /// How much longer than Kafka's own work each one's disk takes for a write, from the start, in microseconds. Empty
    /// where all are alike.
    pub disks_us: Vec<u64>,
    /// Historical fixes that are switched off.
    pub without: Without,
}

impl Cluster {
    /// The `broker.rack` of a broker, if it has one.
    #[must_use]
    pub fn rack(&self, broker: i32) -> Option<&str> {
        let place = usize::try_from(broker - 1).ok()?.checked_rem(self.racks.len())?;
        self.racks.get(place).map(String::as_str)
    }

    /// How much longer a broker's disk takes for a write unless something is done to it, in microseconds.
    #[must_use]
    pub fn disk_us(&self, broker: i32) -> u64 {
        let place = usize::try_from(broker - 1).ok();
        place.and_then(|place| self.disks_us.get(place)).copied().unwrap_or_default()
    }
}

/// What lies between all processes, in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Least delay of a message, in microseconds.
    pub latency_us: u64,
    /// Most that is added to it, drawn evenly, in microseconds.
    pub jitter_us: u64,
    /// Chance of a loss, in parts per million; on a connection it costs a retransmission.
    pub loss_ppm: u32,
    /// Bytes a second; 0 for no limit.
    pub bandwidth_bytes_per_s: u64,
}

impl Default for Network {
    fn default() -> Self {
        Self { latency_us: 500, jitter_us: 0, loss_ppm: 0, bandwidth_bytes_per_s: 0 }
    }
}

/// A topic: from when until when there is one, and what it is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// How many replicas each has.
    pub replication_factor: u32,
    /// When it is created; 0 for one that is there from the start.
    pub at_us: u64,
    /// When it is deleted, if it is.
    pub delete_at_us: Option<u64>,
    /// Its settings; what the file leaves out comes from the brokers' settings.
    pub config: TopicConfig,
}

/// A program that sends records at a steady rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its name in the file.
    pub name: String,
    /// The topic that it sends to.
    pub topic: String,
    /// Records a second.
    pub rate_per_s: u32,
    /// How many different keys it uses; none for records without a key.
    pub keys: Option<u32>,
    /// Bytes of each value.
    pub value_bytes: u32,
    /// Each so many-th record is a tombstone: its value is null.
    pub tombstone_every: Option<u32>,
    /// How it sends in transactions, with a `transactional.id`.
    pub transactions: Option<TransactionPlan>,
    /// Which library it is built on.
    pub client: ClientKind,
    /// Its settings.
    pub config: ProducerConfig,
}

impl Producer {
    /// What its program sends.
    #[must_use]
    pub fn load(&self) -> LoadSettings {
        LoadSettings {
            name: self.name.clone(),
            topic: self.topic.clone(),
            period_us: SECOND.checked_div(u64::from(self.rate_per_s)).unwrap_or(0),
            keys: self.keys.map(u64::from),
            value_size: self.value_bytes,
            tombstone_every: self.tombstone_every.map(u64::from),
            transactions: self.transactions,
        }
    }
}

/// A program that reads every partition of its topics by itself, or those that its group gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its name in the file.
    pub name: String,
    /// The topics that it reads; with a pattern those of the file that match.
    pub topics: Vec<String>,
    /// By which it finds them, if it does.
    pub pattern: Option<TopicPattern>,
    /// How long it works on what it is given.
    pub work: Work,
    /// Its `group.id`, if it is a member of a group.
    pub group: Option<String>,
    /// When it commits.
    pub commits: Commits,
    /// It hands its work to another thread, and polls again at once.
    pub hands_over: bool,
    /// Which records it cannot work on, if there are such.
    pub poison: Option<Poison>,
    /// It is not there from the start.
    pub is_spare: bool,
    /// The name of its table, and its place among those that the table stands for, from 1.
    pub table: (String, u32),
    /// Its settings.
    pub config: ConsumerConfig,
}

/// A member of a pipeline: a program that reads in a group, makes records of what it was given and sends them on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// Its name in the file.
    pub name: String,
    /// The topics that it reads.
    pub from: Vec<String>,
    /// The topic that it sends to.
    pub to: String,
    /// Its `group.id`.
    pub group: String,
    /// How many records it makes of each.
    pub copies: u32,
    /// How long it works on what a poll returned, in microseconds.
    pub work_us: u64,
    /// When it commits, where its transactions do not.
    pub commits: Commits,
    /// How long after an error that ends it it is started again, in microseconds.
    pub again_after_us: Option<u64>,
    /// Which library its producer is of.
    pub client: ClientKind,
    /// Which records it cannot work on, if there are such.
    pub poison: Option<Poison>,
    /// Its consumer's settings.
    pub consumer: ConsumerConfig,
    /// Its producer's settings; a `transactional.id` where it sends in transactions.
    pub producer: ProducerConfig,
}

impl Pipeline {
    /// What it promises of a record that it has read.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        if self.producer.transactional_id.0.is_some() {
            return Delivery::ExactlyOnce;
        }
        match self.commits {
            Commits::SyncBefore => Delivery::AtMostOnce,
            Commits::Auto | Commits::SyncAfter | Commits::Async => Delivery::AtLeastOnce,
        }
    }
}

/// How often what a pipeline makes of a record is there for readers of committed records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Offsets are committed before the work.
    AtMostOnce,
    /// Offsets are committed behind the work.
    AtLeastOnce,
    /// Offsets and what was made of the records are one transaction.
    ExactlyOnce,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its number among the interventions of the run: the one that the file gives it, or else its place there.
    pub id: InterventionId,
    /// When, in virtual microseconds.
    pub at_us: u64,
    /// What is done.
    pub action: FaultAction,
    /// To whom.
    pub target: Target,
    /// How long after it [`FaultAction::undo`] is done to the same processes and links, if ever, in microseconds.
    pub undo_after_us: Option<u64>,
}

/// Who draws faults from the seed: `[nemesis]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nemesis {
    /// The words of the faults that it may draw, in the order of the table.
    pub families: Vec<&'static str>,
    /// To whom it may do something.
    pub sorts: Vec<Sort>,
    /// Mean time between two faults; each seed has another, from half to twice as long.
    pub every_us: u64,
    /// The longest that a fault may last; each seed has another, from a tenth of it.
    pub longest_us: u64,
    /// Before this nothing is done.
    pub from_us: u64,
    /// So long before the end everything is healed, and nothing new is done.
    pub calm_us: u64,
    /// How much may be broken at a time.
    pub budget: Budget,
    /// The shortest run; the duration is the longest.
    pub least_duration_us: u64,
    /// The fewest brokers; the cluster's number is the most.
    pub least_brokers: u32,
    /// How much longer the slowest disk takes for a write, from the start.
    pub slowest_disk_us: u64,
}

/// A sort of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Brokers.
    Brokers,
    /// The controller.
    Controller,
    /// Producers and consumers.
    Clients,
}

impl Sort {
    /// All, with their words in a file.
    pub const WORDS: [(&'static str, Self); 3] =
        [("brokers", Self::Brokers), ("controller", Self::Controller), ("clients", Self::Clients)];
}

/// How much may be broken at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Of each partition one replica, from the fault until it is back in the committed ISR.
    OneReplica,
    /// Whatever is drawn.
    Unbounded,
}

impl Budget {
    /// Both, with their words in a file.
    pub const WORDS: [(&'static str, Self); 2] = [("one-replica", Self::OneReplica), ("unbounded", Self::Unbounded)];
}

/// What a run may show, though it need not: Kafka does not promise otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Findings of this kind.
    pub finding: FindingKind,
    /// Only about this topic, where one is named.
    pub topic: Option<String>,
    /// Why that breaks no promise.
    pub because: String,
}

/// What a run must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// A finding of this kind.
    Finding(FindingKind),
    /// An error that clients see.
    Error(ExpectedError),
}

impl Expectation {
    /// As reports write it, such as `anomaly lost-write`.
    pub fn about(&self) -> String {
        match self {
            Self::Finding(finding) => format!("{} {}", finding.class().key(), finding.name()),
            Self::Error(ExpectedError { error, of, at_least, at_most }) => {
                let of = of.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
                let count = match (at_least, at_most) {
                    (1, None) => String::new(),
                    (least, None) => format!(", {least} times at least"),
                    (least, Some(most)) => format!(", {least} to {most} times"),
                };
                format!("error {}{of}{count}", error.name())
            }
        }
    }
}

/// An error that clients are to see, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedError {
    /// Which.
    pub error: ClientError,
    /// Whose client sees it; anybody's if left out. A name of several members stands for all of them.
    pub of: Option<String>,
    /// How often at least, by all of them together.
    pub at_least: u64,
    /// How often at most.
    pub at_most: Option<u64>,
}

impl ExpectedError {
    /// Whether the client of this name is meant.
    #[must_use]
    pub fn is_of(&self, client: &str) -> bool {
        let is_member = |name: &str| {
            let number = client.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
            number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        self.of.as_deref().is_none_or(|name| name == client || is_member(name))
    }
}

/// An error as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// Kafka's code: an answer says it, or the client itself where it got none.
    Code(i16),
    /// An exception that a call of the program comes to.
    Exception(String),
}

impl ClientError {
    /// Exceptions of the Java client that stand for no error code.
    pub const OWN_EXCEPTIONS: [&str; 3] =
        ["CommitFailedException", "BufferExhaustedException", "TransactionAbortedException"];

    /// Its name in files.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Code(code) => error_name(*code),
            Self::Exception(name) => name.clone(),
        }
    }
}
