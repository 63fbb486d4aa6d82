//! Each rule finds the one thing that it is for, and lets pass what Kafka does.

use super::*;

const HOUR_MS: i64 = 3_600_000;

fn registered(fenced: bool) -> BrokerImage {
    BrokerImage { incarnation: uuid::Uuid::from_u128(1), epoch: 1, fenced, in_controlled_shutdown: false, rack: None }
}

impl Scene {
    /// The checker has heard of nothing but the brokers.
    fn knows_nothing(&mut self) {
        self.invariants = Invariants::default();
        (1..=3).for_each(|broker| self.tell(Note::Registered { broker, broker_epoch: i64::from(broker) }));
    }

    /// A change of the partition as its controller tells it: who led, who was in the ISR and the ELR, who leads.
    fn elected(&mut self, (isr_before, elr_before): (&[i32], &[i32]), leader: i32, unclean: bool) {
        let leader_before = self.partition().leader;
        self.partition().leader = leader;
        self.partition().leader_epoch += 1;
        self.partition().partition_epoch += 1;
        let leader_epoch = self.partition().leader_epoch;
        self.tell(Note::PartitionChanged {
            partition: ORDERS,
            leader,
            leader_epoch,
            isr: vec![leader],
            leader_before,
            isr_before: isr_before.to_vec(),
            unclean,
            elected: None,
            elr: Vec::new(),
            elr_before: elr_before.to_vec(),
        });
    }

    fn proposes(&mut self, entering: i32) {
        self.tell(Note::IsrProposed {
            broker: 1,
            partition: ORDERS,
            isr_before: vec![1, 2],
            isr: vec![1, 2, entering],
            high_watermark: 2,
            log_end_offset: 2,
            changed: Vec::new(),
        });
    }

    fn deletes(&mut self, to: i64) {
        self.tell(Note::SegmentsDeleted { broker: 1, partition: ORDERS, segments: 1, from: 0, to });
        self.log_start = to;
        self.moves(1, 3);
    }

    fn cleans(&mut self, broker: i32, to: i64) {
        self.tell(Note::Cleaned { broker, partition: ORDERS, from: 0, to, messages_read: 3, messages_written: 2 });
    }
}

#[test]
fn an_acknowledgement_with_acks_all_lies_below_a_high_watermark() {
    let mut scene = Scene::new(&[0, 1]);
    scene.acknowledge(2, 2);
    assert_eq!(scene.kinds(), []);
    scene.waits_for_all = true;
    scene.acknowledge(1, 1);
    assert_eq!(scene.kinds(), []);
    scene.acknowledge(2, 2);
    assert_eq!(scene.kinds(), [FindingKind::AcknowledgedEarly]);
}

#[test]
fn a_consumer_is_given_what_lies_below_the_high_watermark() {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.high_watermarks.insert(1, 2);
    scene.tell(Note::Served { broker: 1, partition: ORDERS, to: 2 });
    assert_eq!(scene.kinds(), []);
    scene.tell(Note::Served { broker: 1, partition: ORDERS, to: 3 });
    assert_eq!(scene.kinds(), [FindingKind::ReadUncommitted]);
}

#[test]
fn a_consumer_is_given_no_offset_again() {
    let mut scene = Scene::new(&[0, 1]);
    (0..2).for_each(|n| scene.read(n as i64, n));
    scene.read(1, 1);
    assert_eq!(scene.kinds(), [FindingKind::NonmonotonicPoll]);
}

#[test]
fn an_offset_holds_the_same_record_for_every_reader_and_in_the_log() {
    let mut scene = Scene::new(&[0, 1]);
    scene.read(0, 0);
    scene.tell(Note::Read { consumer: CONSUMER + 1, partition: ORDERS, offset: 0, record: Some(record(5)) });
    assert_eq!(scene.kinds(), [FindingKind::InconsistentOffsets]);
    let mut scene = Scene::new(&[0, 1]);
    scene.read(0, 5);
    assert_eq!(scene.finish()[0], FindingKind::InconsistentOffsets);
}

#[test]
fn an_election_that_may_lose_records_lets_an_offset_hold_another() {
    let mut scene = Scene::new(&[0, 1]);
    (0..2).for_each(|n| scene.read(n as i64, n));
    scene.logs.insert(2, [0, 5].map(record).to_vec());
    scene.high_watermarks.insert(2, 1);
    scene.elect(2, true, 2);
    scene.high_watermarks.insert(2, 2);
    scene.tell(Note::Read { consumer: CONSUMER + 1, partition: ORDERS, offset: 1, record: Some(record(5)) });
    assert_eq!(scene.kinds(), []);
}

#[test]
fn a_consumer_begins_where_auto_offset_reset_says() {
    let reset = Moved::Reset { before: 0, in_former: false, policy: "latest" };
    let begin = |scene: &mut Scene, offset, moved| {
        scene.tell(Note::OutOfRange { consumer: CONSUMER, partition: ORDERS, offset: 9 });
        scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset, moved });
        scene.kinds()
    };
    let mut scene = Scene::new(&[0, 1]);
    scene.begins_earliest = true;
    assert_eq!(begin(&mut scene, 0, Moved::First), []);
    assert_eq!(begin(&mut scene, 2, reset), [FindingKind::WrongReset]);
    let mut scene = Scene::new(&[0, 1]);
    scene.moves(1, 2);
    assert_eq!(begin(&mut scene, 1, Moved::First), []);
    assert_eq!(begin(&mut scene, 2, reset), []);
    assert_eq!(begin(&mut scene, 1, reset), [FindingKind::WrongReset]);
}

#[test]
fn a_batch_names_the_epoch_in_which_it_was_written() {
    let mut scene = Scene::new(&[]);
    let epoch = scene.change_leader(2, false);
    scene.tell(scene.leads(2, epoch, 0));
    scene.append(epoch, 0, 0);
    let all = vec![record(0), record(1)];
    (1..=3).for_each(|broker| _ = scene.logs.insert(broker, all.clone()));
    // What lies there names epoch 1, as it was told of broker 1.
    scene.moves(2, 1);
    assert_eq!(scene.kinds(), []);
    let mut scene = Scene::new(&[0]);
    let nobody = Note::Appended { broker: 1, partition: ORDERS, base_offset: 5, last_offset: 5, leader_epoch: 7 };
    scene.knows_nothing();
    scene.tell(scene.leads(1, 1, 0));
    scene.tell(nobody);
    scene.moves(1, 1);
    assert_eq!(scene.kinds(), [FindingKind::WrongLeaderEpoch]);
}

#[test]
fn who_leads_has_all_that_is_committed_or_a_rule_that_lets_him() {
    let expect = |before: (&[i32], &[i32]), leader, unclean, expected: &[FindingKind]| {
        let mut scene = Scene::new(&[]);
        scene.elected(before, leader, unclean);
        assert_eq!(scene.kinds(), expected, "{before:?} -> {leader}, unclean {unclean}");
    };
    expect((&[1, 2], &[]), 2, false, &[]);
    expect((&[], &[2]), 2, false, &[]);
    // The last known leader, when nobody is left who has all.
    expect((&[], &[]), 1, true, &[]);
    expect((&[], &[]), 2, true, &[FindingKind::UncleanElection]);
    expect((&[1], &[]), 2, true, &[FindingKind::UncleanElection]);
    // Whoever registers after an unclean shutdown leaves the ELR with the change that elects.
    let mut scene = Scene::new(&[]);
    scene.show(|_, invariants, view, _| invariants.killed(3, view));
    scene.elected((&[], &[3]), 1, true);
    assert_eq!(scene.kinds(), []);
    // The controller's word is not true.
    expect((&[1, 2], &[]), 2, true, &[FindingKind::UncleanElection]);
    let mut scene = Scene::new(&[]);
    scene.configure("unclean.leader.election.enable", "true");
    scene.elected((&[1], &[]), 2, true);
    assert_eq!(scene.kinds(), []);
    scene.elected((&[2], &[]), 3, false);
    assert_eq!(scene.kinds(), [FindingKind::UncleanElection]);
}

#[test]
fn another_leader_begins_another_epoch() {
    let mut scene = Scene::new(&[]);
    scene.elected((&[1, 2], &[]), 2, false);
    scene.partition().leader_epoch -= 1;
    scene.elected((&[1, 2], &[]), 1, false);
    assert_eq!(scene.kinds(), [FindingKind::LeaderEpochFell]);
}

#[test]
fn a_fenced_broker_leaves_the_isr_and_enters_none() {
    let mut scene = Scene::new(&[]);
    scene.partition().isr = vec![1, 2];
    scene.tell(Note::Fenced { broker: 3, fenced: true });
    assert_eq!(scene.kinds(), []);
    scene.partition().isr = vec![3];
    scene.tell(Note::Fenced { broker: 3, fenced: true });
    assert_eq!(scene.kinds(), [FindingKind::FencedInIsr]);
    let mut scene = Scene::new(&[]);
    scene.elected((&[1, 2], &[]), 2, false);
    assert_eq!(scene.kinds(), []);
    scene.image.brokers.insert(3, registered(true));
    scene.elected((&[1, 2], &[]), 1, false);
    assert_eq!(scene.kinds(), [FindingKind::FencedInIsr]);
}

#[test]
fn whoever_is_back_after_an_unclean_shutdown_is_trusted_no_more() {
    for (killed, expected) in [(false, vec![]), (true, vec![FindingKind::UncleanShutdownTrusted])] {
        let mut scene = Scene::new(&[]);
        if killed {
            scene.show(|_, invariants, view, _| invariants.killed(3, view));
        }
        scene.partition().isr = vec![1];
        scene.partition().elr = vec![3];
        scene.tell(Note::Registered { broker: 3, broker_epoch: 9 });
        assert_eq!(scene.kinds(), expected);
    }
}

#[test]
fn a_follower_enters_the_isr_with_all_that_is_committed_and_that_began_the_epoch() {
    let mut scene = Scene::new(&[0, 1]);
    scene.moves(1, 2);
    scene.proposes(3);
    assert_eq!(scene.kinds(), []);
    scene.logs.insert(3, vec![record(0)]);
    scene.proposes(3);
    assert_eq!(scene.kinds(), [FindingKind::IsrEnteredEarly]);
    // Below the high watermark nothing is missing, but the leader's epoch began behind it.
    let mut scene = Scene::new(&[0, 1]);
    scene.high_watermarks.insert(1, 1);
    scene.tell(scene.leads(1, 1, 2));
    scene.logs.insert(3, vec![record(0)]);
    scene.proposes(3);
    assert_eq!(scene.kinds(), [FindingKind::IsrEnteredEarly]);
}

#[test]
fn a_followers_high_watermark_is_one_that_a_leader_has_shown() {
    let mut scene = Scene::new(&[0, 1]);
    scene.high_watermarks.insert(1, 1);
    scene.knows_nothing();
    scene.tell(scene.leads(1, 1, 2));
    scene.append(1, 0, 1);
    scene.moves(2, 1);
    assert_eq!(scene.kinds(), []);
    scene.moves(2, 2);
    assert_eq!(scene.kinds(), [FindingKind::HwAboveLeaders]);
}

#[test]
fn a_log_is_cut_above_its_high_watermark_unless_records_may_be_lost() {
    let cut = |scene: &mut Scene, to| {
        scene.tell(Note::Truncated { broker: 2, partition: ORDERS, from: 3, to });
        scene.kinds()
    };
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.moves(2, 2);
    assert_eq!(cut(&mut scene, 2), []);
    assert_eq!(cut(&mut scene, 1), [FindingKind::TruncatedBelowHw]);
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.moves(2, 2);
    scene.high_watermarks.insert(3, 1);
    scene.elect(3, true, 1);
    assert_eq!(cut(&mut scene, 1), []);
}

#[test]
fn segments_go_by_time_or_by_size_only() {
    let expect = |settings: &[(&str, &str)], now_ms, expected: &[FindingKind]| {
        let mut scene = Scene::new(&[0, 1, 2]);
        settings.iter().for_each(|(name, value)| scene.configure(name, value));
        scene.moves(1, 3);
        scene.now_ms = now_ms;
        scene.deletes(2);
        assert_eq!(scene.kinds(), expected, "{settings:?} at {now_ms}");
    };
    let early = [FindingKind::RemovedTooEarly];
    // The records' timestamps are 0, 1 and 2; each batch has 70 bytes.
    let hour = [("retention.ms", "3600000"), ("retention.bytes", "-1")];
    expect(&hour, HOUR_MS + 2, &[]);
    expect(&hour, HOUR_MS + 1, &early);
    expect(&[("retention.ms", "-1"), ("retention.bytes", "-1")], i64::MAX, &early);
    expect(&[("retention.ms", "-1"), ("retention.bytes", "70")], 0, &[]);
    expect(&[("retention.ms", "-1"), ("retention.bytes", "71")], 0, &early);
    // Of the two the first is too much, and the second too old.
    expect(&[("retention.ms", "3600000"), ("retention.bytes", "140")], HOUR_MS + 1, &early);
}

/// Kafka's retention goes by the time index, which nobody makes anew below the recovery point.
#[test]
fn what_a_power_loss_has_left_of_a_time_index_lets_a_segment_go() {
    let expect = |says_ms, offsets: std::ops::Range<i64>, expected: &[FindingKind]| {
        let mut scene = Scene::new(&[0, 1, 2]);
        scene.configure("retention.ms", "3600000");
        scene.configure("retention.bytes", "-1");
        scene.moves(1, 3);
        scene.unchecked = vec![Unchecked { offsets, says_ms }];
        scene.show(|_, invariants, view, _| invariants.lost_power(1, view));
        scene.tell(Note::Registered { broker: 1, broker_epoch: 9 });
        // The records' timestamps are 0, 1 and 2: only the first is old enough.
        scene.now_ms = HOUR_MS + 1;
        scene.tell(Note::SegmentsDeleted { broker: 1, partition: ORDERS, segments: 1, from: 0, to: 2 });
        assert_eq!(scene.kinds(), expected, "{says_ms}");
    };
    expect(0, 0..2, &[]);
    expect(1, 0..2, &[FindingKind::RemovedTooEarly]);
    // It is a part of what goes.
    expect(0, 0..1, &[FindingKind::RemovedTooEarly]);
}

#[test]
fn a_log_that_starts_higher_than_any_retention_allowed_is_found() {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.log_start = 1;
    scene.moves(1, 3);
    scene.moves(2, 3);
    assert_eq!(scene.kinds(), [FindingKind::RemovedTooEarly]);
}

#[test]
fn the_last_record_of_a_key_stays_when_a_log_is_cleaned() {
    // Keys are 0, 1 and 0 again.
    let mut scene = Scene::compacted(&[0, 1, 2]);
    scene.moves(1, 3);
    scene.cleaned.insert((1, 0));
    scene.cleans(1, 3);
    assert_eq!(scene.kinds(), []);
    scene.cleaned.insert((1, 1));
    scene.cleans(1, 3);
    assert_eq!(scene.kinds(), [FindingKind::RemovedTooEarly]);
}

/// The cleaner takes an aborted record, though it be the last of its key, or what a committed one supersedes.
#[test]
fn of_a_key_whose_last_record_is_in_a_transaction_nothing_is_owed() {
    for gone in [0, 2] {
        let mut scene = Scene::compacted(&[0, 1, 2]);
        scene.marks.insert((1, 2), RecordMark { is_transactional: true, ..mark_of(2, record(2)) });
        scene.moves(1, 3);
        scene.cleaned.insert((1, gone));
        scene.cleans(1, 3);
        assert_eq!(scene.kinds(), [], "offset {gone}");
    }
}

#[test]
fn a_tombstone_goes_when_its_horizon_is_past_and_not_in_the_first_pass() {
    let scene_with = |horizon_ms| {
        let mut scene = Scene::compacted(&[0, 1, 2]);
        scene.configure("delete.retention.ms", "1000");
        scene.marks.insert((1, 1), RecordMark { value: None, horizon_ms, ..mark_of(1, record(1)) });
        scene.moves(1, 3);
        scene
    };
    let mut first = scene_with(Some(1_000));
    first.now_ms = HOUR_MS;
    first.cleaned.insert((1, 1));
    first.cleans(1, 3);
    assert_eq!(first.kinds(), [FindingKind::RemovedTooEarly]);
    let early = || vec![FindingKind::RemovedTooEarly];
    let cases = [
        (Some(1_000), 1_000, early()),
        (Some(1_000), 1_001, vec![]),
        (Some(9_000), 1_001, early()),
        (None, 9_000, early()),
    ];
    for (horizon_ms, now_ms, expected) in cases {
        let mut second = scene_with(horizon_ms);
        second.cleans(1, 3);
        second.now_ms = now_ms;
        second.cleaned.insert((1, 1));
        second.cleans(1, 3);
        assert_eq!(second.kinds(), expected, "at {now_ms}");
    }
}

#[test]
fn a_follower_gives_up_its_log_only_where_retention_has_been() {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.moves(1, 3);
    scene.moves(2, 2);
    let gives_up = Note::TruncatedFully { broker: 2, partition: ORDERS, log_start_offset: 0, log_end_offset: 2, to: 3 };
    scene.tell(gives_up);
    assert_eq!(scene.kinds(), [FindingKind::TruncatedBelowHw]);
}

/// What one leader commits that has not heard of its successor binds nobody, once an election has given it up.
#[test]
fn what_a_superseded_leader_commits_is_not_held_against_the_next() {
    let mut scene = Scene::new(&[0]);
    scene.moves(1, 1);
    scene.logs.insert(2, Vec::new());
    scene.high_watermarks.insert(2, 0);
    scene.elect(2, true, 0);
    scene.logs.insert(1, [0, 5].map(record).to_vec());
    scene.append(1, 1, 1);
    scene.moves(1, 2);
    let epoch = scene.partition().leader_epoch;
    scene.logs.insert(2, [7, 8].map(record).to_vec());
    scene.append(epoch, 0, 1);
    scene.tell(Note::Truncated { broker: 1, partition: ORDERS, from: 2, to: 0 });
    assert_eq!(scene.kinds(), []);
}

mod progress {
    use super::*;

    const MINUTE: u64 = 60_000_000;

    impl Scene {
        /// What makes no progress ten minutes after everything was mended at 1 min, where a minute is the most.
        fn stuck(&mut self) -> Vec<String> {
            self.stuck_with(&Availability::default())
        }

        fn stuck_with(&mut self, availability: &Availability) -> Vec<String> {
            let quiet = Quiet { since: MINUTE, now: 10 * MINUTE, bound: MINUTE };
            self.findings.set_instant(10 * MINUTE, 99);
            self.show(|history, invariants, view, findings| {
                find_stuck(quiet, (history, invariants, availability), view, findings);
            });
            let list = self.findings.list();
            assert!(list.iter().all(|finding| finding.kind == FindingKind::Stuck), "{list:?}");
            list.iter().map(|finding| finding.about.clone()).collect()
        }
    }

    #[test]
    fn a_transaction_that_nobody_ends_is_stuck() {
        let mut scene = Scene::new(&[0, 1, 2]);
        scene.moves(1, 3);
        assert_eq!(scene.stuck(), [""; 0]);
        // One that has just begun is not.
        scene.open = Some((3, 4_000));
        assert_eq!(scene.stuck(), [""; 0]);
        scene.open = Some((1, 4_000));
        let about = scene.stuck();
        assert!(
            about.len() == 1 && about[0].contains("waits at offset 1 for the transaction of producer id 4000"),
            "{about:?}"
        );
    }

    #[test]
    fn a_cluster_that_has_nothing_to_do_is_not_stuck() {
        let mut scene = Scene::new(&[0, 1]);
        scene.append(1, 0, 1);
        (1..=3).for_each(|broker| scene.moves(broker, 2));
        (0..2).for_each(|n| scene.read(n as i64, n));
        assert_eq!(scene.stuck(), Vec::<String>::new());
    }

    #[test]
    fn a_partition_without_a_leader_is_stuck() {
        let mut scene = Scene::new(&[0]);
        scene.change_leader(-1, false);
        assert_eq!(scene.stuck().len(), 1);
        let mut scene = Scene::new(&[0]);
        scene.findings.set_instant(9 * MINUTE + 1, 50);
        scene.change_leader(-1, false);
        assert_eq!(scene.stuck(), Vec::<String>::new(), "it has had less than a minute");
    }

    #[test]
    fn a_high_watermark_that_stands_below_the_end_is_stuck_and_says_who_is_waited_for() {
        let mut scene = Scene::new(&[0, 1, 2]);
        scene.logs.insert(3, vec![record(0)]);
        scene.high_watermarks.insert(1, 1);
        scene.append(1, 1, 2);
        assert!(scene.stuck()[0].contains("waits for brokers [3] of the ISR [1, 2, 3]"), "{:?}", scene.findings.list());
        // A leader with nothing above its high watermark waits for nobody.
        let mut scene = Scene::new(&[0, 1, 2]);
        scene.append(1, 1, 2);
        assert_eq!(scene.stuck(), Vec::<String>::new());
    }

    #[test]
    fn a_replica_that_stays_outside_the_isr_is_stuck() {
        for (log, why) in
            [(vec![record(0)], "fetches nothing"), (vec![record(0), record(1)], "is not let into the ISR")]
        {
            let mut scene = Scene::new(&[0, 1]);
            scene.logs.insert(3, log);
            scene.partition().isr = vec![1, 2];
            scene.moves(1, 2);
            assert!(scene.stuck()[0].contains(why), "{:?}", scene.findings.list());
        }
    }

    /// A member of a group that has read three records and done its work on them.
    fn with_member() -> Scene {
        let mut scene = Scene::new(&[0, 1, 2]);
        (scene.has_reader, scene.is_member, scene.begins_earliest) = (true, true, true);
        (1..=3).for_each(|broker| scene.moves(broker, 3));
        let moved = Moved::First;
        scene.tell(Note::Assigned { consumer: CONSUMER, generation: 1, partitions: vec![ORDERS] });
        scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 0, moved });
        (0..3).for_each(|n| scene.read(n as i64, n));
        scene.tell(Note::WorkedOn { consumer: CONSUMER, partition: ORDERS, from: 0, to: 3 });
        scene
    }

    #[test]
    fn a_group_that_commits_no_more_of_what_it_has_done_is_stuck() {
        let commits = |scene: &mut Scene, offset| {
            scene.tell(Note::Committed { consumer: CONSUMER, partition: ORDERS, offset });
        };
        let mut scene = with_member();
        commits(&mut scene, 1);
        let told = scene.stuck();
        assert_eq!(told.len(), 1, "{told:?}");
        let whom = "broker 2 coordinates it, has it in PreparingRebalance, and waits for process 5 to join it";
        assert!(
            told[0].starts_with("group g has committed offset 1 of orders-0") && told[0].ends_with(whom),
            "{told:?}"
        );
        // All is committed, or something was not long ago, or nobody is asked to, or has it.
        let mut scene = with_member();
        commits(&mut scene, 3);
        assert_eq!(scene.stuck(), Vec::<String>::new());
        let mut scene = with_member();
        scene.findings.set_instant(9 * MINUTE + 1, 50);
        commits(&mut scene, 1);
        assert_eq!(scene.stuck(), Vec::<String>::new());
        let mut scene = with_member();
        scene.is_member = false;
        assert_eq!(scene.stuck(), Vec::<String>::new());
    }

    #[test]
    fn members_that_are_given_partitions_again_and_again_and_do_no_work_are_stuck() {
        let rebalances = |times: u64, works: bool| {
            let mut scene = with_member();
            (1..=3).for_each(|broker| _ = scene.logs.insert(broker, (0..4).map(record).collect()));
            scene.findings.set_instant(MINUTE, 49);
            (1..=3).for_each(|broker| scene.moves(broker, 4));
            scene.tell(Note::Committed { consumer: CONSUMER, partition: ORDERS, offset: 3 });
            for time in 0..times {
                let at = if time == 0 { 2 * MINUTE } else { 10 * MINUTE - 1_000 };
                scene.findings.set_instant(at, 50 + time);
                scene.tell(Note::Revoked { consumer: CONSUMER, partitions: vec![ORDERS], lost: false });
                scene.tell(Note::Assigned { consumer: CONSUMER, generation: 2, partitions: vec![ORDERS] });
            }
            if works {
                scene.tell(Note::WorkedOn { consumer: CONSUMER, partition: ORDERS, from: 3, to: 4 });
            }
            scene.stuck()
        };
        let told = rebalances(5, false);
        assert!(told.len() == 1 && told[0].contains("got or given up partitions 10 times"), "{told:?}");
        assert!(told[0].contains("its rebalance does not end: broker 2 coordinates it"), "{told:?}");
        // Fewer have an end, and yet nobody is given what was there all the time.
        let few = rebalances(4, false);
        assert!(few.len() == 1 && few[0].contains("no member of group g has a position in orders-0"), "{few:?}");
        assert_eq!(rebalances(5, true), Vec::<String>::new());
    }

    #[test]
    fn a_producer_that_stays_in_send_is_stuck_and_says_what_it_waits_for() {
        use crate::note::WaitsFor;
        let blocks = |number, waits_for| Note::SendBlocks { record: record(number), waits_for };
        let mut availability = Availability::default();
        availability.observe(&blocks(0, WaitsFor::Metadata), 2 * MINUTE);
        let told = Scene::new(&[]).stuck_with(&availability);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("process 4 waits in send() for the metadata of orders"), "{told:?}");
        // Between two calls, of which each fails after max.block.ms.
        availability.observe(&Note::NotSent { record: record(0), error: SendError::BufferExhausted }, 9 * MINUTE);
        let told = Scene::new(&[]).stuck_with(&availability);
        assert!(told.len() == 1 && told[0].contains("room in buffer.memory"), "{told:?}");
        // There is no such topic, or it has ended, or has not waited for long.
        let mut without = Scene::new(&[]);
        without.image = ClusterImage::default();
        assert_eq!(without.stuck_with(&availability), Vec::<String>::new());
        availability.ended(PRODUCER, 9 * MINUTE);
        assert_eq!(Scene::new(&[]).stuck_with(&availability), Vec::<String>::new());
        availability.observe(&blocks(1, WaitsFor::Memory), 9 * MINUTE + 1);
        assert_eq!(Scene::new(&[]).stuck_with(&availability), Vec::<String>::new());
    }

    #[test]
    fn a_broker_that_ends_by_itself_though_nothing_is_broken_is_stuck_and_says_why() {
        let halted = |at: u64, is_down: bool| {
            let mut scene = Scene::new(&[0]);
            scene.findings.set_instant(at, 50);
            scene.tell(Note::Halted { broker: 2, why: "it cannot load orders-0".to_owned() });
            scene.down.extend(is_down.then_some(2));
            scene.show(|_, invariants, view, findings| invariants.find_halted(MINUTE, view, findings));
            scene.findings.list().iter().map(|finding| finding.about.clone()).collect::<Vec<_>>()
        };
        let told = halted(2 * MINUTE, true);
        assert!(told.len() == 1 && told[0].contains("broker 2 ends by itself"), "{told:?}");
        assert!(told[0].ends_with("120.000 s: it cannot load orders-0"), "{told:?}");
        assert_eq!((halted(2 * MINUTE, false), halted(MINUTE - 1, true)), (Vec::new(), Vec::new()));
    }

    /// `poll()` has thrown NoOffsetForPartitionException or OffsetOutOfRangeException.
    #[test]
    fn a_consumer_that_may_begin_nowhere_is_over_and_not_stuck() {
        for is_member in [false, true] {
            let mut scene = Scene::new(&[0, 1]);
            (scene.has_reader, scene.is_member, scene.begins_nowhere) = (true, is_member, true);
            scene.moves(1, 2);
            assert_eq!(scene.stuck(), Vec::<String>::new(), "nothing is committed");
            scene.findings = Findings::default();
            let moved = Moved::Committed;
            scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 0, moved });
            assert!(scene.stuck()[0].contains("it is at offset 0"), "{:?}", scene.findings.list());
            scene.findings = Findings::default();
            scene.log_start = 1;
            assert_eq!(scene.stuck(), Vec::<String>::new(), "what it is at is not in the log any more");
        }
    }

    #[test]
    fn a_consumer_that_reads_nothing_of_what_is_there_is_stuck() {
        let mut scene = Scene::new(&[0, 1]);
        scene.has_reader = true;
        assert!(scene.stuck()[0].contains("has no position"), "{:?}", scene.findings.list());
        let mut scene = Scene::new(&[0, 1]);
        scene.has_reader = true;
        scene.moves(1, 2);
        scene.read(0, 0);
        assert!(scene.stuck()[0].contains("it is at offset 1"), "{:?}", scene.findings.list());
        scene.findings = Findings::default();
        scene.read(1, 1);
        assert_eq!(scene.stuck(), Vec::<String>::new());
    }
}

#[test]
fn a_log_that_is_not_compacted_has_no_gap() {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.cleaned.insert((2, 1));
    (1..=2).for_each(|broker| scene.moves(broker, 3));
    assert_eq!(scene.kinds(), [FindingKind::ReplicasDiverge]);
    let mut scene = Scene::compacted(&[0, 1, 2]);
    scene.cleaned.insert((2, 1));
    (1..=2).for_each(|broker| scene.moves(broker, 3));
    assert_eq!(scene.kinds(), []);
}

#[test]
fn whoever_begins_to_lead_knows_no_more_than_leaders_have_shown() {
    let mut scene = Scene::new(&[0, 1]);
    scene.elect(2, false, 2);
    assert_eq!(scene.kinds(), []);
    scene.high_watermarks.insert(3, 3);
    scene.elect(3, false, 3);
    assert_eq!(scene.kinds(), [FindingKind::HwAboveLeaders]);
}

#[test]
fn a_consumer_is_given_what_leaders_have_shown() {
    let mut scene = Scene::new(&[0, 1]);
    // A high watermark that nobody was told of.
    scene.high_watermarks.insert(1, 3);
    scene.tell(Note::Served { broker: 1, partition: ORDERS, to: 3 });
    assert_eq!(scene.kinds(), [FindingKind::ReadUncommitted]);
}

#[test]
fn who_leads_is_in_the_isr_and_not_fenced() {
    let mut scene = Scene::new(&[0]);
    scene.change_leader(2, false);
    assert_eq!(scene.kinds(), []);
    scene.image.brokers.insert(3, registered(true));
    scene.partition().isr = vec![3];
    scene.change_leader(3, false);
    assert_eq!(scene.kinds(), [FindingKind::FencedInIsr]);
    let mut scene = Scene::new(&[0]);
    scene.partition().isr = vec![1, 3];
    scene.change_leader(2, false);
    assert_eq!(scene.kinds(), [FindingKind::IsrNotSubset]);
}

#[test]
fn the_cleaner_leaves_alone_what_is_not_committed() {
    let mut scene = Scene::compacted(&[0, 1, 2]);
    scene.moves(1, 2);
    scene.findings = Findings::default();
    scene.cleans(1, 2);
    assert_eq!(scene.kinds(), []);
    scene.cleans(1, 3);
    assert_eq!(scene.kinds(), [FindingKind::RemovedTooEarly]);
}

#[test]
fn what_was_acknowledged_somewhere_is_somewhere() {
    let mut scene = Scene::new(&[0, 1]);
    scene.acknowledge(1, -1);
    assert_eq!(scene.finish(), []);
    let mut scene = Scene::new(&[0, 1]);
    scene.acknowledge(5, -1);
    assert_eq!(scene.finish(), [FindingKind::LostWrite]);
}

/// Consumers have read three records, and broker 2 leads with one of them.
fn with_less() -> Scene {
    let mut scene = Scene::new(&[0, 1, 2]);
    (0..3).for_each(|n| scene.read(n as i64, n));
    scene.logs.insert(2, [0, 5, 6, 7].map(record).to_vec());
    scene.high_watermarks.insert(2, 1);
    scene.partition().isr = vec![2];
    scene.elect(2, true, 1);
    scene.moves(2, 4);
    (1..4).for_each(|offset| scene.acknowledge(offset + 4, offset as i64));
    scene
}

#[test]
fn a_consumer_goes_back_to_where_a_log_was_cut() {
    let mut scene = with_less();
    let moved = Moved::Truncated { before: 3, in_former: false };
    scene.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset: 1, moved });
    (1..4).for_each(|offset| scene.read(offset, offset as u64 + 4));
    assert_eq!(scene.kinds(), []);
    let mut scene = with_less();
    scene.read(3, 7);
    assert_eq!(scene.kinds(), [FindingKind::Unseen]);
    assert_eq!(scene.findings.list()[0].count, 2);
}

#[test]
fn a_follower_that_fetches_nothing_leaves_the_isr() {
    let kept = |lag: i64, is_heard: bool| {
        let mut scene = Scene::new(&[0, 1, 2]);
        scene.logs.insert(3, (0..lag as u64).map(record).collect());
        scene.moves(1, 2);
        scene.findings = Findings::default();
        let quiet = Quiet { since: 0, now: 100 * crate::sim::SECOND, bound: 60 * crate::sim::SECOND };
        scene.show(|_, invariants, view, findings| invariants.find_kept(quiet, &|_| is_heard, view, findings));
        scene.kinds()
    };
    assert_eq!(kept(2, true), [FindingKind::Stuck]);
    // Broker 3 has it all; nobody hears the leader.
    assert_eq!((kept(3, true), kept(2, false)), (Vec::new(), Vec::new()));
}

#[test]
fn a_broker_that_was_stopped_is_back_with_its_high_watermark() {
    let back = |high_watermark: i64, is_killed: bool| {
        let mut scene = Scene::new(&[0, 1, 2]);
        scene.moves(2, 3);
        scene.tell(Note::InControlledShutdown { broker: 2 });
        if is_killed {
            scene.show(|_, invariants, view, _| invariants.killed(2, view));
        }
        scene.incarnations.insert(2, 2);
        scene.high_watermarks.insert(2, high_watermark);
        scene.tell(Note::BecameFollower { broker: 2, partition: ORDERS, leader_epoch: 1, leader: 1 });
        scene.kinds()
    };
    assert_eq!(back(2, false), [FindingKind::HwForgotten]);
    assert_eq!((back(3, false), back(2, true)), (Vec::new(), Vec::new()));
}

#[test]
fn a_broker_that_halts_while_it_stops_was_not_stopped() {
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.moves(2, 3);
    scene.tell(Note::InControlledShutdown { broker: 2 });
    scene.tell(Note::Halted { broker: 2, why: "no space left on device".to_owned() });
    scene.incarnations.insert(2, 2);
    scene.high_watermarks.insert(2, 0);
    scene.tell(Note::BecameFollower { broker: 2, partition: ORDERS, leader_epoch: 1, leader: 1 });
    assert_eq!(scene.kinds(), []);
}
