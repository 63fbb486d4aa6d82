//! What a client knows of the cluster, and when it asks again (Kafka: `Metadata`, `DefaultMetadataUpdater`).

use std::sync::Arc;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::settings::NetworkSettings;
use crate::client::backoff;
use crate::sim::Time;
use crate::sim::random::Random;
use crate::wire::{ClusterImage, PartitionImage, TopicPartition};

/// The newest image that a broker has answered, and when to ask for a newer one.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    /// The topics that the client works with, in the order in which it came to them.
    topics: Vec<String>,
    /// It works with all that there are (`Metadata.needMetadataForAllTopics`).
    all: bool,
    /// So many of them the last request has named, and so many the last one that was answered.
    asked: usize,
    told: usize,
    image: Option<Arc<ClusterImage>>,
    /// No image that is older is believed.
    newest: i64,
    /// Something does not match the image: a newer one is needed.
    wanted: bool,
    in_flight: bool,
    /// Requests since one was last answered.
    attempts: u32,
    /// Answers since one last told something new.
    equivalent: u32,
    /// No request before this.
    not_before: Time,
    /// The image is too old from here on.
    expires_at: Time,
    /// Since when an answer is sought in vain (KIP-1102).
    attempt_since: Option<Time>,
}

impl Metadata {
    /// Those of a client that knows its bootstrap servers only.
    pub(super) fn new() -> Self {
        Self {
            topics: Vec::new(),
            all: false,
            asked: 0,
            told: 0,
            image: None,
            newest: -1,
            wanted: true,
            in_flight: false,
            attempts: 0,
            equivalent: 0,
            not_before: 0,
            expires_at: 0,
            attempt_since: None,
        }
    }

    /// The image, if one was answered since the client (re)bootstrapped.
    pub(crate) fn image(&self) -> Option<&Arc<ClusterImage>> {
        self.image.as_ref()
    }

    /// The number of the topic that has this name, as far as known. The image holds all topics, but a client is told of those
    /// only that it asked for.
    pub(crate) fn topic_named(&self, name: &str) -> Option<u32> {
        let is_told = self.all || self.topics.iter().take(self.told).any(|told| told == name);
        self.image.as_ref()?.topics.named(name).filter(|_| is_told)
    }

    /// What is asked for: the topics that the client works with (`MetadataRequest.Builder`).
    pub(super) fn request(&self, settings: &NetworkSettings) -> MetadataRequest {
        let topics = self.topics.iter().map(|name| {
            let name = TopicName(StrBytes::from_string(name.clone()));
            MetadataRequestTopic::default().with_name(Some(name))
        });
        let topics = (!self.all).then(|| topics.collect());
        MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(settings.creates_topics)
    }

    /// The number of the topic that has, or had, this id, as far as known.
    pub(crate) fn topic_with_id(&self, id: Uuid) -> Option<u32> {
        self.image.as_ref()?.topics.with_id_ever(id)
    }

    /// The partitions of a topic, as far as known.
    pub(crate) fn partitions_of(&self, number: u32) -> &[PartitionImage] {
        let topic = self.image.as_ref().and_then(|image| image.topics.get(number));
        topic.map_or(&[], |topic| &topic.partitions)
    }

    /// A partition, as far as known.
    pub(crate) fn partition(&self, of: TopicPartition) -> Option<&PartitionImage> {
        self.image.as_ref()?.partition(of)
    }

    /// The client works with all topics from here on.
    pub(crate) fn add_all_topics(&mut self) {
        self.all = true;
        self.request_update();
    }

    /// The client works with a topic from here on, which is asked for at once (`Metadata.requestUpdateForNewTopics`).
    pub(crate) fn add_topic(&mut self, name: &str) {
        if !self.topics.iter().any(|known| known == name) {
            self.topics.push(name.to_owned());
            // What is to be asked first names it, too.
            if self.image.is_some() || self.in_flight {
                (self.wanted, self.not_before, self.equivalent) = (true, 0, 0);
            }
        }
    }

    /// The offset of the image, if there is one.
    #[cfg(test)]
    pub(crate) fn offset(&self) -> Option<i64> {
        self.image.as_ref().map(|image| image.offset)
    }

    /// Something does not match the image: a newer one is needed.
    pub(crate) fn request_update(&mut self) {
        self.wanted = true;
    }

    /// True where a request is to be sent now.
    pub(super) fn is_due(&self, now: Time) -> bool {
        !self.in_flight && self.next_update() <= now
    }

    /// When a request is to be sent, none being in flight.
    pub(crate) fn next_update(&self) -> Time {
        if self.wanted { self.not_before } else { self.expires_at.max(self.not_before) }
    }

    /// A request is sought to be sent.
    pub(super) fn begin_attempt(&mut self, now: Time) {
        self.attempt_since.get_or_insert(now);
    }

    /// When the client gives up what it knows of the brokers and begins with its bootstrap servers again.
    pub(super) fn rebootstraps_at(&self, settings: &NetworkSettings) -> Option<Time> {
        // Kafka compares with >, in milliseconds.
        Some(self.attempt_since?.saturating_add(settings.rebootstrap_trigger_us?).saturating_add(1_000))
    }

    /// A request was sent. What is found wrong from here on asks once more.
    pub(super) fn sent(&mut self) {
        assert!(!self.in_flight, "one request at a time");
        (self.in_flight, self.wanted) = (true, false);
        self.asked = self.topics.len();
    }

    /// A broker has answered. True where its image is taken: one that lags behind is not believed, and one without any
    /// broker is that of a broker that begins.
    pub(super) fn answered(
        &mut self,
        image: &Arc<ClusterImage>,
        settings: &NetworkSettings,
        now: Time,
        random: &mut Random,
    ) -> bool {
        assert!(self.in_flight, "an answer without a request");
        if image.brokers.values().all(|broker| broker.fenced) {
            self.failed(settings, now, random);
            return false;
        }
        self.in_flight = false;
        self.attempts = 0;
        self.attempt_since = None;
        self.expires_at = now + settings.metadata_max_age_us;
        let taken = image.offset >= self.newest;
        if image.offset > self.newest {
            self.equivalent = 0;
        } else {
            self.equivalent = self.equivalent.saturating_add(1);
        }
        if taken {
            self.newest = image.offset;
            self.told = self.asked;
            self.image = Some(Arc::clone(image));
        }
        self.wanted |= self.lacks_something();
        let failures = self.equivalent.max(1);
        self.not_before =
            now + backoff::exponential(settings.retry_backoff_us, settings.retry_backoff_max_us, failures, random);
        taken
    }

    /// A topic is not there, or a partition has no leader (UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE).
    fn lacks_something(&self) -> bool {
        let lacks = |name: &String| match self.topic_named(name) {
            Some(topic) => self.partitions_of(topic).iter().any(|partition| partition.leader < 0),
            None => true,
        };
        self.topics.iter().any(lacks)
    }

    /// A request was lost, could not be sent, or its answer is of no use.
    pub(super) fn failed(&mut self, settings: &NetworkSettings, now: Time, random: &mut Random) {
        (self.in_flight, self.wanted) = (false, true);
        self.attempts = self.attempts.saturating_add(1);
        self.not_before =
            now + backoff::exponential(settings.retry_backoff_us, settings.retry_backoff_max_us, self.attempts, random);
    }

    /// Back to the bootstrap servers (KIP-899).
    pub(super) fn rebootstrap(&mut self, now: Time) {
        self.image = None;
        self.wanted = true;
        self.attempt_since = Some(now);
    }

    /// The brokers that may be asked for what any broker can answer: those that are known, else the bootstrap servers,
    /// whose node ids are negative as in Kafka.
    pub(super) fn nodes(&self, bootstrap: u32) -> Vec<i32> {
        match &self.image {
            Some(image) => image.brokers.iter().filter(|(_, broker)| !broker.fenced).map(|(id, _)| *id).collect(),
            None => (1..=bootstrap.cast_signed()).map(|server| -server).collect(),
        }
    }
}
