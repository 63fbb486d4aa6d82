//! Random scenarios: clusters of one to five brokers with little patience and small segments, every kind of client, a
//! network that jitters and loses, and faults of every word.

use std::fmt::Write;

use loglab::lab::scenario::parse;
use loglab::sim::random::Random;

use super::acts::{Act, Cast, act};

/// A scenario in parts, so that the same interventions can stand in its file or be given by hand.
pub struct Draft {
    /// Everything but faults.
    pub world: String,
    /// Faults of the file, with what takes them back.
    pub faults: Vec<Act>,
    /// What a person does, in order of time; also possible as faults of the file.
    pub by_hand: Vec<Act>,
    /// What can be named.
    pub cast: Cast,
    /// How long it lasts.
    pub duration_us: u64,
}

impl Draft {
    /// The file without what is done by hand.
    pub fn file(&self) -> String {
        with_faults(&self.world, &self.faults)
    }

    /// The file with what is done by hand as faults, behind the others.
    pub fn file_with_all(&self) -> String {
        let file = self.file();
        with_faults(&file, &self.by_hand)
    }
}

fn with_faults(file: &str, faults: &[Act]) -> String {
    faults.iter().fold(file.to_owned(), |file, fault| file + &fault.section())
}

/// One of some values.
pub fn one<'v, T: ?Sized>(random: &mut Random, values: &[&'v T]) -> &'v T {
    values[random.below(values.len() as u64) as usize]
}

/// The scenario of these draws.
pub fn draft(random: &mut Random) -> Draft {
    let duration_us = random.between(1_000, 4_000) * 1_000;
    let brokers = random.between(1, 5);
    let mut cast = Cast { brokers, ..Cast::default() };
    let mut world = format!("title = \"random\"\nduration = \"{duration_us}us\"\n[cluster]\nbrokers = {brokers}\n");
    // As many replicas as there may be brokers: groups are coordinated there.
    let cluster = config(random, &CLUSTER, 6);
    let given = cluster.trim_start_matches("config = {").trim_end_matches("}\n").trim();
    let comma = if given.is_empty() { "" } else { ", " };
    world += &format!(
        "config = {{ \"offsets.topic.replication.factor\" = 1, \"transaction.state.log.replication.factor\" = 1{comma}{given} }}\n"
    );
    world += &network(random);
    for number in 0..random.between(1, 3) {
        let (name, partitions) = (format!("t{number}"), random.between(1, 4));
        let replicas = random.between(1, brokers);
        for (at, delete_at) in lives(random, duration_us) {
            let _ = write!(
                world,
                "[[topic]]\nname = \"{name}\"\npartitions = {partitions}\nreplication-factor = {replicas}\n{at}{delete_at}"
            );
            world += &config(random, &TOPIC, 4);
        }
        cast.topics.push((name, partitions));
    }
    for number in 0..random.between(1, 3) {
        world += &producer(random, &mut cast, number);
    }
    for number in 0..random.below(4) {
        let name = format!("c{number}");
        let topics: Vec<String> = cast.topics.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let first = random.below(topics.len() as u64) as usize;
        let _ = write!(world, "[[consumer]]\nname = \"{name}\"\ntopics = [{}]\n", topics[first..].join(", "));
        match random.below(3) {
            0 => cast.clients.push(name),
            1 => {
                world += "group = \"g\"\n";
                cast.clients.push(name);
            }
            _ => {
                let members = random.between(1, 3);
                let spare = if random.below(2) == 0 { "spare = 1\n" } else { "" };
                let hands_over = random.below(3) == 0;
                let commit = one(random, &["auto", "sync-after", "sync-before", "async"]);
                let _ = write!(
                    world,
                    "group = \"h{number}\"\nmembers = {members}\n{spare}hand-over = {hands_over}\ncommit = \"{commit}\"\n"
                );
                cast.clients.extend((1..=members).map(|member| format!("{name}-{member}")));
            }
        }
        world += &config(random, &CONSUMER, 4);
    }
    if random.below(3) == 0 {
        world += &pipeline(random, &mut cast);
    }
    if let Err(errors) = parse(&world) {
        panic!("a random scenario is refused: {errors:#?}\n{world}");
    }
    let mut draft = Draft { world, faults: Vec::new(), by_hand: Vec::new(), cast, duration_us };
    draft.faults = acts(random, &draft, 6, true);
    draft.by_hand = acts(random, &draft, 4, false);
    draft
}

/// When a topic comes and goes, as lines of the file: it is there all the time, or comes later, or is deleted and may come again.
fn lives(random: &mut Random, duration_us: u64) -> Vec<(String, String)> {
    let mut times = [0; 3].map(|_| random.between(1_000, duration_us - 1));
    times.sort_unstable();
    let line = |key: &str, time: u64| format!("{key} = \"{time}us\"\n");
    let [first, second, third] = times;
    match random.below(6) {
        0 => vec![(line("at", first), String::new())],
        1 => vec![(String::new(), line("delete-at", first))],
        2 => vec![(line("at", first), line("delete-at", second)), (line("at", third), String::new())],
        3 => vec![(String::new(), line("delete-at", first)), (line("at", first), line("delete-at", third))],
        _ => vec![(String::new(), String::new())],
    }
}

/// Up to so many things to do, in order of time. What `check` refuses, because it cannot happen in this scenario, is drawn
/// again.
fn acts(random: &mut Random, draft: &Draft, most: u64, with_undo: bool) -> Vec<Act> {
    let mut acts = Vec::new();
    for _ in 0..random.below(most + 1) {
        let possible = |act: &Act| parse(&(draft.world.clone() + &act.section())).is_ok();
        acts.extend((0..10).map(|_| act(random, &draft.cast, draft.duration_us, with_undo)).find(possible));
    }
    acts.sort_by_key(|act| act.at_us);
    acts
}

fn network(random: &mut Random) -> String {
    let mut text = format!("[network]\nlatency = \"{}us\"\n", one(random, &["100", "500", "1000", "5000"]));
    let mut maybe = |key: &str, values: &[&str]| {
        if random.below(2) == 0 {
            let _ = writeln!(text, "{key} = {}", one(random, values));
        }
    };
    maybe("jitter", &["\"1us\"", "\"200us\"", "\"3ms\"", "\"20ms\""]);
    maybe("loss-ppm", &["100", "10000", "100000"]);
    maybe("bandwidth", &["\"100000/s\"", "\"1000000/s\""]);
    text
}

/// Programs that read one topic, or all, and send to one.
fn pipeline(random: &mut Random, cast: &mut Cast) -> String {
    let topics: Vec<String> = cast.topics.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let to = random.below(topics.len() as u64) as usize;
    // One that reads what it sends never comes to an end.
    let from: Vec<&str> = topics.iter().map(String::as_str).filter(|name| *name != topics[to]).collect();
    if from.is_empty() {
        return String::new();
    }
    let members = random.between(1, 3);
    cast.clients.extend((1..=members).map(|member| format!("pipe-{member}")));
    let (from, to) = (from.join(", "), &topics[to]);
    let how = one(
        random,
        &[
            "transaction = true\n",
            "transaction = true\nagain-after = \"300ms\"\n",
            "commit = \"auto\"\n",
            "outputs = 2\n",
        ],
    );
    let work = one(random, &["1ms", "80ms"]);
    format!("[[pipeline]]\nname = \"pipe\"\nfrom = [{from}]\nto = {to}\nmembers = {members}\nwork = \"{work}\"\n{how}")
}

fn producer(random: &mut Random, cast: &mut Cast, number: u64) -> String {
    let name = format!("p{number}");
    let topic = random.below(cast.topics.len() as u64) as usize;
    let rate = one(random, &["1", "10", "50", "200"]);
    let mut text =
        format!("[[producer]]\nname = \"{name}\"\ntopic = \"{}\"\nrate = \"{rate}/s\"\n", cast.topics[topic].0);
    if random.below(2) == 0 {
        let _ = writeln!(text, "keys = {}", one(random, &["1", "5", "200"]));
    }
    if random.below(4) == 0 {
        let _ = writeln!(text, "tombstone-every = {}", one(random, &["2", "7"]));
    }
    if random.below(2) == 0 {
        let _ = writeln!(text, "value-bytes = {}", one(random, &["8", "700", "5000"]));
    }
    // Idempotent, which is the default and needs all; or plain in each of three ways.
    let acks = one(
        random,
        &["", "acks = 0, send.buffer.bytes = 2500, ", "acks = 1, ", "enable.idempotence = false, acks = \"all\", "],
    );
    let transactional = format!("transactional.id = \"{name}\", ");
    let acks = if acks.is_empty() && random.below(2) == 0 {
        let _ = write!(text, "transaction-every = \"{}\"\nabort-ppm = 200000\n", one(random, &["20ms", "300ms"]));
        &transactional
    } else {
        acks
    };
    text += &config(random, &PRODUCER, 4).replacen("{ ", &format!("{{ {acks}"), 1);
    cast.clients.push(name);
    text
}

type Setting = (&'static str, &'static [&'static str]);

/// Up to so many of these settings, each with one of its values.
fn config(random: &mut Random, settings: &[Setting], most: u64) -> String {
    let mut given: Vec<(&str, &str)> = Vec::new();
    for _ in 0..random.below(most + 1) {
        let (name, values) = settings[random.below(settings.len() as u64) as usize];
        if given.iter().all(|(known, _)| *known != name) {
            given.push((name, one(random, values)));
        }
    }
    let list: Vec<String> = given.iter().map(|(name, value)| format!("{name:?} = {value}")).collect();
    format!("config = {{ {} }}\n", list.join(", "))
}

const CLUSTER: [Setting; 24] = [
    ("socket.receive.buffer.bytes", &["1000", "-1"]),
    ("replica.lag.time.max.ms", &["500", "1000", "2000"]),
    ("replica.fetch.wait.max.ms", &["10", "100", "500"]),
    ("replica.fetch.backoff.ms", &["10", "200"]),
    ("replica.fetch.max.bytes", &["1", "2000"]),
    ("replica.fetch.response.max.bytes", &["0", "3000"]),
    ("replica.high.watermark.checkpoint.interval.ms", &["100", "500"]),
    ("max.incremental.fetch.session.cache.slots", &["0", "1", "3"]),
    ("broker.heartbeat.interval.ms", &["100", "300"]),
    ("broker.session.timeout.ms", &["500", "900", "2000"]),
    ("unclean.leader.election.enable", &["true"]),
    ("group.initial.rebalance.delay.ms", &["0", "100"]),
    ("offsets.topic.num.partitions", &["1", "3"]),
    ("log.retention.check.interval.ms", &["100", "400"]),
    ("log.segment.delete.delay.ms", &["0", "300"]),
    ("log.flush.interval.messages", &["1", "10"]),
    ("log.flush.scheduler.interval.ms", &["100", "300"]),
    ("log.flush.offset.checkpoint.interval.ms", &["100", "700"]),
    ("log.flush.start.offset.checkpoint.interval.ms", &["100", "700"]),
    ("log.initial.task.delay.ms", &["0", "100", "500"]),
    ("log.cleaner.backoff.ms", &["100", "400"]),
    ("log.cleaner.threads", &["2"]),
    ("log.cleaner.io.buffer.size", &["4096"]),
    ("log.cleaner.io.max.bytes.per.second", &["20000"]),
];

const TOPIC: [Setting; 14] = [
    ("min.insync.replicas", &["1", "2"]),
    ("unclean.leader.election.enable", &["true"]),
    ("internal.segment.bytes", &["1024", "4000", "20000"]),
    ("segment.ms", &["1000"]),
    ("segment.index.bytes", &["96", "200"]),
    ("index.interval.bytes", &["0", "500"]),
    ("retention.ms", &["0", "500"]),
    ("retention.bytes", &["0", "5000"]),
    ("flush.messages", &["1", "7"]),
    ("flush.ms", &["0", "200"]),
    ("message.timestamp.type", &["\"LogAppendTime\""]),
    ("cleanup.policy", &["\"compact\"", "\"compact,delete\""]),
    ("min.cleanable.dirty.ratio", &["0.0", "0.1"]),
    ("delete.retention.ms", &["0", "300"]),
];

const PRODUCER: [Setting; 10] = [
    ("retries", &["1", "3"]),
    ("retry.backoff.ms", &["1", "30"]),
    ("retry.backoff.max.ms", &["50", "300"]),
    ("request.timeout.ms", &["50", "300", "1000"]),
    ("linger.ms", &["0", "50"]),
    ("batch.size", &["0", "300", "3000"]),
    ("max.request.size", &["10000"]),
    ("max.in.flight.requests.per.connection", &["1", "2"]),
    ("buffer.memory", &["20000", "60000"]),
    ("metadata.max.age.ms", &["100", "700"]),
];

const CONSUMER: [Setting; 11] = [
    ("fetch.min.bytes", &["0", "2000"]),
    ("fetch.max.wait.ms", &["10", "200"]),
    ("max.partition.fetch.bytes", &["0", "1000"]),
    ("fetch.max.bytes", &["0", "3000"]),
    ("max.poll.records", &["1", "20"]),
    ("auto.offset.reset", &["\"earliest\"", "\"latest\"", "\"none\"", "\"by_duration:PT1S\""]),
    ("group.protocol", &["\"consumer\""]),
    ("max.poll.interval.ms", &["1000"]),
    ("request.timeout.ms", &["300", "1000"]),
    ("retry.backoff.ms", &["1", "30"]),
    ("metadata.max.age.ms", &["100", "700"]),
];
