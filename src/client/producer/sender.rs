//! The client library's background work: who is sent what, and what becomes of the answers
//! (Kafka: `Sender`, `TransactionManager` as far as idempotence needs it).

use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProduceRequest};

use super::batch::{Batch, ProducerIdAndEpoch};
use super::{DELIVERY, PRODUCER_ID, Producer, SENDER, is_full};
use crate::client::{ClientContext, backoff, connections};
use crate::note::SendOutcome;
use crate::sim::Time;
use crate::sim::sorted::SortedSet;
use crate::wire::{Message, Request, Response};

/// What a request was for.
#[derive(Clone, Debug)]
pub(super) enum Tag {
    Metadata,
    ProducerId,
    /// A batch for each of these partitions, by its number.
    Produce(Vec<(i32, u64)>),
}

impl Producer {
    /// One turn of the sender: whatever can be sent now is sent (`Sender.runOnce`).
    pub(super) fn run_sender(&mut self, context: &mut ClientContext<'_>) {
        self.bump_epoch_if_requested();
        self.ask_producer_id(context);
        self.unblock(context);
        self.collect_due(context.now());
        if !self.ready.is_empty() {
            for of_leader in self.ready_by_leader().as_slice().chunk_by(|(one, _), (other, _)| one == other) {
                self.drain(of_leader[0].0, of_leader, context);
            }
        }
        self.metadata.maybe_send(&mut self.connections, Tag::Metadata, context);
        if let Some((due, _)) = self.due.first() {
            context.set_timer(SENDER, *due);
        }
    }

    fn collect_due(&mut self, now: Time) {
        while let Some((due, number)) = self.due.first().copied()
            && due <= now
        {
            self.due.pop_first();
            if let Some(partition) = self.partitions.get_mut(number as usize) {
                Arc::make_mut(partition).due = None;
            }
            self.ready.insert(number);
        }
    }

    /// The ready partitions with their leaders, in the order of these. Without a known leader newer metadata is asked
    /// for.
    fn ready_by_leader(&mut self) -> SortedSet<(i32, i32)> {
        let mut by_leader = SortedSet::default();
        for number in &self.ready {
            match self.leader_of(*number) {
                Some((leader, _)) => _ = by_leader.insert((leader, *number)),
                None => self.metadata.request_update(),
            }
        }
        by_leader
    }

    /// Leader and leader epoch, the newer of what metadata and answers told.
    fn leader_of(&self, number: i32) -> Option<(i32, i32)> {
        let image = self.metadata.partition(self.topic_partition(number))?;
        let hint = self.partitions.get(number as usize)?.leader_hint;
        match hint.filter(|(_, epoch)| *epoch > image.leader_epoch) {
            Some(hint) => Some(hint),
            None => (image.leader >= 0).then_some((image.leader, image.leader_epoch)),
        }
    }

    /// Sends the first batch of each of these partitions in one request, as often as the connection takes another.
    fn drain(&mut self, leader: i32, partitions: &[(i32, i32)], context: &mut ClientContext<'_>) {
        if !self.connections.is_ready(leader, context) {
            return;
        }
        // Who comes first changes, so that a limit on the request's size does not starve anyone.
        let start = self.next_record as usize % partitions.len().max(1);
        while self.connections.in_flight(leader) < self.settings.max_in_flight as usize {
            let mut data = Vec::new();
            let mut sent = Vec::new();
            let mut size = 0;
            for (_, number) in partitions.iter().cycle().skip(start).take(partitions.len()) {
                let room = (self.settings.max_request_size as usize).saturating_sub(size);
                let Some(batch) = self.take_batch(*number, (size > 0).then_some(room), context.now()) else { continue };
                let mut batch = batch;
                let records = batch.close();
                size += records.len();
                if sent.is_empty() {
                    data.reserve_exact(partitions.len());
                    sent.reserve_exact(partitions.len());
                }
                data.push(PartitionProduceData::default().with_index(*number).with_records(Some(records)));
                sent.push((*number, batch));
            }
            if sent.is_empty() {
                return;
            }
            self.send_produce(leader, data, sent, context);
        }
    }

    fn send_produce(
        &mut self,
        leader: i32,
        data: Vec<PartitionProduceData>,
        sent: Vec<(i32, Batch)>,
        context: &mut ClientContext<'_>,
    ) {
        // A leader is known from metadata alone.
        let Some(id) = self.metadata.image().map(|image| image.topics.id_of(self.settings.topic)) else { return };
        let topic = TopicProduceData::default().with_topic_id(id).with_partition_data(data);
        let request = Request::Produce(
            ProduceRequest::default()
                .with_acks(self.settings.acks)
                .with_timeout_ms(i32::try_from(self.settings.request_timeout_us / 1_000).unwrap_or(i32::MAX))
                .with_topic_data(vec![topic]),
        );
        if self.settings.acks == 0 {
            self.connections.send_unanswered(leader, request, context);
            for (number, batch) in sent {
                self.complete(number, &batch, |_| SendOutcome::Acknowledged { offset: -1 }, context);
            }
            return;
        }
        let tag = Tag::Produce(sent.iter().map(|(number, batch)| (*number, batch.number)).collect());
        self.connections.send(leader, request, tag, context);
        for (number, batch) in sent {
            if let Some(partition) = self.partitions.get_mut(number as usize) {
                Arc::make_mut(partition).in_flight.push(batch);
            }
        }
    }

    /// Takes the first batch of a partition off its queue, if it may be sent now and fits into `room`.
    fn take_batch(&mut self, number: i32, room: Option<usize>, now: Time) -> Option<Batch> {
        let (_, leader_epoch) = self.leader_of(number)?;
        let (linger, limit) = (self.settings.linger_us, self.settings.batch_size);
        let (idempotent, one_at_a_time) = (self.settings.enable_idempotence, self.settings.max_in_flight == 1);
        let current = self.producer;
        let partition = self.partitions.get_mut(number as usize)?;
        let first = partition.queue.front()?;
        let is_due = partition.due_at(linger, |batch| is_full(batch, limit)).is_some_and(|due| due <= now);
        if !is_due || one_at_a_time && !partition.in_flight.is_empty() || room.is_some_and(|room| first.size() > room) {
            return None;
        }
        let partition = Arc::make_mut(partition);
        if idempotent {
            let producer = current?;
            if partition.producer != Some(producer) && !partition.has_incomplete() {
                partition.start_sequences_at_beginning(producer);
            }
            if must_wait(partition, producer) {
                return None;
            }
            let first = partition.queue.front_mut()?;
            if first.base_sequence().is_none() {
                first.set_sequence(producer, partition.next_sequence);
                partition.next_sequence = first.next_sequence()?;
            }
        }
        let mut batch = partition.queue.pop_front()?;
        batch.leader_epoch = leader_epoch;
        batch.sequence_was_reset = false;
        self.reschedule(number, now);
        Some(batch)
    }

    /// A request was lost with its connection: whether it was carried out is not known.
    pub(super) fn lost(&mut self, requests: Vec<Tag>, context: &mut ClientContext<'_>) {
        for tag in requests {
            match tag {
                Tag::Metadata => self.metadata.failed(context),
                Tag::ProducerId => self.producer_id_failed(context),
                Tag::Produce(batches) => {
                    for (number, batch) in batches {
                        let error = ResponseError::NetworkException.code();
                        let response = PartitionProduceResponse::default().with_error_code(error).with_base_offset(-1);
                        self.batch_answered(number, batch, &response, context);
                    }
                }
            }
        }
        self.metadata.request_update();
    }

    pub(super) fn answered(&mut self, tag: Tag, message: &Message, context: &mut ClientContext<'_>) {
        match (tag, connections::response(message)) {
            (Tag::Metadata, Some(Response::Metadata(image))) => {
                self.metadata.update(image, context);
                let known = image.topics.get(self.settings.topic).map_or(0, |topic| topic.partitions.len());
                if known == 0 {
                    self.metadata.request_update();
                }
                self.partitions.resize_with(known.max(self.partitions.len()), Default::default);
                self.end_backoff_at_new_leaders(context.now());
            }
            (Tag::ProducerId, Some(Response::InitProducerId(response))) => self.producer_id_answered(response, context),
            (Tag::Produce(batches), Some(Response::Produce(response))) => {
                for (number, batch) in batches {
                    let mut answers = response.responses.iter().flat_map(|topic| &topic.partition_responses);
                    match answers.find(|answer| answer.index == number) {
                        Some(answer) => self.batch_answered(number, batch, answer, context),
                        None => {
                            let error = ResponseError::UnknownServerError.code();
                            let answer = PartitionProduceResponse::default().with_error_code(error);
                            self.batch_answered(number, batch, &answer, context);
                        }
                    }
                }
            }
            (tag, _) => self.lost(vec![tag], context),
        }
    }

    /// What one batch was answered (`Sender.completeBatch`).
    fn batch_answered(
        &mut self,
        number: i32,
        batch: u64,
        response: &PartitionProduceResponse,
        context: &mut ClientContext<'_>,
    ) {
        let Some(partition) = self.partitions.get_mut(number as usize).map(Arc::make_mut) else { return };
        let leader = &response.current_leader;
        if leader.leader_epoch > partition.leader_hint.map_or(-1, |(_, epoch)| epoch) {
            partition.leader_hint = Some((leader.leader_id.0, leader.leader_epoch));
        }
        // Given up in the meantime: its records have been told.
        let Some(mut batch) = partition.take_in_flight(batch) else {
            self.resolve(number);
            return;
        };
        let error = ResponseError::try_from_code(response.error_code);
        match error {
            None | Some(ResponseError::DuplicateSequenceNumber) => {
                if let Some(next) = batch.next_sequence()
                    && batch.producer() == partition.producer
                {
                    partition.next_acked_sequence = partition.next_acked_sequence.max(next);
                }
                let base = response.base_offset;
                if base >= 0 {
                    partition.last_acked_offset = base + i64::from(batch.count()) - 1;
                }
                let offset = move |place| if base < 0 { -1 } else { base + place };
                self.complete(number, &batch, |place| SendOutcome::Acknowledged { offset: offset(place) }, context);
            }
            Some(error) => {
                self.last_error = error.code();
                batch.may_be_stored |= may_be_stored(error, self.settings.acks);
                if tells_of_stale_metadata(error) {
                    self.metadata.request_update();
                }
                if error == ResponseError::MessageTooLarge && batch.count() > 1 {
                    self.split(number, &batch);
                } else if self.can_retry(number, &batch, error, response.log_start_offset, context.now()) {
                    self.retry(number, batch, context);
                } else {
                    self.fail(number, &batch, error.code(), context);
                    self.request_epoch_bump(number);
                }
            }
        }
        self.resolve(number);
        self.reschedule(number, context.now());
    }

    fn retry(&mut self, number: i32, mut batch: Batch, context: &mut ClientContext<'_>) {
        batch.attempts += 1;
        self.retried += batch.numbers.len() as u64;
        let (initial, max) = (self.settings.retry_backoff_us, self.settings.retry_backoff_max_us);
        let pause = backoff::exponential(initial, max, batch.attempts, context.random());
        let leader_changed = self.leader_of(number).is_some_and(|(_, epoch)| epoch > batch.leader_epoch);
        // A new leader has refused nothing yet (KIP-951).
        batch.retry_at = context.now() + if leader_changed { 0 } else { pause };
        if let Some(partition) = self.partitions.get_mut(number as usize) {
            Arc::make_mut(partition).requeue(batch);
        }
    }

    /// A batch that is too large for its topic is sent again in parts, which counts as no retry (`Sender.completeBatch`).
    fn split(&mut self, number: i32, batch: &Batch) {
        let parts = batch.split(self.settings.batch_size);
        let deadline = batch.created + self.settings.delivery_timeout_us;
        self.expiry.remove(&(deadline, number, batch.number));
        self.buffered_bytes = self.buffered_bytes.saturating_sub(batch.size() as u64);
        for part in parts.into_iter().rev() {
            self.expiry.insert((deadline, number, part.number));
            self.buffered_bytes += part.size() as u64;
            if let Some(partition) = self.partitions.get_mut(number as usize) {
                Arc::make_mut(partition).requeue(part);
            }
        }
    }

    fn end_backoff_at_new_leaders(&mut self, now: Time) {
        let waiting: Vec<i32> = self.due.iter().map(|(_, number)| *number).collect();
        for number in waiting {
            let Some((_, leader_epoch)) = self.leader_of(number) else { continue };
            let Some(partition) = self.partitions.get_mut(number as usize) else { continue };
            if partition.queue.front().is_some_and(|first| first.attempts > 0 && first.leader_epoch < leader_epoch) {
                let first = Arc::make_mut(partition).queue.front_mut();
                first.into_iter().for_each(|first| first.retry_at = now);
                self.reschedule(number, now);
            }
        }
    }

    fn fail(&mut self, number: i32, batch: &Batch, error: i16, context: &mut ClientContext<'_>) {
        let outcome = if batch.may_be_stored { SendOutcome::Unknown(error) } else { SendOutcome::Refused(error) };
        self.complete(number, batch, |_| outcome, context);
    }

    /// Whether the batch is sent again (`Sender.canRetry`, `TransactionManager.canRetry`).
    fn can_retry(&mut self, number: i32, batch: &Batch, error: ResponseError, log_start: i64, now: Time) -> bool {
        if batch.created + self.settings.delivery_timeout_us <= now || batch.attempts >= self.settings.retries {
            return false;
        }
        let Some(partition) = self.partitions.get(number as usize) else { return false };
        match error {
            ResponseError::OutOfOrderSequenceNumber if self.settings.enable_idempotence => {
                let is_next = batch.base_sequence() == Some(partition.next_acked_sequence);
                // Not the next in line: the one before it failed and comes first. Else the broker has lost, or never
                // had, what we believe to be there, and only a new epoch helps.
                if partition.unresolved || !batch.sequence_was_reset && is_next {
                    self.request_epoch_bump(number);
                }
                true
            }
            ResponseError::UnknownProducerId if self.settings.enable_idempotence => {
                if log_start >= 0 && !batch.sequence_was_reset {
                    self.request_epoch_bump(number);
                }
                true
            }
            error => error.is_retriable(),
        }
    }

    fn request_epoch_bump(&mut self, number: i32) {
        if !self.settings.enable_idempotence {
            return;
        }
        if let Some(partition) = self.partitions.get_mut(number as usize) {
            Arc::make_mut(partition).rewrite = true;
            self.epoch_bump_requested = true;
        }
    }

    /// An idempotent producer bumps its epoch by itself, and asks for a new id when epochs have run out
    /// (`TransactionManager.bumpIdempotentEpochAndResetIdIfNeeded`, KIP-360).
    fn bump_epoch_if_requested(&mut self) {
        if !std::mem::take(&mut self.epoch_bump_requested) {
            return;
        }
        let Some(producer) = self.producer else { return };
        if producer.epoch == i16::MAX {
            self.producer = None;
            return;
        }
        self.begin_epoch(ProducerIdAndEpoch { epoch: producer.epoch + 1, ..producer });
    }

    fn begin_epoch(&mut self, producer: ProducerIdAndEpoch) {
        self.producer = Some(producer);
        for partition in self.partitions.iter_mut().filter(|partition| partition.rewrite) {
            Arc::make_mut(partition).start_sequences_at_beginning(producer);
        }
    }

    /// Once nothing is in flight it shows whether what was given up was stored: if not, its sequence numbers are
    /// missing and a new epoch begins (`TransactionManager.maybeResolveSequences`).
    fn resolve(&mut self, number: i32) {
        let Some(partition) = self.partitions.get_mut(number as usize) else { return };
        if !partition.unresolved || partition.has_incomplete() {
            return;
        }
        let is_resolved = partition.next_acked_sequence == partition.next_sequence;
        Arc::make_mut(partition).unresolved = false;
        if !is_resolved {
            self.request_epoch_bump(number);
        }
    }

    /// Gives up every batch that is older than `delivery.timeout.ms`.
    pub(super) fn expire(&mut self, context: &mut ClientContext<'_>) {
        let now = context.now();
        while let Some((deadline, number, batch)) = self.expiry.first().copied()
            && deadline <= now
        {
            self.expiry.pop_first();
            self.expire_batch(number, batch, context);
        }
        if let Some((deadline, ..)) = self.expiry.first() {
            context.set_timer(DELIVERY, *deadline);
        }
    }

    fn expire_batch(&mut self, number: i32, batch: u64, context: &mut ClientContext<'_>) {
        let Some(partition) = self.partitions.get_mut(number as usize).map(Arc::make_mut) else { return };
        let batch = match partition.take_in_flight(batch) {
            Some(mut batch) => {
                batch.may_be_stored = true;
                Some(batch)
            }
            None => partition
                .queue
                .iter()
                .position(|waiting| waiting.number == batch)
                .and_then(|place| partition.queue.remove(place)),
        };
        let Some(batch) = batch else { return };
        partition.unresolved |= batch.base_sequence().is_some();
        let error = ResponseError::RequestTimedOut.code();
        self.last_error = error;
        self.fail(number, &batch, error, context);
        self.resolve(number);
        self.reschedule(number, context.now());
    }

    /// Asks any broker for a producer id where idempotence needs one.
    fn ask_producer_id(&mut self, context: &mut ClientContext<'_>) {
        if !self.settings.enable_idempotence || self.producer.is_some() || self.asks_producer_id {
            return;
        }
        let Some(node) = self.connections.least_loaded(&self.metadata.candidates(), context) else {
            return;
        };
        if self.connections.is_ready(node, context) {
            self.asks_producer_id = true;
            let request = InitProducerIdRequest::default()
                .with_producer_id((-1).into())
                .with_producer_epoch(-1)
                .with_transaction_timeout_ms(i32::MAX);
            self.connections.send(node, Request::InitProducerId(request), Tag::ProducerId, context);
        }
    }

    fn producer_id_answered(&mut self, response: &InitProducerIdResponse, context: &mut ClientContext<'_>) {
        if response.error_code != 0 {
            self.last_error = response.error_code;
            self.producer_id_failed(context);
            return;
        }
        self.asks_producer_id = false;
        self.begin_epoch(ProducerIdAndEpoch { id: response.producer_id.0, epoch: response.producer_epoch });
    }

    fn producer_id_failed(&mut self, context: &mut ClientContext<'_>) {
        let pause = backoff::exponential(
            self.settings.retry_backoff_us,
            self.settings.retry_backoff_max_us,
            1,
            context.random(),
        );
        context.set_timer(PRODUCER_ID, context.now() + pause);
    }

    /// The back-off since a producer id was refused has passed.
    pub(super) fn retry_producer_id(&mut self) {
        self.asks_producer_id = false;
    }
}

/// An idempotent producer keeps the order of a partition: while its first incomplete batch waits to be sent again, no
/// other is sent; nor is a new one while others of an older epoch, or without a known end, are incomplete
/// (`RecordAccumulator.shouldStopDrainBatchesForPartition`).
fn must_wait(partition: &super::Partition, producer: ProducerIdAndEpoch) -> bool {
    let Some(first) = partition.queue.front() else { return true };
    match first.base_sequence() {
        Some(_) => partition.first_incomplete() != Some(first.number),
        None => partition.unresolved || partition.producer != Some(producer),
    }
}

/// After these errors the batch may be in the leader's log.
fn may_be_stored(error: ResponseError, acks: i16) -> bool {
    match error {
        ResponseError::UnknownServerError
        | ResponseError::RequestTimedOut
        | ResponseError::NetworkException
        | ResponseError::NotEnoughReplicasAfterAppend
        | ResponseError::KafkaStorageError => true,
        // With acks=all also a leader that steps down while it waits for followers answers so (`DelayedProduce`).
        ResponseError::NotLeaderOrFollower => acks == -1,
        _ => false,
    }
}

/// Errors that ask for newer metadata (Kafka: `InvalidMetadataException`).
fn tells_of_stale_metadata(error: ResponseError) -> bool {
    matches!(
        error,
        ResponseError::UnknownTopicOrPartition
            | ResponseError::UnknownTopicId
            | ResponseError::InconsistentTopicId
            | ResponseError::NotLeaderOrFollower
            | ResponseError::LeaderNotAvailable
            | ResponseError::FencedLeaderEpoch
            | ResponseError::UnknownLeaderEpoch
            | ResponseError::KafkaStorageError
            | ResponseError::ReplicaNotAvailable
            | ResponseError::ListenerNotFound
            | ResponseError::NetworkException
    )
}
