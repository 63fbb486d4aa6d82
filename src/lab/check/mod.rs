//! Checkers: they read what processes tell and hold it against what Kafka promises.
//!
//! They have no influence on a run. They are part of a snapshot, so that what they have found at an instant is a function
//! of the run and the instant.

mod availability;
mod finding;
mod history;
mod invariants;
mod liveness;
#[cfg(test)]
mod tests;

pub use availability::{Availability, Latency, OUTAGE_US, Outage, Sends};
pub use finding::{Finding, Findings, When};
pub use history::{GroupWork, History};
pub use invariants::Invariants;
pub use liveness::find_stuck;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::broker::groups::{CommitPlace, GroupStanding};
use crate::lab::scenario::Delivery;
use crate::note::RecordId;
use crate::settings::AutoOffsetReset;
use crate::sim::hash::RunHash;
use crate::sim::{SECOND, Time};
use crate::wire::{ClusterImage, TopicPartition, incarnation_id};

/// Where one replica's log begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnds {
    /// Its first offset.
    pub log_start: i64,
    /// Its high watermark.
    pub high_watermark: i64,
    /// The next offset to be written.
    pub log_end: i64,
}

/// What identifies a batch in a replica's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchMark {
    /// Its first offset.
    pub base: i64,
    /// Its last offset.
    pub last: i64,
    /// Its CRC-32C.
    pub crc: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Its leader epoch.
    pub leader_epoch: i32,
    /// The largest timestamp of its records; -1 for none.
    pub max_timestamp: i64,
}

/// What a record must be the same in wherever it lies: in its key, value, timestamp and leader epoch.
///
/// Keys and values are told apart by their CRC-32C: that is quick, and nobody here makes two that collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordMark {
    /// Its offset.
    pub offset: i64,
    /// The CRC-32C of its key; `None` for null.
    pub key: Option<u32>,
    /// The CRC-32C of its value; `None` for null: a tombstone.
    pub value: Option<u32>,
    /// Its timestamp.
    pub timestamp: i64,
    /// The leader epoch of its batch.
    pub leader_epoch: i32,
    /// It belongs to a transaction, which may be committed or not.
    pub is_transactional: bool,
    /// From when on its batch lets it go, if it is a tombstone (KIP-534).
    pub horizon_ms: Option<i64>,
}

impl RecordMark {
    /// All of it but the offset, in a number that is never 0.
    fn digest(&self) -> u64 {
        let null_or = |crc: Option<u32>| crc.map_or(0, |crc| u64::from(crc) + 1);
        let mut hash = RunHash::default();
        let epoch = u64::from(self.leader_epoch.cast_unsigned());
        [null_or(self.key), null_or(self.value), self.timestamp.cast_unsigned(), epoch]
            .into_iter()
            .for_each(|word| hash.fold(word));
        hash.value().max(1)
    }

    /// In which of its parts another record at the same offset differs.
    fn differs_in(&self, other: &Self) -> String {
        let parts = [
            ("key", self.key == other.key),
            ("value", self.value == other.value),
            ("timestamp", self.timestamp == other.timestamp),
            ("leader epoch", self.leader_epoch == other.leader_epoch),
        ];
        let different: Vec<_> = parts.into_iter().filter(|(_, same)| !same).map(|(part, _)| part).collect();
        different.join(" and ")
    }
}

/// What a reader meets in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored<T> {
    /// A record.
    Record(T),
    /// A batch whose CRC-32C does not match: a client that reads it is told CORRUPT_MESSAGE.
    Corrupt {
        /// Its first offset.
        base: i64,
        /// Its last offset.
        last: i64,
    },
}

/// What checkers know of a pipeline, of all its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// Its name, as far as its members share it.
    pub name: String,
    /// Its group.
    pub group: String,
    /// The topics that it reads.
    pub from: Vec<String>,
    /// The topic that it sends to.
    pub to: String,
    /// The topic that records go to which it cannot work on.
    pub dead_letter: Option<String>,
    /// How many records it makes of each.
    pub copies: u32,
    /// What it promises.
    pub delivery: Delivery,
    /// Its members' processes.
    pub members: Vec<u32>,
}

/// What a log of `__consumer_offsets` says of offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// A group has committed, or has taken it back.
    Of {
        /// Where the record stands.
        at: i64,
        /// In whose transaction.
        producer_id: Option<i64>,
        /// Of which group, in which partition.
        place: CommitPlace,
        /// The next offset to read; `None` where it is taken back.
        offset: Option<i64>,
    },
    /// The transaction of a producer is over.
    End {
        /// Whose.
        producer_id: i64,
        /// Whether what is in it counts.
        is_commit: bool,
    },
}

/// A segment that a broker takes as it lies when it begins again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchecked {
    /// Its offsets.
    pub offsets: Range<i64>,
    /// The timestamp of the last entry of its time index, as the disk has it: retention takes it for that of its youngest record. -1
    /// where there is no entry.
    pub says_ms: i64,
}

/// What a reader of committed records finds of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visible {
    /// It is given to it.
    Yes,
    /// Its transaction has no marker yet: it may be given to it.
    Undecided,
}

/// A run in which nothing is broken any more: everybody runs, no link is cut, no disk is full.
#[derive(Clone, Copy, Debug)]
pub struct Quiet {
    /// Since when.
    pub since: Time,
    /// The time now.
    pub now: Time,
    /// For how long something may stand still in it: the longest time-out that anybody waits for, and what follows it.
    pub bound: Time,
}

impl Quiet {
    /// Whether what stands still since then does so for longer than it may.
    fn is_too_long(self, since: Time) -> bool {
        self.now.saturating_sub(since.max(self.since)) >= self.bound
    }

    /// What was there for consumers by then is read by now.
    fn deadline(self) -> Time {
        self.now.saturating_sub(self.bound)
    }
}

/// Whether the broker's present life is the one that the controller knows. Before it is, nobody can connect to the broker
/// (`BrokerServer.startup` opens its listeners last): it may lead by the metadata of its former life, and serves nobody.
pub(in crate::lab) fn is_registered(broker: i32, evidence: &dyn Evidence) -> bool {
    let life = incarnation_id(broker, evidence.incarnation(broker));
    evidence.image().brokers.get(&broker).is_none_or(|registered| registered.incarnation == life)
}

/// What a broker leads by the controller's image, with the leader epoch and the ends of its log.
fn led_by(broker: i32, evidence: &dyn Evidence) -> Vec<(TopicPartition, i32, LogEnds)> {
    let led = evidence.image().partitions().filter(|(_, image)| image.leader == broker);
    led.filter_map(|(partition, image)| Some((partition, image.leader_epoch, evidence.log_ends(broker, partition)?)))
        .collect()
}

/// Kafka's default: seven days.
const DEFAULT_OFFSET_RETENTION: Time = 7 * 24 * 3_600 * SECOND;

/// What a checker may look at beside notes: the world, or a hand-made one in tests.
pub trait Evidence {
    /// The controller's image.
    fn image(&self) -> &ClusterImage;
    /// True where the broker's process runs.
    fn is_running(&self, broker: i32) -> bool;
    /// Which life of the broker this is.
    fn incarnation(&self, broker: i32) -> u32;
    /// Where the broker's replica begins and ends; `None` where it has none.
    fn log_ends(&self, broker: i32, partition: TopicPartition) -> Option<LogEnds>;
    /// Visits the batches of the broker's replica that lie in `from..to`, wholly or in part, in order.
    fn batches(&self, broker: i32, partition: TopicPartition, from: i64, to: i64, visit: &mut dyn FnMut(BatchMark));
    /// Visits the records of the broker's replica in `from..to` and where they are, in order; `None` for values no
    /// producer here wrote.
    fn records(
        &self,
        broker: i32,
        partition: TopicPartition,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(Stored<(i64, Option<RecordId>)>),
    );
    /// Visits the same records by what they are.
    fn record_marks(
        &self,
        broker: i32,
        partition: TopicPartition,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(Stored<RecordMark>),
    );
    /// Whether old records of the partition go once there is a later one with their key (`cleanup.policy` names compact).
    fn is_compacted(&self, partition: TopicPartition) -> bool {
        let topic = self.image().topics.get(partition.topic);
        let policy = topic.and_then(|topic| topic.config.get("cleanup.policy"));
        policy.is_some_and(|policy| policy.contains("compact"))
    }
    /// A setting of the partition's topic that is a number; `None` for one that is not known.
    fn topic_number(&self, partition: TopicPartition, setting: &str) -> Option<i64> {
        self.image().topics.get(partition.topic)?.config.get(setting)?.parse().ok()
    }
    /// Whether `unclean.leader.election.enable` holds for the partition's topic.
    fn elects_unclean(&self, partition: TopicPartition) -> bool;
    /// The broker's wall clock now, in milliseconds.
    fn wall_ms(&self, broker: i32) -> i64;
    /// Whether the producer with this process asks for acks=all.
    fn waits_for_all(&self, producer: u32) -> bool;
    /// Where the consumer with this process begins where it has no position.
    fn auto_offset_reset(&self, consumer: u32) -> AutoOffsetReset;
    /// Whether the consumer with this process is given nothing of open and aborted transactions (`isolation.level`).
    fn reads_committed(&self, _consumer: u32) -> bool {
        false
    }
    /// The offset that the consumer with this process reads next, as it knows it: it may have gone past what it is not given.
    fn position(&self, _consumer: u32, _partition: TopicPartition) -> Option<i64> {
        None
    }
    /// Where the earliest transaction begins that is open in the log of the broker's replica, and its producer id.
    fn open_transaction(&self, _broker: i32, _partition: TopicPartition) -> Option<(i64, i64)> {
        None
    }
    /// Whether logs are known, and not only what clients have seen of them.
    fn knows_logs(&self) -> bool {
        true
    }
    /// What a producer's transaction waits for at its coordinator, in words.
    fn transaction_waits_for(&self, _producer_id: i64) -> String {
        "nobody coordinates it".to_owned()
    }
    /// The pipelines whose groups are theirs alone.
    fn pipelines(&self) -> Vec<Pipe> {
        Vec::new()
    }
    /// Visits what readers of committed records are given of the broker's replica below an offset, now or, where that is not
    /// decided, maybe later; in any order.
    fn visible_records(
        &self,
        broker: i32,
        partition: TopicPartition,
        to: i64,
        visit: &mut dyn FnMut(i64, RecordId, Visible),
    ) {
        self.records(broker, partition, 0, to, &mut |met| match met {
            Stored::Record((offset, Some(record))) => visit(offset, record, Visible::Yes),
            // Of another program, or of use to nobody.
            Stored::Record((_, None)) | Stored::Corrupt { .. } => {}
        });
    }
    /// A partition's name, such as `orders-0`.
    fn partition_name(&self, partition: TopicPartition) -> String {
        format!("{}-{}", self.image().topics.name_of(partition.topic), partition.partition)
    }
    /// The consumers' processes, with the names of the topics that each reads.
    fn readers(&self) -> Vec<(u32, Vec<String>)> {
        Vec::new()
    }
    /// The `group.id` of the consumer with this process; `None` where it reads for itself.
    fn group_of(&self, _consumer: u32) -> Option<&str> {
        None
    }
    /// Whether the consumer with this process, or its program, says how far it is.
    fn commits(&self, _consumer: u32) -> bool {
        false
    }
    /// The broker that coordinates a group, and how the group stands there.
    fn coordinated(&self, _group: &str) -> Option<(i32, GroupStanding)> {
        None
    }
    /// The partition of `__consumer_offsets` that a group belongs to; `None` where that is not known.
    fn seat_of_group(&self, _group: &str) -> Option<TopicPartition> {
        None
    }
    /// Visits what the broker's replica of a partition of `__consumer_offsets` says in these offsets, in order. False where it could not
    /// be read to its end.
    fn commits_in(
        &self,
        _broker: i32,
        _seat: TopicPartition,
        _offsets: Range<i64>,
        _visit: &mut dyn FnMut(Commit),
    ) -> bool {
        false
    }
    /// What groups have committed as the broker has it that coordinates them; `None` where it does not serve the partition of
    /// `__consumer_offsets`, or not yet.
    fn coordinator_has(&self, _broker: i32, _seat: TopicPartition) -> Option<BTreeMap<CommitPlace, i64>> {
        None
    }
    /// The `transactional.id` of the producer with this process, where no other program has it and its transactions are of version 2:
    /// in those before, a late request may end a transaction for which it was not meant (KIP-890).
    fn own_transactional_id(&self, _producer: u32) -> Option<&str> {
        None
    }
    /// The segments of the broker's replica that nobody looks into when it begins again, by the files on its disk: those below the recovery
    /// point, or all where it was stopped in good order (`LogLoader.recoverLog`; `LogSegment.sanityCheck` skips the indexes, KAFKA-7283).
    fn unchecked_segments(&self, _broker: i32, _partition: TopicPartition) -> Vec<Unchecked> {
        Vec::new()
    }
    /// How long a group that nobody is a member of keeps what it has committed (`offsets.retention.minutes`, KIP-211).
    fn offset_retention(&self) -> Time {
        DEFAULT_OFFSET_RETENTION
    }
    /// The topic that the producer with this process writes to, and its first partition; `None` where there is none of the name.
    fn written_by(&self, producer: u32) -> Option<(String, TopicPartition)>;
    /// A record's value, such as `checkout-12`.
    fn record_name(&self, record: RecordId) -> String;
    /// A process's name.
    fn process_name(&self, process: u32) -> String;
}
