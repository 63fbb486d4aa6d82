//! What of an answer is compared, and in which order: the table of the recordings' README.

use std::collections::BTreeSet;

use loglab::settings::{Config, TopicConfig};
use serde_json::Value;

use super::batches::batches;
use super::case::BrokerState;

/// What a simulated broker calls itself and its cluster.
const PORT: i64 = 9092;
const CLUSTER_ID: &str = "loglab";

/// Where all recorded clients were.
const CLIENT_HOST: &str = "/127.0.0.1";

/// Gives the simulated broker and its clients the recorded ones' names.
pub fn rename(value: &mut Value, state: &BrokerState) {
    match value {
        Value::Object(fields) => {
            let own_host = format!("broker-{}", state.node_id);
            if fields.get("host") == Some(&own_host.into()) && fields.get("port") == Some(&PORT.into()) {
                fields.insert("host".to_owned(), state.host.clone().into());
                fields.insert("port".to_owned(), state.port.into());
            }
            if fields.get("client_host").and_then(Value::as_str).is_some_and(|host| host.starts_with("/client-")) {
                fields.insert("client_host".to_owned(), CLIENT_HOST.into());
            }
            if fields.get("cluster_id") == Some(&CLUSTER_ID.into()) {
                fields.insert("cluster_id".to_owned(), state.cluster_id.clone().into());
            }
            fields.values_mut().for_each(|field| rename(field, state));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, state)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Leaves out what is not compared and puts sets in order. `served` are the keys of the APIs that the simulator serves.
pub fn normalise(api: &str, value: &mut Value, served: &BTreeSet<i64>) {
    // Words, which the real broker repeats but for the times in them.
    forget(value, &["error_message", "batch_index_error_message", "unknown_tagged_fields"]);
    match api {
        "ApiVersions" => {
            forget(value, &["finalized_features_epoch"]);
            keep(value, "api_keys", |api| api["api_key"].as_i64().is_some_and(|key| served.contains(&key)));
            for (list, key) in [("api_keys", "api_key"), ("supported_features", "name"), ("finalized_features", "name")]
            {
                sort(value, list, key);
            }
        }
        "Metadata" | "DescribeTopicPartitions" | "DescribeCluster" => {
            for (list, key) in [
                ("topics", "name"),
                ("partitions", "partition_index"),
                ("brokers", "node_id"),
                ("brokers", "broker_id"),
                ("node_endpoints", "node_id"),
            ] {
                sort(value, list, key);
            }
        }
        "Fetch" => {
            sort(value, "aborted_transactions", "first_offset");
            each_field(value, &mut |name, field| {
                if name == "records" {
                    let bytes = field.as_str().map(from_hex).unwrap_or_default();
                    *field = batches(&bytes);
                }
            });
        }
        // The order of a Java HashMap.
        "DescribeProducers" => {
            sort(value, "active_producers", "producer_id");
            each_object(value, &mut |producer| {
                // Behind a marker it is the broker's clock.
                if producer.get("coordinator_epoch").and_then(Value::as_i64).is_some_and(|epoch| epoch >= 0) {
                    producer.remove("last_timestamp");
                }
            });
        }
        "DescribeTransactions" | "ListTransactions" => {
            sort(value, "transaction_states", "transactional_id");
            sort(value, "topics", "topic");
            each_field(value, &mut |name, field| {
                if name == "transaction_start_time_ms" && field != &Value::from(-1) {
                    *field = "then".into();
                }
            });
        }
        "AddPartitionsToTxn" | "WriteTxnMarkers" => {
            for (list, key) in [
                ("topics", "name"),
                ("topic_results", "name"),
                ("results_by_topic_v3_and_below", "name"),
                ("partitions", "partition_index"),
                ("results_by_partition", "partition_index"),
            ] {
                sort(value, list, key);
            }
        }
        "JoinGroup" | "SyncGroup" | "Heartbeat" | "LeaveGroup" => sort(value, "members", "member_id"),
        "DescribeGroups" | "ConsumerGroupDescribe" | "ListGroups" | "DeleteGroups" => {
            for (list, key) in [
                ("groups", "group_id"),
                ("results", "group_id"),
                ("members", "member_id"),
                ("topic_partitions", "topic_id"),
            ] {
                sort(value, list, key);
            }
        }
        "ConsumerGroupHeartbeat" | "ShareGroupHeartbeat" => sort(value, "topic_partitions", "topic_id"),
        "CreateTopics" | "CreatePartitions" | "DeleteTopics" => {
            for (list, key) in [("topics", "name"), ("results", "name"), ("responses", "name"), ("configs", "name")] {
                sort(value, list, key);
            }
            let settings = TopicConfig::table();
            keep(value, "configs", |config| settings.iter().any(|setting| config["name"] == setting.name));
        }
        "ListOffsets" => {
            // A list of the request, but answered in the order of a Scala HashMap of partitions, which means nothing.
            sort(value, "topics", "name");
            sort(value, "partitions", "partition_index");
        }
        "OffsetFetch" => {
            sort(value, "groups", "group_id");
            sort(value, "topics", "name");
        }
        // Their lists answer lists of the request, in its order; nothing of them is left out.
        _ => {}
    }
}

fn each_object(value: &mut Value, act: &mut dyn FnMut(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            act(fields);
            fields.values_mut().for_each(|field| each_object(field, act));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| each_object(value, act)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn each_field(value: &mut Value, act: &mut dyn FnMut(&str, &mut Value)) {
    each_object(value, &mut |fields| fields.iter_mut().for_each(|(name, field)| act(name, field)));
}

fn forget(value: &mut Value, names: &[&str]) {
    each_object(value, &mut |fields| names.iter().for_each(|name| _ = fields.remove(*name)));
}

fn keep(value: &mut Value, list: &str, keeps: impl Fn(&Value) -> bool) {
    each_field(value, &mut |name, field| {
        if name == list
            && let Value::Array(values) = field
        {
            values.retain(|value| keeps(value));
        }
    });
}

fn sort(value: &mut Value, list: &str, key: &str) {
    each_field(value, &mut |name, field| {
        if name == list
            && let Value::Array(values) = field
        {
            // Numbers as numbers, names as names.
            values.sort_by_key(|value| (value[key].as_i64(), value[key].as_str().map(str::to_owned)));
        }
    });
}

fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
