//! Every message is one that Kafka 4.3 could send: it encodes at the version at which it would travel, which fails where a
//! field is set that this version lacks, and decodes to the same.
#![cfg(not(target_family = "wasm"))]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::protocol::{Decodable, Encodable};
use loglab::lab::scenario::BUILTINS;
use loglab::lab::world::World;
use loglab::sim::queue::EventKind;
use loglab::wire::{Body, Request, Response};

/// The version of an API that the brokers and clients of a 4.3 cluster agree on. ListOffsets 11, InitProducerId 6 and
/// BrokerHeartbeat 2 are not known to `kafka-protocol`; what they add is not used here.
fn version(api: &str) -> i16 {
    match api {
        "Produce" | "Metadata" => 13,
        "Fetch" => 18,
        "ListOffsets" => 10,
        "InitProducerId" => 5,
        "OffsetForLeaderEpoch" | "BrokerRegistration" => 4,
        "AlterPartition" => 3,
        "BrokerHeartbeat" => 1,
        "AllocateProducerIds" => 0,
        _ => panic!("no version of {api}"),
    }
}

fn round_trip<T>(message: &T, api: &str) -> Result<(), String>
where
    T: Encodable + Decodable + PartialEq + std::fmt::Debug,
{
    let version = version(api);
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes, version).map_err(|error| format!("{api} {version}: {error} in {message:?}"))?;
    let mut bytes = bytes.freeze();
    let decoded = T::decode(&mut bytes, version).map_err(|error| format!("{api} {version}: {error}"))?;
    if decoded != *message || !bytes.is_empty() {
        return Err(format!("{api} {version}: {message:?} arrives as {decoded:?}"));
    }
    Ok(())
}

fn check(body: &Body) -> Result<(), String> {
    let api = body.api();
    match body {
        Body::Request(request) => match request {
            Request::Produce(it) => round_trip(it, api),
            Request::Fetch(it) => round_trip(it, api),
            Request::ListOffsets(it) => round_trip(it, api),
            Request::OffsetForLeaderEpoch(it) => round_trip(it, api),
            Request::Metadata(it) => round_trip(it, api),
            Request::InitProducerId(it) => round_trip(it, api),
            Request::AllocateProducerIds(it) => round_trip(it, api),
            Request::BrokerRegistration(it) => round_trip(it, api),
            Request::BrokerHeartbeat(it) => round_trip(it, api),
            Request::AlterPartition(it) => round_trip(it, api),
            // The metadata log travels as a shared image.
            Request::FetchMetadata { .. } => Ok(()),
        },
        Body::Response(response) => match response {
            Response::Produce(it) => round_trip(it, api),
            Response::Fetch(it) => round_trip(it, api),
            Response::ListOffsets(it) => round_trip(it, api),
            Response::OffsetForLeaderEpoch(it) => round_trip(it, api),
            Response::InitProducerId(it) => round_trip(it, api),
            Response::AllocateProducerIds(it) => round_trip(it, api),
            Response::BrokerRegistration(it) => round_trip(it, api),
            Response::BrokerHeartbeat(it) => round_trip(it, api),
            Response::AlterPartition(it) => round_trip(it, api),
            Response::Metadata(_) | Response::FetchMetadata(_) => Ok(()),
        },
    }
}

#[test]
fn every_message_of_the_built_in_scenarios_travels_at_its_version() {
    const UNTIL_US: u64 = 40_000_000;
    let mut seen: BTreeMap<(&str, bool), u64> = BTreeMap::new();
    for builtin in BUILTINS {
        let scenario = Arc::new(builtin.scenario().expect("a built-in scenario is right"));
        let until = if scenario.duration_us > 2 * UNTIL_US { UNTIL_US / 20 } else { UNTIL_US };
        let mut world = World::new(&scenario, scenario.seed, Arc::new([]));
        let mut newest = 0;
        while world.step_until(until).is_some() {
            let sent = world.kernel().in_flight().into_iter().filter(|event| event.sequence > newest);
            let mut last = newest;
            for event in sent {
                last = last.max(event.sequence);
                let EventKind::Delivery(_, message) = &event.kind else { continue };
                if let Err(error) = check(&message.body) {
                    panic!("{}, at {} us: {error}", builtin.name, world.time());
                }
                *seen.entry((message.body.api(), message.body.is_request())).or_default() += 1;
            }
            newest = last;
        }
    }
    // Every API that is spoken was seen, both ways.
    assert_eq!(seen.len(), 20, "{seen:?}");
}
