//! The shards of one coordinator on this broker (Kafka: `CoordinatorRuntime`, `SnapshottableCoordinator`).

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use litemap::LiteMap;

use super::seats::{Coordinator, Handled};
use super::shard::{CoordinatorRecord, CoordinatorShard, Operation};
use crate::log::ReplicaLog;
use crate::log::batch::{self, Body};
use crate::sim::disk::Disk;
use crate::wire::{BrokerRequest, Response};

/// How far a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its log is read; from this offset on it is still to be.
    Loading(i64),
    /// It serves.
    Active,
    /// Its log could not be read. It serves nothing until it is led anew.
    Failed,
}

/// One partition that this broker leads.
#[derive(Clone, Debug)]
struct Partition<S> {
    state: State,
    /// Behind the last written record.
    current: S,
    /// Behind the last committed one.
    committed: S,
    /// What lies between the two, each write with the offset behind it.
    uncommitted: VecDeque<(i64, Vec<CoordinatorRecord>)>,
    last_written: i64,
    last_committed: i64,
}

/// The shards of one coordinator.
#[derive(Clone, Debug)]
pub(in crate::broker) struct CoordinatorRuntime<S> {
    partitions: LiteMap<i32, Arc<Partition<S>>>,
}

impl<S> Default for CoordinatorRuntime<S> {
    fn default() -> Self {
        Self { partitions: LiteMap::new() }
    }
}

impl<S: CoordinatorShard> Partition<S> {
    fn new(log_start: i64) -> Self {
        Self {
            state: State::Loading(log_start),
            current: S::default(),
            committed: S::default(),
            uncommitted: VecDeque::new(),
            last_written: log_start,
            last_committed: log_start,
        }
    }

    /// Records that are in the log, up to this offset.
    fn wrote(&mut self, records: Vec<CoordinatorRecord>, end: i64) {
        assert!(end >= self.last_written, "a log grows");
        records.iter().for_each(|record| self.current.replay(record));
        self.uncommitted.push_back((end, records));
        self.last_written = end;
    }

    /// All before this offset is committed.
    fn commit(&mut self, high_watermark: i64) {
        while let Some((end, records)) = self.uncommitted.pop_front_if(|(end, _)| *end <= high_watermark) {
            records.iter().for_each(|record| self.committed.replay(record));
            self.last_committed = end;
        }
        assert!(self.last_committed <= self.last_written, "what is committed was written");
    }
}

impl<S: CoordinatorShard> CoordinatorRuntime<S> {
    /// A partition that serves (Kafka: `withActiveContextOrThrow`).
    fn active(&self, partition: i32) -> Result<&Partition<S>, ResponseError> {
        let partition = self.partitions.get(&partition).ok_or(ResponseError::NotCoordinator)?;
        match partition.state {
            State::Active => Ok(partition),
            State::Loading(_) => Err(ResponseError::CoordinatorLoadInProgress),
            State::Failed => Err(ResponseError::NotCoordinator),
        }
    }

    fn partition_mut(&mut self, partition: i32) -> &mut Partition<S> {
        Arc::make_mut(self.partitions.get_mut(&partition).expect("the partition is led here"))
    }
}

impl<S: CoordinatorShard> CoordinatorRuntime<S> {
    /// A partition's shard behind all writes, and behind those that are committed.
    pub(in crate::broker) fn shards(&self, partition: i32) -> Result<(&S, &S), ResponseError> {
        self.active(partition).map(|partition| (&partition.current, &partition.committed))
    }

    /// The same behind all writes, to keep what its records do not say.
    pub(in crate::broker) fn current_mut(&mut self, partition: i32) -> Result<&mut S, ResponseError> {
        self.active(partition)?;
        Ok(&mut self.partition_mut(partition).current)
    }

    /// The partitions that serve.
    pub(in crate::broker) fn serving(&self) -> impl Iterator<Item = i32> {
        self.partitions.iter().filter(|(_, partition)| partition.state == State::Active).map(|(number, _)| *number)
    }

    /// Whether a partition is still read.
    pub(in crate::broker) fn is_loading(&self) -> bool {
        self.partitions.values().any(|partition| matches!(partition.state, State::Loading(_)))
    }
}

impl<S: CoordinatorShard> Coordinator for CoordinatorRuntime<S> {
    fn topic(&self) -> &'static str {
        S::TOPIC
    }

    fn operation<'a>(&self, request: BrokerRequest<'a>) -> Option<Operation<'a>> {
        S::operation(request)
    }

    fn refusal(&self, request: BrokerRequest<'_>, error: ResponseError) -> Response {
        S::refusal(request, error)
    }

    fn handle(
        &self,
        partition: i32,
        operation: Operation<'_>,
        request: BrokerRequest<'_>,
        now_ms: i64,
    ) -> Result<Handled, ResponseError> {
        let partition = self.active(partition)?;
        match operation {
            Operation::Read(_) => Ok(Handled::Answer(partition.committed.read(request))),
            Operation::Write(_) => {
                let written = partition.current.handle(request, now_ms)?;
                // Without records it was a read after all, of what may not be committed yet.
                Ok(match (written.records.is_empty(), partition.uncommitted.is_empty()) {
                    (false, _) => Handled::Write(written),
                    (true, true) => Handled::Answer(written.response),
                    (true, false) => Handled::Wait { up_to: partition.last_written, response: written.response },
                })
            }
        }
    }

    fn wrote(&mut self, partition: i32, records: Vec<CoordinatorRecord>, end: i64) {
        let partition = self.partition_mut(partition);
        assert_eq!(partition.state, State::Active, "only who serves writes");
        partition.wrote(records, end);
    }

    fn commit(&mut self, partition: i32, high_watermark: i64) {
        // Silence is right: one whose log is still read, or that has failed, learns it when it is read.
        if self.active(partition).is_ok_and(|partition| !partition.uncommitted.is_empty()) {
            self.partition_mut(partition).commit(high_watermark);
        }
    }

    fn last_committed(&self, partition: i32) -> Result<i64, ResponseError> {
        self.active(partition).map(|partition| partition.last_committed)
    }

    fn elected(&mut self, partition: i32, log_start: i64) -> bool {
        let known = self.partitions.get(&partition).map(|partition| partition.state);
        match known {
            // It leads on in a new epoch: what it has is what the log has.
            Some(State::Loading(_) | State::Active) => false,
            Some(State::Failed) | None => {
                self.partitions.insert(partition, Arc::new(Partition::new(log_start)));
                true
            }
        }
    }

    fn resigned(&mut self, partition: i32) {
        self.partitions.remove(&partition);
    }

    fn load(&mut self, number: i32, log: &ReplicaLog, disk: &Disk, buffer: u32) -> Option<u32> {
        let partition = self.partition_mut(number);
        let State::Loading(from) = partition.state else { unreachable!("a partition is loaded once") };
        let end = log.log_end_offset();
        let read = log.read(disk, from, buffer, end, true).map(|data| data.bytes);
        match read.ok().and_then(|bytes| Some((bytes.len() as u32, records(&bytes)?))) {
            None => {
                partition.state = State::Failed;
                None
            }
            Some((read, batches)) => {
                let next = batches.last().map_or(end, |(end, _)| *end);
                batches.into_iter().for_each(|(end, records)| partition.wrote(records, end));
                partition.commit(log.high_watermark());
                let is_loaded = next >= end;
                partition.state = if is_loaded { State::Active } else { State::Loading(next) };
                (!is_loaded).then_some(read)
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn boxed(&self) -> Arc<dyn Coordinator> {
        Arc::new(self.clone())
    }

    fn reborn(&self) -> Arc<dyn Coordinator> {
        Arc::new(Self::default())
    }
}

/// The records of each batch with the offset behind it; markers have none. `None` where they cannot be read.
fn records(bytes: &Bytes) -> Option<Vec<(i64, Vec<CoordinatorRecord>)>> {
    let mut batches = Vec::new();
    for (header, batch) in batch::batches(bytes) {
        let mut records = Vec::new();
        if !header.is_control() {
            let body = Body::of(batch).ok()?;
            for record in body.records().ok()? {
                let record = record.ok()?;
                let key = record.key.map(Bytes::copy_from_slice).unwrap_or_default();
                records.push(CoordinatorRecord { key, value: record.value.map(Bytes::copy_from_slice) });
            }
        }
        batches.push((header.next_offset(), records));
    }
    Some(batches)
}
