//! Requests of several groups: each is asked for on its own, and the answers are one (Kafka: `GroupCoordinatorService`, which
//! groups them by partition).

use kafka_protocol::messages::{
    ConsumerGroupDescribeResponse, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsResponse,
    ListGroupsResponse, OffsetFetchResponse,
};

use super::request::GroupRequest;
use crate::wire::{Request, Response};

/// One request for each group; `None` for what is of one alone, or of all.
pub(super) fn split(request: GroupRequest<'_>) -> Option<Vec<Request>> {
    Some(match request {
        GroupRequest::DescribeGroups(it) => {
            let one = |group| Request::DescribeGroups(it.clone().with_groups(vec![group]));
            it.groups.iter().cloned().map(one).collect()
        }
        GroupRequest::DeleteGroups(it) => {
            let one = |group| Request::DeleteGroups(DeleteGroupsRequest::default().with_groups_names(vec![group]));
            it.groups_names.iter().cloned().map(one).collect()
        }
        GroupRequest::ConsumerGroupDescribe(it) => {
            let one = |group| Request::ConsumerGroupDescribe(it.clone().with_group_ids(vec![group]));
            it.group_ids.iter().cloned().map(one).collect()
        }
        GroupRequest::OffsetFetch(it) => {
            let one = |group| Request::OffsetFetch(it.clone().with_groups(vec![group]));
            it.groups.iter().cloned().map(one).collect()
        }
        GroupRequest::OffsetCommit(_)
        | GroupRequest::OffsetDelete(_)
        | GroupRequest::TxnOffsetCommit(_)
        | GroupRequest::JoinGroup(_)
        | GroupRequest::SyncGroup(_)
        | GroupRequest::Heartbeat(_)
        | GroupRequest::LeaveGroup(_)
        | GroupRequest::ListGroups(_)
        | GroupRequest::ConsumerGroupHeartbeat(_) => return None,
    })
}

/// The answers in the order of the groups.
pub(super) fn join(request: GroupRequest<'_>, parts: Vec<Response>) -> Response {
    macro_rules! all {
        ($api:ident, $response:ident, $list:ident) => {{
            let mut all = $response::default();
            for part in parts {
                let Response::$api(part) = part else { unreachable!("a part is answered as the whole") };
                all.$list.extend(part.$list);
            }
            Response::$api(all)
        }};
    }
    match request {
        GroupRequest::DescribeGroups(_) => all!(DescribeGroups, DescribeGroupsResponse, groups),
        GroupRequest::DeleteGroups(_) => all!(DeleteGroups, DeleteGroupsResponse, results),
        GroupRequest::ConsumerGroupDescribe(_) => all!(ConsumerGroupDescribe, ConsumerGroupDescribeResponse, groups),
        GroupRequest::OffsetFetch(_) => all!(OffsetFetch, OffsetFetchResponse, groups),
        GroupRequest::ListGroups(_) => all!(ListGroups, ListGroupsResponse, groups),
        GroupRequest::OffsetCommit(_)
        | GroupRequest::OffsetDelete(_)
        | GroupRequest::TxnOffsetCommit(_)
        | GroupRequest::JoinGroup(_)
        | GroupRequest::SyncGroup(_)
        | GroupRequest::Heartbeat(_)
        | GroupRequest::LeaveGroup(_)
        | GroupRequest::ConsumerGroupHeartbeat(_) => {
            unreachable!("{request:?} has no parts")
        }
    }
}
