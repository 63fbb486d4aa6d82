//! The internal topic of groups (Kafka: `GroupCoordinatorService.groupMetadataTopicConfigs`, `AutoTopicCreationManager`).

use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::protocol::StrBytes;

use crate::broker::BrokerSettings;

/// `__consumer_offsets`, as it is made when it is first asked for.
pub(in crate::broker) fn topic(settings: &BrokerSettings) -> CreatableTopic {
    let groups = &settings.groups;
    let config = |name: &'static str, value: String| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(StrBytes::from_string(value)))
    };
    let configs = vec![
        config("cleanup.policy", "compact".to_owned()),
        // Whatever brokers do with other topics.
        config("compression.type", "producer".to_owned()),
        config("segment.bytes", groups.topic_segment_bytes.to_string()),
    ];
    CreatableTopic::default()
        .with_num_partitions(groups.topic_partitions)
        .with_replication_factor(groups.topic_replication_factor)
        .with_configs(configs)
}
