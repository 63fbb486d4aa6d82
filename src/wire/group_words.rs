//! What the messages of groups say in a line.

use std::fmt::Display;

use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest,
    DescribeGroupsResponse, GroupId, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, OffsetCommitRequest,
    OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse,
    SyncGroupRequest, SyncGroupResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::content::{TopicNames, Words};
use super::error_name;
use super::words::{Line, counted, of, unless};

/// `group g, member m, generation 3`.
fn member(group: &GroupId, member: &StrBytes, generation: i32) -> String {
    let member = if member.is_empty() { String::new() } else { format!(", member {}", &**member) };
    let generation = if generation < 0 { String::new() } else { format!(", generation {generation}") };
    format!("group {}{member}{generation}", &*group.0)
}

fn groups(names: &[GroupId]) -> String {
    Line::of(names.iter().map(|name| name.0.to_string()))
}

fn offset(topic: impl Display, partition: i32, offset: i64) -> String {
    format!("{topic}-{partition} up to {offset}")
}

impl Words for OffsetCommitRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let mut line = Line::default();
        line.add(&member(&self.group_id, &self.member_id, self.generation_id_or_member_epoch));
        for topic in &self.topics {
            for it in &topic.partitions {
                line.add(&offset(&*topic.name.0, it.partition_index, it.committed_offset));
            }
        }
        line.or("")
    }
}

impl Words for OffsetCommitResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |it| {
                of(format!("{}-{}", &*topic.name.0, it.partition_index), it.error_code, || " committed".to_owned())
            })
        }))
    }
}

impl Words for TxnOffsetCommitRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let mut line = Line::default();
        line.add(&format!("transactional id {}", &*self.transactional_id.0));
        line.add(&member(&self.group_id, &self.member_id, self.generation_id));
        for topic in &self.topics {
            for it in &topic.partitions {
                line.add(&offset(&*topic.name.0, it.partition_index, it.committed_offset));
            }
        }
        line.or("")
    }
}

impl Words for TxnOffsetCommitResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |it| {
                of(format!("{}-{}", &*topic.name.0, it.partition_index), it.error_code, || " pending".to_owned())
            })
        }))
    }
}

impl Words for OffsetFetchRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.groups.iter().map(|group| {
            let topics = group.topics.as_ref().map(|topics| {
                let named = |topic: &kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopics| {
                    format!("{} {:?}", &*topic.name.0, topic.partition_indexes)
                };
                topics.iter().map(named).collect::<Vec<String>>().join(", ")
            });
            // Null asks for all of them.
            format!("group {}, {}", &*group.group_id.0, topics.as_deref().unwrap_or("all topics"))
        }))
    }
}

impl Words for OffsetFetchResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        let mut line = Line::default();
        for group in &self.groups {
            line.add(&error_name(group.error_code));
            for topic in &group.topics {
                for it in &topic.partitions {
                    let name = format!("{}-{}", &*topic.name.0, it.partition_index);
                    line.add(&of(name, it.error_code, || format!(" up to {}", it.committed_offset)));
                }
            }
        }
        line.or("nothing committed")
    }
}

impl Words for OffsetDeleteRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let mut line = Line::default();
        line.add(&format!("group {}", &*self.group_id.0));
        for topic in &self.topics {
            let partitions: Vec<i32> = topic.partitions.iter().map(|it| it.partition_index).collect();
            line.add(&format!("{} {partitions:?}", &*topic.name.0));
        }
        line.or("")
    }
}

impl Words for OffsetDeleteResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        let mut line = Line::default();
        line.add(&error_name(self.error_code));
        for topic in &self.topics {
            for it in &topic.partitions {
                let name = format!("{}-{}", &*topic.name.0, it.partition_index);
                line.add(&of(name, it.error_code, || " deleted".to_owned()));
            }
        }
        line.or("")
    }
}

impl Words for JoinGroupRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let protocols: Vec<&str> = self.protocols.iter().map(|it| &*it.name).collect();
        format!("{}, {}", member(&self.group_id, &self.member_id, -1), protocols.join(", "))
    }
}

impl Words for JoinGroupResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        let leads = if self.leader == self.member_id {
            format!(", leads {}", counted(self.members.len() as i64, "member"))
        } else {
            String::new()
        };
        let of_member = || format!(", generation {}{leads}", self.generation_id);
        of(format!("member {}", &*self.member_id), self.error_code, of_member)
    }
}

impl Words for SyncGroupRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let assigns = match self.assignments.len() {
            0 => String::new(),
            members => format!(", assigns {}", counted(members as i64, "member")),
        };
        format!("{}{assigns}", member(&self.group_id, &self.member_id, self.generation_id))
    }
}

impl Words for SyncGroupResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        unless(self.error_code, || counted(self.assignment.len() as i64, "byte"))
    }
}

impl Words for HeartbeatRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        member(&self.group_id, &self.member_id, self.generation_id)
    }
}

impl Words for HeartbeatResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        error_name(self.error_code)
    }
}

impl Words for LeaveGroupRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let mut line = Line::default();
        line.add(&format!("group {}", &*self.group_id.0));
        for it in &self.members {
            let instance = it.group_instance_id.as_ref().map(|id| format!("instance {}", &**id)).unwrap_or_default();
            line.add(if it.member_id.is_empty() { &instance } else { &it.member_id });
        }
        line.or("")
    }
}

impl Words for LeaveGroupResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        let mut line = Line::default();
        line.add(&error_name(self.error_code));
        self.members.iter().for_each(|it| line.add(&of(&*it.member_id, it.error_code, || " has left".to_owned())));
        line.or("")
    }
}

impl Words for DescribeGroupsRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        groups(&self.groups)
    }
}

impl Words for DescribeGroupsResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.groups.iter().map(|group| {
            let members = || format!(": {}, {}", &*group.group_state, counted(group.members.len() as i64, "member"));
            of(&*group.group_id.0, group.error_code, members)
        }))
    }
}

impl Words for ListGroupsRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        let filters = self.states_filter.iter().chain(&self.types_filter);
        Line::of(filters.map(ToString::to_string))
    }
}

impl Words for ListGroupsResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        let group = |it: &kafka_protocol::messages::list_groups_response::ListedGroup| {
            format!("{}: {} {}", &*it.group_id.0, &*it.group_type, &*it.group_state)
        };
        unless(self.error_code, || Line::of(self.groups.iter().map(group)))
    }
}

impl Words for DeleteGroupsRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        groups(&self.groups_names)
    }
}

impl Words for DeleteGroupsResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.results.iter().map(|it| of(&*it.group_id.0, it.error_code, || " deleted".to_owned())))
    }
}

impl Words for ConsumerGroupHeartbeatRequest {
    fn words(&self, names: &dyn TopicNames) -> String {
        let mut line = Line::default();
        line.add(&format!("group {}, member {}, epoch {}", &*self.group_id.0, &*self.member_id, self.member_epoch));
        for it in self.topic_partitions.iter().flatten() {
            line.add(&format!("has {} {:?}", names.topic_name(it.topic_id), it.partitions));
        }
        line.or("")
    }
}

impl Words for ConsumerGroupHeartbeatResponse {
    fn words(&self, names: &dyn TopicNames) -> String {
        unless(self.error_code, || {
            let mut line = Line::default();
            line.add(&format!("epoch {}", self.member_epoch));
            for it in self.assignment.iter().flat_map(|assignment| &assignment.topic_partitions) {
                line.add(&format!("{} {:?}", names.topic_name(it.topic_id), it.partitions));
            }
            line.or("")
        })
    }
}

impl Words for ConsumerGroupDescribeRequest {
    fn words(&self, _: &dyn TopicNames) -> String {
        groups(&self.group_ids)
    }
}

impl Words for ConsumerGroupDescribeResponse {
    fn words(&self, _: &dyn TopicNames) -> String {
        Line::of(self.groups.iter().map(|group| {
            let members = || format!(": {}, {}", &*group.group_state, counted(group.members.len() as i64, "member"));
            of(&*group.group_id.0, group.error_code, members)
        }))
    }
}
