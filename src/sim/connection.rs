//! Connections: what TCP makes of links.

use std::collections::VecDeque;
use std::sync::Arc;

use super::SECOND;
use super::Time;
use super::fates::Held;
use super::ids::{ConnectionId, MessageName, ProcessId};
use super::link::{Links, Passage};
use super::message::Message;
use super::queue::{Agenda, Causes, Event, EventKind};
use super::send_buffer::SendBuffer;

/// How long what meets a cut is sent again before the sender is told (Linux: tcp_retries2 = 15).
pub(super) const RETRANSMISSION_LIMIT_US: Time = 924 * SECOND;
/// How long a connection is asked for before the asker is told (Linux: tcp_syn_retries = 6).
pub(super) const CONNECT_LIMIT_US: Time = 127 * SECOND;

/// What a connection carries.
#[derive(Debug)]
pub(super) enum Carried<M> {
    Open,
    Message(Arc<M>),
    Close,
}

impl<M> Clone for Carried<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Open => Self::Open,
            Self::Message(message) => Self::Message(Arc::clone(message)),
            Self::Close => Self::Close,
        }
    }
}

impl<M: Message> Carried<M> {
    pub(super) fn kind(&self) -> u32 {
        match self {
            Self::Open => MessageName::OPEN,
            Self::Message(message) => message.kind(),
            Self::Close => MessageName::CLOSE,
        }
    }

    pub(super) fn size_bytes(&self) -> u32 {
        match self {
            Self::Message(message) => message.size_bytes(),
            Self::Open | Self::Close => 0,
        }
    }

    fn event_kind(self, id: ConnectionId) -> EventKind<M> {
        match self {
            Self::Open => EventKind::Connected(id),
            Self::Message(message) => EventKind::Delivery(id, message),
            Self::Close => EventKind::Disconnected(id),
        }
    }
}

/// Something that a connection carries, with its place among those of its kind on the link and why it was sent.
#[derive(Debug)]
pub(super) struct Sent<M> {
    pub(super) what: Carried<M>,
    pub(super) ordinal: u32,
    pub(super) causes: Causes,
    /// When it leaves its sender.
    pub(super) departure: Time,
    /// It waits already, and is to be held by this name when it goes on, and what waits behind it, too.
    pub(super) hold: Option<Held>,
}

impl<M> Clone for Sent<M> {
    fn clone(&self) -> Self {
        Self { what: self.what.clone(), ..*self }
    }
}

impl<M> Sent<M> {
    /// What was on its way on a connection, and waits from now on; `None` for what no connection carries.
    pub(super) fn of(event: Event<M>) -> Option<(ConnectionId, Self)> {
        let (id, what) = match event.kind {
            EventKind::Connected(id) => (id, Carried::Open),
            EventKind::Delivery(id, message) => (id, Carried::Message(message)),
            EventKind::Disconnected(id) => (id, Carried::Close),
            EventKind::Datagram(..)
            | EventKind::Boot
            | EventKind::Timer(_)
            | EventKind::Terminate
            | EventKind::Told(_)
            | EventKind::Exit
            | EventKind::GaveUp(_)
            | EventKind::Written(_)
            | EventKind::External(_) => return None,
        };
        let Event { ordinal, causes, sent: departure, .. } = event;
        Some((id, Self { what, ordinal, causes, departure, hold: None }))
    }
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct End<M> {
    pub(super) process: ProcessId,
    /// It may receive: it asked, or was asked, and neither closed nor died since.
    pub(super) open: bool,
    /// It has been told, or is about to be, that the connection is gone.
    pub(super) told: bool,
    /// Nothing arrives here before this: the order of the stream.
    pub(super) last_arrival: Time,
    /// What is on its way here and met a cut.
    pub(super) waiting: VecDeque<Sent<M>>,
    /// When the first of them met it.
    pub(super) waiting_since: Time,
    /// What is on its way here waits, cut or not: one message is held by hand by this name, and those behind it.
    pub(super) held: Option<Held>,
}

impl<M> End<M> {
    fn new(process: ProcessId, open: bool) -> Self {
        Self { process, open, told: false, last_arrival: 0, waiting: VecDeque::new(), waiting_since: 0, held: None }
    }
}

impl<M> Clone for End<M> {
    fn clone(&self) -> Self {
        Self { waiting: self.waiting.clone(), ..*self }
    }
}

/// A connection: the end that asked for it, then the one that was asked.
#[derive(Debug)]
pub(super) struct Connection<M> {
    pub(super) ends: [End<M>; 2],
    /// What the end that asked for it writes; `None` where nobody counts that.
    pub(super) buffer: Option<SendBuffer>,
}

impl<M> Clone for Connection<M> {
    fn clone(&self) -> Self {
        Self { ends: self.ends.clone(), buffer: self.buffer }
    }
}

impl<M> Connection<M> {
    pub(super) fn new(asker: ProcessId, asked: ProcessId, buffer: Option<u64>) -> Self {
        Self { ends: [End::new(asker, true), End::new(asked, false)], buffer: buffer.map(SendBuffer::new) }
    }

    /// The buffer of what is on its way to this end, if it is counted.
    pub(super) fn buffer_to(&mut self, to_end: usize) -> Option<&mut SendBuffer> {
        self.buffer.as_mut().filter(|_| to_end == 1)
    }

    /// The machine of the end that asked hears what became of what it wrote.
    pub(super) fn settle(&mut self, id: ConnectionId, links: &Links, agenda: &mut Agenda<M>) {
        let processes = [0, 1].map(|end| self.ends[end].process);
        if let Some(buffer) = &mut self.buffer {
            buffer.settle(id, processes, links, agenda);
        }
    }

    /// Which end `process` holds: 0 or 1.
    pub(super) fn end_of(&self, process: ProcessId) -> usize {
        let end = usize::from(self.ends[0].process != process);
        assert_eq!(self.ends[end].process, process, "a process knows its own connections only");
        end
    }

    /// Neither end can learn anything from it any more.
    pub(super) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| !end.open || end.told) && self.ends.iter().all(|end| end.waiting.is_empty())
    }

    /// The sender of what waits for this end goes on for as long as it is willing to.
    pub(super) fn begin_to_give_up(&mut self, since: Time, id: ConnectionId, to_end: usize, agenda: &mut Agenda<M>) {
        let from = self.ends[1 - to_end].process;
        let end = &mut self.ends[to_end];
        // Where nothing waits there is nothing to give up.
        let Some(first) = end.waiting.front() else { return };
        let limit = if matches!(first.what, Carried::Open) { CONNECT_LIMIT_US } else { RETRANSMISSION_LIMIT_US };
        end.waiting_since = since;
        agenda.push(since + limit, from, EventKind::GaveUp(id));
    }
}

impl<M: Message> Connection<M> {
    /// Puts something on its way to one end: behind what was sent before, or behind the cut.
    pub(super) fn carry(
        &mut self,
        id: ConnectionId,
        to_end: usize,
        sent: Sent<M>,
        links: &mut Links,
        agenda: &mut Agenda<M>,
    ) {
        let from = self.ends[1 - to_end].process;
        let end = &mut self.ends[to_end];
        let passage = links.passage(from, end.process);
        if end.held.is_some() || !end.waiting.is_empty() || passage != Passage::Open {
            let departure = sent.departure;
            end.waiting.push_back(sent);
            if end.waiting.len() == 1 && end.held.is_none() && passage == Passage::Cut {
                self.begin_to_give_up(departure, id, to_end, agenda);
            }
            return;
        }
        let Sent { what, ordinal, causes, departure, hold: _ } = sent;
        let name = MessageName { from, to: end.process, kind: what.kind(), ordinal };
        let arrival = links.arrival(departure, name, || what.size_bytes()).max(end.last_arrival);
        end.last_arrival = arrival;
        agenda.push_sent(departure, arrival, end.process, what.event_kind(id), ordinal, causes);
    }
}

/// The connections that somebody still knows, in the order of their ids: a new one is always the last.
#[derive(Debug)]
pub(super) struct Connections<M> {
    ids: Vec<ConnectionId>,
    states: Vec<Arc<Connection<M>>>,
}

impl<M> Clone for Connections<M> {
    fn clone(&self) -> Self {
        Self { ids: self.ids.clone(), states: self.states.clone() }
    }
}

impl<M> Default for Connections<M> {
    fn default() -> Self {
        Self { ids: Vec::new(), states: Vec::new() }
    }
}

impl<M> Connections<M> {
    /// Where a connection stands. Ids count up: as long as none before it is forgotten, the id itself tells.
    fn place_of(&self, id: ConnectionId) -> Option<usize> {
        let distance = usize::try_from(id.0.checked_sub(self.ids.first()?.0)?).ok()?;
        if self.ids.get(distance) == Some(&id) { Some(distance) } else { self.ids.binary_search(&id).ok() }
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection<M>> {
        self.place_of(id).map(|place| &*self.states[place])
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection<M>> {
        self.place_of(id).map(|place| Arc::make_mut(&mut self.states[place]))
    }

    pub(super) fn insert(&mut self, id: ConnectionId, connection: Connection<M>) {
        assert!(self.ids.last().is_none_or(|last| *last < id), "the ids of connections grow");
        self.ids.push(id);
        self.states.push(Arc::new(connection));
    }

    pub(super) fn remove(&mut self, id: ConnectionId) {
        if let Some(place) = self.place_of(id) {
            self.ids.remove(place);
            self.states.remove(place);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &Connection<M>)> {
        self.ids.iter().copied().zip(self.states.iter().map(|state| &**state))
    }
}
