//! Troubles from notes by hand.

use super::{Trouble, Troubles, text};
use crate::lab::check::When;
use crate::lab::names::Names;
use crate::lab::scenario;
use crate::note::{Note, RecordId, SendError, SendOutcome, WaitsFor};
use crate::sim::{MILLISECOND, SECOND};
use crate::wire::TopicPartition;

const ORDERS_0: TopicPartition = TopicPartition { topic: 0, partition: 0 };
const PRODUCER: u32 = 4;
const NOT_ENOUGH: SendError = SendError::Broker(19);

fn at_ms(ms: u64) -> When {
    When { time: ms * MILLISECOND, event: ms }
}

fn record(number: u64) -> RecordId {
    RecordId { producer: PRODUCER, number }
}

fn sent(number: u64) -> Note {
    Note::Sent { record: record(number), partition: ORDERS_0, key: None, is_tombstone: false }
}

fn done(number: u64, outcome: SendOutcome) -> Note {
    Note::SendDone { record: record(number), partition: ORDERS_0, outcome }
}

fn retried(error: SendError) -> Note {
    Note::BatchRetried { producer: PRODUCER, partition: ORDERS_0, records: 3, error }
}

const OK: SendOutcome = SendOutcome::Acknowledged { offset: 0 };

fn names() -> Names {
    let scenario = "title = \"t\"\nduration = \"1s\"\n[cluster]\nbrokers = 3\n\
                    [[topic]]\nname = \"orders\"\npartitions = 2\nreplication-factor = 2\n\
                    [[producer]]\nname = \"checkout\"\ntopic = \"orders\"\nrate = \"1/s\"\n";
    let mut names = Names::of(&scenario::parse(scenario).expect("a right scenario"));
    names.learn_topic(0, uuid::Uuid::from_u128(7), "orders");
    names
}

fn open(troubles: &Troubles, ms: u64) -> Vec<Trouble> {
    troubles.open(at_ms(ms))
}

#[test]
fn a_stall_gathers_its_records_and_its_retries() {
    let mut troubles = Troubles::default();
    for number in 0..100 {
        troubles.observe(&sent(number), at_ms(1_000 + number));
    }
    assert_eq!(open(&troubles, 1_900), [], "shorter is what an election costs");
    for n in 0..12 {
        troubles.observe(&retried(NOT_ENOUGH), at_ms(1_500 + n * 100));
    }
    let [still] = &open(&troubles, 4_000)[..] else { panic!("one trouble") };
    assert!(!still.is_over && still.stalls.longest_us == 3 * SECOND, "{still:?}");
    for number in 0..100 {
        troubles.observe(&done(number, OK), at_ms(5_000));
    }
    let [over] = &open(&troubles, 6_000)[..] else { panic!("one trouble") };
    assert!(over.is_over);
    assert_eq!(
        text(over, &names()),
        "checkout in orders-0: no acknowledgement for 4.000 s; 100 records waited; 12 retries (NOT_ENOUGH_REPLICAS); over at \
         5.000 s"
    );
}

#[test]
fn refused_records_are_counted_by_error_and_the_first_is_named() {
    let mut troubles = Troubles::default();
    (0..40).for_each(|number| troubles.observe(&sent(number), at_ms(1_000)));
    for number in 0..40 {
        let expired = SendOutcome::Unknown(SendError::Expired);
        let outcome = if number < 30 { SendOutcome::Refused(NOT_ENOUGH) } else { expired };
        troubles.observe(&done(number, outcome), at_ms(1_200 + number));
    }
    let [trouble] = &open(&troubles, 9_000)[..] else { panic!("one trouble") };
    assert_eq!(
        text(trouble, &names()),
        "checkout in orders-0: 30 records failed with NOT_ENOUGH_REPLICAS (stored nowhere) and 10 records failed with \
         TimeoutException (delivery.timeout.ms) (maybe stored), the first is checkout-0; over at 1.239 s"
    );
}

#[test]
fn a_blocked_send_is_told_with_how_long_and_calls_that_hardly_block_are_not() {
    let mut troubles = Troubles::default();
    let blocks = |number, waits_for| Note::SendBlocks { record: record(number), waits_for };
    troubles.observe(&blocks(0, WaitsFor::Metadata), at_ms(0));
    troubles.observe(&sent(0), at_ms(300));
    troubles.observe(&done(0, OK), at_ms(310));
    assert_eq!(open(&troubles, 400), [], "the first call always waits for metadata");
    for number in 1..=4 {
        troubles.observe(&blocks(number, WaitsFor::Memory), at_ms(number * 1_000));
        troubles.observe(&sent(number), at_ms(number * 1_000 + 10));
        troubles.observe(&done(number, OK), at_ms(number * 1_000 + 20));
    }
    assert_eq!(open(&troubles, 5_000), [], "40 ms in all slowed nobody down");
    troubles.observe(&blocks(5, WaitsFor::Memory), at_ms(6_000));
    let not_sent = Note::NotSent { record: record(5), error: SendError::BufferExhausted };
    troubles.observe(&not_sent, at_ms(66_000));
    let [trouble] = &open(&troubles, 67_000)[..] else { panic!("one trouble") };
    let text = text(trouble, &names());
    assert!(text.starts_with("checkout in send(): blocked 5 times, 60.040 s in all and 60.000 s at most"), "{text}");
    assert!(
        text.contains("buffer.memory was used up") && text.contains("1 record failed with BufferExhausted"),
        "{text}"
    );
}

#[test]
fn a_bump_of_the_epoch_is_told() {
    let mut troubles = Troubles::default();
    troubles.observe(&sent(0), at_ms(1_000));
    for epoch in 1..=3 {
        let bumped = Note::EpochBumped { producer: PRODUCER, partition: ORDERS_0, producer_id: 1_000, epoch };
        troubles.observe(&bumped, at_ms(1_100));
    }
    troubles.observe(&done(0, OK), at_ms(1_200));
    let [trouble] = &open(&troubles, 2_000)[..] else { panic!("one trouble") };
    assert_eq!(
        text(trouble, &names()),
        "checkout in orders-0: the producer bumped its epoch 3 times, to 3; over at 1.200 s"
    );
}

#[test]
fn whoever_ends_waits_no_more() {
    let mut troubles = Troubles::default();
    troubles.observe(&sent(0), at_ms(1_000));
    troubles.ended(PRODUCER, at_ms(3_000));
    let [trouble] = &open(&troubles, 90_000)[..] else { panic!("one trouble") };
    assert!(trouble.is_over && trouble.to == at_ms(3_000) && trouble.stalls.total_us == 2 * SECOND, "{trouble:?}");
}
