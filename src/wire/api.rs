//! The table of APIs: what is asked and answered on a connection, each in one row.
//!
//! A row says who serves it, its variant, its number, its name on the screen, the version at which it is spoken, and the
//! types of its request and its answer. All that is known of an API comes from its row: the enums below, names, versions, who
//! serves what, dispatch. What a type has to know of itself ([`Content`]: the run's hash, its size, its words) it must
//! implement, or the table does not compile; so must brokers and controllers serve what the table says ([`BrokerRequest`],
//! [`ControllerRequest`]).

use std::fmt;
use std::sync::Arc;

use kafka_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionRequest, AlterPartitionResponse,
    ApiVersionsRequest, ApiVersionsResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse,
    BrokerRegistrationRequest, BrokerRegistrationResponse, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, CreatePartitionsRequest, CreatePartitionsResponse,
    CreateTopicsRequest, CreateTopicsResponse, DeleteGroupsRequest, DeleteGroupsResponse, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DescribeClusterRequest, DescribeClusterResponse,
    DescribeGroupsRequest, DescribeGroupsResponse, DescribeProducersRequest, DescribeProducersResponse,
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, ElectLeadersRequest, ElectLeadersResponse,
    FetchRequest, FetchResponse, FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse,
    InitProducerIdRequest, InitProducerIdResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, ProduceRequest,
    ProduceResponse, SyncGroupRequest, SyncGroupResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
// Of transactions.
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    DescribeTransactionsRequest, DescribeTransactionsResponse, EndTxnRequest, EndTxnResponse, ListTransactionsRequest,
    ListTransactionsResponse,
};
use serde::{Deserialize, Serialize};

use super::by_name::{FetchByNameRequest, FetchByNameResponse};
use super::content::Content;
use super::image::ClusterImage;
use super::metadata_log::FetchMetadataRequest;
use super::transactions::{TxnMarkersRequest, TxnMarkersResponse};

/// Numbers from here on are of APIs that share the key of another: the key is what is above a multiple of it.
const SHARED_KEYS: u16 = 1_000;

/// Whose listener a request arrives at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// A broker's.
    Broker,
    /// The controller's.
    Controller,
}

/// In the page a message is shown by its name where an assertion breaks: all fields of all messages would be a tenth of it.
macro_rules! named_only {
    ($($of:ty: $($variant:ident $name:literal,)*;)*) => {$(
        #[cfg(target_family = "wasm")]
        impl std::fmt::Debug for $of {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $(Self::$variant(_) => $name,)*
                })
            }
        }
    )*};
}

macro_rules! apis {
    (
        brokers { $($(#[doc = $b_about:literal])* $b:ident = $b_number:literal $b_name:literal v $b_version:literal: $b_request:ty => $b_response:ty;)* }
        controllers { $($(#[doc = $c_about:literal])* $c:ident = $c_number:literal $c_name:literal v $c_version:literal: $c_request:ty => $c_response:ty;)* }
        both { $($(#[doc = $s_about:literal])* $s:ident = $s_number:literal $s_name:literal v $s_version:literal: $s_request:ty => $s_response:ty;)* }
    ) => {
        /// An API of Kafka, as `ApiKeys` there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "u16", try_from = "u16")]
        #[repr(u16)]
        pub enum Api {
            $($(#[doc = $b_about])* $b = $b_number,)*
            $($(#[doc = $c_about])* $c = $c_number,)*
            $($(#[doc = $s_about])* $s = $s_number,)*
        }

        /// A request.
        #[derive(Clone)]
        #[cfg_attr(not(target_family = "wasm"), derive(Debug))]
        pub enum Request {
            $($(#[doc = $b_about])* $b($b_request),)*
            $($(#[doc = $c_about])* $c($c_request),)*
            $($(#[doc = $s_about])* $s($s_request),)*
        }

        /// The answer to a request.
        #[derive(Clone)]
        #[cfg_attr(not(target_family = "wasm"), derive(Debug))]
        pub enum Response {
            $($(#[doc = $b_about])* $b($b_response),)*
            $($(#[doc = $c_about])* $c($c_response),)*
            $($(#[doc = $s_about])* $s($s_response),)*
        }

        /// A request that a broker serves.
        #[derive(Clone, Copy)]
        #[cfg_attr(not(target_family = "wasm"), derive(Debug))]
        pub enum BrokerRequest<'a> {
            $($(#[doc = $b_about])* $b(&'a $b_request),)*
            $($(#[doc = $s_about])* $s(&'a $s_request),)*
        }

        /// A request that a controller serves.
        #[derive(Clone, Copy)]
        #[cfg_attr(not(target_family = "wasm"), derive(Debug))]
        pub enum ControllerRequest<'a> {
            $($(#[doc = $c_about])* $c(&'a $c_request),)*
            $($(#[doc = $s_about])* $s(&'a $s_request),)*
        }

        named_only! {
            Request: $($b $b_name,)* $($c $c_name,)* $($s $s_name,)*;
            Response: $($b $b_name,)* $($c $c_name,)* $($s $s_name,)*;
            BrokerRequest<'_>: $($b $b_name,)* $($s $s_name,)*;
            ControllerRequest<'_>: $($c $c_name,)* $($s $s_name,)*;
        }

        impl Api {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$b,)* $(Self::$c,)* $(Self::$s,)*];

            /// Its name, as Kafka spells it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$b => $b_name,)*
                    $(Self::$c => $c_name,)*
                    $(Self::$s => $s_name,)*
                }
            }

            /// The version at which it is spoken: what brokers and clients of a 4.3 cluster agree on, as far as
            /// `kafka-protocol` knows it (ListOffsets 11, OffsetCommit 10, OffsetFetch 10, InitProducerId 6, BrokerHeartbeat 2 and ApiVersions 5 it does
            /// not; WriteTxnMarkers 2 is read and written here).
            #[must_use]
            pub fn version(self) -> i16 {
                match self {
                    $(Self::$b => $b_version,)*
                    $(Self::$c => $c_version,)*
                    $(Self::$s => $s_version,)*
                }
            }

            /// Whether it is served at such a listener: `listeners` of Kafka's message definitions.
            #[must_use]
            pub fn is_served_by(self, listener: Listener) -> bool {
                match self {
                    $(Self::$b => listener == Listener::Broker,)*
                    $(Self::$c => listener == Listener::Controller,)*
                    $(Self::$s => true,)*
                }
            }
        }

        impl Request {
            /// Its API.
            #[must_use]
            pub fn api(&self) -> Api {
                match self {
                    $(Self::$b(_) => Api::$b,)*
                    $(Self::$c(_) => Api::$c,)*
                    $(Self::$s(_) => Api::$s,)*
                }
            }

            /// What it says.
            #[must_use]
            pub fn content(&self) -> &dyn Content {
                match self {
                    $(Self::$b(it) => it,)*
                    $(Self::$c(it) => it,)*
                    $(Self::$s(it) => it,)*
                }
            }

            /// The request as a broker serves it; `None` for what only a controller does.
            #[must_use]
            pub fn at_broker(&self) -> Option<BrokerRequest<'_>> {
                match self {
                    $(Self::$b(it) => Some(BrokerRequest::$b(it)),)*
                    $(Self::$c(_) => None,)*
                    $(Self::$s(it) => Some(BrokerRequest::$s(it)),)*
                }
            }

            /// The request as a controller serves it; `None` for what only a broker does.
            #[must_use]
            pub fn at_controller(&self) -> Option<ControllerRequest<'_>> {
                match self {
                    $(Self::$b(_) => None,)*
                    $(Self::$c(it) => Some(ControllerRequest::$c(it)),)*
                    $(Self::$s(it) => Some(ControllerRequest::$s(it)),)*
                }
            }
        }

        impl Response {
            /// The API that it answers.
            #[must_use]
            pub fn api(&self) -> Api {
                match self {
                    $(Self::$b(_) => Api::$b,)*
                    $(Self::$c(_) => Api::$c,)*
                    $(Self::$s(_) => Api::$s,)*
                }
            }

            /// What it says.
            #[must_use]
            pub fn content(&self) -> &dyn Content {
                match self {
                    $(Self::$b(it) => it,)*
                    $(Self::$c(it) => it,)*
                    $(Self::$s(it) => it,)*
                }
            }
        }

        /// Reads what bytes at a version begin with, and tells how many it takes; `None` for what travels as a shared value.
        #[cfg(not(target_family = "wasm"))]
        pub fn decode(api: Api, is_request: bool, bytes: &[u8], version: i16) -> Option<Result<(Body, usize), String>> {
            use super::content::Encoded;
            match (api, is_request) {
                $((Api::$b, true) => Some(<$b_request>::decoded(bytes, version)?.map(|(it, size)| (Body::Request(Request::$b(it)), size))),
                (Api::$b, false) => Some(<$b_response>::decoded(bytes, version)?.map(|(it, size)| (Body::Response(Response::$b(it)), size))),)*
                $((Api::$c, true) => Some(<$c_request>::decoded(bytes, version)?.map(|(it, size)| (Body::Request(Request::$c(it)), size))),
                (Api::$c, false) => Some(<$c_response>::decoded(bytes, version)?.map(|(it, size)| (Body::Response(Response::$c(it)), size))),)*
                $((Api::$s, true) => Some(<$s_request>::decoded(bytes, version)?.map(|(it, size)| (Body::Request(Request::$s(it)), size))),
                (Api::$s, false) => Some(<$s_response>::decoded(bytes, version)?.map(|(it, size)| (Body::Response(Response::$s(it)), size))),)*
            }
        }

        /// Its bytes at a version; `None` for what travels as a shared value.
        #[cfg(not(target_family = "wasm"))]
        pub fn encode(body: &Body, version: i16) -> Option<Result<Vec<u8>, String>> {
            use super::content::Encoded;
            match body {
                $(Body::Request(Request::$b(it)) => it.encoded(version),
                Body::Response(Response::$b(it)) => it.encoded(version),)*
                $(Body::Request(Request::$c(it)) => it.encoded(version),
                Body::Response(Response::$c(it)) => it.encoded(version),)*
                $(Body::Request(Request::$s(it)) => it.encoded(version),
                Body::Response(Response::$s(it)) => it.encoded(version),)*
            }
        }
    };
}

apis! {
    brokers {
        /// Append batches.
        Produce = 0 "Produce" v 13: ProduceRequest => ProduceResponse;
        /// Read batches; followers and consumers.
        Fetch = 1 "Fetch" v 18: FetchRequest => FetchResponse;
        /// The same, as long as a consumer does not know the id of a topic that it reads.
        FetchByName = 2_001 "Fetch (by name)" v 12: FetchByNameRequest => FetchByNameResponse;
        /// Offsets by timestamp, -1 latest, -2 earliest.
        ListOffsets = 2 "ListOffsets" v 10: ListOffsetsRequest => ListOffsetsResponse;
        /// Who leads what; answered with the broker's image, shared instead of copied into a MetadataResponse.
        Metadata = 3 "Metadata" v 13: MetadataRequest => Arc<ClusterImage>;
        /// Logs shall begin later.
        DeleteRecords = 21 "DeleteRecords" v 2: DeleteRecordsRequest => DeleteRecordsResponse;
        /// What leaders know of the producers of partitions.
        DescribeProducers = 61 "DescribeProducers" v 0: DescribeProducersRequest => DescribeProducersResponse;
        /// Who leads what, topic by topic, for administrators.
        DescribeTopicPartitions = 75 "DescribeTopicPartitions" v 0: DescribeTopicPartitionsRequest => DescribeTopicPartitionsResponse;
        /// Which broker coordinates a group or a transactional id.
        FindCoordinator = 10 "FindCoordinator" v 6: FindCoordinatorRequest => FindCoordinatorResponse;
        /// A producer id for an idempotent producer.
        InitProducerId = 22 "InitProducerId" v 5: InitProducerIdRequest => InitProducerIdResponse;
        /// Where an epoch ends.
        OffsetForLeaderEpoch = 23 "OffsetForLeaderEpoch" v 4: OffsetForLeaderEpochRequest => OffsetForLeaderEpochResponse;
        /// A group's consumer, or anybody for a group without members, says how far it has read.
        OffsetCommit = 8 "OffsetCommit" v 9: OffsetCommitRequest => OffsetCommitResponse;
        /// How far some groups have read.
        OffsetFetch = 9 "OffsetFetch" v 9: OffsetFetchRequest => OffsetFetchResponse;
        /// A member joins a classic group, and waits for the others.
        JoinGroup = 11 "JoinGroup" v 9: JoinGroupRequest => JoinGroupResponse;
        /// A member of a classic group is still alive.
        Heartbeat = 12 "Heartbeat" v 4: HeartbeatRequest => HeartbeatResponse;
        /// Members leave a classic group.
        LeaveGroup = 13 "LeaveGroup" v 5: LeaveGroupRequest => LeaveGroupResponse;
        /// A member of a classic group asks what it is assigned; the leader says it for all.
        SyncGroup = 14 "SyncGroup" v 5: SyncGroupRequest => SyncGroupResponse;
        /// Who is in some classic groups, and what they have.
        DescribeGroups = 15 "DescribeGroups" v 6: DescribeGroupsRequest => DescribeGroupsResponse;
        /// The groups that a broker coordinates.
        ListGroups = 16 "ListGroups" v 5: ListGroupsRequest => ListGroupsResponse;
        /// As OffsetCommit, in a transaction: it counts once that is committed.
        TxnOffsetCommit = 28 "TxnOffsetCommit" v 5: TxnOffsetCommitRequest => TxnOffsetCommitResponse;
        /// Groups without members shall go.
        DeleteGroups = 42 "DeleteGroups" v 2: DeleteGroupsRequest => DeleteGroupsResponse;
        /// What a group has committed shall go.
        OffsetDelete = 47 "OffsetDelete" v 0: OffsetDeleteRequest => OffsetDeleteResponse;
        /// A member of a consumer group (KIP-848) joins, lives on, or leaves.
        ConsumerGroupHeartbeat = 68 "ConsumerGroupHeartbeat" v 1: ConsumerGroupHeartbeatRequest => ConsumerGroupHeartbeatResponse;
        /// Who is in some consumer groups, and what they have.
        ConsumerGroupDescribe = 69 "ConsumerGroupDescribe" v 1: ConsumerGroupDescribeRequest => ConsumerGroupDescribeResponse;
        /// Partitions become part of transactions, or are looked up there; of brokers only, many transactions at once.
        AddPartitionsToTxn = 24 "AddPartitionsToTxn" v 5: AddPartitionsToTxnRequest => AddPartitionsToTxnResponse;
        /// The offsets of a group become part of a transaction.
        AddOffsetsToTxn = 25 "AddOffsetsToTxn" v 4: AddOffsetsToTxnRequest => AddOffsetsToTxnResponse;
        /// A transaction is committed or aborted; its producer goes on with a higher epoch.
        EndTxn = 26 "EndTxn" v 5: EndTxnRequest => EndTxnResponse;
        /// A coordinator, or an admin client, ends transactions in partitions.
        WriteTxnMarkers = 27 "WriteTxnMarkers" v 2: TxnMarkersRequest => TxnMarkersResponse;
        /// How far transactions are.
        DescribeTransactions = 65 "DescribeTransactions" v 0: DescribeTransactionsRequest => DescribeTransactionsResponse;
        /// The transactions that a broker coordinates.
        ListTransactions = 66 "ListTransactions" v 2: ListTransactionsRequest => ListTransactionsResponse;
    }
    controllers {
        /// A leader changes the ISR.
        AlterPartition = 56 "AlterPartition" v 3: AlterPartitionRequest => AlterPartitionResponse;
        /// A broker begins its life.
        BrokerRegistration = 62 "BrokerRegistration" v 4: BrokerRegistrationRequest => BrokerRegistrationResponse;
        /// It is still alive.
        BrokerHeartbeat = 63 "BrokerHeartbeat" v 1: BrokerHeartbeatRequest => BrokerHeartbeatResponse;
        /// A block of producer ids.
        AllocateProducerIds = 67 "AllocateProducerIds" v 0: AllocateProducerIdsRequest => AllocateProducerIdsResponse;
        /// A broker reads `__cluster_metadata`, as an observer of the quorum, and waits for what is above its offset; answered
        /// with the image at the end of the controller's log, shared.
        FetchMetadata = 1_001 "Fetch (__cluster_metadata)" v 18: FetchMetadataRequest => Arc<ClusterImage>;
    }
    both {
        /// What versions of what the other speaks: the first request of a connection.
        ApiVersions = 18 "ApiVersions" v 4: ApiVersionsRequest => ApiVersionsResponse;
        /// New topics. Clients ask a broker, which asks the controller; so too those below.
        CreateTopics = 19 "CreateTopics" v 7: CreateTopicsRequest => CreateTopicsResponse;
        /// Topics shall go.
        DeleteTopics = 20 "DeleteTopics" v 6: DeleteTopicsRequest => DeleteTopicsResponse;
        /// More partitions for topics.
        CreatePartitions = 37 "CreatePartitions" v 3: CreatePartitionsRequest => CreatePartitionsResponse;
        /// Which nodes there are, for administrators.
        DescribeCluster = 60 "DescribeCluster" v 2: DescribeClusterRequest => DescribeClusterResponse;
        /// The preferred replica, or any, shall lead.
        ElectLeaders = 43 "ElectLeaders" v 2: ElectLeadersRequest => ElectLeadersResponse;
    }
}

/// A request or a response.
#[derive(Clone, Debug)]
pub enum Body {
    /// What a client, or a broker as a client, asks.
    Request(Request),
    /// What it is answered.
    Response(Response),
}

impl Body {
    /// Its API.
    #[must_use]
    pub fn api(&self) -> Api {
        match self {
            Self::Request(request) => request.api(),
            Self::Response(response) => response.api(),
        }
    }

    /// True for a request.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self, Self::Request(_))
    }

    /// What it says.
    #[must_use]
    pub fn content(&self) -> &dyn Content {
        match self {
            Self::Request(request) => request.content(),
            Self::Response(response) => response.content(),
        }
    }
}

impl Api {
    /// Its number: Kafka's API key, but for those that share one with another.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }

    /// Kafka's API key.
    #[must_use]
    pub fn key(self) -> i16 {
        (self.number() % SHARED_KEYS).cast_signed()
    }

    /// The API with this number.
    #[must_use]
    pub fn numbered(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|api| api.number() == number)
    }

    /// The API with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|api| api.name() == name)
    }

    /// The kind of its request or its response, as the kernel tells messages apart.
    #[must_use]
    pub fn kind(self, is_request: bool) -> u32 {
        2 * u32::from(self.number()) + u32::from(!is_request)
    }

    /// The API of a kind of message, and whether that is its request.
    #[must_use]
    pub fn of_kind(kind: u32) -> Option<(Self, bool)> {
        let api = Self::numbered(u16::try_from(kind / 2).ok()?)?;
        Some((api, kind.is_multiple_of(2)))
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Api> for u16 {
    fn from(api: Api) -> Self {
        api.number()
    }
}

impl TryFrom<u16> for Api {
    type Error = &'static str;

    fn try_from(number: u16) -> Result<Self, Self::Error> {
        Self::numbered(number).ok_or("no such API")
    }
}
