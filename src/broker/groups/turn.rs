//! One operation of a shard: what it may set and say beside the state of the group that it is about.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use std::collections::BTreeMap;

use super::timers::{Kind, Purpose, TimerKey, Timers, after};
use crate::broker::coordinator::{CoordinatorRecord, Effects, Moment, Ticket};
use crate::wire::Response;

/// What is left to do once a write is committed, or is known not to be (Kafka: the `appendFuture` of a `CoordinatorResult`).
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// A classic group hands out what its leader has assigned.
    Assign { group: String, generation: i32, assignments: BTreeMap<String, Bytes> },
    /// Whoever made a classic group is told if that failed.
    Created { ticket: Ticket },
    /// A static member takes the place of its former self.
    Replaced(Box<Replaced>),
    /// A consumer group has become a classic one, of whose members its record does not say all that they can speak. It joins
    /// anew where somebody has left.
    Downgraded { group: String, protocols: BTreeMap<String, Vec<(String, Bytes)>>, rebalances: bool },
}

/// A static member that has come back under another id, in a group that goes on as it was.
#[derive(Clone, Debug)]
pub(super) struct Replaced {
    pub(super) group: String,
    pub(super) instance: String,
    pub(super) old_id: String,
    pub(super) new_id: String,
    /// Who led the group before.
    pub(super) leader: Option<String>,
    pub(super) ticket: Ticket,
    /// The version at which it asks.
    pub(super) version: i16,
    /// What it has said as its former self.
    pub(super) protocols: Vec<(String, Bytes)>,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
}

/// What a shard keeps beside its records.
#[derive(Clone, Debug, Default)]
pub(super) struct Soft {
    pub(super) timers: Timers,
    pub(super) thens: BTreeMap<u64, Then>,
    last_then: u64,
    /// The number of the newest topic that is known, and the offset of the metadata in which it was seen.
    pub(super) newest_topic: (Option<u32>, i64),
}

/// An operation under way.
pub(super) struct Turn<'a, 'm> {
    pub(super) soft: &'a mut Soft,
    pub(super) moment: &'a mut Moment<'m>,
    pub(super) effects: Effects,
}

impl<'a, 'm> Turn<'a, 'm> {
    pub(super) fn new(soft: &'a mut Soft, moment: &'a mut Moment<'m>) -> Self {
        Self { soft, moment, effects: Effects::default() }
    }

    /// Answers at once.
    pub(super) fn tell(&mut self, ticket: Ticket, response: Response) {
        self.effects.told.push((ticket, response));
    }

    /// Answers once all that is written by then is committed.
    pub(super) fn answer(&mut self, ticket: Ticket, response: Response) {
        self.effects.answers.push((ticket, response));
    }

    /// Writes in the batch of this operation.
    pub(super) fn write(&mut self, record: CoordinatorRecord) {
        self.effects.records.push(record);
    }

    /// Goes on once that batch is committed, or is known not to be.
    pub(super) fn then(&mut self, then: Then) {
        assert!(self.effects.then.is_none(), "an operation writes once");
        self.soft.last_then += 1;
        self.soft.thens.insert(self.soft.last_then, then);
        self.effects.then = Some(self.soft.last_then);
    }

    pub(super) fn set_timer(&mut self, key: TimerKey, after_ms: i32, purpose: Purpose) {
        self.soft.timers.set(key, after(self.moment.now, after_ms), purpose);
    }

    pub(super) fn cancel(&mut self, group: &str, kind: Kind) {
        self.soft.timers.cancel(&TimerKey::of_group(group, kind));
    }

    pub(super) fn cancel_of(&mut self, group: &str, kind: Kind, member: &str) {
        self.soft.timers.cancel(&TimerKey::of_member(group, kind, member));
    }

    /// A new id (Kafka: `UUID.randomUUID`).
    pub(super) fn uuid(&mut self) -> uuid::Uuid {
        let (high, low) = (self.moment.random.next_u64(), self.moment.random.next_u64());
        uuid::Builder::from_random_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes()).into_uuid()
    }
}

/// What came of an operation that may be refused as a whole.
pub(super) type Outcome<T = ()> = Result<T, ResponseError>;
