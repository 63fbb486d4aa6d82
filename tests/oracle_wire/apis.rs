//! Which APIs of Kafka the simulator does not serve.

use loglab::wire::Api;

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
    Later,
    /// Nobody has ever heard of it.
    Unknown,
}

/// How the API with this name stands.
pub fn standing(name: &str) -> Standing {
    let is_served = Api::named(name).is_some_and(|api| api.is_served_by(loglab::wire::Listener::Broker));
    // A request that Kafka does not know is recorded as unknown: it is to be refused.
    if is_served || name == "unknown" {
        Standing::Served
    } else if LATER.contains(&name) {
        Standing::Later
    } else {
        Standing::Unknown
    }
}
