//! Faults of scenarios that strike one message, a whole link or the controller, and what clients and checkers make of them.
#![cfg(not(target_family = "wasm"))]

mod shop;

use std::sync::Arc;

use loglab::lab::runner;
use loglab::lab::scenario::{FailedSends, FindingKind, OutageReport, RunReport, Scenario, parse};
use loglab::lab::session::Session;
use loglab::lab::timeline::Replay;
use loglab::lab::world::World;
use loglab::sim::kernel::Status;
use loglab::view::frame::{Node, Packet};
use loglab::view::picture::picture;
use loglab::view::protocol::Look;

fn scenario(producer_config: &str, more: &str) -> Arc<Scenario> {
    let producer = format!("rate = \"20/s\"\nconfig = {{ \"request.timeout.ms\" = 2000, {producer_config} }}");
    shop::scenario("config = { \"min.insync.replicas\" = 2 }", &producer, more)
}

fn run(producer_config: &str, more: &str) -> RunReport {
    runner::run(&scenario(producer_config, more), 1, None)
}

fn kinds(report: &RunReport) -> Vec<FindingKind> {
    report.findings.iter().map(|finding| finding.kind).collect()
}

const PLAIN: &str = r#""enable.idempotence" = false"#;
const IDEMPOTENT: &str = r#""enable.idempotence" = true"#;

#[test]
fn a_lost_answer_makes_a_plain_producer_send_twice_and_an_idempotent_one_not() {
    let lost = "[[fault]]\nat = \"5s\"\nlose = \"next Produce response to shop\"\n";
    assert_eq!(kinds(&run(PLAIN, "")), []);
    let found = kinds(&run(PLAIN, lost));
    assert!(!found.is_empty() && found.iter().all(|kind| *kind == FindingKind::Duplicate), "{found:?}");
    assert_eq!(kinds(&run(IDEMPOTENT, lost)), []);
}

#[test]
fn a_broker_that_restarts_within_its_session_answers_nobody_before_it_is_unfenced() {
    let restart = "[[fault]]\nat = \"5s\"\nkill = \"leader of orders-0\"\nrestart-after = \"1s\"\n";
    let report = run(&format!("{PLAIN}, \"retries\" = 0"), restart);
    let errors: Vec<&str> = report.failed_sends.iter().map(|failed| failed.error.as_str()).collect();
    assert!(!errors.contains(&"UNKNOWN_TOPIC_ID"), "{errors:?}");
    assert_eq!(kinds(&report), []);
}

#[test]
fn brokers_that_were_killed_before_they_lost_power_lost_what_was_not_flushed() {
    let all = |at: u32, fault: &str| -> String {
        (1..=3).map(|id| format!("[[fault]]\nat = \"{at}s\"\n{fault} = \"broker {id}\"\n")).collect()
    };
    let (killed, powerless, again) = (all(5, "kill"), all(6, "power-loss"), all(7, "restart"));
    assert_eq!(kinds(&run(IDEMPOTENT, &format!("{killed}{again}"))), []);
    let found = kinds(&run(IDEMPOTENT, &format!("{killed}{powerless}{again}")));
    assert!(found.contains(&FindingKind::LostWrite), "{found:?}");
}

#[test]
fn a_repeated_request_is_appended_twice_unless_it_has_a_sequence() {
    let repeated = "[[fault]]\nat = \"5s\"\nrepeat = \"next Produce request from shop\"\n";
    let found = kinds(&run(PLAIN, repeated));
    assert!(!found.is_empty() && found.iter().all(|kind| *kind == FindingKind::Duplicate), "{found:?}");
    assert_eq!(kinds(&run(IDEMPOTENT, repeated)), []);
}

#[test]
fn a_held_request_is_retried_on_another_connection_and_executed_late() {
    // The retry is stored first; the held copy follows when it is released, on a connection that is closed by then.
    let held = "[[fault]]\nat = \"5s\"\nhold = \"next Produce request from shop\"\nrelease-after = \"6s\"\n";
    let found = kinds(&run(IDEMPOTENT, held));
    assert_eq!(found, []);
}

#[test]
fn a_lost_fetch_costs_a_follower_its_connection_and_nothing_else() {
    for lost in ["next Fetch request from broker 2 to broker 1", "next Fetch response from broker 1 to broker 2"] {
        let fault = format!("[[fault]]\nat = \"5s\"\nlose = \"{lost}\"\n");
        assert_eq!(kinds(&run(IDEMPOTENT, &fault)), [], "{lost}");
    }
}

#[test]
fn a_clogged_link_breaks_no_promise() {
    for link in ["link broker 1 - broker 2", "link broker 1 -> controller", "link shop - broker 1"] {
        let fault = format!("[[fault]]\nat = \"5s\"\nclog = \"{link}\"\nheal-after = \"12s\"\n");
        assert_eq!(kinds(&run(IDEMPOTENT, &fault)), [], "{link}");
    }
}

#[test]
fn a_killed_controller_breaks_no_promise() {
    for action in ["kill", "power-loss"] {
        let fault = format!(
            "[[fault]]\nat = \"5s\"\n{action} = \"controller\"\nrestart-after = \"6s\"\n\
             [[fault]]\nat = \"14s\"\nkill = \"leader of orders-0\"\n"
        );
        let scenario = scenario(IDEMPOTENT, &fault);
        let mut world = World::new(&scenario, 1, Arc::new([]));
        while world.step().is_some() {}
        world.finish();
        assert!(world.findings().list().is_empty(), "{:?}", world.findings().list());
        let (_, partition) = world.image().partitions().next().expect("a partition");
        assert_eq!((partition.leader_epoch, partition.isr.len()), (1, 2), "a new leader was elected once");
    }
}

/// The faults of a file, one each of what can be done to something that is found when its time comes.
const MANY_FAULTS: [(u32, &str, &str, &str); 8] = [
    (3, "skew", "shop", " by -200ms"),
    (4, "drift", "leader of orders-0", " by 20000ppm"),
    (5, "kill", "leader of orders-0", ""),
    (5, "cut", "link broker 1 - broker 2", ""),
    (7, "lose", "next Produce response to shop", ""),
    (9, "slow", "link shop - broker 3", " by 40ms"),
    (14, "pause", "leader of orders-0", ""),
    (14, "fill-disk", "followers of orders-0", ""),
];

#[test]
fn a_fault_of_the_file_and_the_same_command_by_hand_are_one_run() {
    let as_key = |amount: &str| match amount.trim().split_once(' ') {
        Some((key, amount)) => format!("{key} = \"{amount}\"\n"),
        None => String::new(),
    };
    let faults: String = MANY_FAULTS
        .iter()
        .map(|(at, word, target, amount)| {
            format!("[[fault]]\nat = \"{at}s\"\n{word} = \"{target}\"\n{}", as_key(amount))
        })
        .collect();
    let of_file = runner::run(&scenario(IDEMPOTENT, &faults), 5, None);
    let mut session = Session::from_scenario(scenario(IDEMPOTENT, ""), 5);
    for (at, word, target, amount) in MANY_FAULTS {
        session.seek_time(u64::from(at) * 1_000_000);
        session.command(&format!("{word} {target}{amount}")).expect("a command");
    }
    session.seek_time(60_000_000);
    assert_eq!((session.world().event(), session.hash()), (of_file.events, of_file.trace_hash));
}

#[test]
fn what_takes_a_fault_back_may_be_given_by_hand_too() {
    let cut = "[[fault]]\nat = \"5s\"\ncut = \"link broker 1 - broker 2\"\n";
    let of_file = runner::run(&scenario(IDEMPOTENT, &format!("{cut}heal-after = \"15s\"\n")), 5, None);
    let heal = "[[fault]]\nat = \"20s\"\nheal = \"link broker 1 - broker 2\"\n";
    let of_two = runner::run(&scenario(IDEMPOTENT, &format!("{cut}{heal}")), 5, None);
    assert_eq!((of_two.events, of_two.trace_hash), (of_file.events, of_file.trace_hash));
}

#[test]
fn a_fault_that_hits_nobody_leaves_every_other_event_as_it_was() {
    let idle = "[[fault]]\nat = \"5s\"\nheal-clock = \"broker 1\"\n";
    let (quiet, idle) = (run(IDEMPOTENT, ""), run(IDEMPOTENT, idle));
    assert_eq!((idle.events, idle.warnings.len()), (quiet.events + 1, 1));
}

#[test]
fn clocks_that_are_wrong_break_no_promise_and_are_set_right_again() {
    for (fault, by) in [("skew", "-40s"), ("drift", "50000ppm")] {
        for target in ["controller", "shop", "leader of orders-0"] {
            let text =
                format!("[[fault]]\nat = \"5s\"\n{fault} = \"{target}\"\nby = \"{by}\"\nheal-clock-after = \"20s\"\n");
            let scenario = scenario(IDEMPOTENT, &text);
            let mut world = World::new(&scenario, 1, Arc::new([]));
            let wrong = |world: &World| {
                let kernel = world.kernel();
                (0..world.names().len()).any(|id| !kernel.clock(id).is_right(kernel.time()))
            };
            while world.step_until(6_000_000).is_some() {}
            assert!(wrong(&world), "{fault} {target}");
            while world.step().is_some() {}
            world.finish();
            assert!(!wrong(&world), "{fault} {target}");
            assert!(world.findings().list().is_empty(), "{fault} {target}: {:?}", world.findings().list());
        }
    }
}

#[test]
fn a_broker_that_is_stopped_loses_nothing_and_can_be_restarted() {
    let stop = "[[fault]]\nat = \"5s\"\nstop = \"leader of orders-0\"\nrestart-after = \"15s\"\n";
    let report = run(IDEMPOTENT, stop);
    assert_eq!((kinds(&report), report.warnings.len(), report.failed_sends.len()), (vec![], 0, 0));
    let down = "[[fault]]\nat = \"5s\"\nkill = \"broker 1\"\n[[fault]]\nat = \"6s\"\nstop = \"broker 1\"\n";
    let told = run(IDEMPOTENT, down).warnings;
    assert_eq!(told[0].about, "stop broker 1: broker 1 is down");
}

#[test]
fn a_person_holds_loses_and_doubles_what_is_on_its_way() {
    let scenario = scenario(IDEMPOTENT, "");
    for word in ["hold", "lose", "repeat"] {
        let mut session = Session::from_scenario(Arc::clone(&scenario), 3);
        session.seek_time(5_000_000);
        let packet = loop {
            let frame = picture(&session, &Look::default());
            if let Some(packet) = frame.packets.into_iter().next() {
                break packet;
            }
            session.seek_event(session.world().event() + 1);
        };
        let is_there =
            |session: &Session| session.world().kernel().in_flight().iter().any(|it| it.sequence == packet.id);
        assert!(is_there(&session));
        let kind = if packet.response { "response" } else { "request" };
        let end = |node: &Node| match node {
            Node::Controller => "controller".to_owned(),
            Node::Broker(id) => format!("broker {id}"),
            Node::Client(name) => name.clone(),
        };
        let Packet { api, ordinal, from, to, .. } = &packet;
        let message = format!("message {api} {kind} {ordinal} from {} to {}", end(from), end(to));
        session.command(&format!("{word} {message}")).expect("it is on its way");
        session.seek_time(6_000_000);
        assert!(!is_there(&session));
        session.command(&format!("release {message}")).expect("a command");
        session.seek_time(60_000_000);
        let (hash, commands) = (session.hash(), session.commands().to_vec());
        let mut world = World::new(&scenario, 3, commands.into());
        while world.step_until(60_000_000).is_some() {}
        assert_eq!(world.hash(), hash, "{word}: a command is part of the run");
    }
}

#[test]
fn a_message_that_has_arrived_cannot_be_held() {
    let hold = "[[fault]]\nat = \"5s\"\nhold = \"message Produce request 1 from shop to broker 1\"\n";
    let warnings: Vec<String> = run(IDEMPOTENT, hold).warnings.into_iter().map(|it| it.about).collect();
    assert_eq!(warnings, ["hold message Produce request 1 from shop to broker 1: it is not on its way any more"]);
}

#[test]
fn a_message_is_lost_by_its_name_before_it_is_sent() {
    let lost = "[[fault]]\nat = \"0s\"\nlose = \"message Produce response 40 from broker 1 to shop\"\n";
    let report = run(PLAIN, lost);
    assert_eq!((kinds(&report)[..1].to_vec(), report.warnings), (vec![FindingKind::Duplicate], vec![]));
}

#[test]
fn a_fault_that_waits_for_a_message_that_never_comes_is_told_at_the_end() {
    let fault = |what: &str| format!("[[fault]]\nat = \"50s\"\n{what}\n");
    let faults = [
        fault("lose = \"next InitProducerId response to shop\""),
        fault("hold = \"next OffsetForLeaderEpoch request to broker 2\"\nrelease-after = \"2s\""),
        fault("hold = \"next InitProducerId request\""),
        fault("repeat = \"message AlterPartition request 4000 from broker 1 to controller\""),
        fault("repeat = \"next Fetch request from broker 2\""),
    ];
    let report = run(IDEMPOTENT, &faults.concat());
    let told: Vec<(u64, &str)> = report.warnings.iter().map(|it| (it.at_us / 1_000_000, it.about.as_str())).collect();
    let expected = [
        (52, "hold next OffsetForLeaderEpoch request to broker 2: none was sent"),
        (60, "lose next InitProducerId response to shop: none was sent"),
        (60, "hold next InitProducerId request: none was sent"),
        (60, "repeat message AlterPartition request 4000 from broker 1 to controller: it was not sent"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_producer_without_keys_into_a_compacted_topic_fails_loudly() {
    let compacted = "config = { \"cleanup.policy\" = \"compact\" }";
    let report = runner::run(&shop::scenario(compacted, "", ""), 1, None);
    let [FailedSends { producer, error, records }] = &report.failed_sends[..] else { panic!("{report:?}") };
    assert_eq!((producer.as_str(), error.as_str()), ("shop", "INVALID_RECORD"));
    assert!(*records > 500, "{records} of 600");
    assert_eq!(runner::run(&shop::scenario(compacted, "keys = 3", ""), 1, None).failed_sends, []);
}

#[test]
fn an_idempotent_producer_whose_first_batch_is_lost_stores_later_ones_before_it() {
    // As Kafka's: a leader without state of a producer takes any first sequence number. See docs/findings.md.
    let lost = "[[fault]]\nat = \"0s\"\nlose = \"next Produce request from shop\"\n[network]\nlatency = \"50ms\"\n";
    let run = |in_flight: u32| {
        let config = format!(
            "\"linger.ms\" = 0, \"batch.size\" = 300, \"request.timeout.ms\" = 500, \
             \"max.in.flight.requests.per.connection\" = {in_flight}"
        );
        let producer = format!("rate = \"300/s\"\nconfig = {{ {config} }}");
        kinds(&runner::run(&shop::scenario("", &producer, lost), 1, None))
    };
    let found = run(5);
    let known = [FindingKind::Duplicate, FindingKind::Reordered];
    assert!(!found.is_empty() && found.iter().all(|kind| known.contains(kind)), "{found:?}");
    assert_eq!(run(1), []);
}

fn found(text: &str) -> RunReport {
    runner::run(&Arc::new(parse(text).unwrap_or_else(|errors| panic!("{errors:#?}"))), 3, None)
}

#[test]
fn writes_that_are_refused_for_forty_seconds_are_an_outage_of_the_report() {
    let report = found(include_str!("found/b-min-isr-writes-refused.toml"));
    assert_eq!(kinds(&report), []);
    let [outage] = &report.outages[..] else { panic!("{:?}", report.outages) };
    assert_eq!((outage.producer.as_str(), outage.partition.as_deref()), ("checkout", Some("orders-0")));
    let to_us = outage.to_us.expect("it is over");
    assert!(
        (10_000_000..12_000_000).contains(&outage.from_us) && (50_000_000..70_000_000).contains(&to_us),
        "{outage:?}"
    );
    assert!(outage.waiting > 500, "{outage:?}: whoever does not give up waits");
    let metrics = report.producers.iter().find(|producer| producer.producer == "metrics").expect("it sends");
    assert!(metrics.latency_max_us < 1_000_000, "acks=1 waits for nobody: {metrics:?}");
}

#[test]
fn a_slow_follower_is_seen_in_the_latency_of_the_report() {
    let report = found(include_str!("found/c-slow-follower.toml"));
    assert_eq!(kinds(&report), []);
    let [checkout] = &report.producers[..] else { panic!("{:?}", report.producers) };
    assert_eq!(checkout.sent, checkout.acknowledged + checkout.failed + checkout.unfinished);
    assert!(checkout.latency_p50_us < checkout.latency_p99_us && checkout.latency_p99_us > 500_000, "{checkout:?}");
    assert!(!report.outages.is_empty(), "nothing is acknowledged before the follower leaves the ISR");
}

#[test]
fn a_restart_while_a_broker_is_shutting_down_waits_for_its_end() {
    for second in [1, 2, 9] {
        let fault = format!("[[fault]]\nat = \"5s\"\nstop = \"broker 1\"\nrestart-after = \"{second}s\"\n");
        let mut world = World::new(&scenario(IDEMPOTENT, &fault), 1, Arc::new([]));
        while world.step().is_some() {}
        assert_eq!(world.warnings(), [], "after {second} s");
        let (kernel, image) = (world.kernel(), world.image());
        assert_eq!((kernel.status(1), kernel.incarnation(1)), (Status::Running, 2), "after {second} s");
        assert!(image.is_alive(1), "after {second} s it is unfenced in the end");
        assert!(!world.has_halted(1));
    }
}

#[test]
fn what_takes_a_fault_back_is_told_with_its_target_where_it_does_nothing() {
    let kill = "[[fault]]\nat = \"5s\"\nkill = \"broker 1\"\nrestart-after = \"9s\"\n";
    let restart = "[[fault]]\nat = \"8s\"\nrestart = \"broker 1\"\n";
    let told: Vec<String> =
        run(IDEMPOTENT, &format!("{kill}{restart}")).warnings.into_iter().map(|it| it.about).collect();
    assert_eq!(told, ["restart broker 1: broker 1 runs already"]);
}

#[test]
fn an_outage_of_a_deleted_topic_is_told_from_one_of_its_successor() {
    let text = r#"title = "t"
duration = "40s"
[cluster]
brokers = 1
[[topic]]
name = "orders"
delete-at = "10s"
[[topic]]
name = "orders"
at = "15s"
[[producer]]
name = "shop"
topic = "orders"
[[fault]]
at = "5s"
pause = "broker 1"
resume-after = "3s"
[[fault]]
at = "20s"
pause = "broker 1"
resume-after = "3s"
"#;
    let report = found(text);
    let of = |from: u64, to: u64| {
        let is_there =
            |it: &&OutageReport| it.from_us >= from * 1_000_000 && it.to_us.is_some_and(|at| at < to * 1_000_000);
        report.outages.iter().find(is_there).unwrap_or_else(|| panic!("{:?}", report.outages))
    };
    let (first, second) = (of(4, 10), of(15, 30));
    let orders_0 = Some("orders-0");
    assert_eq!((first.partition.as_deref(), second.partition.as_deref()), (orders_0, orders_0));
    let id = |outage: &OutageReport| outage.topic_id.clone().expect("a partition's topic has one");
    assert!(id(first).len() == 22 && id(second).len() == 22 && id(first) != id(second));
}

/// A topic that the file does not declare: who sends to `orders`, who reads it, with which settings.
fn undeclared(brokers: &str, producer: &str, consumer: &str) -> String {
    format!(
        "title = \"t\"\nduration = \"20s\"\n[cluster]\nbrokers = 3\nconfig = {{ {brokers} }}\n[[topic]]\nname = \"other\"\n\
         [[producer]]\nname = \"shop\"\ntopic = \"{producer}\"\nrate = \"20/s\"\nconfig = {{ \"max.block.ms\" = 5000 }}\n\
         [[consumer]]\nname = \"reader\"\ntopics = [\"orders\"]\nconfig = {{ \"auto.offset.reset\" = \"earliest\", {consumer} }}\n"
    )
}

/// How many partitions and replicas a topic has in the end; `None` where there is none.
fn made(text: &str, topic: &str) -> Option<(usize, usize)> {
    let scenario = Arc::new(parse(text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}")));
    let world = runner::run_to(&scenario, 1, u64::MAX, &mut |_, _| {});
    let image = world.image();
    let topic = image.topics.get(image.topics.named(topic)?)?;
    Some((topic.partitions.len(), topic.partitions[0].replicas.len()))
}

const CREATES: &str =
    "\"auto.create.topics.enable\" = true, \"num.partitions\" = 4, \"default.replication.factor\" = 2";

/// `KafkaApis.getTopicMetadata`, `DefaultAutoTopicCreationManager`
#[test]
fn a_topic_that_nobody_declared_is_created_for_whoever_names_it() {
    assert_eq!(made(&undeclared(CREATES, "orders", ""), "orders"), Some((4, 2)));
    let forbids = "\"allow.auto.create.topics\" = false";
    assert_eq!(made(&undeclared(CREATES, "other", ""), "orders"), Some((4, 2)), "for a consumer");
    assert_eq!(made(&undeclared(CREATES, "other", forbids), "orders"), None);
    assert_eq!(made(&undeclared(CREATES, "orders", forbids), "orders"), Some((4, 2)), "a producer always may");
    let report = found(&undeclared(CREATES, "orders", ""));
    assert!(report.readers[0].read > 300, "{:?}", report.readers);
}

#[test]
fn a_topic_that_is_not_created_by_itself_has_to_be_declared() {
    let errors = parse(&undeclared("", "other", "")).expect_err("orders is not there");
    assert!(errors[0].message.contains("there is no topic \"orders\""), "{errors:#?}");
}

/// More replicas than brokers: the controller refuses, and a send fails when `max.block.ms` is over.
#[test]
fn a_topic_that_cannot_be_created_is_waited_for_in_vain() {
    let too_many = CREATES.replace("factor\" = 2", "factor\" = 4");
    let report = found(&undeclared(&too_many, "orders", ""));
    assert_eq!(made(&undeclared(&too_many, "orders", ""), "orders"), None);
    assert!(!report.failed_sends.is_empty());
}

#[test]
fn a_topic_that_is_deleted_comes_back_while_somebody_asks_for_it() {
    let text = |creates: &str| {
        let deleted = "[[topic]]\nname = \"orders\"\npartitions = 3\ndelete-at = \"5s\"\n[[producer]]";
        undeclared(creates, "orders", "").replacen("[[producer]]", deleted, 1)
    };
    assert_eq!(made(&text(""), "orders"), None);
    assert_eq!(made(&text(CREATES), "orders"), Some((4, 2)));
}
