//! The table holds for every message: it travels at its version, its size is that of its bytes, and the run's hash sees
//! each byte of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::consumer_group_describe_response::{Assignment, DescribedGroup, Member, TopicPartitions};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatResponse,
    FetchResponse, OffsetDeleteResponse, ProduceRequest, TopicName,
};
use uuid::Uuid;

use super::api::{Api, Listener, Request, Response, decode, encode};
use super::{Body, BrokerImage, ClusterImage, FetchMetadataRequest, Message, PartitionImage, TopicImage, api_versions};
use crate::sim::hash::RunHash;
use crate::sim::process::Message as _;

/// Streams of bytes that are tried for each kind of message, how long each is, and how many messages are looked at closely.
const STREAMS: u64 = 8_000;
const STREAM_BYTES: usize = 400;
const MESSAGES: u32 = 15;

fn hash(body: &Body) -> u64 {
    let mut hash = RunHash::default();
    body.content().fold(&mut hash);
    hash.value()
}

fn hash_of_message(correlation_id: i32, body: Body) -> u64 {
    let mut hash = RunHash::default();
    Message::new(correlation_id, body).fold(&mut hash);
    hash.value()
}

/// Bytes from 0 to 3, most of them 0 or 2: as lengths and counts they are what a message may hold.
fn stream(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        [0, 0, 0, 2, 2, 2, 1, 3][(state >> 32) as usize & 7]
    };
    (0..STREAM_BYTES).map(|_| next()).collect()
}

/// What such a stream says as a message of this kind, if it does.
fn random(api: Api, is_request: bool, seed: u64) -> Option<Body> {
    let bytes = stream(seed);
    decode(api, is_request, &bytes, api.version())?.ok().map(|(body, _)| body).filter(is_known)
}

/// Messages that are too deep for chance to fill their innermost lists.
fn by_hand(api: Api, is_request: bool) -> Option<Body> {
    if (api, is_request) != (Api::ConsumerGroupDescribe, false) {
        return None;
    }
    let topic = |id| TopicPartitions::default().with_topic_id(Uuid::from_u128(id)).with_partitions(vec![1, 2]);
    let assignment = |id| Assignment::default().with_topic_partitions(vec![topic(id)]);
    let member = Member::default()
        .with_subscribed_topic_names(vec![TopicName::default()])
        .with_assignment(assignment(1))
        .with_target_assignment(assignment(2));
    let group = DescribedGroup::default().with_members(vec![member]);
    let response = ConsumerGroupDescribeResponse::default().with_groups(vec![group]);
    Some(Body::Response(Response::ConsumerGroupDescribe(response)))
}

/// Whether all of a message has a field here. Tagged fields that this version does not know are nobody's.
fn is_known(body: &Body) -> bool {
    !format!("{body:?}").replace("unknown_tagged_fields: {}", "").contains("unknown_tagged_fields")
}

fn kinds() -> impl Iterator<Item = (Api, bool)> {
    Api::ALL.iter().flat_map(|api| [(*api, true), (*api, false)])
}

/// Those that have bytes of their own.
fn has_bytes((api, is_request): &(Api, bool)) -> bool {
    decode(*api, *is_request, &[], api.version()).is_some()
}

#[test]
fn numbers_and_names_are_each_one_apis() {
    for api in Api::ALL {
        assert_eq!(Api::numbered(api.number()), Some(*api));
        assert_eq!(Api::named(api.name()), Some(*api));
    }
    let kinds: BTreeSet<u32> = kinds().map(|(api, is_request)| api.kind(is_request)).collect();
    assert_eq!(kinds.len(), 2 * Api::ALL.len());
}

#[test]
fn keys_names_and_versions_are_kafkas() {
    for api in Api::ALL {
        let kafkas = ApiKey::try_from(api.key()).expect("a key of Kafka's");
        // Of InitProducerId 6, OffsetCommit 10 and OffsetFetch 10 only the answers are known.
        let knows_answer = [Api::InitProducerId, Api::OffsetCommit, Api::OffsetFetch].contains(api);
        let newest = kafkas.valid_versions().max - i16::from(knows_answer);
        let expected = match api {
            // The last one that names topics.
            Api::FetchByName => 12,
            // It is written here.
            Api::WriteTxnMarkers => newest + 1,
            _ => newest,
        };
        assert_eq!(expected, api.version(), "the newest version of {api} that is known");
        let name = format!("{kafkas:?}");
        let plain = api.name().strip_suffix(" (__cluster_metadata)").or(api.name().strip_suffix(" (by name)"));
        assert_eq!(plain.unwrap_or(api.name()), name);
    }
}

fn told(listener: Listener) -> ApiVersionsResponse {
    api_versions(listener, &ApiVersionsRequest::default(), 0, 0)
}

#[test]
fn whoever_serves_an_api_tells_so() {
    for (listener, other) in [(Listener::Broker, Api::BrokerHeartbeat), (Listener::Controller, Api::Produce)] {
        let keys: Vec<i16> = told(listener).api_keys.iter().map(|api| api.api_key).collect();
        let mut ordered = keys.clone();
        ordered.sort_unstable();
        assert_eq!(keys, ordered);
        assert!(keys.contains(&Api::ApiVersions.key()) && !keys.contains(&other.key()), "{listener:?}: {keys:?}");
    }
}

#[test]
fn every_byte_of_a_message_is_in_the_hash_and_in_its_size() {
    for (api, is_request) in kinds().filter(has_bytes) {
        let what = format!("{api}, {}", if is_request { "request" } else { "response" });
        let mut lists: BTreeMap<String, bool> = BTreeMap::new();
        let mut messages = 0;
        let by_chance = (1..=STREAMS).filter_map(|seed| random(api, is_request, seed));
        for body in by_chance.chain(by_hand(api, is_request)) {
            // The first ones, and each that holds more than those before it.
            let fills_another = lists_of(&format!("{body:?}"), &mut lists);
            messages += 1;
            if messages > MESSAGES && !fills_another {
                continue;
            }
            let bytes =
                encode(&body, body.api().version()).expect("it has bytes").expect("what was read can be written");
            assert_eq!(body.content().size(), bytes.len(), "{what}: the size of {body:?}");
            let (before, printed) = (hash(&body), format!("{body:?}"));
            for (place, flip) in (0..bytes.len()).flat_map(|place| [(place, 1), (place, 0x80)]) {
                let mut other = bytes.clone();
                other[place] ^= flip;
                let Some(Ok((other, _))) = decode(api, is_request, &other, api.version()) else { continue };
                if is_known(&other) && format!("{other:?}") != printed {
                    assert_ne!(hash(&other), before, "{what}: byte {place} of {body:?} against {other:?}");
                }
            }
        }
        assert!(messages >= MESSAGES, "{what}: {messages} messages");
        // Lists that only other versions have stay empty.
        let is_of_another = |name: &str| match name {
            "new_isr" | "topic_names" => true,
            "node_endpoints" => api == Api::FetchByName,
            "v3_and_below_topics" | "results_by_topic_v3_and_below" => api == Api::AddPartitionsToTxn,
            _ => false,
        };
        let empty: Vec<_> = lists.iter().filter(|(name, was_filled)| !**was_filled && !is_of_another(name)).collect();
        assert!(empty.is_empty(), "{what}: never filled: {empty:?}");
    }
}

/// Takes in the lists of a printed message by their names, and whether one of that name was ever filled; true where one is
/// for the first time.
fn lists_of(text: &str, lists: &mut BTreeMap<String, bool>) -> bool {
    let filled = |lists: &BTreeMap<String, bool>| lists.values().filter(|was_filled| **was_filled).count();
    let before = filled(lists);
    for (at, _) in text.match_indices(": [") {
        let name = text[..at].rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_').next();
        let is_filled = !text[at + 3..].starts_with(']');
        *lists.entry(name.unwrap_or_default().to_owned()).or_default() |= is_filled;
    }
    filled(lists) > before
}

#[test]
fn kind_and_correlation_id_are_in_the_hash() {
    let metadata = |offset| Body::Request(Request::FetchMetadata(FetchMetadataRequest { broker: 1, offset }));
    let hashes = [
        hash_of_message(1, metadata(1)),
        hash_of_message(2, metadata(1)),
        hash_of_message(1, metadata(2)),
        hash_of_message(1, Body::Request(Request::FetchMetadata(FetchMetadataRequest { broker: 2, offset: 1 }))),
        hash_of_message(1, Body::Response(Response::Metadata(Arc::new(ClusterImage::default())))),
        hash_of_message(1, Body::Response(Response::FetchMetadata(Arc::new(ClusterImage::default())))),
    ];
    assert_eq!(BTreeSet::from(hashes).len(), hashes.len());
}

/// An image with one broker, and one topic with one partition, each changed by its function.
fn image(
    broker: impl FnOnce(&mut BrokerImage),
    topic: impl FnOnce(&mut TopicImage),
    partition: impl FnOnce(&mut PartitionImage),
) -> Body {
    let id = Uuid::from_u128(1);
    let mut of_broker =
        BrokerImage { incarnation: id, epoch: 4, fenced: false, in_controlled_shutdown: false, rack: None };
    let mut of_partition = PartitionImage {
        replicas: vec![1],
        isr: vec![1],
        elr: Vec::new(),
        last_known_elr: Vec::new(),
        leader: 1,
        leader_epoch: 0,
        partition_epoch: 0,
        recovering: false,
    };
    partition(&mut of_partition);
    let (name, config) = ("orders".to_owned(), BTreeMap::new());
    let mut of_topic = TopicImage { id, name, partitions: vec![of_partition], config };
    broker(&mut of_broker);
    topic(&mut of_topic);
    let brokers = BTreeMap::from([(1, of_broker)]);
    let topics = std::iter::once(of_topic).collect();
    Body::Response(Response::FetchMetadata(Arc::new(ClusterImage { offset: 7, brokers, topics })))
}

#[test]
fn each_field_of_an_image_is_in_the_hash() {
    let of_broker = |change: fn(&mut BrokerImage)| image(change, |_| (), |_| ());
    let of_topic = |change: fn(&mut TopicImage)| image(|_| (), change, |_| ());
    let of_partition = |change: fn(&mut PartitionImage)| image(|_| (), |_| (), change);
    let images = [
        of_broker(|_| ()),
        of_broker(|broker| broker.incarnation = Uuid::from_u128(2)),
        of_broker(|broker| broker.epoch = 5),
        of_broker(|broker| broker.fenced = true),
        of_broker(|broker| broker.in_controlled_shutdown = true),
        of_topic(|topic| topic.id = Uuid::from_u128(2)),
        of_topic(|topic| topic.name.push('s')),
        of_topic(|topic| _ = topic.config.insert("retention.ms".to_owned(), "1".to_owned())),
        of_topic(|topic| _ = topic.config.insert("retention.ms".to_owned(), "2".to_owned())),
        of_topic(|topic| topic.partitions.push(topic.partitions[0].clone())),
        of_partition(|partition| partition.replicas.push(2)),
        of_partition(|partition| partition.isr.push(2)),
        of_partition(|partition| partition.elr.push(2)),
        of_partition(|partition| partition.last_known_elr.push(2)),
        of_partition(|partition| partition.leader = 2),
        of_partition(|partition| partition.leader_epoch = 2),
        of_partition(|partition| partition.partition_epoch = 2),
        of_partition(|partition| partition.recovering = true),
    ];
    assert_eq!(BTreeSet::from(images.each_ref().map(hash)).len(), images.len());
}

/// Three batches one behind another, and the start of a fourth. What a header says behind its CRC does not matter here.
fn batches() -> BytesMut {
    let mut bytes = BytesMut::new();
    for number in 0..3_u8 {
        let body = [number; 60];
        bytes.extend_from_slice(&u64::from(number).to_be_bytes());
        bytes.extend_from_slice(&(9 + body.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 7, 2, 1, 2, 3, number]);
        bytes.extend_from_slice(&body);
    }
    bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 3, 0, 0]);
    bytes
}

#[test]
fn each_header_of_each_batch_is_in_the_hash() {
    let produce = |records: Bytes| {
        let data = PartitionProduceData::default().with_records(Some(records));
        let topic = TopicProduceData::default().with_partition_data(vec![data]);
        Body::Request(Request::Produce(ProduceRequest::default().with_topic_data(vec![topic])))
    };
    let fetched = |records: Bytes| {
        let topic = FetchableTopicResponse::default();
        let topic = topic.with_partitions(vec![PartitionData::default().with_records(Some(records))]);
        Body::Response(Response::Fetch(FetchResponse::default().with_responses(vec![topic])))
    };
    const BATCH: usize = 81;
    for carry in [&produce as &dyn Fn(Bytes) -> Body, &fetched] {
        let bytes = batches();
        let before = hash(&carry(bytes.clone().freeze()));
        let heads = (0..3).flat_map(|batch| (0..21).map(move |byte| batch * BATCH + byte));
        for place in heads.chain(3 * BATCH..bytes.len()) {
            let mut other = bytes.clone();
            other[place] ^= 0x10;
            assert_ne!(hash(&carry(other.freeze())), before, "byte {place}");
        }
    }
}

#[test]
fn nothing_and_something_empty_are_told_apart() {
    let produce = |records: Option<Bytes>| {
        let data = PartitionProduceData::default().with_records(records);
        let topic = TopicProduceData::default().with_partition_data(vec![data]);
        Body::Request(Request::Produce(ProduceRequest::default().with_topic_data(vec![topic])))
    };
    assert_ne!(hash(&produce(None)), hash(&produce(Some(Bytes::new()))));
    // A null list is all topics, an empty one is none.
    let metadata = |topics| {
        Body::Request(Request::Metadata(kafka_protocol::messages::MetadataRequest::default().with_topics(topics)))
    };
    assert_ne!(hash(&metadata(None)), hash(&metadata(Some(Vec::new()))));
}

#[test]
fn an_answer_tells_all_of_its_errors() {
    let told = |response: Response| response.content().errors();
    let fenced = ConsumerGroupHeartbeatResponse::default().with_error_code(110);
    assert_eq!(told(Response::ConsumerGroupHeartbeat(fenced)), [110]);
    let partitions = [0, 6, 3].map(|code| PartitionData::default().with_error_code(code));
    let topic = FetchableTopicResponse::default().with_partitions(partitions.to_vec());
    let fetched = FetchResponse::default().with_error_code(70).with_responses(vec![topic]);
    assert_eq!(told(Response::Fetch(fetched)), [70, 6, 3]);
    let deleted = OffsetDeleteResponsePartition::default().with_error_code(86);
    let topic = OffsetDeleteResponseTopic::default().with_partitions(vec![deleted]);
    assert_eq!(told(Response::OffsetDelete(OffsetDeleteResponse::default().with_topics(vec![topic]))), [86]);
}
