//! Simulated consumers that make recorded calls: their programs, what is in the way of the next call, and what differs in the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use loglab::client::{ConsumerSettings, GroupOffset, GroupOffsets, GroupSettings};
use loglab::settings::{Config, ConsumerConfig, Raw};
use loglab::sim::{MILLISECOND, SECOND, Time};
use loglab::wire::{Message, TopicPartition, error_name, frame};
use serde_json::{Map, Value, json};

use super::asked::{self, Company};
use super::broker::{BEGIN, World};
use super::case::{Case, Spoken};
use super::compare::differences;
use super::ids::Ids;
use super::player::Node;
use super::reading::{Call, Callback, Counter, Program, Returned};
use super::setup::{number, text};

/// Calls that such a program makes.
pub const KNOWN: [&str; 13] = [
    "new_consumer",
    "subscribe",
    "assign",
    "poll",
    "seek",
    "pause",
    "resume",
    "position",
    "commitSync",
    "committed",
    "beginningOffsets",
    "endOffsets",
    "close",
];
/// How long a call may take.
pub const PATIENCE: Time = 60 * SECOND;

/// Programs with a consumer each.
#[derive(Default)]
pub struct Readers<'a> {
    counters: BTreeMap<String, Arc<Mutex<Counter>>>,
    /// The group of each, if it has one.
    groups: BTreeMap<String, String>,
    calls: BTreeMap<String, Vec<&'a Spoken>>,
}

impl<'a> Readers<'a> {
    /// The program of a consumer that is made.
    pub fn make(&mut self, made: &Spoken) -> Result<Node, String> {
        let counter = Arc::<Mutex<Counter>>::default();
        let settings = settings(&made.fields)?;
        if let Some(group) = &settings.group.id {
            self.groups.insert(made.client.clone(), group.clone());
        }
        self.counters.insert(made.client.clone(), Arc::clone(&counter));
        Ok(Node::Reading(Box::new(Program::new(settings, counter))))
    }

    pub fn has(&self, client: &str) -> bool {
        self.counters.contains_key(client)
    }

    pub fn names(&self) -> Vec<String> {
        self.counters.keys().cloned().collect()
    }

    /// A call is the client's next.
    pub fn call(&mut self, spoken: &'a Spoken) -> Result<(), String> {
        let call = call_of(spoken)?;
        self.counter(&spoken.client)?.lock().expect("nobody panics with it").calls.push_back(call);
        self.calls.entry(spoken.client.clone()).or_default().push(spoken);
        Ok(())
    }

    /// Lets time pass until a client is in no call.
    pub fn wait_for(&self, client: &str, world: &mut World) -> Result<(), String> {
        let counter = self.counter(client)?;
        let end = world.now() + PATIENCE;
        loop {
            let call = {
                let counter = counter.lock().expect("nobody panics with it");
                counter.calls.front().or(counter.current.as_ref()).cloned()
            };
            match call {
                None => return Ok(()),
                Some(call) if world.now() >= end => {
                    let returned = &counter.lock().expect("nobody panics with it").returned;
                    return Err(format!("{client} does not return from {call:?}, behind {returned:?}"));
                }
                Some(_) => world.run_for(MILLISECOND),
            }
        }
    }

    /// Who the only member of a group is in it (`KafkaConsumer.groupMetadata`).
    pub fn membership(&self, group: &str) -> Option<GroupOffsets> {
        let member = self.groups.iter().find(|(_, of)| *of == group).map(|(client, _)| client)?;
        self.counters[member].lock().expect("nobody panics with it").membership.clone()
    }

    fn counter(&self, client: &str) -> Result<Arc<Mutex<Counter>>, String> {
        self.counters.get(client).map(Arc::clone).ok_or_else(|| format!("no client {client}"))
    }

    /// What a client is told and asks for other than is recorded; `place` is that of its program.
    pub fn differences(
        &self,
        case: &Case,
        world: &World,
        ids: &Ids,
        (place, client): (usize, &str),
    ) -> Result<Vec<String>, String> {
        let mut wrong = Vec::new();
        let counter = self.counter(client)?;
        let counter = counter.lock().expect("nobody panics with it");
        let calls = self.calls.get(client).map_or(&[][..], Vec::as_slice);
        for (spoken, returned) in calls.iter().zip(&counter.returned) {
            if let Err(why) = agrees(spoken, returned, world) {
                wrong.push(format!("{client}, call {}, {}: {why}", spoken.n, spoken.call));
            }
        }
        let company = self.company(case, client);
        let heard: Vec<Value> = counter.heard.iter().map(|(what, of)| callback(*what, of, world)).collect();
        let recorded_callbacks = case.callbacks_of(client);
        if listens(calls) {
            let (recorded, heard) = (company.callbacks(recorded_callbacks), company.callbacks(heard));
            let found = differences(&json!(recorded), &json!(heard));
            wrong.extend(found.into_iter().map(|it| format!("{client} hears {it}")));
        }
        let recorded = asked::said(&recorded(case, client)?, &case.head.topic_ids, company)?;
        let simulated = asked::said(&simulated(world, ids, place)?, &case.head.topic_ids, company)?;
        let found = differences(&recorded, &simulated);
        wrong.extend(found.into_iter().map(|it| format!("{client} sends {it}")));
        Ok(wrong)
    }

    /// Who else is in a client's group: what is drawn there is not compared.
    fn company(&self, case: &Case, client: &str) -> Company {
        let of = self.groups.get(client);
        let others = self.counters.keys().filter(|other| *other != client && self.groups.get(*other) == of);
        let overlaps = |other: &&String| case.live_together(client, other);
        if of.is_some() && others.clone().any(|other| overlaps(&other)) { Company::Others } else { Company::Nobody }
    }
}

fn call_of(spoken: &Spoken) -> Result<Call, String> {
    let fields = &spoken.fields;
    let place = || Ok::<_, String>((text(fields, "topic")?.to_owned(), number(fields, "partition")? as i32));
    let at = |timestamp: i64| {
        let places = places(fields)?;
        Ok::<_, String>(Call::Offsets(places.into_iter().map(|(topic, it)| (topic, it, timestamp)).collect()))
    };
    Ok(match spoken.call.as_str() {
        "subscribe" => Call::Subscribe(words(fields, "topics")),
        "assign" => Call::Assign(places(fields)?),
        "pause" => Call::Pause(places(fields)?),
        "resume" => Call::Resume(places(fields)?),
        "poll" => {
            let ends = fields.get("until_ms").or(fields.get("done_ms")).and_then(Value::as_i64);
            Call::Poll {
                timeout: number(fields, "timeout_ms")? as Time * MILLISECOND,
                records: words(fields, "records").len(),
                until: time_of(ends.ok_or("a poll without an end")?),
                fails: fields.contains_key("error"),
            }
        }
        "seek" => {
            let (topic, partition) = place()?;
            Call::Seek(topic, partition, number(fields, "offset")?)
        }
        "position" => {
            let (topic, partition) = place()?;
            Call::Position(topic, partition)
        }
        "commitSync" => Call::CommitSync(offsets(fields)?),
        "committed" => Call::Committed(places(fields)?),
        "beginningOffsets" => at(-2)?,
        "endOffsets" => at(-1)?,
        "offsetsForTimes" => {
            let times = fields.get("timestamps").and_then(Value::as_object).ok_or("no timestamps")?;
            let asked = times.iter().map(|(partition, time)| {
                let (topic, partition) = parse_place(partition)?;
                Ok::<_, String>((topic, partition, time.as_i64().ok_or("no time")?))
            });
            Call::Offsets(asked.collect::<Result<_, _>>()?)
        }
        "close" => Call::Close,
        other => return Err(format!("a program's {other} is not known")),
    })
}

fn callback(what: Callback, of: &[TopicPartition], world: &World) -> Value {
    let name = match what {
        Callback::Assigned => "onPartitionsAssigned",
        Callback::Revoked => "onPartitionsRevoked",
        Callback::Lost => "onPartitionsLost",
    };
    let mut partitions: Vec<String> = of.iter().map(|of| name_of(*of, world)).collect();
    partitions.sort_unstable();
    json!([name, partitions])
}

fn name_of(of: TopicPartition, world: &World) -> String {
    format!("{}-{}", world.broker().image().topics.name_of(of.topic), of.partition)
}

/// Whether a call has returned what is recorded.
fn agrees(spoken: &Spoken, returned: &Returned, world: &World) -> Result<(), String> {
    let error = spoken.fields.get("error").and_then(Value::as_str);
    let result = spoken.fields.get("result").cloned().unwrap_or(Value::Null);
    let is_it = match returned {
        Returned::Error(code) => error.is_some_and(|error| error.contains(&format!("[{}]", error_name(*code)))),
        Returned::Thrown(thrown) => error.is_some_and(|error| error.starts_with(&thrown.exception())),
        _ if error.is_some() => false,
        Returned::Nothing => result.is_null(),
        Returned::Position(offset) => result == json!(offset),
        Returned::Records(records) => {
            let recorded = words(&spoken.fields, "records").into_iter();
            by_partition(recorded)
                == by_partition(records.iter().map(|(of, at)| format!("{}@{at}", name_of(*of, world))))
        }
        Returned::Committed(offsets) => {
            let of = |it: &GroupOffset| {
                let said = json!({"offset": it.offset, "metadata": it.metadata, "leader_epoch": it.leader_epoch});
                (format!("{}-{}", it.topic, it.partition), if it.offset < 0 { Value::Null } else { said })
            };
            result == Value::Object(offsets.iter().map(of).collect())
        }
        Returned::Offsets(found) if spoken.call == "offsetsForTimes" => {
            let of = |it: &loglab::client::OffsetFound| {
                let (timestamp, epoch, offset) = (it.timestamp, it.leader_epoch, it.offset);
                let said = format!("(timestamp={timestamp}, leaderEpoch={epoch}, offset={offset})");
                let said = if offset < 0 { Value::Null } else { Value::String(said) };
                (format!("{}-{}", it.topic, it.partition), said)
            };
            result == Value::Object(found.iter().map(of).collect())
        }
        Returned::Offsets(found) => {
            let of = |it: &loglab::client::OffsetFound| (format!("{}-{}", it.topic, it.partition), json!(it.offset));
            result == Value::Object(found.iter().map(of).collect())
        }
    };
    let recorded = json!([result, error, spoken.fields.get("records")]);
    if is_it { Ok(()) } else { Err(format!("{recorded} was recorded, here {returned:?}")) }
}

fn recorded(case: &Case, client: &str) -> Result<Vec<Message>, String> {
    let of_it = case.exchanges.iter().filter(|exchange| exchange.client_id.as_deref() == Some(client));
    of_it.map(|exchange| read(&exchange.request()?)).collect()
}

/// What the simulated one asked for, with recorded ids.
fn simulated(world: &World, ids: &Ids, place: usize) -> Result<Vec<Message>, String> {
    let asked = world.asked_by_program(place);
    asked
        .map(|message| {
            let mut bytes = frame::write_request(message, None)?;
            ids.to_recorded(&mut bytes);
            read(&bytes)
        })
        .collect()
}

/// Whether others may call meanwhile: so a poll that waits.
pub fn is_long(spoken: &Spoken) -> bool {
    spoken.call == "poll" || spoken.call == "close"
}

fn listens(calls: &[&Spoken]) -> bool {
    calls.iter().any(|it| it.fields.get("listener") == Some(&Value::Bool(true)))
}

pub fn time_of(ms: i64) -> Time {
    BEGIN.saturating_add_signed(ms * MILLISECOND as i64)
}

/// Records by partition: which partition comes first is not compared.
fn by_partition(records: impl Iterator<Item = String>) -> BTreeMap<String, Vec<String>> {
    let mut partitions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in records {
        let (partition, offset) = record.rsplit_once('@').unwrap_or((&record, ""));
        partitions.entry(partition.to_owned()).or_default().push(offset.to_owned());
    }
    partitions
}

fn read(bytes: &[u8]) -> Result<Message, String> {
    Ok(frame::read_request(bytes).map_err(|error| error.to_string())?.message)
}

fn words(fields: &Map<String, Value>, name: &str) -> Vec<String> {
    let words = fields.get(name).and_then(Value::as_array).into_iter().flatten();
    words.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn places(fields: &Map<String, Value>) -> Result<Vec<(String, i32)>, String> {
    words(fields, "partitions").iter().map(|it| parse_place(it)).collect()
}

pub fn parse_place(text: &str) -> Result<(String, i32), String> {
    let (topic, partition) = text.rsplit_once('-').ok_or_else(|| format!("no partition: {text}"))?;
    Ok((topic.to_owned(), partition.parse().map_err(|_| format!("no partition: {text}"))?))
}

fn offsets(fields: &Map<String, Value>) -> Result<Option<Vec<GroupOffset>>, String> {
    let Some(offsets) = fields.get("offsets").and_then(Value::as_object) else { return Ok(None) };
    let of = |(place, said): (&String, &Value)| {
        let (topic, partition) = parse_place(place)?;
        let offset = said["offset"].as_i64().ok_or("no offset")?;
        let leader_epoch = said["leader_epoch"].as_i64().unwrap_or(-1) as i32;
        let metadata = said["metadata"].as_str().unwrap_or_default().to_owned();
        Ok(GroupOffset { topic, partition, offset, leader_epoch, metadata })
    };
    offsets.iter().map(of).collect::<Result<Vec<_>, String>>().map(Some)
}

fn settings(fields: &Map<String, Value>) -> Result<ConsumerSettings, String> {
    let mut config = ConsumerConfig::default();
    let told = fields.get("config").and_then(Value::as_object).ok_or("no config")?;
    let group = told.get("group.id").and_then(Value::as_str).map(str::to_owned);
    for (name, value) in told.iter().filter(|(name, _)| *name != "group.id") {
        let value = value.as_str().ok_or("no setting")?.to_owned();
        config.set(name, &Raw::Text(value)).map_err(|why| format!("{name}: {why}"))?;
    }
    let settings = ConsumerSettings::of(&config);
    Ok(ConsumerSettings { group: GroupSettings { id: group, ..settings.group }, ..settings })
}
