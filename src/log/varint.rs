//! Zig-zag variable-length integers as in records (`ByteUtils` in Apache Kafka), and a reader over borrowed bytes.

use bytes::BufMut;

/// The bytes that a number takes.
pub fn size(value: i64) -> usize {
    let bits = 64 - (zig_zag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Writes a number. A 32-bit number has the same bytes as the 64-bit one.
pub fn put(buffer: &mut impl BufMut, value: i64) {
    put_unsigned(buffer, zig_zag(value));
}

/// Writes a number that is never negative, as in the tagged fields of messages.
pub fn put_unsigned(buffer: &mut impl BufMut, value: u64) {
    let mut rest = value;
    while rest >= 0x80 {
        buffer.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    buffer.put_u8(rest as u8);
}

fn zig_zag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Takes fields from the front of borrowed bytes; `None` where they end too early or are malformed.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Over these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader(bytes)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next bytes.
    pub fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of up to 64 bits in at most ten bytes.
    pub fn varlong(&mut self) -> Option<i64> {
        let value = self.unsigned(10)?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A number of up to 32 bits in at most five bytes.
    pub fn varint(&mut self) -> Option<i32> {
        let value = self.unsigned(5)? as u32;
        Some((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// A length and so many bytes; a length of -1 is null.
    pub fn nullable_bytes(&mut self) -> Option<Option<&'a [u8]>> {
        match self.varint()? {
            -1 => Some(None),
            size => self.take(usize::try_from(size).ok()?).map(Some),
        }
    }

    #[inline]
    fn unsigned(&mut self, at_most: usize) -> Option<u64> {
        // Most numbers in records are short.
        match *self.0 {
            [first, ref rest @ ..] if first < 0x80 => {
                self.0 = rest;
                Some(first.into())
            }
            _ => self.long_unsigned(at_most),
        }
    }

    fn long_unsigned(&mut self, at_most: usize) -> Option<u64> {
        let mut value = 0u64;
        for (i, &byte) in self.0.iter().take(at_most).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                self.0 = &self.0[i + 1..];
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_kafkas_bytes_and_come_back() {
        let vectors: [(i64, &[u8]); 8] = [
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[0x7e]),
            (64, &[0x80, 0x01]),
            (-65, &[0x81, 0x01]),
            (i64::from(i32::MIN), &[0xff, 0xff, 0xff, 0xff, 0x0f]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ];
        for (value, bytes) in vectors {
            let mut buffer = Vec::new();
            put(&mut buffer, value);
            assert_eq!(&buffer[..], bytes);
            assert_eq!(size(value), bytes.len());
            assert_eq!(Reader::new(bytes).varlong(), Some(value));
            if let Ok(value) = i32::try_from(value) {
                assert_eq!(Reader::new(bytes).varint(), Some(value));
            }
        }
    }

    #[test]
    fn a_number_that_does_not_end_is_refused() {
        assert_eq!(Reader::new(&[0x80; 4]).varint(), None);
        assert_eq!(Reader::new(&[0xff; 12]).varlong(), None);
    }
}
