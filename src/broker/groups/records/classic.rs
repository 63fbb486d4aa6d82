//! A classic group with its members (`GroupMetadataValue` in Apache Kafka).

use bytes::Bytes;

use super::codec::{Reader, Writer};

/// What 4.3 writes: the last version before the flexible ones.
const VERSION: i16 = 3;

/// A group between two rebalances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) struct ClassicValue {
    pub(in crate::broker::groups) protocol_type: String,
    pub(in crate::broker::groups) generation: i32,
    pub(in crate::broker::groups) protocol: Option<String>,
    pub(in crate::broker::groups) leader: Option<String>,
    /// Since when it has been in its state; -1 where that is not known.
    pub(in crate::broker::groups) since_ms: i64,
    pub(in crate::broker::groups) members: Vec<ClassicMemberValue>,
}

/// One of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) struct ClassicMemberValue {
    pub(in crate::broker::groups) id: String,
    pub(in crate::broker::groups) instance: Option<String>,
    pub(in crate::broker::groups) client_id: String,
    pub(in crate::broker::groups) client_host: String,
    pub(in crate::broker::groups) rebalance_timeout_ms: i32,
    pub(in crate::broker::groups) session_timeout_ms: i32,
    pub(in crate::broker::groups) subscription: Bytes,
    pub(in crate::broker::groups) assignment: Bytes,
}

impl ClassicValue {
    pub(in crate::broker::groups) fn write(&self) -> Bytes {
        let mut writer = Writer::versioned(VERSION);
        writer.string(&self.protocol_type);
        writer.i32(self.generation);
        writer.nullable_string(self.protocol.as_deref());
        writer.nullable_string(self.leader.as_deref());
        writer.i64(self.since_ms);
        writer.i32(self.members.len() as i32);
        for member in &self.members {
            writer.string(&member.id);
            writer.nullable_string(member.instance.as_deref());
            writer.string(&member.client_id);
            writer.string(&member.client_host);
            writer.i32(member.rebalance_timeout_ms);
            writer.i32(member.session_timeout_ms);
            writer.bytes(&member.subscription);
            writer.bytes(&member.assignment);
        }
        writer.done()
    }

    pub(in crate::broker::groups) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.i16()? != VERSION {
            return None;
        }
        let mut value = Self {
            protocol_type: reader.string()?,
            generation: reader.i32()?,
            protocol: reader.nullable_string()?,
            leader: reader.nullable_string()?,
            since_ms: reader.i64()?,
            members: Vec::new(),
        };
        for _ in 0..reader.i32()? {
            value.members.push(ClassicMemberValue {
                id: reader.string()?,
                instance: reader.nullable_string()?,
                client_id: reader.string()?,
                client_host: reader.string()?,
                rebalance_timeout_ms: reader.i32()?,
                session_timeout_ms: reader.i32()?,
                subscription: reader.bytes()?,
                assignment: reader.bytes()?,
            });
        }
        Some(value)
    }
}
