//! Tables of pure functions.

use bytes::{Bytes, BytesMut};
use loglab::broker::coordinators;
use loglab::client::{murmur2, partition_of_key};
use loglab::log::batch::{self, BatchBuilder, BatchHeader, Body};
use loglab::log::compression::Compression;
use loglab::log::marker::Marker;
use loglab::log::varint;
use serde_json::{Map, Value, json};

use super::case::{Data, hex};
use super::compare::{bytes_difference, differences};
use super::source::Recordings;

/// The rows of every table, by the table's path.
pub fn tables(recordings: &Recordings) -> Result<Vec<(String, Vec<Value>)>, String> {
    let mut tables = Vec::new();
    let files: Vec<_> = recordings.below("tables").map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    for (name, bytes) in files {
        let file: Map<String, Value> =
            serde_json::from_slice(&bytes).map_err(|error| format!("tables/{name}: {error}"))?;
        for (table, rows) in file {
            let Value::Array(rows) = rows else { return Err(format!("tables/{name}: {table} is no table")) };
            tables.push((format!("tables/{table}"), rows));
        }
    }
    Ok(tables)
}

/// Where a table's rows differ from what our functions say.
pub fn run(path: &str, rows: &[Value]) -> Result<Vec<String>, String> {
    let row: fn(&Row<'_>) -> Result<Vec<String>, String> = match path {
        "tables/murmur2" => murmur2_row,
        "tables/coordinatorPartition" => coordinator_row,
        "tables/varint" => varint_row,
        "tables/crc32c" => crc32c_row,
        "tables/batches" => batch_row,
        _ => return Err("no such table is known".to_owned()),
    };
    let mut wrong = Vec::new();
    for (number, value) in rows.iter().enumerate() {
        let found = row(&Row(value)).map_err(|error| format!("row {number}: {error}"))?;
        wrong.extend(found.into_iter().map(|difference| format!("row {number}{difference}")));
    }
    Ok(wrong)
}

/// One row of a table.
struct Row<'a>(&'a Value);

impl Row<'_> {
    fn field(&self, name: &str) -> Result<&Value, String> {
        self.0.get(name).ok_or_else(|| format!("`{name}` is missing"))
    }

    fn number(&self, name: &str) -> Result<i64, String> {
        self.field(name)?.as_i64().ok_or_else(|| format!("`{name}` is no whole number"))
    }

    fn text(&self, name: &str) -> Result<&str, String> {
        self.field(name)?.as_str().ok_or_else(|| format!("`{name}` is no text"))
    }

    fn truth(&self, name: &str) -> Result<bool, String> {
        self.field(name)?.as_bool().ok_or_else(|| format!("`{name}` is neither true nor false"))
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        hex(self.text(name)?).ok_or_else(|| format!("`{name}` is not hexadecimal"))
    }
}

fn murmur2_row(row: &Row<'_>) -> Result<Vec<String>, String> {
    let key = row.bytes("hex")?;
    let counts = row.field("partition")?.as_object().ok_or("`partition` names no partitions")?;
    let mut partitions = Map::new();
    for count in counts.keys() {
        let partition = partition_of_key(&key, count.parse().map_err(|_| format!("{count} partitions"))?);
        partitions.insert(count.clone(), json!(partition));
    }
    let hash = murmur2(&key);
    let here =
        json!({ "hex": row.text("hex")?, "murmur2": hash, "toPositive": hash & i32::MAX, "partition": partitions });
    Ok(differences(row.0, &here))
}

fn coordinator_row(row: &Row<'_>) -> Result<Vec<String>, String> {
    let id = row.text("id")?;
    let hash = coordinators::hash_code(id);
    let here = json!({
        "id": id,
        "hashCode": hash,
        "abs": coordinators::absolute(hash),
        "partitionOf50": coordinators::partition_of(id, 50),
        "partitionOf7": coordinators::partition_of(id, 7),
    });
    Ok(differences(row.0, &here))
}

fn varint_row(row: &Row<'_>) -> Result<Vec<String>, String> {
    let value = row.number("value")?;
    let mut here = Map::from_iter([("value".to_owned(), json!(value))]);
    let mut signed = BytesMut::new();
    varint::put(&mut signed, value);
    here.insert("varlong".to_owned(), json!(digits(&signed)));
    // Numbers of 32 bits have the two shorter forms too.
    if let Ok(short) = i32::try_from(value) {
        let mut unsigned = BytesMut::new();
        varint::put_unsigned(&mut unsigned, short.cast_unsigned().into());
        here.insert("varint".to_owned(), json!(digits(&signed)));
        here.insert("unsignedVarint".to_owned(), json!(digits(&unsigned)));
    }
    let read = varint::Reader::new(&signed).varlong();
    let mut wrong = differences(row.0, &here.into());
    if read != Some(value) {
        wrong.push(format!(": {value} is read as {read:?}"));
    }
    Ok(wrong)
}

fn crc32c_row(row: &Row<'_>) -> Result<Vec<String>, String> {
    let here = json!({ "hex": row.text("hex")?, "crc32c": crc32c::crc32c(&row.bytes("hex")?) });
    Ok(differences(row.0, &here))
}

fn batch_row(row: &Row<'_>) -> Result<Vec<String>, String> {
    let recorded = row.bytes("hex")?;
    let input = Row(row.field("input")?);
    let (here, compression) = match input.0.get("records") {
        Some(Value::Array(records)) => (data_batch(&input, records)?, input.text("compression")?),
        _ if input.0.get("control").is_some() => (marker(&input)?, "none"),
        _ => (empty_batch(&input)?, "none"),
    };
    let header = batch::validate(&here).map_err(|error| error.to_string())?;
    let mut facts = json!({
        "maxTimestamp": header.max_timestamp,
        "lastOffset": header.last_offset(),
        "lastSequence": header.last_sequence(),
    });
    let mut wrong = Vec::new();
    if compression == "none" {
        facts["size"] = json!(here.len());
        facts["crc32c"] = json!(header.crc);
        wrong.extend(bytes_difference(&recorded, &here));
    } else {
        wrong.extend(bytes_difference(&contents(&recorded)?, &contents(&here)?));
    }
    let known = facts.as_object().into_iter().flatten();
    wrong.extend(known.filter(|(name, value)| row.0.get(name.as_str()) != Some(value)).map(|(name, value)| {
        format!("/{name}: {} recorded, {value} here", row.0.get(name.as_str()).unwrap_or(&Value::Null))
    }));
    let name = row.text("name")?;
    Ok(wrong.into_iter().map(|difference| format!(" ({name}){difference}")).collect())
}

/// The records of a compressed batch as they are: the codec's output depends on its library.
fn contents(bytes: &[u8]) -> Result<Vec<u8>, String> {
    batch::validate(bytes).map_err(|error| error.to_string())?;
    Ok(Body::of(bytes).map_err(|error| error.to_string())?.bytes().to_vec())
}

fn builder(input: &Row<'_>) -> Result<BatchBuilder, String> {
    let small = |name| Ok::<_, String>(i32::try_from(input.number(name)?).unwrap_or(i32::MIN));
    let mut builder = BatchBuilder::new().at(input.number("baseOffset")?, small("partitionLeaderEpoch")?).producer(
        input.number("producerId")?,
        small("producerEpoch")? as i16,
        small("baseSequence")?,
    );
    if input.truth("isTransactional")? {
        builder = builder.transactional();
    }
    Ok(builder)
}

fn data_batch(input: &Row<'_>, records: &[Value]) -> Result<Bytes, String> {
    let codec = Compression::from_name(input.text("compression")?).ok_or("no such codec")?;
    let mut builder = builder(input)?.compression(codec);
    if input.text("timestampType")? == "LogAppendTime" {
        builder = builder.log_append_time(input.number("logAppendTime")?);
    }
    for (number, record) in records.iter().enumerate() {
        let record = Row(record);
        if record.number("offset")? != input.number("baseOffset")? + number as i64 {
            return Err("records with gaps between their offsets".to_owned());
        }
        let data = |name| Data::try_from(record.field(name)?.clone());
        let headers: Vec<(String, Data)> =
            serde_json::from_value(record.field("headers")?.clone()).map_err(|error| error.to_string())?;
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_bytes(), value.0.as_deref())).collect();
        let (key, value) = (data("key")?, data("value")?);
        builder.record_with_headers(record.number("timestamp")?, key.0.as_deref(), value.0.as_deref(), &headers);
    }
    if let Some(last_offset) = input.field("lastOffset")?.as_i64() {
        builder = builder.last_offset(last_offset);
    }
    Ok(builder.build())
}

fn marker(input: &Row<'_>) -> Result<Bytes, String> {
    let marker = Marker {
        aborts: input.text("control")? == "abort",
        coordinator_epoch: input.number("coordinatorEpoch")? as i32,
        timestamp: input.number("timestamp")?,
    };
    let sent = marker.batch(input.number("producerId")?, input.number("producerEpoch")? as i16);
    let epoch = input.number("partitionLeaderEpoch")? as i32;
    Ok(batch::with_offset_and_epoch(&sent, input.number("baseOffset")?, epoch))
}

/// What the cleaner leaves of a batch whose records are all gone.
fn empty_batch(input: &Row<'_>) -> Result<Bytes, String> {
    let mut builder = builder(input)?;
    if input.truth("isControlBatch")? {
        builder = builder.control();
    }
    builder.record(input.number("timestamp")?, None, None);
    let full = builder.last_offset(input.number("lastOffset")?).build();
    let header = BatchHeader::parse(&full).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    loglab::log::cleaner::rewrite::empty(&header, &mut out);
    Ok(out.into())
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
