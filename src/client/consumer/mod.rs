//! A consumer (Kafka: `ClassicKafkaConsumer`, `Fetcher`, `OffsetFetcher`, `SubscriptionState`). Without a group it reads every
//! partition of its topics; as a member of one what its group gives it.
//!
//! The program calls [`Consumer::poll`], and is told by an event when that returns. In between the program works: what
//! has been asked for arrives meanwhile, and nothing is asked for until it polls again. With the records of a poll the
//! next fetch is already on its way, to leaders of whose partitions nothing waits here.

mod aborted;
mod assigned;
mod by_name;
mod closing;
mod collector;
mod coordinator;
mod fetcher;
mod group;
mod leaders;
mod nearest;
mod offsets;
mod policy;
mod position;
mod queries;
mod query;
mod records;
mod tag;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use aborted::Aborted;
use bytes::Bytes;
use coordinator::Coordinator;
pub use coordinator::member::MembershipSight;
use coordinator::member::Place;
pub use coordinator::settings::GroupSettings;
use leaders::Leaders;
pub use policy::OffsetReset;
use position::Position;
use query::Query;
pub use query::{GroupOffset, OffsetFound};
pub use records::{ConsumerRecord, ConsumerRecords};
use tag::Tag;

use super::ClientContext;
use super::network::{Happened, Network, NetworkSettings, network_settings};
use super::pattern::TopicPattern;
use super::timer::{ClientTimer, Slot};
use crate::note::{Moved, PollError};
use crate::settings::{
    AutoOffsetReset, ClientId, ConsumerConfig, Fix, IsolationLevel, MetadataRecovery, milliseconds, small,
};
use crate::sim::process::Input;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{Message, PartitionMap, TopicPartition};

/// How a consumer works, by Kafka's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// `fetch.min.bytes`
    pub fetch_min_bytes: i32,
    /// `fetch.max.wait.ms`
    pub fetch_max_wait_us: Time,
    /// `max.partition.fetch.bytes`
    pub max_partition_fetch_bytes: i32,
    /// `fetch.max.bytes`
    pub fetch_max_bytes: i32,
    /// `max.poll.records`
    pub max_poll_records: u32,
    /// `auto.offset.reset`
    pub auto_offset_reset: OffsetReset,
    /// `check.crcs`
    pub check_crcs: bool,
    /// `isolation.level` is `read_committed`
    pub read_committed: bool,
    /// `client.rack`; empty for none.
    pub client_rack: String,
    /// `client.id`, as it was given.
    pub client_id: ClientId,
    /// Its group, and what it does as a member.
    pub group: GroupSettings,
    /// What it shares with all clients.
    pub network: NetworkSettings,
}

impl Default for ConsumerSettings {
    /// Kafka's defaults.
    fn default() -> Self {
        Self::of(&ConsumerConfig::default())
    }
}

/// `ConsumerUtils.CONSUMER_MAX_INFLIGHT_REQUESTS_PER_CONNECTION`
const MAX_IN_FLIGHT: u32 = 100;

impl ConsumerSettings {
    /// What a consumer with these settings is told.
    #[must_use]
    pub fn of(config: &ConsumerConfig) -> Self {
        Self {
            fetch_min_bytes: small(config.fetch_min_bytes, i32::MAX),
            fetch_max_wait_us: milliseconds(config.fetch_max_wait_ms),
            max_partition_fetch_bytes: small(config.max_partition_fetch_bytes, i32::MAX),
            fetch_max_bytes: small(config.fetch_max_bytes, i32::MAX),
            max_poll_records: small(config.max_poll_records, u32::MAX),
            auto_offset_reset: match config.auto_offset_reset {
                AutoOffsetReset::Earliest => OffsetReset::Earliest,
                AutoOffsetReset::Latest => OffsetReset::Latest,
                AutoOffsetReset::None => OffsetReset::None,
                AutoOffsetReset::ByDuration(ms) => OffsetReset::ByDuration(ms),
            },
            check_crcs: config.check_crcs,
            read_committed: config.isolation_level == IsolationLevel::ReadCommitted,
            client_rack: config.client_rack.0.clone(),
            client_id: config.client_id.clone(),
            group: GroupSettings {
                id: None,
                instance_id: config.group_instance_id.0.clone(),
                session_timeout_us: milliseconds(config.session_timeout_ms),
                heartbeat_interval_us: milliseconds(config.heartbeat_interval_ms),
                max_poll_interval_us: milliseconds(config.max_poll_interval_ms),
                auto_commit_interval_us: config
                    .enable_auto_commit
                    .then(|| milliseconds(config.auto_commit_interval_ms)),
                default_api_timeout_us: milliseconds(config.default_api_timeout_ms),
                assignors: config.partition_assignment_strategy.0.clone(),
                protocol: config.group_protocol,
                remote_assignor: config.group_remote_assignor.0.clone(),
                rack: Some(config.client_rack.0.clone()).filter(|rack| !rack.is_empty()),
            },
            network: NetworkSettings {
                creates_topics: config.allow_auto_create_topics,
                ..network_settings!(config, MAX_IN_FLIGHT)
            },
        }
    }
}

impl ConsumerSettings {
    /// What it calls itself (`ConsumerConfig.maybeOverrideClientId`): without a group it names the group null. Each program here
    /// is a machine of its own, so that its consumer is the first.
    #[must_use]
    pub fn client_id(&self) -> String {
        let group = self.group.id.as_deref().unwrap_or("null");
        self.client_id.or(|| format!("consumer-{group}-{}", self.group.instance_id.as_deref().unwrap_or("1")))
    }

    /// As requests have it (`IsolationLevel`).
    fn isolation_level(&self) -> i8 {
        self.read_committed.into()
    }

    /// As requests have it.
    fn request_timeout_ms(&self) -> i32 {
        i32::try_from(self.network.request_timeout_us / MILLISECOND).unwrap_or(i32::MAX)
    }
}

/// What a consumer tells its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerEvent {
    /// `poll()` has returned.
    Records(ConsumerRecords),
    /// The position moved without reading: it was found, reset, or set back behind a truncation.
    Reset {
        /// Where.
        partition: TopicPartition,
        /// To which offset.
        offset: i64,
        /// From where, and why.
        moved: Moved,
    },
    /// The leader's log does not have the offset that was asked for (any more).
    OutOfRange {
        /// Of what.
        partition: TopicPartition,
        /// Which offset.
        offset: i64,
    },
    /// These came to it (`ConsumerRebalanceListener.onPartitionsAssigned`), maybe none.
    Assigned {
        /// In which generation of the group.
        generation: i32,
        /// Which.
        partitions: Vec<TopicPartition>,
    },
    /// These it gives up (`onPartitionsRevoked`).
    Revoked {
        /// Which.
        partitions: Vec<TopicPartition>,
    },
    /// These it had when it was no member any more: they may be another's already (`onPartitionsLost`).
    Lost {
        /// Which.
        partitions: Vec<TopicPartition>,
    },
    /// Offsets were committed, or were not.
    Committed {
        /// Of each partition the next offset to read.
        offsets: Vec<(TopicPartition, i64)>,
        /// Kafka's code of the error, 0 for none.
        error: i16,
        /// The program waited for it: `commitSync()` has returned.
        is_sync: bool,
    },
    /// It cannot be a member of its group: `poll()` throws.
    Failed {
        /// Kafka's code of the error.
        error: i16,
    },
    /// The program has not polled for `max.poll.interval.ms`, and it leaves its group.
    PollExpired {
        /// How long that is, in milliseconds.
        interval_ms: u64,
    },
    /// `poll()` has thrown; the program may call it again.
    Thrown(PollError),
    /// `beginningOffsets()`, `endOffsets()` or `offsetsForTimes()` has returned.
    Offsets(Vec<OffsetFound>),
    /// `committed()` has returned.
    OffsetsOfGroup(Vec<GroupOffset>),
    /// `close()` has returned.
    Closed,
}

/// A topic that is read.
#[derive(Clone, Debug)]
struct Topic {
    name: String,
    /// The number of the topic that has, or last had, this name.
    number: Option<u32>,
}

/// Fetched batches of one partition that the program has not taken yet.
#[derive(Clone, Debug)]
struct Fetched {
    partition: TopicPartition,
    records: Bytes,
    /// Whose fetch brought them.
    from: i32,
    /// What of them is aborted.
    aborted: Aborted,
}

/// A consumer.
#[derive(Clone, Debug)]
pub struct Consumer {
    settings: Arc<ConsumerSettings>,
    network: Network<Tag>,
    topics: Vec<Topic>,
    /// By which it finds its topics, if it does.
    pattern: Option<TopicPattern>,
    positions: PartitionMap<Position>,
    leaders: Leaders,
    /// Its place in its group, if it has one.
    coordinator: Option<Coordinator>,
    /// Fetches sent so far.
    fetches: u64,
    /// Partitions of topics of which metadata know no id (any more).
    without_id: BTreeSet<TopicPartition>,
    /// Partitions that need an offset or the end of an epoch.
    asking: BTreeSet<TopicPartition>,
    /// Partitions to look at again at a time.
    retries: BTreeSet<(Time, TopicPartition)>,
    /// Records to take, in the order of their arrival: of a partition no more are fetched while some of them are here.
    completed: VecDeque<Fetched>,
    /// The partitions that the program has chosen; `None` where it has subscribed to topics.
    manual: Option<BTreeSet<Place>>,
    /// Where the program wants to be in partitions of which nothing is known yet.
    seeks: BTreeMap<Place, i64>,
    /// Offsets that the program has asked for.
    query: Option<Query>,
    /// Last fetches on their way, once it is being closed.
    closing: Option<u32>,
    /// What the next `poll()` throws.
    throws: Option<PollError>,
    /// The program's thread is in `position()`.
    is_looking: bool,
    /// The program's thread is in `poll()`.
    polling: bool,
    events: VecDeque<ConsumerEvent>,
    last_error: i16,
}

impl Consumer {
    /// A consumer that has not begun, as one of a program's clients.
    #[must_use]
    pub fn new(settings: Arc<ConsumerSettings>, slot: Slot) -> Self {
        Self {
            network: Network::new(Arc::new(settings.network.clone()), slot, &settings.client_id()),
            coordinator: Coordinator::of(&settings.group, &settings.network),
            fetches: 0,
            settings,
            topics: Vec::new(),
            pattern: None,
            positions: PartitionMap::default(),
            leaders: Leaders::default(),
            without_id: BTreeSet::new(),
            asking: BTreeSet::new(),
            retries: BTreeSet::new(),
            completed: VecDeque::new(),
            manual: None,
            seeks: BTreeMap::new(),
            query: None,
            closing: None,
            throws: None,
            is_looking: false,
            polling: false,
            events: VecDeque::new(),
            last_error: 0,
        }
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &ConsumerSettings {
        &self.settings
    }

    /// Reads every partition of the topics with these names, those that come later included; as a member of a group those
    /// that the group gives it.
    pub fn assign_topics<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        for name in names {
            assert!(self.topics.iter().all(|topic| topic.name != name), "{name} is read already");
            self.network.metadata_mut().add_topic(name);
            if let Some(coordinator) = &mut self.coordinator {
                coordinator.subscribe(name);
            }
            self.topics.push(Topic { name: name.to_owned(), number: None });
        }
        self.metadata_updated();
    }

    /// Reads, as a member of its group, every topic that matches, those that come later included (`subscribe(Pattern)`): each
    /// consumer looks for them in its metadata, unless that is the coordinator's to do (`subscribe(SubscriptionPattern)`).
    ///
    /// # Panics
    /// Where it has no group.
    pub fn subscribe_pattern(&mut self, pattern: TopicPattern) {
        assert!(self.coordinator.is_some(), "only a member of a group subscribes");
        self.network.metadata_mut().add_all_topics();
        if pattern.is_for_coordinator() {
            self.coordinator.iter_mut().for_each(|coordinator| coordinator.subscribe_by(pattern.text()));
        }
        self.pattern = Some(pattern);
        self.metadata_updated();
    }

    /// Takes over which topics match now (`ConsumerCoordinator.updatePatternSubscription`). What was read is remembered by
    /// name: it is given up by that.
    fn follow_pattern(&mut self) {
        // It knows its topics by name.
        let (Some(pattern), Some(image)) = (&self.pattern, self.network.metadata().image()) else { return };
        let names = image.topics.iter().map(|(_, topic)| topic.name.to_string());
        let matching: Vec<String> = names.filter(|name| pattern.matches(name)).collect();
        for name in &matching {
            if self.topics.iter().all(|topic| topic.name != *name) {
                self.topics.push(Topic { name: name.clone(), number: None });
            }
        }
        if !pattern.is_for_coordinator() {
            self.coordinator.iter_mut().for_each(|coordinator| coordinator.subscribe_to(&matching));
        }
    }

    /// The next offset to read of each partition that has a position.
    pub fn positions(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        let known = self.positions.iter().filter(|(_, position)| position.is_known());
        known.map(|(partition, position)| (partition, position.offset))
    }

    /// The next offset to read of a partition, if it has a position there.
    #[must_use]
    pub fn position(&self, of: TopicPartition) -> Option<i64> {
        self.positions.get(&of).filter(|position| position.is_known()).map(|position| position.offset)
    }

    /// Nothing of a partition is handed over any more, until [`Self::resume`]; it keeps its position (`pause()`).
    pub fn pause(&mut self, of: TopicPartition) {
        self.hold_back(of);
    }

    /// A partition is fetched and handed over again (`resume()`).
    pub fn resume(&mut self, of: TopicPartition) {
        self.release(of);
    }

    /// Records below the high watermarks last seen that have not been read, of each partition where one was seen
    /// (Kafka's metric `records-lag`).
    pub fn lags(&self) -> impl Iterator<Item = (TopicPartition, u64)> {
        let seen = self.positions.iter().filter(|(_, position)| position.high_watermark >= 0);
        seen.map(|(partition, position)| {
            let behind = position.high_watermark.saturating_sub(position.offset).max(0);
            (partition, behind.cast_unsigned())
        })
    }

    /// Kafka's code of the last error; 0 for none.
    #[must_use]
    pub fn last_error(&self) -> i16 {
        self.last_error
    }

    /// The next thing that the program is told.
    pub fn next_event(&mut self) -> Option<ConsumerEvent> {
        self.events.pop_front()
    }

    /// The program calls `poll()`: [`ConsumerEvent::Records`] tells that it has returned, at once or later.
    ///
    /// # Panics
    /// Where the program's thread is in `poll()` already.
    pub fn poll(&mut self, context: &mut ClientContext<'_>) {
        assert!(!self.polling, "the program's thread is still in poll()");
        self.polling = true;
        self.run(context);
    }

    /// Handles an input that is this consumer's; any other is handed back.
    pub fn handle(&mut self, input: Input<Message>, context: &mut ClientContext<'_>) -> Option<Input<Message>> {
        match self.network.handle(input, context) {
            Err(input) => return Some(input),
            // The network has seen to it.
            Ok(Happened::Nothing) => {}
            Ok(Happened::Updated) => self.metadata_updated(),
            Ok(Happened::Lost(lost)) => self.lost(lost, context),
            Ok(Happened::Rebootstrapped(lost)) => lost.into_iter().for_each(|lost| self.lost(lost, context)),
            Ok(Happened::Answered { node, tag, response }) => self.answered(node, tag, &response, context),
            Ok(Happened::Written { .. }) => panic!("a consumer is answered whatever it asks"),
            Ok(Happened::Timer(timer)) => self.timer(timer, context),
        }
        self.work_for_group(context);
        self.go_on_asking(context);
        if self.polling {
            self.run(context);
        } else if self.is_looking {
            self.look(context);
        }
        None
    }

    fn timer(&mut self, timer: ClientTimer, context: &mut ClientContext<'_>) {
        match timer {
            ClientTimer::Retry => self.collect_retries(context.now()),
            // What is due is looked at behind each input.
            ClientTimer::Coordinator | ClientTimer::Heartbeat | ClientTimer::Commit | ClientTimer::Call => {}
            ClientTimer::Connection(_)
            | ClientTimer::Metadata
            | ClientTimer::Sender
            | ClientTimer::Delivery
            | ClientTimer::ProducerId
            | ClientTimer::Block => panic!("{timer:?} is no timer of a consumer"),
        }
    }

    /// A turn of `poll()`: it returns where there are records; then as otherwise what is needed next is asked for
    /// (`ClassicKafkaConsumer.pollForFetches`).
    fn run(&mut self, context: &mut ClientContext<'_>) {
        assert!(self.polling, "nothing is asked for while the program works");
        self.poll_group(context);
        if let Some(error) = self.thrown() {
            self.polling = false;
            self.poll_returned(context);
            return self.events.push_back(ConsumerEvent::Thrown(error));
        }
        let holds_back = self.coordinator.as_ref().is_some_and(Coordinator::holds_back);
        let records = if holds_back { ConsumerRecords::default() } else { self.collect(context) };
        if !records.is_empty() {
            self.polling = false;
            self.poll_returned(context);
            self.events.push_back(ConsumerEvent::Records(records));
        }
        self.network.maybe_update_metadata(context);
        self.ask(context);
        self.fetch(context);
        self.network.maybe_update_metadata(context);
        if let Some((at, _)) = self.retries.first() {
            self.network.set_timer(ClientTimer::Retry, *at, context);
        }
    }

    /// What `poll()` throws now, if anything.
    fn thrown(&mut self) -> Option<PollError> {
        let is_stuck = |(_, position): (_, &Position)| position.state == position::State::Stuck;
        let has_none = self.settings.auto_offset_reset == OffsetReset::None && self.positions.iter().any(is_stuck);
        self.throws.take().or(has_none.then_some(PollError::NoOffsetForPartition))
    }

    /// Takes over topics and leaders of the newest image. A new leader epoch asks whether the position is in the new
    /// leader's log (`SubscriptionState.maybeValidatePositionForCurrentLeader`).
    fn metadata_updated(&mut self) {
        // Back at the bootstrap servers: what is known of topics is as it was.
        if self.network.metadata().image().is_none() {
            return;
        }
        self.follow_pattern();
        for place in 0..self.topics.len() {
            let topic = &self.topics[place];
            let former = topic.number;
            let Some(number) = self.network.metadata().topic_named(&topic.name) else {
                former.into_iter().for_each(|former| self.lose_id(former));
                continue;
            };
            if let Some(former) = former.filter(|former| *former != number) {
                self.move_to_new_topic(former, number);
            }
            self.topics[place].number = Some(number);
            for place in 0..self.network.metadata().partitions_of(number).len() {
                let known = &self.network.metadata().partitions_of(number)[place];
                let of = TopicPartition { topic: number, partition: place as i32 };
                self.set_leader(of, known.leader, known.leader_epoch);
            }
        }
    }

    /// A topic was deleted: metadata know its id no more.
    fn lose_id(&mut self, topic: u32) {
        for partition in 0..self.positions.partitions_of(topic) {
            let of = TopicPartition { topic, partition };
            // A partition that nobody has told of has no position.
            let Some(position) = self.positions.get_mut(&of) else { continue };
            if self.without_id.insert(of) {
                position.retry_at = 0;
                let source = position.source();
                self.touch(source, of);
            }
        }
    }

    /// A topic was deleted and created again under the same name. Kafka's consumer holds positions by name, and of the leader
    /// it compares what metadata tell of the new topic with what it had of the former one: only where they differ is the
    /// position validated. A smaller epoch counts, too (`Metadata.updateLatestMetadata`).
    fn move_to_new_topic(&mut self, former: u32, number: u32) {
        for partition in 0..self.positions.partitions_of(former) {
            let of = TopicPartition { topic: former, partition };
            self.drop_buffered(of);
            // A partition that nobody has told of has no position.
            let Some(position) = self.positions.remove(&of) else { continue };
            self.asking.remove(&of);
            self.without_id.remove(&of);
            self.touch(position.source(), of);
            let of = TopicPartition { topic: number, partition };
            let known = self.network.metadata().partition(of);
            let leads_as_before =
                known.is_some_and(|it| it.leader == position.leader && it.leader_epoch == position.leader_epoch);
            self.positions.insert(of, position.in_new_topic(leads_as_before));
            if leads_as_before {
                self.touch(position.source(), of);
                self.asking.insert(of);
            }
        }
        self.retries.retain(|(_, of)| of.topic != former);
    }

    fn set_leader(&mut self, of: TopicPartition, leader: i32, leader_epoch: i32) {
        if self.positions.get(&of).is_none() {
            // Another member may have it.
            if !self.is_own(of) {
                return;
            }
            let position = self.first_position(of);
            self.positions.insert(of, position);
        }
        let position = self.positions.get_mut(&of).expect("it was just put there");
        if leader_epoch < position.leader_epoch || (leader, leader_epoch) == (position.leader, position.leader_epoch) {
            return;
        }
        let before = position.source();
        let is_newer = position.leader_epoch < leader_epoch;
        (position.leader, position.leader_epoch) = (leader, leader_epoch);
        if is_newer {
            position.retry_at = 0;
            position.ask_again();
            let validates = !self.settings.network.without.lacks(Fix::Kafka7747);
            if position.state == position::State::Fetch && position.offset_epoch >= 0 && validates {
                position.state = position::State::Validate { asked: false };
            }
        }
        let source = position.source();
        self.touch(before, of);
        self.touch(source, of);
        self.asking.insert(of);
        if leader < 0 {
            self.network.metadata_mut().request_update();
        }
    }

    /// What is wanted of a partition from this leader may have changed.
    fn touch(&mut self, leader: i32, partition: TopicPartition) {
        if leader >= 0 {
            self.leaders.touch(leader, partition);
        }
    }

    /// Looks again at what waited for its back-off to end.
    fn collect_retries(&mut self, now: Time) {
        while let Some((at, partition)) = self.retries.first().copied()
            && at <= now
        {
            self.retries.pop_first();
            self.asking.insert(partition);
            if let Some(source) = self.positions.get(&partition).map(Position::source) {
                self.touch(source, partition);
            }
        }
    }
}
