//! What a dump tells, piece by piece, before it is text or JSON.

use serde::Serialize;

use super::control::Control;
use super::java::Thrown;
use super::record::Headers;

/// One line of a dump. As JSON it is an object with its `kind` and Kafka's names for the rest.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Line<'a> {
    /// A file begins.
    File {
        /// As the user named it.
        path: &'a str,
    },
    /// Nothing is known of files of that name.
    Ignored {
        /// As the user named it.
        path: &'a str,
    },
    /// A `.log` file.
    Log {
        /// By the file's name.
        starting_offset: i64,
    },
    /// The end of a snapshot of the cluster metadata, by its file's name.
    MetadataSnapshot {
        /// Behind the last record in it.
        end_offset: i64,
        /// Of that record.
        epoch: i32,
    },
    /// The file is `bootstrap.checkpoint`.
    Bootstrap,
    /// A batch of a `.log` file. As JSON it is not serde's.
    #[serde(skip)]
    Batch(&'a Batch),
    /// A record of the batch before. As JSON it is not serde's.
    #[serde(skip)]
    Record(&'a Record<'a>),
    /// Bytes behind the last whole batch.
    TrailingBytes {
        /// How many.
        count: u64,
        /// The file's name.
        file: &'a str,
    },
    /// An index without entries.
    Empty {
        /// As the user named it.
        path: &'a str,
    },
    /// An index passed the check that a broker makes on start.
    Sane {
        /// As the user named it.
        path: &'a str,
    },
    /// An entry of an `.index` file.
    OffsetEntry {
        /// The last offset of a batch.
        offset: i64,
        /// Where the batch stands.
        position: i32,
    },
    /// An entry of a `.timeindex` file.
    TimeEntry {
        /// The largest so far.
        timestamp: i64,
        /// The last offset of the batch that has it.
        offset: i64,
    },
    /// An entry of a `.txnindex` file.
    AbortedTransaction(AbortedTransaction),
    /// An entry of a producer `.snapshot` file.
    Producer(Producer),
    /// The `.snapshot` file cannot be read.
    CorruptSnapshot {
        /// In Kafka's words.
        message: &'a str,
    },
    /// Entries of an `.index` file that do not point at the end of a batch: the offset in it and the batch's last
    /// offset, for each.
    OffsetMismatches {
        /// The file's absolute path.
        file: &'a str,
        /// Index offset and log offset.
        pairs: &'a [(i64, i64)],
    },
    /// Entries of a `.timeindex` file with another timestamp than their batch.
    TimeMismatches {
        /// The file's absolute path.
        file: &'a str,
        /// Index timestamp and log timestamp.
        pairs: &'a [(i64, i64)],
    },
    /// Entries of a `.timeindex` file whose timestamp is not above the one before.
    TimesOutOfOrder {
        /// The file's absolute path.
        file: &'a str,
        /// Index timestamp and the one before.
        pairs: &'a [(i64, i64)],
    },
    /// Entries of a `.timeindex` file whose offset ends no batch.
    OffsetsNotFound {
        /// The file's absolute path.
        file: &'a str,
        /// Indexed offset and the last offset found, -1 for none.
        pairs: &'a [(i64, i64)],
    },
    /// Where the offsets of a `.log` file jump.
    NonConsecutive {
        /// The file's absolute path.
        file: &'a str,
        /// An offset and the one that follows it.
        pairs: &'a [(i64, i64)],
    },
}

impl Line<'_> {
    /// Whether Kafka's tool prints it on standard error.
    pub fn is_error(&self) -> bool {
        matches!(
            self,
            Line::Ignored { .. }
                | Line::CorruptSnapshot { .. }
                | Line::OffsetMismatches { .. }
                | Line::TimeMismatches { .. }
                | Line::TimesOutOfOrder { .. }
                | Line::OffsetsNotFound { .. }
                | Line::NonConsecutive { .. }
        )
    }
}

/// A batch, of whatever format.
#[derive(Clone, Debug)]
pub struct Batch {
    /// What batches have since version 2.
    pub v2: Option<BatchFields>,
    /// The offset of its last record.
    pub last_offset: i64,
    /// Where it stands in the file.
    pub position: u64,
    /// The name of its timestamps' type.
    pub timestamp_type: &'static str,
    /// The largest timestamp.
    pub max_timestamp: i64,
    /// Its bytes.
    pub size: i32,
    /// The version of its format.
    pub magic: i8,
    /// The name of its codec.
    pub compression: &'static str,
    /// The checksum in it.
    pub crc: u32,
    /// Whether the checksum is that of its bytes.
    pub is_valid: bool,
    /// What ends the line before the position; nothing behind it counts then.
    pub cut: Option<Thrown>,
}

/// The fields of a batch of version 2.
#[derive(Clone, Debug)]
pub struct BatchFields {
    /// The offset of its first record.
    pub base_offset: i64,
    /// Its records.
    pub count: i32,
    /// The sequence number of its first record.
    pub base_sequence: i32,
    /// The sequence number of its last record.
    pub last_sequence: i32,
    /// -1 without one.
    pub producer_id: i64,
    /// -1 without one.
    pub producer_epoch: i16,
    /// Of the leader that appended it.
    pub partition_leader_epoch: i32,
    /// Whether it is part of a transaction.
    pub is_transactional: bool,
    /// Whether its records are markers.
    pub is_control: bool,
    /// When its tombstones or markers may go.
    pub delete_horizon_ms: Option<i64>,
}

/// A record, of whatever format.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// All but key and value, unless it is left out.
    pub metadata: Option<Metadata<'a>>,
    /// Key and value, unless they are left out.
    pub contents: Option<Contents<'a>>,
    /// An exception ends the line behind the metadata.
    pub is_cut: bool,
}

/// What is told of a record beside its contents.
#[derive(Clone, Debug)]
pub struct Metadata<'a> {
    /// In the log.
    pub offset: i64,
    /// The name of the batch's timestamps' type.
    pub timestamp_type: &'static str,
    /// Its own.
    pub timestamp: i64,
    /// The bytes of the key, -1 without one.
    pub key_size: i32,
    /// The bytes of the value, -1 without one.
    pub value_size: i32,
    /// What records have since version 2.
    pub v2: Option<RecordFields<'a>>,
    /// What they had before.
    pub legacy: Option<LegacyFields>,
    /// What the marker in a control batch says.
    pub control: Option<Control>,
}

/// The fields of a record of version 2.
#[derive(Clone, Copy, Debug)]
pub struct RecordFields<'a> {
    /// -1 without one.
    pub sequence: i32,
    /// Names and values.
    pub headers: Headers<'a>,
}

/// The fields of a message before version 2.
#[derive(Clone, Copy, Debug)]
pub struct LegacyFields {
    /// Whether the checksum is that of its bytes.
    pub is_valid: bool,
    /// The checksum in it.
    pub crc: u32,
}

/// Key and value of a record.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// `None` is null.
    pub key: Option<&'a [u8]>,
    /// `None` is null.
    pub payload: Option<&'a [u8]>,
}

/// An aborted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AbortedTransaction {
    /// The first byte of the entry's version, which is what Kafka looks at.
    pub version: i8,
    /// Whose it was.
    pub producer_id: i64,
    /// Of its first record.
    pub first_offset: i64,
    /// Of its marker.
    pub last_offset: i64,
    /// When the marker was written.
    pub last_stable_offset: i64,
}

/// A producer in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Producer {
    /// Its id.
    pub producer_id: i64,
    /// Its latest epoch.
    pub producer_epoch: i16,
    /// Of the coordinator that wrote its last marker, -1 without one.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins.
    pub current_txn_first_offset: Option<i64>,
    /// Of its last batch or marker.
    pub last_timestamp: i64,
    /// Its last batch.
    #[serde(flatten)]
    pub batch: Option<ProducerBatch>,
}

/// The last batch of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProducerBatch {
    /// Of its first record.
    pub first_sequence: i32,
    /// Of its last record.
    pub last_sequence: i32,
    /// Of its last record.
    pub last_offset: i64,
    /// Its records but one.
    pub offset_delta: i32,
}
