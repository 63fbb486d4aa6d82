//! What is written to connections: who counts it, who hears of it, and what becomes of a message that is not written in full.

use std::sync::Arc;

use super::state::Kernel;
use crate::sim::connection::{Carried, Connection, Sent};
use crate::sim::ids::{ConnectionId, ProcessId};
use crate::sim::link::Passage;
use crate::sim::process::{Message, Process};
use crate::sim::queue::{Event, EventKind};
use crate::sim::send_buffer::SendBuffer;

impl<P: Process> Kernel<P> {
    /// A message has arrived, or is read: the sender's machine hears of it, where it counts.
    pub(super) fn keep_account(&mut self, event: &Event<P::Message>, arrives: bool, is_read: bool) {
        // Nothing else takes room in a buffer.
        let EventKind::Delivery(id, message) = &event.kind else { return };
        let is_counted =
            |connection: &Connection<_>| connection.buffer.is_some() && connection.end_of(event.target) == 1;
        if !self.network.connections.get(*id).is_some_and(is_counted) {
            return;
        }
        let Self { network, agenda, .. } = self;
        let connection = network.connections.get_mut(*id).expect("it was just looked at");
        let buffer = connection.buffer.as_mut().expect("it was just looked at");
        let size = message.size_bytes().into();
        if arrives {
            buffer.arrive(size);
        }
        if is_read {
            buffer.read(size);
        }
        connection.settle(*id, &network.links, agenda);
    }

    /// This process writes no more to a connection: a message that is not written in full is nowhere.
    pub(super) fn cut_short(&mut self, id: ConnectionId, process: ProcessId) {
        let Self { network, agenda, slots, ready, .. } = self;
        let has_partial = |connection: &Connection<_>| {
            let is_asker = connection.ends[0].process == process;
            is_asker && connection.buffer.is_some_and(|buffer| buffer.has_partial())
        };
        if !network.connections.get(id).is_some_and(has_partial) {
            return;
        }
        let connection = network.connections.get_mut(id).expect("it was just looked at");
        let name = connection.buffer.as_mut().and_then(SendBuffer::cut_short).expect("it was just looked at");
        let is_cut = |message: &P::Message, ordinal: u32| (message.kind(), ordinal) == name;
        let is_cut_off = |event: &Event<P::Message>| {
            // Only a message can be cut off.
            let EventKind::Delivery(on, message) = &event.kind else { return false };
            *on == id && is_cut(message, event.ordinal)
        };
        let to = &mut connection.ends[1];
        to.waiting.retain(|sent| !matches!(&sent.what, Carried::Message(message) if is_cut(message, sent.ordinal)));
        let to = to.process;
        agenda.queue.take_if(|event| event.target == to && is_cut_off(event));
        ready.retain(|arrived| arrived.event.target != to || !is_cut_off(&arrived.event));
        let slot = &mut slots[to as usize];
        if slot.inbox.iter().any(|arrived| is_cut_off(&arrived.event)) {
            Arc::make_mut(slot).inbox.retain(|arrived| !is_cut_off(&arrived.event));
        }
    }

    /// Whether it is the beginning of a message of which the rest is not written, and will not be while its sender hears nothing.
    pub(super) fn is_cut_off(&self, event: &Event<P::Message>, sender: ProcessId) -> bool {
        if self.network.links.passage(event.target, sender) == Passage::Open {
            return false;
        }
        let EventKind::Delivery(id, message) = &event.kind else { return false };
        let connection =
            self.network.connections.get(*id).filter(|connection| connection.ends[1].process == event.target);
        let buffer = connection.and_then(|connection| connection.buffer);
        buffer.is_some_and(|buffer| buffer.is_partial((message.kind(), event.ordinal)))
    }

    pub(super) fn wait_for_rest(&mut self, event: Event<P::Message>) {
        let (id, sent) = Sent::of(event).expect("a message on a connection");
        let connection = self.network.connections.get_mut(id).expect("a connection that something arrived on");
        connection.ends[1].waiting.push_front(sent);
    }

    /// The machine has heard that there is room for the rest of what its process sent, unless what told so met a cut.
    pub(super) fn written(&mut self, id: ConnectionId, target: ProcessId) -> bool {
        // Nobody knows it any more.
        let Some(connection) = self.network.connections.get_mut(id) else { return false };
        let [asker, asked] = &connection.ends;
        let passage = self.network.links.passage(asked.process, target);
        let hears = asker.open && !asker.told;
        connection.buffer.as_mut().is_some_and(|buffer| buffer.wake(passage)) && hears
    }

    /// What `from` wrote to `to` meanwhile is acknowledged now, and the rest of a message that had no room goes on.
    pub(super) fn settle(&mut self, from: ProcessId, to: ProcessId) {
        let is_between = |connection: &Connection<_>| {
            connection.buffer.is_some() && connection.ends.iter().map(|end| end.process).eq([from, to])
        };
        let between =
            self.network.connections.iter().filter(|(_, connection)| is_between(connection)).map(|(id, _)| id);
        for id in between.collect::<Vec<_>>() {
            let Self { network, agenda, .. } = self;
            let connection = network.connections.get_mut(id).expect("listed above");
            connection.settle(id, &network.links, agenda);
            let has_partial = connection.buffer.is_some_and(|buffer| buffer.has_partial());
            let goes_on = network.links.passage(from, to) == Passage::Open && connection.ends[1].held.is_none();
            if has_partial && goes_on {
                self.release_end(id, 1);
            }
        }
    }

    /// A message that is on its way on a connection is lost or doubled: its sender's buffer is told.
    pub(super) fn recount(&mut self, event: &Event<P::Message>, how: impl FnOnce(&mut SendBuffer, u64)) {
        // Nothing else takes room in a buffer.
        let EventKind::Delivery(id, message) = &event.kind else { return };
        let Self { network, agenda, .. } = self;
        let connection = network.connections.get_mut(*id).expect("the connection of a message that has a name");
        let end = connection.end_of(event.target);
        if let Some(buffer) = connection.buffer_to(end) {
            how(buffer, message.size_bytes().into());
            connection.settle(*id, &network.links, agenda);
        }
    }
}
