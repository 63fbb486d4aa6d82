//! The broker's connections to the controller: one to register, beat and ask, one to read the metadata
//! (Kafka: `BrokerLifecycleManager`, `NodeToControllerChannelManager`, and the raft client as an observer).

use kafka_protocol::messages::{
    AllocateProducerIdsRequest, AlterPartitionResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerId,
    BrokerRegistrationRequest, BrokerRegistrationResponse,
};
use litemap::LiteMap;

use super::{Broker, BrokerTimer, Context};
use crate::sim::network::ConnectionId;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{
    Body, CONTROLLER_PROCESS, FetchMetadataRequest, Message, Request, Response, TopicPartition, incarnation_id,
};

/// The first wait before a refused registration is tried again; doubled each time.
const REGISTRATION_BACKOFF_US: Time = 100 * MILLISECOND;

/// What an answer is to.
#[derive(Clone, Debug)]
enum Asked {
    Registration,
    Heartbeat,
    AlterPartition(Vec<TopicPartition>),
    ProducerIds,
    Metadata,
}

/// What the broker knows of its place in the cluster.
#[derive(Clone, Debug)]
pub(super) struct ControllerLink {
    requests: Option<ConnectionId>,
    metadata: Option<ConnectionId>,
    incarnation: u32,
    /// Given by the registration; -1 before.
    broker_epoch: i64,
    /// The metadata that was taken in; -1 for none.
    offset: i64,
    fenced: bool,
    /// It was unfenced once in this life.
    started: bool,
    refusals: u32,
    correlation_id: i32,
    asked: LiteMap<i32, (Asked, Time)>,
}

impl Default for ControllerLink {
    fn default() -> Self {
        Self {
            requests: None,
            metadata: None,
            incarnation: 0,
            broker_epoch: -1,
            offset: -1,
            fenced: true,
            started: false,
            refusals: 0,
            correlation_id: 0,
            asked: LiteMap::new(),
        }
    }
}

impl ControllerLink {
    pub(super) fn owns(&self, connection: ConnectionId) -> bool {
        [self.requests, self.metadata].contains(&Some(connection))
    }

    /// The controller has unfenced it in this life: it takes connections (`BrokerServer.startup` waits for that).
    pub(super) fn has_started(&self) -> bool {
        self.started
    }

    pub(super) fn broker_epoch(&self) -> i64 {
        self.broker_epoch
    }

    /// It is registered, and no AlterPartition is on its way.
    pub(super) fn may_alter_partitions(&self) -> bool {
        let alters = |(asked, _): &(Asked, Time)| matches!(asked, Asked::AlterPartition(_));
        self.broker_epoch >= 0 && self.requests.is_some() && !self.asked.values().any(alters)
    }

    fn waits_for_heartbeat(&self) -> bool {
        self.asked.values().any(|(asked, _)| matches!(asked, Asked::Heartbeat | Asked::Registration))
    }
}

impl Broker {
    pub(super) fn begin_registration(&mut self, incarnation: u32, context: &mut Context<'_>) {
        self.controller.incarnation = incarnation;
        self.connect_to_controller(context);
    }

    pub(super) fn connect_to_controller(&mut self, context: &mut Context<'_>) {
        if self.controller.requests.is_none() {
            self.controller.requests = Some(context.connect(CONTROLLER_PROCESS));
            self.heartbeat_due(context);
        }
        if self.controller.metadata.is_none() && self.controller.broker_epoch >= 0 {
            self.controller.metadata = Some(context.connect(CONTROLLER_PROCESS));
            self.ask_for_metadata(context);
        }
    }

    /// Registers, or beats once registered.
    pub(super) fn heartbeat_due(&mut self, context: &mut Context<'_>) {
        let (now, timeout) = (context.now(), self.settings.replica_socket_timeout_us);
        context.set_timer(BrokerTimer::Heartbeat, now + self.settings.heartbeat_interval_us);
        let is_stuck = |(asked, since): &(Asked, Time)| {
            // A metadata fetch waits by design, but not for so long.
            !matches!(asked, Asked::ProducerIds) && since + timeout <= now
        };
        if self.controller.asked.values().any(is_stuck) {
            for connection in [self.controller.requests, self.controller.metadata].into_iter().flatten() {
                context.close(connection);
            }
            return self.controller_is_gone(context);
        }
        if self.controller.waits_for_heartbeat() {
            return;
        }
        if self.controller.broker_epoch < 0 {
            let request = BrokerRegistrationRequest::default()
                .with_broker_id(BrokerId(self.settings.id))
                .with_incarnation_id(incarnation_id(self.settings.id, self.controller.incarnation))
                .with_previous_broker_epoch(-1);
            self.ask(Asked::Registration, Request::BrokerRegistration(request), context);
        } else {
            self.heartbeat(context);
        }
    }

    fn heartbeat(&mut self, context: &mut Context<'_>) {
        let is_behind = self.controller.offset < self.controller.broker_epoch;
        let request = BrokerHeartbeatRequest::default()
            .with_broker_id(BrokerId(self.settings.id))
            .with_broker_epoch(self.controller.broker_epoch)
            .with_current_metadata_offset(self.controller.offset)
            .with_want_fence(self.controller.fenced && is_behind);
        self.ask(Asked::Heartbeat, Request::BrokerHeartbeat(request), context);
    }

    pub(super) fn ask_for_producer_ids(&mut self, context: &mut Context<'_>) {
        let request = AllocateProducerIdsRequest::default()
            .with_broker_id(BrokerId(self.settings.id))
            .with_broker_epoch(self.controller.broker_epoch);
        self.ask(Asked::ProducerIds, Request::AllocateProducerIds(request), context);
    }

    pub(super) fn alter_partitions(
        &mut self,
        partitions: Vec<TopicPartition>,
        request: Request,
        context: &mut Context<'_>,
    ) {
        self.ask(Asked::AlterPartition(partitions), request, context);
    }

    fn ask_for_metadata(&mut self, context: &mut Context<'_>) {
        let request =
            Request::FetchMetadata(FetchMetadataRequest { broker: self.settings.id, offset: self.controller.offset });
        self.ask(Asked::Metadata, request, context);
    }

    fn ask(&mut self, asked: Asked, request: Request, context: &mut Context<'_>) {
        let link = &mut self.controller;
        let connection = if matches!(asked, Asked::Metadata) { link.metadata } else { link.requests };
        let Some(connection) = connection else { return };
        link.correlation_id = link.correlation_id.checked_add(1).unwrap_or(0);
        link.asked.insert(link.correlation_id, (asked, context.now()));
        context.send(connection, Message { correlation_id: link.correlation_id, body: Body::Request(request) });
    }

    pub(super) fn controller_answers(&mut self, message: &Message, context: &mut Context<'_>) {
        let Some((asked, _)) = self.controller.asked.remove(&message.correlation_id) else { return };
        let Body::Response(response) = &message.body else { return };
        match (asked, response) {
            (_, Response::BrokerRegistration(response)) => self.registered(response, context),
            (_, Response::BrokerHeartbeat(response)) => self.heartbeat_answered(response, context),
            (_, Response::AllocateProducerIds(response)) => self.take_producer_ids(response),
            (Asked::AlterPartition(asked), Response::AlterPartition(response)) => {
                let response: &AlterPartitionResponse = response;
                self.isr_answer(&asked, response, context);
            }
            (_, Response::FetchMetadata(image)) => {
                if image.offset > self.controller.offset {
                    self.controller.offset = image.offset;
                    self.apply_metadata(image, context);
                    // Who cannot load its logs is never ready to be unfenced.
                    let is_ready = !self.replicas.is_halting();
                    if is_ready && self.controller.fenced && !self.controller.waits_for_heartbeat() {
                        self.heartbeat(context);
                    }
                }
                self.ask_for_metadata(context);
            }
            _ => {}
        }
    }

    fn registered(&mut self, response: &BrokerRegistrationResponse, context: &mut Context<'_>) {
        if response.error_code != 0 {
            // DUPLICATE_BROKER_REGISTRATION: the session of the former life is not over.
            let backoff = REGISTRATION_BACKOFF_US << self.controller.refusals.min(16);
            self.controller.refusals += 1;
            context.set_timer(BrokerTimer::Heartbeat, context.now() + backoff.min(self.settings.session_timeout_us));
            return;
        }
        self.controller.broker_epoch = response.broker_epoch;
        self.connect_to_controller(context);
    }

    fn heartbeat_answered(&mut self, response: &BrokerHeartbeatResponse, context: &mut Context<'_>) {
        if response.error_code == 0 {
            let was_fenced = std::mem::replace(&mut self.controller.fenced, response.is_fenced);
            self.controller.started |= !response.is_fenced;
            // Unfenced as soon as it is caught up, not a whole interval later.
            if response.is_fenced && was_fenced && self.controller.offset >= self.controller.broker_epoch {
                self.heartbeat(context);
            }
        }
    }

    /// Everything on the way is lost; both connections begin anew after a while.
    pub(super) fn controller_is_gone(&mut self, context: &mut Context<'_>) {
        let link = &mut self.controller;
        for connection in [link.requests.take(), link.metadata.take()].into_iter().flatten() {
            context.close(connection);
        }
        for (_, (asked, _)) in std::mem::take(&mut link.asked) {
            if let Asked::AlterPartition(partitions) = asked {
                self.replicas.isr_changes_lost(partitions);
            }
        }
        self.producer_ids.asked = false;
        context.cancel_timer(BrokerTimer::Heartbeat);
        context.set_timer(BrokerTimer::ControllerReconnect, context.now() + REGISTRATION_BACKOFF_US);
    }
}
