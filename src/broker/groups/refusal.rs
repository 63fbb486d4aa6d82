//! The answers to requests of groups that could not be served (Kafka: `handleOperationException` of
//! `GroupCoordinatorService`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatResponse, HeartbeatResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsResponse,
    OffsetDeleteResponse,
};

use super::admin;
use super::classic::{refused_join, refused_sync};
use super::consumer::not_described;
use super::offsets;
use super::request::GroupRequest;
use crate::wire::Response;

pub(super) fn refusal(request: GroupRequest<'_>, error: ResponseError) -> Response {
    let code = error.code();
    match request {
        GroupRequest::OffsetCommit(it) => offsets::refuse_commit(it, error),
        GroupRequest::TxnOffsetCommit(it) => offsets::refuse_transactional_commit(it, error),
        // A request of several groups, or of none, is refused part by part.
        GroupRequest::OffsetFetch(it) => offsets::refuse_fetch(&it.groups[0], error),
        GroupRequest::OffsetDelete(_) => Response::OffsetDelete(OffsetDeleteResponse::default().with_error_code(code)),
        GroupRequest::JoinGroup(it) => refused_join(&it.member_id, error),
        GroupRequest::SyncGroup(_) => refused_sync(error),
        GroupRequest::Heartbeat(_) => {
            // Whoever is a member will be known as one once the group is loaded.
            let code = if error == ResponseError::CoordinatorLoadInProgress { 0 } else { code };
            Response::Heartbeat(HeartbeatResponse::default().with_error_code(code))
        }
        GroupRequest::LeaveGroup(it) => refuse_leave(it, error),
        GroupRequest::ConsumerGroupHeartbeat(_) => {
            Response::ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse::default().with_error_code(code))
        }
        GroupRequest::DescribeGroups(it) => admin::refuse_describe(&it.groups[0].0, error),
        GroupRequest::DeleteGroups(it) => admin::refuse_delete(&it.groups_names[0].0, error),
        GroupRequest::ConsumerGroupDescribe(it) => not_described(&it.group_ids[0].0, error, None),
        GroupRequest::ListGroups(_) => Response::ListGroups(ListGroupsResponse::default().with_error_code(code)),
    }
}

/// Where there is no such group, its members are unknown.
fn refuse_leave(request: &LeaveGroupRequest, error: ResponseError) -> Response {
    if error != ResponseError::UnknownMemberId {
        return Response::LeaveGroup(LeaveGroupResponse::default().with_error_code(error.code()));
    }
    let members = request.members.iter().map(|member| {
        MemberResponse::default()
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
            .with_error_code(error.code())
    });
    Response::LeaveGroup(LeaveGroupResponse::default().with_members(members.collect()))
}
