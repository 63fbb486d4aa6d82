//! Produce with acks 0, 1 and all (Kafka: `KafkaApis.handleProduceRequest`, `DelayedProduce`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::TopicProduceData;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{BrokerId, ProduceRequest, ProduceResponse};
use kafka_protocol::protocol::StrBytes;

use super::delayed::{PendingProduce, Replication, Verdict, Work};
use super::purgatory::{Asker, Wait, WaitId};
use super::replicas::{Refused, ReplicaManager};
use super::{Broker, Context};
use crate::log::AppendOptions;
use crate::sim::MILLISECOND;
use crate::wire::{Response, TopicPartition, host_of, port_of};

/// The last version of Produce that names topics.
const LAST_BY_NAME: i16 = 12;
/// The first version whose answer has room for a leader to ask instead (KIP-951).
const FIRST_WITH_LEADERS: i16 = 10;
/// Where a batch says how much follows, where its format, and what that is.
const LENGTH_AT: usize = 8;
const HEAD: usize = 12;
const MAGIC_AT: usize = 16;
const MAGIC: u8 = 2;

impl Broker {
    /// Appends the batches of a Produce, but those of which it is known that they may not be.
    pub(super) fn append_produced(
        &mut self,
        asker: Asker,
        request: &ProduceRequest,
        verdicts: &[Verdict],
        context: &mut Context<'_>,
    ) {
        let mut waits = Vec::new();
        let mut failed = false;
        let mut responses = Vec::with_capacity(request.topic_data.len());
        for (topic_place, topic) in request.topic_data.iter().enumerate() {
            let number = self.topic_of(topic, asker.version);
            let mut partitions = Vec::with_capacity(topic.partition_data.len());
            for (place, data) in topic.partition_data.iter().enumerate() {
                let partition = number.map(|topic| TopicPartition { topic, partition: data.index });
                let place = (topic_place, place);
                let appended = partition.map_err(Refused::from).and_then(|partition| {
                    // `ReplicaManager.appendToLocalLog`: only coordinators write to these.
                    if self.image.topics.get(partition.topic).is_some_and(|topic| topic.is_internal()) {
                        return Err(ResponseError::InvalidTopicException.into());
                    }
                    let guard = Self::verdict_of(verdicts, place)?;
                    let options = AppendOptions { guard, ..AppendOptions::default() };
                    let records = data.records.clone().unwrap_or_default();
                    check_records(&records)?;
                    let info = self.append(partition, records, request.acks, &options, context)?;
                    Ok((partition, info))
                });
                partitions.push(match appended {
                    Ok((partition, info)) => {
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
                    Err(refused) => {
                        failed = true;
                        let leads = partition.ok().filter(|_| asker.version >= FIRST_WITH_LEADERS);
                        self.refusal(data.index, leads, &refused)
                    }
                });
            }
            responses.push(answer_of(topic, partitions));
        }
        let endpoints = self.leaders_to_produce_to(&responses);
        let response = ProduceResponse::default().with_responses(responses).with_node_endpoints(endpoints);
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

    /// Nothing of a Produce is done.
    pub(super) fn refuse_produce(
        &mut self,
        asker: Asker,
        request: &ProduceRequest,
        error: ResponseError,
        context: &mut Context<'_>,
    ) {
        if request.acks == 0 {
            return self.hang_up(asker.connection, context);
        }
        let response = ProduceResponse::default().with_responses(refuse_all(request, error));
        self.answer(asker, Response::Produce(response), context);
    }

    /// The number of a topic, which is named in versions up to [`LAST_BY_NAME`].
    pub(super) fn topic_of(&self, topic: &TopicProduceData, version: i16) -> Result<u32, ResponseError> {
        if version <= LAST_BY_NAME {
            self.image.topics.named(&topic.name).ok_or(ResponseError::UnknownTopicOrPartition)
        } else {
            self.image.topics.with_id(topic.topic_id).ok_or(ResponseError::UnknownTopicId)
        }
    }

    /// An error with the leader to ask instead, where that is known (KIP-951).
    fn refusal(&self, index: i32, partition: Option<TopicPartition>, refused: &Refused) -> PartitionProduceResponse {
        let records = refused.records.iter().map(|place| BatchIndexAndErrorMessage::default().with_batch_index(*place));
        let response = no_batch(index, refused.error)
            .with_log_start_offset(refused.log_start)
            .with_record_errors(records.collect());
        let moved = refused.error == ResponseError::NotLeaderOrFollower;
        match partition.and_then(|partition| self.image.partition(partition)) {
            Some(image) if moved => response.with_current_leader(
                LeaderIdAndEpoch::default()
                    .with_leader_id(BrokerId(image.leader))
                    .with_leader_epoch(image.leader_epoch),
            ),
            _ => response,
        }
    }

    /// Where the leaders are that an answer names (KIP-951).
    fn leaders_to_produce_to(&self, topics: &[TopicProduceResponse]) -> Vec<NodeEndpoint> {
        let answers = topics.iter().flat_map(|topic| &topic.partition_responses);
        let mut leaders: Vec<i32> = answers.map(|answer| answer.current_leader.leader_id.0).collect();
        leaders.retain(|leader| self.image.is_alive(*leader));
        leaders.sort_unstable();
        leaders.dedup();
        let endpoint = |leader| {
            let host = StrBytes::from_string(host_of(leader));
            NodeEndpoint::default().with_node_id(BrokerId(leader)).with_host(host).with_port(port_of(leader))
        };
        leaders.into_iter().map(endpoint).collect()
    }
}

/// An answer that tells of no batch.
fn no_batch(index: i32, error: ResponseError) -> PartitionProduceResponse {
    PartitionProduceResponse::default()
        .with_index(index)
        .with_error_code(error.code())
        .with_base_offset(-1)
        .with_log_append_time_ms(-1)
        .with_log_start_offset(-1)
}

/// The answer about a topic, which is called as in the request.
fn answer_of(topic: &TopicProduceData, partitions: Vec<PartitionProduceResponse>) -> TopicProduceResponse {
    let answer = TopicProduceResponse::default().with_topic_id(topic.topic_id).with_name(topic.name.clone());
    answer.with_partition_responses(partitions)
}

/// Nothing of a request is done (`ProduceRequest.getErrorResponse`).
fn refuse_all(request: &ProduceRequest, error: ResponseError) -> Vec<TopicProduceResponse> {
    let refuse = |topic: &TopicProduceData| {
        answer_of(topic, topic.partition_data.iter().map(|data| no_batch(data.index, error)).collect())
    };
    request.topic_data.iter().map(refuse).collect()
}

/// Each partition of a request has exactly one batch, of today's format (`ProduceRequest.validateRecords`).
fn check_records(records: &[u8]) -> Result<(), ResponseError> {
    let is_of_today = |records: &[u8]| records.get(MAGIC_AT) == Some(&MAGIC);
    let end = records.get(LENGTH_AT..MAGIC_AT).and_then(<[u8]>::first_chunk).map(|length| i32::from_be_bytes(*length));
    let end = end.and_then(|length| usize::try_from(length).ok()).map(|length| length.saturating_add(HEAD));
    let is_one = end.is_none_or(|end| records.len() <= end);
    if is_of_today(records) && is_one { Ok(()) } else { Err(ResponseError::InvalidRecord) }
}

/// What became of a batch; `None` while it is neither committed nor given up (Kafka: `ReplicaManager.getPartitionOrError`,
/// `Partition.checkEnoughReplicasReachOffset`).
pub(super) fn outcome(replicas: &ReplicaManager, wait: &Replication, overdue: bool) -> Option<i16> {
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
