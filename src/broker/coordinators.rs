//! Which partition of an internal topic, and so which broker, looks after a group or a transactional id:
//! `GroupCoordinator.partitionFor` and `TransactionStateManager.partitionFor` in Apache Kafka.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use super::purgatory::Asker;
use super::{Broker, Context};
use crate::log::java_hash::string_hash;
use crate::wire::{Response, TopicPartition};

/// The internal topic behind each type of key (`FindCoordinatorRequest.CoordinatorType`): groups, transactional ids.
const TOPICS: [&str; 2] = ["__consumer_offsets", "__transaction_state"];
/// Where brokers listen.
const PORT: i32 = 9092;

/// The hash of an id, as Java has it of text.
pub fn hash_code(id: &str) -> i32 {
    string_hash(id)
}

/// The absolute value, 0 for the number that has none (`Utils.abs`).
pub fn absolute(number: i32) -> i32 {
    number.checked_abs().unwrap_or(0)
}

/// The partition of `__consumer_offsets` or `__transaction_state` that an id belongs to.
pub fn partition_of(id: &str, partitions: i32) -> i32 {
    absolute(hash_code(id)).checked_rem(partitions).unwrap_or(0)
}

impl Broker {
    /// Says which brokers look after some groups or transactional ids (Kafka: `KafkaApis.handleFindCoordinatorRequest`). Share
    /// groups are not simulated.
    pub(super) fn find_coordinator(
        &mut self,
        asker: Asker,
        request: &FindCoordinatorRequest,
        context: &mut Context<'_>,
    ) {
        let topic = usize::try_from(request.key_type).ok().and_then(|kind| TOPICS.get(kind));
        let say = |key: &StrBytes| {
            let answer = Coordinator::default().with_key(key.clone());
            match topic.ok_or(ResponseError::InvalidRequest).and_then(|topic| self.coordinator_of(topic, key)) {
                Ok(node) => {
                    let host = StrBytes::from_string(format!("broker-{node}"));
                    answer.with_node_id(BrokerId(node)).with_host(host).with_port(PORT)
                }
                Err(error) => answer.with_error_code(error.code()).with_node_id(BrokerId(-1)).with_port(-1),
            }
        };
        let response = FindCoordinatorResponse::default();
        let response = response.with_coordinators(request.coordinator_keys.iter().map(say).collect());
        self.answer(asker, Response::FindCoordinator(response), context);
    }

    /// The leader of the partition that an id belongs to, if it is alive.
    pub(super) fn coordinator_of(&self, topic: &str, id: &str) -> Result<i32, ResponseError> {
        let none = ResponseError::CoordinatorNotAvailable;
        let topic = self.image.topics.named(topic).ok_or(none)?;
        let partitions = self.image.topics.get(topic).map_or(0, |topic| topic.partitions.len() as i32);
        let partition = TopicPartition { topic, partition: partition_of(id, partitions) };
        let leader = self.image.partition(partition).map(|image| image.leader);
        leader.filter(|leader| self.image.is_alive(*leader)).ok_or(none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hashed_as_java_hashes_text() {
        assert_eq!((hash_code(""), hash_code("a"), hash_code("my-group")), (0, 97, -1_906_497_762));
        assert_eq!(partition_of("my-group", 50), 12);
        assert_eq!((absolute(i32::MIN), absolute(-5)), (0, 5));
    }
}
