//! Fetch: reads for followers and consumers, at once or when there is enough
//! (Kafka: `ReplicaManager.fetchMessages`, `Partition.fetchRecords`, `DelayedFetch`).

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::delayed::Work;
use super::purgatory::{Asker, WaitId};
use super::replicas::{Found, Reading, Replica};
use super::session::{self, Reader, Room, Session, Stranger};
use super::{Broker, Context};
use crate::log::batch;
use crate::note::Note;
use crate::sim::disk::Disk;
use crate::sim::network::ConnectionId;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{FetchByNameResponse, Response, TopicPartition, by_topic, host_of, port_of};

/// The last version of Fetch that names topics.
const LAST_BY_NAME: i16 = 12;

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
    /// A Fetch, whose topics are known by id; in versions up to [`LAST_BY_NAME`] by name.
    pub(super) fn fetch(&mut self, asker: Asker, request: &FetchRequest, context: &mut Context<'_>) {
        match self.session_of(asker, request, context) {
            Ok(id) => self.serve_fetch(asker, id, request, context),
            Err(error) => self.answer_fetch(asker, FetchResponse::default().with_error_code(error.code()), context),
        }
    }

    fn answer_fetch(&mut self, asker: Asker, response: FetchResponse, context: &mut Context<'_>) {
        let is_by_name = asker.version <= LAST_BY_NAME;
        let response =
            if is_by_name { Response::FetchByName(FetchByNameResponse(response)) } else { Response::Fetch(response) };
        self.answer(asker, response, context);
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
            return self.answer_fetch(asker, FetchResponse::default(), context);
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
        asker: Asker,
        request: &FetchRequest,
        context: &mut Context<'_>,
    ) -> Result<i32, ResponseError> {
        let now = context.now();
        let is_by_name = asker.version <= LAST_BY_NAME;
        if request.session_epoch > 0 {
            let known = self.sessions.get_mut(&request.session_id).filter(|_| request.session_id > 0);
            let session = known.ok_or(ResponseError::FetchSessionIdNotFound)?;
            if session.next_epoch != request.session_epoch {
                return Err(ResponseError::InvalidFetchSessionEpoch);
            }
            if session.is_by_name != is_by_name {
                return Err(ResponseError::FetchSessionTopicIdError);
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
        Ok(self.open_session(asker.connection, request, is_by_name, context))
    }

    /// A new session; one with a negative id, which ends with its answer, where none is wanted or there is no room.
    fn open_session(
        &mut self,
        connection: ConnectionId,
        request: &FetchRequest,
        is_by_name: bool,
        context: &mut Context<'_>,
    ) -> i32 {
        let now = context.now();
        let mut session = Session::new(request, is_by_name, now);
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
        let listed = session.listed.iter();
        let news = session.news.iter_from(session.begin_at).filter(|_| !session.is_full);
        for partition in listed.chain(news) {
            let wanted = session.partitions.get(partition).expect("news are of what a session has");
            let mut reading = self.replicas.read(disk, *partition, wanted, session.reader, (budget, answer.bytes == 0));
            if matches!(reading.found, Found::Records(_))
                && let Some(replica) = self.nearest_replica(*partition, wanted.offset, session)
            {
                (reading.found, reading.aborted) = (Found::Elsewhere { replica }, None);
            }
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
            session.strangers.keys().map(|(topic, partition)| unknown_topic(topic, *partition)).collect();
        answer.urgent |= !answer.strangers.is_empty();
        answer
    }

    /// The replica in its own rack that a consumer is sent to, if it is and the leader is not there.
    fn nearest_replica(&self, partition: TopicPartition, offset: i64, session: &Session) -> Option<i32> {
        let rack = session.rack.as_deref().filter(|_| self.settings.selects_by_rack)?;
        if self.settings.rack.as_deref() == Some(rack) || !matches!(session.reader, Reader::Consumer { .. }) {
            return None;
        }
        let is_in_rack = |id: i32| self.image.brokers.get(&id).is_some_and(|it| it.rack.as_deref() == Some(rack));
        self.replicas.nearest(partition, offset, is_in_rack)
    }

    /// Keeps the list of an answer that is done for the next one.
    fn reuse(&mut self, mut answer: Answer) {
        answer.readings.clear();
        self.readings.0 = answer.readings;
    }

    /// A reading as Kafka spells it. Of an error the answer names the leader to ask instead, where that is known.
    fn partition_data(&self, reading: &Reading, is_read_committed: bool) -> PartitionData {
        let mut data = PartitionData::default();
        data.partition_index = reading.partition.partition;
        data.high_watermark = reading.high_watermark;
        data.last_stable_offset = reading.last_stable_offset;
        data.log_start_offset = reading.log_start;
        data.records = Some(Bytes::new());
        // Whoever reads all that is committed is told of no transaction.
        let aborted = reading.aborted.iter().flatten().map(spelt);
        data.aborted_transactions = is_read_committed.then(|| aborted.collect());
        match &reading.found {
            Found::Records(records) => data.records = Some(records.clone()),
            Found::Elsewhere { replica } => data.preferred_read_replica = BrokerId(*replica),
            Found::Diverging { epoch, end_offset } => {
                data.diverging_epoch = EpochEndOffset::default().with_epoch(*epoch).with_end_offset(*end_offset);
            }
            Found::Error(error) => {
                data.error_code = error.code();
                // What is not known at all is answered without having been read.
                let is_known = *error != ResponseError::UnknownTopicOrPartition;
                data.aborted_transactions = (!is_known).then(Vec::new);
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
            let (grew, begins_later) = self.replicas.follower_is_at(follower, broker_epoch, reading, context);
            if grew {
                self.advance_high_watermark(reading.partition, context);
            }
            // Whoever has deleted records waits for that.
            if begins_later {
                self.wake_partition(reading.partition);
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
        let (mut is_consumer, mut is_read_committed) = (false, false);
        if let Some(session) = self.sessions.get_mut(&id) {
            let session = Arc::make_mut(session);
            session.is_full = false;
            session.listed = Vec::new();
            session.begin_at = answer.begin_at.unwrap_or(session.begin_at);
            let reader = session.reader;
            is_consumer = matches!(reader, Reader::Consumer { .. });
            is_read_committed = matches!(reader, Reader::Consumer { read_committed: true });
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
        let is_by_name = asker.version <= LAST_BY_NAME;
        let mut topics = by_topic(
            &answer.readings,
            |reading| reading.partition.topic,
            |topic| topic,
            |reading| self.partition_data(reading, is_read_committed),
            |topic, partitions| self.fetchable_topic(topic, partitions, is_by_name),
        );
        topics.extend(std::mem::take(&mut answer.strangers));
        self.reuse(answer);
        let mut response = FetchResponse::default();
        response.session_id = id.max(0);
        response.node_endpoints = self.leaders_to_ask(&topics);
        response.responses = topics;
        self.answer_fetch(asker, response, context);
    }

    /// A topic of an answer. By name is older than leaders that are named with an error (KIP-951).
    fn fetchable_topic(&self, topic: u32, partitions: Vec<PartitionData>, is_by_name: bool) -> FetchableTopicResponse {
        let topics = &self.image.topics;
        if !is_by_name {
            return FetchableTopicResponse::default().with_topic_id(topics.id_of(topic)).with_partitions(partitions);
        }
        let partitions =
            partitions.into_iter().map(|data| data.with_current_leader(LeaderIdAndEpoch::default())).collect();
        let name = TopicName(StrBytes::from_string(topics.name_of(topic).to_owned()));
        FetchableTopicResponse::default().with_topic(name).with_partitions(partitions)
    }

    /// Where the leaders are that an answer names (KIP-951).
    fn leaders_to_ask(&self, topics: &[FetchableTopicResponse]) -> Vec<NodeEndpoint> {
        let named = topics.iter().flat_map(|topic| &topic.partitions).map(|data| data.current_leader.leader_id.0);
        let mut leaders: Vec<i32> = named.filter(|leader| self.image.is_alive(*leader)).collect();
        leaders.sort_unstable();
        leaders.dedup();
        let endpoint = |leader| {
            let host = StrBytes::from_string(host_of(leader));
            NodeEndpoint::default().with_node_id(BrokerId(leader)).with_host(host).with_port(port_of(leader))
        };
        leaders.into_iter().map(endpoint).collect()
    }
}

/// An aborted transaction as a reader of committed records is told of it.
fn spelt((producer_id, first_offset): &(i64, i64)) -> AbortedTransaction {
    AbortedTransaction::default().with_producer_id((*producer_id).into()).with_first_offset(*first_offset)
}

/// The answer about a partition whose topic has an id, or a name, that is not known here, or no more.
fn unknown_topic(topic: &Stranger, partition: i32) -> FetchableTopicResponse {
    let answer = FetchableTopicResponse::default();
    match topic {
        Stranger::Id(id) => {
            answer.with_topic_id(*id).with_partitions(vec![unknown(partition, ResponseError::UnknownTopicId)])
        }
        Stranger::Name(name) => answer
            .with_topic(name.clone())
            .with_partitions(vec![unknown(partition, ResponseError::UnknownTopicOrPartition)]),
    }
}

/// The answer about a partition of which nothing is known here.
fn unknown(partition: i32, error: ResponseError) -> PartitionData {
    PartitionData::default()
        .with_partition_index(partition)
        .with_error_code(error.code())
        .with_high_watermark(-1)
        .with_records(Some(Bytes::new()))
}
