//! Which replicas the cluster's metadata gives to whom, as far as the records in a node's `__cluster_metadata-0` say it
//! (`TopicRecord`, `PartitionRecord`, `PartitionChangeRecord` and `RemoveTopicRecord` in Apache Kafka).

use std::collections::BTreeMap;
use std::io;

use uuid::Uuid;

use super::frame;
use crate::log::batch::Body;
use crate::log::dump::cursor::{Cursor, Fault};
use crate::log::source::{Folder, Window};

/// The replicas of all partitions.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    names: BTreeMap<Uuid, Vec<u8>>,
    replicas: BTreeMap<Uuid, BTreeMap<i32, Vec<i32>>>,
}

/// What becomes of a replica's directory when its broker starts (`LogManager.isStrayReplica`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    /// The topic id is another topic's: the broker starts and does not serve the partition (`InconsistentTopicIdException`).
    NotServed,
    /// There is no topic of that name, and nobody asks for it.
    Forgotten,
    /// There is no topic or partition of that id.
    Unknown,
    /// It belongs to other brokers.
    OfOthers,
}

impl Image {
    /// Reads the latest snapshot, if there is one, and the segments behind it. `None` where something cannot be read.
    pub(super) fn read(
        folder: &dyn Folder,
        snapshot: Option<(&str, i64)>,
        segments: &[String],
    ) -> io::Result<Option<Image>> {
        let mut image = Image::default();
        if let Some((name, _)) = snapshot
            && !image.read_file(folder, name, i64::MIN)?
        {
            return Ok(None);
        }
        let from = snapshot.map_or(i64::MIN, |(_, end_offset)| end_offset);
        for name in segments {
            if !image.read_file(folder, name, from)? {
                return Ok(None);
            }
        }
        Ok(Some(image))
    }

    fn read_file(&mut self, folder: &dyn Folder, name: &str, from: i64) -> io::Result<bool> {
        // A file that is gone or damaged leaves nothing to go by.
        let Some(source) = folder.open(name)? else { return Ok(false) };
        let mut window = Window::new(source);
        let mut at = 0;
        while at < window.len() {
            // As above.
            let Ok(frame) = frame::frame(&mut window, at)? else { return Ok(false) };
            let bytes = window.get(at, frame.size as usize)?;
            if frame::fault(bytes, &frame).is_some() || self.read_batch(bytes, from).is_none() {
                return Ok(false);
            }
            at += frame.size;
        }
        Ok(true)
    }

    fn read_batch(&mut self, bytes: &[u8], from: i64) -> Option<()> {
        let body = Body::of(bytes).ok()?;
        if body.header().is_control() {
            return Some(());
        }
        for record in body.records().ok()? {
            let record = record.ok()?;
            if record.offset >= from {
                self.take(record.value.unwrap_or_default()).ok()?;
            }
        }
        Some(())
    }

    /// Takes in a record: the version of its frame, its type and its version come before its fields.
    fn take(&mut self, value: &[u8]) -> Result<(), Fault> {
        let mut record = Cursor::new(value);
        let [_, kind, _] = [record.unsigned_varint()?, record.unsigned_varint()?, record.unsigned_varint()?];
        match kind {
            2 => {
                let name_size = record.unsigned_varint()?.saturating_sub(1);
                let name = record.bytes(usize::try_from(name_size).unwrap_or(usize::MAX))?.to_vec();
                self.names.insert(uuid(&mut record)?, name);
            }
            3 => {
                let (partition, topic) = (record.int()?, uuid(&mut record)?);
                let replicas = ints(&mut record)?;
                self.replicas.entry(topic).or_default().insert(partition, replicas);
            }
            5 => {
                let (partition, topic) = (record.int()?, uuid(&mut record)?);
                if let Some(replicas) = changed_replicas(&mut record)? {
                    self.replicas.entry(topic).or_default().insert(partition, replicas);
                }
            }
            9 => {
                let topic = uuid(&mut record)?;
                self.names.remove(&topic);
                self.replicas.remove(&topic);
            }
            // Records of other kinds say nothing about replicas.
            _ => {}
        }
        Ok(())
    }

    /// Whether a record is that of the metadata's version (`FeatureLevelRecord`).
    pub(super) fn is_metadata_version(value: &[u8]) -> bool {
        let read = || -> Result<(u32, &[u8]), Fault> {
            let mut record = Cursor::new(value);
            let [_, kind, _] = [record.unsigned_varint()?, record.unsigned_varint()?, record.unsigned_varint()?];
            let name_size = record.unsigned_varint()?.saturating_sub(1);
            Ok((kind, record.bytes(usize::try_from(name_size).unwrap_or(usize::MAX))?))
        };
        const FEATURE_LEVEL: u32 = 12;
        read().is_ok_and(|(kind, name)| kind == FEATURE_LEVEL && name == b"metadata.version")
    }

    /// What becomes of a replica on a node.
    pub(super) fn fate(&self, name: &str, topic: Uuid, partition: i32, node: i32) -> Fate {
        let is_named = |known: &Vec<u8>| known == name.as_bytes();
        match self.replicas.get(&topic).and_then(|partitions| partitions.get(&partition)) {
            None => Fate::Unknown,
            Some(replicas) if !replicas.contains(&node) => Fate::OfOthers,
            Some(_) if self.names.get(&topic).is_some_and(is_named) => Fate::Kept,
            Some(_) if self.names.values().any(is_named) => Fate::NotServed,
            Some(_) => Fate::Forgotten,
        }
    }
}

/// The tagged field of a changed partition that holds its replicas.
fn changed_replicas(record: &mut Cursor<'_>) -> Result<Option<Vec<i32>>, Fault> {
    const REPLICAS: u32 = 2;
    let mut replicas = None;
    for _ in 0..record.unsigned_varint()? {
        let (tag, size) = (record.unsigned_varint()?, record.unsigned_varint()?);
        let field = record.bytes(usize::try_from(size).unwrap_or(usize::MAX))?;
        if tag == REPLICAS {
            replicas = Some(ints(&mut Cursor::new(field))?);
        }
    }
    Ok(replicas)
}

fn uuid(record: &mut Cursor<'_>) -> Result<Uuid, Fault> {
    Ok(Uuid::from_bytes(record.array()?))
}

fn ints(record: &mut Cursor<'_>) -> Result<Vec<i32>, Fault> {
    (1..record.unsigned_varint()?).map(|_| record.int()).collect()
}
