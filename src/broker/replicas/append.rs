//! Appends: of a leader, and of a follower that takes what its leader has (Kafka: `ReplicaManager.appendRecords`,
//! `Partition.appendRecordsToLeader`, `appendRecordsToFollowerOrFutureReplica`).

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::super::context::Context;
use super::replica::Writing;
use super::storage::milliseconds;
use super::{ReplicaManager, error_of};
use crate::log::{AppendError, AppendInfo, AppendOptions};
use crate::note::Note;
use crate::sim::Time;
use crate::wire::TopicPartition;

/// What an append of a leader did.
#[derive(Clone, Copy, Debug)]
pub(in crate::broker) struct Appended {
    pub(in crate::broker) info: AppendInfo,
    /// Where the log ended before it.
    pub(in crate::broker) former_end: i64,
}

/// Why nothing was appended, with what its producer is told of it.
#[derive(Clone, Debug)]
pub(in crate::broker) struct Refused {
    pub(in crate::broker) error: ResponseError,
    /// Where the log begins; -1 where nobody is told (`ReplicaManager.appendToLocalLog`).
    pub(in crate::broker) log_start: i64,
    /// The records that broke a rule, by their places in the batch.
    pub(in crate::broker) records: Vec<i32>,
}

impl From<ResponseError> for Refused {
    fn from(error: ResponseError) -> Self {
        Self { error, log_start: -1, records: Vec::new() }
    }
}

impl Refused {
    /// Errors that say nothing of where the log begins are those that may have kept the log from being looked at.
    fn of(error: &AppendError, log_start: i64) -> Self {
        let records = error.record_errors().map_or_else(Vec::new, |errors| errors.batch_indexes.to_vec());
        let error = error_of(error.code());
        let is_silent = matches!(
            error,
            ResponseError::MessageTooLarge
                | ResponseError::RecordListTooLarge
                | ResponseError::CorruptMessage
                | ResponseError::KafkaStorageError
        );
        Self { error, log_start: if is_silent { -1 } else { log_start }, records }
    }
}

impl ReplicaManager {
    /// Appends one batch to a log that this broker leads. With `acks` -1 only where the ISR is large enough.
    pub(in crate::broker) fn append_as_leader(
        &mut self,
        partition: TopicPartition,
        records: Bytes,
        acks: i16,
        options: &AppendOptions,
        context: &mut Context<'_>,
    ) -> Result<Appended, Refused> {
        if !(-1..=1).contains(&acks) {
            return Err(ResponseError::InvalidRequiredAcks.into());
        }
        let replica = self.replica_at_epoch(partition, -1)?;
        let leadership = replica.leadership().ok_or(ResponseError::NotLeaderOrFollower)?;
        if acks == -1 && leadership.isr.len() < leadership.effective_min_isr(replica.min_isr) {
            let log_start = replica.log.log_start_offset();
            return Err(Refused { log_start, ..ResponseError::NotEnoughReplicas.into() });
        }
        let former_end = replica.log.log_end_offset();
        self.wait_for_lock(partition, context);
        let info = self.append_to_log(partition, records, options, context)?;
        let elapsed = context.disk().elapsed_us();
        if elapsed > 0 && !info.duplicate {
            let until = context.after(elapsed);
            self.replica_mut(partition).writing.push(Writing { end: former_end, until });
        }
        // A batch that the producer had sent before is answered as then and not appended again.
        if !info.duplicate {
            context.note(Note::Appended {
                broker: self.settings.id,
                partition,
                base_offset: info.base_offset,
                last_offset: info.last_offset,
                leader_epoch: self.replica(partition).leader_epoch,
            });
        }
        Ok(Appended { info, former_end })
    }

    /// Who appends waits for a write of the same log that a slow disk is still at.
    fn wait_for_lock(&self, partition: TopicPartition, context: &mut Context<'_>) {
        if let Some(writing) = self.replica(partition).writing.last() {
            let elapsed = context.disk().elapsed_us();
            let free = context.after(elapsed);
            context.disk().wait(writing.until.saturating_sub(free));
        }
    }

    /// The writes that are done by now: their records are there for readers, from this end on that the log had for them
    /// before. `None` where the partition has another role since, and has told everybody.
    pub(in crate::broker) fn written(&mut self, partition: TopicPartition, now: Time) -> Option<i64> {
        let writing = &mut self.all.get_mut(&partition).map(Arc::make_mut)?.writing;
        let former_end = writing.first()?.end;
        assert!(writing[0].until <= now, "the timer of a write is that of its end");
        writing.retain(|writing| writing.until > now);
        Some(former_end)
    }

    fn append_to_log(
        &mut self,
        partition: TopicPartition,
        records: Bytes,
        options: &AppendOptions,
        context: &mut Context<'_>,
    ) -> Result<AppendInfo, Refused> {
        let (disk, clock) = context.disk_and_clock();
        let replica = self.replica_mut(partition);
        let former_base = replica.log.active_segment().base_offset;
        let appended = replica.log.append_with(disk, records, replica.leader_epoch, milliseconds(clock), options);
        let base_offset = replica.log.active_segment().base_offset;
        if base_offset != former_base {
            context.note(Note::Rolled { broker: self.settings.id, partition, base_offset });
        }
        if let Err(error) = &appended {
            self.append_failed(partition, error);
        }
        match appended {
            // `ProduceRequest.validateRecords`: each partition of a request has exactly one batch.
            Ok(info) if info.valid_bytes == 0 => Err(ResponseError::InvalidRecord.into()),
            appended => {
                let log_start = self.replica(partition).log.log_start_offset();
                appended.map_err(|error| Refused::of(&error, log_start))
            }
        }
    }

    /// Appends what a follower's leader has given.
    pub(in crate::broker) fn append_as_follower(
        &mut self,
        partition: TopicPartition,
        records: &Bytes,
        context: &mut Context<'_>,
    ) -> Result<(), AppendError> {
        let replica = self.replica_mut(partition);
        let appended = replica.log.append_as_follower(context.disk(), records.clone(), replica.leader_epoch);
        if let Err(error) = &appended {
            self.append_failed(partition, error);
        }
        appended.map(|_| ())
    }

    fn append_failed(&mut self, partition: TopicPartition, error: &AppendError) {
        let topic = self.image.topics.name_of(partition.topic);
        let what = format!("error while appending records to {topic}-{}", partition.partition);
        self.log_failed(what, error.code(), error);
    }
}
