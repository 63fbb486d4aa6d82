//! Produce with acks 0, 1 and all (Kafka: `KafkaApis.handleProduceRequest`, `DelayedProduce`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_response::{LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{BrokerId, ProduceRequest, ProduceResponse};

use super::delayed::{PendingProduce, Replication, Work};
use super::purgatory::{Asker, Wait, WaitId};
use super::replicas::ReplicaManager;
use super::{Broker, Context};
use crate::log::AppendOptions;
use crate::sim::MILLISECOND;
use crate::wire::{Response, TopicPartition};

impl Broker {
    pub(super) fn produce(&mut self, asker: Asker, request: &ProduceRequest, context: &mut Context<'_>) {
        let mut waits = Vec::new();
        let mut failed = false;
        let mut responses = Vec::with_capacity(request.topic_data.len());
        for (topic_place, topic) in request.topic_data.iter().enumerate() {
            let mut partitions = Vec::with_capacity(topic.partition_data.len());
            for (place, data) in topic.partition_data.iter().enumerate() {
                let partition = self
                    .image
                    .topics
                    .with_id(topic.topic_id)
                    .map(|index| TopicPartition { topic: index, partition: data.index })
                    .ok_or(ResponseError::UnknownTopicId);
                let appended = partition.and_then(|partition| {
                    // `ReplicaManager.appendRecordsToLeader`: only coordinators write to these.
                    if self.image.topics.get(partition.topic).is_some_and(|topic| topic.is_internal()) {
                        return Err(ResponseError::InvalidTopicException);
                    }
                    let records = data.records.clone().filter(|records| !records.is_empty()).unwrap_or_default();
                    let info = self.append(partition, records, request.acks, &AppendOptions::default(), context)?;
                    Ok((partition, info))
                });
                partitions.push(match appended {
                    Ok((partition, info)) => {
                        let place = (topic_place, place);
                        waits.push(Replication {
                            partition,
                            high_watermark: info.last_offset + 1,
                            place,
                            is_settled: false,
                        });
                        PartitionProduceResponse::default()
                            .with_index(data.index)
                            .with_base_offset(info.base_offset)
                            .with_log_append_time_ms(info.log_append_time)
                            .with_log_start_offset(info.log_start_offset)
                    }
                    Err(error) => {
                        failed = true;
                        self.refusal(data.index, partition.ok(), error)
                    }
                });
            }
            let response = TopicProduceResponse::default().with_topic_id(topic.topic_id);
            responses.push(response.with_partition_responses(partitions));
        }
        let response = ProduceResponse::default().with_responses(responses);
        match request.acks {
            // Nobody waits for an answer: a closed connection is the only way to tell of a failure.
            0 if failed => self.hang_up(asker.connection, context),
            // Nobody waits for an answer here either.
            0 => {}
            -1 if !waits.is_empty() => {
                let deadline = context.after(request.timeout_ms.max(0) as u64 * MILLISECOND);
                let work = Work::Produce(Box::new(PendingProduce { response, waits }));
                let id = self.begin_wait(asker, deadline, work, context);
                self.continue_produce(id, false, context);
            }
            _ => self.answer(asker, Response::Produce(response), context),
        }
    }

    /// Looks at the partitions that are not settled yet, and answers once all are.
    pub(super) fn continue_produce(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        let wait = self.purgatory.get_mut(id).expect("what is continued has not ended");
        let Work::Produce(pending) = &mut wait.work else { unreachable!("a Produce is continued as one") };
        let PendingProduce { response, waits } = &mut **pending;
        for wait in waits.iter_mut().filter(|wait| !wait.is_settled) {
            // Neither committed nor given up: it waits on.
            let Some(code) = outcome(&self.replicas, wait, overdue) else { continue };
            wait.is_settled = true;
            let (topic, partition) = wait.place;
            response.responses[topic].partition_responses[partition].error_code = code;
        }
        if waits.iter().all(|wait| wait.is_settled) {
            let Wait { asker, work: Work::Produce(pending), .. } = self.end_wait(id, context) else {
                unreachable!("a Produce ends as one")
            };
            self.answer(asker, Response::Produce(pending.response), context);
        }
    }

    /// An error with the leader to ask instead, where that is known (KIP-951).
    fn refusal(&self, index: i32, partition: Option<TopicPartition>, error: ResponseError) -> PartitionProduceResponse {
        let response = PartitionProduceResponse::default()
            .with_index(index)
            .with_error_code(error.code())
            .with_base_offset(-1)
            .with_log_append_time_ms(-1)
            .with_log_start_offset(-1);
        let moved = error == ResponseError::NotLeaderOrFollower;
        match partition.and_then(|partition| self.image.partition(partition)) {
            Some(image) if moved => response.with_current_leader(
                LeaderIdAndEpoch::default()
                    .with_leader_id(BrokerId(image.leader))
                    .with_leader_epoch(image.leader_epoch),
            ),
            _ => response,
        }
    }
}

/// What became of a batch; `None` while it is neither committed nor given up (Kafka: `ReplicaManager.getPartitionOrError`,
/// `Partition.checkEnoughReplicasReachOffset`).
fn outcome(replicas: &ReplicaManager, wait: &Replication, overdue: bool) -> Option<i16> {
    let Some(replica) = replicas.get(&wait.partition) else {
        return Some(replicas.why_not_here(wait.partition).code());
    };
    let Some(leadership) = replica.leadership() else { return Some(ResponseError::NotLeaderOrFollower.code()) };
    if replica.log.high_watermark() < wait.high_watermark {
        return overdue.then(|| ResponseError::RequestTimedOut.code());
    }
    let is_enough = leadership.maximal_isr_size() >= leadership.effective_min_isr(replica.min_isr);
    Some(if is_enough { 0 } else { ResponseError::NotEnoughReplicasAfterAppend.code() })
}
