//! What a cluster has before a run begins: its brokers are registered and its topics created.
//!
//! A run does not show how a cluster is set up, and it must not depend on all brokers living through that: whoever is dead from
//! the start is a member of the cluster all the same, is fenced when its session ends, and leaves the ISRs then.

use std::sync::Arc;

use uuid::Uuid;

use super::Controller;
use super::settings::NewTopic;
use crate::note::Note;
use crate::sim::process::Context;
use crate::sim::random::Random;
use crate::wire::{BrokerImage, Message, PartitionImage, TopicImage, incarnation_id};

impl Controller {
    /// Sets the cluster up, unless that is done. Brokers are registered with their first life and unfenced; when they begin they
    /// register again, which an incarnation may, and keep their epochs.
    pub(super) fn set_up(&mut self, context: &mut Context<'_, Message, Note>) {
        if std::mem::replace(&mut self.is_set_up, true) {
            return;
        }
        let settings = Arc::clone(&self.settings);
        let brokers: Vec<i32> = (1..=settings.brokers as i32).collect();
        let image = Arc::make_mut(&mut self.image);
        for &broker in &brokers {
            // A RegisterBrokerRecord, whose offset is the broker's epoch.
            image.offset += 1;
            let incarnation = incarnation_id(broker, 1);
            let registered =
                BrokerImage { incarnation, epoch: image.offset, fenced: false, in_controlled_shutdown: false };
            image.brokers.insert(broker, registered);
            self.sessions.begin(broker, incarnation, context.now());
        }
        // A BrokerRegistrationChangeRecord each: unfenced.
        image.offset += brokers.len() as i64;
        let mut first = 0;
        for topic in &settings.topics {
            self.set_up_topic(topic, &brokers, first, context);
            first += topic.partitions as usize;
        }
    }

    fn set_up_topic(
        &mut self,
        topic: &NewTopic,
        brokers: &[i32],
        first: usize,
        context: &mut Context<'_, Message, Note>,
    ) {
        let partitions: Vec<PartitionImage> = (0..topic.partitions as usize)
            .map(|index| neighbours(brokers, first + index, topic.replication_factor as usize))
            .collect();
        let image = Arc::make_mut(&mut self.image);
        // A TopicRecord, a ConfigRecord for each setting said, a PartitionRecord each.
        image.offset += 1 + i64::from(topic.config_records) + partitions.len() as i64;
        let id = random_uuid(context.random());
        let (name, config) = (topic.name.clone(), topic.config.clone());
        let number = image.topics.add(TopicImage { id, name: name.clone(), partitions, config });
        let partitions = topic.partitions;
        context.note(Note::TopicCreated { topic: number, id, name, partitions, from_the_start: true });
    }
}

/// A topic id that was never used (Kafka: `Uuid.randomUuid`, which avoids its reserved ids and those whose text begins with a
/// dash, because a command line takes that for an option).
pub(super) fn random_uuid(random: &mut Random) -> Uuid {
    loop {
        let (high, low) = (random.next_u64(), random.next_u64());
        let id = uuid::Builder::from_u128(u128::from(high) << 64 | u128::from(low))
            .with_version(uuid::Version::Random)
            .with_variant(uuid::Variant::RFC4122)
            .into_uuid();
        // The first six bits are the first letter of the base64 text; 62 is the dash.
        if id.as_u128() >> 122 != 62 {
            return id;
        }
    }
}

/// Replicas on neighbouring brokers, the first one further on for each partition. All of them begin in sync.
fn neighbours(brokers: &[i32], first: usize, replication_factor: usize) -> PartitionImage {
    let count = replication_factor.clamp(1, brokers.len().max(1));
    let replicas: Vec<i32> = brokers.iter().cycle().skip(first % brokers.len().max(1)).take(count).copied().collect();
    PartitionImage {
        isr: replicas.clone(),
        elr: Vec::new(),
        last_known_elr: Vec::new(),
        leader: replicas.first().copied().unwrap_or(-1),
        leader_epoch: 0,
        partition_epoch: 0,
        recovering: false,
        replicas,
    }
}
