//! What reaches a machine: whether it concerns its process, and what the machine does by itself.

use std::sync::Arc;

use super::state::{Arrived, Kernel, Reception, Status};
use crate::sim::connection::{CONNECT_LIMIT_US, Carried, RETRANSMISSION_LIMIT_US, Sent};
use crate::sim::ids::{ConnectionId, ProcessId};
use crate::sim::link::Passage;
use crate::sim::process::Process;
use crate::sim::queue::{Event, EventKind};

impl<P: Process> Kernel<P> {
    /// `None` for what no longer concerns its target. What a machine does by itself, its process running or not, is
    /// done here: it refuses connections and answers for those it does not know. That is caused by what it does it for.
    pub(super) fn arrive(&mut self, event: Event<P::Message>) -> Option<Arrived<P::Message>> {
        let target = event.target;
        let (peer, is_read) = if let EventKind::Datagram(from, _) = event.kind {
            (from, self.is_up(target))
        } else {
            event.connection().map_or((ProcessId::MAX, false), |id| self.other_end(id, target))
        };
        let mut arrived = Arrived { event, peer, reception: Reception::Taken };
        let kind = &arrived.event.kind;
        if let EventKind::Delivery(..) | EventKind::Datagram(..) = kind {
            if !is_read {
                arrived.reception = Reception::Dropped;
                self.count(&arrived);
                self.turn_away(&arrived.event);
            } else if self.is_cut_off(&arrived.event, peer) {
                self.wait_for_rest(arrived.event);
                return None;
            }
            return Some(arrived);
        }
        self.agenda.causes = arrived.event.causes;
        let concerns = match *kind {
            EventKind::Boot | EventKind::External(_) => true,
            EventKind::Timer(_) | EventKind::Terminate | EventKind::Told(_) | EventKind::Exit => self.is_up(target),
            EventKind::Connected(id) => self.connected(id, target, &arrived.event),
            EventKind::Disconnected(id) => self.disconnected(id, target),
            EventKind::Written(id) => self.written(id, target),
            EventKind::GaveUp(id) => self.gives_up(id, target) && self.disconnected(id, target),
            EventKind::Delivery(..) | EventKind::Datagram(..) => unreachable!("messages are told above"),
        };
        self.agenda.causes = self.agenda.present();
        concerns.then_some(arrived)
    }

    /// Who holds the other end of a connection, and whether this end reads.
    fn other_end(&self, id: ConnectionId, target: ProcessId) -> (ProcessId, bool) {
        self.network.connections.get(id).map_or((ProcessId::MAX, false), |connection| {
            let end = connection.end_of(target);
            (connection.ends[1 - end].process, connection.ends[end].open)
        })
    }

    fn connected(&mut self, id: ConnectionId, target: ProcessId, event: &Event<P::Message>) -> bool {
        // Both sides are gone, and nobody knows it any more.
        let Some(connection) = self.network.connections.get_mut(id) else { return false };
        let end = connection.end_of(target);
        if end == 0 {
            let concerns = connection.ends[0].open && !connection.ends[0].told;
            if connection.is_over() {
                self.over = Some(id);
            }
            return concerns;
        }
        let slot = &self.slots[target as usize];
        match slot.status {
            Status::Running | Status::Paused if slot.process.listens() => {
                // The process that was asked may have died since, and this is its next life.
                (connection.ends[1].open, connection.ends[1].told) = (true, false);
                if let Some(buffer) = &mut connection.buffer {
                    buffer.accepted(slot.process.receive_buffer_bytes());
                }
                self.carry(id, 0, Carried::Open);
                true
            }
            // The machine itself refuses.
            Status::Running | Status::Paused | Status::Killed => {
                self.carry(id, 0, Carried::Close);
                false
            }
            // Nobody answers: the asker goes on asking.
            Status::PoweredOff => {
                self.wait_for_power(id, 1, Carried::Open, event);
                false
            }
        }
    }

    /// Drops what this side sent where it still waits, and has for as long as the side goes on trying.
    fn gives_up(&mut self, id: ConnectionId, target: ProcessId) -> bool {
        // It ended in another way meanwhile.
        let Some(connection) = self.network.connections.get(id) else { return false };
        let end = connection.end_of(target);
        let other = &connection.ends[1 - end];
        let limit = match other.waiting.front().map(|sent| &sent.what) {
            Some(Carried::Open) => CONNECT_LIMIT_US,
            Some(Carried::Message(_) | Carried::Close) => RETRANSMISSION_LIMIT_US,
            // Nothing waits that could be given up.
            None => return false,
        };
        if other.held.is_some() || other.waiting_since + limit > self.agenda.now {
            return false;
        }
        let is_cut = self.network.links.passage(target, other.process) == Passage::Cut;
        let hears_nothing = is_cut || self.status(other.process) == Status::PoweredOff;
        if hears_nothing && let Some(connection) = self.network.connections.get_mut(id) {
            connection.ends[1 - end].waiting.clear();
        }
        hears_nothing
    }

    fn disconnected(&mut self, id: ConnectionId, target: ProcessId) -> bool {
        // Both sides are gone, and nobody knows it any more.
        let Some(connection) = self.network.connections.get_mut(id) else { return false };
        let end = connection.end_of(target);
        let tells = connection.ends[end].open;
        connection.ends[end].open = false;
        connection.ends[end].told = true;
        if connection.is_over() {
            self.over = Some(id);
        }
        tells
    }

    /// A message that nobody takes: what the machine answers.
    fn turn_away(&mut self, event: &Event<P::Message>) {
        // A raw message is not answered, and neither is one whose sender is gone, too.
        let EventKind::Delivery(id, message) = &event.kind else { return };
        let Some(connection) = self.network.connections.get(*id) else { return };
        let end = connection.end_of(event.target);
        if connection.ends[1 - end].told {
            self.over = connection.is_over().then_some(*id).or(self.over);
        } else if self.status(event.target) == Status::PoweredOff {
            self.wait_for_power(*id, end, Carried::Message(Arc::clone(message)), event);
        } else {
            // A reset: the machine does not know this connection (any more).
            self.carry(*id, 1 - end, Carried::Close);
        }
    }

    /// A machine without power says nothing, so what reaches it is sent again, until it has power or the sender gives up.
    fn wait_for_power(&mut self, id: ConnectionId, end: usize, what: Carried<P::Message>, event: &Event<P::Message>) {
        let Self { network, agenda, .. } = self;
        let connection = network.connections.get_mut(id).expect("a connection that something arrived on");
        let sent = Sent { what, ordinal: event.ordinal, causes: event.causes, departure: event.sent, hold: None };
        connection.ends[end].waiting.push_back(sent);
        if connection.ends[end].waiting.len() == 1 {
            connection.begin_to_give_up(agenda.now, id, end, agenda);
        }
    }
}
