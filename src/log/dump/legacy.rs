//! Messages of the formats before version 2 (`LegacyRecord`, `AbstractLegacyRecordBatch`), which old logs still hold.

use super::codec::{decompress, decompress_lz4_of_format_0, unknown_codec};
use super::halt::Halt;
use super::java::Thrown;
use super::line::Batch;
use crate::log::batch::{LOG_OVERHEAD, SHORTEST_LENGTH};
use crate::log::compression::Compression;

const MAGIC_AT: usize = 4;
const ATTRIBUTES_AT: usize = 5;
const TIMESTAMP_AT: usize = 6;
const LOG_APPEND_TIME: u8 = 0x08;
const COMPRESSION_MASK: u8 = 0x07;

/// A message without its offset and size.
#[derive(Clone, Copy, Debug)]
pub(super) struct LegacyRecord<'a> {
    bytes: &'a [u8],
    /// Timestamp and attributes of the message that this one was compressed into.
    wrapper: Option<(i64, u8)>,
}

impl<'a> LegacyRecord<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        LegacyRecord { bytes, wrapper: None }
    }

    fn inside(mut self, timestamp: i64, attributes: u8) -> Self {
        self.wrapper = Some((timestamp, attributes));
        self
    }

    fn field<const N: usize>(&self, at: usize) -> Result<[u8; N], Thrown> {
        let rest = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        rest.copied().ok_or_else(Thrown::out_of_bounds)
    }

    fn int(&self, at: usize) -> Result<i32, Thrown> {
        self.field(at).map(i32::from_be_bytes)
    }

    pub(super) fn crc(&self) -> Result<u32, Thrown> {
        self.field(0).map(u32::from_be_bytes)
    }

    pub(super) fn is_valid(&self) -> Result<bool, Thrown> {
        Ok(self.crc()? == crc32(self.bytes.get(MAGIC_AT..).unwrap_or_default()))
    }

    fn magic(&self) -> Result<i8, Thrown> {
        self.field::<1>(MAGIC_AT).map(i8::from_be_bytes)
    }

    fn attributes(&self) -> Result<u8, Thrown> {
        self.field::<1>(ATTRIBUTES_AT).map(u8::from_be_bytes)
    }

    fn compression(&self) -> Result<Compression, Thrown> {
        let id = i16::from(self.attributes()? & COMPRESSION_MASK);
        Compression::from_id(id).ok_or_else(|| unknown_codec(id))
    }

    /// Fills in what a message tells of itself as a batch.
    pub(super) fn describe(&self, batch: &mut Batch) -> Result<(), Thrown> {
        if batch.magic < 0 {
            return Err(Thrown::illegal_argument(format!("Invalid magic used in LegacyRecord: {}", batch.magic)));
        }
        batch.timestamp_type = self.timestamp_type()?;
        batch.max_timestamp = self.timestamp()?;
        batch.compression = self.compression()?.name();
        batch.crc = self.crc()?;
        batch.is_valid = self.is_valid()?;
        Ok(())
    }

    fn timestamp_type(&self) -> Result<&'static str, Thrown> {
        let attributes = match self.wrapper {
            Some((_, attributes)) => attributes,
            None => self.attributes()?,
        };
        Ok(match (self.magic()?, attributes & LOG_APPEND_TIME) {
            (0, _) => "NoTimestampType",
            (_, 0) => "CreateTime",
            _ => "LogAppendTime",
        })
    }

    pub(super) fn timestamp(&self) -> Result<i64, Thrown> {
        match self.wrapper {
            _ if self.magic()? == 0 => Ok(-1),
            Some((timestamp, attributes)) if attributes & LOG_APPEND_TIME != 0 => Ok(timestamp),
            _ => self.field(TIMESTAMP_AT).map(i64::from_be_bytes),
        }
    }

    fn key_size_at(&self) -> Result<usize, Thrown> {
        Ok(if self.magic()? == 0 { TIMESTAMP_AT } else { TIMESTAMP_AT + 8 })
    }

    fn value_size_at(&self) -> Result<usize, Thrown> {
        let behind = self.key_size_at()? + 4;
        // A sum that runs over is negative in Java, and out of bounds like this one.
        Ok(behind.saturating_add(usize::try_from(self.key_size()?).unwrap_or(0)))
    }

    pub(super) fn key_size(&self) -> Result<i32, Thrown> {
        self.int(self.key_size_at()?)
    }

    pub(super) fn value_size(&self) -> Result<i32, Thrown> {
        self.int(self.value_size_at()?)
    }

    pub(super) fn key(&self) -> Result<Option<&'a [u8]>, Thrown> {
        self.delimited(self.key_size_at()?)
    }

    pub(super) fn value(&self) -> Result<Option<&'a [u8]>, Thrown> {
        self.delimited(self.value_size_at()?)
    }

    /// `Utils.sizeDelimited`.
    fn delimited(&self, at: usize) -> Result<Option<&'a [u8]>, Thrown> {
        let size = self.int(at)?;
        // Any negative size is null.
        let Ok(len) = usize::try_from(size) else { return Ok(None) };
        let rest = self.bytes.get(at + 4..).unwrap_or_default();
        let taken = rest
            .get(..len)
            .ok_or_else(|| Thrown::illegal_argument(format!("newLimit > capacity: ({size} > {})", rest.len())))?;
        Ok(Some(taken))
    }
}

/// Whether an entry of a log, with its offset and size, is a message that has the checksum that it says.
pub(in crate::log) fn is_whole_message(entry: &[u8]) -> bool {
    LegacyRecord::new(entry.get(LOG_OVERHEAD..).unwrap_or_default()).is_valid().unwrap_or(false)
}

/// What a whole entry of a log holds: one message, or the messages that were compressed into it.
pub(in crate::log) struct Messages {
    pub first_offset: i64,
    /// The entry's own.
    pub last_offset: i64,
    /// What a broker takes for the largest timestamp: the entry's own.
    pub timestamp: i64,
    /// The largest of what is inside.
    pub inner_timestamp: i64,
}

/// Reads the messages of an entry of a log.
pub(in crate::log) fn messages(entry: &[u8], offset: i64) -> Result<Messages, Thrown> {
    let timestamp = LegacyRecord::new(entry.get(LOG_OVERHEAD..).unwrap_or_default()).timestamp()?;
    let mut messages = Messages { first_offset: offset, last_offset: offset, timestamp, inner_timestamp: -1 };
    let mut previous = None;
    let read = each_record(entry, offset, |record, inner| {
        if previous.is_some_and(|previous| inner <= previous) {
            return Err(Thrown::invalid_record(format!("message offset {inner} is not above the one before")).into());
        }
        messages.first_offset = previous.map_or(inner, |_| messages.first_offset);
        messages.inner_timestamp = messages.inner_timestamp.max(record.timestamp()?);
        record.key()?;
        record.value()?;
        previous = Some(inner);
        Ok(())
    });
    match read {
        Ok(()) => Ok(messages),
        Err(Halt::Thrown(thrown)) => Err(thrown),
        Err(Halt::Read(_) | Halt::Write(_)) => unreachable!("nothing is read from a file or written"),
    }
}

/// CRC-32 as zip files have it; only these formats use it, so a table is not worth its bytes.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xedb8_8320 })
    })
}

/// Tells each message of one that may be compressed, with its offset.
pub(super) fn each_record(
    batch: &[u8],
    offset: i64,
    mut tell: impl FnMut(&LegacyRecord<'_>, i64) -> Result<(), Halt>,
) -> Result<(), Halt> {
    let outer = LegacyRecord::new(batch.get(LOG_OVERHEAD..).unwrap_or_default());
    let codec = outer.compression()?;
    if codec == Compression::None {
        return tell(&outer, offset);
    }
    if codec == Compression::Zstd {
        let told = format!("Invalid wrapper compressionType found in legacy deep record iterator {}", outer.magic()?);
        return Err(Thrown::invalid_record(told).into());
    }
    let Some(value) = outer.value()? else {
        let told = format!("Found invalid compressed record set with null value (magic = {})", outer.magic()?);
        return Err(Thrown::invalid_record(told).into());
    };
    let is_lz4_of_format_0 = codec == Compression::Lz4 && outer.magic()? == 0;
    let plain = if is_lz4_of_format_0 { decompress_lz4_of_format_0(value)?.into() } else { decompress(codec, value)? };
    for (offset, record) in inner_records(&outer, offset, &plain)? {
        if record.compression()? != Compression::None {
            return Err(Thrown::invalid_record("Inner messages must not be compressed").into());
        }
        tell(&record, offset)?;
    }
    Ok(())
}

/// The messages inside a compressed one, each with its offset (`DeepRecordsIterator`).
fn inner_records<'a>(
    outer: &LegacyRecord<'_>,
    outer_offset: i64,
    plain: &'a [u8],
) -> Result<Vec<(i64, LegacyRecord<'a>)>, Thrown> {
    let (timestamp, attributes) = (outer.timestamp()?, outer.attributes()?);
    let mut inner = Vec::new();
    let mut rest = plain;
    while let Some((head, body)) = rest.split_first_chunk::<12>() {
        let [o0, o1, o2, o3, o4, o5, o6, o7, s0, s1, s2, s3] = *head;
        let size = i32::from_be_bytes([s0, s1, s2, s3]);
        if size < SHORTEST_LENGTH {
            return Err(Thrown::corrupt_record("Record size is less than the minimum record overhead (14)"));
        }
        // A message that is cut ends the set, as Kafka's `ByteBufferLogInputStream` takes it.
        let Some((bytes, behind)) = body.split_at_checked(size as usize) else { break };
        let mut record = LegacyRecord::new(bytes);
        if record.magic()? == 1 {
            record = record.inside(timestamp, attributes);
        }
        inner.push((i64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]), record));
        rest = behind;
    }
    let Some(&(last_offset, _)) = inner.last() else {
        return Err(Thrown::invalid_record("Found invalid compressed record set with no inner records"));
    };
    if outer.magic()? == 1 {
        if outer_offset != 0 && outer_offset < last_offset {
            return Err(Thrown::invalid_record(format!(
                "Found invalid wrapper offset in compressed v1 message set, wrapper offset '{outer_offset}' is less \
                 than the last inner message offset '{last_offset}' and it is not zero."
            )));
        }
        // Some clients left the outer offset 0; then the inner ones are taken as they are.
        let base = if outer_offset == 0 { 0 } else { outer_offset.wrapping_sub(last_offset) };
        inner.iter_mut().for_each(|(offset, _)| *offset = offset.wrapping_add(base));
    }
    Ok(inner)
}
