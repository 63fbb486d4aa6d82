//! The checkpoint files that the last life of a broker left.

use std::collections::BTreeMap;

use crate::broker::settings::DIRECTORY;
use crate::log::Opening;
use crate::log::checkpoints::{self, Malformed};
use crate::sim::disk::Disk;

/// Offsets by topic and partition, as a checkpoint file holds them.
type Offsets = BTreeMap<(String, i32), i64>;

/// What the checkpoint files of the last life say.
#[derive(Clone, Debug)]
pub(in crate::broker) struct Checkpoints {
    /// Up to where consumers could read.
    pub(in crate::broker) high_watermarks: Result<Offsets, Malformed>,
    recovery_points: Result<Offsets, Malformed>,
    log_starts: Result<Offsets, Malformed>,
    /// The broker was stopped, not killed.
    clean: bool,
    /// The broker epoch of the former life, if it stopped cleanly; -1 otherwise.
    pub(super) broker_epoch: i64,
}

impl Default for Checkpoints {
    fn default() -> Self {
        let empty = || Ok(Offsets::new());
        Self { high_watermarks: empty(), recovery_points: empty(), log_starts: empty(), clean: false, broker_epoch: -1 }
    }
}

impl Checkpoints {
    /// Reads them, and makes those that are not there.
    pub(in crate::broker) fn read(disk: &mut Disk) -> Checkpoints {
        let mut offsets = |name: &str| {
            let path = path(name);
            // An empty file takes no room: it is refused only where there is one already.
            let _ = disk.create(&path);
            checkpoints::read_offsets(disk, &path)
        };
        let high_watermarks = offsets(checkpoints::HIGH_WATERMARKS);
        let recovery_points = offsets(checkpoints::RECOVERY_POINTS);
        let log_starts = offsets(checkpoints::LOG_STARTS);
        let shutdown = checkpoints::read_clean_shutdown(disk, DIRECTORY);
        let (clean, broker_epoch) = (shutdown.is_some(), shutdown.unwrap_or(-1));
        Checkpoints { high_watermarks, recovery_points, log_starts, clean, broker_epoch }
    }

    /// What is wrong with those that are read when the logs are loaded. Kafka warns of each, takes its offsets for 0 and
    /// goes on (`LogManager.loadLogs`); yet an `IOException` has taken the directory offline by then, so that only what
    /// is no number is got over.
    pub(in crate::broker) fn malformed(&self) -> impl Iterator<Item = &Malformed> {
        [&self.recovery_points, &self.log_starts].into_iter().filter_map(|read| read.as_ref().err())
    }

    /// A log of that name is gone: another one that is called so has nothing to do with it.
    pub(super) fn forget(&mut self, topic: &str, partition: i32) {
        let key = (topic.to_owned(), partition);
        for offsets in [&mut self.high_watermarks, &mut self.recovery_points, &mut self.log_starts] {
            // What could not be read holds nothing.
            let Ok(offsets) = offsets else { continue };
            offsets.remove(&key);
        }
    }

    /// Only logs that are there when the broker begins have something to do with what was written down of their names
    /// (`LogManager.loadLogs`); one that is made later begins at 0.
    pub(super) fn keep(&mut self, directories: &[String]) {
        for offsets in [&mut self.high_watermarks, &mut self.recovery_points, &mut self.log_starts] {
            // What could not be read holds nothing.
            let Ok(offsets) = offsets else { continue };
            offsets.retain(|(topic, partition), _| directories.contains(&format!("{topic}-{partition}")));
        }
    }

    /// How a log is to be opened.
    pub(in crate::broker) fn opening(&self, topic: &str, partition: i32) -> Opening {
        let key = (topic.to_owned(), partition);
        let of = |read: &Result<Offsets, Malformed>| read.as_ref().ok()?.get(&key).copied();
        Opening {
            clean: self.clean,
            recovery_point: of(&self.recovery_points).unwrap_or(0),
            log_start_offset: of(&self.log_starts).unwrap_or(0),
            ..Opening::default()
        }
    }
}

/// Where one of them is.
pub(super) fn path(name: &str) -> String {
    format!("{DIRECTORY}/{name}")
}
