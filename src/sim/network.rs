//! Links between machines, and connections over them.
//!
//! A link is one direction between two machines: latency and jitter, bandwidth, loss, duplication, reordering, cuts and
//! clogs.
//! Raw messages (datagrams) meet all of these. A connection is what TCP makes of it: in order, nothing lost or doubled
//! while it is open; a loss costs a retransmission delay; what meets a cut waits, and a side that waits for longer than
//! the retransmission limit is told that the connection is gone. Fates are drawn when a message is sent.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use super::fault::{MessageFault, NextMessage};
use super::process::{Message, ProcessId};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    pub(super) fn get(&self, id: &ConnectionId) -> Option<&Connection<M>> {
        self.ids.binary_search(id).ok().map(|index| &*self.states[index])
    }

    pub(super) fn get_mut(&mut self, id: &ConnectionId) -> Option<&mut Connection<M>> {
        self.ids.binary_search(id).ok().map(|index| Arc::make_mut(&mut self.states[index]))
    }

    pub(super) fn insert(&mut self, id: ConnectionId, connection: Connection<M>) {
        debug_assert!(self.ids.last().is_none_or(|last| *last < id), "ids grow");
        self.ids.push(id);
        self.states.push(Arc::new(connection));
    }

    pub(super) fn remove(&mut self, id: &ConnectionId) {
        if let Ok(index) = self.ids.binary_search(id) {
            self.ids.remove(index);
            self.states.remove(index);
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
    settings: LinkSettings,
    links: BTreeMap<(ProcessId, ProcessId), Link>,
    pub(super) connections: Connections<M>,
    /// Raw messages that are held one by one, by number.
    pub(super) held: BTreeMap<u64, HeldDatagram<M>>,
    /// Raw messages that wait for a link, in their order.
    pub(super) clogged: Vec<HeldDatagram<M>>,
    /// Faults for messages to come.
    pub(super) faults: Vec<NextMessage>,
    random: Random,
}

impl<M> Clone for Network<M> {
    fn clone(&self) -> Self {
        Self {
            settings: self.settings,
            links: self.links.clone(),
            connections: self.connections.clone(),
            held: self.held.clone(),
            clogged: self.clogged.clone(),
            faults: self.faults.clone(),
            random: self.random.clone(),
        }
    }
}

impl<M> Network<M> {
    pub(super) fn new(seed: u64, settings: LinkSettings) -> Self {
        Self {
            settings,
            links: BTreeMap::new(),
            connections: Connections::default(),
            held: BTreeMap::new(),
            clogged: Vec::new(),
            faults: Vec::new(),
            random: Random::stream(seed, "network", 0),
        }
    }

    pub(super) fn set_link(&mut self, from: ProcessId, to: ProcessId, settings: LinkSettings) {
        self.links.entry((from, to)).or_default().settings = Some(settings);
    }

    /// Returns how it was before.
    pub(super) fn set_passage(&mut self, from: ProcessId, to: ProcessId, passage: Passage) -> Passage {
        std::mem::replace(&mut self.links.entry((from, to)).or_default().passage, passage)
    }

    pub(super) fn passage(&self, from: ProcessId, to: ProcessId) -> Passage {
        if self.links.is_empty() {
            return Passage::Open;
        }
        self.links.get(&(from, to)).map_or(Passage::Open, |link| link.passage)
    }

    pub(super) fn closed(&self) -> impl Iterator<Item = (ProcessId, ProcessId)> {
        self.links.iter().filter(|(_, link)| link.passage != Passage::Open).map(|(pair, _)| *pair)
    }

    fn settings_of(&self, from: ProcessId, to: ProcessId) -> LinkSettings {
        if self.links.is_empty() {
            return self.settings;
        }
        self.links.get(&(from, to)).and_then(|link| link.settings).unwrap_or(self.settings)
    }

    /// When something of `size` bytes that a connection sends now arrives, losses repaired.
    pub(super) fn arrival(&mut self, now: Time, from: ProcessId, to: ProcessId, size: u32) -> Time {
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
    pub(super) fn datagram_arrivals(
        &mut self,
        now: Time,
        from: ProcessId,
        to: ProcessId,
        size: u32,
    ) -> [Option<Time>; 2] {
        if self.passage(from, to) == Passage::Cut {
            return [None, None];
        }
        let settings = self.settings_of(from, to);
        let lost = self.random.chance(settings.loss_ppm);
        let doubled = self.random.chance(settings.duplicate_ppm);
        let copy = |network: &mut Self| {
            let on_time = network.flight(now, from, to, size, settings);
            let back = network.random.chance(settings.reorder_ppm);
            // Held back by up to four latencies: enough for those behind it to pass.
            on_time + if back { network.random.between(1, 4 * settings.latency_us.max(1)) } else { 0 }
        };
        let first = (!lost).then(|| copy(self));
        let second = doubled.then(|| copy(self));
        [first, second]
    }

    /// The fault that waited for a message like this, if one did; it waits no more.
    pub(super) fn take_fault(&mut self, from: ProcessId, to: ProcessId, message: &M) -> Option<(MessageFault, u64)>
    where
        M: Message,
    {
        let is_meant = |next: &NextMessage| {
            next.from.is_none_or(|id| id == from) && next.to.is_none_or(|id| id == to) && next.kind == message.kind()
        };
        let index = self.faults.iter().position(is_meant)?;
        let next = self.faults.remove(index);
        Some((next.fault, next.number))
    }

    fn flight(&mut self, now: Time, from: ProcessId, to: ProcessId, size: u32, settings: LinkSettings) -> Time {
        let mut departed = now;
        if let Some(spent) = (u64::from(size) * SECOND).checked_div(settings.bandwidth_bytes_per_s) {
            let link = self.links.entry((from, to)).or_default();
            departed = link.free_at.max(now).saturating_add(spent);
            link.free_at = departed;
        }
        let jitter = if settings.jitter_us == 0 { 0 } else { self.random.between(0, settings.jitter_us) };
        departed + settings.latency_us + jitter
    }
}
