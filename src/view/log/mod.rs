//! The replicas of one partition over a window of offsets, as plain data.

use serde::{Deserialize, Serialize};

use super::state::{Role, State};

pub mod build;
mod dissect;
mod medium;
pub(super) mod replica;
pub(super) mod transactions;

/// What of a partition's logs is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLens {
    /// The topic's number and the partition's; `None` for the first partition of the run.
    pub partition: Option<(u32, i32)>,
    /// The first offset of the window; `None` follows the end of the leader, and of replicas not far beyond it.
    pub first: Option<i64>,
    /// How many offsets the window holds.
    pub offsets: u32,
    /// The batch whose bytes are wanted: the broker and an offset inside the batch.
    pub open: Option<(i32, i64)>,
}

/// The replicas of a partition over a window of offsets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// The topic's number, which is never used again.
    pub number: u32,
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub index: i32,
    /// The first offset of the window.
    pub first: i64,
    /// How many offsets the window holds.
    pub offsets: u32,
    /// The smallest log start offset of the replicas.
    pub earliest: i64,
    /// The largest log end offset of the replicas.
    pub latest: i64,
    /// One past the last offset that a producer was told is stored, 0 before the first.
    pub acknowledged_end: i64,
    /// The replicas, in the order of their assignment.
    pub replicas: Vec<LogReplica>,
    /// Consumers of the partition.
    pub readers: Vec<Reader>,
    /// The batch that was asked for.
    pub open: Option<OpenBatch>,
}

impl Log {
    /// Whether an offset lies before what the leader still has.
    #[must_use]
    pub fn is_gone(&self, offset: i64) -> bool {
        let leader = self.replicas.iter().find(|it| it.role == Role::Leader);
        leader.is_some_and(|leader| offset < leader.log_start)
    }
}

/// A consumer and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// Its name.
    pub name: String,
    /// The next offset that it will read.
    pub position: i64,
}

/// One replica's log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogReplica {
    /// Its broker.
    pub broker: i32,
    /// What the broker is doing.
    pub state: State,
    /// Its part in replication.
    pub role: Role,
    /// The first offset.
    pub log_start: i64,
    /// The last stable offset.
    pub last_stable: i64,
    /// The high watermark that this replica knows.
    pub high_watermark: i64,
    /// The next offset to be written; -1 where the log is not open.
    pub log_end: i64,
    /// Up to where the log is known to be on the disk.
    pub recovery_point: i64,
    /// Leader epochs that reach into the window.
    pub epochs: Vec<EpochStart>,
    /// Segments, in order of offset: those that reach into the window and those behind it.
    pub segments: Vec<Segment>,
    /// Files of the directory that belong to none of the log's segments: to be deleted, or the cleaner's.
    pub others: Vec<File>,
    /// Batches that reach into the window.
    pub batches: Vec<Batch>,
    /// Transactions of those batches, in order of their first offset.
    pub transactions: Vec<Transaction>,
    /// The earliest transaction that is open, or whose marker is not below the high watermark, begins here; -1 for none.
    pub first_unstable: i64,
    /// What the log knows of producers, by their ids.
    pub producers: Vec<ProducerState>,
    /// What the cleaner makes of the log, where the topic is compacted.
    pub cleaning: Option<Cleaning>,
    /// What follows the last whole batch on the medium, where the log is not open.
    pub torn: Option<Torn>,
}

impl LogReplica {
    /// The batch that holds an offset, among those that are told.
    #[must_use]
    pub fn batch_at(&self, offset: i64) -> Option<&Batch> {
        let next = self.batches.partition_point(|batch| batch.last < offset);
        self.batches.get(next).filter(|batch| batch.base <= offset)
    }
}

/// What a log knows of a producer (`ProducerStateEntry`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerState {
    /// Its id.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// The sequence number of its last record; -1 for none.
    pub last_sequence: i32,
    /// The offset of its last record; -1 for none.
    pub last_offset: i64,
    /// How many of its last batches are kept to know a batch that is sent again.
    pub batches: u32,
    /// Where its open transaction begins; -1 without one.
    pub open_from: i64,
}

/// Bytes of which recovery makes nothing: the beginning of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Torn {
    /// The offset behind the last whole batch.
    pub offset: i64,
    /// The segment in which they stand.
    pub segment: i64,
    /// Where in it they stand.
    pub position: u32,
    /// How many they are; 0 where the file ends with a whole batch.
    pub bytes: u32,
}

/// Up to where a compacted log is clean, and what of it can be cleaned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cleaning {
    /// The offset in `cleaner-offset-checkpoint`; `None` where the log was never cleaned.
    pub checkpoint: Option<i64>,
    /// Where the dirty part begins.
    pub first_dirty: i64,
    /// Where it may not be cleaned any more.
    pub first_uncleanable: i64,
    /// The bytes of the segments before the dirty part.
    pub clean_bytes: u64,
    /// The bytes of the segments that can be cleaned.
    pub cleanable_bytes: u64,
    /// `min.cleanable.dirty.ratio`: the cleaner takes the log on when the second are more than this part of both.
    pub min_dirty_ratio: f64,
    /// The pass that is on its way.
    pub pass: Option<Pass>,
}

/// A pass of the cleaner over a log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pass {
    /// What it does.
    pub doing: Doing,
    /// The base offsets of the segments that it works on.
    pub segments: Vec<i64>,
    /// Where the last of them ends.
    pub end: i64,
    /// Messages read for the offset map so far.
    pub map_messages: u64,
    /// Messages read for copying so far.
    pub messages_read: u64,
    /// Messages that stay, so far.
    pub messages_written: u64,
    /// The end of the name of the new segment's files: `.cleaned`, then `.swap`; empty where there is none.
    pub ending: String,
    /// The batches that the new segment has in the window.
    pub copied: Vec<Batch>,
}

/// What a pass of the cleaner does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doing {
    /// It reads dirty segments into the offset map.
    #[default]
    Mapping,
    /// It copies what stays into a segment whose files end in `.cleaned`.
    Copying,
    /// The new segment takes the place of the old ones, by way of `.swap`.
    Replacing,
}

/// Where a leader epoch starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochStart {
    /// The epoch.
    pub epoch: i32,
    /// Its first offset.
    pub start: i64,
}

/// A segment and its files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Its base offset.
    pub base: i64,
    /// The next segment's base offset, or the log's end.
    pub end: i64,
    /// Batches are appended to it.
    pub active: bool,
    /// Its files by name.
    pub files: Vec<File>,
    /// Offsets in its offset index that lie in the window.
    pub indexed: Vec<i64>,
}

/// A file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name in the partition's directory.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// How many entries it holds; `None` for what has no entries.
    pub entries: Option<u32>,
}

/// What a batch is, beside data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchKind {
    /// Records of a producer outside of transactions.
    #[default]
    Data,
    /// Records of a transaction that is not over.
    Open,
    /// Records of a committed transaction.
    Committed,
    /// Records of an aborted transaction.
    Aborted,
    /// A marker that commits.
    Commit,
    /// A marker that aborts.
    Abort,
    /// A control record of another kind.
    Control,
}

/// One record batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The first offset.
    pub base: i64,
    /// The last offset, which outlives its record when the log is compacted.
    pub last: i64,
    /// The leader epoch it was appended in.
    pub epoch: i32,
    /// How many bytes it takes.
    pub bytes: u32,
    /// Its segment.
    pub segment: i64,
    /// Where in the segment it stands.
    pub position: u32,
    /// What it is.
    pub kind: BatchKind,
    /// The producer id, -1 for none.
    pub producer_id: i64,
    /// The compression codec's name, `none` for none.
    pub codec: String,
    /// A client was told that it is stored, and the present leader does not have it.
    pub lost: bool,
    /// The CRC-32C over its bytes is not the one that is stored.
    pub corrupt: bool,
    /// How long until its tombstones and markers may go, in milliseconds; not above 0 where they may. `None` before the
    /// cleaner has set a delete horizon (KIP-534).
    pub delete_in_ms: Option<i64>,
    /// Its records; empty where they cannot be read.
    pub records: Vec<Record>,
}

/// One record of a batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its offset.
    pub offset: i64,
    /// The number that gives the key its hue; `None` without a key.
    pub hue: Option<u32>,
    /// The key as text.
    pub key: String,
    /// The value is null.
    pub tombstone: bool,
}

/// A transaction as far as the window shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Its producer.
    pub producer_id: i64,
    /// The first offset seen.
    pub first: i64,
    /// Its marker's offset, or the last of its records where it is open.
    pub last: i64,
    /// Open, committed or aborted.
    pub kind: BatchKind,
}

/// A batch with its bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenBatch {
    /// The broker whose bytes these are.
    pub broker: i32,
    /// The first offset.
    pub base: i64,
    /// The last offset.
    pub last: i64,
    /// The segment's `.log` file.
    pub file: String,
    /// Where in it the batch stands.
    pub position: u32,
    /// All its bytes; `bytes` may hold fewer.
    pub size: u32,
    /// The first bytes.
    pub bytes: Vec<u8>,
    /// The CRC-32C over the bytes is the one that is stored.
    pub crc_valid: bool,
    /// As of the batch in the row.
    pub delete_in_ms: Option<i64>,
    /// What the bytes mean, in order.
    pub fields: Vec<Field>,
}

/// Some bytes of a batch and what they mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Kafka's name of the field.
    pub name: String,
    /// Which record it belongs to, by offset; `None` for the batch's header.
    pub record: Option<i64>,
    /// Where it begins in the batch.
    pub at: u32,
    /// How many bytes it takes.
    pub len: u32,
    /// What the bytes say.
    pub value: String,
}
