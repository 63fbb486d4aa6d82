//! Replicas that go with their topics, and what is found of those that went while the broker was down
//! (Kafka: `ReplicaManager.stopPartitions`, `LogManager.asyncDelete`, `isStrayKraftReplica`).
//!
//! A deleted log's directory is renamed at once, so that its name is free, and removed after `file.delete.delay.ms`. A log that
//! is on the disk and in no metadata was deleted behind the broker's back: it is renamed and kept, for a person to look at.

use uuid::Uuid;

use super::doomed::Doomed;
use super::storage::milliseconds;
use super::{DIRECTORY, ReplicaManager};
use crate::broker::context::Context;
use crate::broker::timer::BrokerTimer;
use crate::log::partition_metadata;
use crate::note::Note;
use crate::sim::{MILLISECOND, Time};
use crate::wire::TopicPartition;

/// What the name of a directory ends in whose log is deleted (`UnifiedLog.DELETE_DIR_SUFFIX`).
const DELETED: &str = "-delete";
/// The same of one that is in no metadata (`STRAY_DIR_SUFFIX`).
const STRAY: &str = "-stray";

impl ReplicaManager {
    /// Stops a replica whose topic is deleted, and renames its directory.
    pub(in crate::broker) fn delete(&mut self, partition: TopicPartition, context: &mut Context<'_>) {
        let topic = self.image.topics.name_of(partition.topic).to_owned();
        self.forget_cleaning(partition, context);
        let replica = self.all.remove(&partition).expect("a replica that is deleted is here");
        self.isr_changes.remove(&partition);
        self.isr_retries.remove(&partition);
        self.deleting.remove(&partition);
        self.checkpoint_is_stale = true;
        self.forget_checkpoints(&topic, partition.partition);
        let delay_ms = replica.log.config().file_delete_delay_ms;
        let name = format!("{topic}-{}", partition.partition);
        let directory = self.rename(&name, DELETED, context);
        let due_ms = milliseconds(context.wall_clock()).saturating_add(delay_ms);
        self.doomed.push(Doomed { due_ms, directory });
        self.write_recovery_points(context);
        self.write_log_starts(context);
        self.wait_for_directories(context);
    }

    /// What was being deleted when the former life ended is deleted in this one (`LogManager.loadLog`).
    pub(super) fn find_deleted(&mut self, context: &mut Context<'_>) {
        let now_ms = milliseconds(context.wall_clock());
        let deleted = directories(context).into_iter().filter(|name| name.ends_with(DELETED));
        let doomed: Vec<Doomed> =
            deleted.map(|name| Doomed { due_ms: now_ms, directory: format!("{DIRECTORY}/{name}") }).collect();
        self.doomed.extend(doomed);
        self.wait_for_directories(context);
    }

    /// Logs of topics, or of partitions, that are not this broker's are put aside.
    pub(super) fn find_strays(&mut self, context: &mut Context<'_>) {
        for name in directories(context) {
            if name.ends_with(DELETED) || name.ends_with(STRAY) || !self.is_stray(&name, context) {
                continue;
            }
            let kept_as = self.rename(&name, STRAY, context);
            let why = format!("found stray log dir {name}: it is in no metadata, and kept as {kept_as}");
            context.note(Note::StorageWarning { broker: self.settings.id, why });
        }
        self.keep_checkpoints_of(&directories(context));
    }

    /// `LogManager.isStrayKraftReplica`. A directory without an id, as an old log may be, is nobody's but its name's.
    fn is_stray(&self, name: &str, context: &mut Context<'_>) -> bool {
        // A directory that is named otherwise is no replica's.
        let Some((topic, partition)) = name.rsplit_once('-') else { return false };
        let Ok(partition) = partition.parse() else { return false };
        // A file that cannot be read is found to be wrong when the log is opened.
        let Ok(id) = partition_metadata::read(context.disk(), &format!("{DIRECTORY}/{name}")) else { return false };
        let known = id.map_or_else(|| self.image.topics.named(topic), |id| self.image.topics.with_id(id));
        let image = known.and_then(|topic| self.image.partition(TopicPartition { topic, partition }));
        image.is_none_or(|image| !image.replicas.contains(&self.settings.id))
    }

    /// Renames a log's directory to `<name>.<unique id><suffix>`, and says what it is called now.
    fn rename(&mut self, name: &str, suffix: &str, context: &mut Context<'_>) -> String {
        let (high, low) = (context.random().next_u64(), context.random().next_u64());
        let unique = Uuid::from_u64_pair(high, low).simple();
        let (from, to) = (format!("{DIRECTORY}/{name}/"), format!("{DIRECTORY}/{name}.{unique}{suffix}"));
        let disk = context.disk();
        let files: Vec<String> = disk.list(&from).map(str::to_owned).collect();
        for file in files {
            let renamed = format!("{to}/{}", &file[from.len()..]);
            if let Err(error) = disk.rename(&file, &renamed) {
                self.log_dir_failed(format_args!("error while renaming dir for {name}"), error);
            }
        }
        to
    }

    /// Removes the directories whose time has come.
    pub(in crate::broker) fn remove_directories(&mut self, context: &mut Context<'_>) {
        let now_ms = milliseconds(context.wall_clock());
        let (due, later) = std::mem::take(&mut self.doomed).into_iter().partition(|doomed| doomed.due_ms <= now_ms);
        self.doomed = later;
        let due: Vec<Doomed> = due;
        for Doomed { directory, .. } in due {
            let files: Vec<String> = context.disk().list(&format!("{directory}/")).map(str::to_owned).collect();
            files.iter().for_each(|file| _ = context.disk().remove(file));
        }
        self.wait_for_directories(context);
    }

    fn wait_for_directories(&self, context: &mut Context<'_>) {
        if let Some(due_ms) = self.doomed.iter().map(|doomed| doomed.due_ms).min() {
            let wait_ms = due_ms.saturating_sub(milliseconds(context.wall_clock())).max(1);
            let wait = Time::try_from(wait_ms).unwrap_or(1).saturating_mul(MILLISECOND);
            context.set_timer(BrokerTimer::LogDirs, context.after(wait));
        }
    }
}

/// The directories of logs, in order of their names.
fn directories(context: &mut Context<'_>) -> Vec<String> {
    let prefix = format!("{DIRECTORY}/");
    let mut names: Vec<String> = Vec::new();
    for file in context.disk().list(&prefix) {
        let directory = file[prefix.len()..].split_once('/').map(|(directory, _)| directory);
        if let Some(directory) = directory.filter(|directory| names.last().map(String::as_str) != Some(*directory)) {
            names.push(directory.to_owned());
        }
    }
    names
}
