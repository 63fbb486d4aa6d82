//! Fields that JSON has no form of its own for: bytes, headers, and what is JSON already.

use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};

use super::record::Headers;

/// Text where the bytes are text, else an object with their hex digits; null where there are none.
pub(super) fn bytes<S: Serializer>(bytes: &Option<&[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    bytes.map(Bytes).serialize(serializer)
}

/// A text that is JSON already.
pub(super) fn raw<S: Serializer>(json: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let value: serde_json::Value = serde_json::from_str(json).map_err(S::Error::custom)?;
    value.serialize(serializer)
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let hex: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
                serializer.collect_map([("hex", hex)])
            }
        }
    }
}

/// A pair of name and value for each.
impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for (name, value) in self.iter() {
            list.serialize_element(&(Bytes(name), value.map(Bytes)))?;
        }
        list.end()
    }
}
