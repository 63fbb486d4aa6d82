//! An offset that a group has committed (`OffsetCommitValue` in Apache Kafka).

use bytes::Bytes;
use uuid::Uuid;

use super::codec::{Reader, Writer};

/// What 4.3 writes: the first flexible version.
const VERSION: i16 = 4;

/// What was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) struct OffsetValue {
    pub(in crate::broker::groups) offset: i64,
    pub(in crate::broker::groups) leader_epoch: i32,
    pub(in crate::broker::groups) metadata: String,
    pub(in crate::broker::groups) timestamp_ms: i64,
    /// Nil where it is not known.
    pub(in crate::broker::groups) topic_id: Uuid,
}

impl OffsetValue {
    pub(in crate::broker::groups) fn write(&self) -> Bytes {
        let mut writer = Writer::versioned(VERSION);
        writer.i64(self.offset);
        writer.i32(self.leader_epoch);
        writer.compact_string(&self.metadata);
        writer.i64(self.timestamp_ms);
        if self.topic_id.is_nil() {
            writer.no_tags();
        } else {
            writer.tag(|field| field.uuid(self.topic_id));
        }
        writer.done()
    }

    pub(in crate::broker::groups) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.i16()? != VERSION {
            return None;
        }
        Some(Self {
            offset: reader.i64()?,
            leader_epoch: reader.i32()?,
            metadata: reader.compact_string()?,
            timestamp_ms: reader.i64()?,
            topic_id: match reader.tag()? {
                Some(mut field) => field.uuid()?,
                None => Uuid::nil(),
            },
        })
    }
}
