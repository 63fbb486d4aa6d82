//! The coordinator as a pure shard: each case is one of Kafka's `TransactionCoordinatorTest`, or a recording of a real broker.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::ResponseError::{
    ConcurrentTransactions, InvalidProducerIdMapping, InvalidTxnState, ProducerFenced, TransactionAbortable,
};
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;

use super::end::End;
use super::init::Init;
use super::log;
use super::metadata::{BUMPS_EPOCH, KEEPS_EPOCH, NO_ID, NamedPartition, TransactionMetadata};
use super::partitions::Partitions;
use super::shard::TransactionShard;
use super::standing::{Decided, Decision};
use super::state::TransactionState;
use super::sweep;
use crate::broker::coordinator::{CoordinatorRecord, CoordinatorShard};

const ID: &str = "tx";
const TIMEOUT: i32 = 60_000;

/// A shard as its runtime has it, with a log that commits when it is told to.
#[derive(Clone, Debug, Default)]
struct Coordinator {
    current: TransactionShard,
    committed: TransactionShard,
    log: Vec<CoordinatorRecord>,
    committed_up_to: usize,
    /// The next producer id.
    next_id: i64,
    now_ms: i64,
}

type Answer = Result<(i64, i16), ResponseError>;

impl Coordinator {
    /// One whose next producer id is this.
    fn with_next_id(next_id: i64) -> Self {
        Self { next_id, now_ms: 1_000, ..Self::default() }
    }

    fn write(&mut self, record: CoordinatorRecord) {
        self.current.replay(&record);
        self.log.push(record);
    }

    fn write_next(&mut self, id: &str, next: &TransactionMetadata) {
        self.current.expect_last_epoch(id, next.last_producer_epoch);
        self.write(log::record(id, next));
    }

    /// All that is written is committed.
    fn commit(&mut self) {
        for record in &self.log[self.committed_up_to..] {
            self.committed.replay(record);
        }
        self.committed_up_to = self.log.len();
    }

    /// A decision, written and not committed.
    fn begin<T>(&mut self, id: &str, decided: Decided<T>) -> Result<T, ResponseError> {
        match decided? {
            Decision::Answer(answer) => Ok(answer),
            Decision::NeedsId => panic!("an id was drawn"),
            Decision::Write(next, answer) => {
                self.write_next(id, &next);
                answer
            }
        }
    }

    fn decide_init(&self, id: &str, expected: Option<(i64, i16)>, new_id: Option<i64>) -> Decided<(i64, i16)> {
        let standing = self.current.standing(&self.committed, id);
        Init { timeout_ms: TIMEOUT, expected, new_id }.decide(standing, self.now_ms)
    }

    fn begin_init(&mut self, expected: Option<(i64, i16)>) -> Answer {
        let mut decided = self.decide_init(ID, expected, None);
        if decided == Ok(Decision::NeedsId) {
            decided = self.decide_init(ID, expected, Some(self.next_id));
            self.next_id += 1;
        }
        self.begin(ID, decided)
    }

    fn init(&mut self, expected: Option<(i64, i16)>) -> Answer {
        let answer = self.begin_init(expected);
        self.commit();
        answer
    }

    fn begin_add(&mut self, producer: (i64, i16), version: i16, partitions: &[i32]) -> Result<(), ResponseError> {
        let partitions = orders(partitions);
        let asked = Partitions { producer_id: producer.0, producer_epoch: producer.1, partitions: &partitions };
        let decided = asked.add(self.current.standing(&self.committed, ID), version, self.now_ms);
        self.begin(ID, decided)
    }

    fn add(&mut self, producer: (i64, i16), version: i16) -> Result<(), ResponseError> {
        let answer = self.begin_add(producer, version, &[0]);
        self.commit();
        answer
    }

    fn missing(&self, producer: (i64, i16), partitions: &[i32]) -> Result<Vec<i32>, ResponseError> {
        let partitions = orders(partitions);
        let asked = Partitions { producer_id: producer.0, producer_epoch: producer.1, partitions: &partitions };
        let missing = asked.missing(self.current.standing(&self.committed, ID))?;
        Ok(missing.into_iter().map(|(_, partition)| partition).collect())
    }

    fn begin_end(&mut self, (producer_id, producer_epoch): (i64, i16), commits: bool) -> Answer {
        let mut end = End { producer_id, producer_epoch, commits, new_id: None };
        let mut decided = end.raising_epoch(self.current.standing(&self.committed, ID), self.now_ms);
        if decided == Ok(Decision::NeedsId) {
            end.new_id = Some(self.next_id);
            self.next_id += 1;
            decided = end.raising_epoch(self.current.standing(&self.committed, ID), self.now_ms);
        }
        self.begin(ID, decided)
    }

    /// EndTxn 5.
    fn end(&mut self, producer: (i64, i16), commits: bool) -> Answer {
        let answer = self.begin_end(producer, commits);
        self.commit();
        answer
    }

    /// EndTxn 4.
    fn end_keeping(&mut self, (producer_id, producer_epoch): (i64, i16), commits: bool) -> Result<(), ResponseError> {
        let end = End { producer_id, producer_epoch, commits, new_id: None };
        let decided = end.keeping_epoch(self.current.standing(&self.committed, ID), self.now_ms);
        let answer = self.begin(ID, decided);
        self.commit();
        answer
    }

    /// All markers of what is decided are written: who got which of them.
    fn write_markers(&mut self) -> Vec<(i64, i16, bool, i16)> {
        let prepared: Vec<(String, TransactionMetadata)> =
            self.committed.prepared().map(|(id, it)| (id.to_owned(), it.clone())).collect();
        let mut markers = Vec::new();
        for (id, prepared) in prepared {
            let commits = prepared.state == TransactionState::PrepareCommit;
            if !prepared.partitions.is_empty() {
                markers.push((prepared.producer_id, prepared.producer_epoch, commits, prepared.client_version));
            }
            let prepared = self.current.get(&id).expect("it is known").clone();
            self.write_next(&id, &prepared.completed(self.now_ms));
        }
        self.commit();
        markers
    }

    /// Another broker loads the log.
    fn fail_over(&self) -> Self {
        let mut next = Self { next_id: self.next_id, now_ms: self.now_ms, ..Self::default() };
        for record in &self.log {
            next.write(record.clone());
        }
        next.commit();
        next
    }

    fn state(&self) -> TransactionState {
        self.committed.get(ID).expect("it is known").state
    }
}

fn orders(partitions: &[i32]) -> BTreeSet<NamedPartition> {
    let topic = TopicName(StrBytes::from_static_str("orders"));
    partitions.iter().map(|partition| (topic.clone(), *partition)).collect()
}

/// As recorded.
#[test]
fn producers_are_initialised_as_recorded() {
    let mut it = Coordinator::with_next_id(102);
    assert_eq!(it.init(None), Ok((102, 0)), "new");
    assert_eq!(it.init(None), Ok((102, 1)), "again without an id");
    assert_eq!(it.init(Some((102, 1))), Ok((102, 2)), "with id and current epoch");
    assert_eq!(it.init(Some((102, 1))), Ok((102, 2)), "sent twice");
    assert_eq!(it.init(Some((102, 0))), Err(ProducerFenced), "stale epoch");
    assert_eq!(it.init(Some((102, 9))), Err(ProducerFenced), "epoch ahead");
    assert_eq!(it.init(Some((879, 0))), Err(ProducerFenced), "another's id");
    let mut unknown = Coordinator::with_next_id(103);
    assert_eq!(unknown.init(Some((5, 3))), Ok((103, 0)), "what it had is not known here");
}

/// As recorded: the epoch rises by two for a newcomer and by one for the producer itself.
#[test]
fn whoever_is_initialised_over_an_open_transaction_aborts_it_and_asks_again() {
    let mut it = Coordinator::with_next_id(105);
    assert_eq!(it.init(None), Ok((105, 0)));
    it.add((105, 0), BUMPS_EPOCH).expect("it is right");
    assert_eq!(it.init(None), Err(ConcurrentTransactions));
    assert_eq!(it.init(None), Err(ConcurrentTransactions), "at once again");
    assert_eq!(it.write_markers(), [(105, 1, false, 2)]);
    assert_eq!(it.init(None), Ok((105, 2)));
    it.add((105, 2), BUMPS_EPOCH).expect("it is right");
    assert_eq!(it.init(Some((105, 2))), Err(ConcurrentTransactions));
    assert_eq!(it.write_markers(), [(105, 3, false, 2)]);
    assert_eq!(it.init(Some((105, 2))), Ok((105, 3)));
}

/// As recorded: a transaction that is committed, and another that is aborted.
#[test]
fn transactions_of_version_2_end_as_recorded() {
    for (commits, id) in [(true, 96), (false, 97)] {
        let mut it = Coordinator::with_next_id(id);
        assert_eq!(it.end((1, 0), true), Err(InvalidProducerIdMapping), "an unknown transactional id");
        assert_eq!(it.init(None), Ok((id, 0)));
        assert_eq!(it.end((id, 0), true), Err(InvalidTxnState), "Empty: commit");
        assert_eq!(it.end((id, 0), false), Ok((id, 1)), "Empty: abort");
        assert_eq!(it.write_markers(), []);
        it.add((id, 1), BUMPS_EPOCH).expect("it is right");
        assert_eq!(it.end((id, 2), commits), Err(ProducerFenced), "Ongoing: epoch ahead");
        assert_eq!(it.end((id, 0), commits), Err(ProducerFenced), "Ongoing: epoch behind");
        assert_eq!(it.end((id + 999, 1), commits), Err(InvalidProducerIdMapping), "Ongoing: wrong producer id");
        assert_eq!(it.end((id, 1), commits), Ok((id, 2)));
        assert_eq!(it.end((id, 1), commits), Err(ConcurrentTransactions), "at once again");
        assert_eq!(it.end((id, 1), !commits), Err(ConcurrentTransactions), "at once, the opposite");
        assert_eq!(it.write_markers(), [(id, 2, commits, 2)]);
        assert_eq!(it.end((id, 1), commits), Ok((id, 2)), "Complete: sent twice");
        assert_eq!(it.end((id, 1), !commits), Err(InvalidTxnState), "Complete: the opposite");
        assert_eq!(it.end((id, 2), true), Err(InvalidTxnState), "Complete: commit with the new epoch");
        assert_eq!(it.end((id, 2), false), Ok((id, 3)), "Complete: abort with the new epoch");
        assert_eq!(it.write_markers(), []);
        assert_eq!(it.state(), TransactionState::CompleteAbort);
        it.add((id, 3), BUMPS_EPOCH).expect("it is right");
        assert_eq!(it.end((id, 1), commits), Err(ProducerFenced), "the next one is Ongoing: a delayed EndTxn");
        assert_eq!(it.end((id, 3), commits), Ok((id, 4)));
        assert_eq!(it.write_markers(), [(id, 4, commits, 2)]);
    }
}

/// As recorded: the delayed EndTxn completes the next transaction, which is why there is version 2.
#[test]
fn transactions_of_version_1_end_as_recorded() {
    for (commits, id) in [(true, 99), (false, 100)] {
        let mut it = Coordinator::with_next_id(id);
        assert_eq!(it.end_keeping((1, 0), true), Err(InvalidProducerIdMapping), "an unknown transactional id");
        assert_eq!(it.init(None), Ok((id, 0)));
        assert_eq!(it.end_keeping((id, 0), true), Err(InvalidTxnState), "Empty: commit");
        assert_eq!(it.end_keeping((id, 0), false), Err(InvalidTxnState), "Empty: abort");
        it.add((id, 0), KEEPS_EPOCH).expect("it is right");
        assert_eq!(it.end_keeping((id, 1), commits), Err(ProducerFenced), "Ongoing: epoch ahead");
        assert_eq!(it.end_keeping((id, -1), commits), Err(ProducerFenced), "Ongoing: epoch behind");
        assert_eq!(it.end_keeping((id + 999, 0), commits), Err(InvalidProducerIdMapping), "Ongoing: wrong producer");
        assert_eq!(it.end_keeping((id, 0), commits), Ok(()));
        assert_eq!(it.end_keeping((id, 0), commits), Err(ConcurrentTransactions), "at once again");
        assert_eq!(it.end_keeping((id, 0), !commits), Err(ConcurrentTransactions), "at once, the opposite");
        assert_eq!(it.write_markers(), [(id, 0, commits, 0)]);
        assert_eq!(it.end_keeping((id, 0), commits), Ok(()), "Complete: sent twice");
        assert_eq!(it.end_keeping((id, 0), !commits), Err(InvalidTxnState), "Complete: the opposite");
        it.add((id, 0), KEEPS_EPOCH).expect("it is right");
        assert_eq!(it.end_keeping((id, 0), commits), Ok(()), "the next one is Ongoing: a delayed EndTxn completes it");
        assert_eq!(it.write_markers(), [(id, 0, commits, 0)]);
        assert_eq!(it.end_keeping((id, 0), commits), Ok(()), "its own finds it done");
    }
}

/// As recorded: the epoch rises by one; the producer may abort once more and goes on.
#[test]
fn what_is_open_for_too_long_is_aborted_and_its_producer_may_go_on() {
    let mut it = Coordinator::with_next_id(36);
    assert_eq!(it.init(None), Ok((36, 0)));
    it.add((36, 0), BUMPS_EPOCH).expect("it is right");
    it.now_ms += i64::from(TIMEOUT);
    assert!(sweep::timed_out(&it.current, &it.committed, it.now_ms).is_empty(), "not yet");
    it.now_ms += 1;
    let late = sweep::timed_out(&it.current, &it.committed, it.now_ms);
    for (id, known) in &late {
        it.write_next(id, &known.fenced(NO_ID, it.now_ms));
    }
    assert!(sweep::timed_out(&it.current, &it.committed, it.now_ms).is_empty(), "a fence is on its way");
    it.commit();
    assert_eq!(it.write_markers(), [(36, 1, false, 2)]);
    assert_eq!(it.end((36, 0), true), Err(InvalidTxnState), "a commit comes too late");
    assert_eq!(it.end((36, 0), false), Ok((36, 1)));
    it.add((36, 1), BUMPS_EPOCH).expect("it goes on");
    assert_eq!(it.end((36, 1), true), Ok((36, 2)));
    assert_eq!(it.write_markers(), [(36, 2, true, 2)]);
}

/// As recorded.
#[test]
fn a_fenced_producer_can_do_nothing_more() {
    let mut it = Coordinator::with_next_id(26);
    assert_eq!(it.init(None), Ok((26, 0)));
    it.add((26, 0), BUMPS_EPOCH).expect("it is right");
    assert_eq!(it.init(None), Err(ConcurrentTransactions));
    it.write_markers();
    assert_eq!(it.init(None), Ok((26, 2)));
    assert_eq!(it.add((26, 0), BUMPS_EPOCH), Err(ProducerFenced));
    assert_eq!(it.missing((26, 0), &[0]), Err(ProducerFenced));
    assert_eq!(it.end((26, 0), false), Err(ProducerFenced));
    assert_eq!(it.end_keeping((26, 0), false), Err(ProducerFenced));
    assert_eq!(it.init(Some((26, 0))), Err(ProducerFenced));
    it.add((26, 2), BUMPS_EPOCH).expect("the other one goes on");
}

/// `shouldRespondWithInvalidPidMappingOnAddPartitionsToTransactionWhenTransactionalIdNotPresent`, `...WhenEpochsDiffer`.
#[test]
fn partitions_are_added_by_the_producer_that_has_the_id_and_by_no_other() {
    let mut it = Coordinator::with_next_id(94);
    assert_eq!(it.add((99_999, 0), BUMPS_EPOCH), Err(InvalidProducerIdMapping));
    assert_eq!(it.init(None), Ok((94, 0)));
    assert_eq!(it.add((94, 1), BUMPS_EPOCH), Err(ProducerFenced), "epoch ahead");
    assert_eq!(it.add((1_094, 0), BUMPS_EPOCH), Err(InvalidProducerIdMapping));
    it.add((94, 0), BUMPS_EPOCH).expect("it is right");
    assert_eq!(it.missing((94, 0), &[0, 1]), Ok(vec![1]));
    assert_eq!(TransactionAbortable.code(), 120, "what is told of those");
}

/// `shouldRespondWithSuccessOnAddPartitionsWhenStateIsOngoing`, `shouldNotAppend...PartitionsAlreadyAdded`.
#[test]
fn what_is_added_twice_is_written_once() {
    let mut it = Coordinator::with_next_id(1);
    it.init(None).expect("an id");
    it.add((1, 0), BUMPS_EPOCH).expect("it is right");
    let before = it.log.len();
    it.add((1, 0), BUMPS_EPOCH).expect("it is there");
    assert_eq!(it.log.len(), before);
    it.begin_add((1, 0), BUMPS_EPOCH, &[0, 1]).expect("one is new");
    assert_eq!(it.log.len(), before + 1);
}

/// `shouldRespondWithConcurrentTransactionsOnAddPartitionsWhenStateIsPending...`.
#[test]
fn while_a_transition_is_not_committed_nothing_else_is_decided() {
    let mut it = Coordinator::with_next_id(1);
    assert_eq!(it.begin_init(None), Ok((1, 0)));
    assert_eq!(it.begin_init(None), Err(ConcurrentTransactions), "a new id, not committed");
    it.commit();
    it.begin_add((1, 0), BUMPS_EPOCH, &[0]).expect("it is right");
    assert_eq!(it.begin_add((1, 0), BUMPS_EPOCH, &[1]), Err(ConcurrentTransactions));
    assert_eq!(it.begin_end((1, 0), true), Err(ConcurrentTransactions));
    assert_eq!(it.begin_init(None), Err(ConcurrentTransactions));
    assert_eq!(it.missing((1, 0), &[0]), Ok(vec![0]), "it is not in it before that is committed");
    it.commit();
    assert_eq!(it.missing((1, 0), &[0]), Ok(vec![]));
    assert_eq!(it.begin_end((1, 0), true), Ok((1, 1)));
    assert_eq!(it.begin_add((1, 1), BUMPS_EPOCH, &[0]), Err(ConcurrentTransactions));
    it.commit();
    assert_eq!(it.begin_add((1, 1), BUMPS_EPOCH, &[0]), Err(ConcurrentTransactions), "markers are on their way");
    assert_eq!(it.missing((1, 1), &[0]), Err(ConcurrentTransactions));
}

/// `testRetryInitProducerIdAfterProducerIdRotation`: 109 of the reference.
#[test]
fn a_producer_whose_epochs_are_used_up_gets_another_id_and_may_ask_twice() {
    let mut it = Coordinator::with_next_id(1);
    it.init(None).expect("an id");
    it.raise_epoch_to(i16::MAX - 1);
    assert_eq!(it.init(Some((1, i16::MAX - 1))), Ok((2, 0)));
    assert_eq!(it.init(Some((1, i16::MAX - 1))), Ok((2, 0)), "sent twice");
    assert_eq!(it.init(Some((1, i16::MAX - 2))), Err(ProducerFenced));
    let mut other = Coordinator::with_next_id(1);
    other.init(None).expect("an id");
    other.raise_epoch_to(i16::MAX - 1);
    assert_eq!(other.init(None), Ok((2, 0)), "a newcomer");
    assert_eq!(other.init(Some((1, i16::MAX - 1))), Err(ProducerFenced), "the one before it");
}

/// `shouldReturnEpochBumpOnOverflow...`: 112 of the reference.
#[test]
fn a_transaction_that_ends_with_the_last_epoch_goes_on_with_another_id() {
    for commits in [true, false] {
        let mut it = Coordinator::with_next_id(1);
        it.init(None).expect("an id");
        it.raise_epoch_to(i16::MAX - 1);
        it.add((1, i16::MAX - 1), BUMPS_EPOCH).expect("it is right");
        assert_eq!(it.end((1, i16::MAX - 1), commits), Ok((1, i16::MAX)));
        assert_eq!(it.add((2, 0), BUMPS_EPOCH), Err(ConcurrentTransactions), "the next id is only on its way");
        assert_eq!(it.write_markers(), [(1, i16::MAX, commits, 2)]);
        assert_eq!(it.end((1, i16::MAX - 1), commits), Ok((2, 0)), "sent twice");
        assert_eq!(it.end((1, i16::MAX - 1), !commits), Err(InvalidTxnState));
        it.add((2, 0), BUMPS_EPOCH).expect("it goes on");
    }
}

impl Coordinator {
    /// As if it had ended so many transactions.
    fn raise_epoch_to(&mut self, epoch: i16) {
        let known = self.committed.get(ID).expect("it is known").clone();
        self.write_next(ID, &TransactionMetadata { producer_epoch: epoch, ..known });
        self.commit();
    }
}

/// `shouldFenceAndAbort...` with the last epoch but one: the marker has the last one, and behind it comes another id, of which a
/// producer that aborts late is told, too. It was left with the last epoch, in which it could begin a transaction and never commit it
/// (KAFKA-20090).
#[test]
fn a_fence_takes_the_last_epoch_and_leads_to_another_id() {
    const LAST: i16 = i16::MAX - 1;
    let fenced = || {
        let mut it = Coordinator::with_next_id(1);
        it.init(None).expect("an id");
        it.raise_epoch_to(LAST);
        it.add((1, LAST), BUMPS_EPOCH).expect("it is right");
        assert_eq!(it.init(None), Err(ConcurrentTransactions));
        assert_eq!(it.write_markers(), [(1, i16::MAX, false, 2)]);
        it
    };
    assert_eq!(fenced().init(None), Ok((2, 1)), "another instance");
    let mut it = fenced();
    assert_eq!(it.end((1, LAST), false), Ok((2, 0)), "the same one");
    it.add((2, 0), BUMPS_EPOCH).expect("it goes on");
    assert_eq!(it.end((2, 0), true), Ok((2, 1)));
}

/// `TransactionStateManagerTest.shouldOnlyConsiderTransactionsInTheOngoingStateToAbort`, `testTransactionalExpiration...`.
#[test]
fn an_id_that_nobody_uses_is_forgotten_unless_it_is_open() {
    const WEEK: i64 = 604_800_000;
    let mut it = Coordinator::with_next_id(1);
    it.init(None).expect("an id");
    let expired = |it: &Coordinator, now| sweep::expired(&it.current, &it.committed, WEEK, now);
    assert!(expired(&it, it.now_ms + WEEK - 1).is_empty());
    assert_eq!(expired(&it, it.now_ms + WEEK), [ID]);
    it.add((1, 0), BUMPS_EPOCH).expect("it is right");
    assert!(expired(&it, it.now_ms + 2 * WEEK).is_empty(), "it is open");
    it.end((1, 0), true).expect("it is right");
    assert!(expired(&it, it.now_ms + 2 * WEEK).is_empty(), "its markers are on their way");
    it.write_markers();
    assert_eq!(expired(&it, it.now_ms + 2 * WEEK), [ID]);
    it.write(log::tombstone(ID));
    assert_eq!(it.begin_init(None), Err(ConcurrentTransactions), "the tombstone is on its way");
    it.commit();
    assert_eq!(it.init(Some((1, 1))), Ok((2, 0)), "it is as new");
}

/// `shouldCompleteTransitionToComplete...AfterLoad`: what was decided is completed by whoever loads it.
#[test]
fn whoever_leads_next_completes_what_was_decided() {
    let mut it = Coordinator::with_next_id(1);
    it.init(None).expect("an id");
    it.add((1, 0), BUMPS_EPOCH).expect("it is right");
    it.end((1, 0), true).expect("it is right");
    let mut next = it.fail_over();
    assert_eq!(next.end((1, 0), true), Err(ConcurrentTransactions));
    assert_eq!(next.write_markers(), [(1, 1, true, 2)]);
    assert_eq!(next.end((1, 0), true), Ok((1, 1)), "an EndTxn that was sent twice is recognised by its epoch");
}

/// `lastProducerEpoch` is not in the log: an InitProducerId that is repeated after a change of coordinators is refused.
#[test]
fn whoever_leads_next_does_not_know_the_epoch_before() {
    let mut it = Coordinator::with_next_id(1);
    it.init(None).expect("an id");
    assert_eq!(it.init(Some((1, 0))), Ok((1, 1)));
    assert_eq!(it.clone().init(Some((1, 0))), Ok((1, 1)));
    assert_eq!(it.fail_over().init(Some((1, 0))), Err(ProducerFenced));
}
