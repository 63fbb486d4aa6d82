//! ConsumerGroupDescribe of one group (Kafka: `ConsumerGroup.asDescribedGroup`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::consumer_group_describe_response::{Assignment, DescribedGroup, Member, TopicPartitions};
use kafka_protocol::messages::{ConsumerGroupDescribeResponse, GroupId, TopicName};
use uuid::Uuid;

use super::super::classic::text;
use super::group::ConsumerGroup;
use super::member::ConsumerMember;
use super::target::assignor_of;
use crate::wire::{ClusterImage, Response};

/// Nobody has asked which operations are allowed.
const NO_OPERATIONS: i32 = i32::MIN;
/// A member that speaks the classic protocol, and one of the consumer protocol.
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

impl ConsumerGroup {
    pub(in crate::broker::groups) fn describe(&self, image: &ClusterImage) -> Response {
        let group = DescribedGroup::default()
            .with_group_id(GroupId(text(&self.id)))
            .with_group_state(text(self.state_name()))
            .with_group_epoch(self.epoch)
            .with_assignment_epoch(self.target.epoch)
            .with_assignor_name(text(assignor_of(self.members.values())))
            .with_members(self.members.values().map(|member| self.describe_member(member, image)).collect());
        described(group)
    }

    fn describe_member(&self, member: &ConsumerMember, image: &ClusterImage) -> Member {
        let said = &member.said;
        let assigned = member.assigned.iter().map(|(topic, it)| (*topic, it.keys().copied().collect()));
        let target = self.targets.get(&member.id).into_iter().flatten();
        let target = target.map(|(topic, it)| (*topic, it.iter().copied().collect()));
        Member::default()
            .with_member_id(text(&member.id))
            .with_instance_id(said.instance.as_deref().map(text))
            .with_rack_id(said.rack.as_deref().map(text))
            .with_member_epoch(member.epoch)
            .with_client_id(text(&said.client_id))
            .with_client_host(text(&said.client_host))
            .with_subscribed_topic_names(said.topics.iter().map(|name| TopicName(text(name))).collect())
            .with_subscribed_topic_regex(said.regex.as_deref().map(text))
            .with_assignment(assignment(assigned, image))
            .with_target_assignment(assignment(target, image))
            .with_member_type(if member.is_classic() { CLASSIC } else { CONSUMER })
    }
}

/// Topics that are gone are left out: nobody knows their names.
fn assignment(topics: impl Iterator<Item = (Uuid, Vec<i32>)>, image: &ClusterImage) -> Assignment {
    let named = topics.filter_map(|(id, partitions)| {
        let name = image.topics.name_of(image.topics.with_id(id)?);
        let topic = TopicPartitions::default().with_topic_id(id).with_topic_name(TopicName(text(name)));
        Some(topic.with_partitions(partitions))
    });
    Assignment::default().with_topic_partitions(named.collect())
}

/// A group of which none can be described.
pub(in crate::broker::groups) fn not_described(id: &str, error: ResponseError, message: Option<&str>) -> Response {
    let group = DescribedGroup::default().with_group_id(GroupId(text(id))).with_error_code(error.code());
    described(group.with_error_message(message.map(text)))
}

fn described(group: DescribedGroup) -> Response {
    let groups = vec![group.with_authorized_operations(NO_OPERATIONS)];
    Response::ConsumerGroupDescribe(ConsumerGroupDescribeResponse::default().with_groups(groups))
}
