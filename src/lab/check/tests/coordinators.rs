//! What coordinators of groups say, and what their logs do.

use super::*;
use crate::note::{TransactionError, TransactionStep};

fn place(partition: i32) -> CommitPlace {
    ("g".to_owned(), "orders".to_owned(), partition)
}

fn commit(at: i64, producer_id: Option<i64>, offset: Option<i64>) -> Commit {
    Commit::Of { at, producer_id, place: place(0), offset }
}

impl Scene {
    /// The consumer is a member of a group, whose coordinator is broker 1 and has written this.
    fn coordinated(commits: Vec<Commit>) -> Self {
        let mut scene = Self::new(&[0, 1, 2]);
        let orders = TopicImage::clone(scene.image.topics.get(0).expect("orders"));
        let (id, name) = (uuid::Uuid::from_u128(2), "__consumer_offsets".to_owned());
        let offsets = TopicImage { id, name, ..orders.clone() };
        scene.image.topics = [orders, offsets].into_iter().collect();
        scene.is_member = true;
        scene.commits = commits;
        scene
    }

    fn coordinator_begins(&mut self, high_watermark: i64) {
        let note =
            Note::BecameLeader { broker: 1, partition: SEAT, leader_epoch: 1, log_end_offset: 9, high_watermark };
        self.tell(note);
    }

    fn told_committed(&mut self, offset: i64) {
        self.tell(Note::Committed { consumer: CONSUMER, partition: ORDERS, offset });
    }
}

#[test]
fn a_commit_is_answered_once_it_is_committed() {
    let told = |high_watermark: i64, commits: Vec<Commit>| {
        let mut scene = Scene::coordinated(commits);
        scene.coordinator_begins(high_watermark);
        scene.told_committed(2);
        scene.kinds()
    };
    assert_eq!(told(0, vec![commit(0, None, Some(2))]), [FindingKind::AcknowledgedEarly]);
    assert_eq!(told(1, vec![commit(0, None, Some(2))]), []);
    // Another offset, what is in a transaction, and what was asked for twice: the answer is the first one's.
    assert_eq!(told(0, vec![commit(0, None, Some(1))]), []);
    assert_eq!(told(0, vec![commit(0, Some(7), Some(2))]), []);
    assert_eq!(told(1, vec![commit(0, None, Some(2)), commit(1, None, Some(2))]), []);
}

#[test]
fn a_coordinator_has_what_its_log_says() {
    let begins = |commits: Vec<Commit>, has: Option<i64>| {
        let mut scene = Scene::coordinated(commits);
        scene.coordinator_begins(0);
        // It reads.
        assert_eq!(scene.kinds(), []);
        scene.has = Some(has.map(|offset| (place(0), offset)).into_iter().collect());
        // Whatever is told next.
        scene.tell(Note::Fenced { broker: 3, fenced: false });
        scene.kinds()
    };
    let end = |is_commit| Commit::End { producer_id: 7, is_commit };
    let (plain, later) = (commit(0, None, Some(2)), commit(1, None, Some(3)));
    let (in_transaction, removed) = (commit(1, Some(7), Some(3)), commit(1, None, None));
    assert_eq!(begins(vec![plain.clone(), later.clone()], Some(3)), []);
    assert_eq!(begins(vec![plain.clone(), later.clone()], Some(2)), [FindingKind::OffsetWentBack]);
    assert_eq!(begins(vec![plain.clone()], None), [FindingKind::OffsetWentBack]);
    assert_eq!(begins(vec![plain.clone(), removed.clone()], Some(2)), [FindingKind::OffsetWentBack]);
    assert_eq!(begins(vec![plain.clone(), removed], None), []);
    assert_eq!(begins(vec![plain.clone(), in_transaction.clone()], Some(2)), []);
    assert_eq!(begins(vec![plain.clone(), in_transaction.clone(), end(false)], Some(2)), []);
    assert_eq!(begins(vec![plain.clone(), in_transaction.clone(), end(true)], Some(3)), []);
    assert_eq!(begins(vec![plain, in_transaction.clone(), end(true)], Some(2)), [FindingKind::OffsetWentBack]);
    // What was committed behind its record counts, whenever the transaction ends.
    let behind = commit(2, None, Some(4));
    assert_eq!(begins(vec![later, in_transaction, behind, end(true)], Some(4)), []);
}

#[test]
fn a_member_that_is_told_is_told_what_the_log_says() {
    let mut scene = Scene::coordinated(vec![commit(0, None, Some(2))]);
    scene.has = Some(BTreeMap::new());
    scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 0, moved: Moved::Kept });
    assert_eq!(scene.kinds(), []);
    scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 2, moved: Moved::Committed });
    assert_eq!(scene.kinds(), [FindingKind::OffsetWentBack]);
}

#[test]
fn a_producer_that_is_alone_is_not_fenced() {
    let ends = |before: Option<Note>, code: i16| {
        let mut scene = Scene::new(&[0]);
        before.into_iter().for_each(|note| scene.tell(note));
        let step = TransactionStep::Failed(TransactionError::Fatal(SendError::Broker(code)));
        scene.tell(Note::Transaction { producer: PRODUCER, first: 0, step });
        scene.kinds()
    };
    let timed_out = Note::TransactionTimedOut { broker: 1, transactional_id: "till".to_owned(), timeout_ms: 60_000 };
    let (fenced, not_authorized) = (90, 53);
    assert_eq!(ends(None, fenced), [FindingKind::Stuck]);
    assert_eq!(ends(Some(timed_out), fenced), []);
    assert_eq!(ends(None, not_authorized), []);
}

#[test]
fn whoever_waits_for_its_assignment_is_answered_with_the_others() {
    let mut scene = Scene::coordinated(vec![commit(0, None, Some(2))]);
    let assigned = || Note::Assigned { consumer: CONSUMER, generation: 1, partitions: vec![ORDERS] };
    scene.tell(assigned());
    assert_eq!(scene.kinds(), []);
    scene.unanswered = vec![CONSUMER];
    scene.tell(assigned());
    assert_eq!(scene.kinds(), [FindingKind::Stuck]);
}
