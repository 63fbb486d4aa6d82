//! Java clients beside a conversation (`client_call`), as far as they leave something at the broker.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::{
    ApiKey, EndTxnRequest, EndTxnResponse, FindCoordinatorRequest, FindCoordinatorResponse, InitProducerIdRequest,
    InitProducerIdResponse, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use loglab::log::batch::BatchBuilder;
use loglab::sim::MILLISECOND;
use serde_json::{Map, Value};

use super::broker::World;
use super::case::{Case, Op};
use super::setup::{add_record, number, produce, text};

/// Calls that leave nothing behind: of consumers without a group, of clients that come and go.
const SILENT: [&str; 14] = [
    "new_consumer",
    "new_admin",
    "assign",
    "seek",
    "poll",
    "pause",
    "resume",
    "position",
    "endOffsets",
    "beginningOffsets",
    "offsetsForTimes",
    "flush",
    "wait_send",
    "close",
];
const RETRY_US: u64 = 100 * MILLISECOND;
const CONCURRENT_TRANSACTIONS: i16 = 51;
const NOT_YET: [i16; 3] = [14, 15, 16];

/// The producers of a setup.
#[derive(Default)]
pub struct Java {
    producers: BTreeMap<String, Producer>,
}

#[derive(Default)]
struct Producer {
    transactional_id: Option<String>,
    timeout_ms: i32,
    /// Its id and epoch; none where it is not idempotent.
    id: Option<(i64, i16)>,
    /// The next sequence numbers by partition.
    sequences: BTreeMap<(String, i64), i32>,
}

impl Java {
    /// Does what a client did when the wall clock showed `now_ms`.
    pub fn call(&mut self, world: &mut World, case: &Case, op: &Op, now_ms: i64) -> Result<(), String> {
        let (client, call) = (text(&op.fields, "client")?, text(&op.fields, "call")?);
        if SILENT.contains(&call) {
            return Ok(());
        }
        if call == "new_producer" {
            let producer = new_producer(world, &op.fields)?;
            self.producers.insert(client.to_owned(), producer);
            return Ok(());
        }
        let producer = self.producers.get_mut(client).ok_or_else(|| format!("{client} is no producer"))?;
        match call {
            "initTransactions" => producer.init_transactions(world),
            "beginTransaction" => Ok(()),
            "commitTransaction" => producer.end(world, true),
            "abortTransaction" => producer.end(world, false),
            "send" => producer.send(world, &op.fields, stamped(case, &op.fields).unwrap_or(now_ms)),
            other => Err(format!("a client's {other} beside a conversation is not known")),
        }
    }
}

/// When a record was stamped, as far as somebody has read it.
pub fn stamped(case: &Case, fields: &Map<String, Value>) -> Option<i64> {
    let (partition, offset) = fields.get("result")?.as_str()?.rsplit_once('@')?;
    let (topic, partition) = partition.rsplit_once('-')?;
    case.timestamp_of(topic, partition.parse().ok()?, offset.parse().ok()?)
}

fn new_producer(world: &mut World, fields: &Map<String, Value>) -> Result<Producer, String> {
    let config = fields.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    let told = |name: &str| config.get(name).and_then(Value::as_str);
    let mut producer = Producer {
        transactional_id: told("transactional.id").map(str::to_owned),
        timeout_ms: told("transaction.timeout.ms")
            .map_or(Ok(60_000), str::parse::<i32>)
            .map_err(|error| error.to_string())?,
        ..Producer::default()
    };
    // An idempotent producer asks for its id when it is made.
    if producer.transactional_id.is_none() && told("enable.idempotence") != Some("false") {
        producer.id = Some(init(world, None, producer.timeout_ms)?);
    }
    Ok(producer)
}

fn init(world: &mut World, transactional_id: Option<&str>, timeout_ms: i32) -> Result<(i64, i16), String> {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(transactional_id.map(|id| StrBytes::from_string(id.to_owned()).into()))
        .with_transaction_timeout_ms(timeout_ms)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    loop {
        let response: InitProducerIdResponse = ask(world, ApiKey::InitProducerId, 5, &request)?;
        match response.error_code {
            0 => return Ok((response.producer_id.0, response.producer_epoch)),
            CONCURRENT_TRANSACTIONS => world.run_for(RETRY_US),
            code if NOT_YET.contains(&code) => world.run_for(RETRY_US),
            code => return Err(format!("no producer id: error {code}")),
        }
    }
}

impl Producer {
    fn init_transactions(&mut self, world: &mut World) -> Result<(), String> {
        let id = self.transactional_id.clone().ok_or("no transactional id")?;
        let key = StrBytes::from_string(id.clone());
        let request = FindCoordinatorRequest::default().with_key_type(1).with_coordinator_keys(vec![key]);
        loop {
            let response: FindCoordinatorResponse = ask(world, ApiKey::FindCoordinator, 6, &request)?;
            match response.coordinators.first().map(|it| it.error_code) {
                Some(0) => break,
                Some(code) if NOT_YET.contains(&code) => world.run_for(RETRY_US),
                other => return Err(format!("no coordinator: {other:?}")),
            }
        }
        self.id = Some(init(world, Some(&id), self.timeout_ms)?);
        Ok(())
    }

    fn end(&mut self, world: &mut World, committed: bool) -> Result<(), String> {
        let (id, epoch) = self.id.ok_or("no transactions were begun")?;
        let transactional_id = self.transactional_id.clone().ok_or("no transactional id")?;
        let request = EndTxnRequest::default()
            .with_transactional_id(StrBytes::from_string(transactional_id).into())
            .with_producer_id(id.into())
            .with_producer_epoch(epoch)
            .with_committed(committed);
        loop {
            let response: EndTxnResponse = ask(world, ApiKey::EndTxn, 5, &request)?;
            match response.error_code {
                0 => {
                    self.id = Some((response.producer_id.0, response.producer_epoch));
                    self.sequences.clear();
                    return Ok(());
                }
                CONCURRENT_TRANSACTIONS => world.run_for(RETRY_US),
                code => return Err(format!("a transaction does not end: error {code}")),
            }
        }
    }

    fn send(&mut self, world: &mut World, fields: &Map<String, Value>, now_ms: i64) -> Result<(), String> {
        let (topic, partition) = (text(fields, "topic")?.to_owned(), number(fields, "partition")?);
        let timestamp = fields.get("timestamp").and_then(Value::as_i64).unwrap_or(now_ms);
        let mut batch = BatchBuilder::new();
        if let Some((id, epoch)) = self.id {
            let sequence = self.sequences.entry((topic.clone(), partition)).or_default();
            batch = batch.producer(id, epoch, *sequence);
            *sequence += 1;
        }
        if self.transactional_id.is_some() {
            batch = batch.transactional();
        }
        add_record(&mut batch, fields, timestamp)?;
        loop {
            match produce(world, &topic, partition as i32, self.transactional_id.as_deref(), batch.clone()) {
                Ok(offset) => return expect(fields, &format!("{topic}-{partition}@{offset}")),
                // The transaction before is not complete yet.
                Err(why) if why.contains(&format!("error_code: {CONCURRENT_TRANSACTIONS},")) => {
                    world.run_for(RETRY_US / 10);
                }
                Err(why) => return Err(why),
            }
        }
    }
}

/// The result of a call is the recorded one.
fn expect(fields: &Map<String, Value>, result: &str) -> Result<(), String> {
    match fields.get("result").and_then(Value::as_str) {
        Some(recorded) if recorded != result => Err(format!("a record went to {recorded}, here to {result}")),
        Some(_) | None => Ok(()),
    }
}

fn ask<Q: Encodable, A: Decodable>(world: &mut World, key: ApiKey, version: i16, request: &Q) -> Result<A, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{key:?}: {error}");
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_client_id(Some(StrBytes::from_static_str("setup")));
    let mut frame = Vec::new();
    header.encode(&mut frame, key.request_header_version(version)).map_err(|error| failed(&error))?;
    request.encode(&mut frame, version).map_err(|error| failed(&error))?;
    let mut answer = Bytes::from(world.ask_in_bytes(&frame)?);
    ResponseHeader::decode(&mut answer, key.response_header_version(version)).map_err(|error| failed(&error))?;
    A::decode(&mut answer, version).map_err(|error| failed(&error))
}
