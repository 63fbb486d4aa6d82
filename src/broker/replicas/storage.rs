//! Where replicas meet the disk: their logs and the small files beside them.

use std::sync::Arc;

use kafka_protocol::ResponseError;

use super::super::context::Context;
use super::super::timer::BrokerTimer;
use super::{DIRECTORY, ReplicaManager};
use crate::log::checkpoints::{self, Malformed};
use crate::log::error::OpenError;
use crate::log::{LogConfig, LogError, Recovered, ReplicaLog, partition_metadata};
use crate::note::Note;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{TopicImage, TopicPartition};

impl ReplicaManager {
    /// Writes the high watermarks; every `replica.high.watermark.checkpoint.interval.ms`.
    pub(in crate::broker) fn checkpoint_due(&mut self, context: &mut Context<'_>) {
        context.set_timer(BrokerTimer::Checkpoint, context.after(self.settings.hw_checkpoint_interval_us.max(1)));
        self.write_high_watermarks(context);
    }

    /// The same at once, if one of them moved since.
    pub(in crate::broker) fn write_high_watermarks(&mut self, context: &mut Context<'_>) {
        if !std::mem::take(&mut self.checkpoint_is_stale) {
            return;
        }
        let mut offsets = Vec::new();
        for (partition, replica) in self.all.iter() {
            let topic = self.image.topics.name_of(partition.topic);
            offsets.push((topic, partition.partition, replica.log.high_watermark()));
        }
        let path = format!("{DIRECTORY}/{}", checkpoints::HIGH_WATERMARKS);
        if let Err(error) = checkpoints::write_offsets(context.disk(), &path, offsets.into_iter()) {
            self.checkpoint_is_stale = true;
            self.log_dir_failed(format_args!("error while writing {}", checkpoints::HIGH_WATERMARKS), error);
        }
    }

    /// Opens a replica's log, or begins one; what an old log holds behind its recovery point is checked. `None` where the
    /// replica cannot be had: either the broker ends, or it goes on without this one.
    pub(in crate::broker) fn open_log(
        &mut self,
        partition: TopicPartition,
        topic: &TopicImage,
        context: &mut Context<'_>,
    ) -> Option<ReplicaLog> {
        let name = format!("{}-{}", topic.name, partition.partition);
        let directory = format!("{DIRECTORY}/{name}");
        let checkpointed = Arc::clone(&self.checkpointed);
        let opening = checkpointed.opening(&topic.name, partition.partition);
        // What Kafka refuses never gets here: a scenario that says it is refused, and so is a request by the controller.
        let told = topic.config.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let config = LogConfig::with(told).unwrap_or_else(|error| panic!("settings of {name} were checked: {error}"));
        let disk = context.disk();
        let opened = ReplicaLog::open_with(disk, &directory, config, opening).and_then(|opened| {
            partition_metadata::claim(disk, &directory, topic.id)?;
            Ok::<_, OpenError>(opened)
        });
        let (mut log, recovered) = opened.map_err(|error| self.log_does_not_open(&name, &error)).ok()?;
        match &checkpointed.high_watermarks {
            Ok(offsets) => {
                if let Some(offset) = offsets.get(&(topic.name.clone(), partition.partition)) {
                    log.update_high_watermark(context.disk(), *offset);
                }
            }
            Err(malformed @ Malformed::Shape(_)) => {
                self.file_is_malformed(malformed);
                return None;
            }
            Err(malformed @ Malformed::NotANumber(_)) => {
                let (broker, why) = (self.settings.id, format!("{malformed}, NumberFormatException"));
                context.note(Note::ReplicaFailed { broker, partition, why });
                return None;
            }
        }
        log.set_producer_settings(self.settings.transactions.of_producers());
        if recovered != Recovered::default() {
            let (broker, recovery_point) = (self.settings.id, opening.recovery_point);
            let log_end_offset = log.log_end_offset();
            context.note(Note::LogRecovered { broker, partition, recovery_point, log_end_offset, recovered });
        }
        Some(log)
    }

    /// Cuts a replica's log and tells observers. Kafka leaves a partition alone whose log cannot be cut, until it has
    /// another leader.
    pub(in crate::broker) fn truncate(
        &mut self,
        partition: TopicPartition,
        to: i64,
        context: &mut Context<'_>,
    ) -> Result<(), LogError> {
        let log = &self.replica(partition).log;
        let (from, high_watermark) = (log.log_end_offset(), log.high_watermark());
        self.truncate_log(partition, to, context)?;
        // At its end nothing is cut but an epoch without a record, which the leader it had been noted (`UnifiedLog.truncateTo`).
        if to >= from {
            return Ok(());
        }
        context.note(Note::Truncated { broker: self.settings.id, partition, from, to });
        if high_watermark > to {
            self.high_watermark_is(partition, to, context);
        }
        Ok(())
    }

    fn truncate_log(&mut self, partition: TopicPartition, to: i64, context: &mut Context<'_>) -> Result<(), LogError> {
        let paused = self.pause_cleaning(partition, to, context);
        let truncated = self.replica_mut(partition).log.truncate_to(context.disk(), to);
        if let Err(error) = &truncated {
            self.log_failed(format_args!("error while truncating a log to offset {to}"), error.code(), error);
        }
        if truncated == Ok(true) {
            self.write_recovery_points(context);
            self.wait_for_deletions([partition], context);
        }
        if paused {
            self.go_on_cleaning(partition, to, context);
        }
        truncated.map(|_| ())
    }

    /// Drops all of a log, which goes on at `start`.
    pub(in crate::broker) fn restart_log_at(
        &mut self,
        partition: TopicPartition,
        start: i64,
        context: &mut Context<'_>,
    ) -> Result<(), LogError> {
        let paused = self.pause_cleaning(partition, i64::MIN, context);
        let restarted = self.replica_mut(partition).log.truncate_fully_and_start_at(context.disk(), start, None);
        if let Err(error) = &restarted {
            let what = format_args!("error while truncating a log and starting at offset {start}");
            self.log_failed(what, error.code(), error);
        }
        self.write_recovery_points(context);
        self.wait_for_deletions([partition], context);
        if paused {
            self.go_on_cleaning(partition, start, context);
        }
        restarted
    }

    /// A follower's log starts no earlier than the leader's (`LogStartOffsetIncrementReason.LeaderOffsetIncremented`); its
    /// old segments go with its next check of retention. Whether it starts elsewhere now.
    pub(in crate::broker) fn follow_log_start(
        &mut self,
        partition: TopicPartition,
        start: i64,
        context: &mut Context<'_>,
    ) -> bool {
        if start <= self.replica(partition).log.log_start_offset() {
            return false;
        }
        // A leader does not answer whoever fetches from before its start: it lies within what is replicated.
        self.replica_mut(partition).log.increment_log_start_offset(context.disk(), start) == Ok(true)
    }

    /// Moves the start of a log that this broker leads forward (`LogStartOffsetIncrementReason.ClientRecordDeletion`); its old
    /// segments go with its next check of retention. Whether it starts elsewhere now.
    pub(in crate::broker) fn delete_records(
        &mut self,
        partition: TopicPartition,
        start: i64,
        context: &mut Context<'_>,
    ) -> Result<bool, ResponseError> {
        let moved = self.replica_mut(partition).log.increment_log_start_offset(context.disk(), start);
        moved.map_err(|error| error_of(error.code()))
    }

    /// Where the last of the replicas begins whose brokers are alive (`Partition.lowWatermarkIfLeader`).
    pub(in crate::broker) fn low_watermark(&self, partition: TopicPartition) -> Result<i64, ResponseError> {
        let replica = self.replica_at_epoch(partition, -1)?;
        let leadership = replica.leadership().ok_or(ResponseError::NotLeaderOrFollower)?;
        let followers = leadership.followers.iter().filter(|(id, _)| self.image.is_alive(**id));
        let starts = followers.map(|(_, follower)| follower.log_start);
        Ok(starts.fold(replica.log.log_start_offset(), i64::min))
    }

    /// Notes the epoch of a new leader. The epoch is known in memory even if it cannot be written; each batch carries it too.
    pub(in crate::broker) fn assign_epoch(
        &mut self,
        partition: TopicPartition,
        epoch: i32,
        start: i64,
        context: &mut Context<'_>,
    ) {
        if let Err(error) = self.replica_mut(partition).log.assign_epoch(context.disk(), epoch, start) {
            self.log_failed("error while writing leader-epoch-checkpoint", error.code(), &error);
        }
    }
}

/// Microseconds of a clock as the milliseconds of a timestamp.
pub(in crate::broker) fn milliseconds(clock: Time) -> i64 {
    i64::try_from(clock / MILLISECOND).unwrap_or(i64::MAX)
}

/// An error code of the log's as the answer to a request.
pub(in crate::broker) fn error_of(code: i16) -> ResponseError {
    ResponseError::try_from_code(code).unwrap_or(ResponseError::UnknownServerError)
}
