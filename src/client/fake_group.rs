//! A scripted coordinator for the tests of members: it takes whoever comes, and has an error for some requests.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatResponse, HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, OffsetCommitResponse,
    OffsetFetchResponse, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::wire::{Api, Request, Response};

/// How often members of KIP-848 are to report.
const INTERVAL_MS: i32 = 1_000;

/// A group of one member.
#[derive(Clone, Debug, Default)]
pub(super) struct FakeGroup {
    /// Used up one for each request of an API: the error, 0 for none.
    pub(super) errors: BTreeMap<u16, VecDeque<i16>>,
    /// The generation, or epoch, of the last one that has joined.
    pub(super) generation: i32,
    ids: u32,
    /// What was asked for, in words; heartbeats of the same kind one after another are one.
    pub(super) asked: Vec<String>,
}

impl FakeGroup {
    /// One that answers so to the first requests of an API.
    pub(super) fn with(api: Api, errors: impl IntoIterator<Item = i16>) -> Self {
        Self { errors: [(api.number(), errors.into_iter().collect())].into(), ..Self::default() }
    }

    fn next_error(&mut self, api: Api) -> i16 {
        self.errors.get_mut(&api.number()).and_then(VecDeque::pop_front).unwrap_or(0)
    }

    fn hear(&mut self, text: String) {
        let is_beat = text.starts_with("beat") || text.starts_with("report") && !text.contains(" with ");
        if !is_beat || self.asked.last() != Some(&text) {
            self.asked.push(text);
        }
    }

    /// `None` for what is no request to a coordinator of groups.
    pub(super) fn answer(&mut self, request: &Request, topic: Uuid) -> Option<Response> {
        const ITS: [Api; 7] = [
            Api::JoinGroup,
            Api::SyncGroup,
            Api::Heartbeat,
            Api::LeaveGroup,
            Api::OffsetCommit,
            Api::OffsetFetch,
            Api::ConsumerGroupHeartbeat,
        ];
        if !ITS.contains(&request.api()) {
            return None;
        }
        Some(match request {
            Request::JoinGroup(it) => {
                self.hear(format!("join as '{}'", it.member_id));
                let mut error = self.next_error(Api::JoinGroup);
                let mut response = JoinGroupResponse::default().with_member_id(it.member_id.clone());
                if error == 0 && it.member_id.is_empty() && it.group_instance_id.is_none() {
                    self.ids += 1;
                    error = 79;
                    response = response.with_member_id(StrBytes::from_string(format!("m{}", self.ids)));
                } else if error == 0 {
                    self.generation += 1;
                    let protocol = &it.protocols[0];
                    let member = JoinGroupResponseMember::default().with_member_id(it.member_id.clone());
                    response = response
                        .with_generation_id(self.generation)
                        .with_protocol_name(Some(protocol.name.clone()))
                        .with_leader(it.member_id.clone())
                        .with_members(vec![member.with_metadata(protocol.metadata.clone())]);
                }
                Response::JoinGroup(response.with_error_code(error))
            }
            Request::SyncGroup(it) => {
                self.hear(format!("sync {}", it.generation_id));
                let error = self.next_error(Api::SyncGroup);
                let assignment = it.assignments.first().map_or(Bytes::new(), |it| it.assignment.clone());
                Response::SyncGroup(SyncGroupResponse::default().with_error_code(error).with_assignment(assignment))
            }
            Request::Heartbeat(it) => {
                self.hear(format!("beat {}", it.generation_id));
                let error = self.next_error(Api::Heartbeat);
                Response::Heartbeat(HeartbeatResponse::default().with_error_code(error))
            }
            Request::LeaveGroup(_) => {
                self.hear("leave".to_owned());
                Response::LeaveGroup(LeaveGroupResponse::default())
            }
            Request::OffsetCommit(it) => {
                let offset = it.topics[0].partitions[0].committed_offset;
                self.hear(format!("commit {offset} in {}", it.generation_id_or_member_epoch));
                let error = self.next_error(Api::OffsetCommit);
                let partition = OffsetCommitResponsePartition::default().with_error_code(error);
                let topic = OffsetCommitResponseTopic::default().with_name(it.topics[0].name.clone());
                let topics = vec![topic.with_partitions(vec![partition])];
                Response::OffsetCommit(OffsetCommitResponse::default().with_topics(topics))
            }
            Request::OffsetFetch(it) => {
                self.hear("offsets".to_owned());
                let error = self.next_error(Api::OffsetFetch);
                let asked = it.groups[0].topics.as_ref().map_or(&[][..], Vec::as_slice);
                let of_topic = |topic: &kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopics| {
                    let partitions = topic.partition_indexes.iter().map(|partition| {
                        OffsetFetchResponsePartitions::default()
                            .with_partition_index(*partition)
                            .with_committed_offset(-1)
                            .with_committed_leader_epoch(-1)
                    });
                    OffsetFetchResponseTopics::default()
                        .with_name(topic.name.clone())
                        .with_partitions(partitions.collect())
                };
                let topics = if error == 0 { asked.iter().map(of_topic).collect() } else { Vec::new() };
                let group = OffsetFetchResponseGroup::default().with_error_code(error).with_topics(topics);
                Response::OffsetFetch(OffsetFetchResponse::default().with_groups(vec![group]))
            }
            Request::ConsumerGroupHeartbeat(it) => {
                let owned =
                    it.topic_partitions.as_ref().map(|it| it.iter().map(|it| it.partitions.len()).sum::<usize>());
                let said = owned.map_or(String::new(), |owned| format!(" with {owned}"));
                self.hear(format!("report {}{said}", it.member_epoch));
                let error = self.next_error(Api::ConsumerGroupHeartbeat);
                let response = ConsumerGroupHeartbeatResponse::default()
                    .with_error_code(error)
                    .with_heartbeat_interval_ms(INTERVAL_MS)
                    .with_member_epoch(it.member_epoch);
                let response = if it.member_epoch == 0 && error == 0 {
                    self.generation += 1;
                    let partitions = TopicPartitions::default().with_topic_id(topic).with_partitions(vec![0]);
                    let assignment = Assignment::default().with_topic_partitions(vec![partitions]);
                    response.with_member_epoch(self.generation).with_assignment(Some(assignment))
                } else {
                    response
                };
                Response::ConsumerGroupHeartbeat(response)
            }
            other => panic!("a scripted coordinator of groups knows no {:?}", other.api()),
        })
    }
}
