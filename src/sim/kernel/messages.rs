//! What happens to single messages from outside: held and released, lost, delivered twice.

use std::collections::VecDeque;

use super::state::Kernel;
use crate::sim::connection::{Carried, Sent};
use crate::sim::fates::{Fate, Held, MessageFault, NextMessage};
use crate::sim::ids::{ConnectionId, MessageName, ProcessId};
use crate::sim::network::{HeldDatagram, Network};
use crate::sim::process::{Message, Process};
use crate::sim::queue::{Event, EventKind};
use crate::sim::send_buffer::SendBuffer;

impl<P: Process> Kernel<P> {
    /// Whether the message with this name is on its way, or waits behind a cut or a hold.
    #[must_use]
    pub fn is_under_way(&self, name: MessageName) -> bool {
        let Network { clogged, held, .. } = &self.network;
        let waits_raw = || clogged.iter().chain(held.iter().map(|(_, held)| held)).any(|waiting| waiting.name == name);
        self.in_flight().iter().any(|event| self.name_of(event) == Some(name))
            || self.place_among_waiting(name).is_some()
            || waits_raw()
    }

    /// Whether the message with this name has been sent, whatever became of it.
    #[must_use]
    pub fn has_sent(&self, name: MessageName) -> bool {
        self.network.links.fates.has_sent(name)
    }

    /// Faults that wait for the next message of a kind and have met none, the oldest first.
    #[must_use]
    pub fn expected(&self) -> &[NextMessage] {
        self.network.links.fates.expected()
    }

    pub(super) fn release_clogged(&mut self, from: ProcessId, to: ProcessId) {
        for held in std::mem::take(&mut self.network.clogged) {
            if (held.name.from, held.name.to) == (from, to) {
                self.send_on(held);
            } else {
                self.network.clogged.push(held);
            }
        }
    }

    /// A raw message that waited goes on: because it was sent, and because of what released it.
    fn send_on(&mut self, held: HeldDatagram<P::Message>) {
        let Self { network, agenda, .. } = self;
        let causes = agenda.join(held.causes, agenda.events);
        let departure = held.departure.max(agenda.now);
        network.carry_datagram(HeldDatagram { causes, departure, ..held }, agenda);
    }

    /// Decides one thing more for a message.
    pub(super) fn meddle(&mut self, name: MessageName, fault: MessageFault) {
        let fate = self.network.links.fates.decided(name).with(fault, Held::Message(name));
        self.decide(name, fate);
    }

    /// Decides for a message by its name. One that is on its way, or waits, meets what is new in its fate at once; the delay of
    /// what is on its way stays.
    pub(super) fn decide(&mut self, name: MessageName, fate: Fate) {
        self.touched.also([name.from, name.to]);
        let before = self.network.links.fates.decided(name);
        self.network.links.fates.decide(name, fate);
        let is_named = |kernel: &Self, event: &Event<P::Message>| {
            event.target == name.to && event.ordinal == name.ordinal && kernel.name_of(event) == Some(name)
        };
        // What is not on its way may wait at a connection, or is still to be sent.
        let Some(event) = self.message_on_its_way(is_named) else {
            return self.decide_for_waiting(name, before, fate);
        };
        if fate.is_repeated && !before.is_repeated {
            let Event { time, target, ordinal, causes, .. } = event;
            self.recount(&event, SendBuffer::double);
            self.agenda.push_sent(event.sent, time, target, event.kind.clone(), ordinal, causes);
        }
        if fate.is_lost {
            self.agenda.queue.take_if(|other| other.sequence == event.sequence);
            self.recount(&event, SendBuffer::lose);
        } else if let Some(name) = fate.held_as
            && before.held_as != fate.held_as
        {
            self.hold(event, name);
        }
    }

    /// What neither is on its way nor waits has arrived, or is still to be sent and will meet its fate then.
    fn decide_for_waiting(&mut self, name: MessageName, before: Fate, fate: Fate) {
        match self.place_among_waiting(name) {
            Some(place) => self.decide_in_stream(place, before, fate),
            None => self.decide_for_raw(name, before, fate),
        }
    }

    /// The connection, the end and the place there of a message that waits on its way to that end.
    fn place_among_waiting(&self, name: MessageName) -> Option<(ConnectionId, usize, usize)> {
        let is_named = |sent: &Sent<P::Message>| {
            matches!(sent.what, Carried::Message(_)) && (sent.what.kind(), sent.ordinal) == (name.kind, name.ordinal)
        };
        self.network.connections.iter().find_map(|(id, connection)| {
            let to_end = connection.ends.iter().position(|end| end.process == name.to)?;
            let is_between = connection.ends[1 - to_end].process == name.from;
            let place = connection.ends[to_end].waiting.iter().position(is_named)?;
            is_between.then_some((id, to_end, place))
        })
    }

    /// Decides for what waits on its way to an end of a connection, by its place there.
    fn decide_in_stream(&mut self, (id, to_end, place): (ConnectionId, usize, usize), before: Fate, fate: Fate) {
        let connection = self.network.connections.get_mut(id).expect("a connection on which something waits");
        let size = u64::from(connection.ends[to_end].waiting[place].what.size_bytes());
        if fate.is_lost {
            connection.ends[to_end].waiting.remove(place);
            if let Some(buffer) = connection.buffer_to(to_end) {
                buffer.lose(size);
                connection.settle(id, &self.network.links, &mut self.agenda);
            }
            if connection.is_over() {
                self.forget(id);
            }
            return;
        }
        if fate.is_repeated
            && !before.is_repeated
            && let Some(buffer) = connection.buffer_to(to_end)
        {
            buffer.double(size);
        }
        let waiting = &mut connection.ends[to_end].waiting;
        let copy = (fate.is_repeated && !before.is_repeated).then(|| Sent { hold: None, ..waiting[place].clone() });
        if fate.held_as != before.held_as {
            waiting[place].hold = fate.held_as;
        }
        if let Some(copy) = copy {
            waiting.insert(place, copy);
        }
    }

    /// Decides for a raw message that waits for its link, or is held.
    fn decide_for_raw(&mut self, name: MessageName, before: Fate, fate: Fate) {
        let Network { clogged, held, .. } = &mut self.network;
        let is_new = fate.held_as != before.held_as;
        if let Some(place) = clogged.iter().position(|waiting| waiting.name == name) {
            let waiting = clogged.remove(place);
            if fate.is_lost {
                return;
            }
            if fate.is_repeated && !before.is_repeated {
                clogged.insert(place, waiting.clone());
            }
            match fate.held_as.filter(|_| is_new) {
                Some(name) => _ = held.insert(name, waiting),
                None => clogged.insert(place, waiting),
            }
        } else if let Some(held_as) = held.iter().find(|(_, waiting)| waiting.name == name).map(|(held_as, _)| *held_as)
        {
            let waiting = held.remove(&held_as).expect("found above");
            if fate.is_lost {
                return;
            }
            held.insert(fate.held_as.filter(|_| is_new).unwrap_or(held_as), waiting.clone());
            if fate.is_repeated && !before.is_repeated {
                self.send_on(waiting);
            }
        }
    }

    fn message_on_its_way(&self, is_meant: impl Fn(&Self, &Event<P::Message>) -> bool) -> Option<Event<P::Message>> {
        let is_message =
            |event: &Event<P::Message>| matches!(event.kind, EventKind::Delivery(..) | EventKind::Datagram(..));
        self.agenda.queue.iter().find(|event| is_message(event) && is_meant(self, event)).cloned()
    }

    fn hold(&mut self, event: Event<P::Message>, held_as: Held) {
        let Event { time, sequence, causes, target, ordinal, kind, sent } = event;
        match kind {
            EventKind::Delivery(id, _) => {
                let held = self.take_stream(id, target, sequence);
                self.hold_end(id, target, held_as, held);
            }
            EventKind::Datagram(from, message) => {
                self.agenda.queue.take_if(|other| other.sequence == sequence);
                let name = MessageName { from, to: target, kind: message.kind(), ordinal };
                let left = Some(time.saturating_sub(self.agenda.now));
                self.network.held.insert(held_as, HeldDatagram { name, message, causes, departure: sent, left });
            }
            EventKind::Boot
            | EventKind::Timer(_)
            | EventKind::Terminate
            | EventKind::Told(_)
            | EventKind::Exit
            | EventKind::Connected(_)
            | EventKind::Disconnected(_)
            | EventKind::GaveUp(_)
            | EventKind::Written(_)
            | EventKind::External(_) => unreachable!("only a message is held"),
        }
    }

    /// Takes off its way what a connection carries to `target`, from the message with this sequence number on.
    fn take_stream(&mut self, id: ConnectionId, target: ProcessId, from: u64) -> VecDeque<Sent<P::Message>> {
        let is_behind = |event: &Event<P::Message>| {
            let is_of_stream =
                matches!(event.kind, EventKind::Delivery(of, _) | EventKind::Disconnected(of) if of == id);
            is_of_stream && event.target == target && event.sequence >= from
        };
        let taken = self.agenda.queue.take_if(is_behind).into_iter();
        taken.filter_map(Sent::of).map(|(_, sent)| sent).collect()
    }

    /// From now on what is on its way to this end waits, `first` before what waits already.
    fn hold_end(&mut self, id: ConnectionId, target: ProcessId, name: Held, mut first: VecDeque<Sent<P::Message>>) {
        let connection = self.network.connections.get_mut(id).expect("the connection of a message that has a name");
        let end = connection.end_of(target);
        let end = &mut connection.ends[end];
        end.held.get_or_insert(name);
        first.append(&mut end.waiting);
        end.waiting = first;
    }

    /// What waits and would be held by this name when it goes on, is not.
    fn hold_no_more(&mut self, name: Held) {
        let would_be = |sent: &Sent<P::Message>| sent.hold == Some(name);
        let ends = self.network.connections.iter().flat_map(|(id, connection)| {
            let waits = |end: &usize| connection.ends[*end].waiting.iter().any(would_be);
            [0, 1].into_iter().filter(waits).map(move |end| (id, end))
        });
        for (id, end) in ends.collect::<Vec<_>>() {
            let connection = self.network.connections.get_mut(id).expect("listed above");
            connection.ends[end].waiting.iter_mut().filter(|sent| would_be(sent)).for_each(|sent| sent.hold = None);
        }
    }

    /// What is held by this name goes on, and what would have been held is not.
    pub(super) fn release_held(&mut self, name: Held) {
        self.network.links.fates.release(name);
        if let Some(held) = self.network.held.remove(&name) {
            let name = held.name;
            self.touched.also([name.from, name.to]);
            match held.left {
                Some(left) => {
                    let Self { agenda, .. } = self;
                    let causes = agenda.join(held.causes, agenda.events);
                    let kind = EventKind::Datagram(name.from, held.message);
                    agenda.push_sent(agenda.now, agenda.now + left, name.to, kind, name.ordinal, causes);
                }
                None => self.send_on(held),
            }
        }
        let held =
            self.network.connections.iter().filter_map(|(id, connection)| {
                Some((id, connection.ends.iter().position(|end| end.held == Some(name))?))
            });
        let held: Vec<_> = held.collect();
        self.hold_no_more(name);
        for (id, end) in held {
            let connection = self.network.connections.get_mut(id).expect("listed above");
            connection.ends[end].held = None;
            let processes = [0, 1].map(|end| connection.ends[end].process);
            self.touched.also(processes);
            self.release_end(id, end);
        }
    }
}
