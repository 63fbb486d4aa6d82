//! The producer against scripted brokers.

use kafka_protocol::error::ResponseError;

use super::*;
use crate::client::fake_broker::{FakeBroker, Reaction, World, image};
use crate::sim::SECOND;
use crate::sim::fault::Fault;

const NOT_LEADER: i16 = 6;
const TIMED_OUT: i16 = 7;
const NOT_ENOUGH_REPLICAS: i16 = 19;
const OUT_OF_ORDER: i16 = 45;

fn settings() -> ProducerSettings {
    ProducerSettings { name: "p".into(), linger_us: 0, ..ProducerSettings::default() }
}

fn led_by_first(script: &[Reaction]) -> [FakeBroker; 2] {
    let leader =
        FakeBroker { image: image(1, 1, 0), script: script.iter().copied().collect(), ..FakeBroker::default() };
    [leader, FakeBroker { image: image(1, 1, 0), ..FakeBroker::default() }]
}

fn outcomes(world: &World) -> Vec<(u64, SendOutcome)> {
    let outcome = |note: &Note| match note {
        Note::SendDone { record, outcome, .. } => Some((record.number, *outcome)),
        _ => None,
    };
    world.notes.iter().filter_map(outcome).collect()
}

fn acknowledged(world: &World) -> Vec<u64> {
    let of = outcomes(world).into_iter();
    of.filter(|(_, outcome)| matches!(outcome, SendOutcome::Acknowledged { .. })).map(|(number, _)| number).collect()
}

/// `p-0`, `p-1` and so on up to `count`.
fn spelled(count: u64) -> Vec<String> {
    (0..count).map(|number| format!("p-{number}")).collect()
}

#[test]
fn sends_at_its_rate_and_is_told_the_offsets() {
    let mut world = World::of_producer(settings(), led_by_first(&[]));
    world.run_until(1_050_000);
    assert_eq!(world.broker(1).values(), spelled(10));
    let told: Vec<_> = outcomes(&world);
    assert_eq!(told.len(), 10);
    for (number, outcome) in told {
        assert_eq!(outcome, SendOutcome::Acknowledged { offset: number as i64 });
    }
    assert_eq!(world.producer().producer_id_and_epoch(), (40, 0));
    assert_eq!((world.producer().sent(), world.producer().acked(), world.producer().record_error_total()), (10, 10, 0));
    assert_eq!((world.producer().in_flight(), world.producer().buffered_bytes), (0, 0));
}

#[test]
fn records_of_one_linger_share_a_batch() {
    let lingering = ProducerSettings { period_us: 1_000, linger_us: 10_000, ..settings() };
    let mut world = World::of_producer(lingering, led_by_first(&[]));
    world.run_until(200_000);
    let counts: Vec<i32> = world.broker(1).produced.iter().map(|(_, _, count)| *count).collect();
    assert!(counts.len() < 25 && counts[1..].iter().all(|count| (9..=12).contains(count)), "{counts:?}");
}

#[test]
fn a_full_batch_does_not_linger() {
    let full = ProducerSettings { period_us: 1_000, linger_us: SECOND, batch_size: 200, value_size: 50, ..settings() };
    let mut world = World::of_producer(full, led_by_first(&[]));
    world.run_until(500_000);
    assert!(world.broker(1).produced.len() > 100);
    assert!(world.broker(1).log.iter().all(|batch| batch.len() <= 200));
}

#[test]
fn at_most_the_configured_number_of_requests_is_in_flight() {
    let silent = [Reaction::StoreSilently; 20];
    let fast = ProducerSettings { period_us: 10_000, ..settings() };
    let mut world = World::of_producer(fast, led_by_first(&silent));
    world.run_until(SECOND);
    assert_eq!(world.broker(1).produced.len(), 5);
}

#[test]
fn refused_batches_are_sent_again_in_their_order() {
    // SenderTest.testIdempotenceWithMultipleInflightsRetriedInOrder: those behind the first are out of order.
    let script = [Reaction::Store, Reaction::Refuse(5)];
    let fast = ProducerSettings { period_us: 300, ..settings() };
    let mut world = World::of_producer(fast, led_by_first(&script));
    world.run_until(2 * SECOND);
    let values = world.broker(1).values();
    assert_eq!(values, spelled(values.len() as u64));
    assert_eq!(world.producer().producer_id_and_epoch(), (40, 0), "no bump: the later ones were not next in line");
    let sequences: Vec<i32> = world.broker(1).produced[6..].iter().map(|(_, sequence, _)| *sequence).collect();
    assert!(sequences.is_sorted(), "{sequences:?}");
}

#[test]
fn an_out_of_order_sequence_for_the_next_batch_bumps_the_epoch_and_restarts_sequences() {
    // SenderTest.testEpochBumpOnOutOfOrderSequenceForNextBatch.
    let script = [Reaction::Store, Reaction::Refuse(OUT_OF_ORDER)];
    let mut world = World::of_producer(settings(), led_by_first(&script));
    world.run_until(SECOND);
    assert_eq!(world.producer().producer_id_and_epoch(), (40, 1));
    assert_eq!(world.broker(1).produced[..4], [(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)]);
    assert!(outcomes(&world).iter().all(|(_, outcome)| matches!(outcome, SendOutcome::Acknowledged { .. })));
}

#[test]
fn a_duplicate_sequence_number_is_a_success() {
    let script = [Reaction::StoreAndFail(ResponseError::DuplicateSequenceNumber.code())];
    let mut world = World::of_producer(settings(), led_by_first(&script));
    world.run_until(250_000);
    assert_eq!(outcomes(&world)[0], (0, SendOutcome::Acknowledged { offset: -1 }));
    assert_eq!(world.broker(1).produced.len(), 2);
}

#[test]
fn without_idempotence_a_retry_after_a_lost_answer_duplicates() {
    let plain = ProducerSettings { enable_idempotence: false, request_timeout_us: SECOND / 2, ..settings() };
    let mut world = World::of_producer(plain, led_by_first(&[Reaction::StoreSilently]));
    world.run_until(3 * SECOND);
    let values = world.broker(1).values();
    assert_eq!(values.iter().filter(|value| *value == "p-0").count(), 2);
    assert_eq!(world.producer().producer_id_and_epoch(), (-1, -1));
    assert!(world.broker(1).produced.iter().all(|produced| (produced.0, produced.1) == (-1, -1)));
}

#[test]
fn without_idempotence_a_retry_reorders() {
    let plain = ProducerSettings { enable_idempotence: false, ..settings() };
    let mut world = World::of_producer(plain, led_by_first(&[Reaction::Refuse(NOT_ENOUGH_REPLICAS)]));
    world.run_until(3 * SECOND);
    assert!(!world.broker(1).values().is_empty());
    assert_eq!(world.broker(1).values().len(), acknowledged(&world).len());
}

#[test]
fn a_request_that_is_not_answered_costs_the_connection_and_is_sent_again() {
    let impatient = ProducerSettings { request_timeout_us: SECOND, ..settings() };
    let mut world = World::of_producer(impatient, led_by_first(&[Reaction::StoreSilently]));
    world.run_until(3 * SECOND);
    assert!(world.broker(1).connections >= 2);
    assert_eq!(world.broker(1).produced.iter().filter(|produced| produced.1 == 0).count(), 2);
}

#[test]
fn a_refusal_sends_the_producer_to_the_new_leader() {
    let [mut one, mut two] = led_by_first(&[Reaction::Refuse(NOT_LEADER); 50]);
    one.image = image(1, 1, 0);
    one.changes = vec![(500_000, |broker| broker.image = image(2, 2, 1))];
    two.changes = vec![(500_000, |broker| broker.image = image(2, 2, 1))];
    let mut world = World::of_producer(settings(), [one, two]);
    world.run_until(4 * SECOND);
    let values = world.broker(2).values();
    assert_eq!(values, spelled(values.len() as u64));
    assert!(values.len() >= 39);
}

#[test]
fn an_older_image_is_not_believed() {
    let [mut one, two] = led_by_first(&[]);
    one.image = image(5, 1, 3);
    let short = ProducerSettings { metadata_max_age_us: 200_000, ..settings() };
    let mut world = World::of_producer(short, [one, two]);
    world.run_until(5 * SECOND);
    assert_eq!(world.producer().metadata.image().map(|image| image.offset), Some(5));
}

#[test]
fn a_record_is_given_up_after_the_delivery_timeout() {
    let script = [Reaction::Refuse(NOT_ENOUGH_REPLICAS); 500];
    let brief = ProducerSettings { delivery_timeout_us: 2 * SECOND, ..settings() };
    let mut world = World::of_producer(brief, led_by_first(&script));
    world.run_until(5 * SECOND);
    let (number, outcome) = outcomes(&world)[0];
    assert_eq!(number, 0);
    assert!(matches!(outcome, SendOutcome::Refused(_)), "no attempt was stored: {outcome:?}");
    let producer = world.producer();
    assert!(producer.record_error_total() >= 25 && producer.record_retry_total() > 25);
    assert_eq!(producer.record_errors().values().sum::<u64>(), producer.record_error_total());
    assert!(world.producer().buffered_bytes > 0);
}

#[test]
fn what_may_be_stored_is_given_up_as_unknown() {
    let brief = ProducerSettings { delivery_timeout_us: 2 * SECOND, request_timeout_us: 2 * SECOND, ..settings() };
    let mut world = World::of_producer(brief, led_by_first(&[Reaction::StoreSilently]));
    world.run_until(2_200_000);
    assert!(outcomes(&world).contains(&(0, SendOutcome::Unknown(TIMED_OUT))));
}

#[test]
fn a_batch_that_is_too_large_is_halved_until_its_parts_are_taken() {
    let too_large = Reaction::Refuse(ResponseError::MessageTooLarge.code());
    // The first time it comes again whole: it is not larger than batch.size.
    let lingering = ProducerSettings { linger_us: 450 * crate::sim::MILLISECOND, retries: 0, ..settings() };
    let mut world = World::of_producer(lingering, led_by_first(&[too_large, too_large]));
    world.run_until(2 * SECOND);
    let outcomes = outcomes(&world);
    assert!(outcomes.len() > 4, "{outcomes:?}");
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, SendOutcome::Acknowledged { .. })), "{outcomes:?}");
    let expected: Vec<String> = (0..outcomes.len()).map(|number| format!("p-{number}")).collect();
    assert_eq!(world.broker(1).values()[..outcomes.len()], expected);
    assert_eq!(world.producer().producer_id_and_epoch(), (40, 0), "no sequence number is missing");
}

#[test]
fn an_error_that_is_not_retriable_refuses_at_once() {
    let too_large = ResponseError::MessageTooLarge.code();
    let mut world = World::of_producer(settings(), led_by_first(&[Reaction::Refuse(too_large)]));
    world.run_until(500_000);
    assert_eq!(outcomes(&world)[0], (0, SendOutcome::Refused(too_large)));
    assert_eq!(world.producer().last_error(), too_large);
    // Its sequence number is used by no one: the next batch begins a new epoch.
    assert_eq!(world.producer().producer_id_and_epoch(), (40, 1));
    assert_eq!(world.broker(1).values()[0], "p-1");
}

#[test]
fn without_acks_a_record_is_done_when_it_is_sent() {
    let careless = ProducerSettings { acks: 0, enable_idempotence: false, ..settings() };
    let mut world = World::of_producer(careless, led_by_first(&[Reaction::StoreSilently; 9]));
    world.run_until(SECOND);
    assert_eq!(outcomes(&world).len(), 10);
    assert!(outcomes(&world).iter().all(|(_, outcome)| *outcome == SendOutcome::Acknowledged { offset: -1 }));
}

#[test]
fn full_memory_blocks_the_program_until_batches_are_answered() {
    let tight = ProducerSettings { buffer_memory: 300, request_timeout_us: SECOND, period_us: 10_000, ..settings() };
    let mut world = World::of_producer(tight, led_by_first(&[Reaction::StoreSilently; 5]));
    world.run_until(SECOND / 2);
    assert!(world.producer().is_blocked());
    assert!(world.producer().sent() < 10);
    world.run_until(4 * SECOND);
    assert!(world.producer().sent() > 100);
}

#[test]
fn a_killed_broker_is_connected_to_again_when_it_is_back() {
    let mut world = World::of_producer(settings(), led_by_first(&[]));
    world.run_until(SECOND);
    world.apply(Fault::Kill(1));
    world.run_until(3 * SECOND);
    let before = acknowledged(&world).len();
    world.apply(Fault::Restart(1));
    world.run_until(8 * SECOND);
    assert!(acknowledged(&world).len() > before + 30);
    assert_eq!(world.producer().record_error_total(), 0);
}

#[test]
fn a_restarted_producer_numbers_on() {
    let mut world = World::of_producer(settings(), led_by_first(&[]));
    world.run_until(SECOND);
    world.apply(Fault::Kill(3));
    world.apply(Fault::Restart(3));
    world.run_until(2 * SECOND);
    let values = world.broker(1).values();
    let mut sorted = values.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), values.len());
}

#[test]
fn records_with_one_key_go_to_one_partition_and_say_so() {
    let keyed = ProducerSettings { keys: Some(3), ..settings() };
    let mut world = World::of_producer(keyed, led_by_first(&[]));
    world.run_until(5 * SECOND);
    let keys: std::collections::BTreeSet<u64> =
        world.notes.iter().filter_map(|note| if let Note::Sent { key, .. } = note { *key } else { None }).collect();
    assert_eq!(keys, [0, 1, 2].into());
}
