//! Interventions from outside: processes that stop and come back, links that are cut and heal.

use std::hash::Hash;
use std::sync::Arc;

use super::{Kernel, Status};
use crate::sim::fault::Fault;
use crate::sim::network::{ConnectionId, Passage, Waiting};
use crate::sim::process::{Process, ProcessId};
use crate::sim::queue::EventKind;

impl<P: Process> Kernel<P> {
    /// Applies an intervention now, as part of the event that happened last.
    pub fn apply(&mut self, fault: Fault) {
        fault.hash(&mut self.hash);
        self.carry_out(fault);
        self.hash.fold_hash(self.network.drawn());
        self.hash.fold_hash(self.disk_faults.drawn());
    }

    fn carry_out(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(id) => self.stop(id, Status::Killed),
            Fault::Terminate(id) => {
                // A process that is gone hears nothing.
                if self.is_up(id) {
                    self.agenda.push(self.agenda.time, id, EventKind::Terminate);
                }
            }
            Fault::LosePower(id) => self.lose_power(id),
            Fault::Restart(id) => self.restart(id),
            Fault::Pause(id) => {
                if self.status(id) == Status::Running {
                    self.slot(id).status = Status::Paused;
                }
            }
            Fault::Resume(id) => {
                if self.status(id) == Status::Paused {
                    self.slot(id).status = Status::Running;
                    self.wake(id);
                }
            }
            Fault::Cut(from, to) => self.cut(from, to),
            Fault::Clog(from, to) => _ = self.network.set_passage(from, to, Passage::Clogged),
            Fault::Heal(from, to) => self.heal(from, to),
            Fault::SetLink(from, to, settings) => self.network.set_link(from, to, settings),
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
            Fault::Message(sequence, fault) => self.meddle(sequence, fault),
            Fault::Next(next) => self.network.faults.push(next),
            Fault::Release(number) => self.release_held(number),
        }
    }

    fn set_drift(&mut self, id: ProcessId, drift_ppm: i32) {
        let Self { slots, agenda, .. } = self;
        let slot = Arc::make_mut(&mut slots[id as usize]);
        let (before, after) = (slot.clock, slot.clock.with_drift(agenda.time, drift_ppm));
        slot.clock = after;
        slot.timers.retime(id, agenda, |at| after.virtual_time(before.monotonic(at)));
    }

    fn cut(&mut self, from: ProcessId, to: ProcessId) {
        if self.network.set_passage(from, to, Passage::Cut) == Passage::Clogged {
            self.network.clogged.retain(|held| (held.from, held.to) != (from, to));
            for (id, end) in self.waiting_ends(from, to) {
                self.network.begin_to_give_up(self.agenda.time, id, end, &mut self.agenda);
            }
        }
    }

    /// Sends on what waited for a link to heal.
    fn heal(&mut self, from: ProcessId, to: ProcessId) {
        self.network.set_passage(from, to, Passage::Open);
        self.release_waiting(from, to);
        self.release_clogged(from, to);
    }

    fn release_waiting(&mut self, from: ProcessId, to: ProcessId) {
        for (id, end) in self.waiting_ends(from, to) {
            self.release_end(id, end);
        }
    }

    /// The ends at `to` for which something waits that is not held by hand.
    pub(super) fn waiting_ends(&self, from: ProcessId, to: ProcessId) -> Vec<(ConnectionId, usize)> {
        let ends = self.network.connections.iter().filter_map(|(id, connection)| {
            let end = connection.ends.iter().position(|end| end.process == to)?;
            let between = connection.ends[1 - end].process == from;
            let waits = connection.ends[end].held.is_none() && !connection.ends[end].waiting.is_empty();
            (between && waits).then_some((*id, end))
        });
        ends.collect()
    }

    pub(super) fn release_end(&mut self, id: ConnectionId, end: usize) {
        let Some(connection) = self.network.connections.get_mut(&id) else { return };
        let waiting = std::mem::take(&mut connection.ends[end].waiting);
        for what in waiting {
            self.carry(id, end, what);
        }
    }

    /// The machine of a process that was killed before loses what was not flushed, too.
    fn lose_power(&mut self, id: ProcessId) {
        if self.status(id) == Status::PoweredOff {
            return;
        }
        self.stop(id, Status::PoweredOff);
        let mut faults = self.disk_faults.clone();
        let slot = self.slot(id);
        slot.status = Status::PoweredOff;
        slot.disk.lose_power(|bound| faults.below(bound));
        self.disk_faults = faults;
    }

    pub(super) fn stop(&mut self, id: ProcessId, status: Status) {
        if !self.is_up(id) {
            return;
        }
        let slot = self.slot(id);
        slot.status = status;
        slot.process = slot.process.reborn();
        slot.timers.clear();
        slot.inbox.clear();
        slot.busy_until = 0;
        self.ready.retain(|arrived| arrived.event.target != id);
        // It may not even have begun, or not have heard that it shall end.
        let is_of_this_life = |kind: &EventKind<_>| matches!(kind, EventKind::Boot | EventKind::Terminate);
        self.agenda.queue.take_if(|event| event.target == id && is_of_this_life(&event.kind));
        self.drop_connections(id, status);
    }

    fn drop_connections(&mut self, id: ProcessId, status: Status) {
        let held: Vec<(ConnectionId, usize)> = self
            .network
            .connections
            .iter()
            .filter_map(|(connection, state)| Some((*connection, state.ends.iter().position(|end| end.process == id)?)))
            .collect();
        for (connection, end) in held {
            let Some(state) = self.network.connections.get_mut(&connection) else { continue };
            let was_open = std::mem::replace(&mut state.ends[end].open, false);
            state.ends[end].told = true;
            state.ends[end].held = None;
            if was_open && status == Status::Killed {
                self.carry(connection, 1 - end, Waiting::Close);
            }
        }
    }

    fn restart(&mut self, id: ProcessId) {
        if self.is_up(id) {
            return;
        }
        let slot = self.slot(id);
        slot.status = Status::Running;
        slot.incarnation += 1;
        self.agenda.push(self.agenda.time, id, EventKind::Boot);
        for from in 0..self.slots.len() as ProcessId {
            if self.network.passage(from, id) == Passage::Open {
                self.release_waiting(from, id);
            }
        }
    }
}
