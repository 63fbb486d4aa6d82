//! The script of a case: `case.json`, read strictly. A word that the vocabulary does not know is an error.

use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::{Map, Value};

/// A whole case.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "about")]
    _about: String,
    pub start_time_ms: i64,
    #[serde(default)]
    pub config: Settings,
    #[serde(default)]
    pub broker: Broker,
    #[serde(default)]
    pub partitions: Partitions,
    #[serde(default)]
    pub start_closed: bool,
    #[serde(default)]
    pub log_start_offset: i64,
    pub ops: Vec<Map<String, Value>>,
}

/// Broker-wide settings.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Broker {
    #[serde(rename = "producer.id.expiration.ms")]
    pub producer_id_expiration_ms: i64,
    #[serde(rename = "transaction.partition.verification.enable")]
    pub verification: bool,
}

impl Default for Broker {
    fn default() -> Self {
        Broker { producer_id_expiration_ms: 86_400_000, verification: false }
    }
}

/// Topic settings by their names.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Settings(Map<String, Value>);

impl Settings {
    /// Names and values as Kafka is given them: text.
    pub fn texts(&self) -> Vec<(&str, String)> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.0.iter().map(|(name, value)| (name.as_str(), text(value))).collect()
    }
}

/// Settings of several partitions, in the order of the file: the first is the one that is meant where none is named.
#[derive(Default)]
pub struct Partitions(pub Vec<(String, Settings)>);

impl<'de> Deserialize<'de> for Partitions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Partitions;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("partitions with their settings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Partitions, A::Error> {
                let mut partitions = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    partitions.push(entry);
                }
                Ok(Partitions(partitions))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// One operation and the partition it is for.
pub struct Step {
    pub name: String,
    pub partition: Option<String>,
    pub operation: Operation,
}

/// Reads one operation.
pub fn step(fields: &Map<String, Value>) -> Result<Step, String> {
    let mut fields = fields.clone();
    let name = match fields.remove("op") {
        Some(Value::String(name)) => name,
        _ => return Err("an operation without a name".to_owned()),
    };
    let partition = match fields.remove("partition") {
        None => None,
        Some(Value::String(partition)) => Some(partition),
        Some(other) => return Err(format!("`{name}`: {other} is not a partition")),
    };
    let tagged = Map::from_iter([(name.clone(), Value::Object(fields))]);
    let operation = serde_json::from_value(Value::Object(tagged)).map_err(|error| format!("`{name}`: {error}"))?;
    Ok(Step { name, partition, operation })
}

/// What a case may do.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Operation {
    Append {
        batches: Vec<Batch>,
        #[serde(default)]
        leader_epoch: i32,
        #[serde(default)]
        origin: Origin,
        guard_of: Option<i64>,
    },
    AppendFollower {
        batches: Vec<Batch>,
        #[serde(default)]
        leader_epoch: i32,
    },
    Marker {
        control: Control,
        producer_id: i64,
        producer_epoch: i16,
        #[serde(default)]
        coordinator_epoch: i32,
        #[serde(default)]
        leader_epoch: i32,
        timestamp: Option<i64>,
        transaction_version: Option<i16>,
    },
    StartVerification {
        producer_id: i64,
        producer_epoch: i16,
        sequence: i32,
        #[serde(default = "yes")]
        supports_epoch_bump: bool,
    },
    HasOngoingTransaction {
        producer_id: i64,
        producer_epoch: i16,
    },
    HasLateTransaction {},
    Roll {},
    Flush {},
    TakeSnapshot {},
    TruncateTo {
        offset: i64,
    },
    TruncateFullyAndStartAt {
        offset: i64,
        log_start_offset: Option<i64>,
    },
    UpdateHighWatermark {
        offset: Offset,
    },
    MaybeUpdateHighWatermark {
        offset: i64,
    },
    IncrementLogStart {
        offset: i64,
    },
    DeleteOldSegments {},
    RemoveExpiredProducers {},
    UpdateConfig {
        config: Settings,
    },
    Tick {
        ms: i64,
    },
    SetTime {
        at: i64,
    },
    Clean(Clean),
    Candidates {},
    DeleteByCleaner {},
    Group(Group),
    AssignEpoch {
        epoch: i32,
        offset: i64,
    },
    Epochs {},
    EpochTruncateFromEnd {
        offset: i64,
    },
    EpochTruncateFromStart {
        offset: i64,
    },
    EndOffsetForEpoch {
        epochs: Vec<i32>,
    },
    EpochForOffset {
        offsets: Vec<i64>,
    },
    Read {
        offsets: Vec<i64>,
        #[serde(default = "one_mebibyte")]
        max_bytes: i32,
        #[serde(default = "yes")]
        min_one_message: bool,
        #[serde(default)]
        isolation: Isolation,
    },
    OffsetsForTimes {
        timestamps: Vec<i64>,
    },
    AbortedTxns {
        ranges: Vec<(i64, i64)>,
    },
    Producers {},
    Segments {},
    Edit(Edit),
    Open {
        #[serde(default = "yes")]
        clean: bool,
        #[serde(default)]
        log_start_offset: i64,
        #[serde(default)]
        recovery_point: i64,
    },
    Close {},
    Crash {},
    Save {
        #[serde(rename = "as")]
        folder: String,
        #[serde(default)]
        deleted: bool,
    },
}

/// How the cleaner is set up for one pass.
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Clean {
    pub map_slots: u32,
    pub load_factor: f64,
    pub io_buffer_size: u32,
    pub max_io_buffer_size: u32,
}

impl Default for Clean {
    fn default() -> Self {
        Clean { map_slots: 1000, load_factor: 0.9, io_buffer_size: 65_536, max_io_buffer_size: 65_536 }
    }
}

/// The limits of a grouping of segments.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    pub max_size: i32,
    pub max_index_size: i32,
    pub first_uncleanable: i64,
    pub end: Option<i64>,
}

/// A change of a file by other hands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    pub file: String,
    pub action: Action,
    pub size: Option<u64>,
    pub bytes: Option<u64>,
    pub at: Option<i64>,
    pub mask: Option<u8>,
    pub to: Option<String>,
    pub data: Option<Data>,
}

/// What is done to the file.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    Truncate,
    Chop,
    Xor,
    Append,
    Write,
    Overwrite,
    Delete,
    Rename,
    Copy,
}

/// Who appends.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Origin {
    #[default]
    Client,
    Coordinator,
    Replication,
    RaftLeader,
}

/// Up to where a reader sees.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Isolation {
    #[default]
    LogEnd,
    HighWatermark,
    TxnCommitted,
}

/// The two markers.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Control {
    Commit,
    Abort,
}

/// An offset, or the log's end.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Value")]
pub enum Offset {
    At(i64),
    LogEnd,
}

impl TryFrom<Value> for Offset {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value.as_i64() {
            Some(offset) => Ok(Offset::At(offset)),
            None if value.as_str() == Some("leo") => Ok(Offset::LogEnd),
            None => Err(format!("{value} is neither an offset nor \"leo\"")),
        }
    }
}

/// A batch as its sender builds it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Batch {
    #[serde(default)]
    pub base_offset: i64,
    pub partition_leader_epoch: Option<i32>,
    #[serde(default = "none")]
    pub compression: String,
    #[serde(default)]
    pub timestamp_type: TimestampType,
    #[serde(default = "minus_one")]
    pub producer_id: i64,
    #[serde(default = "minus_one")]
    pub producer_epoch: i16,
    #[serde(default = "minus_one")]
    pub base_sequence: i32,
    #[serde(default)]
    pub is_transactional: bool,
    pub records: Vec<Record>,
}

/// Whose timestamps a batch says it has.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum TimestampType {
    #[default]
    CreateTime,
    LogAppendTime,
}

/// A record of such a batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub timestamp: i64,
    #[serde(default)]
    pub key: Data,
    #[serde(default)]
    pub value: Data,
    #[serde(default)]
    pub headers: Vec<(String, Data)>,
}

/// Bytes, or null: a text, `{"hex": ...}` or `{"repeat": text, "count": n}`.
#[derive(Clone, Default, Deserialize)]
#[serde(try_from = "Value")]
pub struct Data(pub Option<Vec<u8>>);

impl TryFrom<Value> for Data {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let unknown = || format!("{value} are no bytes");
        let bytes = match &value {
            Value::Null => return Ok(Data(None)),
            Value::String(text) => text.clone().into_bytes(),
            Value::Object(fields) => match (fields.len(), fields.get("hex"), fields.get("repeat"), fields.get("count"))
            {
                (1, Some(Value::String(digits)), None, None) => hex(digits).ok_or_else(unknown)?,
                (2, None, Some(Value::String(text)), Some(count)) => {
                    text.as_bytes().repeat(count.as_u64().ok_or_else(unknown)? as usize)
                }
                _ => return Err(unknown()),
            },
            _ => return Err(unknown()),
        };
        Ok(Data(Some(bytes)))
    }
}

/// Bytes from their hexadecimal digits.
pub fn hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(digits.get(i..i + 2)?, 16).ok()).collect()
}

fn yes() -> bool {
    true
}

fn none() -> String {
    "none".to_owned()
}

fn one_mebibyte() -> i32 {
    1 << 20
}

fn minus_one<T: From<i8>>() -> T {
    T::from(-1)
}
