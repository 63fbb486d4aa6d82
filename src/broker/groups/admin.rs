//! What administrators ask of groups: ListGroups, DescribeGroups, DeleteGroups (Kafka: `GroupMetadataManager.listGroups`,
//! `describeGroups`, `GroupCoordinatorShard.deleteGroups`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsResponse, DescribeGroupsResponse, GroupId, ListGroupsRequest, ListGroupsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::classic::{ClassicGroup, ClassicMember, ClassicState, text};
use super::consumer::not_described as not_described_as_consumers;
use super::group::{Group, Groups};
use super::offsets::{self, Offsets};
use super::turn::{Outcome, Turn};
use crate::broker::coordinator::Ticket;
use crate::wire::{ClusterImage, Response};

/// Nobody has asked which operations are allowed.
pub(super) const NO_OPERATIONS: i32 = i32::MIN;

/// The groups of a shard that were committed, as the live ones are.
pub(super) fn list(live: &Groups, committed: &Groups, request: &ListGroupsRequest) -> Response {
    let is_wanted = |filter: &[StrBytes], name: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
    };
    let listed = committed.iter().map(|(id, group)| (id, shown(live, id, group)));
    let listed = listed.filter(|(_, group)| {
        is_wanted(&request.states_filter, group.state_name()) && is_wanted(&request.types_filter, group.type_name())
    });
    let groups = listed.map(|(id, group)| {
        ListedGroup::default()
            .with_group_id(GroupId(text(id)))
            .with_protocol_type(text(group.protocol_type()))
            .with_group_state(text(group.state_name()))
            .with_group_type(text(group.type_name()))
    });
    Response::ListGroups(ListGroupsResponse::default().with_groups(groups.collect()))
}

/// Of a classic group its record says little: it is shown as it is now.
fn shown<'a>(live: &'a Groups, id: &str, committed: &'a Group) -> &'a Group {
    match (committed, live.get(id)) {
        (Group::Classic(_), Some(now @ Group::Classic(_))) => now,
        (Group::Classic(_), Some(Group::Consumer(_)) | None) | (Group::Consumer(_), _) => committed,
    }
}

/// A classic group.
pub(super) fn describe(live: &Groups, committed: &Groups, id: &str) -> Response {
    let group = committed.get(id).map(|group| shown(live, id, group));
    described(match group {
        Some(Group::Classic(group)) => describe_classic(group),
        Some(Group::Consumer(_)) => {
            not_described(id, ResponseError::GroupIdNotFound, &format!("Group {id} is not a classic group."))
        }
        None => not_described(id, ResponseError::GroupIdNotFound, &format!("Group {id} not found.")),
    })
}

fn describe_classic(group: &ClassicGroup) -> DescribedGroup {
    let is_stable = group.is_in(ClassicState::Stable);
    let member = |it: &ClassicMember| {
        let answer = DescribedGroupMember::default()
            .with_member_id(text(&it.id))
            .with_group_instance_id(it.instance.as_deref().map(text))
            .with_client_id(text(&it.client_id))
            .with_client_host(text(&it.client_host))
            .with_member_assignment(it.assignment.clone());
        // What members say in a protocol counts once all have it.
        if is_stable { answer.with_member_metadata(it.metadata(group.protocol.as_deref())) } else { answer }
    };
    let protocol = group.protocol.as_deref().filter(|_| is_stable).unwrap_or_default();
    DescribedGroup::default()
        .with_group_id(GroupId(text(&group.id)))
        .with_group_state(text(group.state.name()))
        .with_protocol_type(text(group.protocol_type.as_deref().unwrap_or_default()))
        .with_protocol_data(text(protocol))
        .with_members(group.members.values().map(member).collect())
        .with_authorized_operations(NO_OPERATIONS)
}

fn not_described(id: &str, error: ResponseError, message: &str) -> DescribedGroup {
    DescribedGroup::default()
        .with_group_id(GroupId(text(id)))
        .with_error_code(error.code())
        .with_error_message(Some(text(message)))
        .with_group_state(text("Dead"))
        .with_authorized_operations(NO_OPERATIONS)
}

fn described(group: DescribedGroup) -> Response {
    Response::DescribeGroups(DescribeGroupsResponse::default().with_groups(vec![group]))
}

/// A group that cannot be described.
pub(super) fn refuse_describe(id: &str, error: ResponseError) -> Response {
    let group = DescribedGroup::default().with_group_id(GroupId(text(id))).with_error_code(error.code());
    described(group.with_authorized_operations(NO_OPERATIONS))
}

/// A group without members goes with all that it has committed.
pub(super) fn delete(groups: &Groups, all: &Offsets, id: &str, ticket: Ticket, turn: &mut Turn<'_, '_>) -> Outcome {
    let group = groups.get(id).ok_or(ResponseError::GroupIdNotFound)?;
    group.validate_delete()?;
    offsets::tombstones(all, id).into_iter().chain(group.tombstones()).for_each(|record| turn.write(record));
    turn.answer(ticket, deleted(id, 0));
    Ok(())
}

/// A group that cannot be deleted.
pub(super) fn refuse_delete(id: &str, error: ResponseError) -> Response {
    deleted(id, error.code())
}

fn deleted(id: &str, error: i16) -> Response {
    let result = DeletableGroupResult::default().with_group_id(GroupId(text(id))).with_error_code(error);
    Response::DeleteGroups(DeleteGroupsResponse::default().with_results(vec![result]))
}

/// A consumer group.
pub(super) fn describe_consumers(committed: &Groups, id: &str, image: &ClusterImage) -> Response {
    let error = ResponseError::GroupIdNotFound;
    match committed.get(id) {
        Some(Group::Consumer(group)) => group.describe(image),
        Some(Group::Classic(_)) => {
            not_described_as_consumers(id, error, Some(&format!("Group {id} is not a consumer group.")))
        }
        None => not_described_as_consumers(id, error, Some(&format!("Group {id} not found."))),
    }
}
