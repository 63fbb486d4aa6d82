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
        let request = self.offset_fetch(&places);
        self.offsets_asked = true;
        let tag = Tag::Group(GroupTag::Offsets(places));
        turn.network.send(node, Request::OffsetFetch(request), tag, turn.context);
    }

    /// The program is in `committed()`.
    pub(in crate::client::consumer) fn tell_offsets(&mut self, places: Vec<Place>, turn: &mut Turn<'_, '_>) {
        self.to_tell = Some(places);
        self.go_on_telling(turn);
    }

    /// Asks once the coordinator is known, and again where it has failed.
    pub(super) fn go_on_telling(&mut self, turn: &mut Turn<'_, '_>) {
        if self.to_tell.is_none() || self.offsets.not_before > turn.now() || !self.is_coordinator_known(turn) {
            return;
        }
        // As above.
        let Some(node) = self.node.filter(|node| turn.network.is_ready(*node, turn.context)) else { return };
        let places = self.to_tell.take().expect("it was just looked at");
        let request = self.offset_fetch(&places);
        let tag = Tag::Group(GroupTag::Asked(places));
        turn.network.send(node, Request::OffsetFetch(request), tag, turn.context);
    }

    fn offset_fetch(&self, places: &[Place]) -> OffsetFetchRequest {
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in places {
            topics.entry(topic).or_default().push(*partition);
        }
        let topics = topics.into_iter().map(|(topic, partitions)| {
            OffsetFetchRequestTopics::default().with_name(TopicName(text(topic))).with_partition_indexes(partitions)
        });
        let mut group =
            OffsetFetchRequestGroup::default().with_group_id(self.group_id()).with_topics(Some(topics.collect()));
        if let (Some(_), (id, epoch @ 1..)) = (&self.membership, self.known_as()) {
            group = group.with_member_id(Some(text(id))).with_member_epoch(epoch);
        }
        // What a transaction may yet change is waited for (KIP-447).
        let stable = !self.network.without.lacks(Fix::Kip447RequireStable);
        OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(stable)
    }

    pub(super) fn offsets_answered(
        &mut self,
        (asked, is_told): (Vec<Place>, bool),
        response: &OffsetFetchResponse,
        turn: &mut Turn<'_, '_>,
    ) {
        let group = response.groups.first().expect("a coordinator answers for each group");
        let partitions = || group.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |it| (topic, it)));
        let codes = std::iter::once(group.error_code).chain(partitions().map(|(_, it)| it.error_code));
        match codes.into_iter().find_map(ResponseError::try_from_code) {
            None => {
                self.offsets_asked &= is_told;
                self.offsets = Retry::default();
                let found = partitions().map(|(topic, it)| Committed {
                    place: (topic.name.0.to_string(), it.partition_index),
                    offset: it.committed_offset,
                    epoch: it.committed_leader_epoch,
                    metadata: it.metadata.as_ref().map(ToString::to_string).unwrap_or_default(),
                });
                let found: Vec<Committed> = found.filter(|found| asked.contains(&found.place)).collect();
                self.heard.push_back(if is_told { Heard::Told(found) } else { Heard::Found(found) });
            }
            Some(ResponseError::NotCoordinator) => {
                self.asked_in_vain(asked, is_told);
                self.offsets_failed(turn);
                self.forget_coordinator(turn);
            }
            // COORDINATOR_LOAD_IN_PROGRESS and UNSTABLE_OFFSET_COMMIT may pass. Of a topic that is gone Kafka's consumer tells
            // its program, which polls again.
            Some(_) => {
                self.asked_in_vain(asked, is_told);
                self.offsets_failed(turn);
            }
        }
    }

    /// What the program waits for is asked again.
    pub(super) fn asked_in_vain(&mut self, asked: Vec<Place>, is_told: bool) {
        if is_told {
            self.to_tell = Some(asked);
        }
    }

    pub(super) fn offsets_failed(&mut self, turn: &mut Turn<'_, '_>) {
        self.offsets_asked = false;
        self.offsets = self.back_off(self.offsets, ClientTimer::Coordinator, turn);
    }
}
