//! The cleaner of a broker: `LogCleaner` and its threads in Apache Kafka. A thread is a state machine; who drives it lets
//! it take one step and then waits for as long as it says.

use super::candidates::LogToClean;
use super::error::{CleanError, LogCleaningError};
use super::logs::{Logs, Partition};
use super::manager::LogCleanerManager;
use super::offset_map::OffsetMap;
use super::pass::{CleanerBuffers, CleaningPass, Progress};
use super::stats::{CleanerStats, PreCleanStats};
use super::throttle::Throttler;
use crate::settings::{BrokerConfig, milliseconds, small};
use crate::sim::Time;
use crate::sim::disk::Disk;

/// Settings of a broker's cleaner, with Kafka's defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct CleanerConfig {
    /// `log.cleaner.enable`: true.
    pub enable: bool,
    /// `log.cleaner.threads`: 1.
    pub threads: u32,
    /// `log.cleaner.dedupe.buffer.size`: 128 MiB for all threads together.
    pub dedupe_buffer_bytes: u64,
    /// `log.cleaner.io.buffer.load.factor`: 0.9.
    pub dedupe_buffer_load_factor: f64,
    /// `log.cleaner.io.buffer.size`: 512 KiB for all threads together.
    pub io_buffer_bytes: u32,
    /// `message.max.bytes`: 1 MiB and the size of a batch's overhead.
    pub max_message_bytes: u32,
    /// `log.cleaner.io.max.bytes.per.second`: any.
    pub io_max_bytes_per_second: f64,
    /// `log.cleaner.backoff.ms`: 15 s between two looks when there was nothing to clean.
    pub backoff_us: Time,
    /// Without KIP-346: a thread whose cleaning fails ends, and nobody cleans any more.
    pub without_kip_346: bool,
    /// Without KIP-534: tombstones and markers go by when files were changed last.
    pub without_kip_534: bool,
}

impl Default for CleanerConfig {
    fn default() -> Self {
        Self::of(&BrokerConfig::default())
    }
}

impl CleanerConfig {
    /// What a broker's settings say of its cleaner.
    #[must_use]
    pub fn of(config: &BrokerConfig) -> Self {
        CleanerConfig {
            enable: config.log_cleaner_enable,
            threads: small(config.log_cleaner_threads, u32::MAX),
            dedupe_buffer_bytes: config.log_cleaner_dedupe_buffer_size,
            dedupe_buffer_load_factor: config.log_cleaner_io_buffer_load_factor.value(),
            io_buffer_bytes: small(config.log_cleaner_io_buffer_size, u32::MAX),
            max_message_bytes: small(config.message_max_bytes, u32::MAX),
            io_max_bytes_per_second: config.log_cleaner_io_max_bytes_per_second as f64,
            backoff_us: milliseconds(config.log_cleaner_backoff_ms),
            without_kip_346: false,
            without_kip_534: false,
        }
    }

    /// What each thread has: its part of the buffers, of the second half for reading and half for writing.
    pub fn buffers(&self) -> CleanerBuffers {
        let threads = self.threads.max(1);
        CleanerBuffers {
            map_slots: OffsetMap::slots_of(self.dedupe_buffer_bytes / u64::from(threads)),
            load_factor: self.dedupe_buffer_load_factor,
            io_buffer_size: (self.io_buffer_bytes / threads / 2).max(1),
            max_io_buffer_size: self.max_message_bytes,
            without_kip_534: self.without_kip_534,
        }
    }
}

/// What a thread did in a step.
#[derive(Clone, Debug, PartialEq)]
pub enum ThreadEvent {
    /// Chose the dirtiest log.
    Chose(LogToClean),
    /// Found no log that is dirty enough.
    FoundNothing,
    /// Took a step of a cleaning.
    Step(Partition, Progress),
    /// The cleaning was aborted: the log was truncated or deleted.
    Aborted(Partition),
    /// The cleaning failed. The partition is left alone from now on; on an error of the disk the directory should be.
    Failed(Partition, CleanError),
    /// Removed so many old segments of compacted logs.
    RemovedSegments(u32),
}

/// Old segments that went from a compacted log (`cleanup.policy=compact,delete`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedSegments {
    /// Whose log.
    pub partition: Partition,
    /// How many.
    pub segments: u32,
    /// Where the log started before.
    pub from: i64,
    /// Where it starts now.
    pub to: i64,
}

#[derive(Clone, Debug)]
enum Work {
    /// Looks for a log next.
    Choose,
    Clean {
        partition: Partition,
        first_dirty_offset: i64,
        pass: Box<CleaningPass>,
    },
    /// Removes old segments next. Whether a log was cleaned before: if not, the thread rests afterwards.
    RemoveOld {
        cleaned: bool,
    },
}

/// One thread.
#[derive(Clone, Debug)]
pub struct CleanerThread {
    work: Work,
    /// Where the dirty part began in its last cleaning.
    last_first_dirty_offset: i64,
    /// Of its last cleaning.
    pub(super) last_stats: CleanerStats,
    /// Of its last choice.
    pub(super) last_pre_clean_stats: PreCleanStats,
    pub(super) is_failed: bool,
}

impl CleanerThread {
    /// The cleaning that is on its way, and of which log.
    #[must_use]
    pub fn cleaning(&self) -> Option<(&Partition, &CleaningPass)> {
        match &self.work {
            Work::Clean { partition, pass, .. } => Some((partition, pass)),
            Work::Choose | Work::RemoveOld { .. } => None,
        }
    }

    /// Its last cleaning: where the dirty part began, and what was counted.
    pub fn last_cleaning(&self) -> (i64, CleanerStats) {
        (self.last_first_dirty_offset, self.last_stats)
    }
}

/// All threads and what they share.
#[derive(Clone, Debug)]
pub struct LogCleaner {
    config: CleanerConfig,
    manager: LogCleanerManager,
    throttler: Throttler,
    threads: Vec<CleanerThread>,
    removed: Vec<RemovedSegments>,
}

impl LogCleaner {
    /// The cleaner of a log directory, about to begin.
    pub fn new(config: CleanerConfig, directory: &str, now_us: Time, now_ms: i64) -> LogCleaner {
        let thread = CleanerThread {
            work: Work::Choose,
            last_first_dirty_offset: 0,
            last_stats: CleanerStats::default(),
            last_pre_clean_stats: PreCleanStats::default(),
            is_failed: false,
        };
        LogCleaner {
            manager: LogCleanerManager::new(directory, now_ms),
            throttler: Throttler::new(config.io_max_bytes_per_second, now_us),
            threads: vec![thread; if config.enable { config.threads as usize } else { 0 }],
            config,
            removed: Vec::new(),
        }
    }

    /// What the last step removed of each log.
    pub fn take_removed(&mut self) -> Vec<RemovedSegments> {
        std::mem::take(&mut self.removed)
    }

    /// The settings.
    pub fn config(&self) -> &CleanerConfig {
        &self.config
    }

    /// What the threads share.
    pub fn manager(&self) -> &LogCleanerManager {
        &self.manager
    }

    /// The threads.
    pub fn threads(&self) -> &[CleanerThread] {
        &self.threads
    }

    /// Lets a thread take a step: what it did, and how long it waits before the next; `None` if it has ended.
    pub fn step(
        &mut self,
        thread: usize,
        logs: &mut dyn Logs,
        disk: &mut Disk,
        now_us: Time,
        now_ms: i64,
    ) -> Option<(ThreadEvent, Time)> {
        let state = self.threads.get_mut(thread).filter(|thread| !thread.is_failed)?;
        match std::mem::replace(&mut state.work, Work::Choose) {
            Work::Choose => Some(self.choose(thread, logs, disk, now_us, now_ms)),
            Work::Clean { partition, first_dirty_offset, pass } => {
                Some(self.clean(thread, (partition, first_dirty_offset, pass), logs, disk, now_us))
            }
            Work::RemoveOld { cleaned } => Some(self.remove_old(thread, logs, disk, now_ms, cleaned)),
        }
    }

    fn choose(
        &mut self,
        thread: usize,
        logs: &mut dyn Logs,
        disk: &mut Disk,
        now_us: Time,
        now_ms: i64,
    ) -> (ThreadEvent, Time) {
        let mut found = PreCleanStats::default();
        let target = match self.manager.grab_filthiest(logs, disk, now_ms, &mut found) {
            Ok(Some(target)) => target,
            Ok(None) => {
                self.threads[thread].work = Work::RemoveOld { cleaned: false };
                return (ThreadEvent::FoundNothing, 0);
            }
            Err(LogCleaningError { partition, cause }) => return self.give_up(thread, logs, partition, cause),
        };
        self.threads[thread].last_pre_clean_stats = found;
        let begun = match logs.log(&target.partition) {
            Some(log) => CleaningPass::new(log, disk, &target, self.config.buffers(), now_ms, now_us),
            None => Err(CleanError::Aborted),
        };
        let (partition, first_dirty_offset) = (target.partition.clone(), target.first_dirty_offset);
        match begun {
            Ok(pass) => {
                self.threads[thread].work = Work::Clean { partition, first_dirty_offset, pass: Box::new(pass) };
                (ThreadEvent::Chose(target), 0)
            }
            Err(error) => self.failed(thread, logs, disk, partition, first_dirty_offset, error),
        }
    }

    fn clean(
        &mut self,
        thread: usize,
        (partition, first_dirty_offset, mut pass): (Partition, i64, Box<CleaningPass>),
        logs: &mut dyn Logs,
        disk: &mut Disk,
        now_us: Time,
    ) -> (ThreadEvent, Time) {
        let progress = match logs.log_mut(&partition) {
            Some(log) => pass.step(log, disk, now_us),
            None => Err(CleanError::Aborted),
        };
        let progress = match progress {
            Ok(progress) => progress,
            Err(error) => return self.failed(thread, logs, disk, partition, first_dirty_offset, error),
        };
        let wait_us = match progress.io_bytes() {
            0 => 0,
            bytes => self.throttler.observe(bytes, now_us),
        };
        if let Progress::Done { end_offset } = progress {
            self.threads[thread].last_first_dirty_offset = first_dirty_offset;
            self.threads[thread].last_stats = *pass.stats();
            self.threads[thread].work = Work::RemoveOld { cleaned: true };
            self.manager.done_cleaning(logs, disk, &partition, end_offset);
        } else {
            let partition = partition.clone();
            self.threads[thread].work = Work::Clean { partition, first_dirty_offset, pass };
        }
        (ThreadEvent::Step(partition, progress), wait_us)
    }

    /// The checkpoint is written as if nothing had been cleaned, and the partition is left alone.
    fn failed(
        &mut self,
        thread: usize,
        logs: &mut dyn Logs,
        disk: &mut Disk,
        partition: Partition,
        first_dirty_offset: i64,
        error: CleanError,
    ) -> (ThreadEvent, Time) {
        self.manager.done_cleaning(logs, disk, &partition, first_dirty_offset);
        if error == CleanError::Aborted {
            self.threads[thread].work = Work::RemoveOld { cleaned: true };
            return (ThreadEvent::Aborted(partition), 0);
        }
        self.give_up(thread, logs, partition, error)
    }

    /// The thread goes on with other partitions (KIP-346).
    fn give_up(
        &mut self,
        thread: usize,
        logs: &mut dyn Logs,
        partition: Partition,
        error: CleanError,
    ) -> (ThreadEvent, Time) {
        let state = &mut self.threads[thread];
        if matches!(error, CleanError::Disk(_)) {
            state.work = Work::RemoveOld { cleaned: true };
        } else {
            state.is_failed |= self.config.without_kip_346;
            self.manager.mark_uncleanable(&partition);
        }
        self.manager.maintain_uncleanable(logs);
        (ThreadEvent::Failed(partition, error), self.config.backoff_us)
    }

    /// Removes old segments of compacted logs. What stops it ends the round, and the partition is left alone from then on.
    fn remove_old(
        &mut self,
        thread: usize,
        logs: &mut dyn Logs,
        disk: &mut Disk,
        now_ms: i64,
        cleaned: bool,
    ) -> (ThreadEvent, Time) {
        let partitions = self.manager.deletable(logs);
        let mut removed = 0;
        let mut failed = None;
        for partition in &partitions {
            // It was deleted meanwhile.
            let Some(log) = logs.log_mut(partition) else { continue };
            let from = log.log_start_offset();
            let deleted = log.delete_old_segments(disk, now_ms);
            let (segments, to) = (deleted.as_ref().map_or(0, |count| *count), log.log_start_offset());
            if segments > 0 || to > from {
                self.removed.push(RemovedSegments { partition: partition.clone(), segments, from, to });
            }
            match deleted {
                Ok(count) => removed += count,
                Err(error) => {
                    failed = Some((partition.clone(), error));
                    break;
                }
            }
        }
        self.manager.done_deleting(&partitions);
        if let Some((partition, error)) = failed {
            return self.give_up(thread, logs, partition, error.into());
        }
        self.manager.maintain_uncleanable(logs);
        (ThreadEvent::RemovedSegments(removed), if cleaned { 0 } else { self.config.backoff_us })
    }

    /// Stops what is going on with a partition and leaves it alone until [`LogCleanerManager::resume`]: before its log is
    /// truncated or deleted.
    pub fn abort_and_pause(&mut self, logs: &mut dyn Logs, disk: &mut Disk, partition: &Partition) {
        self.manager.abort_and_pause(partition);
        for thread in &mut self.threads {
            let is_busy = matches!(&thread.work, Work::Clean { partition: busy, .. } if busy == partition);
            if !is_busy {
                continue;
            }
            let work = std::mem::replace(&mut thread.work, Work::RemoveOld { cleaned: true });
            if let (Work::Clean { pass, .. }, Some(log)) = (work, logs.log_mut(partition)) {
                // What cannot be tidied up is removed when the log is opened.
                let _ = pass.abort(log, disk);
            }
            self.manager.done_cleaning(logs, disk, partition, 0);
        }
    }

    /// Undoes one pause.
    pub fn resume(&mut self, partition: &Partition) {
        self.manager.resume(partition);
    }
}

#[cfg(test)]
#[path = "threads_tests.rs"]
mod tests;
