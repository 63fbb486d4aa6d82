//! Which APIs of Kafka the simulator does not serve.

use loglab::wire::Api;

/// Those of groups and transactions, which are being built. A case that uses one of them is not run before it is there; when
/// all of them are, this list goes.
const PENDING: [&str; 24] = [
    "OffsetCommit",
    "OffsetFetch",
    "JoinGroup",
    "Heartbeat",
    "LeaveGroup",
    "SyncGroup",
    "DescribeGroups",
    "ListGroups",
    "DeleteGroups",
    "OffsetDelete",
    "ConsumerGroupHeartbeat",
    "ConsumerGroupDescribe",
    "ShareGroupHeartbeat",
    "ShareGroupDescribe",
    "StreamsGroupHeartbeat",
    "AddPartitionsToTxn",
    "AddOffsetsToTxn",
    "EndTxn",
    "WriteTxnMarkers",
    "TxnOffsetCommit",
    "DescribeTransactions",
    "ListTransactions",
    "StreamsGroupDescribe",
    "DescribeShareGroupOffsets",
];

/// Those that come later: what is recorded of them is left out, the rest of a case is run.
const LATER: [&str; 12] = [
    "DescribeConfigs",
    "IncrementalAlterConfigs",
    "AlterPartitionReassignments",
    "ListPartitionReassignments",
    "DescribeAcls",
    "DescribeQuorum",
    "UpdateFeatures",
    "AlterPartition",
    "BrokerRegistration",
    "BrokerHeartbeat",
    "Envelope",
    "ElectLeaders",
];

/// How an API of a case stands here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A broker serves it.
    Served,
    Pending,
    Later,
    /// Nobody has ever heard of it.
    Unknown,
}

/// How the API with this name stands.
pub fn standing(name: &str) -> Standing {
    let is_served = Api::named(name).is_some_and(|api| api.is_served_by(loglab::wire::Listener::Broker));
    // Coordinators are found once there are some.
    if name == "FindCoordinator" && Api::named("OffsetCommit").is_none() {
        return Standing::Pending;
    }
    // A request that Kafka does not know is recorded as unknown: it is to be refused.
    if is_served || name == "unknown" {
        Standing::Served
    } else if PENDING.contains(&name) {
        Standing::Pending
    } else if LATER.contains(&name) {
        Standing::Later
    } else {
        Standing::Unknown
    }
}
