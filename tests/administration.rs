//! What somebody on call does in a scenario: `[[admin]]`.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::scenario::{check, parse};
use loglab::lab::world::World;
use loglab::note::Note;

/// A cluster with a topic, programs and commands at times.
fn file(seconds: u32, programs: &str, commands: &[(&str, &str)]) -> String {
    let commands: String =
        commands.iter().map(|(at, run)| format!("[[admin]]\nat = \"{at}\"\nrun = \"{run}\"\n")).collect();
    format!(
        "title = \"t\"\nduration = \"{seconds}s\"\n[cluster]\nbrokers = 3\n\
         config = {{ \"offsets.topic.num.partitions\" = 3, \"transaction.state.log.num.partitions\" = 3 }}\n\
         [[topic]]\nname = \"orders\"\npartitions = 2\nreplication-factor = 3\n{programs}\n{commands}"
    )
}

/// What the administrator was told, command by command, and whether it failed.
fn told(text: &str) -> (World, Vec<(String, String, bool)>) {
    let scenario = Arc::new(parse(text).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}")));
    let mut world = World::new(&scenario, 1, Arc::new([]));
    let mut all = Vec::new();
    while let Some(occurrence) = world.step() {
        let notes = occurrence.notables.iter().filter_map(|notable| notable.note().cloned());
        all.extend(notes.filter_map(|note| match note {
            Note::Administered { command, told, failed, .. } => Some((command, told, failed)),
            _ => None,
        }));
    }
    world.finish();
    (world, all)
}

const GROUP: &str = "[[producer]]\nname = \"shop\"\ntopic = \"orders\"\nrate = \"20/s\"\n\
                     [[consumer]]\nname = \"reader\"\ntopics = [\"orders\"]\ngroup = \"g\"\n\
                     config = { \"auto.offset.reset\" = \"earliest\", \"session.timeout.ms\" = 6000 }\n";

#[test]
fn a_group_is_described_with_its_lag_and_its_offsets_are_moved_once_it_has_no_members() {
    let commands = [
        ("15s", "list-groups"),
        ("16s", "describe-group g"),
        ("17s", "set-offset g orders-0 3"),
        ("18s", "delete-group g"),
        ("35s", "set-offset g orders-0 3"),
        ("36s", "describe-group g"),
        ("37s", "delete-offset g orders-0"),
        ("38s", "delete-group g"),
        ("39s", "describe-group g"),
    ];
    let stop = "[[fault]]\nat = \"20s\"\nkill = \"reader\"\n";
    let (world, told) = told(&file(45, &format!("{GROUP}{stop}"), &commands));
    assert_eq!(world.findings().list().len(), 0, "{:#?}", world.findings().list());
    let texts: Vec<String> = told.iter().map(|(command, told, failed)| format!("{command}: {failed} {told}")).collect();
    assert_eq!(told.len(), commands.len(), "{texts:#?}");
    assert_eq!(texts[0], "list-groups: false g classic Stable");
    let described = &told[1].1;
    assert!(described.starts_with("classic group, Stable, 1 member, assignor range; orders-0 at "), "{described}");
    assert!(described.contains(", lag ") && described.contains(", client-"), "{described}");
    // Whoever has members decides for itself.
    assert_eq!(texts[2], "set-offset g orders-0 3: true orders-0: UNKNOWN_MEMBER_ID");
    assert_eq!(texts[3], "delete-group g: true g: NON_EMPTY_GROUP");
    assert_eq!(texts[4], "set-offset g orders-0 3: false done");
    assert!(told[5].1.starts_with("classic group, Empty, 0 members; orders-0 at 3 of "), "{}", told[5].1);
    assert_eq!((&*texts[6], &*texts[7]), ("delete-offset g orders-0: false done", "delete-group g: false done"));
    assert_eq!(texts[8], "describe-group g: true g: GROUP_ID_NOT_FOUND");
}

#[test]
fn records_are_deleted_and_topics_brokers_and_producers_described() {
    let commands = [
        ("5s", "describe-cluster"),
        ("6s", "describe-topic orders"),
        ("7s", "delete-records orders-0 10"),
        ("8s", "delete-records orders-0 100000"),
        ("9s", "delete-records orders-9 1"),
        ("10s", "describe-producers orders-0"),
        ("11s", "describe-topic nothing"),
    ];
    let (_, told) = told(&file(80, GROUP, &commands));
    let of = |command: &str| {
        let found = told.iter().find(|(it, ..)| it == command);
        found.map(|(_, told, failed)| (told.as_str(), *failed)).unwrap_or_else(|| panic!("{command}: {told:#?}"))
    };
    assert_eq!(of("describe-cluster"), ("brokers [1, 2, 3]", false));
    assert!(of("describe-topic orders").0.contains("; 1 led by "), "{told:#?}");
    assert_eq!(of("delete-records orders-0 10"), ("its log starts at 10", false));
    assert_eq!(of("delete-records orders-0 100000"), ("orders-0: OFFSET_OUT_OF_RANGE", true));
    // A partition that is not there is looked for until `default.api.timeout.ms` is over.
    assert_eq!(of("delete-records orders-9 1"), ("REQUEST_TIMED_OUT", true));
    assert!(of("describe-producers orders-0").0.starts_with("producer id "), "{told:#?}");
    assert_eq!(of("describe-topic nothing"), ("nothing: UNKNOWN_TOPIC_OR_PARTITION", true));
}

const TILL: &str = "[[producer]]\nname = \"till\"\ntopic = \"orders\"\nrate = \"20/s\"\ntransaction-every = \"2s\"\n\
                    config = { \"transactional.id\" = \"t\", \"transaction.timeout.ms\" = 600000 }\n\
                    [[consumer]]\nname = \"reader\"\ntopics = [\"orders\"]\n\
                    config = { \"auto.offset.reset\" = \"earliest\", \"isolation.level\" = \"read_committed\" }\n\
                    [[fault]]\nat = \"11s\"\nkill = \"till\"\n";

/// How much of the topic a reader of committed records has not read at the end.
fn unread(world: &World) -> u64 {
    use loglab::lab::node::Node;
    let reader = world.names().consumers().next().expect("a reader");
    let Node::Reader(reader) = world.kernel().process(reader) else { panic!("it reads") };
    let consumer = reader.consumer();
    let topic = world.image().topics.named("orders").expect("the topic");
    let of = |partition: i32| {
        use loglab::lab::check::Evidence;
        let partition = loglab::wire::TopicPartition { topic, partition };
        let leader = world.image().partition(partition).expect("the partition").leader;
        let end = world.observer().log_ends(leader, partition).map_or(0, |ends| ends.high_watermark);
        u64::try_from(end - consumer.position(partition).unwrap_or(0)).unwrap_or(0)
    };
    of(0) + of(1)
}

#[test]
fn an_open_transaction_is_found_and_aborted_where_it_hangs_so_that_readers_go_on() {
    let found = [("16s", "list-transactions"), ("17s", "describe-transaction t")];
    let aborts = [("20s", "abort-transaction orders-0"), ("21s", "abort-transaction orders-1")];
    let (stuck, told_of) = told(&file(40, TILL, &found));
    assert!(told_of[0].1.starts_with("t Ongoing producer id "), "{told_of:#?}");
    assert!(told_of[1].1.starts_with("Ongoing, producer id ") && told_of[1].1.contains("in orders-"), "{told_of:#?}");
    assert!(unread(&stuck) > 0, "what is open is read by nobody");
    let (free, told_of) = told(&file(40, TILL, &aborts));
    assert!(told_of.iter().any(|(_, told, _)| told == "1 transaction is aborted"), "{told_of:#?}");
    assert!(told_of.iter().all(|(.., failed)| !failed), "{told_of:#?}");
    assert_eq!(unread(&free), 0);
    // The coordinator aborts it everywhere.
    let (fenced, told_of) = told(&file(40, TILL, &[("20s", "fence t"), ("25s", "describe-transaction t")]));
    assert_eq!((told_of[0].1.as_str(), told_of[0].2), ("done", false));
    assert!(told_of[1].1.starts_with("Empty, "), "{told_of:#?}");
    assert_eq!(unread(&fenced), 0);
}

#[test]
fn a_command_that_is_none_is_told_with_the_nearest() {
    let error = |run: &str| {
        let errors = check(&file(10, "", &[("5s", run)])).map(|_| ()).expect_err("no command");
        errors[0].in_file("my.toml")
    };
    assert_eq!(
        error("list-group"),
        "my.toml:13: \"list-group\" is no command of an administrator; did you mean \"list-groups\"?"
    );
    assert!(error("set-offset g orders-0").ends_with("\"set-offset\" takes GROUP TOPIC-PARTITION OFFSET"));
    let late = check(&file(10, "", &[("10s", "list-groups")])).map(|_| ()).expect_err("too late");
    assert!(late[0].in_file("my.toml").contains("a command is given before the end of the run"));
    let named = check(&file(10, "[[producer]]\nname = \"admin\"\ntopic = \"orders\"\n", &[("5s", "list-groups")]));
    let named = named.map(|_| ()).expect_err("it is called so");
    assert!(named[0].in_file("my.toml").contains("there are two clients called \"admin\""));
}

/// What a run found, and its story.
fn found(text: &str) -> (Vec<String>, Vec<String>) {
    let scenario = Arc::new(parse(text).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}")));
    let mut world = World::new(&scenario, 1, Arc::new([]));
    let mut story = Vec::new();
    while let Some(occurrence) = world.step() {
        story.extend(occurrence.notables.iter().map(loglab::lab::notable::Notable::text));
    }
    world.finish();
    let findings = world.findings().list().iter().map(|finding| format!("{}: {}", finding.kind.name(), finding.about));
    (findings.collect(), story)
}

#[test]
fn what_an_administrator_orders_is_no_finding_and_is_told_with_what_it_skips_or_repeats() {
    let stopped = "[[fault]]\nat = \"20s\"\nstop = \"reader\"\nrestart-after = \"6s\"\n";
    let programs = format!("{GROUP}{stopped}");
    for (command, told) in [
        ("set-offset g orders-0 3", "of orders-0 and goes on at 3: offsets 3 to "),
        ("set-offset g orders-0 200", "of orders-0 and goes on at 200: offsets "),
        ("delete-offset g orders-0", "of orders-0: whoever gets it begins where auto.offset.reset says"),
        ("delete-group g", "of orders-0: whoever gets it begins where auto.offset.reset says"),
        ("delete-records orders-0 -1", "delete-records orders-0 -1: its log starts at "),
        ("delete-records orders-1 100", "delete-records orders-1 100: its log starts at 100"),
        ("set-offset g orders-0 99999", "beyond the end of its log, "),
    ] {
        let (findings, story) = found(&file(40, &programs, &[("24s", command)]));
        assert!(findings.is_empty(), "{command}: {findings:#?}");
        assert!(story.iter().any(|line| line.contains(told)), "{command}: {story:#?}");
    }
}

/// Nobody answers for a while: when a command is given up, and when its request is tried again.
#[test]
fn a_command_is_tried_for_as_long_as_its_settings_say() {
    let pauses: String = (1..=3)
        .map(|id| format!("[[fault]]\nat = \"4s\"\npause = \"broker {id}\"\nresume-after = \"20s\"\n"))
        .collect();
    let text = |config: &str| {
        let text = file(70, &pauses, &[("2s", "list-groups"), ("5s", "describe-cluster")]);
        format!("{text}config = {{ {config} }}\n")
    };
    let outcome = |config: &str| {
        let (_, told) = told(&text(config));
        told.last().map(|(command, told, failed)| format!("{command}: {failed} {told}")).expect("it ends")
    };
    assert!(outcome("").starts_with("describe-cluster: false"), "{}", outcome(""));
    let hasty = outcome("\"default.api.timeout.ms\" = 5000, \"request.timeout.ms\" = 1000");
    assert_eq!(hasty, "describe-cluster: true REQUEST_TIMED_OUT");
    // The events of the runs differ by the requests that are tried again.
    let events = |config: &str| told(&text(config)).0.kernel().events();
    assert_ne!(events("\"request.timeout.ms\" = 2000"), events("\"request.timeout.ms\" = 9000"));
}

/// `KafkaAdminClient.configureDefaultApiTimeoutMs`
#[test]
fn a_command_is_not_given_up_before_its_request() {
    let with = |config: &str| format!("{}config = {{ {config} }}\n", file(10, "", &[("5s", "list-groups")]));
    let refused = parse(&with("\"default.api.timeout.ms\" = 5000")).expect_err("the request has 30 s");
    assert!(refused[0].message.contains("default.api.timeout.ms must be no smaller than"), "{refused:#?}");
    let scenario = parse(&with("\"request.timeout.ms\" = 90000")).expect("it is right");
    assert_eq!(scenario.commands[0].config.default_api_timeout_ms, 90_000);
}
