//! One partition of an internal topic, as its coordinator has it (Kafka: `CoordinatorContext`, `SnapshottableCoordinator`).

use std::collections::VecDeque;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::effects::{Effects, Moment};
use super::record::{CoordinatorRecord, RecordPlace};
use super::shard::CoordinatorShard;
use crate::log::batch::{self, Body};
use crate::log::marker::Marker;
use crate::sim::Time;

/// How far a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its log is read; from this offset on it is still to be.
    Loading(i64),
    /// It serves.
    Active,
    /// Its log could not be read. It serves nothing until it is led anew.
    Failed,
}

/// What one batch of the log says.
#[derive(Clone, Debug)]
pub(in crate::broker) enum Entry {
    /// Records from this offset on, of the transaction of this producer, if any.
    Records { base_offset: i64, producer_id: Option<i64>, records: Vec<CoordinatorRecord> },
    /// The end of a producer's transaction.
    Marker { producer_id: i64, is_commit: bool },
    /// A control batch of another kind, which says nothing to a coordinator.
    Other,
}

/// A write that its shard wants to hear of.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    end: i64,
    then: u64,
    deadline: Time,
}

/// One partition that this broker leads.
#[derive(Clone, Debug)]
pub(super) struct Partition<S> {
    pub(super) state: State,
    /// Behind the last written record.
    pub(super) current: S,
    /// Behind the last committed one.
    pub(super) committed: S,
    /// What lies between the two, each batch with the offset behind it.
    uncommitted: VecDeque<(i64, Entry)>,
    awaited: VecDeque<Awaited>,
    pub(super) last_written: i64,
    pub(super) last_committed: i64,
}

impl<S: CoordinatorShard> Partition<S> {
    pub(super) fn new(log_start: i64) -> Self {
        Self {
            state: State::Loading(log_start),
            current: S::default(),
            committed: S::default(),
            uncommitted: VecDeque::new(),
            awaited: VecDeque::new(),
            last_written: log_start,
            last_committed: log_start,
        }
    }

    /// A batch that is in the log, up to this offset.
    pub(super) fn wrote(&mut self, entry: Entry, end: i64) {
        assert!(end >= self.last_written, "a log grows");
        replay(&mut self.current, &entry);
        self.uncommitted.push_back((end, entry));
        self.last_written = end;
    }

    /// The shard wants to hear what becomes of the batch before this offset.
    pub(super) fn wait_for(&mut self, end: i64, then: u64, deadline: Time) {
        self.awaited.push_back(Awaited { end, then, deadline });
    }

    /// Whether there is something that may be committed.
    pub(super) fn has_uncommitted(&self) -> bool {
        !self.uncommitted.is_empty()
    }

    /// All before this offset is committed.
    pub(super) fn commit(&mut self, high_watermark: i64) {
        while let Some((end, entry)) = self.uncommitted.pop_front_if(|(end, _)| *end <= high_watermark) {
            replay(&mut self.committed, &entry);
            self.last_committed = end;
        }
        assert!(self.last_committed <= self.last_written, "what is committed was written");
    }

    /// When something is due of itself.
    pub(super) fn wakes_at(&self) -> Option<Time> {
        let awaited = self.awaited.front().map(|awaited| awaited.deadline);
        awaited.into_iter().chain(self.current.wakes_at()).min()
    }

    /// Whether something is due.
    pub(super) fn is_due(&self, now: Time) -> bool {
        let is_settled = self.awaited.front().is_some_and(|awaited| awaited.end <= self.last_committed);
        is_settled || self.wakes_at().is_some_and(|at| at <= now)
    }

    /// Does the first thing that is due: of what the shard waits for, or of its own.
    pub(super) fn advance(&mut self, moment: &mut Moment<'_>) -> Option<Effects> {
        let (committed, now) = (self.last_committed, moment.now);
        let is_due = |awaited: &mut Awaited| awaited.end <= committed || awaited.deadline <= now;
        if let Some(Awaited { end, then, .. }) = self.awaited.pop_front_if(is_due) {
            // A write that is not committed in time stays written (`CoordinatorWriteEvent`'s time-out).
            let outcome = if end <= committed { Ok(()) } else { Err(ResponseError::RequestTimedOut) };
            return Some(self.current.settled(then, outcome, moment));
        }
        self.current.wake(moment)
    }
}

fn replay<S: CoordinatorShard>(shard: &mut S, entry: &Entry) {
    match entry {
        Entry::Records { base_offset, producer_id, records } => {
            for (offset, record) in (*base_offset..).zip(records) {
                shard.replay_at(RecordPlace { offset, producer_id: *producer_id }, record);
            }
        }
        Entry::Marker { producer_id, is_commit } => shard.replay_marker(*producer_id, *is_commit),
        // It only takes an offset.
        Entry::Other => {}
    }
}

/// What each batch says, with the offset behind it. `None` where they cannot be read.
pub(super) fn entries(bytes: &Bytes) -> Option<Vec<(i64, Entry)>> {
    let mut entries = Vec::new();
    for (header, batch) in batch::batches(bytes) {
        let entry = if header.is_control() {
            Marker::read(&header, batch).map_or(Entry::Other, |marker| Entry::Marker {
                producer_id: header.producer_id,
                is_commit: !marker.aborts,
            })
        } else {
            let body = Body::of(batch).ok()?;
            // A cleaned batch has fewer records than offsets: each stands alone.
            for record in body.records().ok()? {
                let record = record.ok()?;
                let key = record.key.map(Bytes::copy_from_slice).unwrap_or_default();
                let records = vec![CoordinatorRecord { key, value: record.value.map(Bytes::copy_from_slice) }];
                let producer_id = header.is_transactional().then_some(header.producer_id);
                let entry = Entry::Records { base_offset: record.offset, producer_id, records };
                entries.push((record.offset + 1, entry));
            }
            Entry::Other
        };
        entries.push((header.next_offset(), entry));
    }
    Some(entries)
}
