//! Opening a log: `LogLoader` in Apache Kafka. After an unclean stop every batch behind the recovery point is read and
//! checked; what is torn or damaged is cut off, and with it all that follows.

use std::sync::Arc;

use super::checkpoints;
use super::config::LogConfig;
use super::epochs::{self, LeaderEpochs, MalformedEpochs};
use super::error::OpenError;
use super::producers::ProducerSettings;
use super::replica::{ReplicaLog, file_offsets};
use super::segment::{self, Segment};
use crate::sim::disk::{Disk, DiskError};

impl ReplicaLog {
    /// Opens the log in a directory, or begins one. `clean` says whether the last shutdown was; `recovery_point` and
    /// `log_start` are those of the checkpoints (0 if there are none).
    pub fn open(
        disk: &mut Disk,
        directory: &str,
        config: LogConfig,
        clean: bool,
        recovery_point: i64,
        log_start: i64,
    ) -> Result<ReplicaLog, OpenError> {
        remove_leftovers(disk, directory);
        let mut epochs = read_epochs(disk, directory)?;
        let known_epochs = epochs.clone();
        let mut segments = Vec::new();
        for base_offset in file_offsets(disk, directory, "log") {
            let indexed = disk.open(&segment::path(directory, base_offset, "index")).is_some();
            let mut segment = Segment::open(disk, directory, base_offset, 0)?;
            if !indexed {
                recover(&mut segment, disk, &config, &mut epochs)?;
            }
            segments.push(segment);
        }
        if !clean {
            recover_from(&mut segments, disk, directory, &config, recovery_point, &mut epochs)?;
        }
        let active = segments.pop();
        let active = match active {
            Some(active) => active,
            None => Segment::open(disk, directory, log_start, 0)?,
        };
        let mut log = ReplicaLog {
            directory: directory.into(),
            config: Arc::new(config),
            sealed_bytes: segments.iter().map(|segment| u64::from(segment.size())).sum(),
            sealed: Arc::new(segments),
            active,
            epochs: Arc::new(epochs),
            producer_settings: ProducerSettings::default(),
            producers: Self::find_snapshots(disk, directory),
            log_start_offset: 0,
            log_end_offset: 0,
            high_watermark: 0,
            high_watermark_is_loose: true,
            first_unstable_offset: None,
            recovery_point: 0,
        };
        log.log_end_offset = log.active.load_end(disk);
        if log.log_end_offset < log_start {
            // The start was moved behind what is left (DeleteRecords, then a loss): nothing of it may be read.
            log.truncate_fully_and_start_at(disk, log_start, None)?;
        }
        let first_base_offset = log.segments().next().map_or(0, |first| first.base_offset);
        log.log_start_offset = log_start.max(first_base_offset);
        log.high_watermark = log.log_start_offset;
        log.recovery_point = if clean { log.log_end_offset } else { recovery_point.min(log.log_end_offset) };
        let cache = Arc::make_mut(&mut log.epochs);
        cache.truncate_from_end(log.log_end_offset);
        cache.truncate_from_start(log.log_start_offset);
        if *log.epochs != known_epochs {
            log.write_epochs(disk)?;
        }
        log.rebuild_producers(disk, log.log_end_offset, clean)?;
        log.update_first_unstable_offset(disk);
        Ok(log)
    }
}

/// Files of work that was not finished: of deletions, of a cleaner, and indexes whose log is gone.
fn remove_leftovers(disk: &mut Disk, directory: &str) {
    let prefix = format!("{directory}/");
    let logs = file_offsets(disk, directory, "log");
    let is_leftover = |path: &str| {
        let name = &path[prefix.len()..];
        let orphan = [".index", ".timeindex", ".txnindex"].iter().any(|extension| {
            name.strip_suffix(extension)
                .and_then(|base| base.parse().ok())
                .is_some_and(|base: i64| !logs.contains(&base))
        });
        orphan || name.ends_with(".deleted") || name.ends_with(".cleaned") || name.ends_with(".tmp")
    };
    let gone: Vec<String> = disk.list(&prefix).filter(|path| is_leftover(path)).map(str::to_owned).collect();
    for path in gone {
        disk.remove(&path);
    }
}

fn read_epochs(disk: &Disk, directory: &str) -> Result<LeaderEpochs, MalformedEpochs> {
    let path = format!("{directory}/{}", epochs::FILE_NAME);
    match checkpoints::text(disk, &path) {
        Ok(None) => Ok(LeaderEpochs::default()),
        Ok(Some(text)) => LeaderEpochs::decode(&text),
        Err(_) => Err(MalformedEpochs::Shape),
    }
}

/// Checks the segments behind the recovery point. The first that had to be cut is the last that stays.
fn recover_from(
    segments: &mut Vec<Segment>,
    disk: &mut Disk,
    directory: &str,
    config: &LogConfig,
    recovery_point: i64,
    epochs: &mut LeaderEpochs,
) -> Result<(), DiskError> {
    let first = segments.partition_point(|segment| segment.base_offset <= recovery_point).saturating_sub(1);
    for i in first..segments.len() {
        if recover(&mut segments[i], disk, config, epochs)? > 0 {
            for gone in segments.drain(i + 1..) {
                Segment::remove(disk, directory, gone.base_offset);
            }
            break;
        }
    }
    Ok(())
}

/// Recovers one segment; epochs that its batches show and the checkpoint does not are taken in.
fn recover(
    segment: &mut Segment,
    disk: &mut Disk,
    config: &LogConfig,
    epochs: &mut LeaderEpochs,
) -> Result<u64, DiskError> {
    segment.recover(disk, config, |header, _| {
        if epochs.latest().is_none_or(|latest| header.partition_leader_epoch > latest) {
            let _ = epochs.assign(header.partition_leader_epoch, header.base_offset);
        }
    })
}
