//! Batches in a file as Kafka finds and reads them (`FileRecords`, `FileLogInputStream`, `DefaultRecordBatch`).

use super::codec::{decompress, unknown_codec};
use super::halt::Halt;
use super::java::Thrown;
use super::legacy::LegacyRecord;
use super::line::{Batch, BatchFields};
use super::record::{Base, RawRecord, Records};
use crate::log::batch::{BatchHeader, HEADER_SIZE, LOG_OVERHEAD, SHORTEST_LENGTH, increment_sequence};
use crate::log::compression::Compression;
use crate::log::source::{Source, Window};

/// So many bytes tell offset, size and magic of a batch.
const SIZE_UP_TO_MAGIC: usize = 17;
/// From there on the checksum counts.
const ATTRIBUTES_AT: usize = 21;

/// A `.log` file, or a part of one.
pub(super) struct LogFile<'a> {
    window: Window<'a>,
    path: String,
    size: i32,
}

/// A part of a file, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slice {
    pub start: i32,
    pub end: i32,
}

/// A batch in a file, by the first bytes of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub position: i32,
    pub offset: i64,
    /// All its bytes.
    pub size: i32,
    pub magic: i8,
}

impl<'a> LogFile<'a> {
    /// Opens a file that is called `path` where something is wrong with it.
    pub(super) fn open(source: Box<dyn Source + 'a>, path: String) -> Result<Self, Thrown> {
        let len = source.len();
        let size = i32::try_from(len).map_err(|_| {
            Thrown::kafka(format!(
                "The size of segment {path} ({len}) is larger than the maximum allowed segment size of {}",
                i32::MAX
            ))
        })?;
        Ok(LogFile { window: Window::new(source), path, size })
    }

    /// A part of the file (`FileRecords.slice`).
    pub(super) fn slice(&self, position: i32, size: i32) -> Result<Slice, Thrown> {
        let whole = || self.name_of(Slice { start: 0, end: i32::MAX });
        if position < 0 {
            return Err(Thrown::illegal_argument(format!("Invalid position: {position} in read from {}", whole())));
        }
        if position > self.size {
            return Err(Thrown::illegal_argument(format!(
                "Slice from position {position} exceeds end position of {}",
                whole()
            )));
        }
        if size < 0 {
            return Err(Thrown::illegal_argument(format!("Invalid size: {size} in read from {}", whole())));
        }
        Ok(Slice { start: position, end: position.saturating_add(size).min(self.size) })
    }

    /// `FileRecords.toString`.
    fn name_of(&self, slice: Slice) -> String {
        let size = if slice.end == i32::MAX { self.size } else { slice.end - slice.start };
        format!("FileRecords(size={size}, file={}, start={}, end={})", self.path, slice.start, slice.end)
    }

    /// The batch at the beginning of a slice, if a whole one is there, and the slice behind it.
    pub(super) fn next(&mut self, slice: &mut Slice) -> Result<Option<Found>, Halt> {
        let Slice { start, end } = *slice;
        if start >= end - SIZE_UP_TO_MAGIC as i32 {
            return Ok(None);
        }
        let head = self.window.get(start as u64, SIZE_UP_TO_MAGIC).map_err(Halt::Read)?;
        let Some(head) = head.first_chunk::<SIZE_UP_TO_MAGIC>() else {
            return Err(Thrown::corrupt_record("Unexpected EOF while attempting to read the next batch").into());
        };
        let [o0, o1, o2, o3, o4, o5, o6, o7, s0, s1, s2, s3, _, _, _, _, magic] = *head;
        let length = i32::from_be_bytes([s0, s1, s2, s3]);
        if length < SHORTEST_LENGTH {
            return Err(Thrown::corrupt_record(format!(
                "Found record size {length} smaller than minimum record overhead ({SHORTEST_LENGTH}) in file {}.",
                self.path
            ))
            .into());
        }
        if i64::from(start) > i64::from(end) - LOG_OVERHEAD as i64 - i64::from(length) {
            return Ok(None);
        }
        let found = Found {
            position: start,
            offset: i64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]),
            size: length + LOG_OVERHEAD as i32,
            magic: magic as i8,
        };
        slice.start += found.size;
        Ok(Some(found))
    }

    /// The offset of a batch's last record.
    pub(super) fn last_offset(&mut self, found: &Found, slice: Slice) -> Result<i64, Halt> {
        if found.magic < 2 {
            return Ok(found.offset);
        }
        Ok(last_offset(&self.header(found, slice)?))
    }

    fn header(&mut self, found: &Found, slice: Slice) -> Result<BatchHeader, Halt> {
        let bytes = self.window.get(found.position as u64, HEADER_SIZE).map_err(Halt::Read)?;
        match bytes.first_chunk() {
            Some(bytes) => Ok(BatchHeader::read(bytes)),
            None => Err(self.not_loaded(found, slice).into()),
        }
    }

    fn not_loaded(&self, found: &Found, slice: Slice) -> Thrown {
        let position = found.position;
        Thrown::kafka(format!("Failed to load record batch at position {position} from {}", self.name_of(slice)))
    }

    /// The bytes of a batch.
    pub(super) fn bytes(&mut self, found: &Found) -> Result<&[u8], Halt> {
        self.window.get(found.position as u64, found.size as usize).map_err(Halt::Read)
    }

    /// What is told of a batch. Of one with an unknown codec the rest is not read.
    pub(super) fn describe(&mut self, found: &Found, slice: Slice) -> Result<Batch, Halt> {
        if found.magic < 2 {
            return self.describe_legacy(found);
        }
        let header = self.header(found, slice)?;
        let compression = header.compression().map_err(|_| unknown_codec(header.attributes));
        let is_valid = found.size as usize >= HEADER_SIZE && compression.is_ok() && {
            let bytes = self.bytes(found)?;
            crc32c::crc32c(bytes.get(ATTRIBUTES_AT..).unwrap_or_default()) == header.crc
        };
        Ok(Batch {
            v2: Some(fields(&header)),
            last_offset: last_offset(&header),
            position: found.position as u64,
            timestamp_type: timestamp_type(header.is_log_append_time()),
            max_timestamp: header.max_timestamp,
            size: found.size,
            magic: found.magic,
            compression: compression.as_ref().map_or("", |codec| codec.name()),
            crc: header.crc,
            is_valid,
            cut: compression.err(),
        })
    }

    fn describe_legacy(&mut self, found: &Found) -> Result<Batch, Halt> {
        let mut batch = Batch {
            v2: None,
            last_offset: found.offset,
            position: found.position as u64,
            timestamp_type: "",
            max_timestamp: -1,
            size: found.size,
            magic: found.magic,
            compression: "",
            crc: 0,
            is_valid: false,
            cut: None,
        };
        let record = LegacyRecord::new(self.bytes(found)?.get(LOG_OVERHEAD..).unwrap_or_default());
        batch.cut = record.describe(&mut batch).err();
        Ok(batch)
    }
}

fn fields(header: &BatchHeader) -> BatchFields {
    BatchFields {
        base_offset: header.base_offset,
        count: header.record_count,
        base_sequence: header.base_sequence,
        last_sequence: match header.base_sequence {
            -1 => -1,
            base => increment_sequence(base, header.last_offset_delta),
        },
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        partition_leader_epoch: header.partition_leader_epoch,
        is_transactional: header.is_transactional(),
        is_control: header.is_control(),
        delete_horizon_ms: header.delete_horizon_ms(),
    }
}

fn last_offset(header: &BatchHeader) -> i64 {
    header.base_offset.wrapping_add(header.last_offset_delta.into())
}

pub(super) fn timestamp_type(is_log_append_time: bool) -> &'static str {
    if is_log_append_time { "LogAppendTime" } else { "CreateTime" }
}

/// Tells each record of one whole batch of version 2.
pub(super) fn each_record(batch: &[u8], mut tell: impl FnMut(RawRecord<'_>) -> Result<(), Halt>) -> Result<(), Halt> {
    let Some(header) = batch.first_chunk::<HEADER_SIZE>().map(BatchHeader::read) else {
        return Err(Thrown::out_of_bounds().into());
    };
    if header.record_count == 0 {
        return Ok(());
    }
    let base = Base {
        offset: header.base_offset,
        timestamp: header.base_timestamp,
        sequence: header.base_sequence,
        log_append_time: header.is_log_append_time().then_some(header.max_timestamp),
    };
    let codec = header.compression().map_err(|_| unknown_codec(header.attributes))?;
    let is_stream = codec != Compression::None;
    let records = |bytes| Records::new(bytes, base, header.record_count, header.magic, is_stream);
    let body = batch.get(HEADER_SIZE..).unwrap_or_default();
    if !is_stream {
        for record in records(body)? {
            tell(record?)?;
        }
        return Ok(());
    }
    records(&[])?;
    let plain = decompress(codec, body)?;
    // Kafka reads all records of a compressed batch before it shows the first.
    for record in records(&plain)? {
        record?;
    }
    for record in records(&plain)? {
        tell(record?)?;
    }
    Ok(())
}
