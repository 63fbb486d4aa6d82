//! The partitions of one coordinator on this broker (Kafka: `CoordinatorRuntime`).

use std::any::Any;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use litemap::LiteMap;

use super::effects::{Effects, Moment, Settled, Ticket};
use super::partition::{Entry, Partition, State, entries};
use super::seats::Coordinator;
use super::shard::{CoordinatorShard, Operation};
use crate::log::ReplicaLog;
use crate::sim::Time;
use crate::sim::disk::Disk;
use crate::wire::{BrokerRequest, Request, Response};

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

    fn modern(&self, request: BrokerRequest<'_>, version: i16) -> Option<Request> {
        S::modern(request, version)
    }

    fn dated(&self, response: Response, version: i16) -> Response {
        S::dated(response, version)
    }

    fn split(&self, request: BrokerRequest<'_>) -> Vec<Request> {
        S::split(request)
    }

    fn join(&self, request: BrokerRequest<'_>, parts: Vec<Response>) -> Response {
        S::join(request, parts)
    }

    fn refusal(&self, request: BrokerRequest<'_>, error: ResponseError) -> Response {
        S::refusal(request, error)
    }

    fn look(&self, partition: i32, request: BrokerRequest<'_>, moment: &Moment<'_>) -> Result<Response, ResponseError> {
        let partition = self.active(partition)?;
        Ok(partition.current.look(&partition.committed, request, moment))
    }

    fn partitions(&self) -> Vec<i32> {
        self.partitions.keys().copied().collect()
    }

    fn operate(
        &mut self,
        partition: i32,
        request: BrokerRequest<'_>,
        ticket: Ticket,
        moment: &mut Moment<'_>,
    ) -> Result<Effects, ResponseError> {
        self.active(partition)?;
        self.partition_mut(partition).current.operate(request, ticket, moment)
    }

    fn failed(&mut self, partition: i32, then: u64, error: ResponseError, moment: &mut Moment<'_>) -> Effects {
        self.partition_mut(partition).current.settled(then, Err(error) as Settled, moment)
    }

    fn topics_deleted(&mut self, partition: i32, names: &[&str], moment: &mut Moment<'_>) -> Effects {
        match self.active(partition) {
            Ok(_) => self.partition_mut(partition).current.topics_deleted(names, moment),
            // Kafka schedules it for the coordinators that serve.
            Err(_) => Effects::default(),
        }
    }

    fn wrote(&mut self, partition: i32, entry: Entry, end: i64, then: Option<(u64, Time)>) {
        let partition = self.partition_mut(partition);
        assert_eq!(partition.state, State::Active, "only who serves writes");
        partition.wrote(entry, end);
        if let Some((then, deadline)) = then {
            partition.wait_for(end, then, deadline);
        }
    }

    fn commit(&mut self, partition: i32, high_watermark: i64) {
        // Silence is right: one whose log is still read, or that has failed, learns it when it is read.
        if self.active(partition).is_ok_and(Partition::has_uncommitted) {
            self.partition_mut(partition).commit(high_watermark);
        }
    }

    fn last_committed(&self, partition: i32) -> Result<i64, ResponseError> {
        self.active(partition).map(|partition| partition.last_committed)
    }

    fn last_written(&self, partition: i32) -> Result<i64, ResponseError> {
        self.active(partition).map(|partition| partition.last_written)
    }

    fn wakes_at(&self, partition: i32) -> Option<Time> {
        self.active(partition).ok()?.wakes_at()
    }

    fn is_due(&self, partition: i32, now: Time) -> bool {
        self.active(partition).is_ok_and(|partition| partition.is_due(now))
    }

    fn advance(&mut self, partition: i32, moment: &mut Moment<'_>) -> Option<Effects> {
        self.partition_mut(partition).advance(moment)
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
        // What was read last has taken its time, too, and the high watermark may have moved meanwhile.
        if from >= end {
            partition.commit(log.high_watermark());
            partition.state = State::Active;
            return None;
        }
        let read = log.read(disk, from, buffer, end, true).map(|data| data.bytes);
        match read.ok().and_then(|bytes| Some((bytes.len() as u32, entries(&bytes)?))) {
            None => {
                partition.state = State::Failed;
                None
            }
            Some((read, batches)) => {
                let next = batches.last().map_or(end, |(end, _)| *end);
                batches.into_iter().for_each(|(end, entry)| partition.wrote(entry, end));
                partition.commit(log.high_watermark());
                partition.state = State::Loading(next);
                Some(read)
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn loaded(&mut self, partition: i32, moment: &mut Moment<'_>) {
        // Silence is right: one that could not be read serves nothing.
        if self.active(partition).is_ok() {
            self.partition_mut(partition).current.loaded(moment);
        }
    }

    fn boxed(&self) -> Arc<dyn Coordinator> {
        Arc::new(self.clone())
    }

    fn reborn(&self) -> Arc<dyn Coordinator> {
        Arc::new(Self::default())
    }
}
