//! What a broker does with its logs from time to time: the scheduled tasks of `LogManager` in Apache Kafka.

use std::sync::Arc;

use super::super::context::Context;
use super::super::timer::BrokerTimer;
use super::checkpoints::{Checkpoints, path};
use super::storage::milliseconds;
use super::{DIRECTORY, ReplicaManager};
use crate::log::ReplicaLog;
use crate::log::checkpoints::{self, Malformed};
use crate::note::Note;
use crate::sim::{MILLISECOND, Time};
use crate::wire::TopicPartition;

impl ReplicaManager {
    /// With the first metadata the logs are loaded: what the last life left is judged, and the tasks begin (`LogManager.startup`,
    /// `ReplicaManager.startup`). A broker that ends before leaves all as it was.
    pub(in crate::broker) fn load(&mut self, context: &mut Context<'_>) {
        checkpoints::remove_clean_shutdown(context.disk(), DIRECTORY);
        self.judge_checkpoints(context);
        self.find_strays(context);
        self.find_deleted(context);
        context.set_timer(BrokerTimer::IsrShrink, context.after(self.settings.replica_lag_time_max_us / 2));
        context.set_timer(BrokerTimer::Checkpoint, context.after(self.settings.hw_checkpoint_interval_us));
        self.begin_log_tasks(context);
    }

    fn judge_checkpoints(&mut self, context: &mut Context<'_>) {
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

    /// Finds out whose directory it is and what the last life left in it.
    pub(in crate::broker) fn boot(&mut self, context: &mut Context<'_>) {
        self.booted_us = context.now();
        self.read_meta_properties(context);
        self.checkpointed = Arc::new(Checkpoints::read(context.disk()));
    }

    /// The broker epoch of a former life that stopped cleanly; -1 where it did not (KIP-966).
    pub(in crate::broker) fn previous_epoch(&self) -> i64 {
        self.checkpointed.broker_epoch
    }

    pub(super) fn forget_checkpoints(&mut self, topic: &str, partition: i32) {
        Arc::make_mut(&mut self.checkpointed).forget(topic, partition);
    }

    pub(super) fn keep_checkpoints_of(&mut self, directories: &[String]) {
        Arc::make_mut(&mut self.checkpointed).keep(directories);
    }

    /// Sets the tasks' timers; the first of each comes after `log.initial.task.delay.ms`.
    fn begin_log_tasks(&mut self, context: &mut Context<'_>) {
        let first = context.after(self.settings.log_initial_task_delay_us);
        context.set_timer(BrokerTimer::LogRetention, first);
        context.set_timer(BrokerTimer::RecoveryPoints, first);
        context.set_timer(BrokerTimer::LogStarts, first);
        if self.settings.log_flush_scheduler_interval_us < Time::MAX {
            context.set_timer(BrokerTimer::LogFlush, first);
        }
    }

    /// Removes old segments of logs that are not compacted; the cleaner looks after the others. Of which logs there were some.
    pub(in crate::broker) fn check_retention(&mut self, context: &mut Context<'_>) -> Vec<TopicPartition> {
        context
            .set_timer(BrokerTimer::LogRetention, context.after(self.settings.log_retention_check_interval_us.max(1)));
        let broker = self.settings.id;
        let mut failure = None;
        let mut shorter = Vec::new();
        for (partition, replica) in self.all.iter_mut() {
            if replica.log.config().compact {
                continue;
            }
            let (disk, clock) = context.disk_and_clock();
            let log = &mut Arc::make_mut(replica).log;
            let (from, future) = (log.log_start_offset(), log.future_segment());
            match log.delete_old_segments(disk, milliseconds(clock)) {
                // Nothing was old enough.
                Ok(0) => {}
                Ok(segments) => {
                    shorter.push(partition);
                    let to = log.log_start_offset();
                    context.note(Note::SegmentsDeleted { broker, partition, segments, from, to });
                }
                // The scheduled task ends with it, and begins anew at its next time.
                Err(error) => {
                    shorter.push(partition);
                    failure = Some(error);
                    break;
                }
            }
            // Kafka warns each time; once is enough of each segment.
            if let Some(base_offset) = log.future_segment().filter(|base_offset| future != Some(*base_offset)) {
                context.note(Note::RetentionHeldUp { broker, partition, base_offset });
            }
        }
        if let Some(error) = failure {
            self.log_failed("error while deleting segments", error.code(), error);
            let why =
                format!("uncaught exception in scheduled task kafka-log-retention: {error}, {}", error.exception());
            context.note(Note::StorageWarning { broker, why });
        }
        self.wait_for_deletions(shorter.iter().copied(), context);
        shorter
    }

    /// Makes logs durable whose `flush.ms` has passed.
    pub(in crate::broker) fn flush_dirty_logs(&mut self, context: &mut Context<'_>) {
        let interval = self.settings.log_flush_scheduler_interval_us.max(1);
        context.set_timer(BrokerTimer::LogFlush, context.after(interval));
        let (disk, clock) = context.disk_and_clock();
        let now_ms = milliseconds(clock);
        let is_due = |log: &ReplicaLog| now_ms.saturating_sub(log.last_flush_ms()) >= log.config().flush_ms;
        let due = self.all.values_mut().filter(|replica| is_due(&replica.log));
        let flushed = due.map(|replica| Arc::make_mut(replica).log.flush(disk));
        if let Err(error) = flushed.collect::<Vec<_>>().into_iter().collect::<Result<(), _>>() {
            self.log_dir_failed("error while flushing a log", error);
        }
    }

    /// Writes up to where each log is durable; every `log.flush.offset.checkpoint.interval.ms`.
    pub(in crate::broker) fn recovery_points_due(&mut self, context: &mut Context<'_>) {
        let interval = self.settings.log_flush_offset_checkpoint_interval_us.max(1);
        context.set_timer(BrokerTimer::RecoveryPoints, context.after(interval));
        self.write_recovery_points(context);
    }

    /// The same at once: behind a truncation, what stands in the file must not lie beyond what is durable.
    pub(in crate::broker) fn write_recovery_points(&mut self, context: &mut Context<'_>) {
        self.write_offsets(checkpoints::RECOVERY_POINTS, |log| Some(log.recovery_point()), context);
    }

    /// Writes where logs start whose first segments begin before; every `log.flush.start.offset.checkpoint.interval.ms`.
    pub(in crate::broker) fn log_starts_due(&mut self, context: &mut Context<'_>) {
        let interval = self.settings.log_flush_start_offset_checkpoint_interval_us.max(1);
        context.set_timer(BrokerTimer::LogStarts, context.after(interval));
        self.write_log_starts(context);
    }

    /// The same at once.
    pub(in crate::broker) fn write_log_starts(&mut self, context: &mut Context<'_>) {
        let start = |log: &ReplicaLog| {
            let first = log.segments().next().map_or(0, |first| first.base_offset);
            Some(log.log_start_offset()).filter(|&start| start > first)
        };
        self.write_offsets(checkpoints::LOG_STARTS, start, context);
    }

    fn write_offsets(&mut self, name: &str, offset: impl Fn(&ReplicaLog) -> Option<i64>, context: &mut Context<'_>) {
        let of = |(partition, log): (TopicPartition, &ReplicaLog)| {
            Some((self.image.topics.name_of(partition.topic), partition.partition, offset(log)?))
        };
        let logs = self.all.iter().map(|(partition, replica)| (partition, &replica.log));
        let offsets: Vec<_> = logs.filter_map(of).collect();
        if let Err(error) = checkpoints::write_offsets(context.disk(), &path(name), offsets.into_iter()) {
            self.log_dir_failed(format_args!("error while writing {name}"), error);
        }
    }

    /// Removes files whose `file.delete.delay.ms` has passed.
    pub(in crate::broker) fn remove_deleted_files(&mut self, context: &mut Context<'_>) {
        let (disk, clock) = context.disk_and_clock();
        let now_ms = milliseconds(clock);
        for partition in &self.deleting {
            // One whose topic was deleted meanwhile went with all its files.
            let Some(replica) = self.all.get_mut(partition) else { continue };
            if replica.log.next_deletion_ms().is_some_and(|due_ms| due_ms <= now_ms) {
                Arc::make_mut(replica).log.deletions().run(disk, now_ms);
            }
        }
        self.wait_for_deletions([], context);
    }

    /// These logs may have files to remove: sets the timer for the first file that waits for its removal.
    pub(in crate::broker) fn wait_for_deletions(
        &mut self,
        of: impl IntoIterator<Item = TopicPartition>,
        context: &mut Context<'_>,
    ) {
        self.deleting.extend(of);
        let due_ms = |partition: &TopicPartition| self.all.get(partition)?.log.next_deletion_ms();
        self.deleting.retain(|partition| due_ms(partition).is_some());
        if let Some(due_ms) = self.deleting.iter().filter_map(due_ms).min() {
            let wait_ms = due_ms.saturating_sub(milliseconds(context.wall_clock())).max(1);
            let wait = Time::try_from(wait_ms).unwrap_or(1).saturating_mul(MILLISECOND);
            context.set_timer(BrokerTimer::LogDeletions, context.after(wait));
        }
    }

    /// Closes all logs in good order, and last leaves the mark that it was done (`LogManager.shutdown`). A log that does not
    /// close leaves none: the next start checks what lies behind the recovery points.
    pub(in crate::broker) fn shut_down(&mut self, broker_epoch: i64, context: &mut Context<'_>) {
        self.cleaner = None;
        self.checkpoint_is_stale = true;
        self.write_high_watermarks(context);
        let mut failure = None;
        for replica in self.all.values_mut() {
            failure = Arc::make_mut(replica).log.shut_down(context.disk()).err().or(failure);
        }
        if let Some(error) = failure {
            self.log_dir_failed("error while closing a log", error);
        }
        self.write_recovery_points(context);
        self.write_log_starts(context);
        if self.is_halting() {
            return;
        }
        if let Err(error) = checkpoints::write_clean_shutdown(context.disk(), DIRECTORY, broker_epoch) {
            self.log_dir_failed("error while writing the mark of a clean shutdown", error);
        }
    }
}
