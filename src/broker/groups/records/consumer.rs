//! A consumer group of KIP-848, its members, what they shall have and what they have (`ConsumerGroup*Value` in Apache Kafka).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use uuid::Uuid;

use super::codec::{Reader, Writer};

const VERSION: i16 = 0;

/// Partitions by topic.
pub(in crate::broker::groups) type Partitions = BTreeMap<Uuid, BTreeSet<i32>>;
/// Partitions by topic, each with the epoch at which its owner was given it.
pub(in crate::broker::groups) type OwnedPartitions = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// The epoch of a group (`ConsumerGroupMetadataValue`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) struct EpochValue {
    pub(in crate::broker::groups) epoch: i32,
    /// Of the topics that it is subscribed to: another hash, another assignment. 0 is for none.
    pub(in crate::broker::groups) metadata_hash: i64,
}

/// The epoch of its target assignment (`ConsumerGroupTargetAssignmentMetadataValue`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) struct TargetValue {
    pub(in crate::broker::groups) epoch: i32,
    /// When it was made; 0 where that is not known.
    pub(in crate::broker::groups) timestamp_ms: i64,
}

/// What a member has said of itself (`ConsumerGroupMemberMetadataValue`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::broker::groups) struct MemberValue {
    pub(in crate::broker::groups) instance: Option<String>,
    pub(in crate::broker::groups) rack: Option<String>,
    pub(in crate::broker::groups) client_id: String,
    pub(in crate::broker::groups) client_host: String,
    pub(in crate::broker::groups) topics: Vec<String>,
    pub(in crate::broker::groups) regex: Option<String>,
    pub(in crate::broker::groups) rebalance_timeout_ms: i32,
    pub(in crate::broker::groups) assignor: Option<String>,
    /// Where it speaks the classic protocol: what it has said in that.
    pub(in crate::broker::groups) classic: Option<ClassicSaid>,
}

/// What a member has said that speaks the classic protocol (`ClassicMemberMetadata`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::broker::groups) struct ClassicSaid {
    pub(in crate::broker::groups) session_timeout_ms: i32,
    /// The protocols that it speaks, the dearest first, each with what it has to say in it.
    pub(in crate::broker::groups) protocols: Vec<(String, Bytes)>,
}

/// Which topics a regular expression means (`ConsumerGroupRegularExpressionValue`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::broker::groups) struct RegexValue {
    pub(in crate::broker::groups) topics: BTreeSet<String>,
    /// The offset of the metadata that were looked at.
    pub(in crate::broker::groups) version: i64,
    /// When.
    pub(in crate::broker::groups) timestamp_ms: i64,
}

/// What a member has (`ConsumerGroupCurrentMemberAssignmentValue`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) struct CurrentValue {
    pub(in crate::broker::groups) epoch: i32,
    pub(in crate::broker::groups) previous_epoch: i32,
    /// `MemberState.value`.
    pub(in crate::broker::groups) state: i8,
    pub(in crate::broker::groups) assigned: OwnedPartitions,
    pub(in crate::broker::groups) pending_revocation: OwnedPartitions,
}

fn versioned(bytes: &[u8]) -> Option<Reader<'_>> {
    let mut reader = Reader(bytes);
    (reader.i16()? == VERSION).then_some(reader)
}

impl EpochValue {
    pub(in crate::broker::groups) fn write(self) -> Bytes {
        epoch_and_number(self.epoch, self.metadata_hash)
    }

    pub(in crate::broker::groups) fn read(bytes: &[u8]) -> Option<Self> {
        read_epoch_and_number(bytes).map(|(epoch, metadata_hash)| Self { epoch, metadata_hash })
    }
}

impl TargetValue {
    pub(in crate::broker::groups) fn write(self) -> Bytes {
        epoch_and_number(self.epoch, self.timestamp_ms)
    }

    pub(in crate::broker::groups) fn read(bytes: &[u8]) -> Option<Self> {
        read_epoch_and_number(bytes).map(|(epoch, timestamp_ms)| Self { epoch, timestamp_ms })
    }
}

/// An epoch, and a tagged number that is left out where it is 0.
fn epoch_and_number(epoch: i32, number: i64) -> Bytes {
    let mut writer = Writer::versioned(VERSION);
    writer.i32(epoch);
    match number {
        0 => writer.no_tags(),
        number => writer.tag(|field| field.i64(number)),
    }
    writer.done()
}

fn read_epoch_and_number(bytes: &[u8]) -> Option<(i32, i64)> {
    let mut reader = versioned(bytes)?;
    let epoch = reader.i32()?;
    let number = match reader.tag()? {
        Some(mut field) => field.i64()?,
        None => 0,
    };
    Some((epoch, number))
}

impl MemberValue {
    pub(in crate::broker::groups) fn write(&self) -> Bytes {
        let mut writer = Writer::versioned(VERSION);
        writer.compact_nullable_string(self.instance.as_deref());
        writer.compact_nullable_string(self.rack.as_deref());
        writer.compact_string(&self.client_id);
        writer.compact_string(&self.client_host);
        writer.compact_length(self.topics.len());
        self.topics.iter().for_each(|topic| writer.compact_string(topic));
        writer.compact_nullable_string(self.regex.as_deref());
        writer.i32(self.rebalance_timeout_ms);
        writer.compact_nullable_string(self.assignor.as_deref());
        writer.tag(|field| match &self.classic {
            // Kafka writes the null, too.
            None => field.varint(0),
            Some(said) => {
                field.varint(1);
                said.write(field);
            }
        });
        writer.done()
    }

    pub(in crate::broker::groups) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = versioned(bytes)?;
        Some(Self {
            instance: reader.compact_nullable_string()?,
            rack: reader.compact_nullable_string()?,
            client_id: reader.compact_string()?,
            client_host: reader.compact_string()?,
            topics: (0..reader.compact_length()?).map(|_| reader.compact_string()).collect::<Option<_>>()?,
            regex: reader.compact_nullable_string()?,
            rebalance_timeout_ms: reader.i32()?,
            assignor: reader.compact_nullable_string()?,
            classic: match reader.tag()? {
                Some(mut field) => match field.varint()? {
                    1 => Some(ClassicSaid::read(&mut field)?),
                    // A null: it speaks that of KIP-848.
                    _ => None,
                },
                None => None,
            },
        })
    }
}

impl RegexValue {
    pub(in crate::broker::groups) fn write(&self) -> Bytes {
        let mut writer = Writer::versioned(VERSION);
        writer.compact_length(self.topics.len());
        self.topics.iter().for_each(|topic| writer.compact_string(topic));
        writer.i64(self.version);
        writer.i64(self.timestamp_ms);
        writer.no_tags();
        writer.done()
    }

    pub(in crate::broker::groups) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = versioned(bytes)?;
        let topics = (0..reader.compact_length()?).map(|_| reader.compact_string()).collect::<Option<_>>()?;
        Some(Self { topics, version: reader.i64()?, timestamp_ms: reader.i64()? })
    }
}

impl ClassicSaid {
    fn write(&self, writer: &mut Writer) {
        writer.i32(self.session_timeout_ms);
        writer.compact_length(self.protocols.len());
        for (name, metadata) in &self.protocols {
            writer.compact_string(name);
            writer.compact_bytes(metadata);
            writer.no_tags();
        }
        writer.no_tags();
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let session_timeout_ms = reader.i32()?;
        let mut protocols = Vec::new();
        for _ in 0..reader.compact_length()? {
            protocols.push((reader.compact_string()?, reader.compact_bytes()?));
            reader.tag()?;
        }
        reader.tag()?;
        Some(Self { session_timeout_ms, protocols })
    }
}

/// What a member shall have (`ConsumerGroupTargetAssignmentMemberValue`).
pub(in crate::broker::groups) fn write_target(partitions: &Partitions) -> Bytes {
    let mut writer = Writer::versioned(VERSION);
    writer.compact_length(partitions.len());
    for (topic, partitions) in partitions {
        writer.uuid(*topic);
        writer.compact_length(partitions.len());
        partitions.iter().for_each(|partition| writer.i32(*partition));
        writer.no_tags();
    }
    writer.no_tags();
    writer.done()
}

pub(in crate::broker::groups) fn read_target(bytes: &[u8]) -> Option<Partitions> {
    let mut reader = versioned(bytes)?;
    let mut all = Partitions::new();
    for _ in 0..reader.compact_length()? {
        let topic = reader.uuid()?;
        let partitions = (0..reader.compact_length()?).map(|_| reader.i32()).collect::<Option<_>>()?;
        reader.tag()?;
        all.insert(topic, partitions);
    }
    Some(all)
}

impl CurrentValue {
    pub(in crate::broker::groups) fn write(&self) -> Bytes {
        let mut writer = Writer::versioned(VERSION);
        writer.i32(self.epoch);
        writer.i32(self.previous_epoch);
        writer.i8(self.state);
        write_owned(&self.assigned, &mut writer);
        write_owned(&self.pending_revocation, &mut writer);
        writer.no_tags();
        writer.done()
    }

    pub(in crate::broker::groups) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = versioned(bytes)?;
        Some(Self {
            epoch: reader.i32()?,
            previous_epoch: reader.i32()?,
            state: reader.i8()?,
            assigned: read_owned(&mut reader)?,
            pending_revocation: read_owned(&mut reader)?,
        })
    }
}

fn write_owned(all: &OwnedPartitions, writer: &mut Writer) {
    writer.compact_length(all.len());
    for (topic, partitions) in all {
        writer.uuid(*topic);
        writer.compact_length(partitions.len());
        partitions.keys().for_each(|partition| writer.i32(*partition));
        writer.tag(|field| {
            field.compact_length(partitions.len());
            partitions.values().for_each(|epoch| field.i32(*epoch));
        });
    }
}

fn read_owned(reader: &mut Reader<'_>) -> Option<OwnedPartitions> {
    let mut all = OwnedPartitions::new();
    for _ in 0..reader.compact_length()? {
        let topic = reader.uuid()?;
        let partitions: Vec<i32> = (0..reader.compact_length()?).map(|_| reader.i32()).collect::<Option<_>>()?;
        let epochs: Vec<i32> = match reader.tag()? {
            Some(mut field) => (0..field.compact_length()?).map(|_| field.i32()).collect::<Option<_>>()?,
            None => vec![0; partitions.len()],
        };
        all.insert(topic, partitions.into_iter().zip(epochs).collect());
    }
    Some(all)
}
