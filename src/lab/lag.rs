//! How far groups are behind, and what that is made of.
//!
//! Kafka's tools take the end of a partition minus the committed offset for the lag. Not every offset between them is a
//! record that a consumer will be given: markers end transactions, aborted records are passed over, compaction leaves
//! holes. What is left over of the lag when nobody has anything to read any more is a phantom.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check::Evidence;
use super::observer::Observer;
use super::scenario::Scenario;
use crate::broker::groups::{GROUPS_TOPIC, GroupSight, OffsetSight, Place};
use crate::log::ReplicaLog;
use crate::log::batch::{BatchHeader, Body};
use crate::log::txn_index::AbortedTransaction;
use crate::settings::IsolationLevel;
use crate::sim::Time;
use crate::sim::disk::Disk;
use crate::wire::TopicPartition;

/// Into how many parts the run is cut, at each of whose ends groups are looked at.
const SAMPLES: Time = 180;

/// What a lag is made of: each offset between the committed one and the high watermark counts in one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagParts {
    /// Records that the next polls return.
    pub readable: u64,
    /// Records of transactions that are not over.
    pub open: u64,
    /// Records that wait behind the first of those.
    pub held_back: u64,
    /// Records of aborted transactions.
    pub aborted: u64,
    /// Control records, which end transactions.
    pub markers: u64,
    /// Offsets whose records compaction has removed.
    pub compacted: u64,
    /// Offsets before the log's start.
    pub deleted: u64,
    /// Offsets that were not looked at: there are too many, or their bytes cannot be read.
    pub unknown: u64,
}

impl LagParts {
    /// Each with its words, those that are nothing left out.
    #[must_use]
    pub fn words(&self) -> Vec<(&'static str, u64)> {
        let Self { readable, open, held_back, aborted, markers, compacted, deleted, unknown } = *self;
        let parts = [
            ("readable now", readable),
            ("in open transactions", open),
            ("behind open transactions", held_back),
            ("aborted", aborted),
            ("markers", markers),
            ("compacted away", compacted),
            ("before the log start", deleted),
            ("not looked at", unknown),
        ];
        parts.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// All of them: the high watermark minus the committed offset, as `kafka-consumer-groups` counts.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.real() + self.phantom() + self.unknown
    }

    /// Records that a consumer is or will be given, unless their transaction is aborted.
    #[must_use]
    pub fn real(&self) -> u64 {
        self.readable + self.open + self.held_back
    }

    /// What no consumer is ever given.
    #[must_use]
    pub fn phantom(&self) -> u64 {
        self.aborted + self.markers + self.compacted + self.deleted
    }
}

/// What the lag of a reader is made of that has read up to `committed`. At most so many batches are looked at.
#[must_use]
pub fn split(log: &ReplicaLog, disk: &Disk, committed: i64, isolation: IsolationLevel, batches: usize) -> LagParts {
    let end = log.high_watermark();
    let start = committed.max(log.log_start_offset());
    let mut parts = LagParts { deleted: length(committed, start.min(end)), ..LagParts::default() };
    let fates = Fates::of(log, disk, start, end, isolation);
    let mut next = start;
    for stored in log.batches(disk, start).take(batches) {
        let header = stored.header;
        if header.base_offset >= end {
            break;
        }
        parts.compacted += length(next, header.base_offset);
        let (from, to) = (next.max(header.base_offset), header.next_offset().min(end));
        let records = records(log, disk, &header, from, to);
        parts.compacted += length(from, to) - records;
        *fates.slot(&header, &mut parts) += records;
        next = next.max(to);
    }
    parts.unknown = length(next, end);
    parts
}

fn length(from: i64, to: i64) -> u64 {
    to.saturating_sub(from).max(0).cast_unsigned()
}

/// The records of a batch with these offsets. Only where compaction has taken some of it has it to be opened.
fn records(log: &ReplicaLog, disk: &Disk, header: &BatchHeader, from: i64, to: i64) -> u64 {
    let all = u64::from(header.record_count.unsigned_abs());
    if all == length(header.base_offset, header.next_offset()) {
        return length(from, to);
    }
    if (from, to) == (header.base_offset, header.next_offset()) {
        return all.min(length(from, to));
    }
    let read = log.read(disk, header.base_offset, 0, log.log_end_offset(), true);
    let count = read.ok().and_then(|data| {
        let body = Body::of(&data.bytes).ok()?;
        let records = body.records().ok()?;
        Some(records.flatten().filter(|record| (from..to).contains(&record.offset)).count() as u64)
    });
    // What cannot be read is given to nobody.
    count.unwrap_or(0)
}

/// What becomes of batches.
struct Fates<'a> {
    log: &'a ReplicaLog,
    /// Up to where it is read; those who read uncommitted records read all.
    last_stable: i64,
    aborted: Vec<AbortedTransaction>,
    reads_committed: bool,
}

impl<'a> Fates<'a> {
    fn of(log: &'a ReplicaLog, disk: &Disk, start: i64, end: i64, isolation: IsolationLevel) -> Self {
        let reads_committed = isolation == IsolationLevel::ReadCommitted;
        // What its index does not tell is not passed over by a consumer either.
        let aborted = log.collect_aborted_transactions(disk, start, end).unwrap_or_default();
        Self { log, last_stable: log.last_stable_offset(), aborted, reads_committed }
    }

    fn slot<'p>(&self, header: &BatchHeader, parts: &'p mut LagParts) -> &'p mut u64 {
        if header.is_control() {
            return &mut parts.markers;
        }
        if !self.reads_committed {
            return &mut parts.readable;
        }
        if header.is_transactional() && self.is_open(header) {
            return &mut parts.open;
        }
        if header.is_transactional() && self.is_aborted(header) {
            return &mut parts.aborted;
        }
        if header.base_offset >= self.last_stable { &mut parts.held_back } else { &mut parts.readable }
    }

    fn is_open(&self, header: &BatchHeader) -> bool {
        let producer = self.log.producers().get(header.producer_id);
        producer.and_then(|it| it.current_txn_first_offset).is_some_and(|first| header.base_offset >= first)
    }

    fn is_aborted(&self, header: &BatchHeader) -> bool {
        let holds = |it: &AbortedTransaction| {
            it.producer_id == header.producer_id && (it.first_offset..=it.last_offset).contains(&header.base_offset)
        };
        self.aborted.iter().any(holds)
    }
}

/// The groups of the cluster, each with the broker that coordinates it: the one that leads its partition for the controller.
#[must_use]
pub fn groups(observer: &Observer<'_>) -> Vec<(i32, GroupSight)> {
    let image = observer.image();
    // Nobody has looked for a coordinator yet.
    let Some(topic) = image.topics.named(GROUPS_TOPIC) else { return Vec::new() };
    let leads = |broker: i32, partition: i32| {
        image.partition(TopicPartition { topic, partition }).is_some_and(|it| it.leader == broker)
    };
    let mut found: Vec<(i32, GroupSight)> = Vec::new();
    for id in observer.names.brokers() {
        // One that is down coordinates nothing, whatever it knew.
        let Some(broker) = observer.broker(id).filter(|_| observer.is_running(id)) else {
            continue;
        };
        found.extend(broker.groups().into_iter().filter(|it| leads(id, it.partition)).map(|it| (id, it)));
    }
    found.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
    found
}

/// The partitions of which a group has committed something, by the names of their topics; `None` where no coordinator says.
#[must_use]
pub fn committed_places(group: &str, observer: &Observer<'_>) -> Option<Vec<Place>> {
    // Nobody has looked for a coordinator yet.
    let Some(seat) = observer.seat_of(GROUPS_TOPIC, group) else { return Some(Vec::new()) };
    let leader = observer.leader_of(seat).filter(|leader| observer.is_running(*leader))?;
    let broker = observer.broker(leader).filter(|broker| !broker.is_loading_groups())?;
    let offsets = broker.group(group).map_or_else(Vec::new, |it| it.offsets);
    Some(offsets.into_iter().filter(|it| it.offset >= 0).map(|it| it.place).collect())
}

/// Which of its records a group is given: as the first of its members is told.
#[must_use]
pub fn isolation_of(scenario: &Scenario, group: &str) -> IsolationLevel {
    let consumer = scenario.consumers.iter().find(|it| it.group.as_deref() == Some(group)).map(|it| &it.config);
    let pipeline = || scenario.pipelines.iter().find(|it| it.group == group).map(|it| &it.consumer);
    consumer.or_else(pipeline).map_or(IsolationLevel::ReadUncommitted, |it| it.isolation_level)
}

/// Where a group stands in a partition, and where that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub partition: TopicPartition,
    /// The next offset to read by what is committed; -1 for none.
    pub committed: i64,
    /// The leader's high watermark; -1 without a leader.
    pub end: i64,
}

/// Where a group stands in each partition of which it has committed something.
#[must_use]
pub fn standings(group: &GroupSight, observer: &Observer<'_>) -> Vec<Standing> {
    let image = observer.image();
    let standing = |OffsetSight { place: (topic, index), offset, .. }: &OffsetSight| {
        // The topic may be gone, while what was committed of it is not yet.
        let partition = TopicPartition { topic: image.topics.named(topic)?, partition: *index };
        let leader = image.partition(partition)?.leader;
        let end = observer.log_ends(leader, partition).map_or(-1, |ends| ends.high_watermark);
        Some(Standing { partition, committed: *offset, end })
    };
    group.offsets.iter().filter_map(standing).collect()
}

/// Where groups stood at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: Time,
    /// By group.
    pub groups: Vec<(String, Vec<Standing>)>,
}

/// Where groups stood over the run so far. It is no part of the run: nothing depends on it.
#[derive(Clone, Debug, Default)]
pub struct Lags {
    next: Time,
    samples: Arc<Vec<Arc<Sample>>>,
}

impl Lags {
    /// Whether it is time to look.
    #[must_use]
    pub fn is_due(&self, now: Time) -> bool {
        now >= self.next
    }

    /// Looks at all groups, and will again after a part of the run.
    pub fn look(&mut self, now: Time, observer: &Observer<'_>) {
        let part = (observer.scenario.duration_us / SAMPLES).max(1);
        self.next = (now / part + 1) * part;
        let scenario = observer.scenario;
        if scenario.pipelines.is_empty() && scenario.consumers.iter().all(|consumer| consumer.group.is_none()) {
            self.next = Time::MAX;
            return;
        }
        let groups = groups(observer).into_iter().map(|(_, it)| (it.id.clone(), standings(&it, observer))).collect();
        Arc::make_mut(&mut self.samples).push(Arc::new(Sample { at: now, groups }));
    }

    /// What was seen, oldest first.
    pub fn samples(&self) -> impl DoubleEndedIterator<Item = &Sample> {
        self.samples.iter().map(|sample| &**sample)
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests;
