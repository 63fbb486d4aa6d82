//! Which client library it is that speaks.
//!
//! What a library decides is the Java client's here. What it says to brokers of records and transactions is as it was recorded:
//! confluent-kafka 2.16 (librdkafka 2.16), kafka-python 3.0 and Kafka's own client 4.3.1 against Kafka 4.3.1. Only the Java client
//! speaks version 2 of transactions (KIP-890); the others add partitions and offsets by themselves, and keep their epoch.

use crate::settings::{Fix, Without};
use crate::wire::Api;

/// A client library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientKind {
    /// Apache Kafka's own.
    #[default]
    Java,
    /// In C, under clients of many languages.
    Librdkafka,
    /// In Python.
    KafkaPython,
}

/// The newest versions that it speaks, where a broker of today knows newer ones.
type Versions = &'static [(Api, i16)];

/// Kafka's own client where `transaction.version` is below 2 (`LAST_STABLE_VERSION_BEFORE_TRANSACTION_V2`).
const JAVA_1: Versions =
    &[(Api::Produce, 11), (Api::AddPartitionsToTxn, 3), (Api::TxnOffsetCommit, 4), (Api::EndTxn, 4)];
const LIBRDKAFKA: Versions = &[
    (Api::Produce, 10),
    (Api::InitProducerId, 4),
    (Api::AddPartitionsToTxn, 0),
    (Api::AddOffsetsToTxn, 0),
    (Api::TxnOffsetCommit, 3),
    (Api::EndTxn, 1),
];
/// AddOffsetsToTxn and TxnOffsetCommit were not recorded: those are its newest.
const KAFKA_PYTHON: Versions = &[
    (Api::Produce, 9),
    (Api::InitProducerId, 4),
    (Api::AddPartitionsToTxn, 3),
    (Api::AddOffsetsToTxn, 3),
    (Api::TxnOffsetCommit, 3),
    (Api::EndTxn, 3),
];

impl ClientKind {
    /// All, with their words in a file.
    pub const WORDS: [(&'static str, Self); 3] =
        [("java", Self::Java), ("librdkafka", Self::Librdkafka), ("kafka-python", Self::KafkaPython)];

    /// Whether its transactions are of version 2: their leaders add partitions, and the epoch rises with each end (KIP-890).
    #[must_use]
    pub fn bumps_epoch(self, without: Without) -> bool {
        let is_before = without.lacks(Fix::Kip890EpochBump) || without.lacks(Fix::Kip890Verification);
        match self {
            Self::Java => !is_before,
            Self::Librdkafka | Self::KafkaPython => false,
        }
    }

    /// The version at which it asks.
    pub(super) fn version(self, api: Api, without: Without) -> i16 {
        let versions: Versions = match self {
            Self::Java if self.bumps_epoch(without) => &[],
            Self::Java => JAVA_1,
            Self::Librdkafka => LIBRDKAFKA,
            Self::KafkaPython => KAFKA_PYTHON,
        };
        versions.iter().find(|(of, _)| *of == api).map_or(api.version(), |(_, version)| *version)
    }
}

// Frames are not built for wasm.
#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use kafka_protocol::messages::{
        AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest, ProduceRequest,
        TopicName, TxnOffsetCommitRequest, add_partitions_to_txn_request, produce_request,
    };
    use kafka_protocol::protocol::StrBytes;

    use super::*;
    use crate::wire::{Message, Request, frame};

    /// What the producers here say has bytes at each of these versions.
    #[test]
    fn each_version_has_room_for_what_is_said() {
        let name = || TopicName(StrBytes::from_static_str("orders"));
        let data = produce_request::PartitionProduceData::default().with_records(Some(bytes::Bytes::new()));
        let data = produce_request::TopicProduceData::default().with_name(name()).with_partition_data(vec![data]);
        let topic = add_partitions_to_txn_request::AddPartitionsToTxnTopic::default().with_name(name());
        let id = || StrBytes::from_static_str("till").into();
        let requests = [
            Request::Produce(ProduceRequest::default().with_transactional_id(Some(id())).with_topic_data(vec![data])),
            Request::InitProducerId(InitProducerIdRequest::default().with_transactional_id(Some(id()))),
            Request::AddPartitionsToTxn(
                AddPartitionsToTxnRequest::default()
                    .with_v3_and_below_transactional_id(id())
                    .with_v3_and_below_topics(vec![topic]),
            ),
            Request::AddOffsetsToTxn(AddOffsetsToTxnRequest::default().with_transactional_id(id())),
            Request::TxnOffsetCommit(TxnOffsetCommitRequest::default().with_transactional_id(id())),
            Request::EndTxn(EndTxnRequest::default().with_transactional_id(id())),
        ];
        for (name, kind) in ClientKind::WORDS {
            for request in &requests {
                let version = kind.version(request.api(), Without::default().and(Fix::Kip890EpochBump));
                let message = Message::new(1, crate::wire::Body::Request(request.clone())).at(version);
                let bytes = frame::write_request(&message, None).unwrap_or_else(|why| panic!("{name}: {why}"));
                let read = frame::read_request(&bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
                assert_eq!((read.message.version, read.message.body.api()), (version, request.api()), "{name}");
            }
        }
    }

    #[test]
    fn whoever_does_not_bump_its_epoch_says_nothing_of_version_2() {
        let all = Without::default();
        let before = all.and(Fix::Kip890EpochBump);
        let kinds = [(ClientKind::Librdkafka, all), (ClientKind::KafkaPython, all), (ClientKind::Java, before)];
        for (kind, without) in kinds {
            assert!(!kind.bumps_epoch(without));
            let most = [(Api::Produce, 11), (Api::AddPartitionsToTxn, 3), (Api::TxnOffsetCommit, 4), (Api::EndTxn, 4)];
            assert!(most.iter().all(|(api, most)| kind.version(*api, without) <= *most), "{kind:?}");
        }
        assert!(ClientKind::Java.bumps_epoch(all));
        assert_eq!(ClientKind::Java.version(Api::Produce, all), Api::Produce.version());
    }
}
