//! A case as it was recorded.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::source::Recordings;

/// One conversation.
pub struct Case {
    pub head: Head,
    pub exchanges: Vec<Exchange>,
    /// The calls of the applications, in their order.
    pub story: Vec<Spoken>,
    /// What the application saw.
    steps: Vec<Step>,
}

/// A call of an application: a line of `story.jsonl`.
#[derive(Deserialize)]
pub struct Spoken {
    pub ms: i64,
    pub n: u64,
    pub client: String,
    pub call: String,
    /// Its arguments, and what it resulted in.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// A line of `app.jsonl`.
#[derive(Deserialize)]
struct Step {
    ms: i64,
    client: Option<String>,
    kind: String,
    /// Of a request by hand its label.
    call: Option<String>,
    result: Option<Value>,
}

/// `case.json`.
#[derive(Deserialize)]
pub struct Head {
    /// "Api vN" and how often it is asked.
    pub apis: BTreeMap<String, u64>,
    #[serde(default)]
    pub topic_ids: BTreeMap<String, String>,
    pub setup: Vec<Op>,
    pub broker: BrokerState,
    /// The recorder's own failure, which a case must not have.
    #[serde(default)]
    pub failure: Option<Value>,
}

/// What was done beside the conversation.
#[derive(Deserialize)]
pub struct Op {
    pub ms: i64,
    #[serde(default)]
    pub after_n: Option<u64>,
    #[serde(default)]
    pub done_ms: Option<i64>,
    pub op: String,
    /// Its other fields.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// What a fresh broker would not have.
#[derive(Deserialize)]
pub struct BrokerState {
    #[serde(default)]
    pub node_id: i32,
    #[serde(default)]
    pub host: String,
    #[serde(default)]
    pub port: i32,
    #[serde(default)]
    pub cluster_id: String,
    #[serde(default)]
    pub clean_restarts_before: u64,
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    #[serde(default)]
    pub dynamic_broker_config: BTreeMap<String, String>,
    #[serde(default)]
    pub next_producer_id: i64,
    #[serde(default)]
    pub topics: Vec<TopicState>,
    #[serde(default)]
    pub coordinator_partitions: BTreeMap<String, BTreeMap<String, i32>>,
    #[serde(default)]
    pub groups: Vec<GroupState>,
    #[serde(default)]
    pub transactional_ids: Vec<TransactionState>,
}

/// A transactional id that another case has left over.
#[derive(Deserialize)]
pub struct TransactionState {
    pub transactional_id: String,
}

/// A group that another case has left over.
#[derive(Deserialize)]
pub struct GroupState {
    pub group: String,
}

/// A topic that a case finds.
#[derive(Deserialize)]
pub struct TopicState {
    pub topic: String,
    pub topic_id: String,
    pub leader_epochs: Vec<i32>,
}

/// A request and its answer.
#[derive(Deserialize)]
pub struct Exchange {
    pub n: u64,
    pub connection: u64,
    pub client_id: Option<String>,
    pub api: String,
    pub version: i16,
    pub correlation_id: i64,
    pub request_ms: i64,
    pub response_ms: i64,
    #[serde(default)]
    pub request_hex: String,
    #[serde(default)]
    pub response_hex: String,
    #[serde(default)]
    pub request_hex_left_out: bool,
    #[serde(default)]
    pub response_hex_left_out: bool,
    #[serde(default)]
    pub no_response: Option<String>,
    #[serde(default)]
    pub response_dropped_by_proxy: bool,
    /// Who was asked, where there are several.
    #[serde(default)]
    pub to_node: Option<i32>,
    /// What is inside of a Produce.
    #[serde(default)]
    pub request_decoded: Option<Value>,
    /// The answer as Kafka's own classes read it.
    #[serde(default)]
    pub response: Option<Value>,
    /// What is inside of a Fetch's answer.
    #[serde(default)]
    pub response_decoded: Option<Value>,
    /// Error names, and how often the answer has them.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
}

/// Clients that the broker itself is.
const BROKERS_OWN: [&str; 3] = ["broker-1-txn-marker-sender", "AddPartitionsManager-client-1", "Persister-client-1"];

impl Exchange {
    /// The broker itself asks.
    pub fn is_brokers_own(&self) -> bool {
        self.client_id.as_deref().is_some_and(|id| BROKERS_OWN.contains(&id))
    }

    /// The frame that was sent.
    pub fn request(&self) -> Result<Vec<u8>, String> {
        match self.request_hex_left_out {
            true => Err(format!("exchange {}: its request is left out", self.n)),
            false => from_hex(&self.request_hex),
        }
    }

    /// The frame that was answered, if there was an answer.
    pub fn response(&self) -> Result<Option<Vec<u8>>, String> {
        match self.response_hex_left_out {
            true => Err(format!("exchange {}: its answer is left out", self.n)),
            false if self.response_hex.is_empty() => Ok(None),
            false => from_hex(&self.response_hex).map(Some),
        }
    }
}

impl Case {
    pub fn read(recordings: &Recordings, path: &str) -> Result<Case, String> {
        let head: Head = json(recordings.get(&format!("{path}/case.json")).ok_or("no case.json")?)?;
        let files: BTreeMap<&str, &[u8]> = recordings.below(path).collect();
        let exchanges = lines(files.get("exchanges.jsonl").ok_or("no exchanges.jsonl")?)?;
        let steps = files.get("app.jsonl").map_or(Ok(Vec::new()), |bytes| lines(bytes))?;
        if let Some(failure) = &head.failure {
            return Err(format!("the recorder failed: {failure}"));
        }
        let story = files.get("story.jsonl").map_or(Ok(Vec::new()), |bytes| lines(bytes))?;
        Ok(Case { story, head, exchanges, steps })
    }

    /// The names of the APIs that its clients ask for.
    pub fn apis(&self) -> impl Iterator<Item = &str> {
        self.head.apis.keys().map(|api| api.rsplit_once(" v").map_or(api.as_str(), |(name, _)| name))
    }

    /// It is recorded between brokers.
    pub fn is_between_brokers(&self) -> bool {
        self.exchanges.iter().any(|exchange| exchange.to_node.is_some())
    }

    /// A step that was made at once behind another: whether the broker is done with that is a race.
    pub fn is_at_once(&self, exchange: &Exchange) -> bool {
        self.steps.iter().any(|step| {
            let is_it = |result: &Value| {
                result["api"] == exchange.api.as_str() && result["correlation_id"] == exchange.correlation_id
            };
            step.kind == "step"
                && step.client == exchange.client_id
                && step.call.as_deref().is_some_and(|label| label.contains("at once"))
                && step.result.as_ref().is_some_and(is_it)
        })
    }

    /// When something was done: what is recorded is the call, but a batch was appended just before it was first given to somebody.
    pub fn began(&self, op: &Op) -> i64 {
        let number = |name: &str| op.fields.get(name).and_then(Value::as_i64);
        let topic = op.fields.get("topic").and_then(Value::as_str);
        let (Some(topic), Some(partition), Some(offset)) = (topic, number("partition"), number("baseOffset")) else {
            return op.ms;
        };
        let has_it = |exchange: &&Exchange| self.stamp_in(exchange, topic, partition, offset).is_some();
        self.exchanges.iter().filter(has_it).map(|exchange| exchange.response_ms - 1).min().unwrap_or(op.ms).max(op.ms)
    }

    /// The timestamp of a record that was given to a reader.
    pub fn timestamp_of(&self, topic: &str, partition: i64, offset: i64) -> Option<i64> {
        self.exchanges.iter().find_map(|exchange| self.stamp_in(exchange, topic, partition, offset))
    }

    /// The timestamp of a record that this answer holds.
    fn stamp_in(&self, exchange: &Exchange, topic: &str, partition: i64, offset: i64) -> Option<i64> {
        let id = self.head.topic_ids.get(topic);
        let of_it = exchange.response_decoded.as_ref()?.as_array()?.iter().filter(|it| {
            let is_topic = it["topic"] == topic || id.is_some_and(|id| it["topicId"] == id.as_str());
            is_topic && it["partition"] == partition
        });
        let batches = of_it.filter_map(|it| it["batches"].as_array()).flatten();
        let mut records = batches.filter_map(|batch| batch["records"].as_array()).flatten();
        records.find(|record| record["offset"] == offset)?["timestamp"].as_i64()
    }

    /// The program of a case whose client is none of Java: what it calls stands in its own code, which the story does not give.
    pub fn foreign_program(&self) -> Option<String> {
        let run = self.story.iter().find(|spoken| spoken.call == "run_program")?;
        let words = run.fields.get("argv").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let line = words.collect::<Vec<_>>().join(" ");
        // What a shell does before it is of no interest.
        let program = line.rsplit('|').next().unwrap_or(&line).trim_start_matches("sh -c ");
        let is_of_its_name = |word: &&str| !word.starts_with('-');
        Some(program.split_whitespace().take(2).take_while(is_of_its_name).collect::<Vec<_>>().join(" "))
    }

    /// What each of a client's calls resulted in as its program saw it, where it is told: the first line of the program behind the
    /// call that tells of one.
    pub fn seen_by<'c>(&'c self, client: &str, calls: &[&Spoken]) -> Vec<Option<&'c Value>> {
        let mut lines = self.steps.iter().filter(|step| step.kind == "call" && step.client.as_deref() == Some(client));
        let seen = calls.iter().map(|call| lines.by_ref().find(|step| step.ms >= call.ms)?.result.as_ref());
        seen.collect()
    }

    /// What a rebalance listener was told, with the partitions in their order.
    pub fn callbacks_of(&self, client: &str) -> Vec<Value> {
        let of_it = self.steps.iter().filter(|step| step.kind == "callback" && step.client.as_deref() == Some(client));
        let told = of_it.map(|step| {
            let text = step.result.as_ref().and_then(Value::as_str).unwrap_or_default();
            let names = text.trim_matches(['[', ']']).split(", ").filter(|name| !name.is_empty());
            let mut names: Vec<&str> = names.collect();
            names.sort_unstable();
            serde_json::json!([step.call, names])
        });
        told.collect()
    }

    /// Whether one client was made before the other was closed, and the other way round.
    pub fn live_together(&self, one: &str, other: &str) -> bool {
        let of =
            |client: &str| self.story.iter().filter(move |it| it.client == client).map(|it| it.ms).collect::<Vec<_>>();
        let (one, other) = (of(one), of(other));
        one.first() <= other.last() && other.first() <= one.last()
    }

    /// A request that was made by hand: the next one followed its answer.
    pub fn is_by_hand(&self, exchange: &Exchange) -> bool {
        self.story.is_empty() && !self.is_between_brokers() || exchange.client_id.as_deref() == Some("raw")
    }
}

fn lines<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, String> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(json).collect()
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("not what a case holds: {error}"))
}

fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or("?"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).map_err(|error| format!("{pair}: {error}"))).collect()
}
