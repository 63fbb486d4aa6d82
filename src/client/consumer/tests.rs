//! The consumer against scripted brokers.

use super::*;
use crate::client::fake_broker::{FakeBroker, World, image};
use crate::sim::SECOND;
use crate::sim::fault::Fault;

fn settings() -> ConsumerSettings {
    ConsumerSettings { name: "c".into(), auto_offset_reset: OffsetReset::Earliest, ..ConsumerSettings::default() }
}

/// Two brokers with three records, the first of them leading.
fn brokers() -> [FakeBroker; 2] {
    let mut broker = FakeBroker { image: image(1, 1, 0), ..FakeBroker::default() };
    (0..3).for_each(|number| broker.write(0, &format!("p-{number}")));
    [broker.clone(), broker]
}

/// The offsets that were read, and which record each was.
fn reads(world: &World) -> Vec<(i64, Option<u64>)> {
    let read = |note: &Note| match note {
        Note::Read { offset, record, .. } => Some((*offset, record.map(|record| record.number))),
        _ => None,
    };
    world.notes.iter().filter_map(read).collect()
}

fn positioned(world: &World) -> Vec<i64> {
    let at = |note: &Note| if let Note::Positioned { offset, .. } = note { Some(*offset) } else { None };
    world.notes.iter().filter_map(at).collect()
}

#[test]
fn reads_from_the_beginning_and_goes_on_with_what_is_written() {
    let [mut one, two] = brokers();
    one.changes = vec![(500_000, |broker| broker.write(0, "p-3")), (600_000, |broker| broker.write(0, "other"))];
    let mut world = World::of_consumer(settings(), [one, two]);
    world.run_until(SECOND);
    assert_eq!(positioned(&world), [0]);
    assert_eq!(reads(&world), [(0, Some(0)), (1, Some(1)), (2, Some(2)), (3, Some(3)), (4, None)]);
    let partition = TopicPartition { topic: 0, partition: 0 };
    assert_eq!(world.consumer().positions().collect::<Vec<_>>(), [(partition, 5)]);
    assert_eq!(world.consumer().lags().collect::<Vec<_>>(), [(partition, 0)]);
    assert_eq!(world.consumer().read(), 5);
}

#[test]
fn latest_begins_at_the_end() {
    let [mut one, two] = brokers();
    one.changes = vec![(500_000, |broker| broker.write(0, "p-3"))];
    let latest = ConsumerSettings { auto_offset_reset: OffsetReset::Latest, ..settings() };
    let mut world = World::of_consumer(latest, [one, two]);
    world.run_until(SECOND);
    assert_eq!((positioned(&world), reads(&world)), (vec![3], vec![(3, Some(3))]));
}

#[test]
fn without_a_policy_it_reads_nothing() {
    let none = ConsumerSettings { auto_offset_reset: OffsetReset::None, ..settings() };
    let mut world = World::of_consumer(none, brokers());
    world.run_until(SECOND);
    assert!(reads(&world).is_empty() && world.broker(1).fetched.is_empty());
}

#[test]
fn a_session_names_its_partition_only_when_its_position_moved() {
    let mut world = World::of_consumer(settings(), brokers());
    world.run_until(100_000);
    let fetched = &world.broker(1).fetched;
    assert_eq!(fetched[..3], [(0, 0, 1), (9, 1, 1), (9, 2, 0)]);
    assert!(fetched[3..].iter().all(|(_, _, named)| *named == 0));
}

#[test]
fn a_session_that_the_leader_does_not_know_begins_anew() {
    // FETCH_SESSION_ID_NOT_FOUND: nothing is left to close. INVALID_FETCH_SESSION_EPOCH: the full fetch closes it.
    for (error, closes) in [(70, 0), (71, 9)] {
        let [mut one, two] = brokers();
        one.session_answers = [0, error].into();
        let mut world = World::of_consumer(settings(), [one, two]);
        world.run_until(100_000);
        assert_eq!(world.broker(1).fetched[..4], [(0, 0, 1), (9, 1, 1), (closes, 0, 1), (9, 1, 0)], "error {error}");
        assert_eq!(reads(&world).len(), 3, "nothing is read twice");
    }
}

#[test]
fn a_leader_without_a_slot_is_told_all_partitions_each_time() {
    let [mut one, two] = brokers();
    one.has_no_slot = true;
    let mut world = World::of_consumer(settings(), [one, two]);
    world.run_until(100_000);
    assert!(world.broker(1).fetched.len() > 3);
    assert!(world.broker(1).fetched.iter().all(|fetched| *fetched == (0, 0, 1)));
    assert_eq!(reads(&world).len(), 3);
}

#[test]
fn a_poll_returns_no_more_records_than_it_may() {
    let slow = ConsumerSettings { max_poll_records: 2, process_us: 100_000, ..settings() };
    let mut world = World::of_consumer(slow, brokers());
    world.run_until(50_000);
    assert_eq!(reads(&world).len(), 2);
    world.run_until(SECOND);
    assert_eq!(reads(&world).len(), 3);
}

#[test]
fn an_offset_out_of_range_is_reset_by_the_policy() {
    let [mut one, two] = brokers();
    one.fetch_errors = [1].into();
    let mut world = World::of_consumer(settings(), [one, two]);
    world.run_until(SECOND);
    assert_eq!((positioned(&world), reads(&world).len()), (vec![0, 0], 3));
    assert_eq!(world.consumer().last_error(), 1);
}

#[test]
fn a_new_leader_with_a_shorter_log_sets_the_position_back() {
    // KIP-320.
    let [mut one, mut two] = brokers();
    two.log.truncate(1);
    two.end_of_epoch = Some(1);
    one.changes = vec![(500_000, |broker| {
        broker.image = image(2, 2, 1);
        broker.fetch_errors = [6; 20].into();
    })];
    two.changes = vec![(500_000, |broker| {
        broker.image = image(2, 2, 1);
        broker.write(1, "p-7");
    })];
    let mut world = World::of_consumer(settings(), [one, two]);
    world.run_until(3 * SECOND);
    assert_eq!(world.broker(2).asked_ends, 1);
    assert_eq!(positioned(&world), [0, 1]);
    assert_eq!(reads(&world), [(0, Some(0)), (1, Some(1)), (2, Some(2)), (1, Some(7))]);
}

#[test]
fn a_new_leader_with_the_same_log_is_read_on_from_the_position() {
    let [mut one, mut two] = brokers();
    one.changes = vec![(500_000, |broker| {
        broker.image = image(2, 2, 1);
        broker.fetch_errors = [6; 20].into();
    })];
    two.changes = vec![(500_000, |broker| {
        broker.image = image(2, 2, 1);
        broker.end_of_epoch = Some(3);
        broker.write(1, "p-3");
    })];
    let mut world = World::of_consumer(settings(), [one, two]);
    world.run_until(3 * SECOND);
    assert_eq!(reads(&world), [(0, Some(0)), (1, Some(1)), (2, Some(2)), (3, Some(3))]);
    assert_eq!(positioned(&world), [0]);
}

#[test]
fn a_damaged_batch_is_not_read_unless_it_is_not_checked() {
    let damaged = || {
        let [mut one, two] = brokers();
        let mut bytes = one.log[1].to_vec();
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        one.log[1] = bytes.into();
        [one, two]
    };
    let mut checked = World::of_consumer(settings(), damaged());
    checked.run_until(2 * SECOND);
    assert_eq!(reads(&checked), [(0, Some(0))]);
    assert_eq!(checked.consumer().last_error(), 2);
    let unchecked = ConsumerSettings { check_crcs: false, ..settings() };
    let mut trusting = World::of_consumer(unchecked, damaged());
    trusting.run_until(2 * SECOND);
    assert_eq!(reads(&trusting).len(), 3);
}

#[test]
fn reads_on_after_the_leader_was_away() {
    let mut world = World::of_consumer(settings(), brokers());
    world.run_until(SECOND);
    world.apply(Fault::Kill(1));
    world.run_until(3 * SECOND);
    world.apply(Fault::Restart(1));
    world.run_until(6 * SECOND);
    let fetched = world.broker(1).fetched.len();
    world.run_until(7 * SECOND);
    assert!(world.broker(1).fetched.len() > fetched);
    assert_eq!(reads(&world).len(), 3);
}
