//! Writes record batches: `MemoryRecordsBuilder` in Apache Kafka.

use bytes::{BufMut, Bytes, BytesMut};

use super::batch::{self, BatchHeader, COMPRESSION_MASK, CONTROL, HEADER_SIZE, LOG_APPEND_TIME, TRANSACTIONAL};
use super::compression::Compression;
use super::varint;
use crate::settings::GzipLevel;

/// Writes one batch.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    buffer: BytesMut,
    base_offset: i64,
    partition_leader_epoch: i32,
    attributes: i16,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    log_append_time: Option<i64>,
    gzip_level: GzipLevel,
    last_offset_delta: i32,
    record_count: i32,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// A batch from offset 0, of no producer id, with the producer's timestamps.
    pub fn new() -> Self {
        // Room for the header and a small record.
        let mut buffer = BytesMut::with_capacity(256);
        buffer.put_bytes(0, HEADER_SIZE);
        BatchBuilder {
            buffer,
            base_offset: 0,
            partition_leader_epoch: -1,
            attributes: 0,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            base_timestamp: -1,
            max_timestamp: -1,
            log_append_time: None,
            gzip_level: GzipLevel::DEFAULT,
            last_offset_delta: -1,
            record_count: 0,
        }
    }

    /// The offset of the first record, and the leader epoch.
    pub fn at(mut self, base_offset: i64, partition_leader_epoch: i32) -> Self {
        self.base_offset = base_offset;
        self.partition_leader_epoch = partition_leader_epoch;
        self
    }

    /// The idempotent producer that sends it.
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        self.producer_id = id;
        self.producer_epoch = epoch;
        self.base_sequence = base_sequence;
        self
    }

    /// Makes the batch part of a transaction.
    pub fn transactional(mut self) -> Self {
        self.attributes |= TRANSACTIONAL;
        self
    }

    /// The timestamps are the log's: all records have this one.
    pub fn log_append_time(mut self, now_ms: i64) -> Self {
        self.attributes |= LOG_APPEND_TIME;
        self.log_append_time = Some(now_ms);
        self
    }

    /// Makes it a control batch: its record is a marker.
    pub fn control(mut self) -> Self {
        self.attributes |= CONTROL;
        self
    }

    /// The batch ends at this offset, which may lie behind its last record; that record stays the last one to be added.
    pub fn last_offset(mut self, offset: i64) -> Self {
        self.last_offset_delta = i32::try_from(offset.saturating_sub(self.base_offset)).unwrap_or(i32::MAX);
        self
    }

    /// Compresses the records when the batch is built.
    pub fn compression(mut self, codec: Compression) -> Self {
        self.attributes = self.attributes & !COMPRESSION_MASK | codec.id();
        self
    }

    /// How hard gzip tries, if it is the codec.
    pub fn gzip_level(mut self, level: GzipLevel) -> Self {
        self.gzip_level = level;
        self
    }

    /// Adds a record behind the last.
    pub fn record(&mut self, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> &mut Self {
        self.record_with_headers(timestamp, key, value, &[])
    }

    /// Adds a record with headers behind the last.
    pub fn record_with_headers(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
    ) -> &mut Self {
        if self.record_count == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.last_offset_delta += 1;
        self.record_count += 1;
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        let header_size = |(name, value): &(&[u8], Option<&[u8]>)| bytes_size(Some(name)) + bytes_size(*value);
        let size = 1
            + varint::size(timestamp_delta)
            + varint::size(self.last_offset_delta.into())
            + bytes_size(key)
            + bytes_size(value)
            + varint::size(headers.len() as i64)
            + headers.iter().map(header_size).sum::<usize>();
        let buffer = &mut self.buffer;
        varint::put(buffer, size as i64);
        buffer.put_u8(0);
        varint::put(buffer, timestamp_delta);
        varint::put(buffer, self.last_offset_delta.into());
        put_bytes(buffer, key);
        put_bytes(buffer, value);
        varint::put(buffer, headers.len() as i64);
        for (name, value) in headers {
            put_bytes(buffer, Some(name));
            put_bytes(buffer, *value);
        }
        self
    }

    /// The records so far.
    pub fn record_count(&self) -> i32 {
        self.record_count
    }

    /// The bytes so far, not compressed.
    pub fn size(&self) -> usize {
        self.buffer.len()
    }

    /// The finished batch.
    pub fn build(mut self) -> Bytes {
        if let Some(codec) =
            Compression::from_id(self.attributes & COMPRESSION_MASK).filter(|&codec| codec != Compression::None)
        {
            let compressed = codec.compress_at(&self.buffer[HEADER_SIZE..], self.gzip_level).into_owned();
            self.buffer.truncate(HEADER_SIZE);
            self.buffer.put_slice(&compressed);
        }
        let header = BatchHeader {
            base_offset: self.base_offset,
            batch_length: 0,
            partition_leader_epoch: self.partition_leader_epoch,
            magic: 2,
            crc: 0,
            attributes: self.attributes,
            last_offset_delta: self.last_offset_delta,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.log_append_time.unwrap_or(self.max_timestamp),
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            record_count: self.record_count,
        };
        batch::seal(&mut self.buffer, &header);
        self.buffer.freeze()
    }
}

fn bytes_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::size(bytes.len() as i64) + bytes.len())
}

fn put_bytes(buffer: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::put(buffer, -1),
        Some(bytes) => {
            varint::put(buffer, bytes.len() as i64);
            buffer.put_slice(bytes);
        }
    }
}
