//! The records of a batch of version 2 as Kafka's reader takes them (`DefaultRecord`, `DefaultRecordBatch`). The log's
//! own reader says whether a batch is right; this one goes as far as Kafka's does into one that is not, and says what
//! Kafka says of it.

use super::cursor::{Cursor, Fault};
use super::java::Thrown;
use crate::log::batch::increment_sequence;

/// The headers of a record: a name and a value that may be null.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Headers<'a> {
    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let mut cursor = Cursor::new(self.bytes);
        (0..self.count).map_while(move |_| {
            Some((cursor.nullable_bytes().ok()?.unwrap_or_default(), cursor.nullable_bytes().ok()?))
        })
    }
}

/// The fields of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawRecord<'a> {
    pub offset: i64,
    pub timestamp: i64,
    pub sequence: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
}

/// What a record takes from its batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    pub offset: i64,
    pub timestamp: i64,
    pub sequence: i32,
    pub log_append_time: Option<i64>,
}

/// Goes through the records of one batch.
pub(super) struct Records<'a> {
    cursor: Cursor<'a>,
    base: Base,
    left: i32,
    /// Of a stream that is decompressed each record is read by itself, with other words for what is wrong.
    is_stream: bool,
}

impl<'a> Records<'a> {
    /// `count` records in `bytes`.
    pub(super) fn new(bytes: &'a [u8], base: Base, count: i32, magic: i8, is_stream: bool) -> Result<Self, Thrown> {
        if count < 0 {
            return Err(Thrown::invalid_record(format!("Found invalid record count {count} in magic v{magic} batch")));
        }
        Ok(Records { cursor: Cursor::new(bytes), base, left: count, is_stream })
    }

    fn read_next(&mut self) -> Result<RawRecord<'a>, Thrown> {
        if self.is_stream { self.read_from_stream() } else { self.read_from_buffer() }
    }

    fn read_from_buffer(&mut self) -> Result<RawRecord<'a>, Thrown> {
        let size = self.cursor.varint().map_err(|fault| match fault {
            Fault::Underflow => premature_end(),
            illegal => illegal.into(),
        })?;
        if i64::try_from(self.cursor.remaining()).is_ok_and(|remaining| remaining < size.into()) {
            return Err(Thrown::invalid_record(format!(
                "Invalid record size: expected {size} bytes in record payload, but instead the buffer has only {} \
                 remaining bytes.",
                self.cursor.remaining()
            )));
        }
        read_body(&mut self.cursor, size, &self.base)
    }

    fn read_from_stream(&mut self) -> Result<RawRecord<'a>, Thrown> {
        let size = self.cursor.varint().map_err(|_| premature_end())?;
        let len = usize::try_from(size).map_err(|_| premature_end())?;
        let body = self.cursor.bytes(len).map_err(|_| {
            Thrown::invalid_record(format!(
                "Invalid record size: expected {size} bytes in record payload, but the record payload reached EOF."
            ))
        })?;
        read_body(&mut Cursor::new(body), size, &self.base)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RawRecord<'a>, Thrown>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let record = self.read_next();
        if record.is_err() {
            self.left = 0;
            return Some(record);
        }
        if self.left == 0 && self.cursor.remaining() > 0 {
            let told = "Incorrect declared batch size, records still remaining in file";
            return Some(Err(Thrown::invalid_record(told)));
        }
        Some(record)
    }
}

fn premature_end() -> Thrown {
    Thrown::invalid_record("Incorrect declared batch size, premature EOF reached")
}

fn read_body<'a>(cursor: &mut Cursor<'a>, size: i32, base: &Base) -> Result<RawRecord<'a>, Thrown> {
    let structure = |_: Fault| Thrown::invalid_record("Found invalid record structure");
    let start = cursor.position();
    cursor.array::<1>().map_err(structure)?; // attributes, unused
    let timestamp_delta = cursor.varlong().map_err(structure)?;
    let offset_delta = cursor.varint().map_err(structure)?;
    let key = cursor.nullable_bytes().map_err(structure)?;
    let value = cursor.nullable_bytes().map_err(structure)?;
    let headers = read_headers(cursor)?;
    let read = cursor.position() - start;
    if i64::try_from(read) != Ok(size.into()) {
        return Err(Thrown::invalid_record(format!(
            "Invalid record size: expected to read {size} bytes in record payload, but instead read {read}"
        )));
    }
    Ok(RawRecord {
        offset: base.offset.wrapping_add(offset_delta.into()),
        timestamp: base.log_append_time.unwrap_or(base.timestamp.wrapping_add(timestamp_delta)),
        sequence: if base.sequence >= 0 { increment_sequence(base.sequence, offset_delta) } else { -1 },
        key,
        value,
        headers,
    })
}

fn read_headers<'a>(cursor: &mut Cursor<'a>) -> Result<Headers<'a>, Thrown> {
    let structure = |_: Fault| Thrown::invalid_record("Found invalid record structure");
    let count = cursor.varint().map_err(structure)?;
    let Ok(count) = usize::try_from(count) else {
        return Err(Thrown::invalid_record(format!("Found invalid number of record headers {count}")));
    };
    if count > cursor.remaining() {
        return Err(Thrown::invalid_record(format!(
            "Found invalid number of record headers. {count} is larger than the remaining size of the buffer"
        )));
    }
    let first = *cursor;
    for _ in 0..count {
        let size = cursor.varint().map_err(structure)?;
        let Ok(len) = usize::try_from(size) else {
            return Err(Thrown::invalid_record(format!("Invalid negative header key size {size}")));
        };
        cursor.bytes(len).map_err(structure)?;
        cursor.nullable_bytes().map_err(structure)?;
    }
    Ok(Headers { count, bytes: first.rest() })
}
