//! The consumer against scripted brokers.

use kafka_protocol::error::ResponseError;

use super::*;
use crate::client::fake_broker::{Change, FakeBroker, World, deleted, image, recreated};
use crate::sim::SECOND;
use crate::sim::fault::Fault;

fn settings() -> ConsumerSettings {
    ConsumerSettings { auto_offset_reset: OffsetReset::Earliest, ..ConsumerSettings::default() }
}

/// Two brokers with three records, the first of them leading.
fn brokers() -> [FakeBroker; 2] {
    let mut broker = FakeBroker { image: image(1, 1, 0), ..FakeBroker::default() };
    (0..3).for_each(|number| broker.write(0, &format!("p-{number}")));
    [broker.clone(), broker]
}

/// The offsets that were read, and the values.
fn reads(world: &World) -> Vec<(i64, &str)> {
    world.reading().reads.iter().map(|(offset, value)| (*offset, value.as_str())).collect()
}

fn positioned(world: &World) -> &[i64] {
    &world.reading().resets
}

#[test]
fn reads_from_the_beginning_and_goes_on_with_what_is_written() {
    let [mut one, two] = brokers();
    one.changes = vec![(500_000, |broker| broker.write(0, "p-3")), (600_000, |broker| broker.write(0, "other"))];
    let mut world = World::of_consumer(settings(), 100, [one, two]);
    world.run_until(SECOND);
    assert_eq!(positioned(&world), [0]);
    assert_eq!(reads(&world), [(0, "p-0"), (1, "p-1"), (2, "p-2"), (3, "p-3"), (4, "other")]);
    let partition = TopicPartition { topic: 0, partition: 0 };
    assert_eq!(world.reading().consumer.positions().collect::<Vec<_>>(), [(partition, 5)]);
    assert_eq!(world.reading().consumer.lags().collect::<Vec<_>>(), [(partition, 0)]);
    assert_eq!(reads(&world).len(), 5);
}

#[test]
fn latest_begins_at_the_end() {
    let [mut one, two] = brokers();
    one.changes = vec![(500_000, |broker| broker.write(0, "p-3"))];
    let latest = ConsumerSettings { auto_offset_reset: OffsetReset::Latest, ..settings() };
    let mut world = World::of_consumer(latest, 100, [one, two]);
    world.run_until(SECOND);
    assert_eq!((positioned(&world), reads(&world)), (&[3][..], vec![(3, "p-3")]));
}

#[test]
fn without_a_policy_it_reads_nothing() {
    let none = ConsumerSettings { auto_offset_reset: OffsetReset::None, ..settings() };
    let mut world = World::of_consumer(none, 100, brokers());
    world.run_until(SECOND);
    assert!(reads(&world).is_empty() && world.broker(1).fetched.is_empty());
}

#[test]
fn a_session_names_its_partition_only_when_its_position_moved() {
    let mut world = World::of_consumer(settings(), 100, brokers());
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
        let mut world = World::of_consumer(settings(), 100, [one, two]);
        world.run_until(100_000);
        assert_eq!(world.broker(1).fetched[..4], [(0, 0, 1), (9, 1, 1), (closes, 0, 1), (9, 1, 0)], "error {error}");
        assert_eq!(reads(&world).len(), 3, "nothing is read twice");
    }
}

#[test]
fn a_leader_without_a_slot_is_told_all_partitions_each_time() {
    let [mut one, two] = brokers();
    one.has_no_slot = true;
    let mut world = World::of_consumer(settings(), 100, [one, two]);
    world.run_until(100_000);
    assert!(world.broker(1).fetched.len() > 3);
    assert!(world.broker(1).fetched.iter().all(|fetched| *fetched == (0, 0, 1)));
    assert_eq!(reads(&world).len(), 3);
}

#[test]
fn a_poll_returns_no_more_records_than_it_may() {
    let slow = ConsumerSettings { max_poll_records: 2, ..settings() };
    let mut world = World::of_consumer(slow, 100_000, brokers());
    world.run_until(50_000);
    assert_eq!(reads(&world).len(), 2);
    world.run_until(SECOND);
    assert_eq!(reads(&world).len(), 3);
}

#[test]
fn an_offset_out_of_range_is_reset_by_the_policy() {
    let [mut one, two] = brokers();
    one.fetch_errors = [1].into();
    let mut world = World::of_consumer(settings(), 100, [one, two]);
    world.run_until(SECOND);
    assert_eq!((positioned(&world), reads(&world).len()), (&[0, 0][..], 3));
    assert_eq!(world.reading().consumer.last_error(), 1);
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
    let mut world = World::of_consumer(settings(), 100, [one, two]);
    world.run_until(3 * SECOND);
    assert_eq!(world.broker(2).asked_ends, 1);
    assert_eq!(positioned(&world), [0, 1]);
    assert_eq!(reads(&world), [(0, "p-0"), (1, "p-1"), (2, "p-2"), (1, "p-7")]);
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
    let mut world = World::of_consumer(settings(), 100, [one, two]);
    world.run_until(3 * SECOND);
    assert_eq!(reads(&world), [(0, "p-0"), (1, "p-1"), (2, "p-2"), (3, "p-3")]);
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
    let mut checked = World::of_consumer(settings(), 100, damaged());
    checked.run_until(2 * SECOND);
    assert_eq!(reads(&checked), [(0, "p-0")]);
    assert_eq!(checked.reading().consumer.last_error(), 2);
    let unchecked = ConsumerSettings { check_crcs: false, ..settings() };
    let mut trusting = World::of_consumer(unchecked, 100, damaged());
    trusting.run_until(2 * SECOND);
    assert_eq!(reads(&trusting).len(), 3);
}

#[test]
fn reads_on_after_the_leader_was_away() {
    let mut world = World::of_consumer(settings(), 100, brokers());
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

#[test]
fn with_the_last_records_of_a_leader_the_next_fetch_is_on_its_way() {
    // `ClassicKafkaConsumer.poll`: pipelined while the program works, but not while the node has buffered data.
    let [mut one, two] = brokers();
    one.changes = vec![(300_000, |broker| broker.write(0, "p-3"))];
    let few = ConsumerSettings { max_poll_records: 2, ..settings() };
    let mut world = World::of_consumer(few, 100_000, [one, two]);
    world.run_until(90_000);
    let fetches = world.broker(1).fetched.len();
    assert_eq!((reads(&world).len(), fetches), (2, 1), "a record waits: nothing is fetched");
    world.run_until(110_000);
    assert_eq!(reads(&world).len(), 3);
    assert!(world.broker(1).fetched.len() > fetches, "nothing waits: the next fetch goes with the poll's return");
    world.run_until(SECOND);
    assert_eq!(reads(&world).len(), 4);
}

/// Two brokers on which the topic is deleted after half a second, and then changed so again.
fn with_a_topic_that_goes(after: &[(Time, Change)]) -> [FakeBroker; 2] {
    let gone: Change = |broker| {
        broker.image = deleted(2);
        broker.log.clear();
    };
    brokers().map(|broker| FakeBroker { changes: [&[(500_000, gone)], after].concat(), ..broker })
}

fn begins_anew(broker: &mut FakeBroker, leader: i32) {
    broker.image = recreated(3, leader);
    (0..2).for_each(|number| broker.write(0, &format!("q-{number}")));
}

#[test]
fn a_topic_that_was_deleted_is_fetched_by_name() {
    let mut world = World::of_consumer(settings(), 100, with_a_topic_that_goes(&[]));
    world.run_until(2 * SECOND);
    let (before, by_id) = (world.broker(1).fetched_by_name, world.broker(1).fetched.len());
    world.run_until(12 * SECOND);
    let asked = world.broker(1).fetched_by_name - before;
    assert!((90..150).contains(&asked), "{asked} times in ten seconds");
    assert_eq!(world.broker(1).fetched.len(), by_id);
    assert_eq!(world.reading().consumer.last_error(), ResponseError::UnknownTopicOrPartition.code());
    let position = world.reading().consumer.positions().next();
    assert_eq!(position, Some((TopicPartition { topic: 0, partition: 0 }, 3)), "the position stays");
}

#[test]
fn in_a_topic_that_was_created_again_where_it_was_the_position_is_out_of_range() {
    // Asked of Kafka 4.3.1, nine times in nine: whether the former leader leads the new partition or follows.
    for recreate in [(|broker| begins_anew(broker, 1)) as Change, |broker| begins_anew(broker, 2)] {
        let mut world = World::of_consumer(settings(), 100, with_a_topic_that_goes(&[(3_300_000, recreate)]));
        world.run_until(6 * SECOND);
        assert_eq!(positioned(&world), [0, 0]);
        assert_eq!(reads(&world)[3..], [(0, "q-0"), (1, "q-1")]);
        assert_eq!(world.broker(1).asked_ends + world.broker(2).asked_ends, 0);
        assert_eq!(world.reading().consumer.last_error(), ResponseError::OffsetOutOfRange.code());
    }
}

#[test]
fn in_a_topic_that_was_created_again_elsewhere_the_position_is_validated() {
    // Asked of Kafka 4.3.1, two times in two.
    let recreate: Change = |broker| {
        begins_anew(broker, 2);
        // Broker 1 has no replica of it; nobody fetches by name from broker 2.
        broker.fetch_errors = if broker.fetched_by_name > 0 { [6; 1_000].into() } else { [].into() };
    };
    let mut world = World::of_consumer(settings(), 100, with_a_topic_that_goes(&[(3_300_000, recreate)]));
    world.run_until(6 * SECOND);
    assert_eq!(world.broker(2).asked_ends, 1);
    assert_eq!(positioned(&world), [0, 2]);
    assert_eq!(world.broker(2).fetched_by_name, 0);
}

#[test]
fn a_topic_that_was_created_again_unnoticed_is_read_on_where_its_leader_is_the_same() {
    // `SubscriptionState.maybeValidatePositionForCurrentLeader` compares leaders and their epochs, not the ids of topics.
    let [mut one, mut two] = brokers();
    let change: Change = |broker| {
        broker.image = recreated(2, 1);
        broker.log.clear();
        (0..5).for_each(|number| broker.write(0, &format!("q-{number}")));
    };
    one.changes = vec![(500_000, change)];
    two.changes = vec![(500_000, change)];
    let network = crate::client::NetworkSettings { metadata_max_age_us: SECOND, ..settings().network };
    let mut world = World::of_consumer(ConsumerSettings { network, ..settings() }, 100, [one, two]);
    world.run_until(5 * SECOND);
    assert_eq!(reads(&world)[3..], [(3, "q-3"), (4, "q-4")]);
    assert_eq!(positioned(&world), [0, 3], "what it skips is told");
    assert_eq!((world.broker(1).asked_ends, world.broker(1).fetched_by_name), (0, 0));
}

#[test]
fn from_where_nothing_was_read_a_topic_that_was_created_again_is_read_whole() {
    let mut brokers = with_a_topic_that_goes(&[(3_300_000, |broker| begins_anew(broker, 1))]);
    brokers.iter_mut().for_each(|broker| broker.log.clear());
    let mut world = World::of_consumer(settings(), 100, brokers);
    world.run_until(6 * SECOND);
    assert_eq!((positioned(&world), reads(&world)), (&[0][..], vec![(0, "q-0"), (1, "q-1")]));
}

#[test]
fn without_a_policy_poll_throws_and_the_position_stays() {
    let [mut one, two] = brokers();
    one.fetch_errors = [1].into();
    let none = ConsumerSettings { auto_offset_reset: OffsetReset::None, ..settings() };
    let mut consumer = Consumer::new(Arc::new(none.clone()), Slot::new(1));
    consumer.assign([("orders", 0)]);
    consumer.seek_to("orders", 0, 1);
    let mut world = World::of_consumer_with(consumer, none, [one, two]);
    world.run_until(SECOND);
    assert_eq!(world.reading().told, ["thrown OffsetOutOfRange"]);
    assert_eq!(world.reading().consumer.position_in("orders", 0), Some(3));
    assert_eq!(reads(&world), [(1, "p-1"), (2, "p-2")], "it polls again, and fetches from where it was");
}

#[test]
fn what_is_assigned_and_sought_is_read_and_nothing_else() {
    let mut consumer = Consumer::new(Arc::new(settings()), Slot::new(1));
    consumer.assign([("orders", 0)]);
    consumer.seek_to("orders", 0, 2);
    let mut world = World::of_consumer_with(consumer, settings(), brokers());
    world.run_until(SECOND);
    assert_eq!((reads(&world), positioned(&world)), (vec![(2, "p-2")], &[][..]));
    let mut consumer = Consumer::new(Arc::new(settings()), Slot::new(1));
    consumer.assign([("orders", 7)]);
    let mut world = World::of_consumer_with(consumer, settings(), brokers());
    world.run_until(SECOND);
    assert!(reads(&world).is_empty() && world.broker(1).fetched.is_empty());
}
