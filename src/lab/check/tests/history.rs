//! Histories of clients.

use super::*;

#[test]
fn a_good_history_has_no_finding() {
    let mut scene = Scene::new(&[0, 1, 2]);
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    (0..3).for_each(|n| scene.read(n as i64, n));
    scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 1, moved: Moved::First });
    (1..3).for_each(|n| scene.read(n as i64, n));
    (1..=3).for_each(|broker| scene.moves(broker, 3));
    scene.elect(2, false, 3);
    scene.moves(2, 3);
    assert_eq!(scene.finish(), []);
}

#[test]
fn an_acknowledged_record_that_a_new_leader_does_not_have_is_lost() {
    let mut scene = Scene::new(&[0, 1]);
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    scene.elect(2, false, 2);
    assert_eq!(scene.kinds(), [FindingKind::LostWrite]);
    assert_eq!(scene.finish(), [FindingKind::LostWrite]);
}

#[test]
fn an_acknowledgement_that_comes_after_the_election_is_lost_when_it_comes() {
    let mut scene = Scene::new(&[0]);
    scene.logs.insert(2, [0, 3].map(record).to_vec());
    scene.append(1, 0, 1);
    scene.elect(2, false, 1);
    scene.acknowledge(0, 0);
    assert_eq!(scene.kinds(), []);
    scene.acknowledge(1, 1);
    assert_eq!(scene.kinds(), [FindingKind::LostWrite]);
    scene.append(2, 1, 1);
    scene.acknowledge(3, 1);
    assert_eq!(scene.finish(), [FindingKind::LostWrite]);
}

/// Broker 1 acknowledged it alone: as long as it has the record, a leader may come that has it.
#[test]
fn what_another_replica_still_has_is_lost_when_it_is_cut_off() {
    let mut scene = Scene::new(&[0]);
    scene.logs.insert(1, [0, 1].map(record).to_vec());
    (0..2).for_each(|n| scene.acknowledge(n, n as i64));
    scene.elect(2, false, 1);
    assert_eq!(scene.kinds(), []);
    scene.findings.set_instant(25, 9);
    scene.logs.insert(1, vec![record(0)]);
    scene.tell(Note::Truncated { broker: 1, partition: ORDERS, from: 2, to: 1 });
    assert_eq!(scene.kinds(), [FindingKind::LostWrite]);
    assert_eq!(scene.findings.list()[0].event, 9);
    assert_eq!(scene.finish(), [FindingKind::LostWrite]);
}

/// Nobody cuts it off before the run ends: it has been gone since the election.
#[test]
fn what_is_found_at_the_end_is_dated_when_it_became_true() {
    let mut scene = Scene::new(&[0]);
    scene.logs.insert(1, [0, 1, 2].map(record).to_vec());
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    scene.findings.set_instant(13, 5);
    scene.elect(2, false, 1);
    scene.findings.set_instant(60, 99);
    assert_eq!(scene.finish(), [FindingKind::LostWrite]);
    let found = &scene.findings.list()[0];
    assert_eq!((found.at_us, found.event, found.count), (13, 5, 2), "two records, one cause");
}

/// An unclean election brings back who has it.
#[test]
fn what_another_replica_still_has_may_come_back() {
    let mut scene = Scene::new(&[0]);
    scene.logs.insert(1, [0, 1].map(record).to_vec());
    (0..2).for_each(|n| scene.acknowledge(n, n as i64));
    scene.elect(2, false, 1);
    scene.elect(1, true, 2);
    assert_eq!(scene.finish(), []);
}

#[test]
fn what_a_superseded_leader_acknowledges_is_lost_when_it_does() {
    let mut scene = Scene::new(&[0]);
    scene.append(1, 0, 0);
    scene.acknowledge(0, 0);
    scene.elect(2, false, 1);
    // Broker 1 does not know it yet.
    scene.append(1, 1, 1);
    scene.acknowledge(1, 1);
    assert_eq!(scene.kinds(), [FindingKind::LostWrite]);
    assert_eq!(scene.finish(), [FindingKind::LostWrite]);
}

#[test]
fn a_record_of_which_nothing_was_promised_is_not_lost() {
    let mut scene = Scene::new(&[0]);
    scene.acknowledge(0, 0);
    scene.tell(Note::SendDone {
        record: record(1),
        partition: ORDERS,
        outcome: SendOutcome::Unknown(SendError::Expired),
    });
    scene.tell(Note::SendDone {
        record: record(2),
        partition: ORDERS,
        outcome: SendOutcome::Refused(SendError::Broker(19)),
    });
    assert_eq!(scene.finish(), []);
}

#[test]
fn nothing_is_said_of_a_log_that_nobody_serves() {
    let mut scene = Scene::new(&[0]);
    (0..2).for_each(|n| scene.acknowledge(n, n as i64));
    scene.partition().leader = -1;
    assert_eq!(scene.finish(), []);
}

#[test]
fn a_record_at_two_offsets_is_a_duplicate_and_not_out_of_order() {
    let mut scene = Scene::new(&[0, 1, 0]);
    [(0, 0), (1, 1), (2, 0)].into_iter().for_each(|(offset, n)| scene.read(offset, n));
    assert_eq!(scene.finish(), [FindingKind::Duplicate]);
}

#[test]
fn a_duplicate_that_nobody_read_is_found_at_the_end() {
    assert_eq!(Scene::new(&[0, 1, 1]).finish(), [FindingKind::Duplicate]);
}

#[test]
fn records_in_another_order_than_they_were_sent_are_reordered() {
    let mut scene = Scene::new(&[1, 0, 2]);
    [(0, 1), (1, 0), (2, 2)].into_iter().for_each(|(offset, n)| scene.read(offset, n));
    assert_eq!(scene.finish(), [FindingKind::Reordered]);
}

#[test]
fn a_stored_record_that_a_consumer_went_past_is_unseen() {
    let mut scene = Scene::new(&[0, 1, 2]);
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    scene.read(0, 0);
    scene.read(2, 2);
    assert_eq!(scene.finish(), [FindingKind::Unseen]);
}

#[test]
fn a_consumer_may_go_past_what_was_never_acknowledged_or_jump_by_a_reset() {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.acknowledge(0, 0);
    scene.read(0, 0);
    scene.read(2, 2);
    scene.acknowledge(3, 3);
    scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 5, moved: Moved::First });
    scene.read(5, 5);
    scene.logs.values_mut().for_each(|log| log.extend([3, 4, 5].map(record)));
    assert_eq!(scene.finish(), []);
}

#[test]
fn what_a_position_of_a_former_topic_goes_past_is_unseen() {
    for moved in [Moved::Truncated { before: 7, in_former: true }, Moved::Kept] {
        let mut scene = Scene::new(&[0, 1]);
        (0..2).for_each(|n| scene.acknowledge(n, n as i64));
        scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 1, moved });
        scene.read(1, 1);
        assert_eq!(scene.finish(), [FindingKind::Unseen]);
    }
}

#[test]
fn what_retention_removed_is_neither_lost_nor_unseen() {
    let mut scene = Scene::new(&[0, 1, 2]);
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    scene.log_start = 2;
    scene.read(2, 2);
    assert_eq!(scene.finish(), []);
}

#[test]
fn without_acks_nothing_is_promised() {
    let mut scene = Scene::new(&[0]);
    (0..3).for_each(|n| {
        scene.tell(Note::SendDone { record: record(n), partition: ORDERS, outcome: SendOutcome::Unanswered });
    });
    assert_eq!(scene.finish(), []);
}

#[test]
fn two_consumers_read_the_same_and_one_again_after_a_seek() {
    let mut scene = Scene::new(&[0, 1]);
    (0..2).for_each(|n| scene.acknowledge(n, n as i64));
    (0..2).for_each(|n| scene.read(n as i64, n));
    let other = Note::Read { consumer: CONSUMER + 1, partition: ORDERS, offset: 0, record: Some(record(0)) };
    scene.tell(other);
    scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 0, moved: Moved::First });
    (0..2).for_each(|n| scene.read(n as i64, n));
    assert_eq!(scene.finish(), []);
}

#[test]
fn a_read_of_a_record_that_is_gone_later_is_a_loss_only_if_it_was_acknowledged() {
    let mut scene = Scene::new(&[0, 1]);
    scene.acknowledge(0, 0);
    (0..2).for_each(|n| scene.read(n as i64, n));
    scene.logs.values_mut().for_each(|log| log.truncate(1));
    scene.high_watermarks.values_mut().for_each(|offset| *offset = 1);
    scene.elect(2, true, 1);
    assert_eq!(scene.finish(), []);
}

#[test]
fn a_record_whose_send_failed_leaves_the_others_their_numbers() {
    let mut scene = Scene::new(&[0, 9]);
    scene.tell(Note::NotSent { record: record(8), error: SendError::BufferExhausted });
    scene.tell(Note::Sent { record: record(9), partition: ORDERS, key: None, is_tombstone: false });
    scene.acknowledge(0, 0);
    scene.acknowledge(9, 1);
    assert_eq!(scene.kinds(), []);
    scene.logs.values_mut().for_each(|log| log.truncate(1));
    scene.elect(2, true, 1);
    assert_eq!(scene.finish(), [FindingKind::LostWrite]);
}

#[test]
fn a_second_copy_of_what_was_sent_again_is_found_when_it_is_committed() {
    let mut scene = Scene::new(&[0, 1, 1]);
    scene.acknowledge(0, 0);
    scene.tell(Note::SentAgain { record: record(1), partition: ORDERS, error: SendError::Broker(7) });
    scene.moves(2, 3);
    assert_eq!(scene.kinds(), [], "a follower serves nobody");
    scene.moves(1, 3);
    assert_eq!(scene.kinds(), [FindingKind::Duplicate]);
    assert_eq!(scene.finish(), [FindingKind::Duplicate]);
}

/// A batch of the former life may come from its socket behind those of the next, whose producer id is another.
#[test]
fn nothing_orders_the_records_of_two_lives_of_a_producer() {
    let order = |records: &[u64], ends_behind: Option<u64>| {
        let mut scene = Scene::new(records);
        scene.history = History::default();
        (0..8).for_each(|n| {
            scene.tell(Note::Sent { record: record(n), partition: ORDERS, key: None, is_tombstone: false });
            if ends_behind == Some(n) {
                scene.show(|history, _, _, _| history.ended(PRODUCER, When::default()));
            }
        });
        (0..).zip(records).for_each(|(offset, number)| scene.read(offset, *number));
        scene.kinds()
    };
    assert_eq!(order(&[0, 3, 1], None), [FindingKind::Reordered]);
    assert_eq!(order(&[0, 3, 1], Some(1)), []);
    // Each life has its order.
    assert_eq!(order(&[3, 1, 0], Some(1)), [FindingKind::Reordered]);
    assert_eq!(order(&[4, 1, 3], Some(1)), [FindingKind::Reordered]);
}

#[test]
fn what_was_in_flight_when_its_producer_ended_may_be_there_or_not_and_once() {
    for (log, found) in [(vec![0], vec![]), (vec![0, 1], vec![]), (vec![0, 1, 1], vec![FindingKind::Duplicate])] {
        let mut scene = Scene::new(&log);
        scene.acknowledge(0, 0);
        scene.show(|history, _, _, _| history.ended(PRODUCER, When::default()));
        scene.high_watermarks.insert(1, log.len() as i64);
        assert_eq!(scene.finish(), found, "{log:?}");
    }
}

/// It is in no group, so that nobody has kept where it was.
#[test]
fn a_consumer_that_ended_begins_anew() {
    let again = |has_ended: bool| {
        let mut scene = Scene::new(&[0, 1, 2]);
        scene.begins_earliest = true;
        (1..=3).for_each(|broker| scene.moves(broker, 3));
        (0..3).for_each(|n| scene.acknowledge(n, n as i64));
        (0..2).for_each(|n| scene.read(n as i64, n));
        if has_ended {
            scene.show(|history, _, _, _| history.ended(CONSUMER, When::default()));
            scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 0, moved: Moved::First });
        }
        (0..3).for_each(|n| scene.read(n as i64, n));
        scene.finish()
    };
    assert_eq!((again(true), again(false)), (vec![], vec![FindingKind::NonmonotonicPoll]));
}

/// Whoever is told that a record was refused may say so to others: it is in nobody's hands then, or ever.
#[test]
fn what_is_told_as_refused_was_given_to_nobody_before() {
    let refused = |is_read: bool| {
        let mut scene = Scene::new(&[0]);
        if is_read {
            scene.read(0, 0);
        }
        let outcome = SendOutcome::Refused(SendError::Expired);
        scene.tell(Note::SendDone { record: record(0), partition: ORDERS, outcome });
        scene.kinds()
    };
    assert_eq!((refused(true), refused(false)), (vec![FindingKind::FailedWriteRead], vec![]));
}

/// It is committed before the work is done: as long as its member lives it may be.
#[test]
fn what_nobody_works_on_is_dated_when_its_member_is_gone() {
    let mut scene = Scene::new(&[0, 1, 2]);
    (scene.has_reader, scene.is_member, scene.begins_earliest) = (true, true, true);
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 0, moved: Moved::First });
    (0..3).for_each(|n| scene.read(n as i64, n));
    scene.findings.set_instant(10, 5);
    scene.tell(Note::Committed { consumer: CONSUMER, partition: ORDERS, offset: 3 });
    scene.tell(Note::WorkedOn { consumer: CONSUMER, partition: ORDERS, from: 0, to: 1 });
    scene.findings.set_instant(20, 7);
    scene.show(|history, _, _, findings| history.ended(CONSUMER, findings.now()));
    scene.findings.set_instant(90, 99);
    assert_eq!(scene.finish(), [FindingKind::NeverDelivered]);
    let found = &scene.findings.list()[0];
    assert_eq!((found.at_us, found.event, found.count), (20, 7, 2));
}
