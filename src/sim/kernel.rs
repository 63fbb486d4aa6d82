//! The kernel: takes the earliest event, hands it to its process, carries out what the process asked for.
//!
//! Every event has a number (1 for the first) and the numbers of the events that caused it. Whatever an observer could see happen is
//! an event: a message that reaches a machine whose process cannot take it yet, or that nobody takes, is one, too. So the
//! number of an event is one instant, however a run was brought there. A cancelled timer is no event: it is neither
//! numbered nor hashed. A kernel is a value: its clone is a snapshot that shares what did not change, and goes on exactly as the
//! original would.

mod arrival;
mod faults;
mod inbox;
mod messages;
mod touched;

use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::Arc;

use arrival::connection_of;
use inbox::Busy;
use touched::Touched;

use super::Time;
use super::clock::Clock;
use super::connection::Carried;
use super::disk::Disk;
use super::fates::Fate;
use super::hash::RunHash;
use super::ids::{ConnectionId, MessageName, ProcessId, Purpose};
use super::link_settings::LinkSettings;
use super::network::Network;
use super::process::{Context, Effect, Input, Message, Process};
use super::queue::{Agenda, Causes, Event, EventKind};
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
    /// Its threads that the disk keeps busy.
    busy: Vec<Busy>,
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
    /// Whom each event touched: causes are held against it.
    touched: Touched,
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
            }));
            kernel.agenda.push(0, index as ProcessId, EventKind::Boot);
        }
        kernel
    }

    /// The time of the last event.
    #[must_use]
    pub fn time(&self) -> Time {
        self.agenda.last
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

    /// The clock of a process's machine.
    #[must_use]
    pub fn clock(&self, id: ProcessId) -> Clock {
        self.slots[id as usize].clock
    }

    /// The events to come that are messages on their way, in the order of their arrival.
    #[must_use]
    pub fn in_flight(&self) -> Vec<&Event<P::Message>> {
        let travels = |event: &&Event<P::Message>| {
            matches!(event.kind, EventKind::Delivery(..) | EventKind::Datagram(..)) && event.sent <= self.agenda.last
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
            | EventKind::GaveUp(_)
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
        let (time, sent) = (time.max(self.agenda.time), self.agenda.time);
        let kind = EventKind::External(id);
        let event = Event { time, sequence, sent, causes: Causes::default(), target: ProcessId::MAX, ordinal: 0, kind };
        self.agenda.queue.push(event);
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
    /// event (a connection that is refused), so [`next_time`](Self::next_time) alone cannot tell.
    pub fn step_until(&mut self, limit: Time) -> Option<Arrived<P::Message>> {
        loop {
            self.forget_connection();
            let happened = match self.ready.pop_front() {
                Some(waited) => self.meets(waited, false),
                None => {
                    let event = self.agenda.queue.pop_until(limit)?;
                    self.comes_up(event)
                }
            };
            if happened.is_some() {
                return happened;
            }
        }
    }

    /// What is first in the queue has come up: `None` where it is no event.
    fn comes_up(&mut self, event: Event<P::Message>) -> Option<Arrived<P::Message>> {
        assert!(event.time >= self.agenda.time, "time never falls");
        match event.kind {
            EventKind::Timer(BUSY) => {
                self.agenda.time = event.time;
                self.wake(event.target);
                return None;
            }
            EventKind::Timer(purpose) if !self.timer_is_live(event.target, purpose, event.sequence) => {
                self.put_back_timer(event.target, purpose, (event.time, event.sequence));
                return None;
            }
            EventKind::External(_) => {
                self.agenda.time = event.time;
                let arrived = Arrived { event, peer: ProcessId::MAX, reception: Reception::Taken };
                self.count(&arrived);
                return Some(arrived);
            }
            EventKind::Boot
            | EventKind::Timer(_)
            | EventKind::Terminate
            | EventKind::Connected(_)
            | EventKind::Disconnected(_)
            | EventKind::GaveUp(_)
            | EventKind::Delivery(..)
            | EventKind::Datagram(..) => {}
        }
        self.agenda.time = event.time;
        let arrived = self.arrive(event)?;
        if arrived.reception == Reception::Dropped { Some(arrived) } else { self.meets(arrived, true) }
    }

    fn forget_connection(&mut self) {
        if let Some(id) = self.over.take() {
            self.forget(id);
        }
    }

    /// Nobody knows a connection any more. What is still on its way on it keeps its sender; the last of that comes back here.
    fn forget(&mut self, id: ConnectionId) {
        let travels =
            |event: &Event<P::Message>| connection_of(event) == Some(id) && !matches!(event.kind, EventKind::GaveUp(_));
        if !self.agenda.queue.iter().any(travels) {
            self.network.connections.remove(id);
        }
    }

    fn slot(&mut self, id: ProcessId) -> &mut Slot<P> {
        Arc::make_mut(&mut self.slots[id as usize])
    }

    /// Numbers an event and takes it into the hash.
    fn count(&mut self, arrived: &Arrived<P::Message>) {
        let Arrived { event, peer, reception } = arrived;
        self.agenda.begin_event();
        self.touched.event(self.agenda.causes_of(event.causes), [event.target, *peer]);
        let hash = &mut self.hash;
        hash.fold(self.agenda.time);
        let (kind, detail) = match &event.kind {
            EventKind::Boot => (0_u64, 0),
            EventKind::Timer(purpose) => (1, *purpose),
            EventKind::Connected(connection) => (2, connection.0),
            EventKind::Disconnected(connection) => (3, connection.0),
            EventKind::Delivery(connection, _) => (4, connection.0),
            EventKind::Datagram(from, _) => (5, u64::from(*from)),
            // Who asked for it and under which id makes no difference: what is done then says it.
            EventKind::External(_) => return hash.fold(6),
            EventKind::GaveUp(connection) => (7, connection.0),
            EventKind::Terminate => (8, 0),
        };
        hash.fold(event.sequence);
        hash.fold(kind << 32 | (*reception as u64) << 40 | u64::from(event.target));
        hash.fold(detail);
        if let EventKind::Delivery(_, message) | EventKind::Datagram(_, message) = &event.kind {
            hash.fold(event.ordinal.into());
            message.fold(hash);
        }
    }

    fn is_up(&self, id: ProcessId) -> bool {
        matches!(self.status(id), Status::Running | Status::Paused)
    }

    fn dispatch(&mut self, arrived: &Arrived<P::Message>) {
        let id = arrived.event.target;
        let processes = self.slots.len();
        let slot = Arc::make_mut(&mut self.slots[id as usize]);
        if let EventKind::Timer(purpose) = arrived.event.kind {
            slot.timers.fired(purpose);
        }
        let input = input_of(arrived, slot.incarnation);
        let time = self.agenda.time;
        let told = self.notes.len();
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
        slot.process.handle(input, &mut context);
        let hash = &mut self.hash;
        hash.fold_hash(slot.disk.changes());
        hash.fold_hash(slot.random.drawn());
        self.notes[told..].iter().for_each(|note| note.hash(hash));
        let elapsed = slot.disk.take_elapsed_us();
        let departure = time.saturating_add(elapsed);
        if elapsed > 0 {
            let lane = slot.process.lane(&arrived.event.kind);
            slot.busy.retain(|busy| busy.until > time);
            slot.busy.push(Busy { lane: lane.number, until: departure, connection: connection_of(&arrived.event) });
        }
        let mut exits = false;
        let Self { agenda, network, effects, ready, .. } = self;
        for effect in effects.0.drain(..) {
            match effect {
                Effect::SetTimer { purpose, at } => slot.timers.set(id, purpose, at, agenda),
                Effect::CancelTimer(purpose) => slot.timers.cancel(purpose),
                Effect::Because(event) => {
                    agenda.causes = agenda.join(agenda.causes, event);
                    continue;
                }
                Effect::Connect { connection, peer } => {
                    assert!((peer as usize) < processes, "there is no process {peer}");
                    network.connect(departure, connection, [id, peer], agenda);
                }
                Effect::Send { connection, message } => {
                    forget_unread(ready, slot, id, connection);
                    network.send(departure, connection, id, message, agenda);
                }
                Effect::Close(connection) => {
                    forget_arrived(ready, slot, id, connection);
                    network.close(departure, connection, id, agenda);
                }
                Effect::Datagram { to, message } => {
                    assert!((to as usize) < processes, "there is no process {to}");
                    network.send_datagram(departure, id, to, message, agenda);
                }
                Effect::Exit => exits = true,
            }
            agenda.causes = agenda.present();
        }
        agenda.causes = agenda.present();
        self.hash.fold_hash(network.drawn());
        if exits {
            self.exited.push((id, slot.process.clone()));
            self.end(id, Status::Killed);
        }
    }

    fn carry(&mut self, id: ConnectionId, to_end: usize, what: Carried<P::Message>) {
        self.network.carry(self.agenda.time, id, to_end, what, &mut self.agenda);
    }

    fn timer_is_live(&self, target: ProcessId, purpose: Purpose, sequence: u64) -> bool {
        purpose == BUSY || self.slots[target as usize].timers.is_live(purpose, sequence)
    }

    fn put_back_timer(&mut self, target: ProcessId, purpose: Purpose, place: (Time, u64)) {
        Arc::make_mut(&mut self.slots[target as usize]).timers.put_back(target, purpose, place, &mut self.agenda);
    }
}

/// The kernel's own timer: a thread that the disk kept busy can take input again.
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

/// A process that stood still writes to a connection that the other side closed meanwhile. What it writes meets a reset, and
/// what of that connection it had not read is gone: of several requests that waited, a server answers the first and reads no other.
fn forget_unread<P: Process>(
    ready: &mut VecDeque<Arrived<P::Message>>,
    slot: &mut Slot<P>,
    id: ProcessId,
    connection: ConnectionId,
) {
    let waits = |arrived: &Arrived<_>| arrived.event.target == id && connection_of(&arrived.event) == Some(connection);
    let is_closed = |arrived: &Arrived<_>| matches!(arrived.event.kind, EventKind::Disconnected(_)) && waits(arrived);
    if !ready.iter().chain(&slot.inbox).any(is_closed) {
        return;
    }
    let is_unread = |arrived: &Arrived<_>| matches!(arrived.event.kind, EventKind::Delivery(..)) && waits(arrived);
    ready.retain(|arrived| !is_unread(arrived));
    slot.inbox.retain(|arrived| !is_unread(arrived));
}

fn input_of<M: Message>(arrived: &Arrived<M>, incarnation: u32) -> Input<M> {
    let Arrived { event, peer, .. } = arrived;
    let peer = *peer;
    match &event.kind {
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
        EventKind::External(_) => unreachable!("an external event is the driver's, no process is handed one"),
    }
}
