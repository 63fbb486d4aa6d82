//! A log directory: its partitions and the files beside them.

use std::collections::BTreeMap;
use std::io;

use super::partition::{self, Extent};
use super::{Report, small_text};
use crate::log::checkpoints::{self, CLEAN_SHUTDOWN, MetaProperties};
use crate::log::cleaner::manager::CLEANER_OFFSETS;
use crate::log::partition_metadata::{self, PARTITION_METADATA};
use crate::log::source::Folder;

/// The offsets of all partitions, and what each is of a partition.
const CHECKPOINTS: [(&str, &str); 4] = [
    (checkpoints::RECOVERY_POINTS, "recovery point"),
    (checkpoints::LOG_STARTS, "log start offset"),
    (checkpoints::HIGH_WATERMARKS, "high watermark"),
    (CLEANER_OFFSETS, "cleaner offset"),
];

/// Checks a log directory: `root` itself, and the directories in it by their names.
pub fn log_directory(root: &dyn Folder, directories: &BTreeMap<String, &dyn Folder>) -> io::Result<Report> {
    let mut report = Report::default();
    let mut extents = BTreeMap::new();
    for (name, folder) in directories {
        let place = Place::of(name);
        match place {
            // What tiered storage keeps there is no log.
            Place::OfTieredStorage => continue,
            Place::Leaving => {
                report.note(name, "being deleted; a broker that starts goes on with it");
                continue;
            }
            Place::None => {
                let about = "not in the form of topic-partition: a broker with it in its log.dirs does not start";
                report.find(name, None, about);
                if !partition::is_partition(*folder) {
                    continue;
                }
            }
            // Where a log should be: it is examined below.
            Place::Of(_) => {}
        }
        let (found, extent) = partition::examine(*folder)?;
        report.take(name, found);
        if let Place::Of(partition) = place {
            extents.insert(partition, extent);
        }
    }
    check_topic_ids(directories, &mut report)?;
    for (name, what) in CHECKPOINTS {
        check_offsets(root, name, what, &extents, &mut report)?;
    }
    check_names(root, &mut report)?;
    check_properties(root, &mut report)?;
    check_clean_shutdown(root, &mut report)?;
    Ok(report)
}

/// A directory that belongs to tiered storage (`RemoteIndexCache.DIR_NAME`).
const REMOTE_INDEXES: &str = "remote-log-index-cache";

/// What a broker takes a directory for, by its name; source: `UnifiedLog.parseTopicPartitionName` and `LogManager.loadLogs`.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// The log of this partition, also where it is on its way to this disk (`-future`) or no longer the broker's (`-stray`).
    Of(&'a str),
    /// A log whose files go.
    Leaving,
    OfTieredStorage,
    None,
}

impl Place<'_> {
    fn of(name: &str) -> Place<'_> {
        if name == REMOTE_INDEXES {
            return Place::OfTieredStorage;
        }
        let marked = ["-delete", "-future", "-stray"].iter().find(|mark| name.ends_with(**mark));
        let partition = match marked {
            Some(_) => name.rsplit_once('.').map_or("", |(partition, _)| partition),
            None => name,
        };
        let has_form = |(topic, number): (&str, &str)| !topic.is_empty() && number.parse::<i32>().is_ok();
        match marked {
            _ if !partition.rsplit_once('-').is_some_and(has_form) => Place::None,
            Some(&"-delete") => Place::Leaving,
            _ => Place::Of(partition),
        }
    }
}

fn check_offsets(
    root: &dyn Folder,
    name: &str,
    what: &str,
    extents: &BTreeMap<&str, Extent>,
    report: &mut Report,
) -> io::Result<()> {
    // A broker begins without checkpoints and writes them when they are due.
    let Some(text) = small_text(root, name, report)? else { return Ok(()) };
    let Ok(offsets) = checkpoints::decode_offsets(&text) else {
        report.find(name, None, "not a checkpoint: version, count and a line for each partition");
        return Ok(());
    };
    if text.is_empty() && !extents.is_empty() && name != CLEANER_OFFSETS {
        // A broker writes even one without entries anew, with a version and a count, a minute after its start.
        report.note(name, format!("empty: a broker that starts knows no {what} of any partition"));
    }
    for ((topic, partition), offset) in offsets {
        let directory = format!("{topic}-{partition}");
        match extents.get(directory.as_str()) {
            None => report.note(name, format!("{directory} is not in this directory")),
            Some(extent) if offset < 0 || offset > extent.log_end_offset => {
                let about =
                    format!("{what} {offset} of {directory} is not between 0 and its end, {}", extent.log_end_offset);
                report.find(name, line_at(&text, &format!("{topic} {partition} ")), about);
            }
            // It lies within the log.
            Some(_) => {}
        }
    }
    Ok(())
}

/// Where the line begins that begins with these words.
fn line_at(text: &str, words: &str) -> Option<u64> {
    let mut at = 0;
    text.split_inclusive('\n').find_map(|line| {
        let start = at;
        at += line.len() as u64;
        line.starts_with(words).then_some(start)
    })
}

/// All partitions of a topic have its id.
fn check_topic_ids(partitions: &BTreeMap<String, &dyn Folder>, report: &mut Report) -> io::Result<()> {
    let mut known: BTreeMap<&str, (uuid::Uuid, &str)> = BTreeMap::new();
    let mut topics: BTreeMap<uuid::Uuid, &str> = BTreeMap::new();
    for (directory, folder) in partitions {
        // Told already: no name of a partition.
        let Some((topic, number)) = directory.rsplit_once('-') else { continue };
        if number.parse::<i32>().is_err() {
            // A partition that is being deleted or moved.
            continue;
        }
        let text = small_text(*folder, PARTITION_METADATA, &mut Report::default())?;
        // An id that is missing or malformed is told with the partition.
        let Some(id) = text.and_then(|text| partition_metadata::decode(&text).ok()) else { continue };
        let of_id = *topics.entry(id).or_insert(topic);
        if of_id != topic {
            report.note(&format!("{directory}/{PARTITION_METADATA}"), format!("the topic id is that of {of_id}, too"));
        }
        let (first_id, first) = *known.entry(topic).or_insert((id, directory));
        if first_id != id {
            let file = format!("{directory}/{}", PARTITION_METADATA);
            report.note(&file, format!("another topic id than that of {first}"));
        }
    }
    Ok(())
}

/// Files that stand in a log directory beside its partitions.
fn check_names(root: &dyn Folder, report: &mut Report) -> io::Result<()> {
    const OTHERS: [&str; 4] = [checkpoints::META_PROPERTIES, CLEAN_SHUTDOWN, ".lock", "bootstrap.checkpoint"];
    for name in root.names()? {
        let is_known = CHECKPOINTS.iter().map(|(name, _)| *name).chain(OTHERS).any(|known| known == name);
        if !is_known && !name.ends_with(".tmp") {
            report.note(&name, "no name that a broker gives; it was not looked at");
        }
    }
    Ok(())
}

fn check_properties(root: &dyn Folder, report: &mut Report) -> io::Result<()> {
    let name = checkpoints::META_PROPERTIES;
    let Some(text) = small_text(root, name, report)? else {
        report.note(name, "missing: a node does not start where none of its directories has one");
        return Ok(());
    };
    if !text.lines().any(|line| line == "version=1") {
        report.find(name, None, "the version is not 1");
        return Ok(());
    }
    // A directory without an id is given one by the broker that starts (KIP-858).
    let has_id = text.lines().any(|line| line.starts_with("directory.id="));
    let nil = "\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAA";
    let text = if has_id { text } else { text + nil };
    if MetaProperties::decode(&text).is_none() {
        report.find(name, None, "needs node.id and cluster.id, and a directory.id that is one if there is any");
    }
    Ok(())
}

fn check_clean_shutdown(root: &dyn Folder, report: &mut Report) -> io::Result<()> {
    // The broker runs, or was killed.
    let Some(text) = small_text(root, CLEAN_SHUTDOWN, report)? else { return Ok(()) };
    let is_whole = serde_json::from_str::<serde_json::Value>(&text)
        .is_ok_and(|value| value["version"] == 0 && value["brokerEpoch"].is_i64());
    if !is_whole {
        report.find(CLEAN_SHUTDOWN, None, "not version 0 with a broker epoch");
    }
    Ok(())
}
