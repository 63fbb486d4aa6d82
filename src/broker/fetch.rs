//! Fetch: reads for followers and consumers, at once or when there is enough
//! (Kafka: `ReplicaManager.fetchMessages`, `Partition.fetchRecords`, `DelayedFetch`).

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::delayed::Work;
use super::purgatory::{Asker, WaitId};
use super::replicas::{Found, Reading, Replica};
use super::session::{self, Reader, Room, Session};
use super::{Broker, Context};
use crate::log::batch;
use crate::note::Note;
use crate::sim::disk::Disk;
use crate::sim::network::ConnectionId;
use crate::sim::{MILLISECOND, Time};
use crate::wire::fetch_session::FINAL_EPOCH;
use crate::wire::{FetchByNameRequest, FetchByNameResponse, Response, TopicPartition, by_topic};

/// What a session would be answered now.
#[derive(Debug, Default)]
struct Answer {
    /// One for each partition with news, in the order in which they were read.
    readings: Vec<Reading>,
    /// The first partition whose data did not fit.
    begin_at: Option<TopicPartition>,
    /// What is said of partitions whose topic is not known here.
    strangers: Vec<FetchableTopicResponse>,
    bytes: usize,
    /// It says something that cannot wait: an error, or where epochs diverge.
    urgent: bool,
}

impl Broker {
    pub(super) fn fetch(&mut self, asker: Asker, request: &FetchRequest, context: &mut Context<'_>) {
        let id = match self.session_of(asker.connection, request, context) {
            Ok(id) => id,
            Err(error) => {
                let response = FetchResponse::default().with_error_code(error.code());
                return self.answer(asker, Response::Fetch(response), context);
            }
        };
        self.serve_fetch(asker, id, request, context);
    }

    /// A Fetch that knows names only. Kafka's consumer has a session for these too; here each is a fetch of its own.
    pub(super) fn fetch_by_name(&mut self, asker: Asker, request: &FetchByNameRequest, context: &mut Context<'_>) {
        let mut request = request.0.clone();
        request.session_epoch = FINAL_EPOCH;
        let mut unknown = Vec::new();
        request.topics.retain_mut(|topic| match self.image.topics.named(&topic.topic.0) {
            Some(number) => {
                topic.topic_id = self.image.topics.id_of(number);
                true
            }
            None => {
                unknown.extend(topic.partitions.iter().map(|data| (topic.topic.clone(), data.partition)));
                false
            }
        });
        let id = self.open_session(asker.connection, &request, context);
        let session = self.sessions.get_mut(&id).expect("it was just opened");
        Arc::make_mut(session).unknown_names = Some(unknown);
        self.serve_fetch(asker, id, &request, context);
    }

    /// Answers a fetch of an open session, now or when there is enough.
    fn serve_fetch(&mut self, asker: Asker, id: i32, request: &FetchRequest, context: &mut Context<'_>) {
        let answer = self.evaluate(id, request.max_bytes, context.disk());
        self.take_follower_offsets(id, &answer, context);
        let session = self.sessions.get(&id).expect("the session of a request is open");
        if session.is_empty() && request.session_epoch > 0 {
            // Nothing is left to fetch: the session is over, and the answer names none.
            self.close_session(id);
            self.reuse(answer);
            return self.answer(asker, Response::Fetch(FetchResponse::default()), context);
        }
        let at_once = answer.urgent || answer.bytes >= request.min_bytes.max(0) as usize;
        if at_once || session.is_empty() || request.max_wait_ms <= 0 {
            return self.send_fetch_answer(asker, id, answer, context);
        }
        self.reuse(answer);
        let deadline = context.now() + request.max_wait_ms as u64 * MILLISECOND;
        let (min_bytes, max_bytes) = (request.min_bytes, request.max_bytes);
        self.begin_wait(asker, deadline, Work::Fetch { session: id, min_bytes, max_bytes }, context);
    }

    pub(super) fn continue_fetch(
        &mut self,
        id: WaitId,
        session: i32,
        (min_bytes, max_bytes): (i32, i32),
        overdue: bool,
        context: &mut Context<'_>,
    ) {
        let answer = self.evaluate(session, max_bytes, context.disk());
        if overdue || answer.urgent || answer.bytes >= min_bytes.max(0) as usize {
            let wait = self.end_wait(id, context);
            self.send_fetch_answer(wait.asker, session, answer, context);
        } else {
            self.reuse(answer);
        }
    }

    /// The session that a request belongs to, opened if it asks for that (KIP-227).
    fn session_of(
        &mut self,
        connection: ConnectionId,
        request: &FetchRequest,
        context: &mut Context<'_>,
    ) -> Result<i32, ResponseError> {
        let now = context.now();
        if request.session_epoch > 0 {
            let known = self.sessions.get_mut(&request.session_id).filter(|_| request.session_id > 0);
            let session = known.ok_or(ResponseError::FetchSessionIdNotFound)?;
            if session.next_epoch != request.session_epoch {
                return Err(ResponseError::InvalidFetchSessionEpoch);
            }
            let session = Arc::make_mut(session);
            session.next_epoch = session.next_epoch.checked_add(1).unwrap_or(1);
            let (added, gone) = session.take(request, &self.image.topics, now);
            self.watch(request.session_id, &added, &gone);
            return Ok(request.session_id);
        }
        // A full fetch closes the session that it names.
        if request.session_id > 0 {
            self.close_session(request.session_id);
        }
        Ok(self.open_session(connection, request, context))
    }

    /// A new session; one with a negative id, which ends with its answer, where none is wanted or there is no room.
    fn open_session(&mut self, connection: ConnectionId, request: &FetchRequest, context: &mut Context<'_>) -> i32 {
        let now = context.now();
        let mut session = Session::new(request, now);
        let (added, gone) = session.take(request, &self.image.topics, now);
        let keeps = request.session_epoch == 0 && self.make_room_for(&session, now);
        let id = if keeps { session::new_id(&self.sessions, context.random()) } else { self.next_one_time_id() };
        let former = self.sessions.insert(id, Arc::new(session));
        assert!(former.is_none(), "a session's id is its own");
        if let Some(channel) = self.channels.get_mut(&connection).filter(|_| !keeps) {
            channel.one_time_session = Some(id);
        }
        self.watch(id, &added, &gone);
        id
    }

    /// One-time fetches have negative ids among themselves, which nobody is told.
    fn next_one_time_id(&mut self) -> i32 {
        self.one_time_fetches = self.one_time_fetches.checked_add(1).unwrap_or(1);
        -self.one_time_fetches
    }

    fn make_room_for(&mut self, newcomer: &Session, now: Time) -> bool {
        match session::room_for(newcomer, &self.sessions, self.settings.fetch_session_slots as usize, now) {
            Room::Free => true,
            Room::Evict(id) => {
                self.close_session(id);
                true
            }
            Room::None => false,
        }
    }

    pub(super) fn close_session(&mut self, id: i32) {
        // Silence is right: a client may name one that was driven out.
        let Some(session) = self.sessions.remove(&id) else { return };
        for partition in session.partitions.keys() {
            self.unwatch(*partition, id);
        }
    }

    fn unwatch(&mut self, partition: TopicPartition, session: i32) {
        if let Some(replica) = self.replicas.get_mut(&partition) {
            Arc::make_mut(replica).sessions.retain(|id| *id != session);
        }
    }

    /// Partitions that a session has from now on, and those that it no longer has.
    fn watch(&mut self, session: i32, added: &[TopicPartition], gone: &[TopicPartition]) {
        for partition in gone {
            self.unwatch(*partition, session);
        }
        for partition in added {
            if let Some(replica) = self.replicas.get_mut(partition) {
                Arc::make_mut(replica).sessions.push(session);
            }
        }
    }

    /// Reads the partitions with news. The caller decides whether that is enough to answer.
    fn evaluate(&mut self, id: i32, max_bytes: i32, disk: &Disk) -> Answer {
        let mut answer = Answer { readings: std::mem::take(&mut self.readings.0), ..Answer::default() };
        // Closed by another fetch while this one waited: it has nothing to say any more.
        let Some(session) = self.sessions.get(&id) else { return answer };
        let mut budget = max_bytes.max(0) as usize;
        for partition in session.news.iter_from(session.begin_at) {
            let wanted = session.partitions.get(partition).expect("news are of what a session has");
            let mut reading = self.replicas.read(disk, *partition, wanted, session.reader, (budget, answer.bytes == 0));
            let (size, urgent) = (reading.found.size(), reading.found.is_urgent());
            if size == 0 && !urgent && budget == 0 {
                answer.begin_at = answer.begin_at.or(Some(*partition));
            } else if size == 0 && !urgent {
                reading.is_quiet = true;
            }
            answer.urgent |= urgent;
            answer.bytes += size;
            budget = budget.saturating_sub(size);
            reading.is_new = size > 0
                || urgent
                || session.is_full
                || reading.high_watermark != wanted.told_high_watermark
                || reading.log_start != wanted.told_log_start;
            answer.readings.push(reading);
        }
        answer.strangers =
            session.strangers.keys().map(|(topic, partition)| unknown_topic(*topic, *partition)).collect();
        answer.urgent |= !answer.strangers.is_empty();
        answer.urgent |= session.unknown_names.as_ref().is_some_and(|names| !names.is_empty());
        answer
    }

    /// Keeps the list of an answer that is done for the next one.
    fn reuse(&mut self, mut answer: Answer) {
        answer.readings.clear();
        self.readings.0 = answer.readings;
    }

    /// A reading as Kafka spells it. Of an error the answer names the leader to ask instead, where that is known.
    fn partition_data(&self, reading: &Reading) -> PartitionData {
        let mut data = PartitionData::default();
        data.partition_index = reading.partition.partition;
        data.high_watermark = reading.high_watermark;
        data.last_stable_offset = reading.last_stable_offset;
        data.aborted_transactions = reading.aborted.as_ref().map(|aborted| aborted.iter().map(spelt).collect());
        data.log_start_offset = reading.log_start;
        data.records = Some(Bytes::new());
        match &reading.found {
            Found::Records(records) => data.records = Some(records.clone()),
            Found::Diverging { epoch, end_offset } => {
                data.diverging_epoch = EpochEndOffset::default().with_epoch(*epoch).with_end_offset(*end_offset);
            }
            Found::Error(error) => {
                data.error_code = error.code();
                let moved = [ResponseError::NotLeaderOrFollower, ResponseError::FencedLeaderEpoch].contains(error);
                if let Some(image) = self.image.partition(reading.partition).filter(|_| moved) {
                    data.current_leader = LeaderIdAndEpoch::default()
                        .with_leader_id(BrokerId(image.leader))
                        .with_leader_epoch(image.leader_epoch);
                }
            }
        }
        data
    }

    /// Takes what a follower's fetch says of where it is. Reading came first: the answer carries the high watermark
    /// from before, so that a follower learns of its own progress one fetch later.
    fn take_follower_offsets(&mut self, id: i32, answer: &Answer, context: &mut Context<'_>) {
        let reader = self.sessions.get(&id).map(|session| session.reader);
        // A consumer says nothing of a replica.
        let Some(Reader::Follower { id: follower, broker_epoch }) = reader else { return };
        for reading in answer.readings.iter().filter(|reading| !reading.found.is_urgent()) {
            if self.replicas.follower_is_at(follower, broker_epoch, reading, context) {
                self.advance_high_watermark(reading.partition, context);
            }
        }
    }

    /// Tells observers up to where a consumer is given records.
    fn tell_what_is_served(&self, readings: &[Reading], context: &mut Context<'_>) {
        for reading in readings {
            if let Found::Records(records) = &reading.found
                && let Some((last, _)) = batch::batches(records).last()
            {
                let (broker, partition) = (self.settings.id, reading.partition);
                context.note(Note::Served { broker, partition, to: last.next_offset() });
            }
        }
    }

    fn send_fetch_answer(&mut self, asker: Asker, id: i32, mut answer: Answer, context: &mut Context<'_>) {
        let (mut unknown_names, mut is_consumer) = (None, false);
        if let Some(session) = self.sessions.get_mut(&id) {
            let session = Arc::make_mut(session);
            // It is a one-time fetch, which ends with this answer.
            unknown_names = session.unknown_names.take();
            session.is_full = false;
            session.begin_at = answer.begin_at.unwrap_or(session.begin_at);
            let reader = session.reader;
            is_consumer = matches!(reader, Reader::Consumer { .. });
            for reading in &answer.readings {
                let wanted = session.partitions.get_mut(&reading.partition).expect("what was read is of the session");
                if reading.is_new {
                    wanted.told_high_watermark = reading.high_watermark;
                    wanted.told_log_start = reading.log_start;
                }
                // What a follower's own fetch moved after the reading is still news, and so is one that may enter the ISR.
                let told = wanted.told_high_watermark;
                let is_settled =
                    |replica: &Arc<Replica>| replica.log.high_watermark() == told && !replica.keeps_out(reader);
                if reading.is_quiet && self.replicas.get(&reading.partition).is_some_and(is_settled) {
                    session.news.remove(&reading.partition);
                }
            }
        }
        if id < 0 {
            self.close_session(id);
            if let Some(channel) = self.channels.get_mut(&asker.connection) {
                channel.one_time_session = None;
            }
        }
        answer.readings.retain(|reading| reading.is_new);
        if is_consumer {
            self.tell_what_is_served(&answer.readings, context);
        }
        if let Some(unknown) = unknown_names {
            let response = FetchByNameResponse(self.named_answer(&answer, unknown));
            self.reuse(answer);
            return self.answer(asker, Response::FetchByName(response), context);
        }
        let say = |reading: &Reading| self.partition_data(reading);
        let mut topics = by_topic(
            &answer.readings,
            |reading| reading.partition.topic,
            |topic| self.image.topics.id_of(topic),
            say,
            |id, partitions| FetchableTopicResponse::default().with_topic_id(id).with_partitions(partitions),
        );
        topics.extend(std::mem::take(&mut answer.strangers));
        self.reuse(answer);
        let mut response = FetchResponse::default();
        response.session_id = id.max(0);
        response.responses = topics;
        self.answer(asker, Response::Fetch(response), context);
    }

    /// What a fetch by name is answered. Its version is older than leaders that are named with an error (KIP-951).
    fn named_answer(&self, answer: &Answer, unknown_names: Vec<(TopicName, i32)>) -> FetchResponse {
        let named = |topic, data| FetchableTopicResponse::default().with_topic(topic).with_partitions(data);
        let mut topics = by_topic(
            &answer.readings,
            |reading| reading.partition.topic,
            |topic| TopicName(StrBytes::from_string(self.image.topics.name_of(topic).to_owned())),
            |reading| self.partition_data(reading).with_current_leader(LeaderIdAndEpoch::default()),
            named,
        );
        let error = ResponseError::UnknownTopicOrPartition;
        topics
            .extend(unknown_names.into_iter().map(|(topic, partition)| named(topic, vec![unknown(partition, error)])));
        FetchResponse::default().with_responses(topics)
    }
}

/// An aborted transaction as a reader of committed records is told of it.
fn spelt((producer_id, first_offset): &(i64, i64)) -> AbortedTransaction {
    AbortedTransaction::default().with_producer_id((*producer_id).into()).with_first_offset(*first_offset)
}

/// The answer about a partition whose topic has an id that is not known here, or no more.
fn unknown_topic(topic: Uuid, partition: i32) -> FetchableTopicResponse {
    let data = unknown(partition, ResponseError::UnknownTopicId);
    FetchableTopicResponse::default().with_topic_id(topic).with_partitions(vec![data])
}

/// The answer about a partition of which nothing is known here.
fn unknown(partition: i32, error: ResponseError) -> PartitionData {
    PartitionData::default()
        .with_partition_index(partition)
        .with_error_code(error.code())
        .with_high_watermark(-1)
        .with_records(Some(Bytes::new()))
}
