//! What readers of committed records are given of transactions.

use super::*;
use crate::note::{TransactionError, TransactionStep};

/// Records 0 to 2 belong to a transaction, record 3 to another.
fn scene(reads_committed: bool) -> Scene {
    let mut scene = Scene::new(&[0, 1, 2, 3]);
    scene.reads_committed = reads_committed;
    scene.step(0, TransactionStep::Begun);
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    scene
}

impl Scene {
    fn step(&mut self, first: u64, step: TransactionStep) {
        self.tell(Note::Transaction { producer: PRODUCER, first, step });
    }

    fn next(&mut self) {
        self.step(3, TransactionStep::Begun);
        self.acknowledge(3, 3);
        self.step(3, TransactionStep::Commits);
        self.step(3, TransactionStep::Committed);
    }
}

#[test]
fn what_is_committed_may_be_read_before_its_producer_is_told() {
    let mut scene = scene(true);
    scene.step(0, TransactionStep::Commits);
    (0..3).for_each(|n| scene.read(n as i64, n));
    scene.step(0, TransactionStep::Committed);
    scene.next();
    scene.read(3, 3);
    assert_eq!(scene.finish(), []);
}

#[test]
fn what_nobody_has_asked_to_commit_is_given_to_no_reader_of_committed_records() {
    let mut strict = scene(true);
    strict.read(0, 0);
    assert_eq!(strict.kinds(), [FindingKind::UncommittedRead]);
    let mut loose = scene(false);
    loose.read(0, 0);
    assert_eq!(loose.finish(), []);
}

#[test]
fn what_is_aborted_is_given_to_no_reader_of_committed_records() {
    let mut asked = scene(true);
    asked.step(0, TransactionStep::Aborts);
    asked.read(0, 0);
    assert_eq!(asked.kinds(), [FindingKind::AbortedRead]);
    // Whether it is committed is known only when it is told.
    let mut told = scene(true);
    told.step(0, TransactionStep::Commits);
    told.read(0, 0);
    assert_eq!(told.kinds(), []);
    told.step(0, TransactionStep::Failed(TransactionError::Abortable(SendError::Expired)));
    told.step(0, TransactionStep::Aborts);
    assert_eq!(told.kinds(), []);
    told.step(0, TransactionStep::Aborted);
    assert_eq!(told.kinds(), [FindingKind::AbortedRead]);
}

/// Who does not wait for the end of a transaction is given what may not count.
#[test]
fn who_reads_what_is_uncommitted_is_given_what_is_aborted() {
    let mut before = scene(false);
    before.read(0, 0);
    assert_eq!(before.kinds(), []);
    before.step(0, TransactionStep::Aborts);
    assert_eq!(before.kinds(), [FindingKind::AbortedRead]);
    let mut behind = scene(false);
    behind.step(0, TransactionStep::Aborts);
    behind.read(0, 0);
    assert_eq!(behind.kinds(), [FindingKind::AbortedRead]);
    let mut left_open = scene(false);
    left_open.read(0, 0);
    left_open.show(|history, _, _, _| history.ended(PRODUCER, When::default()));
    left_open.read(1, 1);
    assert_eq!(left_open.finish(), [FindingKind::AbortedRead]);
    assert_eq!(left_open.findings.list()[0].count, 2);
    let mut committed = scene(false);
    committed.read(0, 0);
    committed.step(0, TransactionStep::Commits);
    committed.step(0, TransactionStep::Committed);
    assert_eq!(committed.finish(), []);
}

#[test]
fn what_a_producer_left_open_is_aborted() {
    let mut open = scene(true);
    open.show(|history, _, _, _| history.ended(PRODUCER, When::default()));
    open.read(0, 0);
    assert_eq!(open.kinds(), [FindingKind::AbortedRead]);
    let mut asked = scene(true);
    asked.step(0, TransactionStep::Commits);
    asked.show(|history, _, _, _| history.ended(PRODUCER, When::default()));
    (0..3).for_each(|n| asked.read(n as i64, n));
    assert_eq!(asked.finish(), []);
}

#[test]
fn a_transaction_is_given_wholly_or_not_at_all() {
    let mut torn = scene(true);
    torn.step(0, TransactionStep::Commits);
    torn.next();
    [0, 2, 3].into_iter().for_each(|n| torn.read(n as i64, n));
    assert_eq!(torn.finish(), [FindingKind::TornTransaction]);
    let mut not_at_all = scene(true);
    not_at_all.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 0, moved: Moved::First });
    not_at_all.step(0, TransactionStep::Commits);
    not_at_all.next();
    not_at_all.read(3, 3);
    assert_eq!(not_at_all.finish(), []);
}

#[test]
fn what_is_committed_and_not_given_is_unseen() {
    let mut scene = scene(true);
    scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 0, moved: Moved::First });
    scene.step(0, TransactionStep::Commits);
    scene.step(0, TransactionStep::Committed);
    scene.next();
    scene.read(3, 3);
    assert!(scene.finish().contains(&FindingKind::Unseen));
}

/// Behind the last record that was given there may be more that was not.
#[test]
fn what_is_gone_past_at_the_end_is_unseen() {
    let ends_at = |offset: i64| {
        let mut scene = scene(true);
        scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 0, moved: Moved::First });
        scene.step(0, TransactionStep::Commits);
        scene.step(0, TransactionStep::Committed);
        scene.reader_at = Some(offset);
        scene.finish()
    };
    assert_eq!((ends_at(0), ends_at(3)), (Vec::new(), vec![FindingKind::Unseen]));
}

#[test]
fn of_records_only_those_of_committed_transactions_are_promised() {
    let lose = |steps: &[TransactionStep]| {
        let mut scene = scene(true);
        steps.iter().for_each(|step| scene.step(0, *step));
        scene.logs.insert(3, Vec::new());
        (1..=3).for_each(|broker| _ = scene.logs.insert(broker, Vec::new()));
        scene.elect(2, true, 0);
        scene.finish()
    };
    assert_eq!(lose(&[]), []);
    assert_eq!(lose(&[TransactionStep::Aborts, TransactionStep::Aborted]), []);
    assert_eq!(lose(&[TransactionStep::Commits]), []);
    let told = lose(&[TransactionStep::Commits, TransactionStep::Committed]);
    assert!(told.contains(&FindingKind::LostWrite), "{told:?}");
}

/// A half that is committed before anybody asks for that is of a transaction that is torn, whatever is told later.
#[test]
fn half_of_a_transaction_that_is_given_too_early_makes_it_torn() {
    use FindingKind::{AbortedRead, TornTransaction, UncommittedRead};
    let early = |step: TransactionStep| {
        let mut scene = scene(true);
        scene.read(0, 0);
        scene.step(0, TransactionStep::Commits);
        scene.step(0, step);
        scene.next();
        scene.read(3, 3);
        scene.finish()
    };
    assert_eq!(early(TransactionStep::Committed), [UncommittedRead, TornTransaction]);
    assert_eq!(early(TransactionStep::Aborted), [UncommittedRead, AbortedRead]);
}
