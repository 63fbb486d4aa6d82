//! What readers of compacted topics keep by key.

use super::*;

/// Records 0 and 1 are of key 7; what else there is has other keys. Those of `tombstones` delete their keys.
fn scene(keys: &[u64], tombstones: &[u64]) -> Scene {
    let numbers: Vec<u64> = (0..keys.len() as u64).collect();
    let mut scene = Scene::compacted(&numbers);
    scene.history = History::default();
    scene.tell(scene.leads(1, 1, 0));
    for (number, key) in (0..).zip(keys) {
        let is_tombstone = tombstones.contains(&number);
        scene.tell(Note::Sent { record: record(number), partition: ORDERS, key: Some(*key), is_tombstone });
        scene.acknowledge(number, number as i64);
    }
    scene
}

/// What is found where a reader is given these, and the others are not there any more.
fn given(scene: &mut Scene, offsets: &[u64]) -> Vec<FindingKind> {
    for offset in 0..scene.logs[&1].len() as i64 {
        if !offsets.contains(&(offset as u64)) {
            (1..=3).for_each(|broker| _ = scene.cleaned.insert((broker, offset)));
        }
    }
    offsets.iter().for_each(|offset| scene.read(*offset as i64, *offset));
    scene.finish()
}

#[test]
fn a_reader_that_has_a_value_is_given_the_tombstone_behind_it() {
    assert_eq!(given(&mut scene(&[7, 7, 8], &[1]), &[0, 1, 2]), []);
    assert_eq!(given(&mut scene(&[7, 7, 8], &[1]), &[0, 2]), [FindingKind::Resurrected]);
    // Whoever never had the value misses nothing.
    assert_eq!(given(&mut scene(&[7, 7, 8], &[1]), &[2]), []);
    // A value that a later one supersedes is no tombstone.
    assert_eq!(given(&mut scene(&[7, 7, 7], &[]), &[0, 2]), []);
}

#[test]
fn a_later_record_of_the_key_tells_what_is_true() {
    assert_eq!(given(&mut scene(&[7, 7, 8, 7], &[1]), &[0, 2, 3]), []);
    // It may be in the log, though nobody was told so.
    let mut unknown = scene(&[7, 7, 8], &[1]);
    unknown.tell(Note::Sent { record: record(3), partition: ORDERS, key: Some(7), is_tombstone: false });
    assert_eq!(given(&mut unknown, &[0, 2]), []);
}

#[test]
fn a_reader_that_begins_anew_has_nothing_left() {
    for ends in [false, true] {
        let mut scene = scene(&[7, 7, 8], &[1]);
        scene.read(0, 0);
        if ends {
            scene.show(|history, _, _, _| history.ended(CONSUMER, When::default()));
        }
        let moved = Moved::Sought { before: 1 };
        if !ends {
            scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 2, moved });
        }
        assert_eq!(given(&mut scene, &[2]), [], "{ends}");
    }
}

#[test]
fn members_of_a_group_share_what_they_were_given() {
    let mut scene = scene(&[7, 7, 8], &[1]);
    scene.is_member = true;
    let found = given(&mut scene, &[0, 2]);
    assert!(!found.contains(&FindingKind::Resurrected), "{found:?}");
}
