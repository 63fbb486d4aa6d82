//! The kernel: takes the earliest event, hands it to its process, carries out what the process asked for.
//!
//! Every event has a number (1 for the first) and the number of the event that caused it. A cancelled timer is no event:
//! it is neither numbered nor hashed. A kernel is a value: its clone is a snapshot that shares what did not change, and
//! goes on exactly as the original would.

mod arrival;
mod faults;
mod messages;

use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::Arc;

use arrival::connection_of;

use super::Time;
use super::clock::Clock;
use super::disk::Disk;
use super::hash::RunHash;
use super::network::{ConnectionId, LinkSettings, Network, Waiting};
use super::process::{Context, Effect, Input, Message, Process, ProcessId, Purpose};
use super::queue::{Agenda, Event, EventKind};
use super::random::Random;
use super::sorted::sort_by_key;
use super::timers::Timers;

/// Sequence numbers of external events begin here: they come after all other events of their time.
const EXTERNAL_SEQUENCE: u64 = 1 << 63;

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

/// What has arrived at a machine. Its process takes it at once or when it can: what becomes of the connection in the
/// meantime does not change what arrived before.
#[derive(Debug)]
pub struct Arrived<M> {
    /// The event.
    pub event: Event<M>,
    /// The process at the other end of the event's connection; [`ProcessId::MAX`] where there is none.
    pub peer: ProcessId,
}

impl<M> Clone for Arrived<M> {
    fn clone(&self) -> Self {
        Self { event: self.event.clone(), peer: self.peer }
    }
}

/// A process with its machine.
#[derive(Debug)]
struct Slot<P: Process> {
    process: P,
    status: Status,
    incarnation: u32,
    clock: Clock,
    disk: Disk,
    random: Random,
    timers: Timers,
    /// What arrived while the process could not take it.
    inbox: VecDeque<Arrived<P::Message>>,
    /// The process is kept busy (by its disk) until then.
    busy_until: Time,
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
            busy_until: self.busy_until,
        }
    }
}

/// The simulation of a set of processes.
#[derive(Debug)]
pub struct Kernel<P: Process> {
    agenda: Agenda<P::Message>,
    next_connection: u64,
    hash: RunHash,
    /// What a process was handed at once after a pause, before anything else.
    ready: VecDeque<Arrived<P::Message>>,
    network: Network<P::Message>,
    slots: Vec<Arc<Slot<P>>>,
    disk_faults: Random,
    /// A connection whose last side has just been told; forgotten before the next event.
    over: Option<ConnectionId>,
    effects: EffectBuffer<P::Message>,
    notes: Vec<P::Note>,
    /// Processes that ended by themselves, as they were.
    exited: Vec<(ProcessId, P)>,
}

/// Reused between events; always empty in between, so a snapshot need not copy it.
#[derive(Debug)]
struct EffectBuffer<M>(Vec<Effect<M>>);

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
                busy_until: 0,
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

    /// The disk of a process's machine.
    #[must_use]
    pub fn disk(&self, id: ProcessId) -> &Disk {
        &self.slots[id as usize].disk
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

    /// The process at the other end of a connection from `process`, while either side knows the connection.
    #[must_use]
    pub fn peer(&self, connection: ConnectionId, process: ProcessId) -> Option<ProcessId> {
        self.network.peer(connection, process)
    }

    /// Whether nothing was done to a direction, or it is healed.
    #[must_use]
    pub fn is_whole(&self, from: ProcessId, to: ProcessId) -> bool {
        self.network.is_whole(from, to)
    }

    /// The directions in which nothing passes, cut or clogged.
    pub fn cuts(&self) -> impl Iterator<Item = (ProcessId, ProcessId)> {
        self.network.closed()
    }

    /// Lets [`step`](Self::step) hand over an external event of this number at `time`, after all others of that time.
    pub fn schedule_external(&mut self, time: Time, number: u32) {
        let sequence = EXTERNAL_SEQUENCE | u64::from(number);
        let (time, sent) = (time.max(self.agenda.time), self.agenda.time);
        let kind = EventKind::External(number);
        self.agenda.queue.push(Event { time, sequence, sent, cause: 0, target: ProcessId::MAX, kind });
    }

    /// When the next event happens, cancelled timers left out.
    #[must_use]
    pub fn next_time(&mut self) -> Option<Time> {
        if !self.ready.is_empty() {
            return Some(self.agenda.time);
        }
        loop {
            let event = self.agenda.queue.peek()?;
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

    /// Lets the next event happen and returns it; `None` where nothing is left to come. An event of kind
    /// [`EventKind::External`] is the caller's to act on, with [`apply`](Self::apply), before the next step.
    pub fn step(&mut self) -> Option<Arrived<P::Message>> {
        self.step_until(Time::MAX)
    }

    /// As [`step`](Self::step), but `None` too where nothing happens at or before `limit`. What is due is not always an
    /// event (a message to a process that is gone), so [`next_time`](Self::next_time) alone cannot tell.
    pub fn step_until(&mut self, limit: Time) -> Option<Arrived<P::Message>> {
        loop {
            self.forget_connection();
            let arrived = match self.ready.pop_front() {
                Some(waited) => waited,
                None => {
                    let event = self.agenda.queue.pop_until(limit)?;
                    if let EventKind::Timer(purpose) = event.kind
                        && !self.timer_is_live(event.target, purpose, event.sequence)
                    {
                        self.put_back_timer(event.target, purpose, (event.time, event.sequence));
                        continue;
                    }
                    self.agenda.time = self.agenda.time.max(event.time);
                    if let EventKind::External(_) = event.kind {
                        self.count(&event);
                        return Some(Arrived { event, peer: ProcessId::MAX });
                    }
                    let Some(arrived) = self.arrive(event) else { continue };
                    arrived
                }
            };
            if self.takes(&arrived) {
                self.count(&arrived.event);
                self.dispatch(&arrived);
                return Some(arrived);
            }
        }
    }

    fn forget_connection(&mut self) {
        if let Some(id) = self.over.take() {
            self.network.connections.remove(&id);
        }
    }

    fn slot(&mut self, id: ProcessId) -> &mut Slot<P> {
        Arc::make_mut(&mut self.slots[id as usize])
    }

    /// Numbers an event and takes it into the hash.
    fn count(&mut self, event: &Event<P::Message>) {
        self.agenda.events += 1;
        let hash = &mut self.hash;
        hash.fold(self.agenda.time);
        hash.fold(event.sequence);
        let (kind, detail) = match &event.kind {
            EventKind::Boot => (0_u64, 0),
            EventKind::Timer(purpose) => (1, *purpose),
            EventKind::Connected(connection) => (2, connection.0),
            EventKind::Disconnected(connection) => (3, connection.0),
            EventKind::Delivery(connection, _) => (4, connection.0),
            EventKind::Datagram(from, _) => (5, u64::from(*from)),
            EventKind::External(number) => (6, u64::from(*number)),
            EventKind::GaveUp(connection) => (7, connection.0),
            EventKind::Terminate => (8, 0),
        };
        hash.fold(kind << 32 | u64::from(event.target));
        hash.fold(detail);
        if let EventKind::Delivery(_, message) | EventKind::Datagram(_, message) = &event.kind {
            message.fold(hash);
        }
    }

    fn is_up(&self, id: ProcessId) -> bool {
        matches!(self.status(id), Status::Running | Status::Paused)
    }

    /// True where the process can take the event now; else it waits in the inbox.
    fn takes(&mut self, arrived: &Arrived<P::Message>) -> bool {
        let event = &arrived.event;
        let slot = &self.slots[event.target as usize];
        let is_free = slot.busy_until <= self.agenda.time && slot.inbox.is_empty();
        let is_apart = || !matches!(event.kind, EventKind::Timer(BUSY)) && slot.process.has_own_thread(&event.kind);
        if slot.status == Status::Running && (is_free || is_apart()) {
            return match event.kind {
                EventKind::Timer(BUSY) => false,
                EventKind::Timer(purpose) => slot.timers.is_live(purpose, event.sequence),
                _ => true,
            };
        }
        if slot.status == Status::Running && slot.inbox.is_empty() {
            self.agenda.push(slot.busy_until, event.target, EventKind::Timer(BUSY));
        }
        if matches!(event.kind, EventKind::Timer(BUSY)) {
            self.wake(event.target);
        } else {
            let slot = self.slot(event.target);
            if let EventKind::Timer(purpose) = event.kind {
                slot.timers.waits_in_inbox(purpose, (event.time, event.sequence));
            }
            slot.inbox.push_back(arrived.clone());
        }
        false
    }

    /// Hands over what waited, in its order, before anything else happens.
    fn wake(&mut self, id: ProcessId) {
        let slot = Arc::make_mut(&mut self.slots[id as usize]);
        if slot.status != Status::Running {
            return;
        }
        if slot.busy_until > self.agenda.time {
            self.agenda.push(slot.busy_until, id, EventKind::Timer(BUSY));
            return;
        }
        let waited = std::mem::take(&mut slot.inbox);
        for arrived in waited.into_iter().rev() {
            self.ready.push_front(arrived);
        }
    }

    fn dispatch(&mut self, arrived: &Arrived<P::Message>) {
        let id = arrived.event.target;
        let processes = self.slots.len();
        let slot = Arc::make_mut(&mut self.slots[id as usize]);
        if let EventKind::Timer(purpose) = arrived.event.kind {
            slot.timers.fired(purpose);
        }
        let Some(input) = input_of(arrived, slot.incarnation) else { return };
        let time = self.agenda.time;
        let mut context = Context {
            process: id,
            time,
            event: self.agenda.events,
            clock: slot.clock,
            disk: &mut slot.disk,
            random: &mut slot.random,
            next_connection: &mut self.next_connection,
            effects: &mut self.effects.0,
            notes: &mut self.notes,
        };
        let told = context.notes.len();
        slot.process.handle(input, &mut context);
        let hash = &mut self.hash;
        hash.fold_hash(slot.disk.changes());
        hash.fold_hash(slot.random.drawn());
        self.notes[told..].iter().for_each(|note| note.hash(hash));
        let elapsed = slot.disk.take_elapsed_us();
        if elapsed > 0 {
            slot.busy_until = slot.busy_until.max(time.saturating_add(elapsed));
        }
        let departure = time.saturating_add(elapsed);
        let mut exits = false;
        let Self { agenda, network, effects, ready, .. } = self;
        for effect in effects.0.drain(..) {
            match effect {
                Effect::SetTimer { purpose, at } => slot.timers.set(id, purpose, at, agenda),
                Effect::CancelTimer(purpose) => slot.timers.cancel(purpose),
                Effect::Connect { connection, peer } if (peer as usize) < processes => {
                    network.connect(departure, connection, [id, peer], agenda);
                }
                Effect::Send { connection, message } => network.send(departure, connection, id, message, agenda),
                Effect::Close(connection) => {
                    forget_arrived(ready, slot, id, connection);
                    network.close(departure, connection, id, agenda);
                }
                Effect::Datagram { to, message } if (to as usize) < processes => {
                    network.send_datagram(departure, id, to, &message, agenda);
                }
                Effect::Exit => exits = true,
                Effect::Connect { .. } | Effect::Datagram { .. } => {}
            }
        }
        self.hash.fold_hash(network.drawn());
        if exits {
            self.exited.push((id, slot.process.clone()));
            self.stop(id, Status::Killed);
        }
    }

    fn carry(&mut self, id: ConnectionId, to_end: usize, what: Waiting<P::Message>) {
        self.network.carry(self.agenda.time, id, to_end, what, &mut self.agenda);
    }

    fn timer_is_live(&self, target: ProcessId, purpose: Purpose, sequence: u64) -> bool {
        purpose == BUSY || self.slots[target as usize].timers.is_live(purpose, sequence)
    }

    fn put_back_timer(&mut self, target: ProcessId, purpose: Purpose, place: (Time, u64)) {
        Arc::make_mut(&mut self.slots[target as usize]).timers.put_back(target, purpose, place, &mut self.agenda);
    }
}

/// The kernel's own timer: a process that its disk kept busy can take input again.
const BUSY: Purpose = Purpose::MAX;

/// A process closes a connection: nothing more arrives from it, not even what waits.
fn forget_arrived<P: Process>(
    ready: &mut VecDeque<Arrived<P::Message>>,
    slot: &mut Slot<P>,
    id: ProcessId,
    connection: ConnectionId,
) {
    let is_of = |arrived: &Arrived<_>| arrived.event.target == id && connection_of(&arrived.event) == Some(connection);
    ready.retain(|arrived| !is_of(arrived));
    slot.inbox.retain(|arrived| !is_of(arrived));
}

fn input_of<M>(arrived: &Arrived<M>, incarnation: u32) -> Option<Input<M>> {
    let Arrived { event, peer } = arrived;
    let peer = *peer;
    Some(match &event.kind {
        EventKind::Boot => Input::Boot { incarnation },
        EventKind::Timer(purpose) => Input::Timer(*purpose),
        EventKind::Terminate => Input::Terminate,
        EventKind::Connected(connection) => Input::Connected { connection: *connection, peer },
        EventKind::Disconnected(connection) | EventKind::GaveUp(connection) => {
            Input::Disconnected { connection: *connection, peer }
        }
        EventKind::Delivery(connection, message) => {
            Input::Received { connection: *connection, peer, message: Arc::clone(message) }
        }
        EventKind::Datagram(from, message) => Input::Datagram { from: *from, message: Arc::clone(message) },
        EventKind::External(_) => return None,
    })
}
