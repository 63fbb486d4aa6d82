//! The keys of `__consumer_offsets`: their version says what the value is (`CoordinatorRecordType` in Apache Kafka).

use bytes::Bytes;

use super::codec::{Reader, Writer};

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) enum Key {
    /// An offset that a group has committed (`OffsetCommitKey`).
    Offset { group: String, topic: String, partition: i32 },
    /// A classic group with its members (`GroupMetadataKey`).
    Classic { group: String },
    /// A consumer group (`ConsumerGroupMetadataKey`).
    Consumer { group: String },
    /// What Kafka before 4.1 knew of its topics, which is only taken back any more (`ConsumerGroupPartitionMetadataKey`).
    Topics { group: String },
    /// A member of it (`ConsumerGroupMemberMetadataKey`).
    Member { group: String, member: String },
    /// The target assignment of all (`ConsumerGroupTargetAssignmentMetadataKey`).
    Target { group: String },
    /// That of a member (`ConsumerGroupTargetAssignmentMemberKey`).
    TargetOf { group: String, member: String },
    /// What a member has (`ConsumerGroupCurrentMemberAssignmentKey`).
    Current { group: String, member: String },
    /// Which topics a regular expression of its members meant when it was looked at (`ConsumerGroupRegularExpressionKey`).
    Regex { group: String, regex: String },
}

const OFFSET: i16 = 1;
const CLASSIC: i16 = 2;
const CONSUMER: i16 = 3;
const TOPICS: i16 = 4;
const MEMBER: i16 = 5;
const TARGET: i16 = 6;
const TARGET_OF: i16 = 7;
const CURRENT: i16 = 8;
const REGEX: i16 = 16;

impl Key {
    pub(in crate::broker::groups) fn write(&self) -> Bytes {
        let of_group = |version: i16, group: &str| {
            let mut writer = Writer::versioned(version);
            writer.string(group);
            writer
        };
        let of_member = |version: i16, group: &str, member: &str| {
            let mut writer = of_group(version, group);
            writer.string(member);
            writer
        };
        let writer = match self {
            Self::Offset { group, topic, partition } => {
                let mut writer = of_member(OFFSET, group, topic);
                writer.i32(*partition);
                writer
            }
            Self::Classic { group } => of_group(CLASSIC, group),
            Self::Consumer { group } => of_group(CONSUMER, group),
            Self::Topics { group } => of_group(TOPICS, group),
            Self::Member { group, member } => of_member(MEMBER, group, member),
            Self::Target { group } => of_group(TARGET, group),
            Self::TargetOf { group, member } => of_member(TARGET_OF, group, member),
            Self::Current { group, member } => of_member(CURRENT, group, member),
            Self::Regex { group, regex } => of_member(REGEX, group, regex),
        };
        writer.done()
    }

    /// `None` for records of other kinds, such as those of share groups.
    pub(in crate::broker::groups) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (version, group) = (reader.i16()?, reader.string()?);
        Some(match version {
            // Version 0 is of before 0.9 and says the same.
            0 | OFFSET => Self::Offset { group, topic: reader.string()?, partition: reader.i32()? },
            CLASSIC => Self::Classic { group },
            CONSUMER => Self::Consumer { group },
            TOPICS => Self::Topics { group },
            MEMBER => Self::Member { group, member: reader.string()? },
            TARGET => Self::Target { group },
            TARGET_OF => Self::TargetOf { group, member: reader.string()? },
            CURRENT => Self::Current { group, member: reader.string()? },
            REGEX => Self::Regex { group, regex: reader.string()? },
            _ => return None,
        })
    }
}
