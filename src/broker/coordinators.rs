//! Which partition of an internal topic, and so which broker, looks after a group or a transactional id:
//! `GroupCoordinator.partitionFor` and `TransactionStateManager.partitionFor` in Apache Kafka.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use super::purgatory::Asker;
use super::{Broker, BrokerSettings, Context, groups, transactions};
use crate::log::java_hash::string_hash;
use crate::wire::{Response, TopicPartition};

/// The internal topics, by the type of key that they are for (`FindCoordinatorRequest.CoordinatorType`): groups, transactional
/// ids. Share groups are not simulated.
const TOPICS: [InternalTopic; 2] = [
    InternalTopic { name: "__consumer_offsets", creation: groups::topic },
    InternalTopic { name: "__transaction_state", creation: transactions::topic },
];
/// The version of FindCoordinator that takes several keys.
const SEVERAL_KEYS: i16 = 4;
/// Where brokers listen.
const PORT: i32 = 9092;

/// A topic whose partitions are coordinators.
struct InternalTopic {
    name: &'static str,
    /// How it is made when it is first asked for.
    creation: fn(&BrokerSettings) -> CreatableTopic,
}

/// How an internal topic is made; `None` for any other name.
pub(super) fn internal_topic(name: &str, settings: &BrokerSettings) -> Option<CreatableTopic> {
    TOPICS.iter().find(|topic| topic.name == name).map(|topic| (topic.creation)(settings))
}

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
    /// Says which brokers look after some groups or transactional ids (Kafka: `KafkaApis.handleFindCoordinatorRequest`). The
    /// first who asks lets the topic be made.
    pub(super) fn find_coordinator(
        &mut self,
        asker: Asker,
        request: &FindCoordinatorRequest,
        context: &mut Context<'_>,
    ) {
        let topic = usize::try_from(request.key_type).ok().and_then(|kind| TOPICS.get(kind));
        // Up to version 3 a request has one key, and the answer is of one.
        let is_of_one = asker.version < SEVERAL_KEYS;
        let keys = if is_of_one { std::slice::from_ref(&request.key) } else { &request.coordinator_keys[..] };
        if let Some(topic) = topic
            && !keys.is_empty()
            && self.image.topics.named(topic.name).is_none()
        {
            self.create_topics_by_itself([topic.name], context);
        }
        let say = |key: &StrBytes| {
            let answer = Coordinator::default().with_key(key.clone());
            match topic.ok_or(ResponseError::InvalidRequest).and_then(|topic| self.coordinator_of(topic.name, key)) {
                Ok(node) => {
                    let host = StrBytes::from_string(format!("broker-{node}"));
                    answer.with_node_id(BrokerId(node)).with_host(host).with_port(PORT)
                }
                Err(error) => answer.with_error_code(error.code()).with_node_id(BrokerId(-1)).with_port(-1),
            }
        };
        let response = FindCoordinatorResponse::default();
        let mut coordinators: Vec<Coordinator> = keys.iter().map(say).collect();
        let response = match coordinators.pop_if(|_| is_of_one) {
            Some(it) => {
                response.with_error_code(it.error_code).with_node_id(it.node_id).with_host(it.host).with_port(it.port)
            }
            None => response.with_coordinators(coordinators),
        };
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
