//! How the next event happens: from the queue to its process, and what that asked for.

use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::Arc;

use super::state::{Arrived, BUSY, Busy, Kernel, Reception, Slot, Status};
use crate::sim::Time;
use crate::sim::connection::Carried;
use crate::sim::ids::{ConnectionId, ProcessId, Purpose};
use crate::sim::process::{Context, Effect, Input, Message, Process};
use crate::sim::queue::{Event, EventKind};

impl<P: Process> Kernel<P> {
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
        assert!(event.time >= self.agenda.now, "time never falls");
        match event.kind {
            EventKind::Timer(BUSY) => {
                self.agenda.now = event.time;
                self.wake(event.target);
                return None;
            }
            EventKind::Timer(purpose) if !self.timer_is_live(event.target, purpose, event.sequence) => {
                self.put_back_timer(event.target, purpose, (event.time, event.sequence));
                return None;
            }
            EventKind::External(_) => {
                self.agenda.now = event.time;
                let arrived = Arrived { event, peer: ProcessId::MAX, reception: Reception::Taken };
                self.count(&arrived);
                return Some(arrived);
            }
            // These happen to a process, and arrive at it below.
            EventKind::Boot
            | EventKind::Timer(_)
            | EventKind::Terminate
            | EventKind::Told(_)
            | EventKind::Exit
            | EventKind::Connected(_)
            | EventKind::Disconnected(_)
            | EventKind::GaveUp(_)
            | EventKind::Written(_)
            | EventKind::Delivery(..)
            | EventKind::Datagram(..) => {}
        }
        self.agenda.now = event.time;
        let arrived = self.arrive(event)?;
        if arrived.reception == Reception::Dropped { Some(arrived) } else { self.meets(arrived, true) }
    }

    fn forget_connection(&mut self) {
        if let Some(id) = self.over.take() {
            self.forget(id);
        }
    }

    /// Nobody knows a connection any more. What is still on its way on it keeps its sender; the last of that comes back here.
    pub(super) fn forget(&mut self, id: ConnectionId) {
        let is_local = |kind: &EventKind<_>| matches!(kind, EventKind::GaveUp(_) | EventKind::Written(_));
        let travels = |event: &Event<P::Message>| event.connection() == Some(id) && !is_local(&event.kind);
        if !self.agenda.queue.iter().any(travels) {
            self.network.connections.remove(id);
        }
    }

    pub(super) fn slot(&mut self, id: ProcessId) -> &mut Slot<P> {
        Arc::make_mut(&mut self.slots[id as usize])
    }

    /// Numbers an event and takes it into the hash.
    pub(super) fn count(&mut self, arrived: &Arrived<P::Message>) {
        let Arrived { event, peer, reception } = arrived;
        self.agenda.begin_event();
        self.touched.event(self.agenda.causes_of(event.causes), [event.target, *peer]);
        let hash = &mut self.hash;
        hash.fold(self.agenda.now);
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
            EventKind::Exit => (9, 0),
            EventKind::Written(connection) => (10, connection.0),
            EventKind::Told(what) => (11, what.cast_unsigned()),
        };
        hash.fold(event.sequence);
        hash.fold(kind << 32 | (*reception as u64) << 40 | u64::from(event.target));
        hash.fold(detail);
        if let EventKind::Delivery(_, message) | EventKind::Datagram(_, message) = &event.kind {
            hash.fold(event.ordinal.into());
            message.fold(hash);
        }
    }

    pub(super) fn is_up(&self, id: ProcessId) -> bool {
        matches!(self.status(id), Status::Running | Status::Paused)
    }

    pub(super) fn dispatch(&mut self, arrived: &Arrived<P::Message>) {
        let id = arrived.event.target;
        if let EventKind::Exit = arrived.event.kind {
            return self.exit(id);
        }
        let processes = self.slots.len();
        let slot = Arc::make_mut(&mut self.slots[id as usize]);
        match arrived.event.kind {
            EventKind::Timer(purpose) => slot.timers.fired(purpose),
            EventKind::Written(id) => self.network.write_rest(id),
            // These leave nothing to be done before the process has them.
            EventKind::Boot
            | EventKind::Terminate
            | EventKind::Told(_)
            | EventKind::Exit
            | EventKind::Connected(_)
            | EventKind::Disconnected(_)
            | EventKind::GaveUp(_)
            | EventKind::Delivery(..)
            | EventKind::Datagram(..)
            | EventKind::External(_) => {}
        }
        let input = input_of(arrived, slot.incarnation);
        let time = self.agenda.now;
        let told = self.notes.len();
        let mut context = Context {
            process: id,
            time,
            event: self.agenda.events,
            clock: slot.clock,
            disk: &mut slot.disk,
            random: &mut slot.random,
            next_connection: &mut self.next_connection,
            connections: &self.network.connections,
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
            slot.busy.push(Busy { lane: lane.number, until: departure, connection: arrived.event.connection() });
        }
        let mut exits = false;
        let mut cut_short = Vec::new();
        let Self { agenda, network, effects, ready, .. } = self;
        for effect in effects.0.drain(..) {
            match effect {
                Effect::SetTimer { purpose, at } => slot.timers.set(id, purpose, at, agenda),
                Effect::CancelTimer(purpose) => slot.timers.cancel(purpose),
                Effect::Because(event) => {
                    agenda.causes = agenda.join(agenda.causes, event);
                    continue;
                }
                Effect::Connect { connection, peer, buffer } => {
                    assert!((peer as usize) < processes, "there is no process {peer}");
                    network.connect(departure, connection, [id, peer], buffer, agenda);
                }
                Effect::Send { connection, message } => {
                    forget_unread(ready, slot, id, connection);
                    network.send(departure, connection, id, message, agenda);
                }
                Effect::Close(connection) => {
                    forget_arrived(ready, slot, id, connection);
                    cut_short.push(connection);
                    network.close(departure, connection, id, agenda);
                }
                Effect::Datagram { to, message } => {
                    assert!((to as usize) < processes, "there is no process {to}");
                    network.send_datagram(departure, id, to, message, agenda);
                }
                Effect::Exit => exits = true,
                Effect::BeginAgain => (exits, slot.restarts) = (true, true),
            }
            agenda.causes = agenda.present();
        }
        agenda.causes = agenda.present();
        self.hash.fold_hash(network.drawn());
        cut_short.into_iter().for_each(|connection| self.cut_short(connection, id));
        let agenda = &mut self.agenda;
        if exits && elapsed > 0 {
            let slot = Arc::make_mut(&mut self.slots[id as usize]);
            (slot.ending, slot.exits) = (true, true);
            agenda.push(departure, id, EventKind::Exit);
        } else if exits {
            self.exit(id);
        }
    }

    /// A process ends by itself.
    fn exit(&mut self, id: ProcessId) {
        self.exited.push((id, self.process(id).clone()));
        self.end(id, Status::Killed);
    }

    pub(super) fn carry(&mut self, id: ConnectionId, to_end: usize, what: Carried<P::Message>) {
        self.network.carry(self.agenda.now, id, to_end, what, &mut self.agenda);
    }

    pub(super) fn timer_is_live(&self, target: ProcessId, purpose: Purpose, sequence: u64) -> bool {
        purpose == BUSY || self.slots[target as usize].timers.is_live(purpose, sequence)
    }

    pub(super) fn put_back_timer(&mut self, target: ProcessId, purpose: Purpose, place: (Time, u64)) {
        Arc::make_mut(&mut self.slots[target as usize]).timers.put_back(target, purpose, place, &mut self.agenda);
    }
}

/// A process closes a connection: nothing more arrives from it, not even what waits.
fn forget_arrived<P: Process>(
    ready: &mut VecDeque<Arrived<P::Message>>,
    slot: &mut Slot<P>,
    id: ProcessId,
    connection: ConnectionId,
) {
    let is_of = |arrived: &Arrived<_>| arrived.event.target == id && arrived.event.connection() == Some(connection);
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
    let waits = |arrived: &Arrived<_>| arrived.event.target == id && arrived.event.connection() == Some(connection);
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
        EventKind::Told(what) => Input::Told(*what),
        EventKind::Connected(connection) => Input::Connected { connection: *connection, peer },
        EventKind::Disconnected(connection) | EventKind::GaveUp(connection) => {
            Input::Disconnected { connection: *connection, peer }
        }
        EventKind::Written(connection) => Input::Written { connection: *connection, peer },
        EventKind::Delivery(connection, message) => {
            Input::Received { connection: *connection, peer, message: Arc::clone(message) }
        }
        EventKind::Datagram(from, message) => Input::Datagram { from: *from, message: Arc::clone(message) },
        EventKind::Exit => unreachable!("the kernel ends a process, which has asked for it before"),
        EventKind::External(_) => unreachable!("an external event is the driver's, no process is handed one"),
    }
}
