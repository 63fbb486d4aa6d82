//! Members of groups against a scripted coordinator: what they make of each error.

use kafka_protocol::error::ResponseError;

use crate::client::consumer::{ConsumerSettings, OffsetReset};
use crate::client::fake_broker::{FakeBroker, World, image};
use crate::client::fake_group::FakeGroup;
use crate::settings::GroupProtocol;
use crate::sim::fault::Fault;
use crate::sim::{MILLISECOND, SECOND};
use crate::wire::Api;

fn settings(protocol: GroupProtocol) -> ConsumerSettings {
    let mut settings = ConsumerSettings { auto_offset_reset: OffsetReset::Earliest, ..ConsumerSettings::default() };
    settings.group.id = Some("g".to_owned());
    settings.group.protocol = protocol;
    settings.group.heartbeat_interval_us = SECOND;
    settings.group.auto_commit_interval_us = None;
    settings
}

/// Two brokers with three records, the first of them leading and coordinating.
fn brokers(group: FakeGroup) -> [FakeBroker; 2] {
    let mut broker = FakeBroker { image: image(1, 1, 0), coordinates: true, group, ..FakeBroker::default() };
    (0..3).for_each(|number| broker.write(0, &format!("p-{number}")));
    [broker.clone(), broker]
}

/// What a member asked for, and what its program was told, in four seconds in which an API is answered so at first.
fn met(protocol: GroupProtocol, api: Api, errors: &[i16]) -> (Vec<String>, Vec<String>) {
    met_by(settings(protocol), api, errors)
}

fn met_by(settings: ConsumerSettings, api: Api, errors: &[i16]) -> (Vec<String>, Vec<String>) {
    let group = FakeGroup::with(api, errors.iter().copied());
    let mut world = World::of_committing_consumer(settings, brokers(group));
    world.run_until(4 * SECOND);
    (world.broker(1).group.asked.clone(), world.reading().told.clone())
}

/// How often a coordinator was looked for.
fn look_ups(protocol: GroupProtocol, api: Api, errors: &[i16]) -> usize {
    let group = FakeGroup::with(api, errors.iter().copied());
    let mut world = World::of_committing_consumer(settings(protocol), brokers(group));
    world.run_until(4 * SECOND);
    world.look_ups()
}

const CLASSIC: GroupProtocol = GroupProtocol::Classic;
const MODERN: GroupProtocol = GroupProtocol::Consumer;
const JOINED: [&str; 5] = ["join as ''", "join as 'm1'", "sync 1", "offsets", "commit 3 in 1"];

#[test]
fn a_member_joins_reads_commits_and_beats() {
    let (asked, told) = met(CLASSIC, Api::Heartbeat, &[]);
    assert_eq!(asked, [&JOINED[..], &["beat 1"]].concat());
    assert_eq!(told, ["assigned 1", "committed 0"]);
    let (asked, told) = met(MODERN, Api::Heartbeat, &[]);
    assert_eq!(asked, ["report 0 with 0", "report 1 with 1", "offsets", "commit 3 in 1", "report 1"]);
    assert_eq!(told, ["assigned 1", "committed 0"]);
}

#[test]
fn what_may_pass_is_tried_again() {
    // COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE.
    for error in [14, 15, 16] {
        let (asked, told) = met(CLASSIC, Api::JoinGroup, &[0, error]);
        assert_eq!(asked[..4], ["join as ''", "join as 'm1'", "join as 'm1'", "sync 1"], "{error}");
        assert_eq!(told, ["assigned 1", "committed 0"], "{error}");
        let (asked, _) = met(CLASSIC, Api::SyncGroup, &[error]);
        assert_eq!(asked[..5], ["join as ''", "join as 'm1'", "sync 1", "join as 'm1'", "sync 2"], "{error}");
        let (asked, told) = met(CLASSIC, Api::Heartbeat, &[error]);
        assert_eq!(asked, [&JOINED[..], &["beat 1"]].concat(), "{error}");
        assert_eq!(told, ["assigned 1", "committed 0"], "{error}");
        let (asked, told) = met(CLASSIC, Api::OffsetCommit, &[error]);
        assert_eq!(asked, [&JOINED[..], &["commit 3 in 1", "beat 1"]].concat(), "{error}");
        assert_eq!(told, ["assigned 1", "committed 0"], "{error}");
        let (asked, _) = met(CLASSIC, Api::OffsetFetch, &[error]);
        assert_eq!(asked[2..5], ["sync 1", "offsets", "offsets"], "{error}");
        let (asked, told) = met(MODERN, Api::ConsumerGroupHeartbeat, &[error]);
        assert_eq!(asked[..3], ["report 0 with 0", "report 0 with 0", "report 1 with 1"], "{error}");
        assert_eq!(told, ["assigned 1", "committed 0"], "{error}");
        let (asked, told) = met(MODERN, Api::ConsumerGroupHeartbeat, &[0, 0, error]);
        assert_eq!(
            asked[4..],
            ["report 1", "report 1 with 1", "report 1"],
            "behind an error all is said again: {error}"
        );
        assert_eq!(told, ["assigned 1", "committed 0"], "{error}");
        let (asked, told) = met(MODERN, Api::OffsetCommit, &[error]);
        assert_eq!(asked[3..5], ["commit 3 in 1", "commit 3 in 1"], "{error}");
        assert_eq!(told, ["assigned 1", "committed 0"], "{error}");
    }
    // UNSTABLE_OFFSET_COMMIT: a transaction may yet change it.
    let (asked, told) = met(CLASSIC, Api::OffsetFetch, &[88, 88]);
    assert_eq!(asked[3..6], ["offsets"; 3]);
    assert_eq!(told, ["assigned 1", "committed 0"]);
}

#[test]
fn a_coordinator_that_is_another_one_is_looked_for() {
    for (protocol, api) in [
        (CLASSIC, Api::JoinGroup),
        (CLASSIC, Api::SyncGroup),
        (CLASSIC, Api::Heartbeat),
        (CLASSIC, Api::OffsetCommit),
        (MODERN, Api::ConsumerGroupHeartbeat),
        (MODERN, Api::OffsetCommit),
    ] {
        // COORDINATOR_LOAD_IN_PROGRESS says that it is the right one. Found again it cannot be connected to at once, for its
        // connection was just ended: then it is looked for once more.
        for (error, expected) in [(0, 1), (14, 1), (15, 3), (16, 3)] {
            assert_eq!(look_ups(protocol, api, &[error]), expected, "{api} {error}");
        }
    }
    // REQUEST_TIMED_OUT of a commit.
    assert_eq!(look_ups(CLASSIC, Api::OffsetCommit, &[7]), 3);
    assert_eq!(look_ups(CLASSIC, Api::OffsetFetch, &[16]), 3);
}

#[test]
fn who_is_no_member_of_the_generation_has_lost_what_it_had_and_joins_anew() {
    // ILLEGAL_GENERATION: with its id. UNKNOWN_MEMBER_ID: as a new one.
    for (error, id, rest) in [(22, "m1", 1), (25, "", 2)] {
        let (asked, told) = met(CLASSIC, Api::Heartbeat, &[error]);
        let behind = &asked[JOINED.len() + 1..];
        assert_eq!(behind[0], format!("join as '{id}'"), "{error}");
        assert_eq!(behind[rest], "sync 2", "{error}");
        assert_eq!(told[2..4], ["lost 1", "assigned 1"], "{error}");
        let (asked, _) = met(CLASSIC, Api::SyncGroup, &[error]);
        assert_eq!(asked[3], format!("join as '{id}'"), "{error}");
        let (asked, told) = met(CLASSIC, Api::OffsetCommit, &[error]);
        assert_eq!(asked[5], format!("join as '{id}'"), "{error}");
        assert_eq!(told[1..3], [format!("committed {error}"), "lost 1".to_owned()], "{error}");
    }
    let (asked, _) = met(CLASSIC, Api::JoinGroup, &[0, 25]);
    assert_eq!(asked[..4], ["join as ''", "join as 'm1'", "join as ''", "join as 'm2'"]);
    // FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID.
    for error in [110, 25] {
        let (asked, told) = met(MODERN, Api::ConsumerGroupHeartbeat, &[0, 0, error]);
        assert_eq!(asked[4..7], ["report 1", "report 0 with 0", "report 2 with 1"], "{error}");
        assert_eq!(told[2..4], ["lost 1", "assigned 1"], "{error}");
    }
}

#[test]
fn a_group_that_rebalances_is_joined_with_what_was_read_given_up_first() {
    // REBALANCE_IN_PROGRESS.
    let (asked, told) = met(CLASSIC, Api::Heartbeat, &[27]);
    assert_eq!(asked[JOINED.len()..][..3], ["beat 1", "join as 'm1'", "sync 2"]);
    assert_eq!(told[2..4], ["revoked 1", "assigned 1"]);
    let (asked, told) = met(CLASSIC, Api::OffsetCommit, &[27]);
    assert_eq!(asked[4..7], ["commit 3 in 1", "join as 'm1'", "sync 2"]);
    assert_eq!(told[1..4], ["committed 27", "revoked 1", "assigned 1"]);
    for api in [Api::JoinGroup, Api::SyncGroup] {
        let (_, told) = met(CLASSIC, api, &[27]);
        assert_eq!(told, ["assigned 1", "committed 0"], "{api}");
    }
}

#[test]
fn what_stays_wrong_ends_the_member() {
    // INCONSISTENT_GROUP_PROTOCOL, INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT, GROUP_AUTHORIZATION_FAILED, UNSUPPORTED_VERSION,
    // GROUP_MAX_SIZE_REACHED, FENCED_INSTANCE_ID.
    for error in [23, 24, 26, 30, 35, 81, 82] {
        let (asked, told) = met(CLASSIC, Api::JoinGroup, &[error]);
        assert_eq!((asked, told), (vec!["join as ''".to_owned()], vec![format!("failed {error}")]));
    }
    for (api, before) in [(Api::SyncGroup, 0), (Api::Heartbeat, 2), (Api::OffsetCommit, 1)] {
        let (_, told) = met(CLASSIC, api, &[82]);
        assert_eq!(told[before], "failed 82", "{api}");
    }
    // INVALID_REQUEST, UNRELEASED_INSTANCE_ID, UNSUPPORTED_ASSIGNOR.
    for error in [24, 30, 35, 42, 81, 82, 111, 112] {
        let (asked, told) = met(MODERN, Api::ConsumerGroupHeartbeat, &[error]);
        assert_eq!((asked, told), (vec!["report 0 with 0".to_owned()], vec![format!("failed {error}")]));
        let (asked, told) = met(MODERN, Api::ConsumerGroupHeartbeat, &[0, 0, error]);
        assert_eq!(asked[4..], ["report 1"], "{error}");
        assert_eq!(told[2..], ["lost 1".to_owned(), format!("failed {error}")]);
    }
}

#[test]
fn a_commit_that_cannot_be_right_is_told_and_changes_nothing() {
    // OFFSET_METADATA_TOO_LARGE, INVALID_COMMIT_OFFSET_SIZE, TOPIC_AUTHORIZATION_FAILED.
    for error in [12, 28, 29] {
        let (asked, told) = met(CLASSIC, Api::OffsetCommit, &[error]);
        assert_eq!(asked, [&JOINED[..], &["beat 1"]].concat(), "{error}");
        assert_eq!(told, ["assigned 1".to_owned(), format!("committed {error}")]);
    }
    // With KIP-848 a commit tells nothing of the member, not even STALE_MEMBER_EPOCH: its reports do.
    for error in [12, 25, 28, 29, 82, 113] {
        let (asked, told) = met(MODERN, Api::OffsetCommit, &[error]);
        assert_eq!(asked[3..], ["commit 3 in 1", "report 1"], "{error}");
        assert_eq!(told, ["assigned 1".to_owned(), format!("committed {error}")]);
    }
    assert_eq!(ResponseError::StaleMemberEpoch.code(), 113);
}

#[test]
fn a_static_member_asks_for_no_id_and_stays_when_it_closes() {
    let mut settings = settings(CLASSIC);
    settings.group.instance_id = Some("i".to_owned());
    let (asked, _) = met_by(settings, Api::Heartbeat, &[]);
    assert_eq!(asked[..2], ["join as ''", "sync 1"]);
}

/// `retry.backoff.ms` lies between two searches, however the coordinator went.
#[test]
fn a_coordinator_out_of_reach_is_looked_for_once_a_back_off() {
    let faults = [Fault::Kill(1), Fault::LosePower(1), Fault::Pause(1)];
    for (protocol, fault) in [CLASSIC, MODERN].into_iter().flat_map(|it| faults.clone().map(|fault| (it, fault))) {
        for at in [SECOND, 5 * MILLISECOND, 25 * MILLISECOND, 45 * MILLISECOND] {
            let mut world = World::of_committing_consumer(settings(protocol), brokers(FakeGroup::default()));
            world.run_until(at);
            let before = world.look_ups();
            world.apply(fault.clone());
            world.run_until(at + 10 * SECOND);
            let times = world.look_ups() - before;
            // The back-off has a fifth of jitter.
            assert!(times <= 130, "{protocol:?}, {fault:?} at {at}: {times} searches in ten seconds");
        }
    }
}
