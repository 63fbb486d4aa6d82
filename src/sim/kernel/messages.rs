//! What happens to single messages from outside: held and released, lost, delivered twice.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Kernel;
use crate::sim::Time;
use crate::sim::fault::MessageFault;
use crate::sim::network::{ConnectionId, HeldDatagram, Passage, Waiting};
use crate::sim::process::{Process, ProcessId};
use crate::sim::queue::{Event, EventKind};

impl<P: Process> Kernel<P> {
    /// Whether a message with this sequence number is on its way.
    #[must_use]
    pub fn is_on_its_way(&self, sequence: u64) -> bool {
        self.in_flight().iter().any(|event| event.sequence == sequence)
    }

    /// Puts a message on its way on a connection, or does what waited for it.
    pub(super) fn send(&mut self, departure: Time, id: ConnectionId, to_end: usize, message: Arc<P::Message>) {
        if !self.network.faults.is_empty()
            && let Some(connection) = self.network.connections.get(&id)
        {
            let (from, to) = (connection.ends[1 - to_end].process, connection.ends[to_end].process);
            match self.network.take_fault(from, to, &message) {
                Some((MessageFault::Lose, _)) => return,
                Some((MessageFault::Repeat, _)) => {
                    self.carry_from(departure, id, to_end, Waiting::Message(Arc::clone(&message)));
                }
                Some((MessageFault::Hold, number)) => self.hold_end(id, to_end, number, VecDeque::new()),
                None => {}
            }
        }
        self.carry_from(departure, id, to_end, Waiting::Message(message));
    }

    /// Puts a raw message on its way, or does what waited for it.
    pub(super) fn send_datagram(&mut self, departure: Time, from: ProcessId, to: ProcessId, message: Arc<P::Message>) {
        match self.network.take_fault(from, to, &message) {
            Some((MessageFault::Lose, _)) => return,
            Some((MessageFault::Repeat, _)) => self.carry_datagram(departure, from, to, Arc::clone(&message)),
            Some((MessageFault::Hold, number)) => {
                self.network.held.insert(number, HeldDatagram { from, to, message, left: None });
                return;
            }
            None => {}
        }
        self.carry_datagram(departure, from, to, message);
    }

    fn carry_datagram(&mut self, departure: Time, from: ProcessId, to: ProcessId, message: Arc<P::Message>) {
        if self.network.passage(from, to) == Passage::Clogged {
            return self.network.clogged.push(HeldDatagram { from, to, message, left: None });
        }
        let size = crate::sim::process::Message::size_bytes(&*message);
        for arrival in self.network.datagram_arrivals(departure, from, to, size).into_iter().flatten() {
            self.push(arrival, to, EventKind::Datagram(from, Arc::clone(&message)));
        }
    }

    pub(super) fn release_clogged(&mut self, from: ProcessId, to: ProcessId) {
        let waiting = std::mem::take(&mut self.network.clogged);
        for held in waiting {
            if (held.from, held.to) == (from, to) {
                self.carry_datagram(self.time, from, to, held.message);
            } else {
                self.network.clogged.push(held);
            }
        }
    }

    /// Does something to a message that is on its way; nothing where there is no such message.
    pub(super) fn meddle(&mut self, sequence: u64, fault: MessageFault) {
        let is_meant = |event: &Event<P::Message>| {
            event.sequence == sequence && matches!(event.kind, EventKind::Delivery(..) | EventKind::Datagram(..))
        };
        let Some(event) = self.queue.iter().find(|event| is_meant(event)).cloned() else { return };
        match fault {
            MessageFault::Hold => self.hold(event),
            MessageFault::Lose => _ = self.queue.take_if(is_meant),
            MessageFault::Repeat => self.push(event.time, event.target, event.kind),
        }
    }

    fn hold(&mut self, event: Event<P::Message>) {
        let number = event.sequence;
        match event.kind {
            EventKind::Delivery(id, _) => {
                let held = self.take_stream(id, event.target, event.sequence);
                if let Some(connection) = self.network.connections.get(&id) {
                    self.hold_end(id, connection.end_of(event.target), number, held);
                }
            }
            EventKind::Datagram(from, message) => {
                self.queue.take_if(|other| other.sequence == number);
                let left = Some(event.time.saturating_sub(self.time));
                self.network.held.insert(number, HeldDatagram { from, to: event.target, message, left });
            }
            _ => {}
        }
    }

    /// Takes off its way what a connection carries to `target`, from the message with this sequence number on.
    fn take_stream(&mut self, id: ConnectionId, target: ProcessId, from: u64) -> VecDeque<Waiting<P::Message>> {
        let is_behind = |event: &Event<P::Message>| {
            let is_of_stream =
                matches!(event.kind, EventKind::Delivery(of, _) | EventKind::Disconnected(of) if of == id);
            is_of_stream && event.target == target && event.sequence >= from
        };
        let taken = self.queue.take_if(is_behind).into_iter();
        taken
            .map(|event| match event.kind {
                EventKind::Delivery(_, message) => Waiting::Message(message),
                _ => Waiting::Close,
            })
            .collect()
    }

    /// From now on what is on its way to this end waits, `first` before what waits already.
    fn hold_end(&mut self, id: ConnectionId, end: usize, number: u64, mut first: VecDeque<Waiting<P::Message>>) {
        let Some(connection) = self.network.connections.get_mut(&id) else { return };
        let end = &mut connection.ends[end];
        end.held.get_or_insert(number);
        first.append(&mut end.waiting);
        end.waiting = first;
    }

    pub(super) fn release_held(&mut self, number: u64) {
        self.network.faults.retain(|next| next.number != number);
        if let Some(HeldDatagram { from, to, message, left }) = self.network.held.remove(&number) {
            match left {
                Some(left) => self.push(self.time + left, to, EventKind::Datagram(from, message)),
                None => self.carry_datagram(self.time, from, to, message),
            }
        }
        let held = self.network.connections.iter().filter_map(|(id, connection)| {
            Some((*id, connection.ends.iter().position(|end| end.held == Some(number))?))
        });
        for (id, end) in held.collect::<Vec<_>>() {
            if let Some(connection) = self.network.connections.get_mut(&id) {
                connection.ends[end].held = None;
            }
            self.release_end(id, end);
        }
    }
}
