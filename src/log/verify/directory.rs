//! A log directory: its partitions and the files beside them.

use std::collections::BTreeMap;
use std::io;

use uuid::Uuid;

use super::checkpoint::{self, CHECKPOINTS, Offsets};
use super::image::{Fate, Image};
use super::partition::{self, Extent};
use super::place::Place;
use super::place::{CHECKPOINT, METADATA, QUORUM_STATE};
use super::properties::{self, Owner};
use super::quorum::{self, BOOTSTRAP};
use super::start::Start;
use super::{GOES_OFFLINE, Report, small_file, small_text};
use crate::log::checkpoints::{CLEAN_SHUTDOWN, META_PROPERTIES, RECOVERY_POINTS};
use crate::log::partition_metadata::{self, PARTITION_METADATA};
use crate::log::source::Folder;

/// Files in a log directory that are not its partitions' own and not checkpoints.
const OTHERS: [&str; 5] = [META_PROPERTIES, CLEAN_SHUTDOWN, ".lock", BOOTSTRAP, "_rlmm_committed_offsets"];

/// Checks the files of a partition's directory against each other.
pub fn partition(folder: &dyn Folder) -> io::Result<Report> {
    // Only the log of the cluster's metadata has these beside it.
    let of_metadata = |name: &String| name == QUORUM_STATE || name.ends_with(CHECKPOINT);
    if folder.names()?.iter().any(of_metadata) {
        return Ok(quorum::examine(folder)?.0);
    }
    Ok(partition::examine(folder, Start::Unknown)?.0)
}

/// Checks a log directory: `root` itself, and the directories in it by their names.
pub fn log_directory(root: &dyn Folder, directories: &BTreeMap<String, &dyn Folder>) -> io::Result<Report> {
    let mut report = Report::default();
    let owner = read_properties(root, directories, &mut report)?;
    let mut offsets = Vec::new();
    for checkpoint in &CHECKPOINTS {
        offsets.extend(checkpoint::read(root, checkpoint, &mut report)?.map(|read| (checkpoint, read)));
    }
    let recovery_points = offsets.iter().find(|(checkpoint, _)| checkpoint.file == RECOVERY_POINTS);
    let recovery_points = recovery_points.map(|(_, (_, offsets))| offsets);
    let is_clean = root.open(CLEAN_SHUTDOWN)?.is_some();
    // Whatever stands in it: it is there (`CleanShutdownFileHandler.exists`).
    report.files += u64::from(is_clean);

    let mut examined = Examined::default();
    for (name, folder) in directories {
        let start = start(is_clean, Place::of(name), recovery_points);
        examine(name, *folder, start, &mut examined, &mut report)?;
    }
    check_duplicates(directories, &mut report);
    let ids = topic_ids(directories)?;
    check_topic_ids(&ids, owner.as_ref(), &examined, &mut report);
    for (checkpoint, read) in &offsets {
        checkpoint::compare(checkpoint, read, &examined.extents, &mut report);
    }
    quorum::check_bootstrap(root, &mut report)?;
    check_names(root, &mut report)?;
    Ok(report)
}

/// What was found out about the logs.
#[derive(Default)]
struct Examined<'a> {
    extents: BTreeMap<(&'a str, i32), Extent>,
    /// Of the cluster's metadata, where it is here and can be read.
    image: Option<Image>,
}

fn start(is_clean: bool, place: Place<'_>, recovery_points: Option<&Offsets>) -> Start {
    if is_clean {
        return Start::Clean;
    }
    let from = match place {
        Place::Log(topic, partition) | Place::Future(topic, partition) => {
            recovery_points.and_then(|points| points.get(&(topic.to_owned(), partition))).copied()
        }
        Place::Stray | Place::Leaving | Place::Metadata | Place::OfTieredStorage | Place::None => None,
    };
    Start::Recovers(from.unwrap_or(0))
}

fn examine<'a>(
    name: &'a str,
    folder: &dyn Folder,
    start: Start,
    examined: &mut Examined<'a>,
    report: &mut Report,
) -> io::Result<()> {
    let place = Place::of(name);
    match place {
        // What tiered storage keeps there is no log.
        Place::OfTieredStorage => return Ok(()),
        Place::Leaving => {
            report.note(name, "being deleted; a broker that starts goes on with it");
            report.take(name, partition::check_loading(folder)?);
            return Ok(());
        }
        Place::Metadata if name == METADATA => {
            let (found, image) = quorum::examine(folder)?;
            report.take(name, found);
            examined.image = image;
            return Ok(());
        }
        Place::Metadata => {
            report.note(name, "a broker passes it by, as it does the log of the cluster's metadata");
            return Ok(());
        }
        Place::None => {
            let about = "not in the form of topic-partition: a broker with it in its log.dirs does not start";
            report.find(name, None, about);
            if !partition::is_partition(folder) {
                return Ok(());
            }
        }
        Place::Stray => report.note(name, "set aside by a broker, to which it did not belong"),
        // Where a log should be: it is examined below.
        Place::Log(..) | Place::Future(..) => {}
    }
    let (found, extent) = partition::examine(folder, start)?;
    report.take(name, found);
    if let Place::Log(topic, number) | Place::Future(topic, number) = place {
        examined.extents.insert((topic, number), extent);
    }
    Ok(())
}

/// Two directories of one partition (`LogManager.loadLog`, `LogManager.recoverAbandonedFutureLogs`).
fn check_duplicates(directories: &BTreeMap<String, &dyn Folder>, report: &mut Report) {
    let mut seen: BTreeMap<(&str, i32, bool), &str> = BTreeMap::new();
    for name in directories.keys() {
        let key = match Place::of(name) {
            Place::Log(topic, number) => (topic, number, false),
            Place::Future(topic, number) => (topic, number, true),
            // Of those a broker takes any number.
            Place::Stray | Place::Leaving | Place::Metadata | Place::OfTieredStorage | Place::None => continue,
        };
        if let Some(first) = seen.insert(key, name) {
            report.find(name, None, format!("of the same partition as {first}: a broker does not start with both"));
        }
        if let (topic, number, true) = key
            && let Some(current) = directories.keys().find(|other| Place::of(other) == Place::Log(topic, number))
        {
            let about = format!(
                "on its way to this disk, where {current} is already, whose place it cannot take: {GOES_OFFLINE}"
            );
            report.find(name, None, about);
        }
    }
}

/// The topic id of each partition that a broker would serve, by the directory; `None` without the file. One that is
/// malformed was told with the partition.
type TopicIds<'a> = BTreeMap<&'a str, (&'a str, i32, Option<Uuid>)>;

fn topic_ids<'a>(directories: &'a BTreeMap<String, &dyn Folder>) -> io::Result<TopicIds<'a>> {
    let mut ids = BTreeMap::new();
    for (directory, folder) in directories {
        // Of others nobody asks for an id.
        let (Place::Log(topic, number) | Place::Future(topic, number)) = Place::of(directory) else { continue };
        match small_text(*folder, PARTITION_METADATA, &mut Report::default())? {
            Some(text) => {
                if let Ok(id) = partition_metadata::decode(&text) {
                    ids.insert(directory.as_str(), (topic, number, Some(id)));
                }
            }
            None if folder.open(PARTITION_METADATA)?.is_none() => _ = ids.insert(directory, (topic, number, None)),
            // It is no text.
            None => {}
        }
    }
    Ok(ids)
}

/// A broker serves a partition whose topic id the cluster's metadata gives to it, and renames the directory of any other
/// (`BrokerMetadataPublisher.initializeManagers`).
fn check_topic_ids(ids: &TopicIds<'_>, owner: Option<&Owner>, examined: &Examined<'_>, report: &mut Report) {
    // Brokers with ZooKeeper served partitions without an id, too.
    let has_ids = match owner {
        _ if examined.image.is_some() => true,
        Some(owner) => owner.version > 0,
        None => ids.values().any(|(_, _, id)| id.is_some()),
    };
    let mut of_topic: BTreeMap<&str, (Uuid, &str)> = BTreeMap::new();
    let mut of_id: BTreeMap<Uuid, &str> = BTreeMap::new();
    for (directory, &(topic, number, id)) in ids {
        let file = format!("{directory}/{PARTITION_METADATA}");
        let Some(id) = id else {
            let is_empty = examined.extents.get(&(topic, number)).is_none_or(|extent| !extent.has_batches);
            check_missing_id(&file, has_ids, is_empty, report);
            continue;
        };
        let first_topic = *of_id.entry(id).or_insert(topic);
        let (first_id, first) = *of_topic.entry(topic).or_insert((id, directory));
        if let (Some(image), Some(owner)) = (&examined.image, owner) {
            tell_fate(&file, image.fate(topic, id, number, owner.node_id), report);
        } else if first_id != id {
            report.find(
                &file,
                None,
                format!("another topic id than that of {first}: {BECOMES_STRAY}, or the other one"),
            );
        } else if first_topic != topic {
            report.find(
                &file,
                None,
                format!("the topic id is that of {first_topic}, too: a broker serves one of the two"),
            );
        }
    }
}

fn tell_fate(file: &str, fate: Fate, report: &mut Report) {
    let why = match fate {
        // There is nothing to tell.
        Fate::Kept => return,
        Fate::Forgotten => {
            return report
                .note(file, "the cluster's metadata knows no topic of that name: nobody asks a broker for it");
        }
        Fate::NotServed => {
            let about = "the topic id is that of another topic: a broker starts and does not serve the partition";
            return report.find(file, None, about);
        }
        Fate::Unknown => "the cluster's metadata knows no partition of that topic id",
        Fate::OfOthers => "the cluster's metadata gives the partition to other brokers",
    };
    report.find(file, None, format!("{why}: {BECOMES_STRAY}"));
}

/// What a broker does with a partition that it does not take for its own.
const BECOMES_STRAY: &str = "a broker that starts renames the directory to -stray, and the records go out of service";

fn check_missing_id(file: &str, has_ids: bool, is_empty: bool, report: &mut Report) {
    if !has_ids {
        report.note(file, "missing, as of brokers with ZooKeeper: one without it renames such directories to -stray");
    } else if is_empty {
        // A broker writes the file before the first record.
        report.note(file, "missing: a broker that starts renames the directory, which holds no records, to -stray");
    } else {
        report.find(file, None, format!("missing: {BECOMES_STRAY}"));
    }
}

/// Files that stand in a log directory beside its partitions.
fn check_names(root: &dyn Folder, report: &mut Report) -> io::Result<()> {
    for name in root.names()? {
        let is_known = CHECKPOINTS.iter().map(|checkpoint| checkpoint.file).chain(OTHERS).any(|known| known == name);
        if !is_known && !name.ends_with(".tmp") {
            report.note(&name, "no name that a broker gives; it was not looked at");
        }
    }
    Ok(())
}

fn read_properties(
    root: &dyn Folder,
    directories: &BTreeMap<String, &dyn Folder>,
    report: &mut Report,
) -> io::Result<Option<Owner>> {
    let name = META_PROPERTIES;
    let Some(text) = small_file(root, name, report)? else {
        if !directories.is_empty() || root.open(CLEAN_SHUTDOWN)?.is_some() {
            report.note(name, "missing: a node does not start before the directory is formatted");
        }
        return Ok(None);
    };
    match properties::owner(&text) {
        Ok(owner) => Ok(Some(owner)),
        Err(why) => {
            report.find(name, None, format!("{why}: a node does not start with it"));
            Ok(None)
        }
    }
}
