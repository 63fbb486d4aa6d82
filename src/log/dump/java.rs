//! What `kafka-dump-log` owes to Java: its exceptions, its decoding of text, and the order of its hash tables.

use std::borrow::Cow;
use std::fmt;

use crate::log::java_hash::string_hash;

/// An exception that ends the dump of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thrown {
    /// The class with its package.
    pub class: &'static str,
    /// Its message, null for some.
    pub message: Option<String>,
}

impl Thrown {
    /// The class without its package.
    pub fn simple_class(&self) -> &'static str {
        self.class.rsplit('.').next().unwrap_or(self.class)
    }

    pub(super) fn new(class: &'static str, message: impl Into<String>) -> Thrown {
        Thrown { class, message: Some(message.into()) }
    }

    pub(super) fn without_message(class: &'static str) -> Thrown {
        Thrown { class, message: None }
    }

    pub(super) fn illegal_argument(message: impl Into<String>) -> Thrown {
        Thrown::new("java.lang.IllegalArgumentException", message)
    }

    pub(super) fn invalid_record(message: impl Into<String>) -> Thrown {
        Thrown::new("org.apache.kafka.common.InvalidRecordException", message)
    }

    pub(super) fn corrupt_record(message: impl Into<String>) -> Thrown {
        Thrown::new("org.apache.kafka.common.errors.CorruptRecordException", message)
    }

    pub(super) fn kafka(message: impl Into<String>) -> Thrown {
        Thrown::new("org.apache.kafka.common.KafkaException", message)
    }

    pub(super) fn corrupt_index(message: impl Into<String>) -> Thrown {
        Thrown::new("org.apache.kafka.storage.internals.log.CorruptIndexException", message)
    }

    pub(super) fn no_such_file(path: &str) -> Thrown {
        Thrown::new("java.nio.file.NoSuchFileException", path)
    }

    pub(super) fn out_of_bounds() -> Thrown {
        Thrown::without_message("java.lang.IndexOutOfBoundsException")
    }

    pub(super) fn underflow() -> Thrown {
        Thrown::without_message("java.nio.BufferUnderflowException")
    }
}

/// As a Java program that it ends reports it, without the stack.
impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.class),
            None => f.write_str(self.class),
        }
    }
}

impl std::error::Error for Thrown {}

/// `Long.parseLong`.
pub(super) fn parse_long(text: &str) -> Result<i64, Thrown> {
    // Rust takes the same signs and digits, but for a text of a sign only and for other scripts' digits.
    text.parse().map_err(|_| Thrown::new("java.lang.NumberFormatException", format!("For input string: \"{text}\"")))
}

/// `new String(bytes, UTF_8)`: what is malformed becomes U+FFFD. Of an encoded surrogate Java makes one, not three.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let chunk = rest.utf8_chunks().next().expect("bytes that are left make a chunk");
        out.push_str(chunk.valid());
        let mut taken = chunk.valid().len() + chunk.invalid().len();
        if !chunk.invalid().is_empty() {
            out.push('\u{fffd}');
            taken += behind_surrogate(&rest[chunk.valid().len()..]);
        }
        rest = &rest[taken..];
    }
    Cow::Owned(out)
}

/// How many bytes behind the first belong to the surrogate that `bytes` begin with.
fn behind_surrogate(bytes: &[u8]) -> usize {
    match bytes {
        [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => 2,
        [0xed, 0xa0..=0xbf, ..] => 1,
        // No surrogate.
        _ => 0,
    }
}

/// Puts keys into the order in which a hash map of Java goes through them, given in the order they were put in.
pub(super) fn hash_order<T>(entries: &mut [T], key: impl Fn(&T) -> &str) {
    // A table has 16 buckets and is doubled when more than three quarters of them could be taken.
    let mut buckets = 16usize;
    while entries.len() > buckets / 4 * 3 {
        buckets *= 2;
    }
    entries.sort_by_key(|entry| {
        let hash = string_hash(key(entry)).cast_unsigned();
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    });
}

/// `DefaultRecordBatch.decrementSequence`, whose sums may run over.
pub(super) fn decrement_sequence(sequence: i32, decrement: i32) -> i32 {
    if sequence < decrement {
        i32::MAX.wrapping_sub(decrement.wrapping_sub(sequence)).wrapping_add(1)
    } else {
        sequence.wrapping_sub(decrement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_text_is_replaced_as_java_does() {
        let cases: [(&[u8], &str); 7] = [
            (b"plain \xc3\xa4", "plain \u{e4}"),
            (b"a\xffb", "a\u{fffd}b"),
            (b"\xed\xa0\x80!", "\u{fffd}!"),
            (b"\xed\xa0!", "\u{fffd}!"),
            (b"\xed\xa0", "\u{fffd}"),
            (b"\xe2\x82", "\u{fffd}"),
            (b"\xc0\x80\xf0\x9f\x98", "\u{fffd}\u{fffd}\u{fffd}"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(text(bytes), expected, "{bytes:x?}");
        }
    }
}
