//! Consumer groups (KIP-848).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, DeleteGroupsRequest,
    GroupId, JoinGroupRequest, OffsetCommitRequest, TopicName,
};
use uuid::Uuid;

use super::super::group::Group;
use super::super::records::Key;
use super::bench::{Bench, report, text};
use crate::wire::{Request, Response};

/// The id of the first topic of a bench, and of the second.
const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);

fn joining(member: &str, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
    let topics = topics.iter().map(|topic| TopicName(text(topic))).collect();
    report(member, 0)
        .with_rebalance_timeout_ms(5_000)
        .with_subscribed_topic_names(Some(topics))
        .with_topic_partitions(Some(Vec::new()))
}

fn owned(all: &[(Uuid, &[i32])]) -> Option<Vec<TopicPartitions>> {
    let topic = |(id, partitions): &(Uuid, &[i32])| {
        TopicPartitions::default().with_topic_id(*id).with_partitions(partitions.to_vec())
    };
    Some(all.iter().map(topic).collect())
}

fn ask(bench: &mut Bench, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
    let response = bench.call(Request::ConsumerGroupHeartbeat(request));
    let Response::ConsumerGroupHeartbeat(answer) = response else { panic!("a heartbeat's") };
    answer
}

/// Error, epoch and partitions of the first topic, where an assignment is told.
fn told(answer: &ConsumerGroupHeartbeatResponse) -> (i16, i32, Option<Vec<i32>>) {
    let assigned = answer.assignment.as_ref().map(|it| {
        it.topic_partitions.iter().find(|it| it.topic_id == FIRST).map_or_else(Vec::new, |it| it.partitions.clone())
    });
    (answer.error_code, answer.member_epoch, assigned)
}

fn says(bench: &mut Bench, request: ConsumerGroupHeartbeatRequest) -> (i16, i32, Option<Vec<i32>>) {
    let answer = ask(bench, request);
    told(&answer)
}

fn refused(bench: &mut Bench, request: ConsumerGroupHeartbeatRequest) -> ResponseError {
    let answer = ask(bench, request);
    assert_eq!((answer.member_id, answer.member_epoch, answer.assignment), (None, 0, None));
    ResponseError::try_from_code(answer.error_code).expect("an error")
}

fn state(bench: &Bench) -> &'static str {
    bench.shard.groups.get("g").map_or("none", Group::state_name)
}

/// Heartbeats one by one, as a real 4.3.1 answered them.
#[test]
fn what_a_real_broker_answered_is_answered_here() {
    let mut bench = Bench::new(&[("k9", 2)]);
    let early = report("m1", 0).with_subscribed_topic_names(None);
    assert_eq!(refused(&mut bench, early), ResponseError::InvalidRequest);
    assert_eq!(says(&mut bench, joining("m1", &["k9"])), (0, 2, Some(vec![0, 1])));
    assert_eq!(says(&mut bench, report("m1", 2)), (0, 2, None));
    assert_eq!(refused(&mut bench, report("m1", 3)), ResponseError::FencedMemberEpoch);
    assert_eq!(refused(&mut bench, report("m1", 1)), ResponseError::FencedMemberEpoch);
    assert_eq!(refused(&mut bench, report("m9", 2)), ResponseError::UnknownMemberId);
    let elsewhere = report("m1", 2).with_group_id(GroupId(text("g-unknown")));
    assert_eq!(refused(&mut bench, elsewhere), ResponseError::GroupIdNotFound);
    assert_eq!(refused(&mut bench, joining("", &["k9"])), ResponseError::InvalidRequest);
    let assignor = joining("m3", &["k9"]).with_server_assignor(Some(text("nope")));
    assert_eq!(refused(&mut bench, assignor), ResponseError::UnsupportedAssignor);
    let regex = joining("m3", &[]).with_subscribed_topic_regex(Some(text("[")));
    assert_eq!(refused(&mut bench, regex), ResponseError::InvalidRegularExpression);
    assert_eq!(refused(&mut bench, report("m1", -3)), ResponseError::InvalidRequest);
    assert_eq!(refused(&mut bench, report("m1", 0).with_group_id(GroupId(text("")))), ResponseError::InvalidRequest);

    assert_eq!(says(&mut bench, joining("m2", &["k9"])), (0, 2, Some(vec![])), "the last assignment is too young");
    assert_eq!(says(&mut bench, report("m2", 2)), (0, 2, None));
    bench.sleep(1_500);
    assert_eq!(says(&mut bench, report("m2", 2)), (0, 3, None), "m1 has it still");
    assert_eq!(says(&mut bench, report("m1", 2)), (0, 2, Some(vec![0])), "it has to give one up");
    assert_eq!(says(&mut bench, report("m2", 3)), (0, 3, None));
    let given_up = report("m1", 2).with_topic_partitions(owned(&[(FIRST, &[0])]));
    assert_eq!(says(&mut bench, given_up), (0, 3, None));
    let wrong = report("m1", 3).with_topic_partitions(owned(&[(FIRST, &[1])]));
    assert_eq!(says(&mut bench, wrong), (0, 3, None));
    assert_eq!(says(&mut bench, report("m2", 3)), (0, 3, Some(vec![1])));
    let lost = report("m1", 2).with_topic_partitions(owned(&[(FIRST, &[1])]));
    assert_eq!(refused(&mut bench, lost), ResponseError::FencedMemberEpoch);
    assert_eq!(refused(&mut bench, report("m1", 2)), ResponseError::FencedMemberEpoch);

    let instance = |member: &str| joining(member, &["k9"]).with_instance_id(Some(text("i1")));
    assert_eq!(says(&mut bench, instance("s1")), (0, 3, Some(vec![])));
    assert_eq!(refused(&mut bench, instance("s2")), ResponseError::UnreleasedInstanceId);
    let away = report("s1", -2).with_instance_id(Some(text("i1")));
    assert_eq!(says(&mut bench, away), (0, -2, None));
    assert_eq!(says(&mut bench, instance("s2")), (0, 3, Some(vec![])));
    let fenced = report("s1", 3).with_instance_id(Some(text("i1")));
    assert_eq!(refused(&mut bench, fenced), ResponseError::FencedInstanceId);
    assert_eq!(says(&mut bench, report("s2", 3).with_instance_id(Some(text("i1")))), (0, 3, None));

    let request = JoinGroupRequest::default().with_group_id(GroupId(text("g"))).with_session_timeout_ms(10_000);
    let protocol = kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol::default();
    let request = request.with_protocol_type(text("consumer")).with_protocols(vec![protocol.with_name(text("range"))]);
    let Response::JoinGroup(answer) = bench.call(Request::JoinGroup(request)) else { panic!("a join's") };
    assert_eq!(answer.error_code, ResponseError::MemberIdRequired.code());

    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![GroupId(text("g"))]);
    let Response::ConsumerGroupDescribe(answer) = bench.call(Request::ConsumerGroupDescribe(request)) else {
        panic!("a description")
    };
    let group = &answer.groups[0];
    assert_eq!((&*group.group_state, group.group_epoch, group.assignment_epoch), ("Assigning", 4, 3));
    assert_eq!((&*group.assignor_name, group.members.len()), ("uniform", 3));
    let epochs: Vec<(String, i32)> =
        group.members.iter().map(|member| (member.member_id.to_string(), member.member_epoch)).collect();
    assert_eq!(epochs, ["m1", "m2", "s2"].map(|id| (id.to_owned(), 3)));
    assert_eq!(group.members[1].assignment.topic_partitions[0].partitions, [1]);

    assert_eq!(says(&mut bench, report("m1", -1)), (0, -1, None));
    assert_eq!(says(&mut bench, report("m2", -1)), (0, -1, None));
    assert_eq!(says(&mut bench, report("s2", -1).with_instance_id(Some(text("i1")))), (0, -1, None));
    assert_eq!(refused(&mut bench, report("m1", -1)), ResponseError::UnknownMemberId);
    assert_eq!(state(&bench), "Empty");
}

/// The records of a first join, and of a static member that comes back, in the order in which a real 4.3.1 wrote them.
#[test]
fn records_are_written_in_kafkas_order() {
    let mut bench = Bench::new(&[("k9", 2)]);
    says(&mut bench, joining("m1", &["k9"]));
    let group = || "g".to_owned();
    let of = |member: &str| {
        let member = || member.to_owned();
        [
            Key::Member { group: group(), member: member() },
            Key::TargetOf { group: group(), member: member() },
            Key::Current { group: group(), member: member() },
        ]
    };
    let (epoch, target) = (Key::Consumer { group: group() }, Key::Target { group: group() });
    let [said, target_of, current] = of("m1");
    let first = [said, epoch.clone(), target_of, target, current].map(|key| (key, true));
    assert_eq!(bench.written_since(0), first);
    let instance = |member: &str| joining(member, &["k9"]).with_instance_id(Some(text("i1")));
    says(&mut bench, instance("s1"));
    says(&mut bench, report("s1", -2).with_instance_id(Some(text("i1"))));
    let before = bench.log.len();
    says(&mut bench, instance("s2"));
    let ([said, target_of, current], [new_said, new_target, new_current]) = (of("s1"), of("s2"));
    let gone = [current, target_of, said].map(|key| (key, false));
    let new = [new_said, new_target, new_current.clone(), new_current].map(|key| (key, true));
    assert_eq!(bench.written_since(before), [&gone[..], &new[..]].concat());
}

/// `GroupMetadataManagerTest.testReconciliationProcess`, as far as three members and two topics need it.
#[test]
fn partitions_are_given_up_before_others_get_them() {
    let mut bench = Bench::new(&[("foo", 6), ("bar", 3)]);
    let topics = ["foo", "bar"];
    says(&mut bench, joining("m1", &topics));
    bench.sleep(1_000);
    says(&mut bench, joining("m2", &topics));
    let all = |bench: &Bench| {
        let Some(Group::Consumer(group)) = bench.shard.groups.get("g") else { panic!("a consumer group") };
        group.members.values().map(|it| it.assigned.values().map(|it| it.len()).sum()).collect::<Vec<usize>>()
    };
    assert_eq!(all(&bench), [9, 0]);
    says(&mut bench, report("m1", 2));
    assert_eq!((all(&bench), state(&bench)), (vec![5, 0], "Reconciling"));
    says(&mut bench, report("m2", 3));
    assert_eq!(all(&bench), [5, 0], "m1 has not said that it has given them up");
    says(&mut bench, report("m1", 2).with_topic_partitions(owned(&[])));
    says(&mut bench, report("m2", 3));
    assert_eq!((all(&bench), state(&bench)), (vec![5, 4], "Stable"));
    bench.sleep(1_000);
    assert_eq!(told(&ask(&mut bench, joining("m3", &topics))).1, 4);
    says(&mut bench, report("m1", 3).with_topic_partitions(owned(&[])));
    says(&mut bench, report("m2", 3).with_topic_partitions(owned(&[])));
    says(&mut bench, report("m3", 4));
    assert_eq!((all(&bench), state(&bench)), (vec![3, 3, 3], "Stable"));
}

#[test]
fn a_member_that_does_not_give_up_in_time_is_put_out() {
    let mut bench = Bench::new(&[("k9", 2)]);
    says(&mut bench, joining("m1", &["k9"]));
    bench.sleep(1_000);
    says(&mut bench, joining("m2", &["k9"]));
    says(&mut bench, report("m1", 2));
    bench.sleep(4_000);
    says(&mut bench, report("m1", 2));
    bench.sleep(1_001);
    assert_eq!(refused(&mut bench, report("m1", 2)), ResponseError::UnknownMemberId);
    assert_eq!(says(&mut bench, report("m2", 3)), (0, 4, Some(vec![0, 1])));
}

#[test]
fn a_silent_member_is_put_out_after_its_session_also_by_the_next_leader() {
    let mut bench = Bench::new(&[("k9", 2)]);
    says(&mut bench, joining("m1", &["k9"]));
    bench.sleep(40_000);
    bench.fail_over();
    assert_eq!(says(&mut bench, report("m1", 2)), (0, 2, None), "all of it is in the log");
    bench.sleep(44_999);
    assert_eq!(state(&bench), "Stable");
    bench.sleep(1);
    assert_eq!(state(&bench), "Empty");
}

#[test]
fn a_lost_answer_may_be_asked_for_again() {
    let mut bench = Bench::new(&[("k9", 2)]);
    says(&mut bench, joining("m1", &["k9"]));
    assert_eq!(says(&mut bench, joining("m1", &["k9"])), (0, 2, Some(vec![0, 1])), "it joins once more");
    bench.sleep(1_000);
    says(&mut bench, joining("m2", &["k9"]));
    says(&mut bench, report("m2", -1));
    bench.sleep(1_000);
    assert_eq!(says(&mut bench, report("m1", 2)), (0, 4, None));
    let has = owned(&[(FIRST, &[0, 1])]);
    assert_eq!(says(&mut bench, report("m1", 2).with_topic_partitions(has)), (0, 4, None));
}

#[test]
fn what_a_member_no_longer_subscribes_to_it_gives_up_and_other_topics_it_gets() {
    let mut bench = Bench::new(&[("one", 1), ("two", 1)]);
    says(&mut bench, joining("m1", &["one"]));
    let names = Some(vec![TopicName(text("two"))]);
    let changed = report("m1", 2).with_subscribed_topic_names(names);
    assert_eq!(says(&mut bench, changed), (0, 2, Some(vec![])), "at once");
    bench.sleep(1_000);
    let answer = ask(&mut bench, report("m1", 2).with_topic_partitions(owned(&[])));
    let topics = answer.assignment.expect("an assignment").topic_partitions;
    assert_eq!((answer.member_epoch, topics[0].topic_id), (3, SECOND));
}

#[test]
fn a_group_of_consumers_and_one_of_the_classic_protocol_take_each_others_place_without_members() {
    let mut bench = Bench::new(&[("t", 1)]);
    let commit = OffsetCommitRequest::default().with_group_id(GroupId(text("g")));
    bench.call(Request::OffsetCommit(commit.with_generation_id_or_member_epoch(-1)));
    let join = JoinGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_session_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![
            kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol::default().with_name(text("range")),
        ]);
    bench.call(Request::JoinGroup(join.clone()));
    assert_eq!(bench.shard.groups["g"].type_name(), "classic");
    assert_eq!(says(&mut bench, joining("m1", &["t"])).0, 0);
    assert_eq!((bench.shard.groups["g"].type_name(), state(&bench)), ("consumer", "Stable"));
    bench.fail_over();
    assert_eq!(bench.shard.groups["g"].type_name(), "consumer");
    says(&mut bench, report("m1", -1));
    bench.call(Request::JoinGroup(join));
    assert_eq!(bench.shard.groups["g"].type_name(), "classic");
    bench.fail_over();
    assert_eq!((bench.shard.groups["g"].type_name(), state(&bench)), ("classic", "Empty"));
}

#[test]
fn a_consumer_group_is_deleted_once_it_has_no_members() {
    let mut bench = Bench::new(&[("t", 1)]);
    let delete = |bench: &mut Bench| {
        let request = DeleteGroupsRequest::default().with_groups_names(vec![GroupId(text("g"))]);
        let Response::DeleteGroups(answer) = bench.call(Request::DeleteGroups(request)) else { panic!("a deletion's") };
        answer.results[0].error_code
    };
    says(&mut bench, joining("m1", &["t"]));
    assert_eq!(delete(&mut bench), ResponseError::NonEmptyGroup.code());
    says(&mut bench, report("m1", -1));
    let before = bench.log.len();
    assert_eq!(delete(&mut bench), 0);
    let group = || "g".to_owned();
    let gone = [Key::Target { group: group() }, Key::Topics { group: group() }, Key::Consumer { group: group() }];
    assert_eq!(bench.written_since(before), gone.map(|key| (key, false)));
    assert_eq!(state(&bench), "none");
}

#[test]
fn a_full_group_takes_nobody_more() {
    let mut bench = Bench::new(&[("t", 1)]);
    bench.settings.groups.consumer_max_size = 1;
    says(&mut bench, joining("m1", &["t"]));
    assert_eq!(refused(&mut bench, joining("m2", &["t"])), ResponseError::GroupMaxSizeReached);
}

#[test]
fn more_partitions_are_assigned_with_the_next_heartbeat() {
    let mut bench = Bench::new(&[("t", 1)]);
    says(&mut bench, joining("m1", &["t"]));
    bench.set_partitions("t", 3);
    bench.sleep(1_000);
    assert_eq!(says(&mut bench, report("m1", 2)), (0, 3, Some(vec![0, 1, 2])));
}

fn by_regex(member: &str, regex: &str) -> ConsumerGroupHeartbeatRequest {
    joining(member, &[]).with_subscribed_topic_names(None).with_subscribed_topic_regex(Some(text(regex)))
}

/// Which topics the group's regular expressions mean.
fn meant(bench: &Bench) -> Vec<(String, Vec<String>)> {
    let Some(Group::Consumer(group)) = bench.shard.groups.get("g") else { panic!("a consumer group") };
    let regexes = group.regexes.iter();
    regexes.map(|(regex, it)| (regex.clone(), it.topics.iter().cloned().collect())).collect()
}

/// Exchange for exchange what a real 4.3.1 answered.
#[test]
fn a_member_subscribes_by_a_regular_expression_that_the_coordinator_looks_at() {
    let mut bench = Bench::new(&[("rx-a", 2), ("rx-b", 1), ("t", 3)]);
    let invalid = refused(&mut bench, by_regex("m", "["));
    assert_eq!(invalid, ResponseError::InvalidRegularExpression);
    assert_eq!(refused(&mut bench, by_regex("m", "(?!x)rx")), invalid);
    assert_eq!(state(&bench), "none");
    let written = bench.log.len();
    assert_eq!(says(&mut bench, by_regex("m", "rx-.*")), (0, 1, Some(vec![])), "it was not looked at yet");
    bench.sleep(1);
    assert_eq!(meant(&bench), [("rx-.*".to_owned(), vec!["rx-a".to_owned(), "rx-b".to_owned()])]);
    let (group, member) = ("g".to_owned(), "m".to_owned());
    let expected = [
        (Key::Member { group: group.clone(), member: member.clone() }, true),
        (Key::Current { group: group.clone(), member }, true),
        (Key::Regex { group: group.clone(), regex: "rx-.*".to_owned() }, true),
        (Key::Consumer { group }, true),
    ];
    assert_eq!(bench.written_since(written), expected);
    assert_eq!(says(&mut bench, report("m", 1)), (0, 2, Some(vec![0, 1])));

    bench.sleep(1_500);
    assert_eq!(says(&mut bench, by_regex("m2", "rx-.*")), (0, 3, Some(vec![])), "it is known what that means");
    let other = report("m2", 3).with_subscribed_topic_regex(Some(text("t")));
    assert_eq!(says(&mut bench, other).1, 3);
    bench.sleep(1);
    assert_eq!(meant(&bench).len(), 1, "the last look is not ten seconds ago");
    let names = Some(vec![TopicName(text("t"))]);
    let named = report("m2", 3).with_subscribed_topic_regex(Some(text(""))).with_subscribed_topic_names(names);
    bench.sleep(1_500);
    let answer = ask(&mut bench, named);
    assert_eq!((answer.error_code, answer.member_epoch), (0, 4));
    assert_eq!(answer.assignment.expect("it is told").topic_partitions[0].partitions, [0, 1, 2]);
}

#[test]
fn topics_that_come_later_are_meant_too_at_the_next_look() {
    let mut bench = Bench::new(&[("rx-a", 2)]);
    says(&mut bench, by_regex("m", "rx-.*"));
    bench.sleep(1);
    assert_eq!(says(&mut bench, report("m", 1)).1, 2);
    bench.add_topic("rx-b", 1);
    bench.sleep(5_000);
    says(&mut bench, report("m", 2));
    bench.sleep(1);
    assert_eq!(meant(&bench)[0].1, ["rx-a"], "it looks every ten seconds at most");
    bench.sleep(5_000);
    says(&mut bench, report("m", 2));
    bench.sleep(1);
    assert_eq!(meant(&bench)[0].1, ["rx-a", "rx-b"]);
    let answer = ask(&mut bench, report("m", 2));
    assert_eq!((answer.member_epoch, answer.assignment.expect("it is told").topic_partitions.len()), (3, 2));
}

#[test]
fn what_nobody_subscribes_by_is_forgotten_and_another_broker_reads_the_rest() {
    let mut bench = Bench::new(&[("rx-a", 2), ("t", 1)]);
    says(&mut bench, by_regex("m", "rx-.*"));
    bench.sleep(1);
    says(&mut bench, report("m", 1));
    bench.fail_over();
    assert_eq!(meant(&bench).len(), 1);
    says(&mut bench, joining("m2", &["t"]));
    let written = bench.log.len();
    says(&mut bench, report("m", -1));
    assert_eq!(meant(&bench), []);
    let kinds: Vec<Key> = bench.written_since(written).into_iter().map(|(key, _)| key).collect();
    assert!(matches!(&kinds[..], [.., Key::Member { .. }, Key::Regex { .. }, Key::Consumer { .. }]), "{kinds:?}");
}
