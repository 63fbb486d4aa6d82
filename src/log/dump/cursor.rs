//! Reads fields as `ByteBuffer` and `ByteUtils` do, with their two ways to fail.

use super::java::Thrown;

/// Why a field cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::log) enum Fault {
    /// `BufferUnderflowException`: the bytes end too early.
    Underflow,
    /// `IllegalArgumentException`.
    Illegal(String),
}

impl From<Fault> for Thrown {
    fn from(fault: Fault) -> Thrown {
        match fault {
            Fault::Underflow => Thrown::underflow(),
            Fault::Illegal(message) => Thrown::illegal_argument(message),
        }
    }
}

/// A place in bytes that moves on with each field.
#[derive(Clone, Copy, Debug)]
pub(in crate::log) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(in crate::log) fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(in crate::log) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(Fault::Underflow)?;
        self.at += N;
        Ok(*taken)
    }

    pub(super) fn short(&mut self) -> Result<i16, Fault> {
        self.array().map(i16::from_be_bytes)
    }

    pub(in crate::log) fn int(&mut self) -> Result<i32, Fault> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn long(&mut self) -> Result<i64, Fault> {
        self.array().map(i64::from_be_bytes)
    }

    /// The next bytes, whether a field says so or not (`Utils.readBytes` sets a limit: too large is illegal).
    pub(in crate::log) fn bytes(&mut self, size: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(size).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| Fault::Illegal(format!("newLimit > capacity: ({size} > {})", self.remaining())))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// A length and so many bytes; a negative length is null.
    pub(super) fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, Fault> {
        match usize::try_from(self.varint()?) {
            Ok(size) => self.bytes(size).map(Some),
            Err(_) => Ok(None),
        }
    }

    pub(super) fn varint(&mut self) -> Result<i32, Fault> {
        let value = self.unsigned_varint()?;
        Ok((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    pub(in crate::log) fn unsigned_varint(&mut self) -> Result<u32, Fault> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.array::<1>()?[0];
            value |= if shift == 28 { u32::from(byte) << 28 } else { u32::from(byte & 0x7f) << shift };
            if byte < 0x80 {
                return Ok(value);
            }
        }
        let told = "Varint is too long, the most significant bit in the 5th byte is set, converted value: ";
        Err(Fault::Illegal(format!("{told}{value:x}")))
    }

    pub(super) fn varlong(&mut self) -> Result<i64, Fault> {
        let mut value = 0u64;
        for i in 0..10 {
            let byte = self.array::<1>()?[0];
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        let told = "Varlong is too long, most significant bit in the 10th byte is set, converted value: ";
        Err(Fault::Illegal(format!("{told}{value:x}")))
    }
}
