//! What a log demands of what is appended: `UnifiedLog.analyzeAndValidateRecords` and `LogValidator` in Apache Kafka.

use bytes::Bytes;

use super::batch::{self, BatchBuilder, BatchError, BatchHeader, Body, LOG_OVERHEAD, Record, SHORTEST_LENGTH};
use super::compression::Compression;
use super::config::{LogConfig, TimestampType};
use super::error::AppendError;
use super::producers::AppendOrigin;

/// What the headers of an append say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Analysis {
    /// The first batch that is taken.
    pub first: BatchHeader,
    /// So many batches are taken.
    pub batches: u32,
    /// Of the last of them.
    pub last_offset: i64,
    /// The largest of them.
    pub max_timestamp: i64,
    /// The bytes of them.
    pub valid_bytes: u32,
    /// The codec of the last compressed one.
    pub source_compression: Compression,
}

/// Checks the batches of an append by their headers and checksums: as a leader who will assign their offsets, or as a
/// replica that takes them as they are. `None` if there is none to take.
pub(super) fn analyze(
    bytes: &[u8],
    config: &LogConfig,
    origin: AppendOrigin,
    leader_epoch: i32,
    assigns_offsets: bool,
) -> Result<Option<Analysis>, AppendError> {
    let mut found: Option<Analysis> = None;
    let mut rest = bytes;
    while let Some((header, whole, behind)) = next_batch(rest)? {
        rest = behind;
        if origin == AppendOrigin::RaftLeader && header.partition_leader_epoch != leader_epoch {
            return Err(invalid("an append of the Raft leader with another leader epoch"));
        }
        if origin == AppendOrigin::Client && header.base_offset != 0 {
            return Err(invalid("the base offset of the record batch in the append should be 0"));
        }
        // What a leader sent after it was replaced belongs to an epoch that this replica does not follow (KAFKA-18723).
        if origin == AppendOrigin::Replication && header.partition_leader_epoch > leader_epoch {
            break;
        }
        let last_offset = header.last_offset();
        let in_order = found.is_none_or(|known| last_offset > known.last_offset);
        // A replica takes what its leader took, whatever its size.
        if (assigns_offsets || origin == AppendOrigin::RaftLeader) && header.size() > config.max_message_bytes {
            return Err(AppendError::MessageTooLarge { size: header.size(), max: config.max_message_bytes });
        }
        batch::check_crc(whole, &header)?;
        let compression = header.compression()?;
        let analysis = found.get_or_insert(Analysis {
            first: header,
            batches: 0,
            last_offset: -1,
            max_timestamp: -1,
            valid_bytes: 0,
            source_compression: Compression::None,
        });
        analysis.batches += 1;
        analysis.last_offset = last_offset;
        analysis.max_timestamp = analysis.max_timestamp.max(header.max_timestamp);
        analysis.valid_bytes += header.size();
        if compression != Compression::None {
            analysis.source_compression = compression;
        }
        if !assigns_offsets && (!in_order || last_offset < 0) {
            return Err(AppendError::OffsetsOutOfOrder);
        }
    }
    Ok(found)
}

/// A batch with its bytes, and what stands behind it.
type Split<'a> = (BatchHeader, &'a [u8], &'a [u8]);

/// The whole batch at the start of `bytes`; a cut one is none (`ByteBufferLogInputStream`).
fn next_batch(bytes: &[u8]) -> Result<Option<Split<'_>>, AppendError> {
    const MAGIC_AT: usize = 16;
    let Some(length) = bytes.get(8..LOG_OVERHEAD).and_then(|field| field.first_chunk()) else { return Ok(None) };
    let length = i32::from_be_bytes(*length);
    if length < SHORTEST_LENGTH {
        return Err(BatchError::TooSmall(length).into());
    }
    let Some(&magic) = bytes.get(MAGIC_AT) else { return Ok(None) };
    if magic != 2 {
        return Err(BatchError::Magic(magic as i8).into());
    }
    let Some((batch, behind)) = bytes.split_at_checked(LOG_OVERHEAD + length as usize) else { return Ok(None) };
    Ok(Some((BatchHeader::parse(batch)?, batch, behind)))
}

/// A leader's batch, ready to be written.
#[derive(Clone, Debug)]
pub(super) struct Validated {
    /// With its offset, leader epoch and timestamps.
    pub bytes: Bytes,
    /// Its fields.
    pub header: BatchHeader,
}

/// Checks every record of the one batch that a leader takes, and gives the batch its offset, its leader epoch and, where
/// the topic says so, the time of the append or another codec.
pub(super) fn leaders_batch(
    bytes: Bytes,
    analysis: &Analysis,
    config: &LogConfig,
    origin: AppendOrigin,
    next_offset: i64,
    leader_epoch: i32,
    now_ms: i64,
) -> Result<Validated, AppendError> {
    let header = analysis.first;
    if analysis.batches > 1 {
        return Err(invalid("more than one batch in an append"));
    }
    if origin == AppendOrigin::Client {
        check_clients_header(&header)?;
    }
    let source = header.compression()?;
    let target = match config.compression {
        // Markers are not compressed.
        Some(_) if header.is_control() && source == Compression::None => source,
        Some(target) => target,
        None => source,
    };
    let body = Body::of(&bytes)?;
    let records = check_records(&body, &header, config, now_ms)?;
    let rebuilt = source != target || (source != Compression::None && !records.offsets_are_dense);
    let built = if rebuilt {
        let built = rebuild(&body, &header, target, config, now_ms)?;
        let header = BatchHeader::parse(&built)?;
        if header.size() > config.max_message_bytes {
            return Err(AppendError::MessageTooLarge { size: header.size(), max: config.max_message_bytes });
        }
        Some((header, built))
    } else {
        None
    };
    drop(body);
    let (header, bytes) = built.unwrap_or((header, bytes));
    let base_offset = next_offset + i64::from(records.count) - 1 - i64::from(header.last_offset_delta);
    let by_log = config.message_timestamp_type == TimestampType::LogAppendTime;
    let max_timestamp = if by_log { now_ms } else { records.max_timestamp };
    let stamp = batch::Stamp { base_offset, partition_leader_epoch: leader_epoch, by_log, max_timestamp };
    let (header, bytes) = batch::stamped(bytes, &header, &stamp);
    Ok(Validated { bytes, header })
}

fn check_clients_header(header: &BatchHeader) -> Result<(), AppendError> {
    let (last_offset_delta, record_count) = (header.last_offset_delta, header.record_count);
    if last_offset_delta < 0 || record_count <= 0 || last_offset_delta != record_count - 1 {
        return Err(BatchError::Count { last_offset_delta, record_count }.into());
    }
    if header.is_control() {
        return Err(invalid("clients are not allowed to write control records"));
    }
    if header.has_producer_id() && header.base_sequence < 0 {
        return Err(invalid("negative sequence number of an idempotent producer"));
    }
    Ok(())
}

/// What the records of a batch say.
struct Records {
    count: u32,
    max_timestamp: i64,
    /// Each record's offset is one above that of the record before it.
    offsets_are_dense: bool,
}

/// Fails with all records that break a rule, each counted once.
fn check_records(
    body: &Body<'_>,
    header: &BatchHeader,
    config: &LogConfig,
    now_ms: i64,
) -> Result<Records, AppendError> {
    let mut wrong = Vec::new();
    let mut wrong_time = false;
    let mut found = Records { count: 0, max_timestamp: -1, offsets_are_dense: true };
    for record in body.records()? {
        let record = record?;
        if config.compact && record.key.is_none() {
            wrong.push(found.count as i32);
        } else if !is_timely(&record, header, config, now_ms) {
            wrong.push(found.count as i32);
            wrong_time = true;
        }
        found.offsets_are_dense &= record.offset == header.base_offset + i64::from(found.count);
        found.max_timestamp = found.max_timestamp.max(record.timestamp);
        found.count += 1;
    }
    if wrong_time {
        return Err(AppendError::InvalidTimestamp { batch_indexes: wrong });
    }
    if !wrong.is_empty() {
        let reason = "compacted topic cannot accept message without key";
        return Err(AppendError::InvalidRecord { reason, batch_indexes: wrong });
    }
    Ok(found)
}

/// A record without timestamp passes, and so do the bounds themselves. Where the log sets the time, a producer must not
/// say that it did.
fn is_timely(record: &Record<'_>, header: &BatchHeader, config: &LogConfig, now_ms: i64) -> bool {
    if config.message_timestamp_type == TimestampType::CreateTime && record.timestamp != -1 {
        let age = now_ms.wrapping_sub(record.timestamp);
        return age <= config.message_timestamp_before_max_ms
            && age.wrapping_neg() <= config.message_timestamp_after_max_ms;
    }
    !header.is_log_append_time()
}

/// The batch anew, with the topic's codec and dense offsets.
fn rebuild(
    body: &Body<'_>,
    header: &BatchHeader,
    target: Compression,
    config: &LogConfig,
    now_ms: i64,
) -> Result<Bytes, AppendError> {
    let mut builder = BatchBuilder::new()
        .producer(header.producer_id, header.producer_epoch, header.base_sequence)
        .compression(target)
        .gzip_level(config.gzip_level);
    if header.is_transactional() {
        builder = builder.transactional();
    }
    if config.message_timestamp_type == TimestampType::LogAppendTime {
        builder = builder.log_append_time(now_ms);
    }
    for record in body.records()? {
        let record = record?;
        let headers: Vec<_> = record.headers().collect();
        builder.record_with_headers(record.timestamp, record.key, record.value, &headers);
    }
    Ok(builder.build())
}

fn invalid(reason: &'static str) -> AppendError {
    AppendError::InvalidRecord { reason, batch_indexes: Vec::new() }
}
