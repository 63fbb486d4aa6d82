//! What was compressed, and what Kafka says where it cannot be read.

use std::borrow::Cow;

use super::java::Thrown;
use crate::log::compression::{Compression, DecompressError};

/// What Kafka says of a batch whose codec it does not know.
pub(super) fn unknown_codec(attributes: i16) -> Thrown {
    Thrown::illegal_argument(format!("Unknown compression type id: {}", attributes & 0x07))
}

/// What was compressed.
pub(super) fn decompress(codec: Compression, bytes: &[u8]) -> Result<Cow<'_, [u8]>, Thrown> {
    codec.decompress(bytes).map_err(|error| match error {
        DecompressError::Malformed(_) => Thrown::kafka("Failed to decompress record stream"),
        too_large => Thrown::kafka(too_large.to_string()),
    })
}
