//! What clients of older versions say and are told (Kafka: the `Builder`s and constructors of its requests and responses,
//! `KafkaApis`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsResponse, OffsetFetchRequest,
    OffsetFetchResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::request::GroupRequest;
use crate::wire::{Request, Response};

/// The version of JoinGroup that lets a member come again with its id (KIP-394).
pub(super) const JOIN_WITH_ID: i16 = 4;
/// The version of JoinGroup that names the type of a protocol, and may name none.
const JOIN_WITH_TYPE: i16 = 7;
/// The version of JoinGroup that lets a leader leave the assignment as it is.
pub(super) const JOIN_WITH_SKIP: i16 = 9;
/// The version of SyncGroup that names the protocol.
pub(super) const SYNC_WITH_PROTOCOL: i16 = 5;
/// The version of LeaveGroup that takes several members.
const LEAVE_OF_SEVERAL: i16 = 3;
/// The version of OffsetFetch that takes several groups.
const FETCH_OF_SEVERAL: i16 = 8;
/// The version of ListGroups that tells states.
const LIST_WITH_STATE: i16 = 4;
/// The version of ListGroups that tells types.
const LIST_WITH_TYPE: i16 = 5;
/// The version of DescribeGroups that tells that there is no such group.
const DESCRIBE_WITH_NOT_FOUND: i16 = 6;

/// What an older version says, as the newest says it; `None` where that is the same.
pub(super) fn modern(request: GroupRequest<'_>, version: i16) -> Option<Request> {
    match request {
        GroupRequest::LeaveGroup(it) if version < LEAVE_OF_SEVERAL => Some(Request::LeaveGroup(of_members(it))),
        GroupRequest::OffsetFetch(it) if version < FETCH_OF_SEVERAL => Some(Request::OffsetFetch(of_groups(it))),
        GroupRequest::OffsetCommit(_)
        | GroupRequest::OffsetFetch(_)
        | GroupRequest::OffsetDelete(_)
        | GroupRequest::TxnOffsetCommit(_)
        | GroupRequest::JoinGroup(_)
        | GroupRequest::SyncGroup(_)
        | GroupRequest::Heartbeat(_)
        | GroupRequest::LeaveGroup(_)
        | GroupRequest::ListGroups(_)
        | GroupRequest::DescribeGroups(_)
        | GroupRequest::DeleteGroups(_)
        | GroupRequest::ConsumerGroupHeartbeat(_)
        | GroupRequest::ConsumerGroupDescribe(_) => None,
    }
}

fn of_members(request: &LeaveGroupRequest) -> LeaveGroupRequest {
    let member = MemberIdentity::default().with_member_id(request.member_id.clone());
    LeaveGroupRequest::default().with_group_id(request.group_id.clone()).with_members(vec![member])
}

fn of_groups(request: &OffsetFetchRequest) -> OffsetFetchRequest {
    let topic = |it: &OffsetFetchRequestTopic| {
        let topic = OffsetFetchRequestTopics::default().with_name(it.name.clone());
        topic.with_partition_indexes(it.partition_indexes.clone())
    };
    let topics = request.topics.as_ref().map(|topics| topics.iter().map(topic).collect());
    let group = OffsetFetchRequestGroup::default().with_group_id(request.group_id.clone()).with_topics(topics);
    OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(request.require_stable)
}

/// An answer as a request of this version has room for it.
pub(super) fn dated(response: Response, version: i16) -> Response {
    if let Response::JoinGroup(it) = response {
        return Response::JoinGroup(if version < JOIN_WITH_SKIP { dated_join(it, version) } else { it });
    }
    if let Response::SyncGroup(it) = response {
        let is_older = version < SYNC_WITH_PROTOCOL;
        return Response::SyncGroup(if is_older { it.with_protocol_type(None).with_protocol_name(None) } else { it });
    }
    if let Response::LeaveGroup(it) = response {
        return Response::LeaveGroup(if version < LEAVE_OF_SEVERAL { of_one_member(&it) } else { it });
    }
    if let Response::OffsetFetch(it) = response {
        return Response::OffsetFetch(if version < FETCH_OF_SEVERAL { of_one_group(it) } else { it });
    }
    if let Response::ListGroups(it) = response {
        return Response::ListGroups(if version < LIST_WITH_TYPE { dated_list(it, version) } else { it });
    }
    if let Response::DescribeGroups(mut it) = response {
        for group in it.groups.iter_mut().filter(|_| version < DESCRIBE_WITH_NOT_FOUND) {
            group.error_message = None;
            if group.error_code == ResponseError::GroupIdNotFound.code() {
                group.error_code = 0;
            }
        }
        return Response::DescribeGroups(it);
    }
    response
}

fn dated_join(mut response: JoinGroupResponse, version: i16) -> JoinGroupResponse {
    response.skip_assignment = false;
    if version < JOIN_WITH_TYPE {
        response.protocol_type = None;
        response.protocol_name = Some(response.protocol_name.unwrap_or_default());
    }
    response
}

fn of_one_member(response: &LeaveGroupResponse) -> LeaveGroupResponse {
    let of_member = response.members.first().map_or(0, |member| member.error_code);
    let error = if response.error_code == 0 { of_member } else { response.error_code };
    LeaveGroupResponse::default().with_error_code(error)
}

fn dated_list(mut response: ListGroupsResponse, version: i16) -> ListGroupsResponse {
    for group in &mut response.groups {
        group.group_type = StrBytes::default();
        if version < LIST_WITH_STATE {
            group.group_state = StrBytes::default();
        }
    }
    response
}

fn of_one_group(mut response: OffsetFetchResponse) -> OffsetFetchResponse {
    let partition = |it: OffsetFetchResponsePartitions| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(it.partition_index)
            .with_committed_offset(it.committed_offset)
            .with_committed_leader_epoch(it.committed_leader_epoch)
            .with_metadata(it.metadata)
            .with_error_code(it.error_code)
    };
    let topic = |it: OffsetFetchResponseTopics| {
        let partitions = it.partitions.into_iter().map(partition).collect();
        OffsetFetchResponseTopic::default().with_name(it.name).with_partitions(partitions)
    };
    let group = response.groups.pop().expect("a request of an older version is of one group");
    let topics = group.topics.into_iter().map(topic).collect();
    OffsetFetchResponse::default().with_topics(topics).with_error_code(group.error_code)
}
