//! Topics that are made because somebody asked for them: those of coordinators, and with `auto.create.topics.enable` those whose
//! metadata a client asks for (Kafka: `DefaultAutoTopicCreationManager`, `KafkaApis.getTopicMetadata`).

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::{CreateTopicsRequest, MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::coordinators::internal_topic;
use super::{Broker, Context};
use crate::wire::why_no_topic_name;

/// How long the controller may take for them (`request.timeout.ms`).
const CREATION_TIMEOUT_MS: i32 = 30_000;

impl Broker {
    /// A client asks for metadata. What of its topics is not there is made, if it may be: the client is told that there are none,
    /// and asks again.
    pub(super) fn create_missing_topics(&mut self, request: &MetadataRequest, context: &mut Context<'_>) {
        if !self.settings.auto_creates_topics || !request.allow_auto_topic_creation {
            return;
        }
        // Whoever asks for all topics, or for one by its id, names none.
        let named = request.topics.iter().flatten().filter_map(|topic| topic.name.as_ref());
        let missing = named.filter(|name| self.image.topics.named(name).is_none() && why_no_topic_name(name).is_none());
        let missing: Vec<String> = missing.map(|name| name.to_string()).collect();
        self.create_topics_by_itself(missing.iter().map(String::as_str), context);
    }

    /// Asks the controller for topics, for each once at a time. What it says is seen by the metadata, and whoever asks again
    /// lets it be tried again.
    pub(super) fn create_topics_by_itself<'n>(
        &mut self,
        names: impl IntoIterator<Item = &'n str>,
        context: &mut Context<'_>,
    ) {
        let new = names.into_iter().filter(|name| !self.controller.has_asked_for_topic(name));
        let topics: Vec<CreatableTopic> = new.map(|name| self.topic_by_itself(name)).collect();
        if !topics.is_empty() {
            let request = CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(CREATION_TIMEOUT_MS);
            self.ask_for_topics(request, context);
        }
    }

    /// `DefaultAutoTopicCreationManager.creatableTopic`
    fn topic_by_itself(&self, name: &str) -> CreatableTopic {
        let topic = internal_topic(name, &self.settings).unwrap_or_else(|| {
            CreatableTopic::default()
                .with_num_partitions(self.settings.num_partitions)
                .with_replication_factor(self.settings.default_replication_factor)
        });
        topic.with_name(TopicName(StrBytes::from_string(name.to_owned())))
    }
}
