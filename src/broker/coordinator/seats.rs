//! The coordinators of a broker, whatever their shards are.

use std::any::Any;
use std::sync::Arc;

use kafka_protocol::ResponseError;

use super::effects::{Effects, Moment, Ticket};
use super::partition::Entry;
use super::shard::Operation;
use crate::log::ReplicaLog;
use crate::sim::Time;
use crate::sim::disk::Disk;
use crate::sim::sorted::SortedSet;
use crate::wire::{BrokerRequest, ClusterImage, Request, Response, TopicPartition};

/// One coordinator: its runtime without the type of its shards. Partitions are those of its topic; what is asked of one that
/// does not serve is refused as Kafka's runtime refuses it.
pub(in crate::broker) trait Coordinator: std::fmt::Debug + Send + Sync {
    fn topic(&self) -> &'static str;
    fn operation<'a>(&self, request: BrokerRequest<'a>) -> Option<Operation<'a>>;
    fn modern(&self, request: BrokerRequest<'_>, version: i16) -> Option<Request>;
    fn dated(&self, response: Response, version: i16) -> Response;
    fn split(&self, request: BrokerRequest<'_>) -> Vec<Request>;
    fn join(&self, request: BrokerRequest<'_>, parts: Vec<Response>) -> Response;
    fn refusal(&self, request: BrokerRequest<'_>, error: ResponseError) -> Response;
    /// Lets the shard answer a read.
    fn look(&self, partition: i32, request: BrokerRequest<'_>, moment: &Moment<'_>) -> Result<Response, ResponseError>;
    /// The partitions that are led here.
    fn partitions(&self) -> Vec<i32>;
    /// Lets the shard decide.
    fn operate(
        &mut self,
        partition: i32,
        request: BrokerRequest<'_>,
        ticket: Ticket,
        moment: &mut Moment<'_>,
    ) -> Result<Effects, ResponseError>;
    /// A write of which the shard wanted to hear is not in the log.
    fn failed(&mut self, partition: i32, then: u64, error: ResponseError, moment: &mut Moment<'_>) -> Effects;
    /// Topics are gone.
    fn topics_deleted(&mut self, partition: i32, names: &[&str], moment: &mut Moment<'_>) -> Effects;
    /// A batch is in the log, up to this offset; the shard wants to hear of it under that number, by then.
    fn wrote(&mut self, partition: i32, entry: Entry, end: i64, then: Option<(u64, Time)>);
    /// The high watermark has moved.
    fn commit(&mut self, partition: i32, high_watermark: i64);
    /// Up to where the partition is committed, if it serves.
    fn last_committed(&self, partition: i32) -> Result<i64, ResponseError>;
    /// Up to where it is written.
    fn last_written(&self, partition: i32) -> Result<i64, ResponseError>;
    /// When something is due of itself.
    fn wakes_at(&self, partition: i32) -> Option<Time>;
    /// Whether something is due by now.
    fn is_due(&self, partition: i32, now: Time) -> bool;
    /// Does the first thing that is due.
    fn advance(&mut self, partition: i32, moment: &mut Moment<'_>) -> Option<Effects>;
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
    /// The end was reached.
    fn loaded(&mut self, partition: i32, moment: &mut Moment<'_>);
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
    /// Requests that had to wait so far.
    serial: u32,
    /// Partitions, each with the place of its coordinator, in which something may be due.
    due: SortedSet<(usize, i32)>,
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
        Self { seats: self.seats.iter().map(reborn).collect(), ..Self::default() }
    }

    /// There are topics: which of them are the coordinators'?
    pub(in crate::broker) fn know(&mut self, image: &ClusterImage) {
        for seat in &mut self.seats {
            seat.topic = image.topics.named(seat.coordinator.topic());
        }
    }

    /// The coordinator that a request is for, by its place.
    pub(super) fn asked(&self, request: BrokerRequest<'_>) -> Option<usize> {
        self.seats.iter().position(|seat| seat.coordinator.operation(request).is_some())
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

    /// All places.
    pub(super) fn places(&self) -> std::ops::Range<usize> {
        0..self.seats.len()
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

    /// The number of the next request that waits.
    pub(super) fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// Something of this partition may be due.
    pub(super) fn may_be_due(&mut self, place: usize, partition: i32) {
        self.due.insert((place, partition));
    }

    /// The next partition to look at.
    pub(super) fn next_due(&mut self) -> Option<(usize, i32)> {
        self.due.pop_first()
    }
}
