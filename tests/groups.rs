//! Groups of a scenario, end to end: members join, share partitions, commit, die and come back.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::coverage::Situation;
use loglab::lab::node::Node;
use loglab::lab::runner;
use loglab::lab::scenario::{Builtin, FindingKind, parse};
use loglab::lab::world::World;
use loglab::sim::kernel::Status;
use loglab::wire::TopicPartition;

const PARTITIONS: i32 = 6;

/// A topic that is written to for some seconds, read by a group, with more lines of the file.
fn file(seconds: u32, consumer: &str, faults: &str) -> String {
    format!(
        "title = \"t\"\nduration = \"{seconds}s\"\n[cluster]\nbrokers = 3\n\
         config = {{ \"offsets.topic.num.partitions\" = 3 }}\n\
         [[topic]]\nname = \"orders\"\npartitions = {PARTITIONS}\nreplication-factor = 3\n\
         config = {{ \"min.insync.replicas\" = 2 }}\n\
         [[producer]]\nname = \"shop\"\ntopic = \"orders\"\nrate = \"50/s\"\nkeys = 100\n\
         [[consumer]]\nname = \"worker\"\ntopics = [\"orders\"]\ngroup = \"g\"\nwork = \"5ms\"\n{consumer}\n{faults}\n"
    )
}

fn run(text: &str, seed: u64) -> World {
    let scenario = parse(text).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"));
    runner::run_to(&Arc::new(scenario), seed, u64::MAX, &mut |_, _| {})
}

fn partitions(world: &World) -> Vec<TopicPartition> {
    let topic = world.image().topics.named("orders").expect("the topic");
    (0..PARTITIONS).map(|partition| TopicPartition { topic, partition }).collect()
}

/// How many partitions each member of `worker` has.
fn shares(world: &World) -> Vec<usize> {
    let readers = world.names().consumers().map(|process| match world.kernel().process(process) {
        Node::Reader(reader) => reader.consumer().positions().count(),
        other => panic!("{other:?}"),
    });
    readers.collect()
}

fn end_of(world: &World, partition: TopicPartition) -> i64 {
    use loglab::lab::check::Evidence;
    let leader = world.image().partition(partition).expect("the partition").leader;
    world.observer().log_ends(leader, partition).map_or(0, |ends| ends.high_watermark)
}

/// Of all partitions: the records, those that were worked on without a gap from the first, and those committed.
fn reached(world: &World) -> (i64, i64, i64) {
    reached_by(world, "g")
}

fn reached_by(world: &World, group: &str) -> (i64, i64, i64) {
    let history = world.history();
    let sum = |of: &dyn Fn(TopicPartition) -> i64| partitions(world).into_iter().map(of).sum();
    (
        sum(&|it| end_of(world, it)),
        sum(&|it| history.worked_on_up_to(group, it)),
        sum(&|it| history.committed_by(group, it)),
    )
}

#[test]
fn members_share_the_partitions_and_commit_what_they_read() {
    let commits = ["", "commit = \"sync-after\"", "commit = \"async\""];
    for (commit, protocol) in commits.into_iter().flat_map(|commit| [(commit, EARLIEST), (commit, MODERN)]) {
        let config = format!("members = 3\n{commit}\n{protocol}");
        let world = run(&file(40, &config, ""), 1);
        assert_eq!(world.findings().list().len(), 0, "{config}: {:#?}", world.findings().list());
        assert_eq!(shares(&world), [2, 2, 2], "{config}");
        let (written, worked_on, committed) = reached(&world);
        assert!(written > 1_500 && worked_on > written - 30, "{config}: {worked_on} of {written}");
        // The last automatic commit is five seconds ago at most.
        assert!(committed > written - 350, "{config}: {committed} of {written}");
    }
}

/// The number of members' assignments so far.
fn rebalances(world: &World) -> u64 {
    world.coverage().count(Situation::Rebalance)
}

fn kinds(world: &World) -> Vec<FindingKind> {
    world.findings().list().iter().map(|finding| finding.kind).collect()
}

const EARLIEST: &str = "config = { \"auto.offset.reset\" = \"earliest\", \"session.timeout.ms\" = 6000 }";
const MODERN: &str = "config = { \"auto.offset.reset\" = \"earliest\", \"group.protocol\" = \"consumer\" }";

#[test]
fn all_assignors_share_evenly() {
    for assignor in ["range", "roundrobin", "sticky", "cooperative-sticky"] {
        let consumer = format!(
            "members = 4\nconfig = {{ \"auto.offset.reset\" = \"earliest\", \"partition.assignment.strategy\" = \"{assignor}\" }}"
        );
        let world = run(&file(30, &consumer, ""), 2);
        assert_eq!(kinds(&world), [], "{assignor}");
        let mut shares = shares(&world);
        shares.sort_unstable();
        assert_eq!(shares, [1, 1, 2, 2], "{assignor}");
        let (written, worked_on, _) = reached(&world);
        assert!(worked_on > written - 30, "{assignor}: {worked_on} of {written}");
    }
}

#[test]
fn what_a_killed_member_had_goes_to_the_others_once_its_session_is_over() {
    let consumer = format!("members = 2\ncommit = \"sync-after\"\n{EARLIEST}");
    for (seconds, expected) in [(18, 3), (25, 6)] {
        let world = run(&file(seconds, &consumer, "[[fault]]\nat = \"15s\"\nkill = \"worker-1\"\n"), 1);
        assert_eq!(kinds(&world), []);
        assert_eq!(shares(&world)[1], expected, "after {seconds} s");
    }
    let back = "[[fault]]\nat = \"15s\"\nkill = \"worker-1\"\nrestart-after = \"10s\"\n";
    let world = run(&file(50, &consumer, back), 1);
    assert_eq!((kinds(&world), shares(&world)), (vec![], vec![3, 3]));
    let (written, worked_on, _) = reached(&world);
    assert!(worked_on > written - 30, "{worked_on} of {written}");
}

/// The coordinator waits for `group.consumer.session.timeout.ms`, 45 s.
#[test]
fn with_kip_848_what_a_killed_member_had_goes_to_the_others_once_the_coordinator_misses_it() {
    let consumer = format!("members = 2\ncommit = \"sync-after\"\n{MODERN}");
    for (seconds, expected) in [(50, 3), (75, 6)] {
        let world = run(&file(seconds, &consumer, "[[fault]]\nat = \"15s\"\nkill = \"worker-1\"\n"), 1);
        assert_eq!(kinds(&world), []);
        assert_eq!(shares(&world)[1], expected, "after {seconds} s");
    }
}

#[test]
fn with_kip_848_a_member_that_is_stopped_leaves_at_once_and_a_static_one_stays() {
    let stop = "[[fault]]\nat = \"15s\"\nstop = \"worker-1\"\n";
    let world = run(&file(22, &format!("members = 2\n{MODERN}"), stop), 1);
    assert_eq!((kinds(&world), shares(&world)[1]), (vec![], 6));
    let consumer = format!("members = 2\n{}", MODERN.replace(" }", ", \"group.instance.id\" = \"w\" }"));
    let world = run(&file(40, &consumer, stop), 1);
    assert_eq!((kinds(&world), shares(&world)[1]), (vec![], 3));
    // It comes back before its session is over: nobody else is told anything.
    let before = rebalances(&world);
    let back = "[[fault]]\nat = \"15s\"\nstop = \"worker-1\"\nrestart-after = \"5s\"\n";
    let world = run(&file(40, &consumer, back), 1);
    assert_eq!((kinds(&world), shares(&world)), (vec![], vec![3, 3]));
    assert_eq!(rebalances(&world), before + 1, "only the member itself");
}

#[test]
fn a_member_that_is_stopped_leaves_at_once_and_a_static_one_stays() {
    let stop = "[[fault]]\nat = \"15s\"\nstop = \"worker-1\"\n";
    let consumer = format!("members = 2\n{EARLIEST}");
    let world = run(&file(17, &consumer, stop), 1);
    assert_eq!((kinds(&world), shares(&world)[1]), (vec![], 6));
    let config = "config = { \"auto.offset.reset\" = \"earliest\", \"group.instance.id\" = \"w\" }";
    let consumer = format!("members = 2\n{config}");
    let world = run(&file(17, &consumer, stop), 1);
    assert_eq!((kinds(&world), shares(&world)[1]), (vec![], 3));
    // It comes back before its session is over: nobody else is told anything.
    let back = "[[fault]]\nat = \"15s\"\nstop = \"worker-1\"\nrestart-after = \"5s\"\n";
    let before = rebalances(&world);
    let world = run(&file(30, &consumer, back), 1);
    assert_eq!((kinds(&world), shares(&world)), (vec![], vec![3, 3]));
    assert_eq!(rebalances(&world), before + 1, "only the member itself");
}

#[test]
fn a_member_that_does_not_poll_in_time_leaves_and_comes_back() {
    let works = ["3s a poll", "300ms", "200ms to 400ms", "exponential 300ms"];
    for (protocol, work) in [EARLIEST, MODERN].into_iter().flat_map(|protocol| works.map(|work| (protocol, work))) {
        let slow = protocol.replace(" }", ", \"max.poll.interval.ms\" = 2000 }");
        let text = file(40, &format!("members = 2\ncommit = \"sync-after\"\n{slow}"), "").replace("5ms", work);
        let world = run(&text, 1);
        assert_eq!(kinds(&world), [], "{protocol}");
        assert!(world.coverage().count(Situation::PartitionsLost) > 0, "{protocol}");
        assert!(world.coverage().count(Situation::NotCommitted) > 0, "who is no member cannot commit: {protocol}");
    }
}

#[test]
fn a_member_that_crashes_behind_its_commit_and_before_its_work_loses_records() {
    let consumer = format!("members = 2\ncommit = \"sync-before\"\n{EARLIEST}");
    let kill = "[[fault]]\nat = \"15s\"\nkill = \"worker-1\"\nrestart-after = \"2s\"\n\
                [[fault]]\nat = \"15s\"\nkill = \"worker-2\"\nrestart-after = \"2s\"\n";
    let world = run(&file(60, &consumer, kill).replace("5ms", "500ms a poll"), 1);
    assert!(kinds(&world).iter().all(|kind| *kind == FindingKind::NeverDelivered));
    assert!(!kinds(&world).is_empty());
    // Behind the work nothing is lost: what was not committed is given again.
    let world = run(&file(60, &consumer, kill).replace("5ms", "500ms a poll").replace("before", "after"), 1);
    assert_eq!(kinds(&world), []);
    let (_, worked_on, committed) = reached(&world);
    assert!(worked_on >= committed, "{worked_on} {committed}");
}

/// Four seeds, or as many as `LOGLAB_SEEDS` says.
#[test]
fn with_kills_of_members_and_brokers_every_record_is_worked_on() {
    let told = std::env::var("LOGLAB_SEEDS").ok();
    let seeds: u64 = told.map_or(4, |told| told.parse().expect("LOGLAB_SEEDS is a number"));
    let kills = "[[fault]]\nat = \"12s\"\nkill = \"worker-1\"\nrestart-after = \"3s\"\n\
                 [[fault]]\nat = \"14s\"\nkill = \"broker 2\"\nrestart-after = \"8s\"\n\
                 [[fault]]\nat = \"24s\"\nkill = \"worker-2\"\nrestart-after = \"10s\"\n\
                 [[fault]]\nat = \"30s\"\nkill = \"broker 1\"\nrestart-after = \"8s\"\n\
                 [[fault]]\nat = \"42s\"\nkill = \"broker 3\"\nrestart-after = \"5s\"\n\
                 [[fault]]\nat = \"46s\"\npause = \"worker-3\"\nresume-after = \"9s\"\n";
    for (seed, is_modern) in (1..=seeds).flat_map(|seed| [(seed, false), (seed, true)]) {
        let strategy = if seed % 2 == 0 { "cooperative-sticky" } else { "range" };
        let classic = EARLIEST.replace(" }", &format!(", \"partition.assignment.strategy\" = \"{strategy}\" }}"));
        let config = if is_modern { MODERN } else { &classic };
        let consumer = format!("members = 3\ncommit = \"sync-after\"\n{config}");
        let world = run(&file(if is_modern { 150 } else { 110 }, &consumer, kills), seed);
        assert_eq!(world.findings().list().len(), 0, "seed {seed}: {:#?}", world.findings().list());
        let (written, worked_on, committed) = reached(&world);
        assert!(worked_on > written - 100, "seed {seed}: {worked_on} of {written}");
        assert!(committed <= worked_on, "seed {seed}: {committed} committed, {worked_on} worked on");
        assert_eq!(shares(&world).iter().sum::<usize>(), PARTITIONS as usize, "seed {seed}");
    }
}

/// What readers of committed records go past need not have been worked on.
#[test]
fn records_of_aborted_transactions_are_delivered_to_nobody_and_missed_by_nobody() {
    let text = "title = \"t\"\nduration = \"40s\"\n[cluster]\nbrokers = 3\n\
                [[topic]]\nname = \"orders\"\npartitions = 6\nreplication-factor = 3\nconfig = { \"min.insync.replicas\" = 2 }\n\
                [[producer]]\nname = \"shop\"\ntopic = \"orders\"\nrate = \"50/s\"\ntransaction-every = \"200ms\"\nabort-ppm = 100000\n\
                config = { \"transactional.id\" = \"shop-1\" }\n\
                [[consumer]]\nname = \"worker\"\ntopics = [\"orders\"]\ngroup = \"g\"\nmembers = 3\n\
                config = { \"auto.offset.reset\" = \"earliest\", \"isolation.level\" = \"read_committed\", \"session.timeout.ms\" = 10000 }\n\
                [[fault]]\nat = \"10s\"\nkill = \"worker-2\"\nrestart-after = \"15s\"\n\
                [[fault]]\nat = \"28s\"\nkill = \"leader of orders-0\"\nrestart-after = \"5s\"\n";
    for seed in 1..=3 {
        let world = run(text, seed);
        let (_, worked_on, committed) = reached(&world);
        assert!(committed > 500 && worked_on > 0, "seed {seed}: {worked_on} worked on, {committed} committed");
        assert_eq!(kinds(&world), [], "seed {seed}: {:#?}", world.findings().list());
    }
}

/// Which members have a partition, of those that run.
fn owners(world: &World, of: TopicPartition) -> usize {
    let has = |process: &u32| match world.kernel().process(*process) {
        Node::Reader(reader) => reader.consumer().positions().any(|(partition, _)| partition == of),
        other => panic!("{other:?}"),
    };
    let runs = |process: &u32| world.kernel().status(*process) == Status::Running;
    world.names().consumers().filter(runs).filter(has).count()
}

/// Who is paused learns only later that it is none any more; who is killed has nothing.
#[test]
fn no_partition_is_owned_by_two_members_at_once() {
    const STEP: u64 = 5_000;
    let kills = "[[fault]]\nat = \"8s\"\nkill = \"worker-1\"\nrestart-after = \"1s\"\n\
                 [[fault]]\nat = \"12s\"\nkill = \"broker 1\"\nrestart-after = \"5s\"\n\
                 [[fault]]\nat = \"16s\"\nstop = \"worker-2\"\nrestart-after = \"3s\"\n\
                 [[fault]]\nat = \"22s\"\nkill = \"broker 2\"\nrestart-after = \"5s\"\n\
                 [[fault]]\nat = \"24s\"\nkill = \"worker-3\"\nrestart-after = \"1s\"\n\
                 [[fault]]\nat = \"28s\"\nkill = \"broker 3\"\nrestart-after = \"5s\"\n";
    for config in
        [EARLIEST, MODERN, &EARLIEST.replace(" }", ", \"partition.assignment.strategy\" = \"cooperative-sticky\" }")]
    {
        let scenario = parse(&file(36, &format!("members = 3\n{config}"), kills)).expect("a scenario");
        let mut world = World::new(&Arc::new(scenario), 3, Arc::new([]));
        let mut seen = 0;
        for until in (0..36_000_000).step_by(STEP as usize) {
            while world.step_until(until).is_some() {}
            for partition in partitions(&world) {
                let owners = owners(&world, partition);
                assert!(owners < 2, "{config}: at {until} us {owners} members have {partition:?}");
                seen += owners;
            }
        }
        assert!(seen > 0);
    }
}

#[test]
fn members_leave_join_and_are_scaled() {
    let acts = "[[fault]]\nat = \"15s\"\nleave = \"worker-1\"\njoin-after = \"10s\"\n\
                [[fault]]\nat = \"40s\"\nscale = \"consumer worker\"\nto = 4\n\
                [[fault]]\nat = \"60s\"\nscale = \"consumer worker\"\nto = 1\n\
                [[fault]]\nat = \"75s\"\njoin = \"worker-3\"\n";
    for protocol in [EARLIEST, MODERN] {
        let consumer = format!("members = 2\nspare = 2\n{protocol}");
        let scenario = Arc::new(parse(&file(95, &consumer, acts)).expect("a scenario"));
        let mut world = World::new(&scenario, 1, Arc::new([]));
        for (second, expected) in [
            (14, vec![3, 3, 0, 0]),
            (24, vec![0, 6, 0, 0]),
            (39, vec![3, 3, 0, 0]),
            (59, vec![1, 1, 2, 2]),
            (74, vec![6, 0, 0, 0]),
            (94, vec![3, 0, 3, 0]),
        ] {
            while world.step_until(second * 1_000_000).is_some() {}
            let mut shares = shares(&world);
            if second == 59 {
                shares.sort_unstable();
            }
            assert_eq!(shares, expected, "{protocol}: after {second} s");
        }
        world.finish();
        assert_eq!(kinds(&world), [], "{protocol}: {:#?}", world.findings().list());
    }
}

/// What its coordinator says of a group: its protocol, and how many members it has.
fn protocol_of(world: &World, id: &str) -> (&'static str, usize) {
    let groups = loglab::lab::lag::groups(&world.observer());
    let (_, group) = groups.iter().find(|(_, group)| group.id == id).expect("the group");
    (group.protocol, group.members.len())
}

/// Members of both protocols are in one group, which goes from one to the other and back (KIP-848's online migration).
#[test]
fn a_group_is_rolled_from_one_protocol_to_the_other_and_back_without_a_gap() {
    let builtin = Builtin::named("group-protocol-rolled").expect("it is built in");
    let scenario = Arc::new(builtin.scenario().expect("it is right"));
    for seed in 1..=4 {
        let at = |second: u64| {
            let world = runner::run_to(&scenario, seed, second * 1_000_000, &mut |_, _| {});
            protocol_of(&world, "shipping")
        };
        let stages = [11, 16, 21, 26, 40, 51, 69].map(at);
        let expected = [
            ("classic", 2),
            ("consumer", 3),
            ("consumer", 2),
            ("consumer", 3),
            ("consumer", 2),
            ("consumer", 3),
            ("classic", 1),
        ];
        assert_eq!(stages, expected, "seed {seed}");
        let mut world = runner::run_to(&scenario, seed, u64::MAX, &mut |_, _| {});
        world.finish();
        assert_eq!(kinds(&world), [], "seed {seed}: {:#?}", world.findings().list());
        let (written, worked_on, _) = reached_by(&world, "shipping");
        assert!(worked_on > written - 60, "seed {seed}: {worked_on} of {written}");
    }
}

/// Whoever may not come ends, and the others go on.
#[test]
fn a_group_that_may_not_migrate_refuses_who_speaks_the_other_protocol() {
    let other = "[[consumer]]\nname = \"new\"\ntopics = [\"orders\"]\ngroup = \"g\"\nconfig = { \"group.protocol\" = \"consumer\" }\n\
                 [[fault]]\nat = \"1ms\"\nkill = \"new\"\nrestart-after = \"12s\"\n";
    let text = file(40, &format!("members = 2\n{EARLIEST}"), other);
    let text = text.replace(
        "config = { \"offsets.topic.num.partitions\" = 3 }",
        "config = { \"offsets.topic.num.partitions\" = 3, \"group.consumer.migration.policy\" = \"disabled\" }",
    );
    let world = run(&text, 1);
    assert_eq!(protocol_of(&world, "g"), ("classic", 2));
    assert_eq!(shares(&world), [3, 3, 0]);
    assert_eq!(kinds(&world), [], "{:#?}", world.findings().list());
}

#[test]
fn a_program_that_seeks_is_given_again_what_it_has_read() {
    let acts = "[[fault]]\nat = \"20s\"\nseek = \"worker-1\"\noffset = 0\n";
    for protocol in [EARLIEST, MODERN] {
        let world = run(&file(40, &format!("members = 1\n{protocol}"), acts), 1);
        assert_eq!(kinds(&world), [], "{protocol}: {:#?}", world.findings().list());
        let (written, worked_on, _) = reached(&world);
        let read = world.coverage().count(Situation::Read);
        assert!(read as i64 > written + written / 4, "{protocol}: {read} were read of {written}");
        assert!(worked_on > written - 30, "{protocol}: {worked_on} of {written}");
    }
}

/// What was handed over and is not worked on is committed all the same, and lost with the program.
#[test]
fn work_that_is_handed_over_is_lost_with_a_member_that_has_committed_it() {
    let kill = "[[fault]]\nat = \"30s\"\nkill = \"worker-1\"\nrestart-after = \"2s\"\n";
    for protocol in [EARLIEST, MODERN] {
        let work = |hand_over: bool| {
            let consumer = format!("members = 1\nhand-over = {hand_over}\n{protocol}");
            run(&file(60, &consumer, kill).replace("work = \"5ms\"", "work = \"200ms a poll\""), 1)
        };
        assert_eq!(kinds(&work(false)), [], "{protocol}");
        let found = kinds(&work(true));
        assert!(!found.is_empty() && found.iter().all(|kind| *kind == FindingKind::NeverDelivered), "{found:?}");
    }
}

/// What the coordinator of the group knows to be committed.
fn committed_now(world: &World, of: TopicPartition) -> i64 {
    let groups = loglab::lab::lag::groups(&world.observer());
    let (_, group) = groups.iter().find(|(_, group)| group.id == "g").expect("the group");
    let standings = loglab::lab::lag::standings(group, &world.observer());
    standings.iter().find(|it| it.partition == of).expect("a partition of it").committed
}

/// Topics come and go, and members that subscribe by a pattern read those that are there. What they commit of a topic that is gone
/// is refused as if that passed: for up to `max.poll.interval.ms` they do not join again (KAFKA-13310).
#[test]
fn members_that_subscribe_by_a_pattern_read_what_comes_later_too() {
    for (protocol, pattern) in [("classic", "pattern"), ("consumer", "pattern"), ("consumer", "subscription-pattern")] {
        let topic = |name: &str, more: &str| {
            format!("[[topic]]\nname = \"{name}\"\npartitions = 2\nreplication-factor = 3\n{more}\n")
        };
        let producer =
            |topic: &str| format!("[[producer]]\nname = \"to-{topic}\"\ntopic = \"{topic}\"\nrate = \"10/s\"\n");
        let text = format!(
            "title = \"t\"\nduration = \"60s\"\n[cluster]\nbrokers = 3\n{}{}{}{}{}{}{}\
             [[consumer]]\nname = \"worker\"\n{pattern} = \"orders-.*\"\ngroup = \"g\"\nmembers = 2\n\
             config = {{ \"auto.offset.reset\" = \"earliest\", \"metadata.max.age.ms\" = 3000, \"max.poll.interval.ms\" = 5000, \"group.protocol\" = \"{protocol}\" }}\n",
            topic("orders-eu", ""),
            topic("orders-us", "at = \"20s\""),
            topic("orders-old", "delete-at = \"30s\""),
            topic("audit", ""),
            producer("orders-eu"),
            producer("orders-us"),
            producer("audit"),
        );
        let world = run(&text, 1);
        assert_eq!(kinds(&world), [], "{protocol}: {:#?}", world.findings().list());
        let read = |topic: &str| {
            let topic = world.image().topics.named(topic).expect("the topic");
            (0..2)
                .map(|partition| world.history().worked_on_up_to("g", TopicPartition { topic, partition }))
                .sum::<i64>()
        };
        assert!(read("orders-eu") > 550, "{protocol}: {}", read("orders-eu"));
        assert!(read("orders-us") > 330, "{protocol}: {}", read("orders-us"));
        assert_eq!(read("audit"), 0, "{protocol}");
        // What a member gave up to commit while a topic was gone does not set its group back.
        let eu = world.image().topics.named("orders-eu").expect("the topic");
        for partition in 0..2 {
            let of = TopicPartition { topic: eu, partition };
            let (committed, worked_on) = (committed_now(&world, of), world.history().worked_on_up_to("g", of));
            assert!(committed > worked_on - 80, "{protocol}: {committed} of {worked_on} in orders-eu-{partition}");
        }
        // Four partitions, two members.
        let owned = world.names().consumers().map(|process| match world.kernel().process(process) {
            Node::Reader(reader) => reader.consumer().membership().expect("a member").assigned.len(),
            other => panic!("{other:?}"),
        });
        assert_eq!(owned.collect::<Vec<_>>(), [2, 2], "{protocol}");
    }
}
