//! The run at one instant, as plain data.
//!
//! A frame is everything the page shows: it is computed once by the engine, crosses from the worker to the page as bytes,
//! and is drawn for any time between its own instant and the next one. Nothing here refers to the engine.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::coordination::{Group, Rebalance, Sending, TransactionalId};
use super::lens::View;
use super::log::{BatchKind, Log};
use super::state::{Role, State};

/// Into how many parts `Frame::density` cuts the duration.
pub const SLICES: u64 = 180;

/// Everything that is shown of a run at an instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Whose picture it holds: what other views show of a run beside the state of everything is left out.
    pub view: View,
    /// Which run this is and where in it we stand.
    pub run: Run,
    /// The branches of the run, by number.
    pub branches: Vec<Branch>,
    /// The cluster's controller.
    pub controller: Controller,
    /// Brokers by id.
    pub brokers: Vec<Broker>,
    /// Partitions as the controller's metadata has them, by topic and index.
    pub partitions: Vec<Partition>,
    /// Producers by name.
    pub producers: Vec<Producer>,
    /// Consumers by name.
    pub consumers: Vec<Consumer>,
    /// Groups of consumers, in the order of the scenario.
    pub groups: Vec<Group>,
    /// Rebalances of the whole run as far as it has been computed, oldest first.
    pub rebalances: Vec<Rebalance>,
    /// Transactional ids, of coordinators and of producers.
    pub transactional_ids: Vec<TransactionalId>,
    /// Requests and responses on their way, in order of sending; in other views than the Stage only the selected one.
    pub packets: Vec<Packet>,
    /// Links that carry nothing at this instant.
    pub cuts: Vec<Cut>,
    /// Whose machine shows a wrong time, or whose clock runs at another rate.
    pub wrong_clocks: Vec<Node>,
    /// Faults of the scenario and commands of the person, in time order.
    pub interventions: Vec<Intervention>,
    /// What the checkers have found up to this instant, oldest first.
    pub findings: Vec<Finding>,
    /// The last notable events, oldest first.
    pub events: Vec<Event>,
    /// Why the selection is as it is: its last notable event first, then what caused it, and so on.
    pub because: Vec<Event>,
    /// Faults, elections and findings of the whole run as far as it has been computed.
    pub marks: Vec<Mark>,
    /// Events in each of [`SLICES`] equal parts of the duration; it ends where the run has not been computed yet.
    pub density: Vec<u32>,
    /// The logs of one partition, where they are looked at.
    pub log: Option<Arc<Log>>,
}

/// Which run this is and where in it we stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The scenario's title.
    pub title: String,
    /// The scenario's sentence about itself.
    pub about: String,
    /// The seed.
    #[serde(serialize_with = "seed")]
    pub seed: u64,
    /// The rolling hash after the present event: 16 lower-case hex digits, a string because JavaScript's numbers are too small.
    pub hash: String,
    /// How many events have happened.
    pub event: u64,
    /// How many events of the run have been computed so far.
    pub events_computed: u64,
    /// Up to which time the run has been computed.
    pub computed_us: u64,
    /// The present virtual time.
    pub time_us: u64,
    /// How long the run lasts.
    pub duration_us: u64,
    /// The branch that we stand on, by number.
    pub branch: u32,
    /// How many requests and responses are on their way.
    pub in_flight: u32,
}

/// A branch of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    /// Its number, never used again.
    pub id: u32,
    /// What it is called.
    pub name: String,
    /// Where it leaves another; `None` for the one that leaves none.
    pub parent: Option<Fork>,
    /// How many of its events have been computed, from the start of the run.
    pub events_computed: u64,
    /// Up to which time it has been computed.
    pub computed_us: u64,
    /// The commands of the person on it, in time order, with those that it has in common with its parent.
    pub commands: Vec<Given>,
}

/// Where a branch leaves another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The other branch.
    pub branch: u32,
    /// The last event that both have.
    pub event: u64,
    /// When the person acted.
    pub at_us: u64,
}

/// A command of the person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// When.
    pub at_us: u64,
    /// In words, such as `kill broker 2`.
    pub text: String,
}

/// The largest integer that JavaScript's numbers hold exactly.
const EXACT: u64 = (1 << 53) - 1;

/// A seed beyond JavaScript's numbers is a string where people read; bytes have no such bound.
fn seed<S: Serializer>(seed: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() && *seed > EXACT {
        serializer.serialize_str(&seed.to_string())
    } else {
        serializer.serialize_u64(*seed)
    }
}

/// The cluster's controller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Controller {
    /// Its name among the processes.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// The controller epoch, as metadata answers carry it.
    pub epoch: i32,
    /// The end of the metadata log.
    pub metadata_end: i64,
}

/// One broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Broker {
    /// `node.id`.
    pub id: i32,
    /// What it is doing.
    pub state: State,
    /// The broker epoch of its last registration, -1 before the first.
    pub epoch: i64,
    /// How far it has read the metadata log.
    pub metadata_end: i64,
    /// Since when it has been in this state.
    pub since_us: u64,
    /// Its disk takes nothing more.
    pub disk_full: bool,
    /// What its log cleaner is at: indices into `Frame::partitions`.
    pub cleaning: Vec<u32>,
    /// By how much each write and each flush of its disk is slowed; 0 for a healthy one.
    pub disk_slowed_us: u64,
    /// The replicas it hosts, in the order of `Frame::partitions`.
    pub replicas: Vec<Replica>,
}

/// One replica of a partition on one broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Replica {
    /// Which partition: an index into `Frame::partitions`.
    pub partition: u32,
    /// Its part in replication, as the controller has it.
    pub role: Role,
    /// The first offset.
    pub log_start: i64,
    /// The high watermark this replica knows.
    pub high_watermark: i64,
    /// The last stable offset.
    pub last_stable: i64,
    /// The next offset to be written; -1 where the log is not open and its end is not known.
    pub log_end: i64,
    /// The leader epoch this broker follows or leads in.
    pub leader_epoch: i32,
    /// The last batches, in order of offset; on the Stage only.
    pub tail: Vec<Batch>,
}

/// One record batch of a replica.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The first offset.
    pub base: i64,
    /// The last offset.
    pub last: i64,
    /// A number from each record's key, so that a key has one hue everywhere; `None` for a record without a key.
    pub keys: Vec<Option<u32>>,
    /// The leader epoch it was appended in.
    pub epoch: i32,
    /// Its CRC-32C.
    pub crc: u32,
    /// How many bytes it takes.
    pub bytes: u32,
    /// All of it is below the replica's high watermark.
    pub committed: bool,
    /// A client was told that it is stored, and the present leader does not have it.
    pub lost: bool,
    /// What it is of a transaction.
    pub kind: BatchKind,
}

/// A partition as the controller's metadata has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Partition {
    /// The topic's number, which is never used again.
    pub number: u32,
    /// The topic's name.
    pub topic: String,
    /// Whether the topic is one of Kafka's own.
    pub internal: bool,
    /// The partition's number.
    pub index: i32,
    /// The leader, -1 for none.
    pub leader: i32,
    /// The leader epoch.
    pub leader_epoch: i32,
    /// The partition epoch.
    pub partition_epoch: i32,
    /// The assigned replicas.
    pub replicas: Vec<i32>,
    /// The in-sync replicas.
    pub isr: Vec<i32>,
    /// The eligible leader replicas (KIP-966).
    pub elr: Vec<i32>,
    /// `min.insync.replicas`.
    pub min_isr: i32,
    /// The leader's high watermark, -1 without a leader.
    pub high_watermark: i64,
    /// The leader's last stable offset, -1 without a leader.
    pub last_stable: i64,
    /// Where its earliest transaction begins that is open, or whose marker is not below the high watermark; -1 for none.
    pub first_unstable: i64,
    /// The leader's log end, -1 without a leader.
    pub log_end: i64,
    /// One past the last offset that a producer was told is stored, 0 before the first.
    pub acknowledged_end: i64,
}

/// One producer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Producer {
    /// Its name in the scenario.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// The topic it writes to.
    pub topic: String,
    /// Its producer id, its transaction, its sequence numbers.
    pub sending: Sending,
    /// `acks` as configured: `0`, `1` or `all`.
    pub acks: String,
    /// Its rate as the scenario states it, such as `20/s`.
    pub rate: String,
    /// Requests without an answer yet.
    pub in_flight: u32,
    /// Records given to the producer.
    pub sent: u64,
    /// Records it was told are stored.
    pub acked: u64,
    /// Records it gave up: Kafka's `record-error-total`.
    pub failed: u64,
    /// Records it sent again: Kafka's `record-retry-total`.
    pub retried: u64,
    /// The records that it gave up by the name of their error.
    pub errors: Vec<(String, u64)>,
    /// The last error a broker answered, by Kafka's name; empty for none.
    pub last_error: String,
}

/// One consumer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Consumer {
    /// Its name in the scenario.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// Its group, empty for none.
    pub group: String,
    /// Its member id; empty for none.
    pub member_id: String,
    /// The generation or epoch that it believes to be in; -1 for none.
    pub generation: i32,
    /// How far it is as a member, by Kafka's name; empty without a group.
    pub membership: String,
    /// What it sends on, where it is a pipeline.
    pub sending: Option<Sending>,
    /// Where it stands in each partition it reads.
    pub positions: Vec<Position>,
    /// Records not read yet, over all partitions it reads.
    pub lag: u64,
    /// Records it was given.
    pub read: u64,
    /// The last error a broker answered, by Kafka's name; empty for none.
    pub last_error: String,
}

/// Where a consumer stands in a partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Which partition: an index into `Frame::partitions`.
    pub partition: u32,
    /// The next offset it will read.
    pub offset: i64,
    /// Kafka's metric `records-lag`: what is missing to the end that it saw last, of committed records to the last stable offset.
    pub lag: Option<u64>,
}

/// A process, by what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Node {
    /// The controller.
    #[default]
    Controller,
    /// A broker by id.
    Broker(i32),
    /// A producer or consumer by name.
    Client(String),
}

/// A request or a response on its way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Packet {
    /// The number of the event that sent it; it tells packets apart from frame to frame.
    pub id: u64,
    /// Who sent it.
    pub from: Node,
    /// Who receives it.
    pub to: Node,
    /// The connection it travels on.
    pub connection: u64,
    /// The API's name, such as `Produce`.
    pub api: String,
    /// A response travels back to who asked.
    pub response: bool,
    /// Its place among the requests, or the responses, of this API from the one to the other, from 1: so commands name it.
    pub ordinal: u32,
    /// When it was sent.
    pub sent_us: u64,
    /// When it arrives.
    pub arrives_us: u64,
    /// One line about it, such as `orders-0 offset 41, 3 records`.
    pub about: String,
    /// Keys of the records it carries, as in `Batch::keys`.
    pub keys: Vec<Option<u32>>,
}

/// A link that carries nothing in this direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// Where messages would come from.
    pub from: Node,
    /// Where they would go.
    pub to: Node,
    /// Since when.
    pub since_us: u64,
}

/// A fault of the scenario or a command of the person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Intervention {
    /// When it happens.
    pub at_us: u64,
    /// What it does, in the words of a command, such as `kill broker 2`.
    pub text: String,
    /// It has happened at this instant.
    pub done: bool,
    /// A person gave it.
    pub by_hand: bool,
    /// The nemesis drew it; the scenario's file has what neither gave.
    pub by_nemesis: bool,
}

/// Something a checker found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Its kebab-case kind, such as `lost-write`.
    pub kind: String,
    /// When it became true.
    pub at_us: u64,
    /// The event that made it true.
    pub event: u64,
    /// A sentence with the evidence: of several with one cause the first.
    pub about: String,
    /// How many there are with this cause.
    pub count: u64,
    /// The partition it is about, by name such as `orders-0`; empty for none.
    pub partition: String,
}

/// What kind of notable event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Anything else worth a line.
    #[default]
    Other,
    /// A fault or a command.
    Fault,
    /// A restart, a resumption or a heal.
    Repair,
    /// A leader elected or lost.
    Election,
    /// The ISR shrank or grew.
    Isr,
    /// A broker registered, was fenced or unfenced.
    Registration,
    /// A log was truncated.
    Truncation,
    /// A log was compacted.
    Compaction,
    /// A log rolled, lost its oldest segments or was recovered.
    Storage,
    /// A client met an error.
    Error,
    /// A checker found something.
    Finding,
}

/// A notable event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number.
    pub number: u64,
    /// When.
    pub at_us: u64,
    /// What kind.
    pub kind: Kind,
    /// A sentence.
    pub text: String,
    /// The number of the event that caused it.
    pub cause: Option<u64>,
    /// Whom it is about.
    pub about: Vec<Selection>,
}

/// A mark on the timeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// When.
    pub at_us: u64,
    /// The number of the event.
    pub event: u64,
    /// What kind.
    pub kind: Kind,
    /// A few words.
    pub text: String,
}

/// What the person has selected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// Nothing.
    #[default]
    None,
    /// A process.
    Node(Node),
    /// A partition.
    Partition {
        /// The topic's name.
        topic: String,
        /// The partition's number.
        index: i32,
        /// The topic's number, which is never used again: a topic that is made anew with this name is another one.
        number: u32,
    },
    /// A batch of one replica, by an offset inside it.
    Batch {
        /// The topic's name.
        topic: String,
        /// The partition's number.
        index: i32,
        /// The topic's number, which is never used again: a topic that is made anew with this name is another one.
        number: u32,
        /// The replica's broker.
        broker: i32,
        /// An offset inside the batch.
        offset: i64,
    },
    /// A link, in both directions.
    Link(Node, Node),
    /// A packet on its way, by the event that sent it.
    Packet(u64),
    /// An event by its number.
    Event(u64),
    /// A group by its id.
    Group(String),
    /// A transactional id.
    TransactionalId(String),
}

impl Partition {
    /// It, as it is selected.
    #[must_use]
    pub fn selection(&self) -> Selection {
        Selection::Partition { topic: self.topic.clone(), index: self.index, number: self.number }
    }

    /// Whether nobody has written to it, of the fifty that a topic of Kafka's own has: it would only take the room of others.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.internal && self.log_end == 0
    }

    /// Whether it is this one that is selected, or a batch of it.
    #[must_use]
    pub fn is_selected(&self, selection: &Selection) -> bool {
        selection.partition() == Some((self.number, self.index))
    }
}

impl Selection {
    /// The topic's number and the partition's, where a partition is selected or a batch of it.
    #[must_use]
    pub fn partition(&self) -> Option<(u32, i32)> {
        match self {
            Self::Partition { number, index, .. } | Self::Batch { number, index, .. } => Some((*number, *index)),
            Self::None
            | Self::Node(_)
            | Self::Link(..)
            | Self::Packet(_)
            | Self::Event(_)
            | Self::Group(_)
            | Self::TransactionalId(_) => None,
        }
    }
}
