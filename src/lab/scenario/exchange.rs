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
}

impl Who {
    /// It asks, and nobody asks it.
    #[must_use]
    pub fn is_client(self) -> bool {
        match self {
            Self::Producer | Self::Consumer => true,
            Self::Broker | Self::Controller => false,
        }
    }
}

/// Whether two ever have a connection: a client talks to brokers alone, and the controller to brokers alone.
#[must_use]
pub fn talk(a: Who, b: Who) -> bool {
    a == Who::Broker || b == Who::Broker
}

/// Who asks whom. Answers go the other way.
#[must_use]
pub fn asked(api: Api) -> &'static [(Who, Who)] {
    use Who::{Broker, Consumer, Controller, Producer};
    match api {
        Api::Produce | Api::InitProducerId => &[(Producer, Broker)],
        Api::Fetch | Api::ListOffsets | Api::OffsetForLeaderEpoch => &[(Consumer, Broker), (Broker, Broker)],
        Api::Metadata | Api::FindCoordinator => &[(Producer, Broker), (Consumer, Broker)],
        Api::AlterPartition
        | Api::BrokerRegistration
        | Api::BrokerHeartbeat
        | Api::AllocateProducerIds
        | Api::FetchMetadata => &[(Broker, Controller)],
        Api::ApiVersions => &[(Producer, Broker), (Consumer, Broker), (Broker, Broker), (Broker, Controller)],
        // Brokers pass on what programs ask for.
        Api::CreateTopics | Api::DeleteTopics | Api::CreatePartitions | Api::ElectLeaders => {
            &[(Producer, Broker), (Consumer, Broker), (Broker, Controller)]
        }
    }
}

/// Whether such a message ever passes from the one to the other; `None` for anybody.
#[must_use]
pub fn passes(api: Api, is_request: bool, from: Option<Who>, to: Option<Who>) -> bool {
    let (asks, answers) = if is_request { (from, to) } else { (to, from) };
    asked(api).iter().any(|(client, server)| {
        asks.is_none_or(|asks| asks == *client) && answers.is_none_or(|answers| answers == *server)
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
                    Who::Producer | Who::Consumer => panic!("nobody asks a client"),
                };
                assert!(api.is_served_by(listener), "{api}");
            }
            assert!(asked(*api).iter().all(|(client, server)| talk(*client, *server)), "{api}");
        }
    }

    #[test]
    fn what_is_never_said_does_not_pass() {
        let (broker, producer, consumer) = (Some(Who::Broker), Some(Who::Producer), Some(Who::Consumer));
        assert!(passes(Api::Produce, true, producer, broker) && passes(Api::Produce, false, broker, producer));
        assert!(!passes(Api::Produce, true, consumer, broker) && !passes(Api::Produce, false, producer, broker));
        assert!(passes(Api::Fetch, true, None, None) && !passes(Api::Fetch, true, producer, None));
        assert!(!passes(Api::BrokerHeartbeat, true, broker, broker));
    }
}
