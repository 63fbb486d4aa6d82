//! The record batch of version 2 (magic 2) over its bytes: KIP-98's format, `DefaultRecordBatch` and `DefaultRecord` in
//! Apache Kafka.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

pub use super::builder::BatchBuilder;
use super::compression::{Compression, DecompressError};
use super::varint::Reader;

/// The size of a batch without its records.
pub const HEADER_SIZE: usize = 61;
/// Base offset and length: what `batch_length` does not count.
pub const LOG_OVERHEAD: usize = 12;
/// The CRC covers everything from the attributes on; base offset, leader epoch and magic lie outside.
pub(super) const ATTRIBUTES_AT: usize = 21;
pub(super) const CRC_AT: usize = 17;
const MAX_TIMESTAMP_AT: usize = 35;

/// No message of any format has a shorter length field (`LegacyRecord.RECORD_OVERHEAD_V0`).
pub(super) const SHORTEST_LENGTH: i32 = 14;
pub(super) const COMPRESSION_MASK: i16 = 0x07;
pub(super) const LOG_APPEND_TIME: i16 = 0x08;
pub(super) const TRANSACTIONAL: i16 = 0x10;
pub(super) const CONTROL: i16 = 0x20;
pub(super) const DELETE_HORIZON: i16 = 0x40;
const KNOWN_ATTRIBUTES: i16 = 0x7f;

/// What is wrong with the bytes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("the bytes end inside a batch")]
    Truncated,
    /// The length field is smaller than a header.
    #[error("record batch of length {0}, smaller than its header")]
    TooSmall(i32),
    /// A message format of before 0.11 or of the future.
    #[error("magic {0} instead of 2")]
    Magic(i8),
    /// The checksum does not match.
    #[error("record is corrupt (stored crc = {stored}, computed crc = {computed})")]
    Crc {
        /// In the header.
        stored: u32,
        /// Over the bytes.
        computed: u32,
    },
    /// The records are compressed with a codec that is not known here.
    #[error("compression codec {0} is not supported")]
    Compression(i16),
    /// The records cannot be decompressed.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// The offsets of the header contradict each other or its count.
    #[error("last offset delta {last_offset_delta} with {record_count} records")]
    Count {
        /// In the header.
        last_offset_delta: i32,
        /// In the header.
        record_count: i32,
    },
    /// A record's fields do not fit its length or its batch.
    #[error("record {0} is malformed")]
    Record(u32),
}

/// The fixed fields of a batch, and what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record (0 from a producer; the log sets it).
    pub base_offset: i64,
    /// The bytes behind this field.
    pub batch_length: i32,
    /// The epoch of the leader that appended the batch.
    pub partition_leader_epoch: i32,
    /// The format's version: 2.
    pub magic: i8,
    /// CRC-32C over everything behind it.
    pub crc: u32,
    /// Compression, timestamp type, and the transactional, control and delete horizon flags.
    pub attributes: i16,
    /// The last record's offset minus `base_offset`; it outlives that record when the log is compacted.
    pub last_offset_delta: i32,
    /// The first record's timestamp, or the delete horizon (KIP-534).
    pub base_timestamp: i64,
    /// The largest timestamp, or the time of the append.
    pub max_timestamp: i64,
    /// -1 if the producer is not idempotent.
    pub producer_id: i64,
    /// -1 without a producer id.
    pub producer_epoch: i16,
    /// The first record's sequence number, -1 without a producer id.
    pub base_sequence: i32,
    /// The records in the batch.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`; the records may lie beyond them.
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        let header = bytes.first_chunk().map(BatchHeader::read).ok_or(BatchError::Truncated)?;
        if header.batch_length < (HEADER_SIZE - LOG_OVERHEAD) as i32 {
            return Err(BatchError::TooSmall(header.batch_length));
        }
        Ok(header)
    }

    /// The fields as they stand, whatever they say.
    pub fn read(bytes: &[u8; HEADER_SIZE]) -> BatchHeader {
        BatchHeader {
            base_offset: i64::from_be_bytes(field(bytes, 0)),
            batch_length: i32::from_be_bytes(field(bytes, 8)),
            partition_leader_epoch: i32::from_be_bytes(field(bytes, 12)),
            magic: i8::from_be_bytes(field(bytes, 16)),
            crc: u32::from_be_bytes(field(bytes, CRC_AT)),
            attributes: i16::from_be_bytes(field(bytes, ATTRIBUTES_AT)),
            last_offset_delta: i32::from_be_bytes(field(bytes, 23)),
            base_timestamp: i64::from_be_bytes(field(bytes, 27)),
            max_timestamp: i64::from_be_bytes(field(bytes, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(bytes, 43)),
            producer_epoch: i16::from_be_bytes(field(bytes, 51)),
            base_sequence: i32::from_be_bytes(field(bytes, 53)),
            record_count: i32::from_be_bytes(field(bytes, 57)),
        }
    }

    /// All bytes of the batch.
    pub fn size(&self) -> u32 {
        (self.batch_length as u32).saturating_add(LOG_OVERHEAD as u32)
    }

    /// The last record's offset.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(self.last_offset_delta.into())
    }

    /// The offset behind the batch.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// The last record's sequence number, which wraps to 0 behind the largest; -1 without one.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 { -1 } else { increment_sequence(self.base_sequence, self.last_offset_delta) }
    }

    /// The codec of the records.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        let id = self.attributes & COMPRESSION_MASK;
        Compression::from_id(id).ok_or(BatchError::Compression(id))
    }

    /// Whether the records are as they are, without a codec.
    pub fn is_uncompressed(&self) -> bool {
        self.attributes & COMPRESSION_MASK == 0
    }

    /// Whether the timestamps are the log's, not the producer's.
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }

    /// Whether the batch is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the batch holds a marker instead of data.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// When tombstones of the batch may go, once the cleaner stamped it.
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        (self.attributes & DELETE_HORIZON != 0).then_some(self.base_timestamp)
    }

    /// Whether an idempotent producer sent it.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id >= 0
    }
}

/// Writes a header before its records in `batch`: all fields but the length and the checksum as told, these two as the
/// bytes are. Shorter bytes than a header stay as they are.
pub fn seal(batch: &mut [u8], header: &BatchHeader) {
    if batch.len() < HEADER_SIZE {
        return;
    }
    let length = (batch.len() - LOG_OVERHEAD) as i32;
    let mut out = &mut batch[..HEADER_SIZE];
    out.put_i64(header.base_offset);
    out.put_i32(length);
    out.put_i32(header.partition_leader_epoch);
    out.put_i8(2);
    out.put_u32(0);
    out.put_i16(header.attributes);
    out.put_i32(header.last_offset_delta);
    out.put_i64(header.base_timestamp);
    out.put_i64(header.max_timestamp);
    out.put_i64(header.producer_id);
    out.put_i16(header.producer_epoch);
    out.put_i32(header.base_sequence);
    out.put_i32(header.record_count);
    let crc = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
    batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
}

/// `sequence` plus `by`; behind the largest comes 0 (`DefaultRecordBatch.incrementSequence`).
pub fn increment_sequence(sequence: i32, by: i32) -> i32 {
    // Damaged headers may hold anything: sums run over as Java's do.
    if sequence > i32::MAX.wrapping_sub(by) {
        by.wrapping_sub(i32::MAX.wrapping_sub(sequence)).wrapping_sub(1)
    } else {
        sequence.wrapping_add(by)
    }
}

/// The header of the whole batch at the start of `bytes`: length, magic and checksum hold.
pub fn validate(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    let header = BatchHeader::parse(bytes)?;
    let Some(batch) = bytes.get(..header.size() as usize) else { return Err(BatchError::Truncated) };
    if header.magic != 2 {
        return Err(BatchError::Magic(header.magic));
    }
    check_crc(batch, &header)?;
    Ok(header)
}

/// Compares the checksum of exactly one whole batch.
pub fn check_crc(batch: &[u8], header: &BatchHeader) -> Result<(), BatchError> {
    let computed = crc32c::crc32c(batch.get(ATTRIBUTES_AT..).unwrap_or_default());
    if computed == header.crc { Ok(()) } else { Err(BatchError::Crc { stored: header.crc, computed }) }
}

/// The batches one behind another in `bytes`; a cut batch at the end is not among them.
pub fn batches(bytes: &[u8]) -> impl Iterator<Item = (BatchHeader, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let header = BatchHeader::parse(rest).ok()?;
        let (batch, behind) = rest.split_at_checked(header.size() as usize)?;
        rest = behind;
        Some((header, batch))
    })
}

/// What a leader writes into a batch's header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub base_offset: i64,
    pub partition_leader_epoch: i32,
    /// Whether the timestamps become the log's.
    pub by_log: bool,
    pub max_timestamp: i64,
}

/// One whole batch with a leader's stamp: in place if nobody else holds the bytes. Offset and epoch lie outside the
/// checksum; only other timestamps make it another one.
pub(super) fn stamped(bytes: Bytes, header: &BatchHeader, stamp: &Stamp) -> (BatchHeader, Bytes) {
    let mut header =
        BatchHeader { base_offset: stamp.base_offset, partition_leader_epoch: stamp.partition_leader_epoch, ..*header };
    let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    bytes.truncate(header.size() as usize);
    let fields = bytes.first_chunk_mut::<HEADER_SIZE>().expect("a batch that was validated has its header");
    fields[..8].copy_from_slice(&stamp.base_offset.to_be_bytes());
    fields[12..16].copy_from_slice(&stamp.partition_leader_epoch.to_be_bytes());
    if header.is_log_append_time() != stamp.by_log || header.max_timestamp != stamp.max_timestamp {
        header.attributes = header.attributes & KNOWN_ATTRIBUTES & !LOG_APPEND_TIME;
        header.attributes |= if stamp.by_log { LOG_APPEND_TIME } else { 0 };
        header.max_timestamp = stamp.max_timestamp;
        fields[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&header.attributes.to_be_bytes());
        fields[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&stamp.max_timestamp.to_be_bytes());
        header.crc = crc32c::crc32c(&bytes[ATTRIBUTES_AT..]);
        bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&header.crc.to_be_bytes());
    }
    (header, bytes.freeze())
}

/// A copy of one whole batch with another offset and leader epoch, which lie outside the checksum.
pub fn with_offset_and_epoch(batch: &[u8], base_offset: i64, partition_leader_epoch: i32) -> Bytes {
    let mut copy = batch.to_vec();
    assert!(copy.len() >= HEADER_SIZE, "{} bytes are no whole batch", copy.len());
    copy[..8].copy_from_slice(&base_offset.to_be_bytes());
    copy[12..16].copy_from_slice(&partition_leader_epoch.to_be_bytes());
    copy.into()
}

/// One load, where taking byte by byte took a tenth of a run's time.
#[inline]
fn field<const N: usize>(bytes: &[u8; HEADER_SIZE], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("a field lies within the header")
}

/// One record of a batch, its fields borrowed from the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// In the log.
    pub offset: i64,
    /// The producer's, or the log's time of append.
    pub timestamp: i64,
    /// Its producer's number for it, -1 without one.
    pub sequence: i32,
    /// `None` is null.
    pub key: Option<&'a [u8]>,
    /// `None` is null: a tombstone.
    pub value: Option<&'a [u8]>,
    header_count: u32,
    headers: &'a [u8],
    /// From the offset on: what stays when a batch gets another base timestamp.
    pub(super) behind_timestamp: &'a [u8],
}

impl<'a> Record<'a> {
    /// The headers: a name and a value that may be null.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let mut reader = Reader::new(self.headers);
        (0..self.header_count).map_while(move |_| read_header(&mut reader))
    }
}

fn read_header<'a>(reader: &mut Reader<'a>) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    Some((reader.nullable_bytes()??, reader.nullable_bytes()?))
}

/// The records of one whole batch. Ends behind the first that is malformed.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    header: BatchHeader,
    reader: Reader<'a>,
    next: u32,
    failed: bool,
}

/// The records of one whole batch that is not compressed, such as a marker's. Of any other batch ask its [`Body`].
pub fn records(batch: &[u8]) -> Result<Records<'_>, BatchError> {
    let header = BatchHeader::parse(batch)?;
    if !header.is_uncompressed() {
        return Err(BatchError::Compression(header.attributes & COMPRESSION_MASK));
    }
    Records::new(header, compressed_body(batch, &header)?)
}

/// The records' bytes of one whole batch, as they are in it.
fn compressed_body<'a>(batch: &'a [u8], header: &BatchHeader) -> Result<&'a [u8], BatchError> {
    batch.get(HEADER_SIZE..header.size() as usize).ok_or(BatchError::Truncated)
}

/// The records' bytes of one whole batch, decompressed where it has a codec.
#[derive(Clone, Debug)]
pub struct Body<'a> {
    header: BatchHeader,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Body<'a> {
    /// Of the batch at the start of `batch`.
    pub fn of(batch: &'a [u8]) -> Result<Body<'a>, BatchError> {
        Body::with_header(BatchHeader::parse(batch)?, batch)
    }

    /// Of the batch at the start of `batch`, whose header is known.
    pub(super) fn with_header(header: BatchHeader, batch: &'a [u8]) -> Result<Body<'a>, BatchError> {
        let compressed = compressed_body(batch, &header)?;
        // A batch that the cleaner left empty holds nothing that a codec could read.
        let codec = if header.record_count == 0 { Compression::None } else { header.compression()? };
        Ok(Body { header, bytes: codec.decompress(compressed)? })
    }

    /// The batch's fields.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The records one behind another.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The records.
    pub fn records(&self) -> Result<Records<'_>, BatchError> {
        Records::new(self.header, &self.bytes)
    }
}

impl<'a> Records<'a> {
    fn new(header: BatchHeader, body: &'a [u8]) -> Result<Records<'a>, BatchError> {
        if header.record_count < 0 {
            return Err(BatchError::Count {
                last_offset_delta: header.last_offset_delta,
                record_count: header.record_count,
            });
        }
        Ok(Records { header, reader: Reader::new(body), next: 0, failed: false })
    }

    /// The bytes of the records that were not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at_end = i64::from(self.next) == i64::from(self.header.record_count);
        if self.failed || (at_end && self.reader.is_empty()) {
            return None;
        }
        // A count that is too small leaves bytes behind: the batch is malformed as a whole.
        let record = if at_end { None } else { read_record(&self.header, &mut self.reader) };
        self.failed = record.is_none();
        let index = self.next;
        self.next += 1;
        Some(record.ok_or(BatchError::Record(index)))
    }
}

fn read_record<'a>(header: &BatchHeader, reader: &mut Reader<'a>) -> Option<Record<'a>> {
    let size = usize::try_from(reader.varint()?).ok()?;
    let mut body = Reader::new(reader.take(size)?);
    body.take(1)?; // attributes, unused
    let timestamp_delta = body.varlong()?;
    let behind_timestamp = body.rest();
    let offset_delta = body.varint()?;
    let key = body.nullable_bytes()?;
    let value = body.nullable_bytes()?;
    let header_count = u32::try_from(body.varint()?).ok()?;
    let headers = body.rest();
    for _ in 0..header_count {
        read_header(&mut body)?;
    }
    if !body.is_empty() || offset_delta < 0 {
        return None;
    }
    Some(Record {
        offset: header.base_offset.checked_add(offset_delta.into())?,
        timestamp: if header.is_log_append_time() {
            header.max_timestamp
        } else {
            header.base_timestamp.wrapping_add(timestamp_delta)
        },
        sequence: if header.base_sequence < 0 { -1 } else { increment_sequence(header.base_sequence, offset_delta) },
        key,
        value,
        header_count,
        headers,
        behind_timestamp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector() -> Bytes {
        let mut builder = BatchBuilder::new();
        builder.record(283_843, Some(b"key1"), Some(b"value1"));
        builder.record(1_234, Some(b"key2"), Some(b"value2"));
        builder.build()
    }

    #[test]
    fn known_batch_has_kafkas_size_and_checksum() {
        let batch = vector();
        let header = validate(&batch).unwrap();
        assert_eq!((batch.len(), header.size(), header.crc), (97, 97, 3_851_219_455));
        assert_eq!((header.last_offset(), header.last_sequence(), header.max_timestamp), (1, -1, 283_843));
        assert_eq!(crc32c::crc32c(b"Some String"), 608_512_271);
    }

    #[test]
    fn kafka_protocol_reads_what_is_built() {
        use kafka_protocol::records::RecordBatchDecoder;
        let mut builder = BatchBuilder::new().at(40, 3).producer(7, 2, i32::MAX).transactional();
        builder.record_with_headers(5, None, Some(b"v"), &[(b"h", None), (b"i", Some(b"x"))]);
        builder.record(9, Some(b"k"), None);
        let batch = builder.build();
        let set = RecordBatchDecoder::decode(&mut batch.clone()).unwrap();
        let ours: Vec<_> = records(&batch).unwrap().map(Result::unwrap).collect();
        assert_eq!(set.records.len(), 2);
        for (theirs, ours) in set.records.iter().zip(&ours) {
            assert_eq!((theirs.offset, theirs.timestamp), (ours.offset, ours.timestamp));
            assert_eq!(theirs.key.as_deref(), ours.key);
            assert_eq!(theirs.value.as_deref(), ours.value);
            assert_eq!((theirs.producer_id, theirs.producer_epoch, theirs.transactional), (7, 2, true));
            assert_eq!(theirs.headers.len(), ours.headers().count());
        }
        assert_eq!(ours[0].headers().collect::<Vec<_>>(), [(&b"h"[..], None), (b"i", Some(&b"x"[..]))]);
        assert_eq!((ours[0].sequence, ours[1].sequence), (i32::MAX, 0));
    }

    #[test]
    fn compressed_records_are_read_and_kafkas_header_is_kept() {
        for codec in Compression::ALL {
            let mut builder = BatchBuilder::new().at(40, 3).producer(7, 2, 5).transactional().compression(codec);
            for i in 0..50 {
                builder.record_with_headers(i, Some(b"key"), Some(b"some value"), &[(b"h", None)]);
            }
            let batch = builder.build();
            let header = validate(&batch).unwrap();
            assert_eq!(header.compression(), Ok(codec));
            assert!(header.is_transactional() && header.record_count == 50);
            assert_eq!(records(&batch).is_ok(), codec == Compression::None);
            let body = Body::of(&batch).unwrap();
            let offsets: Vec<_> = body.records().unwrap().map(|record| record.unwrap().offset).collect();
            assert_eq!(offsets, (40..90).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_codec_of_the_future_is_named() {
        let mut batch = vector().to_vec();
        batch[ATTRIBUTES_AT + 1] |= 6;
        assert_eq!(Body::of(&batch).unwrap_err(), BatchError::Compression(6));
    }

    #[test]
    fn offset_and_epoch_are_outside_the_checksum() {
        let batch = with_offset_and_epoch(&vector(), 1_000, 5);
        let header = validate(&batch).unwrap();
        assert_eq!((header.base_offset, header.last_offset(), header.partition_leader_epoch), (1_000, 1_001, 5));
    }

    #[test]
    fn log_append_time_replaces_every_timestamp() {
        let stamp = Stamp { base_offset: 9, partition_leader_epoch: 2, by_log: true, max_timestamp: 77 };
        let (header, batch) = stamped(vector(), &validate(&vector()).unwrap(), &stamp);
        assert_eq!(validate(&batch), Ok(header));
        assert!(header.is_log_append_time() && header.base_offset == 9 && header.partition_leader_epoch == 2);
        assert!(records(&batch).unwrap().all(|record| record.unwrap().timestamp == 77));
    }

    #[test]
    fn a_wrong_largest_timestamp_is_made_right() {
        let stamp = Stamp { base_offset: 0, partition_leader_epoch: 0, by_log: false, max_timestamp: 5 };
        let (header, batch) = stamped(vector(), &validate(&vector()).unwrap(), &stamp);
        assert_eq!(validate(&batch).map(|found| found.max_timestamp), Ok(5));
        assert!(!header.is_log_append_time());
    }

    #[test]
    fn sequences_wrap_behind_the_largest() {
        assert_eq!(increment_sequence(i32::MAX, 1), 0);
        assert_eq!(increment_sequence(i32::MAX - 5, 10), 4);
        assert_eq!(increment_sequence(3, 2), 5);
    }

    #[test]
    fn every_cut_and_every_flip_is_noticed_where_the_format_can() {
        let batch = vector();
        for cut in 0..batch.len() {
            assert!(validate(&batch[..cut]).is_err());
        }
        for at in 16..batch.len() {
            let mut damaged = batch.to_vec();
            damaged[at] ^= 0x10;
            assert!(validate(&damaged).is_err(), "byte {at}");
        }
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn random_bytes_never_panic(mut bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = validate(&bytes);
            batches(&bytes).for_each(drop);
            if bytes.len() > HEADER_SIZE {
                let length = (bytes.len() - LOG_OVERHEAD) as i32;
                bytes[8..12].copy_from_slice(&length.to_be_bytes());
                for codec in 0..8 {
                    bytes[ATTRIBUTES_AT + 1] = bytes[ATTRIBUTES_AT + 1] & !7 | codec;
                    if let Ok(body) = Body::of(&bytes) {
                        let records = body.records().into_iter().flatten();
                        records.flatten().for_each(|record| record.headers().for_each(drop));
                    }
                }
            }
        }
    }
}
