//! What a log answers to questions, in the words of the recorded facts.

use loglab::log::batch::{self, BatchHeader};
use loglab::log::segment::Segment;
use loglab::log::{FetchedData, Isolation as Bound, ReadError, ReplicaLog};
use loglab::sim::disk::Disk;
use serde_json::{Map, Value, json};

use super::case::Isolation;
use super::failure::Failure;

/// The leader epochs with their first offsets.
pub fn epochs(log: &ReplicaLog) -> Value {
    json!(log.epochs().entries())
}

/// Where epochs end, as the cache says it and as the log says it.
pub fn end_offsets(log: &ReplicaLog, epochs: &[i32]) -> Value {
    let answer = |epoch: i32| {
        let (found, end) = log.end_offset_for_epoch(epoch);
        let known = (found, end) != (-1, -1);
        json!({ "cache": [found, end], "log": known.then_some([found.into(), end]) })
    };
    epochs.iter().map(|&epoch| (epoch.to_string(), answer(epoch))).collect::<Map<_, _>>().into()
}

/// The epochs of offsets.
pub fn epochs_of(log: &ReplicaLog, offsets: &[i64]) -> Value {
    let answer = |offset: i64| json!(log.epochs().epoch_for_offset(offset));
    offsets.iter().map(|&offset| (offset.to_string(), answer(offset))).collect::<Map<_, _>>().into()
}

/// Reads from each offset.
pub fn read(
    log: &mut ReplicaLog,
    disk: &mut Disk,
    offsets: &[i64],
    max_bytes: i32,
    min_one_message: bool,
    isolation: Isolation,
) -> Value {
    let bound = match isolation {
        Isolation::LogEnd => Bound::LogEnd,
        Isolation::HighWatermark => Bound::HighWatermark,
        Isolation::TxnCommitted => Bound::TxnCommitted,
    };
    let max_bytes = u32::try_from(max_bytes).unwrap_or(0);
    offsets
        .iter()
        .map(|&offset| {
            // Only a full disk has no room for the index files that a look-up makes.
            let _ = log.open_indexes_for_read(disk, offset, log.log_end_offset());
            match log.fetch(disk, offset, max_bytes, bound, min_one_message) {
                Err(error) => json!({ "offset": offset, "error": error_fact(error.into()) }),
                Ok(data) => read_fact(log, disk, offset, &data),
            }
        })
        .collect()
}

fn read_fact(log: &ReplicaLog, disk: &Disk, offset: i64, data: &FetchedData) -> Value {
    let mut fact = json!({
        "offset": offset,
        "segmentBase": data.segment_base_offset,
        "position": data.position,
        "bytes": data.bytes.len(),
        "firstEntryIncomplete": data.first_entry_incomplete,
    });
    let aborted =
        |&(producer_id, first_offset): &(i64, i64)| json!({ "producerId": producer_id, "firstOffset": first_offset });
    match batches_of(log, disk, data) {
        Ok(batches) => {
            fact["batches"] = json!(batches);
            fact["aborted"] = json!(data.aborted.as_ref().map(|list| list.iter().map(aborted).collect::<Vec<_>>()));
        }
        Err(failure) => fact["error"] = error_fact(failure),
    }
    fact
}

/// The first and the last offset of each batch of what was read, as a reader of the file finds them.
fn batches_of(log: &ReplicaLog, disk: &Disk, data: &FetchedData) -> Result<Vec<[i64; 2]>, Failure> {
    let Some(segment) = log.segments().find(|segment| segment.base_offset == data.segment_base_offset) else {
        return Ok(Vec::new());
    };
    let length = data.bytes.len() as u32;
    if segment.read(disk, data.position, length) != data.bytes {
        return Err(Failure::Wrong("what was read is not what the file holds there".to_owned()));
    }
    segment
        .walk(disk, data.position, data.position.saturating_add(length))
        .map(|found| {
            Ok(found.map(|(_, header)| [header.base_offset, header.last_offset()]).map_err(ReadError::from)?)
        })
        .collect()
}

/// The same where the log is not open: each read fails by itself.
pub fn no_reads(offsets: &[i64]) -> Value {
    let answer =
        |&offset: &i64| json!({ "offset": offset, "error": error_fact(Failure::kafka("IllegalStateException", -1)) });
    offsets.iter().map(answer).collect()
}

fn error_fact(failure: Failure) -> Value {
    match failure {
        Failure::Kafka(fact) => fact,
        Failure::Wrong(what) => json!(what),
    }
}

/// Looks each timestamp up.
pub fn offsets_for_times(log: &mut ReplicaLog, disk: &mut Disk, timestamps: &[i64]) -> Value {
    let mut answers = Map::new();
    for &timestamp in timestamps {
        let answer = match log.offset_for_timestamp(disk, timestamp) {
            Ok(None) => Value::Null,
            Ok(Some(found)) => {
                json!({ "timestamp": found.timestamp, "offset": found.offset, "leaderEpoch": found.leader_epoch })
            }
            Err(error) => error_fact(error.into()),
        };
        answers.insert(timestamp.to_string(), answer);
    }
    answers.into()
}

/// The aborted transactions that the cleaner's query finds for each range.
pub fn aborted(log: &mut ReplicaLog, disk: &mut Disk, ranges: &[(i64, i64)]) -> Result<Value, Failure> {
    let answer = |&(from, to): &(i64, i64)| {
        let found = log.collect_aborted_transactions(disk, from, to).map_err(ReadError::from)?;
        Ok(json!({ "from": from, "to": to, "aborted": found.iter().map(aborted_entry).collect::<Vec<_>>() }))
    };
    ranges.iter().map(answer).collect()
}

fn aborted_entry(entry: &loglab::log::AbortedTransaction) -> Value {
    json!({
        "producerId": entry.producer_id,
        "firstOffset": entry.first_offset,
        "lastOffset": entry.last_offset,
        "lastStableOffset": entry.last_stable_offset,
    })
}

/// The answers of a log that is not open, one for each timestamp.
pub fn not_open(timestamps: &[i64]) -> Value {
    let error = json!({ "class": "IllegalStateException", "code": -1, "error": "UNKNOWN_SERVER_ERROR" });
    timestamps.iter().map(|timestamp| (timestamp.to_string(), error.clone())).collect::<serde_json::Map<_, _>>().into()
}

/// All producers with their remembered batches.
pub fn producers(log: &ReplicaLog) -> Value {
    let batch = |batch: &loglab::log::producers::CachedBatch| {
        json!({
            "firstSeq": batch.first_sequence(),
            "lastSeq": batch.last_sequence,
            "firstOffset": batch.first_offset(),
            "lastOffset": batch.last_offset,
            "timestamp": batch.timestamp,
        })
    };
    log.producers()
        .iter()
        .map(|(id, producer)| {
            json!({
                "producerId": id,
                "epoch": producer.epoch,
                "coordinatorEpoch": producer.coordinator_epoch,
                "lastTimestamp": producer.last_timestamp,
                "currentTxnFirstOffset": producer.current_txn_first_offset,
                "batches": producer.batches().iter().map(batch).collect::<Vec<_>>(),
            })
        })
        .collect()
}

/// All segments of an open log with their indexes and batches. Looking at the indexes opens them.
pub fn segments(log: &mut ReplicaLog, disk: &mut Disk) -> Value {
    // Only a full disk has no room for their files.
    let _ = log.open_indexes(disk);
    log.segments().map(|segment| segment_fact(segment, disk)).collect()
}

fn segment_fact(segment: &Segment, disk: &Disk) -> Value {
    let aborted: Vec<_> = segment.txn_index().entries(disk).map_while(Result::ok).collect();
    let largest = segment.largest_timestamp().map(|(timestamp, _)| timestamp).filter(|&timestamp| timestamp >= 0);
    json!({
        "base": segment.base_offset,
        "size": segment.size(),
        "largestRecordTimestamp": largest,
        "offsetIndex": segment.offset_entries(disk),
        "timeIndex": segment.time_entries(disk),
        "txnIndexEntries": aborted.iter().map(aborted_entry).collect::<Vec<_>>(),
        "batches": batches(&segment.read(disk, 0, segment.size())),
    })
}

/// The batches of a `.log` file: base and last offset, count, position, size and checksum.
pub fn batches(mut rest: &[u8]) -> Vec<Value> {
    const LEAST_SIZE: i32 = 14;
    const HEADER_UP_TO_MAGIC: usize = 17;
    let mut rows = Vec::new();
    let mut position = 0;
    while rest.len() > HEADER_UP_TO_MAGIC {
        let size = rest.get(8..12).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| i32::from_be_bytes(*bytes));
        if size < LEAST_SIZE {
            rows.push(json!("CorruptRecordException"));
            break;
        }
        let Some((whole, behind)) = rest.split_at_checked(12 + size as usize) else { break };
        let Ok(header) = BatchHeader::parse(whole) else { break };
        let crc = if batch::check_crc(whole, &header).is_ok() { json!(header.crc) } else { json!("INVALID") };
        let (base, last, count) = (header.base_offset, header.last_offset(), header.record_count);
        rows.push(json!([base, last, count, position, whole.len(), crc]));
        position += whole.len();
        rest = behind;
    }
    rows
}
