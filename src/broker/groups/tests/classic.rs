//! Classic groups.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest, SyncGroupResponse,
};

use super::super::classic::ClassicState;
use super::super::group::Group;
use super::bench::{Bench, heartbeat, text};
use crate::wire::{Request, Response};

/// A subscription to the topic `t`, as consumers say it.
const SUBSCRIPTION: &[u8] = &[0, 1, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, 0xff];

fn protocol(name: &str) -> JoinGroupRequestProtocol {
    JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(Bytes::from_static(SUBSCRIPTION))
}

fn join_request(member: &str) -> JoinGroupRequest {
    JoinGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_member_id(text(member))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(20_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol("range")])
}

fn join(bench: &mut Bench, member: &str) -> u32 {
    bench.ask(Request::JoinGroup(join_request(member)))
}

fn joined(bench: &Bench, number: u32) -> JoinGroupResponse {
    let Response::JoinGroup(answer) = bench.answer(number) else { panic!("a JoinGroup's") };
    answer
}

/// An id for a member that has not joined with it.
fn new_id(bench: &mut Bench) -> String {
    let number = join(bench, "");
    let answer = joined(bench, number);
    assert_eq!(answer.error_code, ResponseError::MemberIdRequired.code());
    answer.member_id.to_string()
}

fn sync_request(member: &str, generation: i32, assigned: &[&str]) -> SyncGroupRequest {
    let assignment = |member: &&str| {
        SyncGroupRequestAssignment::default()
            .with_member_id(text(member))
            .with_assignment(Bytes::copy_from_slice(member.as_bytes()))
    };
    SyncGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_member_id(text(member))
        .with_generation_id(generation)
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(assigned.iter().map(assignment).collect())
}

fn sync(bench: &mut Bench, member: &str, generation: i32, assigned: &[&str]) -> u32 {
    bench.ask(Request::SyncGroup(sync_request(member, generation, assigned)))
}

fn synced(bench: &Bench, number: u32) -> SyncGroupResponse {
    let Response::SyncGroup(answer) = bench.answer(number) else { panic!("a SyncGroup's") };
    answer
}

fn leave(bench: &mut Bench, members: &[(&str, Option<&str>)]) -> LeaveGroupResponse {
    let member = |(id, instance): &(&str, Option<&str>)| {
        MemberIdentity::default().with_member_id(text(id)).with_group_instance_id(instance.map(text))
    };
    let request = LeaveGroupRequest::default().with_group_id(GroupId(text("g")));
    let request = request.with_members(members.iter().map(member).collect());
    let Response::LeaveGroup(answer) = bench.call(Request::LeaveGroup(request)) else { panic!("a LeaveGroup's") };
    answer
}

fn state(bench: &Bench) -> Option<ClassicState> {
    match bench.shard.groups.get("g")? {
        Group::Classic(group) => Some(group.state),
        Group::Consumer(_) => None,
    }
}

fn code(error: ResponseError) -> i16 {
    error.code()
}

/// A group of so many members, each of which has its assignment: their ids in their order, and the generation.
fn stable(bench: &mut Bench, members: usize) -> (Vec<String>, i32) {
    let mut ids: Vec<String> = (0..members).map(|_| new_id(bench)).collect();
    ids.sort();
    let joins: Vec<u32> = ids.iter().map(|id| join(bench, id)).collect();
    bench.sleep(6_000);
    let generation = joined(bench, joins[0]).generation_id;
    let leader = joined(bench, joins[0]).leader.to_string();
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let syncs: Vec<u32> =
        ids.iter().map(|id| sync(bench, id, generation, if *id == leader { &all } else { &[] })).collect();
    for (id, number) in ids.iter().zip(syncs) {
        assert_eq!(synced(bench, number).assignment, id.as_bytes());
    }
    assert_eq!(state(bench), Some(ClassicState::Stable));
    // Who syncs in a stable group is not heard by that.
    ids.iter().for_each(|id| assert_eq!(heartbeat(bench, id, generation), 0));
    (ids, generation)
}

#[test]
fn a_new_group_is_written_and_its_first_member_is_told_an_id() {
    let mut bench = Bench::new(&[]);
    let id = new_id(&mut bench);
    assert!(id.starts_with("client-"), "{id}");
    assert_eq!(bench.log.len(), 1, "the empty group");
    assert_eq!(state(&bench), Some(ClassicState::Empty));
    bench.fail_over();
    assert_eq!(state(&bench), Some(ClassicState::Empty));
    let number = join(&mut bench, &id);
    assert_eq!(joined(&bench, number).error_code, code(ResponseError::UnknownMemberId), "nobody remembers it");
}

#[test]
fn a_member_that_does_not_come_with_its_id_is_forgotten_after_its_session() {
    let mut bench = Bench::new(&[]);
    let id = new_id(&mut bench);
    bench.sleep(10_001);
    let number = join(&mut bench, &id);
    assert_eq!(joined(&bench, number).error_code, code(ResponseError::UnknownMemberId));
}

#[test]
fn an_empty_group_waits_for_more_members_as_long_as_they_come() {
    let mut bench = Bench::new(&[]);
    let (one, two) = (new_id(&mut bench), new_id(&mut bench));
    let first = join(&mut bench, &one);
    bench.sleep(2_999);
    let second = join(&mut bench, &two);
    bench.sleep(1);
    assert!(!bench.is_answered(first), "somebody has come within the delay");
    bench.sleep(3_000);
    let (first, second) = (joined(&bench, first), joined(&bench, second));
    assert_eq!((first.error_code, first.generation_id, second.generation_id), (0, 1, 1));
    assert_eq!(first.leader, first.member_id, "who came first leads");
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    assert_eq!(state(&bench), Some(ClassicState::CompletingRebalance));
}

#[test]
fn the_delay_of_an_empty_group_ends_with_the_rebalance_timeout() {
    let mut bench = Bench::new(&[]);
    let id = new_id(&mut bench);
    let first = join(&mut bench, &id);
    for _ in 0..10 {
        bench.sleep(2_500);
        let id = new_id(&mut bench);
        join(&mut bench, &id);
        if bench.is_answered(first) {
            break;
        }
    }
    assert!(bench.is_answered(first));
    assert!((20_000..=23_000).contains(&(bench.now / 1_000)), "after {} us", bench.now);
}

#[test]
fn what_the_leader_assigns_is_handed_out_once_it_is_committed() {
    let mut bench = Bench::new(&[]);
    let (one, two) = (new_id(&mut bench), new_id(&mut bench));
    let numbers = [join(&mut bench, &one), join(&mut bench, &two)];
    bench.sleep(10_000);
    let leader = joined(&bench, numbers[0]).leader.to_string();
    let follower = if leader == one { two.clone() } else { one.clone() };
    let waits = sync(&mut bench, &follower, 1, &[]);
    assert!(!bench.is_answered(waits), "the leader has not spoken");
    bench.hold();
    let leads = sync(&mut bench, &leader, 1, &[&one, &two]);
    assert!(!bench.is_answered(leads) && state(&bench) == Some(ClassicState::CompletingRebalance));
    bench.release();
    assert_eq!(synced(&bench, waits).assignment, follower.as_bytes());
    assert_eq!(synced(&bench, leads).protocol_name, Some(text("range")));
    assert_eq!(state(&bench), Some(ClassicState::Stable));
    let again = sync(&mut bench, &follower, 1, &[]);
    assert_eq!(synced(&bench, again).assignment, follower.as_bytes(), "who asks again is told again");
}

#[test]
fn an_assignment_that_is_not_written_counts_for_nobody_and_all_join_again() {
    let mut bench = Bench::new(&[]);
    let id = new_id(&mut bench);
    join(&mut bench, &id);
    bench.sleep(10_000);
    bench.fails = Some(ResponseError::NotLeaderOrFollower);
    let number = sync(&mut bench, &id, 1, &[&id]);
    assert_eq!(synced(&bench, number).error_code, code(ResponseError::NotCoordinator));
    assert_eq!(state(&bench), Some(ClassicState::PreparingRebalance));
}

#[test]
fn a_group_that_could_not_be_written_is_told_to_who_would_be_its_member() {
    let mut bench = Bench::new(&[]);
    bench.fails = Some(ResponseError::NotEnoughReplicas);
    let request = join_request("").with_group_instance_id(Some(text("i")));
    let number = bench.ask(Request::JoinGroup(request));
    assert_eq!(joined(&bench, number).error_code, code(ResponseError::CoordinatorNotAvailable));
}

#[test]
fn a_new_member_lets_all_join_again_and_who_does_not_is_put_out() {
    let mut bench = Bench::new(&[]);
    let (ids, generation) = stable(&mut bench, 2);
    let third = new_id(&mut bench);
    let joins = join(&mut bench, &third);
    assert_eq!(state(&bench), Some(ClassicState::PreparingRebalance));
    assert_eq!(heartbeat(&mut bench, &ids[0], generation), code(ResponseError::RebalanceInProgress));
    let again = join(&mut bench, &ids[0]);
    for _ in 0..3 {
        bench.sleep(6_000);
        heartbeat(&mut bench, &ids[1], generation);
    }
    assert!(!bench.is_answered(again), "one of them is still waited for");
    bench.sleep(2_000);
    assert_eq!((joined(&bench, again).generation_id, joined(&bench, joins).generation_id), (2, 2));
    assert_eq!(heartbeat(&mut bench, &ids[1], generation), code(ResponseError::UnknownMemberId));
}

#[test]
fn a_member_whose_session_expires_lets_the_others_join_again() {
    let mut bench = Bench::new(&[]);
    let (ids, generation) = stable(&mut bench, 2);
    bench.sleep(6_000);
    assert_eq!(heartbeat(&mut bench, &ids[0], generation), 0);
    bench.sleep(6_000);
    assert_eq!(heartbeat(&mut bench, &ids[0], generation), code(ResponseError::RebalanceInProgress));
    assert_eq!(heartbeat(&mut bench, &ids[1], generation), code(ResponseError::UnknownMemberId));
    let number = join(&mut bench, &ids[0]);
    let answer = joined(&bench, number);
    assert_eq!((answer.generation_id, answer.members.len()), (2, 1));
}

#[test]
fn members_that_do_not_sync_within_the_rebalance_timeout_are_put_out() {
    let mut bench = Bench::new(&[]);
    let mut ids: Vec<String> = (0..2).map(|_| new_id(&mut bench)).collect();
    ids.sort();
    let joins: Vec<u32> = ids.iter().map(|id| join(&mut bench, id)).collect();
    bench.sleep(6_000);
    let leader = joined(&bench, joins[0]).leader.to_string();
    let silent = ids.iter().find(|id| **id != leader).expect("two members").clone();
    let number = sync(&mut bench, &leader, 1, &[&leader]);
    assert_eq!(synced(&bench, number).error_code, 0);
    for _ in 0..4 {
        bench.sleep(5_000);
        heartbeat(&mut bench, &leader, 1);
        heartbeat(&mut bench, &silent, 1);
    }
    assert_eq!(heartbeat(&mut bench, &silent, 1), code(ResponseError::UnknownMemberId));
    assert_eq!(state(&bench), Some(ClassicState::PreparingRebalance));
}

#[test]
fn who_leaves_is_no_member_and_the_last_one_leaves_an_empty_group() {
    let mut bench = Bench::new(&[]);
    let (ids, generation) = stable(&mut bench, 2);
    let answer = leave(&mut bench, &[(&ids[0], None), ("x", None)]);
    let codes: Vec<i16> = answer.members.iter().map(|member| member.error_code).collect();
    assert_eq!((answer.error_code, codes), (0, vec![0, code(ResponseError::UnknownMemberId)]));
    assert_eq!(heartbeat(&mut bench, &ids[1], generation), code(ResponseError::RebalanceInProgress));
    leave(&mut bench, &[(&ids[1], None)]);
    assert_eq!(state(&bench), Some(ClassicState::Empty));
    bench.fail_over();
    assert_eq!(state(&bench), Some(ClassicState::Empty));
    assert_eq!(leave(&mut bench, &[(&ids[1], None)]).members[0].error_code, code(ResponseError::UnknownMemberId));
}

#[test]
fn heartbeats_and_syncs_of_others_are_refused() {
    let mut bench = Bench::new(&[]);
    let (ids, generation) = stable(&mut bench, 1);
    assert_eq!(heartbeat(&mut bench, &ids[0], generation), 0);
    assert_eq!(heartbeat(&mut bench, &ids[0], generation + 1), code(ResponseError::IllegalGeneration));
    assert_eq!(heartbeat(&mut bench, "x", generation), code(ResponseError::UnknownMemberId));
    let refused = |bench: &mut Bench, request: SyncGroupRequest| {
        let number = bench.ask(Request::SyncGroup(request));
        synced(bench, number).error_code
    };
    let right = sync_request(&ids[0], generation, &[]);
    let wrong_generation = right.clone().with_generation_id(4);
    assert_eq!(refused(&mut bench, wrong_generation), code(ResponseError::IllegalGeneration));
    let wrong_member = right.clone().with_member_id(text("x"));
    assert_eq!(refused(&mut bench, wrong_member), code(ResponseError::UnknownMemberId));
    let wrong_protocol = right.clone().with_protocol_name(Some(text("roundrobin")));
    assert_eq!(refused(&mut bench, wrong_protocol), code(ResponseError::InconsistentGroupProtocol));
    let no_protocol = right.clone().with_protocol_name(None);
    assert_eq!(refused(&mut bench, no_protocol), code(ResponseError::InconsistentGroupProtocol));
    let no_group = right.with_group_id(GroupId(text("")));
    assert_eq!(refused(&mut bench, no_group), code(ResponseError::InvalidGroupId));
}

/// As a real broker has answered.
#[test]
fn joins_that_do_not_fit_the_group_are_refused() {
    let mut bench = Bench::new(&[]);
    stable(&mut bench, 1);
    let refused = |bench: &mut Bench, request: JoinGroupRequest| {
        let number = bench.ask(Request::JoinGroup(request));
        let answer = joined(bench, number);
        assert_eq!((answer.generation_id, answer.protocol_name), (-1, None));
        (answer.error_code, answer.member_id.to_string())
    };
    let nobody = String::new();
    let unknown = join_request("unknown-member");
    assert_eq!(refused(&mut bench, unknown), (code(ResponseError::UnknownMemberId), "unknown-member".to_owned()));
    let other_type = join_request("").with_protocol_type(text("connect"));
    assert_eq!(refused(&mut bench, other_type), (code(ResponseError::InconsistentGroupProtocol), nobody.clone()));
    let other_protocol = join_request("").with_protocols(vec![protocol("sticky")]);
    assert_eq!(refused(&mut bench, other_protocol), (code(ResponseError::InconsistentGroupProtocol), nobody.clone()));
    let short_session = join_request("").with_session_timeout_ms(10);
    assert_eq!(refused(&mut bench, short_session), (code(ResponseError::InvalidSessionTimeout), nobody.clone()));
    let no_group = join_request("").with_group_id(GroupId(text("")));
    assert_eq!(refused(&mut bench, no_group), (code(ResponseError::InvalidGroupId), nobody));
}

#[test]
fn a_full_group_takes_nobody_more() {
    let mut bench = Bench::new(&[]);
    bench.settings.groups.max_size = 2;
    stable(&mut bench, 2);
    let number = join(&mut bench, "");
    assert_eq!(joined(&bench, number).error_code, code(ResponseError::GroupMaxSizeReached));
}

#[test]
fn the_protocol_that_most_would_choose_of_those_that_all_speak_is_selected() {
    let mut bench = Bench::new(&[]);
    let speaks = |bench: &mut Bench, names: &[&str]| {
        let protocols = names.iter().map(|name| protocol(name)).collect();
        let id = new_id(bench);
        bench.ask(Request::JoinGroup(join_request(&id).with_protocols(protocols)))
    };
    let numbers = [
        speaks(&mut bench, &["roundrobin", "range"]),
        speaks(&mut bench, &["range", "roundrobin", "sticky"]),
        speaks(&mut bench, &["sticky", "roundrobin", "range"]),
    ];
    bench.sleep(20_000);
    assert_eq!(joined(&bench, numbers[0]).protocol_name, Some(text("roundrobin")));
}

fn join_static(bench: &mut Bench, member: &str) -> u32 {
    bench.ask(Request::JoinGroup(join_request(member).with_group_instance_id(Some(text("i")))))
}

#[test]
fn a_static_member_that_comes_back_takes_its_own_place_without_a_rebalance() {
    let mut bench = Bench::new(&[]);
    let first = join_static(&mut bench, "");
    bench.sleep(3_000);
    let first = joined(&bench, first);
    assert_eq!((first.error_code, first.generation_id), (0, 1), "it needs no second JoinGroup");
    let id = first.member_id.to_string();
    assert!(id.starts_with("i-"), "{id}");
    sync(&mut bench, &id, 1, &[&id]);
    let again = join_static(&mut bench, "");
    let again = joined(&bench, again);
    assert_eq!((again.error_code, again.generation_id, again.skip_assignment), (0, 1, true));
    assert_ne!(again.member_id, first.member_id);
    assert_eq!((again.leader.clone(), again.members.len()), (again.member_id.clone(), 1));
    assert_eq!(state(&bench), Some(ClassicState::Stable));
    let new = again.member_id.to_string();
    let number = sync(&mut bench, &new, 1, &[]);
    assert_eq!(synced(&bench, number).assignment, id.as_bytes(), "it has what it had");
    let fenced = bench.ask(Request::SyncGroup(sync_request(&id, 1, &[]).with_group_instance_id(Some(text("i")))));
    assert_eq!(synced(&bench, fenced).error_code, code(ResponseError::FencedInstanceId));
    bench.fail_over();
    let number = sync(&mut bench, &new, 1, &[]);
    assert_eq!(synced(&bench, number).assignment, id.as_bytes());
}

#[test]
fn a_static_member_whose_new_id_is_not_written_is_its_former_self() {
    let mut bench = Bench::new(&[]);
    let first = join_static(&mut bench, "");
    bench.sleep(3_000);
    let id = joined(&bench, first).member_id.to_string();
    sync(&mut bench, &id, 1, &[&id]);
    bench.fails = Some(ResponseError::NotEnoughReplicas);
    let again = join_static(&mut bench, "");
    assert_eq!(joined(&bench, again).error_code, code(ResponseError::CoordinatorNotAvailable));
    let request = HeartbeatRequest::default().with_group_id(GroupId(text("g"))).with_generation_id(1);
    let request = request.with_member_id(text(&id)).with_group_instance_id(Some(text("i")));
    let Response::Heartbeat(answer) = bench.call(Request::Heartbeat(request)) else { panic!("a Heartbeat's") };
    assert_eq!(answer.error_code, 0);
}

#[test]
fn a_static_member_that_does_not_join_again_stays_and_is_put_out_by_its_session_or_its_instance() {
    let mut bench = Bench::new(&[]);
    let first = join_static(&mut bench, "");
    bench.sleep(3_000);
    let id = joined(&bench, first).member_id.to_string();
    sync(&mut bench, &id, 1, &[&id]);
    assert_eq!(leave(&mut bench, &[("", Some("j"))]).members[0].error_code, code(ResponseError::UnknownMemberId));
    assert_eq!(leave(&mut bench, &[("", Some("i"))]).members[0].error_code, 0);
    assert_eq!(state(&bench), Some(ClassicState::Empty));
}

#[test]
fn whoever_leads_the_partition_next_knows_the_group_and_waits_for_its_members_sessions() {
    let mut bench = Bench::new(&[]);
    let (ids, generation) = stable(&mut bench, 3);
    bench.fail_over();
    assert_eq!(state(&bench), Some(ClassicState::Stable));
    bench.sleep(9_000);
    assert_eq!(heartbeat(&mut bench, &ids[1], generation), 0);
    let number = sync(&mut bench, &ids[2], generation, &[]);
    assert_eq!(synced(&bench, number).assignment, ids[2].as_bytes());
    bench.sleep(1_001);
    assert_eq!(heartbeat(&mut bench, &ids[1], generation), code(ResponseError::RebalanceInProgress));
}

#[test]
fn a_follower_that_joins_a_stable_group_again_is_told_what_it_knows_and_the_leader_begins_another_generation() {
    let mut bench = Bench::new(&[]);
    let (ids, generation) = stable(&mut bench, 2);
    let Some(Group::Classic(group)) = bench.shard.groups.get("g") else { panic!("a classic group") };
    let leader = group.leader.clone().expect("a leader");
    let follower = ids.iter().find(|id| **id != leader).expect("two members").clone();
    let number = join(&mut bench, &follower);
    let answer = joined(&bench, number);
    assert_eq!((answer.error_code, answer.generation_id, answer.members.len()), (0, generation, 0));
    let number = join(&mut bench, &leader);
    assert!(!bench.is_answered(number));
    assert_eq!(state(&bench), Some(ClassicState::PreparingRebalance));
}
