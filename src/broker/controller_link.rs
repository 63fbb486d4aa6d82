//! The broker's connections to the controller: one to register and beat, one to ask, one to read the metadata
//! (Kafka: `BrokerLifecycleManager`, `NodeToControllerChannelManager`, and the raft client as an observer).
//!
//! Each is on its own: what is lost on one of them is asked for again there, and the others go on. Metadata is read from the
//! beginning, registered or not, so that a broker that comes back follows leaders before its former session has ended.

use kafka_protocol::messages::{
    AllocateProducerIdsRequest, BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerId, BrokerRegistrationRequest,
    BrokerRegistrationResponse,
};
use litemap::LiteMap;

use super::purgatory::{Asker, WaitId};
use super::waits::Work;
use super::{Broker, BrokerTimer, Context};
use crate::sim::network::ConnectionId;
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::{
    Body, CONTROLLER_PROCESS, FetchMetadataRequest, Message, Request, Response, TopicPartition, incarnation_id,
};

/// The first wait before something that failed is tried again; doubled each time (`BrokerLifecycleManager`'s back-off).
const BACKOFF_US: Time = 100 * MILLISECOND;
/// The wait between heartbeats until the broker is unfenced (`BrokerHeartbeatResponseEvent`: 10 ms).
const STARTING_US: Time = 10 * MILLISECOND;
/// The wait for the second heartbeat of a controlled shutdown (the same: 50 ms).
const SHUTDOWN_US: Time = 50 * MILLISECOND;
/// A broker that is not let go shuts down all the same after so long (`Server.shutdown`: 5 minutes).
const SHUTDOWN_MAX_US: Time = 300 * SECOND;
/// `controller.quorum.request.timeout.ms`: a fetch of metadata without an answer for so long is given up.
const METADATA_TIMEOUT_US: Time = 2 * SECOND;
/// How long a client's request waits for the controller (`BrokerServer`: the retry time-out of the forwarding channel).
const FORWARDING_US: Time = 60 * SECOND;

/// The connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Lane {
    /// Registration and heartbeats.
    Lifecycle,
    /// All that is asked for.
    Requests,
    /// The metadata.
    Metadata,
}

impl Lane {
    const ALL: [Self; 3] = [Self::Lifecycle, Self::Requests, Self::Metadata];

    fn of(number: u64) -> Self {
        Self::ALL[usize::try_from(number).expect("a small number")]
    }
}

/// What an answer is to.
#[derive(Clone, Debug)]
enum Asked {
    Registration,
    Heartbeat,
    AlterPartition(Vec<TopicPartition>),
    ProducerIds,
    Metadata,
    /// A client's request, which waits for the answer.
    Forwarded(WaitId, Asker),
}

impl Asked {
    fn lane(&self) -> Lane {
        match self {
            Self::Registration | Self::Heartbeat => Lane::Lifecycle,
            Self::AlterPartition(_) | Self::ProducerIds | Self::Forwarded(..) => Lane::Requests,
            Self::Metadata => Lane::Metadata,
        }
    }
}

/// What the broker knows of its place in the cluster.
#[derive(Clone, Debug)]
pub(super) struct ControllerLink {
    connections: [Option<ConnectionId>; 3],
    incarnation: u32,
    /// Given by the registration; -1 before.
    broker_epoch: i64,
    /// The metadata that was taken in; -1 for none.
    offset: i64,
    /// It was unfenced once in this life.
    started: bool,
    /// Registrations and heartbeats that failed, one after the other.
    failures: u32,
    /// It wants to shut down, and does so by then.
    shutdown_by: Option<Time>,
    /// The controller has heard of that.
    is_shutting_down: bool,
    correlation_id: i32,
    asked: LiteMap<i32, (Asked, Time)>,
    /// Requests of clients that were lost with their connection.
    unsent: Vec<(WaitId, Asker)>,
}

impl Default for ControllerLink {
    fn default() -> Self {
        Self {
            connections: [None; 3],
            incarnation: 0,
            broker_epoch: -1,
            offset: -1,
            started: false,
            failures: 0,
            shutdown_by: None,
            is_shutting_down: false,
            correlation_id: 0,
            asked: LiteMap::new(),
            unsent: Vec::new(),
        }
    }
}

impl ControllerLink {
    pub(super) fn owns(&self, connection: ConnectionId) -> bool {
        self.connections.contains(&Some(connection))
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
        self.broker_epoch >= 0
            && self.connections[Lane::Requests as usize].is_some()
            && !self.asked.values().any(alters)
    }

    /// Since when the oldest request of a lane has had no answer.
    fn oldest(&self, lane: Lane) -> Option<Time> {
        self.asked.values().filter(|(asked, _)| asked.lane() == lane).map(|(_, since)| *since).min()
    }
}

impl Broker {
    pub(super) fn begin_registration(&mut self, incarnation: u32, context: &mut Context<'_>) {
        self.controller.incarnation = incarnation;
        Lane::ALL.into_iter().for_each(|lane| self.connect(lane, context));
    }

    /// A lane is to be opened again.
    pub(super) fn connect_to_controller(&mut self, lane: u64, context: &mut Context<'_>) {
        self.connect(Lane::of(lane), context);
    }

    fn connect(&mut self, lane: Lane, context: &mut Context<'_>) {
        let connection = &mut self.controller.connections[lane as usize];
        assert!(connection.is_none(), "a lane is opened once");
        *connection = Some(context.connect(CONTROLLER_PROCESS));
        match lane {
            Lane::Lifecycle => self.communicate(context),
            Lane::Requests => self.ask_again(context),
            Lane::Metadata => self.ask_for_metadata(context),
        }
    }

    /// What could not be asked for without a connection is asked for now. ISR changes gather and go by themselves.
    fn ask_again(&mut self, context: &mut Context<'_>) {
        if self.producer_ids.asked {
            self.ask_for_producer_ids(context);
        }
        self.forward_again(context);
    }

    /// The next registration or heartbeat is due, or the last has had no answer for `broker.heartbeat.interval.ms`
    /// (`BrokerServer`: the retry time-out of the heartbeat channel).
    pub(super) fn heartbeat_due(&mut self, context: &mut Context<'_>) {
        if self.controller.oldest(Lane::Lifecycle).is_some() {
            return self.lane_is_gone(Lane::Lifecycle, context);
        }
        self.communicate(context);
    }

    /// Registers, or beats once registered and with metadata. A broker that halts while it loads its logs sends nothing more.
    fn communicate(&mut self, context: &mut Context<'_>) {
        let now = context.now();
        if self.controller.shutdown_by.is_some_and(|by| by <= now) {
            return self.shut_down(context);
        }
        let link = &self.controller;
        // Another answer or the timer brings it here again.
        if link.connections[Lane::Lifecycle as usize].is_none() || link.oldest(Lane::Lifecycle).is_some() {
            return;
        }
        if self.controller.broker_epoch < 0 {
            let request = BrokerRegistrationRequest::default()
                .with_broker_id(BrokerId(self.settings.id))
                .with_incarnation_id(incarnation_id(self.settings.id, self.controller.incarnation))
                .with_previous_broker_epoch(self.replicas.previous_epoch());
            self.ask(Asked::Registration, Request::BrokerRegistration(request), context);
        } else if self.controller.offset < 0 || self.replicas.is_halting() {
            return context.set_timer(BrokerTimer::Heartbeat, context.after(STARTING_US));
        } else {
            let request = BrokerHeartbeatRequest::default()
                .with_broker_id(BrokerId(self.settings.id))
                .with_broker_epoch(self.controller.broker_epoch)
                .with_current_metadata_offset(self.controller.offset)
                .with_want_shut_down(self.controller.shutdown_by.is_some());
            self.ask(Asked::Heartbeat, Request::BrokerHeartbeat(request), context);
        }
        context.set_timer(BrokerTimer::Heartbeat, context.after(self.settings.heartbeat_interval_us));
    }

    /// SIGTERM: the leaderships are given away before the broker ends (`BrokerLifecycleManager.beginControlledShutdown`). One
    /// that has not started puts nothing in order: `BrokerServer.shutdown` does nothing then.
    pub(super) fn terminate(&mut self, context: &mut Context<'_>) {
        if !self.controller.has_started() {
            return context.exit();
        }
        // Who is told twice goes on with it.
        if self.controller.shutdown_by.is_none() {
            self.controller.shutdown_by = Some(context.after(SHUTDOWN_MAX_US));
            self.communicate(context);
        }
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

    /// Lets the controller serve a client's request (`ForwardingManager`; without the Envelope, which carries who asked).
    pub(super) fn forward(&mut self, asker: Asker, request: Request, context: &mut Context<'_>) {
        let work = Work::Forwarded(Box::new(request));
        let wait = self.begin_wait(asker, context.after(FORWARDING_US), work, context);
        self.controller.unsent.push((wait, asker));
        self.forward_again(context);
    }

    fn forward_again(&mut self, context: &mut Context<'_>) {
        if self.controller.connections[Lane::Requests as usize].is_none() {
            return;
        }
        for (wait, asker) in std::mem::take(&mut self.controller.unsent) {
            // Whoever has hung up meanwhile is not asked for.
            if let Some(request) = self.forwarded(wait, asker).cloned() {
                self.ask(Asked::Forwarded(wait, asker), request, context);
            }
        }
    }

    /// The request of a client that still waits for the controller.
    fn forwarded(&self, wait: WaitId, asker: Asker) -> Option<&Request> {
        match self.purgatory.get(wait) {
            Some(wait) if wait.asker == asker => match &wait.work {
                Work::Forwarded(request) => Some(request),
                Work::Fetch { .. } | Work::Produce { .. } | Work::ProducerId | Work::Coordinator(_) => None,
            },
            Some(_) | None => None,
        }
    }

    /// A client has waited too long for the controller: it is not answered, which it sees by its connection.
    pub(super) fn continue_forwarded(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        assert!(overdue, "nothing but its deadline wakes a request that was forwarded");
        let wait = self.end_wait(id, context);
        self.hang_up(wait.asker.connection, context);
    }

    fn ask_for_metadata(&mut self, context: &mut Context<'_>) {
        let request =
            Request::FetchMetadata(FetchMetadataRequest { broker: self.settings.id, offset: self.controller.offset });
        self.ask(Asked::Metadata, request, context);
    }

    fn ask(&mut self, asked: Asked, request: Request, context: &mut Context<'_>) {
        let lane = asked.lane();
        let link = &mut self.controller;
        // What cannot be asked now is asked for when the lane is open again.
        let Some(connection) = link.connections[lane as usize] else { return };
        link.correlation_id = link.correlation_id.checked_add(1).unwrap_or(0);
        link.asked.insert(link.correlation_id, (asked, context.now()));
        context.send(connection, Message { correlation_id: link.correlation_id, body: Body::Request(request) });
        self.watch_lane(lane, context);
    }

    /// Sets the timer at which the oldest request of a lane is given up.
    fn watch_lane(&self, lane: Lane, context: &mut Context<'_>) {
        let timeout = match lane {
            // The timer of the heartbeats does that.
            Lane::Lifecycle => return,
            // `controller.socket.timeout.ms`, which is as long.
            Lane::Requests => self.settings.replica_socket_timeout_us,
            Lane::Metadata => METADATA_TIMEOUT_US,
        };
        match self.controller.oldest(lane) {
            Some(since) => context.set_timer(BrokerTimer::ControllerSilent(lane as u64), since.saturating_add(timeout)),
            None => context.cancel_timer(BrokerTimer::ControllerSilent(lane as u64)),
        }
    }

    /// A request of a lane has had no answer for too long.
    pub(super) fn controller_is_silent(&mut self, lane: u64, context: &mut Context<'_>) {
        self.lane_is_gone(Lane::of(lane), context);
    }

    pub(super) fn controller_answers(&mut self, message: &Message, context: &mut Context<'_>) {
        // A request that arrived twice is answered twice; the second answer is to nothing.
        let Some((asked, _)) = self.controller.asked.remove(&message.correlation_id) else { return };
        let Body::Response(response) = &message.body else { unreachable!("the controller asks brokers nothing") };
        self.watch_lane(asked.lane(), context);
        match (asked, response) {
            (Asked::Registration, Response::BrokerRegistration(response)) => self.registered(response, context),
            (Asked::Heartbeat, Response::BrokerHeartbeat(response)) => self.heartbeat_answered(response, context),
            (Asked::ProducerIds, Response::AllocateProducerIds(response)) => {
                self.take_producer_ids(response, context);
            }
            (Asked::AlterPartition(asked), Response::AlterPartition(response)) => {
                self.isr_answer(&asked, response, context);
            }
            (Asked::Metadata, Response::FetchMetadata(image)) => {
                if image.offset > self.controller.offset {
                    self.controller.offset = image.offset;
                    self.apply_metadata(image, context);
                }
                self.ask_for_metadata(context);
            }
            (Asked::Forwarded(wait, asker), response) => {
                // A client that has hung up is answered no more.
                if self.forwarded(wait, asker).is_some() {
                    self.end_wait(wait, context);
                    self.answer(asker, response.clone(), context);
                    self.serve(asker.connection, context);
                }
            }
            (asked, response) => unreachable!("{:?} was answered with {:?}", asked, response.api()),
        }
    }

    fn registered(&mut self, response: &BrokerRegistrationResponse, context: &mut Context<'_>) {
        if response.error_code != 0 {
            // DUPLICATE_BROKER_REGISTRATION: the session of the former life is not over.
            return self.communicate_after_failure(context);
        }
        self.controller.broker_epoch = response.broker_epoch;
        self.controller.failures = 0;
        self.communicate(context);
    }

    /// When the next heartbeat is due (`BrokerLifecycleManager.BrokerHeartbeatResponseEvent`).
    fn heartbeat_answered(&mut self, response: &BrokerHeartbeatResponse, context: &mut Context<'_>) {
        if response.error_code != 0 {
            return self.communicate_after_failure(context);
        }
        let link = &mut self.controller;
        link.failures = 0;
        link.started |= !response.is_fenced;
        let wait = match (link.shutdown_by, link.started) {
            (Some(_), _) if response.should_shut_down => return self.shut_down(context),
            (Some(_), _) if !std::mem::replace(&mut link.is_shutting_down, true) => SHUTDOWN_US,
            (Some(_), _) | (None, true) => self.settings.heartbeat_interval_us,
            (None, false) => STARTING_US,
        };
        context.set_timer(BrokerTimer::Heartbeat, context.after(wait));
    }

    fn communicate_after_failure(&mut self, context: &mut Context<'_>) {
        let backoff = BACKOFF_US << self.controller.failures.min(16);
        self.controller.failures += 1;
        context.set_timer(BrokerTimer::Heartbeat, context.after(backoff.min(self.settings.session_timeout_us)));
    }

    /// A connection to the controller was closed from the other side, or never opened.
    pub(super) fn controller_is_gone(&mut self, connection: ConnectionId, context: &mut Context<'_>) {
        let is_it = |lane: &Lane| self.controller.connections[*lane as usize] == Some(connection);
        let lane = Lane::ALL.into_iter().find(is_it).expect("who owns a connection knows what for");
        self.lane_is_gone(lane, context);
    }

    /// Everything on the way in this lane is lost; it is opened again after a while.
    fn lane_is_gone(&mut self, lane: Lane, context: &mut Context<'_>) {
        let link = &mut self.controller;
        if let Some(connection) = link.connections[lane as usize].take() {
            context.close(connection);
        }
        let (lost, kept) =
            std::mem::take(&mut link.asked).into_iter().partition(|(_, (asked, _))| asked.lane() == lane);
        link.asked = kept;
        let lost: LiteMap<i32, (Asked, Time)> = lost;
        for (_, (asked, _)) in lost {
            match asked {
                // These begin again with the lane.
                Asked::Registration | Asked::Heartbeat | Asked::Metadata | Asked::ProducerIds => {}
                Asked::AlterPartition(partitions) => self.replicas.isr_changes_lost(partitions),
                Asked::Forwarded(wait, asker) => self.controller.unsent.push((wait, asker)),
            }
        }
        if lane == Lane::Lifecycle {
            context.cancel_timer(BrokerTimer::Heartbeat);
        } else {
            context.cancel_timer(BrokerTimer::ControllerSilent(lane as u64));
        }
        context.set_timer(BrokerTimer::ControllerReconnect(lane as u64), context.after(BACKOFF_US));
    }
}
