//! Produce with acks 0, 1 and all (Kafka: `ReplicaManager.appendRecords`, `Partition.appendRecordsToLeader`,
//! `DelayedProduce`).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{BrokerId, ProduceRequest, ProduceResponse};

use super::channel::{Pending, Replication, Work};
use super::watch::Change;
use super::{Broker, Context};
use crate::log::AppendInfo;
use crate::note::Note;
use crate::sim::MILLISECOND;
use crate::sim::network::ConnectionId;
use crate::wire::{Response, TopicPartition, topic_index};

impl Broker {
    pub(super) fn produce(
        &mut self,
        connection: ConnectionId,
        correlation_id: i32,
        request: &ProduceRequest,
        context: &mut Context<'_>,
    ) {
        let mut waits = Vec::new();
        let mut failed = false;
        let mut responses = Vec::with_capacity(request.topic_data.len());
        for (topic_place, topic) in request.topic_data.iter().enumerate() {
            let mut partitions = Vec::with_capacity(topic.partition_data.len());
            for (place, data) in topic.partition_data.iter().enumerate() {
                let partition = topic_index(topic.topic_id)
                    .map(|index| TopicPartition { topic: index, partition: data.index })
                    .ok_or(ResponseError::UnknownTopicId);
                let appended = partition.and_then(|partition| {
                    let info = self.append(partition, data, request.acks, context)?;
                    Ok((partition, info))
                });
                partitions.push(match appended {
                    Ok((partition, info)) => {
                        let place = (topic_place, place);
                        waits.push(Replication { partition, high_watermark: info.last_offset + 1, place });
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
            0 if failed => self.hang_up(connection, context),
            0 => {}
            -1 if !waits.is_empty() => {
                for wait in &waits {
                    if let Some(replica) = self.replicas.get_mut(&wait.partition) {
                        Arc::make_mut(replica).producers.insert(connection);
                    }
                }
                let deadline = context.now() + request.timeout_ms.max(0) as u64 * MILLISECOND;
                self.park(connection, correlation_id, deadline, Work::Produce { response, waits }, context);
                self.awake.insert(connection);
            }
            _ => self.answer(connection, correlation_id, Response::Produce(response), context),
        }
    }

    fn append(
        &mut self,
        partition: TopicPartition,
        data: &PartitionProduceData,
        acks: i16,
        context: &mut Context<'_>,
    ) -> Result<AppendInfo, ResponseError> {
        if !(-1..=1).contains(&acks) {
            return Err(ResponseError::InvalidRequiredAcks);
        }
        let replica = self.replica_at_epoch(partition, -1)?;
        let leadership = replica.leadership().ok_or(ResponseError::NotLeaderOrFollower)?;
        if acks == -1 && leadership.isr.len() < leadership.effective_min_isr(replica.min_isr) {
            return Err(ResponseError::NotEnoughReplicas);
        }
        let records = data.records.clone().filter(|records| !records.is_empty());
        let (former_end, leader_epoch) = (replica.log.log_end_offset(), replica.leader_epoch);
        let info = self.append_to_log(partition, records.unwrap_or_default(), context)?;
        // A batch that the producer had sent before is answered as then and not appended again.
        if !info.duplicate {
            context.note(Note::Appended {
                broker: self.settings.id,
                partition,
                base_offset: info.base_offset,
                last_offset: info.last_offset,
                leader_epoch,
            });
            self.tell_sessions(partition, Change::Append { former_end });
            self.advance_high_watermark(partition, context);
        }
        Ok(info)
    }

    pub(super) fn continue_produce(&mut self, connection: ConnectionId, overdue: bool, context: &mut Context<'_>) {
        let Some(channel) = self.channels.get_mut(&connection) else { return };
        let Some(Pending { correlation_id, work: Work::Produce { response, waits }, .. }) = &mut channel.pending else {
            return;
        };
        let correlation_id = *correlation_id;
        let replicas = &mut self.replicas;
        waits.retain(|wait| {
            let replica = replicas.get_mut(&wait.partition);
            let code = match replica.as_ref().map(|replica| (replica.leadership(), replica)) {
                Some((Some(leadership), replica)) => {
                    if replica.log.high_watermark() < wait.high_watermark {
                        if !overdue {
                            return true;
                        }
                        ResponseError::RequestTimedOut.code()
                    } else if leadership.maximal_isr_size() >= leadership.effective_min_isr(replica.min_isr) {
                        0
                    } else {
                        ResponseError::NotEnoughReplicasAfterAppend.code()
                    }
                }
                _ => ResponseError::NotLeaderOrFollower.code(),
            };
            if let Some(replica) = replica {
                Arc::make_mut(replica).producers.remove(&connection);
            }
            let (topic, partition) = wait.place;
            let place = response.responses.get_mut(topic).and_then(|t| t.partition_responses.get_mut(partition));
            if let Some(place) = place {
                place.error_code = code;
            }
            false
        });
        if !waits.is_empty() {
            return;
        }
        let response = std::mem::take(response);
        self.unpark(connection, context);
        self.answer(connection, correlation_id, Response::Produce(response), context);
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

    fn hang_up(&mut self, connection: ConnectionId, context: &mut Context<'_>) {
        if let Some(channel) = self.channels.remove(&connection) {
            self.forget_waits(connection, &channel);
        }
        context.close(connection);
    }
}
