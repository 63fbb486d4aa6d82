//! DeleteRecords: logs begin later, on all replicas before the answer
//! (Kafka: `ReplicaManager.deleteRecords`, `Partition.deleteRecordsOnLeader`, `DelayedDeleteRecords`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

use super::delayed::{PendingDeletion, Removal, Work};
use super::purgatory::{Asker, Wait, WaitId};
use super::{Broker, Context};
use crate::sim::MILLISECOND;
use crate::wire::{Response, TopicPartition};

/// The offset that asks for all that is committed (`DeleteRecordsRequest.HIGH_WATERMARK`).
const HIGH_WATERMARK: i64 = -1;
/// Where a log begins of which that is not told.
const NONE: i64 = -1;

impl Broker {
    pub(super) fn delete_records(&mut self, asker: Asker, request: &DeleteRecordsRequest, context: &mut Context<'_>) {
        let mut removals = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for (topic_place, topic) in request.topics.iter().enumerate() {
            let number = self.image.topics.named(&topic.name);
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for (place, asked) in topic.partitions.iter().enumerate() {
                let answer = DeleteRecordsPartitionResult::default()
                    .with_partition_index(asked.partition_index)
                    .with_low_watermark(NONE);
                partitions.push(match self.begin_log_later(number, asked.partition_index, asked.offset, context) {
                    Ok((partition, offset)) => {
                        let place = (topic_place, place);
                        removals.push(Removal { partition, offset, place, is_settled: false });
                        answer
                    }
                    Err(error) => answer.with_error_code(error.code()),
                });
            }
            let response = DeleteRecordsTopicResult::default().with_name(topic.name.clone());
            topics.push(response.with_partitions(partitions));
        }
        let response = DeleteRecordsResponse::default().with_topics(topics);
        if removals.is_empty() {
            return self.answer(asker, Response::DeleteRecords(response), context);
        }
        let deadline = context.after(request.timeout_ms.max(0) as u64 * MILLISECOND);
        let work = Work::DeleteRecords(Box::new(PendingDeletion { response, removals }));
        let id = self.begin_wait(asker, deadline, work, context);
        self.continue_delete_records(id, false, context);
    }

    /// Moves the start of a log that this broker leads. The partition, and where its replicas shall begin.
    fn begin_log_later(
        &mut self,
        topic: Option<u32>,
        partition: i32,
        offset: i64,
        context: &mut Context<'_>,
    ) -> Result<(TopicPartition, i64), ResponseError> {
        let topic = topic.ok_or(ResponseError::UnknownTopicOrPartition)?;
        let partition = TopicPartition { topic, partition };
        self.image.partition(partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
        if self.image.topics.get(topic).is_some_and(|topic| topic.is_internal()) {
            return Err(ResponseError::InvalidTopicException);
        }
        let replica = self.replicas.replica_at_epoch(partition, -1)?;
        replica.leadership().ok_or(ResponseError::NotLeaderOrFollower)?;
        if !replica.log.config().delete {
            return Err(ResponseError::PolicyViolation);
        }
        let offset = if offset == HIGH_WATERMARK { replica.log.high_watermark() } else { offset };
        if offset < 0 {
            return Err(ResponseError::OffsetOutOfRange);
        }
        if self.replicas.delete_records(partition, offset, context)? {
            self.log_starts_moved(vec![partition]);
        }
        Ok((partition, offset))
    }

    /// Looks at the partitions that are not settled yet, and answers once all are.
    pub(super) fn continue_delete_records(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        let wait = self.purgatory.get_mut(id).expect("what is continued has not ended");
        let Work::DeleteRecords(pending) = &mut wait.work else { unreachable!("it is continued as what it is") };
        let PendingDeletion { response, removals } = &mut **pending;
        for removal in removals.iter_mut().filter(|removal| !removal.is_settled) {
            let (topic, partition) = removal.place;
            let answer = &mut response.topics[topic].partitions[partition];
            let low_watermark = self.replicas.low_watermark(removal.partition);
            answer.low_watermark = low_watermark.unwrap_or(NONE);
            let outcome = match low_watermark {
                Err(error) => Some(error.code()),
                Ok(offset) if offset >= removal.offset => Some(0),
                Ok(_) => overdue.then(|| ResponseError::RequestTimedOut.code()),
            };
            // A follower has not heard of it: it waits on.
            let Some(code) = outcome else { continue };
            answer.error_code = code;
            removal.is_settled = true;
        }
        if removals.iter().all(|removal| removal.is_settled) {
            let Wait { asker, work: Work::DeleteRecords(pending), .. } = self.end_wait(id, context) else {
                unreachable!("it ends as what it is")
            };
            self.answer(asker, Response::DeleteRecords(pending.response), context);
        }
    }
}
