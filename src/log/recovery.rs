//! Opening a log: `LogLoader` in Apache Kafka. Work that a crash interrupted is finished or dropped by the names of its
//! files; after an unclean stop every batch behind the recovery point is read and checked, and what is torn or damaged is
//! cut off with all that follows.

use std::sync::Arc;

use super::batch::BatchHeader;
use super::checkpoints;
use super::config::LogConfig;
use super::deletion::Deletions;
use super::epochs::{self, LeaderEpochs, MalformedEpochs};
use super::error::OpenError;
use super::index::IndexError;
use super::producers::{AppendOrigin, Checked, ProducerSettings, Producers};
use super::rebuild::{self, SnapshotFiles};
use super::replica::ReplicaLog;
use super::segment::{self, Cut, RecoverError, Segment, suffix};
use super::split;
use super::txn_index::{AbortedTransaction, CorruptTransactionIndex};
use crate::sim::disk::{Disk, DiskError};
use crate::sim::sorted::{signed, sort_by_key};

/// Snapshots of the controllers' own log have names of their own, which are left alone.
const CHECKPOINT_DELETED: &str = ".checkpoint.deleted";

/// What is known of a log before it is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening {
    /// Whether the last shutdown was clean.
    pub clean: bool,
    /// Up to where the log is known to be on the medium, by the checkpoint; 0 without one.
    pub recovery_point: i64,
    /// Where the log starts, by the checkpoint; 0 without one.
    pub log_start_offset: i64,
    /// The broker's settings that concern producers.
    pub producers: ProducerSettings,
}

/// What opening a log had to do, for who tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Recovered {
    /// The segments behind the recovery point that were read and checked after an unclean shutdown.
    pub checked: u32,
    /// What was cut off them.
    pub cuts: Vec<Cut>,
    /// Base offsets of segments whose offset index was missing: their index files were built anew.
    pub rebuilt: Vec<i64>,
}

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
        let producers = ProducerSettings::default();
        let opening = Opening { clean, recovery_point, log_start_offset: log_start, producers };
        ReplicaLog::open_with(disk, directory, config, opening).map(|(log, _)| log)
    }

    /// The same with the broker's settings; says what it had to do.
    pub fn open_with(
        disk: &mut Disk,
        directory: &str,
        config: LogConfig,
        opening: Opening,
    ) -> Result<(ReplicaLog, Recovered), OpenError> {
        let directory: Arc<str> = directory.into();
        let epochs = read_epochs(disk, &directory)?;
        let producers = Producers::with_snapshots(snapshot_offsets(disk, &directory)?);
        let loader = Loader {
            disk,
            directory,
            config: &config,
            opening,
            segments: Vec::new(),
            epochs,
            producers,
            deletions: Deletions::default(),
            recovered: Recovered::default(),
        };
        loader.load()
    }
}

/// The files of a partition's directory by their names, in order.
fn names(disk: &Disk, directory: &str) -> Vec<String> {
    let prefix = format!("{directory}/");
    disk.list(&prefix).map(|path| path[prefix.len()..].to_owned()).filter(|name| !name.contains('/')).collect()
}

/// The offset that a file's name begins with (`LogFileUtils.offsetFromFile`).
fn offset_of(name: &str) -> Result<i64, OpenError> {
    let digits = name.split_once('.').map(|(digits, _)| digits);
    digits.and_then(|digits| digits.parse().ok()).ok_or(OpenError::FileName)
}

fn snapshot_offsets(disk: &Disk, directory: &str) -> Result<Vec<i64>, OpenError> {
    let names = names(disk, directory);
    let mut offsets: Vec<i64> = names
        .iter()
        .filter(|name| name.ends_with(".snapshot"))
        .map(|name| offset_of(name))
        .collect::<Result<_, _>>()?;
    sort_by_key(&mut offsets, |&offset| signed(offset));
    Ok(offsets)
}

/// Kafka makes an empty file where there is none.
fn read_epochs(disk: &mut Disk, directory: &str) -> Result<LeaderEpochs, OpenError> {
    let path = format!("{directory}/{}", epochs::FILE_NAME);
    match checkpoints::text(disk, &path) {
        Ok(None) => {
            disk.create(&path)?;
            Ok(LeaderEpochs::default())
        }
        Ok(Some(text)) => Ok(LeaderEpochs::decode(&text)?),
        Err(_) => Err(MalformedEpochs::Shape.into()),
    }
}

struct Loader<'a> {
    disk: &'a mut Disk,
    directory: Arc<str>,
    config: &'a LogConfig,
    opening: Opening,
    segments: Vec<Segment>,
    epochs: LeaderEpochs,
    producers: Producers,
    deletions: Deletions,
    recovered: Recovered,
}

impl Loader<'_> {
    fn load(mut self) -> Result<(ReplicaLog, Recovered), OpenError> {
        let swaps = self.remove_temporary_files()?;
        self.remove_what_swaps_replace(&swaps)?;
        // Also the index files that looking into the segments has made.
        for name in self.names().into_iter().filter(|name| name.ends_with(suffix::SWAP)) {
            let path = self.path(&name);
            self.disk.rename(&path, path.strip_suffix(suffix::SWAP).unwrap_or(&path))?;
        }
        self.load_segments()?;
        let (recovery_point, log_end_offset) = loop {
            match self.recover_log() {
                Err(OpenError::Overflow { base_offset }) => self.split(base_offset)?,
                other => break other?,
            }
        };
        let mut active = self.segments.pop().expect("recovery leaves an active segment");
        active.resize_indexes(self.disk, self.config.segment_index_bytes)?;
        self.segments.push(active);
        let checkpointed = self.opening.log_start_offset;
        let first_base_offset = self.segments.first().map_or(checkpointed, |first| first.base_offset);
        let log_start_offset = checkpointed.max(first_base_offset);
        let cut_at_end = self.epochs.truncate_from_end(log_end_offset);
        if self.epochs.truncate_from_start(checkpointed) || cut_at_end {
            self.write_epochs()?;
        }
        self.load_producers(log_start_offset, log_end_offset)?;
        let recovered = std::mem::take(&mut self.recovered);
        Ok((self.finish(log_start_offset, log_end_offset, recovery_point)?, recovered))
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    fn names(&self) -> Vec<String> {
        names(self.disk, &self.directory)
    }

    fn remove(&mut self, name: &str) {
        let path = self.path(name);
        self.disk.remove(&path);
    }

    fn write_epochs(&mut self) -> Result<(), DiskError> {
        let path = self.path(epochs::FILE_NAME);
        checkpoints::replace(self.disk, &path, &self.epochs.encode())
    }

    /// Removes what was marked for deletion and what a cleaner was still writing. Answers the `.swap` files that are
    /// whole: a cleaner renames them from the last to the first, and then none of its files is `.cleaned` any more.
    fn remove_temporary_files(&mut self) -> Result<Vec<String>, OpenError> {
        let mut swaps = Vec::new();
        let mut cleaned = Vec::new();
        let mut first_cleaned = i64::MAX;
        for name in self.names() {
            if name.ends_with(suffix::DELETED) && !name.ends_with(CHECKPOINT_DELETED) {
                self.remove(&name);
            } else if name.ends_with(suffix::CLEANED) {
                first_cleaned = first_cleaned.min(offset_of(&name)?);
                cleaned.push(name);
            } else if name.ends_with(suffix::SWAP) {
                swaps.push(name);
            }
        }
        let mut whole = Vec::new();
        for name in swaps {
            if offset_of(&name)? >= first_cleaned {
                self.remove(&name);
            } else {
                whole.push(name);
            }
        }
        cleaned.iter().for_each(|name| self.remove(name));
        Ok(whole)
    }

    /// Removes all files whose offsets lie in what the `.swap` segments hold: they were replaced, but not yet renamed.
    fn remove_what_swaps_replace(&mut self, swaps: &[String]) -> Result<(), OpenError> {
        let (mut from, mut to) = (i64::MAX, i64::MIN);
        for name in swaps.iter().filter(|name| name.ends_with(".log.swap")) {
            let base_offset = offset_of(name)?;
            let mut segment = Segment::open(self.disk, &self.directory, base_offset, self.config, suffix::SWAP)?;
            from = from.min(base_offset);
            to = to.max(segment.read_next_offset(self.disk)?);
        }
        for name in self.names() {
            let offset = offset_of(&name).ok().filter(|_| !name.ends_with(suffix::SWAP));
            if offset.is_some_and(|offset| offset >= from && offset < to) {
                self.remove(&name);
            }
        }
        Ok(())
    }

    /// Loads what is there. Only a missing offset index and a corrupt transaction index are noticed.
    fn load_segments(&mut self) -> Result<(), OpenError> {
        for name in self.names() {
            if [".index", ".timeindex", ".txnindex"].iter().any(|extension| name.ends_with(extension)) {
                let log = segment::path(&self.directory, offset_of(&name)?, "log");
                if self.disk.open(&log).is_none() {
                    self.remove(&name);
                }
            } else if name.ends_with(".log") {
                self.load_segment(offset_of(&name)?)?;
            }
        }
        Ok(())
    }

    fn load_segment(&mut self, base_offset: i64) -> Result<(), OpenError> {
        let mut segment = Segment::open(self.disk, &self.directory, base_offset, self.config, suffix::NONE)?;
        if let Some(magic) = segment.old_format_at(self.disk, 0, segment.size()) {
            return Err(OpenError::OldFormat { base_offset, magic });
        }
        if !segment.index().exists() {
            self.recovered.rebuilt.push(base_offset);
            self.recover_segment(&mut segment)?;
        } else {
            if !segment.time_index().exists() {
                segment.empty_new_time_index(self.disk)?;
            }
            match segment.check_txn_index(self.disk) {
                // Its indexes are as they should be.
                Ok(()) => {}
                Err(CorruptTransactionIndex::BeforeSegment { .. }) => {
                    self.recover_segment(&mut segment)?;
                }
                Err(error) => return Err(OpenError::TransactionIndex(error)),
            }
        }
        self.segments.push(segment);
        Ok(())
    }

    /// Recovers one segment with the producers as of its base; those of its end are noted in a snapshot. Whether
    /// something was cut.
    fn recover_segment(&mut self, segment: &mut Segment) -> Result<bool, OpenError> {
        let mut producers = Producers::with_snapshots(snapshot_offsets(self.disk, &self.directory)?);
        let Opening { log_start_offset, producers: settings, .. } = self.opening;
        let files = SnapshotFiles { directory: &self.directory, settings: &settings };
        let mut segments: Vec<&mut Segment> = self.segments.iter_mut().collect();
        files.rebuild(&mut producers, self.disk, &mut segments, log_start_offset, segment.base_offset, false)?;
        let epochs = &mut self.epochs;
        let latest = epochs.latest();
        let cut = segment.recover(self.disk, |header, batch| {
            let epoch = header.partition_leader_epoch;
            if epoch >= 0 && epochs.latest().is_none_or(|latest| epoch > latest) {
                // Neither is negative here.
                let _ = epochs.assign(epoch, header.base_offset);
            }
            take_in(&mut producers, &settings, header, batch)
        });
        if self.epochs.latest() != latest {
            self.write_epochs()?;
        }
        let cut = cut?;
        rebuild::take_snapshot(&mut producers, self.disk, &self.directory, true)?;
        self.recovered.cuts.extend(cut);
        Ok(cut.is_some())
    }

    /// Checks the segments behind the recovery point; the first that had to be cut is the last that stays. Answers the
    /// recovery point and the log's end.
    fn recover_log(&mut self) -> Result<(i64, i64), OpenError> {
        let Opening { clean, recovery_point, log_start_offset, .. } = self.opening;
        if !clean {
            self.recover_unflushed(recovery_point)?;
        }
        let mut end = None;
        if let Some(last) = self.segments.last_mut() {
            end = Some(last.read_next_offset(self.disk)?).filter(|&end| end >= log_start_offset);
            if end.is_none() {
                self.drop_everything()?;
            }
        }
        if self.segments.is_empty() {
            self.segments.push(Segment::open(self.disk, &self.directory, log_start_offset, self.config, suffix::NONE)?);
        }
        match end {
            Some(end) if clean => Ok((end, end)),
            Some(end) => Ok((recovery_point.min(end), end)),
            None => Ok((recovery_point.min(log_start_offset), log_start_offset)),
        }
    }

    /// A segment whose offsets do not fit its index becomes several.
    fn split(&mut self, base_offset: i64) -> Result<(), OpenError> {
        let at = self.segments.iter().position(|segment| segment.base_offset == base_offset);
        let at = at.expect("recovery names one of its segments");
        let source = self.segments.remove(at);
        let Loader { disk, directory, config, segments, deletions, .. } = self;
        split::split_overflowed(disk, deletions, segments, source, directory, config)
    }

    fn recover_unflushed(&mut self, recovery_point: i64) -> Result<(), OpenError> {
        let first = self.segments.partition_point(|segment| segment.base_offset <= recovery_point).saturating_sub(1);
        for i in first..self.segments.len() {
            // The copy is what the producers of earlier segments are looked up beside; it takes the place again.
            let mut segment = self.segments[i].clone();
            self.recovered.checked += 1;
            let is_cut = match self.recover_segment(&mut segment) {
                Err(OpenError::Index(IndexError::Offset(_))) => {
                    segment.truncate_to(self.disk, segment.base_offset)? > 0
                }
                other => other?,
            };
            self.segments[i] = segment;
            if is_cut {
                let gone = self.segments.split_off(i + 1);
                self.delete_later(gone)?;
                break;
            }
        }
        Ok(())
    }

    /// The log was to start behind what is left of it (DeleteRecords, then a loss): nothing of it may be read.
    fn drop_everything(&mut self) -> Result<(), OpenError> {
        let mut gone = std::mem::take(&mut self.segments);
        let delay_ms = self.config.file_delete_delay_ms;
        self.deletions.add_segments(self.disk, &mut gone, delay_ms)?;
        // The task for the snapshots finds none left of the segments; they are removed at once, below.
        self.deletions.add_snapshots(self.disk, &self.directory, [], delay_ms);
        self.epochs.clear();
        self.write_epochs()?;
        let snapshots: Vec<i64> = self.producers.snapshots().collect();
        for offset in snapshots {
            rebuild::delete_snapshot(&mut self.producers, self.disk, &self.directory, offset);
        }
        self.producers.clear(self.opening.log_start_offset);
        Ok(())
    }

    fn delete_later(&mut self, mut gone: Vec<Segment>) -> Result<(), OpenError> {
        if gone.is_empty() {
            return Ok(());
        }
        let delay_ms = self.config.file_delete_delay_ms;
        self.deletions.add_segments(self.disk, &mut gone, delay_ms)?;
        let producers = &mut self.producers;
        let known = gone.iter().map(|segment| segment.base_offset).filter(|&base| producers.forget_snapshot(base));
        self.deletions.add_snapshots(self.disk, &self.directory, known, delay_ms);
        Ok(())
    }

    fn load_producers(&mut self, log_start_offset: i64, log_end_offset: i64) -> Result<(), OpenError> {
        let found = snapshot_offsets(self.disk, &self.directory)?;
        let bases: Vec<i64> = self.segments.iter().map(|segment| segment.base_offset).collect();
        let stay = rebuild::remove_stray_snapshots(self.disk, &self.directory, found, &bases);
        let map_end_offset = self.producers.map_end_offset();
        self.producers = Producers::with_snapshots(stay);
        self.producers.set_map_end_offset(map_end_offset);
        let files = SnapshotFiles { directory: &self.directory, settings: &self.opening.producers };
        let mut segments: Vec<&mut Segment> = self.segments.iter_mut().collect();
        let clean = self.opening.clean;
        files.rebuild(&mut self.producers, self.disk, &mut segments, log_start_offset, log_end_offset, clean)?;
        Ok(())
    }

    fn finish(
        mut self,
        log_start_offset: i64,
        log_end_offset: i64,
        recovery_point: i64,
    ) -> Result<ReplicaLog, OpenError> {
        let active = self.segments.pop().expect("recovery leaves an active segment");
        let mut log = ReplicaLog {
            config: Arc::new(self.config.clone()),
            future_segment: None,
            sealed_bytes: self.segments.iter().map(|segment| u64::from(segment.size())).sum(),
            sealed: Arc::new(self.segments),
            active,
            epochs: Arc::new(self.epochs),
            producers: self.producers,
            producer_settings: self.opening.producers,
            log_start_offset,
            log_end_offset,
            high_watermark: log_start_offset,
            recovery_point: recovery_point.max(log_start_offset),
            high_watermark_is_loose: true,
            moved_from: None,
            first_unstable_offset: None,
            deletions: self.deletions,
            last_flush_ms: self.disk.now_ms(),
            directory: self.directory,
        };
        log.update_first_unstable_offset(self.disk);
        Ok(log)
    }
}

/// Takes in a batch that recovery found whole: the transaction that it aborts, if it does
/// (`LogSegment.updateProducerState`).
fn take_in(
    producers: &mut Producers,
    settings: &ProducerSettings,
    header: &BatchHeader,
    batch: &[u8],
) -> Result<Option<AbortedTransaction>, OpenError> {
    let mut aborted = None;
    if header.has_producer_id() {
        let one = std::iter::once((*header, batch));
        if let Checked::Fine(appends, completed) =
            producers.check(one, AppendOrigin::Replication, None, Some(0), settings)?
        {
            appends.iter().for_each(|append| producers.update(append, false));
            for transaction in &completed {
                aborted = transaction.aborted.then(|| AbortedTransaction {
                    producer_id: transaction.producer_id,
                    first_offset: transaction.first_offset,
                    last_offset: transaction.last_offset,
                    last_stable_offset: producers.last_stable_offset(transaction),
                });
                producers.complete(transaction);
            }
        }
    }
    producers.set_map_end_offset(header.next_offset());
    Ok(aborted)
}

impl From<RecoverError> for OpenError {
    fn from(error: RecoverError) -> Self {
        match error {
            RecoverError::Overflow { base_offset } => OpenError::Overflow { base_offset },
            RecoverError::OldFormat { base_offset, magic } => OpenError::OldFormat { base_offset, magic },
            RecoverError::Index(error) => OpenError::Index(error),
        }
    }
}
