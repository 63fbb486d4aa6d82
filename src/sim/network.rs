//! Messages between machines, raw or on connections.
//!
//! A link is one direction between two machines: latency and jitter, bandwidth, loss, duplication, reordering, cuts and
//! clogs.
//! Raw messages (datagrams) meet all of these. A connection is what TCP makes of it: in order, nothing lost or doubled
//! while it is open; a loss costs a retransmission delay; what meets a cut, sent before it or after, waits, and a side that waits
//! for longer than the retransmission limit is told that the connection is gone. Fates belong to messages: see
//! [`fates`](super::fates).

use std::sync::Arc;

use litemap::LiteMap;

use super::Time;
use super::connection::{Carried, Connection, Connections, Sent};
use super::fates::Held;
use super::hash::RunHash;
use super::ids::{MessageName, ProcessId};
use super::link::{Links, Passage};
use super::process::Message;
use super::queue::{Agenda, Causes, EventKind};

pub use super::ids::ConnectionId;
pub use super::link_settings::LinkSettings;

/// A raw message that waits.
#[derive(Debug)]
pub(super) struct HeldDatagram<M> {
    pub(super) name: MessageName,
    pub(super) message: Arc<M>,
    pub(super) causes: Causes,
    pub(super) departure: Time,
    /// What is left of its way, if it was on it.
    pub(super) left: Option<Time>,
}

impl<M> Clone for HeldDatagram<M> {
    fn clone(&self) -> Self {
        Self { message: Arc::clone(&self.message), ..*self }
    }
}

/// All links and connections.
#[derive(Debug)]
pub(super) struct Network<M> {
    pub(super) links: Links,
    pub(super) connections: Connections<M>,
    /// Raw messages that are held one by one, by name.
    pub(super) held: LiteMap<Held, HeldDatagram<M>>,
    /// Raw messages that wait for a link, in their order.
    pub(super) clogged: Vec<HeldDatagram<M>>,
}

impl<M> Clone for Network<M> {
    fn clone(&self) -> Self {
        Self {
            links: self.links.clone(),
            connections: self.connections.clone(),
            held: self.held.clone(),
            clogged: self.clogged.clone(),
        }
    }
}

impl<M: Message> Network<M> {
    pub(super) fn new(seed: u64, settings: LinkSettings) -> Self {
        Self {
            links: Links::new(seed, settings),
            connections: Connections::default(),
            held: LiteMap::new(),
            clogged: Vec::new(),
        }
    }

    /// What was drawn for messages so far.
    pub(super) fn drawn(&self) -> RunHash {
        self.links.fates.drawn()
    }

    /// The process at the other end, while either side knows the connection.
    pub(super) fn peer(&self, id: ConnectionId, process: ProcessId) -> Option<ProcessId> {
        let connection = self.connections.get(id)?;
        Some(connection.ends[1 - connection.end_of(process)].process)
    }

    /// Begins to open a connection.
    pub(super) fn connect(
        &mut self,
        departure: Time,
        id: ConnectionId,
        [asker, asked]: [ProcessId; 2],
        buffer: Option<u64>,
        agenda: &mut Agenda<M>,
    ) {
        self.connections.insert(id, Connection::new(asker, asked, buffer));
        self.carry(departure, id, 1, Carried::Open, agenda);
    }

    /// Sends a message from one side, unless that is closed or has been told that the connection is gone.
    pub(super) fn send(
        &mut self,
        departure: Time,
        id: ConnectionId,
        from: ProcessId,
        message: Arc<M>,
        agenda: &mut Agenda<M>,
    ) {
        // Nobody knows it any more: the process has been told that it is gone, and what it sends on it is dropped.
        let Some(connection) = self.connections.get_mut(id) else { return };
        let end = connection.end_of(from);
        if !connection.ends[end].open || connection.ends[end].told {
            return;
        }
        let name = self.links.fates.name(from, connection.ends[1 - end].process, message.kind());
        let fate = self.links.fates.on_sending(name);
        if let Some(buffer) = connection.buffer_to(1 - end) {
            let size = u64::from(message.size_bytes());
            buffer.write(name, size);
            if fate.is_repeated {
                buffer.double(size);
            }
            if fate.is_lost {
                buffer.lose(size);
                connection.settle(id, &self.links, agenda);
            }
        }
        if fate.is_lost {
            return;
        }
        let what = Carried::Message(message);
        let sent = Sent { what, ordinal: name.ordinal, causes: agenda.causes, departure, hold: None };
        if fate.is_repeated {
            connection.carry(id, 1 - end, sent.clone(), &mut self.links, agenda);
        }
        if let Some(name) = fate.held_as {
            connection.ends[1 - end].held.get_or_insert(name);
        }
        connection.carry(id, 1 - end, sent, &mut self.links, agenda);
    }

    /// There is room for the rest of what a process wrote, and it writes it.
    pub(super) fn write_rest(&mut self, id: ConnectionId) {
        // Both sides may be gone since that was told.
        if let Some(buffer) = self.connections.get_mut(id).and_then(|connection| connection.buffer.as_mut()) {
            buffer.write_rest();
        }
    }

    /// Closes a connection from one side: the other is told.
    pub(super) fn close(&mut self, departure: Time, id: ConnectionId, from: ProcessId, agenda: &mut Agenda<M>) {
        // Closing what is gone is nothing.
        let Some(connection) = self.connections.get_mut(id) else { return };
        let end = connection.end_of(from);
        if connection.ends[end].open {
            connection.ends[end].open = false;
            connection.ends[end].told = true;
            self.carry(departure, id, 1 - end, Carried::Close, agenda);
        }
    }

    /// Puts something new on its way to one end of a connection.
    pub(super) fn carry(
        &mut self,
        departure: Time,
        id: ConnectionId,
        to_end: usize,
        what: Carried<M>,
        agenda: &mut Agenda<M>,
    ) {
        let Self { connections, links, .. } = self;
        let connection = connections.get_mut(id).expect("a connection that something is put on");
        let [from, to] = [1 - to_end, to_end].map(|end| connection.ends[end].process);
        let ordinal = links.fates.name(from, to, what.kind()).ordinal;
        let sent = Sent { what, ordinal, causes: agenda.causes, departure, hold: None };
        connection.carry(id, to_end, sent, links, agenda);
    }

    /// Sends a raw message, or does what waited for it.
    pub(super) fn send_datagram(
        &mut self,
        departure: Time,
        from: ProcessId,
        to: ProcessId,
        message: Arc<M>,
        agenda: &mut Agenda<M>,
    ) {
        let name = self.links.fates.name(from, to, message.kind());
        let fate = self.links.fates.on_sending(name);
        if fate.is_lost {
            return;
        }
        let sent = HeldDatagram { name, message, causes: agenda.causes, departure, left: None };
        if fate.is_repeated {
            self.carry_datagram(sent.clone(), agenda);
        }
        match fate.held_as {
            Some(name) => _ = self.held.insert(name, sent),
            None => self.carry_datagram(sent, agenda),
        }
    }

    /// Puts a raw message on its way, or behind a clog.
    pub(super) fn carry_datagram(&mut self, sent: HeldDatagram<M>, agenda: &mut Agenda<M>) {
        let HeldDatagram { name, ref message, causes, departure, .. } = sent;
        if self.links.passage(name.from, name.to) == Passage::Clogged {
            return self.clogged.push(sent);
        }
        let arrivals = self.links.datagram_arrivals(departure, name, || message.size_bytes());
        for arrival in arrivals.into_iter().flatten() {
            let kind = EventKind::Datagram(name.from, Arc::clone(message));
            agenda.push_sent(departure, arrival, name.to, kind, name.ordinal, causes);
        }
    }
}
