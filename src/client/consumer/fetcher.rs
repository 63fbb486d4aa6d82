//! Positions found, records fetched and handed to the program
//! (Kafka: `OffsetFetcher`, `AbstractFetch`, `FetchCollector`).

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::position::{Position, State};
use super::session::{Plan, Wanted};
use super::{Consumer, ConsumerSettings, POLL, RETRY};
use crate::client::{ClientContext, backoff, connections, spelled};
use crate::log::batch::{self, BatchHeader};
use crate::note::{Note, RecordId};
use crate::sim::MILLISECOND;
use crate::wire::{Message, Request, Response, TopicPartition, Topics, by_topic};

/// What a request was for.
#[derive(Clone, Debug)]
pub(super) enum Tag {
    Metadata,
    Fetch,
    /// Offsets, or ends of epochs, of these partitions.
    Ask(Vec<TopicPartition>),
}

impl Consumer {
    /// Asks for what is needed to go on: metadata, offsets, ends of epochs, records.
    pub(super) fn send_requests(&mut self, context: &mut ClientContext<'_>) {
        self.ask(context);
        self.fetch(context);
        self.metadata.maybe_send(&mut self.connections, Tag::Metadata, context);
        if let Some((at, _)) = self.retries.first() {
            context.set_timer(RETRY, *at);
        }
    }

    /// Asks leaders for offsets to reset to, and for the ends of epochs.
    fn ask(&mut self, context: &mut ClientContext<'_>) {
        if self.asking.is_empty() {
            return;
        }
        let now = context.now();
        let mut by_leader: BTreeMap<(i32, bool), Vec<TopicPartition>> = BTreeMap::new();
        let positions = &self.positions;
        self.asking.retain(|partition| positions.get(partition).is_some_and(|position| position.asks(now)));
        for partition in &self.asking {
            let Some(position) = self.positions.get(partition).filter(|position| position.leader >= 0) else {
                self.metadata.request_update();
                continue;
            };
            let resets = matches!(position.state, State::Reset { .. });
            by_leader.entry((position.leader, resets)).or_default().push(*partition);
        }
        for ((leader, resets), partitions) in by_leader {
            if !self.connections.is_ready(leader, context) {
                continue;
            }
            let request = if resets { self.list_offsets(&partitions) } else { self.ends_of_epochs(&partitions) };
            for partition in &partitions {
                self.asking.remove(partition);
                if let Some(position) = self.positions.get_mut(partition) {
                    Arc::make_mut(position).set_asked();
                }
            }
            self.connections.send(leader, request, Tag::Ask(partitions), context);
        }
    }

    fn list_offsets(&self, partitions: &[TopicPartition]) -> Request {
        let of = |partition: &TopicPartition, position: &Position| {
            let timestamp = if let State::Reset { to, .. } = position.state { to } else { -1 };
            ListOffsetsPartition::default()
                .with_partition_index(partition.partition)
                .with_current_leader_epoch(position.leader_epoch)
                .with_timestamp(timestamp)
        };
        let topics = self.by_topic(partitions, of).into_iter().map(|(topic, partitions)| {
            ListOffsetsTopic::default().with_name(self.topic_name(topic)).with_partitions(partitions)
        });
        Request::ListOffsets(ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(topics.collect()))
    }

    fn ends_of_epochs(&self, partitions: &[TopicPartition]) -> Request {
        let of = |partition: &TopicPartition, position: &Position| {
            OffsetForLeaderPartition::default()
                .with_partition(partition.partition)
                .with_current_leader_epoch(position.leader_epoch)
                .with_leader_epoch(position.offset_epoch)
        };
        let topics = self.by_topic(partitions, of).into_iter().map(|(topic, partitions)| {
            OffsetForLeaderTopic::default().with_topic(self.topic_name(topic)).with_partitions(partitions)
        });
        Request::OffsetForLeaderEpoch(
            OffsetForLeaderEpochRequest::default().with_replica_id((-1).into()).with_topics(topics.collect()),
        )
    }

    fn by_topic<T>(
        &self,
        partitions: &[TopicPartition],
        of: impl Fn(&TopicPartition, &Position) -> T,
    ) -> BTreeMap<u32, Vec<T>> {
        let mut topics: BTreeMap<u32, Vec<T>> = BTreeMap::new();
        for partition in partitions {
            if let Some(position) = self.positions.get(partition) {
                topics.entry(partition.topic).or_default().push(of(partition, position));
            }
        }
        topics
    }

    /// These two requests name topics, where Fetch and Produce have ids.
    fn topic_name(&self, topic: u32) -> TopicName {
        let name = self.metadata.image().map(|image| image.topics.name_of(topic).to_owned());
        TopicName(StrBytes::from_string(name.unwrap_or_default()))
    }

    fn topic_named(&self, name: &TopicName) -> Option<u32> {
        self.metadata.image()?.topics.named(name.0.as_str())
    }

    /// Sends the next fetch of each session, unless one is in flight or fetched records still wait for the program.
    fn fetch(&mut self, context: &mut ClientContext<'_>) {
        let now = context.now();
        let Self { sessions, positions, connections, settings, metadata, .. } = self;
        // Leaders are known from metadata alone.
        let Some(image) = metadata.image() else { return };
        for (leader, session) in sessions {
            if session.in_flight || session.buffered > 0 {
                continue;
            }
            let wanted = |partition: TopicPartition| {
                let position = positions.get(&partition).filter(|p| p.leader == *leader && p.is_fetchable(now))?;
                Some(Wanted { offset: position.offset, leader_epoch: position.leader_epoch })
            };
            if !session.wants_any(wanted) || !connections.is_ready(*leader, context) {
                continue;
            }
            let Some(plan) = session.plan(wanted) else { continue };
            session.in_flight = true;
            connections.send(
                *leader,
                Request::Fetch(fetch_request(plan, settings, &image.topics)),
                Tag::Fetch,
                context,
            );
        }
    }

    /// Requests were lost with their connection.
    pub(super) fn lost(&mut self, node: i32, requests: Vec<Tag>, context: &mut ClientContext<'_>) {
        for tag in requests {
            match tag {
                Tag::Metadata => self.metadata.failed(context),
                Tag::Fetch => {
                    if let Some(session) = self.sessions.get_mut(&node) {
                        session.failed();
                    }
                }
                Tag::Ask(partitions) => {
                    for partition in partitions {
                        self.ask_again_later(partition, context);
                    }
                }
            }
        }
        self.metadata.request_update();
    }

    pub(super) fn answered(&mut self, node: i32, tag: Tag, message: &Message, context: &mut ClientContext<'_>) {
        match (tag, connections::response(message)) {
            (Tag::Metadata, Some(Response::Metadata(image))) => {
                if self.metadata.update(image, context) {
                    self.follow_leaders(image);
                }
            }
            (Tag::Fetch, Some(Response::Fetch(response))) => self.fetched(node, response, context),
            (Tag::Ask(partitions), Some(Response::ListOffsets(response))) => {
                self.offsets_answered(partitions, response, context);
            }
            (Tag::Ask(partitions), Some(Response::OffsetForLeaderEpoch(response))) => {
                self.ends_answered(partitions, response, context);
            }
            (tag, _) => self.lost(node, vec![tag], context),
        }
    }

    fn offsets_answered(
        &mut self,
        mut asked: Vec<TopicPartition>,
        response: &ListOffsetsResponse,
        context: &mut ClientContext<'_>,
    ) {
        for topic in &response.topics {
            let Some(index) = self.topic_named(&topic.name) else { continue };
            for answer in &topic.partitions {
                let partition = TopicPartition { topic: index, partition: answer.partition_index };
                asked.retain(|other| *other != partition);
                let is_asked = |p: &Arc<Position>| matches!(p.state, State::Reset { asked: true, .. });
                if !self.positions.get(&partition).is_some_and(is_asked) {
                    continue;
                }
                if answer.error_code != 0 || answer.offset < 0 {
                    self.refused(partition, answer.error_code, context);
                } else {
                    self.seek(partition, answer.offset, answer.leader_epoch, context);
                }
            }
        }
        for partition in asked {
            self.ask_again_later(partition, context);
        }
    }

    fn ends_answered(
        &mut self,
        mut asked: Vec<TopicPartition>,
        response: &OffsetForLeaderEpochResponse,
        context: &mut ClientContext<'_>,
    ) {
        for topic in &response.topics {
            let Some(index) = self.topic_named(&topic.topic) else { continue };
            for answer in &topic.partitions {
                let partition = TopicPartition { topic: index, partition: answer.partition };
                asked.retain(|other| *other != partition);
                if answer.error_code != 0 {
                    self.refused(partition, answer.error_code, context);
                } else {
                    self.validated(partition, answer.leader_epoch, answer.end_offset, context);
                }
            }
        }
        for partition in asked {
            self.ask_again_later(partition, context);
        }
    }

    /// Where the epoch of the last read record ends in the leader's log: below the position, the log was truncated
    /// (`SubscriptionState.maybeCompleteValidation`, KIP-320).
    fn validated(&mut self, of: TopicPartition, epoch: i32, end_offset: i64, context: &mut ClientContext<'_>) {
        let Some(position) = self.positions.get_mut(&of) else { return };
        if position.state != (State::Validate { asked: true }) {
            return;
        }
        if end_offset >= position.offset {
            let position = Arc::make_mut(position);
            position.state = State::Fetch;
            position.failures = 0;
            let leader = position.leader;
            self.touch(leader, of);
        } else if self.settings.auto_offset_reset.timestamp().is_none() {
            // LogTruncationException: the program must decide.
            Arc::make_mut(position).state = State::Stuck;
            self.last_error = ResponseError::OffsetOutOfRange.code();
        } else if end_offset < 0 || epoch < 0 {
            self.reset(of);
        } else {
            self.seek(of, end_offset, epoch, context);
        }
    }

    fn seek(&mut self, of: TopicPartition, offset: i64, epoch: i32, context: &mut ClientContext<'_>) {
        let Some(position) = self.positions.get_mut(&of).map(Arc::make_mut) else { return };
        (position.state, position.offset, position.offset_epoch) = (State::Fetch, offset, epoch);
        (position.failures, position.retry_at) = (0, 0);
        self.drop_buffered(of);
        if let Some(leader) = self.positions.get(&of).map(|position| position.leader) {
            self.touch(leader, of);
        }
        context.note(Note::Positioned { consumer: context.process(), partition: of, offset });
    }

    /// The position is of no use: another is found by `auto.offset.reset`, if it says how.
    fn reset(&mut self, of: TopicPartition) {
        let to = self.settings.auto_offset_reset.timestamp();
        self.drop_buffered(of);
        let Some(position) = self.positions.get_mut(&of).map(Arc::make_mut) else { return };
        position.state = to.map_or(State::Stuck, |to| State::Reset { to, asked: false });
        let leader = position.leader;
        self.touch(leader, of);
        self.asking.insert(of);
    }

    /// A leader answered with an error: what it was asked for is asked for again, after a pause.
    fn refused(&mut self, partition: TopicPartition, error: i16, context: &mut ClientContext<'_>) {
        self.last_error = error;
        self.metadata.request_update();
        self.ask_again_later(partition, context);
    }

    fn ask_again_later(&mut self, of: TopicPartition, context: &mut ClientContext<'_>) {
        let Some(position) = self.positions.get_mut(&of).map(Arc::make_mut) else { return };
        position.ask_again();
        position.failures += 1;
        let (initial, max) = (self.settings.retry_backoff_us, self.settings.retry_backoff_max_us);
        position.retry_at = context.now() + backoff::exponential(initial, max, position.failures, context.random());
        self.retries.insert((position.retry_at, of));
        let leader = position.leader;
        self.touch(leader, of);
    }

    fn fetched(&mut self, node: i32, response: &FetchResponse, context: &mut ClientContext<'_>) {
        let Some(session) = self.sessions.get_mut(&node) else { return };
        match ResponseError::try_from_code(response.error_code) {
            None => session.answered(response.session_id),
            Some(ResponseError::FetchSessionIdNotFound) => return session.not_found(),
            Some(ResponseError::InvalidFetchSessionEpoch) => return session.failed(),
            Some(error) => {
                session.failed();
                self.last_error = error.code();
                self.metadata.request_update();
                self.pause_leader(node, context);
                return;
            }
        }
        for topic in &response.responses {
            // It is deleted, as newer metadata says.
            let Some(index) = self.metadata.image().and_then(|image| image.topics.with_id(topic.topic_id)) else {
                continue;
            };
            for data in &topic.partitions {
                let partition = TopicPartition { topic: index, partition: data.partition_index };
                self.partition_fetched(node, partition, data, context);
            }
        }
    }

    /// The leader answered none of the partitions: each of them waits.
    fn pause_leader(&mut self, node: i32, context: &mut ClientContext<'_>) {
        let led = |(partition, position): (TopicPartition, &Arc<Position>)| {
            (position.leader == node && position.state == State::Fetch).then_some(partition)
        };
        let partitions: Vec<TopicPartition> = self.positions.iter().filter_map(led).collect();
        for partition in partitions {
            self.ask_again_later(partition, context);
        }
    }

    fn partition_fetched(
        &mut self,
        node: i32,
        of: TopicPartition,
        data: &PartitionData,
        context: &mut ClientContext<'_>,
    ) {
        let leader = (data.current_leader.leader_id.0, data.current_leader.leader_epoch);
        let Some(position) = self.positions.get_mut(&of) else { return };
        // The position moved or another leader took over while the fetch was on its way.
        if position.state != State::Fetch || position.leader != node {
            return;
        }
        match ResponseError::try_from_code(data.error_code) {
            None => {
                let position = Arc::make_mut(position);
                position.high_watermark = data.high_watermark;
                position.failures = 0;
                if let Some(records) = data.records.as_ref().filter(|records| !records.is_empty()) {
                    position.buffered = Some(records.clone());
                    position.buffered_from = node;
                    self.completed.push_back(of);
                    if let Some(session) = self.sessions.get_mut(&node) {
                        session.buffered += 1;
                    }
                }
            }
            Some(ResponseError::OffsetOutOfRange) => {
                self.last_error = ResponseError::OffsetOutOfRange.code();
                if let Some(offset) = self.positions.get(&of).map(|position| position.offset) {
                    context.note(Note::OutOfRange { consumer: context.process(), partition: of, offset });
                }
                self.reset(of);
            }
            Some(error) => {
                self.refused(of, error.code(), context);
                // The answer may name the new leader (KIP-951).
                if leader.1 > self.positions.get(&of).map_or(i32::MAX, |position| position.leader_epoch) {
                    self.set_leader(of, leader.0, leader.1);
                }
            }
        }
    }

    fn drop_buffered(&mut self, of: TopicPartition) {
        let Some(position) = self.positions.get_mut(&of) else { return };
        if position.buffered.is_none() {
            return;
        }
        let position = Arc::make_mut(position);
        position.buffered = None;
        let (from, leader) = (position.buffered_from, position.leader);
        self.completed.retain(|other| *other != of);
        if let Some(session) = self.sessions.get_mut(&from) {
            session.buffered = session.buffered.saturating_sub(1);
        }
        self.touch(from, of);
        self.touch(leader, of);
    }

    /// The program polls until nothing is left, or until a poll gave it something to work on.
    pub(super) fn poll(&mut self, context: &mut ClientContext<'_>) {
        while self.busy_until <= context.now() && !self.completed.is_empty() {
            let taken = self.poll_once(context);
            if taken > 0 && self.settings.process_us > 0 {
                self.busy_until = context.now() + self.settings.process_us;
                context.set_timer(POLL, self.busy_until);
            }
        }
    }

    /// Hands over at most `max.poll.records` records (`FetchCollector.collectFetch`).
    fn poll_once(&mut self, context: &mut ClientContext<'_>) -> u32 {
        let mut taken = 0;
        while taken < self.settings.max_poll_records.max(1) {
            let Some(of) = self.completed.front().copied() else { break };
            let Some(position) = self.positions.get(&of) else { break };
            // What was fetched before the position had to be found or validated is not believed.
            let fetched = position.buffered.clone().filter(|_| position.state == State::Fetch);
            let Some(bytes) = fetched else {
                self.completed.pop_front();
                self.drop_buffered(of);
                continue;
            };
            let room = self.settings.max_poll_records.max(1) - taken;
            match self.take_batch(of, &bytes, room, context) {
                Taken::Whole(count, size) => {
                    taken += count;
                    if bytes.len() - size < batch::HEADER_SIZE {
                        self.drop_buffered(of);
                    } else if let Some(position) = self.positions.get_mut(&of) {
                        Arc::make_mut(position).buffered = Some(bytes.slice(size..));
                    }
                }
                Taken::Part(count) => taken += count,
                Taken::Nothing => self.drop_buffered(of),
                Taken::Corrupt => {
                    self.drop_buffered(of);
                    self.refused(of, ResponseError::CorruptMessage.code(), context);
                }
            }
        }
        taken
    }

    /// Hands over records of the first batch, from the position on.
    fn take_batch(&mut self, of: TopicPartition, bytes: &Bytes, room: u32, context: &mut ClientContext<'_>) -> Taken {
        let Ok(header) = BatchHeader::parse(bytes) else { return Taken::Nothing };
        // A batch cut off by the fetch's limit is fetched again.
        let size = header.size() as usize;
        let Some(whole) = bytes.get(..size) else { return Taken::Nothing };
        if self.settings.check_crcs && batch::check_crc(whole, &header).is_err() {
            return Taken::Corrupt;
        }
        let Some(position) = self.positions.get_mut(&of).map(Arc::make_mut) else { return Taken::Nothing };
        let consumer = context.process();
        let mut count = 0;
        if !header.is_control() {
            let Ok(body) = batch::Body::of(whole) else { return Taken::Corrupt };
            let Ok(records) = body.records() else { return Taken::Corrupt };
            for record in records {
                let Ok(record) = record else { return Taken::Corrupt };
                if record.offset < position.offset {
                    continue;
                }
                if count == room {
                    return Taken::Part(count);
                }
                position.offset = record.offset + 1;
                position.offset_epoch = header.partition_leader_epoch;
                count += 1;
                self.read += 1;
                let (offset, record) = (record.offset, record_id(spelled(&record), &self.settings.producers));
                context.note(Note::Read { consumer, partition: of, offset, record });
            }
        }
        // Behind a marker, or behind records that compaction took.
        position.offset = position.offset.max(header.next_offset());
        position.offset_epoch = header.partition_leader_epoch;
        Taken::Whole(count, size)
    }
}

fn fetch_request(plan: Plan, settings: &ConsumerSettings, topics: &Topics) -> FetchRequest {
    let say = |(partition, wanted): &(TopicPartition, Wanted)| {
        let mut data = FetchPartition::default();
        data.partition = partition.partition;
        data.current_leader_epoch = wanted.leader_epoch;
        data.fetch_offset = wanted.offset;
        data.partition_max_bytes = settings.max_partition_fetch_bytes;
        data
    };
    let mut request = FetchRequest::default();
    request.max_wait_ms = i32::try_from(settings.fetch_max_wait_us / MILLISECOND).unwrap_or(i32::MAX);
    request.min_bytes = settings.fetch_min_bytes;
    request.max_bytes = settings.fetch_max_bytes;
    request.session_id = plan.session_id;
    request.session_epoch = plan.session_epoch;
    request.topics = by_topic(
        &plan.partitions,
        |(partition, _)| partition.topic,
        |topic| topics.id_of(topic),
        say,
        |id, partitions| FetchTopic::default().with_topic_id(id).with_partitions(partitions),
    );
    request.forgotten_topics_data = by_topic(
        &plan.forgotten,
        |p| p.topic,
        |topic| topics.id_of(topic),
        |p| p.partition,
        |id, partitions| ForgottenTopic::default().with_topic_id(id).with_partitions(partitions),
    );
    request
}

/// What was taken of a batch.
enum Taken {
    /// All that was left: how many records, and the size of the batch.
    Whole(u32, usize),
    /// As many as there was room for.
    Part(u32),
    /// There is no whole batch.
    Nothing,
    /// The batch is damaged.
    Corrupt,
}

/// Which record a value spells.
fn record_id(value: Option<&[u8]>, producers: &BTreeMap<String, u32>) -> Option<RecordId> {
    RecordId::spelled_by(value?, |name| producers.get(name).copied())
}
