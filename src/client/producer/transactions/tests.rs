//! Transactions against a scripted coordinator.

use crate::client::fake_broker::Step::{Abort, Begin, Commit, Offsets, Send};
use crate::client::fake_broker::{FakeBroker, Load, NO_ANSWER, Outcome, Reaction, Step, World, image};
use crate::client::producer::ProducerSettings;
use crate::client::{ClientKind, NetworkSettings};
use crate::note::{SendError, TransactionCall, TransactionError};
use crate::sim::fault::Fault;
use crate::sim::{MILLISECOND, SECOND, Time};

const COORDINATOR_LOADS: i16 = 14;
const NOT_COORDINATOR: i16 = 16;
const INVALID_PRODUCER_EPOCH: i16 = 47;
const CONCURRENT: i16 = 51;
const INVALID_RECORD: i16 = 87;
const FENCED: i16 = 90;
const ABORTABLE: i16 = 120;

const OK: Result<(), TransactionError> = Ok(());

fn abortable(code: i16) -> Result<(), TransactionError> {
    Err(TransactionError::Abortable(SendError::Broker(code)))
}

fn fatal(code: i16) -> Result<(), TransactionError> {
    Err(TransactionError::Fatal(SendError::Broker(code)))
}

/// Broker 1 leads and coordinates; what it does with batches, and its errors to requests of transactions.
fn world(plan: &'static [Step], batches: &[Reaction], errors: &[i16]) -> World {
    patient_world(2 * SECOND, plan, batches, errors)
}

/// The same with another `max.block.ms`.
fn patient_world(max_block_us: Time, plan: &'static [Step], batches: &[Reaction], errors: &[i16]) -> World {
    world_with((ClientKind::Java, max_block_us), plan, batches, errors)
}

/// The same of another library.
fn world_of(client: ClientKind, plan: &'static [Step], batches: &[Reaction], errors: &[i16]) -> World {
    world_with((client, 2 * SECOND), plan, batches, errors)
}

fn world_with(
    (client, max_block_us): (ClientKind, Time),
    plan: &'static [Step],
    batches: &[Reaction],
    errors: &[i16],
) -> World {
    let network = NetworkSettings { request_timeout_us: 3 * SECOND, client, ..ProducerSettings::default().network };
    let settings = ProducerSettings {
        network,
        linger_us: 0,
        transactional_id: Some("till".to_owned()),
        max_block_us,
        ..ProducerSettings::default()
    };
    let leader = FakeBroker {
        image: image(1, 1, 0),
        script: batches.iter().copied().collect(),
        coordinates: true,
        transaction_errors: errors.iter().copied().collect(),
        ..FakeBroker::default()
    };
    let other = FakeBroker { image: image(1, 1, 0), coordinates: true, ..FakeBroker::default() };
    let load = Load { period_us: 20 * MILLISECOND, plan, ..Load::default() };
    World::of_producer(settings, load, [leader, other])
}

fn returned(world: &World) -> Vec<Result<(), TransactionError>> {
    world.sending().returned.iter().map(|(_, result)| *result).collect()
}

fn asked(world: &World) -> &[String] {
    &world.broker(1).transacted
}

#[test]
fn each_transaction_has_the_epoch_that_the_end_of_the_one_before_gave() {
    let mut world = world(&[Begin, Send, Send, Commit, Begin, Send, Abort, Begin, Commit], &[], &[]);
    world.run_until(5 * SECOND);
    assert_eq!(returned(&world), [OK, OK, OK, OK]);
    // The last one is empty: nobody is asked.
    assert_eq!(asked(&world), ["init 60000", "commit 0", "abort 1"]);
    assert_eq!(world.broker(1).produced, [(0, 0, 1), (0, 1, 1), (1, 0, 1)]);
    assert_eq!(world.sending().producer.producer_id_and_epoch(), (40, 2));
}

#[test]
fn what_may_pass_is_asked_again() {
    let errors = [COORDINATOR_LOADS, CONCURRENT, NOT_COORDINATOR, 0, CONCURRENT];
    let mut world = world(&[Begin, Send, Commit], &[Reaction::Refuse(CONCURRENT)], &errors);
    world.run_until(5 * SECOND);
    assert_eq!(returned(&world), [OK, OK]);
    assert_eq!(asked(&world).len(), 6);
    assert_eq!(world.sending().outcomes, [(0, Outcome::Acknowledged(0))]);
}

#[test]
fn offsets_go_to_the_coordinator_of_their_group_until_it_takes_them() {
    let mut world = world(&[Begin, Offsets(7), Commit], &[], &[]);
    world.run_until(5 * SECOND);
    assert_eq!(asked(&world), ["init 60000", "offsets [7] of shipping", "commit 0"]);
    assert_eq!(returned(&world), [OK, OK, OK]);
}

#[test]
fn a_batch_that_fails_lets_the_transaction_be_aborted_and_the_producer_go_on() {
    let plan = &[Begin, Send, Send, Commit, Abort, Begin, Send, Commit];
    let mut world = world(plan, &[Reaction::Store, Reaction::Refuse(INVALID_PRODUCER_EPOCH)], &[]);
    world.run_until(5 * SECOND);
    assert_eq!(returned(&world), [OK, abortable(INVALID_PRODUCER_EPOCH), OK, OK]);
    assert_eq!(asked(&world), ["init 60000", "abort 0", "commit 1"]);
    assert_eq!(world.sending().producer.transaction_error(), None);
}

/// `adjustSequencesDueToFailedBatch`: else those behind it would be out of order until `delivery.timeout.ms`.
#[test]
fn sequence_numbers_close_up_behind_a_batch_that_was_refused() {
    let plan = &[Begin, Send, Send, Abort, Begin, Send, Commit];
    let mut world = world(plan, &[Reaction::Refuse(INVALID_RECORD)], &[]);
    world.run_until(5 * SECOND);
    assert_eq!(returned(&world), [OK, OK, OK]);
    assert_eq!(asked(&world), ["init 60000", "abort 0", "commit 1"]);
}

#[test]
fn what_the_coordinator_says_of_the_end_is_abortable_or_fatal() {
    let ended = |errors: &[i16]| {
        let mut world = world(&[Begin, Send, Commit, Abort], &[], &[&[0], errors].concat());
        world.run_until(5 * SECOND);
        returned(&world).split_off(1)
    };
    assert_eq!(ended(&[ABORTABLE, 0]), [abortable(ABORTABLE), OK]);
    assert_eq!(ended(&[ABORTABLE, ABORTABLE]), [abortable(ABORTABLE), fatal(ABORTABLE)]);
    assert_eq!(ended(&[FENCED]), [fatal(FENCED), fatal(FENCED)]);
    assert_eq!(ended(&[INVALID_PRODUCER_EPOCH])[0], fatal(FENCED));
}

#[test]
fn a_call_that_was_given_up_is_made_again_to_learn_what_came_of_it() {
    let mut world = world(&[Begin, Send, Commit, Commit], &[], &[0, NO_ANSWER]);
    world.run_until(20 * SECOND);
    let commit = |result| (TransactionCall::Commit, result);
    assert_eq!(world.sending().returned[1..], [commit(Err(TransactionError::TimedOut)), commit(OK)]);
    assert_eq!(asked(&world), ["init 60000", "commit 0", "commit 0"]);
}

/// What librdkafka and kafka-python were recorded to ask for.
#[test]
fn whoever_keeps_its_epoch_adds_partitions_and_its_group_by_itself() {
    let plan = &[Begin, Send, Send, Commit, Begin, Offsets(7), Send, Abort, Begin, Commit];
    for client in [ClientKind::Librdkafka, ClientKind::KafkaPython] {
        let mut world = world_of(client, plan, &[], &[]);
        world.run_until(5 * SECOND);
        assert_eq!(returned(&world), [OK; 5]);
        let expected = [
            "init 60000",
            "add orders-0 0",
            "commit 0",
            "add group shipping 0",
            "offsets [7] of shipping",
            "add orders-0 0",
            "abort 0",
        ];
        assert_eq!(asked(&world), expected, "{client:?}");
        // One number follows the other from one transaction to the next.
        assert_eq!(world.broker(1).produced, [(0, 0, 1), (0, 1, 1), (0, 2, 1)]);
        assert_eq!(world.sending().producer.producer_id_and_epoch(), (40, 0));
    }
}

/// `needToTriggerEpochBumpFromClient`: else what comes late of the transaction would be taken for one of the next.
#[test]
fn whoever_keeps_its_epoch_asks_for_another_behind_an_error() {
    let plan = &[Begin, Send, Send, Commit, Abort, Begin, Send, Commit];
    let batches = [Reaction::Store, Reaction::Refuse(INVALID_RECORD)];
    let mut world = world_of(ClientKind::Librdkafka, plan, &batches, &[]);
    world.run_until(5 * SECOND);
    assert_eq!(returned(&world), [OK, abortable(INVALID_RECORD), OK, OK]);
    let expected = ["init 60000", "add orders-0 0", "abort 0", "init 60000", "add orders-0 1", "commit 1"];
    assert_eq!(asked(&world), expected);
    assert_eq!(world.broker(1).produced.last(), Some(&(1, 0, 1)));
}

#[test]
fn partitions_are_added_again_while_the_transaction_before_is_at_its_end() {
    let errors = [0, CONCURRENT, COORDINATOR_LOADS, NOT_COORDINATOR, 0];
    let mut world = world_of(ClientKind::Librdkafka, &[Begin, Send, Commit], &[], &errors);
    world.run_until(5 * SECOND);
    assert_eq!(returned(&world), [OK, OK]);
    let added = asked(&world).iter().filter(|it| it.starts_with("add")).count();
    assert_eq!((added, asked(&world).len()), (4, 6));
}

#[test]
fn what_the_coordinator_says_of_partitions_is_abortable_or_fatal() {
    const OPERATION_NOT_ATTEMPTED: i16 = 55;
    let ended = |error: i16| {
        let mut world = world_of(ClientKind::Librdkafka, &[Begin, Send, Commit], &[], &[0, error]);
        world.run_until(5 * SECOND);
        returned(&world)[1]
    };
    assert_eq!(ended(ABORTABLE), abortable(ABORTABLE));
    assert_eq!(ended(OPERATION_NOT_ATTEMPTED), abortable(OPERATION_NOT_ATTEMPTED));
    assert_eq!(ended(FENCED), fatal(FENCED));
    assert_eq!(ended(INVALID_PRODUCER_EPOCH), fatal(FENCED));
}

/// `retry.backoff.ms` lies between two searches, however the coordinator went.
#[test]
fn a_coordinator_out_of_reach_is_looked_for_once_a_back_off() {
    let faults = [Fault::Kill(1), Fault::LosePower(1), Fault::Pause(1)];
    let plans: [&'static [Step]; 2] = [&[Begin, Send, Commit], &[Begin, Offsets(7), Commit]];
    for (fault, plan) in faults.into_iter().flat_map(|fault| plans.map(|plan| (fault.clone(), plan))) {
        for at in [SECOND, 5 * MILLISECOND, 25 * MILLISECOND, 45 * MILLISECOND] {
            let mut world = patient_world(60 * SECOND, plan, &[], &[]);
            world.run_until(at);
            let before = world.look_ups();
            world.apply(fault.clone());
            world.run_until(at + 10 * SECOND);
            let times = world.look_ups() - before;
            // The back-off has a fifth of jitter.
            assert!(times <= 130, "{fault:?} at {at}: {times} searches in ten seconds");
        }
    }
}
