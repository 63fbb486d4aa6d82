//! Batches as the recording's senders built them.

use bytes::Bytes;
use loglab::log::batch::BatchBuilder;
use loglab::log::compression::Compression;
use loglab::log::marker::Marker;

use super::case::{Batch, Control, TimestampType};
use super::failure::Failure;

/// The bytes of an append's batches, one behind another.
pub fn batches(batches: &[Batch], leader_epoch: i32, now_ms: i64) -> Result<Bytes, Failure> {
    let built = batches.iter().map(|spec| batch(spec, leader_epoch, now_ms)).collect::<Result<Vec<_>, _>>()?;
    Ok(built.concat().into())
}

/// The bytes of a transaction's marker.
pub fn marker(control: Control, producer: (i64, i16), coordinator_epoch: i32, timestamp: i64) -> Bytes {
    Marker { aborts: control == Control::Abort, coordinator_epoch, timestamp }.batch(producer.0, producer.1)
}

fn batch(spec: &Batch, leader_epoch: i32, now_ms: i64) -> Result<Bytes, Failure> {
    if !producer_is_whole(spec) || spec.records.iter().any(|record| record.timestamp < -1) {
        // `MemoryRecordsBuilder` refuses to build such a batch.
        return Err(Failure::kafka("IllegalArgumentException", -1));
    }
    if spec.records.is_empty() {
        return Ok(Bytes::new());
    }
    let codec = Compression::from_name(&spec.compression);
    let codec = codec.ok_or_else(|| Failure::Wrong(format!("no codec is called `{}`", spec.compression)))?;
    let mut builder = BatchBuilder::new()
        .compression(codec)
        .at(spec.base_offset, spec.partition_leader_epoch.unwrap_or(leader_epoch))
        .producer(spec.producer_id, spec.producer_epoch, spec.base_sequence);
    if spec.is_transactional {
        builder = builder.transactional();
    }
    if spec.timestamp_type == TimestampType::LogAppendTime {
        builder = builder.log_append_time(now_ms);
    }
    for record in &spec.records {
        let headers: Vec<_> =
            record.headers.iter().map(|(name, value)| (name.as_bytes(), value.0.as_deref())).collect();
        builder.record_with_headers(record.timestamp, record.key.0.as_deref(), record.value.0.as_deref(), &headers);
    }
    Ok(builder.build())
}

fn producer_is_whole(spec: &Batch) -> bool {
    if spec.producer_id == -1 {
        return !spec.is_transactional;
    }
    spec.producer_epoch != -1 && spec.base_sequence >= 0
}
