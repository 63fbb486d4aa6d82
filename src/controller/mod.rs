//! Cluster metadata, registration, fencing and leader election (Kafka: `QuorumController`).
//!
//! One controller is the whole quorum. A quorum answers only what is flushed, so a controller that is killed or loses
//! power begins again with all the metadata it had; what its log would look like on disk is not simulated. Brokers read
//! the metadata by a long poll, as observers of the quorum do.

mod election;
mod heartbeats;
mod leaders;
mod partitions;
mod placement;
mod plan;
mod refusal;
mod registration;
mod settings;
mod setup;
mod timer;
mod topics;

use std::sync::Arc;

use kafka_protocol::messages::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};
use litemap::LiteMap;

use crate::note::Note;
use crate::sim::network::ConnectionId;
use crate::sim::process::{self, Input, Process, Purpose, Timer};
use crate::sim::{MILLISECOND, Time};
use crate::wire::{Body, ClusterImage, ControllerRequest, Listener, Message, Response, api_versions, metadata_answer};

use heartbeats::Heartbeats;
use plan::Step;
pub use settings::{ControllerSettings, NewTopic};
use timer::ControllerTimer;

type Context<'a> = process::Context<'a, Message, Note>;

/// How long a FetchMetadata waits for news (Kafka: `raft.fetch.max.wait.ms`).
const METADATA_WAIT_US: Time = 500 * MILLISECOND;

/// How many producer ids a broker is given at a time (Kafka: `ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`).
const PRODUCER_ID_BLOCK: i64 = 1_000;

/// The active controller.
#[derive(Clone, Debug)]
pub struct Controller {
    settings: Arc<ControllerSettings>,
    image: Arc<ClusterImage>,
    heartbeats: Heartbeats,
    next_producer_id: i64,
    is_set_up: bool,
    /// What is still to be done with the topics of the run.
    plan: Vec<Step>,
    /// How many partitions of theirs were placed.
    placed: usize,
    waiting: LiteMap<ConnectionId, MetadataWait>,
}

/// A FetchMetadata without an answer yet.
#[derive(Clone, Copy, Debug)]
struct MetadataWait {
    correlation_id: i32,
    offset: i64,
    deadline: Time,
}

impl Controller {
    /// A controller with an empty log.
    #[must_use]
    pub fn new(settings: ControllerSettings) -> Self {
        Self {
            plan: plan::steps(&settings.topics),
            placed: 0,
            settings: Arc::new(settings),
            image: Arc::default(),
            heartbeats: Heartbeats::default(),
            next_producer_id: 0,
            is_set_up: false,
            waiting: LiteMap::new(),
        }
    }

    /// What a timer of the controller is for, in words that follow its name.
    #[must_use]
    pub fn timer_words(purpose: Purpose) -> String {
        let timer = ControllerTimer::of(purpose).expect("the controller sets no other timers");
        timer.words().to_owned()
    }

    /// The metadata at the end of its log.
    #[must_use]
    pub fn image(&self) -> &Arc<ClusterImage> {
        &self.image
    }

    /// True where the broker is registered and fenced.
    #[must_use]
    pub fn is_fenced(&self, broker: i32) -> bool {
        self.image.brokers.get(&broker).is_some_and(|broker| broker.fenced)
    }

    /// As [`Process::reborn`]: what is in the metadata log is kept.
    #[must_use]
    pub fn reborn(&self) -> Self {
        Self { waiting: LiteMap::new(), ..self.clone() }
    }

    /// As [`Process::handle`].
    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_>) {
        let offset = self.image.offset;
        match input {
            Input::Received { connection, message, .. } => self.receive(connection, &message, context),
            Input::Timer(purpose) => self.timer(purpose, context),
            Input::Disconnected { connection, .. } => {
                self.waiting.remove(&connection);
            }
            Input::Boot { .. } => {
                self.set_up(context);
                self.begin_sessions(context);
                self.balance_leaders_later(context);
                self.follow_plan(context);
            }
            Input::Terminate => context.exit(),
            Input::Told(_) => unreachable!("nobody tells it anything"),
            // A broker that has connected says what it wants with its first request.
            Input::Connected { .. } => {}
            Input::Written { .. } => unreachable!("a controller counts no bytes of its own"),
            Input::Datagram { .. } => unreachable!("all of Kafka's messages travel on connections"),
        }
        if self.image.offset != offset {
            self.answer_waiting(context, |wait, offset| wait.offset < offset);
        }
    }

    fn timer(&mut self, purpose: Purpose, context: &mut Context<'_>) {
        match ControllerTimer::of(purpose).expect("the controller sets no other timers") {
            ControllerTimer::StaleBrokers => self.fence_stale_brokers(context),
            ControllerTimer::MetadataWaits => self.answer_overdue(context),
            ControllerTimer::PreferredLeaders => self.balance_leaders(context),
            ControllerTimer::Plan => self.follow_plan(context),
        }
    }

    fn receive(&mut self, connection: ConnectionId, message: &Message, context: &mut Context<'_>) {
        let Body::Request(request) = &message.body else { unreachable!("the controller asks nobody") };
        // SocketServer closes the connection where its listener does not serve the API.
        let Some(request) = request.at_controller() else { return context.close(connection) };
        let response = match request {
            ControllerRequest::BrokerRegistration(request) => {
                Response::BrokerRegistration(self.register(request, context))
            }
            ControllerRequest::BrokerHeartbeat(request) => Response::BrokerHeartbeat(self.heartbeat(request, context)),
            ControllerRequest::AlterPartition(request) => {
                Response::AlterPartition(self.alter_partition(request, context))
            }
            ControllerRequest::AllocateProducerIds(request) => {
                Response::AllocateProducerIds(self.allocate_producer_ids(request))
            }
            ControllerRequest::FetchMetadata(request) => {
                return self.fetch_metadata(connection, message.correlation_id, request.offset, context);
            }
            ControllerRequest::ApiVersions(request) => {
                let offset = self.image.offset;
                Response::ApiVersions(api_versions(Listener::Controller, request, message.version, offset))
            }
            ControllerRequest::DescribeCluster(request) => {
                Response::DescribeCluster(metadata_answer::cluster(&self.image, request, true))
            }
            ControllerRequest::CreateTopics(request) => Response::CreateTopics(self.create_topics(request, context)),
            ControllerRequest::DeleteTopics(request) => Response::DeleteTopics(self.delete_topics(request, context)),
            ControllerRequest::CreatePartitions(request) => {
                Response::CreatePartitions(self.create_partitions(request, context))
            }
            ControllerRequest::ElectLeaders(request) => Response::ElectLeaders(self.elect_leaders(request, context)),
        };
        answer(connection, message.correlation_id, response, context);
    }

    fn fetch_metadata(
        &mut self,
        connection: ConnectionId,
        correlation_id: i32,
        offset: i64,
        context: &mut Context<'_>,
    ) {
        if offset < self.image.offset {
            let image = Arc::clone(&self.image);
            return answer(connection, correlation_id, Response::FetchMetadata(image), context);
        }
        let deadline = context.after(METADATA_WAIT_US);
        if self.waiting.is_empty() {
            context.set_timer(ControllerTimer::MetadataWaits, deadline);
        }
        self.waiting.insert(connection, MetadataWait { correlation_id, offset, deadline });
    }

    fn answer_overdue(&mut self, context: &mut Context<'_>) {
        let now = context.now();
        self.answer_waiting(context, |wait, _| wait.deadline <= now);
        if let Some(deadline) = self.waiting.values().map(|wait| wait.deadline).min() {
            context.set_timer(ControllerTimer::MetadataWaits, deadline);
        }
    }

    fn answer_waiting(&mut self, context: &mut Context<'_>, is_ready: impl Fn(&MetadataWait, i64) -> bool) {
        let image = &self.image;
        self.waiting.retain(|connection, wait| {
            let ready = is_ready(wait, image.offset);
            if ready {
                answer(*connection, wait.correlation_id, Response::FetchMetadata(Arc::clone(image)), context);
            }
            !ready
        });
    }

    fn allocate_producer_ids(&mut self, request: &AllocateProducerIdsRequest) -> AllocateProducerIdsResponse {
        let epoch = self.image.brokers.get(&request.broker_id.0).map(|broker| broker.epoch);
        if epoch != Some(request.broker_epoch) {
            let code = kafka_protocol::ResponseError::StaleBrokerEpoch.code();
            return AllocateProducerIdsResponse::default().with_error_code(code);
        }
        let start = self.next_producer_id;
        self.next_producer_id += PRODUCER_ID_BLOCK;
        // A ProducerIdsRecord.
        Arc::make_mut(&mut self.image).offset += 1;
        AllocateProducerIdsResponse::default()
            .with_producer_id_start(start.into())
            .with_producer_id_len(PRODUCER_ID_BLOCK as i32)
    }
}

impl Process for Controller {
    type Message = Message;
    type Note = Note;

    fn handle(&mut self, input: Input<Message>, context: &mut Context<'_>) {
        Self::handle(self, input, context);
    }

    fn reborn(&self) -> Self {
        Self::reborn(self)
    }
}

fn answer(connection: ConnectionId, correlation_id: i32, response: Response, context: &mut Context<'_>) {
    context.send(connection, Message::new(correlation_id, Body::Response(response)));
}
