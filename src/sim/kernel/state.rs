//! What a kernel is, and what may be seen of it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::touched::Touched;
use crate::sim::Time;
use crate::sim::clock::Clock;
use crate::sim::disk::Disk;
use crate::sim::fates::Fate;
use crate::sim::hash::RunHash;
use crate::sim::ids::{ConnectionId, MessageName, ProcessId, Purpose};
use crate::sim::link_settings::LinkSettings;
use crate::sim::network::Network;
use crate::sim::process::{Effect, Message, Process};
use crate::sim::queue::{Agenda, Causes, Event, EventKind};
use crate::sim::random::Random;
use crate::sim::sorted::sort_by_key;
use crate::sim::timers::Timers;

/// Sequence numbers of external events begin here: they come after all other events of their time.
const EXTERNAL_SEQUENCE: u64 = 1 << 63;

/// The kernel's own timer: a thread that the disk kept busy can take input again.
pub(super) const BUSY: Purpose = Purpose::MAX;

/// A thread that the disk keeps busy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Busy {
    /// Of which lane it is.
    pub(super) lane: u8,
    pub(super) until: Time,
    /// On behalf of whom: what else comes on this connection waits its turn.
    pub(super) connection: Option<ConnectionId>,
}

/// Whether a machine and its process run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It runs.
    Running,
    /// It stands still and its input waits.
    Paused,
    /// The process was killed; its machine still answers that nobody listens.
    Killed,
    /// The machine has no power: it answers nothing.
    PoweredOff,
}

/// How what is due meets its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// The process takes it.
    Taken,
    /// A message: it waits for the process, which stands still or is busy. There will be another event when it is taken.
    Waits,
    /// A message: nobody takes it.
    Dropped,
}

/// What has arrived at a machine. Its process takes it at once or when it can: what becomes of the connection in the
/// meantime does not change what arrived before.
#[derive(Debug)]
pub struct Arrived<M> {
    /// The event.
    pub event: Event<M>,
    /// The process at the other end of the event's connection, or the sender of a raw message; [`ProcessId::MAX`] where
    /// there is none.
    pub peer: ProcessId,
    /// Whether the process takes it.
    pub reception: Reception,
}

impl<M> Clone for Arrived<M> {
    fn clone(&self) -> Self {
        Self { event: self.event.clone(), ..*self }
    }
}

/// A process with its machine.
#[derive(Debug)]
pub(super) struct Slot<P: Process> {
    pub(super) process: P,
    pub(super) status: Status,
    pub(super) incarnation: u32,
    pub(super) clock: Clock,
    pub(super) disk: Disk,
    pub(super) random: Random,
    pub(super) timers: Timers,
    /// What arrived while the process could not take it.
    pub(super) inbox: VecDeque<Arrived<P::Message>>,
    /// Its threads that the disk keeps busy.
    pub(super) busy: Vec<Busy>,
    /// It was told to end, or ends by itself, and has not yet.
    pub(super) ending: bool,
    /// It ends by itself as soon as the disk has done what it asked for last, and takes nothing more.
    pub(super) exits: bool,
    /// It begins again when it has.
    pub(super) restarts: bool,
}

impl<P: Process> Clone for Slot<P> {
    fn clone(&self) -> Self {
        Self {
            process: self.process.clone(),
            status: self.status,
            incarnation: self.incarnation,
            clock: self.clock,
            disk: self.disk.clone(),
            random: self.random.clone(),
            timers: self.timers.clone(),
            inbox: self.inbox.clone(),
            busy: self.busy.clone(),
            ending: self.ending,
            exits: self.exits,
            restarts: self.restarts,
        }
    }
}

/// The simulation of a set of processes.
#[derive(Debug)]
pub struct Kernel<P: Process> {
    pub(super) agenda: Agenda<P::Message>,
    pub(super) next_connection: u64,
    pub(super) hash: RunHash,
    /// What a process was handed at once after a pause, before anything else.
    pub(super) ready: VecDeque<Arrived<P::Message>>,
    pub(super) network: Network<P::Message>,
    pub(super) slots: Vec<Arc<Slot<P>>>,
    pub(super) disk_faults: Random,
    /// A connection whose last side has just been told; forgotten before the next event.
    pub(super) over: Option<ConnectionId>,
    /// Whom each event touched: causes are held against it.
    pub(super) touched: Touched,
    pub(super) effects: EffectBuffer<P::Message>,
    pub(super) notes: Vec<P::Note>,
    /// Processes that ended by themselves, as they were.
    pub(super) exited: Vec<(ProcessId, P)>,
}

/// Reused between events; always empty in between, so a snapshot need not copy it.
#[derive(Debug)]
pub(super) struct EffectBuffer<M>(pub(super) Vec<Effect<M>>);

impl<P: Process> Clone for Kernel<P> {
    fn clone(&self) -> Self {
        Self {
            agenda: self.agenda.clone(),
            next_connection: self.next_connection,
            hash: self.hash,
            ready: self.ready.clone(),
            network: self.network.clone(),
            slots: self.slots.clone(),
            disk_faults: self.disk_faults.clone(),
            over: self.over,
            touched: self.touched.clone(),
            effects: EffectBuffer(Vec::new()),
            notes: Vec::new(),
            exited: Vec::new(),
        }
    }
}

impl<P: Process> Kernel<P> {
    /// A kernel in which these processes boot at time 0, in their order.
    #[must_use]
    pub fn new(seed: u64, links: LinkSettings, processes: Vec<P>) -> Self {
        let mut kernel = Self {
            agenda: Agenda::default(),
            next_connection: 1,
            hash: RunHash::default(),
            ready: VecDeque::new(),
            network: Network::new(seed, links),
            slots: Vec::with_capacity(processes.len()),
            disk_faults: Random::stream(seed, "disk faults", 0),
            over: None,
            touched: Touched::default(),
            effects: EffectBuffer(Vec::new()),
            notes: Vec::new(),
            exited: Vec::new(),
        };
        for (index, process) in (0..).zip(processes) {
            kernel.slots.push(Arc::new(Slot {
                process,
                status: Status::Running,
                incarnation: 1,
                clock: Clock::default(),
                disk: Disk::default(),
                random: Random::stream(seed, "process", index),
                timers: Timers::default(),
                inbox: VecDeque::new(),
                busy: Vec::new(),
                ending: false,
                exits: false,
                restarts: false,
            }));
            kernel.agenda.push(0, index as ProcessId, EventKind::Boot);
        }
        kernel
    }

    /// The time of the last event.
    #[must_use]
    pub fn time(&self) -> Time {
        self.agenda.time
    }

    /// How many events have happened.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.agenda.events
    }

    /// The rolling hash after the last event.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash.value()
    }

    /// How many processes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True where there is no process.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A process as it stands.
    ///
    /// # Panics
    /// Where there is no process of this number: they are given by [`Kernel::new`] and never go.
    #[must_use]
    pub fn process(&self, id: ProcessId) -> &P {
        &self.slots[id as usize].process
    }

    /// Whether a process runs.
    #[must_use]
    pub fn status(&self, id: ProcessId) -> Status {
        self.slots[id as usize].status
    }

    /// Which life of a process this is, from 1.
    #[must_use]
    pub fn incarnation(&self, id: ProcessId) -> u32 {
        self.slots[id as usize].incarnation
    }

    /// Whether a process was told to end, or ends by itself, and has not yet.
    #[must_use]
    pub fn is_ending(&self, id: ProcessId) -> bool {
        self.slots[id as usize].ending
    }

    /// The disk of a process's machine.
    #[must_use]
    pub fn disk(&self, id: ProcessId) -> &Disk {
        &self.slots[id as usize].disk
    }

    /// The clock of a process's machine.
    #[must_use]
    pub fn clock(&self, id: ProcessId) -> Clock {
        self.slots[id as usize].clock
    }

    /// The events to come that are messages on their way, in the order of their arrival.
    #[must_use]
    pub fn in_flight(&self) -> Vec<&Event<P::Message>> {
        let travels = |event: &&Event<P::Message>| {
            matches!(event.kind, EventKind::Delivery(..) | EventKind::Datagram(..)) && event.sent <= self.agenda.time
        };
        let mut events: Vec<_> = self.agenda.queue.iter().filter(travels).collect();
        sort_by_key(&mut events, |event| event.place());
        events
    }

    /// The causes of an event, the first of them the one that sent or set it; none for what was there from the start.
    pub fn causes(&self, event: &Event<P::Message>) -> impl Iterator<Item = u64> {
        self.agenda.causes_of(event.causes)
    }

    /// The name of a message that is on its way or has just arrived; `None` for what is none, and where nobody knows its
    /// connection any more.
    #[must_use]
    pub fn name_of(&self, event: &Event<P::Message>) -> Option<MessageName> {
        let (from, kind) = match &event.kind {
            EventKind::Delivery(id, message) => (self.peer(*id, event.target)?, message.kind()),
            EventKind::Datagram(from, message) => (*from, message.kind()),
            EventKind::Connected(id) => (self.peer(*id, event.target)?, MessageName::OPEN),
            EventKind::Disconnected(id) => (self.peer(*id, event.target)?, MessageName::CLOSE),
            EventKind::Boot
            | EventKind::Timer(_)
            | EventKind::Terminate
            | EventKind::Told(_)
            | EventKind::Exit
            | EventKind::GaveUp(_)
            | EventKind::Written(_)
            | EventKind::External(_) => return None,
        };
        Some(MessageName { from, to: event.target, kind, ordinal: event.ordinal })
    }

    /// What is decided for a message; for most, nothing is.
    #[must_use]
    pub fn fate(&self, name: MessageName) -> Fate {
        self.network.links.fates.decided(name)
    }

    /// All that is decided for messages, sent or to come, in the order of their names.
    pub fn fates(&self) -> impl Iterator<Item = (MessageName, Fate)> {
        self.network.links.fates.list()
    }

    /// The process at the other end of a connection from `process`, while either side knows the connection.
    ///
    /// # Panics
    /// Where the connection is between others.
    #[must_use]
    pub fn peer(&self, connection: ConnectionId, process: ProcessId) -> Option<ProcessId> {
        self.network.peer(connection, process)
    }

    /// How many connections somebody still knows.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.network.connections.len()
    }

    /// Whether nothing was done to a direction, or it is healed.
    #[must_use]
    pub fn is_whole(&self, from: ProcessId, to: ProcessId) -> bool {
        self.network.links.is_whole(from, to)
    }

    /// The directions in which nothing passes, cut or clogged.
    pub fn cuts(&self) -> impl Iterator<Item = (ProcessId, ProcessId)> {
        self.network.links.closed()
    }

    /// Lets [`step`](Self::step) hand over an external event at `time`, after all others of that time; of several of one time the
    /// lowest `id` comes first. The id is no part of the run: what counts is what is done then.
    pub fn schedule_external(&mut self, time: Time, id: u32) {
        let sequence = EXTERNAL_SEQUENCE | u64::from(id);
        let (time, sent) = (time.max(self.agenda.now), self.agenda.now);
        let kind = EventKind::External(id);
        let event = Event { time, sequence, sent, causes: Causes::default(), target: ProcessId::MAX, ordinal: 0, kind };
        self.agenda.queue.push(event);
    }

    /// When the next event happens, cancelled timers left out.
    #[must_use]
    pub fn next_time(&mut self) -> Option<Time> {
        if !self.ready.is_empty() {
            return Some(self.agenda.now);
        }
        loop {
            let event = self.agenda.queue.peek()?;
            // Only timers are cancelled.
            let EventKind::Timer(purpose) = event.kind else { return Some(event.time) };
            let (target, place) = (event.target, (event.time, event.sequence));
            if self.timer_is_live(target, purpose, place.1) {
                return Some(place.0);
            }
            self.agenda.queue.pop();
            self.put_back_timer(target, purpose, place);
        }
    }

    /// Takes what processes told observers since this was last called. A clone of the kernel begins with none.
    pub fn drain_notes(&mut self) -> std::vec::Drain<'_, P::Note> {
        self.notes.drain(..)
    }

    /// The same for a caller with a list of its own, empty, that is given in exchange.
    pub fn swap_notes(&mut self, notes: &mut Vec<P::Note>) {
        std::mem::swap(&mut self.notes, notes);
    }

    /// Takes the processes that ended by themselves since this was last called, as they were then.
    pub fn drain_exited(&mut self) -> std::vec::Drain<'_, (ProcessId, P)> {
        self.exited.drain(..)
    }
}
