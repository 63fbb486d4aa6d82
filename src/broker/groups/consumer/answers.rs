//! The answers of consumer groups.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ConsumerGroupHeartbeatResponse;
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};

use super::super::classic::text;
use super::super::records::OwnedPartitions;
use crate::wire::Response;

/// Why a heartbeat is refused, in Kafka's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) struct Refused {
    pub(super) error: ResponseError,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn new(error: ResponseError, message: impl Into<String>) -> Self {
        Self { error, message: message.into() }
    }

    pub(in crate::broker::groups) fn response(&self) -> Response {
        let response = ConsumerGroupHeartbeatResponse::default().with_error_code(self.error.code());
        let message = Some(text(&self.message)).filter(|message| !message.is_empty());
        Response::ConsumerGroupHeartbeat(response.with_error_message(message))
    }
}

/// A member's next heartbeat, and what it has where that is said.
pub(super) fn beaten(id: &str, epoch: i32, interval_ms: i32, assigned: Option<&OwnedPartitions>) -> Response {
    let topic = |(topic, partitions): (&uuid::Uuid, &std::collections::BTreeMap<i32, i32>)| {
        TopicPartitions::default().with_topic_id(*topic).with_partitions(partitions.keys().copied().collect())
    };
    let assignment =
        assigned.map(|assigned| Assignment::default().with_topic_partitions(assigned.iter().map(topic).collect()));
    let response = ConsumerGroupHeartbeatResponse::default()
        .with_member_id(Some(text(id)))
        .with_member_epoch(epoch)
        .with_heartbeat_interval_ms(interval_ms)
        .with_assignment(assignment);
    Response::ConsumerGroupHeartbeat(response)
}
