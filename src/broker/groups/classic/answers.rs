//! The answers of classic groups.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupResponse, SyncGroupResponse};
use kafka_protocol::protocol::StrBytes;

use super::group::ClassicGroup;
use super::member::ClassicMember;
use crate::wire::Response;

pub(in crate::broker::groups) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn optional(it: Option<&str>) -> Option<StrBytes> {
    it.map(text)
}

/// A JoinGroup that comes to nothing.
pub(in crate::broker::groups) fn refused_join(member: &str, error: ResponseError) -> Response {
    let response = JoinGroupResponse::default().with_generation_id(-1).with_protocol_name(None);
    Response::JoinGroup(response.with_member_id(text(member)).with_error_code(error.code()))
}

/// A JoinGroup that has brought a member into the generation.
pub(super) fn joined(group: &ClassicGroup, member: &str, members: Vec<JoinGroupResponseMember>) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_member_id(text(member))
        .with_generation_id(group.generation)
        .with_protocol_type(optional(group.protocol_type.as_deref()))
        .with_protocol_name(optional(group.protocol.as_deref()))
        .with_leader(text(group.leader.as_deref().unwrap_or_default()))
        .with_members(members)
}

/// All members as their leader is told of them.
pub(super) fn members(group: &ClassicGroup) -> Vec<JoinGroupResponseMember> {
    let member = |it: &ClassicMember| {
        JoinGroupResponseMember::default()
            .with_member_id(text(&it.id))
            .with_group_instance_id(optional(it.instance.as_deref()))
            .with_metadata(it.metadata(group.protocol.as_deref()))
    };
    group.members.values().map(member).collect()
}

/// A SyncGroup that comes to nothing.
pub(in crate::broker::groups) fn refused_sync(error: ResponseError) -> Response {
    Response::SyncGroup(SyncGroupResponse::default().with_error_code(error.code()))
}

/// What a member is assigned.
pub(super) fn synced(group: &ClassicGroup, member: &ClassicMember) -> Response {
    let response = SyncGroupResponse::default()
        .with_protocol_type(optional(group.protocol_type.as_deref()))
        .with_protocol_name(optional(group.protocol.as_deref()))
        .with_assignment(member.assignment.clone());
    Response::SyncGroup(response)
}
