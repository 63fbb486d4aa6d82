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

/// What was compressed with LZ4 into a message of format 0: clients that wrote it got the checksum of the frame's header
/// wrong (KAFKA-3160), so it is not looked at (`Lz4Compression.wrapForInput`).
pub(super) fn decompress_lz4_of_format_0(bytes: &[u8]) -> Result<Vec<u8>, Thrown> {
    let mut frame = bytes.to_vec();
    set_checksum(&mut frame);
    decompress(Compression::Lz4, &frame).map(Cow::into_owned)
}

/// Sets the checksum of a frame's header, if there is a whole one.
fn set_checksum(frame: &mut [u8]) {
    const FLAGS_AT: usize = 4;
    const HAS_SIZE: u8 = 0x08;
    const HAS_DICTIONARY: u8 = 0x01;
    // What is so short is refused when it is read.
    let Some(&flags) = frame.get(FLAGS_AT) else { return };
    let size = if flags & HAS_SIZE != 0 { 8 } else { 0 };
    let dictionary = if flags & HAS_DICTIONARY != 0 { 4 } else { 0 };
    let end = FLAGS_AT + 2 + size + dictionary;
    if end < frame.len() {
        frame[end] = (short_xxh32(&frame[FLAGS_AT..end]) >> 8) as u8;
    }
}

/// XXH32 with seed 0 of fewer than 16 bytes.
fn short_xxh32(bytes: &[u8]) -> u32 {
    const PRIMES: [u32; 5] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1];
    assert!(bytes.len() < 16, "{} bytes are no header of a frame", bytes.len());
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = PRIMES[4].wrapping_add(bytes.len() as u32);
    for word in words {
        hash = hash
            .wrapping_add(u32::from_le_bytes(*word).wrapping_mul(PRIMES[2]))
            .rotate_left(17)
            .wrapping_mul(PRIMES[3]);
    }
    for &byte in rest {
        hash = hash.wrapping_add(u32::from(byte).wrapping_mul(PRIMES[4])).rotate_left(11).wrapping_mul(PRIMES[0]);
    }
    hash = (hash ^ hash >> 15).wrapping_mul(PRIMES[1]);
    hash = (hash ^ hash >> 13).wrapping_mul(PRIMES[2]);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_format_0_is_read_whatever_its_header_s_checksum_is() {
        let mut frame = Compression::Lz4.compress(b"some text, some text, some text").into_owned();
        let whole = frame.clone();
        set_checksum(&mut frame);
        assert_eq!(frame, whole);
        frame[6] ^= 0x55;
        assert!(decompress(Compression::Lz4, &frame).is_err());
        assert_eq!(decompress_lz4_of_format_0(&frame).unwrap(), b"some text, some text, some text");
    }
}
