//! Interventions from outside: processes that stop and come back, links that are cut and heal.

use std::hash::Hash;
use std::sync::Arc;

use super::state::{Kernel, Status};
use crate::sim::connection::{Carried, Sent};
use crate::sim::fates::Fate;
use crate::sim::fault::Fault;
use crate::sim::ids::{ConnectionId, MessageName, ProcessId};
use crate::sim::link::Passage;
use crate::sim::network::Network;
use crate::sim::process::{Message, Process};
use crate::sim::queue::{Event, EventKind};

impl<P: Process> Kernel<P> {
    /// Applies an intervention now, as part of the event that happened last.
    pub fn apply(&mut self, fault: Fault) {
        fault.hash(&mut self.hash);
        self.touched.also(fault.processes());
        self.carry_out(fault);
        self.hash.fold_hash(self.network.drawn());
        self.hash.fold_hash(self.disk_faults.drawn());
    }

    /// Decides what happens to a message, sent or to come, in place of what would be drawn: [`Fault::Fate`] in short.
    pub fn set_fate(&mut self, name: MessageName, fate: Fate) {
        self.apply(Fault::Fate(name, fate));
    }

    fn carry_out(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(id) => self.stop(id, Status::Killed),
            Fault::Terminate(id) => {
                // A process that is gone hears nothing.
                if self.is_up(id) {
                    self.slot(id).ending = true;
                    self.agenda.push(self.agenda.now, id, EventKind::Terminate);
                }
            }
            Fault::Tell(id, what) => {
                // As above.
                if self.is_up(id) {
                    self.agenda.push(self.agenda.now, id, EventKind::Told(what));
                }
            }
            Fault::LosePower(id) => self.lose_power(id),
            Fault::Restart(id) => self.restart(id),
            Fault::Pause(id) => {
                if self.status(id) == Status::Running {
                    self.slot(id).status = Status::Paused;
                }
            }
            Fault::Resume(id) => self.resume(id),
            Fault::Cut(from, to) => self.cut(from, to),
            Fault::Clog(from, to) => _ = self.network.links.set_passage(from, to, Passage::Clogged),
            Fault::Heal(from, to) => self.heal(from, to),
            Fault::SetLink(from, to, settings) => self.network.links.set_link(from, to, settings),
            Fault::Skew(id, skew_us) => {
                let slot = self.slot(id);
                slot.clock = slot.clock.with_skew(skew_us);
            }
            Fault::Drift(id, drift_ppm) => self.set_drift(id, drift_ppm),
            Fault::SlowDisk(id, slowdown_us) => self.slot(id).disk.set_slowdown_us(slowdown_us),
            Fault::LimitDisk(id, bytes) => self.slot(id).disk.set_capacity(bytes),
            Fault::FillDisk(id) => {
                let disk = &mut self.slot(id).disk;
                disk.set_capacity(disk.used());
            }
            Fault::FlipBits { of, path, byte, mask } => drop(self.slot(of).disk.flip_bit(&path, byte, mask)),
            Fault::RemoveFile(id, path) => drop(self.slot(id).disk.remove(&path)),
            Fault::Message(name, fault) => self.meddle(name, fault),
            Fault::Fate(name, fate) => self.decide(name, fate),
            Fault::Next(next) => self.network.links.fates.expect(next),
            Fault::Release(name) => self.release_held(name),
        }
    }

    fn set_drift(&mut self, id: ProcessId, drift_ppm: i32) {
        let Self { slots, agenda, .. } = self;
        let slot = Arc::make_mut(&mut slots[id as usize]);
        let (before, after) = (slot.clock, slot.clock.with_drift(agenda.now, drift_ppm));
        slot.clock = after;
        slot.timers.retime(id, agenda, |at| after.virtual_time(before.monotonic(at)));
    }

    /// What is on its way meets the cut: raw messages are lost, what a connection carries waits as what is sent later does.
    fn cut(&mut self, from: ProcessId, to: ProcessId) {
        let before = self.network.links.set_passage(from, to, Passage::Cut);
        if before == Passage::Cut {
            return;
        }
        self.network.clogged.retain(|held| (held.name.from, held.name.to) != (from, to));
        let waited_before = self.waiting_ends(from, to);
        let Self { network, agenda, .. } = self;
        let travels = |event: &Event<P::Message>| event.target == to && sender(network, event) == Some(from);
        // The last first, each before what waits already.
        for event in agenda.queue.take_if(travels).into_iter().rev() {
            // A raw message is lost.
            let Some((id, sent)) = Sent::of(event) else { continue };
            let connection = network.connections.get_mut(id).expect("its sender is known");
            let end = connection.end_of(to);
            connection.ends[end].waiting.push_front(sent);
        }
        for (id, end) in self.waiting_ends(from, to) {
            if before == Passage::Clogged || !waited_before.contains(&(id, end)) {
                let Self { network, agenda, .. } = self;
                let connection = network.connections.get_mut(id).expect("an end that something waits for");
                connection.begin_to_give_up(agenda.now, id, end, agenda);
            }
        }
    }

    /// Sends on what waited for a link to heal.
    fn heal(&mut self, from: ProcessId, to: ProcessId) {
        self.network.links.set_passage(from, to, Passage::Open);
        self.release_waiting(from, to);
        self.release_clogged(from, to);
        self.settle(to, from);
    }

    fn release_waiting(&mut self, from: ProcessId, to: ProcessId) {
        for (id, end) in self.waiting_ends(from, to) {
            self.release_end(id, end);
        }
    }

    /// The ends at `to` for which something waits that is not held by hand.
    fn waiting_ends(&self, from: ProcessId, to: ProcessId) -> Vec<(ConnectionId, usize)> {
        let ends = self.network.connections.iter().filter_map(|(id, connection)| {
            let end = connection.ends.iter().position(|end| end.process == to)?;
            let between = connection.ends[1 - end].process == from;
            let waits = connection.ends[end].held.is_none() && !connection.ends[end].waiting.is_empty();
            (between && waits).then_some((id, end))
        });
        ends.collect()
    }

    /// What waited goes on: because it was sent, and because of what released it.
    pub(super) fn release_end(&mut self, id: ConnectionId, end: usize) {
        let Self { network, agenda, .. } = self;
        let Network { connections, links, .. } = network;
        let connection = connections.get_mut(id).expect("an end that something waits for");
        for mut sent in std::mem::take(&mut connection.ends[end].waiting) {
            sent.causes = agenda.join(sent.causes, agenda.events);
            sent.departure = sent.departure.max(agenda.now);
            if let Some(name) = sent.hold.take() {
                connection.ends[end].held.get_or_insert(name);
            }
            connection.carry(id, end, sent, links, agenda);
        }
    }

    /// The machine of a process that was killed before loses what was not flushed, too.
    fn lose_power(&mut self, id: ProcessId) {
        if self.status(id) == Status::PoweredOff {
            return;
        }
        self.stop(id, Status::PoweredOff);
        let now = self.agenda.now;
        let Self { slots, disk_faults, .. } = self;
        let slot = Arc::make_mut(&mut slots[id as usize]);
        slot.status = Status::PoweredOff;
        slot.disk.set_time(now);
        slot.disk.lose_power(|bound| disk_faults.below(bound));
    }

    /// A process ends without a word: what it has not sent yet, because its disk has not done what it waits for, is not sent.
    fn stop(&mut self, id: ProcessId, status: Status) {
        if !self.is_up(id) {
            return;
        }
        self.take_back_unsent(id);
        self.end(id, status);
    }

    /// A process is gone, whatever it had sent.
    pub(super) fn end(&mut self, id: ProcessId, status: Status) {
        let slot = self.slot(id);
        slot.status = status;
        slot.process = slot.process.reborn();
        slot.timers.clear();
        slot.inbox.clear();
        slot.busy.clear();
        self.ready.retain(|arrived| arrived.event.target != id);
        // It may not even have begun, or not have heard that it shall end.
        let is_of_this_life = |kind: &EventKind<_>| {
            matches!(kind, EventKind::Boot | EventKind::Terminate | EventKind::Told(_) | EventKind::Exit)
        };
        self.agenda.queue.take_if(|event| event.target == id && is_of_this_life(&event.kind));
        self.drop_connections(id, status);
        let slot = self.slot(id);
        (slot.ending, slot.exits) = (false, false);
        // Whoever starts it again waited for its end; without power nobody does.
        let restarts = std::mem::take(&mut slot.restarts);
        if restarts && status == Status::Killed {
            self.restart(id);
        }
    }

    fn take_back_unsent(&mut self, id: ProcessId) {
        let Self { network, agenda, .. } = self;
        let now = agenda.now;
        agenda.queue.take_if(|event| event.sent > now && sender(network, event) == Some(id));
        network.clogged.retain(|held| held.name.from != id || held.departure <= now);
        network.held.retain(|_, held| held.name.from != id || held.departure <= now);
        let ends: Vec<(ConnectionId, usize)> = network
            .connections
            .iter()
            .filter_map(|(connection, state)| Some((connection, state.ends.iter().position(|end| end.process == id)?)))
            .collect();
        for (connection, end) in ends {
            let is_unsent = |sent: &Sent<P::Message>| sent.departure > now;
            let known = network.connections.get(connection).expect("listed above");
            if known.ends[1 - end].waiting.iter().any(is_unsent) {
                let known = network.connections.get_mut(connection).expect("listed above");
                known.ends[1 - end].waiting.retain(|sent| !is_unsent(sent));
            }
        }
    }

    fn drop_connections(&mut self, id: ProcessId, status: Status) {
        let held: Vec<(ConnectionId, usize)> = self
            .network
            .connections
            .iter()
            .filter_map(|(connection, state)| Some((connection, state.ends.iter().position(|end| end.process == id)?)))
            .collect();
        for (connection, end) in held {
            self.cut_short(connection, id);
            let state = self.network.connections.get_mut(connection).expect("listed above");
            let was_open = std::mem::replace(&mut state.ends[end].open, false);
            state.ends[end].told = true;
            state.ends[end].held = None;
            let other_hears = state.ends[1 - end].open;
            if was_open && status == Status::Killed {
                self.carry(connection, 1 - end, Carried::Close);
            } else if !other_hears {
                // Both sides are gone without a word.
                state.ends.iter_mut().for_each(|end| end.waiting.clear());
                self.forget(connection);
            }
        }
    }

    /// A process that is ending begins again when it has ended; one that runs on is left alone.
    fn restart(&mut self, id: ProcessId) {
        if self.is_up(id) {
            let slot = self.slot(id);
            slot.restarts = slot.ending;
            return;
        }
        let slot = self.slot(id);
        slot.status = Status::Running;
        slot.incarnation += 1;
        self.agenda.push(self.agenda.now, id, EventKind::Boot);
        for from in 0..self.slots.len() as ProcessId {
            if self.network.links.passage(from, id) == Passage::Open {
                self.release_waiting(from, id);
            }
        }
    }
}

/// Who sent what an event is the arrival of; `None` where that is nobody, or nobody knows its connection any more.
fn sender<M: Message>(network: &Network<M>, event: &Event<M>) -> Option<ProcessId> {
    match event.kind {
        EventKind::Connected(id) | EventKind::Disconnected(id) | EventKind::Delivery(id, _) => {
            network.peer(id, event.target)
        }
        EventKind::Datagram(from, _) => Some(from),
        EventKind::Boot
        | EventKind::Timer(_)
        | EventKind::Terminate
        | EventKind::Told(_)
        | EventKind::Exit
        | EventKind::GaveUp(_)
        | EventKind::Written(_)
        | EventKind::External(_) => None,
    }
}
