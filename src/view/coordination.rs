//! Groups and transactional ids at one instant, as plain data.

use serde::{Deserialize, Serialize};

use crate::lab::lag::LagParts;

/// A group of consumers, as its coordinator knows it, and as its members believe.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// `group.id`
    pub id: String,
    /// `classic` or `consumer`; empty as long as no coordinator knows it.
    pub protocol: String,
    /// Kafka's name of its state; empty as long as no coordinator knows it.
    pub state: String,
    /// How long it has been in its state, by the coordinator's wall clock; -1 where that is not known.
    pub lasting_ms: i64,
    /// The generation, or the group epoch (KIP-848).
    pub epoch: i32,
    /// The epoch of the target assignment; of the classic protocol the generation.
    pub assignment_epoch: i32,
    /// The assignor; empty where none was chosen.
    pub assignor: String,
    /// The broker that coordinates it, -1 for none.
    pub coordinator: i32,
    /// The coordinator is still reading its partition of `__consumer_offsets`.
    pub loading: bool,
    /// The partitions of the topics that it reads: indices into `Frame::partitions`.
    pub partitions: Vec<u32>,
    /// The tables of the scenario's file whose programs belong to it, where there may be more or fewer of them.
    pub tables: Vec<Table>,
    /// The processes that belong to it, in the order of the scenario, and behind them members that are nobody's any more.
    pub members: Vec<Member>,
    /// What it has committed.
    pub offsets: Vec<GroupOffset>,
}

/// A rebalance of a group, as far as the run has been computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebalance {
    /// Whose.
    pub group: String,
    /// When it began: with who joined or went, or the new epoch.
    pub from_us: u64,
    /// When the last member had what it shall have; of one that is under way the present.
    pub to_us: u64,
    /// Whether it is over.
    pub is_over: bool,
    /// The generation or epoch to which it leads, such as `generation 2`.
    pub to: String,
    /// Who came and went, such as `shipping-3 joined`; empty for nobody.
    pub why: String,
    /// All of it in a sentence.
    pub about: String,
    /// When nobody read, though somebody had before: begins and ends.
    pub stops_us: Vec<(u64, u64)>,
}

/// A `[[consumer]]` with `members`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// How many programs there may be.
    pub programs: u32,
    /// How many there are.
    pub running: u32,
}

/// What a client keeps that sends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sending {
    /// Its producer id, -1 without idempotence.
    pub producer_id: i64,
    /// Its producer epoch, -1 without idempotence.
    pub producer_epoch: i16,
    /// Its `transactional.id`; empty for none.
    pub transactional_id: String,
    /// How far its transaction is, by Kafka's name (`TransactionManager.State`); empty without a `transactional.id`.
    pub transaction: String,
    /// What it keeps of partitions.
    pub sequences: Vec<Sequence>,
}

/// A member of a group, or a process that will be one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The process, by its name.
    pub client: String,
    /// Tells it apart from the members of all groups, over the whole run: from it come a letter and a tint.
    pub number: u32,
    /// The id that the coordinator gave it; empty for none.
    pub id: String,
    /// `group.instance.id`; empty for none.
    pub instance: String,
    /// It assigns for the others (classic protocol).
    pub leads: bool,
    /// The process has ended, or has another id now; the coordinator waits for it until its session is over.
    pub former: bool,
    /// What it is at, as the coordinator knows.
    pub phase: Phase,
    /// The generation or epoch that the process believes to be in; -1 for none.
    pub generation: i32,
    /// What it believes to have: indices into `Frame::partitions`.
    pub has: Vec<u32>,
    /// What it shall have as its coordinator knows.
    pub due: Vec<u32>,
}

/// What a member is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The coordinator does not know it.
    #[default]
    Absent,
    /// It has what it shall have.
    Stable,
    /// The group is joined anew, and it has not joined yet.
    Awaited,
    /// It has joined and waits for the others.
    Joined,
    /// It waits for what the leader assigns.
    Syncing,
    /// It has to give up partitions first.
    Revoking,
    /// It waits for partitions that others have.
    Waiting,
}

/// Where a group stands in a partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupOffset {
    /// Which: an index into `Frame::partitions`.
    pub partition: u32,
    /// The next offset to read by what is committed; -1 for none.
    pub committed: i64,
    /// A transaction that is not over has another one.
    pub pending: bool,
    /// The high watermark minus the committed offset, as `kafka-consumer-groups` counts; -1 where it cannot be known.
    pub lag: i64,
    /// What that is made of, where it is looked at.
    pub parts: Option<LagParts>,
    /// Where it stood, where it is looked at: oldest first, at most one in each [`SLICES`](super::frame::SLICES).
    pub series: Vec<Stood>,
}

/// Where a group stood in a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stood {
    /// When.
    pub at_us: u64,
    /// The committed offset, -1 for none.
    pub committed: i64,
    /// The high watermark, -1 for none.
    pub end: i64,
}

/// A transactional id, as its coordinator knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TransactionalId {
    /// `transactional.id`
    pub id: String,
    /// The broker that coordinates it, -1 for none.
    pub coordinator: i32,
    /// Kafka's name of its state; empty as long as no coordinator knows it.
    pub state: String,
    /// A transition is under way: whoever asks is told CONCURRENT_TRANSACTIONS.
    pub pending: bool,
    /// Its producer id, -1 for none.
    pub producer_id: i64,
    /// Its producer epoch, -1 for none.
    pub producer_epoch: i16,
    /// `transaction.timeout.ms`
    pub timeout_ms: i32,
    /// How long its transaction has been open, by the coordinator's wall clock; -1 where none is.
    pub open_ms: i64,
    /// The partitions of its transaction: indices into `Frame::partitions`.
    pub partitions: Vec<u32>,
}

/// What a producer keeps of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Which: an index into `Frame::partitions`.
    pub partition: u32,
    /// The sequence number of the next batch; -1 where it has none.
    pub next: i32,
    /// Batches that have been sent and not been answered.
    pub in_flight: u32,
    /// Batches that wait to be sent, or to be sent again.
    pub queued: u32,
    /// How many records are in both.
    pub records: u64,
}
