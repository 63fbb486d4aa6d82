//! What becomes of each message, by its name.
//!
//! A fate is drawn from the seed and the message's name alone: no two messages share a stream, so what is done to one link leaves
//! the fates on all others as they were. What somebody decides for a message stands in a list under that name, where it can be
//! read and changed, before the message is sent and while it is on its way.

use std::sync::Arc;

use litemap::LiteMap;

use super::Time;
use super::hash::RunHash;
use super::ids::{MessageName, ProcessId};
use super::random::Named;
use super::sorted::SortedMap;

/// What is decided for a message in place of what would be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fate {
    /// So many microseconds on top of the link's latency, in place of jitter and losses that were drawn.
    pub delay_us: Option<Time>,
    /// It never arrives, and its connection goes on without it.
    pub is_lost: bool,
    /// It arrives twice.
    pub is_repeated: bool,
    /// It waits until what is held by this name is released, and on a connection all that is sent after it does, too.
    pub held_as: Option<Held>,
}

impl Fate {
    /// The same with one more thing that happens to the message.
    #[must_use]
    pub fn with(self, fault: MessageFault, name: Held) -> Self {
        match fault {
            MessageFault::Hold => Self { held_as: Some(name), ..self },
            MessageFault::Lose => Self { is_lost: true, ..self },
            MessageFault::Repeat => Self { is_repeated: true, ..self },
        }
    }
}

/// What is held, by what it was called then: what releases it calls it the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Held {
    /// This message.
    Message(MessageName),
    /// The next one of a kind.
    Next {
        /// Who sends it; anybody where this is `None`.
        from: Option<ProcessId>,
        /// Who is to receive it; anybody where this is `None`.
        to: Option<ProcessId>,
        /// As [`Message::kind`](super::process::Message::kind) says.
        kind: u32,
    },
}

/// What can happen to one message beside the fate that was drawn for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageFault {
    /// It waits until it is released, and on a connection all that is sent after it does, too.
    Hold,
    /// It never arrives, and its connection goes on without it.
    Lose,
    /// It arrives twice.
    Repeat,
}

/// A fault for a message that is not sent yet, whichever is the next of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NextMessage {
    /// Who sends it; anybody where this is `None`.
    pub from: Option<ProcessId>,
    /// Who is to receive it; anybody where this is `None`.
    pub to: Option<ProcessId>,
    /// As [`Message::kind`](super::process::Message::kind) says.
    pub kind: u32,
    /// What happens to it.
    pub fault: MessageFault,
}

impl NextMessage {
    /// What it is held by.
    #[must_use]
    pub fn name(&self) -> Held {
        Held::Next { from: self.from, to: self.to, kind: self.kind }
    }

    fn is_meant(&self, name: MessageName) -> bool {
        self.from.is_none_or(|id| id == name.from) && self.to.is_none_or(|id| id == name.to) && self.kind == name.kind
    }
}

/// How many messages of each kind a process has sent to each other, by [`key_of`].
type Sent = SortedMap<u64, u32>;

/// A receiver and a kind.
fn key_of(to: ProcessId, kind: u32) -> u64 {
    u64::from(to) << 32 | u64::from(kind)
}

/// The names and fates of all messages of a run.
#[derive(Clone, Debug)]
pub(super) struct Fates {
    seed: u64,
    /// Of each sender. Shared between copies until the sender sends.
    sent: Vec<Arc<Sent>>,
    decided: LiteMap<MessageName, Fate>,
    /// What waits for the next message of a kind, the oldest first.
    next: Vec<NextMessage>,
    drawn: RunHash,
}

impl Fates {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, sent: Vec::new(), decided: LiteMap::new(), next: Vec::new(), drawn: RunHash::default() }
    }

    /// Names what is sent now.
    pub(super) fn name(&mut self, from: ProcessId, to: ProcessId, kind: u32) -> MessageName {
        let row = from as usize;
        if row >= self.sent.len() {
            self.sent.resize_with(row + 1, Arc::default);
        }
        let count = Arc::make_mut(&mut self.sent[row]).get_or_insert_with(key_of(to, kind), || 0);
        assert!(*count < u32::MAX, "a link carries fewer messages of a kind than that");
        *count += 1;
        MessageName { from, to, kind, ordinal: *count }
    }

    /// What happens to a message that is sent now: what was decided for it, and what waited for the next one like it, which from
    /// now on is decided for this one.
    pub(super) fn on_sending(&mut self, name: MessageName) -> Fate {
        if let Some(place) = self.next.iter().position(|next| next.is_meant(name)) {
            let next = self.next.remove(place);
            self.decide(name, self.decided(name).with(next.fault, next.name()));
        }
        self.decided(name)
    }

    /// What is decided for a message; nothing, for most.
    pub(super) fn decided(&self, name: MessageName) -> Fate {
        if self.decided.is_empty() { Fate::default() } else { self.decided.get(&name).copied().unwrap_or_default() }
    }

    /// Decides for a message; with the usual fate what was decided is taken back.
    pub(super) fn decide(&mut self, name: MessageName, fate: Fate) {
        if fate == Fate::default() {
            self.decided.remove(&name);
        } else {
            self.decided.insert(name, fate);
        }
    }

    /// All that is decided, in the order of names.
    pub(super) fn list(&self) -> impl Iterator<Item = (MessageName, Fate)> {
        self.decided.iter().map(|(name, fate)| (*name, *fate))
    }

    /// What happens to the next message of a kind.
    pub(super) fn expect(&mut self, next: NextMessage) {
        self.next.push(next);
    }

    /// What waits for the next message of a kind and has met none, the oldest first.
    pub(super) fn expected(&self) -> &[NextMessage] {
        &self.next
    }

    /// Whether a message with this name has been sent.
    pub(super) fn has_sent(&self, name: MessageName) -> bool {
        let count = self.sent.get(name.from as usize).and_then(|sent| sent.get(&key_of(name.to, name.kind)));
        count.is_some_and(|count| *count >= name.ordinal)
    }

    /// What is not held yet by this name will not be. What shall be lost or repeated is not held.
    pub(super) fn release(&mut self, name: Held) {
        self.next.retain(|next| next.name() != name || next.fault != MessageFault::Hold);
        if let Held::Message(message) = name
            && !self.has_sent(message)
            && self.decided(message).held_as == Some(name)
        {
            self.decide(message, Fate { held_as: None, ..self.decided(message) });
        }
    }

    /// The draws of a message, from their beginning.
    pub(super) fn draws(&mut self, name: MessageName) -> Named<'_> {
        let MessageName { from, to, kind, ordinal } = name;
        let words = [u64::from(from) << 32 | u64::from(to), u64::from(kind) << 32 | u64::from(ordinal)];
        Named::new(self.seed, words, &mut self.drawn)
    }

    /// A hash over all that was drawn.
    pub(super) fn drawn(&self) -> RunHash {
        self.drawn
    }
}
