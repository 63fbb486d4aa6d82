//! How coordinators meet the broker: requests, appends, waits, leadership (Kafka: `GroupCoordinatorService` and its like,
//! `CoordinatorPartitionWriter`, `CoordinatorLoaderImpl`, `BrokerMetadataPublisher`).

use std::sync::Arc;

use kafka_protocol::ResponseError;

use super::super::delayed::Work;
use super::super::purgatory::{Asker, WaitId};
use super::super::{Broker, BrokerTimer, Context, coordinators};
use super::pending_write::PendingWrite;
use super::seats::Handled;
use super::shard::{CoordinatorRecord, Operation};
use crate::log::batch::BatchBuilder;
use crate::log::{AppendOptions, AppendOrigin};
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::{Body, BrokerRequest, Message, Response, TopicPartition};

/// A loader reads so much of a log in a second: records are parsed and replayed one by one.
const BYTES_PER_SECOND: u64 = 50_000_000;
/// The least that a step of a loader takes: its thread is woken.
const STEP_US: Time = MILLISECOND;

impl Broker {
    /// Takes a request to the coordinator that it is for. Whether there is one.
    pub(in crate::broker) fn coordinate(
        &mut self,
        asker: Asker,
        message: &Arc<Message>,
        request: BrokerRequest<'_>,
        context: &mut Context<'_>,
    ) -> bool {
        // Most requests are for no coordinator.
        let Some((place, operation)) = self.coordinators.asked(request) else { return false };
        match self.operate(asker, place, operation, (message, request), context) {
            Ok(Some(response)) => self.answer(asker, response, context),
            // The request waits for the write that it caused.
            Ok(None) => {}
            Err(error) => {
                let response = self.coordinators.get(place).refusal(request, error);
                self.answer(asker, response, context);
            }
        }
        true
    }

    /// The answer, or `None` where the request waits for it.
    fn operate(
        &mut self,
        asker: Asker,
        place: usize,
        operation: Operation<'_>,
        (message, request): (&Arc<Message>, BrokerRequest<'_>),
        context: &mut Context<'_>,
    ) -> Result<Option<Response>, ResponseError> {
        let (Operation::Read(id) | Operation::Write(id)) = operation;
        let topic = self.coordinators.topic(place).ok_or(ResponseError::CoordinatorNotAvailable)?;
        let topic_image = self.image.topics.get(topic).expect("a coordinator's topic is known by what the image says");
        let partitions = topic_image.partitions.len() as i32;
        let partition = TopicPartition { topic, partition: coordinators::partition_of(id, partitions) };
        let now_ms = i64::try_from(context.wall_clock() / MILLISECOND).unwrap_or(i64::MAX);
        let handled = self.coordinators.get(place).handle(partition.partition, operation, request, now_ms)?;
        let (up_to, response) = match handled {
            Handled::Answer(response) => return Ok(Some(response)),
            Handled::Wait { up_to, response } => (up_to, response),
            Handled::Write(written) => {
                let up_to = self.write(place, partition, written.records, now_ms, context)?;
                (up_to, written.response)
            }
        };
        let deadline = context.after(self.settings.offsets_commit_timeout_us);
        let write = PendingWrite { message: Arc::clone(message), response, place, partition, up_to };
        let id = self.begin_wait(asker, deadline, Work::Coordinator(Box::new(write)), context);
        self.continue_write(id, false, context);
        Ok(None)
    }

    /// Appends records to a partition and replays them. The offset behind them.
    pub(in crate::broker) fn write(
        &mut self,
        place: usize,
        partition: TopicPartition,
        records: Vec<CoordinatorRecord>,
        now_ms: i64,
        context: &mut Context<'_>,
    ) -> Result<i64, ResponseError> {
        let mut batch = BatchBuilder::new();
        for record in &records {
            batch.record(now_ms, Some(&record.key), record.value.as_deref());
        }
        let options = AppendOptions { origin: AppendOrigin::Coordinator, ..AppendOptions::default() };
        let appended = self.replicas.append_as_leader(partition, batch.build(), -1, &options, context);
        let appended = appended.map_err(|refused| told(refused.error))?;
        let end = appended.info.last_offset + 1;
        self.coordinators.get_mut(place).wrote(partition.partition, records, end);
        self.appended(partition, &appended, context);
        Ok(end)
    }

    /// Answers a write once it is committed, or says why it is not known to be.
    pub(in crate::broker) fn continue_write(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        let wait = self.purgatory.get(id).expect("what is continued has not ended");
        let Work::Coordinator(write) = &wait.work else { unreachable!("a coordinator's write is continued as one") };
        let committed = self.coordinators.get(write.place).last_committed(write.partition.partition);
        let outcome = match committed {
            Ok(offset) if offset >= write.up_to => Ok(()),
            // The record stays, and may be committed later.
            Ok(_) if overdue => Err(told(ResponseError::RequestTimedOut)),
            // It goes on waiting.
            Ok(_) => return,
            // Who leads the partition now decides what becomes of the record.
            Err(_) => Err(ResponseError::NotCoordinator),
        };
        let wait = self.end_wait(id, context);
        let Work::Coordinator(write) = wait.work else { unreachable!("a coordinator's write ends as one") };
        let response = match outcome {
            Ok(()) => write.response,
            Err(error) => {
                let Body::Request(request) = &write.message.body else { unreachable!("a request waits") };
                let request = request.at_broker().expect("a broker's request waits at a broker");
                self.coordinators.get(write.place).refusal(request, error)
            }
        };
        self.answer(wait.asker, response, context);
    }

    /// The high watermark of a partition moved: if it is a coordinator's, its committed state goes on.
    pub(in crate::broker) fn commit_coordinator(&mut self, partition: TopicPartition, context: &mut Context<'_>) {
        if let Some(place) = self.coordinators.of(partition) {
            let high_watermark = self.replicas.replica(partition).log.high_watermark();
            self.coordinators.get_mut(place).commit(partition.partition, high_watermark);
            self.transactions_committed(partition, context);
        }
    }

    /// The role of a partition is another: if it is a coordinator's, its state is loaded or dropped.
    pub(in crate::broker) fn coordinator_moved(&mut self, partition: TopicPartition, context: &mut Context<'_>) {
        // Most partitions are of no coordinator.
        let Some(place) = self.coordinators.of(partition) else { return };
        let replica = self.replicas.replica(partition);
        let (leads, log_start) = (replica.leadership().is_some(), replica.log.log_start_offset());
        if !leads {
            self.coordinator_resigns(partition, context);
        } else if self.coordinators.get_mut(place).elected(partition.partition, log_start) {
            context.set_timer(loader(place, partition), context.after(STEP_US));
        } else {
            self.transactions_led_anew(partition, context);
        }
    }

    /// A partition is led by another broker, or deleted: if it is a coordinator's, its state goes, and nothing loads it.
    pub(in crate::broker) fn coordinator_resigns(&mut self, partition: TopicPartition, context: &mut Context<'_>) {
        // Most partitions are of no coordinator.
        let Some(place) = self.coordinators.of(partition) else { return };
        self.coordinators.get_mut(place).resigned(partition.partition);
        self.transactions_resigned(partition);
        context.cancel_timer(loader(place, partition));
    }

    /// A loader takes its next step.
    pub(in crate::broker) fn load_coordinator(&mut self, number: u64, context: &mut Context<'_>) {
        let (place, partition) = ((number >> 32) as usize, number as u32 as i32);
        let topic = self.coordinators.topic(place).expect("a topic that is loaded from is known");
        let log = &self.replicas.replica(TopicPartition { topic, partition }).log;
        let buffer = self.settings.offsets_load_buffer_size;
        if let Some(bytes) = self.coordinators.get_mut(place).load(partition, log, context.disk(), buffer) {
            let cost = STEP_US + u64::from(bytes) * SECOND / BYTES_PER_SECOND;
            let timer = loader(place, TopicPartition { topic, partition });
            context.set_timer(timer, context.after(cost));
        } else {
            self.transactions_committed(TopicPartition { topic, partition }, context);
        }
    }
}

/// The timer of a partition's loader.
fn loader(place: usize, partition: TopicPartition) -> BrokerTimer {
    BrokerTimer::Loader((place as u64) << 32 | u64::from(partition.partition as u32))
}

/// What a client is told where an append has failed (`CoordinatorOperationExceptionHelper.handleOperationException`).
fn told(error: ResponseError) -> ResponseError {
    match error {
        ResponseError::UnknownTopicOrPartition
        | ResponseError::UnknownTopicId
        | ResponseError::NotEnoughReplicas
        | ResponseError::NotEnoughReplicasAfterAppend
        | ResponseError::RequestTimedOut => ResponseError::CoordinatorNotAvailable,
        ResponseError::NotLeaderOrFollower | ResponseError::KafkaStorageError => ResponseError::NotCoordinator,
        ResponseError::MessageTooLarge | ResponseError::RecordListTooLarge | ResponseError::InvalidFetchSize => {
            ResponseError::UnknownServerError
        }
        other => other,
    }
}
