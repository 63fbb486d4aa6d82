//! How Kafka's generated classes write fields: before the flexible encoding (KIP-482), and in it.

use bytes::Bytes;
use uuid::Uuid;

/// Writes fields one behind the other.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// A value, or a key, of this version.
    pub(super) fn versioned(version: i16) -> Self {
        let mut writer = Self::default();
        writer.i16(version);
        writer
    }

    pub(super) fn done(self) -> Bytes {
        self.0.into()
    }

    pub(super) fn i8(&mut self, number: i8) {
        self.0.extend(number.to_be_bytes());
    }

    pub(super) fn i16(&mut self, number: i16) {
        self.0.extend(number.to_be_bytes());
    }

    pub(super) fn i32(&mut self, number: i32) {
        self.0.extend(number.to_be_bytes());
    }

    pub(super) fn i64(&mut self, number: i64) {
        self.0.extend(number.to_be_bytes());
    }

    pub(super) fn uuid(&mut self, id: Uuid) {
        self.0.extend(id.as_bytes());
    }

    pub(super) fn string(&mut self, text: &str) {
        self.i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
        self.0.extend(text.as_bytes());
    }

    pub(super) fn nullable_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.i16(-1),
        }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.i32(bytes.len() as i32);
        self.0.extend(bytes);
    }

    pub(super) fn varint(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// The length of a list in the flexible encoding: one more than it is.
    pub(super) fn compact_length(&mut self, length: usize) {
        self.varint(length as u32 + 1);
    }

    pub(super) fn compact_bytes(&mut self, bytes: &[u8]) {
        self.compact_length(bytes.len());
        self.0.extend(bytes);
    }

    pub(super) fn compact_string(&mut self, text: &str) {
        self.compact_length(text.len());
        self.0.extend(text.as_bytes());
    }

    pub(super) fn compact_nullable_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.compact_string(text),
            None => self.varint(0),
        }
    }

    /// No tagged fields.
    pub(super) fn no_tags(&mut self) {
        self.varint(0);
    }

    /// One tagged field, the first of its kind.
    pub(super) fn tag(&mut self, write: impl FnOnce(&mut Self)) {
        let mut field = Self::default();
        write(&mut field);
        self.varint(1);
        self.varint(0);
        self.varint(field.0.len() as u32);
        self.0.extend(field.0);
    }
}

/// Reads fields one behind the other; `None` where there are not enough bytes, or they say what cannot be.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn i8(&mut self) -> Option<i8> {
        self.array().map(i8::from_be_bytes)
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub(super) fn uuid(&mut self) -> Option<Uuid> {
        self.array().map(Uuid::from_bytes)
    }

    fn text(&mut self, length: usize) -> Option<String> {
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    pub(super) fn string(&mut self) -> Option<String> {
        let length = usize::try_from(self.i16()?).ok()?;
        self.text(length)
    }

    pub(super) fn nullable_string(&mut self) -> Option<Option<String>> {
        match self.i16()? {
            -1 => Some(None),
            length => self.text(usize::try_from(length).ok()?).map(Some),
        }
    }

    pub(super) fn bytes(&mut self) -> Option<Bytes> {
        let length = usize::try_from(self.i32()?).ok()?;
        self.take(length).map(Bytes::copy_from_slice)
    }

    pub(super) fn varint(&mut self) -> Option<u32> {
        let mut number = 0_u32;
        for shift in (0..35).step_by(7) {
            let byte = self.array::<1>()?[0];
            number |= u32::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A length in the flexible encoding; `None` inside for null.
    fn compact_nullable_length(&mut self) -> Option<Option<usize>> {
        self.varint().map(|length| length.checked_sub(1).map(|length| length as usize))
    }

    pub(super) fn compact_length(&mut self) -> Option<usize> {
        self.compact_nullable_length()?
    }

    pub(super) fn compact_bytes(&mut self) -> Option<Bytes> {
        let length = self.compact_length()?;
        self.take(length).map(Bytes::copy_from_slice)
    }

    pub(super) fn compact_string(&mut self) -> Option<String> {
        let length = self.compact_length()?;
        self.text(length)
    }

    pub(super) fn compact_nullable_string(&mut self) -> Option<Option<String>> {
        match self.compact_nullable_length()? {
            Some(length) => self.text(length).map(Some),
            None => Some(None),
        }
    }

    /// The first tagged field, if it is there; others are nobody's.
    pub(super) fn tag(&mut self) -> Option<Option<Reader<'a>>> {
        let mut first = None;
        for _ in 0..self.varint()? {
            let (tag, length) = (self.varint()?, self.varint()?);
            let field = self.take(length as usize)?;
            if tag == 0 {
                first = Some(Reader(field));
            }
        }
        Some(first)
    }
}
