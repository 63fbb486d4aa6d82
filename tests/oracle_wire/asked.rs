//! What a consumer asked for, as far as it is compared.

use std::collections::BTreeMap;

use loglab::wire::{Body, Message, Request};
use serde_json::{Value, json};

use super::ids::uuid;
use super::tree::tree;

/// Timestamps above this one are of a clock.
const OF_A_CLOCK: i64 = 1_000_000_000_000;

/// Who is in a consumer's group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// It is alone, or in no group.
    Nobody,
    /// Others: who leads, who gets which partition and how many rounds it takes is drawn.
    Others,
}

impl Company {
    /// What a rebalance listener was told: in company how many partitions.
    pub fn callbacks(self, callbacks: Vec<Value>) -> Vec<Value> {
        let counted = callbacks.into_iter().map(|callback| match self {
            Self::Nobody => callback,
            Self::Others => json!([callback[0], callback[1].as_array().map_or(0, Vec::len)]),
        });
        counted.collect()
    }
}

/// Requests by API, in their order; of those that find things out or repeat only what is new.
pub fn said(messages: &[Message], topic_ids: &BTreeMap<String, String>, company: Company) -> Result<Value, String> {
    let mut said: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut fetched: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for message in messages {
        let Body::Request(request) = &message.body else { return Err("a client answers".to_owned()) };
        let mut new = |api, value: Value| {
            let of_api = said.entry(api).or_default();
            if of_api.last() != Some(&value) {
                of_api.push(value);
            }
        };
        match request {
            // The handshake of each connection, and signs of life.
            Request::ApiVersions(_) | Request::Heartbeat(_) => {}
            Request::Metadata(asked) => {
                let topics = tree(&asked.topics)?;
                if topics != json!([]) {
                    new("Metadata", topics);
                }
            }
            Request::FindCoordinator(asked) => new("FindCoordinator", tree(asked)?),
            Request::ListOffsets(asked) => new("ListOffsets", partitions_sorted(without_clock(tree(asked)?))),
            Request::OffsetForLeaderEpoch(asked) => new("OffsetForLeaderEpoch", partitions_sorted(tree(asked)?)),
            Request::OffsetFetch(asked) => new("OffsetFetch", of_member(tree(asked)?, topic_ids, company)?),
            Request::OffsetCommit(asked) => new("OffsetCommit", of_member(tree(asked)?, topic_ids, company)?),
            Request::JoinGroup(asked) => {
                let names: Vec<String> = asked.protocols.iter().map(|it| it.name.to_string()).collect();
                let metadata: Vec<Value> = match company {
                    Company::Nobody => asked.protocols.iter().map(|it| tree(&it.metadata)).collect::<Result<_, _>>()?,
                    Company::Others => Vec::new(),
                };
                let has_id = !asked.member_id.is_empty();
                let times = [asked.session_timeout_ms, asked.rebalance_timeout_ms];
                new("JoinGroup", json!([times, has_id, tree(&asked.group_instance_id)?, names, metadata]));
            }
            Request::SyncGroup(asked) => {
                let assignments: Vec<Value> = match company {
                    Company::Nobody => {
                        asked.assignments.iter().map(|it| tree(&it.assignment)).collect::<Result<_, _>>()?
                    }
                    Company::Others => Vec::new(),
                };
                let protocol = (tree(&asked.protocol_type)?, tree(&asked.protocol_name)?);
                new("SyncGroup", json!([tree(&asked.group_instance_id)?, protocol, assignments]));
            }
            Request::LeaveGroup(asked) => {
                let reasons: Vec<Value> = asked.members.iter().map(|it| tree(&it.reason)).collect::<Result<_, _>>()?;
                new("LeaveGroup", json!(reasons));
            }
            Request::ConsumerGroupHeartbeat(asked) => {
                let owned = asked.topic_partitions.as_ref().map(|it| {
                    let count: usize = it.iter().map(|topic| topic.partitions.len()).sum();
                    count
                });
                let says = asked.rebalance_timeout_ms >= 0 || asked.subscribed_topic_names.is_some() || owned.is_some();
                // A sign of life.
                if says || asked.member_epoch <= 0 {
                    let names = tree(&asked.subscribed_topic_names)?;
                    let rest = [tree(&asked.instance_id)?, tree(&asked.server_assignor)?];
                    new(
                        "ConsumerGroupHeartbeat",
                        json!([asked.member_epoch, asked.rebalance_timeout_ms, names, rest, owned]),
                    );
                }
            }
            Request::Fetch(asked) => {
                new("Fetch", json!([asked.max_wait_ms, asked.min_bytes, asked.max_bytes, asked.isolation_level]));
                if asked.session_epoch == -1 {
                    new("last Fetch", json!(asked.session_id != 0));
                }
                for topic in &asked.topics {
                    for it in &topic.partitions {
                        let of = fetched.entry(format!("{}-{}", topic.topic_id, it.partition)).or_default();
                        if of.last() != Some(&it.fetch_offset) {
                            of.push(it.fetch_offset);
                        }
                    }
                }
            }
            other => return Err(format!("a consumer asks for {}", other.api())),
        }
    }
    // Who gets which is drawn.
    let fetched = if company == Company::Nobody { json!(fetched) } else { Value::Null };
    Ok(json!({"by API": said, "fetched": fetched}))
}

/// Times reckoned from a clock differ by what it showed.
fn without_clock(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                let is_of_clock = name == "timestamp" && field.as_i64().is_some_and(|time| time > OF_A_CLOCK);
                *field = if is_of_clock { json!("of a clock") } else { without_clock(field.take()) };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_clock(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

/// Lists of partitions are sets.
fn partitions_sorted(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => fields.iter_mut().for_each(|(_, field)| *field = partitions_sorted(field.take())),
        Value::Array(items) => {
            items.iter_mut().for_each(|item| *item = partitions_sorted(item.take()));
            items.sort_by_key(ToString::to_string);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

/// The id of a member is its own; topics are named, though newer versions have their ids. In company a generation is drawn, and
/// which partitions.
fn of_member(value: Value, topic_ids: &BTreeMap<String, String>, company: Company) -> Result<Value, String> {
    let mut value = partitions_sorted(value);
    rename(&mut value, topic_ids, company)?;
    Ok(value)
}

fn rename(value: &mut Value, topic_ids: &BTreeMap<String, String>, company: Company) -> Result<(), String> {
    match value {
        Value::Object(fields) => {
            if let Some(id) = fields.remove("topic_id") {
                for (name, text) in topic_ids {
                    if id == uuid(text)?.to_string() && fields.get("name").is_some_and(|name| name == "") {
                        fields.insert("name".to_owned(), json!(name));
                    }
                }
            }
            for (name, field) in fields.iter_mut() {
                let is_drawn = ["generation_id_or_member_epoch", "member_epoch", "partition_indexes", "partitions"];
                match name.as_str() {
                    "member_id" => *field = json!(field.as_str().is_some_and(|id| !id.is_empty())),
                    name if company == Company::Others && is_drawn.contains(&name) => *field = Value::Null,
                    _ => rename(field, topic_ids, company)?,
                }
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| rename(item, topic_ids, company)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}
