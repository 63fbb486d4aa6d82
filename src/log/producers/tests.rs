//! Rules of Kafka's ProducerStateManagerTest and of recorded runs.

use super::super::batch::{self, BatchBuilder};
use super::*;

const SETTINGS: ProducerSettings = ProducerSettings {
    id_expiration_ms: 100,
    verification_enabled: false,
    max_transaction_timeout_ms: 1_000,
    without_kafka_9144: false,
    without_kafka_9807: false,
};

fn bytes(id: i64, epoch: i16, sequence: i32, records: i32, offset: i64, transactional: bool) -> bytes::Bytes {
    let mut builder = BatchBuilder::new().at(offset, 0).producer(id, epoch, sequence);
    if transactional {
        builder = builder.transactional();
    }
    for _ in 0..records {
        builder.record(1_000, None, Some(b"v"));
    }
    builder.build()
}

fn check_bytes(
    producers: &mut Producers,
    bytes: &[u8],
    origin: AppendOrigin,
    version: Option<i16>,
) -> Result<Checked, Refusal> {
    producers.check(batch::batches(bytes), origin, None, version, &SETTINGS)
}

/// Checks what a client sends: the offset of the batch that it repeats, -1 if it is new.
fn client(producers: &mut Producers, epoch: i16, sequence: i32, records: i32) -> Result<i64, Refusal> {
    let sent = bytes(1, epoch, sequence, records, 0, false);
    check_bytes(producers, &sent, AppendOrigin::Client, None).map(|checked| match checked {
        Checked::Duplicate(original) => original.first_offset(),
        Checked::Fine(..) => -1,
    })
}

/// Appends as the origin says; the transactions that it ends.
fn append(
    producers: &mut Producers,
    bytes: &[u8],
    origin: AppendOrigin,
    version: Option<i16>,
) -> Result<Vec<CompletedTransaction>, Refusal> {
    let Checked::Fine(appends, completed) = check_bytes(producers, bytes, origin, version)? else {
        return Ok(Vec::new());
    };
    appends.iter().for_each(|append| producers.update(append, true));
    completed.iter().for_each(|completed| producers.complete(completed));
    Ok(completed)
}

fn after(batches: &[bytes::Bytes]) -> Producers {
    let mut producers = Producers::default();
    for batch in batches {
        append(&mut producers, batch, AppendOrigin::Replication, None).unwrap();
    }
    producers
}

fn marker(aborts: bool, epoch: i16, coordinator_epoch: i32, offset: i64) -> bytes::Bytes {
    let sent = Marker { aborts, coordinator_epoch, timestamp: 2_000 }.batch(1, epoch);
    batch::with_offset_and_epoch(&sent, offset, 0)
}

#[test]
fn five_batches_are_remembered_and_answer_their_offsets() {
    let mut sent: Vec<_> = (0..6).map(|i| bytes(1, 0, i, 1, i.into(), false)).collect();
    sent.push(bytes(1, 0, 6, 3, 6, false));
    let mut producers = after(&sent);
    assert_eq!(client(&mut producers, 0, 6, 3), Ok(6));
    assert_eq!(client(&mut producers, 0, 7, 2), Err(Refusal::OutOfOrderSequence));
    assert_eq!(client(&mut producers, 0, 2, 1), Ok(2));
    assert_eq!(client(&mut producers, 0, 1, 1), Err(Refusal::OutOfOrderSequence));
    assert_eq!(client(&mut producers, 0, 9, 1), Ok(-1));
}

#[test]
fn a_gap_is_refused_and_an_unknown_producer_may_begin_anywhere() {
    let mut producers = after(&[bytes(1, 0, 0, 1, 0, false)]);
    assert_eq!(client(&mut producers, 0, 5, 1), Err(Refusal::OutOfOrderSequence));
    assert_eq!(client(&mut Producers::default(), 0, 5, 1), Ok(-1));
    assert_eq!(client(&mut Producers::default(), 1, 3, 1), Ok(-1));
}

#[test]
fn a_replica_takes_sequences_with_gaps() {
    let producers = after(&[bytes(1, 0, 0, 1, 0, false), bytes(1, 0, 7, 1, 1, false)]);
    assert_eq!(producers.get(1).unwrap().batches().len(), 2);
}

#[test]
fn an_older_epoch_is_fenced_and_a_newer_one_begins_at_zero() {
    let mut producers = after(&[bytes(1, 3, 0, 1, 0, false)]);
    assert_eq!(client(&mut producers, 2, 1, 1), Err(Refusal::InvalidProducerEpoch));
    assert_eq!(client(&mut producers, 4, 1, 1), Err(Refusal::OutOfOrderSequence));
    assert_eq!(client(&mut producers, 4, 0, 1), Ok(-1));
}

#[test]
fn behind_the_largest_sequence_comes_zero() {
    let mut producers = after(&[bytes(1, 0, i32::MAX - 1, 2, 0, false)]);
    assert_eq!(client(&mut producers, 0, 0, 1), Ok(-1));
    assert_eq!(client(&mut producers, 0, 1, 1), Err(Refusal::OutOfOrderSequence));
    let mut wrapped = after(&[bytes(1, 0, i32::MAX, 2, 0, false)]);
    assert_eq!(wrapped.get(1).unwrap().batches()[0].first_sequence(), i32::MAX);
    assert_eq!(client(&mut wrapped, 0, i32::MAX, 2), Ok(0));
}

#[test]
fn a_marker_of_a_newer_epoch_forgets_sequences_and_one_of_the_same_keeps_them() {
    let mut producers = after(&[bytes(1, 0, 0, 3, 0, true), marker(false, 0, 0, 3)]);
    assert_eq!(producers.get(1).unwrap().last_sequence(), 2);
    assert_eq!(client(&mut producers, 0, 3, 1), Ok(-1));
    append(&mut producers, &marker(true, 1, 0, 4), AppendOrigin::Coordinator, Some(2)).unwrap();
    assert_eq!((producers.get(1).unwrap().epoch, producers.get(1).unwrap().last_sequence()), (1, -1));
    assert_eq!(client(&mut producers, 1, 17, 1), Err(Refusal::OutOfOrderSequence));
    assert_eq!(client(&mut producers, 0, 3, 1), Err(Refusal::InvalidProducerEpoch));
    assert_eq!(client(&mut producers, 1, 0, 1), Ok(-1));
}

#[test]
fn a_producer_that_is_known_by_a_marker_only_begins_at_zero_in_its_epoch() {
    let mut producers = Producers::default();
    append(&mut producers, &marker(true, 2, 0, 0), AppendOrigin::Coordinator, Some(1)).unwrap();
    assert_eq!(client(&mut producers, 1, 0, 1), Err(Refusal::InvalidProducerEpoch));
    assert_eq!(client(&mut producers, 2, 17, 1), Err(Refusal::OutOfOrderSequence));
    assert_eq!(client(&mut producers, 2, 0, 1), Ok(-1));
}

#[test]
fn the_first_batch_that_a_log_still_holds_may_have_any_sequence() {
    let producers = after(&[bytes(1, 5, 16, 1, 55, false)]);
    assert_eq!(producers.get(1).map(|producer| (producer.epoch, producer.last_sequence())), Some((5, 16)));
}

#[test]
fn a_transaction_begins_with_its_first_batch_and_ends_with_its_marker() {
    let mut producers = after(&[bytes(1, 0, 0, 5, 16, true), bytes(1, 0, 5, 5, 26, true)]);
    assert_eq!(
        (producers.first_undecided_offset(), producers.first_unstable().map(|first| first.offset)),
        (Some(16), Some(16))
    );
    let completed = append(&mut producers, &marker(false, 0, 0, 40), AppendOrigin::Coordinator, Some(0)).unwrap();
    let expected = CompletedTransaction { producer_id: 1, first_offset: 16, last_offset: 40, aborted: false };
    assert_eq!(completed, [expected]);
    assert_eq!(
        (producers.first_undecided_offset(), producers.first_unstable().map(|first| first.offset)),
        (None, Some(16))
    );
    producers.on_high_watermark(40);
    assert_eq!(producers.first_unstable().map(|first| first.offset), Some(16));
    producers.on_high_watermark(41);
    assert_eq!(producers.first_unstable().map(|first| first.offset), None);
}

#[test]
fn a_marker_without_data_ends_no_transaction() {
    let mut producers = Producers::default();
    assert_eq!(append(&mut producers, &marker(true, 0, 0, 5), AppendOrigin::Coordinator, Some(0)), Ok(Vec::new()));
    assert_eq!((producers.get(1).unwrap().epoch, producers.first_unstable().map(|first| first.offset)), (0, None));
}

#[test]
fn a_plain_batch_inside_a_transaction_is_refused_whoever_appends_it() {
    for origin in [AppendOrigin::Client, AppendOrigin::Replication] {
        let mut producers = after(&[bytes(1, 0, 0, 1, 0, true)]);
        let plain = bytes(1, 0, 1, 1, 1, false);
        assert_eq!(append(&mut producers, &plain, origin, None), Err(Refusal::InvalidTxnState));
    }
}

#[test]
fn a_batch_of_a_newer_epoch_joins_the_open_transaction() {
    let producers = after(&[bytes(1, 0, 0, 1, 7, true), bytes(1, 1, 0, 1, 8, true)]);
    let producer = producers.get(1).unwrap();
    assert_eq!((producer.epoch, producer.current_txn_first_offset), (1, Some(7)));
}

#[test]
fn an_older_coordinator_is_fenced() {
    let mut producers = Producers::default();
    let mut ends = |coordinator_epoch| {
        append(&mut producers, &marker(true, 0, coordinator_epoch, 5), AppendOrigin::Coordinator, Some(0))
    };
    assert!(ends(1).is_ok() && ends(1).is_ok() && ends(2).is_ok());
    assert_eq!(ends(1), Err(Refusal::CoordinatorFenced));
}

#[test]
fn a_marker_of_an_older_epoch_is_refused_and_one_without_version_too() {
    let mut producers = after(&[bytes(1, 5, 0, 1, 0, true)]);
    let mut ends =
        |epoch, version| append(&mut producers, &marker(true, epoch, 0, 5), AppendOrigin::Coordinator, version);
    assert_eq!(ends(3, Some(0)), Err(Refusal::InvalidProducerEpoch));
    assert_eq!(ends(5, Some(2)), Err(Refusal::InvalidProducerEpoch));
    assert_eq!(ends(6, None), Err(Refusal::NoTransactionVersion));
    assert!(ends(6, Some(2)).is_ok());
    // The same marker again: nothing is open, so it is a repetition.
    assert_eq!(ends(6, Some(2)), Ok(Vec::new()));
}

#[test]
fn only_a_verified_transaction_begins_where_verification_is_on() {
    let settings = ProducerSettings { verification_enabled: true, ..SETTINGS };
    let mut producers = Producers::default();
    let batch = bytes(1, 0, 0, 1, 0, true);
    let check = |producers: &mut Producers, guard| {
        producers.check(batch::batches(&batch), AppendOrigin::Client, guard, None, &settings).map(|_| ())
    };
    assert_eq!(check(&mut producers, None), Err(Refusal::InvalidTxnState));
    let stale = producers.maybe_start_verification(1, 0, 0, true, 0).unwrap();
    assert!(stale.is_some());
    assert_eq!(producers.maybe_start_verification(1, 0, 3, true, 0), Ok(stale));
    assert_eq!(check(&mut producers, stale), Ok(()));
    // The first append used the verification up.
    assert_eq!(check(&mut producers, stale), Err(Refusal::InvalidTxnState));
    let next = producers.maybe_start_verification(1, 0, 0, true, 0).unwrap();
    assert_ne!(next, stale);
    assert_eq!(check(&mut producers, stale), Err(Refusal::InvalidTxnState));
}

#[test]
fn an_unknown_producer_of_transaction_version_2_begins_at_zero() {
    for (supports_epoch_bump, expected) in [(true, Err(Refusal::OutOfOrderSequence)), (false, Ok(()))] {
        let mut producers = Producers::default();
        let guard = producers.maybe_start_verification(1, 0, 4, supports_epoch_bump, 0).unwrap();
        let batch = bytes(1, 0, 4, 1, 0, true);
        let checked = producers.check(batch::batches(&batch), AppendOrigin::Client, guard, None, &SETTINGS);
        assert_eq!(checked.map(|_| ()), expected);
    }
}

#[test]
fn a_transaction_is_late_five_minutes_after_its_longest_time() {
    let producers = after(&[bytes(1, 0, 0, 1, 0, true)]);
    let bound = 1_000 + SETTINGS.max_transaction_timeout_ms + LATE_TRANSACTION_BUFFER_MS;
    assert!(!producers.has_late_transaction(bound, &SETTINGS));
    assert!(producers.has_late_transaction(bound + 1, &SETTINGS));
    assert!(!after(&[bytes(1, 0, 0, 1, 0, false)]).has_late_transaction(bound + 1, &SETTINGS));
}

#[test]
fn a_snapshot_keeps_the_last_batch_only() {
    let producers = after(&[bytes(1, 0, 0, 1, 0, false), bytes(1, 0, 1, 2, 1, false), bytes(2, 5, 0, 1, 3, false)]);
    let encoded = producers.encode();
    let read = Producers::decode(&encoded).unwrap();
    assert_eq!(read[&1].batches(), &producers.get(1).unwrap().batches()[1..]);
    assert_eq!(read.get(&2), producers.get(2));
    assert_eq!(Producers::decode(&encoded[..encoded.len() - 1]), Err(CorruptSnapshot));
}

#[test]
fn a_snapshot_has_the_bytes_that_kafka_wrote() {
    let hex = "0001d4a56c560000000200000000000000010000000000060000000000000010000000020000018bcfe56878ffffffff\
               ffffffffffffffff000000000000000200000000000200000000 0000000b000000000000018bcfe5686e00000000ffffffff\
               ffffffff";
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect();
    let read = Producers::decode(&bytes).unwrap();
    assert_eq!(read[&1].batches()[0].first_offset(), 14);
    assert_eq!(read[&2].coordinator_epoch, 0);
    let mut producers = Producers::default();
    producers.load(17, read, 0, &SETTINGS);
    assert_eq!(producers.encode(), bytes);
}

#[test]
fn a_snapshot_is_due_when_the_log_has_grown_since_the_last() {
    let mut producers = Producers::default();
    assert_eq!(producers.due_snapshot(), None);
    producers.set_map_end_offset(4);
    assert_eq!(producers.due_snapshot(), Some(4));
    producers.note_snapshot(4);
    assert_eq!((producers.due_snapshot(), producers.latest_snapshot()), (None, Some(4)));
}

#[test]
fn the_silent_are_forgotten_when_their_time_is_reached_but_not_inside_a_transaction() {
    let mut producers = after(&[bytes(1, 0, 0, 1, 0, false), bytes(2, 0, 0, 1, 1, true)]);
    producers.remove_expired(1_099, &SETTINGS);
    assert!(producers.get(1).is_some());
    producers.remove_expired(1_100, &SETTINGS);
    assert!(producers.get(1).is_none() && producers.get(2).is_some());
    assert_eq!(client(&mut producers, 0, 9, 1), Ok(-1));
}
