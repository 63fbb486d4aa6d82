//! The event queue: ordered by `(time, sequence)`, so that ties break by sequence number, never by luck.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::Time;
use super::network::ConnectionId;
use super::process::{ProcessId, Purpose};

/// An event that is to come.
#[derive(Debug)]
pub struct Event<M> {
    /// When it happens.
    pub time: Time,
    /// Its place among those of one time.
    pub sequence: u64,
    /// When it was sent or set.
    pub sent: Time,
    /// The number of the event that caused it; 0 for what was there from the start.
    pub cause: u64,
    /// Whom it happens to.
    pub target: ProcessId,
    /// What happens.
    pub kind: EventKind<M>,
}

/// What happens.
#[derive(Debug)]
pub enum EventKind<M> {
    /// A process begins.
    Boot,
    /// A timer comes due, unless it was cancelled or set again.
    Timer(Purpose),
    /// A connection opens at the target's side.
    Connected(ConnectionId),
    /// A connection is gone, seen from the target's side.
    Disconnected(ConnectionId),
    /// The target has sent what waits for a cut to heal for as long as it is willing to.
    GaveUp(ConnectionId),
    /// A message arrives on a connection.
    Delivery(ConnectionId, Arc<M>),
    /// A raw message arrives.
    Datagram(ProcessId, Arc<M>),
    /// Something for the driver of the kernel: it chose the number when it scheduled this.
    External(u32),
}

impl<M> Clone for Event<M> {
    fn clone(&self) -> Self {
        Self { kind: self.kind.clone(), ..*self }
    }
}

impl<M> Clone for EventKind<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Boot => Self::Boot,
            Self::Timer(purpose) => Self::Timer(*purpose),
            Self::Connected(connection) => Self::Connected(*connection),
            Self::Disconnected(connection) => Self::Disconnected(*connection),
            Self::GaveUp(connection) => Self::GaveUp(*connection),
            Self::Delivery(connection, message) => Self::Delivery(*connection, Arc::clone(message)),
            Self::Datagram(from, message) => Self::Datagram(*from, Arc::clone(message)),
            Self::External(number) => Self::External(*number),
        }
    }
}

impl<M> PartialEq for Event<M> {
    fn eq(&self, other: &Self) -> bool {
        (self.time, self.sequence) == (other.time, other.sequence)
    }
}
impl<M> Eq for Event<M> {}
impl<M> PartialOrd for Event<M> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<M> Ord for Event<M> {
    /// The earliest is the greatest: `BinaryHeap` gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.time, other.sequence).cmp(&(self.time, self.sequence))
    }
}

/// Events to come, earliest first.
#[derive(Debug)]
pub struct Queue<M> {
    heap: BinaryHeap<Event<M>>,
}

impl<M> Clone for Queue<M> {
    fn clone(&self) -> Self {
        Self { heap: self.heap.clone() }
    }
}

impl<M> Default for Queue<M> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new() }
    }
}

impl<M> Queue<M> {
    /// Adds an event.
    pub fn push(&mut self, event: Event<M>) {
        self.heap.push(event);
    }

    /// Takes the earliest.
    pub fn pop(&mut self) -> Option<Event<M>> {
        self.heap.pop()
    }

    /// Takes those that are meant, the earliest first. It looks at all of them.
    pub fn take_if(&mut self, is_meant: impl Fn(&Event<M>) -> bool) -> Vec<Event<M>> {
        let all = std::mem::take(&mut self.heap).into_vec();
        let (mut taken, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(is_meant);
        self.heap = kept.into();
        taken.sort_unstable_by_key(|event| (event.time, event.sequence));
        taken
    }

    /// The earliest, left where it is.
    #[must_use]
    pub fn peek(&self) -> Option<&Event<M>> {
        self.heap.peek()
    }

    /// How many there are, cancelled timers included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// All of them, in no order worth relying on: sort what you show.
    pub fn iter(&self) -> impl Iterator<Item = &Event<M>> {
        self.heap.iter()
    }
}
