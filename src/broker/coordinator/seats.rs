//! The coordinators of a broker, whatever their shards are.

use std::any::Any;
use std::sync::Arc;

use kafka_protocol::ResponseError;

use super::shard::{CoordinatorRecord, Operation, Written};
use crate::log::ReplicaLog;
use crate::sim::disk::Disk;
use crate::wire::{BrokerRequest, ClusterImage, Response, TopicPartition};

/// What is to be done with a request.
#[derive(Debug)]
pub(in crate::broker) enum Handled {
    /// Nothing more.
    Answer(Response),
    /// These records are to be in the log, and committed, before it is answered.
    Write(Written),
    /// What lies before this offset is to be committed before it is answered.
    Wait { up_to: i64, response: Response },
}

/// One coordinator: its runtime without the type of its shards. Partitions are those of its topic.
pub(in crate::broker) trait Coordinator: std::fmt::Debug + Send + Sync {
    fn topic(&self) -> &'static str;
    fn operation<'a>(&self, request: BrokerRequest<'a>) -> Option<Operation<'a>>;
    fn refusal(&self, request: BrokerRequest<'_>, error: ResponseError) -> Response;
    /// Lets the shard decide.
    fn handle(
        &self,
        partition: i32,
        operation: Operation<'_>,
        request: BrokerRequest<'_>,
        now_ms: i64,
    ) -> Result<Handled, ResponseError>;
    /// A write is in the log, up to this offset.
    fn wrote(&mut self, partition: i32, records: Vec<CoordinatorRecord>, end: i64);
    /// The high watermark has moved.
    fn commit(&mut self, partition: i32, high_watermark: i64);
    /// Up to where the partition is committed, if it serves.
    fn last_committed(&self, partition: i32) -> Result<i64, ResponseError>;
    /// This broker leads the partition. Whether it has to be loaded.
    fn elected(&mut self, partition: i32, log_start: i64) -> bool;
    /// This broker does not lead the partition, or no more.
    fn resigned(&mut self, partition: i32);
    /// Reads on in a partition's log: the bytes of this step where there is more to read, `None` at the end.
    fn load(&mut self, partition: i32, log: &ReplicaLog, disk: &Disk, buffer: u32) -> Option<u32>;
    /// The runtime with the type of its shards, for whoever knows it.
    fn as_any(&self) -> &dyn Any;
    /// The same, to be changed.
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// A copy.
    fn boxed(&self) -> Arc<dyn Coordinator>;
    /// The same without its memory.
    fn reborn(&self) -> Arc<dyn Coordinator>;
}

/// One coordinator with the number of its topic, once there is one.
#[derive(Clone, Debug)]
struct Seat {
    topic: Option<u32>,
    coordinator: Arc<dyn Coordinator>,
}

/// All coordinators of a broker. A request names its coordinator, a partition has it by its topic.
#[derive(Clone, Debug, Default)]
pub(in crate::broker) struct Coordinators {
    seats: Vec<Seat>,
}

impl Coordinators {
    /// One more, or another one for its topic.
    pub(in crate::broker) fn add(&mut self, coordinator: Arc<dyn Coordinator>) {
        self.seats.retain(|seat| seat.coordinator.topic() != coordinator.topic());
        self.seats.push(Seat { topic: None, coordinator });
    }

    /// The same without their memory.
    pub(in crate::broker) fn reborn(&self) -> Self {
        let reborn = |seat: &Seat| Seat { topic: None, coordinator: seat.coordinator.reborn() };
        Self { seats: self.seats.iter().map(reborn).collect() }
    }

    /// There are topics: which of them are the coordinators'?
    pub(in crate::broker) fn know(&mut self, image: &ClusterImage) {
        for seat in &mut self.seats {
            seat.topic = image.topics.named(seat.coordinator.topic());
        }
    }

    /// The coordinator that a request is for, by its place, and what it is asked.
    pub(super) fn asked<'a>(&self, request: BrokerRequest<'a>) -> Option<(usize, Operation<'a>)> {
        let asked = |(place, seat): (usize, &Seat)| Some((place, seat.coordinator.operation(request)?));
        self.seats.iter().enumerate().find_map(asked)
    }

    /// The place of the coordinator to which a partition belongs.
    pub(super) fn of(&self, partition: TopicPartition) -> Option<usize> {
        self.seats.iter().position(|seat| seat.topic == Some(partition.topic))
    }

    /// The coordinator whose runtime is of this type, with its place.
    pub(in crate::broker) fn typed<C: Coordinator + 'static>(&self) -> Option<(usize, &C)> {
        let seats = self.seats.iter().enumerate();
        seats.filter_map(|(place, seat)| Some((place, seat.coordinator.as_any().downcast_ref()?))).next()
    }

    /// The topic of a coordinator, if there is one.
    pub(in crate::broker) fn topic(&self, place: usize) -> Option<u32> {
        self.seats[place].topic
    }

    /// The runtime of this type at its place, to be changed.
    pub(in crate::broker) fn typed_mut<C: Coordinator + 'static>(&mut self, place: usize) -> &mut C {
        self.get_mut(place).as_any_mut().downcast_mut().expect("it was found at its place")
    }

    /// Up to where a partition of a coordinator is committed, if it serves.
    pub(in crate::broker) fn committed_up_to(&self, place: usize, partition: i32) -> Result<i64, ResponseError> {
        self.get(place).last_committed(partition)
    }

    pub(super) fn get(&self, place: usize) -> &dyn Coordinator {
        &*self.seats[place].coordinator
    }

    pub(super) fn get_mut(&mut self, place: usize) -> &mut dyn Coordinator {
        let shared = &mut self.seats[place].coordinator;
        if Arc::get_mut(shared).is_none() {
            *shared = shared.boxed();
        }
        Arc::get_mut(shared).expect("a copy is nobody else's")
    }
}
