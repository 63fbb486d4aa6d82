//! A consumer without a group: it reads every partition of its topics by itself
//! (Kafka: `KafkaConsumer.assign`, `Fetcher`, `OffsetFetcher`, `SubscriptionState`).

mod fetcher;
mod position;
mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use fetcher::Tag;
use position::{Position, State};
use session::Session;

use super::ClientContext;
use super::connections::{Connections, Happened};
use super::metadata::{METADATA_TIMER, Metadata};
use crate::note::Note;
use crate::settings::{AutoOffsetReset, ConsumerConfig, milliseconds, small};
use crate::sim::Time;
use crate::sim::process::{Context, Input, ProcessId, Purpose};
use crate::wire::{ClusterImage, Message, PartitionMap, TopicPartition};

/// The program calls `poll()` again.
const POLL: Purpose = 16;
/// Something that failed is tried again.
const RETRY: Purpose = 17;

/// `auto.offset.reset`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// To the end.
    Latest,
    /// To the beginning.
    Earliest,
    /// Not at all.
    None,
}

impl OffsetReset {
    /// The timestamp that stands for it in ListOffsets.
    fn timestamp(self) -> Option<i64> {
        match self {
            Self::Latest => Some(-1),
            Self::Earliest => Some(-2),
            Self::None => None,
        }
    }
}

/// How a consumer works, by Kafka's names where Kafka has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// `client.id`
    pub name: String,
    /// The topics, by their places in the cluster's list.
    pub topics: Vec<u32>,
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
    /// `request.timeout.ms`
    pub request_timeout_us: Time,
    /// `retry.backoff.ms`
    pub retry_backoff_us: Time,
    /// `retry.backoff.max.ms`
    pub retry_backoff_max_us: Time,
    /// `metadata.max.age.ms`
    pub metadata_max_age_us: Time,
    /// `check.crcs`
    pub check_crcs: bool,
    /// How long the program works on what a poll returned; 0 for not at all.
    pub process_us: Time,
    /// How many brokers there are: the bootstrap servers.
    pub brokers: u32,
    /// The processes of the scenario's producers by name: values spell who wrote them.
    pub producers: BTreeMap<String, ProcessId>,
}

impl Default for ConsumerSettings {
    /// Kafka's defaults.
    fn default() -> Self {
        Self::of(&ConsumerConfig::default())
    }
}

impl ConsumerSettings {
    /// What a consumer with these settings is told; its topics and its program's ways are added.
    #[must_use]
    pub fn of(config: &ConsumerConfig) -> Self {
        Self {
            name: String::new(),
            topics: vec![0],
            fetch_min_bytes: small(config.fetch_min_bytes, i32::MAX),
            fetch_max_wait_us: milliseconds(config.fetch_max_wait_ms),
            max_partition_fetch_bytes: small(config.max_partition_fetch_bytes, i32::MAX),
            fetch_max_bytes: small(config.fetch_max_bytes, i32::MAX),
            max_poll_records: small(config.max_poll_records, u32::MAX),
            auto_offset_reset: match config.auto_offset_reset {
                AutoOffsetReset::Earliest => OffsetReset::Earliest,
                AutoOffsetReset::Latest => OffsetReset::Latest,
            },
            request_timeout_us: milliseconds(config.request_timeout_ms),
            retry_backoff_us: milliseconds(config.retry_backoff_ms),
            retry_backoff_max_us: milliseconds(config.retry_backoff_max_ms),
            metadata_max_age_us: milliseconds(config.metadata_max_age_ms),
            check_crcs: config.check_crcs,
            process_us: 0,
            brokers: 1,
            producers: BTreeMap::new(),
        }
    }
}

/// The consumer.
#[derive(Clone, Debug)]
pub struct Consumer {
    settings: Arc<ConsumerSettings>,
    connections: Connections<Tag>,
    metadata: Metadata,
    positions: PartitionMap<Arc<Position>>,
    /// One session for each leader.
    sessions: BTreeMap<i32, Session>,
    /// Partitions that need an offset or the end of an epoch.
    asking: BTreeSet<TopicPartition>,
    /// Partitions to look at again at a time.
    retries: BTreeSet<(Time, TopicPartition)>,
    /// Partitions with records to take, in the order of their arrival.
    completed: VecDeque<TopicPartition>,
    /// The program works until then.
    busy_until: Time,
    read: u64,
    last_error: i16,
}

impl Consumer {
    /// A consumer that has not begun.
    #[must_use]
    pub fn new(settings: ConsumerSettings) -> Self {
        Self::with(Arc::new(settings))
    }

    /// What a timer of a consumer is for, in words that follow its name.
    #[must_use]
    pub fn timer_words(purpose: u64) -> String {
        match purpose {
            POLL => "polls again".to_owned(),
            METADATA_TIMER => "asks for metadata (metadata.max.age.ms or back-off)".to_owned(),
            RETRY => "tries again what failed (retry.backoff.ms)".to_owned(),
            _ => super::connections::timer_words(purpose),
        }
    }

    /// The consumer as it begins after a crash: nothing but its settings. Without a group it has no committed offsets.
    #[must_use]
    pub fn reborn(&self) -> Self {
        Self { read: self.read, ..Self::with(Arc::clone(&self.settings)) }
    }

    fn with(settings: Arc<ConsumerSettings>) -> Self {
        Self {
            connections: Connections::new(settings.brokers, settings.request_timeout_us),
            metadata: Metadata::new(settings.brokers, settings.metadata_max_age_us),
            settings,
            positions: PartitionMap::default(),
            sessions: BTreeMap::new(),
            asking: BTreeSet::new(),
            retries: BTreeSet::new(),
            completed: VecDeque::new(),
            busy_until: 0,
            read: 0,
            last_error: 0,
        }
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &ConsumerSettings {
        &self.settings
    }

    /// The next offset to read of each partition that has a position.
    pub fn positions(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        let known = |position: &Position| !matches!(position.state, State::Reset { .. } | State::Stuck);
        self.positions.iter().filter(move |(_, p)| known(p)).map(|(partition, p)| (partition, p.offset))
    }

    /// Records below the high watermarks last seen that have not been read, of each partition where one was seen.
    pub fn lags(&self) -> impl Iterator<Item = (TopicPartition, u64)> {
        let seen = self.positions.iter().filter(|(_, position)| position.high_watermark >= 0);
        seen.map(|(partition, position)| {
            (partition, u64::try_from(position.high_watermark - position.offset).unwrap_or(0))
        })
    }

    /// Records that the program was given.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Kafka's code of the last error; 0 for none.
    #[must_use]
    pub fn last_error(&self) -> i16 {
        self.last_error
    }

    /// Handles one input.
    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        match input {
            Input::Terminate => return context.exit(),
            Input::Boot { .. } | Input::Datagram { .. } | Input::Timer(POLL) => {}
            Input::Timer(RETRY) => self.collect_retries(context.now()),
            Input::Timer(METADATA_TIMER) => self.metadata.timer(),
            Input::Timer(purpose) => {
                if let Some(happened) = self.connections.timer(purpose, context) {
                    self.happened(happened, context);
                }
            }
            Input::Connected { connection, .. } => {
                let happened = self.connections.connected(connection, context);
                self.happened(happened, context);
            }
            Input::Disconnected { connection, .. } => {
                let happened = self.connections.disconnected(connection, context);
                self.happened(happened, context);
            }
            Input::Received { connection, peer, message } => {
                let happened = self.connections.received(connection, peer, message);
                self.happened(happened, context);
            }
        }
        self.poll(context);
        self.send_requests(context);
    }

    fn happened(&mut self, happened: Happened<Tag>, context: &mut ClientContext<'_>) {
        match happened {
            Happened::Nothing | Happened::Ready => {}
            Happened::Lost { node, requests } => self.lost(node, requests, context),
            Happened::Answered { node, tag, response } => self.answered(node, tag, &response, context),
        }
    }

    /// Takes over the leaders of a newer image. A new leader epoch asks whether the position is in the new leader's
    /// log (`SubscriptionState.maybeValidatePositionForCurrentLeader`).
    fn follow_leaders(&mut self, image: &ClusterImage) {
        for topic in self.settings.topics.clone() {
            let Some(topic_image) = image.topics.get(topic) else {
                self.metadata.request_update();
                continue;
            };
            for (number, partition) in (0..).zip(&topic_image.partitions) {
                self.set_leader(TopicPartition { topic, partition: number }, partition.leader, partition.leader_epoch);
            }
        }
    }

    fn set_leader(&mut self, of: TopicPartition, leader: i32, leader_epoch: i32) {
        let reset = self.settings.auto_offset_reset.timestamp();
        let position = self.positions.get_or_insert_with(of, || Arc::new(Position::new(reset)));
        if leader_epoch < position.leader_epoch || (leader, leader_epoch) == (position.leader, position.leader_epoch) {
            return;
        }
        let position = Arc::make_mut(position);
        let before = position.leader;
        let is_newer = position.leader_epoch < leader_epoch;
        (position.leader, position.leader_epoch) = (leader, leader_epoch);
        if is_newer {
            position.retry_at = 0;
            position.ask_again();
            if position.state == State::Fetch && position.offset_epoch >= 0 {
                position.state = State::Validate { asked: false };
            }
        }
        self.touch(before, of);
        self.touch(leader, of);
        self.asking.insert(of);
        if leader < 0 {
            self.metadata.request_update();
        }
    }

    /// The partition's entry in a session with this leader may have changed.
    fn touch(&mut self, leader: i32, partition: TopicPartition) {
        if leader >= 0 {
            self.sessions.entry(leader).or_default().dirty.insert(partition);
        }
    }

    /// Looks again at what waited for its back-off to end.
    fn collect_retries(&mut self, now: Time) {
        while let Some((at, partition)) = self.retries.first().copied()
            && at <= now
        {
            self.retries.pop_first();
            self.asking.insert(partition);
            if let Some(leader) = self.positions.get(&partition).map(|position| position.leader) {
                self.touch(leader, partition);
            }
        }
    }
}
