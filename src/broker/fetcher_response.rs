//! What a follower makes of its leader's answers (Kafka: `AbstractFetcherThread.processFetchRequest`,
//! `getOffsetTruncationState`, `fetchOffsetAndTruncate`; KIP-101, KIP-279).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::{EpochEndOffset, PartitionData};
use kafka_protocol::messages::{FetchResponse, ListOffsetsResponse};

use super::changes::Change;
use super::fetcher::{FetchState, Fetcher, InFlight};
use super::{Broker, Context};
use crate::log::AppendError;
use crate::note::Note;
use crate::sim::network::ConnectionId;
use crate::wire::{Body, Message, Response, TopicPartition};

impl Broker {
    pub(super) fn leader_answers(
        &mut self,
        leader: i32,
        connection: ConnectionId,
        message: &Message,
        context: &mut Context<'_>,
    ) {
        let is_asked = |fetcher: &&mut Arc<Fetcher>| fetcher.waits_for(connection, message.correlation_id);
        // The answer of a connection that this side has given up, or one that a fault delivers twice.
        let Some(fetcher) = self.fetchers.get_mut(&leader).filter(is_asked) else { return };
        let in_flight = Arc::make_mut(fetcher).in_flight.take();
        match (in_flight, &message.body) {
            (Some(InFlight::Fetch), Body::Response(Response::Fetch(response))) => {
                self.fetched(leader, response, context);
            }
            (Some(InFlight::ListOffsets(asked)), Body::Response(Response::ListOffsets(response))) => {
                self.leader_offsets(leader, asked, response, context);
            }
            (asked, answered) => unreachable!("{asked:?} was answered with {answered:?}"),
        }
        self.fetch_from(leader, context);
    }

    fn fetched(&mut self, leader: i32, response: &FetchResponse, context: &mut Context<'_>) {
        if !self.fetcher(leader).session.answered(response.error_code, response.session_id) {
            return;
        }
        let mut diverging = Vec::new();
        for topic in &response.responses {
            // It was deleted while the answer was on its way.
            let Some(index) = self.image.topics.with_id(topic.topic_id) else { continue };
            for data in &topic.partitions {
                let partition = TopicPartition { topic: index, partition: data.partition_index };
                self.partition_fetched(leader, partition, data, &mut diverging, context);
            }
        }
        // Truncation comes after the loop over the partitions.
        for (partition, end) in diverging {
            self.truncate_to_common(leader, partition, &end, context);
        }
    }

    fn partition_fetched(
        &mut self,
        leader: i32,
        partition: TopicPartition,
        data: &PartitionData,
        diverging: &mut Vec<(TopicPartition, EpochEndOffset)>,
        context: &mut Context<'_>,
    ) {
        // The answer is to what was asked before the leader, its epoch or the log changed: it says nothing any more.
        let fetcher = self.fetcher(leader);
        let state = fetcher.states.get(&partition);
        if !state.is_some_and(|state| fetcher.session.told(partition).is_some_and(|told| state.is_as_told(told))) {
            return;
        }
        match ResponseError::try_from_code(data.error_code) {
            None if data.diverging_epoch.epoch >= 0 => {
                if self.settings.without.kafka_14704 {
                    self.follow_high_watermark(partition, data.high_watermark, context);
                }
                diverging.push((partition, data.diverging_epoch.clone()));
            }
            None => self.take_records(leader, partition, data, context),
            Some(ResponseError::OffsetOutOfRange) => {
                self.fetcher(leader).out_of_range.insert(partition);
            }
            // The metadata that tells of the new leader is on its way; until then the partition is left alone.
            Some(ResponseError::FencedLeaderEpoch) => self.fetcher(leader).mark_failed(partition),
            Some(_) => {
                let until = context.after(self.settings.replica_fetch_backoff_us);
                self.fetcher(leader).delay(partition, until);
            }
        }
    }

    fn take_records(
        &mut self,
        leader: i32,
        partition: TopicPartition,
        data: &PartitionData,
        context: &mut Context<'_>,
    ) {
        if let Some(records) = data.records.as_ref().filter(|records| !records.is_empty()) {
            if let Err(error) = self.replicas.append_as_follower(partition, records, context) {
                return self.not_taken(leader, partition, &error, context);
            }
            self.fetcher(leader).invalid.remove(&partition);
            self.refresh(leader, partition);
        }
        self.follow_high_watermark(partition, data.high_watermark, context);
        if self.replicas.follow_log_start(partition, data.log_start_offset, context) {
            self.refresh(leader, partition);
        }
    }

    /// Records did not go into the log. Damage may have come about on the way, so they are asked for again; of anything else
    /// Kafka expects no better from another try (`AbstractFetcherThread.processFetchRequest`).
    fn not_taken(&mut self, leader: i32, partition: TopicPartition, error: &AppendError, context: &mut Context<'_>) {
        let (broker, why) = (self.settings.id, format!("{error}, {}", error.exception()));
        if !matches!(error, AppendError::Batch(_) | AppendError::InvalidRecord { .. }) {
            self.fetcher(leader).mark_failed(partition);
            return context.note(Note::ReplicaFailed { broker, partition, why });
        }
        let until = context.after(self.settings.replica_fetch_backoff_us);
        let fetcher = self.fetcher(leader);
        fetcher.delay(partition, until);
        let offset = fetcher.states.get(&partition).map_or(-1, |state| state.offset);
        if fetcher.invalid.insert(partition) {
            context.note(Note::InvalidMessages { broker, partition, offset, why });
        }
    }

    /// The follower's high watermark is the leader's, as far as its own log goes.
    fn follow_high_watermark(&mut self, partition: TopicPartition, leader_says: i64, context: &mut Context<'_>) {
        if self.replicas.follow_high_watermark(partition, leader_says, context) {
            self.tell_sessions(partition, Change::HighWatermark);
        }
    }

    /// Cuts the log where it and the leader's part (KIP-279: by the follower's own epoch below the leader's answer).
    fn truncate_to_common(
        &mut self,
        leader: i32,
        partition: TopicPartition,
        leader_end: &EpochEndOffset,
        context: &mut Context<'_>,
    ) {
        let log = &self.replicas.replica(partition).log;
        let (own_epoch, own_end) = log.end_offset_for_epoch(leader_end.epoch);
        let to = match own_epoch {
            _ if own_end < 0 => log.high_watermark(),
            epoch if epoch == leader_end.epoch => own_end.min(leader_end.end_offset),
            _ => own_end,
        };
        let to = to.min(log.log_end_offset());
        self.truncate_and_go_on(leader, partition, to, context);
    }

    /// Cuts a replica's log and fetches what is behind; a log that cannot be cut is left alone.
    fn truncate_and_go_on(&mut self, leader: i32, partition: TopicPartition, to: i64, context: &mut Context<'_>) {
        match self.replicas.truncate(partition, to, context) {
            Ok(()) => self.refresh(leader, partition),
            Err(error) => {
                self.fetcher(leader).mark_failed(partition);
                let why = format!("failed to truncate to offset {to}: {error}, {}", error.exception());
                context.note(Note::ReplicaFailed { broker: self.settings.id, partition, why });
            }
        }
    }

    /// The fetch goes on from where the log ends.
    fn refresh(&mut self, leader: i32, partition: TopicPartition) {
        let log = &self.replicas.replica(partition).log;
        let (offset, last_epoch) = (log.log_end_offset(), log.latest_epoch().unwrap_or(-1));
        let log_start = log.log_start_offset();
        let fetcher = self.fetcher(leader);
        let state = fetcher.states.get_mut(&partition).expect("only what is fetched goes on");
        *state = FetchState { offset, last_epoch, log_start, ..*state };
        fetcher.session.touch(partition);
    }

    /// What the leader's end or start says to partitions that are out of its range.
    fn leader_offsets(&mut self, leader: i32, asked: i64, response: &ListOffsetsResponse, context: &mut Context<'_>) {
        let fetcher = self.fetcher(leader);
        let set = if asked == -1 { &mut fetcher.out_of_range } else { &mut fetcher.restarting };
        let waiting = std::mem::take(set);
        let until = context.after(self.settings.replica_fetch_backoff_us);
        for topic in &response.topics {
            // It was deleted while the answer was on its way.
            let Some(index) = self.image.topics.named(topic.name.as_str()) else { continue };
            for data in &topic.partitions {
                let partition = TopicPartition { topic: index, partition: data.partition_index };
                if !waiting.contains(&partition) {
                    continue;
                }
                if data.error_code != 0 {
                    self.fetcher(leader).delay(partition, until);
                } else if asked == -1 {
                    self.leader_ends_at(leader, partition, data.offset, context);
                } else {
                    self.leader_starts_at(leader, partition, data.offset, context);
                }
            }
        }
    }

    fn leader_ends_at(&mut self, leader: i32, partition: TopicPartition, end: i64, context: &mut Context<'_>) {
        if end < self.replicas.replica(partition).log.log_end_offset() {
            self.truncate_and_go_on(leader, partition, end, context);
        } else {
            self.fetcher(leader).restarting.insert(partition);
        }
    }

    fn leader_starts_at(&mut self, leader: i32, partition: TopicPartition, start: i64, context: &mut Context<'_>) {
        let log = &self.replicas.replica(partition).log;
        let (log_start_offset, log_end_offset) = (log.log_start_offset(), log.log_end_offset());
        if start > log_end_offset {
            if self.replicas.restart_log_at(partition, start, context).is_err() {
                // It is out of range still, and asks again (`handleOutOfRangeError`).
                let until = context.after(self.settings.replica_fetch_backoff_us);
                return self.fetcher(leader).delay(partition, until);
            }
            let broker = self.settings.id;
            context.note(Note::TruncatedFully { broker, partition, log_start_offset, log_end_offset, to: start });
        }
        self.refresh(leader, partition);
    }
}
