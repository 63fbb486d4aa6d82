//! The producer's background work: who is sent what, and what becomes of the answers (Kafka: `Sender`).

use std::collections::BTreeMap;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::batch::Batch;
use super::destination::Destination;
use super::ratio::CompressionRatio;
use super::record::{BatchOutcome, ProducerEvent};
use super::tag::{Sent, Tag};
use super::transactions::FailedNumbers;
use super::{NodeLatency, Producer};
use crate::client::network::{Lost, response};
use crate::client::timer::ClientTimer;
use crate::client::{ClientContext, backoff};
use crate::log::compression::Compression;
use crate::note::SendError;
use crate::sim::Time;
use crate::wire::{Api, Message, Request, Response};

/// The last version of Produce that names topics.
const LAST_BY_NAME: i16 = 12;

impl Producer {
    /// One turn of the sender: whatever can be sent now is sent (`Sender.runOnce`).
    pub(super) fn run_sender(&mut self, context: &mut ClientContext<'_>) {
        self.network.maybe_update_metadata(context);
        self.bump_epoch_if_requested();
        self.ask_producer_id(context);
        self.unblock(context);
        self.drop_all_if_fatal(context.now());
        if self.ask_coordinators(context) {
            return;
        }
        self.collect_due(context.now());
        // `Sender.sendProducerData` asks anew who is ready before each drain: what is left behind a full batch may have to linger.
        while !self.ready.is_empty() && self.send_ready(context) {
            // With acks=0 what is written is complete, and its memory free. Nothing else comes that would tell it.
            if self.is_exhausted() {
                self.unblock(context);
            }
        }
        if let Some((due, _)) = self.due.first() {
            self.network.set_timer(ClientTimer::Sender, *due, context);
        }
        if self.aborts_what_is_open(context) {
            self.run_sender(context);
        }
    }

    fn collect_due(&mut self, now: Time) {
        while let Some((due, of)) = self.due.first().copied()
            && due <= now
        {
            self.due.pop_first();
            self.partition_mut(of).due = None;
            self.ready.insert(of);
        }
    }

    /// Sends a request to each node that leads a partition which is ready; true where one went out. What lingers for the same
    /// node goes with it; what waits for its retry does not (`RecordAccumulator.ready`, `drainBatchesForOneNode`).
    fn send_ready(&mut self, context: &mut ClientContext<'_>) -> bool {
        let now = context.now();
        let mut by_leader: BTreeMap<i32, Vec<Destination>> = BTreeMap::new();
        for of in &self.ready {
            match self.leader_of(*of) {
                Some((leader, _)) => by_leader.entry(leader).or_default().push(*of),
                // The first batch of a partition without a leader waits for one.
                None => self.network.metadata_mut().request_update(),
            }
        }
        for (_, of) in &self.due {
            if let Some((leader, _)) = self.leader_of(*of)
                && let Some(ready) = by_leader.get_mut(&leader)
                && !self.partition(*of).backs_off(now)
            {
                ready.push(*of);
            }
        }
        let mut has_sent = false;
        for (leader, mut partitions) in by_leader {
            partitions.sort_unstable();
            has_sent |= self.drain(leader, &partitions, context);
        }
        self.network.maybe_update_metadata(context);
        has_sent
    }

    /// Leader and leader epoch, the newer of what metadata and answers told.
    fn leader_of(&self, of: Destination) -> Option<(i32, i32)> {
        let image = self.network.metadata().partition(self.topic_partition(of))?;
        let hint = self.partition(of).leader_hint;
        match hint.filter(|(_, epoch)| *epoch > image.leader_epoch) {
            Some(hint) => Some(hint),
            None => (image.leader >= 0).then_some((image.leader, image.leader_epoch)),
        }
    }

    /// Sends the first batch of each of these partitions in one request, if the connection takes one; true where it did.
    fn drain(&mut self, leader: i32, partitions: &[Destination], context: &mut ClientContext<'_>) -> bool {
        let most = self.settings.network.max_in_flight as usize;
        let takes = self.network.is_ready(leader, context) && self.network.in_flight(leader) < most;
        self.note_latency(leader, takes, context.now());
        if !takes {
            return false;
        }
        let sent = self.take_batches(leader, partitions, context.now());
        let has_sent = !sent.is_empty();
        if has_sent {
            self.send_produce(leader, sent, context);
        }
        has_sent
    }

    /// Something is ready for a node, and it takes it or not (`RecordAccumulator.updateNodeLatencyStats`).
    fn note_latency(&mut self, node: i32, takes: bool, now: Time) {
        if self.settings.availability_timeout_us > 0 {
            let latency = self.latencies.entry(node).or_insert(NodeLatency { ready: now, drained: now });
            latency.ready = now;
            latency.drained = if takes { now } else { latency.drained };
        }
    }

    /// The batches of the next request. Who comes first changes, so that a limit on the request's size does not starve
    /// anyone; a partition that must wait for its own batches in flight ends the request, and begins the next.
    fn take_batches(&mut self, leader: i32, partitions: &[Destination], now: Time) -> Vec<(Destination, Batch)> {
        let from = self.drain_from.get(&leader).copied();
        let start = from.map_or(0, |from| partitions.partition_point(|of| *of < from)) % partitions.len();
        let mut taken = Vec::new();
        let mut size = 0;
        let mut last = partitions[start];
        for of in partitions[start..].iter().chain(&partitions[..start]).copied() {
            last = of;
            let room = (size > 0).then(|| (self.settings.max_request_size as usize).saturating_sub(size));
            match self.take_batch(of, room, now) {
                Taken::Batch(mut batch) => {
                    let is_new = batch.is_open();
                    size += batch.close().len();
                    if is_new && self.settings.compression != Compression::None {
                        let ratio = &mut self.topics[of.topic as usize].ratio;
                        *ratio = ratio.after(batch.compressed_to());
                    }
                    if taken.is_empty() {
                        taken.reserve_exact(partitions.len());
                    }
                    taken.push((of, batch));
                }
                // Others may have something.
                Taken::Nothing => {}
                Taken::EndOfRequest => break,
            }
        }
        self.drain_from.insert(leader, last);
        taken
    }

    /// Takes the first batch of a partition off its queue, if it may be sent now and fits into `room`.
    fn take_batch(&mut self, of: Destination, room: Option<usize>, now: Time) -> Taken {
        // Nobody leads it, as far as known.
        let Some((_, leader_epoch)) = self.leader_of(of) else { return Taken::Nothing };
        let topic = self.topic_partition(of).topic;
        let one_at_a_time = self.settings.network.max_in_flight == 1;
        let partition = self.partition(of);
        // Its batches have all been sent.
        let Some(first) = partition.queue.front() else { return Taken::Nothing };
        if partition.backs_off(now) || one_at_a_time && !partition.in_flight.is_empty() {
            return Taken::Nothing;
        }
        if room.is_some_and(|room| first.size() > room) {
            return Taken::EndOfRequest;
        }
        if self.transactions.as_ref().is_some_and(|transactions| !transactions.lets_send_to(of)) {
            return Taken::EndOfRequest;
        }
        if self.settings.enable_idempotence && self.number_first_batch(of).is_none() {
            return Taken::EndOfRequest;
        }
        let mut batch = self.partition_mut(of).queue.pop_front().expect("its first batch");
        (batch.topic, batch.leader_epoch) = (topic, leader_epoch);
        batch.sequence_was_reset = false;
        self.reschedule(of, now);
        Taken::Batch(batch)
    }

    fn send_produce(&mut self, leader: i32, mut sent: Vec<(Destination, Batch)>, context: &mut ClientContext<'_>) {
        let topics = self.topics_of(&mut sent);
        let timeout_ms = self.settings.network.request_timeout_us / 1_000;
        let transactional_id = self.is_transactional().then(|| self.transactional_id());
        let request = Request::Produce(
            ProduceRequest::default()
                .with_transactional_id(transactional_id)
                .with_acks(self.settings.acks)
                .with_timeout_ms(i32::try_from(timeout_ms).expect("request.timeout.ms is an int"))
                .with_topic_data(topics),
        );
        let tag =
            |(of, batch): &(Destination, Batch)| Sent { of: *of, topic_id: self.topic_id(*of), batch: batch.number };
        let tag = Tag::Produce(sent.iter().map(tag).collect());
        for (of, batch) in sent {
            self.partition_mut(of).in_flight.push(batch);
        }
        if self.settings.acks != 0 {
            self.network.send(leader, request, tag, context);
        } else if let Some(written) = self.network.send_unanswered(leader, request, tag, context) {
            self.written(written, context);
        }
    }

    /// A request with acks=0 is written: more will not be known of its batches (`Sender.handleProduceResponse`).
    pub(super) fn written(&mut self, tag: Tag, context: &mut ClientContext<'_>) {
        let Tag::Produce(batches) = tag else { panic!("{tag:?} is answered") };
        let answer = PartitionProduceResponse::default().with_base_offset(-1);
        for Sent { of, batch, .. } in batches {
            self.batch_answered(of, batch, &answer, context);
        }
    }

    /// What a request says of these batches, each topic once: the partitions may begin in the middle of one
    /// (`Sender.sendProduceRequest`).
    fn topics_of(&self, sent: &mut [(Destination, Batch)]) -> Vec<TopicProduceData> {
        let mut topics: Vec<TopicProduceData> = Vec::with_capacity(1);
        for of_topic in sent.chunk_by_mut(|(one, _), (other, _)| one.topic == other.topic) {
            let topic = self.called(of_topic[0].0);
            let mut data = Vec::with_capacity(of_topic.len());
            for (of, batch) in of_topic {
                let records = batch.close();
                data.push(PartitionProduceData::default().with_index(of.partition).with_records(Some(records)));
            }
            let is_it = |known: &&mut TopicProduceData| known.topic_id == topic.topic_id && known.name == topic.name;
            match topics.iter_mut().find(is_it) {
                Some(topic) => topic.partition_data.append(&mut data),
                None => topics.push(topic.with_partition_data(data)),
            }
        }
        topics
    }

    /// A topic as a Produce calls it: by its id, or in the version of an older client by its name.
    fn called(&self, of: Destination) -> TopicProduceData {
        if self.names_topics() {
            let name = StrBytes::from_string(self.topics[of.topic as usize].name.clone());
            return TopicProduceData::default().with_name(TopicName(name));
        }
        TopicProduceData::default().with_topic_id(self.topic_id(of))
    }

    fn names_topics(&self) -> bool {
        self.settings.network.version(Api::Produce) <= LAST_BY_NAME
    }

    /// What an answer says of a topic that had this id when it was sent to.
    fn said_of<'a>(
        &self,
        of: Destination,
        id: Uuid,
        response: &'a ProduceResponse,
    ) -> Option<&'a TopicProduceResponse> {
        let name = self.names_topics().then(|| self.topics[of.topic as usize].name.as_str());
        let is_it = |topic: &&TopicProduceResponse| match name {
            Some(name) => topic.name.as_str() == name,
            None => topic.topic_id == id,
        };
        response.responses.iter().find(is_it)
    }

    fn topic_id(&self, of: Destination) -> Uuid {
        let image = self.network.metadata().image().expect("a leader is known by an image");
        image.topics.id_of(self.topic_partition(of).topic)
    }

    /// A connection was lost with requests on it: whether they were carried out is not known
    /// (`Sender.handleProduceResponse`).
    pub(super) fn lost(&mut self, lost: Lost<Tag>, context: &mut ClientContext<'_>) {
        let error = match lost.timed_out {
            true => ResponseError::RequestTimedOut,
            false => ResponseError::NetworkException,
        };
        for tag in lost.requests {
            match tag {
                Tag::ProducerId => self.producer_id_failed(context),
                Tag::Transaction(ask) => self.ask_lost(ask),
                Tag::Produce(batches) => {
                    let answer = PartitionProduceResponse::default().with_error_code(error.code()).with_base_offset(-1);
                    for Sent { of, batch, .. } in batches {
                        self.batch_answered(of, batch, &answer, context);
                    }
                }
            }
        }
    }

    pub(super) fn answered(&mut self, tag: Tag, message: &Message, context: &mut ClientContext<'_>) {
        match (tag, response(message)) {
            (Tag::ProducerId, Response::InitProducerId(response)) => self.producer_id_answered(response, context),
            (Tag::Transaction(ask), response) => self.ask_answered(ask, response),
            (Tag::Produce(batches), Response::Produce(response)) => {
                for Sent { of, topic_id, batch } in batches {
                    let topic = self.said_of(of, topic_id, response);
                    let answers = topic.into_iter().flat_map(|topic| &topic.partition_responses);
                    let answer = answers.into_iter().find(|answer| answer.index == of.partition);
                    let answer = answer.expect("a broker answers for each partition");
                    if self.is_present(of, topic_id) {
                        self.partition_mut(of).believe(&answer.current_leader);
                    }
                    self.batch_answered(of, batch, answer, context);
                }
            }
            (tag, response) => panic!("{tag:?} was answered with {:?}", response.api()),
        }
    }

    /// Whether the topic with this id is the one that has, or last had, the name: a former one says nothing of its leaders.
    fn is_present(&self, of: Destination, topic_id: Uuid) -> bool {
        let number = self.network.metadata().topic_with_id(topic_id);
        number.is_some() && number == self.topics[of.topic as usize].number
    }

    /// There is a newer image.
    pub(super) fn metadata_updated(&mut self, now: Time) {
        self.look_up_topics();
        let waiting: Vec<Destination> = self.due.iter().map(|(_, of)| *of).collect();
        for of in waiting {
            // Nobody leads it, as far as known.
            let Some((_, leader_epoch)) = self.leader_of(of) else { continue };
            // A new leader has refused nothing yet (KIP-951).
            let is_new = |first: &Batch| first.attempts > 0 && first.leader_epoch < leader_epoch;
            if self.partition(of).queue.front().is_some_and(is_new) {
                let first = self.partition_mut(of).queue.front_mut().expect("it was just looked at");
                first.retry_at = now;
                self.reschedule(of, now);
            }
        }
    }

    /// What one batch was answered (`Sender.completeBatch`).
    fn batch_answered(
        &mut self,
        of: Destination,
        batch: u64,
        answer: &PartitionProduceResponse,
        context: &mut ClientContext<'_>,
    ) {
        let error = ResponseError::try_from_code(answer.error_code);
        if error.is_some_and(tells_of_stale_metadata) {
            self.network.metadata_mut().request_update();
        }
        let Some(mut batch) = self.partition_mut(of).take_in_flight(batch) else {
            // Given up in the meantime: its records have been told, and now its memory is free (KAFKA-19012).
            let buffer = self.held.remove(&(of, batch)).expect("a request holds its batches or their memory");
            self.buffered_bytes -= buffer;
            self.resolve(of);
            return;
        };
        match error {
            None | Some(ResponseError::DuplicateSequenceNumber) => {
                let partition = self.partition_mut(of);
                if let Some(next) = batch.next_sequence()
                    && batch.producer() == partition.producer
                {
                    partition.next_acked_sequence = partition.next_acked_sequence.max(next);
                }
                let outcome = match self.settings.acks {
                    0 => BatchOutcome::Unanswered,
                    _ => BatchOutcome::Acknowledged { base_offset: answer.base_offset },
                };
                self.complete(of, batch, outcome);
            }
            Some(error) => {
                self.last_error = error.code();
                batch.may_be_stored |= may_be_stored(error, self.settings.acks);
                if error == ResponseError::MessageTooLarge && batch.count() > 1 {
                    self.split(of, &batch);
                } else if self.can_retry(of, &batch, error, answer.log_start_offset, context.now()) {
                    self.retry(of, batch, error, context);
                } else {
                    let has_retries = batch.attempts < self.settings.retries;
                    let numbers = FailedNumbers::of(&batch);
                    self.fail(of, batch, SendError::Broker(error.code()));
                    self.transaction_of_failed(SendError::Broker(error.code()));
                    self.sequences_of_failed(of, &numbers, error, has_retries);
                }
            }
        }
        self.resolve(of);
        self.reschedule(of, context.now());
    }

    /// Whether the batch is sent again (`Sender.canRetry`).
    fn can_retry(&mut self, of: Destination, batch: &Batch, error: ResponseError, log_start: i64, now: Time) -> bool {
        batch.created + self.settings.delivery_timeout_us > now
            && batch.attempts < self.settings.retries
            && self.may_retry(of, batch, error, log_start)
    }

    fn retry(&mut self, of: Destination, mut batch: Batch, error: ResponseError, context: &mut ClientContext<'_>) {
        let (records, partition, may_be_stored) = (batch.handles.clone(), batch.partition(of), batch.may_be_stored);
        let error = SendError::Broker(error.code());
        self.events.push_back(ProducerEvent::Retried { records, partition, error, may_be_stored });
        batch.attempts += 1;
        self.retried += batch.handles.len() as u64;
        let network = &self.settings.network;
        let (initial, max) = (network.retry_backoff_us, network.retry_backoff_max_us);
        let pause = backoff::exponential(initial, max, batch.attempts, context.random());
        let leader_changed = self.leader_of(of).is_some_and(|(_, epoch)| epoch > batch.leader_epoch);
        // A new leader has refused nothing yet (KIP-951).
        batch.retry_at = context.now() + if leader_changed { 0 } else { pause };
        self.partition_mut(of).requeue(batch);
    }

    /// A batch that is too large for its topic is sent again in parts, which counts as no retry (`Sender.completeBatch`).
    fn split(&mut self, of: Destination, batch: &Batch) {
        let ratio = &mut self.topics[of.topic as usize].ratio;
        // It was thought to be smaller: for a while nothing is expected of compression.
        if self.settings.compression != Compression::None {
            *ratio = batch.compressed_to().max(CompressionRatio::WHOLE);
        }
        let parts = batch.split(self.settings.batch_size, *ratio);
        let deadline = batch.created + self.settings.delivery_timeout_us;
        self.expiry.remove(&(deadline, of, batch.number));
        self.buffered_bytes -= batch.buffer;
        for part in parts.into_iter().rev() {
            self.expiry.insert((deadline, of, part.number));
            self.partition_mut(of).requeue(part);
        }
    }

    pub(super) fn fail(&mut self, of: Destination, batch: Batch, error: SendError) {
        let outcome = match batch.may_be_stored {
            true => BatchOutcome::Unknown(error),
            false => BatchOutcome::Refused(error),
        };
        self.complete(of, batch, outcome);
    }

    /// Ends a batch: its records are told.
    fn complete(&mut self, of: Destination, batch: Batch, outcome: BatchOutcome) {
        self.expiry.remove(&(batch.created + self.settings.delivery_timeout_us, of, batch.number));
        self.buffered_bytes -= batch.buffer;
        let partition = batch.partition(of);
        self.events.push_back(ProducerEvent::Completed { records: batch.handles, partition, outcome });
    }

    /// Gives up every batch that is older than `delivery.timeout.ms`.
    pub(super) fn expire(&mut self, context: &mut ClientContext<'_>) {
        let now = context.now();
        while let Some((deadline, of, batch)) = self.expiry.first().copied()
            && deadline <= now
        {
            self.expiry.pop_first();
            self.expire_batch(of, batch, now);
        }
        if let Some((deadline, ..)) = self.expiry.first() {
            self.network.set_timer(ClientTimer::Delivery, *deadline, context);
        }
    }

    fn expire_batch(&mut self, of: Destination, number: u64, now: Time) {
        let batch = self.take_incomplete(of, number);
        if batch.attempts > 0
            && let Some(next) = batch.next_sequence()
        {
            let unresolved = &mut self.partition_mut(of).unresolved;
            *unresolved = Some(unresolved.map_or(next, |before| before.max(next)));
        }
        self.fail(of, batch, SendError::Expired);
        self.transaction_of_failed(SendError::Expired);
        self.resolve(of);
        self.reschedule(of, now);
    }

    /// Takes a batch that is given up, from its request or from its queue.
    pub(super) fn take_incomplete(&mut self, of: Destination, number: u64) -> Batch {
        let partition = self.partition_mut(of);
        if let Some(mut batch) = partition.take_in_flight(number) {
            batch.may_be_stored = true;
            // The request still holds its memory.
            self.held.insert((of, number), std::mem::take(&mut batch.buffer));
            return batch;
        }
        let place = partition.queue.iter().position(|waiting| waiting.number == number);
        let place = place.expect("an incomplete batch is in flight or waits");
        partition.queue.remove(place).expect("the place was just found")
    }
}

/// What a partition adds to a request. It lives for a moment on the stack: a box would cost an allocation a batch.
#[allow(clippy::large_enum_variant)]
enum Taken {
    Batch(Batch),
    Nothing,
    /// It must wait, or does not fit, and no other is taken behind it.
    EndOfRequest,
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
        // All others are refusals; the list is Kafka's, which has over a hundred.
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
