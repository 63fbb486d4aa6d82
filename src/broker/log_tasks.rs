//! What a broker does with its logs from time to time: the scheduled tasks of `LogManager` in Apache Kafka.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::storage::{DIRECTORY, milliseconds};
use super::{Broker, Context, timer};
use crate::log::checkpoints::{self, Malformed};
use crate::log::{Opening, ReplicaLog};
use crate::note::Note;
use crate::sim::disk::Disk;
use crate::sim::{MILLISECOND, Time};
use crate::wire::TopicPartition;

/// Offsets by topic and partition, as a checkpoint file holds them.
type Offsets = BTreeMap<(String, i32), i64>;

/// What the checkpoint files of the last life say.
#[derive(Clone, Debug)]
pub(super) struct Checkpoints {
    /// Up to where consumers could read.
    pub(super) high_watermarks: Result<Offsets, Malformed>,
    recovery_points: Result<Offsets, Malformed>,
    log_starts: Result<Offsets, Malformed>,
    /// The broker was stopped, not killed.
    clean: bool,
}

impl Default for Checkpoints {
    fn default() -> Self {
        let empty = || Ok(Offsets::new());
        Self { high_watermarks: empty(), recovery_points: empty(), log_starts: empty(), clean: false }
    }
}

impl Checkpoints {
    /// Reads them, and makes those that are not there.
    pub(super) fn read(disk: &mut Disk) -> Checkpoints {
        let mut offsets = |name: &str| {
            let path = path(name);
            // An empty file takes no room: it is refused only where there is one already.
            let _ = disk.create(&path);
            checkpoints::read_offsets(disk, &path)
        };
        let high_watermarks = offsets(checkpoints::HIGH_WATERMARKS);
        let recovery_points = offsets(checkpoints::RECOVERY_POINTS);
        let log_starts = offsets(checkpoints::LOG_STARTS);
        let clean = checkpoints::take_clean_shutdown(disk, DIRECTORY).is_some();
        Checkpoints { high_watermarks, recovery_points, log_starts, clean }
    }

    /// What is wrong with those that are read when the logs are loaded. Kafka warns of each, takes its offsets for 0 and
    /// goes on (`LogManager.loadLogs`); yet an `IOException` has taken the directory offline by then, so that only what
    /// is no number is got over.
    pub(super) fn malformed(&self) -> impl Iterator<Item = &Malformed> {
        [&self.recovery_points, &self.log_starts].into_iter().filter_map(|read| read.as_ref().err())
    }

    /// How a log is to be opened.
    pub(super) fn opening(&self, topic: &str, partition: i32) -> Opening {
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

fn path(name: &str) -> String {
    format!("{DIRECTORY}/{name}")
}

impl Broker {
    /// Looks at the checkpoints of the last life, with the first metadata.
    pub(super) fn judge_checkpoints(&mut self, context: &mut Context<'_>) {
        let checkpointed = Arc::clone(&self.checkpointed);
        for malformed in checkpointed.malformed() {
            match malformed {
                Malformed::Shape(_) => self.file_is_malformed(malformed),
                Malformed::NotANumber(_) => {
                    let why = format!("{malformed}, NumberFormatException: its offsets count as 0");
                    context.note(Note::StorageWarning { broker: self.settings.id, why });
                }
            }
        }
    }

    /// Sets the tasks' timers; the first of each comes after `log.initial.task.delay.ms`.
    pub(super) fn begin_log_tasks(&mut self, context: &mut Context<'_>) {
        let first = context.now() + self.settings.log_initial_task_delay_us;
        context.set_timer(timer::LOG_RETENTION, first);
        context.set_timer(timer::RECOVERY_POINTS, first);
        context.set_timer(timer::LOG_STARTS, first);
        if self.settings.log_flush_scheduler_interval_us < Time::MAX {
            context.set_timer(timer::LOG_FLUSH, first);
        }
    }

    /// Removes old segments of logs that are not compacted; the cleaner looks after the others.
    pub(super) fn check_retention(&mut self, context: &mut Context<'_>) {
        context.set_timer(timer::LOG_RETENTION, context.now() + self.settings.log_retention_check_interval_us.max(1));
        let broker = self.settings.id;
        let mut failure = None;
        for (partition, replica) in self.replicas.iter_mut() {
            if replica.log.config().compact {
                continue;
            }
            let (disk, clock) = context.disk_and_clock();
            let log = &mut Arc::make_mut(replica).log;
            let from = log.log_start_offset();
            match log.delete_old_segments(disk, milliseconds(clock)) {
                Ok(0) => {}
                Ok(segments) => {
                    let to = log.log_start_offset();
                    context.note(Note::SegmentsDeleted { broker, partition, segments, from, to });
                }
                // The scheduled task ends with it, and begins anew at its next time.
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        if let Some(error) = failure {
            self.log_failed("error while deleting segments", error.code(), error);
            let why =
                format!("uncaught exception in scheduled task kafka-log-retention: {error}, {}", error.exception());
            context.note(Note::StorageWarning { broker, why });
        }
        self.wait_for_deletions(context);
    }

    /// Makes logs durable whose `flush.ms` has passed.
    pub(super) fn flush_dirty_logs(&mut self, context: &mut Context<'_>) {
        let interval = self.settings.log_flush_scheduler_interval_us.max(1);
        context.set_timer(timer::LOG_FLUSH, context.now().saturating_add(interval));
        let (disk, clock) = context.disk_and_clock();
        let now_ms = milliseconds(clock);
        let is_due = |log: &ReplicaLog| now_ms.saturating_sub(log.last_flush_ms()) >= log.config().flush_ms;
        let due = self.replicas.values_mut().filter(|replica| is_due(&replica.log));
        let flushed = due.map(|replica| Arc::make_mut(replica).log.flush(disk));
        if let Err(error) = flushed.collect::<Vec<_>>().into_iter().collect::<Result<(), _>>() {
            self.log_dir_failed("error while flushing a log", error);
        }
    }

    /// Writes up to where each log is durable; every `log.flush.offset.checkpoint.interval.ms`.
    pub(super) fn recovery_points_due(&mut self, context: &mut Context<'_>) {
        let interval = self.settings.log_flush_offset_checkpoint_interval_us.max(1);
        context.set_timer(timer::RECOVERY_POINTS, context.now() + interval);
        self.write_recovery_points(context);
    }

    /// The same at once: behind a truncation, what stands in the file must not lie beyond what is durable.
    pub(super) fn write_recovery_points(&mut self, context: &mut Context<'_>) {
        self.write_offsets(checkpoints::RECOVERY_POINTS, |log| Some(log.recovery_point()), context);
    }

    /// Writes where logs start whose first segments begin before; every `log.flush.start.offset.checkpoint.interval.ms`.
    pub(super) fn log_starts_due(&mut self, context: &mut Context<'_>) {
        let interval = self.settings.log_flush_start_offset_checkpoint_interval_us.max(1);
        context.set_timer(timer::LOG_STARTS, context.now() + interval);
        self.write_log_starts(context);
    }

    /// The same at once.
    pub(super) fn write_log_starts(&mut self, context: &mut Context<'_>) {
        let start = |log: &ReplicaLog| {
            let first = log.segments().next().map_or(0, |first| first.base_offset);
            Some(log.log_start_offset()).filter(|&start| start > first)
        };
        self.write_offsets(checkpoints::LOG_STARTS, start, context);
    }

    fn write_offsets(&mut self, name: &str, offset: impl Fn(&ReplicaLog) -> Option<i64>, context: &mut Context<'_>) {
        let of = |(partition, log): (TopicPartition, &ReplicaLog)| {
            let topic = self.image.topics.get(partition.topic as usize)?;
            Some((topic.name.as_str(), partition.partition, offset(log)?))
        };
        let logs = self.replicas.iter().map(|(partition, replica)| (partition, &replica.log));
        let offsets: Vec<_> = logs.filter_map(of).collect();
        if let Err(error) = checkpoints::write_offsets(context.disk(), &path(name), offsets.into_iter()) {
            self.log_dir_failed(format_args!("error while writing {name}"), error);
        }
    }

    /// Removes files whose `file.delete.delay.ms` has passed.
    pub(super) fn remove_deleted_files(&mut self, context: &mut Context<'_>) {
        let (disk, clock) = context.disk_and_clock();
        let now_ms = milliseconds(clock);
        let is_due = |log: &ReplicaLog| log.next_deletion_ms().is_some_and(|due_ms| due_ms <= now_ms);
        for replica in self.replicas.values_mut().filter(|replica| is_due(&replica.log)) {
            Arc::make_mut(replica).log.deletions().run(disk, now_ms);
        }
        self.wait_for_deletions(context);
    }

    /// Sets the timer for the first file that waits for its removal.
    pub(super) fn wait_for_deletions(&self, context: &mut Context<'_>) {
        let due_ms = self.replicas.values().filter_map(|replica| replica.log.next_deletion_ms()).min();
        if let Some(due_ms) = due_ms {
            let wait_ms = due_ms.saturating_sub(milliseconds(context.wall_clock())).max(1);
            let wait = Time::try_from(wait_ms).unwrap_or(1).saturating_mul(MILLISECOND);
            context.set_timer(timer::LOG_DELETIONS, context.now().saturating_add(wait));
        }
    }
}
