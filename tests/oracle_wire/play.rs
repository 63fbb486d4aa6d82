//! Plays a case: what its clients sent, in the recorded order and at the recorded times, and compares what they are answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use loglab::sim::{MILLISECOND, SECOND, Time};
use loglab::wire::{Api, Body, Listener, Message, Request, frame};
use serde_json::Value;

use super::apis::{Standing, standing};
use super::broker::{BEGIN, Heard, World};
use super::case::{Case, Exchange, Op};
use super::compare::differences;
use super::ids::Ids;
use super::java::{Java, stamped};
use super::normalise::{normalise, rename};
use super::setup;
use super::tally::Run;
use super::tree::tree;

/// How much later than recorded an answer may come.
const PATIENCE: Time = 20 * SECOND;
/// What is listened to behind the last request.
const AFTERWARDS: Time = 5 * SECOND;
/// Timestamps below are none of a clock (a recording's own rule).
const OF_A_CLOCK: i64 = 1_000_000_000_000;

/// How a case went.
#[derive(Default)]
pub struct Outcome {
    /// What is not there yet: the case was not run.
    pub pending: Vec<String>,
    /// APIs that come later: what is recorded of them was left out.
    pub later: Vec<String>,
    /// Each difference.
    pub wrong: Vec<String>,
}

impl From<Outcome> for Run {
    fn from(outcome: Outcome) -> Self {
        let Outcome { pending, later, wrong } = outcome;
        let left = match (pending.is_empty(), later.is_empty()) {
            (false, _) => Some(format!("pending: {}", pending.join(", "))),
            (true, false) => Some(format!("LATER: {}", later.join(", "))),
            (true, true) => None,
        };
        Self { wrong, left }
    }
}

/// Plays a case.
pub fn play(case: &Case) -> Result<Outcome, String> {
    let of = |wanted: Standing| {
        let names: BTreeSet<&str> = case.apis().filter(|name| standing(name) == wanted).collect();
        names.into_iter().map(str::to_owned).collect::<Vec<String>>()
    };
    let unknown = of(Standing::Unknown);
    if !unknown.is_empty() {
        return Err(format!("nothing is known of {}", unknown.join(", ")));
    }
    let later = of(Standing::Later);
    if case.is_between_brokers() {
        return Ok(Outcome { later, wrong: between_brokers(case)?, ..Outcome::default() });
    }
    let mut game = Game::new(case, (case.head.broker.node_id, 1), BEGIN)?;
    setup::prepare(&case.head.broker, &mut game.world, &mut game.ids)?;
    game.play()?;
    Ok(Outcome { later, wrong: game.wrong, ..Outcome::default() })
}

/// Brokers of a cluster whose conversations with each other are recorded.
const BROKERS: u32 = 3;
/// The broker that leads first in each of them.
const LEADER: i32 = 1;

/// What followers ask the first leader. Who leads later has a past that these recordings hold only in part.
fn between_brokers(case: &Case) -> Result<Vec<String>, String> {
    let is_asked = |exchange: &Exchange| exchange.to_node == Some(LEADER) && exchange.api == "Fetch";
    if !case.exchanges.iter().any(is_asked) || case.head.topic_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut game = Game::new(case, (LEADER, BROKERS), BEGIN)?;
    game.play()?;
    Ok(game.wrong)
}

/// APIs that are asked again until what was before is done; how often is not compared.
pub const REPEATED: [&str; 4] = ["InitProducerId", "EndTxn", "FindCoordinator", "AddPartitionsToTxn"];
/// Errors for which they are.
pub const NOT_DONE: [(i64, &str); 4] = [
    (14, "COORDINATOR_LOAD_IN_PROGRESS"),
    (15, "COORDINATOR_NOT_AVAILABLE"),
    (16, "NOT_COORDINATOR"),
    (51, "CONCURRENT_TRANSACTIONS"),
];
/// How long a client waits before it asks again, and how often it does at most.
const RETRY: Time = 100 * MILLISECOND;
const RETRIES: usize = 100;
/// What a step at once behind another may be answered: the other is not complete, or it is and this repeats it, or this asks
/// for the opposite.
const AT_ONCE: [i64; 3] = [51, 0, 48];

/// A request that was sent.
struct Sent<'a> {
    /// With whose answer its own is compared.
    exchange: &'a Exchange,
    message: Message,
    is_over: bool,
    /// It may be asked again: its answer is kept, and compared when it is the last one.
    kept: Option<Option<Arc<Message>>>,
}

struct Game<'a> {
    case: &'a Case,
    world: World,
    ids: Ids,
    /// Recorded fetch sessions as they are numbered here.
    sessions: BTreeMap<i64, i32>,
    java: Java,
    /// When the recording began.
    begin: Time,
    begin_ms: Option<i64>,
    sent: Vec<Sent<'a>>,
    /// The broker was ended: nothing more is asked of it.
    is_down: bool,
    served: BTreeSet<i64>,
    wrong: Vec<String>,
    /// The recorded leaders of groups, by group and generation, and who leads here. Who does is drawn from a Java HashMap of random
    /// ids.
    leaders: BTreeMap<(String, i64), (String, String)>,
}

impl<'a> Game<'a> {
    fn new(case: &'a Case, node_of: (i32, u32), begin: Time) -> Result<Self, String> {
        let begin_ms = begin_ms(case);
        let served = Api::ALL.iter().filter(|api| api.is_served_by(Listener::Broker));
        Ok(Game {
            case,
            world: World::new(&case.head.broker, node_of, begin, begin_ms)?,
            ids: Ids::default(),
            sessions: BTreeMap::new(),
            java: Java::default(),
            begin,
            begin_ms,
            sent: Vec::new(),
            is_down: false,
            served: served.map(|api| i64::from(api.key())).collect(),
            wrong: Vec::new(),
            leaders: BTreeMap::new(),
        })
    }

    fn play(&mut self) -> Result<(), String> {
        let case = self.case;
        let mut ops = case.head.setup.iter().peekable();
        for exchange in &case.exchanges {
            // Between brokers only times tell what came first.
            let is_before = |op: &&Op| op.after_n.map_or(case.began(op) <= exchange.request_ms, |n| n < exchange.n);
            while let Some(op) = ops.next_if(is_before) {
                self.set_up(op)?;
            }
            if self.is_left_out(exchange) {
                continue;
            }
            if self.is_down {
                break;
            }
            self.wait_for_those_before(exchange)?;
            self.wait_until(exchange.request_ms);
            match self.chain_of(exchange) {
                Chain::Alone => self.send(exchange, false)?,
                Chain::First(chain) => self.ask_until_done(&chain)?,
                // It was asked with the first of them.
                Chain::Later => {}
            }
        }
        if !self.is_down {
            ops.try_for_each(|op| self.set_up(op))?;
        }
        self.world.run_for(AFTERWARDS);
        self.listen();
        let unanswered = self.sent.iter().filter(|sent| !sent.is_over && sent.exchange.response_ms >= 0);
        self.wrong.extend(unanswered.map(|sent| format!("exchange {}: there is no answer", sent.exchange.n)));
        Ok(())
    }

    /// The broker's own requests are not played, nor what comes later; between brokers only what followers ask.
    fn is_left_out(&self, exchange: &Exchange) -> bool {
        if !self.case.is_between_brokers() {
            return exchange.is_brokers_own() || standing(&exchange.api) == Standing::Later;
        }
        let is_asked = exchange.to_node == Some(self.world.node_id) && exchange.api == "Fetch";
        !is_asked || self.is_before_it_leads(exchange)
    }

    /// A follower asks a leader that does not know of it yet, how often is a race; and ends the session that it has of that.
    fn is_before_it_leads(&self, exchange: &Exchange) -> bool {
        const UNKNOWN: &str = "UNKNOWN_LEADER_EPOCH";
        let is_refused = |it: &Exchange| it.errors.contains_key(UNKNOWN);
        let mut earlier =
            self.case.exchanges.iter().filter(|it| {
                it.to_node == exchange.to_node && it.connection == exchange.connection && it.n < exchange.n
            });
        is_refused(exchange) || earlier.next_back().is_some_and(|it| it.api == "Fetch" && is_refused(it))
    }

    /// Lets time pass until a recorded millisecond; if it is late already, it is not made up for.
    fn wait_until(&mut self, ms: i64) {
        let time = self.begin.saturating_add_signed(ms * MILLISECOND as i64);
        if time > self.world.now() {
            self.world.run_until(time);
            self.listen();
        }
    }

    fn set_up(&mut self, op: &Op) -> Result<(), String> {
        self.wait_until(self.case.began(op));
        let wrong = |error: String| format!("setup, {}: {error}", op.op);
        match op.op.as_str() {
            "create_topic" => setup::create(&mut self.world, &mut self.ids, self.case, op).map_err(wrong)?,
            "produce" => {
                if op.fields.get("node").and_then(Value::as_i64) == Some(self.world.node_id.into()) {
                    setup::tell(&mut self.world, self.case, op).map_err(wrong)?;
                }
            }
            "signal" => {
                let is_it = op.fields.get("node").and_then(Value::as_i64) == Some(self.world.node_id.into());
                let stops = ["STOP", "CONT"].iter().any(|it| op.fields.get("signal") == Some(&Value::from(*it)));
                if is_it && stops {
                    return Err(wrong("the broker that is asked stands still".to_owned()));
                }
                self.is_down |= is_it;
            }
            // Others begin.
            "start_node" => {}
            "fill" => setup::fill(&mut self.world, op).map_err(wrong)?,
            "delete_records" => setup::delete_records(&mut self.world, op).map_err(wrong)?,
            "restart" => {
                let is_clean = op.fields.get("clean").and_then(Value::as_bool).ok_or("it says not how")?;
                self.world.restart(is_clean).map_err(wrong)?;
            }
            "client_call" => {
                let now_ms = self.begin_ms.unwrap_or(0) + op.ms;
                self.java.call(&mut self.world, self.case, op, now_ms).map_err(wrong)?;
            }
            // Which answers are dropped stands at the exchanges.
            "drop_response" | "drop_response_end" => {}
            "wait_transaction_complete" => self.world.run_for(SECOND / 2),
            other => return Err(format!("setup has no word {other}")),
        }
        // Who took longer than the real broker moves all that follows.
        let done_ms = op.done_ms.unwrap_or(op.ms);
        let due = self.begin.saturating_add_signed(done_ms * MILLISECOND as i64);
        if op.op == "restart" {
            self.begin += self.world.now().saturating_sub(due);
        }
        Ok(())
    }

    /// By hand, the next request is made when the one before is answered. Of real clients those answers are waited for that
    /// had come when the request was made.
    fn wait_for_those_before(&mut self, exchange: &Exchange) -> Result<(), String> {
        let by_hand = self.case.is_by_hand(exchange);
        let end = self.world.now() + PATIENCE;
        loop {
            self.listen();
            let is_awaited = |sent: &&Sent<'_>| {
                let other = sent.exchange;
                !sent.is_over && other.response_ms >= 0 && (by_hand || other.response_ms <= exchange.request_ms)
            };
            let Some(awaited) = self.sent.iter().find(is_awaited) else { return Ok(()) };
            if self.world.now() >= end {
                let n = awaited.exchange.n;
                return Err(format!("exchange {n} ({}): there is no answer", awaited.exchange.api));
            }
            self.world.run_for(MILLISECOND);
        }
    }

    /// The exchanges by which one is repeated until what was before it is done.
    fn chain_of(&self, exchange: &'a Exchange) -> Chain<'a> {
        let is_not_done = |it: &Exchange| NOT_DONE.iter().any(|(_, name)| it.errors.contains_key(*name));
        let said = |it: &Exchange| it.request().ok().map(|mut bytes| bytes.split_off(8.min(bytes.len())));
        let is_same =
            |it: &&Exchange| it.client_id == exchange.client_id && it.api == exchange.api && said(it) == said(exchange);
        if !REPEATED.contains(&exchange.api.as_str()) {
            return Chain::Alone;
        }
        let same: Vec<&'a Exchange> = self.case.exchanges.iter().filter(is_same).collect();
        let place = same.iter().position(|it| it.n == exchange.n).expect("it is like itself");
        if place > 0 && is_not_done(same[place - 1]) {
            return Chain::Later;
        }
        let end = place + same[place..].iter().take_while(|it| is_not_done(it)).count();
        if end == place || end == same.len() { Chain::Alone } else { Chain::First(same[place..=end].to_vec()) }
    }

    /// Asks again while the answer is that what was before is not done, and compares the last answer with the last recorded one.
    fn ask_until_done(&mut self, chain: &[&'a Exchange]) -> Result<(), String> {
        let last = *chain.last().expect("a chain has links");
        for _ in 0..RETRIES {
            self.send(last, true)?;
            let Some(place) = self.sent.len().checked_sub(1) else { return Ok(()) };
            let end = self.world.now() + PATIENCE;
            while !self.sent[place].is_over && self.world.now() < end {
                self.world.run_for(MILLISECOND);
                self.listen();
            }
            let Some(Some(answer)) = self.sent[place].kept.clone() else {
                return Err(format!("exchange {} ({}): there is no answer", last.n, last.api));
            };
            let bytes = frame::write_response(&self.sent[place].message, &answer)?;
            let codes = error_codes(&self.simulated(&self.sent[place].message, &bytes)?);
            if codes.iter().all(|code| NOT_DONE.iter().all(|(other, _)| code != other)) {
                self.judge(place, &answer);
                return Ok(());
            }
            self.world.run_for(RETRY);
        }
        Err(format!("exchange {} ({}): what was before it is never done", last.n, last.api))
    }

    fn send(&mut self, exchange: &'a Exchange, is_kept: bool) -> Result<(), String> {
        let mut bytes = exchange.request()?;
        self.ids.to_simulated(&mut bytes);
        let mut message = match frame::read_request(&bytes) {
            Ok(incoming) => incoming.message,
            Err(why) => {
                self.world.close(exchange.connection);
                if exchange.no_response.as_deref() != Some("connection_closed_by_broker") {
                    self.wrong.push(format!("exchange {}: it is no request: {why}", exchange.n));
                }
                return Ok(());
            }
        };
        if let Body::Request(Request::Fetch(fetch)) = &mut message.body {
            fetch.session_id = self.session_here(fetch.session_id);
            if let Some(epoch) = self.world.broker_epoch(fetch.replica_state.replica_id.0)
                && fetch.replica_state.replica_epoch >= 0
            {
                fetch.replica_state.replica_epoch = epoch;
            }
        }
        if let Body::Request(Request::FetchByName(fetch)) = &mut message.body {
            fetch.0.session_id = self.session_here(fetch.0.session_id);
        }
        self.said_by_the_leader_here(exchange, &mut message)?;
        self.world.send(exchange.connection, message.clone());
        self.sent.push(Sent { exchange, message, is_over: false, kept: is_kept.then_some(None) });
        Ok(())
    }

    fn session_here(&self, recorded: i32) -> i32 {
        self.sessions.get(&recorded.into()).copied().unwrap_or(recorded)
    }

    /// Takes what has happened on all connections.
    fn listen(&mut self) {
        let connections: BTreeSet<u64> = self.sent.iter().map(|sent| sent.exchange.connection).collect();
        for connection in connections {
            for heard in self.world.hear(connection) {
                match heard {
                    Heard::Answer(message) => self.answered(connection, message),
                    Heard::Closed => self.closed(connection),
                }
            }
        }
    }

    fn answered(&mut self, connection: u64, answer: Arc<Message>) {
        let is_it = |sent: &Sent<'_>| {
            !sent.is_over
                && sent.exchange.connection == connection
                && sent.message.correlation_id == answer.correlation_id
        };
        let Some(place) = self.sent.iter().position(is_it) else {
            self.wrong.push(format!("connection {connection}: {} is answered twice", answer.correlation_id));
            return;
        };
        self.sent[place].is_over = true;
        match &mut self.sent[place].kept {
            Some(kept) => *kept = Some(answer),
            None => self.judge(place, &answer),
        }
    }

    fn judge(&mut self, place: usize, answer: &Message) {
        let exchange = self.sent[place].exchange;
        match self.compare(place, answer) {
            Ok(found) => self.wrong.extend(
                found
                    .into_iter()
                    .map(|it| format!("exchange {} ({} {}) {it}", exchange.n, exchange.api, exchange.version)),
            ),
            Err(error) => self.wrong.push(format!("exchange {}: {error}", exchange.n)),
        }
        // The proxy kept the answer and closed the connection on both sides.
        if exchange.response_dropped_by_proxy {
            self.world.close(exchange.connection);
        }
    }

    /// Where an answer differs from the recorded one.
    fn compare(&mut self, place: usize, answer: &Message) -> Result<Vec<String>, String> {
        let Sent { exchange, message, .. } = &self.sent[place];
        let Some(recorded) = exchange.response()? else { return Ok(self.unexpected(exchange)) };
        let bytes = frame::write_response(message, answer)?;
        let (_, recorded) = frame::read_response(message, &recorded)?;
        let recorded = tree(&recorded)?;
        let simulated = self.simulated(message, &bytes)?;
        let api = exchange.api.clone();
        let message = message.clone();
        self.learn(&api, &recorded, &simulated)?;
        let (mut recorded, mut simulated) = (recorded, self.simulated(&message, &bytes)?);
        if api == "JoinGroup" && !self.case.is_by_hand(self.sent[place].exchange) {
            self.take_leaders(&message, &mut recorded, &mut simulated);
        }
        let is_either = |value: &Value| error_codes(value).iter().all(|code| AT_ONCE.contains(code));
        if self.case.is_at_once(self.sent[place].exchange) && is_either(&recorded) && is_either(&simulated) {
            return Ok(Vec::new());
        }
        if let (Some(is), Some(id)) = (simulated.get("session_id").and_then(Value::as_i64), recorded.get("session_id"))
            && self.sessions.get(&id.as_i64().unwrap_or(0)).copied().map(i64::from) == Some(is)
        {
            simulated["session_id"] = id.clone();
        }
        rename(&mut simulated, &self.case.head.broker);
        let state = &self.case.head.broker;
        if api == "ListGroups" {
            forget(&mut recorded, "groups", "group_id", state.groups.iter().map(|it| it.group.as_str()));
        }
        let left_over = state.transactional_ids.iter().map(|it| it.transactional_id.as_str());
        if api == "ListTransactions" {
            forget(&mut recorded, "transaction_states", "transactional_id", left_over);
        }
        if api == "ListOffsets" {
            self.forget_when_markers_were_written(&mut recorded, &mut simulated);
        }
        normalise(&api, &mut recorded, &self.served);
        normalise(&api, &mut simulated, &self.served);
        // How many of them say nothing, and so which one tells where the high watermark is, is a race with the leader's clock.
        if self.case.is_between_brokers() && says_nothing(&recorded) && says_nothing(&simulated) {
            return Ok(Vec::new());
        }
        Ok(differences(&recorded, &simulated))
    }

    /// A marker is stamped by the broker's clock, which is not the recorded one to the millisecond.
    fn forget_when_markers_were_written(&self, recorded: &mut Value, simulated: &mut Value) {
        for place in 0..simulated["topics"].as_array().map_or(0, Vec::len) {
            let name = simulated["topics"][place]["name"].as_str().unwrap_or_default().to_owned();
            for index in 0..simulated["topics"][place]["partitions"].as_array().map_or(0, Vec::len) {
                let answer = &simulated["topics"][place]["partitions"][index];
                let (partition, offset) = (answer["partition_index"].as_i64(), answer["offset"].as_i64());
                let (Some(partition), Some(offset)) = (partition, offset) else { continue };
                let stamp = answer["timestamp"].as_i64().unwrap_or(-1);
                if stamp >= 0 && self.world.is_marker(&name, partition as i32, offset) {
                    for value in [&mut *recorded, &mut *simulated] {
                        value["topics"][place]["partitions"][index]["timestamp"] = "then".into();
                    }
                }
            }
        }
    }

    /// Where another member leads than the recorded one, it is told of the members instead, and says what they are assigned.
    fn take_leaders(&mut self, message: &Message, recorded: &mut Value, simulated: &mut Value) {
        let Body::Request(Request::JoinGroup(asked)) = &message.body else { return };
        let leader = |value: &Value| value["leader"].as_str().unwrap_or_default().to_owned();
        let (one, other) = (leader(recorded), leader(simulated));
        let generation = recorded["generation_id"].as_i64().unwrap_or(-1);
        if one.is_empty() || other.is_empty() || one == other {
            return;
        }
        self.leaders.insert((asked.group_id.to_string(), generation), (one, other));
        for value in [recorded, simulated] {
            value["leader"] = "whoever".into();
            value["members"] = "told to the leader".into();
        }
    }

    /// What a leader has said is said by the one who leads here.
    fn said_by_the_leader_here(&self, exchange: &Exchange, message: &mut Message) -> Result<(), String> {
        let Body::Request(Request::SyncGroup(sync)) = &mut message.body else { return Ok(()) };
        let group = (sync.group_id.to_string(), i64::from(sync.generation_id));
        let Some((recorded, here)) = self.leaders.get(&group) else { return Ok(()) };
        let sync_of = |exchange: &Exchange, bytes: &[u8]| match frame::read_request(bytes).map(|it| it.message.body) {
            Ok(Body::Request(Request::SyncGroup(sync))) => Ok(sync),
            Ok(_) | Err(_) => Err(format!("exchange {}: it is no SyncGroup", exchange.n)),
        };
        let member = sync_of(exchange, &exchange.request()?)?.member_id;
        if member.as_str() == recorded {
            sync.assignments.clear();
        }
        if member.as_str() == here {
            for other in self.case.exchanges.iter().filter(|other| other.api == "SyncGroup") {
                let mut bytes = other.request()?;
                let asked = sync_of(other, &bytes)?;
                if asked.member_id.as_str() == recorded && i64::from(asked.generation_id) == group.1 {
                    self.ids.to_simulated(&mut bytes);
                    sync.assignments = sync_of(other, &bytes)?.assignments;
                }
            }
        }
        Ok(())
    }

    /// A simulated answer with the recorded ids.
    fn simulated(&self, message: &Message, bytes: &[u8]) -> Result<Value, String> {
        let mut bytes = bytes.to_vec();
        self.ids.to_recorded(&mut bytes);
        let (_, said) = frame::read_response(message, &bytes)?;
        tree(&said)
    }

    /// What is called otherwise here.
    fn learn(&mut self, api: &str, recorded: &Value, simulated: &Value) -> Result<(), String> {
        match api {
            "Fetch" => {
                let of = |value: &Value| value.get("session_id").and_then(Value::as_i64).filter(|id| *id != 0);
                if let (Some(recorded), Some(simulated)) = (of(recorded), of(simulated)) {
                    self.sessions.entry(recorded).or_insert(simulated as i32);
                }
            }
            "CreateTopics" => {
                let of = |value: &Value| value.get("topics").and_then(Value::as_array).cloned().unwrap_or_default();
                for (recorded, simulated) in of(recorded).iter().zip(&of(simulated)) {
                    let id = |topic: &Value| topic["topic_id"].as_str().and_then(|id| id.parse::<uuid::Uuid>().ok());
                    let (Some(recorded), Some(simulated)) = (id(recorded), id(simulated)) else { continue };
                    if !recorded.is_nil() && !simulated.is_nil() {
                        self.ids.learn(recorded.as_bytes(), simulated.as_bytes())?;
                    }
                }
            }
            "JoinGroup" | "ConsumerGroupHeartbeat" => {
                self.learn_member(recorded, simulated)?;
                // A leader may be told of a static member before that is told itself.
                let of = |value: &Value| value.get("members").and_then(Value::as_array).cloned().unwrap_or_default();
                let others = of(simulated);
                for member in of(recorded).iter().filter(|member| member["group_instance_id"].is_string()) {
                    let is_it = |other: &&Value| other["group_instance_id"] == member["group_instance_id"];
                    if let Some(other) = others.iter().find(is_it) {
                        self.learn_member(member, other)?;
                    }
                }
            }
            // Nothing else is named by the broker.
            _ => {}
        }
        Ok(())
    }

    /// A member that is called otherwise here.
    fn learn_member(&mut self, recorded: &Value, simulated: &Value) -> Result<(), String> {
        let of = |value: &Value| value.get("member_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (recorded, simulated) = (of(recorded), of(simulated));
        if recorded.is_empty() || simulated.is_empty() {
            return Ok(());
        }
        self.ids.learn(recorded.as_bytes(), simulated.as_bytes())
    }

    /// An answer where none was recorded: a client that hung up did not wait for it.
    fn unexpected(&self, exchange: &Exchange) -> Vec<String> {
        let why = exchange.no_response.as_deref().unwrap_or("no reason");
        let is_late = match why {
            "silence_until_client_closed" => !self.case.is_by_hand(exchange),
            "connection_closed_by_proxy" | "open_at_end_of_case" => true,
            _ => false,
        };
        if is_late { Vec::new() } else { vec![format!("is answered, where was recorded: {why}")] }
    }

    fn closed(&mut self, connection: u64) {
        for sent in self.sent.iter_mut().filter(|sent| sent.exchange.connection == connection && !sent.is_over) {
            sent.is_over = true;
            let is_recorded = matches!(
                sent.exchange.no_response.as_deref(),
                Some("connection_closed_by_broker" | "connection_closed_by_proxy" | "acks_0")
            );
            if !is_recorded {
                self.wrong.push(format!("exchange {}: the broker closed the connection", sent.exchange.n));
            }
        }
    }
}

/// How often an exchange is repeated.
enum Chain<'a> {
    /// Not at all.
    Alone,
    /// By these, itself included.
    First(Vec<&'a Exchange>),
    /// It repeats another.
    Later,
}

/// An answer to a follower without records, errors and a place where epochs part.
fn says_nothing(value: &Value) -> bool {
    let partitions = value["responses"].as_array().into_iter().flatten();
    let mut partitions = partitions.filter_map(|topic| topic["partitions"].as_array()).flatten();
    partitions.all(|it| it["records"].as_array().is_none_or(Vec::is_empty) && it["diverging_epoch"]["epoch"] == -1)
        && error_codes(value).iter().all(|code| *code == 0)
}

/// All error codes of an answer.
pub fn error_codes(value: &Value) -> Vec<i64> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, field)| match field.as_i64() {
                Some(code) if name.ends_with("error_code") => vec![code],
                _ => error_codes(field),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(error_codes).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// What a clock showed when the recording began: clients stamp a batch just before they send it.
pub fn begin_ms(case: &Case) -> Option<i64> {
    let of_batches = case.exchanges.iter().filter(|exchange| exchange.api == "Produce").find_map(|exchange| {
        let partitions = exchange.request_decoded.as_ref()?.as_array()?;
        let batches = partitions.iter().filter_map(|partition| partition["batches"].as_array()).flatten();
        let stamps = batches.filter_map(|batch| batch["maxTimestamp"].as_i64()).filter(|stamp| *stamp > OF_A_CLOCK);
        Some(stamps.max()? - exchange.request_ms)
    });
    let of_setup = || {
        case.head.setup.iter().filter(|op| op.op == "fill").find_map(|op| {
            let stamp = op.fields.get("records")?.as_array()?.first()?["timestamp"].as_i64();
            Some(stamp.filter(|stamp| *stamp > OF_A_CLOCK)? - op.ms)
        })
    };
    let of_readers = || {
        case.head.setup.iter().filter(|op| op.op == "produce").find_map(|op| {
            let number = |name: &str| op.fields.get(name)?.as_i64();
            let topic = op.fields.get("topic")?.as_str()?;
            Some(case.timestamp_of(topic, number("partition")?, number("baseOffset")?)? - op.ms)
        })
    };
    // Records of clients beside the conversation, as somebody has read them; or the latest that somebody has found.
    let of_clients = || {
        case.head
            .setup
            .iter()
            .filter(|op| op.op == "client_call")
            .find_map(|op| Some(stamped(case, &op.fields)? - op.ms))
    };
    let found = |exchange: &Exchange| {
        let topics = exchange.response.as_ref()?["topics"].as_array()?.iter();
        let partitions = topics.filter_map(|topic| topic["partitions"].as_array()).flatten();
        let stamps = partitions.filter_map(|it| it["timestamp"].as_i64()).filter(|stamp| *stamp > OF_A_CLOCK);
        Some(stamps.max()? - exchange.request_ms)
    };
    let of_answers = || case.exchanges.iter().filter(|it| it.api == "ListOffsets").filter_map(found).max();
    of_batches.or_else(of_setup).or_else(of_readers).or_else(of_clients).or_else(of_answers)
}

/// Leaves out of a list what another case has left over.
fn forget<'a>(value: &mut Value, list: &str, key: &str, left_over: impl Iterator<Item = &'a str> + Clone) {
    if let Some(values) = value.get_mut(list).and_then(Value::as_array_mut) {
        values.retain(|value| left_over.clone().all(|other| value[key] != other));
    }
}
