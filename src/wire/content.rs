//! What a message says: folded into the run's hash field by field, its size on the wire, and its words.
//!
//! Each type of a message lists its fields once (`messages.rs`), in the order of Kafka's message definition and as far as
//! the version at which it is spoken has them; hash and size come from the list. Its words stand in `words.rs`.

use bytes::Bytes;
use kafka_protocol::messages::{BrokerId, GroupId, ProducerId, TopicName, TransactionalId};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::sim::hash::RunHash;

/// Who knows what topics are called.
pub trait TopicNames {
    /// The name of the topic with this id, also of one that has been deleted.
    fn topic_name(&self, id: Uuid) -> String;
}

/// What can be told in a line.
pub trait Words {
    /// The line; empty where there is nothing to tell.
    fn words(&self, names: &dyn TopicNames) -> String;
}

/// What a request or a response says.
pub trait Content: Words {
    /// Takes all of it into the run's hash: whatever differs makes another run.
    fn fold(&self, hash: &mut RunHash);

    /// Its bytes on the wire, without header.
    fn size(&self) -> usize;

    /// The codes of all errors that it tells, those of its parts included.
    fn errors(&self) -> Vec<i16>;
}

/// A message that has bytes of its own, at a version.
#[cfg(not(target_family = "wasm"))]
pub(super) trait Encoded: Sized {
    /// Its bytes; `None` for what travels as a shared value.
    fn encoded(&self, version: i16) -> Option<Result<Vec<u8>, String>>;

    /// What such bytes begin with, and how many it takes; `None` for what travels as a shared value.
    fn decoded(bytes: &[u8], version: i16) -> Option<Result<(Self, usize), String>>;
}

/// A part of a message.
pub(super) trait Field {
    /// As [`Content::fold`].
    fn fold(&self, hash: &mut RunHash);

    /// As [`Content::size`], in the flexible encoding (KIP-482).
    fn size(&self) -> usize;

    /// Adds the codes of errors that it tells as the field of this name.
    fn errors(&self, name: &str, found: &mut Vec<i16>);
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Field for $number {
            fn fold(&self, hash: &mut RunHash) {
                hash.fold(*self as u64);
            }

            fn size(&self) -> usize {
                size_of::<$number>()
            }

            /// It is no code.
            fn errors(&self, _name: &str, _found: &mut Vec<i16>) {}
        })*
    };
}

numbers!(bool, i8, u16, i32, i64);

impl Field for i16 {
    fn fold(&self, hash: &mut RunHash) {
        hash.fold(*self as u64);
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }

    fn errors(&self, name: &str, found: &mut Vec<i16>) {
        if name == "error_code" && *self != 0 {
            found.push(*self);
        }
    }
}

macro_rules! wrappers {
    ($($wrapper:ty),*) => {
        $(impl Field for $wrapper {
            fn fold(&self, hash: &mut RunHash) {
                self.0.fold(hash);
            }

            fn size(&self) -> usize {
                self.0.size()
            }

            /// It is no code.
            fn errors(&self, _name: &str, _found: &mut Vec<i16>) {}
        })*
    };
}

wrappers!(BrokerId, ProducerId, GroupId, TopicName, TransactionalId);

impl Field for Uuid {
    fn fold(&self, hash: &mut RunHash) {
        let (high, low) = self.as_u64_pair();
        hash.fold(high);
        hash.fold(low);
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }

    /// It is no code.
    fn errors(&self, _name: &str, _found: &mut Vec<i16>) {}
}

impl Field for StrBytes {
    fn fold(&self, hash: &mut RunHash) {
        fold_bytes(self.as_bytes(), hash);
    }

    fn size(&self) -> usize {
        length_size(self.len()) + self.len()
    }

    /// It is no code.
    fn errors(&self, _name: &str, _found: &mut Vec<i16>) {}
}

/// Record batches. Whoever reads or stores them checks the CRC-32C, which covers all from the attributes to the last byte;
/// so the hash takes of each batch what stands before, the CRC included. What cannot be a batch it takes byte by byte.
impl Field for Bytes {
    fn fold(&self, hash: &mut RunHash) {
        hash.fold(self.len() as u64);
        let mut rest: &[u8] = self;
        while let Some((head, length)) = batch_head(rest) {
            head.iter().for_each(|word| hash.fold(*word));
            rest = rest.get(length..).unwrap_or_default();
        }
        if !rest.is_empty() {
            fold_bytes(rest, hash);
        }
    }

    fn size(&self) -> usize {
        length_size(self.len()) + self.len()
    }

    /// It is no code.
    fn errors(&self, _name: &str, _found: &mut Vec<i16>) {}
}

impl<T: Field> Field for Option<T> {
    fn fold(&self, hash: &mut RunHash) {
        hash.fold(u64::from(self.is_some()));
        self.iter().for_each(|it| it.fold(hash));
    }

    fn size(&self) -> usize {
        // A null array, string or byte string is a length of its own.
        self.as_ref().map_or(1, T::size)
    }

    fn errors(&self, name: &str, found: &mut Vec<i16>) {
        self.iter().for_each(|it| it.errors(name, found));
    }
}

impl<T: Field> Field for Vec<T> {
    fn fold(&self, hash: &mut RunHash) {
        hash.fold(self.len() as u64);
        self.iter().for_each(|it| it.fold(hash));
    }

    fn size(&self) -> usize {
        length_size(self.len()) + self.iter().map(T::size).sum::<usize>()
    }

    fn errors(&self, name: &str, found: &mut Vec<i16>) {
        self.iter().for_each(|it| it.errors(name, found));
    }
}

/// The bytes of a batch before its CRC-32C, and that, in words; and the length of the whole batch.
fn batch_head(bytes: &[u8]) -> Option<([u64; 3], usize)> {
    let (head, _) = bytes.split_first_chunk::<21>()?;
    let ([first, second], rest) = head.as_chunks::<8>() else { unreachable!("21 bytes are two words and five") };
    let [first, second] = [first, second].map(|word| u64::from_be_bytes(*word));
    let rest = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    // The base offset and the length, which does not count these twelve bytes.
    let length = usize::try_from(second >> 32).ok()?.checked_add(12)?;
    (21..=bytes.len()).contains(&length).then_some(([first, second, rest], length))
}

/// Takes the length and all bytes.
pub(super) fn fold_bytes(bytes: &[u8], hash: &mut RunHash) {
    hash.fold(bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        hash.fold(chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }
}

/// Bytes of the unsigned varint that stands before a string or an array of this length: one more than it, for 0 means null.
fn length_size(length: usize) -> usize {
    varint_size(length + 1)
}

fn varint_size(number: usize) -> usize {
    ((usize::BITS - number.leading_zeros()) as usize).div_ceil(7).max(1)
}

/// Bytes of the tagged field: nothing where it has its default.
pub(super) fn tagged_size<T: Field + PartialEq>(value: &T, default: &T) -> usize {
    if value == default {
        return 0;
    }
    let size = value.size();
    // Kafka's tags are below 128.
    1 + varint_size(size) + size
}

/// The codes of all errors in a part of a message.
pub(super) fn errors_of(part: &impl Field) -> Vec<i16> {
    let mut found = Vec::new();
    part.errors("", &mut found);
    found
}

/// Lists the fields of types, and so makes them parts of messages.
macro_rules! fields {
    ($($part:ty { $($field:ident),* $(; tagged $($tagged:ident),+)? $(,)? })*) => {
        $(impl Field for $part {
            fn fold(&self, hash: &mut RunHash) {
                $(self.$field.fold(hash);)*
                $($(self.$tagged.fold(hash);)+)?
            }

            fn size(&self) -> usize {
                // One byte counts the tagged fields.
                let untagged = 1 $(+ self.$field.size())*;
                $(
                    let default = Self::default();
                    let untagged = untagged $(+ tagged_size(&self.$tagged, &default.$tagged))+;
                )?
                untagged
            }

            fn errors(&self, _name: &str, _found: &mut Vec<i16>) {
                $(self.$field.errors(stringify!($field), _found);)*
                $($(self.$tagged.errors(stringify!($tagged), _found);)+)?
            }
        })*
    };
}

/// Makes whole messages of types whose fields are listed.
macro_rules! messages {
    ($($message:ty),* $(,)?) => {
        $(impl Content for $message {
            fn fold(&self, hash: &mut RunHash) {
                Field::fold(self, hash);
            }

            fn size(&self) -> usize {
                Field::size(self)
            }

            fn errors(&self) -> Vec<i16> {
                super::content::errors_of(self)
            }
        }

        #[cfg(not(target_family = "wasm"))]
        impl Encoded for $message {
            fn encoded(&self, version: i16) -> Option<Result<Vec<u8>, String>> {
                let mut bytes = Vec::new();
                let encoded = kafka_protocol::protocol::Encodable::encode(self, &mut bytes, version);
                Some(encoded.map(|()| bytes).map_err(|error| error.to_string()))
            }

            fn decoded(bytes: &[u8], version: i16) -> Option<Result<(Self, usize), String>> {
                let mut rest = bytes::Bytes::copy_from_slice(bytes);
                let decoded = <Self as kafka_protocol::protocol::Decodable>::decode(&mut rest, version);
                Some(decoded.map(|it| (it, bytes.len() - rest.len())).map_err(|error| error.to_string()))
            }
        })*
    };
}

pub(super) use {fields, messages};
