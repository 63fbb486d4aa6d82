//! Cluster metadata, registration, fencing and leader election (Kafka: `QuorumController`).
//!
//! One controller is the whole quorum. A quorum answers only what is flushed, so a controller that is killed or loses
//! power begins again with all the metadata it had; what its log would look like on disk is not simulated. Brokers read
//! the metadata by a long poll, as observers of the quorum do.

mod election;
mod partitions;
mod registration;
mod sessions;
mod settings;
mod setup;

use std::sync::Arc;

use kafka_protocol::messages::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};
use litemap::LiteMap;

use crate::note::Note;
use crate::sim::network::ConnectionId;
use crate::sim::process::{Context, Input, Process};
use crate::sim::{MILLISECOND, Time};
use crate::wire::{Body, ClusterImage, ControllerRequest, Listener, Message, Response, api_versions};

use sessions::Sessions;
pub use settings::{ControllerSettings, NewTopic};

/// How long a FetchMetadata waits for news (Kafka: `raft.fetch.max.wait.ms`).
const METADATA_WAIT_US: Time = 500 * MILLISECOND;

/// How many producer ids a broker is given at a time (Kafka: `ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`).
const PRODUCER_ID_BLOCK: i64 = 1_000;

const SESSIONS: u64 = 1;
const METADATA_WAITS: u64 = 2;

/// The active controller.
#[derive(Clone, Debug)]
pub struct Controller {
    settings: Arc<ControllerSettings>,
    image: Arc<ClusterImage>,
    sessions: Sessions,
    next_producer_id: i64,
    is_set_up: bool,
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
            settings: Arc::new(settings),
            image: Arc::default(),
            sessions: Sessions::default(),
            next_producer_id: 0,
            is_set_up: false,
            waiting: LiteMap::new(),
        }
    }

    /// What a timer of the controller is for, in words that follow its name.
    #[must_use]
    pub fn timer_words(purpose: u64) -> String {
        match purpose {
            SESSIONS => "looks for brokers whose session is over (broker.session.timeout.ms)".to_owned(),
            _ => "answers metadata fetches that have waited their time".to_owned(),
        }
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
    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        let offset = self.image.offset;
        match input {
            Input::Received { connection, message, .. } => self.receive(connection, &message, context),
            Input::Timer(SESSIONS) => self.fence_silent_brokers(context),
            Input::Timer(_) => self.answer_overdue(context),
            Input::Disconnected { connection, .. } => {
                self.waiting.remove(&connection);
            }
            Input::Boot { .. } => {
                self.set_up(context);
                self.begin_sessions(context);
            }
            Input::Terminate => context.exit(),
            Input::Connected { .. } | Input::Datagram { .. } => {}
        }
        if self.image.offset != offset {
            self.answer_waiting(context, |wait, offset| wait.offset < offset);
        }
    }

    fn receive(&mut self, connection: ConnectionId, message: &Message, context: &mut Context<'_, Message, Note>) {
        let Body::Request(request) = &message.body else { return };
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
            ControllerRequest::ApiVersions(_) => Response::ApiVersions(api_versions(Listener::Controller)),
            ControllerRequest::CreateTopics(_)
            | ControllerRequest::DeleteTopics(_)
            | ControllerRequest::CreatePartitions(_)
            | ControllerRequest::ElectLeaders(_) => return context.close(connection),
        };
        answer(connection, message.correlation_id, response, context);
    }

    fn fetch_metadata(
        &mut self,
        connection: ConnectionId,
        correlation_id: i32,
        offset: i64,
        context: &mut Context<'_, Message, Note>,
    ) {
        if offset < self.image.offset {
            let image = Arc::clone(&self.image);
            return answer(connection, correlation_id, Response::FetchMetadata(image), context);
        }
        let deadline = context.now() + METADATA_WAIT_US;
        if self.waiting.is_empty() {
            context.set_timer(METADATA_WAITS, deadline);
        }
        self.waiting.insert(connection, MetadataWait { correlation_id, offset, deadline });
    }

    fn answer_overdue(&mut self, context: &mut Context<'_, Message, Note>) {
        let now = context.now();
        self.answer_waiting(context, |wait, _| wait.deadline <= now);
        if let Some(deadline) = self.waiting.values().map(|wait| wait.deadline).min() {
            context.set_timer(METADATA_WAITS, deadline);
        }
    }

    fn answer_waiting(
        &mut self,
        context: &mut Context<'_, Message, Note>,
        is_ready: impl Fn(&MetadataWait, i64) -> bool,
    ) {
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

    fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        Self::handle(self, input, context);
    }

    fn reborn(&self) -> Self {
        Self::reborn(self)
    }
}

fn answer(connection: ConnectionId, correlation_id: i32, response: Response, context: &mut Context<'_, Message, Note>) {
    context.send(connection, Message { correlation_id, body: Body::Response(response) });
}
