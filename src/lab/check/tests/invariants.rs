//! Invariants of a cluster.

use super::*;

#[test]
fn a_high_watermark_that_rises_in_the_event_of_an_election_did_not_fall() {
    let mut scene = Scene::new(&[0, 1, 2, 3, 4, 5]);
    let epoch = scene.change_leader(2, false);
    // Evidence shows the end of the event; its notes tell what came before.
    scene.high_watermarks.insert(2, 6);
    scene.tell(Note::BecameLeader {
        broker: 2,
        partition: ORDERS,
        leader_epoch: epoch,
        log_end_offset: 6,
        high_watermark: 4,
    });
    scene.tell(Note::HighWatermark { broker: 2, partition: ORDERS, offset: 5 });
    scene.tell(Note::HighWatermark { broker: 2, partition: ORDERS, offset: 6 });
    assert_eq!(scene.kinds(), []);
}

#[test]
fn two_leaders_in_one_epoch_are_found() {
    let mut scene = Scene::new(&[]);
    scene.tell(scene.leads(3, 1, 0));
    assert_eq!(scene.kinds(), [FindingKind::TwoLeadersOneEpoch]);
}

#[test]
fn an_epoch_that_falls_is_found() {
    let mut scene = Scene::new(&[]);
    scene.elect(2, false, 0);
    scene.partition().leader_epoch = 0;
    scene.elect(3, false, 0);
    assert_eq!(scene.kinds()[0], FindingKind::LeaderEpochFell);
}

#[test]
fn a_high_watermark_above_the_log_end_is_found() {
    let mut scene = Scene::new(&[0]);
    scene.moves(2, 2);
    assert_eq!(scene.kinds(), [FindingKind::HwAboveLeo, FindingKind::HwAboveLeaders]);
}

#[test]
fn a_leaders_high_watermark_may_not_fall_and_a_followers_may() {
    let mut scene = Scene::new(&[0, 1]);
    [(1, 2), (2, 2), (2, 1), (1, 1)].into_iter().for_each(|(broker, to)| scene.moves(broker, to));
    assert_eq!(scene.kinds(), [FindingKind::LeaderHwFell]);
}

#[test]
fn a_stranger_in_the_isr_is_found() {
    let mut scene = Scene::new(&[]);
    scene.partition().isr.push(4);
    scene.elect(2, false, 0);
    assert_eq!(scene.kinds(), [FindingKind::IsrNotSubset]);
}

#[test]
fn an_isr_member_without_committed_records_is_found() {
    let mut scene = Scene::new(&[0, 1]);
    scene.logs.insert(3, vec![record(0)]);
    scene.moves(1, 2);
    assert_eq!(scene.kinds(), [FindingKind::IsrMemberLacksRecords]);
    let mut scene = Scene::new(&[0, 1]);
    scene.logs.insert(3, vec![record(0)]);
    scene.partition().isr = vec![1, 2];
    scene.moves(1, 2);
    assert_eq!(scene.kinds(), []);
}

#[test]
fn replicas_that_differ_below_both_high_watermarks_are_found() {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.logs.insert(3, [0, 5, 2].map(record).to_vec());
    scene.moves(1, 3);
    scene.moves(3, 1);
    assert_eq!(scene.kinds(), []);
    scene.moves(3, 3);
    assert_eq!(scene.kinds(), [FindingKind::ReplicasDiverge]);
}

#[test]
fn a_committed_record_may_be_lost_by_an_unclean_election_only() {
    for (unclean, expected) in [(false, vec![FindingKind::CommittedRecordLost]), (true, vec![])] {
        let mut scene = Scene::new(&[0, 1, 2]);
        scene.moves(1, 3);
        scene.high_watermarks.insert(2, 1);
        scene.elect(2, unclean, 1);
        assert_eq!(scene.kinds(), expected);
    }
}

#[test]
fn a_committed_record_may_be_lost_when_all_of_the_isr_lost_power() {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.moves(1, 3);
    for broker in 1..=3 {
        scene.show(|_, invariants, view, _| invariants.lost_power(broker, view));
    }
    scene.elect(2, false, 1);
    assert_eq!(scene.kinds(), []);
    // Broker 2 was in the ISR when it fell below its minimum, and has kept its power.
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.moves(1, 3);
    scene.partition().isr = vec![1];
    scene.partition().elr = vec![2];
    scene.show(|_, invariants, view, _| invariants.lost_power(1, view));
    scene.partition().isr = vec![2];
    scene.elect(2, false, 1);
    assert_eq!(scene.kinds(), [FindingKind::CommittedRecordLost]);
}

#[test]
fn a_partition_epoch_that_falls_is_found() {
    let mut scene = Scene::new(&[]);
    scene.elect(2, false, 0);
    scene.partition().partition_epoch = 0;
    scene.elect(3, false, 0);
    assert_eq!(scene.kinds(), [FindingKind::LeaderEpochFell]);
}

#[test]
fn a_committed_record_that_is_gone_is_found_though_it_was_never_acknowledged() {
    let mut scene = Scene::new(&[0, 1]);
    scene.moves(1, 2);
    scene.logs.insert(2, vec![record(0)]);
    scene.high_watermarks.insert(2, 1);
    scene.elect(2, false, 1);
    assert_eq!(scene.kinds(), [FindingKind::CommittedRecordLost]);
}

#[test]
fn a_partition_may_have_no_leader_and_an_empty_isr() {
    let mut scene = Scene::new(&[0, 1]);
    scene.moves(1, 2);
    scene.partition().isr.clear();
    scene.partition().elr = vec![1];
    scene.change_leader(-1, false);
    assert_eq!(scene.finish(), []);
}

#[test]
fn two_brokers_may_lead_in_different_epochs_while_one_has_not_heard() {
    let mut scene = Scene::new(&[0, 1]);
    scene.elect(2, false, 2);
    scene.moves(1, 2);
    scene.moves(2, 2);
    // One that learns late of an epoch that is over has less, and serves nobody.
    scene.elect(3, false, 2);
    scene.logs.insert(2, vec![record(0)]);
    scene.tell(scene.leads(2, 2, 1));
    assert_eq!(scene.finish(), []);
}

#[test]
fn the_high_watermark_of_a_leader_may_be_lower_in_its_next_life_and_in_its_next_epoch() {
    let mut scene = Scene::new(&[0, 1]);
    scene.moves(1, 2);
    scene.incarnations.insert(1, 2);
    scene.moves(1, 1);
    scene.elect(1, false, 2);
    scene.moves(1, 1);
    assert_eq!(scene.finish(), []);
}

#[test]
fn a_member_of_the_isr_that_lost_power_or_is_not_registered_again_may_lack_records() {
    for lost_power in [true, false] {
        let mut scene = Scene::new(&[0, 1]);
        scene.logs.insert(3, vec![record(0)]);
        scene.high_watermarks.insert(3, 1);
        if lost_power {
            scene.down.insert(3);
            scene.show(|_, invariants, view, _| invariants.lost_power(3, view));
        } else {
            scene.incarnations.insert(3, 2);
        }
        scene.moves(1, 2);
        assert_eq!(scene.kinds(), []);
        scene.down.clear();
        scene.tell(Note::Registered { broker: 3, broker_epoch: 9 });
        scene.moves(1, 2);
        assert_eq!(scene.kinds(), [FindingKind::IsrMemberLacksRecords]);
    }
}

#[test]
fn who_is_back_before_its_session_ends_serves_nobody_until_it_is_registered() {
    let mut scene = Scene::new(&[0, 1]);
    let former = BrokerImage {
        incarnation: incarnation_id(1, 1),
        epoch: 1,
        fenced: false,
        in_controlled_shutdown: false,
        rack: None,
    };
    scene.image.brokers.insert(1, former);
    (1..=3).for_each(|broker| scene.moves(broker, 2));
    scene.acknowledge(0, 0);
    scene.acknowledge(1, 1);
    // It lost power, and leads by the metadata of its former life.
    scene.incarnations.insert(1, 2);
    scene.logs.insert(1, vec![record(0)]);
    scene.high_watermarks.insert(1, 1);
    scene.tell(scene.leads(1, 1, 1));
    assert_eq!(scene.kinds(), []);
    // A controller that would leave it the leader would let it serve.
    scene.image.brokers.entry(1).and_modify(|broker| broker.incarnation = incarnation_id(1, 2));
    scene.tell(Note::Registered { broker: 1, broker_epoch: 7 });
    assert_eq!(scene.kinds(), [FindingKind::CommittedRecordLost]);
    assert_eq!(scene.finish(), [FindingKind::CommittedRecordLost, FindingKind::LostWrite]);
}

#[test]
fn brokers_that_take_turns_without_meeting_may_part_more_than_once() {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.moves(1, 3);
    scene.moves(2, 1);
    scene.partition().isr = vec![2];
    scene.logs.insert(2, [0, 5, 6].map(record).to_vec());
    scene.high_watermarks.insert(2, 1);
    scene.elect(2, true, 1);
    scene.moves(2, 3);
    // Broker 1 was away, and has what was committed before.
    scene.partition().isr = vec![1];
    scene.high_watermarks.insert(1, 3);
    scene.elect(1, true, 3);
    scene.moves(1, 3);
    assert_eq!(scene.kinds(), []);
}

/// A checkpoint may lie above what is left of the log it is of.
#[test]
fn a_broker_that_is_back_has_its_high_watermarks_within_its_logs() {
    let back = |high_watermark: i64| {
        let mut scene = Scene::new(&[0, 1]);
        scene.incarnations.insert(3, 2);
        scene.logs.insert(3, vec![record(0)]);
        scene.high_watermarks.insert(3, high_watermark);
        scene.tell(Note::Registered { broker: 3, broker_epoch: 9 });
        scene.kinds()
    };
    assert_eq!((back(1), back(2)), (vec![], vec![FindingKind::HwAboveLeo]));
}
