//! What a leader demands of a producer's batch: `UnifiedLog.analyzeAndValidateRecords` and `LogValidator`.

use super::batch::{self, BatchError, BatchHeader, Body};
use super::config::{LogConfig, TimestampType};
use super::error::AppendError;

/// Checks the bytes of one append: exactly one batch from offset 0 that keeps every rule of the topic.
pub fn producers_batch(bytes: &[u8], config: &LogConfig, now_ms: i64) -> Result<BatchHeader, AppendError> {
    let header = BatchHeader::parse(bytes)?;
    if header.magic != 2 {
        return Err(BatchError::Magic(header.magic).into());
    }
    if header.base_offset != 0 {
        return Err(invalid("the base offset of the record batch in the append should be 0"));
    }
    let Some(batch) = bytes.get(..header.size() as usize) else { return Err(BatchError::Truncated.into()) };
    if header.size() > config.max_message_bytes {
        return Err(AppendError::MessageTooLarge { size: header.size(), max: config.max_message_bytes });
    }
    batch::check_crc(batch, &header)?;
    if batch.len() != bytes.len() {
        return Err(invalid("more than one batch in an append"));
    }
    offsets(&header)?;
    if header.is_control() {
        return Err(invalid("clients are not allowed to write control records"));
    }
    if header.has_producer_id() && header.base_sequence < 0 {
        return Err(invalid("negative sequence number of an idempotent producer"));
    }
    if header.is_log_append_time() {
        return Err(invalid("a producer's batch must not set the timestamp type LogAppendTime"));
    }
    records(batch, &header, config, now_ms)?;
    if header.size() > config.segment_bytes {
        return Err(AppendError::RecordListTooLarge { size: header.size(), max: config.segment_bytes });
    }
    Ok(header)
}

fn offsets(header: &BatchHeader) -> Result<(), AppendError> {
    let (last_offset_delta, record_count) = (header.last_offset_delta, header.record_count);
    if record_count <= 0 || last_offset_delta != record_count - 1 {
        return Err(BatchError::Count { last_offset_delta, record_count }.into());
    }
    Ok(())
}

fn records(batch: &[u8], header: &BatchHeader, config: &LogConfig, now_ms: i64) -> Result<(), AppendError> {
    let mut without_key = Vec::new();
    let mut out_of_time = Vec::new();
    let body = Body::of(batch)?;
    for (expected, record) in (0..).zip(body.records()?) {
        let record = record?;
        if record.offset != header.base_offset + i64::from(expected) {
            return Err(BatchError::Record(expected as u32).into());
        }
        if config.compact && record.key.is_none() {
            without_key.push(expected);
        }
        if !is_timely(record.timestamp, config, now_ms) {
            out_of_time.push(expected);
        }
    }
    if !without_key.is_empty() {
        return Err(AppendError::InvalidRecord {
            reason: "compacted topic cannot accept message without key",
            batch_indexes: without_key,
        });
    }
    if !out_of_time.is_empty() {
        return Err(AppendError::InvalidTimestamp { batch_indexes: out_of_time });
    }
    Ok(())
}

/// A record without timestamp passes, and so do the bounds themselves.
fn is_timely(timestamp: i64, config: &LogConfig, now_ms: i64) -> bool {
    config.message_timestamp_type == TimestampType::LogAppendTime
        || timestamp == -1
        || (now_ms.saturating_sub(timestamp) <= config.message_timestamp_before_max_ms
            && timestamp.saturating_sub(now_ms) <= config.message_timestamp_after_max_ms)
}

fn invalid(reason: &'static str) -> AppendError {
    AppendError::InvalidRecord { reason, batch_indexes: Vec::new() }
}
