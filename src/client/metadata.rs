//! What a client knows of the cluster (Kafka: `Metadata`, `NetworkClient.DefaultMetadataUpdater`).

use std::sync::Arc;

use kafka_protocol::messages::MetadataRequest;

use super::connections::Connections;
use super::{ClientContext, RETRY_BACKOFF_MAX_US, RETRY_BACKOFF_US, backoff};
use crate::sim::Time;
use crate::sim::process::Purpose;
use crate::wire::{ClusterImage, PartitionImage, Request, TopicPartition};

/// The timer that refreshes metadata.
pub(super) const METADATA_TIMER: Purpose = 1;

/// The newest image that a broker has answered, and when to ask for a newer one.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    max_age_us: Time,
    brokers: u32,
    image: Option<Arc<ClusterImage>>,
    wanted: bool,
    in_flight: bool,
    /// Requests since one last brought something newer.
    attempts: u32,
    /// No request before this.
    not_before: Time,
}

impl Metadata {
    pub(super) fn new(brokers: u32, max_age_us: Time) -> Self {
        Self { max_age_us, brokers, image: None, wanted: true, in_flight: false, attempts: 0, not_before: 0 }
    }

    pub(super) fn image(&self) -> Option<&Arc<ClusterImage>> {
        self.image.as_ref()
    }

    pub(super) fn partition(&self, of: TopicPartition) -> Option<&PartitionImage> {
        self.image.as_ref()?.partition(of)
    }

    /// Something does not match the image: a newer one is needed.
    pub(super) fn request_update(&mut self) {
        self.wanted = true;
    }

    /// The timer has come: the image is old, or a request may be sent again.
    pub(super) fn timer(&mut self) {
        self.wanted = true;
    }

    /// Asks for a newer image where one is needed, `tag` standing for the request.
    pub(super) fn maybe_send<T>(&mut self, connections: &mut Connections<T>, tag: T, context: &mut ClientContext<'_>) {
        if !self.wanted || self.in_flight {
            return;
        }
        let now = context.now();
        if now < self.not_before {
            context.set_timer(METADATA_TIMER, self.not_before);
            return;
        }
        let Some(node) = connections.least_loaded(&self.candidates(), context) else { return };
        if !connections.is_ready(node, context) {
            return;
        }
        // What is found wrong from here on asks once more.
        (self.in_flight, self.wanted) = (true, false);
        self.attempts += 1;
        connections.send(node, Request::Metadata(MetadataRequest::default()), tag, context);
    }

    /// The broker has answered. True where its image is newer than ours: one that lags behind is not believed.
    pub(super) fn update(&mut self, image: &Arc<ClusterImage>, context: &mut ClientContext<'_>) -> bool {
        self.in_flight = false;
        let newer = self.image.as_ref().is_none_or(|ours| ours.offset < image.offset);
        if newer {
            self.image = Some(Arc::clone(image));
            self.attempts = 0;
        }
        self.wait(context);
        context.set_timer(METADATA_TIMER, context.now() + self.max_age_us);
        newer
    }

    /// The request was lost with its connection.
    pub(super) fn failed(&mut self, context: &mut ClientContext<'_>) {
        self.in_flight = false;
        self.wanted = true;
        self.wait(context);
    }

    fn wait(&mut self, context: &mut ClientContext<'_>) {
        let pause =
            backoff::exponential(RETRY_BACKOFF_US, RETRY_BACKOFF_MAX_US, self.attempts.max(1), context.random());
        self.not_before = context.now() + pause;
    }

    /// Brokers that are alive as far as known; where none is, all that the client was configured with (KIP-899).
    pub(super) fn candidates(&self) -> Vec<i32> {
        let alive = |image: &Arc<ClusterImage>| -> Vec<i32> {
            image.brokers.iter().filter(|(_, broker)| !broker.fenced).map(|(id, _)| *id).collect()
        };
        let known = self.image.as_ref().map(alive).unwrap_or_default();
        if known.is_empty() { (1..=self.brokers).filter_map(|id| i32::try_from(id).ok()).collect() } else { known }
    }
}
