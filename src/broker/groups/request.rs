//! The requests that are for groups.

use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DeleteGroupsRequest, DescribeGroupsRequest,
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, SyncGroupRequest, TxnOffsetCommitRequest,
};

use crate::wire::BrokerRequest;

/// A request that the coordinator of groups serves.
#[derive(Clone, Copy)]
#[cfg_attr(not(target_family = "wasm"), derive(Debug))]
pub(super) enum GroupRequest<'a> {
    OffsetCommit(&'a OffsetCommitRequest),
    OffsetFetch(&'a OffsetFetchRequest),
    OffsetDelete(&'a OffsetDeleteRequest),
    TxnOffsetCommit(&'a TxnOffsetCommitRequest),
    JoinGroup(&'a JoinGroupRequest),
    SyncGroup(&'a SyncGroupRequest),
    Heartbeat(&'a HeartbeatRequest),
    LeaveGroup(&'a LeaveGroupRequest),
    ListGroups(&'a ListGroupsRequest),
    DescribeGroups(&'a DescribeGroupsRequest),
    DeleteGroups(&'a DeleteGroupsRequest),
    ConsumerGroupHeartbeat(&'a ConsumerGroupHeartbeatRequest),
    ConsumerGroupDescribe(&'a ConsumerGroupDescribeRequest),
}

impl<'a> GroupRequest<'a> {
    /// `None` for what is not for groups.
    pub(super) fn of(request: BrokerRequest<'a>) -> Option<Self> {
        Some(match request {
            BrokerRequest::OffsetCommit(it) => Self::OffsetCommit(it),
            BrokerRequest::OffsetFetch(it) => Self::OffsetFetch(it),
            BrokerRequest::OffsetDelete(it) => Self::OffsetDelete(it),
            BrokerRequest::TxnOffsetCommit(it) => Self::TxnOffsetCommit(it),
            BrokerRequest::JoinGroup(it) => Self::JoinGroup(it),
            BrokerRequest::SyncGroup(it) => Self::SyncGroup(it),
            BrokerRequest::Heartbeat(it) => Self::Heartbeat(it),
            BrokerRequest::LeaveGroup(it) => Self::LeaveGroup(it),
            BrokerRequest::ListGroups(it) => Self::ListGroups(it),
            BrokerRequest::DescribeGroups(it) => Self::DescribeGroups(it),
            BrokerRequest::DeleteGroups(it) => Self::DeleteGroups(it),
            BrokerRequest::ConsumerGroupHeartbeat(it) => Self::ConsumerGroupHeartbeat(it),
            BrokerRequest::ConsumerGroupDescribe(it) => Self::ConsumerGroupDescribe(it),
            BrokerRequest::Produce(_)
            | BrokerRequest::Fetch(_)
            | BrokerRequest::FetchByName(_)
            | BrokerRequest::ListOffsets(_)
            | BrokerRequest::OffsetForLeaderEpoch(_)
            | BrokerRequest::Metadata(_)
            | BrokerRequest::InitProducerId(_)
            | BrokerRequest::ApiVersions(_)
            | BrokerRequest::CreateTopics(_)
            | BrokerRequest::DeleteTopics(_)
            | BrokerRequest::CreatePartitions(_)
            | BrokerRequest::ElectLeaders(_)
            | BrokerRequest::FindCoordinator(_)
            | BrokerRequest::DeleteRecords(_)
            | BrokerRequest::DescribeCluster(_)
            | BrokerRequest::DescribeProducers(_)
            | BrokerRequest::DescribeTopicPartitions(_)
            | BrokerRequest::AddPartitionsToTxn(_)
            | BrokerRequest::AddOffsetsToTxn(_)
            | BrokerRequest::EndTxn(_)
            | BrokerRequest::WriteTxnMarkers(_)
            | BrokerRequest::DescribeTransactions(_)
            | BrokerRequest::ListTransactions(_) => return None,
        })
    }

    /// The same of what is known to be for groups.
    pub(super) fn certainly(request: BrokerRequest<'a>) -> Self {
        Self::of(request).expect("only what is for groups is asked of them")
    }
}

/// Where an assertion breaks in the page: see `wire::api`.
#[cfg(target_family = "wasm")]
impl std::fmt::Debug for GroupRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a request about groups")
    }
}
