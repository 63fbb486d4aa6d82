//! Links between machines, and connections over them.
//!
//! A link is one direction between two machines: latency and jitter, bandwidth, loss, duplication, reordering, cuts and
//! clogs.
//! Raw messages (datagrams) meet all of these. A connection is what TCP makes of it: in order, nothing lost or doubled
//! while it is open; a loss costs a retransmission delay; what meets a cut waits, and a side that waits for longer than
//! the retransmission limit is told that the connection is gone. Fates are drawn when a message is sent.

use std::collections::VecDeque;
use std::sync::Arc;

use litemap::LiteMap;

use super::fault::{MessageFault, NextMessage};
use super::hash::RunHash;
use super::process::{Message, ProcessId};
use super::queue::{Agenda, EventKind};
use super::random::Random;
use super::{MILLISECOND, SECOND, Time};

/// A connection, in the order in which they were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// The first retransmission timeout of a lost segment (Linux: TCP_RTO_MIN).
const RETRANSMISSION_US: Time = 200 * MILLISECOND;
/// Losses of one message that are counted before it gets through: the timeout doubles with each.
const RETRANSMISSIONS_MAX: u32 = 8;
/// How long what meets a cut is sent again before the sender is told (Linux: tcp_retries2 = 15).
pub(super) const RETRANSMISSION_LIMIT_US: Time = 924 * SECOND;
/// How long a connection is asked for before the asker is told (Linux: tcp_syn_retries = 6).
pub(super) const CONNECT_LIMIT_US: Time = 127 * SECOND;

/// One direction between two machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkSettings {
    /// Least delay of a message, in microseconds.
    pub latency_us: Time,
    /// Most that is added to it, drawn evenly, in microseconds.
    pub jitter_us: Time,
    /// Bytes a second; 0 for no limit.
    pub bandwidth_bytes_per_s: u64,
    /// Chance of a loss, in parts per million.
    pub loss_ppm: u32,
    /// Chance that a raw message arrives twice, in parts per million.
    pub duplicate_ppm: u32,
    /// Chance that a raw message is held back so that later ones overtake it, in parts per million.
    pub reorder_ppm: u32,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self { latency_us: 500, jitter_us: 0, bandwidth_bytes_per_s: 0, loss_ppm: 0, duplicate_ppm: 0, reorder_ppm: 0 }
    }
}

/// Whether anything passes over a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Passage {
    /// It does.
    #[default]
    Open,
    /// It waits.
    Clogged,
    /// It is lost; what a connection sends is sent again until the sender gives up.
    Cut,
}

/// What is particular about one link.
#[derive(Clone, Debug, Default)]
struct Link {
    settings: Option<LinkSettings>,
    passage: Passage,
    /// When the last bytes put on it will have left.
    free_at: Time,
}

/// What waits on a connection for a cut to heal.
#[derive(Debug)]
pub(super) enum Waiting<M> {
    Open,
    Message(Arc<M>),
    Close,
}

impl<M> Clone for Waiting<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Open => Self::Open,
            Self::Message(message) => Self::Message(Arc::clone(message)),
            Self::Close => Self::Close,
        }
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
    pub(super) waiting: VecDeque<Waiting<M>>,
    /// When the first of them met it.
    pub(super) waiting_since: Time,
    /// What is on its way here waits, cut or not: one message is held by hand under this number, and those behind it.
    pub(super) held: Option<u64>,
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
}

impl<M> Clone for Connection<M> {
    fn clone(&self) -> Self {
        Self { ends: self.ends.clone() }
    }
}

impl<M> Connection<M> {
    pub(super) fn new(asker: ProcessId, asked: ProcessId) -> Self {
        Self { ends: [End::new(asker, true), End::new(asked, false)] }
    }

    /// Which end `process` holds: 0 or 1.
    pub(super) fn end_of(&self, process: ProcessId) -> usize {
        usize::from(self.ends[0].process != process)
    }

    /// Neither end can learn anything from it any more.
    pub(super) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| !end.open || end.told) && self.ends.iter().all(|end| end.waiting.is_empty())
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
    fn place_of(&self, id: &ConnectionId) -> Option<usize> {
        let distance = usize::try_from(id.0.checked_sub(self.ids.first()?.0)?).ok()?;
        if self.ids.get(distance) == Some(id) { Some(distance) } else { self.ids.binary_search(id).ok() }
    }

    pub(super) fn get(&self, id: &ConnectionId) -> Option<&Connection<M>> {
        self.place_of(id).map(|place| &*self.states[place])
    }

    pub(super) fn get_mut(&mut self, id: &ConnectionId) -> Option<&mut Connection<M>> {
        self.place_of(id).map(|place| Arc::make_mut(&mut self.states[place]))
    }

    pub(super) fn insert(&mut self, id: ConnectionId, connection: Connection<M>) {
        debug_assert!(self.ids.last().is_none_or(|last| *last < id), "ids grow");
        self.ids.push(id);
        self.states.push(Arc::new(connection));
    }

    pub(super) fn remove(&mut self, id: &ConnectionId) {
        if let Some(place) = self.place_of(id) {
            self.ids.remove(place);
            self.states.remove(place);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&ConnectionId, &Connection<M>)> {
        self.ids.iter().zip(self.states.iter().map(|state| &**state))
    }
}

/// A raw message that waits.
#[derive(Debug)]
pub(super) struct HeldDatagram<M> {
    pub(super) from: ProcessId,
    pub(super) to: ProcessId,
    pub(super) message: Arc<M>,
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
    links: Links,
    pub(super) connections: Connections<M>,
    /// Raw messages that are held one by one, by number.
    pub(super) held: LiteMap<u64, HeldDatagram<M>>,
    /// Raw messages that wait for a link, in their order.
    pub(super) clogged: Vec<HeldDatagram<M>>,
    /// Faults for messages to come.
    pub(super) faults: Vec<NextMessage>,
}

impl<M> Clone for Network<M> {
    fn clone(&self) -> Self {
        Self {
            links: self.links.clone(),
            connections: self.connections.clone(),
            held: self.held.clone(),
            clogged: self.clogged.clone(),
            faults: self.faults.clone(),
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
            faults: Vec::new(),
        }
    }

    /// What was drawn for messages so far.
    pub(super) fn drawn(&self) -> RunHash {
        self.links.random.drawn()
    }

    pub(super) fn set_link(&mut self, from: ProcessId, to: ProcessId, settings: LinkSettings) {
        self.links.special.entry((from, to)).or_default().settings = Some(settings);
    }

    /// Returns how it was before.
    pub(super) fn set_passage(&mut self, from: ProcessId, to: ProcessId, passage: Passage) -> Passage {
        std::mem::replace(&mut self.links.special.entry((from, to)).or_default().passage, passage)
    }

    pub(super) fn passage(&self, from: ProcessId, to: ProcessId) -> Passage {
        self.links.passage(from, to)
    }

    /// Whether a direction is as all links are from the start.
    pub(super) fn is_whole(&self, from: ProcessId, to: ProcessId) -> bool {
        self.passage(from, to) == Passage::Open && self.links.settings_of(from, to) == self.links.settings
    }

    /// The directions in which nothing passes.
    pub(super) fn closed(&self) -> impl Iterator<Item = (ProcessId, ProcessId)> {
        self.links.special.iter().filter(|(_, link)| link.passage != Passage::Open).map(|(pair, _)| *pair)
    }

    /// The process at the other end, while either side knows the connection.
    pub(super) fn peer(&self, id: ConnectionId, process: ProcessId) -> Option<ProcessId> {
        let connection = self.connections.get(&id)?;
        Some(connection.ends[1 - connection.end_of(process)].process)
    }

    /// Begins to open a connection.
    pub(super) fn connect(
        &mut self,
        departure: Time,
        id: ConnectionId,
        [asker, asked]: [ProcessId; 2],
        agenda: &mut Agenda<M>,
    ) {
        self.connections.insert(id, Connection::new(asker, asked));
        self.carry(departure, id, 1, Waiting::Open, agenda);
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
        let Self { connections, links, faults, .. } = self;
        let Some(connection) = connections.get_mut(&id) else { return };
        let end = connection.end_of(from);
        if !connection.ends[end].open || connection.ends[end].told {
            return;
        }
        if !faults.is_empty() {
            match take_fault(faults, from, connection.ends[1 - end].process, &*message) {
                Some((MessageFault::Lose, _)) => return,
                Some((MessageFault::Repeat, _)) => {
                    connection.carry(departure, id, 1 - end, Waiting::Message(Arc::clone(&message)), links, agenda);
                }
                Some((MessageFault::Hold, number)) => _ = connection.ends[1 - end].held.get_or_insert(number),
                None => {}
            }
        }
        connection.carry(departure, id, 1 - end, Waiting::Message(message), links, agenda);
    }

    /// Closes a connection from one side: the other is told.
    pub(super) fn close(&mut self, departure: Time, id: ConnectionId, from: ProcessId, agenda: &mut Agenda<M>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let end = connection.end_of(from);
        if connection.ends[end].open {
            connection.ends[end].open = false;
            connection.ends[end].told = true;
            connection.carry(departure, id, 1 - end, Waiting::Close, &mut self.links, agenda);
        }
    }

    /// Puts something on its way to one end of a connection.
    pub(super) fn carry(
        &mut self,
        departure: Time,
        id: ConnectionId,
        to_end: usize,
        what: Waiting<M>,
        agenda: &mut Agenda<M>,
    ) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.carry(departure, id, to_end, what, &mut self.links, agenda);
        }
    }

    /// Sends a raw message, or does what waited for it.
    pub(super) fn send_datagram(
        &mut self,
        departure: Time,
        from: ProcessId,
        to: ProcessId,
        message: &Arc<M>,
        agenda: &mut Agenda<M>,
    ) {
        match take_fault(&mut self.faults, from, to, &**message) {
            Some((MessageFault::Lose, _)) => return,
            Some((MessageFault::Repeat, _)) => self.carry_datagram(departure, from, to, message, agenda),
            Some((MessageFault::Hold, number)) => {
                let message = Arc::clone(message);
                self.held.insert(number, HeldDatagram { from, to, message, left: None });
                return;
            }
            None => {}
        }
        self.carry_datagram(departure, from, to, message, agenda);
    }

    /// Puts a raw message on its way, or behind a clog.
    pub(super) fn carry_datagram(
        &mut self,
        departure: Time,
        from: ProcessId,
        to: ProcessId,
        message: &Arc<M>,
        agenda: &mut Agenda<M>,
    ) {
        if self.passage(from, to) == Passage::Clogged {
            let message = Arc::clone(message);
            return self.clogged.push(HeldDatagram { from, to, message, left: None });
        }
        let arrivals = self.links.datagram_arrivals(departure, from, to, message.size_bytes());
        for arrival in arrivals.into_iter().flatten() {
            agenda.push_sent(departure, arrival, to, EventKind::Datagram(from, Arc::clone(message)));
        }
    }

    /// The sender of what waits for this end goes on for as long as it is willing to.
    pub(super) fn begin_to_give_up(&mut self, since: Time, id: ConnectionId, to_end: usize, agenda: &mut Agenda<M>) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.begin_to_give_up(since, id, to_end, agenda);
        }
    }
}

/// The fault that waited for a message like this, if one did; it waits no more.
fn take_fault<M: Message>(
    faults: &mut Vec<NextMessage>,
    from: ProcessId,
    to: ProcessId,
    message: &M,
) -> Option<(MessageFault, u64)> {
    let is_meant = |next: &NextMessage| {
        next.from.is_none_or(|id| id == from) && next.to.is_none_or(|id| id == to) && next.kind == message.kind()
    };
    let index = faults.iter().position(is_meant)?;
    let next = faults.remove(index);
    Some((next.fault, next.number))
}

impl<M: Message> Connection<M> {
    /// Puts something on its way to one end: behind what was sent before, or behind the cut.
    fn carry(
        &mut self,
        departure: Time,
        id: ConnectionId,
        to_end: usize,
        what: Waiting<M>,
        links: &mut Links,
        agenda: &mut Agenda<M>,
    ) {
        let from = self.ends[1 - to_end].process;
        let end = &mut self.ends[to_end];
        let passage = links.passage(from, end.process);
        if end.held.is_some() || !end.waiting.is_empty() || passage != Passage::Open {
            end.waiting.push_back(what);
            if end.waiting.len() == 1 && end.held.is_none() && passage == Passage::Cut {
                self.begin_to_give_up(departure, id, to_end, agenda);
            }
            return;
        }
        let size = match &what {
            Waiting::Message(message) => message.size_bytes(),
            Waiting::Open | Waiting::Close => 0,
        };
        let arrival = links.arrival(departure, from, end.process, size).max(end.last_arrival);
        end.last_arrival = arrival;
        let kind = match what {
            Waiting::Open => EventKind::Connected(id),
            Waiting::Message(message) => EventKind::Delivery(id, message),
            Waiting::Close => EventKind::Disconnected(id),
        };
        agenda.push_sent(departure, arrival, end.process, kind);
    }
}

impl<M> Connection<M> {
    fn begin_to_give_up(&mut self, since: Time, id: ConnectionId, to_end: usize, agenda: &mut Agenda<M>) {
        let from = self.ends[1 - to_end].process;
        let end = &mut self.ends[to_end];
        let Some(first) = end.waiting.front() else { return };
        let limit = if matches!(first, Waiting::Open) { CONNECT_LIMIT_US } else { RETRANSMISSION_LIMIT_US };
        end.waiting_since = since;
        agenda.push(since + limit, from, EventKind::GaveUp(id));
    }
}

/// All links, and what becomes of what is sent over them.
#[derive(Clone, Debug)]
struct Links {
    settings: LinkSettings,
    /// Those of which there is anything particular to say.
    special: LiteMap<(ProcessId, ProcessId), Link>,
    random: Random,
}

impl Links {
    fn new(seed: u64, settings: LinkSettings) -> Self {
        Self { settings, special: LiteMap::new(), random: Random::stream(seed, "network", 0) }
    }

    fn passage(&self, from: ProcessId, to: ProcessId) -> Passage {
        if self.special.is_empty() {
            return Passage::Open;
        }
        self.special.get(&(from, to)).map_or(Passage::Open, |link| link.passage)
    }

    fn settings_of(&self, from: ProcessId, to: ProcessId) -> LinkSettings {
        if self.special.is_empty() {
            return self.settings;
        }
        self.special.get(&(from, to)).and_then(|link| link.settings).unwrap_or(self.settings)
    }

    /// When something of `size` bytes that a connection sends now arrives, losses repaired.
    fn arrival(&mut self, now: Time, from: ProcessId, to: ProcessId, size: u32) -> Time {
        let settings = self.settings_of(from, to);
        let mut arrival = self.flight(now, from, to, size, settings);
        let mut timeout = RETRANSMISSION_US;
        for _ in 0..RETRANSMISSIONS_MAX {
            if !self.random.chance(settings.loss_ppm) {
                break;
            }
            arrival += timeout;
            timeout *= 2;
        }
        arrival
    }

    /// When each copy of a raw message arrives: none, one or two.
    fn datagram_arrivals(&mut self, now: Time, from: ProcessId, to: ProcessId, size: u32) -> [Option<Time>; 2] {
        if self.passage(from, to) == Passage::Cut {
            return [None, None];
        }
        let settings = self.settings_of(from, to);
        let lost = self.random.chance(settings.loss_ppm);
        let doubled = self.random.chance(settings.duplicate_ppm);
        let copy = |links: &mut Self| {
            let on_time = links.flight(now, from, to, size, settings);
            let back = links.random.chance(settings.reorder_ppm);
            // Held back by up to four latencies: enough for those behind it to pass.
            on_time + if back { links.random.between(1, 4 * settings.latency_us.max(1)) } else { 0 }
        };
        let first = (!lost).then(|| copy(self));
        let second = doubled.then(|| copy(self));
        [first, second]
    }

    fn flight(&mut self, now: Time, from: ProcessId, to: ProcessId, size: u32, settings: LinkSettings) -> Time {
        let mut departed = now;
        if let Some(spent) = (u64::from(size) * SECOND).checked_div(settings.bandwidth_bytes_per_s) {
            let link = self.special.entry((from, to)).or_default();
            departed = link.free_at.max(now).saturating_add(spent);
            link.free_at = departed;
        }
        let jitter = if settings.jitter_us == 0 { 0 } else { self.random.between(0, settings.jitter_us) };
        departed + settings.latency_us + jitter
    }
}
