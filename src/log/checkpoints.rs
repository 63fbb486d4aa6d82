//! The small text files of a log directory and of a partition's directory, in Kafka's formats.

use std::collections::BTreeMap;
use std::fmt::Write;

use uuid::Uuid;

use super::partition_metadata::{parse_uuid, uuid_text};
pub use super::text_file::{Malformed, replace, text};
use crate::sim::disk::{Disk, DiskError};

/// Up to where each partition is known to be on the medium.
pub const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// The high watermark of each partition.
pub const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
/// The log start offset of each partition whose first segment begins before it.
pub const LOG_STARTS: &str = "log-start-offset-checkpoint";
/// There after a clean shutdown only.
pub const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
/// Whose log directory this is.
pub const META_PROPERTIES: &str = "meta.properties";

/// Why a text holds no offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoOffsets {
    /// Its version, its count or a line.
    Shape,
    /// A partition or an offset.
    NotANumber,
}

/// Writes a checkpoint of offsets by topic and partition (`OffsetCheckpointFile`, version 0).
pub fn write_offsets<'a>(
    disk: &mut Disk,
    path: &str,
    offsets: impl ExactSizeIterator<Item = (&'a str, i32, i64)>,
) -> Result<(), DiskError> {
    let mut out = format!("0\n{}\n", offsets.len());
    for (topic, partition, offset) in offsets {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{topic} {partition} {offset}");
    }
    replace(disk, path, &out)
}

/// Reads such a checkpoint; a file that is not there holds nothing.
pub fn read_offsets(disk: &Disk, path: &str) -> Result<BTreeMap<(String, i32), i64>, Malformed> {
    let Some(text) = text(disk, path)? else { return Ok(BTreeMap::new()) };
    decode_offsets(&text).map_err(|why| match why {
        NoOffsets::Shape => Malformed::Shape(path.to_owned()),
        NoOffsets::NotANumber => Malformed::NotANumber(path.to_owned()),
    })
}

/// The offsets in the text of a checkpoint (`CheckpointFile.CheckpointReadBuffer`).
pub(super) fn decode_offsets(text: &str) -> Result<BTreeMap<(String, i32), i64>, NoOffsets> {
    let mut lines = text.lines();
    // Kafka leaves such a file where there was never anything to note.
    let Some(version) = lines.next() else { return Ok(BTreeMap::new()) };
    if version != "0" {
        return Err(NoOffsets::Shape);
    }
    // As Kafka reads a file that ends behind its version.
    let Some(count) = lines.next() else { return Ok(BTreeMap::new()) };
    let count: usize = count.parse().map_err(|_| NoOffsets::Shape)?;
    let entries = lines.map(decode_offset).collect::<Result<Vec<_>, _>>()?;
    if entries.len() != count {
        return Err(NoOffsets::Shape);
    }
    Ok(entries.into_iter().collect())
}

fn decode_offset(line: &str) -> Result<((String, i32), i64), NoOffsets> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[topic, partition, offset] = words.as_slice() else { return Err(NoOffsets::Shape) };
    let partition = partition.parse().map_err(|_| NoOffsets::NotANumber)?;
    Ok(((topic.to_owned(), partition), offset.parse().map_err(|_| NoOffsets::NotANumber)?))
}

/// Leaves the mark of a clean shutdown, with the broker epoch (KIP-966: it tells the controller on return).
pub fn write_clean_shutdown(disk: &mut Disk, directory: &str, broker_epoch: i64) -> Result<(), DiskError> {
    let text = format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}");
    replace(disk, &format!("{directory}/{CLEAN_SHUTDOWN}"), &text)
}

/// The broker epoch in the mark, -1 if it cannot be read; `None` if the shutdown was not clean.
pub fn read_clean_shutdown(disk: &Disk, directory: &str) -> Option<i64> {
    let path = format!("{directory}/{CLEAN_SHUTDOWN}");
    disk.open(&path)?;
    let text = text(disk, &path).map(Option::unwrap_or_default).unwrap_or_default();
    let broker_epoch = text.split_once("\"brokerEpoch\":").map_or("", |(_, rest)| rest.trim_end_matches('}'));
    Some(broker_epoch.trim().parse().unwrap_or(-1))
}

/// Takes the mark away, if it is there.
pub fn remove_clean_shutdown(disk: &mut Disk, directory: &str) {
    disk.remove(&format!("{directory}/{CLEAN_SHUTDOWN}"));
}

/// Who owns a log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster's id.
    pub cluster_id: String,
    /// The broker's id.
    pub node_id: i32,
    /// The directory's id (KIP-858).
    pub directory_id: Uuid,
}

impl MetaProperties {
    /// Writes `meta.properties` of a log directory, version 1. Java's Properties puts a date above; it means nothing.
    pub fn write(&self, disk: &mut Disk, directory: &str) -> Result<(), DiskError> {
        let MetaProperties { cluster_id, node_id, directory_id } = self;
        let directory_id = uuid_text(*directory_id);
        let text = format!("#\nnode.id={node_id}\ndirectory.id={directory_id}\nversion=1\ncluster.id={cluster_id}\n");
        replace(disk, &format!("{directory}/{META_PROPERTIES}"), &text)
    }

    /// Reads it; `None` if the directory was never formatted.
    pub fn read(disk: &Disk, directory: &str) -> Result<Option<MetaProperties>, Malformed> {
        let path = format!("{directory}/{META_PROPERTIES}");
        let Some(text) = text(disk, &path)? else { return Ok(None) };
        MetaProperties::decode(&text).map(Some).ok_or(Malformed::Shape(path))
    }

    /// Reads the text of `meta.properties`.
    pub fn decode(text: &str) -> Option<MetaProperties> {
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        Some(MetaProperties {
            cluster_id: value("cluster.id")?.to_owned(),
            node_id: value("node.id")?.parse().ok()?,
            directory_id: parse_uuid(value("directory.id")?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_kafkas_text_and_come_back() {
        let mut disk = Disk::default();
        write_offsets(&mut disk, RECOVERY_POINTS, [("ev", 1, 1), ("ev", 0, 10)].into_iter()).unwrap();
        assert_eq!(text(&disk, RECOVERY_POINTS).unwrap().unwrap(), "0\n2\nev 1 1\nev 0 10\n");
        let read = read_offsets(&disk, RECOVERY_POINTS).unwrap();
        assert_eq!(read.into_values().collect::<Vec<_>>(), [10, 1]);
        assert!(read_offsets(&disk, LOG_STARTS).unwrap().is_empty());
        replace(&mut disk, LOG_STARTS, "0\n2\nev 0 1\n").unwrap();
        assert_eq!(read_offsets(&disk, LOG_STARTS), Err(Malformed::Shape(LOG_STARTS.to_owned())));
        replace(&mut disk, LOG_STARTS, "0\n1\nev 0 x\n").unwrap();
        assert_eq!(read_offsets(&disk, LOG_STARTS), Err(Malformed::NotANumber(LOG_STARTS.to_owned())));
        for shape in ["7\n0\n", "x\n", "0\nx\n", "0\n1\nrubbish\n", "0\n5\nev 0 1\n"] {
            assert_eq!(decode_offsets(shape), Err(NoOffsets::Shape), "{shape:?}");
        }
        assert_eq!(decode_offsets(""), Ok(BTreeMap::new()));
    }

    #[test]
    fn properties_and_clean_shutdown_come_back() {
        let mut disk = Disk::default();
        let id = Uuid::from_u128(77);
        let meta = MetaProperties { cluster_id: "c".into(), node_id: 3, directory_id: id };
        meta.write(&mut disk, "d").unwrap();
        assert_eq!(MetaProperties::read(&disk, "d"), Ok(Some(meta)));
        write_clean_shutdown(&mut disk, "d", 12).unwrap();
        assert_eq!(read_clean_shutdown(&disk, "d"), Some(12));
        remove_clean_shutdown(&mut disk, "d");
        assert_eq!(read_clean_shutdown(&disk, "d"), None);
    }
}
