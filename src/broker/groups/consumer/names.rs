//! Partitions by the ids of their topics, as coordinators know them, and by names, as members of the classic protocol do.

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use uuid::Uuid;

use crate::wire::ClusterImage;

/// Each topic once, by its name.
pub(super) fn sorted(topics: &[String]) -> Vec<String> {
    let mut topics = topics.to_vec();
    topics.sort();
    topics.dedup();
    topics
}

/// Partitions by the ids of their topics; those of topics that are gone are nobody's.
pub(super) fn by_id(places: &[(String, i32)], image: &ClusterImage) -> Vec<TopicPartitions> {
    let mut all: Vec<TopicPartitions> = Vec::new();
    for (topic, partition) in places {
        // It is gone.
        let Some(number) = image.topics.named(topic) else { continue };
        let id = image.topics.id_of(number);
        match all.iter_mut().find(|it| it.topic_id == id) {
            Some(it) => it.partitions.push(*partition),
            None => all.push(TopicPartitions::default().with_topic_id(id).with_partitions(vec![*partition])),
        }
    }
    all
}

/// Partitions by the names of their topics; those of topics that are gone are nobody's.
pub(super) fn named(
    all: impl Iterator<Item = (Uuid, impl Iterator<Item = i32>)>,
    image: &ClusterImage,
) -> Vec<(String, i32)> {
    let known = all.filter_map(|(id, partitions)| Some((image.topics.with_id(id)?, partitions)));
    known
        .flat_map(|(topic, partitions)| partitions.map(move |it| (image.topics.name_of(topic).to_owned(), it)))
        .collect()
}
