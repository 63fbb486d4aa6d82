//! The calls of a Java admin client: from their recorded words, and back to what its program saw.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kafka_protocol::messages::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::{TopicName, describe_producers_response::ProducerState};
use kafka_protocol::protocol::StrBytes;
use loglab::client::{AdminEvent, AdminSettings, Ask, CommittedOffset, Key, NamedPartition, Told};
use loglab::wire::{Body, Message, Request, error_name};
use serde_json::{Map, Value, json};

use super::administrator::{Administrator, Counter};
use super::case::{BrokerState, Case, Spoken};
use super::player::Node;
use super::tree::tree;

/// Calls of an admin client, and the API that each one is about where that comes later.
const CALLS: [(&str, Option<&str>); 26] = [
    ("new_admin", None),
    ("close", None),
    ("createTopics", None),
    ("createPartitions", None),
    ("deleteTopics", None),
    ("describeTopics", None),
    ("describeCluster", None),
    ("describeFeatures", None),
    ("listGroups", None),
    ("describeConsumerGroups", None),
    ("listConsumerGroupOffsets", None),
    ("alterConsumerGroupOffsets", None),
    ("deleteConsumerGroupOffsets", None),
    ("deleteConsumerGroups", None),
    ("deleteRecords", None),
    ("describeProducers", None),
    ("abortTransaction", None),
    ("listTransactions", None),
    ("describeTransactions", None),
    ("fenceProducers", None),
    ("forceTerminateTransaction", None),
    ("describeConfigs", Some("DescribeConfigs")),
    ("incrementalAlterConfigs", Some("IncrementalAlterConfigs")),
    ("electLeaders", Some("ElectLeaders")),
    ("describeAcls", Some("DescribeAcls")),
    ("describeMetadataQuorum", Some("DescribeQuorum")),
];
/// The same of reassignments.
const REASSIGNMENTS: [(&str, &str); 2] = [
    ("alterPartitionReassignments", "AlterPartitionReassignments"),
    ("listPartitionReassignments", "ListPartitionReassignments"),
];

/// The admin clients of a case.
#[derive(Default)]
pub struct Admins<'a> {
    counters: BTreeMap<String, Arc<Mutex<Counter>>>,
    /// Their calls, but those that are about what comes later.
    asks: BTreeMap<String, Vec<&'a Spoken>>,
}

impl<'a> Admins<'a> {
    /// The program of one.
    pub fn make(&mut self, client: &str) -> Node {
        let counter = Arc::<Mutex<Counter>>::default();
        let program = Administrator::new(AdminSettings::default(), Arc::clone(&counter));
        self.counters.insert(client.to_owned(), counter);
        Node::Administrator(Box::new(program))
    }

    pub fn has(&self, client: &str) -> bool {
        self.counters.contains_key(client)
    }

    /// Makes a call. Its program waits for what comes of it: until what is given back holds.
    pub fn call(&mut self, spoken: &'a Spoken) -> Result<Option<impl Fn() -> bool + use<>>, String> {
        let counter = Arc::clone(&self.counters[&spoken.client]);
        match spoken.call.as_str() {
            "new_admin" => counter.lock().expect("nobody panics with it").is_open = true,
            // It has nothing under way.
            "close" => {}
            call if later(call).is_some() => {}
            _ => {
                let asks = self.asks.entry(spoken.client.clone()).or_default();
                asks.push(spoken);
                let count = asks.len();
                counter.lock().expect("nobody panics with it").calls.push_back(ask(spoken)?);
                return Ok(Some(move || counter.lock().expect("nobody panics with it").returned.len() >= count));
            }
        }
        Ok(None)
    }

    /// Where what came of the calls is not what their programs saw.
    pub fn differences(&self, case: &Case) -> Vec<String> {
        let mut wrong = Vec::new();
        for (client, asks) in &self.asks {
            let returned = self.counters[client].lock().expect("nobody panics with it").returned.clone();
            let made = |it: &&Spoken| it.client == *client && !["new_admin", "close"].contains(&it.call.as_str());
            let all: Vec<&Spoken> = case.story.iter().filter(made).collect();
            let seen = all.iter().zip(case.seen_by(client, &all)).filter(|(spoken, _)| later(&spoken.call).is_none());
            for ((spoken, event), (_, seen)) in asks.iter().zip(&returned).zip(seen) {
                // Its program tells nothing of it.
                let Some(seen) = seen else { continue };
                if let Err(why) = agrees(event, seen, &case.head.broker) {
                    wrong.push(format!("{client}, call {}: {} {why}", spoken.n, spoken.call));
                }
            }
        }
        wrong
    }
}

/// Whether it is a call of an admin client.
pub fn is_known(call: &str) -> bool {
    CALLS.iter().any(|(known, _)| *known == call) || later(call).is_some()
}

/// The API that a call is about, where that comes later.
pub fn later(call: &str) -> Option<&'static str> {
    let of_reassignments = REASSIGNMENTS.iter().find(|(known, _)| *known == call).map(|(_, api)| *api);
    CALLS.iter().find(|(known, _)| *known == call).and_then(|(_, api)| *api).or(of_reassignments)
}

/// A call, from its recorded arguments.
fn ask(spoken: &Spoken) -> Result<Ask, String> {
    let args = spoken.fields.get("args").and_then(Value::as_array).ok_or("no arguments")?;
    let at = |place: usize| args.get(place).ok_or_else(|| format!("{} lacks an argument", spoken.call));
    let name = |place: usize| text(at(place)?);
    Ok(match spoken.call.as_str() {
        "createTopics" => Ask::CreateTopics {
            topics: list(at(0)?)?.iter().map(new_topic).collect::<Result<_, _>>()?,
            validate_only: args.get(1).is_some_and(|options| options["validateOnly"] == true),
        },
        "createPartitions" => Ask::CreatePartitions(
            object(at(0)?)?.iter().map(|(topic, more)| new_partitions(topic, more)).collect::<Result<_, _>>()?,
        ),
        "deleteTopics" => Ask::DeleteTopics(names(at(0)?)?),
        "describeTopics" => Ask::DescribeTopics(names(at(0)?)?),
        "describeCluster" => Ask::DescribeCluster,
        "describeFeatures" => Ask::DescribeFeatures,
        "listGroups" => Ask::ListGroups,
        "describeConsumerGroups" => Ask::DescribeConsumerGroups(names(at(0)?)?),
        "listConsumerGroupOffsets" => Ask::ListConsumerGroupOffsets(vec![name(0)?]),
        "alterConsumerGroupOffsets" => {
            let offsets = object(at(1)?)?.iter().map(|(of, it)| {
                Ok(CommittedOffset {
                    partition: partition(of)?,
                    offset: it["offset"].as_i64().ok_or("no offset")?,
                    leader_epoch: it["leader_epoch"].as_i64().unwrap_or(-1) as i32,
                    metadata: it["metadata"].as_str().unwrap_or_default().to_owned(),
                })
            });
            Ask::AlterConsumerGroupOffsets(name(0)?, offsets.collect::<Result<_, String>>()?)
        }
        "deleteConsumerGroupOffsets" => {
            let partitions = names(at(1)?)?.iter().map(|it| partition(it)).collect::<Result<_, _>>()?;
            Ask::DeleteConsumerGroupOffsets(name(0)?, partitions)
        }
        "deleteConsumerGroups" => Ask::DeleteConsumerGroups(names(at(0)?)?),
        "deleteRecords" => {
            let before = object(at(0)?)?
                .iter()
                .map(|(of, it)| Ok((partition(of)?, it["before_offset"].as_i64().ok_or("no offset")?)));
            Ask::DeleteRecords(before.collect::<Result<_, String>>()?)
        }
        "describeProducers" => {
            Ask::DescribeProducers(names(at(0)?)?.iter().map(|it| partition(it)).collect::<Result<_, _>>()?)
        }
        "abortTransaction" => {
            let spec = at(0)?;
            let number = |name: &str| spec[name].as_i64().ok_or_else(|| format!("no {name}"));
            Ask::AbortTransaction {
                partition: partition(spec["partition"].as_str().ok_or("no partition")?)?,
                producer_id: number("producer_id")?,
                producer_epoch: number("producer_epoch")? as i16,
                coordinator_epoch: number("coordinator_epoch")? as i32,
            }
        }
        "listTransactions" => Ask::ListTransactions,
        "describeTransactions" => Ask::DescribeTransactions(names(at(0)?)?),
        "fenceProducers" => Ask::FenceProducers(names(at(0)?)?),
        "forceTerminateTransaction" => Ask::FenceProducers(vec![name(0)?]),
        other => return Err(format!("an admin client's {other} is not known")),
    })
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("no list: {value}"))
}

fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("no map: {value}"))
}

fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("no text: {value}"))
}

fn names(value: &Value) -> Result<Vec<String>, String> {
    list(value)?.iter().map(text).collect()
}

fn partition(text: &str) -> Result<NamedPartition, String> {
    let (topic, number) = text.rsplit_once('-').ok_or_else(|| format!("no partition: {text}"))?;
    Ok((topic.to_owned(), number.parse().map_err(|_| format!("no partition: {text}"))?))
}

fn new_topic(value: &Value) -> Result<CreatableTopic, String> {
    let number = |name: &str| value[name].as_i64().ok_or_else(|| format!("no {name}"));
    let mut topic = CreatableTopic::default()
        .with_name(TopicName(StrBytes::from_string(text(&value["topic"])?)))
        .with_num_partitions(number("partitions")? as i32)
        .with_replication_factor(number("replication_factor")? as i16);
    for (index, brokers) in value["assignment"].as_object().into_iter().flatten() {
        let index = index.parse().map_err(|_| format!("no partition: {index}"))?;
        let ids = list(brokers)?.iter().filter_map(Value::as_i64).map(|id| (id as i32).into());
        let assignment = CreatableReplicaAssignment::default().with_partition_index(index);
        topic.assignments.push(assignment.with_broker_ids(ids.collect()));
    }
    for (name, value) in value["config"].as_object().into_iter().flatten() {
        let config = CreatableTopicConfig::default().with_name(StrBytes::from_string(name.clone()));
        topic.configs.push(config.with_value(Some(StrBytes::from_string(text(value)?))));
    }
    Ok(topic)
}

/// `NewPartitions` as Java prints it: `(totalCount=6, newAssignments=[[1], [2]])`.
fn new_partitions(topic: &str, value: &Value) -> Result<CreatePartitionsTopic, String> {
    let wrong = || format!("no partitions: {value}");
    let printed = value.as_str().ok_or_else(wrong)?;
    let (count, assignments) = printed
        .strip_prefix("(totalCount=")
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|rest| rest.split_once(", newAssignments="))
        .ok_or_else(wrong)?;
    let assignments: Option<Vec<Vec<i32>>> = serde_json::from_str(assignments).map_err(|_| wrong())?;
    let assignment = |ids: Vec<i32>| {
        CreatePartitionsAssignment::default().with_broker_ids(ids.into_iter().map(Into::into).collect())
    };
    Ok(CreatePartitionsTopic::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_count(count.parse().map_err(|_| wrong())?)
        .with_assignments(assignments.map(|all| all.into_iter().map(assignment).collect())))
}

/// Whether what came of a call is what the program saw.
fn agrees(event: &AdminEvent, seen: &Value, state: &BrokerState) -> Result<(), String> {
    let seen = seen.as_str().map_or_else(|| seen.to_string(), str::to_owned);
    let here = seen_here(event, state);
    let agrees = match (&here, error_in(&seen)) {
        (Ok(told), None) => without_times(told) == without_times(&seen),
        (Err(errors), Some(error)) => errors.iter().any(|it| it == error),
        (Ok(_), Some(_)) | (Err(_), None) => false,
    };
    if agrees { Ok(()) } else { Err(format!("{seen} was seen, here {here:?}")) }
}

/// The code in an exception as it is printed: `XException [CODE]: words`.
fn error_in(seen: &str) -> Option<&str> {
    let (exception, rest) = seen.split_once(" [")?;
    let is_one = exception.ends_with("Exception") && !exception.contains(' ');
    if is_one { rest.split_once(']').map(|(code, _)| code) } else { None }
}

/// A producer's last timestamp is that of another run.
fn without_times(text: &str) -> String {
    let mut parts = text.split("lastTimestamp=");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("then");
        kept.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '-'));
    }
    kept.trim_start_matches('[').trim_end_matches(']').to_owned()
}

/// What a program would see here, or the errors that it would.
fn seen_here(event: &AdminEvent, state: &BrokerState) -> Result<String, Vec<String>> {
    let results = match event {
        AdminEvent::Failed { error, .. } => return Err(vec![error_name(*error)]),
        AdminEvent::Done { results, .. } => results,
    };
    let mut errors: Vec<String> =
        results.iter().filter_map(|(_, it)| it.as_ref().err().copied()).map(error_name).collect();
    let all = || results.iter().filter_map(|(_, it)| it.as_ref().ok());
    for told in all() {
        if let Told::Partitions(partitions) = told {
            errors.extend(partitions.iter().filter(|(_, code)| *code != 0).map(|(_, code)| error_name(*code)));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut lines: Vec<String> = all().flat_map(|told| printed(told, state)).collect();
    if results.iter().any(|(key, _)| matches!(key, Key::Broker(_))) {
        lines.sort();
    }
    Ok(match all().next() {
        Some(Told::Groups(_) | Told::Transactions(_) | Told::Producers(_) | Told::Nodes(_)) => {
            format!("[{}]", lines.join(", "))
        }
        Some(Told::Offsets(_) | Told::Features(_)) => format!("{{{}}}", lines.join(", ")),
        _ => lines.first().cloned().unwrap_or_default(),
    })
}

/// As the recorder's program prints it.
fn printed(told: &Told, state: &BrokerState) -> Vec<String> {
    let optional = |kind: &str, value: Option<i64>| match value {
        Some(value) => format!("{kind}[{value}]"),
        None => format!("{kind}.empty"),
    };
    match told {
        Told::Done | Told::Partitions(_) => vec!["ok".to_owned()],
        Told::Topic(topic) => vec![format!("{} partitions", topic.partitions.len())],
        Told::Nodes(nodes) => {
            let node = |id: &i32| format!("{}:{} (id: {id} rack: null isFenced: false)", state.host, state.port);
            nodes.iter().map(node).collect()
        }
        Told::Features(features) => {
            let mut lines: Vec<String> = features
                .iter()
                .map(|(name, low, high)| {
                    format!("{name}=FinalizedVersionRange[min_version_level:{low}, max_version_level:{high}]")
                })
                .collect();
            lines.sort();
            lines
        }
        Told::Groups(groups) => groups
            .iter()
            .map(|it| {
                format!(
                    "(groupId='{}', type={}, protocol='{}', groupState={})",
                    it.group_id.0,
                    capitalised(&it.group_type),
                    it.protocol_type,
                    it.group_state
                )
            })
            .collect(),
        Told::Group(group) => {
            let kind = if group.is_consumer { "Consumer" } else { "Classic" };
            let epoch = |epoch: Option<i32>| optional("Optional", epoch.map(i64::from));
            let (one, other) = (epoch(group.epochs.map(|it| it.0)), epoch(group.epochs.map(|it| it.1)));
            let (state, assignor, members) = (&group.state, &group.assignor, group.members.len());
            vec![format!("{kind} {state} assignor {assignor} members {members} epochs {one}/{other}")]
        }
        Told::Offsets(offsets) => offsets
            .iter()
            .map(|it| {
                let epoch = if it.leader_epoch < 0 { "null".to_owned() } else { it.leader_epoch.to_string() };
                format!(
                    "{}-{}=OffsetAndMetadata{{offset={}, leaderEpoch={epoch}, metadata='{}'}}",
                    it.partition.0, it.partition.1, it.offset, it.metadata
                )
            })
            .collect(),
        Told::End(offset) => vec![offset.to_string()],
        Told::LowWatermark(offset) => vec![format!("low watermark {offset}")],
        Told::Producers(producers) => producers
            .iter()
            .map(|it: &ProducerState| {
                let some = |number: i64| (number >= 0).then_some(number);
                format!(
                    "ProducerState(producerId={}, producerEpoch={}, lastSequence={}, lastTimestamp={}, coordinatorEpoch={}, \
                     currentTransactionStartOffset={})",
                    it.producer_id.0,
                    it.producer_epoch,
                    it.last_sequence,
                    it.last_timestamp,
                    optional("OptionalInt", some(it.coordinator_epoch.into())),
                    optional("OptionalLong", some(it.current_txn_start_offset)),
                )
            })
            .collect(),
        Told::Transactions(transactions) => transactions
            .iter()
            .map(|it| {
                format!(
                    "TransactionListing(transactionalId='{}', producerId={}, transactionState={})",
                    it.transactional_id.0, it.producer_id.0, it.transaction_state
                )
            })
            .collect(),
        Told::Transaction(transaction) => vec![transaction.transaction_state.to_string()],
    }
}

/// `GroupType.toString`
fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_ascii_uppercase(), letters.as_str()))
}

/// What it asked for, by API, in its order; but not how it found out who is there. Keys of a request come in the order of a Java
/// HashMap, which means nothing.
pub fn said(messages: &[Message]) -> Result<Value, String> {
    let mut by_api: Map<String, Value> = Map::new();
    for message in messages {
        let Body::Request(request) = &message.body else { return Err("a client answers".to_owned()) };
        let api = request.api().name();
        if let Request::ApiVersions(_) = request {
            continue;
        }
        let mut said = tree(&request)?;
        tidy(&mut said);
        let of_api = by_api.entry(api.to_owned()).or_insert_with(|| json!([]));
        let of_api = of_api.as_array_mut().ok_or("no list")?;
        if let Request::Metadata(asked) = request {
            // Which brokers there are is asked as often as that is old.
            let is_new = of_api.last() != Some(&said);
            if asked.topics.as_ref().is_some_and(Vec::is_empty) || !is_new {
                continue;
            }
        }
        of_api.push(said);
    }
    by_api.retain(|_, said| said.as_array().is_some_and(|said| !said.is_empty()));
    Ok(by_api.into())
}

/// Puts sets in order. A request's time-out lacks what its connection took to be set up, which is not compared.
fn tidy(value: &mut Value) {
    const SETS: [&str; 7] =
        ["coordinator_keys", "groups_names", "groups", "group_ids", "transactional_ids", "assignments", "configs"];
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                tidy(field);
                if let (true, Some(list)) = (SETS.contains(&name.as_str()), field.as_array_mut()) {
                    list.sort_by_key(ToString::to_string);
                }
                if let ("timeout_ms", Some(time)) = (name.as_str(), field.as_i64()) {
                    *field = ((time + 999) / 1_000 * 1_000).into();
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
