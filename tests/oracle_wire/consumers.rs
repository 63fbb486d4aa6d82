//! Simulated consumers make the calls of the recorded programs, and both what they send and what their calls result in is
//! compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use loglab::client::{ConsumerSettings, GroupOffset, GroupSettings, PollError};
use loglab::settings::{Config, ConsumerConfig, Raw};
use loglab::sim::{MILLISECOND, SECOND, Time};
use loglab::wire::{Message, TopicPartition, error_name, frame};
use serde_json::{Map, Value, json};

use super::admin::{self, Admins};
use super::asked::{self, Company};
use super::broker::{BEGIN, World};
use super::case::{Case, Op, Spoken};
use super::compare::differences;
use super::ids::Ids;
use super::java::Java;
use super::play::{Outcome, begin_ms};
use super::player::Node;
use super::reading::{Call, Callback, Counter, Program, Returned};
use super::setup::{self, number, text};
use super::traffic;

/// Calls that such a program makes.
const KNOWN: [&str; 13] = [
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
const PATIENCE: Time = 60 * SECOND;

/// Whether a case is one of consumers, with an administrator or without.
pub fn is_meant(case: &Case) -> bool {
    let makes = |call: &str| case.story.iter().any(|it| it.call == call);
    makes("new_consumer") && !makes("new_producer")
}

/// Plays the programs of such a case.
pub fn play(case: &Case) -> Result<Outcome, String> {
    let calls = case.story.iter().map(|it| it.call.as_str());
    let unknown: BTreeSet<&str> =
        calls.filter(|call| !KNOWN.contains(call) && *call != "offsetsForTimes" && !admin::is_known(call)).collect();
    if !unknown.is_empty() {
        let pending = unknown.into_iter().map(str::to_owned).collect();
        return Ok(Outcome { pending, ..Outcome::default() });
    }
    let mut game = Game::new(case)?;
    game.play()?;
    Ok(Outcome { wrong: game.differences()?, ..Outcome::default() })
}

struct Game<'a> {
    case: &'a Case,
    world: World,
    ids: Ids,
    java: Java,
    counters: BTreeMap<String, Arc<Mutex<Counter>>>,
    admins: Admins<'a>,
    /// Names of clients in the order of their processes.
    clients: Vec<String>,
    /// The group of each client, if it has one.
    groups: BTreeMap<String, String>,
    calls: BTreeMap<String, Vec<&'a Spoken>>,
}

impl<'a> Game<'a> {
    fn new(case: &'a Case) -> Result<Self, String> {
        let mut programs = Vec::new();
        let (mut counters, mut clients, mut groups) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        let mut admins = Admins::default();
        for made in case.story.iter().filter(|spoken| ["new_consumer", "new_admin"].contains(&spoken.call.as_str())) {
            clients.push(made.client.clone());
            if made.call == "new_admin" {
                programs.push(admins.make(&made.client));
                continue;
            }
            let counter = Arc::<Mutex<Counter>>::default();
            let settings = settings(&made.fields)?;
            if let Some(group) = &settings.group.id {
                groups.insert(made.client.clone(), group.clone());
            }
            programs.push(Node::Reading(Box::new(Program::new(settings, Arc::clone(&counter)))));
            counters.insert(made.client.clone(), counter);
        }
        let begin_ms = begin_ms(case);
        let node = (case.head.broker.node_id, 1);
        let mut world = World::with(&case.head.broker, node, BEGIN, begin_ms, (1, programs))?;
        let mut ids = Ids::default();
        setup::prepare(&case.head.broker, &mut world, &mut ids)?;
        Ok(Game { case, world, ids, java: Java::default(), counters, admins, clients, groups, calls: BTreeMap::new() })
    }

    fn play(&mut self) -> Result<(), String> {
        let case = self.case;
        let mut ops = case.head.setup.iter().peekable();
        for spoken in case.story.iter().filter(|it| it.call != "new_consumer") {
            // What has the same time was done by the thread that made the call, behind it.
            while let Some(op) = ops.next_if(|op| op.ms < spoken.ms) {
                self.set_up(op)?;
            }
            self.wait_until(spoken.ms);
            if self.admins.has(&spoken.client) {
                self.administer(spoken)?;
                continue;
            }
            self.wait_for(&spoken.client)?;
            let call = self.call(spoken)?;
            self.counter(&spoken.client)?.lock().expect("nobody panics with it").calls.push_back(call);
            self.calls.entry(spoken.client.clone()).or_default().push(spoken);
            if !is_long(spoken) {
                self.wait_for(&spoken.client)?;
            }
        }
        for client in self.counters.keys().cloned().collect::<Vec<_>>() {
            self.wait_for(&client)?;
        }
        Ok(())
    }

    /// A call of an admin client, whose program waits for what comes of it.
    fn administer(&mut self, spoken: &'a Spoken) -> Result<(), String> {
        // A call that is not waited for is over at once.
        let Some(returned) = self.admins.call(spoken)? else { return Ok(()) };
        let end = self.world.now() + PATIENCE;
        while !returned() {
            if self.world.now() >= end {
                return Err(format!("nothing becomes of {}", spoken.call));
            }
            self.world.run_for(MILLISECOND);
        }
        Ok(())
    }

    fn counter(&self, client: &str) -> Result<Arc<Mutex<Counter>>, String> {
        self.counters.get(client).map(Arc::clone).ok_or_else(|| format!("no client {client}"))
    }

    fn set_up(&mut self, op: &Op) -> Result<(), String> {
        self.wait_until(op.ms);
        match op.op.as_str() {
            "create_topic" => setup::create(&mut self.world, &mut self.ids, self.case, op),
            "fill" => setup::fill(&mut self.world, op),
            "delete_records" => setup::delete_records(&mut self.world, op),
            "client_call" => {
                let now_ms = begin_ms(self.case).unwrap_or(0) + op.ms;
                self.java.call(&mut self.world, self.case, op, now_ms)
            }
            "wait_transaction_complete" => {
                self.world.run_for(SECOND / 2);
                Ok(())
            }
            other => Err(format!("setup has no word {other} for consumers")),
        }
    }

    fn wait_until(&mut self, ms: i64) {
        let time = time_of(ms);
        if time > self.world.now() {
            self.world.run_until(time);
        }
    }

    /// Lets time pass until a client is in no call.
    fn wait_for(&mut self, client: &str) -> Result<(), String> {
        let counter = self.counter(client)?;
        let end = self.world.now() + PATIENCE;
        loop {
            let call = {
                let counter = counter.lock().expect("nobody panics with it");
                counter.calls.front().or(counter.current.as_ref()).cloned()
            };
            match call {
                None => return Ok(()),
                Some(call) if self.world.now() >= end => {
                    let returned = &counter.lock().expect("nobody panics with it").returned;
                    return Err(format!("{client} does not return from {call:?}, behind {returned:?}"));
                }
                Some(_) => self.world.run_for(MILLISECOND),
            }
        }
    }

    fn call(&self, spoken: &Spoken) -> Result<Call, String> {
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

    fn differences(&self) -> Result<Vec<String>, String> {
        let mut wrong = self.admins.differences(self.case);
        for (place, client) in self.clients.iter().enumerate() {
            if self.admins.has(client) {
                let recorded = admin::said(&traffic::recorded(self.case, client)?)?;
                let simulated = admin::said(&traffic::simulated(&self.world, &self.ids, place)?)?;
                let found = differences(&recorded, &simulated);
                wrong.extend(found.into_iter().map(|it| format!("{client} sends {it}")));
                continue;
            }
            let counter = self.counter(client)?;
            let counter = counter.lock().expect("nobody panics with it");
            let calls = self.calls.get(client).map_or(&[][..], Vec::as_slice);
            for (spoken, returned) in calls.iter().zip(&counter.returned) {
                if let Err(why) = self.agrees(spoken, returned) {
                    wrong.push(format!("{client}, call {}, {}: {why}", spoken.n, spoken.call));
                }
            }
            let company = self.company(client);
            let heard: Vec<Value> = counter.heard.iter().map(|(what, of)| self.callback(*what, of)).collect();
            let recorded = self.case.callbacks_of(client);
            if listens(calls) {
                let (recorded, heard) = (company.callbacks(recorded), company.callbacks(heard));
                let found = differences(&json!(recorded), &json!(heard));
                wrong.extend(found.into_iter().map(|it| format!("{client} hears {it}")));
            }
            let recorded = asked::said(&self.recorded(client)?, &self.case.head.topic_ids, company)?;
            let simulated = asked::said(&self.simulated(place)?, &self.case.head.topic_ids, company)?;
            let found = differences(&recorded, &simulated);
            wrong.extend(found.into_iter().map(|it| format!("{client} sends {it}")));
        }
        Ok(wrong)
    }

    /// Who else is in a client's group: what is drawn there is not compared.
    fn company(&self, client: &str) -> Company {
        let of = self.groups.get(client);
        let others = self.clients.iter().filter(|other| *other != client && self.groups.get(*other) == of);
        let overlaps = |other: &&String| self.case.live_together(client, other);
        if of.is_some() && others.clone().any(|other| overlaps(&other)) { Company::Others } else { Company::Nobody }
    }

    fn callback(&self, what: Callback, of: &[TopicPartition]) -> Value {
        let name = match what {
            Callback::Assigned => "onPartitionsAssigned",
            Callback::Revoked => "onPartitionsRevoked",
            Callback::Lost => "onPartitionsLost",
        };
        let mut partitions: Vec<String> = of.iter().map(|of| self.name_of(*of)).collect();
        partitions.sort_unstable();
        json!([name, partitions])
    }

    fn name_of(&self, of: TopicPartition) -> String {
        format!("{}-{}", self.world.broker().image().topics.name_of(of.topic), of.partition)
    }

    /// Whether a call has returned what is recorded.
    fn agrees(&self, spoken: &Spoken, returned: &Returned) -> Result<(), String> {
        let error = spoken.fields.get("error").and_then(Value::as_str);
        let result = spoken.fields.get("result").cloned().unwrap_or(Value::Null);
        let is_it = match returned {
            Returned::Error(code) => error.is_some_and(|error| error.contains(&format!("[{}]", error_name(*code)))),
            Returned::Thrown(thrown) => error.is_some_and(|error| error.starts_with(exception(*thrown))),
            _ if error.is_some() => false,
            Returned::Nothing => result.is_null(),
            Returned::Position(offset) => result == json!(offset),
            Returned::Records(records) => {
                let recorded = words(&spoken.fields, "records").into_iter();
                by_partition(recorded)
                    == by_partition(records.iter().map(|(of, at)| format!("{}@{at}", self.name_of(*of))))
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
                let of =
                    |it: &loglab::client::OffsetFound| (format!("{}-{}", it.topic, it.partition), json!(it.offset));
                result == Value::Object(found.iter().map(of).collect())
            }
        };
        let recorded = json!([result, error, spoken.fields.get("records")]);
        if is_it { Ok(()) } else { Err(format!("{recorded} was recorded, here {returned:?}")) }
    }

    fn recorded(&self, client: &str) -> Result<Vec<Message>, String> {
        let of_it = self.case.exchanges.iter().filter(|exchange| exchange.client_id.as_deref() == Some(client));
        of_it.map(|exchange| read(&exchange.request()?)).collect()
    }

    /// What the simulated one asked for, with recorded ids.
    fn simulated(&self, place: usize) -> Result<Vec<Message>, String> {
        let asked = self.world.asked_by_program(place);
        asked
            .map(|message| {
                let mut bytes = frame::write_request(message, None)?;
                self.ids.to_recorded(&mut bytes);
                read(&bytes)
            })
            .collect()
    }
}

/// Whether others may call meanwhile: so a poll that waits.
fn is_long(spoken: &Spoken) -> bool {
    spoken.call == "poll" || spoken.call == "close"
}

fn listens(calls: &[&Spoken]) -> bool {
    calls.iter().any(|it| it.fields.get("listener") == Some(&Value::Bool(true)))
}

fn time_of(ms: i64) -> Time {
    BEGIN.saturating_add_signed(ms * MILLISECOND as i64)
}

fn exception(thrown: PollError) -> &'static str {
    match thrown {
        PollError::OffsetOutOfRange => "OffsetOutOfRangeException",
        PollError::NoOffsetForPartition => "NoOffsetForPartitionException",
    }
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

fn parse_place(text: &str) -> Result<(String, i32), String> {
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
