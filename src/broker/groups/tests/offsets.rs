//! Offsets that groups commit, and administrators.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_commit_response::OffsetCommitResponseTopic;
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, TopicName, TxnOffsetCommitRequest,
};

use uuid::Uuid;

use super::super::records::Key;
use super::bench::{Bench, text};
use crate::wire::{Request, Response};

const HOUR_MS: u64 = 3_600_000;

fn group() -> GroupId {
    GroupId(text("g"))
}

fn commit_as(bench: &mut Bench, member: &str, generation: i32, topic: &str, offset: i64) -> i16 {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(offset)
        .with_committed_leader_epoch(-1)
        .with_committed_metadata(Some(text("m")));
    let topics =
        vec![OffsetCommitRequestTopic::default().with_name(TopicName(text(topic))).with_partitions(vec![partition])];
    let request = OffsetCommitRequest::default()
        .with_group_id(group())
        .with_member_id(text(member))
        .with_generation_id_or_member_epoch(generation)
        .with_topics(topics);
    let Response::OffsetCommit(answer) = bench.call(Request::OffsetCommit(request)) else { panic!("a commit's") };
    answer.topics[0].partitions[0].error_code
}

fn commit(bench: &mut Bench, topic: &str, offset: i64) -> i16 {
    commit_as(bench, "", -1, topic, offset)
}

fn commit_in_transaction(bench: &mut Bench, producer: i64, offset: i64) -> i16 {
    let partition = TxnOffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(offset)
        .with_committed_leader_epoch(-1);
    let topics =
        vec![TxnOffsetCommitRequestTopic::default().with_name(TopicName(text("t"))).with_partitions(vec![partition])];
    let request = TxnOffsetCommitRequest::default()
        .with_group_id(group())
        .with_producer_id(producer.into())
        .with_producer_epoch(0)
        .with_generation_id(-1)
        .with_topics(topics);
    let response = bench.call(Request::TxnOffsetCommit(request));
    let Response::TxnOffsetCommit(answer) = response else { panic!("a commit's") };
    answer.topics[0].partitions[0].error_code
}

/// Offset and error of `t`-0.
fn fetch(bench: &mut Bench, require_stable: bool) -> (i64, i16) {
    let topics =
        vec![OffsetFetchRequestTopics::default().with_name(TopicName(text("t"))).with_partition_indexes(vec![0])];
    let asked = OffsetFetchRequestGroup::default().with_group_id(group()).with_topics(Some(topics));
    let request = OffsetFetchRequest::default().with_groups(vec![asked]).with_require_stable(require_stable);
    let Response::OffsetFetch(answer) = bench.call(Request::OffsetFetch(request)) else { panic!("a fetch's") };
    let partition = &answer.groups[0].topics[0].partitions[0];
    (partition.committed_offset, partition.error_code)
}

fn delete(bench: &mut Bench, topic: &str) -> (i16, i16) {
    let partitions = vec![OffsetDeleteRequestPartition::default()];
    let topics =
        vec![OffsetDeleteRequestTopic::default().with_name(TopicName(text(topic))).with_partitions(partitions)];
    let request = OffsetDeleteRequest::default().with_group_id(group()).with_topics(topics);
    let Response::OffsetDelete(answer) = bench.call(Request::OffsetDelete(request)) else { panic!("a deletion's") };
    (answer.error_code, answer.topics.first().map_or(0, |topic| topic.partitions[0].error_code))
}

fn delete_group(bench: &mut Bench) -> i16 {
    let request = DeleteGroupsRequest::default().with_groups_names(vec![group()]);
    let Response::DeleteGroups(answer) = bench.call(Request::DeleteGroups(request)) else { panic!("a deletion's") };
    answer.results[0].error_code
}

fn list(bench: &mut Bench, states: &[&str], types: &[&str]) -> Vec<(String, String, String)> {
    let texts = |names: &[&str]| names.iter().map(|name| text(name)).collect();
    let request = ListGroupsRequest::default().with_states_filter(texts(states)).with_types_filter(texts(types));
    let Response::ListGroups(answer) = bench.call(Request::ListGroups(request)) else { panic!("a list") };
    let groups = answer.groups.into_iter();
    groups.map(|it| (it.group_id.0.to_string(), it.group_state.to_string(), it.group_type.to_string())).collect()
}

#[test]
fn whoever_is_no_member_commits_for_a_group_without_members() {
    let mut bench = Bench::new(&[("t", 1)]);
    assert_eq!(fetch(&mut bench, false), (-1, 0), "a group that is not there has committed nothing");
    assert_eq!(commit(&mut bench, "t", 7), 0);
    assert_eq!(fetch(&mut bench, false), (7, 0));
    assert_eq!(commit(&mut bench, "none", 7), ResponseError::UnknownTopicOrPartition.code());
    assert_eq!(commit_as(&mut bench, "m", 5, "t", 8), ResponseError::UnknownMemberId.code());
    bench.fail_over();
    assert_eq!(fetch(&mut bench, true), (7, 0));
    let simple = ("g".to_owned(), "Empty".to_owned(), "classic".to_owned());
    assert_eq!(list(&mut bench, &[], &[]), [simple]);
}

#[test]
fn a_generation_of_a_group_that_is_not_there_is_refused() {
    let mut bench = Bench::new(&[("t", 1)]);
    assert_eq!(commit_as(&mut bench, "nobody", 5, "t", 1), ResponseError::GroupIdNotFound.code());
}

#[test]
fn a_read_sees_what_is_committed_and_a_stable_one_waits_for_what_is_written() {
    let mut bench = Bench::new(&[("t", 1)]);
    commit(&mut bench, "t", 1);
    bench.hold();
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(2);
    let topics =
        vec![OffsetCommitRequestTopic::default().with_name(TopicName(text("t"))).with_partitions(vec![partition])];
    let request = OffsetCommitRequest::default().with_group_id(group()).with_generation_id_or_member_epoch(-1);
    let number = bench.ask(Request::OffsetCommit(request.with_topics(topics)));
    assert!(!bench.is_answered(number));
    assert_eq!(fetch(&mut bench, false), (1, 0));
    bench.release();
    assert!(bench.is_answered(number));
    assert_eq!(fetch(&mut bench, false), (2, 0));
}

#[test]
fn what_is_said_with_an_offset_may_be_too_long() {
    let mut bench = Bench::new(&[("t", 1)]);
    bench.settings.groups.offset_metadata_max_bytes = 0;
    assert_eq!(commit(&mut bench, "t", 1), ResponseError::OffsetMetadataTooLarge.code());
    assert!(bench.log.is_empty());
}

#[test]
fn offsets_of_a_transaction_count_once_it_is_committed() {
    let mut bench = Bench::new(&[("t", 1)]);
    commit(&mut bench, "t", 1);
    assert_eq!(commit_in_transaction(&mut bench, 9, 5), 0);
    assert_eq!(fetch(&mut bench, false), (1, 0));
    assert_eq!(fetch(&mut bench, true), (-1, ResponseError::UnstableOffsetCommit.code()));
    bench.end_transaction(9, true);
    assert_eq!((fetch(&mut bench, false), fetch(&mut bench, true)), ((5, 0), (5, 0)));
    commit_in_transaction(&mut bench, 9, 8);
    bench.end_transaction(9, false);
    assert_eq!(fetch(&mut bench, true), (5, 0), "an aborted one changes nothing");
}

#[test]
fn of_a_plain_and_a_transactional_commit_the_one_whose_record_is_later_counts() {
    let mut bench = Bench::new(&[("t", 1)]);
    commit_in_transaction(&mut bench, 9, 5);
    commit(&mut bench, "t", 3);
    bench.end_transaction(9, true);
    assert_eq!(fetch(&mut bench, false), (3, 0));
}

#[test]
fn pending_offsets_of_a_transaction_outlive_a_change_of_leader() {
    let mut bench = Bench::new(&[("t", 1)]);
    commit_in_transaction(&mut bench, 9, 5);
    bench.fail_over();
    assert_eq!(fetch(&mut bench, true), (-1, ResponseError::UnstableOffsetCommit.code()));
    bench.end_transaction(9, true);
    assert_eq!(fetch(&mut bench, true), (5, 0));
}

#[test]
fn offsets_are_deleted_one_by_one_and_with_their_topic() {
    let mut bench = Bench::new(&[("t", 1), ("u", 1)]);
    assert_eq!(delete(&mut bench, "t"), (ResponseError::GroupIdNotFound.code(), 0));
    commit(&mut bench, "t", 1);
    commit(&mut bench, "u", 2);
    assert_eq!(delete(&mut bench, "none"), (0, ResponseError::UnknownTopicOrPartition.code()));
    assert_eq!(delete(&mut bench, "t"), (0, 0));
    assert_eq!(fetch(&mut bench, false), (-1, 0));
    commit(&mut bench, "t", 3);
    let before = bench.log.len();
    bench.delete_topics(&["u"]);
    let gone = Key::Offset { group: "g".to_owned(), topic: "u".to_owned(), partition: 0 };
    assert_eq!(bench.written_since(before), [(gone, false)]);
    assert_eq!(fetch(&mut bench, false), (3, 0));
}

#[test]
fn a_group_without_members_is_deleted_with_its_offsets() {
    let mut bench = Bench::new(&[("t", 1)]);
    assert_eq!(delete_group(&mut bench), ResponseError::GroupIdNotFound.code());
    commit(&mut bench, "t", 1);
    commit_in_transaction(&mut bench, 9, 5);
    let before = bench.log.len();
    assert_eq!(delete_group(&mut bench), 0);
    assert_eq!(bench.written_since(before).len(), 2, "the offset, once, and the group");
    assert_eq!((fetch(&mut bench, true), list(&mut bench, &[], &[])), ((-1, 0), vec![]));
}

#[test]
fn groups_are_listed_by_state_and_type_and_described() {
    let mut bench = Bench::new(&[("t", 1)]);
    commit(&mut bench, "t", 1);
    assert_eq!(list(&mut bench, &["empty"], &["Classic"]).len(), 1);
    assert_eq!(list(&mut bench, &["Stable"], &[]), []);
    assert_eq!(list(&mut bench, &[], &["consumer"]), []);
    let mut describe = |id: &str| {
        let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(id))]);
        let Response::DescribeGroups(answer) = bench.call(Request::DescribeGroups(request)) else { panic!("it") };
        let group = &answer.groups[0];
        (group.error_code, group.group_state.to_string(), group.error_message.as_ref().map(ToString::to_string))
    };
    assert_eq!(describe("g"), (0, "Empty".to_owned(), None));
    let none = (ResponseError::GroupIdNotFound.code(), "Dead".to_owned(), Some("Group x not found.".to_owned()));
    assert_eq!(describe("x"), none);
}

#[test]
fn offsets_of_a_group_without_members_expire_by_their_age_and_the_group_with_them() {
    let mut bench = Bench::new(&[("t", 1), ("u", 1)]);
    commit(&mut bench, "t", 1);
    bench.sleep(24 * HOUR_MS);
    commit(&mut bench, "u", 1);
    bench.sleep(6 * 24 * HOUR_MS + HOUR_MS);
    assert_eq!(fetch(&mut bench, false), (-1, 0), "after offsets.retention.minutes");
    assert_eq!(list(&mut bench, &[], &[]).len(), 1);
    bench.sleep(24 * HOUR_MS);
    assert_eq!(list(&mut bench, &[], &[]), []);
}

#[test]
fn offsets_of_a_transaction_that_is_not_over_do_not_expire() {
    let mut bench = Bench::new(&[("t", 1)]);
    commit(&mut bench, "t", 1);
    commit_in_transaction(&mut bench, 9, 5);
    bench.sleep(9 * 24 * HOUR_MS);
    assert_eq!((fetch(&mut bench, false), list(&mut bench, &[], &[]).len()), ((1, 0), 1));
}

/// What a commit at version 10 is answered: topics by the last digit of their ids, and each partition with its error.
fn commit_by_id(bench: &mut Bench, generation: i32, topics: &[(u128, &[i32])]) -> Vec<(u128, Vec<(i32, i16)>)> {
    let topics = topics.iter().map(|(id, partitions)| {
        let partition = |it: &i32| OffsetCommitRequestPartition::default().with_partition_index(*it);
        let topic = OffsetCommitRequestTopic::default().with_topic_id(Uuid::from_u128(*id));
        topic.with_partitions(partitions.iter().map(partition).collect())
    });
    let request = OffsetCommitRequest::default()
        .with_group_id(group())
        .with_generation_id_or_member_epoch(generation)
        .with_topics(topics.collect());
    let Response::OffsetCommit(answer) = bench.call(Request::OffsetCommit(request)) else { panic!("a commit's") };
    assert!(answer.topics.iter().all(|topic| topic.name.0.is_empty()), "they are named by their ids");
    let partitions = |it: &OffsetCommitResponseTopic| {
        it.partitions.iter().map(|it| (it.partition_index, it.error_code)).collect::<Vec<_>>()
    };
    answer.topics.iter().map(|it| (it.topic_id.as_u128(), partitions(it))).collect()
}

/// Exchange for exchange what a real 4.3.1 answered.
#[test]
fn offsets_are_committed_of_topics_by_their_ids() {
    const UNKNOWN: i16 = 100;
    let mut bench = Bench::new(&[("t", 3)]);
    bench.version = 10;
    assert_eq!(commit_by_id(&mut bench, -1, &[(7, &[0])]), [(7, vec![(0, UNKNOWN)])]);
    assert_eq!(commit_by_id(&mut bench, 3, &[(7, &[0])]), [(7, vec![(0, UNKNOWN)])], "nobody asks for the group");
    assert_eq!(commit_by_id(&mut bench, 3, &[(1, &[0])]), [(1, vec![(0, 69)])]);
    let mixed = commit_by_id(&mut bench, 3, &[(1, &[0]), (7, &[0])]);
    assert_eq!(mixed, [(7, vec![(0, UNKNOWN)]), (1, vec![(0, 69)])]);
    let all = commit_by_id(&mut bench, -1, &[(1, &[0, 9]), (7, &[0, 1]), (0, &[0])]);
    let expected = [(1, vec![(9, 3), (0, 0)]), (7, vec![(0, UNKNOWN), (1, UNKNOWN)]), (0, vec![(0, UNKNOWN)])];
    assert_eq!(all, expected);
    assert_eq!(bench.shard.offsets.places_of("g"), [("t".to_owned(), 0)].into());
}
