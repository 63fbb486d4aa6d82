//! Fetch: reads for followers and consumers, at once or when there is enough
//! (Kafka: `ReplicaManager.fetchMessages`, `Partition.fetchRecords`, `DelayedFetch`).

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::{
    EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse};

use super::channel::{Pending, Work};
use super::replica::Replica;
use super::session::{self, Reader, Room, Session, Wanted};
use super::storage::read_log;
use super::{Broker, Context};
use crate::sim::disk::Disk;
use crate::sim::network::ConnectionId;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{Response, TopicPartition, by_topic};

/// What a session would be answered now.
#[derive(Debug, Default)]
struct Answer {
    /// One for each partition with news, in the order in which they were read.
    readings: Vec<Reading>,
    /// The first partition whose data did not fit.
    begin_at: Option<TopicPartition>,
    bytes: usize,
    /// It says something that cannot wait: an error, or where epochs diverge.
    urgent: bool,
}

/// The list of an answer, reused for the next: always empty in between, so a snapshot need not copy it.
#[derive(Debug, Default)]
pub(super) struct Readings(Vec<Reading>);

impl Clone for Readings {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// What one partition has to say.
#[derive(Debug)]
struct Reading {
    partition: TopicPartition,
    /// Where the reader is, and where its own log starts.
    offset: i64,
    reader_log_start: i64,
    high_watermark: i64,
    log_start: i64,
    found: Found,
    /// The client does not know it yet.
    is_new: bool,
    /// It has no more to say after this answer.
    is_quiet: bool,
}

/// What was read of one partition.
#[derive(Debug)]
enum Found {
    Records(Bytes),
    Diverging { epoch: i32, end_offset: i64 },
    Error(ResponseError),
}

impl Found {
    fn size(&self) -> usize {
        if let Self::Records(records) = self { records.len() } else { 0 }
    }

    fn is_urgent(&self) -> bool {
        !matches!(self, Self::Records(_))
    }
}

impl Broker {
    pub(super) fn fetch(
        &mut self,
        connection: ConnectionId,
        correlation_id: i32,
        request: &FetchRequest,
        context: &mut Context<'_>,
    ) {
        let id = match self.session_of(connection, request, context) {
            Ok(id) => id,
            Err(error) => {
                let response = FetchResponse::default().with_error_code(error.code());
                return self.answer(connection, correlation_id, Response::Fetch(response), context);
            }
        };
        let answer = self.evaluate(id, request.max_bytes, context.disk());
        self.take_follower_offsets(id, &answer, context);
        let Some(session) = self.sessions.get(&id) else { return };
        if session.partitions.is_empty() && request.session_epoch > 0 {
            // Nothing is left to fetch: the session is over, and the answer names none.
            self.close_session(id);
            self.reuse(answer);
            return self.answer(connection, correlation_id, Response::Fetch(FetchResponse::default()), context);
        }
        let at_once = answer.urgent || answer.bytes >= request.min_bytes.max(0) as usize;
        if at_once || session.partitions.is_empty() || request.max_wait_ms <= 0 {
            return self.send_fetch_answer(connection, correlation_id, id, answer, context);
        }
        self.reuse(answer);
        let deadline = context.now() + request.max_wait_ms as u64 * MILLISECOND;
        let (min_bytes, max_bytes) = (request.min_bytes, request.max_bytes);
        self.park(connection, correlation_id, deadline, Work::Fetch { session: id, min_bytes, max_bytes }, context);
    }

    pub(super) fn continue_fetch(&mut self, connection: ConnectionId, overdue: bool, context: &mut Context<'_>) {
        let Some(channel) = self.channels.get(&connection) else { return };
        let Some(Pending { correlation_id, work: Work::Fetch { session, min_bytes, max_bytes }, .. }) = channel.pending
        else {
            return;
        };
        let answer = self.evaluate(session, max_bytes, context.disk());
        if overdue || answer.urgent || answer.bytes >= min_bytes.max(0) as usize {
            self.unpark(connection, context);
            self.send_fetch_answer(connection, correlation_id, session, answer, context);
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
            let (added, gone) = session.take(connection, request, now);
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
        let (added, gone) = session.take(connection, request, now);
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
        let Some(session) = self.sessions.get(&id) else { return answer };
        let mut budget = max_bytes.max(0) as usize;
        for partition in session.news.iter_from(session.begin_at) {
            let Some(wanted) = session.partitions.get(partition) else { continue };
            let mut reading = self.read(disk, *partition, wanted, session.reader, (budget, answer.bytes == 0));
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
        answer
    }

    /// Keeps the list of an answer that is done for the next one.
    fn reuse(&mut self, mut answer: Answer) {
        answer.readings.clear();
        self.readings.0 = answer.readings;
    }

    fn read(
        &self,
        disk: &Disk,
        partition: TopicPartition,
        wanted: &Wanted,
        reader: Reader,
        limit: (usize, bool),
    ) -> Reading {
        let mut reading = Reading {
            partition,
            offset: wanted.offset,
            reader_log_start: wanted.log_start,
            high_watermark: -1,
            log_start: -1,
            found: Found::Records(Bytes::new()),
            is_new: false,
            is_quiet: false,
        };
        let found = self.replica_at_epoch(partition, wanted.leader_epoch).and_then(|replica| {
            let found = try_read(disk, replica, wanted, reader, limit)?;
            (reading.high_watermark, reading.log_start) =
                (replica.log.high_watermark(), replica.log.log_start_offset());
            Ok(found)
        });
        reading.found = found.unwrap_or_else(Found::Error);
        reading
    }

    /// A reading as Kafka spells it. Of an error the answer names the leader to ask instead, where that is known.
    fn partition_data(&self, reading: &Reading) -> PartitionData {
        let mut data = PartitionData::default();
        data.partition_index = reading.partition.partition;
        data.high_watermark = reading.high_watermark;
        // Nobody writes transactions yet, so all that is committed is stable.
        data.last_stable_offset = reading.high_watermark;
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
        let Some(session) = self.sessions.get(&id) else { return };
        let Reader::Follower { id: follower, broker_epoch } = session.reader else { return };
        for reading in answer.readings.iter().filter(|reading| !reading.found.is_urgent()) {
            self.follower_is_at(follower, broker_epoch, reading, context);
        }
    }

    fn follower_is_at(&mut self, id: i32, broker_epoch: i64, reading: &Reading, context: &mut Context<'_>) {
        let partition = reading.partition;
        let Some(replica) = self.replicas.get_mut(&partition) else { return };
        let replica = Arc::make_mut(replica);
        let end = replica.log.log_end_offset();
        let Some(follower) = replica.leadership_mut().and_then(|leadership| leadership.followers.get_mut(&id)) else {
            return;
        };
        let moved = follower.log_end != reading.offset;
        follower.fetched(reading.offset, end, context.now());
        follower.log_start = reading.reader_log_start;
        follower.broker_epoch = broker_epoch;
        self.maybe_expand_isr(partition, id);
        if moved {
            self.advance_high_watermark(partition, context);
        }
    }

    fn send_fetch_answer(
        &mut self,
        connection: ConnectionId,
        correlation_id: i32,
        id: i32,
        mut answer: Answer,
        context: &mut Context<'_>,
    ) {
        if let Some(session) = self.sessions.get_mut(&id) {
            let session = Arc::make_mut(session);
            session.parked = None;
            session.is_full = false;
            session.begin_at = answer.begin_at.unwrap_or(session.begin_at);
            let reader = session.reader;
            for reading in &answer.readings {
                let Some(wanted) = session.partitions.get_mut(&reading.partition) else { continue };
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
            if let Some(channel) = self.channels.get_mut(&connection) {
                channel.one_time_session = None;
            }
        }
        answer.readings.retain(|reading| reading.is_new);
        let say = |reading: &Reading| self.partition_data(reading);
        let topics = by_topic(
            &answer.readings,
            |reading| reading.partition.topic,
            say,
            |id, partitions| FetchableTopicResponse::default().with_topic_id(id).with_partitions(partitions),
        );
        self.reuse(answer);
        let mut response = FetchResponse::default();
        response.session_id = id.max(0);
        response.responses = topics;
        self.answer(connection, correlation_id, Response::Fetch(response), context);
    }
}

/// What a reader may be given of a replica.
fn try_read(
    disk: &Disk,
    replica: &Replica,
    wanted: &Wanted,
    reader: Reader,
    (budget, first): (usize, bool),
) -> Result<Found, ResponseError> {
    let log = &replica.log;
    let (start, end, high_watermark) = (log.log_start_offset(), log.log_end_offset(), log.high_watermark());
    let upper = match reader {
        Reader::Follower { id, broker_epoch } => {
            let leadership = replica.leadership().ok_or(ResponseError::NotLeaderOrFollower)?;
            // Whoever is no replica may know an assignment that is not here yet (`Partition.followerReplicaOrThrow`).
            let follower = leadership.followers.get(&id).ok_or(ResponseError::UnknownLeaderEpoch)?;
            // A fetch of a former life (KIP-903).
            if broker_epoch < follower.broker_epoch {
                return Err(ResponseError::NotLeaderOrFollower);
            }
            end
        }
        // Nobody writes transactions yet, so all that is committed is stable.
        Reader::Consumer { .. } => high_watermark,
    };
    if wanted.last_fetched_epoch >= 0 {
        if wanted.offset < start {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let epoch_end = log.end_offset_for_epoch(wanted.last_fetched_epoch);
        if let Some((epoch, end_offset)) = diverging(epoch_end, wanted.last_fetched_epoch, wanted.offset)? {
            return Ok(Found::Diverging { epoch, end_offset });
        }
    }
    if wanted.offset < start || wanted.offset > end {
        return Err(ResponseError::OffsetOutOfRange);
    }
    let size = budget.min(wanted.max_bytes.max(0) as usize);
    if wanted.offset >= upper || size == 0 && !first {
        return Ok(Found::Records(Bytes::new()));
    }
    read_log(disk, replica, wanted.offset, upper, size, first).map(Found::Records)
}

/// Where a follower with this last epoch and end parts from the leader, whose epoch ends at `epoch_end`; `None` where
/// it does not (KIP-595's check in the fetch; Kafka: `Partition.readRecords`).
pub(super) fn diverging(
    epoch_end: (i32, i64),
    last_fetched_epoch: i32,
    offset: i64,
) -> Result<Option<(i32, i64)>, ResponseError> {
    let (epoch, end) = epoch_end;
    if epoch < 0 || end < 0 {
        return Err(ResponseError::OffsetOutOfRange);
    }
    Ok((epoch < last_fetched_epoch || end < offset).then_some(epoch_end))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_fetch_that_does_not_fit_the_leaders_epochs_is_told_where_they_part() {
        let epochs = [(0, 0), (3, 2), (4, 8), (7, 13), (9, 14)];
        let log_ends = 17;
        let mut cache = crate::log::epochs::LeaderEpochs::default();
        for (epoch, start) in epochs {
            cache.assign(epoch, start).unwrap();
        }
        cache.assign(10, log_ends).unwrap();
        let parts = |epoch: i32, offset: i64| super::diverging(cache.end_offset_for(epoch, log_ends), epoch, offset);
        assert_eq!(parts(2, 5), Ok(Some((0, 2))));
        assert_eq!(parts(0, 4), Ok(Some((0, 2))));
        assert_eq!(parts(6, 6), Ok(Some((4, 13))));
        assert_eq!(parts(5, 9), Ok(Some((4, 13))));
        assert_eq!(parts(10, 18), Ok(Some((10, 17))));
        for (epoch, offset) in [(0, 2), (7, 14), (9, 17), (10, 17)] {
            assert_eq!(parts(epoch, offset), Ok(None));
        }
        assert_eq!(parts(11, 5), Err(kafka_protocol::ResponseError::OffsetOutOfRange));
    }
}
