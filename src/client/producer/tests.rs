//! The producer against scripted brokers.

use kafka_protocol::error::ResponseError;

use super::*;
use crate::client::fake_broker::{
    Change, FakeBroker, Load, Outcome, Reaction, World, image, led_by_both, recreated, two_topics, without_topics,
};
use crate::sim::fault::Fault;
use crate::sim::{MILLISECOND, SECOND};
use crate::wire::Api;

const NOT_LEADER: i16 = 6;
const NOT_ENOUGH_REPLICAS: i16 = 19;
const OUT_OF_ORDER: i16 = 45;

fn settings() -> ProducerSettings {
    ProducerSettings { linger_us: 0, ..ProducerSettings::default() }
}

/// The same with this `request.timeout.ms`.
fn impatient(request_timeout_us: Time) -> ProducerSettings {
    let network = NetworkSettings { request_timeout_us, ..settings().network };
    ProducerSettings { network, ..settings() }
}

fn each(period_us: Time) -> Load {
    Load { period_us, ..Load::default() }
}

fn led_by_first(script: &[Reaction]) -> [FakeBroker; 2] {
    let leader =
        FakeBroker { image: image(1, 1, 0), script: script.iter().copied().collect(), ..FakeBroker::default() };
    [leader, FakeBroker { image: image(1, 1, 0), ..FakeBroker::default() }]
}

fn world(settings: ProducerSettings, script: &[Reaction]) -> World {
    World::of_producer(settings, Load::default(), led_by_first(script))
}

fn outcomes(world: &World) -> &[(u64, Outcome)] {
    &world.sending().outcomes
}

fn errors(world: &World) -> usize {
    outcomes(world).iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Acknowledged(_))).count()
}

fn acknowledged(world: &World) -> Vec<u64> {
    let of = outcomes(world).iter();
    of.filter(|(_, outcome)| matches!(outcome, Outcome::Acknowledged(_))).map(|(number, _)| *number).collect()
}

/// `p-0`, `p-1` and so on up to `count`.
fn spelled(count: u64) -> Vec<String> {
    (0..count).map(|number| format!("p-{number}")).collect()
}

#[test]
fn sends_at_its_rate_and_is_told_the_offsets() {
    let mut world = world(settings(), &[]);
    world.run_until(1_050_000);
    assert_eq!(world.broker(1).values(), spelled(10));
    let told = outcomes(&world);
    assert_eq!(told.len(), 10);
    for (number, outcome) in told {
        assert_eq!(*outcome, Outcome::Acknowledged(*number as i64));
    }
    let producer = &world.sending().producer;
    assert_eq!(producer.producer_id_and_epoch(), (40, 0));
    assert_eq!((world.sending().appended.len(), errors(&world)), (10, 0));
    assert_eq!((producer.in_flight(), producer.buffered_bytes), (0, 0));
}

#[test]
fn records_of_one_linger_share_a_batch() {
    let lingering = ProducerSettings { linger_us: 10_000, ..settings() };
    let mut world = World::of_producer(lingering, each(1_000), led_by_first(&[]));
    world.run_until(200_000);
    let counts: Vec<i32> = world.broker(1).produced.iter().map(|(_, _, count)| *count).collect();
    assert!(counts.len() < 25 && counts[1..].iter().all(|count| (9..=12).contains(count)), "{counts:?}");
}

#[test]
fn a_full_batch_does_not_linger() {
    let full = ProducerSettings { linger_us: SECOND, batch_size: 200, ..settings() };
    let load = Load { value_size: 50, ..each(1_000) };
    let mut world = World::of_producer(full, load, led_by_first(&[]));
    world.run_until(500_000);
    assert!(world.broker(1).produced.len() > 100);
    assert!(world.broker(1).log.iter().all(|batch| batch.len() <= 200));
}

#[test]
fn at_most_the_configured_number_of_requests_is_in_flight() {
    let silent = [Reaction::StoreSilently; 20];
    let mut world = World::of_producer(settings(), each(10_000), led_by_first(&silent));
    world.run_until(SECOND);
    assert_eq!(world.broker(1).produced.len(), 5);
}

#[test]
fn refused_batches_are_sent_again_in_their_order() {
    // SenderTest.testIdempotenceWithMultipleInflightsRetriedInOrder: those behind the first are out of order.
    let script = [Reaction::Store, Reaction::Refuse(5)];
    let mut world = World::of_producer(settings(), each(300), led_by_first(&script));
    world.run_until(2 * SECOND);
    let values = world.broker(1).values();
    assert_eq!(values, spelled(values.len() as u64));
    assert_eq!(
        world.sending().producer.producer_id_and_epoch(),
        (40, 0),
        "no bump: the later ones were not next in line"
    );
    let sequences: Vec<i32> = world.broker(1).produced[6..].iter().map(|(_, sequence, _)| *sequence).collect();
    assert!(sequences.is_sorted(), "{sequences:?}");
}

#[test]
fn an_out_of_order_sequence_for_the_next_batch_bumps_the_epoch_and_restarts_sequences() {
    // SenderTest.testEpochBumpOnOutOfOrderSequenceForNextBatch.
    let script = [Reaction::Store, Reaction::Refuse(OUT_OF_ORDER)];
    let mut world = world(settings(), &script);
    world.run_until(SECOND);
    assert_eq!(world.sending().producer.producer_id_and_epoch(), (40, 1));
    assert_eq!(world.broker(1).produced[..4], [(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)]);
    assert!(outcomes(&world).iter().all(|(_, outcome)| matches!(outcome, Outcome::Acknowledged(_))));
}

/// SenderTest.testUnknownProducerHandlingWhenRetentionLimitReached and its like: brokers of 4.3 do not say so any more.
#[test]
fn a_producer_that_is_forgotten_begins_another_epoch_once_it_is_told_where_the_log_starts() {
    let forgotten = Reaction::Refuse(ResponseError::UnknownProducerId.code());
    let told = |names_start: Option<i64>| {
        let mut brokers = led_by_first(&[Reaction::Store, forgotten]);
        brokers[0].names_start = names_start;
        let mut world = World::of_producer(settings(), Load::default(), brokers);
        world.run_until(SECOND);
        assert_eq!(errors(&world), 0);
        (world.sending().producer.producer_id_and_epoch(), world.broker(1).produced[..4].to_vec())
    };
    assert_eq!(told(Some(10)), ((40, 1), vec![(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)]));
    // Whoever does not say where its log starts has lost the partition meanwhile: the same is sent again.
    assert_eq!(told(None), ((40, 0), vec![(0, 0, 1), (0, 1, 1), (0, 1, 1), (0, 2, 1)]));
}

/// SenderTest.testIdempotenceWithMultipleInflightsRetriedInOrder, with answers for those behind it as a broker gives them.
#[test]
fn behind_a_batch_that_is_refused_those_in_flight_come_again_one_by_one_in_their_order() {
    // As many as are in flight: a broker refuses all that are behind the first.
    let mut script = [Reaction::Refuse(OUT_OF_ORDER); 4];
    script[0] = Reaction::Refuse(5);
    let mut world = World::of_producer(settings(), each(300), led_by_first(&script));
    world.run_until(40 * MILLISECOND);
    let in_flight: Vec<i32> = world.broker(1).produced.iter().map(|(_, sequence, _)| *sequence).collect();
    assert!(in_flight.is_sorted() && in_flight.len() == script.len(), "{in_flight:?}");
    world.run_until(SECOND);
    let again: Vec<i32> =
        world.broker(1).produced[in_flight.len()..].iter().map(|(_, sequence, _)| *sequence).collect();
    assert_eq!(again[..3], in_flight[..3], "{again:?}");
    assert_eq!(world.sending().producer.producer_id_and_epoch(), (40, 0));
    let values = world.broker(1).values();
    assert_eq!((errors(&world), &values), (0, &spelled(values.len() as u64)));
}

#[test]
fn a_duplicate_sequence_number_is_a_success() {
    let script = [Reaction::StoreAndFail(ResponseError::DuplicateSequenceNumber.code())];
    let mut world = world(settings(), &script);
    world.run_until(250_000);
    assert_eq!(outcomes(&world)[0], (0, Outcome::Acknowledged(-1)));
    assert_eq!(world.broker(1).produced.len(), 2);
}

#[test]
fn without_idempotence_a_retry_after_a_lost_answer_duplicates() {
    let plain = ProducerSettings { enable_idempotence: false, ..impatient(SECOND / 2) };
    let mut world = world(plain, &[Reaction::StoreSilently]);
    world.run_until(3 * SECOND);
    let values = world.broker(1).values();
    assert_eq!(values.iter().filter(|value| *value == "p-0").count(), 2);
    assert_eq!(world.sending().producer.producer_id_and_epoch(), (-1, -1));
    assert!(world.broker(1).produced.iter().all(|produced| (produced.0, produced.1) == (-1, -1)));
}

#[test]
fn without_idempotence_a_retry_reorders() {
    let plain = ProducerSettings { enable_idempotence: false, ..settings() };
    let mut world = world(plain, &[Reaction::Refuse(NOT_ENOUGH_REPLICAS)]);
    world.run_until(3 * SECOND);
    assert!(!world.broker(1).values().is_empty());
    assert_eq!(world.broker(1).values().len(), acknowledged(&world).len());
}

#[test]
fn a_request_that_is_not_answered_costs_the_connection_and_is_sent_again() {
    let mut world = world(impatient(SECOND), &[Reaction::StoreSilently]);
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
    let mut world = World::of_producer(settings(), Load::default(), [one, two]);
    world.run_until(4 * SECOND);
    let values = world.broker(2).values();
    assert_eq!(values, spelled(values.len() as u64));
    assert!(values.len() >= 39);
}

#[test]
fn the_leader_that_a_broker_named_is_not_that_of_a_later_topic() {
    // KIP-951; `Metadata.updateLatestMetadata` believes whatever epoch a new topic id comes with.
    let [mut one, mut two] = led_by_first(&[Reaction::Store, Reaction::Refuse(NOT_LEADER)]);
    one.names_leader = Some((2, 5));
    let changes: Vec<(Time, Change)> =
        vec![(250_000, |broker| broker.image = image(2, 2, 5)), (SECOND, |broker| broker.image = recreated(3, 1))];
    (one.changes, two.changes) = (changes.clone(), changes);
    let network = NetworkSettings { metadata_max_age_us: 500_000, ..settings().network };
    let mut world = World::of_producer(ProducerSettings { network, ..settings() }, Load::default(), [one, two]);
    world.run_until(SECOND);
    let (before, by_second) = (world.broker(1).log.len(), world.broker(2).log.len());
    assert!(by_second > 5, "the second leads");
    world.run_until(4 * SECOND);
    assert!(world.broker(1).log.len() > before + 20 && world.broker(2).log.len() < by_second + 10);
}

#[test]
fn nobody_is_not_believed_to_lead() {
    // `Sender.handleProduceResponse`: a partition without a leader names -1, which is also the id of a bootstrap server.
    let mut brokers = led_by_first(&[Reaction::Store, Reaction::Refuse(NOT_LEADER)]);
    brokers[0].names_leader = Some((-1, 1));
    let mut world = World::of_producer(settings(), Load::default(), brokers);
    world.run_until(2 * SECOND);
    let produced = |broker: u32| world.broker(broker).asked.iter().filter(|(_, api)| *api == Api::Produce);
    let connections: BTreeSet<u64> = produced(1).map(|(connection, _)| *connection).collect();
    assert_eq!((connections.len(), produced(2).count()), (1, 0));
}

#[test]
fn epochs_that_run_out_twice_ask_for_one_id() {
    // `TransactionManager.bumpIdempotentEpochAndResetIdIfNeeded`: there may be no id already.
    let mut producer = Producer::new(Arc::new(settings()), Slot::new(1));
    producer.producer = Some(ProducerIdAndEpoch { id: 40, epoch: i16::MAX });
    for _ in 0..2 {
        producer.epoch_bump_requested = Some(Destination { topic: 0, partition: 0 });
        producer.bump_epoch_if_requested();
        assert_eq!(producer.producer_id_and_epoch(), (-1, -1));
    }
}

#[test]
fn an_older_image_is_not_believed() {
    let [mut one, two] = led_by_first(&[]);
    one.image = image(5, 1, 3);
    let network = NetworkSettings { metadata_max_age_us: 200_000, ..settings().network };
    let short = ProducerSettings { network, ..settings() };
    let mut world = World::of_producer(short, Load::default(), [one, two]);
    world.run_until(5 * SECOND);
    assert_eq!(world.sending().producer.network.metadata().offset(), Some(5));
}

#[test]
fn a_record_is_given_up_after_the_delivery_timeout() {
    let script = [Reaction::Refuse(NOT_ENOUGH_REPLICAS); 500];
    let brief = ProducerSettings { delivery_timeout_us: 2 * SECOND, ..settings() };
    let mut world = world(brief, &script);
    world.run_until(5 * SECOND);
    assert_eq!(outcomes(&world)[0], (0, Outcome::Refused(SendError::Expired)), "no attempt was stored");
    let producer = &world.sending().producer;
    assert!(errors(&world) >= 25 && producer.record_retry_total() > 25);
    assert!(producer.buffered_bytes > 0);
}

#[test]
fn what_may_be_stored_is_given_up_as_unknown() {
    let brief = ProducerSettings { delivery_timeout_us: 2 * SECOND, ..impatient(2 * SECOND) };
    let mut world = world(brief, &[Reaction::StoreSilently]);
    world.run_until(2_200_000);
    assert!(outcomes(&world).contains(&(0, Outcome::Unknown(SendError::Expired))));
}

#[test]
fn a_batch_that_is_too_large_is_halved_until_its_parts_are_taken() {
    let too_large = Reaction::Refuse(ResponseError::MessageTooLarge.code());
    // The first time it comes again whole: it is not larger than batch.size.
    let lingering = ProducerSettings { linger_us: 450 * MILLISECOND, retries: 0, ..settings() };
    let mut world = world(lingering, &[too_large, too_large]);
    world.run_until(2 * SECOND);
    let outcomes = outcomes(&world);
    assert!(outcomes.len() > 4, "{outcomes:?}");
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Outcome::Acknowledged(_))), "{outcomes:?}");
    let expected: Vec<String> = (0..outcomes.len()).map(|number| format!("p-{number}")).collect();
    assert_eq!(world.broker(1).values()[..outcomes.len()], expected);
    assert_eq!(world.sending().producer.producer_id_and_epoch(), (40, 0), "no sequence number is missing");
}

/// A batch of this codec, and how it is sent: records of spaces, which any codec makes small.
fn compressed(compression: Compression) -> World {
    let compressing = ProducerSettings { compression, linger_us: 20_000, batch_size: 1_000, ..settings() };
    let mut world = World::of_producer(compressing, Load { value_size: 400, ..each(1_000) }, led_by_first(&[]));
    world.run_until(2 * SECOND);
    world
}

#[test]
fn batches_are_compressed_by_all_codecs_and_hold_more_the_better_that_went() {
    let plain = compressed(Compression::None);
    assert!(plain.broker(1).produced.iter().all(|(.., count)| *count <= 2));
    for codec in Compression::ALL.into_iter().filter(|codec| *codec != Compression::None) {
        let world = compressed(codec);
        let log = &world.broker(1).log;
        let headers = log.iter().map(|batch| crate::log::batch::validate(batch).expect("a whole batch"));
        assert!(headers.clone().all(|header| header.compression() == Ok(codec)), "{codec:?}");
        // An estimate that is too good is never made: batches keep to their size.
        assert!(log.iter().all(|batch| batch.len() <= 1_000), "{codec:?}");
        let counts: Vec<i32> = headers.map(|header| header.record_count).collect();
        // The estimate gets better by half a percent a batch.
        assert!(counts[0] <= 2 && counts.iter().max() > Some(&2), "{codec:?} {counts:?}");
        let values = world.broker(1).values();
        assert!((0..).zip(&values).all(|(number, value)| value.trim_end() == format!("p-{number}")), "{codec:?}");
        assert_eq!(errors(&world), 0, "{codec:?}");
    }
}

#[test]
fn a_compressed_batch_that_is_too_large_is_sent_again_in_parts_with_its_numbers() {
    let too_large = Reaction::Refuse(ResponseError::MessageTooLarge.code());
    let compression = Compression::Lz4;
    let lingering = ProducerSettings { compression, linger_us: 450 * MILLISECOND, retries: 0, ..settings() };
    let mut world = world(lingering, &[too_large, too_large]);
    world.run_until(2 * SECOND);
    let outcomes = outcomes(&world);
    assert!(outcomes.len() > 4 && errors(&world) == 0, "{outcomes:?}");
    assert_eq!(world.broker(1).values()[..outcomes.len()], spelled(outcomes.len() as u64));
    let codecs = world.broker(1).log.iter().map(|batch| crate::log::batch::validate(batch).map(|it| it.compression()));
    assert!(codecs.into_iter().all(|codec| codec == Ok(Ok(compression))));
    assert_eq!(world.sending().producer.producer_id_and_epoch(), (40, 0), "no sequence number is missing");
}

#[test]
fn a_compressed_batch_gets_the_numbers_of_a_new_epoch() {
    let compressing = ProducerSettings { compression: Compression::Gzip, ..settings() };
    let mut world = world(compressing, &[Reaction::Store, Reaction::Refuse(OUT_OF_ORDER)]);
    world.run_until(SECOND);
    assert_eq!(world.broker(1).produced[..3], [(0, 0, 1), (0, 1, 1), (1, 0, 1)]);
    assert_eq!(world.broker(1).values()[..3], spelled(3)[..]);
}

/// Records that nothing binds, each a batch, to partitions whose leaders are broker 1 and broker 2, which says nothing.
fn half_mute(settings: ProducerSettings) -> Vec<i32> {
    let brokers = [false, true].map(|is_mute| FakeBroker { image: led_by_both(), is_mute, ..FakeBroker::default() });
    let load = Load { value_size: 150, ..each(2_000) };
    let mut world = World::of_producer(ProducerSettings { batch_size: 100, ..settings }, load, brokers);
    world.run_until(5 * SECOND);
    world.sending().went_to.clone()
}

/// How many of a hundred went to the partition whose leader says nothing, of the later half.
fn percent_to_the_mute(went_to: &[i32]) -> usize {
    let later = &went_to[went_to.len() / 2..];
    100 * later.iter().filter(|partition| **partition == 1).count() / later.len()
}

#[test]
fn partitions_with_long_queues_get_fewer_records() {
    let adaptive = percent_to_the_mute(&half_mute(settings()));
    let uniform = percent_to_the_mute(&half_mute(ProducerSettings { adaptive_partitioning: false, ..settings() }));
    assert!(adaptive < 5 && (40..60).contains(&uniform), "{adaptive} {uniform}");
}

#[test]
fn partitions_whose_leader_takes_nothing_get_no_records_once_that_is_known() {
    let settings = ProducerSettings { availability_timeout_us: 500 * MILLISECOND, ..settings() };
    let went_to = half_mute(settings);
    assert!(went_to.contains(&1), "at first nothing is known");
    assert_eq!(percent_to_the_mute(&went_to), 0);
}

#[test]
fn the_partition_changes_once_a_batch_of_it_has_been_sent_and_enough_bytes_went_there() {
    // Of two records the second makes it enough, but its batch is not full.
    let brokers = [(); 2].map(|()| FakeBroker { image: led_by_both(), ..FakeBroker::default() });
    let small = ProducerSettings { batch_size: 1_000, ..settings() };
    let mut world = World::of_producer(small, Load { value_size: 500, ..Load::default() }, brokers);
    world.run_until(20 * SECOND);
    let went_to = &world.sending().went_to;
    assert!(went_to.len() > 100 && went_to.contains(&0) && went_to.contains(&1));
    assert!(went_to.chunks(2).all(|two| two.iter().all(|partition| *partition == two[0])), "{went_to:?}");
}

#[test]
fn keys_bind_nothing_where_they_are_ignored() {
    let brokers = || [(); 2].map(|()| FakeBroker { image: led_by_both(), ..FakeBroker::default() });
    let load = Load { keys: Some(1), value_size: 150, ..each(10_000) };
    let went_to = |ignore_keys: bool| {
        let settings = ProducerSettings { ignore_keys, batch_size: 100, ..settings() };
        let mut world = World::of_producer(settings, load, brokers());
        world.run_until(2 * SECOND);
        world.sending().went_to.clone()
    };
    let (bound, free) = (went_to(false), went_to(true));
    assert!(bound.iter().all(|partition| *partition == bound[0]));
    assert!(free.contains(&0) && free.contains(&1));
}

#[test]
fn an_error_that_is_not_retriable_refuses_at_once() {
    let too_large = ResponseError::MessageTooLarge.code();
    let mut world = world(settings(), &[Reaction::Refuse(too_large)]);
    world.run_until(500_000);
    assert_eq!(outcomes(&world)[0], (0, Outcome::Refused(SendError::Broker(too_large))));
    assert_eq!(world.sending().producer.last_error(), too_large);
    // Its sequence number is used by no one: the next batch begins a new epoch.
    assert_eq!(world.sending().producer.producer_id_and_epoch(), (40, 1));
    assert_eq!(world.broker(1).values()[0], "p-1");
}

#[test]
fn without_acks_a_record_is_done_when_it_is_sent() {
    let careless = ProducerSettings { acks: 0, enable_idempotence: false, ..settings() };
    let mut world = world(careless, &[Reaction::StoreSilently; 9]);
    world.run_until(SECOND);
    assert_eq!(outcomes(&world).len(), 10);
    assert!(outcomes(&world).iter().all(|(_, outcome)| *outcome == Outcome::Acknowledged(-1)));
}

/// As [`settings`] with acks=0, a `request.timeout.ms` of two seconds and a send buffer of 1,000 bytes.
fn careless() -> ProducerSettings {
    let network = NetworkSettings { send_buffer_bytes: 1_000, ..impatient(2 * SECOND).network };
    ProducerSettings { acks: 0, enable_idempotence: false, network, ..settings() }
}

/// The first broker loses its power after a second, and half a second later the other leads.
fn unplugged(settings: ProducerSettings) -> World {
    let brokers = led_by_first(&[]).map(|broker| FakeBroker {
        changes: vec![(SECOND + SECOND / 2, |broker| broker.image = image(2, 2, 1))],
        ..broker
    });
    let mut world = World::of_producer(settings, each(10_000), brokers);
    world.run_until(SECOND);
    world.apply(Fault::LosePower(1));
    world
}

#[test]
fn without_acks_a_request_that_is_not_written_in_full_is_sent_again() {
    let mut world = unplugged(careless());
    world.run_until(2 * SECOND);
    let written = outcomes(&world).len();
    assert!((97..115).contains(&written), "{written} requests, each of which takes more than a hundred bytes");
    assert_eq!(world.sending().producer.in_flight(), 1, "no other is sent behind it");
    world.run_until(3 * SECOND);
    assert_eq!(outcomes(&world).len(), written);
    world.run_until(6 * SECOND);
    // The rest is with the other broker, from the first record on that was not written.
    assert_eq!(world.broker(2).values()[0], format!("p-{written}"));
    assert!(outcomes(&world).len() > 580 && errors(&world) == 0, "{}", outcomes(&world).len());
    assert_eq!(world.sending().producer.record_retry_total(), 1);
    assert_eq!(world.sending().producer.in_flight(), 0);
}

#[test]
fn without_acks_and_retries_it_fails_when_its_time_is_out() {
    let mut world = unplugged(ProducerSettings { retries: 0, ..careless() });
    world.run_until(6 * SECOND);
    let failed: Vec<_> = outcomes(&world).iter().filter(|(_, it)| !matches!(it, Outcome::Acknowledged(_))).collect();
    let timed_out = Outcome::Unknown(SendError::Broker(ResponseError::RequestTimedOut.code()));
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].1, timed_out);
    assert_eq!(world.broker(2).values()[0], format!("p-{}", failed[0].0 + 1));
}

#[test]
fn without_acks_a_request_is_done_when_its_rest_is_written() {
    let mut world = World::of_producer(careless(), each(10_000), led_by_first(&[]));
    world.run_until(SECOND);
    world.apply(Fault::Cut(3, 1));
    world.run_until(2 * SECOND);
    let written = outcomes(&world).len();
    assert_eq!(world.sending().producer.in_flight(), 1);
    world.apply(Fault::Heal(3, 1));
    world.run_until(2 * SECOND + 20 * MILLISECOND);
    assert!(outcomes(&world).len() > written + 80, "{written}, {}", outcomes(&world).len());
    assert_eq!((errors(&world), world.sending().producer.record_retry_total()), (0, 0));
}

/// Two such brokers, which know of no leader before the first second is over.
fn led_late() -> [FakeBroker; 2] {
    [(); 2].map(|()| FakeBroker {
        image: image(1, -1, 0),
        changes: vec![(SECOND, |broker| broker.image = image(2, 1, 1))],
        ..FakeBroker::default()
    })
}

#[test]
fn without_acks_memory_is_free_when_it_is_sent() {
    // `BufferPool.deallocate` wakes who waits for it.
    let tight = ProducerSettings { buffer_memory: 500, batch_size: 100, ..settings() };
    let careless = ProducerSettings { acks: 0, enable_idempotence: false, ..tight };
    let mut world = World::of_producer(careless, each(10_000), led_late());
    world.run_until(SECOND);
    assert!(world.sending().producer.is_blocked() && outcomes(&world).is_empty());
    let told = (1_000..4_000).find(|millisecond| {
        world.run_until(millisecond * MILLISECOND);
        !outcomes(&world).is_empty()
    });
    assert!(told.is_some() && !world.sending().producer.is_blocked());
}

#[test]
fn partitions_of_one_topic_are_sent_as_one_topic_wherever_the_request_begins() {
    // `Sender.sendProduceRequest`: `TopicProduceDataCollection.find`. Who comes first in a request goes round.
    let brokers = [(); 2].map(|()| FakeBroker { image: two_topics(), ..FakeBroker::default() });
    let load = Load { keys: Some(6), topics: &["orders", "audit"], ..each(1_000) };
    let lingering = ProducerSettings { linger_us: 20_000, ..settings() };
    let mut world = World::of_producer(lingering, load, brokers);
    world.run_until(2 * SECOND);
    assert!(acknowledged(&world).len() > 1_900, "{}", acknowledged(&world).len());
    assert_eq!(errors(&world), 0);
}

#[test]
fn a_program_is_blocked_while_batches_hold_the_memory_and_is_told_after_max_block_ms() {
    // `BufferPool`: a batch holds batch.size however little is in it.
    let tight =
        ProducerSettings { buffer_memory: 500, batch_size: 100, max_block_us: 2 * SECOND, ..impatient(5 * SECOND) };
    let mut world = World::of_producer(tight, each(10_000), led_by_first(&[Reaction::StoreSilently; 5]));
    world.run_until(SECOND);
    assert!(world.sending().producer.is_blocked());
    assert_eq!(world.sending().appended.len(), 5, "five batches of 100 bytes fill 500");
    assert_eq!(world.sending().producer.buffer_available_bytes(), 0);
    world.run_until(3 * SECOND);
    let failed = &world.sending().failed;
    assert_eq!(failed.len(), 1);
    let (at, number, error) = failed[0];
    assert_eq!((number, error), (5, SendError::BufferExhausted));
    assert!((2_000_000..2_200_000).contains(&at), "{at}");
    world.run_until(8 * SECOND);
    assert!(world.sending().appended.len() > 100);
    assert_eq!(errors(&world), 0, "those that were in a batch are stored in the end");
}

#[test]
fn a_topic_that_is_not_there_blocks_for_max_block_ms() {
    let brief = ProducerSettings { max_block_us: SECOND, ..settings() };
    let nothing = || FakeBroker { image: image(1, 1, 0), ..FakeBroker::default() };
    let [mut one, mut two] = [nothing(), nothing()];
    for broker in [&mut one, &mut two] {
        broker.image = without_topics(1);
        broker.changes = vec![(2_500_000, |broker| broker.image = image(2, 1, 0))];
    }
    let mut world = World::of_producer(brief, each(10_000), [one, two]);
    world.run_until(2 * SECOND);
    let failed = &world.sending().failed;
    assert!(!failed.is_empty() && failed.iter().all(|(_, _, error)| *error == SendError::NotInMetadata), "{failed:?}");
    world.run_until(5 * SECOND);
    assert!(acknowledged(&world).len() > 100);
}

#[test]
fn a_record_that_is_too_large_is_told_so_once_its_topic_is_known() {
    // `KafkaProducer.doSend` waits for metadata before it looks at the size.
    let small = ProducerSettings { max_request_size: 100, ..settings() };
    let brokers = [(); 2].map(|()| FakeBroker {
        image: without_topics(1),
        changes: vec![(500_000, |broker| broker.image = image(2, 1, 0))],
        ..FakeBroker::default()
    });
    let mut world = World::of_producer(small, Load { value_size: 60, ..Load::default() }, brokers);
    world.run_until(450_000);
    assert!(world.sending().producer.is_blocked());
    world.run_until(2 * SECOND);
    let failed = &world.sending().failed;
    assert!(failed.len() > 9 && failed.iter().all(|(_, _, error)| *error == SendError::RecordTooLarge), "{failed:?}");
    // No timer of the call is left behind.
    world.run_until(70 * SECOND);
}

#[test]
fn while_a_send_waits_for_memory_no_batch_lingers() {
    // `RecordAccumulator.ready`: exhausted.
    let tight = ProducerSettings { buffer_memory: 200, batch_size: 200, linger_us: 10 * SECOND, ..settings() };
    let load = Load { value_size: 60, ..each(10_000) };
    let mut world = World::of_producer(tight, load, led_by_first(&[]));
    world.run_until(SECOND);
    assert!(acknowledged(&world).len() > 10, "{:?}", outcomes(&world));
}

#[test]
fn an_epoch_is_not_bumped_where_retries_are_used_up() {
    // `Sender.completeBatch`: it is not known whether the sequence numbers are used then.
    let script = [Reaction::Refuse(NOT_ENOUGH_REPLICAS); 3];
    let twice = ProducerSettings { retries: 2, ..settings() };
    let mut world = World::of_producer(twice, each(SECOND), led_by_first(&script));
    world.run_until(3 * SECOND);
    assert_eq!(outcomes(&world)[0], (0, Outcome::Refused(SendError::Broker(NOT_ENOUGH_REPLICAS))));
    assert_eq!(world.broker(1).produced[3].0, 0, "still the first epoch");
}

#[test]
fn nothing_is_sent_to_a_broker_that_hangs_before_it_has_told_what_it_speaks() {
    let mute = FakeBroker { image: image(1, 1, 0), is_mute: true, ..FakeBroker::default() };
    let mut world = World::of_producer(settings(), Load::default(), [mute.clone(), mute]);
    world.run_until(10 * SECOND);
    let asked = world.broker(1).asked.iter().chain(&world.broker(2).asked);
    assert!(asked.map(|(_, api)| *api).all(|api| api == Api::ApiVersions));
}

#[test]
fn each_connection_begins_with_api_versions_and_the_bootstrap_connection_is_one_of_its_own() {
    let mut world = world(settings(), &[]);
    world.run_until(SECOND);
    let asked: Vec<(u64, Api)> = world.broker(1).asked.iter().chain(&world.broker(2).asked).copied().collect();
    let mut first = BTreeMap::new();
    asked.iter().for_each(|(connection, api)| {
        first.entry(*connection).or_insert(*api);
    });
    assert!(first.values().all(|api| *api == Api::ApiVersions), "{first:?}");
    // The bootstrap connection asked for metadata; the leader is written to over another.
    let of = |wanted: Api| asked.iter().filter(move |(_, api)| *api == wanted).map(|(connection, _)| *connection);
    let bootstrap = of(Api::Metadata).next().expect("metadata were asked for");
    assert!(of(Api::Produce).all(|connection| connection != bootstrap));
}

#[test]
fn a_request_that_is_not_answered_in_time_is_told_as_timed_out() {
    let script = [Reaction::StoreSilently];
    let once = ProducerSettings { retries: 0, enable_idempotence: false, acks: 1, ..impatient(SECOND) };
    let mut world = world(once, &script);
    world.run_until(3 * SECOND);
    let timed_out = SendError::Broker(ResponseError::RequestTimedOut.code());
    assert_eq!(outcomes(&world).iter().find(|(number, _)| *number == 0), Some(&(0, Outcome::Unknown(timed_out))));
}

#[test]
fn a_killed_broker_is_connected_to_again_when_it_is_back() {
    let mut world = world(settings(), &[]);
    world.run_until(SECOND);
    world.apply(Fault::Kill(1));
    world.run_until(3 * SECOND);
    let before = acknowledged(&world).len();
    world.apply(Fault::Restart(1));
    world.run_until(8 * SECOND);
    assert!(acknowledged(&world).len() > before + 30);
    assert_eq!(errors(&world), 0);
}

#[test]
fn records_with_one_key_go_to_one_partition() {
    let keyed = Load { keys: Some(3), ..Load::default() };
    let mut world = World::of_producer(settings(), keyed, led_by_first(&[]));
    world.run_until(5 * SECOND);
    assert_eq!(world.broker(1).values(), spelled(49));
}
