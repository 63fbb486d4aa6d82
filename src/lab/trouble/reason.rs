//! Why a producer gets no acknowledgement: what is wrong with the partition's leader, and with those whom acks=all waits for.

use crate::lab::check::{Evidence, is_registered};
use crate::lab::observer::Observer;
use crate::sim::kernel::Status;
use crate::sim::process::ProcessId;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{CONTROLLER_PROCESS, PartitionImage, TopicPartition};

/// A disk that takes so much longer than it should is worth a word: less costs nobody an acknowledgement for a second.
const SLOW_US: Time = 100 * MILLISECOND;

/// Why nothing is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The partition is not there.
    NoTopic,
    /// It has no leader.
    NoLeader,
    /// The controller does not do its work, and nobody else elects.
    Controller(Ill),
    /// The client itself does not do its work.
    Client(Ill),
    /// The client takes this broker for the leader, which another one is by now.
    Deposed(i32),
    /// The leader does not do its work.
    Leader(i32, Ill),
    /// A follower in the ISR does not do its work, and acks=all waits for it.
    Follower(i32, Ill),
    /// The ISR is smaller than `min.insync.replicas`, and the leader refuses acks=all.
    TooFewInSync {
        /// How many are in it.
        isr: usize,
        /// How many there should be.
        least: usize,
    },
}

impl Reason {
    /// The same, whether a broker leads the partition or follows.
    #[must_use]
    pub fn whoever(self) -> Self {
        match self {
            Self::Leader(broker, ill) | Self::Follower(broker, ill) => Self::Leader(broker, ill),
            Self::NoTopic
            | Self::NoLeader
            | Self::Deposed(_)
            | Self::Client(_)
            | Self::Controller(_)
            | Self::TooFewInSync { .. } => self,
        }
    }
}

/// What is wrong with a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ill {
    /// It does not run.
    Down,
    /// It stands still.
    Paused,
    /// It runs, and is not registered in this life yet.
    Starting,
    /// Its disk takes no more than a limit.
    DiskFull,
    /// Its disk is slow.
    DiskSlow,
    /// Nothing passes on the link to whoever needs it, in one direction at least.
    Cut,
    /// The link to whoever needs it is slow, or loses messages.
    BadLink,
}

/// Why a call does not return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// `__transaction_state` cannot be created: it needs so many brokers, and there are fewer.
    TooFewBrokers {
        /// `transaction.state.log.replication.factor`
        needs: u64,
        /// Those that are not fenced.
        there: usize,
    },
    /// What is wrong with the partition to which the transactional id belongs: its leader coordinates it.
    Coordinator(String, Reason),
}

/// All that is wrong now for a producer that waits for a partition.
pub(in crate::lab) fn reasons(producer: ProcessId, partition: TopicPartition, observer: &Observer<'_>) -> Vec<Reason> {
    let own = state_of(producer, observer).map(Reason::Client);
    let mut reasons: Vec<Reason> = own.into_iter().chain(reasons_of_leader(producer, partition, observer)).collect();
    // That it is not there, or nobody leads it, is the reason.
    let Some(image) = observer.image().partition(partition).filter(|image| image.leader >= 0) else { return reasons };
    if observer.waits_for_all(producer) {
        reasons.extend(of_isr(partition, image, observer));
    }
    let believed = observer.leader_known_to(producer, partition);
    reasons.extend(believed.filter(|broker| *broker >= 0 && *broker != image.leader).map(Reason::Deposed));
    reasons
}

/// What is wrong with a partition for any client: with its leader, and with the controller where only that can help.
pub(in crate::lab) fn reasons_of_leader(
    client: ProcessId,
    partition: TopicPartition,
    observer: &Observer<'_>,
) -> Vec<Reason> {
    // That it is not there is the reason.
    let Some(image) = observer.image().partition(partition) else { return vec![Reason::NoTopic] };
    let controller = state_of(CONTROLLER_PROCESS, observer).map(Reason::Controller);
    if image.leader < 0 {
        return std::iter::once(Reason::NoLeader).chain(controller).collect();
    }
    // Who leads is changed by the controller alone.
    match ill(image.leader, client, observer) {
        Some(ill) => std::iter::once(Reason::Leader(image.leader, ill)).chain(controller).collect(),
        None => Vec::new(),
    }
}

/// What keeps a partition's leader from committing what a client writes to it with acks=all, and coordinators from answering.
pub(in crate::lab) fn reasons_of_writes(
    client: ProcessId,
    partition: TopicPartition,
    observer: &Observer<'_>,
) -> Vec<Reason> {
    let of_leader = reasons_of_leader(client, partition, observer);
    of_leader.into_iter().chain(reasons_of_isr(partition, observer)).collect()
}

/// What keeps the high watermark of a partition that somebody leads from moving.
pub(in crate::lab) fn reasons_of_isr(partition: TopicPartition, observer: &Observer<'_>) -> Vec<Reason> {
    let image = observer.image().partition(partition).filter(|image| image.leader >= 0);
    image.map(|image| of_isr(partition, image, observer)).unwrap_or_default()
}

fn of_isr(partition: TopicPartition, image: &PartitionImage, observer: &Observer<'_>) -> Vec<Reason> {
    let default = observer.scenario.cluster.config.min_insync_replicas;
    let told = observer.topic_number(partition, "min.insync.replicas").and_then(|least| usize::try_from(least).ok());
    // `Partition.effectiveMinIsr`.
    let (isr, least) = (image.isr.len(), told.unwrap_or(default as usize).min(image.replicas.len()));
    if isr < least {
        return vec![Reason::TooFewInSync { isr, least }];
    }
    // Without a leader nobody waits for followers.
    let Some(leader) = observer.names.broker(image.leader) else { return Vec::new() };
    let followers = image.isr.iter().copied().filter(|broker| *broker != image.leader);
    followers.filter_map(|broker| Some(Reason::Follower(broker, ill(broker, leader, observer)?))).collect()
}

/// What is wrong with a broker, or with its link to whoever needs it.
fn ill(broker: i32, towards: ProcessId, observer: &Observer<'_>) -> Option<Ill> {
    let process = observer.names.broker(broker)?;
    if let Some(ill) = state_of(process, observer) {
        return Some(ill);
    }
    if !is_registered(broker, observer) {
        return Some(Ill::Starting);
    }
    let ways = [(process, towards), (towards, process)];
    if observer.kernel.cuts().any(|cut| ways.contains(&cut)) {
        return Some(Ill::Cut);
    }
    let disk = observer.kernel.disk(process);
    if disk.is_limited() {
        return Some(Ill::DiskFull);
    }
    if disk.slowdown_us().saturating_sub(observer.scenario.cluster.disk_us(broker)) >= SLOW_US {
        return Some(Ill::DiskSlow);
    }
    ways.iter().any(|(from, to)| !observer.kernel.is_whole(*from, *to)).then_some(Ill::BadLink)
}

/// What is wrong with a process by itself.
pub(in crate::lab) fn state_of(process: ProcessId, observer: &Observer<'_>) -> Option<Ill> {
    match observer.kernel.status(process) {
        Status::Running => None,
        Status::Paused => Some(Ill::Paused),
        Status::Killed | Status::PoweredOff => Some(Ill::Down),
    }
}
