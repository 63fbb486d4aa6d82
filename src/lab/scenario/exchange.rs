//! Who says what to whom: what never passes between two processes cannot be lost on its way.

use crate::wire::Api;

/// What somebody is, as far as it decides what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A broker.
    Broker,
    /// The controller.
    Controller,
    /// A producer.
    Producer,
    /// A consumer.
    Consumer,
    /// Who looks after the cluster.
    Administrator,
    /// A pipeline, which is both a producer and a consumer.
    Pipeline,
}

impl Who {
    /// It asks, and nobody asks it.
    #[must_use]
    pub fn is_client(self) -> bool {
        match self {
            Self::Producer | Self::Consumer | Self::Pipeline | Self::Administrator => true,
            Self::Broker | Self::Controller => false,
        }
    }

    /// Whether it says what `part` says.
    #[must_use]
    pub fn plays(self, part: Self) -> bool {
        self == part || self == Self::Pipeline && matches!(part, Self::Producer | Self::Consumer)
    }
}

/// Whether two ever have a connection: a client talks to brokers alone, and the controller to brokers alone.
#[must_use]
pub fn talk(a: Who, b: Who) -> bool {
    a == Who::Broker || b == Who::Broker
}

/// Who asks whom, of those that a scenario has. Answers go the other way. `tests/causes.rs` holds it against runs.
#[must_use]
pub fn asked(api: Api) -> &'static [(Who, Who)] {
    use Who::{Administrator, Broker, Consumer, Controller, Pipeline, Producer};
    match api {
        Api::Produce => &[(Producer, Broker)],
        Api::InitProducerId => &[(Producer, Broker), (Administrator, Broker)],
        Api::OffsetForLeaderEpoch | Api::FetchByName => &[(Consumer, Broker)],
        Api::Fetch => &[(Consumer, Broker), (Broker, Broker)],
        Api::ListOffsets => &[(Consumer, Broker), (Broker, Broker), (Administrator, Broker)],
        // Brokers know each other's versions by the feature level of the cluster.
        Api::Metadata | Api::ApiVersions => &[(Producer, Broker), (Consumer, Broker), (Administrator, Broker)],
        Api::AlterPartition
        | Api::BrokerRegistration
        | Api::BrokerHeartbeat
        | Api::AllocateProducerIds
        | Api::FetchMetadata => &[(Broker, Controller)],
        // A leader asks the coordinator of a transaction, and in version 1 its producer does; that writes markers to leaders (KIP-890,
        // KIP-98).
        Api::AddPartitionsToTxn => &[(Producer, Broker), (Broker, Broker)],
        Api::WriteTxnMarkers => &[(Broker, Broker), (Administrator, Broker)],
        Api::EndTxn => &[(Producer, Broker)],
        Api::TxnOffsetCommit => &[(Pipeline, Broker)],
        // Transaction version 1 adds offsets by this.
        Api::AddOffsetsToTxn => &[(Pipeline, Broker)],
        Api::DescribeTransactions | Api::ListTransactions => &[(Administrator, Broker)],
        Api::FindCoordinator => &[(Producer, Broker), (Consumer, Broker), (Administrator, Broker)],
        Api::OffsetCommit | Api::OffsetFetch => &[(Consumer, Broker), (Administrator, Broker)],
        // Members of groups.
        Api::JoinGroup | Api::SyncGroup | Api::Heartbeat | Api::LeaveGroup | Api::ConsumerGroupHeartbeat => {
            &[(Consumer, Broker)]
        }
        // A broker lets the topic be made in which groups commit.
        Api::CreateTopics => &[(Broker, Controller)],
        Api::DeleteRecords
        | Api::DescribeCluster
        | Api::DescribeProducers
        | Api::DescribeTopicPartitions
        | Api::OffsetDelete
        | Api::ListGroups
        | Api::DescribeGroups
        | Api::DeleteGroups
        | Api::ConsumerGroupDescribe => &[(Administrator, Broker)],
        // No administrator of a scenario does it.
        Api::DeleteTopics | Api::CreatePartitions | Api::ElectLeaders => &[],
    }
}

/// Who asks and who is asked, where such a message passes from the one to the other; `None` for anybody.
pub fn passes(api: Api, is_request: bool, from: Option<Who>, to: Option<Who>) -> impl Iterator<Item = (Who, Who)> {
    let (asks, answers) = if is_request { (from, to) } else { (to, from) };
    asked(api).iter().copied().filter(move |(client, server)| {
        asks.is_none_or(|asks| asks.plays(*client)) && answers.is_none_or(|answers| answers.plays(*server))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Listener;

    #[test]
    fn who_is_asked_is_who_serves() {
        for api in Api::ALL {
            for (_, server) in asked(*api) {
                let listener = match server {
                    Who::Broker => Listener::Broker,
                    Who::Controller => Listener::Controller,
                    Who::Producer | Who::Consumer | Who::Pipeline | Who::Administrator => {
                        panic!("nobody asks a client")
                    }
                };
                assert!(api.is_served_by(listener), "{api}");
            }
            assert!(asked(*api).iter().all(|(client, server)| talk(*client, *server)), "{api}");
        }
    }

    #[test]
    fn what_is_never_said_does_not_pass() {
        let passes = |api, is_request, from, to| super::passes(api, is_request, from, to).next().is_some();
        let (broker, producer, consumer) = (Some(Who::Broker), Some(Who::Producer), Some(Who::Consumer));
        assert!(passes(Api::Produce, true, producer, broker) && passes(Api::Produce, false, broker, producer));
        assert!(!passes(Api::Produce, true, consumer, broker) && !passes(Api::Produce, false, producer, broker));
        assert!(passes(Api::Fetch, true, None, None) && !passes(Api::Fetch, true, producer, None));
        assert!(!passes(Api::BrokerHeartbeat, true, broker, broker));
        assert!(passes(Api::ApiVersions, true, producer, broker) && !passes(Api::ApiVersions, true, broker, broker));
        assert!(
            !passes(Api::ElectLeaders, false, None, None) && !passes(Api::OffsetForLeaderEpoch, true, broker, None)
        );
    }
}
