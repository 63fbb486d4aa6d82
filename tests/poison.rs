//! Records that a program cannot work on, and dead-letter topics.
#![cfg(not(target_family = "wasm"))]

use std::sync::Arc;

use loglab::lab::notable::Notable;
use loglab::lab::scenario::parse;
use loglab::lab::world::World;
use loglab::lab::{runner, story};
use loglab::log::batch::{Body, batches};
use loglab::wire::TopicPartition;

/// Every fiftieth record of the producer cannot be worked on.
fn file(commit: &str, more: &str) -> String {
    format!(
        "title = \"t\"\nduration = \"60s\"\n[cluster]\nbrokers = 3\n\
         config = {{ \"group.initial.rebalance.delay.ms\" = 0 }}\n\
         [[topic]]\nname = \"orders\"\npartitions = 1\nreplication-factor = 3\n\
         [[topic]]\nname = \"dead\"\npartitions = 1\nreplication-factor = 3\n\
         [[producer]]\nname = \"shop\"\ntopic = \"orders\"\nrate = \"10/s\"\n\
         [[consumer]]\nname = \"worker\"\ntopics = [\"orders\"]\ngroup = \"g\"\ncommit = \"{commit}\"\n\
         poison-every = 50\nconfig = {{ \"auto.offset.reset\" = \"earliest\", \"auto.commit.interval.ms\" = 1000 }}\n{more}\n"
    )
}

fn run(text: &str) -> (World, Vec<String>) {
    let scenario = Arc::new(parse(text).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}")));
    let mut notables: Vec<Notable> = Vec::new();
    let world = runner::run_to(&scenario, 1, u64::MAX, &mut |_, new| notables.extend_from_slice(new));
    let told = story::tell(notables.iter(), &world).into_iter().map(|line| line.text).collect();
    (world, told)
}

fn partition(world: &World, topic: &str) -> TopicPartition {
    TopicPartition { topic: world.image().topics.named(topic).expect("a topic"), partition: 0 }
}

fn committed(world: &World) -> i64 {
    world.history().committed_by("g", partition(world, "orders"))
}

/// The headers of each record of the topic of dead letters, in words.
fn dead_letters(world: &World) -> Vec<String> {
    let of = partition(world, "dead");
    let leader = world.image().partition(of).expect("the partition").leader;
    let (log, disk) = world.observer().log(leader, of).expect("its log");
    let read = log.read(disk, 0, 1 << 20, i64::MAX, true).expect("readable");
    let mut letters = Vec::new();
    for (_, bytes) in batches(&read.bytes) {
        let body = Body::of(bytes).expect("a batch");
        for record in body.records().expect("records") {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let headers = record
                .expect("a record")
                .headers()
                .map(|(name, value)| format!("{}={}", text(name), text(value.unwrap_or_default())));
            letters.push(headers.collect::<Vec<_>>().join(" "));
        }
    }
    letters
}

#[test]
fn a_partition_stands_still_at_what_its_reader_cannot_work_on() {
    for commit in ["sync-after", "async", "auto"] {
        let (world, told) = run(&file(commit, ""));
        assert_eq!(committed(&world), 49, "{commit}");
        assert!(told.iter().any(|line| line.contains("worker cannot work on offset 49 of orders-0")), "{told:#?}");
        assert_eq!(world.findings().list().len(), 0, "{commit}: {:#?}", world.findings().list());
    }
}

#[test]
fn with_a_dead_letter_topic_the_reader_goes_on_behind_it() {
    for commit in ["sync-after", "async", "auto", "sync-before"] {
        let text =
            file(commit, "").replace("poison-every = 50", "poison-every = 50\ndead-letter = \"dead\"\ntries = 2");
        let (world, told) = run(&text);
        // All that was sent until ten seconds before the end, with one second of rest for each such record.
        assert!(committed(&world) > 480, "{commit}: {}", committed(&world));
        let letters = dead_letters(&world);
        assert!(letters.len() > 8, "{commit}: {letters:#?}");
        let first = "error.topic=orders error.partition=0 error.offset=49 error.exception=PoisonPillException";
        assert!(letters[0].starts_with(first), "{}", letters[0]);
        let line = "worker cannot work on offset 49 of orders-0: after 2 tries it goes to dead";
        assert!(told.iter().any(|it| it.contains(line)), "{told:#?}");
        assert_eq!(world.findings().list().len(), 0, "{commit}: {:#?}", world.findings().list());
    }
}

#[test]
fn the_topic_of_dead_letters_is_waited_for() {
    let text = file("sync-after", "[[fault]]\nat = \"10s\"\nkill = \"leader of dead-0\"\nrestart-after = \"20s\"\n")
        .replace("poison-every = 50", "poison-every = 50\ndead-letter = \"dead\"\ntries = 1");
    let (world, _) = run(&text);
    let letters = dead_letters(&world);
    let offsets: Vec<i64> = letters
        .iter()
        .filter_map(|letter| letter.split("error.offset=").nth(1)?.split(' ').next()?.parse().ok())
        .collect();
    // None is left out: what is committed is worked on or there.
    let expected: Vec<i64> = (0..).map(|number| 49 + 50 * number).take_while(|it| *it < committed(&world)).collect();
    assert_eq!(offsets[..expected.len()], expected);
}

/// A pipeline that makes one record of each, and fails at every fiftieth.
fn pipeline(more: &str) -> String {
    let text = file("auto", "");
    let (until, _) = text.split_once("[[consumer]]").expect("a consumer");
    format!(
        "{until}[[topic]]\nname = \"out\"\npartitions = 1\nreplication-factor = 3\n\
         [[pipeline]]\nname = \"packer\"\nfrom = [\"orders\"]\nto = \"out\"\ngroup = \"g\"\nagain-after = \"2s\"\npoison-every = 50\n{more}\n\
         consumer-config = {{ \"auto.offset.reset\" = \"earliest\" }}\n"
    )
}

#[test]
fn a_pipeline_fails_at_it_again_and_again_or_sends_it_to_a_dead_letter_topic() {
    for transaction in ["", "transaction = true"] {
        let (world, told) = run(&pipeline(transaction));
        assert!(committed(&world) <= 49, "{transaction}: {}", committed(&world));
        let times = told.iter().filter(|line| line.contains("packer cannot work on offset 49 of orders-0")).count();
        assert!(times > 0, "{told:#?}");
        let (world, _) = run(&pipeline(&format!("{transaction}\ndead-letter = \"dead\"\ntries = 2")));
        assert!(committed(&world) > 480, "{transaction}: {}", committed(&world));
        let letters = dead_letters(&world);
        assert!(letters.len() > 8, "{letters:#?}");
        assert!(letters[0].contains("error.topic=orders error.partition=0 error.offset=49 "), "{}", letters[0]);
        assert_eq!(world.findings().list().len(), 0, "{transaction}: {:#?}", world.findings().list());
    }
}
