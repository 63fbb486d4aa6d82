//! Where replicas meet the disk: their logs and the small files beside them.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::replica::Replica;
use super::{Broker, Context, timer};
use crate::log::checkpoints::{self, Malformed};
use crate::log::error::OpenError;
use crate::log::{AppendError, AppendInfo, LogConfig, LogError, Recovered, ReplicaLog, partition_metadata};
use crate::note::Note;
use crate::sim::disk::Disk;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{TopicImage, TopicPartition, topic_id};

/// The broker's one log directory (`log.dirs`).
pub const DIRECTORY: &str = "data";

impl Broker {
    /// Writes the high watermarks; every `replica.high.watermark.checkpoint.interval.ms`.
    pub(super) fn write_checkpoint(&mut self, context: &mut Context<'_>) {
        context.set_timer(timer::CHECKPOINT, context.now() + self.settings.hw_checkpoint_interval_us.max(1));
        self.write_high_watermarks(context);
    }

    /// The same at once, if one of them moved since.
    pub(super) fn write_high_watermarks(&mut self, context: &mut Context<'_>) {
        if !std::mem::take(&mut self.checkpoint_is_stale) {
            return;
        }
        let mut offsets = Vec::new();
        for (partition, replica) in self.replicas.iter() {
            if let Some(topic) = self.image.topics.get(partition.topic as usize) {
                offsets.push((topic.name.as_str(), partition.partition, replica.log.high_watermark()));
            }
        }
        let path = format!("{DIRECTORY}/{}", checkpoints::HIGH_WATERMARKS);
        if let Err(error) = checkpoints::write_offsets(context.disk(), &path, offsets.into_iter()) {
            self.checkpoint_is_stale = true;
            self.log_dir_failed(format_args!("error while writing {}", checkpoints::HIGH_WATERMARKS), error);
        }
    }

    /// Opens a replica's log, or begins one; what an old log holds behind its recovery point is checked. `None` where the
    /// replica cannot be had: either the broker ends, or it goes on without this one.
    pub(super) fn open_log(
        &mut self,
        partition: TopicPartition,
        topic: &TopicImage,
        context: &mut Context<'_>,
    ) -> Option<ReplicaLog> {
        let name = format!("{}-{}", topic.name, partition.partition);
        let directory = format!("{DIRECTORY}/{name}");
        let checkpointed = Arc::clone(&self.checkpointed);
        let opening = checkpointed.opening(&topic.name, partition.partition);
        // What Kafka refuses never gets here: a scenario that says it is refused. A log does not open with other settings
        // than it was told.
        let told = topic.config.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let config = LogConfig::with(told).ok()?;
        let disk = context.disk();
        let opened = ReplicaLog::open_with(disk, &directory, config, opening).and_then(|opened| {
            partition_metadata::claim(disk, &directory, topic_id(partition.topic))?;
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
        if recovered != Recovered::default() {
            let (broker, recovery_point) = (self.settings.id, opening.recovery_point);
            let log_end_offset = log.log_end_offset();
            context.note(Note::LogRecovered { broker, partition, recovery_point, log_end_offset, recovered });
        }
        Some(log)
    }

    pub(super) fn append_to_log(
        &mut self,
        partition: TopicPartition,
        records: Bytes,
        context: &mut Context<'_>,
    ) -> Result<AppendInfo, ResponseError> {
        let (disk, clock) = context.disk_and_clock();
        let replica = self.replicas.get_mut(&partition).ok_or(ResponseError::NotLeaderOrFollower)?;
        let replica = Arc::make_mut(replica);
        let now_ms = milliseconds(clock);
        let former_base = replica.log.active_segment().base_offset;
        let appended = replica.log.append_as_leader(disk, records, replica.leader_epoch, now_ms);
        let base_offset = replica.log.active_segment().base_offset;
        if base_offset != former_base {
            context.note(Note::Rolled { broker: self.settings.id, partition, base_offset });
        }
        if let Err(error) = &appended {
            self.append_failed(partition, error);
        }
        match appended {
            // `ProduceRequest.validateRecords`: each partition of a request has exactly one batch.
            Ok(info) if info.valid_bytes == 0 => Err(ResponseError::InvalidRecord),
            appended => appended.map_err(|error| error_of(error.code())),
        }
    }

    pub(super) fn append_as_follower(
        &mut self,
        partition: TopicPartition,
        records: &Bytes,
        context: &mut Context<'_>,
    ) -> Result<(), AppendError> {
        // Who fetches has a replica: without one there is nothing to take.
        let Some(replica) = self.replicas.get_mut(&partition).map(Arc::make_mut) else { return Ok(()) };
        let appended = replica.log.append_as_follower(context.disk(), records.clone(), replica.leader_epoch);
        if let Err(error) = &appended {
            self.append_failed(partition, error);
        }
        appended.map(|_| ())
    }

    fn append_failed(&mut self, partition: TopicPartition, error: &AppendError) {
        let topic = self.image.topics.get(partition.topic as usize).map_or("?", |topic| topic.name.as_str());
        let what = format!("error while appending records to {topic}-{}", partition.partition);
        self.log_failed(what, error.code(), error);
    }

    /// Cuts a log. Kafka leaves a partition alone whose log cannot be cut, until it has another leader.
    pub(super) fn truncate_log(
        &mut self,
        partition: TopicPartition,
        to: i64,
        context: &mut Context<'_>,
    ) -> Result<(), LogError> {
        let paused = self.pause_cleaning(partition, to, context);
        let truncated = match self.replicas.get_mut(&partition) {
            Some(replica) => Arc::make_mut(replica).log.truncate_to(context.disk(), to),
            None => Ok(false),
        };
        if let Err(error) = &truncated {
            self.log_failed(format_args!("error while truncating a log to offset {to}"), error.code(), error);
        }
        if truncated == Ok(true) {
            self.write_recovery_points(context);
            self.wait_for_deletions(context);
        }
        if paused {
            self.go_on_cleaning(partition, to, context);
        }
        truncated.map(|_| ())
    }

    /// Drops all of a log, which goes on at `start`.
    pub(super) fn restart_log_at(
        &mut self,
        partition: TopicPartition,
        start: i64,
        context: &mut Context<'_>,
    ) -> Result<(), LogError> {
        let paused = self.pause_cleaning(partition, i64::MIN, context);
        let mut restarted = Ok(());
        if let Some(replica) = self.replicas.get_mut(&partition) {
            restarted = Arc::make_mut(replica).log.truncate_fully_and_start_at(context.disk(), start, None);
            if let Err(error) = &restarted {
                let what = format_args!("error while truncating a log and starting at offset {start}");
                self.log_failed(what, error.code(), error);
            }
            self.write_recovery_points(context);
            self.wait_for_deletions(context);
        }
        if paused {
            self.go_on_cleaning(partition, start, context);
        }
        restarted
    }

    /// Notes the epoch of a new leader. The epoch is known in memory even if it cannot be written; each batch carries it too.
    pub(super) fn assign_epoch(
        &mut self,
        partition: TopicPartition,
        epoch: i32,
        start: i64,
        context: &mut Context<'_>,
    ) {
        let Some(replica) = self.replicas.get_mut(&partition) else { return };
        if let Err(error) = Arc::make_mut(replica).log.assign_epoch(context.disk(), epoch, start) {
            self.log_failed("error while writing leader-epoch-checkpoint", error.code(), &error);
        }
    }
}

/// Whole batches from `offset` on.
pub(super) fn read_log(
    disk: &Disk,
    replica: &Replica,
    offset: i64,
    upper: i64,
    size: usize,
    at_least_one: bool,
) -> Result<Bytes, ResponseError> {
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    let read = replica.log.read(disk, offset, size, upper, at_least_one);
    read.map(|data| data.bytes).map_err(|error| error_of(error.code()))
}

/// Microseconds of a clock as the milliseconds of a timestamp.
pub(super) fn milliseconds(clock: Time) -> i64 {
    i64::try_from(clock / MILLISECOND).unwrap_or(i64::MAX)
}

/// An error code of the log's as the answer to a request.
pub(super) fn error_of(code: i16) -> ResponseError {
    ResponseError::try_from_code(code).unwrap_or(ResponseError::UnknownServerError)
}
