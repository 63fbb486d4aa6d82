//! `beginningOffsets()`, `endOffsets()` and `offsetsForTimes()` (Kafka: `OffsetFetcher.fetchOffsetsByTimes`).

use std::collections::BTreeMap;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::query::{OffsetFound, Query};
use super::tag::Tag;
use super::{Consumer, ConsumerEvent, ConsumerSettings};
use crate::client::timer::ClientTimer;
use crate::client::{ClientContext, backoff};
use crate::wire::{Request, TopicPartition};

/// Topic, partition and timestamp.
type Asked = (String, i32, i64);

impl Consumer {
    /// The program asks for the offsets of these partitions at these times, -2 for their beginnings and -1 for their ends:
    /// [`ConsumerEvent::Offsets`] tells them.
    ///
    /// # Panics
    /// Where it is still in such a call.
    pub fn offsets_for_times(&mut self, asked: Vec<Asked>, context: &mut ClientContext<'_>) {
        assert!(self.query.is_none(), "the program's thread is still in such a call");
        for (topic, ..) in &asked {
            self.network.metadata_mut().add_topic(topic);
        }
        self.query = Some(Query { wanted: asked, ..Query::default() });
        self.go_on_asking(context);
    }

    /// Asks the leaders of what is still wanted.
    pub(super) fn go_on_asking(&mut self, context: &mut ClientContext<'_>) {
        // The program asks for nothing.
        let Some(query) = &mut self.query else { return };
        self.network.maybe_update_metadata(context);
        if query.not_before > context.now() {
            return;
        }
        let mut by_leader: BTreeMap<i32, Vec<(Asked, i32)>> = BTreeMap::new();
        let mut left = Vec::new();
        for asked in std::mem::take(&mut query.wanted) {
            let metadata = self.network.metadata();
            let topic = metadata.topic_named(&asked.0);
            let known = topic.and_then(|topic| metadata.partition(TopicPartition { topic, partition: asked.1 }));
            match known.filter(|known| known.leader >= 0) {
                Some(known) => by_leader.entry(known.leader).or_default().push((asked, known.leader_epoch)),
                None => left.push(asked),
            }
        }
        for (leader, asked) in by_leader {
            if self.network.is_ready(leader, context) {
                let request = list_offsets(&asked, &self.settings);
                let tag = Tag::Query(asked.into_iter().map(|(asked, _)| asked).collect());
                query.on_their_way += 1;
                self.network.send(leader, request, tag, context);
            } else {
                left.extend(asked.into_iter().map(|(asked, _)| asked));
            }
        }
        query.wanted = left;
    }

    pub(super) fn query_answered(
        &mut self,
        asked: Vec<Asked>,
        response: &ListOffsetsResponse,
        context: &mut ClientContext<'_>,
    ) {
        let query = self.query.as_mut().expect("a query stays until all of it is answered");
        query.on_their_way -= 1;
        let mut failed = false;
        for asked in asked {
            let topic = response.topics.iter().find(|topic| *topic.name.0 == *asked.0);
            let answer = topic.and_then(|topic| topic.partitions.iter().find(|it| it.partition_index == asked.1));
            match answer.filter(|answer| ResponseError::try_from_code(answer.error_code).is_none()) {
                Some(answer) => query.found.push(OffsetFound {
                    topic: asked.0,
                    partition: asked.1,
                    offset: answer.offset,
                    timestamp: answer.timestamp,
                    leader_epoch: answer.leader_epoch,
                }),
                None => {
                    query.wanted.push(asked);
                    failed = true;
                }
            }
        }
        if failed {
            self.query_failed(context);
        }
        self.finish_query();
    }

    pub(super) fn query_lost(&mut self, asked: Vec<Asked>, context: &mut ClientContext<'_>) {
        let query = self.query.as_mut().expect("a query stays until all of it is answered");
        query.on_their_way -= 1;
        query.wanted.extend(asked);
        self.query_failed(context);
    }

    fn query_failed(&mut self, context: &mut ClientContext<'_>) {
        let query = self.query.as_mut().expect("a query stays until all of it is answered");
        query.failures += 1;
        let network = &self.settings.network;
        let (initial, max) = (network.retry_backoff_us, network.retry_backoff_max_us);
        query.not_before = context.now() + backoff::exponential(initial, max, query.failures, context.random());
        self.network.metadata_mut().request_update();
        self.network.set_timer(ClientTimer::Retry, query.not_before, context);
    }

    fn finish_query(&mut self) {
        let is_done = |query: &mut Query| query.wanted.is_empty() && query.on_their_way == 0;
        if let Some(query) = self.query.take_if(is_done) {
            self.events.push_back(ConsumerEvent::Offsets(query.found));
        }
    }
}

fn list_offsets(asked: &[(Asked, i32)], settings: &ConsumerSettings) -> Request {
    let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for ((topic, partition, timestamp), leader_epoch) in asked {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(*partition)
            .with_current_leader_epoch(*leader_epoch)
            .with_timestamp(*timestamp);
        topics.entry(topic).or_default().push(partition);
    }
    let topics = topics.into_iter().map(|(topic, partitions)| {
        let name = TopicName(StrBytes::from_string(topic.to_owned()));
        ListOffsetsTopic::default().with_name(name).with_partitions(partitions)
    });
    Request::ListOffsets(
        ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_isolation_level(settings.isolation_level())
            .with_timeout_ms(settings.request_timeout_ms())
            .with_topics(topics.collect()),
    )
}
