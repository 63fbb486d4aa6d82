//! What reaches a machine: whether it concerns its process, and what the machine does by itself.

use std::sync::Arc;

use super::{Arrived, Kernel, Status};
use crate::sim::network::{CONNECT_LIMIT_US, ConnectionId, Passage, RETRANSMISSION_LIMIT_US, Waiting};
use crate::sim::process::{Process, ProcessId};
use crate::sim::queue::{Event, EventKind};

impl<P: Process> Kernel<P> {
    /// `None` for what no longer concerns its target. What a machine does by itself, its process running or not, is
    /// done here: it refuses connections and answers for those it does not know.
    pub(super) fn arrive(&mut self, event: Event<P::Message>) -> Option<Arrived<P::Message>> {
        let target = event.target;
        let arrives = match event.kind {
            EventKind::Boot | EventKind::External(_) => true,
            EventKind::Timer(_) | EventKind::Terminate | EventKind::Datagram(..) => self.is_up(target),
            EventKind::Connected(id) => self.connected(id, target),
            EventKind::Disconnected(id) => self.disconnected(id, target),
            EventKind::GaveUp(id) => self.gives_up(id, target) && self.disconnected(id, target),
            EventKind::Delivery(id, ref message) => self.delivered(id, target, message),
        };
        let peer = connection_of(&event).filter(|_| arrives).and_then(|id| self.peer(id, target));
        arrives.then_some(Arrived { event, peer: peer.unwrap_or(ProcessId::MAX) })
    }

    fn connected(&mut self, id: ConnectionId, target: ProcessId) -> bool {
        let Some(connection) = self.network.connections.get_mut(&id) else { return false };
        let end = connection.end_of(target);
        if end == 0 {
            return connection.ends[0].open && !connection.ends[0].told;
        }
        let slot = &self.slots[target as usize];
        match slot.status {
            Status::Running | Status::Paused if slot.process.listens() => {
                // The process that was asked may have died since, and this is its next life.
                (connection.ends[1].open, connection.ends[1].told) = (true, false);
                self.carry(id, 0, Waiting::Open);
                true
            }
            // The machine itself refuses.
            Status::Running | Status::Paused | Status::Killed => {
                self.carry(id, 0, Waiting::Close);
                false
            }
            // Nobody answers: the asker goes on asking.
            Status::PoweredOff => {
                self.wait_for_power(id, 1, Waiting::Open);
                false
            }
        }
    }

    /// Drops what this side sent where it still waits, and has for as long as the side goes on trying.
    fn gives_up(&mut self, id: ConnectionId, target: ProcessId) -> bool {
        let Some(connection) = self.network.connections.get(&id) else { return false };
        let end = connection.end_of(target);
        let other = &connection.ends[1 - end];
        let limit = match other.waiting.front() {
            Some(Waiting::Open) => CONNECT_LIMIT_US,
            Some(_) => RETRANSMISSION_LIMIT_US,
            None => return false,
        };
        if other.held.is_some() || other.waiting_since + limit > self.agenda.time {
            return false;
        }
        let is_cut = self.network.passage(target, other.process) == Passage::Cut;
        let hears_nothing = is_cut || self.status(other.process) == Status::PoweredOff;
        if hears_nothing && let Some(connection) = self.network.connections.get_mut(&id) {
            connection.ends[1 - end].waiting.clear();
        }
        hears_nothing
    }

    fn disconnected(&mut self, id: ConnectionId, target: ProcessId) -> bool {
        let Some(connection) = self.network.connections.get_mut(&id) else { return false };
        let end = connection.end_of(target);
        let tells = connection.ends[end].open;
        connection.ends[end].open = false;
        connection.ends[end].told = true;
        if connection.is_over() {
            self.over = Some(id);
        }
        tells
    }

    fn delivered(&mut self, id: ConnectionId, target: ProcessId, message: &Arc<P::Message>) -> bool {
        let Some(connection) = self.network.connections.get(&id) else { return false };
        let end = connection.end_of(target);
        if connection.ends[end].open {
            return true;
        }
        if connection.ends[1 - end].told {
            self.over = connection.is_over().then_some(id).or(self.over);
            return false;
        }
        if self.slots[target as usize].status == Status::PoweredOff {
            self.wait_for_power(id, end, Waiting::Message(Arc::clone(message)));
        } else {
            // A reset: the machine does not know this connection (any more).
            self.carry(id, 1 - end, Waiting::Close);
        }
        false
    }

    /// A machine without power says nothing, so what reaches it is sent again, until it has power or the sender gives up.
    fn wait_for_power(&mut self, id: ConnectionId, end: usize, what: Waiting<P::Message>) {
        let Some(connection) = self.network.connections.get_mut(&id) else { return };
        connection.ends[end].waiting.push_back(what);
        if connection.ends[end].waiting.len() == 1 {
            self.network.begin_to_give_up(self.agenda.time, id, end, &mut self.agenda);
        }
    }
}

/// The connection that an event belongs to.
pub(super) fn connection_of<M>(event: &Event<M>) -> Option<ConnectionId> {
    match event.kind {
        EventKind::Connected(id) | EventKind::Disconnected(id) | EventKind::GaveUp(id) | EventKind::Delivery(id, _) => {
            Some(id)
        }
        EventKind::Boot
        | EventKind::Timer(_)
        | EventKind::Terminate
        | EventKind::Datagram(..)
        | EventKind::External(_) => None,
    }
}
