//! The lines of a dump as `kafka-dump-log` prints them.

use std::io::Write;

use super::control::Control;
use super::java;
use super::line::{AbortedTransaction, Batch, Contents, LegacyFields, Line, Metadata, Producer, Record, RecordFields};

/// Puts a line behind `out`, with its newline if it has one. Writing to a vector cannot fail.
pub fn write(line: &Line<'_>, out: &mut Vec<u8>) {
    let _ = match line {
        Line::File { path } => writeln!(out, "Dumping {path}"),
        Line::Ignored { path } => writeln!(out, "Ignoring unknown file {path}"),
        Line::Log { starting_offset } => writeln!(out, "Log starting offset: {starting_offset}"),
        Line::MetadataSnapshot { end_offset, epoch } => {
            writeln!(out, "Snapshot end offset: {end_offset}, epoch: {epoch}")
        }
        Line::Bootstrap => writeln!(out, "KRaft bootstrap snapshot"),
        Line::Batch(batch) => return write_batch(batch, out),
        Line::Record(record) => return write_record(record, out),
        Line::TrailingBytes { count, file } => writeln!(out, "Found {count} invalid bytes at the end of {file}"),
        Line::Empty { path } => writeln!(out, "{path} is empty."),
        Line::Sane { path } => writeln!(out, "{path} passed sanity check."),
        Line::OffsetEntry { offset, position } => writeln!(out, "offset: {offset} position: {position}"),
        Line::TimeEntry { timestamp, offset } => writeln!(out, "timestamp: {timestamp} offset: {offset}"),
        Line::AbortedTransaction(aborted) => return write_aborted(aborted, out),
        Line::Producer(producer) => return write_producer(producer, out),
        Line::CorruptSnapshot { message } => writeln!(out, "{message}"),
        Line::OffsetMismatches { file, pairs } => {
            write_pairs(out, ["Mismatches in :", "  Index offset: ", ", log offset: "], file, pairs);
            return;
        }
        Line::TimeMismatches { file, pairs } => {
            let words = ["Found timestamp mismatch in :", "  Index timestamp: ", ", log timestamp: "];
            return write_pairs(out, words, file, pairs);
        }
        Line::TimesOutOfOrder { file, pairs } => {
            let words =
                ["Found out of order timestamp in :", "  Index timestamp: ", ", Previously indexed timestamp: "];
            return write_pairs(out, words, file, pairs);
        }
        Line::OffsetsNotFound { file, pairs } => {
            let words =
                ["The following indexed offsets are not found in :", "Indexed offset: ", ", found log offset: "];
            return write_pairs(out, words, file, pairs);
        }
        Line::NonConsecutive { file, pairs } => {
            return write_pairs(out, ["Non-consecutive offsets in ", "  ", " is followed by "], file, pairs);
        }
    };
}

fn write_pairs(out: &mut Vec<u8>, [heading, first, second]: [&str; 3], file: &str, pairs: &[(i64, i64)]) {
    let _ = writeln!(out, "{heading}{file}");
    for (one, other) in pairs {
        let _ = writeln!(out, "{first}{one}{second}{other}");
    }
}

fn write_batch(batch: &Batch, out: &mut Vec<u8>) {
    let Batch { last_offset, position, timestamp_type, max_timestamp, size, magic, compression, crc, is_valid, .. } =
        batch;
    let _ = match &batch.v2 {
        Some(fields) => {
            let _ = write!(
                out,
                "baseOffset: {} lastOffset: {last_offset} count: {} baseSequence: {} lastSequence: {} producerId: {} \
                 producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} isControl: {} deleteHorizonMs: ",
                fields.base_offset,
                fields.count,
                fields.base_sequence,
                fields.last_sequence,
                fields.producer_id,
                fields.producer_epoch,
                fields.partition_leader_epoch,
                fields.is_transactional,
                fields.is_control,
            );
            write_optional(fields.delete_horizon_ms, out)
        }
        None => write!(out, "offset: {last_offset}"),
    };
    if batch.cut.is_some() {
        return;
    }
    let _ = writeln!(
        out,
        " position: {position} {timestamp_type}: {max_timestamp} size: {size} magic: {magic} compresscodec: \
         {compression} crc: {crc} isvalid: {is_valid}"
    );
}

/// `OptionalLong.toString`.
fn write_optional(value: Option<i64>, out: &mut Vec<u8>) -> std::io::Result<()> {
    match value {
        Some(value) => write!(out, "OptionalLong[{value}]"),
        None => write!(out, "OptionalLong.empty"),
    }
}

fn write_record(record: &Record<'_>, out: &mut Vec<u8>) {
    if let Some(metadata) = &record.metadata {
        write_metadata(metadata, out);
    }
    if let Some(Contents { key, payload }) = record.contents {
        let mut prefix: &[u8] = if record.metadata.is_none() { b"| " } else { b" " };
        if let Some(key) = key {
            write_content(prefix, b"key: ", key, out);
            prefix = b" ";
        }
        if let Some(payload) = payload {
            write_content(prefix, b"payload: ", payload, out);
        }
    }
    if !record.is_cut {
        out.push(b'\n');
    }
}

fn write_content(prefix: &[u8], name: &[u8], content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(prefix);
    out.extend_from_slice(name);
    out.extend_from_slice(java::text(content).as_bytes());
}

fn write_metadata(metadata: &Metadata<'_>, out: &mut Vec<u8>) {
    let Metadata { offset, timestamp_type, timestamp, key_size, value_size, .. } = metadata;
    let _ = write!(out, "| offset: {offset} {timestamp_type}: {timestamp} keySize: {key_size} valueSize: {value_size}");
    if let Some(RecordFields { sequence, headers }) = &metadata.v2 {
        let _ = write!(out, " sequence: {sequence} headerKeys: [");
        for (i, (name, _)) in headers.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(java::text(name).as_bytes());
        }
        out.push(b']');
    }
    if let Some(LegacyFields { is_valid, crc }) = metadata.legacy {
        let _ = write!(out, " isValid: {is_valid} crc: {crc}");
    }
    let _ = match &metadata.control {
        Some(Control::EndTransaction { is_commit, coordinator_epoch }) => {
            let end = if *is_commit { "COMMIT" } else { "ABORT" };
            write!(out, " endTxnMarker: {end} coordinatorEpoch: {coordinator_epoch}")
        }
        Some(Control::Quorum { label, json }) => write!(out, " {label} {json}"),
        Some(Control::Unknown(type_id)) => write!(out, " controlType: UNKNOWN({type_id})"),
        None => Ok(()),
    };
}

fn write_aborted(aborted: &AbortedTransaction, out: &mut Vec<u8>) {
    let AbortedTransaction { version, producer_id, first_offset, last_offset, last_stable_offset } = aborted;
    let _ = writeln!(
        out,
        "version: {version} producerId: {producer_id} firstOffset: {first_offset} lastOffset: {last_offset} \
         lastStableOffset: {last_stable_offset}"
    );
}

fn write_producer(producer: &Producer, out: &mut Vec<u8>) {
    let Producer { producer_id, producer_epoch, coordinator_epoch, last_timestamp, .. } = producer;
    let _ = write!(
        out,
        "producerId: {producer_id} producerEpoch: {producer_epoch} coordinatorEpoch: {coordinator_epoch} \
         currentTxnFirstOffset: "
    );
    let _ = write_optional(producer.current_txn_first_offset, out);
    let _ = write!(out, " lastTimestamp: {last_timestamp}");
    if let Some(batch) = &producer.batch {
        let _ = write!(
            out,
            " firstSequence: {} lastSequence: {} lastOffset: {} offsetDelta: {} timestamp: {last_timestamp}",
            batch.first_sequence, batch.last_sequence, batch.last_offset, batch.offset_delta
        );
    }
    out.push(b'\n');
}
