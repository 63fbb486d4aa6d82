//! Positions found and validated (Kafka: `OffsetFetcher`).

use std::collections::BTreeMap;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::policy::OffsetReset;
use super::position::{Position, State};
use super::tag::Tag;
use super::{Consumer, ConsumerEvent};
use crate::client::ClientContext;
use crate::note::Moved;
use crate::sim::MILLISECOND;
use crate::wire::{Request, TopicPartition};

/// What the wall clock shows.
fn wall_ms(context: &ClientContext<'_>) -> i64 {
    i64::try_from(context.wall_clock() / MILLISECOND).expect("milliseconds fit")
}

impl Consumer {
    /// Asks leaders for offsets to reset to, and for the ends of epochs.
    pub(super) fn ask(&mut self, context: &mut ClientContext<'_>) {
        if self.asking.is_empty() {
            return;
        }
        let now = context.now();
        let mut by_leader: BTreeMap<(i32, bool), Vec<TopicPartition>> = BTreeMap::new();
        let positions = &self.positions;
        self.asking.retain(|partition| positions.get(partition).is_some_and(|position| position.asks(now)));
        for partition in &self.asking {
            let position = self.positions.get(partition).expect("it was just looked at");
            let resets = matches!(position.state, State::Reset { .. });
            // Whom to ask for an offset metadata must tell; whom to ask about a position it remembers.
            if position.leader < 0 || resets && self.without_id.contains(partition) {
                self.network.metadata_mut().request_update();
                continue;
            }
            by_leader.entry((position.leader, resets)).or_default().push(*partition);
        }
        for ((leader, resets), partitions) in by_leader {
            if !self.network.is_ready(leader, context) {
                continue;
            }
            let request = if resets {
                self.list_offsets(&partitions, wall_ms(context))
            } else {
                self.ends_of_epochs(&partitions)
            };
            for partition in &partitions {
                self.asking.remove(partition);
                self.positions.get_mut(partition).expect("it was just looked at").set_asked();
            }
            self.network.send(leader, request, Tag::Ask(partitions), context);
        }
    }

    fn list_offsets(&self, partitions: &[TopicPartition], now_ms: i64) -> Request {
        let of = |partition: &TopicPartition, position: &Position| {
            let State::Reset { to, .. } = position.state else { panic!("an offset is asked for to reset to") };
            ListOffsetsPartition::default()
                .with_partition_index(partition.partition)
                .with_current_leader_epoch(position.leader_epoch)
                .with_timestamp(to.timestamp(now_ms))
        };
        let topics = self.by_topic(partitions, of).into_iter().map(|(topic, partitions)| {
            ListOffsetsTopic::default().with_name(self.topic_name(topic)).with_partitions(partitions)
        });
        Request::ListOffsets(
            ListOffsetsRequest::default()
                .with_replica_id((-1).into())
                .with_isolation_level(self.settings.isolation_level())
                .with_timeout_ms(self.settings.request_timeout_ms())
                .with_topics(topics.collect()),
        )
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

    pub(super) fn by_topic<T>(
        &self,
        partitions: &[TopicPartition],
        of: impl Fn(&TopicPartition, &Position) -> T,
    ) -> BTreeMap<u32, Vec<T>> {
        let mut topics: BTreeMap<u32, Vec<T>> = BTreeMap::new();
        for partition in partitions {
            let position = self.positions.get(partition).expect("only what has a position is asked for");
            topics.entry(partition.topic).or_default().push(of(partition, position));
        }
        topics
    }

    /// These requests name topics, where Fetch and Produce have ids.
    pub(super) fn topic_name(&self, number: u32) -> TopicName {
        let topic = self.topics.iter().find(|topic| topic.number == Some(number));
        TopicName(StrBytes::from_string(topic.expect("only what is read is asked for").name.clone()))
    }

    pub(super) fn topic_named(&self, name: &TopicName) -> u32 {
        let topic = self.topics.iter().find(|topic| topic.name == name.0.as_str());
        topic.and_then(|topic| topic.number).expect("a broker answers what it is asked for")
    }

    pub(super) fn offsets_answered(
        &mut self,
        mut asked: Vec<TopicPartition>,
        response: &ListOffsetsResponse,
        context: &mut ClientContext<'_>,
    ) {
        for topic in &response.topics {
            let number = self.topic_named(&topic.name);
            for answer in &topic.partitions {
                let partition = TopicPartition { topic: number, partition: answer.partition_index };
                asked.retain(|other| *other != partition);
                let is_asked = |p: &&Position| matches!(p.state, State::Reset { asked: true, .. });
                // Another leader took over meanwhile, and is asked.
                let Some(position) = self.positions.get(&partition).filter(is_asked) else {
                    continue;
                };
                let moved = position.moved;
                if answer.error_code != 0 || answer.offset < 0 {
                    self.refused(partition, answer.error_code, context);
                } else {
                    self.seek(partition, answer.offset, answer.leader_epoch, moved);
                }
            }
        }
        asked.into_iter().for_each(|partition| self.ask_again_later(partition, context));
    }

    pub(super) fn ends_answered(
        &mut self,
        mut asked: Vec<TopicPartition>,
        response: &OffsetForLeaderEpochResponse,
        context: &mut ClientContext<'_>,
    ) {
        for topic in &response.topics {
            let number = self.topic_named(&topic.topic);
            for answer in &topic.partitions {
                let partition = TopicPartition { topic: number, partition: answer.partition };
                asked.retain(|other| *other != partition);
                if answer.error_code != 0 {
                    self.refused(partition, answer.error_code, context);
                } else {
                    self.validated(partition, answer.leader_epoch, answer.end_offset);
                }
            }
        }
        asked.into_iter().for_each(|partition| self.ask_again_later(partition, context));
    }

    /// Where the epoch of the last read record ends in the leader's log: below the position, the log was truncated
    /// (`SubscriptionState.maybeCompleteValidation`, KIP-320).
    fn validated(&mut self, of: TopicPartition, epoch: i32, end_offset: i64) {
        let is_asked = |position: &&mut Position| position.state == State::Validate { asked: true };
        // Another leader took over meanwhile, and is asked.
        let Some(position) = self.positions.get_mut(&of).filter(is_asked) else { return };
        if end_offset >= position.offset {
            position.state = State::Fetch;
            position.failures = 0;
            let source = position.source();
            self.touch(source, of);
        } else if self.settings.auto_offset_reset == OffsetReset::None {
            // LogTruncationException: the program must decide.
            position.state = State::Stuck;
            self.last_error = ResponseError::OffsetOutOfRange.code();
        } else if end_offset < 0 || epoch < 0 {
            self.reset(of);
        } else {
            let moved = Moved::Truncated { before: position.offset, in_former: false };
            self.seek(of, end_offset, epoch, moved);
        }
    }

    pub(super) fn seek(&mut self, of: TopicPartition, offset: i64, epoch: i32, moved: Moved) {
        self.drop_buffered(of);
        let position = self.positions.get_mut(&of).expect("a position to move");
        (position.state, position.offset, position.offset_epoch) = (State::Fetch, offset, epoch);
        (position.failures, position.retry_at) = (0, 0);
        let in_former = std::mem::take(&mut position.is_of_former);
        let moved = match moved {
            Moved::Reset { before, policy, .. } => Moved::Reset { before, in_former, policy },
            Moved::Truncated { before, .. } => Moved::Truncated { before, in_former },
            Moved::First | Moved::Kept | Moved::Committed | Moved::Sought { .. } => moved,
        };
        let source = position.source();
        self.touch(source, of);
        self.events.push_back(ConsumerEvent::Reset { partition: of, offset, moved });
    }

    /// The position is of no use: another is found by `auto.offset.reset`, if it says how.
    pub(super) fn reset(&mut self, of: TopicPartition) {
        let policy = self.settings.auto_offset_reset;
        self.drop_buffered(of);
        let position = self.positions.get_mut(&of).expect("a position to reset");
        position.state = State::to_be_reset(policy);
        position.moved = Moved::Reset { before: position.offset, in_former: false, policy: policy.word() };
        let source = position.source();
        self.touch(source, of);
        self.asking.insert(of);
    }
}
