//! Where replicas meet the disk: their logs and the small files beside them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::log_tasks::Checkpoints;
use super::replica::Replica;
use super::{Broker, Context, timer};
use crate::log::checkpoints::{self, MetaProperties};
use crate::log::{AppendInfo, LogConfig, Recovered, ReplicaLog};
use crate::sim::disk::Disk;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{Note, TopicImage, TopicPartition, topic_id};

/// The broker's one log directory (`log.dirs`).
pub(super) const DIRECTORY: &str = "data";

impl Broker {
    /// Reads what the last life left, and marks the disk as this broker's.
    pub(super) fn read_checkpoint(&mut self, context: &mut Context<'_>) {
        let disk = context.disk();
        if let Ok(None) = MetaProperties::read(disk, DIRECTORY) {
            let cluster_id = "loglab".to_owned();
            let directory_id = uuid::Uuid::from_u64_pair(1, self.settings.id as u64);
            let meta = MetaProperties { cluster_id, node_id: self.settings.id, directory_id };
            // A disk without room ends the broker at the end of the event, as everywhere.
            let _ = meta.write(disk, DIRECTORY);
        }
        self.checkpointed = Arc::new(Checkpoints::read(disk));
    }

    /// Writes the high watermarks; every `replica.high.watermark.checkpoint.interval.ms`.
    pub(super) fn write_checkpoint(&mut self, context: &mut Context<'_>) {
        context.set_timer(timer::CHECKPOINT, context.now() + self.settings.hw_checkpoint_interval_us.max(1));
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
        let written = checkpoints::write_offsets(context.disk(), &path, offsets.into_iter());
        self.checkpoint_is_stale = written.is_err();
    }

    /// Opens a replica's log, or begins one; what an old log holds behind its recovery point is checked.
    pub(super) fn open_log(
        &self,
        partition: TopicPartition,
        topic: &TopicImage,
        context: &mut Context<'_>,
    ) -> Option<ReplicaLog> {
        let directory = format!("{DIRECTORY}/{}-{}", topic.name, partition.partition);
        let disk = context.disk();
        if let Ok(None) = checkpoints::read_topic_id(disk, &directory) {
            checkpoints::write_topic_id(disk, &directory, topic_id(partition.topic)).ok()?;
        }
        let opening = self.checkpointed.opening(&topic.name, partition.partition);
        let (mut log, recovered) = ReplicaLog::open_with(disk, &directory, log_config(&topic.config), opening).ok()?;
        if let Some(offset) = self.checkpointed.high_watermarks.get(&(topic.name.clone(), partition.partition)) {
            log.update_high_watermark(disk, *offset);
        }
        if recovered != Recovered::default() {
            let (broker, recovery_point) = (self.settings.id, opening.recovery_point);
            let log_end_offset = log.log_end_offset();
            context.note(Note::LogRecovered { broker, partition, recovery_point, log_end_offset, recovered });
        }
        Some(log)
    }

    /// A disk that refuses to write makes its log directory an offline one, whatever was to be written (Kafka's
    /// `LogDirFailureChannel`); with no other left the broker halts (`LogManager.handleLogDirFailure`).
    pub(super) fn halt_without_room(&self, context: &mut Context<'_>) {
        if context.disk().take_refused() {
            context.note(Note::Halted { broker: self.settings.id });
            context.exit();
        }
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
    ) -> Result<(), ResponseError> {
        let replica = self.replicas.get_mut(&partition).ok_or(ResponseError::NotLeaderOrFollower)?;
        let replica = Arc::make_mut(replica);
        let appended = replica.log.append_as_follower(context.disk(), records.clone(), replica.leader_epoch);
        appended.map(|_| ()).map_err(|error| error_of(error.code()))
    }

    /// Truncation does not need room; what remains to be written of the epochs is written with the next change.
    pub(super) fn truncate_log(&mut self, partition: TopicPartition, to: i64, context: &mut Context<'_>) {
        let paused = self.pause_cleaning(partition, to, context);
        if let Some(replica) = self.replicas.get_mut(&partition) {
            let truncated = Arc::make_mut(replica).log.truncate_to(context.disk(), to);
            if truncated == Ok(true) {
                self.write_recovery_points(context);
                self.wait_for_deletions(context);
            }
        }
        if paused {
            self.go_on_cleaning(partition, to, context);
        }
    }

    pub(super) fn restart_log_at(&mut self, partition: TopicPartition, start: i64, context: &mut Context<'_>) {
        let paused = self.pause_cleaning(partition, i64::MIN, context);
        if let Some(replica) = self.replicas.get_mut(&partition) {
            let _ = Arc::make_mut(replica).log.truncate_fully_and_start_at(context.disk(), start, None);
            self.write_recovery_points(context);
            self.wait_for_deletions(context);
        }
        if paused {
            self.go_on_cleaning(partition, start, context);
        }
    }

    /// A full disk keeps the epoch in memory; each batch carries it too.
    pub(super) fn assign_epoch(
        &mut self,
        partition: TopicPartition,
        epoch: i32,
        start: i64,
        context: &mut Context<'_>,
    ) {
        if let Some(replica) = self.replicas.get_mut(&partition) {
            let _ = Arc::make_mut(replica).log.assign_epoch(context.disk(), epoch, start);
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

fn error_of(code: i16) -> ResponseError {
    ResponseError::try_from_code(code).unwrap_or(ResponseError::UnknownServerError)
}

/// The settings of a topic's logs. What Kafka refuses never gets here: a scenario that says it is refused.
fn log_config(told: &BTreeMap<String, String>) -> LogConfig {
    LogConfig::with(told.iter().map(|(name, value)| (name.as_str(), value.as_str()))).unwrap_or_default()
}
