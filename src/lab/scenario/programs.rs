//! The programs of a scenario: producers, consumers, pipelines and what an administrator does.

use super::error::{Wrong, short};
use super::keys::{CLIENTS_MAX, TOPIC, Takes};
use super::known::{Known, known_topic};
use super::model::{Consumer, Pipeline, Producer, Scenario};
use super::reader::{Reader, Section};
use super::rules;
use super::target::Processes;
use super::units::duration;
use crate::client::{ClientKind, TopicPattern};
use crate::service::{AdminCommand, Commits, PlannedCommand, Poison, Spread, TransactionPlan, Work, WrongCommand};
use crate::settings::{
    AdminConfig, Assignor, ConsumerConfig, GroupProtocol, InstanceId, IsolationLevel, ProducerConfig, TransactionalId,
};

/// A client's name. Links name clients, so there is one of each, and none is called as another end of a link is.
#[inline(never)]
fn client_name<'t>(reader: &mut Reader<'t>, section: &Section<'t>, scenario: &Scenario) -> String {
    let name = reader.text(section, "name");
    let taken = Processes::of(scenario).client(&name).is_some() && !name.is_empty();
    if taken {
        reader.says(&section.span_of("name"), format!("there are two clients called \"{}\"", short(&name)));
    }
    if matches!(name.as_str(), "controller" | "broker" | "-") {
        reader.says(&section.span_of("name"), format!("a client cannot be called \"{name}\": targets use that word"));
    }
    name
}

pub(super) fn producer<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    scenario: &Scenario,
    known: &mut Known,
) -> Producer {
    let name = client_name(reader, section, scenario);
    known.clients &= !name.is_empty();
    let topic = reader.text(section, "topic");
    if section.value("topic").is_some_and(|value| value.get_ref().is_str()) {
        known_topic(reader, &topic, &section.span_of("topic"), scenario, *known);
    }
    let mut config = ProducerConfig::default();
    rules::producer(reader, section, "config", &mut config);
    let producer = Producer {
        name,
        topic,
        rate_per_s: reader.whole(section, "rate"),
        keys: reader.number(section, "keys").and_then(|keys| u32::try_from(keys).ok()),
        value_bytes: reader.whole(section, "value-bytes"),
        tombstone_every: reader.number(section, "tombstone-every").and_then(|every| u32::try_from(every).ok()),
        transactions: transactions(reader, section, &config),
        client: client(reader, section),
        config,
    };
    check_record_size(reader, section, &producer, records_sent(&producer, scenario.duration_us));
    producer
}

/// How a producer with a `transactional.id` sends in transactions; others have no such keys.
fn transactions<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    config: &ProducerConfig,
) -> Option<TransactionPlan> {
    const EVERY: &str = "transaction-every";
    let every_us = reader.number(section, EVERY).unwrap_or(TransactionPlan::EVERY_US);
    let plan = TransactionPlan { every_us, abort_ppm: reader.whole(section, "abort-ppm") };
    if config.transactional_id.0.is_some() {
        return Some(plan);
    }
    for key in [EVERY, "abort-ppm"].into_iter().filter(|key| section.value(key).is_some()) {
        reader.says(&section.span_of(key), format!("\"{key}\" needs the setting \"transactional.id\""));
    }
    None
}

/// How many records a producer would send.
/// How many records a producer sends within a time.
pub(super) fn records_sent(producer: &Producer, duration_us: u64) -> u64 {
    (u64::from(producer.rate_per_s) * duration_us).div_ceil(1_000_000)
}

/// `KafkaProducer.ensureValidRecordSize`: a record alone in a batch must fit into a request and into the buffer. The last of
/// them has the longest text.
fn check_record_size<'t>(reader: &mut Reader<'t>, section: &Section<'t>, producer: &Producer, records: u64) {
    let size = producer.load().largest_batch(records);
    let ProducerConfig { max_request_size, buffer_memory, batch_size, .. } = producer.config;
    for (setting, most) in [("max.request.size", max_request_size), ("buffer.memory", buffer_memory)] {
        if size > most {
            let message = format!(
                "send() would fail with RecordTooLargeException: a record may take {size} bytes, and {setting} is {most}"
            );
            return reader.says(&section.span_of("value-bytes"), message);
        }
    }
    // `BufferPool.allocate`: what a record passes, its batch may not.
    if batch_size > buffer_memory {
        let message = format!(
            "each send() would fail with IllegalArgumentException: a batch takes batch.size, {batch_size} bytes, and buffer.memory is {buffer_memory}"
        );
        reader.says(&section.span_of("config"), message);
    }
}

/// What an administrator does at a time.
pub(super) fn command<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    scenario: &Scenario,
    known: Known,
) -> Option<PlannedCommand> {
    let at_us = reader.number(section, "at")?;
    if known.duration && at_us >= scenario.duration_us {
        reader.says(&section.span_of("at"), "a command is given before the end of the run");
    }
    let mut config = AdminConfig::default();
    rules::admin(reader, section, &mut config);
    let text = reader.text(section, "run");
    if text.is_empty() {
        // What is missing or empty has been told.
        return None;
    }
    match AdminCommand::parse(&text) {
        Ok(command) => Some(PlannedCommand { at_us, command, config }),
        Err(WrongCommand { message, word }) => {
            let words = AdminCommand::WORDS.map(|(word, _)| word);
            let wrong = match word {
                Some(word) => Wrong::word(message, &word, words),
                None => Wrong::new(message),
            };
            reader.wrong(&section.span_of("run"), wrong);
            None
        }
    }
}

/// A consumer, or all members that a table stands for.
pub(super) fn consumers<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    scenario: &Scenario,
    known: &mut Known,
) -> Vec<Consumer> {
    let name = client_name(reader, section, scenario);
    known.clients &= !name.is_empty();
    let (topics, pattern) = subscription(reader, section, scenario, *known);
    let group = section.value("group").map(|_| reader.text(section, "group"));
    let members = reader.number(section, "members");
    for key in ["members", "commit", "spare", "hand-over", "pattern", "subscription-pattern"] {
        if group.is_none() && section.value(key).is_some() {
            reader.says(&section.span_of(key), format!("\"{key}\" is for members of a group, see \"group\""));
        }
    }
    let commits = commits(reader, section, Commits::Auto);
    let mut config = ConsumerConfig::default();
    rules::consumer(reader, section, "config", (group.is_some(), commits), &mut config);
    if config.group_protocol == GroupProtocol::Classic && section.value("subscription-pattern").is_some() {
        // `ClassicKafkaConsumer.subscribe(SubscriptionPattern)`
        let message = "Subscribe to RE2/J pattern is not supported when using the CLASSIC protocol defined in config group.protocol";
        reader.says(&section.span_of("subscription-pattern"), message);
    }
    let work = work(reader, section);
    let hands_over = reader.flag(section, "hand-over");
    let poison = poison(reader, section, scenario, *known);
    let table = (name.clone(), 1);
    let one =
        Consumer { name, topics, pattern, work, group, commits, hands_over, poison, is_spare: false, table, config };
    sticks_to_topics(reader, section, scenario, &one);
    let spare = section.value("spare").and_then(|_| reader.number(section, "spare")).unwrap_or(0);
    let Some(members) = members else {
        if spare > 0 && one.group.is_some() {
            reader.says(&section.span_of("spare"), "\"spare\" goes with \"members\"");
        }
        // It is one by itself.
        return vec![one];
    };
    if members + spare > CLIENTS_MAX as u64 {
        let message =
            format!("\"members\" and \"spare\" are {}, and there are {} clients at most", members + spare, CLIENTS_MAX);
        reader.says(&section.span_of("spare"), message);
        return vec![one];
    }
    let is_spare = |number| number > members;
    let all = (1..=members + spare).map(|number| Consumer { is_spare: is_spare(number), ..member(&one, number) });
    let consumers: Vec<Consumer> = all.collect();
    if let Some(taken) = consumers.iter().find(|it| Processes::of(scenario).client(&it.name).is_some()) {
        let message = format!("there are two clients called \"{}\"", short(&taken.name));
        reader.says(&section.span_of("name"), message);
    }
    consumers
}

/// How a consumer says what it reads.
const SUBSCRIPTIONS: [&str; 3] = ["topics", "pattern", "subscription-pattern"];

/// What a consumer reads: topics by name, or what matches a pattern.
fn subscription<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    scenario: &Scenario,
    known: Known,
) -> (Vec<String>, Option<TopicPattern>) {
    let given = SUBSCRIPTIONS.into_iter().filter(|key| section.value(key).is_some());
    let (key, value) = match given.collect::<Vec<_>>()[..] {
        [] => {
            reader.says(&section.span, "a [[consumer]] needs the key \"topics\", or \"pattern\"");
            return (Vec::new(), None);
        }
        ["topics"] => return (topics(reader, section, "topics", scenario, known), None),
        [key] => (key, section.span_of(key)),
        [one, other, ..] => {
            reader.says(&section.span_of(other), format!("a [[consumer]] has \"{one}\" or \"{other}\", not both"));
            (other, section.span_of(other))
        }
    };
    let text = reader.text(section, key);
    match TopicPattern::parse(&text) {
        Ok(pattern) => {
            let pattern = if key == "pattern" { pattern } else { pattern.for_coordinator() };
            let mut names: Vec<String> = Vec::new();
            for topic in scenario.topics.iter().filter(|topic| pattern.matches(&topic.name)) {
                // Another may have the name later.
                if !names.contains(&topic.name) {
                    names.push(topic.name.clone());
                }
            }
            if names.is_empty() && known.topics {
                reader.says(&value, format!("no topic of the file matches \"{}\"", short(&text)));
            }
            (names, Some(pattern))
        }
        Err(error) => {
            reader.says(&value, format!("\"{}\" is no regular expression: {error}", short(&text)));
            (Vec::new(), None)
        }
    }
}

/// Which records it cannot work on, and what it does about that.
fn poison<'t>(reader: &mut Reader<'t>, section: &Section<'t>, scenario: &Scenario, known: Known) -> Option<Poison> {
    const TRIES: u64 = 3;
    let dead_letter = section.value("dead-letter").map(|_| reader.text(section, "dead-letter"));
    if let Some(topic) = &dead_letter {
        known_topic(reader, topic, &section.span_of("dead-letter"), scenario, known);
    }
    let tries = section.value("tries").and_then(|_| reader.number(section, "tries")).unwrap_or(TRIES);
    let every = section.value("poison-every").and_then(|_| reader.number(section, "poison-every"));
    for (key, with) in [("dead-letter", "poison-every"), ("tries", "dead-letter")] {
        if section.value(key).is_some() && section.value(with).is_none() {
            reader.says(&section.span_of(key), format!("\"{key}\" goes with \"{with}\""));
        }
    }
    if every.is_some() && section.keys.key("hand-over").is_some() && section.value("hand-over").is_some() {
        reader.says(&section.span_of("poison-every"), "\"poison-every\" does not go with \"hand-over\"");
    }
    Some(Poison { every: every?, tries: tries as u32, dead_letter })
}

/// One of several members, from 1.
fn member(of: &Consumer, number: u64) -> Consumer {
    let numbered = |name: &str| format!("{name}-{number}");
    let mut config = of.config.clone();
    config.group_instance_id = InstanceId(config.group_instance_id.0.as_deref().map(numbered));
    let table = (of.name.clone(), number as u32);
    Consumer { name: numbered(&of.name), config, table, ..of.clone() }
}

/// How long a program works on what it is given.
fn work<'t>(reader: &mut Reader<'t>, section: &Section<'t>) -> Work {
    // Left out: it has its default.
    let Some(value) = section.value("work") else { return Work::LEAST };
    // What is no text has been told.
    let Some(text) = reader.string(value, "work") else { return Work::LEAST };
    work_of(text).unwrap_or_else(|| {
        let (title, right) = (section.keys.title, Takes::Work.text());
        let message = format!("\"work\" in {title} is \"{}\", but takes a {right}", short(text));
        reader.wrong(&value.span(), Wrong::word(message, text, []));
        Work::LEAST
    })
}

/// `20ms`, `5ms to 50ms` or `exponential 20ms`, a record or with ` a poll` behind it.
fn work_of(text: &str) -> Option<Work> {
    const LONGEST_US: u64 = 3_600_000_000;
    let time = |text: &str| duration(text.trim()).filter(|us| *us <= LONGEST_US);
    let (text, is_for_a_poll) = text.strip_suffix(" a poll").map_or((text, false), |text| (text, true));
    let takes = match (text.strip_prefix("exponential "), text.split_once(" to ")) {
        (Some(mean), _) => Spread::Exponential(time(mean)?),
        (None, Some((least, most))) => Spread::Between(time(least)?, time(most)?),
        (None, None) => Spread::Fixed(time(text)?),
    };
    let is_right = !matches!(takes, Spread::Between(least, most) if least > most);
    is_right.then_some(Work { is_for_a_poll, takes })
}

/// A pipeline, as all members that a table stands for.
pub(super) fn pipelines<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    scenario: &Scenario,
    known: &mut Known,
) -> Vec<Pipeline> {
    let name = client_name(reader, section, scenario);
    known.clients &= !name.is_empty();
    let from = topics(reader, section, "from", scenario, *known);
    let to = reader.text(section, "to");
    if section.value("to").is_some_and(|value| value.get_ref().is_str()) {
        known_topic(reader, &to, &section.span_of("to"), scenario, *known);
    }
    let group = section.value("group").map_or_else(|| name.clone(), |_| reader.text(section, "group"));
    let has_transactions = reader.flag(section, "transaction");
    if has_transactions && section.value("commit").is_some() {
        let message = "its transactions commit the offsets: \"commit\" is for a pipeline without them";
        reader.says(&section.span_of("commit"), message);
    }
    let commits = commits(reader, section, Commits::SyncAfter);
    let (mut consumer, mut producer) = (ConsumerConfig::default(), ProducerConfig::default());
    if has_transactions {
        consumer.isolation_level = IsolationLevel::ReadCommitted;
    }
    rules::consumer(reader, section, "consumer-config", (true, commits), &mut consumer);
    rules::producer(reader, section, "producer-config", &mut producer);
    match (has_transactions, &producer.transactional_id.0) {
        (true, None) => {
            if !producer.enable_idempotence {
                let message =
                    "Cannot set a transactional.id without also enabling idempotence: transaction = true gives it one";
                reader.says(&section.span_of("producer-config"), message);
            }
            producer.transactional_id = TransactionalId(Some(name.clone()));
        }
        (false, Some(_)) => {
            let message = "\"transactional.id\" is for a pipeline with transaction = true";
            reader.says(&section.span_of("producer-config"), message);
        }
        // Both say the same.
        (true, Some(_)) | (false, None) => {}
    }
    let one = Pipeline {
        name,
        from,
        to,
        group,
        copies: reader.whole(section, "outputs"),
        work_us: reader.whole(section, "work").into(),
        commits,
        again_after_us: reader.number(section, "again-after"),
        client: client(reader, section),
        poison: poison(reader, section, scenario, *known),
        consumer,
        producer,
    };
    // Left out, it is one by itself.
    let Some(members) = reader.number(section, "members") else { return vec![one] };
    let pipelines: Vec<Pipeline> = (1..=members).map(|number| pipeline_member(&one, number)).collect();
    if let Some(taken) = pipelines.iter().find(|it| Processes::of(scenario).client(&it.name).is_some()) {
        let message = format!("there are two clients called \"{}\"", short(&taken.name));
        reader.says(&section.span_of("name"), message);
    }
    pipelines
}

/// One of several members, from 1. Each has a `transactional.id` of its own: with one for all they would fence each other.
fn pipeline_member(of: &Pipeline, number: u64) -> Pipeline {
    let numbered = |name: &str| format!("{name}-{number}");
    let (mut consumer, mut producer) = (of.consumer.clone(), of.producer.clone());
    consumer.group_instance_id = InstanceId(consumer.group_instance_id.0.as_deref().map(numbered));
    producer.transactional_id = TransactionalId(producer.transactional_id.0.as_deref().map(numbered));
    Pipeline { name: numbered(&of.name), consumer, producer, ..of.clone() }
}

/// When a member commits, by its word.
fn commits<'t>(reader: &mut Reader<'t>, section: &Section<'t>, left_out: Commits) -> Commits {
    word(reader, section, "commit", Commits::WORDS).unwrap_or(left_out)
}

/// Which library a program is built on, by its word.
fn client<'t>(reader: &mut Reader<'t>, section: &Section<'t>) -> ClientKind {
    word(reader, section, "client", ClientKind::WORDS).unwrap_or_default()
}

/// What a key says by one of these words; `None` where it is left out, or wrong, which is told.
fn word<'t, T, const N: usize>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    key: &str,
    words: [(&'static str, T); N],
) -> Option<T> {
    let value = section.value(key)?;
    let said = reader.string(value, key)?;
    let names = words.each_ref().map(|(name, _)| *name);
    let known = words.into_iter().find(|(name, _)| *name == said);
    if known.is_none() {
        let message = format!("\"{}\" is no \"{key}\"", short(said));
        reader.wrong(&value.span(), Wrong::word(message, said, names));
    }
    known.map(|(_, it)| it)
}

/// Sticky assignors are built for members that all read the same topics.
fn sticks_to_topics<'t>(reader: &mut Reader<'t>, section: &Section<'t>, scenario: &Scenario, one: &Consumer) {
    let is_sticky = |it: &Consumer| {
        let first = it.config.partition_assignment_strategy.0.first();
        matches!(first, Some(Assignor::Sticky | Assignor::CooperativeSticky))
    };
    let mut others = scenario.consumers.iter().filter(|other| other.group.is_some() && other.group == one.group);
    let differs = |other: &&Consumer| (is_sticky(one) || is_sticky(other)) && !reads_the_same(one, other);
    if let Some(other) = others.find(differs) {
        let message = format!(
            "\"{}\" and \"{}\" read other topics, and a sticky assignor for such a group is not built yet",
            short(&one.name),
            short(&other.name)
        );
        reader.says(&section.span_of("topics"), message);
    }
}

fn reads_the_same(one: &Consumer, other: &Consumer) -> bool {
    one.topics.len() == other.topics.len() && one.topics.iter().all(|topic| other.topics.contains(topic))
}

fn topics<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    key: &str,
    scenario: &Scenario,
    known: Known,
) -> Vec<String> {
    // That it is missing has been told.
    let Some(value) = reader.value(section, key) else { return Vec::new() };
    let Some(items) = value.get_ref().as_array().filter(|items| !items.is_empty()) else {
        reader.says(&value.span(), format!("\"{key}\" takes a list of names of topics, such as [\"orders\"]"));
        return Vec::new();
    };
    let mut topics: Vec<String> = Vec::new();
    for item in items {
        // What is no text has been told.
        let Some(name) = reader.string(item, key) else { continue };
        known_topic(reader, name, &item.span(), scenario, known);
        if topics.iter().any(|topic| topic == name) {
            reader.says(&item.span(), format!("\"{}\" is listed twice", short(name)));
        } else if topics.len() < TOPIC.most {
            topics.push(name.to_owned());
        }
    }
    topics
}
