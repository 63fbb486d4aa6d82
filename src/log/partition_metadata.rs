//! Which topic a partition's directory belongs to: `partition.metadata` (KIP-516, `PartitionMetadataFile` in Apache Kafka).

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use uuid::Uuid;

use super::text_file::{replace, text};
use crate::sim::disk::{Disk, DiskError};

/// The file in a partition's directory.
pub const PARTITION_METADATA: &str = "partition.metadata";

/// As lenient as Java's decoder.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a directory is not taken for a topic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicIdError {
    /// The file is not of its format: Kafka takes the log directory out of use (`KafkaStorageException`).
    #[error("{PARTITION_METADATA} is malformed: `version: 0` and `topic_id: ID` would be right")]
    Malformed,
    /// Sixteen bytes in base64 would be an id (`IllegalArgumentException`).
    #[error("{PARTITION_METADATA} holds a topic id that is no id")]
    NotAnId,
    /// The directory was another topic's, of which this one may have the name (`InconsistentTopicIdException`).
    #[error("{PARTITION_METADATA} holds the topic id {} instead of {}", uuid_text(*found), uuid_text(*expected))]
    Inconsistent {
        /// In the file.
        found: Uuid,
        /// Of the topic.
        expected: Uuid,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl TopicIdError {
    /// The error's code in Kafka's protocol.
    pub fn code(&self) -> i16 {
        match self {
            TopicIdError::Malformed | TopicIdError::Disk(_) => 56,
            TopicIdError::NotAnId => -1,
            TopicIdError::Inconsistent { .. } => 103,
        }
    }

    /// The name of Kafka's exception.
    pub fn exception(&self) -> &'static str {
        match self {
            TopicIdError::Malformed | TopicIdError::Disk(_) => "KafkaStorageException",
            TopicIdError::NotAnId => "IllegalArgumentException",
            TopicIdError::Inconsistent { .. } => "InconsistentTopicIdException",
        }
    }
}

/// Makes a partition's directory the topic's; refuses one that belongs to another (`UnifiedLog.initializeTopicId`).
pub fn claim(disk: &mut Disk, directory: &str, topic_id: Uuid) -> Result<(), TopicIdError> {
    match read(disk, directory)? {
        None => Ok(write(disk, directory, topic_id)?),
        Some(found) if found == topic_id => Ok(()),
        Some(found) => Err(TopicIdError::Inconsistent { found, expected: topic_id }),
    }
}

/// Writes `partition.metadata` of a partition's directory.
pub fn write(disk: &mut Disk, directory: &str, topic_id: Uuid) -> Result<(), DiskError> {
    // Without a newline at the end, as `PartitionMetadataFile` does.
    let text = format!("version: 0\ntopic_id: {}", uuid_text(topic_id));
    replace(disk, &format!("{directory}/{PARTITION_METADATA}"), &text)
}

/// The topic id of a partition's directory; `None` without the file.
pub fn read(disk: &Disk, directory: &str) -> Result<Option<Uuid>, TopicIdError> {
    let path = format!("{directory}/{PARTITION_METADATA}");
    let Some(text) = text(disk, &path).map_err(|_| TopicIdError::Malformed)? else { return Ok(None) };
    decode(&text).map(Some)
}

/// The topic id in the text of `partition.metadata`: behind the first colon with a blank of the second line, whatever
/// stands before. A larger version is read all the same, so that a broker can be downgraded.
pub(super) fn decode(text: &str) -> Result<Uuid, TopicIdError> {
    let mut lines = text.lines();
    let version = value(lines.next()).and_then(|version| version.parse::<i32>().ok());
    if version.is_none_or(|version| version < 0) {
        return Err(TopicIdError::Malformed);
    }
    let id = value(lines.next()).ok_or(TopicIdError::Malformed)?;
    match parse_uuid(id) {
        Some(id) if id.is_nil() => Err(TopicIdError::Malformed),
        Some(id) => Ok(id),
        None => Err(TopicIdError::NotAnId),
    }
}

/// The second of exactly two parts between which a colon and blanks stand; Java drops empty parts at the end.
fn value(line: Option<&str>) -> Option<&str> {
    let (_, behind) = split_at_colon(line?)?;
    (!behind.is_empty() && split_at_colon(behind).is_none()).then_some(behind)
}

fn split_at_colon(line: &str) -> Option<(&str, &str)> {
    let is_blank = |letter: char| matches!(letter, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r');
    line.match_indices(':').find_map(|(at, _)| {
        let behind = &line[at + 1..];
        behind.starts_with(is_blank).then(|| (&line[..at], behind.trim_start_matches(is_blank)))
    })
}

/// An id as Kafka writes it (`Uuid.toString`): base64 for URLs, without padding.
pub fn uuid_text(id: Uuid) -> String {
    BASE64.encode(id.as_bytes())
}

/// Reads an id as Kafka writes it (`Uuid.fromString`).
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    BASE64.decode(text).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u64_pair(0x10, 0x20);

    /// What a real 4.3.1 said of each when it opened a log with it.
    #[test]
    fn a_directory_is_claimed_as_kafka_does() {
        let claimed = |text: &str| {
            let mut disk = Disk::default();
            replace(&mut disk, &format!("d/{PARTITION_METADATA}"), text).unwrap();
            claim(&mut disk, "d", ID).map_err(|error| (error.exception(), error.code()))
        };
        let id = uuid_text(ID);
        let fine = [
            format!("version: 0\ntopic_id: {id}"),
            format!("version: 1\ntopic_id: {id}\nmore\n"),
            format!("foo: 0\r\nbar: {id}\r\n"),
            format!(" version :   +0\n topic_id :\t{id}"),
            format!("version: 0\ntopic_id: {id}=="),
            format!("version: 0\ntopic_id: {}B", &id[..21]),
        ];
        fine.iter().for_each(|text| assert_eq!(claimed(text), Ok(()), "{text}"));
        let malformed = [
            "junk".to_owned(),
            "version: 0\ntopic_id: ".to_owned(),
            format!("version:0\ntopic_id:{id}"),
            format!("version: 0: 1\ntopic_id: {id}"),
            format!("version: -1\ntopic_id: {id}"),
            format!("version: x\ntopic_id: {id}"),
            format!("version: 99999999999\ntopic_id: {id}"),
            "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        ];
        malformed.iter().for_each(|text| assert_eq!(claimed(text), Err(("KafkaStorageException", 56)), "{text}"));
        for wrong in
            ["!!!!!!!!!!!!!!!!!!!!!!", "AAAA", &id[..21], &format!("{id}A"), &format!("{id}AAAA"), &format!("{id} ")]
        {
            let refused = claimed(&format!("version: 0\ntopic_id: {wrong}"));
            assert_eq!(refused, Err(("IllegalArgumentException", -1)), "{wrong}");
        }
        let other = claimed("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(other, Err(("InconsistentTopicIdException", 103)));
    }

    #[test]
    fn what_was_claimed_is_read_again() {
        let mut disk = Disk::default();
        assert_eq!(read(&disk, "d"), Ok(None));
        claim(&mut disk, "d", ID).unwrap();
        assert_eq!(read(&disk, "d"), Ok(Some(ID)));
        assert_eq!(
            text(&disk, "d/partition.metadata").unwrap().unwrap(),
            "version: 0\ntopic_id: AAAAAAAAABAAAAAAAAAAIA"
        );
    }
}
