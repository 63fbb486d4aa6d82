//! The event queue: ordered by `(time, sequence)`, so that ties break by sequence number, never by luck.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::Time;
use super::chunks::Chunks;
use super::ids::{ConnectionId, ProcessId, Purpose};
use super::sorted::sort_by_key;

/// Events are fewer than this: larger numbers stand for lists of causes.
const LISTS: u32 = 1 << 31;

/// Why something happens: the event that sent or set it, and others without which it would not happen, or not now. Most have one
/// cause, some two; more are listed apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Causes {
    first: u32,
    /// 0 for none, the number of an event, or the place of a list behind [`LISTS`].
    more: u32,
}

impl Causes {
    fn of(event: u64) -> Self {
        Self { first: short(event), more: 0 }
    }
}

fn short(event: u64) -> u32 {
    let number = u32::try_from(event).unwrap_or(LISTS);
    assert!(number < LISTS, "a run has fewer than 2^31 events");
    number
}

/// An event that is to come.
#[derive(Debug)]
pub struct Event<M> {
    /// When it happens.
    pub time: Time,
    /// Its place among those of one time.
    pub sequence: u64,
    /// When it was set, or left its sender: a slow disk can keep that from the instant at which it was sent.
    pub sent: Time,
    /// Why it happens.
    pub(super) causes: Causes,
    /// Whom it happens to.
    pub target: ProcessId,
    /// Which of its kind on its link a message is, from 1; 0 for what is none.
    pub ordinal: u32,
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
    /// The process is told to end.
    Terminate,
    /// The process is told something.
    Told(i64),
    /// The process ends by itself: the disk has done what it asked for last.
    Exit,
    /// A connection opens at the target's side.
    Connected(ConnectionId),
    /// A connection is gone, seen from the target's side.
    Disconnected(ConnectionId),
    /// The target has sent what waits for a cut to heal for as long as it is willing to.
    GaveUp(ConnectionId),
    /// There is room for what the target could not write in full on a connection.
    Written(ConnectionId),
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
            Self::Terminate => Self::Terminate,
            Self::Told(what) => Self::Told(*what),
            Self::Exit => Self::Exit,
            Self::Connected(connection) => Self::Connected(*connection),
            Self::Disconnected(connection) => Self::Disconnected(*connection),
            Self::GaveUp(connection) => Self::GaveUp(*connection),
            Self::Written(connection) => Self::Written(*connection),
            Self::Delivery(connection, message) => Self::Delivery(*connection, Arc::clone(message)),
            Self::Datagram(from, message) => Self::Datagram(*from, Arc::clone(message)),
            Self::External(number) => Self::External(*number),
        }
    }
}

impl<M> Event<M> {
    /// The number of the event that sent or set it; 0 for what was there from the start. The kernel knows of
    /// [more](super::kernel::Kernel::causes).
    #[must_use]
    pub fn cause(&self) -> u64 {
        self.causes.first.into()
    }

    /// The connection that it belongs to.
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match self.kind {
            EventKind::Connected(id)
            | EventKind::Disconnected(id)
            | EventKind::GaveUp(id)
            | EventKind::Written(id)
            | EventKind::Delivery(id, _) => Some(id),
            EventKind::Boot
            | EventKind::Timer(_)
            | EventKind::Terminate
            | EventKind::Told(_)
            | EventKind::Exit
            | EventKind::Datagram(..)
            | EventKind::External(_) => None,
        }
    }

    /// Its place among all events: one number is compared in one go.
    pub(super) fn place(&self) -> u128 {
        u128::from(self.time) << 64 | u128::from(self.sequence)
    }
}

/// Where an event is, by its place among all events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    time: Time,
    sequence: u64,
    slot: u32,
}

impl Key {
    /// One number is compared in one go.
    fn place(self) -> u128 {
        u128::from(self.time) << 64 | u128::from(self.sequence)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    /// The earliest is the greatest: `BinaryHeap` gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.place().cmp(&self.place())
    }
}

/// So many of the next events are kept in order.
const NEAR: usize = 256;

/// Events to come, earliest first.
///
/// Most of what is pushed finds its place close to one end of a short sorted list, which costs less than the way up and
/// down a heap: timers that are due at once come first, and what takes its time on a link comes after what left before
/// it. What comes after the list is in a heap. What is sorted is not the events but where they are: a third of their size.
#[derive(Debug)]
pub struct Queue<M> {
    /// All of them are before those of `later`.
    near: VecDeque<Key>,
    later: BinaryHeap<Key>,
    events: Vec<Option<Event<M>>>,
    /// Slots of `events` that hold none.
    free: Vec<u32>,
}

impl<M> Clone for Queue<M> {
    fn clone(&self) -> Self {
        Self {
            near: self.near.clone(),
            later: self.later.clone(),
            events: self.events.clone(),
            free: self.free.clone(),
        }
    }
}

impl<M> Default for Queue<M> {
    fn default() -> Self {
        Self { near: VecDeque::new(), later: BinaryHeap::new(), events: Vec::new(), free: Vec::new() }
    }
}

impl<M> Queue<M> {
    /// Adds an event.
    pub fn push(&mut self, event: Event<M>) {
        let (time, sequence) = (event.time, event.sequence);
        let slot = self.keep(event);
        self.sort_in(Key { time, sequence, slot });
    }

    fn keep(&mut self, event: Event<M>) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.events[slot as usize] = Some(event);
            return slot;
        }
        self.events.push(Some(event));
        u32::try_from(self.events.len() - 1).expect("fewer events are to come than a run has")
    }

    fn sort_in(&mut self, key: Key) {
        if self.near.len() == NEAR {
            self.later.extend((0..NEAR / 2).filter_map(|_| self.near.pop_back()));
        }
        if self.later.peek().is_some_and(|first| key.place() > first.place()) {
            return self.later.push(key);
        }
        let place = self.near.partition_point(|other| other.place() < key.place());
        self.near.insert(place, key);
    }

    fn take(&mut self, key: Key) -> Event<M> {
        self.free.push(key.slot);
        self.events[key.slot as usize].take().expect("each key has its event")
    }

    /// Takes the earliest.
    pub fn pop(&mut self) -> Option<Event<M>> {
        self.pop_until(Time::MAX)
    }

    /// Takes those that are meant, the earliest first. It looks at all of them.
    pub fn take_if(&mut self, is_meant: impl Fn(&Event<M>) -> bool) -> Vec<Event<M>> {
        let (near, later) = (std::mem::take(&mut self.near), std::mem::take(&mut self.later));
        let is_meant = |key: &Key| self.events[key.slot as usize].as_ref().is_some_and(&is_meant);
        let (mut taken, kept): (Vec<Key>, Vec<Key>) = near.into_iter().chain(later).partition(is_meant);
        self.later = kept.into();
        sort_by_key(&mut taken, |key| key.place());
        taken.into_iter().map(|key| self.take(key)).collect()
    }

    /// Takes the earliest, if it is at or before `limit`.
    pub fn pop_until(&mut self, limit: Time) -> Option<Event<M>> {
        if self.near.is_empty() {
            self.near.extend(std::iter::from_fn(|| self.later.pop()).take(NEAR / 2));
        }
        let first = self.near.pop_front_if(|first| first.time <= limit)?;
        Some(self.take(first))
    }

    /// The earliest, left where it is.
    #[must_use]
    pub fn peek(&self) -> Option<&Event<M>> {
        let first = self.near.front().or_else(|| self.later.peek())?;
        self.events[first.slot as usize].as_ref()
    }

    /// How many there are, cancelled timers included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.near.len() + self.later.len()
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.near.is_empty() && self.later.is_empty()
    }

    /// All of them, in no order worth relying on: sort what you show.
    pub fn iter(&self) -> impl Iterator<Item = &Event<M>> {
        self.events.iter().flatten()
    }
}

/// The present, and what is to come.
#[derive(Debug)]
pub(super) struct Agenda<M> {
    /// The present.
    pub(super) now: Time,
    /// The time of the last event.
    pub(super) time: Time,
    /// How many events have happened.
    pub(super) events: u64,
    /// Why what is pushed now is to happen.
    pub(super) causes: Causes,
    /// Where there are more than two of them.
    lists: Chunks<Arc<[u32]>>,
    sequence: u64,
    pub(super) queue: Queue<M>,
}

impl<M> Clone for Agenda<M> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), lists: self.lists.clone(), ..*self }
    }
}

impl<M> Default for Agenda<M> {
    fn default() -> Self {
        Self {
            now: 0,
            time: 0,
            events: 0,
            causes: Causes::default(),
            lists: Chunks::default(),
            sequence: 0,
            queue: Queue::default(),
        }
    }
}

impl<M> Agenda<M> {
    /// The next sequence number.
    pub(super) fn number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// The next event happens now.
    pub(super) fn begin_event(&mut self) {
        assert!(self.now >= self.time, "time never falls");
        self.time = self.now;
        self.events += 1;
        self.causes = self.present();
    }

    /// The event that happens, as a cause.
    pub(super) fn present(&self) -> Causes {
        Causes::of(self.events)
    }

    /// The same causes and one more, unless it is one of them.
    pub(super) fn join(&mut self, causes: Causes, event: u64) -> Causes {
        let number = short(event);
        if number == 0 || self.causes_of(causes).any(|cause| cause == event) {
            return causes;
        }
        if causes.first == 0 {
            return Causes { first: number, ..causes };
        }
        if causes.more == 0 {
            return Causes { more: number, ..causes };
        }
        let list: Arc<[u32]> = self.causes_of(causes).skip(1).map(short).chain([number]).collect();
        let place = u32::try_from(self.lists.len()).ok().and_then(|place| place.checked_add(LISTS));
        self.lists.push(list);
        Causes { more: place.expect("there are fewer lists than events"), ..causes }
    }

    /// The numbers of the events, the one that sent or set it first; none for what was there from the start.
    pub(super) fn causes_of(&self, causes: Causes) -> impl Iterator<Item = u64> {
        let Causes { first, more } = causes;
        let list = more.checked_sub(LISTS).map(|place| self.lists.get(place as usize).expect("a list that was made"));
        let one = (more > 0 && more < LISTS).then_some(more);
        let more = one.into_iter().chain(list.into_iter().flat_map(|list| list.iter().copied()));
        (first > 0).then_some(first).into_iter().chain(more).map(u64::from)
    }

    /// Adds an event.
    pub(super) fn push(&mut self, time: Time, target: ProcessId, kind: EventKind<M>) {
        self.push_sent(self.now, time, target, kind, 0, self.causes);
    }

    /// The same for a message, which leaves its sender at a time that may be to come.
    pub(super) fn push_sent(
        &mut self,
        sent: Time,
        time: Time,
        target: ProcessId,
        kind: EventKind<M>,
        ordinal: u32,
        causes: Causes,
    ) {
        let sequence = self.number();
        self.queue.push(Event { time, sequence, sent, causes, target, ordinal, kind });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::random::Random;

    fn event(time: Time, sequence: u64) -> Event<()> {
        Event { time, sequence, sent: 0, causes: Causes::default(), target: 0, ordinal: 0, kind: EventKind::Boot }
    }

    #[test]
    fn it_gives_the_earliest_and_of_one_time_the_first() {
        let mut random = Random::stream(1, "test", 0);
        let (mut queue, mut expected) = (Queue::default(), std::collections::BTreeSet::new());
        let mut now = 0;
        let (mut was_empty, mut was_long) = (0, 0);
        for number in 0..50_000 {
            // It grows far beyond the sorted list and shrinks to nothing, again and again.
            let grows = number % 8_000 < 2_000;
            if random.below(1_000) < if grows { 700 } else { 450 } {
                let time = now + if random.below(3) == 0 { random.below(10_000) } else { random.below(20) };
                // What is pushed later may be meant to come earlier, as what comes from outside is.
                let sequence = random.below(1 << 31) << 32 | number;
                queue.push(event(time, sequence));
                expected.insert((time, sequence));
            } else {
                let limit = if grows { now + random.below(30) } else { Time::MAX };
                let first = expected.first().copied().filter(|(time, _)| *time <= limit);
                first.into_iter().for_each(|first| _ = expected.remove(&first));
                let popped = queue.pop_until(limit).map(|event| (event.time, event.sequence));
                assert_eq!(popped, first);
                now = popped.map_or(now, |(time, _)| time);
            }
            if random.below(2_000) == 0 {
                let of_three = |sequence: u64| sequence.is_multiple_of(3);
                let taken = queue.take_if(|event| of_three(event.sequence));
                assert!(
                    taken
                        .iter()
                        .map(|event| event.sequence)
                        .eq(expected.extract_if(.., |(_, sequence)| of_three(*sequence)).map(|(_, sequence)| sequence))
                );
            }
            was_empty += u32::from(expected.is_empty());
            was_long += u32::from(expected.len() > 2 * NEAR);
            assert_eq!(
                (queue.len(), queue.peek().map(Event::place)),
                (expected.len(), expected.first().map(|(time, sequence)| event(*time, *sequence).place()))
            );
        }
        assert!(was_empty > 100 && was_long > 1_000, "{was_empty}, {was_long}");
    }
}
