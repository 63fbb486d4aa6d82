//! The lines of a dump as JSON: one object a line.
//!
//! A log is mostly batches and records, so these two are put down field by field: serde takes several times as long over
//! objects inside objects that it has to flatten. Everything else is serde's.

use serde::Serialize;

use super::control::Control;
use super::java::Thrown;
use super::json_fields;
use super::line::{Batch, BatchFields, Contents, LegacyFields, Line, Metadata, Record, RecordFields};

/// Puts a line behind `out`, with its newline.
pub fn write(line: &Line<'_>, out: &mut Vec<u8>) {
    if let Line::Batch(batch) = line {
        return write_batch(batch, out);
    }
    if let Line::Record(record) = line {
        return write_record(record, out);
    }
    value(line, out);
    out.push(b'\n');
}

/// Puts the exception that ends the dump of a file behind `out`.
pub fn write_thrown(thrown: &Thrown, out: &mut Vec<u8>) {
    value(&serde_json::json!({ "kind": "exception", "class": thrown.class, "message": thrown.message }), out);
    out.push(b'\n');
}

fn value(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // Writing to a vector cannot fail, and all keys are text.
    let _ = serde_json::to_writer(&mut *out, value);
}

/// A field behind another one. Its name needs no escapes.
fn field(name: &str, content: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    name_of(name, out);
    value(content, out);
}

fn name_of(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn write_batch(batch: &Batch, out: &mut Vec<u8>) {
    let Batch {
        v2,
        last_offset,
        position,
        timestamp_type,
        max_timestamp,
        size,
        magic,
        compression,
        crc,
        is_valid,
        // Told as an exception.
        cut: _,
    } = batch;
    out.extend_from_slice(b"{\"kind\":\"batch\"");
    if let Some(fields) = v2 {
        write_batch_fields(fields, out);
    }
    field("lastOffset", last_offset, out);
    field("position", position, out);
    field("timestampType", timestamp_type, out);
    field("maxTimestamp", max_timestamp, out);
    field("size", size, out);
    field("magic", magic, out);
    field("compression", compression, out);
    field("crc", crc, out);
    field("isValid", is_valid, out);
    out.extend_from_slice(b"}\n");
}

fn write_batch_fields(fields: &BatchFields, out: &mut Vec<u8>) {
    let BatchFields {
        base_offset,
        count,
        base_sequence,
        last_sequence,
        producer_id,
        producer_epoch,
        partition_leader_epoch,
        is_transactional,
        is_control,
        delete_horizon_ms,
    } = fields;
    field("baseOffset", base_offset, out);
    field("count", count, out);
    field("baseSequence", base_sequence, out);
    field("lastSequence", last_sequence, out);
    field("producerId", producer_id, out);
    field("producerEpoch", producer_epoch, out);
    field("partitionLeaderEpoch", partition_leader_epoch, out);
    field("isTransactional", is_transactional, out);
    field("isControl", is_control, out);
    field("deleteHorizonMs", delete_horizon_ms, out);
}

fn write_record(record: &Record<'_>, out: &mut Vec<u8>) {
    // Where the line is cut the exception follows as a line of its own.
    let Record { metadata, contents, is_cut: _ } = record;
    out.extend_from_slice(b"{\"kind\":\"record\"");
    if let Some(metadata) = metadata {
        write_metadata(metadata, out);
    }
    if let Some(Contents { key, payload }) = contents {
        name_of("key", out);
        json_fields::write_bytes(*key, out);
        name_of("payload", out);
        json_fields::write_bytes(*payload, out);
    }
    out.extend_from_slice(b"}\n");
}

fn write_metadata(metadata: &Metadata<'_>, out: &mut Vec<u8>) {
    let Metadata { offset, timestamp_type, timestamp, key_size, value_size, v2, legacy, control } = metadata;
    field("offset", offset, out);
    field("timestampType", timestamp_type, out);
    field("timestamp", timestamp, out);
    field("keySize", key_size, out);
    field("valueSize", value_size, out);
    if let Some(RecordFields { sequence, headers }) = v2 {
        field("sequence", sequence, out);
        name_of("headers", out);
        json_fields::write_headers(headers, out);
    }
    if let Some(LegacyFields { is_valid, crc }) = legacy {
        field("isValid", is_valid, out);
        field("crc", crc, out);
    }
    match control {
        Some(Control::EndTransaction { is_commit, coordinator_epoch }) => {
            out.extend_from_slice(b",\"endTxnMarker\":{\"isCommit\":");
            value(is_commit, out);
            field("coordinatorEpoch", coordinator_epoch, out);
            out.push(b'}');
        }
        Some(Control::Quorum { label, json }) => {
            out.extend_from_slice(b",\"quorum\":{\"message\":");
            value(label, out);
            name_of("json", out);
            json_fields::write_json(json, out);
            out.push(b'}');
        }
        Some(Control::Unknown(type_id)) => field("controlType", type_id, out),
        // A record of data.
        None => {}
    }
}
