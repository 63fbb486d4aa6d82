//! A broker: replicas, the fetches of followers and consumers, produce, and its side of the controller.
//!
//! Handlers of requests live in one file each. What they change in a partition (its end, its high watermark, its role)
//! puts the connections that wait for it into `awake`; those are looked at once more at the end of the same event.

mod answer;
mod channel;
mod cleaning;
mod controller_link;
pub mod coordinators;
mod fetch;
mod fetcher;
mod fetcher_response;
mod isr;
mod leadership;
mod log_dir;
mod log_tasks;
mod metadata;
mod offsets;
mod produce;
mod producer_ids;
mod replica;
mod session;
mod settings;
mod shutdown;
mod storage;
mod watch;

use std::sync::Arc;

use litemap::LiteMap;

use crate::log::ReplicaLog;
use crate::log::cleaner::LogCleaner;
use crate::note::Note;
use crate::sim::Time;
use crate::sim::network::ConnectionId;
use crate::sim::process::{self, Input, Process, ProcessId};
use crate::sim::queue::EventKind;
use crate::sim::sorted::SortedSet;
use crate::wire::{
    Body, BrokerRequest, ClusterImage, Listener, Message, PartitionMap, Request, Response, TopicPartition, api_versions,
};

use channel::{Channel, Work};
use controller_link::ControllerLink;
use fetch::Readings;
use fetcher::Fetcher;
pub use log_dir::CLUSTER_ID;
use log_tasks::Checkpoints;
use producer_ids::ProducerIds;
use replica::Replica;
pub use replica::ReplicaView;
use session::Session;
pub use settings::{BrokerSettings, BrokerSwitches};
pub use storage::DIRECTORY;

type Context<'a> = process::Context<'a, Message, Note>;

/// Timers by purpose; those with a number carry it in the low 56 bits.
mod timer {
    pub(super) const HEARTBEAT: u64 = 1;
    pub(super) const CONTROLLER_RECONNECT: u64 = 2;
    pub(super) const ISR_SHRINK: u64 = 3;
    pub(super) const CHECKPOINT: u64 = 4;
    pub(super) const LOG_RETENTION: u64 = 5;
    pub(super) const LOG_FLUSH: u64 = 6;
    pub(super) const RECOVERY_POINTS: u64 = 7;
    pub(super) const LOG_STARTS: u64 = 8;
    pub(super) const LOG_DELETIONS: u64 = 9;
    pub(super) const ALTER_PARTITION: u64 = 10;
    const KIND: u32 = 56;
    /// A fetcher's back-off or timeout; the number is its leader.
    pub(super) const FETCHER: u64 = 1 << KIND;
    /// The deadline of a connection's pending request; the number is the connection.
    pub(super) const CHANNEL: u64 = 2 << KIND;
    /// A cleaner thread's next step; the number is the thread.
    pub(super) const CLEANER: u64 = 3 << KIND;

    pub(super) fn split(purpose: u64) -> (u64, u64) {
        (purpose >> KIND << KIND, purpose & ((1 << KIND) - 1))
    }
}

/// One broker.
#[derive(Clone, Debug)]
pub struct Broker {
    settings: Arc<BrokerSettings>,
    image: Arc<ClusterImage>,
    controller: ControllerLink,
    replicas: PartitionMap<Arc<Replica>>,
    channels: LiteMap<ConnectionId, Channel>,
    sessions: LiteMap<i32, Arc<Session>>,
    /// One-time fetches so far: they have no id of a session.
    one_time_fetches: i32,
    fetchers: LiteMap<i32, Arc<Fetcher>>,
    producer_ids: ProducerIds,
    /// What the last life left in its checkpoint files.
    checkpointed: Arc<Checkpoints>,
    checkpoint_is_stale: bool,
    /// Why it will end behind this event, if it does.
    halts_because: Option<String>,
    /// Partitions whose ISR change is not sent yet.
    isr_changes: SortedSet<TopicPartition>,
    /// Those that the controller did not take, until they are sent again.
    isr_retries: SortedSet<TopicPartition>,
    /// Connections to look at before the event ends.
    awake: SortedSet<ConnectionId>,
    readings: Readings,
    /// There once there is a compacted log.
    cleaner: Option<Arc<LogCleaner>>,
    /// When it began.
    booted_us: Time,
}

impl Broker {
    /// A broker that has not booted.
    #[must_use]
    pub fn new(settings: BrokerSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            image: Arc::default(),
            controller: ControllerLink::default(),
            replicas: PartitionMap::default(),
            channels: LiteMap::new(),
            sessions: LiteMap::new(),
            one_time_fetches: 0,
            fetchers: LiteMap::new(),
            producer_ids: ProducerIds::default(),
            checkpointed: Arc::default(),
            checkpoint_is_stale: false,
            halts_because: None,
            isr_changes: SortedSet::default(),
            isr_retries: SortedSet::default(),
            awake: SortedSet::default(),
            readings: Readings::default(),
            cleaner: None,
            booted_us: 0,
        }
    }

    /// What a timer of a broker is for, in words that follow the broker's name.
    #[must_use]
    pub fn timer_words(purpose: u64) -> String {
        match purpose {
            timer::HEARTBEAT => "sends its next BrokerHeartbeat (broker.heartbeat.interval.ms)".to_owned(),
            timer::CONTROLLER_RECONNECT => "tries to reach the controller again".to_owned(),
            timer::ISR_SHRINK => {
                "looks for replicas out of sync (isr-expiration, half of replica.lag.time.max.ms)".to_owned()
            }
            timer::CHECKPOINT => "writes replication-offset-checkpoint".to_owned(),
            timer::LOG_RETENTION => "looks for segments to remove (log.retention.check.interval.ms)".to_owned(),
            timer::LOG_FLUSH => "looks for logs to flush (log.flush.scheduler.interval.ms)".to_owned(),
            timer::RECOVERY_POINTS => "writes recovery-point-offset-checkpoint".to_owned(),
            timer::LOG_STARTS => "writes log-start-offset-checkpoint".to_owned(),
            timer::ALTER_PARTITION => "asks the controller again to change an ISR (send-alter-partition)".to_owned(),
            timer::LOG_DELETIONS => "removes files that are renamed to .deleted (file.delete.delay.ms)".to_owned(),
            _ => match timer::split(purpose) {
                (timer::FETCHER, leader) => {
                    format!("turns to leader {leader} again: back-off or time-out of its fetcher is over")
                }
                (timer::CLEANER, thread) => format!("lets kafka-log-cleaner-thread-{thread} take its next step"),
                _ => "answers a request that has waited its time".to_owned(),
            },
        }
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &BrokerSettings {
        &self.settings
    }

    /// The metadata as it knows it.
    #[must_use]
    pub fn image(&self) -> &Arc<ClusterImage> {
        &self.image
    }

    /// The log of a replica that it has.
    #[must_use]
    pub fn log(&self, partition: TopicPartition) -> Option<&ReplicaLog> {
        Some(&self.replicas.get(&partition)?.log)
    }

    /// Its replicas.
    pub fn replicas(&self) -> impl Iterator<Item = (TopicPartition, ReplicaView)> {
        self.replicas.iter().map(|(partition, replica)| {
            let leadership = replica.leadership();
            let view = ReplicaView {
                leader: leadership.is_some(),
                leader_epoch: replica.leader_epoch,
                log_start_offset: replica.log.log_start_offset(),
                high_watermark: replica.log.high_watermark(),
                log_end_offset: replica.log.log_end_offset(),
                isr: leadership.map(|leadership| leadership.isr.clone()).unwrap_or_default(),
                pending_isr: leadership.and_then(|leadership| Some(leadership.pending.as_ref()?.isr.clone())),
            };
            (partition, view)
        })
    }

    /// As [`Process::reborn`].
    #[must_use]
    pub fn reborn(&self) -> Self {
        Self::new((*self.settings).clone())
    }

    /// As [`Process::listens`]: not before the controller has unfenced it (`BrokerServer.startup`).
    #[must_use]
    pub fn listens(&self) -> bool {
        self.controller.has_started()
    }

    /// As [`Process::has_own_thread`]: `BrokerLifecycleManager` registers and beats beside all else.
    #[must_use]
    pub fn has_own_thread(&self, what: &EventKind<Message>) -> bool {
        match what {
            EventKind::Timer(timer::HEARTBEAT) => true,
            EventKind::Delivery(connection, message) => {
                let of_lifecycle = |response: &Response| {
                    matches!(response, Response::BrokerHeartbeat(_) | Response::BrokerRegistration(_))
                };
                let is_response = matches!(&message.body, Body::Response(response) if of_lifecycle(response));
                is_response && self.controller.owns(*connection)
            }
            _ => false,
        }
    }

    /// Its epoch; -1 before it is registered in this life.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.controller.broker_epoch()
    }

    /// As [`Process::handle`].
    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_>) {
        match input {
            Input::Boot { incarnation } => self.boot(incarnation, context),
            Input::Received { connection, peer, message } => self.receive(connection, peer, message, context),
            Input::Disconnected { connection, peer } => self.disconnected(connection, peer, context),
            Input::Timer(purpose) => self.timer(purpose, context),
            Input::Terminate => context.exit(),
            Input::Connected { .. } | Input::Datagram { .. } => {}
        }
        self.look_at_awake(context);
        self.send_isr_changes(context);
        self.halt_if_log_dir_failed(context);
    }

    fn boot(&mut self, incarnation: u32, context: &mut Context<'_>) {
        self.booted_us = context.now();
        self.read_meta_properties(context);
        self.checkpointed = Arc::new(Checkpoints::read(context.disk()));
        self.begin_registration(incarnation, context);
        context.set_timer(timer::ISR_SHRINK, context.now() + self.settings.replica_lag_time_max_us / 2);
        context.set_timer(timer::CHECKPOINT, context.now() + self.settings.hw_checkpoint_interval_us);
        self.begin_log_tasks(context);
    }

    fn timer(&mut self, purpose: u64, context: &mut Context<'_>) {
        match purpose {
            timer::HEARTBEAT => self.heartbeat_due(context),
            timer::CONTROLLER_RECONNECT => self.connect_to_controller(context),
            timer::ISR_SHRINK => self.shrink_isrs(context),
            timer::CHECKPOINT => self.write_checkpoint(context),
            timer::LOG_RETENTION => self.check_retention(context),
            timer::LOG_FLUSH => self.flush_dirty_logs(context),
            timer::RECOVERY_POINTS => self.recovery_points_due(context),
            timer::LOG_STARTS => self.log_starts_due(context),
            timer::LOG_DELETIONS => self.remove_deleted_files(context),
            timer::ALTER_PARTITION => self.ask_again_for_isrs(),
            _ => match timer::split(purpose) {
                (timer::FETCHER, leader) => self.fetcher_timer(leader as i32, context),
                (timer::CLEANER, thread) => self.clean(thread, context),
                (_, connection) => {
                    self.awake.insert(ConnectionId(connection));
                }
            },
        }
    }

    fn receive(&mut self, connection: ConnectionId, peer: ProcessId, message: Arc<Message>, context: &mut Context<'_>) {
        match &message.body {
            Body::Response(_) if self.controller.owns(connection) => self.controller_answers(&message, context),
            Body::Response(response) => self.leader_answers(peer as i32, connection, response, context),
            Body::Request(request) => {
                let channel = self.channels.entry(connection).or_default();
                if channel.is_idle() {
                    return self.serve_request(connection, message.correlation_id, request, context);
                }
                channel.queue.push_back(message);
            }
        }
    }

    /// Takes the next requests of a connection until one has to wait.
    fn serve(&mut self, connection: ConnectionId, context: &mut Context<'_>) {
        while let Some(channel) = self.channels.get_mut(&connection) {
            if channel.pending.is_some() || channel.queue.is_empty() {
                return;
            }
            let Some(message) = channel.queue.pop_front() else { return };
            let Body::Request(request) = &message.body else { continue };
            self.serve_request(connection, message.correlation_id, request, context);
        }
    }

    fn serve_request(
        &mut self,
        connection: ConnectionId,
        correlation_id: i32,
        request: &Request,
        context: &mut Context<'_>,
    ) {
        // SocketServer closes the connection where its listener does not serve the API.
        let Some(request) = request.at_broker() else { return context.close(connection) };
        match request {
            BrokerRequest::Produce(request) => self.produce(connection, correlation_id, request, context),
            BrokerRequest::Fetch(request) => self.fetch(connection, correlation_id, request, context),
            BrokerRequest::ListOffsets(request) => self.list_offsets(connection, correlation_id, request, context),
            BrokerRequest::OffsetForLeaderEpoch(request) => {
                self.offset_for_leader_epoch(connection, correlation_id, request, context);
            }
            BrokerRequest::Metadata(_) => self.metadata(connection, correlation_id, context),
            BrokerRequest::InitProducerId(_) => self.init_producer_id(connection, correlation_id, context),
            BrokerRequest::ApiVersions(_) => {
                let response = Response::ApiVersions(api_versions(Listener::Broker));
                self.answer(connection, correlation_id, response, context);
            }
            BrokerRequest::FindCoordinator(_)
            | BrokerRequest::CreateTopics(_)
            | BrokerRequest::DeleteTopics(_)
            | BrokerRequest::CreatePartitions(_)
            | BrokerRequest::ElectLeaders(_) => context.close(connection),
        }
    }

    /// Looks once more at the requests that wait on what this event changed.
    fn look_at_awake(&mut self, context: &mut Context<'_>) {
        while let Some(connection) = self.awake.pop_first() {
            let Some(pending) = self.channels.get(&connection).and_then(|channel| channel.pending.as_ref()) else {
                continue;
            };
            let overdue = pending.deadline <= context.now();
            match pending.work {
                Work::Fetch { .. } => self.continue_fetch(connection, overdue, context),
                Work::Produce { .. } => self.continue_produce(connection, overdue, context),
                Work::ProducerId => self.continue_init_producer_id(connection, overdue, context),
            }
            self.serve(connection, context);
        }
    }

    fn disconnected(&mut self, connection: ConnectionId, peer: ProcessId, context: &mut Context<'_>) {
        if let Some(channel) = self.channels.remove(&connection) {
            context.cancel_timer(timer::CHANNEL | connection.0);
            self.forget_waits(connection, &channel);
        } else if self.controller.owns(connection) {
            self.controller_is_gone(context);
        } else {
            self.leader_is_gone(peer as i32, connection, context);
        }
    }
}

impl Process for Broker {
    type Message = Message;
    type Note = Note;

    fn handle(&mut self, input: Input<Message>, context: &mut process::Context<'_, Message, Note>) {
        Self::handle(self, input, context);
    }

    fn reborn(&self) -> Self {
        Self::reborn(self)
    }

    fn listens(&self) -> bool {
        Self::listens(self)
    }

    fn has_own_thread(&self, what: &EventKind<Message>) -> bool {
        Self::has_own_thread(self, what)
    }
}
