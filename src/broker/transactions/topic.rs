//! `__transaction_state` as it is made when it is first asked for (Kafka: `TransactionCoordinator.transactionTopicConfigs`).

use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::protocol::StrBytes;

use crate::broker::settings::BrokerSettings;

/// The topic, but for its name.
pub(in crate::broker) fn topic(settings: &BrokerSettings) -> CreatableTopic {
    let transactions = &settings.transactions;
    let config = |name: &'static str, value: String| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(StrBytes::from_string(value)))
    };
    let configs = vec![
        config("compression.type", "uncompressed".to_owned()),
        config("cleanup.policy", "compact".to_owned()),
        config("unclean.leader.election.enable", "false".to_owned()),
        config("min.insync.replicas", transactions.topic_min_isr.to_string()),
        config("segment.bytes", transactions.topic_segment_bytes.to_string()),
    ];
    CreatableTopic::default()
        .with_num_partitions(transactions.topic_partitions)
        .with_replication_factor(transactions.topic_replication_factor)
        .with_configs(configs)
}
