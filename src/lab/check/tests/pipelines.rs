//! What is found of pipelines, from end to end.

use super::*;
use crate::lab::check::Pipe;
use crate::lab::scenario::Delivery;

const MEMBER: u32 = 9;

/// Records 0 to 2, and behind them what a pipeline has made of those at these offsets.
fn scene(delivery: Delivery, made_of: &[i64]) -> Scene {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.pipes = vec![Pipe {
        name: "packer".to_owned(),
        group: "packer".to_owned(),
        from: vec!["orders".to_owned()],
        to: "orders".to_owned(),
        dead_letter: None,
        copies: 1,
        delivery,
        members: vec![MEMBER],
    }];
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    for (number, offset) in (0..).zip(made_of) {
        let record = RecordId { producer: MEMBER, number };
        (1..=3).for_each(|broker| scene.logs.get_mut(&broker).expect("its log").push(record));
        scene.tell(Note::Derived { record, from: ORDERS, offset: *offset, copy: 0 });
    }
    let end = scene.logs[&1].len() as i64;
    (1..=3).for_each(|broker| _ = scene.high_watermarks.insert(broker, end));
    scene
}

impl Scene {
    fn works(&mut self, from: i64, to: i64) {
        self.tell(Note::WorkedOn { consumer: MEMBER, partition: ORDERS, from, to });
    }

    fn commits(&mut self, offset: i64) {
        self.tell(Note::Committed { consumer: MEMBER, partition: ORDERS, offset });
    }

    fn begins_at(&mut self, offset: i64) {
        self.tell(Note::Positioned { consumer: MEMBER, partition: ORDERS, offset, moved: Moved::Committed });
    }
}

fn found(delivery: Delivery, made_of: &[i64]) -> Vec<FindingKind> {
    let mut scene = scene(delivery, made_of);
    scene.works(0, 3);
    scene.commits(3);
    scene.finish()
}

#[test]
fn what_is_made_of_a_record_is_there_as_often_as_is_promised() {
    use Delivery::{AtLeastOnce, AtMostOnce, ExactlyOnce};
    for delivery in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        assert_eq!(found(delivery, &[0, 1, 2]), [], "{delivery:?}");
    }
    assert_eq!(found(ExactlyOnce, &[0, 1, 2, 1]), [FindingKind::ProcessedTwice]);
    assert_eq!(found(AtMostOnce, &[0, 1, 2, 1]), [FindingKind::ProcessedTwice]);
    assert_eq!(found(AtLeastOnce, &[0, 1, 2, 1]), [FindingKind::ProcessedTwice]);
    assert_eq!(found(ExactlyOnce, &[0, 2]), [FindingKind::LostInPipeline]);
    assert_eq!(found(AtLeastOnce, &[0, 2]), [FindingKind::LostInPipeline]);
    assert_eq!(found(AtMostOnce, &[0, 2]), [FindingKind::LostInPipeline]);
}

/// Who commits before its work has committed what it is still at.
#[test]
fn what_is_committed_before_the_work_may_still_be_made() {
    let begun = |worked_to: i64| {
        let mut scene = scene(Delivery::AtMostOnce, &[0, 1]);
        scene.works(0, 2);
        scene.tell(Note::Read { consumer: MEMBER, partition: ORDERS, offset: 2, record: Some(record(2)) });
        scene.commits(3);
        scene.works(2, worked_to);
        scene
    };
    assert_eq!(begun(2).finish(), []);
    let sends = || {
        let mut scene = begun(3);
        let record = RecordId { producer: MEMBER, number: 2 };
        scene.tell(Note::Derived { record, from: ORDERS, offset: 2, copy: 0 });
        scene
    };
    assert_eq!(sends().finish(), []);
    let mut dead = sends();
    dead.show(|history, _, _, _| history.ended(MEMBER, When::default()));
    assert_eq!(dead.finish(), [FindingKind::LostInPipeline]);
}

#[test]
fn what_is_not_committed_may_still_be_made() {
    let mut scene = scene(Delivery::ExactlyOnce, &[0]);
    scene.works(0, 1);
    scene.commits(1);
    assert_eq!(scene.finish(), []);
}

#[test]
fn what_the_group_has_skipped_is_not_owed() {
    let mut scene = scene(Delivery::ExactlyOnce, &[2]);
    scene.tell(Note::Positioned { consumer: MEMBER, partition: ORDERS, offset: 2, moved: Moved::First });
    scene.works(2, 3);
    scene.commits(3);
    assert_eq!(scene.finish(), []);
}

#[test]
fn a_committed_offset_does_not_go_back() {
    let mut scene = scene(Delivery::AtLeastOnce, &[0, 1]);
    scene.works(0, 2);
    scene.commits(2);
    scene.begins_at(2);
    assert_eq!(scene.kinds(), []);
    scene.begins_at(1);
    assert_eq!(scene.kinds(), [FindingKind::OffsetWentBack]);
    // What a truncation took nobody has committed.
    let mut cut = super::pipelines::scene(Delivery::AtLeastOnce, &[0, 1]);
    cut.works(0, 2);
    cut.commits(2);
    let moved = Moved::Truncated { before: 2, in_former: false };
    cut.tell(Note::Positioned { consumer: MEMBER, partition: ORDERS, offset: 1, moved });
    cut.begins_at(1);
    assert_eq!(cut.kinds(), []);
}
