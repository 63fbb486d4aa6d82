//! What lies in logs: compacted topics, and batches that rotted.

use super::*;

#[test]
fn replicas_of_a_compacted_topic_agree_in_key_value_timestamp_and_epoch_of_what_both_have() {
    let same = mark_of(1, record(1));
    for (part, other) in [
        ("key", RecordMark { key: None, ..same }),
        ("value", RecordMark { value: None, ..same }),
        ("timestamp", RecordMark { timestamp: 2, ..same }),
        ("leader epoch", RecordMark { leader_epoch: 2, ..same }),
    ] {
        let mut scene = Scene::compacted(&[0, 1, 2]);
        scene.marks.insert((2, 1), other);
        scene.moves(1, 3);
        scene.moves(3, 3);
        assert_eq!(scene.kinds(), []);
        scene.moves(2, 3);
        assert_eq!(scene.kinds(), [FindingKind::ReplicasDiverge], "{part}");
        let about = &scene.findings.list()[0].about;
        assert!(about.ends_with(&format!("hold records of another {part}")), "{about}");
    }
}

#[test]
fn a_record_that_one_replica_has_cleaned_away_binds_nobody() {
    let mut scene = Scene::compacted(&[0, 1, 2]);
    scene.cleaned.insert((1, 0));
    scene.moves(1, 3);
    scene.moves(2, 3);
    assert_eq!(scene.kinds(), []);
    scene.marks.insert((3, 0), RecordMark { value: Some(9), ..mark_of(0, record(0)) });
    scene.moves(3, 3);
    assert_eq!(scene.kinds(), [FindingKind::ReplicasDiverge]);
}

#[test]
fn a_rotten_batch_is_no_divergence_where_it_rotted_and_one_anywhere_else() {
    for (rotted, expected) in [(1, vec![]), (0, vec![FindingKind::ReplicasDiverge])] {
        let mut scene = Scene::compacted(&[0, 1, 2]);
        scene.corrupt.insert((2, 1));
        scene.show(|_, invariants, _, _| invariants.rotted(2, ORDERS, rotted..=rotted));
        scene.moves(1, 3);
        scene.moves(2, 3);
        assert_eq!(scene.kinds(), expected);
    }
}

#[test]
fn bit_rot_excuses_neither_a_short_log_in_the_isr_nor_a_leader_without_committed_records() {
    let mut scene = Scene::new(&[0, 1]);
    scene.show(|_, invariants, _, _| invariants.rotted(3, ORDERS, 1..=1));
    scene.logs.insert(3, vec![record(0)]);
    scene.moves(1, 2);
    assert_eq!(scene.kinds(), [FindingKind::IsrMemberLacksRecords]);
    scene.elect(3, false, 1);
    assert_eq!(scene.kinds(), [FindingKind::IsrMemberLacksRecords, FindingKind::CommittedRecordLost]);
}

#[test]
fn an_acknowledged_record_in_a_rotten_batch_of_the_leader_is_lost_to_clients() {
    let mut scene = Scene::new(&[0, 1, 2]);
    (0..3).for_each(|n| scene.acknowledge(n, n as i64));
    scene.corrupt.insert((2, 1));
    assert_eq!(scene.finish(), [], "a follower's copy is read by nobody");
    scene.corrupt.insert((1, 1));
    assert_eq!(scene.finish(), [FindingKind::LostWrite]);
    assert!(scene.findings.list()[0].about.contains("CORRUPT_MESSAGE"), "{:?}", scene.findings.list());
}
