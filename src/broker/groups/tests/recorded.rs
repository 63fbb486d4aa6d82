//! What a real 4.3.1 answered, step by step.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
    SyncGroupRequest, TopicName,
};

use super::bench::{Bench, text};
use crate::wire::{Request, Response};

/// What a consumer of version 1 says of a subscription to `ce`.
const SUBSCRIPTION: &[u8] = b"\x00\x01\x00\x00\x00\x01\x00\x02ce\xff\xff\xff\xff\x00\x00\x00\x00";
const ASSIGNMENT: &[u8] = b"\x00\x01\x00\x00\x00\x00\xff\xff\xff\xff";

const NONE: i16 = 0;
const ILLEGAL_GENERATION: i16 = ResponseError::IllegalGeneration.code();
const UNKNOWN_MEMBER: i16 = ResponseError::UnknownMemberId.code();

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

fn bench() -> Bench {
    let mut bench = Bench::new(&[("ce", 1), ("ag", 2)]);
    bench.settings.groups.initial_rebalance_delay_ms = 0;
    bench.settings.groups.min_session_timeout_ms = 1_000;
    bench
}

fn join(bench: &mut Bench, name: &str, member: &str) -> JoinGroupResponse {
    let protocol =
        JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(Bytes::from_static(SUBSCRIPTION));
    let request = JoinGroupRequest::default()
        .with_group_id(group(name))
        .with_member_id(text(member))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(3_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    let number = bench.ask(Request::JoinGroup(request));
    bench.sleep(0);
    let Response::JoinGroup(answer) = bench.answer(number) else { panic!("a join's") };
    answer
}

fn sync(bench: &mut Bench, name: &str, member: &str) -> (i16, Bytes) {
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(text(member))
        .with_assignment(Bytes::from_static(ASSIGNMENT));
    let request = SyncGroupRequest::default()
        .with_group_id(group(name))
        .with_generation_id(1)
        .with_member_id(text(member))
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(vec![assignment]);
    let Response::SyncGroup(answer) = bench.call(Request::SyncGroup(request)) else { panic!("a sync's") };
    (answer.error_code, answer.assignment)
}

fn heartbeat(bench: &mut Bench, name: &str, member: &str, generation: i32) -> i16 {
    let request = HeartbeatRequest::default().with_group_id(group(name)).with_generation_id(generation);
    let response = bench.call(Request::Heartbeat(request.with_member_id(text(member))));
    let Response::Heartbeat(answer) = response else { panic!("a heartbeat's") };
    answer.error_code
}

fn commit(bench: &mut Bench, name: &str, member: &str, generation: i32, topic: &str, offset: i64) -> i16 {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_leader_epoch(-1)
        .with_committed_metadata(Some(text("m")));
    let topics =
        vec![OffsetCommitRequestTopic::default().with_name(TopicName(text(topic))).with_partitions(vec![partition])];
    let request = OffsetCommitRequest::default()
        .with_group_id(group(name))
        .with_member_id(text(member))
        .with_generation_id_or_member_epoch(generation)
        .with_topics(topics);
    let Response::OffsetCommit(answer) = bench.call(Request::OffsetCommit(request)) else { panic!("a commit's") };
    answer.topics[0].partitions[0].error_code
}

fn leave(bench: &mut Bench, name: &str, member: &str) -> i16 {
    let members = vec![MemberIdentity::default().with_member_id(text(member))];
    let request = LeaveGroupRequest::default().with_group_id(group(name)).with_members(members);
    let Response::LeaveGroup(answer) = bench.call(Request::LeaveGroup(request)) else { panic!("a leave's") };
    assert_eq!(answer.error_code, NONE);
    answer.members[0].error_code
}

/// All that is committed, as topic, partition, offset.
fn fetch(bench: &mut Bench, name: &str, topic: Option<&str>) -> Vec<(String, i32, i64)> {
    let topics = topic.map(|topic| {
        vec![OffsetFetchRequestTopics::default().with_name(TopicName(text(topic))).with_partition_indexes(vec![0])]
    });
    let asked = OffsetFetchRequestGroup::default().with_group_id(group(name)).with_topics(topics);
    let request = OffsetFetchRequest::default().with_groups(vec![asked]);
    let Response::OffsetFetch(answer) = bench.call(Request::OffsetFetch(request)) else { panic!("a fetch's") };
    let topics = answer.groups[0].topics.iter();
    let of_topic = topics.flat_map(|topic| {
        let name = topic.name.0.to_string();
        topic.partitions.iter().map(move |it| (name.clone(), it.partition_index, it.committed_offset))
    });
    of_topic.collect()
}

fn delete_offset(bench: &mut Bench, name: &str) -> i16 {
    let partitions = vec![OffsetDeleteRequestPartition::default()];
    let topics = vec![OffsetDeleteRequestTopic::default().with_name(TopicName(text("ce"))).with_partitions(partitions)];
    let request = OffsetDeleteRequest::default().with_group_id(group(name)).with_topics(topics);
    let Response::OffsetDelete(answer) = bench.call(Request::OffsetDelete(request)) else { panic!("a deletion's") };
    assert_eq!(answer.error_code, NONE);
    answer.topics[0].partitions[0].error_code
}

fn delete_group(bench: &mut Bench, name: &str) -> i16 {
    let request = DeleteGroupsRequest::default().with_groups_names(vec![group(name)]);
    let Response::DeleteGroups(answer) = bench.call(Request::DeleteGroups(request)) else { panic!("a deletion's") };
    answer.results[0].error_code
}

#[test]
fn commits_to_groups_of_every_kind() {
    let mut bench = bench();
    assert_eq!(commit(&mut bench, "g-simple", "", -1, "ce", 1), NONE);
    assert_eq!(commit(&mut bench, "g-none", "nobody", 5, "ce", 1), ResponseError::GroupIdNotFound.code());
    let first = join(&mut bench, "g-raw", "");
    assert_eq!((first.error_code, first.generation_id), (ResponseError::MemberIdRequired.code(), -1));
    let me = first.member_id.to_string();
    let joined = join(&mut bench, "g-raw", &me);
    assert_eq!((joined.error_code, joined.generation_id, &*joined.leader), (NONE, 1, &*me));
    assert_eq!(joined.members[0].metadata, SUBSCRIPTION);
    assert_eq!(heartbeat(&mut bench, "g-raw", &me, 1), NONE);
    assert_eq!(commit(&mut bench, "g-raw", &me, 1, "ce", 1), ResponseError::RebalanceInProgress.code());
    assert_eq!(sync(&mut bench, "g-raw", &me), (NONE, Bytes::from_static(ASSIGNMENT)));
    assert_eq!(heartbeat(&mut bench, "g-raw", &me, 1), NONE);
    assert_eq!(heartbeat(&mut bench, "g-raw", &me, 2), ILLEGAL_GENERATION);
    assert_eq!(heartbeat(&mut bench, "g-raw", "x", 1), UNKNOWN_MEMBER);
    assert_eq!(heartbeat(&mut bench, "g-zzz", "x", 1), UNKNOWN_MEMBER);
    assert_eq!(heartbeat(&mut bench, "", "x", 1), ResponseError::InvalidGroupId.code());
    assert_eq!(commit(&mut bench, "g-raw", &me, 1, "ce", 1), NONE);
    assert_eq!(commit(&mut bench, "g-raw", &me, 0, "ce", 1), ILLEGAL_GENERATION);
    assert_eq!(commit(&mut bench, "g-raw", &me, 2, "ce", 1), ILLEGAL_GENERATION);
    assert_eq!(commit(&mut bench, "g-raw", "x", 1, "ce", 1), UNKNOWN_MEMBER);
    assert_eq!(commit(&mut bench, "g-raw", "", -1, "ce", 1), UNKNOWN_MEMBER);
    let unknown_topic = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(commit(&mut bench, "g-raw", &me, 1, "no-such-topic", 1), unknown_topic);
    assert_eq!(join(&mut bench, "g-raw", "unknown-member").error_code, UNKNOWN_MEMBER);
    assert_eq!(leave(&mut bench, "g-raw", "x"), UNKNOWN_MEMBER);
    assert_eq!(leave(&mut bench, "g-raw", &me), NONE);
    assert_eq!(commit(&mut bench, "g-raw", &me, 1, "ce", 2), UNKNOWN_MEMBER);
    assert_eq!(commit(&mut bench, "g-raw", "", -1, "ce", 2), NONE);
    let committed = |offset| vec![("ce".to_owned(), 0, offset)];
    assert_eq!(fetch(&mut bench, "g-raw", Some("ce")), committed(2));
    assert_eq!(fetch(&mut bench, "g-raw", None), committed(2));
    assert_eq!(fetch(&mut bench, "g-unknown", Some("ce")), committed(-1));
    assert_eq!(delete_group(&mut bench, "g-unknown"), ResponseError::GroupIdNotFound.code());
    assert_eq!(delete_group(&mut bench, "g-raw"), NONE);
}

#[test]
fn what_administrators_are_told() {
    let mut bench = bench();
    let me = join(&mut bench, "ag-classic", "").member_id.to_string();
    join(&mut bench, "ag-classic", &me);
    sync(&mut bench, "ag-classic", &me);
    let describe = |bench: &mut Bench| {
        let request = DescribeGroupsRequest::default().with_groups(vec![group("ag-classic")]);
        let Response::DescribeGroups(answer) = bench.call(Request::DescribeGroups(request)) else { panic!("it") };
        answer.groups[0].clone()
    };
    let described = describe(&mut bench);
    assert_eq!(
        (&*described.group_state, &*described.protocol_type, &*described.protocol_data),
        ("Stable", "consumer", "range")
    );
    let member = &described.members[0];
    assert_eq!((&*member.client_id, &*member.client_host), ("client", "/host"));
    assert_eq!((&member.member_metadata[..], &member.member_assignment[..]), (SUBSCRIPTION, ASSIGNMENT));
    assert_eq!(described.authorized_operations, i32::MIN);
    assert_eq!(commit(&mut bench, "ag-classic", "", -1, "ce", 2), UNKNOWN_MEMBER);
    assert_eq!(fetch(&mut bench, "ag-classic", None), []);
    assert_eq!(delete_offset(&mut bench, "ag-classic"), ResponseError::GroupSubscribedToTopic.code());
    assert_eq!(delete_group(&mut bench, "ag-classic"), ResponseError::NonEmptyGroup.code());
    assert_eq!(commit(&mut bench, "ag-new", "", -1, "ce", 2), NONE);
    assert_eq!(fetch(&mut bench, "ag-new", None), [("ce".to_owned(), 0, 2)]);
    assert_eq!(delete_offset(&mut bench, "ag-new"), NONE);
    assert_eq!(leave(&mut bench, "ag-classic", &me), NONE);
    let Response::ListGroups(listed) = bench.call(Request::ListGroups(ListGroupsRequest::default())) else {
        panic!("a list")
    };
    let lines: Vec<[&str; 4]> = listed
        .groups
        .iter()
        .map(|it| [&*it.group_id.0, &*it.protocol_type, &*it.group_state, &*it.group_type])
        .collect();
    assert_eq!(lines, [["ag-classic", "consumer", "Empty", "classic"], ["ag-new", "", "Empty", "classic"]]);
    let described = describe(&mut bench);
    assert_eq!(
        (&*described.group_state, &*described.protocol_type, &*described.protocol_data),
        ("Empty", "consumer", "")
    );
    assert_eq!(commit(&mut bench, "ag-classic", "", -1, "ce", 2), NONE);
    assert_eq!(delete_offset(&mut bench, "ag-classic"), NONE);
    assert_eq!(delete_group(&mut bench, "ag-classic"), NONE);
}
