//! Fetches, and what becomes of their answers (Kafka: `AbstractFetch`).

use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::FetchResponse;
use kafka_protocol::messages::fetch_response::PartitionData;

use super::aborted::Aborted;
use super::policy::OffsetReset;
use super::position::{Position, State};
use super::tag::Tag;
use super::{Consumer, ConsumerEvent, Fetched, PollError};
use crate::client::network::{Lost, response};
use crate::client::{ClientContext, backoff};
use crate::note::Moved;
use crate::sim::MILLISECOND;
use crate::wire::fetch_session::Wanted;
use crate::wire::{FetchByNameRequest, Message, Request, Response, TopicPartition};

impl Consumer {
    /// Sends the next fetch to each leader, unless one is in flight or fetched records still wait for the program.
    pub(super) fn fetch(&mut self, context: &mut ClientContext<'_>) {
        let now = context.now();
        if self.leaders.idle_from(i32::MIN).is_none() {
            return;
        }
        // Without an image no leader is known, as after a rebootstrap.
        let Some(image) = self.network.metadata().image().cloned() else { return };
        self.leave_replicas(&image, now);
        let rack = self.rack();
        let mut next = i32::MIN;
        while let Some(leader) = self.leaders.idle_from(next) {
            next = leader + 1;
            let by_name = self.wanted_by_name(leader, now);
            if !by_name.is_empty() {
                self.fetch_by_name(leader, &by_name, context);
                continue;
            }
            let longest_wait = self.longest_wait(leader, now);
            let Self { leaders, positions, without_id, network, settings, fetches, .. } = &mut *self;
            let session = leaders.session(leader);
            let wants = |position: &Position| position.source() == leader && position.is_fetchable(now);
            let wanted = |partition: TopicPartition| {
                let has_id = !without_id.contains(&partition);
                let position = positions.get(&partition).filter(|position| has_id && wants(position))?;
                Some(Wanted::by_consumer(position.offset, position.leader_epoch))
            };
            // A connection is set up only where there is something to fetch.
            if !network.is_connected(leader) && !session.any_is(|partition| wanted(partition).is_some()) {
                continue;
            }
            if !network.is_ready(leader, context) {
                continue;
            }
            // Nothing is to be fetched from it now.
            let Some(mut request) = session.next(settings.max_partition_fetch_bytes, &image.topics, wanted) else {
                continue;
            };
            request.max_wait_ms = (longest_wait / MILLISECOND).try_into().expect("an int of Kafka's");
            request.min_bytes = settings.fetch_min_bytes;
            request.max_bytes = settings.fetch_max_bytes;
            request.isolation_level = settings.isolation_level();
            request.rack_id = rack.clone();
            *fetches += 1;
            leaders.sent(leader, *fetches);
            network.send(leader, Request::Fetch(request), Tag::Fetch, context);
        }
    }

    fn fetch_by_name(&mut self, leader: i32, partitions: &[TopicPartition], context: &mut ClientContext<'_>) {
        if self.network.is_ready(leader, context) {
            let request = Request::FetchByName(FetchByNameRequest(self.by_name(partitions)));
            self.fetches += 1;
            self.leaders.sent(leader, self.fetches);
            self.network.send(leader, request, Tag::FetchByName, context);
        }
    }

    /// Requests were lost with their connection.
    pub(super) fn lost(&mut self, lost: Lost<Tag>, context: &mut ClientContext<'_>) {
        if let Some(coordinator) = &mut self.coordinator {
            coordinator.disconnected(lost.node);
        }
        for tag in lost.requests {
            match tag {
                Tag::Fetch => {
                    self.leaders.answered(lost.node).failed();
                }
                Tag::FetchByName => _ = self.leaders.answered(lost.node),
                Tag::Ask(partitions) => {
                    partitions.into_iter().for_each(|partition| self.ask_again_later(partition, context));
                }
                Tag::Query(asked) => self.query_lost(asked, context),
                Tag::LastFetch => self.last_fetch_over(),
                Tag::Group(tag) => self.group_lost(lost.node, tag, context),
            }
        }
    }

    pub(super) fn answered(&mut self, node: i32, tag: Tag, message: &Arc<Message>, context: &mut ClientContext<'_>) {
        match (tag, response(message)) {
            (Tag::Group(tag), _) => self.group_answered(tag, message, context),
            (Tag::Fetch, Response::Fetch(response)) => self.fetched(node, response, context),
            (Tag::Query(asked), Response::ListOffsets(response)) => self.query_answered(asked, response, context),
            (Tag::LastFetch, Response::Fetch(_)) => self.last_fetch_over(),
            (Tag::FetchByName, Response::FetchByName(response)) => self.fetched_by_name(node, &response.0, context),
            (Tag::Ask(partitions), Response::ListOffsets(response)) => {
                self.offsets_answered(partitions, response, context);
            }
            (Tag::Ask(partitions), Response::OffsetForLeaderEpoch(response)) => {
                self.ends_answered(partitions, response, context);
            }
            (tag, response) => panic!("{tag:?} was answered with {:?}", response.api()),
        }
    }

    fn fetched(&mut self, node: i32, response: &FetchResponse, context: &mut ClientContext<'_>) {
        let session = self.leaders.answered(node);
        if !session.answered(response.error_code, response.session_id) {
            return self.fetch_refused(node, response.error_code, context);
        }
        for topic in &response.responses {
            // Also of one that was deleted: its position stays until another topic has its name.
            let Some(number) = self.network.metadata().topic_with_id(topic.topic_id) else { continue };
            for data in &topic.partitions {
                let partition = TopicPartition { topic: number, partition: data.partition_index };
                self.partition_fetched(node, partition, data, context);
            }
        }
    }

    /// The whole answer is an error. A session that is gone is opened again at once; else each partition of the leader
    /// waits.
    fn fetch_refused(&mut self, node: i32, error_code: i16, context: &mut ClientContext<'_>) {
        let opens_anew = [ResponseError::FetchSessionIdNotFound, ResponseError::InvalidFetchSessionEpoch];
        if opens_anew.iter().any(|error| error.code() == error_code) {
            return;
        }
        self.last_error = error_code;
        self.network.metadata_mut().request_update();
        let led = |(partition, position): (TopicPartition, &Position)| {
            (position.source() == node && position.state == State::Fetch).then_some(partition)
        };
        let partitions: Vec<TopicPartition> = self.positions.iter().filter_map(led).collect();
        partitions.into_iter().for_each(|partition| self.ask_again_later(partition, context));
    }

    pub(super) fn partition_fetched(
        &mut self,
        node: i32,
        of: TopicPartition,
        data: &PartitionData,
        context: &mut ClientContext<'_>,
    ) {
        let fetch = self.leaders.last_fetch(node);
        let is_meant = |position: &&mut Position| {
            let is_idle = position.source() == node && !position.is_buffered;
            position.state == State::Fetch && is_idle && position.since_fetch < fetch
        };
        // A topic that was deleted and created again has the partition no more, or the position moved or another leader
        // took over while the fetch was on its way. Where it took over and is replaced again, its records may wait here.
        let Some(position) = self.positions.get_mut(&of).filter(is_meant) else { return };
        match ResponseError::try_from_code(data.error_code) {
            None => {
                position.high_watermark =
                    if self.settings.read_committed { data.last_stable_offset } else { data.high_watermark };
                position.failures = 0;
                if std::mem::take(&mut position.is_of_former) && position.offset > 0 {
                    let (offset, moved) = (position.offset, Moved::Kept);
                    self.events.push_back(ConsumerEvent::Reset { partition: of, offset, moved });
                }
                if data.preferred_read_replica.0 >= 0 {
                    let until = context.now() + self.settings.network.metadata_max_age_us;
                    position.preferred = Some((data.preferred_read_replica.0, until));
                    self.touch(node, of);
                    return self.touch(data.preferred_read_replica.0, of);
                }
                if let Some(records) = data.records.as_ref().filter(|records| !records.is_empty()) {
                    position.is_buffered = true;
                    let is_held = position.is_held;
                    // Other readers are told of none.
                    let aborted = Aborted::of(data.aborted_transactions.as_deref());
                    self.completed.push_back(Fetched { partition: of, records: records.clone(), from: node, aborted });
                    if !is_held {
                        self.leaders.buffered(node);
                    }
                }
            }
            // A replica that lags, or leads no more: its leader is asked (`FetchCollector.handleInitializeErrors`).
            Some(ResponseError::OffsetOutOfRange) if position.preferred.is_some() => self.leave_replica(of),
            Some(ResponseError::OffsetOutOfRange) => {
                let offset = position.offset;
                self.last_error = ResponseError::OffsetOutOfRange.code();
                self.events.push_back(ConsumerEvent::OutOfRange { partition: of, offset });
                if self.settings.auto_offset_reset == OffsetReset::None {
                    // `OffsetOutOfRangeException`: it stays where it is, and the program must decide.
                    self.throws = Some(PollError::OffsetOutOfRange);
                } else {
                    self.reset(of);
                }
            }
            Some(error) => {
                let known = position.leader_epoch;
                // A replica that has not heard of the epoch yet is asked again (`FetchCollector.handleInitializeErrors`).
                if error != ResponseError::UnknownLeaderEpoch {
                    self.leave_replica(of);
                }
                self.refused(of, error.code(), context);
                // The answer may name the new leader (KIP-951).
                let leader = &data.current_leader;
                if leader.leader_epoch > known {
                    self.set_leader(of, leader.leader_id.0, leader.leader_epoch);
                }
            }
        }
    }

    /// A leader answered with an error: what it was asked for is asked for again, after a pause. The fetches of Kafka 4.3.1
    /// make none. Later versions wait for metadata (KAFKA-15615), which are asked for with such pauses.
    pub(super) fn refused(&mut self, partition: TopicPartition, error: i16, context: &mut ClientContext<'_>) {
        self.last_error = error;
        self.network.metadata_mut().request_update();
        self.ask_again_later(partition, context);
    }

    pub(super) fn ask_again_later(&mut self, of: TopicPartition, context: &mut ClientContext<'_>) {
        // Its topic may have been deleted and created again since it was asked for.
        let Some(position) = self.positions.get_mut(&of) else { return };
        position.ask_again();
        position.failures += 1;
        let (is_fetched, failures, source) = (position.state == State::Fetch, position.failures, position.source());
        let network = &self.settings.network;
        let (initial, max) = (network.retry_backoff_us, network.retry_backoff_max_us);
        let pause = if is_fetched && self.without_id.contains(&of) {
            self.pause_by_name(context.now())
        } else {
            backoff::exponential(initial, max, failures, context.random())
        };
        let retry_at = context.now() + pause;
        self.positions.get_mut(&of).expect("it was just looked at").retry_at = retry_at;
        self.retries.insert((retry_at, of));
        self.touch(source, of);
    }
}
