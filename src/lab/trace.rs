//! What happened, event by event, and why: 32 bytes an event, kept beside the world and not in its snapshots.

use super::shared::Shared;
use crate::sim::Time;
use crate::sim::kernel::{Arrived, Reception};
use crate::sim::process::ProcessId;
use crate::sim::queue::EventKind;
use crate::wire::{Api, Message};

/// Entries in a chunk: the trace grows by chunks instead of copying itself into twice the room, and branches share them.
const CHUNK: usize = 1 << 14;
/// The same for causes beside the first.
const MORE: usize = 1 << 10;

/// What kind of event an entry is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A process began.
    Boot,
    /// A timer came due; `detail` is its purpose.
    Timer,
    /// A process was told to end.
    Terminate,
    /// A process was told something; `detail` is what.
    Told,
    /// A process ended by itself, its disk done.
    Exit,
    /// A connection opened; `detail` is the connection.
    Connected,
    /// A connection was gone; `detail` is the connection.
    Disconnected,
    /// There was room for the rest of what a process wrote; `detail` is the connection.
    Written,
    /// A request arrived; `api` says which, `detail` is the connection.
    Request,
    /// A response arrived; `api` says which, `detail` is the connection.
    Response,
    /// A request or a response arrived and waits for a process that stands still or is busy; `detail` is the connection.
    Waits,
    /// A request or a response arrived, and nobody takes it; `detail` is the connection.
    Dropped,
    /// A fault or a command; `detail` is its number.
    Intervention,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub time: u64,
    /// The connection, the purpose of the timer, or the number of the intervention.
    pub detail: u64,
    /// The number of the event that sent or set it; 0 for none. The trace knows of [more](Trace::causes).
    pub cause: u32,
    /// Which API; `None` where it is no message.
    pub api: Option<Api>,
    /// Who sent it.
    pub from: u16,
    /// Whom it happened to.
    pub to: u16,
    /// What kind.
    pub kind: Kind,
}

impl Entry {
    /// The entry of an event that happens now.
    #[must_use]
    pub fn of(Arrived { event, peer, reception }: &Arrived<Message>, now: Time) -> Self {
        let (kind, from, detail, api) = match &event.kind {
            EventKind::Boot => (Kind::Boot, event.target, 0, None),
            EventKind::Timer(purpose) => (Kind::Timer, event.target, *purpose, None),
            EventKind::Terminate => (Kind::Terminate, event.target, 0, None),
            EventKind::Told(what) => (Kind::Told, event.target, what.cast_unsigned(), None),
            EventKind::Exit => (Kind::Exit, event.target, 0, None),
            EventKind::Connected(id) => (Kind::Connected, *peer, id.0, None),
            EventKind::Disconnected(id) | EventKind::GaveUp(id) => (Kind::Disconnected, *peer, id.0, None),
            EventKind::Written(id) => (Kind::Written, *peer, id.0, None),
            EventKind::Delivery(id, message) => {
                let kind = if message.body.is_request() { Kind::Request } else { Kind::Response };
                (kind, *peer, id.0, Some(message.body.api()))
            }
            EventKind::Datagram(from, message) => (Kind::Request, *from, 0, Some(message.body.api())),
            EventKind::External(number) => (Kind::Intervention, event.target, u64::from(*number), None),
        };
        let kind = match reception {
            Reception::Taken => kind,
            Reception::Waits => Kind::Waits,
            Reception::Dropped => Kind::Dropped,
        };
        Self {
            time: now,
            detail,
            cause: u32::try_from(event.cause()).expect("the kernel counts no further"),
            api,
            from: number(from),
            to: number(event.target),
            kind,
        }
    }
}

/// A process's number as entries have it.
pub(super) fn number(process: ProcessId) -> u16 {
    /// Nobody's.
    const NOBODY: u16 = u16::MAX;
    u16::try_from(process).unwrap_or(NOBODY)
}

/// All events of a run so far; number 1 is the first. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    entries: Shared<Entry, CHUNK>,
    /// Events that have more causes than their entry says, and each of those.
    more: Shared<(u64, u64), MORE>,
}

impl Trace {
    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the next event.
    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Adds the next event with what else caused it.
    pub fn push_with(&mut self, entry: Entry, more_causes: &[u64]) {
        self.push(entry);
        let event = self.len();
        more_causes.iter().for_each(|cause| self.more.push((event, *cause)));
    }

    /// The numbers of the events that caused this one, the one that sent or set it first.
    pub fn causes(&self, event: u64) -> impl Iterator<Item = u64> {
        let first = self.get(event).map(|entry| entry.cause.into()).filter(|cause| *cause != 0);
        let more = self.more.from(self.more.partition_point(|(of, _)| *of < event));
        first.into_iter().chain(more.take_while(move |(of, _)| *of == event).map(|(_, cause)| *cause))
    }

    /// The event of this number, from 1.
    #[must_use]
    pub fn get(&self, event: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(event.checked_sub(1)?).ok()?)
    }

    /// Forgets all events after this one: another branch begins there.
    pub fn cut(&mut self, event: u64) {
        self.more.truncate(self.more.partition_point(|(of, _)| *of <= event));
        self.entries.truncate(usize::try_from(event).unwrap_or(usize::MAX));
    }

    /// The last event at or before `time`; 0 where there is none.
    #[must_use]
    pub fn last_at(&self, time: u64) -> u64 {
        self.entries.partition_point(|entry| entry.time <= time) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(time: u64, cause: u32) -> Entry {
        Entry { time, detail: 0, cause, api: None, from: 0, to: 1, kind: Kind::Timer }
    }

    #[test]
    fn an_entry_takes_32_bytes() {
        assert_eq!(size_of::<Entry>(), 32);
    }

    #[test]
    fn it_is_found_by_time_and_cut_at_an_event() {
        let mut trace = Trace::default();
        (0..40_000).for_each(|n| trace.push(entry(n / 2 * 10, 0)));
        assert_eq!((trace.last_at(0), trace.last_at(9), trace.last_at(10)), (2, 2, 4));
        assert_eq!(trace.last_at(u64::MAX), 40_000);
        trace.push_with(entry(400_000, 7), &[9, 11]);
        assert_eq!(trace.causes(40_001).collect::<Vec<_>>(), [7, 9, 11]);
        assert_eq!((trace.causes(40_000).count(), trace.causes(40_002).count()), (0, 0));
        trace.cut(20_001);
        assert_eq!(trace.causes(40_001).count(), 0);
        assert_eq!((trace.len(), trace.get(20_002)), (20_001, None));
        trace.cut(0);
        assert!(trace.is_empty());
    }
}
