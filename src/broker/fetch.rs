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
use crate::sim::MILLISECOND;
use crate::sim::disk::Disk;
use crate::sim::network::ConnectionId;
use crate::wire::{Response, TopicPartition, topic_id};

/// What a session would be answered now.
struct Answer {
    partitions: Vec<(TopicPartition, PartitionData)>,
    /// Partitions that have no more to say after this answer.
    quiet: Vec<TopicPartition>,
    /// The first partition whose data did not fit.
    begin_at: Option<TopicPartition>,
    bytes: usize,
    /// It says something that cannot wait: an error, or where epochs diverge.
    urgent: bool,
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
        self.update_session(id, request, context);
        let answer = self.evaluate(id, request.max_bytes, context.disk());
        self.take_follower_offsets(id, &answer, context);
        let is_empty = self.sessions.get(&id).is_none_or(|session| session.partitions.is_empty());
        if is_empty && request.session_epoch > 0 {
            // Nothing is left to fetch: the session is over, and the answer names none.
            self.close_session(id);
            return self.answer(connection, correlation_id, Response::Fetch(FetchResponse::default()), context);
        }
        let at_once = answer.urgent || answer.bytes >= request.min_bytes.max(0) as usize;
        if at_once || is_empty || request.max_wait_ms <= 0 {
            return self.send_fetch_answer(connection, correlation_id, id, answer, context);
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            Arc::make_mut(session).parked = Some(connection);
        }
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
        }
    }

    /// The session that a request belongs to, opened if it asks for that (KIP-227).
    fn session_of(
        &mut self,
        connection: ConnectionId,
        request: &FetchRequest,
        context: &Context<'_>,
    ) -> Result<i32, ResponseError> {
        if request.session_epoch > 0 {
            let session = self.sessions.get_mut(&request.session_id).ok_or(ResponseError::FetchSessionIdNotFound)?;
            if session.next_epoch != request.session_epoch {
                return Err(ResponseError::InvalidFetchSessionEpoch);
            }
            let session = Arc::make_mut(session);
            session.next_epoch = session.next_epoch.checked_add(1).unwrap_or(1);
            return Ok(request.session_id);
        }
        // A full fetch closes the session that it names.
        if request.session_id != 0 {
            self.close_session(request.session_id);
        }
        Ok(self.open_session(connection, request, context))
    }

    /// A new session; one with a negative id, which ends with its answer, where none is wanted or there is no room.
    fn open_session(&mut self, connection: ConnectionId, request: &FetchRequest, context: &Context<'_>) -> i32 {
        let id = self.next_session;
        self.next_session = self.next_session.checked_add(1).unwrap_or(1);
        let session = Session::new(request, context.now());
        let keeps = request.session_epoch == 0 && self.make_room_for(&session, request, context);
        let id = if keeps { id } else { -id };
        self.sessions.insert(id, Arc::new(session));
        if let Some(channel) = self.channels.get_mut(&connection).filter(|_| !keeps) {
            Arc::make_mut(channel).one_time_session = Some(id);
        }
        id
    }

    fn make_room_for(&mut self, newcomer: &Session, request: &FetchRequest, context: &Context<'_>) -> bool {
        let slots = self.settings.fetch_session_slots as usize;
        let size = request.topics.iter().map(|topic| topic.partitions.len()).sum();
        match session::room_for(newcomer, size, &self.sessions, slots, context.now()) {
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

    fn update_session(&mut self, id: i32, request: &FetchRequest, context: &Context<'_>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let session = Arc::make_mut(session);
        session.last_fetch = context.now();
        let gone = session.forget(request);
        let added = session.update(request);
        for partition in gone {
            self.unwatch(partition, id);
        }
        for partition in added {
            if let Some(replica) = self.replicas.get_mut(&partition) {
                Arc::make_mut(replica).sessions.push(id);
            }
        }
    }

    /// Reads the partitions with news. The caller decides whether that is enough to answer.
    fn evaluate(&self, id: i32, max_bytes: i32, disk: &Disk) -> Answer {
        let mut answer = Answer { partitions: Vec::new(), quiet: Vec::new(), begin_at: None, bytes: 0, urgent: false };
        let Some(session) = self.sessions.get(&id) else { return answer };
        let mut budget = max_bytes.max(0) as usize;
        for partition in session.news_in_order() {
            let Some(wanted) = session.partitions.get(&partition) else { continue };
            let data = self.read(disk, partition, wanted, session.reader, (budget, answer.bytes == 0));
            let size = data.records.as_ref().map_or(0, Bytes::len);
            let urgent = data.error_code != 0 || data.diverging_epoch.epoch >= 0;
            if size == 0 && !urgent && budget == 0 {
                answer.begin_at = answer.begin_at.or(Some(partition));
            } else if size == 0 && !urgent {
                answer.quiet.push(partition);
            }
            answer.urgent |= urgent;
            answer.bytes += size;
            budget = budget.saturating_sub(size);
            let is_new = data.high_watermark != wanted.told_high_watermark
                || data.log_start_offset != wanted.told_log_start
                || session.is_full;
            if size > 0 || urgent || is_new {
                answer.partitions.push((partition, data));
            }
        }
        answer
    }

    fn read(
        &self,
        disk: &Disk,
        partition: TopicPartition,
        wanted: &Wanted,
        reader: Reader,
        limit: (usize, bool),
    ) -> PartitionData {
        match self.try_read(disk, partition, wanted, reader, limit) {
            Ok(data) => data,
            Err(error) => {
                let data = PartitionData::default()
                    .with_partition_index(partition.partition)
                    .with_error_code(error.code())
                    .with_high_watermark(-1)
                    .with_last_stable_offset(-1)
                    .with_log_start_offset(-1)
                    .with_records(Some(Bytes::new()));
                let moved = [ResponseError::NotLeaderOrFollower, ResponseError::FencedLeaderEpoch].contains(&error);
                match self.image.partition(partition) {
                    Some(image) if moved => data.with_current_leader(
                        LeaderIdAndEpoch::default()
                            .with_leader_id(BrokerId(image.leader))
                            .with_leader_epoch(image.leader_epoch),
                    ),
                    _ => data,
                }
            }
        }
    }

    fn try_read(
        &self,
        disk: &Disk,
        partition: TopicPartition,
        wanted: &Wanted,
        reader: Reader,
        (budget, first): (usize, bool),
    ) -> Result<PartitionData, ResponseError> {
        let replica = self.replica_at_epoch(partition, wanted.leader_epoch)?;
        let log = &replica.log;
        let (start, end, high_watermark) = (log.log_start_offset(), log.log_end_offset(), log.high_watermark());
        // Nobody writes transactions yet, so all that is committed is stable.
        let last_stable = high_watermark;
        let upper = match reader {
            Reader::Follower { id, broker_epoch } => {
                let leadership = replica.leadership().ok_or(ResponseError::NotLeaderOrFollower)?;
                let follower = leadership.followers.get(&id).ok_or(ResponseError::NotLeaderOrFollower)?;
                // A fetch of a former life (KIP-903).
                if broker_epoch < follower.broker_epoch {
                    return Err(ResponseError::NotLeaderOrFollower);
                }
                end
            }
            Reader::Consumer { read_committed: true } => last_stable,
            Reader::Consumer { read_committed: false } => high_watermark,
        };
        let data = PartitionData::default()
            .with_partition_index(partition.partition)
            .with_high_watermark(high_watermark)
            .with_last_stable_offset(last_stable)
            .with_log_start_offset(start)
            .with_records(Some(Bytes::new()));
        if wanted.last_fetched_epoch >= 0 {
            if wanted.offset < start {
                return Err(ResponseError::OffsetOutOfRange);
            }
            let epoch_end = log.end_offset_for_epoch(wanted.last_fetched_epoch);
            if let Some((epoch, end)) = diverging(epoch_end, wanted.last_fetched_epoch, wanted.offset)? {
                let diverging = EpochEndOffset::default().with_epoch(epoch).with_end_offset(end);
                return Ok(data.with_diverging_epoch(diverging));
            }
        }
        if wanted.offset < start || wanted.offset > end {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let size = budget.min(wanted.max_bytes.max(0) as usize);
        if wanted.offset >= upper || size == 0 && !first {
            return Ok(data);
        }
        Ok(data.with_records(Some(read_log(disk, replica, wanted.offset, upper, size, first)?)))
    }

    /// Takes what a follower's fetch says of where it is. Reading came first: the answer carries the high watermark
    /// from before, so that a follower learns of its own progress one fetch later.
    fn take_follower_offsets(&mut self, id: i32, answer: &Answer, context: &mut Context<'_>) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Reader::Follower { id: follower, broker_epoch } = session.reader else { return };
        let session = Arc::clone(session);
        let said_no = |partition: &TopicPartition| {
            let told = answer.partitions.iter().find(|(told, _)| told == partition);
            told.is_some_and(|(_, data)| data.error_code != 0 || data.diverging_epoch.epoch >= 0)
        };
        for partition in &session.news {
            let Some(wanted) = session.partitions.get(partition) else { continue };
            if !(answer.urgent && said_no(partition)) {
                self.follower_is_at(*partition, follower, broker_epoch, wanted, context);
            }
        }
    }

    fn follower_is_at(
        &mut self,
        partition: TopicPartition,
        id: i32,
        broker_epoch: i64,
        wanted: &Wanted,
        context: &mut Context<'_>,
    ) {
        let Some(replica) = self.replicas.get_mut(&partition) else { return };
        let replica = Arc::make_mut(replica);
        let end = replica.log.log_end_offset();
        let Some(follower) = replica.leadership_mut().and_then(|leadership| leadership.followers.get_mut(&id)) else {
            return;
        };
        let moved = follower.log_end != wanted.offset;
        follower.fetched(wanted.offset, end, context.now());
        follower.log_start = wanted.log_start;
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
        answer: Answer,
        context: &mut Context<'_>,
    ) {
        if let Some(session) = self.sessions.get_mut(&id) {
            let session = Arc::make_mut(session);
            session.parked = None;
            session.is_full = false;
            session.begin_at = answer.begin_at.unwrap_or(session.begin_at);
            for (partition, data) in &answer.partitions {
                if let Some(wanted) = session.partitions.get_mut(partition) {
                    wanted.told_high_watermark = data.high_watermark;
                    wanted.told_log_start = data.log_start_offset;
                }
            }
            for partition in &answer.quiet {
                let told = session.partitions.get(partition).map(|wanted| wanted.told_high_watermark);
                // What a follower's own fetch moved after the reading is still news, and so is one that may enter the ISR.
                let is_settled = |replica: &Arc<Replica>| {
                    Some(replica.log.high_watermark()) == told && !replica.keeps_out(session.reader)
                };
                if self.replicas.get(partition).is_some_and(is_settled) {
                    session.news.remove(partition);
                }
            }
        }
        if id < 0 {
            self.close_session(id);
            if let Some(channel) = self.channels.get_mut(&connection) {
                Arc::make_mut(channel).one_time_session = None;
            }
        }
        let response = FetchResponse::default().with_session_id(id.max(0)).with_responses(by_topic(answer.partitions));
        self.answer(connection, correlation_id, Response::Fetch(response), context);
    }
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

/// Groups neighbours of one topic.
fn by_topic(partitions: Vec<(TopicPartition, PartitionData)>) -> Vec<FetchableTopicResponse> {
    let mut topics: Vec<FetchableTopicResponse> = Vec::with_capacity(usize::from(!partitions.is_empty()));
    for (partition, data) in partitions {
        let id = topic_id(partition.topic);
        match topics.last_mut() {
            Some(topic) if topic.topic_id == id => topic.partitions.push(data),
            _ => topics.push(FetchableTopicResponse::default().with_topic_id(id).with_partitions(vec![data])),
        }
    }
    topics
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
