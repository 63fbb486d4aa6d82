//! From the text of a file to a [`Scenario`], or to everything that is wrong with it.

use toml::de::{DeTable, DeValue};

use super::action::InterventionId;
use super::cost::Cost;
use super::effective::{self, Effective};
use super::error::{ScenarioError, Wrong, short};
use super::finding::{FindingClass, FindingKind};
use super::keys::{
    BROKERS_MAX, BYTES_MAX, CLIENTS_MAX, FILE_MAX, LATER, PARTITIONS_MAX, RECORD_OVERHEAD, RECORDS_MAX, SECTIONS,
    SectionKeys, TOP,
};
use super::known::{Known, known_topic};
use super::model::{
    Allowance, ClientError, Cluster, Expectation, ExpectedError, Fault, Network, Pipeline, Scenario, Topic,
};
use super::nemesis::{self, Frame};
use super::programs::{command, consumers, pipelines, producer, records_sent};
use super::reader::{ERRORS_MAX, Reader, Section, Value, integer, shown};
use super::target::{self, Processes};
use super::units::duration_text;
use super::{doubts, plan, rules};
use crate::broker::TRANSACTIONS_TOPIC;
use crate::lab::fault::amount::{Amount, Parameter};
use crate::lab::fault::{FaultAction, Row};
use crate::settings::{BrokerConfig, Fix, ReplicaSelector, TopicConfig, Without};
use crate::sim::sorted::sort_by_key;
use crate::wire::{error_codes, error_name, error_named, exception_of};

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What it says.
    pub scenario: Scenario,
    /// What in it is right and yet not likely to be meant, in the order of the file.
    pub warnings: Vec<ScenarioError>,
    /// About what a run takes.
    pub cost: Cost,
    /// The settings that are not simply Kafka's defaults, with why.
    pub settings: Vec<Effective>,
}

/// Reads a scenario file. Errors are in the order of the file, and never none.
pub fn parse(text: &str) -> Result<Scenario, Vec<ScenarioError>> {
    check(text).map(|checked| checked.scenario)
}

/// Reads a scenario file and judges it. Errors are in the order of the file, and never none.
pub fn check(text: &str) -> Result<Checked, Vec<ScenarioError>> {
    let mut reader = Reader::new(text);
    if text.len() > FILE_MAX {
        reader.says(&(0..0), format!("the file has {} bytes; at most {FILE_MAX} are read", text.len()));
        return Err(reader.into_errors());
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(ERRORS_MAX) {
        reader.syntax(error.span(), error.message());
    }
    if !reader.is_clean() {
        // What follows a broken line would be judged by what the parser made of it.
        return Err(reader.into_errors());
    }
    let file = File::new(&mut reader, document.get_ref());
    let scenario = file.scenario(&mut reader);
    if !reader.is_clean() {
        return Err(reader.into_errors());
    }
    // From here on what is told is a warning.
    let cost = Cost::of(&scenario);
    let settings = effective::explain(&mut reader, |name| file.all(name), &scenario);
    file.warn(&mut reader, &scenario, cost);
    Ok(Checked { scenario, warnings: reader.into_errors(), cost, settings })
}

/// The tables of a file.
struct File<'t> {
    top: Section<'t>,
    sections: Vec<(&'static str, Vec<Section<'t>>)>,
}

impl<'t> File<'t> {
    fn new(reader: &mut Reader<'t>, document: &'t DeTable<'t>) -> Self {
        let tables: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
        let also: Vec<&str> = tables.iter().chain(LATER).copied().collect();
        let top = reader.section(&TOP, document, 0..0, &also);
        for name in LATER {
            if let Some(value) = top.value(name) {
                reader.says(&value.span(), format!("[[{name}]] is not built yet"));
            }
        }
        let sections = SECTIONS.iter().map(|(name, keys)| (*name, tables_of(reader, &top, name, keys))).collect();
        Self { top, sections }
    }

    fn all(&self, name: &str) -> &[Section<'t>] {
        self.sections.iter().find(|(section, _)| *section == name).map_or(&[], |(_, tables)| tables)
    }

    fn scenario(&self, reader: &mut Reader<'t>) -> Scenario {
        let top = &self.top;
        let title = reader.text(top, "title");
        let duration = reader.sound_number(top, "duration");
        let (cluster, brokers) = self.cluster(reader);
        let mut known = Known { duration: duration.is_ok(), brokers, topics: true, clients: true };
        let mut scenario = Scenario {
            title,
            about: reader.text(top, "about").trim().to_owned(),
            seed: reader.number(top, "seed").unwrap_or(1),
            duration_us: duration.ok().flatten().unwrap_or(1),
            cluster,
            network: self.network(reader),
            topics: Vec::new(),
            producers: Vec::new(),
            consumers: Vec::new(),
            commands: Vec::new(),
            pipelines: Vec::new(),
            faults: Vec::new(),
            nemesis: None,
            expectations: Vec::new(),
            allowances: Vec::new(),
        };
        let frame = Frame {
            duration_us: known.duration.then_some(scenario.duration_us),
            brokers: known.brokers.then_some(scenario.cluster.brokers),
        };
        scenario.nemesis = self.all("nemesis").first().map(|section| nemesis::nemesis(reader, section, &frame));
        known.topics = self.is_whole("topic");
        for section in self.all("topic") {
            let topic = topic(reader, section, &scenario, &mut known);
            scenario.topics.push(topic);
        }
        self.bound_partitions(reader, &scenario);
        for section in self.all("admin") {
            scenario.commands.extend(command(reader, section, &scenario, known));
        }
        known.clients = ["producer", "consumer", "pipeline"].into_iter().all(|name| self.is_whole(name));
        for section in self.all("producer") {
            let producer = producer(reader, section, &scenario, &mut known);
            scenario.producers.push(producer);
        }
        for section in self.all("consumer") {
            let consumers = consumers(reader, section, &scenario, &mut known);
            scenario.consumers.extend(consumers);
        }
        for section in self.all("pipeline") {
            let pipelines = pipelines(reader, section, &scenario, &mut known);
            scenario.pipelines.extend(pipelines);
        }
        self.bound_clients(reader, &scenario, known);
        self.bound_groups(reader, &scenario, known);
        self.bound_transactions(reader, &scenario, known);
        let cast = Processes { brokers: scenario.least_brokers(), ..Processes::of(&scenario) };
        let numbered = numbered(reader, self.all("fault"));
        let faults = numbered.iter().zip(self.all("fault"));
        scenario.faults =
            faults.filter_map(|(id, section)| fault(reader, section, *id, &scenario, &cast, known)).collect();
        sort_by_key(&mut scenario.faults, |fault| u128::from(fault.at_us) << 32 | u128::from(fault.id.0));
        scenario.expectations =
            self.all("expect").iter().filter_map(|section| expectation(reader, section, &scenario, known)).collect();
        let allowances = self.all("allow").iter();
        scenario.allowances = allowances.filter_map(|section| allowance(reader, section, &scenario, known)).collect();
        scenario
    }

    /// Tells what is right and yet not likely to be meant.
    fn warn(&self, reader: &mut Reader<'t>, scenario: &Scenario, cost: Cost) {
        let sections = self.all("fault");
        let numbered = numbered(reader, sections);
        for fault in &scenario.faults {
            if let Some(message) = plan::idle(fault, scenario) {
                let place = numbered.iter().position(|id| *id == fault.id).expect("its section was read");
                let section = &sections[place];
                reader.says(&section.span_of(fault.action.word()), message);
            }
        }
        self.doubt(reader, scenario);
        if cost.is_high() {
            let message = format!("a run takes {cost}, and two to three times as long in a browser");
            reader.says(&self.top.span_of("duration"), message);
        }
    }

    /// Tells what contradicts itself, and what commands are about that is not there.
    fn doubt(&self, reader: &mut Reader<'t>, scenario: &Scenario) {
        for section in self.all("producer") {
            let its = scenario.producers.iter().find(|it| section.is_named(&it.name));
            its.and_then(|it| doubts::of_producer(it, scenario))
                .into_iter()
                .for_each(|it| reader.says(&section.span, it));
        }
        for section in self.all("consumer") {
            let its = scenario.consumers.iter().find(|it| section.is_named(&it.table.0));
            its.and_then(|it| doubts::of_consumer(it, scenario))
                .into_iter()
                .for_each(|it| reader.says(&section.span, it));
        }
        for section in self.all("pipeline") {
            let is_its = |it: &&Pipeline| section.is_named(&it.name) || section.is_named(numbered_of(&it.name));
            let its = scenario.pipelines.iter().find(is_its);
            its.and_then(|it| doubts::of_pipeline(it, scenario))
                .into_iter()
                .for_each(|it| reader.says(&section.span, it));
        }
        self.all("admin").iter().for_each(|section| doubts::command(reader, section, scenario));
    }

    /// Whether a table that is given is one that could be read.
    fn is_whole(&self, name: &str) -> bool {
        self.top.value(name).is_none() || !self.all(name).is_empty()
    }

    /// The brokers, and whether it is known how many there are.
    fn cluster(&self, reader: &mut Reader<'t>) -> (Cluster, bool) {
        let mut config = BrokerConfig::default();
        let Some(section) = self.all("cluster").first() else {
            if self.top.value("cluster").is_none() {
                reader.says(&(0..0), "the file lacks the table [cluster]");
            }
            return (
                Cluster { brokers: 1, config, racks: Vec::new(), disks_us: Vec::new(), without: Without::default() },
                false,
            );
        };
        rules::broker(reader, section, &mut config);
        let without = without(reader, section);
        let brokers = reader.sound_number(section, "brokers");
        let number = brokers.ok().flatten().and_then(|brokers| u32::try_from(brokers).ok());
        let racks = racks(reader, section);
        if config.replica_selector_class == ReplicaSelector::RackAware && racks.is_empty() {
            reader.says(
                &section.span_of("config"),
                "\"replica.selector.class\" finds no replica in a rack: say \"racks\" in [cluster]",
            );
        }
        (Cluster { brokers: number.unwrap_or(1), config, racks, disks_us: Vec::new(), without }, brokers.is_ok())
    }

    fn network(&self, reader: &mut Reader<'t>) -> Network {
        // Left out: all of it has its defaults.
        let Some(section) = self.all("network").first() else { return Network::default() };
        Network {
            latency_us: reader.number(section, "latency").unwrap_or_default(),
            jitter_us: reader.number(section, "jitter").unwrap_or_default(),
            loss_ppm: reader.whole(section, "loss-ppm"),
            bandwidth_bytes_per_s: reader.number(section, "bandwidth").unwrap_or_default(),
        }
    }

    fn bound_partitions(&self, reader: &mut Reader<'t>, scenario: &Scenario) {
        let partitions: u64 = scenario.topics.iter().map(|topic| u64::from(topic.partitions)).sum();
        if let Some(last) = self.all("topic").last().filter(|_| partitions > PARTITIONS_MAX) {
            let message =
                format!("all topics together have {partitions} partitions; at most {PARTITIONS_MAX} are simulated");
            reader.says(&last.span_of("partitions"), message);
        }
    }

    /// Where groups commit needs brokers for its replicas: with fewer Kafka never finds a coordinator.
    fn bound_groups(&self, reader: &mut Reader<'t>, scenario: &Scenario, known: Known) {
        let (needed, brokers) =
            (scenario.cluster.config.offsets_topic_replication_factor, u64::from(scenario.least_brokers()));
        let members = self.all("consumer").iter().filter(|section| section.value("group").is_some());
        let first = members.chain(self.all("pipeline")).next();
        if let Some(section) = first.filter(|_| known.brokers && needed > brokers) {
            let message = format!(
                "a group needs {needed} brokers, and there are {brokers}: lower \"offsets.topic.replication.factor\" of [cluster]"
            );
            reader.says(&section.span_of("group"), message);
        }
    }

    /// The same of where transactions are coordinated, unless the file makes that topic itself.
    fn bound_transactions(&self, reader: &mut Reader<'t>, scenario: &Scenario, known: Known) {
        let (needed, brokers) =
            (scenario.cluster.config.transaction_topic_replication_factor, u64::from(scenario.least_brokers()));
        let is_made = scenario.topics.iter().any(|topic| topic.name == TRANSACTIONS_TOPIC);
        if is_made || !known.brokers || needed <= brokers {
            return;
        }
        let producers = self.all("producer").iter().zip(&scenario.producers);
        let first = producers.filter(|(_, it)| it.config.transactional_id.0.is_some()).map(|(section, _)| section);
        let pipelines = self.all("pipeline").iter().zip(&scenario.pipelines);
        let pipelines =
            pipelines.filter(|(_, it)| it.producer.transactional_id.0.is_some()).map(|(section, _)| section);
        if let Some(section) = first.chain(pipelines).next() {
            let message = format!(
                "a transaction needs {needed} brokers, and there are {brokers}: lower \"transaction.state.log.replication.factor\" of \
                 [cluster]"
            );
            reader.says(&section.span, message);
        }
    }

    fn bound_clients(&self, reader: &mut Reader<'t>, scenario: &Scenario, known: Known) {
        let clients = scenario.producers.len() + scenario.consumers.len() + scenario.pipelines.len();
        let last = self.all("pipeline").last().or(self.all("consumer").last());
        if let Some(last) = last.filter(|_| clients > CLIENTS_MAX) {
            let message =
                format!("there are {clients} producers, consumers and pipelines; at most {CLIENTS_MAX} are simulated");
            reader.says(&last.span, message);
        }
        if !known.duration {
            return;
        }
        let (mut records, mut bytes) = (0u64, 0u64);
        for producer in &scenario.producers {
            let sent = records_sent(producer, scenario.duration_us);
            records += sent;
            bytes += sent * (u64::from(producer.value_bytes) + RECORD_OVERHEAD);
        }
        // Without a producer nothing is sent.
        let Some(last) = self.all("producer").last() else { return };
        if records > RECORDS_MAX {
            let message = format!(
                "all producers together would send {records} records; at most {RECORDS_MAX} are simulated: lower \"rate\" or \"duration\""
            );
            reader.says(&last.span_of("rate"), message);
        } else if bytes > BYTES_MAX {
            let message = format!(
                "all producers together would send {bytes} bytes; at most {BYTES_MAX} are simulated: lower \"rate\", \"duration\" or \"value-bytes\""
            );
            reader.says(&last.span_of("value-bytes"), message);
        }
    }
}

/// The tables of one name: `[name]` once, `[[name]]` as often as its bound says.
fn tables_of<'t>(
    reader: &mut Reader<'t>,
    top: &Section<'t>,
    name: &str,
    keys: &'static SectionKeys,
) -> Vec<Section<'t>> {
    // The file has none.
    let Some(value) = top.value(name) else { return Vec::new() };
    let many = keys.most > 1;
    match value.get_ref() {
        DeValue::Table(table) if !many => vec![reader.section(keys, table, value.span(), &[])],
        DeValue::Array(items) if many && items.iter().all(|item| item.get_ref().is_table()) => {
            if items.len() > keys.most {
                reader.says(
                    &value.span(),
                    format!("there are {} {}; at most {} are read", items.len(), keys.title, keys.most),
                );
            }
            let tables =
                items.iter().take(keys.most).filter_map(|item| Some((item.get_ref().as_table()?, item.span())));
            tables.map(|(table, span)| reader.section(keys, table, span, &[])).collect()
        }
        _ => {
            reader.says(&value.span(), format!("\"{name}\" is written as a table, {}", keys.title));
            Vec::new()
        }
    }
}

/// Fixes that the design names, beside those that can be switched off.
const LATER_FIXES: &[&str] = &["KIP-279", "KIP-497"];

/// Fixes that there is nothing of here, and why.
const NO_FIXES: &[(&str, &str)] = &[
    (
        "KAFKA-13794",
        "a producer here tells its batches in flight from each other by a number of their own, and not by their sequence numbers alone",
    ),
    ("KIP-320", "without what consumers have of it they are as without KAFKA-7747: switch that off"),
];

/// The racks of the brokers, one after another.
fn racks<'t>(reader: &mut Reader<'t>, section: &Section<'t>) -> Vec<String> {
    // Left out: no broker says where it is.
    let Some(value) = section.value("racks") else { return Vec::new() };
    match value.get_ref().as_array() {
        Some(items) if (1..=BROKERS_MAX).contains(&items.len()) => {
            items.iter().filter_map(|item| reader.string(item, "racks")).map(str::to_owned).collect()
        }
        Some(_) | None => {
            reader.says(
                &value.span(),
                format!("\"racks\" takes a list of 1 to {BROKERS_MAX} names, such as [\"a\", \"b\", \"c\"]"),
            );
            Vec::new()
        }
    }
}

/// The fixes that are switched off.
fn without<'t>(reader: &mut Reader<'t>, section: &Section<'t>) -> Without {
    let mut without = Without::default();
    // Left out: nothing is switched off.
    let Some(value) = section.value("without") else { return without };
    let Some(items) = value.get_ref().as_array() else {
        reader.says(&value.span(), "\"without\" takes a list of names, such as [\"KIP-447-fencing\"]");
        return without;
    };
    let cannot = NO_FIXES.iter().map(|(name, _)| *name);
    let names = || Fix::ALL.iter().map(|fix| fix.name()).chain(LATER_FIXES.iter().copied()).chain(cannot.clone());
    for item in items {
        // What is no text has been told.
        let Some(name) = reader.string(item, "without") else { continue };
        if let Some(fix) = Fix::ALL.iter().find(|fix| fix.name() == name) {
            without = without.and(*fix);
        } else if LATER_FIXES.contains(&name) {
            reader.says(&item.span(), format!("switching off {name} is not built yet"));
        } else if let Some((_, why)) = NO_FIXES.iter().find(|(no, _)| *no == name) {
            reader.says(&item.span(), format!("{name} cannot be switched off: {why}"));
        } else {
            let message = format!("there is no fix \"{}\" to switch off", short(name));
            reader.wrong(&item.span(), Wrong::word(message, name, names()));
        }
    }
    without
}

fn topic<'t>(reader: &mut Reader<'t>, section: &Section<'t>, scenario: &Scenario, known: &mut Known) -> Topic {
    let (at_us, delete_at_us) = topic_times(reader, section, scenario.least_duration_us(), known.duration);
    let name = topic_name(reader, section, scenario, at_us);
    known.topics &= !name.is_empty();
    let replication_factor = reader.whole(section, "replication-factor");
    let brokers = scenario.least_brokers();
    if known.brokers && replication_factor > brokers {
        let message = format!("\"replication-factor\" is {replication_factor}, but there are only {brokers} brokers");
        reader.says(&section.span_of("replication-factor"), message);
    }
    let partitions = reader.sound_number(section, "partitions");
    known.topics &= partitions.is_ok();
    let partitions = partitions.ok().flatten().and_then(|number| u32::try_from(number).ok()).unwrap_or(1);
    let mut config = TopicConfig::of_cluster(&scenario.cluster.config);
    rules::topic(reader, section, &mut config);
    Topic { name, partitions, replication_factor, config, at_us, delete_at_us }
}

/// When a topic is created, 0 where it is there from the start, and when it is deleted.
fn topic_times<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    duration_us: u64,
    is_known: bool,
) -> (u64, Option<u64>) {
    let at = reader.number(section, "at").unwrap_or(0);
    let delete_at = reader.number(section, "delete-at");
    if is_known && at > duration_us {
        reader.says(&section.span_of("at"), "the topic is created after the end of the run, see \"duration\"");
    }
    if is_known && delete_at.is_some_and(|delete_at| delete_at > duration_us) {
        reader.says(&section.span_of("delete-at"), "the topic is deleted after the end of the run, see \"duration\"");
    }
    if delete_at.is_some_and(|delete_at| delete_at <= at) {
        reader.says(&section.span_of("delete-at"), "a topic is deleted after it was created, see \"at\"");
    }
    (at, delete_at)
}

/// A topic's name, that of no other and not one whose metrics would collide with another's (`Topic.hasCollision`).
/// Once a topic is deleted, another may be called so.
fn topic_name<'t>(reader: &mut Reader<'t>, section: &Section<'t>, scenario: &Scenario, at_us: u64) -> String {
    let name = reader.text(section, "name");
    let metric = |name: &str| name.replace('.', "_");
    let is_there = |topic: &&Topic| topic.delete_at_us.is_none_or(|delete_at| delete_at > at_us);
    let mut others = scenario.topics.iter().filter(is_there);
    let other = others.find(|topic| !name.is_empty() && metric(&topic.name) == metric(&name));
    let message = match other {
        Some(other) if other.name == name => format!("there are two topics called \"{}\"", short(&name)),
        Some(other) => format!(
            "topic \"{}\" collides with existing topic \"{}\": '.' and '_' are one in the names of metrics",
            short(&name),
            short(&other.name)
        ),
        // `ControllerApis.createTopics`; Kafka's other internal topics may be made by hand.
        None if name == "__cluster_metadata" => format!("creation of internal topic {name} is prohibited"),
        None => return name,
    };
    reader.says(&section.span_of("name"), message);
    name
}

/// The number of each fault: the one that it is given, or else its place. Two of one number are told.
fn numbered<'t>(reader: &mut Reader<'t>, faults: &[Section<'t>]) -> Vec<InterventionId> {
    let mut numbered: Vec<InterventionId> = Vec::new();
    for (place, section) in (1_u32..).zip(faults) {
        let given = reader.number(section, "id").and_then(|id| u32::try_from(id).ok());
        let number = given.unwrap_or(place);
        let id = InterventionId(number - 1);
        if numbered.contains(&id) {
            let span = if given.is_some() { section.span_of("id") } else { section.span.clone() };
            reader.says(&span, format!("two faults have the number {number}: give each an \"id\" of its own"));
        }
        numbered.push(id);
    }
    numbered
}

fn fault<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    id: InterventionId,
    scenario: &Scenario,
    cast: &Processes,
    known: Known,
) -> Option<Fault> {
    let at_us = reader.number(section, "at")?;
    let end_us = known.duration.then_some(scenario.least_duration_us());
    let is_late = end_us.is_some_and(|end_us| at_us >= end_us);
    if is_late {
        let end = duration_text(scenario.least_duration_us());
        reader.says(&section.span_of("at"), format!("the fault would not come before the end of the run at {end}"));
    }
    let words = FaultAction::ROWS.iter().map(|row| row.word);
    let given: Vec<&str> = words.clone().filter(|word| section.value(word).is_some()).collect();
    let [word] = given[..] else {
        let found = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
        let words: Vec<&str> = words.collect();
        reader
            .says(&section.span, format!("a [[fault]] has exactly one of {}; this one has {found}", words.join(", ")));
        return None;
    };
    let row = FaultAction::named(word)?;
    let value = section.value(word)?;
    // The target is read all the same, so that what is wrong with the amount is told with the rest.
    let amount = amount(reader, section, row);
    let undo_after_us = undo_after(reader, section, row);
    if let (Some(after), Some(end_us), false) = (undo_after_us, end_us, is_late)
        && let Some(key) = row.undo.and_then(|undo| undo.row().after)
        && at_us + after >= end_us
    {
        let (then, end) = (duration_text(at_us + after), duration_text(end_us));
        let message = format!("\"{key}\" would come at {then}, not before the end of the run at {end}");
        reader.says(&section.span_of(key), message);
    }
    let text = reader.string(value, word)?;
    match target::target(text, row, cast) {
        Ok(target) => Some(Fault { id, at_us, action: row.action(amount.ok()?), target, undo_after_us }),
        Err(wrong) => {
            // Whom it names may be one of those that are not known.
            if known.brokers && known.topics && known.clients {
                reader.wrong(&value.span(), wrong);
            }
            None
        }
    }
}

/// What was said of it is wrong, and told.
struct Told;

/// The amount of an action, 0 where it takes none. A key that goes with another action is told.
fn amount<'t>(reader: &mut Reader<'t>, section: &Section<'t>, row: &Row) -> Result<i64, Told> {
    for parameter in target::parameters() {
        if row.parameter.is_none_or(|own| own.key != parameter.key) && section.value(parameter.key).is_some() {
            reader.says(&section.span_of(parameter.key), target::goes_with(parameter.key, row.word));
        }
    }
    let Some(parameter) = row.parameter else { return Ok(0) };
    let Parameter { key, amount, example } = parameter;
    let Some(value) = section.value(key) else {
        let example = if amount.is_number() { example.to_owned() } else { format!("\"{example}\"") };
        let what = target::what(&parameter);
        let message = format!("\"{}\" needs the key \"{key}\": {what}, such as {key} = {example}", row.word);
        reader.says(&section.span_of(row.word), message);
        return Err(Told);
    };
    let read = match amount {
        Amount::Offset | Amount::Count(_) => {
            value.get_ref().as_integer().and_then(integer).filter(|offset| amount.holds(*offset))
        }
        Amount::Delay(..) | Amount::Shift(_) | Amount::Rate(_) => {
            value.get_ref().as_str().and_then(|text| amount.read(text))
        }
    };
    read.ok_or_else(|| {
        let given = shown(value.get_ref());
        let right = amount.text();
        let message = format!("\"{key}\" in [[fault]] is {given}, but takes a {right}, such as {example}");
        reader.wrong(&value.span(), Wrong::word(message, &given, []));
        Told
    })
}

/// How long after it a fault is taken back: the key that fits the action, and no other.
fn undo_after<'t>(reader: &mut Reader<'t>, section: &Section<'t>, row: &Row) -> Option<u64> {
    let right = row.undo.and_then(|undo| undo.row().after);
    for after in FaultAction::ROWS.iter().filter_map(|row| row.after) {
        if section.value(after).is_none() || right == Some(after) {
            continue;
        }
        let message = match right {
            Some(right) => format!("\"{after}\" does not go with {}; write \"{right}\"", row.word),
            None => format!("\"{after}\" does not go with {}", row.word),
        };
        reader.says(&section.span_of(after), message);
    }
    reader.number(section, right?)
}

fn expectation<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    scenario: &Scenario,
    known: Known,
) -> Option<Expectation> {
    const KEYS: &str = "anomaly, invariant, error";
    let has_another = FindingClass::ALL.into_iter().any(|class| section.value(class.key()).is_some());
    if let Some(value) = section.value("error") {
        if has_another {
            reader.says(&section.span, format!("an {} has exactly one of {KEYS}", section.keys.title));
            return None;
        }
        let error = client_error(reader, value)?;
        return Some(Expectation::Error(expected_error(reader, section, error, scenario, known)));
    }
    for key in ["of", "at-least", "at-most"].into_iter().filter(|key| section.value(key).is_some()) {
        reader.says(&section.span_of(key), format!("\"{key}\" goes with \"error\""));
    }
    named_finding(reader, section, KEYS).map(Expectation::Finding)
}

fn expected_error<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    error: ClientError,
    scenario: &Scenario,
    known: Known,
) -> ExpectedError {
    let at_most = section.value("at-most").and_then(|_| reader.number(section, "at-most"));
    let at_least = section.value("at-least").and_then(|_| reader.number(section, "at-least"));
    let at_least = at_least.unwrap_or(if at_most == Some(0) { 0 } else { 1 });
    if at_most.is_some_and(|most| most < at_least) {
        reader.says(&section.span_of("at-most"), "\"at-most\" is less than \"at-least\"");
    }
    let of = section.value("of").map(|_| reader.text(section, "of"));
    let expected = ExpectedError { error, of, at_least, at_most };
    let clients = Processes::of(scenario);
    if let Some(name) = expected.of.as_deref().filter(|_| known.clients)
        && !clients.client_names().any(|client| expected.is_of(client))
    {
        let message = format!("there is no client \"{}\"", short(name));
        reader.wrong(&section.span_of("of"), Wrong::word(message, name, clients.client_names()));
    }
    expected
}

/// An error by Kafka's name, or by that of the Java client's exception.
fn client_error<'t>(reader: &mut Reader<'t>, value: Value<'t>) -> Option<ClientError> {
    let name = reader.string(value, "error")?;
    if let Some(code) = error_named(name) {
        return Some(ClientError::Code(code));
    }
    let mut exceptions: Vec<String> = error_codes().map(exception_of).collect();
    exceptions.extend(ClientError::OWN_EXCEPTIONS.map(str::to_owned));
    if exceptions.iter().any(|exception| exception == name) {
        return Some(ClientError::Exception(name.to_owned()));
    }
    let errors: Vec<String> = error_codes().map(error_name).chain(exceptions).collect();
    let message = format!("Kafka has no error \"{}\"", short(name));
    reader.wrong(&value.span(), Wrong::word(message, name, errors.iter().map(String::as_str)));
    None
}

fn allowance<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    scenario: &Scenario,
    known: Known,
) -> Option<Allowance> {
    let because = reader.text(section, "because").trim().to_owned();
    let topic = section.value("topic").map(|value| (reader.text(section, "topic"), value.span()));
    if let Some((topic, span)) = &topic {
        known_topic(reader, topic, span, scenario, known);
    }
    let finding = named_finding(reader, section, "anomaly, invariant")?;
    Some(Allowance { finding, topic: topic.map(|(topic, _)| topic), because })
}

/// The finding that an `[[expect]]` or an `[[allow]]` names.
fn named_finding<'t>(reader: &mut Reader<'t>, section: &Section<'t>, keys: &str) -> Option<FindingKind> {
    let given: Vec<FindingClass> =
        FindingClass::ALL.into_iter().filter(|class| section.value(class.key()).is_some()).collect();
    let [class] = given[..] else {
        reader.says(&section.span, format!("an {} has exactly one of {keys}", section.keys.title));
        return None;
    };
    let value = section.value(class.key())?;
    let name = reader.string(value, class.key())?;
    let wrong = match FindingKind::named(name) {
        Some(finding) if finding.class() == class => return Some(finding),
        Some(finding) => Wrong::new(format!("\"{name}\" is an {0}; write {0} = \"{name}\"", finding.class().key())),
        None => {
            let names = FindingKind::ALL.iter().filter(|kind| kind.class() == class).map(|kind| kind.name());
            Wrong::word(format!("unknown {} \"{}\"", class.key(), short(name)), name, names)
        }
    };
    reader.wrong(&value.span(), wrong);
    None
}

/// What a member of several is called after, without its number.
fn numbered_of(name: &str) -> &str {
    name.rsplit_once('-').map_or(name, |(table, _)| table)
}
