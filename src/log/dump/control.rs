//! What markers in control batches say (`ControlRecordType`, `EndTransactionMarker`, `ControlRecordUtils`).

use uuid::Uuid;

use super::cursor::{Cursor, Fault};
use super::java::Thrown;
use crate::log::partition_metadata::uuid_text;

/// What a marker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// The end of a transaction.
    EndTransaction {
        /// Whether its records count.
        is_commit: bool,
        /// Of the coordinator that wrote the marker.
        coordinator_epoch: i32,
    },
    /// A message of the metadata quorum.
    Quorum {
        /// As Kafka's tool calls it.
        label: &'static str,
        /// The message as JSON.
        json: String,
    },
    /// A type that is not known.
    Unknown(i16),
}

/// Reads a marker from a record's key and value.
pub(in crate::log) fn read(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Control, Thrown> {
    let type_id = read_type(key)?;
    let value = Cursor::new(value.unwrap_or_default());
    let quorum = |label, json: Result<String, Thrown>| Ok(Control::Quorum { label, json: json? });
    match type_id {
        0 | 1 => read_end_transaction(type_id == 1, value),
        2 => quorum("LeaderChange:", leader_change(value)),
        3 => quorum("SnapshotHeader", snapshot_header(value)),
        4 => quorum("SnapshotFooter", snapshot_footer(value)),
        5 => quorum("KRaftVersion", kraft_version(value)),
        6 => quorum("KRaftVoters", voters(value)),
        unknown => Ok(Control::Unknown(unknown)),
    }
}

fn read_type(key: Option<&[u8]>) -> Result<i16, Thrown> {
    let Some(key) = key else {
        let told = "Cannot invoke \"java.nio.ByteBuffer.duplicate()\" because \"key\" is null";
        return Err(Thrown::new("java.lang.NullPointerException", told));
    };
    if key.len() < 4 {
        return Err(Thrown::invalid_record(format!(
            "Invalid value size found for control record key. Must have at least 4 bytes, but found only {}",
            key.len()
        )));
    }
    let mut key = Cursor::new(key);
    let version = key.short()?;
    if version < 0 {
        return Err(Thrown::invalid_record(format!(
            "Invalid version found for control record: {version}. May indicate data corruption"
        )));
    }
    Ok(key.short()?)
}

fn read_end_transaction(is_commit: bool, mut value: Cursor<'_>) -> Result<Control, Thrown> {
    let version = value.short()?;
    if version < 0 {
        return Err(Thrown::invalid_record(format!(
            "Invalid version found for end transaction marker: {version}. May indicate data corruption"
        )));
    }
    Ok(Control::EndTransaction { is_commit, coordinator_epoch: value.int()? })
}

fn leader_change(mut value: Cursor<'_>) -> Result<String, Thrown> {
    // Kafka reads version 0 whatever the message says of itself, and writes the version that it says.
    let version = value.short()?;
    let leader = value.int()?;
    let mut lists = Vec::new();
    for name in ["voters", "grantingVoters"] {
        let mut list = Vec::new();
        for _ in 0..count(&mut value, name)? {
            let id = value.int()?;
            skip_tagged_fields(&mut value)?;
            list.push(if version > 0 {
                format!("{{\"voterId\":{id},\"voterDirectoryId\":\"{}\"}}", uuid_text(Uuid::nil()))
            } else {
                format!("{{\"voterId\":{id}}}")
            });
        }
        lists.push(format!("\"{name}\":[{}]", list.join(",")));
    }
    skip_tagged_fields(&mut value)?;
    Ok(format!("{{\"version\":{version},\"leaderId\":{leader},{}}}", lists.join(",")))
}

fn snapshot_header(mut value: Cursor<'_>) -> Result<String, Thrown> {
    let (version, timestamp) = (value.short()?, value.long()?);
    skip_tagged_fields(&mut value)?;
    Ok(format!("{{\"version\":{version},\"lastContainedLogTimestamp\":{timestamp}}}"))
}

fn snapshot_footer(mut value: Cursor<'_>) -> Result<String, Thrown> {
    let version = value.short()?;
    skip_tagged_fields(&mut value)?;
    Ok(format!("{{\"version\":{version}}}"))
}

fn kraft_version(mut value: Cursor<'_>) -> Result<String, Thrown> {
    let (version, kraft_version) = (value.short()?, value.short()?);
    skip_tagged_fields(&mut value)?;
    Ok(format!("{{\"version\":{version},\"kRaftVersion\":{kraft_version}}}"))
}

fn voters(mut value: Cursor<'_>) -> Result<String, Thrown> {
    let version = value.short()?;
    let mut list = Vec::new();
    for _ in 0..count(&mut value, "voters")? {
        let id = value.int()?;
        let directory = uuid_text(Uuid::from_bytes(value.array()?));
        let mut endpoints = Vec::new();
        for _ in 0..count(&mut value, "endpoints")? {
            let (name, host) = (string(&mut value)?, string(&mut value)?);
            let port = u16::from_be_bytes(value.array()?);
            skip_tagged_fields(&mut value)?;
            endpoints.push(format!("{{\"name\":{name},\"host\":{host},\"port\":{port}}}"));
        }
        let (least, most) = (value.short()?, value.short()?);
        skip_tagged_fields(&mut value)?; // of the range of versions
        skip_tagged_fields(&mut value)?; // of the voter
        list.push(format!(
            "{{\"voterId\":{id},\"voterDirectoryId\":\"{directory}\",\"endpoints\":[{}],\
             \"kRaftVersionFeature\":{{\"minSupportedVersion\":{least},\"maxSupportedVersion\":{most}}}}}",
            endpoints.join(",")
        ));
    }
    skip_tagged_fields(&mut value)?;
    Ok(format!("{{\"version\":{version},\"voters\":[{}]}}", list.join(",")))
}

/// The length of a compact array. More elements than bytes are refused, as Kafka does.
fn count(value: &mut Cursor<'_>, name: &str) -> Result<usize, Thrown> {
    let runtime = |message: String| Thrown::new("java.lang.RuntimeException", message);
    let length = value.unsigned_varint()?.wrapping_sub(1) as i32;
    let Ok(count) = usize::try_from(length) else {
        return Err(runtime(format!("non-nullable field {name} was serialized as null")));
    };
    if count > value.remaining() {
        return Err(runtime(format!(
            "Tried to allocate a collection of size {count}, but there are only {} bytes remaining.",
            value.remaining()
        )));
    }
    Ok(count)
}

/// A compact string, as JSON.
fn string(value: &mut Cursor<'_>) -> Result<String, Thrown> {
    let length = value.unsigned_varint()?.saturating_sub(1);
    let bytes = value.bytes(usize::try_from(length).unwrap_or(usize::MAX))?;
    Ok(serde_json::to_string(&super::java::text(bytes)).unwrap_or_default())
}

fn skip_tagged_fields(value: &mut Cursor<'_>) -> Result<(), Fault> {
    for _ in 0..value.unsigned_varint()? {
        value.unsigned_varint()?;
        let size = value.unsigned_varint()?;
        value.bytes(usize::try_from(size).unwrap_or(usize::MAX))?;
    }
    Ok(())
}
