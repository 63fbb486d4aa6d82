//! A broker: replicas, the fetches of followers and consumers, produce, and its side of the controller.
//!
//! | room | what it knows |
//! |---|---|
//! | `router` | connections, and which handler serves which request |
//! | `replicas` | logs, leadership, high watermarks, the ISR; it sends nothing |
//! | `fetch`, `session` | fetches of followers and consumers, and their sessions |
//! | `fetcher`, `fetcher_request`, `fetcher_response` | the follower's side of replication |
//! | `purgatory`, `delayed`, `waits` | requests that wait, by what they wait for |
//! | `changes` | who is told when a partition changes |
//! | `coordinator` | what lives in internal topics: shards, loaded and unloaded with leadership |
//! | `groups` | groups of consumers and what they have committed |
//! | `transactions` | the coordinator of transactions, markers, and what partitions ask about them |
//! | `metadata`, `controller_link`, `isr_changes` | the controller's side |
//!
//! What changes a partition (its end, its high watermark, its role) wakes those who wait for it; these are looked at once
//! more at the end of the same event.

mod changes;
mod channel;
mod context;
mod controller_link;
pub mod coordinator;
pub mod coordinators;
mod delayed;
mod delete_records;
mod describe;
mod fetch;
mod fetcher;
mod fetcher_request;
mod fetcher_response;
pub mod groups;
mod init_producer_id;
mod isr_changes;
mod metadata;
mod offsets;
mod produce;
mod producer_ids;
mod purgatory;
mod readings;
mod replicas;
mod router;
mod session;
mod settings;
mod threads;
mod timer;
mod topic_creation;
mod transactions;
mod waits;

use std::sync::Arc;

use litemap::LiteMap;

use crate::log::ReplicaLog;
use crate::log::cleaner::LogCleaner;
use crate::note::Note;
use crate::sim::network::ConnectionId;
use crate::sim::process::{self, Input, Lane, Process, Purpose, Timer};
use crate::sim::queue::EventKind;
use crate::sim::sorted::SortedMap;
use crate::wire::{ClusterImage, Message, TopicPartition};

use channel::Channel;
use context::Context;
use controller_link::ControllerLink;
use coordinator::{CoordinatorRuntime, CoordinatorShard, Coordinators};
use delayed::{WaitKey, Work};
use fetcher::Fetcher;
use groups::GroupShard;
use producer_ids::ProducerIds;
use purgatory::{Purgatory, WaitId};
use readings::Readings;
use replicas::ReplicaManager;
pub use replicas::ReplicaView;
use session::Session;
pub use settings::{BrokerSettings, BrokerSwitches, DIRECTORY, TransactionSettings};
use timer::BrokerTimer;
pub use transactions::TransactionView;
pub use transactions::{TRANSACTIONS_TOPIC, TransactionSight};
use transactions::{TransactionShard, Transactions};

/// One broker.
#[derive(Clone, Debug)]
pub struct Broker {
    settings: Arc<BrokerSettings>,
    image: Arc<ClusterImage>,
    controller: ControllerLink,
    replicas: ReplicaManager,
    /// Connections that clients and other brokers have opened.
    channels: SortedMap<ConnectionId, Channel>,
    /// Their requests that wait.
    purgatory: Purgatory<WaitKey, Work>,
    sessions: SortedMap<i32, Arc<Session>>,
    /// One-time fetches so far: they have no id of a session.
    one_time_fetches: i32,
    /// By leader.
    fetchers: LiteMap<i32, Arc<Fetcher>>,
    producer_ids: ProducerIds,
    coordinators: Coordinators,
    /// Large, and most brokers of a run have little in it.
    transactions: Box<Transactions>,
    readings: Readings,
}

impl Broker {
    /// A broker that has not booted.
    #[must_use]
    pub fn new(settings: BrokerSettings) -> Self {
        let settings = Arc::new(settings);
        let broker = Self {
            settings: Arc::clone(&settings),
            image: Arc::default(),
            controller: ControllerLink::default(),
            replicas: ReplicaManager::new(settings),
            channels: SortedMap::default(),
            purgatory: Purgatory::default(),
            sessions: SortedMap::default(),
            one_time_fetches: 0,
            fetchers: LiteMap::new(),
            producer_ids: ProducerIds::default(),
            coordinators: Coordinators::default(),
            transactions: Box::default(),
            readings: Readings::default(),
        };
        broker.with_coordinator::<GroupShard>().with_coordinator::<TransactionShard>()
    }

    /// The same with one more coordinator, whose shards are the partitions of its internal topic.
    #[must_use]
    pub fn with_coordinator<S: CoordinatorShard>(mut self) -> Self {
        self.coordinators.add(Arc::new(CoordinatorRuntime::<S>::default()));
        self
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

    /// The cleaner, once there is a compacted log.
    #[must_use]
    pub fn cleaner(&self) -> Option<&LogCleaner> {
        self.replicas.cleaner()
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
        Self { coordinators: self.coordinators.reborn(), ..Self::new((*self.settings).clone()) }
    }

    /// As [`Process::listens`]: not before the controller has unfenced it (`BrokerServer.startup`).
    #[must_use]
    pub fn listens(&self) -> bool {
        self.controller.has_started()
    }

    /// As [`Process::receive_buffer_bytes`].
    #[must_use]
    pub fn receive_buffer_bytes(&self) -> u64 {
        self.settings.receive_buffer_bytes
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
            Input::Terminate => self.terminate(context),
            Input::Told(_) => unreachable!("only programs are told something"),
            Input::Connected { connection, peer } => self.connected(connection, peer, context),
            Input::Written { .. } => unreachable!("a broker counts no bytes of its own"),
            Input::Datagram { .. } => unreachable!("Kafka speaks on connections"),
        }
        self.look_at_awake(context);
        self.send_isr_changes(context);
        self.replicas.halt_if_log_dir_failed(context);
    }

    /// What a timer of a broker is for, in words that follow the broker's name.
    #[must_use]
    pub fn timer_words(purpose: Purpose) -> String {
        // A timer of the kernel's own has no words.
        BrokerTimer::of(purpose).map_or_else(String::new, BrokerTimer::words)
    }

    fn boot(&mut self, incarnation: u32, context: &mut Context<'_>) {
        self.replicas.boot(context);
        self.watch_producers(context);
        self.begin_registration(incarnation, context);
    }

    fn timer(&mut self, purpose: Purpose, context: &mut Context<'_>) {
        match BrokerTimer::of(purpose).expect("a broker sets its own timers") {
            BrokerTimer::Heartbeat => self.heartbeat_due(context),
            BrokerTimer::ControllerReconnect(lane) => self.connect_to_controller(lane, context),
            BrokerTimer::ControllerSilent(lane) => self.controller_is_silent(lane, context),
            BrokerTimer::LogDirs => self.replicas.remove_directories(context),
            BrokerTimer::IsrShrink => self.replicas.shrink_isrs(context),
            BrokerTimer::Checkpoint => self.replicas.checkpoint_due(context),
            BrokerTimer::LogRetention => {
                let shorter = self.replicas.check_retention(context);
                self.log_starts_moved(shorter);
            }
            BrokerTimer::LogFlush => self.replicas.flush_dirty_logs(context),
            BrokerTimer::RecoveryPoints => self.replicas.recovery_points_due(context),
            BrokerTimer::LogStarts => self.replicas.log_starts_due(context),
            BrokerTimer::LogDeletions => self.replicas.remove_deleted_files(context),
            BrokerTimer::AlterPartition => self.replicas.ask_again_for_isrs(),
            BrokerTimer::Fetcher(leader) => self.fetcher_timer(leader as i32, context),
            BrokerTimer::Cleaner(thread) => {
                let shorter = self.replicas.clean(thread, context);
                self.log_starts_moved(shorter);
            }
            BrokerTimer::IdleConnections => self.close_idle_connections(context),
            BrokerTimer::Written(partition) => self.write_done(partition, context),
            BrokerTimer::Wait(wait) => self.purgatory.expire(WaitId(wait as u32)),
            BrokerTimer::Loader(partition) => self.load_coordinator(partition, context),
            BrokerTimer::Coordinator(partition) => self.wake_coordinator(partition),
            BrokerTimer::Own => self.hear_myself(context),
            BrokerTimer::Peer(number) => self.peer_timer(number, context),
            BrokerTimer::Completion => self.complete_again(context),
            BrokerTimer::TransactionTimeouts => self.abort_timed_out_transactions(context),
            BrokerTimer::TransactionalIds => self.remove_expired_transactional_ids(context),
            BrokerTimer::ProducerIds => self.remove_expired_producers(context),
        }
    }

    /// Ends the broker in good order (Kafka: `BrokerServer.shutdown`): its fetchers stop, its logs are closed, and the mark of
    /// a clean shutdown is left if all of them were.
    pub fn shut_down(&mut self, context: &mut Context<'_>) {
        for fetcher in std::mem::take(&mut self.fetchers).values() {
            if let Some(connection) = fetcher.connection {
                context.close(connection);
            }
        }
        self.replicas.shut_down(self.controller.broker_epoch(), context);
        context.exit();
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

    fn receive_buffer_bytes(&self) -> u64 {
        Self::receive_buffer_bytes(self)
    }

    fn lane(&self, what: &EventKind<Message>) -> Lane {
        Self::lane(self, what)
    }
}
