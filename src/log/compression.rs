//! The codecs of record batches: `CompressionType` and `Compression` in Apache Kafka, both ways, in pure Rust.
//!
//! What is written depends on the bytes alone, natively and in a browser; it is not what the C libraries behind Kafka's
//! own clients write, but they read it, and what they write is read here.

use std::borrow::Cow;
use std::io::{Read, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::{Compression as Level, GzBuilder};
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::settings::{CompressionType, GzipLevel};

/// The records of one batch hold at most so many bytes once they are decompressed. Kafka has no such bound; here it
/// keeps a crafted batch from filling the memory of a browser tab.
pub const MAX_DECOMPRESSED_BYTES: usize = 128 << 20;

/// A codec, by Kafka's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    /// The records are as they are.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy blocks in the framing of snappy-java.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// RFC 8878 (KIP-110).
    Zstd,
}

/// Why bytes are not decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// They are not what the codec writes.
    #[error("the records are not valid {}", .0.name())]
    Malformed(Compression),
    /// They would become more than [`MAX_DECOMPRESSED_BYTES`].
    #[error("the records take more than {MAX_DECOMPRESSED_BYTES} bytes when decompressed")]
    TooLarge,
}

impl Compression {
    /// All codecs, in the order of their ids.
    pub const ALL: [Compression; 5] =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

    /// The codec of an id in a batch's attributes.
    pub fn from_id(id: i16) -> Option<Compression> {
        Compression::ALL.into_iter().find(|codec| codec.id() == id)
    }

    /// The codec of a name as in `compression.type`.
    pub fn from_name(name: &str) -> Option<Compression> {
        Compression::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// Its id in a batch's attributes.
    pub fn id(self) -> i16 {
        self as i16
    }

    /// Its name as in `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }

    /// Compresses the records of a batch.
    pub fn compress(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        self.compress_at(bytes, GzipLevel::DEFAULT)
    }

    /// The same with a level for gzip; the others have one.
    pub fn compress_at(self, bytes: &[u8], level: GzipLevel) -> Cow<'_, [u8]> {
        match self {
            Compression::None => Cow::Borrowed(bytes),
            Compression::Gzip => gzip(bytes, level).into(),
            Compression::Snappy => snappy(bytes).into(),
            Compression::Lz4 => lz4(bytes).into(),
            Compression::Zstd => compress_to_vec(bytes, CompressionLevel::Fastest).into(),
        }
    }

    /// Decompresses the records of a batch, to at most [`MAX_DECOMPRESSED_BYTES`].
    pub fn decompress(self, bytes: &[u8]) -> Result<Cow<'_, [u8]>, DecompressError> {
        self.decompress_up_to(bytes, MAX_DECOMPRESSED_BYTES)
    }

    fn decompress_up_to(self, bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, DecompressError> {
        match self {
            Compression::None => Ok(Cow::Borrowed(bytes)),
            Compression::Gzip => read_all(MultiGzDecoder::new(bytes), limit, self).map(Cow::Owned),
            Compression::Snappy => unsnappy(bytes, limit).map(Cow::Owned),
            Compression::Lz4 => unlz4(bytes, limit).map(Cow::Owned),
            Compression::Zstd => unzstd(bytes, limit).map(Cow::Owned),
        }
    }
}

impl From<CompressionType> for Compression {
    fn from(kind: CompressionType) -> Self {
        match kind {
            CompressionType::None => Self::None,
            CompressionType::Gzip => Self::Gzip,
            CompressionType::Snappy => Self::Snappy,
            CompressionType::Lz4 => Self::Lz4,
            CompressionType::Zstd => Self::Zstd,
        }
    }
}

/// Reads a stream to its end, never more than one byte beyond `limit`.
fn read_all(stream: impl Read, limit: usize, codec: Compression) -> Result<Vec<u8>, DecompressError> {
    let mut out = Vec::new();
    stream.take(limit as u64 + 1).read_to_end(&mut out).map_err(|_| DecompressError::Malformed(codec))?;
    if out.len() > limit { Err(DecompressError::TooLarge) } else { Ok(out) }
}

/// With no name, time or system in the header, as `GZIPOutputStream` has it.
fn gzip(bytes: &[u8], level: GzipLevel) -> Vec<u8> {
    const UNKNOWN_SYSTEM: u8 = 255;
    let mut encoder = GzBuilder::new().operating_system(UNKNOWN_SYSTEM).write(Vec::new(), Level::new(level.level()));
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// The head of snappy-java's framing: magic, version 1, oldest version that reads it 1.
const SNAPPY_HEAD: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const SNAPPY_MAGIC: usize = 8;
/// `SnappyOutputStream` writes blocks of so many bytes, each with its length before it.
const SNAPPY_BLOCK: usize = 32 << 10;

fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = snap::raw::Encoder::new();
    let mut out = SNAPPY_HEAD.to_vec();
    for block in bytes.chunks(SNAPPY_BLOCK) {
        // It fails for blocks of 4 GiB only.
        let compressed = encoder.compress_vec(block).unwrap_or_default();
        out.extend_from_slice(&(compressed.len() as u32).to_be_bytes());
        out.extend_from_slice(&compressed);
    }
    out
}

/// Reads snappy-java's framing, several streams one behind another too; bytes without its magic are one bare block
/// (`SnappyInputStream`).
fn unsnappy(bytes: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let mut out = Vec::new();
    if !bytes.starts_with(&SNAPPY_HEAD[..SNAPPY_MAGIC]) {
        unsnappy_block(bytes, limit, &mut out)?;
        return Ok(out);
    }
    let malformed = DecompressError::Malformed(Compression::Snappy);
    let mut rest = bytes;
    while !rest.is_empty() {
        if rest.starts_with(&SNAPPY_HEAD[..SNAPPY_MAGIC]) {
            rest = rest.get(SNAPPY_HEAD.len()..).ok_or(malformed)?;
            continue;
        }
        let (length, behind) = rest.split_first_chunk::<4>().ok_or(malformed)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| malformed)?;
        let (block, behind) = behind.split_at_checked(length).ok_or(malformed)?;
        unsnappy_block(block, limit, &mut out)?;
        rest = behind;
    }
    Ok(out)
}

fn unsnappy_block(block: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), DecompressError> {
    let malformed = DecompressError::Malformed(Compression::Snappy);
    let size = snap::raw::decompress_len(block).map_err(|_| malformed)?;
    // A snappy copy makes at most 64 bytes out of three: a length beyond that is made up, and is not allocated.
    if block.is_empty() || size > block.len().saturating_mul(64) {
        return Err(malformed);
    }
    let start = out.len();
    if size > limit.saturating_sub(start) {
        return Err(DecompressError::TooLarge);
    }
    out.resize(start + size, 0);
    snap::raw::Decoder::new().decompress(block, &mut out[start..]).map_err(|_| malformed)?;
    Ok(())
}

/// Magic; version 1, blocks independent, no checksums, no size; blocks of at most 64 KiB; the checksum of these two
/// (`Lz4BlockOutputStream`).
const LZ4_HEAD: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const LZ4_BLOCKS_INDEPENDENT: u8 = 0x20;
/// Below 65,535 bytes the crate hashes four bytes at a time on every machine; above, five where words have 64 bits, and
/// a browser would write other bytes.
const LZ4_BLOCK: usize = 65_534;
/// Marks a block that is stored as it is.
const LZ4_STORED: u32 = 1 << 31;

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut out = LZ4_HEAD.to_vec();
    for block in bytes.chunks(LZ4_BLOCK) {
        let compressed = lz4_flex::block::compress(block);
        let (flag, stored) = if compressed.len() < block.len() { (0, &compressed[..]) } else { (LZ4_STORED, block) };
        out.extend_from_slice(&(flag | stored.len() as u32).to_le_bytes());
        out.extend_from_slice(stored);
    }
    out.extend_from_slice(&0u32.to_le_bytes());
    out
}

fn unlz4(bytes: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    // Kafka's reader knows no older format, and no blocks that depend on those before them.
    let known =
        bytes.starts_with(&LZ4_HEAD[..4]) && bytes.get(4).is_some_and(|flags| flags & LZ4_BLOCKS_INDEPENDENT != 0);
    if !known {
        return Err(DecompressError::Malformed(Compression::Lz4));
    }
    read_all(lz4_flex::frame::FrameDecoder::new(bytes), limit, Compression::Lz4)
}

/// Frames one behind another, each with its checksum where it has one; frames that are to be skipped are.
fn unzstd(bytes: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let malformed = DecompressError::Malformed(Compression::Zstd);
    let mut out = Vec::new();
    let mut rest = bytes;
    if rest.is_empty() {
        return Err(malformed);
    }
    while !rest.is_empty() {
        let mut stream = match StreamingDecoder::new(&mut rest) {
            Ok(stream) => stream,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                rest = usize::try_from(length).ok().and_then(|length| rest.get(length..)).ok_or(malformed)?;
                continue;
            }
            Err(_) => return Err(malformed),
        };
        out.append(&mut read_all(&mut stream, limit - out.len(), Compression::Zstd)?);
        let decoder = stream.into_frame_decoder();
        if decoder.get_checksum_from_data().is_some_and(|stored| decoder.get_calculated_checksum() != Some(stored)) {
            return Err(malformed);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODECS: [Compression; 4] = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

    #[test]
    fn ids_and_names_are_kafkas() {
        let ids: Vec<_> = Compression::ALL.map(|codec| (codec.id(), codec.name())).into();
        assert_eq!(ids, [(0, "none"), (1, "gzip"), (2, "snappy"), (3, "lz4"), (4, "zstd")]);
        for codec in Compression::ALL {
            assert_eq!(Compression::from_id(codec.id()), Some(codec));
            assert_eq!(Compression::from_name(codec.name()), Some(codec));
        }
        assert_eq!(Compression::from_id(5), None);
        assert_eq!(Compression::from_name("GZIP"), None);
    }

    #[test]
    fn sizes_around_the_blocks_come_back() {
        let sizes = [0, 1, 2, 100, SNAPPY_BLOCK - 1, SNAPPY_BLOCK, SNAPPY_BLOCK + 1, LZ4_BLOCK, LZ4_BLOCK + 1, 200_000];
        for codec in CODECS {
            for size in sizes {
                let bytes: Vec<u8> =
                    (0..size as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> (i % 29)) as u8).collect();
                assert_eq!(codec.decompress(&codec.compress(&bytes)).unwrap(), bytes, "{codec:?} {size}");
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_memory() {
        let zeros = vec![0; 1 << 20];
        for codec in CODECS {
            let bomb = codec.compress(&zeros);
            assert_eq!(codec.decompress_up_to(&bomb, (1 << 20) - 1), Err(DecompressError::TooLarge), "{codec:?}");
            assert!(codec.decompress_up_to(&bomb, 1 << 20).is_ok());
        }
    }

    #[test]
    fn a_length_that_is_made_up_is_not_allocated() {
        // The block says 2 GiB and holds nothing.
        let bare = [0xff, 0xff, 0xff, 0xff, 0x07];
        assert_eq!(Compression::Snappy.decompress(&bare), Err(DecompressError::Malformed(Compression::Snappy)));
    }

    #[test]
    fn bare_snappy_and_streams_one_behind_another_are_read() {
        let bare = snap::raw::Encoder::new().compress_vec(b"without framing").unwrap();
        assert_eq!(Compression::Snappy.decompress(&bare).unwrap(), &b"without framing"[..]);
        for codec in [Compression::Gzip, Compression::Snappy, Compression::Zstd] {
            let mut both = codec.compress(b"one, ").into_owned();
            both.extend_from_slice(&codec.compress(b"two"));
            assert_eq!(codec.decompress(&both).unwrap(), &b"one, two"[..], "{codec:?}");
        }
    }

    #[test]
    fn what_the_libraries_of_kafka_wrote_is_read() {
        // Written by java.util.zip, snappy-java, Kafka's Lz4BlockOutputStream and zstd-jni.
        let written = [
            (Compression::Gzip, "1f8b08000000000000ff4b4cc403001745e8a51d000000"),
            (Compression::Snappy, "82534e41505059000000000100000001000000061d00616e0100"),
            (Compression::Lz4, "04224d186040820b0000001f6101000450616161616100000000"),
            (Compression::Zstd, "28b52ffd0058440000106161010021c002010000"),
        ];
        for (codec, hex) in written {
            let bytes: Vec<u8> =
                (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
            assert_eq!(codec.decompress(&bytes).unwrap(), &b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[..], "{codec:?}");
        }
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn any_bytes_come_back(
            seed in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
            times in 1usize..400,
        ) {
            let bytes = seed.repeat(times);
            for codec in CODECS {
                let compressed = codec.compress(&bytes);
                proptest::prop_assert_eq!(codec.decompress(&compressed), Ok(Cow::Owned(bytes.clone())));
            }
        }

        #[test]
        fn random_and_damaged_bytes_never_panic(
            random in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            text in "[a-d]{0,300}",
            damage in proptest::collection::vec((proptest::prelude::any::<u16>(), 1u8..), 1..4),
            cut in proptest::prelude::any::<u16>(),
        ) {
            for codec in CODECS {
                let _ = codec.decompress_up_to(&random, 1 << 20);
                let mut damaged = codec.compress(text.as_bytes()).into_owned();
                let size = damaged.len();
                damage.iter().for_each(|&(at, mask)| damaged[usize::from(at) % size] ^= mask);
                let _ = codec.decompress_up_to(&damaged, 1 << 20);
                damaged.truncate(usize::from(cut) % (size + 1));
                let _ = codec.decompress_up_to(&damaged, 1 << 20);
                // Behind a good beginning the decoders get further.
                let head = damaged.len().min(16);
                let mixed = [&damaged[..head], &random[..]].concat();
                let _ = codec.decompress_up_to(&mixed, 1 << 20);
            }
        }
    }
}
