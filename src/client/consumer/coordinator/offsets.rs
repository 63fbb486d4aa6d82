//! OffsetFetch: where the group goes on (Kafka: `ConsumerCoordinator.refreshCommittedOffsetsIfNeeded`).

use std::collections::BTreeMap;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse, TopicName};

use super::member::{Committed, GroupTag, Heard, Place, Retry};
use super::{Coordinator, Tag, Turn, text};
use crate::client::timer::ClientTimer;
use crate::settings::Fix;
use crate::wire::Request;

impl Coordinator {
    /// Asks what the group has committed of these partitions, unless it joins or asks already.
    pub(in crate::client::consumer) fn ask_offsets(&mut self, places: Vec<Place>, turn: &mut Turn<'_, '_>) {
        let waits = self.offsets_asked || self.offsets.not_before > turn.now() || self.is_joining();
        if places.is_empty() || waits || self.failed || !self.is_coordinator_known(turn) {
            return;
        }
        // It is asked once the connection is there.
        let Some(node) = self.node.filter(|node| turn.network.is_ready(*node, turn.context)) else { return };
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in &places {
            topics.entry(topic).or_default().push(*partition);
        }
        let topics = topics.into_iter().map(|(topic, partitions)| {
            OffsetFetchRequestTopics::default().with_name(TopicName(text(topic))).with_partition_indexes(partitions)
        });
        let group =
            OffsetFetchRequestGroup::default().with_group_id(self.group_id()).with_topics(Some(topics.collect()));
        // What a transaction may yet change is waited for (KIP-447).
        let stable = !self.network.without.lacks(Fix::Kip447RequireStable);
        let request = OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(stable);
        self.offsets_asked = true;
        let tag = Tag::Group(GroupTag::Offsets(places));
        turn.network.send(node, Request::OffsetFetch(request), tag, turn.context);
    }

    pub(super) fn offsets_answered(
        &mut self,
        asked: Vec<Place>,
        response: &OffsetFetchResponse,
        turn: &mut Turn<'_, '_>,
    ) {
        let group = response.groups.first().expect("a coordinator answers for each group");
        let partitions = || group.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |it| (topic, it)));
        let codes = std::iter::once(group.error_code).chain(partitions().map(|(_, it)| it.error_code));
        match codes.into_iter().find_map(ResponseError::try_from_code) {
            None => {
                (self.offsets_asked, self.offsets) = (false, Retry::default());
                let found = partitions().map(|(topic, it)| Committed {
                    place: (topic.name.0.to_string(), it.partition_index),
                    offset: it.committed_offset,
                    epoch: it.committed_leader_epoch,
                });
                let found: Vec<Committed> = found.filter(|found| asked.contains(&found.place)).collect();
                self.heard.push_back(Heard::Found(found));
            }
            Some(ResponseError::NotCoordinator) => {
                self.offsets_failed(turn);
                self.forget_coordinator(turn);
            }
            // COORDINATOR_LOAD_IN_PROGRESS and UNSTABLE_OFFSET_COMMIT may pass. Of a topic that is gone Kafka's consumer tells
            // its program, which polls again.
            Some(_) => self.offsets_failed(turn),
        }
    }

    pub(super) fn offsets_failed(&mut self, turn: &mut Turn<'_, '_>) {
        self.offsets_asked = false;
        self.offsets = self.back_off(self.offsets, ClientTimer::Coordinator, turn);
    }
}
