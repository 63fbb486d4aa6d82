//! A batch's bytes, field by field, under the names of Kafka's `DefaultRecordBatch` and `DefaultRecord`.

use super::Field;
use crate::log::batch::{self, BatchHeader, Body, HEADER_SIZE};
use crate::log::compression::Compression;
use crate::log::varint::Reader;

/// Fields of records that are told: more do not fit on a screen.
const FIELDS: usize = 600;
/// Letters of a key or value that are told.
const LETTERS: usize = 80;

/// What the bytes of a batch mean, in order.
pub(super) fn fields(bytes: &[u8]) -> Vec<Field> {
    // Fewer bytes than a header, or another magic: the bytes are shown and nothing is said of them.
    let Ok(header) = BatchHeader::parse(bytes) else { return Vec::new() };
    let mut fields = header_fields(&header, bytes);
    let end = bytes.len().min(header.size() as usize);
    let body = bytes.get(HEADER_SIZE..end).unwrap_or_default();
    if !header.is_uncompressed() {
        fields.push(field("records", None, HEADER_SIZE, body.len(), compressed(&header, bytes)));
        return fields;
    }
    let mut records = Records { header: &header, rest: body, at: HEADER_SIZE, fields: &mut fields };
    while records.fields.len() < FIELDS && records.next().is_some() {}
    fields
}

/// The name of a batch's compression codec.
pub(super) fn codec(header: &BatchHeader) -> &'static str {
    header.compression().map_or("unknown", Compression::name)
}

/// What compressed bytes hold: they have no fields of their own, but records that can be read.
fn compressed(header: &BatchHeader, bytes: &[u8]) -> String {
    let Ok(body) = Body::of(bytes) else { return format!("{}, cannot be read", codec(header)) };
    let Ok(records) = body.records() else { return format!("{}, cannot be read", codec(header)) };
    let told = records.flatten().take(FIELDS).map(|record| {
        let part = |bytes: Option<&[u8]>| bytes.map_or("null".to_owned(), text_of);
        format!("{}: {} = {}", record.offset, part(record.key), part(record.value))
    });
    let told: Vec<String> = told.collect();
    format!("{}, {} bytes decompressed; {}", codec(header), body.bytes().len(), told.join("; "))
}

/// Bytes as people read them: text where they are text, else hex.
pub(super) fn text_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => {
            let text = text.trim_end();
            let mut short: String = text.chars().take(LETTERS).collect();
            if short.len() < text.len() {
                short.push('…');
            }
            short
        }
        _ => {
            let shown = bytes.iter().take(LETTERS / 2).map(|byte| format!("{byte:02x}")).collect::<String>();
            let more = if bytes.len() > LETTERS / 2 { "…" } else { "" };
            format!("0x{shown}{more}")
        }
    }
}

fn header_fields(header: &BatchHeader, bytes: &[u8]) -> Vec<Field> {
    let crc = match batch::check_crc(bytes, header) {
        Ok(()) => format!("{:08x}, valid", header.crc),
        Err(error) => format!("{:08x}, {error}", header.crc),
    };
    let by_time = if header.delete_horizon_ms().is_some() { "deleteHorizonMs" } else { "baseTimestamp" };
    [
        ("baseOffset", 8, header.base_offset.to_string()),
        ("batchLength", 4, header.batch_length.to_string()),
        ("partitionLeaderEpoch", 4, header.partition_leader_epoch.to_string()),
        ("magic", 1, header.magic.to_string()),
        ("crc", 4, crc),
        ("attributes", 2, attributes(header)),
        ("lastOffsetDelta", 4, format!("{}, last offset {}", header.last_offset_delta, header.last_offset())),
        (by_time, 8, header.base_timestamp.to_string()),
        ("maxTimestamp", 8, header.max_timestamp.to_string()),
        ("producerId", 8, header.producer_id.to_string()),
        ("producerEpoch", 2, header.producer_epoch.to_string()),
        ("baseSequence", 4, header.base_sequence.to_string()),
        ("recordsCount", 4, header.record_count.to_string()),
    ]
    .into_iter()
    .scan(0, |at, (name, len, value)| {
        let here = *at;
        *at += len;
        Some(field(name, None, here, len, value))
    })
    .collect()
}

fn attributes(header: &BatchHeader) -> String {
    let time = if header.is_log_append_time() { "LogAppendTime" } else { "CreateTime" };
    let mut words = vec![codec(header), time];
    words.extend(header.is_transactional().then_some("transactional"));
    words.extend(header.is_control().then_some("control"));
    words.extend(header.delete_horizon_ms().map(|_| "delete horizon"));
    words.join(", ")
}

fn field(name: impl Into<String>, record: Option<i64>, at: usize, len: usize, value: String) -> Field {
    Field { name: name.into(), record, at: at as u32, len: len as u32, value }
}

struct Records<'a> {
    header: &'a BatchHeader,
    rest: &'a [u8],
    at: usize,
    fields: &'a mut Vec<Field>,
}

impl Records<'_> {
    /// Tells the next record; `None` behind the last and at what cannot be read.
    fn next(&mut self) -> Option<()> {
        if self.rest.is_empty() {
            return None;
        }
        // The offset stands behind the length, the attributes and the timestamp.
        let mut ahead = Reader::new(self.rest);
        ahead.varint()?;
        ahead.take(1)?;
        ahead.varlong()?;
        let offset = self.header.base_offset.checked_add(ahead.varint()?.into())?;
        self.number(offset, "length", |value| format!("{value} bytes"))?;
        self.bytes(offset, "attributes", 1, |bytes| format!("{:02x}", bytes.first().copied().unwrap_or_default()))?;
        let base = self.header.base_timestamp;
        self.number(offset, "timestampDelta", |value| format!("{value}, timestamp {}", base.saturating_add(value)))?;
        self.number(offset, "offsetDelta", |value| format!("{value}, offset {offset}"))?;
        let key = self.number(offset, "keyLength", null_or_number)?;
        let is_control = self.header.is_control();
        self.text(offset, "key", key, is_control)?;
        let value = self.number(offset, "valueLength", null_or_number)?;
        self.text(offset, "value", value, false)?;
        let headers = self.number(offset, "headersCount", |value| value.to_string())?;
        for _ in 0..headers.clamp(0, FIELDS as i64) {
            let key = self.number(offset, "headerKeyLength", null_or_number)?;
            self.text(offset, "headerKey", key, false)?;
            let value = self.number(offset, "headerValueLength", null_or_number)?;
            self.text(offset, "headerValue", value, false)?;
        }
        Some(())
    }

    fn number(&mut self, record: i64, name: &str, words: impl Fn(i64) -> String) -> Option<i64> {
        let mut reader = Reader::new(self.rest);
        let value = reader.varlong()?;
        let len = self.rest.len() - reader.rest().len();
        self.push(record, name, len, words(value));
        Some(value)
    }

    fn text(&mut self, record: i64, name: &str, len: i64, control: bool) -> Option<()> {
        match usize::try_from(len) {
            Ok(len) if control => self.bytes(record, name, len, marker),
            Ok(len) => self.bytes(record, name, len, text_of),
            // Null has no bytes; its length says so.
            Err(_) => Some(()),
        }
    }

    fn bytes(&mut self, record: i64, name: &str, len: usize, words: impl Fn(&[u8]) -> String) -> Option<()> {
        let value = words(self.rest.get(..len)?);
        self.push(record, name, len, value);
        Some(())
    }

    fn push(&mut self, record: i64, name: &str, len: usize, value: String) {
        self.fields.push(field(name, Some(record), self.at, len, value));
        self.rest = self.rest.get(len..).unwrap_or_default();
        self.at += len;
    }
}

fn null_or_number(value: i64) -> String {
    if value < 0 { "null".to_owned() } else { value.to_string() }
}

/// A control record's key: a version and a type (Kafka: `ControlRecordType`).
fn marker(key: &[u8]) -> String {
    match key {
        [_, _, 0, 0] => "ABORT".to_owned(),
        [_, _, 0, 1] => "COMMIT".to_owned(),
        [_, _, 0, 2] => "LEADER_CHANGE".to_owned(),
        other => text_of(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::batch::BatchBuilder;

    fn batch() -> Vec<u8> {
        let mut batch = BatchBuilder::new().at(41, 3).producer(7, 0, 12);
        batch.record(1_000, Some(b"k1"), Some(b"checkout-9"));
        batch.record_with_headers(1_003, Some(b"k2"), None, &[(b"trace", Some(&[1, 2, 0xff]))]);
        batch.build().to_vec()
    }

    #[test]
    fn the_fields_cover_every_byte_once_and_in_order() {
        let bytes = batch();
        let fields = fields(&bytes);
        let mut at = 0;
        for field in &fields {
            assert_eq!(field.at, at, "{field:?}");
            at += field.len;
        }
        assert_eq!(at as usize, bytes.len());
        let value = |name: &str, record| {
            fields.iter().find(|field| field.name == name && field.record == record).map(|field| field.value.as_str())
        };
        assert_eq!(value("baseOffset", None), Some("41"));
        assert_eq!(value("key", Some(42)), Some("k2"));
        assert_eq!(value("valueLength", Some(42)), Some("null"));
        assert_eq!(value("value", Some(42)), None);
        assert_eq!(value("headerValue", Some(42)), Some("0x0102ff"));
        assert_eq!(value("timestampDelta", Some(42)), Some("3, timestamp 1003"));
        assert!(value("crc", None).is_some_and(|crc| crc.ends_with("valid")));
    }

    #[test]
    fn damaged_bytes_are_told_as_far_as_they_can_be_read() {
        let whole = batch();
        for len in 0..whole.len() {
            fields(&whole[..len]);
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            fields(&damaged);
        }
        let mut damaged = whole;
        damaged[70] ^= 1;
        let crc = fields(&damaged).into_iter().find(|field| field.name == "crc").expect("a header");
        assert!(crc.value.contains("corrupt"), "{crc:?}");
    }
}
