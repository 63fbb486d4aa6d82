//! Groups whose members speak both protocols, as a real 4.3.1 was asked (`validateOnlineUpgrade`, `convertToConsumerGroup`,
//! `classicGroupJoinToConsumerGroup` and what lies behind them).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest, TopicName,
};
use uuid::Uuid;

use super::super::group::Group;
use super::super::records::Key;
use super::bench::{Bench, heartbeat, report, text};
use crate::settings::MigrationPolicy;
use crate::wire::{Request, Response, Subscription, assignment_of, assignment_to_bytes};

/// The id of the topic `t`.
const TOPIC: Uuid = Uuid::from_u128(1);
const NONE: i16 = 0;
/// REBALANCE_IN_PROGRESS
const REBALANCES: i16 = 27;

fn bench() -> Bench {
    Bench::new(&[("t", 3)])
}

/// What a member of the classic protocol says of itself: what it has, and since when.
fn protocols(owned: &[i32], generation: i32) -> Vec<JoinGroupRequestProtocol> {
    let owned = owned.iter().map(|it| ("t".to_owned(), *it)).collect();
    let said = Subscription { topics: vec!["t".to_owned()], owned, generation, ..Subscription::default() }.to_bytes();
    let named = |name| JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(said.clone());
    ["range", "cooperative-sticky"].map(named).to_vec()
}

fn joining(member: &str, owned: &[i32], generation: i32) -> JoinGroupRequest {
    JoinGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_member_id(text(member))
        .with_session_timeout_ms(20_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(protocols(owned, generation))
}

fn joined(bench: &Bench, number: u32) -> JoinGroupResponse {
    let Response::JoinGroup(answer) = bench.answer(number) else { panic!("a JoinGroup's") };
    answer
}

fn join(bench: &mut Bench, request: JoinGroupRequest) -> JoinGroupResponse {
    let number = bench.ask(Request::JoinGroup(request));
    joined(bench, number)
}

/// Whoever has no id is given one.
fn new_id(bench: &mut Bench) -> String {
    let answer = join(bench, joining("", &[], -1));
    assert_eq!(answer.error_code, ResponseError::MemberIdRequired.code());
    answer.member_id.to_string()
}

/// Error, and the partitions of `t`.
fn sync(bench: &mut Bench, member: &str, generation: i32, assigned: &[(&str, &[i32])]) -> (i16, Vec<i32>) {
    let places = |it: &[i32]| it.iter().map(|it| ("t".to_owned(), *it)).collect::<Vec<_>>();
    let assigned = assigned.iter().map(|(member, it)| {
        let assignment = assignment_to_bytes(&places(it));
        SyncGroupRequestAssignment::default().with_member_id(text(member)).with_assignment(assignment)
    });
    let request = SyncGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_member_id(text(member))
        .with_generation_id(generation)
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(assigned.collect());
    let Response::SyncGroup(answer) = bench.call(Request::SyncGroup(request)) else { panic!("a SyncGroup's") };
    let partitions = assignment_of(&answer.assignment).unwrap_or_default().into_iter().map(|(_, it)| it);
    (answer.error_code, partitions.collect())
}

fn leave(bench: &mut Bench, member: &str) -> Vec<i16> {
    let member = MemberIdentity::default().with_member_id(text(member));
    let request = LeaveGroupRequest::default().with_group_id(GroupId(text("g"))).with_members(vec![member]);
    let Response::LeaveGroup(answer) = bench.call(Request::LeaveGroup(request)) else { panic!("a LeaveGroup's") };
    answer.members.iter().map(|member| member.error_code).collect()
}

fn modern(member: &str) -> ConsumerGroupHeartbeatRequest {
    report(member, 0)
        .with_rebalance_timeout_ms(20_000)
        .with_subscribed_topic_names(Some(vec![TopicName(text("t"))]))
        .with_topic_partitions(Some(Vec::new()))
}

fn say(bench: &mut Bench, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
    let Response::ConsumerGroupHeartbeat(answer) = bench.call(Request::ConsumerGroupHeartbeat(request)) else {
        panic!("a heartbeat's")
    };
    answer
}

/// Error, epoch and partitions, where an assignment is told.
fn told(answer: &ConsumerGroupHeartbeatResponse) -> (i16, i32, Option<Vec<i32>>) {
    let assigned = answer.assignment.as_ref();
    let partitions = assigned.map(|it| it.topic_partitions.iter().flat_map(|it| it.partitions.clone()).collect());
    (answer.error_code, answer.member_epoch, partitions)
}

fn kind(bench: &Bench) -> &'static str {
    bench.shard.groups.get("g").map_or("none", Group::type_name)
}

/// A classic group of one member that has all three partitions.
fn classic(bench: &mut Bench) -> String {
    bench.settings.groups.initial_rebalance_delay_ms = 0;
    let id = new_id(bench);
    let number = bench.ask(Request::JoinGroup(joining(&id, &[], -1)));
    bench.sleep(1);
    assert_eq!(joined(bench, number).generation_id, 1);
    assert_eq!(sync(bench, &id, 1, &[(&id, &[0, 1, 2])]), (NONE, vec![0, 1, 2]));
    id
}

/// Exchange for exchange what a real 4.3.1 answered.
#[test]
fn a_classic_group_is_a_consumer_group_once_a_member_of_that_protocol_comes() {
    let mut bench = bench();
    let id = classic(&mut bench);
    assert_eq!(told(&say(&mut bench, report("m", 5))).0, ResponseError::GroupIdNotFound.code());
    let written = bench.log.len();
    assert_eq!(told(&say(&mut bench, modern("m"))), (NONE, 2, Some(vec![])), "it waits for what the other has");
    assert_eq!(kind(&bench), "consumer");
    let (g, m) = (|| "g".to_owned(), || "m".to_owned());
    let of_classic = |of: fn(String, String) -> Key| (of(g(), id.clone()), true);
    let member: fn(String, String) -> Key = |group, member| Key::Member { group, member };
    let target: fn(String, String) -> Key = |group, member| Key::TargetOf { group, member };
    let current: fn(String, String) -> Key = |group, member| Key::Current { group, member };
    let expected = [
        (Key::Classic { group: g() }, false),
        of_classic(member),
        (Key::Consumer { group: g() }, true),
        of_classic(target),
        (Key::Target { group: g() }, true),
        of_classic(current),
        (member(g(), m()), true),
        (Key::Consumer { group: g() }, true),
        of_classic(target),
        (target(g(), m()), true),
        (Key::Target { group: g() }, true),
        (current(g(), m()), true),
    ];
    assert_eq!(bench.written_since(written), expected);

    assert_eq!(heartbeat(&mut bench, &id, 1), REBALANCES);
    assert_eq!(heartbeat(&mut bench, &id, 7), ResponseError::IllegalGeneration.code());
    assert_eq!(sync(&mut bench, &id, 1, &[]).0, REBALANCES);
    let answer = join(&mut bench, joining(&id, &[0, 1, 2], 1));
    assert_eq!((answer.error_code, answer.generation_id, &*answer.leader), (NONE, 1, ""), "it has to give one up");
    assert_eq!(answer.protocol_name.as_deref(), Some("range"));
    assert_eq!(sync(&mut bench, &id, 1, &[]), (NONE, vec![0, 1]));
    assert_eq!(heartbeat(&mut bench, &id, 1), REBALANCES);
    assert_eq!(join(&mut bench, joining(&id, &[0, 1], 1)).generation_id, 2);
    assert_eq!(sync(&mut bench, &id, 2, &[]), (NONE, vec![0, 1]));
    assert_eq!(heartbeat(&mut bench, &id, 2), NONE);
    assert_eq!(told(&say(&mut bench, report("m", 2))), (NONE, 2, Some(vec![2])));
}

fn described(bench: &mut Bench) -> Vec<(String, i8)> {
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![GroupId(text("g"))]);
    let Response::ConsumerGroupDescribe(answer) = bench.call(Request::ConsumerGroupDescribe(request)) else {
        panic!("a description")
    };
    answer.groups[0].members.iter().map(|member| (member.member_id.to_string(), member.member_type)).collect()
}

#[test]
fn a_member_of_the_classic_protocol_joins_a_consumer_group() {
    let mut bench = bench();
    assert_eq!(told(&say(&mut bench, modern("m"))), (NONE, 2, Some(vec![0, 1, 2])));
    let other = JoinGroupRequestProtocol::default().with_name(text("roundrobin"));
    let wrong = ResponseError::InconsistentGroupProtocol.code();
    assert_eq!(join(&mut bench, joining("", &[], -1).with_protocols(Vec::new())).error_code, wrong);
    assert_eq!(join(&mut bench, joining("", &[], -1).with_protocol_type(text("connect"))).error_code, wrong);
    let id = new_id(&mut bench);
    let answer = join(&mut bench, joining(&id, &[], -1));
    assert_eq!((answer.error_code, answer.generation_id), (NONE, 2), "the last assignment is too young");
    assert_eq!(
        join(&mut bench, joining("", &[], -1).with_protocols(vec![other])).error_code,
        wrong,
        "it speaks others"
    );
    assert_eq!(sync(&mut bench, &id, 2, &[]), (NONE, vec![]));
    bench.sleep(1_200);
    assert_eq!(heartbeat(&mut bench, &id, 2), NONE, "nothing is assigned for the new epoch yet");
    assert_eq!(told(&say(&mut bench, report("m", 2))), (NONE, 2, Some(vec![0, 1])));
    assert_eq!(heartbeat(&mut bench, &id, 2), REBALANCES);
    assert_eq!(sync(&mut bench, &id, 2, &[]).0, REBALANCES);
    let mut types = described(&mut bench);
    types.sort_by_key(|(_, kind)| *kind);
    assert_eq!(types, [(id.clone(), 0), ("m".to_owned(), 1)]);
    assert_eq!(heartbeat(&mut bench, "m", 2), ResponseError::UnknownMemberId.code(), "it does not speak that");
    assert_eq!(leave(&mut bench, "m"), [ResponseError::UnknownMemberId.code()]);
    assert_eq!(leave(&mut bench, &id), [NONE]);
    assert_eq!(kind(&bench), "consumer");
    assert_eq!(described(&mut bench).len(), 1);
}

/// A group of a member of each protocol, the classic one with partitions 0 and 1.
fn mixed(bench: &mut Bench) -> String {
    let id = classic(bench);
    say(bench, modern("m"));
    join(bench, joining(&id, &[0, 1, 2], 1));
    assert_eq!(join(bench, joining(&id, &[0, 1], 1)).generation_id, 2);
    assert_eq!(sync(bench, &id, 2, &[]).1, [0, 1]);
    say(bench, report("m", 2));
    id
}

#[test]
fn the_last_member_of_the_consumer_protocol_leaves_a_classic_group_behind() {
    let mut bench = bench();
    let id = mixed(&mut bench);
    assert_eq!(told(&say(&mut bench, report("m", -1))), (NONE, -1, None));
    assert_eq!(kind(&bench), "classic");
    let (_, last) = bench.log.last().expect("the group");
    assert_eq!(Key::read(&last.key), Some(Key::Classic { group: "g".to_owned() }));
    let number = bench.ask(Request::JoinGroup(joining(&id, &[0, 1], 2)));
    let answer = joined(&bench, number);
    assert_eq!((answer.error_code, answer.generation_id, &*answer.leader), (NONE, 3, &*id));
    let names: Vec<&str> = answer.members.iter().map(|member| &*member.member_id).collect();
    assert_eq!(names, [&*id]);
    assert_eq!(sync(&mut bench, &id, 3, &[(&id, &[0, 1, 2])]), (NONE, vec![0, 1, 2]));
    assert_eq!(heartbeat(&mut bench, &id, 3), NONE);
}

#[test]
fn a_silent_last_member_of_the_consumer_protocol_leaves_one_too() {
    let mut bench = bench();
    bench.settings.groups.consumer_session_timeout_us = 5_000_000;
    let id = mixed(&mut bench);
    bench.sleep(4_900);
    assert_eq!((heartbeat(&mut bench, &id, 2), kind(&bench)), (NONE, "consumer"));
    bench.sleep(200);
    assert_eq!(kind(&bench), "classic");
    // It joins anew, and has its rebalance timeout for that.
    bench.sleep(11_000);
    assert_eq!(bench.shard.groups["g"].state_name(), "Empty");
}

#[test]
fn who_does_not_join_again_in_time_is_no_member_any_more() {
    let mut bench = bench();
    let id = classic(&mut bench);
    say(&mut bench, modern("m"));
    for _ in 0..3 {
        assert_eq!(heartbeat(&mut bench, &id, 1), REBALANCES);
        bench.sleep(3_500);
    }
    assert_eq!(heartbeat(&mut bench, &id, 1), ResponseError::UnknownMemberId.code());
    assert_eq!(told(&say(&mut bench, report("m", 2))).1, 3);
}

#[test]
fn who_does_not_sync_in_time_is_none_either_and_sessions_are_as_long_as_members_say() {
    let mut bench = bench();
    let id = classic(&mut bench);
    say(&mut bench, modern("m"));
    join(&mut bench, joining(&id, &[0, 1, 2], 1));
    bench.sleep(10_100);
    assert_eq!(heartbeat(&mut bench, &id, 1), ResponseError::UnknownMemberId.code());
    let id = new_id(&mut bench);
    let answer = join(&mut bench, joining(&id, &[], -1));
    assert_eq!(sync(&mut bench, &id, answer.generation_id, &[]).0, NONE);
    bench.sleep(19_900);
    say(&mut bench, report("m", 2));
    assert!(described(&mut bench).iter().any(|(member, _)| *member == id));
    bench.sleep(200);
    assert!(described(&mut bench).iter().all(|(member, _)| *member != id));
}

#[test]
fn a_group_that_may_not_go_to_the_other_protocol_stays_what_it_was() {
    for (policy, upgrades, downgrades) in [
        (MigrationPolicy::Disabled, false, false),
        (MigrationPolicy::Upgrade, true, false),
        (MigrationPolicy::Downgrade, false, true),
        (MigrationPolicy::Bidirectional, true, true),
    ] {
        let mut bench = bench();
        bench.settings.groups.migration_policy = policy;
        let id = classic(&mut bench);
        let answer = say(&mut bench, modern("m"));
        if !upgrades {
            assert_eq!(answer.error_code, ResponseError::GroupIdNotFound.code(), "{policy}");
            assert_eq!(answer.error_message.as_deref(), Some("Group g is not a consumer group."));
            assert_eq!((kind(&bench), heartbeat(&mut bench, &id, 1)), ("classic", NONE), "{policy}");
            // Whoever joins a consumer group in the classic protocol may all the same.
            leave(&mut bench, &id);
            say(&mut bench, modern("m"));
            let id = new_id(&mut bench);
            join(&mut bench, joining(&id, &[], -1));
        }
        say(&mut bench, report("m", -1));
        assert_eq!(kind(&bench), if downgrades { "classic" } else { "consumer" }, "{policy}");
    }
}

/// It is told to come again, and what it says then is heard by the consumer group.
#[test]
fn who_waits_in_a_classic_group_is_sent_away() {
    let mut bench = bench();
    let id = classic(&mut bench);
    let other = new_id(&mut bench);
    let waits = bench.ask(Request::JoinGroup(joining(&other, &[], -1)));
    assert!(!bench.is_answered(waits), "the first member has not joined again");
    assert_eq!(told(&say(&mut bench, modern("m"))).0, NONE);
    assert_eq!(joined(&bench, waits).error_code, REBALANCES);
    assert_eq!(heartbeat(&mut bench, &id, 1), REBALANCES);
    assert_eq!(join(&mut bench, joining(&other, &[], -1)).error_code, NONE);
}

/// A real 4.3.1 answers so.
#[test]
fn no_member_of_the_other_protocol_comes_while_the_first_generation_is_waited_for() {
    let mut bench = bench();
    let id = new_id(&mut bench);
    let waits = bench.ask(Request::JoinGroup(joining(&id, &[], -1)));
    let answer = say(&mut bench, modern("m"));
    assert_eq!((answer.error_code, answer.error_message), (ResponseError::UnknownServerError.code(), None));
    assert_eq!((joined(&bench, waits).error_code, kind(&bench)), (REBALANCES, "classic"));
    let again = bench.ask(Request::JoinGroup(joining(&id, &[], -1)));
    bench.sleep(3_000);
    assert_eq!(joined(&bench, again).generation_id, 1);
}

#[test]
fn words_that_are_no_consumers_keep_a_group_from_it() {
    let mut bench = bench();
    bench.settings.groups.initial_rebalance_delay_ms = 0;
    let id = new_id(&mut bench);
    let mut protocols = protocols(&[], -1);
    protocols.iter_mut().for_each(|protocol| protocol.metadata = bytes::Bytes::from_static(&[0]));
    bench.ask(Request::JoinGroup(joining(&id, &[], -1).with_protocols(protocols)));
    bench.sleep(1);
    let answer = say(&mut bench, modern("m"));
    let why = "Cannot upgrade classic group g to consumer group because the embedded consumer protocol is malformed.";
    assert_eq!(
        (answer.error_code, answer.error_message.as_deref()),
        (ResponseError::GroupIdNotFound.code(), Some(why))
    );
}

#[test]
fn a_static_member_changes_its_protocol_and_has_what_it_had() {
    let mut bench = bench();
    bench.settings.groups.initial_rebalance_delay_ms = 0;
    let instance = || Some(text("x"));
    let number = bench.ask(Request::JoinGroup(joining("", &[], -1).with_group_instance_id(instance())));
    bench.sleep(1);
    let id = joined(&bench, number).member_id.to_string();
    let request = |id: &str, generation: i32| {
        let request = SyncGroupRequest::default().with_group_id(GroupId(text("g"))).with_member_id(text(id));
        let request = request.with_generation_id(generation).with_group_instance_id(instance());
        let request = request.with_protocol_type(Some(text("consumer"))).with_protocol_name(Some(text("range")));
        let places: Vec<(String, i32)> = (0..3).map(|it| ("t".to_owned(), it)).collect();
        let all = SyncGroupRequestAssignment::default().with_member_id(text(id));
        Request::SyncGroup(request.with_assignments(vec![all.with_assignment(assignment_to_bytes(&places))]))
    };
    bench.call(request(&id, 1));
    let answer = say(&mut bench, modern("m").with_instance_id(instance()));
    assert_eq!(told(&answer), (NONE, 1, Some(vec![0, 1, 2])), "nothing is assigned anew");
    let answer = join(&mut bench, joining("", &[], -1).with_group_instance_id(instance()));
    assert_eq!((answer.error_code, answer.generation_id), (NONE, 1));
    assert_eq!(kind(&bench), "classic", "nobody speaks the other protocol any more");
    let Response::SyncGroup(synced) = bench.call(request(&answer.member_id, 1)) else { panic!("a SyncGroup's") };
    assert_eq!(assignment_of(&synced.assignment).map(|it| it.len()), Some(3));
}

#[test]
fn another_broker_reads_who_speaks_which_protocol() {
    let mut bench = bench();
    let id = mixed(&mut bench);
    let before = bench.shard.groups["g"].clone();
    bench.fail_over();
    assert_eq!(format!("{before:?}"), format!("{:?}", bench.shard.groups["g"]));
    assert_eq!(heartbeat(&mut bench, &id, 2), NONE);
    let owned = TopicPartitions::default().with_topic_id(TOPIC).with_partitions(vec![2]);
    assert_eq!(told(&say(&mut bench, report("m", 2).with_topic_partitions(Some(vec![owned])))).0, NONE);
}
