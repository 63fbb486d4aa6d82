//! What a machine keeps of a connection's bytes: those that it has sent and not heard of stay in its send buffer, those that its
//! process has not read in its receive buffer. A message of which the last byte does not fit is written when room is made.
//!
//! The sizes are Linux's, whose kernel takes more than it is asked for (socket(7)). Measured on Linux 6.18 over Ethernet frames,
//! asked for 131,072 and 102,400 bytes: to a machine without power 261,390 to 280,096 bytes can be written; to one whose process
//! reads nothing 157,718 to 191,086 more.

use super::ids::{ConnectionId, MessageName};
use super::link::{Links, Passage};
use super::process::ProcessId;
use super::queue::{Agenda, EventKind};

/// The most that a process can ask for (Linux: net.core.wmem_max, net.core.rmem_max).
const ASKED_MAX: u64 = 212_992;
/// The least that a send buffer holds (Linux: SOCK_MIN_SNDBUF).
const SEND_MIN: u64 = 4_608;
/// The least that a receive buffer holds (Linux: SOCK_MIN_RCVBUF).
const RECEIVE_MIN: u64 = 2_304;
/// What a send buffer holds that nobody asked for; it grows with a connection that is busy, which is not simulated.
const SEND_DEFAULT: u64 = 69_120;
/// What a receive buffer holds that nobody asked for (Linux: tcp_rmem).
const RECEIVE_DEFAULT: u64 = 131_072;

/// How many bytes a send buffer holds that was asked to hold so many (SO_SNDBUF), or that nobody asked for.
#[must_use]
pub fn send_buffer_bytes(asked: Option<u64>) -> u64 {
    asked.map_or(SEND_DEFAULT, |asked| (2 * asked.min(ASKED_MAX)).max(SEND_MIN))
}

/// How many bytes a receive buffer holds that was asked to hold so many (SO_RCVBUF), or that nobody asked for.
#[must_use]
pub fn receive_buffer_bytes(asked: Option<u64>) -> u64 {
    asked.map_or(RECEIVE_DEFAULT, |asked| (asked.min(ASKED_MAX) * 3 / 2).max(RECEIVE_MIN))
}

/// The bytes of one direction of a connection, counted from its beginning as TCP does.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendBuffer {
    /// So many bytes may be sent and not acknowledged.
    limit: u64,
    /// So many bytes may have arrived and not been read.
    receive_limit: u64,
    sent: u64,
    arrived: u64,
    read: u64,
    /// Those of which the sender's machine has heard that the other one has them.
    acknowledged: u64,
    /// Kind and ordinal of the last message, if it is not written in full.
    partial: Option<(u32, u32)>,
    /// What makes room for the rest of it is on its way.
    is_waking: bool,
    /// The network has doubled one of the messages on their way: its copy takes room of which the process that writes knows nothing.
    is_doubled: bool,
}

impl SendBuffer {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            receive_limit: 0,
            sent: 0,
            arrived: 0,
            read: 0,
            acknowledged: 0,
            partial: None,
            is_waking: false,
            is_doubled: false,
        }
    }

    /// Whether all that was sent is written, and so many bytes more would be.
    pub(super) fn takes(&self, more: u64) -> bool {
        self.partial.is_none() && (more == 0 || self.fits(more))
    }

    fn fits(&self, more: u64) -> bool {
        self.sent + more - self.acknowledged <= self.limit
    }

    /// The other side has accepted: it keeps so many bytes that its process has not read.
    pub(super) fn accepted(&mut self, receive_limit: u64) {
        self.receive_limit = receive_limit;
    }

    /// A message is written, or the beginning of it. Where a copy took the room that the one before was promised, that one is
    /// taken to be written: only the last of them waits.
    pub(super) fn write(&mut self, name: MessageName, size: u64) {
        let is_behind_partial = self.partial.is_some() && !self.is_doubled;
        assert!(!is_behind_partial, "nothing is written behind a message that is not written in full");
        self.sent += size;
        self.partial = (!self.fits(0)).then_some((name.kind, name.ordinal));
    }

    /// A message was doubled on its way.
    pub(super) fn double(&mut self, size: u64) {
        self.sent += size;
        self.is_doubled = true;
    }

    /// A message is taken off its way: the connection goes on without it.
    pub(super) fn lose(&mut self, size: u64) {
        self.sent -= size;
    }

    pub(super) fn arrive(&mut self, size: u64) {
        self.arrived += size;
    }

    pub(super) fn read(&mut self, size: u64) {
        self.read += size;
    }

    /// Whether the message of this kind and ordinal is not written in full.
    pub(super) fn is_partial(&self, name: (u32, u32)) -> bool {
        self.partial == Some(name)
    }

    /// Whether a message is not written in full.
    pub(super) fn has_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// The rest of a message will not be written any more: which message it is.
    pub(super) fn cut_short(&mut self) -> Option<(u32, u32)> {
        self.partial.take()
    }

    /// The machine `from`, whose buffer this is, hears of what the machine `to` has, if anything comes through from there. If that
    /// makes room for the rest of a message, its process is told.
    pub(super) fn settle<M>(
        &mut self,
        id: ConnectionId,
        [from, to]: [ProcessId; 2],
        links: &Links,
        agenda: &mut Agenda<M>,
    ) {
        if links.passage(to, from) != Passage::Open {
            return;
        }
        self.acknowledged = self.arrived.min(self.read.saturating_add(self.receive_limit));
        self.is_doubled &= self.acknowledged < self.sent;
        if self.partial.is_some() && self.fits(0) && !self.is_waking {
            self.is_waking = true;
            agenda.push(agenda.now + links.latency(to, from), from, EventKind::Written(id));
        }
    }

    /// What makes room has arrived, or would have: whether the process is to write the rest.
    pub(super) fn wake(&mut self, passage: Passage) -> bool {
        self.is_waking = passage == Passage::Open && self.fits(0) && self.partial.is_some();
        self.is_waking
    }

    /// The process writes the rest.
    pub(super) fn write_rest(&mut self) {
        (self.partial, self.is_waking) = (None, false);
    }

    /// Bytes that are on their way, and that wait to be read.
    #[cfg(all(test, not(target_family = "wasm")))]
    pub(super) fn counts(&self) -> [u64; 2] {
        [self.sent - self.arrived, self.arrived - self.read]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(ordinal: u32) -> MessageName {
        MessageName { from: 1, to: 2, kind: 0, ordinal }
    }

    #[test]
    fn the_copy_of_a_message_takes_back_no_word_that_was_given_for_the_event() {
        let mut buffer = SendBuffer::new(100);
        buffer.write(name(1), 60);
        buffer.double(60);
        assert!(buffer.takes(0) && !buffer.takes(1), "the message is written, and there is no room for another");
        // The process sends three in one event: it was told that 60, 90 and 95 bytes fit.
        buffer.write(name(2), 30);
        buffer.write(name(3), 5);
        assert!(buffer.is_partial((0, 3)) && !buffer.is_partial((0, 2)));
    }

    #[test]
    #[should_panic(expected = "not written in full")]
    fn nothing_is_written_behind_a_message_that_has_no_room() {
        let mut buffer = SendBuffer::new(100);
        buffer.write(name(1), 160);
        buffer.write(name(2), 1);
    }
}
