//! What travels on a connection.

use std::sync::Arc;

use kafka_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionRequest, AlterPartitionResponse,
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
    FetchRequest, FetchResponse, InitProducerIdRequest, InitProducerIdResponse, ListOffsetsRequest,
    ListOffsetsResponse, MetadataRequest, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, ProduceRequest,
    ProduceResponse,
};

use super::image::ClusterImage;
use crate::sim::hash::RunHash;

/// One request or response with the header that matters: its correlation id.
#[derive(Clone, Debug)]
pub struct Message {
    /// Chosen by the client, repeated by the answer.
    pub correlation_id: i32,
    /// What is asked or answered.
    pub body: Body,
}

/// A request or a response.
#[derive(Clone, Debug)]
pub enum Body {
    /// What a client, or a broker as a client, asks.
    Request(Request),
    /// What it is answered.
    Response(Response),
}

/// The requests that are spoken.
#[derive(Clone, Debug)]
pub enum Request {
    /// Append batches.
    Produce(ProduceRequest),
    /// Read batches; followers and consumers.
    Fetch(FetchRequest),
    /// Offsets by timestamp, -1 latest, -2 earliest.
    ListOffsets(ListOffsetsRequest),
    /// Where an epoch ends.
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest),
    /// Who leads what.
    Metadata(MetadataRequest),
    /// A producer id for an idempotent producer.
    InitProducerId(InitProducerIdRequest),
    /// A block of producer ids, broker to controller.
    AllocateProducerIds(AllocateProducerIdsRequest),
    /// A broker begins its life, broker to controller.
    BrokerRegistration(BrokerRegistrationRequest),
    /// It is still alive, broker to controller.
    BrokerHeartbeat(BrokerHeartbeatRequest),
    /// A leader changes the ISR, broker to controller.
    AlterPartition(AlterPartitionRequest),
    /// A broker reads `__cluster_metadata` from the controller and waits for what is above this offset.
    FetchMetadata {
        /// The broker that reads.
        broker: i32,
        /// The offset of the image it has; -1 for none.
        offset: i64,
    },
}

/// Their answers.
#[derive(Clone, Debug)]
pub enum Response {
    /// To Produce.
    Produce(ProduceResponse),
    /// To Fetch.
    Fetch(FetchResponse),
    /// To ListOffsets.
    ListOffsets(ListOffsetsResponse),
    /// To OffsetForLeaderEpoch.
    OffsetForLeaderEpoch(OffsetForLeaderEpochResponse),
    /// To Metadata: the broker's image, shared instead of copied into a MetadataResponse.
    Metadata(Arc<ClusterImage>),
    /// To InitProducerId.
    InitProducerId(InitProducerIdResponse),
    /// To AllocateProducerIds.
    AllocateProducerIds(AllocateProducerIdsResponse),
    /// To BrokerRegistration.
    BrokerRegistration(BrokerRegistrationResponse),
    /// To BrokerHeartbeat.
    BrokerHeartbeat(BrokerHeartbeatResponse),
    /// To AlterPartition.
    AlterPartition(AlterPartitionResponse),
    /// To FetchMetadata: the image at the end of the controller's log.
    FetchMetadata(Arc<ClusterImage>),
}

/// The APIs by number.
pub const APIS: [&str; 11] = [
    "",
    "Produce",
    "Fetch",
    "ListOffsets",
    "OffsetForLeaderEpoch",
    "Metadata",
    "InitProducerId",
    "AllocateProducerIds",
    "BrokerRegistration",
    "BrokerHeartbeat",
    "AlterPartition",
];

/// The number of a kind of message: that of its API, and whether it is a response.
#[must_use]
pub fn message_kind(api_number: u32, is_request: bool) -> u32 {
    2 * api_number + u32::from(!is_request)
}

impl Body {
    /// The name of the API, as Kafka spells it.
    #[must_use]
    pub fn api(&self) -> &'static str {
        APIS.get(self.api_number() as usize).copied().unwrap_or_default()
    }

    /// The place of the API in [`APIS`].
    #[must_use]
    pub fn api_number(&self) -> u32 {
        match self {
            Self::Request(Request::Produce(_)) | Self::Response(Response::Produce(_)) => 1,
            Self::Request(Request::Fetch(_) | Request::FetchMetadata { .. })
            | Self::Response(Response::Fetch(_) | Response::FetchMetadata(_)) => 2,
            Self::Request(Request::ListOffsets(_)) | Self::Response(Response::ListOffsets(_)) => 3,
            Self::Request(Request::OffsetForLeaderEpoch(_)) | Self::Response(Response::OffsetForLeaderEpoch(_)) => 4,
            Self::Request(Request::Metadata(_)) | Self::Response(Response::Metadata(_)) => 5,
            Self::Request(Request::InitProducerId(_)) | Self::Response(Response::InitProducerId(_)) => 6,
            Self::Request(Request::AllocateProducerIds(_)) | Self::Response(Response::AllocateProducerIds(_)) => 7,
            Self::Request(Request::BrokerRegistration(_)) | Self::Response(Response::BrokerRegistration(_)) => 8,
            Self::Request(Request::BrokerHeartbeat(_)) | Self::Response(Response::BrokerHeartbeat(_)) => 9,
            Self::Request(Request::AlterPartition(_)) | Self::Response(Response::AlterPartition(_)) => 10,
        }
    }

    /// True for a request.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self, Self::Request(_))
    }

    /// Bytes of the record batches inside, which is nearly all of a large message.
    fn batch_bytes(&self) -> usize {
        match self {
            Self::Request(Request::Produce(request)) => {
                let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
                partitions.filter_map(|partition| partition.records.as_ref()).map(bytes::Bytes::len).sum()
            }
            Self::Response(Response::Fetch(response)) => {
                let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
                partitions.filter_map(|partition| partition.records.as_ref()).map(bytes::Bytes::len).sum()
            }
            _ => 0,
        }
    }

    fn fold_details(&self, hash: &mut RunHash) {
        match self {
            Self::Request(Request::Produce(request)) => {
                for partition in request.topic_data.iter().flat_map(|topic| &topic.partition_data) {
                    hash.fold(partition.index as u64);
                    fold_records(partition.records.as_ref(), hash);
                }
            }
            Self::Request(Request::Fetch(request)) => {
                hash.fold(request.session_epoch as u64);
                for partition in request.topics.iter().flat_map(|topic| &topic.partitions) {
                    hash.fold(partition.partition as u64);
                    hash.fold(partition.fetch_offset as u64);
                }
            }
            Self::Response(Response::Produce(response)) => {
                for partition in response.responses.iter().flat_map(|topic| &topic.partition_responses) {
                    hash.fold(partition.index as u64);
                    hash.fold(partition.error_code as u64);
                    hash.fold(partition.base_offset as u64);
                }
            }
            Self::Response(Response::Fetch(response)) => {
                hash.fold(response.error_code as u64);
                for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
                    hash.fold(partition.partition_index as u64);
                    hash.fold(partition.error_code as u64);
                    hash.fold(partition.high_watermark as u64);
                    fold_records(partition.records.as_ref(), hash);
                }
            }
            Self::Response(Response::FetchMetadata(image) | Response::Metadata(image)) => {
                hash.fold(image.offset as u64)
            }
            Self::Request(Request::FetchMetadata { broker, offset }) => {
                hash.fold(*broker as u64);
                hash.fold(*offset as u64);
            }
            _ => {}
        }
    }
}

/// Size and CRC of the first batch (bytes 17 to 20 of a v2 batch); the CRC covers its records.
fn fold_records(records: Option<&bytes::Bytes>, hash: &mut RunHash) {
    let Some(records) = records else { return };
    hash.fold(records.len() as u64);
    if let Some(crc) = records.get(17..21) {
        hash.fold(crc.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }
}

impl crate::sim::process::Message for Message {
    fn size_bytes(&self) -> u32 {
        // A header and the fields around the batches: about a hundred bytes in practice.
        u32::try_from(self.body.batch_bytes()).unwrap_or(u32::MAX).saturating_add(100)
    }

    fn kind(&self) -> u32 {
        message_kind(self.body.api_number(), self.body.is_request())
    }

    fn fold(&self, hash: &mut RunHash) {
        hash.fold(self.correlation_id as u64);
        self.body.fold_details(hash);
    }
}
