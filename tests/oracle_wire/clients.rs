//! The other way round: simulated clients make the calls of the recorded programs, and both what they send and what their
//! calls result in is compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use kafka_protocol::protocol::StrBytes;
use loglab::client::{GroupOffsets, ProducerSettings};
use loglab::log::batch;
use loglab::note::{SendError, TransactionError};
use loglab::settings::{Config, ProducerConfig, Raw};
use loglab::sim::{MILLISECOND, SECOND, Time};
use loglab::wire::{Body, Message, Request, error_name};
use serde_json::{Map, Value, json};

use super::admin::{self, Admins};
use super::broker::{BEGIN, World};
use super::case::{Case, Spoken};
use super::compare::differences;
use super::consumers;
use super::ids::Ids;
use super::play::{Outcome, begin_ms};
use super::player::Node;
use super::program::{Call, Desk, Program, Record};
use super::readers::{self, Readers, is_long, parse_place};
use super::setup::{self, number, text};
use super::traffic;
use super::tree::{hex, tree};

/// Calls that a simulated program with a producer makes.
const KNOWN: [&str; 10] = [
    "new_producer",
    "send",
    "wait_send",
    "flush",
    "close",
    "initTransactions",
    "beginTransaction",
    "commitTransaction",
    "abortTransaction",
    "sendOffsetsToTransaction",
];
/// How many draws are tried.
const SEEDS: u64 = 8;
/// How long a call may take.
const PATIENCE: Time = 60 * SECOND;

/// Plays the programs of a case; `None` where there is none, or the broker lacks what they need.
pub fn play(case: &Case) -> Option<Result<Outcome, String>> {
    if case.story.is_empty() {
        return None;
    }
    if consumers::is_meant(case) {
        return Some(consumers::play(case));
    }
    let onlookers = onlookers(case);
    let spoken = case.story.iter().filter(|it| !onlookers.contains(&it.client));
    let is_known = |call: &String| {
        KNOWN.contains(&call.as_str()) || readers::KNOWN.contains(&call.as_str()) || admin::is_known(call)
    };
    let mut unknown: Vec<String> = spoken.map(|it| it.call.clone()).filter(|call| !is_known(call)).collect();
    unknown.sort_unstable();
    unknown.dedup();
    if !unknown.is_empty() {
        return Some(Ok(Outcome { pending: unknown, ..Outcome::default() }));
    }
    let later: BTreeSet<&str> = case.story.iter().filter_map(|it| admin::later(&it.call)).collect();
    let later: Vec<String> = later.into_iter().map(str::to_owned).collect();
    Some(with_some_seed(case).map(|outcome| Outcome { later, ..outcome }))
}

/// Consumers beside a producer that are in no group: who looks afterwards changes nothing.
fn onlookers(case: &Case) -> BTreeSet<String> {
    let is_in_no_group = |it: &&Spoken| {
        let config = it.fields.get("config").and_then(Value::as_object);
        it.call == "new_consumer" && config.is_none_or(|config| !config.contains_key("group.id"))
    };
    let sends = case.story.iter().any(|it| it.call == "new_producer");
    case.story.iter().filter(is_in_no_group).filter(|_| sends).map(|it| it.client.clone()).collect()
}

/// Which partition a sticky partitioner begins with is drawn: with one of these seeds it is the recorded one, and all is as it was.
fn with_some_seed(case: &Case) -> Result<Outcome, String> {
    let mut first = Vec::new();
    for seed in 1..=SEEDS {
        let mut game = Game::new(case, seed)?;
        game.play()?;
        let wrong = game.differences()?;
        if wrong.is_empty() {
            return Ok(Outcome::default());
        }
        if first.is_empty() {
            first = wrong;
        }
    }
    Ok(Outcome { wrong: first, ..Outcome::default() })
}

struct Game<'a> {
    case: &'a Case,
    world: World,
    ids: Ids,
    desks: BTreeMap<String, Arc<Mutex<Desk>>>,
    admins: Admins<'a>,
    /// Members of groups beside producers.
    readers: Readers<'a>,
    /// Names of clients in the order of their processes.
    clients: Vec<String>,
    /// Calls of `send` by client, in their order.
    sends: BTreeMap<String, Vec<&'a Spoken>>,
    /// Calls of transactions by client, in their order.
    calls: BTreeMap<String, Vec<&'a Spoken>>,
    wrong: Vec<String>,
}

impl<'a> Game<'a> {
    fn new(case: &'a Case, seed: u64) -> Result<Self, String> {
        let mut programs = Vec::new();
        let (mut desks, mut admins, mut clients) = (BTreeMap::new(), Admins::default(), Vec::new());
        let (mut readers, onlookers) = (Readers::default(), onlookers(case));
        for made in case.story.iter().filter(|it| !onlookers.contains(&it.client)) {
            match made.call.as_str() {
                "new_producer" => {
                    let desk = Arc::<Mutex<Desk>>::default();
                    let program = Program::new(settings(&made.fields)?, Arc::clone(&desk));
                    programs.push(Node::Program(Box::new(program)));
                    desks.insert(made.client.clone(), desk);
                }
                "new_admin" => programs.push(admins.make(&made.client)),
                "new_consumer" => programs.push(readers.make(made)?),
                _ => continue,
            }
            clients.push(made.client.clone());
        }
        let mut world =
            World::with(&case.head.broker, (case.head.broker.node_id, 1), BEGIN, begin_ms(case), (seed, programs))?;
        let mut ids = Ids::default();
        setup::prepare(&case.head.broker, &mut world, &mut ids)?;
        let (sends, calls) = (BTreeMap::new(), BTreeMap::new());
        Ok(Game { case, world, ids, desks, admins, readers, clients, sends, calls, wrong: Vec::new() })
    }

    fn play(&mut self) -> Result<(), String> {
        let case = self.case;
        let mut ops = case.head.setup.iter().peekable();
        let onlookers = onlookers(case);
        for spoken in case.story.iter().filter(|it| !onlookers.contains(&it.client)) {
            // Another client's may be made when this one's program has gone on.
            while let Some(op) = ops.next_if(|op| op.ms <= spoken.ms) {
                self.set_up(op)?;
            }
            self.wait_until(spoken.ms);
            self.make(spoken)?;
        }
        self.world.run_for(SECOND);
        Ok(())
    }

    fn set_up(&mut self, op: &super::case::Op) -> Result<(), String> {
        self.wait_until(op.ms);
        match op.op.as_str() {
            "create_topic" => setup::create(&mut self.world, &mut self.ids, self.case, op),
            "fill" => setup::fill(&mut self.world, op),
            "delete_records" => setup::delete_records(&mut self.world, op),
            "wait_transaction_complete" => {
                self.world.run_for(SECOND / 2);
                Ok(())
            }
            "drop_response" => {
                let count = number(&op.fields, "count")? as u64;
                self.desks.values().for_each(|desk| desk.lock().expect("nobody panics with it").drops = count);
                Ok(())
            }
            "drop_response_end" => {
                self.desks.values().for_each(|desk| desk.lock().expect("nobody panics with it").drops = 0);
                Ok(())
            }
            // Who looks afterwards changes nothing.
            "client_call" => Ok(()),
            other => Err(format!("setup has no word {other} for clients")),
        }
    }

    fn wait_until(&mut self, ms: i64) {
        let time = BEGIN.saturating_add_signed(ms * MILLISECOND as i64);
        if time > self.world.now() {
            self.world.run_until(time);
        }
    }

    fn make(&mut self, spoken: &'a Spoken) -> Result<(), String> {
        if self.admins.has(&spoken.client) {
            return match self.admins.call(spoken)? {
                Some(returned) => self.wait_until_that(returned),
                None => Ok(()),
            };
        }
        if self.readers.has(&spoken.client) {
            return self.read(spoken);
        }
        let desk = Arc::clone(self.desks.get(&spoken.client).ok_or_else(|| format!("no client {}", spoken.client))?);
        let order = |call| desk.lock().expect("nobody panics with it").calls.push_back(call);
        match spoken.call.as_str() {
            "new_producer" => order(Call::New),
            "close" => {
                order(Call::Close);
                if let Some(timeout) = spoken.fields.get("timeout_ms").and_then(Value::as_u64) {
                    self.force_close(&spoken.client, timeout * MILLISECOND);
                }
            }
            "initTransactions"
            | "beginTransaction"
            | "commitTransaction"
            | "abortTransaction"
            | "sendOffsetsToTransaction" => {
                let offsets = self.offsets(&spoken.fields)?;
                let calls = self.calls.entry(spoken.client.clone()).or_default();
                calls.push(spoken);
                let count = calls.len();
                order(match spoken.call.as_str() {
                    "initTransactions" => Call::Init,
                    "beginTransaction" => Call::Begin,
                    "commitTransaction" => Call::Commit,
                    "abortTransaction" => Call::Abort,
                    _ => Call::SendOffsets(offsets.ok_or("offsets of nobody")?),
                });
                self.wait_until_that(|| desk.lock().expect("nobody panics with it").returned.len() >= count)?;
            }
            "send" => {
                let sends = self.sends.entry(spoken.client.clone()).or_default();
                sends.push(spoken);
                let place = sends.len() - 1;
                order(Call::Send(record(&spoken.fields)?));
                if spoken.fields.get("async") != Some(&Value::Bool(true)) {
                    self.wait_for(&desk, place + 1)?;
                }
            }
            "flush" | "wait_send" => {
                let count = self.sends.get(&spoken.client).map_or(0, Vec::len);
                self.wait_for(&desk, count)?;
            }
            other => return Err(format!("a program's {other} is not known")),
        }
        Ok(())
    }

    /// A call of a member of a group.
    fn read(&mut self, spoken: &'a Spoken) -> Result<(), String> {
        if spoken.call == "new_consumer" {
            return Ok(());
        }
        self.readers.wait_for(&spoken.client, &mut self.world)?;
        self.readers.call(spoken)?;
        if is_long(spoken) { Ok(()) } else { self.readers.wait_for(&spoken.client, &mut self.world) }
    }

    /// What a transaction commits, by the member that has read it; `None` where nothing is.
    fn offsets(&self, fields: &Map<String, Value>) -> Result<Option<GroupOffsets>, String> {
        let Some(offsets) = fields.get("offsets").and_then(Value::as_object) else { return Ok(None) };
        let of = |(place, said): (&String, &Value)| {
            let (topic, partition) = parse_place(place)?;
            Ok((topic, partition, said["offset"].as_i64().ok_or("no offset")?))
        };
        let offsets = offsets.iter().map(of).collect::<Result<Vec<_>, String>>()?;
        let group = fields.get("group_metadata").and_then(|it| it["group_id"].as_str()).ok_or("no group")?;
        let member = self.readers.membership(group).ok_or("nobody is a member of it")?;
        Ok(Some(GroupOffsets { offsets, ..member }))
    }

    /// `close(timeout)`: who is not done by then is ended.
    fn force_close(&mut self, client: &str, timeout: Time) {
        let place = self.clients.iter().position(|it| it == client).expect("a client that was made");
        self.world.run_for(timeout);
        self.world.end_program(place);
    }

    /// Lets time pass until so many records of a client have become something.
    fn wait_for(&mut self, desk: &Mutex<Desk>, count: usize) -> Result<(), String> {
        self.wait_until_that(|| {
            let results = &desk.lock().expect("nobody panics with it").results;
            results.len() >= count && results.iter().all(Option::is_some)
        })
    }

    fn wait_until_that(&mut self, is_so: impl Fn() -> bool) -> Result<(), String> {
        let end = self.world.now() + PATIENCE;
        while !is_so() {
            if self.world.now() >= end {
                return Err("nothing becomes of a record or a call".to_owned());
            }
            self.world.run_for(MILLISECOND);
        }
        Ok(())
    }

    fn differences(mut self) -> Result<Vec<String>, String> {
        for (client, sends) in &self.sends {
            let results = self.desks[client].lock().expect("nobody panics with it").results.clone();
            for (spoken, result) in sends.iter().zip(&results) {
                if let Err(why) = agrees(spoken, result.as_ref()) {
                    self.wrong.push(format!("{client}, call {}: {why}", spoken.n));
                }
            }
        }
        for (client, calls) in &self.calls {
            let returned = self.desks[client].lock().expect("nobody panics with it").returned.clone();
            for (spoken, result) in calls.iter().zip(returned) {
                let recorded = spoken.fields.get("error").and_then(Value::as_str);
                if !returned_so(result, recorded) {
                    self.wrong.push(format!(
                        "{client}, call {}: {} ended with {recorded:?}, here with {result:?}",
                        spoken.n, spoken.call
                    ));
                }
            }
        }
        self.wrong.extend(self.admins.differences(self.case));
        for (place, client) in self.clients.iter().enumerate() {
            if self.readers.has(client) {
                self.wrong.extend(self.readers.differences(self.case, &self.world, &self.ids, (place, client))?);
                continue;
            }
            let recorded = traffic::recorded(self.case, client)?;
            let simulated = traffic::simulated(&self.world, &self.ids, place)?;
            let said = if self.admins.has(client) { admin::said } else { said };
            let (recorded, simulated) = (said(&recorded)?, said(&simulated)?);
            let found = differences(&recorded, &simulated);
            self.wrong.extend(found.into_iter().map(|it| format!("{client} sends {it}")));
        }
        Ok(self.wrong)
    }
}

/// Requests by API, in their order; of those that find things out only what is new. Of batches it does not matter which records
/// share one, nor when they were stamped.
fn said(messages: &[Message]) -> Result<Value, String> {
    let (mut metadata, mut ids, mut produce) = (Vec::new(), Vec::new(), Vec::new());
    let (mut coordinators, mut ends, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    let mut records: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for message in messages {
        let Body::Request(request) = &message.body else { return Err("a client answers".to_owned()) };
        match request {
            Request::Metadata(asked) => {
                // A client that has no topic yet asks for none, if it has the time.
                let topics = tree(&asked.topics)?;
                if topics != json!([]) && metadata.last() != Some(&topics) {
                    metadata.push(topics);
                }
            }
            Request::InitProducerId(asked) => {
                // Asked again while the transaction before is at its end, as often as that takes.
                let asked = tree(asked)?;
                if ids.last() != Some(&asked) {
                    ids.push(asked);
                }
            }
            Request::FindCoordinator(asked) => coordinators.push(tree(asked)?),
            Request::EndTxn(asked) => ends.push(tree(asked)?),
            Request::TxnOffsetCommit(asked) => {
                // Members' ids are drawn.
                offsets.push(tree(&asked.clone().with_member_id(StrBytes::default()))?);
            }
            Request::Produce(asked) => {
                let head = json!([tree(&asked.transactional_id)?, asked.acks, asked.timeout_ms]);
                if produce.last() != Some(&head) {
                    produce.push(head);
                }
                for topic in &asked.topic_data {
                    for data in &topic.partition_data {
                        let name = format!("{}-{}", topic.topic_id, data.index);
                        let bytes = data.records.clone().unwrap_or_default();
                        records.entry(name).or_default().extend(records_of(&bytes)?);
                    }
                }
            }
            // The handshake of each connection.
            Request::ApiVersions(_) => {}
            other => return Err(format!("a producer asks for {}", other.api())),
        }
    }
    Ok(json!({
        "Metadata": metadata, "FindCoordinator": coordinators, "InitProducerId": ids, "Produce": produce, "EndTxn": ends,
        "TxnOffsetCommit": offsets, "records": records,
    }))
}

fn records_of(bytes: &[u8]) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    for (header, bytes) in batch::batches(bytes) {
        let body = batch::Body::of(bytes).map_err(|error| error.to_string())?;
        for (place, record) in (0..).zip(body.records().map_err(|error| error.to_string())?) {
            let record = record.map_err(|error| error.to_string())?;
            let sequence = if header.base_sequence < 0 { -1 } else { header.base_sequence + place };
            found.push(json!({
                "producer": [header.producer_id, header.producer_epoch, sequence],
                "attributes": header.attributes,
                "key": record.key.map(hex),
                "value": record.value.map(hex),
                "headers": record.headers().map(|(key, value)| json!([hex(key), value.map(hex)])).collect::<Vec<_>>(),
            }));
        }
    }
    Ok(found)
}

/// Whether a record became what is recorded.
fn agrees(spoken: &Spoken, result: Option<&Result<(i32, i64), SendError>>) -> Result<(), String> {
    let topic = text(&spoken.fields, "topic")?;
    let (recorded, error) = (spoken.fields.get("result").and_then(Value::as_str), spoken.fields.get("error"));
    let is_it = match result {
        Some(Ok((partition, offset))) => recorded == Some(format!("{topic}-{partition}@{offset}").as_str()),
        Some(Err(error_here)) => error.and_then(Value::as_str).is_some_and(|error| is_called(*error_here, error)),
        None => false,
    };
    if is_it { Ok(()) } else { Err(format!("{recorded:?} {error:?} was recorded, here {result:?}")) }
}

/// Whether an exception is this error.
fn is_called(error: SendError, exception: &str) -> bool {
    match error {
        SendError::Broker(code) => exception.contains(&format!("[{}]", error_name(code))),
        SendError::Expired | SendError::NotInMetadata => exception.starts_with("TimeoutException"),
        SendError::BufferExhausted => exception.starts_with("BufferExhaustedException"),
        SendError::RecordTooLarge => exception.starts_with("RecordTooLargeException"),
        SendError::TransactionAborted => exception.starts_with("TransactionAbortedException"),
    }
}

/// Whether a call of a transaction returned as recorded.
fn returned_so(result: Result<(), TransactionError>, recorded: Option<&str>) -> bool {
    match (result, recorded) {
        (Ok(()), None) => true,
        (Err(TransactionError::TimedOut), Some(exception)) => exception.starts_with("TimeoutException"),
        (Err(TransactionError::Abortable(error) | TransactionError::Fatal(error)), Some(exception)) => {
            is_called(error, exception)
        }
        (Ok(()), Some(_)) | (Err(_), None) => false,
    }
}

fn settings(fields: &Map<String, Value>) -> Result<ProducerSettings, String> {
    let mut config = ProducerConfig::default();
    let told = fields.get("config").and_then(Value::as_object).ok_or("no config")?;
    for (name, value) in told {
        let value = value.as_str().ok_or("no setting")?.to_owned();
        config.set(name, &Raw::Text(value)).map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(ProducerSettings::of(&config))
}

fn record(fields: &Map<String, Value>) -> Result<Record, String> {
    let bytes = |fields: &Map<String, Value>, name: &str| {
        fields.get(name).and_then(Value::as_str).map(|text| text.as_bytes().to_vec())
    };
    let value = match fields.get("value_repeat").and_then(Value::as_str) {
        Some(letter) => Some(letter.repeat(number(fields, "value_length")? as usize).into_bytes()),
        None => bytes(fields, "value"),
    };
    let headers = fields.get("headers").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    Ok(Record {
        topic: text(fields, "topic")?.to_owned(),
        partition: fields.get("partition").and_then(Value::as_i64).map(|number| number as i32),
        timestamp: fields.get("timestamp").and_then(Value::as_i64),
        key: bytes(fields, "key"),
        value,
        headers: headers.map(|it| (bytes(it, "key").unwrap_or_default(), bytes(it, "value"))).collect(),
    })
}
