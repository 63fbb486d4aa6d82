//! The coordinator of groups on three brokers: found, asked over the network, lost with its broker and loaded elsewhere.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::OffsetDeleteRequestTopic;
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestTopic;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DeleteGroupsRequest, DescribeGroupsRequest,
    FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest,
    OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, SyncGroupRequest, TopicName, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::StrBytes;

use loglab::broker::BrokerSettings;
use loglab::broker::coordinators::partition_of;
use loglab::settings::BrokerConfig;
use loglab::sim::fault::Fault;
use loglab::sim::{MILLISECOND, SECOND, Time};
use loglab::wire::{Api, Request, Response, TopicPartition};

use super::world::World;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn group() -> GroupId {
    GroupId(text("g"))
}

fn find() -> Request {
    Request::FindCoordinator(FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g")]))
}

fn join(member: &str) -> Request {
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(Bytes::from_static(b"s"));
    let request = JoinGroupRequest::default()
        .with_group_id(group())
        .with_member_id(text(member))
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    Request::JoinGroup(request)
}

fn sync(member: &str, assigned: &[&str]) -> Request {
    let assignment = |member: &&str| {
        let bytes = Bytes::copy_from_slice(member.as_bytes());
        SyncGroupRequestAssignment::default().with_member_id(text(member)).with_assignment(bytes)
    };
    let request = SyncGroupRequest::default()
        .with_group_id(group())
        .with_generation_id(1)
        .with_member_id(text(member))
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(assigned.iter().map(assignment).collect());
    Request::SyncGroup(request)
}

fn heartbeat(member: &str) -> Request {
    let request = HeartbeatRequest::default().with_group_id(group()).with_generation_id(1);
    Request::Heartbeat(request.with_member_id(text(member)))
}

fn commit(member: &str, generation: i32, offset: i64) -> Request {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
    let topic =
        OffsetCommitRequestTopic::default().with_name(TopicName(text("orders"))).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group())
        .with_member_id(text(member))
        .with_generation_id_or_member_epoch(generation)
        .with_topics(vec![topic]);
    Request::OffsetCommit(request)
}

fn fetch() -> Request {
    let topic =
        OffsetFetchRequestTopics::default().with_name(TopicName(text("orders"))).with_partition_indexes(vec![0]);
    let of = |id: &str| {
        OffsetFetchRequestGroup::default().with_group_id(GroupId(text(id))).with_topics(Some(vec![topic.clone()]))
    };
    let request = OffsetFetchRequest::default().with_groups(vec![of("g"), of("g")]).with_require_stable(true);
    Request::OffsetFetch(request)
}

fn beat(member: &str, epoch: i32) -> Request {
    let joins = epoch == 0;
    let request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id(text(member))
        .with_member_epoch(epoch)
        .with_rebalance_timeout_ms(if joins { 5_000 } else { -1 })
        .with_subscribed_topic_names(joins.then(|| vec![TopicName(text("orders"))]))
        .with_topic_partitions(joins.then(Vec::new));
    Request::ConsumerGroupHeartbeat(request)
}

/// Error and node of an answer to [`find`].
fn found(world: &World, request: i32) -> (i16, i32) {
    let Some(Response::FindCoordinator(answer)) = world.answer(request) else { panic!("no answer to {request}") };
    (answer.coordinators[0].error_code, answer.coordinators[0].node_id.0)
}

fn partition(world: &World) -> TopicPartition {
    let topic = world.image().topics.named("__consumer_offsets").expect("the topic");
    TopicPartition { topic, partition: partition_of("g", 50) }
}

/// The broker that coordinates the group, in every world here the same, and one that does not.
fn coordinator() -> (u32, u32) {
    let mut world = World::new("2", vec![(4 * SECOND, 1, find()), (6 * SECOND, 1, find())]);
    world.run_until(7 * SECOND);
    let (error, node) = found(&world, 1);
    assert_eq!(error, 0);
    (node as u32, node as u32 % 3 + 1)
}

/// A world in which the coordinator is asked these, from the sixth second on.
fn world(script: Vec<(Time, u32, Request)>) -> World {
    let mut all = vec![(4 * SECOND, 1, find())];
    all.extend(script);
    World::new("2", all)
}

fn error_of(world: &World, request: i32) -> Option<i16> {
    Some(match world.answer(request)? {
        Response::JoinGroup(it) => it.error_code,
        Response::SyncGroup(it) => it.error_code,
        Response::Heartbeat(it) => it.error_code,
        Response::OffsetCommit(it) => it.topics[0].partitions[0].error_code,
        Response::ConsumerGroupHeartbeat(it) => it.error_code,
        other => panic!("{other:?}"),
    })
}

/// There and back, each at its version.
#[test]
fn what_members_of_groups_and_their_administrators_ask_and_are_answered_travels() {
    let topic = || TopicName(text("orders"));
    let (node, _) = coordinator();
    let requests = vec![
        commit("", -1, 5),
        fetch(),
        join(""),
        heartbeat("x"),
        Request::LeaveGroup(LeaveGroupRequest::default().with_group_id(group())),
        sync("x", &["x"]),
        Request::DescribeGroups(DescribeGroupsRequest::default().with_groups(vec![group()])),
        Request::ListGroups(ListGroupsRequest::default()),
        Request::TxnOffsetCommit(
            TxnOffsetCommitRequest::default()
                .with_group_id(group())
                .with_topics(vec![TxnOffsetCommitRequestTopic::default().with_name(topic())]),
        ),
        Request::DeleteGroups(DeleteGroupsRequest::default().with_groups_names(vec![group()])),
        Request::OffsetDelete(
            OffsetDeleteRequest::default()
                .with_group_id(group())
                .with_topics(vec![OffsetDeleteRequestTopic::default().with_name(topic())]),
        ),
        beat("m", 0),
        Request::ConsumerGroupDescribe(ConsumerGroupDescribeRequest::default().with_group_ids(vec![group()])),
    ];
    let asked_for: Vec<Api> = requests.iter().map(Request::api).collect();
    let at = |place: usize| 6 * SECOND + place as Time * SECOND;
    let script = requests.into_iter().enumerate().map(|(place, request)| (at(place), node, request)).collect();
    let mut world = world(script);
    world.run_until(20 * SECOND);
    let answers = (1..=13).filter_map(|request| world.answer(request)).map(Response::api);
    assert_eq!(answers.collect::<Vec<_>>(), asked_for);
}

#[test]
fn the_first_who_asks_for_a_coordinator_lets_its_topic_be_made() {
    let script = vec![(4 * SECOND, 3, find()), (4 * SECOND, 2, find()), (6 * SECOND, 2, find())];
    let mut world = World::new("1", script);
    world.run_until(7 * SECOND);
    let not_available = ResponseError::CoordinatorNotAvailable.code();
    assert_eq!((found(&world, 0), found(&world, 1)), ((not_available, -1), (not_available, -1)));
    let topic = world.image().topics.get(partition(&world).topic).expect("the topic");
    assert_eq!((topic.partitions.len(), topic.partitions[0].replicas.len()), (50, 3));
    assert_eq!(topic.config.get("cleanup.policy").map(String::as_str), Some("compact"));
    assert_eq!(topic.config.get("segment.bytes").map(String::as_str), Some("104857600"));
    let leader = world.image().partition(partition(&world)).expect("the partition").leader;
    assert_eq!(found(&world, 2), (0, leader));
}

#[test]
fn a_classic_group_waits_for_its_members_and_outlives_its_coordinator() {
    let (node, other) = coordinator();
    let third = 6 - node - other;
    let mut script = vec![
        (6 * SECOND, other, join("")),
        (6 * SECOND, node, join("")),
        (7 * SECOND, node, join("@2")),
        (12 * SECOND, node, sync("@2", &["@2"])),
        (13 * SECOND, node, commit("@2", 1, 5)),
    ];
    let survivors = [other, third];
    for broker in survivors {
        script.extend([(30 * SECOND, broker, heartbeat("@2")), (30 * SECOND, broker, fetch())]);
    }
    let mut world = world(script);
    world.run_until(8 * SECOND);
    assert_eq!(error_of(&world, 1), Some(ResponseError::NotCoordinator.code()));
    assert_eq!(error_of(&world, 3), None, "an empty group waits for more members");
    world.run_until(14 * SECOND);
    let Some(Response::JoinGroup(joined)) = world.answer(3) else { panic!("no answer") };
    assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, 1, 1));
    let waited = world.answered_at(3).expect("an answer") - 7 * SECOND;
    assert!((3 * SECOND..4 * SECOND).contains(&waited), "{waited} us, by group.initial.rebalance.delay.ms");
    let Some(Response::SyncGroup(synced)) = world.answer(4) else { panic!("no answer") };
    assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"@2"[..]));
    assert_eq!(error_of(&world, 5), Some(0));
    world.kernel.apply(Fault::Kill(node));
    world.run_until(31 * SECOND);
    let leader = world.image().partition(partition(&world)).expect("the partition").leader as u32;
    for (place, broker) in survivors.into_iter().enumerate() {
        let request = 6 + 2 * place as i32;
        let expected = if broker == leader { 0 } else { ResponseError::NotCoordinator.code() };
        assert_eq!(error_of(&world, request), Some(expected));
        let Some(Response::OffsetFetch(fetched)) = world.answer(request + 1) else { panic!("no answer") };
        assert_eq!((fetched.groups.len(), fetched.groups[0].error_code), (2, expected));
        if broker == leader {
            assert_eq!(fetched.groups[1].topics[0].partitions[0].committed_offset, 5);
        }
    }
}

#[test]
fn a_consumer_group_is_assigned_by_its_coordinator_and_outlives_it() {
    let (node, other) = coordinator();
    let third = 6 - node - other;
    let mut script =
        vec![(6 * SECOND, node, beat("m", 0)), (7 * SECOND, node, beat("m", 2)), (8 * SECOND, node, commit("m", 2, 5))];
    script.extend([other, third].map(|broker| (30 * SECOND, broker, beat("m", 2))));
    script
        .extend([other, third].map(|broker| (31 * SECOND, broker, Request::ListGroups(ListGroupsRequest::default()))));
    let describe = DescribeGroupsRequest::default().with_groups(vec![GroupId(text("x")), group()]);
    script.extend([other, third].map(|broker| (32 * SECOND, broker, Request::DescribeGroups(describe.clone()))));
    let mut world = world(script);
    world.run_until(9 * SECOND);
    let Some(Response::ConsumerGroupHeartbeat(joined)) = world.answer(1) else { panic!("no answer") };
    assert_eq!((joined.error_code, joined.member_epoch), (0, 2));
    let assigned = &joined.assignment.as_ref().expect("an assignment").topic_partitions;
    assert_eq!(assigned[0].partitions, [0]);
    assert_eq!((error_of(&world, 2), error_of(&world, 3)), (Some(0), Some(0)));
    world.kernel.apply(Fault::Kill(node));
    world.run_until(33 * SECOND);
    let mut errors = [4, 5].map(|request| error_of(&world, request).expect("an answer"));
    errors.sort_unstable();
    assert_eq!(errors, [0, ResponseError::NotCoordinator.code()]);
    let listed = [6, 7].map(|request| match world.answer(request) {
        Some(Response::ListGroups(answer)) => answer.groups.len(),
        other => panic!("{other:?}"),
    });
    assert_eq!(listed.iter().sum::<usize>(), 1, "whoever leads its partition lists it");
    for request in [8, 9] {
        let Some(Response::DescribeGroups(answer)) = world.answer(request) else { panic!("no answer") };
        assert_eq!(answer.groups.len(), 2, "each group is described by itself");
        assert_eq!(&*answer.groups[1].group_id.0, "g");
    }
}

#[test]
fn a_member_that_waits_is_told_when_its_coordinator_leads_no_more() {
    let (node, _) = coordinator();
    let mut world = world(vec![(6 * SECOND, node, join("")), (7 * SECOND, node, join("@1"))]);
    world.run_until(8 * SECOND);
    world.kernel.apply(Fault::Terminate(node));
    world.run_until(12 * SECOND);
    assert_eq!(error_of(&world, 2), Some(ResponseError::NotCoordinator.code()));
}

/// How long the coordinator that takes over answers COORDINATOR_LOAD_IN_PROGRESS, in its own log many offsets of one partition.
fn loading_after_many_commits(log_cleaner_enable: bool) -> Time {
    const COMMITS: u64 = 2_500;
    const LONG: usize = 4_000;
    let (node, other) = coordinator();
    let third = 6 - node - other;
    let mut script = vec![(4 * SECOND, 1, find())];
    for number in 0..COMMITS {
        let Request::OffsetCommit(mut request) = commit("", -1, number as i64) else { unreachable!("it is a commit") };
        request.topics[0].partitions[0].committed_metadata = Some(text(&"m".repeat(LONG)));
        script.push((6 * SECOND + number * 4 * MILLISECOND, node, Request::OffsetCommit(request)));
    }
    const STEP: Time = 10 * MILLISECOND;
    let asked = 1_000;
    for number in 0..asked {
        let broker = if number % 2 == 0 { other } else { third };
        script.push((18 * SECOND + number * STEP / 2, broker, fetch()));
    }
    let config = BrokerConfig {
        log_cleaner_enable,
        log_cleaner_backoff_ms: 200,
        offsets_topic_segment_bytes: 1 << 20,
        broker_session_timeout_ms: 3_000,
        broker_heartbeat_interval_ms: 500,
        ..BrokerConfig::default()
    };
    let mut world = World::with(BrokerSettings::of(&config, 1, 3), "2", script);
    world.run_until(18 * SECOND);
    world.kernel.apply(Fault::Terminate(node));
    world.run_until(26 * SECOND);
    let first = 2 + COMMITS as i32;
    let errors = (first..first + asked as i32).filter_map(|request| match world.answer(request)? {
        Response::OffsetFetch(answer) => Some(answer.groups[0].error_code),
        other => panic!("{other:?}"),
    });
    let errors: Vec<i16> = errors.collect();
    assert!(errors.contains(&0), "somebody coordinates again: {errors:?}");
    let loading = ResponseError::CoordinatorLoadInProgress.code();
    errors.iter().filter(|error| **error == loading).count() as u64 * STEP
}

#[test]
fn a_dead_cleaner_and_a_long_log_of_offsets_make_a_failover_slow() {
    let (alive, dead) = (loading_after_many_commits(true), loading_after_many_commits(false));
    // Ten megabytes at fifty a second, against the segment that is not closed yet.
    assert!(dead >= 150 * MILLISECOND && alive * 3 < dead, "{alive} {dead}");
}
